/* SPDX-License-Identifier: Apache-2.0
 *
 * hir_pipe.c - pipeline stages under a target clock. Requires: no QUANT. Sets v[].stage and n_stages; stages never fall along arguments.
 *
 * The number of stages is the least that the delays allow (as soon as possible). Where the registers between two stages lie is then a least
 * cut: the set of values computed up to there is closed under arguments, holds what later stages would have no time for, and no more than
 * its own stages have time for; among these sets the one whose values read later have the fewest bits (minimum-area retiming, Leiserson and
 * Saxe 1991, one boundary at a time).
 * That is done forwards from nothing, and by improving the soonest schedule, boundary after boundary; the better of both is taken: networks
 * with tables and maxima keep up to 20 % fewer registers by the second, sums by the first.
 *
 * A recurrent kernel reads its whole state in one stage and writes it in another. The stage of reading is the one from which the loop is
 * shortest (with it the cycles between two tokens of a channel), and of these the earliest: what does not need the state is then computed
 * before it.
 */
#include "hir.h"
#include "mincut.h"
#include <math.h>
#include <stdlib.h>

static const Family family[] = {
#define FAMILY(name, lut, carry, bit, three) {#name, lut, carry, bit, three},
#include "family.def"
#undef FAMILY
};

const Family *family_find(const char *name) {
  for (size_t i = 0; i < sizeof family / sizeof *family; i++)
    if (!strcmp(family[i].name, name))
      return &family[i];
  return NULL;
}

double hir_delay(const Kernel *k, const HirValue *v) {
  const Family *f = k->family ? k->family : family;
  double lut_ns = f->lut_ns, carry_ns = f->carry_ns, carry_bit_ns = f->carry_bit_ns;
  int w = hir_width(v), wa = v->arg[0] >= 0 ? hir_width(&k->v[v->arg[0]]) : 0, wb = v->arg[1] >= 0 ? hir_width(&k->v[v->arg[1]]) : 0;
  if (v->joined)
    return 0;
  switch (v->op) {
  case HIR_ADD:
  case HIR_SUB:
    return lut_ns + carry_ns + carry_bit_ns * hir_adder_bits(k, v);
  case HIR_NEG:
    return lut_ns + carry_ns + carry_bit_ns * w;
  case HIR_MUL:
    return lut_ns + 3 * carry_ns + 2 * lut_ns + carry_bit_ns * 2 * (wa + wb);
  case HIR_LT:
    return lut_ns + carry_ns + carry_bit_ns * (wa > wb ? wa : wb);
  case HIR_MUX:
    return lut_ns;
  case HIR_MIN:
  case HIR_MAX: /* against 0 the sign decides */
    return k->v[v->arg[1]].op == HIR_CONST && k->v[v->arg[1]].lo == 0 ? lut_ns : 2 * lut_ns + carry_ns + carry_bit_ns * (wa > wb ? wa : wb);
  case HIR_IN:
    return hir_is_state(k, v) ? (k->channels > 1 ? 2 : 1) * lut_ns : 0; /* memory, and the choice of the initial state */
  case HIR_CLAMP:
    return lut_ns + lut_ns * ceil(log2((double)wa + 1) / log2(6.0) / 2 + 0.5);
  case HIR_LUT:
    return lut_ns * (1 + ceil(fmax(0, hir_width_of(0, k->table[v->imm].entries - 1) - 6) / 2.0));
  default:
    return 0;
  }
}

static bool is_memory(const Kernel *k, const HirValue *v) {
  if (v->op != HIR_LUT || k->memory_bits <= 0)
    return false;
  const HirTable *t = &k->table[v->imm];
  return (int64_t)t->entries * hir_width_of(t->lo, t->hi) >= k->memory_bits;
}

typedef struct {
  Kernel *k;
  double clock;
  double *delay;
  int *latest;   /* last stage a value may be computed in */
  double *time;  /* scratch */
  int *bits;     /* of its register */
  uint8_t *done; /* computed up to the last boundary */
  uint8_t *next; /* is written into the state */
  int beyond;    /* values of later stages than this stay there */
} Pipe;

/* Inputs are there before stage 0, a state element in the stage that reads it. */
static bool given(const Pipe *p, int i, int at) {
  const HirValue *v = &p->k->v[i];
  return v->op == HIR_CONST || (v->op == HIR_IN && (!hir_is_state(p->k, v) || p->k->read_stage <= at));
}

static double read_delay(const Pipe *p, int i) {
  return hir_is_state(p->k, &p->k->v[i]) ? p->delay[i] : 0;
}

/* As soon as possible: sets stages; their number comes back. */
static int soonest(Pipe *p) {
  Kernel *k = p->k;
  int stages = k->read_stage + 1;
  for (int i = 0; i < k->n; i++) {
    HirValue *v = &k->v[i];
    double at = 0;
    v->stage = hir_is_state(k, v) ? k->read_stage : 0;
    for (int j = 0; j < 3; j++)
      if (v->arg[j] >= 0 && k->v[v->arg[j]].stage > v->stage)
        v->stage = k->v[v->arg[j]].stage;
    for (int j = 0; j < 3; j++)
      if (v->arg[j] >= 0 && k->v[v->arg[j]].stage == v->stage)
        at = fmax(at, p->time[v->arg[j]]);
    if (at > 0 && at + p->delay[i] > p->clock)
      v->stage++, at = 0;
    p->time[i] = at + p->delay[i];
    stages = v->stage >= stages ? v->stage + 1 : stages;
  }
  k->write_stage = k->read_stage;
  for (int i = k->n_out; i < hir_outs(k); i++)
    if (k->v[k->out[i]].stage > k->write_stage)
      k->write_stage = k->v[k->out[i]].stage;
  return stages;
}

/* Sets read_stage; the number of stages comes back. */
static int shortest_loop(Pipe *p) {
  Kernel *k = p->k;
  int stages = soonest(p), best = 0;
  if (!k->n_state)
    return stages;
  int least = hir_loop(k), last = k->write_stage;
  for (k->read_stage = 1; k->read_stage <= last; k->read_stage++) {
    soonest(p);
    if (hir_loop(k) < least)
      least = hir_loop(k), best = k->read_stage;
  }
  k->read_stage = best;
  return soonest(p);
}

/* As late as possible with that many stages: sets p->latest. time[] is the latest end within the stage. */
static void find_latest(Pipe *p, int stages) {
  Kernel *k = p->k;
  for (int i = 0; i < k->n; i++)
    p->latest[i] = p->next[i] ? k->write_stage : stages - 1, p->time[i] = p->clock;
  for (int i = k->n - 1; i >= 0; i--) {
    const HirValue *v = &k->v[i];
    if (p->time[i] < p->delay[i] && p->time[i] < p->clock) /* no room before its reader: a stage earlier */
      p->latest[i]--, p->time[i] = p->clock;
    double start = fmax(p->time[i] - p->delay[i], 0);
    for (int j = 0; j < 3; j++) {
      int a = v->arg[j];
      if (a < 0 || p->latest[a] < p->latest[i] || (p->latest[a] == p->latest[i] && p->time[a] <= start))
        continue;
      p->latest[a] = p->latest[i], p->time[a] = start;
    }
  }
}

/* Values whose arguments are all ready by the end of stage `at`, in time: may[]; those that no later stage has time for: must. */
static void place_boundary(Pipe *p, int at, Cut *cut, int *node, uint8_t *side) {
  Kernel *k = p->k;
  int nodes = 2, n = k->n;
  uint8_t *may = (uint8_t *)(node + 2 * n);
  for (int i = 0; i < n; i++) {
    const HirValue *v = &k->v[i];
    double start = 0;
    may[i] = 1;
    for (int j = 0; j < 3; j++)
      if (v->arg[j] >= 0 && !p->done[v->arg[j]]) {
        may[i] &= may[v->arg[j]];
        start = fmax(start, p->time[v->arg[j]]);
      } else if (v->arg[j] >= 0 && k->read_stage == at) {
        start = fmax(start, read_delay(p, v->arg[j]));
      }
    p->time[i] = start + p->delay[i];
    may[i] = p->done[i] || (may[i] && v->stage <= p->beyond && (start == 0 || p->time[i] <= p->clock));
    if (hir_is_state(k, v))
      may[i] = p->done[i];
    node[i] = node[n + i] = -1;
  }
  /* nodes: what may move; what is done but read by one of those needs only its register's node */
  for (int i = 0; i < n; i++)
    if (may[i] && k->v[i].op != HIR_CONST)
      node[i] = p->done[i] || p->latest[i] <= at ? CUT_SOURCE : nodes++;
  for (int i = 0; i < n; i++)
    for (int j = 0; j < 3; j++) {
      int a = k->v[i].arg[j];
      if (a >= 0 && node[a] >= 0 && node[i] != CUT_SOURCE && node[n + a] < 0)
        node[n + a] = nodes++;
    }
  int carried = at < k->write_stage ? hir_outs(k) : k->n_out;
  for (int i = 0; i < carried; i++)
    if (node[k->out[i]] >= 0 && node[n + k->out[i]] < 0)
      node[n + k->out[i]] = nodes++;
  cut_begin(cut, nodes);
  for (int i = 0; i < n; i++)
    if (node[i] >= 0 && node[n + i] >= 0)
      cut_edge(cut, node[i], node[n + i], p->bits[i]);
  for (int i = 0; i < n; i++)
    for (int j = 0; j < 3; j++) {
      int a = k->v[i].arg[j], to = node[i] >= 0 ? node[i] : CUT_SINK;
      if (a < 0 || node[a] < 0 || node[i] == CUT_SOURCE)
        continue;
      cut_edge(cut, node[n + a], to, CUT_INF); /* read beyond the boundary: registered */
      if (to != CUT_SINK && node[a] != CUT_SOURCE)
        cut_edge(cut, to, node[a], CUT_INF); /* arguments come along */
    }
  for (int i = 0; i < carried; i++)
    if (node[k->out[i]] >= 0)
      cut_edge(cut, node[n + k->out[i]], CUT_SINK, CUT_INF);
  cut_solve(cut, side);
  for (int i = 0; i < n; i++) {
    bool in = k->v[i].op == HIR_CONST || (node[i] >= 0 && (node[i] == CUT_SOURCE || side[node[i]]));
    if (in && !p->done[i]) {
      p->done[i] = 1;
      k->v[i].stage = k->v[i].op == HIR_CONST ? 0 : at;
    }
  }
}

/* Register bits behind the stages. */
static int64_t registers(const Pipe *p) {
  const Kernel *k = p->k;
  int64_t sum = 0;
  int *last = p->latest;
  for (int i = 0; i < k->n; i++)
    last[i] = k->v[i].stage;
  for (int i = 0; i < k->n; i++)
    for (int j = 0; j < 3; j++)
      if (k->v[i].arg[j] >= 0 && last[k->v[i].arg[j]] < k->v[i].stage)
        last[k->v[i].arg[j]] = k->v[i].stage;
  for (int i = k->n_out; i < hir_outs(k); i++)
    if (last[k->out[i]] < k->write_stage)
      last[k->out[i]] = k->write_stage;
  for (int i = 0; i < k->n_out; i++)
    last[k->out[i]] = k->n_stages;
  for (int i = 0; i < k->n; i++)
    if (k->v[i].op != HIR_CONST)
      sum += (int64_t)(last[i] - k->v[i].stage) * p->bits[i];
  return sum;
}

/* Cuts the boundary behind stage `at` anew, the others as they stand: what has no time in stage at + 1 before what reads it there stays
 * before it. */
static void recut(Pipe *p, int at, Cut *cut, int *node, uint8_t *side) {
  Kernel *k = p->k;
  p->beyond = at + 1;
  for (int i = 0; i < k->n; i++)
    p->time[i] = 0; /* of the readers, then with the value itself: until the end of stage at + 1 */
  for (int i = k->n - 1; i >= 0; i--) {
    const HirValue *v = &k->v[i];
    p->time[i] += p->delay[i];
    p->latest[i] =
        v->stage < at || (p->time[i] > p->clock && p->time[i] > p->delay[i]) || (p->next[i] && at >= k->write_stage) ? at : at + 1;
    p->done[i] = v->stage < at || given(p, i, at);
    for (int j = 0; j < 3; j++)
      if (v->arg[j] >= 0 && v->stage <= at + 1)
        p->time[v->arg[j]] = fmax(p->time[v->arg[j]], p->time[i]);
  }
  for (int i = k->n - 1; i >= 0; i--) /* arguments of what stays stay */
    for (int j = 0; j < 3; j++)
      if (k->v[i].arg[j] >= 0 && k->v[i].stage <= at + 1 && p->latest[i] == at)
        p->latest[k->v[i].arg[j]] = at;
  place_boundary(p, at, cut, node, side);
  for (int i = 0; i < k->n; i++)
    if (!p->done[i] && k->v[i].stage <= at + 1)
      k->v[i].stage = at + 1;
}

/* Boundary after boundary, until nothing is gained. */
static void improve(Pipe *p, Cut *cut, int *node, uint8_t *side) {
  enum { SWEEPS = 6 };
  int stages = p->k->n_stages;
  int64_t before = INT64_MAX;
  for (int sweep = 0; sweep < SWEEPS && registers(p) < before; sweep++) {
    before = registers(p);
    for (int at = 0; at < stages - 1; at++)
      recut(p, sweep % 2 ? at : stages - 2 - at, cut, node, side);
  }
}

void hir_pipeline(Kernel *k, double clock_ns, const Family *f) {
  k->family = f;
  size_t n = (size_t)k->n + 1;
  Pipe p = {.k = k,
            .clock = clock_ns,
            .delay = mem_array(n, sizeof(double)),
            .latest = mem_array(n, sizeof(int)),
            .time = mem_array(n, sizeof(double)),
            .bits = mem_array(n, sizeof(int)),
            .done = mem_array(n, 1),
            .next = mem_array(n, 1)};
  k->read_stage = k->write_stage = 0;
  for (int i = k->n_out; i < hir_outs(k); i++)
    p.next[k->out[i]] = 1;
  for (int i = 0; i < k->n; i++) {
    p.delay[i] = is_memory(k, &k->v[i]) ? clock_ns : fmin(hir_delay(k, &k->v[i]), clock_ns); /* registers before and behind it */
    /* the zeros of a shift are not stored */
    p.bits[i] = hir_width(&k->v[i]) - (k->v[i].op == HIR_SHL ? k->v[i].imm : 0);
    p.bits[i] = k->v[i].joined ? CUT_INF >> 8 : p.bits[i] < 1 ? 1 : p.bits[i]; /* a three-input adder is never cut in two */
  }
  p.beyond = k->n_stages = shortest_loop(&p);
  find_latest(&p, k->n_stages);
  Cut cut = {0};
  int *node = malloc(2 * n * sizeof *node + n);
  uint8_t *side = malloc(2 * n + 2);
  if (!node || !side) {
    diag_error(EXIT_FILES, NULL, "out of memory");
  } else {
    for (int at = 0; at < k->n_stages - 1; at++) {
      for (int i = 0; i < k->n; i++)
        p.done[i] |= given(&p, i, at);
      place_boundary(&p, at, &cut, node, side);
    }
    for (int i = 0; i < k->n; i++)
      if (k->v[i].op == HIR_IN)
        k->v[i].stage = hir_is_state(k, &k->v[i]) ? k->read_stage : 0;
      else if (!p.done[i])
        k->v[i].stage = k->n_stages - 1;
    improve(&p, &cut, node, side);
    int64_t least = registers(&p);
    int *stage = mem_array(n, sizeof *stage);
    for (int i = 0; i < k->n; i++)
      stage[i] = k->v[i].stage;
    soonest(&p);
    improve(&p, &cut, node, side);
    if (registers(&p) >= least)
      for (int i = 0; i < k->n; i++)
        k->v[i].stage = stage[i];
  }
  cut_free(&cut);
  free(node);
  free(side);
}
