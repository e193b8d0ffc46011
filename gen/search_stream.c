/* SPDX-License-Identifier: Apache-2.0
 *
 * search_stream.c - what weights cost where layers are units of a stream: a unit's adder graph is there once, whatever the positions it
 * serves; where multipliers are reused, a weight that is not 0 takes its share of one and a place in a ROM, whatever its digits.
 */
#include "search_in.h"
#include "stream_build.h"
#include "stream_report.h"

enum { MOST_WEIGHTS = 60000 }; /* more are not built for each point */
/* Of a multiplier: words of LUTs hold 64 bits each, and the adder bits of a product are its width and two more. */
static const double ROM_SHARE = 1.0 / (64 * 10);

static Stream *built(const Search *s) {
  diag_set_quiet(true);
  Stream *st = stream_lower(s->g, s->o, s->config);
  diag_set_quiet(s->o->quiet);
  return diag_errors() ? NULL : st;
}

/* Whether it has multipliers; those of a few products each give way to adders once weights have few digits (stream_plan.c). */
static bool multiplied(const Search *s, const Unit *u) {
  enum { FEW = 6 };
  return u->front.steps > (s->o->reuse || s->o->dsp > 0 ? 1 : FEW);
}

bool stream_prices(Search *s) {
  const Graph *g = s->g;
  const Stream *st = built(s);
  if (!st)
    return false;
  LayerPrice *price = mem_array((size_t)g->n_nodes, sizeof *price);
  for (int k = 0; k < g->n_nodes; k++) {
    price[k] = (LayerPrice){1, 0};
    for (int i = 0; i < st->n_units; i++) {
      const Unit *u = st->unit[i];
      const double positions = (double)u->taps.out_rows * u->taps.out_cols;
      if (u->node == g->node[k] && u->meaning == MEANS_PRODUCT && weighty(u->node))
        price[k] = multiplied(s, u) ? (LayerPrice){(1.0 / u->front.steps + ROM_SHARE) / positions, u->node->in[1]->fmt.W}
                                    : (LayerPrice){1 / positions, 0};
    }
  }
  s->layer = price;
  return true;
}

bool stream_in_trials(const Search *s) {
  int64_t weights = 0;
  for (int k = 0; k < s->g->n_nodes; k++)
    weights += weighty(s->g->node[k]) ? tensor_count(s->g->node[k]->in[1]) : 0;
  return weights <= MOST_WEIGHTS;
}

double stream_true_bits(const Search *s) {
  const Stream *st = built(s);
  if (!st)
    return -1;
  const HirCost *cost = stream_costs(st);
  double bits = (double)cost[0].adder_bits;
  for (int i = 0; i < st->n_units; i++) {
    const Unit *u = st->unit[i];
    if (u->meaning == MEANS_PRODUCT && u->front.steps > 1 && weighty(u->node))
      bits += u->node->in[1]->fmt.W * (u->multipliers * (u->in[0]->edge->fmt.W + 2.0) + (double)u->products / 64);
  }
  return bits;
}
