/* SPDX-License-Identifier: Apache-2.0
 *
 * gradient.h - how a node's operands move its results, backwards (reverse mode; Griewank and Walther, Evaluating Derivatives, 2008).
 */
#ifndef NNGEN_GRADIENT_H
#define NNGEN_GRADIENT_H

#include "nngen.h"

typedef struct Gradient Gradient;

/* What is the same for every sample. NULL: an operator that this cannot do (Softmax, products of run-time operands, linear Resize, ...).
 * To be freed by gradient_free. */
Gradient *gradient_new(const Node *n);
void gradient_free(Gradient *g); /* NULL: nothing */
/* The node itself over rows of samples: out from in, as below. */
void gradient_run(const Gradient *g, size_t rows, const double *const *in, double *const *out);
/* Over rows of samples: dx[k] += (d out / d in[k])' dy. in, out, dy, dx: by operand or result, rows x elements each, but one row for all
 * samples where an operand is constant. dx[k] NULL: not asked for; dy[i] NULL: nothing depends on that result. Weights that were 0, as
 * rounded, when g was made are taken to stay so, and left out by both. Deterministic. */
void gradient_back(const Gradient *g, size_t rows, const double *const *in, const double *const *out, const double *const *dy,
                   double *const *dx);

#endif
