/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_c_unit.c - one C function a unit of a streaming design.
 */
#include "emit_c_stream.h"
#include <stdlib.h>

enum { BATCH_ROWS = 256 }; /* sums that are finished together: as many as stay in the first cache */

static bool is_product(const CUnit *u) {
  return u->u->meaning == MEANS_PRODUCT;
}

static int out_positions(const Unit *u) {
  return u->out->rows * u->out->cols;
}

static int operand_rows(const Unit *u) {
  int n = 0;
  if (u->n_in == 1)
    return u->taps.kernel_rows * u->taps.kernel_cols * u->taps.channels;
  for (int i = 0; i < u->n_in; i++)
    n += u->in[i]->edge->channels;
  return n;
}

CUnit c_plan_unit(const CStream *c, const Unit *q, int number) {
  CUnit u = {.name = mem_printf("%s_unit%d", c->top, number), .u = q};
  const Kernel *k = q->meaning == MEANS_PRODUCT ? q->finish : q->meaning == MEANS_KERNEL ? q->plain : NULL;
  u.batch = out_positions(q);
  if (k && hir_has(k, HIR_QUANT)) {
    Kernel *plain = hir_expand(hir_round(k));
    hir_affine(plain, false);
    k = hir_clean(plain);
  }
  u.k = k;
  if (is_product(&u))
    c_plan_product(&u, c->kind[c_edge(c, q->in[0]->edge)]);
  int rows = is_product(&u) ? q->m : k ? operand_rows(q) : 1, most = rows < BATCH_ROWS ? BATCH_ROWS / rows : 1;
  u.batch = most < u.batch ? most : u.batch;
  return u;
}

/* ---- text ---- */

static void taps_table(Buf *b, const CStream *c, const char *name, const Taps *t) {
  buf_printf(b, "static const %s_taps %s = {%d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d};\n", c->top, name, t->rows, t->cols,
             t->channels, t->kernel_rows, t->kernel_cols, t->row_first, t->col_first, t->row_step, t->col_step, t->row_dilation,
             t->col_dilation, t->out_cols);
}

/* The position itself. */
static Taps point(const Edge *e) {
  return (Taps){.rows = e->rows,
                .cols = e->cols,
                .channels = e->channels,
                .kernel_rows = 1,
                .kernel_cols = 1,
                .row_step = 1,
                .col_step = 1,
                .row_dilation = 1,
                .col_dilation = 1,
                .out_rows = e->rows,
                .out_cols = e->cols};
}

static Taps taps_of(const Unit *u, int input) {
  return u->n_in == 1 ? u->taps : point(u->in[input]->edge);
}

const char *c_taps_name(const CUnit *u, int input) {
  return input ? mem_printf("%s_taps%d", u->name, input) : mem_printf("%s_taps", u->name);
}

static void kernel(Buf *b, const CStream *c, const CUnit *u) {
  const Unit *q = u->u;
  uint8_t *in_kind = mem_array((size_t)u->k->n_in + 1, 1);
  for (int i = 0; i < u->k->n_in && is_product(u); i++)
    in_kind[i] = (uint8_t)u->sum_kind;
  for (int i = 0, at = 0; i < q->n_in && !is_product(u); i++) {
    int n = q->n_in == 1 ? u->k->n_in : q->in[i]->edge->channels;
    memset(in_kind + at, c->kind[c_edge(c, q->in[i]->edge)], (size_t)n);
    at += n;
  }
  CPart *part = mem_alloc(sizeof *part);
  *part = (CPart){mem_printf("%s_k", u->name), !is_product(u), in_kind, c->kind[c_edge(c, q->out)]};
  c_part(b, c_plan(u->k, part), c->top);
}

static void move(Buf *b, const CStream *c, const CUnit *u) {
  const Unit *q = u->u;
  int n = out_positions(q) * q->out->channels, bits = c_bits(c->kind[c_edge(c, q->out)]);
  buf_printf(b, "static const int32_t %s_from[%d] = {", u->name, n);
  for (int i = 0; i < n; i++)
    buf_printf(b, "%s%d,", i % 24 ? "" : "\n  ", q->from[i]);
  buf_printf(b, "};\n\n%s_STEP void %s(%s_mem *m) {\n  %s_m%d *y = %s;\n  %s_move%d(y, %s, %s_from, %d);\n}\n", c->top, u->name, c->top,
             c->top, bits, c_edge_text(c, q->out, false), c->top, bits, c_edge_text(c, q->in[0]->edge, false), u->name, n);
}

/* Where each operand's row is, position after position. */
static void pointers(Buf *b, const CStream *c, const CUnit *u) {
  const Unit *q = u->u;
  int first = 0;
  buf_puts(b, "    for (p = 0; p < n; p++) {\n");
  for (int i = 0; i < q->n_in; i++) {
    const Edge *e = q->in[i]->edge;
    buf_printf(b, "      %s_window(m->row + p * %d + %d, %s, m->pad, &%s, %s, at + p);\n", c->top, u->k->n_in, first,
               c_edge_text(c, e, false), c_taps_name(u, i), c_row_bytes(c, c_bits(c->kind[c_edge(c, e)]), false));
    first += q->in[i]->edge->channels;
  }
  buf_puts(b, "    }\n");
}

void c_unit(Buf *b, const CStream *c, const CUnit *u) {
  const Unit *q = u->u;
  const char *top = c->top;
  int out_bits = c_bits(c->kind[c_edge(c, q->out)]), positions = out_positions(q);
  buf_printf(b, "\n/* ---- %s: %s ---- */\n\n", c_comment(q->name), c_comment(q->op));
  if (q->meaning == MEANS_MOVE) {
    move(b, c, u);
    return;
  }
  if (is_product(u))
    c_product_tables(b, c, u);
  for (int i = 0; i < q->n_in && !(is_product(u) && u->paired); i++) {
    Taps t = taps_of(q, i);
    taps_table(b, c, c_taps_name(u, i), &t);
  }
  kernel(b, c, u);
  buf_printf(b, "\n%s_STEP void %s(%s_mem *m) {\n  %s_m%d *y = %s;\n  %s_k_mem k;\n  size_t at, n, p;\n", top, u->name, top, top, out_bits,
             c_edge_text(c, q->out, false), u->name);
  if (is_product(u)) {
    c_product_begin(b, c, u, false);
  } else {
    int bits = c_bits(c->kind[c_edge(c, q->in[0]->edge)]);
    buf_printf(b, "  %s_fill%d((%s_m%d *)m->pad, %lld);\n", top, bits, top, bits, q->n_in == 1 ? (long long)q->taps.pad : 0);
  }
  buf_printf(b, "  k.count = m->count + %d;\n  for (at = 0; at < %d; at += n) {\n    n = %d - at < %d ? %d - at : %d;\n", u->first_site,
             positions, positions, u->batch, positions, u->batch);
  if (is_product(u))
    c_product_sums(b, c, u, false);
  else
    pointers(b, c, u);
  if (is_product(u))
    buf_printf(b, "    k.in = m->sum%d;\n    k.groups = n * %d;\n", c_bits(u->sum_kind), q->m / q->finish_n);
  else
    buf_puts(b, "    k.in = m->row;\n    k.groups = n;\n");
  buf_printf(b, "    k.out = y + at * %d * %s_LANES;\n    %s_k_run(&k);\n  }\n}\n", q->out->channels, top, u->name);
}
