/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_dense.c - float meaning of products, reductions, normalisations and selections.
 */
#include "op.h"

#include <math.h>

/* out[m][n] += a[m][k] b[k][n] with any strides, inner loop over n: contiguous for the usual layouts. */
static void multiply(int64_t m, int64_t k, int64_t n, const double *a, int64_t a_m, int64_t a_k, const double *b, int64_t b_k, int64_t b_n,
                     double *out) {
  for (int64_t i = 0; i < m; i++)
    if (b_n == 1) {
      for (int64_t l = 0; l < k; l++) {
        const double v = a[i * a_m + l * a_k];
        for (int64_t j = 0; j < n; j++)
          out[i * n + j] += v * b[l * b_k + j];
      }
    } else {
      int64_t j = 0;
      for (; j + 4 <= n; j += 4) { /* no sum waits for another */
        double sum[4] = {0};
        const double *row = b + j * b_n;
        for (int64_t l = 0; l < k; l++, row += b_k) {
          const double v = a[i * a_m + l * a_k];
          sum[0] += v * row[0];
          sum[1] += v * row[b_n];
          sum[2] += v * row[2 * b_n];
          sum[3] += v * row[3 * b_n];
        }
        for (int c = 0; c < 4; c++)
          out[i * n + j + c] += sum[c];
      }
      for (; j < n; j++) {
        double sum = 0;
        for (int64_t l = 0; l < k; l++)
          sum += a[i * a_m + l * a_k] * b[l * b_k + j * b_n];
        out[i * n + j] += sum;
      }
    }
}

void eval_gemm(const Node *n, const double *const *in, double *const *out) {
  const Tensor *a = n->in[0], *b = n->in[1], *t = n->out[0];
  const bool ta = attr_int(n, "transA", 0) != 0, tb = attr_int(n, "transB", 0) != 0;
  const double alpha = attr_float(n, "alpha", 1), beta = attr_float(n, "beta", 1);
  const int64_t count = tensor_count(t);
  memset(out[0], 0, (size_t)count * sizeof(double));
  multiply(t->dim[0], ta ? a->dim[0] : a->dim[1], t->dim[1], in[0], ta ? 1 : a->dim[1], ta ? a->dim[1] : 1, in[1], tb ? 1 : b->dim[1],
           tb ? b->dim[1] : 1, out[0]);
  Walk w;
  walk_start(&w, 2, t->dim);
  if (n->n_in > 2 && in[2])
    walk_operand(&w, 0, n->in[2]->rank, n->in[2]->dim);
  for (int64_t i = 0; w.left; walk_next(&w), i++)
    out[0][i] = alpha * out[0][i] + (n->n_in > 2 && in[2] ? beta * in[2][w.at[0]] : 0);
}

void eval_matmul(const Node *n, const double *const *in, double *const *out) {
  const Tensor *a = n->in[0], *b = n->in[1];
  const int64_t rows = a->rank > 1 ? a->dim[a->rank - 2] : 1, depth = a->dim[a->rank - 1];
  const int64_t columns = b->rank > 1 ? b->dim[b->rank - 1] : 1;
  const int a_outer = a->rank > 2 ? a->rank - 2 : 0, b_outer = b->rank > 2 ? b->rank - 2 : 0;
  const int outer = a_outer > b_outer ? a_outer : b_outer;
  Walk w; /* over the outer dimensions, which come first in the output */
  walk_start(&w, outer, n->out[0]->dim);
  walk_operand(&w, 0, a_outer, a->dim);
  walk_operand(&w, 1, b_outer, b->dim);
  memset(out[0], 0, (size_t)tensor_count(n->out[0]) * sizeof(double));
  for (double *o = out[0]; w.left; walk_next(&w), o += rows * columns)
    multiply(rows, depth, columns, in[0] + w.at[0] * rows * depth, depth, 1, in[1] + w.at[1] * depth * columns, columns, 1, o);
}

/* ---- reductions ---- */

typedef double Reduce(double sum, double v);

static double op_sum(double a, double b) {
  return a + b;
}
static double op_product(double a, double b) {
  return a * b;
}
static double op_max(double a, double b) {
  return fmax(a, b);
}
static double op_min(double a, double b) {
  return fmin(a, b);
}

/* Walks the input with an offset into the output that stands still along reduced axes. */
static void reduce(const Node *n, const double *in, double *out, double first, Reduce *f) {
  const Tensor *x = n->in[0], *axes = n->n_in > 1 ? n->in[1] : NULL;
  bool reduced[MAX_RANK];
  int64_t dim[MAX_RANK];
  axis_flags(axes, x->rank, reduced);
  const bool all = (!axes || tensor_count(axes) == 0) && !attr_int(n, "noop_with_empty_axes", 0);
  for (int i = 0; i < x->rank; i++)
    dim[i] = all || reduced[i] ? 1 : x->dim[i];
  const int64_t count = tensor_count(n->out[0]);
  for (int64_t i = 0; i < count; i++)
    out[i] = first;
  Walk w;
  walk_start(&w, x->rank, x->dim);
  walk_operand(&w, 0, x->rank, dim);
  for (int64_t i = 0; w.left; walk_next(&w), i++)
    out[w.at[0]] = f(out[w.at[0]], in[i]);
}

void eval_reduce_sum(const Node *n, const double *const *in, double *const *out) {
  reduce(n, in[0], out[0], 0, op_sum);
}
void eval_reduce_prod(const Node *n, const double *const *in, double *const *out) {
  reduce(n, in[0], out[0], 1, op_product);
}
void eval_reduce_max(const Node *n, const double *const *in, double *const *out) {
  reduce(n, in[0], out[0], (double)-INFINITY, op_max);
}
void eval_reduce_min(const Node *n, const double *const *in, double *const *out) {
  reduce(n, in[0], out[0], (double)INFINITY, op_min);
}

void eval_reduce_mean(const Node *n, const double *const *in, double *const *out) {
  const int64_t count = tensor_count(n->out[0]);
  reduce(n, in[0], out[0], 0, op_sum);
  for (int64_t i = 0; i < count; i++) {
    out[0][i] /= (double)(tensor_count(n->in[0]) / count);
    if (!dtype_is_float(n->out[0]->dtype))
      out[0][i] = trunc(out[0][i]);
  }
}

/* ---- along one axis ---- */

/* The tensor as [outer][size][inner]. */
typedef struct {
  int64_t outer, size, inner;
} Along;

static Along along(const Tensor *t, int64_t axis) {
  Along s = {1, t->rank ? t->dim[axis < 0 ? axis + t->rank : axis] : 1, 1};
  for (int i = 0; i < t->rank; i++)
    if (i < (axis < 0 ? axis + t->rank : axis))
      s.outer *= t->dim[i];
    else if (i > (axis < 0 ? axis + t->rank : axis))
      s.inner *= t->dim[i];
  return s;
}

static void softmax(const Node *n, const double *in, double *out, bool take_log) {
  const Along s = along(n->in[0], attr_int(n, "axis", -1));
  for (int64_t o = 0; o < s.outer; o++)
    for (int64_t i = 0; i < s.inner; i++) {
      const int64_t base = o * s.size * s.inner + i;
      double max = (double)-INFINITY, sum = 0;
      for (int64_t k = 0; k < s.size; k++)
        max = fmax(max, in[base + k * s.inner]);
      for (int64_t k = 0; k < s.size; k++)
        sum += exp(in[base + k * s.inner] - max);
      for (int64_t k = 0; k < s.size; k++) {
        const double x = in[base + k * s.inner] - max;
        out[base + k * s.inner] = take_log ? x - log(sum) : exp(x) / sum;
      }
    }
}

void eval_softmax(const Node *n, const double *const *in, double *const *out) {
  softmax(n, in[0], out[0], false);
}
void eval_log_softmax(const Node *n, const double *const *in, double *const *out) {
  softmax(n, in[0], out[0], true);
}

/* Rows that are all zero stay so. */
void eval_normalizer(const Node *n, const double *const *in, double *const *out) {
  const Along s = along(n->in[0], -1);
  const char *norm = attr_string(n, "norm", "MAX");
  for (int64_t o = 0; o < s.outer; o++) {
    const double *x = in[0] + o * s.size;
    double d = strcmp(norm, "MAX") == 0 && s.size ? x[0] : 0;
    for (int64_t k = 0; k < s.size; k++)
      d = strcmp(norm, "MAX") == 0 ? fmax(d, x[k]) : strcmp(norm, "L1") == 0 ? d + fabs(x[k]) : d + x[k] * x[k];
    if (strcmp(norm, "L2") == 0)
      d = sqrt(d);
    for (int64_t k = 0; k < s.size; k++)
      out[0][o * s.size + k] = d != 0 ? x[k] / d : x[k];
  }
}

static void arg(const Node *n, const double *in, double *out, double sign) {
  const Along s = along(n->in[0], attr_int(n, "axis", 0));
  const bool last = attr_int(n, "select_last_index", 0) != 0;
  for (int64_t o = 0; o < s.outer; o++)
    for (int64_t i = 0; i < s.inner; i++) {
      const double *x = in + o * s.size * s.inner + i;
      int64_t best = 0;
      for (int64_t k = 1; k < s.size; k++) {
        const double a = sign * x[k * s.inner], b = sign * x[best * s.inner];
        if (last ? a >= b : a > b)
          best = k;
      }
      out[o * s.inner + i] = (double)best;
    }
}

void eval_argmax(const Node *n, const double *const *in, double *const *out) {
  arg(n, in[0], out[0], 1);
}
void eval_argmin(const Node *n, const double *const *in, double *const *out) {
  arg(n, in[0], out[0], -1);
}
