/* SPDX-License-Identifier: Apache-2.0
 *
 * npy.c - NumPy files (npy.h). The format itself is in runtime/nn_npy.h, which the generated C model uses too.
 */
#include "npy.h"
#include "../runtime/nn_npy.h"
#include <errno.h>
#include <stdlib.h>
#include <zip.h>

/* A deflated member may unpack to a thousand times its size: no data set of a network needs more than this. */
static const uint64_t max_member = (uint64_t)1 << 31;

static bool decode(NpyFile *f, const char *path, const char *name, const unsigned char *bytes, size_t n) {
  nn_npy h;
  const char *fault = nn_npy_parse(&h, bytes, n);
  const char *where = *name ? mem_printf("%s: member '%s'", diag_text(path), diag_text(name)) : diag_text(path);
  if (!fault && (uint64_t)h.count > (n - h.offset) / (size_t)h.size)
    fault = mem_printf("file ends within its data: %lld elements of %d bytes are announced, %zu bytes are there", (long long)h.count,
                       h.size, n - h.offset);
  if (fault) {
    diag_error(EXIT_FILES, NULL, "%s: %s", where, fault);
    return false;
  }
  f->array = mem_grow(f->array, f->n, &f->cap, sizeof *f->array);
  NpyArray *a = &f->array[f->n++];
  *a = (NpyArray){.name = name, .rank = h.rank, .count = (size_t)h.count};
  memcpy(a->dim, h.dim, sizeof a->dim);
  a->value = mem_array(a->count + 1, sizeof *a->value);
  const unsigned char *data = bytes + h.offset;
  if (!h.fortran)
    nn_npy_decode(&h, data, a->count, a->value);
  else
    for (size_t i = 0; i < a->count; i++)
      a->value[i] = nn_npy_element(&h, data + (size_t)nn_npy_fortran_index(&h, (int64_t)i) * (size_t)h.size);
  return true;
}

static const char *array_name(const char *member) {
  size_t n = strlen(member);
  return n > 4 && !strcmp(member + n - 4, ".npy") ? mem_strndup(member, n - 4) : mem_strdup(member);
}

static bool read_member(NpyFile *f, const char *path, zip_t *z, zip_uint64_t i) {
  zip_stat_t s;
  if (zip_stat_index(z, i, 0, &s) || !(s.valid & ZIP_STAT_NAME) || !(s.valid & ZIP_STAT_SIZE)) {
    diag_error(EXIT_FILES, NULL, "%s: damaged archive", diag_text(path));
    return false;
  }
  if (s.size > max_member) {
    diag_error(EXIT_FILES, NULL, "%s: member '%s' is too large (%llu bytes)", diag_text(path), diag_text(s.name),
               (unsigned long long)s.size);
    return false;
  }
  const char *name = array_name(s.name);
  /* the announced size is not trusted with memory: grow as bytes arrive */
  size_t cap = 1 << 16, n = 0;
  unsigned char *bytes = malloc(cap);
  zip_file_t *m = zip_fopen_index(z, i, 0);
  zip_int64_t got = m ? 0 : -1;
  while (m && bytes && (got = zip_fread(m, bytes + n, cap - n)) > 0) {
    n += (size_t)got;
    if (n > s.size)
      break;
    if (n == cap) {
      unsigned char *more = realloc(bytes, 2 * cap);
      if (!more)
        free(bytes);
      bytes = more, cap *= 2;
    }
  }
  bool ok = bytes && got == 0 && n == s.size;
  if (m && zip_fclose(m))
    ok = false; /* CRC */
  if (!ok)
    diag_error(EXIT_FILES, NULL, "%s: member '%s' cannot be unpacked", diag_text(path), diag_text(name));
  ok = ok && decode(f, path, name, bytes, n);
  free(bytes);
  return ok;
}

static NpyFile *read_zip(const char *path, const void *bytes, size_t n) {
  zip_error_t e;
  zip_error_init(&e);
  zip_source_t *s = zip_source_buffer_create(bytes, n, 0, &e);
  zip_t *z = s ? zip_open_from_source(s, ZIP_RDONLY, &e) : NULL;
  if (!z) {
    diag_error(EXIT_FILES, NULL, "%s: not a readable .npz archive: %s", diag_text(path), zip_error_strerror(&e));
    zip_source_free(s);
    zip_error_fini(&e);
    return NULL;
  }
  NpyFile *f = mem_alloc(sizeof *f);
  bool ok = true;
  zip_int64_t members = zip_get_num_entries(z, 0);
  for (zip_int64_t i = 0; i < members && ok; i++)
    ok = read_member(f, path, z, (zip_uint64_t)i);
  zip_discard(z);
  zip_error_fini(&e);
  if (ok && f->n == 0) {
    diag_error(EXIT_FILES, NULL, "%s: the archive holds no array", diag_text(path));
    ok = false;
  }
  return ok ? f : NULL;
}

NpyFile *npy_read_mem(const char *path, const void *bytes, size_t n) {
  if (n >= 4 && (!memcmp(bytes, "PK\3\4", 4) || !memcmp(bytes, "PK\5\6", 4)))
    return read_zip(path, bytes, n);
  NpyFile *f = mem_alloc(sizeof *f);
  return decode(f, path, "", bytes, n) ? f : NULL;
}

NpyFile *npy_read(const char *path) {
  size_t n;
  errno = 0;
  const char *bytes = file_read(path, &n);
  if (!bytes) {
    diag_error(EXIT_FILES, NULL, "%s: %s", diag_text(path), strerror(errno ? errno : EIO));
    return NULL;
  }
  return npy_read_mem(path, bytes, n);
}

const NpyArray *npy_find(const NpyFile *f, const char *name) {
  for (int i = 0; i < f->n; i++)
    if (!strcmp(f->array[i].name, name))
      return &f->array[i];
  return NULL;
}
