/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_part.c - kernels of a few nodes at one position of a stream. The nodes are put into a small graph of their own, with the spatial
 * dimensions 1 (or those of a window), and lowered by the functions that lower a whole network: so both modes mean the same bits.
 */
#include "op.h"
#include "stream_build.h"
#include <stdlib.h>

/* ---- chains ---- */

static bool element_by_element(const Node *n, const Tensor *t) {
  const OpKind kind = op_info[n->op].kind;
  if (!op_info[n->op].lower || !n->out[0] || n->n_out != 1 || tensor_count(n->out[0]) != tensor_count(t))
    return false;
  if (n->op == OP_ReduceMax || n->op == OP_ReduceMin || n->op == OP_MatMul || n->op == OP_Gemm)
    return false;
  for (int i = 0; i < n->n_in; i++)
    if (n->in[i] && n->in[i] != t && !n->in[i]->value)
      return false;
  return kind == KIND_PWL || kind == KIND_TABLE || n->op == OP_Add || n->op == OP_Sub || n->op == OP_Mul || n->op == OP_Div ||
         n->op == OP_Neg || n->op == OP_Sum || n->op == OP_Scale || n->op == OP_Offset || n->op == OP_Pow;
}

const Node **stream_chain(Build *b, const Node *n, int *count) {
  const Node **list = NULL;
  int cap = 0;
  *count = 0;
  for (const Node *at = n; at;) {
    list = mem_grow(list, *count, &cap, sizeof *list);
    list[(*count)++] = at;
    for (int i = 0; i < b->g->n_nodes; i++)
      if (b->g->node[i] == at)
        b->done[i] = 1;
    Node *next = NULL;
    const Tensor *t = at->out[0];
    at = graph_uses(b->g, t, &next) == 1 && next && element_by_element(next, t) ? next : NULL;
  }
  return list;
}

static bool one_for_all(const Node *n) {
  for (int i = 0; i < n->n_in; i++)
    if (n->in[i] && n->in[i]->value && tensor_count(n->in[i]) != 1)
      return false;
  for (int i = 0; i < n->n_chain; i++)
    if (!one_for_all(n->chain[i]))
      return false;
  return true;
}

bool stream_chain_uniform(const Node *const *n, int count) {
  for (int i = 0; i < count; i++)
    if (!one_for_all(n[i]))
      return false;
  return true;
}

/* ---- the small graph ---- */

static Tensor *copy_tensor(Graph *m, const Tensor *t) {
  Tensor *c = graph_tensor(m, t->name, t->dtype);
  const int id = c->id;
  *c = *t;
  c->id = id;
  c->producer = NULL;
  return c;
}

/* Copies a node; what it reads is looked up in old/new, constants are copied. */
static Node *copy_node(Graph *m, const Node *n, const Tensor *const *old, Tensor *const *new, int known) {
  Node *c = memcpy(mem_alloc(sizeof *c), n, sizeof *c);
  c->in = mem_array((size_t)n->n_in + 1, sizeof(Tensor *));
  c->out = mem_array((size_t)n->n_out + 1, sizeof(Tensor *));
  c->attr = mem_array((size_t)n->n_attr + 1, sizeof *c->attr);
  if (n->n_attr)
    memcpy(c->attr, n->attr, (size_t)n->n_attr * sizeof *c->attr);
  for (int i = 0; i < n->n_in; i++) {
    for (int j = 0; n->in[i] && j < known; j++)
      if (old[j] == n->in[i])
        c->in[i] = new[j];
    if (n->in[i] && !c->in[i])
      c->in[i] = copy_tensor(m, n->in[i]);
  }
  for (int i = 0; i < n->n_out; i++)
    if (n->out[i]) {
      c->out[i] = copy_tensor(m, n->out[i]);
      c->out[i]->rank = -1;
      c->out[i]->producer = c;
    }
  m->node = mem_grow(m->node, m->n_nodes, &m->cap_nodes, sizeof *m->node);
  m->node[m->n_nodes++] = c;
  return c;
}

/* The window itself is the input: one position, nothing around it. */
static void at_one_position(Node *n) {
  int64_t one[MAX_RANK], zero[2 * MAX_RANK] = {0};
  const int axes = n->in[0]->rank - 2;
  for (int i = 0; i < axes; i++)
    one[i] = 1;
  attr_set_ints(n, "strides", axes, one);
  attr_set_ints(n, "dilations", axes, one);
  attr_set_ints(n, "pads", 2 * axes, zero);
  attr_set_string(n, "auto_pad", "NOTSET");
  attr_set_int(n, "ceil_mode", 0);
}

/* Whether the constants of an elementwise operator, shapes as broadcast, are the same at all positions. */
static bool same_everywhere(const Node *n) {
  const OpInfo *op = &op_info[n->op];
  if (op->infer != infer_binary && op->infer != infer_nary && op->infer != infer_prelu)
    return true;
  const Tensor *x = NULL;
  for (int i = 0; i < n->n_in; i++)
    if (n->in[i] && !n->in[i]->value)
      x = n->in[i];
  for (int i = 0; x && i < n->n_in; i++) {
    const Tensor *c = n->in[i];
    for (int j = 1; c->value && j <= c->rank; j++) {
      const int64_t of = c->dim[c->rank - j], at = j <= x->rank ? x->dim[x->rank - j] : 1;
      if (of != 1 && of != at) {
        diag_error(EXIT_UNSUPPORTED, n, "in stream mode the constant '%s' must be the same at all positions; --mode=parallel takes it",
                   diag_text(c->name));
        return false;
      }
    }
  }
  return true;
}

Kernel *stream_part(const Build *b, const Part *p) {
  enum { MAX_INPUTS = 64 };
  Graph *m = mem_alloc(sizeof *m);
  *m = (Graph){.file = b->g->file, .opset = b->g->opset, .steps = 1};
  const Tensor *old[MAX_INPUTS] = {0};
  Tensor *new[MAX_INPUTS] = {0};
  int known = 0;
  const Node *first = p->node[0];
  m->in = mem_array(MAX_INPUTS, sizeof(Tensor *));
  m->out = mem_array(1, sizeof(Tensor *));
  if (p->sums) { /* the sum, as an input, becomes what n[0] makes of it */
    Tensor *sum = copy_tensor(m, first->out[0]), *y = copy_tensor(m, first->out[0]);
    sum->rank = p->shape[0].rank;
    memcpy(sum->dim, p->shape[0].dim, sizeof sum->dim);
    sum->fmt = p->fmt[0], sum->exact = false, sum->each = NULL, sum->scale = 0;
    y->rank = sum->rank;
    memcpy(y->dim, sum->dim, sizeof y->dim);
    Node *n = mem_alloc(sizeof *n);
    *n = *first;
    n->op = OP_Sum;
    n->n_in = n->n_out = 1;
    n->n_attr = n->n_chain = 0;
    n->in = mem_array(1, sizeof(Tensor *));
    n->out = mem_array(1, sizeof(Tensor *));
    n->in[0] = sum, n->out[0] = y, y->producer = n;
    m->node = mem_grow(m->node, m->n_nodes, &m->cap_nodes, sizeof *m->node);
    m->node[m->n_nodes++] = n;
    m->in[m->n_in++] = sum;
    m->out[0] = y;
    old[known] = first->out[0], new[known++] = y;
  }
  for (int i = p->sums; i < p->n; i++) {
    const Node *n = p->node[i];
    for (int j = 0; j < n->n_in; j++) {
      bool seen = !n->in[j] || n->in[j]->value;
      for (int q = 0; q < known; q++)
        seen |= old[q] == n->in[j];
      if (seen || known == MAX_INPUTS)
        continue;
      Tensor *t = copy_tensor(m, n->in[j]);
      t->rank = p->shape[m->n_in].rank;
      memcpy(t->dim, p->shape[m->n_in].dim, sizeof t->dim);
      t->fmt = p->fmt[m->n_in], t->exact = false, t->each = NULL; /* scale: a port that takes codes is read as one */
      old[known] = n->in[j], new[known++] = t;
      m->in[m->n_in++] = t;
    }
    Node *c = copy_node(m, n, old, new, known);
    if (c->op == OP_MaxPool)
      at_one_position(c);
    if (!same_everywhere(c) || !op_info[c->op].infer(m, c))
      return NULL;
    c->opset = n->opset;
    old[known] = n->out[0], new[known++] = c->out[0];
    m->out[0] = c->out[0];
    if (known == MAX_INPUTS) {
      diag_error(EXIT_UNSUPPORTED, n, "in stream mode at most %d operators follow one another at a position", MAX_INPUTS / 2);
      return NULL;
    }
  }
  m->n_out = 1;
  Options o = *b->o;
  o.dsp = 0; /* --dsp is a budget of multipliers in time here */
  o.top = b->s->name;
  Kernel *k = lower_graph(m, &o, b->config);
  if (diag_errors())
    return NULL;
  hir_affine(k, false);
  hir_check_overflow(k);
  return k;
}

Kernel *stream_expand(Kernel *k) {
  if (!hir_has(k, HIR_QUANT))
    return hir_clean(k);
  k = hir_expand(hir_round(k));
  hir_affine(k, false);
  return hir_clean(k);
}

void stream_inline(Kernel *to, const Kernel *sub, const int *arg, int *out) {
  int *map = mem_array((size_t)sub->n + 1, sizeof *map), *table = mem_array((size_t)sub->n_tables + 1, sizeof *table);
  for (int i = 0; i < sub->n_tables; i++) {
    const HirTable *t = &sub->table[i];
    table[i] = hir_table(to, mem_printf("%s_%d", t->name, to->n_tables), t->entries, t->word, t->text);
  }
  for (int i = 0; i < sub->n; i++) {
    HirValue v = sub->v[i];
    if (v.op == HIR_IN) {
      map[i] = arg[v.imm];
      continue;
    }
    if (v.op == HIR_LUT)
      v.imm = table[v.imm];
    v.site = -1; /* the evaluator and the C model count; hardware does not */
    map[i] = hir_rebuild_value(to, &v, map);
    if (to->v[map[i]].op != HIR_IN)
      hir_narrow(to, map[i], v.lo, v.hi);
  }
  for (int i = 0; i < hir_outs(sub); i++)
    out[i] = map[sub->out[i]];
}
