# SPDX-License-Identifier: Apache-2.0
"""mlp4: 784-640-240-10, ReLU (657,760 weights) on digits at 28x28 (common.py). Outputs logits."""
from common import deliver, digits28, export_torch, fit, torch_setup

torch = torch_setup()
nn = torch.nn

train, test, y_train, y_test = digits28()
net = nn.Sequential(nn.Flatten(), nn.Linear(784, 640), nn.ReLU(), nn.Dropout(0.3), nn.Linear(640, 240), nn.ReLU(), nn.Dropout(0.2), nn.Linear(240, 10))
fit(net, train, y_train, nn.CrossEntropyLoss(label_smoothing=0.05), epochs=12, batch=100, lr=1e-3, weight_decay=1e-2)

export_torch(net, "stream/mlp4", (1, 28, 28))
deliver("stream/mlp4", test, y_test, half=True)
