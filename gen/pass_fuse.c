/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_fuse.c - requires: shapes (pass_infer_fold). Keeps: meaning, order, names of inputs and outputs.
 * Afterwards activations that exporters write as several nodes are one node each, so that one table or one piecewise linear unit computes
 * them. Intermediates that something else reads stay.
 *
 * Patterns are matched on what nodes compute, not on how they are ordered: scale() sees through constant factors and offsets, product()
 * through nested products, so that x * 0.5 * (1 + erf(x / sqrt 2)) is found in any arrangement.
 */
#include "nngen.h"

#include <math.h>

typedef struct {
  Graph *g;
  int *uses; /* by tensor number */
} Fuse;

static void count_uses(Fuse *f) {
  f->uses = mem_array((size_t)f->g->n_tensors, sizeof *f->uses);
  for (int i = 0; i < f->g->n_nodes; i++)
    for (int k = 0; k < f->g->node[i]->n_in; k++)
      if (f->g->node[i]->in[k])
        f->uses[f->g->node[i]->in[k]->id]++;
  for (int i = 0; i < f->g->n_out; i++)
    f->uses[f->g->out[i]->id]++;
}

/* ---- looking at nodes ---- */

static Node *made_by(const Tensor *t, OpId op) {
  return t && t->producer && t->producer->op == op ? t->producer : NULL;
}

/* A floating-point constant whose elements are all the same. */
static bool scalar(const Tensor *t, double *v) {
  if (!t || !t->value || !dtype_is_float(t->dtype) || tensor_count(t) == 0)
    return false;
  int64_t n = tensor_count(t);
  for (int64_t i = 1; i < n; i++)
    if (t->value[i] != t->value[0])
      return false;
  *v = t->value[0];
  return true;
}

/* Equal as far as the type that constants are stored in can tell. */
static bool near(const Tensor *t, double v, double want) {
  double tolerance = t->dtype == DT_BFLOAT16 ? 1e-2 : t->dtype == DT_FLOAT16 ? 2e-3 : 2e-6;
  return fabs(v - want) <= tolerance * fabs(want);
}

static bool same_shape(const Tensor *a, const Tensor *b) {
  return a->rank == b->rank && memcmp(a->dim, b->dim, (size_t)a->rank * sizeof *a->dim) == 0;
}

/* y = a x + b */
typedef struct {
  double a, b;
  Tensor *x;
} Scale;

enum { MAX_STEPS = 16 };

/* Takes constants off y as far as they go; the innermost tensor is x. Only steps that keep the shape and are read by nothing else count;
 * y may have `readers`. */
static Scale scale(const Fuse *f, Tensor *y, int readers) {
  Scale s = {1, 0, y};
  for (int step = 0; step < MAX_STEPS; step++) {
    Node *n = s.x->producer;
    double v;
    if (!n || f->uses[s.x->id] > (step ? 1 : readers))
      return s;
    bool left = n->n_in == 2 && scalar(n->in[0], &v), right = !left && n->n_in == 2 && scalar(n->in[1], &v);
    Tensor *x = n->op == OP_Neg || right ? n->in[0] : left ? n->in[1] : NULL;
    if (!x || !same_shape(x, s.x))
      return s;
    if (n->op == OP_Add)
      s.b += s.a * v;
    else if (n->op == OP_Sub)
      s.b += left ? s.a * v : -s.a * v;
    else if (n->op == OP_Mul)
      s.a *= v;
    else if (n->op == OP_Div && right && v != 0)
      s.a /= v;
    else if (n->op != OP_Neg)
      return s;
    if (n->op == OP_Neg || (n->op == OP_Sub && left))
      s.a = -s.a;
    s.x = x;
  }
  return s;
}

/* y = c * factor[0] * ... */
enum { MAX_FACTORS = 4 };
typedef struct {
  double c;
  int n;
  Tensor *factor[MAX_FACTORS];
  bool overflow;
} Product;

static void product_step(const Fuse *f, Tensor *y, int depth, Product *p) {
  Node *n = y->producer;
  double v;
  bool open = n && depth < MAX_STEPS && (depth == 0 || f->uses[y->id] == 1);
  if (open && n->op == OP_Neg) {
    p->c = -p->c;
    product_step(f, n->in[0], depth + 1, p);
  } else if (open && (n->op == OP_Mul || n->op == OP_Div) && scalar(n->in[1], &v) && same_shape(n->in[0], y) && v != 0) {
    p->c = n->op == OP_Mul ? p->c * v : p->c / v;
    product_step(f, n->in[0], depth + 1, p);
  } else if (open && n->op == OP_Mul && scalar(n->in[0], &v) && same_shape(n->in[1], y)) {
    p->c *= v;
    product_step(f, n->in[1], depth + 1, p);
  } else if (open && n->op == OP_Mul && same_shape(n->in[0], n->in[1]) && p->n + 2 <= MAX_FACTORS) {
    product_step(f, n->in[0], depth + 1, p);
    product_step(f, n->in[1], depth + 1, p);
  } else if (open && n->op == OP_Pow && scalar(n->in[1], &v) && (v == 2 || v == 3) && p->n + (int)v <= MAX_FACTORS) {
    for (int i = 0; i < (int)v; i++)
      p->factor[p->n++] = n->in[0];
  } else if (p->n < MAX_FACTORS) {
    p->factor[p->n++] = y;
  } else {
    p->overflow = true;
  }
}

static Product product(const Fuse *f, Tensor *y) {
  Product p = {.c = 1};
  product_step(f, y, 0, &p);
  if (p.overflow)
    p.n = 0;
  return p;
}

/* ---- changing the graph ---- */

static void drop_unused(Fuse *f, Tensor *t) {
  Node *n = t ? t->producer : NULL;
  if (!n || f->uses[t->id] > 0 || n->n_out != 1)
    return;
  graph_remove(f->g, n);
  for (int k = 0; k < n->n_in; k++)
    if (n->in[k]) {
      f->uses[n->in[k]->id]--;
      drop_unused(f, n->in[k]);
    }
}

/* `root` becomes op(x), or op(x, second); what only it needed goes. */
static Node *become(Fuse *f, Node *root, const char *op, Tensor *x, Tensor *second) {
  Node *n = graph_insert(f->g, root, op, root->name, second ? 2 : 1, (Tensor *[]){x, second}, 1, root->out);
  graph_remove(f->g, root);
  f->uses[x->id]++;
  for (int k = 0; k < root->n_in; k++)
    if (root->in[k]) {
      f->uses[root->in[k]->id]--;
      drop_unused(f, root->in[k]);
    }
  return n;
}

/* ---- patterns that end in a product ---- */

static bool clip_bounds(const Node *n, double *lo, double *hi) {
  *lo = (double)-INFINITY;
  *hi = (double)INFINITY;
  return (n->n_in < 2 || !n->in[1] || scalar(n->in[1], lo)) && (n->n_in < 3 || !n->in[2] || scalar(n->in[2], hi));
}

/* k of t = k x^power */
static bool monomial(const Fuse *f, Tensor *t, const Tensor *x, int power, double *k) {
  if (t == x) {
    *k = 1;
    return power == 1;
  }
  Product p = product(f, t);
  for (int i = 0; i < p.n; i++)
    if (p.factor[i] != x)
      return false;
  *k = p.c;
  return p.n == power;
}

/* u = sqrt(2/pi) (x + 0.044715 x^3), also as sqrt(2/pi) x (1 + 0.044715 x^2) */
static bool gelu_argument(const Fuse *f, Tensor *u, const Tensor *x) {
  const double c = 0.7978845608028654, cubic = 0.044715;
  Product p = product(f, u);
  double one, k;
  if (!near(x, p.c, c))
    return false;
  if (p.n == 2 && (p.factor[0] == x || p.factor[1] == x)) {
    Scale s = scale(f, p.factor[p.factor[0] == x], 1);
    return near(x, s.b, 1) && monomial(f, s.x, x, 2, &k) && near(x, s.a * k, cubic);
  }
  Node *add = p.n == 1 ? made_by(p.factor[0], OP_Add) : NULL;
  for (int i = 0; add && i < 2; i++)
    if (monomial(f, add->in[i], x, 1, &one) && monomial(f, add->in[!i], x, 3, &k) && one == 1 && near(x, k, cubic))
      return true;
  return false;
}

/* c x gate(x), where the gate is a function of x */
static Node *fuse_gate(Fuse *f, Node *root, double c, Tensor *x, Tensor *gate) {
  Scale s = scale(f, gate, 1);
  double lo, hi;
  Node *n;
  if (f->uses[s.x->id] != 1)
    return NULL;
  if ((n = made_by(s.x, OP_Sigmoid)) && s.b == 0 && near(x, c * s.a, 1)) {
    Scale u = scale(f, n->in[0], 1);
    if (n->in[0] != x && (u.x != x || u.b != 0))
      return NULL;
    double alpha = n->in[0] == x ? 1 : u.a;
    Node *swish = become(f, root, "Swish", x, NULL);
    attr_set_float(swish, "alpha", alpha);
    return swish;
  }
  if ((n = made_by(s.x, OP_Erf)) && near(x, c * s.b, 0.5)) {
    Scale u = scale(f, n->in[0], 1);
    if (u.x == x && u.b == 0 && near(x, fabs(u.a), sqrt(0.5)) && near(x, c * s.a * u.a, 0.5 * sqrt(0.5)))
      return become(f, root, "Gelu", x, NULL);
  }
  if ((n = made_by(s.x, OP_Tanh)) && near(x, c * s.b, 0.5) && near(x, c * s.a, 0.5) && gelu_argument(f, n->in[0], x)) {
    Node *gelu = become(f, root, "Gelu", x, NULL);
    Attr *a = mem_alloc(sizeof *a);
    *a = (Attr){.name = "approximate", .type = ATTR_STRING, .s = "tanh"};
    gelu->attr = a;
    gelu->n_attr = 1;
    return gelu;
  }
  if ((n = made_by(s.x, OP_Tanh)) && s.b == 0 && near(x, c * s.a, 1) && made_by(n->in[0], OP_Softplus) && n->in[0]->producer->in[0] == x)
    return become(f, root, "Mish", x, NULL);
  if ((n = made_by(s.x, OP_HardSigmoid)) && s.b == 0 && near(x, c * s.a, 1) && n->in[0] == x &&
      near(x, attr_float(n, "alpha", 0.2), 1.0 / 6) && near(x, attr_float(n, "beta", 0.5), 0.5))
    return become(f, root, "HardSwish", x, NULL);
  if ((n = made_by(s.x, OP_Clip)) && s.b == 0 && clip_bounds(n, &lo, &hi) && lo == 0 && near(x, c * s.a * hi, 1)) {
    Scale u = scale(f, n->in[0], 1);
    if (u.x == x && near(x, c * s.a * u.a, 1.0 / 6) && near(x, c * s.a * u.b, 0.5))
      return become(f, root, "HardSwish", x, NULL);
  }
  return NULL;
}

/* c clip(a x + b, 0, 1/c) */
static Node *fuse_hard_sigmoid(Fuse *f, Node *root, double c, Tensor *clip) {
  Node *n = made_by(clip, OP_Clip);
  double lo, hi;
  if (!n || (n != root && f->uses[clip->id] != 1) || c <= 0 || !clip_bounds(n, &lo, &hi) || lo != 0 || !near(clip, c * hi, 1))
    return NULL;
  Scale u = scale(f, n->in[0], 1);
  if (c * u.a <= 0 || c * u.a == 1)
    return NULL;
  Node *y = become(f, root, "HardSigmoid", u.x, NULL);
  attr_set_float(y, "alpha", c * u.a);
  attr_set_float(y, "beta", c * u.b);
  return y;
}

static Node *fuse_product(Fuse *f, Node *root) {
  Product p = product(f, root->out[0]);
  if (p.n == 1)
    return fuse_hard_sigmoid(f, root, p.c, p.factor[0]);
  for (int i = 0; p.n == 2 && i < 2; i++) {
    Node *n = same_shape(p.factor[i], root->out[0]) ? fuse_gate(f, root, p.c, p.factor[i], p.factor[!i]) : NULL;
    if (n)
      return n;
  }
  return NULL;
}

/* ---- other patterns ---- */

/* relu(x) + c relu(-x) is PRelu with slope -c: so Keras writes it. */
static Node *fuse_prelu(Fuse *f, Node *root) {
  for (int i = 0; i < 2; i++) {
    Node *positive = made_by(root->in[i], OP_Relu), *mul = made_by(root->in[!i], OP_Mul);
    if (!positive || !mul)
      continue;
    Tensor *x = positive->in[0];
    for (int k = 0; k < 2; k++) {
      Node *negative = made_by(mul->in[k], OP_Relu), *neg = negative ? made_by(negative->in[0], OP_Neg) : NULL;
      const Tensor *c = mul->in[!k];
      if (!neg || neg->in[0] != x || !c->value || !same_shape(x, root->out[0]) || !same_shape(x, mul->out[0]) || c->rank > x->rank)
        continue;
      Tensor *slope = graph_const(f->g, mem_printf("%s.slope", root->name), c->dtype, c->rank, c->dim, c->value);
      int64_t n = tensor_count(slope);
      for (int64_t e = 0; e < n; e++)
        slope->value[e] = -slope->value[e];
      count_uses(f); /* there is a tensor more */
      return become(f, root, "PRelu", x, slope);
    }
  }
  return NULL;
}

/* 1 / (1 + exp(-x)) */
static Node *fuse_sigmoid(Fuse *f, Node *root, Tensor *divisor) {
  Scale s = scale(f, divisor, 1);
  Node *e = s.a == 1 && s.b == 1 ? made_by(s.x, OP_Exp) : NULL;
  if (!e)
    return NULL;
  Scale u = scale(f, e->in[0], 1);
  return u.a == -1 && u.b == 0 ? become(f, root, "Sigmoid", u.x, NULL) : NULL;
}

/* The sum of x along one axis, kept as a dimension. */
static bool is_sum_of(const Tensor *t, const Tensor *x, int64_t *axis) {
  const Node *n = made_by(t, OP_ReduceSum);
  if (!n || n->in[0] != x || n->n_in < 2 || !n->in[1] || tensor_count(n->in[1]) != 1 || !attr_int(n, "keepdims", 1))
    return false;
  *axis = (int64_t)n->in[1]->value[0];
  *axis += *axis < 0 ? x->rank : 0;
  return true;
}

/* sum, or scikit-learn's sum + k (sum == 0), which is the same where the sum is positive; x likewise. */
static Tensor *without_guard(Tensor *t) {
  Node *add = made_by(t, OP_Add);
  for (int k = 0; add && k < 2; k++) {
    Tensor *guard = add->in[k];
    double v;
    if (made_by(guard, OP_Mul) && scalar(guard->producer->in[1], &v))
      guard = guard->producer->in[0];
    const Node *cast = made_by(guard, OP_Cast), *not = cast ? made_by(cast->in[0], OP_Not) : NULL;
    if (not &&made_by(not ->in[0], OP_Cast))
      return add->in[!k];
  }
  return t;
}

/* exp(x) / sum(exp(x)) is Softmax; p / sum(p) is Normalizer where p is positive. */
static Node *fuse_normalisation(Fuse *f, Node *root) {
  Tensor *p = without_guard(root->in[0]), *sum = without_guard(root->in[1]);
  int64_t axis;
  if (!is_sum_of(sum, p, &axis) || !same_shape(p, root->out[0]))
    return NULL;
  Node *e = made_by(p, OP_Exp);
  if (e) {
    Tensor *x = e->in[0];
    Node *sub = made_by(x, OP_Sub), *max = sub ? made_by(sub->in[1], OP_ReduceMax) : NULL;
    if (max && max->in[0] == sub->in[0] && same_shape(sub->in[0], x))
      x = sub->in[0];
    Node *softmax = become(f, root, "Softmax", x, NULL);
    attr_set_int(softmax, "axis", axis);
    return softmax;
  }
  if (!made_by(p, OP_Sigmoid) || axis != p->rank - 1 || p->rank > 2)
    return NULL;
  Node *n = become(f, root, "Normalizer", p, NULL);
  Attr *a = mem_alloc(sizeof *a);
  *a = (Attr){.name = "norm", .type = ATTR_STRING, .s = "L1"};
  n->attr = a;
  n->n_attr = 1;
  return n;
}

/* x / (1 + |x|) */
static Node *fuse_softsign(Fuse *f, Node *root) {
  Scale s = scale(f, root->in[1], 1);
  const Node *n = s.a == 1 && s.b == 1 ? made_by(s.x, OP_Abs) : NULL;
  return n && n->in[0] == root->in[0] && same_shape(root->in[0], root->out[0]) ? become(f, root, "Softsign", root->in[0], NULL) : NULL;
}

static Node *fuse_quotient(Fuse *f, Node *root) {
  double v;
  if (scalar(root->in[1], &v))
    return fuse_product(f, root);
  if (scalar(root->in[0], &v))
    return v == 1 && same_shape(root->in[1], root->out[0]) ? fuse_sigmoid(f, root, root->in[1]) : NULL;
  Node *n = fuse_softsign(f, root);
  return n ? n : fuse_normalisation(f, root);
}

/* log(sigmoid(x)) = -softplus(-x): a table of the logarithm would have to reach far down */
static Node *fuse_log(Fuse *f, Node *root) {
  Node *s = made_by(root->in[0], OP_Sigmoid);
  if (!s)
    return NULL;
  Graph *g = f->g;
  Tensor *x = s->in[0], *minus = graph_tensor(g, mem_printf("%s.minus", root->name), x->dtype);
  Tensor *soft = graph_tensor(g, mem_printf("%s.softplus", root->name), x->dtype);
  minus->rank = soft->rank = x->rank;
  memcpy(minus->dim, x->dim, sizeof x->dim);
  memcpy(soft->dim, x->dim, sizeof x->dim);
  graph_insert(g, root, "Neg", minus->name, 1, &x, 1, &minus);
  graph_insert(g, root, "Softplus", soft->name, 1, &minus, 1, &soft);
  count_uses(f);
  return become(f, root, "Neg", soft, NULL);
}

/* where(b x > t, x, softplus(b x) / b), where t is so large that both are the same: so PyTorch guards against overflow */
static Node *fuse_where(Fuse *f, Node *root) {
  Node *greater = made_by(root->in[0], OP_Greater);
  Tensor *x = root->in[1];
  Scale y = scale(f, root->in[2], 1);
  Node *soft = made_by(y.x, OP_Softplus);
  double limit;
  if (!greater || !soft || y.b != 0 || !scalar(greater->in[1], &limit) || limit < 15 || greater->in[0] != soft->in[0] ||
      !same_shape(x, root->out[0]))
    return NULL;
  Scale u = scale(f, soft->in[0], 2);
  return u.x == x && u.b == 0 && near(x, u.a * y.a, 1) ? become(f, root, "Identity", root->in[2], NULL) : NULL;
}

/* What the highest element can be looked for in instead: softmax, sigmoid and a division by the row's sum keep the order. */
static Tensor *before_monotone(Tensor *t, int64_t axis) {
  Node *n = t->producer;
  if (!n)
    return NULL;
  if (n->op == OP_Softmax || n->op == OP_LogSoftmax) {
    int64_t along = attr_int(n, "axis", -1);
    return along + (along < 0 ? t->rank : 0) == axis ? n->in[0] : NULL;
  }
  if (n->op == OP_Normalizer)
    return axis == t->rank - 1 && made_by(n->in[0], OP_Sigmoid) ? n->in[0] : NULL;
  return n->op == OP_Sigmoid ? n->in[0] : NULL;
}

static Node *fuse_argmax(Fuse *f, Node *root) {
  int64_t axis = attr_int(root, "axis", 0);
  Tensor *x = before_monotone(root->in[0], axis + (axis < 0 ? root->in[0]->rank : 0)), *old = root->in[0];
  if (!x)
    return NULL;
  root->in[0] = x;
  f->uses[x->id]++;
  f->uses[old->id]--;
  drop_unused(f, old);
  return root;
}

/* Labels 0, 1, 2, ... chosen by an index that is in range by construction: the index itself. */
static Node *fuse_labels(Fuse *f, Node *root) {
  const Tensor *data = root->in[0], *index = root->in[1];
  if (!data->value || data->rank != 1 || index->value || dtype_is_float(data->dtype) || data->dtype == DT_BOOL)
    return NULL;
  for (int64_t i = 0; i < data->dim[0]; i++)
    if (data->value[i] != (double)i)
      return NULL;
  const Tensor *t = index;
  while (t->producer && (t->producer->op == OP_Reshape || t->producer->op == OP_Squeeze || t->producer->op == OP_Flatten))
    t = t->producer->in[0];
  const Node *arg = made_by(t, OP_ArgMax);
  if (!arg)
    return NULL;
  int64_t axis = attr_int(arg, "axis", 0);
  if (arg->in[0]->dim[axis < 0 ? axis + arg->in[0]->rank : axis] > data->dim[0])
    return NULL;
  Node *cast = become(f, root, "Cast", root->in[1], NULL);
  attr_set_int(cast, "to", data->dtype);
  return cast;
}

static Node *fuse(Fuse *f, Node *n) {
  switch (n->op) {
  case OP_Mul:
  case OP_Neg:
    return fuse_product(f, n);
  case OP_Div:
    return fuse_quotient(f, n);
  case OP_Add:
    return fuse_prelu(f, n);
  case OP_Reciprocal:
    return fuse_sigmoid(f, n, n->in[0]);
  case OP_Log:
    return fuse_log(f, n);
  case OP_Where:
    return fuse_where(f, n);
  case OP_Clip:
    return fuse_hard_sigmoid(f, n, 1, n->out[0]);
  case OP_ArgMax:
    return fuse_argmax(f, n);
  case OP_Gather:
    return fuse_labels(f, n);
  default:
    return NULL;
  }
}

static bool is_copy(const Node *n) {
  return n->op == OP_Identity || (n->op == OP_Cast && n->in[0]->dtype == n->out[0]->dtype);
}

void pass_fuse(Graph *g) {
  Fuse f = {.g = g};
  pass_dead(g);
  count_uses(&f);
  for (int i = 0; i < g->n_nodes; i++) {
    Node *made = fuse(&f, g->node[i]);
    if (!made)
      continue;
    for (i = 0; g->node[i] != made;)
      i++;
    if (made->op == OP_ArgMax || (is_copy(made) && graph_bypass(g, made)))
      i--; /* an ArgMax may go on */
    count_uses(&f);
  }
}
