/* SPDX-License-Identifier: Apache-2.0
 *
 * quant.h - which number format every tensor gets, and the data that decides it.
 */
#ifndef NNGEN_QUANT_H
#define NNGEN_QUANT_H

#include "options.h"

/* Per-layer overrides of --config. A field that is unset keeps the command line's value. */
typedef struct {
  bool has_weight, has_bias, has_result, has_round, has_overflow;
  Format weight, bias, result;
  Round round;
  Overflow overflow;
  int table_bits;     /* 0: default */
  int reuse;          /* 0: of the command line */
  bool *result_taken; /* to be set where `result` becomes a format; NULL: there is none */
} LayerConfig;

typedef struct Config Config;
/* Reads --config (NULL: none). Faults: diag_error(EXIT_USAGE, or EXIT_FILES when it cannot be read). Format:
 *   {"layers": {"GLOB": {"q": "8,3", "weights": "6,2", "bias": "8,3", "result": "8,3", "round": "rnd", "overflow": "sat", "table_bits":
 * 10}}} GLOB is matched with node names and graph input names; where several match, later ones win. "q" sets weights, bias and result. */
Config *config_read(const char *path);
LayerConfig config_for(const Config *c, const char *name);
/* The same for a node. One of an unrolled layer goes by its own name and the layer's; "result" under the layer's is its states'. */
LayerConfig config_of(const Config *c, const Node *n);
/* Warns of patterns that matched nothing (config_for marks them), and of results' formats that nothing took (quant_assign marks those). */
void config_warn_unused(const Config *c);

/* Sample inputs with what the float model makes of them. */
typedef struct {
  size_t n;           /* inputs: samples, or time steps one after the other (Graph.n_states) */
  size_t n_due;       /* outputs: n, or one a window */
  int n_in, n_out;    /* elements, without states */
  float *in;          /* n * n_in, all graph inputs concatenated */
  double *out;        /* n_due * n_out, float outputs */
  double *lo, *hi;    /* by tensor id: range seen */
  float *fit;         /* n_fit * n_in: inputs of --fit */
  size_t n_fit;       /* 0: no such file */
  const char *source; /* file, or "random inputs, seed 1" */
  bool is_user_data;
} Samples;

/* Reads --data, or draws inputs (standard normal, seed 1), and runs the float model over them; reads --fit. NULL after diag_error. */
Samples *samples_read(const Graph *g, const Options *o);

/* Sets Tensor.fmt and Tensor.exact everywhere: see quant.c for the rules. Warns of every constant that does not fit its format, with
 * the I that would do (EXIT_NUMERIC under --overflow=error). */
void quant_assign(Graph *g, const Options *o, const Config *c, const Samples *s);

/* quant_prove.c, --q=W,proved: widens I of results until all are proved to fit, whatever the input. EXIT_NUMERIC where none does. */
void quant_prove(Graph *g, const Options *o, const Config *c);
/* Copies of all formats, by tensor id; and of those that are others since, the origin becomes FROM_SEARCH. */
Format *quant_formats(const Graph *g);
void quant_note_search(Graph *g, const Format *before);

/* ---- calibrate.c: integer bits from the samples ---- */

typedef struct Calibration Calibration;
/* Of all results and inputs, at width Options.W, by Options.calibrate; tied tensors share. */
const Calibration *calibrate(const Graph *g, const Options *o, const Samples *s);
int calibrated_I(const Calibration *c, const Tensor *t, FormatFrom *from);
/* As report.json has it; NULL for FROM_NOTHING. */
const char *format_from_text(FormatFrom from);

/* Smallest I at width W that holds [lo, hi] rounded to nearest. */
int format_fit(int W, double lo, double hi);
/* The format of whole numbers from lo to hi. */
Format format_whole(i128 lo, i128 hi);
/* The format's integers; its step is 2^-(W-I). */
int64_t format_min(Format f);
int64_t format_max(Format f);
/* What integer v of a port stands for, and the integer of x at a port that has a scale (quantised as ONNX says). */
double port_value(const HirPort *p, int64_t v);
int64_t port_quantised(const HirPort *p, double x);
/* "<16,6>", "u<8,8>"; in the arena. */
const char *format_text(Format f);
/* Parses "W,I" (I may be left out of "W,auto": *auto_I, when not NULL). */
bool format_parse(const char *s, Format *f, bool *auto_I);

#endif
