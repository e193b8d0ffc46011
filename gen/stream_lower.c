/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_lower.c - a Graph with formats becomes a Stream: units by their meaning, node after node. A product or window takes along what
 * follows it element by element (bias, activation, rounding); what merely moves elements makes no unit (stream_view.c).
 *
 * Requires: quant_assign, static shapes, one sample. Keeps: every bit that lower.c would give.
 */
#include "op.h"
#include "stream_build.h"
#include <stdlib.h>

static const char *op_text(const Node *const *n, int count) {
  const char *s = n[0]->op_type;
  for (int i = 1; i < count; i++)
    s = mem_printf("%s + %s", s, n[i]->op_type);
  return s;
}

static bool rank_one_axis(const Tensor *t, int axis) {
  for (int i = 0; i < t->rank; i++)
    if (i != axis && t->dim[i] != 1)
      return false;
  return true;
}

/* The axis of a tensor along which the channels of a layout lie; -1: none of them. */
static int channel_axis(const Tensor *t, Layout l) {
  const int first = l.last ? t->rank - 1 : t->rank > 1 ? 1 : 0;
  if (first >= 0 && t->dim[first] == l.channels)
    return first;
  for (int i = 0; i < t->rank; i++)
    if (t->dim[i] == l.channels && rank_one_axis(t, i))
      return i;
  return -1;
}

/* t at one position, with that many channels. */
static Tensor one_position(const Tensor *t, int axis, int channels) {
  Tensor s = *t;
  for (int i = 0; i < s.rank; i++)
    s.dim[i] = 1;
  if (axis < 0) { /* a flat vector */
    s.rank = 1;
    axis = 0;
  }
  s.dim[axis] = channels;
  return s;
}

/* ---- products ---- */

static Format sums_format(const Unit *u) {
  i128 lo = 0, hi = 0;
  for (int j = 0; j < u->m; j++) {
    i128 l, h;
    stream_sum_range(u, j, 0, u->n, &l, &h);
    lo = l + u->bias[j] < lo ? l + u->bias[j] : lo;
    hi = h + u->bias[j] > hi ? h + u->bias[j] : hi;
  }
  const int W = hir_width_of(lo < 0 ? lo : -1, hi);
  return (Format){W, W - u->frac, true};
}

/* The Add of a constant behind an exact product is its bias. */
static bool absorb_bias(Build *b, Unit *u, const Node *const *chain, int count, int repeat) {
  if (count < 2 || chain[1]->op != OP_Add || !chain[0]->out[0]->exact)
    return false;
  const Node *n = chain[1];
  const Tensor *c = n->in[n->in[0] == chain[0]->out[0]];
  const int64_t size = tensor_count(c), each = u->m / repeat;
  const int frac = c->fmt.W - c->fmt.I;
  if ((size != 1 && size != each) || frac > u->frac || u->frac - frac > 40)
    return false;
  LayerConfig lc = config_of(b->config, n);
  for (int j = 0; j < u->m; j++) {
    bool fits = true;
    const int64_t at = size == 1 ? 0 : j % each;
    u->bias[j] += quant_const(c->rounded ? c->rounded[at] : c->value[at], c->fmt, lc.has_round ? lc.round : b->o->round,
                              lc.has_overflow ? lc.overflow : b->o->overflow, &fits) *
                  ((int64_t)1 << (u->frac - frac));
  }
  return true;
}

static void count_products(Unit *u) {
  for (int64_t i = 0; i < (int64_t)u->m * u->n; i++)
    u->products += u->w[i] != 0;
}

static void lower_product(Build *b, const Node *n) {
  Unit *u = stream_unit(b, n, NULL, n->op_type, MEANS_PRODUCT);
  Layout l;
  int count, *element;
  const Node **chain = stream_chain(b, n, &count);
  u->op = op_text(chain, count);
  const Tensor *y = chain[count - 1]->out[0];
  if (!stream_product(b, u, n, &l, &element))
    return;
  stream_unit_last(b->s, u);
  const int repeat = element ? u->m / (int)n->out[0]->dim[1] : 1;
  const bool bias = absorb_bias(b, u, chain, count, repeat);
  count_products(u);
  const Node *const *rest = chain + bias;
  u->finish_n = stream_chain_uniform(rest + 1, count - bias - 1) ? 1 : u->m / repeat;
  const Format sums = sums_format(u);
  if (sums.W > 62) {
    diag_error(EXIT_UNSUPPORTED, n, "its sums need %d bits; in stream mode they may have 62", sums.W);
    return;
  }
  Layout one = l;
  one.channels = u->m / repeat;
  const Tensor shape = one_position(rest[0]->out[0], channel_axis(rest[0]->out[0], one), u->finish_n);
  const Part part = {.node = rest, .n = count - bias, .sums = true, .shape = &shape, .fmt = &sums};
  u->finish = stream_part(b, &part);
  if (!u->finish)
    return;
  u->out = stream_edge(b, y, l, u->finish->out_port[0].fmt);
  u->out->maker = u;
  if (element)
    u->out->element = element;
  view_from_edge(b, y, u->out);
}

/* ---- windows and elementwise operators ---- */

/* IN c * taps + t of the small graph is operand t * channels + c. */
static void renumber_inputs(Kernel *k, int channels, int taps) {
  for (int i = 0; i < k->n; i++)
    if (k->v[i].op == HIR_IN)
      k->v[i].imm = k->v[i].imm % taps * channels + k->v[i].imm / taps;
}

static void lower_window_unit(Build *b, const Node *n) {
  Unit *u = stream_unit(b, n, NULL, n->op_type, MEANS_KERNEL);
  Layout l;
  int count;
  const Node **chain = stream_chain(b, n, &count);
  u->op = op_text(chain, count);
  const Tensor *y = chain[count - 1]->out[0];
  if (!stream_window(b, u, n, &l))
    return;
  stream_unit_last(b->s, u);
  Tensor shape = *n->in[0];
  shape.dim[2] = u->taps.kernel_rows;
  if (shape.rank > 3)
    shape.dim[3] = u->taps.kernel_cols;
  const Part part = {.node = chain, .n = count, .shape = &shape, .fmt = &u->in[0]->edge->fmt};
  u->plain = stream_part(b, &part);
  if (!u->plain)
    return;
  renumber_inputs(u->plain, l.channels, u->taps.kernel_rows * u->taps.kernel_cols);
  u->out = stream_edge(b, y, l, u->plain->out_port[0].fmt);
  u->out->maker = u;
  view_from_edge(b, y, u->out);
}

/* Whether the operator combines channels alone, along the axis they lie on. */
static bool along_channels(const Node *n, int axis) {
  const OpKind kind = op_info[n->op].kind;
  int64_t of = kind == KIND_NORM || kind == KIND_SELECT ? attr_int(n, "axis", kind == KIND_NORM ? -1 : 0) : axis;
  if (n->op == OP_Normalizer)
    of = n->in[0]->rank - 1;
  if (of < 0)
    of += n->in[0]->rank;
  return of == axis;
}

static void lower_map(Build *b, const Node *n) {
  enum { MAX_INPUTS = 16 };
  Layout l;
  Tensor shape[MAX_INPUTS];
  Format fmt[MAX_INPUTS];
  int count, inputs = 0;
  const Node **chain = stream_chain(b, n, &count);
  const Tensor *x = NULL, *y = chain[count - 1]->out[0];
  for (int i = 0; i < n->n_in && !x; i++)
    x = n->in[i] && !n->in[i]->value ? n->in[i] : NULL;
  if (!x || n->n_in > MAX_INPUTS || n->n_out != 1) {
    diag_error(EXIT_UNSUPPORTED, n, "is not supported in stream mode; --mode=parallel does it where the network is small enough");
    return;
  }
  if (!view_layout(b, x, &l))
    l = layout_by_shape(x);
  const int axis = channel_axis(x, l);
  if (!along_channels(n, axis) || n->op == OP_ReduceMax || n->op == OP_ReduceMin || n->op == OP_MatMul || n->op == OP_Gemm ||
      n->op == OP_Gather || n->op == OP_Resize || n->op == OP_Upsample || (axis < 0 && !stream_chain_uniform(chain, count))) {
    diag_error(EXIT_UNSUPPORTED, n,
               "in stream mode it works along the channels of a position only (%d x %d positions of %d channels come in)", l.rows, l.cols,
               l.channels);
    return;
  }
  Unit *u = stream_unit(b, n, NULL, op_text(chain, count), MEANS_KERNEL);
  for (int i = 0; i < n->n_in; i++) {
    const Tensor *t = n->in[i];
    if (!t || t->value)
      continue;
    if (tensor_count(t) != tensor_count(x)) {
      diag_error(EXIT_UNSUPPORTED, n, "in stream mode '%s' and '%s' must have one shape: they are not broadcast", diag_text(x->name),
                 diag_text(t->name));
      return;
    }
    Edge *e = view_raster(b, n, t, l);
    if (!e)
      return;
    bool again = false;
    for (int j = 0; j < i; j++)
      again |= n->in[j] == t;
    if (again)
      continue;
    stream_link(b->s, e, u);
    shape[inputs] = one_position(t, axis, l.channels);
    fmt[inputs++] = e->fmt;
  }
  stream_unit_last(b->s, u);
  u->taps = taps_pointwise(l);
  const Part part = {.node = chain, .n = count, .shape = shape, .fmt = fmt};
  u->plain = stream_part(b, &part);
  if (!u->plain)
    return;
  Layout result = l;
  result.channels = u->plain->n_out;
  if (tensor_count(y) != (int64_t)layout_positions(l) * result.channels) {
    diag_error(EXIT_UNSUPPORTED, n, "in stream mode its operands must have the result's shape: they are not broadcast over positions");
    return;
  }
  u->out = stream_edge(b, y, result, u->plain->out_port[0].fmt);
  u->out->maker = u;
  view_from_edge(b, y, u->out);
}

/* ---- the frame ---- */

/* Channels are put together position by position: so every part must be there in that order. */
static void align_concat(Build *b, const Node *n) {
  const int rank = n->out[0]->rank;
  int64_t axis = attr_int(n, "axis", 0);
  axis += axis < 0 ? rank : 0;
  if (rank < 3 || rank > 4 || n->out[0]->dim[0] != 1 || (axis != 1 && axis != rank - 1))
    return;
  for (int i = 0; i < n->n_in; i++) {
    const Tensor *t = n->in[i];
    if (!t || t->value)
      continue;
    Layout l = layout_by_shape(t);
    if (axis == rank - 1)
      l = (Layout){(int)t->dim[1], rank == 4 ? (int)t->dim[2] : 1, (int)t->dim[rank - 1], true};
    view_raster(b, n, t, l);
  }
}

static void lower_move(Build *b, const Node *n) {
  if (n->op == OP_Concat)
    align_concat(b, n);
  view_move(b, n);
}

static void lower_inputs(Build *b) {
  Stream *s = b->s;
  HirPort *port = mem_array((size_t)b->g->n_in + 1, sizeof *port);
  s->n_in = b->g->n_in;
  s->in = mem_array((size_t)s->n_in + 1, sizeof *s->in);
  for (int i = 0; i < s->n_in; i++) {
    const Tensor *t = b->g->in[i];
    int *element = mem_array((size_t)tensor_count(t) + 1, sizeof *element);
    const Layout l = view_input_layout(b->g, t, element);
    Edge *e = s->in[i] = stream_edge(b, t, l, t->fmt);
    e->element = element;
    view_from_edge(b, t, e);
    port[i] = (HirPort){.name = t->name,
                        .rank = t->rank,
                        .first = s->n_in_elements,
                        .n = (int)tensor_count(t),
                        .fmt = t->fmt,
                        .scale = t->scale,
                        .zero = t->zero};
    memcpy(port[i].dim, t->dim, sizeof t->dim);
    s->n_in_elements += port[i].n;
  }
  s->in_port = port;
}

/* Whether t is all of an edge that is read by nobody else yet, in whatever order: then it leaves as it is. */
static bool leaves_as_it_is(const Build *b, const Tensor *t, Edge *e) {
  if (!e || !e->maker || (int64_t)e->rows * e->cols * e->channels != tensor_count(t))
    return false;
  for (int i = 0; i < b->s->n_out; i++)
    if (b->s->out[i]->edge == e)
      return false;
  const Place *v = b->view[t->id];
  Layout l;
  if (e->rows * e->cols > 1 && (!view_layout(b, t, &l) || (!l.last && layout_positions(layout_by_shape(t)) != layout_positions(l))))
    return false;
  for (int64_t i = 0; i < tensor_count(t); i++)
    if (v[i].edge != e)
      return false;
  for (int64_t i = 0; i < tensor_count(t); i++)
    e->element[v[i].at] = (int)i;
  e->tensor = t;
  return true;
}

static void lower_outputs(Build *b) {
  Stream *s = b->s;
  HirPort *port = mem_array((size_t)b->g->n_out + 1, sizeof *port);
  s->out = mem_array((size_t)b->g->n_out + 1, sizeof *s->out);
  for (int i = 0; i < b->g->n_out; i++) {
    const Tensor *t = b->g->out[i];
    if (!b->view[t->id]) {
      diag_error(EXIT_UNSUPPORTED, t->producer, "in stream mode output '%s' must not be a constant", diag_text(t->name));
      continue;
    }
    Edge *e = view_edge(b, t);
    if (!leaves_as_it_is(b, t, e))
      e = view_raster(b, t->producer, t, layout_by_shape(t));
    if (!e)
      continue;
    s->out[s->n_out++] = stream_link(s, e, NULL);
    port[i] = (HirPort){.name = t->name,
                        .rank = t->rank,
                        .first = s->n_out_elements,
                        .n = (int)tensor_count(t),
                        .fmt = e->fmt,
                        .scale = t->scale,
                        .zero = t->zero};
    memcpy(port[i].dim, t->dim, sizeof t->dim);
    s->n_out_elements += port[i].n;
  }
  s->out_port = port;
}

/* Each is computed for every sample, and kept. */
void stream_check_size(const Graph *g) {
  enum { MOST_ELEMENTS = 1 << 20 };
  for (int i = 0; i < g->n_tensors; i++) {
    const Tensor *t = g->tensor[i];
    if (!t->value && t->rank >= 0 && tensor_count(t) > MOST_ELEMENTS)
      diag_error(EXIT_UNSUPPORTED, t->producer, "in stream mode a tensor may have %d elements; '%s' has %lld", MOST_ELEMENTS,
                 diag_text(t->name), (long long)tensor_count(t));
  }
}

Stream *stream_lower(const Graph *g, const Options *o, const Config *config) {
  Stream *s = mem_alloc(sizeof *s);
  s->name = o->top;
  Build build = {.g = g, .o = o, .config = config, .s = s}, *b = &build;
  b->view = mem_array((size_t)g->n_tensors + 1, sizeof *b->view);
  b->done = mem_array((size_t)g->n_nodes + 1, 1);
  lower_inputs(b);
  for (int i = 0; i < g->n_nodes; i++) {
    const Node *n = g->node[i];
    if (b->done[i])
      continue;
    bool ready = true; /* what could not be made has been reported */
    for (int j = 0; j < n->n_in; j++)
      ready &= !n->in[j] || n->in[j]->value || b->view[n->in[j]->id];
    if (!ready)
      continue;
    if (stream_is_product(n))
      lower_product(b, n);
    else if (n->op == OP_MaxPool || n->op == OP_GlobalMaxPool)
      lower_window_unit(b, n);
    else if (op_info[n->op].kind == KIND_MOVE && (!op_info[n->op].lower || n->op == OP_Cast || n->op == OP_Gather))
      lower_move(b, n);
    else
      lower_map(b, n);
  }
  if (!diag_errors())
    lower_outputs(b);
  if (diag_errors())
    return s;
  stream_hardware(b);
  return s;
}
