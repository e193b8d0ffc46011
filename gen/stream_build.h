/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_build.h - from a Graph with formats to a Stream: what the files that build it share.
 *
 *   stream_lower.c   node after node: units by their meaning, edges
 *   stream_taps.c    the matrix and the window of a product (Conv, Gemm, mean, ...)
 *   stream_part.c    kernels of a few nodes at one position, by the same functions that lower a whole network
 *   stream_view.c    elements that are moved: where they come from, and the units that bring them there
 *   stream_plan.c    the reuse factor of each product
 *   stream_unit.c    the hardware of each unit: front end and kernel; stream_steps.c: products dealt out to multipliers and steps
 */
#ifndef NNGEN_STREAM_BUILD_H
#define NNGEN_STREAM_BUILD_H

#include "lower.h"
#include "stream.h"

/* Where an element of a tensor is: position * channels + channel of an edge's frame; edge NULL: it is 0. */
typedef struct {
  Edge *edge;
  int at;
} Place;

typedef struct {
  const Graph *g;
  const Options *o;
  const Config *config;
  Stream *s;
  Place **view;     /* by tensor id, by element; NULL before it is made */
  int64_t interval; /* cycles a frame that are aimed at (stream_plan.c) */
  uint8_t *done;    /* by index in Graph.node: part of an earlier node's unit */
} Build;

/* How the elements of a tensor lie on a frame: channels first ([..][C][rows][cols]) or last. */
typedef struct {
  int rows, cols, channels;
  bool last;
} Layout;

/* Each position by itself. */
static inline Taps taps_pointwise(Layout l) {
  return (Taps){.rows = l.rows,
                .cols = l.cols,
                .channels = l.channels,
                .kernel_rows = 1,
                .kernel_cols = 1,
                .row_step = 1,
                .col_step = 1,
                .row_dilation = 1,
                .col_dilation = 1,
                .out_rows = l.rows,
                .out_cols = l.cols};
}
static inline int layout_positions(Layout l) {
  return l.rows * l.cols;
}
static inline int layout_element(Layout l, int position, int channel) {
  return l.last ? position * l.channels + channel : channel * l.rows * l.cols + position;
}

/* Refuses (EXIT_UNSUPPORTED) tensors that are too large. */
void stream_check_size(const Graph *g);
/* Formats must be assigned (quant.h). With errors (diag_errors) what comes back is not whole. */
Stream *stream_lower(const Graph *g, const Options *o, const Config *config);

/* stream_depth.c: depths of FIFOs, latencies and intervals. */
void stream_depths(Stream *s);

/* stream_text.c: --dump, a line a unit. */
void stream_print(const Stream *s, FILE *f);

/* ---- stream_view.c ---- */

Edge *stream_edge(Build *b, const Tensor *t, Layout l, Format fmt);
/* name NULL: the node's. */
Unit *stream_unit(Build *b, const Node *n, const char *name, const char *op, Meaning meaning);
/* Moves a unit behind those that were added since, which make what it reads. */
void stream_unit_last(Stream *s, const Unit *u);
/* A reader of an edge. */
Link *stream_link(Stream *s, Edge *e, Unit *reader);
/* The places of t become the elements of the edge. */
void view_from_edge(Build *b, const Tensor *t, Edge *e);
/* Through a node that only moves elements. */
void view_move(Build *b, const Node *n);
/* The one edge that all elements of t come from; NULL: none, or several. */
Edge *view_edge(const Build *b, const Tensor *t);
/* An edge with t's elements in that layout, made by a unit of its own where there is none. NULL after diag_error. */
Edge *view_raster(Build *b, const Node *reader, const Tensor *t, Layout l);
/* The layout in which t's elements are there already; false: in none. */
bool view_layout(const Build *b, const Tensor *t, Layout *l);
/* For a network's input: the layout that the first window over its elements wants, which may be another than the tensor's own: element[] is
 * filled with the input's element for position * channels + channel. */
Layout view_input_layout(const Graph *g, const Tensor *t, int *element);
/* Of a tensor by its shape alone: [1][C][rows][cols], [1][C][rows], else one position. */
Layout layout_by_shape(const Tensor *t);

/* ---- stream_part.c ---- */

/* The nodes from n[0] on at one position, each the only reader of the one before. Inputs: the run-time inputs of n[0], shaped as shape[i]
 * says (rank, dim), in formats fmt[i]; `sums`: instead of n[0] itself, its result before bits are dropped. */
typedef struct {
  const Node *const *node;
  int n;
  bool sums;
  const Tensor *shape; /* of each input: rank and dim; and of n[0]'s result when `sums` */
  const Format *fmt;
} Part;
/* With QUANT in it: to be inlined. */
Kernel *stream_part(const Build *b, const Part *p);
/* Ready for evaluation and C: no QUANT left. */
Kernel *stream_expand(Kernel *k);
/* Writes the values of `sub` into `to`, arg[i] for its input i; out[i] becomes its output i. */
void stream_inline(Kernel *to, const Kernel *sub, const int *arg, int *out);
/* The nodes behind n that only depend on its result, element by element; they are marked as done. n itself is the first of the list. */
const Node **stream_chain(Build *b, const Node *n, int *count);
/* Whether all elements are treated alike: no operand differs from channel to channel. */
bool stream_chain_uniform(const Node *const *n, int count);

/* ---- stream_taps.c ---- */

/* Sums of inputs times constants: what streams make of multipliers. */
bool stream_is_product(const Node *n);
/* Fills taps, n, m, w, bias and frac of such a node's unit and links its input. layout: of its result; *element: the result's elements
 * where they lie otherwise (Edge.element), else NULL. False after diag_error. */
bool stream_product(Build *b, Unit *u, const Node *n, Layout *result, int **element);
/* The same for a window of which a kernel makes one position (MaxPool). */
bool stream_window(Build *b, Unit *u, const Node *n, Layout *result);

/* ---- stream_plan.c ---- */

/* Sets reuse, multipliers and front.steps of every product; the interval aimed at comes back. */
int64_t stream_plan(Build *b);

/* ---- stream_steps.c ---- */

/* The partial sum of `channel` that a multiplier makes in the steps from `from` to `to` (exclusive). */
typedef struct {
  int channel, from, to;
} Segment;
typedef struct {
  int n, cap;
  Segment *segment;
  int *operand; /* by step; -1: idle */
} Lane;
typedef struct {
  int steps, n;
  Lane *lane;
} Schedule;
/* The products of a position dealt out to u->multipliers lanes and `steps` steps. order[]: the u->n operands as they are best read. */
Schedule stream_schedule(const Unit *u, int steps, const int *order);

/* ---- stream_unit.c ---- */

enum { STREAM_START = 16 }; /* cycles from the last word of a row to the first step that reads it, and back to a free row, at most */

/* Front ends and kernels of all units, as pipelines. */
void stream_hardware(Build *b);
/* stream_mac.c: a product with steps: kernel, ports and order of its front end, beats of its result. */
void stream_mac(Build *b, Unit *u);
/* stream_move.c: the same of a move. */
void stream_move(Build *b, Unit *u);
/* Puts a unit in front of the reader that makes one beat of all beats of a position. */
void stream_one_beat(Build *b, Unit *reader, Link *link);
/* A kernel's IN elements: the words, and behind them step, live, last (numbers from *step on) where there are steps. */
Kernel *stream_kernel(const Build *b, const Unit *u, int words, bool stepped, int *step);
/* Its outputs; emit: a value, or -1 without steps. Expands, checks and pipelines it. */
void stream_kernel_done(const Build *b, Unit *u, Kernel *k, int n, const int *out, int emit);
/* Beats of an edge: `lanes` elements each, channels in the given order (NULL: their own). */
void stream_beats(Edge *e, int lanes, const int *order);
/* The word among those of a position that channel c of an edge comes in, and the place within it. */
void stream_slot(const Edge *e, int c, int *beat, int *lane);
/* value[choice[a]] by run-time address a in 0..n-1. */
int stream_pick(Kernel *k, int address, int n, const int *choice, int n_values, const int *value);

#endif
