/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_vhdl_plan.c - which values of a kernel become variables and registers of the VHDL, and their names.
 *
 * Requires: expanded kernel with stages. Shifts and wraps are wiring: they cost nothing and are written as slices inside the expression
 * that uses them, unless a name, several readers or a narrower register speak for a variable.
 */
#include "emit_vhdl.h"
#include <ctype.h>

enum { NAME_MAX_LEN = 32 };

int vhdl_latency(const Kernel *k) {
  return (k->n_stages < 1 ? 1 : k->n_stages) + 1;
}

/* ---- wiring ---- */

static bool slices(const Kernel *k, const HirValue *v) {
  return v->op == HIR_SHR || (v->op == HIR_WRAP && v->imm <= hir_width(&k->v[v->arg[0]]));
}

bool vhdl_wire(const Vhdl *x, int i, VhdlRef *r) {
  const HirValue *v = &x->k->v[i];
  if (v->op != HIR_SHL && !slices(x->k, v))
    return false;
  VhdlRef a = vhdl_ref(x, v->arg[0]);
  int width = hir_width(v);
  if (v->op == HIR_SHL) {
    a.shift += v->imm;
  } else {
    int drop = v->op == HIR_SHR ? v->imm : 0, zeros = drop < a.shift ? drop : a.shift;
    a.shift -= zeros;
    drop -= zeros;
    if (drop > a.n - 1)
      drop = a.n - 1; /* only the sign is left */
    a.low += drop;
    a.n -= drop;
  }
  if (a.n > width - a.shift)
    a.n = width > a.shift ? width - a.shift : 0; /* none: the value is proved to be 0 */
  a.is_signed = hir_signed(v);
  *r = a;
  return true;
}

VhdlRef vhdl_ref(const Vhdl *x, int i) {
  VhdlRef r = {i, 0, hir_width(&x->k->v[i]), 0, hir_signed(&x->k->v[i])};
  if (x->folded[i])
    vhdl_wire(x, i, &r);
  return r;
}

/* Readers that take a slice as well as a name, and read it once. */
static bool reads_once(const HirValue *v) {
  switch (v->op) {
  case HIR_ADD:
  case HIR_SUB:
  case HIR_MUL:
    return v->arg[0] != v->arg[1];
  case HIR_NEG:
  case HIR_SHL:
  case HIR_SHR:
  case HIR_WRAP:
  case HIR_LUT:
  case HIR_MUX:
    return true;
  default:
    return false;
  }
}

static void read_at(const Vhdl *x, int i, int stage) {
  if (vhdl_is_const(x, i))
    return;
  int base = vhdl_ref(x, i).base;
  if (x->last[base] < stage)
    x->last[base] = stage;
}

/* Stage that reads an element of Kernel.out. */
static int out_stage(const Vhdl *x, int i) {
  return i < x->k->n_out ? x->stages : vhdl_write_stage(x);
}

static void find_last(Vhdl *x) {
  for (int i = 0; i < x->k->n; i++)
    x->last[i] = x->home[i];
  for (int i = 0; i < x->k->n; i++)
    if (x->live[i] && !x->folded[i])
      for (int j = 0; j < hir_op_args(x->k->v[i].op); j++)
        read_at(x, x->k->v[i].arg[j], x->home[i]);
  for (int i = 0; i < hir_outs(x->k); i++)
    read_at(x, x->k->out[i], out_stage(x, i));
}

static void plan_wires(Vhdl *x) {
  const Kernel *k = x->k;
  int *uses = mem_array((size_t)k->n + 1, sizeof *uses);       /* 2: several, or one that reads it more than once */
  int *used_in = mem_array((size_t)k->n + 1, sizeof *used_in); /* stage of the only reader */
  for (int i = 0; i < k->n; i++) {
    const HirValue *v = &k->v[i];
    x->home[i] = vhdl_is_const(x, i)                      ? -1
                 : v->op == HIR_IN && !hir_is_state(k, v) ? 0
                 : v->stage + 1 < x->stages               ? v->stage + 1
                                                          : x->stages;
  }
  for (int i = hir_outs(k) - 1; i >= 0; i--)
    uses[k->out[i]]++, used_in[k->out[i]] = out_stage(x, i);
  for (int i = k->n - 1; i >= 0; i--) {
    const HirValue *v = &k->v[i];
    if (!x->live[i] || vhdl_is_const(x, i))
      continue;
    bool constant = v->arg[0] >= 0 && vhdl_is_const(x, v->arg[0]);
    x->folded[i] = !constant && (v->op == HIR_SHL || (slices(k, v) && uses[i] == 1 && !x->name[i]));
    for (int j = 0; j < hir_op_args(v->op); j++) {
      uses[v->arg[j]] += reads_once(v) && !(x->folded[i] && uses[i] > 1) ? 1 : 2;
      used_in[v->arg[j]] = x->folded[i] && used_in[i] > x->home[i] ? used_in[i] : x->home[i];
    }
  }
  /* A slice read in a later stage is registered by itself, being narrower, unless what it is cut from is registered for others anyway. */
  bool *cut = mem_array((size_t)k->n + 1, sizeof *cut);
  for (int i = 0; i < k->n; i++) {
    if (x->live[i] && x->folded[i] && k->v[i].op != HIR_SHL && used_in[i] > x->home[i])
      cut[i] = true, x->folded[i] = false;
    if (x->folded[i] && vhdl_ref(x, i).n < 1)
      x->folded[i] = false;
  }
  find_last(x);
  for (int i = 0; i < k->n; i++)
    if (cut[i] && x->last[vhdl_ref(x, k->v[i].arg[0]).base] >= used_in[i]) {
      x->folded[i] = true;
      x->folded[i] = vhdl_ref(x, i).n > 0;
    }
  find_last(x);
}

/* ---- names ---- */

/* The names given so far, by hash; size is a power of two, twice their number at least. */
typedef struct {
  const char **name;
  size_t size;
} Names;

static Names names_new(size_t most) {
  Names n = {NULL, 4};
  while (n.size < 2 * most)
    n.size *= 2;
  n.name = mem_array(n.size, sizeof *n.name);
  return n;
}

/* Where the name is, or would be. */
static size_t name_place(const Names *n, const char *s) {
  size_t h = 5381;
  for (const char *c = s; *c; c++)
    h = h * 33 ^ (unsigned char)*c;
  while (n->name[h & (n->size - 1)] && strcmp(n->name[h & (n->size - 1)], s))
    h++;
  return h & (n->size - 1);
}

/* Element names end in _<number>, so two prefixes that differ never give one name. What else is declared has its own first letters. */
static bool taken(const Names *used, const char *s, bool part) {
  static const char *const start[] = {"c_", "p_", "t_", "top_", "state_", NULL}; /* the last of a part only */
  for (int i = 0; start[i + !part]; i++)
    if (!strncmp(s, start[i], strlen(start[i])))
      return true;
  if ((s[0] == 'c' || s[0] == 'r' || s[0] == 't' || s[0] == 'v') && isdigit((unsigned char)s[1]))
    return true;
  return used->name[name_place(used, s)];
}

/* Letters, digits and single underscores of the model's name, in lower case. Element numbers follow, so keywords cannot arise. */
static char *legal(const char *text) {
  char *s = mem_alloc(NAME_MAX_LEN + 2);
  int n = 0;
  for (const unsigned char *p = (const unsigned char *)(text ? text : ""); *p && n < NAME_MAX_LEN; p++) {
    if (n == 0 && isdigit(*p))
      s[n++] = 'n';
    if (isalnum(*p) && *p < 128)
      s[n++] = (char)tolower(*p);
    else if (n && s[n - 1] != '_')
      s[n++] = '_';
  }
  if (n && s[n - 1] == '_')
    n--;
  if (n == 0)
    s[n++] = 'n';
  s[n] = 0;
  return s;
}

static const char *prefix(const Vhdl *x, Names *used, const char *text) {
  char *s = legal(text);
  const char *name = s;
  for (int i = 1; taken(used, name, x->e->part); i++)
    name = i == 1 ? mem_printf("n_%s", s) : mem_printf("n%d_%s", i, s);
  return used->name[name_place(used, name)] = name;
}

static void plan_names(Vhdl *x) {
  const Kernel *k = x->k;
  Names used = names_new((size_t)(k->n_in_ports + k->n_states + k->n_layers + 1));
  const char **in = mem_array((size_t)(k->n_in + k->n_state) + 1, sizeof *in); /* of IN elements */
  for (int p = 0; p < k->n_in_ports; p++) {
    const char *name = prefix(x, &used, k->in_port[p].name);
    for (int e = 0; e < k->in_port[p].n; e++)
      in[k->in_port[p].first + e] = mem_printf("%s_%d", name, e);
  }
  for (int s = 0; s < k->n_states; s++) {
    const char *name = prefix(x, &used, k->state[s].name);
    for (int e = 0; e < k->state[s].n; e++)
      in[k->n_in + k->state[s].first + e] = mem_printf("%s_%d", name, e);
  }
  for (int i = 0; i < k->n; i++)
    if (k->v[i].op == HIR_IN)
      x->name[i] = in[k->v[i].imm];
  for (int l = 0; l < k->n_layers; l++) {
    x->layer_name[l] = prefix(x, &used, k->layer[l].name);
    for (int j = 0; j < k->layer[l].n; j++) {
      int v = k->layer[l].value[j];
      if (v >= 0 && !x->name[v] && k->v[v].op != HIR_SHL && !vhdl_is_const(x, v))
        x->name[v] = mem_printf("%s_%d", x->layer_name[l], j);
    }
  }
}

static void plan_tables(Vhdl *x) {
  const Kernel *k = x->k;
  Names used = names_new((size_t)k->n_tables + 1);
  x->table_name = mem_array((size_t)k->n_tables + 1, sizeof *x->table_name);
  for (int t = 0; t < k->n_tables; t++) {
    const char *name = mem_printf("c_%s", legal(k->table[t].name));
    if (used.name[name_place(&used, name)])
      name = mem_printf("c%d_%s", t, legal(k->table[t].name));
    x->table_name[t] = used.name[name_place(&used, name)] = name;
  }
}

void vhdl_plan(Vhdl *x, const VhdlEntity *e) {
  const Kernel *k = e->k;
  size_t n = (size_t)k->n + 1;
  *x = (Vhdl){.e = e, .k = k, .stages = vhdl_latency(k) - 1};
  x->live = mem_array(n, 1);
  for (int i = 0; i < hir_outs(k); i++)
    x->live[k->out[i]] = 1;
  for (int i = k->n - 1; i >= 0; i--)
    for (int j = 0; j < hir_op_args(k->v[i].op); j++)
      if (x->live[i] && !vhdl_is_const(x, i))
        x->live[k->v[i].arg[j]] = 1;
  x->folded = mem_array(n, sizeof *x->folded);
  x->home = mem_array(n, sizeof *x->home);
  x->last = mem_array(n, sizeof *x->last);
  x->name = mem_array(n, sizeof *x->name);
  x->state_value = mem_array((size_t)k->n_state + 1, sizeof *x->state_value);
  for (int i = 0; i < k->n_state; i++)
    x->state_value[i] = -1;
  for (int i = 0; i < k->n; i++)
    if (hir_is_state(k, &k->v[i]) && x->live[i] && !vhdl_is_const(x, i))
      x->state_value[k->v[i].imm - k->n_in] = i;
  x->layer_name = mem_array((size_t)k->n_layers + 1, sizeof *x->layer_name);
  plan_names(x);
  plan_tables(x);
  plan_wires(x);
  for (int i = 0; i < k->n; i++)
    if (!x->name[i])
      x->name[i] = mem_printf("v%d", i);
}
