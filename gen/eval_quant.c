/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_quant.c - meaning of quantisation: quantized.h.
 */
#include "op.h"
#include "quantized.h"

#include <math.h>

static double magnitude(double x, double rounded) {
  return copysign(rounded, x);
}

static double rounded(QuantMode mode, double x) {
  switch (mode) {
  case QUANT_FLOOR:
    return floor(x);
  case QUANT_CEIL:
    return ceil(x);
  case QUANT_UP:
    return magnitude(x, ceil(fabs(x)));
  case QUANT_DOWN:
    return trunc(x);
  case QUANT_HALF_UP:
    return magnitude(x, floor(fabs(x) + 0.5));
  case QUANT_HALF_DOWN:
    return magnitude(x, ceil(fabs(x) - 0.5));
  default:
    return nearbyint(x);
  }
}

Requant requant_of(const Node *n) {
  return (Requant){(QuantMode)attr_int(n, "mode", QUANT_HALF_EVEN), (double)attr_int(n, "lo", 0), (double)attr_int(n, "hi", 0),
                   attr_int(n, "zero_first", 0) != 0};
}

double requant(const Requant *r, double x, double scale, double zero) {
  const float v = (float)x;
  if (r->mode == QUANT_BIPOLAR)
    return v >= 0 ? 1 : -1;
  const float quotient = v / (float)scale;
  const double q = r->zero_first ? rounded(r->mode, (double)(quotient + (float)zero)) : rounded(r->mode, quotient) + zero;
  return fmax(r->lo, fmin(r->hi, isnan(q) ? r->lo : q)) - zero + 0.0; /* no -0 */
}

int64_t requant_row(const Node *n, int64_t e) {
  const Tensor *x = n->in[0], *t = n->in[1];
  const int axis = (int)attr_int(n, "axis", 1);
  int64_t inner = 1;
  for (int i = axis + 1; i < x->rank; i++)
    inner *= x->dim[i];
  return t->dim[0] == 1 ? 0 : e / inner % x->dim[axis];
}

static double reached(const double *threshold, int64_t count, double x) {
  int64_t n = 0;
  for (int64_t i = 0; i < count; i++)
    n += (float)x >= (float)threshold[i];
  return (double)n;
}

/* The steps of a chain run in place: each computes an element from the same element. */
static void run_chain(const Node *n, double *y, int64_t count) {
  enum { MAX_OPERANDS = 8 };
  for (int64_t i = 0; i < count; i++)
    y[i] = (float)y[i];
  for (int k = 0; k < n->n_chain; k++) {
    const Node *step = n->chain[k];
    const double *in[MAX_OPERANDS] = {0};
    for (int j = 0; j < step->n_in && j < MAX_OPERANDS; j++)
      in[j] = !step->in[j] ? NULL : step->in[j]->value ? step->in[j]->value : y;
    op_info[step->op].eval(step, in, &y);
    for (int64_t i = 0; i < count; i++)
      y[i] = (float)y[i];
  }
}

void eval_requantize(const Node *n, const double *const *in, double *const *out) {
  const Tensor *t = n->out[0];
  const int64_t count = tensor_count(t);
  const Requant r = requant_of(n);
  double *y = out[0];
  memmove(y, in[0], (size_t)count * sizeof *y); /* in a chain, it is the same place */
  run_chain(n, y, count);
  if (r.mode == QUANT_COUNT) {
    const int64_t each = n->in[1]->dim[1];
    for (int64_t i = 0; i < count; i++)
      y[i] = reached(in[1] + requant_row(n, i) * each, each, y[i]);
    return;
  }
  static const double one = 1, none = 0;
  const bool scaled = n->n_in > 1 && n->in[1], offset = n->n_in > 2 && n->in[2];
  Walk w;
  walk_start(&w, t->rank, t->dim);
  if (scaled)
    walk_operand(&w, 0, n->in[1]->rank, n->in[1]->dim);
  if (offset)
    walk_operand(&w, 1, n->in[2]->rank, n->in[2]->dim);
  for (int64_t i = 0; w.left; walk_next(&w), i++)
    y[i] = requant(&r, y[i], scaled ? in[1][w.at[0]] : one, offset ? in[2][w.at[1]] : none);
}

void eval_scale(const Node *n, const double *const *in, double *const *out) {
  const double divide = (double)attr_int(n, "divide", 1);
  eval_mul(n, in, out);
  for (int64_t i = 0; divide != 1 && i < tensor_count(n->out[0]); i++)
    out[0][i] /= divide;
}

int64_t quant_param(const Node *n, const Tensor *x, const Tensor *p, int64_t e) {
  if (tensor_count(p) == 1)
    return 0;
  int axis = (int)attr_int(n, "axis", 1);
  axis += axis < 0 ? x->rank : 0;
  const int64_t block = p->rank == x->rank ? attr_int(n, "block_size", 0) : 0;
  int64_t at = 0, stride = 1;
  for (int i = x->rank - 1; i >= 0; i--) {
    const int64_t index = e % x->dim[i];
    e /= x->dim[i];
    if (!block && i == axis)
      return index;
    if (block) {
      at += (i == axis ? index / block : index) * stride;
      stride *= p->dim[i];
    }
  }
  return at;
}

void eval_quantize(const Node *n, const double *const *in, double *const *out) {
  const Tensor *x = n->in[0], *scale = n->in[1], *zero = n->n_in > 2 ? n->in[2] : NULL;
  Requant r = {0};
  dtype_range(n->out[0]->dtype, &r.lo, &r.hi);
  for (int64_t i = 0; i < tensor_count(x); i++) {
    const double z = zero ? in[2][quant_param(n, x, zero, i)] : 0;
    out[0][i] = requant(&r, in[0][i], in[1][quant_param(n, x, scale, i)], z) + z;
  }
}
