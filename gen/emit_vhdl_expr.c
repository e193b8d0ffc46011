/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_vhdl_expr.c - expressions and statements of the VHDL, in numeric_std.
 *
 * Widening is resize (it extends by the operand's own sign); narrowing is a slice, never resize, which would keep the sign bit. Every slice
 * is of a name, because VHDL has none of an expression.
 */
#include "emit_vhdl.h"
#include <stdlib.h>

static const char *type_name(bool is_signed) {
  return is_signed ? "signed" : "unsigned";
}

void vhdl_type(Buf *b, bool is_signed, int width) {
  buf_printf(b, "%s(%d downto 0)", type_name(is_signed), width - 1);
}

/* ---- constants ---- */

/* c modulo 2^width, in the range of the type. */
static i128 modulo(i128 c, bool is_signed, int width) {
  u128 r = (u128)c & (((u128)1 << width) - 1);
  if (is_signed && r >> (width - 1))
    r -= (u128)1 << width;
  return (i128)r;
}

/* VHDL promises integers of 32 bits less the lowest. */
static bool is_integer(i128 c) {
  return c <= INT32_MAX && c >= -INT32_MAX;
}

void vhdl_bits(Buf *b, u128 bits, int width) {
  char text[160];
  int n = 0;
  if (width % 4 == 0) {
    text[n++] = 'X';
    text[n++] = '"';
    for (int i = width - 4; i >= 0; i -= 4)
      text[n++] = "0123456789ABCDEF"[(int)(bits >> i) & 15];
  } else {
    text[n++] = '"';
    for (int i = width - 1; i >= 0; i--)
      text[n++] = (bits >> i) & 1 ? '1' : '0';
  }
  text[n++] = '"';
  buf_write(b, text, (size_t)n);
}

static void put_qualified(Buf *b, i128 c, bool is_signed, int width) {
  buf_printf(b, "%s'(", type_name(is_signed));
  vhdl_bits(b, (u128)c, width);
  buf_puts(b, ")");
}

void vhdl_const(Buf *b, i128 c, bool is_signed, int width) {
  c = modulo(c, is_signed, width);
  if (is_integer(c))
    buf_printf(b, "to_%s(%s, %d)", type_name(is_signed), i128_text(c), width);
  else
    put_qualified(b, c, is_signed, width);
}

/* Constant beside an operator, whose other operand is of this type and width. */
static void const_beside(Buf *b, i128 c, bool is_signed, int width) {
  c = modulo(c, is_signed, width);
  /* GHDL 2.0.0 --synth extends a negative integer with zeros above 32 bits */
  if (is_integer(c) && (c >= 0 || width <= 32))
    buf_puts(b, i128_text(c));
  else
    put_qualified(b, c, is_signed, width);
}

/* ---- operands ---- */

/* The lowest n bits of a reference, of the base's own type. */
static void put_name(Buf *b, const Vhdl *x, const VhdlRef *r, int stage, int n) {
  if (x->home[r->base] < stage)
    buf_printf(b, "r%d_", stage - 1);
  buf_puts(b, x->name[r->base]);
  if (r->low || n != hir_width(&x->k->v[r->base]))
    buf_printf(b, "(%d downto %d)", r->low + n - 1, r->low);
}

static void put_ref(Buf *b, const Vhdl *x, VhdlRef r, int stage, bool is_signed, int width) {
  if (vhdl_is_const(x, r.base)) {
    vhdl_const(b, x->k->v[r.base].lo, is_signed, width);
    return;
  }
  if (r.n < 1 || r.shift >= width) {
    vhdl_const(b, 0, is_signed, width);
    return;
  }
  int n = r.n < width - r.shift ? r.n : width - r.shift, close = 0;
  bool type = hir_signed(&x->k->v[r.base]), grows = n + r.shift < width, resized = n < width;
  /* as it is read: base's bits -> (their own sign, where that matters) -> resize -> shift -> the type wanted */
  bool inner = grows ? r.is_signed : type;
  if ((resized ? inner : type) != is_signed) {
    buf_printf(b, "%s(", type_name(is_signed));
    close++;
  }
  if (resized && r.shift)
    buf_puts(b, "shift_left(");
  if (resized)
    buf_puts(b, "resize(");
  if (resized && inner != type)
    buf_printf(b, "%s(", type_name(inner));
  put_name(b, x, &r, stage, n);
  if (resized && inner != type)
    buf_puts(b, ")");
  if (resized)
    buf_printf(b, ", %d)", width);
  if (resized && r.shift)
    buf_printf(b, ", %d)", r.shift);
  if (close)
    buf_puts(b, ")");
}

void vhdl_operand(Buf *b, const Vhdl *x, int value, int stage, bool is_signed, int width) {
  put_ref(b, x, vhdl_ref(x, value), stage, is_signed, width);
}

/* Whether an operator extends the operand by itself, given that its other operand has the full width. */
static bool extends_itself(const Vhdl *x, int value, bool is_signed, int width) {
  VhdlRef r = vhdl_ref(x, value);
  return !vhdl_is_const(x, r.base) && r.shift == 0 && r.n <= width && r.is_signed == is_signed && hir_signed(&x->k->v[r.base]) == is_signed;
}

static int own_width(const Vhdl *x, int value) {
  VhdlRef r = vhdl_ref(x, value);
  return r.n + r.shift;
}

/* An operand of + or - of which `shift` more bits are to be shifted in; `full`: it must have the full width itself. */
static void term(Buf *b, const Vhdl *x, int value, int shift, int stage, bool is_signed, int width, bool full) {
  if (shift == 0 && !full && extends_itself(x, value, is_signed, width)) {
    vhdl_operand(b, x, value, stage, is_signed, own_width(x, value));
  } else if (shift == 0) {
    vhdl_operand(b, x, value, stage, is_signed, width);
  } else if (shift >= width) {
    buf_printf(b, "to_%s(0, %d)", type_name(is_signed), width);
  } else {
    buf_puts(b, "shift_left(");
    vhdl_operand(b, x, value, stage, is_signed, width);
    buf_printf(b, ", %d)", shift);
  }
}

/* One signed, shifted operand of a sum. */
typedef struct {
  int value, shift;
  bool minus;
} Term;

/* The operands of an adder, those of an adder that is joined to it in its place. */
static int collect(const Vhdl *x, int i, int shift, bool minus, Term *t) {
  const HirValue *v = &x->k->v[i];
  int n = 0;
  for (int j = 0; j < 2; j++) {
    int a = v->arg[j], by = shift + (j == 0 ? (v->imm < 0 ? -v->imm : 0) : v->imm > 0 ? v->imm : 0);
    bool sign = minus != (j == 1 && v->op == HIR_SUB);
    if (x->k->v[a].joined && !vhdl_is_const(x, a))
      n += collect(x, a, by, sign, t + n);
    else
      t[n++] = (Term){a, by, sign};
  }
  return n;
}

static i128 shifted_const(const Vhdl *x, const Term *t, bool is_signed, int width) {
  return modulo(t->shift > 126 ? 0 : (i128)((u128)x->k->v[t->value].lo << t->shift), is_signed, width);
}

static void put_term(Buf *b, const Vhdl *x, const Term *t, bool first, int stage, bool is_signed, int width, bool full) {
  const char *sign = first ? "" : t->minus ? " - " : " + ";
  if (!vhdl_is_const(x, t->value)) {
    buf_puts(b, sign);
    term(b, x, t->value, t->shift, stage, is_signed, width, full);
    return;
  }
  i128 c = shifted_const(x, t, is_signed, width);
  if (first) { /* typed: ghdl --synth 2.0.0 turns "5 - x" into x - 5 */
    vhdl_const(b, c, is_signed, width);
    return;
  }
  bool minus = t->minus;
  if (c < 0 && c > -((i128)1 << (width - 1))) /* "- 5" rather than "+ -5", which VHDL does not even parse */
    c = -c, minus = !minus;
  bool brackets = c < 0 && is_integer(c);
  buf_puts(b, minus ? " - " : " + ");
  buf_puts(b, brackets ? "(" : "");
  const_beside(b, c, is_signed, width);
  buf_puts(b, brackets ? ")" : "");
}

/* a + b, or a + b + c with an adder joined to this one: the first is never subtracted, and has the full width unless the second does. */
static void sum(Buf *b, const Vhdl *x, int i) {
  const HirValue *v = &x->k->v[i];
  bool s = hir_signed(v);
  int w = hir_width(v), stage = x->home[i];
  Term t[4];
  int n = collect(x, i, 0, false, t);
  bool needs_full[2];
  for (int j = 0; j < 2; j++)
    needs_full[j] = vhdl_is_const(x, t[j].value) || t[j].shift || !extends_itself(x, t[j].value, s, w) || own_width(x, t[j].value) == w;
  bool second_is_const = vhdl_is_const(x, t[1].value);
  put_term(b, x, &t[0], true, stage, s, w, needs_full[0] || second_is_const || !needs_full[1]);
  put_term(b, x, &t[1], false, stage, s, w, needs_full[1]);
  for (int j = 2; j < n; j++)
    put_term(b, x, &t[j], false, stage, s, w, false);
}

static void negation(Buf *b, const Vhdl *x, int i) {
  const HirValue *v = &x->k->v[i];
  buf_puts(b, hir_signed(v) ? "-" : "unsigned(-");
  vhdl_operand(b, x, v->arg[0], x->home[i], true, hir_width(v));
  buf_puts(b, hir_signed(v) ? "" : ")");
}

/* Operand at its own width, as a signed number where `is_signed` asks for one (an unsigned one grows by a bit). */
static int own_operand(Buf *b, const Vhdl *x, int value, int stage, bool is_signed) {
  int w = own_width(x, value) + (is_signed && !vhdl_ref(x, value).is_signed);
  vhdl_operand(b, x, value, stage, is_signed, w);
  return w;
}

/* The product is computed at the width numeric_std gives it; resize cuts no more than copies of the sign, as the interval is proved. */
static void product(Buf *b, const Vhdl *x, int i) {
  const HirValue *v = &x->k->v[i];
  Buf p = {0};
  bool s = vhdl_ref(x, v->arg[0]).is_signed || vhdl_ref(x, v->arg[1]).is_signed;
  int w = own_operand(&p, x, v->arg[0], x->home[i], s);
  buf_puts(&p, " * ");
  w += own_operand(&p, x, v->arg[1], x->home[i], s);
  const char *open = s == hir_signed(v) ? "" : hir_signed(v) ? "signed(" : "unsigned(";
  if (w != hir_width(v))
    buf_printf(b, "resize(%s%s%s, %d)", open, p.s, *open ? ")" : "", hir_width(v));
  else
    buf_printf(b, "%s%s%s", open, p.s, *open ? ")" : "");
}

static void lookup(Buf *b, const Vhdl *x, int i) {
  const HirValue *v = &x->k->v[i];
  const HirTable *t = &x->k->table[v->imm];
  int w = hir_width(v);
  if (hir_signed(v) != (t->lo < 0))
    buf_printf(b, "%s(", type_name(hir_signed(v)));
  buf_printf(b, "%s(to_integer(", x->table_name[v->imm]);
  own_operand(b, x, v->arg[0], x->home[i], false);
  buf_puts(b, "))");
  if (w != hir_width_of(t->lo, t->hi))
    buf_printf(b, "(%d downto 0)", w - 1);
  if (hir_signed(v) != (t->lo < 0))
    buf_puts(b, ")");
}

/* ---- comparisons ---- */

static void put_index(Buf *b, const Vhdl *x, const VhdlRef *r, int stage, int high, int low) {
  if (x->home[r->base] < stage)
    buf_printf(b, "r%d_", stage - 1);
  if (high == low)
    buf_printf(b, "%s(%d)", x->name[r->base], r->low + low);
  else
    buf_printf(b, "%s(%d downto %d)", x->name[r->base], r->low + high, r->low + low);
}

/* Whether these bits are all 0 (or 1), or, `not_all`, some are not. */
static void put_all(Buf *b, const Vhdl *x, const VhdlRef *r, int stage, int high, int low, int bit, bool not_all) {
  if (high == low) {
    put_index(b, x, r, stage, high, low);
    buf_puts(b, bit != not_all ? " = '1'" : " = '0'");
    return;
  }
  bool minus_one = bit && hir_signed(&x->k->v[r->base]) && high - low < 32, invert = bit && !minus_one; /* const_beside says why */
  buf_puts(b, invert ? "(not " : "");
  put_index(b, x, r, stage, high, low);
  buf_printf(b, "%s %s %s", invert ? ")" : "", not_all ? "/=" : "=", minus_one ? "-1" : "0");
}

/* x < -2^n and x > 2^n - 1 look at the bits above n only: no carry chain, which synthesis does not always find out by itself (24 to 16 bits
 * saturated, yosys for Xilinx 7: 28 LUT and 2 CARRY4 as comparisons, 17 LUT this way). */
static bool bit_test(Buf *b, const Vhdl *x, VhdlRef r, int stage, char op, i128 c) {
  i128 power = op == '<' ? -c : c + 1;
  if (vhdl_is_const(x, r.base) || r.shift || power < 0 || (power & (power - 1)) || (op == '<' && !r.is_signed))
    return false;
  int top = r.n - 1, low = power ? hir_width_of(power, power) - 1 : r.n;
  if (r.is_signed) {
    put_index(b, x, &r, stage, top, top);
    buf_puts(b, op == '<' ? " = '1'" : " = '0'");
  }
  if (power == 0)
    return r.is_signed;
  if (r.is_signed)
    buf_puts(b, " and ");
  put_all(b, x, &r, stage, top - r.is_signed, low, op == '<', true);
  return true;
}

static void compare_const(Buf *b, const Vhdl *x, int value, int stage, char op, i128 c) {
  VhdlRef r = vhdl_ref(x, value);
  if (op == '<' && c > 0 && (c & (c - 1)) == 0 && !vhdl_is_const(x, r.base) && !r.is_signed && !r.shift &&
      hir_width_of(c, c) <= r.n) { /* x < 2^n */
    put_all(b, x, &r, stage, r.n - 1, hir_width_of(c, c) - 1, 0, false);
    return;
  }
  i128 power = op == '<' ? -c : c + 1;
  bool within = power < (i128)1 << (r.n - (r.is_signed || r.n > 126)); /* else never true, or never false: no bits to look at */
  if (within && bit_test(b, x, r, stage, op, c))
    return;
  bool s = r.is_signed || c < 0;
  int w = own_operand(b, x, value, stage, s);
  buf_printf(b, " %c ", op);
  int wc = hir_width_of(c, c) + (s && c >= 0);
  const_beside(b, c, s, wc > w ? wc : w);
}

static void less(Buf *b, const Vhdl *x, int a, int c, int stage) {
  if (vhdl_is_const(x, c)) {
    compare_const(b, x, a, stage, '<', x->k->v[c].lo);
  } else if (vhdl_is_const(x, a)) {
    compare_const(b, x, c, stage, '>', x->k->v[a].lo);
  } else {
    bool s = vhdl_ref(x, a).is_signed || vhdl_ref(x, c).is_signed;
    own_operand(b, x, a, stage, s);
    buf_puts(b, " < ");
    own_operand(b, x, c, stage, s);
  }
}

static void assign_const(Buf *b, const Vhdl *x, int i, i128 c) {
  const HirValue *v = &x->k->v[i];
  buf_printf(b, "        %s := ", x->name[i]);
  if (c == 0)
    buf_puts(b, "(others => '0')");
  else
    vhdl_const(b, c, hir_signed(v), hir_width(v));
  buf_puts(b, ";\n");
}

static void assign(Buf *b, const Vhdl *x, int i, int value) {
  const HirValue *v = &x->k->v[i];
  if (vhdl_is_const(x, value)) {
    assign_const(b, x, i, x->k->v[value].lo);
    return;
  }
  buf_printf(b, "        %s := ", x->name[i]);
  vhdl_operand(b, x, value, x->home[i], hir_signed(v), hir_width(v));
  buf_puts(b, ";\n");
}

static void select_smaller(Buf *b, const Vhdl *x, int i) {
  const HirValue *v = &x->k->v[i];
  bool min = v->op == HIR_MIN;
  buf_puts(b, "      if ");
  less(b, x, v->arg[0], v->arg[1], x->home[i]);
  buf_puts(b, " then\n");
  assign(b, x, i, v->arg[min ? 0 : 1]);
  buf_puts(b, "      else\n");
  assign(b, x, i, v->arg[min ? 1 : 0]);
  buf_puts(b, "      end if;\n");
}

static void clamp(Buf *b, const Vhdl *x, int i) {
  const HirValue *v = &x->k->v[i], *a = &x->k->v[v->arg[0]];
  const char *word = "if";
  if (a->lo < v->bound_lo) {
    buf_printf(b, "      %s ", word);
    compare_const(b, x, v->arg[0], x->home[i], '<', v->bound_lo);
    buf_puts(b, " then\n");
    assign_const(b, x, i, v->bound_lo);
    word = "elsif";
  }
  if (a->hi > v->bound_hi) {
    buf_printf(b, "      %s ", word);
    compare_const(b, x, v->arg[0], x->home[i], '>', v->bound_hi);
    buf_puts(b, " then\n");
    assign_const(b, x, i, v->bound_hi);
    word = "elsif";
  }
  if (!strcmp(word, "if")) {
    assign(b, x, i, v->arg[0]);
    return;
  }
  buf_puts(b, "      else\n");
  assign(b, x, i, v->arg[0]);
  buf_puts(b, "      end if;\n");
}

static void mux(Buf *b, const Vhdl *x, int i) {
  const HirValue *v = &x->k->v[i];
  VhdlRef r = vhdl_ref(x, v->arg[0]);
  if (vhdl_is_const(x, r.base)) {
    assign(b, x, i, v->arg[x->k->v[r.base].lo ? 1 : 2]);
    return;
  }
  buf_puts(b, "      if ");
  put_index(b, x, &r, x->home[i], 0, 0);
  buf_puts(b, " = '1' then\n");
  assign(b, x, i, v->arg[1]);
  buf_puts(b, "      else\n");
  assign(b, x, i, v->arg[2]);
  buf_puts(b, "      end if;\n");
}

void vhdl_statement(Buf *b, const Vhdl *x, int i) {
  const HirValue *v = &x->k->v[i];
  switch (v->op) {
  case HIR_MIN:
  case HIR_MAX:
    select_smaller(b, x, i);
    return;
  case HIR_CLAMP:
    clamp(b, x, i);
    return;
  case HIR_MUX:
    mux(b, x, i);
    return;
  case HIR_LT:
    buf_puts(b, "      if ");
    less(b, x, v->arg[0], v->arg[1], x->home[i]);
    buf_printf(b, " then\n        %s := \"1\";\n      else\n        %s := \"0\";\n      end if;\n", x->name[i], x->name[i]);
    return;
  default:
    break;
  }
  buf_printf(b, "      %s := ", x->name[i]);
  switch (v->op) {
  case HIR_ADD:
  case HIR_SUB:
    sum(b, x, i);
    break;
  case HIR_NEG:
    negation(b, x, i);
    break;
  case HIR_MUL:
    product(b, x, i);
    break;
  case HIR_LUT:
    lookup(b, x, i);
    break;
  case HIR_SHL:
  case HIR_SHR:
  case HIR_WRAP: {
    VhdlRef r = vhdl_ref(x, v->arg[0]); /* a wrap into more bits extends */
    vhdl_wire(x, i, &r);
    put_ref(b, x, r, x->home[i], hir_signed(v), hir_width(v));
    break;
  }
  default:
    abort(); /* QUANT was expanded; inputs and constants are no statements */
  }
  buf_puts(b, ";\n");
}
