# SPDX-License-Identifier: Apache-2.0
"""What make.py and conv.py share: one call exports one network by PyTorch (T) or Keras (K), runs it in onnxruntime and keeps some samples."""
import os, re, warnings, traceback
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
warnings.simplefilter("ignore")
from pathlib import Path
import numpy as np, onnx, onnxruntime as ort
import torch
from torch import nn
import torch.nn.functional as F

OUT = Path(__file__).resolve().parent
N, KEEP = 500, 100  # samples run, samples kept (all of a set of at most 200)
index, failed = [], []

def write_index():
    """New lines take the place of old ones of the same name."""
    path = OUT / "index.txt"
    old, _, told = path.read_text().partition("\n\n") if path.exists() else ("", "", "")
    line = {i.split()[0]: i for i in old.splitlines()} | {i.split()[0]: i for i in index}
    told = "failed to export or run:\n" + "\n".join(failed) + "\n" if failed else told
    path.write_text("\n".join(line.values()) + "\n" + ("\n" + told if told else ""))

def shorten_paths(path):
    """Stack traces stay, without the folder names of the machine that wrote them."""
    def visit(message):
        for field, value in message.ListFields():
            if field.message_type is None: continue
            for m in (value if isinstance(value, (list, tuple)) or hasattr(value, "add") else [value]):
                if field.name == "metadata_props": m.value = re.sub(r'File "[^"]*/(?:site-packages/|exported/)', 'File "', m.value)
                else: visit(m)
    model = onnx.load(path, load_external_data=False)
    visit(model); path.write_bytes(model.SerializeToString(deterministic=True))

def finish(name, x, exporter):
    """x: array, or dict by input name. Runs onnxruntime, writes NAME_x and NAME_float."""
    path = OUT / f"{name}.onnx"
    s = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    types = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16, "tensor(int64)": np.int64}
    feed = x if isinstance(x, dict) else {s.get_inputs()[0].name: x}
    feed = {i.name: feed[i.name].astype(types[i.type]) for i in s.get_inputs()}
    first = s.get_inputs()[0]
    fixed = isinstance(first.shape[0], int)
    if fixed:  # the file has a fixed batch of 1: one sample a call
        assert first.shape[0] == 1
        runs = [s.run(None, {k: v[i:i + 1] for k, v in feed.items()}) for i in range(N)]
        outs = [np.concatenate([np.atleast_1d(r[k]) for r in runs]) for k in range(len(runs[0]))]
    else:
        outs = s.run(None, feed)
    assert all(np.isfinite(np.asarray(o, float)).all() for o in outs), "not finite"
    plain = lambda a: a.astype(np.float32) if a.dtype == np.float16 else a  # readers of float16 .npy are rare; same values
    n = len(next(iter(feed.values()))); keep = n if n <= 200 else KEEP
    kept = [plain(o)[:keep * len(o) // n] for o in outs]
    if len(feed) > 1: np.savez_compressed(OUT / f"{name}_x.npz", **{k: plain(v)[:keep] for k, v in feed.items()})
    else: np.save(OUT / f"{name}_x.npy", plain(next(iter(feed.values())))[:keep])
    if len(outs) > 1: np.savez_compressed(OUT / f"{name}_float.npz", **{o.name: v for o, v in zip(s.get_outputs(), kept)})
    else: np.save(OUT / f"{name}_float.npy", kept[0])
    m = onnx.load(path); onnx.checker.check_model(m)
    ops = [(n.domain + "." if n.domain else "") + n.op_type for n in m.graph.node]
    opset = ",".join(sorted({f"{o.domain or 'onnx'} {o.version}" for o in m.opset_import}))
    used = any(i.data_location == onnx.TensorProto.EXTERNAL for i in onnx.load(path, load_external_data=False).graph.initializer)
    ext = " external-data" if used else ""
    index.append(f"{name:22s} {exporter:10s} {opset:26s} batch={'1' if fixed else 'dyn'} out={[list(o.shape) for o in outs]}{ext}  {' '.join(ops)}")

def guard(f):
    def g(name, *a, **k):
        try: f(name, *a, **k)
        except Exception as e:
            failed.append(f"{name}: {type(e).__name__}: {str(e)[:300]}"); traceback.print_exc()
    return g

def calm(net):  # biases and statistics away from their defaults, so that forgetting one shows
    with torch.no_grad():
        for m in net.modules():
            if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)):
                m.running_mean.normal_(0, .5); m.running_var.uniform_(.3, 2)
                if m.affine: m.weight.uniform_(.5, 1.5); m.bias.normal_(0, .3)
            if isinstance(m, nn.PReLU): m.weight.uniform_(-.1, .4)
    return net

@guard
def T(name, net, shape=(8,), op=17, dyn=True, dynamo=False, inputs=None, outputs=("y",), dtype=torch.float32, scale=1.0, **kw):
    rng = np.random.default_rng(len(name) * 1000 + sum(map(ord, name)))
    inputs = inputs or {"x": shape}
    net = calm(net).to(dtype)
    net = net.train() if kw.get("training") else net.eval()
    xs = {k: (scale * rng.standard_normal((N, *s))).astype(np.float32) for k, s in inputs.items()}
    b = 2 if dyn else 1
    args = tuple(torch.tensor(v[:b]).to(dtype) for v in xs.values())
    kw.update(input_names=list(inputs), output_names=list(outputs), opset_version=op)
    if dynamo:
        if dyn:
            batch = torch.export.Dim("batch")
            kw["dynamic_shapes"] = tuple({0: batch} for _ in inputs)
        torch.onnx.export(net, args, str(OUT / f"{name}.onnx"), dynamo=True, verbose=False, **kw)
        shorten_paths(OUT / f"{name}.onnx")
    else:
        if dyn: kw["dynamic_axes"] = {k: {0: "batch"} for k in (*inputs, *outputs)}
        torch.onnx.export(net, args, str(OUT / f"{name}.onnx"), dynamo=False, **kw)
    finish(name, xs, "dynamo" if dynamo else "torchscript")

class Fn(nn.Module):
    def __init__(self, f, **layers):
        super().__init__(); self.f = f
        for k, v in layers.items(): self.register_buffer(k, v) if isinstance(v, torch.Tensor) else setattr(self, k, v)
    def forward(self, x): return self.f(self, x)

@guard
def K(name, net, opset=None, scale=1.0):
    rng = np.random.default_rng(sum(map(ord, name)))
    for w in net.weights:  # biases, moving averages away from 0 and 1
        a = np.array(w)
        if a.ndim == 1 and "seed" not in w.path: w.assign(np.abs(a + rng.normal(0, .2, a.shape)) + (.1 if "var" in w.path else 0) if "var" in w.path else a + rng.normal(0, .2, a.shape))
    xs = {i.name: (scale * rng.standard_normal((N, *i.shape[1:]))).astype(np.float32) for i in net.inputs}
    net(list(v[:2] for v in xs.values()) if len(xs) > 1 else next(iter(xs.values()))[:2])
    net.export(str(OUT / f"{name}.onnx"), format="onnx", verbose=False, **({"opset_version": opset} if opset else {}))
    finish(name, xs if len(xs) > 1 else next(iter(xs.values())), "keras")
