/* SPDX-License-Identifier: Apache-2.0
 *
 * hir_eval.c - the oracle: what a kernel means, in the plainest way. Every back end is compared with it. Two loops over the same macro:
 * 64-bit integers where every value fits (nearly always), else 128-bit. It also checks that each value stays in its proved interval.
 */
#include "hir.h"
#include <stdlib.h>

enum { BLOCK = 32 }; /* samples evaluated together, so that decoding an operation is paid once */

static void left_interval(const Kernel *k, int i) {
  fprintf(stderr, "nngen: internal error: %s: value %d (%s) left its proved interval\n", k->name, i, hir_op_name(k->v[i].op));
  abort();
}

static void note_limit(const HirCounts *c, int site, double x) {
  c->least[site] = x < c->least[site] ? x : c->least[site];
  c->most[site] = x > c->most[site] ? x : c->most[site];
}

/* Rounding by half to even or half up; arithmetic shift right is floor on every compiler we build with (checked in the unit tests). */
#define DEFINE_EVAL(T, NAME)                                                                                                               \
  static T NAME##_round(T a, int drop, Round round) {                                                                                      \
    if (drop <= 0)                                                                                                                         \
      return a * ((T)1 << -drop);                                                                                                          \
    if (drop >= (int)sizeof(T) * 8 - 1)                                                                                                    \
      return round == ROUND_TRN && a < 0 ? -1 : 0;                                                                                         \
    T floor = a >> drop, rest = a - floor * ((T)1 << drop), half = (T)1 << (drop - 1);                                                     \
    if (round == ROUND_RND)                                                                                                                \
      return floor + (rest >= half);                                                                                                       \
    if (round == ROUND_RNE)                                                                                                                \
      return floor + (rest > half || (rest == half && (floor & 1)));                                                                       \
    return floor;                                                                                                                          \
  }                                                                                                                                        \
  static T NAME##_wrap(T a, T l, T h) { /* into [l, h], whose size is a power of two */                                                    \
    T m = h - l, r = (a - l) & m;                                                                                                          \
    return r + l;                                                                                                                          \
  }                                                                                                                                        \
  static void NAME(const Kernel *k, T *val, int n, const int64_t *in, const int64_t *state, HirCounts *counts, uint8_t *left) {            \
    for (int i = 0; i < k->n; i++) {                                                                                                       \
      const HirValue *v = &k->v[i];                                                                                                        \
      T *r = val + (size_t)i * BLOCK;                                                                                                      \
      const T *a = v->arg[0] >= 0 ? val + (size_t)v->arg[0] * BLOCK : r;                                                                   \
      const T *b = v->arg[1] >= 0 ? val + (size_t)v->arg[1] * BLOCK : r;                                                                   \
      const T *c = v->arg[2] >= 0 ? val + (size_t)v->arg[2] * BLOCK : r;                                                                   \
      const bool shifts = v->op == HIR_ADD || v->op == HIR_SUB || v->op == HIR_SHL;                                                        \
      const T fa = shifts && v->imm < 0 ? (T)1 << -v->imm : 1, fb = shifts && v->imm > 0 ? (T)1 << v->imm : 1;                             \
      const T bl = (T)v->bound_lo, bh = (T)v->bound_hi;                                                                                    \
      uint64_t *sat = counts && v->site >= 0 ? &counts->saturated[v->site] : NULL;                                                         \
      uint64_t *wrap = counts && v->site >= 0 ? &counts->wrapped[v->site] : NULL;                                                          \
      switch (v->op) {                                                                                                                     \
      case HIR_IN:                                                                                                                         \
        if (v->imm >= k->n_in)                                                                                                             \
          r[0] = (T)state[v->imm - k->n_in];                                                                                               \
        else                                                                                                                               \
          FOR r[s] = (T)in[(size_t)s * (size_t)k->n_in + (size_t)v->imm];                                                                  \
        break;                                                                                                                             \
      case HIR_CONST:                                                                                                                      \
        FOR r[s] = (T)v->lo;                                                                                                               \
        break;                                                                                                                             \
      case HIR_ADD:                                                                                                                        \
        FOR r[s] = a[s] * fa + b[s] * fb;                                                                                                  \
        break;                                                                                                                             \
      case HIR_SUB:                                                                                                                        \
        FOR r[s] = a[s] * fa - b[s] * fb;                                                                                                  \
        break;                                                                                                                             \
      case HIR_NEG:                                                                                                                        \
        FOR r[s] = -a[s];                                                                                                                  \
        break;                                                                                                                             \
      case HIR_SHL:                                                                                                                        \
        FOR r[s] = a[s] * fb;                                                                                                              \
        break;                                                                                                                             \
      case HIR_SHR:                                                                                                                        \
        FOR r[s] = NAME##_round(a[s], v->imm, ROUND_TRN);                                                                                  \
        break;                                                                                                                             \
      case HIR_MUL:                                                                                                                        \
        FOR r[s] = a[s] * b[s];                                                                                                            \
        break;                                                                                                                             \
      case HIR_LT:                                                                                                                         \
        FOR r[s] = a[s] < b[s];                                                                                                            \
        break;                                                                                                                             \
      case HIR_MUX:                                                                                                                        \
        FOR r[s] = a[s] ? b[s] : c[s];                                                                                                     \
        break;                                                                                                                             \
      case HIR_MIN:                                                                                                                        \
        FOR r[s] = a[s] < b[s] ? a[s] : b[s];                                                                                              \
        break;                                                                                                                             \
      case HIR_MAX:                                                                                                                        \
        FOR r[s] = a[s] > b[s] ? a[s] : b[s];                                                                                              \
        break;                                                                                                                             \
      case HIR_CLAMP:                                                                                                                      \
        FOR {                                                                                                                              \
          r[s] = a[s] < bl ? bl : a[s] > bh ? bh : a[s];                                                                                   \
          if (sat && r[s] != a[s])                                                                                                         \
            ++*sat;                                                                                                                        \
        }                                                                                                                                  \
        break;                                                                                                                             \
      case HIR_WRAP:                                                                                                                       \
        FOR {                                                                                                                              \
          r[s] = NAME##_wrap(a[s], bl, bh);                                                                                                \
          if (wrap && r[s] != a[s])                                                                                                        \
            ++*wrap;                                                                                                                       \
        }                                                                                                                                  \
        break;                                                                                                                             \
      case HIR_LUT:                                                                                                                        \
        FOR r[s] = left && (a[s] < 0 || a[s] >= k->table[v->imm].entries) ? 0 : (T)k->table[v->imm].word[a[s]];                            \
        break;                                                                                                                             \
      case HIR_QUANT:                                                                                                                      \
        FOR {                                                                                                                              \
          T x = NAME##_round(a[s], v->imm, (Round)v->round);                                                                               \
          bool out = x < bl || x > bh;                                                                                                     \
          r[s] = !out ? x : v->overflow == OVERFLOW_WRAP ? NAME##_wrap(x, bl, bh) : x < bl ? bl : bh;                                      \
          if (out && v->overflow == OVERFLOW_WRAP && wrap)                                                                                 \
            ++*wrap;                                                                                                                       \
          else if (out && sat)                                                                                                             \
            ++*sat;                                                                                                                        \
          if (out && sat && counts->least)                                                                                                 \
            note_limit(counts, v->site, (double)x);                                                                                        \
        }                                                                                                                                  \
        break;                                                                                                                             \
      case HIR_OP_COUNT:                                                                                                                   \
        abort();                                                                                                                           \
      }                                                                                                                                    \
      const T lo = (T)v->lo, hi = (T)v->hi;                                                                                                \
      bool out = false;                                                                                                                    \
      FOR out |= (r[s] < lo) | (r[s] > hi);                                                                                                \
      if (out && !left)                                                                                                                    \
        left_interval(k, i);                                                                                                               \
      if (out)                                                                                                                             \
        FOR if (r[s] < lo || r[s] > hi) {                                                                                                  \
          const T half = (T)1 << (hir_width(v) - 1);                                                                                       \
          r[s] = lo < 0 ? NAME##_wrap(r[s], -half, half - 1) : NAME##_wrap(r[s], 0, 2 * half - 1);                                         \
          left[s] = 1;                                                                                                                     \
        }                                                                                                                                  \
    }                                                                                                                                      \
  }
#define FOR for (int s = 0; s < n; s++)

DEFINE_EVAL(int64_t, eval64)
DEFINE_EVAL(i128, eval128)

/* Whether every value and every bound fits 62 bits, shifted operands included. */
static bool narrow(const Kernel *k) {
  for (int i = 0; i < k->n; i++) {
    const HirValue *v = &k->v[i];
    int shift = v->op == HIR_WRAP || v->op == HIR_SHR || v->op == HIR_LUT || v->op == HIR_IN ? 0 : v->imm < 0 ? -v->imm : v->imm;
    if (hir_width(v) > 62 || hir_width_of(v->bound_lo, v->bound_hi) > 62 || shift > 61)
      return false;
    for (int j = 0; j < 2; j++)
      if (v->arg[j] >= 0 && (v->op == HIR_ADD || v->op == HIR_SUB) && hir_width(&k->v[v->arg[j]]) + shift > 62)
        return false;
  }
  return true;
}

/* The values that a trace shows; how many. */
static int shown_values(const Kernel *k, int *shown) {
  uint8_t *named = mem_array((size_t)k->n + 1, 1);
  int n = 0;
  for (int i = 0; i < k->n_layers; i++)
    for (int j = 0; j < k->layer[i].n; j++)
      if (k->layer[i].value[j] >= 0)
        named[k->layer[i].value[j]] = 1;
  for (int i = 0; i < hir_outs(k); i++)
    named[k->out[i]] = 1;
  for (int i = 0; i < k->n; i++)
    if (named[i])
      shown[n++] = i;
  return n;
}

static int64_t *initial_state(const Kernel *k, int64_t *state) {
  for (int i = 0; i < k->n_states; i++)
    memcpy(state + k->state[i].first, k->state[i].init, (size_t)k->state[i].n * sizeof *state);
  return state;
}

static void evaluate(const Kernel *k, size_t n, const int64_t *in, int64_t *out, HirCounts *counts,
                     void (*trace)(void *ctx, size_t sample, const i128 *val), void *ctx, uint8_t *left) {
  bool small = narrow(k);
  size_t block = k->n_state ? 1 : BLOCK; /* a token needs the state that the one before it left */
  void *val = malloc(((size_t)k->n + 1) * BLOCK * (small ? sizeof(int64_t) : sizeof(i128)));
  i128 *row = malloc(((size_t)k->n + 1) * sizeof *row);
  int *shown = trace ? mem_array((size_t)k->n + 1, sizeof *shown) : NULL, n_shown = trace ? shown_values(k, shown) : 0;
  int64_t *state = malloc(((size_t)k->n_state + 1) * sizeof *state);
  if (!val || !row || !state) {
    diag_error(EXIT_FILES, NULL, "out of memory evaluating %d values", k->n);
    n = 0;
  }
  for (size_t at = 0; at < n; at += block) {
    int count = n - at < block ? (int)(n - at) : (int)block;
    if (at == 0 || (k->n_state && k->steps && at % (size_t)k->steps == 0))
      initial_state(k, state);
    if (small)
      eval64(k, val, count, in + at * (size_t)k->n_in, state, counts, left ? left + at : NULL);
    else
      eval128(k, val, count, in + at * (size_t)k->n_in, state, counts, left ? left + at : NULL);
    for (int s = 0; s < count; s++) {
      for (int j = 0; j < hir_outs(k); j++) {
        size_t p = (size_t)k->out[j] * BLOCK + (size_t)s;
        int64_t v = small ? ((int64_t *)val)[p] : (int64_t)((i128 *)val)[p];
        if (j < k->n_out)
          out[(at + (size_t)s) * (size_t)k->n_out + (size_t)j] = v;
        else
          state[j - k->n_out] = v;
      }
      if (!trace)
        continue;
      for (int j = 0; j < n_shown; j++) {
        size_t p = (size_t)shown[j] * BLOCK + (size_t)s;
        row[shown[j]] = small ? ((int64_t *)val)[p] : ((i128 *)val)[p];
      }
      trace(ctx, at + (size_t)s, row);
    }
  }
  free(state);
  free(row);
  free(val);
}

void hir_eval(const Kernel *k, size_t n, const int64_t *in, int64_t *out, HirCounts *counts,
              void (*trace)(void *ctx, size_t sample, const i128 *val), void *ctx) {
  evaluate(k, n, in, out, counts, trace, ctx, NULL);
}

void hir_eval_tokens(const Kernel *k, size_t n, const int64_t *in, int64_t *out, uint8_t *left) {
  evaluate(k, n, in, out, NULL, NULL, NULL, left);
}
