/* SPDX-License-Identifier: Apache-2.0
 *
 * gradient.c - how a node's operands move its results. Products and windows by their transposes, what is moved by the numbers of the
 * elements, all else that works element by element by a small step to either side.
 */
#include "gradient.h"
#include "op.h"
#include "search_in.h"
#include "window.h"
#include <math.h>
#include <stdlib.h>

typedef void BackFn(const Gradient *g, size_t rows, const double *const *in, const double *const *out, const double *const *dy,
                    double *const *dx);
typedef struct {
  int64_t from, to, weight; /* elements */
} Term;

struct Gradient {
  const Node *node;
  Term *term; /* dense layers: of weights that are not 0 */
  size_t n_terms;
  int64_t cols, depth;
  BackFn *back;
  double **fill; /* moves, by result: constants among its elements */
  /* moves, by result and its element: number of an operand * each + of its element; -1: a constant. Reductions, by element of the
   * operand: that of the result. */
  int64_t **from, each;
  Run *run; /* windows */
  int64_t *first;
};

static int64_t elements(const Tensor *t) {
  return tensor_count(t);
}

/* ---- products with constant weights ---- */

/* Terms by result; a dense layer takes BLOCK samples side by side. LINE: rows that loops over elements take at a time, so that lines of the
 * cache are used whole. */
enum { BLOCK = 64, LINE = 8 };

static void find_terms(Gradient *g) {
  const Node *n = g->node;
  const bool transposed = n->op == OP_Gemm && attr_int(n, "transB", 0);
  const int64_t cols = n->in[1]->dim[transposed ? 0 : 1], depth = n->in[1]->dim[transposed ? 1 : 0];
  const double *w = n->in[1]->rounded ? n->in[1]->rounded : n->in[1]->value;
  g->cols = cols, g->depth = depth;
  g->term = mem_scratch((size_t)(cols * depth) + 1, sizeof *g->term);
  for (int64_t j = 0; j < cols; j++)
    for (int64_t i = 0; i < depth; i++) {
      const int64_t at = transposed ? j * depth + i : i * cols + j;
      if (w[at] != 0)
        g->term[g->n_terms++] = (Term){i, j, at};
    }
}

/* Rows of `each` values to columns of BLOCK, 0 behind the last row; and back, added. */
static void to_columns(const double *rows, size_t n, int64_t each, double *columns) {
  for (size_t line = 0; line < BLOCK; line += LINE)
    for (int64_t e = 0; e < each; e++)
      for (size_t r = line; r < line + LINE; r++)
        columns[e * BLOCK + (int64_t)r] = r < n ? rows[(int64_t)r * each + e] : 0;
}

static void add_rows(const double *columns, size_t n, int64_t each, double *rows) {
  for (size_t line = 0; line < n; line += LINE)
    for (int64_t e = 0; e < each; e++)
      for (size_t r = line; r < line + LINE && r < n; r++)
        rows[(int64_t)r * each + e] += columns[e * BLOCK + (int64_t)r];
}

static void add_times(double *restrict y, double w, const double *restrict x) {
  for (int r = 0; r < BLOCK; r++)
    y[r] += w * x[r];
}

static double dot(const double *x, const double *y) {
  double sum[8] = {0};
  for (int r = 0; r < BLOCK; r += 8)
    for (int i = 0; i < 8; i++)
      sum[i] += x[r + i] * y[r + i];
  return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

static void run_dense(const Gradient *g, size_t rows, const double *const *in, double *const *out) {
  const Node *n = g->node;
  const size_t products = rows * (size_t)(elements(n->out[0]) / g->cols);
  const double *bias = n->op == OP_Gemm && n->n_in > 2 && n->in[2] ? in[2] : NULL;
  const int64_t biases = bias ? elements(n->in[2]) : 1;
  double *x = mem_scratch((size_t)g->depth * BLOCK, 8), *y = mem_scratch((size_t)g->cols * BLOCK, 8);
  memset(out[0], 0, products * (size_t)g->cols * 8);
  for (size_t at = 0; at < products; at += BLOCK) {
    const size_t left = products - at < BLOCK ? products - at : BLOCK;
    to_columns(in[0] + at * (size_t)g->depth, left, g->depth, x);
    for (int64_t e = 0; e < g->cols * BLOCK; e++)
      y[e] = bias ? bias[e / BLOCK % biases] : 0;
    for (size_t k = 0; k < g->n_terms; k++)
      add_times(y + g->term[k].to * BLOCK, in[1][g->term[k].weight], x + g->term[k].from * BLOCK);
    add_rows(y, left, g->cols, out[0] + at * (size_t)g->cols);
  }
  free(x), free(y);
}

static void back_dense(const Gradient *g, size_t rows, const double *const *in, const double *const *out, const double *const *dy,
                       double *const *dx) {
  const Node *n = g->node;
  const size_t products = rows * (size_t)(elements(n->out[0]) / g->cols);
  double *x = mem_scratch((size_t)g->depth * BLOCK, 8), *d = mem_scratch((size_t)g->cols * BLOCK, 8),
         *to = mem_scratch((size_t)g->depth * BLOCK, 8);
  (void)out;
  for (size_t at = 0; at < products; at += BLOCK) {
    const size_t left = products - at < BLOCK ? products - at : BLOCK;
    to_columns(in[0] + at * (size_t)g->depth, left, g->depth, x);
    to_columns(dy[0] + at * (size_t)g->cols, left, g->cols, d);
    memset(to, 0, (size_t)g->depth * BLOCK * 8);
    for (size_t k = 0; k < g->n_terms; k++) {
      const Term t = g->term[k];
      if (dx[0])
        add_times(to + t.from * BLOCK, in[1][t.weight], d + t.to * BLOCK);
      if (dx[1])
        dx[1][t.weight] += dot(x + t.from * BLOCK, d + t.to * BLOCK);
    }
    if (dx[0])
      add_rows(to, left, g->depth, dx[0] + at * (size_t)g->depth);
    if (n->op == OP_Gemm && n->n_in > 2 && n->in[2] && dx[2]) {
      const int64_t biases = elements(n->in[2]);
      for (int64_t e = 0; e < g->cols * BLOCK; e++)
        dx[2][e / BLOCK % biases] += d[e];
    }
  }
  free(x), free(d), free(to);
}

static void back_conv(const Gradient *g, size_t rows, const double *const *in, const double *const *out, const double *const *dy,
                      double *const *dx) {
  const Node *n = g->node;
  const Tensor *x = n->in[0], *y = n->out[0];
  const int64_t group = attr_int(n, "group", 1), C = x->dim[1] / group, M = y->dim[1] / group, batch = x->dim[0] * (int64_t)rows;
  Window w;
  (void)out;
  window_of(n, &w);
  const int64_t xs = window_in(&w), ys = window_out(&w), taps = window_taps(&w), s = w.stride[w.axes - 1];
  for (int64_t b = 0; b < batch; b++)
    for (int64_t j = 0; j < M * group; j++) {
      const double *d = dy[0] + (b * group * M + j) * ys;
      double sum = 0;
      for (int64_t e = 0; e < ys; e++)
        sum += fabs(d[e]);
      if (sum == 0)
        continue;
      for (int64_t e = 0; n->n_in > 2 && dx[2] && e < ys; e++)
        dx[2][j] += d[e];
      for (int64_t c = 0; c < C; c++) {
        const int64_t channel = b * group * C + j / M * C + c, at = (w.transposed ? (j / M * C + c) * M + j % M : j * C + c) * taps;
        const double *from = in[0] + channel * xs;
        double *to = dx[0] ? dx[0] + channel * xs : NULL;
        for (int64_t t = 0; t < taps; t++) {
          const double m = in[1][at + t];
          double dw = 0;
          if (m == 0)
            continue;
          for (const Run *r = g->run + g->first[t]; r < g->run + g->first[t + 1]; r++) {
            const double *dr = d + (w.transposed ? r->b : r->a);
            const int64_t i0 = w.transposed ? r->a : r->b, si = w.transposed ? 1 : s, so = w.transposed ? s : 1;
            for (int64_t k = 0; k < r->n; k++)
              dw += dr[k * so] * from[i0 + k * si];
            for (int64_t k = 0; to && k < r->n; k++)
              to[i0 + k * si] += m * dr[k * so];
          }
          if (dx[1])
            dx[1][at + t] += dw;
        }
      }
    }
}

/* ---- windows without weights ---- */

static void back_pool(const Gradient *g, size_t rows, const double *const *in, const double *const *out, const double *const *dy,
                      double *const *dx) {
  const Node *n = g->node;
  const bool max = n->op == OP_MaxPool || n->op == OP_GlobalMaxPool;
  Window w;
  window_of(n, &w);
  const int64_t xs = window_in(&w), ys = window_out(&w), taps = window_taps(&w),
                channels = (int64_t)rows * n->in[0]->dim[0] * n->in[0]->dim[1];
  int64_t at[MAX_SPATIAL] = {0}, *source = mem_scratch((size_t)taps + 1, sizeof *source);
  for (int64_t o = 0; dx[0] && o < ys; o++, window_next(w.axes, w.out, at)) {
    int64_t tap[MAX_SPATIAL] = {0}, seen = 0;
    for (int64_t k = 0; k < taps; k++, window_next(w.axes, w.kernel, tap)) {
      const int64_t i = window_source(&w, at, tap);
      if (i >= 0)
        source[seen++] = i;
    }
    const double members = (double)window_members(n, &w, at, seen);
    for (int64_t c = 0; c < channels; c++) {
      const double d = dy[0][c * ys + o], *x = in[0] + c * xs;
      double *to = dx[0] + c * xs;
      for (int64_t k = 0; d != 0 && k < seen; k++)
        if (!max)
          to[source[k]] += d / members;
        else if (x[source[k]] == out[0][c * ys + o]) {
          to[source[k]] += d;
          break;
        }
    }
  }
  free(source);
}

static void back_reduce(const Gradient *g, size_t rows, const double *const *in, const double *const *out, const double *const *dy,
                        double *const *dx) {
  (void)in, (void)out;
  const Node *n = g->node;
  const int64_t nx = elements(n->in[0]), ny = elements(n->out[0]);
  const double share = n->op == OP_ReduceMean ? (double)ny / (double)nx : 1;
  for (size_t r = 0; dx[0] && r < rows; r++)
    for (int64_t e = 0; e < nx; e++)
      dx[0][(int64_t)r * nx + e] += share * dy[0][(int64_t)r * ny + g->from[0][e]];
}

/* By element of the operand, the element of the result that it goes into: found by one element at a time. */
static void reduce_map(Gradient *g) {
  const Node *n = g->node;
  const int64_t nx = elements(n->in[0]), ny = elements(n->out[0]);
  double *x = mem_scratch((size_t)nx, 8), *y = mem_scratch((size_t)ny, 8);
  const double *in[2] = {x, NULL};
  double *out[1] = {y};
  g->from = mem_scratch(1, sizeof *g->from);
  g->from[0] = mem_scratch((size_t)nx, sizeof **g->from);
  for (int64_t e = 0; e < nx; e++) {
    x[e] = 1;
    op_info[n->op].eval(n, in, out);
    for (int64_t o = 0; o < ny; o++)
      if (y[o] != 0)
        g->from[0][e] = o;
    x[e] = 0;
  }
  free(x), free(y);
}

/* ---- moves ---- */

static const double FIRST = 0x1p40; /* above what constants are */

static void move_map(Gradient *g) {
  const Node *n = g->node;
  const double **in = mem_scratch((size_t)n->n_in, sizeof *in);
  double **out = mem_scratch((size_t)n->n_out, sizeof *out), **room = mem_scratch((size_t)n->n_in, sizeof *room);
  for (int k = 0; k < n->n_in; k++)
    if (n->in[k] && !n->in[k]->value && elements(n->in[k]) > g->each)
      g->each = elements(n->in[k]);
  for (int k = 0; k < n->n_in; k++) {
    const Tensor *t = n->in[k];
    in[k] = t ? t->value : NULL;
    if (!t || t->value)
      continue;
    in[k] = room[k] = mem_scratch((size_t)elements(t) + 1, 8);
    for (int64_t e = 0; e < elements(t); e++)
      room[k][e] = FIRST + (double)(k * g->each + e);
  }
  g->from = mem_scratch((size_t)n->n_out, sizeof *g->from);
  for (int k = 0; k < n->n_out; k++)
    out[k] = n->out[k] ? mem_scratch((size_t)elements(n->out[k]) + 1, 8) : NULL;
  op_info[n->op].eval(n, in, out);
  for (int k = 0; k < n->n_out; k++) {
    const int64_t ny = n->out[k] ? elements(n->out[k]) : 0;
    g->from[k] = mem_scratch((size_t)ny + 1, sizeof **g->from);
    for (int64_t e = 0; e < ny; e++)
      g->from[k][e] = out[k][e] >= FIRST ? (int64_t)(out[k][e] - FIRST) : -1;
  }
  g->fill = out;
  for (int k = 0; k < n->n_in; k++)
    free(room[k]);
  free(in), free(room);
}

static void run_move(const Gradient *g, size_t rows, const double *const *in, double *const *out) {
  const Node *n = g->node;
  for (int o = 0; o < n->n_out; o++) {
    const int64_t ny = n->out[o] ? elements(n->out[o]) : 0;
    for (size_t line = 0; line < rows; line += LINE)
      for (int64_t e = 0; e < ny; e++) {
        const int64_t at = g->from[o][e], k = at / g->each;
        const double *x = at < 0 ? &g->fill[o][e] : in[k] + at % g->each;
        const size_t step = at < 0 ? 0 : (size_t)elements(n->in[k]);
        for (size_t r = line; r < line + LINE && r < rows; r++)
          out[o][(int64_t)r * ny + e] = x[r * step];
      }
  }
}

static void back_move(const Gradient *g, size_t rows, const double *const *in, const double *const *out, const double *const *dy,
                      double *const *dx) {
  const Node *n = g->node;
  (void)in, (void)out;
  for (int o = 0; o < n->n_out; o++) {
    const int64_t ny = n->out[o] && dy[o] ? elements(n->out[o]) : 0;
    for (size_t line = 0; line < rows; line += LINE)
      for (int64_t e = 0; e < ny; e++) {
        if (g->from[o][e] < 0)
          continue;
        const int64_t k = g->from[o][e] / g->each, i = g->from[o][e] % g->each, m = elements(n->in[k]);
        for (size_t r = line; dx[k] && r < line + LINE && r < rows; r++)
          dx[k][(int64_t)r * m + i] += dy[o][(int64_t)r * ny + e];
      }
  }
}

/* ---- element by element ---- */

static bool elementwise(const Node *n) {
  const OpInfo *op = &op_info[n->op];
  const bool kind = op->kind == KIND_LINEAR || op->kind == KIND_PWL || op->kind == KIND_TABLE;
  return kind && op->eval && (op->infer == infer_same || op->infer == infer_binary || op->infer == infer_nary || op->infer == infer_prelu);
}

static void back_element(const Gradient *g, size_t rows, const double *const *in, const double *const *out, const double *const *dy,
                         double *const *dx) {
  const Node *n = g->node;
  const int64_t ny = elements(n->out[0]);
  const double **at = mem_scratch((size_t)n->n_in, sizeof *at);
  double *up = mem_scratch((size_t)ny, 8), *down = mem_scratch((size_t)ny, 8);
  (void)out;
  for (int k = 0; k < n->n_in; k++) {
    if (!dx[k])
      continue;
    const Tensor *t = n->in[k];
    const int64_t m = elements(t);
    double *moved = mem_scratch((size_t)m, 8);
    for (size_t r = 0; r < rows; r++) {
      const double *x = in[k] + (t->value ? 0 : r * (size_t)m);
      double *to = dx[k] + (t->value ? 0 : r * (size_t)m), most = 0, by;
      for (int i = 0; i < n->n_in; i++)
        at[i] = !n->in[i] ? NULL : in[i] + (n->in[i]->value ? 0 : r * (size_t)elements(n->in[i]));
      for (int64_t e = 0; e < m; e++)
        most = fmax(most, fabs(x[e]));
      by = 0x1p-20 * most + 1e-12;
      at[k] = moved;
      for (int64_t e = 0; e < m; e++)
        moved[e] = x[e] + by;
      op_info[n->op].eval(n, at, (double *[]){up});
      for (int64_t e = 0; e < m; e++)
        moved[e] = x[e] - by;
      op_info[n->op].eval(n, at, (double *[]){down});
      const double *d = dy[0] + r * (size_t)ny;
      if (m == ny) {
        for (int64_t e = 0; e < ny; e++)
          to[e] += d[e] * (up[e] - down[e]) / (2 * by);
        continue;
      }
      Walk w;
      walk_start(&w, n->out[0]->rank, n->out[0]->dim);
      walk_operand(&w, 0, t->rank, t->dim);
      for (int64_t e = 0; w.left; walk_next(&w), e++)
        to[w.at[0]] += d[e] * (up[e] - down[e]) / (2 * by);
    }
    free(moved);
  }
  free(at), free(up), free(down);
}

/* As above; most of all activations. */
static void back_relu(const Gradient *g, size_t rows, const double *const *in, const double *const *out, const double *const *dy,
                      double *const *dx) {
  const size_t n = rows * (size_t)elements(g->node->out[0]);
  const double *x = in[0], *d = dy[0];
  double *to = dx[0];
  (void)out;
  for (size_t e = 0; to && e < n; e++)
    to[e] += x[e] > 0 ? d[e] : 0;
}

/* ---- all ---- */

Gradient *gradient_new(const Node *n) {
  Gradient *g = mem_scratch(1, sizeof *g);
  g->node = n;
  if (weighty(n) && n->op == OP_Gemm && n->n_in > 2 && n->in[2] && !n->in[2]->value) {
    free(g);
    return NULL;
  }
  if (weighty(n) && windowed(n)) {
    Window w;
    window_of(n, &w);
    const int64_t taps = window_taps(&w);
    g->first = mem_scratch((size_t)taps + 1, sizeof *g->first);
    g->run = window_runs(&w, taps, g->first);
    g->back = back_conv;
  } else if (weighty(n)) {
    find_terms(g);
    g->back = back_dense;
  } else if (op_info[n->op].infer == infer_pool) {
    g->back = back_pool;
  } else if (n->op == OP_ReduceMean || n->op == OP_ReduceSum) {
    reduce_map(g);
    g->back = back_reduce;
  } else if (op_info[n->op].kind == KIND_MOVE && op_info[n->op].eval) {
    move_map(g);
    g->back = back_move;
  } else if (n->op == OP_Relu) {
    g->back = back_relu;
  } else if (elementwise(n)) {
    g->back = back_element;
  } else {
    free(g);
    return NULL;
  }
  return g;
}

void gradient_free(Gradient *g) {
  if (!g)
    return;
  for (int k = 0; g->from && k < (g->fill ? g->node->n_out : 1); k++) {
    free(g->from[k]);
    if (g->fill)
      free(g->fill[k]);
  }
  free(g->fill), free(g->from), free(g->run), free(g->first), free(g->term), free(g);
}

void gradient_run(const Gradient *g, size_t rows, const double *const *in, double *const *out) {
  const Node *n = g->node;
  if (g->back == back_dense || g->back == back_move) {
    (g->back == back_dense ? run_dense : run_move)(g, rows, in, out);
    return;
  }
  const double **at = mem_scratch((size_t)n->n_in + 1, sizeof *at);
  double **to = mem_scratch((size_t)n->n_out + 1, sizeof *to);
  for (size_t r = 0; r < rows; r++) {
    for (int i = 0; i < n->n_in; i++)
      at[i] = !n->in[i] ? NULL : in[i] + (n->in[i]->value ? 0 : r * (size_t)elements(n->in[i]));
    for (int i = 0; i < n->n_out; i++)
      to[i] = n->out[i] ? out[i] + r * (size_t)elements(n->out[i]) : NULL;
    op_info[n->op].eval(n, at, to);
  }
  free(at), free(to);
}

void gradient_back(const Gradient *g, size_t rows, const double *const *in, const double *const *out, const double *const *dy,
                   double *const *dx) {
  g->back(g, rows, in, out, dy, dx);
}
