/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_unit.c - from the meaning of units to hardware: the beats of every edge, front ends, kernels without steps. Makers come first, so
 * that a unit knows the beats it reads.
 */
#include "stream_build.h"
#include <stdlib.h>

void stream_beats(Edge *e, int lanes, const int *order) {
  e->lanes = lanes;
  e->beats = (e->channels + lanes - 1) / lanes;
  e->channel = mem_array((size_t)e->beats * (size_t)lanes + 1, sizeof *e->channel);
  for (int i = 0; i < e->beats * lanes; i++)
    e->channel[i] = i >= e->channels ? -1 : order ? order[i] : i;
}

void stream_slot(const Edge *e, int c, int *beat, int *lane) {
  for (int i = 0; i < e->beats * e->lanes; i++)
    if (e->channel[i] == c) {
      *beat = i / e->lanes, *lane = i % e->lanes;
      return;
    }
  abort();
}

/* ---- kernels ---- */

enum { MEMORY_BITS = 4096 }; /* what is worth a block RAM */

static HirPort port(const char *name, int first, int n, Format f) {
  return (HirPort){.name = name, .rank = 1, .dim = {n}, .first = first, .n = n, .fmt = f};
}

static Format whole(int64_t most) {
  const int bits = hir_width_of(0, most);
  return (Format){bits, bits, false};
}

Kernel *stream_kernel(const Build *b, const Unit *u, int words, bool stepped, int *step) {
  enum { PORTS = 3 };
  Kernel *k = hir_new(mem_printf("%s_%s", b->s->name, u->name));
  int n = 0, ports = 0;
  k->in_port = mem_array((size_t)u->n_in + PORTS + 1, sizeof *k->in_port);
  for (int i = 0; i < u->n_in; i++) {
    const Edge *e = u->in[i]->edge;
    const int count = words * e->lanes;
    k->in_port[ports++] = port(e->name, n, count, e->fmt);
    for (int j = 0; j < count; j++)
      hir_in(k, n + j, format_min(e->fmt), format_max(e->fmt));
    n += count;
  }
  if (step)
    *step = n;
  if (stepped) {
    k->in_port[ports++] = port("step", n, 1, whole(u->front.steps - 1));
    hir_in(k, n++, 0, u->front.steps - 1);
    k->in_port[ports++] = port("live", n, 1, whole(1));
    hir_in(k, n++, 0, 1);
    k->in_port[ports++] = port("last", n, 1, whole(1));
    hir_in(k, n++, 0, 1);
  }
  k->n_in = n;
  k->n_in_ports = ports;
  k->layer = mem_array(1, sizeof *k->layer);
  k->layer[0] = (HirLayer){.name = u->node ? u->node->name : u->name, .op = u->op, .node = u->node};
  k->n_layers = k->cap_layers = 1;
  k->cur_layer = 0;
  return k;
}

void stream_kernel_done(const Build *b, Unit *u, Kernel *k, int n, const int *out, int emit) {
  const int states = k->n_state;
  int *all = mem_array((size_t)n + (size_t)states + 2, sizeof *all);
  memcpy(all, out, (size_t)n * sizeof *all);
  k->out_port = mem_array(2, sizeof *k->out_port);
  k->out_port[0] = port(u->out->name, 0, n, u->out->fmt);
  k->n_out_ports = 1;
  if (emit >= 0) {
    k->out_port[k->n_out_ports++] = port("emit", n, 1, whole(1));
    all[n] = emit;
  }
  k->n_out = n + (emit >= 0);
  for (int i = 0; i < states; i++)
    all[k->n_out + i] = k->out[i];
  k->out = all;
  k->cap_out = k->n_out + states;
  hir_affine(k, false);
  k = stream_expand(k);
  hir_check(k);
  if (b->o->family->three_input && !states)
    hir_ternary(k);
  k->memory_bits = MEMORY_BITS;
  hir_pipeline(k, b->o->clock_ns, b->o->family);
  if (states && hir_loop(k) != 1)
    diag_error(EXIT_UNSUPPORTED, u->node, "its accumulators need more than one cycle at --clock=%g; use a longer clock period",
               b->o->clock_ns);
  u->k = k;
}

int stream_pick(Kernel *k, int address, int n, const int *choice, int n_values, const int *value) {
  if (n_values == 1)
    return value[0];
  int bits = hir_width_of(0, n_values - 1), left = n_values, *v = mem_array((size_t)n_values + 1, sizeof *v);
  memcpy(v, value, (size_t)n_values * sizeof *v);
  int64_t *word = mem_array((size_t)n, sizeof *word);
  for (int bit = 0; bit < bits; bit++) {
    for (int a = 0; a < n; a++)
      word[a] = choice[a] >> bit & 1;
    const int is = hir_lut(k, address, hir_table(k, mem_printf("pick_%d", k->n_tables), n, word, "which one"));
    for (int i = 0; i < (left + 1) / 2; i++)
      v[i] = 2 * i + 1 < left ? hir_mux(k, is, v[2 * i + 1], v[2 * i]) : v[2 * i];
    left = (left + 1) / 2;
  }
  return v[0];
}

/* ---- front ends ---- */

static bool whole_frame(const Taps *t) {
  return t->out_rows == 1 && t->out_cols == 1 && t->kernel_rows == t->rows && t->kernel_cols == t->cols && !t->row_first && !t->col_first &&
         (t->row_dilation == 1 || t->rows == 1) && (t->col_dilation == 1 || t->cols == 1);
}

static bool pointwise(const Taps *t) {
  return t->kernel_rows == 1 && t->kernel_cols == 1 && t->row_step == 1 && t->col_step == 1 && !t->row_first && !t->col_first &&
         t->out_rows == t->rows && t->out_cols == t->cols;
}

/* The window over words. One row of a frame is kept whole before a position can begin: so positions that need no neighbours are rows. */
static void set_front(const Build *b, Unit *u) {
  const Taps *t = &u->taps;
  const Edge *e = u->in[0]->edge;
  Front *f = &u->front;
  const int B = e->beats;
  f->pad = t->pad;
  f->row_step = f->row_dilation = f->word_dilation = 1;
  f->row_span = f->kernel_rows = f->kernel_words = 1;
  f->tap_words = B;
  f->word_step = B;
  f->out_cols = 1;
  if (whole_frame(t)) {
    f->rows = f->out_rows = 1;
    f->row_words = t->rows * t->cols * B;
    f->kernel_words = t->rows * t->cols;
    f->word_dilation = B;
  } else if (pointwise(t)) {
    f->rows = f->out_rows = t->rows * t->cols;
    f->row_words = B;
  } else {
    f->rows = t->rows;
    f->row_words = t->cols * B;
    f->out_rows = t->out_rows, f->out_cols = t->out_cols;
    f->row_first = t->row_first, f->row_step = t->row_step;
    f->row_span = (t->kernel_rows - 1) * t->row_dilation + 1;
    f->word_first = t->col_first * B, f->word_step = t->col_step * B;
    f->kernel_rows = t->kernel_rows, f->row_dilation = t->row_dilation;
    f->kernel_words = t->kernel_cols, f->word_dilation = t->col_dilation * B;
  }
  /* what is read, a step's rows to be written meanwhile; one row more where that takes about as long; the next frame's first rows where
   * the unit has no time to wait for them */
  const int64_t busy = (int64_t)f->steps * f->out_cols;
  f->slots = f->row_span + (f->row_step > 1 ? f->row_step : 1) + ((int64_t)f->row_words * f->row_step + STREAM_START > busy);
  if (10 * busy * f->out_rows >= 8 * b->interval && f->rows > 1)
    f->slots += f->row_span - 1;
}

/* Words of one position. */
static int window_words(const Unit *u) {
  return u->taps.kernel_rows * u->taps.kernel_cols * u->in[0]->edge->beats;
}

/* IN number of an operand, where all words of a window are there at once. */
static int in_window(const Unit *u, int operand) {
  const Edge *e = u->in[0]->edge;
  int beat, lane;
  stream_slot(e, operand % u->taps.channels, &beat, &lane);
  return (operand / u->taps.channels * e->beats + beat) * e->lanes + lane;
}

/* All inputs at once: argument i of a kernel over the operands. IN elements are a kernel's first values, in order (stream_kernel). */
static int *arguments(const Unit *u, int n) {
  int *arg = mem_array((size_t)n + 1, sizeof *arg);
  if (u->n_in == 1) {
    for (int i = 0; i < n; i++)
      arg[i] = in_window(u, i);
    return arg;
  }
  for (int i = 0, at = 0, first = 0; i < u->n_in; i++) {
    const Edge *e = u->in[i]->edge;
    for (int c = 0; c < e->channels; c++) {
      int beat, lane;
      stream_slot(e, c, &beat, &lane);
      arg[at++] = first + lane;
    }
    first += e->lanes;
  }
  return arg;
}

/* A memory read word by word where a position's steps go through all of its words; of a large window also where a few ports do it
 * together. Multipliers that leave out zeros need a port each. */
static void choose_kind(Unit *u) {
  enum { LARGE = 64, MOST_TURNS = 8 };
  u->kind = UNIT_WINDOW;
  if (u->n_in > 1 || (pointwise(&u->taps) && u->in[0]->edge->beats == 1 && u->front.steps == 1))
    u->kind = UNIT_MAP;
  else if (u->meaning == MEANS_PRODUCT && u->front.steps > 1 && !(u->skips && u->multipliers > window_words(u)) &&
           (u->front.steps >= window_words(u) || (window_words(u) >= LARGE && u->front.steps * MOST_TURNS >= window_words(u))))
    u->kind = UNIT_FETCH;
}

static void kernel_unit(const Build *b, Unit *u, Kernel *lowered) {
  stream_beats(u->out, u->out->channels, NULL);
  const int words = u->kind == UNIT_MAP ? 1 : window_words(u);
  Kernel *k = stream_kernel(b, u, words, false, NULL);
  int *out = mem_array((size_t)u->out->channels + 1, sizeof *out);
  stream_inline(k, lowered, arguments(u, lowered->n_in), out);
  stream_kernel_done(b, u, k, u->out->channels, out, -1);
}

/* One adder graph for so many channels at a time that the search takes a second or two for the whole matrix. */
static void adder_graphs(const Build *b, const Unit *u, Kernel *k, const int *arg, int *sum) {
  enum { MOST_AT_ONCE = 4096 };
  const int block = u->n * u->m <= 2 * MOST_AT_ONCE ? u->m : MOST_AT_ONCE / u->n > 1 ? MOST_AT_ONCE / u->n : 1;
  const McmOptions opt = {.searches = block == u->m ? b->o->effort : 1};
  int64_t *m = mem_array((size_t)u->n * (size_t)block + 1, sizeof *m);
  i128 *bias = mem_array((size_t)u->m + 1, sizeof *bias);
  for (int j = 0; j < u->m; j++)
    bias[j] = u->bias[j];
  for (int from = 0; from < u->m; from += block) {
    const int cols = from + block <= u->m ? block : u->m - from;
    for (int i = 0; i < u->n; i++)
      for (int j = 0; j < cols; j++)
        m[(int64_t)i * cols + j] = u->w[(int64_t)(from + j) * u->n + i];
    hir_mcm(k, u->n, cols, m, arg, bias + from, sum + from, &opt);
  }
}

/* Every product has its own hardware. */
static void unrolled_product(const Build *b, Unit *u, Kernel *finish) {
  stream_beats(u->out, u->out->channels, NULL);
  Kernel *k = stream_kernel(b, u, u->kind == UNIT_MAP ? 1 : window_words(u), false, NULL);
  int *sum = mem_array((size_t)u->m + 1, sizeof *sum), *out = mem_array((size_t)u->m + 1, sizeof *out);
  adder_graphs(b, u, k, arguments(u, u->n), sum);
  for (int j = 0; j < u->m; j += u->finish_n)
    stream_inline(k, finish, sum + j, out + j);
  stream_kernel_done(b, u, k, u->m, out, -1);
}

/* All beats of a position put together into one. */
void stream_one_beat(Build *b, Unit *reader, Link *link) {
  Edge *e = link->edge;
  if (e->beats == 1)
    return;
  Unit *u = stream_unit(b, reader->node, mem_printf("%s_beat", e->name), "beat", MEANS_MOVE);
  stream_link(b->s, e, u);
  u->taps = taps_pointwise((Layout){e->rows, e->cols, e->channels, false});
  u->front.steps = 1;
  u->kind = UNIT_WINDOW;
  const int n = e->rows * e->cols * e->channels;
  u->from = mem_array((size_t)n + 1, sizeof *u->from);
  for (int i = 0; i < n; i++)
    u->from[i] = i;
  u->out = stream_edge(b, e->tensor, (Layout){e->rows, e->cols, e->channels, false}, e->fmt);
  u->out->maker = u;
  memcpy(u->out->element, e->element, (size_t)n * sizeof *e->element);
  set_front(b, u);
  stream_beats(u->out, e->channels, NULL);
  Kernel *k = stream_kernel(b, u, e->beats, false, NULL);
  stream_kernel_done(b, u, k, e->channels, arguments(u, e->channels), -1);
  link->edge = u->out;
}

static void make_unit(Build *b, Unit *u) {
  for (int i = 0; u->n_in > 1 && i < u->n_in; i++)
    stream_one_beat(b, u, u->in[i]);
  if (u->meaning == MEANS_MOVE) {
    stream_move(b, u);
    return;
  }
  choose_kind(u);
  if (u->kind == UNIT_WINDOW && u->front.steps > 1 && u->in[0]->edge->beats > 1) /* a window goes on a word a cycle */
    stream_one_beat(b, u, u->in[0]);
  if (u->kind != UNIT_MAP)
    set_front(b, u);
  if (u->meaning == MEANS_KERNEL) {
    Kernel *lowered = u->plain;
    u->plain = stream_expand(u->plain);
    kernel_unit(b, u, lowered);
  } else if (u->front.steps == 1) {
    Kernel *lowered = u->finish;
    u->finish = stream_expand(u->finish);
    unrolled_product(b, u, lowered);
  } else {
    stream_mac(b, u);
    u->finish = stream_expand(u->finish);
  }
}

void stream_hardware(Build *b) {
  Stream *s = b->s;
  Unit **unit = s->unit;
  const int n = s->n_units;
  const int64_t interval = b->interval = stream_plan(b);
  if (diag_errors())
    return;
  for (int i = 0; i < s->n_in; i++) {
    Edge *e = s->in[i];
    const bool vector = e->rows * e->cols == 1;
    stream_beats(e, vector ? (int)((e->channels + interval - 1) / interval) : e->channels, NULL);
  }
  /* units are listed anew: some are put in between */
  Unit **list = mem_array(3 * (size_t)n + 16, sizeof *list);
  int count = 0;
  for (int i = 0; i < n && !diag_errors(); i++) {
    const int before = s->n_units;
    make_unit(b, unit[i]);
    unit = s->unit;
    for (int j = before; j < s->n_units; j++)
      list[count++] = s->unit[j];
    list[count++] = unit[i];
  }
  s->unit = list;
  s->n_units = count;
  s->cap_units = count;
  for (int i = 0; i < s->n_links; i++) { /* readers of each edge */
    Unit *u = s->link[i]->edge->maker;
    if (!u)
      continue;
    Link **all = mem_array((size_t)u->n_links + 1, sizeof *all);
    if (u->n_links)
      memcpy(all, u->link, (size_t)u->n_links * sizeof *all);
    all[u->n_links++] = s->link[i];
    u->link = all;
  }
}
