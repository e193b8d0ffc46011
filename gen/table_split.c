/* SPDX-License-Identifier: Apache-2.0
 *
 * table_split.c - a table in parts that are added (F. de Dinechin, A. Tisserand, Multipartite table methods, 2005): values at coarse
 * addresses, and what groups of lower address bits add to them. Every part has at most the inputs of one LUT for its address.
 */
#include "table_split.h"
#include <math.h>
#include <stdlib.h>

enum { PART_BITS = 2, ROUNDS = 4 };

int64_t table_rounded(const TableJob *j, int64_t q) {
  return (int64_t)fmin(fmax(floor(ldexp(j->f[2 * q], j->frac) + j->half), j->lo), j->hi);
}

void table_flat(const TableJob *j, int64_t *from, int64_t *to) {
  int64_t reach = (int64_t)TABLE_REACH << j->places, a = -reach, b = reach;
  while (a < b && table_rounded(j, a + 1) == table_rounded(j, -reach))
    a++;
  while (b > a && table_rounded(j, b - 1) == table_rounded(j, reach))
    b--;
  *from = a, *to = b;
}

static int64_t part_index(const TableSplit *s, const TablePart *p, int64_t m) {
  return (m >> (s->bits - p->region)) << p->bits | (m >> p->shift & ((1 << p->bits) - 1));
}

static int64_t magnitude(const TableSplit *s, int64_t m) {
  int64_t sum = s->base[m >> s->low];
  for (int i = 0; i < s->n_parts; i++)
    sum += s->part[i].word[part_index(s, &s->part[i], m)];
  return sum >> TABLE_GUARD;
}

int64_t table_split_word(const TableSplit *s, int64_t q) {
  int64_t m = q < 0 ? -1 - q : q, u = magnitude(s, m < s->to ? m : s->to);
  return q < 0 ? s->centre - u : s->centre + u;
}

/* u in steps of 2^-TABLE_GUARD, exact. */
static double exact(const TableJob *j, const TableSplit *s, int64_t m) {
  double most = fmin(j->hi - (double)s->centre, (double)s->centre - j->lo);
  return ldexp(fmin(ldexp(j->f[2 * m + 1], j->frac) - (double)s->centre, most), TABLE_GUARD);
}

/* Each part in turn becomes the mean of what the others leave; `coarse` is the base before it is rounded. */
static void fit(const TableJob *j, TableSplit *s, double *coarse, double **fine) {
  size_t most = (size_t)1 << (s->bits > TABLE_LUT_INPUTS ? s->bits : TABLE_LUT_INPUTS);
  double *sum = mem_scratch(most, 8);
  int *seen = mem_scratch(most, sizeof *seen);
  for (int round = 0; round < ROUNDS; round++)
    for (int k = -1; k < s->n_parts; k++) {
      memset(sum, 0, most * 8), memset(seen, 0, most * sizeof *seen);
      for (int64_t m = 0; m <= s->to; m++) {
        double rest = exact(j, s, m) - (k < 0 ? 0 : coarse[m >> s->low]);
        for (int i = 0; i < s->n_parts; i++)
          rest -= i == k ? 0 : fine[i][part_index(s, &s->part[i], m)];
        int64_t at = k < 0 ? m >> s->low : part_index(s, &s->part[k], m);
        sum[at] += rest, seen[at]++;
      }
      for (size_t i = 0; i < most; i++)
        if (seen[i])
          (k < 0 ? coarse : fine[k])[i] = sum[i] / seen[i];
    }
  free(sum), free(seen);
}

/* Parts begin at 0 in each region, which makes their words narrow and without sign; the base takes the rest. */
static void round_parts(TableSplit *s, double **fine) {
  for (int k = 0; k < s->n_parts; k++) {
    TablePart *p = &s->part[k];
    for (int r = 0; r < 1 << p->region; r++) {
      double least = INFINITY;
      for (int i = 0; i < 1 << p->bits; i++)
        least = fmin(least, fine[k][(r << p->bits) + i]);
      for (int i = 0; i < 1 << p->bits; i++)
        p->word[(r << p->bits) + i] = (int64_t)floor(fine[k][(r << p->bits) + i] - least + 0.5);
    }
  }
}

/* In the middle of what the arguments that share it ask for, and so that no word leaves the format. */
static void round_base(const TableJob *j, TableSplit *s) {
  double most = ldexp(fmin(j->hi - (double)s->centre, (double)s->centre - j->lo) + 1, TABLE_GUARD) - 1;
  int64_t block = (int64_t)1 << s->low;
  for (int64_t b = 0; b < 1 << (s->bits - s->low); b++) {
    double least = INFINITY, greatest = -INFINITY, top = 0;
    for (int64_t m = b * block; m < (b + 1) * block && m <= s->to; m++) {
      double parts = 0;
      for (int i = 0; i < s->n_parts; i++)
        parts += (double)s->part[i].word[part_index(s, &s->part[i], m)];
      least = fmin(least, exact(j, s, m) - parts), greatest = fmax(greatest, exact(j, s, m) - parts), top = fmax(top, parts);
    }
    if (least <= greatest)
      s->base[b] = (int64_t)fmax(fmin(floor((least + greatest) / 2 + 0.5) + ldexp(0.5, TABLE_GUARD), most - top), 0);
    else if (b)
      s->base[b] = s->base[b - 1];
  }
}

/* Past this m all words are the same. */
static int64_t last_one(const TableJob *j, const TableSplit *s) {
  int64_t m = ((int64_t)TABLE_REACH << j->places) - 1;
  double end = floor(ldexp(exact(j, s, m), -TABLE_GUARD) + 0.5);
  while (m > 0 && floor(ldexp(exact(j, s, m - 1), -TABLE_GUARD) + 0.5) == end)
    m--;
  return m;
}

bool table_split(const TableJob *j, int low, TableSplit *s) {
  double centre = ldexp(j->f[0], j->frac);
  *s = (TableSplit){.low = low, .centre = (int64_t)centre};
  if (centre != floor(centre) || centre < j->lo || centre > j->hi)
    return false;
  s->to = last_one(j, s);
  while (((int64_t)1 << s->bits) <= s->to)
    s->bits++;
  if (low >= s->bits || low > PART_BITS * TABLE_PARTS)
    return false;
  s->base = mem_array((size_t)1 << (s->bits - low), sizeof *s->base);
  double *coarse = mem_scratch((size_t)1 << (s->bits - low), 8), *fine[TABLE_PARTS] = {0};
  for (int left = low; left > 0;) {
    TablePart *p = &s->part[s->n_parts];
    p->bits = left < PART_BITS ? left : PART_BITS;
    left -= p->bits;
    p->shift = left;
    p->region = s->bits - low < TABLE_LUT_INPUTS - p->bits ? s->bits - low : TABLE_LUT_INPUTS - p->bits;
    p->word = mem_array((size_t)1 << (p->region + p->bits), sizeof *p->word);
    fine[s->n_parts++] = mem_scratch((size_t)1 << (p->region + p->bits), 8);
  }
  fit(j, s, coarse, fine);
  round_parts(s, fine);
  round_base(j, s);
  free(coarse);
  for (int i = 0; i < s->n_parts; i++)
    free(fine[i]);
  return true;
}
