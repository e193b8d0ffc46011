/* SPDX-License-Identifier: Apache-2.0
 * What generated code uses of SYCL and its FPGA extensions, on threads: a kernel runs beside the host, pipes block. */
#ifndef HLS_STUB_SYCL
#define HLS_STUB_SYCL
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace sycl {
struct queue {
  template <class Selector> explicit queue(Selector) {}
  template <class Name, class Kernel> void single_task(Kernel k) {
    k.get(0);
    std::thread(k).detach();
  }
};
namespace ext {
namespace intel {
enum { fpga_emulator_selector_v };
namespace experimental {
template <int = 0> inline constexpr int streaming_interface = 0;
template <class Id, class T, int Capacity> struct pipe {
  static T read() {
    std::unique_lock<std::mutex> lock(mutex());
    changed().wait(lock, [] { return !fifo().empty(); });
    T x = fifo().front();
    fifo().pop_front();
    changed().notify_all();
    return x;
  }
  static void write(const T &x) {
    std::unique_lock<std::mutex> lock(mutex());
    changed().wait(lock, [] { return fifo().size() < Capacity; });
    fifo().push_back(x);
    changed().notify_all();
  }
  static T read(queue &) { return read(); }
  static void write(queue &, const T &x) { write(x); }

private: /* never destroyed: the kernel waits for ever */
  static std::mutex &mutex() {
    static std::mutex &m = *new std::mutex;
    return m;
  }
  static std::condition_variable &changed() {
    static std::condition_variable &c = *new std::condition_variable;
    return c;
  }
  static std::deque<T> &fifo() {
    static std::deque<T> &f = *new std::deque<T>;
    return f;
  }
};
} // namespace experimental
} // namespace intel
namespace oneapi {
namespace experimental {
typedef int properties_tag;
template <class P> struct properties {
  P p;
};
template <class P> properties(P) -> properties<P>;
} // namespace experimental
} // namespace oneapi
} // namespace ext
} // namespace sycl
#endif
