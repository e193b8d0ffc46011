# SPDX-License-Identifier: Apache-2.0
"""onnx_nodes.py NNGEN FOLDER: the onnx package's own test cases for the operators below through nngen's float model, one "ok" or "not ok" line each;
those for quantised operators through the whole line, bit for bit.

Every input but the first becomes an initializer, as exporters write weights, sizes and scales. Recurrent operators also run with all inputs
constant: what folds them is another evaluator than that of the unrolled network.
"""
import json, pathlib, subprocess, sys
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

nngen, work = sys.argv[1], pathlib.Path(sys.argv[2])
DATA = pathlib.Path(onnx.__file__).parent / "backend/test/data"
OPS = {"Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "Resize", "Upsample", "DepthToSpace", "SpaceToDepth", "Pad",
       "Transpose", "ReduceMean"}
# all integers, or floats that are exactly so many scales
QUANTISED = {"QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger", "DynamicQuantizeLinear"}
RECURRENT = {"RNN", "GRU", "LSTM"}
# the stored output contradicts the operator's text and onnxruntime: a length of 2.4 elements
WRONG = {"test_resize_downsample_scales_linear_align_corners"}
# stored with four digits
ROUNDED = {"test_averagepool_2d_ceil_last_window_starts_on_pad"}
# what nngen says of the cases it does not take
REFUSED = {"cubic": "cubic", "antialias": "antialias", "with_argmax": "positions of the maxima", "e4m3fn": "quantise to integers", "e5m2": "quantise to integers",
           "float4e2m1": "quantise to integers", "dynamicquantize": "quantise statically"}


def tensor(path):
    return numpy_helper.to_array(onnx.TensorProto.FromString(path.read_bytes()))


def folded(m, x):
    """The same network with its input constant, and zero added to the outputs at run time."""
    m.graph.initializer.append(numpy_helper.from_array(x, m.graph.input[0].name))
    m.graph.input.remove(m.graph.input[0])
    m.graph.input.append(helper.make_tensor_value_info("zero", TensorProto.FLOAT, [1]))
    for v in m.graph.output:
        for n in m.graph.node:
            n.output[:] = [o + ".made" if o == v.name else o for o in n.output]
        m.graph.node.append(helper.make_node("Add", [v.name + ".made", "zero"], [v.name]))
    return np.zeros(1, np.float32)


def run(folder, fold=False):
    m = onnx.load(folder / "model.onnx")
    for o in m.opset_import:  # these operators did not change between 6 and 7
        o.version = max(o.version, 7)
    given = {t.name for t in m.graph.initializer}
    for v in [v for v in m.graph.input if v.name in given]:
        m.graph.input.remove(v)
    x, *rest = [tensor(folder / f"test_data_set_0/input_{i}.pb") for i in range(len(m.graph.input))]
    for v, a in zip(list(m.graph.input)[1:], rest):
        m.graph.input.remove(v)
        m.graph.initializer.append(numpy_helper.from_array(a, v.name))
    want = np.concatenate([tensor(folder / f"test_data_set_0/output_{i}.pb").astype(np.float64).ravel() for i in range(len(m.graph.output))])
    if fold:
        x = folded(m, x)
    onnx.save(m, work / "net.onnx")
    np.savez(work / "x.npz", **{m.graph.input[0].name: x[None].astype(np.float32)})
    exact = {n.op_type for n in m.graph.node} <= QUANTISED
    emit = ["--target=c", "--q=40,20", "-q", "--force", "-o", work / "out"] if exact else ["--info"]
    (work / "y.npy").unlink(missing_ok=True)
    p = subprocess.run([nngen, work / "net.onnx", f"--data={work / 'x.npz'}", f"--float-out={work / 'y.npy'}", *emit], capture_output=True, text=True)
    for part, why in REFUSED.items():
        if part in folder.name:
            return None if p.returncode == 3 and why in p.stderr else f"exit {p.returncode}, expected 3 and '{why}': {p.stderr.strip()}"
    if p.returncode:
        return f"exit {p.returncode}: {p.stderr.strip()}"
    got = np.load(work / "y.npy").ravel()
    if got.shape != want.shape:
        return f"{got.size} values, expected {want.size}"
    if exact:
        r = json.loads((work / "out/report.json").read_text())["accuracy"]  # the integers of the hardware IR, which all back ends equal
        if r["max_abs_err"] != 0 or r["argmax_agreement"] not in (None, 1):
            return f"integers differ from the float model: {r}"
        if not np.array_equal(got.astype(np.float32).astype(np.float64), want):
            i = int(np.argmax(np.abs(got - want)))
            return f"value {i}: {got[i]}, expected exactly {want[i]}"
        return None
    if not np.allclose(got, want, rtol=0, atol=(1e-3 if folder.name in ROUNDED else 1e-5) * max(.1, np.abs(want).max())):
        i = int(np.argmax(np.abs(got - want)))
        return f"value {i}: {got[i]}, expected {want[i]}"
    return None


def verdict(name, said):
    print(f"not ok {name} - {said[:200]}" if said else f"ok {name}", flush=True)


count = 0
for kind in ("node", "pytorch-operator", "pytorch-converted"):
    for folder in sorted((DATA / kind).iterdir()):
        ops = {n.op_type for n in onnx.load(folder / "model.onnx", load_external_data=False).graph.node}
        if not ops & (OPS | QUANTISED | RECURRENT) or len(ops) > 3 or folder.name in WRONG:
            continue
        name, count = f"onnx.{kind}.{folder.name[5:]}", count + 1
        verdict(name, run(folder))
        if ops & RECURRENT:
            verdict(name + ".folded", run(folder, True))
print("ok onnx.enough_cases" if count >= 160 else f"not ok onnx.enough_cases - {count} found")
