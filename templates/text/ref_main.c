/* @TOP@_ref.c - runs the C model of @TOP@ on files. Made by nngen @VERSION@.
 *
 *   ref in.npy out.npy [--raw] [--threads N]
 *   ref --check vectors-in.hex vectors-out.hex
 *
 * in.npy: numbers of any type, samples along the first axis (or one sample). out.npy: float64, exactly the fixed-point values; --raw: their
 * integers. Exit: 0 done, 1 usage or a mismatch, 5 files.
 */
#define _POSIX_C_SOURCE 200809L
#include "../c/@TOP@.h"
#include "@TOP@_npy.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FAULT_USAGE = 1, FAULT_FILES = 5, MAX_THREADS = 256 };
/* A sample of the files: one token of the hardware, or a window of them. */
enum { TOKENS = @TOKENS@, SAMPLE_IN = TOKENS * @TOP@_IN, SAMPLE_OUT = @RESULTS@ * @TOP@_OUT };

typedef struct {
  int n, W, is_signed;
} Port;
static const Port in_port[] = {@IN_PORTS@}, out_port[] = {@OUT_PORTS@};
static const int64_t out_shape[] = {@OUT_SHAPE@};

static const char *unfinished; /* an output file that is removed when we fail */

static void fail(int code, const char *path, const char *what) {
  fflush(stdout);
  fprintf(stderr, "ref: %s%s%s\n", path ? path : "", path ? ": " : "", what);
  if (unfinished)
    remove(unfinished);
  exit(code);
}

static void fail_system(const char *path) {
  fail(FAULT_FILES, path, strerror(errno ? errno : EIO));
}

static void *need(size_t n, size_t size) {
  void *p = n < SIZE_MAX / 2 / size ? calloc(n ? n : 1, size) : NULL;
  if (!p)
    fail(FAULT_FILES, NULL, "out of memory");
  return p;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- a batch of samples, every thread its share ---- */

typedef struct {
  const @TOP@_npy *type;
  const unsigned char *bytes; /* elements as in the file */
  double *x, *y;
  int64_t *integer; /* --raw: instead of y */
  @TOP@_in_t *in;
  @TOP@_out_t *out;
  size_t n; /* samples */
  size_t clipped;
  uint64_t saturated[@SITES@ + 1];
#ifdef @TOP@_STATE
  @TOP@_state_t state;
#endif
} Share;

static void *run_share(void *argument) {
  Share *s = (Share *)argument;
  size_t i;
  @TOP@_npy_decode(s->type, s->bytes, s->n * SAMPLE_IN, s->x);
  s->clipped += @TOP@_quantize(s->x, s->in, s->n * TOKENS);
#ifdef @TOP@_STATE
  @TOP@_run(&s->state, s->in, s->out, s->n * TOKENS, s->saturated);
#else
  @TOP@_run(s->in, s->out, s->n, s->saturated);
#endif
  if (!s->integer)
    @TOP@_dequantize(s->out, s->y, s->n * @RESULTS@);
  for (i = 0; s->integer && i < s->n * SAMPLE_OUT; i++)
    s->integer[i] = (int64_t)s->out[i];
  return NULL;
}

static void run_batch(Share *share, int threads, Share whole) {
  pthread_t thread[MAX_THREADS];
  size_t at = 0;
  int i, started;
  for (i = 0; i < threads; i++) {
    const size_t end = whole.n * (size_t)(i + 1) / (size_t)threads;
    Share *s = &share[i];
    s->type = whole.type, s->n = end - at;
    s->bytes = whole.bytes + at * SAMPLE_IN * (size_t)whole.type->size;
    s->x = whole.x + at * SAMPLE_IN, s->in = whole.in + at * SAMPLE_IN;
    s->out = whole.out + at * SAMPLE_OUT, s->y = whole.y + at * SAMPLE_OUT;
    s->integer = whole.integer ? whole.integer + at * SAMPLE_OUT : NULL;
    at = end;
  }
  for (started = 1; started < threads; started++)
    if (pthread_create(&thread[started], NULL, run_share, &share[started]))
      break;
  run_share(&share[0]);
  for (i = started; i < threads; i++)
    run_share(&share[i]);
  for (i = 1; i < started; i++)
    pthread_join(thread[i], NULL);
}

static void report(const Share *share, int threads) {
  static const char *const what[] = {"saturated:", "wrapped:", "table limits (no overflow):"};
  uint64_t count[@SITES@ + 1], clipped = 0;
  int i, s, kind;
  memset(count, 0, sizeof count);
  for (i = 0; i < threads; i++) {
    clipped += share[i].clipped;
    for (s = 0; s < @TOP@_SITES; s++)
      count[s] += share[i].saturated[s];
  }
  if (clipped)
    printf("inputs out of range: %llu elements\n", (unsigned long long)clipped);
  for (kind = 0; kind < 3; kind++) {
    int told = 0;
    for (s = 0; s < @TOP@_SITES; s++)
      if (count[s] && @TOP@_site_kind(s) == kind) {
        printf("%s %s %llu", told ? "," : what[kind], @TOP@_site_name(s), (unsigned long long)count[s]);
        told = 1;
      }
    if (told)
      putchar('\n');
  }
}

static @TOP@_npy read_header(FILE *f, const char *path) {
  static unsigned char head[@TOP@_NPY_MAX_HEADER];
  @TOP@_npy a;
  const char *fault;
  size_t n = fread(head, 1, 12, f), size = @TOP@_npy_header_size(head, n);
  if (size > n && size <= sizeof head)
    n += fread(head + n, 1, size - n, f);
  fault = @TOP@_npy_parse(&a, head, n);
  if (fault)
    fail(FAULT_FILES, path, fault);
  if (size < n && fseek(f, (long)size, SEEK_SET))
    fail_system(path);
  return a;
}

/* Samples in an array of that shape. */
static size_t samples_of(const @TOP@_npy *a, const char *path) {
  char text[256];
  int64_t each = 1;
  int i, used = 0;
  for (i = 1; i < a->rank; i++)
    each *= a->dim[i];
  if (a->rank > 0 && each == SAMPLE_IN)
    return (size_t)a->dim[0];
  if (a->count == SAMPLE_IN)
    return 1;
#ifdef @TOP@_STATE
  if (@TOP@_STEPS == 0 && a->rank > 0 && each % SAMPLE_IN == 0) /* several steps a row: a stream all the same */
    return (size_t)(a->count / SAMPLE_IN);
#endif
  for (i = 0; i < a->rank && used < 200; i++)
    used += snprintf(text + used, sizeof text - (size_t)used, "%s%lld", i ? " x " : "", (long long)a->dim[i]);
  text[used] = 0;
  strcat(text, ": samples of @IN_SAMPLE@ elements are expected, along the first axis");
  fail(FAULT_FILES, path, text);
  return 0;
}

/* Fortran order is for whole arrays, not for streams: all of it becomes doubles in C order. */
static unsigned char *read_fortran(FILE *f, @TOP@_npy *a, const char *path) {
  const size_t n = (size_t)a->count, size = (size_t)a->size;
  unsigned char *bytes = (unsigned char *)need(n, size);
  double *number = (double *)need(n, sizeof *number);
  size_t i;
  if (fread(bytes, size, n, f) != n)
    fail(FAULT_FILES, path, "file ends within its data");
  for (i = 0; i < n; i++)
    number[i] = @TOP@_npy_element(a, bytes + (size_t)@TOP@_npy_fortran_index(a, (int64_t)i) * size);
  free(bytes);
  a->kind = 'f', a->size = 8, a->swapped = 0, a->fortran = 0;
  return (unsigned char *)number;
}

static void progress(double began, size_t done, size_t n) {
  static double told;
  const double t = now();
  if (isatty(2) && t - began > 2 && (t - told > 0.5 || done == n)) {
    fprintf(stderr, done == n ? "\r\033[K" : "\r%3.0f %%, %.0f samples/s ", 100 * (double)done / (double)n, (double)done / (t - began));
    fflush(stderr);
    told = t;
  }
}

static int run_files(const char *in_path, const char *out_path, int raw, int threads) {
  FILE *in = fopen(in_path, "rb"), *out;
  @TOP@_npy type;
  unsigned char *all = NULL, *bytes;
  size_t n, at, batch;
  int64_t shape[@TOP@_NPY_RANK + 1];
  const int rank = (int)(sizeof out_shape / sizeof *out_shape);
  Share *share = (Share *)need((size_t)threads, sizeof *share), whole;
  const double began = now();
  struct stat status;
  int i;
#ifdef @TOP@_STATE
  if (@TOP@_STEPS == 0) /* one token needs what the one before it left */
    threads = 1;
  for (i = 0; i < threads; i++)
    @TOP@_reset(&share[i].state);
#endif
  if (!in)
    fail_system(in_path);
  type = read_header(in, in_path);
  n = samples_of(&type, in_path);
  if (type.fortran)
    all = read_fortran(in, &type, in_path);
  out = fopen(out_path, "wb");
  if (!out)
    fail_system(out_path);
  if (!fstat(fileno(out), &status) && S_ISREG(status.st_mode)) /* a device stays */
    unfinished = out_path;
  shape[0] = (int64_t)n;
  for (i = 0; i < rank; i++)
    shape[i + 1] = out_shape[i];
  if (!@TOP@_npy_write_header(out, raw ? "<i8" : "<f8", rank + 1, shape))
    fail_system(out_path);
  batch = (size_t)threads * 65536 / (SAMPLE_IN + SAMPLE_OUT) / 64 * 64 + 64;
  if (batch > n)
    batch = n;
  memset(&whole, 0, sizeof whole);
  bytes = (unsigned char *)need(batch * SAMPLE_IN, (size_t)type.size);
  whole.type = &type;
  whole.x = (double *)need(batch * SAMPLE_IN, sizeof *whole.x);
  whole.in = (@TOP@_in_t *)need(batch * SAMPLE_IN, sizeof *whole.in);
  whole.out = (@TOP@_out_t *)need(batch * SAMPLE_OUT, sizeof *whole.out);
  whole.y = (double *)need(batch * SAMPLE_OUT, sizeof *whole.y);
  whole.integer = raw ? (int64_t *)need(batch * SAMPLE_OUT, sizeof *whole.integer) : NULL;
  for (at = 0; at < n; at += whole.n) {
    const size_t elements = (batch < n - at ? batch : n - at) * SAMPLE_IN;
    whole.n = elements / SAMPLE_IN;
    whole.bytes = all ? all + at * SAMPLE_IN * 8 : bytes;
    if (!all && fread(bytes, (size_t)type.size, elements, in) != elements)
      fail(FAULT_FILES, in_path, ferror(in) ? strerror(errno) : "file ends within its data");
    run_batch(share, threads, whole);
    if (fwrite(raw ? (void *)whole.integer : (void *)whole.y, 8, whole.n * SAMPLE_OUT, out) != whole.n * SAMPLE_OUT)
      fail_system(out_path);
    progress(began, at + whole.n, n);
  }
  if (fclose(out))
    fail_system(out_path);
  unfinished = NULL;
  fclose(in);
  report(share, threads);
  free(all);
  free(bytes);
  free(whole.x);
  free(whole.in);
  free(whole.out);
  free(whole.y);
  free(whole.integer);
  free(share);
  return 0;
}

/* ---- test vectors: a word a line in hex, element 0 lowest ---- */

typedef struct {
  const char *path;
  FILE *f;
  size_t n; /* vectors, as its first line says */
  size_t line, bits, digits;
  const Port *port;
  int ports;
  char *word;
} Vectors;

static void fail_line(const Vectors *v, const char *what) {
  char text[256];
  snprintf(text, sizeof text, "line %lu: %s", (unsigned long)v->line, what);
  fail(FAULT_FILES, v->path, text);
}

static Vectors vectors_open(const char *path, const Port *port, int ports, size_t elements) {
  Vectors v;
  unsigned long n, bits, said;
  int i;
  memset(&v, 0, sizeof v);
  v.path = path, v.port = port, v.ports = ports, v.line = 1;
  for (i = 0; i < ports; i++)
    v.bits += (size_t)port[i].n * (size_t)port[i].W;
  v.digits = (v.bits + 3) / 4;
  v.f = fopen(path, "r");
  if (!v.f)
    fail_system(path);
  if (fscanf(v.f, "# nngen vectors N=%lu bits=%lu elements=%lu", &n, &bits, &said) != 3)
    fail_line(&v, "'# nngen vectors N=.. bits=.. elements=..' is expected");
  if (bits != v.bits || said != elements)
    fail_line(&v, "these vectors are of another network");
  while ((i = fgetc(v.f)) != '\n' && i != EOF)
    ;
  v.n = n;
  v.word = (char *)need(v.digits + 3, 1);
  return v;
}

static int digit(char c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* W bits of the word from bit `at` on. */
static uint64_t field(const Vectors *v, size_t at, int W) {
  uint64_t r = 0;
  int i;
  for (i = 0; i < W; i += 4 - (int)((at + (size_t)i) % 4)) {
    const size_t bit = at + (size_t)i;
    r |= (uint64_t)(digit(v->word[v->digits - 1 - bit / 4]) >> bit % 4) << i;
  }
  return W < 64 ? r & (((uint64_t)1 << W) - 1) : r;
}

static void vectors_next(Vectors *v, int64_t *element) {
  size_t i, at = 0;
  int p, e;
  v->line++;
  if (!fgets(v->word, (int)v->digits + 3, v->f))
    fail_line(v, "file ends before its last vector");
  v->word[strcspn(v->word, "\r\n")] = 0;
  for (i = 0; i < v->digits; i++)
    if (digit(v->word[i]) < 0)
      fail_line(v, "not a word of as many hex digits as the port needs");
  if (v->word[i])
    fail_line(v, "word too long");
  for (p = 0; p < v->ports; p++)
    for (e = 0; e < v->port[p].n; e++) {
      const int W = v->port[p].W;
      const uint64_t u = field(v, at, W), top = (uint64_t)1 << (W - 1);
      *element++ = (int64_t)(v->port[p].is_signed ? (u ^ top) - top : u);
      at += (size_t)W;
    }
}

static int bits_set(uint64_t u) {
  int n = 0;
  for (; u; u &= u - 1)
    n++;
  return n;
}

/* n inputs from number `at` on; how many outputs they give comes back. Channels take turns. */
static size_t run_some(const @TOP@_in_t *in, @TOP@_out_t *out, size_t at, size_t n) {
#ifdef @TOP@_STATE
  static @TOP@_state_t state[@TOP@_CHANNELS];
  size_t i, due = 0;
  for (i = 0; i < n; i++) {
    @TOP@_state_t *s = &state[(at + i) % @TOP@_CHANNELS];
    if (at + i < @TOP@_CHANNELS)
      @TOP@_reset(s);
    due += (size_t)@TOP@(s, in + i * @TOP@_IN, out + due * @TOP@_OUT);
  }
  return due;
#else
  (void)at;
  @TOP@_n(in, out, n);
  return n;
#endif
}

static int check(const char *in_path, const char *out_path) {
  enum { AT_ONCE = 256 };
  Vectors in = vectors_open(in_path, in_port, (int)(sizeof in_port / sizeof *in_port), @TOP@_IN);
  Vectors out = vectors_open(out_path, out_port, (int)(sizeof out_port / sizeof *out_port), @TOP@_OUT);
  int64_t *x = (int64_t *)need(@TOP@_IN, sizeof *x), *want = (int64_t *)need((size_t)AT_ONCE * @TOP@_OUT, sizeof *want);
  @TOP@_in_t *raw = (@TOP@_in_t *)need((size_t)AT_ONCE * @TOP@_IN, sizeof *raw);
  @TOP@_out_t *got = (@TOP@_out_t *)need((size_t)AT_ONCE * @TOP@_OUT, sizeof *got);
  unsigned long wrong = 0, bad_vectors = 0;
  size_t at, i, e, n, due, compared = 0;
  if (in.n * @RESULTS@ != out.n * TOKENS || in.n == 0) {
    printf("FAIL: %lu input vectors, %lu expected outputs\n", (unsigned long)in.n, (unsigned long)out.n);
    return 1;
  }
  for (at = 0; at < in.n; at += n) {
    n = in.n - at < AT_ONCE ? in.n - at : (size_t)AT_ONCE;
    for (i = 0; i < n; i++) {
      vectors_next(&in, x);
      for (e = 0; e < @TOP@_IN; e++)
        raw[i * @TOP@_IN + e] = (@TOP@_in_t)x[e];
    }
    due = run_some(raw, got, at, n);
    for (i = 0; i < due && compared < out.n; i++, compared++) {
      unsigned long before = wrong;
      vectors_next(&out, want + i * @TOP@_OUT);
      for (e = 0; e < @TOP@_OUT; e++) {
        const int64_t g = (int64_t)got[i * @TOP@_OUT + e], w = want[i * @TOP@_OUT + e];
        if (g != w && wrong == 0)
          printf("vector %lu, output %lu: expected %lld, got %lld\n", (unsigned long)compared, (unsigned long)e, (long long)w, (long long)g);
        wrong += (unsigned long)bits_set((uint64_t)(g ^ w));
      }
      bad_vectors += wrong != before;
    }
  }
  fclose(in.f);
  fclose(out.f);
  free(in.word);
  free(out.word);
  free(x);
  free(want);
  free(raw);
  free(got);
  if (compared != out.n)
    printf("FAIL: %lu outputs of %lu vectors, %lu expected\n", (unsigned long)compared, (unsigned long)in.n, (unsigned long)out.n);
  else if (wrong)
    printf("FAIL: %lu vectors, %lu bits, %lu mismatches in %lu vectors\n", (unsigned long)out.n, (unsigned long)(out.n * out.bits), wrong, bad_vectors);
  else
    printf("PASS: %lu vectors, %lu bits, 0 mismatches\n", (unsigned long)out.n, (unsigned long)(out.n * out.bits));
  return wrong != 0 || compared != out.n;
}

static void usage(const char *fault) {
  fprintf(stderr, "ref: %s\nusage: ref in.npy out.npy [--raw] [--threads N]\n       ref --check vectors-in.hex vectors-out.hex\n", fault);
  exit(FAULT_USAGE);
}

int main(int argc, char **argv) {
  const char *path[2] = {NULL, NULL}, *vectors[2] = {NULL, NULL};
  int i, n = 0, raw = 0, threads = 1, status = 0;
  for (i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--raw")) {
      raw = 1;
    } else if (!strcmp(argv[i], "--check") && i + 2 < argc) {
      vectors[0] = argv[++i];
      vectors[1] = argv[++i];
    } else if (!strcmp(argv[i], "--threads") && i + 1 < argc) {
      char *end;
      const long t = strtol(argv[++i], &end, 10);
      if (*end || t < 1 || t > MAX_THREADS)
        usage("--threads needs a number from 1 to 256");
      threads = (int)t;
    } else if (argv[i][0] == '-' && argv[i][1]) {
      usage("unknown or incomplete option");
    } else if (n < 2) {
      path[n++] = argv[i];
    } else {
      usage("too many files");
    }
  }
  if (n == 1 || (n == 0 && !vectors[0]))
    usage("in.npy and out.npy are needed");
  if (n == 2)
    status = run_files(path[0], path[1], raw, threads);
  if (vectors[0])
    status |= check(vectors[0], vectors[1]);
  if (fflush(stdout))
    fail_system("standard output");
  return status;
}
