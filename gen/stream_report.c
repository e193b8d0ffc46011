/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_report.c - a stream as the report sees it: layers, cells, intervals, FIFOs.
 */
#include "stream_report.h"

int64_t design_latency(const Design *d) {
  return d->stream ? d->stream->latency : vhdl_latency(d->k);
}

int64_t design_interval(const Design *d) {
  return d->stream ? d->stream->interval : hir_interval_cycles(d->k);
}

int64_t stream_unit_latency(const Unit *u) {
  return u->last;
}

Kernel *stream_layers(const Stream *s) {
  Kernel *k = hir_new(s->name);
  k->n_in = s->n_in_elements;
  k->n_out = s->n_out_elements;
  k->n_in_ports = s->n_in, k->n_out_ports = s->n_out;
  k->in_port = mem_array((size_t)s->n_in + 1, sizeof(HirPort));
  k->out_port = mem_array((size_t)s->n_out + 1, sizeof(HirPort));
  memcpy(k->in_port, s->in_port, (size_t)s->n_in * sizeof(HirPort));
  memcpy(k->out_port, s->out_port, (size_t)s->n_out * sizeof(HirPort));
  k->layer = mem_array((size_t)s->n_units + 1, sizeof *k->layer);
  for (int i = 0; i < s->n_units; i++) {
    const Unit *u = s->unit[i];
    const int n = u->out->rows * u->out->cols * u->out->channels;
    HirLayer *l = &k->layer[k->n_layers++];
    *l = (HirLayer){.name = u->meaning != MEANS_MOVE && u->node ? u->node->name : u->name,
                    .op = u->op,
                    .tensor = u->out->tensor ? u->out->tensor->name : u->out->name,
                    .n = n,
                    .of = u->meaning != MEANS_MOVE ? u->out->tensor : NULL,
                    .fmt = u->out->fmt,
                    .node = u->node};
    l->value = mem_array((size_t)n + 1, sizeof *l->value);
    l->frac = mem_array((size_t)n + 1, sizeof *l->frac);
    for (int j = 0; j < n; j++)
      l->value[j] = -1;
    k->cur_layer = i;
    hir_site(k, l->name, false);
  }
  k->cur_layer = -1;
  return k;
}

/* ---- cells ---- */

enum { LUTRAM_DEPTH = 64, LUTRAM_MOST_BITS = 8192 };

/* A memory of that many words: LUT RAM (64 words of 3 bits in 4 LUTs) where it is small, else block RAMs. */
static void memory(HirCost *c, int64_t words, int64_t bits) {
  if (words <= LUTRAM_DEPTH || words * bits <= LUTRAM_MOST_BITS)
    c->luts += (words + LUTRAM_DEPTH - 1) / LUTRAM_DEPTH * ((4 * bits + 2) / 3);
  else
    c->brams += hir_brams(words, (int)bits);
}

static int64_t power_of_two(int64_t n) {
  int64_t p = 1;
  while (p < n)
    p *= 2;
  return p;
}

static void front_cost(HirCost *c, const Unit *u) {
  enum { CONTROL_LUTS = 60, CONTROL_FFS = 70, PORT_LUTS = 20, PORT_FFS = 30 };
  const Front *f = &u->front;
  if (u->kind == UNIT_MAP)
    return;
  const int64_t bits = (int64_t)u->in[0]->edge->lanes * u->in[0]->edge->fmt.W, words = f->slots * power_of_two(f->row_words);
  const int ports = u->kind == UNIT_FETCH ? f->ports : f->kernel_rows;
  for (int p = 0; p < ports; p++)
    memory(c, words, bits);
  c->luts += CONTROL_LUTS + (int64_t)PORT_LUTS * ports;
  c->ffs += CONTROL_FFS + (PORT_FFS + bits) * ports;
  if (u->kind == UNIT_WINDOW)
    c->ffs += (int64_t)f->kernel_rows * ((int64_t)(f->kernel_words - 1) * f->word_dilation + f->tap_words) * bits;
}

static void add(HirCost *a, const HirCost *b) {
  a->adders += b->adders, a->adder_bits += b->adder_bits, a->adders3 += b->adders3, a->mults += b->mults;
  a->lut_entries_bits += b->lut_entries_bits, a->luts += b->luts, a->ffs += b->ffs, a->dsps += b->dsps, a->brams += b->brams;
  a->reg_bits += b->reg_bits;
  a->depth = b->depth > a->depth ? b->depth : a->depth;
}

static void fifo_cost(HirCost *c, const Link *l) {
  enum { CONTROL = 8 };
  memory(c, l->depth, (int64_t)l->edge->lanes * l->edge->fmt.W);
  c->luts += CONTROL, c->ffs += CONTROL;
}

const HirCost *stream_costs(const Stream *s) {
  HirCost *c = mem_array((size_t)s->n_units + 1, sizeof *c);
  for (int i = 0; i < s->n_units; i++) {
    const Unit *u = s->unit[i];
    c[i + 1] = hir_cost(u->k, -1);
    front_cost(&c[i + 1], u);
    for (int j = 0; j < u->n_links; j++)
      fifo_cost(&c[i + 1], u->link[j]);
    add(&c[0], &c[i + 1]);
  }
  for (int i = 0; i < s->n_links; i++)
    if (!s->link[i]->edge->maker)
      fifo_cost(&c[0], s->link[i]);
  return c;
}

/* ---- report.json ---- */

json_t *stream_json(const Stream *s) {
  static const char *const kind[] = {"map", "window", "fetch"};
  if (!s)
    return json_null();
  json_t *units = json_array(), *fifos = json_array();
  int64_t macs = 0, multipliers = 0, in_multipliers = 0;
  for (int i = 0; i < s->n_units; i++) {
    const Unit *u = s->unit[i];
    const bool product = u->meaning == MEANS_PRODUCT;
    json_t *j = json_pack("{s:s,s:s,s:s,s:i,s:i,s:i,s:I,s:I,s:I}", "name", u->name, "op", diag_text(u->op), "kind", kind[u->kind], "reuse",
                          u->reuse, "steps", u->front.steps, "multipliers", u->multipliers, "interval_cycles", (json_int_t)u->interval,
                          "first_cycle", (json_int_t)u->first, "last_cycle", (json_int_t)u->last);
    json_object_set_new(j, "positions", json_integer((json_int_t)u->out->rows * u->out->cols));
    json_object_set_new(j, "nonzero_weights", product ? json_integer((json_int_t)u->products) : json_null());
    json_object_set_new(j, "memory_ports", json_integer(u->kind == UNIT_FETCH ? u->front.ports : 0));
    json_array_append_new(units, j);
    if (product) {
      const int64_t here = u->products * u->taps.out_rows * u->taps.out_cols;
      macs += here;
      multipliers += u->multipliers;
      in_multipliers += u->multipliers ? here : 0;
    }
  }
  for (int i = 0; i < s->n_links; i++) {
    const Link *l = s->link[i];
    json_array_append_new(fifos, json_pack("{s:s,s:s,s:i,s:i,s:i}", "from", l->edge->name, "to", l->reader ? l->reader->name : "output",
                                           "bits", l->edge->lanes * l->edge->fmt.W, "depth", l->depth, "most_held", l->most_held));
  }
  /* of the multipliers' cycles, the share in which they make a product that counts */
  const double used = multipliers && s->interval > 0 ? (double)in_multipliers / ((double)multipliers * (double)s->interval) : 0;
  return json_pack("{s:I,s:I,s:I,s:I,s:o,s:o,s:o}", "latency_cycles", (json_int_t)s->latency, "interval_cycles", (json_int_t)s->interval,
                   "macs", (json_int_t)macs, "multipliers", (json_int_t)multipliers, "multiplier_efficiency",
                   multipliers ? json_real(used) : json_null(), "units", units, "fifos", fifos);
}
