/* SPDX-License-Identifier: Apache-2.0
 *
 * test_lanes.c - a step of the C model whose loop goes over rows of two widths, as gcc 12 miscompiles it where it may look into it.
 */
#define NN_BULK 16
#include "../../runtime/nn_lanes.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

typedef struct {
  NN_ALIGN nn_m16 w16[60][NN_LANES];
  NN_ALIGN nn_m32 w32[1][NN_LANES];
} Memory;

#define ROW(r)                                                                                                                             \
  NN_STORE_32(16, m->w16[r], (nn_s32)((nn_u32)NN_LOAD_32(16, m->w16[(r) + 20]) + (nn_u32)NN_LOAD_32(16, m->w16[(r) + 30])) >> 2)

NN_STEP void step(Memory *m) {
  size_t b;
  for (b = 0; b < NN_LANES; b += NN_SUB_32) {
    const nn_s32 x = NN_LOAD_32(16, m->w16[40]), y = NN_LOAD_32(16, m->w16[41]);
    NN_STORE_32(32, m->w32[0], (nn_s32)((nn_u32)x - ((nn_u32)y << 5)));
    ROW(0), ROW(1), ROW(2), ROW(3), ROW(4), ROW(5), ROW(6), ROW(7), ROW(8), ROW(9), ROW(10), ROW(11), ROW(12);
  }
}

static void fill(Memory *m) {
  for (int r = 0; r < 60; r++)
    for (int l = 0; l < NN_LANES; l++)
      m->w16[r][l] = (nn_m16)(100 * r + l);
}

static void test_step(void **state) {
  static Memory m;
  (void)state;
  for (int times = 0; times < 2; times++) {
    fill(&m);
    step(&m);
    for (int l = 0; l < NN_LANES; l++) {
      assert_int_equal(m.w32[0][l], 4000 + l - 32 * (4100 + l));
      for (int r = 0; r < 13; r++)
        assert_int_equal(m.w16[r][l], (100 * (r + 20) + l + 100 * (r + 30) + l) >> 2);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_step)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
