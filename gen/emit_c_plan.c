/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_c_plan.c - the order, the lane widths and the memory of the generated C.
 *
 * Work alternates: an even phase is statements, an odd one sums of products. Within a phase statements run depth first from the layers'
 * elements, so that what is computed is soon used, and are cut into functions that gcc compiles in linear time. A value that one step
 * leaves for another lies in a row of memory; rows are used again when their value is dead.
 */
#include "emit_c.h"
#include <stdlib.h>

enum { PART_ITEMS = 250, SUM_ROWS = 4 };

int c_kind_of(i128 lo, i128 hi) {
  int w = hir_width_of(lo < 0 ? lo : -1, hi < 0 ? 0 : hi);
  return w <= 16 ? 0 : w <= 32 ? 1 : w <= 64 ? 2 : 3;
}

static bool is_stored_input(const CPlan *p, int v) {
  return v < p->k->n && p->k->v[v].op == HIR_IN;
}

static bool is_const(const CPlan *p, int v) {
  return v < p->k->n && p->k->v[v].op == HIR_CONST;
}

/* ---- what must be computed ---- */

static void mark(CPlan *p) {
  const Kernel *k = p->k;
  for (int i = 0; i < hir_outs(k); i++)
    p->read[k->out[i]] = 1;
  for (int i = 0; i < k->n_layers && !p->part; i++) /* of a part, edges are traced */
    for (int j = 0; j < k->layer[i].n; j++)
      if (k->layer[i].value[j] >= 0)
        p->read[k->layer[i].value[j]] = 1;
  for (int i = k->n - 1; i >= 0; i--) {
    p->live[i] = p->read[i] || k->v[i].site >= 0; /* counted, read or not */
    for (int j = 0; j < 3 && p->live[i]; j++)
      if (k->v[i].arg[j] >= 0)
        p->read[k->v[i].arg[j]] = 1;
  }
}

/* ---- sums: rows with nearly the same columns together ---- */

static int compare_sums(const void *a, const void *b) {
  const CSum *x = a, *y = b;
  if (x->phase != y->phase)
    return x->phase - y->phase;
  if (x->kind != y->kind)
    return x->kind - y->kind;
  int x0 = x->cols ? x->col[0] : -1, y0 = y->cols ? y->col[0] : -1;
  if (x0 != y0)
    return x0 - y0;
  int x1 = x->cols ? x->col[x->cols - 1] : -1, y1 = y->cols ? y->col[y->cols - 1] : -1;
  return x1 != y1 ? x1 - y1 : x->row[0] - y->row[0];
}

/* Columns of both, ascending; how many. */
static int merge(const CSum *a, const CSum *b, int *col) {
  int i = 0, j = 0, n = 0;
  while (i < a->cols || j < b->cols)
    if (j >= b->cols || (i < a->cols && a->col[i] < b->col[j]))
      col[n++] = a->col[i++];
    else {
      i += i < a->cols && a->col[i] == b->col[j];
      col[n++] = b->col[j++];
    }
  return n;
}

static void spread(uint64_t *w, const CSum *s, int row, const int *col, int cols) {
  for (int c = 0, i = 0; c < cols; c++)
    w[c] = i < s->cols && s->col[i] == col[c] ? s->w[row * s->cols + i++] : 0;
}

static CSum join(const CSum *a, const CSum *b, int *col, int cols) {
  CSum s = *a;
  s.rows = a->rows + b->rows, s.cols = cols;
  s.col = mem_array((size_t)cols + 1, sizeof *s.col);
  memcpy(s.col, col, (size_t)cols * sizeof *col);
  s.row = mem_array((size_t)s.rows, sizeof *s.row);
  s.bias = mem_array((size_t)s.rows, sizeof *s.bias);
  s.w = mem_array((size_t)s.rows * (size_t)cols + 1, sizeof *s.w);
  for (int r = 0; r < s.rows; r++) {
    const CSum *from = r < a->rows ? a : b;
    int at = r < a->rows ? r : r - a->rows;
    s.row[r] = from->row[at], s.bias[r] = from->bias[at];
    spread(s.w + (size_t)r * (size_t)cols, from, at, s.col, cols);
  }
  return s;
}

/* Four rows share the loads of their columns when the zeros that fill them up are few. */
static void pack_sums(CPlan *p) {
  if (p->n_sums)
    qsort(p->sum, (size_t)p->n_sums, sizeof *p->sum, compare_sums);
  int n = 0, *col = mem_array(2 * (size_t)p->n + 2, sizeof *col);
  for (int i = 0; i < p->n_sums;) {
    CSum s[SUM_ROWS] = {p->sum[i]};
    int got = 1, used = s[0].cols;
    for (; got < SUM_ROWS && i + got < p->n_sums; got++) {
      const CSum *next = &p->sum[i + got];
      if (next->phase != s[0].phase || next->kind != s[0].kind)
        break;
      int cols = merge(&s[got - 1], next, col);
      used += next->cols;
      if ((got + 1) * cols > used + used / 4 + 4)
        break;
      s[got] = join(&s[got - 1], next, col, cols);
    }
    int take = got == SUM_ROWS ? SUM_ROWS : 1;
    CSum packed = s[take - 1];
    p->sum[n++] = packed;
    i += take;
  }
  p->n_sums = n;
}

/* ---- phases ---- */

static int even(int phase) {
  return phase + (phase & 1);
}

static void set_phases(CPlan *p) {
  const Kernel *k = p->k;
  int *sum_of = mem_array((size_t)p->n + 1, sizeof *sum_of), *total_of = mem_array((size_t)p->n + 1, sizeof *total_of);
  for (int i = 0; i < p->n_sums; i++)
    sum_of[p->sum[i].row[0]] = i + 1;
  for (int i = 0; i < p->n_totals; i++)
    total_of[p->total[i].value] = i + 1;
  for (int i = 0; i < k->n; i++) {
    int phase = 0;
    if (sum_of[i]) {
      CSum *s = &p->sum[sum_of[i] - 1];
      for (int c = 0; c < s->cols; c++)
        if (even(p->phase[s->col[c]]) > phase)
          phase = even(p->phase[s->col[c]]);
      s->phase = ++phase;
    } else if (total_of[i]) {
      const CTotal *t = &p->total[total_of[i] - 1];
      for (int j = 0; j < t->n; j++) {
        CSum *s = &p->sum[sum_of[t->part[j]] - 1];
        int at = 0;
        for (int c = 0; c < s->cols; c++)
          if (even(p->phase[s->col[c]]) > at)
            at = even(p->phase[s->col[c]]);
        s->phase = p->phase[t->part[j]] = at + 1;
        phase = at + 2 > phase ? at + 2 : phase;
      }
    } else if (!p->in_sum[i]) {
      for (int j = 0; j < 3; j++)
        if (k->v[i].arg[j] >= 0 && even(p->phase[k->v[i].arg[j]]) > phase)
          phase = even(p->phase[k->v[i].arg[j]]);
    }
    p->phase[i] = phase;
  }
}

/* ---- statements ---- */

static CItem *add_item(CPlan *p, CItemType type, int value, int arg) {
  p->item = mem_grow(p->item, p->n_items, &p->cap_items, sizeof *p->item);
  CItem *it = &p->item[p->n_items++];
  *it = (CItem){.type = type, .value = value, .arg = arg, .phase = even(p->phase[value]), .order = p->n_items};
  return it;
}

static int widest(int a, int b) {
  return a > b ? a : b;
}

static int value_kind(const CPlan *p, const HirValue *v, int i) {
  int kind = p->kind[i];
  for (int j = 0; j < 3; j++)
    if (v->arg[j] >= 0)
      kind = widest(kind, p->kind[v->arg[j]]);
  /* a shift stays below the lane's width */
  int shift = v->op == HIR_ADD || v->op == HIR_SUB || v->op == HIR_SHL ? (v->imm < 0 ? -v->imm : v->imm) : 0;
  while (kind < LANE_KINDS - 1 && shift >= c_bits(kind))
    kind++;
  if (v->op == HIR_CLAMP || v->op == HIR_WRAP) {
    const HirValue *a = &p->k->v[v->arg[0]];
    if (v->bound_lo > a->lo)
      kind = widest(kind, c_kind_of(v->bound_lo, v->bound_lo));
    if (v->bound_hi < a->hi)
      kind = widest(kind, c_kind_of(v->bound_hi, v->bound_hi));
    if (v->op == HIR_WRAP)
      kind = widest(kind, c_kind_of(v->bound_lo, v->bound_hi));
  }
  return kind;
}

/* Depth first from value i over values that are statements. */
static void visit(CPlan *p, int i, uint8_t *seen, const int *total_of, int *stack) {
  const Kernel *k = p->k;
  int top = 0;
  if (seen[i] || is_stored_input(p, i) || is_const(p, i))
    return;
  stack[top++] = i;
  while (top) {
    int v = stack[top - 1];
    bool done = seen[v] == 2, leaf = p->in_sum[v];
    if (done) {
      top--;
      continue;
    }
    if (seen[v] == 0) {
      seen[v] = 1;
      for (int j = 2; j >= 0 && !leaf; j--) {
        int a = k->v[v].arg[j];
        if (a >= 0 && !seen[a] && !is_stored_input(p, a) && !is_const(p, a))
          stack[top++] = a;
      }
      continue;
    }
    seen[v] = 2;
    top--;
    if (total_of[v])
      add_item(p, C_TOTAL, v, total_of[v] - 1)->kind = p->total[total_of[v] - 1].kind;
    else if (!leaf)
      add_item(p, C_VALUE, v, 0)->kind = value_kind(p, &k->v[v], v);
  }
}

static void make_items(CPlan *p) {
  const Kernel *k = p->k;
  uint8_t *seen = mem_array((size_t)p->n + 1, 1);
  int *stack = mem_array(4 * (size_t)p->n + 4, sizeof *stack), *total_of = mem_array((size_t)p->n + 1, sizeof *total_of);
  for (int i = 0; i < p->n_totals; i++)
    total_of[p->total[i].value] = i + 1;
  for (int i = 0; i < k->n_layers && !p->part; i++)
    for (int j = 0; j < k->layer[i].n; j++)
      if (k->layer[i].value[j] >= 0)
        visit(p, k->layer[i].value[j], seen, total_of, stack);
  for (int i = 0; i < hir_outs(k); i++)
    visit(p, k->out[i], seen, total_of, stack);
  for (int i = 0; i < k->n; i++)
    if (p->live[i] && (!p->in_sum[i] || total_of[i]))
      visit(p, i, seen, total_of, stack);
  for (int i = 0; i < hir_outs(k); i++)
    add_item(p, C_OUT, k->out[i], i)->kind = widest(p->out_kind, p->kind[k->out[i]]);
  uint8_t *copied = mem_array((size_t)p->n + 1, 1);
  for (int i = 0; i < p->n_sums; i++)
    for (int c = 0; c < p->sum[i].cols; c++) {
      int v = p->sum[i].col[c], kind = p->sum[i].kind;
      if ((p->kind[v] == kind && !is_stored_input(p, v)) || copied[v] >> kind & 1)
        continue;
      copied[v] |= (uint8_t)(1 << kind);
      add_item(p, C_COPY, v, kind)->kind = widest(kind, p->kind[v]);
    }
}

/* A few 16-bit statements among 32-bit ones gain nothing and cost a trip through memory. */
static void promote(CPlan *p) {
  int phases = 0;
  for (int i = 0; i < p->n_items; i++)
    phases = widest(phases, p->item[i].phase + 1);
  int(*count)[LANE_KINDS] = mem_array((size_t)phases + 1, sizeof *count);
  for (int i = 0; i < p->n_items; i++)
    count[p->item[i].phase][p->item[i].kind]++;
  for (int i = 0; i < p->n_items; i++) {
    CItem *it = &p->item[i];
    const int *c = count[it->phase];
    if (it->kind == 0 && c[0] < c[1] / 2)
      it->kind = 1;
    if (it->kind < 2 && c[2] > 4 * (c[0] + c[1]))
      it->kind = 2;
  }
}

static int compare_items(const void *a, const void *b) {
  const CItem *x = a, *y = b;
  if (x->phase != y->phase)
    return x->phase - y->phase;
  if (x->level != y->level)
    return x->level - y->level;
  if (x->order != y->order)
    return x->order - y->order;
  return x->type != y->type ? (int)x->type - (int)y->type : x->arg - y->arg;
}

/* Within a phase, statements of one width come together as far as their arguments allow. */
static void set_levels(CPlan *p) {
  int *item_of = mem_array((size_t)p->n + 1, sizeof *item_of);
  for (int i = 0; i < p->n_items; i++)
    if (p->item[i].type == C_VALUE || p->item[i].type == C_TOTAL)
      item_of[p->item[i].value] = i + 1;
  for (int i = 0; i < p->n_items; i++) { /* arguments have been seen */
    CItem *it = &p->item[i];
    if ((it->type == C_COPY || it->type == C_OUT) && item_of[it->value])
      it->order = p->item[item_of[it->value] - 1].order; /* right behind its value */
    int level = 0, arg[3] = {-1, -1, -1};
    if (it->type == C_VALUE)
      memcpy(arg, p->k->v[it->value].arg, sizeof arg);
    else if (it->type != C_TOTAL)
      arg[0] = it->value;
    for (int j = 0; j < 3; j++) {
      const CItem *a = arg[j] >= 0 && item_of[arg[j]] ? &p->item[item_of[arg[j]] - 1] : NULL;
      if (a && a->phase == it->phase)
        level = widest(level, a->level);
    }
    while (level % LANE_KINDS != it->kind)
      level++;
    it->level = level;
  }
  qsort(p->item, (size_t)p->n_items, sizeof *p->item, compare_items);
}

static void add_step(CPlan *p, CStep s) {
  p->step = mem_grow(p->step, p->n_steps, &p->cap_steps, sizeof *p->step);
  p->step[p->n_steps++] = s;
}

static void make_steps(CPlan *p) {
  int i = 0, s = 0;
  if (!p->n_items && !p->n_sums)
    add_step(p, (CStep){0});
  while (i < p->n_items || s < p->n_sums) {
    if (i < p->n_items && (s == p->n_sums || p->item[i].phase <= p->sum[s].phase)) {
      int n = 1;
      const CItem *first = &p->item[i];
      while (n < PART_ITEMS && i + n < p->n_items && first[n].phase == first->phase && first[n].kind == first->kind)
        n++;
      add_step(p, (CStep){.first = i, .n = n, .kind = first->kind});
      i += n;
    } else {
      int n = 1;
      while (s + n < p->n_sums && p->sum[s + n].phase == p->sum[s].phase && p->sum[s + n].kind == p->sum[s].kind)
        n++;
      add_step(p, (CStep){.is_sum = true, .first = s, .n = n, .kind = p->sum[s].kind});
      s += n;
    }
  }
}

/* ---- memory ---- */

typedef struct {
  int *def, *last[LANE_KINDS]; /* steps; last -1: not in memory */
} Lives;

static void used(const CPlan *p, Lives *l, int v, int kind, int step) {
  if (v < 0 || is_const(p, v) || is_stored_input(p, v))
    return;
  if (l->def[v] != step && step > l->last[kind][v])
    l->last[kind][v] = step;
}

static Lives lives(const CPlan *p) {
  Lives l;
  l.def = mem_array((size_t)p->n + 1, sizeof *l.def);
  for (int q = 0; q < LANE_KINDS; q++) {
    l.last[q] = mem_array((size_t)p->n + 1, sizeof *l.last[q]);
    for (int i = 0; i < p->n; i++)
      l.last[q][i] = -1;
  }
  for (int s = 0; s < p->n_steps; s++)
    for (int i = p->step[s].first; i < p->step[s].first + p->step[s].n; i++)
      if (p->step[s].is_sum)
        for (int r = 0; r < p->sum[i].rows; r++) { /* sums live in memory only */
          l.def[p->sum[i].row[r]] = s;
          l.last[p->sum[i].kind][p->sum[i].row[r]] = s;
        }
      else if (p->item[i].type == C_VALUE || p->item[i].type == C_TOTAL)
        l.def[p->item[i].value] = s;
  for (int s = 0; s < p->n_steps; s++)
    for (int i = p->step[s].first; i < p->step[s].first + p->step[s].n; i++) {
      if (p->step[s].is_sum) {
        for (int c = 0; c < p->sum[i].cols; c++) {
          int v = p->sum[i].col[c], kind = p->sum[i].kind;
          if (kind == p->kind[v] && !is_stored_input(p, v))
            used(p, &l, v, kind, s);
          else if (s > l.last[kind][v]) /* its copy */
            l.last[kind][v] = s;
        }
        continue;
      }
      const CItem *it = &p->item[i];
      if (it->type == C_TOTAL)
        for (int j = 0; j < p->total[it->arg].n; j++)
          used(p, &l, p->total[it->arg].part[j], p->total[it->arg].kind - 1, s);
      for (int j = 0; j < 3 && it->type == C_VALUE; j++) {
        int a = p->k->v[it->value].arg[j];
        if (a >= 0)
          used(p, &l, a, p->kind[a], s);
      }
      if (it->type == C_COPY || it->type == C_OUT)
        used(p, &l, it->value, p->kind[it->value], s);
    }
  return l;
}

/* Each layer's elements are read when they are ready: the step that computes them is followed by the trace. */
static void set_traces(CPlan *p, Lives *l) {
  const Kernel *k = p->k;
  int total = 0, *count = mem_array((size_t)p->n_steps + 2, sizeof *count);
  for (int i = 0; i < k->n_layers; i++)
    total += k->layer[i].n;
  p->trace = mem_array((size_t)total + 1, sizeof *p->trace);
  for (int pass = 0; pass < 2; pass++) {
    for (int i = 0; i < k->n_layers; i++)
      for (int j = 0; j < k->layer[i].n; j++) {
        int v = k->layer[i].value[j];
        if (v < 0)
          continue;
        int s = is_const(p, v) || is_stored_input(p, v) ? 0 : l->def[v];
        if (pass == 0) {
          count[s]++;
          if (!is_const(p, v) && !is_stored_input(p, v) && l->last[p->kind[v]][v] < s)
            l->last[p->kind[v]][v] = s;
        } else {
          CStep *at = &p->step[s];
          p->trace[at->trace + at->n_trace++] = (CTrace){i, j, v};
        }
      }
    for (int s = 0, sum = 0; s < p->n_steps && pass == 0; s++) {
      p->step[s].trace = sum;
      sum += count[s];
    }
  }
  for (int s = 0; s < p->n_steps; s++)
    p->n_traces += count[s];
}

typedef struct {
  int n, cap, *row;
} Free;

static void allocate(CPlan *p, const Lives *l) {
  Free spare[LANE_KINDS] = {0};
  int **begin = mem_array(LANE_KINDS, sizeof *begin); /* values by step of their death */
  for (int q = 0; q < LANE_KINDS; q++) {
    p->slot[q] = mem_array((size_t)p->n + 1, sizeof *p->slot[q]);
    begin[q] = mem_array((size_t)p->n_steps + 2, sizeof *begin[q]);
    for (int i = 0; i < p->n; i++) {
      p->slot[q][i] = -1;
      if (l->last[q][i] >= 0)
        begin[q][l->last[q][i] + 1]++;
    }
  }
  int *made = mem_array((size_t)p->n_steps + 2, sizeof *made), *value = mem_array((size_t)p->n * LANE_KINDS + 1, sizeof *value);
  /* values in the order of the step that writes them: a copy is written in its own step */
  int *write[LANE_KINDS];
  for (int q = 0; q < LANE_KINDS; q++) {
    write[q] = mem_array((size_t)p->n + 1, sizeof *write[q]);
    for (int i = 0; i < p->n; i++)
      write[q][i] = l->def[i];
  }
  for (int s = 0; s < p->n_steps; s++)
    for (int i = p->step[s].first; !p->step[s].is_sum && i < p->step[s].first + p->step[s].n; i++)
      if (p->item[i].type == C_COPY)
        write[p->item[i].arg][p->item[i].value] = s;
  for (int q = 0; q < LANE_KINDS; q++)
    for (int i = 0; i < p->n; i++)
      if (l->last[q][i] >= 0)
        made[write[q][i] + 1]++;
  for (int s = 0; s < p->n_steps; s++) {
    made[s + 1] += made[s];
    for (int q = 0; q < LANE_KINDS; q++)
      begin[q][s + 1] += begin[q][s];
  }
  int *fill = mem_array((size_t)p->n_steps + 1, sizeof *fill), *dying[LANE_KINDS];
  for (int q = 0; q < LANE_KINDS; q++) {
    int *at = mem_array((size_t)p->n_steps + 1, sizeof *at);
    dying[q] = mem_array((size_t)p->n + 1, sizeof *dying[q]);
    for (int i = 0; i < p->n; i++)
      if (l->last[q][i] >= 0) {
        int s = write[q][i], d = l->last[q][i];
        value[made[s] + fill[s]++] = i * LANE_KINDS + q;
        dying[q][begin[q][d] + at[d]++] = i;
      }
  }
  for (int s = 0; s < p->n_steps; s++) {
    for (int i = made[s]; i < made[s + 1]; i++) {
      int v = value[i] / LANE_KINDS, q = value[i] % LANE_KINDS;
      p->slot[q][v] = spare[q].n ? spare[q].row[--spare[q].n] : p->n_slots[q]++;
    }
    for (int q = 0; q < LANE_KINDS; q++)
      for (int i = begin[q][s + 1] - 1; i >= begin[q][s]; i--) {
        spare[q].row = mem_grow(spare[q].row, spare[q].n, &spare[q].cap, sizeof *spare[q].row);
        spare[q].row[spare[q].n++] = p->slot[q][dying[q][i]];
      }
  }
}

CPlan *c_plan(const Kernel *k, const CPart *part) {
  CPlan *p = mem_alloc(sizeof *p);
  p->k = k;
  p->part = part;
  p->n = k->n;
  p->live = mem_array((size_t)k->n + 1, 1);
  p->in_sum = mem_array((size_t)k->n + 1, 1);
  p->is_row = mem_array((size_t)k->n + 1, 1);
  p->read = mem_array((size_t)k->n + 1, 1);
  mark(p);
  uint8_t *kind = mem_array((size_t)k->n + 1, 1);
  for (int i = 0; i < k->n; i++) {
    kind[i] = (uint8_t)c_kind_of(k->v[i].lo, k->v[i].hi);
    if (k->v[i].op == HIR_IN)
      p->in_kind = widest(p->in_kind, kind[i]);
    if (k->v[i].op == HIR_IN && part)
      kind[i] = part->in_kind[k->v[i].imm];
  }
  for (int i = 0; i < hir_outs(k); i++)
    p->out_kind = widest(p->out_kind, kind[k->out[i]]);
  for (int i = 0; i < k->n && !part; i++)
    if (k->v[i].op == HIR_IN)
      kind[i] = (uint8_t)p->in_kind;
  if (part)
    p->out_kind = part->out_kind;
  p->kind = kind;
  c_plan_sums(p);
  /* virtual values and rows: their memory is as wide as the sum's lanes */
  p->n = k->n + p->n_virtual;
  p->kind = mem_array((size_t)p->n + 1, 1);
  memcpy(p->kind, kind, (size_t)k->n);
  for (int i = 0; i < p->n_virtual; i++)
    p->kind[k->n + i] = p->virtual_kind[i];
  for (int i = 0; i < p->n_sums; i++)
    p->kind[p->sum[i].row[0]] = (uint8_t)p->sum[i].kind;
  p->phase = mem_array((size_t)p->n + 1, sizeof *p->phase);
  set_phases(p);
  pack_sums(p);
  make_items(p);
  promote(p);
  set_levels(p);
  make_steps(p);
  Lives l = lives(p);
  if (!part)
    set_traces(p, &l);
  allocate(p, &l);
  return p;
}
