/* SPDX-License-Identifier: Apache-2.0
 *
 * hir_mcm_node.c - parts of the constant-matrix engine that every stage uses: memory pools, nodes with their linear forms, terms of
 * columns.
 */
#include "hir_mcm.h"
#include <stdlib.h>

/* ---- pools ---- */

enum { CHUNK = 1 << 20 };

typedef union Chunk Chunk;
union Chunk {
  Chunk *next;
  max_align_t align;
};

void *mcm_alloc(McmPool *p, size_t count, size_t size) {
  size_t bytes = (count * size + sizeof(max_align_t)) / sizeof(max_align_t) * sizeof(max_align_t);
  if (bytes > p->left) {
    size_t n = bytes > CHUNK ? bytes : CHUNK;
    Chunk *c = count > SIZE_MAX / 4 / size ? NULL : malloc(sizeof *c + n);
    if (!c) {
      fprintf(stderr, "nngen: out of memory: %zu bytes wanted for an adder graph, %zu in use\n", n, p->bytes);
      exit(EXIT_FILES);
    }
    c->next = p->chunk;
    p->chunk = c;
    p->bytes += n;
    if (n > bytes || !p->at)
      p->at = (char *)(c + 1), p->left = n;
    else
      return c + 1; /* a large one of its own: the open chunk stays open */
  }
  void *at = p->at;
  p->at += bytes;
  p->left -= bytes;
  return at;
}

void *mcm_zeroed(McmPool *p, size_t count, size_t size) {
  return memset(mcm_alloc(p, count, size), 0, count * size);
}

void *mcm_grow(McmPool *p, void *array, int count, int *cap, size_t size) {
  if (count < *cap)
    return array;
  *cap = *cap ? 2 * *cap : 16;
  void *a = mcm_alloc(p, (size_t)*cap, size);
  if (count)
    memcpy(a, array, (size_t)count * size);
  return a;
}

void mcm_release(McmPool *p) {
  for (Chunk *c = p->chunk, *next; c; c = next) {
    next = c->next;
    free(c);
  }
  *p = (McmPool){0};
}

void mcm_reset(McmPool *p, McmPool mark) {
  for (Chunk *c = p->chunk, *next; c != mark.chunk; c = next) {
    next = c->next;
    free(c);
  }
  *p = mark;
}

/* ---- nodes ---- */

int mcm_width(i128 lo, i128 hi) {
  if (lo >= -((i128)1 << 62) && hi < (i128)1 << 62) {
    uint64_t m = (uint64_t)(lo < 0 ? ~(int64_t)lo : 0) | (uint64_t)(hi > 0 ? (int64_t)hi : 0);
    int w = (m ? 64 - __builtin_clzll(m) : 0) + (lo < 0);
    return w ? w : 1;
  }
  return hir_width_of(lo, hi);
}

McmGraph *mcm_graph(McmPool *pool, const McmProblem *p) {
  McmGraph *g = mcm_zeroed(pool, 1, sizeof *g);
  g->p = p;
  g->pool = g->forms = pool;
  g->n = p->rows;
  g->cap = p->rows + 256;
  g->v = mcm_zeroed(pool, (size_t)g->cap, sizeof *g->v);
  g->col = mcm_zeroed(pool, (size_t)p->cols, sizeof *g->col);
  for (int i = 0; i < p->rows; i++) {
    McmTap *form = mcm_alloc(pool, 1, sizeof *form);
    *form = (McmTap){i, 1};
    g->v[i] = (McmNode){.a = -1,
                        .b = -1,
                        .n_form = 1,
                        .form = form,
                        .support = (uint64_t)1 << (i & 63),
                        .lo = p->lo[i],
                        .hi = p->hi[i],
                        .width = mcm_width(p->lo[i], p->hi[i])};
  }
  return g;
}

static i128 up(i128 x, int n) {
  return x * ((i128)1 << n);
}

/* Interval of a linear form from two. */
static void form_interval(const McmGraph *g, const McmNode *a, int sa, const McmNode *b, int sb, bool minus, i128 *lo, i128 *hi) {
  i128 l = up(a->constant, sa) + (minus ? -up(b->constant, sb) : up(b->constant, sb)), h = l;
  for (int i = 0, j = 0; i < a->n_form || j < b->n_form;) {
    int ra = i < a->n_form ? a->form[i].row : INT32_MAX, rb = j < b->n_form ? b->form[j].row : INT32_MAX, r = ra < rb ? ra : rb;
    i128 c = 0;
    if (ra == r)
      c = up(a->form[i++].coef, sa);
    if (rb == r)
      c += minus ? -up(b->form[j].coef, sb) : up(b->form[j].coef, sb), j++;
    l += c * (c < 0 ? g->p->hi[r] : g->p->lo[r]);
    h += c * (c < 0 ? g->p->lo[r] : g->p->hi[r]);
  }
  *lo = l, *hi = h;
}

McmJoin mcm_join(const McmGraph *g, int na, int sa, int nb, int sb, bool minus) {
  const McmNode *a = &g->v[na], *b = &g->v[nb];
  McmJoin j;
  if (a->support & b->support) {
    form_interval(g, a, sa, b, sb, minus, &j.lo, &j.hi);
  } else {
    j.lo = up(a->lo, sa) + (minus ? -up(b->hi, sb) : up(b->lo, sb));
    j.hi = up(a->hi, sa) + (minus ? -up(b->lo, sb) : up(b->hi, sb));
  }
  j.width = mcm_width(j.lo, j.hi);
  /* low bits of a pass beside b << sb; those of b beside a << sa only when b is added */
  j.bits = j.width - (sb > 0 ? sb : minus ? 0 : sa);
  if (j.bits < 1)
    j.bits = 1;
  return j;
}

static McmNode *put(McmGraph *g) {
  g->v = mcm_grow(g->pool, g->v, g->n, &g->cap, sizeof *g->v);
  return &g->v[g->n++];
}

int mcm_node(McmGraph *g, int na, int sa, int nb, int sb, bool minus) {
  McmJoin join = mcm_join(g, na, sa, nb, sb, minus);
  McmNode *v = put(g), *a = &g->v[na], *b = &g->v[nb];
  *v = (McmNode){.a = na,
                 .b = nb,
                 .sa = sa,
                 .sb = sb,
                 .minus = minus,
                 .lo = join.lo,
                 .hi = join.hi,
                 .width = join.width,
                 .bits = join.bits,
                 .depth = (a->depth > b->depth ? a->depth : b->depth) + 1};
  v->constant = up(a->constant, sa) + (minus ? -up(b->constant, sb) : up(b->constant, sb));
  v->form = mcm_alloc(g->forms, (size_t)(a->n_form + b->n_form), sizeof *v->form);
  for (int i = 0, j = 0; i < a->n_form || j < b->n_form;) {
    int ra = i < a->n_form ? a->form[i].row : INT32_MAX, rb = j < b->n_form ? b->form[j].row : INT32_MAX, r = ra < rb ? ra : rb;
    int64_t c = 0;
    if (ra == r)
      c = a->form[i++].coef * ((int64_t)1 << sa);
    if (rb == r)
      c += (minus ? -b->form[j].coef : b->form[j].coef) * ((int64_t)1 << sb), j++;
    if (c) {
      v->form[v->n_form++] = (McmTap){r, c};
      v->support |= (uint64_t)1 << (r & 63);
    }
  }
  g->bits += v->bits;
  return g->n - 1;
}

int mcm_negation(McmGraph *g, int na) {
  McmNode *v = put(g), *a = &g->v[na];
  *v = (McmNode){.a = na,
                 .b = -1,
                 .lo = -a->hi,
                 .hi = -a->lo,
                 .constant = -a->constant,
                 .depth = a->depth + 1,
                 .n_form = a->n_form,
                 .support = a->support};
  v->bits = v->width = mcm_width(v->lo, v->hi);
  v->form = mcm_alloc(g->forms, (size_t)a->n_form, sizeof *v->form);
  for (int i = 0; i < a->n_form; i++)
    v->form[i] = (McmTap){a->form[i].row, -a->form[i].coef};
  g->bits += v->bits;
  return g->n - 1;
}

int mcm_opposite(McmGraph *g, int of, int na, int sa, int nb, int sb, bool minus) {
  McmNode *v = put(g), *n = &g->v[of], *a = &g->v[na], *b = &g->v[nb];
  *v = (McmNode){.a = na,
                 .b = nb,
                 .sa = sa,
                 .sb = sb,
                 .minus = minus,
                 .lo = -n->hi,
                 .hi = -n->lo,
                 .constant = -n->constant,
                 .support = n->support,
                 .depth = (a->depth > b->depth ? a->depth : b->depth) + 1};
  v->width = mcm_width(v->lo, v->hi);
  v->bits = v->width - (sb > 0 ? sb : minus ? 0 : sa);
  if (v->bits < 1)
    v->bits = 1;
  if (n->form) {
    v->n_form = n->n_form;
    v->form = mcm_alloc(g->forms, (size_t)n->n_form, sizeof *v->form);
    for (int i = 0; i < n->n_form; i++)
      v->form[i] = (McmTap){n->form[i].row, -n->form[i].coef};
  }
  g->bits += v->bits;
  return g->n - 1;
}

int mcm_constant(McmGraph *g, i128 c) {
  *put(g) = (McmNode){.a = -1, .b = -1, .lo = c, .hi = c, .constant = c, .width = mcm_width(c, c)};
  return g->n - 1;
}

void mcm_term(McmGraph *g, McmColumn *c, McmTerm t) {
  c->t = mcm_grow(g->pool, c->t, c->n, &c->cap, sizeof *c->t);
  c->t[c->n++] = t;
}
