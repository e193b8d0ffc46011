/* SPDX-License-Identifier: Apache-2.0
 *
 * report_hardware.c - report.html: layers with their formats and values, what did not fit, cells by layer.
 */
#include "report_html.h"
#include "stream_report.h"
#include <math.h>

uint64_t report_out_of_range(const Page *p, int layer) {
  uint64_t n = 0;
  for (int i = 0; p->c && i < p->k->n_sites; i++)
    if (p->k->site[i].layer == layer && !p->k->site[i].input_side)
      n += p->c->saturated[i] + p->c->wrapped[i];
  return n;
}

static const char *shape_text(int rank, const int64_t *dim) {
  Buf b = {0};
  for (int i = 0; i < rank; i++)
    buf_printf(&b, "%s%lld", i ? "×" : "", (long long)dim[i]);
  return b.s ? b.s : "scalar";
}

static void value_row(Buf *b, const char *name, const char *op, const char *shape, Format f, const LayerStats *st, const char *proved,
                      const char *need, uint64_t out) {
  bool seen = st && st->elements;
  buf_printf(b,
             "<tr><td class=\"n\">%s</td><td class=\"t\">%s</td><td class=\"t\">%s</td><td class=\"t\"><code>%s</code></td><td>%s</td>"
             "<td>%s</td><td>%s</td><td>%s</td><td class=\"%s\">%s</td></tr>\n",
             html_text(name), html_text(op), shape, html_format(f), seen ? html_number(st->min) : "–", seen ? html_number(st->max) : "–",
             proved, need, out ? "bad" : "none", html_count((int64_t)out));
}

/* What did not fit, in words. */
static void overflowed(const Page *p, Buf *b) {
  for (int i = -p->k->n_in_ports; i < p->k->n_layers; i++) {
    const bool input = i < 0;
    const int port = i + p->k->n_in_ports;
    uint64_t out = input ? p->c->beyond[port] : report_out_of_range(p, i);
    const Tensor *t = input ? p->g->in[port] : report_tensor(p->g, &p->k->layer[i]);
    Format f = input ? p->k->in_port[port].fmt : p->k->layer[i].fmt;
    if (!out || !t || !f.W)
      continue;
    const LayerStats *st = input ? NULL : &p->c->layer[i];
    buf_printf(b,
               "<p class=\"over\"><b>%s</b>: %s of %s values %s. Float reaches %s to %s, <code>%s</code> holds %s to %s; I = %d would hold "
               "them all.</p>\n",
               html_text(input ? p->k->in_port[port].name : p->k->layer[i].name), html_count((int64_t)out),
               html_count(input ? p->c->input[port].elements : p->c->layer[i].elements),
               p->d->o->overflow == OVERFLOW_WRAP ? "wrap" : "saturate", html_number(p->s->lo[t->id]), html_number(p->s->hi[t->id]),
               html_format(f), html_number(ldexp((double)format_min(f), f.I - f.W)), html_number(ldexp((double)format_max(f), f.I - f.W)),
               format_fit(f.W, st ? st->reach_min : p->s->lo[t->id], st ? st->reach_max : p->s->hi[t->id]));
  }
}

const char *report_network(const Page *p, const Plots *plots) {
  Buf b = {0};
  report_figures(&b, plots, "network");
  buf_puts(
      &b,
      "<div class=\"scroll\"><table>\n<tr><th class=\"t\">layer</th><th class=\"t\">operator</th><th class=\"t\">output</th><th "
      "class=\"t\">format</th><th>smallest value</th><th>largest value</th><th>proved</th><th>I needed</th><th>out of range</th></tr>\n");
  for (int i = 0; i < p->k->n_in_ports; i++) {
    const HirPort *in = &p->k->in_port[i];
    const Tensor *t = p->g ? p->g->in[i] : NULL;
    value_row(&b, in->name, "input", shape_text(in->rank, in->dim), in->fmt, p->c ? &p->c->input[i] : NULL, "–",
              t && p->c ? mem_printf("%d", format_fit(in->fmt.W, p->s->lo[t->id], p->s->hi[t->id])) : "–", p->c ? p->c->beyond[i] : 0);
  }
  for (int i = 0; i < p->k->n_layers; i++) {
    const HirLayer *l = &p->k->layer[i];
    const Tensor *t = p->g ? report_tensor(p->g, l) : NULL;
    const LayerStats *st = p->c ? &p->c->layer[i] : NULL;
    value_row(&b, l->name, l->op, t ? shape_text(t->rank, t->dim) : html_count(l->n), l->fmt, st,
              st && !isnan(st->proved_min) ? mem_printf("%s to %s", html_number(st->proved_min), html_number(st->proved_max)) : "–",
              t && p->c && l->fmt.W ? mem_printf("%d", format_fit(l->fmt.W, p->c->layer[i].reach_min, p->c->layer[i].reach_max)) : "–",
              report_out_of_range(p, i));
  }
  buf_puts(&b, "</table></div>\n");
  if (p->c)
    overflowed(p, &b);
  int sites, checked;
  report_sites(p->d, &sites, &checked);
  buf_printf(
      &b,
      "<p>Values are those of the fixed-point network over all samples; <em>I needed</em>: integer bits that would hold them, the float "
      "ones, and "
      "what had to be limited; <em>proved</em>: no input can take the values out of that, before they are limited to the format. "
      "<em>exact</em>: a sum kept at full width, whose bits the next layer drops. Places where bits are dropped: %d, of which %d are "
      "proved "
      "never to leave their format, whatever the input; in the others hardware %s.</p>\n",
      sites, sites - checked, p->d->o->overflow == OVERFLOW_WRAP ? "wraps" : "saturates");
  return b.s;
}

/* Zeros are there, but do not shout. */
static void cell(Buf *b, int64_t n) {
  buf_printf(b, n ? "<td>%s</td>" : "<td class=\"none\">%s</td>", html_count(n));
}

const char *report_hardware(const Page *p) {
  const Kernel *k = p->k;
  const HirCost *all = &p->d->cost[0];
  int64_t most = 1;
  Buf b = {0};
  for (int i = 0; i < k->n_layers; i++)
    most = p->d->cost[1 + i].luts > most ? p->d->cost[1 + i].luts : most;
  buf_puts(&b,
           "<div class=\"scroll\"><table>\n<tr><th class=\"t\">layer</th><th>weights</th><th>adders</th><th>adder "
           "bits</th><th>products</th><th>table bits</th><th>LUT</th><th></th><th>FF</th><th>DSP</th><th>BRAM</th><th>cycle</th></tr>\n");
  for (int i = 0; i < k->n_layers; i++) {
    const HirCost *c = &p->d->cost[1 + i];
    const Tensor *t = p->g ? report_tensor(p->g, &k->layer[i]) : NULL;
    int last = 0;
    int64_t params = 0;
    for (int j = 0; j < k->n; j++)
      if (k->v[j].layer == i && k->v[j].stage + 1 > last)
        last = k->v[j].stage + 1;
    const Node *n = p->d->stream && k->layer[i].of ? k->layer[i].node : t ? t->producer : NULL;
    if (p->d->stream)
      last = (int)stream_unit_latency(p->d->stream->unit[i]);
    for (int j = 0; n && j < n->n_in; j++)
      if (n->in[j] && n->in[j]->value && n->in[j]->fmt.W)
        params += tensor_count(n->in[j]);
    buf_printf(&b, "<tr><td class=\"n\">%s</td>", html_text(k->layer[i].name));
    const int64_t left[] = {params, c->adders, c->adder_bits, c->mults, c->lut_entries_bits, c->luts},
                  right[] = {c->ffs, c->dsps, c->brams};
    for (size_t j = 0; j < sizeof left / sizeof *left; j++)
      cell(&b, left[j]);
    buf_printf(&b, c->luts ? "<td class=\"bar\"><i style=\"width:%.1f%%\"></i></td>" : "<td></td>", 100.0 * (double)c->luts / (double)most);
    for (size_t j = 0; j < sizeof right / sizeof *right; j++)
      cell(&b, right[j]);
    cell(&b, last);
    buf_puts(&b, "</tr>\n");
  }
  buf_printf(&b,
             "<tr class=\"sum\"><td class=\"n\">all, "
             "estimated</td><td></td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td></td><td>%s</td><td>%s</td>"
             "<td>%s</td><td>%lld</td></tr>\n",
             html_count(all->adders), html_count(all->adder_bits), html_count(all->mults), html_count(all->lut_entries_bits),
             html_count(all->luts), html_count(all->ffs), html_count(all->dsps), html_count(all->brams), (long long)design_latency(p->d));
  buf_puts(&b,
           "<tr class=\"sum\"><td class=\"n\">synthesised</td><td></td><td></td><td></td><td></td><td></td>\n<td "
           "id=\"synth-lut\">–</td>\n<td></td>\n<td "
           "id=\"synth-ff\">–</td>\n<td id=\"synth-dsp\">–</td>\n<td id=\"synth-bram\">–</td>\n<td></td></tr>\n</table></div>\n<p>\n<span "
           "id=\"synth-tool\">Not synthesised yet: make synth counts cells with yosys.</span>\n<span id=\"synth-mhz\"></span>\n</p>\n");
  buf_printf(&b,
             "<p>Estimates are for the family <code>%s</code>. <em>Products</em>: by multipliers; all others are shifts and adds. "
             "<em>Cycle</em>: in which a layer is done; latency counts clock edges from the input to the output port, all layers being one "
             "pipeline; depth: %d adders on the longest path.</p>\n",
             html_text(p->d->o->family->name), all->depth);
  return b.s;
}
