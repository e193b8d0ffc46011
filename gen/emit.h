/* SPDX-License-Identifier: Apache-2.0
 *
 * emit.h - the back ends. They get a finished Kernel (no QUANT left, stages assigned) and print; they decide nothing.
 */
#ifndef NNGEN_EMIT_H
#define NNGEN_EMIT_H

#include "options.h"
#include "stream.h"

/* An output folder in memory; folder.c writes it beside the target and renames it into place. */
typedef struct {
  const char *path; /* relative, e.g. "vhdl/top.vhd" */
  Buf text;
} FolderFile;
typedef struct {
  int n, cap;
  FolderFile **file;
} Folder;
/* New empty file in the folder; write into the returned buffer. */
Buf *folder_add(Folder *f, const char *path);
/* Whether folder_write would be allowed to: asked before the work is done. EXIT_FILES otherwise. */
bool folder_may_write(const char *dir, bool force);
/* Writes all files, then calls `finish` (unless NULL) with the folder they are in for the time being. An existing `dir` must be empty,
 * carry the mark file `.nngen` (also written here) or `force` be set, else EXIT_FILES. On any failure the old folder stays as it was and
 * the temporary one is removed. */
void folder_write(const Folder *f, const char *dir, bool force, void (*finish)(const char *dir));

/* Raw test vectors, all from hir_eval: n inputs of k->n_in elements and n_due outputs of k->n_out. The first n_corner exercise the extremes
 * of every input; the rest are the data. Of a recurrent kernel a vector is a token, channels take turns as in the hardware, and outputs are
 * those that count: n_due is n, or a window's share of it. */
typedef struct {
  size_t n, n_corner, n_due;
  int64_t *in, *out;
  const char *source; /* data file, or "random, seed 1" */
} Vectors;

typedef struct {
  const char *top; /* legal identifier; prefix of everything emitted */
  const Kernel *k;
  const Graph *g; /* for comments only; NULL when the design came from a .hir file */
  const Options *o;
  const Vectors *vec;
  const HirCost *cost;               /* hir_costs */
  const struct SearchResult *search; /* NULL: none asked for */
  const Stream *stream;              /* NULL: one kernel. Else k has its layers (units), ports and sites alone */
} Design;

/* Cycles from the first input to the last output of a sample, and from sample (token, with a state) to sample. */
int64_t design_latency(const Design *d);
int64_t design_interval(const Design *d);

/* --mode=stream. */
typedef struct {
  const char *top; /* legal identifier; prefix of everything emitted */
  const Stream *s;
  const Graph *g;
  const Options *o;
  const Vectors *vec; /* a vector is a frame: all inputs, all outputs, in ONNX order */
} StreamDesign;

/* c/TOP.c, c/TOP.h, c/TOP_fixed.h, tb/TOP_ref.c (main of DIR/ref), TOP.py */
void emit_c(const Design *d, Folder *f);
/* vhdl/TOP.vhd, vhdl/TOP_*.vhd, vhdl/files.txt */
void emit_vhdl(const Design *d, Folder *f);
/* Rising edges from the one that samples in_data (with in_valid) to the one that samples its out_data: the input register and one a stage.
 */
int vhdl_latency(const Kernel *k);
/* Bits of the first n ports of a list, which is also where port n begins: ports follow one another upwards. */
int vhdl_port_bits(const HirPort *p, int n);
/* tb/: VHDL bench, Verilator main, vectors/in.hex and vectors/out.hex */
void emit_tb(const Design *d, Folder *f);
/* Vectors that the GHDL bench runs unless told otherwise: every corner, and enough of the data. */
size_t tb_default_vectors(const Vectors *v, const Kernel *k);
/* hls/: HLS C++ with its test; vitis_hls.tcl, intel_hls.mk */
void emit_hls(const Design *d, Folder *f);
/* Makefile, README.md, vivado.tcl, quartus.tcl */
void emit_folder(const Design *d, Folder *f);

/* The same of a streaming design. vhdl/: TOP.vhd, a kernel TOP_<unit> each, the library's entities; tb/: benches, tb/vectors/<port>.hex
 * with a beat a line, in.hex and out.hex with a frame a line for the C model. */
void emit_stream_c(const StreamDesign *d, Folder *f);
void emit_stream_vhdl(const StreamDesign *d, Folder *f);
void emit_stream_tb(const StreamDesign *d, Folder *f);
void emit_stream_folder(const StreamDesign *d, Folder *f);

/* ---- template.c: templates/, runtime/ and testbench/ are embedded in the binary at build time ---- */

/* Text of an embedded file, by its path in the project ("templates/text/Makefile"); internal error when there is none. */
const char *template_text(const char *path);
/* Appends the text with every @KEY@ replaced: pairs = key, value, ..., NULL. A key that has no value is an internal error. */
void template_render(Buf *out, const char *path, const char *const *pairs);
/* Appends the text with the prefix nn_ (and NN_) of identifiers changed to TOP_. */
void template_prefix(Buf *out, const char *path, const char *top);

#endif
