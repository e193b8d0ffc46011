/* SPDX-License-Identifier: Apache-2.0
 *
 * search_rows.c - the rows of data that the search fits and measures on, and what an error of a value costs at the output.
 */
#include "search_in.h"
#include "gradient.h"
#include "npy.h"
#include "parallel.h"
#include "window.h"
#include <math.h>
#include <stdlib.h>

enum { MANY_ROWS = 512 }; /* worth a second thread */
enum { PAIRS = 64, PROBES = 48, SIGNS = 4, MIX_UPS = 3, MAX_MIX_UPS = 20 };
static const double NOISE = 0.1, DOUBT = 0.25;

double to_format(double x, Format f) {
  if (f.W == 0)
    return 0;
  double v = floor(ldexp(x, f.W - f.I) + 0.5);
  v = fmin(fmax(v, (double)format_min(f)), (double)format_max(f));
  return ldexp(v, f.I - f.W);
}

static const double *constant(const Tensor *t, bool quantized) {
  return quantized && t->rounded ? t->rounded : t->value;
}

/* Work on rows [0, n) of values, which f does for [from, to). */
typedef struct Rows {
  void (*f)(const struct Rows *, size_t from, size_t to);
  size_t n;
  const Node *node; /* to be run over value[] by tensor id */
  double **value;
  bool quantized;
  const Tensor *t; /* to be rounded */
  double *of_t;
} Rows;

static void rows_part(void *ctx, int part) {
  const Rows *all = ctx;
  all->f(all, part_start(all->n, part), part_start(all->n, part + 1));
}

static void by_rows(Rows all) {
  if (all.n < MANY_ROWS)
    all.f(&all, 0, all.n);
  else
    in_parts(rows_part, &all);
}

/* Operands and results of a node at a row. */
static void operands_at(const Rows *all, size_t row, const double **in, double **out) {
  const Node *node = all->node;
  for (int i = 0; i < node->n_in; i++) {
    const Tensor *t = node->in[i];
    in[i] = !t ? NULL : t->value ? constant(t, all->quantized) : all->value[t->id] + row * count(t);
  }
  for (int i = 0; i < node->n_out; i++)
    out[i] = node->out[i] ? all->value[node->out[i]->id] + row * count(node->out[i]) : NULL;
}

static void run_range(const Rows *all, size_t from, size_t to) {
  const Node *node = all->node;
  const double **in = mem_scratch((size_t)node->n_in, sizeof *in);
  double **out = mem_scratch((size_t)node->n_out, sizeof *out);
  if (all->quantized && weighty(node) && !windowed(node) && node->in[1]->rounded) { /* many weights are 0 */
    Gradient *g = gradient_new(node);
    operands_at(all, from, in, out);
    gradient_run(g, to - from, in, out);
    gradient_free(g);
  } else if (op_info[node->op].eval) {
    for (size_t r = from; r < to; r++) {
      operands_at(all, r, in, out);
      op_info[node->op].eval(node, in, out);
    }
  }
  free(in), free(out);
}

void run_node(const Node *node, double **value, size_t n, bool quantized) {
  by_rows((Rows){.f = run_range, .n = n, .node = node, .value = value, .quantized = quantized});
}

/* By element: codes to a unit, their unit, the least and the largest. */
typedef struct {
  double *up, *down, *lo, *hi;
} Steps;

/* One row; compilers take many elements at a time. */
static void round_row(const Steps *s, double half, double *restrict v, size_t m) {
  const double *restrict up = s->up, *restrict down = s->down, *restrict lo = s->lo, *restrict hi = s->hi;
  for (size_t e = 0; e < m; e++) {
    double x = v[e] * up[e] + half;
    x = x < lo[e] ? lo[e] : x;
    x = x > hi[e] ? hi[e] : x;
    v[e] = floor_of(x) * down[e];
  }
}

static void round_range(const Rows *all, size_t from, size_t to) {
  const Tensor *t = all->t;
  const size_t m = count(t);
  double *of = mem_scratch(4 * m, 8), *value = all->of_t;
  const Steps s = {of, of + m, of + 2 * m, of + 3 * m};
  for (size_t e = 0; e < m; e++) {
    const Format f = t->each ? t->each[e] : t->fmt;
    s.up[e] = ldexp(1, f.W - f.I), s.down[e] = ldexp(1, f.I - f.W);
    s.lo[e] = f.W ? (double)format_min(f) : 0, s.hi[e] = f.W ? (double)format_max(f) : 0;
  }
  const bool cut = !t->producer && t->each; /* inputs come rounded: lowest bits are cut off */
  const double port = ldexp(1, t->fmt.W - t->fmt.I);
  for (size_t r = from; r < to; r++) {
    for (size_t e = r * m; cut && e < (r + 1) * m; e++)
      value[e] = floor(to_format(value[e], t->fmt) * port) / port;
    round_row(&s, cut ? 0 : 0.5, value + r * m, m);
  }
  free(of);
}

void round_rows(const Tensor *t, double *value, size_t n) {
  if (!t->exact && t->fmt.W)
    by_rows((Rows){.f = round_range, .n = n, .t = t, .of_t = value});
}

void run_rounded(const Node *node, double **value, size_t n) {
  run_node(node, value, n, true);
  for (int i = 0; i < node->n_out; i++)
    if (node->out[i])
      round_rows(node->out[i], value[node->out[i]->id], n);
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

/* Probability of class c at a temperature; of one logit: c = 0 or 1. */
static double probability(const double *a, size_t m, int c, double temperature) {
  double top = -INFINITY, sum = 0;
  if (m == 1)
    return 1 / (1 + exp((c ? -a[0] : a[0]) / temperature));
  for (size_t i = 0; i < m; i++)
    top = fmax(top, a[i]);
  for (size_t i = 0; i < m; i++)
    sum += exp((a[i] - top) / temperature);
  return exp((a[c] - top) / temperature) / sum;
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

/* ---- pseudo-random numbers: the same every time ---- */

double uniform_next(uint64_t *state) { /* xorshift64* */
  *state ^= *state >> 12, *state ^= *state << 25, *state ^= *state >> 27;
  return (double)(*state * 0x2545f4914f6cdd1dull >> 11) / 9007199254740992.0;
}

static uint64_t state;
static double uniform(void) {
  return uniform_next(&state);
}

/* ---- gains ---- */

typedef struct {
  Search *s;
  const Tensor *t;
  int after; /* node whose results t is; -1: an input */
  double step;
  double **moved; /* PROBES rows */
} Probe;

/* Squared distances at the output when the elements of a group (-1: of all) of rows first, first + stride, ... move by steps of random
 * sign: by row to d[]. */
static void probe(const Probe *p, int group, Groups by, size_t first, size_t stride, size_t rows, double *d) {
  const Search *s = p->s;
  const Graph *g = s->g;
  for (int t = 0; t < g->n_tensors; t++)
    for (size_t r = 0; p->moved[t] && r < rows; r++)
      memcpy(p->moved[t] + r * count(g->tensor[t]), s->f[t] + (first + r * stride) * count(g->tensor[t]), count(g->tensor[t]) * 8);
  size_t m = count(p->t);
  for (size_t r = 0; r < rows; r++)
    for (size_t e = 0; e < m; e++)
      if (group < 0 || (int)((e / (size_t)by.inner) % (size_t)by.n) == group)
        p->moved[p->t->id][r * m + e] += uniform() < 0.5 ? -p->step : p->step;
  for (int i = p->after + 1; i < g->n_nodes; i++)
    run_node(g->node[i], p->moved, rows, false);
  for (size_t r = 0; r < rows; r++)
    d[r] = distance(s, s->f[s->y->id] + (first + r * stride) * count(s->y), p->moved[s->y->id] + r * count(s->y)) / (p->step * p->step);
}

/* By small steps of each group on some rows. */
static void gain_of(Search *s, const Tensor *t, int after, double **moved, bool weigh) {
  size_t probes = s->n_fit < PROBES ? s->n_fit : PROBES, m = count(t);
  Groups by = groups_of(s->g, t);
  double sq = 0, d[PROBES], mean = 0;
  for (size_t e = 0; e < s->n_fit * m; e++)
    sq += s->f[t->id][e] * s->f[t->id][e];
  Probe p = {s, t, after, 1e-3 * sqrt(sq / (double)(s->n_fit * m)) + 1e-9, moved};
  double *gain = s->gain[t->id] = mem_array((size_t)by.n, sizeof *gain);
  state = 1;
  for (int j = 0; j < by.n; j++) {
    probe(&p, j, by, 0, s->n_fit / probes, probes, d);
    for (size_t r = 0; r < probes; r++)
      gain[j] += d[r] / (double)probes;
    mean += gain[j] / by.n;
  }
  for (int j = 0; j < by.n; j++) /* a neuron that moved nothing on these rows may do so on others */
    gain[j] = fmax(gain[j], 1e-3 * mean + 1e-12);
  if (!weigh)
    return;
  double *weight = s->weight[t->id] = mem_array(s->n_fit, sizeof *weight), sum = 0;
  for (int k = 0; k < SIGNS; k++)
    for (size_t first = 0; first < s->n_fit; first += PROBES) {
      size_t rows = s->n_fit - first < PROBES ? s->n_fit - first : PROBES;
      probe(&p, -1, by, first, 1, rows, d);
      for (size_t r = 0; r < rows; r++)
        weight[first + r] += d[r], sum += d[r];
    }
  double floor_at = 0.1 * sum / (double)s->n_fit, total = 0;
  for (size_t r = 0; r < s->n_fit; r++)
    total += weight[r] += floor_at;
  for (size_t r = 0; r < s->n_fit; r++)
    weight[r] = total > 0 ? weight[r] * (double)s->n_fit / total : 1;
}

void find_gains(Search *s) {
  const Graph *g = s->g;
  double **moved = rows_of(g, PROBES);
  s->gain = mem_array((size_t)g->n_tensors + 1, sizeof *s->gain);
  s->weight = mem_array((size_t)g->n_tensors + 1, sizeof *s->weight);
  for (int k = 0; k < g->n_nodes; k++)
    if (weighty(g->node[k]))
      gain_of(s, g->node[k]->out[0], k, moved, s->classes);
  for (int i = 0; i < s->n_neurons; i++) {
    const Tensor *t = g->tensor[s->neuron[i]];
    int after = -1;
    for (int k = 0; k < g->n_nodes; k++)
      if (g->node[k] == t->producer)
        after = k;
    if (!s->gain[t->id])
      gain_of(s, t, after, moved, false);
  }
}

/* ---- rows ---- */

/* Mix-ups come in the steps of the data, by element, where these are coarser than the port's: else the float network would see what no
 * input tells the hardware. */
static void round_mix_ups(Search *s, const Tensor *t) {
  size_t m = count(t);
  double *f = s->f[t->id], up = ldexp(1, t->fmt.W - t->fmt.I);
  for (size_t e = 0; e < m && t->fmt.W; e++) {
    int64_t used = 0;
    bool whole = true;
    for (size_t r = 0; r < s->n_own; r++) {
      int64_t code = (int64_t)(to_format(f[r * m + e], t->fmt) * up);
      used |= code;
      whole &= (double)code == f[r * m + e] * up;
    }
    double step = (double)(used & -used) / up;
    for (size_t r = s->n_own; r < s->n_fit && whole && used; r++)
      f[r * m + e] = floor(f[r * m + e] / step + 0.5) * step;
  }
}

RowSet rows_to_fit(const Samples *data, size_t steps) {
  const size_t each = steps * (size_t)data->n_in;
  return data->n_fit ? (RowSet){data->fit, data->n_fit / steps, each, 0, 1} : (RowSet){data->in, data->n / steps / 2, 2 * each, 0, 2};
}

RowSet rows_to_measure(const Samples *data, size_t steps) {
  const size_t each = steps * (size_t)data->n_in;
  return data->n_fit ? (RowSet){data->in, data->n / steps, each, 0, 1} : (RowSet){data->in + each, data->n / steps / 2, 2 * each, 1, 2};
}

/* Mix-ups lie between samples where these are many, but few say little about what lies beside them: so each element of a mix-up also moves
 * by NOISE of its standard deviation, within its range (Bishop, "Training with noise is equivalent to Tikhonov regularization", 1995). */
static void add_noise(Search *s, const Tensor *t) {
  const size_t m = count(t);
  double *f = s->f[t->id];
  for (size_t e = 0; e < m; e++) {
    double sum = 0, sq = 0, lo = INFINITY, hi = -INFINITY;
    for (size_t r = 0; r < s->n_own; r++) {
      const double v = f[r * m + e];
      sum += v / (double)s->n_own, sq += v * v / (double)s->n_own, lo = fmin(lo, v), hi = fmax(hi, v);
    }
    const double reach = sqrt(3) * NOISE * sqrt(fmax(sq - sum * sum, 0)); /* of even noise */
    for (size_t r = s->n_own; r < s->n_fit; r++)
      f[r * m + e] = fmin(fmax(f[r * m + e] + reach * (2 * uniform() - 1), lo), hi);
  }
}

static void fill_rows(Search *s, const Samples *data) {
  const RowSet fit = rows_to_fit(data, 1), held = rows_to_measure(data, 1);
  state = 1;
  for (size_t r = 0; r < s->n; r++) {
    const float *a, *b;
    double part = 1;
    if (r < s->n_own)
      a = b = fit.at + r * fit.stride;
    else if (r < s->n_fit)
      a = fit.at + (size_t)(uniform() * (double)s->n_own) * fit.stride, b = fit.at + (size_t)(uniform() * (double)s->n_own) * fit.stride,
      part = uniform();
    else
      a = b = held.at + (r - s->n_fit) * held.stride;
    size_t element = 0;
    for (int i = 0; i < s->g->n_in; i++)
      for (size_t e = 0; e < count(s->g->in[i]); e++, element++)
        s->f[s->g->in[i]->id][r * count(s->g->in[i]) + e] = part * a[element] + (1 - part) * b[element];
  }
  for (int i = 0; i < s->g->n_in; i++)
    add_noise(s, s->g->in[i]), round_mix_ups(s, s->g->in[i]);
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
  const RowSet rows = rows_to_measure(data, 1);
  size_t each = s->classes ? 1 : count(s->y), held = s->n - s->n_fit;
  if ((size_t)n != data->n * each)
    return;
  s->label = mem_array(held * each, sizeof *s->label);
  for (size_t r = 0; r < held; r++)
    for (size_t e = 0; e < each; e++)
      s->label[r * each + e] = y->value[(rows.first + r * rows.step) * each + e];
}

/* The tensor that decides: of softmax, sigmoid and argmax at the end their argument. */
void rows_decision(Search *s) {
  const Graph *g = s->g;
  const Tensor *best = NULL;
  for (int i = 0; i < graph_outs(g); i++)
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

/* The temperature of largest likelihood of the labels (Guo et al., arXiv 1706.04599). */
double likeliest_temperature(const Search *s) {
  size_t m = count(s->y), held = s->n - s->n_fit;
  double best = 1, most = -INFINITY;
  for (int i = -12; i <= 24; i++) {
    double t = exp2(i / 4.0), sum = 0;
    for (size_t r = 0; r < held; r++) {
      double c = s->label[r];
      if (c >= 0 && c < (m == 1 ? 2 : (double)m))
        sum += log(fmax(probability(s->f[s->y->id] + (s->n_fit + r) * m, m, (int)c, t), 1e-30));
    }
    if (sum > most)
      most = sum, best = t;
  }
  return best;
}

void rows_make(Search *s, const Samples *data, size_t own, size_t fit, size_t held) {
  rows_decision(s);
  if (own < 8 || !s->y)
    return;
  size_t mix_ups = fit / own < 1 + MIX_UPS ? MIX_UPS : fit / own - 1;
  s->n_own = own, s->n_fit = (1 + (mix_ups < MAX_MIX_UPS ? mix_ups : MAX_MIX_UPS)) * own, s->n = s->n_fit + held;
  s->f = rows_of(s->g, s->n), s->q = rows_of(s->g, s->n);
  fill_rows(s, data);
  for (int k = 0; k < s->g->n_nodes; k++)
    run_node(s->g->node[k], s->f, s->n, false);
  read_labels(s, data);
  s->temperature = s->classes ? fmax(1, largest_spread(s) / 4) : largest_spread(s);
  s->calibration = s->classes && s->label ? likeliest_temperature(s) : 1;
}

/* ---- the rows held back ---- */

static int decide(const Search *s, const double *y) {
  size_t m = count(s->y), best = 0;
  if (m == 1)
    return y[0] > 0;
  for (size_t i = 1; i < m; i++)
    if (y[i] > y[best])
      best = i;
  return (int)best;
}

/* What a changed decision of a row costs: the float network's probabilities for the one and the other, or 1 where there are no labels. */
static double cost_of_change(const Search *s, const double *y, int was, int is) {
  const size_t m = count(s->y);
  return was == is ? 0 : !s->label ? 1 : probability(y, m, was, s->calibration) - probability(y, m, is, s->calibration);
}

/* The loss of decisions as it is expected. Rows whose decision changed say it, but are few; so each row also gets the errors of PAIRS
 * others, which leaves less to the chance that a large error meets a row near a border, but takes errors and borders for independent: DOUBT
 * of it is added to its error (it was found within 15 to 20 % of what 20,000 samples lost). The mean of both by their variances. seen,
 * seen_sq: sums over rows. */
static void expect(const Search *s, Point *p, double seen, double seen_sq) {
  const size_t m = count(s->y), held = s->n - s->n_fit, pairs = held < PAIRS ? held : PAIRS, stride = stride_through(held, held / pairs);
  const double *f = s->f[s->y->id] + s->n_fit * m, *q = s->q[s->y->id] + s->n_fit * m;
  double *by_row = mem_scratch(held, 8), *by_error = mem_scratch(held, 8), *y = mem_scratch(m, 8), sum = 0, sq = 0;
  for (size_t r = 0; r < held; r++) {
    const int was = decide(s, f + r * m);
    for (size_t k = 0, e = r; k < pairs; k++, e = (e + stride) % held) {
      for (size_t i = 0; i < m; i++)
        y[i] = f[r * m + i] + q[e * m + i] - f[e * m + i];
      const double cost = cost_of_change(s, f + r * m, was, decide(s, y)) / (double)pairs;
      by_row[r] += cost, by_error[e] += cost, sum += cost;
    }
  }
  sum /= (double)held, seen /= (double)held;
  for (size_t r = 0; r < held; r++)
    sq += (by_row[r] - sum) * (by_row[r] - sum) + (by_error[r] - sum) * (by_error[r] - sum);
  const double rows = (double)held * (double)held;
  const double doubt_paired = sq / rows + DOUBT * DOUBT * sum * sum + 1e-30,
               doubt_seen = (seen_sq + 0.25) / rows; /* none seen does not mean none */
  p->loss = (sum / doubt_paired + seen / doubt_seen) / (1 / doubt_paired + 1 / doubt_seen);
  p->error = sqrt(1 / (1 / doubt_paired + 1 / doubt_seen));
  free(by_row), free(by_error), free(y);
}

static void measure_classes(const Search *s, Point *p) {
  const size_t m = count(s->y), held = s->n - s->n_fit;
  size_t changed = 0;
  double lost = 0, differ = 0, expected = 0, expected_sq = 0;
  for (size_t r = s->n_fit; r < s->n; r++) {
    const double *a = s->f[s->y->id] + r * m;
    const int da = decide(s, a), db = decide(s, s->q[s->y->id] + r * m);
    const double d = cost_of_change(s, a, da, db);
    changed += da != db;
    expected += d, expected_sq += d * d;
    if (s->label && da != db) {
      const double want = s->label[r - s->n_fit];
      lost += (da == want) - (double)(db == want), differ += (da == want) != (db == want);
    }
  }
  p->changed = (double)changed / (double)held;
  p->lost = lost / (double)held;
  p->lost_error = sqrt(differ + 1) / (double)held; /* of a difference of paired counts; none seen does not mean none */
  expect(s, p, expected, expected_sq);
}

/* Growth of the RMS error in quadrature: the deviation from the float network is not correlated with that network's own error, which has
 * a much larger noise. What is counted must not contradict it (point_passes). */
static void measure_growth(const Search *s, Point *p) {
  const size_t m = count(s->y);
  double own = 0, all = 0, sq = 0, sq_sq = 0, cross = 0;
  for (size_t r = s->n_fit; r < s->n; r++) {
    const double *f = s->f[s->y->id] + r * m, *q = s->q[s->y->id] + r * m, *want = s->label + (r - s->n_fit) * m;
    double d = 0, by = 0;
    for (size_t i = 0; i < m; i++) {
      const double err = f[i] - want[i];
      d += (q[i] - f[i]) * (q[i] - f[i]), own += err * err, by += 2 * (q[i] - f[i]) * err;
    }
    sq += d, sq_sq += d * d, all += d + by, cross += (d + by) * (d + by);
  }
  own = fmax(own, 1e-30);
  p->loss = sqrt(1 + sq / own) - 1;
  p->error = sqrt(sq_sq) / own / 2;
  p->lost = sqrt(fmax(0, 1 + all / own)) - 1;
  p->lost_error = sqrt(cross) / own / 2;
}

/* RMS deviation over the spread of the outputs, as loss too. Its error as that of a ratio of two sums over rows (Cochran, "Sampling
 * Techniques", 3rd ed., section 6.3), halved by the root. */
static void measure_deviation(const Search *s, Point *p) {
  const size_t m = count(s->y), held = s->n - s->n_fit;
  const double *f = s->f[s->y->id] + s->n_fit * m, *q = s->q[s->y->id] + s->n_fit * m;
  double mean = 0, moved = 0, spread = 0, sq = 0;
  for (size_t i = 0; i < held * m; i++)
    mean += f[i] / (double)(held * m);
  for (size_t i = 0; i < held * m; i++)
    moved += (q[i] - f[i]) * (q[i] - f[i]), spread += (f[i] - mean) * (f[i] - mean);
  moved = fmax(moved, 1e-30), spread = fmax(spread, 1e-30);
  for (size_t r = 0; r < held; r++) {
    double d = 0;
    for (size_t i = r * m; i < (r + 1) * m; i++)
      d += (q[i] - f[i]) * (q[i] - f[i]) / moved - (f[i] - mean) * (f[i] - mean) / spread;
    sq += d * d;
  }
  p->loss = p->deviation = sqrt(moved / spread);
  p->error = p->deviation / 2 * sqrt(sq);
}

void measure(const Search *s, Point *p) {
  measure_deviation(s, p);
  if (s->classes)
    measure_classes(s, p);
  else if (s->label)
    measure_growth(s, p);
}
