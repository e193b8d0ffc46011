/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_c_stream.h - between the parts of the C back end of streaming designs.
 *
 *   emit_c_stream.c   memory, ports, order of the units, the files around them
 *   emit_c_unit.c     one function a unit
 *   emit_c_alone.c    the same of a sample alone, whose lanes are channels or positions
 *   emit_c_product.c  weights and sums of a unit that means a product
 */
#ifndef NNGEN_EMIT_C_STREAM_H
#define NNGEN_EMIT_C_STREAM_H

#include "emit_c.h"
#include "stream.h"

/* One pair of operands of a product, as a word of the panel (nn_units.h): its place from the position's first, and the operands' numbers
 * (-1: none). */
typedef struct {
  int at, operand[2];
} CPair;

/* How a unit is computed. */
typedef struct {
  const char *name; /* TOP_unitN */
  const Unit *u;
  const Kernel *k; /* finish or plain without QUANT; NULL: none */
  int first_site;
  int batch;       /* positions whose sums are finished together */
  int sum_kind;    /* PRODUCT: lane kind of the sums, 1 or 2 */
  bool paired;     /* PRODUCT: of 16-bit integers, two at a time */
  bool sparse;     /* few pairs of weights are not 0: these are listed */
  int weight_bits; /* 8, 16 or 32, as stored */
  bool narrow;     /* of 8 bits, and made wider as they are read: few positions share them */
  int n_pairs, step;
  CPair *pair;
  int row_words, col_words; /* of the panel, from position to position below or to the right */
  int panel_rows, panel_cols;
  int n_parts, *part; /* first pair of each partial sum that is proved to fit 32 bits; part[n_parts] = n_pairs */
} CUnit;

typedef struct {
  const char *top;
  const Stream *s;
  int n;
  CUnit *unit;
  int *kind; /* of each edge's rows */
  int *row;  /* of each edge: first row of its memory; -1: the input port itself */
  int in_kind, out_kind;
  int rows[LANE_KINDS];                  /* of the memory that edges share */
  int panel, sums[LANE_KINDS], pointers; /* most that a unit needs; sums of 32 and 64 bits, in rows */
  int parts;                             /* partial sums, in rows */
  int flat;                              /* elements of input ports that are edges as they are */
  int lanes;                             /* operands and results of a kernel, in rows */
  int sites;
  int weights; /* stored in 8 bits */
} CStream;

int c_edge(const CStream *c, const Edge *e);
/* Where the rows of an edge are, as a pointer of its type; alone: its elements, of a sample alone. */
const char *c_edge_text(const CStream *c, const Edge *e, bool alone);
/* Bytes of a row, or of an element. */
const char *c_row_bytes(const CStream *c, int bits, bool alone);

/* Decides how a PRODUCT is computed. */
void c_plan_product(CUnit *u, int in_kind);
/* Its tables, and the statements that leave the sums of positions at .. at+n-1 in m->sumK. */
void c_product_tables(Buf *b, const CStream *c, const CUnit *u);
void c_product_begin(Buf *b, const CStream *c, const CUnit *u, bool alone);
void c_product_sums(Buf *b, const CStream *c, const CUnit *u, bool alone);

CUnit c_plan_unit(const CStream *c, const Unit *u, int number);
void c_unit(Buf *b, const CStream *c, const CUnit *u);
/* The same of one sample alone: NAME_alone. */
void c_unit_alone(Buf *b, const CStream *c, const CUnit *u);
const char *c_taps_name(const CUnit *u, int input);

#endif
