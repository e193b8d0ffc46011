/* SPDX-License-Identifier: Apache-2.0
 *
 * search.c - --target-loss: the cheapest hardware whose loss on data held back stays within a bound. Requires: formats assigned. Sets
 * Tensor.rounded of dense weights and biases, and the formats of results between layers.
 *
 * One price of an adder bit decides about all weights (rdo.c); it is searched by bisection for each width of the results between layers.
 * Float and quantized network run side by side, node by node, over half of the samples and as many mix-ups of two of them; the other half
 * measures. Errors are weighed by what they do to the outputs: the Fisher metric of the classes' probabilities, or the relative variance of
 * a regression.
 */
#include "search.h"
#include "lower.h"
#include "npy.h"
#include "rdo.h"
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_FIT = 3000, MAX_HELD = 3000, PROBES = 48, BISECTIONS = 10, LEAST_WIDTH = 3, MAX_VALUES = 16000000 };

typedef struct {
  Graph *g;
  const Options *o;
  size_t n, n_fit; /* rows: those to fit first, then those held back */
  double **f, **q; /* by tensor id: rows x elements, float and quantized */
  double **gain;   /* by node index in g->node: of each neuron */
  const Tensor *y; /* what decides: logits of classes, or a regression's result */
  bool classes;
  double temperature;
  double *label; /* of the rows held back; NULL: none */
  int *result;   /* ids of tensors between layers, whose width is searched */
  int n_results;
  double *range_lo, *range_hi; /* by tensor id */
} Search;

static size_t count(const Tensor *t) {
  return (size_t)tensor_count(t);
}

/* ---- running the network over rows ---- */

static double to_format(double x, Format f) {
  double v = floor(ldexp(x, f.W - f.I) + 0.5);
  v = fmin(fmax(v, (double)format_min(f)), (double)format_max(f));
  return ldexp(v, f.I - f.W);
}

static const double *constant(const Tensor *t, bool quantized) {
  return quantized && t->rounded ? t->rounded : t->value;
}

/* Node over rows [0, n) of value[]; quantized: its constants and results as the hardware has them. */
static void run_node(const Node *node, double **value, size_t n, bool quantized) {
  const double **in = mem_scratch((size_t)node->n_in, sizeof *in);
  double **out = mem_scratch((size_t)node->n_out, sizeof *out);
  const OpInfo *op = &op_info[node->op];
  for (size_t r = 0; op->eval && r < n; r++) {
    for (int i = 0; i < node->n_in; i++)
      in[i] = !node->in[i] ? NULL : node->in[i]->value ? constant(node->in[i], quantized) : value[node->in[i]->id] + r * count(node->in[i]);
    for (int i = 0; i < node->n_out; i++)
      out[i] = node->out[i] ? value[node->out[i]->id] + r * count(node->out[i]) : NULL;
    op->eval(node, in, out);
  }
  free(in), free(out);
  for (int i = 0; quantized && i < node->n_out; i++) {
    const Tensor *t = node->out[i];
    if (!t || t->exact || !t->fmt.W)
      continue;
    for (size_t e = 0; e < n * count(t); e++)
      value[t->id][e] = to_format(value[t->id][e], t->fmt);
  }
}

static double **rows_of(const Graph *g, size_t n) {
  double **v = mem_array((size_t)g->n_tensors + 1, sizeof *v);
  for (int i = 0; i < g->n_tensors; i++)
    if (!g->tensor[i]->value && g->tensor[i]->rank >= 0)
      v[i] = mem_array(n * count(g->tensor[i]) + 1, sizeof **v);
  return v;
}

/* ---- what an error costs ---- */

static double largest_spread(const Search *s) {
  double sum = 0, sq = 0;
  size_t m = s->n_fit * count(s->y);
  for (size_t i = 0; i < m; i++)
    sum += s->f[s->y->id][i], sq += s->f[s->y->id][i] * s->f[s->y->id][i];
  return sqrt(fmax(sq / (double)m - (sum / (double)m) * (sum / (double)m), 1e-30));
}

/* Squared distance of two outputs. */
static double distance(const Search *s, const double *a, const double *b) {
  size_t m = count(s->y);
  double d = 0;
  if (!s->classes) {
    for (size_t i = 0; i < m; i++)
      d += (a[i] - b[i]) * (a[i] - b[i]);
    return d / (double)m / (s->temperature * s->temperature);
  }
  if (m == 1) {
    double p = 1 / (1 + exp(-a[0] / s->temperature)), q = 1 / (1 + exp(-b[0] / s->temperature));
    return (p - q) * (p - q) / (p * (1 - p) + 0.05);
  }
  double ta = -INFINITY, tb = -INFINITY, za = 0, zb = 0;
  for (size_t i = 0; i < m; i++)
    ta = fmax(ta, a[i]), tb = fmax(tb, b[i]);
  for (size_t i = 0; i < m; i++)
    za += exp((a[i] - ta) / s->temperature), zb += exp((b[i] - tb) / s->temperature);
  for (size_t i = 0; i < m; i++) {
    double p = exp((a[i] - ta) / s->temperature) / za, q = exp((b[i] - tb) / s->temperature) / zb;
    d += (p - q) * (p - q) / (p + 0.05 / (double)m);
  }
  return d;
}

static bool dense(const Node *n) {
  return (n->op == OP_Gemm || n->op == OP_MatMul) && n->in[1]->value && !n->in[0]->value && n->in[1]->rank == 2 &&
         !(n->op == OP_Gemm &&
           (attr_int(n, "transA", 0) || attr_float(n, "alpha", 1) != 1 || (n->n_in > 2 && n->in[2] && attr_float(n, "beta", 1) != 1)));
}

static int neurons(const Node *n) {
  return (int)n->in[1]->dim[n->op == OP_Gemm && attr_int(n, "transB", 0) ? 0 : 1];
}

/* Gains of every dense layer, by small steps of each neuron on some rows. */
static void find_gains(Search *s) {
  const Graph *g = s->g;
  size_t probes = s->n_fit < PROBES ? s->n_fit : PROBES, stride = s->n_fit / probes;
  double **moved = rows_of(g, probes);
  s->gain = mem_array((size_t)g->n_nodes + 1, sizeof *s->gain);
  for (int k = 0; k < g->n_nodes; k++) {
    const Node *n = g->node[k];
    if (!dense(n))
      continue;
    const Tensor *z = n->out[0];
    int cols = neurons(n);
    s->gain[k] = mem_array((size_t)cols, sizeof **s->gain);
    double sq = 0;
    for (size_t e = 0; e < s->n_fit * count(z); e++)
      sq += s->f[z->id][e] * s->f[z->id][e];
    double step = 1e-3 * sqrt(sq / (double)(s->n_fit * count(z))) + 1e-9;
    for (int j = 0; j < cols; j++) {
      for (int t = 0; t < g->n_tensors; t++)
        for (size_t r = 0; moved[t] && r < probes; r++)
          memcpy(moved[t] + r * count(g->tensor[t]), s->f[t] + r * stride * count(g->tensor[t]), count(g->tensor[t]) * sizeof **moved);
      for (size_t r = 0; r < probes; r++)
        for (size_t e = (size_t)j; e < count(z); e += (size_t)cols)
          moved[z->id][r * count(z) + e] += step;
      for (int i = k + 1; i < g->n_nodes; i++)
        run_node(g->node[i], moved, probes, false);
      double d = 0;
      for (size_t r = 0; r < probes; r++)
        d += distance(s, s->f[s->y->id] + r * stride * count(s->y), moved[s->y->id] + r * count(s->y));
      s->gain[k][j] = d / (double)probes / (step * step);
    }
    double mean = 0;
    for (int j = 0; j < cols; j++)
      mean += s->gain[k][j] / cols;
    for (int j = 0; j < cols; j++) /* a neuron that moved nothing on these rows may do so on others */
      s->gain[k][j] = fmax(s->gain[k][j], 1e-3 * mean + 1e-12);
  }
}

/* ---- one point: all layers rounded at a price ---- */

static int input_bits(const double *x, size_t n, size_t stride, Format f) {
  double lo = 0, hi = 0;
  for (size_t i = 0; i < n; i++)
    lo = fmin(lo, x[i * stride]), hi = fmax(hi, x[i * stride]);
  return lo == 0 && hi == 0 ? 0 : hir_width_of((i128)ldexp(lo, f.W - f.I), (i128)ldexp(hi, f.W - f.I));
}

/* Format in which input number `row` of a layer comes: of the last tensor on the way that has one. */
static Format stored(const Tensor *t, int64_t row) {
  while (t->exact && t->producer && t->producer->in[0]) {
    const Node *n = t->producer;
    int i = 0;
    if (n->op == OP_Concat && t->rank == 2 && attr_int(n, "axis", 0) == 1)
      for (; i + 1 < n->n_in && row >= n->in[i]->dim[1]; i++)
        row -= n->in[i]->dim[1];
    t = n->in[i];
  }
  return t->fmt;
}

/* The nodes that multiply by the weights of node k, when one rounding can serve them: k alone, or the steps of a recurrent layer. Their
 * number comes back, 0 when it cannot. */
static int sharers(const Graph *g, int k, int *member) {
  const Node *n = g->node[k];
  int found = 0;
  if (!dense(n))
    return 0;
  for (int i = 0; i < g->n_nodes; i++) {
    const Node *m = g->node[i];
    if (!dense(m) || m->in[1] != n->in[1] || m->op != n->op || m->n_in != n->n_in || (n->n_in > 2 && m->in[2] != n->in[2]) ||
        attr_int(m, "transB", 0) != attr_int(n, "transB", 0))
      continue;
    if (member)
      member[found] = i;
    found++;
  }
  return graph_uses(g, n->in[1], NULL) == found ? found : 0;
}

static size_t rows_fitted(const Search *s, int k) {
  return s->n_fit * (count(s->g->node[k]->out[0]) / (size_t)neurons(s->g->node[k]));
}

/* Inputs and float results of all members, one after the other; `ahead`: inputs as the float network has them, rounded, for those members
 * that the quantized one has not reached. */
static void collect(const Search *s, const int *member, int members, int rows, int cols, bool ahead, double *x, double *z) {
  for (int m = 0; m < members; m++) {
    const Node *n = s->g->node[member[m]];
    size_t total = rows_fitted(s, member[m]), width = (size_t)rows;
    const double *from = (ahead && m ? s->f : s->q)[n->in[0]->id];
    memcpy(z, s->f[n->out[0]->id], total * (size_t)cols * sizeof *z);
    for (int i = 0; i < rows; i++) {
      Format f = stored(n->in[0], i);
      for (size_t r = 0; r < total; r++)
        x[r * width + (size_t)i] = ahead && m && f.W ? to_format(from[r * width + (size_t)i], f) : from[r * width + (size_t)i];
    }
    x += total * width;
    z += total * (size_t)cols;
  }
}

static double round_dense(Search *s, const int *member, int members, double price, bool ahead) {
  const int k = member[0];
  Node *n = s->g->node[k];
  Tensor *w = n->in[1], *bias = n->op == OP_Gemm && n->n_in > 2 ? n->in[2] : NULL;
  bool transposed = n->op == OP_Gemm && attr_int(n, "transB", 0);
  int cols = neurons(n), rows = (int)(count(w) / (size_t)cols);
  size_t total = 0;
  for (int m = 0; m < members; m++)
    total += rows_fitted(s, member[m]);
  double *weights = mem_scratch((size_t)rows * (size_t)cols, 8), *q = mem_scratch((size_t)rows * (size_t)cols, 8),
         *means = mem_scratch((size_t)cols, 8), *gain = mem_scratch((size_t)cols, 8), *x = mem_scratch(total * (size_t)rows, 8),
         *z = mem_scratch(total * (size_t)cols, 8);
  int *bits = mem_scratch((size_t)rows, sizeof *bits);
  collect(s, member, members, rows, cols, ahead, x, z);
  for (int j = 0; j < cols; j++)
    for (int m = 0; m < members; m++)
      gain[j] += s->gain[member[m]][j] / members;
  for (int i = 0; i < rows; i++) {
    bits[i] = input_bits(x + i, total, (size_t)rows, stored(n->in[0], i));
    for (int j = 0; j < cols; j++)
      weights[i * cols + j] = w->value[transposed ? j * rows + i : i * cols + j];
  }
  RdoLayer l = {
      .rows = rows, .cols = cols, .n = total, .x = x, .z = z, .w = weights, .gain = gain, .bits = bits, .fmt = w->fmt, .price = price};
  double cost = rdo_layer(&l, q, means);
  if (!w->rounded)
    w->rounded = mem_array(count(w), 8);
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < cols; j++)
      w->rounded[transposed ? j * rows + i : i * cols + j] = q[i * cols + j];
  if (bias && bias->value && count(bias) == (size_t)cols) {
    if (!bias->rounded)
      bias->rounded = mem_array(count(bias), 8);
    for (int j = 0; j < cols; j++)
      bias->rounded[j] = to_format(means[j], bias->fmt);
  }
  free(weights), free(q), free(means), free(gain), free(x), free(z), free(bits);
  return (cost + 2.0 * cols) * members;
}

/* The weights of node k and of all that share them. Later steps read what earlier ones make of the rounded weights: those are found on the
 * float network's values first, then on the quantized network's. */
static double round_shared(Search *s, int k, double price) {
  int *member = mem_scratch((size_t)s->g->n_nodes, sizeof *member), members = sharers(s->g, k, member);
  double cost = 0;
  if (members && member[0] == k) {
    cost = round_dense(s, member, members, price, members > 1);
    for (int i = k; members > 1 && i <= member[members - 1]; i++)
      run_node(s->g->node[i], s->q, s->n_fit, true);
    if (members > 1)
      cost = round_dense(s, member, members, price, false);
  }
  free(member);
  return cost;
}

/* A constant that is added to a sum takes the mean error of what came before. */
static void refit_bias(Search *s, const Node *n) {
  Tensor *c = n->in[0]->value ? n->in[0] : n->in[1], *x = n->in[0]->value ? n->in[1] : n->in[0], *y = n->out[0];
  size_t m = count(c);
  if (!c->value || x->value || !x->exact || !x->producer || !dense(x->producer) || count(x) % m || count(y) != count(x) || s->o->W < 2)
    return;
  double *mean = mem_array(m, 8), rows = (double)(s->n_fit * (count(x) / m));
  for (size_t e = 0; e < s->n_fit * count(x); e++)
    mean[e % m] += (s->f[y->id][e] - s->q[x->id][e]) / rows;
  if (!c->rounded)
    c->rounded = mem_array(m, 8);
  for (size_t e = 0; e < m; e++)
    c->rounded[e] = to_format(mean[e], c->fmt);
}

static bool tied(const Tensor *a, const Tensor *b) {
  return a == b || (a->tie && a->tie == b->tie);
}

static double format_error(const Search *s, const Tensor *t, Format f) {
  double err = 0;
  for (size_t e = 0; e < s->n_fit * count(t); e++) {
    double d = s->f[t->id][e] - to_format(s->f[t->id][e], f);
    err += d * d;
  }
  return err;
}

/* The I that loses least at width W, on the rows to fit; of t and all that is tied to it. */
static Format best_format(const Search *s, const Tensor *t, int W) {
  double lo = s->range_lo[t->id], hi = s->range_hi[t->id], least = INFINITY;
  for (int i = 0; i < s->g->n_tensors; i++)
    if (tied(s->g->tensor[i], t) && !s->g->tensor[i]->value)
      lo = fmin(lo, s->range_lo[i]), hi = fmax(hi, s->range_hi[i]);
  Format best = {0}, f = {W, format_fit(W, lo, hi), true};
  for (int down = 0; down < 4; down++, f.I--) {
    double err = 0;
    for (int i = 0; i < s->g->n_tensors; i++)
      if (tied(s->g->tensor[i], t) && !s->g->tensor[i]->value)
        err += format_error(s, s->g->tensor[i], f);
    if (err < least)
      best = f, least = err;
  }
  return best;
}

static void set_width(Search *s, int W) {
  for (int i = 0; i < s->n_results; i++) {
    const Tensor *t = s->g->tensor[s->result[i]];
    const Format f = best_format(s, t, W);
    for (int j = 0; j < s->g->n_tensors; j++)
      if (tied(s->g->tensor[j], t))
        s->g->tensor[j]->fmt = f;
  }
}

typedef struct {
  double cost, loss, error; /* error: standard error of the loss */
  double changed, deviation;
} Point;

static int decide(const Search *s, const double *y) {
  size_t m = count(s->y), best = 0;
  if (m == 1)
    return y[0] > 0;
  for (size_t i = 1; i < m; i++)
    if (y[i] > y[best])
      best = i;
  return (int)best;
}

static void measure(const Search *s, Point *p) {
  size_t m = count(s->y), held = s->n - s->n_fit, changed = 0;
  double lost = 0, differ = 0, sq = 0, var = 0, mean = 0, ef = 0, eq = 0;
  for (size_t r = s->n_fit; r < s->n; r++) {
    const double *a = s->f[s->y->id] + r * m, *b = s->q[s->y->id] + r * m;
    for (size_t i = 0; i < m; i++) {
      sq += (a[i] - b[i]) * (a[i] - b[i]) / (double)(held * m);
      mean += a[i] / (double)(held * m), var += a[i] * a[i] / (double)(held * m);
      if (s->label && !s->classes) {
        double want = s->label[(r - s->n_fit) * m + i];
        ef += (a[i] - want) * (a[i] - want), eq += (b[i] - want) * (b[i] - want);
      }
    }
    if (s->classes) {
      int da = decide(s, a), db = decide(s, b);
      changed += da != db;
      if (s->label)
        lost += (da == s->label[r - s->n_fit]) - (double)(db == s->label[r - s->n_fit]),
            differ += (da == s->label[r - s->n_fit]) != (db == s->label[r - s->n_fit]);
    }
  }
  p->deviation = sqrt(sq / fmax(var - mean * mean, 1e-30));
  p->changed = (double)changed / (double)held;
  if (s->classes) {
    p->loss = s->label ? lost / (double)held : p->changed;
    p->error = sqrt(s->label ? differ : (double)changed) / (double)held; /* of a difference of paired counts */
  } else {
    p->loss = s->label ? sqrt(eq / fmax(ef, 1e-30)) - 1 : p->deviation;
    p->error = 0;
  }
}

/* LUTs of an element's table, taken for adder bits: words of W bits at about 2^(W + 1) addresses, 64 to a LUT. */
static double table_cost(const Tensor *t) {
  int address = t->fmt.W + 1 < 10 ? t->fmt.W + 1 : 10;
  return (double)count(t) * t->fmt.W * fmax(1, ldexp(1, address - 6));
}

static Point point(Search *s, double price) {
  Point p = {0};
  for (int i = 0; i < s->g->n_in; i++) {
    const Tensor *t = s->g->in[i];
    for (size_t e = 0; e < s->n * count(t); e++)
      s->q[t->id][e] = to_format(s->f[t->id][e], t->fmt);
  }
  for (int k = 0; k < s->g->n_nodes; k++) {
    const Node *n = s->g->node[k];
    if (dense(n))
      p.cost += round_shared(s, k, price);
    else if (n->op == OP_Add)
      refit_bias(s, n);
    else if (op_info[n->op].kind == KIND_TABLE)
      p.cost += table_cost(n->out[0]);
    run_node(n, s->q, s->n, true);
  }
  measure(s, &p);
  return p;
}

/* ---- the search ---- */

static uint64_t state;
static double uniform(void) { /* xorshift64*: the same mix-ups every time */
  state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
  return (double)(state * 0x2545f4914f6cdd1dull >> 11) / 9007199254740992.0;
}

static void fill_rows(Search *s, const Samples *data, size_t n_own) {
  size_t at = 0;
  state = 1;
  for (size_t r = 0; r < s->n; r++) {
    size_t a, b;
    double part = 1;
    if (r < n_own)
      a = b = 2 * r;
    else if (r < s->n_fit)
      a = 2 * (size_t)(uniform() * (double)n_own), b = 2 * (size_t)(uniform() * (double)n_own), part = uniform();
    else
      a = b = 2 * at++ + 1;
    size_t element = 0;
    for (int i = 0; i < s->g->n_in; i++)
      for (size_t e = 0; e < count(s->g->in[i]); e++, element++)
        s->f[s->g->in[i]->id][r * count(s->g->in[i]) + e] =
            part * data->in[a * (size_t)data->n_in + element] + (1 - part) * data->in[b * (size_t)data->n_in + element];
  }
}

/* One whole number a sample: classes, even where the network ends in logits. */
static void read_labels(Search *s, const Samples *data) {
  const NpyFile *file = s->o->labels ? npy_read(s->o->labels) : NULL;
  if (!file)
    return;
  const NpyArray *y = file->array;
  int64_t n = 1;
  for (int i = 0; i < y->rank; i++)
    n *= y->dim[i];
  bool whole = (size_t)n == data->n;
  for (int64_t i = 0; whole && i < n; i++)
    whole = y->value[i] == floor(y->value[i]);
  s->classes |= whole && count(s->y) > 1;
  size_t each = s->classes ? 1 : count(s->y), held = s->n - s->n_fit;
  if ((size_t)n != data->n * each)
    return;
  s->label = mem_array(held * each, sizeof *s->label);
  for (size_t r = 0; r < held; r++)
    for (size_t e = 0; e < each; e++)
      s->label[r * each + e] = y->value[(2 * r + 1) * each + e];
}

/* The tensor that decides: of softmax, sigmoid and argmax at the end their argument. */
static void find_decision(Search *s) {
  const Graph *g = s->g;
  const Tensor *best = NULL;
  for (int i = 0; i < g->n_out; i++)
    if (!g->out[i]->value && (!best || count(g->out[i]) > count(best)))
      best = g->out[i];
  s->y = best;
  for (;;) {
    const Node *n = s->y ? s->y->producer : NULL;
    if (!n ||
        (n->op != OP_Softmax && n->op != OP_LogSoftmax && n->op != OP_ArgMax && n->op != OP_Sigmoid && op_info[n->op].kind != KIND_MOVE))
      break;
    if ((n->op == OP_Sigmoid && count(s->y) > 1) || !n->in[0] || n->in[0]->value ||
        (op_info[n->op].kind == KIND_MOVE && count(n->in[0]) != count(s->y)))
      break;
    s->classes |= op_info[n->op].kind != KIND_MOVE;
    s->y = n->in[0];
  }
}

/* Whether the width of t is to be found; of tensors that are tied, the first stands for all. */
static bool searchable(const Search *s, const Config *config, const Tensor *t) {
  if (!t->producer || t->value || t->exact || t->fmt.W <= LEAST_WIDTH || t->dtype != DT_FLOAT)
    return false;
  for (int i = 0; i < s->g->n_tensors; i++) {
    const Tensor *u = s->g->tensor[i];
    if (!tied(u, t) || u->value)
      continue;
    if (u->id < t->id || graph_is_output(s->g, u) || config_of(config, u->producer).has_result)
      return false;
  }
  return true;
}

const SearchResult *search_run(Graph *g, const Options *o, const Config *config, const Samples *data) {
  Search s = {.g = g, .o = o};
  size_t elements = 0;
  for (int i = 0; i < g->n_tensors; i++)
    elements += g->tensor[i]->value || g->tensor[i]->rank < 0 ? 0 : count(g->tensor[i]);
  size_t room = MAX_VALUES / (elements + 1), own = data->n / 2; /* rows: a mix-up for each of one's own, and as many held back */
  own = own < MAX_FIT / 2 ? own : MAX_FIT / 2;
  own = own < room / 4 ? own : room / 4;
  size_t held = data->n / 2 < MAX_HELD ? data->n / 2 : MAX_HELD;
  held = held < room / 2 ? held : room / 2;
  find_decision(&s);
  int layers = 0;
  for (int k = 0; k < g->n_nodes; k++)
    layers += sharers(g, k, NULL) > 0;
  if (own < 8 || !s.y || !layers) {
    diag_error(EXIT_UNSUPPORTED, NULL, "--target-loss needs a layer with constant weights and 16 samples in --data; it has %d and %zu",
               layers, data->n);
    return NULL;
  }
  s.n_fit = 2 * own, s.n = s.n_fit + held;
  s.f = rows_of(g, s.n), s.q = rows_of(g, s.n);
  fill_rows(&s, data, own);
  for (int k = 0; k < g->n_nodes; k++)
    run_node(g->node[k], s.f, s.n, false);
  read_labels(&s, data);
  s.temperature = s.classes ? fmax(1, largest_spread(&s) / 4) : largest_spread(&s);
  find_gains(&s);
  s.range_lo = data->lo, s.range_hi = data->hi;
  s.result = mem_array((size_t)g->n_tensors, sizeof *s.result);
  int widest = 0;
  for (int i = 0; i < g->n_tensors; i++)
    if (searchable(&s, config, g->tensor[i])) {
      s.result[s.n_results++] = i;
      widest = g->tensor[i]->fmt.W > widest ? g->tensor[i]->fmt.W : widest;
    }
  SearchResult *r = mem_alloc(sizeof *r);
  *r = (SearchResult){.n_fit = s.n_fit, .n_held = held, .classes = s.classes, .labels = s.label != NULL};
  double target = o->target_loss, started = now_s();
  int worse = 0, from = widest ? widest : 1;
  for (int W = from; W >= (widest ? LEAST_WIDTH : 1) && worse < 2; W--) {
    if (widest)
      set_width(&s, W);
    double lo = -44, hi = 0, best_here = INFINITY; /* log2 of the price: passes, does not */
    for (int i = 0; i < BISECTIONS; i++) {
      double at = i == 0 ? lo : (lo + hi) / 2;
      if (isatty(2) && !o->quiet && now_s() - started > 2)
        fprintf(stderr, "\rsearching: %d bits between layers, point %d of %d ", W, i + 1, BISECTIONS);
      Point p = point(&s, exp2(at));
      r->point = mem_grow(r->point, r->n, &r->cap, sizeof *r->point);
      r->point[r->n++] = (SearchPoint){.width = W,
                                       .price = exp2(at),
                                       .adder_bits = p.cost,
                                       .loss = p.loss,
                                       .error = p.error,
                                       .changed = p.changed,
                                       .deviation = p.deviation};
      bool pass = p.loss + p.error <= target;
      if (pass && p.cost < best_here)
        best_here = p.cost;
      if (pass && (!r->best || p.cost < r->point[r->best - 1].adder_bits))
        r->best = r->n;
      if (i == 0 && !pass)
        break;
      if (i)
        *(pass ? &lo : &hi) = at;
    }
    worse = r->best && best_here > r->point[r->best - 1].adder_bits ? worse + 1 : 0;
  }
  if (isatty(2) && !o->quiet && now_s() - started > 2)
    fprintf(stderr, "\r%60s\r", "");
  if (!r->best) {
    const SearchPoint *p = &r->point[0];
    diag_error(EXIT_NUMERIC, NULL,
               "no point within --target-loss=%g%%: at %d bits between layers it is %.3g %% with a standard error of %.2g; more bits in "
               "--q, or more samples, may do",
               100 * target, p->width, 100 * p->loss, 100 * p->error);
    return r;
  }
  const SearchPoint *best = &r->point[r->best - 1];
  if (widest)
    set_width(&s, best->width);
  point(&s, best->price); /* sets the weights again */
  return r;
}
