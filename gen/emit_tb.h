/* SPDX-License-Identifier: Apache-2.0
 *
 * emit_tb.h - what the benches of both modes share.
 */
#ifndef NNGEN_EMIT_TB_H
#define NNGEN_EMIT_TB_H

#include "emit.h"

/* A line of hex digits, most significant first; bit[] reaches to a multiple of 4. */
void tb_hex(Buf *b, const uint8_t *bit, int bits);
/* One element's bits, lowest first. */
void tb_element(uint8_t *bit, int64_t v, int width);
/* A vector file: all elements of all ports as one packed word a line. */
void tb_vectors(Buf *b, const HirPort *p, int n_ports, int elements, size_t n, const int64_t *v);
/* A port's name inside a string literal of either language. */
const char *tb_quotable(const char *name);

#endif
