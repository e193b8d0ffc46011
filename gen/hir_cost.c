/* SPDX-License-Identifier: Apache-2.0
 *
 * hir_cost.c - what hardware a kernel needs: counted (adders, carry-chain bits, multipliers, table and register bits) and, from
 * hir_cells.c, estimated.
 */
#include "hir.h"
#include <math.h>

/* Lowest bits that are always zero. */
static int trailing_zeros(const Kernel *k, int a) {
  const HirValue *v = &k->v[a];
  if (v->op == HIR_SHL)
    return v->imm + trailing_zeros(k, v->arg[0]);
  if (v->op == HIR_CONST) {
    int n = 0;
    for (i128 c = v->lo; c && !(c & 1); c >>= 1)
      n++;
    return v->lo ? n : 126;
  }
  return 0;
}

int hir_adder_bits(const Kernel *k, const HirValue *v) {
  if (v->op == HIR_NEG)
    return hir_width(v) - trailing_zeros(k, v->arg[0]) > 0 ? hir_width(v) - trailing_zeros(k, v->arg[0]) : 0;
  if (v->op != HIR_ADD && v->op != HIR_SUB)
    return 0;
  int a = trailing_zeros(k, v->arg[0]) + (v->imm < 0 ? -v->imm : 0), b = trailing_zeros(k, v->arg[1]) + (v->imm > 0 ? v->imm : 0);
  if (v->op == HIR_ADD && v->imm > 0 && !hir_signed(&k->v[v->arg[0]]) && hir_width(&k->v[v->arg[0]]) <= v->imm)
    return 0; /* side by side */
  /* below the lowest bit of b, a passes through; below that of a, b does in an addition only */
  int pass = v->op == HIR_ADD && a > b ? a : b;
  int bits = hir_width(v) - pass;
  return bits > 1 ? bits : 1;
}

HirCost hir_cost(const Kernel *k, int layer) {
  HirCost c = {0};
  const HirCells *cells = hir_cells(k);
  double luts = 0;
  int64_t in_brams = 0; /* register bits that block RAMs hold */
  int *depth = mem_array((size_t)k->n + 1, sizeof *depth), *last_use = mem_array((size_t)k->n + 1, sizeof *last_use);
  for (int i = 0; i < k->n; i++)
    last_use[i] = k->v[i].stage;
  for (int i = 0; i < k->n; i++)
    for (int j = 0; j < 3; j++)
      if (k->v[i].arg[j] >= 0 && last_use[k->v[i].arg[j]] < k->v[i].stage)
        last_use[k->v[i].arg[j]] = k->v[i].stage;
  for (int i = 0; i < k->n_out; i++)
    last_use[k->out[i]] = k->n_stages; /* leaves registered */
  for (int i = k->n_out; i < hir_outs(k); i++)
    if (last_use[k->out[i]] < k->write_stage)
      last_use[k->out[i]] = k->write_stage;
  for (int i = 0; i < k->n; i++) {
    const HirValue *v = &k->v[i];
    bool adder = v->op == HIR_ADD || v->op == HIR_SUB || v->op == HIR_NEG;
    for (int j = 0; j < 3; j++)
      if (v->arg[j] >= 0 && depth[v->arg[j]] > depth[i])
        depth[i] = depth[v->arg[j]];
    depth[i] += adder && !v->joined;
    if (layer >= 0 && v->layer != layer)
      continue;
    if (depth[i] > c.depth)
      c.depth = depth[i];
    c.adders += adder;
    c.adders3 += v->joined;
    c.adder_bits += hir_adder_bits(k, v);
    luts += cells[i].luts;
    c.dsps += cells[i].dsps;
    c.brams += cells[i].brams;
    c.mults += v->op == HIR_MUL;
    in_brams += cells[i].brams ? hir_width(v) : 0;
    if (v->op == HIR_LUT)
      c.lut_entries_bits += (int64_t)k->table[v->imm].entries * hir_width(v);
    if (v->op != HIR_CONST)
      c.reg_bits +=
          (int64_t)(last_use[i] - v->stage + (v->op == HIR_IN && !hir_is_state(k, v))) * (hir_width(v) - (v->op == HIR_SHL ? v->imm : 0));
  }
  if (layer < 0 && k->channels > 1) { /* distributed RAM: 64 words of 3 bits in 4 LUTs (RAM64M), 32 of 6 (RAM32M) */
    int rows = k->channels <= 32 ? 1 : (k->channels + 63) / 64;
    luts += hir_state_bits(k) * (k->channels <= 32 ? 4.0 / 6 : 4.0 / 3) * rows;
  }
  c.luts = llround(luts);
  c.reg_bits += layer < 0 && k->channels == 1 ? hir_state_bits(k) : 0;
  c.ffs = c.reg_bits - in_brams + (layer < 0 ? k->n_stages + 1 : 0);
  return c;
}

const HirCost *hir_costs(const Kernel *k) {
  HirCost *c = mem_array((size_t)k->n_layers + 1, sizeof *c);
  for (int i = -1; i < k->n_layers; i++)
    c[i + 1] = hir_cost(k, i);
  return c;
}
