/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_local.c - --target-loss in parallel mode: a convolution becomes the matrix that it is. Requires: an inferred Graph, one sample at a
 * time. Keeps: the meaning, names of inputs and outputs.
 *
 * There, each position has adders of its own, and nothing is saved by all of them having the same weights. As a matrix (a locally connected
 * layer), positions get weights, zeros and formats by what they matter: near the border of an image that is little. Measured on four
 * trainings of an 8x8 LeNet: a quarter fewer adder bits at the same loss.
 */
#include "passes.h"
#include "search_joint.h"
#include "op.h"

enum { MOST_INPUTS = 512, MOST_PRODUCTS = 1 << 16 }; /* matrices of their own second moments are made of them; beyond, it takes too long */

typedef struct {
  const double *weight;
  double *matrix;
  int64_t cols;
} Fill;

static void put(void *ctx, int64_t to, int64_t from, int64_t weight) {
  const Fill *f = ctx;
  if (from >= 0)
    f->matrix[from * f->cols + to] += f->weight[weight];
}

static bool small(const Node *n) {
  const int64_t in = tensor_count(n->in[0]), out = tensor_count(n->out[0]);
  return n->in[0]->dim[0] == 1 && in <= MOST_INPUTS && in * out <= MOST_PRODUCTS;
}

static Tensor *flat(Graph *g, const Tensor *like) {
  Tensor *t = graph_tensor(g, mem_printf("%s/flat", like->name), DT_FLOAT);
  t->rank = 2;
  t->dim[0] = 1, t->dim[1] = tensor_count(like);
  return t;
}

/* The node that alone reads t, and does the same to each of its elements; NULL: there is none. */
static Node *activation(const Graph *g, const Tensor *t) {
  Node *n = NULL;
  if (graph_is_output(g, t) || graph_uses(g, t, &n) != 1 || !n || n->in[0] != t || n->n_out != 1 || op_info[n->op].infer != infer_same)
    return NULL;
  return op_info[n->op].kind == KIND_PWL || op_info[n->op].kind == KIND_TABLE ? n : NULL;
}

static void to_matrix(Graph *g, Node *n) {
  Tensor *x = n->in[0], *y = n->out[0];
  const int64_t in = tensor_count(x), out = tensor_count(y), each = out / y->dim[1];
  Tensor *matrix = graph_const(g, n->in[1]->name, DT_FLOAT, 2, (int64_t[]){in, out}, NULL);
  Tensor *bias = graph_const(g, n->n_in > 2 && n->in[2] ? n->in[2]->name : mem_printf("%s/bias", n->name), DT_FLOAT, 1, &out, NULL);
  each_product(n, put, &(Fill){n->in[1]->value, matrix->value, out});
  for (int64_t e = 0; n->n_in > 2 && n->in[2] && e < out; e++)
    bias->value[e] = n->in[2]->value[e / each];
  Tensor *flat_x = flat(g, x), *at = flat(g, y);
  graph_insert(g, n, "Flatten", mem_printf("%s/flatten", n->name), 1, (Tensor *[]){x}, 1, (Tensor *[]){flat_x});
  Node *last = graph_insert(g, n, "Gemm", n->name, 3, (Tensor *[]){flat_x, matrix, bias}, 1, (Tensor *[]){at});
  graph_remove(g, n);
  for (Node *u = activation(g, y); u; u = activation(g, y)) { /* comes before the shape is restored: formats are those of neurons */
    u->in[0] = at;
    y = u->out[0];
    u->out[0] = at = flat(g, y);
    at->producer = u;
    last = u;
  }
  Tensor *shape = graph_const(g, mem_printf("%s/shape", y->name), DT_INT64, 1, (int64_t[]){y->rank}, NULL);
  for (int i = 0; i < y->rank; i++)
    shape->value[i] = (double)y->dim[i];
  const Node *next = NULL;
  for (int k = 0; k + 1 < g->n_nodes; k++)
    if (g->node[k] == last)
      next = g->node[k + 1];
  graph_insert(g, next, "Reshape", mem_printf("%s/reshape", last->name), 2, (Tensor *[]){at, shape}, 1, (Tensor *[]){y});
}

void pass_local(Graph *g) {
  for (int k = 0; !joint_wanted(g) && k < g->n_nodes; k++) /* weights that steps share stay theirs */
    if (weighty(g->node[k]) && windowed(g->node[k]) && small(g->node[k]) && sharers(g, k, NULL) == 1)
      to_matrix(g, g->node[k]);
  pass_dead(g);
}
