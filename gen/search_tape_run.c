/* SPDX-License-Identifier: Apache-2.0
 *
 * search_tape_run.c - runs a tape forwards and backwards, and counts what its hardware costs. Formats, tables and sums are those of the
 * hardware, bit for bit but for operators that the tape does not know (TAPE_ANY).
 */
#include "search_tape.h"
#include "rdo.h"
#include <math.h>
#include <stdlib.h>

static double *at(const Tape *t, int slot) {
  return t->value + (size_t)slot * TAPE_BLOCK;
}

/* Rounds down; |x| < 2^51. */
static inline double round_down(double x) {
  const double big = 6755399441055744.0; /* 1.5 * 2^52: what is added to it loses its places */
  double r = (x + big) - big;
  return r > x ? r - 1 : r;
}

static void apply(const Node *node, const double *x, double *y) {
  enum { MOST = 8 };
  const double *in[MOST] = {x};
  for (int k = 1; k < node->n_in && k < MOST; k++)
    in[k] = node->in[k] ? node->in[k]->value : NULL;
  op_info[node->op].eval(node, in, (double *[]){y});
}

/* ---- forwards ---- */

static void to_group(const Tape *t, const TapeGroup *g, int slot) {
  double *v = at(t, slot), up = ldexp(1, g->fmt.W - g->fmt.I), down = ldexp(1, g->fmt.I - g->fmt.W), half = t->half;
  if (g->fmt.W == 0) {
    memset(v, 0, TAPE_BLOCK * 8);
    return;
  }
  double lo = (double)format_min(g->fmt), hi = (double)format_max(g->fmt);
  for (int r = 0; r < TAPE_BLOCK; r++) {
    double x = v[r] * up + half;
    x = x < lo ? lo : x;
    x = x > hi + 0.5 ? hi + 0.5 : x;
    v[r] = round_down(x) * down;
  }
}

static void cut_input(const Tape *t, const TapeGroup *g, int slot, int n) {
  double *v = at(t, slot), up = ldexp(1, g->fmt.W - g->fmt.I), down = ldexp(1, g->fmt.I - g->fmt.W);
  for (int r = 0; r < n; r++)
    v[r] = g->fmt.W ? floor(to_format(v[r], g->port) * up) * down : 0;
}

/* Blocks have one length, and do not overlap: so that compilers use their vectors. */
static void add_times(double *restrict y, double w, const double *restrict x) {
  for (int r = 0; r < TAPE_BLOCK; r++)
    y[r] += w * x[r];
}

static void multiply(double *restrict y, const double *a, const double *b) {
  for (int r = 0; r < TAPE_BLOCK; r++)
    y[r] = a[r] * b[r];
}

static void run_dot(const Tape *t, const TapeInstr *i, bool quantized) {
  double *y = at(t, i->out), bias = 0;
  if (i->bias >= 0) {
    const TapeParam *p = &t->param[i->bias];
    bias = (quantized ? p->q * p->step : p->value) * (i->negative ? -1 : 1);
  }
  for (int r = 0; r < TAPE_BLOCK; r++)
    y[r] = bias;
  for (int k = i->first; k < i->first + i->n; k++) {
    const TapeParam *p = &t->param[t->term[k].param];
    const double *x = at(t, t->term[k].slot), w = quantized ? p->q * p->step : p->value;
    if (w != 0)
      add_times(y, w, x);
  }
}

static void run_function(Tape *t, const TapeInstr *i, bool quantized) {
  double *y = at(t, i->out), *x = at(t, i->a);
  if (!quantized || i->table < 0) {
    apply(i->node, x, y);
    return;
  }
  const TapeGroup *g = &t->group[i->group];
  const TapeWords *words = g->fmt.W ? tape_words(t, g) : NULL;
  if (!words || !words->word) {
    memset(y, 0, TAPE_BLOCK * 8);
    return;
  }
  double a[TAPE_BLOCK], up = ldexp(1, g->shape.places), half = g->shape.low ? 0 : t->half, from = (double)words->from,
                        to = (double)words->to;
  for (int r = 0; r < TAPE_BLOCK; r++) {
    double q = x[r] * up + half;
    q = q < from ? from : q;
    a[r] = round_down(q > to ? to : q) - from;
  }
  for (int r = 0; r < TAPE_BLOCK; r++)
    y[r] = words->word[(int)a[r]];
}

static void run_any(const Tape *t, const TapeInstr *i, int n, bool quantized) {
  const Node *node = i->node;
  const double **in = mem_scratch((size_t)node->n_in, sizeof *in);
  double **out = mem_scratch((size_t)node->n_out, sizeof *out), *room;
  size_t total = 1;
  for (int k = 0; k < node->n_in; k++)
    total += node->in[k] ? count(node->in[k]) : 0;
  for (int k = 0; k < node->n_out; k++)
    total += node->out[k] ? count(node->out[k]) : 0;
  room = mem_scratch(total, 8);
  for (int r = 0; r < n; r++) {
    const TapeTerm *slot = t->term + i->first;
    double *free_room = room;
    for (int k = 0; k < node->n_in; k++) {
      in[k] = node->in[k] ? node->in[k]->value ? node->in[k]->value : free_room : NULL;
      for (size_t e = 0; node->in[k] && !node->in[k]->value && e < count(node->in[k]); e++, slot++)
        *free_room++ = at(t, slot->slot)[r];
    }
    for (int k = 0; k < node->n_out; k++) {
      out[k] = node->out[k] ? free_room : NULL;
      free_room += node->out[k] ? count(node->out[k]) : 0;
    }
    op_info[node->op].eval(node, in, out);
    for (int k = 0; k < node->n_out; k++)
      for (size_t e = 0; node->out[k] && e < count(node->out[k]); e++, slot++)
        at(t, slot->slot)[r] = out[k][e];
  }
  const TapeTerm *slot = t->term + i->first + i->n;
  for (int k = 0; k < node->n_out; k++)
    for (size_t e = 0; node->out[k] && e < count(node->out[k]); e++, slot++)
      if (quantized && slot->param >= 0)
        to_group(t, &t->group[slot->param], slot->slot);
  free(in), free(out), free(room);
}

void tape_run(Tape *t, const double *rows, int n, bool quantized) {
  for (int e = 0; e < t->n_in; e++) {
    double *v = at(t, t->in[e]);
    for (int r = 0; r < n; r++)
      v[r] = rows[(size_t)r * (size_t)t->n_in + (size_t)e];
    if (quantized && t->in_group[e] >= 0)
      cut_input(t, &t->group[t->in_group[e]], t->in[e], n);
  }
  for (int k = 0; k < t->n_instr; k++) {
    const TapeInstr *i = &t->instr[k];
    switch (i->op) {
    case TAPE_DOT:
      run_dot(t, i, quantized);
      break;
    case TAPE_MUL:
      multiply(at(t, i->out), at(t, i->a), at(t, i->b));
      break;
    case TAPE_FN:
      run_function(t, i, quantized);
      break;
    case TAPE_ANY:
      run_any(t, i, n, quantized);
      break;
    }
    if (quantized && i->group >= 0 && (i->op != TAPE_FN || i->table < 0))
      to_group(t, &t->group[i->group], i->out);
  }
}

void tape_ranges(Tape *t, int n) {
  for (int s = 0; s < t->n_slots; s++)
    for (int r = 0; r < n; r++) {
      float v = (float)at(t, s)[r];
      t->lo[s] = v < t->lo[s] ? v : t->lo[s], t->hi[s] = v > t->hi[s] ? v : t->hi[s];
    }
  for (int k = 0; k < t->n_instr; k++)
    if (t->instr[k].group >= 0 && t->instr[k].out >= 0) {
      TapeGroup *g = &t->group[t->instr[k].group];
      g->lo = fmin(g->lo, (double)t->lo[t->instr[k].out]), g->hi = fmax(g->hi, (double)t->hi[t->instr[k].out]);
    }
}

/* ---- backwards ---- */

static double *slope_at(const Tape *t, int slot) {
  return t->slope + (size_t)slot * TAPE_BLOCK;
}

static void back_dot(Tape *t, const TapeInstr *i, int n, const int *column, double *jacobian) {
  const double *dy = slope_at(t, i->out);
  if (i->bias >= 0 && column[i->bias] >= 0)
    for (int r = 0; r < n; r++)
      jacobian[(size_t)r * (size_t)t->n_searched + (size_t)column[i->bias]] += i->negative ? -dy[r] : dy[r];
  for (int k = i->first; k < i->first + i->n; k++) {
    TapeTerm term = t->term[k];
    const TapeParam *p = &t->param[term.param];
    double *dx = slope_at(t, term.slot), w = p->q * p->step;
    const double *x = at(t, term.slot);
    add_times(dx, w, dy);
    for (int r = 0; column[term.param] >= 0 && r < n; r++)
      jacobian[(size_t)r * (size_t)t->n_searched + (size_t)column[term.param]] += x[r] * dy[r];
  }
}

static void back_function(Tape *t, const TapeInstr *i, int n) {
  const double *x = at(t, i->a), *dy = slope_at(t, i->out), by = 0x1p-10;
  double *dx = slope_at(t, i->a), above[TAPE_BLOCK] = {0}, below[TAPE_BLOCK] = {0}, up[TAPE_BLOCK], down[TAPE_BLOCK];
  for (int r = 0; r < n; r++)
    above[r] = x[r] + by, below[r] = x[r] - by;
  apply(i->node, above, up), apply(i->node, below, down);
  for (int r = 0; r < n; r++)
    dx[r] += dy[r] * (up[r] - down[r]) / (2 * by);
}

/* By small steps of each input. */
static void back_any(Tape *t, const TapeInstr *i, int n) {
  int outs = 0;
  for (int k = 0; k < i->node->n_out; k++)
    outs += i->node->out[k] ? (int)count(i->node->out[k]) : 0;
  const double by = 0x1p-10;
  const TapeTerm *in = t->term + i->first, *out = in + i->n;
  double *kept = mem_scratch((size_t)outs * TAPE_BLOCK, 8), *up = mem_scratch((size_t)outs * TAPE_BLOCK, 8);
  for (int k = 0; k < outs; k++)
    memcpy(kept + k * TAPE_BLOCK, at(t, out[k].slot), TAPE_BLOCK * 8);
  for (int j = 0; j < i->n; j++) {
    double *x = at(t, in[j].slot), *dx = slope_at(t, in[j].slot);
    for (int side = 1; side >= -1; side -= 2) {
      for (int r = 0; r < n; r++)
        x[r] += side * by;
      run_any(t, i, n, false);
      for (int r = 0; r < n; r++)
        x[r] -= side * by;
      for (int k = 0; k < outs; k++)
        for (int r = 0; r < n; r++)
          if (side > 0)
            up[k * TAPE_BLOCK + r] = at(t, out[k].slot)[r];
          else
            dx[r] += slope_at(t, out[k].slot)[r] * (up[k * TAPE_BLOCK + r] - at(t, out[k].slot)[r]) / (2 * by);
    }
  }
  for (int k = 0; k < outs; k++)
    memcpy(at(t, out[k].slot), kept + k * TAPE_BLOCK, TAPE_BLOCK * 8);
  free(kept), free(up);
}

/* Where the format limits a result, nothing before it counts. */
static void stop_limited(const Tape *t, int slot, int group, int n) {
  if (group < 0)
    return;
  Format f = t->group[group].fmt;
  double lo = f.W ? ldexp((double)format_min(f), f.I - f.W) : 0, hi = f.W ? ldexp((double)format_max(f), f.I - f.W) : 0;
  for (int r = 0; r < n; r++)
    if (at(t, slot)[r] <= lo || at(t, slot)[r] >= hi)
      slope_at(t, slot)[r] = 0;
}

void tape_slopes(Tape *t, int n, const double *weight, double *jacobian) {
  int *column = mem_scratch((size_t)t->n_params, sizeof *column);
  for (int i = 0; i < t->n_params; i++)
    column[i] = -1;
  for (int i = 0; i < t->n_searched; i++)
    column[t->searched[i]] = i;
  memset(t->slope, 0, (size_t)t->n_slots * TAPE_BLOCK * 8);
  memset(jacobian, 0, (size_t)n * (size_t)t->n_searched * 8);
  for (int c = 0; c < t->n_y; c++)
    for (int r = 0; r < n; r++)
      slope_at(t, t->y[c])[r] += weight[c * TAPE_BLOCK + r];
  for (int k = t->n_instr - 1; k >= 0; k--) {
    const TapeInstr *i = &t->instr[k];
    if (i->op == TAPE_DOT || i->op == TAPE_MUL)
      stop_limited(t, i->out, i->group, n);
    switch (i->op) {
    case TAPE_DOT:
      back_dot(t, i, n, column, jacobian);
      break;
    case TAPE_MUL:
      for (int r = 0; r < n; r++) {
        double d = slope_at(t, i->out)[r], a = at(t, i->a)[r], b = at(t, i->b)[r];
        slope_at(t, i->a)[r] += d * b, slope_at(t, i->b)[r] += d * a;
      }
      break;
    case TAPE_FN:
      back_function(t, i, n);
      break;
    case TAPE_ANY:
      back_any(t, i, n);
      break;
    }
  }
  free(column);
}
