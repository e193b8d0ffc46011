/* SPDX-License-Identifier: Apache-2.0
 *
 * test_rdo.c - gen/rdo.h: what a price of 0, a price, a correlated input and a pruned weight do to a layer.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "rdo.h"

enum { N = 400, ROWS = 3, COLS = 2 };

typedef struct {
  double x[N * ROWS], z[N * COLS], w[ROWS * COLS], gain[COLS], q[ROWS * COLS], bias[COLS];
  int bits[ROWS];
  RdoLayer layer;
} Case;

/* Inputs 0 and 1 nearly alike, 2 apart; z exactly what w and a bias of 1 make of them. */
static Case made(double price) {
  Case c = {.w = {0.30, -0.71, 0.22, 0.40, -0.55, 0.13}, .gain = {1, 1}, .bits = {6, 6, 6}};
  for (int s = 0; s < N; s++) {
    c.x[s * ROWS] = sin(s), c.x[s * ROWS + 1] = sin(s) + 0.05 * cos(7 * s), c.x[s * ROWS + 2] = cos(3 * s) + 2;
    for (int j = 0; j < COLS; j++) {
      c.z[s * COLS + j] = 1;
      for (int i = 0; i < ROWS; i++)
        c.z[s * COLS + j] += c.w[i * COLS + j] * c.x[s * ROWS + i];
    }
  }
  c.layer = (RdoLayer){.rows = ROWS, .cols = COLS, .n = N, .fmt = {4, 1, true}, .price = price};
  return c;
}

static double rounded(Case *c) {
  c->layer.x = c->x, c->layer.z = c->z, c->layer.w = c->w, c->layer.gain = c->gain, c->layer.bits = c->bits;
  return rdo_layer(&c->layer, c->q, c->bias);
}

static double error(const Case *c, const double *q, const double *bias) {
  double e = 0;
  for (int s = 0; s < N; s++)
    for (int j = 0; j < COLS; j++) {
      double y = bias[j] - c->z[s * COLS + j];
      for (int i = 0; i < ROWS; i++)
        y += q[i * COLS + j] * c->x[s * ROWS + i];
      e += y * y / N;
    }
  return e;
}

static void compensates(void **state) {
  (void)state;
  Case c = made(0);
  double nearest[ROWS * COLS], bias[COLS] = {1, 1};
  rounded(&c);
  for (int i = 0; i < ROWS * COLS; i++) {
    nearest[i] = floor(c.w[i] * 8 + 0.5) / 8;
    assert_true(c.q[i] * 8 == floor(c.q[i] * 8) && c.q[i] >= -1 && c.q[i] <= 0.875);
  }
  assert_true(error(&c, c.q, c.bias) < 0.5 * error(&c, nearest, bias));
}

static void price_buys_zeros(void **state) {
  (void)state;
  double last = INFINITY;
  for (double price = 1e-6; price < 10; price *= 10) {
    Case c = made(price);
    double cost = rounded(&c), digits = 0;
    for (int i = 0; i < ROWS * COLS; i++)
      digits += rdo_digits((int64_t)(c.q[i] * 8)) * (6 + 2);
    assert_true(cost == digits && cost <= last);
    last = cost;
  }
  assert_true(last == 0);
}

static void bias_is_the_mean(void **state) { /* of what the weights leave, also where no weight is left */
  (void)state;
  Case c = made(100);
  rounded(&c);
  for (int j = 0; j < COLS; j++) {
    double mean = 0;
    for (int s = 0; s < N; s++)
      mean += c.z[s * COLS + j] / N;
    assert_true(fabs(c.bias[j] - mean) < 1e-9);
  }
}

static void heavy_samples_count(void **state) { /* the mean of those that matter alone */
  (void)state;
  Case c = made(100);
  double weight[N] = {0}, mean = 0;
  for (int s = 0; s < N / 4; s++)
    weight[s] = 4, mean += c.z[s * COLS] / (N / 4);
  c.layer.weight = weight;
  rounded(&c);
  assert_true(fabs(c.bias[0] - mean) < 1e-9);
}

static void pruned_stay(void **state) {
  (void)state;
  Case c = made(0);
  c.w[2] = 0;
  c.layer.zeros_stay = true;
  rounded(&c);
  assert_true(c.q[2] == 0 && c.q[0] != 0);
}

static void digits(void **state) {
  (void)state;
  assert_int_equal(rdo_digits(0), 0);
  assert_int_equal(rdo_digits(-8), 1);
  assert_int_equal(rdo_digits(7), 2);
  assert_int_equal(rdo_digits(-11), 3);
}

/* No integer with so many digits is much nearer: greedy takes at most a third more than it must. */
static void nearest_with_digits(void **state) {
  (void)state;
  for (int digits = 1; digits <= 3; digits++)
    for (double t = -40; t <= 40; t += 0.3) {
      const double v = rdo_nearest(t, digits, -32, 31), held = fmin(fmax(t, -32), 31);
      double best = INFINITY;
      for (int u = -32; u <= 31; u++)
        if (u && rdo_digits(u) <= digits)
          best = fmin(best, fabs(u - held));
      assert_true(v == floor(v) && v != 0 && v >= -32 && v <= 31 && rdo_digits((int64_t)v) <= digits);
      assert_true(fabs(v - held) <= best * (digits == 1 ? 1 : 4.0 / 3) + 1e-9);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(compensates),
                                     cmocka_unit_test(price_buys_zeros),
                                     cmocka_unit_test(bias_is_the_mean),
                                     cmocka_unit_test(nearest_with_digits),
                                     cmocka_unit_test(heavy_samples_count),
                                     cmocka_unit_test(pruned_stay),
                                     cmocka_unit_test(digits)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
