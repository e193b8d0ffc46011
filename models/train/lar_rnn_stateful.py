# SPDX-License-Identifier: Apache-2.0
"""lar_rnn_stateful: one step of a vanilla RNN with 8 hidden values on the stream of a calorimeter cell (lar.py): a sample and the state in, energy and state out.

The answer is for the crossing 4 samples ago. Inputs x and h0, outputs y and hn: hn is h0 of the next step, zero before the first. Data: one stream, step by
step, with the states that the float network passes on. Written by both PyTorch exporters.
"""
import numpy as np

import lar
from common import MODELS, SEED, deliver, export_torch, fit, run, torch_setup

torch = torch_setup()
nn = torch.nn


class Cell(nn.Module):
    def __init__(self, rnn, dense):
        super().__init__()
        self.cell, self.dense = nn.RNNCell(1, rnn.hidden_size), dense
        self.cell.load_state_dict({k[:-len("_l0")]: v for k, v in rnn.state_dict().items()})

    def forward(self, x, h0):
        hn = self.cell(x, h0)
        return self.dense(hn), hn


class Sequence(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.dense = nn.RNN(1, 8, batch_first=True), nn.Linear(8, 1)

    def forward(self, x):
        return self.dense(self.rnn(x)[0])


def loss(y, true):
    """Pulses are one crossing in nineteen, and weigh half. The first steps know nothing of what came before."""
    weight = torch.where(true > lar.THRESHOLD, 18.0, 1.0)
    return (weight * (y - true) ** 2)[:, lar.LENGTH:].mean()


net, length = Sequence(), 96
x, y = lar.steps(SEED, 6000 * length)
fit(net, x.reshape(-1, length, 1), y.reshape(-1, length, 1), loss, epochs=60, batch=64, lr=1e-2)
cell = Cell(net.rnn, net.dense).eval()


def states(x):
    with torch.no_grad():
        return torch.cat([torch.zeros(1, 8), net.rnn(torch.as_tensor(x)[None])[0][0, :-1]]).numpy()


x, y = lar.steps(SEED + 1, 6000)
x = {"x": x, "h0": states(x)}
with torch.no_grad():
    want = [v.numpy() for v in cell(*map(torch.as_tensor, x.values()))]
for file, dynamo in ("lar_rnn_stateful", False), ("lar_rnn_stateful_dynamo", True):
    export_torch(cell, f"recurrent/{file}", {"x": (1,), "h0": (8,)}, dynamo, ("y", "hn"), **({"external_data": False} if dynamo else {}))
    got = deliver(f"recurrent/{file}", x, y)
    np.save(MODELS / "data" / f"{file}_hn.npy", got[1])
    assert max(np.abs(g - w).max() for g, w in zip(got, want)) < 1e-5
    assert np.abs(got[1][:-1] - x["h0"][1:]).max() < 1e-5

x, y = lar.steps(SEED + 2, 400000)
out = run("recurrent/lar_rnn_stateful", {"x": x, "h0": states(x)})[0]
skip = lar.LENGTH
rows = {"optimal filter, 20 samples": lar.optimal_filter_stream(x), "lar_rnn_stateful": out}
print(lar.table({who: lar.resolution(p[skip:], y[skip:]) for who, p in rows.items()}))
