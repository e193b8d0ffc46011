/* SPDX-License-Identifier: Apache-2.0
 *
 * search_format.c - formats of what lies between layers: one width for all that goes into tables or is tied, elsewhere bits and range for
 * each neuron or channel at the price of an adder bit.
 */
#include "search_in.h"
#include "parallel.h"
#include "rdo.h"
#include "window.h"
#include <math.h>
#include <stdlib.h>

enum { LEAST_WIDTH = 3, LOOKED_AT = 3000 };
enum { ALIKE = 4 }; /* what is cut off inputs that are alike (pixels side by side) adds up: as if so many times as much */

bool tied(const Tensor *a, const Tensor *b) {
  return a == b || (a->tie && a->tie == b->tie);
}

/* ---- one format for a tensor ---- */

static double format_error(const Search *s, const Tensor *t, Format f) {
  double err = 0;
  for (size_t e = 0; e < s->n_fit * count(t); e++) {
    double d = s->f[t->id][e] - to_format(s->f[t->id][e], f);
    err += d * d;
  }
  return err;
}

/* The I that loses least at width W, on the rows to fit; of t and all that is tied to it. */
static Format best_format(const Search *s, const Tensor *t, int W) {
  double lo = s->range_lo[t->id], hi = s->range_hi[t->id], least = INFINITY;
  for (int i = 0; i < s->g->n_tensors; i++)
    if (tied(s->g->tensor[i], t) && !s->g->tensor[i]->value)
      lo = fmin(lo, s->range_lo[i]), hi = fmax(hi, s->range_hi[i]);
  Format best = {0}, f = {W, format_fit(W, lo, hi), true};
  for (int down = 0; down < 4; down++, f.I--) {
    double err = 0;
    for (int i = 0; i < s->g->n_tensors; i++)
      if (tied(s->g->tensor[i], t) && !s->g->tensor[i]->value)
        err += format_error(s, s->g->tensor[i], f);
    if (err < least)
      best = f, least = err;
  }
  return best;
}

void set_width(Search *s, int W) {
  for (int i = 0; i < s->n_results; i++) {
    const Tensor *t = s->g->tensor[s->result[i]];
    const Format f = best_format(s, t, W);
    for (int j = 0; j < s->g->n_tensors; j++)
      if (tied(s->g->tensor[j], t))
        s->g->tensor[j]->fmt = f;
  }
}

/* Whether the width of t is to be found; of tensors that are tied, the first stands for all. */
static bool searchable(const Search *s, const Tensor *t) {
  if (!t->producer || t->value || t->exact || t->fmt.W <= LEAST_WIDTH || t->dtype != DT_FLOAT)
    return false;
  for (int i = 0; i < s->g->n_tensors; i++) {
    const Tensor *u = s->g->tensor[i];
    if (!tied(u, t) || u->value)
      continue;
    if (u->id < t->id || graph_is_output(s->g, u) || config_of(s->config, u->producer).has_result)
      return false;
  }
  return true;
}

/* ---- a format for each neuron ---- */

/* The layer whose sums t holds, activated perhaps; of an input the layer that reads it. *read: some other. */
static const Node *layer_of(const Graph *g, const Tensor *t) {
  const Node *n = t->producer;
  while (n && !weighty(n)) {
    bool one = n->op == OP_Relu || n->op == OP_LeakyRelu || n->op == OP_Clip || n->op == OP_Abs;
    if (!one && n->op != OP_Add)
      return NULL;
    int from = n->op == OP_Add && n->in[0]->value ? 1 : 0;
    if (n->in[from]->value || count(n->in[from]) != count(t) || graph_uses(g, n->in[from], NULL) != 1)
      return NULL;
    n = n->in[from]->producer;
  }
  return n;
}

static const Node *only_reader(const Graph *g, const Tensor *t) {
  Node *only = NULL;
  return graph_uses(g, t, &only) == 1 ? only : NULL;
}

/* Of an input: the layer that reads it, dense ones in any shape. */
static const Node *reader_of(const Graph *g, const Tensor *t) {
  const Node *n = only_reader(g, t);
  const bool direct = n && weighty(n);
  while (n && (n->op == OP_Flatten || n->op == OP_Reshape))
    t = n->out[0], n = only_reader(g, t);
  return n && weighty(n) && n->in[0] == t && (direct || !windowed(n)) ? n : NULL;
}

Groups groups_of(const Graph *g, const Tensor *t) {
  const Node *n = t->producer ? layer_of(g, t) : reader_of(g, t);
  if (!n)
    return (Groups){1, 1};
  if (!windowed(n)) {
    const Tensor *x = t->producer ? t : n->in[0];
    return (Groups){(int)x->dim[x->rank - 1], 1};
  }
  int64_t inner = 1;
  for (int i = 2; i < t->rank; i++)
    inner *= t->dim[i];
  return (Groups){(int)t->dim[1], inner};
}

int find_searchable(Search *s) {
  int widest = 0;
  Graph *g = s->g;
  s->result = mem_array((size_t)g->n_tensors, sizeof *s->result);
  s->neuron = mem_array((size_t)g->n_tensors, sizeof *s->neuron);
  for (int i = 0; i < g->n_tensors; i++) {
    Tensor *t = g->tensor[i];
    bool input = !s->layer && !t->producer && !t->value && t->dtype == DT_FLOAT && !t->tie && t->fmt.W > 1 && reader_of(g, t);
    if (input || (searchable(s, t) && !t->tie && layer_of(g, t))) {
      s->neuron[s->n_neurons++] = i;
      t->each = mem_array(count(t), sizeof *t->each);
    } else if (searchable(s, t)) {
      s->result[s->n_results++] = i;
      widest = t->fmt.W > widest ? t->fmt.W : widest;
    }
  }
  return widest;
}

/* Element k of those of a group, of which there are count(t) / by.n. */
static size_t element_of(Groups by, int group, size_t k) {
  const size_t inner = (size_t)by.inner;
  return (k / inner * (size_t)by.n + (size_t)group) * inner + k % inner;
}

static void set_group(Tensor *t, Groups by, int group, Format f) {
  for (size_t k = 0; k < count(t) / (size_t)by.n; k++)
    t->each[element_of(by, group, k)] = f;
}

/* Values of a group, spread over the rows to fit; *lo and *hi: of all of them, and 0. */
static size_t sample(const Search *s, const Tensor *t, Groups by, int group, double *x, double *lo, double *hi) {
  size_t m = count(t), of = m / (size_t)by.n, total = s->n_fit * of, n = 0;
  size_t stride = stride_through(of, total / LOOKED_AT + 1);
  for (size_t i = 0; i < total; i++) {
    double v = s->q[t->id][i / of * m + element_of(by, group, i % of)];
    *lo = fmin(*lo, v), *hi = fmax(*hi, v);
    if (i % stride == 0)
      x[n++] = v;
  }
  return n;
}

/* Places after the point that the inputs to fit, as the port has them, really use. */
static int places_used(const Search *s, const Tensor *t, Groups by, int group) {
  size_t m = count(t);
  Format f = t->fmt;
  int least = f.W - f.I;
  int64_t all = 0;
  for (size_t r = 0; r < s->n_own; r++)
    for (size_t k = 0; k < m / (size_t)by.n; k++)
      all |= (int64_t)ldexp(to_format(s->f[t->id][r * m + element_of(by, group, k)], f), f.W - f.I);
  for (int drop = 0; all && drop < f.W - 1 && !(all >> drop & 1); drop++)
    least--;
  return all ? least : f.W - f.I;
}

void widest_formats(Search *s) {
  for (int i = 0; i < s->n_neurons; i++) {
    Tensor *t = s->g->tensor[s->neuron[i]];
    Groups by = groups_of(s->g, t);
    for (int j = 0; j < by.n; j++) {
      int frac = t->producer ? t->fmt.W - t->fmt.I : places_used(s, t, by, j);
      set_group(t, by, j, (Format){t->fmt.I + frac, t->fmt.I, t->fmt.is_signed});
    }
  }
}

/* Variance of the error: its mean goes into the next bias. */
static double variance(const double *x, size_t n, Format f, bool cut) {
  double sum = 0, sq = 0, up = ldexp(1, f.W - f.I), down = ldexp(1, f.I - f.W), lo = f.W ? (double)format_min(f) : 0,
         hi = f.W ? (double)format_max(f) : 0, half = cut ? 0 : 0.5;
  for (size_t i = 0; i < n; i++) {
    double code = x[i] * up + half;
    code = code < lo ? lo : code;
    code = code > hi ? hi : code;
    const double d = floor_of(code) * down - x[i];
    sum += d, sq += d * d;
  }
  return sq / (double)n - sum / (double)n * (sum / (double)n);
}

/* The weights of a neuron that nothing reads any more. */
static void drop_column(const Search *s, const Tensor *t, int group) {
  const Node *n = layer_of(s->g, t);
  Tensor *w = n ? n->in[1] : NULL;
  if (!w || !w->rounded || n->op == OP_ConvTranspose || graph_uses(s->g, w, NULL) != 1 || graph_uses(s->g, n->out[0], NULL) != 1)
    return;
  bool first = n->op == OP_Conv || (n->op == OP_Gemm && attr_int(n, "transB", 0));
  size_t cols = (size_t)(first ? w->dim[0] : w->dim[1]), rows = count(w) / cols;
  for (size_t i = 0; i < rows; i++)
    w->rounded[first ? (size_t)group * rows + i : i * cols + (size_t)group] = 0;
}

/* One format for all groups. */
static void choose_format(Search *s, Tensor *t, double price) {
  const Groups by = groups_of(s->g, t);
  double *x = mem_scratch((size_t)by.n * (LOOKED_AT + 1), 8), best = INFINITY, lo = 0, hi = 0, reads = 0;
  size_t *n = mem_scratch((size_t)by.n, sizeof *n);
  Format found = t->fmt;
  for (int j = 0; j < by.n; j++) {
    n[j] = sample(s, t, by, j, x + (size_t)j * (LOOKED_AT + 1), &lo, &hi);
    reads += s->reads[t->id][j];
  }
  const int fits = format_fit(t->fmt.W, lo, hi), most = fits < t->fmt.I ? fits : t->fmt.I;
  for (int I = most; I > most - 3; I--)
    for (int frac = t->fmt.W - t->fmt.I; frac + I >= 2; frac--) {
      const Format f = {I + frac, I, t->fmt.is_signed};
      double c = price * reads * (f.W - (lo >= 0 && f.is_signed));
      for (int j = 0; j < by.n; j++)
        c += s->gain[t->id][j] * variance(x + (size_t)j * (LOOKED_AT + 1), n[j], f, false);
      if (c < best)
        best = c, found = f;
    }
  for (size_t e = 0; e < count(t); e++)
    t->each[e] = found;
  free(x), free(n);
}

typedef struct {
  Search *s;
  Tensor *t;
  double price;
} Choice;

static void choose_part(void *ctx, int part) {
  const Choice *of = ctx;
  Search *s = of->s;
  Tensor *t = of->t;
  const Groups by = groups_of(s->g, t);
  const bool input = !t->producer;
  double *x = mem_scratch(LOOKED_AT + 1, 8);
  for (int j = part; j < by.n; j += PARTS) {
    double lo = 0, hi = 0;
    size_t n = sample(s, t, by, j, x, &lo, &hi);
    double reads = s->reads[t->id][j], gain = s->gain[t->id][j], best = INFINITY;
    Format found = {0, 0, t->fmt.is_signed};
    int most = input ? t->fmt.I : format_fit(t->fmt.W, lo, hi), finest = input ? places_used(s, t, by, j) : t->fmt.W - t->fmt.I;
    most = most < t->fmt.I ? most : t->fmt.I;
    if (!input)
      best = reads > 0 ? gain * variance(x, n, found, false) : 0;
    for (int I = most; I > most - (input ? 1 : 3); I--)
      for (int frac = finest; frac + I >= 2; frac--) {
        Format f = {I + frac, I, t->fmt.is_signed};
        int bits = f.W - (lo >= 0 && f.is_signed);
        double c = gain * (input ? ALIKE : 1) * variance(x, n, f, input) + of->price * reads * bits;
        if (c < best)
          best = c, found = f;
      }
    set_group(t, by, j, found);
    if (!found.W)
      drop_column(s, t, j);
  }
  free(x);
}

void choose_formats(Search *s, Tensor *t, double price) {
  if (s->layer)
    choose_format(s, t, price);
  else
    in_parts(choose_part, &(Choice){s, t, price});
}

void report_widest(Search *s) {
  for (int i = 0; i < s->n_neurons; i++) {
    Tensor *t = s->g->tensor[s->neuron[i]];
    int I = -64, frac = -64;
    for (size_t e = 0; e < count(t); e++)
      if (t->each[e].W) {
        I = t->each[e].I > I ? t->each[e].I : I;
        frac = t->each[e].W - t->each[e].I > frac ? t->each[e].W - t->each[e].I : frac;
      }
    if (t->producer && I + frac > 0)
      t->fmt = (Format){I + frac, I, t->fmt.is_signed};
    if (s->layer)
      t->each = NULL;
  }
}

/* ---- what reads a tensor ---- */

static double digits_of(const Tensor *w, int64_t at, int word) {
  const double code = floor((w->rounded ? w->rounded : w->value)[at] * ldexp(1, w->fmt.W - w->fmt.I) + 0.5);
  return word ? (code != 0) * word : rdo_digits((int64_t)code);
}

/* word: see LayerPrice. */
static void digits_of_rows(const Node *n, int word, double *digits, int *rows) {
  const Tensor *w = n->in[1];
  bool transposed = n->op == OP_Gemm && attr_int(n, "transB", 0);
  if (n->op == OP_ConvTranspose) {
    const int64_t each = tensor_count(w) / w->dim[0];
    *rows = (int)w->dim[0];
    for (int64_t i = 0; i < tensor_count(w); i++)
      digits[i / each] += digits_of(w, i, word);
    return;
  }
  if (n->op == OP_Conv) {
    int64_t group = attr_int(n, "group", 1), C = w->dim[1], taps = tensor_count(w) / w->dim[0] / C, M = w->dim[0] / group;
    *rows = (int)(C * group);
    for (int64_t j = 0; j < w->dim[0]; j++)
      for (int64_t i = 0; i < C * taps; i++)
        digits[j / M * C + i / taps] += digits_of(w, j * C * taps + i, word);
    return;
  }
  int cols = (int)w->dim[transposed ? 0 : 1];
  *rows = (int)(tensor_count(w) / cols);
  for (int i = 0; i < *rows; i++)
    for (int j = 0; j < cols; j++)
      digits[i] += digits_of(w, transposed ? j * *rows + i : i * cols + j, word);
}

/* Places of the positions that a unit of a stream serves one after the other. */
static double turns(const Tensor *t) {
  double n = 1;
  for (int i = 2; i < t->rank; i++)
    n *= (double)t->dim[i];
  return n;
}

/* What reads a maximum reads what lies in its window, each as much. */
static void reads_through_pool(const Node *n, const double *of_result, double *of_x) {
  Window w;
  window_of(n, &w);
  const int64_t in = window_in(&w), out = window_out(&w), taps = window_taps(&w), channels = n->in[0]->dim[0] * n->in[0]->dim[1];
  int64_t at[MAX_SPATIAL] = {0};
  for (int64_t o = 0; o < out; o++, window_next(w.axes, w.out, at)) {
    int64_t tap[MAX_SPATIAL] = {0};
    for (int64_t t = 0; t < taps; t++, window_next(w.axes, w.kernel, tap)) {
      const int64_t source = window_source(&w, at, tap);
      for (int64_t c = 0; source >= 0 && c < channels; c++)
        of_x[c * in + source] += of_result[c * out + o] / (double)taps;
    }
  }
}

/* Reads of the results of node k, by element, become reads of its operand x. */
static void reads_through(const Search *s, int k, const Tensor *x, const double *of_result, double *of_x) {
  const Node *n = s->g->node[k];
  const Tensor *y = n->out[0];
  size_t mx = count(x), my = count(y);
  if (weighty(n)) {
    if (x != n->in[0])
      return;
    int rows;
    double *digits = mem_scratch(count(n->in[1]) + 1, 8);
    const LayerPrice price = price_of(s, k);
    digits_of_rows(n, price.word, digits, &rows);
    size_t each = windowed(n) ? mx / (size_t)x->dim[0] / (size_t)rows : 1;
    double share = windowed(n) ? (double)my / (double)y->dim[0] / (double)y->dim[1] / (double)each : 1;
    share *= price.share;
    for (size_t e = 0; e < mx; e++)
      of_x[e] += digits[e / each % (size_t)rows] * share;
    free(digits);
    return;
  }
  if (!y->exact && op_info[n->op].kind != KIND_MOVE) {
    for (size_t e = 0; e < mx; e++)
      of_x[e] += s->layer ? 1 / turns(x) : 1;
    return;
  }
  if (n->op == OP_MaxPool && x->rank > 2) {
    reads_through_pool(n, of_result, of_x);
    return;
  }
  bool in_place = mx == my && n->op != OP_Transpose;
  size_t channels = n->op == OP_MaxPool && x->rank > 1 ? (size_t)x->dim[1] : 1;
  for (size_t e = 0; in_place && e < mx; e++)
    of_x[e] += of_result[e];
  for (size_t e = 0; !in_place && e < my; e++) /* spread evenly */
    for (size_t i = 0, of = mx / channels; i < of && my >= channels; i++)
      of_x[e / (my / channels) % channels * of + i] += of_result[e] / (double)of;
}

double count_reads(Search *s) {
  const Graph *g = s->g;
  double **reads = mem_scratch((size_t)g->n_tensors, sizeof *reads), cost = 0;
  for (int i = 0; i < g->n_tensors; i++)
    if (!g->tensor[i]->value && g->tensor[i]->rank >= 0)
      reads[i] = mem_scratch(count(g->tensor[i]) + 1, 8);
  for (int k = g->n_nodes - 1; k >= 0; k--) {
    const Node *n = g->node[k];
    for (int i = 0; i < n->n_in && n->out[0]; i++)
      if (n->in[i] && reads[n->in[i]->id])
        reads_through(s, k, n->in[i], reads[n->out[0]->id], reads[n->in[i]->id]);
  }
  if (!s->reads)
    s->reads = mem_array((size_t)g->n_tensors, sizeof *s->reads);
  for (int i = 0; i < g->n_tensors; i++) {
    const Tensor *t = g->tensor[i];
    if (!reads[i])
      continue;
    for (size_t e = 0; e < count(t) && !t->exact && t->fmt.W; e++) {
      Format f = t->each ? t->each[e] : t->fmt;
      cost += f.W ? reads[i][e] * (f.W - (s->range_lo[i] >= 0 && f.is_signed) + 2) : 0;
    }
    if (t->each) {
      Groups by = groups_of(g, t);
      if (!s->reads[i])
        s->reads[i] = mem_array((size_t)by.n, 8);
      memset(s->reads[i], 0, (size_t)by.n * 8);
      for (size_t e = 0; e < count(t); e++)
        s->reads[i][(e / (size_t)by.inner) % (size_t)by.n] += reads[i][e];
    }
    free(reads[i]);
  }
  free(reads);
  return cost;
}
