/* SPDX-License-Identifier: Apache-2.0
 *
 * search_joint.h - what the files of the joint search share: a network on its tape, rows of data, and how far it is from the float network.
 */
#ifndef NNGEN_SEARCH_JOINT_H
#define NNGEN_SEARCH_JOINT_H

#include "search_tape.h"

typedef struct {
  Tape *t;
  Search *s;                /* what decides, and the rows held back as measure() takes them; its rows are one for each step that counts */
  double *rows;             /* n x t->n_in */
  double *want;             /* n x t->n_y: of the float network */
  size_t n_fit, n, n_tried; /* rows to fit; all; of those to fit, that moves are tried on */
  int due;                  /* steps that count */
  double scale;             /* of a regression: an output error of this size is 1 */
  double bound;             /* beyond which errors are dear */
  double work;              /* done, in operations */
} Joint;

/* All weights and formats. */
typedef struct {
  double *q;
  TapeGroup *group;
} JointState;

/* Mean squared error at the outputs, in the metric of the classes or over the scale, of the first n rows; more than `most` may come back
 * as soon as it is sure. */
double joint_error(Joint *j, size_t n, double most);
/* Rows that were held back go through the quantized network into j->s. */
void joint_held(Joint *j);
/* To be freed by the caller. */
JointState joint_save(const Joint *j);
void joint_load(Joint *j, const JointState *from);
/* Error + price * cost of the network as it stands; more for errors beyond the bound. */
double joint_value(Joint *j, double price, double most);

/* search_moves.c: lowers the value. */
void joint_newton(Joint *j, double price, int steps);
/* Each format by itself, by trial; false: nothing was better. */
bool joint_formats(Joint *j, double price);
/* One bit less in every format between layers, with the smallest table for each; false: there is none left to drop. */
bool joint_coarsen(Joint *j);
/* Finer addresses of all tables. */
void joint_refine(Joint *j, int places);
/* Gauss-Newton steps that one can afford at a time. */
int joint_steps(const Joint *j);
/* All formats of a tensor at once, weights making up for it in so many steps. */
bool joint_sets(Joint *j, double price, int steps);
bool joint_weights(Joint *j, double price);

/* search_joint.c: of networks whose weights are shared by time steps. False: such a network it is not, or the tape cannot have it. */
bool search_joint(Search *s, const Samples *data, SearchResult *r);
bool joint_wanted(const Graph *g);

#endif
