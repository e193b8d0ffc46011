/* SPDX-License-Identifier: Apache-2.0
 *
 * search_round.c - the weights of a layer, and of all that share them, go to rdo.c with the inputs that they meet.
 */
#include "search_in.h"
#include "window.h"
#include <math.h>
#include <stdlib.h>

enum { MAX_ROWS = 6000 };

bool windowed(const Node *n) {
  return n->op == OP_Conv || n->op == OP_ConvTranspose;
}

bool weighty(const Node *n) {
  if (windowed(n))
    return n->in[1]->value && !n->in[0]->value && (n->n_in < 3 || !n->in[2] || n->in[2]->value);
  return (n->op == OP_Gemm || n->op == OP_MatMul) && n->in[1]->value && !n->in[0]->value && n->in[1]->rank == 2 &&
         !(n->op == OP_Gemm &&
           (attr_int(n, "transA", 0) || attr_float(n, "alpha", 1) != 1 || (n->n_in > 2 && n->in[2] && attr_float(n, "beta", 1) != 1)));
}

int sharers(const Graph *g, int k, int *member) {
  const Node *n = g->node[k];
  int found = 0;
  if (!weighty(n))
    return 0;
  for (int i = 0; i < g->n_nodes; i++) {
    const Node *m = g->node[i];
    if (!weighty(m) || m->in[1] != n->in[1] || m->op != n->op || m->n_in != n->n_in || (n->n_in > 2 && m->in[2] != n->in[2]) ||
        attr_int(m, "transB", 0) != attr_int(n, "transB", 0))
      continue;
    if (member)
      member[found] = i;
    found++;
  }
  if (windowed(n) && found > 1)
    return 0;
  return graph_uses(g, n->in[1], NULL) == found ? found : 0;
}

/* The matrix of a layer: of a convolution, of one of its groups. */
typedef struct {
  int rows, cols, groups, group;
  size_t positions; /* products with it in one sample */
  bool transposed;  /* weights lie by column */
  int taps;         /* rows that lie side by side where they do not */
} Matrix;

static Matrix matrix_of(const Node *n) {
  const Tensor *w = n->in[1];
  Matrix m = {.groups = 1, .taps = 1};
  if (n->op == OP_ConvTranspose) {
    m.groups = (int)attr_int(n, "group", 1);
    m.cols = (int)w->dim[1];
    m.taps = (int)(count(w) / (size_t)w->dim[0] / (size_t)w->dim[1]);
    m.rows = (int)w->dim[0] / m.groups * m.taps;
    m.positions = count(n->out[0]) / (size_t)(m.cols * m.groups);
  } else if (n->op == OP_Conv) {
    m.groups = (int)attr_int(n, "group", 1);
    m.cols = (int)w->dim[0] / m.groups;
    m.rows = (int)(count(w) / (size_t)w->dim[0]);
    m.transposed = true;
    m.positions = count(n->out[0]) / (size_t)w->dim[0];
  } else {
    m.transposed = n->op == OP_Gemm && attr_int(n, "transB", 0);
    m.cols = (int)w->dim[m.transposed ? 0 : 1];
    m.rows = (int)(count(w) / (size_t)m.cols);
    m.positions = count(n->out[0]) / (size_t)m.cols;
  }
  return m;
}

static size_t weight_at(const Matrix *m, int i, int j) {
  size_t first = (size_t)m->group * (size_t)m->rows * (size_t)m->cols;
  return first + (size_t)(m->transposed ? j * m->rows + i : (i / m->taps * m->cols + j) * m->taps + i % m->taps);
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

/* Which of the products of one sample each are taken: all, or as many as make MAX_ROWS. */
static size_t stride_of(const Matrix *m, size_t fit) {
  return m->positions > 1 ? stride_through(m->positions, fit * m->positions / MAX_ROWS + 1) : 1;
}

static size_t rows_fitted(const Matrix *m, size_t fit) {
  size_t stride = stride_of(m, fit);
  return (fit * m->positions + stride - 1) / stride;
}

/* Whether no price changes t: inputs as they are, moved at most. */
static bool of_inputs(const Tensor *t) {
  const Node *n = t->producer;
  bool all = n ? op_info[n->op].kind == KIND_MOVE : !t->each;
  for (int i = 0; n && all && i < n->n_in; i++)
    all = !n->in[i] || n->in[i]->value || of_inputs(n->in[i]);
  return all;
}

/* Whether what layer k is fitted to is the same at each price. */
static bool reads_inputs(const Search *s, int k) {
  return of_inputs(s->g->node[k]->in[0]) && sharers(s->g, k, NULL) == 1 && matrix_of(s->g->node[k]).groups == 1;
}

double round_work(const Search *s, int k, size_t fit) {
  Matrix m = matrix_of(s->g->node[k]);
  double rows = m.rows, cols = m.cols, products = (double)rows_fitted(&m, fit);
  if (reads_inputs(s, k))
    return products * rows + 3 * cols * rows * rows;
  return m.groups * (products * rows * (rows / 2 + cols) + 2 * rows * rows * rows + 6 * cols * rows * rows);
}

void round_end(Search *s) {
  for (int k = 0; s->fit && k < s->g->n_nodes; k++)
    rdo_fit_free(s->fit[k]);
  s->fit = NULL;
}

/* Input i of the matrix and its results at each position: element numbers; -1: padding. */
static void geometry(const Node *n, const Matrix *m, int64_t *from, int64_t *to) {
  if (!windowed(n)) {
    for (size_t p = 0; p < m->positions; p++) {
      for (int i = 0; i < m->rows; i++)
        from[p * (size_t)m->rows + (size_t)i] = (int64_t)p * m->rows + i;
      for (int j = 0; j < m->cols; j++)
        to[p * (size_t)m->cols + (size_t)j] = (int64_t)p * m->cols + j;
    }
    return;
  }
  Window w;
  window_of(n, &w);
  int64_t taps = window_taps(&w), in = window_in(&w), out = window_out(&w), C = m->rows / taps, at[MAX_SPATIAL] = {0};
  for (size_t p = 0; p < m->positions; p++, window_next(w.axes, w.out, at)) {
    int64_t batch = (int64_t)p / out, tap[MAX_SPATIAL] = {0};
    for (int64_t t = 0; t < taps; t++, window_next(w.axes, w.kernel, tap)) {
      int64_t source = window_source(&w, at, tap);
      for (int64_t c = 0; c < C; c++)
        from[p * (size_t)m->rows + (size_t)(c * taps + t)] = source < 0 ? -1 : ((batch * m->groups + m->group) * C + c) * in + source;
    }
    for (int j = 0; j < m->cols; j++)
      to[p * (size_t)m->cols + (size_t)j] = ((batch * m->groups + m->group) * m->cols + j) * out + (int64_t)p % out;
  }
}

LayerPrice price_of(const Search *s, int k) {
  if (s->layer)
    return s->layer[k];
  const Node *n = s->g->node[k];
  double share = 1; /* each weight of a ConvTranspose serves as many positions as its input has */
  if (n->op == OP_ConvTranspose)
    share = (double)count(n->in[0]) / (double)n->in[0]->dim[1] * (double)n->out[0]->dim[1] / (double)count(n->out[0]);
  return (LayerPrice){share, 0};
}

void each_product(const Node *n, ProductFn *f, void *ctx) {
  Matrix m = matrix_of(n);
  int64_t *from = mem_scratch(m.positions * (size_t)m.rows, sizeof *from), *to = mem_scratch(m.positions * (size_t)m.cols, sizeof *to);
  for (m.group = 0; m.group < m.groups; m.group++) {
    geometry(n, &m, from, to);
    for (size_t p = 0; p < m.positions; p++)
      for (int j = 0; j < m.cols; j++)
        for (int i = 0; i < m.rows; i++)
          f(ctx, to[p * (size_t)m.cols + (size_t)j], from[p * (size_t)m.rows + (size_t)i], (int64_t)weight_at(&m, i, j));
  }
  free(from), free(to);
}

/* Inputs, float results and weights of rows, one after the other; `ahead`: inputs as the float network has them, rounded, where the
 * quantized one has not come yet. */
static void collect(const Search *s, const Node *n, const Matrix *m, bool ahead, double *x, double *z, double *weight) {
  size_t rows = (size_t)m->rows, cols = (size_t)m->cols, stride = stride_of(m, s->n_fit), mx = count(n->in[0]), mz = count(n->out[0]),
         at = 0;
  int64_t *from = mem_scratch(m->positions * rows, sizeof *from), *to = mem_scratch(m->positions * cols, sizeof *to);
  const double *value = (ahead ? s->f : s->q)[n->in[0]->id], *of = s->weight[n->out[0]->id];
  geometry(n, m, from, to);
  for (size_t r = 0; r < s->n_fit * m->positions; r += stride, at++) {
    size_t p = r % m->positions, sample = r / m->positions;
    for (size_t i = 0; i < rows; i++) {
      int64_t e = from[p * rows + i];
      x[at * rows + i] = e < 0 ? 0 : value[sample * mx + (size_t)e];
      Format f = ahead ? stored(n->in[0], (int64_t)i) : (Format){0};
      if (f.W)
        x[at * rows + i] = to_format(x[at * rows + i], f);
    }
    for (size_t j = 0; j < cols; j++)
      z[at * cols + j] = s->f[n->out[0]->id][sample * mz + (size_t)to[p * cols + j]];
    weight[at] = of ? of[sample] : 1;
  }
  free(from), free(to);
}

/* Width of the values as they occur, in steps of the coarsest power of two that they are all multiples of. */
static int bits_used(const double *x, size_t n, size_t stride) {
  double lo = 0, hi = 0, up = 1;
  for (size_t i = 0; i < n; i++) {
    double v = x[i * stride];
    lo = fmin(lo, v), hi = fmax(hi, v);
    while (v * up != floor(v * up) && up < 0x1p40)
      up *= 2;
  }
  while (up > 0x1p-40 && (hi != 0 || lo != 0)) {
    bool all = true;
    for (size_t i = 0; all && i < n; i++)
      all = x[i * stride] * up / 2 == floor(x[i * stride] * up / 2);
    if (!all)
      break;
    up /= 2;
  }
  return lo == 0 && hi == 0 ? 0 : hir_width_of((i128)(lo * up), (i128)(hi * up));
}

/* A bias in steps of its format, which widens where it must: compensation asks for more than the float network's, and a constant's width
 * costs nothing. */
static double bias_to_format(double x, Tensor *bias) {
  Format *f = &bias->fmt;
  while (f->W < 40 && (x < ldexp((double)format_min(*f), f->I - f->W) || x > ldexp((double)format_max(*f), f->I - f->W)))
    f->W++, f->I++;
  return to_format(x, *f);
}

static void round_matrix(Search *s, const int *member, int members, int group, double price, bool ahead) {
  Node *n = s->g->node[member[0]];
  Tensor *w = n->in[1], *bias = n->op != OP_MatMul && n->n_in > 2 ? n->in[2] : NULL;
  Matrix m = matrix_of(n);
  const LayerPrice of_layer = price_of(s, member[0]);
  m.group = group;
  int cols = m.cols, rows = m.rows;
  size_t total = 0, cells = (size_t)rows * (size_t)cols;
  for (int i = 0; i < members; i++) {
    Matrix of = matrix_of(s->g->node[member[i]]);
    total += rows_fitted(&of, s->n_fit);
  }
  double *weights = mem_scratch(cells, 8), *q = mem_scratch(cells, 8), *means = mem_scratch((size_t)cols, 8),
         *gain = mem_scratch((size_t)cols, 8), *x = mem_scratch(total * (size_t)rows, 8), *z = mem_scratch(total * (size_t)cols, 8),
         *weight = mem_scratch(total, 8);
  int *bits = mem_scratch((size_t)rows, sizeof *bits);
  for (int i = 0, at = 0; i < members; i++) {
    const Node *one = s->g->node[member[i]];
    Matrix of = matrix_of(one);
    of.group = group;
    collect(s, one, &of, ahead && i, x + (size_t)at * (size_t)rows, z + (size_t)at * (size_t)cols, weight + at);
    at += (int)rows_fitted(&of, s->n_fit);
    for (int j = 0; j < cols; j++) /* of one position */
      gain[j] += s->gain[one->out[0]->id][group * cols + j] / members / (double)of.positions;
  }
  for (int i = 0; i < rows; i++) {
    bits[i] = bits_used(x + i, total, (size_t)rows);
    for (int j = 0; j < cols; j++)
      weights[i * cols + j] = w->value[weight_at(&m, i, j)];
  }
  RdoLayer l = {.rows = rows,
                .cols = cols,
                .n = total,
                .x = x,
                .z = z,
                .weight = weight,
                .w = weights,
                .gain = gain,
                .bits = bits,
                .zeros_stay = options_prune(s->o),
                .fmt = w->fmt,
                .word = of_layer.word,
                .price = price * of_layer.share};
  RdoFit *fit = s->fit && s->fit[member[0]] ? s->fit[member[0]] : rdo_fit(&l);
  rdo_round(&l, fit, q, means);
  if (reads_inputs(s, member[0])) {
    if (!s->fit)
      s->fit = mem_array((size_t)s->g->n_nodes, sizeof(RdoFit *));
    s->fit[member[0]] = fit;
  } else {
    rdo_fit_free(fit);
  }
  if (!w->rounded)
    w->rounded = mem_array(count(w), 8);
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < cols; j++)
      w->rounded[weight_at(&m, i, j)] = q[i * cols + j];
  if (bias && bias->value && count(bias) == (size_t)(cols * m.groups)) {
    if (!bias->rounded)
      bias->rounded = mem_array(count(bias), 8);
    for (int j = 0; j < cols; j++)
      bias->rounded[group * cols + j] = bias_to_format(means[j], bias);
  }
  free(weights), free(q), free(means), free(gain), free(x), free(z), free(weight), free(bits);
}

/* Later steps of a recurrent layer read what earlier ones make of the rounded weights: those are found on the float network's values first,
 * then on the quantized network's. */
void round_shared(Search *s, int k, double price) {
  int *member = mem_scratch((size_t)s->g->n_nodes, sizeof *member), members = sharers(s->g, k, member);
  for (int group = 0; members && member[0] == k && group < matrix_of(s->g->node[k]).groups; group++)
    round_matrix(s, member, members, group, price, members > 1);
  if (members > 1 && member[0] == k) {
    for (int i = k; i <= member[members - 1]; i++)
      run_rounded(s->g->node[i], s->q, s->n_fit);
    round_matrix(s, member, members, 0, price, false);
  }
  free(member);
}

void refit_bias(Search *s, const Node *n) {
  Tensor *c = n->in[0]->value ? n->in[0] : n->in[1], *x = n->in[0]->value ? n->in[1] : n->in[0], *y = n->out[0];
  size_t m = count(c);
  if (!c->value || x->value || !x->exact || !x->producer || !weighty(x->producer) || count(x) % m || count(y) != count(x) || s->o->W < 2)
    return;
  double *mean = mem_scratch(m, 8), rows = (double)(s->n_fit * (count(x) / m));
  const double *weight = s->weight[x->id];
  for (size_t e = 0; e < s->n_fit * count(x); e++)
    mean[e % m] += (weight ? weight[e / count(x)] : 1) * (s->f[y->id][e] - s->q[x->id][e]) / rows;
  if (!c->rounded)
    c->rounded = mem_array(m, 8);
  for (size_t e = 0; e < m; e++)
    c->rounded[e] = bias_to_format(mean[e], c);
  free(mean);
}
