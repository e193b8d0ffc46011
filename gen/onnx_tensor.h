/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_tensor.h - TensorProto to Tensor.
 */
#ifndef NNGEN_ONNX_TENSOR_H
#define NNGEN_ONNX_TENSOR_H

#include "nngen.h"
#include "onnx.pb-c.h"

/* Sets dtype, shape and value of t (its name is set) from p, whatever field or file holds the data; text tensors get no value. `model` is
 * the path of the model, whose folder bounds where external data may lie. On a fault: diag_error and false. */
bool onnx_tensor(Tensor *t, const Onnx__TensorProto *p, const char *model);

#endif
