/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_graphs.c - stream_time against GHDL on random networks of units: chains with forks and joins, small FIFOs, kernels that are only a
 * delay (tests/stream/kernel_stub.vhd).
 *
 *   stream_graphs write SEED N DIR    DIR/cases.vhd: N networks in an entity `cases`
 *   stream_graphs check SEED N DIR    what the simulation wrote into DIR against the model
 */
#include "emit.h"
#include "stream.h"
#include <stdlib.h>

enum { FRAMES = 5, MOST_UNITS = 12 };

static uint32_t dice;
static int from(int low, int high) {
  dice ^= dice << 13;
  dice ^= dice >> 17;
  dice ^= dice << 5;
  return low + (int)((dice >> 16) % (uint32_t)(high - low + 1));
}

/* ---- networks ---- */

static Edge *new_edge(Stream *s, int rows, int cols, int beats, Unit *maker) {
  Edge *e = mem_alloc(sizeof *e);
  *e = (Edge){.rows = rows, .cols = cols, .beats = beats, .lanes = 1, .maker = maker};
  s->edge = mem_grow(s->edge, s->n_edges, &s->cap_edges, sizeof *s->edge);
  return s->edge[s->n_edges++] = e;
}

static Link *new_link(Stream *s, Edge *e, Unit *reader) {
  Link *l = mem_alloc(sizeof *l);
  *l = (Link){.edge = e, .reader = reader, .depth = from(0, 2) ? from(2, 4) : from(5, 40)};
  s->link = mem_grow(s->link, s->n_links, &s->cap_links, sizeof *s->link);
  s->link[s->n_links++] = l;
  if (e->maker) {
    Unit *u = e->maker;
    Link **more = mem_array((size_t)u->n_links + 1, sizeof *more);
    for (int i = 0; i < u->n_links; i++)
      more[i] = u->link[i];
    more[u->n_links++] = l;
    u->link = more;
  }
  return l;
}

static Unit *new_unit(Stream *s, UnitKind kind, Edge *a, Edge *b) {
  Unit *u = mem_alloc(sizeof *u);
  u->kind = kind;
  u->n_in = b ? 2 : 1;
  u->in = mem_array(2, sizeof *u->in);
  u->in[0] = new_link(s, a, u);
  if (b)
    u->in[1] = new_link(s, b, u);
  u->k = mem_alloc(sizeof *u->k);
  u->k->n_stages = from(1, 6);
  s->unit = mem_grow(s->unit, s->n_units, &s->cap_units, sizeof *s->unit);
  return s->unit[s->n_units++] = u;
}

/* Which tokens give beats: `beats` of the position's own, one behind the other or with gaps, or of those after it. */
static void choose_emits(Unit *u, int beats) {
  Front *f = &u->front;
  f->steps = beats + (from(0, 1) ? 0 : from(1, 6));
  bool late = from(0, 1);
  uint8_t *gives = mem_array((size_t)f->steps, 1);
  int left = beats, end = 0;
  for (int i = 0; i < f->steps; i++)
    if (left && (f->steps - i == left || from(0, 1))) {
      gives[i] = 1;
      left--;
      end = i + 1;
    }
  u->emits = late ? mem_array((size_t)f->steps, 1) : gives;
  u->late = late ? gives : NULL;
  f->flush = late ? end : from(0, 2) ? 0 : from(0, f->steps + 2);
}

static Edge *add_window(Stream *s, Edge *in, bool same_shape) {
  Unit *u = new_unit(s, UNIT_WINDOW, in, NULL);
  Front *f = &u->front;
  int ky = from(0, 1) * 2 + 1, kx = from(0, 1) * 2 + 1, step = same_shape || from(0, 2) ? 1 : 2;
  *f = (Front){.rows = in->rows, .row_words = in->cols * in->beats, .row_step = step, .row_first = -(ky / 2), .kernel_rows = ky};
  f->row_dilation = 1;
  f->kernel_words = kx;
  f->tap_words = f->word_dilation = in->beats;
  f->word_first = -(kx / 2) * in->beats;
  f->word_step = step * in->beats;
  f->out_rows = (in->rows - 1) / step + 1;
  f->out_cols = (in->cols - 1) / step + 1;
  f->slots = (ky < in->rows ? ky : in->rows) + from(0, 2);
  int beats = same_shape ? in->beats : from(1, 3);
  choose_emits(u, beats);
  if (beats == 1 && from(0, 1)) {
    f->steps = 1;
    f->flush = 0;
    u->emits = NULL;
  }
  return u->out = new_edge(s, f->out_rows, f->out_cols, beats, u);
}

static Edge *add_fetch(Stream *s, Edge *in) {
  Unit *u = new_unit(s, UNIT_FETCH, in, NULL);
  Front *f = &u->front;
  *f = (Front){.rows = 1, .row_words = in->rows * in->cols * in->beats, .slots = from(1, 3), .out_rows = 1, .out_cols = 1, .row_span = 1};
  f->ports = 1;
  f->period = f->row_words;
  f->phase = mem_array(1, sizeof *f->phase);
  f->order = mem_array((size_t)f->period, sizeof *f->order);
  for (int i = 0; i < f->period; i++)
    f->order[i].word = i;
  int beats = from(1, 4);
  choose_emits(u, beats);
  return u->out = new_edge(s, 1, 1, beats, u);
}

static Edge *add_map(Stream *s, Edge *a, Edge *b) {
  Unit *u = new_unit(s, UNIT_MAP, a, b);
  return u->out = new_edge(s, a->rows, a->cols, a->beats, u);
}

static Stream *random_stream(int seed, int number) {
  Stream *s = mem_alloc(sizeof *s);
  dice = (uint32_t)(seed * 1000 + number) * 2654435761u + 1;
  for (int i = 0; i < 8; i++)
    from(0, 1);
  Edge *e = new_edge(s, from(1, 5), from(1, 6), from(1, 2), NULL);
  s->n_in = s->n_out = 1;
  s->in = mem_array(1, sizeof *s->in);
  s->out = mem_array(1, sizeof *s->out);
  s->in[0] = e;
  for (int units = from(1, 5); units; units--) {
    int what = from(0, 5);
    if (what == 0)
      e = add_map(s, e, NULL);
    else if (what < 3)
      e = add_window(s, e, false);
    else if (what == 3)
      e = add_fetch(s, e);
    else /* around a convolution, a map or nothing, and added to it again */
      e = add_map(s, what == 4 ? add_window(s, e, true) : add_map(s, e, NULL), e);
  }
  s->out[0] = new_link(s, e, NULL);
  if (!stream_time(s, FRAMES)) { /* stuck: what the joins need */
    for (int i = 0; i < s->n_links; i++)
      s->link[i]->depth = 0;
    stream_time(s, FRAMES);
    for (int i = 0; i < s->n_links; i++)
      s->link[i]->depth = s->link[i]->most_held < 2 ? 2 : s->link[i]->most_held;
  }
  return s;
}

static int number_of(const Stream *s, const Link *l) {
  for (int i = 0; i < s->n_links; i++)
    if (s->link[i] == l)
      return i;
  abort();
}

/* ---- write ---- */

static int bits(int n) {
  int b = 1;
  while (n >>= 1)
    b++;
  return b;
}

static void all_of(FILE *o, const Stream *s, const Edge *e) {
  const char *and = "";
  for (int i = 0; i < s->n_links; i++)
    if (s->link[i]->edge == e) {
      fprintf(o, "%sroom(%d)", and, i);
      and = " and ";
    }
  fprintf(o, ";\n");
}

static void write_front(FILE *o, const Unit *u, int link) {
  const Front *f = &u->front;
  bool fetch = u->kind == UNIT_FETCH;
  fprintf(o, "      u_front : entity work.nn_stream_%s\n        generic map (\n", fetch ? "fetch" : "window");
  fprintf(o, "          WORD_BITS_G => 1, ROWS_G => %d, ROW_WORDS_G => %d, SLOTS_G => %d, OUT_ROWS_G => %d, OUT_COLS_G => %d,\n", f->rows,
          f->row_words, f->slots, f->out_rows, f->out_cols);
  fprintf(o, "          ROW_FIRST_G => %d, ROW_STEP_G => %d, WORD_FIRST_G => %d, WORD_STEP_G => %d, STEPS_G => %d, FLUSH_G => %d,\n",
          f->row_first, f->row_step, f->word_first, f->word_step, f->steps, f->flush);
  if (fetch)
    fprintf(o,
            "          ROW_SPAN_G => 1, PORTS_G => 1, PERIOD_G => %d, IDENTITY_G => true, PHASE_G => (0 => 0), ORDER_ROW_G => (0 => 0), "
            "ORDER_WORD_G => (0 => 0),\n",
            f->period);
  else
    fprintf(o, "          KERNEL_ROWS_G => %d, ROW_DILATION_G => %d, KERNEL_WORDS_G => %d, WORD_DILATION_G => %d, TAP_WORDS_G => %d,\n",
            f->kernel_rows, f->row_dilation, f->kernel_words, f->word_dilation, f->tap_words);
  fprintf(o, "          PAD_G => \"0\")\n        port map (clk, rst, some(%d), pop(%d), \"0\", valid, ce, step, live, last, open);\n", link,
          link);
}

static void write_unit(FILE *o, const Stream *s, const Unit *u, int number) {
  int steps = u->kind == UNIT_MAP ? 1 : u->front.steps;
  fprintf(o, "    b_unit%d : block\n      signal ce, valid, live, last, beat : std_logic;\n", number);
  fprintf(o, "      signal step : std_logic_vector(%d downto 0);\n    begin\n", bits(steps - 1) - 1);
  if (u->kind == UNIT_MAP) {
    fprintf(o, "      valid <= some(%d)", number_of(s, u->in[0]));
    for (int i = 1; i < u->n_in; i++)
      fprintf(o, " and some(%d)", number_of(s, u->in[i]));
    fprintf(o, ";\n      step <= \"0\";\n      live <= '1';\n      last <= '0';\n");
    for (int i = 0; i < u->n_in; i++)
      fprintf(o, "      pop(%d) <= valid and ce;\n", number_of(s, u->in[i]));
  } else {
    write_front(o, u, number_of(s, u->in[0]));
  }
  int flush = u->kind == UNIT_MAP ? 0 : u->front.flush;
  fprintf(o, "      u_kernel : entity work.kernel_stub\n        generic map (%d, %d, %d, (", vhdl_latency(u->k), bits(steps - 1), flush);
  for (int i = 0; i < steps; i++)
    fprintf(o, "%d => %d, ", i, u->emits ? u->emits[i] : 1);
  fprintf(o, "%d => 0), (", steps);
  for (int i = 0; i < flush; i++)
    fprintf(o, "%d => %d, ", i, u->late ? u->late[i] : 0);
  fprintf(o, "%d => 0", flush);
  fprintf(o, "))\n        port map (clk, rst, ce, valid, step, live, last, beat);\n");
  fprintf(o, "      ce <= not beat or gives(%d);\n      gives(%d) <= beat and ready(%d);\n      ready(%d) <= ", number, number, number,
          number);
  all_of(o, s, u->out);
  for (int i = 0; i < u->n_links; i++)
    fprintf(o, "      push(%d) <= gives(%d);\n", number_of(s, u->link[i]), number);
  fprintf(o, "    end block b_unit%d;\n\n", number);
}

static int64_t beats_of(const Edge *e) {
  return (int64_t)e->rows * e->cols * e->beats;
}

static void write_monitor(FILE *o, const Stream *s, int number, const char *dir) {
  fprintf(o, "    p_monitor : process\n      file f : text;\n      variable l : line;\n      variable cycle, first, left, beats, idle : "
             "natural := 0;\n");
  fprintf(o, "      type t_numbers is array (0 to %d) of integer;\n", s->n_links + s->n_units);
  fprintf(o, "      variable given, held, most : t_numbers := (others => 0);\n      constant C_BEATS : t_numbers := (");
  for (int i = 0; i < s->n_units; i++)
    fprintf(o, "%d => %d, ", i, (int)beats_of(s->unit[i]->out));
  fprintf(o, "others => 0);\n      procedure say (what : string; a, b : integer) is\n      begin\n");
  fprintf(o, "        write(l, what & \" \" & integer'image(a) & \" \" & integer'image(b));\n        writeline(f, l);\n      end "
             "procedure;\n    begin\n");
  fprintf(o,
          "      file_open(f, \"%s/%d.log\", write_mode);\n      rst <= '1';\n      source <= '0';\n      wait until rising_edge(clk);\n",
          dir, number);
  int out = number_of(s, s->out[0]);
  fprintf(
      o, "      rst <= '0';\n      source <= '1';\n      left := %d;\n      while idle < 3000 loop\n        wait until rising_edge(clk);\n",
      (int)beats_of(s->in[0]) * FRAMES);
  fprintf(o, "        idle := idle + 1;\n        if source = '1' and source_ready = '1' then\n          left := left - 1;\n          if "
             "left = 0 then\n"
             "            source <= '0';\n          end if;\n        end if;\n");
  fprintf(o,
          "        for i in 0 to %d loop\n          if gives(i) = '1' then\n            idle := 0;\n            given(i) := given(i) + 1;\n"
          "            if given(i) = 1 then\n              say(\"first\", i, cycle);\n            end if;\n            if given(i) = "
          "C_BEATS(i) then\n"
          "              say(\"last\", i, cycle);\n            end if;\n          end if;\n        end loop;\n",
          s->n_units - 1);
  fprintf(o,
          "        if some(%d) = '1' then\n          idle := 0;\n          beats := beats + 1;\n          if beats mod %d = 0 then\n"
          "            say(\"done\", beats / %d - 1, cycle);\n          end if;\n        end if;\n",
          out, (int)beats_of(s->out[0]->edge), (int)beats_of(s->out[0]->edge));
  fprintf(o,
          "        for i in 0 to %d loop\n          if push(i) = '1' and room(i) = '1' then\n            held(i) := held(i) + 1;\n         "
          " end if;\n"
          "          if pop(i) = '1' and some(i) = '1' then\n            held(i) := held(i) - 1;\n          end if;\n"
          "          if held(i) > most(i) then\n            most(i) := held(i);\n          end if;\n        end loop;\n",
          s->n_links - 1);
  fprintf(
      o, "        cycle := cycle + 1;\n      end loop;\n      for i in 0 to %d loop\n        say(\"held\", i, most(i));\n      end loop;\n",
      s->n_links - 1);
  fprintf(o, "      running <= false;\n      wait;\n    end process p_monitor;\n\n");
}

static void write_stream(FILE *o, const Stream *s, int number, const char *dir) {
  fprintf(o, "  b_case%d : block\n    signal clk : std_logic := '0';\n    signal running : boolean := true;\n", number);
  fprintf(o, "    signal rst, source, source_ready : std_logic;\n    signal some, room, push, pop : std_logic_vector(0 to %d);\n",
          s->n_links - 1);
  fprintf(o, "    signal gives, ready : std_logic_vector(0 to %d);\n  begin\n", s->n_units - 1);
  fprintf(o, "    clk <= not clk after 5 ns when running else '0';\n    source_ready <= ");
  all_of(o, s, s->in[0]);
  for (int i = 0; i < s->n_links; i++) {
    if (!s->link[i]->edge->maker)
      fprintf(o, "    push(%d) <= source and source_ready;\n", i);
    if (!s->link[i]->reader)
      fprintf(o, "    pop(%d) <= '1';\n", i);
    fprintf(o, "    u_fifo%d : entity work.nn_stream_fifo\n      generic map (1, %d)\n", i, s->link[i]->depth);
    fprintf(o, "      port map (clk, rst, push(%d), room(%d), \"0\", some(%d), pop(%d), open);\n", i, i, i, i);
  }
  for (int i = 0; i < s->n_units; i++)
    write_unit(o, s, s->unit[i], i);
  write_monitor(o, s, number, dir);
  fprintf(o, "  end block b_case%d;\n\n", number);
}

static void write_cases(int seed, int n, const char *dir) {
  FILE *o = fopen(mem_printf("%s/cases.vhd", dir), "w");
  if (!o) {
    perror(dir);
    exit(1);
  }
  fprintf(o, "library ieee;\n  use ieee.std_logic_1164.all;\nlibrary std;\n  use std.textio.all;\nlibrary work;\n  use "
             "work.nn_stream_pkg.all;\n\n");
  fprintf(o, "entity cases is\nend entity cases;\n\narchitecture bench of cases is\n\nbegin\n\n");
  for (int i = 0; i < n; i++)
    write_stream(o, random_stream(seed, i), i, dir);
  fprintf(o, "end architecture bench;\n");
  fclose(o);
}

/* ---- check ---- */

static const char *check_stream(Stream *s, FILE *log) {
  if (!stream_time(s, FRAMES))
    return "the model gets stuck";
  char what[16];
  int i, lines = 0;
  int64_t done[FRAMES] = {0};
  for (int value; fscanf(log, "%15s %d %d", what, &i, &value) == 3; lines++) {
    int64_t want;
    if (!strcmp(what, "done")) {
      done[i] = value;
      continue;
    } else if (!strcmp(what, "held")) {
      want = s->link[i]->most_held;
    } else {
      want = !strcmp(what, "first") ? s->unit[i]->first : s->unit[i]->last;
    }
    if (want != value)
      return mem_printf("%s %d: %d, model %d", what, i, value, (int)want);
  }
  if (lines != FRAMES + s->n_links + 2 * s->n_units)
    return mem_printf("%d lines", lines);
  int64_t interval = done[FRAMES - 1] - done[FRAMES - 2];
  if (done[0] != s->latency || interval != s->interval)
    return mem_printf("latency %d, interval %d, model %d, %d", (int)done[0], (int)interval, (int)s->latency, (int)s->interval);
  return NULL;
}

static int check_cases(int seed, int n, const char *dir) {
  int failed = 0;
  for (int i = 0; i < n; i++) {
    FILE *log = fopen(mem_printf("%s/%d.log", dir, i), "r");
    const char *wrong = log ? check_stream(random_stream(seed, i), log) : "no log";
    if (log)
      fclose(log);
    if (wrong && failed++ < 5)
      printf("network %d: %s\n", i, wrong);
  }
  if (failed)
    printf("not ok stream.networks.%d - %d of %d differ\n", seed, failed, n);
  else
    printf("ok stream.networks.%d\n", seed);
  return failed > 0;
}

int main(int argc, char **argv) {
  if (argc == 5 && !strcmp(argv[1], "write")) {
    write_cases(atoi(argv[2]), atoi(argv[3]), argv[4]);
    return 0;
  }
  if (argc == 5 && !strcmp(argv[1], "check"))
    return check_cases(atoi(argv[2]), atoi(argv[3]), argv[4]);
  fprintf(stderr, "usage: stream_graphs write|check SEED N DIR\n");
  return 1;
}
