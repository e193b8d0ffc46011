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
    const Node *n = g->node[i];
    const Tensor *t = n->out[0];
    double w = 0;
    for (int j = 0; j < n->n_in; j++)
      for (int64_t e = 0; n->in[j] && n->in[j]->value && e < tensor_count(n->in[j]); e++)
        w = fmax(w, fabs(n->in[j]->value[e]));
    int need = format_fit(o->W, fmin(s->lo[t->id], -w), fmax(s->hi[t->id], w));
    I = need > I ? need : I;
    char weight[32] = "";
    if (w > 0)
      snprintf(weight, sizeof weight, "%.5g", w);
    printf("%-28.28s %-18s %-14s %12.5g %12.5g %12s %4d\n", diag_text(n->name), n->op_type, shape(t), s->lo[t->id], s->hi[t->id], weight,
           need);
  }
  printf("I: integer bits that hold the range at W=%d. Nothing saturates here with:\n  nngen %s --target=vhdl --q=%d,%d%s%s --verify\n",
         o->W, g->file, o->W, I, o->data ? " --data=" : "", o->data ? o->data : "");
}
