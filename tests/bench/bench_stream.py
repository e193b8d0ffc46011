#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make bench-stream: networks as streams, in markdown: cycles, multipliers, cells, efficiency; misses first.

usage: bench_stream.py [--synth SECONDS] [--simulate SECONDS] [--rows GLOB]... [--out DIR]

Rows: mlp3@R for R from 1 to 25000, mlp4 with 100 multipliers, and NAME by --mode=stream alone; all at <16,6>.
--synth, --simulate bound one yosys or Verilator run in seconds of processor time (0: none); what a run found is kept in DIR/found.json and not
computed again for the same files. A row that was not simulated or synthesised says so: its cycles are the printed ones, its cells nngen's estimate.
"""
import argparse
import ast
import fnmatch
import hashlib
import json
import math
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NNGEN = ROOT / "build" / "nngen"
REUSE = 1, 2, 5, 10, 25, 64, 200, 400, 1000, 5000, 25000
SIMULATE_FROM, SYNTH_FROM = 10, 64  # of mlp3's R: below, the networks are nearly unrolled
NETS = "lenet", "lenet28", "conv_ae", "unet", "resnet_tiny", "cnn1d"
CYCLES = 400000  # of frames from the data in one simulation; the corners come on top
# the same shape: tool, cycles, LUT, FF, DSP
PUBLISHED = (("Intel HLS, vanilla", "25,575", "1,408 ALUT", "–", "–"), ("Intel HLS, pipelined", "25,320", "–", "–", "–"),
             ("Intel HLS, unrolled", "50", "118,041 ALUT", "–", "–"), ("NNgen 1.3.4, 9 DSP", "27,946", "6,468", "7,866", "9"),
             ("NNgen 1.3.4, 48 DSP", "20,010", "11,066", "–", "48"))


def run(args, cpu=None):
    """Output and exit status; None where it took more than cpu seconds in one process, or four times as many in all."""
    limit = (lambda: resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))) if cpu else None
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    p = subprocess.Popen([str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=limit, start_new_session=True)
    try:
        said = p.communicate(timeout=4 * cpu if cpu else None)[0]
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, signal.SIGKILL)
        p.communicate()
        return None
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    slow = cpu and p.returncode and after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime >= cpu - 1
    return None if slow else (said, p.returncode)


def head(source, n, to):
    """The first n samples of a .npy."""
    raw = source.read_bytes()
    start = 10 + int.from_bytes(raw[8:10], "little")
    header = ast.literal_eval(raw[10:start].decode())
    shape = (min(n, header["shape"][0]), *header["shape"][1:])
    text = str({**header, "shape": shape}).ljust(start - 11).encode() + b"\n"
    to.write_bytes(raw[:10] + text + raw[start : start + (len(raw) - start) // header["shape"][0] * shape[0]])


class Bench:
    def __init__(self, out, synth, simulate):
        self.out, self.synth, self.simulate = out, synth, simulate
        self.store = out / "found.json"
        self.found = json.loads(self.store.read_text()) if self.store.exists() else {}
        self.missed, self.without = [], {"not simulated": [], "cells estimated, yosys not run to its end": []}

    def make(self, d, target, limit):
        """What a target of the folder's Makefile found, as a dictionary; empty where it may not run or took too long."""
        h = hashlib.sha256(target.encode())
        for f in [*sorted((d / "vhdl").iterdir()), *sorted((d / "tb").glob("synth.*" if target == "synth" else "*_verilator.cpp"))]:
            h.update(f.read_bytes())
        key = h.hexdigest()
        old = self.found.get(key)
        if old and not (old.get("over") and limit > old["over"]):
            return old
        if not limit:
            return {}
        start = time.time()
        r = run(["nice", "make", "-s", "-C", d, target, "JOBS=1"], limit)
        found = {"over": limit}
        if r and target == "synth" and r[1] == 0:
            found = json.loads((d / "report.json").read_text()).get("synth", {})
        elif r and (m := re.search(r"(PASS|FAIL): (\d+) vectors.* latency (-?\d+) cycles, II (-?\d+)", r[0])):
            found = {"pass": m[1] == "PASS", "frames": int(m[2]), "latency": int(m[3]), "interval": int(m[4])}
        elif r:
            return {"failed": r[0].strip().splitlines()[-1][:100] if r[0].strip() else "?"}
        print(f"{d.name}: {target} {time.time() - start:.0f} s {found}", file=sys.stderr, flush=True)
        self.found[key] = found
        self.store.write_text(json.dumps(self.found, indent=1))
        return found

    def row(self, name, model, options, simulate=True, synth=True):
        """Generates twice: timed and with all data, then with as much as a simulation can take. The hardware is the same."""
        d, data = self.out / name.replace("@", "_"), ROOT / "models" / "data"
        net = [NNGEN, model, "--mode=stream", *options, "-q", "--force"]
        start = time.time()
        r = run([*net, f"--data={data}/{model.stem}_x.npy", f"--labels={data}/{model.stem}_y.npy", "-o", d])
        took = time.time() - start
        if r[1]:
            self.missed.append(f"{name}: nngen failed: {r[0].strip()[:200]}")
            return None
        report = json.loads((d / "report.json").read_text())
        s = report["stream"]
        if took > 5:
            self.missed.append(f"{name}: generated in {took:.1f} s (bound 5)")
        few = self.out / f"{name.replace('@', '_')}_few.npy"
        head(data / f"{model.stem}_x.npy", min(1000, max(5, CYCLES // s["interval_cycles"])), few)
        run([*net, f"--data={few}", "-o", d])
        v = dict(s=s, report=report, took=took, sim={}, cells={"lut": report["totals"]["luts"], "ff": report["totals"]["ffs"]}, by="est")
        v["cells"].update(dsp=report["totals"]["dsps"], bram=report["totals"]["brams"])
        if simulate:
            v["sim"] = sim = self.make(d, "verilate", self.simulate)
            if "failed" in sim or not sim.get("pass", True):
                self.missed.append(f"{name}: simulation: {sim}")
            elif "interval" not in sim:
                self.without["not simulated"].append(name + (f" (more than {sim['over']} s)" if "over" in sim else ""))
        if synth:
            cells = self.make(d, "synth", self.synth)
            if "lut" in cells:
                v.update(cells=cells, by="yosys")
            else:
                self.without["cells estimated, yosys not run to its end"].append(name + (f" (more than {cells['over']} s)" if "over" in cells else ""))
                if "failed" in cells:
                    self.missed.append(f"{name}: yosys: {cells['failed']}")
        return v

    def efficient(self, name, s, bound):
        e = s["multiplier_efficiency"]
        if e is not None and e < bound:
            self.missed.append(f"{name}: efficiency {e:.3f} (bound {bound})")
        return "–" if e is None else f"{e:.3f}"

    def cycles(self, name, v):
        s, sim = v["s"], v["sim"]
        same = sim.get("latency") == s["latency_cycles"] and sim.get("interval") == s["interval_cycles"]
        if "interval" in sim and not same:
            self.missed.append(f"{name}: printed {s['latency_cycles']}, {s['interval_cycles']}, simulated {sim['latency']}, {sim['interval']}")
        said = "=" if same else f"{sim['latency']:,}, {sim['interval']:,}" if "interval" in sim else "–"
        return f"{s['latency_cycles']:,} | {s['interval_cycles']:,} | {said}"

    def dense(self, name, label, model, options, reuse, **kw):
        v = self.row(name, model, options, **kw)
        if not v:
            return []
        layers = [u for u in v["s"]["units"] if u["nonzero_weights"]]
        given = reuse if reuse and reuse > 1 else None
        wrong = [(u["multipliers"], n) for u in layers if u["multipliers"] != (n := math.ceil(u["nonzero_weights"] / (given or u["reuse"])))]
        right = not wrong
        if reuse != 1 and wrong:
            self.missed.append(f"{name}: multipliers of a layer " + ", ".join(f"{a}, ceil(nonzero/R) {n}" for a, n in wrong))
        R = ", ".join(str(u["reuse"]) for u in layers)
        return [f"| {label} | {R} | {v['took']:.1f} | {self.cycles(name, v)} | {', '.join(str(u['multipliers']) for u in layers)} | "
                f"{'–' if reuse == 1 else 'yes' if right else 'no'} | {cells(v)} | {self.efficient(name, v['s'], 0.9)} |"]

    def net(self, name, model):
        v = self.row(name, model, [])
        if not v:
            return []
        s, a = v["s"], v["report"]["accuracy"]
        pixels = math.prod(v["report"]["inputs"][0]["shape"][2:])
        macs = round((s["multiplier_efficiency"] or 0) * s["interval_cycles"])  # a multiplier
        ratio = s["interval_cycles"] / max(pixels, macs)
        if ratio > 1.05:
            self.missed.append(f"{name}: interval {ratio:.3f} of the larger of pixels and MACs/multipliers (bound 1.05)")
        percent = a["metric"] == "accuracy"
        if percent and a["float_metric"] - a["fixed_metric"] > 0.005:
            self.missed.append(f"{name}: accuracy {a['fixed_metric']}, float {a['float_metric']}")
        result = " / ".join(f"{100 * a[k]:.1f} %" if percent else f"{a[k]:.5f}" for k in ("float_metric", "fixed_metric"))
        return [f"| {name} | {v['took']:.1f} | {self.cycles(name, v)} | {pixels:,} | {macs:,} | {ratio:.3f} | {s['multipliers']} | {cells(v)} | "
                f"{self.efficient(name, s, 0.8)} | {'' if percent else 'RMSE '}{result} |"]


def cells(v):
    c = v["cells"]
    memory = f"{c['lutram'] + c['srl']:,}" if "lutram" in c else "–"
    return f"{c['dsp']:,} | {c['bram']:,} | {c['lut']:,} | {memory} | {c['ff']:,} | {v['by']}"


def table(columns, rows):
    return [f"| {columns} |", "|---" * (columns.count("|") + 1) + "|", *rows, ""] if rows else []


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--synth", type=int, default=900)
    p.add_argument("--simulate", type=int, default=900)
    p.add_argument("--rows", action="append", help="mlp3@R, mlp4 or a network, with wildcards")
    p.add_argument("--out", type=Path, default=ROOT / "build" / "bench-stream")
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    b = Bench(a.out.resolve(), a.synth, a.simulate)
    wanted = lambda name: any(fnmatch.fnmatch(name, g) for g in a.rows or ["*"])
    models, dense, nets = ROOT / "models" / "stream", [], []
    for R in reversed(REUSE):
        if wanted(f"mlp3@{R}"):
            dense = b.dense(f"mlp3@{R}", f"mlp3, R = {R:,}", models / "mlp3.onnx", [f"--reuse={R}"], R, simulate=R >= SIMULATE_FROM, synth=R >= SYNTH_FROM) + dense
    if dense:
        dense += [f"| *{tool}* | | | {cycles} | | | | | {dsp} | | {lut} | | {ff} | published | |" for tool, cycles, lut, ff, dsp in PUBLISHED]
    if wanted("mlp4"):
        dense += b.dense("mlp4", "mlp4, `--dsp=100`", models / "mlp4.onnx", ["--dsp=100"], None)
    for name in NETS:
        if wanted(name):
            nets += b.net(name, (models if name != "cnn1d" else ROOT / "models") / f"{name}.onnx")
    if not dense and not nets and not b.missed:
        return
    b.missed += [f"{what}: {', '.join(names)}" for what, names in b.without.items() if names]
    print("Missed:" if b.missed else "Every bound is met.", *(f"- {m}" for m in b.missed), "", sep="\n")
    same = "DSP | BRAM | LUT | LUT RAM, SRL | FF | by"
    print(*table(f"network | R by layer | s | latency | interval | simulated | multipliers by layer | ceil(nonzero/R) | {same} | efficiency", dense),
          *table(f"network | s | latency | interval | simulated | pixels | MACs/multipliers | interval / larger | multipliers | {same} | efficiency | float / fixed", nets), sep="\n")


if __name__ == "__main__":
    main()
