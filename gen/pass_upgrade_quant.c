/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_upgrade_quant.c - part of pass_upgrade: operators that compute on quantised tensors become the operator they quantise, between
 * DequantizeLinear and QuantizeLinear, which is their meaning. pass_quantized.c finds the integers again, in these and in networks that
 * came that way.
 */
#include "pass_upgrade.h"

/* A constant, also one that a Constant node will make; NULL otherwise. */
static const Tensor *constant(const Tensor *t) {
  const Attr *a = t && t->producer && t->producer->op == OP_Constant ? node_attr(t->producer, "value") : NULL;
  return !t ? NULL : t->value ? t : a && a->type == ATTR_TENSOR && a->tensor->value ? a->tensor : NULL;
}

static Tensor *input(const Node *n, int k) {
  return k < n->n_in ? n->in[k] : NULL;
}

static Tensor *dequantised(Graph *g, Node *n, const char *part, Tensor *x, Tensor *scale, Tensor *zero, int64_t axis) {
  Tensor *y = graph_tensor(g, mem_printf("%s.%s", n->name, part), DT_UNDEFINED);
  attr_set_int(graph_insert(g, n, "DequantizeLinear", y->name, zero ? 3 : 2, (Tensor *[]){x, scale, zero}, 1, &y), "axis", axis);
  return y;
}

/* n with other inputs and operator; its output before quantisation comes back. */
static Tensor *becomes(Graph *g, Node *n, const char *op, int n_in, Tensor **in) {
  Tensor *y = graph_tensor(g, mem_printf("%s.real", n->name), DT_UNDEFINED);
  Node *m = graph_insert(g, n, op, n->name, n_in, in, 1, &y);
  m->attr = n->attr;
  m->n_attr = n->n_attr;
  return y;
}

/* The end of n: y quantised is its output. */
static void quantised(Graph *g, Node *n, Tensor *y, Tensor *scale, Tensor *zero) {
  graph_insert(g, n, "QuantizeLinear", mem_printf("%s.quantize", n->name), zero ? 3 : 2, (Tensor *[]){y, scale, zero}, 1, n->out);
  n->n_out = 0;
}

/* The scale of a bias, which is added to the sum of products. */
static Tensor *product_scale(Graph *g, Node *n, Tensor *a, Tensor *b) {
  return upgrade_insert(g, n, "Mul", "bias_scale", a, b);
}

static void upgrade_qlinear_conv(Graph *g, Node *n) {
  Tensor *in[3] = {dequantised(g, n, "x", n->in[0], n->in[1], n->in[2], 1), dequantised(g, n, "w", n->in[3], n->in[4], n->in[5], 0), NULL};
  if (input(n, 8))
    in[2] = dequantised(g, n, "bias", n->in[8], product_scale(g, n, n->in[1], n->in[4]), NULL, 0);
  quantised(g, n, becomes(g, n, "Conv", in[2] ? 3 : 2, in), n->in[6], n->in[7]);
}

static void upgrade_qlinear_matmul(Graph *g, Node *n) {
  const Tensor *a = constant(n->in[1]);
  if (a && tensor_count(a) > 1)
    diag_error(EXIT_UNSUPPORTED, n, "its first input has a scale for each row: only one for the tensor is supported");
  Tensor *in[2] = {dequantised(g, n, "a", n->in[0], n->in[1], n->in[2], -1), dequantised(g, n, "b", n->in[3], n->in[4], n->in[5], -1)};
  quantised(g, n, becomes(g, n, "MatMul", 2, in), n->in[6], n->in[7]);
}

static void upgrade_qgemm(Graph *g, Node *n) {
  Tensor *scale = product_scale(g, n, n->in[1], n->in[4]);
  const double alpha = attr_float(n, "alpha", 1);
  if (alpha != 1)
    scale = upgrade_insert(g, n, "Mul", "alpha", scale, upgrade_const(g, n, "alpha", DT_FLOAT, 1, &alpha));
  Tensor *in[3] = {dequantised(g, n, "a", n->in[0], n->in[1], n->in[2], 1),
                   dequantised(g, n, "b", n->in[3], n->in[4], n->in[5], attr_int(n, "transB", 0) ? 0 : 1), NULL};
  if (input(n, 6))
    in[2] = dequantised(g, n, "c", n->in[6], scale, NULL, -1);
  Tensor *y = becomes(g, n, "Gemm", in[2] ? 3 : 2, in);
  if (input(n, 7)) {
    quantised(g, n, y, n->in[7], input(n, 8));
    return;
  }
  graph_insert(g, n, "Identity", mem_printf("%s.float", n->name), 1, &y, 1, n->out);
  n->n_out = 0;
}

/* Of one input, or of two. */
static void upgrade_qlinear_plain(Graph *g, Node *n, const char *op, int inputs) {
  Tensor *in[2] = {0};
  if (attr_int(n, "channels_last", 0))
    diag_error(EXIT_UNSUPPORTED, n, "channels_last is not supported");
  for (int i = 0; i < inputs; i++)
    in[i] = dequantised(g, n, i ? "b" : "a", n->in[3 * i], n->in[3 * i + 1], n->in[3 * i + 2], 1);
  quantised(g, n, becomes(g, n, op, inputs, in), n->in[3 * inputs], input(n, 3 * inputs + 1));
}

static void upgrade_qlinear_concat(Graph *g, Node *n) {
  const int count = (n->n_in - 2) / 3;
  Tensor **in = mem_array((size_t)count + 1, sizeof(Tensor *));
  if ((n->n_in - 2) % 3)
    diag_error(EXIT_INVALID, n, "has the wrong number of inputs (%d)", n->n_in);
  for (int i = 0; i < count; i++)
    in[i] = dequantised(g, n, mem_printf("in%d", i), n->in[3 * i + 2], n->in[3 * i + 3], n->in[3 * i + 4], 1);
  quantised(g, n, becomes(g, n, "Concat", count, in), n->in[0], n->in[1]);
}

/* An operand of ConvInteger or MatMulInteger, less its zero point. */
static Tensor *less_zero(Graph *g, Node *n, const char *part, Tensor *x, Tensor *zero, int64_t axis) {
  const Tensor *z = constant(zero);
  if (zero && !z)
    diag_error(EXIT_UNSUPPORTED, n, "its zero point '%s' must be a constant", diag_text(zero->name));
  const int count = z ? (int)tensor_count(z) : 1;
  double *ones = mem_array((size_t)count + 1, sizeof *ones);
  for (int i = 0; i < count; i++)
    ones[i] = 1;
  Tensor *scale = z && z->rank == 0 ? graph_const(g, "one", DT_FLOAT, 0, NULL, ones) : upgrade_const(g, n, "one", DT_FLOAT, count, ones);
  return dequantised(g, n, part, x, scale, zero, axis);
}

static void upgrade_integer(Graph *g, Node *n, const char *op, bool conv) {
  if (!conv && constant(input(n, 2)) && tensor_count(constant(n->in[2])) > 1)
    diag_error(EXIT_UNSUPPORTED, n, "its first input has a zero point for each row: only one for the tensor is supported");
  Tensor *in[2] = {less_zero(g, n, "a", n->in[0], input(n, 2), 1), less_zero(g, n, "b", n->in[1], input(n, 3), conv ? 0 : -1)};
  Tensor *y = becomes(g, n, op, 2, in);
  Node *cast = graph_insert(g, n, "Cast", mem_printf("%s.int32", n->name), 1, &y, 1, n->out);
  attr_set_int(cast, "to", DT_INT32);
  n->n_out = 0;
}

bool upgrade_quantised(Graph *g, Node *n) {
  const OpInfo *info = &op_info[n->op];
  if (!info->infer && info->max_in >= 0 && n->n_in > info->max_in)
    diag_error(EXIT_INVALID, n, "has too many inputs");
  switch (n->op) {
  case OP_QLinearConv:
    upgrade_qlinear_conv(g, n);
    return true;
  case OP_QLinearMatMul:
    upgrade_qlinear_matmul(g, n);
    return true;
  case OP_QGemm:
    upgrade_qgemm(g, n);
    return true;
  case OP_QLinearAdd:
    upgrade_qlinear_plain(g, n, "Add", 2);
    return true;
  case OP_QLinearMul:
    upgrade_qlinear_plain(g, n, "Mul", 2);
    return true;
  case OP_QLinearAveragePool:
    upgrade_qlinear_plain(g, n, "AveragePool", 1);
    return true;
  case OP_QLinearGlobalAveragePool:
    upgrade_qlinear_plain(g, n, "GlobalAveragePool", 1);
    return true;
  case OP_QLinearSigmoid:
    upgrade_qlinear_plain(g, n, "Sigmoid", 1);
    return true;
  case OP_QLinearLeakyRelu:
    upgrade_qlinear_plain(g, n, "LeakyRelu", 1);
    return true;
  case OP_QLinearConcat:
    upgrade_qlinear_concat(g, n);
    return true;
  case OP_ConvInteger:
    upgrade_integer(g, n, "Conv", true);
    return true;
  case OP_MatMulInteger:
    upgrade_integer(g, n, "MatMul", false);
    return true;
  default:
    return false;
  }
}
