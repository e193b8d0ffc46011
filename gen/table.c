/* SPDX-License-Identifier: Apache-2.0
 *
 * table.c - the words of activation tables, by MPFR at 200 bits: the same on every machine, whatever its libm. 200 bits leave no doubt
 * about the rounding of a 48-bit word (the functions are transcendental: their values at dyadic arguments are not dyadic, but for the
 * trivial ones, which are exact).
 */
#include "lower.h"
#include <math.h>
#include <mpfr.h>

enum { BITS = 200 };

TableFn table_fn(const Node *n) {
  TableFn f = {.op = n->op, .pos = 1};
  switch (n->op) {
  case OP_Elu:
  case OP_Celu:
    f.alpha = attr_float(n, "alpha", 1);
    break;
  case OP_Selu:
    f.alpha = attr_float(n, "alpha", 1.67326319217681884765625);
    f.gamma = f.pos = attr_float(n, "gamma", 1.05070102214813232421875);
    break;
  case OP_Swish:
    f.alpha = attr_float(n, "alpha", 1);
    break;
  case OP_Gelu:
    f.tanh_form = !strcmp(attr_string(n, "approximate", "none"), "tanh");
    break;
  case OP_Softplus:
  case OP_HardSwish:
  case OP_Mish:
    break;
  default:
    f.pos = 0;
  }
  return f;
}

/* y = x * sigmoid(a x) */
static void swish(mpfr_t y, const mpfr_t x, double a) {
  mpfr_t t;
  mpfr_init2(t, BITS);
  mpfr_mul_d(t, x, -a, MPFR_RNDN);
  mpfr_exp(t, t, MPFR_RNDN);
  mpfr_add_ui(t, t, 1, MPFR_RNDN);
  mpfr_div(y, x, t, MPFR_RNDN);
  mpfr_clear(t);
}

static void gelu(mpfr_t y, const mpfr_t x, bool tanh_form) {
  mpfr_t t, u;
  mpfr_inits2(BITS, t, u, (mpfr_ptr)0);
  if (tanh_form) { /* tanh(sqrt(2/pi) (x + 0.044715 x^3)) */
    mpfr_sqr(t, x, MPFR_RNDN);
    mpfr_mul_d(t, t, 0.044715, MPFR_RNDN);
    mpfr_add_ui(t, t, 1, MPFR_RNDN);
    mpfr_mul(t, t, x, MPFR_RNDN);
    mpfr_const_pi(u, MPFR_RNDN);
    mpfr_ui_div(u, 2, u, MPFR_RNDN);
    mpfr_sqrt(u, u, MPFR_RNDN);
    mpfr_mul(t, t, u, MPFR_RNDN);
    mpfr_tanh(t, t, MPFR_RNDN);
  } else { /* erf(x / sqrt 2) */
    mpfr_sqrt_ui(u, 2, MPFR_RNDN);
    mpfr_div(t, x, u, MPFR_RNDN);
    mpfr_erf(t, t, MPFR_RNDN);
  }
  mpfr_add_ui(t, t, 1, MPFR_RNDN);
  mpfr_mul(t, t, x, MPFR_RNDN);
  mpfr_div_2ui(y, t, 1, MPFR_RNDN);
  mpfr_clears(t, u, (mpfr_ptr)0);
}

/* ln(1 + e^x) */
static void softplus(mpfr_t y, const mpfr_t x) {
  mpfr_exp(y, x, MPFR_RNDN);
  mpfr_log1p(y, y, MPFR_RNDN);
}

static void function(const TableFn *f, mpfr_t y, const mpfr_t x) {
  bool negative = mpfr_sgn(x) < 0;
  switch (f->op) {
  case OP_Sigmoid:
    mpfr_neg(y, x, MPFR_RNDN);
    mpfr_exp(y, y, MPFR_RNDN);
    mpfr_add_ui(y, y, 1, MPFR_RNDN);
    mpfr_ui_div(y, 1, y, MPFR_RNDN);
    break;
  case OP_Tanh:
    mpfr_tanh(y, x, MPFR_RNDN);
    break;
  case OP_Erf:
    mpfr_erf(y, x, MPFR_RNDN);
    break;
  case OP_Exp:
    mpfr_exp(y, x, MPFR_RNDN);
    break;
  case OP_Log:
    mpfr_log(y, x, MPFR_RNDN);
    break;
  case OP_Sqrt:
    mpfr_sqrt(y, x, MPFR_RNDN);
    break;
  case OP_Reciprocal:
    mpfr_ui_div(y, 1, x, MPFR_RNDN);
    break;
  case OP_Elu:
  case OP_Celu:
  case OP_Selu:
    mpfr_set(y, x, MPFR_RNDN);
    if (negative) {
      if (f->op == OP_Celu)
        mpfr_div_d(y, y, f->alpha, MPFR_RNDN);
      mpfr_expm1(y, y, MPFR_RNDN);
      mpfr_mul_d(y, y, f->alpha, MPFR_RNDN);
    }
    if (f->op == OP_Selu)
      mpfr_mul_d(y, y, f->gamma, MPFR_RNDN);
    break;
  case OP_Softplus:
    softplus(y, x);
    break;
  case OP_Softsign:
    mpfr_abs(y, x, MPFR_RNDN);
    mpfr_add_ui(y, y, 1, MPFR_RNDN);
    mpfr_div(y, x, y, MPFR_RNDN);
    break;
  case OP_HardSwish: /* x * max(0, min(1, x/6 + 1/2)) */
    mpfr_add_ui(y, x, 3, MPFR_RNDN);
    if (mpfr_sgn(y) < 0)
      mpfr_set_ui(y, 0, MPFR_RNDN);
    if (mpfr_cmp_ui(y, 6) > 0)
      mpfr_set_ui(y, 6, MPFR_RNDN);
    mpfr_mul(y, y, x, MPFR_RNDN);
    mpfr_div_ui(y, y, 6, MPFR_RNDN);
    break;
  case OP_Gelu:
    gelu(y, x, f->tanh_form);
    break;
  case OP_Mish:
    softplus(y, x);
    mpfr_tanh(y, y, MPFR_RNDN);
    mpfr_mul(y, y, x, MPFR_RNDN);
    break;
  case OP_Swish:
    swish(y, x, f->alpha);
    break;
  default:
    mpfr_set_nan(y);
  }
}

/* y = f(x) less the linear part */
static void deviation(const TableFn *f, mpfr_t y, const mpfr_t x) {
  double slope = mpfr_sgn(x) < 0 ? f->neg : f->pos;
  function(f, y, x);
  if (slope != 0) {
    mpfr_t t;
    mpfr_init2(t, BITS);
    mpfr_mul_d(t, x, slope, MPFR_RNDN);
    mpfr_sub(y, y, t, MPFR_RNDN);
    mpfr_clear(t);
  }
}

int64_t table_word(const TableFn *f, int64_t q, int frac, int out_frac, Round round) {
  mpfr_t x, y;
  mpfr_inits2(BITS, x, y, (mpfr_ptr)0);
  mpfr_set_sj_2exp(x, q, -frac, MPFR_RNDN);
  deviation(f, y, x);
  mpfr_mul_2si(y, y, out_frac, MPFR_RNDN);
  if (round == ROUND_RND) { /* half up */
    mpfr_add_d(y, y, 0.5, MPFR_RNDN);
    mpfr_floor(y, y);
  } else if (round == ROUND_RNE) {
    mpfr_rint(y, y, MPFR_RNDN); /* ties to even */
  } else {
    mpfr_floor(y, y);
  }
  const long top = 1L << 46;
  long v = mpfr_nan_p(y) ? 0 : mpfr_cmp_si(y, top) > 0 ? top : mpfr_cmp_si(y, -top) < 0 ? -top : mpfr_get_si(y, MPFR_RNDN);
  mpfr_clears(x, y, (mpfr_ptr)0);
  return v;
}

double table_value(const TableFn *f, double v) {
  mpfr_t x, y;
  mpfr_inits2(64, x, y, (mpfr_ptr)0);
  mpfr_set_d(x, v, MPFR_RNDN);
  deviation(f, y, x);
  double r = mpfr_get_d(y, MPFR_RNDN);
  mpfr_clears(x, y, (mpfr_ptr)0);
  return r;
}
