/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_units.c - the streaming units (templates/vhdl) against an untimed reference and against the cycle model, on random geometries.
 *
 *   stream_units write SEED N DIR    DIR/cases.vhd: N units, each at full speed and with stalls, in an entity `cases`
 *   stream_units check SEED N DIR    what tests/stream/harness.vhd wrote down in DIR while they were simulated
 *
 * Data are beat numbers, so that a token's words say where they come from. Prints "ok" or "not ok" for each kind of unit.
 */
#include "stream.h"
#include <stdlib.h>

enum { WORD_BITS = 16, PAD = 0xBEEF, IDLE = 600, FRAMES = 3 };

typedef struct {
  UnitKind kind;
  Front f;
  bool identity;
  int words; /* of a token */
  int beats;
  int depth; /* kind FIFO */
} Case;

static const UnitKind FIFO = UNIT_MAP; /* among the kinds: what is tested instead of a map */
static const char *const kind_name[] = {[UNIT_MAP] = "fifo", [UNIT_WINDOW] = "window", [UNIT_FETCH] = "fetch"};
enum { KINDS = 3 };

/* ---- random numbers ---- */

static uint32_t next(uint32_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state >> 16;
}

static uint32_t dice;
static int from(int low, int high) {
  return low + (int)(next(&dice) % (uint32_t)(high - low + 1));
}

/* ---- geometries ---- */

static int clip(int v, int low, int high) {
  return v < low ? low : v > high ? high : v;
}

/* Rows that must be in memory together. */
static int least_slots(UnitKind kind, const Front *f) {
  int most = 1;
  for (int i = 0; i < f->out_rows; i++) {
    int first = f->row_first + i * f->row_step;
    int n = clip(first + front_row_span(kind, f), 0, f->rows) - clip(first, 0, f->rows);
    most = n > most ? n : most;
  }
  return most;
}

static void random_rows(Front *f, int span, bool sparse) {
  int before = from(0, 3) ? from(0, span - 1) : from(-2, span + 1), behind = from(0, 3) ? before : from(-2, span + 1);
  f->row_step = sparse ? 3 : from(0, 2) ? 1 : from(1, 3);
  f->row_first = -before;
  f->out_rows = clip((f->rows + before + behind - span) / f->row_step + 1, 1, 9);
}

static void random_window(Front *f) {
  f->tap_words = from(0, 2) ? 1 : from(1, 3);
  f->kernel_rows = from(1, 4);
  f->kernel_words = from(1, 4);
  f->row_dilation = from(0, 3) ? 1 : from(2, 3);
  f->word_dilation = f->tap_words * (from(0, 3) ? 1 : from(2, 3));
  f->row_words = f->tap_words * from(1, 8);
  if (!from(0, 7))
    f->row_words = f->kernel_words = 1;
  if (!from(0, 9)) {
    f->row_words = f->tap_words;
    f->kernel_words = 1;
  }
  bool odd = !from(0, 7); /* taps that straddle the ends of a row */
  int span = (f->kernel_words - 1) * f->word_dilation + f->tap_words;
  int before = from(0, 2) ? (span - f->tap_words) / 2 / f->tap_words : from(-1, span / f->tap_words + 1), behind = before;
  if (!from(0, 2))
    behind = from(-1, span / f->tap_words + 1);
  f->word_step = f->tap_words * (from(0, 2) ? 1 : from(1, 3));
  bool sparse = !from(0, 4); /* waits for beats, with a flush under way when they come */
  if (sparse)
    f->word_step = f->tap_words * from(3, 4);
  f->word_first = -before * f->tap_words - (odd ? from(0, 2) : 0);
  int room = f->row_words + (before + behind) * f->tap_words - span;
  f->out_cols = clip(room / f->word_step + 1, 1, 12);
  random_rows(f, (f->kernel_rows - 1) * f->row_dilation + 1, sparse);
  f->steps = from(0, 1) ? 1 : from(2, 6);
  if (sparse)
    f->steps = from(2, 4);
  f->flush = sparse ? f->steps : f->steps > 1 ? from(0, f->steps) : !from(0, 3);
}

static void random_fetch(Case *c) {
  Front *f = &c->f;
  f->row_words = from(1, 12);
  f->row_span = from(1, 4);
  random_rows(f, f->row_span, false);
  f->word_step = from(0, 3);
  f->out_cols = f->word_step ? from(1, 6) : 1;
  f->word_first = from(0, 1) ? 0 : from(-4, 3);
  c->identity = !from(0, 3);
  f->ports = c->identity ? 1 : from(1, 4);
  f->period = from(1, 12);
  f->steps = from(0, 4) ? from(1, 20) : 1;
  f->flush = from(0, 1) ? from(0, f->steps) : 0;
  f->phase = mem_array((size_t)f->ports, sizeof *f->phase);
  f->order = mem_array((size_t)f->ports * (size_t)f->period, sizeof *f->order);
  int words = f->row_words - f->word_first - (from(0, 1) ? (f->out_cols - 1) * f->word_step : 0) + !from(0, 2);
  for (int p = 0; p < f->ports; p++) {
    f->phase[p] = c->identity ? 0 : from(0, f->period - 1);
    for (int i = 0; i < f->period; i++)
      f->order[p * f->period + i] =
          c->identity ? (FetchWord){0, i} : (FetchWord){from(0, f->row_span - 1), from(0, clip(words, 1, 15) - 1)};
  }
}

static Case random_case(int seed, int number) {
  Case c = {0};
  dice = (uint32_t)(seed * 1000 + number) * 2654435761u + 1;
  for (int i = 0; i < 8; i++)
    next(&dice);
  c.kind = number % 16 == 15 ? FIFO : number % 2 ? UNIT_WINDOW : UNIT_FETCH;
  if (c.kind == FIFO) {
    static const int depths[] = {2, 66, 7, 150, 3, 65, 4, 64, 128};
    c.depth = depths[number / 16 % 9];
    c.f = (Front){.rows = 1, .row_words = 400, .out_rows = 1, .out_cols = 400, .steps = 1};
    c.words = 1;
    c.beats = FRAMES * 400;
    return c;
  }
  c.f.rows = from(1, 7);
  if (c.kind == UNIT_WINDOW)
    random_window(&c.f);
  else
    random_fetch(&c);
  c.f.slots = least_slots(c.kind, &c.f) + from(0, 2);
  c.words = c.kind == UNIT_FETCH ? c.f.ports : c.f.kernel_rows * c.f.kernel_words * c.f.tap_words;
  c.beats = FRAMES * c.f.rows * c.f.row_words;
  return c;
}

/* ---- write ---- */

static void naturals(FILE *o, const char *name, int n, const int *value, size_t stride) {
  fprintf(o, "          %s => (", name);
  for (int i = 0; i < n; i++)
    fprintf(o, "%s%d => %d", i ? ", " : "", i, value[(size_t)i * stride]);
  fprintf(o, "),\n");
}

static int bits(int n) {
  int b = 1;
  while (n >>= 1)
    b++;
  return b;
}

static void write_front(FILE *o, const Case *c) {
  const Front *f = &c->f;
  bool fetch = c->kind == UNIT_FETCH;
  fprintf(o, "    u_unit : entity work.nn_stream_%s\n      generic map (\n", fetch ? "fetch" : "window");
  fprintf(o, "          WORD_BITS_G => %d, ROWS_G => %d, ROW_WORDS_G => %d, SLOTS_G => %d, OUT_ROWS_G => %d, OUT_COLS_G => %d,\n",
          WORD_BITS, f->rows, f->row_words, f->slots, f->out_rows, f->out_cols);
  fprintf(o, "          ROW_FIRST_G => %d, ROW_STEP_G => %d, WORD_FIRST_G => %d, WORD_STEP_G => %d, STEPS_G => %d, FLUSH_G => %d,\n",
          f->row_first, f->row_step, f->word_first, f->word_step, f->steps, f->flush);
  if (fetch) {
    fprintf(o, "          ROW_SPAN_G => %d, PORTS_G => %d, PERIOD_G => %d, IDENTITY_G => %s,\n", f->row_span, f->ports, f->period,
            c->identity ? "true" : "false");
    bool none = c->identity; /* not read then */
    naturals(o, "PHASE_G", none ? 1 : f->ports, f->phase, 1);
    naturals(o, "ORDER_ROW_G", none ? 1 : f->ports * f->period, &f->order->row, 2);
    naturals(o, "ORDER_WORD_G", none ? 1 : f->ports * f->period, &f->order->word, 2);
  } else {
    fprintf(o, "          KERNEL_ROWS_G => %d, ROW_DILATION_G => %d, KERNEL_WORDS_G => %d, WORD_DILATION_G => %d, TAP_WORDS_G => %d,\n",
            f->kernel_rows, f->row_dilation, f->kernel_words, f->word_dilation, f->tap_words);
  }
  fprintf(o,
          "          PAD_G => X\"%04X\")\n      port map (clk, rst, s_valid, s_ready, s_data, m_valid, m_ready, m_step, m_live, m_last, "
          "m_data);\n",
          PAD);
}

static void write_fifo(FILE *o, const Case *c) {
  fprintf(o, "    u_unit : entity work.nn_stream_fifo\n      generic map (%d, %d)\n", WORD_BITS, c->depth);
  fprintf(o, "      port map (clk, rst, s_valid, s_ready, s_data, m_valid, m_ready, m_data);\n");
  fprintf(o, "    m_step <= \"0\";\n    m_live <= '1';\n    m_last <= '0';\n");
}

static void write_unit(FILE *o, const Case *c, int number, int seed, const char *dir) {
  const Front *f = &c->f;
  for (int stalls = 0; stalls < 2; stalls++) {
    fprintf(o, "  b%d_%d : block\n    signal clk, rst, s_valid, s_ready, m_valid, m_ready, m_live, m_last : std_logic;\n", number, stalls);
    fprintf(o, "    signal s_data : std_logic_vector(%d downto 0);\n", WORD_BITS - 1);
    fprintf(o, "    signal m_step : std_logic_vector(%d downto 0);\n", bits(f->steps - 1) - 1);
    fprintf(o, "    signal m_data : std_logic_vector(%d downto 0);\n  begin\n", c->words * WORD_BITS - 1);
    if (c->kind == FIFO)
      write_fifo(o, c);
    else
      write_front(o, c);
    fprintf(o, "    u_harness : entity work.harness\n      generic map (\n");
    fprintf(o, "          LOG_G => \"%s/%d_%d.log\", BEATS_G => %d, STALLS_G => %s, SEED_G => %d,\n", dir, number, stalls, c->beats,
            stalls ? "true" : "false", seed * 1000 + number + 1);
    fprintf(o, "          WORD_BITS_G => %d, STEP_BITS_G => %d, DATA_BITS_G => %d)\n", WORD_BITS, bits(f->steps - 1), c->words * WORD_BITS);
    fprintf(o, "      port map (clk, rst, s_valid, s_ready, s_data, m_valid, m_ready, m_step, m_live, m_last, m_data);\n");
    fprintf(o, "  end block b%d_%d;\n\n", number, stalls);
  }
}

static void write_cases(int seed, int n, const char *dir) {
  FILE *o = fopen(mem_printf("%s/cases.vhd", dir), "w");
  if (!o) {
    perror(dir);
    exit(1);
  }
  fprintf(
      o,
      "library ieee;\n  use ieee.std_logic_1164.all;\n\nentity cases is\nend entity cases;\n\narchitecture bench of cases is\n\nbegin\n\n");
  for (int i = 0; i < n; i++) {
    Case c = random_case(seed, i);
    write_unit(o, &c, i, seed, dir);
  }
  fprintf(o, "end architecture bench;\n");
  fclose(o);
}

/* ---- what a token must hold, from the definition ---- */

static unsigned word_at(const Front *f, int frame, int row, int word) {
  if (row < 0 || row >= f->rows || word < 0 || word >= f->row_words)
    return PAD;
  return (unsigned)((frame * f->rows + row) * f->row_words + word) & 0xFFFF;
}

static unsigned expected_word(const Case *c, int position, int step, int number) {
  const Front *f = &c->f;
  int ox = position % f->out_cols, oy = position / f->out_cols % f->out_rows, frame = position / f->out_cols / f->out_rows;
  int row = f->row_first + oy * f->row_step, word = f->word_first + ox * f->word_step;
  if (c->kind == FIFO)
    return word_at(f, frame, 0, ox);
  if (c->kind == UNIT_FETCH) {
    FetchWord w = f->order[number * f->period + (step + f->phase[number]) % f->period];
    return word_at(f, frame, row + w.row, word + w.word);
  }
  int b = number % f->tap_words, kx = number / f->tap_words % f->kernel_words, ky = number / f->tap_words / f->kernel_words;
  return word_at(f, frame, row + ky * f->row_dilation, word + kx * f->word_dilation + b);
}

/* The tokens in their order, whenever they come. */
typedef struct {
  int position, step; /* of the next token of a position */
  int idle;           /* idle tokens since the last one */
  bool ended;         /* the token before was a position's last */
} Order;

/* NULL, or what is wrong with it. */
static const char *check_order(Order *s, const Case *c, int step, int live, int last, const char *data) {
  const Front *f = &c->f;
  if (!live && (s->step || !s->position || s->idle++ == f->flush))
    return "an idle token that nobody needs";
  if (step != (live ? s->step : 0) || (c->kind != FIFO && last != s->ended))
    return mem_printf("step %d, live %d, last %d instead of step %d, last %d", step, live, last, live ? s->step : 0, s->ended);
  s->ended = false;
  if (live) {
    for (int i = 0; i < c->words; i++) {
      char digits[5] = {0};
      memcpy(digits, data + 4 * (c->words - 1 - i), 4);
      unsigned want = expected_word(c, s->position, step, i);
      if (strcmp(digits, mem_printf("%04X", want)))
        return mem_printf("position %d, step %d, word %d is %s instead of %04X", s->position, step, i, digits, want);
    }
  }
  if (live && ++s->step == f->steps) {
    s->step = s->idle = 0;
    s->ended = true;
    s->position++;
  }
  return NULL;
}

/* ---- when it must come, from the model ---- */

static bool stalls_now(unsigned mode, unsigned n) {
  return mode == 1 ? n % 2 == 0 : mode == 2 ? n % 8 != 0 : mode == 3 && n % 4 == 0;
}

typedef struct {
  FrontState *front; /* NULL: a FIFO */
  int held, depth;
} Model;

static FrontToken model_token(const Model *m) {
  return m->front ? front_token(m->front) : (FrontToken){m->held > 0, true, false, 0};
}

static bool model_ready(const Model *m) {
  return m->front ? front_ready(m->front) : m->held < m->depth;
}

static void model_clock(Model *m, bool s_valid, bool m_ready) {
  if (m->front)
    front_clock(m->front, s_valid, m_ready);
  else
    m->held += (s_valid && m->held < m->depth) - (m_ready && m->held > 0);
}

static const char *check_log(const Case *c, FILE *log, bool stalls, uint32_t seed) {
  Model s = {c->kind == FIFO ? NULL : front_new(c->kind, &c->f), 0, c->depth};
  Order order = {0};
  static char got[1 << 16];
  int beat = 0, tokens = 0;
  unsigned s_mode = 0, m_mode = 0;
  for (int edge = 0, idle = 0; idle < IDLE; edge++) {
    unsigned number = 1;
    bool m_ready = true, s_valid = beat < c->beats;
    if (stalls) {
      if (edge % 32 == 0) {
        number = next(&seed);
        s_mode = number % 4;
        m_mode = number / 4 % 4;
      }
      number = next(&seed);
      m_ready = !stalls_now(m_mode, number / 256);
      s_valid = s_valid && !stalls_now(s_mode, number);
    }
    idle++;
    FrontToken t = model_token(&s);
    if (s_valid && model_ready(&s)) {
      beat++;
      idle = 0;
      int when;
      if (!fgets(got, sizeof got, log) || sscanf(got, "i %d", &when) != 1 || when != edge)
        return mem_printf("beat %d should be taken at edge %d: %.60s", beat - 1, edge, got);
    }
    if (t.valid && m_ready) {
      idle = 0;
      int when, step, live, last, at = 0;
      if (!fgets(got, sizeof got, log) || sscanf(got, "t %d %d %d %d %n", &when, &step, &live, &last, &at) != 4 || !at)
        return mem_printf("token %d should come at edge %d: %.60s", tokens, edge, got);
      const char *wrong = check_order(&order, c, step, live, last, got + at);
      if (wrong)
        return mem_printf("edge %d: %s", when, wrong);
      if (when != edge || step != t.step || live != t.live || last != t.last)
        return mem_printf("edge %d, step %d, live %d, last %d instead of %d, %d, %d, %d", when, step, live, last, edge, t.step, t.live,
                          t.last);
      tokens++;
    }
    model_clock(&s, s_valid, m_ready);
  }
  if (fgets(got, sizeof got, log))
    return mem_printf("unexpected: %.60s", got);
  int positions = FRAMES * c->f.out_rows * c->f.out_cols;
  if (beat < c->beats || order.position != positions || order.step)
    return mem_printf("%d of %d beats, %d of %d positions", beat, c->beats, order.position, positions);
  if (order.idle != c->f.flush && c->kind != FIFO)
    return "too few idle tokens at the end";
  return NULL;
}

static int check_cases(int seed, int n, const char *dir) {
  int failed[KINDS] = {0}, done[KINDS] = {0}, sum = 0;
  for (int i = 0; i < n; i++) {
    Case c = random_case(seed, i);
    for (int stalls = 0; stalls < 2; stalls++) {
      FILE *log = fopen(mem_printf("%s/%d_%d.log", dir, i, stalls), "r");
      const char *wrong = log ? check_log(&c, log, stalls, (uint32_t)(seed * 1000 + i + 1)) : "no log";
      if (log)
        fclose(log);
      done[c.kind]++;
      if (wrong && failed[c.kind]++ < 5)
        printf("%s %d, %s: %s\n", kind_name[c.kind], i, stalls ? "stalls" : "full speed", wrong);
    }
  }
  for (int k = 0; k < KINDS; sum += failed[k++]) {
    if (failed[k])
      printf("not ok stream.%s.%d - %d of %d simulations differ\n", kind_name[k], seed, failed[k], done[k]);
    else if (done[k])
      printf("ok stream.%s.%d\n", kind_name[k], seed);
    printf("%s: %d simulations\n", kind_name[k], done[k]);
  }
  return sum > 0;
}

int main(int argc, char **argv) {
  if (argc == 5 && !strcmp(argv[1], "write")) {
    write_cases(atoi(argv[2]), atoi(argv[3]), argv[4]);
    return 0;
  }
  if (argc == 5 && !strcmp(argv[1], "check"))
    return check_cases(atoi(argv[2]), atoi(argv[3]), argv[4]);
  fprintf(stderr, "usage: stream_units write|check SEED N DIR\n");
  return 1;
}
