/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_elem.c - float meaning of the operators that work element by element.
 */
#include "op.h"

#include <math.h>

static const double sqrt_half = 0.70710678118654752440, pi = 3.14159265358979323846;

static double sigmoid(double x) {
  return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}
static double softplus(double x) {
  return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

/* ---- one operand: f(x), the attributes in a and b ---- */

#define UNARY(name, a_attr, a_default, b_attr, b_default, expression)                                                                      \
  void eval_##name(const Node *n, const double *const *in, double *const *out) {                                                           \
    const double a = attr_float(n, a_attr, a_default), b = attr_float(n, b_attr, b_default);                                               \
    const int64_t count = tensor_count(n->out[0]);                                                                                         \
    (void)a, (void)b;                                                                                                                      \
    for (int64_t i = 0; i < count; i++) {                                                                                                  \
      const double x = in[0][i];                                                                                                           \
      out[0][i] = expression;                                                                                                              \
    }                                                                                                                                      \
  }

UNARY(neg, "", 0, "", 0, -x)
UNARY(abs, "", 0, "", 0, fabs(x))
UNARY(relu, "", 0, "", 0, x > 0 ? x : 0)
UNARY(leaky_relu, "alpha", 0.01, "", 0, x >= 0 ? x : a * x)
UNARY(thresholded_relu, "alpha", 1, "", 0, x > a ? x : 0)
UNARY(hard_sigmoid, "alpha", 0.2, "beta", 0.5, fmax(0, fmin(1, a *x + b)))
UNARY(sigmoid, "", 0, "", 0, sigmoid(x))
UNARY(tanh, "", 0, "", 0, tanh(x))
UNARY(elu, "alpha", 1, "", 0, x > 0 ? x : a * expm1(x))
UNARY(selu, "alpha", 1.67326319217681884765625, "gamma", 1.05070102214813232421875, x > 0 ? b * x : b * a * expm1(x))
UNARY(celu, "alpha", 1, "", 0, x > 0 ? x : a * expm1(x / a))
UNARY(softplus, "", 0, "", 0, softplus(x))
UNARY(softsign, "", 0, "", 0, x / (1 + fabs(x)))
UNARY(hard_swish, "", 0, "", 0, x *fmax(0, fmin(1, x / 6 + 0.5)))
UNARY(mish, "", 0, "", 0, x *tanh(softplus(x)))
UNARY(swish, "alpha", 1, "", 0, x *sigmoid(a *x))
UNARY(erf, "", 0, "", 0, erf(x))
UNARY(exp, "", 0, "", 0, exp(x))
UNARY(log, "", 0, "", 0, log(x))
UNARY(sqrt, "", 0, "", 0, sqrt(x))
UNARY(reciprocal, "", 0, "", 0, 1 / x)
UNARY(floor, "", 0, "", 0, floor(x))
UNARY(ceil, "", 0, "", 0, ceil(x))
UNARY(round, "", 0, "", 0, nearbyint(x))
UNARY(sign, "", 0, "", 0, (x > 0) - (x < 0))
UNARY(sin, "", 0, "", 0, sin(x))
UNARY(cos, "", 0, "", 0, cos(x))
UNARY(not, "", 0, "", 0, x == 0)

void eval_gelu(const Node *n, const double *const *in, double *const *out) {
  const bool by_tanh = strcmp(attr_string(n, "approximate", "none"), "tanh") == 0;
  const int64_t count = tensor_count(n->out[0]);
  for (int64_t i = 0; i < count; i++) {
    const double x = in[0][i];
    const double gate = by_tanh ? tanh(sqrt(2 / pi) * (x + 0.044715 * x * x * x)) : erf(x * sqrt_half);
    out[0][i] = 0.5 * x * (1 + gate);
  }
}

void eval_clip(const Node *n, const double *const *in, double *const *out) {
  const double lo = n->n_in > 1 && in[1] ? in[1][0] : (double)-INFINITY, hi = n->n_in > 2 && in[2] ? in[2][0] : (double)INFINITY;
  const int64_t count = tensor_count(n->out[0]);
  for (int64_t i = 0; i < count; i++)
    out[0][i] = fmin(fmax(in[0][i], lo), hi);
}

void eval_cast(const Node *n, const double *const *in, double *const *out) {
  const int64_t count = tensor_count(n->out[0]);
  for (int64_t i = 0; i < count; i++)
    out[0][i] = to_dtype(n->out[0]->dtype, in[0][i]);
}

/* ---- two operands, broadcast ---- */

static double op_add(const Node *n, double a, double b) {
  return (void)n, a + b;
}
static double op_sub(const Node *n, double a, double b) {
  return (void)n, a - b;
}
static double op_mul(const Node *n, double a, double b) {
  return (void)n, a * b;
}
static double op_max(const Node *n, double a, double b) {
  return (void)n, fmax(a, b);
}
static double op_min(const Node *n, double a, double b) {
  return (void)n, fmin(a, b);
}
static double op_pow(const Node *n, double a, double b) {
  return (void)n, pow(a, b);
}
static double op_prelu(const Node *n, double a, double b) {
  return (void)n, a < 0 ? a * b : a;
}
static double op_equal(const Node *n, double a, double b) {
  return (void)n, a == b;
}
static double op_less(const Node *n, double a, double b) {
  return (void)n, a < b;
}
static double op_greater(const Node *n, double a, double b) {
  return (void)n, a > b;
}
static double op_less_equal(const Node *n, double a, double b) {
  return (void)n, a <= b;
}
static double op_greater_equal(const Node *n, double a, double b) {
  return (void)n, a >= b;
}
static double op_and(const Node *n, double a, double b) {
  return (void)n, a != 0 && b != 0;
}
static double op_or(const Node *n, double a, double b) {
  return (void)n, a != 0 || b != 0;
}
static double op_xor(const Node *n, double a, double b) {
  return (void)n, (a != 0) != (b != 0);
}

static double op_div(const Node *n, double a, double b) {
  if (dtype_is_float(n->in[0]->dtype))
    return a / b;
  return b == 0 ? 0 : trunc(a / b);
}

/* The sign follows the divisor, as in Python; with fmod=1 the dividend, as in C. */
static double op_mod(const Node *n, double a, double b) {
  if (b == 0 && !dtype_is_float(n->in[0]->dtype))
    return 0;
  double r = fmod(a, b);
  return !attr_int(n, "fmod", 0) && r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

typedef double Binary(const Node *n, double a, double b);

static void binary(const Node *n, const double *a, int a_rank, const int64_t *a_dim, const Tensor *b, const double *bv, double *out,
                   Binary *f) {
  const Tensor *t = n->out[0];
  const bool integer = !dtype_is_float(t->dtype) && t->dtype != DT_BOOL;
  Walk w;
  walk_start(&w, t->rank, t->dim);
  walk_operand(&w, 0, a_rank, a_dim);
  walk_operand(&w, 1, b->rank, b->dim);
  for (int64_t i = 0; w.left; walk_next(&w), i++) {
    const double v = f(n, a[w.at[0]], bv[w.at[1]]);
    out[i] = integer ? to_dtype(t->dtype, v) : v;
  }
}

#define BINARY(name)                                                                                                                       \
  void eval_##name(const Node *n, const double *const *in, double *const *out) {                                                           \
    binary(n, in[0], n->in[0]->rank, n->in[0]->dim, n->in[1], in[1], out[0], op_##name);                                                   \
  }

BINARY(add)
BINARY(sub)
BINARY(mul)
BINARY(div)
BINARY(mod)
BINARY(pow)
BINARY(prelu)
BINARY(equal)
BINARY(less)
BINARY(greater)
BINARY(less_equal)
BINARY(greater_equal)
BINARY(and)
BINARY(or)
BINARY(xor)

/* ---- any number of operands ---- */

/* out = in[0], then out = f(out, in[k]); in place is safe, since out is read where it is written. */
static void nary(const Node *n, const double *const *in, double *const *out, Binary *f) {
  const Tensor *t = n->out[0];
  Walk w;
  walk_start(&w, t->rank, t->dim);
  walk_operand(&w, 0, n->in[0]->rank, n->in[0]->dim);
  for (int64_t i = 0; w.left; walk_next(&w), i++)
    out[0][i] = in[0][w.at[0]];
  for (int k = 1; k < n->n_in; k++)
    binary(n, out[0], t->rank, t->dim, n->in[k], in[k], out[0], f);
}

void eval_sum(const Node *n, const double *const *in, double *const *out) {
  nary(n, in, out, op_add);
}
void eval_max(const Node *n, const double *const *in, double *const *out) {
  nary(n, in, out, op_max);
}
void eval_min(const Node *n, const double *const *in, double *const *out) {
  nary(n, in, out, op_min);
}

void eval_where(const Node *n, const double *const *in, double *const *out) {
  const Tensor *t = n->out[0];
  Walk w;
  walk_start(&w, t->rank, t->dim);
  for (int k = 0; k < 3; k++)
    walk_operand(&w, k, n->in[k]->rank, n->in[k]->dim);
  for (int64_t i = 0; w.left; walk_next(&w), i++)
    out[0][i] = in[0][w.at[0]] != 0 ? in[1][w.at[1]] : in[2][w.at[2]];
}

void eval_batchnorm(const Node *n, const double *const *in, double *const *out) {
  const Tensor *x = n->in[0];
  const double epsilon = attr_float(n, "epsilon", 1e-5);
  const int64_t channels = x->rank > 1 ? x->dim[1] : 1, count = tensor_count(x);
  int64_t inner = 1;
  for (int i = 2; i < x->rank; i++)
    inner *= x->dim[i];
  for (int64_t i = 0; i < count; i++) {
    const int64_t c = i / inner % channels;
    out[0][i] = (in[0][i] - in[3][c]) / sqrt(in[4][c] + epsilon) * in[1][c] + in[2][c];
  }
}
