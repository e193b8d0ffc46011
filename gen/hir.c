/* SPDX-License-Identifier: Apache-2.0
 *
 * hir.c - building, cleaning and checking hardware IR (hir.h). Builders simplify as they go and keep one copy of equal values, so that
 * every pass that rebuilds a kernel through them gets constant folding and common subexpressions for nothing.
 */
#include "hir.h"
#include <stdlib.h>

static const struct {
  const char *name;
  int args;
} op_text[HIR_OP_COUNT] = {
#define HIR_OP(id, text, args, meaning) [HIR_##id] = {text, args},
#include "hir.def"
#undef HIR_OP
};

const char *hir_op_name(HirOp op) {
  return op_text[op].name;
}

int hir_op_args(HirOp op) {
  return op_text[op].args;
}

bool hir_has(const Kernel *k, HirOp op) {
  for (int i = 0; i < k->n; i++)
    if (k->v[i].op == op)
      return true;
  return false;
}

int hir_width_of(i128 lo, i128 hi) {
  u128 m = hi < 0 ? 0 : (u128)hi;
  if (lo < 0 && (u128)~lo > m)
    m = (u128)~lo;
  int bits = 0;
  if (m >> 64)
    bits = 64, m >>= 64;
  if (m)
    bits += 64 - __builtin_clzll((uint64_t)m);
  bits += lo < 0;
  return bits ? bits : 1;
}

Kernel *hir_new(const char *name) {
  Kernel *k = mem_alloc(sizeof *k);
  k->name = name;
  k->cur_layer = -1;
  k->steps = k->channels = 1;
  return k;
}

int hir_table(Kernel *k, const char *name, int entries, const int64_t *word, const char *text) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (int i = 0; i < entries; i++)
    hash = (hash ^ (uint64_t)word[i] ^ hash >> 29) * 0x100000001b3u;
  for (int i = 0; i < k->n_tables; i++)
    if (k->table[i].hash == hash && k->table[i].entries == entries && !memcmp(k->table[i].word, word, (size_t)entries * sizeof *word))
      return i;
  k->table = mem_grow(k->table, k->n_tables, &k->cap_tables, sizeof *k->table);
  HirTable *t = &k->table[k->n_tables];
  *t = (HirTable){.name = mem_strdup(name), .entries = entries, .hash = hash, .text = text};
  t->word = mem_array((size_t)entries, sizeof *word);
  memcpy(t->word, word, (size_t)entries * sizeof *word);
  t->lo = t->hi = word[0];
  for (int i = 1; i < entries; i++) {
    if (word[i] < t->lo)
      t->lo = word[i];
    if (word[i] > t->hi)
      t->hi = word[i];
  }
  return k->n_tables++;
}

int hir_site(Kernel *k, const char *name, bool input_side) {
  k->site = mem_grow(k->site, k->n_sites, &k->cap_sites, sizeof *k->site);
  k->site[k->n_sites] = (HirSite){.layer = k->cur_layer, .name = name, .input_side = input_side};
  return k->n_sites++;
}

/* ---- hash consing ---- */

static uint64_t mix(uint64_t h, uint64_t x) {
  h ^= x + 0x9e3779b97f4a7c15u + (h << 6) + (h >> 2);
  return h * 0xff51afd7ed558ccdu;
}

/* Only what defines the value: not its layer or stage. */
static uint64_t hash_value(const HirValue *v) {
  uint64_t h = mix(0, (uint64_t)v->op);
  for (int i = 0; i < 3; i++)
    h = mix(h, (uint64_t)v->arg[i]);
  h = mix(h, (uint64_t)v->imm);
  if (v->op == HIR_CONST)
    h = mix(mix(h, (uint64_t)v->lo), (uint64_t)(v->lo >> 64));
  h = mix(mix(h, (uint64_t)v->bound_lo), (uint64_t)v->bound_hi);
  return h ^ h >> 29;
}

static bool same_value(const HirValue *a, const HirValue *b) {
  return a->op == b->op && a->arg[0] == b->arg[0] && a->arg[1] == b->arg[1] && a->arg[2] == b->arg[2] && a->imm == b->imm &&
         a->bound_lo == b->bound_lo && a->bound_hi == b->bound_hi && a->site == b->site && a->round == b->round &&
         a->overflow == b->overflow && (a->op != HIR_CONST || a->lo == b->lo);
}

static void rehash(Kernel *k) {
  k->hash_cap = k->hash_cap ? 2 * k->hash_cap : 64;
  k->hash = mem_array((size_t)k->hash_cap, sizeof *k->hash);
  for (int i = 0; i < k->n; i++) {
    size_t s = hash_value(&k->v[i]) & (size_t)(k->hash_cap - 1);
    while (k->hash[s])
      s = (s + 1) & (size_t)(k->hash_cap - 1);
    k->hash[s] = i + 1;
  }
}

static int put(Kernel *k, HirValue v) {
  if (2 * (k->n + 1) > k->hash_cap)
    rehash(k);
  size_t s = hash_value(&v) & (size_t)(k->hash_cap - 1);
  for (; k->hash[s]; s = (s + 1) & (size_t)(k->hash_cap - 1))
    if (same_value(&k->v[k->hash[s] - 1], &v))
      return k->hash[s] - 1;
  if (hir_width_of(v.lo, v.hi) > HIR_MAX_WIDTH) {
    static int told; /* the first of a cascade says it all */
    if (!told++ || !diag_errors())
      diag_error(EXIT_UNSUPPORTED, NULL, "layer '%s': an exact result needs more than %d bits; choose a smaller W in --q",
                 k->cur_layer >= 0 ? diag_text(k->layer[k->cur_layer].name) : "?", HIR_MAX_WIDTH);
    return hir_const(k, 0);
  }
  k->v = mem_grow(k->v, k->n, &k->cap, sizeof *k->v);
  v.layer = k->cur_layer;
  k->v[k->n] = v;
  k->hash[s] = k->n + 1;
  return k->n++;
}

static HirValue value(HirOp op, int a, int b, int c, int imm, i128 lo, i128 hi) {
  return (HirValue){.op = op, .arg = {a, b, c}, .imm = imm, .lo = lo, .hi = hi, .site = -1};
}

static bool is_const(const Kernel *k, int a) {
  return k->v[a].op == HIR_CONST;
}

static i128 lo(const Kernel *k, int a) {
  return k->v[a].lo;
}

static i128 hi(const Kernel *k, int a) {
  return k->v[a].hi;
}

static i128 min2(i128 a, i128 b) {
  return a < b ? a : b;
}

static i128 max2(i128 a, i128 b) {
  return a > b ? a : b;
}

/* x * 2^n, or a number too wide for any value when that would not fit. */
static i128 shl_sat(i128 x, int n) {
  const i128 big = (i128)1 << 126;
  if (x == 0 || n == 0)
    return x;
  if (n >= 126 || hir_width_of(x, x < 0 ? 0 : x) + n > 127)
    return x < 0 ? -big : big;
  return x * ((i128)1 << n);
}

static i128 add_sat(i128 a, i128 b) {
  const i128 big = (i128)1 << 126;
  i128 s;
  if (__builtin_add_overflow(a, b, &s))
    return a < 0 ? -big : big;
  return s > big ? big : s < -big ? -big : s;
}

static i128 mul_sat(i128 a, i128 b) {
  const i128 big = (i128)1 << 126;
  i128 p;
  if (__builtin_mul_overflow(a, b, &p))
    return (a < 0) != (b < 0) ? -big : big;
  return p > big ? big : p < -big ? -big : p;
}

/* ---- builders ---- */

int hir_in(Kernel *k, int index, i128 l, i128 h) {
  if (index >= k->n_in + k->n_state)
    k->n_in = index + 1;
  return put(k, value(HIR_IN, -1, -1, -1, index, l, h));
}

int hir_const(Kernel *k, i128 v) {
  return put(k, value(HIR_CONST, -1, -1, -1, 0, v, v));
}

static int split_shift(int shift, int *sa) {
  *sa = shift < 0 ? -shift : 0;
  return shift > 0 ? shift : 0;
}

int hir_add(Kernel *k, int a, int b, int shift) {
  int sa, sb = split_shift(shift, &sa);
  if (is_const(k, a) && is_const(k, b))
    return hir_const(k, add_sat(shl_sat(lo(k, a), sa), shl_sat(lo(k, b), sb)));
  if (is_const(k, a) && lo(k, a) == 0)
    return hir_shl(k, b, sb);
  if (is_const(k, b) && lo(k, b) == 0)
    return hir_shl(k, a, sa);
  /* a constant stands on the right, unshifted where it can be; (x + c1) + c2 = x + (c1 + c2), so rounding constants join biases */
  if (is_const(k, a)) {
    int t = a;
    a = b, b = t;
    t = sa, sa = sb, sb = t;
  }
  if (is_const(k, b) && sb)
    b = hir_const(k, shl_sat(lo(k, b), sb)), sb = 0;
  if (is_const(k, b) && k->v[a].op == HIR_ADD && is_const(k, k->v[a].arg[1]) && k->v[a].imm <= 0) {
    HirValue x = k->v[a];
    return hir_add(k, x.arg[0], hir_const(k, add_sat(shl_sat(lo(k, x.arg[1]), sa), lo(k, b))), x.imm - sa);
  }
  if (is_const(k, b) && k->v[a].op == HIR_SUB && is_const(k, k->v[a].arg[0]) && k->v[a].imm >= 0 && sa == 0) {
    HirValue x = k->v[a];
    return hir_sub(k, hir_const(k, add_sat(lo(k, x.arg[0]), lo(k, b))), x.arg[1], x.imm);
  }
  if (k->v[b].op == HIR_NEG && !is_const(k, a))
    return hir_sub(k, a, k->v[b].arg[0], sb ? sb : -sa);
  if (k->v[a].op == HIR_NEG && !is_const(k, b))
    return hir_sub(k, b, k->v[a].arg[0], sa ? sa : -sb);
  if (a > b && sa == 0 && sb == 0 && !is_const(k, b)) {
    int t = a;
    a = b, b = t;
  }
  return put(k, value(HIR_ADD, a, b, -1, sb ? sb : -sa, add_sat(shl_sat(lo(k, a), sa), shl_sat(lo(k, b), sb)),
                      add_sat(shl_sat(hi(k, a), sa), shl_sat(hi(k, b), sb))));
}

int hir_sub(Kernel *k, int a, int b, int shift) {
  int sa, sb = split_shift(shift, &sa);
  if (is_const(k, b))
    return hir_add(k, a, hir_const(k, -shl_sat(lo(k, b), sb)), -sa);
  if (is_const(k, a) && lo(k, a) == 0)
    return hir_neg(k, hir_shl(k, b, sb));
  if (is_const(k, a) && sa)
    a = hir_const(k, shl_sat(lo(k, a), sa)), sa = 0;
  if (a == b && sa == sb)
    return hir_const(k, 0);
  if (k->v[b].op == HIR_NEG)
    return hir_add(k, a, k->v[b].arg[0], sb ? sb : -sa);
  return put(k, value(HIR_SUB, a, b, -1, sb ? sb : -sa, add_sat(shl_sat(lo(k, a), sa), -shl_sat(hi(k, b), sb)),
                      add_sat(shl_sat(hi(k, a), sa), -shl_sat(lo(k, b), sb))));
}

int hir_neg(Kernel *k, int a) {
  if (is_const(k, a))
    return hir_const(k, -lo(k, a));
  if (k->v[a].op == HIR_NEG)
    return k->v[a].arg[0];
  if (k->v[a].op == HIR_SUB)
    return hir_sub(k, k->v[a].arg[1], k->v[a].arg[0], -k->v[a].imm);
  return put(k, value(HIR_NEG, a, -1, -1, 0, -hi(k, a), -lo(k, a)));
}

int hir_shl(Kernel *k, int a, int n) {
  if (n == 0)
    return a;
  if (is_const(k, a))
    return hir_const(k, shl_sat(lo(k, a), n));
  if (k->v[a].op == HIR_SHL)
    return hir_shl(k, k->v[a].arg[0], n + k->v[a].imm);
  return put(k, value(HIR_SHL, a, -1, -1, n, shl_sat(lo(k, a), n), shl_sat(hi(k, a), n)));
}

int hir_shr(Kernel *k, int a, int n) {
  if (n == 0)
    return a;
  if (n > 126)
    n = 126;
  if (is_const(k, a))
    return hir_const(k, lo(k, a) >> n);
  if (lo(k, a) >> n == hi(k, a) >> n)
    return hir_const(k, lo(k, a) >> n);
  if (k->v[a].op == HIR_SHL) {
    int s = k->v[a].imm;
    return s >= n ? hir_shl(k, k->v[a].arg[0], s - n) : hir_shr(k, k->v[a].arg[0], n - s);
  }
  if (k->v[a].op == HIR_SHR)
    return hir_shr(k, k->v[a].arg[0], n + k->v[a].imm);
  return put(k, value(HIR_SHR, a, -1, -1, n, lo(k, a) >> n, hi(k, a) >> n));
}

int hir_mul(Kernel *k, int a, int b) {
  if (is_const(k, a)) {
    int t = a;
    a = b, b = t;
  }
  if (is_const(k, a))
    return hir_const(k, mul_sat(lo(k, a), lo(k, b)));
  if (is_const(k, b)) { /* canonical signed digits */
    i128 c = lo(k, b);
    int sum = -1;
    bool negative = c < 0;
    if (negative)
      c = -c;
    for (int s = 0; c; s++, c >>= 1)
      if (c & 1) {
        int digit = (c & 3) == 3 ? -1 : 1;
        c -= digit;
        if (sum < 0)
          sum = digit > 0 ? hir_shl(k, a, s) : hir_neg(k, hir_shl(k, a, s));
        else
          sum = digit > 0 ? hir_add(k, sum, a, s) : hir_sub(k, sum, a, s);
      }
    return sum < 0 ? hir_const(k, 0) : negative ? hir_neg(k, sum) : sum;
  }
  if (a > b) {
    int t = a;
    a = b, b = t;
  }
  i128 p[4] = {mul_sat(lo(k, a), lo(k, b)), mul_sat(lo(k, a), hi(k, b)), mul_sat(hi(k, a), lo(k, b)), mul_sat(hi(k, a), hi(k, b))};
  i128 l = p[0], h = p[0];
  for (int i = 1; i < 4; i++)
    l = min2(l, p[i]), h = max2(h, p[i]);
  if (a == b) /* a square */
    l = lo(k, a) <= 0 && hi(k, a) >= 0 ? 0 : min2(p[0], p[3]);
  return put(k, value(HIR_MUL, a, b, -1, 0, l, h));
}

int hir_multiplier(Kernel *k, int a, int64_t c) {
  int64_t most = c < 0 ? -(c + 1) : c;
  if (is_const(k, a) || c == 0 || c == INT64_MIN || (most & (most - 1)) == 0)
    return hir_mul(k, a, hir_const(k, c));
  i128 p = mul_sat(lo(k, a), c), q = mul_sat(hi(k, a), c);
  return put(k, value(HIR_MUL, a, hir_const(k, c), -1, 1, min2(p, q), max2(p, q)));
}

int hir_lt(Kernel *k, int a, int b) {
  if (hi(k, a) < lo(k, b))
    return hir_const(k, 1);
  if (a == b || lo(k, a) >= hi(k, b))
    return hir_const(k, 0);
  return put(k, value(HIR_LT, a, b, -1, 0, 0, 1));
}

int hir_mux(Kernel *k, int cond, int yes, int no) {
  if (is_const(k, cond))
    return lo(k, cond) ? yes : no;
  if (yes == no)
    return yes;
  return put(k, value(HIR_MUX, cond, yes, no, 0, min2(lo(k, yes), lo(k, no)), max2(hi(k, yes), hi(k, no))));
}

int hir_min(Kernel *k, int a, int b) {
  if (hi(k, a) <= lo(k, b))
    return a;
  if (hi(k, b) <= lo(k, a))
    return b;
  if (a > b && !is_const(k, b)) {
    int t = a;
    a = b, b = t;
  }
  if (is_const(k, a))
    return hir_min(k, b, a);
  return a == b ? a : put(k, value(HIR_MIN, a, b, -1, 0, min2(lo(k, a), lo(k, b)), min2(hi(k, a), hi(k, b))));
}

int hir_max(Kernel *k, int a, int b) {
  if (lo(k, a) >= hi(k, b))
    return a;
  if (lo(k, b) >= hi(k, a))
    return b;
  if (is_const(k, a) || (a > b && !is_const(k, b))) {
    int t = a;
    a = b, b = t;
  }
  return a == b ? a : put(k, value(HIR_MAX, a, b, -1, 0, max2(lo(k, a), lo(k, b)), max2(hi(k, a), hi(k, b))));
}

int hir_clamp(Kernel *k, int a, i128 l, i128 h, int site) {
  if (lo(k, a) >= l && hi(k, a) <= h)
    return a;
  if (site < 0 && hi(k, a) < l)
    return hir_const(k, l);
  if (site < 0 && lo(k, a) > h)
    return hir_const(k, h);
  HirValue v = value(HIR_CLAMP, a, -1, -1, 0, min2(max2(lo(k, a), l), h), max2(min2(hi(k, a), h), l));
  v.bound_lo = l, v.bound_hi = h, v.site = site;
  return put(k, v);
}

int hir_wrap(Kernel *k, int a, int bits, bool is_signed, int site) {
  i128 l = is_signed ? -((i128)1 << (bits - 1)) : 0, h = is_signed ? ((i128)1 << (bits - 1)) - 1 : ((i128)1 << bits) - 1;
  if (lo(k, a) >= l && hi(k, a) <= h)
    return a;
  if (site < 0 && lo(k, a) == hi(k, a) && bits < 126) {
    i128 m = ((i128)1 << bits) - 1;
    return hir_const(k, ((lo(k, a) - l) & m) + l);
  }
  HirValue v = value(HIR_WRAP, a, -1, -1, bits, l, h);
  v.bound_lo = l, v.bound_hi = h, v.site = site;
  return put(k, v);
}

int hir_lut(Kernel *k, int a, int table) {
  const HirTable *t = &k->table[table];
  if (lo(k, a) < 0 || hi(k, a) >= t->entries) {
    fprintf(stderr, "nngen: internal error: address of table %s is not proved\n", t->name);
    abort();
  }
  int64_t l = t->word[lo(k, a)], h = l;
  for (i128 i = lo(k, a); i <= hi(k, a); i++) {
    l = t->word[i] < l ? t->word[i] : l;
    h = t->word[i] > h ? t->word[i] : h;
  }
  if (l == h)
    return hir_const(k, l);
  return put(k, value(HIR_LUT, a, -1, -1, table, l, h));
}

void hir_rounded(i128 l, i128 h, int drop, Round round, i128 *rl, i128 *rh) {
  if (drop <= 0) {
    *rl = shl_sat(l, -drop), *rh = shl_sat(h, -drop);
    return;
  }
  i128 half = drop > 126 ? 0 : (i128)1 << (drop - 1);
  if (drop > 126)
    drop = 126;
  if (round == ROUND_TRN) {
    *rl = l >> drop, *rh = h >> drop;
  } else if (round == ROUND_RND) {
    *rl = add_sat(l, half) >> drop, *rh = add_sat(h, half) >> drop;
  } else { /* half to even: monotone, so the ends are the ends */
    *rl = add_sat(l, half - 1 + (l >> drop & 1)) >> drop, *rh = add_sat(h, half - 1 + (h >> drop & 1)) >> drop;
  }
}

int hir_quant(Kernel *k, int a, int drop, i128 l, i128 h, Round round, Overflow overflow, int site) {
  if (drop < 0) /* a value of its own, so that its width counts */
    a = hir_shl(k, a, -drop), drop = 0;
  i128 rl, rh;
  hir_rounded(lo(k, a), hi(k, a), drop, round, &rl, &rh);
  bool fits = rl >= l && rh <= h;
  if (fits && rl == rh)
    return hir_const(k, rl);
  if (fits && drop <= 0)
    return hir_shl(k, a, -drop);
  HirValue v = value(HIR_QUANT, a, -1, -1, drop, 0, 0);
  v.lo = fits ? rl : overflow == OVERFLOW_WRAP ? l : min2(max2(rl, l), h);
  v.hi = fits ? rh : overflow == OVERFLOW_WRAP ? h : max2(min2(rh, h), l);
  v.bound_lo = l, v.bound_hi = h, v.site = site;
  v.round = (uint8_t)round, v.overflow = (uint8_t)overflow;
  return put(k, v);
}

void hir_narrow(Kernel *k, int v, i128 l, i128 h) {
  if (k->v[v].op == HIR_CONST)
    return;
  k->v[v].lo = max2(k->v[v].lo, l);
  k->v[v].hi = min2(k->v[v].hi, h);
}

/* The operation alone, its arguments as inputs. */
void hir_interval(const Kernel *k, int i, Kernel *one, i128 *l, i128 *h) {
  HirValue v = k->v[i];
  int map[3] = {-1, -1, -1};
  *l = v.lo, *h = v.hi;
  if (v.op == HIR_IN || v.op == HIR_CONST)
    return;
  one->n = 0;
  one->table = k->table, one->n_tables = one->cap_tables = k->n_tables;
  if (one->hash_cap)
    memset(one->hash, 0, (size_t)one->hash_cap * sizeof *one->hash);
  for (int j = 0; j < 3; j++)
    if (v.arg[j] >= 0) {
      const HirValue *a = &k->v[v.arg[j]];
      map[j] = a->op == HIR_CONST ? hir_const(one, a->lo) : hir_in(one, v.arg[j], a->lo, a->hi);
      v.arg[j] = j;
    }
  int made = hir_rebuild_value(one, &v, map);
  *l = one->v[made].lo, *h = one->v[made].hi;
}

/* ---- rebuilding ---- */

int hir_rebuild_value(Kernel *to, const HirValue *v, const int *map) {
  int a = v->arg[0] >= 0 ? map[v->arg[0]] : -1, b = v->arg[1] >= 0 ? map[v->arg[1]] : -1, c = v->arg[2] >= 0 ? map[v->arg[2]] : -1;
  switch (v->op) {
  case HIR_IN:
    return hir_in(to, v->imm, v->lo, v->hi);
  case HIR_CONST:
    return hir_const(to, v->lo);
  case HIR_ADD:
    return hir_add(to, a, b, v->imm);
  case HIR_SUB:
    return hir_sub(to, a, b, v->imm);
  case HIR_NEG:
    return hir_neg(to, a);
  case HIR_SHL:
    return hir_shl(to, a, v->imm);
  case HIR_SHR:
    return hir_shr(to, a, v->imm);
  case HIR_MUL:
    return v->imm && is_const(to, b) ? hir_multiplier(to, a, (int64_t)lo(to, b)) : hir_mul(to, a, b);
  case HIR_LT:
    return hir_lt(to, a, b);
  case HIR_MUX:
    return hir_mux(to, a, b, c);
  case HIR_MIN:
    return hir_min(to, a, b);
  case HIR_MAX:
    return hir_max(to, a, b);
  case HIR_CLAMP:
    return hir_clamp(to, a, v->bound_lo, v->bound_hi, v->site);
  case HIR_WRAP:
    return hir_wrap(to, a, v->imm, v->bound_lo < 0, v->site);
  case HIR_LUT:
    return hir_lut(to, a, v->imm);
  case HIR_QUANT:
    return hir_quant(to, a, v->imm, v->bound_lo, v->bound_hi, (Round)v->round, (Overflow)v->overflow, v->site);
  case HIR_OP_COUNT:
    break;
  }
  abort();
}

Kernel *hir_shell(const Kernel *from) {
  Kernel *to = hir_new(from->name);
  to->n_in = from->n_in;
  to->n_state = from->n_state, to->n_states = from->n_states, to->state = from->state;
  to->steps = from->steps, to->each_step = from->each_step, to->channels = from->channels;
  to->n_in_ports = from->n_in_ports, to->n_out_ports = from->n_out_ports;
  to->in_port = from->in_port, to->out_port = from->out_port;
  to->table = from->table, to->n_tables = to->cap_tables = from->n_tables;
  to->site = from->site, to->n_sites = to->cap_sites = from->n_sites;
  to->layer = mem_array((size_t)from->n_layers, sizeof *to->layer);
  for (int i = 0; i < from->n_layers; i++)
    to->layer[i] = from->layer[i];
  to->n_layers = to->cap_layers = from->n_layers;
  return to;
}

uint8_t *hir_live(const Kernel *k) {
  uint8_t *live = mem_array((size_t)k->n + 1, 1);
  for (int i = 0; i < hir_outs(k); i++)
    live[k->out[i]] = 1;
  for (int i = k->n - 1; i >= 0; i--)
    if (live[i] || k->v[i].op == HIR_IN) {
      live[i] = 1;
      for (int j = 0; j < 3; j++)
        if (k->v[i].arg[j] >= 0)
          live[k->v[i].arg[j]] = 1;
    }
  return live;
}

void hir_rebuild_tail(Kernel *to, const Kernel *from, const int *map) {
  for (int i = 0; i < from->n_layers; i++) {
    HirLayer *l = &to->layer[i];
    int *value = mem_array((size_t)l->n + 1, sizeof *value);
    for (int j = 0; j < l->n; j++)
      value[j] = l->value[j] >= 0 ? map[l->value[j]] : -1;
    l->value = value;
  }
  to->n_out = from->n_out;
  to->cap_out = hir_outs(from);
  to->out = mem_array((size_t)to->cap_out + 1, sizeof *to->out);
  for (int i = 0; i < to->cap_out; i++)
    to->out[i] = map[from->out[i]];
}

Kernel *hir_clean(const Kernel *from) {
  uint8_t *live = hir_live(from);
  int *map = mem_array((size_t)from->n + 1, sizeof *map);
  Kernel *to = hir_shell(from);
  for (int i = 0; i < from->n; i++) {
    map[i] = -1;
    if (!live[i])
      continue;
    to->cur_layer = from->v[i].layer;
    map[i] = hir_rebuild_value(to, &from->v[i], map);
    hir_narrow(to, map[i], from->v[i].lo, from->v[i].hi);
  }
  hir_rebuild_tail(to, from, map);
  /* the builders leave constants that nobody reads any more: one more sweep when they were many */
  return to->n < from->n ? hir_clean(to) : to;
}

/* ---- checking ---- */

static void broken(const Kernel *k, int i, const char *what) {
  fprintf(stderr, "nngen: internal error: hardware IR of %s: value %d (%s): %s\n", k->name, i,
          i >= 0 && i < k->n ? hir_op_name(k->v[i].op) : "-", what);
  abort();
}

void hir_check(const Kernel *k) {
  for (int i = 0; i < k->n; i++) {
    const HirValue *v = &k->v[i];
    for (int j = 0; j < 3; j++)
      if (j < op_text[v->op].args ? v->arg[j] < 0 || v->arg[j] >= i : v->arg[j] != -1)
        broken(k, i, "argument");
    if (v->lo > v->hi || hir_width(v) > HIR_MAX_WIDTH)
      broken(k, i, "interval");
    if (v->op == HIR_LUT && (k->v[v->arg[0]].lo < 0 || k->v[v->arg[0]].hi >= k->table[v->imm].entries))
      broken(k, i, "table address");
    if (v->op == HIR_IN && (v->imm < 0 || v->imm >= k->n_in + k->n_state))
      broken(k, i, "input number");
    for (int j = 0; j < op_text[v->op].args; j++)
      if (k->v[v->arg[j]].joined && ((v->op != HIR_ADD && v->op != HIR_SUB) || (k->n_stages && k->v[v->arg[j]].stage != v->stage)))
        broken(k, i, "three-input adder");
  }
  for (int i = 0; i < hir_outs(k); i++)
    if (k->out[i] < 0 || k->out[i] >= k->n)
      broken(k, k->out[i], "output");
  for (int i = 0; i < k->n; i++) {
    const HirValue *v = &k->v[i];
    const HirValue *next = hir_is_state(k, v) ? &k->v[k->out[k->n_out + v->imm - k->n_in]] : v;
    if (next->lo < v->lo || next->hi > v->hi)
      broken(k, i, "state's next value");
  }
}
