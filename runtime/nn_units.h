/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_units.h - what the units of a streaming design do with NN_LANES samples at once (nn_lanes.h). C99 and C++17.
 *
 * A frame of an edge is rows of NN_LANES integers, one for each element: number position * channels + channel. Products of 16-bit integers
 * take two operands at a time, as processors do: a panel is the frame with its border, in words of two elements (low half, high half).
 * Sums are formed modulo 2^32 or 2^64 and proved to fit.
 */
#ifndef NN_UNITS_H
#define NN_UNITS_H

#if NN_VECTORS && defined __SSE2__
#include <immintrin.h>
#endif

/* a + x.low * w.low + x.high * w.high, in every lane */
#if NN_VECTORS && defined __AVX512BW__ && defined __AVX512VNNI__
#define NN_MADD(a, x, w) ((nn_u32)_mm512_dpwssd_epi32((__m512i)(a), (__m512i)(x), (__m512i)(w)))
#elif NN_VECTORS && defined __AVX512BW__
#define NN_MADD(a, x, w) ((a) + (nn_u32)_mm512_madd_epi16((__m512i)(x), (__m512i)(w)))
#elif NN_VECTORS && defined __AVX2__
#define NN_MADD(a, x, w) ((a) + (nn_u32)_mm256_madd_epi16((__m256i)(x), (__m256i)(w)))
#elif NN_VECTORS && defined __SSE2__
#define NN_MADD(a, x, w) ((a) + (nn_u32)_mm_madd_epi16((__m128i)(x), (__m128i)(w)))
#else
#define NN_LOW(v) ((nn_u32)((nn_s32)((v) << 16) >> 16))
#define NN_HIGH(v) ((nn_u32)((nn_s32)(v) >> 16))
#define NN_MADD(a, x, w) ((a) + NN_LOW(x) * NN_LOW(w) + NN_HIGH(x) * NN_HIGH(w))
#endif

/* ---- products of 16-bit integers ---- */

/* Elements of the frame as pairs, with a border of `pad`. step 1: channels (an even number of them) two and two; step 2: of a single
 * channel, each element with the one to its right. */
typedef struct {
  int32_t rows, cols, channels; /* of the frame */
  int32_t row_first, col_first; /* of the panel: negative in the border */
  int32_t panel_rows, panel_cols;
  int32_t step;
  int16_t pad;
} nn_panel;

NN_INLINE void nn_pair(uint32_t *to, const nn_m16 *low, const nn_m16 *high) {
  size_t b;
  for (b = 0; b < NN_LANES; b += NN_SUB_32)
    NN_Y(32, to + b) = (NN_YTYPE(32))(((nn_u32)NN_LOAD(32, 16, low) & nn_w32(0xffff)) | ((nn_u32)NN_LOAD(32, 16, high) << 16));
}

NN_LOOP void nn_pack(uint32_t *to, const nn_m16 *from, const nn_panel *p) {
  NN_ALIGN nn_m16 pad[NN_LANES];
  int32_t y, x, c;
  size_t l;
  for (l = 0; l < NN_LANES; l++)
    pad[l] = p->pad;
  for (y = p->row_first; y < p->row_first + p->panel_rows; y++)
    for (x = p->col_first; x < p->col_first + p->panel_cols; x++) {
      const int inside = y >= 0 && y < p->rows, here = inside && x >= 0 && x < p->cols, right = inside && x + 1 >= 0 && x + 1 < p->cols;
      const ptrdiff_t at = ((ptrdiff_t)y * p->cols + x) * p->channels;
      if (p->step == 2) {
        nn_pair(to, here ? from + at * NN_LANES : pad, right ? from + (at + 1) * NN_LANES : pad);
        to += NN_LANES;
        continue;
      }
      for (c = 0; c < p->channels; c += 2, to += NN_LANES)
        nn_pair(to, here ? from + (at + c) * NN_LANES : pad, here && c + 1 < p->channels ? from + (at + c + 1) * NN_LANES : pad);
    }
}

/* Two weights as a word. */
NN_INLINE uint32_t nn_weights(const int16_t *w) {
  return (uint32_t)(uint16_t)w[0] | (uint32_t)(uint16_t)w[1] << 16;
}

/* R sums at one position: y[r] = bias[r] + products of the panel's words in `run` ({first word, how many}, each `step` words apart; bias
 * NULL: 0) with weights w[word][r][2]. */
#define NN_DOT(R, EACH)                                                                                                                    \
  NN_LOOP void nn_dot##R(const uint32_t *x, const uint32_t(*run)[2], size_t runs, size_t step, const int16_t *w, const int32_t *bias,      \
                         int32_t *y) {                                                                                                     \
    size_t b, i, j;                                                                                                                        \
    for (b = 0; b < NN_LANES; b += NN_SUB_32) {                                                                                            \
      const int16_t *p = w;                                                                                                                \
      EACH(NN_DOT_BEGIN)                                                                                                                   \
      for (i = 0; i < runs; i++) {                                                                                                         \
        const uint32_t *at = x + (size_t)run[i][0] * NN_LANES + b;                                                                         \
        for (j = run[i][1]; j; j--, at += step * NN_LANES, p += 2 * (R)) {                                                                 \
          const nn_u32 v = NN_X(32, at);                                                                                                   \
          EACH(NN_DOT_STEP)                                                                                                                \
        }                                                                                                                                  \
      }                                                                                                                                    \
      EACH(NN_DOT_END)                                                                                                                     \
    }                                                                                                                                      \
  }
#define NN_DOT_BEGIN(r) nn_u32 a##r = nn_w32(bias ? (uint32_t)bias[r] : 0);
#define NN_DOT_STEP(r) a##r = NN_MADD(a##r, v, nn_w32(nn_weights(p + 2 * (r))));
#define NN_DOT_END(r) NN_Y(32, y + (r)*NN_LANES + b) = (NN_YTYPE(32))a##r;
#define NN_EACH_1(F) F(0)
#define NN_EACH_2(F) NN_EACH_1(F) F(1)
#define NN_EACH_3(F) NN_EACH_2(F) F(2)
#define NN_EACH_4(F) NN_EACH_3(F) F(3)
#define NN_EACH_5(F) NN_EACH_4(F) F(4)
#define NN_EACH_6(F) NN_EACH_5(F) F(5)
#define NN_EACH_7(F) NN_EACH_6(F) F(6)
#define NN_EACH_8(F) NN_EACH_7(F) F(7)
NN_DOT(1, NN_EACH_1)
NN_DOT(2, NN_EACH_2)
NN_DOT(3, NN_EACH_3)
NN_DOT(4, NN_EACH_4)
NN_DOT(5, NN_EACH_5)
NN_DOT(6, NN_EACH_6)
NN_DOT(7, NN_EACH_7)
NN_DOT(8, NN_EACH_8)

/* m sums: weights of eight channels together, then of those left over. words: of all runs. */
NN_LOOP void nn_product_16(const uint32_t *x, const uint32_t (*run)[2], size_t runs, size_t step, size_t words, const int16_t *w,
                           const int32_t *bias, size_t m, int32_t *y) {
  for (; m >= 8; m -= 8, w += 16 * words, bias = bias ? bias + 8 : bias, y += 8 * NN_LANES)
    nn_dot8(x, run, runs, step, w, bias, y);
  switch (m) {
  case 1:
    nn_dot1(x, run, runs, step, w, bias, y);
    break;
  case 2:
    nn_dot2(x, run, runs, step, w, bias, y);
    break;
  case 3:
    nn_dot3(x, run, runs, step, w, bias, y);
    break;
  case 4:
    nn_dot4(x, run, runs, step, w, bias, y);
    break;
  case 5:
    nn_dot5(x, run, runs, step, w, bias, y);
    break;
  case 6:
    nn_dot6(x, run, runs, step, w, bias, y);
    break;
  case 7:
    nn_dot7(x, run, runs, step, w, bias, y);
    break;
  default:
    break;
  }
}

/* Weights that are stored in 8 bits; up to fifteen more are read and written. */
NN_LOOP void nn_widen(int16_t *to, const int8_t *from, size_t n) {
  size_t i;
#if NN_VECTORS
  NN_VECTOR(narrow, int8_t, NN_SUB_16);
  for (i = 0; i < n; i += NN_SUB_16) {
    narrow v;
    memcpy(&v, from + i, sizeof v);
    *(nn_s16 *)(void *)(to + i) = __builtin_convertvector(v, nn_s16);
  }
#else
  for (i = 0; i < n; i++)
    to[i] = from[i];
#endif
}

/* Weights of 8 bits, made wider for eight channels at a time. */
NN_LOOP void nn_product_8(const uint32_t *x, const uint32_t (*run)[2], size_t runs, size_t step, size_t words, const int8_t *w,
                          const int32_t *bias, size_t m, int32_t *y, int16_t *wide) {
  size_t r, n;
  for (r = 0; r < m; r += n, w += 2 * n * words) {
    n = m - r < 8 ? m - r : 8;
    nn_widen(wide, w, 2 * n * words);
    nn_product_16(x, run, runs, step, words, wide, bias ? bias + r : bias, n, y + r * NN_LANES);
  }
}

/* As nn_product_16 where most weights are 0: of each channel, how many words have others, where they are, and these. */
NN_LOOP void nn_product_sparse(const uint32_t *x, const uint32_t *count, const uint32_t *word, const int16_t *w, const int32_t *bias,
                               size_t m, int32_t *y) {
  size_t r, b, j;
  for (r = 0; r < m; word += count[r], w += 2 * (size_t)count[r], r++, y += NN_LANES)
    for (b = 0; b < NN_LANES; b += NN_SUB_32) {
      nn_u32 a0 = nn_w32(bias ? (uint32_t)bias[r] : 0), a1 = nn_w32(0), a2 = a1, a3 = a1;
      const uint32_t *at = word;
      const int16_t *p = w;
      for (j = count[r] / 4; j; j--, at += 4, p += 8) {
        a0 = NN_MADD(a0, NN_X(32, x + (size_t)at[0] * NN_LANES + b), nn_w32(nn_weights(p)));
        a1 = NN_MADD(a1, NN_X(32, x + (size_t)at[1] * NN_LANES + b), nn_w32(nn_weights(p + 2)));
        a2 = NN_MADD(a2, NN_X(32, x + (size_t)at[2] * NN_LANES + b), nn_w32(nn_weights(p + 4)));
        a3 = NN_MADD(a3, NN_X(32, x + (size_t)at[3] * NN_LANES + b), nn_w32(nn_weights(p + 6)));
      }
      for (j = count[r] % 4; j; j--, at++, p += 2)
        a0 = NN_MADD(a0, NN_X(32, x + (size_t)at[0] * NN_LANES + b), nn_w32(nn_weights(p)));
      NN_Y(32, y + b) = (NN_YTYPE(32))(a0 + a1 + a2 + a3);
    }
}

/* Sums that need more than 32 bits are made of partial ones that do not: y[r] = (first ? bias[r] : y[r]) + part[r]. */
NN_LOOP void nn_add_parts(int64_t *y, const int32_t *part, const int64_t *bias, int first, size_t m) {
  size_t r, l;
  for (r = 0; r < m; r++)
    for (l = 0; l < NN_LANES; l++)
      y[r * NN_LANES + l] = (first ? bias[r] : y[r * NN_LANES + l]) + part[r * NN_LANES + l];
}

/* ---- everything else reads rows, each behind its pointer ---- */

typedef struct {
  int32_t rows, cols, channels; /* of the frame */
  int32_t kernel_rows, kernel_cols, row_first, col_first, row_step, col_step, row_dilation, col_dilation, out_cols;
} nn_taps;

/* The rows, of so many bytes, under output position number `at`: kernel_rows * kernel_cols * channels pointers. */
NN_LOOP void nn_window(const void **to, const void *from, const void *pad, const nn_taps *t, size_t bytes, size_t at) {
  const int32_t top = t->row_first + (int32_t)(at / (size_t)t->out_cols) * t->row_step;
  const int32_t left = t->col_first + (int32_t)(at % (size_t)t->out_cols) * t->col_step;
  int32_t ky, kx, c;
  for (ky = 0; ky < t->kernel_rows; ky++)
    for (kx = 0; kx < t->kernel_cols; kx++) {
      const int32_t y = top + ky * t->row_dilation, x = left + kx * t->col_dilation;
      const int inside = y >= 0 && y < t->rows && x >= 0 && x < t->cols;
      const char *row = inside ? (const char *)from + ((size_t)y * (size_t)t->cols + (size_t)x) * (size_t)t->channels * bytes : NULL;
      for (c = 0; c < t->channels; c++)
        *to++ = inside ? row + (size_t)c * bytes : pad;
    }
}

/* Products of wider integers: y[r] = bias[r] + sum of w[r * n + i] * row[i], modulo 2^64. */
#define NN_WIDE(M)                                                                                                                         \
  NN_LOOP void nn_product_wide##M(const void *const *row, size_t n, const int32_t *w, const int64_t *bias, size_t m, int64_t *y) {         \
    size_t r, i, b;                                                                                                                        \
    for (r = 0; r < m; r++, w += n, y += NN_LANES)                                                                                         \
      for (b = 0; b < NN_LANES; b += NN_SUB_64) {                                                                                          \
        nn_u64 a = nn_w64((uint64_t)bias[r]);                                                                                              \
        for (i = 0; i < n; i++)                                                                                                            \
          a += nn_w64((uint64_t)(int64_t)w[i]) * (nn_u64)NN_LOAD(64, M, (const nn_m##M *)row[i]);                                          \
        NN_Y(64, y + b) = (NN_YTYPE(64))a;                                                                                                 \
      }                                                                                                                                    \
  }
NN_WIDE(16)
NN_WIDE(32)
NN_WIDE(64)

#define NN_FILL(M)                                                                                                                         \
  NN_LOOP void nn_fill##M(nn_m##M *row, nn_m##M v) {                                                                                       \
    size_t l;                                                                                                                              \
    for (l = 0; l < NN_LANES; l++)                                                                                                         \
      row[l] = v;                                                                                                                          \
  }
NN_FILL(16)
NN_FILL(32)
NN_FILL(64)

/* Rows from anywhere; -1: zeros. */
#define NN_MOVE(M)                                                                                                                         \
  NN_LOOP void nn_move##M(nn_m##M *to, const nn_m##M *from, const int32_t *which, size_t n) {                                              \
    size_t i;                                                                                                                              \
    for (i = 0; i < n; i++, to += NN_LANES)                                                                                                \
      if (which[i] < 0)                                                                                                                    \
        memset(to, 0, NN_LANES * sizeof *to);                                                                                              \
      else                                                                                                                                 \
        memcpy(to, from + (size_t)which[i] * NN_LANES, NN_LANES * sizeof *to);                                                             \
  }
NN_MOVE(16)
NN_MOVE(32)
NN_MOVE(64)

/* ---- a sample alone ----
 *
 * Lanes full of other samples would be idle. A frame is then one integer an element, and the lanes of a sum are eight channels, those of a
 * kernel positions or channels. */
#if NN_VECTORS && defined __AVX2__
#define NN_ALONE 3 /* up to that many samples go one by one */
#if defined __AVX512VNNI__ && defined __AVX512VL__
#define NN_MADD8(a, x, w) _mm256_dpwssd_epi32(a, x, w)
#else
#define NN_MADD8(a, x, w) _mm256_add_epi32(a, _mm256_madd_epi16(x, w))
#endif

NN_LOOP void nn_pack_alone(int16_t *to, const int16_t *from, const nn_panel *p) {
  const int32_t last = p->col_first + p->panel_cols, even = p->channels + (p->step == 1 && p->channels % 2), n = p->step == 2 ? 2 : even;
  int32_t y, x, c;
  for (y = p->row_first; y < p->row_first + p->panel_rows; y++)
    for (x = p->col_first; x < last; x++, to += n) {
      const int inside = y >= 0 && y < p->rows, here = inside && x >= 0 && x < p->cols;
      const ptrdiff_t at = ((ptrdiff_t)y * p->cols + x) * p->channels;
      if (p->step == 2) {
        to[0] = here ? from[at] : p->pad;
        to[1] = inside && x + 1 >= 0 && x + 1 < p->cols ? from[at + 1] : p->pad;
      } else if (here && even == p->channels) { /* as many columns as there are, at once */
        const int32_t cols = (last < p->cols ? last : p->cols) - x;
        memcpy(to, from + at, (size_t)cols * (size_t)n * sizeof *to);
        to += (cols - 1) * n, x += cols - 1;
      } else {
        for (c = 0; c < n; c++)
          to[c] = here && c < p->channels ? from[at + c] : p->pad;
      }
    }
}

NN_INLINE __m256i nn_both(const int16_t *x) {
  int32_t v;
  memcpy(&v, x, sizeof v);
  return _mm256_set1_epi32(v);
}
/* Eight pairs of weights, of 8 or 16 bits. */
NN_INLINE __m256i nn_eight(const void *w, size_t at, int narrow) {
  if (narrow)
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)((const int8_t *)w + at)));
  return _mm256_loadu_si256((const __m256i *)(const void *)((const int16_t *)w + at));
}
#define NN_ALONE_STEP(k, at) a##k = NN_MADD8(a##k, nn_both(at), nn_eight(w, p + 2 * (k)*n, narrow));

/* As nn_product_16. Up to seven numbers behind y, bias and (weights: fifteen) w are read or written. `word`, where it is not NULL, says
 * where each word is: better than many short runs. */
NN_INLINE void nn_product_any(const int16_t *x, const uint32_t (*run)[2], size_t runs, size_t step, const uint32_t *word, size_t words,
                              const void *w, int narrow, const int32_t *bias, size_t m, int32_t *y) {
  size_t r, i, j, n, p = 0;
  for (r = 0; r < m; r += 8) {
    __m256i a0 = bias ? _mm256_loadu_si256((const __m256i *)(const void *)(bias + r)) : _mm256_setzero_si256();
    __m256i a1 = _mm256_setzero_si256(), a2 = a1, a3 = a1;
    n = m - r < 8 ? m - r : 8;
    if (word) {
      const uint32_t *at = word;
      for (j = words / 4; j; j--, at += 4, p += 8 * n) {
        NN_ALONE_STEP(0, x + 2 * (size_t)at[0])
        NN_ALONE_STEP(1, x + 2 * (size_t)at[1])
        NN_ALONE_STEP(2, x + 2 * (size_t)at[2])
        NN_ALONE_STEP(3, x + 2 * (size_t)at[3])
      }
      for (j = words % 4; j; j--, at++, p += 2 * n) {
        NN_ALONE_STEP(0, x + 2 * (size_t)at[0])
      }
    }
    for (i = 0; i < runs && !word; i++) {
      const int16_t *at = x + 2 * (size_t)run[i][0];
      for (j = run[i][1] / 4; j; j--, at += 8 * step, p += 8 * n) {
        NN_ALONE_STEP(0, at)
        NN_ALONE_STEP(1, at + 2 * step)
        NN_ALONE_STEP(2, at + 4 * step)
        NN_ALONE_STEP(3, at + 6 * step)
      }
      for (j = run[i][1] % 4; j; j--, at += 2 * step, p += 2 * n) {
        NN_ALONE_STEP(0, at)
      }
    }
    a0 = _mm256_add_epi32(_mm256_add_epi32(a0, a1), _mm256_add_epi32(a2, a3));
    _mm256_storeu_si256((__m256i *)(void *)(y + r), a0);
  }
}

NN_LOOP void nn_product_16_alone(const int16_t *x, const uint32_t (*run)[2], size_t runs, size_t step, const uint32_t *word, size_t words,
                                 const int16_t *w, const int32_t *bias, size_t m, int32_t *y) {
  nn_product_any(x, run, runs, step, word, words, w, 0, bias, m, y);
}

NN_LOOP void nn_product_8_alone(const int16_t *x, const uint32_t (*run)[2], size_t runs, size_t step, const uint32_t *word, size_t words,
                                const int8_t *w, const int32_t *bias, size_t m, int32_t *y) {
  nn_product_any(x, run, runs, step, word, words, w, 1, bias, m, y);
}

NN_LOOP void nn_add_parts_alone(int64_t *y, const int32_t *part, const int64_t *bias, int first, size_t m) {
  size_t r;
  for (r = 0; r < m; r++)
    y[r] = (first ? bias[r] : y[r]) + part[r];
}

/* Adds what the first `lanes` lanes counted. */
NN_LOOP void nn_count_alone(uint32_t (*count)[NN_LANES], uint32_t (*some)[NN_LANES], size_t sites, size_t lanes) {
  size_t i, l;
  for (i = 0; i < sites; i++)
    for (l = 0; l < lanes; l++)
      count[i][0] += some[i][l];
  memset(some, 0, sites * sizeof *some);
}

#define NN_ALONE_OF(M)                                                                                                                     \
  NN_LOOP void nn_wide_alone##M(const void *const *row, size_t n, const int32_t *w, const int64_t *bias, size_t m, int64_t *y) {           \
    size_t r, i;                                                                                                                           \
    for (r = 0; r < m; r++, w += n) {                                                                                                      \
      uint64_t a = (uint64_t)bias[r];                                                                                                      \
      for (i = 0; i < n; i++)                                                                                                              \
        a += (uint64_t)(int64_t)w[i] * (uint64_t)(int64_t) * (const nn_m##M *)row[i];                                                      \
      y[r] = (int64_t)a;                                                                                                                   \
    }                                                                                                                                      \
  }                                                                                                                                        \
  /* One operand of `lanes` positions as a row; those left over repeat the last. */                                                        \
  NN_LOOP void nn_gather_alone##M(nn_m##M *to, const void *const *from, size_t stride, size_t lanes) {                                     \
    size_t l;                                                                                                                              \
    for (l = 0; l < NN_LANES; l++)                                                                                                         \
      to[l] = *(const nn_m##M *)from[(l < lanes ? l : lanes - 1) * stride];                                                                \
  }                                                                                                                                        \
  /* The same from numbers that are `stride` apart. */                                                                                     \
  NN_LOOP void nn_strided_alone##M(nn_m##M *to, const nn_m##M *from, size_t stride, size_t lanes) {                                        \
    size_t l;                                                                                                                              \
    for (l = 0; l < NN_LANES; l++)                                                                                                         \
      to[l] = from[(l < lanes ? l : lanes - 1) * stride];                                                                                  \
  }                                                                                                                                        \
  /* Rows of lanes to the elements of as many positions. */                                                                                \
  NN_LOOP void nn_scatter_alone##M(nn_m##M *to, const nn_m##M *from, size_t n, size_t lanes) {                                             \
    size_t e, l;                                                                                                                           \
    for (e = 0; e < n; e++)                                                                                                                \
      for (l = 0; l < lanes; l++)                                                                                                          \
        to[l * n + e] = from[e * NN_LANES + l];                                                                                            \
  }                                                                                                                                        \
  NN_LOOP void nn_move_alone##M(nn_m##M *to, const nn_m##M *from, const int32_t *which, size_t n) {                                        \
    size_t i;                                                                                                                              \
    for (i = 0; i < n; i++)                                                                                                                \
      to[i] = which[i] < 0 ? 0 : from[which[i]];                                                                                           \
  }
NN_ALONE_OF(16)
NN_ALONE_OF(32)
NN_ALONE_OF(64)
#else
#define NN_ALONE 0
#endif

/* ---- ONNX order ---- */

/* Element number of a position and channel: from a table, or by steps. */
typedef struct {
  const uint32_t *table;
  uint32_t positions, channels, by_position, by_channel;
} nn_order;

NN_INLINE size_t nn_element(const nn_order *o, size_t p, size_t c) {
  return o->table ? o->table[p * o->channels + c] : p * o->by_position + c * o->by_channel;
}

/* FROM and TO: widths of an edge's rows and of the port's. */
#define NN_ORDER(FROM, TO)                                                                                                                 \
  NN_LOOP void nn_give##FROM##to##TO(nn_m##TO(*to)[NN_LANES], const nn_m##FROM *from, const nn_order *o) {                                 \
    size_t p, c, l;                                                                                                                        \
    for (p = 0; p < o->positions; p++)                                                                                                     \
      for (c = 0; c < o->channels; c++, from += NN_LANES) {                                                                                \
        nn_m##TO *row = to[nn_element(o, p, c)];                                                                                           \
        for (l = 0; l < NN_LANES; l++)                                                                                                     \
          row[l] = (nn_m##TO)from[l];                                                                                                      \
      }                                                                                                                                    \
  }
NN_ORDER(16, 16)
NN_ORDER(16, 32)
NN_ORDER(16, 64)
NN_ORDER(32, 32)
NN_ORDER(32, 64)
NN_ORDER(64, 64)
#define NN_TAKE(M)                                                                                                                         \
  NN_LOOP void nn_take##M(nn_m##M *to, nn_m##M(*from)[NN_LANES], const nn_order *o) {                                                      \
    size_t p, c;                                                                                                                           \
    for (p = 0; p < o->positions; p++)                                                                                                     \
      for (c = 0; c < o->channels; c++, to += NN_LANES)                                                                                    \
        memcpy(to, from[nn_element(o, p, c)], NN_LANES * sizeof *to);                                                                      \
  }                                                                                                                                        \
  /* of each sample, `stride` numbers apart */                                                                                             \
  NN_LOOP void nn_trace##M(double *to, size_t stride, const nn_m##M *from, const nn_order *o, double step, size_t samples) {               \
    size_t p, c, l;                                                                                                                        \
    for (p = 0; p < o->positions; p++)                                                                                                     \
      for (c = 0; c < o->channels; c++, from += NN_LANES)                                                                                  \
        for (l = 0; l < samples; l++)                                                                                                      \
          to[l * stride + nn_element(o, p, c)] = (double)from[l] * step;                                                                   \
  }
NN_TAKE(16)
NN_TAKE(32)
NN_TAKE(64)

/* Of the sample in one lane, where samples go one by one. */
#define NN_ORDER_ALONE(FROM, TO)                                                                                                           \
  NN_LOOP void nn_give##FROM##to##TO##_alone(nn_m##TO(*to)[NN_LANES], const nn_m##FROM *from, const nn_order *o, size_t lane) {            \
    size_t p, c;                                                                                                                           \
    for (p = 0; p < o->positions; p++)                                                                                                     \
      for (c = 0; c < o->channels; c++)                                                                                                    \
        to[nn_element(o, p, c)][lane] = (nn_m##TO) * from++;                                                                               \
  }
NN_ORDER_ALONE(16, 16)
NN_ORDER_ALONE(16, 32)
NN_ORDER_ALONE(16, 64)
NN_ORDER_ALONE(32, 32)
NN_ORDER_ALONE(32, 64)
NN_ORDER_ALONE(64, 64)
#define NN_TAKE_ALONE(M)                                                                                                                   \
  NN_LOOP void nn_take_alone##M(nn_m##M *to, nn_m##M(*from)[NN_LANES], const nn_order *o, size_t lane) {                                   \
    size_t p, c;                                                                                                                           \
    for (p = 0; p < o->positions; p++)                                                                                                     \
      for (c = 0; c < o->channels; c++)                                                                                                    \
        *to++ = from[nn_element(o, p, c)][lane];                                                                                           \
  }
NN_TAKE_ALONE(16)
NN_TAKE_ALONE(32)
NN_TAKE_ALONE(64)

#endif
