/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_fixed.h - the fixed-point primitives. A number of format <W,I> is the integer v that stands for v * 2^-(W-I).
 *
 * Header-only C99 and C++17; integers only but for nn_from_double and nn_to_double, and even there every result is exact: the double is
 * taken apart, never rounded twice. No undefined behaviour; shifts of negative numbers are done on their complement.
 */
#ifndef NN_FIXED_H
#define NN_FIXED_H

#include <stdint.h>
#include <string.h>

enum { NN_TRN, NN_RND, NN_RNE }; /* AP_TRN (floor), AP_RND (half up), AP_RND_CONV (half to even) */
enum { NN_SAT, NN_WRAP };

/* v * 2^n modulo 2^64. */
static inline int64_t nn_shl(int64_t v, int n) {
  return n > 63 ? 0 : (int64_t)((uint64_t)v << n);
}

/* floor(v / 2^n) */
static inline int64_t nn_shr(int64_t v, int n) {
  if (n > 63)
    n = 63;
  return v < 0 ? ~(~v >> n) : v >> n;
}

/* v / 2^drop, rounded; drop <= 0 multiplies (modulo 2^64). */
static inline int64_t nn_round_shift(int64_t v, int drop, int round) {
  int64_t floor;
  uint64_t rest, half;
  if (drop <= 0)
    return nn_shl(v, -drop);
  if (drop > 64)
    return round == NN_TRN && v < 0 ? -1 : 0;
  floor = nn_shr(v, drop);
  rest = drop == 64 ? (uint64_t)v : (uint64_t)v & (((uint64_t)1 << drop) - 1);
  half = (uint64_t)1 << (drop - 1);
  if (round == NN_RND)
    return floor + (rest >= half);
  if (round == NN_RNE)
    return floor + (rest > half || (rest == half && (floor & 1)));
  return floor;
}

static inline int64_t nn_saturate(int64_t v, int64_t lo, int64_t hi) {
  return v < lo ? lo : v > hi ? hi : v;
}

/* v modulo the size of [lo, hi], a power of two, into that range. */
static inline int64_t nn_wrap(int64_t v, int64_t lo, int64_t hi) {
  uint64_t mask = (uint64_t)hi - (uint64_t)lo;
  return (int64_t)((((uint64_t)v - (uint64_t)lo) & mask) + (uint64_t)lo);
}

/* Limits of a format of W bits, 1 to 64 (an unsigned one up to 63). */
static inline int64_t nn_highest(int W, int is_signed) {
  return (int64_t)(UINT64_MAX >> (64 - W) >> (is_signed ? 1 : 0));
}

static inline int64_t nn_lowest(int W, int is_signed) {
  return is_signed ? -nn_highest(W, 1) - 1 : 0;
}

#ifdef __SIZEOF_INT128__
__extension__ typedef __int128 nn_wide;
__extension__ typedef unsigned __int128 nn_uwide;

/* Exact product. */
static inline nn_wide nn_mul(int64_t a, int64_t b) {
  return (nn_wide)a * b;
}

static inline nn_wide nn_round_shift128(nn_wide v, int drop, int round) {
  nn_wide floor;
  nn_uwide rest, half;
  if (drop <= 0)
    return -drop > 127 ? 0 : (nn_wide)((nn_uwide)v << -drop);
  if (drop > 127)
    return round == NN_TRN && v < 0 ? -1 : 0; /* |v| <= 2^127: below or at the half, which goes up to 0 or to even 0 */
  floor = v < 0 ? ~(~v >> drop) : v >> drop;
  rest = (nn_uwide)v & (((nn_uwide)1 << drop) - 1);
  half = (nn_uwide)1 << (drop - 1);
  if (round == NN_RND)
    return floor + (rest >= half);
  if (round == NN_RNE)
    return floor + (rest > half || (rest == half && (floor & 1)));
  return floor;
}

static inline int64_t nn_saturate128(nn_wide v, int64_t lo, int64_t hi) {
  return v < lo ? lo : v > hi ? hi : (int64_t)v;
}

static inline int64_t nn_wrap128(nn_wide v, int64_t lo, int64_t hi) {
  return nn_wrap((int64_t)(uint64_t)v, lo, hi);
}
#endif

/* The integer of x in a format with step 2^-frac and range [lo, hi]. *out (may be NULL) becomes 1 when x lies outside it.
 * NaN becomes 0; an infinity saturates, also where finite numbers wrap: it has no low bits. */
static inline int64_t nn_from_double(double x, int frac, int64_t lo, int64_t hi, int round, int overflow, int *out) {
  uint64_t bits, m, rest, half, size;
  int e, drop, negative, beyond = 0, up = 0;
  int64_t v;
  memcpy(&bits, &x, sizeof bits);
  negative = (int)(bits >> 63);
  e = (int)(bits >> 52 & 2047);
  m = bits & ((((uint64_t)1) << 52) - 1);
  if (e == 2047) {
    if (out)
      *out = 1;
    return m ? 0 : negative ? lo : hi;
  }
  if (e)
    m |= (uint64_t)1 << 52;
  else
    e = 1;
  if (m == 0)
    return nn_saturate(0, lo, hi);
  drop = 1075 - e - frac; /* |x| * 2^frac = m * 2^-drop */
  if (drop <= 0) {
    size = -drop > 63 ? 0 : m << -drop;
    beyond = -drop > 10; /* 2^52 << 11 and more leaves 63 bits */
  } else {
    size = drop > 53 ? 0 : m >> drop;
    rest = drop > 53 ? m : m & (((uint64_t)1 << drop) - 1);
    half = drop > 54 ? UINT64_MAX : (uint64_t)1 << (drop - 1);
    if (negative) /* away from zero: floor and half up are not symmetric */
      up = round == NN_TRN ? rest != 0 : round == NN_RND ? rest > half : rest > half || (rest == half && (size & 1));
    else
      up = round == NN_TRN ? 0 : round == NN_RND ? rest >= half : rest > half || (rest == half && (size & 1));
    size += (uint64_t)up;
  }
  v = (int64_t)(negative ? 0 - size : size);
  beyond = beyond || v < lo || v > hi;
  if (beyond && out)
    *out = 1;
  if (!beyond)
    return v;
  return overflow == NN_WRAP ? nn_wrap(v, lo, hi) : negative ? lo : hi;
}

/* 2^n, n in the range of doubles. */
static inline double nn_exp2(int n) {
  double r = 1, f = n < 0 ? 0.5 : 2;
  for (n = n < 0 ? -n : n; n; n--)
    r *= f;
  return r;
}

/* Exact while |v| < 2^53. */
static inline double nn_to_double(int64_t v, int frac) {
  return (double)v * nn_exp2(-frac);
}

#endif
