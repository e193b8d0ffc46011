# SPDX-License-Identifier: Apache-2.0
"""Twenty small networks whose results leave narrow formats, with samples: dense, convolutional, recurrent, residual, with tables.

small_nets.py DIR writes NAME.onnx and NAME_x.npy. nets() gives (name, model, samples); every node has a name.
"""
import pathlib
import sys
import numpy as np
from onnx import TensorProto as T, helper as h, numpy_helper

SAMPLES = 300


class Net:
    def __init__(self, seed):
        self.r, self.nodes, self.inits = np.random.default_rng(seed), [], []

    def const(self, a, name=None, dtype=np.float32):
        name = name or f"c{len(self.inits)}"
        self.inits.append(numpy_helper.from_array(np.asarray(a, dtype), name))
        return name

    def weights(self, *shape, gain=1.0):
        return self.const(np.clip(self.r.normal(0, gain / np.sqrt(np.prod(shape[1:])), shape), -7, 7))

    def node(self, op, ins, name, n_out=1, **attr):
        outs = [name + "_y" if i == n_out - 1 or n_out == 1 else "" for i in range(n_out)]
        self.nodes.append(h.make_node(op, ins, outs, name=name, **attr))
        return outs[-1]

    def dense(self, x, ins, outs, name, gain=2.0, activation="Relu"):
        y = self.node("Gemm", [x, self.weights(outs, ins, gain=gain), self.const(self.r.normal(0, 0.5, outs))], name, transB=1)
        return self.node(activation, [y], name + "_act") if activation else y

    def model(self, name, shape, y):
        g = h.make_graph(self.nodes, name, [h.make_tensor_value_info("x", T.FLOAT, ["N", *shape])], [h.make_tensor_value_info(y, T.FLOAT, None)], self.inits)
        m = h.make_model(g, opset_imports=[h.make_opsetid("", 17)], ir_version=8, producer_name="small_nets")
        return name, m, self.r.normal(0, 1, (SAMPLES, *shape)).astype(np.float32).clip(-3.5, 3.5)


def dense(i):
    n, sizes = Net(100 + i), [5 + i, 8, 6, 3]
    v = "x"
    for k in range(3):
        v = n.dense(v, sizes[k], sizes[k + 1], f"fc{k}", gain=2 + 0.5 * i, activation=["Relu", "LeakyRelu", "Relu", None][(k + i) % 4] if k < 2 else None)
    return n.model(f"dense{i}", [sizes[0]], v)


def convolution(i):
    n, axes = Net(200 + i), 1 + i % 2
    shape = [2, 12] if axes == 1 else [1, 5, 5]
    w = n.weights(3, shape[0], *[3] * axes, gain=4)
    v = n.node("Conv", ["x", w, n.const(n.r.normal(0, 1, 3))], "conv", pads=[i // 2] * (2 * axes))
    v = n.node("Relu", [v], "conv_act")
    v = n.node("MaxPool", [v], "pool", kernel_shape=[2] * axes, strides=[2] * axes)
    v = n.node("Flatten", [v], "flat")
    side = [(s + 2 * (i // 2) - 2) // 2 for s in shape[1:]]
    return n.model(f"conv{i}", shape, n.dense(v, 3 * int(np.prod(side)), 4, "fc", gain=3, activation=None))


def recurrent(i):
    n, steps, ins, hidden = Net(300 + i), 4 + i, 2, 4
    kind = ["RNN", "RNN", "GRU", "LSTM"][i]
    gates = {"RNN": 1, "GRU": 3, "LSTM": 4}[kind]
    w, r = n.weights(1, gates * hidden, ins, gain=4), n.weights(1, gates * hidden, hidden, gain=2.5)
    b = n.const(n.r.normal(0, 0.5, (1, 2 * gates * hidden)))
    v = n.node("Transpose", ["x"], "turn", perm=[1, 0, 2])
    attr = {"activations": ["Relu"]} if kind == "RNN" else {"linear_before_reset": 1} if kind == "GRU" else {}
    if kind == "GRU":
        attr["activations"] = ["Sigmoid", "Relu"]
    v = n.node(kind, [v, w, r, b], "rnn", n_out=2, hidden_size=hidden, **attr)
    v = n.node("Squeeze", [v, n.const([0], dtype=np.int64)], "last")
    return n.model(f"recurrent{i}", [steps, ins], n.dense(v, hidden, 2, "fc", gain=6, activation=None))


def residual(i):
    n, width = Net(400 + i), 6
    v = n.dense("x", width, width, "fc0", gain=2 + i)
    for k in range(2):
        y = n.dense(v, width, width, f"in{k}", gain=1.5)
        y = n.dense(y, width, width, f"out{k}", gain=1.5, activation=None)
        v = n.node("Add", [y, v], f"join{k}")
    return n.model(f"residual{i}", [width], v)


def tables(i):
    n = Net(500 + i)
    v = n.dense("x", 6, 5, "fc0", gain=2, activation=["Sigmoid", "Tanh", "Softplus"][i])
    v = n.dense(v, 5, 5, "fc1", gain=12, activation=["Tanh", "Relu", "Sigmoid"][i])
    return n.model(f"table{i}", [6], n.dense(v, 5, 3, "fc2", gain=12, activation=None))


def nets():
    return [f(i) for f, count in ((dense, 5), (convolution, 4), (recurrent, 4), (residual, 4), (tables, 3)) for i in range(count)]


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    for name, model, x in nets():
        (folder / f"{name}.onnx").write_bytes(model.SerializeToString())
        np.save(folder / f"{name}_x.npy", x)
