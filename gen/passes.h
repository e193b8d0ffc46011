/* SPDX-License-Identifier: Apache-2.0
 *
 * passes.h - passes over the Graph that change the network on request.
 */
#ifndef NNGEN_PASSES_H
#define NNGEN_PASSES_H

#include "quant.h"

/* --prune=T: weights with |w| < T * max|w| of their tensor become 0. */
void pass_prune(Graph *g, double t);
/* --prune=P%, --prune=N:M: the share of each layer's weights that matters least on the samples becomes 0 (of = 0), or all but `keep` of
 * each `of` consecutive inputs of a neuron; with `rows`, that share of the neurons that a dense layer reads from another. */
void pass_prune_least(Graph *g, const Samples *s, double share, int keep, int of, bool rows);
/* Copies the elements of a constant to Tensor.original, once; before they are changed. */
void keep_original(Tensor *t);
/* --merge=T: neurons of a dense layer whose weights differ by less than T of the larger norm become one. */
void pass_merge(Graph *g, double t);

/* Small convolutions become dense layers, see pass_local.c. */
void pass_local(Graph *g);

/* --state: input `in` of the graph becomes what its output `out` was a step before, 0 at first. EXIT_USAGE for names that are not there. */
void pass_state(Graph *g, int n, const StatePair *pair);

#endif
