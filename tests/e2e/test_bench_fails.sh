#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The same question as bench_fails.sh, put to the bench's own machinery: broken vector files, a design whose valid bits or latency are wrong, a constant or
# weight that is. Each must end on a line FAIL and a failing exit. test_bench_fails.sh fast | full   (full: Verilator's bench too)
. "$(dirname "$0")/../lib.sh"
"$NNGEN" models/ch1.onnx --q=12,5 --top=t -q -o "$WORK/good" || { not_ok bench2.emit "nngen failed"; exit; }
dir=$WORK/d out=$dir/tb/vectors/out.hex in=$dir/tb/vectors/in.hex rtl=$dir/vhdl/t.vhd

# expect NAME PASS|FAIL TARGET: the last line of the target starts so, and the exit status fits
expect() {
  local said status last
  said=$(make -s -C "$dir" "$3" 2>"$WORK/err")
  status=$?
  last=$(tail -n 1 <<<"$said")
  if [[ $last == "$2: "* ]] && if [ "$2" = PASS ]; then [ $status -eq 0 ]; else [ $status -ne 0 ]; fi; then ok "$1"; else not_ok "$1" "exit $status: $last"; fi
}
fresh() { rm -rf "$dir" && cp -r "$WORK/good" "$dir"; }
# edit NAME FILE SED: an edit that changes nothing is a fault of this test
edit() {
  fresh
  sed -i "$3" "$2"
  cmp -s "$2" "$WORK/good${2#"$dir"}" && not_ok "$1" "nothing to change in $2"
}
# flip FILE LINE: the lowest bit of the last digit of a line
flip() {
  awk -v n="$2" 'NR == n { d = index("0123456789abcdef", substr($0, length($0))); $0 = substr($0, 1, length($0) - 1) substr("1032547698badcfe", d, 1) } { print }' \
    "$1" >"$1.new" && mv "$1.new" "$1"
}
# bad NAME FILE SED [TARGET]
bad() {
  edit "$1" "$2" "$3"
  expect "$1" FAIL "${4:-sim}"
}

fresh
expect bench2.untouched PASS sim
for line in 2 77 257; do
  fresh
  flip "$out" $line
  expect "bench2.bit_line_$line" FAIL sim
done
constant='0,/ + [0-9][0-9]*;/s/ + \([0-9]*\);/ + (\1 + 64);/'
early='s/out_valid <= valid(\([0-9]*\));/out_valid <= valid(\1 - 1);/'
bad bench2.constant "$rtl" "$constant"
bad bench2.weight "$rtl" '0,/shift_left(resize(\([a-z0-9_]*\), [0-9]*), 2)/s/shift_left(resize(\([a-z0-9_]*\), \([0-9]*\)), 2)/shift_left(resize(\1, \2), 1)/'
bad bench2.valid_early "$rtl" "$early"
bad bench2.no_reset "$rtl" "s/if rst = '1' then/if rst = 'H' then/"
bad bench2.valid_sticks "$rtl" 's/in_valid & valid(0/(in_valid or valid(0)) \& valid(0/'
bad bench2.syntax "$rtl" 's/end architecture/end architectur/'
bad bench2.line_short "$out" '$d'
bad bench2.line_lost "$out" 5d
bad bench2.header_count "$in" '1s/N=[0-9]*/N=3/'
bad bench2.no_header "$out" 1d
bad bench2.other_design "$out" '1s/bits=[0-9]*/bits=9/'
bad bench2.no_digit "$in" '9s/.$/x/'
bad bench2.long_line "$in" '9s/$/0/'
fresh
rm "$out"
expect bench2.file_missing FAIL sim
fresh
: >"$in"
expect bench2.file_empty FAIL sim
if [ "${1:-}" = full ]; then
  fresh
  expect bench2.verilator.untouched PASS verilate
  flip "$out" "$(wc -l <"$out")"
  expect bench2.verilator.last_vector FAIL verilate
  bad bench2.verilator.constant "$rtl" "$constant" verilate
  bad bench2.verilator.valid_early "$rtl" "$early" verilate
  bad bench2.verilator.line_short "$out" '$d' verilate
  bad bench2.verilator.no_digit "$in" '9s/.$/x/' verilate
fi
