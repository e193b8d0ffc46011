/* SPDX-License-Identifier: Apache-2.0
 *
 * template.c - the project's text files inside the binary (build/embedded.c, made by gen/embed.sh), and how markers and prefixes are
 * replaced.
 */
#include "emit.h"
#include <ctype.h>
#include <stdlib.h>

extern const struct {
  const char *path;
  const char *text;
} embedded_file[];

const char *template_text(const char *path) {
  for (int i = 0; embedded_file[i].path; i++)
    if (!strcmp(embedded_file[i].path, path))
      return embedded_file[i].text;
  fprintf(stderr, "nngen: internal error: no template %s\n", path);
  abort();
}

static bool marker_char(char c) {
  return isupper((unsigned char)c) || isdigit((unsigned char)c) || c == '_';
}

void template_render(Buf *out, const char *path, const char *const *pairs) {
  const char *s = template_text(path);
  while (*s) {
    const char *at = strchr(s, '@');
    if (!at) {
      buf_puts(out, s);
      return;
    }
    size_t n = 0;
    while (marker_char(at[1 + n]))
      n++;
    if (n == 0 || at[1 + n] != '@') { /* a plain @, as in a Makefile recipe */
      buf_write(out, s, (size_t)(at - s) + 1);
      s = at + 1;
      continue;
    }
    buf_write(out, s, (size_t)(at - s));
    int i = 0;
    while (pairs[i] && (strlen(pairs[i]) != n || strncmp(pairs[i], at + 1, n)))
      i += 2;
    if (!pairs[i]) {
      fprintf(stderr, "nngen: internal error: %s: no value for @%.*s@\n", path, (int)n, at + 1);
      abort();
    }
    buf_puts(out, pairs[i + 1]);
    s = at + n + 2;
  }
}

void template_prefix(Buf *out, const char *path, const char *top) {
  for (const char *text = template_text(path), *s = text; *s; s++) {
    bool starts = s == text || !(isalnum((unsigned char)s[-1]) || s[-1] == '_');
    if (starts && (!strncmp(s, "nn_", 3) || !strncmp(s, "NN_", 3))) {
      buf_printf(out, "%s_", top);
      s += 2;
    } else {
      buf_write(out, s, 1);
    }
  }
}
