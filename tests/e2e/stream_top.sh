#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A streaming design as a folder: all its targets pass, its VHDL is VHDL-93, and the benches fail when a vector, a weight, a handshake, tlast, the latency or
# the interval is wrong, or when nothing moves. stream_top.sh fast | full   (full: Verilator's bench and synthesis too)
. "$(dirname "$0")/../lib.sh"
"$NNGEN" models/ch1.onnx --mode=stream --reuse=4 --q=8,3 --data=models/data/ch1_x.npy --top=t --force -q -o "$WORK/good" || { not_ok stream_top.emit "nngen failed"; exit; }
dir=$WORK/d out=$dir/tb/vectors/m_axis.hex top=$dir/vhdl/t.vhd

# expect NAME REGEX TARGET: the last line of the target is like that, and PASS is where it exits 0
expect() {
  local said status last
  said=$(timeout 120 make -s -C "$dir" "$3" N="${N:-6}" 2>"$WORK/err")
  status=$?
  last=$(tail -n 1 <<<"$said")
  case $last in
    PASS:*) [ $status -eq 0 ] || last="exit $status: $last" ;;
    FAIL:*) [ $status -ne 0 ] || last="exit 0: $last" ;;
  esac
  if [[ $last =~ $2 ]]; then ok "stream_top.$1"; else not_ok "stream_top.$1" "$last"; fi
}
fresh() { rm -rf "$dir" && cp -r "$WORK/good" "$dir"; }
# bad NAME FILE SED REGEX [TARGET]: an edit that changes nothing is a fault of this test
bad() {
  fresh
  sed -i -E "$3" "$2"
  cmp -s "$2" "$WORK/good${2#"$dir"}" && not_ok "stream_top.$1" "nothing to change in $2"
  expect "$1" "$4" "${5:-sim}"
}

fresh
expect sim '^PASS: 6 vectors, 48 bits, 0 mismatches, latency [0-9]+ cycles, II [0-9]+$' sim
grep -q '^with random stalls: 6 vectors, 48 bits, 0 mismatches$' "$dir/build/sim.log" && ok stream_top.stalls || not_ok stream_top.stalls "no line on stalls"
vhdl93() { mkdir -p "$WORK/93" && (cd "$dir/vhdl" && xargs ghdl -a --std=93 --workdir="$WORK/93" <files.txt && ghdl -e --std=93 --workdir="$WORK/93" t); }
quiet stream_top.vhdl93 vhdl93
bytes() { "$NNGEN" models/ch1.onnx --mode=stream --reuse=4 --q=8,3 --data=models/data/ch1_x.npy --top=t --force -q -o "$WORK/again" && diff -rq -x report.json -x report.html "$WORK/good" "$WORK/again"; }
check stream_top.same_bytes bytes

wrong='^FAIL: 6 vectors, 48 bits, [1-9][0-9]* mismatches'
bad vector "$out" '4y/0123456789abcdef/1032547698badcfe/' "$wrong"
weights=$(find "$dir/vhdl" -name 't_*_tables.vhd' | head -n 1)
bad weight "$weights" 's/"0([01]+)"/"1\1"/; s/X"[0-7]/X"8/' "$wrong"
bad tlast "$top" "s/m_axis_tlast <= '1'/m_axis_tlast <= '0'/" "$wrong"
bad ce "$top" "s/^  ([A-Za-z0-9_]*)_ce( +)<= .*/  \1_ce\2<= '1';/" '^FAIL: '
bad hang "$top" "s/_tready( +)<= .*/_tready\1<= '0';/" '^FAIL: nothing moved for [0-9]+ cycles'
bad latency "$dir/tb/t_tb.vhd" 's/(C_LATENCY +: positive := )/\11 + /' '^FAIL: 6 vectors, 48 bits, 0 mismatches, latency [0-9]+ cycles, II [0-9]+ \(expected '
N=41 bad interval "$dir/tb/t_tb.vhd" 's/(C_INTERVAL +: positive := )/\12 + /' '^FAIL: 41 vectors, 328 bits, 0 mismatches, .*\(expected '
bad few "$out" '$d' '^FAIL: tb/vectors/m_axis.hex: '
bad digit "$out" '3s/^./x/' '^FAIL: '
bad frames "$dir/tb/t_tb.vhd" 's/(C_TOTAL +: positive := )/\11 + /' '^FAIL: tb/vectors/[sm]_axis.hex: '

[ "$1" = full ] || exit 0
fresh
expect check '^PASS: ' check
expect verilate '^PASS: [0-9]+ vectors, [0-9]+ bits, 0 mismatches, latency [0-9]+ cycles, II [0-9]+$' verilate
expect synth '^PASS: [1-9][0-9]* LUT' synth
sed -i '9y/0123456789abcdef/1032547698badcfe/' "$out"
expect verilate_vector '^FAIL: [0-9]+ vectors, [0-9]+ bits, [1-9][0-9]* mismatches' verilate
bad verilate_ce "$top" "s/^  ([A-Za-z0-9_]*)_ce( +)<= .*/  \1_ce\2<= '1';/" '^FAIL: ' verilate
bad verilate_hang "$top" "s/_tready( +)<= .*/_tready\1<= '0';/" '^FAIL: nothing moved' verilate
bad verilate_latency "$dir/tb/t_verilator.cpp" 's/const long latency = /const long latency = 1 + /' '0 mismatches, .*\(expected ' verilate
