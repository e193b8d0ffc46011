# SPDX-License-Identifier: Apache-2.0
"""jet_like: 16-64-32-32-5, ReLU and softmax. Jet tagging (g, q, W, Z, t) on simulated high-level features.

Written by both PyTorch exporters: jet_like.onnx (TorchScript) and jet_like_dynamo.onnx, whose larger weights the exporter
puts into jet_like_dynamo.onnx.data.
"""
import numpy as np

from common import SEED, deliver, export_torch, fit, jets, standardise, torch_setup

torch = torch_setup()
nn = torch.nn

x, y = jets(np.random.default_rng(SEED), 53000)
train, test = standardise(x[:50000], x[50000:])
body = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(),
                     nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 5))
fit(body, train, y[:50000], nn.CrossEntropyLoss(), epochs=20, batch=512, weight_decay=1e-2)

net = nn.Sequential(*body, nn.Softmax(1)).eval()
export_torch(net, "jet_like", 16)
export_torch(net, "jet_like_dynamo", 16, dynamo=True)
for name in "jet_like", "jet_like_dynamo":
    deliver(name, test, y[50000:])
