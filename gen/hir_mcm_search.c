/* SPDX-License-Identifier: Apache-2.0
 *
 * hir_mcm_search.c - one search: sharing, sums; and its price.
 */
#include "hir_mcm.h"

static uint64_t limit_of(const McmProblem *p, int levels) {
  return p->depth < 0 ? UINT64_MAX : (uint64_t)1 << (levels > 0 ? levels : 0);
}

/* No positive term: the sum has to be negated, which may take a level. */
static bool all_negative(const McmProblem *p, int j) {
  for (int i = 0; i < p->rows; i++)
    if (p->m[(size_t)i * (size_t)p->cols + (size_t)j] > 0)
      return false;
  return !p->bias[j];
}

/* What is read from the outputs: bits, adders, depth. */
static void price(McmResult *r) {
  const McmGraph *g = r->graph;
  bool *live = mcm_zeroed(g->pool, (size_t)g->n, sizeof *live);
  for (int j = 0; j < g->p->cols; j++) {
    int node = r->out[j].node, neg = r->out[j].neg;
    if (node < 0)
      continue;
    live[node] = true;
    if (neg)
      r->bits += g->v[node].width, r->adders++;
    if (g->v[node].depth + neg > r->depth)
      r->depth = g->v[node].depth + neg;
  }
  for (int i = g->n - 1; i >= 0; i--) {
    const McmNode *v = &g->v[i];
    if (!live[i] || v->a < 0)
      continue;
    live[v->a] = true;
    if (v->b >= 0)
      live[v->b] = true;
    r->bits += v->bits;
    r->adders++;
  }
  r->live = live;
}

/* Columns with the fewest digits first. */
static int *by_digits(McmPool *pool, const McmProblem *p) {
  int *order = mcm_alloc(pool, (size_t)p->cols, sizeof *order), *digits = mcm_zeroed(pool, (size_t)p->cols, sizeof *digits);
  for (int j = 0; j < p->cols; j++) {
    for (int i = 0; i < p->rows; i++)
      digits[j] += mcm_digits(p->m[(size_t)i * (size_t)p->cols + (size_t)j]);
    int at = j;
    for (; at > 0 && digits[order[at - 1]] > digits[j]; at--)
      order[at] = order[at - 1];
    order[at] = j;
  }
  return order;
}

McmResult mcm_search(McmPool *pool, const McmProblem *p, const McmStrategy *s) {
  McmGraph *g = mcm_graph(pool, p);
  McmResult r = {.graph = g, .out = mcm_alloc(pool, (size_t)p->cols, sizeof *r.out)};
  for (int j = 0; j < p->cols; j++) { /* room for the bias and for what comes behind the sum */
    g->col[j].limit = limit_of(p, p->depth - p->late[j] - all_negative(p, j));
    g->col[j].load = p->depth >= 0 && p->bias[j] != 0;
  }
  mcm_share(g, p->m, s);
  for (int j = 0; j < p->cols; j++) {
    g->col[j].load -= p->depth >= 0 && p->bias[j] != 0;
    g->col[j].limit = limit_of(p, p->depth - p->late[j]);
  }
  mcm_sum(g, by_digits(pool, p), s, r.out);
  price(&r);
  return r;
}
