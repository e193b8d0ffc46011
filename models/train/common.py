# SPDX-License-Identifier: Apache-2.0
"""What the training scripts share: seeds, simulated data, a training loop, export, and the files written beside a model."""
import os
import re
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # oneDNN may reorder sums: results would differ between CPUs

import numpy as np
import onnx
import onnxruntime

MODELS = Path(__file__).resolve().parent.parent
SEED = 20240


# --- simulated data ------------------------------------------------------------------------------------------------

def pulses(rng, n, samples, step, tau_fast, tau_slow, slow_fraction, rise=1.0, jitter=1.0, start=4.0):
    """n clean detector pulses of peak 1: a rise, then two exponentials; slow_fraction is the charge in the slow one."""
    t = np.arange(samples) * step - (start * step + rng.uniform(-jitter, jitter, (n, 1)))
    f = np.broadcast_to(np.asarray(slow_fraction, float).reshape(-1, 1), (n, 1))
    later = np.maximum(t, 0)
    decay = (1 - f) / tau_fast * np.exp(-later / tau_fast) + f / tau_slow * np.exp(-later / tau_slow)
    shape = np.where(t > 0, decay * (1 - np.exp(-later / rise)), 0.0)
    return shape / shape.max(axis=1, keepdims=True)


def jets(rng, n):
    """n jets of 5 classes (g, q, W, Z, t) and 16 high-level features.

    Not a physics simulation: the classes overlap as real ones do (g with q, W with Z, everything in the tails), because
    each is drawn from a few latent quantities (mass, prongs, radiation) that all features see through noise.
    """
    y = rng.integers(0, 5, n)
    heavy = y >= 2
    radiation = rng.gamma(np.array([5.2, 2.6, 3.0, 3.2, 4.6])[y], 1.0)       # gluons radiate about C_A / C_F times more
    log_pt = rng.normal(6.9, 0.08, n)
    qcd_mass = np.log(15 + 14 * radiation * rng.lognormal(0, 0.35, n))      # QCD jets have no mass scale of their own
    peak = np.log(np.array([1.0, 1.0, 80.4, 91.2, 172.8])[y])
    contained = heavy & (rng.random(n) < np.array([0, 0, 0.93, 0.93, 0.85])[y])  # else decay products leave the cone
    log_mass = np.where(contained, peak + rng.normal(0, 0.06, n), qcd_mass)
    prongs = np.where(contained, np.array([1, 1, 2, 2, 3])[y], 1)
    tau21 = np.clip(np.where(prongs >= 2, 0.28, 0.60) + rng.normal(0, 0.13, n), 0.02, 0.98)
    tau32 = np.clip(np.where(prongs >= 3, 0.42, 0.72) + rng.normal(0, 0.12, n), 0.02, 0.98)
    multiplicity = rng.poisson(14 + 7 * radiation + 6 * prongs)

    def seen(value, noise):
        return value + rng.normal(0, noise, n)

    x = np.stack([
        multiplicity, log_pt, log_mass + rng.normal(0, 0.03, n), log_mass + 0.02 * radiation + rng.normal(0, 0.05, n),
        tau21, tau32, tau21 * tau32,
        seen(np.log(radiation), 0.25), seen(-0.3 * radiation - 0.4 * prongs, 0.5),            # sum z log z
        seen(log_mass - log_pt, 0.03), seen(2 * (log_mass - log_pt), 0.12),                   # C1-like
        seen(0.05 * radiation + 0.2 * tau21, 0.06), seen(np.sqrt(tau21) * (1 + 0.05 * radiation), 0.12),  # C2-, D2-like
        seen(tau32 * (1 + 0.03 * radiation), 0.10), seen(np.log(tau21) - log_mass / 4, 0.2),  # N3-, M2-like
        seen(multiplicity / np.exp(log_mass / 2), 0.4)], axis=1)
    return x, y


def scintillation(rng, n):
    """n pulses of a liquid organic scintillator at 250 MS/s, and what they are (1: neutron).

    Neutrons put more light into the slow component. Pulses are scaled to peak 1, so small ones are noisier: the noise is that of a 12-bit
    digitiser over a spread of energies.
    """
    y = rng.integers(0, 2, n)
    slow = np.clip(rng.normal(np.where(y == 1, 0.42, 0.28), 0.03), 0.05, 0.8)
    x = pulses(rng, n, 75, step=4.0, tau_fast=6.0, tau_slow=80.0, slow_fraction=slow, rise=3.0, jitter=2.0)
    energy = rng.gamma(2.0, 0.5, (n, 1)) + 0.08
    return (x + rng.normal(0, 0.008, x.shape) / energy).astype(np.float32), y


def cancer():
    """Breast cancer data, split in two halves; each feature in the unit (a power of ten) that makes its largest value 1 to 10.

    The raw features span 0.0009 to 4254: no one fixed-point format holds both ends.
    """
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split
    x, y = load_breast_cancer(return_X_y=True)
    x = (x / 10.0 ** np.floor(np.log10(x.max(0)))).astype(np.float32)
    return train_test_split(x, y, test_size=285, random_state=SEED, stratify=y)


def digits():
    """Handwritten digits as images (n, 1, 8, 8) in 0..1: 797 to train on, 1,000 held out."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    return train_test_split(x, y, test_size=1000, random_state=SEED, stratify=y)


def shifted(x, y):
    """Images and the same moved by one pixel each way; what enters is 0."""
    moved = [x]
    for axis in 2, 3:
        for step in 1, -1:
            m = np.roll(x, step, axis)
            np.moveaxis(m, axis, 0)[0 if step > 0 else -1] = 0
            moved.append(m)
    return np.concatenate(moved), np.tile(y, len(moved))


def digits28():
    """The same at 28x28: interpolated, sheared, turned, scaled, moved, with noise; pixels are k/64. 32 drawn from each to train on, one from each held out."""
    from scipy.ndimage import map_coordinates
    rng = np.random.default_rng(SEED)
    train, test, y_train, y_test = digits()

    def drawn(x):
        n = len(x)
        turn, shear, move = rng.uniform(-0.25, 0.25, n), rng.uniform(-0.2, 0.2, n), rng.uniform(-2, 2, (2, n))
        high, wide = rng.uniform(2.2, 2.8, n), rng.uniform(2.2, 2.8, n)  # pixels for one of the 8x8
        row, column = np.mgrid[:28, :28].reshape(2, 1, -1) - 13.5 - move[:, :, None]
        c, s = np.cos(turn)[:, None], np.sin(turn)[:, None]
        r, q = (c * row + s * column) / high[:, None], (c * column - s * row) / wide[:, None]
        at = np.broadcast_to(np.arange(n)[:, None], r.shape), r + 3.5, q + shear[:, None] * r + 3.5
        ink = np.clip(map_coordinates(x[:, 0], at, order=3, mode="constant", prefilter=True), 0, 1)
        noisy = np.clip(ink * rng.uniform(0.7, 1, (n, 1)) + rng.normal(0, 0.06, ink.shape), 0, 1)
        return (np.round(noisy * 64) / 64).astype(np.float32).reshape(-1, 1, 28, 28)

    return drawn(np.repeat(train, 32, 0)), drawn(test), np.repeat(y_train, 32), y_test


def standardise(train, *others):
    """Zero mean and unit spread as measured on the training set; ±8 keeps a stray outlier inside any sensible format."""
    mean, std = train.mean(0), train.std(0)
    return [np.clip((a - mean) / std, -8, 8).astype(np.float32) for a in (train, *others)]


# --- training ------------------------------------------------------------------------------------------------------

def torch_setup():
    """One thread and deterministic kernels: the same script gives the same file."""
    import torch
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    return torch


def fit(net, x, y, loss, epochs, batch=256, lr=3e-3, weight_decay=0.0):
    """Adam with one cosine descent of the learning rate; leaves the network in eval mode."""
    import torch
    x, y = torch.as_tensor(x), torch.as_tensor(y)
    optimiser = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    net.train()
    for _ in range(epochs):
        for pick in torch.randperm(len(x)).split(batch):
            optimiser.zero_grad()
            loss(net(x[pick]), y[pick]).backward()
            optimiser.step()
        schedule.step()
    return net.eval()


# --- export --------------------------------------------------------------------------------------------------------

def export_torch(net, name, shape, dynamo=False, outputs=("y",), **options):
    """Both PyTorch exporters at their default opset, with a dynamic batch axis. shape: of one sample, or its length, or {input: shape}."""
    import torch
    shapes = shape if isinstance(shape, dict) else {"x": shape if isinstance(shape, tuple) else (shape,)}
    path, sample = MODELS / f"{name}.onnx", tuple(torch.zeros(2, *s) for s in shapes.values())
    names = dict(input_names=list(shapes), output_names=list(outputs))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the TorchScript exporter announces its retirement on every call
        if dynamo:
            torch.onnx.export(net, sample, path, dynamo=True, dynamic_shapes=tuple({0: "batch"} for _ in shapes), verbose=False, **names, **options)
            shorten_paths(path)
        else:
            torch.onnx.export(net, sample, path, dynamo=False, dynamic_axes={n: {0: "batch"} for n in [*shapes, *outputs]}, **names, **options)


def shorten_paths(path):
    """The dynamo exporter records stack traces: keep them, but not where this computer keeps its Python."""
    model = onnx.load(path, load_external_data=False)

    def visit(message):
        for field, value in message.ListFields():
            if field.message_type is None:
                continue
            for m in (value if isinstance(value, (list, tuple)) or hasattr(value, "add") else [value]):
                if field.name == "metadata_props":
                    m.value = re.sub(r'File \\?"[^"]*/(?:site-packages|train)/', lambda f: f[0][:f[0].index('"') + 1], m.value)
                else:
                    visit(m)

    visit(model)
    path.write_bytes(model.SerializeToString(deterministic=True))


# --- what is delivered ---------------------------------------------------------------------------------------------

def run(name, x):
    """All outputs of the exported file, by onnxruntime on one thread. x: the input, or {name: input}."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(MODELS / f"{name}.onnx"), options, providers=["CPUExecutionProvider"])
    return session.run(None, x if isinstance(x, dict) else {session.get_inputs()[0].name: x})


def to_half(a):
    assert np.array_equal(a.astype(np.float16), a)
    return a.astype(np.float16)


def deliver(name, x, y, half=False):
    """Write data/NAME_{x,y,float}.npy and print the float score: accuracy for classes, RMSE for values. Several inputs, {name: input}, make an .npz.

    half: inputs and true values, which must be float16 numbers, are stored as such.
    """
    several = isinstance(x, dict)
    x = {k: np.ascontiguousarray(v, np.float32) for k, v in (x if several else {"x": x}).items()}
    outputs = run(name, x if several else x["x"])
    data = MODELS / "data" / Path(name).name
    save = lambda part, a: np.save(f"{data}_{part}.npy", to_half(a) if half and part != "float" and a.dtype == np.float32 else a)
    np.savez(f"{data}_x.npz", **x) if several else save("x", x["x"])
    save("y", y), save("float", outputs[0])
    if np.issubdtype(y.dtype, np.integer):
        out = outputs[0]
        guess = out if out.ndim == 1 else out.argmax(1) if out.shape[1] > 1 else (out[:, 0] > 0.5)
        result = f"accuracy {np.mean(guess == y):.4f}"
    else:
        result = f"RMSE {np.sqrt(np.mean((outputs[0].reshape(y.shape) - y) ** 2)):.5f}"
    graph = onnx.load(MODELS / f"{name}.onnx", load_external_data=False).graph
    ops = [n.op_type for n in graph.node]
    low, high = min(v.min() for v in x.values()), max(v.max() for v in x.values())
    print(f"{name}: {result} on {len(y)} samples; inputs [{low:.2f}, {high:.2f}]; {' '.join(ops)}")
    return outputs
