/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_check_ops.c - requires: a graph as read (pass_check_ops), as it will be lowered (the others). Keeps: everything. Reports what is not
 * supported, all of it.
 */
#include "nngen.h"

#include <math.h>

/* What to do about operators that people meet; the first match counts. */
static const struct {
  const char *op, *advice;
} advice[] = {
    {"ZipMap", "export from scikit-learn with options={'zipmap': False}"},
    {"If", "control flow is not supported: export the traced network, without branches"},
    {"Loop",
     "loops are not supported: export recurrent layers as RNN, GRU or LSTM nodes, or with a fixed number of steps (Keras: unroll=True)"},
    {"Scan",
     "loops are not supported: export recurrent layers as RNN, GRU or LSTM nodes, or with a fixed number of steps (Keras: unroll=True)"},
    {"LayerNormalization", "normalisation by run-time statistics is not supported yet"},
    {"InstanceNormalization", "normalisation by run-time statistics is not supported yet"},
    {"GroupNormalization", "normalisation by run-time statistics is not supported yet"},
    {"RMSNormalization", "normalisation by run-time statistics is not supported yet"},
    {"Attention", "attention is not supported yet"},
    {"DynamicQuantizeLinear", "it computes scales at run time: quantise statically (onnxruntime.quantization.quantize_static)"},
    {"DynamicQuantizeMatMul", "it computes scales at run time: quantise statically (onnxruntime.quantization.quantize_static)"},
    {"FloatQuant", "small floating-point types are not supported: quantise to integers"},
    {"QLinearSoftmax", "quantise in QDQ format (QuantFormat.QDQ), or leave the softmax in float"},
    {"TreeEnsembleClassifier", "decision trees are not supported yet"},
    {"TreeEnsembleRegressor", "decision trees are not supported yet"},
    {"TreeEnsemble", "decision trees are not supported yet"},
    {"SVMClassifier", "support vector machines are not supported"},
    {"SVMRegressor", "support vector machines are not supported"},
    {"LabelEncoder", "train with numbers as class labels"},
    {"TopK", "sorting is not supported: leave post-processing out of the exported model"},
    {"NonMaxSuppression", "leave post-processing out of the exported model"},
};

static const char *advice_for(const Node *n) {
  for (size_t i = 0; i < sizeof advice / sizeof *advice; i++)
    if (strcmp(advice[i].op, n->op_type) == 0)
      return advice[i].advice;
  if (strncmp(n->domain, "com.microsoft", 13) == 0)
    return "the model went through onnxruntime's optimiser: use the file from before it";
  return NULL;
}

void pass_check_ops(Graph *g) {
  for (int i = 0; i < g->n_nodes; i++) {
    const Node *n = g->node[i];
    const char *what = advice_for(n);
    if (n->op == OP_UNKNOWN)
      diag_error(EXIT_UNSUPPORTED, n, "operator '%s'%s%s%s is not supported%s%s", diag_text(n->op_type), *n->domain ? " (domain '" : "",
                 diag_text(n->domain), *n->domain ? "')" : "", what ? ": " : "", what ? what : "");
    else if (n->op < OP_COUNT && n->opset < op_info[n->op].since && g->opset >= op_info[OP_Add].since)
      diag_error(EXIT_INVALID, n, "operator '%s' came with opset %d; the model says %d", diag_text(n->op_type), op_info[n->op].since,
                 n->opset);
  }
}

/* Bounds may be infinite: Clip, Max and Min against them do nothing. */
static bool may_be_infinite(const Node *n) {
  return n->op == OP_Clip || n->op == OP_Max || n->op == OP_Min;
}

static void check_values(const Node *n, const Tensor *t) {
  int64_t count = tensor_count(t);
  for (int64_t i = 0; i < count; i++)
    if (isnan(t->value[i]) || (isinf(t->value[i]) && !may_be_infinite(n))) {
      diag_error(EXIT_NUMERIC, n, "weight '%s' is %s at index %lld", diag_text(t->name), isnan(t->value[i]) ? "NaN" : "infinite",
                 (long long)i);
      return;
    }
}

void pass_check_static(Graph *g) {
  for (int i = 0; i < g->n_nodes; i++) {
    const Node *n = g->node[i];
    const OpInfo *info = &op_info[n->op];
    if (info->kind == KIND_FOLD && !info->lower)
      diag_error(EXIT_UNSUPPORTED, n, "is supported only where its inputs are constants");
    for (int k = 0; k < n->n_in; k++)
      if (n->in[k] && n->in[k]->value && dtype_is_float(n->in[k]->dtype))
        check_values(n, n->in[k]);
  }
}

/* Products with weights that are not zero: an adder or more each. */
static int64_t products(const Node *n, double prune) {
  const bool conv = n->op == OP_Conv || n->op == OP_ConvTranspose;
  if (!conv && n->op != OP_Gemm && n->op != OP_MatMul)
    return 0;
  const Tensor *w = n->in[n->in[1]->value ? 1 : 0], *a = n->in[0];
  const int64_t count = tensor_count(w);
  if (!w->value || count == 0)
    return 0;
  double most = 0;
  for (int64_t i = 0; i < count; i++)
    most = fmax(most, fabs(w->value[i]));
  int64_t used = 0;
  for (int64_t i = 0; i < count; i++)
    used += w->value[i] != 0 && fabs(w->value[i]) >= prune * most;
  if (n->op == OP_Conv)
    return used * (tensor_count(n->out[0]) / n->out[0]->dim[1]);
  if (n->op == OP_ConvTranspose)
    return used * (tensor_count(a) / a->dim[1]);
  const int64_t depth = n->op == OP_Gemm && attr_int(n, "transA", 0) ? a->dim[0] : a->dim[a->rank - 1];
  return (int64_t)((double)used * (double)tensor_count(n->out[0]) * (double)depth / (double)count);
}

int64_t graph_products(const Graph *g, double prune) {
  int64_t sum = 0;
  for (int i = 0; i < g->n_nodes; i++)
    sum += products(g->node[i], prune);
  return sum;
}

void pass_check_size(const Graph *g, double prune) {
  int64_t sum = graph_products(g, prune), elements = 0;
  for (int i = 0; i < g->n_in; i++)
    elements += tensor_count(g->in[i]);
  for (int i = 0; i < g->n_nodes; i++) {
    const Node *n = g->node[i];
    if (op_info[n->op].kind != KIND_MOVE && n->out[0])
      elements += tensor_count(n->out[0]);
  }
  if (sum > MAX_OPERATIONS)
    diag_error(EXIT_UNSUPPORTED, NULL, "takes %lld multiplications by weights, each with hardware of its own; at most %d are supported: %s",
               (long long)sum, MAX_OPERATIONS, CHECK_SIZE_ADVICE);
  else if (elements > MAX_OPERATIONS)
    diag_error(EXIT_UNSUPPORTED, NULL, "takes %lld elements, each with hardware of its own; at most %d are supported: %s",
               (long long)elements, MAX_OPERATIONS, CHECK_SIZE_ADVICE);
}
