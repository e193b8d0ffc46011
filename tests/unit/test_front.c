/* SPDX-License-Identifier: Apache-2.0
 *
 * test_front.c - the wire scan, what the reader takes and refuses, and the passes up to constant-folded weights.
 */
#include "catch.h"
#include "make_model.h"

#include "onnx_scan.h"

#include <math.h>

/* ---- wire scan ---- */

static const char *scan(const void *bytes, size_t n) {
  size_t at;
  uint8_t *own = memcpy(malloc(n ? n : 1), bytes, n); /* the sanitizer sees a read past the end */
  const char *fault = onnx_scan(own, n, &at);
  free(own);
  return fault;
}

static void scan_takes_a_model(void **state) {
  (void)state;
  size_t n;
  uint8_t *bytes = packed(small(13), &n);
  assert_null(scan(bytes, n));
  int accepted = 0;
  for (size_t k = 1; k < n; k++)
    accepted += !scan(bytes, k);
  assert_in_range(accepted, 1, 6); /* only between two outermost fields */
}

static void scan_refuses_deep_nesting(void **state) {
  (void)state;
  /* model.graph.node.attribute.g.node.attribute.g ...: built from the inside */
  enum { DEEP = 200 };
  uint8_t bytes[16 * DEEP];
  size_t n = 0;
  static const uint8_t key[] = {0x0a, 0x2a, 0x32}; /* graph.node, node.attribute, attribute.g */
  for (int level = 0; level < DEEP; level++) {
    uint8_t k = level == DEEP - 1 ? 0x3a : key[(DEEP - 2 - level) % 3];
    uint8_t head[3] = {k, (uint8_t)(n & 127), 0};
    size_t h = 2;
    if (n > 127) {
      head[1] |= 128;
      head[2] = (uint8_t)(n >> 7);
      h = 3;
    }
    memmove(bytes + h, bytes, n);
    memcpy(bytes, head, h);
    n += h;
  }
  assert_string_equal(scan(bytes, n), "messages are nested too deep");
}

static void scan_refuses_bad_wire(void **state) {
  (void)state;
  assert_non_null(scan("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12)); /* number of 11 bytes */
  assert_non_null(scan("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11));     /* more than 64 bits */
  assert_null(scan("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11));
  assert_non_null(scan("\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11)); /* a graph of 2^64 - 1 bytes */
  assert_non_null(scan("\x3a\x05\x0a", 3));                                  /* longer than the file */
  assert_non_null(scan("\x3a\x02\x0a\x05\x00\x00\x00\x00\x00", 9));          /* longer than its message */
  assert_non_null(scan("\x0b\x0c", 2));                                      /* groups */
  assert_non_null(scan("\x00\x00", 2));                                      /* field 0 */
  assert_non_null(scan("\x12\x02"
                       "a\0",
                       4));                     /* NUL in a name */
  assert_non_null(scan("\x3a\x00\x3a\x00", 4)); /* two graphs */
  assert_null(scan("\x4a\x02\x00\x00", 4));     /* an unknown field is skipped */
  assert_null(scan("", 0));
}

/* ---- reader ---- */

static void reads_and_evaluates(void **state) {
  (void)state;
  Graph *g = front(small(13));
  assert_non_null(g);
  assert_string_equal(ops(g), "Gemm Relu");
  assert_true(run(g, (double[]){2, 4}) == 3 && run(g, (double[]){0, 4}) == 0);
  assert_string_equal(g->producer, "test");
  assert_string_equal(g->node[0]->name, "Gemm_0");
  assert_int_equal(graph_params(g), 3);
  assert_int_equal(graph_macs(g), 2);
}

static void every_data_field_is_read(void **state) {
  (void)state;
  static const DataType types[] = {DT_FLOAT,  DT_DOUBLE, DT_FLOAT16, DT_BFLOAT16, DT_INT8,   DT_UINT8, DT_INT16,
                                   DT_UINT16, DT_INT32,  DT_INT64,   DT_UINT32,   DT_UINT64, DT_BOOL};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    for (int raw = 0; raw < 2; raw++) {
      Model *m = model(13);
      input(m, "x", DIMS(1));
      TensorP *t = tensor("c", types[i], 0, NULL);
      uint64_t bits = types[i] == DT_FLOAT      ? 0x3f800000
                      : types[i] == DT_DOUBLE   ? 0x3ff0000000000000
                      : types[i] == DT_FLOAT16  ? 0x3c00
                      : types[i] == DT_BFLOAT16 ? 0x3f80
                                                : 1;
      if (raw) {
        static const uint8_t size[] = {0, 4, 1, 1, 2, 2, 4, 8, 0, 1, 2, 8, 4, 8, 0, 0, 2};
        t->has_raw_data = true;
        t->raw_data.len = size[types[i]];
        t->raw_data.data = memcpy(mem_alloc(8), &bits, 8);
      } else if (types[i] == DT_FLOAT) {
        ADD(t->float_data, t->n_float_data, 1);
      } else if (types[i] == DT_DOUBLE) {
        ADD(t->double_data, t->n_double_data, 1);
      } else if (types[i] == DT_INT64) {
        ADD(t->int64_data, t->n_int64_data, 1);
      } else if (types[i] == DT_UINT32 || types[i] == DT_UINT64) {
        ADD(t->uint64_data, t->n_uint64_data, 1);
      } else {
        ADD(t->int32_data, t->n_int32_data, (int32_t)bits);
      }
      ADD(m->graph->initializer, m->graph->n_initializer, t);
      attr_i(node(m, "f = Cast(c)"), "to", DT_FLOAT);
      node(m, "y = Add(x, f)");
      output(m, "y");
      Graph *g = front(m);
      assert_non_null(g);
      assert_true(run(g, (double[]){2}) == 3);
    }
}

static void nodes_in_any_order(void **state) {
  (void)state;
  Model *m = small(13);
  NodeP *first = m->graph->node[0];
  m->graph->node[0] = m->graph->node[1];
  m->graph->node[1] = first;
  Graph *g = front(m);
  assert_non_null(g);
  assert_true(run(g, (double[]){2, 4}) == 3);
}

static void initializer_listed_as_input(void **state) {
  (void)state;
  Model *m = small(13);
  input(m, "w", DIMS(2, 1));
  Graph *g = front(m);
  assert_non_null(g);
  assert_int_equal(g->n_in, 1);
}

static void unused_parts_do_not_matter(void **state) {
  (void)state;
  Model *m = small(13);
  floats(m, "unused", VALUES(NAN), DIMS(1));
  floats(m, "broken", VALUES(1), DIMS(7));
  node(m, "z = Frobnicate(x, unused)");
  assert_non_null(front(m));
}

static void not_onnx(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t n;
    const char *message;
  } file[] = {{"", 0, "it is empty"},
              {"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16, "not an ONNX file"},
              {"hello, world", 12, "not an ONNX file"},
              {"\x08\x07", 2, "no graph"},
              {"\x08\x07\x3a\x7f\x0a", 5, "truncated or damaged: at byte 2 of 5"}};
  for (size_t i = 0; i < sizeof file / sizeof *file; i++) {
    diag_reset();
    assert_null(onnx_read_mem("m.onnx", file[i].bytes, file[i].n, 0, NULL));
    assert_int_equal(diag_status(), EXIT_INVALID);
    assert_heard(file[i].message);
  }
  diag_reset();
  assert_null(onnx_read("/nonexistent/m.onnx", 0, NULL));
  assert_int_equal(diag_status(), EXIT_FILES);
}

static void missing_initializer(void **state) {
  (void)state;
  Model *m = small(13);
  m->graph->n_initializer = 1;
  refused(m, EXIT_INVALID, "node 'Gemm_0' (Gemm #0): reads value 'b'");
}

static void output_made_by_nothing(void **state) {
  (void)state;
  Model *m = small(13);
  output(m, "nowhere");
  refused(m, EXIT_INVALID, "graph output 'nowhere' is made by no node");
}

static void value_made_twice(void **state) {
  (void)state;
  Model *m = small(13);
  node(m, "h = Relu(x)");
  refused(m, EXIT_INVALID, "makes value 'h', which is defined already");
}

static void cycle(void **state) {
  (void)state;
  Model *m = small(13);
  m->graph->node[0]->input[0] = "y";
  refused(m, EXIT_INVALID, "the graph has a cycle");
}

static void nan_weight(void **state) {
  (void)state;
  Model *m = small(13);
  m->graph->initializer[0]->float_data[1] = NAN;
  refused(m, EXIT_NUMERIC, "weight 'w' is NaN at index 1");
}

static void infinite_bound_is_fine(void **state) {
  (void)state;
  Model *m = small(13);
  floats(m, "lo", VALUES(-INFINITY), 0, NULL);
  floats(m, "hi", VALUES(1), 0, NULL);
  node(m, "z = Clip(y, lo, hi)");
  m->graph->output[0]->name = "z";
  assert_non_null(front(m));
}

static void wrong_sizes(void **state) {
  (void)state;
  Model *m = small(13);
  m->graph->initializer[0]->dims[0] = 3;
  refused(m, EXIT_INVALID, "tensor 'w' holds 2 elements where its shape needs 3");
  again();
  m = small(13);
  m->graph->initializer[0]->dims[0] = -2;
  refused(m, EXIT_INVALID, "tensor 'w': dimension 0 is -2");
  again();
  m = small(13);
  m->graph->initializer[0]->dims[0] = m->graph->initializer[0]->dims[1] = 1 << 20;
  refused(m, EXIT_INVALID, "more than 2^31");
  again();
  m = small(13);
  m->graph->input[0]->type->tensor_type->shape->dim[1]->dim_value = 0;
  refused(m, EXIT_INVALID, "input 'x': dimension 1 is 0");
  again();
  m = small(13);
  m->graph->input[0]->type->tensor_type->shape->dim[1]->dim_value = 5;
  refused(m, EXIT_INVALID, "inner dimensions of [1,5] and [2,1] differ");
}

static void symbolic_dimensions(void **state) {
  (void)state;
  Model *m = model(13);
  input(m, "x", DIMS(-1, -1));
  node(m, "y = Relu(x)");
  output(m, "y");
  assert_null(load(m));
  assert_int_equal(diag_status(), EXIT_UNSUPPORTED);
  assert_heard("use --dim N1=N");
  diag_reset();
  Graph *g = read_dims(m, 1, &(DimValue){"N1", 6});
  assert_non_null(g);
  assert_true(g->in[0]->dim[0] == 1 && g->in[0]->dim[1] == 6);
  g = read_dims(m, 2, (DimValue[]){{"N1", 6}, {"M", 2}});
  assert_non_null(g);
  assert_heard("--dim M: no input has a dimension of that name");
}

static void opsets(void **state) {
  (void)state;
  refused(small(6), EXIT_UNSUPPORTED, "opset 6 is older than 7");
  again();
  refused(small(99), EXIT_UNSUPPORTED, "opset 99 is newer");
  again();
  for (int opset = 7; opset <= 25; opset++)
    assert_non_null(front(small(opset)));
}

static void all_unknown_operators_at_once(void **state) {
  (void)state;
  Model *m = small(13);
  node(m, "p = TopK(y)");
  node(m, "q = Foo(p)")->domain = "my.domain";
  node(m, "z = ZipMap(q)")->domain = "ai.onnx.ml";
  m->graph->output[0]->name = "z";
  refused(m, EXIT_UNSUPPORTED, "operator 'TopK' is not supported: sorting");
  assert_heard("operator 'Foo' (domain 'my.domain') is not supported");
  assert_heard("options={'zipmap': False}");
}

static void text_is_refused(void **state) {
  (void)state;
  Model *m = small(13);
  m->graph->output[0]->type->tensor_type->elem_type = DT_STRING;
  refused(m, EXIT_UNSUPPORTED, "output 'y' is text");
  again();
  m = small(13);
  m->graph->initializer[0]->data_type = DT_STRING;
  refused(m, EXIT_UNSUPPORTED, "reads 'w', which is text");
}

static void attribute_twice(void **state) {
  (void)state;
  Model *m = small(13);
  attr_i(m->graph->node[0], "transB", 0);
  attr_i(m->graph->node[0], "transB", 0);
  refused(m, EXIT_INVALID, "attribute 'transB' occurs twice");
}

static void external_entry(TensorP *t, const char *key, const char *text) {
  Onnx__StringStringEntryProto *e = mem_alloc(sizeof *e);
  onnx__string_string_entry_proto__init(e);
  e->key = mem_strdup(key);
  e->value = mem_strdup(text);
  ADD(t->external_data, t->n_external_data, e);
}

/* A model in a folder of its own, whose weights are in `location`. */
static Graph *external(const char *folder, const char *location, const char *offset) {
  Model *m = small(13);
  TensorP *t = m->graph->initializer[0];
  t->n_float_data = 0;
  t->has_data_location = true;
  t->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
  external_entry(t, "location", location);
  external_entry(t, "offset", offset);
  size_t n;
  uint8_t *bytes = packed(m, &n);
  diag_reset();
  return onnx_read_mem(mem_printf("%s/model/m.onnx", folder), bytes, n, 0, NULL);
}

static void external_data_stays_in_the_folder(void **state) {
  (void)state;
  char folder[] = "/tmp/nngen_test_XXXXXX";
  assert_non_null(mkdtemp(folder));
  char *inside = mem_printf("%s/model", folder), *data = mem_printf("%s/w.bin", inside), *secret = mem_printf("%s/secret", folder);
  char *link = mem_printf("%s/link", inside);
  assert_int_equal(
      system(mem_printf("mkdir %s && printf '....\\000\\000\\100\\100\\000\\000\\200\\277' > %s && cp %s %s && ln -s ../secret %s", inside,
                        data, data, secret, link)),
      0);
  Graph *g = external(folder, "w.bin", "4");
  assert_non_null(g);
  for (int i = 0; i < g->n_tensors; i++)
    if (!strcmp(g->tensor[i]->name, "w"))
      assert_true(g->tensor[i]->value[0] == 3 && g->tensor[i]->value[1] == -1);
  static const struct {
    const char *location, *offset;
    int code;
  } bad[] = {{"../secret", "4", EXIT_INVALID},
             {"/etc/passwd", "0", EXIT_INVALID},
             {"link", "4", EXIT_INVALID},
             {"w.bin", "5", EXIT_INVALID},
             {"w.bin", "18446744073709551615", EXIT_INVALID},
             {"w.bin", "-4", EXIT_INVALID},
             {"", "0", EXIT_INVALID},
             {"none", "0", EXIT_FILES},
             {".", "0", EXIT_INVALID},
             {"a/../../secret", "4", EXIT_INVALID}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_null(external(folder, bad[i].location, bad[i].offset));
    assert_int_equal(diag_status(), bad[i].code);
  }
  assert_int_equal(system(mem_printf("rm -r %s", folder)), 0);
}

/* ---- passes ---- */

static void shape_arithmetic_folds(void **state) {
  (void)state;
  Model *m = model(13);
  input(m, "x", DIMS(-1, 2, 3));
  ints(m, "zero", 1, (int64_t[]){0});
  ints(m, "rest", 1, (int64_t[]){-1});
  ints(m, "one", 1, (int64_t[]){1});
  ints(m, "max", 1, (int64_t[]){INT64_MAX});
  node(m, "s = Shape(x)");
  attr_i(node(m, "n = Gather(s, zero)"), "axis", 0);
  attr_i(node(m, "t = Concat(n, rest)"), "axis", 0);
  node(m, "f = Reshape(x, t)");
  node(m, "y = Slice(f, one, max, one)");
  output(m, "y");
  Graph *g = front(m);
  assert_non_null(g);
  assert_string_equal(ops(g), "Reshape Slice");
  assert_int_equal(g->out[0]->dim[1], 5);
  assert_true(run(g, (double[]){0, 1, 2, 3, 4, 5}) == 1);
}

static void old_softmax_flattens(void **state) {
  (void)state;
  Model *m = model(11);
  input(m, "x", DIMS(1, 2, 2));
  node(m, "y = Softmax(x)");
  output(m, "y");
  Graph *g = front(m);
  assert_non_null(g);
  assert_string_equal(ops(g), "Flatten Softmax Reshape");
  assert_float_equal(run(g, (double[]){1, 1, 1, 1}), 0.25, 1e-12);
  m->opset_import[0]->version = 13;
  attr_i(m->graph->node[0], "axis", 1);
  g = front(m);
  assert_string_equal(ops(g), "Softmax");
  assert_float_equal(run(g, (double[]){1, 1, 1, 1}), 0.5, 1e-12);
}

static void batchnorm_goes_into_weights(void **state) {
  (void)state;
  Model *m = small(13);
  floats(m, "s", VALUES(2), DIMS(1));
  floats(m, "o", VALUES(0.5f), DIMS(1));
  floats(m, "mean", VALUES(1), DIMS(1));
  floats(m, "var", VALUES(4), DIMS(1));
  node(m, "z = BatchNormalization(h, s, o, mean, var)");
  m->graph->output[0]->name = "z";
  Graph *g = front(m);
  assert_non_null(g);
  assert_string_equal(ops(g), "Gemm");
  assert_string_equal(g->out[0]->name, "z");
  assert_float_equal(run(g, (double[]){2, 4}), (3 - 1) / sqrt(4 + 1e-5) * 2 + 0.5, 1e-9);
}

static void batchnorm_goes_into_convolutions(void **state) {
  (void)state;
  Model *m = model(13);
  input(m, "x", DIMS(1, 2, 2));
  /* two groups of one input and two outputs each, one tap: y[c] = w[c] x[c / 2] */
  floats(m, "w", VALUES(1, 2, 3, 4), DIMS(2, 2, 1));
  floats(m, "s", VALUES(1, 10, 100, 1000), DIMS(4));
  floats(m, "o", VALUES(5, 6, 7, 8), DIMS(4));
  floats(m, "mean", VALUES(0, 0, 0, 0), DIMS(4));
  floats(m, "var", VALUES(0.99999f, 0.99999f, 0.99999f, 0.99999f), DIMS(4));
  floats(m, "c", VALUES(1, 1, 1, 2), DIMS(4, 1));
  attr_i(node(m, "h = ConvTranspose(x, w)"), "group", 2);
  node(m, "b = BatchNormalization(h, s, o, mean, var)");
  node(m, "n = Neg(b)");
  node(m, "y = Add(n, c)");
  output(m, "y");
  Graph *g = front(m);
  assert_non_null(g);
  assert_string_equal(ops(g), "ConvTranspose");
  Eval *e = eval_new(g);
  eval_run(e, (double[]){1, 2, 3, 4});
  const double *y = eval_value(e, g->out[0]),
               want[] = {-1 - 5 + 1, -2 - 5 + 1, -20 - 6 + 1, -40 - 6 + 1, -900 - 7 + 1, -1200 - 7 + 1, -12000 - 8 + 2, -16000 - 8 + 2};
  for (int i = 0; i < 8; i++)
    assert_float_equal(y[i], want[i], 1e-2);
}

/* [4] after a convolution over length 4 is for positions, not channels. */
static void offsets_along_positions_stay(void **state) {
  (void)state;
  Model *m = model(13);
  input(m, "x", DIMS(1, 1, 4));
  floats(m, "w", VALUES(1, 2, 3, 4), DIMS(4, 1, 1));
  floats(m, "c", VALUES(1, 2, 3, 4), DIMS(4));
  node(m, "h = Conv(x, w)");
  node(m, "y = Add(h, c)");
  output(m, "y");
  Graph *g = front(m);
  assert_non_null(g);
  assert_string_equal(ops(g), "Conv Add");
}

static void factors_stay_where_the_sum_is_read_twice(void **state) {
  (void)state;
  Model *m = small(13);
  floats(m, "two", VALUES(2), 0, NULL);
  node(m, "z = Mul(h, two)");
  output(m, "z");
  Graph *g = front(m);
  assert_non_null(g);
  assert_string_equal(ops(g), "Gemm Relu Mul");
}

static void activations_fuse(void **state) {
  (void)state;
  static const struct {
    const char *text[8], *result;
  } net[] = {
      {{"s = Sigmoid(x)", "y = Mul(s, x)"}, "Swish"},
      {{"p = Softplus(x)", "t = Tanh(p)", "y = Mul(x, t)"}, "Mish"},
      {{"a = Add(x, three)", "c = Clip(a, zero, six)", "d = Div(c, six)", "y = Mul(x, d)"}, "HardSwish"},
      {{"a = Add(x, three)", "c = Clip(a, zero, six)", "p = Mul(c, x)", "y = Div(p, six)"}, "HardSwish"},
      {{"a = Add(three, x)", "c = Clip(a, zero, six)", "y = Div(c, six)"}, "HardSigmoid"},
      {{"d = Div(x, root)", "e = Erf(d)", "a = Add(e, one)", "p = Mul(x, a)", "y = Mul(p, half)"}, "Gelu"},
      {{"h = Mul(half, x)", "d = Div(x, root)", "e = Erf(d)", "a = Add(one, e)", "y = Mul(h, a)"}, "Gelu"},
      {{"h = Mul(half, x)", "n = Neg(x)", "d = Div(n, root)", "e = Erfc(d)", "y = Mul(h, e)"}, "Gelu"},
      {{"n = Neg(x)", "e = Exp(n)", "a = Add(e, one)", "y = Reciprocal(a)"}, "Sigmoid"},
      {{"b = Abs(x)", "a = Add(b, one)", "y = Div(x, a)"}, "Softsign"},
      {{"s = Sigmoid(x)", "y = Mul(s, three)"}, "Sigmoid Mul"},
      {{"p = Softplus(x)", "t = Tanh(p)", "u = Add(t, p)", "y = Mul(x, t)", "z = Relu(u)"}, "Mish"},
  };
  for (size_t i = 0; i < sizeof net / sizeof *net; i++) {
    again();
    Model *m = model(13);
    input(m, "x", DIMS(1, 3));
    floats(m, "zero", VALUES(0), 0, NULL);
    floats(m, "one", VALUES(1), 0, NULL);
    floats(m, "three", VALUES(3), 0, NULL);
    floats(m, "six", VALUES(6), 0, NULL);
    floats(m, "half", VALUES(0.5f), 0, NULL);
    floats(m, "root", VALUES(1.41421354f), 0, NULL);
    for (int k = 0; net[i].text[k]; k++)
      node(m, net[i].text[k]);
    output(m, "y");
    Graph *plain = load(m);
    pass_upgrade(plain);
    pass_infer_fold(plain);
    Graph *g = front(m);
    assert_non_null(g);
    assert_string_equal(ops(g), net[i].result);
    for (double x = -4; x <= 4; x += 0.5)
      assert_float_equal(run(g, (double[]){x, 0, 0}), run(plain, (double[]){x, 0, 0}), 1e-6);
  }
}

static void run_time_only_where_hardware_can(void **state) {
  (void)state;
  Model *m = small(13);
  node(m, "z = Floor(y)");
  m->graph->output[0]->name = "z";
  refused(m, EXIT_UNSUPPORTED, "is supported only where its inputs are constants");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(scan_takes_a_model),
      TEST(scan_refuses_deep_nesting),
      TEST(scan_refuses_bad_wire),
      TEST(reads_and_evaluates),
      TEST(every_data_field_is_read),
      TEST(nodes_in_any_order),
      TEST(initializer_listed_as_input),
      TEST(unused_parts_do_not_matter),
      TEST(not_onnx),
      TEST(missing_initializer),
      TEST(output_made_by_nothing),
      TEST(value_made_twice),
      TEST(cycle),
      TEST(nan_weight),
      TEST(infinite_bound_is_fine),
      TEST(wrong_sizes),
      TEST(symbolic_dimensions),
      TEST(opsets),
      TEST(all_unknown_operators_at_once),
      TEST(text_is_refused),
      TEST(attribute_twice),
      TEST(external_data_stays_in_the_folder),
      TEST(shape_arithmetic_folds),
      TEST(old_softmax_flattens),
      TEST(batchnorm_goes_into_weights),
      TEST(batchnorm_goes_into_convolutions),
      TEST(offsets_along_positions_stay),
      TEST(factors_stay_where_the_sum_is_read_twice),
      TEST(activations_fuse),
      TEST(run_time_only_where_hardware_can),
  };
  return cmocka_run_group_tests_name("front", tests, NULL, NULL);
}
