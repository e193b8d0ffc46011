/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_folder.c - what makes the output folder a project of its own: Makefile, README.md, vendor scripts.
 */
#include "emit_folder.h"
#include "version.h"

/* A file's name without its folders, for comments and Markdown: one line, no markup, the same wherever it was made. */
const char *folder_file_name(const char *path) {
  char *s = mem_strdup(diag_text(path ? path_base(path) : "?"));
  for (char *c = s; *c; c++)
    if (strchr("|`$#*<>", *c))
      *c = '_';
  return s;
}

const char *folder_format(Format f) {
  return f.W ? mem_printf("%sfixed<%d,%d>", f.is_signed ? "" : "u", f.W, f.I) : "exact";
}

/* Text of the model inside a Markdown table. */
const char *folder_cell(const char *text) {
  char *s = mem_strdup(diag_text(text ? text : ""));
  for (char *c = s; *c; c++)
    if (*c == '|' || *c == '`' || *c == '<' || *c == '>')
      *c = '_';
  return s;
}

static void port_rows(Buf *b, const char *signal, const HirPort *p, int n) {
  for (int i = 0; i < n; i++) {
    int low = vhdl_port_bits(p, i);
    buf_printf(b, "| `%s(%d downto %d)` | %s | ", signal, low + p[i].n * p[i].fmt.W - 1, low, folder_cell(p[i].name));
    for (int r = 0; r < p[i].rank; r++)
      buf_printf(b, "%s%lld", r ? "×" : "", (long long)p[i].dim[r]);
    buf_printf(b, " | %d | `%s`%s |\n", p[i].n, folder_format(p[i].fmt), hir_port_scale(&p[i]));
  }
}

static char *ports(const Kernel *k) {
  Buf b = {0};
  buf_puts(&b, "| bits | tensor | shape | elements | format |\n|---|---|---|---|---|\n");
  port_rows(&b, "in_data", k->in_port, k->n_in_ports);
  port_rows(&b, "out_data", k->out_port, k->n_out_ports);
  b.s[b.len - 1] = 0;
  return b.s;
}

static char *layers(const Kernel *k) {
  Buf b = {0};
  buf_puts(&b, "| layer | operators | elements | format |\n|---|---|---|---|\n");
  for (int i = 0; i < k->n_layers; i++)
    buf_printf(&b, "| %s | %s | %d | `%s` |\n", folder_cell(k->layer[i].name), folder_cell(k->layer[i].op), k->layer[i].n,
               folder_format(k->layer[i].fmt));
  b.s[b.len - 1] = 0;
  return b.s;
}

/* Table rows of the folder's README where there is HLS C++. */
static const char hls_commands[] =
    "| `make hls` | the HLS C++ on the host, on all vectors: the compiler's integers, `ap_int`, `ac_int` (headers downloaded once) |\n"
    "| `vitis_hls -f vitis_hls.tcl` | Vitis HLS: simulation, synthesis, co-simulation, IP (`--part PART --clock NS --steps csim,csynth`) "
    "|\n"
    "| `make -f intel_hls.mk emulate` | Intel HLS: `emulate`, `simulate`, `synthesize`; oneAPI: `hls/CMakeLists.txt` |\n";
static const char hls_files[] = "| `hls/` | the network in HLS C++, one source for both vendors' types, and its test |\n";

/* What the entity does, after its name. */
static char *hardware(const Kernel *k) {
  Buf b = {0};
  int latency = vhdl_latency(k), interval = hir_interval_cycles(k);
  if (!k->n_state) {
    buf_printf(&b,
               "computes the whole network in parallel: it takes a new sample in **every\n"
               "cycle** (II = 1) and answers **%d cycles** later. There is no back pressure.",
               latency);
    return b.s;
  }
  buf_puts(&b, "computes one time step, a token, of a recurrent network and keeps the state\nfrom one token of a channel to its next. ");
  if (k->channels > 1)
    buf_printf(&b, "**%d channels** take turns, a token each, channel 0 first after a reset. ", k->channels);
  if (k->steps && k->each_step)
    buf_printf(&b, "The state starts anew every %d tokens.\n", k->steps);
  else if (k->steps)
    buf_printf(&b, "%d tokens of a channel are a window:\n`out_valid` comes with the last of them, then the channel's state starts anew.\n",
               k->steps);
  else
    buf_puts(&b, "The state is kept until the next reset.\n");
  if (interval == 1)
    buf_puts(&b, "A token may come in **every cycle**");
  else
    buf_printf(
        &b, "A token is taken every **%d cycles**: one that comes while `in_ready` is low is ignored. %d channels would fill the pipeline",
        interval, hir_loop(k));
  buf_printf(&b, ". Its outputs come **%d cycles** later", latency);
  if (k->steps > 1)
    buf_printf(&b, ", %d cycles after a window's first token", (k->steps - 1) * interval * k->channels + latency);
  buf_printf(&b,
             ".\n\nA channel's next token must be %d cycles behind the one before; the order of channels and these intervals see to it.",
             hir_loop(k));
  return b.s;
}

void folder_texts(Folder *f, const char *const *pairs) {
  static const char *const files[][2] = {{"Makefile", "templates/text/Makefile"},      {"README.md", "templates/text/README.md"},
                                         {"vivado.tcl", "templates/text/vivado.tcl"},  {"quartus.tcl", "templates/text/quartus.tcl"},
                                         {"tb/synth.awk", "templates/text/synth.awk"}, {"tb/tables.awk", "templates/text/tables.awk"},
                                         {"tb/synth.sh", "templates/text/synth.sh"}};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    template_render(folder_add(f, files[i][0]), files[i][1], pairs);
}

/* The part of README.md on the hardware, which is one way in one mode and another in the other. */
static const char *hardware_part(const Design *d) {
  const Kernel *k = d->k;
  Buf b = {0};
  bool windows = k->n_state && k->steps > 1 && !k->each_step;
  const char *pairs[] = {"TOP",      d->top,
                         "CLOCK",    mem_printf("%g", d->o->clock_ns),
                         "LATENCY",  mem_printf("%d", vhdl_latency(k)),
                         "WHAT",     hardware(k),
                         "RST",      k->n_state ? "; the initial state, channel 0 next" : "",
                         "READY",    hir_interval_cycles(k) > 1 ? "| `in_ready` | out | 1 | a token can be taken |\n" : "",
                         "SAMPLE",   k->n_state ? "token" : "sample",
                         "DUE",      windows ? ", for the last token of a window" : "",
                         "IN_BITS",  mem_printf("%d", vhdl_port_bits(k->in_port, k->n_in_ports)),
                         "OUT_BITS", mem_printf("%d", vhdl_port_bits(k->out_port, k->n_out_ports)),
                         "PORTS",    ports(k),
                         "LAYERS",   layers(k),
                         NULL};
  template_render(&b, "templates/text/hardware_parallel.md", pairs);
  return b.s;
}

void emit_folder(const Design *d, Folder *f) {
  const Kernel *k = d->k;
  int in = vhdl_port_bits(k->in_port, k->n_in_ports), out = vhdl_port_bits(k->out_port, k->n_out_ports);
  const char *pairs[] = {"TOP",        d->top,
                         "VERSION",    NNGEN_VERSION,
                         "MODEL",      folder_file_name(d->o->model),
                         "N",          mem_printf("%zu", tb_default_vectors(d->vec, k)),
                         "N_ALL",      mem_printf("%zu", d->vec->n),
                         "SOURCE",     folder_file_name(d->vec->source),
                         "CLOCK",      mem_printf("%g", d->o->clock_ns),
                         "FAMILY",     d->o->family->name,
                         "HARDWARE",   hardware_part(d),
                         "AND_C",      ", and against the C model",
                         "AND_C_TOO",  " and against the C model",
                         "A_LINE",     "one packed word a line",
                         "PORT_NAMES", "rst in_valid in_data out_valid out_data",
                         "PNR_IN",     mem_printf("%d", in),
                         "PNR_OUT",    mem_printf("%d", out),
                         "PNR_PORTS",  mem_printf(".in_valid(x[%d]), .in_data(x[%d-1:0]), .out_valid(valid), .out_data(out)", in, in),
                         "HLS",        d->o->target & TARGET_HLS ? hls_commands : "",
                         "HLS_FILES",  d->o->target & TARGET_HLS ? hls_files : "",
                         NULL};
  folder_texts(f, pairs);
}
