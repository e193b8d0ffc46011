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
  const Tensor **tensor; /* of each layer */
  double *in;
  double sum_sq, started;
  size_t elements;
  bool progress;
} Run;

static const Tensor *layer_tensor(const Graph *g, const HirLayer *l) {
  for (int i = 0; i < g->n_nodes; i++)
    if (g->node[i]->n_out && g->node[i]->out[0] && !strcmp(g->node[i]->name, l->name) && !strcmp(g->node[i]->out[0]->name, l->tensor))
      return g->node[i]->out[0]->scale != 0 ? NULL : g->node[i]->out[0]; /* its integers are those of the layer before */
  return NULL;
}

static void one_sample(void *ctx, size_t at, const i128 *val) {
  Run *r = ctx;
  const Samples *s = r->s;
  for (int i = 0; i < s->n_in; i++)
    r->in[i] = s->in[at * (size_t)s->n_in + (size_t)i];
  eval_run(r->eval, r->in);
  for (int i = 0; i < r->k->n_layers; i++) {
    const HirLayer *l = &r->k->layer[i];
    if (!r->tensor[i])
      continue;
    const double *want = eval_value(r->eval, r->tensor[i]);
    LayerStats *st = &r->c->layer[i];
    for (int e = 0; e < l->n; e++) {
      if (l->value[e] < 0)
        continue;
      double got = ldexp((double)val[l->value[e]], -l->frac[e]), err = got - want[e];
      st->min = st->elements ? fmin(st->min, got) : got;
      st->max = st->elements ? fmax(st->max, got) : got;
      st->max_abs_err = fmax(st->max_abs_err, fabs(err));
      st->sum_sq_err += err * err;
      st->sum_sq += want[e] * want[e];
      st->elements++;
    }
  }
  if (r->progress && at % 256 == 0 && now_s() - r->started > 2)
    fprintf(stderr, "\rcomparing with float: sample %zu of %zu ", at, s->n);
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
static void compare_outputs(const Graph *g, const Kernel *k, const Samples *s, Comparison *c) {
  double *fixed = mem_array((size_t)s->n_out + 1, sizeof *fixed), sum_sq = 0;
  int d = decision(g, k);
  size_t agree = 0, values = 0;
  for (size_t at = 0; at < s->n; at++) {
    const double *want = s->out + at * (size_t)s->n_out;
    for (int p = 0; p < k->n_out_ports; p++)
      for (int e = 0; e < k->out_port[p].n; e++) {
        int i = k->out_port[p].first + e;
        fixed[i] = port_value(&k->out_port[p], c->out[at * (size_t)k->n_out + (size_t)i]);
        double err = fixed[i] - want[i];
        if (is_index(g->out[p]))
          continue;
        c->max_abs_err = fmax(c->max_abs_err, fabs(err));
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
  c->argmax_agreement = d >= 0 && s->n ? (double)agree / (double)s->n : -1;
}

Comparison *compare_run(const Graph *g, const Kernel *k, const Options *o, const Samples *s, int64_t *raw) {
  Comparison *c = mem_alloc(sizeof *c);
  c->n = s->n;
  c->layer = mem_array((size_t)k->n_layers + 1, sizeof *c->layer);
  c->saturated = mem_array((size_t)k->n_sites + 1, sizeof *c->saturated);
  c->wrapped = mem_array((size_t)k->n_sites + 1, sizeof *c->wrapped);
  c->out = mem_array(s->n * (size_t)k->n_out + 1, sizeof *c->out);
  c->float_metric = c->fixed_metric = NAN;
  uint64_t beyond = 0;
  for (size_t at = 0; at < s->n; at++)
    for (int p = 0; p < k->n_in_ports; p++)
      for (int e = 0; e < k->in_port[p].n; e++) {
        size_t i = at * (size_t)s->n_in + (size_t)(k->in_port[p].first + e);
        bool fits = true;
        if (k->in_port[p].scale != 0) /* limits are part of the network's meaning */
          raw[i] = port_quantised(&k->in_port[p], s->in[i]);
        else
          raw[i] = quant_const(s->in[i], k->in_port[p].fmt, o->round, o->overflow, &fits);
        beyond += !fits;
      }
  if (beyond)
    diag_warn(NULL, "%llu input values of %s do not fit the input format and %s", (unsigned long long)beyond, diag_text(s->source),
              o->overflow == OVERFLOW_WRAP ? "wrap" : "saturate");
  Run r = {.g = g, .k = k, .s = s, .c = c, .eval = eval_new(g), .started = now_s(), .progress = isatty(2) && !o->quiet};
  r.in = mem_array((size_t)s->n_in + 1, sizeof *r.in);
  r.tensor = mem_array((size_t)k->n_layers + 1, sizeof *r.tensor);
  for (int i = 0; i < k->n_layers; i++)
    r.tensor[i] = layer_tensor(g, &k->layer[i]);
  HirCounts counts = {c->saturated, c->wrapped};
  hir_eval(k, s->n, raw, c->out, &counts, one_sample, &r);
  if (r.progress && now_s() - r.started > 2)
    fputs("\r\033[K", stderr);
  compare_outputs(g, k, s, c);
  return c;
}

void compare_warn(const Graph *g, const Kernel *k, const Comparison *c, const Samples *s) {
  for (int i = 0; i < k->n_sites; i++) {
    const HirSite *site = &k->site[i];
    uint64_t n = c->saturated[i] + c->wrapped[i];
    if (!n || site->input_side)
      continue;
    const HirLayer *l = &k->layer[site->layer];
    const Tensor *t = layer_tensor(g, l);
    diag_warn(t ? t->producer : NULL,
              "%llu of %llu results %s: the float model reaches %.4g to %.4g, %s holds %.4g to %.4g; I=%d would hold them all",
              (unsigned long long)n, (unsigned long long)c->layer[site->layer].elements, c->wrapped[i] ? "wrapped" : "saturated",
              t ? s->lo[t->id] : 0, t ? s->hi[t->id] : 0, format_text(l->fmt), ldexp((double)format_min(l->fmt), l->fmt.I - l->fmt.W),
              ldexp((double)format_max(l->fmt), l->fmt.I - l->fmt.W), t ? format_fit(l->fmt.W, s->lo[t->id], s->hi[t->id]) : 0);
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
  if (c->argmax_agreement >= 0)
    fprintf(f, ", same decision as float on %.2f %%", 100 * c->argmax_agreement);
  if (!isnan(c->float_metric))
    fprintf(f, c->metric_is_accuracy ? ", accuracy %.2f %% (float %.2f %%)" : ", RMSE %.4g (float %.4g)",
            c->metric_is_accuracy ? 100 * c->fixed_metric : c->fixed_metric,
            c->metric_is_accuracy ? 100 * c->float_metric : c->float_metric);
  fputc('\n', f);
}
