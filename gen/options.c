/* SPDX-License-Identifier: Apache-2.0
 *
 * options.c - parsing, help, man page and completion from options.def.
 */
#include "options.h"
#include "quant.h"
#include "version.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>

typedef struct {
  Options o;
  bool done;
  int cap_dims, cap_states;
  const char *name; /* of the option being set, for messages */
} Parse;

static void bad(Parse *p, const char *arg, const char *want) {
  diag_error(EXIT_USAGE, NULL, "%s=%s: %s", p->name, diag_text(arg), want);
}

static int choice(Parse *p, const char *arg, const char *names) {
  int at = 0;
  for (const char *s = names; *s; at++) {
    size_t n = strcspn(s, "|");
    if (strlen(arg) == n && !strncmp(arg, s, n))
      return at;
    s += n + (s[n] == '|');
  }
  bad(p, arg, mem_printf("must be one of %s", names));
  return 0;
}

static long whole(Parse *p, const char *arg, long lo, long hi) {
  char *end;
  errno = 0;
  long v = strtol(arg, &end, 10);
  if (end == arg || *end || errno || v < lo || v > hi) {
    bad(p, arg, mem_printf("must be a whole number from %ld to %ld", lo, hi));
    return lo;
  }
  return v;
}

static double real(Parse *p, const char *arg, double lo, double hi) {
  char *end;
  double v = strtod(arg, &end);
  if (end == arg || *end || !(v >= lo && v <= hi)) {
    bad(p, arg, mem_printf("must be a number from %g to %g", lo, hi));
    return lo;
  }
  return v;
}

static void set_target(Parse *p, const char *a) {
  static const int bit[] = {TARGET_VHDL, TARGET_HLS, TARGET_C, TARGET_ALL};
  p->o.target = bit[choice(p, a, "vhdl|hls|c|all")];
}
static void set_q(Parse *p, const char *a) {
  Format f;
  const char *comma = strchr(a, ',');
  p->o.proved = comma && !strcmp(comma, ",proved");
  if (!format_parse(p->o.proved ? mem_printf("%.*s,auto", (int)(comma - a), a) : a, &f, &p->o.auto_I))
    bad(p, a, "must be W,I, W,auto or W,proved with W from 1 to 48 and I from -48 to 64, as in --q=16,6");
  else
    p->o.W = f.W, p->o.I = f.I;
}
static void set_calibrate(Parse *p, const char *a) {
  size_t n = strlen(a);
  if (n && a[n - 1] == '%') {
    p->o.calibrate = CALIBRATE_PERCENTILE;
    p->o.percentile = real(p, mem_strndup(a, n - 1), 0, 100) / 100;
  } else if (!strcmp(a, "minmax") || !strcmp(a, "error")) {
    p->o.calibrate = *a == 'm' ? CALIBRATE_MINMAX : CALIBRATE_ERROR;
  } else {
    bad(p, a, "must be minmax, a percentage as in 99.9%, or error");
  }
}
static void set_round(Parse *p, const char *a) {
  p->o.round = (Round)choice(p, a, "trn|rnd|rne");
}
static void set_overflow(Parse *p, const char *a) {
  p->o.overflow = (Overflow)choice(p, a, "sat|wrap|error");
}
static void set_config(Parse *p, const char *a) {
  p->o.config = a;
}
static void set_data(Parse *p, const char *a) {
  p->o.data = a;
}
static void set_fit(Parse *p, const char *a) {
  p->o.fit = a;
}
static void set_labels(Parse *p, const char *a) {
  p->o.labels = a;
}
static void set_mode(Parse *p, const char *a) {
  choice(p, a, "parallel|stream|auto");
  p->o.mode = a;
}
static void set_recurrent(Parse *p, const char *a) {
  choice(p, a, "unrolled|iterative|stateful");
  p->o.recurrent = a;
}
static void set_state(Parse *p, const char *a) {
  const char *eq = strchr(a, '=');
  if (!eq || eq == a || !eq[1]) {
    bad(p, a, "must be INPUT=OUTPUT");
    return;
  }
  p->o.states = mem_grow(p->o.states, p->o.n_states, &p->cap_states, sizeof *p->o.states);
  p->o.states[p->o.n_states++] = (StatePair){mem_strndup(a, (size_t)(eq - a)), eq + 1};
}
static void set_reuse(Parse *p, const char *a) {
  p->o.reuse = (int)whole(p, a, 1, 1 << 24);
}

static void set_target_ii(Parse *p, const char *a) {
  p->o.target_ii = whole(p, a, 1, (int64_t)1 << 31);
}

static void set_bram(Parse *p, const char *a) {
  p->o.bram = (int)whole(p, a, 1, 1 << 24);
}
static void set_channels(Parse *p, const char *a) {
  p->o.channels = (int)whole(p, a, 1, 1 << 16);
}
static void set_clock(Parse *p, const char *a) {
  p->o.clock_ns = real(p, a, 0.1, 1e6);
}
static void set_family(Parse *p, const char *a) {
  choice(p, a, "generic|xilinx7|ultrascale|agilex|stratix10|ecp5|ice40");
  p->o.family = family_find(a);
}
static void set_depth(Parse *p, const char *a) {
  if (strcmp(a, "auto") && strcmp(a, "min"))
    whole(p, a, -1, 1000);
  p->o.depth = a;
}
static void set_dsp(Parse *p, const char *a) {
  p->o.dsp = !strcmp(a, "none") ? 0 : !strcmp(a, "auto") ? -1 : (int)whole(p, a, 0, 1000000);
}
static void set_plots(Parse *p, const char *a) {
  p->o.plots = choice(p, a, "auto|none") == 0;
}
static void set_random_vectors(Parse *p, const char *a) {
  p->o.random_vectors = (size_t)whole(p, a, 0, 10000000);
}
static void set_target_loss(Parse *p, const char *a) {
  size_t n = strlen(a);
  bool percent = n && a[n - 1] == '%';
  p->o.target_loss = real(p, percent ? mem_strndup(a, n - 1) : a, 0, 100) / 100;
}
static void set_effort(Parse *p, const char *a) {
  p->o.effort = (int)whole(p, a, 1, 8);
}
static void set_round_weights(Parse *p, const char *a) {
  p->o.compensated = choice(p, a, "nearest|compensated") == 1;
}

static void set_prune(Parse *p, const char *a) {
  p->o.prune_rows = !strncmp(a, "rows:", 5) && a[strlen(a) - 1] == '%';
  a += p->o.prune_rows ? 5 : 0;
  size_t n = strlen(a);
  const char *colon = strchr(a, ':');
  p->o.prune = -1, p->o.prune_share = 0, p->o.prune_of = 0;
  if (colon) {
    p->o.prune_of = (int)whole(p, colon + 1, 2, 1024);
    p->o.prune_keep = (int)whole(p, mem_strndup(a, (size_t)(colon - a)), 1, p->o.prune_of);
  } else if (n && a[n - 1] == '%') {
    p->o.prune_share = real(p, mem_strndup(a, n - 1), 0, 100) / 100;
  } else {
    p->o.prune = real(p, a, 0, 1);
  }
}
static void set_merge(Parse *p, const char *a) {
  p->o.merge = real(p, a, 0, 2);
}
static void set_dim(Parse *p, const char *a) {
  const char *eq = strrchr(a, '=');
  if (!eq || eq == a) {
    bad(p, a, "must be NAME=N");
    return;
  }
  p->o.dims = mem_grow(p->o.dims, p->o.n_dims, &p->cap_dims, sizeof *p->o.dims);
  p->o.dims[p->o.n_dims++] = (DimValue){mem_strndup(a, (size_t)(eq - a)), whole(p, eq + 1, 1, 1 << 24)};
}
static void set_top(Parse *p, const char *a) {
  if (strcmp(ident(a), a))
    bad(p, a, mem_printf("must be an identifier in VHDL and C, as %s", ident(a)));
  p->o.top = a;
}
static void set_out(Parse *p, const char *a) {
  if (!*a)
    bad(p, a, "must name a folder");
  p->o.out_dir = a;
}
static void set_force(Parse *p, const char *a) {
  (void)a, p->o.force = true;
}
static void set_verify(Parse *p, const char *a) {
  (void)a, p->o.verify = true;
}
static void set_max_error(Parse *p, const char *a) {
  p->o.max_error = real(p, a, 0, 1e30);
}
static void set_info(Parse *p, const char *a) {
  (void)a, p->o.info = true;
}
static void set_compare(Parse *p, const char *a) {
  p->o.compare_a = a;
}
static void set_diagnostics(Parse *p, const char *a) {
  diag_set_json(p->o.json = choice(p, a, "text|json") == 1);
}
static void set_dump(Parse *p, const char *a) {
  choice(p, a, "read|upgrade|infer|roll|quantized|fuse|fold|dead|unroll|prune|lower|stream|expand|pipeline");
  p->o.dump = a;
}
static void set_verbose(Parse *p, const char *a) {
  (void)a, p->o.verbose = true;
}
static void set_quiet(Parse *p, const char *a) {
  (void)a, diag_set_quiet(p->o.quiet = true);
}
static void set_hls_mult(Parse *p, const char *a) {
  choice(p, a, "adders|tool");
  p->o.hls_mult = a;
}
static void set_hls_io(Parse *p, const char *a) {
  choice(p, a, "none|axis|axilite");
  p->o.hls_io = a;
}
static void set_float_out(Parse *p, const char *a) {
  p->o.float_out = a;
}
static void set_list_ops(Parse *p, const char *a) {
  (void)a;
  op_list(stdout);
  p->done = true;
}
static void set_version(Parse *p, const char *a) {
  (void)a;
  printf("nngen %s\n", NNGEN_VERSION);
  p->done = true;
}
static void set_help(Parse *p, const char *a);

static const struct {
  const char *name, *arg;
  void (*set)(Parse *, const char *);
  const char *help;
} table[] = {
#define OPT(name, arg, set, help) {name, arg, set, help},
#include "options.def"
#undef OPT
};
enum { OPTIONS = sizeof table / sizeof *table };

static const char *dashes(int i) {
  return strlen(table[i].name) == 1 && !(table[i].arg && table[i].name[0] == 'q') ? "-" : "--";
}

/* Text in lines of at most 110 columns, starting at column `at`, going on at column 33; far beyond: on a line of its own. */
static void help_wrapped(const char *s, size_t at) {
  enum { INDENT = 33, WIDTH = 110 };
  while (*s) {
    size_t n = strcspn(s, " ");
    if (at > INDENT && at + n > WIDTH) {
      printf("\n%*s", INDENT, "");
      at = INDENT;
    }
    printf("%.*s", (int)n, s);
    at += n;
    s += n + strspn(s + n, " ");
    if (*s && at + 1 < WIDTH)
      putchar(' '), at++;
  }
  putchar('\n');
}

static void help_text(void) {
  printf("nngen %s: a trained network as ONNX becomes hardware\n\n  nngen MODEL.onnx [options]\n\n", NNGEN_VERSION);
  for (int i = 0; i < OPTIONS; i++) {
    char left[64];
    snprintf(left, sizeof left, "%s%s%s%s", dashes(i), table[i].name,
             !table[i].arg                                                      ? ""
             : strlen(table[i].name) == 1 && table[i].name[0] == 'o'            ? " "
             : strcmp(table[i].name, "compare") && strcmp(table[i].name, "dim") ? "="
                                                                                : " ",
             table[i].arg ? table[i].arg : "");
    printf("  %-30s ", left);
    help_wrapped(table[i].help, strlen(left) > 30 ? 1000 : 33);
  }
  puts("\nExit status: 0 done, 1 usage, 2 model invalid, 3 not supported, 4 numeric contract, 5 files and system, 6 verification mismatch");
}

static void help_man(void) {
  printf(
      ".TH NNGEN 1 \"\" \"nngen %s\"\n.SH NAME\nnngen \\- compile a trained ONNX network to fixed-point hardware\n.SH SYNOPSIS\n.B nngen\n"
      ".I MODEL.onnx\n[options]\n.SH OPTIONS\n",
      NNGEN_VERSION);
  for (int i = 0; i < OPTIONS; i++)
    printf(".TP\n\\fB%s%s\\fR %s\n%s\n", dashes(i), table[i].name, table[i].arg ? table[i].arg : "", table[i].help);
}

static void help_bash(void) {
  printf("complete -o default -W '");
  for (int i = 0; i < OPTIONS; i++)
    printf("%s%s%s%s", i ? " " : "", dashes(i), table[i].name, table[i].arg && dashes(i)[1] ? "=" : "");
  puts("' nngen");
}

static void set_help(Parse *p, const char *a) {
  if (a && !strcmp(a, "man"))
    help_man();
  else if (a && !strcmp(a, "bash"))
    help_bash();
  else
    help_text();
  p->done = true;
}

/* Into Options.command: what another run needs to give the same. */
static void record(Parse *p, const char *option, const char *arg) {
  static const char *const left_out[] = {"-o",     "-q",     "-v",        "--force", "--float-out", "--diagnostics",
                                         "--dump", "--info", "--compare", "--plots"},
                           *const files[] = {"", "--data", "--fit", "--labels", "--config"};
  for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
    if (!strcmp(option, left_out[i]))
      return;
  for (size_t i = 0; arg && i < sizeof files / sizeof *files; i++)
    if (!strcmp(option, files[i]))
      arg = path_base(arg);
  Buf b = {0};
  buf_printf(&b, "%s %s%s", p->o.command ? p->o.command : "nngen", option, arg && *option ? "=" : "");
  bool plain = !arg || !arg[strspn(arg, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-+=,:/%@")];
  buf_printf(&b, plain ? "%s" : "'%s'", arg ? arg : "");
  p->o.command = b.s;
}

/* The option that argv[*at] names; its argument is after '=' or the next word. */
static void parse_one(Parse *p, int argc, char **argv, int *at) {
  const char *word = argv[*at], *eq = strchr(word, '=');
  size_t n = eq ? (size_t)(eq - word) : strlen(word);
  p->name = mem_strndup(word, n);
  const char *bare = p->name + (word[1] == '-' ? 2 : 1), *nearest = NULL;
  for (int i = 0; i < OPTIONS; i++) {
    bool same = !strcmp(bare, table[i].name) && !strcmp(dashes(i), word[1] == '-' ? "--" : "-");
    if (!nearest && !strncmp(bare, table[i].name, 3 < strlen(bare) ? 3 : strlen(bare)))
      nearest = table[i].name;
    if (!same)
      continue;
    const char *arg = eq ? eq + 1 : NULL;
    if (table[i].arg && !arg) {
      if (*at + 1 >= argc) {
        diag_error(EXIT_USAGE, NULL, "%s needs an argument: %s", p->name, table[i].arg);
        return;
      }
      arg = argv[++*at];
    }
    if (!table[i].arg && arg && table[i].set != set_help)
      diag_error(EXIT_USAGE, NULL, "%s takes no argument", p->name);
    else
      table[i].set(p, arg), record(p, p->name, arg);
    return;
  }
  diag_error(EXIT_USAGE, NULL, "unknown option %s%s (see nngen --help)", diag_text(word),
             nearest ? mem_printf("; did you mean %s?", nearest) : "");
}

Options options_parse(int argc, char **argv, bool *done) {
  Parse p = {.o = {.target = TARGET_VHDL,
                   .W = 16,
                   .I = 6,
                   .round = ROUND_RND,
                   .overflow = OVERFLOW_SAT,
                   .mode = "auto",
                   .recurrent = "unrolled",
                   .channels = 1,
                   .clock_ns = 5,
                   .prune = -1,
                   .merge = -1,
                   .max_error = -1,
                   .depth = "auto",
                   .family = family_find("generic"),
                   .effort = 2,
                   .plots = true,
                   .target_loss = -1,
                   .hls_mult = "adders",
                   .hls_io = "none"}};
  Options *o = &p.o;
  for (int i = 1; i < argc; i++)
    if (argv[i][0] == '-' && argv[i][1])
      parse_one(&p, argc, argv, &i);
    else if (o->compare_a && !o->compare_b)
      o->compare_b = argv[i];
    else if (!o->model)
      o->model = argv[i], record(&p, "", argv[i]);
    else
      diag_error(EXIT_USAGE, NULL, "one model at a time: what is %s?", diag_text(argv[i]));
  *done = p.done;
  if (p.done || diag_errors())
    return *o;
  if (o->compare_a ? !o->compare_b : !o->model)
    diag_error(EXIT_USAGE, NULL, "%s (see nngen --help)",
               o->compare_a ? "--compare needs two reports" : "no model given: nngen MODEL.onnx [options]");
  if (o->max_error >= 0 && !o->data && !o->compare_a)
    diag_error(EXIT_USAGE, NULL, "--max-error needs --data");
  if (o->target_loss >= 0 && !o->data)
    diag_error(EXIT_USAGE, NULL, "--target-loss needs --data");
  if (o->fit && (!o->data || (o->target_loss < 0 && !o->compensated)))
    diag_error(EXIT_USAGE, NULL, "--fit needs --data, and --target-loss or --round-weights=compensated");
  if (o->labels && !o->data)
    diag_error(EXIT_USAGE, NULL, "--labels needs --data");
  if (o->calibrate != CALIBRATE_MINMAX && (!o->auto_I || o->proved))
    diag_error(EXIT_USAGE, NULL, "--calibrate needs --q=W,auto: %s", o->proved ? "a proof leaves nothing to it" : "I is given otherwise");
  if (o->model && !o->top) {
    const char *base = path_base(o->model), *dot = strrchr(base, '.');
    o->top = ident(dot && dot != base ? mem_strndup(base, (size_t)(dot - base)) : base);
  }
  if (o->model && !o->out_dir)
    o->out_dir = mem_printf("%s_nngen", o->top);
  return *o;
}
