/* SPDX-License-Identifier: Apache-2.0
 *
 * hir_mcm_tree.c - columns as differences from other columns: y[j] = +-(y[i] << s) + a difference with fewer digits. Which differences: a
 * least spanning tree (Prim), its edges weighted by digits (for constant matrices: Sun, Que, Loncar, Luk, Spiropulu, arXiv 2507.04535; the
 * idea for multiple constants: Gustafsson 2007). Its height is bounded, as each link is an adder on the way.
 */
#include "hir_mcm.h"

enum { MAX_SHIFT = 3 };

/* links[i * cols + j]: fewest digits of column j less a shifted copy of column i */
McmLink *mcm_links(McmPool *pool, const McmProblem *p) {
  size_t cols = (size_t)p->cols;
  McmLink *links = mcm_zeroed(pool, cols * cols, sizeof *links);
  for (size_t i = 0; i < cols; i++)
    for (size_t j = 0; j < cols; j++) {
      McmLink *best = &links[i * cols + j];
      best->digits = INT32_MAX;
      if (i == j)
        continue;
      for (int s = 0; s <= MAX_SHIFT; s++)
        for (int neg = 0; neg < 2; neg++) {
          int n = 0;
          for (int r = 0; r < p->rows && n < best->digits; r++) {
            int64_t a = p->m[(size_t)r * cols + i] * (1 << s), b = p->m[(size_t)r * cols + j];
            n += mcm_digits(neg ? b + a : b - a);
          }
          if (n < best->digits)
            *best = (McmLink){n, (int8_t)s, neg};
        }
    }
  return links;
}

static int column_digits(const McmProblem *p, int j) {
  int n = 0;
  for (int r = 0; r < p->rows; r++)
    n += mcm_digits(p->m[(size_t)r * (size_t)p->cols + (size_t)j]);
  return n;
}

McmTree *mcm_tree(McmPool *pool, const McmProblem *p, const McmStrategy *s) {
  size_t cols = (size_t)p->cols, cells = cols * (size_t)p->rows;
  McmTree *t = mcm_zeroed(pool, 1, sizeof *t);
  t->parent = mcm_alloc(pool, cols, sizeof *t->parent);
  t->order = mcm_alloc(pool, cols, sizeof *t->order);
  t->shift = mcm_zeroed(pool, cols, sizeof *t->shift);
  t->height = mcm_zeroed(pool, cols, sizeof *t->height);
  t->neg = mcm_zeroed(pool, cols, sizeof *t->neg);
  t->diff = mcm_alloc(pool, cells, sizeof *t->diff);
  memcpy(t->diff, p->m, cells * sizeof *t->diff);
  double *cost = mcm_alloc(pool, cols, sizeof *cost);
  int *depth = mcm_zeroed(pool, cols, sizeof *depth); /* -1: in the tree */
  bool *in = mcm_zeroed(pool, cols, sizeof *in);
  for (int j = 0; j < p->cols; j++) {
    t->parent[j] = -1;
    cost[j] = column_digits(p, j);
  }
  for (int k = 0; k < p->cols; k++) {
    int j = -1;
    for (int c = 0; c < p->cols; c++)
      if (!in[c] && (j < 0 || cost[c] < cost[j]))
        j = c;
    in[j] = true;
    t->order[k] = j;
    int parent = t->parent[j];
    if (parent >= 0) {
      const McmLink *l = &p->links[(size_t)parent * cols + (size_t)j];
      depth[j] = depth[parent] + 1;
      t->shift[j] = l->shift;
      t->neg[j] = l->neg;
      for (int r = 0; r < p->rows; r++) {
        int64_t a = p->m[(size_t)r * cols + (size_t)parent] * (1 << l->shift);
        t->diff[(size_t)r * cols + (size_t)j] += l->neg ? a : -a;
      }
    }
    if (depth[j] >= s->tree)
      continue;
    /* levels: a column at depth d of the tree must be done s->tree - d levels before the last */
    int levels = p->depth - s->tree + depth[j];
    if (p->depth >= 0 && (levels < 0 || (parent < 0 && column_digits(p, j) + 1 > 1 << (levels < 30 ? levels : 30))))
      continue;
    for (int c = 0; c < p->cols; c++) {
      const McmLink *l = &p->links[(size_t)j * cols + (size_t)c];
      double d = l->digits + s->tree_cost;
      if (!in[c] && d < cost[c] && (p->depth < 0 || l->digits + 1 <= 1 << (levels < 30 ? levels : 30)))
        cost[c] = d, t->parent[c] = j;
    }
  }
  for (int k = p->cols - 1; k >= 0; k--) {
    int j = t->order[k], parent = t->parent[j];
    if (parent >= 0 && t->height[parent] <= t->height[j])
      t->height[parent] = t->height[j] + 1;
  }
  return t;
}
