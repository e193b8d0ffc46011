/* @TOP@.h - @TITLE@
 *
 * Made by nngen @VERSION@ from @SOURCE@. C99 and C++17.
 * A number of format <W,I> is the integer v that stands for v * 2^-(W-I): W bits in all, I of them before the point.
 *
@PORTS@ */
#ifndef @TOP@_H
#define @TOP@_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

@TYPES@
/* One sample of raw integers, elements in ONNX order. Bits of an input beyond its format are ignored. */
void @TOP@(const @TOP@_in_t in[@TOP@_IN], @TOP@_out_t out[@TOP@_OUT]);
/* n samples, one after the other: many times faster than n calls. */
void @TOP@_n(const @TOP@_in_t *in, @TOP@_out_t *out, size_t n);
/* The same; adds to saturated[0 .. @TOP@_SITES-1] how often each site changed a value. May be NULL. */
void @TOP@_run(const @TOP@_in_t *in, @TOP@_out_t *out, size_t n, uint64_t *saturated);
/* Every layer's elements as numbers: @TOP@_TRACE doubles a sample, layer after layer; NaN where a value was optimised away. */
void @TOP@_trace(const @TOP@_in_t *in, double *trace, size_t n);

/* Numbers to raw inputs, as the hardware's user must do it (@ROUNDING@; NaN becomes 0), and raw outputs to numbers, exactly.
 * Returns how many elements did not fit. */
size_t @TOP@_quantize(const double *x, @TOP@_in_t *in, size_t n);
void @TOP@_dequantize(const @TOP@_out_t *out, double *y, size_t n);

/* Both around the network: one sample, or n. */
void @TOP@_float(const float *in, float *out);
void @TOP@_float_n(const float *in, float *out, size_t n);

/* Where values may saturate (kind 0) or wrap (1), or leave the range of a table where its function is flat (2: no overflow). */
const char *@TOP@_site_name(int site);
int @TOP@_site_kind(int site);
/* Layers of the trace: name and number of elements. */
const char *@TOP@_layer_name(int layer);
int @TOP@_layer_size(int layer);

#ifdef __cplusplus
}
#endif
#endif
