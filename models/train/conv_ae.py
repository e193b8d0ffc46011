# SPDX-License-Identifier: Apache-2.0
"""conv_ae: denoising autoencoder for 16x16 towers of a calorimeter: Conv of stride 2 with BatchNorm three times (8, 16, 32), 128, latent 16, 128, back.

Inputs: one to four showers and noise, in steps of 1/1024 as of an ADC. Expected values: the showers alone. ConvTranspose 4x4, 3x3 with output padding, 2x2.
"""
import numpy as np

from common import SEED, deliver, export_torch, fit, torch_setup

torch = torch_setup()
nn = torch.nn

rng = np.random.default_rng(SEED)
n, held_out = 21000, 1000
row, column = np.mgrid[:16, :16].reshape(2, 1, -1)
clean = np.zeros((n, 256))
for showers in range(4):
    at, width, energy = rng.uniform(1, 14, (2, n, 1)), rng.uniform(0.7, 1.6, (n, 1)), rng.exponential(0.5, (n, 1)) + 0.25
    away = np.hypot(row - at[0], column - at[1])
    core, tail = np.exp(-(away / width) ** 2 / 2), np.exp(-away / (1.5 * width))
    clean += energy * (0.8 * core + 0.2 * tail) * (rng.random((n, 1)) < (1 if showers == 0 else 0.5))
clean = 1 - np.exp(-clean)  # compressed: 0 to 1
noisy = clean + rng.normal(0, 0.1, clean.shape)
noisy, clean = [(np.round(a * 1024) / 1024).astype(np.float32).reshape(n, 1, 16, 16) for a in (noisy, clean)]

norm = lambda c: (nn.BatchNorm2d(c), nn.ReLU())
net = nn.Sequential(nn.Conv2d(1, 8, 3, stride=2, padding=1), *norm(8), nn.Conv2d(8, 16, 3, stride=2, padding=1), *norm(16),
                    nn.Conv2d(16, 32, 3, stride=2, padding=1), *norm(32),
                    nn.Flatten(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 16), nn.Linear(16, 128), nn.ReLU(), nn.Unflatten(1, (32, 2, 2)),
                    nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1), *norm(16),
                    nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1, output_padding=1), *norm(8),
                    nn.ConvTranspose2d(8, 1, 2, stride=2), nn.Sigmoid())
fit(net, noisy[:-held_out], clean[:-held_out], nn.MSELoss(), epochs=40, batch=128)

export_torch(net, "stream/conv_ae", (1, 16, 16))
deliver("stream/conv_ae", noisy[-held_out:], clean[-held_out:], half=True)
print(f"noise before: RMSE {np.sqrt(np.mean((noisy[-held_out:] - clean[-held_out:]) ** 2)):.5f}")
