/* SPDX-License-Identifier: Apache-2.0
 *
 * test_gradient.c - gen/gradient.h: slopes through whole networks are what small steps of inputs, weights and biases do to the output.
 * pass_local.c: matrices in the place of convolutions compute the same.
 */
#include "catch.h"

#include <math.h>

#include "gradient.h"
#include "make_model.h"
#include "passes.h"

enum { ROWS = 3 };

static uint64_t state = 1;
static double draw(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (double)(int64_t)(state >> 33) / (double)(1u << 30) - 1;
}

static void drawn(Model *m, const char *name, int rank, const int64_t *dim) {
  int n = 1;
  for (int i = 0; i < rank; i++)
    n *= (int)dim[i];
  float *v = mem_array((size_t)n, sizeof *v);
  for (int i = 0; i < n; i++)
    v[i] = (float)draw();
  floats(m, name, n, v, rank, dim);
}

static size_t size(const Tensor *t) {
  return (size_t)tensor_count(t);
}

/* Values of all tensors, rows one after the other; constants as they stand. */
static double **forward(const Graph *g, const double *x) {
  double **v = mem_array((size_t)g->n_tensors, sizeof *v);
  for (int i = 0; i < g->n_tensors; i++)
    if (g->tensor[i]->rank >= 0)
      v[i] = g->tensor[i]->value ? g->tensor[i]->value : mem_array(ROWS * size(g->tensor[i]) + 1, 8);
  memcpy(v[g->in[0]->id], x, ROWS * size(g->in[0]) * 8);
  for (int k = 0; k < g->n_nodes; k++) {
    const Node *n = g->node[k];
    for (size_t r = 0; r < ROWS; r++) {
      const double *in[8];
      double *out[8];
      for (int i = 0; i < n->n_in; i++)
        in[i] = n->in[i] ? v[n->in[i]->id] + (n->in[i]->value ? 0 : r * size(n->in[i])) : NULL;
      for (int i = 0; i < n->n_out; i++)
        out[i] = n->out[i] ? v[n->out[i]->id] + r * size(n->out[i]) : NULL;
      op_info[n->op].eval(n, in, out);
    }
  }
  return v;
}

static double loss(const Graph *g, const double *x, const double *by) {
  const double *y = forward(g, x)[g->out[0]->id];
  double sum = 0;
  for (size_t e = 0; e < ROWS * size(g->out[0]); e++)
    sum += by[e] * y[e];
  return sum;
}

/* Slopes of the loss by all tensors. */
static double **backward(const Graph *g, double **v, const double *by) {
  double **slope = mem_array((size_t)g->n_tensors, sizeof *slope);
  for (int i = 0; i < g->n_tensors; i++)
    if (g->tensor[i]->rank >= 0 && dtype_is_float(g->tensor[i]->dtype))
      slope[i] = mem_array((g->tensor[i]->value ? 1 : ROWS) * size(g->tensor[i]) + 1, 8);
  memcpy(slope[g->out[0]->id], by, ROWS * size(g->out[0]) * 8);
  for (int k = g->n_nodes - 1; k >= 0; k--) {
    const Node *n = g->node[k];
    const double *in[8], *out[8], *dy[8];
    double *dx[8];
    for (int i = 0; i < n->n_in; i++)
      in[i] = n->in[i] ? v[n->in[i]->id] : NULL, dx[i] = n->in[i] ? slope[n->in[i]->id] : NULL;
    for (int i = 0; i < n->n_out; i++)
      out[i] = n->out[i] ? v[n->out[i]->id] : NULL, dy[i] = n->out[i] ? slope[n->out[i]->id] : NULL;
    Gradient *back = gradient_new(n);
    if (!back)
      fail_msg("%s has no gradient", n->op_type);
    double *again[8];
    for (int i = 0; i < n->n_out; i++)
      again[i] = n->out[i] ? mem_array(ROWS * size(n->out[i]) + 1, 8) : NULL;
    gradient_run(back, ROWS, in, again);
    for (int i = 0; i < n->n_out; i++)
      for (size_t e = 0; n->out[i] && e < ROWS * size(n->out[i]); e++)
        assert_true(fabs(again[i][e] - out[i][e]) < 1e-12);
    gradient_back(back, ROWS, in, out, dy, dx);
    gradient_free(back);
  }
  return slope;
}

static void compare(const Graph *g, const double *x, const double *by, double *at, double found, const char *name, size_t e) {
  const double step = 1e-6, was = *at;
  *at = was + step;
  const double up = loss(g, x, by);
  *at = was - step;
  const double down = loss(g, x, by);
  *at = was;
  const double want = (up - down) / (2 * step);
  if (fabs(found - want) > 1e-4 * (1 + fabs(want)))
    fail_msg("%s, element %zu: %g, by small steps %g", name, e, found, want);
}

static void check(const Model *m) {
  Graph *g = front(m);
  assert_non_null(g);
  double *x = mem_array(ROWS * size(g->in[0]), 8), *by = mem_array(ROWS * size(g->out[0]), 8);
  for (size_t e = 0; e < ROWS * size(g->in[0]); e++)
    x[e] = draw();
  for (size_t e = 0; e < ROWS * size(g->out[0]); e++)
    by[e] = draw();
  double **v = forward(g, x), **slope = backward(g, v, by);
  for (size_t e = 0; e < ROWS * size(g->in[0]); e++)
    compare(g, x, by, &x[e], slope[g->in[0]->id][e], "x", e);
  for (int i = 0; i < g->n_tensors; i++) {
    Tensor *t = g->tensor[i];
    for (size_t e = 0; t->value && dtype_is_float(t->dtype) && slope[i] && e < size(t); e++)
      compare(g, x, by, &t->value[e], slope[i][e], t->name, e);
  }
}

static void test_dense(void **s) {
  (void)s;
  Model *m = model(13);
  input(m, "x", DIMS(-1, 5));
  drawn(m, "w", DIMS(4, 5)), drawn(m, "b", DIMS(4)), drawn(m, "w2", DIMS(4, 4)), drawn(m, "c", DIMS(4)), drawn(m, "w3", DIMS(8, 2));
  attr_i(node(m, "h = Gemm(x, w, b)"), "transB", 1);
  node(m, "a = Tanh(h)");
  node(m, "d = MatMul(a, w2)");
  node(m, "e = Add(d, c)");
  node(m, "f = Add(e, a)");
  node(m, "g = LeakyRelu(f)");
  node(m, "i = Mul(g, a)");
  attr_i(node(m, "j = Concat(i, e)"), "axis", 1);
  node(m, "y = MatMul(j, w3)");
  output(m, "y");
  check(m);
}

static void ints_of(NodeP *n, const char *name, int count, const int64_t *v) {
  AttrP *a = attr(n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
  for (int i = 0; i < count; i++)
    ADD(a->ints, a->n_ints, v[i]);
}

static Model *windows(void) {
  Model *m = model(13);
  input(m, "x", DIMS(-1, 2, 7, 6));
  drawn(m, "w", DIMS(4, 1, 3, 2)), drawn(m, "b", DIMS(4)), drawn(m, "w2", DIMS(4, 3, 3, 3)), drawn(m, "b2", DIMS(3));
  ints(m, "flat", 2, (int64_t[]){1, -1});
  NodeP *n = node(m, "h = Conv(x, w, b)");
  attr_i(n, "group", 2);
  ints_of(n, "strides", 2, (int64_t[]){1, 2});
  ints_of(n, "pads", 4, (int64_t[]){1, 0, 1, 2});
  node(m, "a = Relu(h)");
  n = node(m, "p = MaxPool(a)");
  ints_of(n, "kernel_shape", 2, (int64_t[]){2, 2});
  ints_of(n, "pads", 4, (int64_t[]){1, 0, 0, 0});
  n = node(m, "t = ConvTranspose(p, w2, b2)");
  ints_of(n, "strides", 2, (int64_t[]){2, 1});
  n = node(m, "v = AveragePool(t)");
  ints_of(n, "kernel_shape", 2, (int64_t[]){3, 2});
  ints_of(n, "pads", 4, (int64_t[]){1, 0, 0, 1});
  ints_of(node(m, "q = Transpose(v)"), "perm", 4, (int64_t[]){0, 2, 3, 1});
  n = node(m, "y = ReduceMean(q)");
  ints_of(n, "axes", 1, (int64_t[]){2});
  attr_i(n, "keepdims", 0);
  output(m, "y");
  return m;
}

static void test_windows(void **s) {
  (void)s;
  check(windows());
}

static int convolutions(const Graph *g) {
  int found = 0;
  for (int k = 0; k < g->n_nodes; k++)
    found += g->node[k]->op == OP_Conv || g->node[k]->op == OP_ConvTranspose;
  return found;
}

static void test_local(void **s) {
  (void)s;
  Graph *g = front(windows());
  double *x = mem_array(ROWS * size(g->in[0]), 8);
  for (size_t e = 0; e < ROWS * size(g->in[0]); e++)
    x[e] = draw();
  const double *before = forward(g, x)[g->out[0]->id];
  assert_int_equal(convolutions(g), 2);
  pass_local(g);
  assert_int_equal(convolutions(g), 0);
  const double *after = forward(g, x)[g->out[0]->id];
  for (size_t e = 0; e < ROWS * size(g->out[0]); e++) {
    assert_true(before[e] != 0);
    assert_true(fabs(after[e] - before[e]) < 1e-12);
  }
}

static void test_moves(void **s) {
  (void)s;
  Model *m = model(13);
  input(m, "x", DIMS(-1, 6));
  drawn(m, "w", DIMS(6, 6)), drawn(m, "w2", DIMS(3, 2));
  ints(m, "from", 1, (int64_t[]){1}), ints(m, "to", 1, (int64_t[]){6}), ints(m, "axis", 1, (int64_t[]){1}),
      ints(m, "by", 1, (int64_t[]){2});
  ints(m, "pads", 4, (int64_t[]){0, 1, 0, 2});
  node(m, "h = MatMul(x, w)");
  attr_i(node(m, "a, b = Split(h)"), "axis", 1);
  node(m, "c = Sigmoid(b)");
  node(m, "d = Sub(a, c)");
  node(m, "e = Slice(h, from, to, axis, by)");
  node(m, "f = Max(d, e)");
  node(m, "p = Pad(f, pads)");
  node(m, "i = Slice(p, from, to, axis, by)");
  node(m, "y = MatMul(i, w2)");
  output(m, "y");
  check(m);
}

static void test_unknown(void **s) {
  (void)s;
  Model *m = model(13);
  input(m, "x", DIMS(-1, 4));
  node(m, "y = Softmax(x)");
  output(m, "y");
  assert_null(gradient_new(front(m)->node[0]));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_dense), cmocka_unit_test(test_windows), cmocka_unit_test(test_local),
                                     cmocka_unit_test(test_moves), cmocka_unit_test(test_unknown)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
