/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_stream_folder.c - Makefile, README.md and vendor scripts of a streaming design.
 */
#include "emit_folder.h"
#include "emit_stream.h"
#include "version.h"

static const char *axis(const StreamNames *n) {
  Buf b = {0};
  for (int i = 0; i < n->s->n_in + n->s->n_out; i++) {
    bool in = i < n->s->n_in;
    const AxisPort *a = in ? &n->in[i] : &n->out[i - n->s->n_in];
    const char *there = in ? "in" : "out", *back = in ? "out" : "in";
    buf_printf(&b, "%s| `%s_tvalid`, `%s_tready` | %s, %s | 1 | a beat passes where both are 1 at a rising edge |\n", i ? "\n" : "",
               a->name, a->name, there, back);
    buf_printf(&b, "| `%s_tdata` | %s | %d | %d element%s of `%s` |\n", a->name, there, stream_tdata_bits(a->edge), a->edge->lanes,
               a->edge->lanes == 1 ? "" : "s", folder_cell(a->port->name));
    buf_printf(&b, "| `%s_tlast` | %s | 1 | %s |", a->name, there, in ? "ignored: frames are counted" : "the last beat of a frame");
  }
  return b.s;
}

static const char *ports(const StreamNames *n) {
  Buf b = {0};
  buf_puts(&b, "| port | tensor | shape | format | positions | beats of a position | beats of a frame | channels "
               "|\n|---|---|---|---|---|---|---|---|");
  for (int i = 0; i < n->s->n_in + n->s->n_out; i++) {
    const AxisPort *a = i < n->s->n_in ? &n->in[i] : &n->out[i - n->s->n_in];
    const Edge *e = a->edge;
    buf_printf(&b, "\n| `%s` | %s | %s | `%s`%s | %d×%d | %d | %lld | %s |", a->name, folder_cell(a->port->name), stream_shape(a->port),
               folder_format(e->fmt), hir_port_scale(a->port), e->rows, e->cols, e->beats, (long long)stream_frame_beats(e),
               stream_order(e));
  }
  return b.s;
}

static const char *units(const StreamNames *n) {
  Buf b = {0};
  buf_puts(&b, "| unit | node | operators | how | cycles a frame |\n|---|---|---|---|---|");
  for (int i = 0; i < n->s->n_units; i++) {
    const Unit *u = n->s->unit[i];
    buf_printf(&b, "\n| `%s` | %s | %s | %s | %lld |", n->unit[i], folder_cell(u->node ? u->node->name : u->name), folder_cell(u->op),
               stream_unit_text(u), (long long)u->interval);
  }
  return b.s;
}

/* For synth.sh: all input bits from a shift register x, all output bits but one tvalid into another. */
static const char *pnr_ports(const StreamNames *n, int *in_bits, int *out_bits) {
  Buf b = {0};
  int in = 0, out = 0;
  for (int i = 0; i < n->s->n_in; i++) {
    const char *name = n->in[i].name;
    int bits = stream_tdata_bits(n->in[i].edge);
    buf_printf(&b, "%s.%s_tdata(x[%d:%d]), .%s_tvalid(x[%d]), .%s_tlast(x[%d]), .%s_tready(out[%d])", i ? ", " : "", name, in + bits - 1,
               in, name, in + bits, name, in + bits + 1, name, out);
    in += bits + 2, out++;
  }
  for (int i = 0; i < n->s->n_out; i++) {
    const char *name = n->out[i].name;
    int bits = stream_tdata_bits(n->out[i].edge);
    buf_printf(&b, ", .%s_tdata(out[%d:%d]), .%s_tlast(out[%d]), .%s_tready(x[%d]), ", name, out + bits - 1, out, name, out + bits, name,
               in);
    in++, out += bits + 1;
    if (i == 0)
      buf_printf(&b, ".%s_tvalid(valid)", name);
    else
      buf_printf(&b, ".%s_tvalid(out[%d])", name, out++);
  }
  *in_bits = in;
  *out_bits = out;
  return b.s;
}

static const char *port_names(const StreamNames *n) {
  static const char *const end[] = {"tvalid", "tready", "tdata", "tlast"};
  Buf b = {0};
  buf_puts(&b, "rst");
  for (int i = 0; i < n->s->n_in + n->s->n_out; i++)
    for (int j = 0; j < 4; j++)
      buf_printf(&b, " %s_%s", i < n->s->n_in ? n->in[i].name : n->out[i - n->s->n_in].name, end[j]);
  return b.s;
}

static const char *number(int64_t n) {
  return mem_printf("%lld", (long long)n);
}

void emit_stream_folder(const StreamDesign *d, Folder *f) {
  StreamNames n = stream_names(d);
  Buf hardware = {0};
  const char *clock = mem_printf("%g", d->o->clock_ns);
  const char *in_readme[] = {
      "TOP",   d->top,    "CLOCK",  clock,     "LATENCY", number(d->s->latency), "INTERVAL", number(d->s->interval), "AXIS", axis(&n),
      "PORTS", ports(&n), "LAYERS", units(&n), NULL};
  template_render(&hardware, "templates/text/hardware_stream.md", in_readme);
  int in, out;
  const char *pnr = pnr_ports(&n, &in, &out);
  const char *pairs[] = {"TOP",        d->top,
                         "VERSION",    NNGEN_VERSION,
                         "MODEL",      folder_file_name(d->o->model),
                         "N",          number((int64_t)stream_default_frames(d)),
                         "N_ALL",      number((int64_t)d->vec->n),
                         "SOURCE",     folder_file_name(d->vec->source),
                         "CLOCK",      clock,
                         "FAMILY",     d->o->family->name,
                         "HARDWARE",   hardware.s,
                         "AND_C",      "",
                         "AND_C_TOO",  "",
                         "A_LINE",     "by port a beat a line (`in.hex`, `out.hex`: a frame)",
                         "PORT_NAMES", port_names(&n),
                         "PNR_IN",     number(in - 1), /* x has a bit more */
                         "PNR_OUT",    number(out),
                         "PNR_PORTS",  pnr,
                         "HLS",        "",
                         "HLS_FILES",  "",
                         NULL};
  folder_texts(f, pairs);
}
