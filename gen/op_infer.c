/* SPDX-License-Identifier: Apache-2.0
 *
 * op_infer.c - shape inference: what all operators share, and the operators that compute.
 */
#include "op.h"

#include <inttypes.h>
#include <math.h>

/* ---- shared ---- */

int64_t to_i64(double v) {
  if (!(v > -9.3e18))
    return v == v ? INT64_MIN : 0;
  if (v >= 9223372036854775807.0)
    return INT64_MAX;
  return v <= -9223372036854775808.0 ? INT64_MIN : (int64_t)v;
}

bool set_shape(const Node *n, Tensor *t, DataType dtype, int rank, const int64_t *dim) {
  if (rank > MAX_RANK) {
    diag_error(EXIT_UNSUPPORTED, n, "output has %d dimensions; at most %d are supported", rank, MAX_RANK);
    return false;
  }
  int64_t product = 1;
  for (int i = 0; i < rank; i++) {
    int64_t d = dim[i] ? dim[i] : 1;
    if (d < 0 || d > INT32_MAX || product * d > INT32_MAX) {
      diag_error(EXIT_INVALID, n, "output dimension %d is %" PRId64 ", or the elements are more than 2^31", i, dim[i]);
      return false;
    }
    product *= d;
  }
  t->dtype = dtype;
  t->rank = rank;
  for (int i = 0; i < rank; i++)
    t->dim[i] = dim[i];
  return true;
}

const char *shape_text(int rank, const int64_t *dim) {
  Buf b = {0};
  buf_puts(&b, "[");
  for (int i = 0; i < rank; i++)
    buf_printf(&b, "%s%" PRId64, i ? "," : "", dim[i]);
  buf_puts(&b, "]");
  return b.s;
}

bool broadcast_shape(const Node *n, int a_rank, const int64_t *a_dim, int b_rank, const int64_t *b_dim, int *rank, int64_t *out) {
  int64_t result[MAX_RANK];
  int r = a_rank > b_rank ? a_rank : b_rank;
  for (int i = 0; i < r; i++) {
    int64_t a = i < r - a_rank ? 1 : a_dim[i - (r - a_rank)], b = i < r - b_rank ? 1 : b_dim[i - (r - b_rank)];
    if (a != b && a != 1 && b != 1) {
      diag_error(EXIT_INVALID, n, "shapes %s and %s do not broadcast", shape_text(a_rank, a_dim), shape_text(b_rank, b_dim));
      return false;
    }
    result[i] = a == 1 ? b : a;
  }
  *rank = r;
  for (int i = 0; i < r; i++)
    out[i] = result[i];
  return true;
}

bool norm_axis(const Node *n, int64_t axis, int rank, int *out) {
  if (axis < -rank || axis >= rank) {
    diag_error(EXIT_INVALID, n, "axis %" PRId64 " is out of range for %d dimensions", axis, rank);
    return false;
  }
  *out = (int)(axis < 0 ? axis + rank : axis);
  return true;
}

bool const_ints(const Node *n, int k, const char *what, int64_t **v, int *count) {
  enum { MAX_COUNT = 1 << 20 };
  const Tensor *t = n->in[k];
  if (!t->value) {
    diag_error(EXIT_UNSUPPORTED, n, "%s ('%s') must be a constant", what, diag_text(t->name));
    return false;
  }
  if (t->rank > 1 || dtype_is_float(t->dtype) || t->dtype == DT_BOOL || tensor_count(t) > MAX_COUNT) {
    diag_error(EXIT_INVALID, n, "%s ('%s') must be a list of integers", what, diag_text(t->name));
    return false;
  }
  *count = (int)tensor_count(t);
  *v = mem_array((size_t)*count, sizeof **v);
  for (int i = 0; i < *count; i++)
    (*v)[i] = to_i64(t->value[i]);
  return true;
}

bool axis_flags(const Tensor *axes, int rank, bool *flag) {
  for (int i = 0; i < rank; i++)
    flag[i] = false;
  int64_t n = axes ? tensor_count(axes) : 0;
  for (int64_t i = 0; i < n; i++) {
    int64_t a = to_i64(axes->value[i]);
    if (a < -rank || a >= rank)
      return false;
    flag[a < 0 ? a + rank : a] = true;
  }
  return true;
}

/* ---- types ---- */

bool need_number(const Node *n, const Tensor *t) {
  if (t->dtype != DT_STRING && t->dtype != DT_BOOL)
    return true;
  diag_error(EXIT_INVALID, n, "input '%s' is %s, not a number", diag_text(t->name), dtype_name(t->dtype));
  return false;
}

bool need_float(const Node *n, const Tensor *t) {
  if (dtype_is_float(t->dtype))
    return true;
  diag_error(EXIT_INVALID, n, "input '%s' is %s, not a floating-point number", diag_text(t->name), dtype_name(t->dtype));
  return false;
}

bool same_type(const Node *n, const Tensor *a, const Tensor *b) {
  if (a->dtype == b->dtype)
    return true;
  diag_error(EXIT_INVALID, n, "inputs '%s' and '%s' are of different types, %s and %s", diag_text(a->name), diag_text(b->name),
             dtype_name(a->dtype), dtype_name(b->dtype));
  return false;
}

static bool wants_float(OpId op) {
  switch (op_info[op].kind) {
  case KIND_TABLE:
  case KIND_NORM:
    return true;
  case KIND_PWL:
    return op == OP_LeakyRelu || op == OP_ThresholdedRelu || op == OP_HardSigmoid;
  default:
    return op == OP_Floor || op == OP_Ceil || op == OP_Round || op == OP_Sin || op == OP_Cos;
  }
}

/* ---- elementwise ---- */

static bool clip_bounds(const Node *n) {
  for (int k = 1; k < n->n_in; k++) {
    const Tensor *t = n->in[k];
    if (!t)
      continue;
    if (!t->value) {
      diag_error(EXIT_UNSUPPORTED, n, "its %s ('%s') must be a constant", k == 1 ? "minimum" : "maximum", diag_text(t->name));
      return false;
    }
    if (tensor_count(t) != 1) {
      diag_error(EXIT_INVALID, n, "its %s ('%s') must be one number", k == 1 ? "minimum" : "maximum", diag_text(t->name));
      return false;
    }
  }
  return true;
}

bool infer_same(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0];
  int axis;
  if (n->op == OP_Not && x->dtype != DT_BOOL) {
    diag_error(EXIT_INVALID, n, "input '%s' is %s, not bool", diag_text(x->name), dtype_name(x->dtype));
    return false;
  }
  if (wants_float(n->op) ? !need_float(n, x) : n->op != OP_Identity && n->op != OP_Not && !need_number(n, x))
    return false;
  if ((n->op == OP_Softmax || n->op == OP_LogSoftmax) && !norm_axis(n, attr_int(n, "axis", -1), x->rank, &axis))
    return false;
  if (n->op == OP_Normalizer && (x->rank < 1 || x->rank > 2)) {
    diag_error(EXIT_INVALID, n, "input '%s' has %d dimensions, not 1 or 2", diag_text(x->name), x->rank);
    return false;
  }
  if (n->op == OP_Clip && !clip_bounds(n))
    return false;
  return set_shape(n, n->out[0], x->dtype, x->rank, x->dim);
}

static bool infer_broadcast(Node *n, DataType dtype) {
  const Tensor *a = n->in[0], *b = n->in[1];
  int rank;
  int64_t dim[MAX_RANK];
  return broadcast_shape(n, a->rank, a->dim, b->rank, b->dim, &rank, dim) && set_shape(n, n->out[0], dtype, rank, dim);
}

bool infer_binary(Graph *g, Node *n) {
  (void)g;
  const Tensor *a = n->in[0], *b = n->in[1];
  if (!need_number(n, a) || !need_number(n, b) || (n->op != OP_Pow && !same_type(n, a, b)))
    return false;
  return infer_broadcast(n, a->dtype);
}

bool infer_compare(Graph *g, Node *n) {
  (void)g;
  if (!same_type(n, n->in[0], n->in[1]))
    return false;
  if ((n->op == OP_And || n->op == OP_Or || n->op == OP_Xor) && n->in[0]->dtype != DT_BOOL) {
    diag_error(EXIT_INVALID, n, "input '%s' is %s, not bool", diag_text(n->in[0]->name), dtype_name(n->in[0]->dtype));
    return false;
  }
  return infer_broadcast(n, DT_BOOL);
}

bool infer_nary(Graph *g, Node *n) {
  (void)g;
  int rank = n->in[0]->rank;
  int64_t dim[MAX_RANK];
  for (int i = 0; i < rank; i++)
    dim[i] = n->in[0]->dim[i];
  for (int k = 0; k < n->n_in; k++)
    if (!need_number(n, n->in[k]) || !same_type(n, n->in[0], n->in[k]) ||
        !broadcast_shape(n, rank, dim, n->in[k]->rank, n->in[k]->dim, &rank, dim))
      return false;
  return set_shape(n, n->out[0], n->in[0]->dtype, rank, dim);
}

bool infer_where(Graph *g, Node *n) {
  (void)g;
  const Tensor *c = n->in[0], *a = n->in[1], *b = n->in[2];
  int rank;
  int64_t dim[MAX_RANK];
  if (c->dtype != DT_BOOL) {
    diag_error(EXIT_INVALID, n, "input '%s' is %s, not bool", diag_text(c->name), dtype_name(c->dtype));
    return false;
  }
  return same_type(n, a, b) && broadcast_shape(n, a->rank, a->dim, b->rank, b->dim, &rank, dim) &&
         broadcast_shape(n, rank, dim, c->rank, c->dim, &rank, dim) && set_shape(n, n->out[0], a->dtype, rank, dim);
}

bool infer_prelu(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0], *slope = n->in[1];
  int rank;
  int64_t dim[MAX_RANK];
  if (!need_number(n, x) || !same_type(n, x, slope) || !broadcast_shape(n, x->rank, x->dim, slope->rank, slope->dim, &rank, dim))
    return false;
  if (rank != x->rank || memcmp(dim, x->dim, (size_t)rank * sizeof *dim) != 0) {
    diag_error(EXIT_INVALID, n, "slope %s does not broadcast to the input %s", shape_text(slope->rank, slope->dim),
               shape_text(x->rank, x->dim));
    return false;
  }
  return set_shape(n, n->out[0], x->dtype, x->rank, x->dim);
}

bool infer_cast(Graph *g, Node *n) {
  (void)g;
  int64_t to = attr_int(n, "to", 0);
  if (n->in[0]->dtype == DT_STRING || to < DT_FLOAT || to > DT_BFLOAT16 || to == DT_STRING || to == 14 || to == 15) {
    diag_error(to ? EXIT_UNSUPPORTED : EXIT_INVALID, n, "cast from %s to %s", dtype_name(n->in[0]->dtype),
               to < 0 || to > INT32_MAX ? "?" : dtype_name((DataType)to));
    return false;
  }
  return set_shape(n, n->out[0], (DataType)to, n->in[0]->rank, n->in[0]->dim);
}

/* The type it wants is known by now: from here on it is a Cast. */
bool infer_cast_like(Graph *g, Node *n) {
  attr_set_int(n, "to", n->in[1]->dtype);
  n->op = OP_Cast;
  n->op_type = "Cast";
  n->n_in = 1;
  return infer_cast(g, n);
}

bool infer_dropout(Graph *g, Node *n) {
  (void)g;
  const Tensor *training = n->n_in > 2 ? n->in[2] : NULL;
  if (n->n_out > 1 && n->out[1]) {
    diag_error(EXIT_UNSUPPORTED, n, "its mask is used, which only training needs");
    return false;
  }
  if (training && (!training->value || tensor_count(training) != 1 || training->value[0] != 0))
    diag_warn(n, "is in training mode; taken as at inference, where it does nothing");
  return set_shape(n, n->out[0], n->in[0]->dtype, n->in[0]->rank, n->in[0]->dim);
}

bool infer_batchnorm(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0];
  if (!need_float(n, x))
    return false;
  if (x->rank < 1) {
    diag_error(EXIT_INVALID, n, "input '%s' is a single number", diag_text(x->name));
    return false;
  }
  int64_t channels = x->rank > 1 ? x->dim[1] : 1;
  for (int k = 1; k < 5; k++)
    if (n->in[k]->rank != 1 || n->in[k]->dim[0] != channels) {
      diag_error(EXIT_INVALID, n, "'%s' has shape %s for %" PRId64 " channels", diag_text(n->in[k]->name),
                 shape_text(n->in[k]->rank, n->in[k]->dim), channels);
      return false;
    }
  return set_shape(n, n->out[0], x->dtype, x->rank, x->dim);
}

/* ---- products ---- */

bool infer_gemm(Graph *g, Node *n) {
  (void)g;
  const Tensor *a = n->in[0], *b = n->in[1], *c = n->n_in > 2 ? n->in[2] : NULL;
  if (!need_number(n, a) || !same_type(n, a, b) || (c && !same_type(n, a, c)))
    return false;
  if (a->rank != 2 || b->rank != 2) {
    diag_error(EXIT_INVALID, n, "inputs have shapes %s and %s, not two dimensions each", shape_text(a->rank, a->dim),
               shape_text(b->rank, b->dim));
    return false;
  }
  int ta = attr_int(n, "transA", 0) != 0, tb = attr_int(n, "transB", 0) != 0;
  int64_t dim[2] = {a->dim[ta], b->dim[!tb]}, both[MAX_RANK];
  if (a->dim[!ta] != b->dim[tb]) {
    diag_error(EXIT_INVALID, n, "inner dimensions of %s%s and %s%s differ", shape_text(2, a->dim), ta ? " transposed" : "",
               shape_text(2, b->dim), tb ? " transposed" : "");
    return false;
  }
  int rank;
  if (c && (!broadcast_shape(n, 2, dim, c->rank, c->dim, &rank, both) || rank != 2 || both[0] != dim[0] || both[1] != dim[1])) {
    diag_error(EXIT_INVALID, n, "bias %s does not broadcast to %s", shape_text(c->rank, c->dim), shape_text(2, dim));
    return false;
  }
  return set_shape(n, n->out[0], a->dtype, 2, dim);
}

bool infer_matmul(Graph *g, Node *n) {
  (void)g;
  const Tensor *a = n->in[0], *b = n->in[1];
  if (!need_number(n, a) || !same_type(n, a, b))
    return false;
  int rank;
  int64_t dim[MAX_RANK + 2];
  if (a->rank < 1 || b->rank < 1 || a->dim[a->rank - 1] != b->dim[b->rank > 1 ? b->rank - 2 : 0]) {
    diag_error(EXIT_INVALID, n, "shapes %s and %s do not multiply", shape_text(a->rank, a->dim), shape_text(b->rank, b->dim));
    return false;
  }
  if (!broadcast_shape(n, a->rank > 2 ? a->rank - 2 : 0, a->dim, b->rank > 2 ? b->rank - 2 : 0, b->dim, &rank, dim))
    return false;
  if (a->rank > 1)
    dim[rank++] = a->dim[a->rank - 2];
  if (b->rank > 1)
    dim[rank++] = b->dim[b->rank - 1];
  return set_shape(n, n->out[0], a->dtype, rank, dim);
}

/* ---- reductions ---- */

bool infer_reduce(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0], *axes = n->n_in > 1 ? n->in[1] : NULL;
  bool reduced[MAX_RANK];
  int64_t *list, dim[MAX_RANK];
  int count = 0, rank = 0;
  bool ordered = n->op == OP_ReduceMax || n->op == OP_ReduceMin; /* bools have an order */
  if ((!(ordered && x->dtype == DT_BOOL) && !need_number(n, x)) || (axes && !const_ints(n, 1, "its axes", &list, &count)))
    return false;
  if (!axis_flags(axes, x->rank, reduced)) {
    diag_error(EXIT_INVALID, n, "an axis is out of range for %d dimensions", x->rank);
    return false;
  }
  if (count == 0)
    for (int i = 0; i < x->rank; i++)
      reduced[i] = !attr_int(n, "noop_with_empty_axes", 0);
  for (int i = 0; i < x->rank; i++)
    if (!reduced[i])
      dim[rank++] = x->dim[i];
    else if (attr_int(n, "keepdims", 1))
      dim[rank++] = 1;
  for (int i = 0; i < x->rank; i++)
    if (reduced[i] && x->dim[i] == 0 && (n->op == OP_ReduceMax || n->op == OP_ReduceMin || n->op == OP_ReduceMean)) {
      diag_error(EXIT_INVALID, n, "reduces an empty dimension");
      return false;
    }
  return set_shape(n, n->out[0], x->dtype, rank, dim);
}

bool infer_argmax(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0];
  int axis, rank = 0;
  int64_t dim[MAX_RANK];
  if (!need_number(n, x) || !norm_axis(n, attr_int(n, "axis", 0), x->rank, &axis))
    return false;
  if (x->dim[axis] == 0) {
    diag_error(EXIT_INVALID, n, "has nothing to choose from");
    return false;
  }
  for (int i = 0; i < x->rank; i++)
    if (i != axis)
      dim[rank++] = x->dim[i];
    else if (attr_int(n, "keepdims", 1))
      dim[rank++] = 1;
  return set_shape(n, n->out[0], DT_INT64, rank, dim);
}
