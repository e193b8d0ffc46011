/* SPDX-License-Identifier: Apache-2.0
 *
 * cell.h - one time step of an RNN, GRU or LSTM as nodes of the Graph: what every architecture of a recurrent layer is made of.
 */
#ifndef NNGEN_CELL_H
#define NNGEN_CELL_H

#include "recurrent.h"

/* State between steps, each [batch, hidden]; c is of LSTM only, else NULL. */
typedef struct {
  Tensor *h, *c;
} CellState;

typedef struct Cell Cell;

/* The cell of one direction of node n: its weights as one stacked constant matrix for each vector that is multiplied, biases joined. All
 * names begin with `name`. Ties are numbered here, so that every step made by this cell has the same formats. */
Cell *cell_new(Graph *g, const Node *n, const Recurrent *r, int dir, const char *name);
/* The nodes of one step in front of `before`: from x [batch, in] and the state, both run-time or constant, to the next state. Names are
 * <name><step>_<part>, as in rnn1_t3_gates with step "_t3". A zero state costs nothing: lowering drops its rows and products. The state
 * that comes back is tied to that of the other steps. */
CellState cell_step(Cell *c, const Node *before, const char *step, Tensor *x, CellState s);
/* A constant state of the direction: zero, or the node's initial state. NULL members: absent (c), or known at run time only. */
CellState cell_constant_state(Cell *c);
/* Gives a constant the format of the state that the steps make; call after a step. */
void cell_tie_state(const Cell *c, CellState initial);

#endif
