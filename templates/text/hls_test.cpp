/* @TOP@_test.cpp - the HLS C++ of @TOP@ against the vectors of nngen's evaluator. Made by nngen @VERSION@.
 *
 *   TOP_test [in.hex out.hex [times]]
 *
 * Every output bit of every vector is compared. `times`: run all vectors so often and say how fast it was.
 */
#include "@TOP@.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <string>
#include <time.h>
#include <vector>

struct Port {
  int n, W;
  bool is_signed;
};
static const Port in_port[] = {@IN_PORTS@}, out_port[] = {@OUT_PORTS@};
enum { IN = @IN_COUNT@, OUT = @OUT_COUNT@ };

static void fail(const std::string &path, const char *what) {
  printf("FAIL: %s: %s\n", path.c_str(), what);
  exit(1);
}

/* n words of packed elements, element 0 lowest. */
static std::vector<long long> read_vectors(const std::string &path, const Port *port, int ports, int elements, size_t &n) {
  FILE *f = fopen(path.c_str(), "r");
  unsigned long count = 0, bits = 0, want = 0, each = 0;
  if (!f)
    fail(path, "cannot be read");
  for (int p = 0; p < ports; p++)
    want += (unsigned long)port[p].n * (unsigned long)port[p].W;
  if (fscanf(f, "# nngen vectors N=%lu bits=%lu elements=%lu", &count, &bits, &each) != 3 || bits != want || each != (unsigned long)elements || count == 0)
    fail(path, "not the vectors of this design");
  const size_t digits = (bits + 3) / 4;
  std::vector<char> word(digits + 3);
  std::vector<unsigned char> bit(digits * 4);
  std::vector<long long> v;
  if (!fgets(&word[0], 3, f))
    fail(path, "no vectors");
  for (n = 0; n < count; n++) {
    if (!fgets(&word[0], (int)word.size(), f) || strspn(&word[0], "0123456789abcdefABCDEF") != digits)
      fail(path, "a word is missing or not of as many hex digits as the port needs");
    for (size_t d = 0; d < digits; d++) {
      const char c = word[digits - 1 - d];
      const int h = c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
      for (size_t j = 0; j < 4; j++)
        bit[4 * d + j] = (unsigned char)(h >> j & 1);
    }
    size_t at = 0;
    for (int p = 0; p < ports; p++)
      for (int e = 0; e < port[p].n; e++) {
        unsigned long long u = 0;
        for (int j = 0; j < port[p].W; j++)
          u |= (unsigned long long)bit[at++] << j;
        if (port[p].is_signed && bit[at - 1])
          u |= ~0ULL << (port[p].W - 1);
        v.push_back((long long)u);
      }
  }
  fclose(f);
  return v;
}

#if defined(__INTELFPGA_COMPILER__) || defined(SYCL_LANGUAGE_VERSION)
void @TOP@_run(const @TOP@_in &x, @TOP@_out &y); /* in @TOP@_intel.cpp, @TOP@_oneapi.cpp */
#else
static void @TOP@_run(const @TOP@_in &x, @TOP@_out &y) {
@CALL@
}
#endif

static void load(const long long *from, @TOP@_in &x) {
@LOAD@
}

static void store(const @TOP@_out &y, long long *to) {
@STORE@
}

int main(int argc, char **argv) {
  size_t n = 0, n_out = 0;
  const std::string in_path = argc > 2 ? argv[1] : "tb/vectors/in.hex", out_path = argc > 2 ? argv[2] : "tb/vectors/out.hex";
  const long times = argc > 3 ? atol(argv[3]) : 1;
  const std::vector<long long> in = read_vectors(in_path, in_port, (int)(sizeof in_port / sizeof *in_port), IN, n);
  const std::vector<long long> want = read_vectors(out_path, out_port, (int)(sizeof out_port / sizeof *out_port), OUT, n_out);
  std::vector<@TOP@_in> x(n);
  std::vector<@TOP@_out> y(n);
  unsigned long wrong = 0, bad = 0, bits = 0;
  if (n != n_out)
    fail(out_path, "not as many vectors as inputs");
  for (size_t i = 0; i < n; i++)
    load(&in[i * IN], x[i]);
  const clock_t started = clock();
  for (long t = 0; t < times; t++)
    for (size_t i = 0; i < n; i++)
      @TOP@_run(x[i], y[i]);
  const double seconds = (double)(clock() - started) / CLOCKS_PER_SEC;
  for (size_t p = 0; p < sizeof out_port / sizeof *out_port; p++)
    bits += (unsigned long)out_port[p].n * (unsigned long)out_port[p].W;
  for (size_t i = 0; i < n; i++) {
    long long got[OUT];
    const unsigned long before = wrong;
    store(y[i], got);
    for (int e = 0; e < OUT; e++) {
      const long long w = want[i * OUT + (size_t)e];
      if (got[e] != w && wrong == 0)
        printf("vector %lu, output %d: expected %lld, got %lld\n", (unsigned long)i, e, w, got[e]);
      for (unsigned long long u = (unsigned long long)(got[e] ^ w); u; u &= u - 1)
        wrong++;
    }
    bad += wrong != before;
  }
  if (times > 1)
    printf("%.0f samples/s\n", seconds > 0 ? (double)n * (double)times / seconds : 0.0);
  if (wrong)
    printf("FAIL: %lu vectors, %lu bits, %lu mismatches in %lu vectors\n", (unsigned long)n, (unsigned long)n * bits, wrong, bad);
  else
    printf("PASS: %lu vectors, %lu bits, 0 mismatches\n", (unsigned long)n, (unsigned long)n * bits);
  return wrong != 0;
}
