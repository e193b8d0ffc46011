# SPDX-License-Identifier: Apache-2.0
"""Energy resolution of a calorimeter network (lar.py): optimal filter, float network and given predictions, such as a fixed-point model's, in MeV.

    lar_resolution.py fresh NAME DIR [--pulses=20000] [--seed=1]      new data as DIR/NAME_x.npy, _y.npy, _float.npy (needs onnxruntime)
    lar_resolution.py NAME [OUT.npy ...] [--data=DIR] [--within=PERCENT]   OUT.npy as nngen's `ref` writes it; default data: models/data

The filter sees the samples that the network sees, 20 of a stream. --within: exit 1 when the RMS of a prediction, over pulses or over everything,
is that much worse than float. Only NumPy is needed for the second form.
The data of lar_rnn_stateful is a stream: fresh _x.npy has samples only, and OUT.npy one line per step.
"""
import argparse
import sys
from pathlib import Path

import numpy as np

import lar

MODELS = Path(__file__).resolve().parent.parent
LENGTHS = {"lar_cnn_rnn": 12}  # samples a window; else 5


def float_stream(model, x):
    """The stateful cell along a stream, its state handed on in NumPy."""
    import onnx
    from onnx import numpy_helper
    w = {i.name: numpy_helper.to_array(i) for i in onnx.load(model).graph.initializer}
    own, state, bias = w["cell.weight_ih"], w["cell.weight_hh"], w["cell.bias_ih"] + w["cell.bias_hh"]
    h, hidden = np.zeros(len(state), np.float32), np.empty((len(x), len(state)), np.float32)
    for i, a in enumerate(x @ own.T + bias):
        h = hidden[i] = np.tanh(a + state @ h)
    return hidden @ w["dense.weight"].T + w["dense.bias"]


def fresh(name, folder, pulses, seed):
    model, seed = MODELS / "recurrent" / f"{name}.onnx", seed + 10 ** 6  # far from those of the scripts
    if "stateful" in name:
        share = np.mean(lar.energies(np.random.default_rng(0), 500000) > lar.THRESHOLD)
        x, y = lar.steps(seed, int(pulses / share * 1.05) + 1000)
        out = float_stream(model, x)
    else:
        import onnxruntime
        x, y = lar.windows(seed, 2 * pulses, LENGTHS.get(name.removesuffix("_dynamo"), 5))
        session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
        out = session.run(None, {session.get_inputs()[0].name: x})[0]
    folder.mkdir(parents=True, exist_ok=True)
    for part, a in ("x", x), ("y", y), ("float", out):
        np.save(folder / f"{name}_{part}.npy", a)


def report(name, predictions, folder, within):
    part = lambda p: np.load(folder / f"{name}_{p}.npy")
    y, stream = part("y"), "stateful" in name
    first = lar.LENGTH if stream else 0  # a stream starts in the middle of things
    x = np.load(folder / f"{name}_x.npz")["x"] if (folder / f"{name}_x.npz").exists() else part("x")
    rows = {"optimal filter": lar.optimal_filter_stream(x) if stream else lar.optimal_filter(x), f"{name}, float": part("float")}
    rows |= {p: np.load(p) for p in predictions}
    rows = {who: lar.resolution(out.reshape(len(y), -1)[first:, 0], y[first:]) for who, out in rows.items()}
    print(lar.table(rows))
    want = rows[f"{name}, float"]
    return [f"{p}: {k} {rows[p][k]:.5f} GeV, float {want[k]:.5f}" for p in predictions for k in ("rms", "all") if rows[p][k] > want[k] * (1 + within / 100)]


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("words", nargs="+", metavar="NAME | fresh NAME DIR")
    parse.add_argument("--pulses", type=int, default=20000)
    parse.add_argument("--seed", type=int, default=1)
    parse.add_argument("--data", type=Path, default=MODELS / "data")
    parse.add_argument("--within", type=float, default=float("inf"))
    a = parse.parse_intermixed_args()
    if a.words[0] == "fresh":
        if len(a.words) != 3:
            parse.error("fresh NAME DIR")
        fresh(a.words[1], Path(a.words[2]), a.pulses, a.seed)
    else:
        worse = report(a.words[0], a.words[1:], a.data, a.within)
        sys.exit("\n".join(worse) if worse else 0)


main()
