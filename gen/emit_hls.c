/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_hls.c - the HLS C++ of a kernel: hls/TOP.cpp, TOP.h, its types, its test, and the scripts for Vitis HLS, Intel HLS and oneAPI.
 *
 * Requires: expanded kernel. One function computes the whole network, a new sample in every cycle; the tool places the registers.
 */
#include "emit_hls.h"
#include "version.h"
#include <stdlib.h>

enum { TABLE_COLUMNS = 16 };

static const char *comment(const char *s) {
  char *t = mem_strdup(diag_text(s ? s : ""));
  for (char *p = t; *p; p++)
    if (*p == '*' || *p == '/' || *p == '\\' || *p == '?')
      *p = '_';
  return t;
}

static const char *source_of(const Design *d) {
  return comment(d->o->model ? path_base(d->o->model) : NULL);
}

static const char *format_text(Format f) {
  return f.W ? mem_printf("%sfixed<%d,%d>", f.is_signed ? "" : "u", f.W, f.I) : "exact";
}

static bool io_is(const Hls *h, const char *name) {
  return !strcmp(h->d->o->hls_io, name);
}

/* ---- ports ---- */

/* What each port of a direction contributes to a list; "%d" is its number. */
static void each_port(Buf *b, int n, const char *separator, const char *before, const char *after) {
  for (int i = 0; i < n; i++)
    buf_printf(b, "%s%s%d%s", i ? separator : "", before, i, after);
}

static void port_types(Buf *b, const Hls *h, const char *what, const HirPort *p, int n) {
  for (int i = 0; i < n; i++) {
    const char *point = mem_printf(", raw integers v that stand for v * 2^%d", p[i].fmt.I - p[i].fmt.W);
    buf_printf(b, "/* %s '%s': %d x %s%s */\n", !strcmp(what, "in") ? "input" : "output", comment(p[i].name), p[i].n, format_text(p[i].fmt),
               p[i].scale != 0 ? hir_port_scale(&p[i]) : point);
    buf_printf(b, "typedef %s_hls::%c<%d> %s_%s%d_t;\n", h->d->top, p[i].fmt.is_signed ? 'S' : 'U', p[i].fmt.W, h->d->top, what, i);
  }
  buf_printf(b, "struct %s_%s {\n", h->d->top, what);
  for (int i = 0; i < n; i++)
    buf_printf(b, "  %s_%s%d_t %s%d[%d];\n", h->d->top, what, i, what, i, p[i].n);
  buf_puts(b, "};\n");
}

/* "const TOP_in0_t in0[16], TOP_out0_t out0[5]" */
static char *array_parameters(const Hls *h) {
  Buf b = {0};
  for (int i = 0; i < h->k->n_in_ports; i++)
    buf_printf(&b, "%sconst %s_in%d_t in%d[%d]", i ? ", " : "", h->d->top, i, i, h->k->in_port[i].n);
  for (int i = 0; i < h->k->n_out_ports; i++)
    buf_printf(&b, ", %s_out%d_t out%d[%d]", h->d->top, i, i, h->k->out_port[i].n);
  return b.s;
}

static char *arguments(const Hls *h, const char *in, const char *out) {
  Buf b = {0};
  each_port(&b, h->k->n_in_ports, ", ", mem_printf("%sin", in), "");
  buf_puts(&b, ", ");
  each_port(&b, h->k->n_out_ports, ", ", mem_printf("%sout", out), "");
  return b.s;
}

static char *prototype(const Hls *h) {
  const char *top = h->d->top;
  if (!io_is(h, "axis"))
    return mem_printf("void %s(%s)", top, array_parameters(h));
  return mem_printf("void %s(%s_hls::stream<%s_in> &in, %s_hls::stream<%s_out> &out)", top, top, top, top, top);
}

/* ---- TOP.cpp ---- */

static bool uses_table(const Hls *h, int t) {
  for (int i = 0; i < h->k->n; i++)
    if (h->needed[i] && !hls_is_const(h->k, i) && h->k->v[i].op == HIR_LUT && h->k->v[i].imm == t)
      return true;
  return false;
}

static void tables(Buf *b, Hls *h) {
  for (int i = 0; i < h->k->n_tables; i++) {
    const HirTable *t = &h->k->table[i];
    if (!uses_table(h, i))
      continue;
    buf_printf(b, "\n/* %s */\nstatic const %s %s[%d] = {", comment(t->text), hls_type(h, (HlsType){t->lo < 0, hir_width_of(t->lo, t->hi)}),
               h->names.table_name[i], t->entries);
    for (int e = 0; e < t->entries; e++)
      if (t->word[e] == INT64_MIN)
        buf_printf(b, "%s-9223372036854775807LL - 1%s", e % TABLE_COLUMNS ? " " : "\n    ", e + 1 < t->entries ? "," : "");
      else
        buf_printf(b, "%s%lld%s%s", e % TABLE_COLUMNS ? " " : "\n    ", (long long)t->word[e],
                   t->word[e] > INT32_MAX || t->word[e] < -INT32_MAX ? "LL" : "", e + 1 < t->entries ? "," : "");
    buf_puts(b, "};\n");
  }
}

static int port_of(const HirPort *p, int n, int element) {
  int i = 0;
  while (i + 1 < n && element >= p[i].first + p[i].n)
    i++;
  return i;
}

static void layer_comment(Buf *b, const Hls *h, int layer) {
  const HirLayer *l = &h->k->layer[layer];
  buf_printf(b, "  /* %s: %s (%s), %d x %s */\n", h->names.layer_name[layer], comment(l->name), comment(l->op), l->n, format_text(l->fmt));
}

static void core(Buf *b, Hls *h) {
  const Kernel *k = h->k;
  int layer = -1;
  bool *port_read = mem_array((size_t)k->n_in_ports + 1, sizeof *port_read);
  buf_printf(b, "\n/* All of the network. */\nstatic void core(%s) {\n#ifdef __SYNTHESIS__\n", array_parameters(h));
  buf_printf(b, "#pragma HLS %s\n#endif\n", io_is(h, "axilite") ? "INLINE off\n#pragma HLS PIPELINE II=1" : "INLINE");
  for (int i = 0; i < k->n; i++) {
    const HirValue *v = &k->v[i];
    if (!h->needed[i] || hls_is_const(k, i))
      continue;
    if (v->op == HIR_IN) {
      int p = port_of(k->in_port, k->n_in_ports, v->imm);
      port_read[p] = true;
      buf_printf(b, "  const %s %s = in%d[%d];\n", hls_type(h, hls_type_of(v)), h->names.name[i], p, v->imm - k->in_port[p].first);
      continue;
    }
    if (v->layer >= 0 && v->layer != layer)
      layer_comment(b, h, layer = v->layer);
    hls_statement(b, h, i);
  }
  for (int p = 0; p < k->n_in_ports; p++)
    if (!port_read[p])
      buf_printf(b, "  (void)in%d;\n", p);
  for (int e = 0; e < k->n_out; e++) {
    const HirValue *v = &k->v[k->out[e]];
    int p = port_of(k->out_port, k->n_out_ports, e);
    buf_printf(b, "  out%d[%d] = ", p, e - k->out_port[p].first);
    if (hls_is_const(k, k->out[e]))
      buf_printf(b, "%s_out%d_t(%lldLL);\n", h->d->top, p, (long long)v->lo);
    else
      buf_printf(b, "%s;\n", h->names.name[k->out[e]]);
  }
  buf_puts(b, "}\n");
}

static void pragma_each(Buf *b, const Hls *h, const char *format_in, const char *format_out) {
  for (int i = 0; i < h->k->n_in_ports; i++)
    buf_printf(b, "#pragma HLS %s%s%d%s\n", format_in, "in", i, strstr(format_in, "variable") ? " complete" : "");
  for (int i = 0; i < h->k->n_out_ports; i++)
    buf_printf(b, "#pragma HLS %s%s%d%s\n", format_out, "out", i, strstr(format_out, "variable") ? " complete" : "");
}

static void wrapper_none(Buf *b, const Hls *h) {
  buf_printf(b, "\n%s {\n#ifdef __SYNTHESIS__\n", prototype(h));
  pragma_each(b, h, "INTERFACE ap_none port=", "INTERFACE ap_none port=");
  pragma_each(b, h, "ARRAY_PARTITION variable=", "ARRAY_PARTITION variable=");
  buf_printf(b, "#pragma HLS PIPELINE II=1\n#endif\n  %s_hls::core(%s);\n}\n", h->d->top, arguments(h, "", ""));
}

/* The bus brings one element at a time: copies, so that the network sees all of them at once. */
static void wrapper_axilite(Buf *b, const Hls *h) {
  const char *top = h->d->top;
  buf_printf(b, "\n%s {\n#ifdef __SYNTHESIS__\n", prototype(h));
  pragma_each(b, h, "INTERFACE s_axilite port=", "INTERFACE s_axilite port=");
  buf_printf(b, "#pragma HLS INTERFACE s_axilite port=return\n#endif\n  %s_in x;\n  %s_out y;\n#ifdef __SYNTHESIS__\n", top, top);
  pragma_each(b, h, "ARRAY_PARTITION variable=x.", "ARRAY_PARTITION variable=y.");
  buf_puts(b, "#endif\n");
  for (int i = 0; i < h->k->n_in_ports; i++)
    buf_printf(b, "  for (int i = 0; i < %d; i++)\n    x.in%d[i] = in%d[i];\n", h->k->in_port[i].n, i, i);
  buf_printf(b, "  %s_hls::core(%s);\n", top, arguments(h, "x.", "y."));
  for (int i = 0; i < h->k->n_out_ports; i++)
    buf_printf(b, "  for (int i = 0; i < %d; i++)\n    out%d[i] = y.out%d[i];\n", h->k->out_port[i].n, i, i);
  buf_puts(b, "}\n");
}

static void wrapper_axis(Buf *b, const Hls *h) {
  const char *top = h->d->top, *guard = "!defined(__INTELFPGA_COMPILER__) && !defined(SYCL_LANGUAGE_VERSION)";
  buf_printf(b, "\n#if %s /* they have streams of their own: %s_intel.cpp, %s_oneapi.cpp */\n%s {\n#ifdef __SYNTHESIS__\n", guard, top, top,
             prototype(h));
  buf_puts(b, "#pragma HLS INTERFACE axis port=in\n#pragma HLS INTERFACE axis port=out\n#pragma HLS INTERFACE ap_ctrl_none port=return\n");
  buf_puts(
      b,
      "#pragma HLS AGGREGATE variable=in compact=bit\n#pragma HLS AGGREGATE variable=out compact=bit\n#pragma HLS PIPELINE II=1\n#endif\n");
  buf_printf(b, "  const %s_in x = in.read();\n  %s_out y;\n  %s_hls::core(%s);\n  out.write(y);\n}\n#endif\n", top, top, top,
             arguments(h, "x.", "y."));
}

/* Short names of the types that occur: they make the statements readable. */
static void short_names(Buf *b, const Hls *h) {
  for (int s = 1; s >= 0; s--)
    for (int w = 1; w < HIR_MAX_WIDTH + 8; w++)
      if (h->used[s][w])
        buf_printf(b, "typedef %c<%d> %c%d;\n", s ? 'S' : 'U', w, s ? 's' : 'u', w);
}

static void design(Buf *b, Hls *h) {
  Buf body = {0};
  tables(&body, h);
  core(&body, h);
  buf_printf(b,
             "/* %s.cpp - the network of %s.h. Made by nngen %s from %s. Do not edit: run nngen again.\n *\n * sN and uN are integers of "
             "exactly N bits. "
             "Operands are converted to a type that holds the exact result first; add and sub are + and -.\n */\n#include \"%s.h\"\n\n"
             "namespace %s_hls {\n",
             h->d->top, h->d->top, NNGEN_VERSION, source_of(h->d), h->d->top, h->d->top);
  short_names(b, h);
  buf_write(b, body.s, body.len);
  buf_printf(b, "} // namespace %s_hls\n", h->d->top);
  if (io_is(h, "axis"))
    wrapper_axis(b, h);
  else if (io_is(h, "axilite"))
    wrapper_axilite(b, h);
  else
    wrapper_none(b, h);
}

/* ---- the files around it ---- */

static char *port_list(const HirPort *p, int n) {
  Buf b = {0};
  for (int i = 0; i < n; i++)
    buf_printf(&b, "%s{%d, %d, %s}", i ? ", " : "", p[i].n, p[i].fmt.W, p[i].fmt.is_signed ? "true" : "false");
  return b.s;
}

/* Statements of the test between raw integers and a sample. */
static char *copy_ports(const Hls *h, const HirPort *p, int n, bool in) {
  Buf b = {0};
  for (int i = 0; i < n; i++) {
    buf_printf(&b, "  for (int e = 0; e < %d; e++)\n", p[i].n);
    if (in)
      buf_printf(&b, "    x.in%d[e] = %s_in%d_t(from[%d + e]);\n", i, h->d->top, i, p[i].first);
    else
      buf_printf(&b, "    to[%d + e] = %s_hls::raw(y.out%d[e]);\n", p[i].first, h->d->top, i);
  }
  b.s[b.len - 1] = 0;
  return b.s;
}

static char *test_call(const Hls *h) {
  const char *top = h->d->top;
  if (!io_is(h, "axis"))
    return mem_printf("  %s(%s);", top, arguments(h, "x.", "y."));
  return mem_printf(
      "  static %s_hls::stream<%s_in> in;\n  static %s_hls::stream<%s_out> out;\n  in.write(x);\n  %s(in, out);\n  y = out.read();", top,
      top, top, top, top);
}

void emit_hls(const Design *d, Folder *f) {
  Hls h = {.d = d, .k = d->k};
  const Kernel *k = d->k;
  const char *top = d->top;
  const VhdlEntity named = {.name = top, .k = k, .g = d->g, .o = d->o};
  vhdl_plan(&h.names, &named);
  hls_plan(&h, !strcmp(d->o->hls_mult, "tool"));
  Buf types = {0};
  port_types(&types, &h, "in", k->in_port, k->n_in_ports);
  buf_puts(&types, "\n");
  port_types(&types, &h, "out", k->out_port, k->n_out_ports);
  template_prefix(folder_add(f, mem_printf("hls/%s_types.h", top)), "runtime/nn_hls.h", top);
  bool stream = io_is(&h, "axis");
  if (stream)
    template_prefix(folder_add(f, mem_printf("hls/%s_stream.h", top)), "runtime/nn_hls_stream.h", top);
  const char *guarded =
      stream ? mem_printf("#if !defined(__INTELFPGA_COMPILER__) && !defined(SYCL_LANGUAGE_VERSION)\n%s;\n#endif", prototype(&h))
             : mem_printf("%s;", prototype(&h));
  const char *pairs[] = {"TOP",
                         top,
                         "VERSION",
                         NNGEN_VERSION,
                         "MODEL",
                         source_of(d),
                         "IO",
                         d->o->hls_io,
                         "CLOCK",
                         mem_printf("%g", d->o->clock_ns),
                         "MHZ",
                         mem_printf("%g", 1000 / d->o->clock_ns),
                         "TYPES",
                         types.s,
                         "PROTOTYPE",
                         guarded,
                         "INCLUDE",
                         stream ? mem_printf("%s_stream.h", top) : mem_printf("%s_types.h", top),
                         "IN_COUNT",
                         mem_printf("%d", k->n_in),
                         "OUT_COUNT",
                         mem_printf("%d", k->n_out),
                         "IN_PORTS",
                         port_list(k->in_port, k->n_in_ports),
                         "OUT_PORTS",
                         port_list(k->out_port, k->n_out_ports),
                         "LOAD",
                         copy_ports(&h, k->in_port, k->n_in_ports, true),
                         "STORE",
                         copy_ports(&h, k->out_port, k->n_out_ports, false),
                         "CALL",
                         test_call(&h),
                         "CORE_ARGUMENTS",
                         arguments(&h, "x.", "y."),
                         NULL};
  design(folder_add(f, mem_printf("hls/%s.cpp", top)), &h);
  const char *const files[][2] = {{mem_printf("hls/%s.h", top), "templates/text/hls_top.h"},
                                  {mem_printf("hls/%s_test.cpp", top), "templates/text/hls_test.cpp"},
                                  {mem_printf("hls/%s_intel.cpp", top), "templates/text/hls_intel.cpp"},
                                  {mem_printf("hls/%s_oneapi.cpp", top), "templates/text/hls_oneapi.cpp"},
                                  {"hls/CMakeLists.txt", "templates/text/hls_CMakeLists.txt"},
                                  {"hls/headers.sh", "templates/text/hls_headers.sh"},
                                  {"vitis_hls.tcl", "templates/text/hls_vitis.tcl"},
                                  {"intel_hls.mk", "templates/text/hls_intel.mk"}};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    template_render(folder_add(f, files[i][0]), files[i][1], pairs);
}
