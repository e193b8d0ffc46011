/* SPDX-License-Identifier: Apache-2.0
 *
 * recurrent.h - what an RNN, GRU or LSTM node says, read in one place for inference, the float model and the passes that take it apart.
 */
#ifndef NNGEN_RECURRENT_H
#define NNGEN_RECURRENT_H

#include "nngen.h"

enum { MAX_GATES = 4, MAX_FUNCTIONS = 3 };

/* Inputs by number; a node may have fewer. */
enum { RECURRENT_X, RECURRENT_W, RECURRENT_R, RECURRENT_B, RECURRENT_LENS, RECURRENT_H, RECURRENT_C, RECURRENT_P };

/* One activation of a cell: y = f(x). */
typedef struct {
  const char *name; /* as ONNX spells it: "Tanh", "Affine", ... */
  double alpha, beta;
} CellFunction;

typedef struct {
  OpId op;
  int64_t steps, batch, in, hidden;
  int gates, dirs;
  bool backward;            /* the first direction runs from the last step to the first */
  bool batch_first;         /* layout 1 */
  bool linear_before_reset; /* GRU */
  bool input_forget;        /* LSTM */
  double clip;              /* of the activations' arguments; infinite: none */
  CellFunction f[2][MAX_FUNCTIONS];
} Recurrent;

/* Reads the attributes and the shapes of X and R. False after diag_error. */
bool recurrent_of(const Node *n, Recurrent *r);
/* Input k, NULL where it is left out. */
Tensor *recurrent_in(const Node *n, int k);
/* The index of a step's first element of [steps][batch][width], or of [batch][steps][width]; *stride: from one row of the batch to the
 * next. */
int64_t recurrent_row(const Recurrent *r, int64_t count, int64_t step, int64_t width, int64_t *stride);

#endif
