/* SPDX-License-Identifier: Apache-2.0
 *
 * test_stream_check.c - a unit's hardware against its meaning: nothing is found in random networks as they are lowered, and what is put
 * into their hardware by hand is found.
 */
#include "catch.h"

#include <math.h>

#include "make_model.h"
#include "passes.h"
#include "quant.h"
#include "stream_build.h"

enum { NETWORKS = 60, LEAST_FOUND = 20 };

static uint64_t seed;
static int below(int n) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (int)((seed >> 33) % (uint64_t)n);
}

/* ---- random networks ---- */

static void attr_list(NodeP *n, const char *name, int count, const int64_t *v) {
  AttrP *a = attr(n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
  for (int i = 0; i < count; i++)
    ADD(a->ints, a->n_ints, v[i]);
}

/* None of them 0, so that each matters. */
static void weights(Model *m, const char *name, int rank, const int64_t *dim) {
  int n = 1;
  for (int i = 0; i < rank; i++)
    n *= (int)dim[i];
  float *v = mem_array((size_t)n, sizeof *v);
  for (int i = 0; i < n; i++)
    v[i] = (float)((below(2) ? 1 : -1) * (1 + below(15))) / 16;
  floats(m, name, n, v, rank, dim);
}

/* Convolutions, some of them padded, strided or dilated, perhaps a pool, a transposition, a dense layer. */
static Graph *random_graph(void) {
  Model *m = model(13);
  int64_t rows = 1 + below(6), cols = 1 + below(6), channels = 1 + below(3);
  const char *x = "x";
  input(m, "x", DIMS(1, channels, rows, cols));
  for (int i = 0, convs = 1 + below(2); i < convs; i++) {
    const int64_t k[2] = {1 + below(3), 1 + below(3)}, d[2] = {1 + below(2), 1 + below(2)}, s[2] = {1 + below(2), 1 + below(2)},
                  out = 1 + below(5), span[2] = {(k[0] - 1) * d[0], (k[1] - 1) * d[1]};
    const char *w = mem_printf("w%d", i), *y = mem_printf("c%d", i);
    weights(m, w, DIMS(out, channels, k[0], k[1]));
    NodeP *n = node(m, mem_printf("%s = Conv(%s, %s)", y, x, w));
    attr_list(n, "kernel_shape", 2, k);
    attr_list(n, "dilations", 2, d);
    attr_list(n, "strides", 2, s);
    attr_list(n, "pads", 4, (int64_t[]){span[0] / 2, span[1] / 2, span[0] - span[0] / 2, span[1] - span[1] / 2});
    rows = (rows - 1) / s[0] + 1, cols = (cols - 1) / s[1] + 1, channels = out;
    x = y;
    if (below(2)) {
      x = mem_printf("r%d", i);
      node(m, mem_printf("%s = Relu(%s)", x, y));
    }
  }
  if (rows > 1 && cols > 1 && below(2)) {
    attr_list(node(m, mem_printf("p = MaxPool(%s)", x)), "kernel_shape", 2, (int64_t[]){2, 2});
    rows--, cols--, x = "p";
  }
  if (below(2)) {
    attr_list(node(m, mem_printf("t = Transpose(%s)", x)), "perm", 4, (int64_t[]){0, 1, 3, 2});
    x = "t";
  }
  const int64_t outs = 1 + below(6);
  node(m, mem_printf("f = Flatten(%s)", x));
  weights(m, "w", DIMS(channels * rows * cols, outs));
  node(m, "y = MatMul(f, w)");
  output(m, "y");
  return front(m);
}

typedef struct {
  Stream *s;
  int64_t *in;
} Lowered;

enum { SAMPLES = 3 };

static Lowered lowered(int number) {
  again();
  seed = (uint64_t)number;
  Graph *g = random_graph();
  assert_non_null(g);
  Options o = {
      .W = 10, .I = 5, .round = ROUND_RND, .top = "t", .max_error = -1, .quiet = true, .effort = 1, .depth = "auto", .mode = "stream"};
  o.clock_ns = 5, o.streams = true, o.recurrent = "unrolled", o.channels = 1, o.prune = o.merge = o.target_loss = -1;
  o.dsp = (int[]){-1, 1, 3, 8}[below(4)];
  o.reuse = o.dsp < 0 ? (int[]){0, 2, 4}[below(3)] : 0;
  o.family = family_find("generic");
  Config *config = config_read(NULL);
  quant_assign(g, &o, config, samples_read(g, &o));
  Lowered l = {stream_lower(g, &o, config), NULL};
  if (diag_errors()) /* a reuse factor that does not fit */
    return (Lowered){0};
  l.in = mem_array((size_t)l.s->n_in_elements * SAMPLES, sizeof *l.in);
  for (int i = 0; i < l.s->n_in_elements * SAMPLES; i++)
    l.in[i] = below(1 << 10) - (1 << 9);
  return l;
}

static void test_whole(void **state) {
  (void)state;
  int kinds[3] = {0}, late = 0, checked = 0;
  for (int i = 0; i < NETWORKS; i++) {
    Lowered l = lowered(i);
    if (!l.s)
      continue;
    stream_check(l.s, l.in, SAMPLES);
    if (diag_errors())
      fail_msg("network %d: %s", i, heard());
    checked++;
    for (int j = 0; j < l.s->n_units; j++) {
      kinds[l.s->unit[j]->kind]++;
      late += l.s->unit[j]->front.flush > 0;
    }
  }
  assert_true(checked > NETWORKS / 2);
  assert_true(kinds[UNIT_WINDOW] > 10 && kinds[UNIT_FETCH] > 10 && late > 10);
}

/* ---- faults ---- */

static Unit *any(const Stream *s, bool (*is)(const Unit *)) {
  int n = 0;
  for (int i = 0; i < s->n_units; i++)
    n += is(s->unit[i]);
  if (!n)
    return NULL;
  n = below(n);
  for (int i = 0;; i++)
    if (is(s->unit[i]) && n-- == 0)
      return s->unit[i];
}
static bool is_product(const Unit *u) {
  return u->meaning == MEANS_PRODUCT;
}
static bool fetches(const Unit *u) {
  return u->kind == UNIT_FETCH && u->front.row_words > 1 && (is_product(u) || u->front.ports == 1);
}
static bool emits(const Unit *u) {
  return u->emits;
}
static bool flushes(const Unit *u) {
  return u->front.flush > 0;
}
static bool many_channels(const Unit *u) {
  return u->out->channels > 1 && u->out->lanes > 1;
}
static bool multiplies(const Unit *u) {
  return is_product(u) && u->k->n_state;
}

/* Each returns the unit it changes, or NULL. */
static Unit *order_word(const Stream *s) {
  Unit *u = any(s, fetches);
  if (!u)
    return NULL;
  Front *f = &u->front;
  FetchWord *w = &f->order[below(f->ports * f->period)];
  const int word = w->word;
  w->word = word + f->word_first > 0 ? word - 1 : word + 1;
  return u;
}
static Unit *order_row(const Stream *s) {
  Unit *u = any(s, fetches);
  if (u)
    u->front.order[below(u->front.ports * u->front.period)].row += u->front.row_span;
  return u;
}
static Unit *phase(const Stream *s) {
  Unit *u = any(s, fetches);
  if (u)
    u->front.phase[below(u->front.ports)]++;
  return u && u->front.period > 1 ? u : NULL;
}
static Unit *weight(const Stream *s) {
  Unit *u = any(s, is_product);
  if (u)
    u->w[below(u->n * u->m)] += below(2) ? 8 : -8;
  return u;
}
static Unit *weight_table(const Stream *s) {
  Unit *u = any(s, multiplies);
  for (int i = 0; u && i < u->k->n_tables; i++)
    if (!strncmp(u->k->table[i].name, "weights", 7) && u->k->table[i].lo < u->k->table[i].hi) {
      HirTable *t = &u->k->table[i];
      t->word[0] = t->word[0] - t->lo > t->hi - t->word[0] ? t->lo : t->hi;
      return u;
    }
  return NULL;
}
static Unit *emit(const Stream *s) {
  Unit *u = any(s, emits);
  if (u)
    u->emits[below(u->front.steps)] ^= 1;
  return u;
}
static Unit *late(const Stream *s) {
  Unit *u = any(s, flushes);
  if (u)
    u->late[below(u->front.flush)] ^= 1;
  return u;
}
static Unit *flush(const Stream *s) {
  Unit *u = any(s, flushes);
  if (u)
    u->front.flush--;
  return u;
}
static Unit *channels(const Stream *s) {
  Unit *u = any(s, many_channels);
  if (!u)
    return NULL;
  int *out = u->k->out, value = out[0];
  out[0] = out[1], out[1] = value;
  return u;
}
static Unit *bias(const Stream *s) {
  Unit *u = any(s, is_product);
  if (u)
    u->bias[below(u->m)] += 1 << 6;
  return u;
}

/* A fault may do nothing: a saturated channel, a word that nobody reads at that step. Most do something, and then this unit is named. */
static void test_faults(void **state) {
  (void)state;
  static const struct {
    const char *name;
    Unit *(*make)(const Stream *s);
    int percent; /* of those that are found, at least */
  } fault[] = {{"order_word", order_word, 70},
               {"order_row", order_row, 100},
               {"phase", phase, 80},
               {"weight", weight, 70},
               {"weight_table", weight_table, 70},
               {"emit", emit, 100},
               {"late", late, 100},
               {"flush", flush, 100},
               {"channels", channels, 90},
               {"bias", bias, 70}};
  for (size_t f = 0; f < sizeof fault / sizeof *fault; f++) {
    int made = 0, found = 0;
    for (int i = 0; i < NETWORKS; i++) {
      Lowered l = lowered(i);
      const Unit *u = l.s ? fault[f].make(l.s) : NULL;
      if (!u)
        continue;
      made++;
      stream_check(l.s, l.in, SAMPLES);
      if (!diag_errors())
        continue;
      found++;
      assert_int_equal(diag_errors(), 1);
      assert_int_equal(diag_status(), EXIT_MISMATCH);
      assert_heard(mem_printf("internal error: unit '%s': ", u->name));
      assert_heard("please report it");
    }
    if (made < LEAST_FOUND || found * 100 < made * fault[f].percent)
      fail_msg("%s: %d of %d found", fault[f].name, found, made);
    print_message("%s: %d of %d found\n", fault[f].name, found, made);
  }
}

/* Values out of their intervals are told, and cut to their width. */
static void test_tokens(void **state) {
  (void)state;
  Kernel *k = hir_new("t");
  k->n_in = 1, k->steps = 1, k->channels = 1, k->cur_layer = -1;
  const int x = hir_in(k, 0, 0, 15), word = hir_add(k, x, hir_const(k, 1), 0);
  int64_t table[8], in[] = {3, 9, 6}, out[3];
  for (int i = 0; i < 8; i++)
    table[i] = 10 * i;
  hir_narrow(k, word, 0, 7);
  k->n_out = 1;
  k->out = mem_array(1, sizeof *k->out);
  k->out[0] = hir_lut(k, word, hir_table(k, "t", 8, table, "tens"));
  uint8_t left[3] = {0};
  hir_eval_tokens(k, 3, in, out, left);
  assert_memory_equal(left, ((uint8_t[]){0, 1, 0}), 3);
  assert_memory_equal(out, ((int64_t[]){40, 20, 70}), sizeof out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_whole, setup, teardown),
      cmocka_unit_test_setup_teardown(test_faults, setup, teardown),
      cmocka_unit_test_setup_teardown(test_tokens, setup, teardown),
  };
  return cmocka_run_group_tests_name("stream_check", tests, NULL, NULL);
}
