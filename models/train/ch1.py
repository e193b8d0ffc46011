# SPDX-License-Identifier: Apache-2.0
"""ch1: 2-8-1, ReLU and sigmoid. Two interleaved half moons: the smallest cut that no straight line makes."""
import numpy as np
from sklearn.datasets import make_moons

from common import SEED, deliver, export_torch, fit, torch_setup

torch = torch_setup()
nn = torch.nn

x, y = make_moons(8000, noise=0.2, random_state=SEED)
x = ((x - [0.5, 0.25]) * 2).astype(np.float32)  # centred, about ±4: uses the range of a 16,6 format, and fits one of 16,4
body = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
fit(body, x[:5000], y[:5000, None].astype(np.float32), nn.BCEWithLogitsLoss(), epochs=60, lr=1e-2)

export_torch(nn.Sequential(*body, nn.Sigmoid()).eval(), "ch1", 2)
deliver("ch1", x[5000:], y[5000:])
