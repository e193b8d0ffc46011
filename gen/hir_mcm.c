/* SPDX-License-Identifier: Apache-2.0
 *
 * hir_mcm.c - constant integer matrix times vector as the smallest adder graph: brings the problem into normal form, runs several searches
 * in threads, writes the best into the kernel. The stages: hir_mcm_cse.c (shared patterns), hir_mcm_sum.c (what is
 * left).
 *
 * Cost is carry-chain bits: of an adder, the width of its result less the low bits that pass through. Which search is best differs from
 * matrix to matrix by 1 to 3 %; the result depends only on the list of searches, never on threads or time.
 */
#include "hir_mcm.h"
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- the problem in normal form ---- */

typedef struct {
  Kernel *k;
  int rows, cols; /* distinct inputs that count; distinct columns that are not zero */
  int *x;         /* values of the inputs */
  int64_t *m;
  i128 *lo, *hi, *bias;
  int *late;
  int *of;    /* of each output: its column, -1: a constant */
  int *shift; /* output = column << shift, ... */
  bool *neg;  /* ... negated, ... */
  i128 *add;  /* ... plus this */
} Normal;

static int bits_of(i128 v) {
  return hir_width_of(v, v < 0 ? 0 : v);
}

/* Looks through shifts, negations and constants; inputs that are the same become one. False: too wide for the engine. */
static bool merge_rows(Normal *n, int rows, int cols, const int64_t *m, const int *x) {
  Kernel *k = n->k;
  i128 *sum = mem_array((size_t)cols + 1, sizeof *sum);
  n->x = mem_array((size_t)rows + 1, sizeof *n->x);
  n->m = mem_array((size_t)rows * (size_t)cols + 1, sizeof *n->m);
  int *base = mem_array((size_t)rows + 1, sizeof *base), *shift = mem_array((size_t)rows + 1, sizeof *shift);
  bool *neg = mem_array((size_t)rows + 1, sizeof *neg), *done = mem_array((size_t)rows + 1, sizeof *done);
  for (int i = 0; i < rows; i++) {
    base[i] = x[i];
    for (;;) {
      const HirValue *v = &k->v[base[i]];
      if (v->op == HIR_SHL)
        shift[i] += v->imm;
      else if (v->op == HIR_NEG)
        neg[i] = !neg[i];
      else
        break;
      base[i] = v->arg[0];
    }
  }
  for (int i = 0; i < rows; i++) {
    const HirValue *v = &k->v[base[i]];
    if (done[i])
      continue;
    memset(sum, 0, (size_t)cols * sizeof *sum);
    for (int r = i; r < rows; r++) {
      if (base[r] != base[i])
        continue;
      done[r] = true;
      for (int j = 0; j < cols; j++) {
        i128 w = m[(size_t)r * (size_t)cols + (size_t)j];
        if (w == 0)
          continue;
        if (shift[r] + bits_of(w) > MCM_MAX_WEIGHT)
          return false;
        w *= (i128)1 << shift[r];
        sum[j] += neg[r] ? -w : w;
      }
    }
    bool any = false;
    for (int j = 0; j < cols; j++) {
      if (v->lo == v->hi) { /* a constant */
        if (sum[j] && bits_of(v->lo) + bits_of(sum[j]) > 110)
          return false;
        n->add[j] += v->lo * sum[j];
        continue;
      }
      if (bits_of(sum[j]) > MCM_MAX_WEIGHT || (sum[j] && hir_width(v) + bits_of(sum[j]) > 100))
        return false;
      any |= sum[j] != 0;
    }
    if (!any)
      continue;
    for (int j = 0; j < cols; j++)
      n->m[(size_t)n->rows * (size_t)cols + (size_t)j] = (int64_t)sum[j];
    n->x[n->rows++] = base[i];
  }
  return true;
}

/* Columns that are shifted or negated copies of each other become one. A column of a single output keeps its bias. */
static void merge_columns(Normal *n, int cols) {
  size_t width = (size_t)cols;
  int *first = mem_array(width + 1, sizeof *first), *users = mem_array(width + 1, sizeof *users);
  uint64_t *hash = mem_array(width + 1, sizeof *hash);
  for (int j = 0; j < cols; j++) {
    uint64_t all = 0, h = 0;
    for (int i = 0; i < n->rows; i++) {
      int64_t w = n->m[(size_t)i * width + (size_t)j];
      if (w && !all)
        n->neg[j] = w < 0;
      all |= (uint64_t)w;
    }
    first[j] = -1;
    if (!all)
      continue;
    n->shift[j] = __builtin_ctzll(all);
    for (int i = 0; i < n->rows; i++) {
      int64_t *w = &n->m[(size_t)i * width + (size_t)j];
      *w = (n->neg[j] ? -*w : *w) / ((int64_t)1 << n->shift[j]);
      h = (h ^ (uint64_t)*w) * 0x9e3779b97f4a7c15u;
      h ^= h >> 29;
    }
    hash[j] = h;
    for (int c = 0; c <= j && first[j] < 0; c++) {
      bool same = c == j || (first[c] == c && hash[c] == hash[j]);
      for (int i = 0; same && c < j && i < n->rows; i++)
        same = n->m[(size_t)i * width + (size_t)c] == n->m[(size_t)i * width + (size_t)j];
      if (same)
        first[j] = c;
    }
    users[first[j]]++;
  }
  int *number = mem_array(width + 1, sizeof *number);
  for (int j = 0; j < cols; j++)
    if (first[j] == j)
      number[j] = n->cols++;
  int64_t *m = mem_array((size_t)n->rows * (size_t)n->cols + 1, sizeof *m);
  n->bias = mem_array((size_t)n->cols + 1, sizeof *n->bias);
  n->late = mem_array((size_t)n->cols + 1, sizeof *n->late);
  for (int j = 0; j < cols; j++) {
    n->of[j] = first[j] < 0 ? -1 : number[first[j]];
    if (first[j] != j)
      continue;
    /* as its only output wants it, or most of those that would have to be negated (a bias takes either sign); but not if all its digits
     * were negative then */
    bool alone = users[j] == 1, both = false;
    int wish = 0;
    for (int c = j; c < cols; c++)
      if (first[c] == j && !n->add[c])
        wish += n->neg[c] ? 1 : -1;
    for (int i = 0; i < n->rows; i++) {
      int64_t w = n->m[(size_t)i * width + (size_t)j];
      both |= w < 0 || (w & (w >> 1)); /* digits of both signs: 3 is 4 - 1 */
    }
    bool flip = alone ? n->neg[j] : both && wish > 0;
    for (int i = 0; i < n->rows; i++) {
      int64_t w = n->m[(size_t)i * width + (size_t)j];
      w *= alone ? (int64_t)1 << n->shift[j] : 1;
      m[(size_t)i * (size_t)n->cols + (size_t)n->of[j]] = flip ? -w : w;
    }
    if (alone) {
      n->bias[n->of[j]] = n->add[j];
      n->add[j] = 0;
      n->shift[j] = 0;
    }
    for (int c = j; c < cols; c++)
      if (first[c] == j) {
        n->neg[c] ^= flip;
        n->late[n->of[j]] |= n->neg[c] || n->add[c];
      }
  }
  n->m = m;
}

/* Least number of adder levels. */
static int least_depth(const Normal *n) {
  int depth = 0;
  for (int j = 0; j < n->cols; j++) {
    int terms = n->bias[j] != 0, levels = n->late[j];
    bool positive = n->bias[j] != 0;
    for (int i = 0; i < n->rows; i++) {
      int64_t w = n->m[(size_t)i * (size_t)n->cols + (size_t)j];
      terms += mcm_digits(w);
      positive |= w > 0 || (-w & (-w >> 1));
    }
    for (levels += !positive; 1 << (levels - n->late[j] - !positive) < terms;)
      levels++;
    depth = levels > depth ? levels : depth;
  }
  return depth;
}

/* ---- searches in threads ---- */

/* Adder bits with the first N of these, of what a single search with tries = 1 takes (24 layers of this project's models at <8,3> and
 * <16,6>): tries = 4 0.998, 16 0.997; N = 2 0.996, 3 0.995, 4 0.994, 8 0.993; the best of 44 settings for each layer 0.992. Noise of 0.1
 * and more, other alpha and beta, columns as differences from others (a
 * spanning tree over them, as arXiv 2507.04535 has it): none better alone. */
static const McmStrategy strategies[] = {
    {.alpha = 1, .beta = 0.8, .tries = 4},
    {.alpha = 1, .beta = 0.8, .tries = 4, .noise = 0.02, .seed = 1},
    {.alpha = 1, .beta = 0.8, .tries = 4, .noise = 0.02, .seed = 3},
    {.alpha = 1, .beta = 0.5, .tries = 4, .by_overlap = true},
    {.alpha = 2, .beta = 0.8, .tries = 4},
    {.alpha = 1, .beta = 1e9, .tries = 4}, /* shares nothing: small matrices may have it cheaper */
    {.alpha = 1, .beta = 0.8, .tries = 4, .noise = 0.02, .seed = 2},
    {.alpha = 1, .beta = 0.8, .tries = 16},
};
enum { STRATEGIES = (int)(sizeof strategies / sizeof *strategies) };

typedef struct {
  const McmProblem *p;
  int n, next; /* searches, and the next to be run */
  pthread_mutex_t lock;
  McmPool pool; /* of the best */
  McmResult best;
  int best_index; /* -1: none yet */
} Race;

static bool better(const Race *r, const McmResult *x, int index) {
  const McmResult *b = &r->best;
  if (r->best_index < 0 || x->bits != b->bits)
    return r->best_index < 0 || x->bits < b->bits;
  if (x->adders != b->adders)
    return x->adders < b->adders;
  if (x->depth != b->depth)
    return x->depth < b->depth;
  return index < r->best_index;
}

static void *run(void *arg) {
  Race *r = arg;
  pthread_mutex_lock(&r->lock);
  while (r->next < r->n) {
    int index = r->next++;
    pthread_mutex_unlock(&r->lock);
    McmPool pool = {0};
    McmResult x = mcm_search(&pool, r->p, &strategies[index]);
    pthread_mutex_lock(&r->lock);
    if (better(r, &x, index)) {
      McmPool old = r->pool;
      r->pool = pool, r->best = x, r->best_index = index;
      pool = old;
    }
    mcm_release(&pool);
  }
  pthread_mutex_unlock(&r->lock);
  return NULL;
}

static void race(Race *r) {
  enum { MAX_THREADS = 16 };
  pthread_t thread[MAX_THREADS];
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  int n = 0, want = (int)(cores < r->n ? cores : r->n) - 1;
  while (n < want && n < MAX_THREADS && !pthread_create(&thread[n], NULL, run, r))
    n++;
  run(r);
  while (n)
    pthread_join(thread[--n], NULL);
}

/* ---- into the kernel ---- */

static void emit(Normal *n, const McmResult *r, int outputs, int *y) {
  Kernel *k = n->k;
  const McmGraph *g = r->graph;
  int *value = mem_array((size_t)g->n + 1, sizeof *value);
  for (int i = 0; i < g->n; i++) {
    const McmNode *v = &g->v[i];
    if (i < n->rows)
      value[i] = n->x[i];
    else if (!r->live[i])
      continue;
    else if (v->a < 0)
      value[i] = hir_const(k, v->constant);
    else if (v->b < 0)
      value[i] = hir_neg(k, value[v->a]);
    else
      value[i] = (v->minus ? hir_sub : hir_add)(k, value[v->a], value[v->b], v->sb - v->sa);
    hir_narrow(k, value[i], v->lo, v->hi);
  }
  for (int j = 0; j < outputs; j++) {
    y[j] = hir_const(k, n->add[j]);
    if (n->of[j] < 0)
      continue;
    McmTerm t = r->out[n->of[j]];
    int v = hir_shl(k, value[t.node], t.shift + n->shift[j]);
    if (n->add[j])
      y[j] = t.neg != n->neg[j] ? hir_sub(k, y[j], v, 0) : hir_add(k, v, y[j], 0);
    else
      y[j] = t.neg != n->neg[j] ? hir_shl(k, hir_neg(k, value[t.node]), t.shift + n->shift[j]) : v;
  }
}

/* Also for weights or inputs wider than the engine takes. */
void hir_mcm_plain(Kernel *k, int rows, int cols, const int64_t *m, const int *x, const i128 *bias, int *y) {
  int *t = mem_array((size_t)rows + 2, sizeof *t);
  for (int j = 0; j < cols; j++) {
    int n = 0;
    for (int i = 0; i < rows; i++)
      if (m[(size_t)i * (size_t)cols + (size_t)j])
        t[n++] = hir_mul(k, x[i], hir_const(k, m[(size_t)i * (size_t)cols + (size_t)j]));
    t[n++] = hir_const(k, bias ? bias[j] : 0);
    for (; n > 1; n = (n + 1) / 2)
      for (int i = 0; i < n; i += 2)
        t[i / 2] = i + 1 < n ? hir_add(k, t[i], t[i + 1], 0) : t[i];
    y[j] = t[0];
  }
}

void hir_mcm(Kernel *k, int rows, int cols, const int64_t *m, const int *x, const i128 *bias, int *y, const McmOptions *opt) {
  Normal n = {.k = k};
  n.of = mem_array((size_t)cols + 1, sizeof *n.of);
  n.shift = mem_array((size_t)cols + 1, sizeof *n.shift);
  n.neg = mem_array((size_t)cols + 1, sizeof *n.neg);
  n.add = mem_array((size_t)cols + 1, sizeof *n.add);
  bool fits = true;
  for (int j = 0; bias && j < cols; j++) {
    n.add[j] = bias[j];
    fits &= bits_of(bias[j]) <= 110;
  }
  if (!fits || !merge_rows(&n, rows, cols, m, x)) {
    hir_mcm_plain(k, rows, cols, m, x, bias, y);
    return;
  }
  merge_columns(&n, cols);
  n.lo = mem_array((size_t)n.rows + 1, sizeof *n.lo);
  n.hi = mem_array((size_t)n.rows + 1, sizeof *n.hi);
  for (int i = 0; i < n.rows; i++)
    n.lo[i] = k->v[n.x[i]].lo, n.hi[i] = k->v[n.x[i]].hi;
  McmProblem p = {.rows = n.rows, .cols = n.cols, .m = n.m, .lo = n.lo, .hi = n.hi, .bias = n.bias, .late = n.late, .depth = -1};
  if (opt->max_depth_extra >= 0)
    p.depth = least_depth(&n) + opt->max_depth_extra;
  if (p.depth > 60)
    p.depth = -1;
  bool small = n.rows * n.cols <= 256; /* all of them take no time */
  int searches = opt->searches < 1 ? 1 : opt->searches < STRATEGIES && !small ? opt->searches : STRATEGIES;
  Race r = {.p = &p, .n = searches, .lock = PTHREAD_MUTEX_INITIALIZER, .best_index = -1};
  race(&r);
  emit(&n, &r.best, cols, y);
  mcm_release(&r.pool);
}
