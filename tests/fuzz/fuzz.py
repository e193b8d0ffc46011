# SPDX-License-Identifier: Apache-2.0
"""Random networks through the whole compiler.

    fuzz.py --seed 1 -n 200 --ghdl 10 --verilator 2 --hls 10 [--keep]    cases seed .. seed+n-1
    fuzz.py --kept                                              the cases of tests/fuzz/kept/
    fuzz.py --case DIR                                          one folder, as kept

Checked of each: nngen ends with an exit code of its contract and never a signal; its float model agrees with onnxruntime; the C model agrees with the
oracle on every vector, and `ref` on the data with the oracle's outputs; on wide formats the fixed-point results follow the float model; a share
of the cases also in GHDL, Verilator and as HLS C++, bit for bit. With --keep a failing case is shrunk and kept as a folder under tests/fuzz/kept/.
"""
import argparse, json, os, pathlib, re, shutil, subprocess, sys, tempfile, time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto as T, helper as h
from onnx.reference import ReferenceEvaluator

sys.path.insert(0, str(pathlib.Path(__file__).parent))
for name in ("MAKELEVEL", "MAKEFLAGS", "GHDL"):  # of `make fuzz GHDL=2`: none of the generated Makefile's business
    os.environ.pop(name, None)
import netgen

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEPT = ROOT / "tests/fuzz/kept"
BUILD = pathlib.Path(os.environ.get("BUILD", "build"))
NNGEN = (BUILD if BUILD.is_absolute() else ROOT / BUILD) / "nngen"
HEADERS = pathlib.Path(os.environ.get("HLS_HEADERS", ROOT / "build/hls_headers"))  # ap_int and ac_int, where tests/deps.sh could download them
HLS_TYPES = "NATIVE AP AC" if (HEADERS / "ap_types/ap_int.h").exists() else "NATIVE"
TIMEOUT = 120
ort.set_default_logger_severity(4)


class Failure(Exception):
    """kind: what the shrinker holds on to; the text is for people."""
    def __init__(self, kind, text):
        super().__init__(f"{kind}: {text}")
        self.kind = kind


def run(command, cwd=None, timeout=TIMEOUT):
    try:
        p = subprocess.run([str(c) for c in command], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise Failure("timeout", " ".join(str(c) for c in command))
    return p.returncode, p.stdout.decode("utf-8", "replace")


def write_case(case, d):
    d.mkdir(parents=True, exist_ok=True)
    (d / "net.onnx").write_bytes(case.model.SerializeToString())
    np.savez(d / "x.npz", **case.feed)
    (d / "options.json").write_text(json.dumps({"options": case.options, "config": case.config, "exact": case.exact, "stream": case.stream}, indent=1) + "\n")


def read_case(d):
    o = json.loads((d / "options.json").read_text())
    x = np.load(d / "x.npz")
    return netgen.Case(onnx.load(d / "net.onnx"), {k: x[k] for k in x.files}, o["options"], o["config"], o["exact"], d.name, stream=o.get("stream"))


# ---- the float model against onnxruntime ----

def without_layout(model):
    """Recurrent layers with the batch first, which onnxruntime refuses, between transpositions."""
    m = onnx.ModelProto()
    m.CopyFrom(model)
    del m.graph.node[:]
    for n in model.graph.node:
        layout = [a for a in n.attribute if n.op_type in ("RNN", "GRU", "LSTM") and a.name == "layout" and a.i]
        if not layout:
            m.graph.node.append(n)
            continue
        new = onnx.NodeProto()
        new.CopyFrom(n)
        new.attribute.remove(layout[0])
        for i in (0, 5, 6):
            if i < len(n.input) and n.input[i]:
                new.input[i] = f"{n.output[0] or n.output[1]}.in{i}"
                m.graph.node.append(h.make_node("Transpose", [n.input[i]], [new.input[i]], perm=[1, 0, 2]))
        new.output[:] = [o and o + ".sequence" for o in n.output]
        m.graph.node.append(new)
        m.graph.node.extend(h.make_node("Transpose", [o + ".sequence"], [o], perm=[1, 0, 2] if i else [2, 0, 1, 3]) for i, o in enumerate(n.output) if o)
    return m


def session(model):
    model = without_layout(model)
    s = ort.SessionOptions()
    s.intra_op_num_threads = s.inter_op_num_threads = 1
    s.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(model.SerializeToString(), s, providers=["CPUExecutionProvider"])


def reference(s, feed):
    """All outputs side by side, a row a sample."""
    n = len(next(iter(feed.values())))
    return np.array([np.concatenate([np.asarray(o, np.float64).ravel() for o in s.run(None, {k: v[i] for k, v in feed.items()})]) for i in range(n)])


def as_double(model):
    """The same network in float64 where onnxruntime has the kernels: tells rounding of float32 from a mistake."""
    m = onnx.ModelProto()
    m.CopyFrom(model)
    for t in m.graph.initializer:
        if t.data_type == T.FLOAT:
            t.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(t).astype(np.float64), t.name))
    for v in [*m.graph.input, *m.graph.output, *m.graph.value_info]:
        if v.type.tensor_type.elem_type == T.FLOAT:
            v.type.tensor_type.elem_type = T.DOUBLE
    for n in m.graph.node:
        for a in n.attribute:
            if n.op_type == "Constant" and a.name == "value" and a.t.data_type == T.FLOAT:
                a.t.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(a.t).astype(np.float64)))
            elif n.op_type == "Constant" and a.name == "value_floats":
                a.CopyFrom(h.make_attribute("value", onnx.numpy_helper.from_array(np.array(a.floats, np.float64))))
            elif n.op_type == "Cast" and a.name == "to" and a.i == T.FLOAT:
                a.i = T.DOUBLE
    return m


def alone(model, output):
    """What one output needs."""
    m, needed = onnx.ModelProto(), {output.name}
    m.CopyFrom(model)
    del m.graph.output[:], m.graph.node[:]
    m.graph.output.append(output)
    keep = [n for n in reversed(model.graph.node) if needed & set(n.output) and not needed.update(n.input)]
    m.graph.node.extend(reversed(keep))
    return m


def in_double(m, feed, otherwise):
    """Output by output, as one operator without a float64 kernel must not hide the others: onnxruntime, else the slow evaluator of the onnx package, else
    what float32 says."""
    parts, at = [], 0
    for o in m.graph.output:
        part, one = alone(m, o), None
        for run in (session, ReferenceEvaluator):
            try:
                one = reference(run(part), feed)
                break
            except Exception:
                continue
        width = one.shape[1] if one is not None else int(np.prod([d.dim_value for d in o.type.tensor_type.shape.dim]))
        parts.append(otherwise[:, at : at + width] if one is None else one)
        at += width
    return np.concatenate(parts, axis=1)


def largest(model, feed, bad=0.0):
    """The largest value on the way, by sample: what cancels there leaves an error of its last bits."""
    m, named = onnx.ModelProto(), {v.name: v for v in model.graph.value_info}
    m.CopyFrom(model)
    m.graph.output.extend(v for n in model.graph.node for o in n.output if (v := named.get(o)) and v not in model.graph.output)
    values = np.abs(reference(session(m), feed))
    return np.where(np.isfinite(values), values, bad).max(axis=1, keepdims=True)


JUMPS = {"QuantizeLinear": .3, "Normalizer": .3, "ArgMax": .05, "ArgMin": .05, "Less": .05, "Greater": .05, "Equal": 1, "GreaterOrEqual": .05, "LessOrEqual": .05}  # a last bit may decide: so many of the samples may differ
CELLS = {"RNN", "GRU", "LSTM"}
VANISHING = {"Sigmoid", "Softmax", "Exp", "Gelu", "Mish", "Softplus", "Erf"} | CELLS  # float32 rounds their small values to 0, and x times nearly 1 to x: what is compared then may be any


def other_scales(model, e):
    """Codes' means have halves, which are ties that float32 need not meet: whatever is in the input, only another scale moves them."""
    m = onnx.ModelProto()
    m.CopyFrom(model)
    scales = {n.input[1] for n in m.graph.node if n.op_type == "QuantizeLinear"}
    for t in m.graph.initializer:
        if t.name in scales:
            t.CopyFrom(onnx.numpy_helper.from_array((onnx.numpy_helper.to_array(t) * (1 - 2 * e)).astype(np.float32), t.name))
    return m


def disagreement(want, got, slack=0.0, few=0.0):
    """Largest error beyond what is allowed, or None. want and got: samples x outputs; few: share of samples that may differ."""
    if want.shape != got.shape:
        return f"shape {got.shape}, onnxruntime {want.shape}"
    got = np.where(np.abs(got) > 3.4e38, np.copysign(np.inf, got), got)  # nngen's float model is in double
    finite = np.isfinite(want)
    if (np.isfinite(got) != finite).any():
        i = tuple(np.argwhere(np.isfinite(got) != finite)[0])
        return f"[{i}]: {got[i]}, onnxruntime {want[i]}"
    same = finite | (want == got) | (np.isnan(want) & np.isnan(got))
    w, g = np.where(finite, want, 0), np.where(finite, got, 0)
    err = np.abs(w - g) - slack
    limit = 1e-5 * np.maximum(0.1, np.abs(w).max(axis=0, keepdims=True))
    if (same & (err <= limit)).all(axis=1).mean() >= 1 - few:
        return None
    i = np.unravel_index(np.argmax(err - limit), err.shape)
    return f"[{i}]: {g[i]:.9g}, onnxruntime {w[i]:.9g}"


def check_float(case, got):
    try:
        want = reference(session(case.model), case.feed)
    except Exception as e:
        if "Duplicate definition of name (.in" in str(e):  # onnxruntime's own, at two cells of layout 1 without Y
            return
        raise Failure("onnxruntime refuses", str(e)[:600])
    if want.shape == got.shape and np.abs(got[np.isfinite(got)]).max(initial=0) < 3.4e38:
        want = np.where(np.isnan(want) & np.isfinite(got), got, want)  # float32 overflowed on the way, nngen's doubles did not
    ops = {n.op_type for n in case.model.graph.node}
    if want.shape == got.shape and ops & {"Exp", *CELLS}:  # float32 has no numbers for what follows an overflow, as in the softplus of a cell
        keep = np.isfinite(want).all(axis=1) & (np.nanmax(largest(case.model, case.feed, bad=np.inf), axis=1) < 1e30)
        want, got, case = want[keep], got[keep], netgen.Case(case.model, {k: v[keep] for k, v in case.feed.items()}, case.options)
    said = disagreement(want, got) if len(want) else None
    if not said:
        return
    # float32 itself may be that inexact: ask double, or else how much the last bits of the input matter
    with np.errstate(over="ignore"):
        try:
            m, feed = as_double(case.model), {k: v.astype(np.float64) for k, v in case.feed.items()}
            double = in_double(m, feed, want)
            if not disagreement(double, got):
                return
            if np.isfinite(want).all() and np.isfinite(double).all():
                said = disagreement(double, got, 20 * np.abs(double - want)) or None
                if not said:
                    return
        except Exception:
            pass
        slack = np.zeros_like(want)
        for e in (-4e-7, -1e-7, 1e-7, 4e-7):
            moved = reference(session(other_scales(case.model, e)), {k: (v * np.float32(1 + e)).astype(np.float32) for k, v in case.feed.items()})
            slack = np.maximum(slack, np.nan_to_num(np.abs(moved - want), nan=np.inf))
        slack = np.maximum(slack, largest(case.model, case.feed) * 2.0**-25)
        said = disagreement(want, got, 30 * np.where(np.isfinite(slack), slack, 1e30), min(.9, max(JUMPS.get(o, 0) * (20 if ops & VANISHING else 1) for o in ops)))
    if said:
        raise Failure("float model", said)


# ---- one case ----

LIMITS = re.compile(r"too far apart|comes quantised|needs \d+ bits|more than \d+ bits|wider than|argument can be negative|at most 65536|too (wide|large|long)|do(es)? not fit|bits wide|proved|--target-loss needs|HLS C\+\+ of a recurrent")


def check_parallel(case, folder, ghdl=False, verilator=False, hls=False, float_only=False):
    """Returns a word for the statistics; raises Failure."""
    d = folder / "case"
    write_case(case, d)
    command = [NNGEN, d / "net.onnx", *case.options, "--top=net", "--plots=none", f"--data={d / 'x.npz'}", f"--float-out={d / 'float.npy'}", "-o", folder / "out",
               "--target=" + ("all" if hls and (ghdl or verilator) else "hls" if hls else "vhdl" if ghdl or verilator else "c")]
    if case.config:
        (d / "config.json").write_text(json.dumps(case.config))
        command.append(f"--config={d / 'config.json'}")
    code, text = run(command)
    if code < 0 or code > 5 or "runtime error:" in text or "AddressSanitizer" in text:
        raise Failure("crash", f"exit {code}: {text[-2000:]}")
    if code in (1, 2, 5):
        raise Failure("exit code", f"exit {code} for a valid network: {text[-600:]}")
    if (d / "float.npy").exists():
        got = np.load(d / "float.npy")
        check_float(case, got.reshape(len(next(iter(case.feed.values()))), -1) if "--recurrent=iterative" in case.options else got)  # of each step, or the last
    if code == 3:
        lines = [s for s in text.splitlines() if ": warning: " not in s and ": note: " not in s]
        odd = [s for s in lines if not LIMITS.search(s)]
        if odd:
            raise Failure("unsupported", " | ".join(odd)[:600])
        return "unsupported"
    if code == 4:
        if "no point within --target-loss" in text:
            return "no such loss"
        if "--overflow=error" not in case.options:
            raise Failure("exit code", f"exit 4 without --overflow=error: {text[-600:]}")
        return "overflow refused"
    if float_only:
        return "ok"
    out = folder / "out"
    if (folder / "out").exists() != (code == 0):
        raise Failure("exit code", "0 without an output folder")
    report = json.loads((out / "report.json").read_text())
    # C against the oracle: all vectors, and the program on the data
    code, text = run(["make", "-s", "-C", out, "check", "CFLAGS=-O0"])
    if code or not text.strip().splitlines()[-1].startswith("PASS"):
        raise Failure("C model", text[-800:])
    order = [i.name for i in case.model.graph.input]
    np.save(d / "in.npy", np.concatenate([case.feed[k].reshape(len(case.feed[k]), -1) for k in order], axis=1))
    code, text = run([out / "ref", d / "in.npy", d / "out.npy"])
    if code:
        raise Failure("ref", text[-600:])
    got = np.load(d / "out.npy")
    got = got.reshape(len(got), -1)
    turns = "--recurrent=iterative" in case.options  # vectors are in the order of the channels
    want = got if turns else expected(out, report)
    if got.shape != want.shape or not np.array_equal(got, want):
        raise Failure("ref on data", f"shapes {got.shape} {want.shape}; {np.sum(got != want) if got.shape == want.shape else ''} values differ")
    if not turns:
        check_fixed(case, report, np.load(d / "float.npy"), got)
    if case.model.doc_string == "integers" and report["accuracy"]["max_abs_err"]:
        raise Failure("quantised", f"differs from its float model by {report['accuracy']['max_abs_err']:.3g}")
    for wanted, target, kind in ((ghdl, "sim", "GHDL"), (verilator, "verilate", "Verilator"), (hls, "hls", "HLS")):
        if wanted:
            code, text = run(["make", "-s", "-C", out, target, f"HLS_TYPES={HLS_TYPES}", f"HLS_HEADERS={HEADERS}"], timeout=600)
            if code or "PASS: " not in text or " 0 mismatches" not in text:
                raise Failure(kind, text[-1500:])
    return "ok"


def check(case, folder, ghdl=False, verilator=False, hls=False, float_only=False):
    """In parallel mode, then, where the case has options for it, as a stream."""
    shutil.rmtree(folder, ignore_errors=True)
    word = check_parallel(case, folder, ghdl and not case.stream, verilator and not case.stream, hls, float_only)
    if not case.stream:
        return word
    return word + ", " + check_stream(case, folder, folder / "out" if word == "ok" and not float_only else None, ghdl, verilator)


# ---- the same network as a stream ----

STREAM_LIMITS = re.compile(r"in stream mode|streaming design|the reuse factor|cycle at --clock|fit into \d+ (DSP|block RAM)|alpha and beta|too far apart|complete too close")


def check_stream(case, folder, parallel, ghdl=False, verilator=False):
    """--mode=stream gives the bits of the unrolled network (`parallel`: its folder, or None when it was refused), or is refused with a reason."""
    d, out = folder / "case", folder / "stream"
    layers = {k: dict(v) for k, v in (case.config or {"layers": {}})["layers"].items()}
    for name, reuse in case.stream["reuse"].items():
        layers.setdefault(name, {})["reuse"] = reuse
    command = [NNGEN, d / "net.onnx", *case.options, *case.stream["options"], "--top=net", "--plots=none", f"--data={d / 'x.npz'}", "-o", out,
               "--target=" + ("vhdl" if ghdl or verilator else "c")]
    if layers:
        (d / "stream.json").write_text(json.dumps({"layers": layers}))
        command.append(f"--config={d / 'stream.json'}")
    code, text = run(command)
    if code == 6 and "internal error" in text:
        raise Failure("stream check", text[-800:])
    if code < 0 or code > 4 or "runtime error:" in text or "AddressSanitizer" in text:
        raise Failure("stream crash", f"exit {code}: {text[-2000:]}")
    lines = [s for s in text.splitlines() if ": warning: " not in s and ": note: " not in s]
    if code == 3:
        odd = [s for s in lines if not STREAM_LIMITS.search(s) and not LIMITS.search(s)]
        if odd or not lines:
            raise Failure("stream unsupported", " | ".join(odd)[:600])
        return "stream refused: " + re.sub(r"'[^']*'|\d+", "_", re.sub(r"^.*\(\w* ?#?\d*\): |^[^ ]*: ", "", lines[0]))[:70]
    if code == 4 and "no point within --target-loss" in text:
        return "stream no such loss"
    if code == 4 and "--overflow=error" in case.options or code == 4 and "error" in json.dumps(layers):
        return "stream overflow refused"
    if code:
        raise Failure("stream exit code", f"exit {code}: {text[-600:]}")
    if not parallel:
        return "stream alone"
    if (out / "tb/vectors/in.hex").read_text() != (parallel / "tb/vectors/in.hex").read_text():
        raise Failure("stream inputs", "other vectors than in parallel mode")
    own = any(o.startswith(("--target-loss", "--round-weights")) for o in case.stream["options"])
    a, b = (integers(x) for x in (out if own else parallel, out))
    if a != b and tables(parallel) != tables(out):  # chosen for what is proved of their arguments, which is less of a stream than of a network as a whole
        return "stream with other tables"
    if a != b:
        row = next(i for i, (p, q) in enumerate(zip(a, b)) if p != q) if len(a) == len(b) else 0
        raise Failure("stream bits", f"vector {row} of {len(a)}: {[str(v) for v in b[row]]}, in parallel mode {[str(v) for v in a[row]]}"[:800])
    code, text = run(["make", "-s", "-C", out, "check", "CFLAGS=-O0"], timeout=600)
    if code or not text.strip().splitlines()[-1].startswith("PASS"):
        raise Failure("stream C model", text[-800:])
    for wanted, target, kind in ((ghdl, "sim", "stream GHDL"), (verilator, "verilate", "stream Verilator")):
        if wanted:
            code, text = run(["make", "-s", "-C", out, target], timeout=900)
            if code or "PASS: " not in text or " 0 mismatches" not in text:
                raise Failure(kind, text[-1500:])
    return "stream ok"


def tables(out):
    """What the C model says about the arguments of its tables of functions."""
    return {m for f in (out / "c").glob("*.c") for m in re.findall(r"/\* \w+: (.*arguments .* in steps of [^,]*)", f.read_text())}


def integers(out):
    """Outputs of all vectors, exactly: in steps of 2^-80."""
    report = json.loads((out / "report.json").read_text())
    words = [int(s, 16) for s in (out / "tb/vectors/out.hex").read_text().split("\n")[1:] if s]
    rows = []
    for w in words:
        row = []
        for o in report["outputs"]:
            W = o["W"]
            for _ in range(int(np.prod(o["shape"], dtype=int))):
                x = w & ((1 << W) - 1)
                x -= o["signed"] and x >> (W - 1) << W
                row.append(x if "scale" in o else x << (80 - W + o["I"]))
                w >>= W
        rows.append(row)
    return rows


def expected(out, report):
    """The oracle's outputs on the data, from the vectors: floats, samples x outputs."""
    lines = (out / "tb/vectors/out.hex").read_text().split("\n")
    n = report["accuracy"]["samples"]
    words = [int(s, 16) for s in lines[1:] if s][-n:]
    columns = []
    low = 0
    for o in report["outputs"]:
        W, frac = o["W"], o["W"] - o["I"]
        for _ in range(int(np.prod(o["shape"], dtype=int))):
            v = [(w >> low) & ((1 << W) - 1) for w in words]
            v = [x - (1 << W) if o["signed"] and x >> (W - 1) else x for x in v]
            columns.append([(x - o["zero"]) * float(np.float32(o["scale"])) if "scale" in o else float(x) * 2.0 ** -frac for x in v])
            low += W
    return np.array(columns).T


def check_fixed(case, report, floats, fixed):
    """Wide format, only exact operators, nothing saturated: the fixed-point result is the float one but for a few steps."""
    if not case.exact or "--q=32,14" not in case.options or case.config or any(o.startswith(("--prune", "--merge", "--target-loss")) for o in case.options):
        return
    if report["accuracy"]["saturations"] or report["accuracy"]["wraps"] or not np.isfinite(floats).all() or any(report["accuracy"].get(k) for k in ("warnings",)):
        return
    big = max([1.0] + [abs(l[k]) for l in report["layers"] for k in ("min", "max") if l.get(k) is not None])
    weights = max([1.0] + [float(np.abs(onnx.numpy_helper.to_array(t)).max()) for t in constants(case.model) if int(np.prod(t.dims)) and t.data_type == T.FLOAT])
    if big > 4000 or weights > 2000:
        return
    err = np.abs(floats - fixed).max()
    if err > 2.0 ** -18 * big * weights * 400:
        raise Failure("fixed point", f"differs from float by {err:.3g} at <32,14>, values up to {big:.3g}")


def constants(model):
    yield from model.graph.initializer
    for n in model.graph.node:
        for a in n.attribute:
            if a.type == onnx.AttributeProto.TENSOR:
                yield a.t


# ---- shrinking ----

def drop_dead(m):
    need = {o.name for o in m.graph.output}
    nodes = []
    for n in reversed(m.graph.node):
        if any(o in need for o in n.output):
            nodes.append(n)
            need |= set(n.input)
    del m.graph.node[:]
    m.graph.node.extend(reversed(nodes))
    for field in (m.graph.initializer, m.graph.input, m.graph.value_info):
        keep = [v for v in field if v.name in need or (field is m.graph.value_info and any(v.name in n.output for n in nodes))]
        del field[:]
        field.extend(keep)


def with_model(case, change):
    m = onnx.ModelProto()
    m.CopyFrom(case.model)
    change(m)
    drop_dead(m)
    if not m.graph.node or not m.graph.input:
        return None
    feed = {v.name: case.feed[v.name] if v.name in case.feed else netgen.samples(m, np.random.default_rng(1), 1.0, len(next(iter(case.feed.values()))))[v.name]
            for v in m.graph.input}
    return replace(case, model=m, feed=feed)


def simpler(case):
    """Candidates, boldest first."""
    m = case.model
    known = {v.name: v for v in [*m.graph.value_info, *m.graph.output]}
    outs = [o.name for o in m.graph.output]

    def only(v):
        def f(g):
            del g.graph.output[:]
            g.graph.output.append(known[v])
        return f

    def without(i):
        def f(g):
            del g.graph.output[i]
        return f

    def cut(v):
        def f(g):
            for n in list(g.graph.node):
                if v in n.output:
                    g.graph.node.remove(n)
            g.graph.input.append(known[v])
        return f

    made = [o for n in m.graph.node for o in n.output if o in known and known[o].type.tensor_type.elem_type == T.FLOAT]
    for v in [o for n in m.graph.node for o in n.output if o in known]:
        if [v] != outs:
            yield with_model(case, only(v))
    if len(outs) > 1:
        for i in range(len(outs)):
            yield with_model(case, without(i))
    for v in reversed(made):
        if v not in outs:
            yield with_model(case, cut(v))
    if case.config:
        yield replace(case, config=None)
        layers = case.config["layers"]
        for k in layers:
            yield replace(case, config={"layers": {a: b for a, b in layers.items() if a != k}})
            for key in layers[k]:
                yield replace(case, config={"layers": {**layers, k: {a: b for a, b in layers[k].items() if a != key}}})
    for o in case.options:
        if len(case.options) > 1:
            yield replace(case, options=[x for x in case.options if x != o])
    if case.stream:
        yield replace(case, stream=None)
        if case.stream["reuse"]:
            yield replace(case, stream={**case.stream, "reuse": {}})
    n = len(next(iter(case.feed.values())))
    for keep in (slice(0, 1), slice(0, n // 2), slice(n // 2, n)):
        if n > 1:
            yield replace(case, feed={k: v[keep] for k, v in case.feed.items()})


def shrink(case, kind, folder, **how):
    """Steepest first; stops when no simpler case fails in the same way."""
    tries, until = 0, time.monotonic() + 120
    again = True
    while again and time.monotonic() < until:
        again = False
        for c in simpler(case):
            if c is None:
                continue
            tries += 1
            try:
                onnx.checker.check_model(c.model)
                check(c, folder, **how)
            except Failure as e:
                if e.kind == kind:
                    case, again = c, True
                    break
            except Exception:
                continue
            if time.monotonic() > until:
                break
    return case


# ---- the command ----

def main():
    a = argparse.ArgumentParser()
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("-n", type=int, default=100)
    a.add_argument("--ghdl", type=int, default=0, help="so many of the cases also in GHDL")
    a.add_argument("--verilator", type=int, default=0)
    a.add_argument("--hls", type=int, default=0)
    a.add_argument("--streams", action="store_true", help="only networks for streams")
    a.add_argument("--jobs", type=int, default=1)
    a.add_argument("--keep", action="store_true", help="shrink failing cases and keep them under tests/fuzz/kept/")
    a.add_argument("--kept", action="store_true")
    a.add_argument("--case", type=pathlib.Path)
    a.add_argument("--float-only", action="store_true", help="only exit codes and the float model: fast")
    a.add_argument("-v", action="store_true")
    o = a.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="nngen_fuzz."))
    if o.case:
        jobs = [(o.case.name, lambda: read_case(o.case), True, True, True)]
    elif o.kept:
        jobs = [(d.name, lambda d=d: read_case(d), True, d.name.startswith("verilator"), d.name.startswith("hls")) for d in sorted(KEPT.glob("*")) if (d / "net.onnx").exists()]
    else:
        every = lambda k: o.n // k if k else 0
        share = lambda i, k: bool(k) and i % max(1, every(k)) == 0 and i // max(1, every(k)) < k
        jobs = [(f"seed {s}", lambda s=s: (netgen.streamed if o.streams else netgen.network)(s), share(i, o.ghdl), share(i, o.verilator), share(i, o.hls)) for i, s in enumerate(range(o.seed, o.seed + o.n))]
    counts, failed = {}, []

    def one(job):
        name, make, ghdl, verilator, hls = job
        folder = work / re.sub(r"\W", "_", name)
        case = None
        try:
            case = make()
            word = check(case, folder, ghdl, verilator, hls, o.float_only)
            if o.v:
                print(name, word, flush=True)
        except Failure as e:
            word = e.kind
            print(f"{name}: {e}", flush=True)
            failed.append(name)
            if o.keep:
                small = shrink(case, e.kind, folder.with_name(folder.name + "_s"), ghdl=ghdl and e.kind in ("GHDL", "Verilator"), verilator=verilator and e.kind == "Verilator",
                               hls=hls and e.kind == "HLS", float_only=o.float_only)
                where = KEPT / f"{re.sub(r'[^a-z]', '_', e.kind.lower())}_{re.sub(r'[^0-9a-z]', '', name)}"
                write_case(small, where)
                print(f"  kept as {where.relative_to(ROOT)}: {[n.op_type for n in small.model.graph.node]} {small.options} {small.config}", flush=True)
        counts[word] = counts.get(word, 0) + 1
        shutil.rmtree(folder, ignore_errors=True)
        return word

    with ThreadPoolExecutor(o.jobs) as pool:
        list(pool.map(one, jobs))
    shutil.rmtree(work, ignore_errors=True)
    ran = [sum(j[i] for j in jobs) for i in (2, 3, 4)]
    print(f"{len(jobs)} networks, {ran[0]} in GHDL, {ran[1]} in Verilator, {ran[2]} as HLS C++: " + ", ".join(f"{v} {k}" for k, v in sorted(counts.items(), key=lambda x: -x[1])))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
