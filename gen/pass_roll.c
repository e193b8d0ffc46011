/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_roll.c - requires: shapes (pass_infer_fold). Keeps: meaning, order, names of inputs and outputs.
 * Afterwards a vanilla RNN that an exporter has unrolled, as PyTorch's dynamo exporter and Keras with unroll=True do, is an RNN node again.
 *
 * A step is an activation of x W + h R + b, however the sum is nested and wherever its parts were sliced, squeezed or joined; steps are a
 * chain when they have the same W, R and b, the rows of one X in order, and the result of one is the state h of the next. The first has a
 * state known at run time, or none: zero times R is folded. One step alone repeats nothing: without a state that is the network's input
 * it stays a dense layer.
 */
#include "op.h"

#include <math.h>
#include <stdlib.h>

/* ---- where elements come from ---- */

/* `count` elements from the one tensor that makes them. */
typedef struct {
  Tensor *from;
  int64_t first; /* they lie there in order, from this one */
} Origin;

static bool only_moves(const Node *n) {
  switch (n->op) {
  case OP_Identity:
  case OP_Reshape:
  case OP_Squeeze:
  case OP_Unsqueeze:
  case OP_Flatten:
  case OP_Transpose:
  case OP_Slice:
  case OP_Split:
  case OP_Concat:
    return true;
  case OP_Gather:
    return n->in[1]->value != NULL;
  default:
    return false;
  }
}

/* The elements at[] of an output of n by number: those of the inputs, counted through. */
static void move_numbers(const Node *n, const Tensor *t, int64_t count, int64_t *at) {
  const double **in = mem_scratch((size_t)n->n_in, sizeof *in);
  double **out = mem_scratch((size_t)n->n_out, sizeof *out), *room[2] = {NULL, NULL};
  int64_t total = 0, made = 0;
  const int moved = n->op == OP_Concat ? n->n_in : 1;
  for (int i = 0; i < moved; i++)
    total += tensor_count(n->in[i]);
  for (int i = 0; i < n->n_out; i++)
    made += n->out[i] ? tensor_count(n->out[i]) : 0;
  room[0] = mem_scratch((size_t)total, sizeof(double));
  room[1] = mem_scratch((size_t)made, sizeof(double));
  for (int64_t i = 0; i < total; i++)
    room[0][i] = (double)i;
  total = made = 0;
  for (int i = 0; i < n->n_in; i++) {
    in[i] = i < moved ? room[0] + total : n->in[i] ? n->in[i]->value : NULL;
    total += i < moved ? tensor_count(n->in[i]) : 0;
  }
  const double *of = NULL;
  for (int i = 0; i < n->n_out; i++) {
    out[i] = n->out[i] ? room[1] + made : NULL;
    made += n->out[i] ? tensor_count(n->out[i]) : 0;
    of = n->out[i] == t ? out[i] : of;
  }
  op_info[n->op].eval(n, in, out);
  for (int64_t e = 0; e < count; e++)
    at[e] = (int64_t)of[at[e]];
  free(in), free(out), free(room[0]), free(room[1]);
}

/* All elements of t; `from` is NULL when they come from several places or out of order. */
static Origin origin(Tensor *t) {
  const int64_t count = tensor_count(t);
  int64_t *at = mem_scratch((size_t)count, sizeof *at);
  for (int64_t e = 0; e < count; e++)
    at[e] = e;
  while (t && t->producer && only_moves(t->producer) && count) {
    const Node *n = t->producer;
    int i = 0;
    int64_t before = 0;
    move_numbers(n, t, count, at);
    for (; n->op == OP_Concat && at[0] >= before + tensor_count(n->in[i]); i++)
      before += tensor_count(n->in[i]);
    t = n->in[i];
    for (int64_t e = 0; e < count; e++) {
      at[e] -= before;
      if (at[e] < 0 || at[e] >= tensor_count(n->in[i]))
        t = NULL;
    }
  }
  Origin o = {t, count ? at[0] : 0};
  for (int64_t e = 0; e < count; e++)
    if (at[e] != o.first + e)
      o.from = NULL;
  free(at);
  return o;
}

/* ---- sums ---- */

enum { MAX_PRODUCTS = 2, MAX_NESTING = 8 };

/* x W, W constant: [depth][columns] as given, or [columns][depth]. */
typedef struct {
  const Tensor *w;
  bool transposed;
  Tensor *x;         /* whose rows of `depth` elements are multiplied */
  int64_t first_row; /* of x: the first that counts */
} Product;

/* A sum of products and constants, all of `hidden` columns. */
typedef struct {
  int n;
  Product product[MAX_PRODUCTS];
  double *bias;
  int64_t hidden, rows;
} Sum;

static int64_t depth_of(const Product *p) {
  return p->w->dim[!!p->transposed];
}

static bool same_weights(const Product *a, const Product *b) {
  const Tensor *v = a->w, *w = b->w;
  return a->transposed == b->transposed && v->rank == w->rank && !memcmp(v->dim, w->dim, (size_t)v->rank * sizeof *v->dim) &&
         (v == w || !memcmp(v->value, w->value, (size_t)tensor_count(v) * sizeof *v->value));
}

static bool add_constant(Sum *s, const Tensor *t) {
  const int64_t count = tensor_count(t), H = s->hidden;
  if (count != 1 && (count % H || t->dim[t->rank - 1] != H))
    return false;
  for (int64_t e = H; e < count; e++)
    if (t->value[e] != t->value[e - H])
      return false;
  for (int64_t k = 0; k < H; k++)
    s->bias[k] += t->value[count == 1 ? 0 : k];
  return true;
}

static bool add_product(Sum *s, const Node *n) {
  const bool gemm = n->op == OP_Gemm;
  const Tensor *w = n->in[1], *c = gemm && n->n_in > 2 ? n->in[2] : NULL;
  const bool transposed = gemm && attr_int(n, "transB", 0);
  if (!w->value || n->in[0]->value || w->rank != 2 || w->dim[!transposed] != s->hidden || s->n == MAX_PRODUCTS || (c && !c->value))
    return false;
  if (gemm && (attr_int(n, "transA", 0) || attr_float(n, "alpha", 1) != 1 || attr_float(n, "beta", 1) != 1))
    return false;
  s->product[s->n++] = (Product){w, transposed, n->in[0], 0};
  return !c || add_constant(s, c);
}

/* Adds rows [row, row + s->rows) of t, all of it where it has no more, to the sum. */
static bool add_terms(Sum *s, Tensor *t, int64_t row, int nesting) {
  if (t->value)
    return add_constant(s, t);
  Node *n = t->producer;
  if (!n || nesting > MAX_NESTING || t->rank < 1)
    return false;
  if (n->op == OP_Add) {
    for (int i = 0; i < 2; i++)
      if ((!n->in[i]->value && tensor_count(n->in[i]) != tensor_count(t)) || !add_terms(s, n->in[i], row, nesting + 1))
        return false;
    return true;
  }
  if (n->op == OP_MatMul || n->op == OP_Gemm) {
    if (!add_product(s, n))
      return false;
    s->product[s->n - 1].first_row = row;
    return true;
  }
  if (!only_moves(n) || row || tensor_count(t) != s->rows * s->hidden)
    return false;
  Origin o = origin(t);
  return o.from && o.from != t && o.first % s->hidden == 0 && o.from->rank > 0 && o.from->dim[o.from->rank - 1] == s->hidden &&
         add_terms(s, o.from, o.first / s->hidden, nesting + 1);
}

/* What an activation is applied to. */
static bool read_sum(const Node *act, Sum *s) {
  Tensor *t = act->in[0];
  *s = (Sum){.hidden = t->rank > 0 ? t->dim[t->rank - 1] : 0};
  if (t->value || s->hidden < 1 || !t->producer ||
      (t->producer->op != OP_Add && t->producer->op != OP_Gemm && t->producer->op != OP_MatMul))
    return false;
  s->rows = tensor_count(t) / s->hidden;
  s->bias = mem_array((size_t)s->hidden, sizeof *s->bias);
  return add_terms(s, t, 0, 0) && s->n > 0;
}

/* ---- chains ---- */

typedef struct {
  Node **act; /* the steps' activations, first step first */
  int steps, cap;
  Product w, r;
  Tensor *x, *h0;
  int64_t hidden, batch;
  const double *bias;
  bool backward;
} Chain;

static bool is_activation(const Node *n) {
  return n && (n->op == OP_Tanh || n->op == OP_Relu || n->op == OP_Sigmoid);
}

/* Whether the rows of product p are those of one step: moved from x, or all of it. The row of x they begin with goes to *row. */
static bool rows_of(const Product *p, int64_t batch, Tensor **x, int64_t *row) {
  const int64_t depth = depth_of(p);
  Origin o = {p->x, 0};
  *row = p->first_row;
  if (tensor_count(p->x) == batch * depth && !p->first_row) {
    o = origin(p->x);
    if (!o.from || o.first % depth)
      return false;
    *row = o.first / depth;
  }
  *x = o.from;
  return tensor_count(o.from) % (batch * depth) == 0;
}

static bool same_bias(const Sum *s, const double *bias) {
  double most = 0;
  for (int64_t k = 0; k < s->hidden; k++)
    most = fmax(most, fabs(bias[k]));
  for (int64_t k = 0; k < s->hidden; k++)
    if (fabs(s->bias[k] - bias[k]) > 1e-6 * most)
      return false;
  return true;
}

/* Number of the product with these weights, -1 when there is none. */
static int find_product(const Sum *s, const Product *p) {
  for (int i = 0; i < s->n; i++)
    if (same_weights(&s->product[i], p))
      return i;
  return -1;
}

/* Row of x that the step with this sum reads, counted in steps; -1 when it is not one of the chain. */
static int64_t step_of(Chain *c, const Sum *s, int64_t recurrent) {
  int64_t row;
  Tensor *x;
  const int w = recurrent >= 0 ? 1 - (int)recurrent : 0;
  if (s->n != 1 + (recurrent >= 0) || s->hidden != c->hidden || s->rows != c->batch || !same_weights(&s->product[w], &c->w) ||
      !same_bias(s, c->bias) || !rows_of(&s->product[w], c->batch, &x, &row) || (c->x && x != c->x) || row % c->batch)
    return -1;
  c->x = x;
  return row / c->batch;
}

static bool is_input(const Graph *g, const Tensor *t) {
  for (int i = 0; i < g->n_in; i++)
    if (g->in[i] == t)
      return true;
  return false;
}

/* The state that a step reads by product p: that of another step, which comes back in *n, or NULL there when the chain begins with it. */
static bool state_of(const Chain *c, const Product *p, OpId op, Node **n) {
  *n = NULL;
  if (tensor_count(p->x) != c->batch * c->hidden || p->first_row)
    return false;
  Origin o = origin(p->x);
  if (!o.from || o.first)
    return false;
  if (o.from->producer && o.from->producer->op == op && tensor_count(o.from) == c->batch * c->hidden)
    *n = o.from->producer;
  return true;
}

/* Steps were found from the last to the first, with these rows of x: all of it must be read in one direction. */
static bool put_in_order(Chain *c, const int64_t *row) {
  c->backward = row[0] == 0;
  for (int i = 0; i < c->steps; i++)
    if (row[i] != (c->backward ? i : c->steps - 1 - i))
      return false;
  for (int i = 0; i < c->steps / 2; i++) {
    Node *swap = c->act[i];
    c->act[i] = c->act[c->steps - 1 - i];
    c->act[c->steps - 1 - i] = swap;
  }
  return tensor_count(c->x) == c->steps * c->batch * depth_of(&c->w);
}

/* The chain that ends in `last`, with its product number r as the recurrent one. */
static bool follow(const Graph *g, Node *last, const Sum *end, int r, Chain *c) {
  *c = (Chain){.w = end->product[!r], .r = end->product[r], .hidden = end->hidden, .batch = end->rows, .bias = end->bias};
  int cap_row = 8;
  int64_t *row = mem_array((size_t)cap_row, sizeof *row);
  Node *n = last;
  if (depth_of(&c->r) != c->hidden)
    return false;
  while (n) {
    Sum s;
    if (!read_sum(n, &s))
      return false;
    const int at = find_product(&s, &c->r);
    const int64_t step = step_of(c, &s, at);
    if (step < 0)
      return false;
    c->act = mem_grow(c->act, c->steps, &c->cap, sizeof(Node *));
    row = mem_grow(row, c->steps, &cap_row, sizeof *row);
    row[c->steps] = step;
    c->act[c->steps++] = n;
    if (at < 0)
      break;
    if (!state_of(c, &s.product[at], last->op, &n))
      return false;
    c->h0 = n ? NULL : s.product[at].x;
  }
  return put_in_order(c, row) && (c->steps > 1 || (c->h0 && is_input(g, origin(c->h0).from)));
}

static bool find_chain(const Graph *g, Node *last, Chain *c) {
  Sum end;
  if (!is_activation(last) || !read_sum(last, &end) || end.n != 2)
    return false;
  return follow(g, last, &end, 0, c) || follow(g, last, &end, 1, c);
}

/* ---- the RNN node ---- */

/* A node in front of `before`, inferred; a new tensor where `out` is NULL. */
static Tensor *made(Graph *g, const Node *before, const char *op, const char *name, int n_in, Tensor **in, Tensor *out) {
  Tensor *y = out ? out : graph_tensor(g, name, DT_UNDEFINED);
  Node *n = graph_insert(g, before, op, name, n_in, in, 1, &y);
  if (!op_info[n->op].infer(g, n))
    abort(); /* shapes follow from those of the chain */
  return y;
}

static Tensor *integers(Graph *g, const char *name, int count, const int64_t *v) {
  double d[MAX_RANK];
  for (int i = 0; i < count; i++)
    d[i] = (double)v[i];
  return graph_const(g, name, DT_INT64, 1, (int64_t[]){count}, d);
}

static Tensor *reshaped(Graph *g, const Node *before, const char *name, Tensor *t, int rank, const int64_t *dim, Tensor *out) {
  if (!out && t->rank == rank && !memcmp(t->dim, dim, (size_t)rank * sizeof *dim))
    return t;
  return made(g, before, "Reshape", name, 2, (Tensor *[]){t, integers(g, mem_printf("%s_shape", name), rank, dim)}, out);
}

/* [1, hidden, depth] */
static Tensor *weights(Graph *g, const char *name, const Product *p, int64_t H) {
  const int64_t depth = depth_of(p);
  Tensor *t = graph_const(g, name, p->w->dtype, 3, (int64_t[]){1, H, depth}, NULL);
  for (int64_t k = 0; k < H; k++)
    for (int64_t i = 0; i < depth; i++)
      t->value[k * depth + i] = p->w->value[p->transposed ? k * depth + i : i * H + k];
  return t;
}

/* Whether the other direction is there, by the name of its bias, or rolled already. `end` is where _reverse stands in this one's. */
static bool is_bidirectional(const Graph *g, const char *bias, const char *end, const char *name) {
  const char *other = mem_printf("%.*s%s", (int)(end - bias), bias, *end ? "" : "_reverse");
  for (int i = 0; i < g->n_tensors; i++)
    if (strcmp(g->tensor[i]->name, other) == 0)
      return true;
  for (int i = 0; i < g->n_nodes; i++)
    if (strcmp(g->node[i]->name, mem_printf("%s_%s", name, *end ? "fw" : "bw")) == 0)
      return true;
  return false;
}

/* PyTorch calls a layer's constants NAME.bias_ih_l0, NAME.bias_ih_l1_reverse: then the node gets the name that its TorchScript exporter
 * gives, with the direction's, as in /NAME/RNN_1_bw. Otherwise that of the first activation counts. */
static const char *name_of(const Graph *g, const Chain *c) {
  static const char key[] = ".bias_ih_l";
  const Node *n = c->act[c->steps - 1];
  for (int i = 0; i < g->n_nodes; i++)
    for (int k = 0; k < 2; k++) {
      const Node *add = g->node[i];
      const Tensor *b = add->op == OP_Add ? add->in[k] : NULL, *product = b ? add->in[!k] : NULL;
      const char *at = b && b->value ? strstr(b->name, key) : NULL;
      if (!at || !product->producer || product->producer->op != OP_MatMul || product->producer->in[1] != c->w.w)
        continue;
      char *path = mem_strndup(b->name, (size_t)(at - b->name)), *end;
      const long layer = strtol(at + sizeof key - 1, &end, 10);
      for (char *p = path; *p; p++)
        if (*p == '.')
          *p = '/';
      const char *name = layer ? mem_printf("/%s/RNN_%ld", path, layer) : mem_printf("/%s/RNN", path);
      return is_bidirectional(g, b->name, end, name) ? mem_printf("%s_%s", name, c->backward ? "bw" : "fw") : name;
    }
  return mem_printf("%s_rnn", n->name);
}

/* Whether n joins the results of all steps, in the order of x. */
static bool joins_all(const Node *n, const Chain *c) {
  if (n->op != OP_Concat || n->n_in != c->steps || n->out[0]->rank != 3 || n->out[0]->dim[0] != c->steps || n->out[0]->dim[1] != c->batch)
    return false;
  for (int i = 0; i < c->steps; i++)
    if (n->in[i] != c->act[c->backward ? c->steps - 1 - i : i]->out[0])
      return false;
  return true;
}

static void set_activation(Node *n, const char *name) {
  Attr *a = mem_array((size_t)n->n_attr + 1, sizeof *a);
  memcpy(a, n->attr, (size_t)n->n_attr * sizeof *a);
  a[n->n_attr] = (Attr){.name = "activations", .type = ATTR_STRINGS, .n = 1, .strings = mem_array(1, sizeof(char *))};
  a[n->n_attr].strings[0] = name;
  n->attr = a;
  n->n_attr++;
}

/* The results of single steps, as the chain's nodes made them; what nothing reads goes with pass_dead. */
static void hand_out(Graph *g, const Chain *c, const Node *before, const char *name, Tensor *y, Tensor *last) {
  for (int i = 0; i < c->steps; i++) {
    const int64_t t = c->backward ? c->steps - 1 - i : i;
    Tensor *out = c->act[i]->out[0], *from = last;
    const char *part = mem_printf("%s_step%d", name, (int)t);
    if (i < c->steps - 1)
      from = made(g, before, "Slice", part, 4,
                  (Tensor *[]){y, integers(g, mem_printf("%s_from", part), 1, (int64_t[]){t}),
                               integers(g, mem_printf("%s_to", part), 1, (int64_t[]){t + 1}),
                               integers(g, mem_printf("%s_axis", part), 1, (int64_t[]){0})},
                  NULL);
    reshaped(g, before, mem_printf("%s_out", part), from, out->rank, out->dim, out);
  }
}

static void roll(Graph *g, const Chain *c) {
  const Node *before = c->act[0];
  const char *name = name_of(g, c);
  const int64_t H = c->hidden, B = c->batch;
  Tensor *in[6] = {0}, *out[2];
  in[0] = reshaped(g, before, mem_printf("%s_x_steps", name), c->x, 3, (int64_t[]){c->steps, B, depth_of(&c->w)}, NULL);
  in[1] = weights(g, mem_printf("%s_W", name), &c->w, H);
  in[2] = weights(g, mem_printf("%s_R", name), &c->r, H);
  in[3] = graph_const(g, mem_printf("%s_B", name), c->w.w->dtype, 2, (int64_t[]){1, 2 * H}, NULL);
  memcpy(in[3]->value, c->bias, (size_t)H * sizeof *c->bias);
  if (c->h0)
    in[5] = reshaped(g, before, mem_printf("%s_h0", name), c->h0, 3, (int64_t[]){1, B, H}, NULL);
  out[0] = graph_tensor(g, mem_printf("%s_Y", name), DT_UNDEFINED);
  out[1] = graph_tensor(g, mem_printf("%s_Y_h", name), DT_UNDEFINED);
  Node *n = graph_insert(g, before, "RNN", name, c->h0 ? 6 : 4, in, 2, out);
  attr_set_int(n, "hidden_size", H);
  attr_set_string(n, "direction", c->backward ? "reverse" : "forward");
  set_activation(n, c->act[0]->op_type);
  if (!op_info[n->op].infer(g, n))
    abort();
  for (int i = 0; i < g->n_nodes; i++)
    if (joins_all(g->node[i], c)) {
      Node *concat = g->node[i];
      reshaped(g, before, concat->name, out[0], 3, concat->out[0]->dim, concat->out[0]);
      concat->n_out = 0;
      graph_remove(g, concat);
      i--;
    }
  hand_out(g, c, before, name, out[0], out[1]);
  for (int i = 0; i < c->steps; i++) {
    c->act[i]->n_out = 0; /* the others' now */
    graph_remove(g, c->act[i]);
  }
}

void pass_roll(Graph *g) {
  pass_dead(g);
  for (int i = g->n_nodes - 1; i >= 0; i--) {
    Chain c;
    if (!find_chain(g, g->node[i], &c))
      continue;
    roll(g, &c);
    pass_dead(g);
    i = g->n_nodes; /* a layer that reads this one may be seen now */
  }
}
