/* SPDX-License-Identifier: Apache-2.0
 *
 * base.h - what every file of the compiler leans on: memory, diagnostics, text.
 *
 * Memory: the compiler is a short-lived process. It allocates from one arena and never frees a single object.
 */
#ifndef NNGEN_BASE_H
#define NNGEN_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Intervals and exact sums: wide enough for the product of two 48-bit numbers summed over a large layer. */
__extension__ typedef __int128 i128;
__extension__ typedef unsigned __int128 u128;

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* ---- memory (mem.c) ---- */

/* Zeroed memory, aligned for any type; never NULL: past the budget (mem_set_budget) or when the system has none left,
 * it prints one line and exits 5. */
void *mem_alloc(size_t bytes);
/* Zeroed array; the product is checked. */
void *mem_array(size_t count, size_t size);
/* Grows a vector for at least one more element: doubles *capacity when count has reached it, returns the (moved) array. */
void *mem_grow(void *array, int count, int *capacity, size_t size);
/* A copy of a string; of n bytes (NUL added); printed. All in the arena. */
/* The same outside the arena, for work that repeats: the caller frees it. */
void *mem_scratch(size_t count, size_t size);
char *mem_strdup(const char *s);
char *mem_strndup(const char *s, size_t n);
char *mem_printf(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Upper bound on the arena, in bytes (default 4 GiB). */
void mem_set_budget(size_t bytes);
/* Called instead of the exit when memory runs out; must not return (fuzzers: longjmp). NULL restores the exit. */
void mem_on_exhausted(void (*f)(void));
/* Frees everything: for tests and fuzzers that import many models in one process. */
void mem_release_all(void);

/* ---- diagnostics (diag.c) ---- */

/* Exit codes of the command; also the class of an error. */
enum {
  EXIT_USAGE = 1,       /* options */
  EXIT_INVALID = 2,     /* the model is not valid ONNX */
  EXIT_UNSUPPORTED = 3, /* valid, but not supported */
  EXIT_NUMERIC = 4,     /* NaN weight, proved overflow under --overflow=error, --max-error */
  EXIT_FILES = 5,       /* files and system */
  EXIT_MISMATCH = 6     /* verification */
};

struct Node;

/* Name printed in front of every message (the model's file); NULL: "nngen". */
void diag_set_file(const char *file);
/* JSON lines instead of text. */
void diag_set_json(bool json);
/* Suppress warnings and notes (-q). */
void diag_set_quiet(bool quiet);

/* Report one problem: "model.onnx: node 'conv1' (Conv #12): message". `node` may be NULL. Text that comes from the model must go through
 * diag_text(). An error is counted under its exit code and the caller goes on, so that one run shows every problem. */
void diag_error(int exit_code, const struct Node *node, const char *fmt, ...) PRINTF_LIKE(3, 4);
void diag_warn(const struct Node *node, const char *fmt, ...) PRINTF_LIKE(2, 3);
void diag_note(const struct Node *node, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The exit code of the errors so far: the smallest class reported, 0 for none. */
int diag_status(void);
/* Number of errors, and warnings, so far. */
int diag_errors(void);
int diag_warnings(void);
/* Forget everything (tests, fuzzers). */
void diag_reset(void);
/* Divert messages into a buffer instead of stderr (tests); NULL restores stderr. */
void diag_set_stream(FILE *f);

/* Untrusted text made printable: control and non-ASCII bytes as \xNN, quotes and backslashes escaped, cut to 80 characters. In the arena.
 */
const char *diag_text(const char *s);

/* ---- small helpers (text.c) ---- */

/* A growing text buffer. Zero-initialise. */
typedef struct {
  char *s;
  size_t len, cap;
} Buf;
void buf_printf(Buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_puts(Buf *b, const char *s);
void buf_write(Buf *b, const void *bytes, size_t n);

/* Whole file into the arena, NUL added; NULL (and errno) on failure. *size may be NULL. */
char *file_read(const char *path, size_t *size);
/* The last part of a path: what a file is called wherever it lies. */
const char *path_base(const char *path);
/* Decimal text of a 128-bit number, in the arena. */
const char *i128_text(i128 v);
/* A legal identifier in C and VHDL alike: letters, digits, single underscores, no leading digit or trailing underscore, not a
 * keyword of either language, at most 64 characters; "n" in front where needed. In the arena. */
char *ident(const char *s);
/* Shell-style glob with * and ?. */
bool glob_match(const char *pattern, const char *s);
/* SHA-256 of bytes as 64 hex digits, in the arena. */
char *sha256_hex(const void *bytes, size_t n);
/* Seconds on a monotonic clock. */
double now_s(void);

#endif
