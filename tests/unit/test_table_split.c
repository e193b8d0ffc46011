/* SPDX-License-Identifier: Apache-2.0
 *
 * test_table_split.c - gen/table_split.h: folded tables in parts stay near the rounded words and in their format; rdo.h: all parameters at
 * once make up for one another.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "rdo.h"
#include "table_split.h"

enum { PLACES = 8, REACH = TABLE_REACH << (PLACES + 1) };
static double value[2 * REACH + 1];

static TableJob job_of(double (*f)(double), int W) {
  for (int i = -REACH; i <= REACH; i++)
    value[i + REACH] = f(ldexp(i, -PLACES - 1));
  return (TableJob){value + REACH, PLACES, W - 1, 0.5, -ldexp(1, W - 1), ldexp(1, W - 1) - 1};
}

static double sigmoid(double x) {
  return 1 / (1 + exp(-x));
}

/* Worst distance from the function at the middle of each step, in steps of the word. */
static double worst(const TableJob *j, const TableSplit *s) {
  double most = 0;
  for (int64_t q = -1 - s->to; q <= s->to; q++) {
    double want = fmin(fmax(ldexp(j->f[2 * q + 1], j->frac), j->lo), j->hi), got = (double)table_split_word(s, q);
    assert_true(got >= j->lo && got <= j->hi);
    most = fmax(most, fabs(got - want));
  }
  return most;
}

static void near_the_function(void **state) {
  (void)state;
  double (*f[])(double) = {tanh, sigmoid, erf};
  for (int i = 0; i < 3; i++)
    for (int low = 0; low <= 4; low++) {
      TableJob j = job_of(f[i], 9);
      TableSplit s;
      assert_true(table_split(&j, low, &s));
      assert_int_equal(s.n_parts, (low + 1) / 2);
      assert_true(worst(&j, &s) <= (low ? 2 : 0.75)); /* what a word says, and what its place does not */
    }
}

static void odd(void **state) {
  (void)state;
  TableJob j = job_of(tanh, 10);
  TableSplit s;
  assert_true(table_split(&j, 4, &s));
  for (int64_t q = 0; q <= s.to + 100; q++)
    assert_true(table_split_word(&s, q) == -table_split_word(&s, -1 - q));
  assert_false(table_split(&j, 7, &s)); /* three parts of two bits */
}

static void flat_ends(void **state) {
  (void)state;
  TableJob j = job_of(tanh, 8);
  int64_t from, to;
  table_flat(&j, &from, &to);
  assert_int_equal(table_rounded(&j, to), 127);
  assert_int_equal(table_rounded(&j, from), -128);
  assert_true(table_rounded(&j, to - 1) < 127 && table_rounded(&j, from + 1) > -128);
}

/* Two parameters of which only the sum counts: what rounding takes from one goes to the other. */
static void made_up_for(void **state) {
  (void)state;
  double h[] = {1, 0.99, 0.99, 1}, target[] = {0.4, 0.4}, step[] = {1, 0.125}, least[] = {-8, -64}, most[] = {8, 64}, price[] = {0, 0},
         q[2];
  rdo_vector(&(RdoVector){2, h, target, step, least, most, price}, q);
  assert_true(fabs(q[0] + 0.125 * q[1] - 0.8) <= 0.07);
  double x[] = {0, 0}, slope[] = {-1.99, -1.99};
  rdo_solve(h, 2, slope, x);
  assert_true(fabs(x[0] - 1) < 1e-9 && fabs(x[1] - 1) < 1e-9);
  price[0] = price[1] = 10; /* dearer than any error */
  rdo_vector(&(RdoVector){2, h, target, step, least, most, price}, q);
  assert_true(q[0] == 0 && q[1] == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(near_the_function), cmocka_unit_test(odd), cmocka_unit_test(flat_ends),
                                     cmocka_unit_test(made_up_for)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
