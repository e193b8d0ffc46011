/* SPDX-License-Identifier: Apache-2.0
 *
 * search_tape_cost.c - what the hardware of a tape costs, before its adder graphs are built: digits times width, LUTs of tables.
 */
#include "search_tape.h"
#include "rdo.h"
#include <math.h>
#include <stdlib.h>

#define CLAMP_LUT 0.8   /* a bit (hir_cells.c) */
#define FOLD_LUT 1.4    /* a bit that is negated, or not */
#define PRODUCT_LUT 0.5 /* a bit by a bit: multipliers are blocks of their own where they are wide */

/* ---- tables ---- */

static double luts_of(int64_t from, int bits, const int64_t *word, int64_t n) {
  HirTable table = {.entries = 1 << bits, .word = mem_scratch((size_t)1 << bits, sizeof(int64_t))};
  int64_t least = 0, most = 0;
  for (int64_t a = 0; a < table.entries; a++) { /* as make_table of lower_table.c has them */
    int64_t i = (a - from) & (table.entries - 1);
    table.word[a] = word[i < n ? i : n - 1];
    least = table.word[a] < least ? table.word[a] : least, most = table.word[a] > most ? table.word[a] : most;
  }
  double luts = hir_table_luts(&table, hir_width_of(least, most));
  free(table.word);
  return luts;
}

/* As split_table of lower_table.c makes it: inverters and adders with one constant operand go into LUTs that are there. */
static double luts_of_split(const TableSplit *s, int W) {
  double luts = luts_of(0, s->bits - s->low, s->base, 1 << (s->bits - s->low)) + FOLD_LUT * (W + s->bits);
  for (int i = 0; i < s->n_parts; i++) {
    const TablePart *p = &s->part[i];
    int64_t most = 1;
    for (int k = 0; k < 1 << (p->region + p->bits); k++)
      most = p->word[k] > most ? p->word[k] : most;
    luts += luts_of(0, p->region + p->bits, p->word, 1 << (p->region + p->bits));
    luts += i == 0 ? W - 1 + TABLE_GUARD : hir_width_of(0, 2 * most);
  }
  return luts;
}

static double words_of(TapeWords *w, const TableJob *j) {
  TableSplit s;
  int bits = 1;
  if (!w->shape.low) {
    table_flat(j, &w->from, &w->to);
  } else {
    if (!table_split(j, w->shape.low - 1, &s))
      return INFINITY;
    w->from = -1 - s.to, w->to = s.to;
  }
  int64_t n = w->to - w->from + 1;
  while (((int64_t)1 << bits) < n)
    bits++;
  int64_t *word = mem_scratch((size_t)n, sizeof *word);
  w->word = mem_array((size_t)n, 8);
  for (int64_t i = 0; i < n; i++) {
    word[i] = w->shape.low ? table_split_word(&s, w->from + i) : table_rounded(j, w->from + i);
    w->word[i] = ldexp((double)word[i], -j->frac);
  }
  double luts = CLAMP_LUT * bits + (w->shape.low ? luts_of_split(&s, w->fmt.W) : luts_of(w->from, bits, word, n));
  free(word);
  return luts;
}

const TapeWords *tape_words(Tape *t, const TapeGroup *g) {
  for (int i = t->n_words - 1; i >= 0; i--) {
    TapeWords *w = t->words[i];
    if (w->table == g->table && w->shape.places == g->shape.places && w->shape.low == g->shape.low && w->fmt.W == g->fmt.W &&
        w->fmt.I == g->fmt.I)
      return w;
  }
  t->words = mem_grow(t->words, t->n_words, &t->cap_words, sizeof *t->words);
  TapeWords *w = t->words[t->n_words++] = mem_alloc(sizeof *w);
  *w = (TapeWords){.table = g->table, .shape = g->shape, .fmt = g->fmt};
  TapeTable *f = &t->table[g->table];
  int places = g->shape.places, reach = TABLE_REACH << (places + 1);
  if (!f->value[places]) {
    f->value[places] = mem_array(2 * (size_t)reach + 1, 8);
    for (int i = -reach; i <= reach; i++)
      f->value[places][i + reach] = table_value(&f->fn, ldexp(i, -places - 1));
  }
  TableJob job = {f->value[places] + reach, places, g->fmt.W - g->fmt.I, t->half, (double)format_min(g->fmt), (double)format_max(g->fmt)};
  w->luts = words_of(w, &job);
  return w;
}

static int magnitude(const Tape *t, int slot) {
  return format_fit(20, (double)t->lo[slot], (double)t->hi[slot]);
}

/* Width of each slot: that of its format, or of what is proved to be about its range. */
static void widths(const Tape *t, int *width) {
  for (int s = 0; s < t->n_slots; s++)
    t->frac[s] = 0, width[s] = 0;
  for (int e = 0; e < t->n_in; e++)
    if (t->in_group[e] >= 0) {
      Format f = t->group[t->in_group[e]].fmt;
      width[t->in[e]] = f.W, t->frac[t->in[e]] = f.W - f.I;
    }
  for (int k = 0; k < t->n_instr; k++) {
    const TapeInstr *i = &t->instr[k];
    int frac = 0;
    if (i->op == TAPE_ANY)
      continue;
    if (i->group >= 0) {
      Format f = t->group[i->group].fmt;
      t->frac[i->out] = f.W - f.I, width[i->out] = f.W;
      continue;
    }
    if (i->op == TAPE_MUL)
      frac = t->frac[i->a] + t->frac[i->b];
    else if (i->op == TAPE_FN)
      frac = t->frac[i->a];
    for (int j = i->first; i->op == TAPE_DOT && j < i->first + i->n; j++) {
      const TapeParam *p = &t->param[t->term[j].param];
      int64_t q = (int64_t)p->q;
      int places = t->frac[t->term[j].slot] - (int)lround(log2(p->step));
      while (q && !(q & 1))
        q >>= 1, places--;
      frac = q && places > frac ? places : frac;
    }
    t->frac[i->out] = frac;
    int w = magnitude(t, i->out) + frac;
    width[i->out] = w > 1 ? w : 1;
  }
}

double tape_cost(Tape *t, double *price) {
  int *width = mem_scratch((size_t)t->n_slots, sizeof *width), *column = mem_scratch((size_t)t->n_params, sizeof *column);
  double cost = 0;
  widths(t, width);
  for (int i = 0; i < t->n_searched; i++)
    column[t->searched[i]] = i + 1;
  for (int i = 0; price && i < t->n_searched; i++)
    price[i] = 0;
  for (int k = t->hardware; k < t->n_instr; k++) {
    const TapeInstr *i = &t->instr[k];
    if (i->op == TAPE_DOT)
      for (int j = i->first, seen = 0; j < i->first + i->n; j++) {
        TapeTerm term = t->term[j];
        int w = width[term.slot];
        if (w == 0)
          continue;
        bool plain = term.param < TAPE_FIRST; /* a sum of two: one adder */
        if (!plain || seen)
          cost += rdo_digits((int64_t)t->param[term.param].q) * (w + 2);
        seen = 1;
        if (price && column[term.param])
          price[column[term.param] - 1] += w + 2;
      }
    else if (i->op == TAPE_MUL)
      cost += PRODUCT_LUT * width[i->a] * width[i->b];
    else if (i->op == TAPE_FN && i->table >= 0)
      cost += t->group[i->group].fmt.W ? tape_words(t, &t->group[i->group])->luts : 0;
    else if (i->op == TAPE_FN && op_info[i->node->op].kind == KIND_TABLE && i->group >= 0)
      cost += t->group[i->group].fmt.W * 8; /* addresses follow the word */
    if (i->group >= 0 && i->op != TAPE_FN)
      cost += CLAMP_LUT * t->group[i->group].fmt.W;
  }
  free(width), free(column);
  return cost;
}
