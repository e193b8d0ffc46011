/* SPDX-License-Identifier: Apache-2.0
 *
 * lower_quant.c - quantised networks (quantized.h). A Requantize with its chain is a function of one integer, the sum in front of it; what
 * that integer can be is proved, so the function is known in full here, and becomes, whichever is least:
 *
 *   a line    limited((m * x + b) >> shift), less one at a few arguments, proved equal on both sides of every step (steps.c);
 *   a table   of all arguments, when they are few; the only way for functions that are not monotone;
 *   a search  over the steps: a comparison a bit of the result, with constants by table.
 *
 * Nothing is approximated. Elements whose function is the same (a channel) are looked at once.
 */
#include "lower.h"
#include "op.h"
#include "quantized.h"
#include "steps.h"
#include <math.h>

enum { TABLE_ENTRIES = 4096, MOST_BITS = 52 };

/* ---- the function of one element ---- */

/* n for a single element e: operands reduced to what they are there. */
static Node *at_element(const Node *n, const Tensor *x, int64_t e) {
  Node *m = memcpy(mem_alloc(sizeof *m), n, sizeof *m);
  const bool counts = n->op == OP_Requantize && attr_int(n, "mode", 0) == QUANT_COUNT;
  m->in = mem_array((size_t)n->n_in + 1, sizeof(Tensor *));
  m->out = mem_array(1, sizeof(Tensor *));
  Tensor *y = memcpy(mem_alloc(sizeof *y), n->out[0], sizeof *y);
  y->rank = 0;
  m->out[0] = y;
  for (int k = 0; k < n->n_in; k++) {
    Tensor *t = n->in[k] ? memcpy(mem_alloc(sizeof *t), n->in[k], sizeof *t) : NULL;
    m->in[k] = t;
    if (!t)
      continue;
    if (t->value && counts) {
      t->value += requant_row(n, e) * t->dim[1];
      t->dim[0] = 1;
      continue;
    }
    if (t->value && !(n->op == OP_Clip && k > 0))
      t->value += num_broadcast(n->in[k], x, e);
    t->rank = 0;
  }
  return m;
}

typedef struct {
  Node *node; /* with its chain, for one element */
  int frac;
} Function;

static Function function_of(const Node *n, int64_t e, int frac) {
  Function f = {at_element(n, n->in[0], e), frac};
  f.node->chain = mem_array((size_t)n->n_chain + 1, sizeof(Node *));
  for (int i = 0; i < n->n_chain; i++)
    f.node->chain[i] = at_element(n->chain[i], n->in[0], e);
  return f;
}

static int64_t value_at(void *ctx, int64_t x) {
  const Function *f = ctx;
  enum { MAX_OPERANDS = 4 };
  double v = ldexp((double)x, -f->frac), y = 0;
  const double *in[MAX_OPERANDS] = {&v};
  for (int k = 1; k < f->node->n_in; k++)
    in[k] = f->node->in[k] ? f->node->in[k]->value : NULL;
  eval_requantize(f->node, in, (double *[]){&y});
  return (int64_t)y;
}

/* ---- elements of one kind ---- */

typedef struct {
  i128 lo, hi;
  int frac;
  int n;
  const double *operand; /* all constants that meet the element */
  uint64_t hash;
} Key;

static Key key_of(Lower *l, const Node *n, Num x, int64_t e) {
  const HirValue *v = &l->k->v[x.v];
  Key key = {.lo = v->lo, .hi = v->hi, .frac = x.frac};
  int cap = 0;
  double *list = NULL;
  for (int i = 0; i <= n->n_chain; i++) {
    const Node *step = i < n->n_chain ? n->chain[i] : n;
    const bool counts = step->op == OP_Requantize && attr_int(step, "mode", 0) == QUANT_COUNT;
    for (int k = 0; k < step->n_in; k++)
      if (step->in[k] && step->in[k]->value) {
        list = mem_grow(list, key.n, &cap, sizeof *list);
        list[key.n++] = counts                         ? (double)requant_row(step, e)
                        : step->op == OP_Clip && k > 0 ? step->in[k]->value[0]
                                                       : step->in[k]->value[num_broadcast(step->in[k], n->in[0], e)];
      }
  }
  key.operand = list;
  key.hash = 0xcbf29ce484222325u ^ (uint64_t)key.lo ^ (uint64_t)key.hi << 1;
  for (int i = 0; i < key.n; i++) {
    uint64_t bits;
    memcpy(&bits, &list[i], sizeof bits);
    key.hash = (key.hash ^ bits ^ bits >> 29) * 0x100000001b3u;
  }
  return key;
}

static bool same_key(const Key *a, const Key *b) {
  return a->hash == b->hash && a->lo == b->lo && a->hi == b->hi && a->frac == b->frac && a->n == b->n &&
         (!a->n || !memcmp(a->operand, b->operand, (size_t)a->n * sizeof *a->operand));
}

/* How the elements of a kind are computed. */
typedef struct {
  Key key;
  Steps steps;
  StepLine line;
  int table; /* -1: none */
  bool search;
} Plan;

static double table_cost(double entries, int width) {
  return width * fmax(1, entries / 64) * (entries > 64 ? 2.6 : 1);
}

static double line_cost(const Lower *l, Num x, const StepLine *line, int width) {
  const int in = hir_width(&l->k->v[x.v]);
  return (steps_digits(line->m) - 1 + (line->b != 0)) * (in + 2) + (line->half_even ? in : 0) + 0.8 * width +
         line->n_less * (0.8 * in + 1) + (line->n_less ? width : 0);
}

static double search_cost(const Lower *l, Num x, int64_t steps) {
  const int in = hir_width(&l->k->v[x.v]);
  double sum = 0;
  for (int64_t n = 1; n <= steps; n *= 2)
    sum += 0.4 * in + (n > 1 ? table_cost((double)n, in) : 0);
  return sum;
}

static int make_table(Lower *l, Function *f, const Key *key) {
  const int64_t lo = (int64_t)key->lo, entries = (int64_t)1 << hir_width_of(0, key->hi - key->lo);
  int64_t *w = mem_array((size_t)entries, sizeof *w);
  for (int64_t i = 0; i < entries; i++) { /* the address is the low bits of x */
    const int64_t x = lo + ((i - lo) & (entries - 1));
    w[i] = value_at(f, x < (int64_t)key->hi ? x : (int64_t)key->hi);
  }
  return hir_table(l->k, mem_printf("requantize_%d", l->k->n_tables), (int)entries, w,
                   mem_printf("%s, arguments %lld to %lld", l->node->name, (long long)key->lo, (long long)key->hi));
}

/* Whether the function only rises or only falls, seen at every argument. */
static bool is_monotone(Function *f, int64_t lo, int64_t hi) {
  bool up = true, down = true;
  int64_t before = value_at(f, lo);
  for (int64_t x = lo + 1; x <= hi; x++) {
    const int64_t v = value_at(f, x);
    up &= v >= before, down &= v <= before;
    before = v;
  }
  return up || down;
}

static Plan make_plan(Lower *l, const Node *n, Num x, int64_t e, Key key) {
  Plan p = {.key = key, .table = -1};
  Function f = function_of(n, e, x.frac);
  const int64_t lo = (int64_t)key.lo, hi = (int64_t)key.hi;
  const bool few = hi - lo < TABLE_ENTRIES;
  if (few && !is_monotone(&f, lo, hi)) {
    p.table = make_table(l, &f, &key);
    return p;
  }
  p.steps = steps_find(value_at, &f, lo, hi);
  p.line = steps_line(&p.steps);
  const int width = hir_width_of(p.steps.first, p.steps.first + p.steps.n);
  double least = p.line.found ? line_cost(l, x, &p.line, width) : (double)INFINITY;
  if (p.steps.n && search_cost(l, x, p.steps.n) < least) {
    least = search_cost(l, x, p.steps.n);
    p.search = true;
  }
  if (few && p.steps.n && table_cost((double)(hi - lo + 1), width) < least)
    p.table = make_table(l, &f, &key);
  return p;
}

/* ---- the hardware ---- */

static int by_search(Kernel *k, int x, const Steps *s) {
  int levels = 0;
  while ((int64_t)1 << levels <= s->n)
    levels++;
  int place = hir_const(k, 0), one = hir_const(k, 1), zero = hir_const(k, 0);
  for (int d = 0; d < levels; d++) {
    const int64_t entries = (int64_t)1 << d, each = (int64_t)1 << (levels - d);
    int64_t *w = mem_array((size_t)entries, sizeof *w);
    for (int64_t i = 0; i < entries; i++) {
      const int64_t step = i * each + each / 2 - 1; /* reached from here on? */
      w[i] = step < s->n ? s->at[step] : s->hi + 1;
    }
    int at = d ? hir_lut(k, place, hir_table(k, mem_printf("steps_%d", k->n_tables), (int)entries, w, "where the next integer begins"))
               : hir_const(k, w[0]);
    place = hir_add(k, hir_mux(k, hir_lt(k, x, at), zero, one), place, 1);
  }
  if (k->v[place].hi > s->n)
    hir_narrow(k, place, 0, s->n);
  return hir_add(k, place, hir_const(k, s->first), 0);
}

static int by_line(Kernel *k, int x, const Steps *s, const StepLine *l) {
  const i128 first = (s->first + l->odd) * ((i128)1 << l->shift);
  const int sum = hir_add(k, hir_mul(k, x, hir_const(k, s->falls ? -l->m : l->m)), hir_const(k, l->b + first), 0);
  const i128 lo = s->first, hi = s->first + s->n;
  if (l->half_even)
    return hir_add(k, hir_quant(k, sum, l->shift, lo + l->odd, hi + l->odd, ROUND_RNE, OVERFLOW_SAT, -1), hir_const(k, -l->odd), 0);
  const int value = hir_clamp(k, hir_shr(k, sum, l->shift), lo, hi, -1), one = hir_const(k, 1), zero = hir_const(k, 0);
  int less = zero;
  for (int i = 0; i < l->n_less; i++) {
    const int64_t at = s->falls ? -l->less[i] : l->less[i];
    less = hir_mux(k, hir_lt(k, x, hir_const(k, at)), less, hir_mux(k, hir_lt(k, x, hir_const(k, at + 1)), one, less));
  }
  const int corrected = hir_sub(k, value, less, 0);
  if (l->n_less) /* the function's own values */
    hir_narrow(k, corrected, lo, hi);
  return corrected;
}

static int by_plan(Kernel *k, int x, const Plan *p) {
  if (p->table >= 0)
    return hir_lut(k, hir_wrap(k, x, hir_width_of(0, k->table[p->table].entries - 1), false, -1), p->table);
  if (!p->steps.n)
    return hir_const(k, p->steps.first);
  return p->search ? by_search(k, p->steps.falls ? hir_neg(k, x) : x, &p->steps) : by_line(k, x, &p->steps, &p->line);
}

void lower_requantize(Lower *l, const Node *n) {
  const Tensor *X = n->in[0], *Y = n->out[0];
  const Num *x = lower_in(l, X);
  Num *y = lower_out(l, Y);
  const int64_t count = tensor_count(Y);
  Plan **plan = NULL;
  size_t slots = 64;
  while ((int64_t)slots < 2 * count)
    slots *= 2;
  plan = mem_array(slots, sizeof *plan);
  for (int64_t e = 0; e < count && !lower_too_large(l); e++) {
    if (X->scale != 0) { /* a port that takes the integers */
      y[e] = (Num){hir_add(l->k, x[e].v, hir_const(l->k, -X->zero), 0), 0};
      continue;
    }
    const Key key = key_of(l, n, x[e], e);
    if (hir_width_of(key.lo, key.hi) > MOST_BITS) {
      diag_error(EXIT_UNSUPPORTED, n, "what it quantises has %d bits; at most %d are supported", hir_width_of(key.lo, key.hi), MOST_BITS);
      return;
    }
    size_t at = (size_t)(key.hash ^ key.hash >> 32) & (slots - 1);
    while (plan[at] && !same_key(&plan[at]->key, &key))
      at = (at + 1) & (slots - 1);
    if (!plan[at]) {
      plan[at] = mem_alloc(sizeof **plan);
      *plan[at] = make_plan(l, n, x[e], e, key);
    }
    y[e] = (Num){by_plan(l->k, x[e].v, plan[at]), 0};
  }
}

/* A float32 as it is: an integer of at most 24 bits and a binary point. */
static Num exact_const(Lower *l, double c) {
  int exponent;
  int64_t m = (int64_t)ldexp(frexp((float)c, &exponent), 24);
  int frac = 24 - exponent;
  for (; m && m % 2 == 0; frac--)
    m /= 2;
  return (Num){hir_const(l->k, m), m ? frac : 0};
}

/* Exact where what reads it drops the bits; else the factor has as many bits as the result can tell. */
void lower_scale(Lower *l, const Node *n) {
  const Tensor *X = n->in[0], *S = n->in[1], *Y = n->out[0];
  const Num *x = lower_in(l, X);
  Num *y = lower_out(l, Y);
  const double divide = (double)attr_int(n, "divide", 1);
  for (int64_t e = 0; e < tensor_count(Y); e++) {
    if (Y->scale != 0) {
      y[e] = (Num){hir_add(l->k, x[e].v, hir_const(l->k, Y->zero), 0), x[e].frac};
      continue;
    }
    const double c = S->value[num_broadcast(S, X, e)] / divide;
    const HirValue *v = &l->k->v[x[e].v];
    int frac = 30 - (int)floor(log2(c));
    if (!Y->exact) {
      const int need = hir_width(v) - x[e].frac + Y->fmt.W - Y->fmt.I + 4;
      frac = need < frac ? need : frac;
    }
    Num factor = {hir_const(l->k, (i128)llround(ldexp(c, frac))), frac};
    if (divide == 1 && (Y->exact || exact_const(l, c).frac <= frac))
      factor = exact_const(l, c);
    y[e] = num_quant(l, num_mul(l, x[e], factor), Y);
  }
}

void lower_offset(Lower *l, const Node *n) {
  const Tensor *X = n->in[0], *Z = n->in[1];
  const Num *x = lower_in(l, X);
  Num *y = lower_out(l, n->out[0]);
  for (int64_t e = 0; e < tensor_count(n->out[0]); e++)
    y[e] = (Num){hir_add(l->k, x[e].v, hir_const(l->k, (i128)Z->value[num_broadcast(Z, X, e)]), 0), x[e].frac};
}
