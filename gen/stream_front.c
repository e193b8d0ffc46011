/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_front.c - when the front ends take beats and give tokens: nn_stream_rows, nn_stream_fetch and nn_stream_window (templates/vhdl)
 * without their data. One call is one rising edge; names are those of the VHDL.
 */
#include "stream.h"

typedef struct {
  FrontToken token;
  int64_t frees;
} Stage;

struct FrontState {
  const Front *f;
  bool window;

  /* rows */
  int row_span;
  int word, out_row;
  int64_t room, have, need;

  /* fetch: the next token, and those behind the order table and the addresses */
  int step, col;
  bool inside;
  Stage a, b;

  /* window: the next word, the one behind the memory, the shift registers' position */
  int read, pitch, delay_words, travel_words;
  int place, tail;
  bool c_valid, c_begins;
  uint8_t *delay;
  int delay_at;
  bool moving, holds, full;
  int travel, between;

  int idle;
  bool owes;
  FrontToken out;
};

static int64_t clip(int64_t v, int64_t low, int64_t high) {
  return v < low ? low : v > high ? high : v;
}

int front_row_span(UnitKind kind, const Front *f) {
  return kind == UNIT_WINDOW ? (f->kernel_rows - 1) * f->row_dilation + 1 : f->row_span;
}

int front_latency(UnitKind kind) {
  return kind == UNIT_WINDOW ? 3 : kind == UNIT_FETCH ? 4 : 0;
}

/* ---- nn_stream_rows ---- */

static int64_t first_row(const FrontState *s, int out_row) {
  return s->f->row_first + (int64_t)out_row * s->f->row_step;
}

static int64_t needs(const FrontState *s) {
  return clip(first_row(s, s->out_row) + s->row_span, 1, s->f->rows);
}

static int64_t frees(const FrontState *s) {
  const Front *f = s->f;
  int64_t now = clip(first_row(s, s->out_row), 0, f->rows);
  if (s->out_row == f->out_rows - 1)
    return f->rows + clip(f->row_first, 0, f->rows) - now;
  return clip(first_row(s, s->out_row + 1), 0, f->rows) - now;
}

static bool there(const FrontState *s) {
  return s->have >= s->need;
}

static void rows_write(FrontState *s) {
  if (++s->word == s->f->row_words) {
    s->word = 0;
    s->room--;
    s->have++;
  }
}

static void rows_next(FrontState *s) {
  if (++s->out_row == s->f->out_rows) {
    s->out_row = 0;
    s->have -= s->f->rows;
  }
  s->need = needs(s);
}

/* ---- nn_stream_fetch ---- */

static void fetch_clock(FrontState *s, bool is_there) {
  const Front *f = s->f;
  s->out = s->b.token;
  s->room += s->b.frees;
  s->b = s->a;
  bool goes = s->inside || is_there, idle = !goes && s->idle > 0;
  s->a = (Stage){{goes || idle, goes, s->owes, s->step}, 0};
  if (idle) {
    s->idle--;
    s->owes = false;
  } else if (goes) {
    s->inside = true;
    s->owes = false;
    if (++s->step == f->steps) {
      s->step = 0;
      s->owes = true;
      s->idle = f->flush;
      if (++s->col == f->out_cols) {
        s->col = 0;
        s->inside = false;
        s->a.frees = frees(s);
        rows_next(s);
      }
    }
  }
}

/* ---- nn_stream_window ---- */

static void window_start(FrontState *s) {
  const Front *f = s->f;
  int width = (f->kernel_words - 1) * f->word_dilation + f->tap_words, newest = f->word_first + width - 1;
  s->travel_words = (f->out_cols - 1) * f->word_step;
  int low = f->word_first > 0 ? f->word_first : 0;
  low = low < newest ? low : newest;
  int high = (int)clip(newest + s->travel_words, low, f->row_words - 1 > low ? f->row_words - 1 : low);
  s->read = high - low + 1;
  s->pitch = s->read > s->travel_words + 1 ? s->read : s->travel_words + 1;
  s->delay_words = newest - low;
  s->holds = f->steps > 1 && (f->out_cols > 1 ? f->word_step > 1 : s->read > 1);
  s->delay = mem_array((size_t)s->delay_words + 1, 1);
}

/* The word behind the memory goes into the shift registers. */
static void window_shift(FrontState *s, bool first) {
  if (s->delay_words) {
    s->delay[s->delay_at] = s->c_begins;
    s->delay_at = s->delay_at + 1 == s->delay_words ? 0 : s->delay_at + 1;
  }
  if (first) {
    s->moving = s->travel_words > 0;
    s->travel = s->between = 0;
  } else if (s->moving) {
    s->moving = ++s->travel < s->travel_words;
    s->between = s->between == s->f->word_step - 1 ? 0 : s->between + 1;
  }
}

static void window_load(FrontState *s, bool is_there) {
  bool begins = s->place == 0 && is_there, reads = s->place != 0 || begins;
  s->c_valid = reads || s->tail;
  s->c_begins = begins;
  if (begins)
    s->tail = s->delay_words + s->travel_words;
  else if (s->tail)
    s->tail--;
  if (!reads)
    return;
  if (s->place == s->read - 1) {
    s->room += frees(s);
    rows_next(s);
  }
  s->place = s->place == s->pitch - 1 ? 0 : s->place + 1;
}

static void window_clock(FrontState *s, bool is_there) {
  const Front *f = s->f;
  bool first = s->delay_words ? s->delay[s->delay_at] : s->c_begins;
  bool brings = first || (s->moving && s->between == (f->word_step > 1 ? f->word_step - 1 : 0));
  bool stays = s->out.valid && s->out.live && s->out.step != f->steps - 1;
  bool had = s->c_valid, shift = had && !(stays && (s->full || !s->holds)), comes = s->holds ? s->full : had && brings;
  bool ends = s->out.valid && s->out.live && !stays;
  s->full = (s->full && stays) || (shift && brings);
  if (shift)
    window_shift(s, first);
  if (shift || !had)
    window_load(s, is_there);
  if (ends)
    s->idle = f->flush, s->owes = true;
  s->out.last = s->owes;
  if (stays) {
    s->out.step++;
  } else if (comes) {
    s->out = (FrontToken){true, true, s->owes, 0};
    s->owes = false;
  } else if (s->idle) {
    s->out = (FrontToken){true, false, s->owes, 0};
    s->idle--;
    s->owes = false;
  } else {
    s->out.valid = false;
  }
}

/* ---- both ---- */

FrontState *front_new(UnitKind kind, const Front *f) {
  FrontState *s = mem_alloc(sizeof *s);
  s->f = f;
  s->window = kind == UNIT_WINDOW;
  s->row_span = front_row_span(kind, f);
  s->room = f->slots + clip(f->row_first, 0, f->rows);
  s->need = needs(s);
  if (s->window)
    window_start(s);
  return s;
}

bool front_ready(const FrontState *s) {
  return s->room > 0;
}

FrontToken front_token(const FrontState *s) {
  return s->out;
}

void front_clock(FrontState *s, bool s_valid, bool m_ready) {
  bool take = s_valid && front_ready(s), is_there = there(s);
  if (take)
    rows_write(s);
  if (!m_ready)
    return;
  if (s->window)
    window_clock(s, is_there);
  else
    fetch_clock(s, is_there);
}
