/* SPDX-License-Identifier: Apache-2.0
 *
 * compare.c - fixed point against the float model over the samples, layer by layer.
 */
#include "lower.h"
#include "report.h"
#include <math.h>
#include <unistd.h>

typedef struct {
  const Graph *g;
  const Kernel *k;
  const Samples *s;
  Comparison *c;
  Eval *eval;
  ErrorSource *source;
  const int64_t *raw;
  const Tensor **tensor; /* of each layer */
  double *in;
  double started;
  bool progress;
  int worst_out; /* output element of the worst error, in a row; and that error */
  double worst_err;
} Run;

const Tensor *report_tensor(const Graph *g, const HirLayer *l) {
  if (l->of)
    return l->of->scale != 0 ? NULL : l->of;
  for (int i = 0; i < g->n_nodes; i++)
    if (g->node[i]->n_out && g->node[i]->out[0] && !strcmp(g->node[i]->name, l->name) && !strcmp(g->node[i]->out[0]->name, l->tensor))
      return g->node[i]->out[0]->scale != 0 ? NULL : g->node[i]->out[0]; /* its integers are those of the layer before */
  return NULL;
}

/* Of the state after step number `at`. */
static void step_error(Run *r, size_t at, const i128 *val) {
  const Kernel *k = r->k;
  size_t entry = 0;
  if (k->steps)
    entry = at % (size_t)k->steps;
  else
    for (size_t i = at + 1; i > 1; i >>= 1)
      entry++;
  struct StepError *e = &r->c->step[entry];
  r->c->n_steps = (int)entry >= r->c->n_steps ? (int)entry + 1 : r->c->n_steps;
  for (int i = 0; i < k->n_states; i++) {
    const HirState *s = &k->state[i];
    const double *want = eval_value(r->eval, r->g->out[graph_outs(r->g) + i]);
    for (int j = 0; j < s->n; j++) {
      double err = ldexp((double)val[k->out[k->n_out + s->first + j]], s->fmt.I - s->fmt.W) - want[j];
      e->sum_sq += err * err;
      e->elements++;
    }
  }
}

void octaves_add(Octaves *o, double v) {
  uint64_t bits;
  memcpy(&bits, &v, sizeof bits);
  int b = (int)(bits >> 52 & 2047) - 1023 + OCTAVE_0;
  if (v == 0)
    o->zero++;
  else
    o->bin[b < 0 ? 0 : b < OCTAVES ? b : OCTAVES - 1]++;
}

static void add_value(LayerStats *st, double got, double want) {
  double err = got - want;
  st->min = st->elements ? fmin(st->min, got) : got;
  st->max = st->elements ? fmax(st->max, got) : got;
  st->max_abs_err = fmax(st->max_abs_err, fabs(err));
  st->sum_sq_err += err * err;
  st->sum_sq += want * want;
  st->elements++;
  octaves_add(&st->fixed, got);
  octaves_add(&st->floats, want);
}

/* An element's interval is that of what its bits are dropped from. */
static void proved_range(const Kernel *k, int layer, LayerStats *st) {
  const HirLayer *l = &k->layer[layer];
  bool any = false;
  for (int e = 0; e < l->n; e++) {
    if (l->value[e] < 0)
      continue;
    const HirValue *v = &k->v[l->value[e]];
    int frac = l->frac[e];
    st->dead += v->lo == v->hi;
    if (v->op == HIR_QUANT && v->layer == layer && v->site >= 0 && !k->site[v->site].input_side)
      frac += v->imm, v = &k->v[v->arg[0]];
    double lo = ldexp((double)v->lo, -frac), hi = ldexp((double)v->hi, -frac);
    st->proved_min = any ? fmin(st->proved_min, lo) : lo;
    st->proved_max = any ? fmax(st->proved_max, hi) : hi;
    any = true;
  }
}

/* Once all samples have been seen. */
static void reached(const Comparison *c, const Kernel *k, int layer, const Samples *s, const Tensor *t) {
  LayerStats *st = &c->layer[layer];
  const Format f = k->layer[layer].fmt;
  st->reach_min = fmin(st->min, s->lo[t->id]), st->reach_max = fmax(st->max, s->hi[t->id]);
  for (int i = 0; i < k->n_sites; i++)
    if (k->site[i].layer == layer && !k->site[i].input_side && (c->saturated[i] || c->wrapped[i])) {
      st->reach_min = fmin(st->reach_min, ldexp(c->least[i], f.I - f.W));
      st->reach_max = fmax(st->reach_max, ldexp(c->most[i], f.I - f.W));
    }
}

static void run_float(Run *r, size_t at) {
  const Samples *s = r->s;
  for (int i = 0; i < s->n_in; i++)
    r->in[i] = s->in[at * (size_t)s->n_in + (size_t)i];
  eval_run(r->eval, r->in);
}

static void say_progress(const Run *r, size_t at) {
  if (r->progress && at % 256 == 0 && now_s() - r->started > 2)
    fprintf(stderr, "\rcomparing with float: sample %zu of %zu ", at, r->s->n);
}

static void one_sample(void *ctx, size_t at, const i128 *val) {
  Run *r = ctx;
  run_float(r, at);
  error_source_sample(r->source, at, r->raw + at * (size_t)r->s->n_in, val, r->eval);
  for (int p = 0; p < r->k->n_in_ports; p++)
    for (int e = 0; e < r->k->in_port[p].n; e++)
      add_value(&r->c->input[p], error_source_value(r->source, r->g->in[p])[e], r->in[r->k->in_port[p].first + e]);
  for (int i = 0; i < r->k->n_layers; i++) {
    const HirLayer *l = &r->k->layer[i];
    if (!r->tensor[i])
      continue;
    const double *want = eval_value(r->eval, r->tensor[i]), *got = error_source_value(r->source, r->tensor[i]);
    for (int e = 0; e < l->n; e++)
      if (l->value[e] >= 0)
        add_value(&r->c->layer[i], got[e], want[e]);
  }
  if (r->k->n_state)
    step_error(r, at, val);
  say_progress(r, at);
}

/* For --max-error: where most of the worst error enters. */
static void worst_sample(void *ctx, size_t at, const i128 *val) {
  Run *r = ctx;
  at = r->c->worst_sample;
  run_float(r, at);
  r->c->worst_part =
      error_source_largest(r->source, r->raw + at * (size_t)r->s->n_in, val, r->eval, r->worst_out, r->worst_err, &r->c->worst_source);
}

static size_t argmax(const double *v, int n) {
  int best = 0;
  for (int i = 1; i < n; i++)
    if (v[i] > v[best])
      best = i;
  return (size_t)best;
}

static bool is_index(const Tensor *t) {
  return t->dtype != DT_FLOAT && t->dtype != DT_DOUBLE && t->dtype != DT_FLOAT16 && t->dtype != DT_BFLOAT16;
}

/* The output that decides: the widest floating one by its argmax, else an integer one by itself; NULL when there is neither. */
static int decision(const Graph *g, const Kernel *k) {
  int best = -1;
  for (int i = 0; i < k->n_out_ports; i++)
    if (!is_index(g->out[i]) && k->out_port[i].n > 1 && (best < 0 || k->out_port[i].n > k->out_port[best].n))
      best = i;
  for (int i = 0; best < 0 && i < k->n_out_ports; i++)
    if (is_index(g->out[i]))
      best = i;
  return best;
}

/* Errors are those of floating outputs: an integer one is a decision, right or wrong. */
static void compare_outputs(Run *r) {
  const Graph *g = r->g;
  const Kernel *k = r->k;
  const Samples *s = r->s;
  Comparison *c = r->c;
  double *fixed = mem_array((size_t)s->n_out + 1, sizeof *fixed), sum_sq = 0;
  int d = decision(g, k);
  size_t agree = 0, values = 0;
  for (size_t at = 0; at < s->n_due; at++) {
    const double *want = s->out + at * (size_t)s->n_out;
    for (int p = 0; p < k->n_out_ports; p++)
      for (int e = 0; e < k->out_port[p].n; e++) {
        int i = k->out_port[p].first + e;
        fixed[i] = port_value(&k->out_port[p], c->out[at * (size_t)k->n_out + (size_t)i]);
        double err = fixed[i] - want[i];
        if (is_index(g->out[p]))
          continue;
        if (fabs(err) > c->max_abs_err) {
          c->max_abs_err = fabs(err);
          c->worst_sample = at;
          r->worst_out = i, r->worst_err = err;
        }
        sum_sq += err * err;
        values++;
      }
    if (d < 0)
      continue;
    const HirPort *port = &k->out_port[d];
    bool same = is_index(g->out[d]) ? !memcmp(fixed + port->first, want + port->first, (size_t)port->n * sizeof *want)
                                    : argmax(fixed + port->first, port->n) == argmax(want + port->first, port->n);
    agree += same;
  }
  c->rms_err = values ? sqrt(sum_sq / (double)values) : 0;
  c->argmax_agreement = d >= 0 && s->n_due ? (double)agree / (double)s->n_due : -1;
}

/* Room for the results; the inputs as integers. */
static Comparison *begin(const Graph *g, const Kernel *k, const Options *o, const Samples *s, int64_t *raw) {
  Comparison *c = mem_alloc(sizeof *c);
  c->n = s->n_due;
  c->layer = mem_array((size_t)k->n_layers + 1, sizeof *c->layer);
  c->input = mem_array((size_t)k->n_in_ports + 1, sizeof *c->input);
  c->beyond = mem_array((size_t)k->n_in_ports + 1, sizeof *c->beyond);
  c->saturated = mem_array((size_t)k->n_sites + 1, sizeof *c->saturated);
  c->wrapped = mem_array((size_t)k->n_sites + 1, sizeof *c->wrapped);
  c->least = mem_array((size_t)k->n_sites + 1, sizeof *c->least);
  c->most = mem_array((size_t)k->n_sites + 1, sizeof *c->most);
  for (int i = 0; i < k->n_sites; i++)
    c->least[i] = INFINITY, c->most[i] = -INFINITY;
  c->out = mem_array(s->n * (size_t)k->n_out + 1, sizeof *c->out);
  c->float_metric = c->fixed_metric = NAN;
  c->step = mem_array((size_t)k->steps + 64, sizeof *c->step);
  for (size_t at = 0; at < s->n; at++)
    for (int p = 0; p < k->n_in_ports; p++)
      for (int e = 0; e < k->in_port[p].n; e++) {
        size_t i = at * (size_t)s->n_in + (size_t)(k->in_port[p].first + e);
        bool fits = true;
        if (k->in_port[p].scale != 0) /* limits are part of the network's meaning */
          raw[i] = port_quantised(&k->in_port[p], s->in[i]);
        else
          raw[i] = quant_const(s->in[i], k->in_port[p].fmt, o->round, o->overflow, &fits);
        c->beyond[p] += !fits;
      }
  for (int p = 0; p < k->n_in_ports; p++) {
    const HirPort *in = &k->in_port[p];
    const Tensor *t = g->in[p];
    if (!c->beyond[p])
      continue;
    const char *text = mem_printf("input '%s': %llu of %zu values of %s do not fit %s (they reach %.4g to %.4g); I=%d would hold them all",
                                  diag_text(in->name), (unsigned long long)c->beyond[p], s->n * (size_t)in->n, diag_text(s->source),
                                  format_text(in->fmt), s->lo[t->id], s->hi[t->id], format_fit(in->fmt.W, s->lo[t->id], s->hi[t->id]));
    if (o->overflow == OVERFLOW_ERROR)
      diag_error(EXIT_NUMERIC, NULL, "%s", text);
    else
      diag_warn(NULL, "%s; they %s", text, o->overflow == OVERFLOW_WRAP ? "wrap" : "saturate");
  }
  return c;
}

static void end_progress(const Run *r) {
  if (r->progress && now_s() - r->started > 2)
    fputs("\r\033[K", stderr);
}

static Run new_run(const Graph *g, const Kernel *k, const Options *o, const Samples *s, Comparison *c, const int64_t *raw) {
  Run r = {.g = g, .k = k, .s = s, .c = c, .raw = raw, .eval = eval_new(g), .started = now_s(), .progress = isatty(2) && !o->quiet};
  r.in = mem_array((size_t)s->n_in + 1, sizeof *r.in);
  r.tensor = mem_array((size_t)k->n_layers + 1, sizeof *r.tensor);
  for (int i = 0; i < k->n_layers; i++)
    r.tensor[i] = report_tensor(g, &k->layer[i]);
  return r;
}

/* One frame after the other; what a unit gives is its edge's. */
Comparison *compare_stream(const Graph *g, const Stream *st, const Kernel *k, const Options *o, const Samples *s, int64_t *raw) {
  Comparison *c = begin(g, k, o, s, raw);
  Run r = new_run(g, k, o, s, c, raw);
  StreamEval *e = stream_eval_new(st);
  for (size_t at = 0; at < s->n; at++) {
    run_float(&r, at);
    stream_eval_run(e, raw + at * (size_t)s->n_in, c->out + at * (size_t)k->n_out);
    for (int i = 0; i < st->n_in + st->n_units; i++) {
      const Edge *edge = i < st->n_in ? st->in[i] : st->unit[i - st->n_in]->out;
      LayerStats *stats = i < st->n_in ? &c->input[i] : &c->layer[i - st->n_in];
      if (!edge->tensor)
        continue;
      const int64_t *got = stream_eval_edge(e, edge);
      const double *want = eval_value(r.eval, edge->tensor);
      for (int j = 0; j < edge->rows * edge->cols * edge->channels; j++)
        if (edge->element[j] >= 0)
          add_value(stats, edge->tensor->scale != 0 ? want[edge->element[j]] : ldexp((double)got[j], edge->fmt.I - edge->fmt.W),
                    want[edge->element[j]]);
    }
    say_progress(&r, at);
  }
  end_progress(&r);
  for (int i = 0; i < st->n_units; i++) {
    const HirCounts *n = stream_eval_counts(e, st->unit[i]);
    const Kernel *of = st->unit[i]->finish ? st->unit[i]->finish : st->unit[i]->plain;
    const Edge *edge = st->unit[i]->out;
    LayerStats *stats = &c->layer[i];
    stats->own_unknown = true;
    stats->proved_min = stats->proved_max = NAN;
    for (int j = 0; n && of && j < of->n_sites; j++) {
      if (of->site[j].input_side || !(n->saturated[j] || n->wrapped[j]))
        continue;
      c->saturated[i] += n->saturated[j], c->wrapped[i] += n->wrapped[j];
      if (n->least)
        c->least[i] = fmin(c->least[i], n->least[j]), c->most[i] = fmax(c->most[i], n->most[j]);
    }
    const double step = ldexp(1, edge->fmt.I - edge->fmt.W);
    const Tensor *t = edge->tensor;
    stats->reach_min = fmin(fmin(stats->min, t ? s->lo[t->id] : 0), isinf(c->least[i]) ? 0 : c->least[i] * step);
    stats->reach_max = fmax(fmax(stats->max, t ? s->hi[t->id] : 0), isinf(c->most[i]) ? 0 : c->most[i] * step);
  }
  compare_outputs(&r);
  return c;
}

Comparison *compare_run(const Graph *g, const Kernel *k, const Options *o, const Samples *s, int64_t *raw) {
  Comparison *c = begin(g, k, o, s, raw);
  Run r = new_run(g, k, o, s, c, raw);
  for (int i = 0; i < k->n_layers; i++)
    proved_range(k, i, &c->layer[i]);
  r.source = error_source_new(g, k, r.tensor, s->n_due, c);
  HirCounts counts = {c->saturated, c->wrapped, c->least, c->most};
  hir_eval(k, s->n, raw, c->out, &counts, one_sample, &r);
  end_progress(&r);
  for (int i = 0; i < k->n_layers; i++)
    if (r.tensor[i])
      reached(c, k, i, s, r.tensor[i]);
  size_t row = (size_t)k->n_out, due = 0;
  for (size_t at = 0; at < s->n; at++)
    if (graph_due(g, at))
      memmove(c->out + due++ * row, c->out + at * row, row * sizeof *c->out);
  compare_outputs(&r);
  if (o->max_error >= 0 && c->max_abs_err > o->max_error && !k->n_state) { /* with a state, a sample alone tells nothing */
    int64_t *out = mem_array((size_t)k->n_out + 1, sizeof *out);
    hir_eval(k, 1, raw + c->worst_sample * (size_t)k->n_in, out, NULL, worst_sample, &r);
  }
  return c;
}

void compare_warn(const Graph *g, const Kernel *k, const Comparison *c, const Samples *s) {
  for (int i = 0; i < k->n_sites; i++) {
    const HirSite *site = &k->site[i];
    uint64_t n = c->saturated[i] + c->wrapped[i];
    if (!n || site->input_side)
      continue;
    const HirLayer *l = &k->layer[site->layer];
    const LayerStats *st = &c->layer[site->layer];
    const Tensor *t = report_tensor(g, l);
    if (t && (t->each || t->from == FROM_SEARCH) && !c->wrapped[i]) /* --target-loss narrowed it on purpose: the cost is in its loss */
      continue;
    double step = ldexp(1, l->fmt.I - l->fmt.W);
    diag_warn(l->node,
              "%llu of %llu results %s: the float model reaches %.4g to %.4g, fixed point %.4g to %.4g, %s holds %.4g to %.4g; I=%d would "
              "hold them all",
              (unsigned long long)n, (unsigned long long)st->elements, c->wrapped[i] ? "wrapped" : "saturated", t ? s->lo[t->id] : 0,
              t ? s->hi[t->id] : 0, fmin(st->min, c->least[i] * step), fmax(st->max, c->most[i] * step), format_text(l->fmt),
              (double)format_min(l->fmt) * step, (double)format_max(l->fmt) * step, format_fit(l->fmt.W, st->reach_min, st->reach_max));
  }
}

void compare_print(const Kernel *k, const Comparison *c, FILE *f) {
  fprintf(f, "%-24s %-16s %8s %12s %12s %11s %11s %9s\n", "layer", "operator", "format", "min", "max", "worst error", "rms error",
          "saturated");
  for (int i = 0; i < k->n_layers; i++) {
    const HirLayer *l = &k->layer[i];
    const LayerStats *st = &c->layer[i];
    uint64_t sat = 0;
    for (int j = 0; j < k->n_sites; j++)
      if (k->site[j].layer == i && !k->site[j].input_side)
        sat += c->saturated[j] + c->wrapped[j];
    if (!st->elements)
      continue;
    fprintf(f, "%-24.24s %-16.16s %8s %12.5g %12.5g %11.3g %11.3g %9llu\n", diag_text(l->name), l->op,
            l->fmt.W ? format_text(l->fmt) : "exact", st->min, st->max, st->max_abs_err, sqrt(st->sum_sq_err / (double)st->elements),
            (unsigned long long)sat);
  }
  compare_line(c, f);
}

void compare_line(const Comparison *c, FILE *f) {
  fprintf(f, "against the float model over %zu samples: worst error %.3g, rms %.3g", c->n, c->max_abs_err, c->rms_err);
  if (c->argmax_agreement >= 0 && (isnan(c->float_metric) || c->metric_is_accuracy)) /* of a regression no decision */
    fprintf(f, ", same decision as float on %.2f %%", 100 * c->argmax_agreement);
  if (!isnan(c->float_metric))
    fprintf(f, c->metric_is_accuracy ? ", accuracy %.2f %% (float %.2f %%)" : ", RMSE %.4g (float %.4g)",
            c->metric_is_accuracy ? 100 * c->fixed_metric : c->fixed_metric,
            c->metric_is_accuracy ? 100 * c->float_metric : c->float_metric);
  fputc('\n', f);
}
