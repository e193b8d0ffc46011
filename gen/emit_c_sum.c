/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_c_sum.c - an adder graph that hardware wants small is, for a processor, a sum of products: an adder costs as much as a multiply-add,
 * and straight code for thousands of them does not fit any cache. Where a linear part of the kernel has more adders than terms, its results
 * are computed as sums instead. Exact: everything is modulo 2^K, and the result is proved to fit K bits.
 *
 * A part is a set of adds, subtracts, negations and shifts joined by values that nobody else reads. Its results are what others read.
 */
#include "emit_c.h"
#include <stdlib.h>

typedef struct {
  int value;
  int n, *root;   /* ascending */
  uint64_t *coef; /* modulo 2^64 */
  uint64_t bias;
  double cost;
  int kind;   /* of the lanes it is computed in */
  bool split; /* wide only in the end: from partial sums in lanes of half the width */
} Form;

/* Work in units of one 32-bit multiply-add of 16 samples, as measured with AVX-512 on a dense 16-64-32-32-5 net. Straight code costs more
 * the more there is of it: from some thousand adders on, neither instructions nor values stay in the first cache. */
static const double op_cost[LANE_KINDS] = {0.35, 0.75, 1.5, 40}, mac_cost[LANE_KINDS] = {0.45, 1, 7, 1e9};

static double crowding(int64_t adders) {
  return adders < 1000 ? 1 : adders > 4000 ? 1.6 : 1 + 0.6 * (double)(adders - 1000) / 3000;
}

typedef struct {
  CPlan *p;
  const Kernel *k;
  uint8_t *observed;
  int *parent; /* union-find over linear values */
  int *local;  /* position in its part */
  uint64_t *coef, *root_coef;
  uint8_t *touched;
  double crowding;
  int64_t budget;
} Sums;

static bool linear(const HirValue *v) {
  return v->op == HIR_ADD || v->op == HIR_SUB || v->op == HIR_NEG || v->op == HIR_SHL;
}

static int find(Sums *s, int i) {
  while (s->parent[i] != i)
    i = s->parent[i] = s->parent[s->parent[i]];
  return i;
}

/* What is read by more than linear values of the same part. */
static void observe(Sums *s) {
  const Kernel *k = s->k;
  for (int i = 0; i < k->n; i++)
    if (s->p->live[i] && !linear(&k->v[i]))
      for (int j = 0; j < 3; j++)
        if (k->v[i].arg[j] >= 0)
          s->observed[k->v[i].arg[j]] = 1;
  for (int i = 0; i < hir_outs(k); i++)
    s->observed[k->out[i]] = 1;
  for (int i = 0; i < k->n_layers; i++)
    for (int j = 0; j < k->layer[i].n; j++)
      if (k->layer[i].value[j] >= 0)
        s->observed[k->layer[i].value[j]] = 1;
  for (int i = 0; i < k->n; i++) {
    s->parent[i] = i;
    if (s->p->live[i] && linear(&k->v[i]))
      for (int j = 0; j < 2; j++) {
        int a = k->v[i].arg[j];
        if (a >= 0 && linear(&k->v[a]) && !s->observed[a])
          s->parent[find(s, a)] = find(s, i);
      }
  }
}

static void add_to(Sums *s, Form *f, int arg, uint64_t c, int *touched, int *n_touched) {
  const HirValue *a = &s->k->v[arg];
  if (c == 0)
    return;
  if (a->op == HIR_CONST) {
    f->bias += c * (uint64_t)a->lo;
  } else if (linear(a) && !s->observed[arg]) {
    s->coef[arg] += c;
  } else {
    if (!s->touched[arg]) {
      s->touched[arg] = 1;
      touched[(*n_touched)++] = arg;
    }
    s->root_coef[arg] += c;
  }
}

static uint64_t times_power(uint64_t c, int shift) {
  return shift > 63 ? 0 : c << shift;
}

static int by_number(const void *a, const void *b) {
  return *(const int *)a - *(const int *)b;
}

/* The sum that result `value` is, by pushing coefficients down its part. */
static Form form_of(Sums *s, int value, const int *member, int n_members, int *touched) {
  const Kernel *k = s->k;
  Form f = {.value = value};
  int n_touched = 0, at = s->local[value];
  s->coef[value] = 1;
  s->budget -= at + 1;
  for (int m = at; m >= 0 && m < n_members; m--) {
    int i = member[m];
    const HirValue *v = &k->v[i];
    uint64_t c = s->coef[i];
    if (c == 0 || (s->observed[i] && i != value))
      continue;
    s->coef[i] = 0;
    uint64_t ca = v->op == HIR_NEG ? -c : v->op == HIR_SHL ? times_power(c, v->imm) : v->imm < 0 ? times_power(c, -v->imm) : c;
    add_to(s, &f, v->arg[0], ca, touched, &n_touched);
    if (v->arg[1] >= 0) {
      uint64_t cb = v->imm > 0 ? times_power(c, v->imm) : c;
      add_to(s, &f, v->arg[1], v->op == HIR_SUB ? -cb : cb, touched, &n_touched);
    }
  }
  qsort(touched, (size_t)n_touched, sizeof *touched, by_number);
  f.root = mem_array((size_t)n_touched + 1, sizeof *f.root);
  f.coef = mem_array((size_t)n_touched + 1, sizeof *f.coef);
  for (int t = 0; t < n_touched; t++) {
    int r = touched[t];
    if (s->root_coef[r]) {
      f.root[f.n] = r;
      f.coef[f.n++] = s->root_coef[r];
    }
    s->root_coef[r] = 0;
    s->touched[r] = 0;
  }
  return f;
}

/* Widest magnitude that coefficient times root can take; beyond all limits when either does not fit lanes of that kind. */
static i128 reach(const Kernel *k, int root, uint64_t coef, int64_t limit) {
  int64_t c = (int64_t)coef;
  i128 lo = k->v[root].lo, hi = k->v[root].hi, m = -lo > hi ? -lo : hi;
  if (c > limit || c < -limit || m > limit)
    return (i128)1 << 100;
  return (c < 0 ? -(i128)c : (i128)c) * m;
}

/* Terms from `at` on that one partial sum can take; 0: not even one. */
static int group(const Kernel *k, const Form *f, int at) {
  int64_t limit = f->kind == 1 ? INT16_MAX : INT32_MAX;
  i128 sum = 0;
  int n = 0;
  while (at + n < f->n && (sum += reach(k, f->root[at + n], f->coef[at + n], limit)) <= limit)
    n++;
  return n;
}

static void price(const Kernel *k, Form *f, const CPlan *p) {
  f->kind = p->kind[f->value];
  for (int i = 0; i < f->n; i++)
    if (p->kind[f->root[i]] > f->kind)
      f->kind = p->kind[f->root[i]];
  f->cost = 2 + f->n * mac_cost[f->kind];
  if (f->kind < 1 || f->kind > 2)
    return;
  for (int i = 0; i < f->n; i++) /* modulo the lanes it stands for, the coefficient nearest to 0 */
    if (f->kind == 1)
      f->coef[i] = (uint64_t)(int64_t)(int32_t)(uint32_t)f->coef[i];
  double split = 2;
  for (int at = 0, n; at < f->n; at += n) {
    n = group(k, f, at);
    if (n == 0)
      return;
    split += n * mac_cost[f->kind - 1] + 2 + f->kind;
  }
  if (split < f->cost)
    f->split = true, f->cost = split;
}

/* ---- rows into sums ---- */

static void put_row(CPlan *p, int kind, int layer, int value, int n, const int *root, const uint64_t *coef, uint64_t bias) {
  p->sum = mem_grow(p->sum, p->n_sums, &p->cap_sums, sizeof *p->sum);
  CSum *s = &p->sum[p->n_sums++];
  *s = (CSum){.kind = kind, .layer = layer, .rows = 1, .cols = n};
  s->row = mem_array(1, sizeof *s->row);
  s->bias = mem_array(1, sizeof *s->bias);
  s->col = mem_array((size_t)n + 1, sizeof *s->col);
  s->w = mem_array((size_t)n + 1, sizeof *s->w);
  s->row[0] = value, s->bias[0] = bias;
  memcpy(s->col, root, (size_t)n * sizeof *root);
  memcpy(s->w, coef, (size_t)n * sizeof *coef);
}

static int new_virtual(CPlan *p, int kind) {
  p->virtual_kind = mem_grow(p->virtual_kind, p->n_virtual, &p->cap_virtual, 1);
  p->virtual_kind[p->n_virtual] = (uint8_t)kind;
  return p->k->n + p->n_virtual++;
}

static void accept(CPlan *p, const Form *f) {
  const Kernel *k = p->k;
  p->sum_terms += f->n;
  if (!f->split) {
    p->is_row[f->value] = 1;
    put_row(p, f->kind, k->v[f->value].layer, f->value, f->n, f->root, f->coef, f->bias);
    return;
  }
  p->total = mem_grow(p->total, p->n_totals, &p->cap_totals, sizeof *p->total);
  CTotal *t = &p->total[p->n_totals++];
  *t = (CTotal){.value = f->value, .kind = f->kind, .bias = f->bias};
  t->part = mem_array((size_t)f->n + 1, sizeof *t->part);
  for (int at = 0, n; at < f->n; at += n) {
    n = group(k, f, at);
    t->part[t->n] = new_virtual(p, f->kind - 1);
    put_row(p, f->kind - 1, k->v[f->value].layer, t->part[t->n++], n, f->root + at, f->coef + at, 0);
  }
}

static void decide(Sums *s, const int *member, int n, int *touched) {
  const Kernel *k = s->k;
  double graph = 0;
  int results = 0;
  for (int i = 0; i < n; i++) {
    const HirValue *v = &k->v[member[i]];
    s->local[member[i]] = i;
    graph += s->crowding * op_cost[s->p->kind[member[i]]] * (v->op == HIR_SHL || v->op == HIR_NEG ? 0.6 : 1);
    results += s->observed[member[i]];
    if (s->p->kind[member[i]] == 3)
      return;
  }
  s->p->graph_adders += n;
  if (n < 4 || (double)results * n > (double)s->budget)
    return;
  Form *f = mem_array((size_t)results + 1, sizeof *f);
  double sums = 0;
  int r = 0;
  for (int i = 0; i < n && sums < graph; i++)
    if (s->observed[member[i]]) {
      f[r] = form_of(s, member[i], member, n, touched);
      price(k, &f[r], s->p);
      sums += f[r++].cost;
    }
  if (sums >= graph)
    return;
  s->p->graph_adders -= n;
  for (int i = 0; i < n; i++)
    s->p->in_sum[member[i]] = 1;
  for (int i = 0; i < r; i++)
    accept(s->p, &f[i]);
}

void c_plan_sums(CPlan *p) {
  size_t n = (size_t)p->k->n + 1;
  Sums s = {.p = p, .k = p->k, .budget = 400000000};
  s.observed = mem_array(n, 1);
  s.touched = mem_array(n, 1);
  s.parent = mem_array(n, sizeof *s.parent);
  s.local = mem_array(n, sizeof *s.local);
  s.coef = mem_array(n, sizeof *s.coef);
  s.root_coef = mem_array(n, sizeof *s.root_coef);
  observe(&s);
  /* members of each part, by counting */
  int *first = mem_array(n + 1, sizeof *first), *member = mem_array(n, sizeof *member), *touched = mem_array(n, sizeof *touched);
  for (int i = 0; i < p->k->n; i++)
    if (p->live[i] && linear(&p->k->v[i]))
      first[find(&s, i) + 1]++;
  for (int i = 0; i < p->k->n; i++)
    first[i + 1] += first[i];
  s.crowding = crowding(first[p->k->n]);
  int *fill = mem_array(n, sizeof *fill);
  for (int i = 0; i < p->k->n; i++)
    if (p->live[i] && linear(&p->k->v[i])) {
      int part = find(&s, i);
      member[first[part] + fill[part]++] = i;
    }
  for (int i = 0; i < p->k->n; i++)
    if (fill[i])
      decide(&s, member + first[i], fill[i], touched);
}
