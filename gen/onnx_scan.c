/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_scan.c - walks the wire format with a stack of fixed size. Only fields that ONNX's schema says are submessages are descended
 * into; strings are checked for NUL bytes, since C would cut them short there.
 */
#include "onnx_scan.h"

typedef enum {
  M_MODEL,
  M_GRAPH,
  M_NODE,
  M_ATTRIBUTE,
  M_TENSOR,
  M_SEGMENT,
  M_SPARSE,
  M_VALUE_INFO,
  M_TYPE,
  M_TYPE_TENSOR,
  M_TYPE_SEQUENCE,
  M_TYPE_MAP,
  M_SHAPE,
  M_DIMENSION,
  M_OPSET,
  M_ENTRY,
  M_FUNCTION,
  M_TRAINING,
  M_ANNOTATION,
  M_STRING, /* not a message: text */
  M_NONE
} Message;

/* Fields that are submessages or text. `once`: singular submessages; protobuf would merge a second one, which no exporter writes. */
static const struct {
  uint8_t in, field, is, once;
} schema[] = {
    {M_MODEL, 2, M_STRING, 0},       {M_MODEL, 3, M_STRING, 0},      {M_MODEL, 4, M_STRING, 0},       {M_MODEL, 6, M_STRING, 0},
    {M_MODEL, 7, M_GRAPH, 1},        {M_MODEL, 8, M_OPSET, 0},       {M_MODEL, 14, M_ENTRY, 0},       {M_MODEL, 20, M_TRAINING, 0},
    {M_MODEL, 25, M_FUNCTION, 0},    {M_GRAPH, 1, M_NODE, 0},        {M_GRAPH, 2, M_STRING, 0},       {M_GRAPH, 5, M_TENSOR, 0},
    {M_GRAPH, 10, M_STRING, 0},      {M_GRAPH, 11, M_VALUE_INFO, 0}, {M_GRAPH, 12, M_VALUE_INFO, 0},  {M_GRAPH, 13, M_VALUE_INFO, 0},
    {M_GRAPH, 14, M_ANNOTATION, 0},  {M_GRAPH, 15, M_SPARSE, 0},     {M_NODE, 1, M_STRING, 0},        {M_NODE, 2, M_STRING, 0},
    {M_NODE, 3, M_STRING, 0},        {M_NODE, 4, M_STRING, 0},       {M_NODE, 5, M_ATTRIBUTE, 0},     {M_NODE, 6, M_STRING, 0},
    {M_NODE, 7, M_STRING, 0},        {M_ATTRIBUTE, 1, M_STRING, 0},  {M_ATTRIBUTE, 5, M_TENSOR, 1},   {M_ATTRIBUTE, 6, M_GRAPH, 1},
    {M_ATTRIBUTE, 10, M_TENSOR, 0},  {M_ATTRIBUTE, 11, M_GRAPH, 0},  {M_ATTRIBUTE, 13, M_STRING, 0},  {M_ATTRIBUTE, 14, M_TYPE, 1},
    {M_ATTRIBUTE, 15, M_TYPE, 0},    {M_ATTRIBUTE, 21, M_STRING, 0}, {M_ATTRIBUTE, 22, M_SPARSE, 1},  {M_ATTRIBUTE, 23, M_SPARSE, 0},
    {M_TENSOR, 3, M_SEGMENT, 1},     {M_TENSOR, 8, M_STRING, 0},     {M_TENSOR, 12, M_STRING, 0},     {M_TENSOR, 13, M_ENTRY, 0},
    {M_SPARSE, 1, M_TENSOR, 1},      {M_SPARSE, 2, M_TENSOR, 1},     {M_VALUE_INFO, 1, M_STRING, 0},  {M_VALUE_INFO, 2, M_TYPE, 1},
    {M_VALUE_INFO, 3, M_STRING, 0},  {M_TYPE, 1, M_TYPE_TENSOR, 1},  {M_TYPE, 4, M_TYPE_SEQUENCE, 1}, {M_TYPE, 5, M_TYPE_MAP, 1},
    {M_TYPE, 6, M_STRING, 0},        {M_TYPE, 8, M_TYPE_TENSOR, 1},  {M_TYPE, 9, M_TYPE_SEQUENCE, 1}, {M_TYPE_TENSOR, 2, M_SHAPE, 1},
    {M_TYPE_SEQUENCE, 1, M_TYPE, 1}, {M_TYPE_MAP, 2, M_TYPE, 1},     {M_SHAPE, 1, M_DIMENSION, 0},    {M_DIMENSION, 2, M_STRING, 0},
    {M_DIMENSION, 3, M_STRING, 0},   {M_OPSET, 1, M_STRING, 0},      {M_ENTRY, 1, M_STRING, 0},       {M_ENTRY, 2, M_STRING, 0},
    {M_FUNCTION, 1, M_STRING, 0},    {M_FUNCTION, 4, M_STRING, 0},   {M_FUNCTION, 5, M_STRING, 0},    {M_FUNCTION, 6, M_STRING, 0},
    {M_FUNCTION, 7, M_NODE, 0},      {M_FUNCTION, 8, M_STRING, 0},   {M_FUNCTION, 9, M_OPSET, 0},     {M_FUNCTION, 10, M_STRING, 0},
    {M_TRAINING, 1, M_GRAPH, 1},     {M_TRAINING, 2, M_GRAPH, 1},    {M_TRAINING, 3, M_ENTRY, 0},     {M_TRAINING, 4, M_ENTRY, 0},
    {M_ANNOTATION, 1, M_STRING, 0},  {M_ANNOTATION, 2, M_ENTRY, 0},
};

static int schema_find(Message in, uint64_t field) {
  for (size_t i = 0; i < sizeof schema / sizeof *schema; i++)
    if (schema[i].in == in && schema[i].field == field)
      return (int)i;
  return -1;
}

enum { WIRE_VARINT, WIRE_64, WIRE_BYTES, WIRE_GROUP, WIRE_END_GROUP, WIRE_32 };

/* Bytes read, 0 when there is no varint of at most 10 bytes before `end`. */
static size_t varint(const uint8_t *p, size_t at, size_t end, uint64_t *v) {
  *v = 0;
  for (size_t i = 0; i < 10 && at + i < end; i++) {
    if (i == 9 && p[at + i] > 1)
      return 0;
    *v |= (uint64_t)(p[at + i] & 0x7f) << (7 * i);
    if (p[at + i] < 0x80)
      return i + 1;
  }
  return 0;
}

const char *onnx_scan(const uint8_t *p, size_t n, size_t *at) {
  struct {
    Message is;
    size_t end;
    uint32_t seen; /* singular submessages met */
  } stack[SCAN_MAX_DEPTH];
  int depth = 0;
  size_t i = 0, fields = 0;
  stack[0].is = M_MODEL;
  stack[0].end = n;
  stack[0].seen = 0;
  for (;;) {
    while (i == stack[depth].end) {
      if (depth == 0)
        return NULL;
      depth--;
    }
    *at = i;
    if (++fields > SCAN_MAX_FIELDS)
      return "too many fields";
    size_t end = stack[depth].end;
    uint64_t key, value;
    size_t k = varint(p, i, end, &key);
    if (!k)
      return "a field's key is cut off or too long";
    i += k;
    if (key >> 3 == 0 || key >> 32)
      return "a field number is out of range";
    switch (key & 7) {
    case WIRE_VARINT:
      k = varint(p, i, end, &value);
      if (!k)
        return "a number is cut off or too long";
      i += k;
      break;
    case WIRE_64:
    case WIRE_32:
      k = (key & 7) == WIRE_64 ? 8 : 4;
      if (end - i < k)
        return "a number is cut off";
      i += k;
      break;
    case WIRE_BYTES: {
      k = varint(p, i, end, &value);
      if (!k)
        return "a length is cut off or too long";
      i += k;
      if (value > end - i)
        return end == n ? "a field reaches past the end of the file" : "a field reaches past the end of its message";
      int s = schema_find(stack[depth].is, key >> 3);
      Message is = s < 0 ? M_NONE : schema[s].is;
      if (is == M_NONE) {
        i += (size_t)value;
      } else if (is == M_STRING) {
        if (value && memchr(p + i, 0, (size_t)value))
          return "a NUL byte inside a name or text";
        i += (size_t)value;
      } else {
        uint32_t bit = (uint32_t)1 << (key >> 3);
        if (schema[s].once && (stack[depth].seen & bit))
          return "a part that may occur once occurs twice";
        stack[depth].seen |= bit;
        if (++depth == SCAN_MAX_DEPTH)
          return "messages are nested too deep";
        stack[depth].is = is;
        stack[depth].end = i + (size_t)value;
        stack[depth].seen = 0;
      }
      break;
    }
    default:
      return "not a protobuf field type that ONNX uses";
    }
  }
}
