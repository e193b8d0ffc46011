/* SPDX-License-Identifier: Apache-2.0
 *
 * samples.c - --data and --labels: reading them, running the float model over them, judging by labels.
 */
#include "npy.h"
#include "quant.h"
#include "report.h"
#include <math.h>
#include <unistd.h>

enum { RANDOM_SAMPLES = 1000, LEAST_SAMPLES = 8, MOST_VALUES = 20000000 };

/* As many as fit into memory with all that is computed from them. */
static size_t random_samples(const Samples *s) {
  const size_t n = MOST_VALUES / (size_t)(s->n_in + s->n_out + 1);
  return n > RANDOM_SAMPLES ? RANDOM_SAMPLES : n < LEAST_SAMPLES ? LEAST_SAMPLES : n;
}

static uint64_t next_random(uint64_t *s) { /* splitmix64 */
  uint64_t z = *s += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

/* Twelve uniforms less six: mean 0, variance 1, within +-6, and the same on every machine. */
static double near_normal(uint64_t *s) {
  double v = -6;
  for (int i = 0; i < 12; i++)
    v += ldexp((double)(next_random(s) >> 11), -53);
  return v;
}

static void draw(const Graph *g, Samples *s) {
  uint64_t seed = 1;
  s->n = random_samples(s) * (g->n_states && g->steps > 1 ? (size_t)g->steps : 1);
  s->in = mem_array(s->n * (size_t)s->n_in + 1, sizeof *s->in);
  float *p = s->in;
  for (size_t at = 0; at < s->n; at++)
    for (int i = 0; i < graph_ins(g); i++)
      for (int64_t e = 0; e < tensor_count(g->in[i]); e++) {
        DataType t = g->in[i]->dtype;
        bool whole = t != DT_FLOAT && t != DT_DOUBLE && t != DT_FLOAT16 && t != DT_BFLOAT16;
        *p++ = whole ? (float)(next_random(&seed) % (t == DT_BOOL ? 2 : 16)) : (float)near_normal(&seed);
      }
  s->source = "random inputs, seed 1";
}

/* Samples in an array whose elements a sample are `each`; 0 after an error. A single sample may come without its sample axis. */
static size_t samples_in(const char *path, const NpyArray *a, int64_t each, const Graph *g) {
  int64_t total = 1, rest = 1;
  for (int i = 0; i < a->rank; i++) {
    total *= a->dim[i];
    if (i)
      rest *= a->dim[i];
  }
  if (g->n_states && graph_ins(g) == 1 && each > 0) { /* rows are windows; without windows, any number of steps */
    int64_t window = each * (g->steps > 1 ? g->steps : 1);
    if (rest % each == 0 && (g->steps == 0 || rest == window))
      return (size_t)(total / each);
    each = window;
  }
  if (a->rank >= 1 && rest == each)
    return (size_t)a->dim[0];
  if (total == each)
    return 1;
  if (a->rank >= 1 && each > 0 && rest > 0 && each % rest == 0 && each / rest == a->dim[0])
    return 1;
  diag_error(EXIT_FILES, NULL, "%s: a sample has %lld elements, the network takes %lld", diag_text(path), (long long)rest, (long long)each);
  return 0;
}

/* From one array that has all inputs side by side, or from an .npz by input name (or its only array). */
static bool load(const Graph *g, const char *path, Samples *s) {
  const NpyFile *file = npy_read(path);
  if (!file)
    return false;
  const NpyArray *a = file->array;
  if (file->n == 1 && (graph_ins(g) != 1 || !npy_find(file, g->in[0]->name))) {
    s->n = samples_in(path, &a[0], s->n_in, g);
    s->in = mem_array(s->n * (size_t)s->n_in + 1, sizeof *s->in);
    for (size_t i = 0; i < s->n * (size_t)s->n_in; i++)
      s->in[i] = (float)a[0].value[i];
    return true;
  }
  size_t first = 0;
  for (int i = 0; i < graph_ins(g); i++) {
    size_t each = (size_t)tensor_count(g->in[i]);
    const NpyArray *x = npy_find(file, g->in[i]->name);
    if (!x && file->n == graph_ins(g))
      x = &a[i];
    if (!x) {
      diag_error(EXIT_FILES, NULL, "%s: no array named '%s' for that input", diag_text(path), diag_text(g->in[i]->name));
      return false;
    }
    size_t count = samples_in(path, x, (int64_t)each, g);
    if (!count || (s->in && count != s->n)) {
      diag_error(EXIT_FILES, NULL, "%s: input '%s' has %zu samples, others %zu", diag_text(path), diag_text(g->in[i]->name), count, s->n);
      return false;
    }
    s->n = count;
    if (!s->in)
      s->in = mem_array(s->n * (size_t)s->n_in + 1, sizeof *s->in);
    for (size_t at = 0; at < s->n; at++)
      for (size_t e = 0; e < each; e++)
        s->in[at * (size_t)s->n_in + first + e] = (float)x->value[at * each + e];
    first += each;
  }
  return true;
}

static void run_float(const Graph *g, Samples *s, bool progress) {
  Eval *eval = eval_new(g);
  double *in = mem_array((size_t)s->n_in + 1, sizeof *in), started = now_s();
  s->out = mem_array(s->n * (size_t)s->n_out + 1, sizeof *s->out);
  double *out = s->out;
  size_t not_finite = 0;
  for (size_t at = 0; at < s->n; at++) {
    for (int i = 0; i < s->n_in; i++)
      in[i] = s->in[at * (size_t)s->n_in + (size_t)i];
    eval_run(eval, in);
    for (int i = 0; i < g->n_tensors; i++) {
      const Tensor *t = g->tensor[i];
      const double *v = t->rank >= 0 && !(at && t->value) ? eval_value(eval, t) : NULL; /* constants once */
      for (int64_t e = 0; v && e < tensor_count(t); e++) {
        bool first = !at && !e;
        s->lo[i] = first || v[e] < s->lo[i] ? v[e] : s->lo[i];
        s->hi[i] = first || v[e] > s->hi[i] ? v[e] : s->hi[i];
      }
    }
    if (progress && at % 256 == 0 && now_s() - started > 2)
      fprintf(stderr, "\rfloat model: sample %zu of %zu ", at, s->n);
    if (!graph_due(g, at))
      continue;
    s->n_due++;
    for (int i = 0; i < graph_outs(g); i++) {
      memcpy(out, eval_value(eval, g->out[i]), (size_t)tensor_count(g->out[i]) * sizeof *out);
      for (int64_t e = 0; e < tensor_count(g->out[i]); e++)
        not_finite += !isfinite(out[e]);
      out += tensor_count(g->out[i]);
    }
  }
  if (progress && now_s() - started > 2)
    fputs("\r\033[K", stderr);
  if (not_finite)
    diag_warn(NULL, "the float model gives %zu infinite or undefined outputs on %s", not_finite, diag_text(s->source));
}

static bool usable(const Samples *s) {
  if (!s->n && !diag_errors())
    diag_error(EXIT_FILES, NULL, "%s has no samples", diag_text(s->source));
  for (size_t i = 0; i < s->n * (size_t)s->n_in; i++)
    if (!isfinite(s->in[i])) {
      diag_error(EXIT_NUMERIC, NULL, "%s: sample %zu has an input that is infinite or not a number (element %zu)", diag_text(s->source),
                 i / (size_t)s->n_in, i % (size_t)s->n_in);
      return false;
    }
  return s->n > 0;
}

Samples *samples_read(const Graph *g, const Options *o) {
  Samples *s = mem_alloc(sizeof *s);
  for (int i = 0; i < graph_ins(g); i++)
    s->n_in += (int)tensor_count(g->in[i]);
  for (int i = 0; i < graph_outs(g); i++)
    s->n_out += (int)tensor_count(g->out[i]);
  s->lo = mem_array((size_t)g->n_tensors + 1, sizeof *s->lo);
  s->hi = mem_array((size_t)g->n_tensors + 1, sizeof *s->hi);
  s->is_user_data = o->data;
  s->source = o->data;
  if (!o->data) {
    draw(g, s);
    diag_note(NULL, "no --data: ranges and errors are for random inputs (near normal, seed 1)");
  } else if (!load(g, o->data, s)) {
    return NULL;
  }
  if (!usable(s))
    return NULL;
  if (o->fit) {
    Samples more = {.n_in = s->n_in, .source = o->fit};
    if (!load(g, o->fit, &more) || !usable(&more))
      return NULL;
    s->fit = more.in, s->n_fit = more.n;
  }
  run_float(g, s, isatty(2) && !o->quiet);
  if (o->float_out) {
    FILE *f = fopen(o->float_out, "wb");
    char head[128];
    /* NPY 1.0: the header ends on a multiple of 64 */
    snprintf(head, sizeof head, "{'descr': '<f8', 'fortran_order': False, 'shape': (%zu, %d), }", s->n_due, s->n_out);
    if (!f || fprintf(f, "\x93NUMPY\x01%c%c%c%-117s\n", 0, 118, 0, head) < 0 ||
        fwrite(s->out, sizeof *s->out, s->n_due * (size_t)s->n_out, f) != s->n_due * (size_t)s->n_out || fclose(f))
      diag_error(EXIT_FILES, NULL, "cannot write %s", diag_text(o->float_out));
  }
  return s;
}

static bool whole(double v) {
  return v == floor(v);
}

/* What each sample is taken for: the argmax of the widest output, an index output itself, or a single probability against 1/2 (a logit
 * against 0 when values leave [0, 1]). */
static void decide(const HirPort *port, const Samples *s, const double *out, int *decision) {
  double lo = 0, hi = 0;
  for (size_t at = 0; at < s->n_due; at++) {
    double v = s->out[at * (size_t)s->n_out + (size_t)port->first];
    lo = fmin(lo, v), hi = fmax(hi, v);
  }
  bool index = port->n == 1 && port->fmt.W == port->fmt.I && port->scale == 0;
  for (size_t at = 0; at < s->n_due; at++) {
    const double *v = out + at * (size_t)s->n_out + port->first;
    int pick = 0;
    for (int i = 1; i < port->n; i++)
      pick = v[i] > v[pick] ? i : pick;
    decision[at] = index ? (int)fmax(-1, fmin(v[0], INT32_MAX)) : port->n == 1 ? v[0] > (lo < 0 || hi > 1 ? 0 : 0.5) : pick;
  }
}

static const Decisions *decisions(const Kernel *k, const Samples *s, const double *fixed, const NpyArray *y) {
  Decisions *d = mem_alloc(sizeof *d);
  for (int i = 0; i < k->n_out_ports; i++)
    if (k->out_port[i].n > k->out_port[d->port].n)
      d->port = i;
  const HirPort *port = &k->out_port[d->port];
  d->label = mem_array(s->n_due + 1, sizeof *d->label);
  d->by_float = mem_array(s->n_due + 1, sizeof *d->by_float);
  d->by_fixed = mem_array(s->n_due + 1, sizeof *d->by_fixed);
  decide(port, s, s->out, d->by_float);
  decide(port, s, fixed, d->by_fixed);
  d->classes = port->n > 2 ? port->n : 2;
  for (size_t at = 0; at < s->n_due; at++) {
    d->label[at] = (int)fmax(-1, fmin(y->value[at], INT32_MAX - 1));
    if (port->n == 1 && port->fmt.W == port->fmt.I && port->scale == 0 && d->label[at] >= d->classes)
      d->classes = d->label[at] + 1;
  }
  return d;
}

static double accuracy(const Decisions *d, const int *decision, size_t n) {
  size_t right = 0;
  for (size_t at = 0; at < n; at++)
    right += decision[at] == d->label[at];
  return n ? (double)right / (double)n : NAN;
}

void compare_labels(const Kernel *k, const Options *o, const Samples *s, Comparison *c) {
  if (!o->labels)
    return;
  const NpyFile *file = npy_read(o->labels);
  if (!file)
    return;
  const NpyArray *y = file->array;
  int64_t count = 1;
  for (int i = 0; i < y->rank; i++)
    count *= y->dim[i];
  double *fixed = mem_array(s->n_due * (size_t)s->n_out + 1, sizeof *fixed);
  for (size_t at = 0; at < s->n_due; at++)
    for (int p = 0; p < k->n_out_ports; p++)
      for (int e = 0; e < k->out_port[p].n; e++) {
        size_t i = at * (size_t)s->n_out + (size_t)(k->out_port[p].first + e);
        fixed[i] = port_value(&k->out_port[p], c->out[i]);
      }
  bool classes = count == (int64_t)s->n_due;
  for (int64_t i = 0; classes && i < count; i++)
    classes = whole(y->value[i]);
  if (classes) {
    c->metric_is_accuracy = true;
    c->decisions = decisions(k, s, fixed, y);
    c->float_metric = accuracy(c->decisions, c->decisions->by_float, s->n_due);
    c->fixed_metric = accuracy(c->decisions, c->decisions->by_fixed, s->n_due);
  } else if (count % (int64_t)s->n_due == 0 && count / (int64_t)s->n_due <= s->n_out) {
    int each = (int)(count / (int64_t)s->n_due);
    double sf = 0, sx = 0;
    for (size_t at = 0; at < s->n_due; at++)
      for (int e = 0; e < each; e++) {
        double want = y->value[at * (size_t)each + (size_t)e], f = s->out[at * (size_t)s->n_out + (size_t)e] - want;
        double x = fixed[at * (size_t)s->n_out + (size_t)e] - want;
        sf += f * f, sx += x * x;
      }
    c->float_metric = sqrt(sf / (double)count);
    c->fixed_metric = sqrt(sx / (double)count);
  } else {
    diag_error(EXIT_FILES, NULL, "%s: %lld labels for %zu samples", diag_text(o->labels), (long long)count, s->n_due);
  }
}

void compare_limit(const Options *o, const Comparison *c) {
  if (o->max_error < 0 || c->max_abs_err <= o->max_error)
    return;
  diag_error(EXIT_NUMERIC, NULL, "worst error %.6g against the float model (sample %zu) exceeds --max-error=%g; %s", c->max_abs_err,
             c->worst_sample, o->max_error,
             c->worst_source
                 ? mem_printf("the largest part of it, %.3g, enters at %s: widen that (--config; nngen --info shows the ranges)",
                              c->worst_part, c->worst_source)
                 : "widen --q (nngen --info shows the ranges)");
}
