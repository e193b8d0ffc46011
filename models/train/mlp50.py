# SPDX-License-Identifier: Apache-2.0
"""mlp50: 2-50-25-1, ReLU. Regression of the Klein-Nishina cross-section of Compton scattering.

Inputs: photon energy, 10 keV to 10 MeV on a logarithmic scale, and scattering angle, 0 to pi; both mapped to [-1, 1].
Output: d(sigma)/d(Omega) in units of the squared classical electron radius, between 0 and 1.
"""
import numpy as np

from common import SEED, deliver, export_torch, fit, torch_setup

torch = torch_setup()
nn = torch.nn


def klein_nishina(u):
    energy = 10 ** (2.5 + 1.5 * u[:, 0]) / 511.0  # in electron masses
    cosine = np.cos(np.pi * (u[:, 1] + 1) / 2)
    ratio = 1 / (1 + energy * (1 - cosine))
    return 0.5 * ratio**2 * (ratio + 1 / ratio + cosine**2 - 1)


x = np.random.default_rng(SEED).uniform(-1, 1, (23000, 2)).astype(np.float32)
y = klein_nishina(x.astype(np.float64)).astype(np.float32)[:, None]
net = nn.Sequential(nn.Linear(2, 50), nn.ReLU(), nn.Linear(50, 25), nn.ReLU(), nn.Linear(25, 1))
fit(net, x[:20000], y[:20000], nn.MSELoss(), epochs=200)

export_torch(net, "mlp50", 2)
deliver("mlp50", x[20000:], y[20000:])
