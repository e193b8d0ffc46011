/* SPDX-License-Identifier: Apache-2.0
 *
 * steps.c - steps.h.
 */
#include "steps.h"

#include <math.h>
#include <string.h>

/* Least x in (from, to] with f(x) >= k, where f(from) < k <= f(to); looks around `guess` first. */
static int64_t step_at(StepFn *f, void *ctx, int64_t k, int64_t from, int64_t to, int64_t guess) {
  int64_t reach = 1;
  while (to - from > 1) {
    if (guess <= from || guess >= to)
      guess = from + (to - from) / 2;
    if (f(ctx, guess) >= k) {
      to = guess;
      guess -= reach;
    } else {
      from = guess;
      guess += reach;
    }
    reach *= reach < ((int64_t)1 << 60) ? 2 : 1;
  }
  return to;
}

typedef struct {
  StepFn *f;
  void *ctx;
} Mirror;

static int64_t mirrored(void *ctx, int64_t x) {
  const Mirror *m = ctx;
  return m->f(m->ctx, -x);
}

Steps steps_find(StepFn *f, void *ctx, int64_t lo, int64_t hi) {
  Mirror mirror = {f, ctx};
  Steps s = {.lo = lo, .hi = hi, .falls = f(ctx, lo) > f(ctx, hi)};
  if (s.falls) {
    s.lo = -hi, s.hi = -lo;
    f = mirrored, ctx = &mirror;
  }
  s.first = f(ctx, s.lo);
  s.n = f(ctx, s.hi) - s.first;
  s.at = mem_array((size_t)s.n + 1, sizeof *s.at);
  int64_t from = s.lo, value = s.first, spacing = 1;
  for (int64_t i = 0; i < s.n; i++) {
    if (value > s.first + i) { /* a larger step */
      s.at[i] = s.at[i - 1];
      continue;
    }
    s.at[i] = step_at(f, ctx, s.first + i + 1, from, s.hi, from + spacing);
    value = f(ctx, s.at[i]);
    spacing = i ? s.at[i] - s.at[i - 1] : 1;
    from = s.at[i];
  }
  return s;
}

int steps_digits(int64_t m) {
  int n = 0;
  for (uint64_t v = m < 0 ? 0 - (uint64_t)m : (uint64_t)m; v; v >>= 1)
    if (v & 1) {
      n++;
      v += v & 2 ? 1 : -1; /* 11 becomes 10-1 */
    }
  return n;
}

/* ---- lines ---- */

/* For slope a, the intercepts that keep all steps are in [low, high): high - low is concave in a. Steps of half_even lines are half a unit
 * earlier; their closed ends are left to the exact check. */
static double gap(const Steps *s, double a, double earlier) {
  double low = (double)-INFINITY, high = (double)INFINITY;
  for (int64_t k = 1; k <= s->n; k++) {
    const double t = (double)(s->at[k - 1] - s->at[0]), v = (double)k - earlier;
    low = fmax(low, v - a * t);
    high = fmin(high, v - a * (t - 1));
  }
  return high - low;
}

/* Where the gap is largest. */
static double best_slope(const Steps *s, double earlier) {
  const double span = (double)(s->at[s->n - 1] - s->at[0]), middle = span > 0 ? (double)(s->n - 1) / span : (double)s->n;
  double from = 0, to = 2 * middle + 1;
  for (int i = 0; i < 200; i++) {
    const double a = from + (to - from) / 3, b = to - (to - from) / 3;
    if (gap(s, a, earlier) < gap(s, b, earlier))
      from = a;
    else
      to = b;
  }
  return (from + to) / 2;
}

/* The outermost slope with a gap towards `end`. */
static double end_slope(const Steps *s, double best, double end) {
  for (int i = 0; i < 60; i++) {
    const double middle = (best + end) / 2;
    if (gap(s, middle, 0) > 0)
      best = middle;
    else
      end = middle;
  }
  return best;
}

/* The intercepts for which the line keeps every step; the one with the most low zeros goes to *b. */
static bool intercept(const Steps *s, int64_t m, int shift, bool half_even, bool odd, i128 *b) {
  const i128 unit = (i128)1 << shift, half = half_even && shift ? unit / 2 : 0;
  i128 low = -((i128)1 << 100), high = (i128)1 << 100;
  for (int64_t k = 1; k <= s->n; k++) {
    /* least m * x + b with a value of k or more; half to even takes the middle below an even one along */
    const i128 need = k * unit - half + (half && ((s->first + k + odd) & 1)), at = s->at[k - 1];
    low = need - at * m > low ? need - at * m : low;
    high = need - (at - 1) * m < high ? need - (at - 1) * m : high;
  }
  if (low >= high)
    return false;
  *b = low;
  for (int z = 1; z < 60; z++) {
    const i128 step = (i128)1 << z, up = ((low + step - 1) >> z) * step;
    if (up >= high)
      break;
    *b = up;
  }
  return true;
}

static int cost(int64_t m, i128 b) {
  return 4 * steps_digits(m) + (b != 0);
}

static StepLine floor_line(const Steps *s) {
  enum { MOST_SHIFT = 40, MORE = 4, TRIED = 64 };
  StepLine l = {0};
  const double best = best_slope(s, 0);
  if (gap(s, best, 0) <= 0)
    return l;
  const double least = end_slope(s, best, 0), most = end_slope(s, best, 4 * best + 4);
  int last = MOST_SHIFT;
  for (int shift = 0; shift <= last; shift++) {
    int64_t from = (int64_t)floor(ldexp(least, shift)), to = (int64_t)ceil(ldexp(most, shift));
    from = from < 1 ? 1 : from;
    for (int64_t m = from; m <= to && m < from + TRIED && m < ((int64_t)1 << 50); m++) {
      i128 b;
      if (!intercept(s, m, shift, false, false, &b) || (l.found && cost(m, b) >= cost(l.m, l.b)))
        continue;
      if (!l.found)
        last = shift + MORE < MOST_SHIFT ? shift + MORE : MOST_SHIFT;
      l = (StepLine){.found = true, .m = m, .b = b, .shift = shift};
    }
  }
  return l;
}

/* Slopes that are short binary fractions meet the middle between two integers exactly. */
static StepLine even_line(const Steps *s) {
  enum { MOST_SHIFT = 30 };
  const double best = best_slope(s, 0.5);
  for (int shift = 1; shift <= MOST_SHIFT; shift++) {
    const double m = nearbyint(ldexp(best, shift));
    i128 b;
    for (int odd = 0; m >= 1 && m < ldexp(1, 50) && odd < 2; odd++)
      if (intercept(s, (int64_t)m, shift, true, odd, &b))
        return (StepLine){.found = true, .half_even = true, .odd = odd, .m = (int64_t)m, .b = b, .shift = shift};
  }
  return (StepLine){0};
}

/* The step that comes too late for any line: one earlier it would be in the way no more, if it can be. 0: none. */
static int64_t late_step(const Steps *s) {
  const double slope = best_slope(s, 0);
  double least = (double)INFINITY;
  int64_t late = 0;
  for (int64_t k = 1; k <= s->n; k++) {
    const double high = (double)k - slope * ((double)(s->at[k - 1] - s->at[0]) - 1);
    if (high < least)
      least = high, late = k;
  }
  const int64_t before = late > 1 ? s->at[late - 2] : s->lo;
  const bool alone = late == s->n || s->at[late] > s->at[late - 1];
  return alone && s->at[late - 1] - 1 > before ? late : 0;
}

static StepLine line_but(const Steps *s) {
  Steps moved = *s;
  moved.at = memcpy(mem_array((size_t)s->n + 1, sizeof *s->at), s->at, (size_t)s->n * sizeof *s->at);
  StepLine l = {0};
  int64_t less[STEPS_MOST_LESS] = {0};
  for (int n = 0; n < STEPS_MOST_LESS && !l.found; n++) {
    const int64_t late = late_step(&moved);
    if (!late)
      break;
    less[n] = --moved.at[late - 1];
    l = floor_line(&moved);
    l.n_less = n + 1;
  }
  memcpy(l.less, less, (size_t)l.n_less * sizeof *less);
  return l;
}

StepLine steps_line(const Steps *s) {
  StepLine l = {0};
  if (s->n < 1)
    return l;
  l = floor_line(s);
  if (!l.found)
    l = even_line(s);
  return l.found ? l : line_but(s);
}

int64_t steps_line_value(const Steps *s, const StepLine *l, int64_t x) {
  const i128 v = (s->falls ? -(i128)x : (i128)x) * l->m + l->b, unit = (i128)1 << l->shift;
  i128 q = v >> l->shift;
  const i128 rest = v - q * unit;
  if (l->half_even && l->shift)
    q += 2 * rest > unit || (2 * rest == unit && ((q + s->first + l->odd) & 1));
  q = q < 0 ? 0 : q > s->n ? s->n : q;
  for (int i = 0; i < l->n_less; i++)
    q -= (s->falls ? -x : x) == l->less[i];
  return s->first + (int64_t)q;
}
