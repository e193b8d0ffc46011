/* SPDX-License-Identifier: Apache-2.0
 *
 * hir_overflow.c - --overflow=error: what is not proved to fit, and which inputs of the layer drive it there. Requires: a kernel with QUANT
 * and its intervals (hir_affine). Keeps: the kernel.
 *
 * The extreme of a sum is where each of its terms has its own: the terms of the affine form with the widest swing are named. Through a
 * maximum, a minimum or a choice the argument that reaches furthest is followed.
 */
#include "hir.h"
#include <math.h>
#include <stdlib.h>

enum { NAMED = 3 };

/* The worst value of a layer, in steps of its format. */
typedef struct {
  int value; /* QUANT; -1: all of the layer fit */
  bool above;
  i128 lo, hi;   /* of all its values */
  i128 beyond;   /* how far that one leaves the format */
  i128 l, h;     /* of the one */
  int need_more; /* integer bits */
} Worst;

/* Integer bits beyond the format's own that hold the argument of v: a wider step rounds anew. */
static int more_bits(const Kernel *k, const HirValue *v) {
  const HirValue *a = &k->v[v->arg[0]];
  for (int more = 1; more < HIR_MAX_WIDTH; more++) {
    i128 l, h;
    hir_rounded(a->lo, a->hi, v->imm + more, (Round)v->round, &l, &h);
    if (l >= v->bound_lo && h <= v->bound_hi)
      return more;
  }
  return HIR_MAX_WIDTH;
}

static void add_value(const Kernel *k, int i, Worst *w) {
  const HirValue *v = &k->v[i];
  i128 l, h;
  hir_rounded(k->v[v->arg[0]].lo, k->v[v->arg[0]].hi, v->imm, (Round)v->round, &l, &h);
  w->lo = l < w->lo ? l : w->lo, w->hi = h > w->hi ? h : w->hi;
  i128 above = h - v->bound_hi, below = v->bound_lo - l, most = above > below ? above : below;
  if (most <= 0)
    return;
  int more = more_bits(k, v);
  w->need_more = more > w->need_more ? more : w->need_more;
  if (w->value < 0 || most > w->beyond)
    w->value = i, w->above = above >= below, w->beyond = most, w->l = l, w->h = h;
}

/* The value that takes this one to its end: through what hands one of its arguments on. */
static int driver(const Kernel *k, int i, bool above) {
  for (;;) {
    const HirValue *v = &k->v[i];
    int from = v->op == HIR_MUX, n = hir_op_args(v->op), best = -1;
    if (v->op == HIR_QUANT || v->op == HIR_CLAMP)
      n = 1;
    else if (v->op != HIR_MAX && v->op != HIR_MIN && v->op != HIR_MUX)
      return i;
    for (int j = from; j < n; j++)
      if (best < 0 || (above ? k->v[v->arg[j]].hi > k->v[best].hi : k->v[v->arg[j]].lo < k->v[best].lo))
        best = v->arg[j];
    i = best;
  }
}

/* Factors of the values that `root` is a sum of, by value; what is no sum stands for itself. The caller frees them. */
static double *terms(const Kernel *k, int root) {
  double *coef = mem_scratch((size_t)root + 1, sizeof *coef);
  coef[root] = 1;
  for (int i = root; i >= 0; i--) {
    const HirValue *v = &k->v[i];
    double c = coef[i];
    bool times = v->op == HIR_MUL && k->v[v->arg[1]].op == HIR_CONST;
    if (c == 0 || (v->op != HIR_ADD && v->op != HIR_SUB && v->op != HIR_NEG && v->op != HIR_SHL && !times))
      continue;
    coef[i] = 0;
    if (times)
      c *= (double)k->v[v->arg[1]].lo;
    if (v->op == HIR_NEG)
      c = -c;
    coef[v->arg[0]] += c * (v->op == HIR_SHL ? ldexp(1, v->imm) : v->op != HIR_NEG && v->imm < 0 ? ldexp(1, -v->imm) : 1);
    if (v->op == HIR_ADD || v->op == HIR_SUB)
      coef[v->arg[1]] += (v->op == HIR_ADD ? c : -c) * (v->imm > 0 ? ldexp(1, v->imm) : 1);
  }
  return coef;
}

/* 'name'[element] and its binary point; NULL when neither an input nor a layer's result. */
static const char *element(const Kernel *k, int value, int *frac) {
  const HirValue *v = &k->v[value];
  for (int p = 0; v->op == HIR_IN && p < k->n_in_ports; p++) {
    const HirPort *port = &k->in_port[p];
    *frac = port->fmt.W - port->fmt.I;
    if (v->imm >= port->first && v->imm < port->first + port->n)
      return mem_printf("'%s'[%d]", diag_text(port->name), v->imm - port->first);
  }
  for (int s = 0; hir_is_state(k, v) && s < k->n_states; s++) {
    const HirState *state = &k->state[s];
    *frac = state->fmt.W - state->fmt.I;
    if (v->imm - k->n_in >= state->first && v->imm - k->n_in < state->first + state->n)
      return mem_printf("'%s'[%d]", diag_text(state->name), v->imm - k->n_in - state->first);
  }
  for (int i = 0; i < k->n_layers; i++)
    for (int e = 0; e < k->layer[i].n; e++)
      if (k->layer[i].value[e] == value) {
        *frac = k->layer[i].frac[e];
        return mem_printf("'%s'[%d]", diag_text(k->layer[i].name), e);
      }
  return NULL;
}

/* "; element 2 gets to 38 when 'x'[5] is 3.97, 'x'[0] is -4 and 7 more are at their ends"; "" when nothing can be named. */
static const char *corner(const Kernel *k, const HirLayer *layer, const Worst *w, double step) {
  int root = driver(k, k->v[w->value].arg[0], w->above), named = 0, frac = 0, at = -1;
  double *coef = terms(k, root);
  Buf b = {0};
  for (int e = 0; e < layer->n; e++)
    at = layer->value[e] == w->value ? e : at;
  buf_printf(&b, at >= 0 ? "; element %d gets to %.4g when" : "; one%.0d gets to %.4g when", at >= 0 ? at : 0,
             (double)(w->above ? w->h : w->l) * step);
  for (; named < NAMED; named++) {
    int best = -1;
    double swing = 0;
    for (int i = 0; i <= root; i++) {
      double s = fabs(coef[i]) * (double)(k->v[i].hi - k->v[i].lo);
      if (s > swing)
        best = i, swing = s;
    }
    const char *name = best >= 0 ? element(k, best, &frac) : NULL;
    if (!name)
      break;
    bool up = (coef[best] > 0) == w->above;
    buf_printf(&b, "%s %s is %.4g", named ? "," : "", name, ldexp((double)(up ? k->v[best].hi : k->v[best].lo), -frac));
    coef[best] = 0;
  }
  int more = 0;
  for (int i = 0; i <= root; i++)
    more += coef[i] != 0 && k->v[i].hi > k->v[i].lo;
  if (more)
    buf_printf(&b, " and %d more are at their ends", more);
  free(coef);
  return named ? b.s : "";
}

/* By layer. */
static Worst *worst_values(const Kernel *k, bool only_errors) {
  Worst *worst = mem_array((size_t)k->n_layers + 1, sizeof *worst);
  for (int i = 0; i < k->n_layers; i++)
    worst[i].value = -1;
  for (int i = 0; i < k->n; i++) {
    const HirValue *v = &k->v[i];
    if (v->op == HIR_QUANT && (v->overflow == OVERFLOW_ERROR || !only_errors) && v->site >= 0 && !k->site[v->site].input_side)
      add_value(k, i, &worst[k->site[v->site].layer]);
  }
  return worst;
}

void hir_overflow_bits(const Kernel *k, int *more) {
  const Worst *worst = worst_values(k, false);
  for (int i = 0; i < k->n_layers; i++)
    more[i] = worst[i].need_more;
}

void hir_check_overflow(const Kernel *k) {
  const Worst *worst = worst_values(k, true);
  for (int i = 0; i < k->n_layers; i++) {
    const HirLayer *l = &k->layer[i];
    const Worst *w = &worst[i];
    if (w->value < 0)
      continue;
    const HirValue *v = &k->v[w->value];
    double step = ldexp(1, l->fmt.I - l->fmt.W);
    diag_error(EXIT_NUMERIC, l->node, "%sresults may reach %.6g to %.6g, %s<%d,%d> holds %.6g to %.6g%s; I=%d is proved to hold them",
               l->node ? "" : mem_printf("node '%s' (%s): ", diag_text(l->name), l->op), (double)w->lo * step, (double)w->hi * step,
               l->fmt.is_signed ? "" : "u", l->fmt.W, l->fmt.I, (double)v->bound_lo * step, (double)v->bound_hi * step,
               corner(k, l, w, step), l->fmt.I + w->need_more);
  }
}
