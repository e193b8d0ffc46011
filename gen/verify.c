/* SPDX-License-Identifier: Apache-2.0
 *
 * verify.c - --verify: everything that was emitted is built and simulated by the output folder's own Makefile, so that what we claim is
 * what the user can repeat. The result goes into report.json.
 */
#include "verify.h"
#include "report_html.h"
#include <jansson.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_NO_TOOL = 77 };

typedef struct {
  const char *key, *target, *what;
} Check;

char *shell_quoted(const char *s) {
  Buf b = {0};
  buf_puts(&b, "'");
  for (; *s; s++)
    if (*s == '\'')
      buf_puts(&b, "'\\''");
    else
      buf_write(&b, s, 1);
  buf_puts(&b, "'");
  return b.s;
}

/* Runs one target; its last PASS or FAIL line comes back (or what it said last), and whether it passed. */
static char *run(const Design *d, const Check *c, int *status) {
  char *command = mem_printf("make -s -C %s %s 2>&1", shell_quoted(d->o->out_dir), c->target), line[4096], *verdict = NULL, *last = NULL;
  FILE *p = popen(command, "r");
  if (!p) {
    *status = EXIT_FILES;
    return mem_strdup("cannot run make");
  }
  while (fgets(line, sizeof line, p)) {
    line[strcspn(line, "\n")] = 0;
    if (!strncmp(line, "PASS:", 5) || !strncmp(line, "FAIL:", 5))
      verdict = mem_strdup(line);
    if (line[0] && strncmp(line, "make", 4))
      last = mem_strdup(line);
    if (d->o->verbose)
      fprintf(stderr, "  %s\n", line);
  }
  int s = pclose(p);
  *status = WIFEXITED(s) ? WEXITSTATUS(s) : EXIT_FILES;
  return verdict ? verdict : last ? last : mem_strdup("it said nothing");
}

static long number_before(const char *line, const char *word) {
  const char *at = strstr(line, word);
  if (!at)
    return -1;
  while (at > line && at[-1] == ' ')
    at--;
  while (at > line && at[-1] >= '0' && at[-1] <= '9')
    at--;
  return strtol(at, NULL, 10);
}

static json_t *check(const Design *d, const Check *c) {
  int status;
  double started = now_s();
  if (isatty(2) && !d->o->quiet)
    fprintf(stderr, "verifying %s ...\r", c->what);
  char *said = run(d, c, &status);
  bool no_tool = strstr(said, "not installed") || strstr(said, "not found") || status == EXIT_NO_TOOL;
  printf("%-34s %s (%.1f s)\n", c->what, said, now_s() - started);
  fflush(stdout);
  long vectors = number_before(said, " vectors"), mismatches = number_before(said, " mismatches");
  if (status == 0 && !strncmp(said, "PASS:", 5) && vectors > 0 && mismatches == 0)
    return json_pack("{s:I,s:I}", "vectors", (json_int_t)vectors, "mismatched_bits", (json_int_t)0);
  if (no_tool && strncmp(said, "FAIL:", 5)) {
    diag_warn(NULL, "%s was not checked: %s", c->what, said);
    return json_null();
  }
  diag_error(EXIT_MISMATCH, NULL, "%s failed: %s (make -C %s %s shows more)", c->what, said, d->o->out_dir, c->target);
  return json_pack("{s:I,s:I}", "vectors", (json_int_t)(vectors > 0 ? vectors : 0), "mismatched_bits",
                   (json_int_t)(mismatches > 0 ? mismatches : 1));
}

void verify(const Design *d) {
  static const Check c_check = {"c", "check", "C model against the oracle"}, ghdl = {"ghdl", "sim", "VHDL in GHDL against the C model"},
                     verilator = {"verilator", "verilate", "VHDL in Verilator, all vectors"},
                     hls = {"hls", "hls", "HLS C++ on the host, all vectors"};
  json_t *v = json_object();
  json_object_set_new(v, c_check.key, check(d, &c_check));
  if (d->o->target & TARGET_VHDL) {
    json_object_set_new(v, ghdl.key, check(d, &ghdl));
    json_object_set_new(v, verilator.key, check(d, &verilator));
  }
  if (d->o->target & TARGET_HLS)
    json_object_set_new(v, hls.key, check(d, &hls));
  char *path = mem_printf("%s/report.json", d->o->out_dir), *fresh = mem_printf("%s.new", path);
  json_t *root = json_load_file(path, 0, NULL);
  if (!root || json_object_set(root, "verify", v) || json_dump_file(root, fresh, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) ||
      rename(fresh, path))
    diag_error(EXIT_FILES, NULL, "cannot update %s", path);
  else if (d->o->plots)
    report_draw(d->o->out_dir);
  json_decref(v);
  json_decref(root);
}

void summary(const Design *d, const Comparison *c) {
  const HirCost cost = d->cost[0];
  printf(
      "%s: %lld adders (%lld carry bits), %lld multipliers, %lld table bits; latency %lld cycles, II %lld; about %lld LUT, %lld FF, %lld "
      "DSP (estimated)\n",
      d->o->out_dir, (long long)cost.adders, (long long)cost.adder_bits, (long long)cost.mults, (long long)cost.lut_entries_bits,
      (long long)design_latency(d), (long long)design_interval(d), (long long)cost.luts, (long long)cost.ffs, (long long)cost.dsps);
  if (c) {
    report_pruned(d, c, stdout);
    compare_line(c, stdout);
  }
  if (!d->o->verify)
    printf("next: make -C %s %s\n", d->o->out_dir, d->o->target & TARGET_VHDL ? "sim" : d->o->target & TARGET_HLS ? "hls" : "check");
}
