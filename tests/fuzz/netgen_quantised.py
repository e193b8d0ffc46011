# SPDX-License-Identifier: Apache-2.0
"""Quantised layers of the random networks (netgen.py): every value between layers is int8, int16, ... times a scale."""
import numpy as np
from onnx import TensorProto as T, helper as h, numpy_helper

MAX_ELEMENTS = 24


class Quantised:
    """Part of netgen.Net."""

    def qtype(self):
        dtype = self.pick(np.int8, np.uint8, np.int8, np.uint8, np.int16 if self.opset >= 21 else np.int8)
        lo, hi = np.iinfo(dtype).min, np.iinfo(dtype).max
        zero = self.pick(0, lo, int(self.r.integers(lo, hi + 1)), (lo + hi + 1) // 2)
        scale = float(self.r.lognormal(0, .5)) if self.chance(.7) else self.pick(.5, 1, .25, .1, .05)
        return dtype, dtype(zero), np.float32(scale * self.pick(4, 8, 8, 16) / (hi - lo))

    def qdq(self, v, q=None):
        """v quantised and back. Another scale than before makes a requantisation."""
        dtype, zero, scale = q or self.qtype()
        s, z, n = self.const(scale), self.name("z"), self.name("q")
        self.inits.append(numpy_helper.from_array(np.asarray(zero, dtype), n + "_zero"))
        self.nodes.append(h.make_node("QuantizeLinear", [v, s, n + "_zero"], [n]))
        self.info[z] = (T.FLOAT, self.shape(v))
        self.nodes.append(h.make_node("DequantizeLinear", [n, s, n + "_zero"], [z]))
        self.values.append(z)
        self.uses |= {"QuantizeLinear", "DequantizeLinear"}
        return z, scale

    def qweights(self, shape, axis):
        """Integer weights with their scales, one or one for each output channel."""
        dtype = self.pick(np.int8, np.int8, np.uint8)
        channels = self.chance(.4)
        w = self.r.integers(np.iinfo(dtype).min, np.iinfo(dtype).max + 1, shape).astype(dtype)
        w = w if self.chance(.7) else np.asarray(self.r.integers(-1, 2, shape), np.int8)
        zero = np.zeros(shape[axis] if channels else (), w.dtype) if w.dtype == np.int8 else np.full(shape[axis] if channels else (), int(self.r.integers(100, 150)), np.uint8)
        scale = np.asarray(self.r.lognormal(0, .4, shape[axis] if channels else ()) * self.pick(.02, .005, 1 / 64), np.float32)
        n = self.name("w")
        self.inits += [numpy_helper.from_array(w, n + "_q"), numpy_helper.from_array(zero, n + "_zero"), numpy_helper.from_array(scale, n + "_scale")]
        self.nodes.append(h.make_node("DequantizeLinear", [n + "_q", n + "_scale", n + "_zero"], [n], axis=axis))
        return n, scale

    def qbias(self, count, scale):
        """int32 with the scale of the sums, or in float."""
        if self.chance(.3):
            return self.const(self.r.normal(0, 1, count))
        n = self.name("b")
        scale = np.asarray(scale, np.float32)
        self.inits += [numpy_helper.from_array(self.r.integers(-3000, 3000, count).astype(np.int32), n + "_q"), numpy_helper.from_array(scale, n + "_scale")]
        self.nodes.append(h.make_node("DequantizeLinear", [n + "_q", n + "_scale"], [n], axis=0))
        return n

    def qlayer(self, v, s):
        shape = self.shape(v)
        kind = self.pick("dense", "dense", "dense", "table", "move", "add", "pool")
        if kind == "dense" and len(shape) == 2:
            n = int(self.r.integers(1, 6))
            w, ws = self.qweights((n, shape[1]), 0)
            v = self.add("Gemm", [v, w, self.qbias(n, s * ws)] if self.chance(.8) else [v, w], (shape[0], n), transB=1)
        elif kind == "dense" and len(shape) == 3:
            n = int(self.r.integers(1, 4))
            w, ws = self.qweights((n, shape[1], 2), 0)
            v = self.add("Conv", [v, w, self.qbias(n, s * ws)] if self.chance(.8) else [v, w], (shape[0], n, shape[2]), pads=[1, 0])
        elif kind == "move" and len(shape) == 3:
            return self.qdq(self.add("Flatten", [v], (shape[0], shape[1] * shape[2])))
        elif kind == "pool" and len(shape) == 3 and shape[2] > 1:
            v = self.add(self.pick("MaxPool", "AveragePool"), [v], (shape[0], shape[1], shape[2] - 1), kernel_shape=[2])
        elif kind == "add":
            if self.chance(.5):
                other, _ = self.qdq(v)
                v = self.add("Add", [v, other], shape)
            else:
                v = self.add("Concat", [v, self.qdq(v)[0]], (*shape[:-1], 2 * shape[-1]), axis=len(shape) - 1)
        else:
            v = self.add(self.pick("Sigmoid", "Tanh", "LeakyRelu", "Neg", "HardSigmoid", "Abs"), [v], shape)
        if self.chance(.4):
            v = self.add(self.pick("Relu", "Relu", "LeakyRelu"), [v], self.shape(v))
        return self.qdq(v)
