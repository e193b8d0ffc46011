/* SPDX-License-Identifier: Apache-2.0
 *
 * test_npy.c - gen/npy.c and runtime/nn_npy.h: every element type and order, archives, and headers that lie.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>
#include <zip.h>
#include "npy.h"
#include "nn_npy.h"

static FILE *sink; /* messages go here */

static int setup(void **state) {
  (void)state;
  sink = tmpfile();
  diag_set_stream(sink);
  return sink ? 0 : -1;
}

static int teardown(void **state) {
  (void)state;
  diag_set_stream(NULL);
  fclose(sink);
  mem_release_all();
  return 0;
}

/* A file of that header text and data. */
static Buf file(int version, const char *header, const void *data, size_t n) {
  Buf b = {0};
  size_t length = strlen(header);
  unsigned char head[12] = {0x93, 'N', 'U', 'M', 'P', 'Y', (unsigned char)version, 0, (unsigned char)length, (unsigned char)(length >> 8)};
  buf_write(&b, head, version == 1 ? 10 : 12);
  buf_puts(&b, header);
  buf_write(&b, data, n);
  return b;
}

static Buf simple(const char *descr, const char *order, const char *shape, const void *data, size_t n) {
  return file(1, mem_printf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }\n", descr, order, shape), data, n);
}

static const NpyArray *read_one(Buf b) {
  NpyFile *f = npy_read_mem("test.npy", b.s, b.len);
  assert_non_null(f);
  assert_int_equal(f->n, 1);
  return &f->array[0];
}

/* Little-endian bytes, and the same reversed. */
static void both_orders(const char *type, int size, uint64_t bits, double want) {
  unsigned char le[8], be[8];
  for (int i = 0; i < size; i++)
    le[i] = be[size - 1 - i] = (unsigned char)(bits >> 8 * i);
  double a = read_one(simple(mem_printf("<%s", type), "False", "(1,)", le, (size_t)size))->value[0];
  double b = read_one(simple(mem_printf(">%s", type), "False", "(1,)", be, (size_t)size))->value[0];
  assert_true(a == want || (isnan(a) && isnan(want)));
  assert_true(b == want || (isnan(b) && isnan(want)));
  assert_true(signbit(a) == signbit(want) || isnan(want));
}

static void element_types(void **state) {
  (void)state;
  both_orders("f8", 8, 0x3ff8000000000000, 1.5);
  both_orders("f4", 4, 0xc0200000, -2.5);
  both_orders("f2", 2, 0x3c00, 1);
  both_orders("f2", 2, 0xc500, -5);
  both_orders("f2", 2, 0x0001, ldexp(1, -24));
  both_orders("f2", 2, 0x83ff, -1023 * ldexp(1, -24));
  both_orders("f2", 2, 0x0400, ldexp(1, -14));
  both_orders("f2", 2, 0x7bff, 65504);
  both_orders("f2", 2, 0x8000, -0.0);
  both_orders("f2", 2, 0xfc00, -INFINITY);
  both_orders("f2", 2, 0x7e00, NAN);
  both_orders("f4", 4, 0x7f800000, INFINITY);
  for (int size = 1; size <= 8; size *= 2) {
    uint64_t ones = size == 8 ? UINT64_MAX : ((uint64_t)1 << 8 * size) - 1, top = (uint64_t)1 << (8 * size - 1);
    both_orders(mem_printf("u%d", size), size, ones, size == 8 ? 18446744073709551616.0 : (double)ones);
    both_orders(mem_printf("i%d", size), size, ones, -1);
    both_orders(mem_printf("i%d", size), size, top, -(double)top);
    both_orders(mem_printf("i%d", size), size, top - 1, (double)(top - 1));
  }
  const unsigned char yes_no[] = {1, 0, 1};
  const NpyArray *a = read_one(simple("|b1", "False", "(3,)", yes_no, 3));
  assert_true(a->value[0] == 1 && a->value[1] == 0 && a->value[2] == 1);
}

static void every_half(void **state) {
  (void)state;
  for (int h = 0; h < 65536; h++) {
    int e = h >> 10 & 31, m = h & 1023;
    double want = e == 31 ? (m ? NAN : INFINITY) : e ? ldexp(1024 + m, e - 25) : ldexp(m, -24), got = nn_npy_half((uint64_t)h);
    want = h >> 15 ? -want : want;
    assert_true(got == want || (isnan(got) && isnan(want)));
  }
}

static void orders_and_shapes(void **state) {
  (void)state;
  const float data[] = {0, 1, 2, 3, 4, 5};
  const NpyArray *c = read_one(simple("<f4", "False", "(2, 3)", data, sizeof data)),
                 *f = read_one(simple("<f4", "True", "(2, 3)", data, sizeof data));
  const double want[] = {0, 2, 4, 1, 3, 5};
  assert_int_equal(c->rank, 2);
  assert_true(c->dim[0] == 2 && c->dim[1] == 3 && c->count == 6);
  for (int i = 0; i < 6; i++)
    assert_true(c->value[i] == i && f->value[i] == want[i]);
  const NpyArray *cube = read_one(simple("<f4", "True", "(1, 3, 2)", data, sizeof data));
  const double turned[] = {0, 3, 1, 4, 2, 5};
  for (int i = 0; i < 6; i++)
    assert_true(cube->value[i] == turned[i]);
  assert_int_equal(read_one(simple("<f4", "False", "()", data, 4))->rank, 0);
  assert_int_equal(read_one(simple("<f4", "False", "()", data, 4))->count, 1);
  assert_int_equal(read_one(simple("<f4", "True", "(0, 7)", NULL, 0))->count, 0);
  /* versions 2 and 3 have a longer length field; keys come in any order */
  for (int version = 2; version <= 3; version++)
    assert_true(read_one(file(version, "{\"shape\": (3,), 'fortran_order': False, 'descr': '<f4'}", data, 12))->value[2] == 2);
}

static void lies(void **state) {
  (void)state;
  static const char *const headers[] = {
      "",
      "{",
      "{}",
      "[]",
      "{'descr': '<f4'}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (3,)",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (3,",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (3, -1), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807,), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4294967296, 4294967296, 4294967296), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1000,), }",
      "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': 3, }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (3 3), }",
      "{'descr': '<f3', 'fortran_order': False, 'shape': (1,), }",
      "{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }",
      "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
      "{'descr': '<U9', 'fortran_order': False, 'shape': (1,), }",
      "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }",
      "{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': (1,), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'extra': 1}",
      "{'descr: '<f4', 'fortran_order': False, 'shape': (1,), }",
      "{'descr' '<f4'}",
      "{'fortran_order': Fals",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1), }"};
  const float data[4] = {0};
  for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
    for (int version = 1; version <= 3; version++) {
      Buf b = file(version, headers[i], data, sizeof data);
      diag_reset();
      assert_null(npy_read_mem("liar.npy", b.s, b.len));
      assert_int_equal(diag_status(), EXIT_FILES);
      assert_int_equal(diag_errors(), 1);
    }
  Buf b = file(4, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", data, 4);
  assert_null(npy_read_mem("version 4", b.s, b.len));
  unsigned char huge[12] = {0x93, 'N', 'U', 'M', 'P', 'Y', 2, 0, 0xff, 0xff, 0xff, 0xff};
  assert_null(npy_read_mem("long header", huge, 12));
}

static void damage(void **state) {
  (void)state;
  float data[40];
  for (int i = 0; i < 40; i++)
    data[i] = (float)i;
  Buf b = simple("<f4", "True", "(5, 8)", data, sizeof data);
  for (size_t n = 0; n < b.len; n++) { /* an exact copy, so that a sanitizer sees every byte read too many */
    char *cut = malloc(n ? n : 1);
    memcpy(cut, b.s, n);
    assert_null(npy_read_mem("cut.npy", cut, n));
    free(cut);
  }
  for (size_t bit = 0; bit < (b.len - sizeof data) * 8; bit++) {
    char *flipped = malloc(b.len);
    memcpy(flipped, b.s, b.len);
    flipped[bit / 8] ^= (char)(1 << bit % 8);
    npy_read_mem("flipped.npy", flipped, b.len); /* may even be valid: another type of the same size */
    free(flipped);
  }
}

static void writing(void **state) {
  (void)state;
  for (int rank = 0; rank <= 4; rank++) {
    const int64_t dim[] = {3, 2, 1, 2};
    char path[] = "/tmp/nngen_npy_XXXXXX";
    int fd = mkstemp(path);
    FILE *f = fdopen(fd, "wb");
    assert_non_null(f);
    int64_t n = 1;
    for (int i = 0; i < rank; i++)
      n *= dim[i];
    assert_true(nn_npy_write_header(f, "<f8", rank, dim));
    for (int64_t i = 0; i < n; i++) {
      double v = (double)i / 3;
      fwrite(&v, sizeof v, 1, f);
    }
    fclose(f);
    NpyFile *r = npy_read(path);
    assert_non_null(r);
    assert_int_equal(r->array[0].rank, rank);
    assert_int_equal(r->array[0].count, n);
    for (int64_t i = 0; i < n; i++)
      assert_true(r->array[0].value[i] == (double)i / 3);
    unlink(path);
  }
  assert_null(npy_read("/nonexistent.npy"));
}

static void archives(void **state) {
  (void)state;
  float data[1000];
  for (int i = 0; i < 1000; i++)
    data[i] = (float)(i % 7);
  Buf b = simple("<f4", "False", "(10, 100)", data, sizeof data);
  for (int deflate = 0; deflate < 2; deflate++) {
    char path[] = "/tmp/nngen_npz_XXXXXX";
    close(mkstemp(path));
    zip_t *z = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
    assert_non_null(z);
    zip_int64_t x = zip_file_add(z, "x.npy", zip_source_buffer(z, b.s, b.len, 0), 0),
                y = zip_file_add(z, "labels.npy", zip_source_buffer(z, b.s, b.len, 0), 0);
    assert_true(x >= 0 && y >= 0);
    zip_set_file_compression(z, (zip_uint64_t)x, deflate ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
    zip_set_file_compression(z, (zip_uint64_t)y, deflate ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
    assert_int_equal(zip_close(z), 0);
    NpyFile *f = npy_read(path);
    assert_non_null(f);
    assert_int_equal(f->n, 2);
    assert_ptr_equal(npy_find(f, "labels"), &f->array[1]);
    assert_null(npy_find(f, "z"));
    assert_true(f->array[0].dim[1] == 100 && f->array[0].value[999] == 999 % 7);
    size_t n;
    char *bytes = file_read(path, &n);
    for (size_t cut = 0; cut < n; cut += cut < 200 || cut > n - 200 ? 1 : 37) {
      char *copy = malloc(cut ? cut : 1);
      memcpy(copy, bytes, cut);
      assert_null(npy_read_mem("cut.npz", copy, cut));
      free(copy);
    }
    for (size_t at = 0; at < n; at += at < 200 || at > n - 200 ? 1 : 41) {
      char *copy = malloc(n);
      memcpy(copy, bytes, n);
      copy[at] ^= 0x55;
      npy_read_mem("flipped.npz", copy, n);
      free(copy);
    }
    unlink(path);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(element_types), cmocka_unit_test(every_half), cmocka_unit_test(orders_and_shapes),
                                     cmocka_unit_test(lies),          cmocka_unit_test(damage),     cmocka_unit_test(writing),
                                     cmocka_unit_test(archives)};
  return cmocka_run_group_tests(tests, setup, teardown);
}
