/* SPDX-License-Identifier: Apache-2.0
 *
 * mincut.h - least cut between two sets of nodes: Dinic's algorithm (1970) with integer capacities.
 */
#ifndef NNGEN_MINCUT_H
#define NNGEN_MINCUT_H

#include "base.h"

enum { CUT_SOURCE = 0, CUT_SINK = 1, CUT_INF = 1 << 29 };

typedef struct {
  int to, next, cap;
} CutEdge;

typedef struct {
  int n; /* nodes, source and sink included */
  int *head, *level, *at, *queue;
  int n_edges, cap_edges;
  CutEdge *edge;
} Cut;

/* Empties `c` (zero-initialised before its first use) for a graph of n nodes; memory is kept. */
void cut_begin(Cut *c, int n);
void cut_edge(Cut *c, int from, int to, int capacity);
/* Capacity of the least cut; on_source[i] tells for each node whether it is on the source's side (the smallest such side). */
int64_t cut_solve(Cut *c, uint8_t *on_source);
void cut_free(Cut *c);

#endif
