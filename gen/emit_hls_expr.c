/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_hls_expr.c - the statements of the HLS C++: one constant a value, of exactly its width.
 *
 * An operation's operands are first converted to one type that holds them, shifted as they are, and the exact result; what a library
 * then makes of promotion or growth cannot change a bit, and assignment to the value's own type drops copies of the sign only.
 */
#include "emit_hls.h"
#include <stdlib.h>

HlsType hls_type_of(const HirValue *v) {
  return (HlsType){hir_signed(v), hir_width(v)};
}

const char *hls_type(Hls *h, HlsType t) {
  h->used[t.is_signed][t.width] = true;
  return mem_printf("%c%d", t.is_signed ? 's' : 'u', t.width);
}

/* The narrowest type that holds both. */
static HlsType hull(HlsType a, HlsType b) {
  HlsType r = {a.is_signed || b.is_signed, 0};
  int wa = a.width + (r.is_signed && !a.is_signed), wb = b.width + (r.is_signed && !b.is_signed);
  r.width = wa > wb ? wa : wb;
  if (r.width > HIR_MAX_WIDTH + 1) /* only copies of the sign */
    r.width = HIR_MAX_WIDTH + 1;
  return r;
}

static HlsType type_of(const Hls *h, int value) {
  return hls_type_of(&h->k->v[value]);
}

static HlsType shifted(HlsType t, int shift) {
  return (HlsType){t.is_signed, t.width + shift};
}

static HlsType type_of_const(i128 c) {
  return (HlsType){c < 0, hir_width_of(c, c)};
}

static HlsType as_signed(HlsType t) {
  return (HlsType){true, t.width + !t.is_signed};
}

static bool same(HlsType a, HlsType b) {
  return a.is_signed == b.is_signed && a.width == b.width;
}

/* Whatever its operation: what is proved to be one number is written as that number. */
bool hls_is_const(const Kernel *k, int value) {
  return k->v[value].lo == k->v[value].hi;
}

static void constant(Buf *b, Hls *h, i128 c, HlsType t) {
  const char *type = hls_type(h, t);
  if (c >= INT32_MIN + 1 && c <= INT32_MAX)
    buf_printf(b, "%s(%lld)", type, (long long)c);
  else if (c >= INT64_MIN + (i128)1 && c <= INT64_MAX)
    buf_printf(b, "%s(%lldLL)", type, (long long)c);
  else if (c == INT64_MIN)
    buf_printf(b, "%s(-9223372036854775807LL - 1)", type);
  else if (t.width <= 64)
    buf_printf(b, "%s(%lluULL)", type, (unsigned long long)c);
  else
    buf_printf(b, "wide<%s>(%lldLL, %lluULL)", type, (long long)(c >> 64), (unsigned long long)c);
}

static void operand(Buf *b, Hls *h, int value, HlsType t) {
  if (hls_is_const(h->k, value))
    constant(b, h, h->k->v[value].lo, t);
  else if (same(type_of(h, value), t))
    buf_puts(b, h->names.name[value]);
  else
    buf_printf(b, "%s(%s)", hls_type(h, t), h->names.name[value]);
}

/* An operand whose type the callee converts from. */
static void argument(Buf *b, Hls *h, int value) {
  operand(b, h, value, type_of(h, value));
}

static void operand_shifted(Buf *b, Hls *h, int value, int shift, HlsType t) {
  if (shift && hls_is_const(h->k, value)) {
    constant(b, h, (i128)((u128)h->k->v[value].lo << shift), t);
    return;
  }
  buf_puts(b, shift ? "shl(" : "");
  operand(b, h, value, t);
  if (shift)
    buf_printf(b, ", %d)", shift);
}

static void sum(Buf *b, Hls *h, const HirValue *v) {
  int sa = v->imm < 0 ? -v->imm : 0, sc = v->imm > 0 ? v->imm : 0;
  HlsType t = hull(hls_type_of(v), hull(shifted(type_of(h, v->arg[0]), sa), shifted(type_of(h, v->arg[1]), sc)));
  bool swap = sa > 0;
  if (v->op == HIR_SUB && !t.is_signed)
    t = as_signed(t);
  buf_printf(b, "%s<%s>(", v->op == HIR_ADD ? "add" : swap ? "rsb" : "sub", hls_type(h, t));
  argument(b, h, v->arg[swap]);
  buf_puts(b, ", ");
  argument(b, h, v->arg[!swap]);
  if (v->imm)
    buf_printf(b, ", %d", sa + sc);
  buf_puts(b, ")");
}

static void shift_right(Buf *b, Hls *h, const HirValue *v) {
  HlsType t = type_of(h, v->arg[0]);
  int n = v->imm < t.width ? v->imm : t.width - 1; /* libraries differ beyond; a sign stays a sign */
  argument(b, h, v->arg[0]);
  buf_printf(b, " >> %d", n);
}

static void choose(Buf *b, Hls *h, const HirValue *v, int yes, int no) {
  buf_puts(b, " ? ");
  operand(b, h, yes, hls_type_of(v));
  buf_puts(b, " : ");
  operand(b, h, no, hls_type_of(v));
}

static void less(Buf *b, Hls *h, int x, int y) {
  HlsType t = hull(type_of(h, x), type_of(h, y));
  operand(b, h, x, t);
  buf_puts(b, " < ");
  operand(b, h, y, t);
}

/* The type of the result holds the bound that is taken, and the argument where neither is. */
static void limit(Buf *b, Hls *h, const HirValue *v, char op, i128 bound) {
  HlsType t = hull(type_of(h, v->arg[0]), type_of_const(bound));
  operand(b, h, v->arg[0], t);
  buf_printf(b, " %c ", op);
  constant(b, h, bound, t);
  buf_puts(b, " ? ");
  constant(b, h, bound, hls_type_of(v));
  buf_puts(b, " : ");
}

static void clamp(Buf *b, Hls *h, const HirValue *v) {
  const HirValue *a = &h->k->v[v->arg[0]];
  if (a->lo < v->bound_lo && v->lo <= v->bound_lo) /* else never taken, as proved */
    limit(b, h, v, '<', v->bound_lo);
  if (a->hi > v->bound_hi && v->hi >= v->bound_hi)
    limit(b, h, v, '>', v->bound_hi);
  operand(b, h, v->arg[0], hls_type_of(v));
}

static void product(Buf *b, Hls *h, const HirValue *v) {
  HlsType t = hull(hls_type_of(v), hull(type_of(h, v->arg[0]), type_of(h, v->arg[1])));
  buf_printf(b, "mul<%s>(", hls_type(h, t));
  argument(b, h, v->arg[0]);
  buf_puts(b, ", ");
  argument(b, h, v->arg[1]);
  buf_puts(b, ")");
}

/* Terms [from, from + n) of a sum as a balanced tree of additions, each brought to type t. */
static void products(Buf *b, Hls *h, const HlsSum *s, int from, int n, HlsType t) {
  if (n == 1) {
    HlsTerm e = s->term[from];
    if (e.value < 0) { /* the bias */
      constant(b, h, e.c, t);
      return;
    }
    if (e.c == 1) {
      operand(b, h, e.value, t);
      return;
    }
    buf_printf(b, "mul<%s>(", hls_type(h, t));
    argument(b, h, e.value);
    buf_puts(b, ", ");
    constant(b, h, e.c, type_of_const(e.c));
    buf_puts(b, ")");
    return;
  }
  buf_printf(b, "add<%s>(", hls_type(h, t));
  products(b, h, s, from, n / 2, t);
  buf_puts(b, ", ");
  products(b, h, s, from + n / 2, n - n / 2, t);
  buf_puts(b, ")");
}

/* Every partial sum fits: the type covers the sum of the terms' magnitudes. */
static void sum_of_products(Buf *b, Hls *h, const HirValue *v, const HlsSum *s) {
  i128 lo = v->lo, hi = v->hi, below = 0, above = 0;
  for (int i = 0; i < s->n; i++) {
    const HirValue *a = s->term[i].value < 0 ? NULL : &h->k->v[s->term[i].value];
    i128 c = s->term[i].c, x = a ? c * a->lo : c, y = a ? c * a->hi : c, least = x < y ? x : y, most = x < y ? y : x;
    below += least < 0 ? least : 0;
    above += most > 0 ? most : 0;
    HlsType t = a ? hull(hls_type_of(a), type_of_const(c)) : type_of_const(c); /* operands fit as well */
    i128 end = (i128)1 << (t.width - 1);
    lo = t.is_signed && -end < lo ? -end : lo;
    hi = end > hi ? end : hi;
  }
  lo = below < lo ? below : lo;
  hi = above > hi ? above : hi;
  products(b, h, s, 0, s->n, (HlsType){lo < 0, hir_width_of(lo, hi)});
}

static void expression(Buf *b, Hls *h, const HirValue *v) {
  HlsType t = hls_type_of(v);
  switch (v->op) {
  case HIR_ADD:
  case HIR_SUB:
    sum(b, h, v);
    break;
  case HIR_NEG:
    buf_puts(b, "-");
    operand(b, h, v->arg[0], hull(as_signed(type_of(h, v->arg[0])), t));
    break;
  case HIR_SHL:
    operand_shifted(b, h, v->arg[0], v->imm, hull(shifted(type_of(h, v->arg[0]), v->imm), t));
    break;
  case HIR_SHR:
    shift_right(b, h, v);
    break;
  case HIR_WRAP:
    buf_printf(b, "wrap_%c<%d>(", v->bound_lo < 0 ? 's' : 'u', v->imm);
    argument(b, h, v->arg[0]);
    buf_puts(b, ")");
    break;
  case HIR_MUL:
    product(b, h, v);
    break;
  case HIR_LT:
    buf_printf(b, "%s(", hls_type(h, t));
    less(b, h, v->arg[0], v->arg[1]);
    buf_puts(b, ")");
    break;
  case HIR_MUX:
    argument(b, h, v->arg[0]);
    buf_puts(b, " != 0");
    choose(b, h, v, v->arg[1], v->arg[2]);
    break;
  case HIR_MIN:
  case HIR_MAX:
    less(b, h, v->arg[0], v->arg[1]);
    choose(b, h, v, v->arg[v->op == HIR_MIN ? 0 : 1], v->arg[v->op == HIR_MIN ? 1 : 0]);
    break;
  case HIR_CLAMP:
    clamp(b, h, v);
    break;
  case HIR_LUT:
    buf_printf(b, "%s[index(", h->names.table_name[v->imm]);
    argument(b, h, v->arg[0]);
    buf_puts(b, ")]");
    break;
  default:
    abort(); /* QUANT was expanded; inputs and constants are no statements */
  }
}

void hls_statement(Buf *b, Hls *h, int i) {
  const HirValue *v = &h->k->v[i];
  buf_printf(b, "  const %s %s = ", hls_type(h, hls_type_of(v)), h->names.name[i]);
  if (h->sum[i].n)
    sum_of_products(b, h, v, &h->sum[i]);
  else
    expression(b, h, v);
  buf_puts(b, ";\n");
}
