# SPDX-License-Identifier: Apache-2.0
"""folds.py [OTHER [FOLDER]]: four trainings each of digits and lenet for tests/bench/bench_search.py, which needs more held-back samples than one split
leaves. OTHER: added to the seed, for another order of the images and other weights; FOLDER: instead of the bench's.

The images, in a random order, are cut into quarters. Training i never sees quarter i, which is held back, nor the first fifth of the others (in the
order i + 1, i + 2, i + 3), on which the search measures: so each image is held back once. Written beside the bench: folds/NAMEi.onnx, and the images in
that order in folds/digits.npz.
"""
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

import common

common.SEED += int(sys.argv[1]) if len(sys.argv) > 1 else 0
from common import MODELS, SEED, export_torch, fit, shifted, torch_setup

torch = torch_setup()
nn = torch.nn


def digits():
    return nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(),
                         nn.Linear(32, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10))


def lenet():
    return nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Conv2d(6, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


pixels, y = load_digits(return_X_y=True)
order = np.random.default_rng(SEED).permutation(len(y))
pixels, y = pixels[order], y[order]
folder = Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else MODELS.parent / "tests/bench/folds"
folder.mkdir(parents=True, exist_ok=True)
np.savez_compressed(folder / "digits.npz", pixels=pixels.astype(np.uint8), y=y.astype(np.uint8))
x = (pixels / 16).astype(np.float32)
quarter = np.array_split(np.arange(len(y)), 4)
for i in range(4):
    others = np.concatenate([quarter[(i + j) % 4] for j in (1, 2, 3)])
    seen = others[len(others) // 5:]
    for make, shape, epochs in (digits, (64,), 60), (lenet, (1, 8, 8), 40):
        torch.manual_seed(SEED + i)
        net, images, labels = make(), x[seen].reshape(-1, *shape), y[seen]
        if make is lenet:
            images, labels = shifted(images, labels)
        fit(net, images, labels, nn.CrossEntropyLoss(label_smoothing=0.05), epochs=epochs, batch=50, weight_decay=1e-2)
        export_torch(net, folder / f"{make.__name__}{i}", shape)
        with torch.no_grad():
            guess = net(torch.as_tensor(x[quarter[i]].reshape(-1, *shape))).argmax(1).numpy()
        print(f"{make.__name__}{i}: accuracy {np.mean(guess == y[quarter[i]]):.4f} on {len(guess)} held back")
