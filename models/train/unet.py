# SPDX-License-Identifier: Apache-2.0
"""unet: a small U-Net with two skip connections, which pixels of 16x16 belong to tracks. 4, 8 and 16 channels; up by ConvTranspose, then by Upsample.

Inputs: one to three slightly bent tracks, their charge shared among pixels, under noise hits, small clusters and noise, in steps of 1/64.
Expected values: 1 where a track passes. unet_dynamo: the same weights by the other exporter.
"""
import numpy as np

from common import SEED, deliver, export_torch, fit, torch_setup

torch = torch_setup()
nn = torch.nn


def events(rng, n):
    """(images, masks), each (n, 1, 16, 16)."""
    x, mask = np.zeros((n, 16, 16)), np.zeros((n, 16, 16), bool)
    line = np.arange(16)
    for tracks in range(3):
        there = rng.random((n, 1)) < (1 if tracks == 0 else 0.5)
        start, end, bend = *rng.uniform(0, 15, (2, n, 1)), rng.normal(0, 1.5, (n, 1))
        at = start + (end - start) * line / 15 + bend * (1 - (line / 7.5 - 1) ** 2)
        away = np.abs(line[:, None] - at[:, None, :])  # event, pixel, along
        charge = np.clip(1.1 - away, 0, 1) * rng.gamma(6, 1 / 8, (n, 1, 16)) * (rng.random((n, 1, 16)) > 0.05) * there[:, :, None]
        hit = (away < 0.6) & there[:, :, None]
        flip = rng.random(n) < 0.5
        charge[flip], hit[flip] = charge[flip].transpose(0, 2, 1), hit[flip].transpose(0, 2, 1)
        x += charge
        mask |= hit
    for cluster in range(2):  # delta rays, nuclear recoils: charge on 2x2 pixels
        r, c, q = rng.integers(0, 15, n), rng.integers(0, 15, n), rng.gamma(6, 1 / 8, n) * (rng.random(n) < 0.5)
        for dr, dc in (0, 0), (0, 1), (1, 0), (1, 1):
            x[np.arange(n), r + dr, c + dc] += q * rng.uniform(0.5, 1, n)
    x += (rng.random(x.shape) < 0.04) * rng.gamma(6, 1 / 8, x.shape) + rng.normal(0, 0.08, x.shape)
    return (np.round(np.clip(x, 0, 3.5) * 64) / 64).astype(np.float32)[:, None], mask.astype(np.float32)[:, None]


def twice(before, after):
    return nn.Sequential(nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(),
                         nn.Conv2d(after, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU())


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.high, self.middle, self.low, self.pool = twice(1, 4), twice(4, 8), twice(8, 16), nn.MaxPool2d(2)
        self.up_middle, self.joined_middle = nn.ConvTranspose2d(16, 8, 2, stride=2), twice(16, 8)
        self.up_high, self.joined_high = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(8, 4, 3, padding=1)), twice(8, 4)
        self.last = nn.Conv2d(4, 1, 1)

    def forward(self, x):
        high = self.high(x)
        middle = self.middle(self.pool(high))
        up = self.joined_middle(torch.cat([middle, self.up_middle(self.low(self.pool(middle)))], 1))
        return self.last(self.joined_high(torch.cat([high, self.up_high(up)], 1)))


rng = np.random.default_rng(SEED)
x, y = events(rng, 12000)
net = UNet()
fit(net, x, y, nn.BCEWithLogitsLoss(), epochs=12, batch=64, lr=1e-2)
net = nn.Sequential(net, nn.Sigmoid()).eval()
x, y = events(rng, 1000)
for name, dynamo in ("unet", False), ("unet_dynamo", True):
    export_torch(net, f"stream/{name}", (1, 16, 16), dynamo, **({"external_data": False} if dynamo else {}))
    out, = deliver(f"stream/{name}", x, y, half=True)
both, either = (out > 0.5) & (y > 0.5), (out > 0.5) | (y > 0.5)
print(f"pixels right {np.mean((out > 0.5) == (y > 0.5)):.4f}, intersection over union {both.sum() / either.sum():.4f}; of the input above 0.4: "
      f"{np.mean((x > 0.4) == (y > 0.5)):.4f}, {((x > 0.4) & (y > 0.5)).sum() / ((x > 0.4) | (y > 0.5)).sum():.4f}")
