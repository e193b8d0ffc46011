# SPDX-License-Identifier: Apache-2.0
"""A random network while it grows: its values, constants in all the ways a file can hold them, and the operators that may be added to it.

Net.OPS: each adds its nodes and gives the name of its result, or None where no value fits.
"""
import math
import numpy as np
from onnx import TensorProto as T, helper as h, numpy_helper
from netgen_quantised import Quantised
from netgen_recurrent import Recurrent
from netgen_stream import Streams
from netgen_window import Window

MAX_ELEMENTS = 24   # of a tensor: a random network is wide in kinds, not in size


class Net(Recurrent, Quantised, Window, Streams):
    def __init__(self, seed):
        self.r = np.random.default_rng(seed)
        self.opset = int(self.r.choice([7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]))
        self.nodes, self.inits, self.info = [], [], {}
        self.values = []            # names that may be read
        self.ints = []              # int64 results of ArgMax
        self.bools = []             # of comparisons
        self.used, self.uses = set(), set()
        self.n = 0

    # ---- small things ----
    def pick(self, *a):
        return a[int(self.r.integers(len(a)))]

    def chance(self, p):
        return bool(self.r.random() < p)

    def name(self, stem="v"):
        self.n += 1
        return f"{stem}{self.n}"

    def shape(self, v):
        return self.info[v][1]

    def count(self, v):
        return int(np.prod(self.shape(v), dtype=int))

    def const(self, a, dtype=np.float32):
        """A constant, in one of the ways a file can hold it."""
        a = np.asarray(a, dtype)
        n = self.name("c")
        way = self.r.random()
        t = numpy_helper.from_array(a, n)
        if way < .2 and a.dtype == np.float32:
            t = h.make_tensor(n, T.FLOAT, a.shape, a.ravel().tolist())          # typed field
        elif way < .25 and a.dtype == np.int64:
            t = h.make_tensor(n, T.INT64, a.shape, a.ravel().tolist())
        if .3 < way < .45 and (self.opset >= 9 or a.dtype == np.float32):
            self.nodes.append(h.make_node("Constant", [], [n], value=t))
        elif .45 < way < .5 and self.opset >= 12 and a.ndim == 1 and a.size and a.dtype in (np.float32, np.int64):
            key = "value_floats" if a.dtype == np.float32 else "value_ints"
            self.nodes.append(h.make_node("Constant", [], [n], **{key: a.tolist()}))
        else:
            self.inits.append(t)
        return n

    def weights(self, shape):
        """Weights with the awkward ones among them: zeros, format limits, powers of two, far out of range."""
        kind = self.r.random()
        w = self.r.normal(0, self.pick(.1, .5, 1, 3), shape)
        if kind < .12:
            w = np.zeros(shape)
        elif kind < .3:
            w = np.where(self.r.random(shape) < .5, 0, w)
        elif kind < .45:
            w = self.r.choice([-2, -1, -.5, 0, .5, 1, 2, 1.984375, -1.984375, 31.96875, -32], shape)
        elif kind < .5:
            w = w * self.pick(1e3, 1e6, 1e-4)
        elif kind < .6:
            w = np.round(w * 8) / 8
        return np.asarray(w, np.float32)

    def any(self, rank=None, least=0, ok=None):
        """A value to read, newer ones more often; None when no one fits."""
        c = [v for v in self.values if (rank is None or len(self.shape(v)) == rank) and len(self.shape(v)) >= least and (ok is None or ok(v))]
        if not c:
            return None
        i = len(c) - 1 - min(int(self.r.exponential(1.5)), len(c) - 1)
        self.used.add(c[i])
        return c[i]

    def add(self, op, ins, shape, n_out=1, dtype=T.FLOAT, domain="", **attr):
        shapes = shape if n_out > 1 else [shape]
        outs = [self.name() for _ in range(n_out)]
        name = self.pick(f"{op.lower()}_{self.n}", f"/layer.{self.n}/{op}", "")
        self.nodes.append(h.make_node(op, ins, outs, name=name, domain=domain, **attr))
        for o, s in zip(outs, shapes):
            self.info[o] = (dtype, tuple(int(d) for d in s))
            (self.values if dtype == T.FLOAT else self.bools if dtype == T.BOOL else self.ints).append(o)
        self.uses.add(op)
        return outs if n_out > 1 else outs[0]

    # ---- operators; each returns None when nothing fits ----
    def gemm(self):
        a = self.any(rank=2)
        if not a:
            return None
        m, k = self.shape(a)
        ta, tb = self.chance(.15), self.chance(.6)
        if ta:
            m, k = k, m
        n = int(self.r.integers(1, 7))
        if m * n > MAX_ELEMENTS:
            return None
        b = self.const(self.weights((n, k) if tb else (k, n)))
        ins = [a, b]
        if self.chance(.8) or self.opset < 11:
            ins.append(self.const(self.weights(self.pick((n,), (1, n), (m, n), (m, 1), (1,), ()))))
        attr = {}
        if ta:
            attr["transA"] = 1
        if tb:
            attr["transB"] = 1
        if self.chance(.2):
            attr["alpha"] = float(self.pick(.5, 2, -1, .3))
        if self.chance(.2):
            attr["beta"] = float(self.pick(.5, 0, 2))
        return self.add("Gemm", ins, (m, n), **attr)

    def matmul(self):
        a = self.any(least=1)
        s = self.shape(a)
        n = int(self.r.integers(1, 6))
        if self.chance(.2):
            # two run-time operands: a times its own transpose, or with another value that fits
            b = self.any(least=2, ok=lambda v: len(self.shape(v)) == len(s) and self.shape(v)[:-2] == s[:-2] and self.shape(v)[-2] == s[-1]) if len(s) >= 2 else None
            if not b or self.count(a) // s[-1] * self.shape(b)[-1] > MAX_ELEMENTS:
                return None
            return self.add("MatMul", [a, b], (*s[:-1], self.shape(b)[-1]))
        if self.chance(.75):
            w = self.pick((s[-1], n), (s[-1],)) if len(s) > 1 and self.chance(.2) else (s[-1], n)
            out = (*s[:-1], *w[1:])
            if np.prod(out, dtype=int) > MAX_ELEMENTS:
                return None
            y = self.add("MatMul", [a, self.const(self.weights(w))], out)
            return self.add("Add", [y, self.const(self.weights((w[1],)))], out) if len(w) == 2 and self.chance(.6) else y
        if len(s) < 2:
            return None
        out = (*s[:-2], n, s[-1])
        return self.add("MatMul", [self.const(self.weights((n, s[-2]))), a], out) if np.prod(out) <= MAX_ELEMENTS else None

    def broadcast_const(self, s):
        """A constant that broadcasts into s (or, rarely, makes it larger)."""
        t = [d if self.chance(.6) else 1 for d in s[int(self.r.integers(0, len(s) + 1)):]] if s else []
        return tuple(t)

    def binary(self):
        op = self.pick("Add", "Sub", "Mul", "Add", "Sub", "Mul", "Div")
        a = self.any()
        s = self.shape(a)
        if op != "Div" and self.chance(.5):
            def fits(v):
                try:
                    return np.prod(np.broadcast_shapes(s, self.shape(v)), dtype=int) <= MAX_ELEMENTS
                except ValueError:
                    return False
            b = self.any(ok=fits)
            return self.add(op, [a, b], np.broadcast_shapes(s, self.shape(b)))
        w = self.weights(self.broadcast_const(s))
        if op == "Div":
            w = np.where(np.abs(w) < .05, np.float32(self.pick(.5, -2, 3)), w)
        c = self.const(w)
        ins = [a, c] if op == "Div" or self.chance(.7) else [c, a]
        return self.add(op, ins, np.broadcast_shapes(s, w.shape))

    def nary(self):
        op = self.pick("Sum", "Max", "Min", "Mean" if self.opset >= 8 else "Sum")
        a = self.any()
        s = self.shape(a)
        ins = [a]
        for _ in range(int(self.r.integers(0, 3))):
            b = self.any(ok=lambda v: self.shape(v) == s)
            ins.append(b if self.chance(.6) else self.const(self.weights(self.broadcast_const(s) if self.opset >= 8 else s)))
        return self.add(op, ins, s)

    def unary(self):
        op, attr = self.pick(("Relu", {}), ("Relu", {}), ("Relu", {}), ("Neg", {}), ("Abs", {}), ("LeakyRelu", {"alpha": self.pick(.01, .1, .25, -.5, 1.5)}),
                             ("HardSigmoid", self.pick({}, {"alpha": .5, "beta": .25})), ("ThresholdedRelu", {"alpha": self.pick(1., .5)}), ("Clip", None),
                             ("PRelu", None), ("Identity", {}), ("Dropout", None), ("Cast", None), ("Pow", None))
        a = self.any()
        s = self.shape(a)
        if op == "ThresholdedRelu" and self.opset < 10:
            return None
        ins = [a]
        if op == "Clip":
            lo, hi = sorted(self.r.normal(0, 2, 2).astype(np.float32))
            lo, hi = self.pick((lo, hi), (np.float32(0), np.float32(6)), (None, hi), (lo, None))
            if self.opset < 11:
                attr = {k: float(v) for k, v in (("min", lo), ("max", hi)) if v is not None}
            else:
                attr = {}
                ins += ["" if lo is None else self.const(lo)] + ([] if hi is None else [self.const(hi)])
                while ins[-1] == "":
                    ins.pop()
        elif op == "PRelu":
            t = self.broadcast_const(s) if self.opset >= 9 else s
            ins, attr = [a, self.const(self.weights(t))], {}
        elif op == "Dropout":
            attr = {}
            if self.opset >= 12 and self.chance(.5):
                ins += [self.const(.3)]
            elif self.opset < 12:
                attr = {"ratio": .3}
        elif op == "Cast":
            attr = {"to": T.FLOAT}
        elif op == "Pow":
            ins, attr = [a, self.const(float(self.pick(2, 2, 1, 3, 4)))], {}
        return self.add(op, ins, s, **attr)

    def table(self):
        op = self.pick("Sigmoid", "Tanh", "Sigmoid", "Tanh", "Elu", "Selu", "Celu", "Softplus", "Softsign", "HardSwish", "Gelu", "Mish", "Erf", "Exp", "Log", "Sqrt",
                       "Reciprocal")
        since = {"Celu": 12, "HardSwish": 14, "Gelu": 20, "Mish": 18, "Erf": 9}
        if self.opset < since.get(op, 7):
            return None
        a = self.any()
        s = self.shape(a)
        if op in ("Log", "Sqrt", "Reciprocal"):
            a = self.add("Abs", [a], s)
            a = self.add("Add", [a, self.const(self.pick(.25, 1., .125, 2.))], s)
        if op == "Exp" and self.chance(.7):
            lo = self.const(-4.) if self.opset >= 11 else None
            a = self.add("Clip", [a, lo, self.const(3.)], s) if lo else self.add("Clip", [a], s, min=-4., max=3.)
        attr = {}
        if op in ("Elu", "Celu") and self.chance(.6):
            attr["alpha"] = float(self.pick(.5, 1.5, 2))
        if op == "Selu" and self.chance(.3):
            attr = {"alpha": 1.5, "gamma": 1.25}
        if op == "Gelu" and self.chance(.5):
            attr["approximate"] = "tanh"
        return self.add(op, [a], s, **attr)

    def exporter_form(self):
        """Activations as exporters take them apart."""
        a = self.any()
        s = self.shape(a)
        kind = self.pick("swish", "hardswish", "gelu", "gelu_tanh", "mish", "hard")
        c = lambda v: self.const(v)
        if kind == "swish":
            return self.add("Mul", [a, self.add("Sigmoid", [a], s)], s)
        if kind == "mish":
            return self.add("Mul", [a, self.add("Tanh", [self.add("Softplus", [a], s)], s)], s)
        if kind in ("hardswish", "hard"):
            b = self.add("Add", [a, c(3.)], s)
            b = self.add("Clip", [b, c(0.), c(6.)], s) if self.opset >= 11 else self.add("Clip", [b], s, min=0., max=6.)
            b = self.add("Div", [b, c(6.)], s)
            return self.add("Mul", [a, b], s) if kind == "hardswish" else b
        if kind == "gelu":
            if self.opset < 9:
                return None
            e = self.add("Erf", [self.add("Div", [a, c(math.sqrt(2))], s)], s)
            return self.add("Mul", [self.add("Mul", [a, self.add("Add", [e, c(1.)], s)], s), c(.5)], s)
        cube = self.add("Mul", [self.add("Mul", [a, a], s), a], s)
        t = self.add("Add", [a, self.add("Mul", [cube, c(.044715)], s)], s)
        t = self.add("Tanh", [self.add("Mul", [t, c(math.sqrt(2 / math.pi))], s)], s)
        return self.add("Mul", [self.add("Mul", [a, c(.5)], s), self.add("Add", [t, c(1.)], s)], s)

    def compare(self):
        """A comparison, perhaps combined with another, that chooses between two values or becomes a number."""
        op = self.pick("Less", "Greater", *(("Equal",) if self.opset >= 11 else ()), *(("GreaterOrEqual", "LessOrEqual") if self.opset >= 12 else ()))
        a = self.any()
        s = self.shape(a)
        same = lambda: self.any(ok=lambda v: self.shape(v) == s)
        b = same() if self.chance(.5) else self.const(self.weights(self.broadcast_const(s)))
        c = self.add(op, [a, b], s, dtype=T.BOOL)
        if self.chance(.3):
            c = self.add("Not", [c], s, dtype=T.BOOL)
        if self.chance(.3):
            d = self.add(self.pick("Less", "Greater"), [same(), self.const(0.)], s, dtype=T.BOOL)
            c = self.add(self.pick("And", "Or", "Xor"), [c, d], s, dtype=T.BOOL)
        if self.opset >= 9 and self.chance(.7):
            return self.add("Where", [c, same(), same() if self.chance(.6) else self.const(self.weights(()))], s)
        return self.add("Cast", [c], s, to=T.FLOAT) if self.chance(.6) else c

    def divide(self):
        """By something that is proved positive."""
        a = self.any()
        s = self.shape(a)
        b = self.any(ok=lambda v: self.shape(v) == s)
        d = self.add("Add", [self.add(self.pick("Abs", "Relu"), [b], s), self.const(self.pick(.5, 1., 2.))], s)
        return self.add("Div", [a, d], s)

    def product(self):
        """Gemm or MatMul of two run-time values."""
        a = self.any(rank=2)
        if not a:
            return None
        m, k = self.shape(a)
        t = self.add("Transpose", [self.any(rank=2, ok=lambda v: self.shape(v) == (m, k))], (k, m))
        if m * m > MAX_ELEMENTS:
            return None
        if self.chance(.5):
            return self.add("MatMul", [a, t], (m, m))
        c = [self.const(self.weights((m,)))] if self.chance(.6) or self.opset < 11 else []
        return self.add("Gemm", [a, t, *c], (m, m))

    def norm(self):
        op = self.pick("Softmax", "Softmax", "LogSoftmax", "Normalizer")
        if op == "Normalizer":
            a = self.any(rank=2)  # not L2: onnxruntime 1.31 loses the sign where it works in place
            return self.add(op, [a], self.shape(a), domain="ai.onnx.ml", norm=self.pick("L1", "MAX")) if a else None
        a = self.any(least=1)
        rank = len(self.shape(a))
        axis = self.pick(-1, int(self.r.integers(-rank, rank))) if self.opset >= 11 else int(self.r.integers(0, rank))
        return self.add(op, [a], self.shape(a), axis=axis)

    def batchnorm(self):
        a = self.any(least=2, ok=lambda v: True)
        if not a:
            return None
        c = self.shape(a)[1]
        p = [self.const(self.r.normal(1, .3, c)), self.const(self.r.normal(0, .5, c)), self.const(self.r.normal(0, .5, c)), self.const(self.r.uniform(.2, 2, c))]
        return self.add("BatchNormalization", [a, *p], self.shape(a), epsilon=self.pick(1e-5, 1e-3))

    def reduce(self):
        op = self.pick("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin")
        a = self.any(least=1)
        s = self.shape(a)
        axes = sorted(self.r.choice(len(s), int(self.r.integers(1, len(s) + 1)), replace=False).tolist())
        keep = self.pick(0, 1)
        out = [1 if i in axes else d for i, d in enumerate(s) if keep or i not in axes]
        if self.chance(.3) and self.opset >= 11:
            axes = [x - len(s) for x in axes]
        if self.opset >= (13 if op == "ReduceSum" else 18):
            return self.add(op, [a, self.const(axes, np.int64)], out, keepdims=keep)
        return self.add(op, [a], out, axes=axes, keepdims=keep)

    def argmax(self):
        a = self.any(least=1)
        s = self.shape(a)
        axis, keep = int(self.r.integers(0, len(s))), self.pick(0, 1)
        out = [1 if i == axis else d for i, d in enumerate(s) if keep or i != axis]
        attr = {"select_last_index": 1} if self.opset >= 12 and self.chance(.3) else {}
        y = self.add(self.pick("ArgMax", "ArgMax", "ArgMin"), [a], out, dtype=T.INT64, axis=axis, keepdims=keep, **attr)
        if self.chance(.3):
            return self.add("Cast", [y], out, to=T.FLOAT)
        if self.chance(.3):
            w = self.const(self.weights((s[axis], self.pick(1, 2))))
            shape = (*out, self.shape_of_const(w)[1])
            if np.prod(shape) <= MAX_ELEMENTS:
                return self.add("Gather", [w, y], shape, axis=0)
        return y

    def shape_of_const(self, name):
        for t in self.inits:
            if t.name == name:
                return tuple(t.dims)
        return next(tuple(n.attribute[0].t.dims) for n in self.nodes if n.output and n.output[0] == name)

    # ---- moving elements ----
    def split_count(self, n):
        f = [d for d in range(1, n + 1) if n % d == 0]
        a = self.pick(*f)
        return (a, n // a)

    def reshape(self):
        a = self.any()
        n = self.count(a)
        x, rest = self.split_count(n)
        y, z = self.split_count(rest)
        s = self.pick((n,), (1, n), (x, rest), (x, y, z), (1, x, rest), (x, y, z, 1))
        to = list(s)
        if self.chance(.5):
            to[int(self.r.integers(len(to)))] = -1
        if self.chance(.2) and self.shape(a) and s[0] == self.shape(a)[0]:
            to[0] = 0
        if self.chance(.25) and len(s) >= 2 and self.shape(a) and s[0] == self.shape(a)[0] and to[0] != -1 and to.count(-1) <= 1:
            # the batch size read from the input, as exporters write x.view(x.size(0), -1)
            sh = self.name("k")
            self.nodes.append(h.make_node("Shape", [a], [sh]))
            g = self.name("k")
            self.nodes.append(h.make_node("Gather", [sh, self.const([0], np.int64)], [g], axis=0))
            to_name = self.name("k")
            self.nodes.append(h.make_node("Concat", [g, self.const(to[1:], np.int64)], [to_name], axis=0))
            return self.add("Reshape", [a, to_name], s)
        return self.add("Reshape", [a, self.const(to, np.int64)], s)

    def flatten(self):
        a = self.any(least=1)
        s = self.shape(a)
        axis = int(self.r.integers(0, len(s) + 1))
        return self.add("Flatten", [a], (int(np.prod(s[:axis], dtype=int)), int(np.prod(s[axis:], dtype=int))), axis=axis)

    def squeeze(self):
        a = self.any()
        s = self.shape(a)
        if self.chance(.5):
            ones = [i for i, d in enumerate(s) if d == 1]
            if not ones:
                return None
            axes = sorted(self.r.choice(ones, int(self.r.integers(1, len(ones) + 1)), replace=False).tolist())
            out = [d for i, d in enumerate(s) if i not in axes]
            op = "Squeeze"
        else:
            if len(s) >= 4:
                return None
            axes = [int(self.r.integers(0, len(s) + 1))]
            out = list(s)
            out.insert(axes[0], 1)
            op = "Unsqueeze"
        if self.opset >= 13:
            return self.add(op, [a, self.const(axes, np.int64)], out)
        return self.add(op, [a], out, axes=axes)

    def transpose(self):
        a = self.any(least=1)
        s = self.shape(a)
        p = self.r.permutation(len(s)).tolist()
        if self.chance(.3):
            return self.add("Transpose", [a], s[::-1])
        return self.add("Transpose", [a], [s[i] for i in p], perm=p)

    def concat(self):
        a = self.any(least=1)
        s = self.shape(a)
        axis = int(self.r.integers(0, len(s)))
        ins, total = [a], s[axis]
        for _ in range(int(self.r.integers(0, 3))):
            b = self.any(least=1, ok=lambda v: len(self.shape(v)) == len(s) and all(i == axis or x == y for i, (x, y) in enumerate(zip(self.shape(v), s))))
            if self.chance(.2):
                b = self.const(self.weights(s))
                d = s[axis]
            else:
                d = self.shape(b)[axis]
            if (total + d) * self.count(a) // s[axis] > MAX_ELEMENTS:
                break
            ins.append(b)
            total += d
        return self.add("Concat", ins, (*s[:axis], total, *s[axis + 1:]), axis=axis - (len(s) if self.opset >= 11 and self.chance(.3) else 0))

    def split(self):
        a = self.any(least=1, ok=lambda v: max(self.shape(v)) >= 2)
        if not a:
            return None
        s = self.shape(a)
        axis = int(self.r.choice([i for i, d in enumerate(s) if d >= 2]))
        cut = int(self.r.integers(1, s[axis]))
        parts = [cut, s[axis] - cut]
        shapes = [(*s[:axis], p, *s[axis + 1:]) for p in parts]
        if parts[0] == parts[1] and self.chance(.5):
            attr = {"num_outputs": 2} if self.opset >= 18 else {}
            return self.add("Split", [a], shapes, n_out=2, axis=axis, **attr)
        if self.opset >= 13:
            return self.add("Split", [a, self.const(parts, np.int64)], shapes, n_out=2, axis=axis)
        return self.add("Split", [a], shapes, n_out=2, axis=axis, split=parts)

    def slice(self):
        a = self.any(least=1)
        s = self.shape(a)
        axis = int(self.r.integers(0, len(s)))
        d = s[axis]
        lo = int(self.r.integers(0, d))
        hi = int(self.r.integers(lo + 1, d + 1))
        step = 1
        if self.opset >= 10 and self.chance(.4):
            step = self.pick(2, -1, -2)
        start, end = (lo, self.pick(hi, hi, 2 ** 31 - 1 if hi == d else hi)) if step > 0 else (hi - 1, lo - 1 if lo else -2 ** 31)
        out = len(range(*slice(lo, hi, step).indices(d))) if step > 0 else len(range(hi - 1, lo - 1, step))
        if step > 0 and self.chance(.3) and lo > 0:
            start = lo - d
        shape = (*s[:axis], out, *s[axis + 1:])
        if self.opset < 10:
            return self.add("Slice", [a], shape, starts=[start], ends=[end], axes=[axis])
        ins = [a, self.const([start], np.int64), self.const([end], np.int64), self.const([axis], np.int64)]
        return self.add("Slice", ins + ([self.const([step], np.int64)] if step != 1 else []), shape)

    def pad(self):
        a = self.any(least=1)
        s = self.shape(a)
        mode = self.pick("constant", "constant", "reflect", "edge")
        before = [int(self.r.integers(0, 2)) if mode != "reflect" or d > 1 else 0 for d in s]
        after = [int(self.r.integers(0, 2)) if mode != "reflect" or d > 1 else 0 for d in s]
        out = [d + b + e for d, b, e in zip(s, before, after)]
        if np.prod(out) > MAX_ELEMENTS:
            return None
        value = float(self.pick(0, 0, .5, -1))
        if self.opset < 11:
            return self.add("Pad", [a], out, pads=before + after, mode=mode, value=value)
        ins = [a, self.const(before + after, np.int64)] + ([self.const(value)] if mode == "constant" and self.chance(.7) else [])
        return self.add("Pad", ins, out, mode=mode)

    def expand(self):
        a = self.any()
        s = self.shape(a)
        if self.opset >= 8 and self.chance(.6):
            out = [self.pick(1, 2, 3) if d == 1 else d for d in s]
            if self.chance(.3) and len(out) < 4:
                out = [2] + out
            if np.prod(out, dtype=int) > MAX_ELEMENTS or not out:
                return None
            return self.add("Expand", [a, self.const(out, np.int64)], out)
        if not s:
            return None
        k = [self.pick(1, 1, 2) for _ in s]
        out = [d * x for d, x in zip(s, k)]
        return self.add("Tile", [a, self.const(k, np.int64)], out) if np.prod(out) <= MAX_ELEMENTS else None

    def gather(self):
        a = self.any(least=1)
        s = self.shape(a)
        axis = int(self.r.integers(0, len(s)))
        shape = self.pick((), (1,), (2,), (3,), (2, 2))
        lo = -s[axis] if self.opset >= 11 else 0
        index = self.r.integers(lo, s[axis], shape)
        out = (*s[:axis], *shape, *s[axis + 1:])
        if np.prod(out, dtype=int) > MAX_ELEMENTS or len(out) > 4:
            return None
        return self.add("Gather", [a, self.const(index, self.pick(np.int64, np.int32))], out, axis=axis)

    def residual(self):
        a = self.any(least=1)
        s = self.shape(a)
        n = s[-1]
        y = self.add("MatMul", [a, self.const(self.weights((n, n)))], s)
        y = self.add("Relu", [y], s)
        return self.add("Add", [a, y], s)

    OPS = (gemm, gemm, gemm, gemm, matmul, matmul, matmul, binary, binary, binary, nary, unary, unary, unary, unary, table, table, table, exporter_form, norm, norm,
           batchnorm, reduce, argmax, compare, compare, divide, product, reshape, flatten, squeeze, transpose, concat, split, slice, pad, expand, gather, residual, Window.conv, Window.conv, Window.conv, Window.conv, Window.conv_transpose, Window.conv_transpose, Window.pool, Window.pool, Window.pool, Window.resize, Window.depth_space, Recurrent.recurrent, Recurrent.recurrent, Recurrent.recurrent,
           Recurrent.unrolled)
