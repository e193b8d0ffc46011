/* SPDX-License-Identifier: Apache-2.0
 *
 * make_model.h - ONNX models for tests, made with protobuf-c's own structures.
 */
#ifndef NNGEN_TEST_MAKE_MODEL_H
#define NNGEN_TEST_MAKE_MODEL_H

#include "nngen.h"
#include "onnx.pb-c.h"

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

__attribute__((unused)) static TensorP *ints(Model *m, const char *name, int n, const int64_t *v) {
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

__attribute__((unused)) static void attr_i(NodeP *n, const char *name, int64_t v) {
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
__attribute__((unused)) static const char *ops(const Graph *g) {
  Buf b = {0};
  for (int i = 0; i < g->n_nodes; i++)
    buf_printf(&b, "%s%s", i ? " " : "", g->node[i]->op_type);
  return b.s ? b.s : "";
}

/* Element 0 of the first output. */
__attribute__((unused)) static double run(const Graph *g, const double *x) {
  Eval *e = eval_new(g);
  eval_run(e, x);
  return eval_value(e, g->out[0])[0];
}

__attribute__((unused)) static void refused(const Model *m, int code, const char *message) {
  assert_null(front(m));
  assert_int_equal(diag_status(), code);
  assert_heard(message);
}

/* y = relu(w x + b), 2 inputs, 1 output: 3 x0 - x1 + 1 */
__attribute__((unused)) static Model *small(int opset) {
  Model *m = model(opset);
  input(m, "x", DIMS(-1, 2));
  floats(m, "w", VALUES(3, -1), DIMS(2, 1));
  floats(m, "b", VALUES(1), DIMS(1));
  node(m, "h = Gemm(x, w, b)");
  node(m, "y = Relu(h)");
  output(m, "y");
  return m;
}

#endif
