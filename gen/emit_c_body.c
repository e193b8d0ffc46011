/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_c_body.c - prints a plan (emit_c.h) as C: tables, memory, one function a step.
 */
#include "emit_c.h"

static const char *const site_of_trace[] = {"w16", "w32", "w64", "w128", "in", "constant"};

/* Names from the model, fit for a comment. */
const char *c_comment(const char *s) {
  char *t = mem_strdup(diag_text(s ? s : ""));
  for (char *p = t; *p; p++)
    if (*p == '*' || *p == '/')
      *p = *p == '*' ? '+' : '|';
  return t;
}

/* A literal of the lane type, modulo its size. */
void c_number(Buf *b, int kind, i128 v) {
  if (kind == 0) {
    buf_printf(b, "%d", (int)v);
  } else if (kind == 1) {
    int32_t x = (int32_t)(uint32_t)v;
    buf_printf(b, x == INT32_MIN ? "-2147483647 - 1" : "%ld", (long)x);
  } else if (kind == 2) {
    int64_t x = (int64_t)(uint64_t)v;
    buf_printf(b, x == INT64_MIN ? "-9223372036854775807 - 1" : "%lld", (long long)x);
  } else {
    buf_printf(b, "(s128)((u128)0x%llxu << 64 | 0x%llxu)", (unsigned long long)((u128)v >> 64), (unsigned long long)(uint64_t)v);
  }
}

static void constant(Buf *b, int kind, i128 v) {
  buf_printf(b, "K(%d, ", c_bits(kind));
  c_number(b, kind, v);
  buf_puts(b, ")");
}

static void operand(Buf *b, const CPlan *p, int v, int kind) {
  if (v < p->k->n && p->k->v[v].op == HIR_CONST)
    constant(b, kind, p->k->v[v].lo);
  else
    buf_printf(b, "v%d", v);
}

static void shifted(Buf *b, const CPlan *p, int v, int kind, int shift) {
  buf_printf(b, shift ? "((u%d)" : "(u%d)", c_bits(kind));
  operand(b, p, v, kind);
  if (shift)
    buf_printf(b, " << %d)", shift);
}

static void compare(Buf *b, const CPlan *p, int x, const char *op, i128 bound, int kind) {
  operand(b, p, x, kind);
  buf_printf(b, " %s ", op);
  constant(b, kind, bound);
}

static void saturate(Buf *b, const CPlan *p, const HirValue *v, int kind) {
  const HirValue *a = &p->k->v[v->arg[0]];
  bool low = a->lo<v->bound_lo, high = a->hi> v->bound_hi;
  if (high) {
    buf_printf(b, "SEL(%d, ", c_bits(kind));
    compare(b, p, v->arg[0], ">", v->bound_hi, kind);
    buf_puts(b, ", ");
    constant(b, kind, v->bound_hi);
    buf_puts(b, ", ");
  }
  if (low) {
    buf_printf(b, "SEL(%d, ", c_bits(kind));
    compare(b, p, v->arg[0], "<", v->bound_lo, kind);
    buf_puts(b, ", ");
    constant(b, kind, v->bound_lo);
    buf_puts(b, ", ");
  }
  operand(b, p, v->arg[0], kind);
  buf_puts(b, low && high ? "))" : low || high ? ")" : "");
}

/* Low imm bits, sign-extended by (x ^ h) - h, which asks nothing of the register's width. */
static void wrap(Buf *b, const CPlan *p, const HirValue *v, int kind) {
  int bits = c_bits(kind);
  i128 mask = v->imm >= bits ? -1 : ((i128)1 << v->imm) - 1;
  if (kind == 0)
    mask &= 0xffff;
  buf_printf(b, v->bound_lo < 0 ? "(s%d)((((u%d)" : "(s%d)((u%d)", bits, bits);
  operand(b, p, v->arg[0], kind);
  buf_printf(b, " & (u%d)", bits);
  constant(b, kind, mask);
  if (v->bound_lo < 0) {
    i128 h = (i128)((u128)1 << (v->imm - 1));
    buf_printf(b, ") ^ (u%d)", bits);
    constant(b, kind, h);
    buf_printf(b, ") - (u%d)", bits);
    constant(b, kind, h);
  }
  buf_puts(b, ")");
}

static void expression(Buf *b, const CPlan *p, const HirValue *v, int kind) {
  int bits = c_bits(kind);
  switch (v->op) {
  case HIR_ADD:
  case HIR_SUB:
    buf_printf(b, "(s%d)(", bits);
    shifted(b, p, v->arg[0], kind, v->imm < 0 ? -v->imm : 0);
    buf_puts(b, v->op == HIR_ADD ? " + " : " - ");
    shifted(b, p, v->arg[1], kind, v->imm > 0 ? v->imm : 0);
    buf_puts(b, ")");
    break;
  case HIR_NEG:
    buf_printf(b, "(s%d)-(u%d)", bits, bits);
    operand(b, p, v->arg[0], kind);
    break;
  case HIR_SHL:
    buf_printf(b, "(s%d)", bits);
    shifted(b, p, v->arg[0], kind, v->imm);
    break;
  case HIR_SHR:
    operand(b, p, v->arg[0], kind);
    buf_printf(b, " >> %d", v->imm < bits ? v->imm : bits - 1);
    break;
  case HIR_MUL:
    buf_printf(b, "(s%d)(", bits);
    shifted(b, p, v->arg[0], kind, 0);
    buf_puts(b, " * ");
    shifted(b, p, v->arg[1], kind, 0);
    buf_puts(b, ")");
    break;
  case HIR_LT:
    buf_printf(b, "LT(%d, ", bits);
    operand(b, p, v->arg[0], kind);
    buf_puts(b, ", ");
    operand(b, p, v->arg[1], kind);
    buf_puts(b, ")");
    break;
  case HIR_MUX:
  case HIR_MIN:
  case HIR_MAX: {
    int first = v->op == HIR_MUX ? 1 : 0;
    buf_printf(b, "SEL(%d, ", bits);
    operand(b, p, v->arg[0], kind);
    buf_puts(b, v->op == HIR_MUX ? " != " : v->op == HIR_MIN ? " < " : " > ");
    if (v->op == HIR_MUX)
      constant(b, kind, 0);
    else
      operand(b, p, v->arg[1], kind);
    buf_puts(b, ", ");
    operand(b, p, v->arg[first], kind);
    buf_puts(b, ", ");
    operand(b, p, v->arg[first + 1], kind);
    buf_puts(b, ")");
    break;
  }
  case HIR_CLAMP:
    saturate(b, p, v, kind);
    break;
  case HIR_WRAP:
    wrap(b, p, v, kind);
    break;
  case HIR_CONST:
    constant(b, kind, v->lo);
    break;
  case HIR_IN:
  case HIR_LUT:
  case HIR_QUANT:
  case HIR_OP_COUNT:
    buf_puts(b, "?");
    break;
  }
}

typedef struct {
  const CPlan *p;
  const char *top, *name; /* prefixes: of the lanes, and of this kernel */
  int *seen;              /* step + 1 in which value was last made or loaded */
  int step, kind, layer;
} Part;

/* The row of memory of an input or output. */
static const char *port_row(const Part *t, const char *port, int n, int kind) {
  if (!t->p->part)
    return mem_printf("m->%s[%d]", port, n);
  if (t->p->part->scattered && *port == 'i')
    return mem_printf("(const %s_m%d *)in[%d]", t->top, c_bits(kind), n);
  return mem_printf(n ? "%s + %d * %s_LANES" : "%s", port, n, t->top);
}

/* What `v` reads from: a row of memory. */
static void load(Buf *b, Part *t, int v) {
  const CPlan *p = t->p;
  if (v < 0 || (v < p->k->n && p->k->v[v].op == HIR_CONST) || t->seen[v] == t->step + 1)
    return;
  t->seen[v] = t->step + 1;
  int memory = c_bits(p->kind[v]), lane = c_bits(t->kind);
  if (v < p->k->n && p->k->v[v].op == HIR_IN)
    buf_printf(b, "    const s%d v%d = LOAD(%d, %d, %s);\n", lane, v, lane, memory, port_row(t, "in", p->k->v[v].imm, p->kind[v]));
  else
    buf_printf(b, "    const s%d v%d = LOAD(%d, %d, m->w%d[%d]);\n", lane, v, lane, memory, memory, p->slot[p->kind[v]][v]);
}

static void store(Buf *b, const Part *t, int v) {
  int q = t->p->kind[v];
  if (t->p->slot[q][v] >= 0)
    buf_printf(b, "    STORE(%d, %d, m->w%d[%d], v%d);\n", c_bits(t->kind), c_bits(q), c_bits(q), t->p->slot[q][v], v);
}

static void layer_comment(Buf *b, Part *t, int layer) {
  if (layer < 0 || layer == t->layer)
    return;
  t->layer = layer;
  buf_printf(b, "    /* %s: %s */\n", c_comment(t->p->k->layer[layer].name), c_comment(t->p->k->layer[layer].op));
}

static void count(Buf *b, const Part *t, const HirValue *v) {
  const HirValue *a = &t->p->k->v[v->arg[0]];
  bool low = a->lo<v->bound_lo, high = a->hi> v->bound_hi;
  if (v->site < 0 || (!low && !high))
    return;
  buf_printf(b, "    COUNT(%d, n%d, ", c_bits(t->kind), v->site);
  if (low) {
    buf_puts(b, high ? "(" : "");
    compare(b, t->p, v->arg[0], "<", v->bound_lo, t->kind);
    buf_puts(b, high ? ") | (" : "");
  }
  if (high)
    compare(b, t->p, v->arg[0], ">", v->bound_hi, t->kind);
  buf_puts(b, low && high ? "));\n" : ");\n");
}

static void value_statement(Buf *b, Part *t, int i) {
  const CPlan *p = t->p;
  const HirValue *v = &p->k->v[i];
  layer_comment(b, t, v->layer);
  for (int j = 0; j < 3; j++)
    load(b, t, v->arg[j]);
  t->seen[i] = t->step + 1;
  if (v->op == HIR_CLAMP || v->op == HIR_WRAP)
    count(b, t, v);
  if (!p->read[i])
    return;
  if (v->op == HIR_LUT) {
    buf_printf(b, "    LUT(%d, v%d, ", c_bits(t->kind), i);
    operand(b, p, v->arg[0], t->kind);
    buf_printf(b, ", %s_table%d);\n", t->name, v->imm);
  } else {
    buf_printf(b, "    const s%d v%d = ", c_bits(t->kind), i);
    expression(b, p, v, t->kind);
    buf_puts(b, ";\n");
  }
  store(b, t, i);
}

static void total_statement(Buf *b, Part *t, const CTotal *s) {
  layer_comment(b, t, t->p->k->v[s->value].layer);
  for (int j = 0; j < s->n; j++)
    load(b, t, s->part[j]);
  t->seen[s->value] = t->step + 1;
  int bits = c_bits(t->kind);
  buf_printf(b, "    const s%d v%d = (s%d)((u%d)", bits, s->value, bits, bits);
  constant(b, t->kind, (i128)(int64_t)s->bias);
  for (int j = 0; j < s->n; j++)
    buf_printf(b, " + (u%d)v%d", bits, s->part[j]);
  buf_puts(b, ");\n");
  store(b, t, s->value);
}

static void item_statement(Buf *b, Part *t, const CItem *it) {
  int bits = c_bits(t->kind);
  switch (it->type) {
  case C_VALUE:
    value_statement(b, t, it->value);
    return;
  case C_TOTAL:
    total_statement(b, t, &t->p->total[it->arg]);
    return;
  case C_COPY:
    load(b, t, it->value);
    buf_printf(b, "    STORE(%d, %d, m->w%d[%d], v%d);\n", bits, c_bits(it->arg), c_bits(it->arg), t->p->slot[it->arg][it->value],
               it->value);
    return;
  case C_OUT:
    load(b, t, it->value);
    buf_printf(b, "    STORE(%d, %d, %s, ", bits, c_bits(t->p->out_kind), port_row(t, "out", it->arg, t->p->out_kind));
    operand(b, t->p, it->value, t->kind);
    buf_puts(b, ");\n");
    return;
  }
}

/* Values that lie in memory between steps: then a group at a time goes through all steps. */
static bool has_slots(const CPlan *p) {
  for (int q = 0; q < LANE_KINDS; q++)
    if (p->n_slots[q])
      return true;
  return false;
}

/* Constants and counts stay in registers from group to group. */
static void open_groups(Buf *b, const Part *t) {
  const CPlan *p = t->p;
  const char *top = t->top;
  buf_printf(b, "    for (g = 0; g < m->groups; g++) {\n");
  if (p->part->scattered)
    buf_printf(b, "      const void *const *in = m->in + g * %d;\n", p->k->n_in);
  else
    buf_printf(b, "      const %s_m%d *in = m->in + g * %d * %s_LANES;\n", top, c_bits(p->part->in_kind[0]), p->k->n_in, top);
  buf_printf(b, "      %s_m%d *out = m->out + g * %d * %s_LANES;\n      (void)in;\n      (void)out;\n", top, c_bits(p->out_kind),
             p->k->n_out, top);
}

static void statements(Buf *b, Part *t) {
  const CPlan *p = t->p;
  const CStep *s = &p->step[t->step];
  uint8_t *site = mem_array((size_t)p->k->n_sites + 1, 1);
  for (int i = s->first; i < s->first + s->n; i++)
    if (p->item[i].type == C_VALUE && p->k->v[p->item[i].value].site >= 0)
      site[p->k->v[p->item[i].value].site] = 1;
  t->kind = s->kind;
  int bits = c_bits(s->kind);
  buf_printf(b, "\n%s_STEP void %s_step%d(%s_mem *m) {\n  size_t b%s;\n  for (b = 0; b < %s_LANES; b += %s_SUB_%d) {\n", t->top, t->name,
             t->step, t->name, p->part ? ", g" : "", t->top, t->top, bits);
  for (int i = 0; i < p->k->n_sites; i++)
    if (site[i])
      buf_printf(b, "    s%d n%d = {0};\n", bits, i);
  Buf inner = {0};
  if (p->part)
    open_groups(b, t);
  for (int i = s->first; i < s->first + s->n; i++)
    item_statement(&inner, t, &p->item[i]);
  for (const char *line = inner.s ? inner.s : "", *end; *line; line = end) {
    end = strchr(line, '\n') + 1;
    buf_puts(b, p->part ? "  " : "");
    buf_write(b, line, (size_t)(end - line));
  }
  if (p->part)
    buf_puts(b, "    }\n");
  for (int i = 0; i < p->k->n_sites; i++)
    if (site[i])
      buf_printf(b, "    ADD_COUNT(%d, m->count[%d], n%d);\n", bits, i, i);
  buf_puts(b, "  }\n}\n");
}

/* ---- sums ---- */

static void row_number(Buf *b, int *at, int n) {
  buf_printf(b, "%s%d,", *at % 24 ? "" : "\n  ", n);
  ++*at;
}

static bool same_columns(const CSum *a, const CSum *b) {
  return (a->rows == b->rows) && a->cols == b->cols && !memcmp(a->col, b->col, (size_t)a->cols * sizeof *a->col);
}

static void sums(Buf *b, Part *t) {
  const CPlan *p = t->p;
  const CStep *s = &p->step[t->step];
  const CSum *sum = p->sum + s->first;
  int bits = c_bits(s->kind), groups = 0, at = 0, terms = 0, rows = 0;
  Buf shape = {0};
  for (int i = 0, n; i < s->n; i += n, groups++) {
    for (n = 1; i + n < s->n && same_columns(&sum[i], &sum[i + n]); n++)
      ;
    buf_printf(&shape, "%s{%d, %d, %d}", i ? ", " : "", sum[i].rows, sum[i].cols, n);
    rows += n * sum[i].rows, terms += n * sum[i].rows * sum[i].cols;
  }
  buf_printf(b, "\n/* ");
  if (sum[0].layer >= 0)
    buf_printf(b, "%s: %s: ", c_comment(p->k->layer[sum[0].layer].name), c_comment(p->k->layer[sum[0].layer].op));
  buf_printf(b, "%d sums of %d products */\n", rows, terms);
  buf_printf(b, "static const uint32_t %s_shape%d[][3] = {%s};\n", t->name, t->step, shape.s);
  buf_printf(b, "static const uint32_t %s_from%d[] = {", t->name, t->step);
  for (int i = 0; i < s->n; i++)
    for (int c = 0; (i == 0 || !same_columns(&sum[i - 1], &sum[i])) && c < sum[i].cols; c++)
      row_number(b, &at, p->slot[s->kind][sum[i].col[c]]);
  buf_printf(b, "%s};\nstatic const uint32_t %s_to%d[] = {", at ? "" : "0", t->name, t->step);
  at = 0;
  for (int i = 0; i < s->n; i++)
    for (int r = 0; r < sum[i].rows; r++)
      row_number(b, &at, p->slot[s->kind][sum[i].row[r]]);
  buf_printf(b, "};\nstatic const uint%d_t %s_weight%d[] = {", s->kind == 2 ? 64 : 32, t->name, t->step);
  for (int i = 0; i < s->n; i++)
    for (int c = -1; c < sum[i].cols; c++) {
      buf_puts(b, c < 0 ? "\n  /* bias */ " : c % 8 == 0 ? "\n  " : " ");
      for (int r = 0; r < sum[i].rows; r++) {
        uint64_t w = c < 0 ? sum[i].bias[r] : sum[i].w[(size_t)r * (size_t)sum[i].cols + (size_t)c];
        buf_printf(b, "W%d(", bits);
        c_number(b, s->kind, s->kind == 0 ? (i128)(int16_t)(uint16_t)w : (i128)(int64_t)w);
        buf_puts(b, "),");
      }
    }
  buf_printf(b, "};\n\n%s_STEP void %s_step%d(%s_mem *m) {\n  %s_sums%d(m->w%d, %s_shape%d, %d, %s_from%d, %s_to%d, %s_weight%d);\n}\n",
             t->top, t->name, t->step, t->name, t->top, bits, bits, t->name, t->step, groups, t->name, t->step, t->name, t->step, t->name,
             t->step);
}

/* ---- the rest ---- */

static void tables(Buf *b, const CPlan *p, const char *name) {
  uint8_t *used = mem_array((size_t)p->k->n_tables + 1, 1);
  for (int i = 0; i < p->k->n; i++)
    if (p->live[i] && p->k->v[i].op == HIR_LUT)
      used[p->k->v[i].imm] = 1;
  for (int i = 0; i < p->k->n_tables; i++) {
    const HirTable *t = &p->k->table[i];
    if (!used[i])
      continue;
    int bits = c_bits(c_kind_of(t->lo, t->hi));
    buf_printf(b, "\n/* %s: %s */\nstatic const int%d_t %s_table%d[%d] = {", c_comment(t->name), c_comment(t->text), bits, name, i,
               t->entries);
    for (int j = 0; j < t->entries; j++) {
      buf_puts(b, j % 16 ? " " : "\n  ");
      c_number(b, bits == 64 ? 2 : 1, t->word[j]);
      buf_puts(b, ",");
    }
    buf_puts(b, "};\n");
  }
}

static void memory(Buf *b, const CPlan *p, const char *top) {
  buf_printf(b,
             "\n/* One row a value, %s_LANES samples of it. */\ntypedef struct {\n  %s_ALIGN %s_m%d in[%d][%s_LANES];\n  %s_ALIGN %s_m%d "
             "out[%d][%s_LANES];\n",
             top, top, top, c_bits(p->in_kind), p->k->n_in + p->k->n_state > 0 ? p->k->n_in + p->k->n_state : 1, top, top, top,
             c_bits(p->out_kind), hir_outs(p->k), top);
  for (int q = 0; q < LANE_KINDS; q++)
    if (p->n_slots[q])
      buf_printf(b, "  %s_ALIGN %s_m%d w%d[%d][%s_LANES];\n", top, top, c_bits(q), c_bits(q), p->n_slots[q], top);
  buf_printf(b, "  %s_ALIGN uint32_t count[%d][%s_LANES];\n} %s_mem;\n", top, p->k->n_sites > 0 ? p->k->n_sites : 1, top, top);
}

static void traces(Buf *b, const CPlan *p, const char *top) {
  int *first = mem_array((size_t)p->k->n_layers + 1, sizeof *first);
  for (int i = 0; i < p->k->n_layers; i++)
    first[i + 1] = first[i] + p->k->layer[i].n;
  if (!p->n_traces)
    return;
  Buf constants = {0};
  int n_constants = 0;
  buf_printf(
      b,
      "\n/* Layer elements: place in the trace, where the integer is, its step and what was added to it. */\ntypedef struct {\n  uint32_t "
      "at;\n  uint32_t kind; /* "
      "0-3: w16 w32 w64 w128, 4: in, 5: constant */\n  uint32_t row;\n  double step, offset;\n} %s_trace_item;\nstatic const %s_trace_item "
      "%s_trace_items[] = {",
      top, top, top);
  for (int i = 0; i < p->n_traces; i++) {
    const CTrace *t = &p->trace[i];
    const HirValue *v = &p->k->v[t->value];
    const HirLayer *layer = &p->k->layer[t->layer];
    int frac = layer->frac[t->element], kind = p->kind[t->value], row;
    if (v->op == HIR_IN) {
      kind = 4, row = v->imm;
    } else if (v->op == HIR_CONST) {
      kind = 5, row = n_constants++;
      buf_printf(&constants, "%s%.17g", row ? ", " : "", (double)v->lo);
    } else {
      row = p->slot[kind][t->value];
    }
    buf_printf(b, "%s{%d, %d, %d, 0x1p%d, %lld},", i % 6 ? " " : "\n  ", first[t->layer] + t->element, kind, row, -frac,
               layer->offset ? (long long)layer->offset[t->element] : 0);
  }
  buf_printf(b, "};\nstatic const double %s_trace_constants[] = {%s};\n", top, n_constants ? constants.s : "0");
  buf_printf(b,
             "\nstatic void %s_trace_some(const %s_mem *m, size_t first, size_t n, double *trace, size_t samples) {\n  size_t i, l;\n  for "
             "(i = first; "
             "i < first + n; i++) {\n    const %s_trace_item *t = &%s_trace_items[i];\n    for (l = 0; l < samples; l++) {\n      double "
             "v;\n      "
             "switch (t->kind) {\n",
             top, top, top, top);
  for (int q = 0; q < LANE_KINDS; q++)
    if (p->n_slots[q])
      buf_printf(b, "      case %d: v = (double)m->%s[t->row][l]; break;\n", q, site_of_trace[q]);
  buf_printf(b, "      case 4: v = (double)m->in[t->row][l]; break;\n      default: v = %s_trace_constants[t->row]; break;\n      }\n",
             top);
  buf_printf(b, "      trace[l * %s_TRACE + t->at] = (v - t->offset) * t->step;\n    }\n  }\n}\n", top);
}

static void print_steps(Buf *b, const CPlan *p, const char *top, const char *name) {
  Part t = {.p = p, .top = top, .name = name, .layer = -1};
  t.seen = mem_array((size_t)p->n + 1, sizeof *t.seen);
  for (t.step = 0; t.step < p->n_steps; t.step++)
    if (p->step[t.step].is_sum)
      sums(b, &t);
    else
      statements(b, &t);
}

void c_body(Buf *b, const CPlan *p, const char *top) {
  tables(b, p, top);
  memory(b, p, top);
  print_steps(b, p, top, top);
  traces(b, p, top);
  buf_printf(b, "\n/* The network, for the samples in m->in. */\nstatic void %s_block(%s_mem *m, double *trace, size_t samples) {\n", top,
             top);
  buf_puts(b, "  (void)samples;\n");
  for (int s = 0; s < p->n_steps; s++) {
    buf_printf(b, "  %s_step%d(m);\n", top, s);
    if (p->step[s].n_trace)
      buf_printf(b, "  if (trace)\n    %s_trace_some(m, %d, %d, trace, samples);\n", top, p->step[s].trace, p->step[s].n_trace);
  }
  buf_puts(b, "  (void)trace;\n}\n");
}

/* ---- a part of a streaming design ---- */

static void part_memory(Buf *b, const CPlan *p, const char *top) {
  const CPart *part = p->part;
  buf_puts(b, "\ntypedef struct {\n");
  if (part->scattered)
    buf_puts(b, "  const void *const *in; /* rows, group after group */\n");
  else
    buf_printf(b, "  const %s_m%d *in;\n", top, c_bits(part->in_kind[0]));
  buf_printf(b, "  %s_m%d *out;\n  size_t groups;\n  uint32_t (*count)[%s_LANES];\n", top, c_bits(p->out_kind), top);
  for (int q = 0; q < LANE_KINDS; q++)
    if (p->n_slots[q])
      buf_printf(b, "  %s_ALIGN %s_m%d w%d[%d][%s_LANES];\n", top, top, c_bits(q), c_bits(q), p->n_slots[q], top);
  buf_printf(b, "} %s_mem;\n", part->name);
}

void c_part(Buf *b, const CPlan *p, const char *top) {
  const char *name = p->part->name, *in = mem_printf("%d%s%s", p->k->n_in, p->part->scattered ? "" : " * ", p->part->scattered ? "" : top);
  tables(b, p, name);
  part_memory(b, p, top);
  print_steps(b, p, top, name);
  buf_printf(b, "\nstatic void %s_run(%s_mem *m) {\n", name, name);
  if (!has_slots(p)) {
    for (int s = 0; s < p->n_steps; s++)
      buf_printf(b, "  %s_step%d(m);\n", name, s);
    buf_puts(b, "}\n");
    return;
  }
  buf_printf(b, "  size_t left = m->groups;\n  m->groups = 1;\n  for (; left; left--, m->in += %s%s, m->out += %d * %s_LANES) {\n", in,
             p->part->scattered ? "" : "_LANES", p->k->n_out, top);
  for (int s = 0; s < p->n_steps; s++)
    buf_printf(b, "    %s_step%d(m);\n", name, s);
  buf_puts(b, "  }\n}\n");
}
