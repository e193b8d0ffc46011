/* SPDX-License-Identifier: Apache-2.0
 *
 * vectors.c - test vectors (vectors.h). Corners: all least, all most, zero; each input alone at either end (few inputs); random ends.
 */
#include "vectors.h"
#include <stdlib.h>

enum { SINGLE_INPUTS = 80, RANDOM_ENDS = 32, RANDOM_SAMPLES = 1000, ALL_BITS = 12 };

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

static int input_bits(const Kernel *k) {
  int bits = 0;
  for (int p = 0; p < k->n_in_ports && bits <= ALL_BITS; p++)
    bits += k->in_port[p].n <= ALL_BITS ? k->in_port[p].n * k->in_port[p].fmt.W : ALL_BITS + 1;
  return bits;
}

/* Inputs over their whole ranges; all there are when n is 2^input_bits. */
static void random_inputs(const Kernel *k, int64_t *in, size_t n) {
  uint64_t seed = 2;
  bool all = input_bits(k) <= ALL_BITS && n == (size_t)1 << input_bits(k);
  for (size_t i = 0; i < n; i++)
    for (size_t e = 0, bits = i; e < (size_t)k->n_in; e++) {
      Format f = port_of(k, (int)e)->fmt;
      uint64_t span = (uint64_t)format_max(f) - (uint64_t)format_min(f) + 1, pick = all ? bits : next_random(&seed);
      in[i * (size_t)k->n_in + e] = (int64_t)((uint64_t)format_min(f) + pick % span);
      bits >>= all ? f.W : 0;
    }
}

/* ---- recurrent kernels: tokens of channels that take turns ---- */

enum { MOST_TOKENS = 300000 };

/* Every channel gets all rows, each from another one on, or as many as there is time for; windows stay whole. */
static Vectors interleaved(const Kernel *k, const Vectors *rows) {
  size_t steps = k->steps > 1 ? (size_t)k->steps : 1, channels = (size_t)k->channels, units = rows->n / steps;
  size_t each = MOST_TOKENS / (channels * steps), in = (size_t)k->n_in, out = (size_t)k->n_out;
  each = (each < 1 ? 1 : each > units ? units : each) * steps;
  Vectors v = {.n = each * channels, .source = rows->source};
  v.n_corner = rows->n_corner * channels < v.n ? rows->n_corner * channels : v.n;
  v.in = mem_array(v.n * in + 1, sizeof *v.in);
  v.out = mem_array(v.n * out + 1, sizeof *v.out);
  int64_t *x = mem_array(each * in + 1, sizeof *x), *y = mem_array(each * out + 1, sizeof *y);
  for (size_t c = 0; c < channels; c++) {
    size_t first = units * c / channels * steps, due = 0;
    for (size_t i = 0; i < each; i++) {
      memcpy(x + i * in, rows->in + (first + i) % (units * steps) * in, in * sizeof *x);
      memcpy(v.in + (i * channels + c) * in, x + i * in, in * sizeof *x);
    }
    hir_eval(k, each, x, y, NULL, NULL, NULL);
    for (size_t i = 0; i < each; i++)
      if (hir_due(k, i))
        memcpy(v.out + (due++ * channels + c) * out, y + i * out, out * sizeof *y);
    v.n_due = due * channels;
  }
  return v;
}

/* ---- both ---- */

/* Corners and random inputs; room for the samples. */
static Vectors without_samples(const Kernel *k, size_t random, size_t samples) {
  Vectors v = {0};
  size_t steps = k->steps > 1 ? (size_t)k->steps : 1;
  size_t most = 3 + RANDOM_ENDS + (k->n_in <= SINGLE_INPUTS ? 2 * (size_t)k->n_in : 0) + steps + random + samples;
  v.in = mem_array(most * (size_t)k->n_in + 1, sizeof *v.in);
  v.out = mem_array(most * (size_t)k->n_out + 1, sizeof *v.out);
  v.n_corner = corners(k, v.in);
  for (; v.n_corner % steps; v.n_corner++) /* a window's rest is zero */
    ;
  random_inputs(k, v.in + v.n_corner * (size_t)k->n_in, random);
  v.n = v.n_due = v.n_corner + random + samples;
  return v;
}

static void add_samples(Vectors *v, const Kernel *k, const Samples *s, const int64_t *raw, const int64_t *out, size_t random) {
  size_t at = v->n - s->n;
  v->source = random ? mem_printf("%zu random inputs, %s", random, path_base(s->source)) : s->source;
  memcpy(v->in + at * (size_t)k->n_in, raw, s->n * (size_t)k->n_in * sizeof *raw);
  memcpy(v->out + at * (size_t)k->n_out, out, s->n * (size_t)k->n_out * sizeof *out);
}

Vectors vectors_from(const Kernel *k, const Samples *s, const int64_t *raw, const int64_t *out, size_t random) {
  random -= k->steps > 1 ? random % (size_t)k->steps : 0;
  Vectors v = without_samples(k, random, s->n);
  hir_eval(k, v.n_corner + random, v.in, v.out, NULL, NULL, NULL);
  add_samples(&v, k, s, raw, out, random);
  return k->n_state ? interleaved(k, &v) : v;
}

Vectors vectors_stream(const Stream *st, const Kernel *k, const Samples *s, const int64_t *raw, const int64_t *out, size_t random) {
  Vectors v = without_samples(k, random, s->n);
  StreamEval *e = stream_eval_new(st);
  for (size_t i = 0; i < v.n_corner + random; i++)
    stream_eval_run(e, v.in + i * (size_t)k->n_in, v.out + i * (size_t)k->n_out);
  add_samples(&v, k, s, raw, out, random);
  return v;
}

Vectors vectors_random(const Kernel *k, size_t random) {
  bool all = !random && !k->n_state && input_bits(k) <= ALL_BITS;
  Vectors v = without_samples(k, all ? (size_t)1 << input_bits(k) : random ? random : RANDOM_SAMPLES, 0);
  hir_eval(k, v.n, v.in, v.out, NULL, NULL, NULL);
  v.source = all ? "all inputs" : "random inputs, seed 2";
  return k->n_state ? interleaved(k, &v) : v;
}
