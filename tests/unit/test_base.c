/* SPDX-License-Identifier: Apache-2.0
 *
 * test_base.c - memory, text, diagnostics.
 */
#include "catch.h"

#include "nngen.h"

static void arena_grows_and_zeroes(void **state) {
  (void)state;
  int *v = NULL, cap = 0;
  for (int n = 0; n < 1000; n++) {
    v = mem_grow(v, n, &cap, sizeof *v);
    assert_int_equal(v[n], 0);
    v[n] = n;
  }
  for (int n = 0; n < 1000; n++)
    assert_int_equal(v[n], n);
  assert_non_null(mem_alloc(0));
  assert_string_equal(mem_printf("%d-%s", 7, "a"), "7-a");
}

static jmp_buf enough;
static void jump(void) {
  longjmp(enough, 1);
}

static void arena_keeps_its_budget(void **state) {
  (void)state;
  mem_set_budget(1 << 20);
  mem_on_exhausted(jump);
  bool stopped = setjmp(enough) != 0;
  if (!stopped)
    mem_array(SIZE_MAX / 4, 8);
  assert_true(stopped);
  volatile int pieces = 0;
  if (!setjmp(enough))
    for (;; pieces++)
      mem_alloc(1000);
  assert_in_range(pieces, 500, 1100);
  mem_on_exhausted(NULL);
  mem_set_budget((size_t)4 << 30);
}

static void identifiers_are_legal_everywhere(void **state) {
  (void)state;
  static const char *const pair[][2] = {{"fc1", "fc1"},
                                        {"layer.0/weight", "layer_0_weight"},
                                        {"1st", "n1st"},
                                        {"__a__b__", "n_a_b"},
                                        {"", "n"},
                                        {"signal", "n_signal"},
                                        {"Process", "n_Process"},
                                        {"double", "n_double"},
                                        {"x(1)", "x_1"},
                                        {"\xc3\xa4", "n"},
                                        {"std_logic", "n_std_logic"},
                                        {"a-", "a"},
                                        {"reg", "n_reg"},
                                        {"_", "n"}};
  for (size_t i = 0; i < sizeof pair / sizeof *pair; i++)
    assert_string_equal(ident(pair[i][0]), pair[i][1]);
  assert_int_equal(strlen(ident("a23456789_123456789_123456789_123456789_123456789_123456789_1234567890")), 64);
  assert_int_equal(strlen(ident("a23456789012345678901234567890123456789012345678901234567890123__b")), 63);
}

static void globs_match(void **state) {
  (void)state;
  assert_true(glob_match("fc*", "fc12") && glob_match("*", "") && glob_match("a?c", "abc") && glob_match("*.w*t", "l.1.weight"));
  assert_false(glob_match("fc*", "gfc") || glob_match("?", "") || glob_match("a*b", "abc") || glob_match("", "a"));
  char long_name[4001], stars[] = "*a*a*a*a*a*a*a*a*b";
  memset(long_name, 'a', 4000);
  long_name[4000] = 0;
  assert_false(glob_match(stars, long_name)); /* and not in exponential time */
}

static void text_from_the_model_is_escaped_and_cut(void **state) {
  (void)state;
  assert_string_equal(diag_text("a\n'\"\\\x1b[0m\xff"), "a\\x0A\\'\\\"\\\\\\x1B[0m\\xFF");
  char name[200];
  memset(name, 'n', sizeof name - 1);
  name[199] = 0;
  assert_int_equal(strlen(diag_text(name)), 80);
  assert_string_equal(diag_text(name) + 77, "...");
  assert_string_equal(diag_text(NULL), "");
}

static void messages_have_one_form(void **state) {
  (void)state;
  Node n = {.name = "conv\n1", .op_type = "Conv", .index = 12};
  diag_error(EXIT_UNSUPPORTED, &n, "is %d", 7);
  diag_error(EXIT_INVALID, NULL, "bad");
  diag_warn(NULL, "hm");
  assert_string_equal(heard(), "m.onnx: node 'conv\\x0A1' (Conv #12): is 7\nm.onnx: bad\nm.onnx: warning: hm\n");
  assert_int_equal(diag_status(), EXIT_INVALID);
  assert_int_equal(diag_errors(), 2);
  assert_int_equal(diag_warnings(), 1);
  diag_set_json(true);
  diag_error(EXIT_INVALID, &n, "say \"x\"");
  assert_heard("{\"level\": \"error\", \"code\": 2, \"file\": \"m.onnx\", \"node\": \"conv\\\\x0A1\", \"op\": \"Conv\", \"index\": 12, "
               "\"message\": \"say \\\"x\\\"\"}\n");
}

static void numbers_and_hashes(void **state) {
  (void)state;
  i128 min = (i128)1 << 126;
  min = -min - min;
  assert_string_equal(i128_text(min), "-170141183460469231731687303715884105728");
  assert_string_equal(i128_text(0), "0");
  assert_string_equal(i128_text(-120), "-120");
  assert_string_equal(sha256_hex("abc", 3), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(arena_grows_and_zeroes),
      TEST(arena_keeps_its_budget),
      TEST(identifiers_are_legal_everywhere),
      TEST(globs_match),
      TEST(text_from_the_model_is_escaped_and_cut),
      TEST(messages_have_one_form),
      TEST(numbers_and_hashes),
  };
  return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
