/* SPDX-License-Identifier: Apache-2.0
 *
 * quant_prove.c - --q=W,proved: more integer bits until no result can leave its format, whatever the input. Requires: quant_assign, with I
 * from the samples. Keeps: the formats that --config gives.
 *
 * The graph is lowered; what is not proved to fit gets as many bits as hold what it may reach, which lets later layers reach further, until
 * all is proved. A state that feeds itself with a gain above 1 never is: refused once a format has lost all bits that the samples use.
 */
#include "lower.h"

enum { MAX_ROUNDS = 500 };

static void set_integer_bits(Graph *g, const Tensor *t, int I) {
  for (int i = 0; i < g->n_tensors; i++) {
    Tensor *u = g->tensor[i];
    if ((u == t || (t->tie && u->tie == t->tie)) && u->fmt.W)
      u->fmt.I = I;
  }
}

/* False: all is proved. */
static bool widen(Graph *g, const Kernel *k, const Format *first) {
  bool any = false;
  int *more = mem_array((size_t)k->n_layers + 1, sizeof *more);
  hir_overflow_bits(k, more);
  for (int i = 0; i < k->n_layers; i++) {
    const Node *n = k->layer[i].node;
    const Tensor *t = n->out[0];
    int I = k->layer[i].fmt.I + more[i];
    if (!more[i] || t->from == FROM_CONFIG || I <= t->fmt.I) /* a tied one may have grown already */
      continue;
    if (I - first[t->id].I >= t->fmt.W) {
      diag_error(EXIT_NUMERIC, n,
                 "its results are only proved to stay within 2^%d, which leaves nothing of %d bits for those of the data; %s", I - 1,
                 t->fmt.W, k->n_state ? "a state may grow with each step: use --q=W,auto" : "use --q=W,auto, or a larger W");
      return false;
    }
    set_integer_bits(g, t, I);
    any = true;
  }
  return any;
}

void quant_prove(Graph *g, const Options *o, const Config *config) {
  Options quick = *o;
  quick.effort = 1;
  quick.dsp = 0;
  const Format *first = quant_formats(g);
  diag_set_quiet(true); /* the lowering that counts says it all */
  for (int round = 0; round < MAX_ROUNDS && !diag_errors(); round++) {
    Kernel *k = lower_graph(g, &quick, config);
    if (diag_errors())
      break;
    hir_affine(k, false);
    if (!widen(g, k, first))
      break;
  }
  diag_set_quiet(o->quiet);
  for (int i = 0; i < g->n_tensors; i++)
    if (g->tensor[i]->from == FROM_DATA && g->tensor[i]->producer)
      g->tensor[i]->from = FROM_PROVED;
}
