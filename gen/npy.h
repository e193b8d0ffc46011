/* SPDX-License-Identifier: Apache-2.0
 *
 * npy.h - NumPy files for --data and --labels: .npy, and .npz archives of them (stored or deflated).
 */
#ifndef NNGEN_NPY_H
#define NNGEN_NPY_H

#include "base.h"

enum { NPY_MAX_RANK = 32 };

typedef struct {
  const char *name; /* member of the archive without its ".npy"; "" in a plain .npy */
  int rank;
  int64_t dim[NPY_MAX_RANK];
  size_t count;
  double *value; /* C order, whatever the file's; integers beyond 2^53 are rounded */
} NpyArray;

typedef struct {
  int n, cap;
  NpyArray *array;
} NpyFile;

/* Every array of a file, told apart by its first bytes, not by its name. NULL after diag_error(EXIT_FILES). */
NpyFile *npy_read(const char *path);
/* The same from memory; `path` names it in messages. */
NpyFile *npy_read_mem(const char *path, const void *bytes, size_t n);
/* The array of that name; NULL when there is none. */
const NpyArray *npy_find(const NpyFile *f, const char *name);

#endif
