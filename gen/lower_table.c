/* SPDX-License-Identifier: Apache-2.0
 *
 * lower_table.c - one-variable functions: an exact linear part (Elu, Gelu, Softplus, ...: slope 0 or 1 on either side) plus a table of what
 * deviates from it. The argument is rounded to the table's address step and limited to the table's range; both are chosen so that the worst
 * error over everything the argument is proved to reach is least, and that error is printed in the table's comment.
 */
#include "lower.h"
#include "table_split.h"
#include <math.h>
#include <stdlib.h>

enum { TABLE_BITS = 10, GUARD = 2 };

typedef struct {
  int frac;       /* address step 2^-frac */
  int64_t ql, qh; /* first and last address */
  double error;   /* worst |table - function| */
} Range;

/* What is tabulated, and for what: f on [lo, hi], words of out_frac places, limited to the output's format where nothing is added
 * afterwards. */
typedef struct {
  TableFn f;
  double lo, hi;
  int out_frac;
  bool limited;
  double least, most;
} Job;

static double job_value(const Job *j, double x) {
  double v = table_value(&j->f, x);
  return j->limited ? fmin(fmax(v, j->least), j->most) : v;
}

static double job_word(const Job *j, double x) {
  return ldexp(floor(ldexp(job_value(j, x), j->out_frac) + 0.5), -j->out_frac);
}

/* Where the function becomes flat (to the word) towards an end: walks inwards over points whose spacing grows with |x|. */
static double flat_until(const Job *j, double end, double other) {
  double last = job_word(j, end), at = end, dir = other > end ? 1 : -1;
  while (at * dir < other * dir) {
    double step = fmax(fabs(at) / 16, 1.0 / 64), next = fmin((at + dir * step) * dir, other * dir) * dir;
    if (job_word(j, next) != last)
      return at;
    at = next;
  }
  return at;
}

/* Worst error at the edges and the middle of every stride-th cell, and at the ends of the argument's range. */
static double range_error(const Job *j, Range r, int64_t stride) {
  double error = fmax(fabs(job_value(j, j->lo) - job_word(j, ldexp((double)r.ql, -r.frac))),
                      fabs(job_value(j, j->hi) - job_word(j, ldexp((double)r.qh, -r.frac))));
  for (int64_t q = r.ql; q <= r.qh; q += stride) {
    double w = job_word(j, ldexp((double)q, -r.frac));
    for (int i = -1; i <= 1; i++)
      error = fmax(error, fabs(job_value(j, fmin(fmax(ldexp((double)q + i * 0.5, -r.frac), j->lo), j->hi)) - w));
  }
  return error;
}

/* The best contiguous range of at most `entries` addresses at step 2^-frac; from, to: where the function is not flat. */
static Range try_step(const Job *j, double from, double to, int frac, int64_t entries) {
  Range r = {.frac = frac, .ql = (int64_t)floor(ldexp(from, frac) + 0.5), .qh = (int64_t)floor(ldexp(to, frac) + 0.5)};
  double low = job_value(j, j->lo), high = job_value(j, j->hi);
  while (r.qh - r.ql + 1 > entries) { /* drop at the end that is nearer to its limit */
    int64_t over = r.qh - r.ql + 1 - entries, cut = over > 64 ? over / 8 : 1;
    if (fabs(job_value(j, ldexp((double)(r.ql + cut), -frac)) - low) < fabs(job_value(j, ldexp((double)(r.qh - cut), -frac)) - high))
      r.ql += cut;
    else
      r.qh -= cut;
  }
  r.error = range_error(j, r, 1 + (r.qh - r.ql) / 64);
  return r;
}

/* The coarsest step whose error is within 2 % of the least. */
static Range choose(const Job *j, int x_frac, int bits) {
  double from = flat_until(j, j->lo, j->hi), to = fmax(from, flat_until(j, j->hi, j->lo));
  int first = bits - 1 - (int)ceil(log2(fmax(to - from, ldexp(1, -40))));
  if (first > x_frac)
    first = x_frac;
  Range best = try_step(j, from, to, first, (int64_t)1 << bits);
  for (int frac = first + 1; frac <= first + 6 && frac <= x_frac; frac++) {
    Range r = try_step(j, from, to, frac, (int64_t)1 << bits);
    if (r.error < 0.98 * best.error)
      best = r;
  }
  best.error = range_error(j, best, 1);
  return best;
}

/* As many address bits as --config says. By default the fewest that lose no more than a quarter of the output's step against TABLE_BITS. */
static Range choose_size(const Job *j, int x_frac, int bits, double step) {
  Range best = choose(j, x_frac, bits ? bits : TABLE_BITS);
  double enough = best.error + step / 4;
  for (int fewer = TABLE_BITS - 1; !bits && fewer >= 3; fewer--) {
    Range r = choose(j, x_frac, fewer);
    if (r.error > enough)
      break;
    best = r;
  }
  return best;
}

/* The table's words; address a stands for the argument q with q = a modulo the number of entries, so that the address is q's low bits. */
static int make_table(Lower *l, const Job *j, Range r, Round round, Format out) {
  int64_t entries = (int64_t)1 << hir_width_of(0, r.qh - r.ql);
  int64_t *w = mem_array((size_t)entries, sizeof *w);
  for (int64_t i = 0; i < entries; i++) {
    int64_t q = r.ql + ((i - r.ql) & (entries - 1));
    if (q > r.qh)
      q = r.qh;
    w[i] = table_word(&j->f, q, r.frac, j->out_frac, round);
    bool fits = true;
    if (j->limited)
      w[i] = quant_const(ldexp((double)w[i], -j->out_frac), out, round, l->overflow, &fits);
  }
  const char *name = op_info[j->f.op].name;
  const char *text = mem_printf("%s%s, arguments %.6g to %.6g in steps of 2^%d, words in steps of 2^%d, worst error %.3g", name,
                                j->limited ? "" : " less its linear part", ldexp((double)r.ql, -r.frac), ldexp((double)r.qh, -r.frac),
                                -r.frac, -j->out_frac, r.error);
  return hir_table(l->k, mem_printf("%s_%d", ident(name), l->k->n_tables), (int)entries, w, text);
}

/* Where the function is not flat to the word, at a step that is given. */
static Range at_step(const Job *j, int frac) {
  double from = flat_until(j, j->lo, j->hi), to = fmax(from, flat_until(j, j->hi, j->lo));
  int64_t entries = (int64_t)ceil(ldexp(to - from, frac)) + 2;
  return try_step(j, from, to, frac, entries);
}

/* Elements e with the format and the address of element `first`: one table, for the union of what they reach. */
static bool alike(const Tensor *y, int64_t first, int64_t e) {
  const Format *f = y->each;
  return (!f || (f[e].W == f[first].W && f[e].I == f[first].I)) &&
         (!y->table || (y->table[e].places == y->table[first].places && y->table[e].low == y->table[first].low));
}

/* Word for m, see table_split.h. */
static int split_word(Lower *l, const TableSplit *s, int m, int base, const int *part) {
  Kernel *k = l->k;
  int sum = hir_lut(k, hir_shr(k, m, s->low), base), parts = -1;
  for (int i = s->n_parts - 1; i >= 0; i--) { /* the narrow ones first */
    const TablePart *p = &s->part[i];
    int region = hir_shr(k, m, s->bits - p->region),
        index = hir_add(k, hir_wrap(k, hir_shr(k, m, p->shift), p->bits, false, -1), region, p->bits);
    int word = hir_lut(k, index, part[i]);
    parts = parts < 0 ? word : hir_add(k, parts, word, 0);
  }
  if (parts >= 0)
    sum = hir_add(k, sum, parts, 0);
  return hir_shr(k, sum, TABLE_GUARD);
}

/* Folded and in parts, see table_split.h. */
static void split_table(Lower *l, const Job *j, Format out, const Node *n, int64_t first, int flat) {
  const Tensor *Y = n->out[0];
  const TableShape shape = Y->table[first];
  Kernel *k = l->k;
  int64_t reach = (int64_t)TABLE_REACH << (shape.places + 1), most = 0;
  double *f = mem_array(2 * (size_t)reach + 1, 8);
  for (int64_t i = -reach; i <= reach; i++)
    f[i + reach] = table_value(&j->f, ldexp((double)i, -shape.places - 1));
  const TableJob job = {
      f + reach, shape.places, j->out_frac, l->round == ROUND_TRN ? 0 : 0.5, (double)format_min(out), (double)format_max(out)};
  TableSplit s;
  if (!table_split(&job, shape.low - 1, &s))
    abort(); /* the search has made it before */
  for (int64_t q = 0; q <= s.to; q++)
    most = table_split_word(&s, q) - s.centre > most ? table_split_word(&s, q) - s.centre : most;
  const char *name = op_info[j->f.op].name, *of = ident(name);
  int part[TABLE_PARTS],
      base = hir_table(k, mem_printf("%s_%d", of, k->n_tables), 1 << (s.bits - s.low), s.base,
                       mem_printf("%s above 0, arguments in steps of 2^-%d, words in steps of 2^-%d, to which others are added", name,
                                  shape.places - s.low, j->out_frac + TABLE_GUARD));
  for (int i = 0; i < s.n_parts; i++)
    part[i] = hir_table(k, mem_printf("%s_%d", of, k->n_tables), 1 << (s.part[i].region + s.part[i].bits), s.part[i].word,
                        mem_printf("%s: what %d lower bits of the argument add", name, s.part[i].bits));
  const Num *x = lower_in(l, n->in[0]);
  for (int64_t e = first; e < tensor_count(Y); e++) {
    if (!alike(Y, first, e))
      continue;
    int q = hir_quant(k, x[e].v, x[e].frac - shape.places, -1 - s.to, s.to, ROUND_TRN, OVERFLOW_SAT, flat);
    int below = hir_lt(k, q, hir_const(k, 0)), m = hir_mux(k, below, hir_sub(k, hir_const(k, -1), q, 0), q);
    hir_narrow(k, m, 0, s.to);
    int u = split_word(l, &s, hir_wrap(k, m, s.bits, false, -1), base, part), centre = hir_const(k, s.centre);
    hir_narrow(k, u, 0, most);
    lower_out(l, Y)[e] = (Num){hir_mux(k, below, hir_sub(k, centre, u, 0), hir_add(k, centre, u, 0)), j->out_frac};
  }
}

static void tabulate(Lower *l, const Node *n, int64_t first, int flat) {
  const Tensor *X = n->in[0], *Y = n->out[0];
  const Num *x = lower_in(l, X);
  Num *y = lower_out(l, Y);
  Kernel *k = l->k;
  Job j = {.f = table_fn(n), .lo = INFINITY, .hi = -INFINITY};
  Tensor one = *Y; /* all of them have this format */
  Format out = one.fmt = Y->each ? Y->each[first] : Y->fmt;
  one.each = NULL;
  int64_t count = tensor_count(Y);
  for (int64_t e = first; out.W == 0 && e < count; e++)
    if (alike(Y, first, e))
      y[e] = (Num){hir_const(k, 0), 0};
  if (out.W == 0)
    return;
  j.limited = j.f.pos == 0;
  j.out_frac = out.W - out.I + (j.limited ? 0 : GUARD);
  j.least = ldexp((double)format_min(out), -j.out_frac), j.most = ldexp((double)format_max(out), -j.out_frac);
  int frac = -1000;
  for (int64_t e = first; e < count; e++) {
    if (!alike(Y, first, e))
      continue;
    j.lo = fmin(j.lo, ldexp((double)k->v[x[e].v].lo, -x[e].frac));
    j.hi = fmax(j.hi, ldexp((double)k->v[x[e].v].hi, -x[e].frac));
    frac = x[e].frac > frac ? x[e].frac : frac;
  }
  if (n->op == OP_Reciprocal && j.lo < 0) {
    diag_error(EXIT_UNSUPPORTED, n, "its argument can be negative (down to %.4g); only positive ones are supported", j.lo);
    return;
  }
  if (n->op == OP_Log || n->op == OP_Sqrt || n->op == OP_Reciprocal) { /* outside the domain: the value at its edge */
    j.lo = fmax(j.lo, n->op == OP_Sqrt ? 0 : ldexp(1, -frac));
    j.hi = fmax(j.hi, j.lo);
  }
  bool own = Y->table && !l->lc.table_bits;
  if (own && Y->table[first].low) {
    split_table(l, &j, out, n, first, flat);
    return;
  }
  Range r = own ? at_step(&j, Y->table[first].places) : choose_size(&j, frac, l->lc.table_bits, ldexp(1, out.I - out.W));
  int table = make_table(l, &j, r, j.limited ? l->round : ROUND_RND, out);
  int entries = k->table[table].entries;
  Num slope = {hir_const(k, 1), 0};
  if (!j.limited && j.f.pos != 1)
    slope = num_const(l, j.f.pos);
  for (int64_t e = first; e < count; e++) {
    if (!alike(Y, first, e))
      continue;
    int q = hir_quant(k, x[e].v, x[e].frac - r.frac, r.ql, r.qh, l->round, OVERFLOW_SAT, flat);
    Num t = {hir_lut(k, hir_wrap(k, q, hir_width_of(0, entries - 1), false, -1), table), j.out_frac};
    Num zero = {hir_const(k, 0), 0};
    y[e] = j.limited ? t : num_quant(l, num_add(l, num_mul(l, num_max(l, x[e], zero), slope), t), &one);
  }
}

void lower_table(Lower *l, const Node *n) {
  const Tensor *Y = n->out[0];
  int flat = hir_site(l->k, n->name, true);
  for (int64_t e = 0; e < tensor_count(Y); e++) {
    int64_t first = 0;
    while (!alike(Y, first, e))
      first++;
    if (first == e)
      tabulate(l, n, e, flat);
  }
}
