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

/* Stored weights of a dense layer as w[input][output]. */
static double *weight(const Node *n, int64_t in, int64_t out) {
  Tensor *w = n->in[1];
  return &w->value[attr_int(n, "transB", 0) ? out * w->dim[1] + in : in * w->dim[1] + out];
}

static bool is_dense(const Node *n) {
  return (n->op == OP_Gemm && n->in[1]->value && !attr_int(n, "transA", 0)) ||
         (n->op == OP_MatMul && n->in[1]->value && !n->in[0]->value && n->in[1]->rank == 2);
}

/* Of a dense layer whose neurons are one row; of MatMul the constant that alone is added to it. */
static Tensor *bias_of(const Graph *g, const Node *n) {
  const Tensor *y = n->out[0];
  Tensor *b = n->op == OP_Gemm && n->n_in > 2 ? n->in[2] : NULL;
  Node *reader = NULL;
  if (n->op == OP_MatMul && graph_uses(g, y, &reader) == 1 && reader && reader->op == OP_Add)
    b = reader->in[0]->value ? reader->in[0] : reader->in[1];
  return y->rank == 2 && y->dim[0] == 1 && b && b->value && tensor_count(b) == y->dim[1] && graph_uses(g, b, NULL) == 1 ? b : NULL;
}

/* The dense layer that alone reads t, perhaps through the bias and element-wise activations without parameters of their own. */
static Node *next_dense(const Graph *g, const Tensor *t, const Tensor *bias) {
  for (;;) {
    Node *n;
    if (graph_uses(g, t, &n) != 1 || !n)
      return NULL;
    if (is_dense(n) && n->in[0] == t)
      return n;
    const bool adds = n->op == OP_Add && (n->in[0] == bias || n->in[1] == bias);
    if ((op_info[n->op].kind != KIND_TABLE && n->op != OP_Relu && n->op != OP_LeakyRelu && n->op != OP_HardSigmoid && !adds) ||
        n->n_out != 1)
      return NULL;
    t = n->out[0];
  }
}

/* Two neurons of a dense layer whose weights and bias differ by less than t times the larger's norm are one: their mean, and the next layer
 * adds its two columns. The second one's outgoing weights become 0, so that the adder graph drops it. */
void pass_merge(Graph *g, double t) {
  for (int i = 0; i < g->n_nodes; i++) {
    Node *n = g->node[i];
    Tensor *b = is_dense(n) ? bias_of(g, n) : NULL;
    Node *next = b ? next_dense(g, n->out[0], b) : NULL;
    if (!next)
      continue;
    int64_t outs = n->out[0]->dim[1], ins = tensor_count(n->in[1]) / outs, after = next->out[0]->dim[next->out[0]->rank - 1], merged = 0;
    double *bias = b->value;
    keep_original(n->in[1]), keep_original(b), keep_original(next->in[1]);
    bool *gone = mem_array((size_t)outs + 1, sizeof *gone);
    for (int64_t a = 0; a < outs; a++)
      for (int64_t c = a + 1; c < outs && !gone[a]; c++) {
        double diff = (bias[a] - bias[c]) * (bias[a] - bias[c]), na = bias[a] * bias[a], nc = bias[c] * bias[c];
        for (int64_t e = 0; e < ins; e++) {
          double wa = *weight(n, e, a), wc = *weight(n, e, c);
          diff += (wa - wc) * (wa - wc), na += wa * wa, nc += wc * wc;
        }
        if (gone[c] || sqrt(diff) >= t * sqrt(fmax(na, nc)))
          continue;
        for (int64_t e = 0; e < ins; e++)
          *weight(n, e, a) = (*weight(n, e, a) + *weight(n, e, c)) / 2;
        bias[a] = (bias[a] + bias[c]) / 2;
        for (int64_t e = 0; e < after; e++) {
          *weight(next, a, e) += *weight(next, c, e);
          *weight(next, c, e) = 0;
        }
        gone[c] = true, merged++;
      }
    n->merged = (int)merged;
    diag_note(n, "merged %lld of %lld neurons", (long long)merged, (long long)outs);
  }
}
