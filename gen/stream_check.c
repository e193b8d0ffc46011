/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_check.c - the hardware of every unit against its meaning, without cycles: what its front end gives by definition (stream.h), token
 * by token, through its kernel. The meaning's values are on both sides of a unit, so that a fault stays where it is.
 *
 * Frames are back to back, with idle tokens here and there as slow beats would have it: sums leave late, in the tokens of the next
 * position. Of a large network a share of the positions, the same in every run.
 */
#include "stream_build.h"
#include <stdlib.h>

enum {
  FRAMES = 3,              /* two of the data, then one over the whole range of the inputs */
  MOST_ELEMENTS = 1000000, /* of all edges: beyond that one frame is enough */
  WORK = 4000000,          /* values of kernels: 10 ms or so; more of them where there are many samples to compare anyhow, */
  MOST_WORK = 64000000,    /* but not above that */
  LOOP = 8,                /* one that waits for the token before it costs so many of those that go together */
  TOKENS = 1 << 19,        /* elements of tokens that are kept together; a state starts anew behind them */
  MOST_TOKENS = 1 << 26    /* of one position: a unit with more is left out */
};

typedef struct {
  int position, age; /* of all frames, one after the other; tokens since the last position's end */
  int step;
  bool live, emits; /* emits: by the plan */
} Token;

typedef struct {
  const Unit *u;
  StreamEval *const *eval; /* by frame */
  const int64_t *in[FRAMES], *out[FRAMES];
  int words, positions, beats; /* of a token; of a frame; of a position */
  bool stepped;
  uint64_t dice;

  Token *token;
  int64_t *data; /* n_in elements a token */
  size_t n, room;
  int *position; /* those that are to leave, in order */
  size_t n_positions;
} Check;

static uint32_t draw(uint64_t *dice) {
  *dice = *dice * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(*dice >> 33);
}

/* ---- what a difference is ---- */

static void differs(const Unit *u, const char *what) {
  diag_error(
      EXIT_MISMATCH, u->node,
      "internal error: unit '%s': %s; the hardware would be wrong: please report it as a bug of nngen, with the model and the options",
      u->name, what);
}

static bool holds(const Check *c, bool is, const char *what) {
  if (!is)
    differs(c->u, what);
  return is;
}

/* ---- tokens ---- */

static void beat(const Edge *e, const int64_t *frame, int number, int64_t *to) {
  const int64_t *at = frame + (size_t)(number / e->beats) * (size_t)e->channels;
  const int *channel = e->channel + number % e->beats * e->lanes;
  for (int l = 0; l < e->lanes; l++)
    to[l] = channel[l] < 0 ? 0 : at[channel[l]];
}

static void word(const Check *c, const int64_t *frame, int row, int at, int64_t *to) {
  const Front *f = &c->u->front;
  const Edge *e = c->u->in[0]->edge;
  if (row >= 0 && row < f->rows && at >= 0 && at < f->row_words)
    beat(e, frame, row * f->row_words + at, to);
  else
    for (int l = 0; l < e->lanes; l++)
      to[l] = f->pad;
}

/* What a front end gives to its kernel at a step of a position. */
static void operands(const Check *c, int frame, int position, int step, int64_t *to) {
  const Unit *u = c->u;
  const Front *f = &u->front;
  const int lanes = u->in[0]->edge->lanes;
  if (u->kind == UNIT_MAP) {
    for (int i = 0; i < u->n_in; to += u->in[i++]->edge->lanes)
      beat(u->in[i]->edge, stream_eval_edge(c->eval[frame], u->in[i]->edge), position, to);
    return;
  }
  const int row = f->row_first + position / f->out_cols * f->row_step, first = f->word_first + position % f->out_cols * f->word_step;
  for (int p = 0; u->kind == UNIT_FETCH && p < f->ports; p++) {
    const FetchWord w = f->order[p * f->period + (step + f->phase[p]) % f->period];
    word(c, c->in[frame], row + w.row, first + w.word, to + p * lanes);
  }
  for (int i = 0; u->kind == UNIT_WINDOW && i < c->words; i++) {
    const int b = i % f->tap_words, x = i / f->tap_words % f->kernel_words, y = i / f->tap_words / f->kernel_words;
    word(c, c->in[frame], row + y * f->row_dilation, first + x * f->word_dilation + b, to + i * lanes);
  }
}

static int64_t *add_token(Check *c, int position, int step, bool live) {
  const Unit *u = c->u;
  const Token *before = c->n ? &c->token[c->n - 1] : NULL;
  const bool last = before && before->live && before->step == u->front.steps - 1;
  Token t = {.position = position, .step = step, .live = live, .age = u->front.flush};
  if (before)
    t.age = last ? 0 : before->age < u->front.flush ? before->age + 1 : before->age;
  t.emits = live && (!u->emits || u->emits[step]);
  if (t.age < u->front.flush)
    t.emits |= u->late && u->late[t.age];
  int64_t *to = c->data + c->n * (size_t)u->k->n_in;
  if (c->stepped) {
    int64_t *control = to + u->k->n_in - 3;
    control[0] = step, control[1] = live, control[2] = last;
  }
  c->token[c->n++] = t;
  return to;
}

static void add_position(Check *c, int at) {
  const Unit *u = c->u;
  const int steps = c->stepped ? u->front.steps : 1;
  const int64_t *first = NULL;
  for (int step = 0; step < steps; step++) {
    int64_t *to = add_token(c, at, step, true);
    if (first && u->kind == UNIT_WINDOW)
      memcpy(to, first, (size_t)(u->k->n_in - 3) * sizeof *to);
    else
      operands(c, at / c->positions, at % c->positions, step, to);
    first = to;
  }
  c->position[c->n_positions++] = at;
}

/* Their words may be any. */
static void add_idle(Check *c, int at, int n) {
  for (int i = 0; i < n; i++) {
    int64_t *to = add_token(c, at, 0, false);
    const Format f = c->u->in[0]->edge->fmt;
    for (int j = 0; j < c->u->k->n_in - 3; j++)
      to[j] = draw(&c->dice) & 1 ? format_min(f) : format_max(f);
  }
}

/* ---- a kernel on them ---- */

static const char *place(const Check *c, int at, const char *what, int number) {
  return mem_printf("frame %d, position %d, %s %d", at / c->positions, at % c->positions, what, number);
}

/* Beat b of position `at`. */
static bool same_beat(const Check *c, int at, int b, const int64_t *got) {
  const Edge *e = c->u->out;
  const int number = at % c->positions * c->beats + b;
  const int *channel = e->channel + number % e->beats * e->lanes;
  const int64_t *want = c->out[at / c->positions] + (size_t)(number / e->beats) * (size_t)e->channels;
  for (int l = 0; l < e->lanes; l++)
    if (got[l] != (channel[l] < 0 ? 0 : want[channel[l]])) {
      const int place_in_frame = number / e->beats * e->channels + channel[l];
      differs(c->u, mem_printf("frame %d, position %d, %s: its kernel gives %lld, it means %lld", at / c->positions, number / e->beats,
                               channel[l] < 0 ? mem_printf("unused lane %d of beat %d", l, number % e->beats)
                                              : mem_printf("channel %d (element %d)", channel[l], e->element[place_in_frame]),
                               (long long)got[l], (long long)(channel[l] < 0 ? 0 : want[channel[l]])));
      return false;
    }
  return true;
}

/* What was put together since the last time. */
static bool run(Check *c) {
  const Unit *u = c->u;
  const int n_out = u->k->n_out, lanes = u->out->lanes;
  const size_t due = c->n_positions * (size_t)c->beats;
  size_t beats = 0;
  bool good = true;
  int64_t *out = mem_scratch(c->n * (size_t)n_out + 1, sizeof *out);
  uint8_t *left = mem_scratch(c->n + 1, sizeof *left); /* sums between two positions are of both */
  hir_eval_tokens(u->k, c->n, c->data, out, left);
  for (size_t i = 0; i < c->n && good; i++) {
    const Token *t = &c->token[i];
    const int64_t *got = out + i * (size_t)n_out;
    if (c->stepped && got[lanes] != t->emits) {
      differs(u, mem_printf("%s: its kernel gives %s beat where the plan has %s",
                            place(c, t->position, t->live ? "step" : "idle token", t->live ? t->step : t->age), got[lanes] ? "a" : "no",
                            t->emits ? "one" : "none"));
      good = false;
    } else if (t->emits && left[i]) {
      differs(u, mem_printf("%s: a value left its proved interval", place(c, t->position, "step", t->step)));
      good = false;
    } else if (t->emits && beats == due) {
      differs(u, mem_printf("%s: one beat too many", place(c, t->position, "step", t->step)));
      good = false;
    } else if (t->emits) {
      good = same_beat(c, c->position[beats / (size_t)c->beats], (int)(beats % (size_t)c->beats), got);
      beats++;
    }
  }
  free(out);
  free(left);
  if (good && beats < due) {
    differs(u, mem_printf("%s: it never leaves", place(c, c->position[beats / (size_t)c->beats], "beat", (int)(beats % (size_t)c->beats))));
    good = false;
  }
  c->n = c->n_positions = 0;
  return good;
}

/* ---- a unit ---- */

/* The shapes: all rows that a position reads are kept together, and words, elements and beats add up. */
static bool begin(Check *c, const Unit *u, StreamEval *const *eval, int frames) {
  const Front *f = &u->front;
  const Edge *in = u->in[0]->edge, *out = u->out;
  const int in_beats = in->rows * in->cols * in->beats, out_beats = out->rows * out->cols * out->beats;
  *c = (Check){.u = u, .eval = eval, .words = 1, .positions = in_beats, .dice = 1};
  for (int i = 0; i < frames; i++) {
    c->in[i] = stream_eval_edge(eval[i], in);
    c->out[i] = stream_eval_edge(eval[i], out);
  }
  int elements = 0;
  if (u->kind == UNIT_MAP) {
    for (int i = 0; i < u->n_in; i++) {
      const Edge *e = u->in[i]->edge;
      elements += e->lanes;
      if (!holds(c, e->rows * e->cols * e->beats == in_beats, "its inputs differ in beats"))
        return false;
    }
  } else {
    c->stepped = u->kind == UNIT_FETCH || f->steps > 1;
    c->positions = f->out_rows * f->out_cols;
    c->words = u->kind == UNIT_FETCH ? f->ports : f->kernel_rows * f->kernel_words * f->tap_words;
    elements = c->words * in->lanes + (c->stepped ? 3 : 0);
    if (!holds(c, f->rows * f->row_words == in_beats, "its front end sees another frame than there is"))
      return false;
    for (int i = 0; u->kind == UNIT_FETCH && i < f->ports * f->period; i++)
      if (!holds(c, f->order[i].row >= 0 && f->order[i].row < f->row_span && f->order[i].word >= 0, "a port reads a row that is not kept"))
        return false;
  }
  c->beats = c->positions > 0 ? out_beats / c->positions : 0;
  return holds(c, u->n_in == 1 || u->kind == UNIT_MAP, "a front end with several inputs") &&
         holds(c, c->beats * c->positions == out_beats && c->beats > 0, "its positions do not divide the beats it gives") &&
         holds(c, u->k->n_in == elements, "its kernel takes another number of elements than its front end gives") &&
         holds(c, u->k->n_out == out->lanes + c->stepped, "its kernel gives another number of elements than a beat has");
}

static int64_t tokens(const Check *c) {
  return c->stepped ? c->u->front.steps : 1;
}

static int64_t cost(const Check *c) {
  return tokens(c) * (c->u->k->n_state ? (int64_t)LOOP * c->u->k->n : c->u->k->n);
}

/* Idle tokens behind a position; in a row of a memory's positions they follow one another. */
static int gap(Check *c, int at, int turn) {
  const Front *f = &c->u->front;
  if (!f->flush || (c->u->kind == UNIT_FETCH && (at + 1) % f->out_cols))
    return 0;
  return turn % 4 == 1 ? (int)(draw(&c->dice) % (uint32_t)f->flush) : turn % 4 == 3 ? f->flush : 0;
}

/* What comes behind the last position of a run. */
static bool finish(Check *c) {
  const Token *t = &c->token[c->n - 1];
  if (c->stepped)
    add_idle(c, t->position, c->u->front.flush - (t->live ? 0 : t->age + 1));
  return run(c);
}

/* As many positions as that much work allows, anywhere. */
static void check(Check *c, int frames, int64_t work) {
  const int all = frames * c->positions, flush = c->stepped ? c->u->front.flush : 0;
  const int64_t most = work / cost(c), width = c->u->k->n_in, least = tokens(c) + flush, whole = all * least;
  bool good = true;
  if (least * width > MOST_TOKENS)
    return;
  c->room = (size_t)(whole < TOKENS / width ? whole : least > TOKENS / width ? least : TOKENS / width);
  c->token = mem_scratch(c->room, sizeof *c->token);
  c->data = mem_scratch(c->room * (size_t)width, sizeof *c->data);
  c->position = mem_scratch(c->room, sizeof *c->position);
  for (int at = 0, turn = 0; at < all && good; at++) {
    if (at && draw(&c->dice) % (uint32_t)all >= most)
      continue;
    if (c->n && c->n + (size_t)least > c->room)
      good = finish(c);
    add_position(c, at);
    if (at + 1 < all)
      add_idle(c, at, gap(c, at, turn++));
  }
  if (good && c->n)
    finish(c);
  free(c->token);
  free(c->data);
  free(c->position);
}

/* ---- all of them ---- */

/* Either end, or anything. */
static int64_t *whole_range(const Stream *s) {
  int64_t *in = mem_array((size_t)s->n_in_elements + 1, sizeof *in);
  uint64_t dice = 2;
  for (int p = 0; p < s->n_in; p++)
    for (int i = 0; i < s->in_port[p].n; i++) {
      const Format f = s->in_port[p].fmt;
      const uint64_t span = (uint64_t)format_max(f) - (uint64_t)format_min(f);
      const uint32_t kind = draw(&dice) % 4;
      in[s->in_port[p].first + i] = kind == 0 ? format_min(f)
                                    : kind == 1
                                        ? format_max(f)
                                        : (int64_t)((uint64_t)format_min(f) + ((uint64_t)draw(&dice) << 20 ^ draw(&dice)) % (span + 1));
    }
  return in;
}

void stream_check(const Stream *s, const int64_t *in, size_t n) {
  StreamEval *eval[FRAMES];
  int frames = 0;
  int64_t elements = 0, total = 0, most = 0;
  if (diag_errors() || !n)
    return;
  for (int i = 0; i < s->n_edges; i++)
    elements += (int64_t)s->edge[i]->rows * s->edge[i]->cols * s->edge[i]->channels;
  int64_t *out = mem_array((size_t)s->n_out_elements + 1, sizeof *out);
  for (; frames < (elements > MOST_ELEMENTS ? 1 : FRAMES); frames++) {
    eval[frames] = stream_eval_new(s);
    stream_eval_run(eval[frames], frames == FRAMES - 1 ? whole_range(s) : in + (size_t)frames % n * (size_t)s->n_in_elements, out);
  }
  Check *c = mem_array((size_t)s->n_units + 1, sizeof *c);
  bool *good = mem_array((size_t)s->n_units + 1, sizeof *good);
  for (int i = 0; i < s->n_units; i++) {
    good[i] = begin(&c[i], s->unit[i], eval, frames);
    most = good[i] && cost(&c[i]) * c[i].positions * frames > most ? cost(&c[i]) * c[i].positions * frames : most;
  }
  const int64_t work = n < (MOST_WORK - WORK) / (size_t)(elements + 1) ? WORK + (int64_t)n * elements : MOST_WORK;
  do { /* the same for all units, as far as they need it */
    total = 0;
    for (int i = 0; i < s->n_units; i++) {
      const int64_t all = good[i] ? cost(&c[i]) * c[i].positions * frames : 0;
      total += all < most ? all : most;
    }
    most -= total > work ? most / 8 + 1 : 0;
  } while (total > work && most > 0);
  for (int i = 0; i < s->n_units; i++)
    if (good[i])
      check(&c[i], frames, most);
}
