int @TOP@_float(@TOP@_state_t *state, const float *in, float *out) {
  double x[@TOP@_IN], y[@TOP@_OUT];
  @TOP@_in_t raw[@TOP@_IN];
  @TOP@_out_t result[@TOP@_OUT];
  size_t e;
  for (e = 0; e < @TOP@_IN; e++)
    x[e] = (double)in[e];
  @TOP@_quantize(x, raw, 1);
  if (!@TOP@(state, raw, result))
    return 0;
  @TOP@_dequantize(result, y, 1);
  for (e = 0; e < @TOP@_OUT; e++)
    out[e] = (float)y[e];
  return 1;
}

size_t @TOP@_float_n(@TOP@_state_t *state, const float *in, float *out, size_t n) {
  size_t i, due = 0;
  for (i = 0; i < n; i++)
    if (@TOP@_float(state, in + i * @TOP@_IN, out + due * @TOP@_OUT))
      due++;
  return due;
}

