/* SPDX-License-Identifier: Apache-2.0
 *
 * mem.c - the arena: small objects are cut from chunks, large ones get a chunk each; nothing is freed but all at once.
 */
#include "base.h"

#include <stdlib.h>

/* Under AddressSanitizer every object is a chunk, so that it sees overruns between objects. */
#if defined(__SANITIZE_ADDRESS__)
#define ONE_EACH 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ONE_EACH 1
#endif
#endif
#ifndef ONE_EACH
#define ONE_EACH 0
#endif

enum { CHUNK = 1 << 18 };

typedef union Chunk Chunk;
union Chunk {
  Chunk *next;
  max_align_t align;
};

static Chunk *chunks;
static char *bump;
static size_t bump_left;
static size_t used;
static size_t budget = (size_t)4 << 30;
static void (*on_exhausted)(void);

void mem_set_budget(size_t bytes) {
  budget = bytes;
}

void mem_on_exhausted(void (*f)(void)) {
  on_exhausted = f;
}

static void exhausted(size_t bytes) {
  if (on_exhausted)
    on_exhausted();
  fprintf(stderr, "nngen: out of memory: %zu bytes wanted, %zu in use, %zu allowed\n", bytes, used, budget);
  exit(EXIT_FILES);
}

static void *chunk_new(size_t bytes) {
  if (bytes > budget || used > budget - bytes)
    exhausted(bytes);
  Chunk *c = calloc(1, sizeof *c + bytes);
  if (!c) {
    exhausted(bytes);
    abort(); /* on_exhausted must not return */
  }
  used += bytes;
  c->next = chunks;
  chunks = c;
  return c + 1;
}

void *mem_alloc(size_t bytes) {
  if (bytes > SIZE_MAX / 2)
    exhausted(bytes);
  if (ONE_EACH || bytes > CHUNK / 8)
    return chunk_new(bytes ? bytes : 1);
  bytes = (bytes + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
  if (bytes > bump_left) {
    bump = chunk_new(CHUNK);
    bump_left = CHUNK;
  }
  void *p = bump;
  bump += bytes;
  bump_left -= bytes;
  return p;
}

void *mem_array(size_t count, size_t size) {
  if (size && count > SIZE_MAX / 2 / size)
    exhausted(SIZE_MAX);
  return mem_alloc(count * size);
}

void *mem_grow(void *array, int count, int *capacity, size_t size) {
  if (count < *capacity)
    return array;
  if (*capacity > INT32_MAX / 2)
    exhausted(SIZE_MAX);
  *capacity = *capacity ? *capacity * 2 : 16;
  void *p = mem_array((size_t)*capacity, size);
  if (count)
    memcpy(p, array, (size_t)count * size);
  return p;
}

char *mem_strndup(const char *s, size_t n) {
  char *p = mem_alloc(n + 1);
  if (n)
    memcpy(p, s, n);
  return p;
}

void *mem_scratch(size_t count, size_t size) {
  void *p = calloc(count ? count : 1, size);
  if (!p)
    exhausted(count * size);
  return p;
}

char *mem_strdup(const char *s) {
  return mem_strndup(s, strlen(s));
}

char *mem_printf(const char *fmt, ...) {
  va_list ap, again;
  va_start(ap, fmt);
  va_copy(again, ap);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  char *p = mem_alloc((size_t)(n < 0 ? 0 : n) + 1);
  if (n > 0)
    vsnprintf(p, (size_t)n + 1, fmt, again);
  va_end(again);
  return p;
}

void mem_release_all(void) {
  while (chunks) {
    Chunk *next = chunks->next;
    free(chunks);
    chunks = next;
  }
  bump = NULL;
  bump_left = used = 0;
}
