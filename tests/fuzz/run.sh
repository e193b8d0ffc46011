#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Random networks: run.sh SEED N GHDL VERILATOR HLS | kept
. "$(dirname "$0")/../lib.sh"
if [ ! -e "$VENV_OK" ] || ! "$PY" -c 'import numpy, onnx, onnxruntime' 2>/dev/null; then
  skip "fuzz.${1}" "numpy, onnx or onnxruntime could not be installed (PyPI not reached?)"
  exit 0
fi
if [ "$1" = kept ]; then
  check fuzz.kept "$PY" tests/fuzz/fuzz.py --kept
else
  "$PY" tests/fuzz/fuzz.py --seed "$1" -n "$2" --ghdl "$3" --verilator "$4" --hls "${5:-0}" >"$WORK/log" 2>&1
  status=$?
  cat "$WORK/log"
  if [ $status -eq 0 ]; then ok "fuzz.$1+$2: $(tail -n 1 "$WORK/log")"; else not_ok "fuzz.$1+$2" "$(grep -m 1 '^seed' "$WORK/log") ... $(tail -n 1 "$WORK/log")"; fi
fi
