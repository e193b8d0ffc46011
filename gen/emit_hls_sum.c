/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_hls_sum.c - which values the HLS C++ computes; with --hls-mult=tool adder graphs become sums of products with constants again, for
 * tools that choose between DSPs and adders.
 *
 * A linear value (made of additions, subtractions, negations and left shifts only) that something else reads is written as a sum over the
 * values below its linear part. Exact either way, so nothing but the hardware's cost changes.
 */
#include "emit_hls.h"
#include <stdlib.h>

enum { MAX_COEFFICIENT_BITS = 60 };

static bool linear(const HirValue *v) {
  return v->op == HIR_ADD || v->op == HIR_SUB || v->op == HIR_NEG || v->op == HIR_SHL;
}

typedef struct {
  const Kernel *k;
  i128 *c; /* coefficient of each value in the sum being made; 0 between sums */
  bool *queued;
  int *heap, n; /* values to expand, the last in SSA order on top */
} Expansion;

static void push(Expansion *x, int value) {
  if (x->queued[value])
    return;
  x->queued[value] = true;
  int at = x->n++;
  for (; at && x->heap[(at - 1) / 2] < value; at = (at - 1) / 2)
    x->heap[at] = x->heap[(at - 1) / 2];
  x->heap[at] = value;
}

static int pop(Expansion *x) {
  int top = x->heap[0], last = x->heap[--x->n], at = 0;
  for (int next; (next = 2 * at + 1) < x->n; at = next) {
    next += next + 1 < x->n && x->heap[next + 1] > x->heap[next];
    if (x->heap[next] <= last)
      break;
    x->heap[at] = x->heap[next];
  }
  x->heap[at] = last;
  x->queued[top] = false;
  return top;
}

static bool small(i128 c) {
  return hir_width_of(c, c) <= MAX_COEFFICIENT_BITS;
}

/* Adds c * 2^shift times a value; false when that becomes too large to be worth it. */
static bool add(Expansion *x, int value, i128 c, int shift) {
  if (shift > MAX_COEFFICIENT_BITS || !small(c * ((i128)1 << shift)))
    return false;
  x->c[value] += c * ((i128)1 << shift);
  push(x, value);
  return small(x->c[value]);
}

static bool expand(Expansion *x, int value, i128 c) {
  const HirValue *v = &x->k->v[value];
  int sa = v->op != HIR_NEG && v->imm < 0 ? -v->imm : 0, sb = v->op != HIR_NEG && v->imm > 0 ? v->imm : 0;
  if (v->op == HIR_NEG)
    return add(x, v->arg[0], -c, 0);
  if (v->op == HIR_SHL)
    return add(x, v->arg[0], c, v->imm);
  return add(x, v->arg[0], c, sa) && add(x, v->arg[1], v->op == HIR_SUB ? -c : c, sb);
}

static HlsSum sum_of(Expansion *x, int root) {
  HlsSum s = {0};
  int cap = 0;
  bool fits = expand(x, root, 1);
  while (x->n) {
    int value = pop(x);
    const HirValue *v = &x->k->v[value];
    i128 c = x->c[value];
    x->c[value] = 0;
    if (!fits || c == 0)
      continue;
    bool constant = hls_is_const(x->k, value);
    if (linear(v) && !constant) {
      fits = expand(x, value, c);
      continue;
    }
    fits = hir_width(v) + hir_width_of(c, c) < HIR_MAX_WIDTH - 16; /* room for adding them up */
    s.term = mem_grow(s.term, s.n, &cap, sizeof *s.term);
    s.term[s.n++] = constant && fits ? (HlsTerm){-1, c * v->lo} : (HlsTerm){value, c};
  }
  return fits ? s : (HlsSum){0};
}

/* From the outputs down, as only values that the code still computes read others. */
void hls_plan(Hls *h, bool sums) {
  const Kernel *k = h->k;
  size_t n = (size_t)k->n + 1;
  Expansion x = {k, mem_array(n, sizeof *x.c), mem_array(n, sizeof *x.queued), mem_array(n, sizeof *x.heap), 0};
  h->sum = mem_array(n, sizeof *h->sum);
  h->needed = mem_array(n, 1);
  for (int i = 0; i < k->n_out; i++)
    h->needed[k->out[i]] = 1;
  for (int i = k->n - 1; i >= 0; i--) {
    const HirValue *v = &k->v[i];
    if (!h->needed[i] || hls_is_const(k, i))
      continue;
    if (sums && linear(v))
      h->sum[i] = sum_of(&x, i);
    for (int j = 0; j < h->sum[i].n; j++)
      if (h->sum[i].term[j].value >= 0)
        h->needed[h->sum[i].term[j].value] = 1;
    for (int j = 0; j < hir_op_args(v->op) && !h->sum[i].n; j++)
      h->needed[v->arg[j]] = 1;
  }
}
