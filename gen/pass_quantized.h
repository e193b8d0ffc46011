/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_quantized.h - what the two halves of pass_quantized share: "wrappers" are Scale and Offset nodes, codes what they read.
 */
#ifndef NNGEN_PASS_QUANTIZED_H
#define NNGEN_PASS_QUANTIZED_H

#include "op.h"
#include "quantized.h"

/* A constant of whole numbers, in a format that holds them. */
Tensor *codes_const(Graph *g, const char *name, int rank, const int64_t *dim, const double *value);
/* The node that makes t when it is of that operator; NULL otherwise. */
Node *made_by(const Tensor *t, OpId op);
/* n's output 0 becomes Scale(new output, scale); the Scale comes back. `scale` broadcasts to it. */
Node *scale_behind(Graph *g, Node *n, Tensor *scale);
/* Dense layers, pools, means and sums on codes, the scale behind them; others are left as they are. */
void quantised_operator(Graph *g, Node *n);

#endif
