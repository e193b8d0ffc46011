/* SPDX-License-Identifier: Apache-2.0
 *
 * hir_expand.c - QUANT in terms of add, shr, clamp and wrap.
 *
 * Requires: any kernel. Keeps: the meaning of every output, bit for bit, and the saturation counts. After it no QUANT is left.
 * Rounding half up adds a constant, which hir_add merges with the bias before it; so a Relu between the two is moved behind:
 * round(max(x, 0)) = max(round(x), 0), as rounding is monotone and keeps 0.
 */
#include "hir.h"

static int expand_round(Kernel *k, int x, int drop, Round round) {
  if (drop <= 0)
    return hir_shl(k, x, -drop);
  if (k->v[x].op == HIR_MAX && k->v[k->v[x].arg[1]].op == HIR_CONST && k->v[k->v[x].arg[1]].lo == 0)
    return hir_max(k, expand_round(k, k->v[x].arg[0], drop, round), hir_const(k, 0));
  if (drop > 126) /* |x| < 2^126: what is left is the sign or nothing */
    return round == ROUND_TRN ? hir_shr(k, x, 126) : hir_const(k, 0);
  i128 half = (i128)1 << (drop - 1);
  if (round == ROUND_RND)
    x = hir_add(k, x, hir_const(k, half), 0);
  if (round == ROUND_RNE) { /* x + half - 1 + (lowest bit that stays) */
    int even = hir_wrap(k, hir_shr(k, x, drop), 1, false, -1);
    x = hir_add(k, hir_add(k, x, hir_const(k, half - 1), 0), even, 0);
  }
  return hir_shr(k, x, drop);
}

static int expand(Kernel *k, const HirValue *v, int x) {
  int r = expand_round(k, x, v->imm, (Round)v->round);
  if (v->overflow != OVERFLOW_WRAP)
    return hir_clamp(k, r, v->bound_lo, v->bound_hi, v->site);
  return hir_wrap(k, r, hir_width_of(v->bound_lo, v->bound_hi), v->bound_lo < 0, v->site);
}

Kernel *hir_expand(const Kernel *from) {
  Kernel *to = hir_shell(from);
  int *map = mem_array((size_t)from->n + 1, sizeof *map);
  for (int i = 0; i < from->n; i++) {
    const HirValue *v = &from->v[i];
    to->cur_layer = v->layer;
    map[i] = v->op == HIR_QUANT ? expand(to, v, map[v->arg[0]]) : hir_rebuild_value(to, v, map);
    hir_narrow(to, map[i], v->lo, v->hi);
  }
  hir_rebuild_tail(to, from, map);
  return hir_clean(to);
}
