/* SPDX-License-Identifier: Apache-2.0
 *
 * vectors.c - test vectors (vectors.h). Corners: all least, all most, zero; each input alone at either end (few inputs); random ends.
 */
#include "vectors.h"
#include <stdlib.h>

enum { SINGLE_INPUTS = 80, RANDOM_ENDS = 32, RANDOM_SAMPLES = 1000 };

static uint64_t next_random(uint64_t *s) { /* splitmix64 (Steele, Lea, Flood 2014) */
  uint64_t z = *s += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

static const HirPort *port_of(const Kernel *k, int input) {
  const HirPort *p = k->in_port;
  while (input >= p->first + p->n)
    p++;
  return p;
}

static int64_t end_of(const Kernel *k, int input, bool high) {
  Format f = port_of(k, input)->fmt;
  return high ? format_max(f) : format_min(f);
}

static size_t corners(const Kernel *k, int64_t *in) {
  size_t n = (size_t)k->n_in, at = 0;
  uint64_t seed = 1;
  for (int end = 0; end < 3; end++, at++)
    for (size_t i = 0; i < n; i++)
      in[at * n + i] = end == 2 ? 0 : end_of(k, (int)i, end);
  for (size_t i = 0; n <= SINGLE_INPUTS && i < n; i++)
    for (int end = 0; end < 2; end++, at++)
      in[at * n + i] = end_of(k, (int)i, end); /* the others 0 */
  for (int r = 0; r < RANDOM_ENDS; r++, at++)
    for (size_t i = 0; i < n; i++)
      in[at * n + i] = end_of(k, (int)i, next_random(&seed) & 1);
  return at;
}

static Vectors with_corners(const Kernel *k, size_t samples) {
  Vectors v = {0};
  size_t most = 3 + RANDOM_ENDS + (k->n_in <= SINGLE_INPUTS ? 2 * (size_t)k->n_in : 0) + samples;
  v.in = mem_array(most * (size_t)k->n_in + 1, sizeof *v.in);
  v.out = mem_array(most * (size_t)k->n_out + 1, sizeof *v.out);
  v.n_corner = corners(k, v.in);
  v.n = v.n_corner + samples;
  hir_eval(k, v.n_corner, v.in, v.out, NULL, NULL, NULL);
  return v;
}

Vectors vectors_from(const Kernel *k, const Samples *s, const int64_t *raw, const int64_t *out) {
  Vectors v = with_corners(k, s->n);
  v.source = s->source;
  memcpy(v.in + v.n_corner * (size_t)k->n_in, raw, s->n * (size_t)k->n_in * sizeof *raw);
  memcpy(v.out + v.n_corner * (size_t)k->n_out, out, s->n * (size_t)k->n_out * sizeof *out);
  return v;
}

Vectors vectors_random(const Kernel *k) {
  Vectors v = with_corners(k, RANDOM_SAMPLES);
  uint64_t seed = 2;
  v.source = "random inputs, seed 2";
  int64_t *in = v.in + v.n_corner * (size_t)k->n_in;
  for (size_t i = 0; i < RANDOM_SAMPLES * (size_t)k->n_in; i++) {
    Format f = port_of(k, (int)(i % (size_t)k->n_in))->fmt;
    uint64_t span = (uint64_t)format_max(f) - (uint64_t)format_min(f) + 1;
    in[i] = (int64_t)((uint64_t)format_min(f) + next_random(&seed) % span);
  }
  hir_eval(k, RANDOM_SAMPLES, in, v.out + v.n_corner * (size_t)k->n_out, NULL, NULL, NULL);
  return v;
}
