/* SPDX-License-Identifier: Apache-2.0
 *
 * eval.c - the float evaluator: runs the eval of every node in order, in double precision.
 */
#include "op.h"

#include <math.h>

struct Eval {
  const Graph *g;
  double **value; /* by tensor number */
  size_t sample;  /* number of the next */
  int n_steps;
  struct Step {
    const Node *node;
    const double **in;
    double **out;
  } * step;
};

Eval *eval_new(const Graph *g) {
  Eval *e = mem_alloc(sizeof *e);
  e->g = g;
  e->value = mem_array((size_t)g->n_tensors, sizeof *e->value);
  e->step = mem_array((size_t)g->n_nodes, sizeof *e->step);
  for (int i = 0; i < g->n_tensors; i++) /* unused tensors may have no shape */
    if (g->tensor[i]->value)
      e->value[i] = g->tensor[i]->original ? g->tensor[i]->original : g->tensor[i]->value;
  for (int i = 0; i < g->n_in; i++)
    e->value[g->in[i]->id] = mem_array((size_t)tensor_count(g->in[i]), sizeof(double));
  for (int i = 0; i < g->n_nodes; i++) {
    const Node *n = g->node[i];
    struct Step *s = &e->step[e->n_steps];
    if (!op_info[n->op].eval)
      continue;
    e->n_steps++;
    s->node = n;
    s->in = mem_array((size_t)n->n_in, sizeof *s->in);
    s->out = mem_array((size_t)n->n_out, sizeof *s->out);
    for (int k = 0; k < n->n_in; k++)
      s->in[k] = n->in[k] ? e->value[n->in[k]->id] : NULL;
    for (int k = 0; k < n->n_out; k++)
      if (n->out[k])
        s->out[k] = e->value[n->out[k]->id] = mem_array((size_t)tensor_count(n->out[k]), sizeof(double));
  }
  return e;
}

void eval_run(Eval *e, const double *in) {
  const Graph *g = e->g;
  for (int i = 0; i < graph_ins(g); i++) {
    const Tensor *t = g->in[i];
    size_t n = (size_t)tensor_count(t);
    memcpy(e->value[t->id], in, n * sizeof *in);
    in += n;
  }
  bool anew = e->sample == 0 || (g->steps && e->sample % (size_t)g->steps == 0);
  for (int i = 0; i < g->n_states; i++) {
    const Tensor *t = g->in[graph_ins(g) + i], *from = anew ? g->state_init[i] : g->out[graph_outs(g) + i];
    memcpy(e->value[t->id], anew ? from->value : e->value[from->id], (size_t)tensor_count(t) * sizeof(double));
  }
  e->sample++;
  for (int i = 0; i < e->n_steps; i++) {
    const struct Step *s = &e->step[i];
    op_info[s->node->op].eval(s->node, s->in, s->out);
  }
}

const double *eval_value(const Eval *e, const Tensor *t) {
  return e->value[t->id];
}

/* ---- walking shapes ---- */

void walk_start(Walk *w, int rank, const int64_t *dim) {
  memset(w, 0, sizeof *w);
  w->rank = rank;
  w->left = 1;
  for (int i = 0; i < rank; i++) {
    w->dim[i] = dim[i];
    w->left *= dim[i];
  }
}

void walk_operand(Walk *w, int k, int rank, const int64_t *dim) {
  int64_t stride = 1;
  for (int i = rank - 1; i >= 0; i--) {
    w->stride[k][i + w->rank - rank] = dim[i] == 1 ? 0 : stride;
    stride *= dim[i];
  }
}

void walk_next(Walk *w) {
  w->left--;
  for (int i = w->rank - 1; i >= 0; i--) {
    for (int k = 0; k < 4; k++)
      w->at[k] += w->stride[k][i];
    if (++w->index[i] < w->dim[i])
      return;
    for (int k = 0; k < 4; k++)
      w->at[k] -= w->stride[k][i] * w->dim[i];
    w->index[i] = 0;
  }
}

/* ---- types ---- */

/* To `bits` of significand and the exponents of a small float type, half to even. */
static double round_float(double v, int bits, int min_exponent, double max) {
  int e;
  if (v == 0 || !isfinite(v))
    return v;
  frexp(v, &e);
  e = (e < min_exponent ? min_exponent : e) - bits;
  double r = ldexp(nearbyint(ldexp(v, -e)), e);
  return fabs(r) > max ? copysign((double)INFINITY, v) : r;
}

static double wrap(double v, int bits, bool is_signed) {
  if (!isfinite(v))
    return 0;
  double span = ldexp(1, bits), r = fmod(trunc(v), span);
  if (r < 0)
    r += span;
  return is_signed && r >= span / 2 ? r - span : r;
}

double to_dtype(DataType t, double v) {
  switch (t) {
  case DT_FLOAT:
    return (float)v;
  case DT_FLOAT16:
    return round_float(v, 11, -13, 65504);
  case DT_BFLOAT16:
    return round_float(v, 8, -125, 3.3895313892515355e38);
  case DT_BOOL:
    return v != 0;
  case DT_INT2:
  case DT_UINT2:
    return wrap(v, 2, t == DT_INT2);
  case DT_INT4:
  case DT_UINT4:
    return wrap(v, 4, t == DT_INT4);
  case DT_INT8:
  case DT_UINT8:
    return wrap(v, 8, t == DT_INT8);
  case DT_INT16:
  case DT_UINT16:
    return wrap(v, 16, t == DT_INT16);
  case DT_INT32:
  case DT_UINT32:
    return wrap(v, 32, t == DT_INT32);
  case DT_INT64:
  case DT_UINT64:
    return trunc(v);
  default:
    return v;
  }
}
