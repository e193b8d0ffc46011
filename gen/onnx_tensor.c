/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_tensor.c - the elements of a TensorProto: raw_data, the typed fields, or a file beside the model.
 */
#include "onnx_tensor.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int elem_size(DataType t) {
  switch (t) {
  case DT_BOOL:
  case DT_INT8:
  case DT_UINT8:
  case DT_INT4: /* several in one: per_byte */
  case DT_UINT4:
  case DT_INT2:
  case DT_UINT2:
    return 1;
  case DT_INT16:
  case DT_UINT16:
  case DT_FLOAT16:
  case DT_BFLOAT16:
    return 2;
  case DT_FLOAT:
  case DT_INT32:
  case DT_UINT32:
    return 4;
  case DT_DOUBLE:
  case DT_INT64:
  case DT_UINT64:
    return 8;
  default:
    return 0;
  }
}

static double half_to_double(uint16_t h) {
  int exponent = h >> 10 & 31;
  double m = h & 1023;
  double v = exponent == 0 ? ldexp(m, -24) : exponent == 31 ? (m ? (double)NAN : (double)INFINITY) : ldexp(m + 1024, exponent - 25);
  return h >> 15 ? -v : v;
}

static double float_bits(uint32_t bits) {
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}

/* Element from its bits, which are in the low end of `b`. */
static double from_bits(DataType t, uint64_t b) {
  double d;
  switch (t) {
  case DT_BOOL:
    return (b & 0xff) != 0;
  case DT_INT8:
    return (int8_t)b;
  case DT_UINT8:
    return (uint8_t)b;
  case DT_INT16:
    return (int16_t)b;
  case DT_UINT16:
    return (uint16_t)b;
  case DT_INT32:
    return (int32_t)b;
  case DT_UINT32:
    return (uint32_t)b;
  case DT_INT64:
    return (double)(int64_t)b;
  case DT_UINT64:
    return (double)b;
  case DT_FLOAT:
    return float_bits((uint32_t)b);
  case DT_FLOAT16:
    return half_to_double((uint16_t)b);
  case DT_BFLOAT16:
    return float_bits((uint32_t)(b & 0xffff) << 16);
  default:
    memcpy(&d, &b, sizeof d);
    return d;
  }
}

/* Elements smaller than a byte: several in one, the first in its low bits. 1 for other types. */
static size_t per_byte(DataType t) {
  return t == DT_INT4 || t == DT_UINT4 ? 2 : t == DT_INT2 || t == DT_UINT2 ? 4 : 1;
}

static double from_part(DataType t, unsigned byte, size_t at) {
  const unsigned bits = 8 / (unsigned)per_byte(t), v = byte >> (at % per_byte(t) * bits) & ((1u << bits) - 1);
  const bool negative = (t == DT_INT4 || t == DT_INT2) && v >> (bits - 1);
  return negative ? (double)v - (double)(1u << bits) : (double)v;
}

static void from_raw(Tensor *t, const uint8_t *p, size_t n) {
  for (size_t i = 0; per_byte(t->dtype) > 1 && i < n; i++)
    t->value[i] = from_part(t->dtype, p[i / per_byte(t->dtype)], i);
  if (per_byte(t->dtype) > 1)
    return;
  size_t size = (size_t)elem_size(t->dtype);
  for (size_t i = 0; i < n; i++, p += size) {
    uint64_t bits = 0;
    for (size_t k = 0; k < size; k++)
      bits |= (uint64_t)p[k] << (8 * k);
    t->value[i] = from_bits(t->dtype, bits);
  }
}

static size_t typed_count(DataType t, const Onnx__TensorProto *p) {
  switch (t) {
  case DT_FLOAT:
    return p->n_float_data;
  case DT_DOUBLE:
    return p->n_double_data;
  case DT_INT64:
    return p->n_int64_data;
  case DT_UINT32:
  case DT_UINT64:
    return p->n_uint64_data;
  default:
    return p->n_int32_data;
  }
}

static double typed_elem(DataType t, const Onnx__TensorProto *p, size_t i) {
  switch (t) {
  case DT_FLOAT:
    return p->float_data[i];
  case DT_DOUBLE:
    return p->double_data[i];
  case DT_INT64:
    return (double)p->int64_data[i];
  case DT_UINT32:
  case DT_UINT64:
    return from_bits(t, p->uint64_data[i]);
  default: /* small integers, bool, and the bits of float16 and bfloat16 */
    return from_bits(t, (uint64_t)(int64_t)p->int32_data[i]);
  }
}

static const char *entry(const Onnx__TensorProto *p, const char *key) {
  for (size_t i = 0; i < p->n_external_data; i++)
    if (p->external_data[i]->key && strcmp(p->external_data[i]->key, key) == 0)
      return p->external_data[i]->value;
  return NULL;
}

/* A decimal number without sign; false on anything else. NULL leaves *v. */
static bool parse_size(const char *s, uint64_t *v) {
  if (!s)
    return true;
  if (!*s || strlen(s) > 18 || strspn(s, "0123456789") != strlen(s))
    return false;
  *v = strtoull(s, NULL, 10);
  return true;
}

/* Relative, and no ".." among its parts. */
static bool path_stays_inside(const char *path) {
  if (!path || !*path || *path == '/')
    return false;
  for (const char *p = path; *p;) {
    size_t n = strcspn(p, "/");
    if (n == 2 && p[0] == '.' && p[1] == '.')
      return false;
    p += n + (p[n] == '/');
  }
  return true;
}

/* Opens folder/location, also refusing symbolic links out of the folder; -1 after a message. */
static int open_beside(const char *name, const char *model, const char *location) {
  const char *slash = strrchr(model, '/');
  const char *folder = !slash ? "." : slash == model ? "/" : mem_strndup(model, (size_t)(slash - model));
  const char *path = mem_printf("%s/%s", folder, location);
  char *root = realpath(folder, NULL), *real = root ? realpath(path, NULL) : NULL;
  int fd = -1;
  if (!real) {
    diag_error(EXIT_FILES, NULL, "data file '%s' of tensor '%s': %s", diag_text(location), name, strerror(errno));
  } else {
    size_t n = strcmp(root, "/") == 0 ? 0 : strlen(root);
    struct stat st;
    if (strncmp(real, root, n) != 0 || real[n] != '/')
      diag_error(EXIT_INVALID, NULL, "data file '%s' of tensor '%s' leads out of the model's folder", diag_text(location), name);
    else if ((fd = open(real, O_RDONLY | O_NONBLOCK | O_CLOEXEC)) < 0 || fstat(fd, &st) != 0)
      diag_error(EXIT_FILES, NULL, "data file '%s' of tensor '%s': %s", diag_text(location), name, strerror(errno));
    else if (!S_ISREG(st.st_mode)) {
      diag_error(EXIT_FILES, NULL, "data file '%s' of tensor '%s' is not a regular file", diag_text(location), name);
      close(fd);
      fd = -1;
    }
  }
  free(root);
  free(real);
  return fd;
}

/* Raw bytes out of a file beside the model; NULL after a message. */
static const uint8_t *external(const char *name, const Onnx__TensorProto *p, const char *model, size_t want) {
  const char *location = entry(p, "location");
  if (!path_stays_inside(location)) {
    diag_error(EXIT_INVALID, NULL, "tensor '%s': data file '%s' is not inside the model's folder", name, diag_text(location));
    return NULL;
  }
  uint64_t offset = 0, length = want;
  if (!parse_size(entry(p, "offset"), &offset) || !parse_size(entry(p, "length"), &length)) {
    diag_error(EXIT_INVALID, NULL, "tensor '%s': offset or length of its external data is not a number", name);
    return NULL;
  }
  if (length != want) {
    diag_error(EXIT_INVALID, NULL, "tensor '%s': %llu bytes of external data where its shape needs %zu", name, (unsigned long long)length,
               want);
    return NULL;
  }
  int fd = open_beside(name, model, location);
  if (fd < 0)
    return NULL;
  struct stat st;
  uint8_t *bytes = NULL;
  if (fstat(fd, &st) != 0 || st.st_size < 0 || offset > (uint64_t)st.st_size || want > (uint64_t)st.st_size - offset) {
    diag_error(EXIT_INVALID, NULL, "tensor '%s': its external data reaches past the end of '%s'", name, diag_text(location));
  } else {
    bytes = mem_alloc(want);
    size_t done = 0;
    while (done < want) {
      ssize_t k = pread(fd, bytes + done, want - done, (off_t)(offset + done));
      if (k < 0 && errno == EINTR)
        continue;
      if (k <= 0) {
        diag_error(EXIT_FILES, NULL, "data file '%s' of tensor '%s': %s", diag_text(location), name, k ? strerror(errno) : "shortened");
        bytes = NULL;
        break;
      }
      done += (size_t)k;
    }
  }
  close(fd);
  return bytes;
}

static bool read_shape(Tensor *t, const char *name, const Onnx__TensorProto *p) {
  if (p->n_dims > MAX_RANK) {
    diag_error(EXIT_UNSUPPORTED, NULL, "tensor '%s' has %zu dimensions; at most %d are supported", name, p->n_dims, MAX_RANK);
    return false;
  }
  int64_t product = 1;
  for (size_t i = 0; i < p->n_dims; i++) {
    int64_t d = p->dims[i];
    if (d < 0 || d > INT32_MAX || product * (d ? d : 1) > INT32_MAX) {
      diag_error(EXIT_INVALID, NULL, "tensor '%s': dimension %zu is %lld, or its elements are more than 2^31", name, i, (long long)d);
      return false;
    }
    product *= d ? d : 1;
    t->dim[i] = d;
  }
  t->rank = (int)p->n_dims;
  return true;
}

/* Infinite ones are left to pass_check_static: as bounds they have a meaning. */
static bool check_nan(const Tensor *t, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (isnan(t->value[i])) {
      diag_error(EXIT_NUMERIC, NULL, "weight '%s' is NaN at index %zu", diag_text(t->name), i);
      return false;
    }
  return true;
}

bool onnx_tensor(Tensor *t, const Onnx__TensorProto *p, const char *model) {
  const char *name = diag_text(t->name);
  t->dtype = (DataType)p->data_type;
  if (!p->has_data_type || p->data_type == DT_UNDEFINED) {
    diag_error(EXIT_INVALID, NULL, "tensor '%s' has no element type", name);
    return false;
  }
  if (!read_shape(t, name, p))
    return false;
  if (t->dtype == DT_STRING)
    return true;
  size_t size = (size_t)elem_size(t->dtype), n = (size_t)tensor_count(t), each = per_byte(t->dtype);
  if (!size || p->segment) {
    const char *type = mem_printf("elements of type %s are not supported%s%s", dtype_name(t->dtype),
                                  dtype_is_small_float(t->dtype) ? ": " : "", dtype_is_small_float(t->dtype) ? SMALL_FLOAT_ADVICE : "");
    diag_error(EXIT_UNSUPPORTED, NULL, "tensor '%s': %s", name, size ? "segmented data is not supported" : type);
    return false;
  }
  const size_t stored = (n + each - 1) / each;
  const uint8_t *raw = NULL;
  if (p->has_data_location && p->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL) {
    raw = external(name, p, model, stored * size);
    if (!raw)
      return false;
  } else if (p->has_raw_data && (p->raw_data.len || !typed_count(t->dtype, p))) {
    if (p->raw_data.len != stored * size) {
      diag_error(EXIT_INVALID, NULL, "tensor '%s' holds %zu bytes where its shape needs %zu", name, p->raw_data.len, stored * size);
      return false;
    }
    raw = p->raw_data.data;
  } else if (typed_count(t->dtype, p) != stored) {
    diag_error(EXIT_INVALID, NULL, "tensor '%s' holds %zu elements where its shape needs %zu", name, typed_count(t->dtype, p), stored);
    return false;
  }
  t->value = mem_array(n, sizeof(double));
  if (raw)
    from_raw(t, raw, n);
  else
    for (size_t i = 0; i < n; i++)
      t->value[i] = each > 1 ? from_part(t->dtype, (unsigned)p->int32_data[i / each], i) : typed_elem(t->dtype, p, i);
  return check_nan(t, n);
}
