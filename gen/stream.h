/* SPDX-License-Identifier: Apache-2.0
 *
 * stream.h - networks that do not fit unrolled: units joined by streams (--mode=stream).
 *
 * An edge is a stream of beats; a unit reads beats of one edge (or of several, in step) and makes those of another. Between any two units
 * lies a FIFO (a link), so that every handshake is local. A unit is, in hardware, an optional front end that keeps what was read and
 * presents operands (a window in registers, or words fetched from a memory), and a pipelined Kernel (hir.h) that computes. With a reuse
 * factor of R the kernel sees R steps a position, and its state is the accumulators: the multiply-accumulate array is an ordinary recurrent
 * kernel whose weights are tables addressed by the step.
 *
 * Each unit has, besides, an untimed meaning (matrix and finish, kernel, or move), which the evaluator (stream_eval.c) and the C model
 * follow; the hardware is compared with it on some frames by every run (stream_check.c), and by simulation.
 */
#ifndef NNGEN_STREAM_H
#define NNGEN_STREAM_H

#include "hir.h"

typedef struct Unit Unit;

/* A frame (one sample of a tensor) is rows x cols positions in raster order, `channels` elements each. A position takes `beats` beats of
 * `lanes` elements; element l of beat b is channel[b * lanes + l], or 0 where that is -1. All elements have one format. */
typedef struct {
  const char *name;     /* legal identifier, of the tensor */
  const Tensor *tensor; /* NULL: of no single tensor */
  Format fmt;
  int rows, cols, channels;
  int beats, lanes;
  int *channel;
  int *element; /* of position p, channel c: ONNX element number [p * channels + c] of the tensor */
  Unit *maker;  /* NULL: an input of the network */
} Edge;

/* A FIFO: the beats of `edge` on their way to one reader. */
typedef struct {
  Edge *edge;
  Unit *reader;  /* NULL: an output of the network */
  int depth;     /* beats; stream_depth.c */
  int most_held; /* in the run that stream_time.c made of it */
} Link;

/* Which input positions lie under an output position: taps ky, kx of row row_first + oy * row_step + ky * row_dilation, columns alike.
 * Outside of the input: the integer `pad`. Operand number of a tap's channel: (ky * kernel_cols + kx) * channels + c. */
typedef struct {
  int rows, cols, channels; /* of the input */
  int kernel_rows, kernel_cols;
  int row_first, col_first; /* <= 0 with padding */
  int row_step, col_step, row_dilation, col_dilation;
  int out_rows, out_cols;
  int64_t pad;
} Taps;

typedef enum {
  MEANS_PRODUCT, /* y = finish(matrix * operands + bias), position by position */
  MEANS_KERNEL,  /* y = kernel(operands of all inputs, one after the other), position by position */
  MEANS_MOVE     /* elements of the output are elements of the input, or 0 */
} Meaning;

typedef enum {
  UNIT_MAP,    /* a beat of each input in, a beat out: the kernel alone */
  UNIT_WINDOW, /* nn_stream_window: operands of a position in registers, for `steps` cycles */
  UNIT_FETCH   /* nn_stream_fetch: in each of `steps` cycles of a position, a word from each port of a memory */
} UnitKind;

/* One word that a port of nn_stream_fetch reads: row `row` and word `word` of that row, counted from the position's first. */
typedef struct {
  int row, word;
} FetchWord;

/* The geometry of a front end, in words: a word is a beat of the input. The input frame is seen as rows of row_words words; this need not
 * be the edge's own shape (a dense layer sees one row). */
typedef struct {
  int rows, row_words;
  int slots;                                  /* rows kept in memory */
  int out_rows, out_cols;                     /* positions */
  int row_first, row_step;                    /* input row of output row 0, and rows to the next */
  int row_span;                               /* rows from an output row's first to its last, inclusive */
  int word_first, word_step;                  /* the same along a row, in words */
  int steps;                                  /* cycles a position */
  int flush;                                  /* tokens after a position's last one in which its results leave */
  int kernel_rows, row_dilation;              /* WINDOW: rows of the window */
  int kernel_words, word_dilation, tap_words; /* WINDOW: taps along a row, words between taps, words of a tap */
  int ports;                                  /* FETCH */
  int period;                                 /* FETCH: port p reads order[p * period + (step + phase[p]) % period] at a step */
  int *phase;
  FetchWord *order;
  int64_t pad; /* of every element */
} Front;

/* Of the hardware kernel `k`: its IN elements are
 *   MAP     the beat of each input, input after input
 *   WINDOW  the window's words, (row tap, tap, word of the tap), each of `lanes` elements; with steps > 1 then step, live, last
 *   FETCH   the ports' words; then step, live, last
 * and its outputs the `lanes` elements of a beat of `out`, then, with steps > 1 or FETCH, a bit that says whether there is one in this
 * cycle. step counts from 0 to steps - 1; live says that the position is one; last that the position before has just ended. Its results may
 * leave while the next position is worked on; while none is, up to `flush` idle tokens (live = 0, step = 0) see to that. */
struct Unit {
  const char *name; /* legal identifier, of the node */
  const Node *node;
  const char *op; /* "Conv + Relu" */
  int n_in;
  Link **in;
  Edge *out;
  int n_links; /* readers of `out` */
  Link **link;

  Meaning meaning;
  Taps taps;      /* of in[0]; PRODUCT and KERNEL with one input. Several inputs: the position itself of each */
  int n, m;       /* PRODUCT: operands and channels */
  int32_t *w;     /* [m][n] */
  int64_t *bias;  /* [m], at the sum's binary point */
  int frac;       /* binary places of the sums */
  Kernel *finish; /* PRODUCT: sums of finish_n channels to their elements; channels in turn, finish_n divides m */
  int finish_n;
  Kernel *plain; /* KERNEL */
  int *from;     /* MOVE: [positions * channels of out] index into the input frame (position * channels + channel), -1: 0 */

  UnitKind kind;
  Front front;
  int reuse; /* R: products a multiplier makes for a position; 1: each has hardware of its own (adders) */
  int multipliers;
  int64_t products; /* with non-zero weights, of a position */
  bool skips;       /* those with zero weights take no step */
  Kernel *k;
  uint8_t *emits; /* by step, whether a live token makes a beat leave; NULL: each one does */
  uint8_t *late;  /* whether the i-th token after a position's last one does, i < front.flush; NULL: none does */

  int64_t interval;    /* cycles from a frame's to the next one's, of this unit alone */
  int64_t first, last; /* cycle of its first and last beat, of the first frame, from the network's first beat (stream_time.c) */
};

typedef struct {
  const char *name; /* top */
  int n_units, cap_units;
  Unit **unit; /* sorted: makers first */
  int n_edges, cap_edges;
  Edge **edge;
  int n_links, cap_links;
  Link **link;
  int n_in, n_out;
  Edge **in;                         /* by graph input */
  Link **out;                        /* by graph output */
  const HirPort *in_port, *out_port; /* as in a Kernel: elements in ONNX order, ports one after the other */
  int n_in_elements, n_out_elements;
  int64_t latency;  /* cycles from the first beat taken to the last beat given, frames back to back, nobody waiting */
  int64_t interval; /* cycles from frame to frame */
} Stream;

/* ---- stream_front.c: the front ends' control, cycle by cycle as in templates/vhdl/nn_stream_*.vhd ---- */

typedef struct {
  bool valid, live, last;
  int step;
} FrontToken;
typedef struct FrontState FrontState;
FrontState *front_new(UnitKind kind, const Front *f); /* after a reset */
bool front_ready(const FrontState *s);                /* s_ready */
FrontToken front_token(const FrontState *s);          /* m_valid, m_live, m_last, m_step */
void front_clock(FrontState *s, bool s_valid, bool m_ready);
/* Rising edges from the one that takes the last beat that a row of positions waits for to the one that has its first token at m_* (FETCH)
 * or its first word in the window (WINDOW), both included. */
int front_latency(UnitKind kind);
/* Rows from an output row's first to its last, inclusive. */
int front_row_span(UnitKind kind, const Front *f);
/* ---- stream_eval.c: the oracle ---- */

typedef struct StreamEval StreamEval;
StreamEval *stream_eval_new(const Stream *s);
/* One frame. in: raw integers of all inputs, out: of all outputs; both in ONNX order, port after port. */
void stream_eval_run(StreamEval *e, const int64_t *in, int64_t *out);
/* Of the frame just evaluated: [position * channels + channel]. */
const int64_t *stream_eval_edge(const StreamEval *e, const Edge *edge);
/* By site of the unit's finish or plain kernel, since stream_eval_new; a MOVE has none. */
const HirCounts *stream_eval_counts(const StreamEval *e, const Unit *u);
/* What the elements of an edge may be. */
void stream_edge_range(const Edge *e, i128 *lo, i128 *hi);
/* What operands first .. first+n-1 of a PRODUCT can add to the sum of channel `row`. */
void stream_sum_range(const Unit *u, int row, int first, int n, i128 *lo, i128 *hi);

/* ---- stream_check.c ---- */

/* The hardware of each unit (front, k, emits, late) on the values of its input edges gives those of its output edge: on the first frames of
 * `in` (n frames, raw integers), or on some of their positions. EXIT_MISMATCH, a bug of nngen, for each unit where it does not. */
void stream_check(const Stream *s, const int64_t *in, size_t n);

/* ---- stream_time.c: the whole stream, cycle by cycle ---- */

/* `frames` frames as fast as the stream takes them, each input edge a stream of its own, outputs always ready. Sets latency, interval (-1
 * when frames is 1), of each unit first, last and interval, of each link most_held; a link of depth 0 never fills. False when it gets
 * stuck: FIFOs too small, or a unit that gives fewer beats than its edge has; latency and interval are -1 then. Wants kernels with stages
 * (for vhdl_latency) and `emits`. */
bool stream_time(Stream *s, int frames);
/* Cycles from frame to frame of one unit that never waits for a beat or a FIFO. */
int64_t stream_unit_interval(const Unit *u);

#endif
