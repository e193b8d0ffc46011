/* SPDX-License-Identifier: Apache-2.0
 *
 * vectors.h - the raw test vectors: the extremes of every input, then the samples; expectations from hir_eval.
 */
#ifndef NNGEN_VECTORS_H
#define NNGEN_VECTORS_H

#include "report.h"

/* Corner vectors, so many random inputs over their whole ranges, then the samples with their outputs (both from compare_run). */
Vectors vectors_from(const Kernel *k, const Samples *s, const int64_t *raw, const int64_t *out, size_t random);
/* The same of a stream; k: stream_layers of it. */
Vectors vectors_stream(const Stream *st, const Kernel *k, const Samples *s, const int64_t *raw, const int64_t *out, size_t random);
/* For a design that comes as hardware IR: corners and random inputs; 0: all inputs where these have few bits, else 1,000. */
Vectors vectors_random(const Kernel *k, size_t random);

#endif
