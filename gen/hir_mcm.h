/* SPDX-License-Identifier: Apache-2.0
 *
 * hir_mcm.h - inside the constant-matrix engine (hir_mcm*.c): the problem, the adder graph and its parts. Nothing here touches a Kernel, so
 * that several searches can run in threads, each with a pool of its own.
 */
#ifndef NNGEN_HIR_MCM_H
#define NNGEN_HIR_MCM_H

#include "hir.h"

enum { MCM_MAX_WEIGHT = 60 }; /* bits of a weight's magnitude that the engine takes */

/* ---- memory: a pool for each search, freed as a whole ---- */

typedef struct {
  void *chunk; /* newest, linked */
  char *at;
  size_t left, bytes;
} McmPool;

void *mcm_alloc(McmPool *p, size_t count, size_t size); /* not zeroed */
void *mcm_zeroed(McmPool *p, size_t count, size_t size);
/* Room for one more element; a grown vector leaves its old copy in the pool. */
void *mcm_grow(McmPool *p, void *array, int count, int *cap, size_t size);
void mcm_release(McmPool *p);
/* Drops what was allocated since the pool looked like `mark`. */
void mcm_reset(McmPool *p, McmPool mark);

/* ---- the problem ---- */

typedef struct {
  int rows, cols;
  const int64_t *m;    /* m[i * cols + j] */
  const i128 *lo, *hi; /* of each input */
  const i128 *bias;    /* of each column; 0: none */
  const int *late;     /* of each column: levels that its readers need within the depth */
  int depth;           /* adder levels allowed; -1: no limit */
} McmProblem;

/* ---- the graph ---- */

/* One coefficient of a linear form over the inputs. */
typedef struct {
  int row;
  int64_t coef;
} McmTap;

/* Nodes 0 .. rows-1 are the inputs; a == -1: an input or a constant; b == -1: -a; else value = (a << sa) + or - (b << sb), one of the
 * shifts 0. */
typedef struct {
  int a, b, sa, sb;
  bool minus;
  int n_form, depth;
  int width;        /* of [lo, hi] */
  int bits;         /* its carry chain */
  McmTap *form;     /* by rising row; dropped (NULL) for nodes that are not read again */
  uint64_t support; /* rows of the form, folded to 64: disjoint when the intersection is empty */
  i128 lo, hi;      /* exact: of the form, not of operand intervals (x * 4 - x is x * 3) */
  i128 constant;    /* part of lo and hi */
} McmNode;

/* value << shift, negated or not: a summand of a column */
typedef struct {
  int node, shift;
  bool neg;
} McmTerm;

typedef struct {
  McmTerm *t;
  int n, cap;
  uint64_t load;  /* sum of 2^depth over the terms: a binary tree of height h exists if and only if load <= 2^h (Kraft) */
  uint64_t limit; /* 2^h; UINT64_MAX: none */
} McmColumn;

typedef struct {
  const McmProblem *p;
  McmPool *pool, *forms; /* forms: where those of new nodes go */
  McmNode *v;
  int n, cap;
  McmColumn *col;
  int64_t bits; /* of all nodes */
} McmGraph;

McmGraph *mcm_graph(McmPool *pool, const McmProblem *p);
/* Bits of an integer in [lo, hi], as hir_width_of but quick. */
int mcm_width(i128 lo, i128 hi);
/* (a << sa) +- (b << sb): its interval and carry-chain bits. */
typedef struct {
  i128 lo, hi;
  int width, bits;
} McmJoin;
McmJoin mcm_join(const McmGraph *g, int a, int sa, int b, int sb, bool minus);
int mcm_node(McmGraph *g, int a, int sa, int b, int sb, bool minus);
int mcm_negation(McmGraph *g, int a);
/* (a << sa) +- (b << sb), known to be the negative of node `of`, whose form it takes: those of a and b may have been dropped. */
int mcm_opposite(McmGraph *g, int of, int a, int sa, int b, int sb, bool minus);
int mcm_constant(McmGraph *g, i128 c);
void mcm_term(McmGraph *g, McmColumn *c, McmTerm t);

/* Non-zero digits of the canonical signed form (Reitwiesner 1960): the fewest of all signed-digit forms. */
static inline int mcm_digits(int64_t w) {
  uint64_t u = w < 0 ? -(uint64_t)w : (uint64_t)w;
  u ^= 3 * u;
  u -= u >> 1 & 0x5555555555555555u;
  u = (u & 0x3333333333333333u) + (u >> 2 & 0x3333333333333333u);
  return (int)(((u + (u >> 4)) & 0x0f0f0f0f0f0f0f0fu) * 0x0101010101010101u >> 56);
}

/* ---- stages ---- */

/* One way to search. All fields are part of the strategy, so that a result depends on nothing else. */
typedef struct {
  bool by_overlap; /* score (count - beta) * (overlap + alpha); else count * (bits saved + alpha) - beta * bits of the adder */
  double alpha, beta;
  double noise; /* each pattern's score is off by up to this part, by seed */
  uint64_t seed;
  int tries; /* orders tried for each sum, at least 1 */
} McmStrategy;

/* hir_mcm_cse.c: shares two-term patterns among all columns; leaves each column's terms in g->col. */
void mcm_share(McmGraph *g, const int64_t *m, const McmStrategy *s);

/* hir_mcm_sum.c: adds up each column's terms and its bias, column after column. out[j]: the sum (node -1: zero). */
void mcm_sum(McmGraph *g, const int *order, const McmStrategy *s, McmTerm *out);

/* hir_mcm_search.c */
typedef struct {
  McmGraph *graph;
  McmTerm *out; /* of each column */
  bool *live;   /* nodes that an output reads */
  int64_t bits;
  int adders, depth;
} McmResult;
McmResult mcm_search(McmPool *pool, const McmProblem *p, const McmStrategy *s);

#endif
