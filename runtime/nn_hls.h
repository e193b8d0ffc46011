/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_hls.h - integers of exact width for HLS C++, from whichever library the tool has:
 *
 *   NN_HLS_AP       ap_int.h (AMD Vitis HLS)
 *   NN_HLS_AC       ac_int.h (Intel HLS, oneAPI, Catapult)
 *   NN_HLS_NATIVE   the compiler's own integers: for fast runs on a host, not for synthesis
 *
 * Without a choice: the first of the three whose header is found. S<W> is signed, U<W> unsigned. The network's code converts operands to a
 * type that holds the exact result before it computes, so promotion, growth and overflow rules of the library never matter.
 */
#ifndef NN_HLS_TYPES_H
#define NN_HLS_TYPES_H

#if !defined(NN_HLS_AP) && !defined(NN_HLS_AC) && !defined(NN_HLS_NATIVE)
#if defined(__INTELFPGA_COMPILER__) || defined(SYCL_LANGUAGE_VERSION)
#define NN_HLS_AC
#elif defined(__has_include)
#if __has_include(<ap_int.h>)
#define NN_HLS_AP
#elif __has_include(<ac_int.h>)
#define NN_HLS_AC
#else
#define NN_HLS_NATIVE
#endif
#else
#define NN_HLS_NATIVE
#endif
#endif

#if defined(__SYNTHESIS__)
#define NN_HLS_INLINE _Pragma("HLS INLINE")
#else
#define NN_HLS_INLINE
#endif

#if defined(NN_HLS_AP)

#include <ap_int.h>

namespace nn_hls {
template <int W> using S = ap_int<W>;
template <int W> using U = ap_uint<W>;
template <class A> inline unsigned index(const A &a) {
  return a.to_uint();
}
template <class A> inline long long raw(const A &a) {
  return a.to_int64();
}
} // namespace nn_hls

#elif defined(NN_HLS_AC)

#if defined(__INTELFPGA_COMPILER__)
#include <HLS/ac_int.h>
#elif defined(SYCL_LANGUAGE_VERSION)
#include <sycl/ext/intel/ac_types/ac_int.hpp>
#else
#include <ac_int.h>
#endif

namespace nn_hls {
template <int W> using S = ac_int<W, true>;
template <int W> using U = ac_int<W, false>;
template <class A> inline unsigned index(const A &a) {
  return a.to_uint();
}
template <class A> inline long long raw(const A &a) {
  return a.to_int64();
}
} // namespace nn_hls

#else

namespace nn_hls {
/* Signed throughout, wide enough for an unsigned number too, and a bit wider than asked for so that 2^(W-1) exists. */
template <int SIZE> struct host;
template <> struct host<0> { typedef int type; };
template <> struct host<1> { typedef long long type; };
template <> struct host<2> { __extension__ typedef __int128 type; };
template <int W> using S = typename host<(W > 31) + (W > 63)>::type;
template <int W> using U = S<W + 1>;
template <class A> inline unsigned index(A a) {
  return (unsigned)a;
}
template <class A> inline long long raw(A a) {
  return (long long)a;
}
} // namespace nn_hls

#endif

namespace nn_hls {
#if defined(NN_HLS_NATIVE)
/* A product, as the language leaves the shift of a negative number undefined before C++20. T holds it. */
template <class T> inline T shl(T a, int n) {
  return a * (T)((T)1 << n);
}
/* a modulo 2^W. */
template <int W, class A> inline U<W> wrap_u(A a) {
  typedef decltype(A() + U<W>()) T;
  return (U<W>)((T)a & (((T)1 << (W - 1)) - 1 + ((T)1 << (W - 1))));
}
template <int W, class A> inline S<W> wrap_s(A a) {
  typedef decltype(A() + S<W + 1>()) T;
  const T half = (T)1 << (W - 1);
  return (S<W>)((((T)a & (half - 1 + half)) ^ half) - half);
}
template <class T, class A, class B> inline T mul(A a, B b) {
  return (T)a * (T)b;
}
#else
template <class T> inline T shl(const T &a, int n) {
  NN_HLS_INLINE
  return a << n;
}
template <int W, class A> inline U<W> wrap_u(const A &a) {
  NN_HLS_INLINE
  return U<W>(a);
}
template <int W, class A> inline S<W> wrap_s(const A &a) {
  NN_HLS_INLINE
  return S<W>(a);
}
/* At the operands' own widths, so that the multiplier is no wider than they are. */
template <class T, class A, class B> inline T mul(const A &a, const B &b) {
  NN_HLS_INLINE
  return T(a * b);
}
#endif
/* a + b * 2^n, a - b * 2^n and b * 2^n - a in a type T that holds the operands, shifted as they are, and the result. Functions and not
 * operators in the network's code: looking through the libraries' operators is most of what compiling costs, and so it is done once for
 * each combination of types. */
template <class T, class A, class B> inline T add(const A &a, const B &b, int n = 0) {
  NN_HLS_INLINE
  return T(T(a) + shl(T(b), n));
}
template <class T, class A, class B> inline T sub(const A &a, const B &b, int n = 0) {
  NN_HLS_INLINE
  return T(T(a) - shl(T(b), n));
}
template <class T, class A, class B> inline T rsb(const A &a, const B &b, int n = 0) {
  NN_HLS_INLINE
  return T(shl(T(b), n) - T(a));
}
/* hi * 2^64 + lo, for constants beyond the language's. */
template <class T> inline T wide(long long hi, unsigned long long lo) {
  return T(shl<T>(T(hi), 64) + T(lo));
}
} // namespace nn_hls

#endif
