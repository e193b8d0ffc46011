# SPDX-License-Identifier: Apache-2.0
"""Formats and overflow of the twenty networks of small_nets.py, against NumPy and onnxruntime. calibrate.py NNGEN DIR (where the networks are)

An interpreter of its own runs each network on numbers that are rounded and limited where nngen stores them: how many results leave the
format, and what they reach. onnxruntime says what the float network reaches.
"""
import json
import math
import pathlib
import re
import subprocess
import sys
import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper as h, numpy_helper
import small_nets

NNGEN, DIR = sys.argv[1], pathlib.Path(sys.argv[2])
W, I = 20, 3
TABLES = ("recurrent2", "recurrent3", "table0", "table1", "table2")  # words of tables differ from exact functions by parts of their address step
failed = 0


def verdict(name, why):
    global failed
    print(f"not ok {name} - {why}" if why else f"ok {name}")
    failed += bool(why)


def nngen(name, *options):
    """Exit status, messages (JSON objects), report."""
    out = DIR / "out"
    r = subprocess.run([NNGEN, DIR / f"{name}.onnx", f"--data={DIR / name}_x.npy", "--target=c", "--plots=none", "--diagnostics=json", "--effort=1", "--force",
                        "-o", out, *options], capture_output=True, text=True)
    messages = [json.loads(line) for line in r.stderr.splitlines()]
    return r.returncode, messages, json.loads((out / "report.json").read_text()) if r.returncode == 0 else None


def fit(W, lo, hi):
    """Smallest I that holds lo and hi, rounded to nearest."""
    I = -40
    while not (round_up(lo, W - I) >= -2 ** (W - 1) and round_up(hi, W - I) < 2 ** (W - 1)):
        I += 1
    return I


def round_up(x, frac):
    return np.floor(np.asarray(x, float) * 2.0 ** frac + 0.5)


# ---- the interpreter ----

class Fixed:
    """Runs a model with the formats of a report; results[node] = values before they are limited, in the order of elements."""

    def __init__(self, model, layers):
        self.model, self.results, self.out_of_range = model, {}, {}
        self.format = {l["name"]: (l["W"], l["I"]) for l in layers if not l["exact"]}
        self.const = {t.name: numpy_helper.to_array(t).astype(float) for t in model.graph.initializer}

    def limit(self, x, W, I):
        return np.clip(round_up(x, W - I), -2.0 ** (W - 1), 2.0 ** (W - 1) - 1) * 2.0 ** (I - W)

    def store(self, name, x):
        if name not in self.format:
            return x
        w, i = self.format[name]
        r = round_up(x, w - i)
        self.results[name] = r * 2.0 ** (i - w)
        self.out_of_range[name] = int(((r < -2.0 ** (w - 1)) | (r >= 2.0 ** (w - 1))).sum())
        return self.limit(x, w, i)

    def weight(self, name):
        return self.limit(self.const[name], W, I)

    def run(self, x):
        v = {"x": self.limit(x, W, I)}
        for n in self.model.graph.node:
            a = [v[i] if i in v else self.weight(i) if n.op_type != "Squeeze" and i else None for i in n.input]
            attr = {p.name: h.get_attribute_value(p) for p in n.attribute}
            y = getattr(self, n.op_type)(n.name, attr, *a)
            v[n.output[-1]] = y if n.op_type in ("RNN", "GRU", "LSTM") else self.store(n.name, y)
        return v

    def Gemm(self, name, attr, x, w, b):
        return x @ w.T + b

    def Relu(self, name, attr, x):
        return np.maximum(x, 0)

    def LeakyRelu(self, name, attr, x):
        return np.where(x < 0, x * self.limit(0.01, W, I), x)

    def Sigmoid(self, name, attr, x):
        return 1 / (1 + np.exp(-x))

    def Tanh(self, name, attr, x):
        return np.tanh(x)

    def Softplus(self, name, attr, x):
        return np.logaddexp(x, 0)

    def Add(self, name, attr, a, b):
        return a + b

    def Flatten(self, name, attr, x):
        return x.reshape(len(x), -1)

    def Transpose(self, name, attr, x):
        return x.transpose(attr["perm"])

    def Squeeze(self, name, attr, x, axes):
        return x[0]

    def MaxPool(self, name, attr, x):
        return windows(x, attr["kernel_shape"], attr["strides"]).max(axis=tuple(range(-len(attr["strides"]), 0)))

    def Conv(self, name, attr, x, w, b):
        n = w.ndim - 2
        x = np.pad(x, [(0, 0), (0, 0)] + [(attr["pads"][i], attr["pads"][n + i]) for i in range(n)])
        y = np.einsum({1: "ncxk,ock->nox", 2: "ncxykl,ockl->noxy"}[n], windows(x, w.shape[2:], [1] * n), w)
        return y + b.reshape(-1, *[1] * n)

    def cells(self, x, w, r, attr, step):
        h_, c = (np.zeros((x.shape[1], attr["hidden_size"])) for _ in range(2))
        for t in range(len(x)):
            h_, c = step(t, x[t], h_, c, w[0], r[0])
        return h_[None]

    def bias(self, raw):
        return self.limit(raw, W, I)

    def RNN(self, name, attr, x, w, r, b):
        raw = self.const[self.inputs("RNN")[3]]
        half = raw.shape[1] // 2
        both = self.bias(raw[0, :half] + raw[0, half:])

        def step(t, x, h_, c, w, r):
            return self.store(f"{name}_t{t}_h", np.maximum(x @ w.T + h_ @ r.T + both, 0)), c
        return self.cells(x, w, r, attr, step)

    def LSTM(self, name, attr, x, w, r, b):
        raw = self.const[self.inputs("LSTM")[3]]
        half = raw.shape[1] // 2
        both = self.bias(raw[0, :half] + raw[0, half:])

        def step(t, x, h_, c, w, r):
            i, o, f, g = np.split(x @ w.T + h_ @ r.T + both, 4, axis=1)
            s = lambda gate, v: self.store(f"{name}_t{t}_{gate}", v)
            i, o, f, g = s("i", self.Sigmoid("", {}, i)), s("o", self.Sigmoid("", {}, o)), s("f", self.Sigmoid("", {}, f)), s("g", np.tanh(g))
            c = s("c", f * c + i * g)
            return s("h", o * s("c_out", np.tanh(c))), c
        return self.cells(x, w, r, attr, step)

    def GRU(self, name, attr, x, w, r, b):
        n = attr["hidden_size"]
        raw = self.const[self.inputs("GRU")[3]][0]

        def step(t, x, h_, c, w, r):
            s = lambda gate, v: self.store(f"{name}_t{t}_{gate}", v)
            both = self.bias(raw[:2 * n] + raw[3 * n:5 * n])
            zr = x @ w[:2 * n].T + h_ @ r[:2 * n].T + both
            z, reset = s("z", self.Sigmoid("", {}, zr[:, :n])), s("r", self.Sigmoid("", {}, zr[:, n:]))
            nh = s("nh", h_ @ r[2 * n:].T + self.bias(raw[5 * n:]))
            new = s("n", np.maximum(x @ w[2 * n:].T + self.bias(raw[2 * n:3 * n]) + reset * nh, 0))
            return s("h", new + z * s("d", h_ - new)), c
        return self.cells(x, w, r, attr, step)

    def inputs(self, op):
        return next(n.input for n in self.model.graph.node if n.op_type == op)


def windows(x, kernel, strides):
    n = len(kernel)
    v = np.lib.stride_tricks.sliding_window_view(x, kernel, axis=tuple(range(2, 2 + n)))
    return v[(slice(None), slice(None), *[slice(None, None, s) for s in strides])]


def float_values(model, x):
    """By node: its values in onnxruntime."""
    m = onnx.ModelProto()
    m.CopyFrom(model)
    names = {n.name: n.output[-1] for n in m.graph.node}
    del m.graph.output[:]
    m.graph.output.extend(h.make_empty_tensor_value_info(o) for o in names.values())
    s = ort.InferenceSession(m.SerializeToString(), providers=["CPUExecutionProvider"])
    return dict(zip(names, s.run(list(names.values()), {"x": x})))


TEXT = re.compile(r"(\d+) of (\d+) results (saturated|wrapped): the float model reaches (\S+) to (\S+), fixed point (\S+) to (\S+), <(\d+),(-?\d+)> holds .*; I=(-?\d+) would hold them all")


def overflow(name, model, x):
    status, messages, report = nngen(name, f"--q={W},{I}")
    if status:
        return f"exit {status}"
    f = Fixed(model, report["layers"])
    f.run(x.astype(float))
    missing = set(f.format) - set(f.results)
    if missing:
        return f"not checked: {sorted(missing)}"
    got, floats = {}, float_values(model, x)
    for m in messages:
        t = TEXT.fullmatch(m["message"])
        if not t:
            continue
        got[m["node"]] = t.groups()
    expected = {n: c for n, c in f.out_of_range.items() if c}
    if name in TABLES:  # one more or less where a word differs
        slack = lambda c: 1 + 0.03 * c
    else:
        slack = lambda c: 0
    for n in set(got) | set(expected):
        count = int(got[n][0]) if n in got else 0
        if abs(count - expected.get(n, 0)) > slack(count):
            return f"{n}: {count} results are warned of, {expected.get(n, 0)} expected"
        if n not in got:
            continue
        if int(got[n][1]) != f.results[n].size:
            return f"{n}: of {got[n][1]} results, there are {f.results[n].size}"
        lo, hi = f.results[n].min(), f.results[n].max()
        if n in floats:
            lo, hi = min(lo, floats[n].min()), max(hi, floats[n].max())
            if not np.allclose([float(got[n][3]), float(got[n][4])], [floats[n].min(), floats[n].max()], rtol=2e-3, atol=2e-3):
                return f"{n}: float range {got[n][3:5]}, onnxruntime {floats[n].min()} {floats[n].max()}"
        else:  # a step of a recurrent layer: what nngen says of float counts
            lo, hi = min(lo, float(got[n][3])), max(hi, float(got[n][4]))
        if abs(int(got[n][9]) - fit(W, lo, hi)) > (name in TABLES and fit(W, lo, hi * 1.02) != fit(W, lo, hi * 0.98)):
            return f"{n}: I={got[n][9]}, {fit(W, lo, hi)} expected for {lo} to {hi}"
    if not expected:
        return "nothing overflows"
    layers = {l["name"]: l["saturated"] for l in report["layers"] if l["saturated"]}
    if layers != {n: int(t[0]) for n, t in got.items()}:
        return f"the report has {layers}"
    return None


def needs(name):
    """With the I that is warned of, for inputs, constants and results alike, nothing is out of range any more."""
    config = {"layers": {}}
    for _ in range(6):
        (DIR / "needs.json").write_text(json.dumps(config))
        status, messages, report = nngen(name, f"--q={W},{I}", f"--config={DIR / 'needs.json'}")
        warned = [m for m in messages if m["level"] == "warning"]
        if status or not warned:
            return f"exit {status}" if status else None
        for m in warned:
            key = "weights" if "constants" in m["message"] else "result"
            need = int(re.search(r"I=(-?\d+)", m["message"])[1])
            for k in ("weights", "bias") if key == "weights" else (key,):
                config["layers"].setdefault(m["node"], {})[k] = f"{W},{need}"
    return f"still warned: {warned[0]}"


def wrapped(name):
    status, messages, report = nngen(name, f"--q={W},{I}", "--overflow=wrap")
    if status or not any("results wrapped" in m["message"] for m in messages) or not report["accuracy"]["wraps"]:
        return f"exit {status}, wraps are not told"
    return None


def refused(name):
    status, messages, _ = nngen(name, f"--q={W},{I}", "--overflow=error")
    errors = [m for m in messages if m["level"] == "error"]
    if status != 4 or not all(m["code"] == 4 and re.search(r"I=\d+", m["message"]) for m in errors):
        return f"exit {status}: {errors[:1]}"
    return None


def proved(name):
    """The I that --overflow=error asks for, layer by layer, is accepted."""
    config = {"layers": {}}
    for _ in range(30):
        (DIR / "proved.json").write_text(json.dumps(config))
        status, messages, report = nngen(name, f"--q={W},5", "--overflow=error", f"--config={DIR / 'proved.json'}")
        if status == 0:
            bad = [l["name"] for l in report["layers"] if l["W"] and (l["proved_min"] < -2.0 ** (l["I"] - 1) - 2.0 ** (l["I"] - W) or l["proved_max"] >= 2.0 ** (l["I"] - 1))]
            return f"{bad} are not proved" if bad or report["overflow"]["runtime_checked"] else None
        first = next(m for m in messages if m["level"] == "error")
        if status != 4 or not re.search(r"element \d+ gets to \S+ when '", first["message"]):
            return f"exit {status}: {first}"
        config["layers"][re.sub(r"_t\d+_h$", "", first["node"])] = {"result": f"{W},{re.search(r'; I=(-?[0-9]+) is proved', first['message'])[1]}"}
    return "never accepted"


def by_proof(name):
    """--q=W,proved: accepted under error, nothing is left to check, and every layer holds its data and its proof."""
    status, messages, report = nngen(name, "--q=18,proved", "--overflow=error")
    if status:
        return f"exit {status}: {messages[:1]}"
    for l in report["layers"]:
        if l["W"] and (l["format_from"] != "proved" or not fit(18, l["min"], l["max"]) <= fit(18, l["proved_min"], l["proved_max"]) <= l["I"]):
            return l
    return report["overflow"]["runtime_checked"] and "not all is proved" or report["accuracy"]["max_abs_err"] > (0.5 if name in TABLES else 0.1) and report["accuracy"]


# ---- --calibrate ----

def calibrated(name, model, x, option, expected):
    width = 10
    status, _, report = nngen(name, f"--q={width},auto", f"--calibrate={option}")
    if status:
        return f"exit {status}"
    floats = {**float_values(model, x), "x": x}
    wanted = {"minmax": "data", "error": "error"}.get(option, "percentile")
    for l in report["layers"] + report["inputs"]:
        if l["name"] not in floats or l.get("exact"):
            continue
        v = floats[l["name"]].astype(float).ravel()
        want = expected(v, width)
        if l["format_from"] != wanted or l["I"] != want:
            return f"{l['name']}: I={l['I']} from {l['format_from']}, expected {want}"
    tied = {l["I"] for l in report["layers"] if re.fullmatch(r"rnn_t\d+_h", l["name"]) and not l["exact"]}
    return "steps of a recurrent layer have different formats" if len(tied) > 1 else None


def by_error(v, width):
    widest = fit(width, v.min(), v.max())

    def loss(I):
        q = np.clip(round_up(v, width - I), -2 ** (width - 1), 2 ** (width - 1) - 1) * 2.0 ** (I - width)
        return float(((q - v) ** 2).sum())
    return min(range(widest, widest - 16, -1), key=loss)


def by_share(share):
    def expected(v, width):
        need = sorted(fit(width, min(e, 0), max(e, 0)) if e else -40 for e in v)
        return need[max(math.ceil(share * len(v) - 1e-9) - 1, 0)]
    return expected


for name, model, x in small_nets.nets():
    verdict(f"calibrate.{name}.warned", overflow(name, model, x))
    verdict(f"calibrate.{name}.refused", refused(name))
    verdict(f"calibrate.{name}.by_proof", by_proof(name))
for name, model, x in small_nets.nets()[::4]:
    verdict(f"calibrate.{name}.needs", needs(name))
    verdict(f"calibrate.{name}.minmax", calibrated(name, model, x, "minmax", lambda v, w: fit(w, v.min(), v.max())))
    verdict(f"calibrate.{name}.percentile", calibrated(name, model, x, "95%", by_share(0.95)))
    verdict(f"calibrate.{name}.error", calibrated(name, model, x, "error", by_error))
for name in ("dense0", "conv2", "residual0", "recurrent1"):
    verdict(f"calibrate.{name}.wrapped", wrapped(name))
    verdict(f"calibrate.{name}.proved", proved(name))
sys.exit(failed > 0)
