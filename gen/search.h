/* SPDX-License-Identifier: Apache-2.0
 *
 * search.h - --target-loss.
 */
#ifndef NNGEN_SEARCH_H
#define NNGEN_SEARCH_H

#include "quant.h"

typedef struct {
  int width;          /* bits of the results between layers */
  double price;       /* of an adder bit */
  double adder_bits;  /* digits x width: no sharing counted */
  double true_bits;   /* of the adder graphs and tables themselves, and of multipliers in time (search_stream.c); negative: not built */
  double loss, error; /* on the samples held back: share of decisions lost (by labels) or changed, growth of the RMS error (by labels) or
                       * RMS deviation over the spread; its standard error */
  bool pass, taught;  /* taught: search_train.c */
  double lost;        /* by the labels as counted: share of right decisions lost, or growth of the RMS error */
  double changed, deviation; /* share of decisions changed; RMS deviation of what decides, over its spread */
} SearchPoint;

typedef struct SearchResult {
  SearchPoint *point;
  int n, cap, best; /* best: number from 1; 0: none is within the target */
  size_t n_fit, n_held;
  bool classes, labels;
} SearchResult;

/* Rounds the weights of g's dense layers, and narrows what is stored between layers, as far as the loss on the samples that are held
 * back (half of them; with --fit all) stays within o->target_loss, one standard error included. Formats must be assigned. NULL, or none
 * found: after diag_error. In the arena. */
const SearchResult *search_run(Graph *g, const Options *o, const Config *config, const Samples *s);

/* --round-weights=compensated: rounds the weights at the formats given, without a price. */
void search_compensate(Graph *g, const Options *o, const Config *config, const Samples *s);

#endif
