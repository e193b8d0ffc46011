/* @TOP@.h - a neural network in HLS C++, bit for bit as the C model and the VHDL. Made by nngen @VERSION@ from @MODEL@.
 *
 * Interface: @IO@ (nngen --hls-io). A new sample in every cycle.
 */
#ifndef @TOP@_HLS_H
#define @TOP@_HLS_H

#include "@INCLUDE@"

@TYPES@
@PROTOTYPE@

#endif
