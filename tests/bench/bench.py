#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make bench: nngen beside da4ml and alkaid on the same integers, one table, one run.

usage: bench.py [--quick] [--synth SECONDS] [--rows GLOB]

Rows: jet_like and digits of models/ and three random 16-64-32-32-5 nets, at <8,3> and <16,6>, all layers dense, adders only (a Softmax at the end is left
out for all three). Counted: adders, adder bits, depth, pipeline stages, solve time (nngen: whole run), yosys LUT/CARRY4/FF by one script (cells.sh), GHDL
time of 256 vectors. Ratios (nngen over the better peer) come first; 1.00 or less is a win. --synth bounds one yosys run (0: none).
--quick: <8,3> rows without yosys. Needs the Python packages of tests/bench/requirements.txt (make bench installs them).
"""
import argparse
import fnmatch
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "build" / "bench"
NNGEN = ROOT / "build" / "nngen"


def save(path, sizes, arrays):
    nodes, init, name = [], [], "x"
    for i, (w, b) in enumerate(arrays):
        last = i == len(arrays) - 1
        init += [numpy_helper.from_array(w.astype(np.float32), f"w{i}"), numpy_helper.from_array(b.astype(np.float32), f"b{i}")]
        nodes.append(helper.make_node("Gemm", [name, f"w{i}", f"b{i}"], ["y" if last else f"g{i}"], name=f"dense{i}"))
        if not last:
            nodes.append(helper.make_node("Relu", [f"g{i}"], [f"r{i}"], name=f"relu{i}"))
        name = f"r{i}"
    tensor = lambda n, k: helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, k])
    graph = helper.make_graph(nodes, "net", [tensor("x", sizes[0])], [tensor("y", sizes[-1])], init)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def networks():
    sys.path.insert(0, str(Path(__file__).parent))
    from peers_net import chain

    OUT.mkdir(parents=True, exist_ok=True)
    for name in ("jet_like", "digits"):
        layers = chain(ROOT / "models" / f"{name}.onnx")
        save(OUT / f"{name}.onnx", [layers[0][0].shape[0], layers[-1][0].shape[1]], [(w, b) for w, b, _ in layers])
        yield name
    sizes = [16, 64, 32, 32, 5]
    for seed in (1, 2, 3):
        rng = np.random.default_rng(seed)
        arrays = [(rng.normal(0, 1 / np.sqrt(n), (n, m)), rng.normal(0, 0.1, m)) for n, m in zip(sizes, sizes[1:])]
        save(OUT / f"random{seed}.onnx", sizes, arrays)
        yield f"random{seed}"


def run(args, limit=None, **kw):
    try:
        return subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=limit, **kw)
    except subprocess.TimeoutExpired:
        return None


def cells(top, files, limit):
    if not limit:
        return {}
    r = run([ROOT / "tests/bench/cells.sh", top, *files], limit)
    if r is None or r.returncode:
        return {"note": f"yosys > {limit} s" if r is None else "yosys failed"}
    return {k: int(v) for k, v in (f.split("=") for f in r.stdout.split())}


def nngen(name, q, limit):
    d = OUT / f"{name}_{q.replace(',', '_')}_nngen"
    start = time.time()
    r = run([NNGEN, OUT / f"{name}.onnx", f"--q={q}", "-q", "--top=net", "-o", d, "--force"])
    took = time.time() - start
    if r.returncode:
        sys.exit(f"nngen failed on {name}: {r.stderr}")
    rep = json.loads((d / "report.json").read_text())
    t, s = rep["totals"], rep["time_s"]
    row = dict(tool="nngen", adders=t["adders"], bits=t["adder_bits"], depth=t["depth"], stages=t["stages"], solve_s=round(s.get("lower", 0) + s.get("expand", 0), 3),
               total_s=round(took, 3))
    if limit:
        start = time.time()
        sim = run(["make", "-s", "-C", d, "sim"], 600)
        row["sim_s"] = round(time.time() - start, 1) if sim and sim.returncode == 0 else None
        run(["make", "-s", "-C", d, "build/net.v"], 600)
        row.update(cells("net", [d / "build/net.v"], limit))
    return row


def peer(tool, name, q, limit):
    d = OUT / f"{name}_{q.replace(',', '_')}_{tool}"
    r = run([sys.executable, Path(__file__).parent / "peers_net.py", tool, OUT / f"{name}.onnx", q, "--out", d], 600)
    if r is None or r.returncode:
        return dict(tool=tool, note=(r.stderr.strip().splitlines() or ["?"])[-1][:60] if r else "> 600 s")
    row = json.loads(r.stdout.splitlines()[-1])
    if limit:
        files = sorted(Path(d).rglob("*.v")) + sorted(Path(d).rglob("*.sv"))
        row.update(cells("net", [f for f in files if "sim" not in f.parts], limit))
    return row


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--quick", action="store_true")
    p.add_argument("--synth", type=int, default=900)
    p.add_argument("--rows", default="*")
    a = p.parse_args()
    limit = 0 if a.quick else a.synth
    lines, ratios = [], []
    for name in networks():
        for q in ("8,3",) if a.quick else ("8,3", "16,6"):
            if not fnmatch.fnmatch(f"{name}@{q}", a.rows):
                continue
            rows = [nngen(name, q, limit)] + [peer(t, name, q, limit) for t in ("da4ml", "alkaid")]
            for r in rows:
                lines.append(f"{name:10} <{q}>  {r['tool']:7}" + "".join(f" {k}={r[k]}" for k in (
                    "adders", "bits", "depth", "stages", "solve_s", "total_s", "sim_s", "lut", "carry4", "ff", "note") if r.get(k) is not None))
                print(lines[-1], file=sys.stderr, flush=True)
            best = lambda k: min((r[k] for r in rows[1:] if r.get(k)), default=None)
            ratio = {k: rows[0][k] / best(k) for k in ("bits", "adders", "depth", "solve_s", "lut", "ff") if rows[0].get(k) and best(k)}
            ratios.append((name, q, ratio))
    print("nngen / better peer:")
    for name, q, ratio in ratios:
        print(f"  {name:10} <{q}> " + "".join(f" {k} {v:.3f}" for k, v in ratio.items()))
    for k in ("bits", "adders", "lut", "ff", "solve_s"):
        v = [r[k] for _, _, r in ratios if k in r]
        if v:
            print(f"  mean {k} {sum(v) / len(v):.3f} (worst {max(v):.3f})")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
