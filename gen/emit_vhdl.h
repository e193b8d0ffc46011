/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_vhdl.h - what the parts of the VHDL back end share.
 *
 * Stage numbers. hir_pipeline counts stages from 0; in the VHDL stage 0 is the input register and HIR stage s is stage s + 1, so that the
 * register r<n>_x is what stage n leaves behind and stage n + 1 reads. `home` and `last` below are VHDL stages.
 */
#ifndef NNGEN_EMIT_VHDL_H
#define NNGEN_EMIT_VHDL_H

#include "emit.h"

/* One entity with a kernel in it, and its package of tables. */
typedef struct {
  const char *name;
  const Kernel *k;
  const Graph *g; /* NULL: the design came from a .hir file */
  const Options *o;
  const char *part; /* NULL: the whole network. Else a part of a larger design: the comment lines that say which. Input ce holds every
                     * register while it is 0; a state is kept until the next reset, and a token may come in every cycle */
} VhdlEntity;

/* vhdl/NAME.vhd and vhdl/NAME_tables.vhd; appends their names to the compile order. */
void vhdl_entity(const VhdlEntity *e, Folder *f, Buf *order);
/* "-- Made by nngen ..." */
void vhdl_version(Buf *b, const Graph *g, const Options *o);
/* "fixed<16,6>" */
const char *vhdl_format(Format f);
/* A line of dashes. */
extern const char vhdl_rule[];

typedef struct {
  const VhdlEntity *e;
  const Kernel *k;
  int stages; /* the last stage, whose registers are the outputs */
  uint8_t *live;
  bool *folded;            /* a shift or slice that is written inside the expressions that read it */
  int *home;               /* stage that computes the value; 0 for inputs, -1 for constants */
  int *last;               /* last stage that reads it: registers r<home>..r<last - 1> carry it */
  const char **name;       /* of values that are variables or registers */
  int *state_value;        /* by element of the state, the value that it is read as; -1: nobody reads it, or it is known */
  const char **layer_name; /* prefix of the names of a layer's elements */
  const char **table_name; /* constant in package TOP_tables */
} Vhdl;

/* Some bits of a variable or register, as a number: (bits [low, low + n) of value `base`, read as signed or unsigned) << shift. */
typedef struct {
  int base, low, n, shift; /* n = 0: the number is 0 */
  bool is_signed;
} VhdlRef;

/* Proved to be one number, whatever the operation: written as that number, and what it was computed from is not missed. */
static inline bool vhdl_is_const(const Vhdl *x, int i) {
  return x->k->v[i].lo == x->k->v[i].hi;
}

/* emit_vhdl_plan.c: which values are variables, in which stage, for how long they are carried, and what they are called. */
void vhdl_plan(Vhdl *x, const VhdlEntity *e);
VhdlRef vhdl_ref(const Vhdl *x, int value);
/* Whether value i is a shift or slice, and of what. */
bool vhdl_wire(const Vhdl *x, int i, VhdlRef *r);
static inline bool vhdl_carried(const Vhdl *x, int i) {
  return x->last[i] > x->home[i];
}

/* emit_vhdl_state.c: the parts of a recurrent kernel. The stages that read and write the state; what goes into the header, the port list,
 * the declarations; processes and assignments that make `valid` and out_valid (of a whole network); of a stage's process, the declarations,
 * what comes first and what comes last, and its reset. */
int vhdl_read_stage(const Vhdl *x);
int vhdl_write_stage(const Vhdl *x);
void vhdl_state_header(Buf *b, const Vhdl *x);
void vhdl_state_ports(Buf *b, const Vhdl *x);
void vhdl_state_signals(Buf *b, const Vhdl *x);
void vhdl_state_control(Buf *b, const Vhdl *x);
void vhdl_state_variables(Buf *b, const Vhdl *x, int stage);
void vhdl_state_read(Buf *b, const Vhdl *x, int stage);
void vhdl_state_write(Buf *b, const Vhdl *x, int stage);
void vhdl_state_reset(Buf *b, const Vhdl *x, int stage);

/* emit_vhdl_expr.c: expressions. Arithmetic is modulo 2^width, which is exact because the result's interval is proved. */

/* "signed(17 downto 0)" */
void vhdl_type(Buf *b, bool is_signed, int width);
/* Constant c, taken modulo 2^width. */
void vhdl_const(Buf *b, i128 c, bool is_signed, int width);
/* Bits of a number, most significant first, in quotes: X"1F" where the width allows. */
void vhdl_bits(Buf *b, u128 bits, int width);
/* Value as it stands in `stage`, as an expression of exactly this type and width. */
void vhdl_operand(Buf *b, const Vhdl *x, int value, int stage, bool is_signed, int width);
/* The statements that compute value i in its own stage. */
void vhdl_statement(Buf *b, const Vhdl *x, int i);

#endif
