/* SPDX-License-Identifier: Apache-2.0
 *
 * test_report.c - text and numbers of report.html, and where error enters, on a network small enough to work out by hand.
 */
#include "catch.h"

#include "lower.h"
#include "report_html.h"
#include <math.h>

static void text_is_escaped(void **state) {
  (void)state;
  assert_string_equal(html_text("<b>&\"'"), "&lt;b&gt;&amp;\\&quot;\\&#39;");
  assert_string_equal(html_text(NULL), "");
  assert_null(strpbrk(html_text("a\x01\n\xff<script>"), "<>\n\x01\xff"));
  assert_string_equal(html_command("nngen '<m>' --q=8,3\x1b"), "nngen &#39;&lt;m&gt;&#39; --q=8,3?");
}

static void numbers_read_well(void **state) {
  (void)state;
  assert_string_equal(html_count(0), "0");
  assert_string_equal(html_count(999), "999");
  assert_string_equal(html_count(-1000), "−1,000");
  assert_string_equal(html_count(1234567), "1,234,567");
  assert_string_equal(html_count(INT64_MIN), "−9,223,372,036,854,775,808");
  assert_string_equal(html_number(-0.25), "−0.25");
  assert_string_equal(html_number(1.5e-7), "1.5·10<sup>−7</sup>");
  assert_string_equal(html_number(NAN), "–");
  assert_string_equal(html_number(-INFINITY), "−∞");
  assert_string_equal(html_percent(0.763), "76.30\u00a0%");
  assert_string_equal(html_format((Format){8, 3, false}), "u&lt;8,3&gt;");
  assert_string_equal(html_format((Format){0, 0, false}), "exact");
}

static void octaves_hold_powers_of_two(void **state) {
  (void)state;
  Octaves o = {0};
  octaves_add(&o, 0);
  octaves_add(&o, -1);
  octaves_add(&o, 1.99);
  octaves_add(&o, 2);
  octaves_add(&o, 0.49);
  octaves_add(&o, 1e-300);
  octaves_add(&o, 1e300);
  assert_int_equal(o.zero, 1);
  assert_int_equal(o.bin[OCTAVE_0], 2);
  assert_int_equal(o.bin[OCTAVE_0 + 1], 1);
  assert_int_equal(o.bin[OCTAVE_0 - 2], 1);
  assert_int_equal(o.bin[0], 1);
  assert_int_equal(o.bin[OCTAVES - 1], 1);
}

/* y = relu(x w + b): x and the result in <4,3>, step 1/2; w = 0.75 becomes 1 (half up), b = 0.25 becomes 0.5. */
static void error_is_told_apart(void **state) {
  (void)state;
  const int64_t one[] = {1, 1};
  const double w = 0.75, b = 0.25;
  Graph *g = mem_alloc(sizeof *g);
  g->file = "m.onnx";
  Tensor *x = graph_tensor(g, "x", DT_FLOAT), *z = graph_tensor(g, "z", DT_FLOAT), *s = graph_tensor(g, "s", DT_FLOAT),
         *y = graph_tensor(g, "y", DT_FLOAT);
  Tensor *all[] = {x, z, s, y};
  for (int i = 0; i < 4; i++)
    all[i]->rank = 2, all[i]->dim[0] = all[i]->dim[1] = 1;
  g->n_in = g->n_out = 1;
  g->in = mem_array(1, sizeof *g->in);
  g->out = mem_array(1, sizeof *g->out);
  g->in[0] = x, g->out[0] = y;
  Tensor *product[] = {x, graph_const(g, "w", DT_FLOAT, 2, one, &w)}, *sum[] = {z, graph_const(g, "b", DT_FLOAT, 2, one, &b)};
  graph_insert(g, NULL, "MatMul", "product", 2, product, 1, &z);
  graph_insert(g, NULL, "Add", "sum", 2, sum, 1, &s);
  graph_insert(g, NULL, "Relu", "relu", 1, &s, 1, &y);
  float in[] = {1.25f};
  double lo[8] = {0}, hi[8] = {0}, out[] = {1.25 * 0.75 + 0.25};
  Options o = {
      .W = 4, .I = 3, .round = ROUND_RND, .top = "t", .max_error = 0.5, .quiet = true, .effort = 1, .depth = "auto", .mode = "auto"};
  o.family = family_find("generic");
  Samples samples = {.n = 1, .n_due = 1, .n_in = 1, .n_out = 1, .in = in, .out = out, .lo = lo, .hi = hi, .source = "here"};
  Config *config = config_read(NULL);
  quant_assign(g, &o, config, &samples);
  Kernel *k = lower_graph(g, &o, config);
  assert_string_equal(heard(), "");
  int64_t raw[2];
  Comparison *c = compare_run(g, k, &o, &samples, raw);
  /* x: 1.25 -> 1.5; z: 1.5; s: 2 where float has 1.1875; y the same */
  assert_true(fabs(c->input[0].max_abs_err - 0.25) < 1e-9);
  assert_true(fabs(c->max_abs_err - 0.8125) < 1e-9);
  /* product and sum are one: 2 against 1.5 * 0.75 + 0.25 */
  assert_true(c->layer[0].own_unknown && !c->layer[1].own_unknown);
  assert_true(fabs(c->layer[0].max_abs_err - 0.5625) < 1e-9);
  assert_true(fabs(c->layer[1].own_max_abs_err - 0.625) < 1e-9);
  assert_true(c->layer[2].own_max_abs_err == 0);
  /* at the output: the input moves it by 0.25 * 0.75, the sum by 0.625; together that is the error */
  assert_int_equal(c->n_traced, 1);
  assert_true(fabs(sqrt(c->input[0].output_sum_sq) - 0.1875) < 1e-9);
  assert_true(fabs(sqrt(c->layer[1].output_sum_sq) - 0.625) < 1e-9);
  assert_true(c->layer[0].output_sum_sq == 0 && c->layer[2].output_sum_sq == 0);
  assert_non_null(c->worst_source);
  assert_non_null(strstr(c->worst_source, "'product'"));
  assert_true(fabs(c->worst_part - 0.625) < 1e-9);
  compare_limit(&o, c);
  assert_heard("enters at node 'product' (MatMul: its weights, <4,3>)");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {TEST(text_is_escaped), TEST(numbers_read_well), TEST(octaves_hold_powers_of_two),
                                     TEST(error_is_told_apart)};
  return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
