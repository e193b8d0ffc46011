# SPDX-License-Identifier: Apache-2.0
"""What a recurrent network costs a channel: vanilla RNNs of several sizes, each compiled for several numbers of channels through one cell.

    sweep.py [-o DIR] [--hidden=2-14] [--channels=1-15] [--nngen=FILE] [--options='--recurrent=iterative'] [-j N]

Writes DIR/rnn_H.onnx, sweep.tsv (one line a design, from report.json), sweep.md, and sweep.svg by gnuplot. Cells: LUTs and registers, as nngen estimates them.
"""
import argparse
import json
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "models" / "train"))
import lar

COLUMNS = ["adders", "adder_bits", "mults", "luts", "ffs", "dsps", "brams", "latency_cycles", "ii_cycles"]


def network(hidden):
    """Weights (own, state, bias, readout, offset) of a random tanh RNN whose readout alone is fitted, by least squares, to pulses of lar.py: no training."""
    rng = np.random.default_rng(hidden)
    own, bias = rng.uniform(-0.6, 0.6, (hidden, 1)), rng.uniform(-0.5, 0.5, hidden)
    state = np.linalg.qr(rng.normal(size=(hidden, hidden)))[0] * 0.8
    x, y = lar.windows(1, 4000)
    h = np.zeros((len(x), hidden))
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ own.T + h @ state.T + bias)
    a = np.c_[h, np.ones(len(h))]
    readout = np.linalg.solve(a.T @ a + 0.3 * np.eye(hidden + 1), a.T @ y)
    return own, state, bias, readout[:-1], readout[-1]


def write(path, hidden):
    own, state, bias, readout, offset = network(hidden)
    weights = {"W": own[None], "R": state[None], "B": np.r_[bias, np.zeros(hidden)][None], "readout": readout, "offset": offset}
    nodes = [helper.make_node("Transpose", ["x"], ["steps"], "order", perm=[1, 0, 2]),
             helper.make_node("RNN", ["steps", "W", "R", "B"], ["", "state"], "rnn", hidden_size=hidden),
             helper.make_node("Squeeze", ["state", "axis"], ["last"], "squeeze"),
             helper.make_node("Gemm", ["last", "readout", "offset"], ["y"], "dense")]
    value = lambda name, *shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    constants = [numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()]
    constants.append(numpy_helper.from_array(np.array([0]), "axis"))
    graph = helper.make_graph(nodes, "rnn", [value("x", "batch", lar.AFTER + 1, 1)], [value("y", "batch", 1)], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def ranged(text):
    """2-14 or 1,2,8"""
    low, _, high = text.partition("-")
    return list(range(int(low), int(high) + 1)) if high else [int(v) for v in text.split(",")]


def design(a, hidden, channels):
    out = a.out / f"rnn_{hidden}_{channels}"
    command = [a.nngen, a.out / f"rnn_{hidden}.onnx", f"--data={a.out / 'x.npy'}", f"--labels={a.out / 'y.npy'}", f"--q={a.q}", *shlex.split(a.options),
               f"--channels={channels}", "-q", "-o", out]
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode:
        raise SystemExit(f"{shlex.join(map(str, command))}: exit {ran.returncode}\n{ran.stderr}")
    totals = json.loads((out / "report.json").read_text())["totals"]
    return {"hidden": hidden, "channels": channels, **{c: totals[c] for c in COLUMNS}, "cells_per_channel": (totals["luts"] + totals["ffs"]) / channels}


def tables(a, rows):
    names = list(rows[0])
    line = lambda r: "\t".join(f"{r[n]:g}" if n != "cells_per_channel" else f"{r[n]:.1f}" for n in names)
    blocks = ["\n".join(line(r) for r in rows if r["hidden"] == h) for h in a.hidden]
    (a.out / "sweep.tsv").write_text("# " + "\t".join(names) + "\n" + "\n\n\n".join(blocks) + "\n")  # gnuplot's data sets, one a size
    at = {(r["hidden"], r["channels"]): r for r in rows}
    lines = ["Cells (LUT + FF, estimated) a channel, and latency in cycles.", "", "| hidden \\ channels | " + " | ".join(map(str, a.channels)) + " |",
             "|---" * (len(a.channels) + 1) + "|"]
    for h in a.hidden:
        cells = (f"{at[h, c]['cells_per_channel']:,.0f}, {at[h, c]['latency_cycles']}" for c in a.channels)
        lines.append(f"| {h} | " + " | ".join(cells) + " |")
    (a.out / "sweep.md").write_text("\n".join(lines) + "\n")


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("-o", dest="out", type=Path, default=ROOT / "build" / "recurrent_sweep")
    parse.add_argument("--hidden", type=ranged, default=ranged("2-14"))
    parse.add_argument("--channels", type=ranged, default=ranged("1-15"))
    parse.add_argument("--nngen", type=Path, default=ROOT / "build" / "nngen")
    parse.add_argument("--options", default="--recurrent=iterative")
    parse.add_argument("--q", default="16,auto")
    parse.add_argument("-j", type=int, default=1)
    a = parse.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    x, y = lar.windows(2, 2000)
    np.save(a.out / "x.npy", x), np.save(a.out / "y.npy", y)
    for h in a.hidden:
        write(a.out / f"rnn_{h}.onnx", h)
    with ThreadPoolExecutor(a.j) as pool:
        rows = list(pool.map(lambda hc: design(a, *hc), [(h, c) for h in a.hidden for c in a.channels]))
    tables(a, rows)
    subprocess.run(["gnuplot", "-e", f"tsv='{a.out / 'sweep.tsv'}'; svg='{a.out / 'sweep.svg'}'; sizes='{' '.join(map(str, a.hidden))}'", HERE / "plot.gp"], check=True)
    print((a.out / "sweep.md").read_text() + f"\n{a.out}: sweep.tsv, sweep.md, sweep.svg")


main()
