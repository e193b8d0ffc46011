# SPDX-License-Identifier: Apache-2.0
"""lenet: LeNet-like, two convolutions 3x3 (6 and 16 channels, padded) with ReLU and pooling, then 64-32-10. Handwritten digits, 8x8 pixels. Outputs logits.

Small enough for a kernel unrolled in full.
"""
from common import deliver, digits, export_torch, fit, shifted, torch_setup

torch = torch_setup()
nn = torch.nn

train, test, y_train, y_test = digits()
net = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                    nn.Conv2d(6, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                    nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
fit(net, *shifted(train, y_train), nn.CrossEntropyLoss(label_smoothing=0.05), epochs=40, batch=50, weight_decay=1e-2)

export_torch(net, "stream/lenet", (1, 8, 8))
deliver("stream/lenet", test, y_test)
