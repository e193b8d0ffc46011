
/* ---- in and out ---- */

static void @TOP@_load(@TOP@_mem *m, const @TOP@_in_t *in, size_t samples) {
  size_t l, e;
  for (l = 0; l < @FILLED@; l++) {
    const @TOP@_in_t *x = in + (l < samples ? l : samples - 1) * @TOP@_IN; /* idle lanes repeat the last sample */
@LOAD@  }
  memset(m->count, 0, sizeof m->count);
}

static void @TOP@_store(const @TOP@_mem *m, @TOP@_out_t *out, size_t samples) {
  size_t l, e;
  for (l = 0; l < samples; l++)
    for (e = 0; e < @TOP@_OUT; e++)
      out[l * @TOP@_OUT + e] = (@TOP@_out_t)m->out[e][l];
}

static void @TOP@_blocks(@TOP@_mem *m, const @TOP@_in_t *in, @TOP@_out_t *out, size_t n, uint64_t *saturated, double *trace) {
  size_t at, l;
  int s;
  for (at = 0; at < n; at += @TOP@_LANES) {
    const size_t samples = n - at < @TOP@_LANES ? n - at : @TOP@_LANES;
    @TOP@_load(m, in + at * @TOP@_IN, samples);
    @TOP@_block(m, trace ? trace + at * @TOP@_TRACE : NULL, samples);
    if (out)
      @TOP@_store(m, out + at * @TOP@_OUT, samples);
    for (s = 0; saturated && s < @TOP@_SITES; s++)
      for (l = 0; l < samples; l++)
        saturated[s] += m->count[s][l];
  }
}

void @TOP@_run(const @TOP@_in_t *in, @TOP@_out_t *out, size_t n, uint64_t *saturated) {
  @MEMORY@
  @TOP@_blocks(&memory, in, out, n, saturated, NULL);
}

void @TOP@_n(const @TOP@_in_t *in, @TOP@_out_t *out, size_t n) {
  @TOP@_run(in, out, n, NULL);
}

void @TOP@(const @TOP@_in_t in[@TOP@_IN], @TOP@_out_t out[@TOP@_OUT]) {
  @TOP@_run(in, out, 1, NULL);
}

void @TOP@_trace(const @TOP@_in_t *in, double *trace, size_t n) {
  @MEMORY@
  const double zero = 0;
  const size_t elements = n * @TOP@_TRACE;
  size_t i;
  for (i = 0; i < elements; i++)
    trace[i] = zero / zero;
  @TOP@_blocks(&memory, in, NULL, n, NULL, trace);
}
