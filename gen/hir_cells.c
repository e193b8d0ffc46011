/* SPDX-License-Identifier: Apache-2.0
 *
 * hir_cells.c - LUTs and block RAMs of a kernel on a Xilinx 7 series part, as yosys synth_xilinx counts them. An estimate: coefficients
 * fitted to tests/bench/cells.tsv, every row of which it meets within 4 % (registers: 6 %); fitted to its <8,3> half alone they meet the
 * <16,6> half within 5 %, and the other way round within 6 %. tests/bench/cells_test.sh holds it to 15 %.
 *
 *   adder        one LUT for every bit position of the chain where both operands vary; sign extensions beyond both are the same LUT again
 *                (yosys builds three-input ones from full adders, 2 to 3 LUTs a bit; vendors' tools take one, and that is what counts here)
 *   relu         a half LUT a bit: nothing where it becomes the reset of a register, part of a clamp's LUT, or a LUT of its own
 *   clamp        0.8 LUT a bit, for the same reasons; its comparison is noise
 *   table        2.6 LUTs for each different function of 6 address bits in it (its own LUT and the multiplexers above)
 *   block RAM    a table of more than 8,256 bits read straight into a register, which the block RAM then holds
 */
#include "hir.h"
#include <stdlib.h>

#define LUT_RELU 0.5
#define LUT_CLAMP 0.8
#define LUT_SELECT 0.4 /* a bit of a multiplexer, comparison, minimum or maximum: mostly one with a neighbour */
#define LUT_TABLE 2.6

enum { BRAM_LEAST_BITS = 129 * 64, CHUNK = 64 };

/* ---- adders ---- */

/* Where an operand's bits vary: from `low` to below `high`, and above that too where its sign goes on. */
typedef struct {
  int low, high;
  bool varies, sign;
} Operand;

static Operand operand(const Kernel *k, int a, int shift) {
  while (k->v[a].op == HIR_SHL)
    shift += k->v[a].imm, a = k->v[a].arg[0];
  return (Operand){shift, shift + hir_width(&k->v[a]), k->v[a].op != HIR_CONST, hir_signed(&k->v[a])};
}

static bool varies_at(Operand o, int bit) {
  return o.varies && bit >= o.low && (bit < o.high || o.sign);
}

static int adder_luts(const Kernel *k, const HirValue *v) {
  Operand a = operand(k, v->arg[0], v->imm < 0 ? -v->imm : 0), b = operand(k, v->arg[1], v->imm > 0 ? v->imm : 0);
  int n = 0, high = a.high > b.high ? a.high : b.high;
  for (int bit = 0; bit < hir_width(v) && bit < high; bit++)
    n += varies_at(a, bit) && varies_at(b, bit);
  return n;
}

/* ---- tables ---- */

static int by_number(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

/* Each bit of the words is a function of the address; cut into functions of the 6 lowest address bits, constants and repetitions left out.
 */
double hir_table_luts(const HirTable *t, int width) {
  int chunks = (t->entries + CHUNK - 1) / CHUNK, n = 0, different = 0;
  uint64_t *f = mem_scratch((size_t)chunks * (size_t)width + 1, sizeof *f);
  for (int c = 0; c < chunks; c++)
    for (int bit = 0; bit < width; bit++) {
      uint64_t x = 0;
      for (int i = 0; i < CHUNK; i++)
        x |= ((uint64_t)t->word[(c * CHUNK + i) % t->entries] >> bit & 1) << i;
      if (x != 0 && ~x != 0)
        f[n++] = x & 1 ? ~x : x;
    }
  qsort(f, (size_t)n, sizeof *f, by_number);
  for (int i = 0; i < n; i++)
    different += i == 0 || f[i] != f[i - 1];
  free(f);
  return chunks > 1 ? LUT_TABLE * different : different;
}

int64_t hir_brams(int64_t words, int bits) {
  enum { SHAPES = 5, WORDS = 1024 };
  static const int width[SHAPES] = {18, 9, 4, 2, 1}; /* of WORDS, 2 * WORDS, ... */
  int64_t best = INT64_MAX;
  for (int i = 0; i < SHAPES; i++) {
    const int64_t n = (words + (WORDS << i) - 1) / (WORDS << i) * ((bits + width[i] - 1) / width[i]);
    best = n < best ? n : best;
  }
  return best;
}

static int table_brams(const HirTable *t, int width) {
  if ((int64_t)t->entries * width <= BRAM_LEAST_BITS)
    return 0;
  return (int)hir_brams(t->entries, width);
}

/* ---- multipliers: DSP48E1, 25 x 18 signed ---- */

static int dsp_count(int wa, int wb) {
  int wide = wa > wb ? wa : wb, narrow = wa > wb ? wb : wa;
  return (wide + 23) / 24 * ((narrow + 16) / 17);
}

/* The stage that first reads each value, through wiring; n_stages where only an output does. */
static int *first_reader(const Kernel *k) {
  int *first = mem_array((size_t)k->n + 1, sizeof *first);
  for (int i = 0; i < k->n; i++)
    first[i] = k->n_stages;
  for (int i = k->n_out; i < hir_outs(k); i++) /* the state is written at the end of its stage, into a memory: no register of the table */
    first[k->out[i]] = k->write_stage;
  for (int i = k->n - 1; i >= 0; i--) {
    const HirValue *v = &k->v[i];
    int stage = v->op == HIR_SHL || v->op == HIR_SHR || v->op == HIR_WRAP ? first[i] : v->stage;
    for (int j = 0; j < 3; j++)
      if (v->arg[j] >= 0 && first[v->arg[j]] > stage)
        first[v->arg[j]] = stage;
  }
  return first;
}

HirCells *hir_cells(const Kernel *k) {
  HirCells *cells = mem_array((size_t)k->n + 1, sizeof *cells);
  double *table = mem_array((size_t)k->n_tables + 1, sizeof *table);
  int *first = first_reader(k);
  for (int i = 0; i < k->n; i++) {
    const HirValue *v = &k->v[i];
    HirCells *c = &cells[i];
    int w = hir_width(v), wa = v->arg[0] >= 0 ? hir_width(&k->v[v->arg[0]]) : 0, wb = v->arg[1] >= 0 ? hir_width(&k->v[v->arg[1]]) : 0;
    switch (v->op) {
    case HIR_ADD:
    case HIR_SUB:
      c->luts = v->joined ? 0 : adder_luts(k, v);
      break;
    case HIR_LT:
      c->luts = LUT_SELECT * (wa > wb ? wa : wb);
      break;
    case HIR_MUX:
      c->luts = LUT_SELECT * w;
      break;
    case HIR_MIN:
    case HIR_MAX:
      c->luts = k->v[v->arg[1]].op == HIR_CONST && k->v[v->arg[1]].lo == 0 ? LUT_RELU * w : LUT_SELECT * (w + (wa > wb ? wa : wb));
      break;
    case HIR_CLAMP:
      c->luts = LUT_CLAMP * w;
      break;
    case HIR_LUT:
      c->brams = first[i] > v->stage ? table_brams(&k->table[v->imm], w) : 0;
      if (!c->brams && table[v->imm] <= 0)
        table[v->imm] = hir_table_luts(&k->table[v->imm], w);
      c->luts = c->brams ? 0 : table[v->imm];
      break;
    case HIR_MUL:
      c->dsps = dsp_count(wa, wb);
      break;
    default:
      break;
    }
  }
  return cells;
}
