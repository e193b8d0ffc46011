/* SPDX-License-Identifier: Apache-2.0
 *
 * test_front.c - memory, text, diagnostics, the wire scan, what the reader takes and refuses, and the passes up to constant-folded weights.
 * Models are made here with protobuf-c's own structures.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "nngen.h"
#include "onnx.pb-c.h"
#include "onnx_scan.h"

#include <math.h>
#include <stdlib.h>

/* ---- messages are caught in a buffer ---- */

static char *said;
static size_t said_size;
static FILE *ear;

static int setup(void **state) {
  (void)state;
  mem_release_all();
  diag_reset();
  diag_set_file("m.onnx");
  ear = open_memstream(&said, &said_size);
  diag_set_stream(ear);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  diag_set_stream(NULL);
  diag_set_json(false);
  fclose(ear);
  free(said);
  return 0;
}

static void again(void) {
  teardown(NULL);
  setup(NULL);
}

static const char *heard(void) {
  fflush(ear);
  return said;
}

#define assert_heard(text)                                                                                                                 \
  do {                                                                                                                                     \
    if (!strstr(heard(), text))                                                                                                            \
      fail_msg("not said: '%s' in '%s'", text, said);                                                                                      \
  } while (0)

/* ---- a model maker ---- */

typedef Onnx__ModelProto Model;
typedef Onnx__GraphProto GraphP;
typedef Onnx__NodeProto NodeP;
typedef Onnx__TensorProto TensorP;
typedef Onnx__AttributeProto AttrP;
typedef Onnx__ValueInfoProto ValueP;

#define ADD(list, count, item) ((list) = more((list), (count)++, sizeof *(list)), (list)[(count)-1] = (item))

static void *more(void *list, size_t n, size_t size) {
  char *p = mem_array(n + 1, size);
  if (n)
    memcpy(p, list, n * size);
  return p;
}

static Model *model(int opset) {
  Model *m = mem_alloc(sizeof *m);
  onnx__model_proto__init(m);
  m->has_ir_version = true;
  m->ir_version = 8;
  m->producer_name = "test";
  m->graph = mem_alloc(sizeof *m->graph);
  onnx__graph_proto__init(m->graph);
  Onnx__OperatorSetIdProto *o = mem_alloc(sizeof *o);
  onnx__operator_set_id_proto__init(o);
  o->domain = "";
  o->has_version = true;
  o->version = opset;
  ADD(m->opset_import, m->n_opset_import, o);
  return m;
}

static ValueP *value(const char *name, int rank, const int64_t *dim) {
  ValueP *v = mem_alloc(sizeof *v);
  onnx__value_info_proto__init(v);
  v->name = mem_strdup(name);
  v->type = mem_alloc(sizeof *v->type);
  onnx__type_proto__init(v->type);
  v->type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
  Onnx__TypeProto__Tensor *t = v->type->tensor_type = mem_alloc(sizeof *t);
  onnx__type_proto__tensor__init(t);
  t->has_elem_type = true;
  t->elem_type = DT_FLOAT;
  t->shape = mem_alloc(sizeof *t->shape);
  onnx__tensor_shape_proto__init(t->shape);
  for (int i = 0; i < rank; i++) {
    Onnx__TensorShapeProto__Dimension *d = mem_alloc(sizeof *d);
    onnx__tensor_shape_proto__dimension__init(d);
    if (dim[i] == -1) {
      d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
      d->dim_param = mem_printf("N%d", i);
    } else {
      d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
      d->dim_value = dim[i];
    }
    ADD(t->shape->dim, t->shape->n_dim, d);
  }
  return v;
}

#define DIMS(...)                                                                                                                          \
  (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]) {                                                                 \
    __VA_ARGS__                                                                                                                            \
  }

static void input(Model *m, const char *name, int rank, const int64_t *dim) {
  ADD(m->graph->input, m->graph->n_input, value(name, rank, dim));
}

static void output(Model *m, const char *name) {
  ADD(m->graph->output, m->graph->n_output, value(name, 0, NULL));
}

static TensorP *tensor(const char *name, DataType type, int rank, const int64_t *dim) {
  TensorP *t = mem_alloc(sizeof *t);
  onnx__tensor_proto__init(t);
  t->name = mem_strdup(name);
  t->has_data_type = true;
  t->data_type = (int32_t)type;
  for (int i = 0; i < rank; i++)
    ADD(t->dims, t->n_dims, dim[i]);
  return t;
}

static TensorP *floats(Model *m, const char *name, int n, const float *v, int rank, const int64_t *dim) {
  TensorP *t = tensor(name, DT_FLOAT, rank, dim);
  for (int i = 0; i < n; i++)
    ADD(t->float_data, t->n_float_data, v[i]);
  ADD(m->graph->initializer, m->graph->n_initializer, t);
  return t;
}

static TensorP *ints(Model *m, const char *name, int n, const int64_t *v) {
  TensorP *t = tensor(name, DT_INT64, 1, (int64_t[]){n});
  for (int i = 0; i < n; i++)
    ADD(t->int64_data, t->n_int64_data, v[i]);
  ADD(m->graph->initializer, m->graph->n_initializer, t);
  return t;
}

#define VALUES(...)                                                                                                                        \
  (int)(sizeof((float[]){__VA_ARGS__}) / sizeof(float)), (float[]) {                                                                       \
    __VA_ARGS__                                                                                                                            \
  }

/* A node from text: "y = Gemm(x, w, b)". */
static NodeP *node(Model *m, const char *text) {
  NodeP *n = mem_alloc(sizeof *n);
  onnx__node_proto__init(n);
  char *s = mem_strdup(text), *equals = strstr(s, " = "), *open = strchr(s, '(');
  *equals = *open = *strchr(open + 1, ')') = 0;
  n->op_type = equals + 3;
  char *rest;
  for (char *t = strtok_r(s, ", ", &rest); t; t = strtok_r(NULL, ", ", &rest))
    ADD(n->output, n->n_output, t);
  for (char *t = strtok_r(open + 1, ", ", &rest); t; t = strtok_r(NULL, ", ", &rest))
    ADD(n->input, n->n_input, strcmp(t, "-") ? t : "");
  ADD(m->graph->node, m->graph->n_node, n);
  return n;
}

static AttrP *attr(NodeP *n, const char *name, Onnx__AttributeProto__AttributeType type) {
  AttrP *a = mem_alloc(sizeof *a);
  onnx__attribute_proto__init(a);
  a->name = mem_strdup(name);
  a->has_type = true;
  a->type = type;
  ADD(n->attribute, n->n_attribute, a);
  return a;
}

static void attr_i(NodeP *n, const char *name, int64_t v) {
  AttrP *a = attr(n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
  a->has_i = true;
  a->i = v;
}

static uint8_t *packed(const Model *m, size_t *n) {
  *n = onnx__model_proto__get_packed_size(m);
  uint8_t *bytes = mem_alloc(*n);
  onnx__model_proto__pack(m, bytes);
  return bytes;
}

static Graph *read_dims(const Model *m, int n_dims, const DimValue *dims) {
  size_t n;
  uint8_t *bytes = packed(m, &n);
  Graph *g = onnx_read_mem("/tmp/m.onnx", bytes, n, n_dims, dims);
  if (g)
    graph_check(g, false);
  return g;
}

static Graph *load(const Model *m) {
  return read_dims(m, 0, NULL);
}

/* All of the front end; NULL when something was reported. */
static Graph *front(const Model *m) {
  Graph *g = load(m);
  static void (*const passes[])(Graph *) = {pass_check_ops,   pass_upgrade, pass_infer_fold,  pass_fuse,
                                            pass_fold_affine, pass_dead,    pass_check_static};
  for (size_t i = 0; i < sizeof passes / sizeof *passes && !diag_status(); i++) {
    passes[i](g);
    if (!diag_status())
      graph_check(g, i >= 2);
  }
  return diag_status() ? NULL : g;
}

/* The operators that are left, in order: "Gemm Relu". */
static const char *ops(const Graph *g) {
  Buf b = {0};
  for (int i = 0; i < g->n_nodes; i++)
    buf_printf(&b, "%s%s", i ? " " : "", g->node[i]->op_type);
  return b.s ? b.s : "";
}

/* Element 0 of the first output. */
static double run(const Graph *g, const double *x) {
  Eval *e = eval_new(g);
  eval_run(e, x);
  return eval_value(e, g->out[0])[0];
}

static void refused(const Model *m, int code, const char *message) {
  assert_null(front(m));
  assert_int_equal(diag_status(), code);
  assert_heard(message);
}

/* y = relu(w x + b), 2 inputs, 1 output: 3 x0 - x1 + 1 */
static Model *small(int opset) {
  Model *m = model(opset);
  input(m, "x", DIMS(-1, 2));
  floats(m, "w", VALUES(3, -1), DIMS(2, 1));
  floats(m, "b", VALUES(1), DIMS(1));
  node(m, "h = Gemm(x, w, b)");
  node(m, "y = Relu(h)");
  output(m, "y");
  return m;
}

/* ---- memory and text ---- */

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
  node(m, "p = LSTM(y)");
  node(m, "q = Foo(p)")->domain = "my.domain";
  node(m, "z = ZipMap(q)")->domain = "ai.onnx.ml";
  m->graph->output[0]->name = "z";
  refused(m, EXIT_UNSUPPORTED, "operator 'LSTM' is not supported: recurrent layers");
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
      TEST(arena_grows_and_zeroes),
      TEST(arena_keeps_its_budget),
      TEST(identifiers_are_legal_everywhere),
      TEST(globs_match),
      TEST(text_from_the_model_is_escaped_and_cut),
      TEST(messages_have_one_form),
      TEST(numbers_and_hashes),
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
      TEST(factors_stay_where_the_sum_is_read_twice),
      TEST(activations_fuse),
      TEST(run_time_only_where_hardware_can),
  };
  return cmocka_run_group_tests_name("front", tests, NULL, NULL);
}
