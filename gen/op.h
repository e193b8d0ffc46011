/* SPDX-License-Identifier: Apache-2.0
 *
 * op.h - the functions that op_table.def names for shape inference (op_infer*.c) and for the float meaning (eval*.c), and what they share.
 */
#ifndef NNGEN_OP_H
#define NNGEN_OP_H

#include "nngen.h"

/* ---- shape inference: see OpInfo.infer ---- */

bool infer_same(Graph *g, Node *n);
bool infer_binary(Graph *g, Node *n);
bool infer_compare(Graph *g, Node *n);
bool infer_nary(Graph *g, Node *n);
bool infer_where(Graph *g, Node *n);
bool infer_prelu(Graph *g, Node *n);
bool infer_gemm(Graph *g, Node *n);
bool infer_matmul(Graph *g, Node *n);
bool infer_reduce(Graph *g, Node *n);
bool infer_argmax(Graph *g, Node *n);
bool infer_batchnorm(Graph *g, Node *n);
bool infer_cast(Graph *g, Node *n);
bool infer_cast_like(Graph *g, Node *n);
bool infer_dropout(Graph *g, Node *n);
bool infer_flatten(Graph *g, Node *n);
bool infer_reshape(Graph *g, Node *n);
bool infer_squeeze(Graph *g, Node *n);
bool infer_unsqueeze(Graph *g, Node *n);
bool infer_transpose(Graph *g, Node *n);
bool infer_concat(Graph *g, Node *n);
bool infer_split(Graph *g, Node *n);
bool infer_slice(Graph *g, Node *n);
bool infer_pad(Graph *g, Node *n);
bool infer_expand(Graph *g, Node *n);
bool infer_tile(Graph *g, Node *n);
bool infer_gather(Graph *g, Node *n);
bool infer_conv(Graph *g, Node *n);
bool infer_pool(Graph *g, Node *n);
bool infer_resize(Graph *g, Node *n);
bool infer_depth_space(Graph *g, Node *n);
bool infer_recurrent(Graph *g, Node *n);
bool infer_constant(Graph *g, Node *n);
bool infer_shape(Graph *g, Node *n);
bool infer_size(Graph *g, Node *n);
bool infer_constant_of_shape(Graph *g, Node *n);
bool infer_range(Graph *g, Node *n);
bool infer_quantize(Graph *g, Node *n);
bool infer_dequantize(Graph *g, Node *n);
bool infer_qonnx(Graph *g, Node *n);
bool infer_requantize(Graph *g, Node *n);
bool infer_scale(Graph *g, Node *n);
bool infer_offset(Graph *g, Node *n);

/* ---- float meaning: see OpInfo.eval. Parameters that must be constant (axes, bounds, repeats, ...) are read from n->in[k]->value, never
 * from in[k]: KIND_MOVE is lowered by running eval on element numbers. ---- */

typedef void EvalFn(const Node *n, const double *const *in, double *const *out);

EvalFn eval_gemm, eval_matmul, eval_add, eval_sub, eval_mul, eval_div, eval_mod, eval_pow, eval_neg, eval_sum, eval_max, eval_min;
EvalFn eval_reduce_sum, eval_reduce_mean, eval_reduce_prod, eval_reduce_max, eval_reduce_min, eval_batchnorm;
EvalFn eval_relu, eval_leaky_relu, eval_prelu, eval_thresholded_relu, eval_clip, eval_hard_sigmoid, eval_abs;
EvalFn eval_sigmoid, eval_tanh, eval_elu, eval_selu, eval_celu, eval_softplus, eval_softsign, eval_hard_swish, eval_gelu, eval_mish,
    eval_swish;
EvalFn eval_erf, eval_exp, eval_log, eval_sqrt, eval_reciprocal, eval_floor, eval_ceil, eval_round, eval_sign, eval_sin, eval_cos;
EvalFn eval_softmax, eval_log_softmax, eval_normalizer, eval_argmax, eval_argmin;
EvalFn eval_equal, eval_less, eval_greater, eval_less_equal, eval_greater_equal, eval_not, eval_and, eval_or, eval_xor, eval_where;
EvalFn eval_copy, eval_cast, eval_transpose, eval_concat, eval_split, eval_slice, eval_pad, eval_expand, eval_tile, eval_gather;
EvalFn eval_conv, eval_pool, eval_resize, eval_depth_to_space, eval_space_to_depth;
EvalFn eval_quantize, eval_requantize, eval_scale;
EvalFn eval_recurrent;

/* ---- shared ---- */

/* Nearest int64, saturated; NaN is 0. */
int64_t to_i64(double v);
/* The value as the dtype holds it: integers wrap, floats are rounded to the type's precision. */
double to_dtype(DataType t, double v);

/* Infers a node, and folds it when all its inputs are constants: what is known of its outputs then. Nothing: reported. */
typedef enum { KNOWN_NOTHING, KNOWN_SHAPE, KNOWN_VALUE } Known;
Known infer_node(Graph *g, Node *n);

/* Sets dtype and shape of an output. Refuses more than MAX_RANK dimensions and more than 2^31 elements. */
bool set_shape(const Node *n, Tensor *t, DataType dtype, int rank, const int64_t *dim);
/* The shape that numpy's broadcasting makes of two; for use in a chain, a_dim may be out. */
bool broadcast_shape(const Node *n, int a_rank, const int64_t *a_dim, int b_rank, const int64_t *b_dim, int *rank, int64_t *out);
/* The type that an operator needs; two of one type. False after diag_error. */
bool need_number(const Node *n, const Tensor *t);
bool need_float(const Node *n, const Tensor *t);
bool same_type(const Node *n, const Tensor *a, const Tensor *b);
/* "[1,3,8,8]" */
const char *shape_text(int rank, const int64_t *dim);
/* An axis in [-rank, rank) made non-negative. */
bool norm_axis(const Node *n, int64_t axis, int rank, int *out);
/* Input k as integers, when it is a constant of rank 0 or 1 (`what` names it in messages). The count goes to *count. */
bool const_ints(const Node *n, int k, const char *what, int64_t **v, int *count);
/* Which axes a reduction, Squeeze, ... takes from its input k: flags by axis. False and no message where an axis is out of range. */
bool axis_flags(const Tensor *axes, int rank, bool *flag);

/* One dimension of a Slice, bounds clamped as ONNX says. */
typedef struct {
  int64_t start, step, count;
} SliceAxis;
/* Per axis of the data; the bounds are constant already. False where they contradict each other. */
bool slice_axes(const Node *n, SliceAxis *axis);
/* Pads per axis, before and after. */
bool pad_axes(const Node *n, int64_t *before, int64_t *after);

/* Walks all elements of a shape in order, with an offset into each of up to four operands that are broadcast to it. */
typedef struct {
  int rank;
  int64_t dim[MAX_RANK], index[MAX_RANK], stride[4][MAX_RANK], at[4];
  int64_t left;
} Walk;
void walk_start(Walk *w, int rank, const int64_t *dim);
void walk_operand(Walk *w, int k, int rank, const int64_t *dim); /* before the first walk_next */
void walk_next(Walk *w);

#endif
