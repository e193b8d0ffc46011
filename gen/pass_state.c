/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_state.c - requires: shapes. Keeps: meaning, but that an input and an output of the file are one state now (--state=IN=OUT): what the
 * output was a step before is what the input is. For networks that are exported as one step, with their state outside.
 */
#include "passes.h"

static int find(Tensor *const *list, int n, const char *name) {
  for (int i = 0; i < n; i++)
    if (!strcmp(list[i]->name, name))
      return i;
  return -1;
}

static void refuse(const char *what, const char *name, Tensor *const *list, int n) {
  Buf b = {0};
  for (int i = 0; i < n; i++)
    buf_printf(&b, "%s'%s'", i ? ", " : "", diag_text(list[i]->name));
  diag_error(EXIT_USAGE, NULL, "--state: no %s '%s'; there are %s", what, diag_text(name), b.s ? b.s : "none");
}

/* To the end of the list, where states are. */
static void move_last(Tensor **list, int n, int at) {
  Tensor *t = list[at];
  memmove(list + at, list + at + 1, (size_t)(n - at - 1) * sizeof *list);
  list[n - 1] = t;
}

void pass_state(Graph *g, int n, const StatePair *pair) {
  if (n)
    g->state_init = mem_array((size_t)n, sizeof *g->state_init);
  for (int i = 0; i < n; i++) {
    int in = find(g->in, graph_ins(g), pair[i].in), out = find(g->out, graph_outs(g), pair[i].out);
    if (in < 0)
      refuse("input", pair[i].in, g->in, graph_ins(g));
    if (out < 0)
      refuse("output", pair[i].out, g->out, graph_outs(g));
    if (in < 0 || out < 0)
      continue;
    Tensor *from = g->in[in], *to = g->out[out];
    if (tensor_count(from) != tensor_count(to) || !to->producer || !dtype_is_float(to->dtype) || from->dtype != to->dtype) {
      diag_error(EXIT_USAGE, NULL,
                 "--state: '%s' and '%s' are not one state: they need the same floating type, the same number of elements, and a node that "
                 "makes the output",
                 diag_text(pair[i].in), diag_text(pair[i].out));
      continue;
    }
    if (graph_outs(g) == 1) {
      diag_error(EXIT_USAGE, NULL, "--state: no output is left beside the states");
      continue;
    }
    if (!to->tie)
      to->tie = ++g->n_ties;
    from->tie = to->tie;
    move_last(g->in, g->n_in, in);
    move_last(g->out, g->n_out, out);
    g->state_init[g->n_states++] = graph_const(g, mem_printf("%s_initial", from->name), from->dtype, from->rank, from->dim, NULL);
    g->steps = 0;
  }
}
