/* SPDX-License-Identifier: Apache-2.0
 *
 * nngen.h - the Graph: the network as ONNX means it, float, every shape static.
 *
 *   onnx_read -> Graph -> pass_* -> Graph -> quant -> lower -> hir.h
 *
 * A Graph owns nothing: all its parts live in the arena (base.h). Element order is ONNX order (row-major, last axis fastest).
 */
#ifndef NNGEN_NNGEN_H
#define NNGEN_NNGEN_H

#include "base.h"

enum { MAX_RANK = 8 };

/* ONNX TensorProto.DataType; the values are the standard's. */
typedef enum {
  DT_UNDEFINED = 0,
  DT_FLOAT = 1,
  DT_UINT8 = 2,
  DT_INT8 = 3,
  DT_UINT16 = 4,
  DT_INT16 = 5,
  DT_INT32 = 6,
  DT_INT64 = 7,
  DT_STRING = 8,
  DT_BOOL = 9,
  DT_FLOAT16 = 10,
  DT_DOUBLE = 11,
  DT_UINT32 = 12,
  DT_UINT64 = 13,
  DT_BFLOAT16 = 16,
  DT_FLOAT8E4M3FN = 17, /* named in messages only, up to FLOAT8E5M2FNUZ = 20 */
  DT_FLOAT8E5M2FNUZ = 20,
  DT_UINT4 = 21,
  DT_INT4 = 22,
  DT_FLOAT4E2M1 = 23,
  DT_FLOAT8E8M0 = 24,
  DT_UINT2 = 25,
  DT_INT2 = 26
} DataType;

/* How an operator takes part in hardware; op_table.def gives each operator one of these. */
typedef enum {
  KIND_FOLD,   /* compile time only: must have become a constant before lowering (Shape, ConstantOfShape, Range, ...) */
  KIND_MOVE,   /* elements are moved, copied or padded, never computed (Reshape, Transpose, Slice, Concat, Gather, ...) */
  KIND_LINEAR, /* exact sums and products (Gemm, MatMul, Add, Mul, ...) */
  KIND_PWL,    /* exact piecewise linear (Relu, Clip, LeakyRelu, ...) */
  KIND_TABLE,  /* one-variable function, by table (Sigmoid, Tanh, Gelu, ...) */
  KIND_NORM,   /* Softmax, LogSoftmax, Normalizer */
  KIND_SELECT  /* ArgMax: indices, not values */
} OpKind;

typedef enum {
  OP_UNKNOWN,
#define OP(id, ...) OP_##id,
#include "op_table.def"
#undef OP
  OP_COUNT
} OpId;

typedef struct Node Node;
typedef struct Tensor Tensor;
typedef struct Graph Graph;
typedef struct Lower Lower; /* lower.h */

/* Static facts of an operator: one row of op_table.def. */
typedef struct {
  OpId id;
  const char *name;   /* ONNX op_type */
  int since;          /* oldest opset understood */
  int min_in, max_in; /* arity after pass_upgrade; max_in -1: any */
  int max_out;        /* -1: any */
  OpKind kind;
  /* Sets dtype and shape of every output (and `value`, when known from shapes alone, as for Shape). Inputs are inferred already, arity is
   * checked, absent optional inputs are NULL. On a fault: diag_error and false. */
  bool (*infer)(Graph *g, Node *n);
  /* Float meaning. in[i]/out[i]: elements of n->in[i]/n->out[i] as double, shapes as inferred; in[i] is NULL where the input is absent.
   * Integer dtypes are held in doubles too; integer division truncates as ONNX says. NULL for ops that `infer` computes. */
  void (*eval)(const Node *n, const double *const *in, double *const *out);
  /* Emits the hardware IR of the node (lower.h). NULL for KIND_FOLD; KIND_MOVE is lowered generically by running eval on element numbers.
   */
  void (*lower)(Lower *l, const Node *n);
} OpInfo;

extern const OpInfo op_info[OP_COUNT];
/* The row of an op_type in the given domain ("" or "ai.onnx", "ai.onnx.ml", "com.microsoft", those of QONNX, and "nngen" for operators that
 * only passes make); OP_UNKNOWN when there is none. */
OpId op_find(const char *domain, const char *name);
/* --list-ops */
void op_list(FILE *f);

typedef enum { ATTR_FLOAT, ATTR_INT, ATTR_STRING, ATTR_FLOATS, ATTR_INTS, ATTR_STRINGS, ATTR_TENSOR, ATTR_OTHER } AttrType;

typedef struct {
  const char *name;
  AttrType type;
  double f;
  int64_t i;
  const char *s; /* NUL-terminated copy; embedded NULs are refused by the reader */
  int n;         /* length of the lists */
  double *floats;
  int64_t *ints;
  const char **strings;
  Tensor *tensor; /* constant */
} Attr;

/* What a tensor's format was chosen from (quant.c): the command line, the samples by --calibrate, --config, --target-loss, its integer
 * type, the proof of --q=W,proved. */
typedef enum {
  FROM_NOTHING,
  FROM_GIVEN,
  FROM_DATA,
  FROM_PERCENTILE,
  FROM_ERROR,
  FROM_CONFIG,
  FROM_SEARCH,
  FROM_TYPE,
  FROM_PROVED
} FormatFrom;

/* A number format: the value is integer * 2^-(W-I), ap_fixed<W,I> (signed) or ap_ufixed<W,I>. W = 0: none assigned. */
typedef struct {
  int W, I;
  bool is_signed;
} Format;

/* Places of a table's address, and how many of its bits have a table of their own (table_split.h). */
typedef struct {
  int places, low;
} TableShape;

struct Tensor {
  const char *name; /* ONNX value name, as in the file (print through diag_text) */
  int id;           /* index in Graph.tensors */
  DataType dtype;
  int rank; /* -1: not inferred yet */
  int64_t dim[MAX_RANK];
  double *value;     /* constant elements; NULL: computed at run time */
  double *original;  /* constant elements as the model has them, where value was changed since (pass_prune.c); NULL: value */
  double *rounded;   /* what is stored instead of them, multiples of fmt's step (search.c); NULL: value, rounded */
  Node *producer;    /* NULL: graph input or constant */
  Format fmt;        /* what the tensor is stored in; set by quant.c */
  FormatFrom from;   /* of graph inputs and results with a format */
  Format *each;      /* by element, narrower than fmt or W = 0: always 0 (search_format.c); NULL: fmt for all */
  TableShape *table; /* by element of a table's result (search_tape.c); NULL: lower_table.c chooses */
  bool exact;        /* set by quant.c: kept at full accumulator precision (no format), because its consumer drops the bits */
  int tie;           /* tensors of equal number share one format: the same value at each step of a recurrent layer; 0: none */
  bool whole;        /* set by pass_chains: computed from codes alone, by exact sums and products; needs no format */
  double scale; /* set by quant.c, of a quantised graph input or output: the integer v stands for (v - zero) * scale; 0: fmt alone counts */
  int64_t zero;
};

struct Node {
  OpId op;
  const char *op_type, *domain, *name; /* name is never empty: "<op_type>_<index>" when the file has none */
  int index;                           /* position in the file, from 0 */
  int opset;                           /* version of the node's domain */
  int n_in, n_out;
  Tensor **in;  /* NULL: optional input left out */
  Tensor **out; /* NULL: output left out */
  int n_attr;
  Attr *attr;
  const Node *layer; /* the recurrent node of the file that this is part of (pass_unroll); NULL: itself */
  int merged;        /* neurons that pass_merge took out of it */
  bool inner;        /* makes a value that the layer keeps to itself: neither its state nor its result */
  int n_chain;       /* Requantize: the nodes of one variable whose work it does first, in order (pass_chains.c) */
  Node **chain;      /* in each of them one input has no value: the running one */
};

struct Graph {
  const char *file; /* path */
  const char *sha256;
  const char *producer; /* producer_name producer_version */
  int opset;            /* default domain */
  int n_in, n_out;
  Tensor **in, **out; /* run-time inputs only (initializers listed as inputs are not here) */
  /* After pass_step the graph is one time step; the last n_states inputs are what the last n_states outputs were a step before, at first
   * state_init. */
  int n_states;
  Tensor **state_init;
  int steps;      /* of a window, after which the states start anew; 0: never. 1 without states */
  bool each_step; /* outputs count after each step, not only after a window's last */
  int n_nodes, cap_nodes;
  Node **node; /* topologically sorted */
  int n_tensors, cap_tensors;
  Tensor **tensor;
  int n_ties; /* highest Tensor.tie */
};

/* ---- graph.c ---- */

/* Elements of a shape; 1 for a scalar. Overflow was ruled out at inference (<= 2^31 elements a tensor). */
int64_t tensor_count(const Tensor *t);
Tensor *graph_tensor(Graph *g, const char *name, DataType dtype); /* new tensor, rank -1 */
Tensor *graph_const(Graph *g, const char *name, DataType dtype, int rank, const int64_t *dim, const double *value); /* copies value */
/* New node in front of `before` (NULL: at the end), op found by name. The caller fills in/out; producers of out are set here. */
Node *graph_insert(Graph *g, const Node *before, const char *op_type, const char *name, int n_in, Tensor **in, int n_out, Tensor **out);
void graph_remove(Graph *g, Node *n);
/* Every use of `from` (nodes' inputs, graph outputs) becomes `to`. */
void graph_replace(Graph *g, Tensor *from, Tensor *to);
/* Takes out a node whose only output equals its first input. False, and nothing done, where it has to stay: from a graph input or a
 * constant (or another output) straight to a graph output. A graph output keeps its name. */
bool graph_bypass(Graph *g, Node *n);
/* Uses of a tensor: node inputs plus graph outputs; *only (may be NULL) gets the consumer when a single node uses it once. */
int graph_uses(const Graph *g, const Tensor *t, Node **only);
bool graph_is_output(const Graph *g, const Tensor *t);
const Attr *node_attr(const Node *n, const char *name);
int64_t attr_int(const Node *n, const char *name, int64_t otherwise);
double attr_float(const Node *n, const char *name, double otherwise);
const char *attr_string(const Node *n, const char *name, const char *otherwise);
/* Sets (adds or replaces) an attribute. */
void attr_set_int(Node *n, const char *name, int64_t v);
void attr_set_float(Node *n, const char *name, double v);
void attr_set_string(Node *n, const char *name, const char *v);
void attr_set_floats(Node *n, const char *name, int count, const double *v);
void attr_set_ints(Node *n, const char *name, int count, const int64_t *v);
/* "float32", "int64", ...; "?" for what ONNX does not define. */
const char *dtype_name(DataType t);
bool dtype_is_float(DataType t);
/* Floats of 8 bits and less, which nothing here computes with. */
bool dtype_is_small_float(DataType t);
#define SMALL_FLOAT_ADVICE "floating-point types of 8 bits and less are not supported; quantise to integers (QInt8, QUInt8, QInt16, ...)"
/* Least and greatest value of an integer type; false for others. */
bool dtype_range(DataType t, double *lo, double *hi);
/* Checks the invariants that passes rely on: sorted, producers right, shapes inferred (when `inferred`), constants have values; aborts with
 * a message in an internal error otherwise (a bug of nngen, not of the model). */
void graph_check(const Graph *g, bool inferred);
/* --dump: one line a node. */
void graph_dump(const Graph *g, FILE *f);
/* Weights and biases (float constants that nodes read), multiply-accumulates of one inference. */
int64_t graph_params(const Graph *g);
int64_t graph_macs(const Graph *g);

/* ---- front end ---- */

/* Values of symbolic dimensions, from --dim. */
typedef struct {
  const char *name;
  int64_t value;
} DimValue;

/* Names of a graph input and output that are one state, from --state. */
typedef struct {
  const char *in, *out;
} StatePair;

/* Reads and checks a model file: wire scan (onnx_scan.h), protobuf-c under a memory budget, then a Graph in topological order. Symbolic or
 * missing dimensions get their --dim value, a leading one 1. NULL after diag_error (EXIT_FILES, EXIT_INVALID, EXIT_UNSUPPORTED). */
Graph *onnx_read(const char *path, int n_dims, const DimValue *dims);
/* The same from memory; `path` names it in messages, and its folder is where external data may lie. */
Graph *onnx_read_mem(const char *path, const void *bytes, size_t n, int n_dims, const DimValue *dims);

/* Every unknown operator, one error each (EXIT_UNSUPPORTED). */
void pass_check_ops(Graph *g);
enum { OPSET_NEWEST = 25 }; /* of the default domain, accepted and produced by pass_upgrade */

/* Old opset forms become the newest: attributes turned inputs (Clip, Squeeze, Slice, Pad, Split, ...), Softmax < 13 with its flattening,
 * ai.onnx.ml operators as plain ones (LinearClassifier, LinearRegressor, Scaler, Normalizer). */
void pass_upgrade(Graph *g);
/* Shape inference and constant folding in one sweep (shapes depend on folded values and the other way round). Nodes that change nothing are
 * taken out: Dropout, Identity, Reshape to the same shape, ... */
void pass_infer_fold(Graph *g);
/* A vanilla RNN that an exporter has unrolled becomes an RNN node again. Requires shapes. */
void pass_roll(Graph *g);
/* Networks quantised already, as integers: see pass_quantized.c. */
void pass_quantized(Graph *g);
/* What lies between a sum of integers and the next quantisation becomes part of that: see pass_chains.c. Run after pass_fold_affine. */
void pass_chains(Graph *g);
/* Activations that exporters write as several nodes become one: Swish, HardSwish, HardSigmoid, Gelu (erf and tanh forms), Mish, Softplus.
 * Requires shapes; run before pass_fold_affine, which would take the patterns apart. */
void pass_fuse(Graph *g);
/* After pass_dead: what is left at run time but can only be compiled away (KIND_FOLD), each an EXIT_UNSUPPORTED; NaN and infinite weights,
 * each an EXIT_NUMERIC. */
void pass_check_static(Graph *g);
/* Every operation has hardware of its own. Beyond this many, compiling takes minutes and 3 GiB; the largest FPGAs hold some 200,000 adders.
 */
enum { MAX_OPERATIONS = 1000000 };
#define CHECK_SIZE_ADVICE "use a smaller input or fewer channels, --prune=T, or fewer bits in --q"
/* Products with weights that are not zero, an adder or more each in parallel mode. */
int64_t graph_products(const Graph *g, double prune);
/* After pass_dead: refuses (EXIT_UNSUPPORTED) what is sure to pass that limit, before time and memory go into it. prune: of --prune, or
 * negative. */
void pass_check_size(const Graph *g, double prune);
/* BatchNormalization and constant Mul/Add/Sub/Div after a Gemm/MatMul/Conv of which they are the only consumer go into its weights
 * and bias; those left over become Mul + Add. MatMul + constant Add stays two nodes (quant.c keeps the sum exact). */
void pass_fold_affine(Graph *g);
/* Nodes and tensors that reach no output. */
void pass_dead(Graph *g);
/* The graph becomes what one time step computes, with the recurrent layers' states as its last inputs and outputs; forever: no window ends.
 * A network without such a form: EXIT_UNSUPPORTED. */
void pass_step(Graph *g, bool forever);
/* RNN, GRU and LSTM become the operators they are made of, one cell (cell.h) a time step. */
void pass_unroll(Graph *g);

/* ---- float evaluator (eval.c): the float model that everything is compared with ---- */

typedef struct Eval Eval;
Eval *eval_new(const Graph *g);
/* Inputs and outputs that are no states. */
static inline int graph_ins(const Graph *g) {
  return g->n_in - g->n_states;
}
static inline int graph_outs(const Graph *g) {
  return g->n_out - g->n_states;
}
/* Whether outputs count after step number `at` of steps that follow one another. */
static inline bool graph_due(const Graph *g, size_t at) {
  return !g->n_states || g->steps == 0 || g->each_step || (at + 1) % (size_t)g->steps == 0;
}
/* One sample: in = all graph inputs concatenated, without states; afterwards eval_value(e, t) gives any tensor's elements. States go on
 * from call to call as the graph says. */
void eval_run(Eval *e, const double *in);
const double *eval_value(const Eval *e, const Tensor *t);

#endif
