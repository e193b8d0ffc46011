/* SPDX-License-Identifier: Apache-2.0
 *
 * search_train.c - --target-loss: the weights that a point has left, taught by the float network.
 *
 * What is zero stays zero and no weight gets more signed digits, so that the hardware stays as large as it was; within that, weights and
 * biases follow the slope of the Kullback-Leibler divergence of the classes' probabilities (Hinton et al., arXiv 1503.02531; of a
 * regression the squared error). Weights are let go at first; in stages, those nearest to what the hardware can have are fixed there and
 * the others make up for it (incremental network quantization, Zhou et al., arXiv 1702.03044). Roundings between layers let slopes through
 * as if they were not there, limits do not (straight-through estimator, Bengio et al., arXiv 1308.3432). Steps by Adam (Kingma and Ba,
 * arXiv 1412.6980), its rate falling to 0 along half a cosine in each stage. No labels.
 */
#include "search_in.h"
#include "gradient.h"
#include <math.h>
#include <stdlib.h>

enum { STAGES = 6, STEPS = 400, LEAST_STEPS = 40, BATCH = 256, CHUNK = 64 }; /* steps of a stage */
/* SHARE: of the weights, fixed after each stage; one more is for the biases. RATE: of the root mean square of the float weights of a layer.
 * TRAIN_WORK: operations for all steps of a point. */
static const double SHARE[STAGES] = {0.3, 0.55, 0.75, 0.88, 0.95, 1}, RATE = 1.2e-2, MEAN_DECAY = 0.9, SQUARE_DECAY = 0.999,
                    TRAIN_WORK = 2.1e10;

/* A tensor of weights or biases. */
typedef struct {
  Tensor *t;
  bool bias, word; /* word: multiplied by multipliers, so that digits do not matter */
  double rate, *at, *mean, *square, *slope;
  int *digits;
  double *fixed; /* of weights: what it is from now on; NAN: not yet */
} Taught;

typedef struct {
  Search *s;
  Taught *taught;
  int n_taught, *taught_of; /* by tensor id; -1: none */
  bool *moves, *counts;     /* by tensor id: depends on what is taught; decides */
  Gradient **back;          /* by node; NULL: no slope goes through it */
  double **slope;           /* by tensor id: CHUNK rows */
} Lesson;

static double rms(const double *x, size_t n) {
  double sq = 0;
  for (size_t i = 0; i < n; i++)
    sq += x[i] * x[i];
  return sqrt(sq / (double)(n ? n : 1));
}

static void teach(Lesson *l, Tensor *t, bool bias, bool word, double rate) {
  const size_t n = count(t);
  if (l->taught_of[t->id] >= 0 || !t->rounded)
    return;
  l->taught_of[t->id] = l->n_taught;
  Taught *a = &l->taught[l->n_taught++];
  *a = (Taught){t,
                bias,
                word,
                rate,
                mem_scratch(n, 8),
                mem_scratch(n, 8),
                mem_scratch(n, 8),
                mem_scratch(n, 8),
                mem_scratch(n, sizeof(int)),
                mem_scratch(n, 8)};
  memcpy(a->at, t->rounded, n * 8);
  for (size_t e = 0; e < n && !bias; e++) {
    a->digits[e] = rdo_digits((int64_t)ldexp(t->rounded[e], t->fmt.W - t->fmt.I));
    a->fixed[e] = a->digits[e] ? (double)NAN : 0;
  }
}

static void find_taught(Lesson *l) {
  const Graph *g = l->s->g;
  for (int k = 0; k < g->n_nodes; k++) {
    const Node *n = g->node[k];
    if (!weighty(n) || !n->in[1]->rounded)
      continue;
    const double rate = RATE * rms(n->in[1]->value, count(n->in[1])),
                 shift = rate * rms(l->s->f[n->in[0]->id], l->s->n_own * count(n->in[0]));
    teach(l, n->in[1], false, price_of(l->s, k).word > 0, rate);
    if (n->op != OP_MatMul && n->n_in > 2 && n->in[2])
      teach(l, n->in[2], true, false, shift);
    for (int i = 0; i < g->n_nodes; i++)
      for (int j = 0; g->node[i]->op == OP_Add && j < 2; j++)
        if (g->node[i]->in[j] == n->out[0] && g->node[i]->in[1 - j]->value)
          teach(l, g->node[i]->in[1 - j], true, false, shift);
  }
}

/* Nodes on the way from what is taught to what decides. False where slopes cannot pass one of them. */
static bool find_way(Lesson *l) {
  const Graph *g = l->s->g;
  bool all = true;
  for (int i = 0; i < l->n_taught; i++)
    l->moves[l->taught[i].t->id] = true;
  for (int k = 0; k < g->n_nodes; k++) {
    const Node *n = g->node[k];
    bool moves = false;
    for (int i = 0; i < n->n_in; i++)
      moves |= n->in[i] && l->moves[n->in[i]->id];
    for (int i = 0; i < n->n_out; i++)
      if (n->out[i])
        l->moves[n->out[i]->id] = moves;
  }
  l->counts[l->s->y->id] = true;
  for (int k = g->n_nodes - 1; k >= 0; k--) {
    const Node *n = g->node[k];
    bool counts = false, moves = false;
    for (int i = 0; i < n->n_out; i++)
      if (n->out[i])
        counts |= l->counts[n->out[i]->id], moves |= l->moves[n->out[i]->id];
    for (int i = 0; i < n->n_in && counts; i++)
      if (n->in[i])
        l->counts[n->in[i]->id] = true;
    if (!counts || !moves)
      continue;
    l->back[k] = gradient_new(n);
    all &= l->back[k] != NULL;
  }
  return all && l->moves[l->s->y->id];
}

static bool runs(const Lesson *l, const Node *n) {
  bool counts = false;
  for (int i = 0; i < n->n_out; i++)
    counts |= n->out[i] && l->counts[n->out[i]->id];
  return counts;
}

/* What the hardware can have instead of weight e. */
static double nearest(const Taught *a, size_t e) {
  const Format f = a->t->fmt;
  const double up = ldexp(1, f.W - f.I), x = a->at[e] * up, least = (double)format_min(f), most = (double)format_max(f);
  return (a->word ? fmin(fmax(floor(x + 0.5), least), most) : rdo_nearest(x, a->digits[e], least, most)) / up;
}

/* The network of this step: weights that are fixed, others as they are. */
static void set(const Lesson *l) {
  for (int i = 0; i < l->n_taught; i++) {
    const Taught *a = &l->taught[i];
    for (size_t e = 0; e < count(a->t); e++)
      a->t->rounded[e] = a->bias ? to_format(a->at[e], a->t->fmt) : isnan(a->fixed[e]) ? a->at[e] : a->fixed[e];
  }
}

typedef struct {
  double off;
  size_t e;
} Off;

static int by_off(const void *a, const void *b) {
  const Off *x = a, *y = b;
  return x->off != y->off ? (x->off < y->off ? -1 : 1) : (x->e > y->e) - (x->e < y->e);
}

/* Fixes weights until that share of those that are not 0 is, those first that move least for it, relative to their size. */
static void fix(const Lesson *l, double share) {
  for (int i = 0; i < l->n_taught; i++) {
    const Taught *a = &l->taught[i];
    Off *off = mem_scratch(count(a->t) + 1, sizeof *off);
    size_t n = 0, nonzero = 0;
    for (size_t e = 0; !a->bias && e < count(a->t); e++) {
      nonzero += a->digits[e] > 0;
      if (isnan(a->fixed[e])) {
        const double to = nearest(a, e);
        off[n++] = (Off){fabs(a->at[e] - to) / fmax(fabs(to), 1e-30), e};
      }
    }
    qsort(off, n, sizeof *off, by_off);
    const double more = floor(share * (double)nonzero + 0.5) - (double)(nonzero - n);
    for (size_t k = 0; k < n && (double)k < more; k++)
      a->fixed[off[k].e] = nearest(a, off[k].e);
    free(off);
  }
}

/* The quantized network on rows r[0 .. n), into the first n rows of s->q. */
static void forward(const Lesson *l, const size_t *r, size_t n) {
  Search *s = l->s;
  for (int i = 0; i < s->g->n_in; i++) {
    const Tensor *t = s->g->in[i];
    const size_t m = count(t);
    for (size_t j = 0; j < n; j++)
      memcpy(s->q[t->id] + j * m, s->f[t->id] + r[j] * m, m * 8);
    round_rows(t, s->q[t->id], n);
  }
  for (int k = 0; k < s->g->n_nodes; k++) {
    const Node *node = s->g->node[k];
    if (!runs(l, node))
      continue;
    run_node(node, s->q, n, true);
    for (int i = 0; i < node->n_out; i++)
      if (node->out[i])
        round_rows(node->out[i], s->q[node->out[i]->id], n);
  }
}

/* The slope of the loss of one row by the outputs: y of the quantized, want of the float network. */
static void loss_slope(const Search *s, const double *y, const double *want, double *slope) {
  const size_t m = count(s->y);
  const double T = s->temperature;
  if (!s->classes || m == 1) {
    for (size_t i = 0; i < m; i++)
      slope[i] = s->classes ? (1 / (1 + exp(-y[i] / T)) - 1 / (1 + exp(-want[i] / T))) / T : (y[i] - want[i]) / (T * T) / (double)m;
    return;
  }
  double top_y = -INFINITY, top_want = -INFINITY, sum_y = 0, sum_want = 0;
  for (size_t i = 0; i < m; i++)
    top_y = fmax(top_y, y[i]), top_want = fmax(top_want, want[i]);
  for (size_t i = 0; i < m; i++)
    sum_y += exp((y[i] - top_y) / T), sum_want += exp((want[i] - top_want) / T);
  for (size_t i = 0; i < m; i++)
    slope[i] = (exp((y[i] - top_y) / T) / sum_y - exp((want[i] - top_want) / T) / sum_want) / T;
}

/* Where a format limits a value, what comes before it does not count. */
static void stop_limited(const Tensor *t, const double *value, double *slope, size_t n) {
  const size_t m = count(t);
  if (t->exact || !t->fmt.W)
    return;
  for (size_t e = 0; e < m; e++) {
    const Format f = t->each ? t->each[e] : t->fmt;
    const double lo = f.W ? ldexp((double)format_min(f), f.I - f.W) : 0, hi = f.W ? ldexp((double)format_max(f), f.I - f.W) : 0;
    for (size_t r = 0; r < n; r++)
      if (value[r * m + e] <= lo || value[r * m + e] >= hi)
        slope[r * m + e] = 0;
  }
}

static void backward(const Lesson *l, const size_t *r, size_t n) {
  Search *s = l->s;
  const size_t m = count(s->y);
  for (int t = 0; t < s->g->n_tensors; t++)
    if (l->slope[t])
      memset(l->slope[t], 0, n * count(s->g->tensor[t]) * 8);
  for (size_t j = 0; j < n; j++)
    loss_slope(s, s->q[s->y->id] + j * m, s->f[s->y->id] + r[j] * m, l->slope[s->y->id] + j * m);
  for (int k = s->g->n_nodes - 1; k >= 0; k--) {
    const Node *node = s->g->node[k];
    if (!l->back[k])
      continue;
    enum { MOST = 64 };
    const double *in[MOST], *out[MOST], *dy[MOST];
    double *dx[MOST];
    for (int i = 0; i < node->n_out; i++) {
      const Tensor *t = node->out[i];
      out[i] = t ? s->q[t->id] : NULL, dy[i] = t ? l->slope[t->id] : NULL;
      if (dy[i])
        stop_limited(t, out[i], l->slope[t->id], n);
    }
    for (int i = 0; i < node->n_in; i++) {
      const Tensor *t = node->in[i];
      const int taught = t ? l->taught_of[t->id] : -1;
      in[i] = !t ? NULL : t->value ? (t->rounded ? t->rounded : t->value) : s->q[t->id];
      dx[i] = taught >= 0 ? l->taught[taught].slope : t ? l->slope[t->id] : NULL;
    }
    gradient_back(l->back[k], n, in, out, dy, dx);
  }
}

/* Step so many of a stage. */
static void adam(const Lesson *l, int step, int steps) {
  const double pi = 3.14159265358979323846, fall = 0.5 * (1 + cos(pi * step / steps));
  const double mean_bias = 1 - pow(MEAN_DECAY, step + 1), square_bias = 1 - pow(SQUARE_DECAY, step + 1);
  for (int i = 0; i < l->n_taught; i++) {
    const Taught *a = &l->taught[i];
    for (size_t e = 0; e < count(a->t); e++) {
      const double d = a->slope[e] / BATCH;
      if (step == 0)
        a->mean[e] = a->square[e] = 0;
      a->mean[e] = MEAN_DECAY * a->mean[e] + (1 - MEAN_DECAY) * d;
      a->square[e] = SQUARE_DECAY * a->square[e] + (1 - SQUARE_DECAY) * d * d;
      a->at[e] -= a->rate * fall * a->mean[e] / mean_bias / (sqrt(a->square[e] / square_bias) + 1e-8);
      a->slope[e] = 0;
    }
  }
}

static uint64_t state;
static size_t drawn(size_t n) { /* xorshift64*: the same every time */
  state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
  return (size_t)((double)(state * 0x2545f4914f6cdd1dull >> 11) / 9007199254740992.0 * (double)n);
}

static int steps_of(const Search *s) {
  double values = 0;
  for (int i = 0; i < s->g->n_tensors; i++)
    values += s->g->tensor[i]->value || s->g->tensor[i]->rank < 0 ? 0 : (double)count(s->g->tensor[i]);
  const double steps = TRAIN_WORK / BATCH / (STAGES + 1) / (3 * (double)graph_macs(s->g) + 12 * values);
  return steps < STEPS ? (int)steps : STEPS;
}

static void end(Lesson *l) {
  for (int i = 0; i < l->n_taught; i++)
    free(l->taught[i].at), free(l->taught[i].mean), free(l->taught[i].square), free(l->taught[i].slope), free(l->taught[i].digits),
        free(l->taught[i].fixed);
  for (int k = 0; k < l->s->g->n_nodes; k++)
    gradient_free(l->back[k]);
  for (int t = 0; t < l->s->g->n_tensors; t++)
    free(l->slope[t]);
  free(l->taught), free(l->taught_of), free(l->moves), free(l->counts), free(l->back), free(l->slope);
}

bool search_train(Search *s) {
  const Graph *g = s->g;
  const size_t tensors = (size_t)g->n_tensors + 1;
  Lesson l = {.s = s,
              .taught = mem_scratch(tensors, sizeof *l.taught),
              .taught_of = mem_scratch(tensors, sizeof *l.taught_of),
              .moves = mem_scratch(tensors, sizeof *l.moves),
              .counts = mem_scratch(tensors, sizeof *l.counts),
              .back = mem_scratch((size_t)g->n_nodes + 1, sizeof(Gradient *)),
              .slope = mem_scratch(tensors, sizeof *l.slope)};
  for (int t = 0; t < g->n_tensors; t++)
    l.taught_of[t] = -1;
  const int steps = steps_of(s);
  find_taught(&l);
  if (steps < LEAST_STEPS || !find_way(&l)) {
    end(&l);
    return false;
  }
  for (int t = 0; t < g->n_tensors; t++)
    if (l.moves[t] && l.counts[t] && !g->tensor[t]->value)
      l.slope[t] = mem_scratch(CHUNK * count(g->tensor[t]) + 1, 8);
  state = 1;
  for (int stage = 0; stage <= STAGES; stage++) {
    for (int step = 0; step < steps; step++) {
      set(&l);
      for (int at = 0; at < BATCH; at += CHUNK) {
        size_t r[CHUNK];
        for (int i = 0; i < CHUNK; i++)
          r[i] = drawn(s->n_fit);
        forward(&l, r, CHUNK);
        backward(&l, r, CHUNK);
      }
      adam(&l, step, steps);
    }
    fix(&l, stage < STAGES ? SHARE[stage] : 1);
  }
  set(&l);
  s->work += steps * (TRAIN_WORK / STEPS);
  end(&l);
  return true;
}
