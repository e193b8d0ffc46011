/* SPDX-License-Identifier: Apache-2.0
 *
 * table_split.h - tables of functions that are odd about x = 0 and flat at both ends (tanh, sigmoid, erf), as --target-loss chooses them:
 * plain, or folded at 0 and in parts that are added.
 */
#ifndef NNGEN_TABLE_SPLIT_H
#define NNGEN_TABLE_SPLIT_H

#include "nngen.h"

enum { TABLE_REACH = 16, TABLE_GUARD = 1, TABLE_MOST_PLACES = 10, TABLE_MOST_LOW = 7, TABLE_PARTS = 3, TABLE_LUT_INPUTS = 6 };

/* Words in steps of 2^-frac of a function, limited to [lo, hi]; f[i] is its value at i * 2^-(places + 1), |i| <= TABLE_REACH << (places +
 * 1). */
typedef struct {
  const double *f;
  int places, frac;
  double half; /* added before bits are dropped */
  double lo, hi;
} TableJob;

/* ---- plain: word of address q, the argument rounded to q * 2^-places ---- */

int64_t table_rounded(const TableJob *j, int64_t q);
/* The addresses between which it is not flat, one flat one at each end. */
void table_flat(const TableJob *j, int64_t *from, int64_t *to);

/* ---- folded: the argument x lies in step q, q = floor(x * 2^places), and m = q or -1 - q, whichever is not negative, at most `to`. The
 * word is centre +- u, u = (base[m >> low] + sum of part[i][...]) >> TABLE_GUARD, where part i is addressed by `region` highest bits of m
 * and `bits` below them from `shift` on: what these bits add is nearly the same all over a region ---- */

typedef struct {
  int region, bits, shift;
  int64_t *word;
} TablePart;

typedef struct {
  int bits, low, n_parts; /* of m; of them not in the address of base */
  int64_t to, centre;
  int64_t *base;
  TablePart part[TABLE_PARTS];
} TableSplit;
/* low: TableShape.low - 1. False: the function has not so many bits of address, or is not centred on a step. In the arena. */
bool table_split(const TableJob *j, int low, TableSplit *s);
int64_t table_split_word(const TableSplit *s, int64_t q);

#endif
