/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_steps.c - the products of one position dealt out to multipliers and steps: ceil(products / steps) multipliers, none of them idle
 * but at the end, weights that are 0 left out.
 *
 * A channel's products stay with one multiplier where they fit into its steps; what does not fit is split over the steps that are left.
 * Where all channels have all products, every multiplier walks through the operands in one and the same order, round and round, so that one
 * memory port (or a few, at other phases) serves all: a multiplier whose last piece begins at operand a begins its whole channels there,
 * too.
 */
#include "stream_build.h"
#include <stdlib.h>

/* Operands of a channel, in reading order. */
typedef struct {
  int n;
  int *operand;
} List;

static List list_of(const Unit *u, int channel, const int *order) {
  List l = {0, mem_array((size_t)u->n + 1, sizeof(int))};
  for (int i = 0; i < u->n; i++)
    if (!u->skips || u->w[(int64_t)channel * u->n + order[i]])
      l.operand[l.n++] = order[i];
  return l;
}

static int load(const Lane *l) {
  return l->n ? l->segment[l->n - 1].to : 0;
}

static void append(Lane *l, int channel, int count) {
  l->segment = mem_grow(l->segment, l->n, &l->cap, sizeof *l->segment);
  l->segment[l->n] = (Segment){channel, load(l), load(l) + count};
  l->n++;
}

/* A piece of a channel's list. */
typedef struct {
  int channel, from, to;
} Piece;

typedef struct {
  int n, cap;
  Piece *piece; /* by segment of the lane */
} Pieces;

static void add_piece(Lane *l, Pieces *p, int channel, int from, int to) {
  append(l, channel, to - from);
  p->piece = mem_grow(p->piece, p->n, &p->cap, sizeof *p->piece);
  p->piece[p->n++] = (Piece){channel, from, to};
}

/* Whole channels begin where the lane's first split piece does. */
static void fill(Lane *l, const Pieces *p, const List *list, int period) {
  int phase = 0;
  for (int i = p->n - 1; i >= 0; i--)
    if (p->piece[i].to - p->piece[i].from < list[p->piece[i].channel].n)
      phase = p->piece[i].from;
  for (int i = 0; i < p->n; i++) {
    const Piece *q = &p->piece[i];
    const List *of = &list[q->channel];
    const bool whole = q->to - q->from == of->n && of->n == period;
    for (int t = 0; t < q->to - q->from; t++)
      l->operand[l->segment[i].from + t] = of->operand[whole ? (phase + t) % period : q->from + t];
  }
}

Schedule stream_schedule(const Unit *u, int steps, const int *order) {
  Schedule s = {steps, u->multipliers, mem_array((size_t)u->multipliers + 1, sizeof(Lane))};
  List *list = mem_array((size_t)u->m + 1, sizeof *list);
  Pieces *pieces = mem_array((size_t)s.n + 1, sizeof *pieces);
  Piece *left = mem_array((size_t)u->m + 1, sizeof *left);
  int next = 0, n_left = 0;
  for (int i = 0; i < s.n; i++) {
    s.lane[i].operand = mem_array((size_t)steps + 1, sizeof(int));
    for (int t = 0; t < steps; t++)
      s.lane[i].operand[t] = -1;
  }
  for (int j = 0; j < u->m; j++)
    list[j] = list_of(u, j, order);
  /* multipliers that one channel keeps busy */
  for (int j = 0; j < u->m; j++) {
    int from = 0;
    for (; list[j].n - from >= steps; from += steps, next++)
      add_piece(&s.lane[next], &pieces[next], j, from, from + steps);
    left[n_left] = (Piece){j, from, list[j].n};
    n_left += from < list[j].n;
  }
  /* the rest in one piece, with the multiplier that has done least */
  int still = 0;
  for (int i = 0; i < n_left; i++) {
    int best = -1;
    for (int m = next; m < s.n; m++)
      if (load(&s.lane[m]) + left[i].to - left[i].from <= steps && (best < 0 || load(&s.lane[m]) < load(&s.lane[best])))
        best = m;
    if (best >= 0)
      add_piece(&s.lane[best], &pieces[best], left[i].channel, left[i].from, left[i].to);
    else
      left[still++] = left[i];
  }
  /* and what is left over in pieces */
  for (int i = 0, m = next; i < still;) {
    const int space = steps - load(&s.lane[m]), want = left[i].to - left[i].from, take = want < space ? want : space;
    if (take > 0) {
      add_piece(&s.lane[m], &pieces[m], left[i].channel, left[i].from, left[i].from + take);
      left[i].from += take;
    }
    i += left[i].from == left[i].to;
    m += load(&s.lane[m]) == steps;
  }
  for (int m = 0; m < s.n; m++)
    fill(&s.lane[m], &pieces[m], list, u->n);
  return s;
}
