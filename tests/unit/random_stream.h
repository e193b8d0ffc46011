/* SPDX-License-Identifier: Apache-2.0
 *
 * random_stream.h - small random streams of every meaning, and what they compute, element by element and naively: for the tests of the
 * evaluator and of what is emitted. Nothing of the hardware (beats, fronts, kernels of units) is filled in.
 */
#ifndef NNGEN_RANDOM_STREAM_H
#define NNGEN_RANDOM_STREAM_H

#include "stream.h"

static uint64_t seed;
static uint64_t next(void) { /* splitmix64 */
  uint64_t z = seed += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}
static int below(int n) {
  return (int)(next() % (uint64_t)n);
}

static int64_t format_lo(Format f) {
  return f.is_signed ? -((int64_t)1 << (f.W - 1)) : 0;
}
static int64_t format_hi(Format f) {
  return ((int64_t)1 << (f.W - f.is_signed)) - 1;
}

/* What a finish or plain kernel does to the sums or operands of a channel, beside the kernel itself. */
typedef struct {
  int drop;
  bool relu;
} Tail;

typedef struct {
  Stream *s;
  Tail tail[16]; /* by unit */
  int formats;   /* widest W drawn */
  int weights;   /* bits of weights */
} Random;

static Edge *new_edge(Random *r, int rows, int cols, int channels) {
  Stream *s = r->s;
  Edge *e = mem_alloc(sizeof *e);
  int n = rows * cols * channels;
  *e = (Edge){.name = mem_printf("edge%d", s->n_edges), .rows = rows, .cols = cols, .channels = channels, .beats = 1, .lanes = channels};
  e->fmt = (Format){below(2) ? r->formats : 2 + below(r->formats - 1), 4, below(3) > 0};
  e->channel = mem_array((size_t)channels, sizeof *e->channel);
  for (int i = 0; i < channels; i++)
    e->channel[i] = i;
  e->element = mem_array((size_t)n, sizeof *e->element);
  int kind = below(3);
  for (int i = 0; i < n; i++)
    e->element[i] = kind == 0 ? i : i % channels * rows * cols + i / channels;
  for (int i = n - 1; kind == 2 && i > 0; i--) {
    int j = below(i + 1), t = e->element[i];
    e->element[i] = e->element[j], e->element[j] = t;
  }
  s->edge = mem_grow(s->edge, s->n_edges, &s->cap_edges, sizeof *s->edge);
  return s->edge[s->n_edges++] = e;
}

static Link *new_link(Stream *s, Edge *e, Unit *reader) {
  Link *l = mem_alloc(sizeof *l);
  *l = (Link){.edge = e, .reader = reader, .depth = 2};
  s->link = mem_grow(s->link, s->n_links, &s->cap_links, sizeof *s->link);
  s->link[s->n_links++] = l;
  if (e->maker) {
    Unit *u = e->maker;
    Link **links = mem_array((size_t)u->n_links + 1, sizeof *links);
    for (int i = 0; i < u->n_links; i++)
      links[i] = u->link[i];
    links[u->n_links++] = l;
    u->link = links;
  }
  return l;
}

static Unit *new_unit(Random *r, Meaning meaning, int n_in, Edge **in) {
  Stream *s = r->s;
  Unit *u = mem_alloc(sizeof *u);
  u->name = mem_printf("unit%d", s->n_units);
  u->op = (const char *const[]){"Conv", "MaxPool", "Transpose"}[meaning];
  u->meaning = meaning;
  u->n_in = n_in;
  u->in = mem_array((size_t)n_in, sizeof(Link *));
  for (int i = 0; i < n_in; i++)
    u->in[i] = new_link(s, in[i], u);
  s->unit = mem_grow(s->unit, s->n_units, &s->cap_units, sizeof *s->unit);
  return s->unit[s->n_units++] = u;
}

/* A window that has at least one position; the whole input now and then, as a dense layer. */
static Taps some_taps(const Edge *in, int64_t pad) {
  Taps t = {.rows = in->rows, .cols = in->cols, .channels = in->channels, .pad = pad};
  t.row_step = 1 + below(2), t.col_step = 1 + below(2);
  t.row_dilation = 1 + below(2), t.col_dilation = 1 + below(2);
  if (below(4) == 0) {
    t.kernel_rows = in->rows, t.kernel_cols = in->cols, t.row_dilation = t.col_dilation = 1, t.out_rows = t.out_cols = 1;
    return t;
  }
  t.kernel_rows = 1 + below(3), t.kernel_cols = 1 + below(3);
  t.row_first = -below(2), t.col_first = -below(2);
  int span_rows = in->rows + below(2) - t.row_first - (t.kernel_rows - 1) * t.row_dilation - 1;
  int span_cols = in->cols + below(2) - t.col_first - (t.kernel_cols - 1) * t.col_dilation - 1;
  t.out_rows = span_rows < 0 ? 1 : span_rows / t.row_step + 1;
  t.out_cols = span_cols < 0 ? 1 : span_cols / t.col_step + 1;
  return t;
}

/* round half up, then ReLU or not, then the format, counted */
static int tail(Kernel *k, int v, const Tail *t, Format f, int site) {
  if (t->relu)
    v = hir_max(k, v, hir_const(k, 0));
  return hir_quant(k, v, t->drop, format_lo(f), format_hi(f), ROUND_RND, OVERFLOW_SAT, site);
}

static Kernel *kernel_of(const char *name, int inputs, int outputs) {
  Kernel *k = hir_new(name);
  k->n_in = inputs, k->n_out = outputs;
  k->out = mem_array((size_t)outputs, sizeof *k->out);
  k->steps = 1, k->channels = 1, k->cur_layer = -1;
  return k;
}

static void add_product(Random *r, Edge *in) {
  Unit *u = new_unit(r, MEANS_PRODUCT, 1, &in);
  Tail *t = &r->tail[r->s->n_units - 1];
  u->taps = some_taps(in, below(3) ? 0 : format_lo(in->fmt));
  u->n = u->taps.kernel_rows * u->taps.kernel_cols * in->channels;
  u->finish_n = 1 + below(3);
  u->m = u->finish_n * (1 + below(7));
  u->w = mem_array((size_t)u->m * (size_t)u->n, sizeof *u->w);
  u->bias = mem_array((size_t)u->m, sizeof *u->bias);
  int zeros = (int[]){0, 5, 9}[below(3)], bits = below(2) ? r->weights : 1 + below(r->weights);
  for (int i = 0; i < u->m * u->n; i++)
    u->w[i] = below(10) < zeros ? 0 : (int32_t)((int64_t)(next() % ((uint64_t)1 << bits)) - ((int64_t)1 << (bits - 1)));
  for (int i = 0; i < u->m; i++)
    u->bias[i] = (int64_t)below(1 << 20) - (1 << 19);
  u->out = new_edge(r, u->taps.out_rows, u->taps.out_cols, u->m);
  u->out->maker = u;
  *t = (Tail){below(12), below(2)};
  Kernel *k = u->finish = kernel_of(mem_printf("%s_finish", u->name), u->finish_n, u->finish_n);
  for (int c = 0; c < u->finish_n; c++) {
    i128 lo = 0, hi = 0;
    for (int row = c; row < u->m; row += u->finish_n) {
      i128 l, h;
      stream_sum_range(u, row, 0, u->n, &l, &h);
      lo = l + u->bias[row] < lo ? l + u->bias[row] : lo;
      hi = h + u->bias[row] > hi ? h + u->bias[row] : hi;
    }
    k->out[c] = tail(k, hir_in(k, c, lo, hi), t, u->out->fmt, hir_site(k, u->name, false));
  }
}

static void add_pool(Random *r, Edge *in) {
  Unit *u = new_unit(r, MEANS_KERNEL, 1, &in);
  Tail *t = &r->tail[r->s->n_units - 1];
  u->taps = some_taps(in, format_lo(in->fmt));
  u->out = new_edge(r, u->taps.out_rows, u->taps.out_cols, in->channels);
  u->out->maker = u;
  *t = (Tail){below(3), false};
  int taps = u->taps.kernel_rows * u->taps.kernel_cols;
  Kernel *k = u->plain = kernel_of(mem_printf("%s_pool", u->name), taps * in->channels, in->channels);
  for (int c = 0; c < in->channels; c++) {
    int most = hir_in(k, c, format_lo(in->fmt), format_hi(in->fmt));
    for (int i = 1; i < taps; i++)
      most = hir_max(k, most, hir_in(k, i * in->channels + c, format_lo(in->fmt), format_hi(in->fmt)));
    k->out[c] = tail(k, most, t, u->out->fmt, hir_site(k, u->name, false));
  }
}

/* a + 2 b, by channel; those of the shorter one again and again */
static void add_map(Random *r, Edge *a, Edge *b) {
  Unit *u = new_unit(r, MEANS_KERNEL, 2, (Edge *[]){a, b});
  Tail *t = &r->tail[r->s->n_units - 1];
  u->out = new_edge(r, a->rows, a->cols, a->channels);
  u->out->maker = u;
  *t = (Tail){below(3), below(2)};
  Kernel *k = u->plain = kernel_of(mem_printf("%s_map", u->name), a->channels + b->channels, a->channels);
  for (int c = 0; c < a->channels; c++) {
    int x = hir_in(k, c, format_lo(a->fmt), format_hi(a->fmt));
    int y = hir_in(k, a->channels + c % b->channels, format_lo(b->fmt), format_hi(b->fmt));
    k->out[c] = tail(k, hir_add(k, x, y, 1), t, u->out->fmt, c ? 0 : hir_site(k, u->name, false));
  }
}

static void add_move(Random *r, Edge *in) {
  Unit *u = new_unit(r, MEANS_MOVE, 1, &in);
  u->out = new_edge(r, 1 + below(4), 1 + below(4), 1 + below(5));
  u->out->maker = u;
  u->out->fmt = in->fmt;
  int n = u->out->rows * u->out->cols * u->out->channels;
  u->from = mem_array((size_t)n, sizeof *u->from);
  for (int i = 0; i < n; i++)
    u->from[i] = below(5) ? below(in->rows * in->cols * in->channels) : -1;
}

static HirPort port_of(const Edge *e, int first) {
  HirPort p = {.name = e->name, .rank = 1, .first = first, .n = e->rows * e->cols * e->channels, .fmt = e->fmt};
  p.dim[0] = p.n;
  return p;
}

static Random random_stream(uint64_t from, int formats, int weights) {
  seed = from;
  Random r = {.s = mem_alloc(sizeof(Stream)), .formats = formats, .weights = weights};
  Stream *s = r.s;
  s->name = "net";
  s->n_in = 1 + below(2);
  s->in = mem_array((size_t)s->n_in, sizeof *s->in);
  HirPort *in = mem_array((size_t)s->n_in, sizeof *in);
  for (int i = 0; i < s->n_in; i++) {
    s->in[i] = new_edge(&r, 1 + below(7), 1 + below(7), 1 + below(5));
    in[i] = port_of(s->in[i], s->n_in_elements);
    s->n_in_elements += in[i].n;
  }
  s->in_port = in;
  int units = 1 + below(5);
  for (int i = 0; i < units; i++) {
    Edge *e = s->edge[s->n_edges - 1];
    int kind = below(6);
    if (kind < 3)
      add_product(&r, e);
    else if (kind == 3)
      add_pool(&r, e);
    else if (kind == 4)
      add_move(&r, e);
    else { /* with itself, or with any other of as many positions */
      Edge *other = s->edge[below(s->n_edges)];
      add_map(&r, e, other->rows * other->cols == e->rows * e->cols ? other : e);
    }
  }
  if (s->n_in == 2) /* reads the first one, too */
    add_product(&r, s->in[0]);
  s->n_out = s->n_in;
  s->out = mem_array(2, sizeof *s->out);
  HirPort *out = mem_array(2, sizeof *out);
  for (int i = 0; i < s->n_out; i++) {
    s->out[i] = new_link(s, s->edge[s->n_edges - 1 - i], NULL);
    out[i] = port_of(s->out[i]->edge, s->n_out_elements);
    s->n_out_elements += out[i].n;
  }
  s->out_port = out;
  return r;
}

/* ---- the same, element by element ---- */

typedef struct {
  const Random *r;
  int64_t **value;   /* by edge: [position * channels + channel] */
  uint64_t *limited; /* by unit */
} Naive;

static int64_t *values_of(const Naive *v, const Edge *e) {
  for (int i = 0;; i++)
    if (v->r->s->edge[i] == e)
      return v->value[i];
}

static int64_t finished(Naive *v, int unit, i128 x) {
  const Tail *t = &v->r->tail[unit];
  Format f = v->r->s->unit[unit]->out->fmt;
  if (t->relu && x < 0)
    x = 0;
  i128 d = (i128)1 << t->drop, up = x + d / 2; /* floor((x + d/2) / d) is half up */
  x = up >= 0 ? up / d : -((-up + d - 1) / d);
  i128 y = x < format_lo(f) ? format_lo(f) : x > format_hi(f) ? format_hi(f) : x;
  v->limited[unit] += x != y;
  return (int64_t)y;
}

static int64_t operand(const Naive *v, const Unit *u, int p, int ky, int kx, int c) {
  const Taps *t = &u->taps;
  int y = t->row_first + p / t->out_cols * t->row_step + ky * t->row_dilation;
  int x = t->col_first + p % t->out_cols * t->col_step + kx * t->col_dilation;
  if (y < 0 || y >= t->rows || x < 0 || x >= t->cols)
    return t->pad;
  return values_of(v, u->in[0]->edge)[(y * t->cols + x) * t->channels + c];
}

static int64_t naive_element(Naive *v, int unit, int p, int c) {
  const Unit *u = v->r->s->unit[unit];
  const Taps *t = &u->taps;
  if (u->meaning == MEANS_MOVE) {
    int from = u->from[p * u->out->channels + c];
    return from < 0 ? 0 : values_of(v, u->in[0]->edge)[from];
  }
  if (u->n_in == 2) {
    int nb = u->in[1]->edge->channels;
    i128 a = values_of(v, u->in[0]->edge)[p * u->in[0]->edge->channels + c];
    return finished(v, unit, a + 2 * (i128)values_of(v, u->in[1]->edge)[p * nb + c % nb]);
  }
  i128 sum = u->meaning == MEANS_PRODUCT ? (i128)u->bias[c] : format_lo(u->in[0]->edge->fmt);
  for (int ky = 0; ky < t->kernel_rows; ky++)
    for (int kx = 0; kx < t->kernel_cols; kx++)
      if (u->meaning == MEANS_PRODUCT) {
        for (int i = 0; i < t->channels; i++)
          sum += (i128)u->w[c * u->n + (ky * t->kernel_cols + kx) * t->channels + i] * operand(v, u, p, ky, kx, i);
      } else {
        int64_t x = operand(v, u, p, ky, kx, c);
        sum = x > sum ? x : sum;
      }
  return finished(v, unit, sum);
}

/* Inputs and outputs in ONNX order. */
static void naive(Naive *v, const int64_t *in, int64_t *out) {
  const Stream *s = v->r->s;
  for (int i = 0; i < s->n_in; i++)
    for (int j = 0; j < s->in_port[i].n; j++)
      values_of(v, s->in[i])[j] = in[s->in_port[i].first + s->in[i]->element[j]];
  for (int i = 0; i < s->n_units; i++) {
    const Edge *e = s->unit[i]->out;
    for (int p = 0; p < e->rows * e->cols; p++)
      for (int c = 0; c < e->channels; c++)
        values_of(v, e)[p * e->channels + c] = naive_element(v, i, p, c);
  }
  for (int i = 0; i < s->n_out; i++)
    for (int j = 0; j < s->out_port[i].n; j++)
      out[s->out_port[i].first + s->out[i]->edge->element[j]] = values_of(v, s->out[i]->edge)[j];
}

static Naive naive_new(const Random *r) {
  Naive v = {.r = r};
  v.value = mem_array((size_t)r->s->n_edges, sizeof *v.value);
  for (int i = 0; i < r->s->n_edges; i++)
    v.value[i] = mem_array((size_t)(r->s->edge[i]->rows * r->s->edge[i]->cols * r->s->edge[i]->channels), sizeof **v.value);
  v.limited = mem_array((size_t)r->s->n_units, sizeof *v.limited);
  return v;
}

/* Elements anywhere in the ports' formats; the extreme ones in every other frame. */
static void random_frame(const Stream *s, int64_t *in, bool extreme) {
  for (int i = 0; i < s->n_in; i++)
    for (int j = 0; j < s->in_port[i].n; j++) {
      Format f = s->in_port[i].fmt;
      int64_t lo = format_lo(f), hi = format_hi(f);
      in[s->in_port[i].first + j] = extreme ? (below(2) ? lo : hi) : lo + (int64_t)(next() % (uint64_t)(hi - lo + 1));
    }
}

#endif
