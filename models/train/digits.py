# SPDX-License-Identifier: Apache-2.0
"""digits: 64-32-32-10 with BatchNorm and ReLU. Handwritten digits, 8x8 pixels, scaled from 0..16 to 0..1. Outputs are logits.

The TorchScript exporter folds BatchNorm into convolutions, not into Linear: the file holds real BatchNormalization nodes.
"""
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from common import SEED, deliver, export_torch, fit, torch_setup

torch = torch_setup()
nn = torch.nn

x, y = load_digits(return_X_y=True)
x = (x / 16).astype(np.float32)
train, test, y_train, y_test = train_test_split(x, y, test_size=497, random_state=SEED, stratify=y)
net = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(),
                    nn.Linear(32, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10))
fit(net, train, y_train, nn.CrossEntropyLoss(label_smoothing=0.05), epochs=60, batch=50, weight_decay=1e-2)

export_torch(net, "digits", 64)
deliver("digits", test, y_test)
