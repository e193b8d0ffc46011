#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Networks quantised by onnxruntime: the integers of the C model, scaled, are onnxruntime's outputs, bit for bit; some also in GHDL and Verilator.
# quantised.sh fast | full
. "$(dirname "$0")/../lib.sh"
if [ ! -e "$VENV_OK" ]; then
  skip quantised "onnxruntime could not be installed"
  exit 0
fi

one() { # NET FORMAT KIND [vhdl]
  local name=quantised.$1.$2.$3.${4:-c} dir=$WORK/$1_$2_$3_${4:-c}
  mkdir "$dir"
  check "$name.made" "$PY" tests/e2e/quantised.py "$dir" "$1" "$2" "$3" || return
  check "$name.compiled" "$NNGEN" "$dir/q.onnx" --target="${4:-c}" --data="$dir/x.npy" --max-error=0 -q -o "$dir/out" || return
  check "$name.ref" make -s -C "$dir/out" ref CFLAGS=-O1
  check "$name.run" "$dir/out/ref" "$dir/x.npy" "$dir/c.npy"
  check "$name.exact" python3 tests/npy.py float32 "$dir/c.npy" "$dir/y.npy"
  if [ "${4:-}" ]; then
    check "$name.ghdl" make -s -C "$dir/out" sim
    check "$name.verilator" make -s -C "$dir/out" verilate
  fi
  rm -rf "$dir"
}

# A softmax in between is computed in fixed point: that is said, and a result may be the integer beside.
mixture() { # NET
  local name=quantised.$1.mixture dir=$WORK/mixture said
  mkdir "$dir"
  check "$name.made" "$PY" tests/e2e/quantised.py "$dir" "$1" QDQ u8 || return
  said=$("$NNGEN" "$dir/q.onnx" --target=c --data="$dir/x.npy" --max-error=0.004 -o "$dir/out" 2>&1)
  check "$name.close" test -e "$dir/out/report.json"
  check "$name.warned" grep -q "quantises .* computed in fixed point" <<<"$said"
  rm -rf "$dir"
}

one cnn1d QDQ u8
one autoencoder QOperator i8
if [ "$1" = full ]; then
  for net in cnn1d digits autoencoder; do
    for kind in u8 i8 channels; do
      one $net QDQ $kind
      one $net QOperator $kind
    done
  done
  one ch1 QDQ u8 vhdl
  one cnn1d QDQ channels vhdl
  mixture ngamma
fi
