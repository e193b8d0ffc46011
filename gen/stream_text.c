/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_text.c - --dump of a Stream: a line an edge, a line a unit.
 */
#include "stream_build.h"

static const char *const kind[] = {"map", "window", "fetch"}, *const meaning[] = {"product", "kernel", "move"};

void stream_print(const Stream *s, FILE *f) {
  fprintf(f, "stream %s latency %lld interval %lld\n", s->name, (long long)s->latency, (long long)s->interval);
  for (int i = 0; i < s->n_edges; i++) {
    const Edge *e = s->edge[i];
    fprintf(f, "edge %s %dx%dx%d beats %d lanes %d format %s%s\n", e->name, e->rows, e->cols, e->channels, e->beats, e->lanes,
            format_text(e->fmt), e->maker ? "" : " input");
  }
  for (int i = 0; i < s->n_units; i++) {
    const Unit *u = s->unit[i];
    const Front *r = &u->front;
    fprintf(f, "unit %s %s %s (%s)", u->name, meaning[u->meaning], kind[u->kind], u->op);
    for (int j = 0; j < u->n_in; j++)
      fprintf(f, " %s[%d]", u->in[j]->edge->name, u->in[j]->depth);
    fprintf(f, " -> %s", u->out->name);
    if (u->meaning == MEANS_PRODUCT)
      fprintf(f, " matrix %dx%d products %lld reuse %d multipliers %d", u->m, u->n, (long long)u->products, u->reuse, u->multipliers);
    if (u->kind != UNIT_MAP)
      fprintf(f, " rows %dx%d slots %d out %dx%d steps %d flush %d", r->rows, r->row_words, r->slots, r->out_rows, r->out_cols, r->steps,
              r->flush);
    if (u->kind == UNIT_FETCH)
      fprintf(f, " ports %d period %d", r->ports, r->period);
    fprintf(f, " interval %lld values %d stages %d\n", (long long)u->interval, u->k ? u->k->n : 0, u->k ? u->k->n_stages : 0);
  }
  for (int i = 0; i < s->n_out; i++)
    fprintf(f, "output %s\n", s->out[i]->edge->name);
}
