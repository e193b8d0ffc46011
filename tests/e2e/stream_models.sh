#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The networks of models/stream: each is read as its exporter wrote it, gives what onnxruntime gave, and counts what models/README.md says; lenet also unrolled.
. "$(dirname "$0")/../lib.sh"

floats() { "$NNGEN" "models/stream/$1.onnx" --info "--data=models/data/${1}_x.npy" --float-out="$WORK/$1.npy" >"$WORK/$1.txt" && python3 tests/npy.py close "$WORK/$1.npy" "models/data/${1}_float.npy" 1e-5; }
counted() { # parameters and multiply-accumulates: two cells of its row
  local row parameters macs
  row=$(grep "^| \`$1\` " models/README.md | tr -d ,)
  read -r parameters macs < <(sed -nE '1s/.* ([0-9]+) parameters, ([0-9]+) multiply.*/\1 \2/p' "$WORK/$1.txt")
  grep -Eq "\| $parameters( [^|]*)? \| $macs \|" <<<"$row" || { echo "$parameters parameters, $macs multiply-accumulates: $row"; return 1; }
}

for f in models/stream/*.onnx; do
  m=$(basename "$f" .onnx)
  check "stream_models.$m.float" floats "$m" && check "stream_models.$m.counted" counted "$m"
done
unrolled() { "$NNGEN" models/stream/lenet.onnx --q=8,auto --data=models/data/lenet_x.npy -q -o "$WORK/lenet" && make -s -C "$WORK/lenet" check; }
check stream_models.lenet.unrolled unrolled
