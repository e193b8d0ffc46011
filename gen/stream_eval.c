/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_eval.c - the oracle of stream designs: unit after unit, from what they mean (stream.h), without time. Every back end is compared
 * with it. Sums are formed modulo 2^64; that they fit is proved from the weights and the input's format.
 */
#include "stream.h"
#include <stdlib.h>

enum { BATCH = 64 }; /* positions whose kernels are evaluated together */

typedef struct {
  HirCounts counts;
  int n_operands, n_results; /* of a position */
} UnitEval;

struct StreamEval {
  const Stream *s;
  int64_t **edge;
  UnitEval *unit;
  int64_t *operand, *sum; /* of BATCH positions */
};

static size_t frame(const Edge *e) {
  return (size_t)e->rows * (size_t)e->cols * (size_t)e->channels;
}

static int edge_number(const Stream *s, const Edge *e) {
  for (int i = 0; i < s->n_edges; i++)
    if (s->edge[i] == e)
      return i;
  fprintf(stderr, "nngen: internal error: edge '%s' is not of this stream\n", e->name);
  abort();
}

static void check(bool holds, const Unit *u, const char *what) {
  if (!holds) {
    fprintf(stderr, "nngen: internal error: unit '%s': %s\n", u->name, what);
    abort();
  }
}

void stream_edge_range(const Edge *e, i128 *lo, i128 *hi) {
  *lo = e->fmt.is_signed ? -((i128)1 << (e->fmt.W - 1)) : 0;
  *hi = ((i128)1 << (e->fmt.W - e->fmt.is_signed)) - 1;
}

void stream_sum_range(const Unit *u, int row, int first, int n, i128 *lo, i128 *hi) {
  i128 l, h;
  stream_edge_range(u->in[0]->edge, &l, &h);
  l = u->taps.pad < l ? u->taps.pad : l;
  h = u->taps.pad > h ? u->taps.pad : h;
  *lo = *hi = 0;
  for (int i = first; i < first + n; i++) {
    i128 w = u->w[(size_t)row * (size_t)u->n + (size_t)i];
    *lo += w < 0 ? w * h : w * l;
    *hi += w < 0 ? w * l : w * h;
  }
}

/* The shapes that everything here relies on. */
static void prepare(UnitEval *e, const Unit *u) {
  const Kernel *k = u->meaning == MEANS_PRODUCT ? u->finish : u->meaning == MEANS_KERNEL ? u->plain : NULL;
  const Taps *t = &u->taps;
  size_t sites = k ? (size_t)k->n_sites : 0;
  e->counts.saturated = mem_array(sites + 1, sizeof *e->counts.saturated);
  e->counts.wrapped = mem_array(sites + 1, sizeof *e->counts.wrapped);
  if (u->meaning == MEANS_MOVE)
    return;
  if (u->n_in == 1) {
    const Edge *in = u->in[0]->edge;
    check((size_t)t->rows * (size_t)t->cols * (size_t)t->channels == frame(in), u, "taps of another shape than its input");
    check(t->out_rows * t->out_cols == u->out->rows * u->out->cols, u, "taps and output differ in positions");
    e->n_operands = t->kernel_rows * t->kernel_cols * t->channels;
  } else {
    for (int i = 0; i < u->n_in; i++) {
      check(u->in[i]->edge->rows * u->in[i]->edge->cols == u->out->rows * u->out->cols, u, "inputs and output differ in positions");
      e->n_operands += u->in[i]->edge->channels;
    }
  }
  if (u->meaning == MEANS_KERNEL) {
    check(u->plain->n_in == e->n_operands && u->plain->n_out == u->out->channels, u, "kernel of another shape");
    e->n_results = u->out->channels;
    return;
  }
  check(u->n_in == 1 && e->n_operands == u->n, u, "matrix of another shape than its taps");
  check(u->finish_n > 0 && u->m % u->finish_n == 0 && u->finish->n_in == u->finish_n, u, "finish does not divide the channels");
  check(u->m / u->finish_n * u->finish->n_out == u->out->channels, u, "finish makes another number of channels");
  e->n_results = u->m;
  for (int r = 0; r < u->m; r++) {
    i128 lo, hi;
    stream_sum_range(u, r, 0, u->n, &lo, &hi);
    if (lo + u->bias[r] < INT64_MIN || hi + u->bias[r] > INT64_MAX) {
      diag_error(EXIT_UNSUPPORTED, u->node, "sums of more than 64 bits are not supported in a streaming design; use fewer bits in --q");
      return;
    }
  }
}

StreamEval *stream_eval_new(const Stream *s) {
  StreamEval *e = mem_alloc(sizeof *e);
  int operands = 1, results = 1;
  e->s = s;
  e->edge = mem_array((size_t)s->n_edges + 1, sizeof *e->edge);
  for (int i = 0; i < s->n_edges; i++)
    e->edge[i] = mem_array(frame(s->edge[i]) + 1, sizeof *e->edge[i]);
  e->unit = mem_array((size_t)s->n_units + 1, sizeof *e->unit);
  for (int i = 0; i < s->n_units; i++) {
    prepare(&e->unit[i], s->unit[i]);
    operands = e->unit[i].n_operands > operands ? e->unit[i].n_operands : operands;
    results = e->unit[i].n_results > results ? e->unit[i].n_results : results;
  }
  e->operand = mem_array((size_t)operands * BATCH, sizeof *e->operand);
  e->sum = mem_array((size_t)results * BATCH, sizeof *e->sum);
  return e;
}

/* Operands of the window at one position. */
static void window(const Taps *t, const int64_t *in, int position, int64_t *to) {
  int top = t->row_first + position / t->out_cols * t->row_step, left = t->col_first + position % t->out_cols * t->col_step;
  for (int ky = 0; ky < t->kernel_rows; ky++)
    for (int kx = 0; kx < t->kernel_cols; kx++, to += t->channels) {
      int y = top + ky * t->row_dilation, x = left + kx * t->col_dilation;
      if (y >= 0 && y < t->rows && x >= 0 && x < t->cols)
        memcpy(to, in + (size_t)(y * t->cols + x) * (size_t)t->channels, (size_t)t->channels * sizeof *to);
      else
        for (int c = 0; c < t->channels; c++)
          to[c] = t->pad;
    }
}

static void operands(const StreamEval *e, const Unit *u, int position, int64_t *to) {
  if (u->n_in == 1) {
    window(&u->taps, stream_eval_edge(e, u->in[0]->edge), position, to);
    return;
  }
  for (int i = 0; i < u->n_in; i++) {
    size_t n = (size_t)u->in[i]->edge->channels;
    memcpy(to, stream_eval_edge(e, u->in[i]->edge) + (size_t)position * n, n * sizeof *to);
    to += n;
  }
}

static void product(const Unit *u, const int64_t *x, int64_t *y) {
  for (int r = 0; r < u->m; r++) {
    const int32_t *w = u->w + (size_t)r * (size_t)u->n;
    uint64_t a = (uint64_t)u->bias[r], b = 0, c = 0, d = 0; /* four chains: a processor has that many multiplications under way */
    int i = 0;
#define TIMES(i) ((uint64_t)w[i] * (uint64_t)x[i])
    for (; i + 4 <= u->n; i += 4)
      a += TIMES(i), b += TIMES(i + 1), c += TIMES(i + 2), d += TIMES(i + 3);
    for (; i < u->n; i++)
      a += TIMES(i);
#undef TIMES
    y[r] = (int64_t)(a + b + c + d);
  }
}

static void run_unit(StreamEval *e, int number) {
  const Unit *u = e->s->unit[number];
  UnitEval *ue = &e->unit[number];
  int64_t *out = e->edge[edge_number(e->s, u->out)];
  if (u->meaning == MEANS_MOVE) {
    const int64_t *in = stream_eval_edge(e, u->in[0]->edge);
    for (size_t i = 0; i < frame(u->out); i++)
      out[i] = u->from[i] < 0 ? 0 : in[u->from[i]];
    return;
  }
  int positions = u->out->rows * u->out->cols;
  for (int at = 0; at < positions; at += BATCH) {
    int n = positions - at < BATCH ? positions - at : BATCH;
    for (int p = 0; p < n; p++) {
      int64_t *x = e->operand + (size_t)p * (size_t)ue->n_operands;
      operands(e, u, at + p, x);
      if (u->meaning == MEANS_PRODUCT)
        product(u, x, e->sum + (size_t)p * (size_t)u->m);
    }
    int64_t *to = out + (size_t)at * (size_t)u->out->channels;
    if (u->meaning == MEANS_PRODUCT)
      hir_eval(u->finish, (size_t)n * (size_t)(u->m / u->finish_n), e->sum, to, &ue->counts, NULL, NULL);
    else
      hir_eval(u->plain, (size_t)n, e->operand, to, &ue->counts, NULL, NULL);
  }
}

void stream_eval_run(StreamEval *e, const int64_t *in, int64_t *out) {
  const Stream *s = e->s;
  for (int i = 0; i < s->n_in; i++) {
    int64_t *to = e->edge[edge_number(s, s->in[i])];
    for (size_t j = 0; j < frame(s->in[i]); j++)
      to[j] = in[s->in_port[i].first + s->in[i]->element[j]];
  }
  for (int i = 0; i < s->n_units; i++)
    run_unit(e, i);
  for (int i = 0; i < s->n_out; i++) {
    const Edge *edge = s->out[i]->edge;
    const int64_t *from = stream_eval_edge(e, edge);
    for (size_t j = 0; j < frame(edge); j++)
      out[s->out_port[i].first + edge->element[j]] = from[j];
  }
}

const int64_t *stream_eval_edge(const StreamEval *e, const Edge *edge) {
  return e->edge[edge_number(e->s, edge)];
}

const HirCounts *stream_eval_counts(const StreamEval *e, const Unit *u) {
  for (int i = 0; i < e->s->n_units; i++)
    if (e->s->unit[i] == u)
      return &e->unit[i].counts;
  return NULL;
}
