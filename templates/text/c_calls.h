/* One sample of raw integers, elements in ONNX order. Bits of an input beyond its format are ignored. */
void @TOP@(const @TOP@_in_t in[@TOP@_IN], @TOP@_out_t out[@TOP@_OUT]);
/* n samples, one after the other: many times faster than n calls. */
void @TOP@_n(const @TOP@_in_t *in, @TOP@_out_t *out, size_t n);
/* The same; adds to saturated[0 .. @TOP@_SITES-1] how often each site changed a value. May be NULL. */
void @TOP@_run(const @TOP@_in_t *in, @TOP@_out_t *out, size_t n, uint64_t *saturated);
/* Every layer's elements as numbers: @TOP@_TRACE doubles a sample, layer after layer; NaN where a value was optimised away. */
void @TOP@_trace(const @TOP@_in_t *in, double *trace, size_t n);
/* From numbers to numbers: one sample, or n. */
void @TOP@_float(const float *in, float *out);
void @TOP@_float_n(const float *in, float *out, size_t n);

