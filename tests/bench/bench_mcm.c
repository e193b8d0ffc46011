/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_mcm.c - time and memory of one random matrix as an adder graph: bench_mcm ROWS COLS BITS [SEARCHES]. Uniform entries of BITS bits
 * with sign, inputs of 8 bits. Prints adders, adder bits, depth, seconds and the most megabytes the process had.
 */
#include "hir.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Not getrusage: that keeps what the parent had before exec. */
static double most_megabytes(void) {
  char line[256];
  double kilobytes = 0;
  FILE *f = fopen("/proc/self/status", "r");
  while (f && fgets(line, sizeof line, f))
    if (!strncmp(line, "VmHWM:", 6))
      kilobytes = atof(line + 6);
  if (f)
    fclose(f);
  return kilobytes / 1024;
}

int main(int argc, char **argv) {
  if (argc < 4)
    return 1;
  int rows = atoi(argv[1]), cols = atoi(argv[2]), bits = atoi(argv[3]);
  McmOptions opt = {0, argc > 4 ? atoi(argv[4]) : 2};
  if (rows < 1 || cols < 1 || bits < 2 || bits > 32)
    return 1;
  Kernel *k = hir_new("matrix");
  int64_t *m = mem_array((size_t)rows * (size_t)cols, sizeof *m);
  int *x = mem_array((size_t)rows, sizeof *x), *y = mem_array((size_t)cols, sizeof *y);
  uint64_t seed = 1;
  for (int i = 0; i < rows * cols; i++) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    m[i] = (int64_t)(seed >> (64 - bits)) - ((int64_t)1 << (bits - 1));
  }
  for (int i = 0; i < rows; i++)
    x[i] = hir_in(k, i, -128, 127);
  double start = now();
  hir_mcm(k, rows, cols, m, x, NULL, y, &opt);
  double took = now() - start;
  k->out = y;
  k->n_out = cols;
  HirCost cost = hir_cost(hir_clean(k), -1);
  printf("adders=%lld bits=%lld depth=%d seconds=%.3f megabytes=%.0f\n", (long long)cost.adders, (long long)cost.adder_bits, cost.depth,
         took, most_megabytes());
  return 0;
}
