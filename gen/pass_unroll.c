/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_unroll.c - requires: shapes, constant weights (pass_infer_fold). Keeps: meaning, order, names of inputs and outputs.
 * Afterwards no RNN, GRU or LSTM is left: each is one cell (cell.h) a time step and direction, so that everything that follows knows
 * plain operators only. Steps read the same constants and their values are tied to one format each.
 */
#include "cell.h"

#include "op.h"
#include <stdlib.h>

typedef struct {
  Graph *g;
  Node *n; /* being replaced; new nodes go in front of it */
  Recurrent r;
} Unroll;

static Tensor *made(Unroll *u, const char *op, const char *part, Tensor *a, Tensor *b, Tensor *out) {
  const char *name = mem_printf("%s_%s", u->n->name, part);
  Tensor *y = out ? out : graph_tensor(u->g, name, DT_UNDEFINED);
  Node *n = graph_insert(u->g, u->n, op, name, b ? 2 : 1, (Tensor *[]){a, b}, 1, &y);
  n->layer = u->n;
  n->inner = true;
  return y;
}

static void infer(Unroll *u, const Tensor *t) {
  if (!op_info[t->producer->op].infer(u->g, t->producer))
    abort(); /* shapes follow from the recurrent node's, which were checked */
}

static Tensor *reshape(Unroll *u, const char *part, Tensor *x, int rank, const int64_t *dim, Tensor *out) {
  double v[MAX_RANK];
  for (int i = 0; i < rank; i++)
    v[i] = (double)dim[i];
  Tensor *shape = graph_const(u->g, mem_printf("%s_%s_shape", u->n->name, part), DT_INT64, 1, (int64_t[]){rank}, v);
  Tensor *y = made(u, "Reshape", part, x, shape, out);
  infer(u, y);
  return y;
}

static Tensor *transpose(Unroll *u, const char *part, Tensor *x, int n, const int64_t *perm, Tensor *out) {
  Tensor *y = made(u, "Transpose", part, x, NULL, out);
  attr_set_ints(y->producer, "perm", n, perm);
  infer(u, y);
  return y;
}

/* The `count` parts [batch, width] of t, [count, batch, width] or with layout 1 [batch, count, width]. */
static Tensor **rows_of(Unroll *u, const char *part, Tensor *t, int64_t count, int64_t width) {
  const int64_t batch = u->r.batch;
  Tensor **out = mem_array((size_t)count, sizeof *out);
  if (u->r.batch_first && batch > 1)
    t = transpose(u, mem_printf("%s_by_step", part), t, 3, (int64_t[]){1, 0, 2}, NULL);
  t = reshape(u, count > 1 ? mem_printf("%s_rows", part) : part, t, 2, (int64_t[]){count * batch, width}, NULL);
  out[0] = t;
  if (count == 1)
    return out;
  for (int64_t i = 0; i < count; i++)
    out[i] = graph_tensor(u->g, mem_printf("%s_%s%d", u->n->name, part, (int)i), DT_UNDEFINED);
  Node *n = graph_insert(u->g, u->n, "Split", mem_printf("%s_%s_split", u->n->name, part), 1, &t, (int)count, out);
  n->layer = u->n;
  n->inner = true;
  infer(u, out[0]);
  return out;
}

/* The parts [batch, hidden] one after the other as `out`, whose shape is inferred: [..., batch, hidden], or with layout 1 [batch, ...,
 * hidden]. */
static void join(Unroll *u, const char *part, Tensor **t, int64_t count, Tensor *out) {
  const int rank = out->rank;
  const bool moved = u->r.batch_first && u->r.batch > 1;
  int64_t dim[MAX_RANK], perm[MAX_RANK];
  Tensor *x = t[0];
  if (count > 1) {
    const char *name = mem_printf("%s_%s_rows", u->n->name, part);
    x = graph_tensor(u->g, name, DT_UNDEFINED);
    Node *n = graph_insert(u->g, u->n, "Concat", name, (int)count, t, 1, &x);
    n->layer = u->n;
    n->inner = true;
    attr_set_int(n, "axis", 0);
    infer(u, x);
  }
  for (int i = 0; i < rank; i++) { /* steps and directions, then the batch */
    perm[i] = i == 0 ? rank - 2 : i < rank - 1 ? i - 1 : i;
    dim[i] = !u->r.batch_first ? out->dim[i] : i < rank - 2 ? out->dim[i + 1] : i == rank - 2 ? out->dim[0] : out->dim[i];
  }
  if (moved)
    transpose(u, part, reshape(u, mem_printf("%s_by_step", part), x, rank, dim, NULL), rank, perm, out);
  else
    reshape(u, part, x, rank, out->dim, out);
}

/* States of the direction before its first step. */
static CellState initial(Cell *c, int dir, Tensor **h0, Tensor **c0) {
  CellState s = cell_constant_state(c);
  if (!s.h)
    s.h = h0[dir];
  if (!s.c && c0)
    s.c = c0[dir];
  return s;
}

static Tensor **run_time_state(Unroll *u, int input, const char *part) {
  Tensor *t = recurrent_in(u->n, input);
  return t && !t->value ? rows_of(u, part, t, u->r.dirs, u->r.hidden) : NULL;
}

static void unroll(Graph *g, Node *n) {
  Unroll u = {.g = g, .n = n};
  if (!recurrent_of(n, &u.r))
    return;
  const Recurrent *r = &u.r;
  if ((double)r->steps * (double)r->dirs * (double)r->gates * (double)(r->batch * r->hidden) > MAX_OPERATIONS) {
    diag_error(EXIT_UNSUPPORTED, n, "unrolled over %lld steps it takes more than %d elements, each with hardware of its own: %s",
               (long long)r->steps, MAX_OPERATIONS, CHECK_SIZE_ADVICE);
    return;
  }
  Tensor **x = rows_of(&u, "x", n->in[RECURRENT_X], r->steps, r->in);
  Tensor **h0 = run_time_state(&u, RECURRENT_H, "h0_"), **c0 = run_time_state(&u, RECURRENT_C, "c0_");
  Tensor **y = mem_array((size_t)(r->steps * r->dirs), sizeof *y), *h[2], *c[2];
  for (int d = 0; d < r->dirs; d++) {
    Cell *cell = cell_new(g, n, r, d, r->dirs == 1 ? n->name : mem_printf("%s_%s", n->name, d ? "bw" : "fw"));
    const bool backward = d == 1 || r->backward;
    CellState first = initial(cell, d, h0, c0), s = first;
    for (int64_t i = 0; i < r->steps; i++) {
      const int64_t t = backward ? r->steps - 1 - i : i;
      s = cell_step(cell, n, mem_printf("_t%d", (int)t), x[t], s);
      y[t * r->dirs + d] = s.h;
    }
    cell_tie_state(cell, first);
    h[d] = s.h;
    c[d] = s.c;
  }
  Tensor **last[] = {y, h, c};
  for (int k = 0; k < n->n_out; k++)
    if (n->out[k])
      join(&u, k == 0 ? "Y" : k == 1 ? "Y_h" : "Y_c", last[k], k ? r->dirs : r->steps * r->dirs, n->out[k]);
  graph_remove(g, n);
}

void pass_unroll(Graph *g) {
  Node **recurrent = mem_array((size_t)g->n_nodes + 1, sizeof *recurrent);
  int count = 0;
  for (int i = 0; i < g->n_nodes; i++)
    if (g->node[i]->op == OP_RNN || g->node[i]->op == OP_GRU || g->node[i]->op == OP_LSTM)
      recurrent[count++] = g->node[i];
  for (int i = 0; i < count; i++)
    unroll(g, recurrent[i]);
  if (count)
    pass_dead(g);
}
