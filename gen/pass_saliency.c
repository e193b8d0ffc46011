/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_saliency.c - --prune=P%, --prune=rows:P% and --prune=N:M: the weights that matter least on the samples become 0. Requires: a folded
 * graph.
 *
 * The optimal brain surgeon. H = E[x x'] of a layer's inputs, with a constant input for the bias. Dropping weight p of a
 * neuron costs w_p^2 / (H^-1)_pp when all others (and the bias) make up for it by -w_p / (H^-1)_pp (H^-1)_p; then p leaves H. Of a
 * convolution a position is a sample. Grouped convolutions, and layers too large for that: the diagonal alone, w^2 E[x^2], and nothing is
 * made up for.
 */
#include "passes.h"
#include "window.h"
#include <math.h>
#include <stdlib.h>

enum { MAX_SAMPLES = 1000, MAX_WORK = 1000000000 };
static const double damping = 1e-3; /* of the mean diagonal of H */

/* A weight tensor as neurons by inputs. */
typedef struct {
  Tensor *w, *bias; /* bias: NULL where there is none */
  int64_t neurons, inputs;
  int64_t neuron_step, input_step; /* elements between */
  int64_t inputs_each;             /* consecutive inputs that read the same channel: a kernel's taps */
  int64_t n;                       /* order of h: inputs and the bias */
  double *h, *square;              /* n * n, or by channel; both NULL: unknown, ranked by size alone */
  size_t rows;
  size_t positions, step, next; /* of a convolution with h: positions in a sample, every how manyth is taken, how far the next is */
} Layer;

/* What one sum reads: what was chosen may go. keep: of each `of` consecutive inputs; of = 0: no groups. */
typedef struct {
  double share;
  int keep, of;
  bool rows; /* whole inputs go, of all neurons together */
} Rule;

static Tensor *bias_of(const Graph *g, const Node *n, int64_t neurons) {
  Tensor *b = (n->op == OP_Gemm || n->op == OP_Conv) && n->n_in > 2 ? n->in[2] : NULL;
  Node *reader = NULL;
  if (n->op == OP_MatMul && graph_uses(g, n->out[0], &reader) == 1 && reader && reader->op == OP_Add)
    b = reader->in[0]->value ? reader->in[0] : reader->in[1];
  return b && b->value && tensor_count(b) == neurons && graph_uses(g, b, NULL) == 1 ? b : NULL;
}

/* Unless the layer is too large. */
static bool with_hessian(const Graph *g, const Node *n, Layer *l) {
  Tensor *bias = bias_of(g, n, l->neurons);
  l->n = l->inputs + (bias != NULL);
  if (2.0 * (double)l->neurons * pow((double)l->n, 3) > MAX_WORK)
    return false;
  l->bias = bias;
  l->h = mem_array((size_t)(l->n * l->n), sizeof *l->h);
  return true;
}

static bool layer_of(const Graph *g, const Node *n, Layer *l) {
  *l = (Layer){.inputs_each = 1};
  Tensor *w = n->n_in > 1 ? n->in[1] : NULL;
  if (!w || !w->value || !n->in[0] || n->in[0]->value || graph_uses(g, w, NULL) != 1)
    return false;
  l->w = w;
  if ((n->op == OP_Gemm || n->op == OP_MatMul) && w->rank == 2) {
    bool transposed = n->op == OP_Gemm && attr_int(n, "transB", 0);
    l->neurons = w->dim[transposed ? 0 : 1], l->inputs = w->dim[transposed ? 1 : 0];
    l->neuron_step = transposed ? l->inputs : 1, l->input_step = transposed ? 1 : l->neurons;
    if (n->op == OP_Gemm && (attr_int(n, "transA", 0) || attr_float(n, "alpha", 1) != 1 || attr_float(n, "beta", 1) != 1))
      return true;
    with_hessian(g, n, l);
  } else if (n->op == OP_Conv) {
    l->neurons = w->dim[0], l->inputs = tensor_count(w) / w->dim[0];
    l->neuron_step = l->inputs, l->input_step = 1;
    l->inputs_each = l->inputs / w->dim[1];
    if (attr_int(n, "group", 1) == 1 && with_hessian(g, n, l)) {
      double work = (double)MAX_SAMPLES * (double)l->n * (double)l->n / 2; /* of one position */
      l->positions = (size_t)(tensor_count(n->out[0]) / l->neurons);
      l->step = stride_through(l->positions, (size_t)(work * (double)l->positions / MAX_WORK) + 1);
    }
  } else {
    return false;
  }
  if (!l->h)
    l->square = mem_array((size_t)(l->inputs / l->inputs_each) + 1, sizeof *l->square);
  return true;
}

static void add_row(Layer *l, const double *x) {
  for (int64_t i = 0; i < l->n; i++)
    for (int64_t j = 0; j <= i; j++)
      l->h[i * l->n + j] += (i < l->inputs ? x[i] : 1) * (j < l->inputs ? x[j] : 1);
  l->rows++;
}

/* What lies under the kernel at each position, in the order of the weights. */
static void add_positions(Layer *l, const Node *node, const double *x) {
  Window w;
  window_of(node, &w);
  int64_t taps = window_taps(&w), in = window_in(&w), channels = l->inputs / taps, at[MAX_SPATIAL] = {0};
  double *row = mem_scratch((size_t)l->inputs, sizeof *row);
  for (size_t p = 0; p < l->positions; p++, window_next(w.axes, w.out, at)) {
    int64_t tap[MAX_SPATIAL] = {0};
    if (l->next-- > 0)
      continue;
    l->next = l->step - 1;
    for (int64_t t = 0; t < taps; t++, window_next(w.axes, w.kernel, tap)) {
      int64_t from = window_source(&w, at, tap);
      for (int64_t c = 0; c < channels; c++)
        row[c * taps + t] = from < 0 ? 0 : x[((int64_t)p / window_out(&w) * channels + c) * in + from];
    }
    add_row(l, row);
  }
  free(row);
}

static void add_sample(Layer *l, const Node *node, const double *x) {
  const Tensor *t = node->in[0];
  int64_t n = tensor_count(t), channels = l->inputs / l->inputs_each, apart = 1;
  if (l->h && node->op == OP_Conv)
    add_positions(l, node, x);
  for (int64_t at = 0; l->h && node->op != OP_Conv && at < n; at += l->inputs)
    add_row(l, x + at);
  for (int i = 2; node->op == OP_Conv && i < t->rank; i++) /* channels are the second axis of a convolution, the last of others */
    apart *= t->dim[i];
  for (int64_t e = 0; l->square && e < n; e++)
    l->square[e / apart % channels] += x[e] * x[e];
}

static void collect(const Graph *g, const Samples *s, Layer *layer) {
  size_t stride = g->n_states ? 1 : (s->n + MAX_SAMPLES - 1) / MAX_SAMPLES; /* a state needs the steps before */
  Eval *eval = eval_new(g);
  double *in = mem_array((size_t)s->n_in + 1, sizeof *in);
  for (size_t at = 0; at < s->n && at / stride < MAX_SAMPLES; at += stride) {
    for (int i = 0; i < s->n_in; i++)
      in[i] = s->in[at * (size_t)s->n_in + (size_t)i];
    eval_run(eval, in);
    for (int k = 0; k < g->n_nodes; k++)
      if (layer[k].w)
        add_sample(&layer[k], g->node[k], eval_value(eval, g->node[k]->in[0]));
  }
}

/* h becomes its inverse: Gauss-Jordan, without pivots, as it is positive definite once damped. */
static void invert(double *h, int64_t n, size_t rows) {
  double trace = 0;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j <= i; j++)
      h[j * n + i] = h[i * n + j] /= (double)rows;
  for (int64_t i = 0; i < n; i++)
    trace += h[i * n + i];
  for (int64_t i = 0; i < n; i++)
    h[i * n + i] += damping * trace / (double)n + 1e-12;
  for (int64_t p = 0; p < n; p++) {
    double pivot = 1 / h[p * n + p];
    h[p * n + p] = 1;
    for (int64_t j = 0; j < n; j++)
      h[p * n + j] *= pivot;
    for (int64_t i = 0; i < n; i++) {
      double f = h[i * n + p];
      if (i == p || f == 0)
        continue;
      h[i * n + p] = 0;
      for (int64_t j = 0; j < n; j++)
        h[i * n + j] -= f * h[p * n + j];
    }
  }
}

/* Drops `count` weights of w[n], the last of which may be the bias, which stays; what each costs into cost[]. inverse is used up. */
static void surgeon(const Layer *l, const Rule *rule, double *w, double *inverse, int64_t count, double *cost) {
  int64_t n = l->n;
  bool *gone = mem_scratch((size_t)l->inputs, sizeof *gone);
  int *left = mem_scratch((size_t)l->inputs, sizeof *left); /* by group: may still go */
  for (int64_t i = 0; rule->of && i < l->inputs; i += rule->of) {
    int64_t size = l->inputs - i < rule->of ? l->inputs - i : rule->of; /* the last may be short: it keeps its share, rounded up */
    left[i / rule->of] = (int)(size - (size * rule->keep + rule->of - 1) / rule->of);
  }
  for (int64_t step = 0; step < count; step++) {
    int64_t p = -1;
    double least = INFINITY;
    for (int64_t i = 0; i < l->inputs; i++) {
      double c = w[i] * w[i] / inverse[i * n + i];
      if (!gone[i] && (!rule->of || left[i / rule->of]) && c < least)
        p = i, least = c;
    }
    if (p < 0)
      break;
    gone[p] = true;
    if (rule->of)
      left[p / rule->of]--;
    if (cost)
      cost[step] = step && least < cost[step - 1] ? cost[step - 1] : least;
    double d = inverse[p * n + p], f = w[p] / d;
    for (int64_t i = 0; i < n; i++)
      w[i] -= f * inverse[p * n + i];
    for (int64_t i = 0; i < n; i++) {
      double r = inverse[i * n + p] / d;
      for (int64_t j = 0; r != 0 && j < n; j++)
        inverse[i * n + j] -= r * inverse[p * n + j];
    }
    for (int64_t i = 0; i < n; i++)
      inverse[i * n + p] = inverse[p * n + i] = 0;
    inverse[p * n + p] = 1; /* of no weight any more */
    for (int64_t i = 0; i < l->inputs; i++)
      w[i] = gone[i] ? 0 : w[i];
  }
  free(gone), free(left);
}

typedef struct {
  double cost;
  int64_t neuron, input;
} Candidate;

static int by_cost(const void *a, const void *b) {
  const Candidate *x = a, *y = b;
  if (x->cost != y->cost)
    return x->cost < y->cost ? -1 : 1;
  return x->neuron != y->neuron ? (x->neuron < y->neuron ? -1 : 1) : (x->input > y->input) - (x->input < y->input);
}

static double *weight(const Layer *l, int64_t neuron, int64_t input) {
  return input < l->inputs ? &l->w->value[neuron * l->neuron_step + input * l->input_step] : &l->bias->value[neuron];
}

/* Drops whole inputs, one after the other: what all neurons lose is the sum of what each loses, as they read the same. */
static void prune_inputs(const Layer *l, const Rule *rule) {
  const int64_t n = l->n;
  double *inverse = l->h;
  bool *gone = mem_scratch((size_t)l->inputs, sizeof *gone);
  invert(inverse, n, l->rows);
  for (int64_t left = (int64_t)floor(rule->share * (double)l->inputs + 0.5); left > 0; left--) {
    int64_t p = -1;
    double least = INFINITY;
    for (int64_t i = 0; i < l->inputs; i++) {
      double c = 0;
      for (int64_t j = 0; j < l->neurons; j++)
        c += *weight(l, j, i) * *weight(l, j, i);
      c /= inverse[i * n + i];
      if (!gone[i] && c < least)
        p = i, least = c;
    }
    gone[p] = true;
    double d = inverse[p * n + p];
    for (int64_t j = 0; j < l->neurons; j++) {
      double f = *weight(l, j, p) / d;
      for (int64_t i = 0; i < n; i++)
        *weight(l, j, i) = i < l->inputs && gone[i] ? 0 : *weight(l, j, i) - f * inverse[p * n + i];
    }
    for (int64_t i = 0; i < n; i++) {
      double r = inverse[i * n + p] / d;
      for (int64_t j = 0; i != p && r != 0 && j < n; j++)
        inverse[i * n + j] -= r * inverse[p * n + j];
    }
    for (int64_t i = 0; i < n; i++)
      inverse[i * n + p] = inverse[p * n + i] = 0;
    inverse[p * n + p] = 1; /* of no weight any more */
  }
  free(gone);
}

/* Whether a layer's inputs are neurons of another one, element by element: without their weights here they are gone. */
static bool reads_neurons(const Graph *g, const Node *n) {
  const Tensor *t = n->in[0];
  for (; t->producer && graph_uses(g, t, NULL) == 1; t = t->producer->in[0]) {
    const Node *from = t->producer;
    if (from->op == OP_Gemm || from->op == OP_MatMul)
      return true;
    const bool biased = from->op == OP_Add && from->in[1]->value;
    if (from->n_out != 1 || (op_info[from->op].kind != KIND_PWL && op_info[from->op].kind != KIND_TABLE && !biased))
      return false;
  }
  return false;
}

static void prune_by_surgeon(const Layer *l, const Rule *rule) {
  size_t order = (size_t)l->n, total = (size_t)(l->neurons * l->inputs);
  double *inverse = mem_scratch(order * order, sizeof *inverse), *w = mem_scratch(order, sizeof *w),
         *cost = mem_scratch((size_t)l->inputs, sizeof *cost);
  int64_t *count = mem_scratch((size_t)l->neurons, sizeof *count);
  Candidate *list = mem_scratch(total, sizeof *list);
  invert(l->h, l->n, l->rows);
  for (int pass = rule->of ? 1 : 0; pass < 2;
       pass++) { /* first what each neuron's weights cost, one after the other; then the cheapest of all */
    for (int64_t j = 0; j < l->neurons; j++) {
      memcpy(inverse, l->h, order * order * sizeof *inverse);
      for (int64_t i = 0; i < l->n; i++)
        w[i] = *weight(l, j, i);
      surgeon(l, rule, w, inverse, pass && !rule->of ? count[j] : l->inputs, pass ? NULL : cost);
      for (int64_t i = 0; !pass && i < l->inputs; i++)
        list[j * l->inputs + i] = (Candidate){cost[i], j, i};
      for (int64_t i = 0; pass && i < l->n; i++)
        *weight(l, j, i) = w[i];
    }
    if (pass)
      break;
    qsort(list, total, sizeof *list, by_cost);
    for (size_t i = 0; i < (size_t)floor(rule->share * (double)total + 0.5); i++)
      count[list[i].neuron]++;
  }
  free(inverse), free(w), free(cost), free(count), free(list);
}

static void prune_by_diagonal(const Layer *l, const Rule *rule) {
  int64_t total = l->neurons * l->inputs;
  Candidate *list = mem_scratch((size_t)total, sizeof *list);
  for (int64_t i = 0; i < total; i++) {
    double w = *weight(l, i / l->inputs, i % l->inputs);
    list[i] = (Candidate){w * w * (l->square ? l->square[i % l->inputs / l->inputs_each] : 1), i / l->inputs, i % l->inputs};
  }
  int64_t group = rule->of ? rule->of : total, row = rule->of ? l->inputs : total;
  for (int64_t start = 0; start < total; start += row)
    for (int64_t at = 0; at < row; at += group) {
      int64_t n = row - at < group ? row - at : group;
      int64_t cut = rule->of ? n - (n * rule->keep + rule->of - 1) / rule->of : (int64_t)floor(rule->share * (double)n + 0.5);
      qsort(list + start + at, (size_t)n, sizeof *list, by_cost);
      for (int64_t i = start + at; i < start + at + cut; i++)
        *weight(l, list[i].neuron, list[i].input) = 0;
    }
  free(list);
}

void pass_prune_least(Graph *g, const Samples *s, double share, int keep, int of, bool rows) {
  const Rule rule = {share, keep, of, rows};
  Layer *layer = mem_array((size_t)g->n_nodes + 1, sizeof *layer);
  bool any = false;
  for (int k = 0; k < g->n_nodes; k++) {
    Layer *l = &layer[k];
    if (!layer_of(g, g->node[k], l) || (rows && (g->node[k]->op == OP_Conv || !reads_neurons(g, g->node[k]))))
      l->w = NULL;
    else if (rows && !l->h)
      diag_warn(g->node[k], "too large a layer for --prune=rows: nothing pruned"), l->w = NULL;
    any |= l->w != NULL;
  }
  if (rows && !any)
    diag_warn(NULL, "--prune=rows: no dense layer reads the neurons of another one; nothing pruned");
  collect(g, s, layer);
  for (int k = 0; k < g->n_nodes; k++) {
    Layer *l = &layer[k];
    if (!l->w)
      continue;
    keep_original(l->w);
    if (l->bias)
      keep_original(l->bias);
    if (rows)
      prune_inputs(l, &rule);
    else if (l->h)
      prune_by_surgeon(l, &rule);
    else
      prune_by_diagonal(l, &rule);
    int64_t total = l->neurons * l->inputs, cut = 0;
    for (int64_t i = 0; i < total; i++)
      cut += l->w->value[i] == 0 && l->w->original[i] != 0;
    diag_note(g->node[k], "pruned %lld of %lld weights", (long long)cut, (long long)total);
  }
}
