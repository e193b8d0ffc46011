/* SPDX-License-Identifier: Apache-2.0
 *
 * search_moves.c - what the joint search does to a network at a price: all weights at once by Gauss-Newton steps through time on the
 * quantized network, each rounded by rdo.c; formats, addresses of tables and single weights by trial of the whole network.
 */
#include "search_joint.h"
#include "rdo.h"
#include <math.h>
#include <stdlib.h>

/* ---- how far it is from the float network ---- */

static const double STEEP = 30; /* price of an error beyond the bound */

/* Row r of the metric at the outputs of one step: errors d[m] become e[m] = a[c] * (d[c] - sum p d). */
typedef struct {
  double a[64], p[64];
} Metric;
enum { MAX_CLASSES = 64 };

static void metric_at(const Joint *j, const double *want, int m, Metric *k) {
  double top = -INFINITY, sum = 0;
  if (!j->s->classes || m > MAX_CLASSES) {
    double a = 1 / (j->scale * sqrt((double)m * j->due));
    for (int c = 0; c < m && c < MAX_CLASSES; c++)
      k->a[c] = a, k->p[c] = 0;
    return;
  }
  double T = j->s->temperature, share = 1 / sqrt((double)j->due);
  if (m == 1) {
    double p = 1 / (1 + exp(-want[0] / T));
    k->a[0] = sqrt(p * (1 - p) + 0.05) / T * share, k->p[0] = 0;
    return;
  }
  for (int c = 0; c < m; c++)
    top = fmax(top, want[c]);
  for (int c = 0; c < m; c++)
    sum += k->p[c] = exp((want[c] - top) / T);
  for (int c = 0; c < m; c++) {
    k->p[c] /= sum;
    k->a[c] = sqrt(k->p[c] + 0.05 / m) / T * share;
  }
}

static double row_error(const Joint *j, size_t row, int r, double *e) {
  const Tape *t = j->t;
  int m = t->n_y / j->due;
  double sum = 0;
  for (int step = 0; step < j->due; step++) {
    const double *want = j->want + row * (size_t)t->n_y + step * m;
    Metric k;
    double d[MAX_CLASSES], mean = 0;
    metric_at(j, want, m, &k);
    for (int c = 0; c < m; c++)
      d[c] = t->value[(size_t)t->y[step * m + c] * TAPE_BLOCK + (size_t)r] - want[c], mean += k.p[c] * d[c];
    for (int c = 0; c < m; c++) {
      double x = k.a[c] * (d[c] - mean);
      sum += x * x;
      if (e)
        e[step * m + c] = x;
    }
  }
  return sum;
}

static int rows_at(size_t at, size_t n) {
  return (int)(n - at < TAPE_BLOCK ? n - at : TAPE_BLOCK);
}

static double operations(const Tape *t) {
  return t->n_term + 8.0 * t->n_instr;
}

double joint_error(Joint *j, size_t n, double most) {
  double sum = 0;
  for (size_t at = 0; at < n; at += TAPE_BLOCK) {
    int rows = rows_at(at, n);
    tape_run(j->t, j->rows + at * (size_t)j->t->n_in, rows, true);
    j->work += rows * operations(j->t);
    for (int r = 0; r < rows; r++)
      sum += row_error(j, at + (size_t)r, r, NULL);
    if (sum > most * (double)n)
      return INFINITY;
  }
  return sum / (double)n;
}

double joint_value(Joint *j, double price, double most) {
  double cost = price * tape_cost(j->t, NULL);
  if (cost >= most)
    return INFINITY;
  double error = joint_error(j, j->n_tried, most - cost);
  return cost + error + (error > j->bound ? STEEP * (error - j->bound) : 0);
}

void joint_held(Joint *j) {
  const Tape *t = j->t;
  for (size_t at = j->n_fit; at < j->n; at += TAPE_BLOCK) {
    int rows = rows_at(at, j->n);
    tape_run(j->t, j->rows + at * (size_t)t->n_in, rows, true);
    for (int r = 0; r < rows; r++)
      for (int c = 0; c < t->n_y; c++)
        j->s->q[j->s->y->id][(at + (size_t)r) * (size_t)t->n_y + (size_t)c] = t->value[(size_t)t->y[c] * TAPE_BLOCK + (size_t)r];
  }
}

/* ---- states ---- */

JointState joint_save(const Joint *j) {
  const Tape *t = j->t;
  JointState s = {mem_scratch((size_t)t->n_params, 8), mem_scratch((size_t)t->n_groups + 1, sizeof *s.group)};
  for (int i = 0; i < t->n_params; i++)
    s.q[i] = t->param[i].q;
  memcpy(s.group, t->group, (size_t)t->n_groups * sizeof *s.group);
  return s;
}

void joint_load(Joint *j, const JointState *from) {
  for (int i = 0; i < j->t->n_params; i++)
    j->t->param[i].q = from->q[i];
  memcpy(j->t->group, from->group, (size_t)j->t->n_groups * sizeof *from->group);
}

/* ---- all weights at once ---- */

/* h = mean of J'J, slope = mean of J'e, over the rows that moves are tried on. */
static void curvature(Joint *j, double *h, double *slope) {
  Tape *t = j->t;
  int n = t->n_searched, m = t->n_y / j->due;
  double *jacobian = mem_scratch((size_t)TAPE_BLOCK * (size_t)n, 8), *weight = mem_scratch((size_t)t->n_y * TAPE_BLOCK, 8),
         *e = mem_scratch((size_t)t->n_y * TAPE_BLOCK, 8);
  memset(h, 0, (size_t)n * (size_t)n * 8), memset(slope, 0, (size_t)n * 8);
  for (size_t at = 0; at < j->n_tried; at += TAPE_BLOCK) {
    int rows = rows_at(at, j->n_tried);
    tape_run(t, j->rows + at * (size_t)t->n_in, rows, true);
    for (int r = 0; r < rows; r++)
      row_error(j, at + (size_t)r, r, e + r * t->n_y);
    for (int y = 0; y < t->n_y; y++) {
      int first = y / m * m;
      memset(weight, 0, (size_t)t->n_y * TAPE_BLOCK * 8);
      for (int r = 0; r < rows; r++) {
        Metric k;
        metric_at(j, j->want + (at + (size_t)r) * (size_t)t->n_y + first, m, &k);
        for (int c = 0; c < m; c++)
          weight[(first + c) * TAPE_BLOCK + r] = k.a[y - first] * ((c == y - first) - k.p[c]);
      }
      tape_slopes(t, rows, weight, jacobian);
      for (int r = 0; r < rows; r++) {
        const double *row = jacobian + (size_t)r * (size_t)n;
        for (int a = 0; a < n; a++) {
          if (row[a] == 0)
            continue;
          slope[a] += row[a] * e[r * t->n_y + y];
          for (int b = 0; b <= a; b++)
            h[a * n + b] += row[a] * row[b];
        }
      }
      j->work += rows * (4 * operations(t) + 0.25 * n * n);
    }
  }
  for (int a = 0; a < n; a++) {
    slope[a] /= (double)j->n_tried;
    for (int b = 0; b <= a; b++)
      h[b * n + a] = h[a * n + b] /= (double)j->n_tried;
  }
  free(jacobian), free(weight), free(e);
}

enum { PATIENCE = 4 }; /* steps that are no better */

static void newton_step(Joint *j, double price) {
  Tape *t = j->t;
  int n = t->n_searched;
  double *h = mem_scratch((size_t)n * (size_t)n, 8), *v = mem_scratch((size_t)n * 7, 8), mean = 0;
  double *slope = v, *target = v + n, *step = v + 2 * n, *least = v + 3 * n, *most = v + 4 * n, *digit = v + 5 * n, *q = v + 6 * n;
  /* the fewer rows there are for each weight, the less is believed of what they say about all of them together */
  double ridge = 1e-3 + 0.3 * fmax(0, n / (double)j->n_tried - 0.1);
  curvature(j, h, slope);
  tape_cost(t, digit);
  for (int i = 0; i < n; i++)
    mean += h[i * n + i] / n;
  for (int i = 0; i < n; i++) {
    const TapeParam *p = &t->param[t->searched[i]];
    h[i * n + i] += ridge * h[i * n + i] + 1e-2 * ridge * mean + 1e-15;
    target[i] = p->q * p->step, step[i] = p->step, least[i] = p->least, most[i] = p->most, digit[i] *= price;
  }
  rdo_solve(h, n, slope, target);
  rdo_vector(&(RdoVector){n, h, target, step, least, most, digit}, q);
  for (int i = 0; i < n; i++)
    t->param[t->searched[i]].q = q[i];
  j->work += 4.0 * n * n * n;
  free(h), free(v);
}

/* A step that is worse may lead to a better one; the best state stays. */
void joint_newton(Joint *j, double price, int steps) {
  double best = joint_value(j, price, INFINITY);
  Tape *t = j->t;
  double *kept = mem_scratch((size_t)t->n_params, 8);
  for (int i = 0; i < t->n_params; i++)
    kept[i] = t->param[i].q;
  for (int k = 0, worse = 0; k < steps && worse < PATIENCE; k++) {
    newton_step(j, price);
    double v = joint_value(j, price, INFINITY);
    if (v < best) {
      best = v, worse = 0;
      for (int i = 0; i < t->n_params; i++)
        kept[i] = t->param[i].q;
    } else {
      worse++;
    }
  }
  for (int i = 0; i < t->n_params; i++)
    t->param[i].q = kept[i];
  free(kept);
}

/* ---- by trial ---- */

typedef struct {
  int frac, I, places, low; /* changes */
} Move;

static bool changed(TapeGroup *g, Move m) {
  int frac = g->fmt.W - g->fmt.I + m.frac, I = g->fmt.I + m.I;
  int places = g->shape.places + m.places, low = g->shape.low + m.low;
  if ((m.places || m.low) && (g->table < 0 || places < 0 || places > TABLE_MOST_PLACES || low < 0 || low > TABLE_MOST_LOW))
    return false;
  if (g->fmt.W == 0)
    return false;
  if (g->input && (m.I || frac > g->port.W - g->port.I || frac + I < 2))
    return false;
  if (frac + I < 1 + g->fmt.is_signed || frac + I > 24)
    return false;
  g->fmt.W = frac + I, g->fmt.I = I, g->shape = (TableShape){places, low};
  return true;
}

bool joint_formats(Joint *j, double price) {
  static const Move moves[] = {{.frac = -1},
                               {.places = -1},
                               {.frac = -1, .places = -1},
                               {.I = -1},
                               {.low = 1},
                               {.low = -1},
                               {.places = 1, .low = 1},
                               {.places = -1, .low = -1},
                               {.frac = -1, .I = 1},
                               {.frac = 1, .I = -1},
                               {.frac = 1},
                               {.places = 1},
                               {.I = 1},
                               {.frac = 1, .places = 1},
                               {.frac = -2}};
  double best = joint_value(j, price, INFINITY), before = best;
  for (int i = 0; i < j->t->n_groups; i++) {
    TapeGroup *g = &j->t->group[i], kept = *g;
    for (size_t k = 0; !g->fixed && k < sizeof moves / sizeof *moves; k++) {
      while (changed(g, moves[k])) { /* as far as it helps */
        double v = joint_value(j, price, best);
        if (!(v < best))
          break;
        best = v, kept = *g;
      }
      *g = kept;
    }
  }
  return best < before;
}

bool joint_sets(Joint *j, double price, int steps) {
  static const Move moves[] = {{.low = 1},
                               {.places = 1, .low = 1},
                               {.frac = -1, .places = -1},
                               {.frac = -1},
                               {.places = -1},
                               {.low = -1},
                               {.places = -1, .low = -1},
                               {.frac = 1},
                               {.places = 1}};
  double best = joint_value(j, price, INFINITY), before = best;
  const Tape *t = j->t;
  for (int first = 0, end; first < t->n_groups; first = end) {
    bool any = false;
    for (end = first; end < t->n_groups && t->group[end].set == t->group[first].set; end++)
      any |= !t->group[end].fixed;
    for (size_t k = 0; any && k < sizeof moves / sizeof *moves; k++) {
      for (bool better = true; better;) {
        JointState kept = joint_save(j);
        better = false;
        for (int i = first; i < end; i++)
          if (!t->group[i].fixed)
            better |= changed(&t->group[i], moves[k]);
        if (better)
          joint_newton(j, price, steps);
        double v = better ? joint_value(j, price, best) : INFINITY;
        better = v < best;
        if (better)
          best = v;
        else
          joint_load(j, &kept);
        free(kept.q), free(kept.group);
      }
    }
  }
  return best < before;
}

/* The table of least cost at that address. */
static void cheapest_table(Tape *t, TapeGroup *g, int places) {
  g->shape = (TableShape){places < 0 ? 0 : places < TABLE_MOST_PLACES ? places : TABLE_MOST_PLACES, 0};
  TapeGroup best = *g;
  for (g->shape.low = 1; g->shape.low <= TABLE_MOST_LOW; g->shape.low++)
    if (tape_words(t, g)->luts < tape_words(t, &best)->luts)
      best = *g;
  *g = best;
}

bool joint_coarsen(Joint *j) {
  bool any = false;
  for (int i = 0; i < j->t->n_groups; i++) {
    TapeGroup *g = &j->t->group[i];
    if (g->fixed || g->input)
      continue;
    any |= changed(g, (Move){.frac = -1});
    if (g->table >= 0)
      cheapest_table(j->t, g, g->fmt.W - g->fmt.I - 1);
  }
  return any;
}

void joint_refine(Joint *j, int places) {
  for (int i = 0; i < j->t->n_groups; i++) {
    TapeGroup *g = &j->t->group[i];
    if (!g->fixed && g->table >= 0)
      cheapest_table(j->t, g, g->shape.places + places);
  }
}

int joint_steps(const Joint *j) {
  double n = j->t->n_searched, work = (double)j->n_tried * (4 * operations(j->t) + 0.25 * n * n) + 4 * n * n * n;
  return work < 1e8 ? 10 : work < 4e8 ? 4 : 2;
}

static int lowest_digit(int64_t v) { /* of the canonical form, with its sign */
  int64_t low = v & -v;
  return (int)((v & (low << 1)) && v != low ? -low : low);
}

bool joint_weights(Joint *j, double price) {
  double best = joint_value(j, price, INFINITY), before = best;
  for (int i = 0; i < j->t->n_searched; i++) {
    TapeParam *p = &j->t->param[j->t->searched[i]];
    int64_t v = (int64_t)p->q, low = v ? lowest_digit(v) : 0;
    double kept = p->q;
    const int64_t tries[] = {v - low, v + low, v - 2 * low, v + 2 * low, 0, v / 2, 2 * v};
    for (size_t k = 0; v && k < sizeof tries / sizeof *tries; k++) {
      double q = (double)tries[k];
      if (q == kept || q < p->least || q > p->most)
        continue;
      p->q = q;
      double to = joint_value(j, price, best);
      if (to < best)
        best = to, kept = q;
      p->q = kept;
    }
  }
  return best < before;
}
