# SPDX-License-Identifier: Apache-2.0
"""lar_rnn, lar_lstm, lar_gru, lar_birnn, lar_cnn_rnn: energy of one crossing of a calorimeter cell, from a window of its samples (lar.py).

All but the last take 5 samples; lar_cnn_rnn takes 12, which a convolution of stride 2 makes 5 steps of 4 features. Each written by both PyTorch exporters:
NAME.onnx (TorchScript) and NAME_dynamo.onnx. Arguments: names of those to train, else all.
"""
import sys

import numpy as np

import lar
from common import SEED, deliver, export_torch, fit, run, torch_setup

torch = torch_setup()
nn = torch.nn


class Last(nn.Module):
    """A recurrent layer and a dense one on its last state: the end of its sequence, or the state it returns (of both directions)."""

    def __init__(self, layer, end):
        super().__init__()
        self.recurrent, self.end = layer, end
        self.dense = nn.Linear(layer.hidden_size * (2 if layer.bidirectional else 1), 1)

    def forward(self, x):
        sequence, state = self.recurrent(x)
        if self.end == "sequence":
            return self.dense(sequence[:, -1])
        return self.dense(torch.cat([state[0], state[1]], 1) if self.recurrent.bidirectional else state[-1])


class Convolved(Last):
    def __init__(self, layer, end):
        super().__init__(layer, end)
        self.conv = nn.Conv1d(1, layer.input_size, 4, stride=2)

    def forward(self, x):
        return super().forward(torch.relu(self.conv(x.transpose(1, 2))).transpose(1, 2))


networks = {  # tanh rather than ReLU: the better resolution at this size
    "lar_rnn": (5, lambda: Last(nn.RNN(1, 8, batch_first=True), "sequence")),
    "lar_lstm": (5, lambda: Last(nn.LSTM(1, 10, batch_first=True), "sequence")),
    "lar_gru": (5, lambda: Last(nn.GRU(1, 8, batch_first=True), "state")),
    "lar_birnn": (5, lambda: Last(nn.RNN(1, 8, batch_first=True, bidirectional=True), "state")),
    "lar_cnn_rnn": (12, lambda: Convolved(nn.RNN(4, 8, batch_first=True), "sequence")),
}

for name in sys.argv[1:] or networks:
    length, make = networks[name]
    torch.manual_seed(SEED)
    net = make()
    fit(net, *lar.windows(SEED, 100000, length), nn.MSELoss(), epochs=40, lr=1e-2)
    x, y = lar.windows(SEED + 1, 3000, length)
    with torch.no_grad():
        want = net(torch.as_tensor(x)).numpy()
    for file, dynamo in (name, False), (f"{name}_dynamo", True):
        export_torch(net, f"recurrent/{file}", (length, 1), dynamo, **({"external_data": False} if dynamo else {}))
        got, = deliver(f"recurrent/{file}", x, y)
        assert np.abs(got - want).max() < 1e-5
    x, y = lar.windows(SEED + 2, 40000, length)
    print(lar.table({"optimal filter": lar.resolution(lar.optimal_filter(x), y), name: lar.resolution(run(f"recurrent/{name}", x)[0], y)}))
