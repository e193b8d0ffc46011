/* SPDX-License-Identifier: Apache-2.0
 *
 * parallel.c - see parallel.h.
 */
#include "parallel.h"
#include <pthread.h>
#include <stdbool.h>

typedef struct {
  void (*f)(void *ctx, int part);
  void *ctx;
  int part;
} Part;

static void *run(void *arg) {
  const Part *p = arg;
  p->f(p->ctx, p->part);
  return NULL;
}

void in_parts(void (*f)(void *ctx, int part), void *ctx) {
  pthread_t thread[PARTS];
  bool runs[PARTS] = {false};
  Part part[PARTS];
  for (int i = 1; i < PARTS; i++) {
    part[i] = (Part){f, ctx, i};
    runs[i] = !pthread_create(&thread[i], NULL, run, &part[i]);
  }
  f(ctx, 0);
  for (int i = 1; i < PARTS; i++)
    if (runs[i])
      pthread_join(thread[i], NULL);
    else
      f(ctx, i);
}
