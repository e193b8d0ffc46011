#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Small networks as PyTorch, Keras, scikit-learn, Brevitas and QKeras export them (exported/): imported, the float model against onnxruntime's stored outputs, C model = oracle
# at <16,6>, some in GHDL. exported.sh all | fast
. "$(dirname "$0")/../lib.sh"
DIR=tests/e2e/exported
refused=' topk ' # not among the operators
quantised=' brevitas_mlp brevitas_conv brevitas_depthwise brevitas_fixed brevitas_binary brevitas_ternary brevitas_act brevitas_trunc brevitas_qcdq finn_thresholds qkeras_mlp qkeras_ternary qkeras_conv '
simulated=' brevitas_binary brevitas_conv brevitas_act finn_thresholds qkeras_conv argmax_dynamo chunk_gate conv_1d conv_ae conv_depthwise conv_unet_dynamo keras_conv_residual gelu_erf keras_flatten keras_two_in_out logsoftmax maxout skl_logreg3 skl_sgd_log slicing softmax_op11 where '

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
