/* SPDX-License-Identifier: Apache-2.0
 *
 * lower_norm.c - Softmax, LogSoftmax, Normalizer: exp table, exact sum, reciprocal (or log) of the sum normalised to [1, 2) by its leading
 * bit, one product an element. ArgMax and ArgMin by a tournament. Gather by run-time index: a table.
 *
 * Softmax's error, stated with the exp table: rounding the logits to the address step h moves every logit by at most h/2, so a
 * probability p by at most p(1-p)h <= h/4; the reciprocal's cell adds 2^-(bits+1), the words of the exp table (n+1) 2^-fe, the format half
 * a step (a whole one when truncating). Order is kept: exp and the common factor are monotone, so argmax can only change between logits
 * that are nearer than h, or whose probabilities the output format does not tell apart.
 */
#include "lower.h"
#include <math.h>
#include <mpfr.h>

enum { TABLE_BITS = 10, GUARD = 3, MAX_OUT_FRAC = 24 };

static int table_bits(const Lower *l) {
  return l->lc.table_bits ? l->lc.table_bits : TABLE_BITS;
}

/* A table of f at (i + offset) * 2^-frac, words rounded to nearest. */
static int plain_table(Lower *l, const char *name, int entries, double offset, int frac, int out_frac, const char *note,
                       int (*f)(mpfr_t, const mpfr_t, mpfr_rnd_t)) {
  int64_t *w = mem_array((size_t)entries, sizeof *w);
  mpfr_t x;
  mpfr_init2(x, 200);
  for (int i = 0; i < entries; i++) {
    mpfr_set_d(x, i + offset, MPFR_RNDN);
    mpfr_div_2si(x, x, frac, MPFR_RNDN);
    f(x, x, MPFR_RNDN);
    mpfr_mul_2si(x, x, out_frac, MPFR_RNDN);
    w[i] = mpfr_get_si(x, MPFR_RNDN);
  }
  mpfr_clear(x);
  const char *text = mem_printf("%s of (i + %g) * 2^%d, words in steps of 2^%d%s", name, offset, -frac, -out_frac, note);
  return hir_table(l->k, mem_printf("%s_%d", name, l->k->n_tables), entries, w, text);
}

static int exp_minus(mpfr_t y, const mpfr_t x, mpfr_rnd_t r) {
  mpfr_neg(y, x, r);
  return mpfr_exp(y, y, r);
}

static int reciprocal_1p(mpfr_t y, const mpfr_t x, mpfr_rnd_t r) {
  mpfr_add_ui(y, x, 1, r);
  return mpfr_ui_div(y, 1, y, r);
}

static int tree(Kernel *k, const int *v, int n, int (*f)(Kernel *, int, int)) {
  int *t = mem_array((size_t)n, sizeof *t);
  memcpy(t, v, (size_t)n * sizeof *t);
  for (; n > 1; n = (n + 1) / 2)
    for (int i = 0; i < (n + 1) / 2; i++)
      t[i] = 2 * i + 1 < n ? f(k, t[2 * i], t[2 * i + 1]) : t[2 * i];
  return t[0];
}

static int add2(Kernel *k, int a, int b) {
  return hir_add(k, a, b, 0);
}

/* v = s * 2^up with its leading bit at position top (s > 0, or nothing is promised); up_of picks the value for each shift from `choice`
 * while the same comparisons run: choice[i] belongs to up = i, i = 0 .. 2^levels - 1. */
typedef struct {
  int v, top, levels;
  int is_small[8]; /* per level, from the largest: whether v was shifted up by 2^level */
} Leading;

static Leading leading_one(Kernel *k, int s, int top, int least_up, int lowest_level) {
  Leading r = {.v = s, .top = top};
  while ((1 << r.levels) <= least_up)
    r.levels++;
  for (int level = r.levels - 1; level >= lowest_level; level--) {
    int up = 1 << level, c = hir_lt(k, r.v, hir_const(k, (i128)1 << (r.top + 1 - up)));
    r.is_small[level] = c;
    /* what is shifted up is below 2^(top+1-up), so it cannot leave top+1 bits */
    r.v = hir_wrap(k, hir_mux(k, c, hir_shl(k, r.v, up), r.v), r.top + 1, false, -1);
  }
  return r;
}

/* x << up, for the shift found by leading_one. */
static int shift_by(Kernel *k, int x, const Leading *n) {
  for (int level = n->levels - 1; level >= 0; level--)
    x = hir_mux(k, n->is_small[level], hir_shl(k, x, 1 << level), x);
  return x;
}

/* The bits below the leading one, `bits` of them: a table address. */
static int fraction(Kernel *k, const Leading *n, int bits) {
  int v = n->top >= bits ? hir_shr(k, n->v, n->top - bits) : hir_shl(k, n->v, bits - n->top);
  return hir_wrap(k, v, bits, false, -1);
}

/* 1/s as a Num, for s an integer of `frac` places that is at least 2^least (the leading bit is searched down to there). */
static Num reciprocal(Lower *l, int s, int frac, int least, int bits, int out_frac) {
  Kernel *k = l->k;
  int top = hir_width(&k->v[s]) - 1;
  Leading n = leading_one(k, s, top, top - least, 0);
  int table = plain_table(l, "reciprocal", 1 << bits, n.top > bits ? 0.5 : 0, bits, out_frac, "", reciprocal_1p);
  /* 1/s = 2^(frac + up - top) / (1 + fraction) */
  return (Num){shift_by(k, hir_lut(k, fraction(k, &n, bits), table), &n), out_frac + n.top - frac};
}

static int norm_out_frac(const Tensor *t) {
  int f = t->fmt.W - t->fmt.I;
  return f < 0 ? 0 : f > MAX_OUT_FRAC ? MAX_OUT_FRAC : f;
}

static int inverse_root(mpfr_t y, const mpfr_t x, mpfr_rnd_t r) {
  return mpfr_rec_sqrt(y, x, r);
}

/* 1/sqrt(s): shifted up by even amounts only, to t in [1/4, 1), so that the root's shift is a whole one. */
static Num inverse_sqrt(Lower *l, int s, int frac, int bits, int out_frac) {
  Kernel *k = l->k;
  int top = hir_width(&k->v[s]) - 1;
  top += (top + 1 - frac) & 1;
  Leading n = leading_one(k, s, top, top, 1);
  int table = plain_table(l, "inverse_sqrt", 1 << bits, 0.5, bits, out_frac, "", inverse_root);
  int address = n.top + 1 >= bits ? hir_shr(k, n.v, n.top + 1 - bits) : hir_shl(k, n.v, bits - n.top - 1);
  int r = hir_lut(k, hir_wrap(k, address, bits, false, -1), table);
  for (int level = n.levels - 1; level >= 1; level--)
    r = hir_mux(k, n.is_small[level], hir_shl(k, r, 1 << (level - 1)), r);
  return (Num){r, out_frac + (n.top + 1 - frac) / 2};
}

/* x / (1 + |x|): its tails are too slow for a table over the whole range. */
void lower_softsign(Lower *l, const Node *n) {
  const Tensor *Y = n->out[0];
  const Num *x = lower_in(l, n->in[0]);
  Num *y = lower_out(l, Y);
  Kernel *k = l->k;
  int frac = norm_out_frac(Y) + GUARD, bits = table_bits(l);
  for (int64_t e = 0; e < tensor_count(Y); e++) {
    Num v = num_round(l, x[e], frac);
    if (v.frac < 0)
      v = (Num){num_align(l, v, 0), 0};
    int s = hir_add(k, hir_max(k, v.v, hir_neg(k, v.v)), hir_const(k, (i128)1 << v.frac), 0);
    Num p = num_mul(l, v, reciprocal(l, s, v.frac, v.frac, bits, frac));
    y[e] = num_quant(l, p, Y);
  }
}

/* a / b with the sign of b handled apart; relative error 2^-(table bits + 1). A divisor of 0 gives what 2^-frac would give, or 0. */
void lower_div(Lower *l, const Node *n) {
  const Tensor *A = n->in[0], *B = n->in[1], *Y = n->out[0];
  const Num *a = lower_in(l, A), *b = lower_in(l, B);
  Num *y = lower_out(l, Y);
  Kernel *k = l->k;
  int bits = table_bits(l);
  for (int64_t e = 0; e < tensor_count(Y); e++) {
    Num p = a[num_broadcast(A, Y, e)], q = b[num_broadcast(B, Y, e)];
    int magnitude = hir_max(k, q.v, hir_neg(k, q.v)), negative = hir_lt(k, q.v, hir_const(k, 0));
    Num r = num_mul(l, p, reciprocal(l, magnitude, q.frac, 0, bits, bits + GUARD));
    y[e] = num_quant(l, (Num){hir_mux(k, negative, hir_neg(k, r.v), r.v), r.frac}, Y);
  }
}

/* exp(x_i - max) of one group: words of *frac places, and the address step. */
static void exps(Lower *l, const Num *x, int n, int out_frac, int bits, int *e, int *frac, int *address_frac) {
  Kernel *k = l->k;
  int *q = mem_array((size_t)n, sizeof *q), most = x[0].frac;
  for (int i = 0; i < n; i++)
    most = x[i].frac > most ? x[i].frac : most;
  /* the table ends where exp falls below half an output step */
  int range = (int)ceil(log2(log(2) * (out_frac + 1) + 1e-9));
  int fa = bits - (range > 0 ? range : 0);
  fa = fa > most ? most : fa;
  *address_frac = fa;
  *frac = out_frac + GUARD;
  for (int i = 0; i < n; i++)
    q[i] = num_align(l, num_round(l, x[i], fa), fa);
  int m = tree(k, q, n, hir_max);
  double bound = ldexp(1, -fa) / 4 + ldexp(1, -bits - 1) + (n + 1) * ldexp(1, -*frac) + exp(-ldexp(1, bits - fa)) * n + ldexp(1, -out_frac);
  int table = plain_table(l, "exp", 1 << bits, 0, fa, *frac, mem_printf("; softmax is within %.3g", bound), exp_minus);
  for (int i = 0; i < n; i++)
    e[i] = hir_lut(k, hir_clamp(k, hir_sub(k, m, q[i], 0), 0, (1 << bits) - 1, -1), table);
}

void lower_softmax(Lower *l, const Node *n) {
  const Tensor *X = n->in[0], *Y = n->out[0];
  const Num *x = lower_in(l, X);
  Num *y = lower_out(l, Y);
  Kernel *k = l->k;
  Axis a = lower_axis(X, attr_int(n, "axis", -1));
  int members = (int)a.members, bits = table_bits(l), out_frac = norm_out_frac(Y), fe, fa;
  Num *g = mem_array((size_t)members, sizeof *g);
  int *e = mem_array((size_t)members, sizeof *e);
  for (int64_t j = 0; j < a.groups; j++) {
    for (int i = 0; i < members; i++)
      g[i] = x[lower_axis_at(a, j, i)];
    exps(l, g, members, out_frac, bits, e, &fe, &fa);
    Num inverse = reciprocal(l, tree(k, e, members, add2), fe, fe, bits, out_frac + GUARD);
    for (int i = 0; i < members; i++) /* a probability is at most 1: what rounding adds beyond is no overflow */
    {
      Num p = num_mul(l, (Num){e[i], fe}, inverse);
      p.v = hir_min(k, p.v, hir_const(k, (i128)1 << p.frac));
      y[lower_axis_at(a, j, i)] = num_quant(l, p, Y);
    }
  }
}

void lower_log_softmax(Lower *l, const Node *n) {
  const Tensor *X = n->in[0], *Y = n->out[0];
  const Num *x = lower_in(l, X);
  Num *y = lower_out(l, Y);
  Kernel *k = l->k;
  Axis a = lower_axis(X, attr_int(n, "axis", -1));
  int members = (int)a.members, bits = table_bits(l), out_frac = norm_out_frac(Y), fe, fa;
  Num *g = mem_array((size_t)members, sizeof *g);
  int *e = mem_array((size_t)members, sizeof *e), *v = mem_array((size_t)members, sizeof *v);
  for (int64_t j = 0; j < a.groups; j++) {
    int frac = -1000;
    for (int i = 0; i < members; i++) {
      g[i] = x[lower_axis_at(a, j, i)];
      frac = g[i].frac > frac ? g[i].frac : frac;
    }
    exps(l, g, members, out_frac, bits, e, &fe, &fa);
    for (int i = 0; i < members; i++)
      v[i] = num_align(l, g[i], frac);
    Num most = {tree(k, v, members, hir_max), frac};
    /* ln s = ln(1 + fraction) + (top - up - fe) ln 2 */
    int sum = tree(k, e, members, add2);
    int top = hir_width(&k->v[sum]) - 1;
    Leading lead = leading_one(k, sum, top, top - fe, 0);
    int lf = out_frac + GUARD, table = plain_table(l, "log", 1 << bits, lead.top > bits ? 0.5 : 0, bits, lf, "", mpfr_log1p);
    int log_s = hir_lut(k, fraction(k, &lead, bits), table);
    for (int level = 0; level < lead.levels; level++)
      log_s =
          hir_add(k, log_s, hir_mux(k, lead.is_small[level], hir_const(k, -llround(ldexp(log(2) * (1 << level), lf))), hir_const(k, 0)), 0);
    log_s = hir_add(k, log_s, hir_const(k, llround(ldexp(log(2) * (lead.top - fe), lf))), 0);
    for (int i = 0; i < members; i++) {
      Num d = num_sub(l, num_sub(l, (Num){v[i], frac}, most), (Num){log_s, lf});
      y[lower_axis_at(a, j, i)] = num_quant(l, num_min(l, d, (Num){hir_const(k, 0), 0}), Y);
    }
  }
}

/* ai.onnx.ml Normalizer: rows divided by the sum of their absolute values (L1), their length (L2), or their largest (MAX). A zero row stays
 * zero. */
void lower_normalizer(Lower *l, const Node *n) {
  const char *norm = attr_string(n, "norm", "MAX");
  const Tensor *X = n->in[0], *Y = n->out[0];
  bool l1 = !strcmp(norm, "L1"), l2 = !strcmp(norm, "L2");
  if (!l1 && !l2 && strcmp(norm, "MAX")) {
    diag_error(EXIT_UNSUPPORTED, n, "norm %s; known are L1, L2 and MAX", diag_text(norm));
    return;
  }
  const Num *x = lower_in(l, X);
  Num *y = lower_out(l, Y);
  Kernel *k = l->k;
  Axis a = lower_axis(X, X->rank - 1);
  int members = (int)a.members, bits = table_bits(l), out_frac = norm_out_frac(Y);
  int *v = mem_array((size_t)members, sizeof *v), *m = mem_array((size_t)members, sizeof *m);
  for (int64_t j = 0; j < a.groups; j++) {
    int frac = -1000;
    for (int i = 0; i < members; i++)
      frac = x[lower_axis_at(a, j, i)].frac > frac ? x[lower_axis_at(a, j, i)].frac : frac;
    for (int i = 0; i < members; i++) {
      v[i] = num_align(l, x[lower_axis_at(a, j, i)], frac);
      m[i] = l2 ? hir_mul(k, v[i], v[i]) : l1 ? hir_max(k, v[i], hir_neg(k, v[i])) : v[i];
    }
    int s = l1 || l2 ? tree(k, m, members, add2) : hir_max(k, tree(k, m, members, hir_max), hir_const(k, 0));
    Num inverse = l2 ? inverse_sqrt(l, s, 2 * frac, bits, out_frac + GUARD) : reciprocal(l, s, frac, 0, bits, out_frac + GUARD);
    for (int i = 0; i < members; i++) {
      Num p = num_mul(l, (Num){v[i], frac}, inverse), one = {hir_const(k, 1), 0};
      p = num_max(l, num_min(l, p, one), (Num){hir_const(k, -1), 0});
      y[lower_axis_at(a, j, i)] = num_quant(l, p, Y);
    }
  }
}

/* Index of the largest (smallest), the first of equals unless select_last_index. */
void lower_argmax(Lower *l, const Node *n) {
  const Tensor *X = n->in[0];
  const Num *x = lower_in(l, X);
  Num *y = lower_out(l, n->out[0]);
  Kernel *k = l->k;
  Axis a = lower_axis(X, attr_int(n, "axis", 0));
  int members = (int)a.members;
  bool last = attr_int(n, "select_last_index", 0), smallest = n->op == OP_ArgMin;
  int *v = mem_array((size_t)members, sizeof *v), *at = mem_array((size_t)members, sizeof *at);
  for (int64_t j = 0; j < a.groups; j++) {
    int frac = -1000;
    for (int i = 0; i < members; i++)
      frac = x[lower_axis_at(a, j, i)].frac > frac ? x[lower_axis_at(a, j, i)].frac : frac;
    for (int i = 0; i < members; i++)
      v[i] = num_align(l, x[lower_axis_at(a, j, i)], frac), at[i] = hir_const(k, i);
    for (int m = members; m > 1; m = (m + 1) / 2)
      for (int i = 0; i < (m + 1) / 2; i++) {
        if (2 * i + 1 == m) {
          v[i] = v[2 * i], at[i] = at[2 * i];
          continue;
        }
        int p = v[2 * i], q = v[2 * i + 1], ip = at[2 * i], iq = at[2 * i + 1];
        int q_less = smallest ? hir_lt(k, p, q) : hir_lt(k, q, p), p_less = smallest ? hir_lt(k, q, p) : hir_lt(k, p, q);
        v[i] = smallest ? hir_min(k, p, q) : hir_max(k, p, q);
        at[i] = last ? hir_mux(k, q_less, ip, iq) : hir_mux(k, p_less, iq, ip);
      }
    y[j] = (Num){at[0], 0};
  }
}

/* Constant index: elements moved. Constant data and a run-time index: a table for each column; an index out of range is limited. */
void lower_gather(Lower *l, const Node *n) {
  const Tensor *X = n->in[0], *I = n->in[1], *Y = n->out[0];
  Kernel *k = l->k;
  int64_t axis = attr_int(n, "axis", 0);
  Axis a = lower_axis(X, axis);
  int64_t picks = tensor_count(I);
  const Num *x = lower_in(l, X), *index = I->value ? NULL : lower_in(l, I);
  Num *y = lower_out(l, Y);
  int bits = hir_width_of(0, a.members - 1);
  if (index && (!X->value || bits > 16)) {
    diag_error(EXIT_UNSUPPORTED, n, "a run-time index needs constant data of at most 65536 rows");
    return;
  }
  int *address = mem_array((size_t)picks + 1, sizeof *address);
  for (int64_t p = 0; index && p < picks; p++)
    address[p] = hir_clamp(k, hir_shr(k, index[p].v, index[p].frac), 0, a.members - 1, -1);
  int64_t *w = mem_array((size_t)1 << bits, sizeof *w);
  for (int64_t g = 0; g < a.groups; g++) {
    int table = -1;
    if (index) {
      for (int64_t i = 0; i < (int64_t)1 << bits; i++)
        w[i] = (int64_t)k->v[x[lower_axis_at(a, g, i < a.members ? i : a.members - 1)].v].lo;
      table = hir_table(k, mem_printf("%s_%d", ident(n->name), k->n_tables), 1 << bits, w, "rows of a constant");
    }
    for (int64_t p = 0; p < picks; p++) {
      Num r;
      if (index) {
        r = (Num){hir_lut(k, address[p], table), X->fmt.W - X->fmt.I};
      } else {
        int64_t i = (int64_t)I->value[p];
        r = x[lower_axis_at(a, g, i < 0 ? i + a.members : i)];
      }
      y[(g / a.inner * picks + p) * a.inner + g % a.inner] = r;
    }
  }
}
