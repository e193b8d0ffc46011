/* SPDX-License-Identifier: Apache-2.0
 *
 * main.c - the whole compiler on one page.
 *
 *   model.onnx -> Graph (float) -> formats -> Kernel (integers) -> C, VHDL, test benches, report
 *
 * Every pass reports all it finds wrong; stop_on_errors() ends the run with the exit code of the worst.
 */
#include "passes.h"
#include "quant.h"
#include "report.h"
#include "report_html.h"
#include "search.h"
#include "stream_build.h"
#include "stream_report.h"
#include "lower.h"
#include "verify.h"
#include "vectors.h"
#include <stdlib.h>

enum { MAX_PASSES = 32 };
static PassTime times[MAX_PASSES];
static int n_times;
static double pass_started;

static void stop_on_errors(void) {
  fflush(stdout);
  if (diag_errors())
    exit(diag_status());
}

/* Ends a pass: its time, its dump, its errors. */
static void done(const Options *o, const char *pass, const Graph *g, const Kernel *k) {
  times[n_times++] = (PassTime){pass, now_s() - pass_started};
  stop_on_errors();
  if (o->verbose)
    fprintf(stderr, "%-10s %8.3f s\n", pass, times[n_times - 1].seconds);
  if (k)
    hir_check(k);
  if (o->dump && !strcmp(o->dump, pass)) {
    if (k)
      hir_print(k, stdout);
    else if (g)
      graph_dump(g, stdout);
    exit(fflush(stdout) ? EXIT_FILES : 0);
  }
  pass_started = now_s();
}

/* --mode=auto: streams when asked for, or when one kernel would be too large. */
static bool wants_streams(const Graph *g, const Options *o) {
  enum { MOST_PRODUCTS = 100000 };
  if (strcmp(o->mode, "auto"))
    return !strcmp(o->mode, "stream");
  return o->reuse > 1 || o->target_ii || o->bram || graph_products(g, o->prune) > MOST_PRODUCTS;
}

static void refuse_what_is_missing(const Options *o) {
  if (o->target_loss >= 0 && (!strcmp(o->recurrent, "stateful") || o->n_states))
    diag_error(EXIT_UNSUPPORTED, NULL,
               "--target-loss of a state that is kept for ever is not supported in this version; it searches with --recurrent=unrolled and "
               "iterative");
  if (o->target_loss >= 0 && o->proved)
    diag_error(EXIT_UNSUPPORTED, NULL, "--target-loss chooses formats by the data; with --q=W,proved it is not supported in this version");
  if (o->compensated && (strcmp(o->recurrent, "unrolled") || o->n_states))
    diag_error(EXIT_UNSUPPORTED, NULL,
               "--round-weights=compensated of a network with a state is not supported in this version; use --recurrent=unrolled");
  if (o->n_states && !strcmp(o->recurrent, "iterative"))
    diag_error(EXIT_USAGE, NULL, "--state keeps a state for ever, --recurrent=iterative starts anew with each window: give one of them");
}

/* What streams would otherwise not heed. */
static void refuse_in_streams(const Options *o) {
  const char *why = o->proved                          ? "--q=W,proved"
                    : o->channels > 1                  ? "--channels"
                    : strcmp(o->recurrent, "unrolled") ? "--recurrent other than unrolled"
                    : o->n_states                      ? "--state"
                    : o->target & TARGET_HLS           ? "HLS C++"
                                                       : NULL;
  if (why)
    diag_error(EXIT_UNSUPPORTED, NULL,
               "%s is not supported in stream mode in this version; --mode=parallel does it where the network is small enough", why);
}

/* Of the kernel's form. */
static void refuse_form(const Kernel *k, const Options *o) {
  if (k->n_state && (o->target & TARGET_HLS))
    diag_error(EXIT_UNSUPPORTED, NULL,
               "HLS C++ of a recurrent kernel is not supported in this version; use --target=vhdl, or --recurrent=unrolled");
}

/* ONNX file to float graph with static shapes. */
static Graph *front_end(Options *o) {
  Graph *g = onnx_read(o->model, o->n_dims, o->dims);
  done(o, "read", g, NULL);
  pass_check_ops(g);
  stop_on_errors();
  pass_upgrade(g);
  done(o, "upgrade", g, NULL);
  pass_infer_fold(g);
  done(o, "infer", g, NULL);
  pass_roll(g);
  done(o, "roll", g, NULL);
  pass_quantized(g);
  done(o, "quantized", g, NULL);
  pass_fuse(g);
  done(o, "fuse", g, NULL);
  pass_fold_affine(g);
  pass_chains(g);
  done(o, "fold", g, NULL);
  pass_dead(g);
  pass_check_static(g);
  done(o, "dead", g, NULL);
  pass_state(g, o->n_states, o->states);
  stop_on_errors();
  if (!strcmp(o->recurrent, "unrolled"))
    pass_unroll(g);
  else
    pass_step(g, !strcmp(o->recurrent, "stateful"));
  o->streams = wants_streams(g, o);
  if (!o->info && o->streams)
    stream_check_size(g);
  else if (!o->info)
    pass_check_size(g, o->prune);
  if (!o->streams && !o->info && o->target_loss >= 0 && !options_prune(o))
    pass_local(g);
  done(o, "unroll", g, NULL);
  return g;
}

/* Options that choose weights and formats where a quantised network has its own. */
static void refuse_for_quantised(const Graph *g, const Options *o) {
  for (int i = 0; i < g->n_nodes; i++)
    if (g->node[i]->op == OP_Requantize && (o->target_loss >= 0 || o->merge >= 0 || options_prune(o))) {
      diag_error(EXIT_UNSUPPORTED, g->node[i],
                 "the network comes quantised: its weights and formats are given, --target-loss, --merge and "
                 "--prune have nothing to choose");
      return;
    }
}

static void prune(Graph *g, const Options *o, const Samples *s) {
  if (o->prune >= 0)
    pass_prune(g, o->prune);
  if (o->prune_share > 0 || o->prune_of)
    pass_prune_least(g, s, o->prune_share, o->prune_keep, o->prune_of, o->prune_rows);
  if (o->merge >= 0)
    pass_merge(g, o->merge);
  done(o, "prune", g, NULL);
}

/* --round-weights=compensated, --target-loss: weights, and formats of what lies between layers, by data. */
static void choose_by_data(Graph *g, const Options *o, const Config *config, const Samples *s, const SearchResult **found) {
  if (o->target_loss >= 0 && (options_prune(o) || o->merge >= 0))
    diag_warn(NULL, "--target-loss counts from the network that --prune and --merge leave; what they lose comes on top");
  if (o->target_loss < 0 && o->compensated) {
    stop_on_errors();
    search_compensate(g, o, config, s);
    stop_on_errors();
    done(o, "compensate", g, NULL);
  }
  if (o->target_loss >= 0) {
    stop_on_errors();
    const Format *before = quant_formats(g);
    *found = search_run(g, o, config, s);
    quant_note_search(g, before);
    stop_on_errors();
    done(o, "search", g, NULL);
  }
}

/* Float graph to units joined by streams. */
static Stream *middle_streams(Graph *g, const Options *o, const Samples *s, const SearchResult **found) {
  Config *config = config_read(o->config);
  refuse_in_streams(o);
  refuse_for_quantised(g, o);
  stop_on_errors();
  prune(g, o, s);
  quant_assign(g, o, config, s);
  config_warn_unused(config);
  choose_by_data(g, o, config, s, found);
  stop_on_errors();
  Stream *st = stream_lower(g, o, config);
  stop_on_errors();
  done(o, "lower", g, NULL);
  stream_depths(st);
  stop_on_errors();
  if (o->dump && !strcmp(o->dump, "stream"))
    stream_print(st, stdout);
  done(o, "stream", NULL, NULL);
  return st;
}

/* Float graph to integers, proved widths. */
static Kernel *middle(Graph *g, const Options *o, const Samples *s, const SearchResult **found) {
  Config *config = config_read(o->config);
  refuse_for_quantised(g, o);
  stop_on_errors();
  prune(g, o, s);
  quant_assign(g, o, config, s);
  config_warn_unused(config);
  choose_by_data(g, o, config, s, found);
  if (o->proved) {
    stop_on_errors();
    quant_prove(g, o, config);
    stop_on_errors();
  }
  Kernel *k = lower_graph(g, o, config);
  stop_on_errors();
  hir_affine(k, false);
  hir_check_overflow(k);
  done(o, "lower", g, k);
  return k;
}

/* What the emitters print: QUANT expanded, dead values gone, registers placed. A kernel read from a dump may be past the first two. */
static Kernel *back(Kernel *k, const Options *o) {
  refuse_form(k, o);
  stop_on_errors();
  if (hir_has(k, HIR_QUANT)) {
    k = hir_expand(hir_round(k));
    hir_affine(k, false);
    k = hir_clean(k);
  }
  done(o, "expand", NULL, k);
  if (o->family->three_input)
    hir_ternary(k);
  hir_pipeline(k, o->clock_ns, o->family);
  done(o, "pipeline", NULL, k);
  return k;
}

static void emit_kernel(const Design *d, Folder *f) {
  emit_c(d, f);
  if (d->o->target & TARGET_VHDL)
    emit_vhdl(d, f);
  if (d->o->target & TARGET_HLS)
    emit_hls(d, f);
  emit_tb(d, f);
  emit_folder(d, f);
}

static void emit_streams(const Design *d, Folder *f) {
  const StreamDesign s = {d->top, d->stream, d->g, d->o, d->vec};
  emit_stream_c(&s, f);
  if (d->o->target & TARGET_VHDL)
    emit_stream_vhdl(&s, f);
  emit_stream_tb(&s, f);
  emit_stream_folder(&s, f);
}

static void emit(const Design *d, const Samples *s, const Comparison *c) {
  const Options *o = d->o;
  Folder folder = {0};
  if (d->stream)
    emit_streams(d, &folder);
  else
    emit_kernel(d, &folder);
  report_html(d, s, c, &folder);
  done(o, "emit", NULL, NULL);
  report_json(folder_add(&folder, "report.json"), d, s, c, n_times, times);
  folder_write(&folder, o->out_dir, o->force, o->plots ? report_draw : NULL);
  done(o, "write", NULL, NULL);
}

int main(int argc, char **argv) {
  bool finished;
  Options o = options_parse(argc, argv, &finished);
  stop_on_errors();
  if (finished)
    return 0;
  if (o.compare_a) {
    report_compare(o.compare_a, o.compare_b, &o);
    return diag_status();
  }
  pass_started = now_s();
  diag_set_file(o.model);
  refuse_what_is_missing(&o);
  Design d = {.top = o.top, .o = &o};
  Samples *samples = NULL;
  Comparison *comparison = NULL;
  Vectors vectors;
  size_t dot = strlen(o.model);
  if (dot > 4 && !strcmp(o.model + dot - 4, ".hir")) {
    Kernel *k = hir_read(o.model);
    stop_on_errors();
    d.top = k->name;
    d.k = back(k, &o);
    vectors = vectors_random(d.k, o.random_vectors);
  } else {
    Graph *g = front_end(&o);
    samples = samples_read(g, &o);
    done(&o, "calibrate", g, NULL);
    if (o.info) {
      report_info(g, samples, &o);
      return 0;
    }
    d.g = g;
    int64_t *raw = mem_array(samples->n * (size_t)samples->n_in + 1, sizeof *raw);
    Kernel *lowered;
    if (o.streams) {
      d.stream = middle_streams(g, &o, samples, &d.search);
      d.k = lowered = stream_layers(d.stream);
      comparison = compare_stream(g, d.stream, lowered, &o, samples, raw);
      stream_check(d.stream, raw, samples->n);
    } else {
      lowered = middle(g, &o, samples, &d.search);
      d.k = back(lowered, &o);
      comparison = compare_run(g, lowered, &o, samples, raw);
    }
    compare_labels(d.k, &o, samples, comparison);
    compare_warn(g, lowered, comparison, samples);
    compare_limit(&o, comparison);
    done(&o, "compare", g, NULL);
    vectors = o.streams ? vectors_stream(d.stream, d.k, samples, raw, comparison->out, o.random_vectors)
                        : vectors_from(d.k, samples, raw, comparison->out, o.random_vectors);
    if (o.verbose || o.verify)
      compare_print(lowered, comparison, stdout);
  }
  d.vec = &vectors;
  done(&o, "vectors", NULL, NULL);
  d.cost = d.stream ? stream_costs(d.stream) : hir_costs(d.k);
  emit(&d, samples, comparison);
  if (o.verify)
    verify(&d);
  stop_on_errors();
  if (!o.quiet)
    summary(&d, comparison);
  return 0;
}
