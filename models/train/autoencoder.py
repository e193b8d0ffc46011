# SPDX-License-Identifier: Apache-2.0
"""autoencoder: 32-16-8-16-32, ReLU with a tanh bottleneck. Removes noise from detector pulses.

Inputs: noisy pulses, amplitude 0.2 to 1, varying start and decay time. Expected values: the same pulses before the noise.
"""
import numpy as np

from common import SEED, deliver, export_torch, fit, pulses, torch_setup

torch = torch_setup()
nn = torch.nn

rng = np.random.default_rng(SEED)
n = 32500
clean = pulses(rng, n, 32, step=1.0, tau_fast=rng.uniform(2, 6, (n, 1)), tau_slow=20.0, slow_fraction=rng.uniform(0, 0.5, n),
               rise=1.0, jitter=3.0, start=6.0) * rng.uniform(0.2, 1, (n, 1))
noisy = (clean + rng.normal(0, 0.08, clean.shape)).astype(np.float32)
clean = clean.astype(np.float32)

net = nn.Sequential(nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 8), nn.Tanh(),
                    nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 32))
fit(net, noisy[:30000], clean[:30000], nn.MSELoss(), epochs=60)

export_torch(net, "autoencoder", 32)
deliver("autoencoder", noisy[30000:], clean[30000:])
print(f"noise before: RMSE {np.sqrt(np.mean((noisy[30000:] - clean[30000:]) ** 2)):.5f}")
