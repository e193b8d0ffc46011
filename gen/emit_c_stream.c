/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_c_stream.c - the C model of a streaming design: c/TOP.c with a function a unit, run one after the other on NN_LANES samples, and the
 * files around it, which are those of the parallel model.
 */
#include "emit_c_stream.h"
#include <stdlib.h>

enum { LANES_MOST = 16 }; /* where vectors are widest */

static int most(int a, int b) {
  return a > b ? a : b;
}

static int elements(const Edge *e) {
  return e->rows * e->cols * e->channels;
}

int c_edge(const CStream *c, const Edge *e) {
  int i = 0;
  while (c->s->edge[i] != e)
    i++;
  return i;
}

/* Number of the network's input that an edge is; -1: made by a unit. */
static int input_of(const Stream *s, const Edge *e) {
  for (int i = 0; i < s->n_in; i++)
    if (s->in[i] == e)
      return i;
  return -1;
}

static bool in_order(const Edge *e) {
  for (int i = 0; i < elements(e); i++)
    if (e->element[i] != i)
      return false;
  return true;
}

const char *c_edge_text(const CStream *c, const Edge *e, bool alone) {
  int i = c_edge(c, e), bits = c_bits(c->kind[i]);
  if (alone)
    return c->row[i] < 0 ? mem_printf("m->flat + %d", c->s->in_port[input_of(c->s, e)].first)
                         : mem_printf("m->e%d + %lld", bits, (long long)c->row[i]);
  if (c->row[i] < 0)
    return mem_printf("(%s_m%d *)m->in + %d * %s_LANES", c->top, bits, c->s->in_port[input_of(c->s, e)].first, c->top);
  return mem_printf("m->e%d + %lld * %s_LANES", bits, (long long)c->row[i], c->top);
}

const char *c_row_bytes(const CStream *c, int bits, bool alone) {
  return alone ? mem_printf("%d", bits / 8) : mem_printf("%d * %s_LANES", bits / 8, c->top);
}

static int range_kind(const Edge *e) {
  i128 lo, hi;
  stream_edge_range(e, &lo, &hi);
  return c_kind_of(lo, hi);
}

static void set_kinds(CStream *c) {
  const Stream *s = c->s;
  c->kind = mem_array((size_t)s->n_edges + 1, sizeof *c->kind);
  for (int i = 0; i < s->n_edges; i++)
    c->kind[i] = range_kind(s->edge[i]);
  for (int i = 0; i < s->n_in; i++)
    c->in_kind = most(c->in_kind, c->kind[c_edge(c, s->in[i])]);
  for (int i = 0; i < s->n_in; i++)
    c->kind[c_edge(c, s->in[i])] = c->in_kind;
  for (int i = 0; i < s->n_units; i++) /* moved as they are */
    if (s->unit[i]->meaning == MEANS_MOVE)
      c->kind[c_edge(c, s->unit[i]->out)] = c->kind[c_edge(c, s->unit[i]->in[0]->edge)];
  for (int i = 0; i < s->n_out; i++)
    c->out_kind = most(c->out_kind, c->kind[c_edge(c, s->out[i]->edge)]);
}

/* ---- memory: edges that are alive at the same time lie side by side, each in the first gap that takes it ---- */

typedef struct {
  int first, rows, last; /* last: unit that reads it last */
} Block;

static int last_reader(const Stream *s, const Edge *e) {
  int last = -1;
  for (int i = 0; i < s->n_units; i++)
    for (int j = 0; j < s->unit[i]->n_in; j++)
      if (s->unit[i]->in[j]->edge == e)
        last = i;
  for (int i = 0; i < s->n_out; i++)
    if (s->out[i]->edge == e)
      last = s->n_units;
  return last;
}

static int by_first(const void *a, const void *b) {
  return ((const Block *)a)->first - ((const Block *)b)->first;
}

/* Room for an edge that is made when unit `now` runs (-1: before the first). */
static int place(Block *used, int *n, int now, int rows, int last) {
  int kept = 0, at = 0;
  for (int i = 0; i < *n; i++)
    if (used[i].last >= now)
      used[kept++] = used[i];
  *n = kept;
  qsort(used, (size_t)kept, sizeof *used, by_first);
  for (int i = 0; i < kept && used[i].first < at + rows; i++)
    at = used[i].first + used[i].rows;
  used[(*n)++] = (Block){at, rows, most(last, now)};
  return at;
}

static void allocate(CStream *c) {
  const Stream *s = c->s;
  Block *used[LANE_KINDS];
  int n[LANE_KINDS] = {0};
  for (int q = 0; q < LANE_KINDS; q++)
    used[q] = mem_array((size_t)s->n_edges + 1, sizeof(Block));
  c->row = mem_array((size_t)s->n_edges + 1, sizeof *c->row);
  for (int unit = -1; unit < s->n_units; unit++)
    for (int i = 0; i < s->n_edges; i++) {
      const Edge *e = s->edge[i];
      int input = input_of(s, e), q = c->kind[i];
      if (unit < 0 ? input < 0 : input >= 0 || s->unit[unit]->out != e)
        continue;
      c->row[i] = input >= 0 && in_order(e) ? -1 : place(used[q], &n[q], unit, elements(e), last_reader(s, e));
      if (c->row[i] >= 0)
        c->rows[q] = most(c->rows[q], c->row[i] + elements(e));
    }
}

/* What the largest unit needs. */
static void most_memory(CStream *c, const CUnit *u) {
  const Unit *q = u->u;
  if (q->meaning == MEANS_MOVE)
    return;
  c->lanes = most(c->lanes, u->k->n_in + u->k->n_out);
  if (q->meaning == MEANS_KERNEL) {
    c->pointers =
        most(c->pointers, most(u->batch, LANES_MOST + 1) * u->k->n_in); /* alone: positions of all lanes, and rows of the kernel */
    return;
  }
  c->sums[u->sum_kind] = most(c->sums[u->sum_kind], u->batch * q->m + 3); /* alone, a vector is read and written behind the last one */
  c->lanes = most(c->lanes, u->batch * q->m / 8 + 2);
  if (!u->paired) {
    c->pointers = most(c->pointers, q->n);
    return;
  }
  c->panel = most(c->panel, u->panel_rows * u->panel_cols * (q->taps.channels == 1 ? 1 : (q->taps.channels + 1) / 2));
  c->parts = most(c->parts, u->sum_kind == 2 ? q->m + 1 : 0);
  c->weights = most(c->weights, u->weight_bits == 8 ? 2 * u->n_pairs * (u->narrow ? 8 : q->m) + 32 : 0);
}

static void plan_units(CStream *c) {
  const Stream *s = c->s;
  c->n = s->n_units;
  c->unit = mem_array((size_t)c->n + 1, sizeof *c->unit);
  for (int i = 0; i < c->n; i++) {
    c->unit[i] = c_plan_unit(c, s->unit[i], i);
    c->unit[i].first_site = c->sites;
    c->sites += c->unit[i].k ? c->unit[i].k->n_sites : 0;
    most_memory(c, &c->unit[i]);
  }
  for (int i = 0; i < s->n_in; i++)
    if (c->row[c_edge(c, s->in[i])] < 0)
      c->flat = s->n_in_elements;
}

static void memory(Buf *b, const CStream *c) {
  const char *top = c->top;
  const Stream *s = c->s;
  buf_printf(
      b, "/* Rows of %s_LANES samples. */\ntypedef struct {\n  %s_ALIGN %s_m%d in[%d][%s_LANES];\n  %s_ALIGN %s_m%d out[%d][%s_LANES];\n",
      top, top, top, c_bits(c->in_kind), most(s->n_in_elements, 1), top, top, top, c_bits(c->out_kind), most(s->n_out_elements, 1), top);
  for (int q = 0; q < LANE_KINDS; q++)
    if (c->rows[q])
      buf_printf(b, "  %s_ALIGN %s_m%d e%d[%lld * %s_LANES]; /* edges; their places are used again */\n", top, top, c_bits(q), c_bits(q),
                 (long long)c->rows[q], top);
  if (c->flat)
    buf_printf(b, "  %s_ALIGN %s_m%d flat[%d]; /* inputs of a sample alone */\n", top, top, c_bits(c->in_kind), c->flat);
  if (c->panel)
    buf_printf(b, "  %s_ALIGN uint32_t panel[%lld * %s_LANES];\n", top, (long long)c->panel, top);
  if (c->weights)
    buf_printf(b, "  %s_ALIGN int16_t weight[%d];\n", top, c->weights);
  for (int q = 1; q < 3; q++)
    if (c->sums[q])
      buf_printf(b, "  %s_ALIGN %s_m%d sum%d[%d * %s_LANES];\n", top, top, c_bits(q), c_bits(q), c->sums[q], top);
  if (c->parts)
    buf_printf(b, "  %s_ALIGN int32_t part[%d * %s_LANES];\n", top, c->parts, top);
  if (c->pointers)
    buf_printf(b, "  const void *row[%d];\n", c->pointers);
  if (c->lanes)
    buf_printf(b, "  %s_ALIGN int64_t lane[%d * %s_LANES]; /* operands and results of a kernel, of a sample alone */\n", top, c->lanes,
               top);
  buf_printf(b, "  %s_ALIGN int64_t pad[%s_LANES];\n  %s_ALIGN uint32_t count[%d][%s_LANES], some[%d][%s_LANES];\n} %s_mem;\n", top, top,
             top, most(c->sites, 1), top, most(c->sites, 1), top, top);
}

/* Bytes of that, with 16 samples to a row. */
static int64_t memory_bytes(const CStream *c) {
  int64_t rows = (int64_t)c->s->n_in_elements << c->in_kind;
  rows += (int64_t)c->s->n_out_elements << c->out_kind;
  for (int q = 0; q < LANE_KINDS; q++)
    rows += ((int64_t)c->rows[q] + c->sums[q]) << q;
  rows += 2 * ((int64_t)c->panel + c->parts + 2 * c->lanes + 2 * c->sites);
  return rows * 2 * LANES_MOST + 2 * (int64_t)c->weights + 8 * (int64_t)c->pointers + ((int64_t)c->flat << c->in_kind) * 2;
}

/* ---- ports and traces ---- */

static void order_table(Buf *b, const CStream *c, const char *name, const Edge *e) {
  int n = elements(e), positions = e->rows * e->cols, by_position = positions > 1 ? e->element[e->channels] : 0;
  int by_channel = e->channels > 1 ? e->element[1] : 0;
  bool steps = by_position >= 0 && by_channel >= 0;
  for (int i = 0; i < n && steps; i++)
    steps = e->element[i] == i / e->channels * by_position + i % e->channels * by_channel;
  if (!steps) {
    buf_printf(b, "static const uint32_t %s_elements[] = {", name);
    for (int i = 0; i < n; i++)
      buf_printf(b, "%s%d,", i % 24 ? "" : "\n  ", e->element[i]);
    buf_puts(b, "};\n");
    by_position = by_channel = 0;
  }
  buf_printf(b, "static const %s_order %s = {%s, %d, %d, %d, %d};\n", c->top, name, steps ? "NULL" : mem_printf("%s_elements", name),
             positions, e->channels, by_position, by_channel);
}

static const char *order_name(const CStream *c, const Edge *e) {
  return mem_printf("%s_order%d", c->top, c_edge(c, e));
}

static void orders(Buf *b, const CStream *c) {
  const Stream *s = c->s;
  for (int i = 0; i < s->n_edges; i++) {
    bool always = c->row[i] >= 0;
    for (int j = 0; j < s->n_out; j++)
      always |= s->out[j]->edge == s->edge[i];
    if (!always)
      buf_printf(b, "#if %s_ALONE\n", c->top);
    order_table(b, c, order_name(c, s->edge[i]), s->edge[i]);
    if (!always)
      buf_puts(b, "#endif\n");
  }
}

static void give(Buf *b, const CStream *c, bool alone) {
  const Stream *s = c->s;
  for (int i = 0; i < s->n_out; i++) {
    const Edge *e = s->out[i]->edge;
    buf_printf(b, "  %s_give%dto%d%s(m->out + %d, %s, &%s%s);\n", c->top, c_bits(c->kind[c_edge(c, e)]), c_bits(c->out_kind),
               alone ? "_alone" : "", s->out_port[i].first, c_edge_text(c, e, alone), order_name(c, e), alone ? ", lane" : "");
  }
}

static void take(Buf *b, const CStream *c, bool alone) {
  const Stream *s = c->s;
  for (int i = 0; i < s->n_in; i++)
    if (alone || c->row[c_edge(c, s->in[i])] >= 0)
      buf_printf(b, "  %s_take%s%d(%s, m->in + %d, &%s%s);\n", c->top, alone ? "_alone" : "", c_bits(c->in_kind),
                 c_edge_text(c, s->in[i], alone), s->in_port[i].first, order_name(c, s->in[i]), alone ? ", lane" : "");
}

static void block(Buf *b, const CStream *c) {
  const char *top = c->top;
  int at = 0;
  buf_puts(b, "\n/* ---- ONNX order ---- */\n\n");
  orders(b, c);
  buf_printf(b,
             "\n#if %s_ALONE\n/* The network, for the sample in one lane of m->in. */\nstatic void %s_alone(%s_mem *m, size_t lane) {\n  "
             "memset(m->some, 0, sizeof m->some);\n",
             top, top, top);
  take(b, c, true);
  for (int i = 0; i < c->n; i++)
    buf_printf(b, "  %s_alone(m);\n", c->unit[i].name);
  give(b, c, true);
  buf_puts(b, "}\n#endif\n");
  buf_printf(b, "\n/* The network, for the samples in m->in. */\nstatic void %s_block(%s_mem *m, double *trace, size_t samples) {\n", top,
             top);
  buf_printf(b,
             "#if %s_ALONE\n  size_t lane, e;\n  if (samples <= %s_ALONE && !trace) {\n    for (lane = 0; lane < samples; lane++)\n      "
             "%s_alone(m, lane);\n    return;\n  }\n",
             top, top, top);
  buf_printf(
      b,
      "  for (e = 0; samples <= %s_ALONE && e < %s_IN; e++) /* fill the lanes all the same */\n    for (lane = samples; lane < %s_LANES; "
      "lane++)\n      m->in[e][lane] = m->in[e][samples - 1];\n#endif\n",
      top, top, top);
  take(b, c, false);
  for (int i = 0; i < c->n; i++) {
    const Edge *e = c->unit[i].u->out;
    buf_printf(b, "  %s(m);\n  if (trace)\n    %s_trace%d(trace + %d, %s_TRACE, %s, &%s, 0x1p%d, samples);\n", c->unit[i].name, top,
               c_bits(c->kind[c_edge(c, e)]), at, top, c_edge_text(c, e, false), order_name(c, e), e->fmt.I - e->fmt.W);
    at += elements(e);
  }
  give(b, c, false);
  buf_puts(b, "  (void)trace;\n  (void)samples;\n}\n");
}

/* ---- the files ---- */

/* Ports, layers and sites as those of a kernel, which is what the files around the computation are made from. */
static Kernel *facade(const CStream *c, int *site_kind) {
  const Stream *s = c->s;
  Kernel *k = mem_alloc(sizeof *k);
  k->name = c->top;
  k->steps = k->channels = 1;
  k->n_in = s->n_in_elements, k->n_out = s->n_out_elements;
  k->n_in_ports = s->n_in, k->n_out_ports = s->n_out;
  k->in_port = mem_array((size_t)s->n_in + 1, sizeof *k->in_port);
  k->out_port = mem_array((size_t)s->n_out + 1, sizeof *k->out_port);
  for (int i = 0; i < s->n_in; i++)
    k->in_port[i] = s->in_port[i];
  for (int i = 0; i < s->n_out; i++)
    k->out_port[i] = s->out_port[i];
  k->layer = mem_array((size_t)c->n + 1, sizeof *k->layer);
  for (int i = 0; i < c->n; i++) {
    const CUnit *u = &c->unit[i];
    k->layer[k->n_layers++] =
        (HirLayer){.name = u->u->node ? u->u->node->name : u->u->name, .op = u->u->op, .n = elements(u->u->out), .fmt = u->u->out->fmt};
    for (int j = 0; u->k && j < u->k->n_sites; j++) {
      k->site = mem_grow(k->site, k->n_sites, &k->cap_sites, sizeof *k->site);
      site_kind[k->n_sites] = c_site_kind(u->k, j);
      k->site[k->n_sites++] = u->k->site[j];
    }
  }
  return k;
}

void emit_stream_c(const StreamDesign *d, Folder *f) {
  CStream c = {.top = d->top, .s = d->s};
  set_kinds(&c);
  allocate(&c);
  plan_units(&c);
  CModel m = {.in_kind = c.in_kind, .bulk = 32, .memory = memory_bytes(&c), .values = ", of the unit's kernel", .alone = true};
  m.includes = mem_printf("#include \"%s_units.h\"\n", d->top);
  m.site_kind = mem_array((size_t)c.sites + 1, sizeof *m.site_kind);
  Design whole = {.top = d->top, .k = facade(&c, m.site_kind), .g = d->g, .o = d->o, .vec = d->vec};
  buf_puts(&m.body, "\n");
  memory(&m.body, &c);
  for (int i = 0; i < c.n; i++)
    c_unit(&m.body, &c, &c.unit[i]), c_unit_alone(&m.body, &c, &c.unit[i]);
  block(&m.body, &c);
  c_files(&whole, &m, f);
  template_prefix(folder_add(f, mem_printf("c/%s_units.h", d->top)), "runtime/nn_units.h", d->top);
}
