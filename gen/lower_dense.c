/* SPDX-License-Identifier: Apache-2.0
 *
 * lower_dense.c - exact sums and products: Gemm, MatMul, element-wise arithmetic, reductions.
 */
#include "lower.h"
#include <math.h>
#include <stdlib.h>

static const McmOptions *mcm_options(const Lower *l) {
  static McmOptions opt;
  opt.searches = l->o->effort;
  const char *d = l->o->depth;
  opt.max_depth_extra = !d || !strcmp(d, "auto") ? 0 : !strcmp(d, "min") ? 0 : (int)strtol(d, NULL, 10);
  return &opt;
}

Ahead look_ahead(const Lower *l, const Tensor *t) {
  Ahead a = {0};
  Node *n;
  if (t->exact && graph_uses(l->g, t, &n) == 1 && n && n->op == OP_Add && n->in[n->in[0] == t]->value &&
      tensor_count(n->in[n->in[0] == t]) == tensor_count(t)) {
    a.bias = n->in[n->in[0] == t];
    t = n->out[0];
  }
  if (t->exact && graph_uses(l->g, t, &n) == 1 && n && n->op == OP_Relu)
    t = n->out[0];
  if (!t->exact) {
    LayerConfig c = config_of(l->config, t->producer);
    a.rounds = (c.has_round ? c.round : l->o->round) == ROUND_RND;
    a.kept = t;
    a.stride = 1;
  }
  return a;
}

void const_product(Lower *l, int rows, int cols, const Num *x, const Num *w, const Num *bias, Num *y) {
  Kernel *k = l->k;
  int frac = 0;
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < cols; j++)
      if (x[i].frac + w[i * cols + j].frac > frac || (i == 0 && j == 0))
        frac = x[i].frac + w[i * cols + j].frac;
  for (int j = 0; bias && j < cols; j++)
    frac = bias[j].frac > frac ? bias[j].frac : frac;
  int64_t *m = mem_array((size_t)rows * (size_t)cols + 1, sizeof *m);
  int *xv = mem_array((size_t)rows + 1, sizeof *xv), *yv = mem_array((size_t)cols + 1, sizeof *yv);
  i128 *b = mem_array((size_t)cols + 1, sizeof *b);
  for (int i = 0; i < rows; i++) {
    xv[i] = x[i].v;
    for (int j = 0; j < cols; j++) {
      int up = frac - x[i].frac - w[i * cols + j].frac;
      i128 c = k->v[w[i * cols + j].v].lo;
      if (c && (up > 62 || hir_width_of(c, c < 0 ? 0 : c) + up > 63)) {
        diag_error(EXIT_UNSUPPORTED, l->node, "formats of its inputs are too far apart (%d bits)", up);
        return;
      }
      m[i * cols + j] = c ? (int64_t)(c * ((i128)1 << up)) : 0;
    }
  }
  for (int j = 0; bias && j < cols; j++) {
    int up = hir_shl(k, bias[j].v, frac - bias[j].frac);
    b[j] = k->v[up].lo;
  }
  i128 *extra = mem_array((size_t)cols + 1, sizeof *extra);
  for (int j = 0; j < cols; j++) {
    if (l->ahead.bias && tensor_count(l->ahead.bias) == cols) {
      Num c = lower_in(l, l->ahead.bias)[j];
      if (c.frac <= frac && frac - c.frac < 60)
        extra[j] = k->v[c.v].lo * ((i128)1 << (frac - c.frac));
    }
    const Format *kept = !l->ahead.rounds      ? NULL
                         : l->ahead.kept->each ? &l->ahead.kept->each[l->ahead.from + j * l->ahead.stride]
                                               : &l->ahead.kept->fmt;
    int drop = kept && kept->W ? frac - (kept->W - kept->I) : 0;
    if (drop > 0 && drop < 60)
      extra[j] += (i128)1 << (drop - 1);
    b[j] += extra[j];
  }
  int *product = mem_array((size_t)rows * (size_t)cols + 1, sizeof *product);
  int64_t *column = mem_array((size_t)rows * (size_t)cols + 1, sizeof *column);
  int n = dsp_products(l, rows, cols, m, xv, product, column);
  if (n) { /* more inputs of the matrix, each of one column */
    m = memcpy(mem_array((size_t)(rows + n) * (size_t)cols, sizeof *m), m, (size_t)rows * (size_t)cols * sizeof *m);
    xv = memcpy(mem_array((size_t)(rows + n), sizeof *xv), xv, (size_t)rows * sizeof *xv);
    for (int i = 0; i < n; i++)
      xv[rows + i] = product[i], m[(size_t)(rows + i) * (size_t)cols + (size_t)column[i]] = 1;
  }
  if (l->dsp && l->dsp->survey)
    hir_mcm_plain(k, rows, cols, m, xv, b, yv);
  else if (l->shared)
    shared_mcm(l->shared, k, rows + n, cols, m, xv, b, yv, mcm_options(l));
  else
    hir_mcm(k, rows + n, cols, m, xv, b, yv, mcm_options(l));
  for (int j = 0; j < cols; j++)
    y[j] = (Num){hir_add(k, yv[j], hir_const(k, -extra[j]), 0), frac};
}

/* Both operands known at run time: a multiplier a product. */
static void run_time_product(Lower *l, int rows, int cols, const Num *x, const Num *w, const Num *bias, Num *y) {
  for (int j = 0; j < cols; j++) {
    Num sum = bias ? bias[j] : (Num){hir_const(l->k, 0), 0};
    for (int i = 0; i < rows; i++)
      sum = num_add(l, sum, num_mul(l, x[i], w[i * cols + j]));
    y[j] = sum;
  }
}

/* Weights of several nodes, those of each step of a recurrent layer: one search for all. */
static SharedMcm *shared_weights(Lower *l, const Tensor *a, const Tensor *b) {
  const Tensor *w = b->value ? b : a;
  if (!w->value || graph_uses(l->g, w, NULL) < 2)
    return NULL;
  if (!l->shared_by[w->id])
    l->shared_by[w->id] = shared_new();
  return l->shared_by[w->id];
}

/* y[m][n] = a[m][k] * b[k][n] + bias[m][n] (bias may be NULL); strides say how a and b lie in memory. */
static void product(Lower *l, int M, int K, int N, const Num *a, int64_t a_row, int64_t a_col, bool a_const, const Num *b, int64_t b_row,
                    int64_t b_col, bool b_const, const Num *bias, Num *y) {
  Num *x = mem_array((size_t)(M > N ? M : N) * (size_t)K + 1, sizeof *x),
      *w = mem_array((size_t)K * (size_t)(M > N ? M : N) + 1, sizeof *w);
  Num *t = mem_array((size_t)(M > N ? M : N) + 1, sizeof *t), *c = mem_array((size_t)(M > N ? M : N) + 1, sizeof *c);
  if (a_const && !b_const) { /* y^T = b^T a^T: the constant is the matrix, each column of b a vector */
    for (int k = 0; k < K; k++)
      for (int m = 0; m < M; m++)
        w[k * M + m] = a[m * a_row + k * a_col];
    for (int n = 0; n < N; n++) {
      for (int k = 0; k < K; k++)
        x[k] = b[k * b_row + n * b_col];
      for (int m = 0; bias && m < M; m++)
        c[m] = bias[m * N + n];
      const_product(l, K, M, x, w, bias ? c : NULL, t);
      for (int m = 0; m < M; m++)
        y[m * N + n] = t[m];
    }
    return;
  }
  for (int k = 0; k < K; k++)
    for (int n = 0; n < N; n++)
      w[k * N + n] = b[k * b_row + n * b_col];
  for (int m = 0; m < M; m++) {
    for (int k = 0; k < K; k++)
      x[k] = a[m * a_row + k * a_col];
    (b_const ? const_product : run_time_product)(l, K, N, x, w, bias ? bias + m * N : NULL, y + m * N);
  }
}

void quant_all(Lower *l, const Tensor *t) {
  Num *y = l->num[t->id];
  for (int64_t i = 0; i < tensor_count(t); i++)
    y[i] = num_quant_element(l, y[i], t, i);
}

int64_t num_broadcast(const Tensor *from, const Tensor *to, int64_t e) {
  int64_t at = 0, stride = 1;
  for (int i = to->rank - 1; i >= 0; i--) {
    int64_t pos = e % to->dim[i];
    e /= to->dim[i];
    int j = i - (to->rank - from->rank);
    if (j < 0)
      continue;
    at += from->dim[j] == 1 ? 0 : pos * stride;
    stride *= from->dim[j];
  }
  return at;
}

void lower_gemm(Lower *l, const Node *n) {
  const Tensor *A = n->in[0], *B = n->in[1], *C = n->n_in > 2 ? n->in[2] : NULL, *Y = n->out[0];
  bool ta = attr_int(n, "transA", 0), tb = attr_int(n, "transB", 0);
  if (attr_float(n, "alpha", 1) != 1 || (C && attr_float(n, "beta", 1) != 1)) {
    diag_error(EXIT_UNSUPPORTED, n, "alpha and beta other than 1 with run-time operands");
    return;
  }
  int M = (int)Y->dim[0], N = (int)Y->dim[1], K = (int)A->dim[ta ? 0 : 1];
  const Num *a = lower_in(l, A), *b = lower_in(l, B), *c = C ? lower_in(l, C) : NULL;
  Num *y = lower_out(l, Y), *bias = NULL;
  if (C) {
    bias = mem_array((size_t)M * (size_t)N + 1, sizeof *bias);
    for (int64_t e = 0; e < (int64_t)M * N; e++)
      bias[e] = c[num_broadcast(C, Y, e)];
  }
  l->ahead = look_ahead(l, Y);
  bool late = C && !C->value; /* a bias that is no constant is added afterwards */
  l->shared = shared_weights(l, A, B);
  product(l, M, K, N, a, ta ? 1 : K, ta ? M : 1, A->value, b, tb ? 1 : N, tb ? K : 1, B->value, late ? NULL : bias, y);
  l->shared = NULL;
  for (int64_t e = 0; late && e < (int64_t)M * N; e++)
    y[e] = num_add(l, y[e], bias[e]);
  quant_all(l, Y);
}

void lower_matmul(Lower *l, const Node *n) {
  const Tensor *A = n->in[0], *B = n->in[1], *Y = n->out[0];
  const Num *a = lower_in(l, A), *b = lower_in(l, B);
  Num *y = lower_out(l, Y);
  int K = (int)A->dim[A->rank - 1], M = A->rank > 1 ? (int)A->dim[A->rank - 2] : 1, N = B->rank > 1 ? (int)B->dim[B->rank - 1] : 1;
  l->ahead = look_ahead(l, Y);
  l->shared = shared_weights(l, A, B);
  int64_t batches = tensor_count(Y) / ((int64_t)M * N);
  /* leading dimensions broadcast: seen as tensors of matrices */
  Tensor head_a = *A, head_b = *B, head_y = *Y;
  head_a.rank = A->rank > 2 ? A->rank - 2 : 0;
  head_b.rank = B->rank > 2 ? B->rank - 2 : 0;
  head_y.rank = head_a.rank > head_b.rank ? head_a.rank : head_b.rank;
  for (int64_t i = 0; i < batches; i++) {
    int64_t ia = num_broadcast(&head_a, &head_y, i), ib = num_broadcast(&head_b, &head_y, i);
    product(l, M, K, N, a + ia * M * K, K, 1, A->value, b + ib * K * N, N, 1, B->value, NULL, y + i * M * N);
  }
  l->shared = NULL;
  quant_all(l, Y);
}

static void element_wise(Lower *l, const Node *n, Num (*f)(Lower *, Num, Num)) {
  const Tensor *Y = n->out[0];
  Num *y = lower_out(l, Y);
  for (int64_t e = 0; e < tensor_count(Y); e++) {
    Num r = lower_in(l, n->in[0])[num_broadcast(n->in[0], Y, e)];
    for (int i = 1; i < n->n_in; i++)
      r = f(l, r, lower_in(l, n->in[i])[num_broadcast(n->in[i], Y, e)]);
    y[e] = num_quant_element(l, r, Y, e);
  }
}

void lower_add(Lower *l, const Node *n) {
  element_wise(l, n, num_add);
}
void lower_sub(Lower *l, const Node *n) {
  element_wise(l, n, num_sub);
}
void lower_sum(Lower *l, const Node *n) {
  element_wise(l, n, num_add);
}
void lower_mul(Lower *l, const Node *n) {
  element_wise(l, n, num_mul);
}
void lower_max(Lower *l, const Node *n) {
  element_wise(l, n, num_max);
}
void lower_min(Lower *l, const Node *n) {
  element_wise(l, n, num_min);
}

void lower_neg(Lower *l, const Node *n) {
  const Num *x = lower_in(l, n->in[0]);
  Num *y = lower_out(l, n->out[0]);
  for (int64_t e = 0; e < tensor_count(n->out[0]); e++)
    y[e] = num_quant(l, (Num){hir_neg(l->k, x[e].v), x[e].frac}, n->out[0]);
}

/* x^p for p = 1, 2, 3, 4: exact products. */
void lower_pow(Lower *l, const Node *n) {
  const Tensor *X = n->in[0], *P = n->in[1], *Y = n->out[0];
  for (int64_t i = 0; !P->value || i < tensor_count(P); i++)
    if (!P->value || (P->value[i] != 1 && P->value[i] != 2 && P->value[i] != 3 && P->value[i] != 4)) {
      diag_error(EXIT_UNSUPPORTED, n, "only the constant exponents 1, 2, 3 and 4");
      return;
    }
  const Num *x = lower_in(l, X);
  Num *y = lower_out(l, Y);
  for (int64_t e = 0; e < tensor_count(Y); e++) {
    Num v = x[num_broadcast(X, Y, e)], r = v;
    for (int p = (int)P->value[num_broadcast(P, Y, e)]; p > 1; p--)
      r = num_mul(l, r, v);
    y[e] = num_quant(l, r, Y);
  }
}

/* Which axes a Reduce* node runs over, as a bit set. */
static unsigned reduce_axes(const Node *n) {
  const Tensor *t = n->in[0], *axes = n->n_in > 1 ? n->in[1] : NULL;
  unsigned set = 0;
  for (int64_t i = 0; axes && axes->value && i < tensor_count(axes); i++)
    set |= 1u << (int)(axes->value[i] < 0 ? axes->value[i] + t->rank : axes->value[i]);
  if (!set && !attr_int(n, "noop_with_empty_axes", 0))
    set = (1u << t->rank) - 1;
  return set;
}

Num num_tree(Lower *l, Num *g, int64_t n, Num (*f)(Lower *, Num, Num)) {
  for (int64_t left = n; left > 1; left = (left + 1) / 2)
    for (int64_t i = 0; i < left / 2; i++) {
      Num r = f(l, g[2 * i], g[2 * i + 1]);
      g[i] = r;
      if (i == left / 2 - 1 && left % 2)
        g[left / 2] = g[left - 1];
    }
  return g[0];
}

/* f over the members of each output element; their number comes back. */
static int64_t reduce(Lower *l, const Node *n, Num (*f)(Lower *, Num, Num)) {
  const Tensor *X = n->in[0], *Y = n->out[0];
  const Num *x = lower_in(l, X);
  Num *y = lower_out(l, Y);
  unsigned axes = reduce_axes(n);
  int64_t outs = tensor_count(Y), ins = tensor_count(X), members = ins / (outs ? outs : 1);
  Num *group = mem_array((size_t)ins + 1, sizeof *group);
  int64_t *filled = mem_array((size_t)outs + 1, sizeof *filled);
  for (int64_t e = 0; e < ins; e++) {
    int64_t rest = e, at = 0, stride = 1;
    for (int i = X->rank - 1; i >= 0; i--) {
      if (!(axes >> i & 1)) {
        at += rest % X->dim[i] * stride;
        stride *= X->dim[i];
      }
      rest /= X->dim[i];
    }
    group[at * members + filled[at]++] = x[e];
  }
  for (int64_t o = 0; o < outs; o++)
    y[o] = num_tree(l, group + o * members, members, f);
  return members;
}

void lower_reduce_sum(Lower *l, const Node *n) {
  reduce(l, n, num_add);
  quant_all(l, n->out[0]);
}

Num num_mean(Lower *l, Num sum, int64_t members, const Tensor *t) {
  int shift = 0;
  while ((int64_t)1 << shift < members)
    shift++;
  /* 1/members to four bits beyond the output's precision (the weight format would lose more than the mean does), or exactly when it is a
   * power of two */
  bool exact = (int64_t)1 << shift == members;
  int frac = exact ? shift : shift + (t->exact ? 20 : t->fmt.W + 4);
  Num c = {hir_const(l->k, (i128)llround(ldexp(1.0 / (double)members, frac))), frac};
  return num_quant(l, exact ? (Num){sum.v, sum.frac + shift} : num_mul(l, sum, c), t);
}

void lower_reduce_mean(Lower *l, const Node *n) {
  int64_t members = reduce(l, n, num_add);
  Num *y = l->num[n->out[0]->id];
  for (int64_t i = 0; i < tensor_count(n->out[0]); i++)
    y[i] = num_mean(l, y[i], members, n->out[0]);
}

void lower_reduce_max(Lower *l, const Node *n) {
  reduce(l, n, n->op == OP_ReduceMax ? num_max : num_min);
  quant_all(l, n->out[0]);
}
