/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_move.c - a unit that brings elements into another order: words are written into a memory as they come and read as they are needed.
 *
 * The frame is cut into as many equal groups of beats as possible of which each needs words of its own group alone, all in the same way:
 * rows of a picture that is enlarged or whose sub-pixels are put in place. The memory holds two groups.
 */
#include "stream_build.h"
#include <stdlib.h>

enum { MOST_PORTS = 4 };

typedef struct {
  int in_words, out_beats; /* of a frame */
  int lanes, ports;        /* of the result */
  int *word, *lane;        /* by beat * lanes + lane of the result; -1: 0 */
} Order;

static Order order_of(const Unit *u, int lanes) {
  const Edge *in = u->in[0]->edge, *out = u->out;
  const int per = (out->channels + lanes - 1) / lanes;
  Order o = {in->rows * in->cols * in->beats, out->rows * out->cols * per, lanes, 0, NULL, NULL};
  const size_t n = (size_t)o.out_beats * (size_t)lanes;
  o.word = mem_array(n + 1, sizeof *o.word);
  o.lane = mem_array(n + 1, sizeof *o.lane);
  for (int i = 0; i < o.out_beats; i++) {
    int words[MOST_PORTS + 1] = {0}, seen = 0;
    for (int l = 0; l < lanes; l++) {
      const int c = i % per * lanes + l, at = c < out->channels ? u->from[i / per * out->channels + c] : -1;
      int beat = 0, lane = 0, known = 0;
      if (at >= 0)
        stream_slot(in, at % in->channels, &beat, &lane);
      o.word[i * lanes + l] = at < 0 ? -1 : at / in->channels * in->beats + beat;
      o.lane[i * lanes + l] = lane;
      for (; at >= 0 && known < seen && words[known] != o.word[i * lanes + l];)
        known++;
      if (at >= 0 && known == seen && seen <= MOST_PORTS)
        words[seen++] = o.word[i * lanes + l];
    }
    o.ports = seen > o.ports ? seen : o.ports;
  }
  return o;
}

static bool falls_into(const Order *o, int groups) {
  if (o->in_words % groups || o->out_beats % groups)
    return false;
  const int words = o->in_words / groups, beats = o->out_beats / groups;
  for (int i = 0; i < o->out_beats * o->lanes; i++) {
    const int g = i / (beats * o->lanes), first = o->word[i % (beats * o->lanes)], w = o->word[i];
    if ((w < 0) != (first < 0) || (w >= 0 && (first >= words || w != first + g * words || o->lane[i] != o->lane[i % (beats * o->lanes)])))
      return false;
  }
  return true;
}

void stream_move(Build *b, Unit *u) {
  const int positions = u->out->rows * u->out->cols, channels = u->out->channels;
  int lanes = 1;
  while (lanes < channels && (int64_t)positions * ((channels + lanes - 1) / lanes) > b->interval)
    lanes++;
  Order o = order_of(u, lanes);
  if (o.ports > MOST_PORTS) { /* words of whole positions: one is enough more often */
    stream_one_beat(b, u, u->in[0]);
    o = order_of(u, lanes);
  }
  if (o.ports > MOST_PORTS)
    o = order_of(u, lanes = 1);
  const Edge *in = u->in[0]->edge;
  int groups = 1;
  for (int g = 2; g <= o.out_beats; g++)
    if (falls_into(&o, g))
      groups = g;
  const int steps = o.out_beats / groups, words = o.in_words / groups;
  u->kind = UNIT_FETCH;
  Front *f = &u->front;
  *f = (Front){.rows = groups,
               .row_words = words,
               .slots = words + STREAM_START > steps ? 3 : 2,
               .out_rows = groups,
               .out_cols = 1,
               .row_step = 1,
               .row_span = 1,
               .word_step = words,
               .steps = steps,
               .kernel_rows = 1,
               .row_dilation = 1,
               .kernel_words = 1,
               .word_dilation = 1,
               .tap_words = 1,
               .ports = o.ports > 0 ? o.ports : 1,
               .period = steps,
               .phase = mem_array((size_t)MOST_PORTS + 1, sizeof(int))};
  f->order = mem_array((size_t)f->ports * (size_t)steps + 1, sizeof *f->order);
  int *from = mem_array((size_t)steps * (size_t)lanes + 1, sizeof *from); /* IN number; -1: 0 */
  for (int t = 0; t < steps; t++) {
    int port[MOST_PORTS] = {0}, n = 0;
    for (int l = 0; l < lanes; l++) {
      const int w = o.word[t * lanes + l];
      int p = 0;
      while (w >= 0 && p < n && port[p] != w)
        p++;
      if (w >= 0 && p == n)
        port[n++] = w;
      from[t * lanes + l] = w < 0 ? -1 : p * in->lanes + o.lane[t * lanes + l];
    }
    for (int p = 0; p < f->ports; p++)
      f->order[p * steps + t] = (FetchWord){0, port[p]};
  }
  int step;
  Kernel *k = stream_kernel(b, u, f->ports, true, &step);
  int *out = mem_array((size_t)lanes + 1, sizeof *out), *choice = mem_array((size_t)steps + 1, sizeof *choice);
  int *value = mem_array((size_t)steps + 2, sizeof *value);
  for (int l = 0; l < lanes; l++) {
    int n = 0;
    for (int t = 0; t < steps; t++) {
      const int v = from[t * lanes + l] < 0 ? hir_const(k, 0) : from[t * lanes + l];
      int i = 0;
      while (i < n && value[i] != v)
        i++;
      value[i] = v;
      n += i == n;
      choice[t] = i;
    }
    out[l] = stream_pick(k, step, steps, choice, n, value);
  }
  u->emits = mem_array((size_t)steps, 1);
  memset(u->emits, 1, (size_t)steps);
  stream_beats(u->out, lanes, NULL);
  stream_kernel_done(b, u, k, lanes, out, step + 1);
}
