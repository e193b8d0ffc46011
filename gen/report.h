/* SPDX-License-Identifier: Apache-2.0
 *
 * report.h - fixed point against float, layer by layer; report.json; --info; --compare.
 */
#ifndef NNGEN_REPORT_H
#define NNGEN_REPORT_H

#include "emit.h"
#include "quant.h"

/* Magnitudes by powers of two: bin[b] counts those in [2^(b-OCTAVE_0), 2^(b-OCTAVE_0+1)); what is beyond the ends is in the end bins. */
enum { OCTAVES = 64, OCTAVE_0 = 40 };
typedef struct {
  uint64_t zero, bin[OCTAVES];
} Octaves;
void octaves_add(Octaves *o, double v);

/* One layer (or input) over all samples. Errors are fixed minus float, in the tensor's own units. */
typedef struct {
  double min, max; /* fixed-point values seen */
  double max_abs_err, sum_sq_err, sum_sq;
  /* what the layer adds itself: its fixed-point result less its float function of its fixed-point arguments */
  double own_max_abs_err, own_sum_sq_err;
  double reach_min, reach_max;   /* the range to hold: of the float model and of fixed point, before it is limited to the format */
  int dead;                      /* of a layer: elements proved to be constant, whatever the input */
  double proved_min, proved_max; /* of a layer: what its values are proved to stay in, before they are limited to the format */
  bool own_unknown;              /* that is with the addition of a constant behind it */
  double output_sum_sq;          /* over Comparison.n_traced samples: how far that moves the outputs, all layers behind it being float */
  int64_t elements;
  Octaves floats, fixed;
} LayerStats;

/* Samples whose labels are classes: what was decided. One threshold where there is a single output, else the largest of the widest one. */
typedef struct {
  int port;                         /* output that decides */
  int classes;                      /* at least 2 */
  int *label, *by_float, *by_fixed; /* by sample */
} Decisions;

typedef struct {
  size_t n;                          /* samples */
  LayerStats *layer;                 /* by Kernel.layer */
  LayerStats *input;                 /* by Kernel.in_port: own errors are all errors */
  uint64_t *beyond;                  /* by Kernel.in_port: values out of its format */
  size_t n_traced, n_output_values;  /* samples in output_sum_sq, and the values it sums over */
  uint64_t *saturated, *wrapped;     /* by site */
  double *least, *most;              /* by site: of what did not fit, in steps of the format */
  int64_t *out;                      /* n * n_out raw outputs */
  double max_abs_err, rms_err;       /* over all graph outputs */
  double argmax_agreement;           /* share of samples; of the widest output; < 0: no output has two elements */
  double float_metric, fixed_metric; /* against --labels: accuracy for integer labels, RMSE for real ones; NaN without */
  bool metric_is_accuracy;
  const Decisions *decisions; /* NULL: labels are no classes */
  size_t worst_sample;        /* of max_abs_err */
  const char *worst_source;   /* where the largest part of it enters, and how much: when it exceeds --max-error; NULL: unknown */
  double worst_part;
  int n_steps; /* of a recurrent kernel: how the error of the state grows. Entry t: step t of the windows, or where none ends steps 2^t to
                * 2^(t+1)-1 */
  struct StepError {
    double sum_sq;
    int64_t elements;
  } * step;
} Comparison;

/* Runs the fixed-point kernel over the samples (quantised to the input formats) and compares each layer's output with the float model's.
 * `k` is the kernel as lowered or cleaned; layers whose values were dropped as dead are skipped. raw gets the n * n_in input integers. */
Comparison *compare_run(const Graph *g, const Kernel *k, const Options *o, const Samples *s, int64_t *raw);
/* The same of a stream; k: stream_layers of it. */
Comparison *compare_stream(const Graph *g, const Stream *st, const Kernel *k, const Options *o, const Samples *s, int64_t *raw);
/* --labels: fills float_metric and fixed_metric from the graph's float outputs and the fixed ones. */
void compare_labels(const Kernel *k, const Options *o, const Samples *s, Comparison *c);
/* --max-error: EXIT_NUMERIC when the worst error exceeds it. */
void compare_limit(const Options *o, const Comparison *c);
/* Warns of every layer that saturated or wrapped, with figures and the I that would do. */
void compare_warn(const Graph *g, const Kernel *k, const Comparison *c, const Samples *s);
/* Prints the table per layer and in all (nngen -v, make demo). */
void compare_print(const Kernel *k, const Comparison *c, FILE *f);
/* Its last line alone: all outputs. */
void compare_line(const Comparison *c, FILE *f);

typedef struct {
  const char *name;
  double seconds;
} PassTime;

/* The node and the tensor that a layer was made from; NULL when there is none. */
const Tensor *report_tensor(const Graph *g, const HirLayer *l);

/* ---- error_source.c: where error enters ---- */

typedef struct ErrorSource ErrorSource;
/* tensor: of each layer, NULL where unknown. n: samples that will come whose outputs count. */
ErrorSource *error_source_new(const Graph *g, const Kernel *k, const Tensor *const *tensor, size_t n, Comparison *c);
/* Adds sample number `at` to the own errors, and for some samples to what they do to the outputs. raw: its input integers; val: of all
 * values of the kernel; want: the float model, run on this sample. */
void error_source_sample(ErrorSource *e, size_t at, const int64_t *raw, const i128 *val, const Eval *want);
/* A tensor's fixed-point values in the sample added last. */
const double *error_source_value(const ErrorSource *e, const Tensor *t);
/* Of one sample, the part of output element `out` (of all outputs in a row) that enters where it is largest, in the direction of `err`;
 * that place as text. */
double error_source_largest(ErrorSource *e, const int64_t *raw, const i128 *val, const Eval *want, int out, double err, const char **where);

/* Places (sites) where a value could leave its format, and of them those where hardware checks it: the others are proved. */
void report_sites(const Design *d, int *sites, int *checked);
/* What --prune and --merge took out, and what was proved constant; nothing where there is none. */
void report_pruned(const Design *d, const Comparison *c, FILE *f);
/* Appends report.json. */
void report_json(Buf *b, const Design *d, const Samples *s, const Comparison *c, int n_times, const PassTime *times);
/* --info */
void report_info(const Graph *g, const Samples *s, const Options *o);
/* --compare: prints both side by side; EXIT_NUMERIC when B is worse: its worst error above --max-error (or above A's when none is given),
 * or its metric below A's by more than 0.5 points. */
void report_compare(const char *a, const char *b, const Options *o);

#endif
