/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_quantized.c - networks that come quantised, as integers.
 *
 * Requires: shapes; DequantizeLinear and QONNX's operators not folded (pass_infer_fold). Keeps: order, names of inputs and outputs, and the
 * meaning, stated in quantized.h. Afterwards QuantizeLinear, DequantizeLinear, Quant and their kind are Requantize, Scale and Offset, and
 * scales have moved behind everything that can be done on codes: moves, ReLU, pools, dense layers (whose weights are codes too). What
 * remains between a dense layer's whole sums and the next Requantize is taken into that by pass_chains.c. Scales left on constants are
 * multiplied out: weights of layers that are not quantised otherwise.
 */
#include "pass_quantized.h"

#include <math.h>
#include <strings.h>

/* ---- shared ---- */

Tensor *codes_const(Graph *g, const char *name, int rank, const int64_t *dim, const double *value) {
  Tensor *t = graph_const(g, name, DT_FLOAT, rank, dim, value);
  double lo = 0, hi = 0;
  for (int64_t i = 0; i < tensor_count(t); i++)
    lo = fmin(lo, t->value[i]), hi = fmax(hi, t->value[i]);
  const int bits = (int)ceil(log2(fmax(-lo, hi + 1))) + 1;
  t->fmt = (Format){bits, bits, true};
  return t;
}

Node *made_by(const Tensor *t, OpId op) {
  return t && t->producer && t->producer->op == op ? t->producer : NULL;
}

bool one_value(const Tensor *t, double *v) {
  const int64_t count = t && t->value ? tensor_count(t) : 0;
  for (int64_t i = 1; i < count; i++)
    if (t->value[i] != t->value[0])
      return false;
  if (count)
    *v = t->value[0];
  return count > 0;
}

static Node *after(const Graph *g, const Node *n) {
  for (int i = 0; i + 1 < g->n_nodes; i++)
    if (g->node[i] == n)
      return g->node[i + 1];
  return NULL;
}

/* n's output becomes wrapper(new output, parameter), of the same shape; the wrapper comes back. */
static Node *wrap_behind(Graph *g, Node *n, int k, const char *op, Tensor *parameter) {
  Tensor *out = n->out[k], *codes = graph_tensor(g, mem_printf("%s.codes", out->name), DT_FLOAT);
  set_shape(n, codes, DT_FLOAT, out->rank, out->dim);
  n->out[k] = codes;
  codes->producer = n;
  Node *w = graph_insert(g, after(g, n), op, mem_printf("%s.%s", n->name, op), 2, (Tensor *[]){codes, parameter}, 1, &out);
  w->index = n->index;
  if (!dtype_is_float(out->dtype))
    attr_set_int(w, "to", out->dtype);
  return w;
}

Node *scale_behind(Graph *g, Node *n, Tensor *scale) {
  return wrap_behind(g, n, 0, "Scale", scale);
}

/* A node in front of n; its output, of x's shape, folded when it is known. */
static Tensor *make(Graph *g, Node *n, const char *op, const char *part, int n_in, Tensor **in, Node **made) {
  Tensor *y = graph_tensor(g, mem_printf("%s.%s", n->name, part), DT_UNDEFINED);
  *made = graph_insert(g, n, op, y->name, n_in, in, 1, &y);
  return y;
}

static void settle(Graph *g, Node *made) {
  if (infer_node(g, made) != KNOWN_VALUE)
    return;
  graph_remove(g, made);
  Tensor *y = made->out[0];
  if (made->op != OP_Scale)
    y->fmt = codes_const(g, y->name, y->rank, y->dim, y->value)->fmt;
}

/* A scale or zero point as a constant that broadcasts to x: f32 as ONNX holds it. NULL when all are `neutral`. */
static Tensor *spread(Graph *g, const Node *n, const Tensor *x, const Tensor *p, const char *part, double neutral) {
  double one;
  if (!p || (one_value(p, &one) && one == neutral))
    return NULL;
  const char *name = mem_printf("%s.%s", n->name, part);
  if (one_value(p, &one))
    return graph_const(g, name, DT_FLOAT, 0, NULL, (double[]){(float)one});
  int64_t dim[MAX_RANK];
  const bool blocked = p->rank == x->rank && attr_int(n, "block_size", 0) > 0;
  int axis = (int)attr_int(n, "axis", 1);
  axis += axis < 0 ? x->rank : 0;
  for (int i = 0; i < x->rank; i++)
    dim[i] = blocked || i == axis ? x->dim[i] : 1;
  Tensor *t = graph_const(g, name, DT_FLOAT, x->rank, dim, NULL);
  for (int64_t i = 0; i < tensor_count(t); i++)
    t->value[i] = (float)p->value[blocked ? quant_param(n, x, p, i) : i];
  return t;
}

/* ---- quantisation ---- */

static Tensor *number(Graph *g, const Node *n, const char *part, double v) {
  return graph_const(g, mem_printf("%s.%s", n->name, part), DT_FLOAT, 0, NULL, &v);
}

static Tensor *requantize(Graph *g, Node *n, const char *part, Tensor *x, Tensor *scale, Tensor *zero, Requant r) {
  Node *q;
  Tensor *c = make(g, n, "Requantize", part, zero ? 3 : scale ? 2 : 1, (Tensor *[]){x, scale, zero}, &q);
  if (!strcmp(part, "codes"))
    q->name = n->name;
  attr_set_int(q, "mode", r.mode);
  attr_set_int(q, "lo", (int64_t)r.lo);
  attr_set_int(q, "hi", (int64_t)r.hi);
  attr_set_int(q, "zero_first", r.zero_first);
  settle(g, q);
  return c;
}

/* n's output is made by a wrapper of the codes; without one when there is nothing to do. */
static void finish(Graph *g, Node *n, const char *op, Tensor *codes, Tensor *parameter) {
  const bool only = n->op == OP_DequantizeLinear; /* else a Requantize has n's name */
  Node *w = parameter
                ? graph_insert(g, n, op, only ? n->name : mem_printf("%s.%s", n->name, op), 2, (Tensor *[]){codes, parameter}, 1, n->out)
                : NULL;
  if (w && !dtype_is_float(n->out[0]->dtype))
    attr_set_int(w, "to", n->out[0]->dtype);
  if (!w) { /* taken out by pass_infer_fold where it can be */
    w = graph_insert(g, n, "Identity", n->name, 1, &codes, 1, n->out);
    settle(g, w);
  }
  graph_remove(g, n);
}

static void from_quantize(Graph *g, Node *n) {
  Requant r = {0};
  dtype_range(n->out[0]->dtype, &r.lo, &r.hi);
  Tensor *scale = spread(g, n, n->in[0], n->in[1], "scale", 1), *zero = spread(g, n, n->in[0], n->n_in > 2 ? n->in[2] : NULL, "zero", 0);
  Tensor *c = requantize(g, n, "codes", n->in[0], scale, zero, r);
  finish(g, n, "Offset", c, zero ? zero : number(g, n, "zero", 0)); /* an Offset of 0 changes the type */
}

/* The zero point of an integer's codes as an Offset has it, the same everywhere. */
static bool offset_of(const Tensor *q, double *v, Tensor **codes) {
  const Node *o = made_by(q, OP_Offset);
  if (!o || !one_value(o->in[1], v))
    return false;
  *codes = o->in[0];
  return true;
}

static void from_dequantize(Graph *g, Node *n) {
  Tensor *q = n->in[0], *c = NULL, *zp = n->n_in > 2 ? n->in[2] : NULL;
  Tensor *scale = spread(g, n, q, n->in[1], "scale", 1), *zero = spread(g, n, q, zp, "zero", 0);
  double have, want = 0;
  if (!offset_of(q, &have, &c) || (zero && !one_value(zero, &want)) || have != want) {
    for (int64_t i = 0; zero && i < tensor_count(zero); i++)
      zero->value[i] = -zero->value[i];
    Node *o;
    c = make(g, n, "Offset", "codes", 2, (Tensor *[]){q, zero ? zero : number(g, n, "zero", 0)}, &o);
    settle(g, o);
  }
  if (c->value && !c->fmt.W)
    c->fmt = codes_const(g, c->name, c->rank, c->dim, c->value)->fmt;
  finish(g, n, "Scale", c, scale);
  if (scale && made_by(n->out[0], OP_Scale))
    attr_set_int(n->out[0]->producer, "zero", (int64_t)want);
}

static QuantMode mode_of(const Node *n, QuantMode otherwise) {
  static const struct {
    const char *name;
    QuantMode mode;
  } mode[] = {{"ROUND", QUANT_HALF_EVEN}, {"HALF_EVEN", QUANT_HALF_EVEN}, {"FLOOR", QUANT_FLOOR},     {"CEIL", QUANT_CEIL},
              {"UP", QUANT_UP},           {"DOWN", QUANT_DOWN},           {"HALF_UP", QUANT_HALF_UP}, {"HALF_DOWN", QUANT_HALF_DOWN}};
  const char *name = attr_string(n, "rounding_mode", "");
  for (size_t i = 0; i < sizeof mode / sizeof *mode; i++)
    if (strcasecmp(mode[i].name, name) == 0)
      return mode[i].mode;
  if (*name)
    diag_error(EXIT_UNSUPPORTED, n, "rounding mode '%s' is not supported", diag_text(name));
  return otherwise;
}

/* Limits of a QONNX integer of so many bits. */
static Requant qonnx_limits(const Node *n, double bits, QuantMode otherwise) {
  const bool is_signed = attr_int(n, "signed", 1), narrow = attr_int(n, "narrow", 0);
  const double span = ldexp(1, (int)bits);
  return (Requant){mode_of(n, otherwise), is_signed ? -span / 2 + narrow : 0, is_signed ? span / 2 - 1 : span - 1 - narrow, true};
}

static Tensor *as_scale(Graph *g, const Node *n, const Tensor *p, const char *part, double neutral) {
  double one;
  if (one_value(p, &one))
    return one == neutral ? NULL : number(g, n, part, (float)one);
  return graph_const(g, mem_printf("%s.%s", n->name, part), DT_FLOAT, p->rank, p->dim, p->value);
}

static void from_quant(Graph *g, Node *n) {
  Tensor *scale = as_scale(g, n, n->in[1], "scale", 1), *zero = as_scale(g, n, n->in[2], "zero", 0);
  Requant r = qonnx_limits(n, n->in[3]->value[0], QUANT_HALF_EVEN);
  if (n->in[3]->value[0] == 1 && attr_int(n, "signed", 1))
    r = (Requant){QUANT_BIPOLAR, -1, 1, false};
  for (int64_t i = 0; i < tensor_count(n->in[2]); i++)
    if (n->in[2]->value[i] != floor(n->in[2]->value[i])) {
      diag_error(EXIT_UNSUPPORTED, n, "its zero point is %g: only whole numbers are supported", n->in[2]->value[i]);
      return;
    }
  finish(g, n, "Scale", requantize(g, n, "codes", n->in[0], scale, zero, r), scale);
}

static void from_bipolar(Graph *g, Node *n) {
  finish(g, n, "Scale", requantize(g, n, "codes", n->in[0], NULL, NULL, (Requant){QUANT_BIPOLAR, -1, 1, false}),
         as_scale(g, n, n->in[1], "scale", 1));
}

/* To whole numbers first, then to fewer bits. Version 1 does not limit. */
static void from_trunc(Graph *g, Node *n) {
  const bool second = n->n_in == 6;
  const double most = ldexp(1, 31), in_bits = n->in[3]->value[0], out_bits = n->in[second ? 5 : 4]->value[0];
  double in_scale = 1, out_scale = 1;
  if (second && (!one_value(n->in[1], &in_scale) || !one_value(n->in[4], &out_scale))) {
    diag_error(EXIT_UNSUPPORTED, n, "only one scale for the tensor is supported");
    return;
  }
  const double shift = second ? ldexp(1, (int)nearbyint(log2(out_scale / in_scale))) : ldexp(1, (int)(in_bits - out_bits));
  Tensor *scale = as_scale(g, n, n->in[1], "scale", 1), *last = as_scale(g, n, n->in[second ? 4 : 1], "out_scale", 1);
  Tensor *c = requantize(g, n, "whole", n->in[0], scale, NULL, (Requant){QUANT_HALF_EVEN, -most, most - 1, true});
  Requant r = second ? qonnx_limits(n, out_bits, QUANT_FLOOR) : (Requant){mode_of(n, QUANT_FLOOR), -most, most - 1, true};
  finish(g, n, "Scale", requantize(g, n, "codes", c, number(g, n, "shift", shift), NULL, r), last);
}

static void from_thresholds(Graph *g, Node *n) {
  const double scale = attr_float(n, "out_scale", 1), bias = attr_float(n, "out_bias", 0);
  Tensor *c = requantize(g, n, "count", n->in[0], n->in[1], NULL, (Requant){QUANT_COUNT, 0, (double)n->in[1]->dim[1], false});
  attr_set_int(c->producer, "axis", attr_int(n, "axis", 1));
  if (bias != 0 && scale != 0 && bias / scale == nearbyint(bias / scale)) { /* codes again */
    Node *o;
    c = make(g, n, "Offset", "codes", 2, (Tensor *[]){c, number(g, n, "offset", bias / scale)}, &o);
    settle(g, o);
  } else if (bias != 0) {
    Node *s;
    c = make(g, n, "Scale", "scaled", 2, (Tensor *[]){c, number(g, n, "scale", scale)}, &s);
    settle(g, s);
    finish(g, n, "Add", c, number(g, n, "bias", bias));
    return;
  }
  finish(g, n, "Scale", c, scale == 1 ? NULL : number(g, n, "scale", scale));
}

/* Clip of integers: the quantisation before it with closer limits (exporters of narrow ranges write that). */
static bool clip_codes(Graph *g, Node *n) {
  Node *o = made_by(n->in[0], OP_Offset), *q = o ? made_by(o->in[0], OP_Requantize) : NULL;
  double lo = (double)-INFINITY, hi = (double)INFINITY;
  if (!q || attr_int(q, "mode", 0) == QUANT_COUNT || (n->n_in > 1 && n->in[1] && !one_value(n->in[1], &lo)) ||
      (n->n_in > 2 && n->in[2] && !one_value(n->in[2], &hi)))
    return false;
  Requant r = requant_of(q);
  r.lo = fmin(fmax(r.lo, lo), hi), r.hi = fmax(fmin(r.hi, hi), lo);
  Tensor *c = requantize(g, n, "codes", q->in[0], q->n_in > 1 ? q->in[1] : NULL, q->n_in > 2 ? q->in[2] : NULL, r);
  finish(g, n, "Offset", c, o->in[1]);
  return true;
}

/* ---- moves ---- */

static bool is_move(const Node *n) {
  return op_info[n->op].kind == KIND_MOVE && n->op != OP_Cast && (n->op != OP_Gather || !n->in[0]->value);
}

/* Inputs that are moved: all of a Concat's, else the first. */
static int moved_inputs(const Node *n) {
  return n->op == OP_Concat ? n->n_in : 1;
}

/* The wrapper that all moved inputs have, with one parameter for all elements. */
static const Node *common_wrapper(const Node *n) {
  const Node *first = n->in[0]->producer;
  double v, other;
  if (!first || (first->op != OP_Scale && first->op != OP_Offset) || !one_value(first->in[1], &v) || node_attr(first, "divide"))
    return NULL;
  for (int k = 1; k < moved_inputs(n); k++) {
    const Node *w = made_by(n->in[k], first->op);
    if (!w || !one_value(w->in[1], &other) || other != v || node_attr(w, "divide"))
      return NULL;
  }
  return first;
}

/* A Pad's constant, in codes. */
static bool pad_codes(Graph *g, Node *n, const Node *w) {
  double v = 0, p = 0;
  if (n->op != OP_Pad || strcmp(attr_string(n, "mode", "constant"), "constant") != 0)
    return true;
  if ((n->n_in > 2 && n->in[2] && !one_value(n->in[2], &v)) || !one_value(w->in[1], &p))
    return false;
  const double code = w->op == OP_Offset ? v - p : v / p;
  if (code != nearbyint(code))
    return false;
  if (n->n_in < 3) {
    Tensor **in = mem_array(3, sizeof *in);
    memcpy(in, n->in, (size_t)n->n_in * sizeof *in);
    n->in = in;
    n->n_in = 3;
  }
  n->in[2] = codes_const(g, mem_printf("%s.pad", n->name), 0, NULL, &code);
  return true;
}

/* move(wrapper(c)) = wrapper(move(c)) */
static bool move_below(Graph *g, Node *n) {
  const Node *w = common_wrapper(n);
  if (!w || !pad_codes(g, n, w))
    return false;
  Tensor *parameter = w->in[1];
  const int64_t zero = attr_int(w, "zero", 0);
  const char *op = op_info[w->op].name;
  for (int k = 0; k < moved_inputs(n); k++)
    n->in[k] = n->in[k]->producer->in[0];
  for (int k = n->n_out - 1; k >= 0; k--)
    if (n->out[k])
      attr_set_int(wrap_behind(g, n, k, op, parameter), "zero", zero);
  settle(g, n);
  return true;
}

/* The scales of weights for each channel, through a Transpose. */
static bool transpose_below(Graph *g, Node *n) {
  Node *w = n->op == OP_Transpose ? made_by(n->in[0], OP_Scale) : NULL;
  if (!w || node_attr(w, "divide"))
    return false;
  const Tensor *s = w->in[1], *x = n->in[0];
  int64_t dim[MAX_RANK] = {0}, to[MAX_RANK] = {0}, place[MAX_RANK] = {0};
  const Attr *perm = node_attr(n, "perm");
  for (int i = 0; i < x->rank; i++)
    dim[i] = i < x->rank - s->rank ? 1 : s->dim[i - (x->rank - s->rank)];
  for (int i = 0; i < x->rank; i++) {
    place[i] = perm ? perm->ints[i] : x->rank - 1 - i;
    to[i] = dim[place[i]];
  }
  Tensor *moved = graph_const(g, s->name, DT_FLOAT, x->rank, to, NULL);
  int64_t index[MAX_RANK] = {0};
  for (int64_t e = 0; e < tensor_count(moved); e++) {
    int64_t from = 0, at[MAX_RANK] = {0};
    for (int i = 0; i < x->rank; i++)
      at[place[i]] = index[i];
    for (int i = 0; i < x->rank; i++)
      from = from * dim[i] + at[i];
    moved->value[e] = s->value[from];
    for (int i = x->rank - 1; i >= 0 && ++index[i] == to[i]; i--)
      index[i] = 0;
  }
  n->in[0] = w->in[0];
  scale_behind(g, n, moved);
  settle(g, n);
  return true;
}

/* Requantize(move(x)) = move(Requantize(x)): a Concat's inputs may have scales of their own. */
static bool requantize_above(Graph *g, Node *q) {
  Node *m = q->in[0]->producer;
  double v;
  if (!m || !is_move(m) || m->n_out != 1 || graph_uses(g, q->in[0], NULL) != 1 || attr_int(q, "mode", 0) == QUANT_COUNT)
    return false;
  for (int k = 1; k < q->n_in; k++)
    if (q->in[k] && !one_value(q->in[k], &v))
      return false;
  for (int k = 0; k < moved_inputs(m); k++)
    m->in[k] =
        requantize(g, m, mem_printf("in%d", k), m->in[k], q->n_in > 1 ? q->in[1] : NULL, q->n_in > 2 ? q->in[2] : NULL, requant_of(q));
  if (m->op == OP_Pad && m->n_in > 2 && m->in[2])
    m->in[2] = requantize(g, m, "pad", m->in[2], q->n_in > 1 ? q->in[1] : NULL, q->n_in > 2 ? q->in[2] : NULL, requant_of(q));
  graph_remove(g, q);
  m->out[0] = q->out[0];
  m->out[0]->producer = m;
  /* in q's place: what reads it comes later, and what it reads is made in front of it */
  return true;
}

/* ---- the pass ---- */

static bool from_operator(Graph *g, Node *n) {
  switch (n->op) {
  case OP_QuantizeLinear:
    from_quantize(g, n);
    return true;
  case OP_DequantizeLinear:
    from_dequantize(g, n);
    return true;
  case OP_Quant:
  case OP_IntQuant:
    from_quant(g, n);
    return true;
  case OP_BipolarQuant:
    from_bipolar(g, n);
    return true;
  case OP_Trunc:
    from_trunc(g, n);
    return true;
  case OP_MultiThreshold:
    from_thresholds(g, n);
    return true;
  case OP_Clip:
    return clip_codes(g, n);
  default:
    return false;
  }
}

static bool is_quantised(const Graph *g) {
  for (int i = 0; i < g->n_nodes; i++)
    switch (g->node[i]->op) {
    case OP_QuantizeLinear:
    case OP_DequantizeLinear:
    case OP_Quant:
    case OP_IntQuant:
    case OP_BipolarQuant:
    case OP_Trunc:
    case OP_MultiThreshold:
      return true;
    default:
      break;
    }
  return false;
}

void pass_quantized(Graph *g) {
  if (!is_quantised(g) || diag_errors())
    return;
  int count = g->n_nodes;
  Node **node = mem_array((size_t)count + 1, sizeof *node);
  memcpy(node, g->node, (size_t)count * sizeof *node);
  for (int i = 0; i < count; i++) {
    Node *n = node[i];
    if (from_operator(g, n) || !n->n_in || !n->in[0] || (n->n_in > 1 && !n->in[1] && !is_move(n)))
      continue;
    if (is_move(n)) {
      if (!move_below(g, n))
        transpose_below(g, n);
    } else {
      quantised_operator(g, n);
    }
  }
  if (diag_errors())
    return;
  pass_dead(g);
  for (bool again = true; again;) {
    again = false;
    for (int i = g->n_nodes - 1; i >= 0 && !again; i--)
      again = g->node[i]->op == OP_Requantize && requantize_above(g, g->node[i]);
  }
  pass_infer_fold(g);
}
