/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_upgrade_ml.c - part of pass_upgrade: the operators of ai.onnx.ml that scikit-learn's exporter writes for linear models and
 * pipelines, as plain operators. They compute in float32 whatever their input is. Binary classifiers behave as in onnxruntime.
 */
#include "pass_upgrade.h"

#include <math.h>

/* A list of floats; NULL and 0 when absent. */
static const double *floats(const Node *n, const char *name, int *count) {
  const Attr *a = node_attr(n, name);
  *count = a && a->type == ATTR_FLOATS ? a->n : 0;
  return *count ? a->floats : NULL;
}

/* A node in front of n that makes n's output k. */
static void finish(Graph *g, Node *n, int k, const char *op, Tensor *a, Tensor *b) {
  graph_insert(g, n, op, n->name, b ? 2 : 1, (Tensor *[]){a, b}, 1, &n->out[k]);
}

static Tensor *as_float(Graph *g, Node *n) {
  Tensor *x = upgrade_insert(g, n, "Cast", "cast", n->in[0], NULL);
  attr_set_int(x->producer, "to", DT_FLOAT);
  return x;
}

static bool all_are(const double *v, int count, double what) {
  for (int i = 0; i < count; i++)
    if (v[i] != what)
      return false;
  return true;
}

/* (x - offset) * scale */
static void upgrade_scaler(Graph *g, Node *n) {
  int n_offset, n_scale;
  const double *offset = floats(n, "offset", &n_offset), *scale = floats(n, "scale", &n_scale);
  Tensor *x = as_float(g, n);
  if (!all_are(offset, n_offset, 0))
    x = upgrade_insert(g, n, "Sub", "sub", x, upgrade_const(g, n, "offset", DT_FLOAT, n_offset, offset));
  if (!all_are(scale, n_scale, 1))
    finish(g, n, 0, "Mul", x, upgrade_const(g, n, "scale", DT_FLOAT, n_scale, scale));
  else
    finish(g, n, 0, "Identity", x, NULL);
  n->n_out = 0;
}

/* x times coefficients (one row a target) plus intercepts, as a Gemm whose output is new, or n's own output k when `last`. */
static Tensor *linear(Graph *g, Node *n, int targets, int features, const double *rows, const double *bias, bool last) {
  Tensor *b = graph_const(g, mem_printf("%s.coefficients", n->name), DT_FLOAT, 2, (int64_t[]){targets, features}, rows);
  Tensor *in[3] = {as_float(g, n), b, bias ? upgrade_const(g, n, "intercepts", DT_FLOAT, targets, bias) : NULL};
  Tensor *out = last ? n->out[0] : graph_tensor(g, mem_printf("%s.scores", n->name), DT_UNDEFINED);
  Node *gemm = graph_insert(g, n, "Gemm", last ? n->name : mem_printf("%s.gemm", n->name), bias ? 3 : 2, in, 1, &out);
  attr_set_int(gemm, "transB", 1);
  return out;
}

static bool check_sizes(const Node *n, int targets, int n_rows, int n_bias) {
  if (targets > 0 && n_rows > 0 && n_rows % targets == 0 && (n_bias == 0 || n_bias == targets))
    return true;
  diag_error(EXIT_INVALID, n, "%d coefficients and %d intercepts do not make %d targets", n_rows, n_bias, targets);
  return false;
}

static void upgrade_regressor(Graph *g, Node *n) {
  int n_rows, n_bias;
  const double *rows = floats(n, "coefficients", &n_rows), *bias = floats(n, "intercepts", &n_bias);
  int64_t targets = attr_int(n, "targets", 1);
  const char *transform = attr_string(n, "post_transform", "NONE");
  if (strcmp(transform, "NONE") != 0) {
    diag_error(EXIT_UNSUPPORTED, n, "post_transform '%s' is not supported", diag_text(transform));
    return;
  }
  if (targets < 1 || targets > n_rows)
    targets = 0;
  if (!check_sizes(n, (int)targets, n_rows, n_bias))
    return;
  linear(g, n, (int)targets, n_rows / (int)targets, rows, bias, true);
  n->n_out = 0;
}

/* Labels: the class of the highest score, or for a single target the second one when its score is above 0. */
static void make_labels(Graph *g, Node *n, Tensor *scores, const Attr *labels) {
  Tensor *index = upgrade_insert(g, n, "ArgMax", "argmax", scores, NULL);
  attr_set_int(index->producer, "axis", 1);
  attr_set_int(index->producer, "keepdims", 0);
  double *v = mem_array((size_t)labels->n, sizeof *v);
  for (int i = 0; i < labels->n; i++)
    v[i] = (double)labels->ints[i];
  finish(g, n, 0, "Gather", upgrade_const(g, n, "labels", DT_INT64, labels->n, v), index);
}

static void upgrade_classifier(Graph *g, Node *n) {
  int n_rows, targets;
  const double *rows = floats(n, "coefficients", &n_rows), *bias = floats(n, "intercepts", &targets);
  const char *transform = attr_string(n, "post_transform", "NONE");
  const Attr *labels = node_attr(n, "classlabels_ints");
  bool wants_label = n->out[0] && graph_uses(g, n->out[0], NULL);
  bool logistic = strcmp(transform, "LOGISTIC") == 0, softmax = strcmp(transform, "SOFTMAX") == 0;
  if (!logistic && !softmax && strcmp(transform, "NONE") != 0) {
    diag_error(EXIT_UNSUPPORTED, n, "post_transform '%s' is not supported", diag_text(transform));
    return;
  }
  if (wants_label && (!labels || labels->type != ATTR_INTS)) {
    diag_error(EXIT_UNSUPPORTED, n, "its class labels are text: train with numbers as class labels, or remove the label output");
    return;
  }
  if (!targets && labels)
    targets = labels->n;
  if (!check_sizes(n, targets, n_rows, bias ? targets : 0))
    return;
  int features = n_rows / targets, n_classes = targets == 1 ? 2 : targets;
  if (labels && labels->type == ATTR_INTS && labels->n != n_classes) {
    diag_error(EXIT_INVALID, n, "has %d class labels for %d classes", labels->n, n_classes);
    return;
  }
  bool single = targets == 1;
  if (single) { /* scores -z and z */
    double *both = mem_array(2 * (size_t)features, sizeof *both), *two = mem_array(2, sizeof *two);
    for (int i = 0; i < features; i++) {
      both[i] = -rows[i];
      both[features + i] = rows[i];
    }
    two[0] = bias ? -bias[0] : 0;
    two[1] = bias ? bias[0] : 0;
    rows = both;
    bias = two;
  }
  Tensor *scores = linear(g, n, n_classes, features, rows, bias, false);
  if (wants_label)
    make_labels(g, n, scores, labels);
  if (n->n_out > 1 && n->out[1]) {
    if (logistic)
      finish(g, n, 1, "Sigmoid", scores, NULL);
    else if (single) /* 1-z and z, also for SOFTMAX: so onnxruntime does */
      finish(g, n, 1, "Add", scores, upgrade_const(g, n, "one", DT_FLOAT, 2, (double[]){1, 0}));
    else
      finish(g, n, 1, softmax ? "Softmax" : "Identity", scores, NULL);
  }
  n->n_out = 0;
}

/* Is the tensor a sigmoid of z and -z, whose sum is 1? */
static bool is_pair(const Tensor *t) {
  const Node *s = t->producer, *gemm = s && s->op == OP_Sigmoid ? s->in[0]->producer : NULL;
  if (!gemm || gemm->op != OP_Gemm || gemm->n_in < 2 || !attr_int(gemm, "transB", 0))
    return false;
  const Tensor *b = gemm->in[1], *c = gemm->n_in > 2 ? gemm->in[2] : NULL;
  if (!b->value || b->rank != 2 || b->dim[0] != 2 || (c && (!c->value || tensor_count(c) != 2 || c->value[0] != -c->value[1])))
    return false;
  for (int64_t i = 0; i < b->dim[1]; i++)
    if (b->value[i] != -b->value[b->dim[1] + i])
      return false;
  return true;
}

/* L1 does nothing to rows of probabilities that add up to 1. */
static void upgrade_normalizer(Graph *g, Node *n) {
  const char *norm = attr_string(n, "norm", "MAX");
  if (strcmp(norm, "L1") != 0 && strcmp(norm, "L2") != 0 && strcmp(norm, "MAX") != 0) {
    diag_error(EXIT_INVALID, n, "norm '%s' is none", diag_text(norm));
    return;
  }
  const Node *from = n->in[0]->producer;
  bool rows = from && from->op == OP_Softmax && attr_int(from, "axis", -1) == -1;
  if (strcmp(norm, "L1") == 0 && (rows || is_pair(n->in[0]))) {
    finish(g, n, 0, "Identity", n->in[0], NULL);
    n->n_out = 0;
  } else {
    n->in[0] = as_float(g, n);
  }
}

/* Selects along the last axis by a flat list of indices; from a single row it makes a row, not a list. */
static void upgrade_extractor(Graph *g, Node *n) {
  Tensor *x = n->in[0], *index = upgrade_insert(g, n, "Reshape", "flat", n->in[1], upgrade_const(g, n, "all", DT_INT64, 1, (double[]){-1}));
  const Attr *value = x->producer && x->producer->op == OP_Constant ? node_attr(x->producer, "value") : NULL;
  bool one_row = x->value ? x->rank == 1 : value && value->type == ATTR_TENSOR && value->tensor->rank == 1;
  if (one_row) {
    Tensor *y = upgrade_insert(g, n, "Gather", "gather", x, index);
    finish(g, n, 0, "Unsqueeze", y, upgrade_const(g, n, "axis", DT_INT64, 1, (double[]){0}));
  } else {
    finish(g, n, 0, "Gather", x, index);
    attr_set_int(n->out[0]->producer, "axis", -1);
  }
  n->n_out = 0;
}

void upgrade_ml(Graph *g, Node *n) {
  switch (n->op) {
  case OP_Scaler:
    upgrade_scaler(g, n);
    break;
  case OP_LinearRegressor:
    upgrade_regressor(g, n);
    break;
  case OP_LinearClassifier:
    upgrade_classifier(g, n);
    break;
  case OP_Normalizer:
    upgrade_normalizer(g, n);
    break;
  case OP_ArrayFeatureExtractor:
    upgrade_extractor(g, n);
    break;
  default:
    break;
  }
}
