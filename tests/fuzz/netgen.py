# SPDX-License-Identifier: Apache-2.0
"""Random networks by seed: every operator of gen/op_table.def that can stay at run time, in random shapes, ranks, opsets and formats.

network(seed) gives a Case: the model (every intermediate value has a value_info, so that the shrinker can cut anywhere), samples and options.
"""
from dataclasses import dataclass, field
import math
import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper

MAX_ELEMENTS = 24   # of a tensor: a random network is wide in kinds, not in size
SAMPLES = 40


@dataclass
class Case:
    model: onnx.ModelProto
    feed: dict                      # input name -> samples x elements
    options: list                   # command line, without files
    config: dict | None = None
    exact: bool = False             # only operators that are exact but for rounding: fixed point must follow float closely
    name: str = ""
    uses: set = field(default_factory=set)


class Net:
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

    # ---- images: [batch][channels][space...] ----
    def image(self, axes=None):
        """A value with one or two spatial axes."""
        ok = lambda v: len(self.shape(v)) == (axes + 2 if axes else len(self.shape(v))) and len(self.shape(v)) in (3, 4)
        a = self.any(ok=ok) if self.chance(.7) else None
        if a:
            return a
        a = self.any()
        c, rest = self.split_count(self.count(a))
        x, y = self.split_count(rest)
        s = self.pick(*([] if axes == 2 else [(1, c, rest), (1, rest, c)]), *([] if axes == 1 else [(1, c, x, y), (1, x, y, c), (1, 1, x, rest // x * c)]))
        return self.add("Reshape", [a, self.const(s, np.int64)], s)

    def window(self, s, least_pool=False):
        """Kernel, strides, dilations and pads for spatial dimensions s, with what they make of them; None when they do not fit."""
        n = len(s)
        k = [int(self.r.integers(1, 4)) for _ in s]
        stride = [self.pick(1, 1, 2, 3) for _ in s]
        dilation = [self.pick(1, 1, 1, 2) for _ in s]
        reach = [(a - 1) * d + 1 for a, d in zip(k, dilation)]
        most = [min(a - 1, 2) if least_pool else 2 for a in k]
        begin, end = [int(self.r.integers(0, m + 1)) for m in most], [int(self.r.integers(0, m + 1)) for m in most]
        if self.chance(.4):
            begin = end = [0] * n
        return k, stride, dilation, reach, begin, end

    def attributes(self, k, stride, dilation, begin, end, auto):
        a = {}
        if self.chance(.8) or max(stride) > 1:
            a["strides"] = stride
        if max(dilation) > 1 or self.chance(.3):
            a["dilations"] = dilation
        if auto != "NOTSET" or self.chance(.1):
            a["auto_pad"] = auto
        if auto == "NOTSET" and (max(begin + end) > 0 or self.chance(.3)):
            a["pads"] = begin + end
        return a

    def conv(self):
        a = self.image()
        b, c, *s = self.shape(a)
        k, stride, dilation, reach, begin, end = self.window(s)
        auto = self.pick("NOTSET", "NOTSET", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")
        if auto.startswith("SAME") and max(dilation) > 1:
            return None  # onnxruntime refuses that
        if auto == "VALID":
            begin = end = [0] * len(s)
        group = self.pick(1, 1, 1, c, *[g for g in range(1, c + 1) if c % g == 0])
        m = group * int(self.r.integers(1, 4))
        out = [-(-d // t) for d, t in zip(s, stride)] if auto.startswith("SAME") else \
            [(d + p + q - f) // t + 1 for d, p, q, f, t in zip(s, begin, end, reach, stride)]
        if min(out) < 1 or b * m * np.prod(out) > MAX_ELEMENTS or any(d + p + q < f for d, p, q, f in zip(s, begin, end, reach) if not auto.startswith("SAME")):
            return None
        attr = self.attributes(k, stride, dilation, begin, end, auto)
        if group > 1 or self.chance(.3):
            attr["group"] = group
        if self.chance(.7):
            attr["kernel_shape"] = k
        y = self.add("Conv", [a, self.const(self.weights((m, c // group, *k)))] + ([self.const(self.weights((m,)))] if self.chance(.6) else []), (b, m, *out), **attr)
        return self.after_conv(y)

    def conv_transpose(self):
        a = self.image()
        b, c, *s = self.shape(a)
        k, stride, dilation, reach, begin, end = self.window(s)
        auto = self.pick("NOTSET", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")
        if auto != "NOTSET":
            begin = end = [0] * len(s)
        more = [int(self.r.integers(0, t)) for t in stride] if self.chance(.3) else [0] * len(s)
        group = self.pick(1, 1, c, *[g for g in range(1, c + 1) if c % g == 0])
        m = group * int(self.r.integers(1, 3))
        full = [(d - 1) * t + f + x for d, t, f, x in zip(s, stride, reach, more)]
        out = [d * t for d, t in zip(s, stride)] if auto.startswith("SAME") else [f - p - q for f, p, q in zip(full, begin, end)]
        if auto.startswith("SAME") and any(o > f for o, f in zip(out, full)):
            return None  # onnxruntime makes another size of it
        attr = self.attributes(k, stride, dilation, begin, end, auto)
        if min(out) >= 1 and auto == "NOTSET" and self.chance(.2):
            attr.pop("pads", None)
            out = [int(self.r.integers(max(1, f - 2), f + 1)) for f in full]
            attr["output_shape"] = out
        if min(out) < 1 or b * m * np.prod(out) > MAX_ELEMENTS:
            return None
        if max(more):
            attr["output_padding"] = more
        if group > 1 or self.chance(.3):
            attr["group"] = group
        if self.chance(.7):
            attr["kernel_shape"] = k
        y = self.add("ConvTranspose", [a, self.const(self.weights((c, m // group, *k)))] + ([self.const(self.weights((m,)))] if self.chance(.6) else []), (b, m, *out), **attr)
        return self.after_conv(y)

    def after_conv(self, y):
        """What usually follows, with constants for each channel."""
        s = self.shape(y)
        channel = (s[1], *[1] * (len(s) - 2))
        kind = self.pick("", "relu", "bn", "bn relu", "bias", "scale", "minus")
        if "bn" in kind:
            p = [self.const(self.r.normal(1, .3, s[1])), self.const(self.r.normal(0, .5, s[1])), self.const(self.r.normal(0, .5, s[1])), self.const(self.r.uniform(.2, 2, s[1]))]
            y = self.add("BatchNormalization", [y, *p], s, epsilon=1e-3)
        if kind in ("bias", "scale"):
            y = self.add("Add" if kind == "bias" else "Mul", [y, self.const(self.weights(channel))], s)
        if kind == "minus":
            y = self.add("Sub", [self.const(self.weights(channel)), y], s)
        return self.add("Relu", [y], s) if "relu" in kind else y

    def pool(self):
        op = self.pick("MaxPool", "MaxPool", "AveragePool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool")
        a = self.image()
        b, c, *s = self.shape(a)
        if op.startswith("Global"):
            return self.add(op, [a], (b, c, *[1] * len(s)))
        k, stride, dilation, reach, begin, end = self.window(s, True)
        if self.opset < (10 if op == "MaxPool" else 19):
            dilation, reach = [1] * len(s), k
        auto = self.pick("NOTSET", "NOTSET", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")
        if max(dilation) > 1:
            auto = "NOTSET"  # onnxruntime leaves dilations out of what SAME means
        if auto.startswith("SAME") and any(t > f for t, f in zip(stride, reach)):
            return None  # onnxruntime gets negative padding
        if auto != "NOTSET":
            begin = end = [0] * len(s)
        ceil = int(self.opset >= 10 and auto == "NOTSET" and self.chance(.3))
        room = [d + p + q - f for d, p, q, f in zip(s, begin, end, reach)]
        if min(room) < 0 and not auto.startswith("SAME"):
            return None
        out = [-(-r // t) + 1 if ceil else r // t + 1 for r, t in zip(room, stride)]
        out = [o - (ceil and (o - 1) * t >= d + p) for o, t, d, p in zip(out, stride, s, begin)]
        if auto.startswith("SAME"):
            out = [-(-d // t) for d, t in zip(s, stride)]
        first = [[o * t - p for o in range(n)] for n, t, p in zip(out, stride, begin)]
        if not auto.startswith("SAME") and not all(any(0 <= f + i * d < size for i in range(n)) for fs, n, d, size in zip(first, k, dilation, s) for f in fs):
            return None  # a window that sees padding only
        if b * c * np.prod(out) > MAX_ELEMENTS:
            return None
        attr = {**self.attributes(k, stride, dilation, begin, end, auto), "kernel_shape": k}
        if max(dilation) == 1:
            attr.pop("dilations", None)
        if ceil:
            attr["ceil_mode"] = 1
        if op == "AveragePool" and self.chance(.5):
            attr["count_include_pad"] = 1
        return self.add(op, [a], (b, c, *out), **attr)

    def resize(self):
        a = self.image()
        s = self.shape(a)
        mode = self.pick("nearest", "nearest", "linear")
        scale = [1., 1.] + [float(self.pick(1, 2, 2, 3)) for _ in s[2:]]
        if mode == "nearest" and self.opset >= 10 and self.chance(.4):
            scale = [1., 1.] + [float(self.pick(.5, 1.5, 2.5, .75, 4 / 3)) for _ in s[2:]]
        out = [int(np.floor(np.float32(d) * np.float32(f))) for d, f in zip(s, scale)]
        if min(out) < 1 or np.prod(out) > MAX_ELEMENTS or (tuple(out) == tuple(s) and any(f != 1 for f in scale)):  # onnxruntime copies, whatever the scale
            return None
        if self.opset < 9:
            return self.add("Upsample", [a], out, mode=mode, scales=scale)
        if self.opset == 9:
            return self.add("Upsample", [a, self.const(scale)], out, mode=mode)
        if self.opset == 10:
            return self.add("Resize", [a, self.const(scale)], out, mode=mode)
        attr = {"mode": mode}
        if self.chance(.8):
            attr["coordinate_transformation_mode"] = self.pick("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric",
                                                               *(["half_pixel_symmetric"] if self.opset >= 19 else []))
        if mode == "nearest" and self.chance(.8):
            attr["nearest_mode"] = self.pick("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
        none = "" if self.opset >= 13 else self.const(np.zeros(0))
        if self.chance(.4):
            return self.add("Resize", [a, none, none, self.const(out, np.int64)], out, **attr)
        return self.add("Resize", [a, none, self.const(scale)], out, **attr)

    def depth_space(self):
        a = self.image(2)
        b, c, y, x = self.shape(a)
        n = 2
        if c % (n * n) == 0:
            attr = {"mode": self.pick("DCR", "CRD")} if self.opset >= 11 and self.chance(.7) else {}
            return self.add("DepthToSpace", [a], (b, c // n // n, y * n, x * n), blocksize=n, **attr)
        if y % n or x % n:
            return None
        return self.add("SpaceToDepth", [a], (b, c * n * n, y // n, x // n), blocksize=n)

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

    OPS = (gemm, gemm, gemm, gemm, matmul, matmul, matmul, binary, binary, binary, nary, unary, unary, unary, unary, table, table, table, exporter_form, norm, norm,
           batchnorm, reduce, argmax, compare, compare, divide, product, reshape, flatten, squeeze, transpose, concat, split, slice, pad, expand, gather, residual, conv, conv, conv, conv, conv_transpose, conv_transpose, pool, pool, pool, resize, depth_space, recurrent, recurrent, recurrent, unrolled)


    # ---- quantised networks: every value between layers is int8, int16, ... times a scale ----
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


INEXACT = {"RNN", "GRU", "LSTM", "QuantizeLinear", "Sigmoid", "Tanh", "Elu", "Selu", "Celu", "Softplus", "Softsign", "HardSwish", "Gelu", "Mish", "Erf", "Exp", "Log", "Sqrt", "Reciprocal", "Softmax",
           "LogSoftmax", "Normalizer", "ArgMax", "ArgMin", "Less", "Greater", "Equal", "GreaterOrEqual", "LessOrEqual"}


def inputs(net):
    infos = []
    for i in range(net.pick(1, 1, 1, 2, 3)):
        rank = net.pick(1, 2, 2, 2, 2, 2, 3, 4)
        s = [int(net.r.integers(1, 6)) for _ in range(rank)]
        if rank >= 2:
            s[0] = 1
        while np.prod(s) > MAX_ELEMENTS:
            s[int(net.r.integers(1, rank))] = 1
        n = net.pick(f"x{i}", f"input.{i}", f"in-{i}:0")
        net.info[n] = (T.FLOAT, tuple(s))
        net.values.append(n)
        dims = [net.pick("N", "batch", 1, 1) if rank >= 2 and j == 0 else d for j, d in enumerate(s)]
        infos.append(h.make_tensor_value_info(n, T.FLOAT, dims))
    return infos


def options(net):
    r = net.r
    W = int(r.choice([1, 2, 3, 4, 6, 8, 8, 10, 12, 16, 16, 16, 18, 24, 32]))
    I = int(r.choice([W, W - 1, W // 2, W // 2, W // 2, W // 2 - 1, 2, 6, 6, 0, -1, W + 2, 1]))
    q = f"{W},{I}"
    if net.chance(.2):
        q = f"{max(W, 4)},auto"
    o = [f"--q={q}", f"--round={net.pick('trn', 'rnd', 'rne')}", f"--overflow={net.pick('sat', 'sat', 'wrap', 'wrap', 'error') if net.chance(.97) else 'sat'}",
         f"--clock={net.pick('5', '5', '2', '1', '10', '1000')}"]
    if net.chance(.1):
        o.append(f"--depth={net.pick('min', '0', '-1', '4')}")
    if net.chance(.3):
        o.append(f"--family={net.pick('xilinx7', 'ultrascale', 'agilex', 'stratix10', 'ecp5', 'ice40')}")
    if net.chance(.1):
        o.append(f"--dsp={net.pick('auto', '1', '7', '100')}")
    if net.chance(.06):
        o.append(f"--target-loss={net.pick('1%', '20', '100')}")
    if net.chance(.1):
        o.append(f"--effort={net.pick('1', '8')}")
    if net.chance(.07):
        o.append(f"--prune={net.pick('0.1', '1', '50%', '2:4')}")
    if net.chance(.07):
        o.append(f"--merge={net.pick('0.01', '0.5')}")
    config = None
    if net.chance(.3):
        layers = {}
        names = [n.name for n in net.nodes if n.name and n.op_type != "Constant"] or ["*"]
        for g in [net.pick(*names) for _ in range(int(r.integers(1, 4)))] + (["*"] if net.chance(.2) else []):
            e = {}
            for k in ("q", "weights", "bias", "result"):
                if net.chance(.35):
                    w = int(r.integers(1, 25))
                    e[k] = f"{w},{int(r.integers(-2, w + 3))}"
            if net.chance(.3):
                e["round"] = net.pick("trn", "rnd", "rne")
            if net.chance(.3):
                e["overflow"] = net.pick("sat", "wrap")
            if net.chance(.5):
                e["table_bits"] = int(r.integers(2, 13))
            layers[g] = e
        config = {"layers": layers}
    return o, config


def quantised(seed):
    """Integers from end to end: what nngen makes of it has no error at all against its float model."""
    net = Net([seed, 20250301])
    net.opset = net.pick(13, 15, 19, 21, 22)
    shape = net.pick((1, 4), (1, 6), (1, 2, 5), (1, 3, 4))
    net.info["x"] = (T.FLOAT, shape)
    v, s = net.qdq("x")
    for _ in range(int(net.r.integers(1, 5))):
        if net.count(v) <= MAX_ELEMENTS:
            v, s = net.qlayer(v, s)
    model = build(net, [h.make_tensor_value_info("x", T.FLOAT, shape)], [v])
    model.doc_string = "integers"
    case = Case(model, {}, ["--clock=5"], None, False, f"seed{seed}", net.uses)
    case.feed = samples(model, net.r, net.pick(1, 2, 4))
    return case


def stepwise(net, seed):
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
    opts, config = options(net)
    opts = [o for o in opts if not o.startswith(("--target-loss", "--merge", "--prune"))] + ["--recurrent=iterative", f"--channels={net.pick(1, 1, 2, 3, 5, 9)}"]
    case = Case(build(net, infos, [value]), {}, opts, config, False, f"seed{seed}", net.uses)
    case.feed = samples(case.model, net.r, net.pick(1, 1, .2, 4))
    return case


def network(seed):
    if seed % 8 == 3:
        return quantised(seed)
    net = Net([seed, 20240611])
    if seed % 20 == 7:
        return stepwise(net, seed)
    ins = inputs(net)
    for _ in range(int(net.r.integers(1, 14))):
        for _ in range(20):
            before = (len(net.nodes), len(net.inits))
            if net.pick(*Net.OPS)(net) is not None:
                break
            del net.nodes[before[0]:], net.inits[before[1]:]
            net.values = [v for v in net.values if v in {i.name for i in ins} or any(v in n.output for n in net.nodes)]
            net.ints = [v for v in net.ints if any(v in n.output for n in net.nodes)]
            net.bools = [v for v in net.bools if any(v in n.output for n in net.nodes)]
    read = {i for n in net.nodes for i in n.input}
    made = [v for v in net.values + net.ints + net.bools if v not in {i.name for i in ins}]
    outs = [v for v in made if v not in read]
    if not outs:
        outs = made[-1:] or [ins[0].name]
    if len(outs) > 4:
        outs = [outs[i] for i in sorted(net.r.choice(len(outs), 4, replace=False))]
    if net.chance(.15):
        extra = [v for v in made if v not in outs]
        outs += [net.pick(*extra)] if extra else []
    if outs == [ins[0].name]:
        outs = [net.add("Relu", [ins[0].name], net.shape(ins[0].name))]
    opts, config = options(net)
    exact = not (net.uses & INEXACT) and "Div" not in [n.op_type for n in net.nodes if n.op_type == "Div" and n.input[1] in net.info]
    if net.chance(.25):  # wide enough for the float model to be followed
        opts, config = ["--q=32,14", *opts[1:2], "--overflow=sat", "--clock=5"], None
    case = Case(build(net, ins, outs), {}, opts, config, exact, f"seed{seed}", net.uses)
    scale = net.pick(1, 1, 1, .2, 4, 30, 1000)
    case.feed = samples(case.model, net.r, scale)
    return case


def build(net, ins, outs):
    info = lambda v: h.make_tensor_value_info(v, net.info[v][0], net.info[v][1])
    g = h.make_graph(net.nodes, "fuzz", ins, [info(v) for v in outs], net.inits,
                     value_info=[info(v) for v in net.values + net.ints + net.bools if v not in outs and v not in {i.name for i in ins}])
    sets = [h.make_opsetid("", net.opset)]
    if any(n.domain == "ai.onnx.ml" for n in net.nodes):
        sets.append(h.make_opsetid("ai.onnx.ml", net.pick(1, 2, 3)))
    return h.make_model(g, opset_imports=sets, ir_version=net.pick(7, 8, 9, 10) if net.opset >= 9 else 8, producer_name="netgen")


def dims(v):
    return [d.dim_value if d.HasField("dim_value") else 1 for d in v.type.tensor_type.shape.dim]


def samples(model, r, scale=1.0, n=SAMPLES):
    feed = {}
    for v in model.graph.input:
        x = r.normal(0, scale, (n, *dims(v)))
        x[: n // 8] = np.round(x[: n // 8] * 4) / 4
        feed[v.name] = x.astype(np.float32)
    return feed
