/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_infer_fold.c - requires: sorted nodes of newest form (pass_upgrade). Keeps: meaning, order, names of inputs and outputs.
 * Afterwards every tensor has a type and a shape, what can be known is constant, and nodes that change nothing are gone.
 * One sweep does both, since shapes depend on folded values (Reshape) and values on shapes (Shape).
 */
#include "op.h"

#include <inttypes.h>

/* A constant expression that takes more is not worth its wait, and may be an attack: 2^34 products, or 1 GiB. */
static const int64_t max_work = (int64_t)1 << 34, max_elements = (int64_t)1 << 27;

static bool check_arity(const Node *n) {
  const OpInfo *info = &op_info[n->op];
  bool ok = n->n_in >= info->min_in && (info->max_in < 0 || n->n_in <= info->max_in) && n->n_out >= 1 && n->out[0] &&
            (info->max_out < 0 || n->n_out <= info->max_out);
  for (int k = 0; ok && k < n->n_in; k++)
    ok = n->in[k] || (k >= info->min_in && info->max_in >= 0);
  if (!ok)
    diag_error(EXIT_INVALID, n, "has the wrong number of inputs (%d) or outputs (%d)", n->n_in, n->n_out);
  return ok;
}

/* Inputs without a shape come from a node that was reported already. */
static bool inputs_known(const Node *n) {
  for (int k = 0; k < n->n_in; k++)
    if (n->in[k] && n->in[k]->rank < 0)
      return false;
  return true;
}

static bool inputs_constant(const Node *n) {
  for (int k = 0; k < n->n_in; k++)
    if (n->in[k] && !n->in[k]->value)
      return false;
  return true;
}

static bool outputs_constant(const Node *n) {
  for (int k = 0; k < n->n_out; k++)
    if (n->out[k] && !n->out[k]->value)
      return false;
  return true;
}

/* Tensors without elements need no computing. */
static bool outputs_empty(const Node *n) {
  for (int k = 0; k < n->n_out; k++)
    if (n->out[k] && tensor_count(n->out[k]))
      return false;
  return true;
}

static int64_t work(const Node *n) {
  int64_t per_element = 1;
  if (n->op == OP_MatMul || n->op == OP_Gemm)
    per_element = n->in[0]->rank ? n->in[0]->dim[n->in[0]->rank - 1] * (n->op == OP_Gemm ? n->in[0]->dim[0] : 1) : 1;
  if (n->op == OP_Conv || n->op == OP_ConvTranspose)
    per_element = tensor_count(n->in[1]);
  return per_element > max_work ? max_work + 1 : tensor_count(n->out[0]) * (per_element ? per_element : 1);
}

static void fold(Node *n) {
  int64_t total = 0;
  for (int k = 0; k < n->n_out; k++)
    total += n->out[k] ? tensor_count(n->out[k]) : 0;
  if (total > max_elements || work(n) > max_work) {
    diag_error(EXIT_UNSUPPORTED, n, "makes a constant of %" PRId64 " elements, too much work to do at compile time", total);
    return;
  }
  const double **in = mem_array((size_t)n->n_in, sizeof *in);
  double **out = mem_array((size_t)n->n_out, sizeof *out);
  for (int k = 0; k < n->n_in; k++)
    in[k] = n->in[k] ? n->in[k]->value : NULL;
  for (int k = 0; k < n->n_out; k++)
    if (n->out[k])
      out[k] = n->out[k]->value = mem_array((size_t)tensor_count(n->out[k]), sizeof(double));
  if (total)
    op_info[n->op].eval(n, in, out);
}

static bool same_shape(const Tensor *a, const Tensor *b) {
  return a->dtype == b->dtype && a->rank == b->rank && memcmp(a->dim, b->dim, (size_t)a->rank * sizeof *a->dim) == 0;
}

/* Copies, and moves that leave everything in its place. */
static bool changes_nothing(const Node *n) {
  if (!same_shape(n->in[0], n->out[0]))
    return false;
  switch (n->op) {
  case OP_Identity:
  case OP_Dropout:
  case OP_Flatten:
  case OP_Reshape:
  case OP_Squeeze:
  case OP_Unsqueeze:
  case OP_Cast:
  case OP_Expand:
  case OP_Tile:
    return true;
  case OP_Concat:
  case OP_Sum:
  case OP_Max:
  case OP_Min:
    return n->n_in == 1;
  case OP_Split:
    return n->n_out == 1;
  case OP_Slice: {
    SliceAxis axis[MAX_RANK];
    slice_axes(n, axis);
    for (int i = 0; i < n->in[0]->rank; i++)
      if (axis[i].step < 0 && axis[i].count > 1)
        return false;
    return true;
  }
  case OP_Transpose: {
    const Attr *perm = node_attr(n, "perm");
    for (int i = 0; i < n->in[0]->rank; i++)
      if (perm ? perm->ints[i] != i : n->in[0]->rank > 1)
        return false;
    return true;
  }
  case OP_Pad: {
    int64_t before[MAX_RANK], after[MAX_RANK];
    pad_axes(n, before, after);
    for (int i = 0; i < n->in[0]->rank; i++)
      if (before[i])
        return false;
    return true;
  }
  default:
    return false;
  }
}

/* Their integers and scales are wanted (pass_quantized). */
static bool stays_quantised(OpId op) {
  return op == OP_DequantizeLinear || op == OP_Quant || op == OP_IntQuant || op == OP_BipolarQuant || op == OP_Trunc ||
         op == OP_MultiThreshold;
}

Known infer_node(Graph *g, Node *n) {
  const OpInfo *info = &op_info[n->op];
  if (n->op == OP_UNKNOWN || !info->infer || !inputs_known(n) || !check_arity(n) || !info->infer(g, n))
    return KNOWN_NOTHING;
  info = &op_info[n->op]; /* CastLike becomes Cast */
  if (!outputs_constant(n) && (outputs_empty(n) || (info->eval && inputs_constant(n) && !stays_quantised(n->op))))
    fold(n);
  return outputs_constant(n) ? KNOWN_VALUE : KNOWN_SHAPE;
}

void pass_infer_fold(Graph *g) {
  for (int i = 0; i < g->n_nodes; i++) {
    Node *n = g->node[i];
    const Known known = infer_node(g, n);
    if (known == KNOWN_NOTHING)
      continue;
    if (known == KNOWN_VALUE) {
      graph_remove(g, n);
      i--;
    } else if (changes_nothing(n) && graph_bypass(g, n)) {
      i--;
    }
  }
}
