/* @TOP@_intel.cpp - @TOP@ as a component of the Intel HLS compiler (i++). Made by nngen @VERSION@.
 *
 * The sample comes and goes as a structure of all elements: a new one in every cycle.
 */
#include "HLS/hls.h"
#include "@TOP@.cpp"

hls_component_ii(1) hls_scheduler_target_fmax_mhz(@MHZ@) component @TOP@_out @TOP@_component(@TOP@_in x) {
  @TOP@_out y;
  @TOP@_hls::core(@CORE_ARGUMENTS@);
  return y;
}

void @TOP@_run(const @TOP@_in &x, @TOP@_out &y) {
  y = @TOP@_component(x);
}
