/* SPDX-License-Identifier: Apache-2.0
 *
 * calibrate.c - --calibrate: integer bits of results from the samples. Requires: an inferred Graph. Keeps: the Graph.
 *
 * Candidates are the I that holds the whole range, and those below it. For a percentile each value is counted under the smallest candidate
 * that holds it; for the least error each candidate sums up its own errors. Both are exact and need a second run over the samples, but no
 * more memory than a few hundred bytes a tensor, however many samples there are.
 */
#include "quant.h"
#include <math.h>

enum { CANDIDATES = 40, ERROR_CANDIDATES = 16 }; /* the second costs a rounding each: below, saturation has long taken over */

typedef struct {
  bool any;
  double lo, hi;
  int widest;                 /* candidate 0; candidate c is widest - c */
  uint64_t count[CANDIDATES]; /* values by the smallest candidate that holds them */
  double sum_sq[ERROR_CANDIDATES];
} Fit;

struct Calibration {
  const Options *o;
  Fit **fit; /* by tensor id, shared by tied ones; NULL: no results that get a format */
};

static void widen(Fit *f, double lo, double hi) {
  f->lo = f->any ? fmin(f->lo, lo) : lo;
  f->hi = f->any ? fmax(f->hi, hi) : hi;
  f->any = true;
}

/* As format_fit has it. */
static bool holds(int W, int I, double x) {
  double half = ldexp(0.5, I - W), top = ldexp(1, I - 1);
  return x >= -top - half && x < top - half;
}

static void count_values(Fit *f, int W, const double *v, int64_t n) {
  for (int64_t e = 0; e < n; e++) {
    int c = v[e] == 0 ? CANDIDATES - 1 : 0;
    while (c + 1 < CANDIDATES && holds(W, f->widest - c - 1, v[e]))
      c++;
    f->count[c]++;
  }
}

/* Halves go up, to even or away: their error is the same. A wrapped value is as far off as it gets. */
static void add_errors(Fit *f, const Options *o, const double *v, int64_t n) {
  const double half = o->round == ROUND_TRN ? 0 : 0.5;
  for (int c = 0; c < ERROR_CANDIDATES; c++) {
    const Format fmt = {o->W, f->widest - c, true};
    const double scale = ldexp(1, fmt.W - fmt.I), step = ldexp(1, fmt.I - fmt.W), lo = (double)format_min(fmt),
                 hi = (double)format_max(fmt), around = hi - lo + 1;
    double sum = 0;
    for (int64_t e = 0; e < n; e++) {
      double r = floor(v[e] * scale + half);
      if (r < lo || r > hi)
        r = o->overflow == OVERFLOW_WRAP ? r - around * floor((r - lo) / around) : r < lo ? lo : hi;
      double err = r * step - v[e];
      sum += err * err;
    }
    f->sum_sq[c] += sum;
  }
}

static void second_run(const Calibration *c, const Graph *g, const Samples *s) {
  Eval *eval = eval_new(g);
  double *in = mem_array((size_t)s->n_in + 1, sizeof *in);
  for (size_t at = 0; at < s->n; at++) {
    for (int i = 0; i < s->n_in; i++)
      in[i] = s->in[at * (size_t)s->n_in + (size_t)i];
    eval_run(eval, in);
    for (int i = 0; i < g->n_tensors; i++) {
      const Tensor *t = g->tensor[i];
      if (!c->fit[i])
        continue;
      if (c->o->calibrate == CALIBRATE_PERCENTILE)
        count_values(c->fit[i], c->o->W, eval_value(eval, t), tensor_count(t));
      else
        add_errors(c->fit[i], c->o, eval_value(eval, t), tensor_count(t));
    }
  }
}

const Calibration *calibrate(const Graph *g, const Options *o, const Samples *s) {
  Calibration *c = mem_alloc(sizeof *c);
  Fit **tied = mem_array((size_t)g->n_ties + 1, sizeof(Fit *));
  c->o = o;
  c->fit = mem_array((size_t)g->n_tensors + 1, sizeof *c->fit);
  for (int i = 0; i < g->n_tensors; i++) {
    const Tensor *t = g->tensor[i];
    if (t->rank < 0 || !dtype_is_float(t->dtype) || (t->value && !t->tie))
      continue;
    Fit *f = t->tie && tied[t->tie] ? tied[t->tie] : mem_alloc(sizeof *f);
    if (t->tie)
      tied[t->tie] = f, widen(f, 0, 0);
    if (!t->value)
      c->fit[i] = f, widen(f, s->lo[i], s->hi[i]);
    for (int64_t e = 0; t->value && e < tensor_count(t); e++) /* an initial state */
      widen(f, t->value[e], t->value[e]);
  }
  for (int i = 0; i < g->n_tensors; i++)
    if (c->fit[i])
      c->fit[i]->widest = format_fit(o->W, c->fit[i]->lo, c->fit[i]->hi);
  if (o->auto_I && o->calibrate != CALIBRATE_MINMAX)
    second_run(c, g, s);
  return c;
}

int calibrated_I(const Calibration *c, const Tensor *t, FormatFrom *from) {
  const Fit *f = c->fit[t->id];
  int best = 0;
  *from = FROM_DATA;
  if (c->o->calibrate == CALIBRATE_PERCENTILE) {
    uint64_t all = 0, held = 0;
    *from = FROM_PERCENTILE;
    for (int i = 0; i < CANDIDATES; i++)
      all += f->count[i];
    for (int i = CANDIDATES - 1; i > 0 && !best; i--) {
      held += f->count[i];
      if (all && (double)held >= c->o->percentile * (double)all)
        best = i;
    }
  } else if (c->o->calibrate == CALIBRATE_ERROR) {
    *from = FROM_ERROR;
    for (int i = 1; i < ERROR_CANDIDATES; i++)
      if (f->sum_sq[i] < f->sum_sq[best])
        best = i;
  }
  return f->widest - best;
}

const char *format_from_text(FormatFrom from) {
  static const char *const text[] = {NULL, "given", "data", "percentile", "error", "config", "search", "type", "proved"};
  return text[from];
}
