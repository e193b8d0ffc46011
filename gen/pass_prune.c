/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_prune.c - --prune and --merge. Requires: a folded graph. What is built gets other weights; everything is still compared with
 * the original ones, which are kept.
 */
#include "options.h"
#include "passes.h"
#include <math.h>

static bool is_weight(const Node *n, int at) {
  const bool conv = n->op == OP_Conv || n->op == OP_ConvTranspose;
  return (n->op == OP_Gemm || n->op == OP_MatMul || conv) && at < 2 && n->in[at] && n->in[at]->value;
}

void keep_original(Tensor *t) {
  size_t n = (size_t)tensor_count(t);
  if (t->original)
    return;
  t->original = mem_array(n + 1, sizeof *t->original);
  memcpy(t->original, t->value, n * sizeof *t->value);
}

/* Weights with |w| < t * max|w| of their tensor become 0. */
void pass_prune(Graph *g, double t) {
  for (int i = 0; i < g->n_nodes; i++)
    for (int j = 0; j < g->node[i]->n_in; j++) {
      if (!is_weight(g->node[i], j))
        continue;
      Tensor *w = g->node[i]->in[j];
      int64_t count = tensor_count(w), cut = 0;
      double most = 0;
      keep_original(w);
      for (int64_t e = 0; e < count; e++)
        most = fmax(most, fabs(w->value[e]));
      for (int64_t e = 0; e < count; e++)
        if (w->value[e] != 0 && fabs(w->value[e]) < t * most)
          w->value[e] = 0, cut++;
      diag_note(g->node[i], "pruned %lld of %lld weights", (long long)cut, (long long)count);
    }
}

/* Stored weights of a Gemm as w[input][output]. */
static double *weight(const Node *n, int64_t in, int64_t out) {
  Tensor *w = n->in[1];
  return &w->value[attr_int(n, "transB", 0) ? out * w->dim[1] + in : in * w->dim[1] + out];
}

/* The Gemm that alone reads t, perhaps through element-wise activations without parameters of their own. */
static Node *next_dense(const Graph *g, const Tensor *t) {
  for (;;) {
    Node *n;
    if (graph_uses(g, t, &n) != 1 || !n)
      return NULL;
    if (n->op == OP_Gemm && n->in[0] == t && n->in[1]->value && !attr_int(n, "transA", 0))
      return n;
    if ((op_info[n->op].kind != KIND_TABLE && n->op != OP_Relu && n->op != OP_LeakyRelu && n->op != OP_HardSigmoid) || n->n_out != 1)
      return NULL;
    t = n->out[0];
  }
}

/* Two neurons of a dense layer whose weights and bias differ by less than t times the larger's norm are one: their mean, and the next layer
 * adds its two columns. The second one's outgoing weights become 0, so that the adder graph drops it. */
void pass_merge(Graph *g, double t) {
  for (int i = 0; i < g->n_nodes; i++) {
    Node *n = g->node[i],
         *next = n->op == OP_Gemm && n->in[1]->value && n->out[0]->rank == 2 && n->out[0]->dim[0] == 1 ? next_dense(g, n->out[0]) : NULL;
    if (!next || !n->in[2] || !n->in[2]->value || tensor_count(n->in[2]) != n->out[0]->dim[1])
      continue;
    int64_t outs = n->out[0]->dim[1], ins = tensor_count(n->in[1]) / outs, after = next->out[0]->dim[1], merged = 0;
    double *bias = n->in[2]->value;
    keep_original(n->in[1]), keep_original(n->in[2]), keep_original(next->in[1]);
    bool *gone = mem_array((size_t)outs + 1, sizeof *gone);
    for (int64_t a = 0; a < outs; a++)
      for (int64_t b = a + 1; b < outs && !gone[a]; b++) {
        double diff = (bias[a] - bias[b]) * (bias[a] - bias[b]), na = bias[a] * bias[a], nb = bias[b] * bias[b];
        for (int64_t e = 0; e < ins; e++) {
          double wa = *weight(n, e, a), wb = *weight(n, e, b);
          diff += (wa - wb) * (wa - wb), na += wa * wa, nb += wb * wb;
        }
        if (gone[b] || sqrt(diff) >= t * sqrt(fmax(na, nb)))
          continue;
        for (int64_t e = 0; e < ins; e++)
          *weight(n, e, a) = (*weight(n, e, a) + *weight(n, e, b)) / 2;
        bias[a] = (bias[a] + bias[b]) / 2;
        for (int64_t e = 0; e < after; e++) {
          *weight(next, a, e) += *weight(next, b, e);
          *weight(next, b, e) = 0;
        }
        gone[b] = true, merged++;
      }
    n->merged = (int)merged;
    diag_note(n, "merged %lld of %lld neurons", (long long)merged, (long long)outs);
  }
}
