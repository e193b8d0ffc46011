/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_mac.c - a product whose multipliers are used in several steps, as a kernel with a state.
 *
 *   in each step, each multiplier:   accumulator <- (a new sum ? 0 : accumulator) + operand * weight(step)
 *   at a new sum's first step:       what the accumulator held is kept aside, until it leaves
 *   in some steps:                   `lanes` sums that are kept leave as a beat: the parts of each added up, bias, activation, rounding
 *
 * When a sum is complete, and when it leaves, is known here for every step; nothing is arbitrated in hardware. Sums of one position may
 * leave in the first steps of the next one. Intervals of accumulators are those of their actual partial sums.
 */
#include "stream_build.h"
#include <stdlib.h>

/* A segment's sum is put aside at step `ready`, counted from the position's beginning. */
typedef struct {
  int lane, segment, ready;
} Share;

typedef struct {
  int channel, ready, n_parts;
  Share *part;
} Sum;

/* The beats: `lanes` sums leave at step at[beat], counted from the position's beginning. */
typedef struct {
  int lanes, beats, depth; /* sums that a multiplier keeps aside */
  int *at;
} Leaving;

static int ready_at(const Schedule *s, int lane, int segment) {
  const Lane *l = &s->lane[lane];
  return segment + 1 < l->n ? l->segment[segment + 1].from : s->steps;
}

/* Of the sums that the multiplier has put aside by step t, where this one is: 0, the last. What leaves after the position's end must do so
 * before the next position puts anything aside, as that may not have begun. -1: too late. */
static int place_at(const Schedule *s, const Share *p, int t) {
  const int n = s->lane[p->lane].n;
  if (t >= s->steps)
    return t - s->steps < ready_at(s, p->lane, 0) ? n - 1 - p->segment : -1;
  int place = 0;
  while (p->segment + place + 1 < n && ready_at(s, p->lane, p->segment + place + 1) <= t)
    place++;
  return place;
}

static Sum *sums_of(const Unit *u, const Schedule *s) {
  Sum *sum = mem_array((size_t)u->m + 1, sizeof *sum);
  for (int j = 0; j < u->m; j++)
    sum[j].channel = j;
  for (int m = 0; m < s->n; m++)
    for (int i = 0; i < s->lane[m].n; i++) {
      Sum *t = &sum[s->lane[m].segment[i].channel];
      Share *more = mem_array((size_t)t->n_parts + 1, sizeof *more);
      if (t->n_parts)
        memcpy(more, t->part, (size_t)t->n_parts * sizeof *more);
      more[t->n_parts++] = (Share){m, i, ready_at(s, m, i)};
      t->part = more;
      t->ready = ready_at(s, m, i) > t->ready ? ready_at(s, m, i) : t->ready;
    }
  return sum;
}

static int sooner(const void *a, const void *b) {
  const Sum *p = a, *q = b;
  return p->ready != q->ready ? (p->ready > q->ready) - (p->ready < q->ready) : (p->channel > q->channel) - (p->channel < q->channel);
}

/* Beats one after the other, not before step `start`. */
static bool leaves_from(const Schedule *s, const Sum *sum, int m, int start, Leaving *l) {
  l->beats = (m + l->lanes - 1) / l->lanes;
  for (int b = 0, t = start - 1; b < l->beats; b++) {
    for (int i = b * l->lanes; i < m && i < (b + 1) * l->lanes; i++)
      t = sum[i].ready > t + 1 ? sum[i].ready - 1 : t;
    l->at[b] = ++t;
    for (int i = b * l->lanes; i < m && i < (b + 1) * l->lanes; i++)
      for (int p = 0; p < sum[i].n_parts; p++) {
        const int place = place_at(s, &sum[i].part[p], t);
        if (place < 0 || place >= l->depth)
          return false;
      }
  }
  return l->at[l->beats - 1] < 2 * s->steps;
}

/* The first beat of a position leaves after the last one of the position before, whenever that was. */
static bool leaves(const Schedule *s, const Sum *sum, int m, Leaving *l) {
  for (int start = 0; start < s->steps;) {
    if (!leaves_from(s, sum, m, start, l))
      return false;
    const int late = l->at[l->beats - 1] - s->steps + 1;
    if (late <= l->at[0])
      return true;
    start = late;
  }
  return false;
}

/* The fewest sums a beat, then the fewest that are kept aside. */
static Leaving find_leaving(const Unit *u, const Schedule *s, const Sum *sum) {
  Leaving l = {.at = mem_array((size_t)u->m + 1, sizeof(int))};
  int most = 1;
  for (int m = 0; m < s->n; m++)
    most = s->lane[m].n > most ? s->lane[m].n : most;
  for (l.lanes = (u->m + s->steps - 1) / s->steps; l.lanes <= u->m; l.lanes++)
    for (l.depth = 1; l.depth <= most; l.depth++)
      if (leaves(s, sum, u->m, &l))
        return l;
  l.lanes = 0;
  return l;
}

/* ---- operands ---- */

/* IN number of each operand, or the word and place within it that a port must read. */
typedef struct {
  int word, lane;
} Where;

static Where where(const Unit *u, int operand) {
  const Edge *e = u->in[0]->edge;
  Where w;
  int beat;
  stream_slot(e, operand % u->taps.channels, &beat, &w.lane);
  w.word = operand / u->taps.channels * e->beats + beat;
  return w;
}

/* Reading order: place after place, word after word, so that multipliers that work on different channels of a pixel read the same word. */
static int *reading_order(const Unit *u) {
  const Edge *e = u->in[0]->edge;
  const int taps = u->n / u->taps.channels;
  int *order = mem_array((size_t)u->n + 1, sizeof *order), at = 0;
  for (int l = 0; l < e->lanes; l++)
    for (int t = 0; t < taps; t++)
      for (int b = 0; b < e->beats; b++)
        if (e->channel[b * e->lanes + l] >= 0)
          order[at++] = t * u->taps.channels + e->channel[b * e->lanes + l];
  return order;
}

static FetchWord fetch_word(const Unit *u, int word) {
  const Front *f = &u->front;
  const int B = u->in[0]->edge->beats, tap = word / B;
  return (FetchWord){tap / f->kernel_words * f->row_dilation, tap % f->kernel_words * f->word_dilation + word % B};
}

static bool agree(const int *a, const int *b, int n) {
  for (int i = 0; i < n; i++)
    if (a[i] >= 0 && b[i] >= 0 && a[i] != b[i])
      return false;
  return true;
}

/* Memory ports: words by step, -1 where any will do; which port a multiplier reads. */
static int **find_ports(const Schedule *s, int **words, int *port_of) {
  int n = 0, **port = mem_array((size_t)s->n + 1, sizeof *port);
  for (int m = 0; m < s->n; m++) {
    int p = 0;
    while (p < n && !agree(port[p], words[m], s->steps))
      p++;
    if (p == n) {
      port[n] = mem_array((size_t)s->steps + 1, sizeof **port);
      memset(port[n++], 0xff, (size_t)s->steps * sizeof **port);
    }
    for (int t = 0; t < s->steps; t++)
      if (words[m][t] >= 0)
        port[p][t] = words[m][t];
    port_of[m] = p;
  }
  return port;
}

/* The phase at which a port walks through all words in order, round and round; -1: it does not. */
static int phase_of(const int *word, int steps, int words) {
  int phase = -1;
  for (int t = 0; t < steps; t++) {
    if (word[t] < 0)
      continue;
    if (phase < 0)
      phase = ((word[t] - t) % words + words) % words;
    if ((t + phase) % words != word[t])
      return -1;
  }
  return phase < 0 ? 0 : phase;
}

static void set_ports(Unit *u, int ports, int **port) {
  Front *f = &u->front;
  const int words = u->n / u->taps.channels * u->in[0]->edge->beats;
  bool round = true;
  f->ports = ports;
  f->phase = mem_array((size_t)ports + 1, sizeof *f->phase);
  for (int p = 0; p < ports && round; p++) {
    f->phase[p] = phase_of(port[p], f->steps, words);
    round = f->phase[p] >= 0;
  }
  f->period = round ? words : f->steps;
  f->order = mem_array((size_t)ports * (size_t)f->period + 1, sizeof *f->order);
  for (int p = 0; p < ports; p++) {
    if (!round)
      f->phase[p] = 0;
    for (int i = 0; i < f->period; i++)
      f->order[p * f->period + i] = fetch_word(u, round ? i : port[p][i] < 0 ? 0 : port[p][i]);
  }
}

/* The value a multiplier works on in each step: of the IN elements it needs, one by step. in[t]: IN number, -1: any. */
static int operand_value(Kernel *k, int step, int steps, const int *in) {
  int n = 0, *value = mem_array((size_t)steps + 1, sizeof *value), *choice = mem_array((size_t)steps + 1, sizeof *choice);
  int *place = mem_scratch((size_t)step + 1, sizeof *place);
  for (int t = 0; t < steps; t++) {
    if (in[t] < 0)
      continue;
    if (!place[in[t]]) {
      value[n] = in[t];
      place[in[t]] = ++n;
    }
    choice[t] = place[in[t]] - 1;
  }
  free(place);
  return n ? stream_pick(k, step, steps, choice, n, value) : 0;
}

/* ---- the kernel ---- */

typedef struct {
  const Unit *u;
  const Schedule *s;
  const Leaving *l;
  Kernel *k;
  int step, cap_states;
  int *depth; /* by lane: sums it keeps aside */
  int **kept; /* by lane, by depth: as they are after this step */
} Mac;

static int by_step(Kernel *k, int step, int steps, const int64_t *word, const char *what) {
  return hir_lut(k, step, hir_table(k, mem_printf("%s_%d", what, k->n_tables), steps, word, what));
}

/* Elements of the state, in order; their IN numbers follow those of the ports. */
static int add_state(Mac *mac, const char *name, i128 lo, i128 hi) {
  Kernel *k = mac->k;
  const int W = hir_width_of(lo, hi);
  k->state = mem_grow(k->state, k->n_states, &mac->cap_states, sizeof *k->state);
  k->state[k->n_states++] =
      (HirState){.name = name, .first = k->n_state, .n = 1, .fmt = {W, W, lo < 0}, .init = mem_array(1, sizeof(int64_t))};
  return hir_in(k, k->n_in + k->n_state++, lo, hi);
}

static void next_state(Kernel *k, int value) {
  k->out = mem_grow(k->out, k->n_out, &k->cap_out, sizeof *k->out); /* n_out counts them for the time being */
  k->out[k->n_out++] = value;
}

/* The interval of a lane's accumulator over all its steps. */
static void accumulator_range(const Unit *u, const Lane *l, i128 *lo, i128 *hi) {
  const Format x = u->in[0]->edge->fmt;
  *lo = *hi = 0;
  for (int i = 0; i < l->n; i++) {
    i128 a = 0, b = 0;
    for (int t = l->segment[i].from; t < l->segment[i].to; t++) {
      const i128 w = u->w[(int64_t)l->segment[i].channel * u->n + l->operand[t]];
      a += w * (w > 0 ? format_min(x) : format_max(x));
      b += w * (w > 0 ? format_max(x) : format_min(x));
      *lo = a < *lo ? a : *lo;
      *hi = b > *hi ? b : *hi;
    }
  }
}

static void make_lane(Mac *mac, int m, int x) {
  const Lane *l = &mac->s->lane[m];
  Kernel *k = mac->k;
  const int steps = mac->s->steps;
  int64_t *weight = mem_array((size_t)steps, sizeof *weight), *first = mem_array((size_t)steps, sizeof *first),
          *inner = mem_array((size_t)steps, sizeof *inner);
  for (int i = 0; i < l->n; i++) {
    first[l->segment[i].from] = 1;
    inner[l->segment[i].from] = i > 0;
    for (int t = l->segment[i].from; t < l->segment[i].to; t++)
      weight[t] = mac->u->w[(int64_t)l->segment[i].channel * mac->u->n + l->operand[t]];
  }
  i128 lo, hi;
  accumulator_range(mac->u, l, &lo, &hi);
  const int w = by_step(k, mac->step, steps, weight, "weights"), is_first = by_step(k, mac->step, steps, first, "first");
  const int aside = hir_max(k, by_step(k, mac->step, steps, inner, "aside"), mac->step + 2); /* or the position has just ended */
  const int acc = add_state(mac, mem_printf("acc_%d", m), lo, hi);
  const int sum = hir_add(k, hir_mux(k, is_first, hir_const(k, 0), acc), hir_mul(k, x, w), 0);
  hir_narrow(k, sum, lo, hi);
  next_state(k, sum);
  mac->kept[m] = mem_array((size_t)mac->depth[m] + 1, sizeof(int));
  for (int d = 0, before = acc; d < mac->depth[m]; d++) {
    const int old = add_state(mac, mem_printf("kept_%d_%d", m, d), lo, hi);
    mac->kept[m][d] = hir_mux(k, aside, before, old);
    next_state(k, mac->kept[m][d]);
    before = old;
  }
}

/* What each multiplier has to keep until it leaves. */
static int *depths(const Unit *u, const Schedule *s, const Sum *sum, const Leaving *l) {
  int *depth = mem_array((size_t)s->n + 1, sizeof *depth);
  for (int i = 0; i < u->m; i++)
    for (int p = 0; p < sum[i].n_parts; p++) {
      const int d = place_at(s, &sum[i].part[p], l->at[i / l->lanes]) + 1;
      int *most = &depth[sum[i].part[p].lane];
      *most = d > *most ? d : *most;
    }
  return depth;
}

static int distinct(int *value, int *n, int v) {
  for (int i = 0; i < *n; i++)
    if (value[i] == v)
      return i;
  value[*n] = v;
  return (*n)++;
}

/* Sum number f of the beats: parts, bias. */
static int make_sum(Mac *mac, const Sum *sum, int f, int beat) {
  const Unit *u = mac->u;
  const Leaving *l = mac->l;
  Kernel *k = mac->k;
  int *choice = mem_array((size_t)l->beats, sizeof *choice), *value = mem_array((size_t)l->beats + 1, sizeof *value), terms = 0;
  int64_t *bias = mem_array((size_t)l->beats, sizeof *bias);
  i128 lo = 0, hi = 0;
  for (int b = 0; b < l->beats; b++) {
    const int i = b * l->lanes + f;
    if (i >= u->m)
      continue;
    terms = sum[i].n_parts > terms ? sum[i].n_parts : terms;
    bias[b] = u->bias[sum[i].channel];
    i128 from, to;
    stream_sum_range(u, sum[i].channel, 0, u->n, &from, &to);
    lo = from + bias[b] < lo ? from + bias[b] : lo;
    hi = to + bias[b] > hi ? to + bias[b] : hi;
  }
  int *term = mem_array((size_t)terms + 1, sizeof *term);
  for (int p = 0; p < terms; p++) {
    int n = 0;
    for (int b = 0; b < l->beats; b++) {
      const int i = b * l->lanes + f;
      const bool none = i >= u->m || p >= sum[i].n_parts;
      const Share *part = none ? NULL : &sum[i].part[p];
      choice[b] = distinct(value, &n, none ? hir_const(k, 0) : mac->kept[part->lane][place_at(mac->s, part, l->at[b])]);
    }
    term[p] = l->beats == 1 ? value[0] : stream_pick(k, beat, l->beats, choice, n, value);
  }
  term[terms++] = l->beats == 1 ? hir_const(k, bias[0]) : by_step(k, beat, l->beats, bias, "bias");
  for (; terms > 1; terms = (terms + 1) / 2) /* a balanced tree */
    for (int i = 0; i < (terms + 1) / 2; i++)
      term[i] = 2 * i + 1 < terms ? hir_add(k, term[2 * i], term[2 * i + 1], 0) : term[2 * i];
  hir_narrow(k, term[0], lo, hi);
  return term[0];
}

/* Whether something else than 0 becomes of the sum of nothing, 0, which stands in a beat where there is no channel. */
static bool of_none(const Unit *u) {
  int64_t *x = mem_array((size_t)u->finish_n + 1, sizeof *x), *y = mem_array((size_t)u->finish_n + 1, sizeof *y);
  hir_eval(u->finish, 1, x, y, NULL, NULL, NULL);
  return y[0] != 0;
}

/* What becomes of the sum. Channels that are treated alike share it, others have each their own and the beat chooses. */
static int make_finish(Mac *mac, const Sum *sum, int f, int beat, int total) {
  const Unit *u = mac->u;
  const Leaving *l = mac->l;
  int *arg = mem_array((size_t)u->finish_n + 1, sizeof *arg), *out = mem_array((size_t)u->finish_n + 1, sizeof *out), n = 0;
  int *choice = mem_array((size_t)l->beats, sizeof *choice), *value = mem_array((size_t)l->beats + 1, sizeof *value);
  for (int i = 0; i < u->finish_n; i++)
    arg[i] = total;
  stream_inline(mac->k, u->finish, arg, out);
  for (int b = 0; b < l->beats; b++) {
    const int i = b * l->lanes + f;
    const int v = i < u->m ? out[sum[i].channel % u->finish_n] : of_none(u) ? hir_const(mac->k, 0) : out[0];
    choice[b] = distinct(value, &n, v);
  }
  return l->beats == 1 ? value[0] : stream_pick(mac->k, beat, l->beats, choice, n, value);
}

/* value < limit ? value + 1 : otherwise, which is at most limit. */
static int count_up(Kernel *k, int value, int limit, int below, int otherwise) {
  const int next = hir_mux(k, below, hir_add(k, value, hir_const(k, 1), 0), otherwise);
  hir_narrow(k, next, 0, limit);
  return next;
}

/* Whether a beat leaves with this token, and which. */
static int make_control(Mac *mac, Unit *u, int *beat) {
  Kernel *k = mac->k;
  const int steps = mac->s->steps, beats = mac->l->beats, end = mac->l->at[beats - 1] + 1, flush = end > steps ? end - steps : 0;
  int64_t *now = mem_array((size_t)steps, sizeof *now), *late = mem_array((size_t)flush + 1, sizeof *late);
  bool gaps = false;
  u->front.flush = flush;
  u->emits = mem_array((size_t)steps, 1);
  u->late = mem_array((size_t)flush + 1, 1);
  for (int b = 0; b < beats; b++) {
    const int t = mac->l->at[b];
    if (t < steps)
      now[t] = u->emits[t] = 1;
    else
      late[t - steps] = u->late[t - steps] = 1;
  }
  for (int a = 0; a < flush; a++)
    gaps |= !late[a];
  const int zero = hir_const(k, 0);
  int emit = hir_mux(k, mac->step + 1, by_step(k, mac->step, steps, now, "now"), zero);
  if (flush) { /* tokens since a position's end */
    const int before = add_state(mac, "age", 0, flush), age = hir_mux(k, mac->step + 2, zero, before),
              young = hir_lt(k, age, hir_const(k, flush));
    k->state[k->n_states - 1].init[0] = flush;
    next_state(k, count_up(k, age, flush, young, age));
    emit = hir_max(k, emit, gaps ? by_step(k, age, flush + 1, late, "late") : young);
  }
  *beat = -1;
  if (beats > 1) {
    *beat = add_state(mac, "beat", 0, beats - 1);
    next_state(k, hir_mux(k, emit, count_up(k, *beat, beats - 1, hir_lt(k, *beat, hir_const(k, beats - 1)), zero), *beat));
  }
  return emit;
}

void stream_mac(Build *b, Unit *u) {
  const Edge *e = u->in[0]->edge;
  const bool fetch = u->kind == UNIT_FETCH;
  const Schedule s = stream_schedule(u, u->front.steps, reading_order(u));
  Sum *sum = sums_of(u, &s);
  qsort(sum, (size_t)u->m, sizeof *sum, sooner);
  const Leaving l = find_leaving(u, &s, sum);
  if (!l.lanes) {
    diag_error(EXIT_UNSUPPORTED, u->node, "its sums are complete too close together for a reuse factor of %d; use a larger or smaller one",
               u->reuse);
    return;
  }
  /* what each multiplier reads */
  int **words = mem_array((size_t)s.n + 1, sizeof *words), *port_of = mem_array((size_t)s.n + 1, sizeof *port_of), ports = 0;
  for (int m = 0; m < s.n; m++) {
    words[m] = mem_array((size_t)s.steps + 1, sizeof **words);
    for (int t = 0; t < s.steps; t++)
      words[m][t] = s.lane[m].operand[t] < 0 ? -1 : where(u, s.lane[m].operand[t]).word;
  }
  if (fetch) {
    int **port = find_ports(&s, words, port_of);
    for (int m = 0; m < s.n; m++)
      ports = port_of[m] >= ports ? port_of[m] + 1 : ports;
    set_ports(u, ports, port);
  }
  int step, beat;
  const int window = u->n / u->taps.channels * e->beats;
  Kernel *k = stream_kernel(b, u, fetch ? ports : window, true, &step);
  k->steps = 0;
  k->each_step = true;
  Mac mac = {u, &s, &l, k, step, 0, depths(u, &s, sum, &l), mem_array((size_t)s.n + 1, sizeof(int *))};
  for (int m = 0; m < s.n; m++) {
    int *in = words[m]; /* becomes IN numbers */
    for (int t = 0; t < s.steps; t++)
      if (in[t] >= 0)
        in[t] = (fetch ? port_of[m] : in[t]) * e->lanes + where(u, s.lane[m].operand[t]).lane;
    make_lane(&mac, m, operand_value(k, step, s.steps, in));
  }
  const int emit = make_control(&mac, u, &beat);
  int *out = mem_array((size_t)l.lanes + 1, sizeof *out), *order = mem_array((size_t)u->m + 1, sizeof *order);
  for (int f = 0; f < l.lanes; f++)
    out[f] = make_finish(&mac, sum, f, beat, make_sum(&mac, sum, f, beat));
  for (int i = 0; i < u->m; i++)
    order[i] = sum[i].channel;
  stream_beats(u->out, l.lanes, order);
  stream_kernel_done(b, u, k, l.lanes, out, emit);
}
