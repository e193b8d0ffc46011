# SPDX-License-Identifier: Apache-2.0
"""Writes the golden networks: build/venv/bin/python tests/golden/make.py. Each has NAME.args beside it, and what nngen made of it: NAME.hir, NAME.vhd."""
import pathlib
import numpy as np
from onnx import TensorProto as T, helper as h, numpy_helper

HERE = pathlib.Path(__file__).parent
N = h.make_node


def save(name, args, nodes, inits, width, out, config=None, out_type=T.FLOAT, first="N"):
    width = width if isinstance(width, list) else [width]
    g = h.make_graph(nodes, name, [h.make_tensor_value_info("x", T.FLOAT, [first, *width])], [h.make_tensor_value_info("y", out_type, ["N", *out])],
                     [numpy_helper.from_array(np.asarray(v, np.int64 if n[0] == "i" else np.float32), n) for n, v in inits.items()])
    m = h.make_model(g, opset_imports=[h.make_opsetid("", 17)], ir_version=8, producer_name="golden")
    (HERE / f"{name}.onnx").write_bytes(m.SerializeToString())
    if config:
        (HERE / f"{name}.json").write_text(config + "\n")
        args += f" --config=tests/golden/{name}.json"
    (HERE / f"{name}.args").write_text(args + "\n")


save("dense", "--q=8,3", [N("Gemm", ["x", "w", "b"], ["h"], name="fc1"), N("Relu", ["h"], ["y"], name="relu1")],
     {"w": [[1.5, -.25], [0, 3.125], [-1, .71875]], "b": [.5, -1.25]}, 3, [2])
save("activation", "--q=6,2 --round=rne --clock=2", [N("MatMul", ["x", "w"], ["h"], name="fc1"), N("Sigmoid", ["h"], ["y"], name="act")],
     {"w": [[.5], [-1.75]]}, 2, [1], '{"layers": {"act": {"table_bits": 4}}}')
save("decision", "--q=8,4", [N("MatMul", ["x", "w"], ["h"], name="fc1"), N("ArgMax", ["h"], ["y"], name="decide", axis=1, keepdims=0)],
     {"w": [[1, -2, .5], [0, 3, -1]]}, 2, [], out_type=T.INT64)
save("probabilities", "--q=8,4 --round=trn", [N("Softmax", ["x"], ["y"], name="softmax", axis=1)], {}, 3, [3], '{"layers": {"softmax": {"table_bits": 3}}}')
save("residual", "--q=5,3 --overflow=wrap",
     [N("Slice", ["x", "i0", "i2", "i1"], ["a"], name="left"), N("Slice", ["x", "i2", "i4", "i1"], ["b"], name="right"), N("Mul", ["a", "b"], ["p"], name="gate"),
      N("MatMul", ["a", "w"], ["h"], name="fc1"), N("Add", ["h", "p"], ["s"], name="join"), N("Concat", ["s", "b"], ["y"], name="both", axis=1)],
     {"w": [[1.5, -2], [.75, 1]], "i0": [0], "i1": [1], "i2": [2], "i4": [4]}, 4, [4])
save("convolution", "--q=6,3", [N("Conv", ["x", "w", "b"], ["h"], name="conv", pads=[1, 1]), N("Relu", ["h"], ["r"], name="relu"),
                                N("MaxPool", ["r"], ["p"], name="max", kernel_shape=[2], strides=[2]), N("AveragePool", ["p"], ["y"], name="mean", kernel_shape=[2])],
     {"w": [[[1.5, -.25, .75]], [[.5, 0, 1.25]]], "b": [.5, -1.25]}, [1, 4], [2, 1])
save("recurrent", "--q=6,2", [N("RNN", ["x", "w", "r", "b"], ["", "h"], name="rnn", hidden_size=2), N("Squeeze", ["h", "i0"], ["y"], name="last")],
     {"w": [[[1.5], [-.75]]], "r": [[[.5, -1], [.25, .625]]], "b": [[.25, 0, .5, -.125]], "i0": [0]}, [1, 1], [2], first=3)
