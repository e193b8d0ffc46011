#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make bench: nngen beside da4ml and alkaid on the same integers, one table, one run.

usage: bench.py [--quick] [--synth SECONDS] [--rows GLOB]... [--no-speed] [--out DIR]

Rows: jet_like and digits of models/ and three random 16-64-32-32-5 nets, at <8,3> and <16,6>, all layers dense, adders only (a Softmax at the end is left
out for all three). Counted: adders, adder bits, depth in adders, pipeline stages, solve time (nngen: lowering; total: the whole run, files written), LUT,
CARRY4 and FF by yosys through one script (cells.sh), GHDL time of 256 random vectors through one bench. nngen chooses the number of stages for its
default clock; the peers are told to use as many, so registers compare. sim_s: processor seconds, analysis included. Ratios (nngen over the better peer, 1.00 or less is a win) come first, and before
them whatever misses its bound.
--synth bounds one yosys run in seconds of processor time (0: no yosys); what it found is kept in DIR/cells.json and not computed again for the same files.
--quick: <8,3> rows without yosys. Needs the Python packages of tests/bench/requirements.txt (make bench installs them).
"""
import argparse
import fnmatch
import hashlib
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

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
NNGEN = ROOT / "build" / "nngen"
PEERS = "da4ml", "alkaid"
VECTORS = 256
# column of the ratios: bound for every row, bound for the mean
BOUNDS = {"bits": (1.0, 0.95), "adders": (None, None), "depth": (1.0, None), "lut": (1.0, 0.95), "ff": (0.9, None), "solve_s": (0.2, None), "sim_s": (None, None)}

TB = """library ieee; use ieee.std_logic_1164.all; use ieee.numeric_std.all; use ieee.math_real.all;
entity bench_tb is end entity;
architecture sim of bench_tb is
  signal clk : std_logic := '0';
  signal x : std_logic_vector({n_in} - 1 downto 0) := (others => '0');
  signal y : std_logic_vector({n_out} - 1 downto 0);
begin
  dut : entity work.net port map ({ports});
  process
    variable s1, s2 : positive := 1;
    variable r : real;
  begin
    for i in 1 to {vectors} loop
      for e in 0 to {n_in} / 8 - 1 loop
        uniform(s1, s2, r);
        x(8 * e + 7 downto 8 * e) <= std_logic_vector(to_unsigned(integer(floor(r * 256.0)), 8));
      end loop;
      wait for 1 ns; clk <= '1'; wait for 1 ns; clk <= '0';
    end loop;
    report "done";
    wait;
  end process;
end architecture;
"""
PORTS = {"nngen": "clk => clk, rst => '0', in_valid => '1', in_data => x, out_valid => open, out_data => y"}


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


def networks(out):
    """Writes the five networks; yields name, inputs, outputs."""
    sys.path.insert(0, str(HERE))
    from peers_net import chain

    out.mkdir(parents=True, exist_ok=True)
    for name in ("jet_like", "digits"):
        layers = chain(ROOT / "models" / f"{name}.onnx")
        sizes = [layers[0][0].shape[0], layers[-1][0].shape[1]]
        save(out / f"{name}.onnx", sizes, [(w, b) for w, b, *_ in layers])
        yield name, sizes[0], sizes[1]
    sizes = [16, 64, 32, 32, 5]
    for seed in (1, 2, 3):
        rng = np.random.default_rng(seed)
        arrays = [(rng.normal(0, 1 / np.sqrt(n), (n, m)), rng.normal(0, 0.1, m)) for n, m in zip(sizes, sizes[1:])]
        save(out / f"random{seed}.onnx", sizes, arrays)
        yield f"random{seed}", sizes[0], sizes[-1]


def run(args, limit=None, **kw):
    try:
        return subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=limit, **kw)
    except subprocess.TimeoutExpired:
        return None


def last_line(r):
    return (((r.stderr or r.stdout).strip().splitlines() or ["?"])[-1])[:70]


class Bench:
    def __init__(self, out, limit):
        self.out, self.limit = out, limit

    def cells(self, files):
        if not self.limit:
            return {}
        store = self.out / "cells.json"
        known = json.loads(store.read_text()) if store.exists() else {}
        h = hashlib.sha256(run(["yosys", "-V"]).stdout.encode() + (HERE / "cells.sh").read_bytes())
        for f in files:
            h.update(f.read_bytes())
        if h.hexdigest() not in known:
            r = run(["nice", HERE / "cells.sh", "net", *files], 10 * self.limit, env={**os.environ, "CPU_LIMIT": str(self.limit)})
            if r is not None and r.returncode not in (0, 124):
                return {"note": f"yosys: {last_line(r)}"}
            slow = r is None or r.returncode == 124
            known[h.hexdigest()] = {"note": f"yosys > {self.limit} s"} if slow else {k: int(v) for k, v in (f.split("=") for f in r.stdout.split())}
            store.write_text(json.dumps(known, indent=1))
        return known[h.hexdigest()]

    def simulate(self, tool, folder, files, n_in, n_out, width):
        """Processor seconds of GHDL for VECTORS clock cycles, analysis included."""
        work = folder / "bench_ghdl"
        work.mkdir(exist_ok=True)
        ports = PORTS.get(tool, "clk => clk, model_inp => x, model_out => y")
        (work / "bench_tb.vhd").write_text(TB.format(n_in=n_in * width, n_out=n_out * width, ports=ports, vectors=VECTORS))
        flags = ["--std=08", f"--workdir={work}"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        for args in (["ghdl", "-i", *flags, *files, work / "bench_tb.vhd"], ["ghdl", "-m", *flags, "bench_tb"],
                     ["ghdl", "-r", *flags, "bench_tb", "--ieee-asserts=disable"]):
            r = run(args, 3600)
            if r is None or r.returncode:
                return {"note": f"ghdl: {last_line(r) if r else 'too slow'}"}
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return {"sim_s": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1)} if "done" in r.stdout + r.stderr else {"note": "ghdl stopped early"}

    def nngen(self, name, q, n_in, n_out):
        d = self.out / f"{name}_{q.replace(',', '_')}_nngen"
        took = solve = 1e9
        for _ in range(3):
            start = time.time()
            r = run([NNGEN, self.out / f"{name}.onnx", f"--q={q}", "-q", "--top=net", "-o", d, "--force"])
            took = min(took, time.time() - start)
            if r.returncode:
                sys.exit(f"nngen failed on {name}: {r.stderr}")
            rep = json.loads((d / "report.json").read_text())
            t, s = rep["totals"], rep["time_s"]
            solve = min(solve, s.get("lower", 0) + s.get("expand", 0))
        row = dict(tool="nngen", adders=t["adders"], bits=t["adder_bits"], depth=t["depth"], stages=t["stages"],
                   solve_s=round(s.get("lower", 0) + s.get("expand", 0), 3), total_s=round(took, 3))
        if self.limit:
            row.update(self.simulate("nngen", d, [d / "vhdl" / f for f in (d / "vhdl/files.txt").read_text().split()], n_in, n_out, int(q.split(",")[0])))
            run(["make", "-s", "-C", d, "build/net.v"], 600)
            row.update(self.cells([d / "build/net.v"]))
        return row

    def peer(self, tool, name, q, stages, n_in, n_out):
        d = self.out / f"{name}_{q.replace(',', '_')}_{tool}"
        row = {}
        for flavor in ("verilog", "vhdl") if self.limit else ("verilog",):
            r = run([sys.executable, HERE / "peers_net.py", tool, self.out / f"{name}.onnx", q, "--stages", stages, "--flavor", flavor, "--out", d / flavor], 600)
            if r is None or r.returncode:
                return dict(tool=tool, note=last_line(r) if r else "> 600 s")
            said = json.loads(r.stdout.splitlines()[-1])
            said["total_s"] = round(said["solve_s"] + said["write_s"], 3)
            row = min(row, said, key=lambda s: s.get("solve_s", 1e9))
        if self.limit:
            src = d / "vhdl" / "src"
            row.update(self.simulate(tool, d, sorted(f for f in src.rglob("*.vhd") if "wrapper" not in f.name), n_in, n_out, int(q.split(",")[0])))
            row.update(self.cells(sorted(f for f in (d / "verilog" / "src").rglob("*.v") if "wrapper" not in f.name)))
        return row


def speed(out):
    """The C model of the jet network, softmax and all, on one core in batches of 1,000, beside onnxruntime."""
    import onnxruntime

    model = ROOT / "models/jet_like.onnx"
    d = out / "jet_like_c"
    r = run([NNGEN, model, "--q=16,6", "--target=c", "-q", "--top=net", "-o", d, "--force"])
    if r.returncode:
        sys.exit(f"nngen failed: {r.stderr}")
    rates = {}
    for flags in ("-O2", "-O3 -march=native"):
        exe = d / "bench_c"
        r = run(["cc", "-std=c99", *flags.split(), f"-I{d}/c", "-o", exe, HERE / "bench_c.c", d / "c/net.c", "-lm"])
        rates[f"nngen <16,6>, {flags}"] = float(run([exe, 16, 5, 3]).stdout) if r.returncode == 0 else 0
    o = onnxruntime.SessionOptions()
    o.intra_op_num_threads = o.inter_op_num_threads = 1
    s = onnxruntime.InferenceSession(str(model), o, providers=["CPUExecutionProvider"])
    x, best = np.random.default_rng(1).normal(size=(1000, 16)).astype(np.float32), 0
    feed = {s.get_inputs()[0].name: x}
    for _ in range(20):
        start = time.process_time()
        for _ in range(50):
            s.run(None, feed)
        best = max(best, 50 * len(x) / (time.process_time() - start))
    rates["onnxruntime, float"] = best
    return rates


def matrices():
    """Time and memory of single random matrices (bench_mcm.c): rows, columns, bits, bound in seconds, bound in megabytes."""
    lines = ["| random matrix | adders | adder bits | depth | s | MB |", "|---|---|---|---|---|---|"]
    missed = []
    for rows, cols, bits, seconds, megabytes in ((64, 64, 16, 2, 500), (256, 256, 8, None, 500)):
        r = run([ROOT / "build/bench_mcm", rows, cols, bits], 3600)
        v = {k: float(x) for k, x in (f.split("=") for f in r.stdout.split())}
        lines.append(f"| {rows}x{cols}, {bits} bit | {v['adders']:,.0f} | {v['bits']:,.0f} | {v['depth']:.0f} | {v['seconds']:.2f} | {v['megabytes']:.0f} |")
        if seconds and v["seconds"] > seconds:
            missed.append(f"{rows}x{cols}: {v['seconds']:.2f} s, bound {seconds}")
        if v["megabytes"] > megabytes:
            missed.append(f"{rows}x{cols}: {v['megabytes']:.0f} MB, bound {megabytes}")
    return missed, lines


def ratio_table(ratios):
    columns = [k for k in BOUNDS if any(k in r for _, _, r in ratios)]
    lines = ["| nngen / better peer | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, q, ratio in ratios:
        lines.append(f"| {name} `<{q}>` | " + " | ".join(f"{ratio[k]:.3f}" if k in ratio else "–" for k in columns) + " |")
    missed = []
    for label, pick in (("mean", lambda v: sum(v) / len(v)), ("worst", max)):
        found = {k: pick(v) for k in columns if (v := [r[k] for _, _, r in ratios if k in r])}
        lines.append(f"| **{label}** | " + " | ".join(f"**{found[k]:.3f}**" if k in found else "–" for k in columns) + " |")
    for k, (each, mean) in BOUNDS.items():
        if not each:
            continue
        v = [r[k] for _, _, r in ratios if k in r]
        missed += [f"{name} <{q}>: {k} {r[k]:.3f}, bound {each}" for name, q, r in ratios if k in r and r[k] > each]
        if mean and v and sum(v) / len(v) > mean:
            missed.append(f"mean {k} {sum(v) / len(v):.3f}, bound {mean}")
        without = [f"{name} <{q}>" for name, q, r in ratios if k not in r]
        if without:
            missed.append(f"{k} not measured for {', '.join(without)}")
    return missed, lines


COLUMNS = ("adders", "bits", "depth", "stages", "lut", "carry4", "ff", "solve_s", "total_s", "sim_s", "note")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--quick", action="store_true")
    p.add_argument("--synth", type=int, default=900)
    p.add_argument("--rows", action="append", help="NAME@W,I with wildcards")
    p.add_argument("--no-speed", action="store_true")
    p.add_argument("--out", type=Path, default=ROOT / "build" / "bench")
    a = p.parse_args()
    bench = Bench(a.out.resolve(), 0 if a.quick else a.synth)
    nets, lines, ratios = list(networks(bench.out)), [], []
    for q in ("8,3",) if a.quick else ("8,3", "16,6"):
        for name, n_in, n_out in nets:
            if not any(fnmatch.fnmatch(f"{name}@{q}", g) for g in a.rows or ["*"]):
                continue
            rows = []
            for tool in ("nngen", *PEERS):
                r = bench.peer(tool, name, q, rows[0]["stages"], n_in, n_out) if rows else bench.nngen(name, q, n_in, n_out)
                rows.append(r)
                lines.append(f"| {name} `<{q}>` | {tool} | " + " | ".join(str(r.get(k, "–" if k != "note" else "")) for k in COLUMNS) + " |")
                print(lines[-1], file=sys.stderr, flush=True)
            best = lambda k: min((r[k] for r in rows[1:] if r.get(k)), default=None)
            ratios.append((name, q, {k: rows[0][k] / best(k) for k in BOUNDS if rows[0].get(k) and best(k)}))
    missed, table = ratio_table(ratios)
    more = []
    if not a.no_speed and not a.quick:
        rates = speed(bench.out)
        more += ["", "| jet_like in C, one core, batches of 1,000 | samples/s |", "|---|---|", *(f"| {k} | {v:,.0f} |" for k, v in rates.items())]
        fastest = max(v for k, v in rates.items() if k.startswith("nngen"))
        if fastest < 5e6:
            missed.append(f"C model: {fastest:,.0f} samples/s, bound 5,000,000")
        too_much, lines_mcm = matrices()
        missed += too_much
        more += ["", *lines_mcm]
    print("Missed:" if missed else "Every bound is met.", *(f"- {m}" for m in missed), "", *table, "", sep="\n")
    print("| network | tool | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 2) + "|", *lines, *more, sep="\n")


if __name__ == "__main__":
    main()
