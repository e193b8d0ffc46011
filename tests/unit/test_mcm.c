/* SPDX-License-Identifier: Apache-2.0
 *
 * test_mcm.c - the constant-matrix engine: the graph computes the matrix, costs no more than plain signed digits but for a few bits in the
 * smallest, keeps its depth, and is always the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include "hir.h"

enum { MAX_ROWS = 48, MAX_COLS = 48 };

static uint64_t state = 1;

static uint64_t draw(void) {
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return state * 0x2545f4914f6cdd1du >> 11;
}

static int64_t between(int64_t lo, int64_t hi) {
  return lo + (int64_t)(draw() % (uint64_t)(hi - lo + 1));
}

typedef struct {
  int rows, cols;
  int64_t m[MAX_ROWS * MAX_COLS];
  i128 bias[MAX_COLS];
  i128 lo[MAX_ROWS], hi[MAX_ROWS];
  bool dressed; /* inputs arrive shifted, negated, twice, as constants */
} Case;

static int digits(i128 w) {
  int n = 0;
  for (w = w < 0 ? -w : w; w; w >>= 1)
    if (w & 1) {
      w += (w & 3) == 3 ? 1 : -1;
      n++;
    }
  return n;
}

/* What the inputs of the matrix are; `in` counts real inputs. dress[i]: x = in * 2^shift, negated or not, or a constant. */
typedef struct {
  int in, shift;
  bool neg, constant;
  int64_t value;
} Dress;

static Kernel *build(const Case *c, const Dress *d, int extra, int *y) {
  Kernel *k = hir_new("k");
  int x[MAX_ROWS];
  for (int i = 0; i < c->rows; i++)
    hir_in(k, i, c->lo[i], c->hi[i]);
  for (int i = 0; i < c->rows; i++) {
    x[i] = d[i].constant ? hir_const(k, d[i].value) : hir_shl(k, hir_in(k, d[i].in, c->lo[d[i].in], c->hi[d[i].in]), d[i].shift);
    if (d[i].neg)
      x[i] = hir_neg(k, x[i]);
  }
  hir_mcm(k, c->rows, c->cols, c->m, x, c->bias, y, &(McmOptions){extra, 1 + extra % 2});
  k->n_out = k->cap_out = c->cols;
  k->out = mem_array((size_t)c->cols, sizeof *k->out);
  memcpy(k->out, y, (size_t)c->cols * sizeof *y);
  return k;
}

/* Every digit its own adder, neighbours joined level by level. */
static Kernel *build_plain(const Case *c) {
  Kernel *k = hir_new("plain");
  k->n_out = c->cols;
  k->out = mem_array((size_t)c->cols, sizeof *k->out);
  struct {
    int value, shift;
    bool neg;
  } *t = mem_array(MAX_ROWS * 64, sizeof *t);
  for (int i = 0; i < c->rows; i++)
    hir_in(k, i, c->lo[i], c->hi[i]);
  for (int j = 0; j < c->cols; j++) {
    int n = 0;
    for (int i = 0; i < c->rows; i++) {
      i128 w = c->m[i * c->cols + j];
      for (int s = 0; w; s++, w >>= 1)
        if (w & 1) {
          t[n].neg = (w & 3) == 3;
          w += t[n].neg ? 1 : -1;
          t[n].value = hir_in(k, i, c->lo[i], c->hi[i]), t[n++].shift = s;
        }
    }
    if (c->bias[j])
      t[n].value = hir_const(k, c->bias[j]), t[n].shift = 0, t[n++].neg = false;
    while (n > 1) {
      int half = 0;
      for (int i = 0; i < n; i += 2, half++) {
        if (i + 1 == n) {
          t[half] = t[i];
          continue;
        }
        int a = t[i].neg && !t[i + 1].neg ? i + 1 : i, b = 2 * i + 1 - a, low = t[a].shift < t[b].shift ? t[a].shift : t[b].shift;
        int v = t[a].neg != t[b].neg ? hir_sub(k, t[a].value, t[b].value, t[b].shift - t[a].shift)
                                     : hir_add(k, t[a].value, t[b].value, t[b].shift - t[a].shift);
        bool neg = t[a].neg;
        t[half].value = v, t[half].shift = low, t[half].neg = neg;
      }
      n = half;
    }
    k->out[j] = n ? hir_shl(k, t[0].value, t[0].shift) : hir_const(k, 0);
    if (n && t[0].neg)
      k->out[j] = hir_neg(k, k->out[j]);
  }
  return k;
}

static void check_product(const Case *c, const Dress *d, const Kernel *k) {
  enum { SAMPLES = 40 };
  int64_t *in = mem_array(SAMPLES * MAX_ROWS, sizeof *in), *out = mem_array(SAMPLES * MAX_COLS, sizeof *out);
  for (int s = 0; s < SAMPLES; s++)
    for (int i = 0; i < c->rows; i++) {
      int64_t lo = (int64_t)c->lo[i], hi = (int64_t)c->hi[i];
      in[s * c->rows + i] = s == 0 ? lo : s == 1 ? hi : s < 8 ? (draw() & 1 ? lo : hi) : between(lo, hi);
    }
  hir_eval(k, SAMPLES, in, out, NULL, NULL, NULL);
  for (int s = 0; s < SAMPLES; s++)
    for (int j = 0; j < c->cols; j++) {
      i128 want = c->bias[j];
      for (int i = 0; i < c->rows; i++) {
        i128 x = d[i].constant ? d[i].value : (i128)in[s * c->rows + d[i].in] * ((i128)1 << d[i].shift);
        want += (d[i].neg ? -x : x) * c->m[i * c->cols + j];
      }
      assert_true(want == out[s * c->cols + j]);
    }
}

static void undressed(const Case *c, Dress *d) {
  for (int i = 0; i < c->rows; i++)
    d[i] = (Dress){.in = i};
}

static void random_case(Case *c, int max_bits) {
  c->rows = (int)between(1, draw() % 4 ? 12 : MAX_ROWS);
  c->cols = (int)between(1, draw() % 4 ? 12 : MAX_COLS);
  int64_t most = ((int64_t)1 << between(1, max_bits)) - 1;
  int sparse = (int)(draw() % 3 ? between(0, 100) : 0), style = (int)(draw() % 4);
  for (int i = 0; i < c->rows * c->cols; i++) {
    int64_t w = between(-most, most);
    if (style == 1)
      w = w < 0 ? -w : w;
    if (style == 2)
      w = w > 0 ? -w : w;
    if (style == 3)
      w = (int64_t)(draw() % 3) - 1, w *= (int64_t)1 << between(0, max_bits - 1);
    c->m[i] = between(0, 99) < sparse ? 0 : w;
  }
  for (int j = 1; j < c->cols; j++) { /* columns made of others */
    int a = (int)between(0, j - 1), b = (int)between(0, j - 1), what = (int)(draw() % 20);
    for (int i = 0; i < c->rows; i++) {
      int64_t *w = &c->m[i * c->cols + j], p = c->m[i * c->cols + a], q = c->m[i * c->cols + b];
      *w = what == 0   ? 0
           : what == 1 ? p
           : what == 2 ? -p
           : what == 3 ? 4 * p
           : what == 4 ? -2 * p
           : what == 5 ? p + q
           : what == 6 ? p - 2 * q
                       : *w;
    }
  }
  for (int j = 0; j < c->cols; j++) {
    int64_t steps = between(-1000, 1000), shift = between(0, 8); /* one after the other: the same on every compiler */
    c->bias[j] = draw() % 2 ? 0 : steps * ((int64_t)1 << shift);
  }
  for (int i = 0; i < c->rows; i++) {
    int bits = (int)between(1, 12);
    c->lo[i] = draw() % 2 ? 0 : -((int64_t)1 << (bits - 1));
    c->hi[i] = c->lo[i] < 0 ? ((int64_t)1 << (bits - 1)) - 1 : ((int64_t)1 << bits) - 1;
    if (draw() % 8 == 0) {
      c->lo[i] = between(-100, 100);
      c->hi[i] = c->lo[i] + between(0, 300);
    }
  }
}

static int terms_of(const Case *c, int j, bool *positive) {
  int n = c->bias[j] != 0;
  *positive = n;
  for (int i = 0; i < c->rows; i++) {
    n += digits(c->m[i * c->cols + j]);
    *positive |= c->m[i * c->cols + j] > 0;
  }
  return n;
}

static void random_matrices(void **unused) {
  (void)unused;
  static Case c;
  int64_t bits = 0, plain_bits = 0, adders = 0, plain_adders = 0;
  for (int round = 0; round < 400; round++) {
    state = (uint64_t)round + 1;
    for (int i = 0; i < 8; i++)
      draw();
    Dress d[MAX_ROWS];
    int y[MAX_COLS], extra = (int)between(-1, 3);
    random_case(&c, round % 4 ? 8 : 16);
    undressed(&c, d);
    Kernel *k = build(&c, d, extra, y), *p = build_plain(&c);
    k->n_in_ports = k->n_out_ports = 0;
    check_product(&c, d, k);
    Kernel *ck = hir_clean(k), *cp = hir_clean(p);
    HirCost ours = hir_cost(ck, -1), theirs = hir_cost(cp, -1);
    if (ours.adder_bits > theirs.adder_bits || ours.adders > theirs.adders)
      fprintf(stderr, "round %d: %dx%d extra %d: %d adders %d bits; plain %d, %d\n", round, c.rows, c.cols, extra, (int)ours.adders,
              (int)ours.adder_bits, (int)theirs.adders, (int)theirs.adder_bits);
    if (extra < 0 || extra > 1) {             /* at the least depth there is a choice only for sums */
      int64_t slack = theirs.adder_bits / 20; /* the order of a sum is greedy: 5 %, or one small adder */
      assert_true(ours.adder_bits <= theirs.adder_bits + (slack > 8 ? slack : 8));
    }
    adders += ours.adders, plain_adders += theirs.adders;
    bits += ours.adder_bits;
    plain_bits += theirs.adder_bits;
    int least = 0;
    for (int j = 0; j < c.cols; j++) {
      bool positive;
      int n = terms_of(&c, j, &positive), levels = 0;
      while (1 << levels < n)
        levels++;
      least = levels + 1 > least ? levels + 1 : least; /* 1: a negation, or a bias after a shared column */
    }
    if (extra >= 0 && ours.depth > least + extra) {
      fprintf(stderr, "round %d rows %d cols %d depth %d least %d extra %d\n", round, c.rows, c.cols, ours.depth, least, extra);
      assert_true(ours.depth <= least + extra);
    }
    if (round % 50 == 0)
      mem_release_all();
  }
  assert_true(bits * 10 < plain_bits * 9 && adders * 10 < plain_adders * 9);
  mem_release_all();
}

static void dressed_inputs(void **unused) {
  (void)unused;
  static Case c;
  for (int round = 0; round < 200; round++) {
    state = (uint64_t)round + 5000;
    for (int i = 0; i < 8; i++)
      draw();
    Dress d[MAX_ROWS];
    int y[MAX_COLS];
    random_case(&c, 10);
    for (int i = 0; i < c.rows; i++)
      d[i] = (Dress){.in = (int)between(0, c.rows - 1),
                     .shift = (int)between(0, 5),
                     .neg = draw() & 1,
                     .constant = draw() % 5 == 0,
                     .value = between(-50, 50)};
    check_product(&c, d, build(&c, d, (int)between(-1, 2), y));
  }
  mem_release_all();
}

/* All 2 x 2 matrices of small weights, all inputs. */
static void exhaustive(void **unused) {
  (void)unused;
  enum { N = 7, LO = -2, HI = 1, VALUES = HI - LO + 1 };
  int64_t in[VALUES * VALUES * 2], out[VALUES * VALUES * 2];
  for (int s = 0; s < VALUES * VALUES; s++)
    in[2 * s] = LO + s % VALUES, in[2 * s + 1] = LO + s / VALUES;
  for (int code = 0; code < N * N * N * N; code++) {
    Case c = {.rows = 2, .cols = 2};
    Dress d[2] = {{.in = 0}, {.in = 1}};
    int y[2], rest = code;
    for (int i = 0; i < 4; i++, rest /= N)
      c.m[i] = rest % N - N / 2;
    for (int i = 0; i < 2; i++)
      c.lo[i] = LO, c.hi[i] = HI, c.bias[i] = code % 3 - 1;
    Kernel *k = build(&c, d, code % 3, y);
    hir_eval(k, VALUES * VALUES, in, out, NULL, NULL, NULL);
    for (int s = 0; s < VALUES * VALUES; s++)
      for (int j = 0; j < 2; j++)
        assert_int_equal(out[2 * s + j], c.bias[j] + c.m[j] * in[2 * s] + c.m[2 + j] * in[2 * s + 1]);
    if (code % 100 == 0)
      mem_release_all();
  }
  for (int w = -600; w <= 600; w++) {
    Case c = {.rows = 1, .cols = 1, .m = {w}, .lo = {-8}, .hi = {7}};
    Dress d = {.in = 0};
    int y;
    check_product(&c, &d, build(&c, &d, 0, &y));
  }
  mem_release_all();
}

/* Weights and inputs that leave the fast path, and just do not. */
static void extremes(void **unused) {
  (void)unused;
  const int64_t weight[] = {INT64_MIN,
                            INT64_MIN + 1,
                            INT64_MAX,
                            INT64_MAX - 1,
                            (int64_t)1 << 62,
                            -((int64_t)1 << 61),
                            ((int64_t)1 << 59) - 1,
                            0x5555555555555555,
                            -0x2aaaaaaaaaaaaaaa,
                            ((int64_t)1 << 40) + 1,
                            -1,
                            0};
  enum { N = sizeof weight / sizeof *weight };
  for (int mask = 0; mask < N; mask++) {
    Kernel *k = hir_new("k");
    int x = hir_in(k, 0, -1, 1), y[N];
    int64_t m[N];
    for (int j = 0; j < N; j++)
      m[j] = mask && weight[j] > 0 ? weight[j] >> mask : mask ? -(-(weight[j] + 1) >> mask) : weight[j];
    hir_mcm(k, 1, N, m, &x, NULL, y, &(McmOptions){2, 8});
    hir_affine(k, false); /* intervals are those of the linear forms: the form is right up to its sign */
    for (int j = 0; j < N; j++) {
      i128 most = m[j] < 0 ? -(i128)m[j] : m[j];
      assert_true(k->v[y[j]].lo == -most && k->v[y[j]].hi == most);
    }
  }
  Kernel *k = hir_new("k");
  int x[2] = {hir_in(k, 0, -((i128)1 << 90), (i128)1 << 90), hir_in(k, 1, 0, 1)}, y[2];
  hir_mcm(k, 2, 2, (int64_t[]){1, 3, -5, 1 << 20}, x, NULL, y, &(McmOptions){0, 2});
  assert_true(k->v[y[1]].hi == 3 * ((i128)1 << 90) + (1 << 20));
  hir_mcm(k, 2, 0, NULL, x, NULL, y, &(McmOptions){0, 2});
  hir_mcm(k, 0, 2, NULL, x, (i128[]){7, 0}, y, &(McmOptions){0, 2});
  assert_true(k->v[y[0]].lo == 7 && k->v[y[1]].hi == 0);
  mem_release_all();
}

static char *text_of(const Case *c, int extra) {
  Dress d[MAX_ROWS];
  int y[MAX_COLS];
  undressed(c, d);
  Kernel *k = build(c, d, extra, y);
  char *s;
  size_t n;
  FILE *f = open_memstream(&s, &n);
  hir_print(k, f);
  fclose(f);
  return s;
}

static void same_every_time(void **unused) {
  (void)unused;
  static Case c;
  state = 77;
  for (int round = 0; round < 6; round++) {
    do
      random_case(&c, 8);
    while (c.rows * c.cols < 200);
    char *first = text_of(&c, round % 3);
    for (int i = 0; i < 3; i++) {
      char *again = text_of(&c, round % 3);
      assert_string_equal(first, again);
      free(again);
    }
    free(first);
    mem_release_all();
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(random_matrices), cmocka_unit_test(dressed_inputs), cmocka_unit_test(exhaustive),
                                     cmocka_unit_test(extremes), cmocka_unit_test(same_every_time)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
