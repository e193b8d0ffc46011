/* SPDX-License-Identifier: Apache-2.0
 *
 * report.h - fixed point against float, layer by layer; report.json; --info; --compare.
 */
#ifndef NNGEN_REPORT_H
#define NNGEN_REPORT_H

#include "emit.h"
#include "quant.h"

/* One layer over all samples. Errors are fixed minus float, in the tensor's own units. */
typedef struct {
  double min, max; /* fixed-point values seen */
  double max_abs_err, sum_sq_err, sum_sq;
  int64_t elements;
} LayerStats;

typedef struct {
  size_t n;                          /* samples */
  LayerStats *layer;                 /* by Kernel.layer */
  uint64_t *saturated, *wrapped;     /* by site */
  int64_t *out;                      /* n * n_out raw outputs */
  double max_abs_err, rms_err;       /* over all graph outputs */
  double argmax_agreement;           /* share of samples; of the widest output; < 0: no output has two elements */
  double float_metric, fixed_metric; /* against --labels: accuracy for integer labels, RMSE for real ones; NaN without */
  bool metric_is_accuracy;
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

/* Appends report.json. */
void report_json(Buf *b, const Design *d, const Samples *s, const Comparison *c, int n_times, const PassTime *times);
/* --info */
void report_info(const Graph *g, const Samples *s, const Options *o);
/* --compare: prints both side by side; EXIT_NUMERIC when B is worse: its worst error above --max-error (or above A's when none is given),
 * or its metric below A's by more than 0.5 points. */
void report_compare(const char *a, const char *b, const Options *o);

#endif
