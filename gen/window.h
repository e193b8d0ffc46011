/* SPDX-License-Identifier: Apache-2.0
 *
 * window.h - the geometry that convolutions and pools share: which input element lies under which tap of the kernel at which output
 * position.
 */
#ifndef NNGEN_WINDOW_H
#define NNGEN_WINDOW_H

#include "nngen.h"

enum { MAX_SPATIAL = MAX_RANK - 2 };

/* Per spatial axis; x is [batch][channels][in...], y [batch][channels][out...]. */
typedef struct {
  int axes;
  bool transposed; /* taps lead from an input position to output positions, not the other way round */
  int64_t in[MAX_SPATIAL], out[MAX_SPATIAL], kernel[MAX_SPATIAL], stride[MAX_SPATIAL], dilation[MAX_SPATIAL];
  int64_t before[MAX_SPATIAL], after[MAX_SPATIAL]; /* padding */
} Window;

/* The window of a Conv, ConvTranspose, MaxPool, AveragePool or Global*Pool node whose inputs have shapes. False after diag_error; never
 * once inference has passed. */
bool window_of(const Node *n, Window *w);
/* Elements of one channel, and taps of the kernel. */
int64_t window_in(const Window *w);
int64_t window_out(const Window *w);
int64_t window_taps(const Window *w);
/* Element of the input channel under tap `tap` at output position `at`; -1: padding. */
int64_t window_source(const Window *w, const int64_t *at, const int64_t *tap);
/* By how many the sum over a window is divided, of which `seen` elements are no padding (eval_window.c). */
int64_t window_members(const Node *n, const Window *w, const int64_t *at, int64_t seen);
/* Along the last axis, places that meet at a tap: n of them from a and b on. a walks the side that steps by 1, b the one that steps by the
 * stride: output and input, or (transposed) input and output. */
typedef struct {
  int64_t a, b, n;
} Run;
/* Runs of all taps, which are the same for all channels: those of tap t from first[t] to first[t + 1]. To be freed by the caller. */
Run *window_runs(const Window *w, int64_t taps, int64_t *first);
/* The next index in row-major order; false past the last, which leaves the first. */
bool window_next(int axes, const int64_t *dim, int64_t *index);

/* A step through rows of `each` values that comes past all places of a row, at least `least`. */
static inline size_t stride_through(size_t each, size_t least) {
  for (size_t stride = least;; stride++) {
    size_t a = stride, b = each;
    while (b) {
      size_t rest = a % b;
      a = b, b = rest;
    }
    if (a == 1)
      return stride;
  }
}

#endif
