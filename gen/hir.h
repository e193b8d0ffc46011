/* SPDX-License-Identifier: Apache-2.0
 *
 * hir.h - the hardware IR. From here on there is no float, no tensor, no ONNX: only integers with a proved interval.
 *
 * A Kernel is a list of values in SSA order: an argument is always an earlier value. Each value carries the interval [lo, hi] that its
 * integer is proved to stay in; its width and signedness follow from that. An emitter prints; one that computes a value is a bug.
 * Tensor elements are integers that stand for integer * 2^-frac; frac lives beside the kernel (ports and layers), not in it.
 *
 * A recurrent kernel computes one token (a time step, or a sample of an endless signal) and keeps a state from one token of a channel to
 * its next. State element s is read as IN number n_in + s and is left as out[n_out + s]; ports are for the data alone. Untimed, it is a
 * loop over the tokens of one channel; in hardware the state lies in a memory with a word a channel, between the stages that read and write
 * it.
 */
#ifndef NNGEN_HIR_H
#define NNGEN_HIR_H

#include "nngen.h"

typedef enum {
#define HIR_OP(id, ...) HIR_##id,
#include "hir.def"
#undef HIR_OP
  HIR_OP_COUNT
} HirOp;

typedef enum { ROUND_TRN, ROUND_RND, ROUND_RNE } Round;                /* AP_TRN, AP_RND (half up), AP_RND_CONV (half to even) */
typedef enum { OVERFLOW_SAT, OVERFLOW_WRAP, OVERFLOW_ERROR } Overflow; /* ERROR: proved impossible, or lowering has failed */

enum { HIR_MAX_WIDTH = 126 };

typedef struct {
  HirOp op;
  int arg[3]; /* value numbers; -1 where unused */
  int imm;    /* hir.def */
  i128 lo, hi;
  i128 bound_lo, bound_hi; /* CLAMP, WRAP, QUANT */
  int site;                /* CLAMP, WRAP, QUANT: index in Kernel.site; -1: not counted */
  uint8_t round, overflow; /* QUANT */
  bool joined;             /* ADD, SUB: done inside the adder that alone reads it (hir_ternary); always in its stage */
  int layer;               /* index in Kernel.layer; -1: none */
  int stage;               /* pipeline stage that computes it, from 0; set by hir_pipeline */
} HirValue;

/* Activation tables: `entries` words (a power of two), word i is for address i. */
typedef struct {
  const char *name; /* legal identifier, e.g. "sigmoid_1" */
  int entries;
  int64_t *word;
  int64_t lo, hi; /* of the words */
  uint64_t hash;
  const char *text; /* what it holds, for a comment: "sigmoid, address step 2^-6 from -8, word step 2^-10" */
} HirTable;

/* A graph input or output: n consecutive elements of one format, ONNX order. Element e of the port is IN number first+e,
 * or Kernel.out[first+e]. The hardware port packs the elements W bits each, element 0 lowest; ports follow one another upwards. */
typedef struct {
  const char *name; /* as in the model */
  int rank;
  int64_t dim[MAX_RANK];
  int first, n;
  Format fmt;
  double scale; /* of a quantised network: integer v stands for (v - zero) * scale; 0: for v * 2^-(W-I) */
  int64_t zero;
} HirPort;

/* n elements of a recurrent kernel's state: numbers first .. first+n-1, the integers they start from. */
typedef struct {
  const char *name;
  int first, n;
  Format fmt;
  int64_t *init;
} HirState;

/* One layer as the user knows it, for names, comments, traces and the report. */
typedef struct {
  const char *name;   /* node name */
  const char *op;     /* "Gemm + Relu" */
  const char *tensor; /* output tensor's name in the model */
  int n;              /* elements of its output */
  int *value;         /* the value of each element ... */
  int *frac;          /* ... and the binary point of each: element = (value - offset) * 2^-frac */
  int64_t *offset;    /* NULL: all 0. Set by hir_round, where a rounding constant was added early */
  Format fmt;         /* W = 0: exact, no single format */
  const Node *node;   /* for messages; NULL in a kernel that was read as text */
  const Tensor *of;   /* of a stream's unit: what it gives; NULL: see `tensor` */
} HirLayer;

/* Where saturation or wrapping may occur: counted by hir_eval and the C model. */
typedef struct {
  int layer;
  const char *name;
  bool input_side; /* limits a table's address, where the function is flat: not an overflow */
} HirSite;

/* family.def */
typedef struct {
  const char *name;
  double lut_ns, carry_ns, carry_bit_ns;
  bool three_input; /* a + b + c in one cell a bit */
} Family;
/* hir_pipe.c: the row of that name; NULL when there is none. The first is the default. */
const Family *family_find(const char *name);

typedef struct {
  const char *name;     /* top: legal identifier */
  const Family *family; /* set by hir_pipeline; NULL before: generic */
  int n, cap;
  HirValue *v;
  int n_in; /* IN elements of the ports */
  int n_out, cap_out;
  int *out; /* value of each output element of the ports, then of each state element */
  int n_state, n_states;
  HirState *state;
  int steps;                   /* tokens of a window, after which the state starts anew; 0: it is kept for ever. 1 without state */
  bool each_step;              /* outputs count after every token, not only after a window's last */
  int channels;                /* interleaved, token by token */
  int read_stage, write_stage; /* of the state, set by hir_pipeline */
  int n_in_ports, n_out_ports;
  HirPort *in_port, *out_port;
  int n_tables, cap_tables;
  HirTable *table;
  int memory_bits; /* tables of so many bits and more are block RAM, read in a stage of their own; 0: none */
  int n_layers, cap_layers;
  HirLayer *layer;
  int n_sites, cap_sites;
  HirSite *site;
  int cur_layer; /* new values belong to it */
  int n_stages;  /* latency in cycles, set by hir_pipeline: value computed in stage s is registered at its end, outputs leave registered */
  int *hash;     /* hash consing of equal values (hir.c) */
  int hash_cap;
} Kernel;

/* ---- hir.c: building. Every builder returns the number of a value; equal values are made once; constants fold; x+0, x<<0 and the like
 * vanish. An interval wider than HIR_MAX_WIDTH bits is an error (EXIT_UNSUPPORTED, once) and gives 0. ---- */

Kernel *hir_new(const char *name);
int hir_in(Kernel *k, int index, i128 lo, i128 hi); /* a state element when index >= n_in, which must be final then */
int hir_const(Kernel *k, i128 v);
int hir_add(Kernel *k, int a, int b, int shift); /* imm as in hir.def */
int hir_sub(Kernel *k, int a, int b, int shift);
int hir_neg(Kernel *k, int a);
int hir_shl(Kernel *k, int a, int n);
int hir_shr(Kernel *k, int a, int n);
int hir_mul(Kernel *k, int a, int b);
/* a * c by a multiplier; hir_mul makes adders of it. */
int hir_multiplier(Kernel *k, int a, int64_t c);
int hir_lt(Kernel *k, int a, int b);
int hir_mux(Kernel *k, int cond, int yes, int no);
int hir_min(Kernel *k, int a, int b);
int hir_max(Kernel *k, int a, int b);
int hir_clamp(Kernel *k, int a, i128 lo, i128 hi, int site);
int hir_wrap(Kernel *k, int a, int bits, bool is_signed, int site);
int hir_lut(Kernel *k, int a, int table);
int hir_quant(Kernel *k, int a, int drop, i128 lo, i128 hi, Round round, Overflow overflow, int site);
/* A tighter interval for value v, proved by the caller from knowledge the builder lacks (e.g. an affine form). Must lie within the present
 * one. */
void hir_narrow(Kernel *k, int v, i128 lo, i128 hi);

/* Elements of Kernel.out. */
static inline int hir_outs(const Kernel *k) {
  return k->n_out + k->n_state;
}
/* Whether a value is an element of the state as the last token left it. */
static inline bool hir_is_state(const Kernel *k, const HirValue *v) {
  return v->op == HIR_IN && v->imm >= k->n_in;
}
/* Whether outputs count after a channel's token number i, from 0. */
static inline bool hir_due(const Kernel *k, size_t i) {
  return k->steps == 0 || k->each_step || (i + 1) % (size_t)k->steps == 0;
}
/* Cycles from one token of a channel to its next at least, so that the state has been written (1 without state), and from one token to the
 * next when all channels take turns. Of a pipelined kernel. */
static inline int hir_loop(const Kernel *k) {
  return k->n_state ? k->write_stage - k->read_stage + 1 : 1;
}
static inline int hir_interval_cycles(const Kernel *k) {
  return (hir_loop(k) + k->channels - 1) / k->channels;
}

/* Of one channel's state. */
static inline int hir_state_bits(const Kernel *k) {
  int bits = 0;
  for (int i = 0; i < k->n_states; i++)
    bits += k->state[i].n * k->state[i].fmt.W;
  return bits;
}

/* Bits of an integer in [lo, hi]: two's complement when lo < 0, else unsigned (>= 1). */
int hir_width_of(i128 lo, i128 hi);
static inline bool hir_signed(const HirValue *v) {
  return v->lo < 0;
}
static inline int hir_width(const HirValue *v) {
  return hir_width_of(v->lo, v->hi);
}

int hir_table(Kernel *k, const char *name, int entries, const int64_t *word, const char *text); /* equal tables are made once */
int hir_site(Kernel *k, const char *name, bool input_side);

/* Text name and number of value arguments of an operation. */
const char *hir_op_name(HirOp op);
int hir_op_args(HirOp op);
/* Whether any value has that operation. */
bool hir_has(const Kernel *k, HirOp op);

/* Rebuilding passes: a new kernel with the ports, tables, sites and layers of `from` but no values; which values outputs depend on (inputs
 * count); one value built again with its arguments mapped; last, outputs and layers mapped (map: old value -> new, -1 for dropped). */
Kernel *hir_shell(const Kernel *from);
uint8_t *hir_live(const Kernel *k);
int hir_rebuild_value(Kernel *to, const HirValue *v, const int *map);
void hir_rebuild_tail(Kernel *to, const Kernel *from, const int *map);

/* Copies kernel `from` without unused values into a new one, through the builders (so that all simplifications apply again). */
Kernel *hir_clean(const Kernel *from);
/* hir_round.c: the half of rounding half up moves into a constant that is added on the way already. */
Kernel *hir_round(const Kernel *from);
/* hir_expand.c: rounding and overflow of QUANT in terms of the others: rounding constants merge into biases. */
Kernel *hir_expand(const Kernel *from);
/* The interval [l, h] after `drop` bits are rounded off, before any overflow. */
void hir_rounded(i128 l, i128 h, int drop, Round round, i128 *rl, i128 *rh);
/* hir_overflow.c, --overflow=error: EXIT_NUMERIC for every layer with a QUANT of that mode whose argument is not proved to fit; the message
 * says what its results may reach, with which values of the inputs or layers before it, and the I that would do. */
void hir_check_overflow(const Kernel *k);
/* By layer: integer bits, beyond those of its format, that are proved to hold its results; 0 where that is proved already. */
void hir_overflow_bits(const Kernel *k, int *more);
/* Interval of value i's operation from the present intervals of its arguments (k->v[i].lo/hi for inputs and constants). `scratch` is a
 * kernel from hir_new, reused from call to call, with the tables of k. */
void hir_interval(const Kernel *k, int i, Kernel *scratch, i128 *lo, i128 *hi);
/* hir_affine.c: intervals from interval and affine analysis together. They only shrink; `fresh`: present ones (but those of inputs) are not
 * believed but proved anew. */
void hir_affine(Kernel *k, bool fresh);
/* Checks SSA order, arity, intervals (recomputed) and ports; internal error (abort) when broken. */
void hir_check(const Kernel *k);

/* ---- hir_mcm.c: constant matrix times vector as an adder graph ---- */

typedef struct {
  int max_depth_extra; /* adder levels allowed beyond the least; -1: no limit */
  int searches;        /* ways to search of which the best result is taken, 1 to 8; two at a time on two cores */
} McmOptions;

/* y[j] = bias[j] + sum over i of m[i*cols + j] * x[i], exact; x, y are values. bias may be NULL. */
void hir_mcm(Kernel *k, int rows, int cols, const int64_t *m, const int *x, const i128 *bias, int *y, const McmOptions *opt);

/* The same at once and unshared: signed digits added up in a balanced tree. */
void hir_mcm_plain(Kernel *k, int rows, int cols, const int64_t *m, const int *x, const i128 *bias, int *y);

/* hir_ternary.c: pairs of adders that are one three-input adder, where the family has them; before hir_pipeline. */
void hir_ternary(Kernel *k);

/* ---- hir_pipe.c: pipeline registers. Fills v[].stage and n_stages. ---- */

/* clock_ns: target period. Stage s computes combinationally from registers of earlier stages; a value read in a later stage than its own is
 * carried by registers. stage is nondecreasing along arguments. IN values are registered on entry: stage 0 computes from that input
 * register. */
void hir_pipeline(Kernel *k, double clock_ns, const Family *family);
/* Delay of one value's operation in ns, in the simple model used (wires and constants: 0). */
double hir_delay(const Kernel *k, const HirValue *v);

/* ---- hir_eval.c: the oracle ---- */

typedef struct {
  uint64_t *saturated;  /* per site */
  uint64_t *wrapped;    /* per site */
  double *least, *most; /* per site, of the results that did not fit, before they are limited; both NULL: not wanted */
} HirCounts;

/* Evaluates n samples. in: n * n_in raw integers; out: n * n_out. They are the tokens of one channel, the first one after a reset, when the
 * kernel is recurrent. Where `trace` is not NULL it is called for each sample with the
 * integers of all values that layers and outputs name (val[i] of value i). counts may be NULL (its arrays are added to). An input outside
 * its interval is a caller's bug. */
void hir_eval(const Kernel *k, size_t n, const int64_t *in, int64_t *out, HirCounts *counts,
              void (*trace)(void *ctx, size_t sample, const i128 *val), void *ctx);

/* The same where a token's outputs may be of no use, and what they are made of any mixture: left[i] becomes 1 where a value of token i left
 * its interval, and it is cut to its width. */
void hir_eval_tokens(const Kernel *k, size_t n, const int64_t *in, int64_t *out, uint8_t *left);

/* ---- hir_text.c: text form, an input too ---- */
/* ", integer q stands for (q - 3) * 0.05"; empty where there is no scale. */
const char *hir_port_scale(const HirPort *p);
void hir_print(const Kernel *k, FILE *f);
/* NULL after diag_error (EXIT_INVALID). */
Kernel *hir_parse(const char *file, const char *text);
/* The same from a file; EXIT_FILES when it cannot be read. */
Kernel *hir_read(const char *path);

/* ---- cost: what the report and the benches count ---- */

typedef struct {
  int64_t adders, adder_bits, mults, lut_entries_bits; /* a three-input adder counts two ... */
  int64_t adders3;                                     /* ... and once here */
  int64_t luts, ffs, dsps, brams;                      /* estimates */
  int64_t reg_bits;
  int depth; /* adders on the longest path */
} HirCost;
/* Of one layer, or of the whole kernel (layer = -1). adder_bits: for each add or subtract its result width less the low bits
 * that pass through unchanged. */
HirCost hir_cost(const Kernel *k, int layer);
/* Of the whole kernel, then of each layer. */
const HirCost *hir_costs(const Kernel *k);
/* hir_cells.c: the estimate behind it, of each value: 7-series LUTs, DSP48, 18 Kb block RAMs. */
typedef struct {
  double luts;
  int dsps, brams;
} HirCells;
HirCells *hir_cells(const Kernel *k);
/* Of one table with words of that many bits. */
double hir_table_luts(const HirTable *t, int width);
/* Block RAMs of 18 Kb for a memory, in the shape that takes fewest. */
int64_t hir_brams(int64_t words, int bits);
/* Carry-chain bits of one value (0 when it is no adder). */
int hir_adder_bits(const Kernel *k, const HirValue *v);

#endif
