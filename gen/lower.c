/* SPDX-License-Identifier: Apache-2.0
 *
 * lower.c - Graph to hardware IR: the frame, and what moves elements. The operators that compute are in lower_*.c.
 *
 * Requires: quant_assign. Keeps: the float meaning but for the formats. A tensor becomes one Num (integer value and binary point) an
 * element.
 */
#include "lower.h"
#include "op.h"
#include <math.h>
#include <stdlib.h>

Num *lower_out(Lower *l, const Tensor *t) {
  if (!l->num[t->id])
    l->num[t->id] = mem_array((size_t)tensor_count(t) + 1, sizeof(Num));
  return l->num[t->id];
}

const Num *lower_in(Lower *l, const Tensor *t) {
  if (l->num[t->id] || !t->value)
    return l->num[t->id];
  Num *num = lower_out(l, t);
  int64_t count = tensor_count(t);
  for (int64_t i = 0; i < count; i++) {
    bool fits = true;
    num[i] = (Num){hir_const(l->k, quant_const(t->rounded ? t->rounded[i] : t->value[i], t->fmt, l->round, l->overflow, &fits)),
                   t->fmt.W - t->fmt.I};
  }
  return num;
}

int num_align(Lower *l, Num x, int frac) {
  return hir_shl(l->k, x.v, frac - x.frac);
}

static int common(Num a, Num b) {
  return a.frac > b.frac ? a.frac : b.frac;
}

Num num_add(Lower *l, Num a, Num b) {
  return (Num){hir_add(l->k, a.v, b.v, a.frac - b.frac), common(a, b)};
}

Num num_sub(Lower *l, Num a, Num b) {
  return (Num){hir_sub(l->k, a.v, b.v, a.frac - b.frac), common(a, b)};
}

Num num_mul(Lower *l, Num a, Num b) {
  return (Num){hir_mul(l->k, a.v, b.v), a.frac + b.frac};
}

Num num_max(Lower *l, Num a, Num b) {
  int f = common(a, b);
  return (Num){hir_max(l->k, num_align(l, a, f), num_align(l, b, f)), f};
}

Num num_min(Lower *l, Num a, Num b) {
  int f = common(a, b);
  return (Num){hir_min(l->k, num_align(l, a, f), num_align(l, b, f)), f};
}

Num num_quant(Lower *l, Num x, const Tensor *t) {
  if (t->exact)
    return x;
  if (l->site < 0)
    l->site = hir_site(l->k, l->node ? l->node->name : t->name, false);
  Format f = t->fmt;
  return (Num){hir_quant(l->k, x.v, x.frac - (f.W - f.I), format_min(f), format_max(f), l->round, l->overflow, l->site), f.W - f.I};
}

Num num_quant_element(Lower *l, Num x, const Tensor *t, int64_t e) {
  if (t->exact || !t->each)
    return num_quant(l, x, t);
  if (t->each[e].W == 0)
    return (Num){hir_const(l->k, 0), 0};
  Tensor one = *t;
  one.fmt = t->each[e];
  return num_quant(l, x, &one);
}

Num num_round(Lower *l, Num x, int frac) {
  int drop = x.frac - frac;
  if (drop <= 0)
    return x;
  /* bounds that rounding cannot reach */
  i128 lo = (l->k->v[x.v].lo >> drop) - 1, hi = (l->k->v[x.v].hi >> drop) + 1;
  return (Num){hir_quant(l->k, x.v, drop, lo, hi, l->round, OVERFLOW_SAT, -1), frac};
}

Num num_const(Lower *l, double c) {
  Format f = l->lc.has_weight ? l->lc.weight : (Format){l->o->W, l->o->auto_I ? format_fit(l->o->W, c, c) : l->o->I, true};
  bool fits = true;
  int64_t v = quant_const(c, f, l->round, l->overflow, &fits);
  if (!fits && l->overflow == OVERFLOW_ERROR)
    diag_error(EXIT_NUMERIC, l->node, "constant %g does not fit %s; I=%d would hold it", c, format_text(f), format_fit(f.W, c, c));
  else if (!fits)
    diag_warn(l->node, "constant %g does not fit %s and %s; I=%d would hold it", c, format_text(f),
              l->overflow == OVERFLOW_WRAP ? "wraps" : "saturates", format_fit(f.W, c, c));
  return (Num){hir_const(l->k, v), f.W - f.I};
}

Axis lower_axis(const Tensor *t, int64_t axis) {
  Axis a = {1, 1, 1};
  if (axis < 0)
    axis += t->rank;
  for (int i = 0; i < t->rank; i++) {
    if (i > axis)
      a.inner *= t->dim[i];
    if (i == axis)
      a.members = t->dim[i];
    else
      a.groups *= t->dim[i];
  }
  return a;
}

int64_t lower_axis_at(Axis a, int64_t group, int64_t member) {
  return (group / a.inner * a.members + member) * a.inner + group % a.inner;
}

double **move_numbers(const Node *n, int64_t *first) {
  const double **in = mem_array((size_t)n->n_in + 1, sizeof *in);
  double **out = mem_array((size_t)n->n_out + 1, sizeof *out);
  int64_t next = 1;
  for (int i = 0; i < n->n_in; i++) {
    const Tensor *t = n->in[i];
    first[i] = -1;
    if (!t)
      continue;
    const bool moved = i == 0 || n->op == OP_Concat || (n->op == OP_Pad && i == 2);
    if (!moved) { /* indices, shapes, axes */
      in[i] = t->value;
      continue;
    }
    const int64_t count = tensor_count(t);
    double *number = mem_array((size_t)count + 1, sizeof *number);
    first[i] = next;
    for (int64_t j = 0; j < count; j++)
      number[j] = (double)next++;
    in[i] = number;
  }
  for (int i = 0; i < n->n_out; i++)
    if (n->out[i])
      out[i] = mem_array((size_t)tensor_count(n->out[i]) + 1, sizeof(double));
  op_info[n->op].eval(n, in, out);
  return out;
}

static void lower_move(Lower *l, const Node *n) {
  int64_t *first = mem_array((size_t)n->n_in + 1, sizeof *first), total = 1;
  double **from = move_numbers(n, first);
  for (int i = 0; i < n->n_in; i++)
    total += first[i] >= 0 ? tensor_count(n->in[i]) : 0;
  Num *source = mem_array((size_t)total, sizeof *source);
  source[0] = (Num){hir_const(l->k, 0), 0};
  for (int i = 0; i < n->n_in; i++)
    if (first[i] >= 0)
      memcpy(source + first[i], lower_in(l, n->in[i]), (size_t)tensor_count(n->in[i]) * sizeof *source);
  for (int i = 0; i < n->n_out; i++) {
    if (!n->out[i])
      continue;
    Num *num = lower_out(l, n->out[i]);
    for (int64_t j = 0; j < tensor_count(n->out[i]); j++)
      num[j] = source[(int64_t)from[i][j]];
  }
}

bool lower_too_large(Lower *l) {
  if (l->k->n <= MAX_OPERATIONS)
    return false;
  if (!l->told_too_large)
    diag_error(EXIT_UNSUPPORTED, l->node, "in this layer the network grows beyond %d operations, each with hardware of its own; %s",
               MAX_OPERATIONS, CHECK_SIZE_ADVICE);
  l->told_too_large = true;
  return true;
}

static void add_layer(Lower *l, const Node *n, const Tensor *t) {
  Kernel *k = l->k;
  HirLayer *layer = &k->layer[k->cur_layer];
  const Num *num = l->num[t->id];
  layer->name = n ? n->name : t->name;
  layer->op = n ? n->op_type : "input";
  layer->tensor = t->name;
  layer->n = (int)tensor_count(t);
  layer->value = mem_array((size_t)layer->n + 1, sizeof(int));
  layer->frac = mem_array((size_t)layer->n + 1, sizeof(int));
  layer->fmt = t->exact ? (Format){0, 0, false} : t->fmt;
  for (int i = 0; i < layer->n; i++)
    layer->value[i] = num[i].v, layer->frac[i] = num[i].frac;
}

static void begin_layer(Lower *l, const Node *n) {
  Kernel *k = l->k;
  k->layer = mem_grow(k->layer, k->n_layers, &k->cap_layers, sizeof *k->layer);
  k->cur_layer = k->n_layers++;
  k->layer[k->cur_layer] = (HirLayer){.name = n->name, .op = n->op_type, .node = n};
  l->node = n;
  l->site = -1;
  l->lc = config_of(l->config, n);
  l->round = l->lc.has_round ? l->lc.round : l->o->round;
  l->overflow = l->lc.has_overflow ? l->lc.overflow : l->o->overflow;
}

static HirPort make_port(const Tensor *t, int first) {
  HirPort p = {
      .name = t->name, .rank = t->rank, .first = first, .n = (int)tensor_count(t), .fmt = t->fmt, .scale = t->scale, .zero = t->zero};
  memcpy(p.dim, t->dim, sizeof p.dim);
  return p;
}

static void lower_inputs(Lower *l) {
  Kernel *k = l->k;
  k->n_in_ports = graph_ins(l->g);
  k->in_port = mem_array((size_t)k->n_in_ports + 1, sizeof *k->in_port);
  for (int i = 0, first = 0; i < k->n_in_ports; i++) {
    const Tensor *t = l->g->in[i];
    k->in_port[i] = make_port(t, first);
    Num *num = lower_out(l, t);
    for (int j = 0; j < k->in_port[i].n; j++) {
      num[j] = (Num){hir_in(k, first + j, format_min(t->fmt), format_max(t->fmt)), t->fmt.W - t->fmt.I};
      int frac = t->each ? t->each[j].W - t->each[j].I : num[j].frac;
      if (t->each && t->each[j].W == 0)
        num[j] = (Num){hir_const(k, 0), 0};
      else if (frac < num[j].frac) /* lowest bits are cut off: no hardware */
        num[j] = (Num){hir_shr(k, num[j].v, num[j].frac - frac), frac};
    }
    first += k->in_port[i].n;
  }
}

/* After the inputs. A state is read and written in its tensor's format. */
static void lower_states(Lower *l) {
  Kernel *k = l->k;
  const Graph *g = l->g;
  if (!g->n_states)
    return;
  k->steps = g->steps;
  k->each_step = g->each_step;
  k->channels = l->o->channels;
  k->state = mem_array((size_t)g->n_states, sizeof *k->state);
  for (int i = 0; i < g->n_states; i++) {
    const Tensor *t = g->in[graph_ins(g) + i], *init = g->state_init[i];
    HirState *s = &k->state[k->n_states++];
    *s = (HirState){.name = t->name, .first = k->n_state, .n = (int)tensor_count(t), .fmt = t->fmt};
    s->init = mem_array((size_t)s->n, sizeof *s->init);
    k->n_state += s->n;
    Num *num = lower_out(l, t);
    for (int j = 0; j < s->n; j++) {
      bool fits = true;
      Format f = t->each ? t->each[j] : t->fmt; /* narrower ones lie in the places of the widest */
      int below = (t->fmt.W - t->fmt.I) - (f.W - f.I);
      if (f.W == 0) {
        num[j] = (Num){hir_const(k, 0), 0};
        continue;
      }
      s->init[j] = quant_const(init->value[j], f, l->round, l->overflow, &fits) * ((int64_t)1 << below);
      if (!fits)
        diag_warn(NULL, "initial state '%s'[%d] is %g, which %s does not hold", diag_text(t->name), j, init->value[j], format_text(t->fmt));
      int in = hir_in(k, k->n_in + s->first + j, (i128)format_min(f) * ((i128)1 << below), (i128)format_max(f) * ((i128)1 << below));
      num[j] = (Num){hir_shr(k, in, below), f.W - f.I};
    }
  }
}

/* An output leaves in its own format; one that merely passes elements on (a Reshape of an input, say) takes the widest of theirs. */
static void lower_outputs(Lower *l) {
  Kernel *k = l->k;
  k->n_out_ports = graph_outs(l->g);
  k->out_port = mem_array((size_t)k->n_out_ports + 1, sizeof *k->out_port);
  for (int i = 0; i < k->n_out_ports; i++) {
    const Tensor *t = l->g->out[i];
    const Num *num = lower_in(l, t);
    HirPort *p = &k->out_port[i];
    *p = make_port(t, k->n_out);
    int frac = num[0].frac;
    for (int j = 0; j < p->n; j++)
      frac = num[j].frac > frac ? num[j].frac : frac;
    if (!p->fmt.W || t->exact) {
      int W = 1;
      bool is_signed = false;
      for (int j = 0; j < p->n; j++)
        is_signed |= k->v[num[j].v].lo < 0;
      for (int j = 0; j < p->n; j++) {
        int aligned = num_align(l, num[j], frac);
        const HirValue *v = &k->v[aligned];
        int w = hir_width_of(is_signed && v->lo >= 0 ? -1 - v->hi : v->lo, v->hi);
        W = w > W ? w : W;
      }
      p->fmt = (Format){W, W - frac, is_signed};
    }
    if (p->fmt.W > 62)
      diag_error(EXIT_UNSUPPORTED, t->producer, "output '%s' needs %d bits; outputs may have 62", diag_text(t->name), p->fmt.W);
    for (int j = 0; j < p->n; j++) {
      k->out = mem_grow(k->out, k->n_out, &k->cap_out, sizeof *k->out);
      k->out[k->n_out++] = num_align(l, num[j], p->fmt.W - p->fmt.I);
    }
  }
  for (int i = 0, at = k->n_out; i < k->n_states; i++) {
    const Num *num = lower_in(l, l->g->out[k->n_out_ports + i]);
    for (int j = 0; j < k->state[i].n; j++, at++) {
      k->out = mem_grow(k->out, at, &k->cap_out, sizeof *k->out);
      k->out[at] = num_align(l, num[j], k->state[i].fmt.W - k->state[i].fmt.I);
    }
  }
}

static Kernel *lower_with(const Graph *g, const Options *o, const Config *config, DspPlan *dsp) {
  Lower low = {.g = g, .o = o, .config = config, .k = hir_new(o->top), .dsp = dsp, .round = o->round, .overflow = o->overflow, .site = -1};
  Lower *l = &low;
  l->num = mem_array((size_t)g->n_tensors + 1, sizeof *l->num);
  l->shared_by = mem_array((size_t)g->n_tensors + 1, sizeof(SharedMcm *));
  lower_inputs(l);
  lower_states(l);
  for (int i = 0; i < g->n_nodes && !lower_too_large(l); i++) {
    const Node *n = g->node[i];
    const OpInfo *op = &op_info[n->op];
    begin_layer(l, n);
    if (op->lower)
      op->lower(l, n);
    else if (op->kind == KIND_MOVE)
      lower_move(l, n);
    else
      diag_error(EXIT_UNSUPPORTED, n, "its input must be known at compile time");
    for (int j = 0; j < n->n_out; j++)
      if (n->out[j] && !l->num[n->out[j]->id]) /* refused: the operator said why; go on to find more problems */
        for (int64_t e = 0; e < tensor_count(n->out[j]); e++)
          lower_out(l, n->out[j])[e] = (Num){hir_const(l->k, 0), 0};
    if (n->n_out && n->out[0])
      add_layer(l, n, n->out[0]);
  }
  l->k->cur_layer = -1;
  if (!diag_errors())
    lower_outputs(l);
  return l->k;
}

Kernel *lower_graph(const Graph *g, const Options *o, const Config *config) {
  if (o->dsp == 0)
    return lower_with(g, o, config, NULL);
  DspPlan survey = {.survey = true};
  if (o->dsp > 0) {
    diag_set_quiet(true); /* the second time says it all again */
    Kernel *k = lower_with(g, o, config, &survey);
    diag_set_quiet(o->quiet);
    if (diag_errors())
      return k;
  }
  return lower_with(g, o, config, dsp_plan(o, &survey));
}
