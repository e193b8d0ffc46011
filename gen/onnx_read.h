/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_read.h - what the two halves of the reader share: onnx_read.c (file, header, inputs, outputs) and onnx_nodes.c (nodes and order).
 */
#ifndef NNGEN_ONNX_READ_H
#define NNGEN_ONNX_READ_H

#include "onnx_tensor.h"

typedef struct {
  Graph *g;
  const Onnx__ModelProto *model;
  const Onnx__GraphProto *p;
  int ml_opset;
  Tensor **slot; /* hash table of values by name */
  size_t n_slots;
  const Onnx__TensorProto **data; /* by tensor number: the initializer's data, NULL for others */
  int n_dims;
  const DimValue *dims;
} Reader;

/* The value of that name; NULL when there is none. */
Tensor *value_find(const Reader *r, const char *name);
/* A new value; NULL when the name is taken. */
Tensor *value_new(Reader *r, const char *name, DataType dtype);

/* Nodes with their inputs and outputs connected, attributes not yet read. Faults are reported, all of them. */
void read_nodes(Reader *r);
/* Topological order; reports a cycle. */
void sort_nodes(Reader *r);
/* Attributes of all nodes that are left. */
void read_attributes(Reader *r);

#endif
