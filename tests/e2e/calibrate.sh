#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# --calibrate, the warnings of overflow and --overflow=error on twenty small networks, against NumPy and onnxruntime.
. "$(dirname "$0")/../lib.sh"
[ -e "$VENV_OK" ] || { skip calibrate "Python packages could not be installed"; exit 0; }
check calibrate.make "$PY" tests/e2e/small_nets.py "$WORK" || exit 1
"$PY" tests/e2e/calibrate.py "$NNGEN" "$WORK"
for o in 101% -1% x% % most 99 ''; do rejects "calibrate.option.$o" 1 'calibrate' "$NNGEN" models/ch1.onnx "--calibrate=$o" -o "$WORK/no"; done
rejects calibrate.option.given 1 'needs --q=W,auto: I is given' "$NNGEN" models/ch1.onnx --calibrate=error -o "$WORK/no"
rejects calibrate.option.proved 1 'needs --q=W,auto: a proof' "$NNGEN" models/ch1.onnx "--q=8,proved" --calibrate=99% -o "$WORK/no"
printf '{"layers": {"x": {"q": "16,2"}}}' >"$WORK/input.json"
inputs=("$NNGEN" models/ch1.onnx "--q=32,12" --config="$WORK/input.json" --data=models/data/ch1_x.npy --target=c --plots=none -o "$WORK/inputs")
beyond() { "${inputs[@]}" 2>&1 | grep -Eq "warning: input 'x': [0-9]+ of 6000 values of .* do not fit <16,2> .*I=4 would hold them all; they saturate"; }
check calibrate.inputs.warned beyond
rejects calibrate.inputs.refused 4 "input 'x': [0-9]+ of 6000 values.*I=4 would hold" "${inputs[@]}" --overflow=error
rejects calibrate.proof.grows 4 "node 'rnn_h'.*only proved to stay within.*a state may grow" "$NNGEN" "$WORK/recurrent1.onnx" "--q=16,proved" \
  --data="$WORK/recurrent1_x.npy" --recurrent=iterative --target=c -o "$WORK/grows"
