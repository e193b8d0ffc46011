/* SPDX-License-Identifier: Apache-2.0
 *
 * hir_pipe.c - pipeline stages under a target clock. Requires: no QUANT. Sets v[].stage and n_stages; stages never fall along arguments.
 *
 * A value goes into the earliest stage in which its operation still fits the clock after its arguments (as soon as possible); then, from the
 * outputs back, a value moves to a later stage where that keeps fewer register bits (its arguments are needed later, or narrower than it).
 */
#include "hir.h"
#include <math.h>

/* In ns; a mid-grade 28 nm FPGA with routing: one LUT level 0.6, a carry chain 0.35 + 0.015 a bit more. A guide, not a timing report. */
static const double lut_ns = 0.6, carry_ns = 0.35, carry_bit_ns = 0.015;

double hir_delay(const Kernel *k, const HirValue *v) {
  int w = hir_width(v), wa = v->arg[0] >= 0 ? hir_width(&k->v[v->arg[0]]) : 0, wb = v->arg[1] >= 0 ? hir_width(&k->v[v->arg[1]]) : 0;
  switch (v->op) {
  case HIR_ADD:
  case HIR_SUB: return lut_ns + carry_ns + carry_bit_ns * hir_adder_bits(k, v);
  case HIR_NEG: return lut_ns + carry_ns + carry_bit_ns * w;
  case HIR_MUL: return lut_ns + 3 * carry_ns + 2 * lut_ns + carry_bit_ns * 2 * (wa + wb);
  case HIR_LT: return lut_ns + carry_ns + carry_bit_ns * (wa > wb ? wa : wb);
  case HIR_MUX: return lut_ns;
  case HIR_MIN:
  case HIR_MAX: /* against 0 the sign decides */
    return k->v[v->arg[1]].op == HIR_CONST && k->v[v->arg[1]].lo == 0 ? lut_ns : 2 * lut_ns + carry_ns + carry_bit_ns * (wa > wb ? wa : wb);
  case HIR_CLAMP: return lut_ns + lut_ns * ceil(log2((double)wa + 1) / log2(6.0) / 2 + 0.5);
  case HIR_LUT: return lut_ns * (1 + ceil(fmax(0, hir_width_of(0, k->table[v->imm].entries - 1) - 6) / 2.0));
  default: return 0;
  }
}

static bool free_wire(const HirValue *v) {
  return v->op == HIR_SHL || v->op == HIR_SHR || v->op == HIR_WRAP || v->op == HIR_CONST;
}

void hir_pipeline(Kernel *k, double clock_ns) {
  double *ready = mem_array((size_t)k->n + 1, sizeof *ready); /* within its stage */
  k->n_stages = 1;
  for (int i = 0; i < k->n; i++) {
    HirValue *v = &k->v[i];
    double at = 0;
    v->stage = 0;
    for (int j = 0; j < 3; j++)
      if (v->arg[j] >= 0 && k->v[v->arg[j]].stage > v->stage)
        v->stage = k->v[v->arg[j]].stage;
    for (int j = 0; j < 3; j++)
      if (v->arg[j] >= 0 && k->v[v->arg[j]].stage == v->stage)
        at = fmax(at, ready[v->arg[j]]);
    double d = hir_delay(k, v);
    if (at > 0 && at + d > clock_ns)
      v->stage++, at = 0;
    ready[i] = at + d;
    if (v->stage >= k->n_stages)
      k->n_stages = v->stage + 1;
  }
  /* Later where it saves registers: a value whose users all sit in later stages is carried there itself, or made there from its arguments, when
   * those are carried to that stage anyway. Wires always move to their first user. */
  int *first_use = mem_array((size_t)k->n + 1, sizeof *first_use), *last_use = mem_array((size_t)k->n + 1, sizeof *last_use);
  for (int i = 0; i < k->n; i++)
    first_use[i] = k->n_stages - 1, last_use[i] = k->v[i].stage;
  for (int i = 0; i < k->n; i++)
    for (int j = 0; j < 3; j++) {
      int a = k->v[i].arg[j];
      if (a >= 0 && k->v[i].stage > last_use[a])
        last_use[a] = k->v[i].stage;
    }
  for (int i = 0; i < k->n_out; i++)
    last_use[k->out[i]] = k->n_stages - 1;
  for (int i = k->n - 1; i >= 0; i--) {
    HirValue *v = &k->v[i];
    if (v->op == HIR_CONST)
      v->stage = 0;
    else if (free_wire(v) && first_use[i] > v->stage && last_use[v->arg[0]] >= first_use[i])
      v->stage = first_use[i];
    for (int j = 0; j < 3; j++)
      if (v->arg[j] >= 0 && v->stage < first_use[v->arg[j]])
        first_use[v->arg[j]] = v->stage;
  }
}
