/* SPDX-License-Identifier: Apache-2.0
 *
 * search.c - --target-loss: the cheapest hardware whose loss on data held back stays within a bound. Requires: formats assigned. Sets
 * Tensor.rounded of weights and biases, and the formats of results between layers.
 *
 * One price of an adder bit decides about all weights (rdo.c) and about the bits of all results between layers (search_format.c); it is
 * searched by bisection. Where results have one width in common (tables, states), that is done for each width. Float and quantized network
 * run side by side, node by node, over half of the samples (or those of --fit) and mix-ups of two of them; the others measure. Errors are
 * weighed by what they do to the outputs: the Fisher metric of the classes' probabilities, or the relative variance of a regression. The
 * adder graphs of the points around the best are built, and the smallest taken; cheaper ones are tried with their weights taught
 * (search_train.c).
 */
#include "search_in.h"
#include "lower.h"
#include "search_joint.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
  MAX_FIT = 1500,
  ROWS_TO_FIT = 4 * MAX_FIT,
  MAX_HELD = 3000,
  BISECTIONS = 10,
  LEAST_WIDTH = 3,
  MAX_VALUES = 16000000,
  BELOW = 1,
  ABOVE = 5,
  TAUGHT_ABOVE = 16,
  TAUGHT_TRIES = 4,
  BITS_OF_ADDER = 10,
  LEAST_ROWS = 1000,
  VALUE_WORK = 12,   /* operations for each value of a row: rounding, activation */
  GRAPH_WORK = 12000 /* for each value of the adder graphs */
};
/* NEAR_STEP, TAUGHT_STEP: log2 of the price. Operations, some 1e9 a second: those after which no more points are tried, and those of a
 * point's rows: more make rows fewer. Counted, not timed: the same input gives the same bytes on any machine. */
static const double NEAR_STEP = 0.2, TAUGHT_STEP = 0.1, WORK = 3e10, POINT_WORK = 2e9;

/* LUTs of an element's table, taken for adder bits: words of W bits at about 2^(W + 1) addresses, 64 to a LUT. */
static double table_cost(const Tensor *t) {
  int address = t->fmt.W + 1 < 10 ? t->fmt.W + 1 : 10;
  return (double)count(t) * t->fmt.W * fmax(1, ldexp(1, address - 6));
}

/* Rounds all weights at a price, over the first n_rows rows; `formats`: and chooses the formats of neurons. */
static void pass_over(Search *s, double price, bool formats, size_t n_rows) {
  for (int i = 0; i < s->g->n_in; i++) {
    Tensor *t = s->g->in[i];
    memcpy(s->q[t->id], s->f[t->id], n_rows * count(t) * 8);
    if (formats && t->each)
      choose_formats(s, t, price);
    round_rows(t, s->q[t->id], n_rows);
  }
  for (int k = 0; k < s->g->n_nodes; k++) {
    const Node *n = s->g->node[k];
    if (weighty(n))
      round_shared(s, k, price);
    else if (n->op == OP_Add)
      refit_bias(s, n);
    run_node(n, s->q, n_rows, true);
    for (int i = 0; i < n->n_out; i++) {
      Tensor *t = n->out[i];
      if (t && formats && t->each)
        choose_formats(s, t, price);
      if (t)
        round_rows(t, s->q[t->id], n_rows);
    }
  }
}

/* The network as rounded over all rows. */
static void run_all(Search *s) {
  for (int i = 0; i < s->g->n_in; i++) {
    Tensor *t = s->g->in[i];
    memcpy(s->q[t->id], s->f[t->id], s->n * count(t) * 8);
    round_rows(t, s->q[t->id], s->n);
  }
  for (int k = 0; k < s->g->n_nodes; k++)
    run_rounded(s->g->node[k], s->q, s->n);
}

/* Operations of a point: forward and rounding twice over `fit` rows, once over `held`. */
static double point_work(const Search *s, size_t fit, size_t held) {
  double values = 0, work = 0, rows = (double)fit;
  for (int i = 0; i < s->g->n_tensors; i++)
    values += s->g->tensor[i]->value || s->g->tensor[i]->rank < 0 ? 0 : (double)count(s->g->tensor[i]);
  for (int k = 0; k < s->g->n_nodes; k++)
    work += weighty(s->g->node[k]) ? round_work(s, k, fit) : 0;
  return 2 * work + (2 * rows + (double)held) * ((double)graph_macs(s->g) + VALUE_WORK * values);
}

/* Cost and loss of the network as rounded, once it has run over all rows. */
static Point weighed(Search *s) {
  Point p = {.cost = count_reads(s)};
  for (int k = 0; k < s->g->n_nodes; k++)
    if (op_info[s->g->node[k]->op].kind == KIND_TABLE)
      p.cost += table_cost(s->g->node[k]->out[0]);
  measure(s, &p);
  return p;
}

/* First weights with the widest formats, which says what reads each neuron; then formats and weights. */
static Point point(Search *s, double price) {
  widest_formats(s);
  pass_over(s, price, false, s->n_fit);
  count_reads(s);
  pass_over(s, price, true, s->n);
  s->work += point_work(s, s->n_fit, s->n - s->n_fit);
  return weighed(s);
}

double search_true_bits(Search *s) {
  if (s->layer)
    return stream_true_bits(s);
  diag_set_quiet(true);
  Kernel *k = lower_graph(s->g, s->o, s->config);
  diag_set_quiet(s->o->quiet);
  if (diag_errors())
    return -1;
  hir_affine(k, false);
  k = hir_expand(hir_round(k));
  hir_affine(k, false);
  k = hir_clean(k);
  const HirCells *cells = hir_cells(k);
  double bits = 0;
  for (int i = 0; i < k->n; i++)
    bits += k->v[i].op == HIR_LUT ? cells[i].luts : hir_adder_bits(k, &k->v[i]);
  s->work += GRAPH_WORK * (double)k->n;
  return bits;
}

/* ---- the search ---- */

static void tell(const Search *s, double started, const char *what, int at, int of) {
  if (isatty(2) && !s->o->quiet && now_s() - started > 2)
    fprintf(stderr, what ? "\rsearching: %s, point %d of %d " : "\r%60s\r", what ? what : "", at, of);
}

/* By what is expected, one standard error included, unless the labels as counted say otherwise: of classes by more than half of their own
 * error; of a regression, where it is larger by far, by three. */
bool point_passes(const Search *s, const Point *p) {
  const double doubt = s->classes ? 0.5 : 3;
  return p->loss + p->error <= s->o->target_loss && p->lost - doubt * p->lost_error <= s->o->target_loss;
}

int point_add(SearchResult *r, int width, double price, const Point *p, bool pass) {
  r->point = mem_grow(r->point, r->n, &r->cap, sizeof *r->point);
  r->point[r->n++] = (SearchPoint){.width = width,
                                   .price = price,
                                   .adder_bits = p->cost,
                                   .true_bits = -1,
                                   .loss = p->loss,
                                   .error = p->error,
                                   .pass = pass,
                                   .lost = p->lost,
                                   .changed = p->changed,
                                   .deviation = p->deviation};
  return r->n - 1;
}

static int try_point(Search *s, SearchResult *r, int W, double price) {
  Point p = point(s, price);
  const bool pass = point_passes(s, &p);
  return point_add(r, W, price, &p, pass);
}

/* Whether the search for a price may go on: half of the work is for what adder graphs share, where they are built. */
static bool may_go_on(const Search *s) {
  return s->work < (s->layer && !stream_in_trials(s) ? WORK : WORK / 2);
}

/* By bisection at one width; the cheapest that passes, by products, or -1. */
static int bisect(Search *s, SearchResult *r, int W, double started) {
  double lo = -44, hi = 0; /* log2 of the price: passes, does not */
  int best = -1;
  for (int i = 0; i < BISECTIONS && (best < 0 || may_go_on(s)); i++) {
    double at = i == 0 ? lo : (lo + hi) / 2;
    tell(s, started, mem_printf("%d bits", W), i + 1, BISECTIONS);
    int j = try_point(s, r, W, exp2(at));
    const SearchPoint *p = &r->point[j];
    bool pass = p->pass, hopeless = p->loss + p->error > s->o->target_loss; /* else a count of few samples may be in the way, by chance */
    if (pass && (best < 0 || r->point[j].adder_bits < r->point[best].adder_bits))
      best = j;
    if (i == 0 && !pass && hopeless)
      break;
    if (i)
      *(pass ? &lo : &hi) = at;
  }
  return best;
}

/* Prices around that of point i: passing is not monotonous, nor is what adder graphs share. The smallest that passes comes back. */
static int near(Search *s, SearchResult *r, int i, double started) {
  double centre = log2(r->point[i].price);
  int W = r->point[i].width, best = -1;
  const bool small = s->layer ? stream_in_trials(s) : GRAPH_WORK * r->point[i].adder_bits / BITS_OF_ADDER <= WORK / 4;
  if (!small) /* to be built for each */
    return i;
  for (int k = -BELOW; k <= ABOVE; k++) {
    if (best >= 0 && s->work > WORK)
      break;
    tell(s, started, "adders", k + BELOW + 1, BELOW + ABOVE + 1);
    int j = try_point(s, r, W, exp2(centre + NEAR_STEP * k));
    r->point[j].true_bits = search_true_bits(s); /* of those that do not pass too: the report shows what more loss would buy */
    if (!r->point[j].pass)
      continue;
    if (best < 0 || r->point[j].true_bits < r->point[best].true_bits)
      best = j;
  }
  return best;
}

/* Weights, biases and formats. */
typedef struct {
  double **rounded;
  Format *fmt, **each; /* by tensor id */
} Saved;

static void save(const Search *s, Saved *to) {
  const size_t n = (size_t)s->g->n_tensors + 1;
  if (!to->fmt)
    *to = (Saved){mem_array(n, sizeof *to->rounded), mem_array(n, sizeof *to->fmt), mem_array(n, sizeof *to->each)};
  for (int i = 0; i < s->g->n_tensors; i++) {
    const Tensor *t = s->g->tensor[i];
    to->fmt[i] = t->fmt;
    if (t->rounded && !to->rounded[i])
      to->rounded[i] = mem_array(count(t), 8);
    if (t->each && !to->each[i])
      to->each[i] = mem_array(count(t), sizeof **to->each);
    if (t->rounded)
      memcpy(to->rounded[i], t->rounded, count(t) * 8);
    if (t->each)
      memcpy(to->each[i], t->each, count(t) * sizeof *t->each);
  }
}

static void load(const Search *s, const Saved *from) {
  for (int i = 0; i < s->g->n_tensors; i++) {
    Tensor *t = s->g->tensor[i];
    t->fmt = from->fmt[i];
    if (t->rounded && from->rounded[i])
      memcpy(t->rounded, from->rounded[i], count(t) * 8);
    if (t->each && from->each[i])
      memcpy(t->each, from->each[i], count(t) * sizeof *t->each);
  }
}

/* Higher prices than that of point i, their weights taught (search_train.c): by bisection, for each point takes seconds. The smallest that
 * passes comes back, saved, or i. */
static int taught(Search *s, SearchResult *r, int i, double started, Saved *saved) {
  const double centre = log2(r->point[i].price);
  int best = i;
  for (int lo = 0, hi = TAUGHT_ABOVE, at = 1; hi - lo > 1; at++) {
    const int k = (lo + hi) / 2, W = r->point[i].width;
    const double price = exp2(centre + TAUGHT_STEP * k);
    tell(s, started, "teaching", at, TAUGHT_TRIES);
    const double deviation = r->point[try_point(s, r, W, price)].deviation;
    if (!search_train(s, deviation))
      return i;
    run_all(s);
    const Point p = weighed(s);
    const int j = point_add(r, W, price, &p, point_passes(s, &p));
    r->point[j].taught = true;
    r->point[j].true_bits = search_true_bits(s);
    *(r->point[j].pass ? &lo : &hi) = k;
    if (r->point[j].pass && r->point[j].true_bits < r->point[best].true_bits)
      best = j, save(s, saved);
  }
  return best;
}

/* Rows of data that fit in memory: one's own, three times as many mix-ups or more, those held back. */
static void get_rows(Search *s, const Samples *data, bool hold_back) {
  size_t elements = 0, own = rows_to_fit(data, 1).n;
  for (int i = 0; i < s->g->n_tensors; i++)
    elements += s->g->tensor[i]->value || s->g->tensor[i]->rank < 0 ? 0 : count(s->g->tensor[i]);
  size_t room = MAX_VALUES / (elements + 1), held = rows_to_measure(data, 1).n;
  held = held < MAX_HELD ? held : MAX_HELD;
  own = own < MAX_FIT ? own : MAX_FIT;
  own = own < room / 6 ? own : room / 6;
  held = held < room / 3 ? held : room / 3;
  size_t fit = room * 2 / 3 < ROWS_TO_FIT ? room * 2 / 3 : ROWS_TO_FIT;
  while (fit > LEAST_ROWS && point_work(s, fit, 0) > point_work(s, 0, 0) + POINT_WORK)
    fit = fit * 7 / 8;
  own = own < fit / 4 ? own : fit / 4;
  rows_make(s, data, own, fit, hold_back ? held : 0);
}

static int layers_of(const Graph *g) {
  int layers = 0;
  for (int k = 0; k < g->n_nodes; k++)
    layers += sharers(g, k, NULL) > 0;
  return layers;
}

/* Compensation asks for larger weights than the float network's, and a constant's width costs nothing but its digits. */
static void widen_weights(Graph *g, bool streams) {
  enum { MOST = 32, MOST_IN_STREAMS = 31 };
  int *member = mem_scratch((size_t)g->n_nodes, sizeof *member);
  for (int k = 0; k < g->n_nodes; k++)
    if (sharers(g, k, member) && member[0] == k && g->node[k]->in[1]->fmt.W < (streams ? MOST_IN_STREAMS : MOST))
      g->node[k]->in[1]->fmt.W++, g->node[k]->in[1]->fmt.I++;
  free(member);
}

void search_compensate(Graph *g, const Options *o, const Config *config, const Samples *data) {
  Search *s = mem_alloc(sizeof *s);
  *s = (Search){.g = g, .o = o, .config = config, .range_lo = data->lo, .range_hi = data->hi};
  get_rows(s, data, false);
  if (!s->n_fit || !layers_of(g)) {
    diag_warn(NULL, "--round-weights=compensated needs a layer with constant weights and 16 samples; weights are rounded to the nearest");
    return;
  }
  s->gain = mem_array((size_t)g->n_tensors, sizeof *s->gain);
  s->weight = mem_array((size_t)g->n_tensors, sizeof *s->weight);
  for (int k = 0; k < g->n_nodes; k++)
    if (weighty(g->node[k])) {
      const Tensor *z = g->node[k]->out[0];
      int n = groups_of(g, z).n;
      s->gain[z->id] = mem_array((size_t)n, 8);
      for (int j = 0; j < n; j++)
        s->gain[z->id][j] = 1;
    }
  pass_over(s, 0, false, s->n_fit);
  round_end(s);
}

/* -v: the points that no other beats in both bits and loss. */
static void print_points(const SearchResult *r, FILE *f) {
  fprintf(f, "   digit bits  adder bits   loss      +-     changed  deviation\n");
  for (int i = 0; i < r->n; i++) {
    const SearchPoint *a = &r->point[i];
    bool beaten = false;
    for (int j = 0; j < r->n && !beaten; j++) {
      const SearchPoint *b = &r->point[j];
      beaten = b->adder_bits <= a->adder_bits && b->loss <= a->loss && (b->adder_bits < a->adder_bits || b->loss < a->loss || j < i);
    }
    if (!beaten || i + 1 == r->best)
      fprintf(f, "%s %10.0f %11s %7.2f %% %7.2f %% %7.2f %% %7.2f %%%s\n", i + 1 == r->best ? "->" : "  ", a->adder_bits,
              a->true_bits < 0 ? "-" : mem_printf("%.0f", a->true_bits), 100 * a->loss, 100 * a->error, 100 * a->changed,
              100 * a->deviation, a->pass ? "" : "  beyond the target");
  }
}

/* What the loss is of. */
static const char *loss_text(const Search *s) {
  if (s->classes)
    return s->label ? "the accuracy lost" : "the share of decisions changed";
  return s->label ? "the growth of the RMS error"
                  : "the RMS deviation over the outputs' spread (logits, too, are a regression's results without --labels)";
}

static const SearchResult *finish(const Search *s, const SearchResult *r) {
  const Options *o = s->o;
  if (o->verbose)
    print_points(r, stderr);
  if (!r->best) {
    const SearchPoint *p = &r->point[0];
    const char *at = p->width > 1 ? mem_printf(" at %d bits between layers", p->width) : "";
    diag_error(EXIT_NUMERIC, NULL,
               "no point within --target-loss=%g%%: with the finest formats%s %s is %.3g %%%s%s; more bits in --q, or more samples, may do",
               100 * o->target_loss, at, loss_text(s), 100 * p->loss,
               p->error > 0 ? mem_printf(" with a standard error of %.2g", 100 * p->error) : "",
               s->classes && s->label ? mem_printf(", %.3g %% as counted on %zu samples held back", 100 * p->lost, r->n_held) : "");
  }
  return r;
}

const SearchResult *search_run(Graph *g, const Options *o, const Config *config, const Samples *data) {
  Search *s = mem_alloc(sizeof *s);
  *s = (Search){.g = g, .o = o, .config = config, .range_lo = data->lo, .range_hi = data->hi};
  SearchResult *r = mem_alloc(sizeof *r);
  widen_weights(g, o->streams);
  if (o->streams && !stream_prices(s))
    return NULL;
  if (joint_wanted(g) && search_joint(s, data, r) && (r->best || g->n_states))
    return finish(s, r);
  get_rows(s, data, true);
  int layers = layers_of(g);
  if (!s->n_fit || !layers) {
    diag_error(EXIT_UNSUPPORTED, NULL, "--target-loss needs a layer with constant weights and 16 samples in --data; it has %d and %zu",
               layers, data->n);
    return NULL;
  }
  int widest = find_searchable(s);
  find_gains(s);
  *r = (SearchResult){.n_fit = s->n_fit, .n_held = s->n - s->n_fit, .classes = s->classes, .labels = s->label != NULL};
  double started = now_s();
  int worse = 0, best = -1, from = widest ? widest : 1;
  for (int W = from; W >= (widest ? LEAST_WIDTH : 1) && worse < 2 && (best < 0 || may_go_on(s)); W--) {
    if (widest)
      set_width(s, W);
    int here = bisect(s, r, W, started);
    bool better = here >= 0 && (best < 0 || r->point[here].adder_bits < r->point[best].adder_bits);
    worse = best >= 0 && !better ? worse + 1 : 0;
    best = better ? here : best;
  }
  if (best >= 0) {
    if (widest)
      set_width(s, r->point[best].width);
    best = near(s, r, best, started);
    Saved saved = {0};
    if (r->point[best].true_bits >= 0) /* else one adder graph is work enough */
      best = taught(s, r, best, started, &saved);
    if (r->point[best].taught)
      load(s, &saved);
    else
      point(s, r->point[best].price); /* sets the weights again */
    report_widest(s);
  }
  round_end(s);
  tell(s, started, NULL, 0, 0);
  r->best = best + 1;
  return finish(s, r);
}
