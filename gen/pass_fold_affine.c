/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_fold_affine.c - requires: shapes; pass_fuse has run. Keeps: meaning (in double precision), order, names of inputs and outputs.
 * Afterwards there is no BatchNormalization; constant factors and offsets after a Gemm or a convolution, and factors after a MatMul, are in
 * its weights and bias (a MatMul's offset stays an Add); runs of constant factors, or of offsets, are one node; alpha and beta of Gemm
 * are 1.
 */
#include "op.h"

#include <math.h>

/* ---- constants ---- */

/* The constant operand of a two-input node; *x gets the other one. NULL when there is none, or when it widens the output. */
static const Tensor *const_operand(const Node *n, Tensor **x) {
  int k = n->n_in == 2 && n->in[1]->value ? 1 : n->n_in == 2 && n->in[0]->value ? 0 : -1;
  if (k < 0 || n->in[!k]->value || !dtype_is_float(n->in[k]->dtype))
    return NULL;
  *x = n->in[!k];
  bool same = (*x)->rank == n->out[0]->rank && memcmp((*x)->dim, n->out[0]->dim, (size_t)(*x)->rank * sizeof(int64_t)) == 0;
  return same ? n->in[k] : NULL;
}

static bool is_conv(const Node *p) {
  return p->op == OP_Conv || p->op == OP_ConvTranspose;
}

/* One number, or one for each output channel of p: the last axis of its output, or axis 1 behind a convolution. */
static bool per_column(const Tensor *c, const Node *p) {
  const Tensor *y = p->out[0];
  int64_t n = tensor_count(c);
  int axis = is_conv(p) ? 1 - y->rank : -1; /* from the end */
  return n == 1 || (c->rank + axis >= 0 && n == y->dim[y->rank + axis] && c->dim[c->rank + axis] == n);
}

static double column(const Tensor *c, int64_t i) {
  return c->value[tensor_count(c) == 1 ? 0 : i];
}

/* A constant of the same name and type, f of the elements of both. */
static Tensor *combine(Graph *g, const Node *n, const Tensor *a, const Tensor *b, bool multiply) {
  int rank;
  int64_t dim[MAX_RANK];
  if (!broadcast_shape(n, a->rank, a->dim, b->rank, b->dim, &rank, dim))
    return NULL;
  Tensor *t = graph_const(g, a->name, a->dtype, rank, dim, NULL);
  Walk w;
  walk_start(&w, rank, dim);
  walk_operand(&w, 0, a->rank, a->dim);
  walk_operand(&w, 1, b->rank, b->dim);
  for (int64_t i = 0; w.left; walk_next(&w), i++)
    t->value[i] = multiply ? a->value[w.at[0]] * b->value[w.at[1]] : a->value[w.at[0]] + b->value[w.at[1]];
  return t;
}

static Tensor *copy(Graph *g, const Tensor *t) {
  return graph_const(g, t->name, t->dtype, t->rank, t->dim, t->value);
}

/* ---- the form that folding works on: Mul and Add by a constant ---- */

/* x * scale + offset, with the statistics in one constant each; channels are axis 1. */
static void split_batchnorm(Graph *g, Node *n) {
  const Tensor *x = n->in[0];
  for (int k = 1; k < 5; k++)
    if (!n->in[k]->value) {
      diag_error(EXIT_UNSUPPORTED, n, "'%s' must be a constant", diag_text(n->in[k]->name));
      return;
    }
  int64_t channels = n->in[1]->dim[0], dim[MAX_RANK] = {channels, 1, 1, 1, 1, 1, 1, 1};
  int rank = x->rank > 1 ? x->rank - 1 : 0;
  Tensor *scale = graph_const(g, mem_printf("%s.scale", n->name), x->dtype, rank, dim, NULL);
  Tensor *offset = graph_const(g, mem_printf("%s.offset", n->name), x->dtype, rank, dim, NULL);
  for (int64_t c = 0; c < channels; c++) {
    scale->value[c] = n->in[1]->value[c] / sqrt(n->in[4]->value[c] + attr_float(n, "epsilon", 1e-5));
    offset->value[c] = n->in[2]->value[c] - n->in[3]->value[c] * scale->value[c];
  }
  Tensor *product = graph_tensor(g, scale->name, x->dtype);
  set_shape(n, product, x->dtype, x->rank, x->dim);
  graph_insert(g, n, "Mul", scale->name, 2, (Tensor *[]){n->in[0], scale}, 1, &product);
  graph_insert(g, n, "Add", n->name, 2, (Tensor *[]){product, offset}, 1, n->out);
  graph_remove(g, n);
}

/* Sub and Div by a constant become Add and Mul. */
static void canonical(Graph *g, Node *n) {
  if ((n->op != OP_Sub && n->op != OP_Div) || !n->in[1]->value || n->in[0]->value || !dtype_is_float(n->in[1]->dtype))
    return;
  Tensor *c = copy(g, n->in[1]);
  int64_t count = tensor_count(c);
  for (int64_t i = 0; i < count; i++)
    if (n->op == OP_Div && c->value[i] == 0)
      return;
    else
      c->value[i] = n->op == OP_Sub ? -c->value[i] : 1 / c->value[i];
  n->in[1] = c;
  n->op = n->op == OP_Sub ? OP_Add : OP_Mul;
  n->op_type = op_info[n->op].name;
}

/* alpha and beta go into constants. */
static void plain_gemm(Graph *g, Node *n) {
  double alpha = attr_float(n, "alpha", 1), beta = attr_float(n, "beta", 1);
  const Tensor *c = n->n_in > 2 ? n->in[2] : NULL;
  int k = n->in[1]->value ? 1 : 0;
  if ((alpha == 1 && (beta == 1 || !c)) || !n->in[k]->value || (c && !c->value))
    return;
  double s[2] = {alpha, beta};
  for (int i = 0; i < (c ? 2 : 1); i++) {
    Tensor *t = copy(g, n->in[i ? 2 : k]);
    int64_t count = tensor_count(t);
    for (int64_t e = 0; e < count; e++)
      t->value[e] *= s[i];
    n->in[i ? 2 : k] = t;
  }
  attr_set_float(n, "alpha", 1);
  attr_set_float(n, "beta", 1);
}

/* ---- folding into weights ---- */

/* A Gemm, MatMul or convolution with constant weights of which n is the only reader. */
static Node *weights_before(const Graph *g, const Tensor *x) {
  Node *p = x->producer;
  if (!p || (p->op != OP_Gemm && p->op != OP_MatMul && !is_conv(p)) || graph_uses(g, x, NULL) != 1 || !p->in[1]->value ||
      (p->in[1]->rank != 2 && !is_conv(p)))
    return NULL;
  if (p->n_in > 2 && p->in[2] && !p->in[2]->value)
    return NULL;
  if (p->op == OP_Gemm && (attr_float(p, "alpha", 1) != 1 || attr_float(p, "beta", 1) != 1))
    return NULL;
  return p;
}

/* The output channel that weight i belongs to. */
static int64_t channel_of(const Node *p, int64_t i) {
  const Tensor *w = p->in[1];
  if (p->op == OP_Conv)
    return i / (tensor_count(w) / w->dim[0]);
  if (p->op == OP_ConvTranspose) { /* weights are [inputs of all groups][outputs of one group][taps] */
    int64_t inputs = w->dim[0] / attr_int(p, "group", 1), taps = tensor_count(w) / w->dim[0] / w->dim[1];
    return i / (tensor_count(w) / w->dim[0]) / inputs * w->dim[1] + i / taps % w->dim[1];
  }
  return p->op == OP_Gemm && attr_int(p, "transB", 0) ? i / w->dim[1] : i % w->dim[1];
}

/* A constant for the channels of a convolution, as its bias is shaped; others as they are. */
static const Tensor *as_bias(Graph *g, const Node *p, const Tensor *c) {
  return is_conv(p) ? graph_const(g, c->name, c->dtype, tensor_count(c) > 1, (int64_t[]){tensor_count(c)}, c->value) : c;
}

/* Columns of the product times c (or -1). */
static void scale_weights(Graph *g, Node *p, const Tensor *c) {
  Tensor *b = copy(g, p->in[1]);
  int64_t count = tensor_count(b);
  for (int64_t i = 0; i < count; i++)
    b->value[i] *= c ? column(c, channel_of(p, i)) : -1;
  p->in[1] = b;
  if (p->op == OP_MatMul || p->n_in < 3 || !p->in[2])
    return;
  Tensor minus = {.rank = 0, .value = (double[]){-1}};
  p->in[2] = combine(g, p, p->in[2], c ? as_bias(g, p, c) : &minus, true);
}

static void add_bias(Graph *g, Node *p, const Tensor *c) {
  if (p->n_in > 2 && p->in[2]) {
    p->in[2] = combine(g, p, p->in[2], as_bias(g, p, c), false);
    return;
  }
  Tensor *bias = graph_const(g, mem_printf("%s.bias", p->name), p->in[1]->dtype, 1, &p->out[0]->dim[1], NULL);
  for (int64_t i = 0; i < bias->dim[0]; i++)
    bias->value[i] = column(c, i);
  p->in = memcpy(mem_array(3, sizeof *p->in), p->in, 2 * sizeof *p->in);
  p->in[2] = bias;
  p->n_in = 3;
}

/* n has been taken into its run-time operand. */
static void swallow(Graph *g, Node *n, Tensor *x) {
  n->in[0] = x;
  n->n_in = 1;
  graph_bypass(g, n);
}

/* n, a Mul, Add, Sub from a constant, or Neg, goes into the node before. True when n is gone. */
static bool fold(Graph *g, Node *n) {
  Tensor *x = n->op == OP_Neg ? n->in[0] : NULL;
  const Tensor *c = x ? NULL : const_operand(n, &x);
  if (!x || x->rank < 1 || !dtype_is_float(x->dtype))
    return false;
  Node *p = weights_before(g, x), *before = x->producer;
  bool factor = n->op == OP_Mul || n->op == OP_Neg, fits = !c || (p && per_column(c, p));
  if (p && fits && (factor || n->op == OP_Sub)) {
    scale_weights(g, p, factor ? c : NULL);
    if (factor) {
      swallow(g, n, x);
      return true;
    }
    n->op = OP_Add; /* c - x, and x is negated now */
    n->op_type = "Add";
    n->in[0] = x;
    n->in[1] = (Tensor *)c;
  }
  if (p && fits && n->op == OP_Add && p->op != OP_MatMul) {
    add_bias(g, p, c);
    swallow(g, n, x);
    return true;
  }
  Tensor *y;
  const Tensor *d =
      before && (before->op == OP_Add || before->op == OP_Mul) && graph_uses(g, x, NULL) == 1 ? const_operand(before, &y) : NULL;
  if (!d)
    return false;
  if (c && before->op == n->op && (n->op == OP_Add || n->op == OP_Mul)) { /* (y + d) + c, (y * d) * c */
    before->in[0] = y;
    before->in[1] = combine(g, n, d, c, n->op == OP_Mul);
    swallow(g, n, x);
    return true;
  }
  p = before->op == OP_Add && factor ? weights_before(g, y) : NULL;
  if (!p || !per_column(d, p) || (c && !per_column(c, p)))
    return false;
  scale_weights(g, p, c); /* (y + d) * c */
  Tensor minus = {.rank = 0, .value = (double[]){-1}};
  before->in[0] = y;
  before->in[1] = combine(g, n, d, c ? c : &minus, true);
  swallow(g, n, x);
  return true;
}

void pass_fold_affine(Graph *g) {
  for (int i = 0; i < g->n_nodes; i++)
    if (g->node[i]->op == OP_BatchNormalization)
      split_batchnorm(g, g->node[i]);
  for (int i = 0; i < g->n_nodes; i++)
    if (g->node[i]->op == OP_Gemm)
      plain_gemm(g, g->node[i]);
    else
      canonical(g, g->node[i]);
  for (int i = 0; i < g->n_nodes; i++) {
    OpId op = g->node[i]->op;
    if ((op == OP_Mul || op == OP_Add || op == OP_Sub || op == OP_Neg) && fold(g, g->node[i]))
      i--;
  }
}
