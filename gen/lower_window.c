/* SPDX-License-Identifier: Apache-2.0
 *
 * lower_window.c - convolutions, pools and Resize: every output position has hardware of its own.
 *
 * A convolution is a constant matrix times the window, at each position; taps on padding are rows that are left out. Adders are shared
 * within a position. MaxPool makes no new bits: its result is as its input is, of no format of its own.
 */
#include "lower.h"
#include "resize.h"
#include "window.h"
#include <math.h>

static bool is_zero(const Lower *l, Num x) {
  return l->k->v[x.v].lo == 0 && l->k->v[x.v].hi == 0;
}

typedef struct {
  Window w;
  const Num *x, *weight, *bias; /* of the image and group at hand; bias may be NULL */
  int64_t C, M;                 /* channels of a group: in, out */
  Num *row, *matrix;            /* room for one position's */
} Conv;

/* y[j] of all output channels of the group, at one position. */
static void conv_position(Lower *l, Conv *c, const int64_t *at, Num *y) {
  const Window *w = &c->w;
  int64_t taps = window_taps(w), size = window_in(w), tap[MAX_SPATIAL] = {0};
  int rows = 0, M = (int)c->M;
  for (int64_t t = 0; t < taps; t++, window_next(w->axes, w->kernel, tap)) {
    int64_t from = window_source(w, at, tap);
    for (int64_t i = 0; from >= 0 && i < c->C; i++) {
      Num x = c->x[i * size + from];
      if (is_zero(l, x))
        continue;
      for (int64_t j = 0; j < M; j++)
        c->matrix[(int64_t)rows * M + j] = c->weight[(w->transposed ? i * M + j : j * c->C + i) * taps + t];
      c->row[rows++] = x;
    }
  }
  if (rows)
    const_product(l, rows, M, c->row, c->matrix, c->bias, y);
  for (int j = 0; !rows && j < M; j++)
    y[j] = c->bias ? c->bias[j] : (Num){hir_const(l->k, 0), 0};
}

void lower_conv(Lower *l, const Node *n) {
  const Tensor *X = n->in[0], *W = n->in[1], *B = n->n_in > 2 ? n->in[2] : NULL, *Y = n->out[0];
  if (!W->value || (B && !B->value)) {
    diag_error(EXIT_UNSUPPORTED, n, "%s ('%s') must be constant", W->value ? "its bias" : "its weights",
               diag_text((W->value ? B : W)->name));
    return;
  }
  Conv c = {0};
  window_of(n, &c.w);
  int64_t group = attr_int(n, "group", 1), taps = window_taps(&c.w), in = window_in(&c.w), out = window_out(&c.w);
  c.C = X->dim[1] / group;
  c.M = Y->dim[1] / group;
  const Num *x = lower_in(l, X), *weight = lower_in(l, W), *bias = B ? lower_in(l, B) : NULL;
  Num *y = lower_out(l, Y), *column = mem_array((size_t)c.M + 1, sizeof *column);
  c.row = mem_array((size_t)(c.C * taps) + 1, sizeof *c.row);
  c.matrix = mem_array((size_t)(c.C * taps * c.M) + 1, sizeof *c.matrix);
  l->ahead = look_ahead(l, Y);
  l->shared = shared_new();
  for (int64_t b = 0; b < X->dim[0]; b++)
    for (int64_t g = 0; g < group; g++) {
      int64_t at[MAX_SPATIAL] = {0};
      c.x = x + (b * group + g) * c.C * in;
      c.weight = weight + g * c.C * c.M * taps;
      c.bias = bias ? bias + g * c.M : NULL;
      l->ahead.stride = out;
      l->ahead.from = (b * group + g) * c.M * out;
      for (int64_t o = 0; o < out; o++, window_next(c.w.axes, c.w.out, at)) {
        if (!lower_too_large(l))
          conv_position(l, &c, at, column);
        for (int64_t j = 0; j < c.M; j++)
          y[((b * group + g) * c.M + j) * out + o] = column[j];
      }
    }
  l->shared = NULL;
  quant_all(l, Y);
}

/* Sums or maxima of all windows; members[] of each output position, or NULL. */
static void pool(Lower *l, const Node *n, Num (*f)(Lower *, Num, Num), int64_t *members) {
  const Tensor *X = n->in[0];
  const Num *x = lower_in(l, X);
  Num *y = lower_out(l, n->out[0]);
  Window w;
  window_of(n, &w);
  int64_t in = window_in(&w), out = window_out(&w), taps = window_taps(&w), channels = X->dim[0] * X->dim[1], at[MAX_SPATIAL] = {0};
  int64_t *from = mem_array((size_t)taps + 1, sizeof *from);
  Num *g = mem_array((size_t)taps + 1, sizeof *g);
  for (int64_t o = 0; o < out && !lower_too_large(l); o++, window_next(w.axes, w.out, at)) {
    int64_t tap[MAX_SPATIAL] = {0}, seen = 0;
    for (int64_t t = 0; t < taps; t++, window_next(w.axes, w.kernel, tap)) {
      from[seen] = window_source(&w, at, tap);
      seen += from[seen] >= 0;
    }
    if (members)
      members[o] = window_members(n, &w, at, seen);
    for (int64_t c = 0; c < channels; c++) {
      for (int64_t i = 0; i < seen; i++)
        g[i] = x[c * in + from[i]];
      y[c * out + o] = num_tree(l, g, seen, f);
    }
  }
}

void lower_max_pool(Lower *l, const Node *n) {
  pool(l, n, num_max, NULL);
}

void lower_average_pool(Lower *l, const Node *n) {
  const Tensor *Y = n->out[0];
  Num *y = lower_out(l, Y);
  int64_t out = tensor_count(Y) / (Y->dim[0] * Y->dim[1]), *members = mem_array((size_t)out + 1, sizeof *members);
  pool(l, n, num_add, members);
  if (lower_too_large(l))
    return;
  for (int64_t e = 0; e < tensor_count(Y); e++)
    y[e] = num_mean(l, y[e], members[e % out], Y);
}

/* Places that hold every weight of the node exactly, at most `most`. */
static int weight_places(const Node *n, int most) {
  const Tensor *y = n->out[0];
  int frac = 0;
  for (int i = 0; i < y->rank; i++) {
    int axis = 0;
    for (int64_t p = 0; p < y->dim[i]; p++)
      for (ResizeTaps t = resize_taps(n, i, p); axis < most && ldexp(t.weight[1], axis) != floor(ldexp(t.weight[1], axis));)
        axis++;
    frac += axis;
  }
  return frac < most ? frac : most;
}

void lower_resize(Lower *l, const Node *n) {
  const Tensor *X = n->in[0], *Y = n->out[0];
  const Num *x = lower_in(l, X);
  Num *y = lower_out(l, Y);
  int frac = weight_places(n, Y->exact ? 20 : Y->fmt.W + 4);
  int64_t index[MAX_RANK] = {0}, at[1 << MAX_RANK];
  double weight[1 << MAX_RANK];
  for (int64_t o = 0; o < tensor_count(Y) && !lower_too_large(l); o++, window_next(Y->rank, Y->dim, index)) {
    int k = resize_gather(n, index, at, weight);
    Num term[1 << MAX_RANK];
    for (int i = 0; i < k; i++)
      term[i] = num_mul(l, x[at[i]], (Num){hir_const(l->k, llround(ldexp(weight[i], frac))), frac});
    y[o] = num_quant(l, k ? num_tree(l, term, k, num_add) : num_const(l, attr_float(n, "extrapolation_value", 0)), Y);
  }
}
