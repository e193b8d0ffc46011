/* SPDX-License-Identifier: Apache-2.0
 *
 * graph.c - building, changing, checking and printing the Graph.
 */
#include "nngen.h"

#include <stdlib.h>

const char *dtype_name(DataType t) {
  static const char *const name[] = {
      "undefined",      "float32",    "uint8",          "int8",   "uint16", "int16",      "int32",      "int64",    "text",
      "bool",           "float16",    "float64",        "uint32", "uint64", "complex64",  "complex128", "bfloat16", "float8e4m3fn",
      "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "uint4",  "int4",   "float4e2m1", "float8e8m0", "uint2",    "int2"};
  return (unsigned)t < sizeof name / sizeof *name ? name[t] : "?";
}

bool dtype_is_small_float(DataType t) {
  return (t >= DT_FLOAT8E4M3FN && t <= DT_FLOAT8E5M2FNUZ) || t == DT_FLOAT4E2M1 || t == DT_FLOAT8E8M0;
}

bool dtype_range(DataType t, double *lo, double *hi) {
  static const struct {
    DataType t;
    int bits;
    bool is_signed;
  } type[] = {{DT_BOOL, 1, false},    {DT_INT2, 2, true},   {DT_UINT2, 2, false},  {DT_INT4, 4, true},
              {DT_UINT4, 4, false},   {DT_INT8, 8, true},   {DT_UINT8, 8, false},  {DT_INT16, 16, true},
              {DT_UINT16, 16, false}, {DT_INT32, 32, true}, {DT_UINT32, 32, false}};
  for (size_t i = 0; i < sizeof type / sizeof *type; i++)
    if (type[i].t == t) {
      const double span = (double)((int64_t)1 << type[i].bits);
      *lo = type[i].is_signed ? -span / 2 : 0;
      *hi = *lo + span - 1;
      return true;
    }
  return false;
}

bool dtype_is_float(DataType t) {
  return t == DT_FLOAT || t == DT_DOUBLE || t == DT_FLOAT16 || t == DT_BFLOAT16;
}

int64_t tensor_count(const Tensor *t) {
  int64_t n = 1;
  for (int i = 0; i < t->rank; i++)
    n *= t->dim[i];
  return n;
}

Tensor *graph_tensor(Graph *g, const char *name, DataType dtype) {
  Tensor *t = mem_alloc(sizeof *t);
  t->name = mem_strdup(name);
  t->dtype = dtype;
  t->rank = -1;
  t->id = g->n_tensors;
  g->tensor = mem_grow(g->tensor, g->n_tensors, &g->cap_tensors, sizeof(Tensor *));
  g->tensor[g->n_tensors++] = t;
  return t;
}

Tensor *graph_const(Graph *g, const char *name, DataType dtype, int rank, const int64_t *dim, const double *value) {
  Tensor *t = graph_tensor(g, name, dtype);
  t->rank = rank;
  for (int i = 0; i < rank; i++)
    t->dim[i] = dim[i];
  size_t n = (size_t)tensor_count(t);
  t->value = mem_array(n, sizeof(double));
  if (n && value)
    memcpy(t->value, value, n * sizeof(double));
  return t;
}

Node *graph_insert(Graph *g, const Node *before, const char *op_type, const char *name, int n_in, Tensor **in, int n_out, Tensor **out) {
  Node *n = mem_alloc(sizeof *n);
  n->domain = "";
  n->op = op_find("", op_type);
  static const char *const others[] = {"ai.onnx.ml", "nngen"};
  for (int i = 0; i < 2 && n->op == OP_UNKNOWN; i++) {
    n->domain = others[i];
    n->op = op_find(n->domain, op_type);
  }
  n->op_type = op_type;
  n->name = mem_strdup(name);
  n->opset = OPSET_NEWEST;
  n->index = before ? before->index : g->n_nodes;
  n->n_in = n_in;
  n->n_out = n_out;
  n->in = mem_array((size_t)n_in, sizeof(Tensor *));
  n->out = mem_array((size_t)n_out, sizeof(Tensor *));
  for (int i = 0; i < n_in; i++)
    n->in[i] = in[i];
  for (int i = 0; i < n_out; i++) {
    n->out[i] = out[i];
    if (out[i])
      out[i]->producer = n;
  }
  g->node = mem_grow(g->node, g->n_nodes, &g->cap_nodes, sizeof(Node *));
  int at = g->n_nodes++;
  while (before && at > 0 && g->node[at - 1] != before)
    at--;
  at -= before && at > 0;
  memmove(g->node + at + 1, g->node + at, (size_t)(g->n_nodes - 1 - at) * sizeof(Node *));
  g->node[at] = n;
  return n;
}

void graph_remove(Graph *g, Node *n) {
  int at = 0;
  while (at < g->n_nodes && g->node[at] != n)
    at++;
  if (at == g->n_nodes)
    return;
  memmove(g->node + at, g->node + at + 1, (size_t)(g->n_nodes - at - 1) * sizeof(Node *));
  g->n_nodes--;
  for (int i = 0; i < n->n_out; i++)
    if (n->out[i] && n->out[i]->producer == n)
      n->out[i]->producer = NULL;
}

void graph_replace(Graph *g, Tensor *from, Tensor *to) {
  for (int i = 0; i < g->n_nodes; i++)
    for (int k = 0; k < g->node[i]->n_in; k++)
      if (g->node[i]->in[k] == from)
        g->node[i]->in[k] = to;
  for (int i = 0; i < g->n_out; i++)
    if (g->out[i] == from)
      g->out[i] = to;
}

bool graph_bypass(Graph *g, Node *n) {
  Tensor *from = n->in[0], *to = n->out[0];
  if (graph_is_output(g, to)) {
    if (!from->producer || graph_is_output(g, from))
      return false;
    const char *name = to->name;
    to->name = from->name;
    from->name = name;
  }
  graph_remove(g, n);
  graph_replace(g, to, from);
  return true;
}

int graph_uses(const Graph *g, const Tensor *t, Node **only) {
  int uses = 0;
  if (only)
    *only = NULL;
  for (int i = 0; i < g->n_nodes; i++)
    for (int k = 0; k < g->node[i]->n_in; k++)
      if (g->node[i]->in[k] == t) {
        uses++;
        if (only)
          *only = g->node[i];
      }
  for (int i = 0; i < g->n_out; i++)
    uses += g->out[i] == t;
  if (only && (uses != 1 || graph_is_output(g, t)))
    *only = NULL;
  return uses;
}

bool graph_is_output(const Graph *g, const Tensor *t) {
  for (int i = 0; i < g->n_out; i++)
    if (g->out[i] == t)
      return true;
  return false;
}

const Attr *node_attr(const Node *n, const char *name) {
  for (int i = 0; i < n->n_attr; i++)
    if (strcmp(n->attr[i].name, name) == 0)
      return &n->attr[i];
  return NULL;
}

/* Whether the attribute is there; of the wrong type, it is an error. */
static bool attr_is(const Node *n, const Attr *a, AttrType type) {
  if (a && a->type != type)
    diag_error(EXIT_INVALID, n, "attribute '%s' is of the wrong type", diag_text(a->name));
  return a && a->type == type;
}

int64_t attr_int(const Node *n, const char *name, int64_t otherwise) {
  const Attr *a = node_attr(n, name);
  return attr_is(n, a, ATTR_INT) ? a->i : otherwise;
}

double attr_float(const Node *n, const char *name, double otherwise) {
  const Attr *a = node_attr(n, name);
  return attr_is(n, a, ATTR_FLOAT) ? a->f : otherwise;
}

const char *attr_string(const Node *n, const char *name, const char *otherwise) {
  const Attr *a = node_attr(n, name);
  return attr_is(n, a, ATTR_STRING) ? a->s : otherwise;
}

/* The attribute of that name, new at the end when there is none. */
static Attr *attr_make(Node *n, const char *name) {
  for (int i = 0; i < n->n_attr; i++)
    if (strcmp(n->attr[i].name, name) == 0)
      return &n->attr[i];
  Attr *a = mem_array((size_t)n->n_attr + 1, sizeof *a);
  if (n->n_attr)
    memcpy(a, n->attr, (size_t)n->n_attr * sizeof *a);
  n->attr = a;
  a[n->n_attr].name = name;
  return &a[n->n_attr++];
}

void attr_set_int(Node *n, const char *name, int64_t v) {
  Attr *a = attr_make(n, name);
  a->type = ATTR_INT;
  a->i = v;
}

void attr_set_float(Node *n, const char *name, double v) {
  Attr *a = attr_make(n, name);
  a->type = ATTR_FLOAT;
  a->f = v;
}

void attr_set_string(Node *n, const char *name, const char *v) {
  Attr *a = attr_make(n, name);
  a->type = ATTR_STRING;
  a->s = v;
}

void attr_set_floats(Node *n, const char *name, int count, const double *v) {
  Attr *a = attr_make(n, name);
  a->type = ATTR_FLOATS;
  a->n = count;
  a->floats = memcpy(mem_array((size_t)count + 1, sizeof *v), v, (size_t)count * sizeof *v);
}

void attr_set_ints(Node *n, const char *name, int count, const int64_t *v) {
  Attr *a = attr_make(n, name);
  a->type = ATTR_INTS;
  a->n = count;
  a->ints = memcpy(mem_array((size_t)count + 1, sizeof *v), v, (size_t)count * sizeof *v);
}

static void broken(const Graph *g, const Node *n, const char *what) {
  fprintf(stderr, "nngen: internal error: graph of %s, node %s (%s): %s\n", diag_text(g->file), n ? diag_text(n->name) : "-",
          n ? diag_text(n->op_type) : "-", what);
  abort();
}

void graph_check(const Graph *g, bool inferred) {
  bool *ready = mem_array((size_t)g->n_tensors, sizeof(bool));
  for (int i = 0; i < g->n_tensors; i++) {
    const Tensor *t = g->tensor[i];
    if (t->id != i)
      broken(g, NULL, "a tensor's number is wrong");
    if (t->value && t->rank < 0)
      broken(g, NULL, "a constant has no shape");
    if (t->value && t->producer)
      broken(g, t->producer, "makes a constant");
    ready[i] = t->value != NULL || (t->dtype == DT_STRING && !t->producer);
  }
  for (int i = 0; i < g->n_in; i++)
    ready[g->in[i]->id] = true;
  for (int i = 0; i < g->n_nodes; i++) {
    const Node *n = g->node[i];
    for (int k = 0; k < n->n_in; k++)
      if (n->in[k] && !ready[n->in[k]->id])
        broken(g, n, "reads a value before it is made");
    for (int k = 0; k < n->n_out; k++) {
      const Tensor *t = n->out[k];
      if (!t)
        continue;
      if (t->producer != n)
        broken(g, n, "is not its output's producer");
      if (ready[t->id])
        broken(g, n, "makes a value that exists");
      if (inferred && t->rank < 0)
        broken(g, n, "has an output without a shape");
      ready[t->id] = true;
    }
    if (inferred && (n->op <= OP_UNKNOWN || n->op >= OP_COUNT))
      broken(g, n, "is unknown");
  }
  for (int i = 0; i < g->n_out; i++)
    if (!ready[g->out[i]->id])
      broken(g, NULL, "a graph output is never made");
}

static void dump_tensor(const Tensor *t, FILE *f) {
  if (!t) {
    fputs("-", f);
    return;
  }
  fprintf(f, "%s:%s", diag_text(t->name), dtype_name(t->dtype));
  if (t->rank >= 0) {
    fputc('[', f);
    for (int i = 0; i < t->rank; i++)
      fprintf(f, "%s%lld", i ? "," : "", (long long)t->dim[i]);
    fputc(']', f);
  }
  if (t->fmt.W)
    fprintf(f, "<%s%d,%d>", t->fmt.is_signed ? "" : "u", t->fmt.W, t->fmt.I);
  if (t->value) {
    enum { SHOWN = 4 };
    int64_t n = tensor_count(t);
    fputs("={", f);
    for (int64_t i = 0; i < n && i < SHOWN; i++)
      fprintf(f, "%s%.6g", i ? " " : "", t->value[i]);
    fputs(n > SHOWN ? " ...}" : "}", f);
  }
}

static void dump_attr(const Attr *a, FILE *f) {
  fprintf(f, " %s=", diag_text(a->name));
  switch (a->type) {
  case ATTR_FLOAT:
    fprintf(f, "%.9g", a->f);
    break;
  case ATTR_INT:
    fprintf(f, "%lld", (long long)a->i);
    break;
  case ATTR_STRING:
    fprintf(f, "'%s'", diag_text(a->s));
    break;
  case ATTR_INTS:
    for (int i = 0; i < a->n; i++)
      fprintf(f, "%s%lld", i ? "," : "[", (long long)a->ints[i]);
    fputs(a->n ? "]" : "[]", f);
    break;
  default:
    fprintf(f, "(%d)", a->n);
  }
}

void graph_dump(const Graph *g, FILE *f) {
  for (int i = 0; i < g->n_in; i++) {
    fputs("in  ", f);
    dump_tensor(g->in[i], f);
    fputc('\n', f);
  }
  for (int i = 0; i < g->n_nodes; i++) {
    const Node *n = g->node[i];
    for (int k = 0; k < n->n_out; k++) {
      fputs(k ? ", " : "", f);
      dump_tensor(n->out[k], f);
    }
    fprintf(f, " = %s '%s'(", diag_text(n->op_type), diag_text(n->name));
    for (int k = 0; k < n->n_in; k++) {
      fputs(k ? ", " : "", f);
      dump_tensor(n->in[k], f);
    }
    fputc(')', f);
    for (int k = 0; k < n->n_attr; k++)
      dump_attr(&n->attr[k], f);
    fputc('\n', f);
  }
  for (int i = 0; i < g->n_out; i++) {
    fputs("out ", f);
    dump_tensor(g->out[i], f);
    fputc('\n', f);
  }
}

int64_t graph_params(const Graph *g) {
  bool *counted = mem_array((size_t)g->n_tensors, sizeof(bool));
  int64_t sum = 0;
  for (int i = 0; i < g->n_nodes; i++)
    for (int k = 0; k < g->node[i]->n_in; k++) {
      const Tensor *t = g->node[i]->in[k];
      if (t && t->value && dtype_is_float(t->dtype) && !counted[t->id]) {
        counted[t->id] = true;
        sum += tensor_count(t);
      }
    }
  return sum;
}

int64_t graph_macs(const Graph *g) {
  int64_t sum = 0;
  for (int i = 0; i < g->n_nodes; i++) {
    const Node *n = g->node[i];
    const bool conv = n->op == OP_Conv || n->op == OP_ConvTranspose;
    if ((n->op != OP_Gemm && n->op != OP_MatMul && !conv) || n->out[0]->rank < 0)
      continue;
    const Tensor *a = n->in[0], *b = n->in[1];
    if (conv) { /* with the products that padding takes part in, or that fall outside the output */
      sum += tensor_count(n->op == OP_Conv ? n->out[0] : a) * (tensor_count(b) / b->dim[0]);
      continue;
    }
    int64_t depth = n->op == OP_Gemm && attr_int(n, "transA", 0) ? a->dim[0] : a->rank ? a->dim[a->rank - 1] : 1;
    sum += tensor_count(n->out[0]) * depth;
  }
  return sum;
}
