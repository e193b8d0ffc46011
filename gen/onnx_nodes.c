/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_nodes.c - the nodes of an ONNX graph: connections, order, attributes.
 */
#include "onnx_read.h"

enum { MAX_ATTRIBUTES = 256 };

static const char *or_empty(const char *s) {
  return s ? s : "";
}

static int count_used(size_t n, char *const *name) {
  while (n && !*or_empty(name[n - 1]))
    n--;
  return (int)n;
}

static int node_opset(const Reader *r, const char *domain) {
  if (!*domain || strcmp(domain, "ai.onnx") == 0 || strcmp(domain, "com.microsoft") == 0)
    return r->g->opset;
  if (strcmp(domain, "ai.onnx.ml") == 0)
    return r->ml_opset;
  for (size_t i = 0; i < r->model->n_opset_import; i++)
    if (strcmp(or_empty(r->model->opset_import[i]->domain), domain) == 0)
      return (int)r->model->opset_import[i]->version;
  return 0;
}

static void make_outputs(Reader *r, Node *n, const Onnx__NodeProto *p) {
  n->n_out = count_used(p->n_output, p->output);
  n->out = mem_array((size_t)n->n_out, sizeof(Tensor *));
  for (int i = 0; i < n->n_out; i++) {
    const char *name = or_empty(p->output[i]);
    if (!*name)
      continue;
    Tensor *t = value_new(r, name, DT_UNDEFINED);
    if (t) {
      t->producer = n;
      n->out[i] = t;
    } else {
      diag_error(EXIT_INVALID, n, "makes value '%s', which is defined already", diag_text(name));
    }
  }
}

static void find_inputs(Reader *r, Node *n, const Onnx__NodeProto *p) {
  n->n_in = count_used(p->n_input, p->input);
  n->in = mem_array((size_t)n->n_in, sizeof(Tensor *));
  for (int i = 0; i < n->n_in; i++) {
    const char *name = or_empty(p->input[i]);
    if (!*name)
      continue;
    n->in[i] = value_find(r, name);
    if (!n->in[i])
      diag_error(EXIT_INVALID, n, "reads value '%s', which is no input, no initializer, and made by no node", diag_text(name));
  }
}

void read_nodes(Reader *r) {
  Graph *g = r->g;
  g->cap_nodes = g->n_nodes = (int)r->p->n_node;
  g->node = mem_array(r->p->n_node, sizeof(Node *));
  for (int i = 0; i < g->n_nodes; i++) {
    const Onnx__NodeProto *p = r->p->node[i];
    Node *n = g->node[i] = mem_alloc(sizeof *n);
    n->index = i;
    n->op_type = mem_strdup(or_empty(p->op_type));
    n->domain = mem_strdup(or_empty(p->domain));
    n->name = p->name && *p->name ? mem_strdup(p->name) : mem_printf("%s_%d", n->op_type, i);
    n->op = op_find(n->domain, n->op_type);
    n->opset = node_opset(r, n->domain);
    if (!*n->op_type)
      diag_error(EXIT_INVALID, n, "has no operator");
    make_outputs(r, n, p);
  }
  for (int i = 0; i < g->n_nodes; i++)
    find_inputs(r, g->node[i], r->p->node[i]);
}

static bool is_sorted(const Graph *g) {
  bool *made = mem_array((size_t)g->n_tensors, sizeof(bool));
  for (int i = 0; i < g->n_nodes; i++) {
    const Node *n = g->node[i];
    for (int k = 0; k < n->n_in; k++)
      if (n->in[k] && n->in[k]->producer && !made[n->in[k]->id])
        return false;
    for (int k = 0; k < n->n_out; k++)
      if (n->out[k])
        made[n->out[k]->id] = true;
  }
  return true;
}

/* A node on a cycle: from a node that could not be ordered, step to inputs that could not either until the walk must have come round. */
static void report_cycle(const Graph *g, const bool *done) {
  const Node *n = NULL;
  for (int i = 0; i < g->n_nodes && !n; i++)
    if (!done[g->node[i]->index])
      n = g->node[i];
  for (int step = 0; n && step < g->n_nodes; step++)
    for (int k = 0; k < n->n_in; k++)
      if (n->in[k] && n->in[k]->producer && !done[n->in[k]->producer->index]) {
        n = n->in[k]->producer;
        break;
      }
  diag_error(EXIT_INVALID, n, "depends on its own output: the graph has a cycle");
}

/* Kahn's algorithm; consumers of node i are list[first[i]] .. list[first[i+1]-1]. */
void sort_nodes(Reader *r) {
  Graph *g = r->g;
  if (is_sorted(g))
    return;
  size_t n = (size_t)g->n_nodes, edges = 0;
  size_t *first = mem_array(n + 2, sizeof *first);
  int *waits = mem_array(n, sizeof *waits);
  for (size_t i = 0; i < n; i++)
    for (int k = 0; k < g->node[i]->n_in; k++)
      if (g->node[i]->in[k] && g->node[i]->in[k]->producer) {
        first[g->node[i]->in[k]->producer->index + 2]++;
        waits[i]++;
        edges++;
      }
  for (size_t i = 0; i < n; i++)
    first[i + 2] += first[i + 1];
  int *list = mem_array(edges, sizeof *list);
  for (size_t i = 0; i < n; i++)
    for (int k = 0; k < g->node[i]->n_in; k++)
      if (g->node[i]->in[k] && g->node[i]->in[k]->producer)
        list[first[g->node[i]->in[k]->producer->index + 1]++] = (int)i;

  Node **order = mem_array(n, sizeof *order);
  bool *done = mem_array(n, sizeof *done);
  size_t head = 0, tail = 0;
  for (size_t i = 0; i < n; i++)
    if (!waits[i])
      order[tail++] = g->node[i];
  while (head < tail) {
    int i = order[head++]->index;
    done[i] = true;
    for (size_t e = first[i]; e < first[i + 1]; e++)
      if (--waits[list[e]] == 0)
        order[tail++] = g->node[list[e]];
  }
  if (tail < n)
    report_cycle(g, done);
  else
    g->node = order;
}

static AttrType attr_type(const Onnx__AttributeProto *p) {
  if (p->ref_attr_name && *p->ref_attr_name)
    return ATTR_OTHER;
  if (!p->has_type || p->type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED) /* files of IR version 1 and 2 */
    return p->has_f       ? ATTR_FLOAT
           : p->has_i     ? ATTR_INT
           : p->has_s     ? ATTR_STRING
           : p->t         ? ATTR_TENSOR
           : p->n_floats  ? ATTR_FLOATS
           : p->n_ints    ? ATTR_INTS
           : p->n_strings ? ATTR_STRINGS
                          : ATTR_OTHER;
  switch (p->type) {
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT:
    return ATTR_FLOAT;
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT:
    return ATTR_INT;
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING:
    return ATTR_STRING;
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR:
    return p->t ? ATTR_TENSOR : ATTR_OTHER;
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS:
    return ATTR_FLOATS;
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS:
    return ATTR_INTS;
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS:
    return ATTR_STRINGS;
  default:
    return ATTR_OTHER;
  }
}

static const char *read_bytes(const Node *n, const char *attr, ProtobufCBinaryData b) {
  if (b.len && memchr(b.data, 0, b.len)) {
    diag_error(EXIT_INVALID, n, "attribute '%s' holds text with a NUL byte", diag_text(attr));
    return "";
  }
  return mem_strndup((const char *)b.data, b.len);
}

static void read_attribute(const Reader *r, const Node *n, Attr *a, const Onnx__AttributeProto *p) {
  a->name = mem_strdup(or_empty(p->name));
  a->type = attr_type(p);
  switch (a->type) {
  case ATTR_FLOAT:
    a->f = p->f;
    break;
  case ATTR_INT:
    a->i = p->i;
    break;
  case ATTR_STRING:
    a->s = read_bytes(n, a->name, p->s);
    break;
  case ATTR_FLOATS:
    a->n = (int)p->n_floats;
    a->floats = mem_array(p->n_floats, sizeof(double));
    for (int i = 0; i < a->n; i++)
      a->floats[i] = p->floats[i];
    break;
  case ATTR_INTS:
    a->n = (int)p->n_ints;
    a->ints = mem_array(p->n_ints, sizeof(int64_t));
    for (int i = 0; i < a->n; i++)
      a->ints[i] = p->ints[i];
    break;
  case ATTR_STRINGS:
    a->n = (int)p->n_strings;
    a->strings = mem_array(p->n_strings, sizeof(char *));
    for (int i = 0; i < a->n; i++)
      a->strings[i] = read_bytes(n, a->name, p->strings[i]);
    break;
  case ATTR_TENSOR:
    a->tensor = mem_alloc(sizeof(Tensor));
    a->tensor->id = -1; /* not a value of the graph */
    a->tensor->name = n->n_out && n->out[0] ? n->out[0]->name : n->name;
    onnx_tensor(a->tensor, p->t, r->g->file);
    break;
  case ATTR_OTHER:
    break;
  }
}

void read_attributes(Reader *r) {
  for (int i = 0; i < r->g->n_nodes; i++) {
    Node *n = r->g->node[i];
    const Onnx__NodeProto *p = r->p->node[n->index];
    if (p->n_attribute > MAX_ATTRIBUTES) {
      diag_error(EXIT_UNSUPPORTED, n, "has %zu attributes", p->n_attribute);
      continue;
    }
    n->attr = mem_array(p->n_attribute, sizeof(Attr));
    for (size_t k = 0; k < p->n_attribute; k++) {
      if (node_attr(n, or_empty(p->attribute[k]->name))) {
        diag_error(EXIT_INVALID, n, "attribute '%s' occurs twice", diag_text(p->attribute[k]->name));
        continue;
      }
      read_attribute(r, n, &n->attr[n->n_attr], p->attribute[k]);
      n->n_attr++;
    }
  }
}
