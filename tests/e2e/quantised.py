# SPDX-License-Identifier: Apache-2.0
"""quantised.py FOLDER NET FORMAT KIND: models/NET.onnx quantised by onnxruntime on its data, as FOLDER/q.onnx; inputs x.npy, and what onnxruntime makes of
them, y.npy.

FORMAT: QDQ or QOperator. KIND: u8 (activations uint8, weights int8), i8, channels (weights with a scale for each channel).
"""
import logging, pathlib, sys
import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

logging.disable(logging.WARNING)
work, net, form, kind = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
m = onnx.load(f"models/{net}.onnx")
name = m.graph.input[0].name
shape = [d.dim_value for d in m.graph.input[0].type.tensor_type.shape.dim][1:]
x = np.load(f"models/data/{net}_x.npy").astype(np.float32).reshape([-1] + shape)
rng = np.random.default_rng(1)
if len(x) < 1200:  # more of the kind
    x = np.concatenate([x] + [x + rng.normal(0, .1, x.shape).astype(np.float32) for _ in range(1200 // len(x))])


class Reader(CalibrationDataReader):
    def __init__(self):
        self.left = iter(x[:100])

    def get_next(self):
        v = next(self.left, None)
        return None if v is None else {name: v[None]}


quantize_static(f"models/{net}.onnx", work / "q.onnx", Reader(), quant_format=getattr(QuantFormat, form), per_channel=kind == "channels",
                activation_type=QuantType.QInt8 if kind == "i8" else QuantType.QUInt8, weight_type=QuantType.QInt8)
s = onnxruntime.InferenceSession(work / "q.onnx")
x = x[:1500]
y = np.concatenate([s.run(None, {name: v[None]})[0] for v in x])
np.save(work / "x.npy", x), np.save(work / "y.npy", y.reshape(len(x), -1))
