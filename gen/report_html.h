/* SPDX-License-Identifier: Apache-2.0
 *
 * report_html.h - DIR/report.html and what it is drawn from. The page is complete without any tool: tables, and a place for each figure.
 * The folder's report/report.sh draws the figures with gnuplot and graphviz and puts them there, with what make synth and --verify found;
 * nngen runs it once itself.
 */
#ifndef NNGEN_REPORT_HTML_H
#define NNGEN_REPORT_HTML_H

#include "report.h"

/* All that the page is about; g, s, c are NULL when the design came from a .hir file. */
typedef struct {
  const Design *d;
  const Graph *g;
  const Kernel *k;
  const Samples *s;
  const Comparison *c;
} Page;

typedef struct {
  const char *section, *id; /* of the figure: legal in HTML */
  const char *caption;      /* HTML */
} Figure;
typedef struct {
  int n, cap;
  Figure *figure;
  Buf gnuplot, dot; /* scripts; the first has no text of the model in it */
} Plots;

/* report.html, report/ */
void report_html(const Design *d, const Samples *s, const Comparison *c, Folder *f);
/* Runs report/report.sh in the folder; notes what it could not do. */
void report_draw(const char *dir);

/* report_hardware.c: layers with their formats, cells by layer; results of a layer that saturated or wrapped. */
const char *report_network(const Page *p, const Plots *plots);
const char *report_hardware(const Page *p);
uint64_t report_out_of_range(const Page *p, int layer);

/* report_made.c: the last sections, and the places of a section's figures. */
const char *report_search(const Page *p, const Plots *plots);
const char *report_made(const Page *p);
void report_figures(Buf *b, const Plots *plots, const char *section);

/* report_dot.c: the network. */
void report_dot(const Page *p, Plots *out);
/* report_plots.c: everything that gnuplot draws. */
void report_plots(const Page *p, Plots *out);
/* report_roc.c: efficiency curves of each class against the rest, where labels and outputs allow. */
void report_roc(const Page *p, Plots *out);
/* A new gnuplot figure: what draws it is appended to out->gnuplot. */
void plot_begin(Plots *out, const char *section, const char *id, int width, int height, const char *caption);

/* ---- text ---- */

/* Untrusted text, printable and escaped for HTML. */
const char *html_text(const char *s);
/* 1234567 -> "1,234,567"; %.3g with a true minus sign; the same in hundredths with its sign. */
const char *html_count(int64_t n);
const char *html_number(double v);
const char *html_percent(double share);
/* As html_text, but not cut. */
const char *html_command(const char *s);
/* "&lt;16,6&gt;", or "exact". */
const char *html_format(Format f);

#endif
