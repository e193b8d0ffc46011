/* SPDX-License-Identifier: Apache-2.0
 *
 * op_infer_recurrent.c - RNN, GRU, LSTM: attributes and shapes.
 */
#include "op.h"
#include "recurrent.h"

#include <inttypes.h>
#include <math.h>
#include <strings.h>

/* How many of alpha and beta a function takes, and what they are when not given; NAN: they must be. */
static const struct {
  const char *name;
  int parameters;
  double alpha, beta;
} function[] = {
    {"Tanh", 0, 0, 0},
    {"Sigmoid", 0, 0, 0},
    {"Relu", 0, 0, 0},
    {"Softsign", 0, 0, 0},
    {"Softplus", 0, 0, 0},
    {"LeakyRelu", 1, 0.01, 0},
    {"ThresholdedRelu", 1, 1, 0},
    {"Elu", 1, 1, 0},
    {"HardSigmoid", 2, 0.2, 0.5},
    {"Affine", 2, (double)NAN, (double)NAN},
    {"ScaledTanh", 2, (double)NAN, (double)NAN},
};

Tensor *recurrent_in(const Node *n, int k) {
  return k < n->n_in ? n->in[k] : NULL;
}

int64_t recurrent_row(const Recurrent *r, int64_t count, int64_t step, int64_t width, int64_t *stride) {
  *stride = (r->batch_first ? count : 1) * width;
  return step * width * (r->batch_first ? 1 : r->batch);
}

/* The next number of a list: each function takes what it needs, in order. */
static double next_of(const Attr *a, int *at, double otherwise) {
  return a && a->type == ATTR_FLOATS && *at < a->n ? a->floats[(*at)++] : otherwise;
}

static bool one_function(const Node *n, const char *name, int *alphas, int *betas, CellFunction *f) {
  for (size_t i = 0; i < sizeof function / sizeof *function; i++) {
    if (strcasecmp(function[i].name, name) != 0)
      continue;
    *f = (CellFunction){.name = function[i].name};
    if (function[i].parameters > 0)
      f->alpha = next_of(node_attr(n, "activation_alpha"), alphas, function[i].alpha);
    if (function[i].parameters > 1)
      f->beta = next_of(node_attr(n, "activation_beta"), betas, function[i].beta);
    if (!isnan(f->alpha) && !isnan(f->beta))
      return true;
    diag_error(EXIT_INVALID, n, "activation %s needs activation_alpha and activation_beta", f->name);
    return false;
  }
  diag_error(EXIT_UNSUPPORTED, n, "activation '%s' is not among those of the standard", diag_text(name));
  return false;
}

static bool read_functions(const Node *n, Recurrent *r) {
  static const char *const usual[] = {"Sigmoid", "Tanh", "Tanh"};
  const int each = r->op == OP_RNN ? 1 : r->op == OP_GRU ? 2 : 3;
  const Attr *a = node_attr(n, "activations");
  int alphas = 0, betas = 0;
  if (a && (a->type != ATTR_STRINGS || a->n != each * r->dirs)) {
    diag_error(EXIT_INVALID, n, "activations must be a list of %d names", each * r->dirs);
    return false;
  }
  for (int d = 0; d < r->dirs; d++)
    for (int i = 0; i < each; i++)
      if (!one_function(n, a ? a->strings[d * each + i] : usual[i + (each == 1)], &alphas, &betas, &r->f[d][i]))
        return false;
  return true;
}

static bool read_direction(const Node *n, Recurrent *r) {
  const char *way = attr_string(n, "direction", "forward");
  r->backward = strcmp(way, "reverse") == 0;
  r->dirs = strcmp(way, "bidirectional") == 0 ? 2 : 1;
  if (r->dirs == 2 || r->backward || strcmp(way, "forward") == 0)
    return true;
  diag_error(EXIT_INVALID, n, "direction '%s' must be forward, reverse or bidirectional", diag_text(way));
  return false;
}

bool recurrent_of(const Node *n, Recurrent *r) {
  const Tensor *x = n->in[RECURRENT_X], *w = n->in[RECURRENT_R];
  memset(r, 0, sizeof *r);
  r->op = n->op;
  r->gates = n->op == OP_RNN ? 1 : n->op == OP_GRU ? 3 : 4;
  r->batch_first = attr_int(n, "layout", 0) != 0;
  r->linear_before_reset = attr_int(n, "linear_before_reset", 0) != 0;
  r->input_forget = attr_int(n, "input_forget", 0) != 0;
  r->clip = attr_float(n, "clip", (double)INFINITY);
  if (x->rank != 3 || w->rank != 3) {
    diag_error(EXIT_INVALID, n, "input %s and recurrence weights %s must have three dimensions", shape_text(x->rank, x->dim),
               shape_text(w->rank, w->dim));
    return false;
  }
  r->steps = x->dim[r->batch_first];
  r->batch = x->dim[!r->batch_first];
  r->in = x->dim[2];
  r->hidden = w->dim[2];
  if (!(r->clip > 0)) {
    diag_error(EXIT_INVALID, n, "clip is %g; it must be positive", r->clip);
    return false;
  }
  return read_direction(n, r) && read_functions(n, r);
}

/* Whether input k has this shape; left out is right too, where that is allowed. */
static bool has_shape(const Node *n, int k, const char *what, int rank, const int64_t *dim) {
  const Tensor *t = recurrent_in(n, k);
  if (!t || (t->rank == rank && memcmp(t->dim, dim, (size_t)rank * sizeof *dim) == 0))
    return true;
  diag_error(EXIT_INVALID, n, "%s ('%s') is %s, not %s", what, diag_text(t->name), shape_text(t->rank, t->dim), shape_text(rank, dim));
  return false;
}

static bool shapes_fit(const Node *n, const Recurrent *r) {
  const int64_t d = r->dirs, g = r->gates, h = r->hidden;
  const int64_t state[] = {r->batch_first ? r->batch : d, r->batch_first ? d : r->batch, h};
  const Attr *size = node_attr(n, "hidden_size");
  if (size && attr_int(n, "hidden_size", h) != h) {
    diag_error(EXIT_INVALID, n, "hidden_size is %" PRId64 "; its recurrence weights have %" PRId64, attr_int(n, "hidden_size", h), h);
    return false;
  }
  return has_shape(n, RECURRENT_W, "its weights", 3, (int64_t[]){d, g * h, r->in}) &&
         has_shape(n, RECURRENT_R, "its recurrence weights", 3, (int64_t[]){d, g * h, h}) &&
         has_shape(n, RECURRENT_B, "its bias", 2, (int64_t[]){d, 2 * g * h}) &&
         has_shape(n, RECURRENT_LENS, "its sequence lengths", 1, (int64_t[]){r->batch}) &&
         has_shape(n, RECURRENT_H, "its initial state", 3, state) && has_shape(n, RECURRENT_C, "its initial cell state", 3, state) &&
         has_shape(n, RECURRENT_P, "its peephole weights", 2, (int64_t[]){d, 3 * h});
}

/* The hardware has its weights in its adders, and one length of sequence. */
static bool parameters_fit(const Node *n, const Recurrent *r) {
  static const struct {
    int k;
    const char *what;
  } weights[] = {{RECURRENT_W, "weights"}, {RECURRENT_R, "recurrence weights"}, {RECURRENT_B, "bias"}, {RECURRENT_P, "peephole weights"}};
  for (size_t i = 0; i < sizeof weights / sizeof *weights; i++) {
    const Tensor *t = recurrent_in(n, weights[i].k);
    if (!t || t->value)
      continue;
    diag_error(EXIT_UNSUPPORTED, n, "its %s ('%s') must be constant: export them as initializers, not as inputs", weights[i].what,
               diag_text(t->name));
    return false;
  }
  const Tensor *lens = recurrent_in(n, RECURRENT_LENS);
  for (int64_t i = 0; lens && i < r->batch; i++)
    if (!lens->value || lens->value[i] != (double)r->steps) {
      diag_error(EXIT_UNSUPPORTED, n,
                 "sequence lengths ('%s') other than the constant %" PRId64
                 ": export the model for sequences of one length, without packing "
                 "or sequence_lens",
                 diag_text(lens->name), r->steps);
      return false;
    }
  return true;
}

bool infer_recurrent(Graph *g, Node *n) {
  Recurrent r;
  const Tensor *x = n->in[RECURRENT_X];
  (void)g;
  if (!need_float(n, x))
    return false;
  for (int k = 0; k < n->n_in; k++)
    if (n->in[k] && k != RECURRENT_LENS && !same_type(n, x, n->in[k]))
      return false;
  if (!recurrent_of(n, &r) || !shapes_fit(n, &r) || !parameters_fit(n, &r))
    return false;
  const int64_t b = r.batch, d = r.dirs, h = r.hidden;
  const int64_t all[] = {r.batch_first ? b : r.steps, r.batch_first ? r.steps : d, r.batch_first ? d : b, h};
  const int64_t last[] = {r.batch_first ? b : d, r.batch_first ? d : b, h};
  for (int k = 0; k < n->n_out; k++)
    if (n->out[k] && !set_shape(n, n->out[k], x->dtype, k ? 3 : 4, k ? last : all))
      return false;
  return true;
}
