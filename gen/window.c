/* SPDX-License-Identifier: Apache-2.0
 *
 * window.c - geometry of convolutions and pools (window.h) from a node's attributes.
 */
#include "window.h"

#include <inttypes.h>

/* What attributes may hold: larger ones are no network, and products of two stay far from overflow. */
static const int64_t max_attr = INT32_MAX;

static bool invalid(const Node *n, const char *what) {
  diag_error(EXIT_INVALID, n, "%s", what);
  return false;
}

/* A list attribute of `count` integers in [least, 2^31); `otherwise` when it is absent. */
static bool list(const Node *n, const char *name, int count, int64_t least, int64_t otherwise, int64_t *out) {
  const Attr *a = node_attr(n, name);
  for (int i = 0; i < count; i++)
    out[i] = otherwise;
  if (!a)
    return true;
  if (a->type != ATTR_INTS || a->n != count) {
    diag_error(EXIT_INVALID, n, "its %s must be a list of %d integers", name, count);
    return false;
  }
  for (int i = 0; i < count; i++) {
    if (a->ints[i] < least || a->ints[i] > max_attr) {
      diag_error(EXIT_INVALID, n, "its %s has the entry %" PRId64 ", which is %s", name, a->ints[i],
                 a->ints[i] < least ? (least ? "less than 1" : "negative") : "too large");
      return false;
    }
    out[i] = a->ints[i];
  }
  return true;
}

static bool pads(const Node *n, Window *w) {
  int64_t both[2 * MAX_SPATIAL];
  if (!list(n, "pads", 2 * w->axes, 0, 0, both))
    return false;
  for (int i = 0; i < w->axes; i++) {
    w->before[i] = both[i];
    w->after[i] = both[i + w->axes];
  }
  return true;
}

typedef enum { PAD_GIVEN, PAD_VALID, PAD_UPPER, PAD_LOWER } AutoPad;

static bool auto_pad(const Node *n, AutoPad *p) {
  static const char *const name[] = {"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"};
  const char *s = attr_string(n, "auto_pad", "NOTSET");
  for (int i = 0; i < 4; i++)
    if (!strcmp(s, name[i])) {
      *p = (AutoPad)i;
      return true;
    }
  diag_error(EXIT_INVALID, n, "auto_pad '%s' is none of NOTSET, VALID, SAME_UPPER, SAME_LOWER", diag_text(s));
  return false;
}

static int64_t reach(const Window *w, int i) {
  return (w->kernel[i] - 1) * w->dilation[i] + 1;
}

/* An odd total leaves one more after the input, or (SAME_LOWER) before it. */
static void distribute(Window *w, int i, int64_t total, bool more_after) {
  total = total > 0 ? total : 0;
  w->before[i] = more_after ? total / 2 : total - total / 2;
  w->after[i] = total - w->before[i];
}

static bool forward(const Node *n, Window *w, AutoPad p, bool ceil_mode) {
  for (int i = 0; i < w->axes; i++) {
    if (p == PAD_VALID)
      w->before[i] = w->after[i] = 0;
    if (p == PAD_UPPER || p == PAD_LOWER) {
      const int64_t same = (w->in[i] + w->stride[i] - 1) / w->stride[i];
      distribute(w, i, (same - 1) * w->stride[i] + reach(w, i) - w->in[i], p == PAD_UPPER);
    }
    const int64_t room = w->in[i] + w->before[i] + w->after[i] - reach(w, i);
    if (room < 0) {
      diag_error(EXIT_INVALID, n, "its kernel reaches over %" PRId64 " elements where the padded input has %" PRId64, reach(w, i),
                 room + reach(w, i));
      return false;
    }
    w->out[i] = (ceil_mode ? (room + w->stride[i] - 1) / w->stride[i] : room / w->stride[i]) + 1;
    if (ceil_mode && (w->out[i] - 1) * w->stride[i] >= w->in[i] + w->before[i])
      w->out[i]--; /* a window that starts in the padding behind the input does not count */
  }
  return true;
}

static bool backward(const Node *n, Window *w, AutoPad p) {
  int64_t more[MAX_SPATIAL], shape[MAX_SPATIAL];
  if (!list(n, "output_padding", w->axes, 0, 0, more))
    return false;
  const Attr *given = node_attr(n, "output_shape");
  /* some exporters give it with batch and channels */
  if (given && given->type == ATTR_INTS && given->n == w->axes + 2)
    for (int i = 0; i < w->axes; i++)
      shape[i] = given->ints[i + 2];
  else if (!list(n, "output_shape", w->axes, 1, 0, shape))
    return false;
  for (int i = 0; i < w->axes; i++) {
    if (more[i] >= w->stride[i] && more[i] >= w->dilation[i])
      return invalid(n, "its output_padding must be less than stride or dilation");
    const int64_t full = (w->in[i] - 1) * w->stride[i] + reach(w, i) + more[i];
    if (given || p == PAD_UPPER || p == PAD_LOWER) {
      w->out[i] = given ? shape[i] : w->in[i] * w->stride[i];
      distribute(w, i, full - w->out[i], p == PAD_UPPER);
    } else {
      if (p == PAD_VALID)
        w->before[i] = w->after[i] = 0;
      w->out[i] = full - w->before[i] - w->after[i];
    }
    if (w->out[i] < 1 || w->out[i] > max_attr) {
      diag_error(EXIT_INVALID, n, "output has the length %" PRId64 " along spatial axis %d", w->out[i], i);
      return false;
    }
  }
  return true;
}

bool window_of(const Node *n, Window *w) {
  const Tensor *x = n->in[0];
  AutoPad p;
  *w = (Window){.axes = x->rank - 2, .transposed = n->op == OP_ConvTranspose};
  if (w->axes < 1) {
    diag_error(EXIT_INVALID, n, "input '%s' has %d dimensions; batch, channels and at least one more are needed", diag_text(x->name),
               x->rank);
    return false;
  }
  for (int i = 0; i < x->rank; i++)
    if (x->dim[i] < 1)
      return invalid(n, "input has an empty dimension");
  memcpy(w->in, x->dim + 2, (size_t)w->axes * sizeof *w->in);
  if (n->op == OP_GlobalAveragePool || n->op == OP_GlobalMaxPool) {
    for (int i = 0; i < w->axes; i++) {
      w->kernel[i] = w->in[i];
      w->stride[i] = w->dilation[i] = w->out[i] = 1;
    }
    return true;
  }
  const bool conv = n->op == OP_Conv || n->op == OP_ConvTranspose;
  if (!conv && !node_attr(n, "kernel_shape"))
    return invalid(n, "has no kernel_shape");
  if (!list(n, "kernel_shape", w->axes, 1, 0, w->kernel) || !list(n, "strides", w->axes, 1, 1, w->stride) ||
      !list(n, "dilations", w->axes, 1, 1, w->dilation) || !pads(n, w) || !auto_pad(n, &p))
    return false;
  for (int i = 0; conv && i < w->axes; i++) {
    const int64_t size = n->in[1]->dim[i + 2];
    if (size < 1 || (w->kernel[i] && w->kernel[i] != size))
      return invalid(n, "its kernel_shape is not that of its weights");
    w->kernel[i] = size;
  }
  return w->transposed ? backward(n, w, p) : forward(n, w, p, !conv && attr_int(n, "ceil_mode", 0));
}

/* ---- walking ---- */

static int64_t product(int n, const int64_t *dim) {
  int64_t p = 1;
  for (int i = 0; i < n; i++)
    p *= dim[i];
  return p;
}

int64_t window_in(const Window *w) {
  return product(w->axes, w->in);
}
int64_t window_out(const Window *w) {
  return product(w->axes, w->out);
}
int64_t window_taps(const Window *w) {
  return product(w->axes, w->kernel);
}

int64_t window_source(const Window *w, const int64_t *at, const int64_t *tap) {
  int64_t element = 0;
  for (int i = 0; i < w->axes; i++) {
    int64_t pos;
    if (w->transposed) {
      pos = at[i] + w->before[i] - tap[i] * w->dilation[i];
      if (pos % w->stride[i])
        return -1;
      pos /= w->stride[i];
    } else {
      pos = at[i] * w->stride[i] + tap[i] * w->dilation[i] - w->before[i];
    }
    if (pos < 0 || pos >= w->in[i])
      return -1;
    element = element * w->in[i] + pos;
  }
  return element;
}

bool window_next(int axes, const int64_t *dim, int64_t *index) {
  for (int i = axes - 1; i >= 0; i--) {
    if (++index[i] < dim[i])
      return true;
    index[i] = 0;
  }
  return false;
}
