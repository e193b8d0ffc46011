#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""HLS C++ on the host: nngen beside hls4ml 1.3.0, the same trained network, side by side in one run.

usage: bench_hls.py [--model jet_like] [--q 16,6] [--repeat 3]

Needs numpy, onnx, qonnx and hls4ml==1.3.0 in the Python that runs it:
    python3 -m venv build/bench_hls && build/bench_hls/bin/pip install hls4ml==1.3.0 onnx qonnx
    make && build/bench_hls/bin/python tests/bench/bench_hls.py

Rows: seconds to write the project, to compile it for the host (the best of --repeat; CPU time, which other work on the machine disturbs less), then
samples per second of CPU time on the data of models/, one sample a call. nngen with the compiler's own integers (native), with ap_int (the types that
hls4ml uses) and with ac_int, each by `make hls`'s flags and optimised (FAST below for native, -O2 for
the libraries' types); hls4ml as its own build script compiles it. hls4ml takes no Gemm, so it gets
MatMul, Add and Relu with the same weights, Softmax left as its default makes it. Last: emission of every network of models/, and the bounds that
nngen holds itself to (exit 1 when missed): compile at most half of hls4ml's, 20 times its samples, emission under a second.
"""
import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "build" / "bench" / "hls"
NNGEN = ROOT / "build" / "nngen"
FAST = "-Og -fno-thread-jumps -fira-algorithm=priority"  # gcc: what costs most on one long block of code, and speeds it up least, left out
sys.path.insert(0, str(Path(__file__).parent))
from peers_net import chain  # noqa: E402


def cpu_seconds(args, repeat=1, fresh=None, **kw):
    """Least CPU time of a command and what it starts, in seconds, and what it printed."""
    best, said = None, ""
    for _ in range(repeat):
        if fresh:
            fresh()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        p = subprocess.run([str(a) for a in args], capture_output=True, text=True, **kw)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if p.returncode:
            sys.exit(f"{args}: {p.stdout[-800:]}{p.stderr[-800:]}")
        took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        best, said = min(took, best or took), p.stdout
    return best, said


def nngen(model, q, repeat):
    d = OUT / "nngen"
    wrote, _ = cpu_seconds([NNGEN, ROOT / f"models/{model}.onnx", "--target=hls", f"--q={q}", f"--data={ROOT}/models/data/{model}_x.npy", "-q", "--top=net", "--force", "-o", d])
    rows = []
    for t in ("NATIVE", "AP", "AC"):
        for opt in ("", FAST if t == "NATIVE" else "-O2"):
            binary = d / "build/hls" / t
            compiled, said = cpu_seconds(["make", "-s", "-C", d, f"build/hls/{t}", f"HLS_OPT={opt}"], repeat, lambda: binary.unlink(missing_ok=True))
            for times in (2, 2000):  # at least a second, so that the clock's step does not matter
                _, said = cpu_seconds([binary, "tb/vectors/in.hex", "tb/vectors/out.hex", times], cwd=d)
                speed = float(said.split(" samples/s")[0].split()[-1])
                if speed < 500000:
                    break
            if "PASS: " not in said:
                sys.exit(said)
            rows.append((f"nngen {t.lower()}{' fast' if opt == FAST else ' ' + opt if opt else ''}", wrote, compiled, speed))
    return rows


def as_matmul(model, path):
    """The network with MatMul and Add for Gemm; the softmax at its end, if any."""
    layers, softmax = chain(ROOT / f"models/{model}.onnx"), "Softmax" in [n.op_type for n in onnx.load(ROOT / f"models/{model}.onnx").graph.node]
    nodes, init, name = [], [], "x"
    for i, (w, b, relu) in enumerate(layers):
        last = i == len(layers) - 1
        init += [numpy_helper.from_array(np.asarray(v, np.float32), n) for v, n in ((w, f"w{i}"), (b, f"b{i}"))]
        nodes += [helper.make_node("MatMul", [name, f"w{i}"], [f"m{i}"], name=f"dense{i}"), helper.make_node("Add", [f"m{i}", f"b{i}"], [f"a{i}"], name=f"bias{i}")]
        name = f"a{i}"
        if relu or (last and softmax):
            nodes.append(helper.make_node("Relu" if relu else "Softmax", [name], [f"r{i}"], name=f"act{i}"))
            name = f"r{i}"
    value = lambda n, k: helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, k])
    nodes[-1].output[0] = "y"
    g = helper.make_graph(nodes, "net", [value("x", layers[0][0].shape[0])], [value("y", layers[-1][0].shape[1])], init)
    m = helper.make_model(g, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(onnx.shape_inference.infer_shapes(m), path)


def hls4ml(model, q, repeat):
    import hls4ml as peer
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.util.cleanup import cleanup_model

    d, path = OUT / "hls4ml", OUT / f"{model}.onnx"
    as_matmul(model, path)
    m = cleanup_model(ModelWrapper(str(path)))
    config = peer.utils.config_from_onnx_model(m, granularity="name", backend="Vitis", default_precision=f"ap_fixed<{q}>", default_reuse_factor=1)
    start = time.process_time()
    net = peer.converters.convert_from_onnx_model(m, hls_config=config, output_dir=str(d), backend="Vitis", io_type="io_parallel", project_name="net")
    net.write()
    wrote = time.process_time() - start
    compiled, _ = cpu_seconds(["bash", "build_lib.sh"], repeat, cwd=d)
    net.compile()
    x = np.ascontiguousarray(np.load(ROOT / f"models/data/{model}_x.npy"), np.float32)
    net.predict(x[:10])
    took = []
    for _ in range(repeat):
        start = time.process_time()
        net.predict(x)
        took.append(time.process_time() - start)
    return [("hls4ml 1.3.0", wrote, compiled, len(x) / min(took))]


def emission(q):
    """CPU seconds of each network's whole run on 100 samples: comparing thousands with float is extra."""
    slowest = []
    for path in sorted((ROOT / "models").glob("*.onnx")):
        few = OUT / "few.npy"
        np.save(few, np.load(ROOT / f"models/data/{path.stem}_x.npy")[:100])
        took, _ = cpu_seconds([NNGEN, path, "--target=hls", f"--q={q}", f"--data={few}", "-q", "--force", "-o", OUT / "emitted"])
        emit = json.loads((OUT / "emitted/report.json").read_text())["time_s"]["emit"]
        slowest.append((took, emit, path.stem))
        print(f"emission {path.stem:16} {took:6.2f} s CPU in all, {emit:.3f} s of it printing")
    return max(slowest)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", default="jet_like")
    p.add_argument("--q", default="16,6")
    p.add_argument("--repeat", type=int, default=3)
    a = p.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("HLS_HEADERS", str(ROOT / "build/hls_headers"))
    subprocess.run(["sh", str(ROOT / "templates/text/hls_headers.sh"), os.environ["HLS_HEADERS"]], check=True)
    ours, theirs = nngen(a.model, a.q, a.repeat), hls4ml(a.model, a.q, a.repeat)
    print(f"{a.model} at <{a.q}>, seconds of CPU time")
    for name, wrote, compiled, speed in ours + theirs:
        print(f"  {name:18} write {wrote:6.2f}  compile {compiled:6.2f}  {speed:12,.0f} samples/s")
    slowest, _, network = emission(a.q)
    _, _, compiled, speed = theirs[0]
    _, _, our_compiled, our_speed = next(r for r in ours if r[0] == "nngen native fast")
    bounds = [("compile, nngen native fast over hls4ml", our_compiled / compiled, "at most", 0.5), ("samples/s, nngen native fast over hls4ml", our_speed / speed, "at least", 20),
              (f"slowest emission in seconds ({network})", slowest, "at most", 1)]
    missed = 0
    for what, got, how, limit in bounds:
        good = got <= limit if how == "at most" else got >= limit
        missed += not good
        print(f"{'ok' if good else 'MISSED'}: {what} {got:.2f}, {how} {limit}")
    return missed > 0


if __name__ == "__main__":
    sys.exit(main())
