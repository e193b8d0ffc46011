/* SPDX-License-Identifier: Apache-2.0
 *
 * lower.h - from the float Graph with formats to hardware IR: the last place where float is known.
 */
#ifndef NNGEN_LOWER_H
#define NNGEN_LOWER_H

#include "quant.h"

/* One tensor element: integer value v stands for v * 2^-frac. */
typedef struct {
  int v;
  int frac;
} Num;

/* What will be added to a sum before its bits are dropped: the bias of an Add that follows, and the half of rounding half up. The adder
 * graph takes both in where they cost least; they are taken off again behind it, which costs nothing, as the constants that follow cancel
 * it. */
typedef struct {
  const Tensor *bias; /* constant of the one Add that reads the sum; NULL: none */
  bool rounds;
  const Tensor *kept;   /* its format's places are kept */
  int64_t from, stride; /* column j is its element from + j * stride */
} Ahead;

/* Which products with constants are multipliers. */
typedef struct {
  bool survey; /* collect the scores; nothing is decided, no adder graph is searched */
  int *score, n, cap;
  int floor, ties; /* multipliers: all with a higher score, and as many of this one */
} DspPlan;

typedef struct SharedMcm SharedMcm;

struct Lower {
  const Graph *g;
  const Options *o;
  const Config *config;
  Kernel *k;
  DspPlan *dsp; /* NULL: adders only */
  Num **num;    /* by tensor id: elements; NULL before they are made */
  /* of the node being lowered */
  const Node *node;
  LayerConfig lc;
  Round round;
  Overflow overflow;
  int site;    /* -1 until something of this node may overflow */
  Ahead ahead; /* of a dense product */
  bool told_too_large;
  SharedMcm *shared;     /* of a convolution, or of weights that several nodes read: adder graphs, found once; NULL elsewhere */
  SharedMcm **shared_by; /* the latter, by tensor id; NULL before the first */
};

/* Elements of an input tensor; constants come quantised to the format that quant.c gave them. */
const Num *lower_in(Lower *l, const Tensor *t);
/* Room for the elements of an output tensor. */
Num *lower_out(Lower *l, const Tensor *t);
/* x at `frac` binary places exactly (frac >= x.frac). */
int num_align(Lower *l, Num x, int frac);
/* x rounded and limited to the format of the tensor, or of its element e (unchanged when the tensor is exact), counted under the node. */
Num num_quant(Lower *l, Num x, const Tensor *t);
Num num_quant_element(Lower *l, Num x, const Tensor *t, int64_t e);
/* x with at most `frac` places, rounded where it has more; never limited. */
Num num_round(Lower *l, Num x, int frac);
/* The constant in the layer's weight format: slopes, bounds. Warns once a node when it does not fit. */
Num num_const(Lower *l, double c);
/* Exact sum, difference, product, larger. */
Num num_add(Lower *l, Num a, Num b);
Num num_sub(Lower *l, Num a, Num b);
Num num_mul(Lower *l, Num a, Num b);
Num num_max(Lower *l, Num a, Num b);
Num num_min(Lower *l, Num a, Num b);
/* f over g[0..n-1], n > 0, as a balanced tree; g is overwritten. */
Num num_tree(Lower *l, Num *g, int64_t n, Num (*f)(Lower *, Num, Num));
/* sum / members, limited to the tensor's format. */
Num num_mean(Lower *l, Num sum, int64_t members, const Tensor *t);
/* num_quant of all elements of an output tensor. */
void quant_all(Lower *l, const Tensor *t);
/* y[cols] = x[rows] * w[rows][cols] + bias[cols], w constant: one adder graph. w and bias are given as Num of constants; bias may be NULL.
 * l->ahead must be set. */
void const_product(Lower *l, int rows, int cols, const Num *x, const Num *w, const Num *bias, Num *y);
/* What follows the sums of t: for l->ahead. */
Ahead look_ahead(const Lower *l, const Tensor *t);
/* Reshape, Transpose, Slice, Concat, Pad, ...: their float evaluator, run on element numbers, says where each element goes. Element e of
 * input i has the number first[i] + e, where that is not an index, a shape or the like (-1); 0 is the zero that Pad puts in. By output, the
 * number in each place. */
double **move_numbers(const Node *n, int64_t *first);
/* Whether the kernel has grown beyond what can be compiled; says so, once. */
bool lower_too_large(Lower *l);
/* Element of `from` that broadcasting puts at element e of `to`. */
int64_t num_broadcast(const Tensor *from, const Tensor *to, int64_t e);
/* The elements of `in` that are combined along an axis: element number of member i of group j. */
typedef struct {
  int64_t groups, members;
  int64_t inner; /* elements between members */
} Axis;
Axis lower_axis(const Tensor *t, int64_t axis);
int64_t lower_axis_at(Axis a, int64_t group, int64_t member);
/* Integer that c becomes in the format; *fits is cleared when it is out of range. NaN becomes 0, infinities saturate. */
int64_t quant_const(double c, Format f, Round round, Overflow overflow, bool *fits);

/* One function for each operator that computes; op_table.def names them. */
#define OP(id, since, min_in, max_in, max_out, kind, infer, eval, lower, note) LOWER_DECLARE(lower)
#define LOWER_DECLARE(fn) void fn(Lower *l, const Node *n);
#define NONE lower_none
#include "op_table.def"
#undef NONE
#undef OP
#undef LOWER_DECLARE

/* lower.c: the whole graph. Formats must be assigned (quant.h). */
Kernel *lower_graph(const Graph *g, const Options *o, const Config *config);

/* ---- lower_dsp.c ---- */

/* From --dsp, and the scores of a survey when that is a number. */
DspPlan *dsp_plan(const Options *o, DspPlan *survey);
/* Takes the products that get a multiplier out of the matrix m[rows][cols] (their weights become 0) of a layer with inputs x. How many
 * comes back; product[i] is a value to be added to column[i]; both have room for rows * cols. */
int dsp_products(Lower *l, int rows, int cols, int64_t *m, const int *x, int *product, int64_t *column);

/* ---- lower_shared.c ---- */

SharedMcm *shared_new(void);
/* As hir_mcm; the adder graph of a matrix that came before, with inputs of the same widths, is used again. */
void shared_mcm(SharedMcm *s, Kernel *k, int rows, int cols, const int64_t *m, const int *x, const i128 *bias, int *y,
                const McmOptions *opt);

/* ---- table.c: activation tables, correctly rounded by MPFR ---- */

/* A one-variable function to 200 bits: f(x) less its linear part, by operator and its attributes. */
typedef struct {
  OpId op;
  double alpha, gamma; /* Elu, Celu, Swish: alpha; Selu: both */
  bool tanh_form;      /* Gelu */
  double neg, pos;     /* linear part: neg * x below 0, pos * x from 0 on */
} TableFn;
TableFn table_fn(const Node *n);
/* Deviation from the linear part at x = q * 2^-frac, as an integer of `out_frac` places in the given rounding, limited to +-2^46. */
int64_t table_word(const TableFn *f, int64_t q, int frac, int out_frac, Round round);
/* The same as double, for choosing ranges. */
double table_value(const TableFn *f, double x);

#endif
