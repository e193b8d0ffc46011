// SPDX-License-Identifier: Apache-2.0
//
// @TOP@_verilator.cpp - runs all frames of tb/vectors through the VHDL of @TOP@ (as Verilog, by ghdl --synth) in Verilator, made by nngen
// @VERSION@. Every output bit and tlast is compared with tb/vectors/<port>.hex, which come from nngen's evaluator: once with nobody waiting, which
// measures latency and interval, and once, after a reset in mid-stream, with random stalls on all ports. The last line is "PASS: ..." or "FAIL: ...",
// the exit status 0 or 1. Arguments: folder of the vectors, seed of the stalls.
#include "Vdut.h"
#include "verilated.h"
#include <cinttypes>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace {

const long latency = @LATENCY@, interval = @INTERVAL@; // cycles; nobody waiting, frames back to back
const long frames = @FRAMES@;

struct Port {
  const char *name, *tensor;
  unsigned lanes, width; // elements of a beat and their bits
  int frac;
  bool is_signed;
  long beats; // of a frame
};
const Port in_ports[] = {
@CPP_IN_PORTS@
};
const Port out_ports[] = {
@CPP_OUT_PORTS@
};

@COMMON@
// ---- the design's ports by number ----

void set_input(Vdut &dut, std::size_t port, bool valid, bool last, const Word &data) {
  switch (port) {
@CPP_SET_INPUT@
  }
}
bool input_ready(const Vdut &dut, std::size_t port) {
  switch (port) {
@CPP_INPUT_READY@
  }
  return false;
}
void set_ready(Vdut &dut, std::size_t port, bool ready) {
  switch (port) {
@CPP_SET_READY@
  }
}
void get_output(const Vdut &dut, std::size_t port, bool &valid, bool &last, Word &data) {
  switch (port) {
@CPP_GET_OUTPUT@
  }
}

// ---- the bench ----

// Stretches of up to 48 cycles, in each of which a port waits never, seldom, often or always.
class Stalls {
public:
  bool next() {
    static const unsigned level[] = {0, 1, 4, 7, 8};
    if (left == 0) {
      left = 1 + random_bits() % 48;
      kind = unsigned(random_bits() % 5);
    }
    left--;
    return random_bits() % 8 < level[kind];
  }

private:
  uint64_t left = 0;
  unsigned kind = 0;
};

// Between two resets: what a port has to do, and has done.
struct Side {
  const Port &port;
  const File &file;
  long done = 0; // beats
  Stalls stalls;
  bool busy = false; // inputs: offers a beat; outputs: had one that was not taken, which must stay
  bool last = false;
  Word data;
  Side(const Port &port_, const File &file_) : port(port_), file(file_), data((port_.lanes * port_.width + 7) / 8 * 8 / 32 + 1) {}
  unsigned bits() const { return port.lanes * port.width; }
  unsigned all_bits() const { return (bits() + 7) / 8 * 8; }
  std::size_t words() const { return (all_bits() + 31) / 32; }
};

class Bench {
public:
  explicit Bench(const std::string &folder) {
    for (const Port &p : in_ports)
      in_files.emplace_back(folder + "/" + p.name + ".hex", p.lanes * p.width, p.lanes);
    for (const Port &p : out_ports)
      out_files.emplace_back(folder + "/" + p.name + ".hex", p.lanes * p.width, p.lanes);
    for (std::size_t i = 0; i < in_files.size(); i++)
      check_length(in_files[i], in_ports[i]);
    for (std::size_t i = 0; i < out_files.size(); i++)
      check_length(out_files[i], out_ports[i]);
  }

  int run() {
    reset();
    go(frames, false);
    const long got_latency = end_of_frame[0] - first_beat;
    // the interval is that of the second half of the frames, in the mean: it need not be the same each time
    const long middle = (frames - 1) / 2, spans = frames - 1 - middle;
    const long span = end_of_frame[std::size_t(frames - 1)] - end_of_frame[std::size_t(middle)];
    const long got_interval = spans ? (span + spans - 1) / spans : interval;
    const bool right = got_latency == latency && std::labs(span - spans * interval) <= spans + interval / 4;
    reset();
    feed(latency / 2 + 3); // cut off by the next reset
    reset();
    const long before = mismatches;
    go(frames, true);
    uint64_t bits = 0;
    for (const Port &p : out_ports)
      bits += uint64_t(frames) * uint64_t(p.beats) * p.lanes * p.width;
    std::printf("with random stalls: %ld vectors, %" PRIu64 " bits, %ld mismatches\n", frames, bits, mismatches - before);
    std::printf("%s: %ld vectors, %" PRIu64 " bits, %ld mismatches, latency %ld cycles, II %ld%s\n", mismatches || !right ? "FAIL" : "PASS", frames, bits,
                mismatches, got_latency, got_interval,
                right ? "" : (" (expected " + std::to_string(latency) + " and " + std::to_string(interval) + ")").c_str());
    return mismatches || !right;
  }

private:
  Vdut dut;
  std::vector<File> in_files, out_files;
  std::vector<Side> in, out;
  long cycle = 0, first_beat = -1, idle = 0, mismatches = 0, reported = 0;
  std::vector<long> end_of_frame; // cycle of a frame's last beat, of all outputs

  static void check_length(const File &f, const Port &p) {
    if (f.vectors.size() != std::size_t(frames) * std::size_t(p.beats))
      fail("%s: %zu beats, not %ld frames of %ld", f.name.c_str(), f.vectors.size(), frames, p.beats);
  }

  void edge() {
    dut.clk = 1;
    dut.eval();
    dut.clk = 0;
    dut.eval();
    cycle++;
  }

  void reset() {
    in.clear(), out.clear();
    for (std::size_t i = 0; i < in_files.size(); i++)
      in.emplace_back(in_ports[i], in_files[i]);
    for (std::size_t i = 0; i < out_files.size(); i++)
      out.emplace_back(out_ports[i], out_files[i]);
    for (std::size_t i = 0; i < in.size(); i++)
      set_input(dut, i, false, false, in[i].data);
    for (std::size_t i = 0; i < out.size(); i++)
      set_ready(dut, i, false);
    dut.rst = 1;
    dut.clk = 0;
    dut.eval();
    for (int i = 0; i < 3; i++)
      edge();
    dut.rst = 0;
    first_beat = -1, idle = 0;
    end_of_frame.assign(std::size_t(frames), -1);
  }

  void mismatch(const Side &s, const char *what) {
    mismatches++;
    if (++reported <= 10)
      std::printf("cycle %ld, %s, frame %ld, beat %ld: %s\n", cycle, s.port.name, s.done / s.port.beats, s.done % s.port.beats, what);
  }

  void compare(Side &s, const Word &got) {
    const Word &want = s.file.vectors[std::size_t(s.done)];
    for (unsigned l = 0; l < s.port.lanes; l++) {
      const int64_t a = element(got, l * s.port.width, s.port.width, s.port.is_signed);
      const int64_t b = element(want, l * s.port.width, s.port.width, s.port.is_signed);
      if (a == b)
        continue;
      for (uint64_t differ = uint64_t(a) ^ uint64_t(b), i = 0; i < s.port.width; i++)
        mismatches += long(differ >> i & 1);
      if (++reported > 10)
        continue;
      double step = 1;
      for (int f = s.port.frac; f > 0; f--)
        step /= 2;
      for (int f = s.port.frac; f < 0; f++)
        step *= 2;
      std::printf("%s (%s), frame %ld, beat %ld, element %u: got %.6f (%" PRId64 "), expected %.6f (%" PRId64 ")\n", s.port.name, s.port.tensor,
                  s.done / s.port.beats, s.done % s.port.beats, l, double(a) * step, a, double(b) * step, b);
    }
    for (unsigned i = s.bits(); i < s.all_bits(); i++)
      if (got[i / 32] >> i % 32 & 1)
        mismatch(s, "a bit above the last element is not 0");
  }

  void offer(std::size_t i, long end, bool stalled) {
    Side &s = in[i];
    if (!s.busy && s.done < end * s.port.beats && !(stalled && s.stalls.next())) {
      s.busy = true;
      s.data = s.file.vectors[std::size_t(s.done)];
      s.data.resize(s.words());
      for (unsigned b = s.bits(); b < s.all_bits(); b++) // padding and tlast must not matter
        s.data[b / 32] |= uint32_t(random_bits() & 1) << b % 32;
      s.last = (s.done % s.port.beats == s.port.beats - 1) != (stalled && random_bits() % 2);
    }
    if (!s.busy) {
      s.data.assign(s.words(), 0);
      for (unsigned b = 0; b < s.all_bits(); b++)
        s.data[b / 32] |= uint32_t(random_bits() & 1) << b % 32;
    }
    set_input(dut, i, s.busy, s.last, s.data);
  }

  void take(std::size_t i, bool ready, long end) {
    Side &s = out[i];
    bool valid, last;
    Word data(s.words());
    get_output(dut, i, valid, last, data);
    if (s.busy && (!valid || data != s.data || last != s.last))
      mismatch(s, "tvalid, tdata or tlast changed before tready");
    s.busy = valid && !ready, s.data = data, s.last = last;
    if (!valid || !ready)
      return;
    if (s.done >= end * s.port.beats) { // no progress: of these there may be no end
      mismatch(s, "a beat too many");
      return;
    }
    idle = 0;
    compare(s, data);
    const bool should = s.done % s.port.beats == s.port.beats - 1;
    if (last != should)
      mismatch(s, "tlast is wrong");
    if (should) {
      long &at = end_of_frame[std::size_t(s.done / s.port.beats)];
      at = cycle > at ? cycle : at;
    }
    s.done++;
  }

  // One cycle: inputs offer beats of `end` frames.
  void tick(long end, bool stalled) {
    std::vector<bool> ready(out.size());
    for (std::size_t i = 0; i < in.size(); i++)
      offer(i, end, stalled);
    for (std::size_t i = 0; i < out.size(); i++) {
      ready[i] = !(stalled && out[i].stalls.next());
      set_ready(dut, i, ready[i]);
    }
    dut.eval();
    idle++;
    for (std::size_t i = 0; i < in.size(); i++)
      if (in[i].busy && input_ready(dut, i)) {
        if (first_beat < 0)
          first_beat = cycle;
        in[i].busy = false, in[i].done++, idle = 0;
      }
    for (std::size_t i = 0; i < out.size(); i++)
      take(i, ready[i], end);
    edge();
  }

  void feed(long cycles) {
    for (long i = 0; i < cycles; i++)
      tick(frames, false);
  }

  // All of it, and then nothing more.
  void go(long end, bool stalled) {
    const long patience = 4 * (latency + interval) + 10000;
    for (bool more = true; more;) {
      tick(end, stalled);
      more = false;
      for (const Side &s : out)
        more = more || s.done < end * s.port.beats;
      for (const Side &s : in)
        more = more || s.done < end * s.port.beats;
      if (idle > patience)
        fail("nothing moved for %ld cycles, at beat %ld of %s%s", patience, out[0].done, out[0].port.name, stalled ? " (with random stalls)" : "");
    }
    for (long i = 0; i < latency / 4 + 64; i++)
      tick(end, stalled);
  }
};

} // namespace

int main(int argc, char **argv) {
  Verilated::commandArgs(argc, argv);
  std::setvbuf(stdout, nullptr, _IOLBF, 4096);
  for (int i = argc > 2 ? std::atoi(argv[2]) : 0; i > 0; i--)
    random_bits();
  return std::make_unique<Bench>(argc > 1 ? argv[1] : "tb/vectors")->run();
}
