/* SPDX-License-Identifier: Apache-2.0
 *
 * info.c - --info: the network at a glance, and a command to start from.
 */
#include "report.h"
#include <math.h>

static const char *shape(const Tensor *t) {
  Buf b = {0};
  for (int i = 0; i < t->rank; i++)
    buf_printf(&b, "%s%lld", i ? "x" : "", (long long)t->dim[i]);
  return b.s ? b.s : "scalar";
}

/* Ranges and the largest weight of one row: a node, or the nodes of an unrolled layer. */
typedef struct {
  double lo, hi, weight;
} Row;

static void widen(Row *r, const Node *n, const Samples *s) {
  for (int j = 0; j < n->n_out; j++)
    if (n->out[j])
      r->lo = fmin(r->lo, s->lo[n->out[j]->id]), r->hi = fmax(r->hi, s->hi[n->out[j]->id]);
  for (int j = 0; j < n->n_in; j++) {
    const Tensor *t = n->in[j];
    for (int64_t e = 0; t && t->value && dtype_is_float(t->dtype) && e < tensor_count(t); e++)
      r->weight = fmax(r->weight, fabs(t->value[e]));
  }
}

void report_info(const Graph *g, const Samples *s, const Options *o) {
  int I = 1;
  printf("%s: %s, opset %d, %lld parameters, %lld multiply-accumulates\n", g->file, diag_text(g->producer), g->opset,
         (long long)graph_params(g), (long long)graph_macs(g));
  printf("ranges over %zu samples (%s)\n", s->n, diag_text(s->source));
  printf("%-28s %-18s %-14s %12s %12s %12s %4s\n", "node", "operator", "output", "min", "max", "max |weight|", "I");
  for (int i = 0; i < g->n_in; i++) {
    const Tensor *t = g->in[i];
    int need = format_fit(o->W, s->lo[t->id], s->hi[t->id]);
    I = need > I ? need : I;
    printf("%-28.28s %-18s %-14s %12.5g %12.5g %12s %4d\n", diag_text(t->name), "input", shape(t), s->lo[t->id], s->hi[t->id], "", need);
  }
  for (int i = 0; i < g->n_nodes; i++) {
    Row row = {INFINITY, -INFINITY, 0};
    widen(&row, g->node[i], s);
    for (const Node *layer = g->node[i]->layer; layer && i + 1 < g->n_nodes && g->node[i + 1]->layer == layer; i++)
      widen(&row, g->node[i + 1], s);
    const Node *n = g->node[i]->layer ? g->node[i]->layer : g->node[i];
    const Tensor *t = g->node[i]->out[0] ? g->node[i]->out[0] : g->node[i]->out[g->node[i]->n_out - 1];
    const double w = row.weight;
    int need = format_fit(o->W, fmin(row.lo, -w), fmax(row.hi, w));
    I = need > I ? need : I;
    char weight[32] = "";
    if (w > 0)
      snprintf(weight, sizeof weight, "%.5g", w);
    printf("%-28.28s %-18s %-14s %12.5g %12.5g %12s %4d\n", diag_text(n->name), n->op_type, shape(t), row.lo, row.hi, weight, need);
  }
  printf("I: integer bits that hold the range at W=%d. Nothing saturates here with:\n  nngen %s --target=vhdl --q=%d,%d%s%s --verify\n",
         o->W, g->file, o->W, I, o->data ? " --data=" : "", o->data ? o->data : "");
}
