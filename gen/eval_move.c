/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_move.c - meaning of the operators that move elements. Elements are copied, never computed: lowering runs these on element numbers.
 */
#include "op.h"

void eval_copy(const Node *n, const double *const *in, double *const *out) {
  memcpy(out[0], in[0], (size_t)tensor_count(n->out[0]) * sizeof(double));
}

/* out[walk of out's shape] = in[at 0]; strides are set by the caller. */
static void gather_walk(Walk *w, const double *in, double *out) {
  for (int64_t i = 0; w->left; walk_next(w), i++)
    out[i] = in[w->at[0]];
}

static void strides(const Tensor *t, int64_t *stride) {
  int64_t s = 1;
  for (int i = t->rank - 1; i >= 0; i--) {
    stride[i] = s;
    s *= t->dim[i];
  }
}

void eval_transpose(const Node *n, const double *const *in, double *const *out) {
  const Tensor *x = n->in[0];
  const Attr *perm = node_attr(n, "perm");
  int64_t stride[MAX_RANK];
  Walk w;
  strides(x, stride);
  walk_start(&w, x->rank, n->out[0]->dim);
  for (int i = 0; i < x->rank; i++)
    w.stride[0][i] = stride[perm ? perm->ints[i] : x->rank - 1 - i];
  gather_walk(&w, in[0], out[0]);
}

void eval_slice(const Node *n, const double *const *in, double *const *out) {
  const Tensor *x = n->in[0];
  SliceAxis axis[MAX_RANK];
  int64_t stride[MAX_RANK];
  Walk w;
  slice_axes(n, axis);
  strides(x, stride);
  walk_start(&w, x->rank, n->out[0]->dim);
  for (int i = 0; i < x->rank; i++) {
    w.stride[0][i] = stride[i] * axis[i].step;
    w.at[0] += stride[i] * axis[i].start;
  }
  gather_walk(&w, in[0], out[0]);
}

void eval_expand(const Node *n, const double *const *in, double *const *out) {
  Walk w;
  walk_start(&w, n->out[0]->rank, n->out[0]->dim);
  walk_operand(&w, 0, n->in[0]->rank, n->in[0]->dim);
  gather_walk(&w, in[0], out[0]);
}

void eval_tile(const Node *n, const double *const *in, double *const *out) {
  const Tensor *x = n->in[0];
  int64_t stride[MAX_RANK];
  Walk w;
  strides(x, stride);
  walk_start(&w, x->rank, n->out[0]->dim);
  for (int64_t i = 0; w.left; walk_next(&w), i++) {
    int64_t at = 0;
    for (int k = 0; k < x->rank; k++)
      at += w.index[k] % x->dim[k] * stride[k];
    out[0][i] = in[0][at];
  }
}

/* Where an output position lies in the input of `size`; -1: filled. */
static int64_t pad_source(int64_t at, int64_t size, char mode) {
  if (at >= 0 && at < size)
    return at;
  switch (mode) {
  case 'e':
    return at < 0 ? 0 : size - 1;
  case 'r':
    return at < 0 ? -at : 2 * (size - 1) - at;
  case 'w':
    at %= size;
    return at < 0 ? at + size : at;
  default:
    return -1;
  }
}

void eval_pad(const Node *n, const double *const *in, double *const *out) {
  const Tensor *x = n->in[0];
  const char mode = attr_string(n, "mode", "constant")[0];
  const double fill = n->n_in > 2 && in[2] ? in[2][0] : 0;
  int64_t stride[MAX_RANK], before[MAX_RANK], after[MAX_RANK];
  Walk w;
  strides(x, stride);
  pad_axes(n, before, after);
  walk_start(&w, x->rank, n->out[0]->dim);
  for (int64_t i = 0; w.left; walk_next(&w), i++) {
    int64_t at = 0;
    for (int k = 0; k < x->rank && at >= 0; k++) {
      const int64_t source = pad_source(w.index[k] - before[k], x->dim[k], mode);
      at = source < 0 ? -1 : at + source * stride[k];
    }
    out[0][i] = at < 0 ? fill : in[0][at];
  }
}

/* Product of the dimensions before and after an axis. */
static void around(const Tensor *t, int64_t axis, int64_t *outer, int64_t *inner) {
  *outer = *inner = 1;
  for (int i = 0; i < t->rank; i++)
    if (i < axis)
      *outer *= t->dim[i];
    else if (i > axis)
      *inner *= t->dim[i];
}

static int64_t axis_of(const Node *n) {
  const int64_t axis = attr_int(n, "axis", 0);
  return axis < 0 ? axis + n->in[0]->rank : axis;
}

void eval_concat(const Node *n, const double *const *in, double *const *out) {
  const int64_t axis = axis_of(n), size = n->out[0]->dim[axis];
  int64_t outer, inner, at = 0;
  around(n->out[0], axis, &outer, &inner);
  for (int k = 0; k < n->n_in; k++) {
    const int64_t run = n->in[k]->dim[axis] * inner;
    for (int64_t o = 0; run && o < outer; o++)
      memcpy(out[0] + o * size * inner + at, in[k] + o * run, (size_t)run * sizeof(double));
    at += run;
  }
}

void eval_split(const Node *n, const double *const *in, double *const *out) {
  const int64_t axis = axis_of(n), size = n->in[0]->dim[axis], whole = n->n_in > 1 && n->in[1] ? 0 : attr_int(n, "num_outputs", n->n_out);
  int64_t outer, inner, at = 0;
  around(n->in[0], axis, &outer, &inner);
  for (int k = 0; k < n->n_out; k++) {
    const int64_t part = n->out[k] ? n->out[k]->dim[axis] : whole ? (size + whole - 1) / whole : to_i64(n->in[1]->value[k]);
    const int64_t run = part * inner;
    for (int64_t o = 0; out[k] && run && o < outer; o++)
      memcpy(out[k] + o * run, in[0] + o * size * inner + at, (size_t)run * sizeof(double));
    at += run;
  }
}

void eval_gather(const Node *n, const double *const *in, double *const *out) {
  const Tensor *x = n->in[0], *index = n->in[1];
  const int64_t axis = axis_of(n), size = x->dim[axis], count = tensor_count(index);
  const double *at = index->value ? index->value : in[1];
  int64_t outer, inner;
  around(x, axis, &outer, &inner);
  for (int64_t o = 0; o < outer; o++)
    for (int64_t i = 0; i < count; i++) {
      int64_t k = to_i64(at[i]);
      k += k < 0 ? size : 0;
      k = k < 0 ? 0 : k >= size ? size - 1 : k; /* constant ones are in range; others have no other meaning */
      memcpy(out[0] + (o * count + i) * inner, in[0] + (o * size + k) * inner, (size_t)inner * sizeof(double));
    }
}
