/* SPDX-License-Identifier: Apache-2.0
 *
 * lower_logic.c - comparisons and choices at run time: booleans are the integers 0 and 1.
 */
#include "lower.h"

static Num less(Lower *l, Num a, Num b) {
  int f = a.frac > b.frac ? a.frac : b.frac;
  return (Num){hir_lt(l->k, num_align(l, a, f), num_align(l, b, f)), 0};
}

static Num greater(Lower *l, Num a, Num b) {
  return less(l, b, a);
}

static Num negate(Lower *l, Num a) {
  return (Num){hir_mux(l->k, a.v, hir_const(l->k, 0), hir_const(l->k, 1)), 0};
}

static Num both(Lower *l, Num a, Num b) {
  return (Num){hir_mux(l->k, a.v, b.v, hir_const(l->k, 0)), 0};
}

static Num either(Lower *l, Num a, Num b) {
  return (Num){hir_mux(l->k, a.v, hir_const(l->k, 1), b.v), 0};
}

static Num equal(Lower *l, Num a, Num b) {
  return negate(l, either(l, less(l, a, b), less(l, b, a)));
}

static Num less_equal(Lower *l, Num a, Num b) {
  return negate(l, less(l, b, a));
}

static Num greater_equal(Lower *l, Num a, Num b) {
  return negate(l, less(l, a, b));
}

static Num differ(Lower *l, Num a, Num b) {
  return negate(l, equal(l, a, b));
}

static void binary(Lower *l, const Node *n, Num (*f)(Lower *, Num, Num)) {
  const Tensor *Y = n->out[0];
  const Num *a = lower_in(l, n->in[0]), *b = lower_in(l, n->in[1]);
  Num *y = lower_out(l, Y);
  for (int64_t e = 0; e < tensor_count(Y); e++)
    y[e] = f(l, a[num_broadcast(n->in[0], Y, e)], b[num_broadcast(n->in[1], Y, e)]);
}

void lower_less(Lower *l, const Node *n) {
  binary(l, n, less);
}
void lower_greater(Lower *l, const Node *n) {
  binary(l, n, greater);
}
void lower_equal(Lower *l, const Node *n) {
  binary(l, n, equal);
}
void lower_less_equal(Lower *l, const Node *n) {
  binary(l, n, less_equal);
}
void lower_greater_equal(Lower *l, const Node *n) {
  binary(l, n, greater_equal);
}
void lower_xor(Lower *l, const Node *n) {
  binary(l, n, differ);
}
void lower_and(Lower *l, const Node *n) {
  binary(l, n, both);
}
void lower_or(Lower *l, const Node *n) {
  binary(l, n, either);
}

void lower_not(Lower *l, const Node *n) {
  const Num *x = lower_in(l, n->in[0]);
  Num *y = lower_out(l, n->out[0]);
  for (int64_t e = 0; e < tensor_count(n->out[0]); e++)
    y[e] = negate(l, x[e]);
}

void lower_where(Lower *l, const Node *n) {
  const Tensor *Y = n->out[0];
  const Num *c = lower_in(l, n->in[0]), *a = lower_in(l, n->in[1]), *b = lower_in(l, n->in[2]);
  Num *y = lower_out(l, Y);
  for (int64_t e = 0; e < tensor_count(Y); e++) {
    Num p = a[num_broadcast(n->in[1], Y, e)], q = b[num_broadcast(n->in[2], Y, e)];
    int f = p.frac > q.frac ? p.frac : q.frac;
    Num r = {hir_mux(l->k, c[num_broadcast(n->in[0], Y, e)].v, num_align(l, p, f), num_align(l, q, f)), f};
    y[e] = num_quant(l, r, Y);
  }
}
