/* SPDX-License-Identifier: Apache-2.0
 *
 * test_steps.c - monotone integer functions as lines: found steps, lines that equal the function at every argument, those that are none.
 */
#include "steps.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

typedef struct {
  float m, bias;
  int zero, lo, hi;
} Affine;

/* What a QLinear kernel does with a whole sum. */
static int64_t affine(void *ctx, int64_t x) {
  const Affine *a = ctx;
  const float v = (float)x * a->m + a->bias;
  return (int64_t)fmax(a->lo, fmin(a->hi, nearbyint((double)v) + a->zero));
}

static uint64_t seed = 1;
static uint64_t draw(uint64_t below) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (seed >> 33) % below;
}

/* Everywhere where there is little, else around each step. */
static void check_equal(StepFn *f, void *ctx, const Steps *s, const StepLine *l) {
  int64_t lo = s->falls ? -s->hi : s->lo, hi = s->falls ? -s->lo : s->hi;
  if (hi - lo < 100000)
    for (int64_t x = lo; x <= hi; x++)
      assert_int_equal(steps_line_value(s, l, x), f(ctx, x));
  for (int64_t i = 0; i < s->n; i++)
    for (int64_t x = s->at[i] - 2; x <= s->at[i] + 1; x++)
      if (x >= s->lo && x <= s->hi)
        assert_int_equal(steps_line_value(s, l, s->falls ? -x : x), f(ctx, s->falls ? -x : x));
}

static void test_factors(void **state) {
  (void)state;
  int found = 0;
  for (int i = 0; i < 300; i++) {
    const double size = ldexp(1, 4 + (int)draw(18));
    Affine a = {(float)(256 / size * (0.25 + (double)draw(1 << 30) / (1 << 29))), 0, (int)draw(256) - 128, -128, 127};
    if (i % 3 == 0)
      a.m = -a.m;
    if (i % 5 == 0)
      a.bias = (float)((double)draw(1 << 30) / (1 << 27) - 4);
    const Steps s = steps_find(affine, &a, (int64_t)-size, (int64_t)size);
    const StepLine l = steps_line(&s);
    found += l.found;
    if (l.found)
      check_equal(affine, &a, &s, &l);
  }
  assert_true(found >= 275); /* a search takes the rest: wide sums whose float32 product is rounded to the middle between two integers */
}

/* Half to even, which no line that rounds down can do. */
static void test_even(void **state) {
  (void)state;
  const float slope[] = {0.25f, 0.5f, 0.75f, 1.0f / 64, 3.0f / 32, 5.0f / 4, 1, 2, 3};
  for (size_t i = 0; i < sizeof slope / sizeof *slope; i++)
    for (int zero = -1; zero < 2; zero++) {
      Affine a = {slope[i], 0, zero, -100, 100};
      const Steps s = steps_find(affine, &a, -3000, 3000);
      const StepLine l = steps_line(&s);
      assert_true(l.found);
      assert_int_equal(l.half_even, slope[i] != floorf(slope[i]));
      check_equal(affine, &a, &s, &l);
    }
}

static int64_t root(void *ctx, int64_t x) {
  return (void)ctx, (int64_t)floor(sqrt((double)x));
}

static void test_no_line(void **state) {
  (void)state;
  const Steps s = steps_find(root, NULL, 0, 10000);
  assert_int_equal(s.first, 0);
  assert_int_equal(s.n, 100);
  for (int64_t i = 0; i < s.n; i++)
    assert_int_equal(s.at[i], (i + 1) * (i + 1));
  assert_false(steps_line(&s).found);
}

static int64_t jump(void *ctx, int64_t x) {
  return (void)ctx, x < 7 ? -3 : x < 9 ? 2 : 4;
}

static void test_jumps(void **state) {
  (void)state;
  const Steps s = steps_find(jump, NULL, -20, 20);
  const int64_t want[] = {7, 7, 7, 7, 7, 9, 9};
  assert_int_equal(s.first, -3);
  assert_int_equal(s.n, 7);
  for (int64_t i = 0; i < s.n; i++)
    assert_int_equal(s.at[i], want[i]);
}

static int64_t constant(void *ctx, int64_t x) {
  return (void)ctx, (void)x, 5;
}

static void test_constant(void **state) {
  (void)state;
  const Steps s = steps_find(constant, NULL, 3, 3);
  assert_int_equal(s.first, 5);
  assert_int_equal(s.n, 0);
  assert_false(steps_line(&s).found);
}

static void test_digits(void **state) {
  (void)state;
  assert_int_equal(steps_digits(0), 0);
  assert_int_equal(steps_digits(1), 1);
  assert_int_equal(steps_digits(7), 2);
  assert_int_equal(steps_digits(-7), 2);
  assert_int_equal(steps_digits(0x5555), 8);
  assert_int_equal(steps_digits(0x7fffff), 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_factors), cmocka_unit_test(test_even),     cmocka_unit_test(test_no_line),
                                     cmocka_unit_test(test_jumps),   cmocka_unit_test(test_constant), cmocka_unit_test(test_digits)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
