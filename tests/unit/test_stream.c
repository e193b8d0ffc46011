/* SPDX-License-Identifier: Apache-2.0
 *
 * test_stream.c - streams: what the evaluator says of them is what the same arithmetic by hand says, element by element; the emitted C,
 * compiled in several ways, gives the same outputs, edges and counts as the evaluator.
 */
#include "catch.h"

#include <unistd.h>

#include "emit.h"
#include "random_stream.h"

enum { STREAMS = 400, FRAMES = 6 };

static void same_as_naive(Random *r) {
  const Stream *s = r->s;
  StreamEval *e = stream_eval_new(s);
  Naive v = naive_new(r);
  int64_t *in = mem_array((size_t)s->n_in_elements, sizeof *in), *out = mem_array((size_t)s->n_out_elements, sizeof *out);
  int64_t *want = mem_array((size_t)s->n_out_elements, sizeof *want);
  for (int f = 0; f < FRAMES; f++) {
    random_frame(s, in, f % 2);
    stream_eval_run(e, in, out);
    naive(&v, in, want);
    for (int i = 0; i < s->n_edges; i++) {
      const Edge *edge = s->edge[i];
      assert_memory_equal(stream_eval_edge(e, edge), v.value[i], (size_t)(edge->rows * edge->cols * edge->channels) * sizeof *in);
    }
    assert_memory_equal(out, want, (size_t)s->n_out_elements * sizeof *out);
  }
  for (int i = 0; i < s->n_units; i++) {
    const Unit *u = s->unit[i];
    const Kernel *k = u->meaning == MEANS_PRODUCT ? u->finish : u->plain;
    uint64_t told = 0;
    for (int j = 0; k && j < k->n_sites; j++)
      told += stream_eval_counts(e, u)->saturated[j];
    assert_int_equal(told, v.limited[i]);
  }
}

static void test_eval(void **state) {
  (void)state;
  for (int i = 0; i < STREAMS; i++) {
    Random r = random_stream((uint64_t)i, i % 3 ? 16 : 30, i % 2 ? 8 : 16);
    same_as_naive(&r);
    again();
  }
}

/* Sums of up to 64 bits. */
static void test_eval_wide(void **state) {
  (void)state;
  for (int i = 0; i < STREAMS / 4; i++) {
    Random r = random_stream(1000 + (uint64_t)i, 32, 24);
    same_as_naive(&r);
    again();
  }
}

/* ---- the emitted C ---- */

/* Frames from in.bin through the C model: outputs, trace and counts to out.bin, trace.bin, count.bin; one by one must give the same. */
static const char driver[] = "#include \"c/net.h\"\n"
                             "#include <stdio.h>\n"
                             "#include <string.h>\n"
                             "static int64_t x[N * net_IN], y[N * net_OUT];\n"
                             "static double trace[N * net_TRACE];\n"
                             "static net_in_t in[N * net_IN];\n"
                             "static net_out_t out[N * net_OUT], one[net_OUT];\n"
                             "static uint64_t count[net_SITES + 1], count_one[net_SITES + 1];\n"
                             "static int put(const char *name, const void *p, size_t n) {\n"
                             "  FILE *f = fopen(name, \"wb\");\n"
                             "  return !f || fwrite(p, 1, n, f) != n || fclose(f);\n"
                             "}\n"
                             "int main(void) {\n"
                             "  FILE *f = fopen(\"in.bin\", \"rb\");\n"
                             "  size_t i;\n"
                             "  if (!f || fread(x, sizeof *x, N * net_IN, f) != N * net_IN) return 3;\n"
                             "  for (i = 0; i < N * net_IN; i++) in[i] = (net_in_t)x[i];\n"
                             "  net_run(in, out, N, count);\n"
                             "  net_trace(in, trace, N);\n"
                             "  for (i = 0; i < N * net_OUT; i++) y[i] = (int64_t)out[i];\n"
                             "  for (i = 0; i < N; i++) {\n"
                             "    net_run(in + i * net_IN, one, 1, count_one);\n"
                             "    if (memcmp(one, out + i * net_OUT, sizeof one)) return 4;\n"
                             "  }\n"
                             "  if (memcmp(count, count_one, sizeof count)) return 5;\n"
                             "  return put(\"out.bin\", y, sizeof y) || put(\"trace.bin\", trace, sizeof trace) ||\n"
                             "         put(\"count.bin\", count, net_SITES * sizeof *count);\n"
                             "}\n";

enum { C_FRAMES = 37 };

static char folder[] = "/tmp/nngen_test_XXXXXX";

static void put(const char *name, const void *bytes, size_t n) {
  FILE *f = fopen(mem_printf("%s/%s", folder, name), "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(bytes, 1, n, f), n);
  fclose(f);
}

static const void *get(const char *name, size_t size) {
  size_t n;
  const void *p = file_read(mem_printf("%s/%s", folder, name), &n);
  assert_non_null(p);
  assert_int_equal(n, size);
  return p;
}

static const char *get_text(const char *name) {
  return file_read(mem_printf("%s/%s", folder, name), NULL);
}

/* What the streams of the test must make use of, in all. */
static const char *const feature[] = {"net_product_sparse(x",  "net_product_8(x",   "net_product_16(x",    "net_product_wide16(m",
                                      "net_product_wide32(m",  "net_widen(m",       "net_add_parts(m",     "net_unit0_word0",
                                      "net_product_8_alone(x", "net_strided_alone", "net_gather_alone32(", "net_move16(",
                                      "net_take16(",           "net_give16to32("};
enum { FEATURES = sizeof feature / sizeof *feature };
static int seen[FEATURES];

static void compiled_is_evaluated(Random *r, const char *compile) {
  const Stream *s = r->s;
  Options o = {.model = "m.onnx", .round = ROUND_RND, .overflow = OVERFLOW_SAT};
  StreamDesign d = {.top = "net", .s = s, .o = &o};
  Folder f = {0};
  emit_stream_c(&d, &f);
  assert_int_equal(diag_errors(), 0);
  assert_int_equal(system(mem_printf("mkdir -p %s/c %s/tb", folder, folder)), 0);
  for (int i = 0; i < f.n; i++)
    put(f.file[i]->path, f.file[i]->text.s, f.file[i]->text.len);
  put("main.c", driver, strlen(driver));
  const char *text = get_text("c/net.c");
  for (int i = 0; i < FEATURES; i++)
    seen[i] += strstr(text, feature[i]) != NULL;
  size_t ni = (size_t)s->n_in_elements, no = (size_t)s->n_out_elements, nt = 0;
  int64_t *in = mem_array(ni * C_FRAMES, sizeof *in), *want = mem_array(no * C_FRAMES, sizeof *want);
  StreamEval *e = stream_eval_new(s);
  for (int i = 0; i < s->n_units; i++)
    nt += (size_t)(s->unit[i]->out->rows * s->unit[i]->out->cols * s->unit[i]->out->channels);
  double *trace = mem_array(nt * C_FRAMES, sizeof *trace);
  for (size_t n = 0, t = 0; n < C_FRAMES; n++) {
    random_frame(s, in + n * ni, n % 2);
    stream_eval_run(e, in + n * ni, want + n * no);
    for (int i = 0; i < s->n_units; i++) {
      const Edge *edge = s->unit[i]->out;
      int k = edge->rows * edge->cols * edge->channels;
      for (int j = 0; j < k; j++)
        trace[t + (size_t)edge->element[j]] =
            (double)stream_eval_edge(e, edge)[j] / (double)((int64_t)1 << (edge->fmt.W)) * (1 << edge->fmt.I);
      t += (size_t)k;
    }
  }
  put("in.bin", in, ni * C_FRAMES * sizeof *in);
  assert_int_equal(system(mem_printf("cd %s && %s -DN=%d -o main main.c c/net.c && ./main", folder, compile, C_FRAMES)), 0);
  assert_memory_equal(get("out.bin", no * C_FRAMES * sizeof *want), want, no * C_FRAMES * sizeof *want);
  assert_memory_equal(get("trace.bin", nt * C_FRAMES * sizeof *trace), trace, nt * C_FRAMES * sizeof *trace);
  int sites = 0;
  for (int pass = 0; pass < 2; pass++) {
    const uint64_t *told = pass ? get("count.bin", (size_t)sites * sizeof *told) : NULL;
    sites = 0;
    for (int i = 0; i < s->n_units; i++) {
      const Unit *u = s->unit[i];
      const Kernel *k = u->meaning == MEANS_PRODUCT ? u->finish : u->meaning == MEANS_KERNEL ? u->plain : NULL;
      for (int j = 0; k && j < k->n_sites; j++, sites++)
        if (pass)
          assert_int_equal(told[sites], stream_eval_counts(e, u)->saturated[j]);
    }
  }
}

/* Every way to compile sees every kind of stream. */
static void test_c(void **state) {
  (void)state;
  static const char *const way[] = {"cc -std=c99 -O2 -march=native -Wall -Wextra -Werror",
                                    "cc -std=c99 -O1 -march=native -mno-avx512f -Wall -Wextra -Werror",
                                    "c++ -x c++ -std=c++17 -O1 -march=native -mno-avx512vnni -Wall -Wextra -Werror",
                                    "cc -std=c99 -O1 -march=native -g -fsanitize=address,undefined -fno-sanitize-recover=all",
                                    "cc -std=c99 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all",
                                    "cc -std=c99 -O1 -g -Dnet_SCALAR -fsanitize=address,undefined -fno-sanitize-recover=all"};
  enum { WAYS = sizeof way / sizeof *way };
  assert_non_null(mkdtemp(folder));
  int streams = getenv("STREAMS") ? atoi(getenv("STREAMS")) : 4 * WAYS;
  for (int i = 0; i < streams; i++) {
    const int kind = i / WAYS % 4, formats[] = {16, 16, 8, 30}, weights[] = {16, 8, 15, 20};
    Random r = random_stream(5045 + (uint64_t)i, formats[kind], weights[kind]);
    compiled_is_evaluated(&r, way[i % WAYS]);
    again();
  }
  for (int i = 0; i < FEATURES; i++)
    if (!seen[i] && streams >= 4 * WAYS)
      fail_msg("no stream made use of %s", feature[i]);
  assert_int_equal(system(mem_printf("rm -r %s", folder)), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_eval, setup, teardown),
      cmocka_unit_test_setup_teardown(test_eval_wide, setup, teardown),
      cmocka_unit_test_setup_teardown(test_c, setup, teardown),
  };
  return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
