/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_dead.c - requires: sorted nodes. Keeps: meaning, names, order. Afterwards every node reaches an output and every tensor is an input,
 * an output or read by a node; tensors are numbered anew.
 */
#include "nngen.h"

void pass_dead(Graph *g) {
  bool *used = mem_array((size_t)g->n_tensors, sizeof(bool));
  for (int i = 0; i < g->n_out; i++)
    used[g->out[i]->id] = true;
  int kept = g->n_nodes;
  for (int i = g->n_nodes - 1; i >= 0; i--) {
    Node *n = g->node[i];
    bool live = false;
    for (int k = 0; k < n->n_out; k++)
      live |= n->out[k] && used[n->out[k]->id];
    if (!live)
      continue;
    for (int k = 0; k < n->n_in; k++)
      if (n->in[k])
        used[n->in[k]->id] = true;
    for (int k = 0; k < n->n_out; k++) {
      if (n->out[k] && !used[n->out[k]->id])
        n->out[k]->producer = NULL, n->out[k] = NULL;
    }
    g->node[--kept] = n;
  }
  g->n_nodes -= kept;
  memmove(g->node, g->node + kept, (size_t)g->n_nodes * sizeof *g->node);
  for (int i = 0; i < g->n_in; i++)
    used[g->in[i]->id] = true;
  int count = 0;
  for (int i = 0; i < g->n_tensors; i++)
    if (used[g->tensor[i]->id]) {
      Tensor *t = g->tensor[i];
      t->id = count;
      g->tensor[count++] = t;
    }
  g->n_tensors = count;
}
