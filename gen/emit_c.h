/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_c.h - between the parts of the C back end: how a kernel is laid out as C.
 *
 *   emit_c_sum.c   which adder graphs become sums of products: fewer instructions than the adders, and loops instead of straight code
 *   emit_c_plan.c  what is computed when, in which lane width, and where it lies in memory
 *   emit_c_body.c  prints the plan
 *   emit_c.c       the files around it
 */
#ifndef NNGEN_EMIT_C_H
#define NNGEN_EMIT_C_H

#include "emit.h"

enum { LANE_KINDS = 4 }; /* 16, 32, 64, 128 bits: kind 0 to 3 */

/* Several sums over the same values: row r is bias[r] + sum of w[r*cols + c] * value col[c], modulo 2^(16 << kind), where it is proved to
 * fit. */
typedef struct {
  int kind, phase, layer;
  int rows, cols;
  int *row, *col;     /* values; rows may be virtual ones */
  uint64_t *w, *bias; /* w: row after row */
} CSum;

typedef enum { C_VALUE, C_COPY, C_TOTAL, C_OUT } CItemType;

/* One statement: a value; a copy of one into wider memory, for sums; the total of a value's partial sums; an output. */
typedef struct {
  CItemType type;
  int value, arg; /* C_COPY: kind; C_TOTAL: index in CPlan.total; C_OUT: output element */
  int kind, phase, level, order;
} CItem;

/* A value whose sum is made of partial sums (virtual values) in lanes of half the width, each proved to fit them. */
typedef struct {
  int value, kind, n, *part;
  uint64_t bias;
} CTotal;

typedef struct {
  bool is_sum; /* sums first .. first+n-1, else items */
  int first, n, kind;
  int n_trace, trace; /* layer elements that are ready after it */
} CStep;

typedef struct {
  int layer, element, value;
} CTrace;

typedef struct {
  const Kernel *k;
  int n;                /* values, then virtual ones */
  uint8_t *live, *read; /* live: read by others, or counted */
  uint8_t *in_sum;      /* computed by a sum, or inside one */
  uint8_t *is_row;      /* result of a sum */
  uint8_t *kind;        /* lane kind of the value's memory */
  int *phase;
  int n_virtual, cap_virtual;
  uint8_t *virtual_kind;
  int n_sums, cap_sums;
  CSum *sum;
  int n_totals, cap_totals;
  CTotal *total;
  int n_items, cap_items;
  CItem *item;
  int n_steps, cap_steps;
  CStep *step;
  int n_traces;
  CTrace *trace;
  int *slot[LANE_KINDS]; /* row of w16, w32, w64, w128 that holds the value; -1: none */
  int n_slots[LANE_KINDS];
  int in_kind, out_kind;
  int64_t sum_terms, graph_adders; /* how much is done either way */
  const struct CPart *part;
} CPlan;

/* A kernel that is one of several in a streaming design: it reads and writes rows where it is told to, for `groups` positions or groups of
 * channels in turn. */
typedef struct CPart {
  const char *name;       /* prefix of what is printed for it */
  bool scattered;         /* inputs lie anywhere, each behind its pointer; else one behind the other, group after group */
  const uint8_t *in_kind; /* lane kind of the memory of each input */
  int out_kind;
} CPart;

/* What the files around the computation must know of it. */
typedef struct {
  int in_kind;
  int bulk;                      /* lane width of most of the work */
  int64_t memory;                /* bytes of TOP_mem where vectors are widest */
  int *site_kind;                /* of each site: c_site_kind */
  const char *values, *includes; /* text: where values are explained; further #include lines */
  bool alone;                    /* up to TOP_ALONE samples leave the other lanes alone */
  Buf body;                      /* all up to TOP_block */
} CModel;

static inline int c_bits(int kind) {
  return 16 << kind;
}
/* Least kind that holds [lo, hi] with a sign bit. */
int c_kind_of(i128 lo, i128 hi);

/* Decides sums: fills in_sum, is_row, sum, total and virtual values. live and kind are there. */
void c_plan_sums(CPlan *p);
/* part: NULL where the kernel is the whole network. */
CPlan *c_plan(const Kernel *k, const CPart *part);

/* Tables, weights, memory layout, one function a step, and the function that runs them all. */
void c_body(Buf *b, const CPlan *p, const char *top);
/* The same of a part: its memory, NAME_mem, and NAME_run(NAME_mem *). */
void c_part(Buf *b, const CPlan *p, const char *top);
/* Text of the model, fit for a comment; an integer as a literal of a lane type, modulo its size. */
const char *c_comment(const char *s);
void c_number(Buf *b, int kind, i128 v);

/* 2 for a table's limit, 1 where something wraps, else 0. */
int c_site_kind(const Kernel *k, int site);
/* All files of the C model. Of d->k only ports, layers, sites and state matter. */
void c_files(const Design *d, const CModel *m, Folder *f);

#endif
