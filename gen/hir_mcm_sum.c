/* SPDX-License-Identifier: Apache-2.0
 *
 * hir_mcm_sum.c - adds up the terms that sharing has left in a column: three quarters of all adder bits.
 *
 * An adder costs from the higher lowest bit of its operands (below it the other passes through) to the top of its result. So the pair whose
 * result ends lowest is joined first (Huffman's rule with top bits for weights): 5 % fewer bits than the cheapest adder first, and within 1
 * % of the best of 100 random orders. Signs follow when the tree stands, by dynamic programming: every sum in it may be its negative.
 * Depth: pairs are joined only while the load of the column (McmColumn) lets the rest be joined in time.
 */
#include "hir_mcm.h"

enum { WINDOW = 40, NEVER = INT32_MAX };

typedef struct {
  McmGraph *g;
  McmTerm *t; /* the first n_active may be joined; the others follow by rising top */
  int n, n_active;
  uint64_t load, limit;
  uint64_t random;         /* 0: no noise */
  int key[WINDOW][WINDOW]; /* [i][j], i < j: top and bits of the sum; NEVER: too deep */
} Sum;

static uint64_t unit(const McmGraph *g, int node) {
  return g->p->depth < 0 ? 0 : (uint64_t)1 << g->v[node].depth;
}

static uint64_t load_after(const Sum *s, McmTerm a, McmTerm b) {
  uint64_t x = unit(s->g, a.node), y = unit(s->g, b.node);
  return s->load - x - y + 2 * (x > y ? x : y);
}

static int top(const McmGraph *g, McmTerm t) {
  return g->v[t.node].width + t.shift;
}

/* Which is (first << s1) +- (second << s2), and whether that is the negative of the sum. */
typedef struct {
  int first, s1, second, s2, low;
  bool minus, neg;
} Plan;

static Plan plan(McmTerm a, McmTerm b) {
  if (b.shift < a.shift || (b.shift == a.shift && a.neg && !b.neg)) {
    McmTerm t = a;
    a = b, b = t;
  }
  return (Plan){a.node, 0, b.node, b.shift - a.shift, a.shift, a.neg != b.neg, a.neg};
}

static int pair_key(Sum *s, McmTerm a, McmTerm b) {
  if (load_after(s, a, b) > s->limit)
    return NEVER;
  Plan p = plan(a, b);
  McmJoin j = mcm_join(s->g, p.first, p.s1, p.second, p.s2, p.minus);
  int key = (j.width + p.low) * 256;
  if (s->random) {
    s->random ^= s->random << 13, s->random ^= s->random >> 7, s->random ^= s->random << 17;
    key += (int)(s->random % 192);
  }
  return key + (j.bits < 63 ? j.bits : 63);
}

static void fill_keys(Sum *s, int i) {
  for (int j = 0; j < s->n_active; j++)
    if (j != i)
      s->key[i < j ? i : j][i < j ? j : i] = pair_key(s, s->t[i], s->t[j]);
}

/* The two of least depth: a join that always keeps the load (they round it up at most). */
static void shallowest(const Sum *s, int *bi, int *bj) {
  int order[2] = {-1, -1};
  for (int i = 0; i < s->n; i++) {
    int d = s->g->v[s->t[i].node].depth;
    if (order[0] < 0 || d < s->g->v[s->t[order[0]].node].depth)
      order[1] = order[0], order[0] = i;
    else if (order[1] < 0 || d < s->g->v[s->t[order[1]].node].depth)
      order[1] = i;
  }
  *bi = order[0] < order[1] ? order[0] : order[1];
  *bj = order[0] < order[1] ? order[1] : order[0];
}

static McmTerm join_all(Sum *s) {
  McmGraph *g = s->g;
  s->n_active = s->n < WINDOW ? s->n : WINDOW;
  for (int i = 0; i < s->n_active; i++)
    fill_keys(s, i);
  while (s->n > 1) {
    int bi = 0, bj = 0, best = NEVER;
    for (int i = 0; i < s->n_active; i++)
      for (int j = i + 1; j < s->n_active; j++)
        if (s->key[i][j] < best) {
          if (load_after(s, s->t[i], s->t[j]) > s->limit) {
            s->key[i][j] = NEVER;
            continue;
          }
          best = s->key[i][j], bi = i, bj = j;
        }
    if (best == NEVER)
      shallowest(s, &bi, &bj);
    McmTerm a = s->t[bi], b = s->t[bj];
    Plan p = plan(a, b);
    s->load = load_after(s, a, b);
    s->t[bi] = (McmTerm){mcm_node(g, p.first, p.s1, p.second, p.s2, p.minus), p.low, p.neg};
    /* the last active takes the free place; the next in line becomes active */
    s->n--;
    int from = s->n_active - 1;
    if (bj < s->n_active) {
      s->t[bj] = s->t[from];
      for (int i = 0; i < from; i++)
        if (i != bj)
          s->key[i < bj ? i : bj][i < bj ? bj : i] = s->key[i][from];
      if (from < s->n)
        memmove(s->t + from, s->t + from + 1, (size_t)(s->n - from) * sizeof *s->t);
    } else {
      memmove(s->t + bj, s->t + bj + 1, (size_t)(s->n - bj) * sizeof *s->t);
    }
    bool entered = bj <= from && from < s->n;
    s->n_active = s->n < WINDOW ? s->n : WINDOW;
    if (bi < s->n_active)
      fill_keys(s, bi);
    if (entered)
      fill_keys(s, from);
  }
  return s->t[0];
}

/* The negative of a node, of no greater depth: exchanges the operands of a difference, at or below it. -1: there is none. Only prices it
 * unless `make`; *cost: width of the new nodes. */
static int negated(McmGraph *g, int node, bool make, int *cost) {
  McmNode v = g->v[node];
  if (v.b < 0)
    return -1;
  *cost += v.width;
  if (v.minus)
    return make ? mcm_opposite(g, node, v.b, v.sb, v.a, v.sa, true) : node;
  int ca = 0, cb = 0, a = negated(g, v.a, false, &ca), b = negated(g, v.b, false, &cb), none = 0;
  if (a < 0 && b < 0)
    return -1;
  bool first = a >= 0 && (b < 0 || ca <= cb);
  *cost += first ? ca : cb;
  if (!make)
    return node;
  return first ? mcm_opposite(g, node, negated(g, v.a, true, &none), v.sa, v.b, v.sb, true)
               : mcm_opposite(g, node, negated(g, v.b, true, &none), v.sb, v.a, v.sa, true);
}

/* Without a positive term the sum would need a negation at full width: one term is negated instead. */
static void make_positive(Sum *s) {
  McmGraph *g = s->g;
  int best = -1, least = 0;
  bool copy = false;
  for (int i = 0; i < s->n; i++) {
    int node = s->t[i].node, cost = 0;
    bool can_copy = negated(g, node, false, &cost) >= 0;
    if (!can_copy)
      cost = g->v[node].width;
    if ((can_copy || s->load + unit(g, node) <= s->limit) && (best < 0 || cost < least))
      best = i, least = cost, copy = can_copy;
  }
  if (best < 0)
    return; /* the sum is negated by the caller */
  McmTerm *t = &s->t[best];
  if (!copy)
    s->load += unit(g, t->node);
  t->node = copy ? negated(g, t->node, true, &least) : mcm_negation(g, t->node);
  t->neg = false;
}

/* ---- signs ---- */

enum { AS_ADD, AS_A_LESS_B, AS_B_LESS_A, IMPOSSIBLE = 1 << 28 };

typedef struct {
  int cost[2]; /* bits of the tree below when the node holds its value, and when it holds the negative */
  uint8_t how[2];
} Signs;

static bool is_constant(const McmNode *v) {
  return v->a < 0 && v->lo == v->hi;
}

static void negate_constant(McmNode *v) {
  v->lo = v->hi = v->constant = -v->constant;
  v->width = mcm_width(v->lo, v->hi);
}

static int leaf_cost(const McmGraph *g, int node, bool negative) {
  return negative && !is_constant(&g->v[node]) ? IMPOSSIBLE : 0;
}

/* Of the nodes from `first` on, a tree whose root is `root`, chooses which hold their negatives: the fewest bits. A sum of two is done with
 * one operand at least of its own sign: the minuend, whose low bits pass when it lies lower. */
static McmTerm choose_signs(McmGraph *g, int first, McmTerm root) {
  int n = root.node - first + 1;
  if (n < 1)
    return root;
  Signs *d = mcm_alloc(g->forms, (size_t)n, sizeof *d);
  bool *negative = mcm_zeroed(g->forms, (size_t)n, sizeof *negative);
  for (int i = 0; i < n; i++) {
    const McmNode *v = &g->v[first + i];
    if (v->b < 0) {
      d[i].cost[0] = v->width, d[i].cost[1] = IMPOSSIBLE;
      continue;
    }
    for (int s = 0; s < 2; s++) {
      int width = s ? mcm_width(-v->hi, -v->lo) : v->width, best = 2 * IMPOSSIBLE;
      for (int how = AS_ADD; how <= AS_B_LESS_A; how++) {
        bool na = s ^ (how == AS_B_LESS_A), nb = s ^ v->minus ^ (how == AS_A_LESS_B);
        int pass = how == AS_ADD ? v->sa + v->sb : how == AS_A_LESS_B ? v->sb : v->sa, cost = width > pass + 1 ? width - pass : 1;
        cost += v->a >= first ? d[v->a - first].cost[na] : leaf_cost(g, v->a, na);
        cost += v->b >= first ? d[v->b - first].cost[nb] : leaf_cost(g, v->b, nb);
        if (cost < best)
          best = cost, d[i].how[s] = (uint8_t)how;
      }
      d[i].cost[s] = best < IMPOSSIBLE ? best : IMPOSSIBLE;
    }
  }
  negative[n - 1] = d[n - 1].cost[root.neg] <= d[n - 1].cost[!root.neg] + g->v[root.node].width ? root.neg : !root.neg;
  root.neg ^= negative[n - 1];
  for (int i = n - 1; i >= 0; i--) {
    McmNode *v = &g->v[first + i];
    if (v->b < 0)
      continue;
    bool s = negative[i];
    int how = d[i].how[s], op[2] = {v->a, v->b}, pass = how == AS_ADD ? v->sa + v->sb : how == AS_A_LESS_B ? v->sb : v->sa;
    bool neg[2] = {s ^ (how == AS_B_LESS_A), s ^ v->minus ^ (how == AS_A_LESS_B)};
    for (int j = 0; j < 2; j++)
      if (op[j] >= first) {
        negative[op[j] - first] = neg[j];
      } else if (neg[j]) { /* a constant, which this sum alone reads */
        negate_constant(&g->v[op[j]]);
      }
    if (s) {
      i128 lo = v->lo;
      v->lo = -v->hi, v->hi = -lo, v->constant = -v->constant;
      v->width = mcm_width(v->lo, v->hi);
    }
    v->minus = how != AS_ADD;
    if (how == AS_B_LESS_A) {
      int a = v->a, sa = v->sa;
      v->a = v->b, v->sa = v->sb, v->b = a, v->sb = sa;
    }
    g->bits -= v->bits;
    v->bits = v->width > pass + 1 ? v->width - pass : 1;
    g->bits += v->bits;
  }
  return root;
}

static McmTerm sum_terms(McmGraph *g, McmColumn *c, uint64_t random, McmTerm *scratch) {
  int first = g->n, positive = 0, constant = -1;
  for (int i = 0; i < c->n; i++) {
    McmNode *v = &g->v[c->t[i].node];
    if (is_constant(v)) {
      constant = i;
      if (v->constant < 0) /* as it may stand after an earlier try */
        negate_constant(v), c->t[i].neg = !c->t[i].neg;
    }
    positive += !c->t[i].neg || is_constant(v);
  }
  Sum s = {.g = g, .t = scratch, .n = c->n, .load = c->load, .limit = c->limit, .random = random};
  memcpy(scratch, c->t, (size_t)c->n * sizeof *scratch);
  for (int i = 1; i < s.n; i++) { /* by rising top */
    McmTerm t = s.t[i];
    int j = i;
    for (; j && top(g, s.t[j - 1]) > top(g, t); j--)
      s.t[j] = s.t[j - 1];
    s.t[j] = t;
  }
  if (!positive)
    make_positive(&s);
  McmTerm sum = choose_signs(g, first, join_all(&s));
  if (constant >= 0 && g->v[c->t[constant].node].constant < 0)
    c->t[constant].neg = !c->t[constant].neg;
  return sum;
}

static void add_constant(McmGraph *g, McmColumn *c, i128 bias) {
  int shift = 0;
  for (; !(bias & 1); bias /= 2)
    shift++;
  mcm_term(g, c, (McmTerm){mcm_constant(g, bias), shift, false});
  c->load += g->p->depth < 0 ? 0 : 1;
}

void mcm_sum(McmGraph *g, const int *order, const McmStrategy *strategy, McmTerm *out) {
  const McmProblem *p = g->p;
  McmPool scratch = {0};
  int cols = p->cols;
  for (int k = 0; k < cols; k++) {
    int j = order[k];
    McmColumn *c = &g->col[j];
    if (p->bias[j])
      add_constant(g, c, p->bias[j]);
    out[j] = (McmTerm){-1, 0, false};
    if (!c->n)
      continue;
    McmTerm *work = mcm_alloc(g->pool, (size_t)c->n, sizeof *work);
    int first = g->n;
    while (g->cap < g->n + 2 * c->n + 2) { /* no growing inside: the pool is wound back */
      int n = g->cap;
      g->v = mcm_grow(g->pool, g->v, n, &g->cap, sizeof *g->v);
    }
    g->forms = &scratch;
    uint64_t seed = 0;
    int64_t before = g->bits, best = INT64_MAX;
    for (int i = 0; i < strategy->tries && strategy->tries > 1; i++) {
      uint64_t r = i ? (uint64_t)i * 0x9e3779b97f4a7c15u : 0;
      McmPool mark = scratch;
      sum_terms(g, c, r, work);
      if (g->bits < best)
        best = g->bits, seed = r;
      g->n = first;
      g->bits = before;
      mcm_reset(&scratch, mark);
    }
    out[j] = sum_terms(g, c, seed, work);
    g->forms = g->pool;
    for (int i = first; i < g->n; i++)
      g->v[i].form = NULL;
  }
  mcm_release(&scratch);
}
