/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_taps.c - the meaning of the linear operators in a stream: which window of the input lies under an output position, and the matrix
 * that is multiplied with it. Groups, depthwise convolutions, means and transposed convolutions are matrices with many zeros; a zero costs
 * nothing in any form of the hardware.
 */
#include "op.h"
#include "stream_build.h"
#include "window.h"
#include <math.h>
#include <stdlib.h>

bool stream_is_product(const Node *n) {
  switch (n->op) {
  case OP_Conv:
  case OP_ConvTranspose:
  case OP_Gemm:
  case OP_MatMul:
    return n->in[1]->value || n->in[0]->value;
  case OP_AveragePool:
  case OP_GlobalAveragePool:
    return true;
  case OP_ReduceMean:
  case OP_ReduceSum:
    return true;
  default:
    return false;
  }
}

/* ---- constants ---- */

static Round round_of(const Build *b, const Node *n) {
  LayerConfig c = config_of(b->config, n);
  return c.has_round ? c.round : b->o->round;
}

static int64_t integer(const Build *b, const Node *n, const Tensor *t, int64_t i) {
  LayerConfig c = config_of(b->config, n);
  bool fits = true;
  return quant_const(t->rounded ? t->rounded[i] : t->value[i], t->fmt, round_of(b, n), c.has_overflow ? c.overflow : b->o->overflow, &fits);
}

static int places(const Tensor *t) {
  return t->fmt.W - t->fmt.I;
}

/* Sums get the binary places of the finest term. */
static bool set_places(Unit *u, const Node *n, int product, const Tensor *bias, int *up) {
  u->frac = product;
  if (bias && places(bias) > u->frac)
    u->frac = places(bias);
  *up = u->frac - product;
  if (*up > 30) {
    diag_error(EXIT_UNSUPPORTED, n, "formats of weights and bias are too far apart (%d bits)", *up);
    return false;
  }
  return true;
}

static void put_weight(Unit *u, int channel, int operand, int64_t v, int up) {
  const int64_t w = v * ((int64_t)1 << up) + u->w[(int64_t)channel * u->n + operand];
  if (w > INT32_MAX || w < INT32_MIN)
    diag_error(EXIT_UNSUPPORTED, u->node, "in stream mode weights may have 31 bits; use fewer in --q");
  u->w[(int64_t)channel * u->n + operand] = (int32_t)w;
}

static bool room(Unit *u, int n, int m) {
  enum { MOST = 1 << 26 };
  if ((int64_t)n * m > MOST) {
    diag_error(EXIT_UNSUPPORTED, u->node, "in stream mode a layer's matrix may have %d elements; this one would have %d x %d", MOST, m, n);
    return false;
  }
  u->n = n;
  u->m = m;
  u->w = mem_array((size_t)n * (size_t)m + 1, sizeof *u->w);
  u->bias = mem_array((size_t)m + 1, sizeof *u->bias);
  return true;
}

/* ---- windows ---- */

/* Spatial axis i of a window as rows (0) or columns (1); one-dimensional ones have rows only. */
static bool set_taps(Taps *t, const Window *w, const Node *n, int channels, int64_t pad) {
  if (w->axes > 2) {
    diag_error(EXIT_UNSUPPORTED, n, "in stream mode convolutions and pools have one or two dimensions");
    return false;
  }
  *t = (Taps){.rows = (int)w->in[0],
              .cols = 1,
              .channels = channels,
              .kernel_rows = (int)w->kernel[0],
              .kernel_cols = 1,
              .row_first = -(int)w->before[0],
              .row_step = (int)w->stride[0],
              .row_dilation = (int)w->dilation[0],
              .col_step = 1,
              .col_dilation = 1,
              .out_rows = (int)w->out[0],
              .out_cols = 1,
              .pad = pad};
  if (w->axes == 2) {
    t->cols = (int)w->in[1];
    t->kernel_cols = (int)w->kernel[1];
    t->col_first = -(int)w->before[1];
    t->col_step = (int)w->stride[1];
    t->col_dilation = (int)w->dilation[1];
    t->out_cols = (int)w->out[1];
  }
  return true;
}

static Edge *read_raster(Build *b, Unit *u, const Node *n, const Tensor *x, Layout l) {
  Edge *e = view_raster(b, n, x, l);
  if (e)
    stream_link(b->s, e, u);
  return e;
}

static bool one_sample(const Node *n, const Tensor *x) {
  if (x->dim[0] == 1)
    return true;
  diag_error(EXIT_UNSUPPORTED, n, "in stream mode the batch is 1, not %lld", (long long)x->dim[0]);
  return false;
}

bool stream_window(Build *b, Unit *u, const Node *n, Layout *result) {
  const Tensor *x = n->in[0];
  Window w;
  if (!one_sample(n, x) || !window_of(n, &w))
    return false;
  const int C = (int)x->dim[1];
  if (!set_taps(&u->taps, &w, n, C, 0))
    return false;
  Edge *e = read_raster(b, u, n, x, (Layout){u->taps.rows, u->taps.cols, C, false});
  if (!e)
    return false;
  u->taps.pad = format_min(e->fmt); /* of a maximum: loses against all */
  *result = (Layout){u->taps.out_rows, u->taps.out_cols, C, false};
  return true;
}

/* ---- convolutions ---- */

static void add_bias(Build *b, Unit *u, const Node *n, const Tensor *bias, int repeat) {
  const int each = u->m / repeat;
  for (int j = 0; bias && j < u->m; j++)
    u->bias[j] += integer(b, n, bias, tensor_count(bias) == 1 ? 0 : j % each) * ((int64_t)1 << (u->frac - places(bias)));
}

static bool conv(Build *b, Unit *u, const Node *n, Layout *result) {
  const Tensor *x = n->in[0], *W = n->in[1], *B = n->n_in > 2 ? n->in[2] : NULL;
  Window w;
  int up;
  if (!one_sample(n, x) || !window_of(n, &w))
    return false;
  if (!W->value || (B && !B->value)) {
    diag_error(EXIT_UNSUPPORTED, n, "its weights must be constant");
    return false;
  }
  const int C = (int)x->dim[1], M = (int)n->out[0]->dim[1], group = (int)attr_int(n, "group", 1), taps = (int)window_taps(&w);
  if (!set_taps(&u->taps, &w, n, C, 0) || !room(u, taps * C, M))
    return false;
  Edge *e = read_raster(b, u, n, x, (Layout){u->taps.rows, u->taps.cols, C, false});
  if (!e || !set_places(u, n, e->fmt.W - e->fmt.I + places(W), B, &up))
    return false;
  const int c_each = C / group, m_each = M / group;
  for (int j = 0; j < M; j++)
    for (int c = 0; c < c_each; c++)
      for (int t = 0; t < taps; t++)
        put_weight(u, j, t * C + j / m_each * c_each + c, integer(b, n, W, ((int64_t)j * c_each + c) * taps + t), up);
  add_bias(b, u, n, B, 1);
  *result = (Layout){u->taps.out_rows, u->taps.out_cols, M, false};
  return true;
}

/* A transposed convolution of stride s is, for each of the s phases of the output along an axis, a convolution of the input; its results
 * are that many channels of one position (sub-pixel convolution, Shi et al. 2016), which the reader takes apart. */
typedef struct {
  int least, most; /* input position, from output position / stride */
  int phases, out; /* positions of all phases */
} Phases;

/* Input position of tap `tap` under phase `phase`, relative; false: none. */
static bool phase_source(const Window *w, int axis, int phase, int tap, int *at) {
  const int s = (int)w->stride[axis], p = phase + (int)w->before[axis] - tap * (int)w->dilation[axis];
  *at = p >= 0 ? p / s : -((-p + s - 1) / s);
  return *at * s == p;
}

static Phases phases_of(const Window *w, int axis) {
  Phases p = {0, 0, (int)w->stride[axis], (int)((w->out[axis] + w->stride[axis] - 1) / w->stride[axis])};
  bool any = false;
  for (int ph = 0; ph < p.phases; ph++)
    for (int t = 0; t < w->kernel[axis]; t++) {
      int at;
      if (!phase_source(w, axis, ph, t, &at))
        continue;
      p.least = !any || at < p.least ? at : p.least;
      p.most = !any || at > p.most ? at : p.most;
      any = true;
    }
  return p;
}

static bool conv_transpose(Build *b, Unit *u, const Node *n, Layout *result, int **element) {
  const Tensor *x = n->in[0], *W = n->in[1], *B = n->n_in > 2 ? n->in[2] : NULL;
  Window w;
  int up;
  if (!one_sample(n, x) || !window_of(n, &w))
    return false;
  if (!W->value || (B && !B->value) || w.axes > 2) {
    diag_error(EXIT_UNSUPPORTED, n, "in stream mode its weights must be constant, and have one or two dimensions");
    return false;
  }
  if (w.axes == 1) { /* columns of one */
    w.axes = 2;
    w.in[1] = w.out[1] = w.kernel[1] = w.stride[1] = w.dilation[1] = 1;
    w.before[1] = w.after[1] = 0;
  }
  const Phases py = phases_of(&w, 0), px = phases_of(&w, 1);
  const int C = (int)x->dim[1], M = (int)n->out[0]->dim[1], group = (int)attr_int(n, "group", 1), c_each = C / group, m_each = M / group;
  u->taps = (Taps){.rows = (int)w.in[0],
                   .cols = (int)w.in[1],
                   .channels = C,
                   .kernel_rows = py.most - py.least + 1,
                   .kernel_cols = px.most - px.least + 1,
                   .row_first = py.least,
                   .col_first = px.least,
                   .row_step = 1,
                   .col_step = 1,
                   .row_dilation = 1,
                   .col_dilation = 1,
                   .out_rows = py.out,
                   .out_cols = px.out};
  if (!room(u, u->taps.kernel_rows * u->taps.kernel_cols * C, py.phases * px.phases * M))
    return false;
  Edge *e = read_raster(b, u, n, x, (Layout){u->taps.rows, u->taps.cols, C, false});
  if (!e || !set_places(u, n, e->fmt.W - e->fmt.I + places(W), B, &up))
    return false;
  for (int phy = 0; phy < py.phases; phy++)
    for (int phx = 0; phx < px.phases; phx++)
      for (int ty = 0; ty < w.kernel[0]; ty++)
        for (int tx = 0; tx < w.kernel[1]; tx++) {
          int y, xx;
          if (!phase_source(&w, 0, phy, ty, &y) || !phase_source(&w, 1, phx, tx, &xx))
            continue;
          const int tap = (y - py.least) * u->taps.kernel_cols + xx - px.least;
          for (int c = 0; c < C; c++)
            for (int j = 0; j < m_each; j++)
              put_weight(u, (phy * px.phases + phx) * M + c / c_each * m_each + j, tap * C + c,
                         integer(b, n, W, (((int64_t)c * m_each + j) * w.kernel[0] + ty) * w.kernel[1] + tx), up);
        }
  add_bias(b, u, n, B, py.phases * px.phases);
  *result = (Layout){py.out, px.out, u->m, false};
  *element = mem_array((size_t)py.out * (size_t)px.out * (size_t)u->m + 1, sizeof **element);
  for (int p = 0; p < py.out * px.out; p++)
    for (int c = 0; c < u->m; c++) {
      const int ph = c / M, y = p / px.out * py.phases + ph / px.phases, xx = p % px.out * px.phases + ph % px.phases;
      (*element)[p * u->m + c] =
          y < w.out[0] && xx < w.out[1] ? (c % M * (int)w.out[0] + y) * (int)w.out[1] + xx : -1; /* -1: beyond the output's end */
    }
  return true;
}

/* ---- means ---- */

/* 1/members as num_mean has it (lower_dense.c): the same integer at the same place. */
static void mean_factor(int64_t members, const Tensor *y, int64_t *c, int *frac) {
  int shift = 0;
  while ((int64_t)1 << shift < members)
    shift++;
  const bool exact = (int64_t)1 << shift == members;
  *frac = exact ? shift : shift + (y->exact ? 20 : y->fmt.W + 4);
  *c = exact ? 1 : llround(ldexp(1.0 / (double)members, *frac));
}

static bool average_pool(Build *b, Unit *u, const Node *n, Layout *result) {
  const Tensor *x = n->in[0];
  Window w;
  if (!one_sample(n, x) || !window_of(n, &w))
    return false;
  const int C = (int)x->dim[1], taps = (int)window_taps(&w);
  int64_t at[MAX_SPATIAL] = {0}, tap[MAX_SPATIAL], members = -1, factor;
  int frac;
  for (int64_t o = 0; o < window_out(&w); o++, window_next(w.axes, w.out, at)) {
    int64_t seen = 0;
    memset(tap, 0, sizeof tap);
    for (int t = 0; t < taps; t++, window_next(w.axes, w.kernel, tap))
      seen += window_source(&w, at, tap) >= 0;
    const int64_t here = window_members(n, &w, at, seen);
    if (members >= 0 && here != members) {
      diag_error(EXIT_UNSUPPORTED, n, "in stream mode its windows must all have as many members; use count_include_pad=1, or no padding");
      return false;
    }
    members = here;
  }
  if (!set_taps(&u->taps, &w, n, C, 0) || !room(u, taps * C, C))
    return false;
  Edge *e = read_raster(b, u, n, x, (Layout){u->taps.rows, u->taps.cols, C, false});
  if (!e)
    return false;
  mean_factor(members, n->out[0], &factor, &frac);
  u->frac = e->fmt.W - e->fmt.I + frac;
  for (int c = 0; c < C; c++)
    for (int t = 0; t < taps; t++)
      put_weight(u, c, t * C + c, factor, 0);
  *result = (Layout){u->taps.out_rows, u->taps.out_cols, C, false};
  return true;
}

/* ---- matrices over a whole frame ---- */

static void whole_frame(Unit *u, const Edge *e) {
  u->taps = (Taps){.rows = e->rows,
                   .cols = e->cols,
                   .channels = e->channels,
                   .kernel_rows = e->rows,
                   .kernel_cols = e->cols,
                   .row_step = 1,
                   .col_step = 1,
                   .row_dilation = 1,
                   .col_dilation = 1,
                   .out_rows = 1,
                   .out_cols = 1};
}

/* The edge that x lies on, whatever its order; elements from several are put together first. */
static Edge *read_any(Build *b, Unit *u, const Node *n, const Tensor *x) {
  Edge *e = view_edge(b, x);
  if (!e)
    e = view_raster(b, n, x, (Layout){1, 1, (int)tensor_count(x), false});
  if (e) {
    stream_link(b->s, e, u);
    whole_frame(u, e);
  }
  return e;
}

static bool reduction(Build *b, Unit *u, const Node *n, Layout *result) {
  const Tensor *x = n->in[0], *y = n->out[0];
  bool over[MAX_RANK] = {false};
  const Tensor *axes = n->n_in > 1 ? n->in[1] : NULL;
  if (!axes || !axis_flags(axes, x->rank, over))
    for (int i = 0; i < x->rank; i++)
      over[i] = !attr_int(n, "noop_with_empty_axes", 0);
  Edge *e = read_any(b, u, n, x);
  if (!e || !room(u, e->rows * e->cols * e->channels, (int)tensor_count(y)))
    return false;
  int64_t factor = 1, ins = tensor_count(x);
  int frac = 0;
  if (n->op == OP_ReduceMean)
    mean_factor(ins / u->m, y, &factor, &frac);
  u->frac = e->fmt.W - e->fmt.I + frac;
  const Place *v = b->view[x->id];
  for (int64_t i = 0; i < ins; i++) {
    int64_t rest = i, to = 0, stride = 1;
    for (int a = x->rank - 1; a >= 0; a--) {
      if (!over[a])
        to += rest % x->dim[a] * stride, stride *= x->dim[a];
      rest /= x->dim[a];
    }
    if (v[i].edge)
      put_weight(u, (int)to, v[i].at, factor, 0);
  }
  *result = (Layout){1, 1, u->m, false};
  return true;
}

/* y[row] = x[row] * B, x [..][K] run-time, B [K][N] constant. */
static bool dense(Build *b, Unit *u, const Node *n, Layout *result) {
  const Tensor *A = n->in[0], *B = n->in[1], *C = n->op == OP_Gemm && n->n_in > 2 ? n->in[2] : NULL;
  const bool tb = n->op == OP_Gemm && attr_int(n, "transB", 0);
  int up;
  if (!B->value || A->value || (C && !C->value) || B->rank != 2 || (n->op == OP_Gemm && attr_int(n, "transA", 0) && A->dim[1] != 1)) {
    diag_error(EXIT_UNSUPPORTED, n, "in stream mode its second operand is a constant matrix, the first a vector or rows of vectors");
    return false;
  }
  if (n->op == OP_Gemm && (attr_float(n, "alpha", 1) != 1 || (C && attr_float(n, "beta", 1) != 1))) {
    diag_error(EXIT_UNSUPPORTED, n, "alpha and beta other than 1 with run-time operands");
    return false;
  }
  const int K = (int)B->dim[tb ? 1 : 0], N = (int)B->dim[tb ? 0 : 1], rows = (int)(tensor_count(A) / K);
  if (C && tensor_count(C) != 1 && tensor_count(C) != N) {
    diag_error(EXIT_UNSUPPORTED, n, "in stream mode its bias is one vector");
    return false;
  }
  Edge *e;
  if (rows == 1) {
    e = read_any(b, u, n, A);
  } else {
    e = view_raster(b, n, A, (Layout){rows, 1, K, true});
    if (e) {
      stream_link(b->s, e, u);
      whole_frame(u, e);
      u->taps.kernel_rows = u->taps.kernel_cols = 1;
      u->taps.out_rows = rows;
    }
  }
  if (!e || !room(u, rows == 1 ? e->rows * e->cols * e->channels : K, N) || !set_places(u, n, e->fmt.W - e->fmt.I + places(B), C, &up))
    return false;
  const Place *v = b->view[A->id];
  for (int i = 0; i < K; i++)
    for (int j = 0; j < N; j++)
      if (rows > 1 || v[i].edge)
        put_weight(u, j, rows == 1 ? v[i].at : i, integer(b, n, B, tb ? (int64_t)j * K + i : (int64_t)i * N + j), up);
  add_bias(b, u, n, C, 1);
  *result = (Layout){rows, 1, N, rows > 1};
  return true;
}

bool stream_product(Build *b, Unit *u, const Node *n, Layout *result, int **element) {
  *element = NULL;
  switch (n->op) {
  case OP_Conv:
    return conv(b, u, n, result);
  case OP_ConvTranspose:
    return conv_transpose(b, u, n, result, element);
  case OP_AveragePool:
  case OP_GlobalAveragePool:
    return average_pool(b, u, n, result);
  case OP_ReduceMean:
  case OP_ReduceSum:
    return reduction(b, u, n, result);
  default:
    return dense(b, u, n, result);
  }
}
