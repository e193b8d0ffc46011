/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_stream_vhdl.c - the VHDL of a streaming design: entity TOP, which joins the units' front ends, kernels and FIFOs.
 *
 * Every handshake is local. The FIFOs of an edge are written together, when all have room; a unit's ce stops its kernel while it has a beat
 * that they have no room for.
 */
#include "emit_stream.h"
#include "emit_vhdl.h"
#include <stdlib.h>

/* ---- header ---- */

static void header_port(Buf *b, const AxisPort *a) {
  const Edge *e = a->edge;
  buf_printf(b, "--   %s_tdata: %s %s, %s%s\n", a->name, diag_text(a->port->name), stream_shape(a->port), vhdl_format(e->fmt),
             hir_port_scale(a->port));
  buf_printf(b, "--     %d x %d positions of %d channels; %d beat%s a position of %d element%s, %lld beats a frame\n", e->rows, e->cols,
             e->channels, e->beats, e->beats == 1 ? "" : "s", e->lanes, e->lanes == 1 ? "" : "s", (long long)stream_frame_beats(e));
  buf_printf(b, "--     %s\n", stream_order(e));
}

static void header(Buf *b, const StreamNames *n) {
  const Stream *s = n->s;
  buf_puts(b, vhdl_rule);
  vhdl_version(b, n->d->g, n->d->o);
  buf_printf(
      b,
      "--\n-- Whole network by streams. With frames back to back and nobody waiting, %lld cycles from the first beat of a frame taken to\n"
      "-- its last one given (latency), %lld from frame to frame (interval).\n"
      "-- rst (synchronous, active high) empties everything: the next beat begins a frame.\n--\n",
      (long long)s->latency, (long long)s->interval);
  buf_puts(
      b,
      "-- AXI4-Stream: a beat is taken where tvalid and tready are 1 at a rising edge; tvalid never waits for tready. A beat is some "
      "elements\n"
      "-- of one position, element 0 lowest, the bits above the last one 0 (ignored on inputs); unused elements are 0, and must be on "
      "inputs.\n"
      "-- Positions follow in raster order, the beats of one together. Frames follow one another without a gap or mark: tlast of an input "
      "is\n"
      "-- ignored, tlast of an output marks the last beat of a frame. <W,I>: W bits, I of them integer bits; value = integer * 2^(I-W).\n");
  for (int i = 0; i < s->n_in; i++)
    header_port(b, &n->in[i]);
  for (int i = 0; i < s->n_out; i++)
    header_port(b, &n->out[i]);
  buf_puts(b, "--\n-- Units (name: node, operators; how; cycles a frame):\n");
  for (int i = 0; i < s->n_units; i++) {
    const Unit *u = s->unit[i];
    buf_printf(b, "--   %-16s %s (%s); %s; %lld\n", n->unit[i], diag_text(u->node ? u->node->name : u->name), diag_text(u->op ? u->op : ""),
               stream_unit_text(u), (long long)u->interval);
  }
  buf_puts(b, vhdl_rule);
}

/* ---- entity and signals ---- */

static void entity(Buf *b, const StreamNames *n) {
  static const char *const end[] = {"tvalid", "tready", "tdata", "tlast"};
  const Stream *s = n->s;
  int width = 3; /* of the names' column */
  for (int i = 0; i < s->n_in + s->n_out; i++) {
    int len = (int)strlen(i < s->n_in ? n->in[i].name : n->out[i - s->n_in].name) + 7;
    width = len > width ? len : width;
  }
  buf_printf(b, "entity %s is\n  port (\n    %-*s : in  std_logic;\n    %-*s : in  std_logic", n->d->top, width, "clk", width, "rst");
  for (int i = 0; i < s->n_in + s->n_out; i++) {
    const AxisPort *a = i < s->n_in ? &n->in[i] : &n->out[i - s->n_in];
    for (int j = 0; j < 4; j++) {
      buf_printf(b, ";\n    %-*s : %s std_logic", width, mem_printf("%s_%s", a->name, end[j]), (i < s->n_in) == (j != 1) ? "in " : "out");
      if (j == 2)
        buf_printf(b, "_vector(%d downto 0)", stream_tdata_bits(a->edge) - 1);
    }
  }
  buf_printf(b, "\n  );\nend entity %s;\n\n", n->d->top);
}

static int in_bits(const Unit *u) {
  return vhdl_port_bits(u->k->in_port, u->k->n_in_ports);
}

static int out_bits(const Unit *u) {
  return vhdl_port_bits(u->k->out_port, u->k->n_out_ports);
}

static void link_signals(Buf *b, const StreamNames *n, const Link *l) {
  const char *name = stream_link_name(n, l);
  buf_printf(b, "  signal %s_valid, %s_take, %s_free : std_logic;\n", name, name, name);
  buf_printf(b, "  signal %s_data : std_logic_vector(%d downto 0);\n", name, stream_beat_bits(l->edge) - 1);
}

static void signals(Buf *b, const StreamNames *n) {
  const Stream *s = n->s;
  buf_puts(
      b,
      "  -- Of a FIFO: _valid, _take and _data at its end, _free at its beginning. Of what writes FIFOs: _room says that all of its have\n"
      "  -- room, _write that they take a beat. Of a unit: _in_* and _out_* are its kernel's, _beat says that there is one.\n");
  for (int i = 0; i < s->n_in; i++)
    buf_printf(b, "  signal %s_room, %s_write : std_logic;\n", n->in[i].name, n->in[i].name);
  for (int i = 0; i < s->n_units; i++) {
    const Unit *u = s->unit[i];
    const char *name = n->unit[i];
    buf_puts(b, "\n");
    for (int j = 0; j < u->n_in; j++)
      link_signals(b, n, u->in[j]);
    buf_printf(b, "  signal %s_ce, %s_in_valid, %s_out_valid, %s_beat, %s_room, %s_write : std_logic;\n", name, name, name, name, name,
               name);
    buf_printf(b, "  signal %s_in_data : std_logic_vector(%d downto 0);\n", name, in_bits(u) - 1);
    buf_printf(b, "  signal %s_out_data : std_logic_vector(%d downto 0);\n", name, out_bits(u) - 1);
  }
  for (int i = 0; i < s->n_out; i++) {
    int64_t beats = stream_frame_beats(n->out[i].edge);
    buf_printf(b, "\n  signal %s_valid, %s_free : std_logic;\n", n->out[i].name, n->out[i].name);
    if (beats > 1)
      buf_printf(b, "  signal %s_count : natural range 0 to %lld; -- of the beat in its frame\n", n->out[i].name, (long long)beats - 1);
  }
}

/* ---- what is in it ---- */

/* name_room <= a_free and b_free: of the FIFOs that an edge leads to. */
static void room(Buf *b, const StreamNames *n, const Edge *e) {
  const Link **link = mem_array((size_t)n->s->n_links + 1, sizeof *link);
  int count = stream_links(n->s, e, link);
  buf_printf(b, "  %s_room  <= ", stream_edge_name(n, e));
  for (int i = 0; i < count; i++)
    buf_printf(b, "%s%s_free", i ? " and " : "", stream_link_name(n, link[i]));
  buf_puts(b, count ? ";\n" : "'1'; -- nobody reads it\n");
}

/* The FIFO of a link; at its end, signals or the ports of the network. */
static void fifo(Buf *b, const StreamNames *n, const Link *l) {
  const char *name = stream_link_name(n, l), *from = stream_edge_name(n, l->edge);
  int bits = stream_beat_bits(l->edge);
  buf_printf(b, "  i_%s_fifo : entity work.%s_stream_fifo\n    generic map (\n      WIDTH_G => %d,\n      DEPTH_G => %d", name, n->d->top,
             bits, l->depth);
  if (l->most_held)
    buf_printf(b, " -- of which %d are used with frames back to back", l->most_held);
  buf_printf(
      b, "\n    )\n    port map (\n      clk     => clk,\n      rst     => rst,\n      s_valid => %s_write,\n      s_ready => %s_free,\n",
      from, name);
  buf_printf(b, "      s_data  => %s_%s(%d downto 0),\n", from, l->edge->maker ? "out_data" : "tdata", bits - 1);
  buf_printf(b, "      m_valid => %s_valid,\n", name);
  if (l->reader)
    buf_printf(b, "      m_ready => %s_take,\n      m_data  => %s_data\n    );\n\n", name, name);
  else
    buf_printf(b, "      m_ready => %s_tready,\n      m_data  => %s_tdata(%d downto 0)\n    );\n\n", name, name, bits - 1);
}

/* Operands straight from the FIFOs: a beat of each at a time. */
static void map_front(Buf *b, const StreamNames *n, const Unit *u, const char *name) {
  int low = 0;
  buf_printf(b, "  %s_in_valid <= ", name);
  for (int i = 0; i < u->n_in; i++)
    buf_printf(b, "%s%s_valid", i ? " and " : "", stream_link_name(n, u->in[i]));
  buf_puts(b, ";\n");
  for (int i = 0; i < u->n_in; i++) {
    const char *from = stream_link_name(n, u->in[i]);
    int bits = stream_beat_bits(u->in[i]->edge);
    buf_printf(b, "  %s_in_data(%d downto %d) <= %s_data;\n", name, low + bits - 1, low, from);
    if (u->n_in == 1)
      buf_printf(b, "  %s_take <= %s_ce;\n", from, name);
    else
      buf_printf(b, "  %s_take <= %s_ce and %s_in_valid;\n", from, name, name);
    low += bits;
  }
  buf_puts(b, "\n");
}

static void kernel(Buf *b, const StreamNames *n, const Unit *u, const char *name) {
  buf_printf(
      b,
      "  i_%s_kernel : entity work.%s_%s\n    port map (\n      clk       => clk,\n      rst       => rst,\n      ce        => %s_ce,\n"
      "      in_valid  => %s_in_valid,\n      in_data   => %s_in_data,\n      out_valid => %s_out_valid,\n      out_data  => %s_out_data\n"
      "    );\n\n",
      name, n->d->top, name, name, name, name, name, name);
  if (stream_has_valid_bit(u))
    buf_printf(b, "  %s_beat  <= %s_out_valid and %s_out_data(%d);\n", name, name, name, out_bits(u) - 1);
  else
    buf_printf(b, "  %s_beat  <= %s_out_valid;\n", name, name);
  room(b, n, u->out);
  buf_printf(b, "  %s_write <= %s_beat and %s_room;\n  %s_ce    <= %s_room or not %s_beat;\n\n", name, name, name, name, name, name);
}

static void unit(Buf *b, const StreamNames *n, int i) {
  const Unit *u = n->s->unit[i];
  buf_printf(b, "  -- %s: %s (%s); %s\n\n", n->unit[i], diag_text(u->node ? u->node->name : u->name), diag_text(u->op ? u->op : ""),
             stream_unit_text(u));
  for (int j = 0; j < u->n_in; j++)
    fifo(b, n, u->in[j]);
  if (u->kind == UNIT_MAP)
    map_front(b, n, u, n->unit[i]);
  else
    stream_front(b, n, i);
  kernel(b, n, u, n->unit[i]);
}

static void input(Buf *b, const StreamNames *n, const AxisPort *a) {
  room(b, n, a->edge);
  buf_printf(b, "  %s_tready <= %s_room;\n  %s_write <= %s_tvalid and %s_room;\n\n", a->name, a->name, a->name, a->name, a->name);
}

static void output(Buf *b, const StreamNames *n, const AxisPort *a) {
  const char *name = a->name;
  int64_t beats = stream_frame_beats(a->edge);
  int bits = stream_beat_bits(a->edge), all = stream_tdata_bits(a->edge);
  buf_printf(b, "  -- output %s\n\n", diag_text(a->port->name));
  fifo(b, n, a->link);
  buf_printf(b, "  %s_tvalid <= %s_valid;\n", name, name);
  if (all > bits)
    buf_printf(b, "  %s_tdata(%d downto %d) <= (others => '0');\n", name, all - 1, bits);
  if (beats == 1) {
    buf_printf(b, "  %s_tlast <= '1';\n\n", name);
    return;
  }
  buf_printf(b, "  %s_tlast <= '1' when %s_count = %lld else '0';\n\n", name, name, (long long)beats - 1);
  buf_printf(
      b,
      "  p_%s : process (clk)\n  begin\n    if rising_edge(clk) then\n      if %s_valid = '1' and %s_tready = '1' then\n"
      "        if %s_count = %lld then\n          %s_count <= 0;\n        else\n          %s_count <= %s_count + 1;\n        end if;\n"
      "      end if;\n      if rst = '1' then\n        %s_count <= 0;\n      end if;\n    end if;\n  end process p_%s;\n\n",
      name, name, name, name, (long long)beats - 1, name, name, name, name, name);
}

static void top(Buf *b, const StreamNames *n) {
  const Stream *s = n->s;
  header(b, n);
  buf_puts(b, "library ieee;\n  use ieee.std_logic_1164.all;\n\n");
  if (stream_needs_package(s))
    buf_printf(b, "library work;\n  use work.%s_stream_pkg.all;\n\n", n->d->top);
  entity(b, n);
  buf_printf(b, "architecture rtl of %s is\n\n", n->d->top);
  for (int i = 0; i < s->n_units; i++)
    stream_front_constants(b, n, i);
  signals(b, n);
  buf_puts(b, "\nbegin\n\n");
  for (int i = 0; i < s->n_in; i++)
    input(b, n, &n->in[i]);
  for (int i = 0; i < s->n_units; i++)
    unit(b, n, i);
  for (int i = 0; i < s->n_out; i++)
    output(b, n, &n->out[i]);
  buf_puts(b, "end architecture rtl;\n");
}

/* ---- files ---- */

static void kernel_files(const StreamNames *n, int i, Folder *f, Buf *order) {
  const Unit *u = n->s->unit[i];
  Buf part = {0};
  buf_printf(&part, "--\n-- Kernel of unit %s of %s: %s (%s); %s.\n", n->unit[i], n->d->top, diag_text(u->node ? u->node->name : u->name),
             diag_text(u->op ? u->op : ""), stream_unit_text(u));
  if (stream_has_valid_bit(u))
    buf_puts(&part, "-- Its highest output bit says whether there is a beat.\n");
  const VhdlEntity e = {.name = mem_printf("%s_%s", n->d->top, n->unit[i]), .k = u->k, .g = n->d->g, .o = n->d->o, .part = part.s};
  if (hir_interval_cycles(u->k) != 1) {
    fprintf(stderr, "nngen: internal error: unit %s: its kernel takes no token in every cycle\n", u->name);
    abort();
  }
  vhdl_entity(&e, f, order);
}

void emit_stream_vhdl(const StreamDesign *d, Folder *f) {
  StreamNames n = stream_names(d);
  Buf *order = folder_add(f, "vhdl/files.txt");
  stream_library(&n, f, order);
  for (int i = 0; i < d->s->n_units; i++)
    kernel_files(&n, i, f, order);
  top(folder_add(f, mem_printf("vhdl/%s.vhd", d->top)), &n);
  buf_printf(order, "%s.vhd\n", d->top);
}
