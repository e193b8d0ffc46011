/* One channel's state between two of its tokens (time steps): raw integers, and how many tokens of the window there were. */
typedef struct {
  int64_t value[@TOP@_STATE];
  uint32_t step;
} @TOP@_state_t;

/* As after a reset. */
void @TOP@_reset(@TOP@_state_t *state);
/* One token of a channel as raw integers, elements in ONNX order; bits of an input beyond its format are ignored. 1 when the outputs count,
 * 0 when the window goes on (out is left alone). */
int @TOP@(@TOP@_state_t *state, const @TOP@_in_t in[@TOP@_IN], @TOP@_out_t out[@TOP@_OUT]);
/* n tokens of one channel, one after the other; out gets the outputs that count, @TOP@_OUT each. How many of these there are comes back. Whole
 * windows are computed side by side, many times faster than one by one. */
size_t @TOP@_n(@TOP@_state_t *state, const @TOP@_in_t *in, @TOP@_out_t *out, size_t n);
/* The same; adds to saturated[0 .. @TOP@_SITES-1] how often each site changed a value. May be NULL. */
size_t @TOP@_run(@TOP@_state_t *state, const @TOP@_in_t *in, @TOP@_out_t *out, size_t n, uint64_t *saturated);
/* Every layer's elements as numbers after each token: @TOP@_TRACE doubles a token, layer after layer; NaN where a value was optimised away. */
void @TOP@_trace(@TOP@_state_t *state, const @TOP@_in_t *in, double *trace, size_t n);
/* From numbers to numbers: one token, or n. */
int @TOP@_float(@TOP@_state_t *state, const float *in, float *out);
size_t @TOP@_float_n(@TOP@_state_t *state, const float *in, float *out, size_t n);

