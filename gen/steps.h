/* SPDX-License-Identifier: Apache-2.0
 *
 * steps.h - a monotone function from integers to integers as integer arithmetic, exactly.
 *
 * All there is to know of such a function is where it steps. A line (m * x + b) >> shift equals it everywhere when it does so on both sides
 * of each step, which is checked with integers; where no line does, a binary search over the steps always does.
 */
#ifndef NNGEN_STEPS_H
#define NNGEN_STEPS_H

#include "base.h"

/* On [lo, hi] the value is first + the number of steps at[] that x has reached; at[] is sorted, equal ones are one larger step. */
typedef struct {
  int64_t lo, hi, first, n;
  int64_t *at;
  bool falls; /* of -x instead; lo and hi are those of -x too */
} Steps;

typedef int64_t StepFn(void *ctx, int64_t x);

/* The steps of f on [lo, hi]; f is monotone (not checked), |lo| and |hi| below 2^61. */
Steps steps_find(StepFn *f, void *ctx, int64_t lo, int64_t hi);

enum { STEPS_MOST_LESS = 4 };

/* limited((m * x + b) >> shift), to [first, first + n]; rounding half to even instead of down when half_even. */
typedef struct {
  bool found, half_even;
  bool odd; /* half to odd instead: an odd number is added to what was rounded */
  int64_t m;
  i128 b;
  int shift;
  int n_less; /* arguments where the value is one less */
  int64_t less[STEPS_MOST_LESS];
} StepLine;
/* The line with the fewest signed digits in m among the shortest. Where float32 has rounded a product to the middle between two integers,
 * which half to even then takes up or down, a line needs a few exceptions. */
StepLine steps_line(const Steps *s);
int64_t steps_line_value(const Steps *s, const StepLine *l, int64_t x);
/* Non-zero signed digits (CSD) of m. */
int steps_digits(int64_t m);

#endif
