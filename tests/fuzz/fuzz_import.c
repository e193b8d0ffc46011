/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_import.c - the importer on damaged files: fuzz_import MODEL [FLIPS [SEED]]
 *
 * Every truncation of the file, then FLIPS (default 2000) copies with a few random bits or bytes changed, go through the whole front end
 * and, where they are accepted, one evaluation. Meant for a build with address and undefined-behaviour checks. Fails when a truncation is
 * accepted that is not a complete model in itself, or when a refusal comes without a message.
 */
#include "nngen.h"

#include <setjmp.h>
#include <stdlib.h>

static jmp_buf out_of_memory;
static void give_up(void) {
  longjmp(out_of_memory, 1);
}

static uint64_t state;
static uint64_t rnd(uint64_t n) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state % n;
}

/* Reads, checks, runs all passes; the exit code that nngen would end with. */
static int import(const char *path, const uint8_t *bytes, size_t n) {
  diag_reset();
  if (setjmp(out_of_memory)) {
    mem_release_all();
    return EXIT_FILES;
  }
  Graph *g = onnx_read_mem(path, bytes, n, 0, NULL);
  if (!g && !diag_status()) {
    fprintf(stderr, "fuzz_import: refused without a message\n");
    exit(1);
  }
  static void (*const passes[])(Graph *) = {pass_check_ops,   pass_upgrade, pass_infer_fold, pass_quantized,   pass_fuse,
                                            pass_fold_affine, pass_chains,  pass_dead,       pass_check_static};
  for (size_t i = 0; i < sizeof passes / sizeof *passes && !diag_status(); i++) {
    passes[i](g);
    if (!diag_status())
      graph_check(g, i >= 2);
  }
  if (!diag_status()) {
    int64_t elements = 0, inputs = 0;
    for (int i = 0; i < g->n_tensors; i++)
      elements += tensor_count(g->tensor[i]);
    for (int i = 0; i < g->n_in; i++)
      inputs += tensor_count(g->in[i]);
    if (elements < 1000000 && graph_macs(g) < 10000000)
      eval_run(eval_new(g), mem_array((size_t)inputs, sizeof(double)));
  }
  mem_release_all();
  return diag_status();
}

/* Marks the lengths at which the file ends between two fields of the outermost message, after version, operator set and graph. */
static void mark_complete(const uint8_t *p, size_t n, bool *complete) {
  bool seen[32] = {false};
  for (size_t i = 0; i < n;) {
    uint64_t key = 0, length = 0;
    for (int shift = 0; i < n; shift += 7) {
      key |= (uint64_t)(p[i] & 127) << shift;
      if (p[i++] < 128)
        break;
    }
    for (int shift = 0; i < n; shift += 7) { /* also skips over numbers; ModelProto has no others */
      length |= (uint64_t)(p[i] & 127) << shift;
      if (p[i++] < 128)
        break;
    }
    i += (key & 7) == 2 ? length : 0;
    seen[key >> 3 & 31] = true;
    if (i <= n)
      complete[i] = seen[1] && seen[7] && seen[8];
  }
}

int main(int argc, char **argv) {
  FILE *f = argc > 1 ? fopen(argv[1], "rb") : NULL;
  if (!f) {
    fprintf(stderr, "usage: fuzz_import MODEL [FLIPS [SEED]]\n");
    return 1;
  }
  fseek(f, 0, SEEK_END);
  size_t n = (size_t)ftell(f);
  rewind(f);
  uint8_t *original = malloc(n + 1), *copy = malloc(n + 1);
  bool *complete = calloc(n + 1, sizeof *complete);
  if (fread(original, 1, n, f) != n)
    return 1;
  fclose(f);
  long flips = argc > 2 ? strtol(argv[2], NULL, 10) : 2000;
  state = argc > 3 ? strtoull(argv[3], NULL, 10) * 2654435761u + 1 : 88172645463325252u;
  diag_set_stream(fopen("/dev/null", "w"));
  mem_set_budget((size_t)256 << 20);
  mem_on_exhausted(give_up);
  mark_complete(original, n, complete);

  int bad = 0, codes[8] = {0};
  if (import(argv[1], original, n) != 0)
    bad++, fprintf(stderr, "%s: the whole file is refused\n", argv[1]);
  for (size_t k = 0; k < n; k++) {
    memcpy(copy, original, k); /* its own block, so that the sanitizer sees reads past the cut */
    uint8_t *cut = memcpy(malloc(k ? k : 1), original, k);
    int code = import(argv[1], cut, k);
    free(cut);
    codes[code & 7]++;
    if (!code && !complete[k])
      bad++, fprintf(stderr, "%s: accepted when cut to %zu bytes\n", argv[1], k);
  }
  printf("%s: %zu truncations, %d accepted; ", argv[1], n, codes[0]);
  memset(codes, 0, sizeof codes);
  for (long k = 0; k < flips; k++) {
    memcpy(copy, original, n);
    for (uint64_t changes = 1 + rnd(4); changes; changes--)
      if (rnd(4))
        copy[rnd(n)] ^= (uint8_t)(1u << rnd(8));
      else
        copy[rnd(n)] = (uint8_t)rnd(256);
    codes[import(argv[1], copy, n) & 7]++;
  }
  printf("%ld damaged copies, %d accepted, exits 2: %d, 3: %d, 4: %d, 5: %d\n", flips, codes[0], codes[2], codes[3], codes[4], codes[5]);
  free(original);
  free(copy);
  free(complete);
  return bad != 0;
}
