/* SPDX-License-Identifier: Apache-2.0
 *
 * rdo.h - rate-distortion rounding of one dense layer: every weight takes the value, zero included, that costs least in output error and
 * adders.
 */
#ifndef NNGEN_RDO_H
#define NNGEN_RDO_H

#include "nngen.h"

typedef struct {
  int rows, cols;       /* inputs, neurons */
  size_t n;             /* calibration samples */
  const double *x;      /* n x rows: inputs as the hardware has them */
  const double *z;      /* n x cols: what the float layer gives, bias included */
  const double *weight; /* n, mean 1: how much each sample matters; NULL: all alike */
  const double *w;      /* rows x cols: float weights */
  const double *gain;   /* cols: what a squared error of a neuron costs at the network's output */
  const int *bits;      /* rows: width of each input as it occurs; 0: constant */
  Format fmt;           /* of the weights */
  bool zeros_stay;      /* weights that are 0 were pruned */
  int word;             /* bits of a weight that a multiplier uses: so many digits is the cost of each that is not 0; 0: digits count */
  double price;         /* of an adder bit, in the unit of gain * error^2 */
} RdoLayer;

/* Signed digits of w, canonical form. */
int rdo_digits(int64_t w);
/* About the nearest to t of the integers from least to most with at least one signed digit and at most so many; digits > 0. */
double rdo_nearest(double t, int digits, double least, double most);

/* What samples and float layer say, whatever the format and the price. */
typedef struct RdoFit RdoFit;
RdoFit *rdo_fit(const RdoLayer *l);
void rdo_fit_free(RdoFit *f); /* NULL: nothing */
/* Sets q (rows x cols, multiples of the format's step within it) and bias (cols, exact means). The number of adder bits that the digits of
 * q take, unshared, comes back. Deterministic. f: of the same samples, float layer and weights. */
double rdo_round(const RdoLayer *l, const RdoFit *f, double *q, double *bias);
/* Both. */
double rdo_layer(const RdoLayer *l, double *q, double *bias);

/* Parameters of a whole network at once. */
typedef struct {
  int n;
  const double *h;            /* n x n, symmetric, positive: half the curvature of the error */
  const double *target;       /* where the error is least */
  const double *step;         /* values are multiples of these */
  const double *least, *most; /* in steps */
  const double *price;        /* of a digit, in the unit of the error */
} RdoVector;
/* Sets q[n], in steps, to about the least of (q step - target)' h (q step - target) + price * digits(q). */
void rdo_vector(const RdoVector *v, double *q);
/* x becomes target: h (x - from) = -slope. h is positive. */
void rdo_solve(const double *h, int n, const double *slope, double *x);

#endif
