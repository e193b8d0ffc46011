/* SPDX-License-Identifier: Apache-2.0
 *
 * op_infer_const.c - operators whose result is known at inference: from attributes, from shapes, from constants.
 */
#include "op.h"

#include <inttypes.h>
#include <math.h>

/* Folded values beyond this are a mistake, or an attack: 1 GiB. */
enum { MAX_FOLDED = 1 << 27 };

static bool make(const Node *n, DataType dtype, int rank, const int64_t *dim) {
  Tensor *t = n->out[0];
  if (!set_shape(n, t, dtype, rank, dim))
    return false;
  if (tensor_count(t) > MAX_FOLDED) {
    diag_error(EXIT_UNSUPPORTED, n, "makes a constant of %" PRId64 " elements", tensor_count(t));
    return false;
  }
  t->value = mem_array((size_t)tensor_count(t), sizeof(double));
  return true;
}

bool infer_constant(Graph *g, Node *n) {
  (void)g;
  const Attr *a = NULL;
  for (int i = 0; i < n->n_attr; i++)
    if (strncmp(n->attr[i].name, "value", 5) == 0 || strcmp(n->attr[i].name, "sparse_value") == 0)
      a = &n->attr[i];
  if (!a) {
    diag_error(EXIT_INVALID, n, "has no value");
    return false;
  }
  int64_t dim[1] = {a->n};
  if (a->type == ATTR_TENSOR && a->tensor->value) {
    if (!set_shape(n, n->out[0], a->tensor->dtype, a->tensor->rank, a->tensor->dim))
      return false;
    n->out[0]->value = a->tensor->value;
    return true;
  }
  if (a->type == ATTR_FLOAT || a->type == ATTR_INT) {
    if (!make(n, a->type == ATTR_INT ? DT_INT64 : DT_FLOAT, 0, NULL))
      return false;
    n->out[0]->value[0] = a->type == ATTR_INT ? (double)a->i : a->f;
    return true;
  }
  if (a->type == ATTR_FLOATS || a->type == ATTR_INTS) {
    if (!make(n, a->type == ATTR_INTS ? DT_INT64 : DT_FLOAT, 1, dim))
      return false;
    for (int i = 0; i < a->n; i++)
      n->out[0]->value[i] = a->type == ATTR_INTS ? (double)a->ints[i] : a->floats[i];
    return true;
  }
  diag_error(EXIT_UNSUPPORTED, n, a->type == ATTR_OTHER ? "its value is sparse or of an unknown kind" : "its value is text");
  return false;
}

bool infer_shape(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0];
  int64_t start = attr_int(n, "start", 0), end = attr_int(n, "end", x->rank);
  start += start < 0 ? x->rank : 0;
  end += end < 0 ? x->rank : 0;
  start = start < 0 ? 0 : start > x->rank ? x->rank : start;
  end = end < start ? start : end > x->rank ? x->rank : end;
  int64_t dim[1] = {end - start};
  if (!make(n, DT_INT64, 1, dim))
    return false;
  for (int64_t i = start; i < end; i++)
    n->out[0]->value[i - start] = (double)x->dim[i];
  return true;
}

bool infer_size(Graph *g, Node *n) {
  (void)g;
  if (!make(n, DT_INT64, 0, NULL))
    return false;
  n->out[0]->value[0] = (double)tensor_count(n->in[0]);
  return true;
}

bool infer_constant_of_shape(Graph *g, Node *n) {
  (void)g;
  int64_t *dim;
  int rank;
  const Attr *a = node_attr(n, "value");
  if (!const_ints(n, 0, "the shape", &dim, &rank))
    return false;
  if (a && (a->type != ATTR_TENSOR || !a->tensor->value || tensor_count(a->tensor) != 1)) {
    diag_error(EXIT_INVALID, n, "its value is not one number");
    return false;
  }
  if (!make(n, a ? a->tensor->dtype : DT_FLOAT, rank, dim))
    return false;
  int64_t count = tensor_count(n->out[0]);
  for (int64_t i = 0; a && i < count; i++)
    n->out[0]->value[i] = a->tensor->value[0];
  return true;
}

bool infer_range(Graph *g, Node *n) {
  (void)g;
  for (int k = 0; k < 3; k++) {
    if (!n->in[k]->value) {
      diag_error(EXIT_UNSUPPORTED, n, "input '%s' must be a constant", diag_text(n->in[k]->name));
      return false;
    }
    if (tensor_count(n->in[k]) != 1 || n->in[k]->dtype != n->in[0]->dtype) {
      diag_error(EXIT_INVALID, n, "input '%s' must be one number, of one type with the others", diag_text(n->in[k]->name));
      return false;
    }
  }
  double start = n->in[0]->value[0], limit = n->in[1]->value[0], delta = n->in[2]->value[0];
  double count = ceil((limit - start) / delta);
  if (!(count > 0))
    count = 0;
  if (delta == 0 || count > MAX_FOLDED) {
    diag_error(EXIT_INVALID, n, "counts from %g to %g in steps of %g", start, limit, delta);
    return false;
  }
  int64_t dim[1] = {(int64_t)count};
  if (!make(n, n->in[0]->dtype, 1, dim))
    return false;
  for (int64_t i = 0; i < dim[0]; i++)
    n->out[0]->value[i] = start + (double)i * delta;
  return true;
}
