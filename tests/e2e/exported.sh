#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Small networks as PyTorch, Keras, scikit-learn, Brevitas and QKeras export them (exported/): imported, the float model against onnxruntime's stored outputs, C model = oracle
# at <16,6>, some in GHDL. exported.sh all | fast
. "$(dirname "$0")/../lib.sh"
DIR=tests/e2e/exported
refused=' topk keras_rnn keras_gru keras_gru_before ' # not among the operators; loops
quantised=' brevitas_mlp brevitas_conv brevitas_depthwise brevitas_fixed brevitas_binary brevitas_ternary brevitas_act brevitas_trunc brevitas_qcdq finn_thresholds qkeras_mlp qkeras_ternary qkeras_conv '
simulated=' brevitas_binary brevitas_conv brevitas_act finn_thresholds qkeras_conv argmax_dynamo chunk_gate conv_1d conv_ae conv_depthwise conv_unet_dynamo keras_conv_residual gelu_erf gru_bidirectional keras_bidirectional keras_flatten keras_rnn_unrolled lstm_dynamo keras_two_in_out logsoftmax maxout rnn_given_state_dynamo rnn_bidirectional_stacked_dynamo skl_logreg3 skl_sgd_log slicing softmax_op11 where '


# what leaves in integers is, scaled, what the other program computes in float, bit for bit
exact() { # NAME X WANT
  make -s -C "$WORK/$1" ref CFLAGS=-O1 && "$WORK/$1/ref" "$2" "$WORK/c.npy" && python3 tests/npy.py float32 "$WORK/c.npy" "$3"
}

one() {
  local name=$1 x=$DIR/$1_x.npy want=$DIR/$1_float.npy target=c
  [ -e "$x" ] || x=$DIR/$1_x.npz
  [ -e "$want" ] || want=$DIR/$1_float.npz
  case $refused in *" $name "*) rejects "exported.$name" 3 'not supported' "$NNGEN" "$DIR/$name.onnx" -o "$WORK/no"; return ;; esac
  case $simulated in *" $name "*) target=vhdl ;; esac
  check "exported.$name.import" "$NNGEN" "$DIR/$name.onnx" --target=$target --q=16,6 --data="$x" --float-out="$WORK/float.npy" -q -o "$WORK/$name" || return
  case $name in fp16*) tolerance=2e-3 ;; *) tolerance=1e-5 ;; esac # onnxruntime rounds to float16 after each node
  check "exported.$name.float" python3 tests/npy.py close "$WORK/float.npy" "$want" $tolerance
  check "exported.$name.c" make -s -C "$WORK/$name" check CFLAGS=-O1
  case $quantised in *" $name "*) check "exported.$name.exact" exact "$name" "$x" "$want" ;; esac
  [ $target = vhdl ] && check "exported.$name.ghdl" make -s -C "$WORK/$name" sim
  rm -rf "${WORK:?}/$name"
}

i=0
for f in "$DIR"/*.onnx; do
  i=$((i + 1))
  if [ "$1" = all ] || [ $((i % 8)) -eq 0 ]; then one "$(basename "$f" .onnx)"; fi
done

# recurrent layers: both of PyTorch's exporters lead to the same hardware, though one takes vanilla RNNs apart
same() {
  local f
  for f in "$1" "$1_dynamo"; do
    "$NNGEN" "$DIR/$f.onnx" --target=vhdl --q=16,6 --data="$(ls "$DIR/$f"_x.np*)" --top=net -q --force -o "$WORK/$f" || return
  done
  python3 tests/e2e/same_body.py "$WORK/$1/vhdl/net.vhd" "$WORK/$1_dynamo/vhdl/net.vhd"
}
pairs='rnn rnn_bidirectional_stacked'
[ "$1" = all ] && pairs+=' gru rnn_given_state rnn_relu rnn_stacked rnn_bidirectional rnn_no_bias rnn_state_only lstm lstm_bidirectional_stacked gru_bidirectional conv_rnn embedding_gru'
for f in $pairs; do check "exported.$f.both_exporters" same "$f"; done
is_rolled() { "$NNGEN" "$DIR/$1.onnx" --dump=roll | grep -c ' = RNN ' | grep -qx "$2"; }
check exported.rnn_dynamo.rolled is_rolled rnn_dynamo 1
check exported.rnn_bidirectional_stacked_dynamo.rolled is_rolled rnn_bidirectional_stacked_dynamo 4
check exported.keras_rnn_unrolled.rolled is_rolled keras_rnn_unrolled 1
check exported.rnn_given_state_dynamo.rolled is_rolled rnn_given_state_dynamo 1

# --config: a layer's name is that of all its steps; its result, that of its states
printf '{"layers": {"/cell/LSTM": {"weights": "10,2", "result": "12,3"}, "/cell/LSTM_*_o": {"result": "9,1"}}}' >"$WORK/config.json"
formats() {
  "$NNGEN" "$DIR/lstm.onnx" --q=16,6 --config="$WORK/config.json" --target=c -q -o "$WORK/config" && python3 - "$WORK/config/report.json" <<'EOF'
import json, sys
layers = json.load(open(sys.argv[1]))["layers"]
for part, want in (("h", (12, 3)), ("c", (12, 3)), ("o", (9, 1)), ("i", (16, 6)), ("c_out", (16, 6))):
    got = {(l["W"], l["I"]) for l in layers if l["name"].startswith("/cell/LSTM_t") and l["name"].split("_", 2)[2] == part}
    assert got == {want}, (part, got)
EOF
}
check exported.lstm.config formats
