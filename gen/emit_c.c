/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_c.c - the C model: c/TOP.c, TOP.h and the headers it needs, tb/TOP_ref.c (main of DIR/ref), TOP.py.
 */
#include "emit_c.h"
#include "version.h"

enum { STACK_LIMIT = 128 * 1024, ROW_LIMIT = 16 * 1024 };

/* A string literal of text from the model. */
static const char *literal(const char *s) {
  Buf b = {0};
  buf_puts(&b, "\"");
  for (const char *p = diag_text(s ? s : ""); *p; p++) {
    if (*p == '"' || *p == '\\' || *p == '?')
      buf_puts(&b, "\\");
    buf_write(&b, p, 1);
  }
  buf_puts(&b, "\"");
  return b.s;
}

/* The narrowest C integer that holds every element of the ports. */
typedef struct {
  int bits;
  bool is_signed;
} Element;

static Element element_of(const HirPort *p, int n) {
  Element e = {8, false};
  int most = 1;
  for (int i = 0; i < n; i++)
    e.is_signed |= p[i].fmt.is_signed;
  for (int i = 0; i < n; i++) {
    int w = p[i].fmt.W + (e.is_signed && !p[i].fmt.is_signed);
    most = w > most ? w : most;
  }
  if (most > 64)
    diag_error(EXIT_UNSUPPORTED, NULL, "a port of %d bits does not fit the C model's integers (64 bits)", most);
  while (e.bits < most && e.bits < 64)
    e.bits *= 2;
  return e;
}

static const char *c_type(Element e) {
  return mem_printf("%sint%d_t", e.is_signed ? "" : "u", e.bits);
}

static const char *format_name(Format f) {
  return mem_printf("%s<%d,%d>", f.is_signed ? "" : "unsigned ", f.W, f.I);
}

/* What integer q stands for: "(q - 3) * 0x1.8p-5". */
static const char *scale_text(const HirPort *p, const char *q) {
  const char *less = p->zero > 0 ? mem_printf("(%s - %lld)", q, (long long)p->zero) : mem_printf("(%s + %lld)", q, -(long long)p->zero);
  return mem_printf("%s * %a", p->zero ? less : q, p->scale);
}

static void port_comment(Buf *b, const char *what, const HirPort *p, int n) {
  for (int i = 0; i < n; i++) {
    buf_printf(b, " * %s '%s': elements %d to %d, %s, shape", what, c_comment(p[i].name), p[i].first, p[i].first + p[i].n - 1,
               format_name(p[i].fmt));
    for (int j = 0; j < p[i].rank; j++)
      buf_printf(b, "%s%lld", j ? " x " : " ", (long long)p[i].dim[j]);
    buf_puts(b, p[i].rank ? "" : " scalar");
    if (p[i].scale != 0)
      buf_printf(b, ", integer q stands for %s", scale_text(&p[i], "q"));
    buf_puts(b, "\n");
  }
}

static void port_macros(Buf *b, const char *top, const char *what, const HirPort *p, int n) {
  for (int i = 0; i < n; i++)
    buf_printf(b, "#define %s_%s%d_W %d\n#define %s_%s%d_I %d\n#define %s_%s%d_SIGNED %d\n#define %s_%s%d_FIRST %d\n#define %s_%s%d_N %d\n",
               top, what, i, p[i].fmt.W, top, what, i, p[i].fmt.I, top, what, i, p[i].fmt.is_signed, top, what, i, p[i].first, top, what, i,
               p[i].n);
}

static int trace_size(const Kernel *k) {
  int n = 0;
  for (int i = 0; i < k->n_layers; i++)
    n += k->layer[i].n;
  return n;
}

static const char *rounding_text(const Options *o) {
  static const char *const round[] = {"floor", "half up", "half to even"};
  return mem_printf("%s, out of range %s", round[o->round], o->overflow == OVERFLOW_WRAP ? "wraps" : "saturates");
}

static void header(const Design *d, Folder *f) {
  const Kernel *k = d->k;
  Buf ports = {0}, types = {0};
  port_comment(&ports, "input ", k->in_port, k->n_in_ports);
  port_comment(&ports, "output", k->out_port, k->n_out_ports);
  buf_printf(&types, "typedef %s %s_in_t;\ntypedef %s %s_out_t;\n#define %s_IN %d\n#define %s_OUT %d\n",
             c_type(element_of(k->in_port, k->n_in_ports)), d->top, c_type(element_of(k->out_port, k->n_out_ports)), d->top, d->top,
             k->n_in, d->top, k->n_out);
  buf_printf(&types, "#define %s_SITES %d\n#define %s_LAYERS %d\n#define %s_TRACE %d\n", d->top, k->n_sites, d->top, k->n_layers, d->top,
             trace_size(k));
  if (k->n_state)
    buf_printf(
        &types,
        "#define %s_STATE %d\n#define %s_STEPS %d /* tokens of a window; 0: no end */\n#define %s_EACH_STEP %d\n#define %s_CHANNELS %d\n",
        d->top, k->n_state, d->top, k->steps, d->top, k->each_step, d->top, k->channels);
  port_macros(&types, d->top, "IN", k->in_port, k->n_in_ports);
  port_macros(&types, d->top, "OUT", k->out_port, k->n_out_ports);
  const char *only_top[] = {"TOP", d->top, NULL};
  Buf calls = {0};
  template_render(&calls, k->n_state ? "templates/text/c_calls_recurrent.h" : "templates/text/c_calls.h", only_top);
  const char *source = c_comment(d->o->model ? path_base(d->o->model) : "a hardware IR file");
  const char *pairs[] = {"TOP",      d->top,
                         "TITLE",    "a neural network in fixed point, bit for bit as in hardware",
                         "VERSION",  NNGEN_VERSION,
                         "SOURCE",   source,
                         "PORTS",    ports.s ? ports.s : "",
                         "TYPES",    types.s,
                         "ROUNDING", rounding_text(d->o),
                         "CALLS",    calls.s,
                         NULL};
  template_render(folder_add(f, mem_printf("c/%s.h", d->top)), "templates/text/c_model.h", pairs);
}

/* ---- c/TOP.c ---- */

/* Reads raw integers; bits beyond the port's format are dropped, as the hardware's port drops them. */
static const char *load_text(const Design *d, const CModel *p) {
  Buf b = {0};
  Element e = element_of(d->k->in_port, d->k->n_in_ports);
  for (int i = 0; i < d->k->n_in_ports; i++) {
    const HirPort *q = &d->k->in_port[i];
    const char *type = mem_printf("%s_m%d", d->top, c_bits(p->in_kind));
    buf_printf(&b, "    for (e = %d; e < %d; e++)\n", q->first, q->first + q->n);
    uint64_t mask = q->fmt.W >= 64 ? UINT64_MAX : ((uint64_t)1 << q->fmt.W) - 1, half = (uint64_t)1 << (q->fmt.W - 1);
    if (q->fmt.W == e.bits && q->fmt.is_signed == e.is_signed)
      buf_printf(&b, "      m->in[e][l] = (%s)x[e];\n", type);
    else if (q->fmt.is_signed)
      buf_printf(&b, "      m->in[e][l] = (%s)((((int64_t)x[e] & %lld) ^ %lld) - %lld);\n", type, (long long)mask, (long long)half,
                 (long long)half);
    else
      buf_printf(&b, "      m->in[e][l] = (%s)((int64_t)x[e] & %lld);\n", type, (long long)mask);
  }
  return b.s;
}

/* Whether the port can take the quick way (NN_QUANTIZE), from numbers with that many bits. */
static bool fast(const Options *o, const HirPort *p, int bits) {
  const Format f = p->fmt;
  return p->scale == 0 && o->overflow != OVERFLOW_WRAP && f.W <= bits && f.W - f.I >= 0 && f.W - f.I < 100;
}

static const char *range_text(const Design *d, Format f, bool is_double) {
  int64_t hi = (int64_t)(UINT64_MAX >> (64 - f.W) >> (f.is_signed ? 1 : 0)), lo = f.is_signed ? -hi - 1 : 0;
  return mem_printf("0x1p%d%s, %lld, %lld, %s_%s", f.W - f.I, is_double ? "" : "f", (long long)lo, (long long)hi, d->top,
                    (const char *const[]){"TRN", "RND", "RNE"}[d->o->round]);
}

/* One sample's elements of a port to integers: `to` is where element e goes. */
static void quantize_port(Buf *b, const Design *d, const HirPort *p, bool is_double, const char *to, const char *cast) {
  const char *top = d->top, *round = (const char *const[]){"TRN", "RND", "RNE"}[d->o->round];
  int frac = p->fmt.W - p->fmt.I;
  int64_t hi = (int64_t)(UINT64_MAX >> (64 - p->fmt.W) >> (p->fmt.is_signed ? 1 : 0)), lo = p->fmt.is_signed ? -hi - 1 : 0;
  if (p->scale != 0) { /* limits are part of the network's meaning, not counted */
    buf_printf(b,
               "    for (e = %d; e < %d; e++) {\n      const float quotient = (float)x[e] / %af;\n      %s = (%s)(%s_from_double(quotient, "
               "0, %lld, "
               "%lld, %s_RNE, %s_SAT, 0) + %lld);\n    }\n",
               p->first, p->first + p->n, p->scale, to, cast, top, (long long)(lo - p->zero), (long long)(hi - p->zero), top, top,
               (long long)p->zero);
    return;
  }
  if (fast(d->o, p, is_double ? 30 : 22)) {
    buf_printf(b, "    beyond += %s_quantize_f%d(x + %d, row + %d, %d, %s);\n", top, is_double ? 64 : 32, p->first, p->first, p->n,
               range_text(d, p->fmt, is_double));
    buf_printf(b, "    for (e = %d; e < %d; e++)\n      %s = (%s)row[e];\n", p->first, p->first + p->n, to, cast);
    return;
  }
  buf_printf(b,
             "    for (e = %d; e < %d; e++) {\n      int out = 0;\n      %s = (%s)%s_from_double((double)x[e], %d, %s, %lld, %s_%s, %s_%s, "
             "&out);\n      "
             "beyond += (size_t)out;\n    }\n",
             p->first, p->first + p->n, to, cast, top, frac,
             lo == INT64_MIN ? "-9223372036854775807 - 1" : mem_printf("%lld", (long long)lo), (long long)hi, top, round, top,
             d->o->overflow == OVERFLOW_WRAP ? "WRAP" : "SAT");
}

/* Samples whose numbers are converted together: few inputs alone would not fill a vector. */
static int quantize_samples(const Kernel *k) {
  return k->n_in_ports > 1 || k->n_in >= 128 ? 1 : 256 / k->n_in;
}

/* How many lanes get values when there are so many samples. */
static const char *lanes_filled(const Design *d, const CModel *m, const char *samples) {
  return m->alone ? mem_printf("(%s > %s_ALONE ? %s_LANES : %s)", samples, d->top, d->top, samples) : mem_printf("%s_LANES", d->top);
}

static void quantize_text(Buf *b, const Design *d, const CModel *p) {
  const Kernel *k = d->k;
  const char *top = d->top, *where = k->n_in > ROW_LIMIT ? mem_printf("static %s_THREAD_LOCAL ", top) : "";
  int together = quantize_samples(k);
  HirPort all = k->in_port[0];
  bool one = together > 1 && all.first == 0 && all.n == k->n_in;
  buf_printf(b, "#define %s_ROW %d /* elements quantised together */\n\n", top, one ? together * k->n_in : k->n_in);
  for (int is_double = 1; is_double >= (k->n_state ? 1 : 0); is_double--) {
    const char *loader = is_double ? mem_printf("%s_in_t", top) : mem_printf("%s_m%d", top, c_bits(p->in_kind));
    if (is_double)
      buf_printf(b, "size_t %s_quantize(const double *x, %s_in_t *in, size_t n) {\n", top, top);
    else
      buf_printf(b, "static size_t %s_load_float(%s_mem *m, const float *x, size_t n) {\n", top, top);
    bool whole = one && fast(d->o, &all, is_double ? 30 : 22);
    buf_printf(b, "  %sint32_t row[%s_ROW];\n  size_t beyond = 0, i, e%s;\n  (void)row;\n", where, top, whole && !is_double ? ", l" : "");
    if (whole) {
      buf_printf(b,
                 "  for (i = 0; i < n; i += %d, x += %s_ROW) {\n    const size_t samples = n - i < %d ? n - i : %d;\n    beyond += "
                 "%s_quantize_f%d(x, row, "
                 "samples * %s_IN, %s);\n",
                 together, top, together, together, top, is_double ? 64 : 32, top, range_text(d, all.fmt, is_double));
      if (is_double)
        buf_printf(b, "    for (e = 0; e < samples * %s_IN; e++)\n      *in++ = (%s)row[e];\n  }\n", top, loader);
      else
        buf_printf(b,
                   "    for (l = 0; l < samples; l++)\n      for (e = 0; e < %s_IN; e++)\n        m->in[e][i + l] = (%s)row[l * %s_IN + "
                   "e];\n  }\n",
                   top, loader, top);
    } else {
      buf_printf(b, "  for (i = 0; i < n; i++, x += %s_IN%s) {\n", top, is_double ? mem_printf(", in += %s_IN", top) : "");
      for (int i = 0; i < k->n_in_ports; i++)
        quantize_port(b, d, &k->in_port[i], is_double, is_double ? "in[e]" : "m->in[e][i]", loader);
      buf_puts(b, "  }\n");
    }
    if (!is_double) /* idle lanes repeat the last sample */
      buf_printf(b, "  for (e = 0; e < %s_IN; e++)\n    for (i = n; i < %s; i++)\n      m->in[e][i] = m->in[e][n - 1];\n", top,
                 lanes_filled(d, p, "n"));
    buf_printf(b, "  return beyond;\n}\n%s", is_double ? "\n" : "");
  }
}

static const char *dequantize_text(const Design *d, const char *from, const char *cast) {
  Buf b = {0};
  for (int i = 0; i < d->k->n_out_ports; i++) {
    const HirPort *p = &d->k->out_port[i];
    const char *value = mem_printf("(double)%s * 0x1p%d", from, -(p->fmt.W - p->fmt.I));
    buf_printf(&b, "    for (e = %d; e < %d; e++)\n      y[e] = %s(%s);\n", p->first, p->first + p->n, cast,
               p->scale != 0 ? scale_text(p, mem_printf("(double)%s", from)) : value);
  }
  return b.s ? b.s : "";
}

static void list(Buf *b, const char *item) {
  buf_printf(b, "%s%s", b->len ? ", " : "", item);
}

/* 2 for a table's limit, 1 where something wraps, else 0. */
int c_site_kind(const Kernel *k, int site) {
  if (k->site[site].input_side)
    return 2;
  for (int i = 0; i < k->n; i++)
    if (k->v[i].site == site && k->v[i].op == HIR_WRAP)
      return 1;
  return 0;
}

/* Lane width of most of the work: so many samples at once that it fills vectors. Wider work takes several vectors, narrower work parts of
 * one. */
static int bulk(const CPlan *p) {
  int64_t work[LANE_KINDS] = {0};
  for (int i = 0; i < p->n_sums; i++)
    work[p->sum[i].kind] += (int64_t)p->sum[i].rows * p->sum[i].cols << p->sum[i].kind;
  for (int i = 0; i < p->n_items; i++)
    work[p->item[i].kind] += 1 << p->item[i].kind;
  return work[0] >= work[1] + work[2] ? 16 : work[1] >= work[2] ? 32 : 64;
}

static const char *initial_text(const Kernel *k) {
  Buf b = {0};
  for (int i = 0; i < k->n_states; i++)
    for (int e = 0; e < k->state[i].n; e++)
      list(&b, mem_printf("%lld", (long long)k->state[i].init[e]));
  return b.s ? b.s : "0";
}

static int64_t memory_bytes(const CPlan *p) {
  int64_t bits = (int64_t)(p->k->n_in + p->k->n_state) * c_bits(p->in_kind) + (int64_t)hir_outs(p->k) * c_bits(p->out_kind) +
                 32 * (int64_t)p->k->n_sites;
  for (int q = 0; q < LANE_KINDS; q++)
    bits += (int64_t)p->n_slots[q] * c_bits(q);
  return bits / 8 * 32; /* lanes where vectors are widest */
}

static void model(const Design *d, const CModel *p, Folder *f) {
  const Kernel *k = d->k;
  const char *top = d->top;
  Buf *b = folder_add(f, mem_printf("c/%s.c", top));
  buf_printf(
      b,
      "/* %s.c - the network of %s.h. Made by nngen %s.\n *\n * Statements compute %s_LANES samples at once (%s_lanes.h). vN is value N of "
      "nngen's hardware IR%s.\n */\n#include \"%s.h\"\n#include \"%s_fixed.h\"\n#define %s_BULK %d\n#include "
      "\"%s_lanes.h\"\n%s#include <string.h>\n\n",
      top, top, NNGEN_VERSION, top, top, p->values, top, top, top, p->bulk, top, p->includes);
  const char *only_top[] = {"TOP", top, NULL};
  template_render(b, "templates/text/c_names.h", only_top);
  buf_write(b, p->body.s, p->body.len);
  Buf quantize = {0}, site_names = {0}, site_kinds = {0}, layer_names = {0}, layer_sizes = {0};
  quantize_text(&quantize, d, p);
  for (int i = 0; i < k->n_sites; i++) {
    list(&site_names, literal(k->site[i].name));
    list(&site_kinds, mem_printf("%d", p->site_kind[i]));
  }
  for (int i = 0; i < k->n_layers; i++) {
    list(&layer_names, literal(k->layer[i].name));
    list(&layer_sizes, mem_printf("%d", k->layer[i].n));
  }
  /* large ones would not fit a thread's stack; a thread has its own all the same */
  const char *where = p->memory > STACK_LIMIT ? mem_printf("static %s_THREAD_LOCAL ", top) : "";
  const char *run_pairs[] = {"TOP",
                             top,
                             "LOAD",
                             load_text(d, p),
                             "FILLED",
                             lanes_filled(d, p, "samples"),
                             "MEMORY",
                             mem_printf("%s%s_mem memory;", where, top),
                             "IN_BITS",
                             mem_printf("%d", c_bits(p->in_kind)),
                             "INITIAL",
                             initial_text(k),
                             "DEQUANTIZE_FLOAT",
                             dequantize_text(d, "m->out[e][l]", "(float)"),
                             NULL};
  Buf run = {0}, around = {0};
  template_render(&run, k->n_state ? "templates/text/c_run_recurrent.c" : "templates/text/c_run.c", run_pairs);
  template_render(&around, k->n_state ? "templates/text/c_float_recurrent.c" : "templates/text/c_float.c", run_pairs);
  const char *pairs[] = {"TOP",         top,
                         "RUN",         run.s,
                         "FLOAT",       around.s,
                         "QUANTIZE",    quantize.s,
                         "DEQUANTIZE",  dequantize_text(d, "out[e]", ""),
                         "SITE_NAMES",  site_names.s ? site_names.s : "\"\"",
                         "SITE_KINDS",  site_kinds.s ? site_kinds.s : "0",
                         "LAYER_NAMES", layer_names.s ? layer_names.s : "\"\"",
                         "LAYER_SIZES", layer_sizes.s ? layer_sizes.s : "0",
                         NULL};
  template_render(b, "templates/text/c_model.c", pairs);
  template_prefix(folder_add(f, mem_printf("c/%s_fixed.h", top)), "runtime/nn_fixed.h", top);
  template_prefix(folder_add(f, mem_printf("c/%s_lanes.h", top)), "runtime/nn_lanes.h", top);
}

/* ---- tb/TOP_ref.c, TOP.py ---- */

/* Shape of one sample: a single port's, without the batch dimension of 1; else all elements in a row. */
static const char *sample_shape(const HirPort *p, int n, int elements) {
  Buf b = {0};
  if (n != 1) {
    buf_printf(&b, "%d", elements);
    return b.s;
  }
  for (int i = p->rank > 1 && p->dim[0] == 1 ? 1 : 0; i < p->rank; i++)
    buf_printf(&b, "%s%lld", b.len ? ", " : "", (long long)p->dim[i]);
  return b.len ? b.s : "1";
}

static void drivers(const Design *d, Folder *f) {
  const Kernel *k = d->k;
  Element in = element_of(k->in_port, k->n_in_ports), out = element_of(k->out_port, k->n_out_ports);
  Buf in_w = {0}, out_w = {0};
  for (int i = 0; i < k->n_in_ports; i++)
    list(&in_w, mem_printf("{%d, %d, %d}", k->in_port[i].n, k->in_port[i].fmt.W, k->in_port[i].fmt.is_signed));
  for (int i = 0; i < k->n_out_ports; i++)
    list(&out_w, mem_printf("{%d, %d, %d}", k->out_port[i].n, k->out_port[i].fmt.W, k->out_port[i].fmt.is_signed));
  int tokens = k->steps > 1 ? k->steps : 1, results = k->each_step ? tokens : 1;
  const char *in_shape = sample_shape(k->in_port, k->n_in_ports, k->n_in), *out_shape = sample_shape(k->out_port, k->n_out_ports, k->n_out);
  if (tokens > 1)
    in_shape = mem_printf("%d, %s", tokens, in_shape);
  if (results > 1)
    out_shape = mem_printf("%d, %s", results, out_shape);
  const char *pairs[] = {"TOP",       d->top,
                         "VERSION",   NNGEN_VERSION,
                         "OUT_SHAPE", out_shape,
                         "IN_SHAPE",  in_shape,
                         "TOKENS",    mem_printf("%d", tokens),
                         "RESULTS",   mem_printf("%d", results),
                         "IN_SAMPLE", mem_printf("%d", tokens * k->n_in),
                         "STATE",     mem_printf("%d", k->n_state),
                         "STEPS",     mem_printf("%d", k->steps),
                         "IN_PORTS",  in_w.s,
                         "OUT_PORTS", out_w.s,
                         "IN_TYPE",   mem_printf("%sint%d", in.is_signed ? "" : "u", in.bits),
                         "OUT_TYPE",  mem_printf("%sint%d", out.is_signed ? "" : "u", out.bits),
                         "IN",        mem_printf("%d", k->n_in),
                         "OUT",       mem_printf("%d", k->n_out),
                         "LAYERS",    mem_printf("%d", k->n_layers),
                         "SITES",     mem_printf("%d", k->n_sites),
                         "TRACE",     mem_printf("%d", trace_size(k)),
                         NULL};
  template_render(folder_add(f, mem_printf("tb/%s_ref.c", d->top)), "templates/text/ref_main.c", pairs);
  template_prefix(folder_add(f, mem_printf("tb/%s_npy.h", d->top)), "runtime/nn_npy.h", d->top);
  template_render(folder_add(f, mem_printf("%s.py", d->top)), "templates/text/model.py", pairs);
}

void c_files(const Design *d, const CModel *m, Folder *f) {
  header(d, f);
  model(d, m, f);
  drivers(d, f);
}

void emit_c(const Design *d, Folder *f) {
  const Kernel *k = d->k;
  CPlan *p = c_plan(k, NULL);
  CModel m = {.in_kind = p->in_kind, .bulk = bulk(p), .memory = memory_bytes(p), .values = " (--dump=pipeline)", .includes = ""};
  m.site_kind = mem_array((size_t)k->n_sites + 1, sizeof *m.site_kind);
  for (int i = 0; i < k->n_sites; i++)
    m.site_kind[i] = c_site_kind(k, i);
  c_body(&m.body, p, d->top);
  c_files(d, &m, f);
}
