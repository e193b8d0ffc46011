/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_lanes.h - many samples at once. The same statement computes NN_LANES samples in vector registers (GNU vector extensions: gcc, clang)
 * or, with any other compiler or -DNN_SCALAR, one sample in plain integers. C99 and C++17.
 *
 * A part of the kernel computes in one lane width K (16, 32, 64 or 128 bits), NN_SUB_K samples in a register; memory holds every value in
 * the narrowest width, in rows of NN_LANES samples. Values are proved to fit K bits with their sign, and sums and products are formed in
 * unsigned lanes, modulo 2^K: the result is exact whatever intermediate bits are lost.
 */
#ifndef NN_LANES_H
#define NN_LANES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined __GNUC__ && !defined NN_SCALAR
#define NN_VECTORS 1
#if defined __AVX512BW__
#define NN_BYTES 64 /* of a vector register */
#elif defined __AVX2__
#define NN_BYTES 32
#else
#define NN_BYTES 16
#endif
#ifndef NN_LANES
#define NN_LANES (NN_BYTES * 8 / NN_BULK) /* NN_BULK: bits of the lanes in which most of the work is done */
#endif
#define NN_ALIGN __attribute__((aligned(64)))
#define NN_INLINE static inline __attribute__((always_inline, unused))
#define NN_LOOP static __attribute__((unused))
/* Of a function that goes over rows of several widths: gcc 12 may write the address of one as 0 + index, take that for a null pointer, what
 * follows for never reached, the function for one without effect, and leave out its calls (from -O1 on; local-pure-const after ivopts).
 * What is opaque it does not look into. */
#if __GNUC__ >= 8 && !defined __clang__
#define NN_STEP static __attribute__((noipa))
#else
#define NN_STEP static
#endif
#define NN_RESTRICT __restrict__
#else
#define NN_VECTORS 0
#undef NN_LANES
#define NN_LANES 1
#define NN_ALIGN
#define NN_INLINE static inline
#define NN_LOOP static inline
#define NN_STEP static
#define NN_RESTRICT
#endif

#if defined __GNUC__
#define NN_THREAD_LOCAL __thread
#elif defined __cplusplus
#define NN_THREAD_LOCAL thread_local
#else
#define NN_THREAD_LOCAL
#endif

#define NN_FIT(lanes) ((lanes) < NN_LANES ? (lanes) : NN_LANES)

#ifdef __SIZEOF_INT128__
__extension__ typedef __int128 nn_s128;
__extension__ typedef unsigned __int128 nn_u128;
#endif
enum { NN_SUB_128 = 1 };
#define NN_LOAD_128(M, row) ((nn_s128)(row)[b])
#define NN_STORE_128(M, row, v) ((row)[b] = (nn_m##M)(v))
#define NN_K_128(v) ((nn_s128)(v))
#define NN_SEL_128(c, x, y) ((c) ? (x) : (y))
#define NN_LT_128(x, y) ((nn_s128)((x) < (y)))
#define NN_COUNT_128(n, c) ((n) += (nn_s128)(c))
#define NN_ADD_COUNT_128(row, n) ((row)[b] += (uint32_t)(n))
#define NN_LUT_128(v, a, table) const nn_s128 v = (table)[(size_t)(a)]

/* memory widths */
typedef int16_t nn_m16;
typedef int32_t nn_m32;
typedef int64_t nn_m64;
#ifdef __SIZEOF_INT128__
typedef nn_s128 nn_m128;
#endif

#if NN_VECTORS

enum { NN_SUB_16 = NN_FIT(NN_BYTES / 2), NN_SUB_32 = NN_FIT(NN_BYTES / 4), NN_SUB_64 = NN_FIT(NN_BYTES / 8) };

/* nn_x16k64: as many 16-bit lanes as a register of 64-bit lanes has */
#define NN_VECTOR(name, type, lanes) typedef type name __attribute__((vector_size(sizeof(type) * (lanes)), may_alias))
NN_VECTOR(nn_x16k16, int16_t, NN_SUB_16);
NN_VECTOR(nn_x16k32, int16_t, NN_SUB_32);
NN_VECTOR(nn_x16k64, int16_t, NN_SUB_64);
NN_VECTOR(nn_x32k16, int32_t, NN_SUB_16);
NN_VECTOR(nn_x32k32, int32_t, NN_SUB_32);
NN_VECTOR(nn_x32k64, int32_t, NN_SUB_64);
NN_VECTOR(nn_x64k64, int64_t, NN_SUB_64);
NN_VECTOR(nn_u16, uint16_t, NN_SUB_16);
NN_VECTOR(nn_u32, uint32_t, NN_SUB_32);
NN_VECTOR(nn_u64, uint64_t, NN_SUB_64);
NN_VECTOR(nn_pair16, uint32_t, NN_SUB_16 / 2);
typedef nn_x16k16 nn_s16;
typedef nn_x32k32 nn_s32;
typedef nn_x64k64 nn_s64;

/* Every lane the same. */
NN_INLINE nn_s16 nn_k16(int v) {
  nn_s16 zero = {0};
  return zero + (int16_t)v;
}
NN_INLINE nn_s32 nn_k32(int32_t v) {
  nn_s32 zero = {0};
  return zero + v;
}
NN_INLINE nn_s64 nn_k64(int64_t v) {
  nn_s64 zero = {0};
  return zero + v;
}
#define NN_K_16(v) nn_k16(v)
#define NN_K_32(v) nn_k32(v)
#define NN_K_64(v) nn_k64(v)

#define NN_LOAD(K, M, row) __builtin_convertvector(*(const nn_x##M##k##K *)(const void *)((row) + b), nn_s##K)
#define NN_STORE(K, M, row, v) (*(nn_x##M##k##K *)(void *)((row) + b) = __builtin_convertvector(v, nn_x##M##k##K))
#define NN_SEL(K, c, x, y) ((nn_s##K)(((nn_u##K)(c) & (nn_u##K)(x)) | (~(nn_u##K)(c) & (nn_u##K)(y))))
#define NN_LT(K, x, y) (-(nn_s##K)((x) < (y)))
#define NN_COUNT(K, n, c) ((n) -= (nn_s##K)(c))
#define NN_ADD_COUNT(K, row, n) (*(nn_x32k##K *)(void *)((row) + b) += __builtin_convertvector(n, nn_x32k##K))
#define NN_LUT(K, v, a, table)                                                                                                             \
  nn_s##K v;                                                                                                                               \
  {                                                                                                                                        \
    NN_ALIGN nn_m##K at_[NN_SUB_##K], word_[NN_SUB_##K];                                                                                   \
    size_t j_;                                                                                                                             \
    *(nn_s##K *)(void *)at_ = (a);                                                                                                         \
    for (j_ = 0; j_ < (size_t)NN_SUB_##K; j_++)                                                                                            \
      word_[j_] = (nn_m##K)(table)[at_[j_]];                                                                                               \
    v = *(nn_s##K *)(void *)word_;                                                                                                         \
  }

NN_VECTOR(nn_f32, float, NN_SUB_32);
NN_VECTOR(nn_f64, double, NN_SUB_64);

/* A weight in every lane; 16-bit ones are stored twice in a word, because processors broadcast words faster. */
#define NN_W16(w) ((uint32_t)(uint16_t)(w)*0x10001u)
#define NN_W32(w) ((uint32_t)(w))
#define NN_W64(w) ((uint64_t)(w))
NN_INLINE nn_u16 nn_w16(uint32_t w) {
  nn_pair16 zero = {0};
  return (nn_u16)(zero + w);
}
NN_INLINE nn_u32 nn_w32(uint32_t w) {
  nn_u32 zero = {0};
  return zero + w;
}
NN_INLINE nn_u64 nn_w64(uint64_t w) {
  nn_u64 zero = {0};
  return zero + w;
}
#define NN_X(K, p) (*(const nn_u##K *)(const void *)(p))
#define NN_Y(K, p) (*(nn_u##K *)(void *)(p))

#else /* scalar */

enum { NN_SUB_16 = 1, NN_SUB_32 = 1, NN_SUB_64 = 1 };
typedef int32_t nn_s16; /* never narrower than int: nothing is promoted behind our back */
typedef int32_t nn_s32;
typedef int64_t nn_s64;
typedef uint32_t nn_u16;
typedef uint32_t nn_u32;
typedef uint64_t nn_u64;
#define NN_K_16(v) ((nn_s16)(v))
#define NN_K_32(v) ((nn_s32)(v))
#define NN_K_64(v) ((nn_s64)(v))
#define NN_LOAD(K, M, row) ((nn_s##K)(row)[b])
#define NN_STORE(K, M, row, v) ((row)[b] = (nn_m##M)(v))
#define NN_SEL(K, c, x, y) ((c) ? (x) : (y))
#define NN_LT(K, x, y) ((nn_s##K)((x) < (y)))
#define NN_COUNT(K, n, c) ((n) += (nn_s##K)(c))
#define NN_ADD_COUNT(K, row, n) ((row)[b] += (uint32_t)(n))
#define NN_LUT(K, v, a, table) const nn_s##K v = (nn_s##K)(table)[(size_t)(a)]
#define NN_W16(w) ((uint32_t)(w))
#define NN_W32(w) ((uint32_t)(w))
#define NN_W64(w) ((uint64_t)(w))
#define nn_w16(w) ((uint32_t)(w))
#define nn_w32(w) ((uint32_t)(w))
#define nn_w64(w) ((uint64_t)(w))
#define NN_X(K, p) ((nn_u##K)(*(p)))
#define NN_Y(K, p) (*(nn_y##K *)(void *)(p))
typedef uint16_t nn_y16;
typedef uint32_t nn_y32;
typedef uint64_t nn_y64;

#endif

#define NN_LOAD_16(M, row) NN_LOAD(16, M, row)
#define NN_LOAD_32(M, row) NN_LOAD(32, M, row)
#define NN_LOAD_64(M, row) NN_LOAD(64, M, row)
#define NN_STORE_16(M, row, v) NN_STORE(16, M, row, v)
#define NN_STORE_32(M, row, v) NN_STORE(32, M, row, v)
#define NN_STORE_64(M, row, v) NN_STORE(64, M, row, v)
#define NN_SEL_16(c, x, y) NN_SEL(16, c, x, y)
#define NN_SEL_32(c, x, y) NN_SEL(32, c, x, y)
#define NN_SEL_64(c, x, y) NN_SEL(64, c, x, y)
#define NN_LT_16(x, y) NN_LT(16, x, y)
#define NN_LT_32(x, y) NN_LT(32, x, y)
#define NN_LT_64(x, y) NN_LT(64, x, y)
#define NN_COUNT_16(n, c) NN_COUNT(16, n, c)
#define NN_COUNT_32(n, c) NN_COUNT(32, n, c)
#define NN_COUNT_64(n, c) NN_COUNT(64, n, c)
#define NN_ADD_COUNT_16(row, n) NN_ADD_COUNT(16, row, n)
#define NN_ADD_COUNT_32(row, n) NN_ADD_COUNT(32, row, n)
#define NN_ADD_COUNT_64(row, n) NN_ADD_COUNT(64, row, n)
#define NN_LUT_16(v, a, table) NN_LUT(16, v, a, table)
#define NN_LUT_32(v, a, table) NN_LUT(32, v, a, table)
#define NN_LUT_64(v, a, table) NN_LUT(64, v, a, table)

/* Numbers to integers of [lo, hi], which saturate; ROUND is 0 floor, 1 half up, 2 half to even; NaN becomes 0. Returns how many did not
 * fit. Exact while scale is a power of two from 1 up and the limits take 30 bits (float: 22): what is left after the first comparisons is
 * small, and sums and differences of such numbers lose nothing. */
#if NN_VECTORS
#define NN_FSEL(K, c, x, y) ((nn_f##K)NN_SEL(K, c, (nn_s##K)(x), (nn_s##K)(y)))
#define NN_QUANTIZE(T, K)                                                                                                                  \
  NN_LOOP size_t nn_quantize_f##K(const T *x, int32_t *y, size_t n, T scale, T lowest, T highest, int round) {                             \
    const nn_f##K zero = {0}, one = zero + (T)1, half = zero + (T)0.5, lo = zero + lowest, hi = zero + highest;                            \
    nn_s##K beyond = {0};                                                                                                                  \
    size_t i, l, bad = 0;                                                                                                                  \
    for (i = 0; i < n; i += NN_SUB_##K) {                                                                                                  \
      const size_t sub = NN_SUB_##K, left = n - i < sub ? n - i : sub;                                                                     \
      nn_f##K a = zero, v, rest;                                                                                                           \
      nn_x32k##K whole;                                                                                                                    \
      nn_s##K out;                                                                                                                         \
      if (left == sub) /* a size known beforehand is a plain load */                                                                       \
        memcpy(&a, x + i, sizeof a);                                                                                                       \
      else                                                                                                                                 \
        memcpy(&a, x + i, left * sizeof *x);                                                                                               \
      a *= scale;                                                                                                                          \
      out = (nn_s##K)(a != a);                                                                                                             \
      a = (nn_f##K)(~out & (nn_s##K)a);                                                                                                    \
      a = NN_FSEL(K, a > hi + one, hi + one, a);                                                                                           \
      a = NN_FSEL(K, a < lo - one, lo - one, a);                                                                                           \
      v = __builtin_convertvector(__builtin_convertvector(a, nn_x32k##K), nn_f##K);                                                        \
      v -= NN_FSEL(K, v > a, one, zero);                                                                                                   \
      rest = a - v;                                                                                                                        \
      if (round == 1)                                                                                                                      \
        v += NN_FSEL(K, rest >= half, one, zero);                                                                                          \
      if (round == 2) {                                                                                                                    \
        whole = __builtin_convertvector(v, nn_x32k##K);                                                                                    \
        whole -= whole >> 1 << 1;                                                                                                          \
        v += NN_FSEL(K, rest > half, one, NN_FSEL(K, rest == half, __builtin_convertvector(whole, nn_f##K), zero));                        \
      }                                                                                                                                    \
      out |= (nn_s##K)(v > hi) | (nn_s##K)(v < lo);                                                                                        \
      beyond -= out;                                                                                                                       \
      v = NN_FSEL(K, v > hi, hi, v);                                                                                                       \
      v = NN_FSEL(K, v < lo, lo, v);                                                                                                       \
      whole = __builtin_convertvector(v, nn_x32k##K);                                                                                      \
      if (left == sub)                                                                                                                     \
        memcpy(y + i, &whole, sizeof whole);                                                                                               \
      else                                                                                                                                 \
        memcpy(y + i, &whole, left * sizeof *y);                                                                                           \
    }                                                                                                                                      \
    for (l = 0; l < (size_t)NN_SUB_##K; l++)                                                                                               \
      bad += (size_t)beyond[l];                                                                                                            \
    return bad;                                                                                                                            \
  }
#else
#define NN_QUANTIZE(T, K)                                                                                                                  \
  NN_LOOP size_t nn_quantize_f##K(const T *x, int32_t *y, size_t n, T scale, T lo, T hi, int round) {                                      \
    size_t i, bad = 0;                                                                                                                     \
    for (i = 0; i < n; i++) {                                                                                                              \
      T a = x[i] * scale, v, rest;                                                                                                         \
      const int nan = a != a;                                                                                                              \
      a = nan ? 0 : a > hi + 1 ? hi + 1 : a < lo - 1 ? lo - 1 : a;                                                                         \
      v = (T)(int32_t)a;                                                                                                                   \
      v -= v > a ? 1 : 0;                                                                                                                  \
      rest = a - v;                                                                                                                        \
      if (round == 1)                                                                                                                      \
        v += rest >= (T)0.5 ? 1 : 0;                                                                                                       \
      if (round == 2)                                                                                                                      \
        v += rest > (T)0.5 ? 1 : rest < (T)0.5 ? 0 : (T)((int32_t)v & 1);                                                                  \
      bad += nan || v > hi || v < lo;                                                                                                      \
      y[i] = (int32_t)(v > hi ? hi : v < lo ? lo : v);                                                                                     \
    }                                                                                                                                      \
    return bad;                                                                                                                            \
  }
#endif
NN_QUANTIZE(float, 32)
NN_QUANTIZE(double, 64)

/* Sums of products, modulo 2^K: y[r] = bias[r] + sum of w[r][c] * x[c], rows four at a time or one at a time. `m` is the memory of K-bit
 * rows; x and y hold row numbers in it; w holds, for each group of rows, the biases and then a weight a row for each column. */
#define NN_DENSE(K, W)                                                                                                                     \
  NN_LOOP void nn_dense##K##x4(nn_m##K(*NN_RESTRICT m)[NN_LANES], const uint32_t *x, size_t cols, const uint32_t *y, size_t groups,        \
                               const W *NN_RESTRICT w) {                                                                                   \
    size_t g, b, c;                                                                                                                        \
    for (g = 0; g < groups; g++, y += 4, w += 4 * (cols + 1))                                                                              \
      for (b = 0; b < NN_LANES; b += NN_SUB_##K) {                                                                                         \
        const W *p = w;                                                                                                                    \
        nn_u##K a0 = nn_w##K(p[0]), a1 = nn_w##K(p[1]), a2 = nn_w##K(p[2]), a3 = nn_w##K(p[3]);                                            \
        for (c = 0; c < cols; c++) {                                                                                                       \
          const nn_u##K v = NN_X(K, m[x[c]] + b);                                                                                          \
          p += 4;                                                                                                                          \
          a0 += v * nn_w##K(p[0]);                                                                                                         \
          a1 += v * nn_w##K(p[1]);                                                                                                         \
          a2 += v * nn_w##K(p[2]);                                                                                                         \
          a3 += v * nn_w##K(p[3]);                                                                                                         \
        }                                                                                                                                  \
        NN_Y(K, m[y[0]] + b) = (NN_YTYPE(K))a0;                                                                                            \
        NN_Y(K, m[y[1]] + b) = (NN_YTYPE(K))a1;                                                                                            \
        NN_Y(K, m[y[2]] + b) = (NN_YTYPE(K))a2;                                                                                            \
        NN_Y(K, m[y[3]] + b) = (NN_YTYPE(K))a3;                                                                                            \
      }                                                                                                                                    \
  }                                                                                                                                        \
  NN_LOOP void nn_dense##K##x1(nn_m##K(*NN_RESTRICT m)[NN_LANES], const uint32_t *x, size_t cols, const uint32_t *y, size_t groups,        \
                               const W *NN_RESTRICT w) {                                                                                   \
    size_t g, b, c;                                                                                                                        \
    for (g = 0; g < groups; g++, y += 1, w += cols + 1)                                                                                    \
      for (b = 0; b < NN_LANES; b += NN_SUB_##K) {                                                                                         \
        nn_u##K a = nn_w##K(w[0]);                                                                                                         \
        for (c = 0; c < cols; c++)                                                                                                         \
          a += NN_X(K, m[x[c]] + b) * nn_w##K(w[c + 1]);                                                                                   \
        NN_Y(K, m[y[0]] + b) = (NN_YTYPE(K))a;                                                                                             \
      }                                                                                                                                    \
  }                                                                                                                                        \
  /* shape: rows of a group (4 or 1), columns, groups */                                                                                   \
  NN_LOOP void nn_sums##K(nn_m##K(*m)[NN_LANES], const uint32_t(*shape)[3], size_t n, const uint32_t *x, const uint32_t *y, const W *w) {  \
    size_t i;                                                                                                                              \
    for (i = 0; i < n; i++) {                                                                                                              \
      const size_t rows = (size_t)shape[i][0] * shape[i][2], cols = shape[i][1];                                                           \
      if (shape[i][0] == 4)                                                                                                                \
        nn_dense##K##x4(m, x, cols, y, shape[i][2], w);                                                                                    \
      else                                                                                                                                 \
        nn_dense##K##x1(m, x, cols, y, shape[i][2], w);                                                                                    \
      x += cols, y += rows, w += rows * (cols + 1);                                                                                        \
    }                                                                                                                                      \
  }
#if NN_VECTORS
#define NN_YTYPE(K) nn_u##K
#else
#define NN_YTYPE(K) nn_y##K
#endif
NN_DENSE(16, uint32_t)
NN_DENSE(32, uint32_t)
NN_DENSE(64, uint64_t)

#endif
