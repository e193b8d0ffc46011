# SPDX-License-Identifier: Apache-2.0
"""Neurons that are never active, constant ones and twins cost no adders behind them, and the report counts them. dead.py NNGEN DIR"""
import json
import pathlib
import subprocess
import sys
import numpy as np
from onnx import TensorProto as T, helper as h, numpy_helper

NNGEN, DIR = sys.argv[1], pathlib.Path(sys.argv[2])
INS, HIDDEN, OUTS, GONE = 6, 12, 4, [2, 5, 9]
failed = 0


def network(name, activation, change=None, cut=False, keras=False):
    r = np.random.default_rng(1)
    w = {"w1": r.normal(0, .5, (HIDDEN, INS)), "b1": r.normal(0, .5, HIDDEN), "w2": r.normal(0, .5, (OUTS, HIDDEN)), "b2": r.normal(0, .5, OUTS)}
    if change:
        change(w)
    if cut:
        keep = [i for i in range(HIDDEN) if i not in GONE]
        w["w1"], w["b1"], w["w2"] = w["w1"][keep], w["b1"][keep], w["w2"][:, keep]
    nodes = [h.make_node("Gemm", ["x", "w1", "b1"], ["a"], name="fc1", transB=1), h.make_node(activation, ["a"], ["b"], name="act"),
             h.make_node("Gemm", ["b", "w2", "b2"], ["y"], name="fc2", transB=1)]
    if keras:
        w["w1"], w["w2"] = w["w1"].T, w["w2"].T
        nodes = [h.make_node("MatMul", ["x", "w1"], ["p"], name="fc1"), h.make_node("Add", ["p", "b1"], ["a"], name="add1"), nodes[1],
                 h.make_node("MatMul", ["b", "w2"], ["q"], name="fc2"), h.make_node("Add", ["q", "b2"], ["y"], name="add2")]
    g = h.make_graph(nodes, name, [h.make_tensor_value_info("x", T.FLOAT, ["N", INS])], [h.make_tensor_value_info("y", T.FLOAT, ["N", OUTS])],
                     [numpy_helper.from_array(v.astype(np.float32), k) for k, v in w.items()])
    (DIR / f"{name}.onnx").write_bytes(h.make_model(g, opset_imports=[h.make_opsetid("", 17)], ir_version=8).SerializeToString())


def compiled(name, *options):
    r = subprocess.run([NNGEN, DIR / f"{name}.onnx", "--q=16,6", f"--config={DIR}/x.json", "--target=c", "--plots=none", "--force", "-o", DIR / "dead", *options],
                       capture_output=True, text=True)
    if r.returncode:
        sys.exit(r.stderr)
    report = json.loads((DIR / "dead/report.json").read_text())
    return {l["name"]: l for l in report["layers"]}, report, r.stdout


def verdict(name, good, why):
    global failed
    print(f"ok {name}" if good else f"not ok {name} - {why}")
    failed += not good


(DIR / "x.json").write_text('{"layers": {"x": {"q": "16,3"}}}')
np.save(DIR / "x.npy", np.random.default_rng(2).normal(0, 1, (100, INS)).astype(np.float32).clip(-3.9, 3.9))


def never(w):
    w["b1"][GONE] = -30  # inputs are within +-4


def constant(w):
    w["w1"][GONE] = 0


def twins(w):
    w["w1"][GONE], w["b1"][GONE] = w["w1"][GONE[0]], w["b1"][GONE[0]]


network("full", "Relu"), network("never", "Relu", never), network("cut", "Relu", never, cut=True)
full, never_, cut = compiled("full"), compiled("never"), compiled("cut")
verdict("dead.none", full[0]["act"]["dead"] == 0 and "constant whatever" not in full[2], full[0]["act"]["dead"])
verdict("dead.counted", never_[0]["act"]["dead"] == len(GONE) and "removed: 3 results" in never_[2], never_[2])
verdict("dead.proved", never_[0]["fc1"]["proved_min"] < -30 and never_[0]["act"]["proved_min"] == 0, never_[0]["fc1"]["proved_min"])
verdict("dead.behind", never_[0]["fc2"]["adders"] == cut[0]["fc2"]["adders"], f"{never_[0]['fc2']['adders']} adders, {cut[0]['fc2']['adders']} without the neurons")
# before them, adders are shared with neurons that stay: a little more than without
verdict("dead.before", never_[0]["fc1"]["adders"] <= full[0]["fc1"]["adders"] - 0.7 * (full[0]["fc1"]["adders"] - cut[0]["fc1"]["adders"]),
        f"{never_[0]['fc1']['adders']} adders, full {full[0]['fc1']['adders']}, cut {cut[0]['fc1']['adders']}")

network("constant", "Sigmoid", constant)
c, sigmoid = compiled("constant"), (network("sigmoid", "Sigmoid"), compiled("sigmoid"))[1]
verdict("dead.constant", c[0]["act"]["dead"] == len(GONE) and c[1]["totals"]["adders"] < 0.85 * sigmoid[1]["totals"]["adders"], (c[0]["act"]["dead"], c[1]["totals"]["adders"], sigmoid[1]["totals"]["adders"], [(l["name"], l["adders"], l["table_bits"]) for l in c[0].values()]))

network("twins", "Relu", twins), network("cut_twins", "Relu", twins, cut=True)
t = compiled("twins", "--merge=0.01", f"--data={DIR}/x.npy")
verdict("dead.twins.merged", t[0]["fc1"]["pruned"]["neurons"] == 2 and t[0]["fc2"]["pruned"]["weights"] == 2 * OUTS, t[0]["fc1"]["pruned"])
verdict("dead.twins.said", f"pruned: {2 * OUTS} of {INS * HIDDEN + HIDDEN + HIDDEN * OUTS + OUTS} weights, 2 neurons merged" in t[2], t[2])
verdict("dead.twins.same", t[1]["accuracy"]["max_abs_err"] < 0.01, t[1]["accuracy"])

# as Keras writes them: the bias is an addition of its own
network("keras_twins", "Relu", twins, keras=True)
k = compiled("keras_twins", "--merge=0.01", f"--data={DIR}/x.npy")
verdict("dead.twins.matmul_and_add", k[0]["fc1"]["pruned"]["neurons"] == 2 and k[1]["totals"]["adders"] <= t[1]["totals"]["adders"] + 2 and k[1]["accuracy"]["max_abs_err"] < 0.01,
        (k[0]["fc1"]["pruned"], k[1]["totals"]["adders"], t[1]["totals"]["adders"]))
p = compiled("full", "--prune=0.2")
w = sum(l["pruned"]["weights"] for l in p[0].values())
verdict("dead.pruned", w > 5 and w == sum(l["zeros"] for l in p[0].values()) and f"pruned: {w} of" in p[2], f"{w} weights")
sys.exit(failed > 0)
