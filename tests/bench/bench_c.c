/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_c.c - samples a second of a generated C model on one core, in batches: bench_c IN OUT SECONDS. Processor time, so that other work
 * on the machine does not count. Linked with c/net.c of a design made with --top=net.
 */
#include "net.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH = 1000 };

int main(int argc, char **argv) {
  if (argc != 4)
    return 1;
  size_t n_in = (size_t)atoi(argv[1]), n_out = (size_t)atoi(argv[2]);
  float *in = malloc(BATCH * n_in * sizeof *in), *out = malloc(BATCH * n_out * sizeof *out);
  if (!in || !out)
    return 1;
  unsigned seed = 1;
  for (size_t i = 0; i < BATCH * n_in; i++) {
    seed = seed * 1664525u + 1013904223u;
    in[i] = (float)(seed >> 16) / 16384.0f - 2.0f;
  }
  double limit = atof(argv[3]), best = 0;
  clock_t start = clock();
  while ((double)(clock() - start) / CLOCKS_PER_SEC < limit) {
    clock_t from = clock();
    for (int i = 0; i < 50; i++)
      net_float_n(in, out, BATCH);
    double took = (double)(clock() - from) / CLOCKS_PER_SEC, rate = 50.0 * BATCH / (took > 0 ? took : 1);
    best = rate > best ? rate : best;
  }
  printf("%.0f\n", best);
  free(in);
  free(out);
  return 0;
}
