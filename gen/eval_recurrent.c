/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_recurrent.c - float meaning of RNN, GRU, LSTM.
 */
#include "op.h"
#include "recurrent.h"

#include <math.h>
#include <stdlib.h>

static double apply(const CellFunction *f, double x) {
  switch (f->name[0]) {
  case 'T':
    return f->name[1] == 'a' ? tanh(x) : x > f->alpha ? x : 0; /* Tanh, ThresholdedRelu */
  case 'R':
    return fmax(x, 0);
  case 'L':
    return x < 0 ? f->alpha * x : x;
  case 'E':
    return x < 0 ? f->alpha * expm1(x) : x;
  case 'H':
    return fmin(fmax(f->alpha * x + f->beta, 0), 1);
  case 'A':
    return f->alpha * x + f->beta;
  default:
    break;
  }
  if (strcmp(f->name, "ScaledTanh") == 0)
    return f->alpha * tanh(f->beta * x);
  if (strcmp(f->name, "Softsign") == 0)
    return x / (1 + fabs(x));
  if (strcmp(f->name, "Softplus") == 0)
    return fmax(x, 0) + log1p(exp(-fabs(x)));
  return 1 / (1 + exp(-x));
}

/* One direction of a node, at one row of the batch. */
typedef struct {
  const Recurrent *r;
  const CellFunction *f;
  const double *w, *r_w, *b, *p; /* of the direction; b and p may be NULL */
  double *gate, *h, *c;          /* room: pre-activations, the states */
  double *reset;                 /* room of GRU: r * h */
} Run;

static double limit(const Run *u, double x) {
  return fmin(fmax(x, -u->r->clip), u->r->clip);
}

static double activate(const Run *u, int which, double x) {
  return apply(&u->f[which], limit(u, x));
}

/* W x + Wb of gate row k. */
static double of_input(const Run *u, int64_t k, const double *x) {
  double sum = u->b ? u->b[k] : 0;
  for (int64_t i = 0; i < u->r->in; i++)
    sum += u->w[k * u->r->in + i] * x[i];
  return sum;
}

/* R h + Rb of gate row k. */
static double of_state(const Run *u, int64_t k, const double *h) {
  double sum = u->b ? u->b[u->r->gates * u->r->hidden + k] : 0;
  for (int64_t i = 0; i < u->r->hidden; i++)
    sum += u->r_w[k * u->r->hidden + i] * h[i];
  return sum;
}

static void step_rnn(Run *u, const double *x) {
  const int64_t H = u->r->hidden;
  for (int64_t k = 0; k < H; k++)
    u->gate[k] = activate(u, 0, of_input(u, k, x) + of_state(u, k, u->h));
  memcpy(u->h, u->gate, (size_t)H * sizeof(double));
}

static void step_gru(Run *u, const double *x) {
  const int64_t H = u->r->hidden;
  double *z = u->gate, *r = z + H, *n = r + H;
  for (int64_t k = 0; k < 2 * H; k++)
    u->gate[k] = activate(u, 0, of_input(u, k, x) + of_state(u, k, u->h));
  for (int64_t k = 0; k < H; k++)
    u->reset[k] = r[k] * u->h[k];
  for (int64_t k = 0; k < H; k++) {
    const double recurrent = u->r->linear_before_reset ? r[k] * of_state(u, 2 * H + k, u->h) : of_state(u, 2 * H + k, u->reset);
    n[k] = activate(u, 1, of_input(u, 2 * H + k, x) + recurrent);
  }
  for (int64_t k = 0; k < H; k++)
    u->h[k] = (1 - z[k]) * n[k] + z[k] * u->h[k];
}

static void step_lstm(Run *u, const double *x) {
  const int64_t H = u->r->hidden;
  const double *p = u->p;
  for (int64_t k = 0; k < 4 * H; k++)
    u->gate[k] = of_input(u, k, x) + of_state(u, k, u->h);
  for (int64_t k = 0; k < H; k++) {
    const double *pre = u->gate + k, c = u->c[k];
    const double i = activate(u, 0, pre[0] + (p ? p[k] * c : 0));
    const double f = u->r->input_forget ? 1 - i : activate(u, 0, pre[2 * H] + (p ? p[2 * H + k] * c : 0));
    u->c[k] = f * c + i * activate(u, 1, pre[3 * H]);
    u->h[k] = activate(u, 0, pre[H] + (p ? p[H + k] * u->c[k] : 0)) * apply(&u->f[2], u->c[k]);
  }
}

static void step(Run *u, const double *x) {
  if (u->r->op == OP_LSTM)
    step_lstm(u, x);
  else
    (u->r->op == OP_GRU ? step_gru : step_rnn)(u, x);
}

/* Row b of [dirs][batch][hidden], or of [batch][dirs][hidden]. */
static int64_t state_at(const Recurrent *r, int dir, int64_t b) {
  int64_t stride, at = recurrent_row(r, r->dirs, dir, r->hidden, &stride);
  return at + b * stride;
}

static void copy(const Recurrent *r, double *to, int64_t at, const double *from) {
  if (to)
    memcpy(to + at, from, (size_t)r->hidden * sizeof(double));
}

/* One direction over one row of the batch. */
static void run(Run *u, const double *const *in, int n_in, double *const *out, int n_out, int dir, int64_t b) {
  const Recurrent *r = u->r;
  const int64_t H = r->hidden, state = state_at(r, dir, b);
  const bool backward = r->backward || dir == 1;
  const double *h0 = n_in > RECURRENT_H ? in[RECURRENT_H] : NULL, *c0 = n_in > RECURRENT_C ? in[RECURRENT_C] : NULL;
  for (int64_t k = 0; k < H; k++)
    u->h[k] = h0 ? h0[state + k] : 0, u->c[k] = c0 ? c0[state + k] : 0;
  for (int64_t t = 0; t < r->steps; t++) {
    const int64_t at = backward ? r->steps - 1 - t : t;
    int64_t stride, row = recurrent_row(r, r->steps, at, r->in, &stride);
    step(u, in[RECURRENT_X] + row + b * stride);
    /* Y is [steps][dirs][batch][hidden], or [batch][steps][dirs][hidden] */
    copy(r, out[0], r->batch_first ? ((b * r->steps + at) * r->dirs + dir) * H : ((at * r->dirs + dir) * r->batch + b) * H, u->h);
  }
  copy(r, n_out > 1 ? out[1] : NULL, state, u->h);
  copy(r, n_out > 2 ? out[2] : NULL, state, u->c);
}

void eval_recurrent(const Node *n, const double *const *in, double *const *out) {
  Recurrent r;
  if (!recurrent_of(n, &r))
    return;
  const int64_t H = r.hidden, G = r.gates;
  double *room = mem_scratch((size_t)(H * (MAX_GATES + 3)), sizeof *room);
  for (int d = 0; d < r.dirs; d++) {
    const double *b = recurrent_in(n, RECURRENT_B) ? in[RECURRENT_B] : NULL, *p = recurrent_in(n, RECURRENT_P) ? in[RECURRENT_P] : NULL;
    Run u = {.r = &r,
             .f = r.f[d],
             .w = in[RECURRENT_W] + d * G * H * r.in,
             .r_w = in[RECURRENT_R] + d * G * H * H,
             .b = b ? b + d * 2 * G * H : NULL,
             .p = p ? p + d * 3 * H : NULL,
             .gate = room,
             .h = room + MAX_GATES * H,
             .c = room + (MAX_GATES + 1) * H,
             .reset = room + (MAX_GATES + 2) * H};
    for (int64_t row = 0; row < r.batch; row++)
      run(&u, in, n->n_in, out, n->n_out, d, row);
  }
  free(room);
}
