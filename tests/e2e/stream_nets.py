# SPDX-License-Identifier: Apache-2.0
"""Small networks for streams, with samples: stream_nets.py DIR writes NAME.onnx and NAME_x.npy.

    skip   two 3 x 3 convolutions beside a connection that waits for them, as in a residual network
    wide   strides, dilations, groups, a concatenation, a transposed convolution, pools, an enlargement, a softmax
    mlp    three dense layers, the last of few neurons
    product  what streams refuse: two inputs that are multiplied with each other
"""
import pathlib
import sys
import numpy as np
import onnx
from onnx import TensorProto as T, helper as h
from small_nets import Net

SAMPLES = 12


def skip(n):
    conv = lambda x, i: n.node("Conv", [x, n.weights(2, 2, 3, 3, gain=2), n.weights(2)], f"conv{i}", pads=[1, 1, 1, 1])
    y = n.node("Relu", [conv("x", 1)], "relu")
    return [(2, 6, 6)], n.node("Add", [conv(y, 2), "x"], "join")


def wide(n):
    a = n.node("Conv", ["x", n.weights(4, 1, 3, 3, gain=2), n.weights(4)], "apart", group=2, strides=[1, 2], pads=[1, 1, 1, 1])
    b = n.node("Conv", ["x", n.weights(2, 2, 2, 2, gain=2)], "far", dilations=[2, 2], strides=[1, 2], pads=[1, 1, 1, 1])
    c = n.node("Concat", [n.node("Relu", [a], "relu"), b], "both", axis=1)
    d = n.node("ConvTranspose", [n.node("MaxPool", [c], "most", kernel_shape=[2, 2], strides=[2, 2]), n.weights(6, 3, 3, 3, gain=2)], "up", strides=[2, 2])
    e = n.node("Resize", [d, "", n.const([1, 1, 2, 1])], "twice", mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    f = n.node("AveragePool", [e], "mean", kernel_shape=[3, 3], strides=[3, 3])
    return [(2, 8, 8)], n.node("Softmax", [n.dense(n.node("Flatten", [f], "flat"), 3 * rows(8, 8), 5, "fc", activation=None)], "softmax")


def rows(height, width):
    """Positions that `mean` of `wide` makes."""
    up = lambda d: (d // 2 - 1) * 2 + 3
    return (2 * up(height) // 3) * (up(width // 2) // 3)


def mlp(n):
    y = n.dense("x", 13, 16, "fc1")
    return [(13,)], n.dense(n.dense(y, 16, 9, "fc2"), 9, 3, "fc3", activation="Sigmoid")


def product(n):
    return [(4,), (4,)], n.node("MatMul", [n.node("Unsqueeze", ["x", n.const([1], dtype=np.int64)], "row"), n.node("Unsqueeze", ["x1", n.const([2], dtype=np.int64)], "column")], "product")


if __name__ == "__main__":
    to = pathlib.Path(sys.argv[1])
    to.mkdir(parents=True, exist_ok=True)
    for seed, make in enumerate((skip, wide, mlp, product)):
        net = Net(seed)
        shapes, y = make(net)
        ins = [h.make_tensor_value_info(f"x{i or ''}", T.FLOAT, ["N", *s]) for i, s in enumerate(shapes)]
        g = h.make_graph(net.nodes, make.__name__, ins, [h.make_tensor_value_info(y, T.FLOAT, None)], net.inits)
        onnx.save(h.make_model(g, opset_imports=[h.make_opsetid("", 17)], ir_version=8, producer_name="stream_nets"), to / f"{make.__name__}.onnx")
        np.save(to / f"{make.__name__}_x.npy", net.r.normal(0, 1, (SAMPLES, *shapes[0])).astype(np.float32))
