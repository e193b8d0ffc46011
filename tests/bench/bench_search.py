#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make bench-search: how small --target-loss=0.5% makes a network, beside uniform formats with all values rounded to the nearest.

usage: bench_search.py [--synth SECONDS] [--rows GLOB]... [--out DIR] [--folds DIR] [--fresh N]

Nets: jet_like and ngamma of models/, which get their own data and are measured on 20,000 fresh samples; digits and lenet in four trainings each (folds/,
models/train/folds.py), measured on the quarter of the images that neither training nor search saw, figures summed over the four (the search fits to the
images of the training, without labels, and measures on 15 % of all); lenet_stream: the same
with --mode=stream --reuse=1, an adder graph a layer instead of one a position. The loss is the accuracy
lost against float, in points, with its standard error (samples are paired), by the C model. Uniform: --q=W,auto, W falling from 8 while the loss stays
within the target, which says what the smallest is. bits: adder bits; LUT by yosys (cells.sh; est: report.json's estimate where --synth, seconds of
processor time a run, does not suffice, 0: never). da4ml: the same uniform networks in its adder graph (without a softmax at the end).
--folds, --fresh: other trainings (folds.py OTHER DIR) and other fresh samples (N from 1 on), on which no setting was chosen.
Whatever misses its bound comes first. Two builds of the search must be the same, byte for byte, and end within 60 s.
"""
import argparse
import filecmp
import fnmatch
import json
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
from bench import HERE, NNGEN, ROOT, Bench, last_line, run

TARGET, FRESH, SECONDS, WIDEST = 0.5, 20000, 60, 8
BOUNDS = {"uniform 8": 0.20, "smallest uniform": 0.40}


def fresh(name, other):
    """Samples from the generator of the training script, from another seed."""
    sys.path.insert(0, str(ROOT / "models/train"))
    import common

    rng = np.random.default_rng(common.SEED + other)
    if name == "ngamma":
        return common.scintillation(rng, FRESH)
    trained = common.jets(np.random.default_rng(common.SEED), 53000)[0][:50000]
    x, y = common.jets(rng, FRESH)
    return common.standardise(trained, x)[1], y


def tasks(out, name, folds, other):
    """(model, options that give data, held-back x and y) of each training."""
    if name in ("jet_like", "ngamma"):
        data = ROOT / "models/data"
        return [(ROOT / f"models/{name}.onnx", [f"--data={data / name}_x.npy", f"--labels={data / name}_y.npy"], *fresh(name, other))]
    name = name.split("_")[0]
    z, found = np.load(folds / "digits.npz"), []
    x, y = (z["pixels"] / 16).astype(np.float32).reshape((-1, 64) if name == "digits" else (-1, 1, 8, 8)), z["y"].astype(np.int64)
    quarter = np.array_split(np.arange(len(x)), 4)
    for i in range(4):
        others = np.concatenate([quarter[(i + j) % 4] for j in (1, 2, 3)])
        measure, seen = others[: len(others) // 5], others[len(others) // 5 :]
        given = {"data": x[measure], "labels": y[measure], "fit": x[seen]}
        for option, values in given.items():
            np.save(out / f"{name}{i}_{option}.npy", values)
        found.append((folds / f"{name}{i}.onnx", [f"--{option}={out / name}{i}_{option}.npy" for option in given], x[quarter[i]], y[quarter[i]]))
    return found


SEARCHED = "searched", "again"
MODE = {"lenet_stream": ["--mode=stream", "--reuse=1"]}


class Row:
    """A network in all its trainings."""

    def __init__(self, bench, name, folds, other):
        self.bench, self.name, self.tasks = bench, name, tasks(bench.out, name, folds, other)
        self.right = [self.float_right(*t) for t in self.tasks]

    def float_right(self, model, given, x, y):
        s = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
        self.float_decision = getattr(self, "float_decision", []) + [s.run(None, {s.get_inputs()[0].name: x})[0].argmax(1)]
        return self.float_decision[-1] == y

    def make(self, what, options):
        """One design of all trainings. loss and error in points, sums of adder bits and of estimated LUTs, the longest time."""
        made = dict(what=what, bits=0, est=0, seconds=0, folders=[])
        lost, changed = [], []
        for i, (model, given, x, y) in enumerate(self.tasks):
            given = [g for g in given if what in SEARCHED or not g.startswith("--fit")]
            d = self.bench.out / f"search_{self.name}{i}_{what.replace(' ', '_')}"
            start = time.time()
            r = run([NNGEN, model, *given, "-q", "--top=net", "--plots=none", "-o", d, "--force", *MODE.get(self.name, []), *options])
            if r.returncode:
                sys.exit(f"nngen failed on {self.name}: {r.stderr}")
            made["seconds"] = max(made["seconds"], time.time() - start)
            np.save(d / "held.npy", x)
            r = run(["make", "-s", "-C", d, "ref"])
            r = r if r.returncode else run([d / "ref", d / "held.npy", d / "fixed.npy"])
            if r.returncode:
                sys.exit(f"the C model of {d} failed: {last_line(r)}")
            decision = np.load(d / "fixed.npy").reshape(len(y), -1).argmax(1)
            lost.append(self.right[i].astype(int) - (decision == y)), changed.append(decision != self.float_decision[i])
            totals = json.loads((d / "report.json").read_text())["totals"]
            made["bits"] += totals["adder_bits"]
            made["est"] += totals["luts"]
            made["folders"].append(d)
        lost = np.concatenate(lost)
        return {**made, "loss": 100 * lost.mean(), "error": 100 * lost.std() / np.sqrt(len(lost)), "changed": 100 * np.concatenate(changed).mean()}

    def cells(self, made):
        """LUTs by yosys, of all trainings or of none."""
        made["lut"] = 0
        for d in made["folders"]:
            run(["make", "-s", "-C", d, "build/net.v"])
            lut = self.bench.cells([d / "build/net.v"]).get("lut")
            if lut is None:
                made["lut"] = None
                return
            made["lut"] += lut

    def da4ml(self, made):
        bits = 0
        for (model, *_), d in zip(self.tasks, made["folders"]):
            r = run([sys.executable, HERE / "peers_formats.py", model, d / "report.json"], 1800)
            if r is None or r.returncode:
                return None
            bits += json.loads(r.stdout.splitlines()[-1])["bits"]
        made["da4ml"] = bits

    def measure(self):
        uniform = []
        for W in range(WIDEST, 2, -1):
            uniform.append(self.make(f"uniform {W}", [f"--q={W},auto"]))
            print(f"{self.name} uniform {W}: loss {uniform[-1]['loss']:.2f} +- {uniform[-1]['error']:.2f}, bits {uniform[-1]['bits']}", file=sys.stderr, flush=True)
            if uniform[-1]["loss"] > TARGET:
                break
        smallest = [u for u in uniform if u["loss"] <= TARGET][-1:]
        options = [f"--q={WIDEST},auto", f"--target-loss={TARGET}%"]
        found, again = (self.make(what, options) for what in SEARCHED)
        found["same"] = all(filecmp.cmp(a / "c/net.c", b / "c/net.c", False) for a, b in zip(found["folders"], again["folders"]))
        print(f"{self.name} searched: loss {found['loss']:.2f} +- {found['error']:.2f}, bits {found['bits']}, {found['seconds']:.1f} s", file=sys.stderr, flush=True)
        for design in (found, *smallest, uniform[0]):
            if "lut" not in design:
                self.cells(design)
        for design in {id(u): u for u in (uniform[0], *smallest)}.values() if self.name not in MODE else ():
            self.da4ml(design)
        return dict(uniform={"uniform 8": uniform[0], **({"smallest uniform": smallest[0]} if smallest else {})}, found=found)


def misses(name, uniform, found):
    missed = []
    if found["loss"] > TARGET:
        missed.append(f"{name}: loses {found['loss']:.2f} +- {found['error']:.2f} points, bound {TARGET}")
    if found["seconds"] > SECONDS or not found["same"]:
        missed.append(f"{name}: the search takes {found['seconds']:.0f} s, bound {SECONDS}" if found["same"] else f"{name}: two searches differ")
    for what, bound in BOUNDS.items():
        if what not in uniform:
            missed.append(f"{name}: no uniform width up to {WIDEST} passes")
            continue
        for key in "bits", "lut", "est":
            u, f = uniform[what].get(key), found.get(key)
            if key == "lut" and (u is None or f is None):
                missed.append(f"{name}: LUT of {what} not counted by yosys")
            elif u is not None and f / u > bound and (key != "est" or uniform[what].get("lut") is None):
                missed.append(f"{name}: {'estimated LUT' if key == 'est' else key} {f / u:.3f} of {what}, bound {bound}")
    return missed


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--synth", type=int, default=3600)
    p.add_argument("--rows", action="append", help="names with wildcards")
    p.add_argument("--out", type=Path, default=ROOT / "build" / "bench")
    p.add_argument("--folds", type=Path, default=HERE / "folds")
    p.add_argument("--fresh", type=int, default=1)
    a = p.parse_args()
    bench = Bench(a.out.resolve(), a.synth)
    bench.out.mkdir(parents=True, exist_ok=True)
    missed, table = [], []
    number = lambda v: "–" if v is None else f"{v:,}"
    for name in ("ngamma", "jet_like", "digits", "lenet", "lenet_stream"):
        if not any(fnmatch.fnmatch(name, g) for g in a.rows or ["*"]):
            continue
        row = Row(bench, name, a.folds.resolve(), a.fresh)
        r = row.measure()
        right = np.concatenate(row.right)
        missed += misses(name, **r)
        f = r["found"]
        ratio = lambda key: ", ".join(f"{f[key] / u[key]:.3f}" if u.get(key) and f.get(key) else "–" for u in r["uniform"].values())
        shown = [f"{u['what'].split()[1]} bits: {u['loss']:.2f} ± {u['error']:.2f}, {number(u['bits'])}, {number(u['lut'])} (est {number(u['est'])})" for u in r["uniform"].values()]
        shown += ["–"] * (2 - len(shown))
        table.append(f"| {name} | {len(right):,} | {100 * right.mean():.2f} % | {' | '.join(shown)} | {f['loss']:.2f} ± {f['error']:.2f} | {f['changed']:.2f} % | {number(f['bits'])} | "
                     f"{number(f['lut'])} (est {number(f['est'])}) | {f['seconds']:.1f} | {ratio('bits')} | {ratio('lut')} | {', '.join(number(u.get('da4ml')) for u in r['uniform'].values())} |")
    print("Missed:" if missed else "Every bound is met.", *(f"- {m}" for m in missed), "", sep="\n")
    print("| network | samples held back | float | uniform 8: loss, bits, LUT | smallest uniform that passes | searched: loss | decisions changed | bits | LUT | s | bits of uniform 8, of smallest "
          "| LUT of both | da4ml's bits of both |", "|---" * 13 + "|", *table, sep="\n")


if __name__ == "__main__":
    main()
