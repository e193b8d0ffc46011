/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_scan.h - a look over the protobuf wire format before protobuf-c sees it. protobuf-c recurses as deep as the file nests and
 * allocates over 100 bytes for each empty submessage, so that small files can overflow its stack or exhaust memory.
 */
#ifndef NNGEN_ONNX_SCAN_H
#define NNGEN_ONNX_SCAN_H

#include "base.h"

enum { SCAN_MAX_DEPTH = 48, SCAN_MAX_FIELDS = 20000000 };

/* NULL when the bytes are a well-formed ModelProto as far as the wire format goes; otherwise what is wrong, with its offset in *at.
 * No allocation, no recursion. */
const char *onnx_scan(const uint8_t *bytes, size_t n, size_t *at);

#endif
