/* SPDX-License-Identifier: Apache-2.0
 *
 * diag.c - messages to the user: one a line, as text or as JSON objects.
 */
#include "nngen.h"

/* A hostile file may have a problem in each of a million nodes. */
enum { MAX_SHOWN = 1000, TEXT_SHOWN = 80 };

static const char *file_name;
static bool as_json, quiet;
static FILE *stream;
static int errors, warnings, notes, status;

void diag_set_file(const char *file) {
  file_name = file;
}
void diag_set_json(bool json) {
  as_json = json;
}
void diag_set_quiet(bool q) {
  quiet = q;
}
void diag_set_stream(FILE *f) {
  stream = f;
}
int diag_status(void) {
  return status;
}
int diag_errors(void) {
  return errors;
}
int diag_warnings(void) {
  return warnings;
}
void diag_reset(void) {
  errors = warnings = notes = status = 0;
}

const char *diag_text(const char *s) {
  if (!s)
    return "";
  char *out = mem_alloc(TEXT_SHOWN + 8);
  size_t n = 0;
  for (; *s; s++) {
    unsigned char c = (unsigned char)*s;
    char piece[8];
    int k = c < 0x20 || c >= 0x7f                ? snprintf(piece, sizeof piece, "\\x%02X", c)
            : c == '\'' || c == '"' || c == '\\' ? snprintf(piece, sizeof piece, "\\%c", c)
                                                 : snprintf(piece, sizeof piece, "%c", c);
    if (n + (size_t)k > TEXT_SHOWN - 3) {
      memcpy(out + n, "...", 4);
      return out;
    }
    memcpy(out + n, piece, (size_t)k);
    n += (size_t)k;
  }
  return out;
}

/* Length of the UTF-8 sequence at s, 0 where there is none. */
static int utf8_length(const char *s) {
  unsigned char c = (unsigned char)s[0];
  int n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
  for (int i = 1; i < n; i++)
    if (((unsigned char)s[i] & 0xc0) != 0x80)
      return 0;
  return n;
}

static void put_json(FILE *f, const char *s) {
  putc('"', f);
  while (*s) {
    int n = utf8_length(s);
    unsigned char c = (unsigned char)*s;
    if (n == 0 || c < 0x20 || c == 0x7f)
      fprintf(f, "\\u%04x", c);
    else if (c == '"' || c == '\\')
      fprintf(f, "\\%c", c);
    else
      fwrite(s, 1, (size_t)n, f);
    s += n ? n : 1;
  }
  putc('"', f);
}

/* File names are the user's own: shown as they are, but for control characters. */
static void put_file(FILE *f, const char *s) {
  for (; *s; s++)
    putc((unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s, f);
}

static void report(const char *level, int code, const Node *n, const char *fmt, va_list ap) {
  FILE *f = stream ? stream : stderr;
  va_list again;
  va_copy(again, ap);
  int len = vsnprintf(NULL, 0, fmt, ap);
  char *text = mem_alloc((size_t)(len < 0 ? 0 : len) + 1);
  if (len > 0)
    vsnprintf(text, (size_t)len + 1, fmt, again);
  va_end(again);

  if (as_json) {
    fprintf(f, "{\"level\": \"%s\", ", level);
    if (code)
      fprintf(f, "\"code\": %d, ", code);
    if (file_name) {
      fputs("\"file\": ", f);
      put_json(f, file_name);
      fputs(", ", f);
    }
    if (n) {
      fputs("\"node\": ", f);
      put_json(f, diag_text(n->name));
      fputs(", \"op\": ", f);
      put_json(f, diag_text(n->op_type));
      fprintf(f, ", \"index\": %d, ", n->index);
    }
    fputs("\"message\": ", f);
    put_json(f, text);
    fputs("}\n", f);
  } else {
    put_file(f, file_name ? file_name : "nngen");
    fputs(": ", f);
    if (!code)
      fprintf(f, "%s: ", level);
    if (n)
      fprintf(f, "node '%s' (%s #%d): ", diag_text(n->name), diag_text(n->op_type), n->index);
    fprintf(f, "%s\n", text);
  }
}

void diag_error(int exit_code, const Node *node, const char *fmt, ...) {
  if (status == 0 || exit_code < status)
    status = exit_code;
  if (errors++ >= MAX_SHOWN)
    return;
  va_list ap;
  va_start(ap, fmt);
  report("error", exit_code, node, fmt, ap);
  va_end(ap);
}

void diag_warn(const Node *node, const char *fmt, ...) {
  if (warnings++ >= MAX_SHOWN || quiet)
    return;
  va_list ap;
  va_start(ap, fmt);
  report("warning", 0, node, fmt, ap);
  va_end(ap);
}

void diag_note(const Node *node, const char *fmt, ...) {
  if (notes++ >= MAX_SHOWN || quiet)
    return;
  va_list ap;
  va_start(ap, fmt);
  report("note", 0, node, fmt, ap);
  va_end(ap);
}
