/* SPDX-License-Identifier: Apache-2.0
 *
 * mincut.c - Dinic's maximum flow, without recursion.
 */
#include "mincut.h"
#include <stdlib.h>

static void *grown(void *p, size_t n, size_t size) {
  void *r = realloc(p, n * size);
  if (!r) {
    fputs("nngen: out of memory\n", stderr);
    exit(EXIT_FILES);
  }
  return r;
}

void cut_begin(Cut *c, int n) {
  c->head = grown(c->head, (size_t)n, sizeof(int));
  c->level = grown(c->level, (size_t)n, sizeof(int));
  c->at = grown(c->at, (size_t)n, sizeof(int));
  c->queue = grown(c->queue, (size_t)n, sizeof(int));
  c->n = n;
  c->n_edges = 0;
  for (int i = 0; i < n; i++)
    c->head[i] = -1;
}

static void half_edge(Cut *c, int from, int to, int capacity) {
  if (c->n_edges == c->cap_edges) {
    c->cap_edges = c->cap_edges ? 2 * c->cap_edges : 1024;
    c->edge = grown(c->edge, (size_t)c->cap_edges, sizeof *c->edge);
  }
  c->edge[c->n_edges] = (CutEdge){to, c->head[from], capacity};
  c->head[from] = c->n_edges++;
}

void cut_edge(Cut *c, int from, int to, int capacity) {
  half_edge(c, from, to, capacity);
  half_edge(c, to, from, 0);
}

static bool levels(Cut *c) {
  for (int i = 0; i < c->n; i++)
    c->level[i] = -1;
  int first = 0, last = 0;
  c->queue[last++] = CUT_SOURCE;
  c->level[CUT_SOURCE] = 0;
  while (first < last) {
    int u = c->queue[first++];
    for (int e = c->head[u]; e >= 0; e = c->edge[e].next)
      if (c->edge[e].cap > 0 && c->level[c->edge[e].to] < 0) {
        c->level[c->edge[e].to] = c->level[u] + 1;
        c->queue[last++] = c->edge[e].to;
      }
  }
  return c->level[CUT_SINK] >= 0;
}

/* One augmenting path along rising levels; the edges of the path are kept in queue, which levels() is done with. */
static int augment(Cut *c) {
  int u = CUT_SOURCE, n = 0;
  while (u != CUT_SINK) {
    int e = c->at[u];
    while (e >= 0 && !(c->edge[e].cap > 0 && c->level[c->edge[e].to] == c->level[u] + 1))
      e = c->edge[e].next;
    c->at[u] = e;
    if (e >= 0) {
      c->queue[n++] = e;
      u = c->edge[e].to;
    } else { /* dead end: never again through u */
      if (u == CUT_SOURCE)
        return 0;
      c->level[u] = -1;
      u = c->edge[c->queue[--n] ^ 1].to;
    }
  }
  int flow = CUT_INF;
  for (int i = 0; i < n; i++)
    flow = c->edge[c->queue[i]].cap < flow ? c->edge[c->queue[i]].cap : flow;
  for (int i = 0; i < n; i++) {
    c->edge[c->queue[i]].cap -= flow;
    int *back = &c->edge[c->queue[i] ^ 1].cap;
    *back = *back > CUT_INF ? *back : *back + flow;
  }
  return flow;
}

int64_t cut_solve(Cut *c, uint8_t *on_source) {
  int64_t total = 0;
  while (levels(c)) {
    memcpy(c->at, c->head, (size_t)c->n * sizeof(int));
    for (int f; (f = augment(c)) > 0;)
      total += f;
  }
  for (int i = 0; i < c->n; i++)
    on_source[i] = c->level[i] >= 0;
  return total;
}

void cut_free(Cut *c) {
  free(c->head);
  free(c->level);
  free(c->at);
  free(c->queue);
  free(c->edge);
  *c = (Cut){0};
}
