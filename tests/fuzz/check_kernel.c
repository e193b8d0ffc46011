/* SPDX-License-Identifier: Apache-2.0
 *
 * check_kernel.c - the generated C against the evaluator, beyond what `make check` sees: counts, layer traces, the float path, odd batch
 * sizes.
 *
 *   check_kernel FILE.hir LIBRARY.so [trn|rnd|rne sat|wrap]
 *
 * FILE.hir is what was emitted (nngen --dump=pipeline), or what nngen was given: then counts are not compared, because roundings that
 * became one are counted once, and neither is a layer's element that optimisation removed (NaN in the trace). Prints PASS or FAIL.
 */
#include "hir.h"
#include "nn_fixed.h"
#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>

enum { SAMPLES = 211 };

typedef struct {
  int bytes;
  bool is_signed;
} Element;

static Element element_of(const HirPort *p, int n) {
  Element e = {1, false};
  int most = 1;
  for (int i = 0; i < n; i++)
    e.is_signed |= p[i].fmt.is_signed;
  for (int i = 0; i < n; i++) {
    int w = p[i].fmt.W + (e.is_signed && !p[i].fmt.is_signed);
    most = w > most ? w : most;
  }
  while (e.bytes * 8 < most)
    e.bytes *= 2;
  return e;
}

static void put(void *array, size_t i, Element e, int64_t v) {
  uint8_t *p = (uint8_t *)array + i * (size_t)e.bytes;
  for (int b = 0; b < e.bytes; b++)
    p[b] = (uint8_t)((uint64_t)v >> 8 * b);
}

static int64_t get(const void *array, size_t i, Element e) {
  const uint8_t *p = (const uint8_t *)array + i * (size_t)e.bytes;
  uint64_t u = 0;
  for (int b = 0; b < e.bytes; b++)
    u |= (uint64_t)p[b] << 8 * b;
  int unused = 64 - 8 * e.bytes;
  return e.is_signed ? (int64_t)(u << unused) >> unused : (int64_t)u;
}

static const char *top;
static void *library;

/* A function of the library; through void *, as dlsym(3) has it. */
static void *symbol(const char *name) {
  void *p = dlsym(library, mem_printf("%s%s", top, name));
  if (!p) {
    printf("FAIL: no %s%s in the library\n", top, name);
    exit(1);
  }
  return p;
}
#define FUNCTION(type, name, args)                                                                                                         \
  type(*name) args;                                                                                                                        \
  *(void **)&name = symbol(#name)

static void check(bool ok, const char *what, size_t sample, int i) {
  if (ok)
    return;
  printf("FAIL: %s, sample %zu, number %d\n", what, sample, i);
  exit(1);
}

typedef struct {
  const Kernel *k;
  int n;
  double *trace;
} Trace;

/* What TOP_reset fills: a channel's state between two calls. */
static void *fresh_state(const Kernel *k) {
  void *state = mem_array((size_t)k->n_state + 1, sizeof(int64_t));
  if (k->n_state) {
    FUNCTION(void, _reset, (void *));
    _reset(state);
  }
  return state;
}

/* Outputs that count, of SAMPLES. */
static size_t due_of(const Kernel *k, int64_t *out) {
  size_t due = 0;
  for (size_t i = 0; i < SAMPLES; i++)
    if (hir_due(k, i))
      memmove(out + due++ * (size_t)k->n_out, out + i * (size_t)k->n_out, (size_t)k->n_out * sizeof *out);
  return due;
}

static size_t run(const Kernel *k, void *state, const void *x, void *y, size_t n, uint64_t *counts) {
  if (k->n_state) {
    FUNCTION(size_t, _run, (void *, const void *, void *, size_t, uint64_t *));
    return _run(state, x, y, n, counts);
  }
  FUNCTION(void, _run, (const void *, void *, size_t, uint64_t *));
  _run(x, y, n, counts);
  return n;
}

static void trace_sample(void *ctx, size_t sample, const i128 *val) {
  Trace *t = ctx;
  double *at = t->trace + sample * (size_t)t->n;
  for (int i = 0; i < t->k->n_layers; i++) {
    const HirLayer *l = &t->k->layer[i];
    for (int j = 0; j < l->n; j++, at++)
      *at = l->value[j] < 0 ? NAN : ((double)val[l->value[j]] - (double)(l->offset ? l->offset[j] : 0)) * ldexp(1, -l->frac[j]);
  }
}

static uint64_t next(uint64_t *s) {
  uint64_t z = *s += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  return z ^ z >> 27;
}

static const HirPort *port_of(const HirPort *p, int i) {
  while (i >= p->first + p->n)
    p++;
  return p;
}

static void check_raw(const Kernel *k, const int64_t *in, int64_t *want, const HirCounts *c, const Trace *t) {
  Element ie = element_of(k->in_port, k->n_in_ports), oe = element_of(k->out_port, k->n_out_ports);
  void *x = mem_array((size_t)SAMPLES * (size_t)k->n_in, (size_t)ie.bytes),
       *y = mem_array((size_t)SAMPLES * (size_t)k->n_out, (size_t)oe.bytes);
  uint64_t *counts = mem_array((size_t)k->n_sites + 1, sizeof *counts);
  double *trace = mem_array((size_t)SAMPLES * (size_t)t->n + 1, sizeof *trace);
  void *state = fresh_state(k);
  size_t due = 0, wanted = due_of(k, want);
  for (size_t i = 0; i < (size_t)SAMPLES * (size_t)k->n_in; i++)
    put(x, i, ie, in[i]);
  for (size_t at = 0, n = 1; at < SAMPLES; at += n, n = n * 2 + 1) { /* batches of 1, 3, 7, ... */
    n = n < SAMPLES - at ? n : SAMPLES - at;
    due += run(k, state, (char *)x + at * (size_t)k->n_in * (size_t)ie.bytes, (char *)y + due * (size_t)k->n_out * (size_t)oe.bytes, n,
               counts);
  }
  check(due == wanted, "number of outputs", due, (int)wanted);
  for (size_t i = 0; i < due * (size_t)k->n_out; i++)
    check(get(y, i, oe) == want[i], "output", i / (size_t)k->n_out, (int)(i % (size_t)k->n_out));
  for (int i = 0; i < k->n_sites && !hir_has(k, HIR_QUANT); i++)
    check(counts[i] == c->saturated[i] + c->wrapped[i], "count", 0, i);
  if (k->n_state) {
    FUNCTION(void, _trace, (void *, const void *, double *, size_t));
    _trace(fresh_state(k), x, trace, SAMPLES);
  } else {
    FUNCTION(void, _trace, (const void *, double *, size_t));
    _trace(x, trace, SAMPLES);
  }
  for (size_t i = 0; i < (size_t)SAMPLES * (size_t)t->n; i++)
    check(trace[i] == t->trace[i] || isnan(trace[i]) || isnan(t->trace[i]), "trace", i / (size_t)t->n, (int)(i % (size_t)t->n));
}

static double input(uint64_t *seed, Format f) {
  static const double odd[] = {0, -0.0, NAN, INFINITY, -INFINITY, 1e300, -1e300, 5e-324, -5e-324, 1e-40, -1e-40};
  uint64_t r = next(seed);
  if (r % 16 == 0)
    return odd[(r >> 8) % (sizeof odd / sizeof *odd)];
  int64_t lo = nn_lowest(f.W, f.is_signed), hi = nn_highest(f.W, f.is_signed);
  double steps = r % 4 == 1 ? (double)(hi - lo) : 8, at = r % 4 == 2 ? (double)lo : r % 4 == 3 ? (double)hi : 0;
  return ldexp(at + ((double)(next(seed) >> 50) / 8192 - 1) * steps + (r >> 9 & 1 ? 0 : (double)(next(seed) % 33) / 8), f.I - f.W);
}

static void check_numbers(const Kernel *k, int round, int overflow) {
  size_t n_in = (size_t)SAMPLES * (size_t)k->n_in, n_out = (size_t)SAMPLES * (size_t)k->n_out, clipped = 0;
  Element ie = element_of(k->in_port, k->n_in_ports), oe = element_of(k->out_port, k->n_out_ports);
  double *x = mem_array(n_in, sizeof *x), *y = mem_array(n_out, sizeof *y);
  float *xf = mem_array(n_in, sizeof *xf), *yf = mem_array(n_out, sizeof *yf);
  void *raw = mem_array(n_in, (size_t)ie.bytes), *raw_out = mem_array(n_out, (size_t)oe.bytes);
  int64_t *in = mem_array(n_in, sizeof *in), *out = mem_array(n_out, sizeof *out);
  uint64_t seed = 7;
  FUNCTION(size_t, _quantize, (const double *, void *, size_t));
  FUNCTION(void, _dequantize, (const void *, double *, size_t));
  for (size_t i = 0; i < n_in; i++)
    x[i] = input(&seed, port_of(k->in_port, (int)(i % (size_t)k->n_in))->fmt);
  size_t said = _quantize(x, raw, SAMPLES);
  for (size_t i = 0; i < n_in; i++) {
    int e = (int)(i % (size_t)k->n_in), bad = 0;
    Format f = port_of(k->in_port, e)->fmt;
    int64_t want = nn_from_double(x[i], f.W - f.I, nn_lowest(f.W, f.is_signed), nn_highest(f.W, f.is_signed), round, overflow, &bad);
    clipped += (size_t)bad;
    if (get(raw, i, ie) != want)
      printf("%.17g <%d,%d>: expected %lld, got %lld\n", x[i], f.W, f.I, (long long)want, (long long)get(raw, i, ie));
    check(get(raw, i, ie) == want, "quantize", i / (size_t)k->n_in, e);
  }
  check(said == clipped, "number of inputs out of range", said, (int)clipped);
  n_out = run(k, fresh_state(k), raw, raw_out, SAMPLES, NULL) * (size_t)k->n_out;
  _dequantize(raw_out, y, SAMPLES);
  for (size_t i = 0; i < n_out; i++) {
    Format f = port_of(k->out_port, (int)(i % (size_t)k->n_out))->fmt;
    check(y[i] == nn_to_double(get(raw_out, i, oe), f.W - f.I), "dequantize", i / (size_t)k->n_out, (int)(i % (size_t)k->n_out));
  }
  for (size_t i = 0; i < n_in; i++) {
    Format f = port_of(k->in_port, (int)(i % (size_t)k->n_in))->fmt;
    xf[i] = (float)(fabs(x[i]) > 1e38 ? copysign(1e38, x[i]) : x[i]);
    in[i] = nn_from_double((double)xf[i], f.W - f.I, nn_lowest(f.W, f.is_signed), nn_highest(f.W, f.is_signed), round, overflow, NULL);
  }
  hir_eval(k, SAMPLES, in, out, NULL, NULL, NULL);
  due_of(k, out);
  if (k->n_state) {
    FUNCTION(size_t, _float_n, (void *, const float *, float *, size_t));
    check(_float_n(fresh_state(k), xf, yf, SAMPLES) * (size_t)k->n_out == n_out, "number of float outputs", 0, 0);
  } else {
    FUNCTION(void, _float_n, (const float *, float *, size_t));
    _float_n(xf, yf, SAMPLES);
  }
  for (size_t i = 0; i < n_out; i++) {
    Format f = port_of(k->out_port, (int)(i % (size_t)k->n_out))->fmt;
    check(yf[i] == (float)nn_to_double(out[i], f.W - f.I), "float", i / (size_t)k->n_out, (int)(i % (size_t)k->n_out));
  }
}

int main(int argc, char **argv) {
  if (argc != 3 && argc != 5) {
    fputs("usage: check_kernel FILE.hir LIBRARY.so [trn|rnd|rne sat|wrap]\n", stderr);
    return 1;
  }
  Kernel *k = hir_read(argv[1]);
  if (!k)
    return diag_status();
  library = dlopen(argv[2], RTLD_NOW);
  if (!library) {
    printf("FAIL: %s\n", dlerror());
    return 1;
  }
  top = k->name;
  Trace t = {.k = k};
  for (int i = 0; i < k->n_layers; i++)
    t.n += k->layer[i].n;
  t.trace = mem_array((size_t)SAMPLES * (size_t)t.n + 1, sizeof *t.trace);
  int64_t *in = mem_array((size_t)SAMPLES * (size_t)k->n_in, sizeof *in), *out = mem_array((size_t)SAMPLES * (size_t)k->n_out, sizeof *out);
  uint64_t seed = 1;
  for (size_t i = 0; i < (size_t)SAMPLES * (size_t)k->n_in; i++) {
    Format f = port_of(k->in_port, (int)(i % (size_t)k->n_in))->fmt;
    uint64_t r = next(&seed);
    in[i] = i / (size_t)k->n_in % 3 == 0 ? (r & 1 ? nn_highest(f.W, f.is_signed) : nn_lowest(f.W, f.is_signed))
                                         : nn_wrap((int64_t)(r >> 3), nn_lowest(f.W, f.is_signed), nn_highest(f.W, f.is_signed));
  }
  HirCounts c = {mem_array((size_t)k->n_sites + 1, sizeof(uint64_t)), mem_array((size_t)k->n_sites + 1, sizeof(uint64_t)), NULL, NULL};
  hir_eval(k, SAMPLES, in, out, &c, trace_sample, &t); /* one channel */
  check_raw(k, in, out, &c, &t);
  check_numbers(k,
                argc == 5 && argv[3][0] == 't'         ? NN_TRN
                : argc == 5 && !strcmp(argv[3], "rne") ? NN_RNE
                                                       : NN_RND,
                argc == 5 && argv[4][0] == 'w' ? NN_WRAP : NN_SAT);
  printf("PASS: %d samples\n", SAMPLES);
  return 0;
}
