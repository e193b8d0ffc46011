/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_tb.c - tb/ of the output folder: VHDL bench, Verilator main, vectors. The expectations are the evaluator's, never the design's.
 */
#include "emit_tb.h"
#include "version.h"

/* The bits as hex digits, most significant first. */
void tb_hex(Buf *b, const uint8_t *bit, int bits) {
  int digits = (bits + 3) / 4, n = 0;
  char text[4096];
  for (int d = digits - 1; d >= 0; d--) {
    text[n++] = "0123456789abcdef"[bit[4 * d] | bit[4 * d + 1] << 1 | bit[4 * d + 2] << 2 | bit[4 * d + 3] << 3];
    if (n == (int)sizeof text)
      buf_write(b, text, (size_t)n), n = 0;
  }
  buf_write(b, text, (size_t)n);
  buf_puts(b, "\n");
}

void tb_element(uint8_t *bit, int64_t v, int width) {
  for (int j = 0; j < width; j++)
    bit[j] = (uint64_t)v >> (j < 63 ? j : 63) & 1;
}

/* One packed word: ports follow one another upwards, element 0 lowest. */
static void put_word(Buf *b, const HirPort *p, int n_ports, const int64_t *v, uint8_t *bit) {
  int at = 0;
  for (int i = 0; i < n_ports; i++)
    for (int e = 0; e < p[i].n; e++, at += p[i].fmt.W)
      tb_element(bit + at, v[p[i].first + e], p[i].fmt.W);
  tb_hex(b, bit, at);
}

void tb_vectors(Buf *b, const HirPort *p, int n_ports, int elements, size_t n, const int64_t *v) {
  int bits = vhdl_port_bits(p, n_ports);
  uint8_t *bit = mem_array((size_t)bits + 4, 1);
  buf_printf(b, "# nngen vectors N=%zu bits=%d elements=%d\n", n, bits, elements);
  for (size_t i = 0; i < n; i++)
    put_word(b, p, n_ports, v + i * (size_t)elements, bit);
}

const char *tb_quotable(const char *name) {
  char *s = mem_strdup(diag_text(name ? name : "?"));
  for (char *c = s; *c; c++)
    if (*c == '"' || *c == '\\' || *c == '%' || *c == '?')
      *c = '_';
  return s;
}

static char *vhdl_ports(const HirPort *p, int n) {
  Buf b = {0};
  for (int i = 0; i < n; i++)
    buf_printf(&b, "    %d => (low => %d, n => %d, width => %d, frac => %d, is_signed => %s)%s", i, vhdl_port_bits(p, i), p[i].n,
               p[i].fmt.W, p[i].fmt.W - p[i].fmt.I, p[i].fmt.is_signed ? "true" : "false", i + 1 < n ? ",\n" : "");
  return b.s;
}

static char *cpp_ports(const HirPort *p, int n) {
  Buf b = {0};
  for (int i = 0; i < n; i++)
    buf_printf(&b, "    {\"%s\", %d, %d, %d, %d, %s},%s", tb_quotable(p[i].name), vhdl_port_bits(p, i), p[i].n, p[i].fmt.W,
               p[i].fmt.W - p[i].fmt.I, p[i].fmt.is_signed ? "true" : "false", i + 1 < n ? "\n" : "");
  return b.s;
}

/* Vectors that GHDL runs by default: enough for every corner, few enough for seconds. */
size_t tb_default_vectors(const Vectors *v, const Kernel *k) {
  size_t turn = (size_t)k->channels * (size_t)(k->steps > 1 ? k->steps : 1);
  size_t n = v->n_corner + 64 > 256 ? v->n_corner + 64 : 256;
  n = (n + turn - 1) / turn * turn; /* whole windows of all channels */
  return n < v->n ? n : v->n;
}

static const char *number(int n) {
  return mem_printf("%d", n);
}

void emit_tb(const Design *d, Folder *f) {
  const Kernel *k = d->k;
  tb_vectors(folder_add(f, "tb/vectors/in.hex"), k->in_port, k->n_in_ports, k->n_in, d->vec->n, d->vec->in);
  tb_vectors(folder_add(f, "tb/vectors/out.hex"), k->out_port, k->n_out_ports, k->n_out, d->vec->n_due, d->vec->out);
  if (!(d->o->target & TARGET_VHDL))
    return;
  Buf names = {0};
  for (int i = 0; i < k->n_out_ports; i++)
    buf_printf(&names, "      when %d => return \"%s\";%s", i, tb_quotable(k->out_port[i].name), i + 1 < k->n_out_ports ? "\n" : "");
  const char *pairs[] = {"TOP",
                         d->top,
                         "VERSION",
                         NNGEN_VERSION,
                         "LATENCY",
                         number(vhdl_latency(k)),
                         "CHANNELS",
                         number(k->channels),
                         "RESULT_STEPS",
                         number(k->each_step || !k->steps ? 1 : k->steps),
                         "INTERVAL",
                         number(hir_interval_cycles(k)),
                         "READY_MAP",
                         hir_interval_cycles(k) > 1 ? "      in_ready  => in_ready,\n" : "",
                         "RECURRENT",
                         k->n_state ? "\n-- A vector is one token of a channel; a reset comes before each of these.\n--" : "",
                         "N",
                         mem_printf("%zu", tb_default_vectors(d->vec, k)),
                         "IN_BITS",
                         number(vhdl_port_bits(k->in_port, k->n_in_ports)),
                         "OUT_BITS",
                         number(vhdl_port_bits(k->out_port, k->n_out_ports)),
                         "IN_COUNT",
                         number(k->n_in),
                         "OUT_COUNT",
                         number(k->n_out),
                         "OUT_PORTS",
                         vhdl_ports(k->out_port, k->n_out_ports),
                         "OUT_NAMES",
                         names.s,
                         "CPP_IN_PORTS",
                         cpp_ports(k->in_port, k->n_in_ports),
                         "CPP_OUT_PORTS",
                         cpp_ports(k->out_port, k->n_out_ports),
                         "COMMON",
                         template_text("templates/text/verilator_common.cpp"),
                         NULL};
  template_prefix(folder_add(f, mem_printf("tb/%s_tb_pkg.vhd", d->top)), "testbench/nn_tb_pkg.vhd", d->top);
  template_render(folder_add(f, mem_printf("tb/%s_tb.vhd", d->top)), "templates/text/tb.vhd", pairs);
  template_render(folder_add(f, mem_printf("tb/%s_verilator.cpp", d->top)), "templates/text/verilator.cpp", pairs);
}
