/* SPDX-License-Identifier: Apache-2.0
 *
 * report_dot.c - the network for graphviz. A box is what drops bits once: nodes whose results stay exact are drawn with the one that reads
 * them.
 */
#include "report_html.h"

enum { MAX_BOXES = 150, NAME = 26, ACROSS = 9 };

/* For a quoted string of the dot language: no escapes, no entities, cut. */
static const char *label(const char *s) {
  const char *text = diag_text(s);
  Buf b = {0};
  for (int n = 0; *text; text++, n++) {
    if (n == NAME) {
      buf_puts(&b, "…");
      break;
    }
    if (*text == '"' || *text == '\\')
      buf_printf(&b, "\\%c", *text);
    else if (*text == '&')
      buf_puts(&b, "&amp;");
    else
      buf_write(&b, text, 1);
  }
  return b.s ? b.s : "";
}

static const char *shape(const Tensor *t) {
  Buf b = {0};
  for (int i = 0; i < t->rank; i++)
    if (i || t->dim[i] != 1 || t->rank == 1)
      buf_printf(&b, "%s%lld", b.len ? "×" : "", (long long)t->dim[i]);
  return b.s ? b.s : "1";
}

static const char *edge_label(const Tensor *t) {
  return t->exact || !t->fmt.W ? shape(t) : mem_printf("%s of %s", shape(t), format_text(t->fmt));
}

/* Number of the node whose box holds each node, by position. */
static int *boxes(const Graph *g) {
  int *box = mem_array((size_t)g->n_nodes + 1, sizeof *box);
  for (int i = g->n_nodes - 1; i >= 0; i--) {
    const Node *n = g->node[i];
    Node *reader = NULL;
    box[i] = i;
    if (n->n_out != 1 || !n->out[0]->exact || graph_uses(g, n->out[0], &reader) != 1 || !reader)
      continue;
    for (int j = i + 1; j < g->n_nodes; j++)
      if (g->node[j] == reader)
        box[i] = box[j];
  }
  return box;
}

static void draw_box(const Page *p, const int *box, int at, Buf *b) {
  const Graph *g = p->g;
  Buf ops = {0};
  const char *first = NULL, *last = NULL;
  int64_t luts = 0;
  for (int i = 0; i < g->n_nodes; i++) {
    if (box[i] != at)
      continue;
    buf_printf(&ops, "%s%s", first ? " + " : "", label(g->node[i]->op_type));
    last = g->node[i]->name;
    first = first ? first : last;
    for (int l = 0; l < p->k->n_layers; l++)
      if (report_tensor(g, &p->k->layer[l]) && report_tensor(g, &p->k->layer[l])->producer == g->node[i])
        luts += p->d->cost[1 + l].luts;
  }
  buf_printf(b, "n%d [label=\"%s\\n%s", at, ops.s, label(first));
  if (first != last)
    buf_printf(b, "\\n%s", label(last));
  buf_printf(b, "\\n%s LUT\"];\n", html_count(luts));
}

void report_dot(const Page *p, Plots *out) {
  const Graph *g = p->g;
  Buf *b = &out->dot;
  if (!g)
    return;
  int *box = boxes(g), n = 0;
  for (int i = 0; i < g->n_nodes; i++)
    n += box[i] == i;
  if (n > MAX_BOXES)
    return;
  buf_printf(
      b,
      "digraph network {\nrankdir=%s; nodesep=0.25; ranksep=0.3; bgcolor=\"transparent\";\n"
      "node [shape=box, style=\"rounded,filled\", fillcolor=\"#eef3f8\", color=\"#2f6690\", fontname=\"Helvetica\", fontsize=11, "
      "margin=\"0.14,0.07\"];\nedge [color=\"#777777\", fontname=\"Helvetica\", fontsize=9.5, arrowsize=0.6, fontcolor=\"#555555\"];\n",
      n > ACROSS ? "TB" : "LR");
  for (int i = 0; i < g->n_in; i++)
    buf_printf(b, "i%d [label=\"%s\", fillcolor=\"#ffffff\", color=\"#777777\"];\n", g->in[i]->id, label(g->in[i]->name));
  for (int i = 0; i < g->n_nodes; i++)
    if (box[i] == i)
      draw_box(p, box, i, b);
  for (int i = 0; i < g->n_nodes; i++)
    for (int j = 0; j < g->node[i]->n_in; j++) {
      const Tensor *t = g->node[i]->in[j];
      if (!t || t->value)
        continue;
      int from = -1;
      for (int m = 0; t->producer && m < i; m++)
        if (g->node[m] == t->producer)
          from = box[m];
      if (from == box[i])
        continue;
      buf_printf(b, from < 0 ? "i%d -> n%d [label=\"%s\"];\n" : "n%d -> n%d [label=\"%s\"];\n", from < 0 ? t->id : from, box[i],
                 edge_label(t));
    }
  for (int i = 0; i < g->n_out; i++) {
    const Tensor *t = g->out[i];
    buf_printf(b, "o%d [label=\"%s\", fillcolor=\"#ffffff\", color=\"#777777\"];\n", i, label(t->name));
    for (int m = 0; t->producer && m < g->n_nodes; m++)
      if (g->node[m] == t->producer)
        buf_printf(b, "n%d -> o%d [label=\"%s\"];\n", box[m], i, edge_label(t));
    if (!t->producer && !t->value)
      buf_printf(b, "i%d -> o%d;\n", t->id, i);
  }
  buf_puts(b, "}\n");
  out->figure = mem_grow(out->figure, out->n, &out->cap, sizeof *out->figure);
  out->figure[out->n++] = (Figure){"network", "plot-network",
                                   "Each box drops bits once, at its end; inside it all is exact. Edges: "
                                   "elements and their format. LUTs are estimates."};
}
