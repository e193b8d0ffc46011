/* SPDX-License-Identifier: Apache-2.0
 *
 * gen_kernel.c - prints a random hardware IR kernel: gen_kernel SEED [VALUES [WIDTH]]. Every operation, all roundings and overflows, dense
 * layers, several ports. Widths up to WIDTH bits (default: drawn from 12, 20, 40, 60, 115). For `nngen FILE.hir`, which checks every back
 * end with it.
 */
#include "hir.h"
#include <stdlib.h>

static uint64_t state;

static uint64_t next(void) { /* splitmix64 (Steele, Lea, Flood 2014) */
  uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

static int below(int n) {
  return (int)(next() % (uint64_t)n);
}

static int between(int lo, int hi) {
  return lo + below(hi - lo + 1);
}

static i128 number(int bits) { /* signed, of up to that many bits */
  u128 u = (u128)next() << 64 | next();
  int w = between(1, bits);
  i128 v = (i128)(u >> (128 - w));
  return next() & 1 ? -v : v;
}

enum { MAX_VALUES = 4000 };
static int value[MAX_VALUES], n_values, width;

static int width_at(const Kernel *k, int v) {
  return hir_width(&k->v[v]);
}

static int pick(void) { /* recent ones more often, so that the graph is deep */
  int back = below(3) ? below(n_values < 12 ? n_values : 12) : below(n_values);
  return value[n_values - 1 - back];
}

static int site(Kernel *k) {
  if (below(3) == 0)
    return -1;
  if (k->n_sites == 0 || (k->n_sites < 6 && below(4) == 0))
    return hir_site(k, mem_printf("site%d", k->n_sites), below(4) == 0);
  return below(k->n_sites);
}

/* A sub-range of `bits` bits, or any bounds. */
static void bounds(int bits, i128 *lo, i128 *hi) {
  if (below(2)) {
    bool is_signed = below(3) > 0;
    *lo = is_signed ? -((i128)1 << (bits - 1)) : 0;
    *hi = ((i128)1 << (bits - is_signed)) - 1;
    return;
  }
  *lo = number(bits), *hi = number(bits);
  if (*lo > *hi) {
    i128 t = *lo;
    *lo = *hi, *hi = t;
  }
}

static int quant(Kernel *k, int a, int bits) {
  int drop = below(8) == 0 ? -below(4) : below(width_at(k, a) + 2);
  bool is_signed = below(3) > 0;
  Overflow overflow = below(3) ? OVERFLOW_SAT : OVERFLOW_WRAP;
  i128 lo = is_signed ? -((i128)1 << (bits - 1)) : 0, hi = ((i128)1 << (bits - is_signed)) - 1;
  if (width_at(k, a) - drop > width - 1)
    drop = width_at(k, a) - width + 1;
  return hir_quant(k, a, drop, lo, hi, (Round)below(3), overflow, site(k));
}

static int table(Kernel *k, int a) {
  static const int sizes[] = {2, 8, 32, 128};
  if (k->n_tables < 3) {
    int n = sizes[below(4)], bits = between(1, width < 30 ? width : 30);
    int64_t word[128];
    for (int i = 0; i < n; i++)
      word[i] = (int64_t)number(bits);
    hir_table(k, mem_printf("table%d", k->n_tables), n, word, "random words");
  }
  int t = below(k->n_tables), entries = k->table[t].entries, bits = 0;
  while (1 << bits < entries)
    bits++;
  a = below(2) ? hir_clamp(k, a, 0, entries - 1, site(k)) : hir_wrap(k, a, bits, false, site(k));
  return hir_lut(k, a, t);
}

static int op(Kernel *k) {
  int a = pick(), b = pick(), wa = width_at(k, a), wb = width_at(k, b), room = width - 2, shift = 0;
  i128 lo, hi;
  switch (below(17)) {
  case 0:
  case 1:
  case 2:
  case 3:
    if (wa >= room || wb >= room)
      break;
    shift = below(3) ? between(-(room - wa) / 3, (room - wb) / 3) : 0;
    return below(2) ? hir_add(k, a, b, shift) : hir_sub(k, a, b, shift);
  case 4:
    return wa < room ? hir_neg(k, a) : a;
  case 5:
    return wa < room ? hir_shl(k, a, below((room - wa) / 2 + 1)) : a;
  case 6:
    return hir_shr(k, a, below(wa + 2));
  case 7:
    if (wa + wb < room)
      return hir_mul(k, a, b);
    break;
  case 8:
    return hir_lt(k, a, b);
  case 9:
    return hir_mux(k, hir_lt(k, pick(), pick()), a, b);
  case 10:
    return hir_min(k, a, b);
  case 11:
    return hir_max(k, a, b);
  case 12:
    bounds(width - 1, &lo, &hi);
    return hir_clamp(k, a, lo, hi, site(k));
  case 13:
    return hir_wrap(k, a, between(1, width - 1), below(2), site(k));
  case 14:
    return table(k, a);
  case 15:
    return hir_add(k, a, hir_const(k, number(wa < room ? wa : 1)), 0);
  default:
    break;
  }
  return quant(k, a, between(1, wa < width / 2 ? wa + 1 : width / 2));
}

static void put(int v) {
  if (n_values < MAX_VALUES)
    value[n_values++] = v;
}

/* A dense layer over recent values, rounded and clipped as layers are. */
static void dense(Kernel *k) {
  int rows = between(1, 12), cols = between(1, 12), x[12], y[12], bits = between(2, 9), widest = 0;
  int64_t m[144];
  i128 bias[12];
  for (int i = 0; i < rows; i++) {
    x[i] = pick();
    widest = width_at(k, x[i]) > widest ? width_at(k, x[i]) : widest;
  }
  if (widest + bits + 5 > width)
    return;
  for (int i = 0; i < rows * cols; i++)
    m[i] = below(4) ? (int64_t)number(bits) : 0;
  for (int i = 0; i < cols; i++)
    bias[i] = number(bits + 2);
  hir_mcm(k, rows, cols, m, x, below(2) ? bias : NULL, y, &(McmOptions){.max_depth_extra = below(4) - 1, .searches = between(1, 8)});
  for (int i = 0; i < cols; i++) {
    int v = below(2) ? hir_max(k, y[i], hir_const(k, 0)) : y[i];
    put(below(4) ? quant(k, v, between(2, width / 2)) : y[i]);
  }
}

static void close_layer(Kernel *k, int first) {
  HirLayer *l = &k->layer[k->n_layers - 1];
  l->n = n_values - first;
  l->value = mem_array((size_t)l->n + 1, sizeof *l->value);
  l->frac = mem_array((size_t)l->n + 1, sizeof *l->frac);
  for (int i = 0; i < l->n; i++) {
    l->value[i] = value[first + i];
    l->frac[i] = between(-3, 12);
  }
}

static void open_layer(Kernel *k) {
  k->layer = mem_grow(k->layer, k->n_layers, &k->cap_layers, sizeof *k->layer);
  k->layer[k->n_layers] =
      (HirLayer){.name = mem_printf("layer %d \"*/", k->n_layers), .op = "Random", .tensor = mem_printf("t%d", k->n_layers)};
  k->cur_layer = k->n_layers++;
}

static HirPort *ports(Kernel *k, int n_elements, int first_of, bool inputs) {
  int n = below(3) == 0 && n_elements > 1 ? 2 : 1, first = 0;
  HirPort *p = mem_array((size_t)n, sizeof *p);
  for (int i = 0; i < n; i++) {
    p[i].name = mem_printf("%s%d", inputs ? "x" : "y", i);
    p[i].first = first;
    p[i].n = i == n - 1 ? n_elements - first : n_elements / 2;
    first += p[i].n;
    p[i].rank = 2, p[i].dim[0] = 1, p[i].dim[1] = p[i].n;
    if (inputs) {
      p[i].fmt = (Format){.W = between(1, width > 40 ? 40 : width / 2), .is_signed = below(4) > 0};
    } else {
      i128 lo = 0, hi = 0;
      for (int e = p[i].first; e < first; e++) {
        const HirValue *v = &k->v[k->out[first_of + e]];
        lo = v->lo < lo ? v->lo : lo, hi = v->hi > hi ? v->hi : hi;
      }
      p[i].fmt = (Format){.W = hir_width_of(lo, hi), .is_signed = lo < 0};
    }
    p[i].fmt.I = p[i].fmt.W - between(-2, 12);
  }
  *(inputs ? &k->n_in_ports : &k->n_out_ports) = n;
  return p;
}

/* A third of the kernels is recurrent. */
static void add_state(Kernel *k) {
  k->n_states = below(3) ? 0 : between(1, 2);
  k->state = mem_array(2, sizeof *k->state);
  for (int i = 0; i < k->n_states; i++) {
    HirState *s = &k->state[i];
    *s = (HirState){.name = mem_printf("h%d", i), .first = k->n_state, .n = between(1, 4)};
    s->fmt = (Format){.W = between(1, width > 40 ? 40 : width / 2), .is_signed = below(4) > 0};
    s->fmt.I = s->fmt.W - between(-2, 12);
    s->init = mem_array((size_t)s->n, sizeof *s->init);
    for (int e = 0; e < s->n; e++)
      s->init[e] = below(2) ? 0 : (int64_t)(next() & (((uint64_t)1 << (s->fmt.W - s->fmt.is_signed)) - 1));
    k->n_state += s->n;
  }
  for (int i = 0; i < k->n_states; i++)
    for (int e = 0; e < k->state[i].n; e++) {
      Format f = k->state[i].fmt;
      put(hir_in(k, k->n_in + k->state[i].first + e, f.is_signed ? -((i128)1 << (f.W - 1)) : 0, ((i128)1 << (f.W - f.is_signed)) - 1));
    }
  if (k->n_state) {
    k->steps = below(4);
    k->each_step = below(3) == 0;
    k->channels = below(2) ? 1 : between(2, 9);
  }
}

static int state_value(Kernel *k, Format f) {
  i128 lo = f.is_signed ? -((i128)1 << (f.W - 1)) : 0, hi = lo + ((i128)1 << f.W) - 1;
  int v = pick();
  return below(2) || width_at(k, v) > 62 ? hir_wrap(k, v, f.W, f.is_signed, -1) : hir_clamp(k, v, lo, hi, site(k));
}

static Kernel *random_kernel(int values) {
  Kernel *k = hir_new("fuzz");
  int n_in = between(1, 12);
  k->in_port = ports(k, n_in, 0, true);
  for (int i = 0; i < k->n_in_ports; i++)
    for (int e = k->in_port[i].first; e < k->in_port[i].first + k->in_port[i].n; e++) {
      Format f = k->in_port[i].fmt;
      put(hir_in(k, e, f.is_signed ? -((i128)1 << (f.W - 1)) : 0, ((i128)1 << (f.W - f.is_signed)) - 1));
    }
  add_state(k);
  int layers = between(1, 4);
  for (int l = 0; l < layers; l++) {
    int first = n_values;
    open_layer(k);
    if (below(2))
      dense(k);
    for (int i = 0; i < values / layers; i++)
      put(op(k));
    close_layer(k, first);
  }
  k->n_out = between(1, 8);
  k->out = mem_array((size_t)hir_outs(k), sizeof *k->out);
  for (int i = 0; i < k->n_out; i++) {
    int v = pick();
    k->out[i] = width_at(k, v) > 62 ? hir_wrap(k, v, between(1, 60), true, -1) : v;
  }
  for (int i = 0, at = k->n_out; i < k->n_states; i++)
    for (int e = 0; e < k->state[i].n; e++)
      k->out[at++] = state_value(k, k->state[i].fmt);
  k->out_port = ports(k, k->n_out, 0, false);
  return k;
}

int main(int argc, char **argv) {
  static const int widths[] = {12, 20, 40, 60, 115};
  if (argc < 2) {
    fputs("usage: gen_kernel SEED [VALUES [WIDTH]]\n", stderr);
    return 1;
  }
  state = strtoull(argv[1], NULL, 10) * 1000003u;
  int values = argc > 2 ? atoi(argv[2]) : between(5, 80);
  width = argc > 3 ? atoi(argv[3]) : widths[below(5)];
  if (values < 1 || values > MAX_VALUES / 2 || width < 8 || width > HIR_MAX_WIDTH) {
    fputs("gen_kernel: 1 to 2000 values of 8 to 126 bits\n", stderr);
    return 1;
  }
  Kernel *k = random_kernel(values);
  if (diag_errors())
    return diag_status();
  hir_check(k);
  hir_print(k, stdout);
  return fflush(stdout) ? EXIT_FILES : 0;
}
