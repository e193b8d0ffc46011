/* SPDX-License-Identifier: Apache-2.0
 *
 * search_tape.h - the network as a list of instructions for single elements, over all time steps of a window: what it gives on rows of data
 * as float and as quantized network, and how the outputs depend on every weight.
 *
 * A slot is one element of one tensor at one step; what is only moved has no slot of its own. Weights are parameters, whatever step reads
 * them; formats belong to groups of elements, the same at every step.
 */
#ifndef NNGEN_SEARCH_TAPE_H
#define NNGEN_SEARCH_TAPE_H

#include "lower.h"
#include "search_in.h"
#include "table_split.h"

enum { TAPE_ZERO = 0 };                        /* the slot that is always 0 */
enum { TAPE_ONE, TAPE_MINUS_ONE, TAPE_FIRST }; /* parameters that are constants */
enum { TAPE_BLOCK = 128 };                     /* rows that are run together */

typedef enum { TAPE_DOT, TAPE_MUL, TAPE_FN, TAPE_ANY } TapeOp;

typedef struct {
  int slot, param;
} TapeTerm;

typedef struct {
  TapeOp op;
  int out;
  int a, b;           /* MUL: both; FN: its argument */
  int first, n;       /* DOT: terms; ANY: slots of its inputs, then of its outputs */
  int bias, negative; /* DOT: a parameter, -1: none; 1: subtracted */
  int group;          /* of its result; -1: exact */
  const Node *node;   /* FN: of TAPE_BLOCK elements; ANY */
  int table;          /* FN: which function, -1: no table with an address of its own */
} TapeInstr;

typedef struct {
  Format fmt;       /* W = 0: always 0 */
  TableShape shape; /* of the table that makes it */
  int table;        /* function of that table; -1: none */
  bool input;       /* lowest bits are cut off those of the port */
  Format port;
  bool fixed;
  int set;       /* the first group of the same tensor */
  double lo, hi; /* of the float network */
} TapeGroup;

typedef struct {
  const Tensor *of;
  int element;
  double value; /* of the float network */
  double q;     /* in steps */
  double step, least, most;
  bool searched, bias;
} TapeParam;

typedef struct {
  TableFn fn;
  double **value; /* by places: at addresses -reach .. reach; NULL: not asked for yet */
} TapeTable;

/* The words of a table as the hardware has them, and its LUTs. */
typedef struct {
  int table;
  TableShape shape;
  Format fmt;
  int64_t from, to;
  double *word, luts; /* NULL: there is no such table */
} TapeWords;

typedef struct {
  const Graph *g;
  const Options *o;
  const Config *config;
  int steps;
  double half; /* added before bits are dropped: rounding half up, or nothing */
  int n_slots;
  TapeInstr *instr;
  int n_instr, cap_instr, hardware; /* those from `hardware` on are one step's, what the hardware has */
  TapeTerm *term;
  int n_term, cap_term;
  TapeGroup *group;
  int n_groups;
  TapeParam *param;
  int n_params, n_searched;
  int *searched; /* parameters */
  TapeTable *table;
  int n_tables, cap_tables;
  int n_in, *in, *in_group; /* slots and groups of the elements of a row of data */
  int n_y, *y;              /* slots of what decides, of all steps that count */
  int *group_of;            /* by tensor id: first group, -1: none */
  int *param_of;            /* by tensor id: first parameter, -1: none */
  int *frac;                /* by slot: for costs */
  float *lo, *hi;           /* by slot, of the float network */
  /* buffers of a block */
  double *value, *slope;
  bool failed;
  TapeWords **words; /* those asked for so far */
  int n_words, cap_words;
} Tape;

/* NULL where the network has something that this cannot do: nothing is reported then. y: what decides, in the graph. */
Tape *tape_new(const Graph *g, const Options *o, const Config *config, const Tensor *y);
/* Runs rows [0, n), n <= TAPE_BLOCK, of t->n_in values each; results stay in t->value (slot * TAPE_BLOCK + row); rows behind mean nothing.
 */
void tape_run(Tape *t, const double *rows, int n, bool quantized);
/* After a quantized run: the derivative of the sum over c of weight[c][row] * (output c) by every searched parameter, row by row into
 * jacobian[row * n_searched]. */
void tape_slopes(Tape *t, int n, const double *weight, double *jacobian);
/* Notes the range of all slots after a float run. */
void tape_ranges(Tape *t, int n);
/* Of a group that comes from a table. */
const TapeWords *tape_words(Tape *t, const TapeGroup *g);
/* What the hardware costs: adder bits, and the LUTs of tables. price: by searched parameter, what a digit of it costs; may be NULL. */
double tape_cost(Tape *t, double *price);
/* Tensor.rounded, fmt, each and places from parameters and groups. */
void tape_write(const Tape *t);
/* Elements of t that have one format. */
int tape_group(const Tape *t, const Tensor *x, size_t e);

#endif
