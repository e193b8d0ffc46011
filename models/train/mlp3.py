# SPDX-License-Identifier: Apache-2.0
"""mlp3: 2-200-100-50-1, ReLU (25,801 parameters). Where along a scintillator bar a particle hit, from the light at its two ends.

Attenuation with a reflected part, silicon photomultipliers of 1,500 pixels that saturate, photon statistics, noise. Inputs: thousands of fired pixels.
Output: position, -1 to 1. The shape is one that other tools publish figures for.
"""
import numpy as np

from common import SEED, deliver, export_torch, fit, torch_setup

torch = torch_setup()
nn = torch.nn

rng = np.random.default_rng(SEED)
n, held_out, pixels = 33000, 3000, 1500
y = rng.uniform(-1, 1, (n, 1))
photons = 500 * np.exp(rng.uniform(0, np.log(12), (n, 1)))
seen = []
for away in 1 + y, 1 - y:
    light = rng.poisson(photons * (0.85 * np.exp(-away / 0.9) + 0.15 * np.exp(-(4 - away) / 2.5)))
    seen.append(pixels * (1 - np.exp(-light / pixels)) + rng.normal(0, 4, (n, 1)))
x, y = (np.hstack(seen) / 1000).astype(np.float32), y.astype(np.float32)

net = nn.Sequential(nn.Linear(2, 200), nn.ReLU(), nn.Linear(200, 100), nn.ReLU(), nn.Linear(100, 50), nn.ReLU(), nn.Linear(50, 1))
fit(net, x[:-held_out], y[:-held_out], nn.MSELoss(), epochs=40, weight_decay=1e-2)

export_torch(net, "stream/mlp3", 2)
deliver("stream/mlp3", x[-held_out:], y[-held_out:])
