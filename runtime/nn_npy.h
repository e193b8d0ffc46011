/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_npy.h - NumPy's .npy files: header, elements as double, writing. Header-only C99 and C++17; no allocation; nothing in a file is
 * trusted.
 *
 * Understands versions 1.0 to 3.0, little and big endian, f2 f4 f8 i1..i8 u1..u8 b1, C and Fortran order.
 */
#ifndef NN_NPY_H
#define NN_NPY_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { NN_NPY_RANK = 32, NN_NPY_MAX_HEADER = 65536 };

typedef struct {
  char kind;   /* f, i, u, b */
  int size;    /* bytes of one element */
  int swapped; /* big endian */
  int fortran; /* first axis fastest */
  int rank;
  int64_t dim[NN_NPY_RANK];
  int64_t count; /* elements */
  size_t offset; /* of the data in the file */
} nn_npy;

/* Length of magic, version and header text, from the first 12 bytes; 0: not a .npy file. */
static inline size_t nn_npy_header_size(const unsigned char *b, size_t n) {
  if (n < 10 || memcmp(b, "\x93NUMPY", 6) || b[6] < 1 || b[6] > 3)
    return 0;
  if (b[6] == 1)
    return (size_t)(b[8] | b[9] << 8) + 10;
  if (n < 12)
    return 0;
  return (size_t)((uint32_t)b[8] | (uint32_t)b[9] << 8 | (uint32_t)b[10] << 16 | (uint32_t)b[11] << 24) + 12;
}

static inline const char *nn_npy_blanks(const char *s, const char *end) {
  while (s < end && (*s == ' ' || *s == '\n' || *s == '\t'))
    s++;
  return s;
}

/* 'text' or "text": its bytes, and what follows; NULL when there is none. */
static inline const char *nn_npy_string(const char *s, const char *end, const char **text, size_t *n) {
  char quote;
  if (s >= end || (*s != '\'' && *s != '"'))
    return NULL;
  quote = *s++;
  *text = s;
  while (s < end && *s != quote)
    s++;
  *n = (size_t)(s - *text);
  return s < end ? s + 1 : NULL;
}

static inline const char *nn_npy_descr(nn_npy *a, const char *d, size_t n) {
  if (n == 2) { /* without byte order, as b1 */
    a->kind = d[0], a->size = d[1] - '0';
  } else if (n == 3 && memchr("<>|=", d[0], 4)) {
    a->swapped = d[0] == '>';
    a->kind = d[1], a->size = d[2] - '0';
  } else {
    a->kind = '?', a->size = 0;
  }
  if (a->kind == 'f'                     ? a->size == 2 || a->size == 4 || a->size == 8
      : a->kind == 'i' || a->kind == 'u' ? a->size == 1 || a->size == 2 || a->size == 4 || a->size == 8
                                         : a->kind == 'b' && a->size == 1)
    return NULL;
  return "element type is none of f2 f4 f8 i1..i8 u1..u8 b1";
}

static inline const char *nn_npy_shape(nn_npy *a, const char **at, const char *end) {
  const char *s = *at;
  int64_t product = 1; /* of the dimensions but 0: nobody's product may overflow */
  if (s >= end || *s++ != '(')
    return "header: shape is no tuple";
  a->rank = 0, a->count = 1;
  for (s = nn_npy_blanks(s, end); s < end && *s != ')'; s = nn_npy_blanks(s, end)) {
    int64_t v = 0;
    if (*s < '0' || *s > '9')
      return "header: bad shape";
    for (; s < end && *s >= '0' && *s <= '9'; s++) {
      if (v > (INT64_MAX >> 8) / 10)
        return "header: dimension too large";
      v = v * 10 + (*s - '0');
    }
    if (a->rank == NN_NPY_RANK)
      return "header: too many dimensions";
    a->dim[a->rank++] = v;
    if (v && product > (INT64_MAX >> 8) / v)
      return "header: array too large";
    product *= v ? v : 1;
    a->count *= v;
    s = nn_npy_blanks(s, end);
    if (s < end && *s == ',')
      s++;
    else if (s < end && *s != ')')
      return "header: bad shape";
  }
  if (s >= end)
    return "header: shape does not end";
  *at = s + 1;
  return NULL;
}

/* Reads the header from the first nn_npy_header_size bytes of a file. NULL, or what is wrong. */
static inline const char *nn_npy_parse(nn_npy *a, const unsigned char *bytes, size_t n) {
  size_t size = nn_npy_header_size(bytes, n);
  const char *s, *end, *key, *text, *fault;
  size_t key_n, text_n;
  int seen = 0;
  memset(a, 0, sizeof *a);
  if (!size)
    return "not a .npy file";
  if (size > NN_NPY_MAX_HEADER)
    return "header: too long";
  if (n < size)
    return "file ends within its header";
  a->offset = size;
  s = (const char *)bytes + (bytes[6] == 1 ? 10 : 12);
  end = (const char *)bytes + size;
  s = nn_npy_blanks(s, end);
  if (s >= end || *s++ != '{')
    return "header: no dictionary";
  for (s = nn_npy_blanks(s, end); s < end && *s != '}'; s = nn_npy_blanks(s, end)) {
    s = nn_npy_string(s, end, &key, &key_n);
    if (!s)
      return "header: a key is expected";
    s = nn_npy_blanks(s, end);
    if (s >= end || *s++ != ':')
      return "header: ':' is expected";
    s = nn_npy_blanks(s, end);
    if (key_n == 5 && !memcmp(key, "descr", 5) && !(seen & 1)) {
      s = nn_npy_string(s, end, &text, &text_n);
      if (!s)
        return "structured arrays are not supported";
      fault = nn_npy_descr(a, text, text_n);
      seen |= 1;
    } else if (key_n == 13 && !memcmp(key, "fortran_order", 13) && !(seen & 2)) {
      a->fortran = end - s >= 4 && !memcmp(s, "True", 4);
      fault = a->fortran || (end - s >= 5 && !memcmp(s, "False", 5)) ? NULL : "header: fortran_order is neither True nor False";
      s += a->fortran ? 4 : 5;
      seen |= 2;
    } else if (key_n == 5 && !memcmp(key, "shape", 5) && !(seen & 4)) {
      fault = nn_npy_shape(a, &s, end);
      seen |= 4;
    } else {
      return "header: unknown or repeated key";
    }
    if (fault)
      return fault;
    s = nn_npy_blanks(s, end);
    if (s < end && *s == ',')
      s++;
    else if (s < end && *s != '}')
      return "header: ',' is expected";
  }
  if (s >= end || seen != 7)
    return "header: descr, fortran_order or shape is missing";
  if (a->rank < 2)
    a->fortran = 0;
  return NULL;
}

static inline double nn_npy_half(uint64_t h) {
  int e = (int)(h >> 10 & 31);
  double m = (double)(h & 1023), scale = 1.0 / 16777216.0; /* subnormals step by 2^-24 */
  uint64_t special = (h & 1023 ? 0x7ff8000000000000u : 0x7ff0000000000000u);
  if (e == 31) {
    memcpy(&m, &special, sizeof m);
  } else {
    if (e)
      m += 1024;
    for (m *= scale; e > 1; e--)
      m *= 2;
  }
  return h >> 15 ? -m : m;
}

/* One element, as double: integers beyond 2^53 are rounded. */
static inline double nn_npy_element(const nn_npy *a, const unsigned char *p) {
  uint64_t u = 0;
  uint32_t u32;
  float f;
  double d;
  int i;
  for (i = 0; i < a->size; i++)
    u |= (uint64_t)p[a->swapped ? a->size - 1 - i : i] << 8 * i;
  switch (a->kind) {
  case 'f':
    if (a->size == 2)
      return nn_npy_half(u);
    if (a->size == 4) {
      u32 = (uint32_t)u;
      memcpy(&f, &u32, sizeof f);
      return (double)f;
    }
    memcpy(&d, &u, sizeof d);
    return d;
  case 'i':
    if (u >> (8 * a->size - 1) & 1) /* -(2^n - u), without leaving the range of either type */
      return -(double)((a->size == 8 ? ~u : ((uint64_t)1 << 8 * a->size) - 1 - u)) - 1;
    return (double)u;
  case 'b':
    return u != 0;
  default:
    return (double)u;
  }
}

/* n elements that lie one after the other. */
static inline void nn_npy_decode(const nn_npy *a, const unsigned char *p, size_t n, double *out) {
  const uint16_t one = 1;
  unsigned char low;
  size_t i;
  memcpy(&low, &one, 1);
  if (a->kind == 'f' && a->size == 4 && !a->swapped && low) { /* the common cases, at the speed of memory */
    for (i = 0; i < n; i++) {
      float f;
      memcpy(&f, p + 4 * i, 4);
      out[i] = (double)f;
    }
  } else if (a->kind == 'f' && a->size == 8 && !a->swapped && low) {
    memcpy(out, p, n * 8);
  } else {
    for (i = 0; i < n; i++)
      out[i] = nn_npy_element(a, p + i * (size_t)a->size);
  }
}

/* Where element i (C order) of a Fortran-ordered array lies. */
static inline int64_t nn_npy_fortran_index(const nn_npy *a, int64_t i) {
  int64_t stride = a->count, at = 0;
  int axis;
  for (axis = a->rank - 1; axis >= 0; axis--) {
    if (a->dim[axis] == 0)
      return 0;
    stride /= a->dim[axis];
    at += i % a->dim[axis] * stride;
    i /= a->dim[axis];
  }
  return at;
}

/* Header of a C-order array; descr as "<f8". The data follow. 0 on a write error. */
static inline int nn_npy_write_header(FILE *f, const char *descr, int rank, const int64_t *dim) {
  char text[1024];
  unsigned char head[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, 0, 0};
  size_t n, total;
  int i, used = snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
  for (i = 0; i < rank && used < 900; i++)
    used += snprintf(text + used, sizeof text - (size_t)used, "%lld%s", (long long)dim[i], rank == 1 ? "," : i + 1 < rank ? ", " : "");
  if (i < rank)
    return 0;
  used += snprintf(text + used, sizeof text - (size_t)used, "), }");
  n = (size_t)used;
  for (total = 64; total < n + 11; total += 64)
    ;
  memset(text + n, ' ', total - 10 - n);
  text[total - 11] = '\n';
  head[8] = (unsigned char)((total - 10) & 255);
  head[9] = (unsigned char)((total - 10) >> 8);
  return fwrite(head, 1, 10, f) == 10 && fwrite(text, 1, total - 10, f) == total - 10;
}

#endif
