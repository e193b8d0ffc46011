/* SPDX-License-Identifier: Apache-2.0
 *
 * cell.c - one time step of a recurrent layer as nodes. Requires: shapes, constant weights. Keeps: the float meaning.
 *
 * Vectors that meet weights are joined first, [x h] with [W; R], so that one adder graph serves every gate that reads them. The GRU's
 * (1 - z) n + z h is n + z (h - n), and the LSTM's (1 - i) c + i g is c + i (g - c): one product an element instead of two.
 */
#include "cell.h"

#include "op.h"
#include <math.h>
#include <stdlib.h>

enum { MAX_TIES = 64, MAX_SHARED = 32 };

struct Cell {
  Graph *g;
  const Node *n;
  const Recurrent *r;
  int dir;
  const char *name;
  Tensor *weights, *bias;              /* of [x h] */
  Tensor *candidate, *candidate_bias;  /* of GRU's [x r*h], where the reset gate comes first */
  int tie[MAX_TIES], tie_h, tie_c, at; /* of the values in order of their making */
  Tensor *shared[MAX_SHARED];          /* constants, by name */
  int n_shared;
  const Node *before; /* of the step at hand */
  const char *step;
};

/* ---- weights ---- */

/* One block of a stacked matrix: gate `gate` of W or R becomes columns from `col`, rows from `row`. */
static void put_gate(const Cell *c, Tensor *to, bool recurrent, int gate, int64_t row, int64_t col) {
  const Tensor *from = c->n->in[recurrent ? RECURRENT_R : RECURRENT_W];
  const int64_t H = c->r->hidden, depth = recurrent ? H : c->r->in, cols = to->dim[1];
  const double *w = from->value + (c->dir * c->r->gates + gate) * H * depth;
  for (int64_t k = 0; k < H; k++)
    for (int64_t i = 0; i < depth; i++)
      to->value[(row + i) * cols + col + k] = w[k * depth + i];
}

static void add_bias(const Cell *c, Tensor *to, bool recurrent, int gate, int64_t col) {
  const int64_t H = c->r->hidden, G = c->r->gates;
  const double *b = c->n->in[RECURRENT_B]->value + ((2 * c->dir + recurrent) * G + gate) * H;
  for (int64_t k = 0; k < H; k++)
    to->value[col + k] += b[k];
}

static Tensor *matrix(Cell *c, const char *part, int rank, int64_t rows, int64_t cols) {
  return graph_const(c->g, mem_printf("%s_%s", c->name, part), c->n->in[0]->dtype, rank,
                     rank == 2 ? (int64_t[]){rows, cols} : (int64_t[]){cols}, NULL);
}

/* GRU with the reset gate after the product: four columns of blocks, z r x n, the last from h alone. */
static bool has_split_candidate(const Recurrent *r) {
  return r->op == OP_GRU && r->linear_before_reset;
}

/* Exporters write biases of zero where there are none. */
static bool has_bias(const Cell *c) {
  const Tensor *b = recurrent_in(c->n, RECURRENT_B);
  const int64_t each = 2 * c->r->gates * c->r->hidden;
  for (int64_t i = 0; b && i < each; i++)
    if (b->value[c->dir * each + i] != 0)
      return true;
  return false;
}

static void stack_weights(Cell *c) {
  const Recurrent *r = c->r;
  const int64_t H = r->hidden;
  const bool bias = has_bias(c), apart = r->op == OP_GRU && !r->linear_before_reset;
  const int blocks = has_split_candidate(r) ? 4 : apart ? 2 : r->gates;
  c->weights = matrix(c, "weights", 2, r->in + H, blocks * H);
  c->bias = bias ? matrix(c, "bias", 1, 0, blocks * H) : NULL;
  c->candidate = apart ? matrix(c, "n_weights", 2, r->in + H, H) : NULL;
  c->candidate_bias = apart && bias ? matrix(c, "n_bias", 1, 0, H) : NULL;
  for (int gate = 0; gate < r->gates; gate++)
    for (int recurrent = 0; recurrent < 2; recurrent++) {
      const bool last = gate == 2 && r->op == OP_GRU;
      const int64_t col = (gate + (last && recurrent && !apart)) * H;
      Tensor *w = last && apart ? c->candidate : c->weights, *b = last && apart ? c->candidate_bias : c->bias;
      put_gate(c, w, recurrent, gate, recurrent ? r->in : 0, last && apart ? 0 : col);
      if (bias)
        add_bias(c, b, recurrent, gate, last && apart ? 0 : col);
    }
}

Cell *cell_new(Graph *g, const Node *n, const Recurrent *r, int dir, const char *name) {
  Cell *c = mem_alloc(sizeof *c);
  *c = (Cell){.g = g, .n = n, .r = r, .dir = dir, .name = name};
  c->tie_h = ++g->n_ties;
  c->tie_c = ++g->n_ties;
  stack_weights(c);
  return c;
}

/* ---- state ---- */

/* The direction's rows of a constant [dirs, batch, hidden] or [batch, dirs, hidden]; zeros when there is none. */
static Tensor *constant_state(Cell *c, int input, const char *part) {
  const Tensor *given = recurrent_in(c->n, input);
  if (given && !given->value)
    return NULL;
  const Recurrent *r = c->r;
  int64_t stride, at = recurrent_row(r, r->dirs, c->dir, r->hidden, &stride);
  Tensor *t = matrix(c, part, 2, r->batch, r->hidden);
  for (int64_t b = 0; given && b < r->batch; b++)
    memcpy(t->value + b * r->hidden, given->value + at + b * stride, (size_t)r->hidden * sizeof(double));
  return t;
}

CellState cell_constant_state(Cell *c) {
  return (CellState){constant_state(c, RECURRENT_H, "h0"), c->r->op == OP_LSTM ? constant_state(c, RECURRENT_C, "c0") : NULL};
}

void cell_tie_state(const Cell *c, CellState initial) {
  if (initial.h && initial.h->value)
    initial.h->tie = c->tie_h;
  if (initial.c && initial.c->value)
    initial.c->tie = c->tie_c;
}

/* ---- nodes of a step ---- */

static Node *insert(Cell *c, const char *op, const char *part, int n_in, Tensor **in, int n_out, const char *const *parts) {
  Tensor *out[MAX_GATES];
  for (int i = 0; i < n_out; i++) {
    out[i] = graph_tensor(c->g, mem_printf("%s%s_%s", c->name, c->step, parts[i]), DT_UNDEFINED);
    if (c->at == MAX_TIES)
      abort();
    if (!c->tie[c->at])
      c->tie[c->at] = ++c->g->n_ties;
    out[i]->tie = c->tie[c->at++];
  }
  Node *n = graph_insert(c->g, c->before, op, mem_printf("%s%s_%s", c->name, c->step, part), n_in, in, n_out, out);
  n->layer = c->n;
  n->inner = true;
  return n;
}

static void infer(Cell *c, Node *n) {
  if (!op_info[n->op].infer(c->g, n))
    abort(); /* shapes follow from the recurrent node's, which were checked */
}

static Tensor *emit(Cell *c, const char *op, const char *part, Tensor *a, Tensor *b) {
  Node *n = insert(c, op, part, b ? 2 : 1, (Tensor *[]){a, b}, 1, &part);
  if (n->op == OP_Concat)
    attr_set_int(n, "axis", 1);
  infer(c, n);
  return n->out[0];
}

static Tensor *gemm(Cell *c, const char *part, Tensor *x, Tensor *w, Tensor *bias) {
  Node *n = insert(c, "Gemm", part, bias ? 3 : 2, (Tensor *[]){x, w, bias}, 1, &part);
  infer(c, n);
  return n->out[0];
}

/* The columns of x in blocks of `hidden`. */
static void split(Cell *c, Tensor *x, int count, const char *const *parts, Tensor **out) {
  Node *n = insert(c, "Split", "split", 1, &x, count, parts);
  attr_set_int(n, "axis", 1);
  infer(c, n);
  memcpy(out, n->out, (size_t)count * sizeof *out);
}

/* A constant that all steps read: a scalar, or a row of `hidden`. */
static Tensor *shared(Cell *c, const char *part, int rank, const double *value) {
  const char *name = mem_printf("%s_%s", c->name, part);
  for (int i = 0; i < c->n_shared; i++)
    if (strcmp(c->shared[i]->name, name) == 0)
      return c->shared[i];
  if (c->n_shared == MAX_SHARED)
    abort();
  return c->shared[c->n_shared++] = graph_const(c->g, name, c->n->in[0]->dtype, rank, &c->r->hidden, value);
}

static Tensor *times_constant(Cell *c, const char *part, const char *constant, Tensor *x, double v) {
  return emit(c, "Mul", part, x, shared(c, constant, 0, &v));
}

/* f(x) as nodes; `part` names the result. */
static Tensor *function(Cell *c, const CellFunction *f, const char *part, Tensor *x) {
  const char *alpha = mem_printf("%s_alpha", part), *beta = mem_printf("%s_beta", part);
  if (strcmp(f->name, "Affine") == 0)
    return emit(c, "Add", part, times_constant(c, mem_printf("%s_scaled", part), alpha, x, f->alpha), shared(c, beta, 0, &f->beta));
  if (strcmp(f->name, "ScaledTanh") == 0) {
    x = emit(c, "Tanh", mem_printf("%s_tanh", part), times_constant(c, mem_printf("%s_scaled", part), beta, x, f->beta), NULL);
    return times_constant(c, part, alpha, x, f->alpha);
  }
  Tensor *y = emit(c, f->name, part, x, NULL);
  Node *n = y->producer;
  if (n->op == OP_LeakyRelu || n->op == OP_ThresholdedRelu || n->op == OP_Elu || n->op == OP_HardSigmoid)
    attr_set_float(n, "alpha", f->alpha);
  if (n->op == OP_HardSigmoid)
    attr_set_float(n, "beta", f->beta);
  return y;
}

/* Activation number k of the direction, of a sum limited first where the node says so. */
static Tensor *activate(Cell *c, int k, const char *part, Tensor *x) {
  const double hi = c->r->clip, lo = -hi;
  if (isfinite(hi)) {
    const char *name = mem_printf("%s_clip", part);
    Node *n = insert(c, "Clip", name, 3, (Tensor *[]){x, shared(c, "clip_lo", 0, &lo), shared(c, "clip_hi", 0, &hi)}, 1, &name);
    infer(c, n);
    x = n->out[0];
  }
  return function(c, &c->r->f[c->dir][k], part, x);
}

/* ---- cells ---- */

static CellState step_rnn(Cell *c, Tensor *x, CellState s) {
  return (CellState){activate(c, 0, "h", gemm(c, "gates", emit(c, "Concat", "xh", x, s.h), c->weights, c->bias)), NULL};
}

static CellState step_gru(Cell *c, Tensor *x, CellState s) {
  static const char *const parts[] = {"z_sum", "r_sum", "nx_sum", "nh_sum"};
  const bool late = c->r->linear_before_reset;
  Tensor *sum[MAX_GATES], *n;
  split(c, gemm(c, "gates", emit(c, "Concat", "xh", x, s.h), c->weights, c->bias), late ? 4 : 2, parts, sum);
  Tensor *z = activate(c, 0, "z", sum[0]), *r = activate(c, 0, "r", sum[1]);
  if (late) { /* Sum of one: drops the bits of what is multiplied, of nothing else in the gates */
    Tensor *nh = emit(c, "Mul", "rnh", r, emit(c, "Sum", "nh", sum[3], NULL));
    n = emit(c, "Add", "n_sum", sum[2], nh);
  } else {
    n = gemm(c, "n_sum", emit(c, "Concat", "xrh", x, emit(c, "Mul", "rh", r, s.h)), c->candidate, c->candidate_bias);
  }
  n = activate(c, 1, "n", n);
  return (CellState){emit(c, "Add", "h", n, emit(c, "Mul", "zd", z, emit(c, "Sub", "d", s.h, n))), NULL};
}

/* A gate of LSTM; `block` as in P: i, o, f. */
static Tensor *lstm_gate(Cell *c, int block, Tensor *sum, Tensor *state) {
  static const char *const part[] = {"i", "o", "f"};
  const Tensor *p = recurrent_in(c->n, RECURRENT_P);
  if (p) {
    Tensor *peephole = shared(c, mem_printf("%s_peephole", part[block]), 1, p->value + (3 * c->dir + block) * c->r->hidden);
    sum = emit(c, "Add", mem_printf("%s_all", part[block]), sum, emit(c, "Mul", mem_printf("%s_of_c", part[block]), state, peephole));
  }
  return activate(c, 0, part[block], sum);
}

static CellState step_lstm(Cell *c, Tensor *x, CellState s) {
  static const char *const parts[] = {"i_sum", "o_sum", "f_sum", "g_sum"};
  Tensor *sum[MAX_GATES], *next;
  split(c, gemm(c, "gates", emit(c, "Concat", "xh", x, s.h), c->weights, c->bias), 4, parts, sum);
  Tensor *i = lstm_gate(c, 0, sum[0], s.c), *g = activate(c, 1, "g", sum[3]);
  if (c->r->input_forget) {
    next = emit(c, "Add", "c", s.c, emit(c, "Mul", "id", i, emit(c, "Sub", "d", g, s.c)));
  } else {
    Tensor *f = lstm_gate(c, 2, sum[2], s.c);
    next = emit(c, "Add", "c", emit(c, "Mul", "fc", f, s.c), emit(c, "Mul", "ig", i, g));
  }
  Tensor *o = lstm_gate(c, 1, sum[1], next), *squashed = function(c, &c->r->f[c->dir][2], "c_out", next);
  return (CellState){emit(c, "Mul", "h", o, squashed), next};
}

CellState cell_step(Cell *c, const Node *before, const char *step, Tensor *x, CellState s) {
  c->before = before;
  c->step = step;
  c->at = 0;
  CellState next = (c->r->op == OP_LSTM ? step_lstm : c->r->op == OP_GRU ? step_gru : step_rnn)(c, x, s);
  next.h->tie = c->tie_h;
  next.h->producer->inner = false;
  if (next.c) {
    next.c->tie = c->tie_c;
    next.c->producer->inner = false;
  }
  return next;
}
