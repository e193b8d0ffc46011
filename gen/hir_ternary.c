/* SPDX-License-Identifier: Apache-2.0
 *
 * hir_ternary.c - three-input adders, for families that make a + b + c in one cell a bit (Xilinx 6-input LUTs before the carry chain, Intel
 * ALMs).
 *
 * Requires: no QUANT. Marks an adder as `joined` when the adder that alone reads it takes it in: the pair is one three-input adder. Values
 * and intervals stay. From the inputs up, each adder takes the wider of its operands that is free: on a tree that pairs as many as can be.
 */
#include "hir.h"

static bool adder(const HirValue *v) {
  return v->op == HIR_ADD || v->op == HIR_SUB;
}

void hir_ternary(Kernel *k) {
  int *uses = mem_array((size_t)k->n + 1, sizeof *uses);
  bool *has = mem_array((size_t)k->n + 1, sizeof *has);
  for (int i = 0; i < k->n; i++)
    k->v[i].joined = false;
  for (int i = 0; i < k->n; i++)
    for (int j = 0; j < 3; j++)
      if (k->v[i].arg[j] >= 0)
        uses[k->v[i].arg[j]]++;
  for (int i = 0; i < hir_outs(k); i++)
    uses[k->out[i]]++;
  for (int i = 0; i < k->n; i++) {
    int best = -1;
    for (int j = 0; j < 2 && adder(&k->v[i]); j++) {
      int a = k->v[i].arg[j];
      if (adder(&k->v[a]) && uses[a] == 1 && !has[a] && (best < 0 || hir_adder_bits(k, &k->v[a]) > hir_adder_bits(k, &k->v[best])))
        best = a;
    }
    if (best >= 0)
      k->v[best].joined = has[i] = true;
  }
}
