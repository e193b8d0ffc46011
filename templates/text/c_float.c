static void @TOP@_store_float(const @TOP@_mem *m, float *y, size_t samples) {
  size_t l, e;
  for (l = 0; l < samples; l++, y += @TOP@_OUT) {
@DEQUANTIZE_FLOAT@  }
}

void @TOP@_float_n(const float *in, float *out, size_t n) {
  @MEMORY@
  size_t at;
  memset(memory.count, 0, sizeof memory.count);
  for (at = 0; at < n; at += @TOP@_LANES) {
    const size_t samples = n - at < @TOP@_LANES ? n - at : @TOP@_LANES;
    @TOP@_load_float(&memory, in + at * @TOP@_IN, samples);
    @TOP@_block(&memory, NULL, samples);
    @TOP@_store_float(&memory, out + at * @TOP@_OUT, samples);
  }
}

void @TOP@_float(const float *in, float *out) {
  @TOP@_float_n(in, out, 1);
}

