/* SPDX-License-Identifier: Apache-2.0
 *
 * hir_round.c - rounding half up costs an adder (x + half) unless a constant is added on the way to x already: then that constant takes the
 * half over.
 *
 * Requires: any kernel. Keeps: every output and count, bit for bit. A value on the way stands for what it was plus an offset afterwards;
 * layers that name such a value say so (HirLayer.offset).
 */
#include "hir.h"

typedef struct {
  const Kernel *from;
  int *uses;
  i128 *delta;  /* by value: what it holds beyond what it held */
  i128 *add;    /* by value: what its constant operand grows by */
  bool *trunc;  /* QUANT: truncates now */
  int path[64]; /* from the rounded sum down to the value with the constant */
  int n_path;
} Rounding;

static int operand_shift(const HirValue *v, int at) {
  if (v->op == HIR_SHL)
    return v->imm;
  return at == 0 ? (v->imm < 0 ? -v->imm : 0) : (v->imm > 0 ? v->imm : 0);
}

/* Looks for a constant below value i that can grow so that i grows by `grow`; fills path. Only values read once may change. */
static bool find(Rounding *r, int i, i128 grow) {
  const HirValue *v = &r->from->v[i];
  if (r->uses[i] != 1 || r->delta[i] || r->n_path == 64 || (v->op != HIR_ADD && v->op != HIR_SUB))
    return false;
  r->path[r->n_path++] = i;
  for (int pass = 0; pass < 2; pass++) /* a constant here is better than one further down */
    for (int at = 0; at < 2; at++) {
      int shift = operand_shift(v, at), a = v->arg[at];
      i128 g = v->op == HIR_SUB && at == 1 ? -grow : grow;
      bool constant = r->from->v[a].op == HIR_CONST;
      if (g % ((i128)1 << shift) || constant != (pass == 0))
        continue;
      g /= (i128)1 << shift;
      if (constant) {
        r->add[i] = g;
        r->delta[i] = grow;
        return true;
      }
      if (find(r, a, g)) {
        r->delta[i] = grow;
        return true;
      }
    }
  r->n_path--;
  return false;
}

static void take_over(Rounding *r, int q) {
  const HirValue *v = &r->from->v[q];
  int x = v->arg[0];
  i128 half = (i128)1 << (v->imm - 1);
  const HirValue *relu = &r->from->v[x];
  bool through = relu->op == HIR_MAX && r->from->v[relu->arg[1]].op == HIR_CONST && r->from->v[relu->arg[1]].lo == 0 && r->uses[x] == 1;
  r->n_path = 0;
  if (!find(r, through ? relu->arg[0] : x, half))
    return;
  r->trunc[q] = true;
  if (through) /* max(x + half, 0) >> drop = max((x + half) >> drop, 0): what it holds beyond is at most half, never less than before */
    r->delta[x] = half;
}

static int rebuild(Kernel *to, const Rounding *r, int i, const int *map) {
  HirValue v = r->from->v[i];
  int patched[3], args[3] = {-1, -1, -1};
  for (int j = 0; j < 3; j++)
    if (v.arg[j] >= 0) {
      const HirValue *a = &r->from->v[v.arg[j]];
      patched[j] = r->add[i] && a->op == HIR_CONST ? hir_const(to, a->lo + r->add[i]) : map[v.arg[j]];
      args[j] = j;
    }
  for (int j = 0; j < 3; j++)
    v.arg[j] = args[j];
  if (r->trunc[i])
    v.round = ROUND_TRN;
  return hir_rebuild_value(to, &v, patched);
}

Kernel *hir_round(const Kernel *from) {
  size_t n = (size_t)from->n + 1;
  Rounding r = {.from = from,
                .uses = mem_array(n, sizeof(int)),
                .delta = mem_array(n, sizeof(i128)),
                .add = mem_array(n, sizeof(i128)),
                .trunc = mem_array(n, 1)};
  for (int i = 0; i < from->n; i++)
    for (int j = 0; j < 3; j++)
      if (from->v[i].arg[j] >= 0)
        r.uses[from->v[i].arg[j]]++;
  for (int i = 0; i < hir_outs(from); i++)
    r.uses[from->out[i]]++;
  for (int i = 0; i < from->n; i++)
    if (from->v[i].op == HIR_QUANT && from->v[i].round == ROUND_RND && from->v[i].imm > 0 && from->v[i].imm < 100)
      take_over(&r, i);
  Kernel *to = hir_shell(from);
  int *map = mem_array(n, sizeof *map);
  for (int i = 0; i < from->n; i++) {
    const HirValue *v = &from->v[i];
    to->cur_layer = v->layer;
    map[i] = rebuild(to, &r, i, map);
    if (v->op == HIR_MAX && r.delta[i])
      hir_narrow(to, map[i], v->lo, v->hi + r.delta[i]);
    else
      hir_narrow(to, map[i], v->lo + r.delta[i], v->hi + r.delta[i]);
  }
  hir_rebuild_tail(to, from, map);
  for (int i = 0; i < to->n_layers; i++) {
    HirLayer *l = &to->layer[i];
    l->offset = mem_array((size_t)l->n + 1, sizeof *l->offset);
    for (int j = 0; j < l->n; j++)
      if (from->layer[i].value[j] >= 0)
        l->offset[j] = (int64_t)r.delta[from->layer[i].value[j]];
  }
  return to;
}
