/* SPDX-License-Identifier: Apache-2.0
 *
 * op_infer_window.c - shape inference of convolutions and pools.
 */
#include "op.h"
#include "window.h"

#include <inttypes.h>

static bool window_shape(const Node *n, const Window *w, int64_t channels) {
  const Tensor *x = n->in[0];
  int64_t dim[MAX_RANK] = {x->dim[0], channels};
  memcpy(dim + 2, w->out, (size_t)w->axes * sizeof *dim);
  return set_shape(n, n->out[0], x->dtype, x->rank, dim);
}

static bool infer_any_conv(const Node *n) {
  const Tensor *x = n->in[0], *m = n->in[1], *bias = n->n_in > 2 ? n->in[2] : NULL;
  Window w;
  if (!need_float(n, x) || !same_type(n, x, m) || (bias && !same_type(n, x, bias)))
    return false;
  if (x->rank < 3 || m->rank != x->rank) {
    diag_error(EXIT_INVALID, n, "input %s and weights %s must have the same number of dimensions, 3 or more", shape_text(x->rank, x->dim),
               shape_text(m->rank, m->dim));
    return false;
  }
  const bool transposed = n->op == OP_ConvTranspose;
  const int64_t group = attr_int(n, "group", 1), in = x->dim[1];
  if (group < 1 || in % group || m->dim[0] % group || m->dim[0] < 1 || m->dim[1] < 1 ||
      (transposed ? m->dim[0] != in : m->dim[1] != in / group)) {
    diag_error(EXIT_INVALID, n, "weights %s do not fit the input %s in %" PRId64 " group%s", shape_text(m->rank, m->dim),
               shape_text(x->rank, x->dim), group, group == 1 ? "" : "s");
    return false;
  }
  const int64_t channels = transposed ? m->dim[1] * group : m->dim[0];
  if (bias && (bias->rank != 1 || bias->dim[0] != channels)) {
    diag_error(EXIT_INVALID, n, "bias %s for %" PRId64 " channels", shape_text(bias->rank, bias->dim), channels);
    return false;
  }
  return window_of(n, &w) && window_shape(n, &w, channels);
}

bool infer_conv(Graph *g, Node *n) {
  (void)g;
  return infer_any_conv(n);
}

/* A window that sees padding only has no maximum and no mean. */
static bool every_window_sees(const Node *n, const Window *w) {
  for (int i = 0; i < w->axes; i++)
    for (int64_t o = 0; o < w->out[i]; o++) {
      const int64_t first = o * w->stride[i] - w->before[i], d = w->dilation[i];
      const int64_t tap = first < 0 ? (-first + d - 1) / d : 0;
      if (tap >= w->kernel[i] || first + tap * d >= w->in[i]) {
        diag_error(EXIT_INVALID, n, "its window number %" PRId64 " along spatial axis %d lies wholly in the padding", o, i);
        return false;
      }
    }
  return true;
}

bool infer_pool(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0];
  Window w;
  if (n->op == OP_AveragePool || n->op == OP_GlobalAveragePool ? !need_float(n, x) : !need_number(n, x))
    return false;
  if (n->n_out > 1 && n->out[1]) {
    diag_error(EXIT_UNSUPPORTED, n, "its second output, the positions of the maxima, is used; only the maxima are supported");
    return false;
  }
  return window_of(n, &w) && window_shape(n, &w, x->rank > 1 ? x->dim[1] : 1) && every_window_sees(n, &w);
}
