/* SPDX-License-Identifier: Apache-2.0
 *
 * quantized.h - networks that come quantised: what the three internal operators mean that pass_quantized makes of QuantizeLinear,
 * DequantizeLinear, Quant and their kind. They compute on codes: whole numbers c = q - zero point, so that a tensor's value is c * scale
 * and padding is 0.
 *
 *   Requantize(x, scale, zero)  the code of x: limited(round(x / scale) + zero) - zero, in float32 (x, the quotient), as ONNX says and
 *                               onnxruntime computes. x first goes through the node's chain, rounded to float32 after each step.
 *   Scale(c, scale)             c * scale, in real numbers; with attribute "divide" c * scale / divide
 *   Offset(c, offset)           c + offset, exact; from codes to ONNX's integers q and back
 *
 * scale, zero and offset are constants that broadcast to the first input.
 */
#ifndef NNGEN_QUANTIZED_H
#define NNGEN_QUANTIZED_H

#include "nngen.h"

typedef enum {
  QUANT_HALF_EVEN,
  QUANT_FLOOR,
  QUANT_CEIL,
  QUANT_UP,        /* away from zero */
  QUANT_DOWN,      /* towards zero */
  QUANT_HALF_UP,   /* half away from zero */
  QUANT_HALF_DOWN, /* half towards zero */
  QUANT_BIPOLAR,   /* 1 from 0 on, -1 below */
  QUANT_COUNT      /* how many thresholds x reaches; they are `scale`, [channels or 1][count], channels on "axis" */
} QuantMode;

/* A Requantize node's attributes "mode", "lo" and "hi" (limits before `zero` is taken off), "zero_first" (added before rounding). */
typedef struct {
  QuantMode mode;
  double lo, hi;
  bool zero_first;
} Requant;
Requant requant_of(const Node *n);
/* The code of one number; not for QUANT_COUNT. */
double requant(const Requant *r, double x, double scale, double zero);
/* Row of the thresholds for element e of node n's input. */
int64_t requant_row(const Node *n, int64_t e);

/* Element of a scale or zero point p that belongs to element e of x, for QuantizeLinear and DequantizeLinear: one in all, one for each
 * index of the attribute "axis", or for each block of "block_size" along it. */
int64_t quant_param(const Node *n, const Tensor *x, const Tensor *p, int64_t e);

/* The one element of a constant, or of one that says the same everywhere; false when elements differ, or it is none. */
bool one_value(const Tensor *t, double *v);
/* Range of the codes that t holds, where all are whole numbers because of what made them; false otherwise. */
bool code_range(const Tensor *t, double *lo, double *hi);
/* Whether a graph input is only ever quantised, and always the same way: then its port takes the integers. */
bool quantised_input(const Graph *g, const Tensor *t, const Node **how);

#endif
