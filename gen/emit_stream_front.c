/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_stream_front.c - the library's entities in a streaming design: which files it takes, and how a unit's front end is instantiated.
 */
#include "emit_stream.h"
#include "emit_tb.h"
#include "emit_vhdl.h"
#include <stdlib.h>

static bool has_kind(const Stream *s, UnitKind kind) {
  for (int i = 0; i < s->n_units; i++)
    if (s->unit[i]->kind == kind)
      return true;
  return false;
}

bool stream_needs_package(const Stream *s) {
  return has_kind(s, UNIT_FETCH);
}

void stream_library(const StreamNames *n, Folder *f, Buf *order) {
  bool fetch = has_kind(n->s, UNIT_FETCH), window = has_kind(n->s, UNIT_WINDOW);
  const struct {
    const char *name;
    bool used;
  } file[] = {{"pkg", true}, {"ram", true}, {"fifo", true}, {"rows", fetch || window}, {"fetch", fetch}, {"window", window}};
  for (size_t i = 0; i < sizeof file / sizeof *file; i++) {
    if (!file[i].used)
      continue;
    const char *name = mem_printf("%s_stream_%s.vhd", n->d->top, file[i].name);
    template_prefix(folder_add(f, mem_printf("vhdl/%s", name)), mem_printf("templates/vhdl/nn_stream_%s.vhd", file[i].name), n->d->top);
    buf_printf(order, "%s\n", name);
  }
}

/* ---- generics ---- */

/* Word i at step i from every port: a counter does it. */
static bool is_identity(const Front *f) {
  for (int p = 0; p < f->ports; p++) {
    if (f->phase[p])
      return false;
    for (int i = 0; i < f->period; i++)
      if (f->order[p * f->period + i].row || f->order[p * f->period + i].word != i)
        return false;
  }
  return true;
}

/* constant NAME : t_nn_naturals(0 to n - 1) := (...); a single element only has a named association. */
static void naturals(Buf *b, const char *name, const int *v, int n) {
  buf_printf(b, "  constant %s : t_nn_naturals(0 to %d) := (", name, n - 1);
  for (int i = 0; i < n; i++)
    buf_printf(b, "%s%s%s%d", i ? "," : "", i % 24 ? " " : "\n    ", n == 1 ? "0 => " : "", v[i]);
  buf_puts(b, "\n  );\n");
}

static bool pads_zero(const Front *f) {
  return f->pad == 0;
}

/* A word of padding. */
static void pad(Buf *b, const Front *f, const Edge *e, const char *name) {
  uint8_t *bit = mem_array((size_t)stream_beat_bits(e) + 4, 1);
  int bits = stream_beat_bits(e);
  for (int l = 0; l < e->lanes; l++)
    tb_element(bit + l * e->fmt.W, f->pad, e->fmt.W);
  buf_printf(b, "  constant C_%s_pad : std_logic_vector(%d downto 0) := \"", name, bits - 1);
  for (int i = bits - 1; i >= 0; i--)
    buf_puts(b, bit[i] ? "1" : "0");
  buf_puts(b, "\";\n\n");
}

void stream_front_constants(Buf *b, const StreamNames *n, int unit) {
  const Unit *u = n->s->unit[unit];
  const Front *f = &u->front;
  const char *name = n->unit[unit];
  if (u->kind != UNIT_MAP && !pads_zero(f))
    pad(b, f, u->in[0]->edge, name);
  if (u->kind != UNIT_FETCH || is_identity(f))
    return;
  int entries = f->ports * f->period, *row = mem_array((size_t)entries + 1, sizeof *row),
      *word = mem_array((size_t)entries + 1, sizeof *word);
  for (int i = 0; i < entries; i++)
    row[i] = f->order[i].row, word[i] = f->order[i].word;
  buf_printf(b, "  -- %s reads, at a step, entry port * %d + (step + phase of the port) mod %d of these.\n", name, f->period, f->period);
  naturals(b, mem_printf("C_%s_phase", name), f->phase, f->ports);
  naturals(b, mem_printf("C_%s_row", name), row, entries);
  naturals(b, mem_printf("C_%s_word", name), word, entries);
  buf_puts(b, "\n");
}

static void generic(Buf *b, const char *name, int value) {
  buf_printf(b, "      %-15s => %d,\n", name, value);
}

static int bits_of(int n) {
  return hir_width_of(0, n);
}

/* Where the operands end and step, live and last begin in the kernel's input; the lowering has to have made room for exactly them. */
static int operand_bits(const Unit *u, int words) {
  bool steps = u->kind == UNIT_FETCH || u->front.steps > 1;
  int bits = words * stream_beat_bits(u->in[0]->edge), more = steps ? bits_of(u->front.steps - 1) + 2 : 0;
  int all = vhdl_port_bits(u->k->in_port, u->k->n_in_ports);
  if (bits + more != all) {
    fprintf(stderr, "nngen: internal error: unit %s: %d operand and %d control bits into a kernel of %d\n", u->name, bits, more, all);
    abort();
  }
  return bits;
}

static void port_map(Buf *b, const Unit *u, const char *name, const char *from, int operands) {
  buf_printf(b,
             "    port map (\n      clk     => clk,\n      rst     => rst,\n      s_valid => %s_valid,\n      s_ready => %s_take,\n"
             "      s_data  => %s_data,\n      m_valid => %s_in_valid,\n      m_ready => %s_ce,\n",
             from, from, from, name, name);
  int step = bits_of(u->front.steps - 1);
  if (stream_has_valid_bit(u))
    buf_printf(b, "      m_step  => %s_in_data(%d downto %d),\n      m_live  => %s_in_data(%d),\n      m_last  => %s_in_data(%d),\n", name,
               operands + step - 1, operands, name, operands + step, name, operands + step + 1);
  else if (u->kind == UNIT_WINDOW) /* each position once: nothing to tell */
    buf_puts(b, "      m_step  => open,\n      m_live  => open,\n      m_last  => open,\n");
  buf_printf(b, "      m_data  => %s_in_data(%d downto 0)\n    );\n\n", name, operands - 1);
}

void stream_front(Buf *b, const StreamNames *n, int unit) {
  const Unit *u = n->s->unit[unit];
  const Front *f = &u->front;
  const Edge *e = u->in[0]->edge;
  const char *name = n->unit[unit], *from = stream_link_name(n, u->in[0]);
  bool fetch = u->kind == UNIT_FETCH, identity = fetch && is_identity(f);
  buf_printf(b, "  i_%s_front : entity work.%s_stream_%s\n    generic map (\n", name, n->d->top, fetch ? "fetch" : "window");
  generic(b, "WORD_BITS_G", stream_beat_bits(e));
  generic(b, "ROWS_G", f->rows);
  generic(b, "ROW_WORDS_G", f->row_words);
  generic(b, "SLOTS_G", f->slots);
  generic(b, "OUT_ROWS_G", f->out_rows);
  generic(b, "OUT_COLS_G", f->out_cols);
  generic(b, "ROW_FIRST_G", f->row_first);
  generic(b, "ROW_STEP_G", f->row_step);
  if (fetch)
    generic(b, "ROW_SPAN_G", f->row_span);
  generic(b, "WORD_FIRST_G", f->word_first);
  generic(b, "WORD_STEP_G", f->word_step);
  generic(b, "STEPS_G", f->steps);
  generic(b, "FLUSH_G", f->flush);
  if (fetch) {
    generic(b, "PORTS_G", f->ports);
    generic(b, "PERIOD_G", f->period);
    buf_printf(b, "      %-15s => %s,\n", "IDENTITY_G", identity ? "true" : "false");
    static const char *const table[][2] = {{"PHASE_G", "phase"}, {"ORDER_ROW_G", "row"}, {"ORDER_WORD_G", "word"}};
    for (int i = 0; i < 3; i++)
      buf_printf(b, "      %-15s => %s,\n", table[i][0], identity ? "(0 => 0)" : mem_printf("C_%s_%s", name, table[i][1]));
  } else {
    generic(b, "KERNEL_ROWS_G", f->kernel_rows);
    generic(b, "ROW_DILATION_G", f->row_dilation);
    generic(b, "KERNEL_WORDS_G", f->kernel_words);
    generic(b, "WORD_DILATION_G", f->word_dilation);
    generic(b, "TAP_WORDS_G", f->tap_words);
  }
  if (pads_zero(f))
    buf_printf(b, "      %-15s => (%d downto 0 => '0')\n    )\n", "PAD_G", stream_beat_bits(e) - 1);
  else
    buf_printf(b, "      %-15s => C_%s_pad\n    )\n", "PAD_G", name);
  int words = fetch ? f->ports : f->kernel_rows * f->kernel_words * f->tap_words;
  port_map(b, u, name, from, operand_bits(u, words));
}
