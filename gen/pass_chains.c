/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_chains.c - Requires: pass_quantized, pass_fuse and pass_fold_affine have run. Keeps: order, names of inputs and outputs, and the
 * meaning, but for where float32 rounds. Afterwards what computes one number from one number in front of a Requantize (the scale of the
 * sums, a bias in real numbers, batch normalisation, activations) is its chain: a function of the whole sum, which lower_quant.c turns into
 * integer arithmetic that equals it for every sum there can be.
 *
 * Where the chain is only a scale and ReLUs behind a sum of products, the two scales are one float32 factor, s_x * s_w / s_y: that is what
 * onnxruntime multiplies by. Everything else is computed step by step.
 */
#include "pass_quantized.h"

#include <math.h>

static bool grows(OpId op) {
  switch (op) {
  case OP_Scale:
  case OP_Offset:
  case OP_Requantize:
  case OP_Relu:
  case OP_Clip:
  case OP_HardSigmoid:
  case OP_ThresholdedRelu:
  case OP_Sigmoid:
  case OP_Tanh:
  case OP_Softplus:
  case OP_Softsign:
  case OP_Erf:
  case OP_Exp:
  case OP_Floor:
  case OP_Ceil:
  case OP_Round:
  case OP_Sign:
  case OP_Add:
  case OP_Sub:
  case OP_Neg:
    return true;
  default:
    return false;
  }
}

/* Monotone because of a parameter. */
static bool grows_here(const Node *n) {
  double lo = 0, hi = 0;
  switch (n->op) {
  case OP_LeakyRelu:
  case OP_Elu:
  case OP_Celu:
    return attr_float(n, "alpha", n->op == OP_LeakyRelu ? 0.01 : 1) >= 0;
  case OP_Selu:
    return attr_float(n, "alpha", 1.6732632) >= 0 && attr_float(n, "gamma", 1.050701) > 0;
  case OP_PRelu:
  case OP_Mul:
  case OP_Div:
    for (int k = 0; k < 2; k++)
      for (int64_t i = 0; n->in[k]->value && i < tensor_count(n->in[k]); i++)
        lo = fmin(lo, n->in[k]->value[i]), hi = fmax(hi, n->in[k]->value[i]);
    return lo >= 0 || (hi <= 0 && n->op != OP_PRelu);
  default:
    return grows(n->op);
  }
}

static bool same_shape(const Tensor *a, const Tensor *b) {
  return a->rank == b->rank && memcmp(a->dim, b->dim, (size_t)a->rank * sizeof *a->dim) == 0;
}

/* The input that is not constant, where n computes each element from that one's same element; NULL otherwise. */
static Tensor *running(const Node *n, bool any) {
  bool elementwise = grows_here(n) || (n->op == OP_Cast && dtype_is_float(n->out[0]->dtype) && !n->in[0]->value);
  if (!elementwise && any) /* of a few bits: a table */
    elementwise = n->op == OP_Mul || n->op == OP_Div || n->op == OP_PRelu || n->op == OP_Abs || n->op == OP_Gelu || n->op == OP_Swish ||
                  n->op == OP_Mish || n->op == OP_HardSwish || n->op == OP_LeakyRelu || n->op == OP_Sin || n->op == OP_Cos;
  Tensor *x = NULL;
  for (int k = 0; elementwise && k < n->n_in; k++)
    if (n->in[k] && !n->in[k]->value) {
      if (x)
        return NULL;
      x = n->in[k];
    }
  if (n->op == OP_Div && n->in[0]->value) /* a pole */
    return NULL;
  return x && n->n_out == 1 && n->n_chain == 0 && same_shape(x, n->out[0]) ? x : NULL;
}

bool code_range(const Tensor *t, double *lo, double *hi) {
  const Node *n = t->producer;
  double a, b;
  if (!n)
    return !t->value && dtype_range(t->dtype, lo, hi);
  if (n->op == OP_Requantize) {
    *lo = (double)attr_int(n, "lo", 0), *hi = (double)attr_int(n, "hi", 0);
    for (int64_t i = 0, first = 1; n->n_in > 2 && n->in[2] && i < tensor_count(n->in[2]); i++, first = 0) {
      a = (double)attr_int(n, "lo", 0) - n->in[2]->value[i], b = (double)attr_int(n, "hi", 0) - n->in[2]->value[i];
      *lo = first ? a : fmin(*lo, a), *hi = first ? b : fmax(*hi, b);
    }
    return *hi - *lo < ldexp(1, 26);
  }
  if (n->op == OP_Offset && n->in[1]->value && code_range(n->in[0], lo, hi)) {
    for (int64_t i = 0; i < tensor_count(n->in[1]); i++)
      a = i ? fmin(a, n->in[1]->value[i]) : n->in[1]->value[0], b = i ? fmax(b, n->in[1]->value[i]) : n->in[1]->value[0];
    *lo += a, *hi += b;
    return true;
  }
  if (n->op == OP_Relu && code_range(n->in[0], lo, hi)) {
    *lo = fmax(*lo, 0), *hi = fmax(*hi, 0);
    return true;
  }
  if (op_info[n->op].kind != KIND_MOVE || n->op == OP_Cast || n->op == OP_Gather || !n->in[0] || !code_range(n->in[0], lo, hi))
    return false;
  *lo = fmin(*lo, 0), *hi = fmax(*hi, 0); /* padding */
  for (int k = 1; n->op == OP_Concat && k < n->n_in; k++) {
    if (!code_range(n->in[k], &a, &b))
      return false;
    *lo = fmin(*lo, a), *hi = fmax(*hi, b);
  }
  return n->op != OP_Pad || n->n_in < 3 || !n->in[2];
}

bool quantised_input(const Graph *g, const Tensor *t, const Node **how) {
  double v = 0, w = 0;
  *how = NULL;
  if (!dtype_is_float(t->dtype) || graph_is_output(g, t))
    return false;
  for (int i = 0; i < g->n_nodes; i++)
    for (int k = 0; k < g->node[i]->n_in; k++) {
      const Node *n = g->node[i], *first = *how;
      if (n->in[k] != t)
        continue;
      if (n->op != OP_Requantize || n->n_chain || attr_int(n, "mode", 0) != QUANT_HALF_EVEN || n->n_in < 2 || !one_value(n->in[1], &v) ||
          (n->n_in > 2 && !one_value(n->in[2], &w)) || attr_int(n, "hi", 0) - attr_int(n, "lo", 0) > 65535)
        return false;
      if (first &&
          (first->n_in != n->n_in || attr_int(first, "lo", 0) != attr_int(n, "lo", 0) || attr_int(first, "hi", 0) != attr_int(n, "hi", 0) ||
           first->in[1]->value[0] != n->in[1]->value[0] || (n->n_in > 2 && first->in[2]->value[0] != n->in[2]->value[0])))
        return false;
      *how = n;
    }
  return *how != NULL;
}

/* Sums, products and moves: exact where their inputs are. */
static bool keeps_exact(const Node *n) {
  switch (n->op) {
  case OP_Requantize:
  case OP_Offset:
  case OP_MatMul:
  case OP_Gemm:
  case OP_Conv:
  case OP_ConvTranspose:
  case OP_Add:
  case OP_Sub:
  case OP_Neg:
  case OP_Sum:
  case OP_Mul:
  case OP_Relu:
  case OP_Max:
  case OP_Min:
  case OP_ReduceSum:
  case OP_ReduceMax:
  case OP_ReduceMin:
  case OP_ArgMax:
  case OP_ArgMin:
    return true;
  case OP_AveragePool:
  case OP_GlobalAveragePool:
    return attr_int(n, "sum", 0) != 0;
  default:
    return op_info[n->op].kind == KIND_MOVE;
  }
}

/* Weights in a format of their own hold what they are; those of quant.c are rounded. */
static bool exact_const(const Node *n, const Tensor *t) {
  return n->op == OP_Requantize || n->op == OP_Offset || n->op == OP_Scale || !dtype_is_float(t->dtype) || t->fmt.W;
}

/* Whole sums, real numbers that are sums of some with scales, or numbers in the fixed-point format of an input. */
static bool exact(const Tensor *t) {
  const Node *n = t->producer;
  if (!n || n->op == OP_Requantize)
    return true;
  if (!keeps_exact(n) && n->op != OP_Scale)
    return false;
  for (int k = 0; k < n->n_in; k++)
    if (n->in[k] && !(n->in[k]->value ? exact_const(n, n->in[k]) : exact(n->in[k])))
      return false;
  return true;
}

static bool is_whole(const Node *n) {
  bool whole = keeps_exact(n);
  for (int k = 0; k < n->n_in && n->op != OP_Requantize; k++) {
    double lo, hi;
    const Tensor *t = n->in[k];
    whole = whole && (!t || t->whole || (t->value ? exact_const(n, t) : !t->producer && dtype_range(t->dtype, &lo, &hi)));
  }
  return whole;
}

/* Sums of products. */
static bool is_dense(const Tensor *t) {
  const Node *n = t->producer;
  return n && (n->op == OP_MatMul || n->op == OP_Gemm || n->op == OP_Conv || n->op == OP_ConvTranspose || n->op == OP_AveragePool ||
               n->op == OP_GlobalAveragePool || n->op == OP_ReduceSum);
}

static Tensor *quotient(Graph *g, const Tensor *a, const Tensor *b, double divide) {
  Tensor *t = graph_const(g, a->name, DT_FLOAT, a->rank, a->dim, NULL);
  for (int64_t i = 0; i < tensor_count(t); i++) {
    const double s = b ? b->value[0] : 1;
    t->value[i] = divide == 1 ? (float)((float)a->value[i] / (float)s) : (float)((float)a->value[i] / (float)((float)s * (float)divide));
  }
  return t;
}

/* One factor instead of two scales; see above. */
static void merge_scales(Graph *g, Node *q) {
  Node *s = q->chain[0];
  double v;
  if (s->op != OP_Scale || !is_dense(q->in[0]) || attr_int(q, "mode", 0) != QUANT_HALF_EVEN ||
      (q->n_in > 1 && q->in[1] && !one_value(q->in[1], &v)))
    return;
  for (int i = 1; i < q->n_chain; i++)
    if (q->chain[i]->op != OP_Relu)
      return;
  Node *merged = mem_alloc(sizeof *merged);
  *merged = *s;
  merged->in = mem_array(2, sizeof(Tensor *));
  merged->in[0] = s->in[0];
  merged->in[1] = quotient(g, s->in[1], q->n_in > 1 ? q->in[1] : NULL, (double)attr_int(s, "divide", 1));
  merged->n_attr = 0;
  q->chain[0] = merged;
  if (q->n_in > 1)
    q->in[1] = NULL;
}

static void make_chain(Graph *g, Node *q) {
  enum { LONGEST = 32 };
  Node *step[LONGEST];
  int n = 0;
  double lo, hi;
  Tensor *x = q->in[0];
  while (n < LONGEST && x->producer && graph_uses(g, x, NULL) == 1) {
    Tensor *below = running(x->producer, true);
    if (!below || (x->producer->op == OP_Requantize && code_range(x, &lo, &hi)))
      break; /* few codes are a better argument than what they are made from */
    step[n++] = x->producer;
    x = below;
  }
  const bool any = code_range(x, &lo, &hi) && hi - lo < 4096; /* a table may do what it wants */
  for (int i = 0; !any && i < n; i++)
    if (!running(step[i], false)) {
      n = i;
      x = step[i]->out[0];
    }
  if (!exact(x))
    diag_warn(
        q,
        "quantises '%s' ('%s'), which is computed in fixed point and not in integers: near the middle between two integers it may give "
        "the other one than float does",
        diag_text(x->name), x->producer ? x->producer->op_type : "input");
  if (!n)
    return;
  q->chain = mem_array((size_t)n, sizeof(Node *));
  q->n_chain = n;
  q->in[0] = x;
  for (int i = 0; i < n; i++) {
    q->chain[i] = step[n - 1 - i];
    graph_remove(g, step[i]);
  }
  merge_scales(g, q);
}

void pass_chains(Graph *g) {
  const int count = g->n_nodes;
  Node **node = memcpy(mem_array((size_t)count + 1, sizeof *node), g->node, (size_t)count * sizeof *node);
  bool quantised = false; /* other networks have the formats they are told to have */
  for (int i = 0; i < count; i++)
    quantised |= node[i]->op == OP_Requantize || node[i]->op == OP_Scale || node[i]->op == OP_Offset;
  for (int i = count - 1; i >= 0; i--)
    if (node[i]->op == OP_Requantize && node[i]->out[0]->producer == node[i]) /* not in a later one's chain */
      make_chain(g, node[i]);
  for (int i = 0; i < g->n_nodes; i++)
    for (int k = 0; k < g->node[i]->n_out; k++)
      if (g->node[i]->out[k])
        g->node[i]->out[k]->whole = quantised && is_whole(g->node[i]);
}
