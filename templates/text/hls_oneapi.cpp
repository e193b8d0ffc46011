/* @TOP@_oneapi.cpp - @TOP@ as a oneAPI kernel between two pipes. Made by nngen @VERSION@. */
#include <sycl/sycl.hpp>
#include <sycl/ext/intel/fpga_extensions.hpp>
#include "@TOP@.cpp"

class @TOP@_in_pipe_id;
class @TOP@_out_pipe_id;
class @TOP@_kernel_id;
using @TOP@_in_pipe = sycl::ext::intel::experimental::pipe<@TOP@_in_pipe_id, @TOP@_in, 16>;
using @TOP@_out_pipe = sycl::ext::intel::experimental::pipe<@TOP@_out_pipe_id, @TOP@_out, 16>;

/* Runs for ever: a new sample in every cycle. */
struct @TOP@_kernel {
  auto get(sycl::ext::oneapi::experimental::properties_tag) {
    return sycl::ext::oneapi::experimental::properties{sycl::ext::intel::experimental::streaming_interface<>};
  }
  void operator()() const {
    [[intel::initiation_interval(1)]] while (true) {
      const @TOP@_in x = @TOP@_in_pipe::read();
      @TOP@_out y;
      @TOP@_hls::core(@CORE_ARGUMENTS@);
      @TOP@_out_pipe::write(y);
    }
  }
};

void @TOP@_run(const @TOP@_in &x, @TOP@_out &y) {
#if FPGA_SIMULATOR
  static sycl::queue q{sycl::ext::intel::fpga_simulator_selector_v};
#elif FPGA_HARDWARE
  static sycl::queue q{sycl::ext::intel::fpga_selector_v};
#else
  static sycl::queue q{sycl::ext::intel::fpga_emulator_selector_v};
#endif
  static bool started = false;
  if (!started)
    q.single_task<@TOP@_kernel_id>(@TOP@_kernel{});
  started = true;
  @TOP@_in_pipe::write(q, x);
  y = @TOP@_out_pipe::read(q);
}
