/* SPDX-License-Identifier: Apache-2.0
 *
 * report_roc.c - efficiency of each class against the rest, float and fixed point, from the labels.
 */
#include "report_html.h"
#include <math.h>
#include <stdlib.h>

enum { MAX_CLASSES = 10, MAX_SAMPLES = 20000 };

typedef struct {
  double score;
  bool signal;
} Scored;

static int by_score(const void *a, const void *b) {
  const Scored *x = a, *y = b;
  return x->score < y->score ? 1 : x->score > y->score ? -1 : 0;
}

/* How much the outputs v of a sample speak for class j: a probability where they are, else the one that softmax would make of them. */
static double score(const double *v, int n, int j, bool probabilities) {
  if (n == 1 || probabilities)
    return n == 1 ? v[0] : v[j];
  double top = v[0], sum = 0;
  for (int i = 1; i < n; i++)
    top = fmax(top, v[i]);
  for (int i = 0; i < n; i++)
    sum += exp(v[i] - top);
  return exp(v[j] - top) / sum;
}

/* Prints the curve, thinned; returns the area under it. Equal scores are one step: fixed point has many. */
static double curve(Buf *b, Scored *list, size_t n) {
  size_t signals = 0, s = 0, r = 0;
  for (size_t i = 0; i < n; i++)
    signals += list[i].signal;
  double rest = (double)(n - signals), area = 0, x = 0, y = 0, shown_x = -1, shown_y = 0;
  if (!signals || signals == n)
    return NAN;
  qsort(list, n, sizeof *list, by_score);
  for (size_t i = 0; i < n;) {
    double at = list[i].score;
    for (; i < n && list[i].score == at; i++)
      s += list[i].signal, r += !list[i].signal;
    double next_x = (double)s / (double)signals, next_y = (double)r / rest;
    area += (next_y - y) * (x + next_x) / 2;
    x = next_x, y = next_y;
    if (i == n || (y > 0 && (x > shown_x + 0.005 || y > 1.05 * shown_y))) {
      buf_printf(b, "%.4g %.4g\n", x, y);
      shown_x = x, shown_y = y;
    }
  }
  return area;
}

void report_roc(const Page *p, Plots *out) {
  const Decisions *d = p->c ? p->c->decisions : NULL;
  const HirPort *port = d ? &p->k->out_port[d->port] : NULL;
  if (!d || d->classes > MAX_CLASSES || (port->n == 1 && port->fmt.W == port->fmt.I) || !p->s->n_due)
    return;
  size_t stride = (p->s->n_due + MAX_SAMPLES - 1) / MAX_SAMPLES, n = 0;
  Scored *list = mem_array(p->s->n_due / stride + 1, sizeof *list);
  double *v = mem_array((size_t)port->n, sizeof *v), least = 1;
  bool probabilities = true;
  for (size_t i = 0; i < p->s->n_due * (size_t)p->s->n_out; i++)
    probabilities &= p->s->out[i] >= 0 && p->s->out[i] <= 1;
  int first = d->classes == 2, curves = 0;
  double *area = mem_array((size_t)d->classes * 2, sizeof *area);
  Buf data = {0};
  for (int j = first; j < d->classes; j++)
    for (int fixed = 0; fixed < 2; fixed++) {
      n = 0;
      for (size_t at = 0; at < p->s->n_due; at += stride) {
        for (int e = 0; e < port->n; e++) {
          size_t i = at * (size_t)p->s->n_out + (size_t)(port->first + e);
          v[e] = fixed ? port_value(port, p->c->out[i]) : p->s->out[i];
        }
        list[n++] = (Scored){score(v, port->n, j, probabilities), d->label[at] == j};
      }
      buf_printf(&data, "$roc%d_%d << EOD\n", j, fixed);
      area[2 * j + fixed] = curve(&data, list, n);
      buf_puts(&data, "EOD\n");
    }
  least = 1 / (double)(n + 1);
  Buf caption = {0}, plot = {0};
  buf_puts(&caption, "ROC, each class against the rest: fixed point (solid) and float (dashed). Area under the curve, float → fixed: ");
  for (int j = first; j < d->classes; j++) {
    if (isnan(area[2 * j]) || isnan(area[2 * j + 1]))
      continue;
    static const char *const colour[] = {"#2f6690", "#c8553d", "#5b8c5a", "#8e5ea2", "#b08900",
                                         "#4f9da6", "#a23b5a", "#666666", "#1b998b", "#d17a22"};
    buf_printf(&plot, "%s$roc%d_1 with lines lc \"%s\" lw 1.6 title \"class %d\", $roc%d_0 with lines lc \"%s\" dt 2 notitle",
               curves ? ", " : "plot ", j, colour[j], j, j, colour[j]);
    buf_printf(&caption, "%sclass %d %.4f → %.4f", curves++ ? ", " : "", j, area[2 * j], area[2 * j + 1]);
  }
  if (!curves)
    return;
  if (stride > 1)
    buf_printf(&caption, " (every %zuth sample)", stride);
  plot_begin(out, "accuracy", "plot-roc", 330, 290, mem_printf("%s.", caption.s));
  buf_printf(&out->gnuplot,
             "%sset key left top reverse Left samplen 1.5; set logscale y; set xrange [0:1]; set yrange [%g:1]; set format y \"10^{%%T}\"\n"
             "set xlabel \"efficiency\"; set ylabel \"background efficiency\"\n%s\n",
             data.s, fmax(least, 1e-4), plot.s);
}
