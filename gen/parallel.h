/* SPDX-License-Identifier: Apache-2.0
 *
 * parallel.h - work that two threads share.
 */
#ifndef NNGEN_PARALLEL_H
#define NNGEN_PARALLEL_H

#include <stddef.h>

enum { PARTS = 2 }; /* always so many: the same input gives the same bytes on any machine */

/* Calls f(ctx, 0) to f(ctx, PARTS - 1) side by side, or one after the other where no thread can be had. None may write what another reads
 * or writes, nor use the arena (mem_scratch is free to use). */
void in_parts(void (*f)(void *ctx, int part), void *ctx);

/* The first of n items of a part, where each takes a run of them; that of part PARTS is n. */
static inline size_t part_start(size_t n, int part) {
  return n * (size_t)part / PARTS;
}

#endif
