/* SPDX-License-Identifier: Apache-2.0
 *
 * hir_mcm_cse.c - two-term sharing: the pattern a +- (b << d) that saves most is made a node, and every column that holds it uses the node.
 *
 * The ground is greedy elimination of two-term patterns of signed digits (Potkonjak, Srivastava, Chandrakasan 1996; Hartley 1996; for
 * matrices: Hosangadi, Fallah, Kastner 2005). What differs:
 * - A column is not a string of digits but a coefficient for each node. A digit counts when taking it away leaves one digit less, so all
 * minimal signed-digit forms are open at once (Park and Kang 2001 fix one form a weight beforehand). It is worth 3 to 4 % of the adder
 * bits.
 * - Patterns are not counted one by one in a hash. A heap holds pairs of nodes with an upper bound of what their best pattern saves; counts
 * only fall, so a pair is counted again only when it comes to the top (lazy greedy, Minoux 1978). A count is a few words: all lags at once
 * in vertical counters.
 * - The score is carry-chain bits saved, at the exact interval of the new node's linear form.
 */
#include "hir_mcm.h"

enum { PLANES = 20 };

/* Coefficient of a node in a column, and the digits that some minimal form of it has. */
typedef struct {
  int64_t coef;
  uint64_t pos, neg;
} Cell;

/* A node's columns: bit sets over columns; cells are packed in column order. */
typedef struct {
  uint64_t *own, *live; /* has a cell; its coefficient is not 0 */
  int *rank;            /* cells before each word */
  Cell *cell;
  unsigned version; /* grows when a cell changes */
} Use;

/* The pattern (a at shift s) +- (b at shift s + lag). */
typedef struct {
  int a, b, lag;
  bool minus;
} Pattern;

typedef struct {
  double score;
  unsigned version;
  Pattern p;
} Item;

typedef struct {
  int *node;
  int n, cap;
} List;

/* Counters of 64 lags, bit k of each count in plane[k]. */
typedef struct {
  uint64_t plane[PLANES];
} Lags;

typedef struct {
  McmGraph *g;
  const McmStrategy *s;
  int words;  /* of a column set */
  int digits; /* positions 0 .. digits-1 */
  int lag_words;
  Use *use;
  int n_use, cap_use;
  List *list; /* nodes live in each column */
  Item *heap;
  int n_heap, cap_heap;
  int *mark;
  int cap_mark;
} Share;

static Cell *cell(const Share *s, int node, int col) {
  const Use *u = &s->use[node];
  int w = col >> 6;
  uint64_t below = u->own[w] & (((uint64_t)1 << (col & 63)) - 1);
  return &u->cell[u->rank[w] + __builtin_popcountll(below)];
}

static uint64_t unit(const Share *s, int node) {
  return s->g->p->depth < 0 ? 0 : (uint64_t)1 << s->g->v[node].depth;
}

/* Digits of the canonical form (no two neighbours non-zero). */
static void canonical(int64_t w, uint64_t *pos, uint64_t *neg) {
  uint64_t u = w < 0 ? -(uint64_t)w : (uint64_t)w, h = u >> 1, t = u + h; /* Prodinger: 3u/2 xor u/2 marks the digits */
  uint64_t digit = h ^ t, p = t & digit, n = h & digit;
  *pos = w < 0 ? n : p;
  *neg = w < 0 ? p : n;
}

static Cell make_cell(int64_t w) {
  Cell c = {w, 0, 0};
  int n = mcm_digits(w);
  if (n < 2) {
    canonical(w, &c.pos, &c.neg);
    return c;
  }
  uint64_t p, m;
  canonical(w, &p, &m);
  for (uint64_t d = 1; d <= (p | m); d <<= 1) {
    if (mcm_digits(w - (int64_t)d) < n)
      c.pos |= d;
    if (mcm_digits(w + (int64_t)d) < n)
      c.neg |= d;
  }
  return c;
}

/* Sets a coefficient (its cell exists) and keeps column list and load. */
static void set_cell(Share *s, int node, int col, int64_t w) {
  Cell *c = cell(s, node, col);
  McmColumn *column = &s->g->col[col];
  List *l = &s->list[col];
  column->load += unit(s, node) * (uint64_t)(mcm_digits(w) - mcm_digits(c->coef));
  uint64_t bit = (uint64_t)1 << (col & 63), *live = &s->use[node].live[col >> 6];
  if (w && !(*live & bit)) {
    *live |= bit;
    l->node = mcm_grow(s->g->pool, l->node, l->n, &l->cap, sizeof *l->node);
    l->node[l->n++] = node;
  } else if (!w && (*live & bit)) {
    *live &= ~bit;
    int i = 0;
    while (l->node[i] != node)
      i++;
    l->node[i] = l->node[--l->n];
  }
  *c = make_cell(w);
}

/* Cells for a node in the columns of the set. */
static void add_use(Share *s, int node, const uint64_t *own) {
  McmPool *pool = s->g->pool;
  s->use = mcm_grow(pool, s->use, node, &s->cap_use, sizeof *s->use);
  Use *u = &s->use[node];
  *u = (Use){.own = mcm_alloc(pool, (size_t)s->words, sizeof *own),
             .live = mcm_zeroed(pool, (size_t)s->words, sizeof *own),
             .rank = mcm_alloc(pool, (size_t)s->words, sizeof(int))};
  int n = 0;
  for (int w = 0; w < s->words; w++) {
    u->own[w] = own[w];
    u->rank[w] = n;
    n += __builtin_popcountll(own[w]);
  }
  u->cell = mcm_zeroed(pool, (size_t)n, sizeof *u->cell);
  s->n_use = node + 1;
}

/* ---- what a pattern saves ---- */

static McmJoin join(const Share *s, Pattern p, bool *flip) {
  int sa = p.lag < 0 ? -p.lag : 0, sb = p.lag > 0 ? p.lag : 0;
  *flip = p.minus && sa > 0; /* low bits pass through the minuend only: it is the one that lies lower */
  return *flip ? mcm_join(s->g, p.b, sb, p.a, sa, true) : mcm_join(s->g, p.a, sa, p.b, sb, p.minus);
}

static double jitter(const Share *s, Pattern p) {
  if (s->s->noise == 0)
    return 1;
  uint64_t h = s->s->seed * 0x9e3779b97f4a7c15u + (uint64_t)p.a * 0xbf58476d1ce4e5b9u + (uint64_t)p.b * 0x94d049bb133111ebu +
               (uint64_t)(p.lag * 2 + p.minus);
  h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9u;
  h = (h ^ h >> 27) * 0x94d049bb133111ebu;
  return 1 + s->s->noise * ((double)(h >> 41) / (1 << 23) - 0.5) * 2;
}

static double by_count(const McmStrategy *t, double count, double saved, double bits) {
  return t->by_overlap ? (count - t->beta) * (saved + t->alpha) : count * (saved + t->alpha) - t->beta * bits;
}

/* Saved a use: the two terms leave the column's sum, the node enters it; each takes about its width there. */
static double exact_score(const Share *s, Pattern p, int count) {
  const McmNode *a = &s->g->v[p.a], *b = &s->g->v[p.b];
  bool flip;
  if (s->s->by_overlap) {
    int sa = p.lag < 0 ? -p.lag : 0, sb = p.lag > 0 ? p.lag : 0, ta = a->width + sa, tb = b->width + sb;
    int overlap = (ta < tb ? ta : tb) - sa - sb;
    double w = overlap + s->s->alpha > 0.1 ? overlap : 0.1 - s->s->alpha;
    return by_count(s->s, count, w, 0) * jitter(s, p);
  }
  McmJoin j = join(s, p, &flip);
  return by_count(s->s, count, a->width + b->width - j.width, j.bits) * jitter(s, p);
}

/* No less than exact_score, without the interval. */
static double bound_score(const Share *s, Pattern p, int count) {
  if (s->s->by_overlap)
    return exact_score(s, p, count);
  const McmNode *a = &s->g->v[p.a], *b = &s->g->v[p.b];
  int sa = p.lag < 0 ? -p.lag : 0, sb = p.lag > 0 ? p.lag : 0, ta = a->width + sa, tb = b->width + sb;
  int width = a->support & b->support ? 0 : ta > tb ? ta : tb; /* terms in the same inputs can cancel */
  double d = by_count(s->s, count, a->width + b->width - width, 1);
  return d > 0 ? d * jitter(s, p) : d;
}

/* Takes the pattern out of one column, at most `room` times: new coefficients of a and b, and the node's. Returns how often. */
static int take(const Share *s, Pattern p, const Cell *ca, const Cell *cb, uint64_t room, int64_t *x, int64_t *y, int64_t *node) {
  int lag = p.lag, n = 0, low = lag < 0 ? -lag : 0;
  *x = ca->coef, *node = 0;
  if (p.a == p.b) { /* canonical digits, lag > 0 */
    uint64_t pos, neg;
    canonical(*x, &pos, &neg);
    uint64_t a = (pos & (p.minus ? neg : pos) >> lag) | (neg & (p.minus ? pos : neg) >> lag);
    for (; a && (uint64_t)n < room; a &= a - 1) {
      uint64_t bit = a & -a;
      int64_t d = neg & bit ? -(int64_t)bit : (int64_t)bit;
      *x -= d + (p.minus ? -d : d) * ((int64_t)1 << lag);
      *node += d;
      a &= ~(bit << lag); /* digits used */
      n++;
    }
    *y = *x;
    return n;
  }
  *y = cb->coef;
  uint64_t bp = p.minus ? cb->neg : cb->pos, bn = p.minus ? cb->pos : cb->neg;
  uint64_t mp = ca->pos & (lag >= 0 ? bp >> lag : bp << -lag), mn = ca->neg & (lag >= 0 ? bn >> lag : bn << -lag);
  int total = __builtin_popcountll(mp) + __builtin_popcountll(mn);
  (void)s;
  for (uint64_t all = mp | mn; all && (uint64_t)n < room; all &= all - 1) {
    int at = __builtin_ctzll(all);
    for (int sign = 0; sign < 2 && (uint64_t)n < room; sign++) {
      if (!((sign ? mn : mp) >> at & 1))
        continue;
      int64_t d = sign ? -((int64_t)1 << at) : (int64_t)1 << at, e = lag >= 0 ? d * ((int64_t)1 << lag) : d >> -lag;
      if (p.minus)
        e = -e;
      /* digits of different forms of one weight exclude each other */
      if (total > 1 && n && (mcm_digits(*x - d) >= mcm_digits(*x) || mcm_digits(*y - e) >= mcm_digits(*y)))
        continue;
      *x -= d, *y -= e;
      *node += d >> low;
      n++;
    }
  }
  return n;
}

/* Times the column may take the pattern without growing too deep. */
static uint64_t room(const Share *s, Pattern p, int col) {
  uint64_t a = unit(s, p.a), b = unit(s, p.b), grow = 2 * (a > b ? a : b) - a - b;
  const McmColumn *c = &s->g->col[col];
  return grow == 0 ? UINT64_MAX : c->load > c->limit ? 0 : (c->limit - c->load) / grow;
}

static int real_count(const Share *s, Pattern p) {
  const Use *a = &s->use[p.a], *b = &s->use[p.b];
  int n = 0;
  int64_t x, y, z;
  for (int w = 0; w < s->words; w++)
    for (uint64_t m = a->live[w] & b->live[w]; m; m &= m - 1) {
      int col = w * 64 + __builtin_ctzll(m);
      n += take(s, p, cell(s, p.a, col), cell(s, p.b, col), room(s, p, col), &x, &y, &z);
    }
  return n;
}

static void lag_add(Lags *l, uint64_t m) {
  for (int k = 0; m && k < PLANES; k++) {
    uint64_t carry = l->plane[k] & m;
    l->plane[k] ^= m;
    m = carry;
  }
}

/* Adds the digits of b, moved so that bit (digits - 1) is lag 0. */
static void lag_digit(const Share *s, Lags *l, uint64_t b, int at) {
  int by = s->digits - 1 - at;
  lag_add(l, b << by);
  if (s->lag_words > 1 && by)
    lag_add(l + 1, b >> (64 - by));
}

static void count_lags(const Share *s, int a, int b, Lags same[2], Lags diff[2]) {
  const Use *ua = &s->use[a], *ub = &s->use[b];
  for (int w = 0; w < s->words; w++)
    for (uint64_t m = ua->live[w] & ub->live[w]; m; m &= m - 1) {
      int col = w * 64 + __builtin_ctzll(m);
      const Cell *ca = cell(s, a, col), *cb = cell(s, b, col);
      if (a == b) {
        uint64_t pos, neg;
        canonical(ca->coef, &pos, &neg);
        for (uint64_t d = pos | neg; d; d &= d - 1) {
          int at = __builtin_ctzll(d);
          uint64_t above = ~(((uint64_t)2 << at) - 1);
          bool n = neg >> at & 1;
          lag_digit(s, same, (n ? neg : pos) & above, at);
          lag_digit(s, diff, (n ? pos : neg) & above, at);
        }
        continue;
      }
      for (uint64_t d = ca->pos; d; d &= d - 1) {
        lag_digit(s, same, cb->pos, __builtin_ctzll(d));
        lag_digit(s, diff, cb->neg, __builtin_ctzll(d));
      }
      for (uint64_t d = ca->neg; d; d &= d - 1) {
        lag_digit(s, same, cb->neg, __builtin_ctzll(d));
        lag_digit(s, diff, cb->pos, __builtin_ctzll(d));
      }
    }
}

/* ---- the heap ---- */

static bool below(const Item *a, const Item *b) {
  if (a->score != b->score)
    return a->score < b->score;
  return a->p.a != b->p.a ? a->p.a > b->p.a : a->p.b > b->p.b;
}

static void push(Share *s, Item x) {
  s->heap = mcm_grow(s->g->pool, s->heap, s->n_heap, &s->cap_heap, sizeof x);
  int i = s->n_heap++;
  for (; i && below(&s->heap[(i - 1) / 2], &x); i = (i - 1) / 2)
    s->heap[i] = s->heap[(i - 1) / 2];
  s->heap[i] = x;
}

static Item pop(Share *s) {
  Item top = s->heap[0], x = s->heap[--s->n_heap];
  int i = 0;
  for (int c; (c = 2 * i + 1) < s->n_heap; i = c) {
    if (c + 1 < s->n_heap && below(&s->heap[c], &s->heap[c + 1]))
      c++;
    if (!below(&x, &s->heap[c]))
      break;
    s->heap[i] = s->heap[c];
  }
  s->heap[i] = x;
  return top;
}

static unsigned version(const Share *s, Pattern p) {
  return s->use[p.a].version + s->use[p.b].version;
}

/* Finds the best pattern of two nodes; pushes it when it saves anything. */
static void consider(Share *s, int a, int b) {
  Lags lags[2][2] = {{{{0}}}};
  count_lags(s, a, b, lags[0], lags[1]);
  struct {
    double bound;
    Pattern p;
    int count;
  } list[256];
  int n = 0;
  for (int minus = 0; minus < 2; minus++)
    for (int w = 0; w < s->lag_words; w++) {
      const uint64_t *plane = lags[minus][w].plane;
      uint64_t any = 0;
      int top = 1;
      for (int k = 1; k < PLANES; k++)
        if (plane[k])
          any |= plane[k], top = k;
      for (; any; any &= any - 1) {
        int at = __builtin_ctzll(any), count = 0;
        for (int k = 0; k <= top; k++)
          count |= (int)(plane[k] >> at & 1) << k;
        Pattern p = {a, b, w * 64 + at - (s->digits - 1), minus};
        double bound = bound_score(s, p, count);
        if (bound > 0)
          list[n].bound = bound, list[n].p = p, list[n++].count = count;
      }
    }
  Item best = {.score = 0};
  while (n) {
    int top = 0;
    for (int i = 1; i < n; i++)
      if (list[i].bound > list[top].bound)
        top = i;
    if (list[top].bound <= best.score)
      break;
    Pattern p = list[top].p;
    int count = list[top].count;
    list[top] = list[--n];
    if (exact_score(s, p, count) <= best.score)
      continue;
    count = real_count(s, p);
    double score = exact_score(s, p, count);
    if (count >= 2 && score > best.score)
      best = (Item){score, version(s, p), p};
  }
  if (best.score > 0)
    push(s, best);
}

/* ---- making a node ---- */

static void apply(Share *s, Pattern p) {
  McmGraph *g = s->g;
  uint64_t *own = mcm_zeroed(g->pool, (size_t)s->words, sizeof *own);
  int64_t x, y, z;
  for (int w = 0; w < s->words; w++)
    for (uint64_t m = s->use[p.a].live[w] & s->use[p.b].live[w]; m; m &= m - 1) {
      int col = w * 64 + __builtin_ctzll(m);
      if (take(s, p, cell(s, p.a, col), cell(s, p.b, col), room(s, p, col), &x, &y, &z))
        own[w] |= m & -m;
    }
  int sa = p.lag < 0 ? -p.lag : 0, sb = p.lag > 0 ? p.lag : 0;
  bool flip = p.minus && sa > 0;
  int node = flip ? mcm_node(g, p.b, sb, p.a, sa, true) : mcm_node(g, p.a, sa, p.b, sb, p.minus);
  add_use(s, node, own);
  for (int w = 0; w < s->words; w++)
    for (uint64_t m = own[w]; m; m &= m - 1) {
      int col = w * 64 + __builtin_ctzll(m);
      take(s, p, cell(s, p.a, col), cell(s, p.b, col), room(s, p, col), &x, &y, &z);
      set_cell(s, p.a, col, x);
      if (p.a != p.b)
        set_cell(s, p.b, col, y);
      set_cell(s, node, col, flip ? -z : z);
    }
  s->use[p.a].version++;
  s->use[p.b].version++;
  /* new pairs */
  while (s->cap_mark < g->n) {
    int old = s->cap_mark;
    s->mark = mcm_grow(g->pool, s->mark, s->cap_mark, &s->cap_mark, sizeof *s->mark);
    memset(s->mark + old, 0, (size_t)(s->cap_mark - old) * sizeof *s->mark);
  }
  for (int w = 0; w < s->words; w++)
    for (uint64_t m = own[w]; m; m &= m - 1) {
      const List *l = &s->list[w * 64 + __builtin_ctzll(m)];
      for (int i = 0; i < l->n; i++)
        if (s->mark[l->node[i]] != node) {
          s->mark[l->node[i]] = node;
          consider(s, l->node[i], node);
        }
    }
  consider(s, p.a, p.b);
}

void mcm_share(McmGraph *g, const int64_t *m, const McmStrategy *strategy) {
  int rows = g->p->rows, cols = g->p->cols;
  Share *s = mcm_zeroed(g->pool, 1, sizeof *s);
  s->g = g;
  s->s = strategy;
  s->words = (cols + 63) / 64;
  s->list = mcm_zeroed(g->pool, (size_t)cols, sizeof *s->list);
  uint64_t all = 0, *own = mcm_alloc(g->pool, (size_t)s->words, sizeof *own);
  for (int i = 0; i < rows * cols; i++)
    all |= m[i] < 0 ? -(uint64_t)m[i] : (uint64_t)m[i];
  s->digits = (all ? 64 - __builtin_clzll(all) : 0) + 1;
  s->lag_words = 2 * s->digits - 1 > 64 ? 2 : 1;
  for (int i = 0; i < rows; i++) {
    memset(own, 0, (size_t)s->words * sizeof *own);
    for (int j = 0; j < cols; j++)
      own[j >> 6] |= (uint64_t)(m[i * cols + j] != 0) << (j & 63);
    add_use(s, i, own);
    for (int j = 0; j < cols; j++)
      if (m[i * cols + j])
        set_cell(s, i, j, m[i * cols + j]);
  }
  for (int a = 0; a < rows; a++)
    for (int b = a; b < rows; b++)
      consider(s, a, b);
  while (s->n_heap) {
    Item top = pop(s);
    if (top.version != version(s, top.p) || exact_score(s, top.p, real_count(s, top.p)) < top.score)
      consider(s, top.p.a, top.p.b);
    else
      apply(s, top.p);
  }
  for (int j = 0; j < cols; j++)
    for (int i = 0; i < s->list[j].n; i++) {
      int node = s->list[j].node[i];
      uint64_t pos, neg;
      canonical(cell(s, node, j)->coef, &pos, &neg);
      for (uint64_t d = pos | neg; d; d &= d - 1)
        mcm_term(g, &g->col[j], (McmTerm){node, __builtin_ctzll(d), neg >> __builtin_ctzll(d) & 1});
    }
}
