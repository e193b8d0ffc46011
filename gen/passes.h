/* SPDX-License-Identifier: Apache-2.0
 *
 * passes.h - passes over the Graph that change the network on request.
 */
#ifndef NNGEN_PASSES_H
#define NNGEN_PASSES_H

#include "nngen.h"

/* --prune=T: weights with |w| < T * max|w| of their tensor become 0. */
void pass_prune(Graph *g, double t);
/* --merge=T: neurons of a dense layer whose weights differ by less than T of the larger norm become one. */
void pass_merge(Graph *g, double t);

/* --state: input `in` of the graph becomes what its output `out` was a step before, 0 at first. EXIT_USAGE for names that are not there. */
void pass_state(Graph *g, int n, const StatePair *pair);

#endif
