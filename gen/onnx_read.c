/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_read.c - an ONNX file to a Graph: header, values, inputs and outputs. Nothing in the file is trusted; every problem is reported.
 */
#include "onnx_read.h"
#include "onnx_scan.h"

#include <errno.h>
#include <stdlib.h>

enum { OPSET_OLDEST = 7, IR_OLDEST = 3, IR_NEWEST = 13 };

static const char *or_empty(const char *s) {
  return s ? s : "";
}

/* ---- values by name ---- */

static Tensor **slot_of(const Reader *r, const char *name) {
  uint64_t h = 1469598103934665603u;
  for (const char *c = name; *c; c++)
    h = (h ^ (unsigned char)*c) * 1099511628211u;
  size_t i = (size_t)(h ^ h >> 32) & (r->n_slots - 1);
  while (r->slot[i] && strcmp(r->slot[i]->name, name) != 0)
    i = (i + 1) & (r->n_slots - 1);
  return &r->slot[i];
}

Tensor *value_find(const Reader *r, const char *name) {
  return *slot_of(r, name);
}

Tensor *value_new(Reader *r, const char *name, DataType dtype) {
  Tensor **slot = slot_of(r, name);
  if (*slot)
    return NULL;
  return *slot = graph_tensor(r->g, name, dtype);
}

static void make_slots(Reader *r) {
  size_t names = r->p->n_input + r->p->n_initializer + r->p->n_sparse_initializer;
  for (size_t i = 0; i < r->p->n_node; i++)
    names += r->p->node[i]->n_output;
  r->n_slots = 64;
  while (r->n_slots < 2 * names)
    r->n_slots *= 2;
  r->slot = mem_array(r->n_slots, sizeof *r->slot);
  r->data = mem_array(names + 1, sizeof *r->data);
}

/* ---- header ---- */

static void read_header(Reader *r) {
  const Onnx__ModelProto *m = r->model;
  Graph *g = r->g;
  g->producer = mem_printf("%s%s%s", or_empty(m->producer_name), m->producer_version && *m->producer_version ? " " : "",
                           or_empty(m->producer_version));
  if (!m->has_ir_version)
    diag_error(EXIT_INVALID, NULL, "not a complete ONNX model: it has no ir_version");
  else if (m->ir_version < IR_OLDEST)
    diag_error(EXIT_UNSUPPORTED, NULL, "IR version %lld is older than any supported (%d): convert it with onnx.version_converter",
               (long long)m->ir_version, IR_OLDEST);
  else if (m->ir_version > IR_NEWEST)
    diag_warn(NULL, "IR version %lld is newer than any known to this program (%d)", (long long)m->ir_version, IR_NEWEST);

  int64_t opset = 0;
  r->ml_opset = 1;
  for (size_t i = 0; i < m->n_opset_import; i++) {
    const char *domain = or_empty(m->opset_import[i]->domain);
    int64_t version = m->opset_import[i]->version;
    if (!*domain || strcmp(domain, "ai.onnx") == 0)
      opset = version > opset ? version : opset;
    else if (strcmp(domain, "ai.onnx.ml") == 0 && version >= 1 && version <= 100)
      r->ml_opset = (int)version;
  }
  if (!m->n_opset_import)
    diag_error(EXIT_INVALID, NULL, "not a complete ONNX model: it names no operator set (opset_import)");
  else if (opset < 0 || (opset && opset < OPSET_OLDEST))
    diag_error(EXIT_UNSUPPORTED, NULL,
               "opset %lld is older than %d: export again with a newer one, or convert it with onnx.version_converter", (long long)opset,
               OPSET_OLDEST);
  else if (opset > OPSET_NEWEST)
    diag_error(EXIT_UNSUPPORTED, NULL, "opset %lld is newer than any known to this program (%d): export with an older one",
               (long long)opset, OPSET_NEWEST);
  g->opset = opset ? (int)(opset > OPSET_NEWEST ? OPSET_NEWEST : opset) : OPSET_NEWEST;
}

/* ---- inputs ---- */

static const DimValue *dim_option(const Reader *r, const char *name) {
  for (int i = 0; i < r->n_dims; i++)
    if (strcmp(r->dims[i].name, name) == 0)
      return &r->dims[i];
  return NULL;
}

/* The shape of a graph input or output; NULL when none is given. */
static const Onnx__TensorShapeProto *shape_of(const Onnx__ValueInfoProto *v) {
  return v->type && v->type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE && v->type->tensor_type ? v->type->tensor_type->shape : NULL;
}

static const char *dim_param(const Onnx__TensorShapeProto__Dimension *d) {
  return d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM ? or_empty(d->dim_param) : "";
}

/* Is `name` what some input calls its leading (batch) dimension? */
static bool is_batch_name(const Reader *r, const char *name) {
  for (size_t i = 0; i < r->p->n_input; i++) {
    const Onnx__TensorShapeProto *s = shape_of(r->p->input[i]);
    if (s && s->n_dim && strcmp(dim_param(s->dim[0]), name) == 0)
      return true;
  }
  return false;
}

static int64_t read_dim(const Reader *r, const char *input, const Onnx__TensorShapeProto__Dimension *d, size_t axis) {
  if (d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE) {
    if (d->dim_value < 1 || d->dim_value > INT32_MAX)
      diag_error(EXIT_INVALID, NULL, "input '%s': dimension %zu is %lld", diag_text(input), axis, (long long)d->dim_value);
    return d->dim_value;
  }
  const char *name = dim_param(d);
  if (!*name)
    name = mem_printf("%s.%zu", input, axis);
  const DimValue *given = dim_option(r, name);
  if (given) {
    if (given->value < 1 || given->value > INT32_MAX)
      diag_error(EXIT_USAGE, NULL, "--dim %s=%lld: not a size", diag_text(name), (long long)given->value);
    return given->value;
  }
  if (axis == 0 || is_batch_name(r, name))
    return 1;
  diag_error(EXIT_UNSUPPORTED, NULL, "input '%s': dimension %zu ('%s') has no fixed size: use --dim %s=N", diag_text(input), axis,
             diag_text(name), diag_text(name));
  return 0;
}

static void read_input(Reader *r, const Onnx__ValueInfoProto *v) {
  const char *name = or_empty(v->name);
  if (!*name) {
    diag_error(EXIT_INVALID, NULL, "a graph input has no name");
    return;
  }
  Tensor *t = value_find(r, name);
  if (t && r->data[t->id])
    return; /* an initializer that is also listed as input */
  t = value_new(r, name, DT_UNDEFINED);
  if (!t) {
    diag_error(EXIT_INVALID, NULL, "two graph inputs are called '%s'", diag_text(name));
    return;
  }
  r->g->in[r->g->n_in++] = t;
  const Onnx__TensorShapeProto *shape = shape_of(v);
  if (!v->type || v->type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE || !v->type->tensor_type) {
    diag_error(v->type ? EXIT_UNSUPPORTED : EXIT_INVALID, NULL, "input '%s' is not a tensor", diag_text(name));
    return;
  }
  t->dtype = (DataType)v->type->tensor_type->elem_type;
  double lo, hi;
  if (!dtype_is_float(t->dtype) && !dtype_range(t->dtype, &lo, &hi) && t->dtype != DT_INT64 && t->dtype != DT_UINT64)
    diag_error(EXIT_UNSUPPORTED, NULL, "input '%s' is of type %s: %s", diag_text(name), dtype_name(t->dtype),
               dtype_is_small_float(t->dtype) ? SMALL_FLOAT_ADVICE : "only numbers are supported");
  if (!shape) {
    diag_error(EXIT_UNSUPPORTED, NULL, "input '%s' has no shape: export it with one", diag_text(name));
    return;
  }
  if (shape->n_dim > MAX_RANK) {
    diag_error(EXIT_UNSUPPORTED, NULL, "input '%s' has %zu dimensions; at most %d are supported", diag_text(name), shape->n_dim, MAX_RANK);
    return;
  }
  int64_t product = 1;
  for (size_t i = 0; i < shape->n_dim; i++) {
    t->dim[i] = read_dim(r, name, shape->dim[i], i);
    if (t->dim[i] < 1 || t->dim[i] > INT32_MAX)
      return;
    product *= t->dim[i];
    if (product > INT32_MAX) {
      diag_error(EXIT_INVALID, NULL, "input '%s' has more than 2^31 elements", diag_text(name));
      return;
    }
  }
  t->rank = (int)shape->n_dim;
}

static void check_dim_options(const Reader *r) {
  for (int k = 0; k < r->n_dims; k++) {
    bool found = false;
    for (size_t i = 0; i < r->p->n_input && !found; i++) {
      const Onnx__TensorShapeProto *s = shape_of(r->p->input[i]);
      for (size_t j = 0; s && j < s->n_dim && !found; j++)
        found = strcmp(dim_param(s->dim[j]), r->dims[k].name) == 0 ||
                strcmp(mem_printf("%s.%zu", or_empty(r->p->input[i]->name), j), r->dims[k].name) == 0;
    }
    if (!found)
      diag_warn(NULL, "--dim %s: no input has a dimension of that name", diag_text(r->dims[k].name));
  }
}

/* ---- outputs ---- */

static void read_output(Reader *r, const Onnx__ValueInfoProto *v) {
  const char *name = or_empty(v->name);
  Tensor *t = *name ? value_find(r, name) : NULL;
  if (!t) {
    diag_error(EXIT_INVALID, NULL, "graph output '%s' is made by no node", diag_text(name));
    return;
  }
  r->g->out[r->g->n_out++] = t;
  bool zipmap = t->producer && strcmp(t->producer->op_type, "ZipMap") == 0; /* reported by pass_check_ops */
  if (v->type && v->type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE && v->type->value_case != ONNX__TYPE_PROTO__VALUE__NOT_SET &&
      !zipmap)
    diag_error(EXIT_UNSUPPORTED, NULL, "output '%s' is not a tensor (from scikit-learn, export with options={'zipmap': False})",
               diag_text(name));
  else if (v->type && v->type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE && v->type->tensor_type &&
           v->type->tensor_type->elem_type == DT_STRING)
    diag_error(EXIT_UNSUPPORTED, NULL, "output '%s' is text: train with numbers as class labels, or remove this output", diag_text(name));
}

/* ---- constants ---- */

static void declare_initializers(Reader *r) {
  for (size_t i = 0; i < r->p->n_initializer; i++) {
    const Onnx__TensorProto *p = r->p->initializer[i];
    Tensor *t = p->name && *p->name ? value_new(r, p->name, (DataType)p->data_type) : NULL;
    if (t)
      r->data[t->id] = p;
    else
      diag_error(EXIT_INVALID, NULL, p->name && *p->name ? "two initializers are called '%s'" : "an initializer has no name%s",
                 diag_text(p->name));
  }
  for (size_t i = 0; i < r->p->n_sparse_initializer; i++) {
    const Onnx__SparseTensorProto *p = r->p->sparse_initializer[i];
    const char *name = p->values ? or_empty(p->values->name) : "";
    if (*name)
      value_new(r, name, DT_UNDEFINED); /* its readers are not at fault */
    diag_error(EXIT_UNSUPPORTED, NULL, "initializer '%s' is sparse: export dense weights", diag_text(name));
  }
}

/* Only what is used: unused data need not even be valid. */
static void read_initializers(Reader *r) {
  Graph *g = r->g;
  bool *used = mem_array((size_t)g->n_tensors, sizeof(bool));
  for (int i = 0; i < g->n_nodes; i++)
    for (int k = 0; k < g->node[i]->n_in; k++) {
      const Tensor *t = g->node[i]->in[k];
      if (!t)
        continue;
      used[t->id] = true;
      if (r->data[t->id] && r->data[t->id]->data_type == DT_STRING)
        diag_error(EXIT_UNSUPPORTED, g->node[i], "reads '%s', which is text", diag_text(t->name));
    }
  for (int i = 0; i < g->n_out; i++)
    used[g->out[i]->id] = true;
  for (int i = 0; i < g->n_tensors; i++)
    if (used[i] && r->data[i])
      onnx_tensor(g->tensor[i], r->data[i], g->file);
}

/* Drops nodes that reach no output: what they ask for does not matter. */
static void drop_unused_nodes(Reader *r) {
  Graph *g = r->g;
  bool *used = mem_array((size_t)g->n_tensors, sizeof(bool)), *keep = mem_array((size_t)g->n_nodes, sizeof(bool));
  for (int i = 0; i < g->n_out; i++)
    used[g->out[i]->id] = true;
  for (int i = g->n_nodes - 1; i >= 0; i--) {
    const Node *n = g->node[i];
    for (int k = 0; k < n->n_out; k++)
      keep[i] |= n->out[k] && used[n->out[k]->id];
    for (int k = 0; keep[i] && k < n->n_in; k++)
      if (n->in[k])
        used[n->in[k]->id] = true;
  }
  int n = 0;
  for (int i = 0; i < g->n_nodes; i++)
    if (keep[i])
      g->node[n++] = g->node[i];
  g->n_nodes = n;
}

static void check_functions(const Reader *r) {
  for (size_t i = 0; i < r->model->n_functions; i++) {
    const Onnx__FunctionProto *f = r->model->functions[i];
    for (int k = 0; k < r->g->n_nodes; k++) {
      const Node *n = r->g->node[k];
      if (strcmp(n->op_type, or_empty(f->name)) == 0 && strcmp(n->domain, or_empty(f->domain)) == 0) {
        diag_error(EXIT_UNSUPPORTED, n, "calls a function of the model: expand it with onnx.inliner.inline_local_functions");
        r->g->node[k]->op = OP_COUNT; /* pass_check_ops need not report it again */
      }
    }
  }
}

static Graph *read_graph(Reader *r) {
  Graph *g = r->g;
  read_header(r);
  if (!r->p) {
    diag_error(EXIT_INVALID, NULL, "not a complete ONNX model: it has no graph");
    return NULL;
  }
  make_slots(r);
  declare_initializers(r);
  g->in = mem_array(r->p->n_input, sizeof *g->in);
  for (size_t i = 0; i < r->p->n_input; i++)
    read_input(r, r->p->input[i]);
  check_dim_options(r);
  read_nodes(r);
  g->out = mem_array(r->p->n_output, sizeof *g->out);
  for (size_t i = 0; i < r->p->n_output; i++)
    read_output(r, r->p->output[i]);
  if (!r->p->n_output)
    diag_error(EXIT_INVALID, NULL, "the graph has no outputs");
  sort_nodes(r);
  int status = diag_status();
  if (status && status != EXIT_UNSUPPORTED)
    return NULL;
  drop_unused_nodes(r);
  check_functions(r);
  read_attributes(r);
  read_initializers(r);
  if (!diag_status())
    return g;
  pass_check_ops(g); /* so that one run shows everything */
  return NULL;
}

/* ---- protobuf-c, which asks its allocator for whatever the file says ---- */

typedef struct {
  size_t left;
} Budget;

typedef union {
  size_t size;
  max_align_t align;
} Header;

static void *budget_alloc(void *data, size_t n) {
  Budget *b = data;
  if (n > b->left)
    return NULL;
  Header *h = malloc(sizeof *h + n);
  if (!h)
    return NULL;
  b->left -= n;
  h->size = n;
  return h + 1;
}

static void budget_free(void *data, void *p) {
  Budget *b = data;
  if (!p)
    return;
  Header *h = (Header *)p - 1;
  b->left += h->size;
  free(h);
}

/* Files that do not begin with a field of ModelProto are something else altogether. */
static bool looks_like_onnx(const uint8_t *p, size_t n) {
  static const uint8_t key[] = {0x08, 0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42, 0x72};
  return n && memchr(key, p[0], sizeof key);
}

Graph *onnx_read_mem(const char *path, const void *bytes, size_t n, int n_dims, const DimValue *dims) {
  size_t at;
  const char *fault = n ? onnx_scan(bytes, n, &at) : "the file is empty";
  if (!n || !looks_like_onnx(bytes, n)) {
    diag_error(EXIT_INVALID, NULL, "not an ONNX file%s", n ? "" : ": it is empty");
    return NULL;
  }
  if (fault) {
    diag_error(EXIT_INVALID, NULL, "not an ONNX file, or truncated or damaged: at byte %zu of %zu, %s", at, n, fault);
    return NULL;
  }
  Budget budget = {n * 96 + (1 << 20)}; /* an attribute of many small integers takes 50 bytes for each of its bytes while it is parsed */
  ProtobufCAllocator allocator = {budget_alloc, budget_free, &budget};
  Reader r = {.n_dims = n_dims, .dims = dims};
  Onnx__ModelProto *model = onnx__model_proto__unpack(&allocator, n, bytes);
  if (!model) {
    diag_error(EXIT_INVALID, NULL, "not an ONNX file, or damaged: a field has the wrong type or the file asks for too much memory");
    return NULL;
  }
  r.model = model;
  r.p = model->graph;
  r.g = mem_alloc(sizeof *r.g);
  r.g->file = mem_strdup(path);
  r.g->sha256 = sha256_hex(bytes, n);
  Graph *g = read_graph(&r);
  onnx__model_proto__free_unpacked(model, &allocator);
  return g;
}

Graph *onnx_read(const char *path, int n_dims, const DimValue *dims) {
  size_t n;
  char *bytes = file_read(path, &n);
  if (!bytes) {
    diag_error(EXIT_FILES, NULL, "cannot read the model: %s", strerror(errno));
    return NULL;
  }
  return onnx_read_mem(path, bytes, n, n_dims, dims);
}
