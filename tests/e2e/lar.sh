#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The recurrent networks of models/recurrent: float model against onnxruntime's stored outputs, C model = oracle, and at <16,auto> an energy resolution within
# 1 % of float on the held-out data. lar.sh all | fast
. "$(dirname "$0")/../lib.sh"
kept() { make -s -C "$WORK/$1" ref && "$WORK/$1/ref" "$2" "$WORK/$1.npy" && "$PY" models/train/lar_resolution.py "$1" "$WORK/$1.npy" --within=1; }

one() {
  local name=$1 x want
  x=models/data/${1}_x.npy
  [ -e "$x" ] || x=models/data/${1}_x.npz
  want=("models/data/${1}_float.npy")
  [ -e "models/data/${1}_hn.npy" ] && want+=("models/data/${1}_hn.npy")
  check "lar.$name.import" "$NNGEN" "models/recurrent/$name.onnx" --target=c --q=16,auto --data="$x" --labels="models/data/${name}_y.npy" \
    --float-out="$WORK/float.npy" -q -o "$WORK/$name" || return
  check "lar.$name.float" python3 tests/npy.py close "$WORK/float.npy" "${want[@]}" 1e-5
  check "lar.$name.c" make -s -C "$WORK/$name" check CFLAGS=-O1
  case $x in
    *.npz) ;; # its state comes from float: no test of a stream
    *) if [ -e "$VENV_OK" ]; then check "lar.$name.resolution" kept "$name" "$x"; else skip "lar.$name.resolution" "Python packages could not be installed"; fi ;;
  esac
}

if [ "$1" = all ]; then
  for f in models/recurrent/*.onnx; do one "$(basename "$f" .onnx)"; done
else
  for m in lar_rnn lar_lstm lar_gru_keras lar_rnn_stateful; do one $m; done
fi
