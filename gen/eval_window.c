/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_window.c - float meaning of convolutions and pools.
 */
#include "op.h"
#include "window.h"

#include <math.h>
#include <stdlib.h>

/* Positions a with 0 <= a * stride + offset < size: [*lo, *hi). `a` itself stays below `limit`. */
static void valid(int64_t stride, int64_t offset, int64_t size, int64_t limit, int64_t *lo, int64_t *hi) {
  *lo = offset < 0 ? (-offset + stride - 1) / stride : 0;
  *hi = offset < size ? (size - 1 - offset) / stride + 1 : 0;
  *hi = *hi < limit ? *hi : limit;
}

Run *window_runs(const Window *w, int64_t taps, int64_t *first) {
  const int64_t *a_dim = w->transposed ? w->in : w->out, *b_dim = w->transposed ? w->out : w->in;
  const int last = w->axes - 1;
  int64_t most = taps, tap[MAX_SPATIAL] = {0};
  for (int i = 0; i < last; i++)
    most *= a_dim[i];
  Run *run = mem_scratch((size_t)most + 1, sizeof *run);
  int64_t n = 0;
  for (int64_t t = 0; t < taps; t++, window_next(w->axes, w->kernel, tap)) {
    int64_t lo[MAX_SPATIAL] = {0}, hi[MAX_SPATIAL] = {0}, at[MAX_SPATIAL] = {0}, offset[MAX_SPATIAL] = {0};
    bool meet = true;
    first[t] = n;
    for (int i = 0; i < w->axes; i++) {
      offset[i] = tap[i] * w->dilation[i] - w->before[i];
      valid(w->stride[i], offset[i], b_dim[i], a_dim[i], &lo[i], &hi[i]);
      meet &= lo[i] < hi[i];
      at[i] = lo[i];
    }
    while (meet) {
      Run r = {0, 0, hi[last] - lo[last]};
      for (int i = 0; i < w->axes; i++) {
        r.a = r.a * a_dim[i] + at[i];
        r.b = r.b * b_dim[i] + at[i] * w->stride[i] + offset[i];
      }
      run[n++] = r;
      int i = last - 1;
      for (; i >= 0 && ++at[i] == hi[i]; i--)
        at[i] = lo[i];
      meet = i >= 0;
    }
  }
  first[taps] = n;
  return run;
}

/* One tap of one pair of channels: y[o] += m * x[i] wherever o and i meet. */
static void tap_run(const Run *run, int64_t n, bool transposed, int64_t s, double m, const double *x, double *y) {
  for (const Run *r = run; r < run + n; r++) {
    double *to = y + (transposed ? r->b : r->a);
    const double *from = x + (transposed ? r->a : r->b);
    if (s == 1)
      for (int64_t k = 0; k < r->n; k++)
        to[k] += m * from[k];
    else if (transposed)
      for (int64_t k = 0; k < r->n; k++)
        to[k * s] += m * from[k];
    else
      for (int64_t k = 0; k < r->n; k++)
        to[k] += m * from[k * s];
  }
}

void eval_conv(const Node *n, const double *const *in, double *const *out) {
  const Tensor *x = n->in[0], *y = n->out[0];
  const int64_t group = attr_int(n, "group", 1), C = x->dim[1] / group, M = y->dim[1] / group;
  Window w;
  window_of(n, &w);
  const int64_t xs = window_in(&w), ys = window_out(&w), taps = window_taps(&w), stride = w.stride[w.axes - 1];
  int64_t *first = mem_scratch((size_t)taps + 1, sizeof *first);
  Run *run = window_runs(&w, taps, first);
  for (int64_t b = 0; b < x->dim[0]; b++)
    for (int64_t g = 0; g < group; g++)
      for (int64_t j = 0; j < M; j++) {
        double *o = out[0] + ((b * group + g) * M + j) * ys;
        for (int64_t e = 0; e < ys; e++)
          o[e] = n->n_in > 2 && in[2] ? in[2][g * M + j] : 0;
        for (int64_t c = 0; c < C; c++) {
          const double *m = in[1] + (w.transposed ? (g * C + c) * M + j : (g * M + j) * C + c) * taps;
          for (int64_t t = 0; t < taps; t++)
            if (m[t] != 0)
              tap_run(run + first[t], first[t + 1] - first[t], w.transposed, stride, m[t], in[0] + ((b * group + g) * C + c) * xs, o);
        }
      }
  free(first), free(run);
}

/* Elements that count in a mean with count_include_pad: those of the padded input, not what ceil_mode looks at beyond it. */
static int64_t padded_members(const Window *w, const int64_t *at) {
  int64_t members = 1;
  for (int i = 0; i < w->axes; i++) {
    const int64_t room = w->in[i] + w->before[i] + w->after[i] - at[i] * w->stride[i], most = (room - 1) / w->dilation[i] + 1;
    members *= most < w->kernel[i] ? most : w->kernel[i];
  }
  return members;
}

int64_t window_members(const Node *n, const Window *w, const int64_t *at, int64_t seen) {
  if (attr_int(n, "sum", 0)) /* pass_quantized_ops.c */
    return 1;
  return n->op == OP_AveragePool && attr_int(n, "count_include_pad", 0) ? padded_members(w, at) : seen;
}

void eval_pool(const Node *n, const double *const *in, double *const *out) {
  const bool max = n->op == OP_MaxPool || n->op == OP_GlobalMaxPool;
  Window w;
  window_of(n, &w);
  const int64_t xs = window_in(&w), ys = window_out(&w), taps = window_taps(&w), channels = n->in[0]->dim[0] * n->in[0]->dim[1];
  int64_t at[MAX_SPATIAL] = {0};
  for (int64_t o = 0; o < ys; o++, window_next(w.axes, w.out, at)) {
    int64_t tap[MAX_SPATIAL] = {0}, seen = 0;
    for (int64_t c = 0; c < channels; c++)
      out[0][c * ys + o] = max ? (double)-INFINITY : 0;
    for (int64_t k = 0; k < taps; k++, window_next(w.axes, w.kernel, tap)) {
      const int64_t i = window_source(&w, at, tap);
      if (i < 0)
        continue;
      seen++;
      for (int64_t c = 0; c < channels; c++) {
        const double v = in[0][c * xs + i];
        double *y = &out[0][c * ys + o];
        *y = !max ? *y + v : v > *y ? v : *y;
      }
    }
    const double members = (double)window_members(n, &w, at, seen);
    for (int64_t c = 0; !max && c < channels; c++)
      out[0][c * ys + o] /= members;
  }
}
