/* SPDX-License-Identifier: Apache-2.0
 *
 * hir_mcm.c - constant integer matrix times vector as an adder graph (first version: signed digits, balanced sums).
 */
#include "hir.h"

typedef struct {
  int value, shift;
  bool neg;
} Term;

static Term join(Kernel *k, Term a, Term b) {
  if (a.neg != b.neg) {
    if (a.neg) {
      Term t = a;
      a = b;
      b = t;
    }
    int low = a.shift < b.shift ? a.shift : b.shift;
    return (Term){hir_sub(k, a.value, b.value, b.shift - a.shift), low, false};
  }
  int low = a.shift < b.shift ? a.shift : b.shift;
  return (Term){hir_add(k, a.value, b.value, b.shift - a.shift), low, a.neg};
}

/* Appends the canonical signed digits of w (no two neighbours non-zero: least count) as terms of value v. */
static void digits(int64_t w, int v, Term **t, int *n, int *cap) {
  i128 u = w;
  for (int s = 0; u != 0; s++, u >>= 1) {
    if (!(u & 1)) continue;
    bool neg = (u & 3) == 3;
    u += neg ? 1 : -1;
    *t = mem_grow(*t, *n, cap, sizeof **t);
    (*t)[(*n)++] = (Term){v, s, neg};
  }
}

void hir_mcm(Kernel *k, int rows, int cols, const int64_t *m, const int *x, const i128 *bias, int *y, const McmOptions *opt) {
  (void)opt;
  Term *t = NULL;
  int cap = 0;
  for (int j = 0; j < cols; j++) {
    int n = 0;
    for (int i = 0; i < rows; i++) digits(m[(size_t)i * cols + j], x[i], &t, &n, &cap);
    if (bias && bias[j] != 0) {
      t = mem_grow(t, n, &cap, sizeof *t);
      t[n++] = (Term){hir_const(k, bias[j]), 0, false};
    }
    if (n == 0) {
      y[j] = hir_const(k, 0);
      continue;
    }
    while (n > 1) { /* a balanced tree: neighbours are joined, level by level */
      int half = 0;
      for (int i = 0; i + 1 < n; i += 2) t[half++] = join(k, t[i], t[i + 1]);
      if (n & 1) t[half++] = t[n - 1];
      n = half;
    }
    y[j] = hir_shl(k, t[0].value, t[0].shift);
    if (t[0].neg) y[j] = hir_neg(k, y[j]);
  }
}
