# SPDX-License-Identifier: Apache-2.0
"""Small recurrent networks as PyTorch (both exporters) and Keras write them; see make.py. Only the dynamo exporter takes vanilla RNNs apart, step by step."""
import exporting
from exporting import *

exporting.KEEP = 40
torch.manual_seed(13); torch.set_num_threads(1)

def both(name, net, shape, op=17, dop=18, **kw):
    T(name, net, shape=shape, op=op, **kw)
    T(name + "_dynamo", net, shape=shape, op=dop, dynamo=True, **kw)

class Cells(nn.Module):
    """A recurrent layer, then a dense one on the last step, on every step, or on the last states; sequence first or batch first."""
    def __init__(self, cell, into="last", outs=1):
        super().__init__()
        self.cell, self.into = cell, into
        self.out = nn.Linear(cell.hidden_size * (2 if cell.bidirectional else 1), outs)
    def forward(self, x):
        y, state = self.cell(x)
        h = state[0] if isinstance(state, tuple) else state
        if self.into == "all": return self.out(y)
        if self.into == "state": return self.out(torch.cat([h[-2], h[-1]], 1) if self.cell.bidirectional else h[-1])
        return self.out(y[:, -1])

def cell(kind, i, h, **kw): return kind(i, h, batch_first=True, **kw)
both("rnn", Cells(cell(nn.RNN, 1, 4)), (5, 1))
both("rnn_relu", Cells(cell(nn.RNN, 2, 3, nonlinearity="relu"), "all"), (3, 2), 14, 20)
both("rnn_stacked", Cells(cell(nn.RNN, 1, 3, num_layers=2), "state", 2), (4, 1), 11, 18)
both("rnn_bidirectional", Cells(cell(nn.RNN, 1, 3, bidirectional=True)), (4, 1), 13, 22)
both("rnn_bidirectional_stacked", Cells(cell(nn.RNN, 2, 2, bidirectional=True, num_layers=2), "state"), (3, 2), 16, 21)
both("rnn_no_bias", Cells(cell(nn.RNN, 2, 3, bias=False), "all"), (3, 2), 9, 19)
both("rnn_one_step", Cells(cell(nn.RNN, 2, 3)), (1, 2), 15, 18)
both("rnn_state_only", Cells(cell(nn.RNN, 1, 4), "state"), (3, 1), 17, 18)
both("lstm", Cells(cell(nn.LSTM, 1, 3)), (4, 1), 17, 20)
both("lstm_bidirectional_stacked", Cells(cell(nn.LSTM, 2, 2, bidirectional=True, num_layers=2), "state"), (3, 2), 14, 18)
both("gru", Cells(cell(nn.GRU, 1, 3)), (4, 1), 12, 23)
both("gru_bidirectional", Cells(cell(nn.GRU, 2, 2, bidirectional=True), "all"), (3, 2), 13, 18)
def conv_rnn(s, x): return s.out(s.cell(torch.relu(s.conv(x)).transpose(1, 2))[0][:, -1])
both("conv_rnn", Fn(conv_rnn, conv=nn.Conv1d(1, 2, 3, padding=1), cell=cell(nn.RNN, 2, 3), out=nn.Linear(3, 1)), (1, 5), 17, 18)
both("embedding_gru", Fn(lambda s, x: s.out(s.cell(s.e(x.to(torch.int64).clamp(0, 3)))[0][:, -1]), e=nn.Embedding(4, 2), cell=cell(nn.GRU, 2, 2), out=nn.Linear(2, 1)), (3,), 17, 18)
class Fn2(Fn):
    def forward(self, x, h): return self.f(self, x, h)
def given_state(s, x, h): return s.out(s.cell(x, h.unsqueeze(0))[0][:, -1])
both("rnn_given_state", Fn2(given_state, cell=cell(nn.RNN, 1, 3), out=nn.Linear(3, 1)), None, inputs={"x": (3, 1), "h": (3,)})

# --- Keras; imported after PyTorch's exports, with which it would clash
try:
    import keras
    keras.utils.set_random_seed(3)
    KL = keras.layers
    def S(shape, *ls): return keras.Sequential([keras.Input(shape, name="x"), *ls])
    for unroll in (False, True):
        u = "_unrolled" if unroll else ""
        K("keras_rnn" + u, S((4, 1), KL.SimpleRNN(3, unroll=unroll), KL.Dense(1)), 15)
        K("keras_lstm" + u, S((3, 2), KL.LSTM(2, return_sequences=True, unroll=unroll), KL.TimeDistributed(KL.Dense(1))), 15)
        K("keras_gru" + u, S((3, 1), KL.GRU(2, unroll=unroll), KL.Dense(1)), 17)
        K("keras_gru_before" + u, S((3, 1), KL.GRU(2, reset_after=False, unroll=unroll), KL.Dense(1)), 14)
        K("keras_bidirectional" + u, S((3, 1), KL.Bidirectional(KL.LSTM(2, unroll=unroll)), KL.Dense(1)), 13)
except ImportError:
    print("no Keras here: its networks stay as they are")

write_index()
print(len(index), "made,", len(failed), "failed"); print("\n".join(failed))
