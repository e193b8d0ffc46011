/* SPDX-License-Identifier: Apache-2.0
 *
 * test_stream.c - streams: what the evaluator says of them is what the same arithmetic by hand says, element by element.
 */
#include "catch.h"

#include "random_stream.h"

enum { STREAMS = 400, FRAMES = 6 };

static void same_as_naive(Random *r) {
  const Stream *s = r->s;
  StreamEval *e = stream_eval_new(s);
  Naive v = naive_new(r);
  int64_t *in = mem_array((size_t)s->n_in_elements, sizeof *in), *out = mem_array((size_t)s->n_out_elements, sizeof *out);
  int64_t *want = mem_array((size_t)s->n_out_elements, sizeof *want);
  for (int f = 0; f < FRAMES; f++) {
    random_frame(s, in, f % 2);
    stream_eval_run(e, in, out);
    naive(&v, in, want);
    for (int i = 0; i < s->n_edges; i++) {
      const Edge *edge = s->edge[i];
      assert_memory_equal(stream_eval_edge(e, edge), v.value[i], (size_t)(edge->rows * edge->cols * edge->channels) * sizeof *in);
    }
    assert_memory_equal(out, want, (size_t)s->n_out_elements * sizeof *out);
  }
  for (int i = 0; i < s->n_units; i++) {
    const Unit *u = s->unit[i];
    const Kernel *k = u->meaning == MEANS_PRODUCT ? u->finish : u->plain;
    uint64_t told = 0;
    for (int j = 0; k && j < k->n_sites; j++)
      told += stream_eval_counts(e, u)->saturated[j];
    assert_int_equal(told, v.limited[i]);
  }
}

static void test_eval(void **state) {
  (void)state;
  for (int i = 0; i < STREAMS; i++) {
    Random r = random_stream((uint64_t)i, i % 3 ? 16 : 30, i % 2 ? 8 : 16);
    same_as_naive(&r);
    again();
  }
}

/* Sums of up to 64 bits. */
static void test_eval_wide(void **state) {
  (void)state;
  for (int i = 0; i < STREAMS / 4; i++) {
    Random r = random_stream(1000 + (uint64_t)i, 32, 24);
    same_as_naive(&r);
    again();
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_eval, setup, teardown),
      cmocka_unit_test_setup_teardown(test_eval_wide, setup, teardown),
  };
  return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
