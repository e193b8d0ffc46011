/* SPDX-License-Identifier: Apache-2.0
 *
 * hir_affine.c - tighter intervals by affine forms, carried on by interval arithmetic. Interval arithmetic forgets that the two x in 4x - x
 * are the same; a value that is a linear combination of others (its atoms: inputs and results of what is not linear) has the interval of
 * that combination.
 *
 * Requires: any kernel. Keeps: everything but lo/hi, which only shrink. Forms longer than MAX_TERMS make the value an atom of its own.
 */
#include "hir.h"

enum { MAX_TERMS = 1024, MAX_TOTAL = 8 << 20 }; /* the second bounds memory: later values are atoms then */

typedef struct {
  int atom;
  i128 coef;
} Term;

typedef struct {
  int n;
  Term *t; /* by rising atom; NULL with n = 0: a constant */
  i128 constant;
} Form;

/* c * 2^shift; false when it would not fit */
static bool scaled(i128 c, int shift, i128 *r) {
  return shift < 126 && !__builtin_mul_overflow(c, (i128)1 << shift, r);
}

/* a * 2^sa + sign * b * 2^sb; false when it grows too long or too large */
static bool combine(const Form *a, int sa, const Form *b, int sb, int sign, Form *r) {
  if (a->n + b->n > 2 * MAX_TERMS)
    return false;
  Term *t = mem_array((size_t)(a->n + b->n) + 1, sizeof *t);
  i128 x, y;
  int n = 0;
  for (int i = 0, j = 0; i < a->n || j < b->n;) {
    bool from_a = i < a->n && (j >= b->n || a->t[i].atom <= b->t[j].atom), from_b = j < b->n && (i >= a->n || b->t[j].atom <= a->t[i].atom);
    x = y = 0;
    int atom = from_a ? a->t[i].atom : b->t[j].atom;
    if ((from_a && !scaled(a->t[i++].coef, sa, &x)) || (from_b && !scaled(sign * b->t[j++].coef, sb, &y)) ||
        __builtin_add_overflow(x, y, &x))
      return false;
    if (x)
      t[n++] = (Term){atom, x};
  }
  if (n > MAX_TERMS || !scaled(a->constant, sa, &x) || !scaled(sign * b->constant, sb, &y) || __builtin_add_overflow(x, y, &x))
    return false;
  *r = (Form){n, t, x};
  return true;
}

static bool form_interval(const Kernel *k, const Form *f, i128 *lo, i128 *hi) {
  *lo = *hi = f->constant;
  for (int i = 0; i < f->n; i++) {
    const HirValue *a = &k->v[f->t[i].atom];
    i128 c = f->t[i].coef, p, q;
    if (__builtin_mul_overflow(c, c < 0 ? a->hi : a->lo, &p) || __builtin_mul_overflow(c, c < 0 ? a->lo : a->hi, &q) ||
        __builtin_add_overflow(*lo, p, lo) || __builtin_add_overflow(*hi, q, hi))
      return false;
  }
  return true;
}

/* mux(x < c, f(x), g(x)): each branch over its half of x, when both are affine in x alone. */
static bool mux_interval(const Kernel *k, const Form *form, const HirValue *v, i128 *lo, i128 *hi) {
  const HirValue *cond = &k->v[v->arg[0]];
  if (cond->op != HIR_LT || k->v[cond->arg[1]].op != HIR_CONST)
    return false;
  const Form *x = &form[cond->arg[0]];
  i128 c = k->v[cond->arg[1]].lo;
  /* x itself affine in one atom would need division: x must be the atom, or the branches multiples of x's own form */
  for (int branch = 0; branch < 2; branch++) {
    const Form *f = &form[v->arg[1 + branch]];
    i128 ratio = 0, rest = f->constant, l = k->v[cond->arg[0]].lo, h = k->v[cond->arg[0]].hi, p, q;
    if (f->n && (f->n != x->n || f->t[0].coef % x->t[0].coef))
      return false;
    if (f->n) {
      ratio = f->t[0].coef / x->t[0].coef;
      for (int i = 0; i < f->n; i++)
        if (f->t[i].atom != x->t[i].atom || __builtin_mul_overflow(x->t[i].coef, ratio, &p) || f->t[i].coef != p)
          return false;
      if (__builtin_mul_overflow(x->constant, ratio, &p))
        return false;
      rest = f->constant - p;
    }
    if (branch == 0)
      h = c - 1 < h ? c - 1 : h;
    else
      l = c > l ? c : l;
    if (l > h || __builtin_mul_overflow(ratio, ratio < 0 ? h : l, &p) || __builtin_mul_overflow(ratio, ratio < 0 ? l : h, &q))
      return false;
    p += rest, q += rest;
    *lo = branch == 0 || p < *lo ? p : *lo;
    *hi = branch == 0 || q > *hi ? q : *hi;
  }
  return true;
}

void hir_affine(Kernel *k, bool fresh) {
  Kernel *scratch = hir_new(k->name);
  Form *form = mem_array((size_t)k->n + 1, sizeof *form);
  static const Form zero;
  int64_t total = 0;
  for (int i = 0; i < k->n; i++) {
    HirValue *v = &k->v[i];
    Form *f = &form[i];
    bool linear = false;
    const Form *a = v->arg[0] >= 0 ? &form[v->arg[0]] : NULL, *b = v->arg[1] >= 0 ? &form[v->arg[1]] : NULL;
    int sa = v->imm < 0 ? -v->imm : 0, sb = v->imm > 0 ? v->imm : 0;
    if (v->op == HIR_CONST) {
      *f = (Form){0, NULL, v->lo};
      continue;
    }
    if (total > MAX_TOTAL)
      linear = false;
    else if (v->op == HIR_ADD || v->op == HIR_SUB)
      linear = combine(a, sa, b, sb, v->op == HIR_ADD ? 1 : -1, f);
    else if (v->op == HIR_NEG)
      linear = combine(&zero, 0, a, 0, -1, f);
    else if (v->op == HIR_SHL)
      linear = combine(a, v->imm, &zero, 0, 1, f);
    i128 lo = 0, hi = 0;
    hir_interval(k, i, scratch, &lo, &hi);
    if (fresh)
      v->lo = lo, v->hi = hi;
    hir_narrow(k, i, lo, hi);
    if ((linear && form_interval(k, f, &lo, &hi)) || (v->op == HIR_MUX && mux_interval(k, form, v, &lo, &hi)))
      hir_narrow(k, i, lo, hi);
    total += linear ? f->n : 1;
    if (!linear) {
      *f = (Form){1, mem_alloc(sizeof *f->t), 0};
      f->t[0] = (Term){i, 1};
    }
  }
}
