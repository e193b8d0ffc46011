/* SPDX-License-Identifier: Apache-2.0
 *
 * options.h - the command line: one table (options.def) makes parsing, --help, the man page and shell completions.
 */
#ifndef NNGEN_OPTIONS_H
#define NNGEN_OPTIONS_H

#include "hir.h"

typedef enum { TARGET_VHDL = 1, TARGET_HLS = 2, TARGET_C = 4, TARGET_ALL = 7 } Target;

typedef enum { CALIBRATE_MINMAX, CALIBRATE_PERCENTILE, CALIBRATE_ERROR } Calibrate;

typedef struct {
  const char *model; /* the .onnx (or .hir) file */
  int target;        /* Target bits; the C model is always emitted */
  int W, I;          /* --q */
  bool auto_I;       /* --q=W,auto */
  bool proved;       /* --q=W,proved: auto_I, and more until nothing can overflow */
  Calibrate calibrate;
  double percentile; /* a share, for CALIBRATE_PERCENTILE */
  Round round;
  Overflow overflow;
  const char *config, *data, *labels, *fit;
  const char *mode;      /* parallel, stream, auto */
  const char *recurrent; /* unrolled, iterative, stateful */
  int n_states;
  StatePair *states;
  int reuse, channels; /* reuse 0: not given */
  int64_t target_ii;   /* 0: not given */
  int bram;            /* 0: no budget */
  bool streams;        /* of --mode, as decided by the size (main.c) */
  double clock_ns;
  double prune, merge;      /* < 0: off */
  double prune_share;       /* --prune=P%: of each layer's weights; 0: off */
  bool prune_rows;          /* --prune=rows:P%: whole neurons */
  int prune_keep, prune_of; /* --prune=N:M; of = 0: off */
  int n_dims;
  DimValue *dims;
  const char *top; /* legal identifier; defaults to the file's name */
  const char *out_dir;
  bool force, verify, info, verbose, quiet, json;
  double max_error; /* < 0: off */
  const char *compare_a, *compare_b;
  const char *dump; /* pass name */
  const Family *family;
  const char *depth;     /* auto, min or a number */
  const char *float_out; /* --float-out */
  int dsp;               /* multipliers for products with constants; -1: auto */
  double target_loss;    /* a share; below 0: no search */
  bool compensated;      /* --round-weights */
  int effort;            /* searches per adder graph, 1 to 8 */
  const char *hls_mult;  /* adders, tool */
  const char *hls_io;    /* none, axis, axilite */
  size_t random_vectors; /* beside the data */
  bool plots;            /* report.html: gnuplot and graphviz, where installed */
  const char *command;   /* the command line but for the output folder and what only changes messages; files without their folders */
} Options;

/* Whether weights are pruned. */
static inline bool options_prune(const Options *o) {
  return o->prune >= 0 || o->prune_share > 0 || o->prune_of;
}

/* Parses argv. On a fault: diag_error(EXIT_USAGE). --help, --version, --list-ops print and set *done. */
Options options_parse(int argc, char **argv, bool *done);

#endif
