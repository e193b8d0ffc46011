# SPDX-License-Identifier: Apache-2.0
"""cnn1d: two 1-D convolutions with pooling, then 32-16-3. Gamma, neutron or two gammas on top of one another, from 64 samples of a pulse.

The trigger is poor (the start moves over a third of the record) and the noise is that of small pulses: what a dense network of this size
learns badly.
"""
import numpy as np

from common import SEED, deliver, export_torch, fit, pulses, torch_setup

torch = torch_setup()
nn = torch.nn

rng = np.random.default_rng(SEED)
n, held_out = 24000, 2000
y = rng.integers(0, 3, n)
slow = np.clip(rng.normal(np.where(y == 1, 0.45, 0.25), 0.04), 0.05, 0.8)


def pulse(slow, earliest, latest):
    start = rng.uniform(earliest, latest, (n, 1))
    return pulses(rng, n, 64, step=4.0, tau_fast=7.0, tau_slow=70.0, slow_fraction=slow, rise=3.0, jitter=0.0, start=start)


first, second = pulse(slow, 4, 26), pulse(np.clip(rng.normal(0.25, 0.04, n), 0.05, 0.8), 30, 56)
x = first + np.where(y == 2, rng.uniform(0.15, 0.9, n), 0)[:, None] * second
x = (x / x.max(axis=1, keepdims=True) + rng.normal(0, 0.025, x.shape)).astype(np.float32)[:, None, :]

net = nn.Sequential(nn.Conv1d(1, 4, 7, stride=3), nn.BatchNorm1d(4), nn.ReLU(), nn.MaxPool1d(2),
                    nn.Conv1d(4, 8, 3), nn.BatchNorm1d(8), nn.ReLU(), nn.MaxPool1d(2),
                    nn.Flatten(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 3))
fit(net, x[:-held_out], y[:-held_out], nn.CrossEntropyLoss(label_smoothing=0.05), epochs=50, weight_decay=1e-2)

export_torch(net, "cnn1d", (1, 64))
deliver("cnn1d", x[-held_out:], y[-held_out:])
