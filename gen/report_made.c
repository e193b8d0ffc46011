/* SPDX-License-Identifier: Apache-2.0
 *
 * report_made.c - the rest of report.html: what --target-loss tried, how the design was made and checked. Also runs what draws the figures.
 */
#include "report_html.h"
#include "search.h"
#include "verify.h"
#include <math.h>
#include <stdlib.h>

void report_figures(Buf *b, const Plots *plots, const char *section) {
  bool any = false;
  for (int i = 0; i < plots->n; i++) {
    const Figure *f = &plots->figure[i];
    if (strcmp(f->section, section))
      continue;
    if (!any)
      buf_printf(b, "<div class=\"figures %s\">\n", section);
    any = true;
    buf_printf(b, "<figure class=\"empty\" id=\"%s\">\n<figcaption>%s</figcaption></figure>\n", f->id, f->caption);
  }
  if (any)
    buf_puts(b, "</div>\n");
}

/* A point is on the list when no other has both less loss and fewer adder bits. */
static bool beaten(const SearchResult *r, int i) {
  for (int j = 0; j < r->n; j++) {
    const SearchPoint *a = &r->point[i], *b = &r->point[j];
    if (b->adder_bits <= a->adder_bits && b->loss <= a->loss && (b->adder_bits < a->adder_bits || b->loss < a->loss || j < i))
      return true;
  }
  return false;
}

static int by_bits(const void *a, const void *b) {
  const SearchPoint *const *x = a, *const *y = b;
  return ((*x)->adder_bits < (*y)->adder_bits) - ((*x)->adder_bits > (*y)->adder_bits);
}

const char *report_search(const Page *p, const Plots *plots) {
  const SearchResult *r = p->d->search;
  if (!r || !r->n)
    return "";
  Buf b = {0};
  const SearchPoint **list = mem_array((size_t)r->n, sizeof *list);
  size_t n = 0;
  for (int i = 0; i < r->n; i++)
    if (r->best == i + 1 || (!beaten(r, i) && r->point[i].loss <= fmax(10 * p->d->o->target_loss, 0.02)))
      list[n++] = &r->point[i];
  qsort(list, n, sizeof *list, by_bits);
  buf_printf(
      &b,
      "<h2>The search for smaller hardware</h2>\n<p>Target: a loss of at most %s, one standard error included; %s. Fitted on %s rows "
      "(samples and their mix-ups), measured on %s samples held back; %d points tried.</p>\n",
      html_percent(p->d->o->target_loss),
      r->classes  ? r->labels ? "the loss is accuracy, by the labels" : "the loss is the share of decisions changed"
      : r->labels ? "the loss is the growth of the RMS error"
                  : "the loss is the RMS deviation over the outputs' spread",
      html_count((int64_t)r->n_fit), html_count((int64_t)r->n_held), r->n);
  report_figures(&b, plots, "search");
  buf_puts(&b, "<p>The points that no other beats in both:</p>\n<div class=\"scroll\"><table>\n<tr><th class=\"t\"></th><th>bits between "
               "layers</th><th>adder bits</th><th>loss</th><th>standard error</th><th>decisions changed</th><th>RMS deviation</th></tr>\n");
  for (size_t i = 0; i < n; i++) {
    const SearchPoint *q = list[i];
    buf_printf(&b, "<tr><td class=\"t\">%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>\n",
               r->best && q == &r->point[r->best - 1] ? "<b>taken</b>" : "", q->width > 1 ? html_count(q->width) : "own",
               html_count(llround(q->adder_bits)), html_percent(q->loss), html_percent(q->error),
               r->classes ? html_percent(q->changed) : "–", html_percent(q->deviation));
  }
  buf_puts(&b, "</table></div>\n<p>Adder bits here are digits × width, before adders are shared");
  if (p->d->stream)
    buf_puts(&b, ", and where multipliers are reused the share of one that a weight takes; in a stream an adder graph counts once.</p>\n");
  else
    buf_printf(&b, "; the design that was made has %s.</p>\n", html_count(p->d->cost[0].adder_bits));
  return b.s;
}

static void fact(Buf *b, const char *what, const char *value) {
  buf_printf(b, "<tr><td class=\"t\">%s</td><td class=\"w\">%s</td></tr>\n", what, value);
}

static void check(Buf *b, const char *what, const char *id) {
  buf_printf(b, "<tr><td class=\"t\">%s</td>\n<td class=\"w\" id=\"verify-%s\">not run by nngen</td>\n</tr>\n", what, id);
}

static const char *port_text(const HirPort *p) {
  Buf b = {0};
  buf_printf(&b, "%s, ", html_text(p->name));
  for (int i = 0; i < p->rank; i++)
    buf_printf(&b, "%s%lld", i ? "×" : "", (long long)p->dim[i]);
  buf_printf(&b, "%s<code>%s</code>", p->rank ? " of " : "", html_format(p->fmt));
  return b.s;
}

const char *report_made(const Page *p) {
  static const char *const round[] = {"truncate (trn)", "half up (rnd)", "half to even (rne)"}, *const overflow[] = {"saturate", "wrap",
                                                                                                                     "proved impossible"};
  const Options *o = p->d->o;
  Buf b = {0};
  buf_puts(&b, "<table>\n");
  check(&b, "C model against nngen's own evaluation", "c");
  if (o->target & TARGET_VHDL) {
    check(&b, "VHDL in GHDL against the C model's vectors", "ghdl");
    check(&b, "VHDL in Verilator, all vectors", "verilator");
  }
  if (o->target & TARGET_HLS)
    check(&b, "HLS C++ on the host, all vectors", "hls");
  buf_puts(&b, "</table>\n<p><code>nngen --verify</code> runs these and fills them in; <code>make check</code>, <code>make sim</code> and "
               "<code>make verilate</code> run them again.</p>\n<table>\n");
  fact(&b, "command", mem_printf("<code>%s</code>", html_command(o->command)));
  if (p->g) {
    fact(&b, "model", mem_printf("%s, %s, opset %d", html_text(path_base(o->model)), html_text(p->g->producer), p->g->opset));
    fact(&b, "SHA-256 of the model", mem_printf("<code>%s</code>", p->g->sha256));
  }
  for (int i = 0; i < p->k->n_in_ports; i++)
    fact(&b, "input", port_text(&p->k->in_port[i]));
  for (int i = 0; i < p->k->n_out_ports; i++)
    fact(&b, "output", port_text(&p->k->out_port[i]));
  fact(&b, "rounding, overflow", mem_printf("%s, %s", round[o->round], overflow[o->overflow]));
  fact(&b, "clock", mem_printf("%g ns asked for, delays of the family <code>%s</code>", o->clock_ns, html_text(o->family->name)));
  fact(&b, "VHDL top entity", mem_printf("<code>%s</code>", html_text(p->d->top)));
  if (p->k->n_state)
    fact(&b, "state",
         mem_printf("%s bits a channel, %d channels in turn; %s", html_count(hir_state_bits(p->k)), p->k->channels,
                    p->k->steps ? mem_printf("it starts anew with each window of %d steps", p->k->steps) : "it is kept for ever"));
  buf_puts(&b, "</table>\n");
  return b.s;
}

void report_draw(const char *dir) {
  Buf command = {0};
  char line[1024];
  buf_printf(&command, "cd %s && sh report/report.sh 2>&1", shell_quoted(dir[0] == '/' ? dir : mem_printf("./%s", dir)));
  FILE *f = popen(command.s, "r");
  bool said = false;
  while (f && fgets(line, sizeof line, f)) {
    line[strcspn(line, "\n")] = 0;
    const char *note = strchr(line, ';');
    said |= !strncmp(line, "PASS:", 5);
    if (!strncmp(line, "PASS:", 5) && note)
      diag_note(NULL, "report.html is without some of its figures: %s", diag_text(note + 2));
  }
  if (f)
    pclose(f);
  if (!said)
    diag_note(NULL, "report.html is without its figures: report/report.sh could not run");
}
