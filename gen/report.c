/* SPDX-License-Identifier: Apache-2.0
 *
 * report.c - report.json: what was made, how large, how exact.
 */
#include "report.h"
#include "search.h"
#include "stream_report.h"
#include "version.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

static json_t *text(const char *s) {
  return json_string(s ? diag_text(s) : "");
}

/* JSON knows no infinities. */
static json_t *real(double v) {
  return isfinite(v) ? json_real(v) : json_null();
}

/* Where error enters: what the layer adds itself, and what that does to the outputs. */
static void own_errors(json_t *o, const LayerStats *st, const Comparison *c, bool seen) {
  seen = seen && !st->own_unknown;
  json_object_set_new(o, "own_max_abs_err", seen ? real(st->own_max_abs_err) : json_null());
  json_object_set_new(o, "own_rms_err", seen ? real(sqrt(st->own_sum_sq_err / (double)st->elements)) : json_null());
  json_object_set_new(o, "output_rms_err",
                      seen && c->n_output_values ? real(sqrt(st->output_sum_sq / (double)c->n_output_values)) : json_null());
}

static json_t *ports(int n, const HirPort *p) {
  json_t *a = json_array();
  for (int i = 0; i < n; i++) {
    json_t *shape = json_array();
    for (int d = 0; d < p[i].rank; d++)
      json_array_append_new(shape, json_integer(p[i].dim[d]));
    json_array_append_new(a, json_pack("{s:o,s:o,s:i,s:i,s:b}", "name", text(p[i].name), "shape", shape, "W", p[i].fmt.W, "I", p[i].fmt.I,
                                       "signed", p[i].fmt.is_signed));
    if (p[i].scale != 0) { /* integer q stands for (q - zero) * scale */
      json_object_set_new(json_array_get(a, (size_t)i), "scale", json_real(p[i].scale));
      json_object_set_new(json_array_get(a, (size_t)i), "zero", json_integer(p[i].zero));
    }
  }
  return a;
}

typedef struct {
  int64_t params, zeros;
  int64_t pruned; /* zeros that the model does not have */
  int merged;     /* neurons */
  const Tensor *out;
} LayerParams;

static LayerParams params_of(const Graph *g, const HirLayer *l) {
  LayerParams p = {0};
  for (int i = 0; g && i < g->n_nodes; i++) {
    const Node *n = g->node[i];
    if (strcmp(n->name, l->name))
      continue;
    p.out = n->out[0];
    p.merged = n->merged;
    for (int j = 0; j < n->n_in; j++)
      if (n->in[j] && n->in[j]->value && n->in[j]->fmt.W) {
        const Tensor *t = n->in[j];
        int64_t count = tensor_count(t);
        p.params += count;
        for (int64_t e = 0; e < count; e++) {
          p.zeros += t->value[e] == 0;
          p.pruned += t->original && t->value[e] == 0 && t->original[e] != 0;
        }
      }
  }
  return p;
}

static json_t *layers(const Design *d, const Comparison *c) {
  json_t *a = json_array();
  const Kernel *k = d->k;
  for (int i = 0; i < k->n_layers; i++) {
    const HirLayer *l = &k->layer[i];
    HirCost cost = d->cost[1 + i];
    const LayerParams p = params_of(d->g, l);
    const Tensor *t = p.out;
    json_t *shape = json_array();
    for (int j = 0; t && j < t->rank; j++)
      json_array_append_new(shape, json_integer(t->dim[j]));
    uint64_t sat = 0;
    int last = 0;
    for (int j = 0; c && j < k->n_sites; j++)
      if (k->site[j].layer == i && !k->site[j].input_side)
        sat += c->saturated[j] + c->wrapped[j];
    for (int j = 0; j < k->n; j++)
      if (k->v[j].layer == i && k->v[j].stage + 1 > last)
        last = k->v[j].stage + 1;
    const LayerStats none = {0}, *st = c ? &c->layer[i] : &none;
    bool seen = st->elements > 0;
    json_t *o = json_pack("{s:o,s:o,s:o,s:I,s:I,s:i,s:i}", "name", text(l->name), "op", text(l->op), "shape", shape, "params",
                          (json_int_t)p.params, "zeros", (json_int_t)p.zeros, "W", l->fmt.W, "I", l->fmt.I);
    if (t && t->each && l->fmt.W) { /* W and I hold all of them */
      json_t *bits = json_array();
      for (int j = 0; j < l->n; j++)
        json_array_append_new(bits, json_integer(t->each[j].W));
      json_object_set_new(o, "element_bits", bits);
    }
    json_object_set_new(o, "exact", json_boolean(l->fmt.W == 0));
    json_object_set_new(o, "min", seen ? real(st->min) : json_null());
    json_object_set_new(o, "max", seen ? real(st->max) : json_null());
    json_object_set_new(o, "pruned", json_pack("{s:I,s:i}", "weights", (json_int_t)p.pruned, "neurons", p.merged));
    json_object_set_new(o, "dead", c ? json_integer(st->dead) : json_null());
    json_object_set_new(o, "proved_min", c ? real(st->proved_min) : json_null());
    json_object_set_new(o, "proved_max", c ? real(st->proved_max) : json_null());
    json_object_set_new(o, "format_from", t && format_from_text(t->from) ? json_string(format_from_text(t->from)) : json_null());
    json_object_set_new(o, "saturated", json_integer((json_int_t)sat));
    json_object_set_new(o, "max_abs_err", seen ? real(st->max_abs_err) : json_null());
    json_object_set_new(o, "rms_err", seen ? real(sqrt(st->sum_sq_err / (double)st->elements)) : json_null());
    json_object_set_new(o, "sqnr_db",
                        seen && st->sum_sq_err > 0 && st->sum_sq > 0 ? real(10 * log10(st->sum_sq / st->sum_sq_err)) : json_null());
    own_errors(o, st, c, seen);
    json_object_set_new(o, "adders", json_integer(cost.adders));
    json_object_set_new(o, "adder_bits", json_integer(cost.adder_bits));
    json_object_set_new(o, "adders3", json_integer(cost.adders3));
    json_object_set_new(o, "mults", json_integer(cost.mults));
    json_object_set_new(o, "luts", json_integer(cost.luts));
    json_object_set_new(o, "ffs", json_integer(cost.ffs));
    json_object_set_new(o, "dsps", json_integer(cost.dsps));
    json_object_set_new(o, "brams", json_integer(cost.brams));
    json_object_set_new(o, "latency", d->stream ? json_integer(stream_unit_latency(d->stream->unit[i])) : json_integer(last));
    json_object_set_new(o, "table_bits", json_integer(cost.lut_entries_bits));
    json_object_set_new(o, "estimated", json_true());
    json_array_append_new(a, o);
  }
  return a;
}

void report_pruned(const Design *d, const Comparison *c, FILE *f) {
  int64_t weights = 0, params = 0;
  int neurons = 0, dead = 0;
  for (int i = 0; i < d->k->n_layers; i++) {
    const HirLayer *l = &d->k->layer[i];
    const LayerParams p = params_of(d->g, l);
    weights += p.pruned, params += p.params, neurons += p.merged;
    dead += l->fmt.W ? c->layer[i].dead : 0; /* an exact one's is seen where its bits are dropped */
  }
  if (weights || neurons)
    fprintf(f, "pruned: %lld of %lld weights, %d neurons merged\n", (long long)weights, (long long)params, neurons);
  if (dead)
    fprintf(f, "constant whatever the input, and removed: %d results of layers (\"dead\" in report.json)\n", dead);
}

static json_t *options(const Options *o) {
  static const char *const round[] = {"trn", "rnd", "rne"}, *const overflow[] = {"sat", "wrap", "error"};
  json_t *j = json_pack("{s:s,s:s,s:s,s:s,s:i,s:i,s:f,s:s}", "q",
                        o->auto_I ? mem_printf(o->proved ? "%d,proved" : "%d,auto", o->W) : mem_printf("%d,%d", o->W, o->I), "round",
                        round[o->round], "overflow", overflow[o->overflow], "mode", o->mode, "reuse", o->reuse, "channels", o->channels,
                        "clock", o->clock_ns, "depth", o->depth);
  json_object_set_new(j, "calibrate",
                      json_string(o->calibrate == CALIBRATE_PERCENTILE ? mem_printf("%g%%", 100 * o->percentile)
                                  : o->calibrate == CALIBRATE_ERROR    ? "error"
                                                                       : "minmax"));
  json_object_set_new(j, "family", json_string(o->family->name));
  json_object_set_new(j, "config", o->config ? text(o->config) : json_null());
  json_object_set_new(j, "data", o->data ? text(o->data) : json_null());
  json_object_set_new(j, "labels", o->labels ? text(o->labels) : json_null());
  json_object_set_new(j, "prune", o->prune >= 0 ? json_real(o->prune) : json_null());
  if (o->prune_share > 0)
    json_object_set_new(j, "prune", json_string(mem_printf("%s%g%%", o->prune_rows ? "rows:" : "", 100 * o->prune_share)));
  if (o->prune_of)
    json_object_set_new(j, "prune", json_string(mem_printf("%d:%d", o->prune_keep, o->prune_of)));
  json_object_set_new(j, "merge", o->merge >= 0 ? json_real(o->merge) : json_null());
  json_object_set_new(j, "recurrent", json_string(o->recurrent));
  json_object_set_new(j, "top", text(o->top));
  return j;
}

static json_t *accuracy(const Kernel *k, const Samples *s, const Comparison *c) {
  uint64_t saturations = 0, wraps = 0;
  for (int i = 0; i < k->n_sites; i++)
    if (!k->site[i].input_side)
      saturations += c->saturated[i], wraps += c->wrapped[i];
  json_t *j = json_pack("{s:I,s:o,s:o,s:o}", "samples", (json_int_t)c->n, "source", text(s->source), "max_abs_err", real(c->max_abs_err),
                        "rms_err", real(c->rms_err));
  json_object_set_new(j, "argmax_agreement", c->argmax_agreement >= 0 ? json_real(c->argmax_agreement) : json_null());
  json_object_set_new(j, "float_metric", real(c->float_metric));
  json_object_set_new(j, "fixed_metric", real(c->fixed_metric));
  json_object_set_new(j, "metric", isnan(c->float_metric) ? json_null() : json_string(c->metric_is_accuracy ? "accuracy" : "rmse"));
  json_object_set_new(j, "saturations", json_integer((json_int_t)saturations));
  json_object_set_new(j, "wraps", json_integer((json_int_t)wraps));
  return j;
}

/* A site is proved safe when no operation is left that could change a value there. */
static void kernel_sites(const Kernel *k, int *sites, int *checked) {
  for (int i = 0; i < k->n_sites; i++) {
    bool live = false;
    if (k->site[i].input_side)
      continue;
    ++*sites;
    for (int j = 0; j < k->n && !live; j++)
      live = (k->v[j].op == HIR_CLAMP || k->v[j].op == HIR_WRAP) && k->v[j].site == i;
    *checked += live;
  }
}

void report_sites(const Design *d, int *sites, int *checked) {
  *sites = *checked = 0;
  if (!d->stream) {
    kernel_sites(d->k, sites, checked);
    return;
  }
  for (int i = 0; i < d->stream->n_units; i++) {
    const Unit *u = d->stream->unit[i];
    if (u->finish || u->plain)
      kernel_sites(u->finish ? u->finish : u->plain, sites, checked);
  }
}

static json_t *overflow(const Design *d) {
  int sites, checked;
  report_sites(d, &sites, &checked);
  return json_pack("{s:i,s:i}", "proved", sites - checked, "runtime_checked", checked);
}

/* --target-loss: every point that was tried, the one taken by its number from 1. */
static json_t *search(const SearchResult *r, const Options *o) {
  if (!r)
    return json_null();
  json_t *points = json_array();
  for (int i = 0; i < r->n; i++) {
    const SearchPoint *p = &r->point[i];
    json_array_append_new(points, json_pack("{s:i,s:o,s:o,s:o,s:o,s:o,s:o}", "width", p->width, "price", real(p->price), "digit_bits",
                                            real(p->adder_bits), "loss", real(p->loss), "standard_error", real(p->error), "changed",
                                            real(p->changed), "rms_deviation", real(p->deviation)));
    json_t *made = json_array_get(points, (size_t)i);
    json_object_set_new(made, "lost", real(p->lost));
    json_object_set_new(made, "passes", json_boolean(p->pass));
    json_object_set_new(made, "taught", json_boolean(p->taught));
    json_object_set_new(made, "adder_bits", p->true_bits < 0 ? json_null() : real(p->true_bits));
  }
  return json_pack("{s:o,s:s,s:i,s:i,s:i,s:o}", "target_loss", real(o->target_loss), "loss",
                   r->classes  ? r->labels ? "accuracy lost on the samples held back" : "decisions changed on the samples held back"
                   : r->labels ? "growth of the RMS error on the samples held back"
                               : "RMS deviation on the samples held back, over the spread",
                   "fitted", (int)r->n_fit, "held_back", (int)r->n_held, "taken", r->best, "points", points);
}

/* How tokens of channels share the pipeline. LHC bunch crossings come at 40 MHz: what an instance of this kind serves when every channel
 * has a new sample with each, in a window of its own or not. */
static json_t *recurrent(const Design *d, const Comparison *c) {
  const Kernel *k = d->k;
  if (!k->n_state)
    return json_null();
  const double crossing_ns = 25;
  int tokens = k->steps > 1 ? k->steps : 1, interval = hir_interval_cycles(k), loop = hir_loop(k);
  int served = (int)(crossing_ns / (d->o->clock_ns * tokens));
  json_t *j = json_pack("{s:s,s:i,s:i,s:i,s:i,s:i,s:i}", "form", k->steps ? "iterative" : "stateful", "channels", k->channels, "steps",
                        k->steps, "token_interval_cycles", interval, "channel_interval_cycles", interval * k->channels, "least_channels",
                        loop, "window_latency_cycles", (tokens - 1) * interval * k->channels + vhdl_latency(k));
  json_object_set_new(j, "state_bits", json_integer(hir_state_bits(k)));
  json_object_set_new(j, "channels_at_40_mhz", json_integer(served));
  json_object_set_new(j, "instances_for_384", served ? json_integer((384 + served - 1) / served) : json_null());
  json_object_set_new(j, "instances_for_500", served ? json_integer((500 + served - 1) / served) : json_null());
  json_t *growth = json_array();
  for (int i = 0; c && i < c->n_steps; i++)
    json_array_append_new(growth, json_pack("{s:i,s:o}", "step", k->steps ? i + 1 : 1 << i, "state_rms_err",
                                            real(c->step[i].elements ? sqrt(c->step[i].sum_sq / (double)c->step[i].elements) : 0)));
  json_object_set_new(j, "error_growth", growth);
  return j;
}

void report_json(Buf *b, const Design *d, const Samples *s, const Comparison *c, int n_times, const PassTime *times) {
  const Kernel *k = d->k;
  HirCost cost = d->cost[0];
  json_t *root = json_object(), *model = json_object(), *time = json_object();
  json_object_set_new(root, "nngen", json_string(NNGEN_VERSION));
  json_object_set_new(model, "file", d->o->model ? text(path_base(d->o->model)) : json_null());
  if (d->g) {
    json_object_set_new(model, "sha256", json_string(d->g->sha256));
    json_object_set_new(model, "opset", json_integer(d->g->opset));
    json_object_set_new(model, "producer", text(d->g->producer));
    json_object_set_new(model, "params", json_integer(graph_params(d->g)));
    json_object_set_new(model, "macs", json_integer(graph_macs(d->g)));
  }
  json_object_set_new(root, "model", model);
  json_object_set_new(root, "options", options(d->o));
  json_object_set_new(root, "target",
                      json_string(d->o->target == TARGET_ALL   ? "all"
                                  : d->o->target == TARGET_HLS ? "hls"
                                  : d->o->target == TARGET_C   ? "c"
                                                               : "vhdl"));
  json_t *inputs = ports(k->n_in_ports, k->in_port);
  for (int i = 0; c && i < k->n_in_ports; i++) {
    json_t *in = json_array_get(inputs, (size_t)i);
    const LayerStats *st = &c->input[i];
    const char *from = d->g ? format_from_text(d->g->in[i]->from) : NULL;
    json_object_set_new(in, "format_from", from ? json_string(from) : json_null());
    json_object_set_new(in, "max_abs_err", real(st->max_abs_err));
    json_object_set_new(in, "saturated", json_integer((json_int_t)c->beyond[i]));
    json_object_set_new(in, "rms_err", st->elements ? real(sqrt(st->sum_sq_err / (double)st->elements)) : json_null());
    json_object_set_new(in, "output_rms_err",
                        c->n_output_values ? real(sqrt(st->output_sum_sq / (double)c->n_output_values)) : json_null());
  }
  json_object_set_new(root, "inputs", inputs);
  json_object_set_new(root, "outputs", ports(k->n_out_ports, k->out_port));
  json_object_set_new(root, "layers", layers(d, c));
  json_t *totals =
      json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:i,s:i,s:b}", "adders", (json_int_t)cost.adders, "adder_bits",
                (json_int_t)cost.adder_bits, "mults", (json_int_t)cost.mults, "luts", (json_int_t)cost.luts, "ffs", (json_int_t)cost.ffs,
                "dsps", (json_int_t)cost.dsps, "brams", (json_int_t)cost.brams, "latency_cycles", (json_int_t)design_latency(d),
                "ii_cycles", (json_int_t)design_interval(d), "depth", cost.depth, "stages", k->n_stages, "estimated", 1);
  json_object_set_new(totals, "adders3", json_integer(cost.adders3));
  json_object_set_new(root, "totals", totals);
  json_object_set_new(root, "recurrent", recurrent(d, c));
  json_object_set_new(root, "stream", stream_json(d->stream));
  json_object_set_new(root, "accuracy", c ? accuracy(k, s, c) : json_null());
  json_object_set_new(root, "search", search(d->search, d->o));
  json_object_set_new(root, "overflow", overflow(d));
  json_object_set_new(root, "verify", json_object());
  for (int i = 0; i < n_times && !getenv("SOURCE_DATE_EPOCH"); i++) /* reproducible-builds.org: nothing that changes from run to run */
    json_object_set_new(time, times[i].name, json_real(round(times[i].seconds * 1e6) / 1e6));
  json_object_set_new(root, "time_s", time);
  char *s_text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
  buf_puts(b, s_text);
  buf_puts(b, "\n");
  free(s_text);
  json_decref(root);
}
