/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_hls.h - what the parts of the HLS C++ back end share.
 */
#ifndef NNGEN_EMIT_HLS_H
#define NNGEN_EMIT_HLS_H

#include "emit_vhdl.h"

typedef struct {
  bool is_signed;
  int width;
} HlsType;

/* One product of a sum: coefficient times value; value -1: the constant c. */
typedef struct {
  int value;
  i128 c;
} HlsTerm;

/* --hls-mult=tool: value as a sum of products. */
typedef struct {
  int n; /* 0: the value is computed as the kernel says */
  HlsTerm *term;
} HlsSum;

typedef struct {
  const Design *d;
  const Kernel *k;
  Vhdl names;                      /* names of values, layers and tables: the same as in the VHDL */
  uint8_t *needed;                 /* values that the code reads */
  HlsSum *sum;                     /* --hls-mult=tool: of each value; n = 0 without */
  bool used[2][HIR_MAX_WIDTH + 8]; /* [signed][width]: types that need a short name */
} Hls;

/* emit_hls_expr.c */

HlsType hls_type_of(const HirValue *v);
bool hls_is_const(const Kernel *k, int value);
/* "s18" */
const char *hls_type(Hls *h, HlsType t);
/* The declaration of value i. */
void hls_statement(Buf *b, Hls *h, int i);

/* emit_hls_sum.c: fills h->needed and, with `sums`, h->sum. */
void hls_plan(Hls *h, bool sums);

#endif
