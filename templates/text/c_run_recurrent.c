
/* ---- in and out ---- */

static const int64_t @TOP@_initial[@TOP@_STATE] = {@INITIAL@};

void @TOP@_reset(@TOP@_state_t *state) {
  memcpy(state->value, @TOP@_initial, sizeof state->value);
  state->step = 0;
}

/* in: the first lane's token; lanes are `stride` elements apart. */
static void @TOP@_load(@TOP@_mem *m, const @TOP@_in_t *in, size_t stride, size_t lanes) {
  size_t l, e;
  for (l = 0; l < @TOP@_LANES; l++) {
    const @TOP@_in_t *x = in + (l < lanes ? l : lanes - 1) * stride; /* idle lanes repeat the last one */
@LOAD@  }
  memset(m->count, 0, sizeof m->count);
}

/* n tokens of one channel; of many whole windows, each lane does one. */
static size_t @TOP@_tokens(@TOP@_mem *m, @TOP@_state_t *state, const @TOP@_in_t *in, @TOP@_out_t *out, size_t n, uint64_t *saturated, double *trace) {
  size_t due = 0, lanes, tokens, t, l, e;
  int s;
  for (; n; n -= lanes * tokens, in += lanes * tokens * @TOP@_IN) {
    lanes = tokens = 1;
#if @TOP@_STEPS > 1
    if (!trace && state->step == 0 && n >= 2 * @TOP@_STEPS) {
      tokens = @TOP@_STEPS;
      lanes = n / tokens < @TOP@_LANES ? n / tokens : @TOP@_LANES;
    }
#endif
    for (e = 0; e < @TOP@_STATE; e++)
      for (l = 0; l < @TOP@_LANES; l++)
        m->in[@TOP@_IN + e][l] = (@TOP@_m@IN_BITS@)state->value[e];
    for (t = 0; t < tokens; t++) {
      @TOP@_load(m, in + t * @TOP@_IN, tokens * @TOP@_IN, lanes);
      @TOP@_block(m, trace, 1);
      for (s = 0; saturated && s < @TOP@_SITES; s++)
        for (l = 0; l < lanes; l++)
          saturated[s] += m->count[s][l];
      state->step++;
      if (@TOP@_STEPS == 0 || @TOP@_EACH_STEP || state->step == @TOP@_STEPS) {
        for (l = 0; out && l < lanes; l++)
          for (e = 0; e < @TOP@_OUT; e++)
            out[(due + l * (@TOP@_EACH_STEP ? tokens : 1) + (@TOP@_EACH_STEP ? t : 0)) * @TOP@_OUT + e] = (@TOP@_out_t)m->out[e][l];
      }
      for (e = 0; e < @TOP@_STATE; e++)
        for (l = 0; l < @TOP@_LANES; l++)
          m->in[@TOP@_IN + e][l] = (@TOP@_m@IN_BITS@)m->out[@TOP@_OUT + e][l];
    }
    due += @TOP@_STEPS == 0 || @TOP@_EACH_STEP ? lanes * tokens : state->step == @TOP@_STEPS ? lanes : 0;
    trace = trace ? trace + @TOP@_TRACE : NULL;
    for (e = 0; e < @TOP@_STATE; e++)
      state->value[e] = m->in[@TOP@_IN + e][0];
    if (@TOP@_STEPS == 0 || state->step == @TOP@_STEPS)
      state->step = 0;
    if (@TOP@_STEPS && state->step == 0)
      @TOP@_reset(state);
  }
  return due;
}

size_t @TOP@_run(@TOP@_state_t *state, const @TOP@_in_t *in, @TOP@_out_t *out, size_t n, uint64_t *saturated) {
  @MEMORY@
  return @TOP@_tokens(&memory, state, in, out, n, saturated, NULL);
}

size_t @TOP@_n(@TOP@_state_t *state, const @TOP@_in_t *in, @TOP@_out_t *out, size_t n) {
  return @TOP@_run(state, in, out, n, NULL);
}

int @TOP@(@TOP@_state_t *state, const @TOP@_in_t in[@TOP@_IN], @TOP@_out_t out[@TOP@_OUT]) {
  return (int)@TOP@_run(state, in, out, 1, NULL);
}

void @TOP@_trace(@TOP@_state_t *state, const @TOP@_in_t *in, double *trace, size_t n) {
  @MEMORY@
  const double zero = 0;
  const size_t elements = n * @TOP@_TRACE;
  size_t i;
  for (i = 0; i < elements; i++)
    trace[i] = zero / zero;
  @TOP@_tokens(&memory, state, in, NULL, n, NULL, trace);
}
