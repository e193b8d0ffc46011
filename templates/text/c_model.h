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
@CALLS@/* Numbers to raw inputs, as the hardware's user must do it (@ROUNDING@; NaN becomes 0), and raw outputs to numbers, exactly.
 * Returns how many elements did not fit. */
size_t @TOP@_quantize(const double *x, @TOP@_in_t *in, size_t n);
void @TOP@_dequantize(const @TOP@_out_t *out, double *y, size_t n);

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
