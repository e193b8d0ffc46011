/* SPDX-License-Identifier: Apache-2.0
 *
 * op_infer_move.c - shape inference of the operators that only move elements.
 */
#include "op.h"

#include <inttypes.h>

static bool invalid(const Node *n, const char *what) {
  diag_error(EXIT_INVALID, n, "%s", what);
  return false;
}

bool infer_flatten(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0];
  int64_t axis = attr_int(n, "axis", 1), dim[2] = {1, 1};
  if (axis < -x->rank || axis > x->rank)
    return invalid(n, "axis out of range");
  if (axis < 0)
    axis += x->rank;
  for (int i = 0; i < x->rank; i++)
    dim[i >= axis] *= x->dim[i];
  return set_shape(n, n->out[0], x->dtype, 2, dim);
}

bool infer_reshape(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0];
  int64_t *want, dim[MAX_RANK], known = 1;
  int rank, free_axis = -1;
  if (!const_ints(n, 1, "the new shape", &want, &rank))
    return false;
  if (rank > MAX_RANK) {
    diag_error(EXIT_UNSUPPORTED, n, "output has %d dimensions; at most %d are supported", rank, MAX_RANK);
    return false;
  }
  bool keep_zero = attr_int(n, "allowzero", 0) != 0;
  for (int i = 0; i < rank; i++) {
    dim[i] = want[i];
    if (want[i] == 0 && !keep_zero) {
      if (i >= x->rank)
        return invalid(n, "the new shape keeps a dimension that the input does not have");
      dim[i] = x->dim[i];
    }
    if (want[i] == -1) {
      if (free_axis >= 0)
        return invalid(n, "the new shape leaves two dimensions open");
      free_axis = i;
    } else if (dim[i] < 0 || dim[i] > INT32_MAX || known * dim[i] > INT32_MAX) {
      return invalid(n, "the new shape has a dimension that is negative or too large");
    } else {
      known *= dim[i];
    }
  }
  int64_t count = tensor_count(x);
  if (free_axis >= 0)
    dim[free_axis] = known ? count / known : 0;
  if (known * (free_axis >= 0 ? dim[free_axis] : 1) != count) {
    Buf b = {0};
    for (int i = 0; i < rank; i++)
      buf_printf(&b, "%s%" PRId64, i ? "," : "", want[i]);
    diag_error(EXIT_INVALID, n, "%" PRId64 " elements do not fit the new shape [%s]%s", count, b.s ? b.s : "",
               x->rank && x->dim[0] == 1 ? " (a batch larger than 1 may be fixed in the model: export with a dynamic batch)" : "");
    return false;
  }
  return set_shape(n, n->out[0], x->dtype, rank, dim);
}

bool infer_squeeze(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0], *axes = n->n_in > 1 ? n->in[1] : NULL;
  int64_t *list, dim[MAX_RANK];
  int count, rank = 0;
  bool gone[MAX_RANK];
  if (axes && !const_ints(n, 1, "its axes", &list, &count))
    return false;
  if (!axis_flags(axes, x->rank, gone))
    return invalid(n, "an axis is out of range");
  for (int i = 0; i < x->rank; i++) {
    if (axes && gone[i] && x->dim[i] != 1)
      return invalid(n, "squeezes a dimension that is not 1");
    if (axes ? !gone[i] : x->dim[i] != 1)
      dim[rank++] = x->dim[i];
  }
  return set_shape(n, n->out[0], x->dtype, rank, dim);
}

bool infer_unsqueeze(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0];
  int64_t *axes, dim[MAX_RANK] = {0};
  int count, rank, from = 0;
  if (!const_ints(n, 1, "its axes", &axes, &count))
    return false;
  rank = x->rank + count;
  if (count > MAX_RANK || rank > MAX_RANK) {
    diag_error(EXIT_UNSUPPORTED, n, "output has %d dimensions; at most %d are supported", rank, MAX_RANK);
    return false;
  }
  for (int i = 0; i < count; i++) {
    int axis;
    if (!norm_axis(n, axes[i], rank, &axis))
      return false;
    if (dim[axis])
      return invalid(n, "an axis occurs twice");
    dim[axis] = 1;
  }
  bool is_new[MAX_RANK];
  for (int i = 0; i < rank; i++)
    is_new[i] = dim[i] != 0;
  for (int i = 0; i < rank; i++)
    if (!is_new[i])
      dim[i] = x->dim[from++];
  return set_shape(n, n->out[0], x->dtype, rank, dim);
}

bool infer_transpose(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0];
  const Attr *perm = node_attr(n, "perm");
  bool seen[MAX_RANK] = {false};
  int64_t dim[MAX_RANK];
  if (perm && (perm->type != ATTR_INTS || perm->n != x->rank))
    return invalid(n, "its permutation does not fit the input");
  for (int i = 0; i < x->rank; i++) {
    int64_t from = perm ? perm->ints[i] : x->rank - 1 - i;
    if (from < 0 || from >= x->rank || seen[from])
      return invalid(n, "its permutation is none");
    seen[from] = true;
    dim[i] = x->dim[from];
  }
  return set_shape(n, n->out[0], x->dtype, x->rank, dim);
}

bool infer_concat(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0];
  int axis;
  int64_t dim[MAX_RANK];
  if (!node_attr(n, "axis"))
    return invalid(n, "has no axis");
  if (!norm_axis(n, attr_int(n, "axis", 0), x->rank, &axis))
    return false;
  for (int i = 0; i < x->rank; i++)
    dim[i] = x->dim[i];
  for (int k = 1; k < n->n_in; k++) {
    const Tensor *t = n->in[k];
    if (t->dtype != x->dtype)
      return invalid(n, "joins tensors of different types");
    if (t->rank != x->rank)
      return invalid(n, "joins tensors of different rank");
    for (int i = 0; i < t->rank; i++)
      if (i == axis)
        dim[i] += t->dim[i];
      else if (t->dim[i] != dim[i])
        return invalid(n, "joins tensors whose other dimensions differ");
    if (dim[axis] > INT32_MAX)
      return invalid(n, "the result is too large");
  }
  return set_shape(n, n->out[0], x->dtype, x->rank, dim);
}

bool infer_split(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0];
  int axis, parts = n->n_out, count;
  int64_t *size = NULL, dim[MAX_RANK], sum = 0;
  if (!norm_axis(n, attr_int(n, "axis", 0), x->rank, &axis))
    return false;
  int64_t whole = x->dim[axis];
  if (n->n_in > 1 && n->in[1]) {
    if (!const_ints(n, 1, "its sizes", &size, &count))
      return false;
    if (count < parts)
      return invalid(n, "has more outputs than sizes");
    parts = count;
  } else {
    int64_t given = attr_int(n, "num_outputs", parts);
    if (given < parts || given > whole)
      return invalid(n, "has the wrong number of outputs");
    parts = (int)given;
  }
  int64_t each = (whole + parts - 1) / parts;
  for (int i = 0; i < x->rank; i++)
    dim[i] = x->dim[i];
  for (int k = 0; k < parts; k++) {
    dim[axis] = size ? size[k] : k < parts - 1 ? each : whole - sum;
    if (dim[axis] < 0 || dim[axis] > whole - sum)
      return invalid(n, "its sizes do not add up to the dimension");
    sum += dim[axis];
    if (k < n->n_out && n->out[k] && !set_shape(n, n->out[k], x->dtype, x->rank, dim))
      return false;
  }
  return sum == whole || invalid(n, "its sizes do not add up to the dimension");
}

static int64_t clamp(int64_t v, int64_t lo, int64_t hi) {
  return v < lo ? lo : v > hi ? hi : v;
}

bool slice_axes(const Node *n, SliceAxis *out) {
  const Tensor *x = n->in[0], *starts = n->in[1], *ends = n->in[2];
  const Tensor *axes = n->n_in > 3 ? n->in[3] : NULL, *steps = n->n_in > 4 ? n->in[4] : NULL;
  int64_t count = tensor_count(starts);
  bool seen[MAX_RANK] = {false};
  if (tensor_count(ends) != count || (axes && tensor_count(axes) != count) || (steps && tensor_count(steps) != count) || count > x->rank)
    return false;
  for (int i = 0; i < x->rank; i++)
    out[i] = (SliceAxis){0, 1, x->dim[i]};
  for (int64_t i = 0; i < count; i++) {
    int64_t a = axes ? to_i64(axes->value[i]) : i, step = steps ? to_i64(steps->value[i]) : 1;
    if (a < -x->rank || a >= x->rank || step == 0)
      return false;
    a += a < 0 ? x->rank : 0;
    if (seen[a])
      return false;
    seen[a] = true;
    int64_t d = x->dim[a], start = to_i64(starts->value[i]), end = to_i64(ends->value[i]);
    start += start < 0 ? d : 0;
    end += end < 0 ? d : 0;
    step = clamp(step, -INT32_MAX, INT32_MAX);
    if (step > 0) {
      start = clamp(start, 0, d);
      end = clamp(end, 0, d);
      out[a] = (SliceAxis){start, step, end > start ? (end - start - 1) / step + 1 : 0};
    } else {
      start = clamp(start, 0, d - 1);
      end = clamp(end, -1, d - 1);
      out[a] = (SliceAxis){start, step, d && start > end ? (start - end - 1) / -step + 1 : 0};
    }
  }
  return true;
}

bool infer_slice(Graph *g, Node *n) {
  (void)g;
  static const char *const what[] = {"", "its starts", "its ends", "its axes", "its steps"};
  SliceAxis axis[MAX_RANK];
  int64_t *list, dim[MAX_RANK];
  int count;
  for (int k = 1; k < n->n_in; k++)
    if (n->in[k] && !const_ints(n, k, what[k], &list, &count))
      return false;
  if (!slice_axes(n, axis))
    return invalid(n, "its starts, ends, axes and steps do not fit together or the input");
  for (int i = 0; i < n->in[0]->rank; i++)
    dim[i] = axis[i].count;
  return set_shape(n, n->out[0], n->in[0]->dtype, n->in[0]->rank, dim);
}

bool pad_axes(const Node *n, int64_t *before, int64_t *after) {
  const Tensor *x = n->in[0], *pads = n->in[1], *axes = n->n_in > 3 ? n->in[3] : NULL;
  int64_t count = axes ? tensor_count(axes) : x->rank;
  bool seen[MAX_RANK] = {false};
  if (tensor_count(pads) != 2 * count || count > x->rank)
    return false;
  for (int i = 0; i < x->rank; i++)
    before[i] = after[i] = 0;
  for (int64_t i = 0; i < count; i++) {
    int64_t a = axes ? to_i64(axes->value[i]) : i;
    if (a < -x->rank || a >= x->rank)
      return false;
    a += a < 0 ? x->rank : 0;
    if (seen[a])
      return false;
    seen[a] = true;
    before[a] = clamp(to_i64(pads->value[i]), -INT32_MAX, INT32_MAX);
    after[a] = clamp(to_i64(pads->value[i + count]), -INT32_MAX, INT32_MAX);
  }
  return true;
}

bool infer_pad(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0], *fill = n->n_in > 2 ? n->in[2] : NULL;
  const char *mode = attr_string(n, "mode", "constant");
  int64_t *list, before[MAX_RANK], after[MAX_RANK], dim[MAX_RANK];
  int count;
  if (!const_ints(n, 1, "its pads", &list, &count) || (n->n_in > 3 && n->in[3] && !const_ints(n, 3, "its axes", &list, &count)))
    return false;
  if (!pad_axes(n, before, after))
    return invalid(n, "its pads do not fit the input");
  if (fill && (tensor_count(fill) != 1 || fill->dtype != x->dtype))
    return invalid(n, "its fill value must be one number of the input's type");
  bool reflect = strcmp(mode, "reflect") == 0, fills = strcmp(mode, "constant") == 0;
  if (!reflect && !fills && strcmp(mode, "edge") != 0 && strcmp(mode, "wrap") != 0) {
    diag_error(EXIT_UNSUPPORTED, n, "mode '%s' is not supported", diag_text(mode));
    return false;
  }
  for (int i = 0; i < x->rank; i++) {
    dim[i] = x->dim[i] + before[i] + after[i];
    bool grows = before[i] > 0 || after[i] > 0;
    if (dim[i] < 0 || (grows && !fills && x->dim[i] == 0) || (reflect && (before[i] >= x->dim[i] || after[i] >= x->dim[i]) && grows))
      return invalid(n, "pads more than the input's size allows");
  }
  return set_shape(n, n->out[0], x->dtype, x->rank, dim);
}

bool infer_expand(Graph *g, Node *n) {
  (void)g;
  int64_t *want, dim[MAX_RANK];
  int rank;
  if (!const_ints(n, 1, "the new shape", &want, &rank))
    return false;
  if (rank > MAX_RANK) {
    diag_error(EXIT_UNSUPPORTED, n, "output has %d dimensions; at most %d are supported", rank, MAX_RANK);
    return false;
  }
  return broadcast_shape(n, n->in[0]->rank, n->in[0]->dim, rank, want, &rank, dim) && set_shape(n, n->out[0], n->in[0]->dtype, rank, dim);
}

bool infer_tile(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0];
  int64_t *repeat, dim[MAX_RANK];
  int count;
  if (!const_ints(n, 1, "its repeats", &repeat, &count))
    return false;
  if (count != x->rank)
    return invalid(n, "its repeats do not fit the input");
  for (int i = 0; i < count; i++) {
    if (repeat[i] < 0 || repeat[i] > INT32_MAX)
      return invalid(n, "a repeat count is negative or too large");
    dim[i] = x->dim[i] * repeat[i];
  }
  return set_shape(n, n->out[0], x->dtype, x->rank, dim);
}

bool infer_gather(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0], *index = n->in[1];
  int axis, rank = 0;
  int64_t dim[2 * MAX_RANK];
  if (index->dtype != DT_INT64 && index->dtype != DT_INT32)
    return invalid(n, "its indices are not integers");
  if (!norm_axis(n, attr_int(n, "axis", 0), x->rank, &axis))
    return false;
  for (int i = 0; i < axis; i++)
    dim[rank++] = x->dim[i];
  for (int i = 0; i < index->rank; i++)
    dim[rank++] = index->dim[i];
  for (int i = axis + 1; i < x->rank; i++)
    dim[rank++] = x->dim[i];
  int64_t size = x->dim[axis], count = tensor_count(index);
  if (!index->value && size == 0)
    return invalid(n, "gathers from nothing");
  for (int64_t i = 0; index->value && i < count; i++)
    if (index->value[i] < (double)-size || index->value[i] >= (double)size) {
      diag_error(EXIT_INVALID, n, "index %.0f is out of range for %" PRId64 " elements", index->value[i], size);
      return false;
    }
  return set_shape(n, n->out[0], x->dtype, rank, dim);
}
