/* SPDX-License-Identifier: Apache-2.0
 * What generated code uses of Intel HLS's header: nothing, for a host compiler. */
#define component
#define hls_component_ii(n)
#define hls_scheduler_target_fmax_mhz(f)
