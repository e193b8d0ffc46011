#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# make demo: one trained network to VHDL at <16,2>, proved in GHDL against the C model.
set -eu
cd "$(dirname "$0")/.."
nngen=${BUILD:-build}/nngen
out=${NNGEN_DEMO_DIR:-${BUILD:-build}/demo/jet_like}
run() { echo "\$ $*"; "$@"; }
cat <<EOF

A jet tagger (16-64-32-32-5, ReLU, softmax; trained in PyTorch, models/train/jet_like.py) becomes VHDL: <16,2> fixed point, one sample a clock cycle.

EOF
run "$nngen" models/jet_like.onnx --target=vhdl --q=16,2 --data=models/data/jet_like_x.npy --labels=models/data/jet_like_y.npy -v -o "$out" 2>&1 |
  grep -vE '^[a-z]+ +[0-9.]+ s$'
echo
echo "The C model against the compiler's evaluator, on every sample; then the VHDL in GHDL against the same vectors:"
run make -s -C "$out" check
run make -s -C "$out" sim
cat <<EOF

Saturation at <16,2> is real and reported: values beyond +-2 do not fit. At <16,6> they do:
EOF
run "$nngen" models/jet_like.onnx --q=16,6 --data=models/data/jet_like_x.npy --labels=models/data/jet_like_y.npy --target=c -o "$out.16_6"
cat <<EOF

Where to look next:
  $out/vhdl/jet_like.vhd    the network
  $out/README.md            ports, formats, latency, commands
  $out/report.json          every layer: error, range, cells
  make -C $out verilate     all 3,000 samples in Verilator, bit for bit
  make -C $out synth        LUT, FF, DSP from yosys
  $nngen YOUR.onnx --info   what nngen makes of your network
EOF
