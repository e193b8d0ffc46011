/* SPDX-License-Identifier: Apache-2.0
 *
 * search_in.h - what the files of the search share: float and quantized network side by side over rows of data.
 */
#ifndef NNGEN_SEARCH_IN_H
#define NNGEN_SEARCH_IN_H

#include "search.h"
#include "rdo.h"

/* Elements of a tensor that have one format or one weight column in common: element e is of group (e / inner) % n. */
typedef struct {
  int n;
  int64_t inner;
} Groups;

/* Of a layer's weights. share: of each position in the hardware that multiplies: 1 in one kernel, less where positions take turns or
 * multipliers are reused; word: see RdoLayer. */
typedef struct {
  double share;
  int word;
} LayerPrice;

typedef struct {
  Graph *g;
  const Options *o;
  const Config *config;
  size_t n, n_fit, n_own; /* rows: those to fit first, of them n_own as they are and mix-ups behind; then those held back */
  double **f, **q;        /* by tensor id: rows x elements, float and quantized */
  double **gain;          /* by tensor id: what a mean squared error of each group costs at the output; NULL: not known */
  double **weight;        /* by tensor id: of each row to fit, mean 1: how much its errors matter; NULL: all alike */
  const Tensor *y;        /* what decides: logits of classes, or a regression's result */
  bool classes;
  double temperature;
  double *label;      /* of the rows held back; NULL: none */
  double calibration; /* temperature at which the float network's probabilities fit the labels */
  int *result;        /* ids of tensors between layers that have one format each, of a width that is searched */
  int n_results;
  int *neuron; /* ids of those with a format for each group; inputs too */
  int n_neurons;
  double **reads;              /* by tensor id: signed digits that read each group's elements; NULL before the first pass */
  double *range_lo, *range_hi; /* by tensor id */
  const LayerPrice *layer;     /* by node, where layers are units of a stream, and each tensor has one format; NULL: one kernel */
  RdoFit **fit;                /* by node, of layers whose inputs no price changes; NULL: none is kept */
  double work;                 /* done, in operations */
} Search;

typedef struct {
  double cost, loss, error;                    /* error: standard error of the loss */
  double changed, deviation, lost, lost_error; /* lost: by the labels as counted, share of right decisions or growth of the RMS error */
} Point;

static inline size_t count(const Tensor *t) {
  return (size_t)tensor_count(t);
}

/* floor(x) of |x| < 2^51: by adding 1.5 x 2^52, which compilers do for many at a time. */
static inline double floor_of(double x) {
  const double whole = x + 0x1.8p52 - 0x1.8p52;
  return whole - (whole > x ? 1.0 : 0.0);
}

/* Rows of time steps in a Samples: those to fit or those that measure. Row i is at + i * stride, number first + i * step. */
typedef struct {
  const float *at;
  size_t n, stride, first, step;
} RowSet;

/* ---- search_rows.c ---- */

/* The next of [0, 1) of a generator that starts from *state = 1: the same every time. */
double uniform_next(uint64_t *state);
/* --fit and --data, or every other row of --data each. steps: in a row. */
RowSet rows_to_fit(const Samples *data, size_t steps);
RowSet rows_to_measure(const Samples *data, size_t steps);
double to_format(double x, Format f);
/* Node over rows [0, n) of value[]; quantized: its constants as the hardware has them. Results are not rounded. */
void run_node(const Node *node, double **value, size_t n, bool quantized);
/* Rounds the rows of t to its format, or formats. */
void round_rows(const Tensor *t, double *value, size_t n);
/* Both: node over rows [0, n) of value[] as the hardware has it. */
void run_rounded(const Node *node, double **value, size_t n);
/* Sets y, label, temperature, the rows of f, and of all tensors' float values. fit: how many rows to fit there should be, mix-ups of few
 * samples of one's own if need be. */
void rows_make(Search *s, const Samples *data, size_t own, size_t fit, size_t held);
/* Sets gain and weight of all layers' results and of what lies between them. */
void find_gains(Search *s);
/* Sets all but the cost, on the rows held back. */
void measure(const Search *s, Point *p);
/* Whether it is within the target. */
bool point_passes(const Search *s, const Point *p);
/* Its number in the result. */
int point_add(SearchResult *r, int width, double price, const Point *p, bool pass);
/* Sets y and classes. */
void rows_decision(Search *s);
/* Of the float network's probabilities, given the labels held back. */
double likeliest_temperature(const Search *s);

/* ---- search.c ---- */

/* Adder bits of the network as it stands, and the LUTs of its tables; negative after an error. */
double search_true_bits(Search *s);

/* ---- search_train.c ---- */

/* Teaches the network as it is rounded, on the rows to fit; no weight gets more digits, no format another. What the rows have in s->q
 * means nothing then. deviation: of the point. False where it cannot: an operator that slopes cannot pass, or too large. */
bool search_train(Search *s, double deviation);

/* ---- search_stream.c ---- */

/* Sets `layer` by the plan for the weights as they are. False after an error. */
bool stream_prices(Search *s);
/* Whether the units are small enough to be made for each point. */
bool stream_in_trials(const Search *s);
/* Of adder graphs and multipliers as they are planned for the weights as rounded; negative after an error. */
double stream_true_bits(const Search *s);

/* ---- search_round.c ---- */

/* Of node k, which is weighty. */
LayerPrice price_of(const Search *s, int k);

/* Whether n multiplies by constant weights that can be rounded: Gemm, MatMul, Conv, ConvTranspose. */
bool weighty(const Node *n);
/* Whether it is one of the latter two. */
bool windowed(const Node *n);
/* The nodes that multiply by the weights of node k, when one rounding can serve them: k alone, or the steps of a recurrent layer. Their
 * number comes back, 0 when it cannot. */
int sharers(const Graph *g, int k, int *member);
/* Calls f for each product with a weight in node n, those of one result one after the other: element numbers. */
typedef void ProductFn(void *ctx, int64_t to, int64_t from, int64_t weight);
void each_product(const Node *n, ProductFn *f, void *ctx);
/* Groups of a layer's result or of what follows it; of an input: by its reader. */
Groups groups_of(const Graph *g, const Tensor *t);
/* Rounds the weights of node k and of all that share them, unless an earlier one did it. */
void round_shared(Search *s, int k, double price);
/* Operations that it takes for node k over so many rows. */
double round_work(const Search *s, int k, size_t fit);
/* Frees s->fit. */
void round_end(Search *s);
/* A constant that is added to a sum takes the mean error of what came before. */
void refit_bias(Search *s, const Node *n);

/* ---- search_format.c ---- */

bool tied(const Tensor *a, const Tensor *b);
/* Fills s->result and s->neuron. The widest format of the former comes back, 0: none. */
int find_searchable(Search *s);
void set_width(Search *s, int W);
/* Formats of the groups of t from its values in s->q, which are not rounded yet. */
void choose_formats(Search *s, Tensor *t, double price);
void widest_formats(Search *s);
/* At the end: Tensor.fmt holds all of Tensor.each, for the reports. */
void report_widest(Search *s);
/* Fills s->reads from the weights as rounded; the adder bits of all products come back, no sharing counted. */
double count_reads(Search *s);

#endif
