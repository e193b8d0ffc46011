/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_upgrade.h - what the two halves of pass_upgrade share.
 */
#ifndef NNGEN_PASS_UPGRADE_H
#define NNGEN_PASS_UPGRADE_H

#include "nngen.h"

/* A new node in front of n with one new output, both named after n and `part`; the output is returned. b may be NULL. */
Tensor *upgrade_insert(Graph *g, Node *n, const char *op, const char *part, Tensor *a, Tensor *b);
/* A constant of rank 1 named after n and `part`. */
Tensor *upgrade_const(Graph *g, const Node *n, const char *part, DataType dtype, int count, const double *value);
/* Rewrites an ai.onnx.ml operator; others are left alone. */
void upgrade_ml(Graph *g, Node *n);
/* Rewrites QLinear*, *Integer and QGemm as the operator they quantise, between DequantizeLinear and QuantizeLinear; true when n is one. */
bool upgrade_quantised(Graph *g, Node *n);

#endif
