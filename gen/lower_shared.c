/* SPDX-License-Identifier: Apache-2.0
 *
 * lower_shared.c - the adder graphs of a convolution, or of a recurrent layer: one matrix at many positions or steps is searched once.
 *
 * A graph is found in a kernel of its own, on inputs of the full range of their width, and written again at each position through the
 * builders, which prove the intervals of the real inputs. Positions at the border lack rows, as a first step does whose state is zero:
 * theirs are matrices of their own.
 */
#include "lower.h"

typedef struct {
  uint64_t hash;
  int rows, cols;
  const int64_t *m;
  const i128 *bias;
  const int *width; /* of each input: bits, negative when signed */
  Kernel *k;
  const int *y;
} Known;

struct SharedMcm {
  Known *known;
  int n, cap;
};

SharedMcm *shared_new(void) {
  return mem_alloc(sizeof(SharedMcm));
}

static uint64_t hash_bytes(uint64_t h, const void *p, size_t n) {
  const unsigned char *c = p;
  for (size_t i = 0; i < n; i++)
    h = (h ^ c[i]) * 0x100000001b3u;
  return h;
}

static bool add_fits(const int64_t *a, const int64_t *b, int n) {
  int64_t sum;
  for (int i = 0; i < n; i++)
    if (__builtin_add_overflow(a[i], b[i], &sum))
      return false;
  return true;
}

/* Inputs that are constants go into the bias, equal ones become one row. How many rows are left comes back. */
static int merge(const Kernel *k, int rows, int cols, int64_t *m, int *x, i128 *bias) {
  int kept = 0;
  for (int i = 0; i < rows; i++) {
    const HirValue *v = &k->v[x[i]];
    const int64_t *from = m + (size_t)i * (size_t)cols;
    if (v->lo == v->hi) {
      for (int j = 0; j < cols; j++)
        bias[j] += v->lo * from[j];
      continue;
    }
    int same = 0;
    while (same < kept && (x[same] != x[i] || !add_fits(m + (size_t)same * (size_t)cols, from, cols)))
      same++;
    int64_t *to = m + (size_t)same * (size_t)cols;
    for (int j = 0; j < cols; j++)
      to[j] = same < kept ? to[j] + from[j] : from[j];
    x[same] = x[i];
    kept += same == kept;
  }
  return kept;
}

static Known *find(SharedMcm *s, const Known *want) {
  size_t matrix = (size_t)want->rows * (size_t)want->cols * sizeof *want->m;
  for (int i = 0; i < s->n; i++) {
    Known *c = &s->known[i];
    if (c->hash == want->hash && c->rows == want->rows && c->cols == want->cols && !memcmp(c->m, want->m, matrix) &&
        !memcmp(c->bias, want->bias, (size_t)want->cols * sizeof *want->bias) &&
        !memcmp(c->width, want->width, (size_t)want->rows * sizeof *want->width))
      return c;
  }
  return NULL;
}

static Known *search(SharedMcm *s, Known want, const McmOptions *opt) {
  Kernel *k = hir_new("shared");
  int *x = mem_array((size_t)want.rows + 1, sizeof *x), *y = mem_array((size_t)want.cols + 1, sizeof *y);
  for (int i = 0; i < want.rows; i++) {
    int w = want.width[i];
    x[i] = hir_in(k, i, w < 0 ? -((i128)1 << (-w - 1)) : 0, ((i128)1 << (w < 0 ? -w - 1 : w)) - 1);
  }
  hir_mcm(k, want.rows, want.cols, want.m, x, want.bias, y, opt);
  want.k = k;
  want.y = y;
  s->known = mem_grow(s->known, s->n, &s->cap, sizeof *s->known);
  s->known[s->n] = want;
  return &s->known[s->n++];
}

void shared_mcm(SharedMcm *s, Kernel *k, int rows, int cols, const int64_t *m, const int *x, const i128 *bias, int *y,
                const McmOptions *opt) {
  size_t matrix = (size_t)rows * (size_t)cols;
  int64_t *own = memcpy(mem_array(matrix + 1, sizeof *own), m, matrix * sizeof *own);
  int *in = memcpy(mem_array((size_t)rows + 1, sizeof *in), x, (size_t)rows * sizeof *in);
  i128 *add = memcpy(mem_array((size_t)cols + 1, sizeof *add), bias, (size_t)cols * sizeof *add);
  int kept = merge(k, rows, cols, own, in, add);
  for (int j = 0; !kept && j < cols; j++)
    y[j] = hir_const(k, add[j]);
  if (!kept)
    return;
  int *width = mem_array((size_t)kept + 1, sizeof *width);
  for (int i = 0; i < kept; i++) {
    const HirValue *v = &k->v[in[i]];
    width[i] = hir_signed(v) ? -hir_width(v) : hir_width(v);
  }
  Known want = {.rows = kept, .cols = cols, .m = own, .bias = add, .width = width};
  want.hash = hash_bytes(0xcbf29ce484222325u, own, (size_t)kept * (size_t)cols * sizeof *own);
  want.hash = hash_bytes(want.hash, add, (size_t)cols * sizeof *add);
  want.hash = hash_bytes(want.hash, width, (size_t)kept * sizeof *width);
  const Known *c = find(s, &want);
  if (!c)
    c = search(s, want, opt);
  int *map = mem_array((size_t)c->k->n + 1, sizeof *map);
  for (int i = 0; i < c->k->n; i++) {
    const HirValue *v = &c->k->v[i];
    map[i] = v->op == HIR_IN ? in[v->imm] : hir_rebuild_value(k, v, map);
  }
  for (int j = 0; j < cols; j++)
    y[j] = map[c->y[j]];
}
