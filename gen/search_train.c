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
#include "parallel.h"
#include <math.h>
#include <stdlib.h>

enum { VALUE_WORK = 30, SLOW_WORK = 30 };                                    /* operations for each value of a row */
enum { STAGES = 6, STEPS = 400, LEAST_STEPS = 40, BATCH = 256, CHUNK = 64 }; /* steps of a stage */
enum { SHARE_OF_BATCH = BATCH / PARTS };
/* SHARE: of the weights, fixed after each stage; one more is for the biases. RATE: of the root mean square of the float weights of a layer,
 * for deviations of COARSE and more; less in proportion below, for Adam's steps are as long however small the slope. TRAIN_WORK: operations
 * for all steps of a point. TEMPERATURE: of both networks' probabilities, so that samples far from a border count, too (Hinton et al.,
 * section 2). */
static const double SHARE[STAGES] = {0.3, 0.55, 0.75, 0.88, 0.95, 1}, RATE = 3e-2, COARSE = 0.1, MEAN_DECAY = 0.9, SQUARE_DECAY = 0.999,
                    TRAIN_WORK = 5e10, TEMPERATURE = 4;

/* A tensor of weights or biases. */
typedef struct {
  Tensor *t;
  bool bias, word; /* word: multiplied by multipliers, so that digits do not matter */
  double rate, *at, *mean, *square;
  int *digits;
  double *fixed; /* of weights: what it is from now on; NAN: not yet */
} Taught;

enum { MOST = 64 }; /* operands and results of a node */

typedef struct {
  Search *s;
  Taught *taught;
  int n_taught, *taught_of; /* by tensor id; -1: none */
  bool *moves, *counts;     /* by tensor id: depends on what is taught; decides */
  Gradient **back;          /* by node; NULL: no slope goes through it */
} Lesson;

/* What one thread works on. */
typedef struct {
  const Lesson *l;
  size_t row[SHARE_OF_BATCH]; /* to fit */
  double **q, **slope;        /* by tensor id: CHUNK rows of values, within Search.q, and of slopes; NULL: none */
  double **sum;               /* by number of what is taught: its slopes */
} Hand;

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
  *a = (Taught){
      t, bias, word, rate, mem_scratch(n, 8), mem_scratch(n, 8), mem_scratch(n, 8), mem_scratch(n, sizeof(int)), mem_scratch(n, 8)};
  memcpy(a->at, t->rounded, n * 8);
  for (size_t e = 0; e < n && !bias; e++) {
    a->digits[e] = rdo_digits((int64_t)ldexp(t->rounded[e], t->fmt.W - t->fmt.I));
    a->fixed[e] = a->digits[e] ? (double)NAN : 0;
  }
}

static void find_taught(Lesson *l, double part) {
  const Graph *g = l->s->g;
  for (int k = 0; k < g->n_nodes; k++) {
    const Node *n = g->node[k];
    if (!weighty(n) || !n->in[1]->rounded)
      continue;
    const double rate = part * RATE * rms(n->in[1]->value, count(n->in[1])),
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
    l->back[k] = n->n_in <= MOST && n->n_out <= MOST ? gradient_new(n) : NULL;
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

/* Operands and results of a node. */
static void operands(const Hand *h, const Node *node, const double **in, double **out) {
  for (int i = 0; i < node->n_in; i++) {
    const Tensor *t = node->in[i];
    in[i] = !t ? NULL : t->value ? (t->rounded ? t->rounded : t->value) : h->q[t->id];
  }
  for (int i = 0; i < node->n_out; i++)
    out[i] = node->out[i] ? h->q[node->out[i]->id] : NULL;
}

/* The quantized network on rows row[0 .. CHUNK). */
static void forward(const Hand *h, const size_t *row) {
  const Search *s = h->l->s;
  for (int i = 0; i < s->g->n_in; i++) {
    const Tensor *t = s->g->in[i];
    const size_t m = count(t);
    for (size_t j = 0; j < CHUNK; j++)
      memcpy(h->q[t->id] + j * m, s->f[t->id] + row[j] * m, m * 8);
    round_rows(t, h->q[t->id], CHUNK);
  }
  for (int k = 0; k < s->g->n_nodes; k++) {
    const Node *node = s->g->node[k];
    if (!runs(h->l, node))
      continue;
    if (h->l->back[k]) {
      const double *in[MOST];
      double *out[MOST];
      operands(h, node, in, out);
      gradient_run(h->l->back[k], CHUNK, in, out);
      for (int i = 0; i < node->n_out; i++)
        if (node->out[i])
          round_rows(node->out[i], h->q[node->out[i]->id], CHUNK);
    } else {
      run_rounded(node, h->q, CHUNK);
    }
  }
}

/* The slope of the loss of one row by the outputs: y of the quantized, want of the float network. */
static void loss_slope(const Search *s, const double *y, const double *want, double *slope) {
  const size_t m = count(s->y);
  const double T = s->temperature * TEMPERATURE;
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
  double *lo = mem_scratch(2 * m, 8), *hi = lo + m; /* by element */
  for (size_t e = 0; e < m; e++) {
    const Format f = t->each ? t->each[e] : t->fmt;
    lo[e] = f.W ? ldexp((double)format_min(f), f.I - f.W) : 0, hi[e] = f.W ? ldexp((double)format_max(f), f.I - f.W) : 0;
  }
  for (size_t r = 0; r < n; r++)
    for (size_t e = 0; e < m; e++)
      slope[r * m + e] = value[r * m + e] <= lo[e] || value[r * m + e] >= hi[e] ? 0 : slope[r * m + e];
  free(lo);
}

static void backward(const Hand *h, const size_t *row) {
  const Lesson *l = h->l;
  const Search *s = l->s;
  const int y = s->y->id;
  const size_t m = count(s->y);
  for (int t = 0; t < s->g->n_tensors; t++)
    if (h->slope[t])
      memset(h->slope[t], 0, CHUNK * count(s->g->tensor[t]) * 8);
  for (size_t j = 0; j < CHUNK; j++)
    loss_slope(s, h->q[y] + j * m, s->f[y] + row[j] * m, h->slope[y] + j * m);
  for (int k = s->g->n_nodes - 1; k >= 0; k--) {
    const Node *node = s->g->node[k];
    if (!l->back[k])
      continue;
    const double *in[MOST], *dy[MOST];
    double *out[MOST], *dx[MOST];
    operands(h, node, in, out);
    for (int i = 0; i < node->n_out; i++) {
      const Tensor *t = node->out[i];
      dy[i] = t ? h->slope[t->id] : NULL;
      if (dy[i])
        stop_limited(t, out[i], h->slope[t->id], CHUNK);
    }
    for (int i = 0; i < node->n_in; i++) {
      const Tensor *t = node->in[i];
      const int taught = t ? l->taught_of[t->id] : -1;
      dx[i] = taught >= 0 ? h->sum[taught] : t ? h->slope[t->id] : NULL;
    }
    gradient_back(l->back[k], CHUNK, in, (const double *const *)out, dy, dx);
  }
}

/* Slopes of a part of a batch, into the sums of a hand. */
static void batch(void *ctx, int part) {
  const Hand *h = (const Hand *)ctx + part;
  for (int at = 0; at < SHARE_OF_BATCH; at += CHUNK)
    forward(h, h->row + at), backward(h, h->row + at);
}

/* Step so many of a stage. */
typedef struct {
  const Lesson *l;
  const Hand *hand;
  double fall, mean_bias, square_bias;
  bool first;
} Step;

static void adam_part(void *ctx, int part) {
  const Step *s = ctx;
  for (int i = 0; i < s->l->n_taught; i++) {
    const Taught *a = &s->l->taught[i];
    for (size_t e = part_start(count(a->t), part); e < part_start(count(a->t), part + 1); e++) {
      double d = 0;
      for (int h = 0; h < PARTS; h++)
        d += s->hand[h].sum[i][e] / BATCH, s->hand[h].sum[i][e] = 0;
      if (s->first)
        a->mean[e] = a->square[e] = 0;
      a->mean[e] = MEAN_DECAY * a->mean[e] + (1 - MEAN_DECAY) * d;
      a->square[e] = SQUARE_DECAY * a->square[e] + (1 - SQUARE_DECAY) * d * d;
      a->at[e] -= a->rate * s->fall * a->mean[e] / s->mean_bias / (sqrt(a->square[e] / s->square_bias) + 1e-8);
    }
  }
}

static void adam(const Lesson *l, const Hand *hand, int step, int steps) {
  const double pi = 3.14159265358979323846;
  Step s = {l, hand, 0.5 * (1 + cos(pi * step / steps)), 1 - pow(MEAN_DECAY, step + 1), 1 - pow(SQUARE_DECAY, step + 1), step == 0};
  in_parts(adam_part, &s);
}

static int steps_of(const Search *s) {
  double work = 0;
  for (int i = 0; i < s->g->n_tensors; i++)
    work += s->g->tensor[i]->value || s->g->tensor[i]->rank < 0 ? 0 : VALUE_WORK * (double)count(s->g->tensor[i]);
  for (int k = 0; k < s->g->n_nodes; k++) {
    const Node *n = s->g->node[k];
    double weights = 0;
    if (n->op != OP_Relu && n->out[0]) /* evaluated sample by sample, to either side */
      work += SLOW_WORK * (double)count(n->out[0]);
    if (!weighty(n) || !n->in[1]->rounded)
      continue;
    for (size_t e = 0; e < count(n->in[1]); e++)
      weights += windowed(n) || n->in[1]->rounded[e] != 0;
    work += 3 * weights *
            (windowed(n) ? (double)count(n->out[0]) / (double)n->out[0]->dim[1]
                         : (double)count(n->out[0]) / (double)n->out[0]->dim[n->out[0]->rank - 1]);
  }
  const double steps = TRAIN_WORK / BATCH / (STAGES + 1) / work;
  return steps < STEPS ? (int)steps : STEPS;
}

static Hand *hands(const Lesson *l) {
  Hand *hand = mem_scratch(PARTS, sizeof *hand);
  const Graph *g = l->s->g;
  for (size_t h = 0; h < PARTS; h++) {
    hand[h].l = l;
    hand[h].q = mem_scratch((size_t)g->n_tensors + 1, sizeof(double *));
    hand[h].slope = mem_scratch((size_t)g->n_tensors + 1, sizeof(double *));
    hand[h].sum = mem_scratch((size_t)l->n_taught + 1, sizeof(double *));
    for (int t = 0; t < g->n_tensors; t++) {
      const size_t n = CHUNK * (g->tensor[t]->rank < 0 ? 0 : count(g->tensor[t]));
      hand[h].q[t] = l->s->q[t] ? l->s->q[t] + h * n : NULL;
      if (l->moves[t] && l->counts[t] && !g->tensor[t]->value)
        hand[h].slope[t] = mem_scratch(n + 1, 8);
    }
    for (int i = 0; i < l->n_taught; i++)
      hand[h].sum[i] = mem_scratch(count(l->taught[i].t) + 1, 8);
  }
  return hand;
}

static void end(Lesson *l, Hand *hand) {
  for (size_t h = 0; hand && h < PARTS; h++) {
    for (int t = 0; t < l->s->g->n_tensors; t++)
      free(hand[h].slope[t]);
    for (int i = 0; i < l->n_taught; i++)
      free(hand[h].sum[i]);
    free(hand[h].q), free(hand[h].slope), free(hand[h].sum);
  }
  free(hand);
  for (int i = 0; i < l->n_taught; i++)
    free(l->taught[i].at), free(l->taught[i].mean), free(l->taught[i].square), free(l->taught[i].digits), free(l->taught[i].fixed);
  for (int k = 0; k < l->s->g->n_nodes; k++)
    gradient_free(l->back[k]);
  free(l->taught), free(l->taught_of), free(l->moves), free(l->counts), free(l->back);
}

bool search_train(Search *s, double deviation) {
  const Graph *g = s->g;
  const size_t tensors = (size_t)g->n_tensors + 1;
  Lesson l = {.s = s,
              .taught = mem_scratch(tensors, sizeof *l.taught),
              .taught_of = mem_scratch(tensors, sizeof *l.taught_of),
              .moves = mem_scratch(tensors, sizeof *l.moves),
              .counts = mem_scratch(tensors, sizeof *l.counts),
              .back = mem_scratch((size_t)g->n_nodes + 1, sizeof(Gradient *))};
  for (int t = 0; t < g->n_tensors; t++)
    l.taught_of[t] = -1;
  const int steps = steps_of(s);
  find_taught(&l, fmin(1, deviation / COARSE));
  if (steps < LEAST_STEPS || s->n < PARTS * CHUNK || !find_way(&l)) {
    end(&l, NULL);
    return false;
  }
  Hand *hand = hands(&l);
  uint64_t state = 1;
  for (int stage = 0; stage <= STAGES; stage++) {
    for (int step = 0; step < steps; step++) {
      set(&l);
      for (int i = 0; i < BATCH; i++)
        hand[i / SHARE_OF_BATCH].row[i % SHARE_OF_BATCH] = (size_t)(uniform_next(&state) * (double)s->n_fit);
      in_parts(batch, hand);
      adam(&l, hand, step, steps);
    }
    fix(&l, stage < STAGES ? SHARE[stage] : 1);
  }
  set(&l);
  end(&l, hand);
  return true;
}
