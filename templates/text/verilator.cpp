// SPDX-License-Identifier: Apache-2.0
//
// @TOP@_verilator.cpp - runs all vectors of tb/vectors through the VHDL of @TOP@ (as Verilog, by ghdl --synth) in Verilator, made by nngen
// @VERSION@. Every output bit is compared with tb/vectors/out.hex, which comes from nngen's evaluator, and with the C model in c/@TOP@.c; out_valid
// is checked in every cycle. The last line is "PASS: ..." or "FAIL: ...", the exit status 0 or 1. Argument: folder of the vectors.
#include "Vdut.h"
#include "verilated.h"
#include <cinttypes>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

extern "C" {
#include "../c/@TOP@.h"
}

namespace {

const unsigned latency = @LATENCY@;
// channels take turns, a vector each; `steps` vectors of a channel give one output; cycles from one vector to the next
const unsigned channels = @CHANNELS@, steps = @RESULT_STEPS@, interval = @INTERVAL@;

// Number of the output that a vector gives, -1: none.
long output_of(long v) {
  const long turn = v / channels;
  return turn % steps == steps - 1 ? turn / steps * channels + v % channels : -1;
}

struct Port {
  const char *name;
  unsigned low, n, width;
  int frac;
  bool is_signed;
};
const Port in_ports[] = {
@CPP_IN_PORTS@
};
const Port out_ports[] = {
@CPP_OUT_PORTS@
};
const unsigned in_bits = @IN_BITS@, out_bits = @OUT_BITS@, in_count = @IN_COUNT@, out_count = @OUT_COUNT@;

@COMMON@
class Bench {
public:
  Bench(const File &in_, const File &out_) : in(in_), out(out_), got((out_bits + 31) / 32), noise((in_bits + 31) / 32), queue(latency, -1) {}

  int run() {
    reset(3);
    measure_latency();
    for (unsigned i = 0; i < latency + 2; i++)
      tick(-1);
    reset(1);
    first = -1;
    for (std::size_t v = 0; v < in.vectors.size(); v++) // back to back
      send(long(v));
    drain();
    const long ii = last_of > first_of ? (last - first + last_of - first_of - 1) / (last_of - first_of) : 1;
    reset(1);
    for (std::size_t v = 0; v < in.vectors.size() && v < 20000; v++) { // gaps
      uint64_t r = random_bits();
      for (uint64_t gap = r % 16 == 0 ? r / 16 % (2 * latency + 1) : r % 2 ? 0 : r / 16 % 4; gap > 0; gap--)
        tick(-1);
      send(long(v));
    }
    drain();
    reset(1);
    for (std::size_t v = 0; v < in.vectors.size() && v < latency + 2; v++) // reset in mid-stream
      send(long(v));
    reset(2);
    for (std::size_t v = 0; v < in.vectors.size() && v < 2 * latency + 2 * channels * steps; v++)
      send(long(v));
    drain();
    std::printf("%s: %zu vectors, %" PRIu64 " bits, %ld mismatches, latency %d cycles, II %ld\n", mismatches ? "FAIL" : "PASS", in.vectors.size(),
                uint64_t(out.vectors.size()) * out_bits, mismatches, measured, ii);
    return mismatches ? 1 : 0;
  }

  // The C model on every input vector.
  void check_c_model() {
    std::vector<@TOP@_in_t> x(in_count);
    std::vector<@TOP@_out_t> y(out_count);
    for (std::size_t v = 0; v < in.vectors.size(); v++) {
      std::size_t e = 0;
      for (const Port &p : in_ports)
        for (unsigned i = 0; i < p.n; i++)
          x[e++] = static_cast<@TOP@_in_t>(element(in.vectors[v], p.low + i * p.width, p.width, p.is_signed));
      const long result = output_of(long(v));
      if (!run_c_model(unsigned(v % channels), v < channels, x.data(), y.data())) {
        if (result >= 0)
          fail("C model: vector %zu gives no output", v);
        continue;
      }
      if (result < 0)
        fail("C model: vector %zu gives an output before its time", v);
      e = 0;
      for (const Port &p : out_ports)
        for (unsigned i = 0; i < p.n; i++, e++) {
          int64_t expected = element(out.vectors[std::size_t(result)], p.low + i * p.width, p.width, p.is_signed);
          if (static_cast<int64_t>(y[e]) != expected)
            mismatch("C model", v, p, i, static_cast<int64_t>(y[e]), expected);
        }
    }
  }

private:
  Vdut dut;
  const File &in, &out;
  Word got, noise;
  std::vector<long> queue; // vector that the design sampled i cycles ago, -1: none
  unsigned head = 0;
  int measured = -1;
  long cycle = 0, first = -1, last = -1, first_of = 0, last_of = 0, mismatches = 0, reported = 0; // cycles and vectors

  // Whether the outputs count.
  bool run_c_model(unsigned channel, bool anew, const @TOP@_in_t *x, @TOP@_out_t *y) {
#ifdef @TOP@_STATE
    static @TOP@_state_t state[channels];
    if (anew)
      @TOP@_reset(&state[channel]);
    return @TOP@(&state[channel], x, y) != 0;
#else
    (void)channel, (void)anew;
    @TOP@(x, y);
    return true;
#endif
  }

  void mismatch(const char *who, std::size_t v, const Port &p, unsigned i, int64_t value, int64_t expected) {
    uint64_t differ = uint64_t(value) ^ uint64_t(expected);
    if (p.width < 64)
      differ &= (uint64_t(1) << p.width) - 1;
    for (; differ; differ &= differ - 1)
      mismatches++;
    if (++reported > 10)
      return;
    double step = 1;
    for (int f = p.frac; f > 0; f--)
      step /= 2;
    for (int f = p.frac; f < 0; f++)
      step *= 2;
    std::printf("%s, vector %zu, %s[%u]: got %.6f (%" PRId64 "), expected %.6f (%" PRId64 ")\n", who, v, p.name, i, double(value) * step, value,
                double(expected) * step, expected);
  }

  void edge() {
    dut.clk = 1;
    dut.eval();
    dut.clk = 0;
    dut.eval();
    cycle++;
  }

  void drive(long v, bool early = false) {
    dut.in_valid = v >= 0 || early;
    if (v < 0)
      for (uint32_t &w : noise)
        w = uint32_t(random_bits());
    if (in_bits % 32)
      noise.back() &= (uint32_t(1) << in_bits % 32) - 1;
    set_port(dut.in_data, v < 0 ? noise : in.vectors[std::size_t(v)]);
    dut.eval();
  }

  // What the design shows before the edge is compared; vector v (-1: none) is what it samples at the edge.
  void tick(long v, bool early = false) {
    drive(v, early);
    const long vector = queue[head], expected = vector < 0 ? -1 : output_of(vector);
    if (bool(dut.out_valid) != (expected >= 0)) {
      mismatches++;
      if (++reported <= 10)
        std::printf("cycle %ld: out_valid is %d\n", cycle, int(dut.out_valid));
    }
    if (dut.out_valid) {
      if (first < 0)
        first = cycle, first_of = vector;
      last = cycle, last_of = vector;
    }
    if (expected >= 0) {
      get_port(dut.out_data, got);
      if (got != out.vectors[std::size_t(expected)])
        for (const Port &p : out_ports)
          for (unsigned i = 0; i < p.n; i++) {
            int64_t a = element(got, p.low + i * p.width, p.width, p.is_signed);
            int64_t b = element(out.vectors[std::size_t(expected)], p.low + i * p.width, p.width, p.is_signed);
            if (a != b)
              mismatch("VHDL", std::size_t(expected), p, i, a, b);
          }
    }
    queue[head] = v;
    head = (head + 1) % latency;
    edge();
  }

  // One vector, then what must pass before the next: a token that comes too early must be ignored.
  void send(long v) {
    tick(v);
    for (unsigned i = 1; i < interval; i++)
      tick(-1, true);
  }

  void drain() {
    for (unsigned i = 0; i < latency + 2; i++)
      tick(-1);
  }

  void reset(int cycles) {
    dut.rst = 1;
    drive(-1);
    dut.in_valid = 1; // must be ignored
    for (int i = 0; i < cycles; i++)
      edge();
    dut.rst = 0;
    queue.assign(latency, -1);
    tick(-1);
  }

  void measure_latency() {
    const long alone = long(channels) * long(steps - 1); // the first vector that gives an output
    for (long v = 0; v < alone; v++)
      send(v);
    drive(alone);
    edge();
    drive(-1);
    for (unsigned i = 1; i <= 2 * latency + 16; i++) {
      const bool valid = dut.out_valid; // as the edge samples it
      edge();
      if (valid) {
        measured = int(i);
        break;
      }
    }
    if (measured < 0)
      fail("no out_valid within %u cycles", 2 * latency + 16);
    if (measured != int(latency))
      fail("latency %d cycles, expected %u", measured, latency);
  }
};

} // namespace

int main(int argc, char **argv) {
  Verilated::commandArgs(argc, argv);
  std::setvbuf(stdout, nullptr, _IOLBF, 4096);
  const std::string folder = argc > 1 ? argv[1] : "tb/vectors";
  const File in(folder + "/in.hex", in_bits, in_count), out(folder + "/out.hex", out_bits, out_count);
  if (in.vectors.size() != out.vectors.size() * steps)
    fail("in.hex and out.hex differ in the number of vectors");
  Bench bench(in, out);
  bench.check_c_model();
  return bench.run();
}
