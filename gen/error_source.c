/* SPDX-License-Identifier: Apache-2.0
 *
 * error_source.c - where error enters. Two questions, for every layer:
 *
 *   own error: its fixed-point result less its float function (with float weights) of the fixed-point arguments it got. What is left of its
 *   error was there before.
 *   at the outputs: the outputs when this layer and all before it are fixed point and all behind it float, less the same without this
 * layer. In order of the layers these differences add up to the error at the outputs, so they can be set side by side.
 */
#include "lower.h"
#include "report.h"
#include <math.h>

enum { TRACED = 256, TRACED_LEAST = 8, TRACED_WORK = 20000000 };

struct ErrorSource {
  const Graph *g;
  const Kernel *k;
  const Tensor *const *tensor;
  Comparison *c;
  size_t stride;
  int *end;          /* by node number: its own, or that of the addition it is one with */
  int *fixed_at;     /* by tensor id: end of the node that makes it; -1: an input or a constant */
  int *layer;        /* by node number: its layer, -1: none */
  double **state;    /* as the sample before left it */
  double **fixed;    /* by tensor id: what the hardware has */
  double **own;      /* the producer's float function of that */
  double **behind;   /* float, from a layer on */
  const double **in; /* arguments and results of one node */
  double **out;
  double *now, *next; /* outputs in a row */
  size_t sample, due; /* number of the next; of those whose outputs count */
  bool *adds;         /* by node: own error in this sample */
};

static size_t count(const Tensor *t) {
  return (size_t)tensor_count(t);
}

/* Number of the addition that node number i is one with; i where there is none. */
static int addition_of(const Graph *g, int i) {
  const Node *n = g->node[i];
  Node *reader = NULL;
  if (op_info[n->op].kind != KIND_LINEAR || n->n_out != 1 || !n->out[0]->exact || graph_uses(g, n->out[0], &reader) != 1 || !reader)
    return i;
  if ((reader->op != OP_Add && reader->op != OP_Sub) || !(reader->in[0]->value || reader->in[1]->value))
    return i;
  for (int j = i + 1; j < g->n_nodes; j++)
    if (g->node[j] == reader)
      return j;
  return i;
}

ErrorSource *error_source_new(const Graph *g, const Kernel *k, const Tensor *const *tensor, size_t n, Comparison *c) {
  ErrorSource *e = mem_alloc(sizeof *e);
  *e = (ErrorSource){.g = g, .k = k, .tensor = tensor, .c = c};
  size_t tensors = (size_t)g->n_tensors + 1, outputs = 0;
  e->fixed_at = mem_array(tensors, sizeof *e->fixed_at);
  e->end = mem_array((size_t)g->n_nodes + 1, sizeof *e->end);
  e->fixed = mem_array(tensors, sizeof *e->fixed);
  e->own = mem_array(tensors, sizeof *e->own);
  e->behind = mem_array(tensors, sizeof *e->behind);
  e->layer = mem_array((size_t)g->n_nodes + 1, sizeof *e->layer);
  e->adds = mem_array((size_t)g->n_nodes + 1, sizeof *e->adds);
  double work = (double)graph_macs(g);
  int widest = 1;
  for (int i = 0; i < g->n_tensors; i++) {
    const Tensor *t = g->tensor[i];
    e->fixed_at[i] = -1;
    if (t->rank < 0)
      continue;
    work += t->value ? 0 : (double)count(t);
    double *constant = t->original ? t->original : t->value;
    e->fixed[i] = constant ? constant : mem_array(count(t) + 1, sizeof(double));
    e->own[i] = constant ? constant : mem_array(count(t) + 1, sizeof(double));
    e->behind[i] = constant ? constant : mem_array(count(t) + 1, sizeof(double));
  }
  for (int i = 0; i < g->n_nodes; i++) {
    const Node *node = g->node[i];
    widest = node->n_in > widest ? node->n_in : widest;
    widest = node->n_out > widest ? node->n_out : widest;
    e->layer[i] = -1;
    for (int l = 0; l < k->n_layers; l++)
      if (tensor[l] && tensor[l]->producer == node)
        e->layer[i] = l;
    e->end[i] = addition_of(g, i);
    for (int j = 0; j < node->n_out; j++)
      if (node->out[j] && !node->out[j]->value)
        e->fixed_at[node->out[j]->id] = e->end[i];
  }
  for (int i = 0; i < graph_outs(g); i++)
    outputs += count(g->out[i]);
  e->state = mem_array((size_t)g->n_states + 1, sizeof *e->state);
  for (int i = 0; i < g->n_states; i++)
    e->state[i] = mem_array(count(g->in[graph_ins(g) + i]) + 1, sizeof **e->state);
  e->in = mem_array((size_t)widest, sizeof *e->in);
  e->out = mem_array((size_t)widest, sizeof *e->out);
  e->now = mem_array(outputs + 1, sizeof *e->now);
  e->next = mem_array(outputs + 1, sizeof *e->next);
  double room = TRACED_WORK / (work * (g->n_nodes + 1) / 2 + 1);
  size_t traced = room > TRACED ? TRACED : room < TRACED_LEAST ? TRACED_LEAST : (size_t)room;
  e->stride = n > traced ? (n + traced - 1) / traced : 1;
  return e;
}

/* Node number i on what is fixed point up to node fixed_to, and in to[] behind it; its results into to[]. */
static void run_node(ErrorSource *e, int i, int fixed_to, double **to) {
  const Node *node = e->g->node[i];
  if (!op_info[node->op].eval)
    return;
  for (int j = 0; j < node->n_in; j++) {
    const Tensor *t = node->in[j];
    e->in[j] = !t ? NULL : e->fixed_at[t->id] <= fixed_to ? e->fixed[t->id] : to[t->id];
  }
  for (int j = 0; j < node->n_out; j++)
    e->out[j] = node->out[j] ? to[node->out[j]->id] : NULL;
  op_info[node->op].eval(node, e->in, e->out);
}

/* Fills `fixed` and `own` for one sample. */
static void run_sample(ErrorSource *e, const int64_t *raw, const i128 *val) {
  for (int p = 0; p < e->k->n_in_ports; p++) {
    const HirPort *port = &e->k->in_port[p];
    for (int i = 0; i < port->n; i++)
      e->fixed[e->g->in[p]->id][i] = port_value(port, raw[port->first + i]);
  }
  const Graph *g = e->g;
  const Kernel *k = e->k;
  bool anew = e->sample == 0 || (g->steps && e->sample % (size_t)g->steps == 0);
  for (int i = 0; i < g->n_states; i++) {
    const Tensor *t = g->in[graph_ins(g) + i];
    memcpy(e->fixed[t->id], anew ? g->state_init[i]->value : e->state[i], count(t) * sizeof(double));
  }
  e->sample++;
  for (int i = 0; i < k->n_states; i++)
    for (int j = 0; j < k->state[i].n; j++)
      e->state[i][j] = ldexp((double)val[k->out[k->n_out + k->state[i].first + j]], k->state[i].fmt.I - k->state[i].fmt.W);
  for (int i = 0; i < e->g->n_nodes; i++) {
    const Node *node = e->g->node[i];
    const HirLayer *l = e->layer[i] >= 0 ? &e->k->layer[e->layer[i]] : NULL;
    run_node(e, i, i - 1, e->own);
    e->adds[i] = false;
    for (int j = 0; j < node->n_out; j++) {
      const Tensor *t = node->out[j];
      if (!t || t->value || !e->fixed[t->id])
        continue;
      double *fixed = e->fixed[t->id], *own = e->own[t->id];
      bool known = l && t == e->tensor[e->layer[i]];
      for (size_t x = 0, n = count(t); x < n; x++) { /* a further output has no layer: elements moved, which is exact */
        fixed[x] = known && l->value[x] >= 0 ? ldexp((double)val[l->value[x]], -l->frac[x]) : own[x];
        e->adds[i] |= fixed[x] != own[x] && e->end[i] == i;
      }
    }
  }
}

static void outputs(ErrorSource *e, int fixed_to, double *to) {
  for (int p = 0; p < graph_outs(e->g); p++) {
    const Tensor *t = e->g->out[p];
    memcpy(to, (e->fixed_at[t->id] <= fixed_to ? e->fixed : e->behind)[t->id], count(t) * sizeof *to);
    to += count(t);
  }
}

/* The outputs of the float model, from the state that the hardware has. */
static void float_outputs(ErrorSource *e, const Eval *want, double *to) {
  const Graph *g = e->g;
  for (int i = 0; i < graph_ins(g); i++)
    memcpy(e->behind[g->in[i]->id], eval_value(want, g->in[i]), count(g->in[i]) * sizeof(double));
  for (int i = graph_ins(g); i < g->n_in; i++)
    memcpy(e->behind[g->in[i]->id], e->fixed[g->in[i]->id], count(g->in[i]) * sizeof(double));
  for (int i = 0; i < g->n_nodes; i++)
    run_node(e, i, -2, e->behind);
  outputs(e, -2, to);
}

/* Steps through the layers, the inputs as number -1; after each, `step` gets the outputs before and after it. */
static void trace(ErrorSource *e, const Eval *want, void (*step)(ErrorSource *e, int node, void *ctx), void *ctx) {
  float_outputs(e, want, e->now);
  for (int i = -1; i < e->g->n_nodes; i++) {
    if (i >= 0 && !e->adds[i])
      continue;
    for (int j = 0; j < e->g->n_nodes; j++)
      if (e->end[j] > i)
        run_node(e, j, i, e->behind);
    outputs(e, i, e->next);
    step(e, i, ctx);
    double *swap = e->now;
    e->now = e->next, e->next = swap;
  }
}

static void add_step(ErrorSource *e, int node, void *ctx) {
  (void)ctx;
  double sum = 0;
  const double *a = e->now, *b = e->next;
  for (int p = 0; p < graph_outs(e->g); p++)
    for (size_t x = 0; x < count(e->g->out[p]); x++, a++, b++)
      sum += dtype_is_float(e->g->out[p]->dtype) ? (*b - *a) * (*b - *a) : 0;
  if (node < 0) /* shared by all inputs: they are one source */
    for (int p = 0; p < e->k->n_in_ports; p++)
      e->c->input[p].output_sum_sq += sum;
  else if (e->layer[node] >= 0)
    e->c->layer[e->layer[node]].output_sum_sq += sum;
}

void error_source_sample(ErrorSource *e, size_t at, const int64_t *raw, const i128 *val, const Eval *want) {
  run_sample(e, raw, val);
  for (int i = 0; i < e->g->n_nodes; i++) {
    if (e->layer[i] < 0)
      continue;
    LayerStats *st = &e->c->layer[e->layer[i]];
    const Tensor *t = e->tensor[e->layer[i]];
    for (size_t x = 0, n = e->adds[i] ? count(t) : 0; x < n; x++) {
      double err = e->fixed[t->id][x] - e->own[t->id][x];
      st->own_max_abs_err = fmax(st->own_max_abs_err, fabs(err));
      st->own_sum_sq_err += err * err;
    }
    st->own_unknown = e->end[i] != i;
  }
  if (!graph_due(e->g, at) || e->due++ % e->stride)
    return;
  trace(e, want, add_step, NULL);
  e->c->n_traced++;
  for (int p = 0; p < graph_outs(e->g); p++)
    e->c->n_output_values += dtype_is_float(e->g->out[p]->dtype) ? count(e->g->out[p]) : 0;
}

const double *error_source_value(const ErrorSource *e, const Tensor *t) {
  return e->fixed[t->id];
}

typedef struct {
  int out, node;
  double err, most;
} Largest;

static void largest_step(ErrorSource *e, int node, void *ctx) {
  Largest *l = ctx;
  double part = (e->next[l->out] - e->now[l->out]) * (l->err < 0 ? -1 : 1);
  if (part > l->most)
    l->most = part, l->node = node;
}

double error_source_largest(ErrorSource *e, const int64_t *raw, const i128 *val, const Eval *want, int out, double err,
                            const char **where) {
  Largest l = {.out = out, .err = err, .node = -2};
  run_sample(e, raw, val);
  trace(e, want, largest_step, &l);
  *where = NULL;
  if (l.node == -1)
    *where = mem_printf("the input's format, %s", format_text(e->k->in_port[0].fmt));
  else if (l.node >= 0) {
    int first = 0; /* the product rather than the addition that is one with it */
    while (e->end[first] != l.node)
      first++;
    const Node *n = e->g->node[first];
    const Tensor *t = n->out[0];
    const char *what = t && !t->exact && t->fmt.W ? format_text(t->fmt) : "its constants";
    for (int j = n->n_in - 1; t && t->exact && j >= 0; j--) /* the first is the weights */
      if (n->in[j] && n->in[j]->value && n->in[j]->fmt.W)
        what = mem_printf("its weights, %s", format_text(n->in[j]->fmt));
    *where = mem_printf("node '%s' (%s: %s)", diag_text(n->name), diag_text(n->op_type), what);
  }
  return l.most;
}
