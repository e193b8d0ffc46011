/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_c_alone.c - the units of a streaming design for a sample alone: lanes that would hold other samples hold channels or positions.
 */
#include "emit_c_stream.h"

static int kind_of(const CStream *c, const Edge *e) {
  return c->kind[c_edge(c, e)];
}

/* One sum after the other is one lane after the other. */
static void finish_flat(Buf *b, const CStream *c, const CUnit *u) {
  const char *top = c->top, *name = u->name;
  int sum = c_bits(u->sum_kind), out = c_bits(kind_of(c, u->u->out)), m = u->u->m, sites = u->k->n_sites;
  buf_printf(b,
             "    l = n * %d;\n    g = l / %s_LANES * %s_LANES;\n    k.in = m->sum%d;\n    k.out = (%s_m%d *)m->lane;\n    k.groups = l / "
             "%s_LANES;\n    %s_k_run(&k);\n    %s_count_alone(m->count + %d, m->some, %d, %s_LANES);\n",
             m, top, top, sum, top, out, top, name, top, u->first_site, sites, top);
  buf_printf(b,
             "    if (g < l) {\n      for (p = l; p < g + %s_LANES; p++)\n        m->sum%d[p] = m->sum%d[l - 1];\n      k.in = m->sum%d + "
             "g;\n      k.out = (%s_m%d *)m->lane + g;\n      k.groups = 1;\n      %s_k_run(&k);\n      %s_count_alone(m->count + %d, "
             "m->some, %d, l - g);\n    }\n",
             top, sum, sum, sum, top, out, name, top, u->first_site, sites);
  buf_printf(b, "    memcpy(y + at * %d, m->lane, l * sizeof *y);\n", u->u->out->channels);
}

/* A group of channels, or a position, a lane. */
static void finish_rows(Buf *b, const CStream *c, const CUnit *u) {
  const Unit *q = u->u;
  const char *top = c->top;
  bool product = q->meaning == MEANS_PRODUCT;
  int n_in = u->k->n_in, n_out = u->k->n_out, out = c_bits(kind_of(c, q->out)), first = 0;
  const char *results = mem_printf("(%s_m%d *)(m->lane + %d * %s_LANES)", top, out, n_in, top);
  buf_printf(b, "    for (g = 0; g < n * %d; g += %s_LANES) {\n      l = n * %d - g < %s_LANES ? n * %d - g : %s_LANES;\n",
             product ? q->m / q->finish_n : 1, top, product ? q->m / q->finish_n : 1, top, product ? q->m / q->finish_n : 1, top);
  if (product) {
    int sum = c_bits(u->sum_kind);
    buf_printf(
        b,
        "      for (p = 0; p < %d; p++)\n        %s_strided_alone%d((%s_m%d *)m->lane + p * %s_LANES, m->sum%d + g * %d + p, %d, l);\n"
        "      k.in = (%s_m%d *)m->lane;\n",
        n_in, top, sum, top, sum, top, sum, n_in, n_in, top, sum);
  }
  for (int i = 0; i < q->n_in && !product; i++) {
    int bits = c_bits(kind_of(c, q->in[i]->edge)), rows = q->n_in == 1 ? n_in : q->in[i]->edge->channels;
    buf_printf(
        b,
        "      for (p = %d; p < %d; p++) {\n        %s_gather_alone%d((%s_m%d *)(m->lane + p * %s_LANES), m->row + g * %d + p, %d, l);\n"
        "        m->row[%s_LANES * %d + p] = m->lane + p * %s_LANES;\n      }\n",
        first, first + rows, top, bits, top, bits, top, n_in, n_in, top, n_in, top);
    first += rows;
  }
  if (!product)
    buf_printf(b, "      k.in = m->row + %s_LANES * %d;\n", top, n_in);
  buf_printf(b,
             "      k.out = %s;\n      k.groups = 1;\n      %s_k_run(&k);\n      %s_count_alone(m->count + %d, m->some, %d, l);\n      "
             "%s_scatter_alone%d(y + at * %d + g * %d, %s, %d, l);\n    }\n",
             results, u->name, top, u->first_site, u->k->n_sites, top, out, q->out->channels, n_out, results, n_out);
}

static void pointers(Buf *b, const CStream *c, const CUnit *u) {
  const Unit *q = u->u;
  int first = 0;
  buf_puts(b, "    for (p = 0; p < n; p++) {\n");
  for (int i = 0; i < q->n_in; i++) {
    const Edge *e = q->in[i]->edge;
    buf_printf(b, "      %s_window(m->row + p * %d + %d, %s, m->pad, &%s, %s, at + p);\n", c->top, u->k->n_in, first,
               c_edge_text(c, e, true), c_taps_name(u, i), c_row_bytes(c, c_bits(kind_of(c, e)), true));
    first += e->channels;
  }
  buf_puts(b, "    }\n");
}

void c_unit_alone(Buf *b, const CStream *c, const CUnit *u) {
  const Unit *q = u->u;
  const char *top = c->top;
  int out = c_bits(kind_of(c, q->out)), positions = q->out->rows * q->out->cols;
  bool product = q->meaning == MEANS_PRODUCT, flat = product && u->k->n_in == 1 && u->k->n_out == 1;
  buf_printf(b, "\n#if %s_ALONE\n%s_STEP void %s_alone(%s_mem *m) {\n  %s_m%d *y = %s;\n", top, top, u->name, top, top, out,
             c_edge_text(c, q->out, true));
  if (q->meaning == MEANS_MOVE) {
    buf_printf(b, "  %s_move_alone%d(y, %s, %s_from, %d);\n}\n#endif\n", top, out, c_edge_text(c, q->in[0]->edge, true), u->name,
               positions * q->out->channels);
    return;
  }
  buf_printf(b, "  %s_k_mem k;\n  size_t at, n, p, g, l;\n", u->name);
  if (product) {
    c_product_begin(b, c, u, true);
  } else {
    int bits = c_bits(kind_of(c, q->in[0]->edge));
    buf_printf(b, "  %s_fill%d((%s_m%d *)m->pad, %lld);\n", top, bits, top, bits, q->n_in == 1 ? (long long)q->taps.pad : 0);
  }
  const char *batch = product ? mem_printf("%d", u->batch) : mem_printf("%s_LANES", top);
  buf_printf(b, "  k.count = m->some;\n  for (at = 0; at < %d; at += n) {\n    n = %d - at < %s ? %d - at : %s;\n", positions, positions,
             batch, positions, batch);
  if (product)
    c_product_sums(b, c, u, true);
  else
    pointers(b, c, u);
  if (flat)
    finish_flat(b, c, u);
  else
    finish_rows(b, c, u);
  buf_puts(b, "  }\n}\n#endif\n");
}
