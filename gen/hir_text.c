/* SPDX-License-Identifier: Apache-2.0
 *
 * hir_text.c - a kernel as text: what --dump prints and what `nngen FILE.hir` reads. One record a line, fields by blanks:
 *
 *   hir 1 TOP
 *   input "name" FIRST N W I s|u RANK DIM...          output the same
 *   state "name" FIRST N W I s|u INIT...              recurrent kernels: then also `steps N`, `each_step`, `channels N` where they differ
 *   table NAME ENTRIES "text" WORD...
 *   layer "name" "op" "tensor" W I s|u N vNUMBER/FRAC/OFFSET...
 *   site LAYER 0|1 "name"
 *   vN = OP ARGS IMM [LO,HI] KEY...    KEY: bound LO HI | site N | round N | overflow N | layer N; ARGS are vN
 *   out vN...
 *
 * Values are numbered from 0 without gaps. Text is quoted, with \" \\ and \xNN.
 */
#include "hir.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

static void quoted(FILE *f, const char *s) {
  fputc('"', f);
  for (const unsigned char *p = (const unsigned char *)(s ? s : ""); *p; p++)
    if (*p == '"' || *p == '\\')
      fprintf(f, "\\%c", *p);
    else if (*p < 32 || *p > 126)
      fprintf(f, "\\x%02x", *p);
    else
      fputc(*p, f);
  fputc('"', f);
}

const char *hir_port_scale(const HirPort *p) {
  if (p->scale == 0)
    return "";
  const char *q = p->zero ? mem_printf("(q %c %lld)", p->zero < 0 ? '+' : '-', llabs((long long)p->zero)) : "q";
  return mem_printf(", integer q stands for %s * %.9g", q, p->scale);
}

static void print_port(FILE *f, const char *kind, const HirPort *p) {
  fprintf(f, "%s ", kind);
  quoted(f, p->name);
  fprintf(f, " %d %d %d %d %c %d", p->first, p->n, p->fmt.W, p->fmt.I, p->fmt.is_signed ? 's' : 'u', p->rank);
  for (int i = 0; i < p->rank; i++)
    fprintf(f, " %lld", (long long)p->dim[i]);
  if (p->scale != 0)
    fprintf(f, " scale %a %lld", p->scale, (long long)p->zero);
  fputc('\n', f);
}

static void print_layer(FILE *f, const HirLayer *l) {
  fputs("layer ", f);
  quoted(f, l->name), fputc(' ', f);
  quoted(f, l->op), fputc(' ', f);
  quoted(f, l->tensor);
  fprintf(f, " %d %d %c %d", l->fmt.W, l->fmt.I, l->fmt.is_signed ? 's' : 'u', l->n);
  for (int i = 0; i < l->n; i++)
    fprintf(f, " v%d/%d/%lld", l->value[i], l->frac[i], l->offset ? (long long)l->offset[i] : 0);
  fputc('\n', f);
}

static void print_value(FILE *f, int i, const HirValue *v) {
  fprintf(f, "v%d = %s", i, hir_op_name(v->op));
  for (int j = 0; j < hir_op_args(v->op); j++)
    fprintf(f, " v%d", v->arg[j]);
  fprintf(f, " %d [%s,%s]", v->imm, i128_text(v->lo), i128_text(v->hi));
  if (v->op == HIR_CLAMP || v->op == HIR_WRAP || v->op == HIR_QUANT)
    fprintf(f, " bound %s %s", i128_text(v->bound_lo), i128_text(v->bound_hi));
  if (v->site >= 0)
    fprintf(f, " site %d", v->site);
  if (v->op == HIR_QUANT)
    fprintf(f, " round %d overflow %d", v->round, v->overflow);
  if (v->layer >= 0)
    fprintf(f, " layer %d", v->layer);
  fputc('\n', f);
}

void hir_print(const Kernel *k, FILE *f) {
  fprintf(f, "hir 1 %s\n", k->name);
  for (int i = 0; i < k->n_in_ports; i++)
    print_port(f, "input", &k->in_port[i]);
  for (int i = 0; i < k->n_out_ports; i++)
    print_port(f, "output", &k->out_port[i]);
  for (int i = 0; i < k->n_states; i++) {
    const HirState *s = &k->state[i];
    fputs("state ", f);
    quoted(f, s->name);
    fprintf(f, " %d %d %d %d %c", s->first, s->n, s->fmt.W, s->fmt.I, s->fmt.is_signed ? 's' : 'u');
    for (int j = 0; j < s->n; j++)
      fprintf(f, " %lld", (long long)s->init[j]);
    fputc('\n', f);
  }
  if (k->steps != 1)
    fprintf(f, "steps %d\n", k->steps);
  if (k->each_step)
    fputs("each_step\n", f);
  if (k->channels != 1)
    fprintf(f, "channels %d\n", k->channels);
  for (int i = 0; i < k->n_tables; i++) {
    fprintf(f, "table %s %d ", k->table[i].name, k->table[i].entries);
    quoted(f, k->table[i].text);
    for (int j = 0; j < k->table[i].entries; j++)
      fprintf(f, " %lld", (long long)k->table[i].word[j]);
    fputc('\n', f);
  }
  for (int i = 0; i < k->n_layers; i++)
    print_layer(f, &k->layer[i]);
  for (int i = 0; i < k->n_sites; i++) {
    fprintf(f, "site %d %d ", k->site[i].layer, k->site[i].input_side);
    quoted(f, k->site[i].name);
    fputc('\n', f);
  }
  for (int i = 0; i < k->n; i++)
    print_value(f, i, &k->v[i]);
  fputs("out", f);
  for (int i = 0; i < hir_outs(k); i++)
    fprintf(f, " v%d", k->out[i]);
  fputc('\n', f);
}

/* ---- reading ---- */

typedef struct {
  const char *p;
  int line;
  bool bad;
} Reader;

static void blanks(Reader *r) {
  while (*r->p == ' ' || *r->p == '\t' || *r->p == '\r')
    r->p++;
}

static void complain(Reader *r, const char *what) {
  if (!r->bad)
    diag_error(EXIT_INVALID, NULL, "line %d: %s", r->line, what);
  r->bad = true;
}

static bool word_is(Reader *r, const char *w) {
  blanks(r);
  size_t n = strlen(w);
  if (strncmp(r->p, w, n) || isalnum((unsigned char)r->p[n]))
    return false;
  r->p += n;
  return true;
}

static i128 number(Reader *r) {
  blanks(r);
  bool minus = *r->p == '-';
  r->p += minus;
  if (!isdigit((unsigned char)*r->p))
    complain(r, "a number is expected");
  u128 v = 0;
  for (; isdigit((unsigned char)*r->p); r->p++) {
    if (v > ((u128)1 << 120))
      v = 0, complain(r, "number too large");
    v = v * 10 + (u128)(*r->p - '0');
  }
  return minus ? -(i128)v : (i128)v;
}

static int small(Reader *r, int lo, int hi) {
  i128 v = number(r);
  if (v < lo || v > hi) {
    complain(r, "number out of range");
    return lo;
  }
  return (int)v;
}

static int value_ref(Reader *r, int limit) {
  blanks(r);
  if (*r->p++ != 'v')
    complain(r, "a value (vN) is expected");
  return small(r, 0, limit - 1);
}

static const char *word(Reader *r) {
  blanks(r);
  const char *s = r->p;
  while (*r->p && !isspace((unsigned char)*r->p))
    r->p++;
  return mem_strndup(s, (size_t)(r->p - s));
}

static const char *text(Reader *r) {
  Buf b = {0};
  blanks(r);
  if (*r->p != '"') {
    complain(r, "quoted text is expected");
    return "";
  }
  for (r->p++; *r->p && *r->p != '"' && *r->p != '\n'; r->p++) {
    char c = *r->p;
    if (c == '\\' && r->p[1] == 'x' && isxdigit((unsigned char)r->p[2]) && isxdigit((unsigned char)r->p[3])) {
      c = (char)strtol(mem_strndup(r->p + 2, 2), NULL, 16);
      r->p += 3;
    } else if (c == '\\' && r->p[1]) {
      c = *++r->p;
    }
    buf_write(&b, &c, 1);
  }
  if (*r->p == '"')
    r->p++;
  return b.s ? b.s : "";
}

static Format format(Reader *r) {
  Format f = {.W = small(r, 0, 126), .I = small(r, -1000, 1000)};
  f.is_signed = word_is(r, "s") || !word_is(r, "u");
  return f;
}

static HirPort port(Reader *r) {
  HirPort p = {.name = text(r), .first = small(r, 0, 1 << 24), .n = small(r, 1, 1 << 24)};
  p.fmt = format(r);
  p.rank = small(r, 0, MAX_RANK);
  for (int i = 0; i < p.rank; i++)
    p.dim[i] = small(r, 1, 1 << 24);
  if (word_is(r, "scale")) {
    p.scale = strtod(word(r), NULL);
    p.zero = small(r, -(1 << 24), 1 << 24);
    if (!(p.scale > 0 && p.scale < 1e38))
      complain(r, "a positive scale is expected");
  }
  return p;
}

/* After the inputs. */
static void read_state(Reader *r, Kernel *k, int *cap) {
  k->state = mem_grow(k->state, k->n_states, cap, sizeof *k->state);
  HirState *s = &k->state[k->n_states++];
  *s = (HirState){.name = text(r), .first = small(r, k->n_state, k->n_state), .n = small(r, 1, 1 << 24)};
  s->fmt = format(r);
  s->init = mem_array((size_t)s->n, sizeof *s->init);
  for (int i = 0; i < s->n && !r->bad; i++)
    s->init[i] = (int64_t)number(r);
  k->n_state += s->n;
}

static void read_table(Reader *r, Kernel *k) {
  const char *name = word(r);
  int n = small(r, 1, 1 << 20);
  const char *note = text(r);
  int64_t *w = mem_array((size_t)n, sizeof *w);
  for (int i = 0; i < n && !r->bad; i++)
    w[i] = (int64_t)number(r);
  hir_table(k, name, n, w, note);
}

static void read_layer(Reader *r, Kernel *k) {
  k->layer = mem_grow(k->layer, k->n_layers, &k->cap_layers, sizeof *k->layer);
  HirLayer *l = &k->layer[k->n_layers++];
  *l = (HirLayer){.name = text(r), .op = text(r), .tensor = text(r)};
  l->fmt = format(r);
  l->n = small(r, 0, 1 << 24);
  l->value = mem_array((size_t)l->n + 1, sizeof *l->value);
  l->frac = mem_array((size_t)l->n + 1, sizeof *l->frac);
  l->offset = mem_array((size_t)l->n + 1, sizeof *l->offset);
  for (int i = 0; i < l->n && !r->bad; i++) {
    blanks(r);
    if (*r->p++ != 'v')
      complain(r, "a value (vN/FRAC/OFFSET) is expected");
    l->value[i] = small(r, -1, 1 << 28);
    if (*r->p++ != '/')
      complain(r, "'/' is expected");
    l->frac[i] = small(r, -1000, 1000);
    if (*r->p++ != '/')
      complain(r, "'/' is expected");
    l->offset[i] = (int64_t)number(r);
  }
}

/* Values are taken as they stand, not simplified, so that a dump reloads as the same kernel; hir_verify_intervals proves what the text
 * claims. */
static void read_value(Reader *r, Kernel *k) {
  if (small(r, 0, 1 << 28) != k->n)
    complain(r, "values must be numbered in order");
  if (!word_is(r, "="))
    complain(r, "'=' is expected");
  HirValue v = {.arg = {-1, -1, -1}, .site = -1, .layer = -1};
  const char *name = word(r);
  for (v.op = 0; v.op < HIR_OP_COUNT && strcmp(name, hir_op_name(v.op)); v.op++)
    ;
  if (v.op == HIR_OP_COUNT) {
    complain(r, "unknown operation");
    return;
  }
  for (int j = 0; j < hir_op_args(v.op) && !r->bad; j++)
    v.arg[j] = value_ref(r, k->n);
  v.imm = small(r, -126, 1 << 24);
  blanks(r);
  if (*r->p++ != '[')
    complain(r, "an interval is expected");
  v.lo = number(r);
  if (*r->p++ != ',')
    complain(r, "',' is expected");
  v.hi = number(r);
  if (*r->p++ != ']')
    complain(r, "']' is expected");
  for (blanks(r); *r->p && *r->p != '\n' && !r->bad; blanks(r)) {
    if (word_is(r, "bound"))
      v.bound_lo = number(r), v.bound_hi = number(r);
    else if (word_is(r, "site"))
      v.site = small(r, 0, k->n_sites - 1);
    else if (word_is(r, "round"))
      v.round = (uint8_t)small(r, 0, ROUND_RNE);
    else if (word_is(r, "overflow"))
      v.overflow = (uint8_t)small(r, 0, OVERFLOW_ERROR);
    else if (word_is(r, "layer"))
      v.layer = small(r, 0, k->n_layers - 1);
    else
      complain(r, "unknown key");
  }
  if (v.op == HIR_IN && v.imm >= k->n_in)
    k->n_in = v.imm + 1; /* state elements are told apart at the end */
  if (v.op == HIR_LUT && (v.imm < 0 || v.imm >= k->n_tables || k->v[v.arg[0]].lo < 0 || k->v[v.arg[0]].hi >= k->table[v.imm].entries))
    complain(r, "no such table, or its address can leave it");
  if (v.lo > v.hi || hir_width(&v) > HIR_MAX_WIDTH)
    complain(r, "bad interval");
  k->v = mem_grow(k->v, k->n, &k->cap, sizeof *k->v);
  k->v[k->n++] = v;
}

/* What the text claims of each interval must contain what interval and affine analysis prove of the operation. */
static void prove(Reader *r, Kernel *k) {
  Kernel proved = *k;
  proved.v = mem_array((size_t)k->n + 1, sizeof *proved.v);
  memcpy(proved.v, k->v, (size_t)k->n * sizeof *proved.v);
  hir_affine(&proved, true);
  for (int i = 0; i < k->n && !r->bad; i++)
    if (proved.v[i].lo < k->v[i].lo || proved.v[i].hi > k->v[i].hi) {
      r->line = 0;
      complain(r, mem_printf("value v%d: its interval is not proved", i));
    }
}

/* What is stored is what is read: values and initial values lie in the interval of the IN. */
static void check_state(Reader *r, const Kernel *k) {
  for (int i = 0; i < k->n && !r->bad; i++) {
    const HirValue *v = &k->v[i];
    if (!hir_is_state(k, v))
      continue;
    int e = v->imm - k->n_in;
    const HirState *s = k->state;
    while (e >= s->first + s->n)
      s++;
    const HirValue *next = &k->v[k->out[k->n_out + e]];
    i128 least = s->fmt.is_signed ? -((i128)1 << (s->fmt.W - 1)) : 0, init = s->init[e - s->first];
    if (v->lo < least || v->hi > least + (((i128)1 << s->fmt.W) - 1) || next->lo < v->lo || next->hi > v->hi || init < v->lo ||
        init > v->hi)
      complain(r, mem_printf("value v%d: the state's format, its first or its next value do not fit its interval", i));
  }
}

Kernel *hir_parse(const char *file, const char *source) {
  Reader r = {.p = source, .line = 1};
  Kernel *k = hir_new("top");
  diag_set_file(file);
  if (!word_is(&r, "hir") || small(&r, 1, 1) != 1) {
    complain(&r, "not a hardware IR file (hir 1 NAME)");
    return NULL;
  }
  k->name = ident(word(&r));
  int n_in = 0, n_out = 0;
  int cap_in = 0, cap_out = 0, cap_state = 0, outs_given = 0;
  bool done = false;
  while (*r.p && !r.bad && !done) {
    blanks(&r);
    if (*r.p == '\n') {
      r.p++, r.line++;
    } else if (*r.p == '#') {
      while (*r.p && *r.p != '\n')
        r.p++;
    } else if (word_is(&r, "input")) {
      k->in_port = mem_grow(k->in_port, n_in, &cap_in, sizeof *k->in_port);
      k->in_port[n_in++] = port(&r);
    } else if (word_is(&r, "output")) {
      k->out_port = mem_grow(k->out_port, n_out, &cap_out, sizeof *k->out_port);
      k->out_port[n_out++] = port(&r);
    } else if (word_is(&r, "state")) {
      read_state(&r, k, &cap_state);
    } else if (word_is(&r, "steps")) {
      k->steps = small(&r, 0, 1 << 24);
    } else if (word_is(&r, "each_step")) {
      k->each_step = true;
    } else if (word_is(&r, "channels")) {
      k->channels = small(&r, 1, 1 << 16);
    } else if (word_is(&r, "table")) {
      read_table(&r, k);
    } else if (word_is(&r, "layer")) {
      read_layer(&r, k);
    } else if (word_is(&r, "site")) {
      k->site = mem_grow(k->site, k->n_sites, &k->cap_sites, sizeof *k->site);
      k->site[k->n_sites].layer = small(&r, -1, k->n_layers - 1);
      k->site[k->n_sites].input_side = small(&r, 0, 1);
      k->site[k->n_sites++].name = text(&r);
    } else if (word_is(&r, "out")) {
      for (blanks(&r); *r.p == 'v' && !r.bad; blanks(&r)) {
        k->out = mem_grow(k->out, outs_given, &k->cap_out, sizeof *k->out);
        k->out[outs_given++] = value_ref(&r, k->n);
      }
      done = true;
    } else if (*r.p == 'v') {
      r.p++;
      read_value(&r, k);
    } else {
      complain(&r, "unknown record");
    }
  }
  k->n_in_ports = n_in, k->n_out_ports = n_out;
  int ins = 0;
  for (int i = 0; i < n_in && !r.bad; i++)
    ins = k->in_port[i].first + k->in_port[i].n > ins ? k->in_port[i].first + k->in_port[i].n : ins;
  if (!r.bad && n_in && k->n_in > ins + k->n_state)
    complain(&r, "an input that no port has");
  k->n_in = ins;
  if (!r.bad && outs_given < k->n_state)
    complain(&r, "outputs are missing: the state's next values");
  k->n_out = r.bad ? 0 : outs_given - k->n_state;
  int outs = 0;
  for (int i = 0; i < n_out && !r.bad; i++) {
    outs = k->out_port[i].first + k->out_port[i].n > outs ? k->out_port[i].first + k->out_port[i].n : outs;
    if (k->out_port[i].first + k->out_port[i].n > k->n_out)
      complain(&r, "output port beyond the outputs");
  }
  if (!r.bad && n_out && outs < k->n_out)
    complain(&r, "more outputs than the ports hold");
  for (int i = 0; i < k->n_layers && !r.bad; i++)
    for (int j = 0; j < k->layer[i].n; j++)
      if (k->layer[i].value[j] >= k->n)
        complain(&r, "layer names a value that is not there");
  if (!r.bad && (!done || !n_in || !n_out))
    complain(&r, "input, output or out is missing");
  check_state(&r, k);
  if (!r.bad)
    prove(&r, k);
  return r.bad ? NULL : k;
}

Kernel *hir_read(const char *path) {
  const char *text_of = file_read(path, NULL);
  if (text_of)
    return hir_parse(path, text_of);
  diag_error(EXIT_FILES, NULL, "cannot read it: %s", strerror(errno));
  return NULL;
}
