/* SPDX-License-Identifier: Apache-2.0
 *
 * text.c - text buffers, whole files, identifiers, globs, hashes, time.
 */
#include "base.h"

#include <ctype.h>
#include <errno.h>
#include <sha256.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

static void buf_reserve(Buf *b, size_t more) {
  size_t want = b->len + more + 1;
  if (want <= b->cap)
    return;
  size_t cap = b->cap ? b->cap * 2 : 256;
  while (cap < want)
    cap *= 2;
  char *s = mem_alloc(cap);
  if (b->len)
    memcpy(s, b->s, b->len);
  b->s = s;
  b->cap = cap;
}

void buf_write(Buf *b, const void *bytes, size_t n) {
  buf_reserve(b, n);
  if (n)
    memcpy(b->s + b->len, bytes, n);
  b->len += n;
  b->s[b->len] = 0;
}

void buf_puts(Buf *b, const char *s) {
  buf_write(b, s, strlen(s));
}

void buf_printf(Buf *b, const char *fmt, ...) {
  va_list ap, again;
  va_start(ap, fmt);
  va_copy(again, ap);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  if (n > 0) {
    buf_reserve(b, (size_t)n);
    vsnprintf(b->s + b->len, (size_t)n + 1, fmt, again);
    b->len += (size_t)n;
  }
  va_end(again);
}

/* Reads to the end rather than asking for the size first: pipes and /proc have none. */
char *file_read(const char *path, size_t *size) {
  FILE *f = fopen(path, "rb");
  if (!f)
    return NULL;
  Buf b = {0};
  size_t n;
  errno = 0;
  do {
    buf_reserve(&b, b.len + 65536);
    n = fread(b.s + b.len, 1, b.cap - b.len - 1, f);
    b.len += n;
  } while (n);
  int error = ferror(f) ? errno ? errno : EIO : 0;
  fclose(f);
  if (error) {
    errno = error;
    return NULL;
  }
  b.s[b.len] = 0;
  if (size)
    *size = b.len;
  return b.s;
}

const char *i128_text(i128 v) {
  char s[48], *p = s + sizeof s;
  bool negative = v < 0;
  *--p = 0;
  do {
    int digit = (int)(v % 10);
    *--p = (char)('0' + (digit < 0 ? -digit : digit));
    v /= 10;
  } while (v);
  if (negative)
    *--p = '-';
  return mem_strdup(p);
}

/* Words that generated code may not use as names, in any case: keywords of VHDL (87 to 2019), C and C++, Verilog's, as synthesis may
 * pass through it, and names that the generated files take from libraries. */
static const char *const reserved[] = {
    /* VHDL */
    "abs", "access", "after", "alias", "all", "and", "architecture", "array", "assert", "assume", "assume_guarantee", "attribute", "begin",
    "block", "body", "buffer", "bus", "case", "component", "configuration", "constant", "context", "cover", "default", "disconnect",
    "downto", "else", "elsif", "end", "entity", "exit", "fairness", "file", "for", "force", "function", "generate", "generic", "group",
    "guarded", "if", "impure", "in", "inertial", "inout", "is", "label", "library", "linkage", "literal", "loop", "map", "mod", "nand",
    "new", "next", "nor", "not", "null", "of", "on", "open", "or", "others", "out", "package", "parameter", "port", "postponed", "private",
    "procedure", "process", "property", "protected", "pure", "range", "record", "register", "reject", "release", "rem", "report",
    "restrict", "restrict_guarantee", "return", "rol", "ror", "select", "sequence", "severity", "shared", "signal", "sla", "sll", "sra",
    "srl", "strong", "subtype", "then", "to", "transport", "type", "unaffected", "units", "until", "use", "variable", "view", "vmode",
    "vprop", "vunit", "wait", "when", "while", "with", "xnor", "xor",
    /* VHDL libraries */
    "bit", "bit_vector", "boolean", "character", "error", "failure", "falling_edge", "false", "ieee", "integer", "line", "natural", "note",
    "now", "numeric_std", "positive", "read", "real", "resize", "rising_edge", "shift_left", "shift_right", "signed", "std", "std_logic",
    "std_logic_1164", "std_logic_vector", "std_ulogic", "std_ulogic_vector", "string", "textio", "time", "to_integer", "to_signed",
    "to_unsigned", "true", "unsigned", "warning", "work", "write",
    /* C and C++ */
    "alignas", "alignof", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break", "catch", "char", "char8_t", "char16_t", "char32_t",
    "class", "co_await", "co_return", "co_yield", "compl", "concept", "const", "const_cast", "consteval", "constexpr", "constinit",
    "continue", "decltype", "delete", "do", "double", "dynamic_cast", "enum", "explicit", "export", "extern", "float", "friend", "goto",
    "inline", "int", "long", "main", "mutable", "namespace", "noexcept", "not_eq", "nullptr", "operator", "or_eq", "public",
    "reinterpret_cast", "requires", "restrict", "short", "sizeof", "static", "static_assert", "static_cast", "struct", "switch", "template",
    "this", "thread_local", "throw", "try", "typedef", "typeid", "typename", "typeof", "union", "using", "virtual", "void", "volatile",
    "wchar_t", "xor_eq",
    /* Verilog */
    "always", "assign", "casex", "casez", "defparam", "endcase", "endfunction", "endgenerate", "endmodule", "endtask", "event", "fork",
    "genvar", "initial", "input", "join", "localparam", "module", "negedge", "output", "posedge", "primitive", "reg", "repeat", "specify",
    "table", "task", "tri", "wand", "wire", "wor"};

char *ident(const char *s) {
  enum { MAX = 64 };
  char *id = mem_alloc(MAX + 2);
  size_t n = 0;
  unsigned char first = (unsigned char)*s;
  if (first >= 0x80 || !isalpha(first))
    id[n++] = 'n';
  for (; *s && n < MAX; s++) {
    unsigned char c = (unsigned char)*s;
    if (c < 0x80 && isalnum(c))
      id[n++] = (char)c;
    else if (n && id[n - 1] != '_')
      id[n++] = '_';
  }
  while (n > 1 && id[n - 1] == '_')
    n--;
  id[n] = 0;
  for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
    if (strcasecmp(id, reserved[i]) == 0)
      return mem_printf("n_%s", id);
  return id;
}

bool glob_match(const char *pattern, const char *s) {
  const char *star = NULL, *resume = NULL;
  while (*s) {
    if (*pattern == '*') {
      star = pattern++;
      resume = s;
    } else if (*pattern == '?' || *pattern == *s) {
      pattern++;
      s++;
    } else if (star) {
      pattern = star + 1;
      s = ++resume;
    } else {
      return false;
    }
  }
  while (*pattern == '*')
    pattern++;
  return !*pattern;
}

char *sha256_hex(const void *bytes, size_t n) {
  SHA2_CTX ctx;
  uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA256Init(&ctx);
  SHA256Update(&ctx, bytes, n);
  SHA256Final(digest, &ctx);
  char *hex = mem_alloc(2 * sizeof digest + 1);
  for (size_t i = 0; i < sizeof digest; i++)
    snprintf(hex + 2 * i, 3, "%02x", digest[i]);
  return hex;
}

double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

const char *path_base(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}
