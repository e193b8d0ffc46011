/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_plan.c - how often each multiplier is used for a position (the reuse factor R), product by product.
 *
 * Given: --reuse=R, for all alike. --target-ii=N: as often as N cycles a frame allow. --dsp=N, --bram=N: the least interval at which that
 * many do. Nothing: as many cycles as the input has positions, more where that takes over MOST_MULTIPLIERS. Without --reuse and --dsp, a
 * layer whose weights have few digits becomes an adder graph where multipliers, used for a few products each, would be larger.
 */
#include "rdo.h"
#include "stream_build.h"
#include <stdlib.h>

enum { MOST_MULTIPLIERS = 1000, WEIGHT_BITS = 18, BRAM_BITS = 18432, LUT_ROM = 64, PARTS = 16, MULTIPLIER_BITS = 100 };

static int64_t positions(const Unit *u) {
  return (int64_t)u->taps.out_rows * u->taps.out_cols;
}

/* Few zeros are not left out: multipliers would no longer read the operands in one order, and what each of them reads would have to be
 * stored beside its weights, 10 bits to 16. */
static bool many_zeros(const Unit *u) {
  const double most = 0.7;
  return (double)u->products < most * (double)u->m * (double)u->n;
}

/* Products that take a step of a multiplier. */
static int64_t all_products(const Unit *u) {
  return u->skips ? u->products : (int64_t)u->m * u->n;
}

static int64_t multipliers(const Unit *u, int64_t steps) {
  return (all_products(u) + steps - 1) / steps;
}

/* As many steps, or a few less, in which all multipliers read alike: they make channels as a whole, or equal parts of them, where that
 * takes few multipliers more. Else channels are split at few places, each of which costs a memory port. */
static int64_t even_steps(const Unit *u, int64_t steps) {
  const int64_t each = all_products(u) / u->m;
  if (!each || all_products(u) != each * u->m)
    return steps;
  int64_t even = steps / each * each;
  for (int64_t r = steps; r >= 1 && !even; r--)
    if (each % r == 0)
      even = r;
  if (50 * multipliers(u, even) <= 51 * multipliers(u, steps))
    return even;
  const int64_t part = (each + PARTS - 1) / PARTS, some = steps / each * each + steps % each / part * part;
  if (steps > each && some != even)
    return some;
  return 10 * multipliers(u, even) <= 11 * multipliers(u, steps) ? even : steps;
}

static int64_t steps_at(const Unit *u, int64_t interval) {
  const int64_t r = interval / positions(u), all = all_products(u);
  return even_steps(u, r < 1 ? 1 : r > all ? (all ? all : 1) : r);
}

/* Block RAMs of the weights: a ROM a multiplier, in LUTs where it is short. */
static int64_t brams(const Unit *u, int64_t steps) {
  return steps <= LUT_ROM ? 0 : multipliers(u, steps) * ((steps * WEIGHT_BITS + BRAM_BITS - 1) / BRAM_BITS);
}

/* Adder bits, no sharing counted, against multipliers of so many each: devices have 100 to 250 LUTs for each that they have. */
static bool adders_are_less(const Unit *u, int64_t steps) {
  int64_t bits = 0;
  for (int64_t i = 0; i < (int64_t)u->m * u->n; i++)
    bits += (int64_t)rdo_digits(u->w[i]) * (u->in[0]->edge->fmt.W + 2);
  return bits <= MULTIPLIER_BITS * multipliers(u, steps);
}

typedef struct {
  int64_t dsp, bram; /* negative: no limit */
} Budget;

/* adders: layers that are less as adder graphs take none of it. */
static bool affords(const Stream *s, Budget of, int64_t interval, bool adders) {
  int64_t dsp = 0, bram = 0;
  for (int i = 0; i < s->n_units; i++)
    if (s->unit[i]->meaning == MEANS_PRODUCT) {
      const int64_t r = steps_at(s->unit[i], interval);
      if (adders && adders_are_less(s->unit[i], r))
        continue;
      dsp += multipliers(s->unit[i], r);
      bram += brams(s->unit[i], r);
    }
  return (of.dsp < 0 || dsp <= of.dsp) && (of.bram < 0 || bram <= of.bram);
}

/* The least interval from `least` on that the budget affords; the longest there is when none does. */
static int64_t least_interval(const Stream *s, Budget of, int64_t least) {
  int64_t most = least;
  for (int i = 0; i < s->n_units; i++)
    if (s->unit[i]->meaning == MEANS_PRODUCT && all_products(s->unit[i]) * positions(s->unit[i]) > most)
      most = all_products(s->unit[i]) * positions(s->unit[i]);
  if (!affords(s, of, most, false)) {
    diag_error(EXIT_UNSUPPORTED, NULL, "the network does not fit into %lld %s even with one multiplier a layer",
               (long long)(of.dsp < 0 ? of.bram : of.dsp),
               of.bram < 0  ? "DSP"
               : of.dsp < 0 ? "block RAM"
                            : "DSP and the block RAM given");
    return most;
  }
  for (int64_t lo = least - 1, hi = most; most = hi, hi - lo > 1;) {
    const int64_t mid = lo + (hi - lo) / 2;
    if (affords(s, of, mid, false))
      hi = mid;
    else
      lo = mid;
  }
  return most;
}

/* Sums of a few operands take no multiplier at all. */
static bool constant(const Unit *u) {
  enum { FEW = 16 };
  int32_t one = 0;
  for (int64_t i = 0; i < (int64_t)u->m * u->n; i++) {
    if (u->w[i] && one && u->w[i] != one)
      return false;
    one = u->w[i] ? u->w[i] : one;
  }
  return u->taps.kernel_rows * u->taps.kernel_cols <= FEW;
}

int64_t stream_plan(Build *b) {
  const Options *o = b->o;
  Stream *s = b->s;
  int64_t interval = 1, least = 1;
  for (int i = 0; i < s->n_units; i++)
    if (s->unit[i]->meaning == MEANS_PRODUCT)
      s->unit[i]->skips = many_zeros(s->unit[i]);
  for (int i = 0; i < s->n_in; i++)
    if ((int64_t)s->in[i]->rows * s->in[i]->cols > interval)
      interval = (int64_t)s->in[i]->rows * s->in[i]->cols;
  for (int i = 0; i < s->n_units; i++)
    if (s->unit[i]->meaning == MEANS_PRODUCT && positions(s->unit[i]) > least)
      least = positions(s->unit[i]);
  if (o->target_ii > 0)
    interval = o->target_ii > least ? o->target_ii : least; /* faster layers would wait for the slowest */
  else if (o->dsp > 0 || o->bram > 0)
    interval = least_interval(s, (Budget){o->dsp > 0 ? o->dsp : -1, o->bram > 0 ? o->bram : -1}, 1);
  else if (!o->reuse && !affords(s, (Budget){MOST_MULTIPLIERS, -1}, interval, true))
    interval = least_interval(s, (Budget){MOST_MULTIPLIERS, -1}, interval);
  int64_t longest = 1;
  for (int i = 0; i < s->n_units; i++) {
    Unit *u = s->unit[i];
    u->front.steps = 1;
    if (u->meaning != MEANS_PRODUCT)
      continue;
    LayerConfig c = config_of(b->config, u->node);
    const int64_t given = c.reuse > 0 ? c.reuse : o->reuse;
    int64_t steps = given > 0 ? given : constant(u) ? 1 : steps_at(u, interval);
    if (given <= 0 && o->dsp <= 0 && adders_are_less(u, steps))
      steps = 1;
    int64_t count = multipliers(u, steps);
    u->reuse = (int)(steps > u->products ? u->products : steps);
    if (given > 0) { /* so many products with non-zero weights a multiplier, and the steps that follow from that */
      count = (u->products + given - 1) / given;
      steps = count ? (all_products(u) + count - 1) / count : 1;
      if (20 * steps > 21 * given) { /* zeros cost too much after all */
        u->skips = true;
        steps = given;
      }
    }
    if (u->reuse <= 1)
      steps = 1;
    u->front.steps = (int)steps;
    u->multipliers = steps == 1 ? 0 : (int)count;
    longest = positions(u) * u->front.steps > longest ? positions(u) * u->front.steps : longest;
  }
  if (o->target_ii > 0 && longest > o->target_ii)
    diag_warn(NULL, "--target-ii=%lld: %lld cycles are the least", (long long)o->target_ii, (long long)longest);
  return longest;
}
