#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Recurrent networks one time step at a time (--recurrent=iterative|stateful, --state, --channels): evaluator = C = GHDL = Verilator, the same numbers as
# unrolled, no channel sees another's state, and refusals. recurrent.sh full | fast
. "$(dirname "$0")/../lib.sh"
R=models/recurrent D=models/data

make_it() { # NAME OUT OPTIONS...
  local name=$1 out=$2 x=$D/${1}_x.npy
  shift 2
  [ -e "$x" ] || x=$D/${name}_x.npz
  "$NNGEN" "$R/$name.onnx" --data="$x" --q=16,auto -q -o "$WORK/$out" "$@"
}

form() { # NAME OUT OPTIONS...: through every back end
  local out=$2
  check "recurrent.$out" make_it "$@" || return
  check "recurrent.$out.c" make -s -C "$WORK/$out" check CFLAGS=-O1
  check "recurrent.$out.sim" make -s -C "$WORK/$out" sim
  [ "$mode" = fast ] || check "recurrent.$out.verilate" make -s -C "$WORK/$out" verilate
}

same_numbers() { # as unrolled, where tables do not depend on what is proved of a single step
  local f
  for f in unrolled iterative; do
    make_it "$1" "same_$f" --recurrent=$f --target=c --force && make -s -C "$WORK/same_$f" ref && "$WORK/same_$f/ref" "$D/${1}_x.npy" "$WORK/$f.npy" || return 1
  done
  cmp "$WORK/unrolled.npy" "$WORK/iterative.npy"
}

python_face() { # windows by two threads, and a stream that goes on from call to call
  [ -e "$VENV_OK" ] || return 0
  make -s -C "$WORK/same_iterative" lib && make -s -C "$WORK/stream" lib ref && "$WORK/stream/ref" "$D/lar_rnn_x.npy" "$WORK/stream.npy" &&
    PYTHONPATH=$WORK/same_iterative:$WORK/stream "$PY" - "$WORK" "$1" <<'EOF'
import importlib, sys
import numpy as np
work, name = sys.argv[1:]
x = np.load(f"models/data/{name}_x.npy")
sys.path.insert(0, f"{work}/same_iterative")
assert np.array_equal(importlib.import_module(name).Model(threads=2)(x), np.load(f"{work}/iterative.npy"))
s = importlib.import_module("stream").Model()
x = np.load("models/data/lar_rnn_x.npy").reshape(-1, 1)
got = np.concatenate([s(x[:100]), s(x[100:101]), s(x[101:300])])
assert np.array_equal(got.ravel(), np.load(f"{work}/stream.npy").ravel()[:300])
s.reset()
assert np.array_equal(s(x[:10]).ravel(), got[:10].ravel())
EOF
}

notices() { # NAME SED: with this change the VHDL bench must fail
  cp -r "$WORK/channels" "$WORK/$1" && sed -i "$2" "$WORK/$1/vhdl/lar_rnn.vhd" || return 1
  cmp -s "$WORK/$1/vhdl/lar_rnn.vhd" "$WORK/channels/vhdl/lar_rnn.vhd" && { echo "nothing was changed"; return 1; }
  make -s -C "$WORK/$1" sim >"$WORK/said" 2>&1 && { cat "$WORK/said"; return 1; }
  grep -q '^FAIL: ' "$WORK/said"
}

figures() { # the report's numbers fit together
  python3 - "$WORK/channels/report.json" <<'EOF'
import json, sys
r = json.load(open(sys.argv[1]))
x, t = r["recurrent"], r["totals"]
assert x["channels"] == 4 and x["steps"] == 5 and x["form"] == "iterative"
assert x["token_interval_cycles"] == t["ii_cycles"] == -(-x["least_channels"] // 4)
assert x["window_latency_cycles"] == 4 * 4 * t["ii_cycles"] + t["latency_cycles"]
assert len(x["error_growth"]) == 5 and all(0 < e["state_rms_err"] < 0.01 for e in x["error_growth"])
assert x["instances_for_384"] == -(-384 // x["channels_at_40_mhz"])
EOF
}

mode=$1
form lar_rnn channels --recurrent=iterative --channels=4
check recurrent.report figures
check recurrent.notices.channel notices channel 's/(channel([0-9]*)) <= state_write/(0) <= state_write/'
check recurrent.notices.initial notices initial "s/if first([0-9]*) = '1' then/if first(0) = '0' and first(0) = '1' then/"
check recurrent.notices.turn notices turn 's/if turn = 3 then/if turn = 2 then/'
rejects recurrent.backward 3 'from the last step to the first; use --recurrent=unrolled' make_it lar_birnn no --recurrent=iterative
rejects recurrent.mixed 3 'several time steps at once' make_it lar_cnn_rnn no --recurrent=iterative
rejects recurrent.none 3 'needs an RNN, GRU or LSTM' "$NNGEN" models/ch1.onnx --recurrent=stateful -o "$WORK/no"
rejects recurrent.hls 3 'HLS C\+\+ of a recurrent kernel' make_it lar_rnn no --recurrent=iterative --target=hls
rejects recurrent.state_name 1 "no input 'h'; there are 'x', 'h0'" make_it lar_rnn_stateful no --state=h=hn
rejects recurrent.state_output 1 "no output 'h'; there are" make_it lar_rnn_stateful no --state=h0=h
rejects recurrent.state_both 1 'give one of them' make_it lar_rnn_stateful no --state=h0=hn --recurrent=iterative
rejects recurrent.search 3 'target-loss' make_it lar_rnn no --recurrent=stateful --target-loss=1%
if [ "$mode" = full ]; then
  form lar_rnn alone --recurrent=iterative
  form lar_rnn many --recurrent=iterative --channels=14 --clock=1.8
  form lar_rnn endless --recurrent=stateful --channels=3
  form lar_rnn stream --recurrent=stateful --top=stream --clock=20
  form lar_rnn_stateful state --state=h0=hn --channels=2
  form lar_lstm lstm --recurrent=iterative --channels=2
  form lar_gru gru --recurrent=iterative --channels=16 --overflow=wrap --round=trn
  for m in lar_rnn lar_gru; do check "recurrent.same.$m" same_numbers $m; done
  check recurrent.python python_face lar_gru
fi
