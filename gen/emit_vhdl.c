/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_vhdl.c - the VHDL of a kernel: entity TOP, and package TOP_tables when it has tables.
 *
 * Requires: expanded kernel with stages. One clocked process a stage, in which the stage's logic is variables and what later stages read is
 * registers: it simulates 19 times faster than a signal for every value, and reads from top to bottom like the network.
 */
#include "emit_vhdl.h"
#include "version.h"
#include <stdlib.h>

enum { COLUMNS = 110 };

const char vhdl_rule[] = "--------------------------------------------------------------------------------------------------------------\n";

void vhdl_version(Buf *b, const Graph *g, const Options *o) {
  const char *file = g ? g->file : o->model;
  buf_printf(b, "-- Made by nngen %s from %s", NNGEN_VERSION, file ? diag_text(path_base(file)) : "?");
  if (g && g->sha256)
    buf_printf(b, " (sha256 %.16s)", g->sha256);
  buf_puts(b, ". Do not edit: run nngen again.\n");
}

const char *vhdl_format(Format f) {
  return f.W ? mem_printf("%s<%d,%d>", f.is_signed ? "fixed" : "ufixed", f.W, f.I) : "exact";
}

int vhdl_port_bits(const HirPort *p, int n) {
  int bits = 0;
  for (int i = 0; i < n; i++)
    bits += p[i].n * p[i].fmt.W;
  return bits;
}

/* ---- header ---- */

static void header_ports(Buf *b, const char *signal, const HirPort *p, int n) {
  int low = 0;
  for (int i = 0; i < n; i++) {
    buf_printf(b, "--   %-8s %5d downto %-5d %s, %d", signal, low + p[i].n * p[i].fmt.W - 1, low, diag_text(p[i].name), p[i].n);
    buf_printf(b, " x %s%s\n", vhdl_format(p[i].fmt), hir_port_scale(&p[i]));
    low += p[i].n * p[i].fmt.W;
  }
}

/* Of a part of a larger design: what happens to data. */
static void header_part(Buf *b, const Vhdl *x) {
  buf_printf(b,
             "--\n-- While ce is 1, what is sampled with in_valid at a rising edge comes out with out_valid %d rising edges later; while "
             "it is 0,\n"
             "-- every register holds. rst (synchronous, active high, whatever ce is) clears the valid bits%s.\n--\n",
             vhdl_latency(x->k), x->k->n_state ? " and sets the initial state" : "");
}

/* Of a whole network. */
static void header_whole(Buf *b, const Vhdl *x) {
  const Kernel *k = x->k;
  buf_printf(b,
             k->n_state
                 ? "--\n-- Latency %d cycles%s: what is sampled with\n"
                 : "--\n-- Whole network in parallel: a new sample in every cycle (II = 1), latency %d cycles%s: what is sampled with\n",
             vhdl_latency(k), k->n_state && k->steps > 1 && !k->each_step ? ", from a window's last token" : "");
  buf_printf(b, "-- in_valid at a rising edge comes out with out_valid %d rising edges later. rst (synchronous, active high)\n",
             vhdl_latency(k));
  buf_puts(b, k->n_state ? "-- begins anew: no token under way, the initial state.\n--\n"
                         : "-- clears the valid bits only. There is no back pressure.\n--\n");
}

static void header(Buf *b, const Vhdl *x) {
  const Kernel *k = x->k;
  buf_puts(b, vhdl_rule);
  vhdl_version(b, x->e->g, x->e->o);
  if (x->e->part)
    buf_puts(b, x->e->part);
  if (k->n_state)
    vhdl_state_header(b, x);
  if (x->e->part)
    header_part(b, x);
  else
    header_whole(b, x);
  buf_printf(b, "-- Elements are packed%s, element 0 lowest. <W,I>: W bits, I of them integer bits; value = integer * 2^(I-W).\n",
             x->e->part ? "" : " in ONNX order");
  header_ports(b, "in_data", k->in_port, k->n_in_ports);
  header_ports(b, "out_data", k->out_port, k->n_out_ports);
  int layers = x->e->part ? 0 : k->n_layers; /* a part says itself what it is */
  if (layers)
    buf_puts(b, "--\n-- Layers (name of the elements, node, operators, format):\n");
  for (int i = 0; i < layers; i++) {
    const HirLayer *l = &k->layer[i];
    buf_printf(b, "--   %-16s %s (%s), %d x %s\n", x->layer_name[i], diag_text(l->name), diag_text(l->op), l->n, vhdl_format(l->fmt));
  }
  buf_puts(b, vhdl_rule);
}

/* ---- declarations ---- */

typedef struct {
  bool is_signed;
  int width, value;
} Decl;

static int by_type(const void *a, const void *b) {
  const Decl *p = a, *q = b;
  if (p->is_signed != q->is_signed)
    return p->is_signed - q->is_signed;
  return p->width != q->width ? p->width - q->width : p->value - q->value;
}

/* "variable a, b, c : signed(17 downto 0);": names of one type together, lines of at most COLUMNS. */
static void declare(Buf *b, const Vhdl *x, const char *lead, const char *before, Decl *d, int n) {
  qsort(d, (size_t)n, sizeof *d, by_type);
  for (int i = 0; i < n;) {
    Buf line = {0}, type = {0};
    vhdl_type(&type, d[i].is_signed, d[i].width);
    buf_printf(&line, "%s%s%s", lead, before, x->name[d[i].value]);
    int j = i + 1;
    for (; j < n && d[j].width == d[i].width && d[j].is_signed == d[i].is_signed; j++) {
      if (line.len + strlen(before) + strlen(x->name[d[j].value]) + type.len + 6 > COLUMNS)
        break;
      buf_printf(&line, ", %s%s", before, x->name[d[j].value]);
    }
    buf_printf(b, "%s : %s;\n", line.s, type.s);
    i = j;
  }
}

static bool is_variable(const Vhdl *x, int i) {
  return x->live[i] && !x->folded[i] && x->home[i] > 0 && !x->k->v[i].joined;
}

static bool has_register(const Vhdl *x, int i, int stage) {
  return x->live[i] && !x->folded[i] && x->home[i] >= 0 && x->home[i] <= stage && x->last[i] > stage;
}

static Decl *decls(const Vhdl *x, int stage, bool registers, int *n) {
  Decl *d = mem_array((size_t)x->k->n + 1, sizeof *d);
  *n = 0;
  for (int i = 0; i < x->k->n; i++)
    if (registers ? has_register(x, i, stage) : is_variable(x, i) && x->home[i] == stage)
      d[(*n)++] = (Decl){hir_signed(&x->k->v[i]), hir_width(&x->k->v[i]), i};
  return d;
}

static void signals(Buf *b, const Vhdl *x) {
  buf_puts(b, "  -- valid(n) belongs to the registers r<n>_*, which stage n writes and stage n + 1 reads.\n");
  buf_printf(b, "  signal valid : std_logic_vector(0 to %d);\n", x->stages);
  for (int s = 0; s < x->stages; s++) {
    int n;
    Decl *d = decls(x, s, true, &n);
    if (n)
      buf_puts(b, "\n");
    declare(b, x, "  signal ", mem_printf("r%d_", s), d, n);
  }
}

/* ---- processes ---- */

/* Statements at a rising edge: `held` only with ce, where there is one. */
static void at_edge(Buf *b, const Vhdl *x, const Buf *held) {
  buf_puts(b, "    if rising_edge(clk) then\n");
  if (!x->e->part) {
    buf_write(b, held->s, held->len);
    return;
  }
  buf_puts(b, "      if ce = '1' then\n");
  for (const char *s = held->s, *end; s && *s; s = end) {
    end = strchr(s, '\n') + 1;
    buf_puts(b, *s == '\n' ? "" : "  ");
    buf_write(b, s, (size_t)(end - s));
  }
  buf_puts(b, "      end if;\n");
}

static void input_process(Buf *to, const Vhdl *x) {
  Buf body = {0}, *b = &body;
  for (int i = 0; i < x->k->n; i++) {
    const HirValue *v = &x->k->v[i];
    if (v->op != HIR_IN || hir_is_state(x->k, v) || !has_register(x, i, 0))
      continue;
    const HirPort *port = x->k->in_port;
    int p = 0;
    while (v->imm >= port[p].first + port[p].n)
      p++;
    int low = vhdl_port_bits(port, p) + (v->imm - port[p].first) * port[p].fmt.W;
    buf_printf(b, "      r0_%s <= %s(in_data(%d downto %d));\n", x->name[i], hir_signed(v) ? "signed" : "unsigned", low + hir_width(v) - 1,
               low);
  }
  buf_puts(to, "  p_s0_input : process (clk)\n  begin\n");
  at_edge(to, x, &body);
  buf_puts(to, "    end if;\n  end process p_s0_input;\n\n");
}

/* p_s<stage>_<layers in it>, as many as fit. */
static const char *process_name(const Vhdl *x, int stage) {
  const Kernel *k = x->k;
  char *name = mem_printf("p_s%d", stage);
  uint8_t *seen = mem_array((size_t)k->n_layers + 1, 1);
  for (int i = 0; i < k->n; i++) {
    int l = k->v[i].layer;
    if (!is_variable(x, i) || x->home[i] != stage || l < 0 || l >= k->n_layers || seen[l])
      continue;
    seen[l] = 1;
    if (strlen(name) + strlen(x->layer_name[l]) > 60)
      break;
    name = mem_printf("%s_%s", name, x->layer_name[l]);
  }
  return name;
}

static void outputs(Buf *b, const Vhdl *x) {
  buf_puts(b, "\n      -- outputs\n");
  int low = 0;
  for (int p = 0; p < x->k->n_out_ports; p++) {
    const HirPort *port = &x->k->out_port[p];
    for (int e = 0; e < port->n; e++, low += port->fmt.W) {
      int value = x->k->out[port->first + e];
      const HirValue *v = &x->k->v[value];
      buf_printf(b, "      out_data(%d downto %d) <= std_logic_vector(", low + port->fmt.W - 1, low);
      vhdl_operand(b, x, value, x->stages, hir_signed(v), port->fmt.W);
      buf_puts(b, ");\n");
    }
  }
}

static void stage_statements(Buf *b, const Vhdl *x, int stage) {
  const Kernel *k = x->k;
  if (k->n_state)
    vhdl_state_read(b, x, stage);
  int layer = -1;
  for (int i = 0; i < k->n; i++) {
    if (!is_variable(x, i) || x->home[i] != stage || hir_is_state(k, &k->v[i]))
      continue;
    if (k->v[i].layer != layer && k->v[i].layer >= 0) {
      layer = k->v[i].layer;
      buf_printf(b, "      -- %s: %s\n", x->layer_name[layer], diag_text(k->layer[layer].op));
    }
    vhdl_statement(b, x, i);
  }
  bool first = true;
  for (int i = 0; i < k->n && stage < x->stages; i++) {
    if (!has_register(x, i, stage))
      continue;
    if (first)
      buf_puts(b, "\n      -- registers\n");
    first = false;
    if (x->home[i] == stage)
      buf_printf(b, "      r%d_%s <= %s;\n", stage, x->name[i], x->name[i]);
    else
      buf_printf(b, "      r%d_%s <= r%d_%s;\n", stage, x->name[i], stage - 1, x->name[i]);
  }
  if (k->n_state)
    vhdl_state_write(b, x, stage);
  if (stage == x->stages)
    outputs(b, x);
}

static void stage_process(Buf *b, const Vhdl *x, int stage) {
  const char *name = process_name(x, stage);
  int n;
  Buf body = {0};
  buf_printf(b, "  %s : process (clk)\n", name);
  Decl *d = decls(x, stage, false, &n);
  declare(b, x, "    variable ", "", d, n);
  if (x->k->n_state)
    vhdl_state_variables(b, x, stage);
  buf_puts(b, "  begin\n");
  stage_statements(&body, x, stage);
  at_edge(b, x, &body);
  if (x->k->n_state)
    vhdl_state_reset(b, x, stage);
  buf_printf(b, "    end if;\n  end process %s;\n\n", name);
}

static void valid_process(Buf *b, const Vhdl *x) {
  Buf body = {0};
  buf_printf(&body, "      valid <= in_valid & valid(0 to %d);\n", x->stages - 1);
  buf_puts(b, "  p_valid : process (clk)\n  begin\n");
  at_edge(b, x, &body);
  buf_printf(b,
             "      if rst = '1' then\n"
             "        valid <= (others => '0');\n"
             "      end if;\n"
             "    end if;\n"
             "  end process p_valid;\n\n"
             "  out_valid <= valid(%d);\n\n",
             x->stages);
}

static bool uses_tables(const Vhdl *x) {
  for (int i = 0; i < x->k->n; i++)
    if (x->live[i] && x->k->v[i].op == HIR_LUT)
      return true;
  return false;
}

static void entity(Buf *b, const Vhdl *x) {
  const char *top = x->e->name;
  header(b, x);
  buf_puts(b, "library ieee;\n  use ieee.std_logic_1164.all;\n  use ieee.numeric_std.all;\n");
  if (uses_tables(x))
    buf_printf(b, "\nlibrary work;\n  use work.%s_tables.all;\n", top);
  buf_printf(b, "\nentity %s is\n  port (\n    clk       : in  std_logic;\n    rst       : in  std_logic;\n", top);
  if (x->e->part)
    buf_puts(b, "    ce        : in  std_logic;\n");
  else if (x->k->n_state)
    vhdl_state_ports(b, x);
  buf_printf(b, "    in_valid  : in  std_logic;\n    in_data   : in  std_logic_vector(%d downto 0);\n",
             vhdl_port_bits(x->k->in_port, x->k->n_in_ports) - 1);
  buf_printf(b, "    out_valid : out std_logic;\n    out_data  : out std_logic_vector(%d downto 0)\n  );\nend entity %s;\n\n",
             vhdl_port_bits(x->k->out_port, x->k->n_out_ports) - 1, top);
  buf_printf(b, "architecture rtl of %s is\n\n", top);
  if (x->k->n_state)
    vhdl_state_signals(b, x);
  signals(b, x);
  buf_puts(b, "\nbegin\n\n");
  if (x->k->n_state && !x->e->part)
    vhdl_state_control(b, x);
  else
    valid_process(b, x);
  input_process(b, x);
  for (int s = 1; s <= x->stages; s++)
    stage_process(b, x, s);
  buf_puts(b, "end architecture rtl;\n");
}

/* ---- tables ---- */

/* GHDL 2.0.0 --synth makes 0 of a constant of whole 32-bit words of which only the first is not 0. One more entry, which is never read,
 * keeps it from that. */
static bool is_lost(const HirTable *t, int width) {
  enum { WORD = 32 };
  const int64_t bits = (int64_t)t->entries * width;
  bool later = false;
  for (int64_t i = 0; i < t->entries; i++)
    for (int bit = 0; bit < width; bit++)
      later |= i * width + width - 1 - bit >= WORD && ((uint64_t)t->word[i] >> (bit < 63 ? bit : 63) & 1);
  return bits > WORD && bits % WORD == 0 && !later;
}

static void table(Buf *b, const HirTable *t, const char *name) {
  bool s = t->lo < 0;
  int w = hir_width_of(t->lo, t->hi), per_line = 8;
  const bool lost = is_lost(t, w);
  /* made by nngen, but a .hir file may say anything */
  char *text = mem_strdup(t->text ? t->text : t->name);
  for (char *c = text; *c; c++)
    if (*c < ' ' || *c > '~')
      *c = '?';
  buf_printf(b, "  -- %s\n", text);
  buf_printf(b, "  type t%s is array (0 to %d) of ", name + 1, t->entries - 1 + lost);
  vhdl_type(b, s, w);
  buf_printf(b, ";\n  constant %s : t%s := (", name, name + 1);
  for (int i = 0; i < t->entries; i++) {
    buf_puts(b, i % per_line == 0 ? "\n    " : " ");
    if (t->entries == 1)
      buf_puts(b, "0 => ");
    vhdl_bits(b, (u128)(i128)t->word[i], w);
    buf_puts(b, i + 1 < t->entries || lost ? "," : "\n  );\n\n");
  }
  if (lost) {
    buf_puts(b, "\n    ");
    vhdl_bits(b, ((u128)1 << w) - 1, w);
    buf_puts(b, " -- not read: GHDL 2.0 --synth would lose the others\n  );\n\n");
  }
}

static void tables(Buf *b, const Vhdl *x) {
  uint8_t *used = mem_array((size_t)x->k->n_tables + 1, 1);
  for (int i = 0; i < x->k->n; i++)
    if (x->live[i] && x->k->v[i].op == HIR_LUT)
      used[x->k->v[i].imm] = 1;
  vhdl_version(b, x->e->g, x->e->o);
  buf_printf(b, "-- %s of %s, one word an address.\n\n", x->e->part ? "Tables" : "Activation tables", x->e->name);
  buf_printf(b, "library ieee;\n  use ieee.std_logic_1164.all;\n  use ieee.numeric_std.all;\n\npackage %s_tables is\n\n", x->e->name);
  for (int t = 0; t < x->k->n_tables; t++)
    if (used[t])
      table(b, &x->k->table[t], x->table_name[t]);
  buf_printf(b, "end package %s_tables;\n", x->e->name);
}

void vhdl_entity(const VhdlEntity *e, Folder *f, Buf *order) {
  Vhdl x;
  vhdl_plan(&x, e);
  if (uses_tables(&x)) {
    tables(folder_add(f, mem_printf("vhdl/%s_tables.vhd", e->name)), &x);
    buf_printf(order, "%s_tables.vhd\n", e->name);
  }
  entity(folder_add(f, mem_printf("vhdl/%s.vhd", e->name)), &x);
  buf_printf(order, "%s.vhd\n", e->name);
}

void emit_vhdl(const Design *d, Folder *f) {
  const VhdlEntity e = {.name = d->top, .k = d->k, .g = d->g, .o = d->o};
  vhdl_entity(&e, f, folder_add(f, "vhdl/files.txt"));
}
