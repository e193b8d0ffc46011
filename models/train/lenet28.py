# SPDX-License-Identifier: Apache-2.0
"""lenet28: LeNet-5 (LeCun et al., 1998) with ReLU and average pooling on digits at 28x28 (common.py). Outputs logits."""
from common import deliver, digits28, export_torch, fit, torch_setup

torch = torch_setup()
nn = torch.nn

train, test, y_train, y_test = digits28()
net = nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.AvgPool2d(2),
                    nn.Conv2d(6, 16, 5), nn.ReLU(), nn.AvgPool2d(2),
                    nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))
fit(net, train, y_train, nn.CrossEntropyLoss(label_smoothing=0.05), epochs=8, batch=50, lr=2e-3, weight_decay=1e-2)

export_torch(net, "stream/lenet28", (1, 28, 28))
deliver("stream/lenet28", test, y_test, half=True)
