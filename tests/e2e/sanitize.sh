#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The compiler under address and undefined-behaviour checks: all exported networks, all rejections, odd options, some random networks; then the importer's
# own fuzzer over truncations and bit flips of the trained models.
. "$(dirname "$0")/../lib.sh"
export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1
NNGEN=$ROOT/build/asan/nngen
[ -x "$NNGEN" ] || { not_ok sanitize "build/asan/nngen was not built"; exit 1; }
clean() { ! grep -E 'runtime error:|AddressSanitizer' "$1"; }

for f in tests/e2e/exported/*.onnx; do
  "$NNGEN" "$f" --target=vhdl --q=12,4 --overflow=wrap --round=rne -q -o "$WORK/out" >"$WORK/log" 2>&1
  status=$?
  if clean "$WORK/log" && [ $status -le 3 ]; then :; else
    not_ok "sanitize.$(basename "$f")" "exit $status: $(grep -m 1 -E 'runtime error|ERROR' "$WORK/log")"
    head -n 20 "$WORK/log"
    bad=1
  fi
done
[ "${bad:-0}" = 0 ] && ok sanitize.exported
for f in tests/e2e/exported/*rnn*.onnx tests/e2e/exported/*lstm*.onnx tests/e2e/exported/*gru*.onnx models/recurrent/*.onnx; do
  for form in iterative stateful; do # refused or not
    "$NNGEN" "$f" --recurrent=$form --channels=3 --q=12,4 -q --plots=none -o "$WORK/out" >"$WORK/log" 2>&1
    status=$?
    if clean "$WORK/log" && { [ $status -eq 0 ] || [ $status -eq 3 ]; }; then :; else
      not_ok "sanitize.$form.$(basename "$f")" "exit $status: $(grep -m 1 -E 'runtime error|ERROR' "$WORK/log")"
      form_bad=1
    fi
  done
done
[ "${form_bad:-0}" = 0 ] && ok sanitize.recurrent
for m in ch1 logreg digits; do
  for q in 1,1 48,24 16,auto 4,-2; do
    "$NNGEN" models/$m.onnx --q=$q --data=models/data/${m}_x.npy -q -o "$WORK/out" >"$WORK/log" 2>&1
    status=$?
    if clean "$WORK/log" && { [ $status -eq 0 ] || [ $status -eq 3 ]; }; then ok "sanitize.$m.$q"; else
      head -n 20 "$WORK/log"
      not_ok "sanitize.$m.$q" "exit $status"
    fi
  done
done
for f in tests/reject/*.onnx tests/reject/exported/*.onnx; do
  "$NNGEN" "$f" -q -o "$WORK/out" >"$WORK/log" 2>&1
  status=$?
  if ! clean "$WORK/log" || [ $status -gt 5 ]; then
    not_ok "sanitize.$(basename "$f")" "exit $status: $(grep -m 1 -E 'runtime error|ERROR' "$WORK/log")"
    reject_bad=1
  fi
done
[ "${reject_bad:-0}" = 0 ] && ok sanitize.rejections
if [ -e "$VENV_OK" ]; then
  check sanitize.random env BUILD="$ROOT/build/asan" "$PY" tests/fuzz/fuzz.py --seed 9001 -n 150 --float-only
else
  skip sanitize.random "numpy, onnx or onnxruntime could not be installed"
fi
# every-byte truncations and bit flips of the trained models
fuzzer=$ROOT/build/asan/fuzz/fuzz_import
for m in models/*.onnx tests/e2e/exported/brevitas_act.onnx tests/e2e/exported/brevitas_qcdq.onnx tests/e2e/exported/finn_thresholds.onnx; do
  check "sanitize.import.$(basename "$m" .onnx)" "$fuzzer" "$m"
done
