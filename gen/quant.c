/* SPDX-License-Identifier: Apache-2.0
 *
 * quant.c - formats. Requires: an inferred Graph. Keeps: its float meaning.
 *
 * Every tensor that is stored gets <W,I>: weights, biases, graph inputs, layer results. Bits are dropped once a layer: a sum stays exact
 * when the only things that read it are the activation, the bias or the residual addition, the table, the softmax or the argmax that
 * follows; those drop the bits.
 */
#include "quant.h"
#include "lower.h"
#include "quantized.h"
#include <math.h>

Format format_whole(i128 lo, i128 hi) {
  const int W = hir_width_of(lo, hi);
  return (Format){W, W, lo < 0};
}

int64_t format_min(Format f) {
  return f.is_signed ? -((int64_t)1 << (f.W - 1)) : 0;
}

int64_t format_max(Format f) {
  return f.is_signed ? ((int64_t)1 << (f.W - 1)) - 1 : ((int64_t)1 << f.W) - 1;
}

double port_value(const HirPort *p, int64_t v) {
  return p->scale != 0 ? (double)(v - p->zero) * p->scale : ldexp((double)v, p->fmt.I - p->fmt.W);
}

int64_t port_quantised(const HirPort *p, double x) {
  const Requant r = {QUANT_HALF_EVEN, (double)format_min(p->fmt), (double)format_max(p->fmt), false};
  return (int64_t)requant(&r, x, p->scale, (double)p->zero) + p->zero;
}

const char *format_text(Format f) {
  return mem_printf("%s<%d,%d>", f.is_signed ? "" : "u", f.W, f.I);
}

int format_fit(int W, double lo, double hi) {
  if (lo == 0 && hi == 0)
    return 1;
  for (int I = -60; I < 64; I++) {
    double step = ldexp(1, I - W), top = ldexp(1, I - 1);
    if (lo >= -top - step / 2 && hi < top - step / 2)
      return I;
  }
  return 64;
}

int64_t quant_const(double c, Format f, Round round, Overflow overflow, bool *fits) {
  if (isnan(c))
    return 0;
  double x = ldexp(c, f.W - f.I), r = floor(x), rest = x - r;
  if (round == ROUND_RND)
    r += rest >= 0.5;
  else if (round == ROUND_RNE)
    r += rest > 0.5 || (rest == 0.5 && fmod(r, 2) != 0);
  if (r >= (double)format_min(f) && r <= (double)format_max(f))
    return (int64_t)r;
  *fits = false;
  if (overflow == OVERFLOW_WRAP && isfinite(r)) {
    double m = ldexp(1, f.W), w = r - floor(r / m) * m;
    return (int64_t)(f.is_signed && w >= m / 2 ? w - m : w);
  }
  return r < 0 ? format_min(f) : format_max(f);
}

static bool is_float(DataType t) {
  return t == DT_FLOAT || t == DT_DOUBLE || t == DT_FLOAT16 || t == DT_BFLOAT16;
}

/* Integers keep their values: W = I. */
static Format integer_format(DataType t) {
  double lo, hi;
  if (t == DT_UINT32 || !dtype_range(t, &lo, &hi))
    return (Format){32, 32, true};
  return format_whole((i128)lo, (i128)hi);
}

static bool drops_bits(const Graph *g, const Node *n);

/* Whether what is stored in t may stay an exact sum: everything that reads it drops the bits. */
static bool consumer_drops_bits(const Graph *g, const Tensor *t) {
  bool any = false;
  if (graph_is_output(g, t))
    return false;
  for (int i = 0; i < g->n_nodes; i++)
    for (int j = 0; j < g->node[i]->n_in; j++)
      if (g->node[i]->in[j] == t) {
        any = true;
        if (!drops_bits(g, g->node[i]))
          return false;
      }
  return any;
}

static bool drops_bits(const Graph *g, const Node *n) {
  switch (op_info[n->op].kind) {
  case KIND_PWL:
  case KIND_TABLE:
  case KIND_NORM:
  case KIND_SELECT:
    return true;
  case KIND_LINEAR:
    if (n->op == OP_Mul && ((n->in[0] && n->in[0]->value) || (n->in[1] && n->in[1]->value)))
      return true; /* (x - mean) * scale: exact in between */
    return n->op == OP_Add || n->op == OP_Sub || n->op == OP_Sum || n->op == OP_Neg || n->op == OP_Scale || n->op == OP_Offset;
  case KIND_MOVE:
    if (n->op == OP_MaxPool || n->op == OP_GlobalMaxPool)
      return false; /* comparing narrow values costs less, and gives the same */
    for (int i = 0; i < n->n_out; i++)
      if (n->out[i] && !consumer_drops_bits(g, n->out[i]))
        return false;
    return true;
  case KIND_FOLD:
    break;
  }
  return false;
}

/* Of a constant: nothing of it is given up. */
static Format pick(const Options *o, bool given, Format f, double lo, double hi) {
  if (given)
    return f;
  return (Format){o->W, o->auto_I ? format_fit(o->W, lo, hi) : o->I, true};
}

/* Of a graph input or a result. */
static Format pick_result(const Options *o, const LayerConfig *lc, const Calibration *cal, Tensor *t) {
  if (lc->has_result) {
    t->from = FROM_CONFIG;
    *lc->result_taken = true;
    return lc->result;
  }
  Format f = {o->W, o->I, true};
  t->from = FROM_GIVEN;
  if (o->auto_I)
    f.I = calibrated_I(cal, t, &t->from);
  return f;
}

/* What tied tensors share, by number. */
typedef struct {
  Format fmt;    /* W = 0: all of them may stay exact */
  bool is_given; /* fmt comes from --config */
  FormatFrom from;
} Tie;

static void check_fits(const Options *o, const LayerConfig *c, const Node *n, const Tensor *t, double lo, double hi) {
  int64_t bad = 0, count = tensor_count(t);
  Overflow overflow = c->has_overflow ? c->overflow : o->overflow;
  for (int64_t i = 0; i < count; i++) {
    bool fits = true;
    quant_const(t->value[i], t->fmt, c->has_round ? c->round : o->round, overflow, &fits);
    bad += !fits;
  }
  if (!bad)
    return;
  const char *text = mem_printf("%lld of %lld constants of '%s' do not fit %s (range %.4g to %.4g); I=%d would hold them", (long long)bad,
                                (long long)count, diag_text(t->name), format_text(t->fmt), lo, hi, format_fit(t->fmt.W, lo, hi));
  if (overflow == OVERFLOW_ERROR)
    diag_error(EXIT_NUMERIC, n, "%s", text);
  else
    diag_warn(n, "%s; they %s", text, overflow == OVERFLOW_WRAP ? "wrap" : "saturate");
}

/* Format of a constant that node n reads as operand number `at`. */
static void assign_const(const Options *o, const LayerConfig *c, const Node *n, int at, const Tie *tie) {
  Tensor *t = n->in[at];
  if (t->fmt.W || n->op == OP_Requantize || n->op == OP_Scale || n->op == OP_Offset)
    return;
  if (!is_float(t->dtype)) {
    t->fmt = integer_format(t->dtype);
    return;
  }
  double lo = 0, hi = 0;
  int64_t count = tensor_count(t);
  for (int64_t i = 0; i < count; i++)
    lo = fmin(lo, t->value[i]), hi = fmax(hi, t->value[i]);
  bool bias = ((n->op == OP_Gemm || n->op == OP_Conv || n->op == OP_ConvTranspose) && at == 2) ||
              ((n->op == OP_Add || n->op == OP_Sub) && count > 0);
  if (t->tie && tie[t->tie].fmt.W)
    t->fmt = tie[t->tie].fmt;
  else
    t->fmt = pick(o, bias ? c->has_bias : c->has_weight, bias ? c->bias : c->weight, lo, hi);
  check_fits(o, c, n, t, lo, hi);
}

/* Whether the elements of t come in a format, perhaps moved. */
static bool is_stored(const Tensor *t) {
  while (t->exact && t->producer && op_info[t->producer->op].kind == KIND_MOVE)
    t = t->producer->in[0];
  return t->value || t->fmt.W;
}

/* GRU's difference of two states, for a run-time product: exact it is but a bit wider. */
static bool is_difference(const Graph *g, const Tensor *t) {
  const Node *n = t->producer;
  Node *only;
  return n->op == OP_Sub && is_stored(n->in[0]) && is_stored(n->in[1]) && graph_uses(g, t, &only) == 1 && only && only->op == OP_Mul;
}

static void assign_result(const Graph *g, const Options *o, const LayerConfig *c, const Node *n, Tensor *t, const Calibration *cal,
                          Tie *tie) {
  OpKind kind = op_info[n->op].kind;
  double lo, hi, factor;
  if (n->op == OP_Requantize) {
    if (code_range(t, &lo, &hi))
      t->fmt = format_whole((i128)lo, (i128)hi), t->from = FROM_TYPE;
    else
      t->exact = true;
  } else if (n->op == OP_Scale && graph_is_output(g, t) && graph_uses(g, t, NULL) == 1 &&
             (n->in[0]->whole || code_range(n->in[0], &lo, &hi)) && one_value(n->in[1], &factor) && !node_attr(n, "divide")) {
    t->exact = true; /* the integers leave, as ONNX has them */
    t->scale = (float)factor;
    t->zero = attr_int(n, "zero", 0);
  } else if (n->op == OP_Offset || (t->whole && kind != KIND_SELECT)) {
    t->exact = true;
  } else if (kind == KIND_SELECT) {
    int64_t count = tensor_count(n->in[0]);
    t->fmt = (Format){hir_width_of(0, count - 1), hir_width_of(0, count - 1), false};
    t->from = FROM_TYPE;
  } else if (!is_float(t->dtype)) {
    t->exact = true;
  } else if (kind == KIND_MOVE || ((kind == KIND_LINEAR || kind == KIND_PWL || kind == KIND_FOLD) && consumer_drops_bits(g, t))) {
    t->exact = true;
  } else if (is_difference(g, t)) {
    t->exact = true;
  } else {
    Tie *of = t->tie ? &tie[t->tie] : NULL;
    t->fmt = pick_result(o, c, cal, t);
    if (of && (!of->fmt.W || (c->has_result && !of->is_given)))
      of->fmt = t->fmt, of->from = t->from, of->is_given = c->has_result;
  }
}

/* One that needs a format gives it to all that are tied to it. */
static void share_formats(Graph *g, const Tie *tie) {
  for (int i = 0; i < g->n_tensors; i++) {
    Tensor *t = g->tensor[i];
    if (!t->tie || t->value || !tie[t->tie].fmt.W)
      continue;
    t->fmt = tie[t->tie].fmt;
    t->from = tie[t->tie].from;
    t->exact = false;
  }
}

void quant_assign(Graph *g, const Options *o, const Config *c, const Samples *s) {
  Tie *tie = mem_array((size_t)g->n_ties + 1, sizeof *tie);
  const Calibration *cal = calibrate(g, o, s);
  for (int i = 0; i < g->n_in; i++) {
    Tensor *t = g->in[i];
    LayerConfig lc = config_for(c, t->name);
    const Node *how;
    if (quantised_input(g, t, &how)) {
      const Requant r = requant_of(how);
      t->fmt = format_whole((i128)r.lo, (i128)r.hi);
      t->scale = (float)how->in[1]->value[0];
      t->zero = how->n_in > 2 && how->in[2] ? (int64_t)how->in[2]->value[0] : 0;
      t->from = FROM_TYPE;
      continue;
    }
    t->fmt = is_float(t->dtype) ? pick_result(o, &lc, cal, t) : integer_format(t->dtype);
    t->from = is_float(t->dtype) ? t->from : FROM_TYPE;
  }
  for (int late = 0; late < 2; late++) { /* constants that are tied to results come last */
    for (int i = 0; i < g->n_nodes; i++) {
      Node *n = g->node[i];
      LayerConfig lc = config_of(c, n);
      for (int j = 0; j < n->n_in; j++)
        if (n->in[j] && n->in[j]->value && (n->in[j]->tie > 0) == late)
          assign_const(o, &lc, n, j, tie);
      for (int j = 0; j < n->n_out && !late; j++)
        if (n->out[j])
          assign_result(g, o, &lc, n, n->out[j], cal, tie);
    }
    share_formats(g, tie);
  }
  /* outputs that are constants or inputs passed on have their format already; a constant output needs one */
  for (int i = 0; i < g->n_out; i++)
    if (g->out[i]->value && !g->out[i]->fmt.W)
      g->out[i]->fmt = is_float(g->out[i]->dtype) ? (Format){o->W, o->auto_I ? 8 : o->I, true} : integer_format(g->out[i]->dtype);
}

Format *quant_formats(const Graph *g) {
  Format *f = mem_array((size_t)g->n_tensors + 1, sizeof *f);
  for (int i = 0; i < g->n_tensors; i++)
    f[i] = g->tensor[i]->fmt;
  return f;
}

void quant_note_search(Graph *g, const Format *before) {
  for (int i = 0; i < g->n_tensors; i++) {
    Tensor *t = g->tensor[i];
    if (t->from && (t->fmt.W != before[i].W || t->fmt.I != before[i].I))
      t->from = FROM_SEARCH;
  }
}
