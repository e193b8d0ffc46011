/* SPDX-License-Identifier: Apache-2.0
 *
 * folder.c - the output folder: collected in memory, written beside the target, renamed into place. After any failure the old one is as it
 * was.
 */
#include "emit.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char mark[] = ".nngen"; /* says that nngen made the folder and may replace it */

Buf *folder_add(Folder *f, const char *path) {
  f->file = mem_grow(f->file, f->n, &f->cap, sizeof *f->file);
  FolderFile *file = f->file[f->n++] = mem_alloc(sizeof *file);
  file->path = path;
  return &file->text;
}

/* Folders only, no links followed; errors are of no interest: what cannot be removed stays. */
static void remove_tree(const char *dir) {
  DIR *d = opendir(dir);
  if (d) {
    for (struct dirent *e; (e = readdir(d));) {
      if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
        continue;
      char *path = mem_printf("%s/%s", dir, e->d_name);
      struct stat st;
      if (!lstat(path, &st) && S_ISDIR(st.st_mode))
        remove_tree(path);
      else
        unlink(path);
    }
    closedir(d);
  }
  rmdir(dir);
}

static bool write_file(const char *path, const char *s, size_t n) {
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
  if (fd < 0)
    return false;
  while (n) {
    ssize_t w = write(fd, s, n);
    if (w < 0 && errno == EINTR)
      continue;
    if (w <= 0) {
      int e = errno;
      close(fd);
      errno = e;
      return false;
    }
    s += w, n -= (size_t)w;
  }
  return close(fd) == 0;
}

static bool make_parents(const char *base, const char *path) {
  for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
    char *dir = mem_printf("%s/%s", base, mem_strndup(path, (size_t)(slash - path)));
    if (mkdir(dir, 0777) && errno != EEXIST)
      return false;
  }
  return true;
}

static bool is_empty(const char *dir) {
  DIR *d = opendir(dir);
  int n = 0;
  if (!d)
    return false;
  while (readdir(d))
    n++;
  closedir(d);
  return n <= 2;
}

bool folder_may_write(const char *dir, bool force) {
  struct stat st;
  if (lstat(dir, &st))
    return true;
  if (!S_ISDIR(st.st_mode)) {
    diag_error(EXIT_FILES, NULL, "output %s exists and is not a folder", diag_text(dir));
    return false;
  }
  if (force || is_empty(dir) || !access(mem_printf("%s/%s", dir, mark), F_OK))
    return true;
  diag_error(EXIT_FILES, NULL, "output folder %s was not made by nngen; choose another with -o, or --force to replace it", diag_text(dir));
  return false;
}

void folder_write(const Folder *f, const char *dir, bool force, void (*finish)(const char *dir)) {
  size_t len = strlen(dir);
  while (len > 1 && dir[len - 1] == '/')
    len--;
  dir = mem_strndup(dir, len);
  if (!folder_may_write(dir, force))
    return;
  char *fresh = mem_printf("%s.new.%ld", dir, (long)getpid()), *old = mem_printf("%s.old.%ld", dir, (long)getpid());
  const char *at = fresh;
  bool ok = make_parents(dir[0] == '/' ? "/" : ".", dir[0] == '/' ? dir + 1 : dir) && !mkdir(fresh, 0777); /* parents as mkdir -p */
  for (int i = 0; ok && i < f->n; i++) {
    at = mem_printf("%s/%s", fresh, f->file[i]->path);
    ok = make_parents(fresh, f->file[i]->path) && write_file(at, f->file[i]->text.s ? f->file[i]->text.s : "", f->file[i]->text.len);
  }
  if (ok) {
    at = mem_printf("%s/%s", fresh, mark);
    ok = write_file(at, "made by nngen; may be replaced by it\n", 37);
  }
  if (ok && finish)
    finish(fresh);
  if (ok) {
    bool had = !rename(dir, old);
    at = dir;
    ok = (had || errno == ENOENT) && !rename(fresh, dir);
    if (!ok && had && rename(old, dir))
      diag_error(EXIT_FILES, NULL, "the previous folder is in %s", old);
    else if (ok && had)
      remove_tree(old);
  }
  if (!ok) {
    diag_error(EXIT_FILES, NULL, "cannot write %s: %s", diag_text(at), strerror(errno));
    remove_tree(fresh);
  }
}
