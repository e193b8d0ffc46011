/* SPDX-License-Identifier: Apache-2.0
 *
 * rdo.c - rate-distortion rounding of one dense layer.
 *
 * Minimised for each neuron: gain * (q - w*)' H (q - w*) + price * sum of digits(q_i) * (bits_i + 2), with H the centred second moments of
 * the inputs as quantized so far and w* the least-squares refit of the float layer's results on them. First one weight after the other, the
 * error of each made up for by the weights to come (optimal brain surgeon in the order of Frantar et al., GPTQ, arXiv 2210.17323); then
 * coordinate descent. Rounding, pruning and the choice of signed digits are one step, since zero is a value and digits have a price.
 */
#include "rdo.h"
#include "parallel.h"
#include <math.h>
#include <stdlib.h>

enum { MAX_DIGITS = 6, SWEEPS = 4 };
enum { BLOCK = 32 }; /* samples that are added to a row before the next row, which stays in the cache meanwhile */

int rdo_digits(int64_t w) {
  int n = 0;
  for (w = w < 0 ? -w : w; w; w >>= 1)
    if (w & 1) {
      w += (w & 3) == 3 ? 1 : -1;
      n++;
    }
  return n;
}

/* The largest power of two, or that above it, whichever is nearer; size >= 1. */
static double nearest_power(double size) {
  const double p = exp2(floor(log2(size)));
  return size > 1.5 * p ? 2 * p : p;
}

double rdo_nearest(double t, int digits, double least, double most) {
  double v = 0;
  for (int d = 0; d < digits; d++) {
    const double rest = t - v;
    if (fabs(rest) < 0.5 && d)
      break;
    v += copysign(nearest_power(fmax(fabs(rest), 1)), rest);
  }
  if (v == 0)
    v = copysign(1, t);
  if (v > most || v < least) {
    v = v > most ? most : least;
    if (rdo_digits((int64_t)v) > digits)
      v = copysign(exp2(floor(log2(fabs(v)))), v);
  }
  return v;
}

/* Integer v of the format with the least a * (t - v)^2 + b * digits(v): zero, the nearest, and those between with fewer digits. word: see
 * RdoLayer. */
static double choose(double t, double a, double b, double least, double most, int word) {
  double best = 0, cost = a * t * t, v = 0;
  double nearest = fmin(fmax(floor(t + 0.5), least), most);
  for (int d = 0; d <= MAX_DIGITS; d++) {
    double rest = t - v, size = fabs(rest);
    if (d == MAX_DIGITS || size < 1) {
      v = nearest;
    } else {
      v += copysign(nearest_power(size), rest);
    }
    double u = fmin(fmax(v, least), most), c = a * (t - u) * (t - u) + b * (word ? (u != 0) * word : rdo_digits((int64_t)u));
    if (c < cost)
      best = u, cost = c;
    if (v == nearest)
      break;
  }
  return best;
}

/* a: n x n, symmetric, positive: becomes its lower Cholesky factor. */
static void cholesky(double *a, int n) {
  for (int j = 0; j < n; j++)
    for (int i = j; i < n; i++) {
      double s = a[i * n + j];
      for (int k = 0; k < j; k++)
        s -= a[i * n + k] * a[j * n + k];
      a[i * n + j] = i == j ? sqrt(fmax(s, 1e-300)) : s / a[j * n + j];
    }
}

/* Solves L L' x = b in place; L lower. */
static void solve(const double *l, int n, double *b) {
  for (int i = 0; i < n; i++) {
    for (int k = 0; k < i; k++)
      b[i] -= l[i * n + k] * b[k];
    b[i] /= l[i * n + i];
  }
  for (int i = n - 1; i >= 0; i--) {
    b[i] /= l[i * n + i];
    for (int k = 0; k < i; k++)
      b[k] -= l[i * n + k] * b[i];
  }
}

typedef struct {
  int n;
  double *h;  /* second moments, with ridge */
  double *u;  /* upper: inverse of h is u' u, in the order of `order` */
  int *order; /* inputs by falling second moment */
  double *mean_x;
  double ridge; /* in h: constant inputs make it singular */
} Moments;

typedef struct {
  const double *low;
  int n;
  double *u;
} Inverse;

static void inverse_part(void *ctx, int part) {
  const Inverse *v = ctx;
  const int n = v->n;
  double *column = mem_scratch((size_t)n, 8);
  for (int j = part; j < n; j += PARTS) {
    for (int i = 0; i < n; i++)
      column[i] = i == j;
    solve(v->low, n, column);
    for (int i = 0; i < n; i++)
      v->u[i * n + j] = column[i];
  }
  free(column);
}

/* u: upper (the rest: its mirror image), inverse of h is u' u, rows and columns in that order. */
static void factor_inverse(const double *h, int n, const int *order, double *u) {
  double *low = mem_scratch((size_t)n * (size_t)n, 8);
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++)
      low[i * n + j] = h[order[i] * n + order[j]];
  cholesky(low, n);
  in_parts(inverse_part, &(Inverse){low, n, u});
  cholesky(u, n);
  for (int i = 0; i < n; i++)
    for (int j = 0; j < i; j++)
      u[j * n + i] = u[i * n + j];
  free(low);
}

static const double *sort_key;
static int by_moment(const void *a, const void *b) {
  int i = *(const int *)a, j = *(const int *)b;
  return sort_key[i] != sort_key[j] ? (sort_key[i] < sort_key[j] ? 1 : -1) : i - j;
}

static double share(const RdoLayer *l, size_t sample) {
  return (l->weight ? l->weight[sample] : 1) / (double)l->n;
}

typedef struct {
  const RdoLayer *l;
  Moments *m;
} Products;

/* Lower half, every other row. */
static void products_part(void *ctx, int part) {
  const RdoLayer *l = ((const Products *)ctx)->l;
  Moments *m = ((const Products *)ctx)->m;
  const int n = l->rows;
  for (size_t block = 0; block < l->n; block += BLOCK)
    for (int i = part; i < n; i += PARTS)
      for (size_t s = block; s < l->n && s < block + BLOCK; s++) {
        const double *x = l->x + s * (size_t)n, xi = share(l, s) * (x[i] - m->mean_x[i]);
        for (int j = 0; xi != 0 && j <= i; j++)
          m->h[i * n + j] += xi * (x[j] - m->mean_x[j]);
      }
}

static Moments moments(const RdoLayer *l) {
  int n = l->rows;
  size_t cells = (size_t)n * (size_t)n;
  Moments m = {.n = n,
               .h = mem_scratch(cells, 8),
               .u = mem_scratch(cells, 8),
               .order = mem_scratch((size_t)n, sizeof(int)),
               .mean_x = mem_scratch((size_t)n, 8)};
  double *diagonal = mem_scratch((size_t)n, 8), mean = 0;
  for (size_t s = 0; s < l->n; s++)
    for (int i = 0; i < n; i++)
      m.mean_x[i] += share(l, s) * l->x[s * (size_t)n + (size_t)i];
  in_parts(products_part, &(Products){l, &m});
  for (int i = 0; i < n; i++)
    mean += m.h[i * n + i] / n;
  m.ridge = 1e-3 * mean + 1e-12;
  for (int i = 0; i < n; i++) {
    m.h[i * n + i] += m.ridge;
    diagonal[i] = m.h[i * n + i];
    m.order[i] = i;
    for (int j = 0; j < i; j++)
      m.h[j * n + i] = m.h[i * n + j];
  }
  sort_key = diagonal;
  qsort(m.order, (size_t)n, sizeof(int), by_moment);
  factor_inverse(m.h, n, m.order, m.u);
  free(diagonal);
  return m;
}

typedef struct {
  const RdoLayer *l;
  const Moments *m;
  const double *mean_z;
  double *factor, *b, *target;
} Refit;

/* Every other row of the mean of (x - mean x)(z - mean z)'. */
static void slopes_part(void *ctx, int part) {
  const Refit *r = ctx;
  const RdoLayer *l = r->l;
  const int n = l->rows, cols = l->cols;
  for (size_t block = 0; block < l->n; block += BLOCK)
    for (int i = part; i < n; i += PARTS)
      for (size_t s = block; s < l->n && s < block + BLOCK; s++) {
        const double xi = share(l, s) * (l->x[s * (size_t)n + (size_t)i] - r->m->mean_x[i]), *restrict z = l->z + s * (size_t)cols,
                     *restrict mean = r->mean_z;
        double *restrict b = r->b + (size_t)i * (size_t)cols;
        for (int j = 0; xi != 0 && j < cols; j++)
          b[j] += xi * (z[j] - mean[j]);
      }
}

/* Every other column of w*. */
static void refit_part(void *ctx, int part) {
  const Refit *r = ctx;
  const RdoLayer *l = r->l;
  const int n = l->rows, cols = l->cols;
  double *column = mem_scratch((size_t)n, 8);
  for (int j = part; j < cols; j += PARTS) {
    for (int i = 0; i < n; i++) {
      column[i] = r->b[i * cols + j] + r->m->ridge * l->w[i * cols + j]; /* the ridge holds the change small, not the weight */
      for (int k = 0; k < n; k++)
        column[i] -= r->m->h[i * n + k] * l->w[k * cols + j];
    }
    solve(r->factor, n, column);
    for (int i = 0; i < n; i++)
      r->target[i * cols + j] = l->w[i * cols + j] + column[i];
  }
  free(column);
}

/* w* = w + h^-1 * mean of (x - mean x)(z - x w)' */
static void refit(const RdoLayer *l, const Moments *m, const double *mean_z, double *target) {
  const size_t n = (size_t)l->rows;
  Refit r = {l, m, mean_z, mem_scratch(n * n, 8), mem_scratch(n * (size_t)l->cols, 8), target};
  memcpy(r.factor, m->h, n * n * 8);
  cholesky(r.factor, l->rows);
  in_parts(slopes_part, &r);
  in_parts(refit_part, &r);
  free(r.factor), free(r.b);
}

/* One neuron, in steps of the format. */
static void neuron(const RdoLayer *l, const Moments *m, int j, const double *target, double step, double *q) {
  int n = l->rows;
  double least = l->fmt.is_signed ? -exp2(l->fmt.W - 1) : 0, most = exp2(l->fmt.W - l->fmt.is_signed) - 1;
  double *w = mem_scratch((size_t)n, 8), *g = mem_scratch((size_t)n, 8), scale = l->gain[j] * step * step;
  for (int i = 0; i < n; i++)
    w[i] = target[m->order[i] * l->cols + j] / step;
  for (int i = 0; i < n; i++) {
    int row = m->order[i];
    double u = m->u[i * n + i], v = choose(w[i], scale / (u * u), l->price * (l->bits[row] + 2), least, most, l->word), err;
    if (l->zeros_stay && l->w[row * l->cols + j] == 0)
      v = 0;
    err = (w[i] - v) / u;
    q[row] = v;
    for (int k = i + 1; k < n; k++)
      w[k] -= err * m->u[i * n + k];
  }
  for (int i = 0; i < n; i++)
    for (int k = 0; k < n; k++)
      g[i] += m->h[i * n + k] * (q[k] - target[k * l->cols + j] / step);
  for (int sweep = 0, moved = 1; sweep < SWEEPS && moved; sweep++) {
    moved = 0;
    for (int i = 0; i < n; i++) {
      double h = m->h[i * n + i], v = choose(q[i] - g[i] / h, scale * h, l->price * (l->bits[i] + 2), least, most, l->word), by = v - q[i];
      if (by == 0 || (l->zeros_stay && l->w[i * l->cols + j] == 0))
        continue;
      moved = 1;
      q[i] = v;
      for (int k = 0; k < n; k++)
        g[k] += m->h[i * n + k] * by;
    }
  }
  free(w), free(g);
}

struct RdoFit {
  Moments m;
  double *target, *mean_z;
};

RdoFit *rdo_fit(const RdoLayer *l) {
  RdoFit *f = mem_scratch(1, sizeof *f);
  *f = (RdoFit){moments(l), mem_scratch((size_t)l->rows * (size_t)l->cols, 8), mem_scratch((size_t)l->cols, 8)};
  for (size_t s = 0; s < l->n; s++)
    for (int j = 0; j < l->cols; j++)
      f->mean_z[j] += share(l, s) * l->z[s * (size_t)l->cols + (size_t)j];
  refit(l, &f->m, f->mean_z, f->target);
  return f;
}

void rdo_fit_free(RdoFit *f) {
  if (!f)
    return;
  free(f->m.h), free(f->m.u), free(f->m.order), free(f->m.mean_x), free(f->target), free(f->mean_z), free(f);
}

typedef struct {
  const RdoLayer *l;
  const RdoFit *f;
  double *q, *bias;
} Rounding;

static void round_part(void *ctx, int part) {
  const Rounding *r = ctx;
  const RdoLayer *l = r->l;
  const double step = ldexp(1, l->fmt.I - l->fmt.W);
  double *one = mem_scratch((size_t)l->rows, 8);
  for (int j = part; j < l->cols; j += PARTS) {
    neuron(l, &r->f->m, j, r->f->target, step, one);
    r->bias[j] = r->f->mean_z[j];
    for (int i = 0; i < l->rows; i++) {
      r->q[i * l->cols + j] = one[i] * step;
      r->bias[j] -= r->f->m.mean_x[i] * one[i] * step;
    }
  }
  free(one);
}

double rdo_round(const RdoLayer *l, const RdoFit *f, double *q, double *bias) {
  double cost = 0;
  in_parts(round_part, &(Rounding){l, f, q, bias});
  for (int i = 0; i < l->rows; i++)
    for (int j = 0; j < l->cols; j++)
      cost += rdo_digits((int64_t)ldexp(q[i * l->cols + j], l->fmt.W - l->fmt.I)) * (l->bits[i] + 2);
  return cost;
}

double rdo_layer(const RdoLayer *l, double *q, double *bias) {
  RdoFit *f = rdo_fit(l);
  const double cost = rdo_round(l, f, q, bias);
  rdo_fit_free(f);
  return cost;
}

/* ---- parameters of a whole network ---- */

void rdo_solve(const double *h, int n, const double *slope, double *x) {
  double *factor = mem_scratch((size_t)n * (size_t)n, 8), *by = mem_scratch((size_t)n, 8);
  memcpy(factor, h, (size_t)n * (size_t)n * 8);
  memcpy(by, slope, (size_t)n * 8);
  cholesky(factor, n);
  solve(factor, n, by);
  for (int i = 0; i < n; i++)
    x[i] -= by[i];
  free(factor), free(by);
}

void rdo_vector(const RdoVector *v, double *q) {
  int n = v->n, *order = mem_scratch((size_t)n, sizeof *order);
  double *u = mem_scratch((size_t)n * (size_t)n, 8), *h = mem_scratch((size_t)n * (size_t)n, 8), *w = mem_scratch((size_t)n, 8),
         *key = mem_scratch((size_t)n, 8);
  for (int i = 0; i < n; i++) {
    for (int j = 0; j < n; j++)
      h[i * n + j] = v->h[i * n + j] * v->step[i] * v->step[j];
    key[i] = v->h[i * n + i];
    order[i] = i;
  }
  sort_key = key;
  qsort(order, (size_t)n, sizeof *order, by_moment);
  factor_inverse(h, n, order, u);
  for (int i = 0; i < n; i++)
    w[i] = v->target[order[i]] / v->step[order[i]];
  for (int i = 0; i < n; i++) {
    int at = order[i];
    double d = u[i * n + i];
    q[at] = choose(w[i], 1 / (d * d), v->price[at], v->least[at], v->most[at], 0);
    for (int k = i + 1; k < n; k++)
      w[k] -= (w[i] - q[at]) / d * u[i * n + k];
  }
  memset(w, 0, (size_t)n * 8); /* half the slope at q */
  for (int i = 0; i < n; i++)
    for (int k = 0; k < n; k++)
      w[i] += h[i * n + k] * (q[k] - v->target[k] / v->step[k]);
  for (int sweep = 0, moved = 1; sweep < SWEEPS && moved; sweep++) {
    moved = 0;
    for (int i = 0; i < n; i++) {
      double c = h[i * n + i], to = choose(q[i] - w[i] / c, c, v->price[i], v->least[i], v->most[i], 0), by = to - q[i];
      if (by == 0)
        continue;
      moved = 1;
      q[i] = to;
      for (int k = 0; k < n; k++)
        w[k] += h[i * n + k] * by;
    }
  }
  free(order), free(u), free(h), free(w), free(key);
}
