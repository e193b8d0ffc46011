/* SPDX-License-Identifier: Apache-2.0
 *
 * search_joint.c - --target-loss of recurrent networks: all weights at once, since every time step reads them and every error is carried
 * on. Requires: formats assigned.
 *
 * First the price of an adder bit goes up while formats are wide, each rung starting from the one before; then formats lose a bit after the
 * other, and from the weights of the cheapest rungs Gauss-Newton steps find those that make up for it (search_moves.c). At last everything
 * is moved by trial around the best. Rows held back say which points pass; of those with the fewest digits the adder graphs are built. What
 * ends the search is a number of operations, not the clock.
 */
#include "search_joint.h"
#include "npy.h"
#include <math.h>
#include <stdlib.h>

enum { OWN = 1500, MIX_UPS = 1, HELD = 6000, RUNGS = 24, LEAST_ROWS = 384, FINE = 4, BUILT = 8, HOPELESS = 9, LEAST_STEPS = 4 };
static const double CLIMB = 1.35, LADDERS = 1.5e10, WORK = 2.5e10, TRIAL = 3e6; /* operations: of all; of one trial */

bool joint_wanted(const Graph *g) {
  for (int i = 0; i < g->n_tensors; i++)
    if (g->tensor[i]->tie)
      return true;
  return g->n_states > 0;
}

/* ---- rows ---- */

static uint64_t state;
static double uniform(void) {
  return uniform_next(&state);
}

/* Windows to fit, with mix-ups of two; then those held back. */
static void fill_rows(Joint *j, const Samples *data) {
  const RowSet fit = rows_to_fit(data, (size_t)j->t->steps), rest = rows_to_measure(data, (size_t)j->t->steps);
  size_t own = fit.n < OWN ? fit.n : OWN, held = rest.n < HELD ? rest.n : HELD, n = (size_t)j->t->n_in;
  j->n_fit = own * (1 + MIX_UPS), j->n = j->n_fit + held;
  j->rows = mem_array(j->n * n, 8);
  state = 1;
  bool whole = false; /* an index cannot be mixed */
  for (int i = 0; i < graph_ins(j->t->g); i++)
    whole |= j->t->g->in[i]->dtype != DT_FLOAT;
  for (size_t r = 0; r < j->n; r++) {
    const float *a, *b;
    double part = 1;
    if (r >= j->n_fit) /* spread over all of them */
      a = b = rest.at + (r - j->n_fit) * rest.n / held * rest.stride;
    else if (whole || r % (1 + MIX_UPS) == 0)
      a = b = fit.at + r / (1 + MIX_UPS) * fit.n / own * fit.stride;
    else
      a = fit.at + (size_t)(uniform() * (double)own) * fit.stride, b = fit.at + (size_t)(uniform() * (double)own) * fit.stride,
      part = uniform();
    for (size_t e = 0; e < n; e++)
      j->rows[r * n + e] = part * a[e] + (1 - part) * b[e];
  }
}

/* Places after the point that the inputs of a group really have in the data, as the port gives them. */
static int places_used(const Joint *j, const Samples *data, size_t windows, int group) {
  const Tape *t = j->t;
  Format f = t->group[group].port;
  int64_t all = 0;
  int places = f.W - f.I;
  for (size_t r = 0; r < windows; r++)
    for (int e = 0; e < t->n_in; e++)
      if (t->in_group[e] == group)
        all |= (int64_t)ldexp(to_format(data->in[r * (size_t)t->n_in + (size_t)e], f), f.W - f.I);
  for (; all && !(all & 1) && places + f.I > 2; all >>= 1)
    places--;
  return places;
}

/* Bits that the data never have are cut off, and the mix-ups have none there either. */
static void cut_inputs(Joint *j, const Samples *data, size_t windows) {
  Tape *t = j->t;
  for (int i = 0; i < t->n_groups; i++) {
    TapeGroup *g = &t->group[i];
    if (!g->input)
      continue;
    int places = places_used(j, data, windows, i);
    if (!g->fixed)
      g->fmt.W = g->fmt.I + places;
    for (size_t r = 0; r < j->n_fit; r++)
      for (int e = 0; e < t->n_in; e++) {
        double *x = &j->rows[r * (size_t)t->n_in + (size_t)e];
        *x = t->in_group[e] == i ? ldexp(floor(ldexp(*x, places) + 0.5), -places) : *x;
      }
  }
}

static void read_labels(Joint *j, const Samples *data) {
  const RowSet rest = rows_to_measure(data, (size_t)j->t->steps);
  const size_t windows = data->n / (size_t)j->t->steps;
  Search *s = j->s;
  const NpyFile *file = s->o->labels ? npy_read(s->o->labels) : NULL;
  if (!file)
    return;
  const NpyArray *y = file->array;
  size_t n = 1, m = (size_t)j->t->n_y / (size_t)j->due, due = (size_t)j->due, held = j->n - j->n_fit;
  for (int i = 0; i < y->rank; i++)
    n *= (size_t)y->dim[i];
  bool whole = n == windows * due;
  for (size_t i = 0; whole && i < n; i++)
    whole = y->value[i] == floor(y->value[i]);
  s->classes |= whole && m > 1;
  size_t each = s->classes ? 1 : m;
  if (n != windows * due * each)
    return;
  s->label = mem_array(held * due * each, sizeof *s->label);
  for (size_t r = 0; r < held; r++)
    memcpy(s->label + r * due * each, y->value + (rest.first + r * rest.n / held * rest.step) * due * each, due * each * 8);
}

static double spread(const double *x, size_t n) {
  double sum = 0, sq = 0;
  for (size_t i = 0; i < n; i++)
    sum += x[i] / (double)n, sq += x[i] * x[i] / (double)n;
  return sqrt(fmax(sq - sum * sum, 1e-30));
}

static void run_float(Joint *j) {
  Tape *t = j->t;
  j->want = mem_array(j->n * (size_t)t->n_y, 8);
  for (size_t at = 0; at < j->n; at += TAPE_BLOCK) {
    int rows = (int)(j->n - at < TAPE_BLOCK ? j->n - at : TAPE_BLOCK);
    tape_run(t, j->rows + at * (size_t)t->n_in, rows, false);
    tape_ranges(t, rows);
    for (int r = 0; r < rows; r++)
      for (int c = 0; c < t->n_y; c++)
        j->want[(at + (size_t)r) * (size_t)t->n_y + (size_t)c] = t->value[(size_t)t->y[c] * TAPE_BLOCK + (size_t)r];
  }
}

/* measure() takes rows of what decides, one for each step that counts. */
static void hand_over(Joint *j) {
  Search *s = j->s;
  s->f = mem_array((size_t)s->g->n_tensors + 1, sizeof *s->f), s->q = mem_array((size_t)s->g->n_tensors + 1, sizeof *s->q);
  s->f[s->y->id] = j->want;
  s->q[s->y->id] = mem_array(j->n * (size_t)j->t->n_y, 8);
  s->n = j->n * (size_t)j->due, s->n_fit = j->n_fit * (size_t)j->due;
}

/* ---- points ---- */

static int try_point(Joint *j, SearchResult *r, double price) {
  Point p = {.cost = tape_cost(j->t, NULL)};
  joint_held(j);
  measure(j->s, &p);
  return point_add(r, j->s->o->W, price, &p, point_passes(j->s, &p));
}

/* Tries the network as it stands as a point, and keeps it. */
typedef struct {
  JointState *at;
  int cap, best; /* cheapest that passes, by digits; -1: none */
} Kept;

static bool keep(Joint *j, SearchResult *r, Kept *k, double price) {
  int i = try_point(j, r, price);
  k->at = mem_grow(k->at, i, &k->cap, sizeof *k->at);
  k->at[i] = joint_save(j);
  const SearchPoint *p = &r->point[i];
  if (p->pass && (k->best < 0 || p->adder_bits < r->point[k->best].adder_bits))
    k->best = i;
  return p->pass;
}

/* Of the points that pass, the smallest once adder graphs are built, for those with the fewest digits; -1: none. */
static int smallest(Joint *j, SearchResult *r, const Kept *k) {
  int best = -1;
  for (int built = 0; built < BUILT; built++) {
    int next = -1;
    for (int i = 0; i < r->n; i++)
      if (r->point[i].pass && r->point[i].true_bits < 0 && (next < 0 || r->point[i].adder_bits < r->point[next].adder_bits))
        next = i;
    if (next < 0)
      break;
    joint_load(j, &k->at[next]);
    tape_write(j->t);
    r->point[next].true_bits = search_true_bits(j->s);
    if (best < 0 || r->point[next].true_bits < r->point[best].true_bits)
      best = next;
  }
  return best;
}

/* Weights alone, in wide formats, at rising prices: what follows starts from these. Their number comes back. */
static int climb(Joint *j, double limit, JointState *at, double *price) {
  int n = 0;
  double p = 0.2 * limit / tape_cost(j->t, NULL);
  for (; n < RUNGS && j->work < LADDERS / 2; p *= CLIMB) {
    joint_newton(j, p, joint_steps(j));
    double error = joint_error(j, j->n_tried, INFINITY);
    at[n] = joint_save(j);
    price[n++] = p;
    if (error > limit)
      break;
  }
  return n;
}

/* The weights of each rung in the present formats, from the cheapest on until they pass; false: none did. */
static bool descend(Joint *j, SearchResult *r, Kept *k, const JointState *rung, const double *price, int n) {
  JointState formats = joint_save(j);
  bool any = false;
  for (int i = n - 1, passes = 0; i >= 0 && passes < 3 && (any || i >= n - HOPELESS) && j->work < LADDERS; i--) {
    joint_load(j, &(JointState){rung[i].q, formats.group});
    joint_newton(j, price[i], joint_steps(j));
    bool pass = keep(j, r, k, price[i]);
    passes += pass, any |= pass;
  }
  joint_load(j, &formats);
  free(formats.q), free(formats.group);
  return any;
}

/* Everything, from the best on: prices go up, and a bound holds the error where the rows held back still pass. */
static void polish(Joint *j, SearchResult *r, Kept *k, double limit) {
  double price = fmax(1.5 * r->point[k->best].price, 0.5 * limit / r->point[k->best].adder_bits);
  int steps = joint_steps(j);
  joint_load(j, &k->at[k->best]);
  j->bound = r->point[k->best].price > 0 ? 0.95 * joint_error(j, j->n_tried, INFINITY) : 0.8 * limit;
  for (int i = 0; i < FINE && j->work < WORK; i++, price *= 1.05) {
    if (steps > 2)
      joint_sets(j, price, steps / 2);
    joint_formats(j, price);
    joint_newton(j, price, steps);
    joint_weights(j, price);
    if (keep(j, r, k, price))
      continue;
    joint_load(j, &k->at[k->best]);
    j->bound *= 0.93;
  }
}

/* tanh, sigmoid and erf come up to 1: a format that ends one step below holds them as well. */
static void limit_tables(Joint *j) {
  for (int i = 0; i < j->t->n_groups; i++) {
    TapeGroup *g = &j->t->group[i];
    if (g->table >= 0 && !g->fixed && g->fmt.I > g->fmt.is_signed)
      g->fmt.W -= g->fmt.I - g->fmt.is_signed, g->fmt.I = g->fmt.is_signed;
  }
}

static void search(Joint *j, SearchResult *r) {
  double target = j->s->o->target_loss;
  /* the mean squared error that the target allows; of classes only guessed */
  double limit = j->s->classes ? 0.02 : j->s->label ? 2 * target : target * target;
  Kept k = {.best = -1};
  limit_tables(j);
  keep(j, r, &k, 0); /* as it stands */
  JointState rung[RUNGS];
  double price[RUNGS];
  int n = climb(j, limit, rung, price);
  for (bool any = true; any && joint_coarsen(j);) {
    any = descend(j, r, &k, rung, price, n);
    joint_refine(j, 1);
    any |= descend(j, r, &k, rung, price, n);
    joint_refine(j, -1);
  }
  for (int i = 0; i < n; i++)
    free(rung[i].q), free(rung[i].group);
  if (k.best < 0)
    return;
  polish(j, r, &k, limit);
  r->best = smallest(j, r, &k) + 1;
  joint_load(j, &k.at[r->best - 1]);
  tape_write(j->t);
  for (int i = 0; i < r->n; i++)
    free(k.at[i].q), free(k.at[i].group);
}

/* As many rows as a trial may take. */
static void set_tried(Joint *j, size_t windows) {
  double rows = TRIAL / (j->t->n_term + 8.0 * j->t->n_instr);
  size_t own = windows < OWN ? windows : OWN, n_fit = own * (1 + MIX_UPS);
  j->n_tried = rows < LEAST_ROWS ? LEAST_ROWS : (size_t)rows;
  j->n_tried = j->n_tried < n_fit ? j->n_tried : n_fit;
}

bool search_joint(Search *s, const Samples *data, SearchResult *r) {
  rows_decision(s);
  Tape *t = s->y ? tape_new(s->g, s->o, s->config, s->y) : NULL;
  if (!t)
    return false;
  Joint *j = mem_alloc(sizeof *j);
  *j = (Joint){.t = t, .s = s, .due = t->n_y / (int)count(s->y), .bound = INFINITY};
  const size_t windows = data->n / (size_t)t->steps, own = rows_to_fit(data, (size_t)t->steps).n;
  if (windows < 16 || own < 8)
    return false;
  set_tried(j, own);
  bool few = own * (1 + MIX_UPS) < 4 * (size_t)t->n_searched; /* then layer by layer, where that can be done */
  if (!s->g->n_states && (few || joint_steps(j) < LEAST_STEPS))
    return false;
  fill_rows(j, data);
  cut_inputs(j, data, windows);
  run_float(j);
  hand_over(j);
  read_labels(j, data);
  double all = spread(j->want, j->n_fit * (size_t)t->n_y);
  s->temperature = s->classes ? fmax(1, all / 4) : all;
  s->calibration = s->classes && s->label ? likeliest_temperature(s) : 1;
  j->scale = all;
  if (!s->classes && s->label) { /* an error of the float network's own size is 1 */
    double sq = 0;
    size_t n = (j->n - j->n_fit) * (size_t)t->n_y;
    for (size_t i = 0; i < n; i++) {
      double d = j->want[j->n_fit * (size_t)t->n_y + i] - s->label[i];
      sq += d * d / (double)n;
    }
    j->scale = sqrt(fmax(sq, 1e-30));
  }
  *r = (SearchResult){.n_fit = j->n_fit, .n_held = j->n - j->n_fit, .classes = s->classes, .labels = s->label != NULL};
  search(j, r);
  return true;
}
