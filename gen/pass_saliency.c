/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_saliency.c - --prune=P% and --prune=N:M: the weights that matter least become 0. Requires: a folded graph, samples.
 *
 * What dropping weight w of input x costs is w^2 E[x^2], the diagonal of the second-order expansion of the layer's squared error; its mean,
 * w E[x], goes into the bias where the layer has one.
 */
#include "passes.h"
#include <math.h>
#include <stdlib.h>

enum { MAX_SAMPLES = 500 };

/* A weight tensor as neurons by inputs. */
typedef struct {
  Tensor *w, *bias; /* bias: NULL where there is none */
  int64_t neurons, inputs;
  int64_t neuron_step, input_step; /* elements between */
  double *mean, *square;           /* by input; NULL: unknown */
  int64_t inputs_each;             /* consecutive inputs that read the same element or channel: a kernel's taps */
} Layer;

static bool layer_of(const Node *n, Layer *l) {
  *l = (Layer){.inputs_each = 1};
  Tensor *w = n->n_in > 1 ? n->in[1] : NULL;
  if (!w || !w->value || !n->in[0] || n->in[0]->value)
    return false;
  l->w = w;
  if ((n->op == OP_Gemm || n->op == OP_MatMul) && w->rank == 2) {
    bool transposed = n->op == OP_Gemm && attr_int(n, "transB", 0);
    l->neurons = w->dim[transposed ? 0 : 1], l->inputs = w->dim[transposed ? 1 : 0];
    l->neuron_step = transposed ? l->inputs : 1, l->input_step = transposed ? 1 : l->neurons;
    if (n->op == OP_Gemm && (attr_int(n, "transA", 0) || attr_float(n, "alpha", 1) != 1 || attr_float(n, "beta", 1) != 1))
      return true; /* ranked by size alone */
  } else if (n->op == OP_Conv) {
    l->neurons = w->dim[0], l->inputs = tensor_count(w) / w->dim[0];
    l->neuron_step = l->inputs, l->input_step = 1;
    l->inputs_each = l->inputs / w->dim[1];
    if (attr_int(n, "group", 1) != 1)
      return true;
  } else {
    return false;
  }
  int64_t channels = l->inputs / l->inputs_each;
  l->mean = mem_array((size_t)channels + 1, sizeof *l->mean);
  l->square = mem_array((size_t)channels + 1, sizeof *l->square);
  Tensor *bias = n->n_in > 2 ? n->in[2] : NULL;
  /* at a convolution's padded edges the mean is not what is missing */
  if (bias && bias->value && tensor_count(bias) == l->neurons && n->op == OP_Gemm)
    l->bias = bias;
  return true;
}

static void collect(const Graph *g, const Samples *s, Layer *layer) {
  size_t stride = (s->n + MAX_SAMPLES - 1) / MAX_SAMPLES, rows = 0;
  Eval *eval = eval_new(g);
  double *in = mem_array((size_t)s->n_in + 1, sizeof *in);
  for (size_t at = 0; at < s->n; at += stride, rows++) {
    for (int i = 0; i < s->n_in; i++)
      in[i] = s->in[at * (size_t)s->n_in + (size_t)i];
    eval_run(eval, in);
    for (int k = 0; k < g->n_nodes; k++) {
      Layer *l = &layer[k];
      if (!l->square)
        continue;
      const Tensor *t = g->node[k]->in[0];
      const double *x = eval_value(eval, t);
      int64_t channels = l->inputs / l->inputs_each, n = tensor_count(t), each = n / channels, apart = 1;
      for (int i = 2; g->node[k]->op == OP_Conv && i < t->rank; i++) /* channels are the second axis of a convolution, the last of others */
        apart *= t->dim[i];
      for (int64_t e = 0; e < n; e++) {
        int64_t c = e / apart % channels;
        l->mean[c] += x[e] / (double)each;
        l->square[c] += x[e] * x[e] / (double)each;
      }
    }
  }
  for (int k = 0; k < g->n_nodes; k++)
    for (int64_t c = 0; layer[k].square && c < layer[k].inputs / layer[k].inputs_each; c++)
      layer[k].mean[c] /= (double)rows, layer[k].square[c] /= (double)rows;
}

typedef struct {
  double saliency;
  int64_t neuron, input;
} Candidate;

static int by_saliency(const void *a, const void *b) {
  const Candidate *x = a, *y = b;
  if (x->saliency != y->saliency)
    return x->saliency < y->saliency ? -1 : 1;
  return x->neuron != y->neuron ? (x->neuron < y->neuron ? -1 : 1) : (x->input > y->input) - (x->input < y->input);
}

static Candidate candidate(const Layer *l, int64_t neuron, int64_t input) {
  double w = l->w->value[neuron * l->neuron_step + input * l->input_step];
  return (Candidate){w * w * (l->square ? l->square[input / l->inputs_each] : 1), neuron, input};
}

static int64_t drop(const Layer *l, const Candidate *c) {
  double *w = &l->w->value[c->neuron * l->neuron_step + c->input * l->input_step];
  bool was = *w != 0;
  if (l->bias)
    l->bias->value[c->neuron] += *w * l->mean[c->input / l->inputs_each];
  *w = 0;
  return was;
}

void pass_prune_least(Graph *g, const Samples *s, double share, int keep, int of) {
  Layer *layer = mem_array((size_t)g->n_nodes + 1, sizeof *layer);
  for (int k = 0; k < g->n_nodes; k++)
    if (!layer_of(g->node[k], &layer[k]))
      layer[k].w = NULL;
  collect(g, s, layer);
  for (int k = 0; k < g->n_nodes; k++) {
    Layer *l = &layer[k];
    if (!l->w || graph_uses(g, l->w, NULL) != 1 || (l->bias && graph_uses(g, l->bias, NULL) != 1))
      continue;
    keep_original(l->w);
    if (l->bias)
      keep_original(l->bias);
    int64_t total = l->neurons * l->inputs, cut = 0;
    Candidate *list = mem_array((size_t)total + 1, sizeof *list);
    for (int64_t i = 0; i < total; i++)
      list[i] = candidate(l, i / l->inputs, i % l->inputs);
    if (!of) {
      qsort(list, (size_t)total, sizeof *list, by_saliency);
      for (int64_t i = 0; i < (int64_t)floor(share * (double)total + 0.5); i++)
        cut += drop(l, &list[i]);
    }
    for (int64_t neuron = 0; of && neuron < l->neurons; neuron++)
      for (int64_t at = 0; at < l->inputs; at += of) { /* a last group that is short keeps its share, rounded up */
        int64_t n = l->inputs - at < of ? l->inputs - at : of, kept = (n * keep + of - 1) / of;
        Candidate *first = &list[neuron * l->inputs + at];
        qsort(first, (size_t)n, sizeof *first, by_saliency);
        for (int64_t i = 0; i < n - kept; i++)
          cut += drop(l, &first[i]);
      }
    diag_note(g->node[k], "pruned %lld of %lld weights", (long long)cut, (long long)total);
  }
}
