# SPDX-License-Identifier: Apache-2.0
"""Random networks for --mode=stream: pictures, sequences and vectors, larger than those of netgen.py, of what streams can do; and random ways to share
multipliers. The same network is compiled in both modes, whose results must be equal bit for bit."""
import numpy as np

MAX_PRODUCTS = 12000  # of the unrolled network: it is compiled, too
MAX_VALUES = 700      # of a tensor


class Streams:
    """Part of netgen.Net."""

    def start(self, products):
        self.left = products
        kind = self.pick("image", "image", "image", "signal", "vector", "vector", "rows")
        r = lambda lo, hi: int(self.r.integers(lo, hi + 1))
        shape = {"image": (1, r(1, 4), r(1, 11), r(1, 11)), "signal": (1, r(1, 4), r(1, 24)), "vector": (1, r(1, 40)), "rows": (1, r(1, 9), r(1, 12))}[kind]
        self.info["x"] = (1, shape)
        self.values.append("x")
        return "x", kind

    def affords(self, products, shape):
        if products > self.left or int(np.prod(shape)) > MAX_VALUES or min(shape) < 1:
            return False
        self.left -= products
        return True

    def s_window(self, s, same=False):
        k = [int(self.r.integers(1, 6)) if self.chance(.3) else self.pick(1, 2, 3, 3) for _ in s]
        stride = [1 if same else self.pick(1, 1, 1, 2, 2, 3, 4) for _ in s]
        dilation = [self.pick(1, 1, 1, 1, 2, 3) for _ in s]
        begin = [int(self.r.integers(0, f + 1)) if self.chance(.6) else 0 for f in k]
        end = [int(self.r.integers(0, f + 1)) if self.chance(.6) else 0 for f in k]
        if same:
            dilation = [1] * len(s)
            begin, end = [(f - 1) // 2 for f in k], [f // 2 for f in k]
        return k, stride, dilation, begin, end

    def s_act(self, v):
        s, kind = self.shape(v), self.pick("Relu", "Relu", "Relu", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid", "Clip", "PRelu", "none", "none", "Abs", "HardSwish")
        if kind == "none":
            return v
        if kind == "Clip":
            return self.add("Clip", [v, self.const(0.), self.const(6.)], s)
        if kind == "PRelu":
            return self.add("PRelu", [v, self.const(self.weights((s[1], *[1] * (len(s) - 2)) if self.chance(.7) else (1,)))], s)
        return self.add("HardSigmoid" if kind == "HardSwish" and self.opset < 14 else kind, [v], s)

    def s_conv(self, v, same=False):
        b, c, *s = self.shape(v)
        k, stride, dilation, begin, end = self.s_window(s, same)
        group = self.pick(1, 1, 1, c, *[g for g in range(1, c + 1) if c % g == 0])
        m = c if same else group * int(self.r.integers(1, 1 + max(1, 8 // group)))
        out = [(d + p + q - (f - 1) * g - 1) // t + 1 for d, p, q, f, g, t in zip(s, begin, end, k, dilation, stride)]
        if min(out) < 1 or any(d + p + q < (f - 1) * g + 1 for d, p, q, f, g in zip(s, begin, end, k, dilation)):
            return None
        if not self.affords(int(np.prod(out)) * m * c // group * int(np.prod(k)), (m, *out)):
            return None
        w = [self.const(self.weights((m, c // group, *k)))] + ([self.const(self.weights((m,)))] if self.chance(.6) else [])
        y = self.add("Conv", [v, *w], (b, m, *out), kernel_shape=k, strides=stride, dilations=dilation, pads=begin + end, group=group)
        return self.s_after(y)

    def s_after(self, y):
        s = self.shape(y)
        if self.chance(.2):
            p = [self.const(self.r.normal(1, .3, s[1])), self.const(self.r.normal(0, .5, s[1])), self.const(self.r.normal(0, .5, s[1])), self.const(self.r.uniform(.2, 2, s[1]))]
            y = self.add("BatchNormalization", [y, *p], s, epsilon=1e-3)
        if self.chance(.15):
            y = self.add(self.pick("Add", "Mul", "Sub"), [y, self.const(self.weights((s[1], *[1] * (len(s) - 2))))], s)
        return self.s_act(y)

    def s_conv_transpose(self, v):
        b, c, *s = self.shape(v)
        k, stride, dilation, begin, end = self.s_window(s)
        begin, end = [p // 2 for p in begin], [p // 2 for p in end]
        m = group = self.pick(1, 1, 1, c)
        m = group * int(self.r.integers(1, 4))
        more = [int(self.r.integers(0, t)) for t in stride] if self.chance(.2) else [0] * len(s)
        out = [(d - 1) * t + (f - 1) * g + 1 + x - p - q for d, t, f, g, x, p, q in zip(s, stride, k, dilation, more, begin, end)]
        if not self.affords(int(np.prod(s)) * c * m // group * int(np.prod(k)), (m, *out)):
            return None
        w = [self.const(self.weights((c, m // group, *k)))] + ([self.const(self.weights((m,)))] if self.chance(.6) else [])
        return self.s_after(self.add("ConvTranspose", [v, *w], (b, m, *out), strides=stride, dilations=dilation, pads=begin + end, output_padding=more, group=group))

    def s_pool(self, v):
        b, c, *s = self.shape(v)
        op = self.pick("MaxPool", "MaxPool", "AveragePool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool")
        if op.startswith("Global"):
            return self.add(op, [v], (b, c, *[1] * len(s))) if self.affords(self.count(v), (1,)) else None
        k, stride, _, begin, end = self.s_window(s)
        begin, end = [min(p, f - 1) for p, f in zip(begin, k)], [min(p, f - 1) for p, f in zip(end, k)]
        if op == "AveragePool" and self.chance(.5):
            begin = end = [0] * len(s)
        out = [(d + p + q - f) // t + 1 for d, p, q, f, t in zip(s, begin, end, k, stride)]
        if any(d + p + q < f for d, p, q, f in zip(s, begin, end, k)) or not self.affords(int(np.prod(out)) * c * int(np.prod(k)), (c, *out)):
            return None
        attr = {"count_include_pad": self.pick(1, 1, 0)} if op == "AveragePool" else {}
        return self.add(op, [v], (b, c, *out), kernel_shape=k, strides=stride, pads=begin + end, **attr)

    def s_residual(self, v):
        y = self.s_conv(v, same=True) if len(self.shape(v)) > 2 else self.s_dense(v, self.shape(v)[1])
        if y is None:
            return None
        y = self.s_conv(y, same=True) or y if len(self.shape(v)) > 2 and self.chance(.4) else y
        return self.s_act(self.add(self.pick("Add", "Add", "Add", "Mul", "Sub", "Max"), [v, y] if self.chance(.5) else [y, v], self.shape(v)))

    def s_concat(self, v):
        s = self.shape(v)
        others = [w for w in self.values if len(self.shape(w)) == len(s) and self.shape(w)[2:] == s[2:]]
        y = self.pick(*others) if self.chance(.4) else self.s_conv(v, same=True) if len(s) > 2 else self.s_dense(v)
        if y is None or int(np.prod(s)) + self.count(y) > MAX_VALUES:
            return None
        ins = [v, y] if self.chance(.5) else [y, v]
        return self.add("Concat", ins, (1, s[1] + self.shape(y)[1], *s[2:]), axis=1)

    def s_move(self, v):
        s = self.shape(v)
        kind = self.pick("resize", "resize", "transpose", "slice", "pad", "d2s", "split")
        if kind == "resize":
            scale = [1., 1.] + [float(self.pick(1, 2, 2, 3)) for _ in s[2:]]
            out = [int(d * f) for d, f in zip(s, scale)]
            return self.add("Resize", [v, "", self.const(scale)], out, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor") if self.affords(0, out) and scale != [1.] * len(s) else None
        if kind == "transpose":
            p = [0, *(1 + self.r.permutation(len(s) - 1)).tolist()]
            return self.add("Transpose", [v], [s[i] for i in p], perm=p)
        if kind == "slice":
            axis = int(self.r.integers(1, len(s)))
            lo = int(self.r.integers(0, s[axis]))
            hi, step = int(self.r.integers(lo + 1, s[axis] + 1)), self.pick(1, 1, 2)
            out = [len(range(lo, hi, step)) if i == axis else d for i, d in enumerate(s)]
            return self.add("Slice", [v, *(self.const([c], np.int64) for c in (lo, hi, axis, step))], out)
        if kind == "pad":
            pads = [0, 0] + [int(self.r.integers(0, 3)) for _ in s[2:]]
            out = [d + 2 * p for d, p in zip(s, pads)]
            return self.add("Pad", [v, self.const(pads + pads, np.int64)], out, mode=self.pick("constant", "constant", "edge")) if self.affords(0, out) else None
        if kind == "d2s" and len(s) == 4 and s[1] % 4 == 0:
            return self.add("DepthToSpace", [v], (1, s[1] // 4, 2 * s[2], 2 * s[3]), blocksize=2)
        if kind == "d2s" and len(s) == 4 and s[2] % 2 == 0 and s[3] % 2 == 0:
            return self.add("SpaceToDepth", [v], (1, s[1] * 4, s[2] // 2, s[3] // 2), blocksize=2)
        if kind == "split" and s[1] > 1:
            cut = int(self.r.integers(1, s[1]))
            return self.pick(*self.add("Split", [v, self.const([cut, s[1] - cut], np.int64)], [(1, cut, *s[2:]), (1, s[1] - cut, *s[2:])], n_out=2, axis=1))
        return None

    def s_dense(self, v, n=0):
        s = self.shape(v)
        n = n or int(self.r.integers(1, 20))
        if not self.affords(s[-1] * n * int(np.prod(s[:-1])), (*s[:-1], n)):
            return None
        if len(s) == 2 and self.chance(.7):
            y = self.add("Gemm", [v, self.const(self.weights((n, s[1])))] + ([self.const(self.weights((n,)))] if self.chance(.8) else []), (1, n), transB=1)
        else:
            y = self.add("MatMul", [v, self.const(self.weights((s[-1], n)))], (*s[:-1], n))
            y = self.add("Add", [y, self.const(self.weights((n,)))], (*s[:-1], n)) if self.chance(.6) else y
        y = self.add("Relu", [y], self.shape(y)) if len(s) > 2 and self.chance(.4) else y
        return self.s_act(y) if len(s) == 2 else y

    def s_flat(self, v):
        n = self.count(v)
        if self.chance(.3):
            return self.add("Reshape", [v, self.const((1, -1), np.int64)], (1, n))
        return self.add("Flatten", [v], (1, n))

    def s_norm(self, v):
        return self.add("Softmax", [v], self.shape(v), axis=1 if len(self.shape(v)) == 4 else -1) if self.shape(v)[1] * self.count(v) < 600 else None

    def s_mean(self, v):
        axes = [len(self.shape(v)) - 1] if self.chance(.3) else list(range(2, len(self.shape(v)))) or [1]
        keep = self.pick(0, 1)
        out = [1 if i in axes else d for i, d in enumerate(self.shape(v)) if keep or i not in axes]
        op = self.pick("ReduceMean", "ReduceSum")
        if len(out) < 2:
            return None
        if self.opset >= (13 if op == "ReduceSum" else 18):
            return self.add(op, [v, self.const(axes, np.int64)], out, keepdims=keep)
        return self.add(op, [v], out, axes=axes, keepdims=keep)

    def s_layer(self, v, kind):
        rank = len(self.shape(v))
        if rank == 2:
            return self.pick(self.s_dense, self.s_dense, self.s_dense, self.s_dense, self.s_residual, self.s_concat, self.s_act, self.s_norm, self.s_move)(v)
        if kind == "rows" and rank == 3 and self.chance(.7):
            return self.pick(self.s_dense, self.s_dense, self.s_dense, self.s_flat, self.s_norm)(v)
        f = self.pick(self.s_conv, self.s_conv, self.s_conv, self.s_conv, self.s_pool, self.s_pool, self.s_residual, self.s_residual, self.s_concat, self.s_conv_transpose,
                      self.s_move, self.s_move, self.s_act, self.s_flat, self.s_norm, self.s_mean)
        return f(v)

    # ---- quantised ----
    def q_layer(self, v, s):
        """A convolution or dense layer over what was quantised with scale s."""
        shape = self.shape(v)
        kind = self.pick("product", "product", "product", "pool", "add", "act", "flat")
        if kind == "product" and len(shape) == 2:
            n = int(self.r.integers(1, 14))
            if not self.affords(n * shape[1], (n,)):
                return None
            w, ws = self.qweights((n, shape[1]), 0)
            v = self.add("Gemm", [v, w, self.qbias(n, s * ws)] if self.chance(.8) else [v, w], (1, n), transB=1)
        elif kind == "product":
            k, stride, _, begin, end = self.s_window(shape[2:])
            n, group = int(self.r.integers(1, 7)), 1
            if self.chance(.25):
                n = group = shape[1]
            out = [(d + p + q - f) // t + 1 for d, p, q, f, t in zip(shape[2:], begin, end, k, stride)]
            if any(d + p + q < f for d, p, q, f in zip(shape[2:], begin, end, k)) or not self.affords(n * shape[1] // group * int(np.prod(k) * np.prod(out)), (n, *out)):
                return None
            w, ws = self.qweights((n, shape[1] // group, *k), 0)
            v = self.add("Conv", [v, w, self.qbias(n, s * ws)] if self.chance(.8) else [v, w], (1, n, *out), pads=begin + end, strides=stride, group=group)
        elif kind == "pool" and len(shape) > 2 and min(shape[2:]) > 1:
            v = self.add(self.pick("MaxPool", "AveragePool"), [v], (1, shape[1], *(d // 2 for d in shape[2:])), kernel_shape=[2] * (len(shape) - 2), strides=[2] * (len(shape) - 2))
        elif kind == "add":
            v = self.add("Add", [v, self.qdq(v)[0]], shape)
        elif kind == "flat":
            v = self.s_flat(v)
        else:
            v = self.add(self.pick("Sigmoid", "Relu", "LeakyRelu"), [v], shape)
        if self.chance(.4):
            v = self.add("Relu", [v], self.shape(v))
        return self.qdq(v)


def stream_options(net):
    """How multipliers are shared, beside the options that both modes have."""
    way = net.pick("", "reuse", "reuse", "reuse", "reuse", "ii", "ii", "dsp", "bram")
    o = ["--mode=stream"]
    if way == "reuse":
        o.append(f"--reuse={net.pick(1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 16, 17, 31, 64, 97, 128, 251, 1009, 10007, 1000003)}")
    elif way == "ii":
        o.append(f"--target-ii={net.pick(1, 2, 7, 10, 50, 64, 100, 333, 1000, 4096, 100003)}")
    elif way == "dsp":
        o.append(f"--dsp={net.pick(1, 2, 3, 5, 10, 20, 50, 100, 1000)}")
    elif way == "bram":
        o.append(f"--bram={net.pick(1, 2, 5, 20)}")
    reuse = {}
    for n in net.nodes:
        if n.name and n.op_type in ("Conv", "Gemm", "MatMul", "ConvTranspose") and net.chance(.08):
            reuse[n.name] = int(net.pick(1, 2, 3, 5, 8, 19, 100))
    if net.r.random() < .2:  # weights of its own: nothing to compare with parallel mode
        o.append(net.pick("--target-loss=5%", "--target-loss=100", "--round-weights=compensated"))
    return {"options": o, "reuse": reuse}
