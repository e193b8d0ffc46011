/* SPDX-License-Identifier: Apache-2.0
 *
 * report_html.c - DIR/report.html: its tables, and the places of its figures.
 */
#include "report_html.h"
#include "version.h"
#include <math.h>

/* ---- at the top ---- */

static void tile(Buf *b, bool bad, const char *what, const char *value, const char *more) {
  buf_printf(b, "<div class=\"tile%s\"><span>%s</span><b>%s</b><small>%s</small></div>\n", bad ? " bad" : "", what, value, more);
}

static char *subtitle(const Page *p) {
  const Options *o = p->d->o;
  Buf b = {0};
  const char *q = o->auto_I ? mem_printf("%d bits, integer bits chosen by tensor", o->W) : html_format((Format){o->W, o->I, true});
  buf_printf(&b, "<code>%s</code> as fixed-point hardware: %s", html_text(o->model ? path_base(o->model) : "?"), q);
  if (p->g)
    buf_printf(&b, " · %s parameters, %s multiply-accumulates", html_count(graph_params(p->g)), html_count(graph_macs(p->g)));
  if (p->s)
    buf_printf(&b, " · measured on %s %s<code>%s</code>", html_count((int64_t)p->s->n_due), p->s->is_user_data ? "samples of " : "",
               html_text(p->s->is_user_data ? path_base(p->s->source) : p->s->source));
  return b.s;
}

static void accuracy_tiles(const Page *p, Buf *b) {
  const Comparison *c = p->c;
  const char *same = c->argmax_agreement >= 0 ? mem_printf("same decision on %s", html_percent(c->argmax_agreement)) : "";
  if (!isnan(c->float_metric) && c->metric_is_accuracy)
    tile(b, false, "accuracy", html_percent(c->fixed_metric), mem_printf("float: %s<br>%s", html_percent(c->float_metric), same));
  else if (!isnan(c->float_metric))
    tile(b, false, "RMS error to the labels", html_number(c->fixed_metric), mem_printf("float: %s", html_number(c->float_metric)));
  else if (*same)
    tile(b, false, "same decision as float", html_percent(c->argmax_agreement), "");
  tile(b, false, "error against float", html_number(c->rms_err),
       mem_printf("rms of the outputs<br>worst: %s", html_number(c->max_abs_err)));
  uint64_t out = 0, all = 0;
  for (int i = 0; i < p->k->n_layers; i++)
    out += report_out_of_range(p, i), all += (uint64_t)p->c->layer[i].elements;
  for (int i = 0; i < p->k->n_in_ports; i++)
    out += c->beyond[i], all += (uint64_t)c->input[i].elements;
  tile(b, out > 0, "out of range", html_count((int64_t)out),
       mem_printf("of %s inputs and results %s", html_count((int64_t)all), p->d->o->overflow == OVERFLOW_WRAP ? "wrapped" : "saturated"));
}

static char *tiles(const Page *p) {
  const HirCost *cost = &p->d->cost[0];
  double clock = p->d->o->clock_ns;
  const long long latency = design_latency(p->d), interval = design_interval(p->d);
  Buf b = {0};
  if (p->c)
    accuracy_tiles(p, &b);
  tile(&b, false, "latency", mem_printf("%lld cycles", latency),
       mem_printf("%.4g ns at the %.4g ns asked for", (double)latency * clock, clock));
  tile(&b, false, "initiation interval", mem_printf(interval == 1 ? "%lld cycle" : "%lld cycles", interval),
       mem_printf("%.4g million %s a second", 1000 / clock / (double)interval, p->k->n_state ? "tokens" : "samples"));
  buf_printf(&b, "<div class=\"tile\"><span>LUT</span><b>%s</b><small>estimated</small>\n<small id=\"synth-tile\"></small>\n</div>\n",
             html_count(cost->luts));
  buf_printf(&b, "<div class=\"tile\"><span>FF</span><b>%s</b><small>estimated</small>\n<small id=\"synth-tileff\"></small>\n</div>\n",
             html_count(cost->ffs));
  tile(&b, false, "DSP · block RAM", mem_printf("%s · %s", html_count(cost->dsps), html_count(cost->brams)), "estimated; RAMs of 18 Kb");
  return b.s;
}

/* ---- error, layer by layer ---- */

static void error_row(Buf *b, const char *name, const char *op, Format f, const LayerStats *st, bool input, const Comparison *c,
                      double most) {
  double n = (double)st->elements, rms = sqrt(st->sum_sq_err / n), own = input ? rms : sqrt(st->own_sum_sq_err / n);
  double out = c->n_output_values ? sqrt(st->output_sum_sq / (double)c->n_output_values) : 0;
  buf_printf(b,
             "<tr><td class=\"n\">%s</td><td class=\"t\">%s</td><td class=\"t\"><code>%s</code></td><td>%s</td><td>%s</td><td>%s</td>"
             "<td>%s</td><td>%s</td><td class=\"bar\">%s</td></tr>\n",
             html_text(name), html_text(op), html_format(f), html_number(st->max_abs_err), html_number(rms),
             html_number(st->own_unknown ? NAN : own),
             st->sum_sq_err > 0 && st->sum_sq > 0 ? mem_printf("%.1f", 10 * log10(st->sum_sq / st->sum_sq_err)) : "–",
             html_number(st->own_unknown ? NAN : out),
             out > 0 ? mem_printf("<i class=\"own\" style=\"width:%.1f%%\"></i>", 100 * out / most) : "");
}

static void error_table(const Page *p, Buf *b) {
  const Comparison *c = p->c;
  double most = 0;
  for (int i = 0; i < p->k->n_in_ports; i++)
    most = fmax(most, c->input[i].output_sum_sq);
  for (int i = 0; i < p->k->n_layers; i++)
    most = fmax(most, c->layer[i].output_sum_sq);
  most = c->n_output_values ? sqrt(most / (double)c->n_output_values) : 0;
  buf_printf(
      b,
      "<h2>Where the error enters</h2>\n<p>Errors are fixed point less float. %s</p>\n"
      "<div class=\"scroll\"><table>\n<tr><th class=\"t\">layer</th><th class=\"t\">operator</th><th class=\"t\">format</th><th>worst "
      "error</th><th>rms error</th><th>own, rms</th><th>SQNR, dB</th><th>at the outputs</th><th></th></tr>\n",
      c->n_traced ? mem_printf("A layer's <em>own</em> error is what it adds to exact float on the arguments it gets (rounded weights, "
                               "dropped bits, saturation); the rest it inherits. <em>At the outputs</em>: how far that moves the "
                               "network's outputs, everything behind being float (rms, %zu samples). Widen the layer with the longest "
                               "bar first. A product and the constant added to it are judged together, at the sum.",
                               c->n_traced)
                  : "What a layer adds to what it inherits is told apart in parallel mode only.");
  for (int i = 0; i < p->k->n_in_ports; i++)
    if (c->input[i].elements)
      error_row(b, p->k->in_port[i].name, "input", p->k->in_port[i].fmt, &c->input[i], true, c, most);
  for (int i = 0; i < p->k->n_layers; i++)
    if (c->layer[i].elements)
      error_row(b, p->k->layer[i].name, p->k->layer[i].op, p->k->layer[i].fmt, &c->layer[i], false, c, most);
  buf_puts(b, "</table></div>\n");
}

enum { MAX_CONFUSION = 12 };

static void confusion(const Page *p, Buf *b) {
  const Decisions *d = p->c->decisions;
  if (!d || d->classes > MAX_CONFUSION)
    return;
  int64_t n[MAX_CONFUSION][MAX_CONFUSION + 2] = {{0}}, was[MAX_CONFUSION][MAX_CONFUSION] = {{0}};
  for (size_t at = 0; at < p->s->n_due; at++) {
    int label = d->label[at], x = d->by_fixed[at], f = d->by_float[at];
    if (label >= 0 && label < d->classes && x >= 0 && x < d->classes)
      n[label][x]++;
    if (label >= 0 && label < d->classes && f >= 0 && f < d->classes)
      was[label][f]++;
  }
  buf_puts(b, "<h3>Confusion</h3>\n<p>Samples by class and by what fixed point takes them for; in brackets the change from float.</p>\n"
              "<div class=\"scroll\"><table>\n<tr><th class=\"t\">class</th>");
  for (int j = 0; j < d->classes; j++)
    buf_printf(b, "<th>taken for %d</th>", j);
  buf_puts(b, "<th>right</th></tr>\n");
  for (int i = 0; i < d->classes; i++) {
    int64_t sum = 0;
    buf_printf(b, "<tr><td class=\"t\">%d</td>", i);
    for (int j = 0; j < d->classes; j++) {
      int64_t change = n[i][j] - was[i][j];
      sum += n[i][j];
      buf_printf(b, "<td%s>%s%s</td>",
                 i == j    ? " class=\"diag\""
                 : n[i][j] ? ""
                           : " class=\"none\"",
                 html_count(n[i][j]),
                 change ? mem_printf(" (%s%s)", change > 0 ? "+" : "−", html_count(change > 0 ? change : -change)) : "");
    }
    buf_printf(b, "<td>%s</td></tr>\n", sum ? html_percent((double)n[i][i] / (double)sum) : "–");
  }
  buf_puts(b, "</table></div>\n");
}

static char *accuracy(const Page *p, const Plots *plots) {
  Buf b = {0};
  if (!p->c)
    return "";
  buf_puts(&b, "<h2>Fixed point against float</h2>\n");
  if (!p->s->is_user_data)
    buf_puts(
        &b,
        "<p>There was no <code>--data</code>: the inputs are random, near normal, and say little about the accuracy on real ones.</p>\n");
  report_figures(&b, plots, "accuracy");
  confusion(p, &b);
  error_table(p, &b);
  return b.s;
}

static char *ranges(const Plots *plots) {
  Buf b = {0};
  for (int i = 0; i < plots->n; i++)
    if (!strcmp(plots->figure[i].section, "values")) {
      buf_puts(&b, "<h2>Values over their formats</h2>\n<p class=\"legend\"><i style=\"background:#8fb4d3\"></i>fixed point<i "
                   "style=\"background:none;border-top:2px solid #c8553d;height:3px;vertical-align:3px\"></i>float<i "
                   "style=\"background:#eeeeea\"></i>what the format holds: from its step to its largest value</p>\n<p>One bar a bit: how "
                   "many of the "
                   "values, in percent on a logarithmic scale, have a magnitude between that power of two and the next. Red left of the "
                   "grey is rounded to "
                   "0 or "
                   "one step, right of it saturates or wraps. Grey without values on the right are integer bits to spare.</p>\n");
      report_figures(&b, plots, "values");
      break;
    }
  return b.s ? b.s : "";
}

void report_html(const Design *d, const Samples *s, const Comparison *c, Folder *f) {
  Page p = {.d = d, .g = d->g, .k = d->k, .s = s, .c = c};
  Plots plots = {0};
  report_dot(&p, &plots);
  report_plots(&p, &plots);
  const char *pairs[] = {"TOP",      html_text(d->top),
                         "VERSION",  NNGEN_VERSION,
                         "SUBTITLE", subtitle(&p),
                         "TILES",    tiles(&p),
                         "NETWORK",  report_network(&p, &plots),
                         "ACCURACY", accuracy(&p, &plots),
                         "HARDWARE", report_hardware(&p),
                         "RANGES",   ranges(&plots),
                         "SEARCH",   report_search(&p, &plots),
                         "MADE",     report_made(&p),
                         "MODEL",    html_text(d->o->model ? path_base(d->o->model) : "?"),
                         NULL};
  template_render(folder_add(f, "report.html"), "templates/text/report.html", pairs);
  template_render(folder_add(f, "report/report.sh"), "templates/text/report.sh", pairs);
  template_render(folder_add(f, "report/report.awk"), "templates/text/report.awk", pairs);
  *folder_add(f, "report/plots.gp") = plots.gnuplot;
  if (plots.dot.len)
    *folder_add(f, "report/network.dot") = plots.dot;
}
