/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_stream_tb.c - tb/ of a streaming design: VHDL bench, Verilator main, vectors. The expectations are the evaluator's, never the
 * design's.
 */
#include "emit_stream.h"
#include "emit_tb.h"
#include "version.h"

#define WORK 3e6 /* of a simulation in GHDL; some seconds */

/* All frames of one port, a beat a line. `first`: number of its first element among the `all` of a frame. */
static void beats(Buf *b, const AxisPort *a, size_t frames, size_t all, const int64_t *v) {
  const Edge *e = a->edge;
  int bits = stream_beat_bits(e);
  uint8_t *bit = mem_array((size_t)bits + 4, 1);
  buf_printf(b, "# nngen vectors N=%zu bits=%d elements=%d\n", frames * (size_t)stream_frame_beats(e), bits, e->lanes);
  for (size_t f = 0; f < frames; f++) {
    const int64_t *frame = v + f * all + a->port->first;
    for (int p = 0; p < e->rows * e->cols; p++)
      for (int beat = 0; beat < e->beats; beat++) {
        for (int l = 0; l < e->lanes; l++) {
          int c = e->channel[beat * e->lanes + l];
          tb_element(bit + l * e->fmt.W, c < 0 ? 0 : frame[e->element[(size_t)p * (size_t)e->channels + (size_t)c]], e->fmt.W);
        }
        tb_hex(b, bit, bits);
      }
  }
}

/* As many as are simulated in seconds, 5 at least, and such that the second half is an even number of intervals. */
size_t stream_default_frames(const StreamDesign *d) {
  double work = 0; /* of a cycle, in values of kernels */
  for (int i = 0; i < d->s->n_units; i++)
    work += d->s->unit[i]->k->n + 100;
  size_t n = (size_t)(WORK / (work * (double)(d->s->interval > 1 ? d->s->interval : 1)));
  n = n < 5 ? 5 : n > 257 ? 257 : n / 4 * 4 + 1;
  return n < d->vec->n ? n : d->vec->n;
}

static const char *truth(bool b) {
  return b ? "true" : "false";
}

static int frac(const Edge *e) {
  return e->fmt.W - e->fmt.I;
}

/* ---- VHDL ---- */

static void vhdl_signals(Buf *b, const AxisPort *a) {
  buf_printf(b, "\n  signal %s_tvalid, %s_tready, %s_tlast : std_logic := '0';\n", a->name, a->name, a->name);
  buf_printf(b, "  signal %s_tdata : std_logic_vector(%d downto 0);", a->name, stream_tdata_bits(a->edge) - 1);
}

static void vhdl_port_map(Buf *b, const AxisPort *a) {
  static const char *const end[] = {"tvalid", "tready", "tdata", "tlast"};
  for (int i = 0; i < 4; i++)
    buf_printf(b, "%s      %s_%s => %s_%s,", b->len ? "\n" : "", a->name, end[i], a->name, end[i]);
}

static void vhdl_side(Buf *b, const AxisPort *a, const StreamDesign *d, int i, bool in) {
  const Edge *e = a->edge;
  buf_printf(b, "  i_%s : entity work.%s_tb_%s\n    generic map (\n", a->name, d->top, in ? "source" : "sink");
  buf_printf(b, "      FILE_G   => VECTORS_G & \"/%s.hex\",\n", a->name);
  if (in)
    buf_printf(b, "      BITS_G   => %d,\n", stream_beat_bits(e));
  else
    buf_printf(b, "      NAME_G   => \"%s\",\n      WIDTH_G  => %d,\n      FRAC_G   => %d,\n      SIGNED_G => %s,\n",
               tb_quotable(a->port->name), e->fmt.W, frac(e), truth(e->fmt.is_signed));
  buf_printf(b, "      LANES_G  => %d,\n      BEATS_G  => %lld,\n      TOTAL_G  => C_TOTAL,\n", e->lanes, (long long)stream_frame_beats(e));
  buf_printf(b, "%s      SEED_G   => SEED_G * 1009 + %d\n    )\n", in ? "" : "      MIDDLE_G => C_MIDDLE,\n", in ? i : 499 + i);
  buf_puts(b, "    port map (\n      clk     => clk,\n      rst     => rst,\n      frames  => C_FRAMES,\n      stalled => stalled,\n"
              "      cycle   => cycle,\n");
  buf_printf(b, "      tvalid  => %s_tvalid,\n      tready  => %s_tready,\n      tdata   => %s_tdata,\n      tlast   => %s_tlast,\n",
             a->name, a->name, a->name, a->name);
  if (in)
    buf_printf(b, "      done    => in_done(%d),\n      first   => in_first(%d)\n    );\n\n", i, i);
  else
    buf_printf(b,
               "      done    => out_done(%d),\n      first_end  => out_first_end(%d),\n      middle_end => out_middle_end(%d),\n"
               "      last_end   => out_last_end(%d),\n      mismatches => out_mismatches(%d)\n    );\n\n",
               i, i, i, i, i);
}

/* "0 => 64, 1 => 10" */
static void vhdl_beats(Buf *b, const AxisPort *a, int i) {
  buf_printf(b, "%s%d => %lld", i ? ", " : "", i, (long long)stream_frame_beats(a->edge));
}

/* ---- C++ ---- */

static void cpp_port(Buf *b, const AxisPort *a, int i) {
  const Edge *e = a->edge;
  buf_printf(b, "%s    {\"%s\", \"%s\", %d, %d, %d, %s, %lld},", i ? "\n" : "", a->name, tb_quotable(a->port->name), e->lanes, e->fmt.W,
             frac(e), truth(e->fmt.is_signed), (long long)stream_frame_beats(e));
}

typedef struct {
  Buf signals, map, sides, in_beats, out_beats;                           /* VHDL */
  Buf in_ports, out_ports, set_input, input_ready, set_ready, get_output; /* C++ */
  int64_t frame_bits;
} Parts;

static Parts parts_of(const StreamNames *n) {
  Parts p = {0};
  for (int i = 0; i < n->s->n_in; i++) {
    const AxisPort *a = &n->in[i];
    const char *name = a->name, *line = i ? "\n" : "";
    vhdl_signals(&p.signals, a);
    vhdl_port_map(&p.map, a);
    vhdl_side(&p.sides, a, n->d, i, true);
    vhdl_beats(&p.in_beats, a, i);
    cpp_port(&p.in_ports, a, i);
    buf_printf(&p.set_input,
               "%s  case %d:\n    dut.%s_tvalid = valid;\n    dut.%s_tlast = last;\n    set_port(dut.%s_tdata, data);\n    break;", line, i,
               name, name, name);
    buf_printf(&p.input_ready, "%s  case %d:\n    return dut.%s_tready;", line, i, name);
  }
  for (int i = 0; i < n->s->n_out; i++) {
    const AxisPort *a = &n->out[i];
    const char *name = a->name, *line = i ? "\n" : "";
    vhdl_signals(&p.signals, a);
    vhdl_port_map(&p.map, a);
    vhdl_side(&p.sides, a, n->d, i, false);
    vhdl_beats(&p.out_beats, a, i);
    cpp_port(&p.out_ports, a, i);
    buf_printf(&p.set_ready, "%s  case %d:\n    dut.%s_tready = ready;\n    break;", line, i, name);
    buf_printf(&p.get_output,
               "%s  case %d:\n    valid = dut.%s_tvalid;\n    last = dut.%s_tlast;\n    get_port(dut.%s_tdata, data);\n    break;", line, i,
               name, name, name);
    p.frame_bits += stream_frame_beats(a->edge) * stream_beat_bits(a->edge);
  }
  return p;
}

static const char *number(int64_t n) {
  return mem_printf("%lld", (long long)n);
}

void emit_stream_tb(const StreamDesign *d, Folder *f) {
  const Stream *s = d->s;
  StreamNames n = stream_names(d);
  tb_vectors(folder_add(f, "tb/vectors/in.hex"), s->in_port, s->n_in, s->n_in_elements, d->vec->n, d->vec->in);
  tb_vectors(folder_add(f, "tb/vectors/out.hex"), s->out_port, s->n_out, s->n_out_elements, d->vec->n, d->vec->out);
  if (!(d->o->target & TARGET_VHDL))
    return;
  for (int i = 0; i < s->n_in; i++)
    beats(folder_add(f, mem_printf("tb/vectors/%s.hex", n.in[i].name)), &n.in[i], d->vec->n, (size_t)s->n_in_elements, d->vec->in);
  for (int i = 0; i < s->n_out; i++)
    beats(folder_add(f, mem_printf("tb/vectors/%s.hex", n.out[i].name)), &n.out[i], d->vec->n, (size_t)s->n_out_elements, d->vec->out);
  Parts p = parts_of(&n);
  const char *pairs[] = {"TOP",
                         d->top,
                         "VERSION",
                         NNGEN_VERSION,
                         "LATENCY",
                         number(s->latency),
                         "INTERVAL",
                         number(s->interval),
                         "FRAMES",
                         number((int64_t)d->vec->n),
                         "N",
                         number((int64_t)stream_default_frames(d)),
                         "FRAME_BITS",
                         number(p.frame_bits),
                         "INS",
                         number(s->n_in),
                         "OUTS",
                         number(s->n_out),
                         "IN_BEATS",
                         p.in_beats.s,
                         "OUT_BEATS",
                         p.out_beats.s,
                         "SIGNALS",
                         p.signals.s,
                         "PORT_MAP",
                         p.map.s,
                         "SIDES",
                         p.sides.s,
                         "CPP_IN_PORTS",
                         p.in_ports.s,
                         "CPP_OUT_PORTS",
                         p.out_ports.s,
                         "CPP_SET_INPUT",
                         p.set_input.s,
                         "CPP_INPUT_READY",
                         p.input_ready.s,
                         "CPP_SET_READY",
                         p.set_ready.s,
                         "CPP_GET_OUTPUT",
                         p.get_output.s,
                         "COMMON",
                         template_text("templates/text/verilator_common.cpp"),
                         NULL};
  template_prefix(folder_add(f, mem_printf("tb/%s_tb_pkg.vhd", d->top)), "testbench/nn_tb_pkg.vhd", d->top);
  template_render(folder_add(f, mem_printf("tb/%s_tb.vhd", d->top)), "templates/text/stream_tb.vhd", pairs);
  template_render(folder_add(f, mem_printf("tb/%s_verilator.cpp", d->top)), "templates/text/stream_verilator.cpp", pairs);
}
