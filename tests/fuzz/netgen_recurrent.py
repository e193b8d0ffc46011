# SPDX-License-Identifier: Apache-2.0
"""Recurrent layers of the random networks (netgen.py): nodes of every option, RNNs as exporters unroll them, and networks that have a form of one step."""
import numpy as np
from onnx import TensorProto as T, helper as h

MAX_ELEMENTS = 24


class Recurrent:
    """Part of netgen.Net."""

    def cube(self, most):
        """Some value as [steps, batch, elements]."""
        a = self.any(rank=3, ok=lambda v: self.shape(v)[0] <= most and self.shape(v)[1] <= 3)
        if a and self.chance(.7):
            return a
        a = self.any(least=1)
        n = self.count(a)
        b = self.pick(*[d for d in (1, 1, 1, 2, 3) if n % d == 0])
        t = self.pick(*[d for d in range(1, most + 1) if n // b % d == 0])
        return self.add("Reshape", [a, self.const([t, b, n // b // t], np.int64)], (t, b, n // b // t))

    def gains(self, shape):
        """Weights of a recurrence: large ones would magnify onnxruntime's approximations of sigmoid and tanh."""
        return np.clip(self.weights(shape), -4, 4) if self.chance(.2) else self.r.normal(0, .7, shape)

    def cell_functions(self, op, dirs):
        """Activations other than the usual ones, with their parameters."""
        takes = {"Tanh": 0, "Relu": 0, "Sigmoid": 0, "Softsign": 0, "Softplus": 0, "LeakyRelu": 1, "ThresholdedRelu": 1, "Elu": 1, "HardSigmoid": 2, "Affine": 2, "ScaledTanh": 2}
        names = [self.pick(*takes) for _ in range(dirs * {"RNN": 1, "GRU": 2, "LSTM": 3}[op])]
        attr = {"activations": names}
        if any(n in ("ThresholdedRelu", "Affine", "ScaledTanh") for n in names) or self.chance(.5):
            for key, least in (("activation_alpha", 1), ("activation_beta", 2)):
                v = [float(x) for x in self.r.uniform(.1, 1, sum(takes[n] >= least for n in names))]
                if v:
                    attr[key] = v
        return attr

    def recurrent(self):
        op = self.pick("RNN", "GRU", "LSTM")
        a = self.cube(4)
        layout = int(self.opset >= 14 and self.chance(.3))
        t, b, i = self.shape(a)
        if layout:
            t, b = b, t
        h, d, g = int(self.r.integers(1, 4)), self.pick(1, 1, 2), {"RNN": 1, "GRU": 3, "LSTM": 4}[op]
        if t * b * d * h > MAX_ELEMENTS or t > 4:
            return None
        attr = {"hidden_size": h}
        if d == 2 or self.chance(.3):
            attr["direction"] = "bidirectional" if d == 2 else self.pick("forward", "reverse")
        if layout:
            attr["layout"] = 1
        if self.chance(.3):
            attr["clip"] = float(self.pick(.5, 1, 3))
        if op == "GRU" and self.chance(.6):
            attr["linear_before_reset"] = self.pick(0, 1)
        if op == "LSTM" and self.chance(.3):
            attr["input_forget"] = 1
        if self.chance(.3):
            attr |= self.cell_functions(op, d)
        state = (b, d, h) if layout else (d, b, h)
        given = lambda: self.any(ok=lambda v: self.shape(v) == state) if self.chance(.4) else None
        ins = [a, self.const(self.gains((d, g * h, i))), self.const(self.gains((d, g * h, h))), self.const(self.gains((d, 2 * g * h))) if self.chance(.7) else "",
               self.const(np.full(b, t), np.int32) if self.chance(.2) else ""]
        for _ in range(2 if op == "LSTM" else 1):
            ins.append((given() or self.const(self.r.normal(0, 1, state))) if self.chance(.4) else "")
        if op == "LSTM" and self.chance(.3):
            ins.append(self.const(self.gains((d, 3 * h))))
        while not ins[-1]:
            ins.pop()
        every = (b, t, d, h) if layout else (t, d, b, h)
        outs = self.add(op, ins, [every, state, state][:3 if op == "LSTM" else 2], n_out=3 if op == "LSTM" else 2, **attr)
        for k in sorted(set(self.r.integers(0, len(outs), int(self.r.integers(0, len(outs)))))):  # left out; not all
            self.nodes[-1].output[k] = ""
            self.values.remove(outs[k])
        return next(o for o in self.nodes[-1].output if o)

    def unrolled(self):
        """A vanilla RNN step by step, as exporters write it; sometimes with one weight changed, so that it is none."""
        a = self.cube(4)
        t, b, i = self.shape(a)
        h = int(self.r.integers(1, 4))
        if t < 2 or t * b * h > MAX_ELEMENTS:
            return None
        w, r, bias = self.const(self.gains((i, h))), self.const(self.gains((h, h))), self.const(self.gains((h,)))
        early = self.chance(.5)  # weights before the sequence is cut up
        x = self.add("Add", [self.add("MatMul", [a, w], (t, b, h)), bias], (t, b, h)) if early else a
        act, s, done = self.pick("Tanh", "Relu", "Sigmoid"), None, []
        for k in range(t) if self.chance(.6) else reversed(range(t)):
            lo, hi, axis = (self.const([v], np.int64) for v in (k, k + 1, 0))
            v = self.add("Slice", [x, lo, hi, axis], (1, b, h if early else i)) if self.opset >= 10 else \
                self.add("Slice", [x], (1, b, h if early else i), starts=[k], ends=[k + 1], axes=[0])
            if not early:
                v = self.add("Add", [bias, self.add("MatMul", [v, w], (1, b, h))], (1, b, h))
            if s:
                m = self.add("MatMul", [s, r if self.chance(.97) else self.const(self.gains((h, h)))], (1, b, h))
                v = self.add("Add", [v, m] if self.chance(.5) else [m, v], (1, b, h))
            s = self.add(act, [v], (1, b, h))
            done.append(s)
        return self.add("Concat", done if self.chance(.5) else done[::-1], (t, b, h), axis=0) if self.chance(.6) else s


def stepwise(net):
    """Recurrent layers over the steps of one input, with what may stand around them when a cell takes a step after the other."""
    t, f = int(net.r.integers(2, 6)), int(net.r.integers(1, 4))
    shape, value = (t, 1, f), "steps"
    first = net.pick((1, t, f), (t, 1, f), (t, f))
    net.info["x"] = (T.FLOAT, first)
    net.values.append("x")
    infos = [h.make_tensor_value_info("x", T.FLOAT, first)]
    if first == (1, t, f):
        value = net.add("Transpose", ["x"], shape, perm=[1, 0, 2])
    elif first == (t, f):
        value = net.add("Reshape", ["x", net.const(shape, np.int64)], shape)
    else:
        value = "x"
    state = None
    for _ in range(net.pick(1, 1, 2)):
        if net.chance(.3):
            value = net.add(net.pick("Relu", "Tanh", "Neg", "Abs"), [value], shape)
        op, n = net.pick("RNN", "GRU", "LSTM"), int(net.r.integers(1, 4))
        g = {"RNN": 1, "GRU": 3, "LSTM": 4}[op]
        attr = {"hidden_size": n}
        if net.chance(.3):
            attr["clip"] = float(net.pick(.5, 1, 3))
        if op == "GRU" and net.chance(.6):
            attr["linear_before_reset"] = net.pick(0, 1)
        if op == "LSTM" and net.chance(.3):
            attr["input_forget"] = 1
        if net.chance(.3):
            attr |= net.cell_functions(op, 1)
        ins = [value, net.const(net.gains((1, g * n, shape[2]))), net.const(net.gains((1, g * n, n))), net.const(net.gains((1, 2 * g * n))) if net.chance(.7) else ""]
        if net.chance(.4):
            ins += ["", net.const(net.r.normal(0, 1, (1, 1, n)))]
        while not ins[-1]:
            ins.pop()
        every, state = net.add(op, ins, [(t, 1, 1, n), (1, 1, n)], n_out=2, **attr)
        shape = (t, 1, n)
        value = net.add("Reshape", [every, net.const(shape, np.int64)], shape)
        if net.chance(.3):
            k = int(net.r.integers(1, 4))
            shape = (t, 1, k)
            value = net.add("Add", [net.add("MatMul", [value, net.const(net.weights((n, k)))], shape), net.const(net.weights((k,)))], shape)
    end = net.pick("state", "gather", "slice", "all")
    if end == "gather":
        value, shape = net.add("Gather", [value, net.const(net.pick(-1, t - 1), np.int64)], shape[1:], axis=0), shape[1:]
    elif end == "slice" and net.opset >= 10:
        value = net.add("Slice", [value, net.const([net.pick(-1, t - 1)], np.int64), net.const([2**31 - 1], np.int64), net.const([0], np.int64)], (1, *shape[1:]))
        shape = (1, *shape[1:])
    elif end == "state":
        value, shape = state, net.shape(state)
    if net.chance(.5):
        k = int(net.r.integers(1, 4))
        shape, value = (*shape[:-1], k), net.add("MatMul", [value, net.const(net.weights((shape[-1], k)))], (*shape[:-1], k))
    return infos, value


def step_options(net, opts):
    return [o for o in opts if not o.startswith(("--target-loss", "--merge", "--prune"))] + ["--recurrent=iterative", f"--channels={net.pick(1, 1, 2, 3, 5, 9)}"]
