/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_step.c - requires: shapes, constant weights (pass_infer_fold). Keeps: names of inputs and outputs, and the meaning step by step.
 * Afterwards the graph is what one time step computes: every time axis has length 1, no RNN, GRU or LSTM is left but one cell (cell.h)
 * each, whose state comes in and goes out as the last inputs and outputs of the graph (Graph.n_states).
 *
 * What is not a recurrent layer must treat each step by itself, or take the last one alone. The time axis is followed from the input
 * through every node; where two steps meet, the network has no such form and is refused.
 */
#include "cell.h"
#include "op.h"

enum { NO_TIME = -1, MIXED = -2 };

typedef struct {
  Graph *g;
  int64_t steps; /* of the window in the file */
  int *axis;     /* of time, by tensor number */
} Step;

static bool is_recurrent(const Node *n) {
  return n->op == OP_RNN || n->op == OP_GRU || n->op == OP_LSTM;
}

static int64_t product(const int64_t *dim, int n) {
  int64_t p = 1;
  for (int i = 0; i < n; i++)
    p *= dim[i];
  return p;
}

/* ---- where the time axis goes ---- */

static int through_reshape(const Tensor *from, int axis, const Tensor *to) {
  for (int i = 0; i < to->rank; i++)
    if (to->dim[i] == from->dim[axis] && product(to->dim, i) == product(from->dim, axis))
      return i;
  return MIXED;
}

static int through_transpose(const Node *n, int axis) {
  const Attr *perm = node_attr(n, "perm");
  int rank = n->in[0]->rank;
  for (int i = 0; i < rank; i++)
    if ((perm ? perm->ints[i] : rank - 1 - i) == axis)
      return i;
  return MIXED;
}

/* NO_TIME: the last step alone. */
static int through_gather(const Node *n, int axis) {
  const Tensor *data = n->in[0], *index = n->in[1];
  int along = (int)attr_int(n, "axis", 0);
  along += along < 0 ? data->rank : 0;
  if (along != axis)
    return axis < along ? axis : axis + index->rank - 1;
  if (!index->value || tensor_count(index) != 1)
    return MIXED;
  double last = (double)data->dim[axis] - 1;
  return index->value[0] == last || index->value[0] == -1 ? NO_TIME : MIXED;
}

static int through_slice(const Node *n, int axis) {
  SliceAxis slice[MAX_RANK];
  if (!slice_axes(n, slice))
    return MIXED;
  int64_t steps = n->in[0]->dim[axis];
  if (slice[axis].count == steps && slice[axis].step == 1)
    return axis;
  return slice[axis].count == 1 && slice[axis].start == steps - 1 ? NO_TIME : MIXED;
}

static int through_along(const Node *n, int axis, int64_t otherwise) {
  int64_t along = attr_int(n, "axis", otherwise);
  along += along < 0 ? n->in[0]->rank : 0;
  return along == axis ? MIXED : axis;
}

/* Operands are broadcast: the axis counts from the right. */
static int through_elements(const Step *s, const Node *n, const Tensor *out) {
  int axis = NO_TIME;
  for (int k = 0; k < n->n_in; k++)
    if (n->in[k] && s->axis[n->in[k]->id] >= 0)
      axis = s->axis[n->in[k]->id] + out->rank - n->in[k]->rank;
  for (int k = 0; k < n->n_in; k++) {
    const Tensor *t = n->in[k];
    if (!t || tensor_count(t) == 1)
      continue;
    int at = axis - (out->rank - t->rank);
    bool moves = s->axis[t->id] >= 0;
    if (moves ? s->axis[t->id] != at : !t->value || (at >= 0 && t->dim[at] != 1))
      return MIXED;
  }
  return axis;
}

static int through_recurrent(const Step *s, const Node *n, int output) {
  bool batch_first = attr_int(n, "layout", 0);
  if (s->axis[n->in[RECURRENT_X]->id] != batch_first)
    return MIXED;
  return output == 0 ? batch_first : NO_TIME;
}

/* Of output k of a node that reads steps. */
static int through(const Step *s, const Node *n, int k) {
  int axis = n->in[0] ? s->axis[n->in[0]->id] : NO_TIME;
  for (int i = 1; i < n->n_in; i++)
    if (n->in[i] && s->axis[n->in[i]->id] >= 0 && op_info[n->op].infer != infer_binary && op_info[n->op].infer != infer_nary &&
        n->op != OP_Concat)
      return MIXED;
  switch (n->op) {
  case OP_RNN:
  case OP_GRU:
  case OP_LSTM:
    return through_recurrent(s, n, k);
  case OP_Reshape:
  case OP_Squeeze:
  case OP_Unsqueeze:
  case OP_Flatten:
  case OP_Identity:
  case OP_Cast:
    return through_reshape(n->in[0], axis, n->out[0]);
  case OP_Transpose:
    return through_transpose(n, axis);
  case OP_Gather:
    return through_gather(n, axis);
  case OP_Slice:
    return through_slice(n, axis);
  case OP_Split:
    return through_along(n, axis, 0);
  case OP_Softmax:
  case OP_LogSoftmax:
    return through_along(n, axis, -1);
  case OP_Concat:
    for (int i = 0; i < n->n_in; i++)
      if (s->axis[n->in[i]->id] != axis)
        return MIXED;
    return through_along(n, axis, 0);
  case OP_MatMul:
    return n->in[1]->value && n->in[1]->rank == 2 && axis < n->in[0]->rank - 1 ? axis : MIXED;
  case OP_Gemm:
    return n->in[1]->value && axis == 0 && !attr_int(n, "transA", 0) &&
                   (n->n_in < 3 || !n->in[2] || n->in[2]->rank < 2 || n->in[2]->dim[0] == 1)
               ? axis
               : MIXED;
  default:
    break;
  }
  bool of_elements = op_info[n->op].infer == infer_same || op_info[n->op].infer == infer_binary || op_info[n->op].infer == infer_nary ||
                     op_info[n->op].infer == infer_prelu;
  return of_elements ? through_elements(s, n, n->out[0]) : MIXED;
}

/* The first node in which steps meet; NULL: every step goes its own way. */
static const Node *follow(Step *s) {
  for (int i = 0; i < s->g->n_nodes; i++) {
    const Node *n = s->g->node[i];
    bool timed = false;
    for (int k = 0; k < n->n_in; k++)
      timed |= n->in[k] && s->axis[n->in[k]->id] >= 0;
    for (int k = 0; k < n->n_out; k++) {
      if (!n->out[k])
        continue;
      int *axis = &s->axis[n->out[k]->id];
      *axis = timed ? through(s, n, k) : is_recurrent(n) ? MIXED : NO_TIME;
      if (*axis == MIXED)
        return n;
    }
  }
  return NULL;
}

/* Seeds the axis of the input of which `steps` are the window. */
static bool find_axes(Step *s) {
  const Node *where = NULL;
  for (int i = 0; i < s->g->n_tensors; i++)
    s->axis[i] = NO_TIME;
  if (s->steps == 1)
    return true;
  for (int i = 0; i < s->g->n_in; i++)
    for (int a = 0; a < s->g->in[i]->rank; a++) {
      if (s->g->in[i]->dim[a] != s->steps)
        continue;
      s->axis[s->g->in[i]->id] = a;
      const Node *n = follow(s);
      if (!n && product(s->g->in[i]->dim, a) == 1)
        return true;
      if (!n) {
        diag_error(EXIT_UNSUPPORTED, NULL,
                   "input '%s' does not have its time steps one after the other; transpose it, or use --recurrent=unrolled",
                   diag_text(s->g->in[i]->name));
        return false;
      }
      where = where && where->index > n->index ? where : n;
      s->axis[s->g->in[i]->id] = NO_TIME;
    }
  diag_error(EXIT_UNSUPPORTED, where,
             "its result depends on several time steps at once, not on each by itself or on the last; use --recurrent=unrolled");
  return false;
}

/* ---- one step of it ---- */

static Tensor *shape_of(Graph *g, const Tensor *t) {
  double v[MAX_RANK];
  for (int i = 0; i < t->rank; i++)
    v[i] = (double)t->dim[i];
  return graph_const(g, mem_printf("%s_shape", t->name), DT_INT64, 1, (int64_t[]){t->rank}, v);
}

static Node *reshape(Graph *g, const Node *before, const char *name, Tensor *x, Tensor *out) {
  return graph_insert(g, before, "Reshape", name, 2, (Tensor *[]){x, shape_of(g, out)}, 1, &out);
}

/* Windows become steps: lengths of 1, shapes said anew, and the choice of the last step is no choice any more. */
static void shorten(Step *s) {
  Graph *g = s->g;
  int n_nodes = g->n_nodes;
  Node **node = mem_array((size_t)n_nodes + 1, sizeof *node);
  memcpy(node, g->node, (size_t)n_nodes * sizeof *node);
  for (int i = 0; i < g->n_tensors; i++)
    if (s->axis[i] >= 0)
      g->tensor[i]->dim[s->axis[i]] = 1;
  for (int i = 0; i < n_nodes; i++) {
    Node *n = node[i];
    if (s->axis[n->in[0] ? n->in[0]->id : 0] < 0 || !n->in[0])
      continue;
    if (n->op == OP_Reshape)
      n->in[1] = shape_of(g, n->out[0]);
    if ((n->op == OP_Gather || n->op == OP_Slice) && s->axis[n->out[0]->id] == NO_TIME) {
      reshape(g, n, n->name, n->in[0], n->out[0]);
      graph_remove(g, n);
    }
  }
}

/* The graph input that t is, but for its shape; -1: none. */
static int input_behind(const Graph *g, const Tensor *t) {
  while (t->producer && (t->producer->op == OP_Reshape || t->producer->op == OP_Squeeze || t->producer->op == OP_Unsqueeze))
    t = t->producer->in[0];
  for (int i = 0; i < g->n_in - g->n_states; i++)
    if (g->in[i] == t)
      return i;
  return -1;
}

static bool comes_from(const Tensor *t, const Tensor *source) {
  while (
      t != source && t->producer &&
      (t->producer->op == OP_Reshape || t->producer->op == OP_Squeeze || t->producer->op == OP_Unsqueeze || t->producer->op == OP_Identity))
    t = t->producer->in[0];
  return t == source;
}

static void drop(Tensor **list, int *n, int at) {
  memmove(list + at, list + at + 1, (size_t)(*n - at - 1) * sizeof *list);
  --*n;
}

/* A state that the file has as an input and an output of its own is kept inside: both go. False after diag_error. */
static bool take_in(Graph *g, const Node *n, int input, int output) {
  const Tensor *given = recurrent_in(n, input);
  if (!given || given->value)
    return true;
  int at = input_behind(g, given);
  if (at < 0) {
    diag_error(EXIT_UNSUPPORTED, n, "its initial state is computed; use --recurrent=unrolled");
    return false;
  }
  drop(g->in, &g->n_in, at);
  for (int i = g->n_out - 1; i >= 0 && output < n->n_out && n->out[output]; i--)
    if (comes_from(g->out[i], n->out[output]) && g->n_out > 1)
      drop(g->out, &g->n_out, i);
  return true;
}

static void append(Tensor ***list, int *n, Tensor *t) {
  Tensor **more = mem_array((size_t)*n + 1, sizeof *more);
  if (*n)
    memcpy(more, *list, (size_t)*n * sizeof *more);
  more[(*n)++] = t;
  *list = more;
}

static Tensor *state_input(Graph *g, const char *name, const Tensor *init) {
  Tensor *t = graph_tensor(g, name, init->dtype);
  t->rank = init->rank;
  memcpy(t->dim, init->dim, sizeof t->dim);
  return t;
}

static void keep(Graph *g, Tensor *in, Tensor *out, Tensor *init) {
  in->tie = out->tie;
  append(&g->in, &g->n_in, in);
  append(&g->out, &g->n_out, out);
  int n = g->n_states;
  append(&g->state_init, &n, init);
  g->n_states++;
}

static void cell_of(Graph *g, Node *n, const Recurrent *r) {
  Cell *cell = cell_new(g, n, r, 0, n->name);
  CellState init = cell_constant_state(cell), in = {0};
  Tensor *x = graph_tensor(g, mem_printf("%s_x", n->name), n->in[RECURRENT_X]->dtype);
  x->rank = 2, x->dim[0] = 1, x->dim[1] = r->in;
  reshape(g, n, x->name, n->in[RECURRENT_X], x);
  Tensor *zero = graph_const(g, mem_printf("%s_zero", n->name), n->in[0]->dtype, 2, (int64_t[]){1, r->hidden}, NULL);
  init.h = init.h ? init.h : zero;
  in.h = state_input(g, mem_printf("%s_state", n->name), init.h);
  if (r->op == OP_LSTM) {
    init.c = init.c ? init.c : zero;
    in.c = state_input(g, mem_printf("%s_state_c", n->name), init.c);
  }
  CellState out = cell_step(cell, n, "", x, in);
  Tensor *result[] = {out.h, out.h, out.c};
  for (int k = 0; k < n->n_out; k++)
    if (n->out[k]) {
      Node *move = reshape(g, n, mem_printf("%s_%s", n->name, k == 0 ? "Y" : k == 1 ? "Y_h" : "Y_c"), result[k], n->out[k]);
      move->layer = n;
      move->inner = true;
    }
  keep(g, in.h, out.h, init.h);
  if (in.c)
    keep(g, in.c, out.c, init.c);
  graph_remove(g, n);
}

static bool has_step_form(const Node *n, const Recurrent *r, bool forever) {
  const char *why = r->dirs > 1 || r->backward ? "it runs from the last step to the first"
                    : r->batch > 1             ? "it has a batch of several sequences"
                    : !forever && recurrent_in(n, RECURRENT_H) && !recurrent_in(n, RECURRENT_H)->value ? "its initial state is an input"
                    : !forever && recurrent_in(n, RECURRENT_C) && !recurrent_in(n, RECURRENT_C)->value ? "its initial state is an input"
                                                                                                       : NULL;
  if (why)
    diag_error(EXIT_UNSUPPORTED, n, "%s; use --recurrent=unrolled", why);
  return !why;
}

void pass_step(Graph *g, bool forever) {
  Node **node = mem_array((size_t)g->n_nodes + 1, sizeof *node);
  Recurrent *r = mem_array((size_t)g->n_nodes + 1, sizeof *r);
  int n = 0;
  Step s = {.g = g, .axis = mem_array((size_t)g->n_tensors + 1, sizeof *s.axis)};
  for (int i = 0; i < g->n_nodes; i++)
    if (is_recurrent(g->node[i]) && recurrent_of(g->node[i], &r[n]) && has_step_form(g->node[i], &r[n], forever)) {
      node[n] = g->node[i];
      s.steps = n == 0 || r[n].steps == s.steps ? r[n].steps : 0;
      n++;
    }
  if (n == 0 && g->n_states)
    return;
  if (n == 0 && !diag_errors())
    diag_error(EXIT_UNSUPPORTED, NULL,
               "--recurrent=%s needs an RNN, GRU or LSTM, and the network has none; --state=IN=OUT makes a state of an input and an output",
               forever ? "stateful" : "iterative");
  if (n && s.steps == 0)
    diag_error(EXIT_UNSUPPORTED, node[n - 1], "its sequence has not the length of the other recurrent layers'; use --recurrent=unrolled");
  for (int i = 0; i < n && !diag_errors(); i++)
    if (!take_in(g, node[i], RECURRENT_H, 1) || !take_in(g, node[i], RECURRENT_C, 2))
      return;
  if (diag_errors() || !find_axes(&s))
    return;
  g->steps = forever ? 0 : (int)s.steps;
  for (int i = 0; i < g->n_out; i++)
    g->each_step |= s.axis[g->out[i]->id] >= 0;
  shorten(&s);
  for (int i = 0; i < n; i++) {
    r[i].steps = 1;
    cell_of(g, node[i], &r[i]);
  }
  pass_dead(g);
}
