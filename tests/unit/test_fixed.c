/* SPDX-License-Identifier: Apache-2.0
 *
 * test_fixed.c - runtime/nn_fixed.h: every format up to 6 bits against rational arithmetic, and libfixmath as an independent witness at
 * <32,16>.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <libfixmath/fix16.h>
#include "nn_fixed.h"

/* The reference: x = num / 2^den as a rational; division by trial, nothing shared with the code under test. */
static int64_t floor_div(int64_t a, int64_t b) {
  int64_t q = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

static int64_t ref_round(int64_t num, int64_t den, int round) {
  int64_t low = floor_div(num, den), twice = 2 * (num - low * den); /* 0 <= twice / (2 den) < 1 */
  if (round == NN_TRN || twice < den)
    return low;
  if (twice > den || round == NN_RND)
    return low + 1;
  return low % 2 == 0 ? low : low + 1;
}

static int64_t ref_fit(int64_t v, int64_t lo, int64_t hi, int overflow) {
  int64_t size = hi - lo + 1;
  if (overflow == NN_SAT)
    return v < lo ? lo : v > hi ? hi : v;
  while (v < lo)
    v += size;
  while (v > hi)
    v -= size;
  return v;
}

static void small_formats(void **state) {
  (void)state;
  for (int W = 1; W <= 6; W++)
    for (int is_signed = 0; is_signed < 2; is_signed++) {
      int64_t lo = nn_lowest(W, is_signed), hi = nn_highest(W, is_signed);
      assert_int_equal(lo, is_signed ? -(1 << W) / 2 : 0);
      assert_int_equal(hi, (is_signed ? (1 << W) / 2 : 1 << W) - 1);
      for (int frac = -3; frac <= W + 2; frac++)
        for (int round = NN_TRN; round <= NN_RNE; round++)
          for (int overflow = NN_SAT; overflow <= NN_WRAP; overflow++)
            for (int64_t n = -4096; n <= 4096; n++) { /* x = n / 64 */
              int64_t num, den;
              num = frac >= 0 ? n * (1 << frac) : n;
              den = frac >= 0 ? 64 : 64 << -frac;
              int64_t r = ref_round(num, den, round), want = ref_fit(r, lo, hi, overflow);
              int out = 0;
              assert_int_equal(nn_from_double((double)n / 64, frac, lo, hi, round, overflow, &out), want);
              assert_int_equal(out, r < lo || r > hi);
            }
    }
}

static void integer_primitives(void **state) {
  (void)state;
  for (int64_t v = -2048; v <= 2048; v++)
    for (int drop = -3; drop <= 8; drop++)
      for (int round = NN_TRN; round <= NN_RNE; round++) {
        int64_t want = drop <= 0 ? v * (1 << -drop) : ref_round(v, 1 << drop, round);
        assert_int_equal(nn_round_shift(v, drop, round), want);
        assert_true(nn_round_shift128(v, drop, round) == want);
        for (int W = 1; W <= 6; W++)
          for (int s = 0; s < 2; s++) {
            int64_t lo = nn_lowest(W, s), hi = nn_highest(W, s);
            assert_int_equal(nn_saturate(want, lo, hi), ref_fit(want, lo, hi, NN_SAT));
            assert_int_equal(nn_wrap(want, lo, hi), ref_fit(want, lo, hi, NN_WRAP));
            assert_int_equal(nn_saturate128(want, lo, hi), ref_fit(want, lo, hi, NN_SAT));
            assert_int_equal(nn_wrap128(want, lo, hi), ref_fit(want, lo, hi, NN_WRAP));
          }
      }
}

static void extremes(void **state) {
  (void)state;
  const int64_t lo = nn_lowest(64, 1), hi = nn_highest(64, 1);
  assert_true(lo == INT64_MIN && hi == INT64_MAX);
  assert_true(nn_lowest(63, 1) == INT64_MIN / 2 && nn_highest(63, 0) == INT64_MAX);
  for (int round = NN_TRN; round <= NN_RNE; round++) {
    assert_int_equal(nn_round_shift(INT64_MIN, 63, round), -1);
    assert_int_equal(nn_round_shift(INT64_MIN, 64, round), round == NN_TRN ? -1 : 0);
    assert_int_equal(nn_round_shift(INT64_MAX, 64, round), 0);
    assert_int_equal(nn_round_shift(-1, 200, round), round == NN_TRN ? -1 : 0);
    assert_int_equal(nn_from_double(-5e-324, 1, lo, hi, round, NN_SAT, NULL), round == NN_TRN ? -1 : 0);
    assert_int_equal(nn_from_double(-5e-324, -1000, lo, hi, round, NN_SAT, NULL), round == NN_TRN ? -1 : 0);
    assert_int_equal(nn_from_double(5e-324, 0, lo, hi, round, NN_SAT, NULL), 0);
    /* x + 0.5 in double would give 1 */
    assert_int_equal(nn_from_double(0.49999999999999994, 0, -8, 7, round, NN_SAT, NULL), 0);
    assert_int_equal(nn_from_double(-0.49999999999999994, 0, -8, 7, round, NN_SAT, NULL), round == NN_TRN ? -1 : 0);
    assert_int_equal(nn_from_double(2251799813685249.5, 0, lo, hi, round, NN_SAT, NULL), 2251799813685249 + (round == NN_TRN ? 0 : 1));
  }
  int out = 0;
  assert_int_equal(nn_from_double(NAN, 4, -8, 7, NN_RND, NN_SAT, &out), 0);
  assert_int_equal(out, 1);
  assert_int_equal(nn_from_double(INFINITY, 4, -8, 7, NN_RND, NN_WRAP, NULL), 7);
  assert_int_equal(nn_from_double(-INFINITY, 4, -8, 7, NN_RND, NN_WRAP, NULL), -8);
  assert_int_equal(nn_from_double(1e300, 4, -8, 7, NN_RND, NN_SAT, NULL), 7);
  assert_int_equal(nn_from_double(-1e300, 400, -8, 7, NN_RND, NN_SAT, NULL), -8);
  assert_int_equal(nn_from_double(1e300, 4, -8, 7, NN_RND, NN_WRAP, NULL), 0);
  assert_int_equal(nn_from_double(18446744073709551616.0 + 4096, 0, -32768, 32767, NN_RND, NN_WRAP, NULL), 4096);
  assert_int_equal(nn_from_double(-9223372036854775808.0, 0, lo, hi, NN_RND, NN_SAT, NULL), INT64_MIN);
  out = 0;
  assert_int_equal(nn_from_double(9223372036854775808.0, 0, lo, hi, NN_RND, NN_SAT, &out), INT64_MAX);
  assert_int_equal(out, 1);
  assert_true(nn_to_double(-3, 2) == -0.75 && nn_to_double(3, -2) == 12.0);
  assert_true(nn_mul(INT64_MIN, INT64_MIN) == (nn_wide)1 << 126);
  assert_true(nn_round_shift128(nn_mul(INT64_MIN, 3), 64, NN_RND) == -1); /* -1.5: half up is towards +infinity */
  assert_true(nn_round_shift128(nn_mul(INT64_MIN, 3), 64, NN_RNE) == -2);
}

/* libfixmath is Q16.16 with a rounded product and a sentinel, fix16_overflow = 0x80000000, on overflow. Ours at <32,16>, RND, saturating:
 *  - the sum saturates where theirs gives the sentinel;
 *  - their product rounds half away from zero on negative products, ours half up: they differ by one step on exact negative ties only;
 *  - their product counts as overflow from -2^31 exactly (the sentinel's own pattern), which ours represents. */
static void libfixmath_agrees(void **state) {
  (void)state;
  uint64_t seed = 1;
  const int64_t lo = INT32_MIN, hi = INT32_MAX;
  int ties = 0, overflows = 0;
  for (int i = 0; i < 1000000; i++) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    int32_t a = (int32_t)(seed >> 32);
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    int32_t b = (int32_t)(seed >> 32);
    a >>= seed >> 8 & 15, b >>= seed >> 12 & 15; /* small ones too, or nearly all products overflow */
    if (i % 4 == 0)
      a = (a >> 24) * 256 + 128, b &= ~255; /* ties */

    int64_t sum = nn_saturate((int64_t)a + b, lo, hi);
    fix16_t theirs = fix16_add(a, b);
    if (theirs == fix16_overflow)
      assert_true(sum == lo || sum == hi);
    else
      assert_int_equal(theirs, sum);
    assert_int_equal(fix16_sadd(a, b), sum);

    int64_t exact = (int64_t)a * b, product = nn_saturate128(nn_round_shift128(nn_mul(a, b), 16, NN_RND), lo, hi);
    theirs = fix16_mul(a, b);
    bool tie = (exact & 0xffff) == 0x8000 && exact < 0;
    if (theirs == fix16_overflow) {
      overflows++;
      assert_true(product == lo || product == hi || (tie && product == lo + 1));
    } else {
      ties += tie;
      assert_int_equal(theirs, product - tie);
    }
    if (!tie)
      assert_int_equal(fix16_smul(a, b), product);
  }
  assert_true(ties > 1000 && overflows > 1000);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(small_formats), cmocka_unit_test(integer_primitives), cmocka_unit_test(extremes),
                                     cmocka_unit_test(libfixmath_agrees)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
