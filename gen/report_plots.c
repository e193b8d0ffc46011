/* SPDX-License-Identifier: Apache-2.0
 *
 * report_plots.c - the figures of report.html that gnuplot draws: a script with its data inside, numbers only.
 */
#include "report_html.h"
#include "lower.h"
#include "search.h"
#include <math.h>

enum { MAX_HISTOGRAMS = 48, SCATTER = 1500, BINS = 61, BELOW = 6 };

void plot_begin(Plots *out, const char *section, const char *id, int width, int height, const char *caption) {
  out->figure = mem_grow(out->figure, out->n, &out->cap, sizeof *out->figure);
  out->figure[out->n++] = (Figure){section, id, caption};
  buf_printf(&out->gnuplot,
             "unset output; print \"<!--plot %s-->\"; reset\n"
             "set terminal svg size %d,%d dynamic font \"sans,11\"; set encoding utf8\n"
             "set border 3 lc \"#555555\"; set tics nomirror out scale 0.5 textcolor \"#333333\"; set grid lt 1 lw 0.5 lc \"#e4e4e4\"; "
             "unset key\n",
             id, width, height);
}

/* ---- weights and activations over their formats ---- */

/* Shares by powers of two, fixed point filled, float as an outline, the format's span grey; logarithmic, so that tails are seen. */
static void histogram(Plots *out, const char *id, const char *what, const Octaves *floats, const Octaves *all_fixed, Format f) {
  Octaves with_lowest = *all_fixed, *fixed = &with_lowest;
  int lsb = f.I - f.W, top = f.is_signed ? f.I - 1 : f.I, from = lsb - BELOW, to = top;
  int edge = top + OCTAVE_0; /* -2^(I-1) is the one value there */
  if (edge > 0 && edge < OCTAVES)
    fixed->bin[edge - 1] += fixed->bin[edge], fixed->bin[edge] = 0;
  uint64_t n = floats->zero, n_fixed = fixed->zero, below[2] = {0};
  for (int b = 0; b < OCTAVES; b++) {
    n += floats->bin[b], n_fixed += fixed->bin[b];
    if ((floats->bin[b] || fixed->bin[b]) && b - OCTAVE_0 + 1 > to)
      to = b - OCTAVE_0 + 1;
  }
  if (!n || !n_fixed)
    return;
  int lowest = to; /* what is far below the step is shown at the left end */
  for (int b = OCTAVES - 1; b >= 0; b--)
    if (floats->bin[b] || fixed->bin[b])
      lowest = b - OCTAVE_0;
  from = lowest > from ? lowest : from;
  from = from > lsb ? lsb : from;
  for (int b = 0; b < OCTAVES && b - OCTAVE_0 < from; b++)
    below[0] += floats->bin[b], below[1] += fixed->bin[b];
  double least = 100.0 / (double)n / 2;
  plot_begin(out, "values", id, 260, 150,
             mem_printf("%s, <code>%s</code>; zero: %s in float, %s in fixed point", what, html_format(f),
                        html_percent((double)floats->zero / (double)n), html_percent((double)fixed->zero / (double)n_fixed)));
  Buf *b = &out->gnuplot;
  buf_puts(b, "$h << EOD\n");
  for (int e = from; e < to; e++) {
    int bin = e + OCTAVE_0;
    double a = bin < 0 || bin >= OCTAVES ? 0 : (double)floats->bin[bin], x = bin < 0 || bin >= OCTAVES ? 0 : (double)fixed->bin[bin];
    if (e == from)
      a += (double)below[0], x += (double)below[1];
    buf_printf(b, "%g %.4g %.4g\n", e + 0.5, fmax(100 * a / (double)n, least), fmax(100 * x / (double)n_fixed, least));
  }
  buf_printf(
      b,
      "EOD\nset logscale y; set xrange [%d:%d]; set yrange [%.4g:100]; set format x \"2^{%%g}\"; set xtics %d; set format y \"10^{%%T}\"\n"
      "set ytics 10; set lmargin 5; set rmargin 1; set tmargin 0.6; set bmargin 1.8\n"
      "set object 1 rectangle from %d, graph 0 to %d, graph 1 fillcolor \"#eeeeea\" fillstyle solid noborder behind\n"
      "plot $h using 1:3:(0.84) with boxes fs solid noborder lc \"#8fb4d3\", $h using 1:2 with histeps lc \"#c8553d\" lw 1.4\n",
      from, to, least, to - from > 14 ? 4 : 2, lsb, top);
}

static void weights(const Page *p, Plots *out, const Node *node, int number) {
  const Tensor *w = NULL;
  for (int j = 0; j < node->n_in; j++) {
    const Tensor *t = node->in[j];
    if (t && t->value && t->fmt.W && dtype_is_float(t->dtype) && tensor_count(t) >= 4 && (!w || tensor_count(t) > tensor_count(w)))
      w = t;
  }
  if (!w || node->op == OP_Add || node->op == OP_Sub)
    return;
  Octaves floats = {0}, fixed = {0};
  int64_t n = tensor_count(w);
  bool fits;
  for (int64_t i = 0; i < n; i++) {
    octaves_add(&floats, w->original ? w->original[i] : w->value[i]);
    octaves_add(&fixed,
                ldexp((double)quant_const(w->rounded ? w->rounded[i] : w->value[i], w->fmt, p->d->o->round, p->d->o->overflow, &fits),
                      w->fmt.I - w->fmt.W));
  }
  histogram(out, mem_printf("plot-w%d", number), mem_printf("%s weights of <b>%s</b>", html_count(n), html_text(node->name)), &floats,
            &fixed, w->fmt);
}

static void histograms(const Page *p, Plots *out) {
  const Kernel *k = p->k;
  int before = out->n;
  for (int i = 0; i < k->n_in_ports; i++)
    histogram(out, mem_printf("plot-i%d", i), mem_printf("input <b>%s</b>", html_text(k->in_port[i].name)), &p->c->input[i].floats,
              &p->c->input[i].fixed, k->in_port[i].fmt);
  for (int i = 0; i < k->n_layers && out->n - before < MAX_HISTOGRAMS; i++) {
    const HirLayer *l = &k->layer[i];
    const Tensor *t = report_tensor(p->g, l);
    if (t)
      weights(p, out, t->producer, i);
    if (l->fmt.W && p->c->layer[i].elements)
      histogram(out, mem_printf("plot-a%d", i), mem_printf("results of <b>%s</b>", html_text(l->name)), &p->c->layer[i].floats,
                &p->c->layer[i].fixed, l->fmt);
  }
}

/* ---- float against fixed point ---- */

/* A round number, four to eight of which make up `range`. */
static double tic(double range) {
  double unit = pow(10, floor(log10(range / 4)));
  return range / 4 >= 5 * unit ? 5 * unit : range / 4 >= 2 * unit ? 2 * unit : unit;
}

static void agreement(const Page *p, Plots *out) {
  const Kernel *k = p->k;
  size_t wide = (size_t)p->s->n_out, total = p->s->n_due * wide, stride = total / SCATTER + 1, points = 0;
  double lo = INFINITY, hi = -INFINITY, most = p->c->max_abs_err > 0 ? p->c->max_abs_err : 1, count[BINS] = {0}, all = 0;
  const HirPort **port = mem_array(wide + 1, sizeof *port);
  for (int i = 0; i < k->n_out_ports; i++)
    for (int e = 0; e < k->out_port[i].n; e++)
      port[k->out_port[i].first + e] = dtype_is_float(p->g->out[i]->dtype) ? &k->out_port[i] : NULL;
  while (wide > 1 && stride > 1 && stride % wide == 0) /* not always the same output */
    stride++;
  Buf xy = {0};
  for (size_t i = 0; i < total; i++) {
    const HirPort *o = port[i % wide];
    double want = p->s->out[i], got = o ? port_value(o, p->c->out[i]) : 0;
    if (!o || !isfinite(want))
      continue;
    int bin = (int)floor(((got - want) / most + 1) / 2 * BINS);
    count[bin < 0 ? 0 : bin < BINS ? bin : BINS - 1]++;
    all++;
    lo = fmin(lo, fmin(want, got)), hi = fmax(hi, fmax(want, got));
    if (i % stride == 0) {
      buf_printf(&xy, "%.4g %.4g\n", want, got);
      points++;
    }
  }
  if (!points)
    return;
  double room = hi > lo ? 0.03 * (hi - lo) : 1;
  plot_begin(out, "accuracy", "plot-scatter", 330, 290,
             mem_printf("Outputs, fixed point against float: %s of %s values.", html_count((int64_t)points), html_count((int64_t)all)));
  buf_printf(&out->gnuplot,
             "$xy << EOD\n%sEOD\nset xrange [%.6g:%.6g]; set yrange [%.6g:%.6g]; set xtics %.6g; set ytics %.6g; set size ratio 1; set "
             "xlabel \"float\"; set ylabel \"fixed "
             "point\"\nplot x lc \"#bbbbbb\" lw 1, $xy with dots lc \"#2f6690\"\n",
             xy.s, lo - room, hi + room, lo - room, hi + room, tic(hi - lo + 2 * room), tic(hi - lo + 2 * room));
  plot_begin(out, "accuracy", "plot-error", 330, 290,
             mem_printf("Error of the outputs, fixed point less float, over all samples; its rms is %s.", html_number(p->c->rms_err)));
  buf_puts(&out->gnuplot, "$e << EOD\n");
  for (int i = 0; i < BINS; i++)
    buf_printf(&out->gnuplot, "%.6g %g\n", ((i + 0.5) / BINS * 2 - 1) * most, fmax(count[i], 0.5));
  buf_printf(&out->gnuplot,
             "EOD\nset logscale y; set yrange [0.5:*]; set xrange [%.6g:%.6g]; set format y \"10^{%%T}\"; set format x \"%%.2g\"\n"
             "set xtics %.6g; set xlabel \"error\"; set ylabel \"values a bin\"\n"
             "plot $e with boxes fs solid noborder lc \"#8fb4d3\"\n",
             -1.02 * most, 1.02 * most, most / 2);
}

/* ---- the points of --target-loss ---- */

static void pareto(const Page *p, Plots *out) {
  const SearchResult *r = p->d->search;
  if (!r || !r->n)
    return;
  double target = 100 * p->d->o->target_loss, highest = 3 * target, lowest = 0, fewest = INFINITY, most = 0;
  for (int i = 0; i < r->n; i++) {
    const SearchPoint *q = &r->point[i];
    if (100 * q->loss > highest || q->true_bits <= 0)
      continue;
    lowest = fmin(lowest, 100 * (q->loss - q->error));
    fewest = fmin(fewest, q->true_bits), most = fmax(most, q->true_bits);
  }
  if (most <= 0)
    return;
  plot_begin(
      out, "search", "plot-pareto", 620, 300,
      "Points around the best: loss on the samples held back, with one standard error, against the adder bits of the adder graph. Filled: "
      "within the target; the ring: taken. "
      "What loses more than three times the target is not shown.");
  Buf *b = &out->gnuplot;
  buf_puts(b, "$p << EOD\n");
  for (int i = 0; i < r->n; i++) {
    const SearchPoint *q = &r->point[i];
    if (100 * q->loss <= highest && q->true_bits > 0)
      buf_printf(b, "%.6g %.4g %.4g %d %d\n", q->true_bits, 100 * q->loss, 100 * q->error, q->pass, i + 1 == r->best);
  }
  buf_printf(b,
             "EOD\nset logscale x; set xrange [%.6g:%.6g]; set xlabel \"adder bits, and LUTs of tables\"; set ylabel \"loss "
             "in %%\"; set yrange [%.4g:%.4g]\n"
             "set xtics add (2e2, 5e2, 2e3, 5e3, 2e4, 5e4, 2e5, 5e5); set format x \"%%.0f\"\n"
             "plot %.6g lc \"#c8553d\" dt 2 lw 1, $p using 1:($4 == 1 ? $2 : NaN):3 with yerrorbars pt 7 ps 0.5 lc \"#2f6690\", "
             "$p using 1:($4 == 1 ? NaN : $2):3 with yerrorbars pt 6 ps 0.5 lc \"#aaaaaa\", "
             "$p using ($5 == 1 ? $1 : NaN):2 with points pt 6 ps 1.6 lw 1.5 lc \"#c8553d\"\n",
             0.8 * fewest, 1.25 * most, lowest - 0.05 * (highest - lowest), 1.05 * highest, target);
}

void report_plots(const Page *p, Plots *out) {
  buf_puts(&out->gnuplot, "set print \"-\"\n");
  if (p->g && p->c && p->s->n_due) {
    agreement(p, out);
    report_roc(p, out);
    pareto(p, out);
    histograms(p, out);
  }
  buf_puts(&out->gnuplot, "unset output\n");
}
