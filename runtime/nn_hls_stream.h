/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_hls_stream.h - stream<T> with read() and write(), from whichever library the integers come from (nn_hls.h).
 */
#ifndef NN_HLS_STREAM_H
#define NN_HLS_STREAM_H

#include "nn_types.h"

#if defined(NN_HLS_AP)
#include <hls_stream.h>
namespace nn_hls {
template <class T> using stream = hls::stream<T>;
}
#elif defined(NN_HLS_AC) && !defined(__INTELFPGA_COMPILER__) && !defined(SYCL_LANGUAGE_VERSION)
#include <ac_channel.h>
namespace nn_hls {
template <class T> using stream = ac_channel<T>;
}
#elif defined(NN_HLS_NATIVE)
namespace nn_hls {
/* One element: what a design with one sample in and one out a call needs. */
template <class T> class stream {
  T element;

public:
  T read() { return element; }
  void write(const T &x) { element = x; }
};
} // namespace nn_hls
#endif

#endif
