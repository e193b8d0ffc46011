/* SPDX-License-Identifier: Apache-2.0
 *
 * resize.h - what each output position of a Resize reads: at most two input positions an axis, with constant weights.
 */
#ifndef NNGEN_RESIZE_H
#define NNGEN_RESIZE_H

#include "nngen.h"

/* At one output position along one axis. Nearest: one tap. Outside the region that crops: none. */
typedef struct {
  int taps;
  int64_t at[2];
  double weight[2];
} ResizeTaps;

/* Of output position `pos` along `axis`; n is past inference. */
ResizeTaps resize_taps(const Node *n, int axis, int64_t pos);
/* All axes together at an output index: elements of the input with the products of their weights; at[], weight[] have room for 2^rank. How
 * many comes back; 0: outside. */
int resize_gather(const Node *n, const int64_t *index, int64_t *at, double *weight);

#endif
