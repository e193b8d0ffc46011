/* SPDX-License-Identifier: Apache-2.0
 *
 * op_infer_quant.c - shape inference: quantisation. Outputs have their input's shape; what is checked are the parameters.
 */
#include "op.h"
#include "quantized.h"

#include <math.h>

static bool constants(const Node *n) {
  for (int k = 1; k < n->n_in; k++)
    if (n->in[k] && !n->in[k]->value) {
      diag_error(EXIT_UNSUPPORTED, n, "its parameter '%s' must be a constant: scales computed at run time are not supported",
                 diag_text(n->in[k]->name));
      return false;
    }
  return true;
}

static bool positive(const Node *n, const Tensor *scale) {
  for (int64_t i = 0; i < tensor_count(scale); i++)
    if (!((float)scale->value[i] > 0) || isinf((float)scale->value[i])) {
      diag_error(EXIT_INVALID, n, "scale '%s' is %g at index %lld: scales are positive", diag_text(scale->name), scale->value[i],
                 (long long)i);
      return false;
    }
  return true;
}

/* One number, one for each index of the axis, or one for each block. */
static bool fits_axis(const Node *n, const Tensor *x, const Tensor *p) {
  int axis = 0;
  if (tensor_count(p) == 1)
    return true;
  if (!norm_axis(n, attr_int(n, "axis", 1), x->rank, &axis))
    return false;
  const int64_t block = attr_int(n, "block_size", 0);
  bool ok = block == 0 && p->rank == 1 && p->dim[0] == x->dim[axis];
  if (block > 0 && p->rank == x->rank) {
    ok = p->dim[axis] == (x->dim[axis] + block - 1) / block;
    for (int i = 0; i < x->rank; i++)
      ok = ok && (i == axis || p->dim[i] == x->dim[i]);
  }
  if (!ok)
    diag_error(EXIT_INVALID, n, "shape %s of '%s' does not go with %s at axis %d, block size %lld", shape_text(p->rank, p->dim),
               diag_text(p->name), shape_text(x->rank, x->dim), axis, (long long)block);
  return ok;
}

static bool parameters(const Node *n) {
  const Tensor *x = n->in[0], *scale = n->in[1], *zero = n->n_in > 2 ? n->in[2] : NULL;
  return constants(n) && need_float(n, scale) && positive(n, scale) && fits_axis(n, x, scale) && (!zero || fits_axis(n, x, zero));
}

static bool small_integer(const Node *n, DataType t, bool any) {
  double lo, hi;
  if (dtype_range(t, &lo, &hi) && t != DT_BOOL && (any || hi - lo < 65536))
    return true;
  diag_error(EXIT_UNSUPPORTED, n, "quantises to %s: %s", dtype_name(t),
             dtype_is_small_float(t) ? SMALL_FLOAT_ADVICE : "only integers of 2 to 16 bits are supported");
  return false;
}

bool infer_quantize(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0], *zero = n->n_in > 2 ? n->in[2] : NULL;
  const DataType to = zero ? zero->dtype : (DataType)attr_int(n, "output_dtype", DT_UNDEFINED);
  const DataType type = to ? to : DT_UINT8;
  /* to 32 bits only a constant: a bias */
  return small_integer(n, type, x->value) && parameters(n) && set_shape(n, n->out[0], type, x->rank, x->dim);
}

bool infer_dequantize(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0];
  return small_integer(n, x->dtype, true) && parameters(n) && set_shape(n, n->out[0], n->in[1]->dtype, x->rank, x->dim);
}

static bool whole_number(const Node *n, const Tensor *t, double lo, double hi) {
  bool ok = tensor_count(t) == 1 && t->value[0] == floor(t->value[0]) && t->value[0] >= lo && t->value[0] <= hi;
  if (!ok)
    diag_error(EXIT_UNSUPPORTED, n, "'%s' must be one whole number from %g to %g", diag_text(t->name), lo, hi);
  return ok;
}

bool infer_qonnx(Graph *g, Node *n) {
  (void)g;
  enum { MOST_BITS = 24 };
  const Tensor *x = n->in[0];
  if (!need_float(n, x) || !constants(n))
    return false;
  if (n->op == OP_MultiThreshold) {
    const Tensor *t = n->in[1];
    const char *layout = attr_string(n, "data_layout", ""), *c = strchr(layout, 'C');
    const int axis = *layout ? (c ? (int)(c - layout) : 1) : x->rank == 3 ? 2 : 1; /* as qonnx guesses */
    attr_set_int(n, "axis", axis);
    if (t->rank != 2 || !t->dim[1] || (t->dim[0] != 1 && (axis >= x->rank || t->dim[0] != x->dim[axis]))) {
      diag_error(EXIT_INVALID, n, "shape %s of its thresholds does not go with %s", shape_text(t->rank, t->dim),
                 shape_text(x->rank, x->dim));
      return false;
    }
  } else {
    int rank;
    int64_t dim[MAX_RANK];
    for (int k = 1; k < (n->op == OP_BipolarQuant ? 2 : 3); k++)
      if (!broadcast_shape(n, x->rank, x->dim, n->in[k]->rank, n->in[k]->dim, &rank, dim)) {
        return false;
      } else if (rank != x->rank || memcmp(dim, x->dim, (size_t)rank * sizeof *dim) != 0) {
        diag_error(EXIT_INVALID, n, "parameter '%s' is larger than its input", diag_text(n->in[k]->name));
        return false;
      }
    if (!positive(n, n->in[1]))
      return false;
    for (int k = 3; k < n->n_in; k++)
      if (!(n->op == OP_Trunc && n->n_in == 6 && k == 4) && !whole_number(n, n->in[k], 1, MOST_BITS))
        return false;
    if (n->op == OP_Trunc && (!whole_number(n, n->in[1 + 1], 0, 0) || (n->n_in == 6 && !positive(n, n->in[4]))))
      return false;
  }
  return set_shape(n, n->out[0], x->dtype, x->rank, x->dim);
}

bool infer_requantize(Graph *g, Node *n) {
  (void)g;
  return set_shape(n, n->out[0], DT_FLOAT, n->in[0]->rank, n->in[0]->dim);
}

bool infer_scale(Graph *g, Node *n) {
  (void)g;
  return set_shape(n, n->out[0], DT_FLOAT, n->in[0]->rank, n->in[0]->dim);
}

bool infer_offset(Graph *g, Node *n) {
  (void)g;
  return set_shape(n, n->out[0], (DataType)attr_int(n, "to", DT_FLOAT), n->in[0]->rank, n->in[0]->dim);
}
