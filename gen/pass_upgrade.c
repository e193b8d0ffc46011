/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_upgrade.c - requires: sorted nodes, known operators. Keeps: meaning, order, names of values and of the nodes that stay.
 * Afterwards every node has the form of the newest opset: parameters that once were attributes are constant inputs, and operators of
 * ai.onnx.ml are plain ones (pass_upgrade_ml.c). Shapes are not known yet.
 */
#include "pass_upgrade.h"

#include <math.h>

Tensor *upgrade_insert(Graph *g, Node *n, const char *op, const char *part, Tensor *a, Tensor *b) {
  const char *name = mem_printf("%s.%s", n->name, part);
  Tensor *in[2] = {a, b}, *out = graph_tensor(g, name, DT_UNDEFINED);
  graph_insert(g, n, op, name, b ? 2 : 1, in, 1, &out);
  return out;
}

Tensor *upgrade_const(Graph *g, const Node *n, const char *part, DataType dtype, int count, const double *value) {
  return graph_const(g, mem_printf("%s.%s", n->name, part), dtype, 1, (int64_t[]){count}, value);
}

static void set_input(Node *n, int k, Tensor *t) {
  if (k >= n->n_in) {
    Tensor **in = mem_array((size_t)k + 1, sizeof *in);
    if (n->n_in)
      memcpy(in, n->in, (size_t)n->n_in * sizeof *in);
    n->in = in;
    n->n_in = k + 1;
  }
  n->in[k] = t;
}

/* An attribute that is a list of integers becomes input k. */
static void ints_to_input(Graph *g, Node *n, const char *name, int k) {
  const Attr *a = node_attr(n, name);
  if (!a || a->type != ATTR_INTS)
    return;
  double *v = mem_array((size_t)a->n, sizeof *v);
  for (int i = 0; i < a->n; i++)
    v[i] = (double)a->ints[i];
  set_input(n, k, upgrade_const(g, n, name, DT_INT64, a->n, v));
}

static void float_to_input(Graph *g, Node *n, const char *name, int k) {
  const Attr *a = node_attr(n, name);
  if (a && a->type == ATTR_FLOAT)
    set_input(n, k, graph_const(g, mem_printf("%s.%s", n->name, name), DT_FLOAT, 0, NULL, &a->f));
}

/* Before opset 13 the input was seen as a matrix, split at the axis, and rows were normalised. */
static void upgrade_softmax(Graph *g, Node *n) {
  int64_t axis = attr_int(n, "axis", 1);
  attr_set_int(n, "axis", -1);
  if (axis == -1)
    return;
  Tensor *x = n->in[0], *y = n->out[0];
  n->in[0] = upgrade_insert(g, n, "Flatten", "flatten", x, NULL);
  attr_set_int(n->in[0]->producer, "axis", axis);
  Tensor *shape = upgrade_insert(g, n, "Shape", "shape", x, NULL);
  n->out[0] = graph_tensor(g, mem_printf("%s.rows", n->name), DT_UNDEFINED);
  n->out[0]->producer = n;
  int at = 0;
  while (g->node[at] != n)
    at++;
  graph_insert(g, at + 1 < g->n_nodes ? g->node[at + 1] : NULL, "Reshape", mem_printf("%s.reshape", n->name), 2,
               (Tensor *[]){n->out[0], shape}, 1, &y);
}

static void upgrade_batchnorm(Node *n) {
  if (attr_int(n, "training_mode", 0))
    diag_error(EXIT_UNSUPPORTED, n, "is in training mode: export the model in evaluation mode");
  if (n->opset < 9 && !attr_int(n, "spatial", 1))
    diag_error(EXIT_UNSUPPORTED, n, "statistics per element (spatial=0) are not supported");
}

/* Outputs that only training uses, when nothing reads them. */
static void drop_outputs(Graph *g, Node *n) {
  while (n->n_out > 1 && (!n->out[n->n_out - 1] || !graph_uses(g, n->out[n->n_out - 1], NULL)))
    n->n_out--;
}

static void upgrade_mean(Graph *g, Node *n) {
  Tensor *sum = graph_tensor(g, mem_printf("%s.sum", n->name), DT_UNDEFINED);
  graph_insert(g, n, "Sum", sum->name, n->n_in, n->in, 1, &sum);
  Tensor *count = graph_const(g, mem_printf("%s.count", n->name), DT_FLOAT, 0, NULL, (double[]){n->n_in});
  Tensor *like = upgrade_insert(g, n, "CastLike", "like", count, sum);
  graph_insert(g, n, "Div", n->name, 2, (Tensor *[]){sum, like}, 1, n->out);
  n->n_out = 0;
}

static void upgrade_erfc(Graph *g, Node *n) {
  Tensor *one = graph_const(g, mem_printf("%s.one", n->name), DT_FLOAT, 0, NULL, (double[]){1});
  Tensor *like = upgrade_insert(g, n, "CastLike", "like", one, n->in[0]);
  Tensor *erf = upgrade_insert(g, n, "Erf", "erf", n->in[0], NULL);
  graph_insert(g, n, "Sub", n->name, 2, (Tensor *[]){like, erf}, 1, n->out);
  n->n_out = 0;
}

/* Inputs become data, region, scales, sizes. Before opset 11 positions were counted from the first element. */
static void upgrade_resize(Graph *g, Node *n) {
  const bool upsample = n->op == OP_Upsample;
  const Attr *a = node_attr(n, "scales");
  n->op = OP_Resize;
  if (!upsample && n->opset >= 11)
    return;
  Tensor *scales = n->n_in > 1 ? n->in[1] : NULL;
  if (a && a->type == ATTR_FLOATS && !scales)
    scales = upgrade_const(g, n, "scales", DT_FLOAT, a->n, a->floats);
  set_input(n, 1, NULL);
  set_input(n, 2, scales);
  attr_set_string(n, "coordinate_transformation_mode", "asymmetric");
  attr_set_string(n, "nearest_mode", upsample ? "floor" : "simple");
}

/* Every node has a first output until pass_dead; here Y may be left out. */
static void add_first_output(Graph *g, Node *n) {
  if (n->n_out && !n->out[0]) {
    n->out[0] = graph_tensor(g, mem_printf("%s.Y", n->name), DT_UNDEFINED);
    n->out[0]->producer = n;
  }
}

static void upgrade_node(Graph *g, Node *n) {
  switch (n->op) {
  case OP_Clip:
    if (n->opset < 11) {
      float_to_input(g, n, "min", 1);
      float_to_input(g, n, "max", 2);
    }
    break;
  case OP_Squeeze:
  case OP_Unsqueeze:
  case OP_ReduceSum:
    if (n->opset < 13)
      ints_to_input(g, n, "axes", 1);
    break;
  case OP_ReduceMean:
  case OP_ReduceProd:
  case OP_ReduceMax:
  case OP_ReduceMin:
    if (n->opset < 18)
      ints_to_input(g, n, "axes", 1);
    break;
  case OP_Slice:
    if (n->opset < 10) {
      ints_to_input(g, n, "starts", 1);
      ints_to_input(g, n, "ends", 2);
      ints_to_input(g, n, "axes", 3);
    }
    break;
  case OP_Pad:
    if (n->opset < 11) {
      ints_to_input(g, n, "pads", 1);
      float_to_input(g, n, "value", 2);
    }
    break;
  case OP_Split:
    if (n->opset < 13)
      ints_to_input(g, n, "split", 1);
    break;
  case OP_Softmax:
  case OP_LogSoftmax:
    if (n->opset < 13)
      upgrade_softmax(g, n);
    break;
  case OP_BatchNormalization:
    drop_outputs(g, n);
    upgrade_batchnorm(n);
    break;
  case OP_Dropout:
    drop_outputs(g, n);
    break;
  case OP_MaxPool:
    drop_outputs(g, n);
    break;
  case OP_Resize:
  case OP_Upsample:
    upgrade_resize(g, n);
    break;
  case OP_RNN:
  case OP_GRU:
  case OP_LSTM:
    add_first_output(g, n);
    break;
  case OP_Erfc:
    upgrade_erfc(g, n);
    break;
  case OP_Mean:
    upgrade_mean(g, n);
    break;
  default:
    if (!upgrade_quantised(g, n))
      upgrade_ml(g, n);
  }
  n->opset = OPSET_NEWEST;
}

void pass_upgrade(Graph *g) {
  int count = g->n_nodes;
  Node **node = mem_array((size_t)count, sizeof *node);
  memcpy(node, g->node, (size_t)count * sizeof *node);
  for (int i = 0; i < count; i++) {
    Node *n = node[i];
    const OpInfo *info = &op_info[n->op];
    if (n->op == OP_UNKNOWN)
      continue; /* reported by pass_check_ops */
    if (n->n_in && n->in[0] && (info->infer || (n->n_in >= info->min_in && n->in[info->min_in - 1])))
      upgrade_node(g, n);
    else if (!info->infer) /* others are checked at inference */
      diag_error(EXIT_INVALID, n, "has too few inputs");
  }
  int kept = 0;
  for (int i = 0; i < g->n_nodes; i++)
    if (g->node[i]->n_out) /* those rewritten have handed their outputs on */
      g->node[kept++] = g->node[i];
  g->n_nodes = kept;
}
