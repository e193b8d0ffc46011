# SPDX-License-Identifier: Apache-2.0
"""Convolutions, pools and what changes sizes of the random networks (netgen.py)."""
import numpy as np

MAX_ELEMENTS = 24


class Window:
    """Part of netgen.Net."""

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
