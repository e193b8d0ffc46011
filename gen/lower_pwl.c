/* SPDX-License-Identifier: Apache-2.0
 *
 * lower_pwl.c - piecewise linear activations: exact but for the rounding of their constants to the layer's weight format.
 */
#include "lower.h"
#include <math.h>

static void each(Lower *l, const Node *n, Num (*f)(Lower *, const Node *, Num)) {
  const Num *x = lower_in(l, n->in[0]);
  Num *y = lower_out(l, n->out[0]);
  for (int64_t e = 0; e < tensor_count(n->out[0]); e++)
    y[e] = num_quant_element(l, f(l, n, x[e]), n->out[0], e);
}

static Num zero(Lower *l) {
  return (Num){hir_const(l->k, 0), 0};
}

static bool is_zero(Lower *l, Num c) {
  return l->k->v[c.v].op == HIR_CONST && l->k->v[c.v].lo == 0;
}

/* slope * x below 0, x from 0 on; slope a constant. */
static Num leaky(Lower *l, Num x, Num slope) {
  if (is_zero(l, slope))
    return num_max(l, x, zero(l));
  Num y = num_mul(l, x, slope);
  int frac = y.frac > x.frac ? y.frac : x.frac;
  return (Num){hir_mux(l->k, hir_lt(l->k, x.v, hir_const(l->k, 0)), num_align(l, y, frac), num_align(l, x, frac)), frac};
}

static Num relu(Lower *l, const Node *n, Num x) {
  (void)n;
  return num_max(l, x, zero(l));
}

static Num leaky_relu(Lower *l, const Node *n, Num x) {
  return leaky(l, x, num_const(l, attr_float(n, "alpha", 0.01)));
}

static Num thresholded_relu(Lower *l, const Node *n, Num x) {
  Num t = num_const(l, attr_float(n, "alpha", 1));
  int frac = x.frac > t.frac ? x.frac : t.frac;
  int above = hir_lt(l->k, num_align(l, t, frac), num_align(l, x, frac));
  return (Num){hir_mux(l->k, above, x.v, hir_const(l->k, 0)), x.frac};
}

static Num absolute(Lower *l, const Node *n, Num x) {
  (void)n;
  return num_max(l, x, (Num){hir_neg(l->k, x.v), x.frac});
}

static Num hard_sigmoid(Lower *l, const Node *n, Num x) {
  Num y = num_add(l, num_mul(l, x, num_const(l, attr_float(n, "alpha", 0.2))), num_const(l, attr_float(n, "beta", 0.5)));
  return num_min(l, num_max(l, y, zero(l)), (Num){hir_const(l->k, 1), 0});
}

/* A bound that the format rounds or limits would clip elsewhere than the model says: infinite and out-of-range bounds do nothing. */
static Num clip(Lower *l, const Node *n, Num x) {
  for (int i = 1; i <= 2; i++) {
    const Tensor *t = n->n_in > i ? n->in[i] : NULL;
    if (!t)
      continue;
    if (!t->value) {
      x = (i == 1 ? num_max : num_min)(l, x, lower_in(l, t)[0]);
      continue;
    }
    double c = t->value[0], top = ldexp(1, 40);
    if (fabs(c) > top)
      continue;
    /* the bound at the precision of what it is compared with, never limited by the format */
    Num bound = {hir_const(l->k, (i128)floor(ldexp(c, l->o->W) + 0.5)), l->o->W};
    while (bound.frac > 0 && (l->k->v[bound.v].lo & 1) == 0)
      bound = (Num){hir_const(l->k, l->k->v[bound.v].lo >> 1), bound.frac - 1};
    x = (i == 1 ? num_max : num_min)(l, x, bound);
  }
  return x;
}

void lower_relu(Lower *l, const Node *n) {
  each(l, n, relu);
}
void lower_leaky_relu(Lower *l, const Node *n) {
  each(l, n, leaky_relu);
}
void lower_thresholded_relu(Lower *l, const Node *n) {
  each(l, n, thresholded_relu);
}
void lower_abs(Lower *l, const Node *n) {
  each(l, n, absolute);
}
void lower_hard_sigmoid(Lower *l, const Node *n) {
  each(l, n, hard_sigmoid);
}
void lower_clip(Lower *l, const Node *n) {
  each(l, n, clip);
}

void lower_prelu(Lower *l, const Node *n) {
  const Tensor *X = n->in[0], *S = n->in[1];
  if (!S->value) {
    diag_error(EXIT_UNSUPPORTED, n, "the slope must be a constant");
    return;
  }
  const Num *x = lower_in(l, X), *s = lower_in(l, S);
  Num *y = lower_out(l, n->out[0]);
  for (int64_t e = 0; e < tensor_count(X); e++) {
    int64_t rest = e, at = 0, stride = 1;
    for (int i = X->rank - 1, j = S->rank - 1; i >= 0; i--, j--) {
      if (j >= 0) {
        at += S->dim[j] == 1 ? 0 : rest % X->dim[i] * stride;
        stride *= S->dim[j];
      }
      rest /= X->dim[i];
    }
    y[e] = num_quant(l, leaky(l, x[e], s[at]), n->out[0]);
  }
}

/* Float to integer cuts towards zero, anything to bool asks for not zero; all else keeps its value. */
void lower_cast(Lower *l, const Node *n) {
  const Tensor *X = n->in[0], *Y = n->out[0];
  Kernel *k = l->k;
  bool to_float = Y->dtype == DT_FLOAT || Y->dtype == DT_DOUBLE || Y->dtype == DT_FLOAT16 || Y->dtype == DT_BFLOAT16;
  const Num *x = lower_in(l, X);
  Num *y = lower_out(l, Y);
  int zero = hir_const(k, 0);
  for (int64_t e = 0; e < tensor_count(Y); e++) {
    y[e] = x[e];
    if (to_float)
      continue;
    int magnitude = hir_max(k, x[e].v, hir_neg(k, x[e].v)), negative = hir_lt(k, x[e].v, zero);
    if (Y->dtype == DT_BOOL) {
      y[e] = (Num){hir_lt(k, zero, magnitude), 0};
    } else if (x[e].frac > 0) {
      int cut = hir_shr(k, magnitude, x[e].frac);
      y[e] = (Num){hir_mux(k, negative, hir_neg(k, cut), cut), 0};
    }
  }
}
