/* SPDX-License-Identifier: Apache-2.0
 *
 * test_stream_front.c - how fast the front ends of a stream are, by their cycle model. That the VHDL does the same:
 * tests/e2e/stream_units.sh.
 */
#include "stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

/* kernel x kernel, `beats` words a position, stride `step`; padding as 'same' has it */
static Unit window(int rows, int cols, int kernel, int step, int beats, int slots) {
  Unit u = {.kind = UNIT_WINDOW};
  int pad = kernel / 2;
  u.front = (Front){.rows = rows, .row_words = cols * beats, .slots = slots, .row_first = -pad, .row_step = step, .steps = 1};
  u.front.out_rows = (rows - 1) / step + 1;
  u.front.out_cols = (cols - 1) / step + 1;
  u.front.word_first = -pad * beats;
  u.front.word_step = step * beats;
  u.front.kernel_rows = u.front.kernel_words = kernel;
  u.front.row_dilation = 1;
  u.front.word_dilation = u.front.tap_words = beats;
  return u;
}

static int interval(Unit u) {
  return (int)stream_unit_interval(&u);
}

/* Not a cycle lost at the ends of rows and frames. */
static void test_same_padding(void **state) {
  (void)state;
  assert_int_equal(interval(window(28, 28, 3, 1, 1, 4)), 28 * 28);
  assert_int_equal(interval(window(32, 32, 5, 1, 1, 6)), 32 * 32);
  assert_int_equal(interval(window(7, 7, 3, 1, 1, 4)), 7 * 7);
  assert_int_equal(interval(window(3, 1, 3, 1, 1, 4)), 3);
  assert_int_equal(interval(window(28, 28, 1, 1, 1, 2)), 28 * 28);
  assert_int_equal(interval(window(28, 28, 3, 2, 1, 4)), 28 * 28);
  assert_int_equal(interval(window(14, 14, 3, 1, 4, 4)), 14 * 14 * 4);
  /* rows of padding at one side only: nothing to hide */
  srand(1);
  for (int i = 0; i < 300; i++) {
    int kernel = 2 * (rand() % 4) + 1, rows = 1 + rand() % 12, cols = 1 + rand() % 12;
    Unit u = window(rows, cols, kernel, 1, 1, kernel + 1);
    assert_int_equal(interval(u), rows * cols);
  }
}

/* A slot for the row being written is needed, one more is of no use. */
static void test_slots(void **state) {
  (void)state;
  assert_true(interval(window(28, 28, 3, 1, 1, 3)) > 28 * 28);
  assert_int_equal(interval(window(28, 28, 3, 1, 1, 5)), 28 * 28);
}

static void test_reuse(void **state) {
  (void)state;
  Unit u = window(28, 28, 3, 1, 1, 4);
  u.front.steps = 9;
  assert_int_equal(interval(u), 28 * 28 * 9);
  u = window(14, 14, 3, 1, 4, 4); /* the next position's words come during the steps */
  u.front.steps = 6;
  assert_int_equal(interval(u), 14 * 14 * 6);
  u.front.steps = 3;
  assert_int_equal(interval(u), 14 * 14 * 4);
  u = window(1, 1, 1, 1, 1, 2); /* a vector in one beat */
  u.front.steps = 64;
  u.front.flush = 3;
  assert_int_equal(interval(u), 64);
}

static void test_fetch(void **state) {
  (void)state;
  Unit u = {.kind = UNIT_FETCH};
  u.front = (Front){.rows = 1, .row_words = 784, .slots = 2, .out_rows = 1, .out_cols = 1, .row_span = 1, .ports = 1, .period = 784};
  u.front.steps = 784 * 16;
  u.front.flush = 1;
  assert_int_equal(interval(u), 784 * 16);
  u.front.steps = 100; /* the beats take longer */
  assert_int_equal(interval(u), 784);
  u.front =
      (Front){.rows = 28, .row_words = 28, .slots = 5, .out_rows = 28, .out_cols = 28, .row_first = -1, .row_step = 1, .word_first = -1};
  u.front.word_step = u.front.period = u.front.steps = 1;
  u.front.row_span = 3;
  u.front.ports = 9;
  assert_int_equal(interval(u), 28 * 28);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_padding), cmocka_unit_test(test_slots), cmocka_unit_test(test_reuse),
                                     cmocka_unit_test(test_fetch)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
