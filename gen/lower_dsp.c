/* SPDX-License-Identifier: Apache-2.0
 *
 * lower_dsp.c - which products with constants become multipliers (--dsp) instead of part of the adder graph.
 *
 * A product's score is what its own digits would cost in adders: (digits - 1) * width of a partial sum. Shared patterns make the truth
 * cheaper, for all products alike. --dsp=N gives the N of highest score in the whole network a multiplier; --dsp=auto those that cost more
 * than a DSP block is worth. As the ranking needs every product, --dsp=N lowers the network twice; the first time without adder graphs.
 */
#include "lower.h"
#include <stdlib.h>

enum {
  DSP_WORTH = 170, /* LUTs to a DSP block on large FPGAs (VU9P: 1,182,000 and 6,840) */
  DSP_WIDE = 25,
  DSP_NARROW = 18, /* signed; of DSP48E1, the smallest now common */
};

static int csd_digits(i128 w) {
  int n = 0;
  for (w = w < 0 ? -w : w; w; w >>= 1)
    if (w & 1) {
      w += (w & 3) == 3 ? 1 : -1;
      n++;
    }
  return n;
}

static int score(int width, int64_t w) {
  int bits = hir_width_of(w, w < 0 ? 0 : w) + (w > 0);
  bool fits = (width <= DSP_WIDE && bits <= DSP_NARROW) || (width <= DSP_NARROW && bits <= DSP_WIDE);
  return fits ? (csd_digits(w) - 1) * (width + bits / 2) : 0;
}

static bool take(DspPlan *p, int s) {
  if (s <= 0 || s < p->floor)
    return false;
  if (s > p->floor)
    return true;
  return p->ties > 0 && p->ties--;
}

int dsp_products(Lower *l, int rows, int cols, int64_t *m, const int *x, int *product, int64_t *column) {
  DspPlan *p = l->dsp;
  Kernel *k = l->k;
  int n = 0;
  for (int i = 0; p && i < rows; i++)
    for (int j = 0; j < cols; j++) {
      int64_t *w = &m[(size_t)i * (size_t)cols + (size_t)j], odd = *w;
      int zeros = 0;
      for (; odd && odd % 2 == 0; odd /= 2)
        zeros++;
      int s = odd ? score(hir_width(&k->v[x[i]]), odd) : 0;
      if (p->survey && s > 0) {
        p->score = mem_grow(p->score, p->n, &p->cap, sizeof *p->score);
        p->score[p->n++] = s;
      } else if (!p->survey && take(p, s)) {
        product[n] = hir_shl(k, hir_multiplier(k, x[i], odd), zeros);
        column[n++] = j;
        *w = 0;
      }
    }
  return n;
}

static int by_falling(const void *a, const void *b) {
  return *(const int *)b - *(const int *)a;
}

DspPlan *dsp_plan(const Options *o, DspPlan *survey) {
  DspPlan *p = mem_alloc(sizeof *p);
  *p = (DspPlan){.floor = DSP_WORTH, .ties = 1 << 30};
  if (o->dsp >= 0) {
    if (survey->n)
      qsort(survey->score, (size_t)survey->n, sizeof *survey->score, by_falling);
    int n = o->dsp < survey->n ? o->dsp : survey->n;
    p->floor = n ? survey->score[n - 1] : 1 << 30;
    for (p->ties = 0; p->ties < n && survey->score[n - 1 - p->ties] == p->floor;)
      p->ties++;
  }
  return p;
}
