/* SPDX-License-Identifier: Apache-2.0
 *
 * test_hir.c - the hardware IR: what builders make means what was asked for, intervals hold, passes keep the meaning, text comes back as it
 * was.
 *
 * Most tests build random kernels and, beside them, the same arithmetic by hand on a few samples.
 */
#include "catch.h"

#include "hir.h"

enum { SAMPLES = 24, INPUTS = 6, OPERATIONS = 60, KERNELS = 150 };

static uint64_t seed;
static int roundings = 3;
static uint64_t next(void) { /* splitmix64 */
  uint64_t z = seed += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}
static int below(int n) {
  return (int)(next() % (uint64_t)n);
}
static i128 between(i128 lo, i128 hi) {
  return lo + (i128)(next() % (uint64_t)(hi - lo + 1));
}

/* ---- the arithmetic by hand ---- */

static i128 floor_shift(i128 a, int n) {
  i128 d = (i128)1 << n;
  return a >= 0 ? a / d : -((-a + d - 1) / d);
}

static i128 wrapped(i128 a, int bits, bool is_signed) {
  i128 m = (i128)1 << bits, r = a - floor_shift(a, bits) * m;
  return is_signed && r >= m / 2 ? r - m : r;
}

static i128 rounded(i128 a, int drop, Round round) {
  if (drop <= 0)
    return a * ((i128)1 << -drop);
  i128 d = (i128)1 << drop, q = floor_shift(a, drop), rest = a - q * d;
  if (round == ROUND_RND)
    return q + (2 * rest >= d);
  if (round == ROUND_RNE)
    return q + (2 * rest > d || (2 * rest == d && q % 2 != 0));
  return q;
}

static i128 limited(i128 a, i128 lo, i128 hi) {
  return a < lo ? lo : a > hi ? hi : a;
}

/* ---- a random kernel with the values it must have ---- */

typedef struct {
  Kernel *k;
  int n;
  int v[OPERATIONS + INPUTS + 8];
  i128 want[OPERATIONS + INPUTS + 8][SAMPLES];
  int64_t in[SAMPLES * INPUTS];
  int out[8];
} Random;

static int wanted(Random *r, int v, const i128 *want) {
  for (int s = 0; s < SAMPLES; s++)
    r->want[r->n][s] = want[s];
  r->v[r->n] = v;
  return r->n++;
}

static bool narrow_enough(const Random *r, int i, int bits) {
  return hir_width(&r->k->v[r->v[i]]) <= bits;
}

static void one_operation(Random *r, bool quants) {
  Kernel *k = r->k;
  int a = below(r->n), b = below(r->n), c = below(r->n), n = below(7), v = -1, bits = 1 + below(14);
  bool is_signed = below(2);
  i128 w[SAMPLES], lo = is_signed ? -((i128)1 << (bits - 1)) : 0, hi = is_signed ? -lo - 1 : ((i128)1 << bits) - 1;
  Round round = (Round)below(roundings);
  const i128 *x = r->want[a], *y = r->want[b], *z = r->want[c];
  int va = r->v[a], vb = r->v[b], vc = r->v[c], shift = below(13) - 6;
  if (!narrow_enough(r, a, 40) || !narrow_enough(r, b, 40))
    return;
#define EACH(expression)                                                                                                                   \
  for (int s = 0; s < SAMPLES; s++)                                                                                                        \
  w[s] = (expression)
  switch (below(quants ? 15 : 13)) {
  case 0:
  case 1:
    v = hir_add(k, va, vb, shift);
    EACH(shift >= 0 ? x[s] + y[s] * ((i128)1 << shift) : x[s] * ((i128)1 << -shift) + y[s]);
    break;
  case 2:
  case 3:
    v = hir_sub(k, va, vb, shift);
    EACH(shift >= 0 ? x[s] - y[s] * ((i128)1 << shift) : x[s] * ((i128)1 << -shift) - y[s]);
    break;
  case 4:
    v = hir_neg(k, va);
    EACH(-x[s]);
    break;
  case 5:
    v = hir_shl(k, va, n);
    EACH(x[s] * ((i128)1 << n));
    break;
  case 6:
    v = hir_shr(k, va, n);
    EACH(floor_shift(x[s], n));
    break;
  case 7:
    v = hir_mul(k, va, vb);
    EACH(x[s] * y[s]);
    break;
  case 8: {
    int lt = hir_lt(k, va, vb);
    v = hir_mux(k, lt, vc, va);
    EACH(x[s] < y[s] ? z[s] : x[s]);
    break;
  }
  case 9:
    v = hir_min(k, va, vb);
    EACH(x[s] < y[s] ? x[s] : y[s]);
    break;
  case 10:
    v = hir_max(k, va, vb);
    EACH(x[s] > y[s] ? x[s] : y[s]);
    break;
  case 11:
    v = hir_clamp(k, va, lo, hi, below(2) ? 0 : -1);
    EACH(limited(x[s], lo, hi));
    break;
  case 12:
    v = hir_wrap(k, va, bits, is_signed, below(2) ? 0 : -1);
    EACH(wrapped(x[s], bits, is_signed));
    break;
  case 13:
    v = hir_quant(k, va, shift, lo, hi, round, OVERFLOW_SAT, 0);
    EACH(limited(rounded(x[s], shift, round), lo, hi));
    break;
  default:
    v = hir_quant(k, va, shift, lo, hi, round, OVERFLOW_WRAP, 0);
    EACH(wrapped(rounded(x[s], shift, round), bits, is_signed));
    break;
  }
  wanted(r, v, w);
}

static HirPort port(const char *name, int first, int n, int W) {
  return (HirPort){.name = name, .rank = 1, .dim = {n}, .first = first, .n = n, .fmt = {W, W, true}};
}

static Random *random_kernel(uint64_t number, bool quants) {
  Random *r = mem_alloc(sizeof *r);
  seed = number * 1000003;
  Kernel *k = r->k = hir_new("random");
  k->layer = mem_grow(k->layer, 0, &k->cap_layers, sizeof *k->layer);
  k->layer[0] = (HirLayer){.name = "only", .op = "Test", .tensor = "t"};
  k->n_layers = 1, k->cur_layer = 0;
  hir_site(k, "only", false);
  k->n_in_ports = k->n_out_ports = 1;
  k->in_port = mem_array(1, sizeof(HirPort)), k->out_port = mem_array(1, sizeof(HirPort));
  k->in_port[0] = port("x", 0, INPUTS, 10);
  for (int i = 0; i < INPUTS; i++) {
    i128 w[SAMPLES], lo = -512, hi = 511;
    for (int s = 0; s < SAMPLES; s++)
      r->in[s * INPUTS + i] = (int64_t)(w[s] = s == 0 ? lo : s == 1 ? hi : s == 2 ? 0 : between(lo, hi));
    wanted(r, hir_in(k, i, lo, hi), w);
  }
  for (int i = 0; i < 4; i++) {
    i128 w[SAMPLES], c = i == 0 ? 0 : between(-300, 300);
    for (int s = 0; s < SAMPLES; s++)
      w[s] = c;
    wanted(r, hir_const(k, c), w);
  }
  int64_t word[16];
  for (int i = 0; i < 16; i++)
    word[i] = (int64_t)between(-100, 100);
  int table = hir_table(k, "lut_0", 16, word, "test"), address = hir_wrap(k, r->v[0], 4, false, -1);
  i128 w[SAMPLES];
  for (int s = 0; s < SAMPLES; s++)
    w[s] = word[wrapped(r->want[0][s], 4, false)];
  wanted(r, hir_lut(k, address, table), w);
  while (r->n < OPERATIONS)
    one_operation(r, quants);
  /* a few results leave, brought into a port's width */
  k->out = mem_array(8, sizeof *k->out), k->cap_out = 8;
  for (k->n_out = 0; k->n_out < 4; k->n_out++) {
    int i = r->n - 1 - below(r->n / 2);
    k->out[k->n_out] = hir_wrap(k, r->v[i], 40, true, -1);
    r->out[k->n_out] = i;
  }
  k->out_port[0] = port("y", 0, 4, 40);
  return r;
}

static void check_outputs(const Random *r, const Kernel *k, const char *what) {
  int64_t out[SAMPLES * 8];
  hir_check(k);
  assert_int_equal(k->n_out, 4);
  hir_eval(k, SAMPLES, r->in, out, NULL, NULL, NULL);
  for (int s = 0; s < SAMPLES; s++)
    for (int i = 0; i < 4; i++)
      if (out[s * 4 + i] != (int64_t)wrapped(r->want[r->out[i]][s], 40, true))
        fail_msg("%s: sample %d output %d is %lld, not %lld", what, s, i, (long long)out[s * 4 + i],
                 (long long)wrapped(r->want[r->out[i]][s], 40, true));
}

/* ---- tests ---- */

typedef struct {
  const Random *r;
  int bad, value;
} Trace;

/* A layer of all values: a trace shows those that layers name. */
static void show_all(Kernel *k) {
  HirLayer *l = mem_array(1, sizeof *l);
  l->n = k->n;
  l->value = mem_array((size_t)k->n, sizeof *l->value);
  l->frac = mem_array((size_t)k->n, sizeof *l->frac);
  for (int i = 0; i < k->n; i++)
    l->value[i] = i;
  k->layer = l, k->n_layers = k->cap_layers = 1;
}

static void compare_values(void *ctx, size_t sample, const i128 *val) {
  Trace *t = ctx;
  for (int i = 0; i < t->r->n; i++)
    if (val[t->r->v[i]] != t->r->want[i][sample] && !t->bad++)
      t->value = i;
  for (int i = 0; i < t->r->k->n; i++)
    if ((val[i] < t->r->k->v[i].lo || val[i] > t->r->k->v[i].hi) && !t->bad++)
      t->value = -i;
}

static void builders_mean_what_they_say(void **state) {
  (void)state;
  for (int number = 0; number < KERNELS; number++) {
    Random *r = random_kernel((uint64_t)number, number % 2);
    int64_t out[SAMPLES * 8];
    Trace t = {.r = r};
    show_all(r->k);
    hir_eval(r->k, SAMPLES, r->in, out, NULL, compare_values, &t);
    if (t.bad)
      fail_msg("kernel %d: %d values wrong or outside their interval, first %d", number, t.bad, t.value);
    check_outputs(r, r->k, "as built");
    mem_release_all();
  }
}

static void cleaning_keeps_the_meaning(void **state) {
  (void)state;
  for (int number = 0; number < KERNELS; number++) {
    Random *r = random_kernel((uint64_t)number + 1000, number % 2);
    Kernel *k = hir_clean(r->k);
    assert_true(k->n <= r->k->n);
    check_outputs(r, k, "cleaned");
    mem_release_all();
  }
}

static void affine_intervals_hold(void **state) {
  (void)state;
  for (int number = 0; number < KERNELS; number++) {
    Random *r = random_kernel((uint64_t)number + 2000, number % 2);
    Kernel *k = r->k;
    i128 *lo = mem_array((size_t)k->n, sizeof *lo), *hi = mem_array((size_t)k->n, sizeof *hi);
    for (int i = 0; i < k->n; i++)
      lo[i] = k->v[i].lo, hi[i] = k->v[i].hi;
    hir_affine(k, number % 4 == 1);
    Trace t = {.r = r};
    int64_t out[SAMPLES * 8];
    show_all(k);
    hir_eval(k, SAMPLES, r->in, out, NULL, compare_values, &t);
    if (t.bad)
      fail_msg("kernel %d: value %d leaves its interval", number, t.value);
    if (number % 4 != 1)
      for (int i = 0; i < k->n; i++)
        assert_true(k->v[i].lo >= lo[i] && k->v[i].hi <= hi[i]);
    check_outputs(r, hir_clean(k), "affine");
    mem_release_all();
  }
}

static void affine_sees_what_intervals_forget(void **state) {
  (void)state;
  Kernel *k = hir_new("t");
  int x = hir_in(k, 0, -100, 100), y = hir_in(k, 1, -5, 5);
  int s = hir_add(k, x, y, 0), d = hir_sub(k, s, x, 0); /* (x + y) - x */
  k->out = mem_array(1, sizeof(int)), k->out[0] = d, k->n_out = k->cap_out = 1;
  hir_affine(k, false);
  assert_true(k->v[d].lo == -5 && k->v[d].hi == 5);
}

static void expanding_keeps_the_meaning(void **state) {
  (void)state;
  for (int number = 0; number < KERNELS; number++) {
    Random *r = random_kernel((uint64_t)number + 3000, true);
    Kernel *k = hir_expand(r->k);
    assert_false(hir_has(k, HIR_QUANT));
    check_outputs(r, k, "expanded");
    k = hir_expand(hir_round(r->k));
    hir_affine(k, false);
    check_outputs(r, hir_clean(k), "rounded early, expanded, cleaned");
    mem_release_all();
  }
}

static void saturations_are_counted_alike(void **state) {
  (void)state;
  for (int number = 0; number < KERNELS; number++) {
    Kernel *k = hir_new("t");
    seed = (uint64_t)number;
    k->layer = mem_alloc(sizeof *k->layer);
    k->n_layers = k->cap_layers = 1, k->cur_layer = 0;
    k->layer[0] = (HirLayer){.name = "l", .op = "o", .tensor = "t"};
    int site = hir_site(k, "l", false), x = hir_in(k, 0, -5000, 5000), drop = below(6), bits = 2 + below(8);
    Overflow overflow = (Overflow)below(2);
    Round round = (Round)below(3);
    i128 lo = -((i128)1 << (bits - 1)), hi = -lo - 1;
    k->out = mem_array(1, sizeof(int)), k->n_out = k->cap_out = 1;
    k->out[0] = hir_quant(k, x, drop, lo, hi, round, overflow, site);
    int64_t in[500], out[500];
    uint64_t expected = 0, counted[2][2] = {{0}};
    for (int s = 0; s < 500; s++) {
      in[s] = (int64_t)between(-5000, 5000);
      i128 v = rounded(in[s], drop, round);
      expected += v < lo || v > hi;
    }
    for (int pass = 0; pass < 2; pass++) {
      HirCounts c = {&counted[pass][0], &counted[pass][1], NULL, NULL};
      hir_eval(pass ? hir_expand(hir_round(k)) : k, 500, in, out, &c, NULL, NULL);
      assert_int_equal(counted[pass][overflow == OVERFLOW_WRAP], expected);
      assert_int_equal(counted[pass][overflow != OVERFLOW_WRAP], 0);
    }
    mem_release_all();
  }
}

static void rounding_by_the_table(void **state) {
  (void)state;
  static const struct {
    int x, trn, rnd, rne; /* x / 4 */
  } row[] = {{-10, -3, -2, -2}, {-6, -2, -1, -2}, {-5, -2, -1, -1}, {-2, -1, 0, 0}, {-1, -1, 0, 0}, {0, 0, 0, 0},
             {1, 0, 0, 0},      {2, 0, 1, 0},     {3, 0, 1, 1},     {6, 1, 2, 2},   {10, 2, 3, 2},  {14, 3, 4, 4}};
  for (size_t i = 0; i < sizeof row / sizeof *row; i++)
    for (int round = 0; round < 3; round++)
      for (int expand = 0; expand < 2; expand++) {
        Kernel *k = hir_new("t");
        k->out = mem_array(1, sizeof(int)), k->n_out = k->cap_out = 1;
        k->out[0] = hir_quant(k, hir_in(k, 0, -100, 100), 2, -100, 100, (Round)round, OVERFLOW_SAT, -1);
        int64_t in = row[i].x, out;
        hir_eval(expand ? hir_expand(k) : k, 1, &in, &out, NULL, NULL, NULL);
        assert_int_equal(out, round == ROUND_TRN ? row[i].trn : round == ROUND_RND ? row[i].rnd : row[i].rne);
      }
}

static void builders_simplify(void **state) {
  (void)state;
  Kernel *k = hir_new("t");
  int x = hir_in(k, 0, -8, 7), y = hir_in(k, 1, 0, 15), zero = hir_const(k, 0);
  assert_int_equal(hir_add(k, x, zero, 3), x);
  assert_int_equal(hir_sub(k, x, zero, 0), x);
  assert_int_equal(hir_shl(k, x, 0), x);
  assert_int_equal(hir_shr(k, hir_shl(k, x, 3), 3), x);
  assert_int_equal(hir_neg(k, hir_neg(k, x)), x);
  assert_int_equal(hir_sub(k, x, x, 0), zero);
  assert_int_equal(hir_add(k, x, y, 0), hir_add(k, y, x, 0));
  assert_int_equal(hir_max(k, x, hir_const(k, -9)), x);
  assert_int_equal(hir_min(k, y, hir_const(k, 15)), y);
  assert_int_equal(hir_clamp(k, x, -8, 7, -1), x);
  assert_int_equal(hir_wrap(k, x, 4, true, -1), x);
  assert_int_equal(hir_wrap(k, y, 4, false, -1), y);
  assert_int_equal(hir_lt(k, x, hir_const(k, 8)), hir_const(k, 1));
  assert_int_equal(hir_mux(k, hir_const(k, 0), x, y), y);
  assert_int_equal(hir_mul(k, x, zero), zero);
  assert_int_equal(hir_mul(k, x, hir_const(k, 1)), x);
  assert_int_equal(hir_mul(k, hir_const(k, 8), x), hir_shl(k, x, 3));
  int n = k->n;
  hir_add(k, hir_add(k, x, hir_const(k, 0), 0), hir_sub(k, y, zero, 0), 0); /* all there already */
  assert_int_equal(k->n, n);
}

static void constants_merge(void **state) {
  (void)state;
  Kernel *k = hir_new("t");
  int x = hir_in(k, 0, -8, 7), s = hir_add(k, hir_add(k, x, hir_const(k, 5), 0), hir_const(k, 3), 0);
  assert_int_equal(s, hir_add(k, x, hir_const(k, 8), 0));
  assert_true(k->v[s].lo == 0 && k->v[s].hi == 15);
}

static void widths(void **state) {
  (void)state;
  static const struct {
    int lo, hi, width;
  } row[] = {{0, 0, 1},  {0, 1, 1},      {0, 2, 2},    {0, 255, 8},    {0, 256, 9}, {-1, 0, 1},
             {-1, 1, 2}, {-128, 127, 8}, {-129, 0, 9}, {-128, 128, 9}, {5, 6, 3},   {-3, -2, 3}};
  for (size_t i = 0; i < sizeof row / sizeof *row; i++)
    assert_int_equal(hir_width_of(row[i].lo, row[i].hi), row[i].width);
  assert_int_equal(hir_width_of(0, ((i128)1 << 100) - 1), 100);
  assert_int_equal(hir_width_of(-((i128)1 << 100), 0), 101);
}

static void too_wide_is_said_once(void **state) {
  (void)state;
  Kernel *k = hir_new("t");
  int x = hir_in(k, 0, -((i128)1 << 60), (i128)1 << 60);
  for (int i = 0; i < 10; i++)
    x = hir_mul(k, x, hir_shl(k, hir_in(k, 1, -((i128)1 << 50), (i128)1 << 50), 1));
  assert_int_equal(diag_status(), EXIT_UNSUPPORTED);
  assert_heard("126 bits");
}

static void proved_overflow(void **state) {
  (void)state;
  for (int fits = 0; fits < 2; fits++) {
    Kernel *k = hir_new("t");
    diag_reset();
    k->layer = mem_alloc(sizeof *k->layer);
    k->n_layers = k->cap_layers = 1, k->cur_layer = 0;
    k->layer[0] = (HirLayer){.name = "fc1", .op = "Gemm", .tensor = "t", .n = 1, .fmt = {8, 8, true}};
    int site = hir_site(k, "fc1", false), x = hir_in(k, 0, -100, fits ? 127 : 128);
    k->out = mem_array(1, sizeof(int)), k->n_out = k->cap_out = 1;
    k->out[0] = hir_quant(k, x, 0, -128, 127, ROUND_RND, OVERFLOW_ERROR, site);
    k->layer[0].value = k->out;
    k->in_port = &(HirPort){.name = "x", .n = 1, .fmt = {9, 9, true}}, k->n_in_ports = 1;
    hir_check_overflow(k);
    assert_int_equal(diag_status(), fits ? 0 : EXIT_NUMERIC);
  }
  assert_heard("I=9 is proved");
  assert_heard("element 0 gets to 128 when 'x'[0] is 128");
  assert_int_equal(diag_errors(), 0);
}

static char *printed(const Kernel *k) {
  char *text = NULL;
  size_t n = 0;
  FILE *f = open_memstream(&text, &n);
  hir_print(k, f);
  fclose(f);
  return text;
}

static void text_comes_back(void **state) {
  (void)state;
  for (int number = 0; number < KERNELS; number++) {
    /* half to even, expanded, has intervals that its parts alone do not prove, and a reader believes only what it can prove */
    roundings = number % 3 == 1 ? 2 : 3;
    Random *r = random_kernel((uint64_t)number + 4000, number % 2);
    roundings = 3;
    Kernel *k = r->k;
    if (number % 3 == 1)
      k = hir_clean(hir_expand(k));
    k->layer[0].n = 2;
    k->layer[0].value = mem_array(2, sizeof(int)), k->layer[0].frac = mem_array(2, sizeof(int));
    k->layer[0].value[0] = k->out[0], k->layer[0].value[1] = k->out[1], k->layer[0].frac[0] = -3, k->layer[0].frac[1] = 12;
    k->layer[0].name = "odd \"name\" \\ \n\xff", k->in_port[0].name = "x y";
    char *once = printed(k);
    Kernel *back = hir_parse("t.hir", once);
    if (!back)
      fail_msg("kernel %d does not parse: %s", number, heard());
    char *twice = printed(back);
    assert_string_equal(once, twice);
    check_outputs(r, back, "parsed");
    free(once);
    free(twice);
    mem_release_all();
  }
}

static void bad_text_is_refused(void **state) {
  (void)state;
  static const char head[] = "hir 1 t\ninput \"x\" 0 1 8 8 s 1 1\noutput \"y\" 0 1 8 8 s 1 1\n";
  static const char *const body[] = {
      "",
      "v0 = in 0 [-128,127]\n",                                   /* no out */
      "v0 = frob 0 [0,1]\nout v0\n",                              /* unknown operation */
      "v0 = in 0 [-128,127]\nv1 = neg v2 0 [-127,128]\nout v0\n", /* an argument that comes later */
      "v0 = in 0 [-128,127]\nv1 = neg v1 0 [-127,128]\nout v0\n",
      "v0 = in 0 [-128,127]\nv2 = neg v0 0 [-127,128]\nout v0\n", /* a gap */
      "v0 = in 0 [-128,127]\nout v0 v0\n",                        /* more than the port holds */
      "v0 = in 0 [-128,127]\nout v7\n",
      "v0 = in 5 [-128,127]\nout v0\n", /* an input the port does not have */
      "v0 = in 0 [-128\nout v0\n",
      "v0 = in 0 [-128,127]\nv1 = lut v0 0 [0,1]\nout v1\n", /* no such table */
      "v0 = in 0 [5,-5]\nout v0\n",
      "v0 = in 0 [-99999999999999999999999999999999999999999999,0]\nout v0\n",
  };
  for (size_t i = 0; i < sizeof body / sizeof *body; i++) {
    diag_reset();
    Kernel *k = hir_parse("bad.hir", mem_printf("%s%s", head, body[i]));
    if (k || diag_status() != EXIT_INVALID)
      fail_msg("taken: %s (status %d)", body[i], diag_status());
  }
  diag_reset();
  assert_non_null(hir_parse("good.hir", mem_printf("%sv0 = in 0 [-128,127]\nout v0\n", head)));
  assert_int_equal(diag_status(), 0);
}

/* Every byte of a text replaced and every prefix: an answer, never a crash. */
static void damaged_text_is_survived(void **state) {
  (void)state;
  Random *r = random_kernel(5000, true);
  char *text = printed(r->k);
  size_t n = strlen(text);
  for (size_t i = 0; i < n; i += 3) {
    char *copy = malloc(n + 1), old = text[i];
    memcpy(copy, text, n + 1);
    copy[i] = "0-9v[ \n"[i % 7];
    hir_parse("t.hir", copy);
    copy[i] = old;
    copy[i] = 0;
    hir_parse("t.hir", copy);
    free(copy);
    diag_reset();
    if (i % 300 == 0)
      mem_release_all();
  }
  free(text);
}

static void pipeline_invariants(void **state) {
  (void)state;
  static const double clock[] = {0.1, 1, 2, 5, 10, 1000};
  for (int number = 0; number < 60; number++) {
    Random *r = random_kernel((uint64_t)number + 6000, true);
    int last_stages = 1 << 30;
    for (size_t c = 0; c < sizeof clock / sizeof *clock; c++) {
      Kernel *k = hir_clean(hir_expand(r->k));
      hir_pipeline(k, clock[c], NULL);
      assert_true(k->n_stages >= 1);
      assert_true(k->n_stages <= last_stages);
      last_stages = k->n_stages;
      for (int i = 0; i < k->n; i++) {
        const HirValue *v = &k->v[i];
        assert_in_range(v->stage, 0, k->n_stages - 1);
        for (int j = 0; j < hir_op_args(v->op); j++)
          if (k->v[v->arg[j]].op != HIR_CONST && k->v[v->arg[j]].stage > v->stage)
            fail_msg("value %d of stage %d reads %d of stage %d", i, v->stage, v->arg[j], k->v[v->arg[j]].stage);
      }
      if (clock[c] == 1000)
        assert_int_equal(k->n_stages, 1);
      check_outputs(r, k, "pipelined");
    }
    mem_release_all();
  }
}

/* Within a stage no path is longer than the clock, unless a single operation is. */
static void pipeline_keeps_the_clock(void **state) {
  (void)state;
  const double clock = 5;
  for (int number = 0; number < 60; number++) {
    Kernel *k = hir_clean(hir_expand(random_kernel((uint64_t)number + 7000, true)->k));
    hir_pipeline(k, clock, NULL);
    double *at = mem_array((size_t)k->n + 1, sizeof *at);
    for (int i = 0; i < k->n; i++) {
      const HirValue *v = &k->v[i];
      double start = 0, d = hir_delay(k, v);
      for (int j = 0; j < hir_op_args(v->op); j++)
        if (k->v[v->arg[j]].stage == v->stage && at[v->arg[j]] > start)
          start = at[v->arg[j]];
      at[i] = start + d;
      if (start > 0 && d > 0 && at[i] > clock + 1e-9)
        fail_msg("kernel %d: value %d ends at %g ns", number, i, at[i]);
    }
    mem_release_all();
  }
}

static void matrices(void **state) {
  (void)state;
  for (int number = 0; number < 120; number++) {
    seed = (uint64_t)number;
    int rows = 1 + below(8), cols = 1 + below(8), bits = 1 + below(16), y[8], x[8];
    int64_t m[64], in[SAMPLES * 8], out[SAMPLES * 8];
    i128 bias[8];
    Kernel *k = hir_new("t");
    for (int i = 0; i < rows; i++)
      x[i] = hir_in(k, i, -128, 127);
    for (int i = 0; i < rows * cols; i++)
      m[i] = below(4) ? (int64_t)between(-((i128)1 << bits), (i128)1 << bits) : 0;
    for (int i = 0; i < cols; i++)
      bias[i] = between(-5000, 5000);
    McmOptions opt = {number % 4 == 3 ? -1 : number % 4, 1 + number % 3};
    hir_mcm(k, rows, cols, m, x, number % 5 ? bias : NULL, y, &opt);
    k->n_out = k->cap_out = cols, k->out = mem_array((size_t)cols, sizeof(int));
    k->n_in = rows;
    for (int j = 0; j < cols; j++)
      k->out[j] = y[j];
    for (int s = 0; s < SAMPLES; s++)
      for (int i = 0; i < rows; i++)
        in[s * rows + i] = s < 2 ? (s ? 127 : -128) : (int64_t)between(-128, 127);
    hir_eval(k, SAMPLES, in, out, NULL, NULL, NULL);
    for (int s = 0; s < SAMPLES; s++)
      for (int j = 0; j < cols; j++) {
        i128 sum = number % 5 ? bias[j] : 0;
        for (int i = 0; i < rows; i++)
          sum += (i128)m[i * cols + j] * in[s * rows + i];
        if (sum != out[s * cols + j])
          fail_msg("matrix %d: y[%d] is %lld, not %lld", number, j, (long long)out[s * cols + j], (long long)sum);
      }
    mem_release_all();
  }
}

static void costs_add_up(void **state) {
  (void)state;
  Kernel *k = hir_new("t");
  int x = hir_in(k, 0, -128, 127), y = hir_in(k, 1, -128, 127), z = hir_in(k, 2, -128, 127);
  k->out = mem_array(1, sizeof(int)), k->n_out = k->cap_out = 1;
  k->out[0] = hir_add(k, hir_sub(k, x, y, 2), hir_mul(k, y, z), 0);
  HirCost c = hir_cost(k, -1);
  assert_int_equal(c.adders, 2);
  assert_int_equal(c.mults, 1);
  assert_true(c.adder_bits > 8 && c.adder_bits < 40);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
  const struct CMUnitTest tests[] = {
      T(builders_mean_what_they_say),
      T(builders_simplify),
      T(constants_merge),
      T(widths),
      T(rounding_by_the_table),
      T(too_wide_is_said_once),
      T(cleaning_keeps_the_meaning),
      T(affine_intervals_hold),
      T(affine_sees_what_intervals_forget),
      T(expanding_keeps_the_meaning),
      T(saturations_are_counted_alike),
      T(proved_overflow),
      T(text_comes_back),
      T(bad_text_is_refused),
      T(damaged_text_is_survived),
      T(pipeline_invariants),
      T(pipeline_keeps_the_clock),
      T(matrices),
      T(costs_add_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
