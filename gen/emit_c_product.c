/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_c_product.c - sums of products in the C model of a streaming design.
 *
 * 16-bit operands and weights are multiplied two at a time and added up in 32 bits. Where a whole sum is not proved to fit, it is cut into
 * partial ones that are, from the actual weights, and these are added up in 64 bits. Two products by -2^15 may be too much already: these
 * operands are taken one by one. Wider integers are multiplied in 64 bits.
 */
#include "emit_c_stream.h"

enum { SPARSE_COST = 2, SPARSE_ROW = 8 };

static int padded(const Taps *t) {
  return t->channels == 1 ? 1 : (t->channels + 1) / 2;
}

/* Whether the two products fit 32 bits together, in every channel. */
static bool fit(const CUnit *u, int first) {
  for (int r = 0; r < u->u->m; r++) {
    i128 lo, hi;
    stream_sum_range(u->u, r, first, 2, &lo, &hi);
    if (lo < INT32_MIN || hi > INT32_MAX)
      return false;
  }
  return true;
}

/* Pairs of operands in the order of the panel, without those whose weights are all 0. */
static void make_pairs(CUnit *u) {
  const Taps *t = &u->u->taps;
  int per_col = padded(t); /* words */
  bool single = t->channels == 1, dense = t->col_dilation == 1 || t->kernel_cols == 1;
  u->panel_rows = (t->out_rows - 1) * t->row_step + (t->kernel_rows - 1) * t->row_dilation + 1;
  u->panel_cols = (t->out_cols - 1) * t->col_step + (t->kernel_cols - 1) * t->col_dilation + 1;
  u->step = single ? 2 : 1;
  int pitch = u->panel_cols * per_col;
  u->row_words = pitch * t->row_step, u->col_words = per_col * t->col_step;
  u->pair = mem_array(2 * (size_t)t->kernel_rows * (size_t)t->kernel_cols * (size_t)per_col + 1, sizeof *u->pair);
  for (int ky = 0; ky < t->kernel_rows; ky++)
    for (int kx = 0; kx < t->kernel_cols; kx += single && dense ? 2 : 1)
      for (int c = 0; c < t->channels; c += 2) {
        int first = (ky * t->kernel_cols + kx) * t->channels + c;
        bool both = single ? dense && kx + 1 < t->kernel_cols : c + 1 < t->channels;
        CPair p = {ky * t->row_dilation * pitch + kx * t->col_dilation * per_col + c / 2, {first, both ? first + 1 : -1}};
        bool used = false;
        for (int r = 0; r < u->u->m && !used; r++) {
          const int32_t *w = u->u->w + (size_t)r * (size_t)u->u->n;
          used = w[first] || (both && w[first + 1]);
        }
        if (!used)
          continue;
        if (both && u->sum_kind == 2 && !fit(u, first)) {
          u->pair[u->n_pairs++] = (CPair){p.at, {first, -1}};
          p.operand[0] = -1;
        }
        u->pair[u->n_pairs++] = p;
      }
}

/* Cuts the pairs so that no channel's partial sum can leave 32 bits. */
static void make_parts(CUnit *u) {
  int m = u->u->m;
  i128 *lo = mem_array((size_t)m, sizeof *lo), *hi = mem_array((size_t)m, sizeof *hi);
  u->part = mem_array((size_t)u->n_pairs + 2, sizeof *u->part);
  u->n_parts = 1;
  for (int i = 0; i < u->n_pairs && u->sum_kind == 2; i++) {
    bool fits = true;
    for (int pass = 0; pass < 2; pass++) { /* with the others, or as the first of a new part */
      for (int r = 0; r < m; r++)
        for (int j = 0; j < 2; j++) {
          i128 l = 0, h = 0;
          if (u->pair[i].operand[j] >= 0)
            stream_sum_range(u->u, r, u->pair[i].operand[j], 1, &l, &h);
          lo[r] += l, hi[r] += h;
          fits &= lo[r] >= INT32_MIN && hi[r] <= INT32_MAX;
        }
      if (fits || pass)
        break;
      u->part[u->n_parts++] = i;
      memset(lo, 0, (size_t)m * sizeof *lo);
      memset(hi, 0, (size_t)m * sizeof *hi);
    }
  }
  u->part[u->n_parts] = u->n_pairs;
}

static int32_t weight(const CUnit *u, int row, int operand) {
  return operand < 0 ? 0 : u->u->w[(size_t)row * (size_t)u->u->n + (size_t)operand];
}

static bool used(const CUnit *u, int row, const CPair *p) {
  return weight(u, row, p->operand[0]) || weight(u, row, p->operand[1]);
}

/* Measured with 512-bit vectors: a listed word takes SPARSE_COST times as long as one in its turn, where eight channels share the load. */
static bool is_sparse(const CUnit *u) {
  int64_t listed = 0, all = (int64_t)u->n_pairs * u->u->m;
  for (int r = 0; r < u->u->m; r++)
    for (int i = 0; i < u->n_pairs; i++)
      listed += used(u, r, &u->pair[i]);
  return listed * SPARSE_COST + SPARSE_ROW * u->u->m < all;
}

void c_plan_product(CUnit *u, int in_kind) {
  const Unit *q = u->u;
  int32_t least = 0, most = 0;
  for (int i = 0; i < q->m * q->n; i++) {
    least = q->w[i] < least ? q->w[i] : least;
    most = q->w[i] > most ? q->w[i] : most;
  }
  u->weight_bits = least >= INT8_MIN && most <= INT8_MAX ? 8 : least >= INT16_MIN && most <= INT16_MAX ? 16 : 32;
  u->sum_kind = 1;
  for (int i = 0; i < u->k->n; i++)
    if (u->k->v[i].op == HIR_IN && c_kind_of(u->k->v[i].lo, u->k->v[i].hi) > 1)
      u->sum_kind = 2;
  u->paired = in_kind == 0 && u->weight_bits <= 16 && q->taps.pad >= INT16_MIN && q->taps.pad <= INT16_MAX;
  if (!u->paired) {
    u->sum_kind = 2, u->weight_bits = 32;
    return;
  }
  make_pairs(u);
  make_parts(u);
  u->sparse = is_sparse(u);
  u->narrow = u->weight_bits == 8 && q->out->rows * q->out->cols < 4;
}

/* ---- text ---- */

static void list_number(Buf *b, int at, const char *text) {
  buf_printf(b, "%s%s,", at % 24 ? " " : "\n  ", text);
}

static void bias_table(Buf *b, const CUnit *u) {
  buf_printf(b, "static const int%d_t %s_bias[] = {", u->sum_kind == 1 ? 32 : 64, u->name);
  for (int r = 0; r < u->u->m; r++) {
    buf_puts(b, r % 16 ? " " : "\n  ");
    c_number(b, u->sum_kind, u->u->bias[r]);
    buf_puts(b, ",");
  }
  for (int r = u->u->m; r % 8; r++) /* read eight at a time */
    buf_puts(b, " 0,");
  buf_puts(b, "};\n");
}

static void wide_tables(Buf *b, const CUnit *u) {
  const Unit *q = u->u;
  buf_printf(b, "static const int32_t %s_weight[] = {", u->name);
  for (int i = 0; i < q->m * q->n; i++)
    list_number(b, i, q->w[i] == INT32_MIN ? "-2147483647 - 1" : mem_printf("%d", q->w[i]));
  buf_puts(b, "};\n");
}

/* Runs of words that are `step` apart; a partial sum begins a new one. */
static int runs(Buf *b, const CUnit *u, int part) {
  int n = 0;
  for (int i = u->part[part]; i < u->part[part + 1];) {
    int many = 1;
    while (i + many < u->part[part + 1] && u->pair[i + many].at == u->pair[i].at + many * u->step)
      many++;
    if (b)
      buf_printf(b, "%s{%d, %d}", n ? ", " : "", u->pair[i].at, many);
    n++, i += many;
  }
  return n;
}

static bool short_runs(const CUnit *u, int part) {
  int n = runs(NULL, u, part);
  return n > 1 && u->part[part + 1] - u->part[part] < 10 * n;
}

/* Weights as nn_product_16 reads them: by part, by eight channels, by word. */
static void weight_table(Buf *b, const CUnit *u) {
  const Unit *q = u->u;
  int at = 0;
  buf_printf(b, "static const int%d_t %s_weight[] = {", u->weight_bits, u->name);
  for (int part = 0; part < u->n_parts; part++)
    for (int r = 0; r < q->m; r += 8)
      for (int i = u->part[part]; i < u->part[part + 1]; i++)
        for (int j = r; j < r + 8 && j < q->m; j++)
          for (int h = 0; h < 2; h++) {
            buf_printf(b, "%s%d,", at++ % 32 ? "" : "\n  ", weight(u, j, u->pair[i].operand[h]));
          }
  buf_puts(b, "\n  0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0};\n"); /* loads of eight channels may reach behind the last ones */
}

/* Part by part, channel by channel: how many words, where, and their weights. */
static void sparse_tables(Buf *b, const CUnit *u) {
  int m = u->u->m, at = 0;
  Buf count = {0}, weights = {0};
  buf_printf(b, "static const uint32_t %s_listed[] = {", u->name);
  for (int part = 0; part < u->n_parts; part++)
    for (int r = 0; r < m; r++) {
      int n = 0;
      for (int i = u->part[part]; i < u->part[part + 1]; i++)
        if (used(u, r, &u->pair[i])) {
          buf_printf(b, "%s%d,", at % 24 ? "" : "\n  ", u->pair[i].at);
          buf_printf(&weights, "%s%d,%d,", at % 16 ? "" : "\n  ", weight(u, r, u->pair[i].operand[0]), weight(u, r, u->pair[i].operand[1]));
          n++, at++;
        }
      buf_printf(&count, "%s%d,", (part * m + r) % 24 ? "" : "\n  ", n);
    }
  buf_printf(b, "%s};\nstatic const int16_t %s_listed_weight[] = {%s};\nstatic const uint32_t %s_listed_count[] = {%s};\n", at ? "" : "0",
             u->name, at ? weights.s : "0", u->name, count.s);
}

/* Words listed before a part. */
static int listed_before(const CUnit *u, int part) {
  int n = 0;
  for (int r = 0; r < u->u->m; r++)
    for (int i = 0; i < u->part[part]; i++)
      n += used(u, r, &u->pair[i]);
  return n;
}

void c_product_tables(Buf *b, const CStream *c, const CUnit *u) {
  const Taps *t = &u->u->taps;
  if (!u->paired) {
    wide_tables(b, u);
    bias_table(b, u);
    return;
  }
  buf_printf(b, "static const %s_panel %s_panel = {%d, %d, %d, %d, %d, %d, %d, %d, %lld};\n", c->top, u->name, t->rows, t->cols,
             t->channels, t->row_first, t->col_first, u->panel_rows, u->panel_cols, u->step, (long long)t->pad);
  if (u->sparse)
    buf_printf(b, "#if %s_ALONE\n", c->top);
  for (int part = 0; part < u->n_parts; part++) {
    Buf list = {0};
    runs(&list, u, part);
    buf_printf(b, "static const uint32_t %s_run%d[][2] = {%s};\n", u->name, part, list.len ? list.s : "{0, 0}");
    if (!short_runs(u, part))
      continue;
    buf_printf(b, "#if %s_ALONE\nstatic const uint32_t %s_word%d[] = {", c->top, u->name, part);
    for (int i = u->part[part]; i < u->part[part + 1]; i++)
      buf_printf(b, "%s%d,", (i - u->part[part]) % 24 ? " " : "\n  ", u->pair[i].at);
    buf_puts(b, "};\n#endif\n");
  }
  weight_table(b, u);
  if (u->sparse) {
    buf_puts(b, "#endif\n");
    sparse_tables(b, u);
  }
  bias_table(b, u);
}

void c_product_begin(Buf *b, const CStream *c, const CUnit *u, bool alone) {
  const char *top = c->top, *x = c_edge_text(c, u->u->in[0]->edge, alone);
  int bits = c_bits(c->kind[c_edge(c, u->u->in[0]->edge)]);
  if (!u->paired)
    buf_printf(b, "  %s_fill%d((%s_m%d *)m->pad, %lld);\n", top, bits, top, bits, (long long)u->u->taps.pad);
  else if (alone)
    buf_printf(b, "  %s_pack_alone((int16_t *)m->panel, %s, &%s_panel);\n", top, x, u->name);
  else
    buf_printf(b, "  %s_pack(m->panel, %s, &%s_panel);\n", top, x, u->name);
  if (u->paired && u->weight_bits == 8 && !u->narrow && !alone && !u->sparse)
    buf_printf(b, "  %s_widen(m->weight, %s_weight, sizeof %s_weight - 16);\n", top, u->name, u->name);
}

/* Of one position. */
static void wide_sums(Buf *b, const CStream *c, const CUnit *u, bool alone) {
  const Unit *q = u->u;
  const char *top = c->top, *x = c_edge_text(c, q->in[0]->edge, alone);
  int bits = c_bits(c->kind[c_edge(c, q->in[0]->edge)]);
  buf_printf(b, "      %s_window(m->row, %s, m->pad, &%s_taps, %s, at + p);\n", top, x, u->name, c_row_bytes(c, bits, alone));
  buf_printf(b, "      %s_%s%d(m->row, %d, %s_weight, %s_bias, %d, m->sum64 + p * %d%s);\n", top, alone ? "wide_alone" : "product_wide",
             bits, q->n, u->name, u->name, q->m, q->m, alone ? "" : mem_printf(" * %s_LANES", top));
}

void c_product_sums(Buf *b, const CStream *c, const CUnit *u, bool alone) {
  const Unit *q = u->u;
  const Taps *t = &q->taps;
  const char *top = c->top, *lanes = alone ? "" : mem_printf(" * %s_LANES", top), *suffix = alone ? "_alone" : "";
  const char *word = alone ? "int16_t" : "uint32_t", *panel = alone ? "(const int16_t *)m->panel" : "m->panel";
  const char *weight = u->weight_bits == 8 && !u->narrow && !alone ? "m->weight" : mem_printf("%s_weight", u->name);
  buf_puts(b, "    for (p = 0; p < n; p++) {\n");
  if (!u->paired) {
    wide_sums(b, c, u, alone);
    buf_puts(b, "    }\n");
    return;
  }
  if (t->out_rows * t->out_cols == 1)
    buf_printf(b, "      const %s *x = %s;\n", word, panel);
  else
    buf_printf(b, "      const %s *x = %s + ((at + p) / %d * %d + (at + p) %% %d * %d)%s;\n", word, panel, t->out_cols, u->row_words,
               t->out_cols, u->col_words, alone ? " * 2" : lanes);
  for (int part = 0; part < u->n_parts; part++) {
    int words = u->part[part + 1] - u->part[part];
    const char *list = !alone ? "" : short_runs(u, part) ? mem_printf("%s_word%d, ", u->name, part) : "NULL, ";
    const char *args = mem_printf("x, %s_run%d, %d, %d, %s%d, %s + %lld", u->name, part, runs(NULL, u, part), u->step, list, words, weight,
                                  2LL * u->part[part] * q->m);
    const char *product = u->sparse && !alone ? "sparse" : mem_printf("%d%s", alone ? u->weight_bits : u->narrow ? 8 : 16, suffix);
    if (u->sparse && !alone) {
      int before = listed_before(u, part);
      args = mem_printf("x, %s_listed_count + %d, %s_listed + %d, %s_listed_weight + %d", u->name, part * q->m, u->name, before, u->name,
                        2 * before);
    }
    const char *wide = u->narrow && !alone && !u->sparse ? ", m->weight" : "";
    if (u->sum_kind == 1)
      buf_printf(b, "      %s_product_%s(%s, %s_bias, %d, m->sum32 + p * %d%s%s);\n", top, product, args, u->name, q->m, q->m, lanes, wide);
    else
      buf_printf(b, "      %s_product_%s(%s, NULL, %d, m->part%s);\n      %s_add_parts%s(m->sum64 + p * %d%s, m->part, %s_bias, %d, %d);\n",
                 top, product, args, q->m, wide, top, suffix, q->m, lanes, u->name, part == 0, q->m);
  }
  buf_puts(b, "    }\n");
}
