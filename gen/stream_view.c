/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_view.c - where the elements of tensors are: on which edge, at which position, in which channel. Reshape, Transpose, Flatten,
 * Slice, Concat, Pad and their like only change this; hardware comes in where a reader needs another order than there is.
 */
#include "stream_build.h"
#include <stdlib.h>

static const char *unique(const char *name, int number, bool taken) {
  return taken ? mem_printf("%s_%d", name, number) : name;
}

Edge *stream_edge(Build *b, const Tensor *t, Layout l, Format fmt) {
  Stream *s = b->s;
  Edge *e = mem_alloc(sizeof *e);
  *e = (Edge){.tensor = t, .fmt = fmt, .rows = l.rows, .cols = l.cols, .channels = l.channels};
  const char *name = ident(t ? t->name : "stream");
  bool taken = false;
  for (int i = 0; i < s->n_edges; i++)
    taken |= !strcmp(s->edge[i]->name, name);
  e->name = unique(name, s->n_edges, taken);
  const int positions = layout_positions(l);
  e->element = mem_array((size_t)positions * (size_t)l.channels + 1, sizeof *e->element);
  for (int p = 0; p < positions; p++)
    for (int c = 0; c < l.channels; c++)
      e->element[p * l.channels + c] = layout_element(l, p, c);
  s->edge = mem_grow(s->edge, s->n_edges, &s->cap_edges, sizeof *s->edge);
  s->edge[s->n_edges++] = e;
  return e;
}

Unit *stream_unit(Build *b, const Node *n, const char *wanted, const char *op, Meaning meaning) {
  Stream *s = b->s;
  Unit *u = mem_alloc(sizeof *u);
  *u = (Unit){.node = n, .op = op, .meaning = meaning, .reuse = 1};
  const char *name = ident(wanted ? wanted : n->name);
  bool taken = !strcmp(name, s->name);
  for (int i = 0; i < s->n_units; i++)
    taken |= !strcmp(s->unit[i]->name, name);
  u->name = unique(name, s->n_units, taken);
  s->unit = mem_grow(s->unit, s->n_units, &s->cap_units, sizeof *s->unit);
  s->unit[s->n_units++] = u;
  return u;
}

void stream_unit_last(Stream *s, const Unit *u) {
  for (int i = 0; i < s->n_units - 1; i++)
    if (s->unit[i] == u) {
      Unit *other = s->unit[i + 1];
      s->unit[i + 1] = s->unit[i];
      s->unit[i] = other;
    }
}

Link *stream_link(Stream *s, Edge *e, Unit *reader) {
  enum { DEPTH = 2 }; /* the least with which a beat can pass in every cycle */
  Link *l = mem_alloc(sizeof *l);
  *l = (Link){e, reader, DEPTH, 0};
  s->link = mem_grow(s->link, s->n_links, &s->cap_links, sizeof *s->link);
  s->link[s->n_links++] = l;
  if (reader) {
    Link **in = mem_array((size_t)reader->n_in + 1, sizeof *in);
    if (reader->n_in)
      memcpy(in, reader->in, (size_t)reader->n_in * sizeof *in);
    in[reader->n_in++] = l;
    reader->in = in;
  }
  return l;
}

static Place *room(Build *b, const Tensor *t) {
  if (!b->view[t->id])
    b->view[t->id] = mem_array((size_t)tensor_count(t) + 1, sizeof(Place));
  return b->view[t->id];
}

void view_from_edge(Build *b, const Tensor *t, Edge *e) {
  Place *v = room(b, t);
  const int n = e->rows * e->cols * e->channels;
  for (int i = 0; i < n; i++)
    if (e->element[i] >= 0)
      v[e->element[i]] = (Place){e, i};
}

void view_move(Build *b, const Node *n) {
  for (int i = 0; i < n->n_in; i++)
    if (i > 0 && n->op != OP_Concat && n->in[i] && !n->in[i]->value) {
      diag_error(EXIT_UNSUPPORTED, n, "in stream mode '%s', which says what goes where, must be constant", diag_text(n->in[i]->name));
      return;
    }
  int64_t *first = mem_array((size_t)n->n_in + 1, sizeof *first), total = 1;
  double **from = move_numbers(n, first);
  for (int i = 0; i < n->n_in; i++)
    total += first[i] >= 0 ? tensor_count(n->in[i]) : 0;
  Place *source = mem_array((size_t)total, sizeof *source);
  for (int i = 0; i < n->n_in; i++) {
    const Tensor *t = n->in[i];
    if (first[i] < 0)
      continue;
    if (n->op == OP_Pad && i == 2) {
      if (t->value[0] != 0)
        diag_error(EXIT_UNSUPPORTED, n, "in stream mode pads only with zeros");
      continue;
    }
    if (!b->view[t->id]) {
      diag_error(EXIT_UNSUPPORTED, n, "in stream mode it takes no constant '%s' among what it moves", diag_text(t->name));
      return;
    }
    memcpy(source + first[i], b->view[t->id], (size_t)tensor_count(t) * sizeof *source);
  }
  for (int i = 0; i < n->n_out; i++) {
    if (!n->out[i])
      continue;
    Place *v = room(b, n->out[i]);
    for (int64_t j = 0; j < tensor_count(n->out[i]); j++)
      v[j] = source[(int64_t)from[i][j]];
  }
}

Edge *view_edge(const Build *b, const Tensor *t) {
  const Place *v = b->view[t->id];
  Edge *e = NULL;
  for (int64_t i = 0; v && i < tensor_count(t); i++) {
    if (v[i].edge && e && v[i].edge != e)
      return NULL;
    e = v[i].edge ? v[i].edge : e;
  }
  return e;
}

Layout layout_by_shape(const Tensor *t) {
  const int64_t *d = t->dim;
  if (t->rank == 4 && d[0] == 1)
    return (Layout){(int)d[2], (int)d[3], (int)d[1], false};
  if (t->rank == 3 && d[0] == 1)
    return (Layout){(int)d[2], 1, (int)d[1], false};
  return (Layout){1, 1, (int)tensor_count(t), false};
}

static bool fits(const Build *b, const Tensor *t, const Edge *e, Layout l) {
  const Place *v = b->view[t->id];
  if (e->rows != l.rows || e->cols != l.cols || e->channels != l.channels || tensor_count(t) != (int64_t)layout_positions(l) * l.channels)
    return false;
  for (int p = 0; p < layout_positions(l); p++)
    for (int c = 0; c < l.channels; c++) {
      const Place *x = &v[layout_element(l, p, c)];
      if (x->edge != e || x->at != p * l.channels + c)
        return false;
    }
  return true;
}

bool view_layout(const Build *b, const Tensor *t, Layout *l) {
  Edge *e = view_edge(b, t);
  if (!e)
    return false;
  for (int last = 0; last < 2; last++) {
    *l = (Layout){e->rows, e->cols, e->channels, last};
    if (fits(b, t, e, *l))
      return true;
  }
  return false;
}

/* ---- bringing elements there ---- */

/* Channels of one position of several edges, for each channel of the result: which input, which of its channels; -1: 0. */
typedef struct {
  int n_in;
  Edge **in;
  int *input, *channel;
} Gathering;

/* Whether each position of the result needs that position alone, the same channels of it everywhere. */
static bool gathers(const Build *b, const Tensor *t, Layout l, Gathering *g) {
  const Place *v = b->view[t->id];
  g->in = mem_array((size_t)l.channels + 1, sizeof(Edge *));
  g->input = mem_array((size_t)l.channels + 1, sizeof(int));
  g->channel = mem_array((size_t)l.channels + 1, sizeof(int));
  for (int c = 0; c < l.channels; c++) {
    const Place first = v[layout_element(l, 0, c)];
    const Edge *e = first.edge;
    if (e && (e->rows * e->cols != layout_positions(l) || first.at >= e->channels))
      return false;
    for (int p = 0; p < layout_positions(l); p++) {
      const Place x = v[layout_element(l, p, c)];
      if (x.edge != e || (e && x.at != p * e->channels + first.at))
        return false;
    }
    g->input[c] = -1;
    for (int i = 0; e && i < g->n_in; i++)
      if (g->in[i] == e)
        g->input[c] = i;
    if (e && g->input[c] < 0) {
      g->input[c] = g->n_in;
      g->in[g->n_in++] = first.edge;
    }
    g->channel[c] = first.at;
  }
  return g->n_in > 0;
}

/* A kernel that puts channels together, at the finest step and the widest range among them. */
static Kernel *gathering_kernel(const Build *b, const Gathering *g, int channels, Format *fmt) {
  Kernel *k = hir_new(b->s->name);
  int frac = -1000, n = 0, *value = mem_array((size_t)channels + 1, sizeof *value), *first = mem_array((size_t)g->n_in + 1, sizeof *first);
  bool is_signed = false;
  i128 lo = 0, hi = 0;
  k->n_in_ports = g->n_in;
  k->in_port = mem_array((size_t)g->n_in + 1, sizeof *k->in_port);
  for (int i = 0; i < g->n_in; i++) {
    const Edge *e = g->in[i];
    first[i] = n;
    k->in_port[i] = (HirPort){.name = e->name, .rank = 1, .dim = {e->channels}, .first = n, .n = e->channels, .fmt = e->fmt};
    n += e->channels;
    frac = e->fmt.W - e->fmt.I > frac ? e->fmt.W - e->fmt.I : frac;
  }
  k->n_in = n;
  for (int i = 0; i < g->n_in; i++)
    for (int c = 0; c < g->in[i]->channels; c++)
      hir_in(k, first[i] + c, format_min(g->in[i]->fmt), format_max(g->in[i]->fmt));
  for (int c = 0; c < channels; c++) {
    value[c] = hir_const(k, 0);
    if (g->input[c] >= 0) {
      Format f = g->in[g->input[c]]->fmt;
      value[c] = hir_shl(k, hir_in(k, first[g->input[c]] + g->channel[c], format_min(f), format_max(f)), frac - (f.W - f.I));
    }
    is_signed |= k->v[value[c]].lo < 0;
    lo = k->v[value[c]].lo < lo ? k->v[value[c]].lo : lo;
    hi = k->v[value[c]].hi > hi ? k->v[value[c]].hi : hi;
  }
  const int W = hir_width_of(is_signed && lo >= 0 ? -1 - hi : lo, hi);
  *fmt = (Format){W, W - frac, is_signed};
  k->n_out = k->cap_out = channels;
  k->out = value;
  k->n_out_ports = 1;
  k->out_port = mem_array(1, sizeof *k->out_port);
  k->out_port[0] = (HirPort){.name = "out", .rank = 1, .dim = {channels}, .n = channels, .fmt = *fmt};
  return k;
}

Edge *view_raster(Build *b, const Node *reader, const Tensor *t, Layout l) {
  Edge *only = view_edge(b, t);
  if (only && fits(b, t, only, l))
    return only;
  Gathering g = {0};
  const Place *v = b->view[t->id];
  if (gathers(b, t, l, &g)) {
    Format fmt;
    Kernel *k = gathering_kernel(b, &g, l.channels, &fmt);
    Unit *u = stream_unit(b, t->producer, mem_printf("%s_channels", t->name), "channels", MEANS_KERNEL);
    for (int i = 0; i < g.n_in; i++)
      stream_link(b->s, g.in[i], u);
    u->taps = taps_pointwise(l);
    u->taps.channels = g.in[0]->channels;
    u->plain = k;
    u->out = stream_edge(b, t, l, fmt);
    u->out->maker = u;
    view_from_edge(b, t, u->out);
    return u->out;
  }
  if (!only) {
    diag_error(EXIT_UNSUPPORTED, reader,
               "in stream mode its input '%s' is put together from several tensors in a way that is not supported (channels of equal "
               "positions are)",
               diag_text(t->name));
    return NULL;
  }
  Unit *u = stream_unit(b, t->producer, mem_printf("%s_order", t->name), "order", MEANS_MOVE);
  stream_link(b->s, only, u);
  u->out = stream_edge(b, t, l, only->fmt);
  u->out->maker = u;
  const int n = layout_positions(l) * l.channels;
  u->from = mem_array((size_t)n + 1, sizeof *u->from);
  for (int p = 0; p < layout_positions(l); p++)
    for (int c = 0; c < l.channels; c++) {
      const Place x = v[layout_element(l, p, c)];
      u->from[p * l.channels + c] = x.edge ? x.at : -1;
    }
  view_from_edge(b, t, u->out);
  return u->out;
}

/* ---- the network's inputs ---- */

/* The only node that reads t, or any one that does. */
static Node *a_reader(const Graph *g, const Tensor *t) {
  for (int i = 0; i < g->n_nodes; i++)
    for (int j = 0; j < g->node[i]->n_in; j++)
      if (g->node[i]->in[j] == t)
        return g->node[i];
  return NULL;
}

static bool has_window(const Node *n) {
  return n->op == OP_Conv || n->op == OP_ConvTranspose || n->op == OP_MaxPool || n->op == OP_AveragePool || n->op == OP_GlobalMaxPool ||
         n->op == OP_GlobalAveragePool;
}

static int run_time_inputs(const Node *n) {
  int count = 0;
  for (int i = 0; i < n->n_in; i++)
    count += n->in[i] && !n->in[i]->value;
  return count;
}

Layout view_input_layout(const Graph *g, const Tensor *t, int *element) {
  const int64_t n = tensor_count(t);
  double *number = mem_array((size_t)n + 1, sizeof *number);
  for (int64_t i = 0; i < n; i++)
    number[i] = (double)i;
  const Tensor *at = t;
  Layout l = layout_by_shape(t);
  bool wanted = false;
  for (const Node *r = a_reader(g, at); r; r = a_reader(g, at)) {
    if (has_window(r) && at == r->in[0] && layout_by_shape(at).channels * layout_positions(layout_by_shape(at)) == n) {
      l = layout_by_shape(at);
      wanted = true;
      break;
    }
    if (r->op == OP_MatMul && at == r->in[0] && at->rank > 2) {
      l = (Layout){(int)(n / at->dim[at->rank - 1]), 1, (int)at->dim[at->rank - 1], true};
      wanted = true;
      break;
    }
    if (r->op == OP_Pad || run_time_inputs(r) != 1 || !r->out[0] || tensor_count(r->out[0]) != n || r->in[0] != at)
      break;
    if (op_info[r->op].kind == KIND_MOVE && !op_info[r->op].lower) {
      int64_t *first = mem_array((size_t)r->n_in + 1, sizeof *first);
      double *from = move_numbers(r, first)[0];
      for (int64_t i = 0; i < n; i++)
        from[i] = number[(int64_t)from[i] - first[0]];
      number = from;
    }
    at = r->out[0];
  }
  for (int p = 0; p < layout_positions(l); p++)
    for (int c = 0; c < l.channels; c++)
      element[p * l.channels + c] = wanted ? (int)number[layout_element(l, p, c)] : layout_element(l, p, c);
  return l;
}
