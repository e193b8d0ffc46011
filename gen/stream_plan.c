/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_plan.c - how often each multiplier is used for a position (the reuse factor R), product by product.
 *
 * Given: --reuse=R, for all alike. --target-ii=N: as often as N cycles a frame allow. --dsp=N, --bram=N: the least interval at which that
 * many do. Nothing: as many cycles as the input has positions, more where that takes over MOST_MULTIPLIERS.
 */
#include "stream_build.h"
#include <stdlib.h>

enum { MOST_MULTIPLIERS = 1000, WEIGHT_BITS = 18, BRAM_BITS = 18432, LUT_ROM = 64 };

static int64_t positions(const Unit *u) {
  return (int64_t)u->taps.out_rows * u->taps.out_cols;
}

static int64_t reuse_at(const Unit *u, int64_t interval) {
  int64_t r = interval / positions(u);
  return r < 1 ? 1 : r > u->products ? (u->products ? u->products : 1) : r;
}

static int64_t multipliers(const Unit *u, int64_t reuse) {
  return (u->products + reuse - 1) / reuse;
}

/* Block RAMs of the weights: a ROM a multiplier, in LUTs where it is short. */
static int64_t brams(const Unit *u, int64_t reuse) {
  return reuse <= LUT_ROM ? 0 : multipliers(u, reuse) * ((reuse * WEIGHT_BITS + BRAM_BITS - 1) / BRAM_BITS);
}

typedef struct {
  int64_t dsp, bram; /* negative: no limit */
} Budget;

static bool affords(const Stream *s, Budget of, int64_t interval) {
  int64_t dsp = 0, bram = 0;
  for (int i = 0; i < s->n_units; i++)
    if (s->unit[i]->meaning == MEANS_PRODUCT) {
      const int64_t r = reuse_at(s->unit[i], interval);
      dsp += multipliers(s->unit[i], r);
      bram += brams(s->unit[i], r);
    }
  return (of.dsp < 0 || dsp <= of.dsp) && (of.bram < 0 || bram <= of.bram);
}

/* The least interval from `least` on that the budget affords; the longest there is when none does. */
static int64_t least_interval(const Stream *s, Budget of, int64_t least) {
  int64_t most = least;
  for (int i = 0; i < s->n_units; i++)
    if (s->unit[i]->meaning == MEANS_PRODUCT && s->unit[i]->products * positions(s->unit[i]) > most)
      most = s->unit[i]->products * positions(s->unit[i]);
  if (!affords(s, of, most)) {
    diag_error(EXIT_UNSUPPORTED, NULL, "the network does not fit into %lld DSP or %lld block RAM even with one multiplier a layer",
               (long long)of.dsp, (long long)of.bram);
    return most;
  }
  for (int64_t lo = least - 1, hi = most; most = hi, hi - lo > 1;) {
    const int64_t mid = lo + (hi - lo) / 2;
    if (affords(s, of, mid))
      hi = mid;
    else
      lo = mid;
  }
  return most;
}

/* Products of a channel, when all have as many; else 0. */
static int64_t products_each(const Unit *u) {
  return u->m && u->products == (int64_t)u->m * u->n ? u->n : 0;
}

/* Of the steps that so many multipliers need, up to the reuse factor: those at which all multipliers read alike. */
static int64_t steps_for(const Unit *u, int64_t reuse) {
  const int64_t count = multipliers(u, reuse), least = count ? (u->products + count - 1) / count : 1, each = products_each(u);
  if (!each)
    return least;
  if (reuse >= each && reuse / each * each >= least)
    return (least + each - 1) / each * each;
  for (int64_t r = least; r <= reuse; r++)
    if (each % r == 0)
      return r;
  return least;
}

int64_t stream_plan(Build *b) {
  const Options *o = b->o;
  Stream *s = b->s;
  int64_t interval = 1;
  for (int i = 0; i < s->n_in; i++)
    if ((int64_t)s->in[i]->rows * s->in[i]->cols > interval)
      interval = (int64_t)s->in[i]->rows * s->in[i]->cols;
  if (o->target_ii > 0)
    interval = o->target_ii;
  else if (o->dsp > 0 || o->bram > 0)
    interval = least_interval(s, (Budget){o->dsp > 0 ? o->dsp : -1, o->bram > 0 ? o->bram : -1}, 1);
  else if (!o->reuse)
    interval = least_interval(s, (Budget){MOST_MULTIPLIERS, -1}, interval);
  int64_t longest = 1;
  for (int i = 0; i < s->n_units; i++) {
    Unit *u = s->unit[i];
    u->front.steps = 1;
    if (u->meaning != MEANS_PRODUCT)
      continue;
    LayerConfig c = config_of(b->config, u->node);
    const int64_t given = c.reuse > 0 ? c.reuse : o->reuse;
    int64_t reuse = given > 0 ? given : reuse_at(u, interval);
    if (reuse > u->products)
      reuse = u->products ? u->products : 1;
    u->reuse = (int)reuse;
    u->front.steps = (int)(reuse == 1 ? 1 : steps_for(u, reuse));
    u->multipliers = reuse == 1 ? 0 : (int)multipliers(u, reuse);
    longest = positions(u) * u->front.steps > longest ? positions(u) * u->front.steps : longest;
  }
  if (o->target_ii > 0 && longest > o->target_ii)
    diag_warn(NULL, "--target-ii=%lld: %lld cycles are the least", (long long)o->target_ii, (long long)longest);
  return longest;
}
