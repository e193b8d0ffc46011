/* SPDX-License-Identifier: Apache-2.0
 *
 * search_tape.c - makes the tape of a graph, and writes what was found on it back. Requires: formats assigned.
 */
#include "search_tape.h"
#include <math.h>
#include <stdlib.h>

enum { MAX_ANY = 64, MOST_TERMS = 400000, BIAS_BITS = 34 };

typedef struct {
  Tape *t;
  int **slot; /* by tensor id: of each element at the present step; NULL: not made yet */
} Build;

/* ---- groups ---- */

static bool takes_each(const Node *n) {
  switch (n->op) {
  case OP_Gemm:
  case OP_MatMul:
  case OP_Conv:
  case OP_Add:
  case OP_Sub:
  case OP_Mul:
  case OP_Sum:
  case OP_Relu:
  case OP_LeakyRelu:
  case OP_Clip:
  case OP_Abs:
    return true;
  default:
    return op_info[n->op].kind == KIND_TABLE;
  }
}

static bool is_state(const Graph *g, const Tensor *t) {
  for (int i = graph_ins(g); i < g->n_in; i++)
    if (g->in[i] == t)
      return true;
  return false;
}

/* Whether all that shares the format of t may have one for each element. */
static bool may_have_each(const Graph *g, const Tensor *t) {
  for (int i = 0; i < g->n_tensors; i++) {
    const Tensor *u = g->tensor[i];
    if (tied(u, t) && !u->value && !(u->producer ? takes_each(u->producer) : is_state(g, u)))
      return false;
  }
  return true;
}

static bool is_fixed(const Tape *t, const Tensor *x) {
  for (int i = 0; i < t->g->n_tensors; i++) {
    const Tensor *u = t->g->tensor[i];
    if (!tied(u, x))
      continue;
    for (int k = 0; k < graph_outs(t->g); k++)
      if (t->g->out[k] == u)
        return true;
    if (u->producer && config_of(t->config, u->producer).has_result)
      return true;
  }
  return x->dtype != DT_FLOAT;
}

static Groups groups_by(const Graph *g, const Tensor *t) {
  if (!t->producer && !is_state(g, t)) /* time steps of an input are alike */
    return (Groups){t->rank > 2 ? (int)t->dim[t->rank - 1] : 1, 1};
  if (!may_have_each(g, t))
    return (Groups){1, 1};
  return t->tie || (t->rank == 2 && t->producer->op != OP_Conv) ? (Groups){(int)t->dim[t->rank - 1], 1} : groups_of(g, t);
}

int tape_group(const Tape *t, const Tensor *x, size_t e) {
  if (t->group_of[x->id] < 0)
    return -1;
  Groups by = groups_by(t->g, x);
  return t->group_of[x->id] + (int)((e / (size_t)by.inner) % (size_t)by.n);
}

static void make_groups(Tape *t) {
  const Graph *g = t->g;
  int *by_tie = mem_array((size_t)g->n_ties + 1, sizeof *by_tie), cap = 0;
  for (int i = 0; i < g->n_tensors; i++) {
    Tensor *x = g->tensor[i];
    t->group_of[i] = -1;
    if (x->value || x->exact || !x->fmt.W || x->rank < 0)
      continue;
    if (x->tie && by_tie[x->tie]) {
      t->group_of[i] = by_tie[x->tie] - 1;
      continue;
    }
    t->group_of[i] = t->n_groups;
    if (x->tie)
      by_tie[x->tie] = t->n_groups + 1;
    bool port = !x->producer && !is_state(g, x),
         fixed = is_fixed(t, x) || (port && (x->fmt.W < 2 || config_for(t->config, x->name).has_result));
    for (int n = groups_by(g, x).n; n > 0; n--) {
      t->group = mem_grow(t->group, t->n_groups, &cap, sizeof *t->group);
      t->group[t->n_groups++] =
          (TapeGroup){.fmt = x->fmt, .table = -1, .input = port, .port = x->fmt, .fixed = fixed, .set = t->group_of[i]};
    }
  }
}

/* ---- parameters ---- */

/* Whether node n takes its operand number k as weights or as a bias. */
static int role_of(const Node *n, int k) {
  enum { NEITHER, WEIGHT, BIAS };
  if (weighty(n) && k > 0)
    return k == 1 ? WEIGHT : BIAS;
  return n->op == OP_Add ? BIAS : NEITHER;
}

static bool is_initial(const Graph *g, const Tensor *c) {
  for (int i = 0; i < g->n_states; i++)
    if (g->state_init[i] == c)
      return true;
  return false;
}

static void make_params(Tape *t) {
  const Graph *g = t->g;
  int cap = 0;
  t->param = mem_grow(t->param, 0, &cap, sizeof *t->param);
  t->param[0] = (TapeParam){.value = 1, .q = 1, .step = 1};
  t->param = mem_grow(t->param, 1, &cap, sizeof *t->param);
  t->param[1] = (TapeParam){.value = -1, .q = -1, .step = 1};
  t->n_params = TAPE_FIRST;
  for (int i = 0; i < g->n_tensors; i++) {
    const Tensor *c = g->tensor[i];
    t->param_of[i] = -1;
    int uses = 0, weights = 0, biases = 0;
    for (int k = 0; c->value && k < g->n_nodes; k++)
      for (int j = 0; j < g->node[k]->n_in; j++)
        if (g->node[k]->in[j] == c) {
          int role = role_of(g->node[k], j);
          uses++, weights += role == 1, biases += role == 2;
        }
    const Format fmt = is_initial(g, c) ? (Format){50, 10, true} : c->fmt; /* rounded as the state is */
    if (!fmt.W || c->dtype != DT_FLOAT || (!uses && !is_initial(g, c)))
      continue;
    t->param_of[i] = t->n_params;
    for (size_t e = 0; e < count(c); e++) {
      TapeParam p = {.of = c, .element = (int)e, .value = c->value[e], .step = ldexp(1, fmt.I - fmt.W), .bias = biases == uses};
      p.searched =
          uses && !c->tie && !is_initial(g, c) && (weights == uses || biases == uses) && !(options_prune(t->o) && weights && p.value == 0);
      p.least = (double)format_min(fmt), p.most = (double)format_max(fmt);
      p.q = to_format(p.value, fmt) / p.step;
      if (p.searched && p.bias) /* a constant's width costs next to nothing */
        p.least = -exp2(BIAS_BITS), p.most = exp2(BIAS_BITS);
      t->param = mem_grow(t->param, t->n_params, &cap, sizeof *t->param);
      t->param[t->n_params++] = p;
      t->n_searched += p.searched;
    }
  }
  t->searched = mem_array((size_t)t->n_searched + 1, sizeof *t->searched);
  for (int i = 0, at = 0; i < t->n_params; i++)
    if (t->param[i].searched)
      t->searched[at++] = i;
}

/* ---- instructions ---- */

static TapeInstr *add_instr(Tape *t, TapeOp op, int group) {
  t->instr = mem_grow(t->instr, t->n_instr, &t->cap_instr, sizeof *t->instr);
  TapeInstr *i = &t->instr[t->n_instr++];
  *i = (TapeInstr){.op = op, .out = op == TAPE_ANY ? -1 : t->n_slots++, .first = t->n_term, .bias = -1, .group = group, .table = -1};
  return i;
}

static void add_term(Tape *t, int slot, int param) {
  t->term = mem_grow(t->term, t->n_term, &t->cap_term, sizeof *t->term);
  t->term[t->n_term++] = (TapeTerm){slot, param};
  t->failed |= t->n_term > MOST_TERMS;
}

static int param_at(const Tape *t, const Tensor *c, int64_t e) {
  return t->param_of[c->id] + (int)e;
}

/* The slot of an element; of a constant, one that is made for it. */
static int slot_of(Build *b, const Tensor *x, int64_t e) {
  Tape *t = b->t;
  if (!x->value)
    return b->slot[x->id] ? b->slot[x->id][e] : (t->failed = true, 0);
  if (x->value[e] == 0)
    return TAPE_ZERO;
  if (t->param_of[x->id] < 0) {
    t->failed = true;
    return 0;
  }
  TapeInstr *i = add_instr(t, TAPE_DOT, -1);
  i->bias = param_at(t, x, e);
  return i->out;
}

static int *new_slots(Build *b, const Tensor *x) {
  return b->slot[x->id] = mem_array(count(x) + 1, sizeof(int));
}

static void build_move(Build *b, const Node *n) {
  const double **in = mem_array((size_t)n->n_in + 1, sizeof *in);
  double **out = mem_array((size_t)n->n_out + 1, sizeof *out);
  for (int i = 0; i < n->n_in; i++) {
    const Tensor *x = n->in[i];
    bool moved = i == 0 || n->op == OP_Concat;
    if (!x || (!moved && x->value)) {
      in[i] = x ? x->value : NULL;
      continue;
    }
    double *number = mem_array(count(x) + 1, 8);
    for (size_t e = 0; e < count(x); e++)
      number[e] = slot_of(b, x, (int64_t)e);
    in[i] = number;
  }
  for (int i = 0; i < n->n_out; i++)
    out[i] = n->out[i] ? mem_array(count(n->out[i]) + 1, 8) : NULL;
  op_info[n->op].eval(n, in, out);
  for (int i = 0; i < n->n_out; i++)
    for (size_t e = 0; n->out[i] && e < count(n->out[i]); e++)
      (e ? b->slot[n->out[i]->id] : new_slots(b, n->out[i]))[e] = (int)out[i][e];
}

typedef struct {
  Build *b;
  const Node *n;
  int *slots;
  int64_t last;
} Dense;

static void product_term(void *ctx, int64_t to, int64_t from, int64_t weight) {
  Dense *d = ctx;
  Tape *t = d->b->t;
  if (to != d->last) {
    TapeInstr *i = add_instr(t, TAPE_DOT, tape_group(t, d->n->out[0], (size_t)to));
    d->slots[to] = i->out;
    d->last = to;
  }
  int slot = from < 0 ? TAPE_ZERO : slot_of(d->b, d->n->in[0], from);
  if (slot == TAPE_ZERO || t->failed)
    return;
  add_term(t, slot, param_at(t, d->n->in[1], weight));
  t->instr[t->n_instr - 1].n++;
}

static void build_dense(Build *b, const Node *n) {
  Tape *t = b->t;
  Tensor *y = n->out[0], *c = n->op != OP_MatMul && n->n_in > 2 ? n->in[2] : NULL;
  int first = t->n_instr;
  if (t->param_of[n->in[1]->id] < 0 || (c && (!c->value || t->param_of[c->id] < 0))) {
    t->failed = true;
    return;
  }
  Dense d = {b, n, new_slots(b, y), -1};
  each_product(n, product_term, &d);
  int64_t spatial = n->op == OP_Conv ? (int64_t)count(y) / y->dim[0] / y->dim[1] : 1;
  for (int64_t e = 0; c && e < (int64_t)count(y); e++)
    for (int i = first; i < t->n_instr; i++)
      if (t->instr[i].out == d.slots[e])
        t->instr[i].bias = param_at(t, c, n->op == OP_Conv ? e / spatial % y->dim[1] : num_broadcast(c, y, e));
}

/* Add, Sub, Sum, Neg, and products with constants: a weighted sum. */
static void build_linear(Build *b, const Node *n) {
  Tape *t = b->t;
  const Tensor *y = n->out[0];
  int *slots = new_slots(b, y), slot[MAX_ANY];
  if (n->n_in > MAX_ANY) {
    t->failed = true;
    return;
  }
  for (size_t e = 0; e < count(y) && !t->failed; e++) {
    int64_t from[MAX_ANY];
    for (int k = 0; k < n->n_in; k++) {
      from[k] = num_broadcast(n->in[k], y, (int64_t)e);
      t->failed |= n->in[k]->value && t->param_of[n->in[k]->id] < 0;
      slot[k] = n->in[k]->value || t->failed ? TAPE_ZERO : slot_of(b, n->in[k], from[k]);
    }
    if (t->failed)
      return;
    bool product = n->op == OP_Mul;
    if (product && !n->in[0]->value && !n->in[1]->value) {
      TapeInstr *i = add_instr(t, TAPE_MUL, tape_group(t, y, e));
      i->a = slot[0], i->b = slot[1];
      slots[e] = i->out;
      continue;
    }
    TapeInstr *i = add_instr(t, TAPE_DOT, tape_group(t, y, e));
    int n_terms = 0;
    slots[e] = i->out;
    for (int k = 0; k < n->n_in; k++) {
      bool minus = n->op == OP_Neg || (n->op == OP_Sub && k == 1);
      if (n->in[k]->value && !product) {
        t->failed |= i->bias >= 0;
        i->bias = param_at(t, n->in[k], from[k]), i->negative = minus;
      } else if (slot[k] != TAPE_ZERO) {
        add_term(t, slot[k], product ? param_at(t, n->in[1 - k], from[1 - k]) : minus ? TAPE_MINUS_ONE : TAPE_ONE);
        n_terms++;
      }
    }
    i->n = n_terms;
  }
}

/* n for TAPE_BLOCK copies of element e of its operand x. */
static Node *for_block(const Node *n, const Tensor *x, int64_t e) {
  Node *m = memcpy(mem_alloc(sizeof *m), n, sizeof *m);
  m->in = mem_array((size_t)n->n_in + 1, sizeof(Tensor *));
  m->out = mem_array(1, sizeof(Tensor *));
  for (int k = 0; k <= n->n_in; k++) {
    const Tensor *from = k < n->n_in ? n->in[k] : n->out[0];
    if (!from)
      continue;
    Tensor *u = memcpy(mem_alloc(sizeof *u), from, sizeof *u);
    if (from->value && !(n->op == OP_Clip && k > 0))
      u->value += num_broadcast(from, x, e);
    u->rank = from->value ? 0 : 1, u->dim[0] = TAPE_BLOCK;
    *(k < n->n_in ? &m->in[k] : &m->out[0]) = u;
  }
  return m;
}

/* Flat at both ends, and tabulated as it is: the address may be as coarse as one likes. */
static bool has_own_address(const Node *n) {
  return n->op == OP_Tanh || n->op == OP_Sigmoid || n->op == OP_Erf;
}

static int table_number(Tape *t, const Node *n) {
  for (int i = 0; i < t->n_tables; i++)
    if (t->table[i].fn.op == n->op)
      return i;
  t->table = mem_grow(t->table, t->n_tables, &t->cap_tables, sizeof *t->table);
  t->table[t->n_tables] = (TapeTable){.fn = table_fn(n), .value = mem_array(TABLE_MOST_PLACES + 1, sizeof(double *))};
  return t->n_tables++;
}

static void build_function(Build *b, const Node *n) {
  Tape *t = b->t;
  const Tensor *x = n->in[0], *y = n->out[0];
  int *slots = new_slots(b, y), table = has_own_address(n) ? table_number(t, n) : -1;
  bool varied = n->n_in > 1 && n->op != OP_Clip;
  Node *node = for_block(n, x, 0);
  for (size_t e = 0; e < count(y); e++) {
    int from = slot_of(b, x, (int64_t)e), group = tape_group(t, y, e);
    TapeInstr *i = add_instr(t, TAPE_FN, group);
    i->a = from;
    i->node = varied && e ? for_block(n, x, (int64_t)e) : node;
    i->table = group >= 0 && !t->group[group].fixed ? table : -1;
    if (i->table >= 0)
      t->group[group].table = table;
    slots[e] = i->out;
  }
}

static void build_any(Build *b, const Node *n) {
  Tape *t = b->t;
  int ins = 0, first = t->n_term;
  for (int k = 0; k < n->n_in; k++)
    for (size_t e = 0; n->in[k] && !n->in[k]->value && e < count(n->in[k]); e++, ins++)
      add_term(t, slot_of(b, n->in[k], (int64_t)e), -1);
  if (ins > MAX_ANY || !op_info[n->op].eval) {
    t->failed = true;
    return;
  }
  TapeInstr *i = add_instr(t, TAPE_ANY, -1);
  i->node = n, i->first = first, i->n = ins;
  for (int k = 0; k < n->n_out; k++)
    for (size_t e = 0; n->out[k] && e < count(n->out[k]); e++) {
      (e ? b->slot[n->out[k]->id] : new_slots(b, n->out[k]))[e] = t->n_slots;
      add_term(t, t->n_slots++, tape_group(t, n->out[k], e));
    }
}

static bool constants_but_first(const Node *n) { /* the first may be one: a state from the start */
  for (int k = 1; k < n->n_in; k++)
    if (n->in[k] && !n->in[k]->value)
      return false;
  return true;
}

static void build_node(Build *b, const Node *n) {
  OpKind kind = op_info[n->op].kind;
  if (kind == KIND_MOVE && (n->op == OP_Concat || constants_but_first(n)) && n->op != OP_MaxPool && n->op != OP_GlobalMaxPool &&
      n->op != OP_Pad)
    build_move(b, n);
  else if (weighty(n))
    build_dense(b, n);
  else if (n->op == OP_Add || n->op == OP_Sub || n->op == OP_Sum || n->op == OP_Neg || n->op == OP_Mul)
    build_linear(b, n);
  else if ((kind == KIND_TABLE || kind == KIND_PWL) && !n->in[0]->value && constants_but_first(n) && count(n->in[0]) == count(n->out[0]) &&
           n->n_out == 1)
    build_function(b, n);
  else
    build_any(b, n);
}

static void build_steps(Build *b, const Tensor *y) {
  Tape *t = b->t;
  const Graph *g = t->g;
  int cap_in = 0, cap_y = 0, ports = graph_ins(g);
  for (int step = 0; step < t->steps && !t->failed; step++) {
    t->hardware = t->n_instr;
    for (int i = 0; i < g->n_states; i++) {
      int *from = step ? b->slot[g->out[graph_outs(g) + i]->id] : NULL, *to = mem_array(count(g->in[ports + i]) + 1, sizeof *to);
      for (size_t e = 0; e < count(g->in[ports + i]); e++)
        if (step) {
          to[e] = from[e];
        } else if ((to[e] = slot_of(b, g->state_init[i], (int64_t)e)) != TAPE_ZERO && !t->failed) {
          t->instr[t->n_instr - 1].group = tape_group(t, g->in[ports + i], e);
        }
      b->slot[g->in[ports + i]->id] = to;
    }
    for (int i = 0; i < ports; i++)
      for (size_t e = 0; e < count(g->in[i]); e++) {
        int *slots = e ? b->slot[g->in[i]->id] : new_slots(b, g->in[i]), more = cap_in;
        t->in = mem_grow(t->in, t->n_in, &more, sizeof *t->in);
        t->in_group = mem_grow(t->in_group, t->n_in, &cap_in, sizeof *t->in_group);
        t->in_group[t->n_in] = tape_group(t, g->in[i], e);
        t->in[t->n_in++] = slots[e] = t->n_slots++;
      }
    for (int k = 0; k < g->n_nodes && !t->failed; k++)
      build_node(b, g->node[k]);
    for (size_t e = 0; !t->failed && graph_due(g, (size_t)step) && e < count(y); e++) {
      t->y = mem_grow(t->y, t->n_y, &cap_y, sizeof *t->y);
      t->y[t->n_y++] = slot_of(b, y, (int64_t)e);
    }
  }
}

Tape *tape_new(const Graph *g, const Options *o, const Config *config, const Tensor *y) {
  Tape *t = mem_alloc(sizeof *t);
  *t = (Tape){
      .g = g, .o = o, .config = config, .steps = g->n_states && g->steps > 1 ? g->steps : 1, .half = o->round == ROUND_TRN ? 0 : 0.5};
  t->group_of = mem_array((size_t)g->n_tensors + 1, sizeof(int));
  t->param_of = mem_array((size_t)g->n_tensors + 1, sizeof(int));
  t->n_slots = 1;
  make_groups(t);
  make_params(t);
  Build b = {t, mem_array((size_t)g->n_tensors + 1, sizeof(int *))};
  build_steps(&b, y);
  if (t->failed || !t->n_searched)
    return NULL;
  for (int i = 0; i < t->n_groups; i++) /* fine enough to lose nothing against the words */
    if (t->group[i].table >= 0) {
      int frac = t->group[i].fmt.W - t->group[i].fmt.I;
      t->group[i].shape.places = frac < 0 ? 0 : frac < TABLE_MOST_PLACES - 1 ? frac : TABLE_MOST_PLACES - 1;
    }
  t->value = mem_array((size_t)t->n_slots * TAPE_BLOCK, 8);
  t->slope = mem_array((size_t)t->n_slots * TAPE_BLOCK, 8);
  t->frac = mem_array((size_t)t->n_slots, sizeof(int));
  t->lo = mem_array((size_t)t->n_slots, sizeof(float));
  t->hi = mem_array((size_t)t->n_slots, sizeof(float));
  return t;
}

/* ---- what was found ---- */

static void write_params(const Tape *t) {
  for (int i = TAPE_FIRST; i < t->n_params; i++) {
    const TapeParam *p = &t->param[i];
    Tensor *c = t->g->tensor[p->of->id];
    if (!p->searched)
      continue;
    if (!c->rounded) {
      c->rounded = mem_array(count(c), 8);
      for (size_t e = 0; e < count(c); e++)
        c->rounded[e] = to_format(c->value[e], c->fmt);
    }
    c->rounded[p->element] = p->q * p->step;
    while (c->fmt.W < 60 && (p->q < (double)format_min(c->fmt) || p->q > (double)format_max(c->fmt)))
      c->fmt.W++, c->fmt.I++;
  }
}

/* The format that holds those of all elements. */
static Format widest_of(const Tape *t, int first, int n) {
  int I = -64, frac = -64;
  for (int i = first; i < first + n; i++) {
    Format f = t->group[i].fmt;
    if (f.W && f.I > I)
      I = f.I;
    if (f.W && f.W - f.I > frac)
      frac = f.W - f.I;
  }
  return I + frac > 0 ? (Format){I + frac, I, t->group[first].fmt.is_signed} : (Format){2, 1, true};
}

void tape_write(const Tape *t) {
  write_params(t);
  for (int i = 0; i < t->g->n_tensors; i++) {
    Tensor *x = t->g->tensor[i];
    int first = t->group_of[i];
    if (first < 0 || t->group[first].fixed)
      continue;
    Groups by = groups_by(t->g, x);
    if (!t->group[first].input)
      x->fmt = widest_of(t, first, by.n);
    if (!t->group[first].input && !may_have_each(t->g, x))
      continue;
    if (!x->each)
      x->each = mem_array(count(x) + 1, sizeof *x->each);
    if (t->group[first].table >= 0 && x->producer && !x->table)
      x->table = mem_array(count(x) + 1, sizeof *x->table);
    for (size_t e = 0; e < count(x); e++) {
      const TapeGroup *g = &t->group[tape_group(t, x, e)];
      x->each[e] = g->fmt;
      if (x->table)
        x->table[e] = g->shape;
    }
  }
}
