/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_quantized_ops.c - part of pass_quantized: operators on codes, the scale behind them.
 *
 * The scale behind a dense layer is the float32 product of its operands' scales; onnxruntime's QLinear kernels multiply the whole sum by it
 * divided by the output's (pass_chains.c does the same). A bias quantised with just that scale is part of the whole sum.
 */
#include "pass_quantized.h"
#include "window.h"

#include <math.h>

/* The Scale that makes t, when one factor is for all elements. */
static Node *scaled(const Tensor *t, double *factor) {
  Node *s = made_by(t, OP_Scale);
  return s && !node_attr(s, "divide") && one_value(s->in[1], factor) ? s : NULL;
}

static bool is_conv(const Node *n) {
  return n->op == OP_Conv || n->op == OP_ConvTranspose;
}

/* Axis of a dense layer's weights (its input `at`) that is its output channels; -1: there is none, or it is not the last of the output. */
static int channel_axis(const Node *n, int at) {
  if (is_conv(n))
    return at != 1 ? -1 : n->op == OP_Conv ? 0 : attr_int(n, "group", 1) == 1 ? 1 : -1;
  if (at != 1 || n->in[1]->rank < 2)
    return -1;
  return n->op == OP_Gemm && attr_int(n, "transB", 0) ? 0 : n->in[1]->rank - 1;
}

/* Scale of a dense layer's input `at` as a list: one, or one for each output channel. 0 where it is neither. */
static int64_t scale_list(const Node *n, int at, const double **list) {
  static const double one = 1;
  const Node *s = made_by(n->in[at], OP_Scale);
  double v;
  *list = &one;
  if (!s)
    return 1;
  *list = s->in[1]->value;
  if (node_attr(s, "divide"))
    return 0;
  if (one_value(s->in[1], &v))
    return 1;
  const Tensor *p = s->in[1];
  const int axis = channel_axis(n, at);
  for (int i = 0; i < p->rank; i++)
    if (p->dim[i] != 1 && i + n->in[at]->rank - p->rank != axis)
      return 0;
  return tensor_count(p);
}

/* A constant that broadcasts to n's output: one element, or one for each output channel. */
static Tensor *per_channel(Graph *g, const Node *n, const char *part, int64_t count, const double *v) {
  int64_t dim[MAX_RANK] = {count, 1, 1, 1, 1, 1, 1, 1};
  const int rank = count == 1 ? 0 : is_conv(n) ? n->out[0]->rank - 1 : 1;
  return graph_const(g, mem_printf("%s.%s", n->name, part), DT_FLOAT, rank, dim, v);
}

static bool near(double a, double b) {
  return fabs(a - b) <= 1e-6 * fabs(b);
}

/* Bias codes, where the bias is quantised with the scale of the sums. */
static Tensor *whole_bias(Graph *g, const Node *n, int64_t count, const double *scale) {
  const Tensor *b = n->in[2];
  const Node *s = made_by(b, OP_Scale);
  if (!s || !s->in[0]->value || node_attr(s, "divide") || (n->op == OP_Gemm && attr_float(n, "beta", 1) != 1))
    return NULL;
  Walk w;
  walk_start(&w, b->rank, b->dim);
  walk_operand(&w, 0, s->in[1]->rank, s->in[1]->dim);
  const int64_t channels = b->rank ? b->dim[b->rank - 1] : 1;
  for (int64_t i = 0; w.left; walk_next(&w), i++)
    if (!near(s->in[1]->value[w.at[0]], scale[count == 1 || channels == 1 ? 0 : i % channels]))
      return NULL;
  return codes_const(g, b->name, b->rank, b->dim, s->in[0]->value);
}

/* Another bias is added behind the scale, in the numbers it stands for. */
static void late_bias(Graph *g, Node *n, Tensor *bias) {
  Tensor *sum = graph_tensor(g, mem_printf("%s.sum", n->out[0]->name), DT_FLOAT), *out = n->out[0];
  const double beta = n->op == OP_Gemm ? attr_float(n, "beta", 1) : 1;
  int at = 0;
  while (g->node[at] != n)
    at++;
  Node *next = at + 1 < g->n_nodes ? g->node[at + 1] : NULL;
  set_shape(n, sum, DT_FLOAT, out->rank, out->dim);
  n->out[0] = sum;
  sum->producer = n;
  if (is_conv(n) && bias->value) {
    int64_t dim[MAX_RANK] = {tensor_count(bias), 1, 1, 1, 1, 1, 1, 1};
    bias = graph_const(g, bias->name, DT_FLOAT, out->rank - 1, dim, bias->value);
  }
  if (beta != 1) {
    Tensor *scaled_bias = graph_tensor(g, mem_printf("%s.beta", n->name), DT_FLOAT);
    Tensor *factor = graph_const(g, scaled_bias->name, DT_FLOAT, 0, NULL, &beta);
    Node *m = graph_insert(g, n, "Mul", scaled_bias->name, 2, (Tensor *[]){bias, factor}, 1, &scaled_bias);
    if (infer_node(g, m) == KNOWN_VALUE)
      graph_remove(g, m);
    bias = scaled_bias;
  }
  graph_insert(g, next, "Add", mem_printf("%s.bias", n->name), 2, (Tensor *[]){sum, bias}, 1, &out)->index = n->index;
}

/* Multiplies out a Scale of a constant. */
static Tensor *multiplied_out(Graph *g, Tensor *t) {
  Node *s = made_by(t, OP_Scale);
  if (!s || !s->in[0]->value)
    return t;
  Tensor *v = graph_const(g, t->name, DT_FLOAT, t->rank, t->dim, NULL);
  eval_scale(s, (const double *[]){s->in[0]->value, s->in[1]->value}, (double *[]){v->value});
  return v;
}

/* Weights that are short binary fractions, as exporters that fold quantisation leave them, keep their values: a format for them. */
static void exact_weights(Tensor *t) {
  enum { MOST_BITS = 12, MOST_PLACES = 30 };
  if (!t->value || t->fmt.W || !dtype_is_float(t->dtype))
    return;
  const int64_t count = tensor_count(t);
  double most = 0;
  int frac = 0;
  for (int64_t i = 0; i < count; i++) {
    most = fmax(most, fabs(t->value[i]));
    while (frac <= MOST_PLACES && ldexp(t->value[i], frac) != nearbyint(ldexp(t->value[i], frac)))
      frac++;
  }
  if (frac > MOST_PLACES || ldexp(most, frac) >= ldexp(1, MOST_BITS - 1))
    return;
  int bits = 2;
  while (ldexp(most, frac) > ldexp(1, bits - 1) - 1)
    bits++;
  t->fmt = (Format){bits, bits - frac, true};
}

/* x y s_x s_y: at least one operand has a scale, and weights that are no codes are left alone. */
static void dense(Graph *g, Node *n) {
  const Node *a = made_by(n->in[0], OP_Scale), *b = made_by(n->in[1], OP_Scale);
  exact_weights(n->in[0]);
  exact_weights(n->in[1]);
  const double *sa, *sb, alpha = n->op == OP_Gemm ? attr_float(n, "alpha", 1) : 1;
  if ((!a && !b) || (!a && n->in[0]->value && !n->in[0]->fmt.W) || (!b && n->in[1]->value && !n->in[1]->fmt.W))
    return;
  const int64_t na = scale_list(n, 0, &sa), nb = scale_list(n, 1, &sb);
  if (na != 1 || !nb)
    return;
  double *scale = mem_array((size_t)nb + 1, sizeof *scale);
  for (int64_t i = 0; i < nb; i++)
    scale[i] = (float)((float)((float)alpha * (float)sa[0]) * (float)sb[i]);
  Tensor *bias = n->n_in > 2 ? n->in[2] : NULL, *whole = bias ? whole_bias(g, n, nb, scale) : NULL;
  n->in[0] = a ? a->in[0] : n->in[0];
  n->in[1] = b ? b->in[0] : n->in[1];
  if (bias && !whole)
    late_bias(g, n, multiplied_out(g, bias));
  n->n_in = whole ? 3 : 2;
  if (whole)
    n->in[2] = whole;
  if (n->op == OP_Gemm) {
    attr_set_float(n, "alpha", 1);
    attr_set_float(n, "beta", 1);
  }
  scale_behind(g, n, per_channel(g, n, "scale", nb, scale));
}

static Tensor *factor(Graph *g, const Node *n, double v) {
  v = (float)v;
  return graph_const(g, mem_printf("%s.scale", n->name), DT_FLOAT, 0, NULL, &v);
}

/* Members of each window, when all have the same number; 0 otherwise. */
static int64_t pool_members(const Node *n) {
  Window w;
  window_of(n, &w);
  int64_t at[MAX_SPATIAL] = {0}, members = 0;
  for (int64_t o = 0; o < window_out(&w); o++, window_next(w.axes, w.out, at)) {
    int64_t tap[MAX_SPATIAL] = {0}, seen = 0;
    for (int64_t t = 0; t < window_taps(&w); t++, window_next(w.axes, w.kernel, tap))
      seen += window_source(&w, at, tap) >= 0;
    seen = window_members(n, &w, at, seen);
    if (o && seen != members)
      return 0;
    members = seen;
  }
  return members;
}

/* A mean is a sum whose scale is divided by the number of its members. */
static void mean(Graph *g, Node *n, const Node *s, double v) {
  const bool pool = n->op != OP_ReduceMean;
  const int64_t members = pool ? pool_members(n) : tensor_count(n->in[0]) / (tensor_count(n->out[0]) ? tensor_count(n->out[0]) : 1);
  if (members < 1)
    return;
  if (pool)
    attr_set_int(n, "sum", 1);
  else
    n->op = OP_ReduceSum, n->op_type = "ReduceSum";
  n->in[0] = s->in[0];
  Node *behind = scale_behind(g, n, factor(g, n, v));
  if (members > 1)
    attr_set_int(behind, "divide", members);
}

void quantised_operator(Graph *g, Node *n) {
  double v = 1, w = 1;
  const Node *s = scaled(n->in[0], &v), *t = n->n_in > 1 ? scaled(n->in[1], &w) : NULL;
  switch (n->op) {
  case OP_MatMul:
  case OP_Gemm:
  case OP_Conv:
  case OP_ConvTranspose:
    dense(g, n);
    break;
  case OP_Relu:
  case OP_ReduceSum:
  case OP_ReduceMax:
  case OP_ReduceMin:
    if (s) {
      n->in[0] = s->in[0];
      attr_set_int(scale_behind(g, n, factor(g, n, v)), "zero", attr_int(s, "zero", 0));
    }
    break;
  case OP_ArgMax:
  case OP_ArgMin:
    if (s)
      n->in[0] = s->in[0];
    break;
  case OP_AveragePool:
  case OP_GlobalAveragePool:
  case OP_ReduceMean:
    if (s)
      mean(g, n, s, v);
    break;
  case OP_Add:
  case OP_Sub:
  case OP_Max:
  case OP_Min:
    if (s && t && v == w && n->n_in == 2) {
      n->in[0] = s->in[0], n->in[1] = t->in[0];
      scale_behind(g, n, factor(g, n, v));
    }
    break;
  case OP_Mul:
    if (s && t) {
      n->in[0] = s->in[0], n->in[1] = t->in[0];
      scale_behind(g, n, factor(g, n, v * w));
    }
    break;
  default:
    break;
  }
}
