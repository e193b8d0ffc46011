/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_time.c - when each beat of a stream passes: all units, cycle by cycle as in the VHDL, without data.
 *
 * Of a unit: its front end (stream_front.c), then the kernel, a shift register of `latency` stages. All of it stands still (but for what a
 * front end writes) while the kernel's output is a beat and a FIFO behind it is full; else the beat goes into all of them at once. A map
 * has no front end: it takes a beat of each input when all have one. FIFOs: nn_stream_fifo. Every decision of a cycle is taken from the
 * state before it.
 */
#include "emit.h"
#include "stream.h"

enum { STUCK = 1 << 17 }; /* cycles without any beat or token, beyond all latencies */

typedef struct {
  int held, pushed, popped;
} Fifo;

typedef struct {
  Unit *u;
  FrontState *front; /* NULL: a map */
  int n_in, n_out;
  int *in, *out; /* links, by number */
  int latency;
  int64_t tick;  /* edges at which it did not stand still */
  int64_t *exit; /* ring: ticks at which a beat is the kernel's output */
  int exit_first, exits;
  int64_t frame_beats, beats;
  int age; /* tokens since a position's last one, of those in which results leave */
} State;

typedef struct {
  Edge *edge;
  int n_out, *out;
  int64_t left;
} Source;

typedef struct {
  int link;
  int64_t frame_beats, beats;
} Sink;

typedef struct {
  Stream *s;
  Fifo *fifo;
  State *unit;
  Source *source;
  Sink *sink;
  int64_t cycle, first; /* first: cycle of the first beat taken; -1: none yet */
  int frames;
  int64_t *done;     /* by frame, cycle of its last beat given */
  int *outputs_done; /* by frame, outputs that have given all of it */
} Run;

static int64_t frame_beats(const Edge *e) {
  return (int64_t)e->rows * e->cols * e->beats;
}

/* ---- building ---- */

static int link_number(const Stream *s, const Link *l) {
  for (int i = 0; i < s->n_links; i++)
    if (s->link[i] == l)
      return i;
  return -1;
}

static int *link_numbers(const Stream *s, Link *const *link, int n) {
  int *number = mem_array((size_t)n + 1, sizeof *number);
  for (int i = 0; i < n; i++)
    number[i] = link_number(s, link[i]);
  return number;
}

static void start_unit(State *x, const Stream *s, Unit *u) {
  *x = (State){.u = u, .n_in = u->n_in, .n_out = u->n_links, .latency = u->k ? vhdl_latency(u->k) : 1};
  x->in = link_numbers(s, u->in, u->n_in);
  x->out = link_numbers(s, u->link, u->n_links);
  x->front = u->kind == UNIT_MAP ? NULL : front_new(u->kind, &u->front);
  x->exit = mem_array((size_t)x->latency + 1, sizeof *x->exit);
  x->frame_beats = frame_beats(u->out);
  x->age = u->front.flush;
  u->first = u->last = -1;
}

static void start(Run *r, Stream *s, int frames) {
  *r = (Run){.s = s, .frames = frames, .first = -1};
  r->fifo = mem_array((size_t)s->n_links + 1, sizeof *r->fifo);
  r->unit = mem_array((size_t)s->n_units + 1, sizeof *r->unit);
  r->source = mem_array((size_t)s->n_in + 1, sizeof *r->source);
  r->sink = mem_array((size_t)s->n_out + 1, sizeof *r->sink);
  r->done = mem_array((size_t)frames + 1, sizeof *r->done);
  r->outputs_done = mem_array((size_t)frames + 1, sizeof *r->outputs_done);
  for (int i = 0; i < s->n_units; i++)
    start_unit(&r->unit[i], s, s->unit[i]);
  for (int i = 0; i < s->n_in; i++) {
    Source *x = &r->source[i];
    *x = (Source){s->in[i], 0, mem_array((size_t)s->n_links + 1, sizeof *x->out), frame_beats(s->in[i]) * frames};
    for (int l = 0; l < s->n_links; l++)
      if (s->link[l]->edge == s->in[i])
        x->out[x->n_out++] = l;
  }
  for (int i = 0; i < s->n_out; i++)
    r->sink[i] = (Sink){link_number(s, s->out[i]), frame_beats(s->out[i]->edge), 0};
  for (int i = 0; i < s->n_links; i++)
    s->link[i]->most_held = 0;
}

/* ---- one cycle ---- */

static bool all_ready(const Run *r, const int *link, int n) {
  for (int i = 0; i < n; i++) {
    int depth = r->s->link[link[i]]->depth;
    if (depth && r->fifo[link[i]].held >= depth)
      return false;
  }
  return true;
}

static bool all_valid(const Run *r, const State *x) {
  for (int i = 0; i < x->n_in; i++)
    if (!r->fifo[x->in[i]].held)
      return false;
  return true;
}

static void push_all(Run *r, const int *link, int n) {
  for (int i = 0; i < n; i++)
    r->fifo[link[i]].pushed = 1;
}

static bool emits(State *x, FrontToken t) {
  const Unit *u = x->u;
  if (!t.valid)
    return false;
  x->age = t.last ? 0 : x->age < u->front.flush ? x->age + 1 : x->age;
  return (t.live && (!u->emits || u->emits[t.step])) || (u->late && x->age < u->front.flush && u->late[x->age]);
}

static void note_beat(const Run *r, State *x) {
  if (x->beats == 0)
    x->u->first = r->cycle - r->first;
  if (++x->beats == x->frame_beats)
    x->u->last = r->cycle - r->first;
}

/* False when it does nothing at all in this cycle, and would not in the next either if nothing around it changes. */
static bool clock_unit(Run *r, State *x) {
  bool beat = x->exits && x->exit[x->exit_first] == x->tick, push = beat && all_ready(r, x->out, x->n_out), ce = !beat || push;
  bool active = push || (ce && x->exits);
  if (push) {
    push_all(r, x->out, x->n_out);
    note_beat(r, x);
    x->exit_first = x->exit_first == x->latency ? 0 : x->exit_first + 1;
    x->exits--;
  }
  FrontToken t = {0};
  bool takes = all_valid(r, x) && (x->front ? front_ready(x->front) : ce);
  if (x->front) {
    t = front_token(x->front);
    active = active || takes || (ce && t.valid);
    front_clock(x->front, takes, ce);
  } else {
    t = (FrontToken){takes, takes, false, 0};
    active = active || takes;
  }
  for (int i = 0; takes && i < x->n_in; i++)
    r->fifo[x->in[i]].popped = 1;
  if (ce && emits(x, t)) {
    int at = x->exit_first + x->exits++;
    x->exit[at > x->latency ? at - x->latency - 1 : at] = x->tick + x->latency;
  }
  x->tick += ce;
  return active;
}

static bool clock_source(Run *r, Source *x) {
  if (!x->left || !all_ready(r, x->out, x->n_out))
    return false;
  if (r->first < 0)
    r->first = r->cycle;
  push_all(r, x->out, x->n_out);
  x->left--;
  return true;
}

static bool clock_sink(Run *r, Sink *x) {
  if (!r->fifo[x->link].held)
    return false;
  r->fifo[x->link].popped = 1;
  if (++x->beats % x->frame_beats == 0) {
    int frame = (int)(x->beats / x->frame_beats) - 1;
    if (frame < r->frames) {
      r->done[frame] = r->cycle;
      r->outputs_done[frame]++;
    }
  }
  return true;
}

static bool clock_all(Run *r) {
  Stream *s = r->s;
  bool active = false;
  for (int i = 0; i < s->n_in; i++)
    active |= clock_source(r, &r->source[i]);
  for (int i = 0; i < s->n_units; i++)
    active |= clock_unit(r, &r->unit[i]);
  for (int i = 0; i < s->n_out; i++)
    active |= clock_sink(r, &r->sink[i]);
  for (int i = 0; i < s->n_links; i++) {
    Fifo *f = &r->fifo[i];
    f->held += f->pushed - f->popped;
    f->pushed = f->popped = 0;
    if (f->held > s->link[i]->most_held)
      s->link[i]->most_held = f->held;
  }
  r->cycle++;
  return active;
}

/* ---- results ---- */

/* A front end alone: as many beats as it takes, no stall. */
static int64_t front_interval(const Unit *u) {
  enum { FRAMES = 4 };
  const Front *f = &u->front;
  FrontState *s = front_new(u->kind, f);
  int64_t positions = (int64_t)f->out_rows * f->out_cols, done = 0, last[FRAMES] = {0};
  for (int64_t cycle = 0; done < FRAMES * positions; cycle++) {
    FrontToken t = front_token(s);
    front_clock(s, true, true);
    if (t.valid && t.live && t.step == f->steps - 1 && ++done % positions == 0)
      last[done / positions - 1] = cycle;
  }
  return last[FRAMES - 1] - last[FRAMES - 2];
}

int64_t stream_unit_interval(const Unit *u) {
  return u->kind == UNIT_MAP ? frame_beats(u->out) : front_interval(u);
}

bool stream_time(Stream *s, int frames) {
  Run r;
  start(&r, s, frames);
  int64_t patience = STUCK;
  for (int i = 0; i < s->n_units; i++)
    patience += r.unit[i].latency;
  s->latency = s->interval = -1;
  for (int64_t idle = 0; r.outputs_done[frames - 1] < s->n_out; idle++) {
    if (clock_all(&r))
      idle = 0;
    if (idle > patience)
      return false;
  }
  s->latency = r.done[0] - r.first;
  if (frames > 1) {
    s->interval = r.done[frames - 1] - r.done[frames - 2]; /* as the benches measure it */
  }
  for (int i = 0; i < s->n_units; i++) {
    Unit *u = s->unit[i];
    u->interval = stream_unit_interval(u);
  }
  return true;
}
