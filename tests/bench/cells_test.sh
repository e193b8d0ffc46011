#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The report's estimate of LUTs, registers, DSPs and block RAMs against what yosys counted (cells.tsv), on every network of models/: within 15 %. The stored
# counts must still be those of the design: its adder bits within 10 %, and two small networks are counted afresh.
. "$(dirname "$0")/../lib.sh"
compare() { # report and row
  python3 - "$WORK/net/report.json" "$@" <<'EOS'
import json, sys
t = json.load(open(sys.argv[1]))["totals"]
bits, lut, carry4, ff, dsp, bram = (int(x) for x in sys.argv[4:10])
said = f"LUT {t['luts']} for {lut} ({t['luts'] / lut:.3f}), FF {t['ffs']} for {ff} ({t['ffs'] / ff:.3f}), DSP {t['dsps']} for {dsp}, BRAM {t['brams']} for {bram}"
print(f"{sys.argv[2]} <{sys.argv[3]}>: {said}")
stale = abs(t["adder_bits"] / bits - 1)
assert stale <= 0.10, f"{t['adder_bits']} adder bits, {bits} when it was measured: make bench-cells"
assert abs(t["luts"] / lut - 1) <= 0.15 and abs(t["ffs"] / ff - 1) <= 0.15, said
assert abs(t["dsps"] - dsp) <= 1 and abs(t["brams"] - bram) <= 1, said
EOS
}
row() { "$NNGEN" "models/$1.onnx" "--q=$2" --top=net -q -o "$WORK/net" && compare "$@"; }
rows=0
while read -r m q rest; do
  case $m in '#'*) continue ;; esac
  # shellcheck disable=SC2086
  check "cells.$m.$q" row "$m" "$q" $rest
  rows=$((rows + 1))
done <tests/bench/cells.tsv
every() { local f=(models/*.onnx); [ $rows -eq $((2 * ${#f[@]})) ]; }
check cells.every_model every

afresh() { # MODEL Q: what yosys says of it now
  "$NNGEN" "models/$1.onnx" "--q=$2" --top=net -q -o "$WORK/net" && make -s -C "$WORK/net" build/net.v || return 1
  local lut carry4 ff dsp bram
  read -r lut carry4 ff _ dsp bram < <(tests/bench/cells.sh net "$WORK/net/build/net.v" | sed 's/[a-z0-9]*=//g')
  compare "$1" "$2" "$(field "$WORK/net/report.json" totals.adder_bits)" "$lut" "$carry4" "$ff" "$dsp" "$bram"
}
if command -v yosys >/dev/null 2>&1; then
  check cells.afresh.ch1 afresh ch1 8,3
  check cells.afresh.logreg afresh logreg 16,6
else skip cells.afresh "yosys is not installed"; fi
