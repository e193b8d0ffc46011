/* SPDX-License-Identifier: Apache-2.0
 *
 * test_recurrent.c - recurrent layers in the Graph: unrolling and rolling keep the float meaning, steps share formats.
 */
#include "lower.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { STEPS = 4, IN = 2, HIDDEN = 3 };

static uint64_t state = 1;
static double draw(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (double)(int64_t)(state >> 33) / (double)(1u << 30) - 1;
}

static Tensor *constant(Graph *g, const char *name, int rank, const int64_t *dim) {
  Tensor *t = graph_const(g, name, DT_FLOAT, rank, dim, NULL);
  for (int64_t e = 0; e < tensor_count(t); e++)
    t->value[e] = draw();
  return t;
}

static Graph *new_graph(Tensor **x) {
  Graph *g = mem_alloc(sizeof *g);
  g->file = "test";
  g->in = mem_array(1, sizeof *g->in);
  g->out = mem_array(2, sizeof *g->out);
  g->n_in = 1;
  *x = g->in[0] = graph_tensor(g, "x", DT_FLOAT);
  (*x)->rank = 3;
  (*x)->dim[0] = STEPS, (*x)->dim[1] = 1, (*x)->dim[2] = IN;
  return g;
}

/* A node of that operator, its outputs Y and Y_h those of the graph. */
static Graph *layer(const char *op, int gates, const char *attribute) {
  Tensor *x;
  Graph *g = new_graph(&x);
  Tensor *in[] = {x, constant(g, "W", 3, (int64_t[]){2, gates * HIDDEN, IN}), constant(g, "R", 3, (int64_t[]){2, gates * HIDDEN, HIDDEN}),
                  constant(g, "B", 2, (int64_t[]){2, 2 * gates * HIDDEN})};
  Tensor *out[] = {graph_tensor(g, "Y", DT_FLOAT), graph_tensor(g, "Y_h", DT_FLOAT)};
  Node *n = graph_insert(g, NULL, op, "cell", 4, in, 2, out);
  attr_set_string(n, "direction", "bidirectional");
  if (attribute)
    attr_set_int(n, attribute, 1);
  assert_true(op_info[n->op].infer(g, n));
  memcpy(g->out, out, sizeof out);
  g->n_out = 2;
  return g;
}

static double *outputs(const Graph *g, const double *in) {
  double *all = mem_array(1000, sizeof *all), *at = all;
  Eval *e = eval_new(g);
  eval_run(e, in);
  for (int i = 0; i < g->n_out; i++)
    for (int64_t k = 0; k < tensor_count(g->out[i]); k++)
      *at++ = eval_value(e, g->out[i])[k];
  return all;
}

static void assert_same(const double *a, const double *b, int n) {
  for (int i = 0; i < n; i++)
    assert_true(fabs(a[i] - b[i]) < 1e-12);
}

static int count_op(const Graph *g, OpId op) {
  int n = 0;
  for (int i = 0; i < g->n_nodes; i++)
    n += g->node[i]->op == op;
  return n;
}

static void unrolling_keeps_the_meaning(void **unused) {
  (void)unused;
  static const struct {
    const char *op, *attribute;
    int gates;
  } cell[] = {{"RNN", NULL, 1}, {"GRU", NULL, 3}, {"GRU", "linear_before_reset", 3}, {"LSTM", NULL, 4}, {"LSTM", "input_forget", 4}};
  double in[STEPS * IN];
  for (int i = 0; i < STEPS * IN; i++)
    in[i] = draw();
  for (size_t c = 0; c < sizeof cell / sizeof *cell; c++) {
    Graph *g = layer(cell[c].op, cell[c].gates, cell[c].attribute);
    double *before = outputs(g, in);
    pass_unroll(g);
    graph_check(g, true);
    assert_int_equal(count_op(g, op_find("", cell[c].op)), 0);
    assert_same(before, outputs(g, in), 2 * STEPS * HIDDEN + 2 * HIDDEN);
  }
}

static void steps_share_formats(void **unused) {
  (void)unused;
  Graph *g = layer("LSTM", 4, NULL);
  pass_unroll(g);
  Options o = {.W = 8, .auto_I = true, .random_vectors = 0};
  quant_assign(g, &o, config_read(NULL), samples_read(g, &o));
  int tied = 0;
  for (int i = 0; i < g->n_tensors; i++)
    for (int k = 0; k < i; k++) {
      const Tensor *a = g->tensor[i], *b = g->tensor[k];
      if (!a->tie || a->tie != b->tie)
        continue;
      tied++;
      assert_int_equal(a->exact, b->exact);
      assert_int_equal(a->fmt.W, b->fmt.W);
      assert_int_equal(a->fmt.I, b->fmt.I);
    }
  assert_true(tied > 100);
}

/* tanh(x_t W + h R + b), step by step; `odd`: the last step has weights of its own. */
static Graph *unrolled(bool odd) {
  Tensor *x;
  Graph *g = new_graph(&x);
  Tensor *w = constant(g, "W", 2, (int64_t[]){IN, HIDDEN}), *r = constant(g, "R", 2, (int64_t[]){HIDDEN, HIDDEN}),
         *b = constant(g, "b", 1, (int64_t[]){HIDDEN}), *other = constant(g, "R2", 2, (int64_t[]){HIDDEN, HIDDEN}), *h = NULL;
  for (int t = 0; t < STEPS; t++) {
    Tensor *index = graph_const(g, "index", DT_INT64, 0, NULL, (double[]){t});
    Tensor *chain[6] = {x};
    const struct {
      const char *op;
      Tensor *second;
    } made[] = {{"Gather", index}, {"MatMul", w}, {"Add", b}, {"Add", NULL}, {"Tanh", NULL}};
    for (int i = 0; i < 5; i++) {
      Tensor *second = made[i].second;
      if (i == 3 && h) {
        second = graph_tensor(g, "hR", DT_FLOAT);
        Node *m = graph_insert(g, NULL, "MatMul", "hR", 2, (Tensor *[]){h, odd && t == STEPS - 1 ? other : r}, 1, &second);
        assert_true(op_info[m->op].infer(g, m));
      }
      chain[i + 1] = i == 3 && !h ? chain[i] : graph_tensor(g, made[i].op, DT_FLOAT);
      if (chain[i + 1] == chain[i])
        continue;
      Node *n = graph_insert(g, NULL, made[i].op, made[i].op, second ? 2 : 1, (Tensor *[]){chain[i], second}, 1, &chain[i + 1]);
      assert_true(op_info[n->op].infer(g, n));
    }
    h = chain[5];
  }
  g->out[0] = h;
  g->n_out = 1;
  return g;
}

static void rolling_keeps_the_meaning(void **unused) {
  (void)unused;
  double in[STEPS * IN];
  for (int i = 0; i < STEPS * IN; i++)
    in[i] = draw();
  Graph *g = unrolled(false);
  double *before = outputs(g, in);
  pass_roll(g);
  graph_check(g, true);
  assert_int_equal(count_op(g, OP_RNN), 1);
  assert_int_equal(count_op(g, OP_Tanh), 0);
  assert_same(before, outputs(g, in), HIDDEN);
}

static void other_weights_end_a_chain(void **unused) {
  (void)unused;
  double in[STEPS * IN] = {0};
  Graph *g = unrolled(true);
  double *before = outputs(g, in);
  pass_roll(g);
  graph_check(g, true);
  assert_int_equal(count_op(g, OP_Tanh), STEPS); /* the rest does not read all of x */
  assert_same(before, outputs(g, in), HIDDEN);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(unrolling_keeps_the_meaning), cmocka_unit_test(steps_share_formats),
                                     cmocka_unit_test(rolling_keeps_the_meaning), cmocka_unit_test(other_weights_end_a_chain)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
