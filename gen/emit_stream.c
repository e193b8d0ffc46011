/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_stream.c - names and sizes of a streaming design, the same in VHDL, benches and texts (emit_stream.h).
 */
#include "emit_stream.h"
#include <strings.h>

/* VHDL tells no case apart. */
static bool taken(const char *const *name, int n, const char *s) {
  for (int i = 0; i < n; i++)
    if (!strcasecmp(name[i], s))
      return true;
  return false;
}

static const char *unique(const char *const *name, int n, const char *s) {
  const char *u = s;
  for (int i = 2; taken(name, n, u); i++)
    u = mem_printf("%s_%d", s, i);
  return u;
}

/* TOP_<unit> and <unit>_* stay clear of the library's entities, the benches, tables, and of the ports' signals. */
static const char *unit_name(const char *const *name, int n, const Unit *u) {
  static const char *const reserved[] = {"stream_", "tb", "s_axis", "m_axis", NULL};
  const char *s = ident(u->name);
  size_t len = strlen(s);
  bool clash = len >= 6 && !strcasecmp(s + len - 6, "tables");
  for (int i = 0; reserved[i]; i++)
    clash = clash || !strncasecmp(s, reserved[i], strlen(reserved[i]));
  return unique(name, n, clash ? mem_printf("n_%s_n", s) : s);
}

static AxisPort *ports(const char *kind, const HirPort *p, int n) {
  AxisPort *a = mem_array((size_t)n + 1, sizeof *a);
  const char **name = mem_array((size_t)n + 1, sizeof *name);
  for (int i = 0; i < n; i++) {
    name[i] = n == 1 ? kind : unique(name, i, mem_printf("%s_%s", kind, ident(p[i].name)));
    a[i] = (AxisPort){.name = name[i], .port = &p[i]};
  }
  return a;
}

StreamNames stream_names(const StreamDesign *d) {
  const Stream *s = d->s;
  StreamNames n = {.d = d, .s = s, .unit = mem_array((size_t)s->n_units + 1, sizeof *n.unit)};
  for (int i = 0; i < s->n_units; i++)
    n.unit[i] = unit_name(n.unit, i, s->unit[i]);
  n.in = ports("s_axis", s->in_port, s->n_in);
  n.out = ports("m_axis", s->out_port, s->n_out);
  for (int i = 0; i < s->n_in; i++)
    n.in[i].edge = s->in[i];
  for (int i = 0; i < s->n_out; i++)
    n.out[i].edge = s->out[i]->edge, n.out[i].link = s->out[i];
  return n;
}

int stream_unit_number(const Stream *s, const Unit *u) {
  int i = 0;
  while (s->unit[i] != u)
    i++;
  return i;
}

const char *stream_link_name(const StreamNames *n, const Link *l) {
  const Stream *s = n->s;
  for (int i = 0; !l->reader && i < s->n_out; i++)
    if (s->out[i] == l)
      return n->out[i].name;
  const Unit *u = l->reader;
  const char *name = n->unit[stream_unit_number(s, u)];
  for (int i = 0; u->n_in > 1 && i < u->n_in; i++)
    if (u->in[i] == l)
      return mem_printf("%s_s%d", name, i);
  return mem_printf("%s_s", name);
}

const char *stream_edge_name(const StreamNames *n, const Edge *e) {
  for (int i = 0; !e->maker && i < n->s->n_in; i++)
    if (n->s->in[i] == e)
      return n->in[i].name;
  return n->unit[stream_unit_number(n->s, e->maker)];
}

int stream_links(const Stream *s, const Edge *e, const Link **link) {
  int n = 0;
  for (int i = 0; i < s->n_links; i++)
    if (s->link[i]->edge == e)
      link[n++] = s->link[i];
  return n;
}

int stream_beat_bits(const Edge *e) {
  return e->lanes * e->fmt.W;
}

int stream_tdata_bits(const Edge *e) {
  return (stream_beat_bits(e) + 7) / 8 * 8;
}

int64_t stream_frame_beats(const Edge *e) {
  return (int64_t)e->rows * e->cols * e->beats;
}

bool stream_has_valid_bit(const Unit *u) {
  return u->kind == UNIT_FETCH || (u->kind == UNIT_WINDOW && u->front.steps > 1);
}

const char *stream_unit_text(const Unit *u) {
  const char *kind = u->kind == UNIT_MAP ? "beat by beat" : u->kind == UNIT_WINDOW ? "window" : "memory";
  if (!u->products)
    return kind;
  if (u->reuse <= 1 && !u->multipliers)
    return mem_printf("%s, R = 1, adders only", kind);
  return mem_printf("%s, R = %d, %d multiplier%s", kind, u->reuse, u->multipliers, u->multipliers == 1 ? "" : "s");
}

const char *stream_shape(const HirPort *p) {
  Buf b = {0};
  buf_puts(&b, "(");
  for (int i = 0; i < p->rank; i++)
    buf_printf(&b, "%s%lld", i ? ", " : "", (long long)p->dim[i]);
  buf_puts(&b, ")");
  return b.s;
}

/* "0 to 7, 3, unused" of the lanes of one beat. */
static void beat_channels(Buf *b, const Edge *e, int beat) {
  const int *c = e->channel + (size_t)beat * (size_t)e->lanes;
  for (int l = 0; l < e->lanes;) {
    int end = l + 1;
    if (c[l] < 0) {
      while (end < e->lanes && c[end] < 0)
        end++;
      buf_printf(b, "%s%d unused", l ? ", " : "", end - l);
    } else {
      while (end < e->lanes && c[end] == c[end - 1] + 1)
        end++;
      buf_printf(b, "%s%d", l ? ", " : "", c[l]);
      if (end - l > 1)
        buf_printf(b, " to %d", c[end - 1]);
    }
    l = end;
  }
}

const char *stream_order(const Edge *e) {
  enum { SHOWN = 4 };
  Buf b = {0};
  if (e->beats == 1) {
    buf_puts(&b, e->channels == 1 ? "channel " : "channels ");
    beat_channels(&b, e, 0);
    return b.s;
  }
  bool plain = true; /* channel l + lanes * beat, as many as there are */
  for (int i = 0; i < e->beats * e->lanes; i++)
    plain = plain && e->channel[i] == (i < e->channels ? i : -1);
  if (plain && e->lanes == 1)
    return "beat b: channel b";
  if (plain) {
    buf_printf(&b, "beat b: channels %d b to %d b + %d", e->lanes, e->lanes, e->lanes - 1);
    int unused = e->beats * e->lanes - e->channels;
    if (unused)
      buf_printf(&b, "; the last %d of the last beat unused", unused);
    return b.s;
  }
  for (int i = 0; i < e->beats && i < SHOWN; i++) {
    buf_printf(&b, "%sbeat %d: channels ", i ? "; " : "", i);
    beat_channels(&b, e, i);
  }
  if (e->beats > SHOWN)
    buf_puts(&b, "; ...");
  return b.s;
}
