#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# HLS C++ against the oracle, in the compiler's own integers and in both vendors' types. hls.sh fast | modes | rest | MODEL...
# MODEL: that network at three formats; modes: every rounding and overflow; rest: every interface, exhaustive primitives, the source as such, vendor scripts.
. "$(dirname "$0")/../lib.sh"
stubs=$ROOT/tests/e2e/hls_stubs
least=10000 # vectors
have_types=yes
if ! sh templates/text/hls_headers.sh "$HLS_HEADERS" >"$WORK/headers.log" 2>&1; then
  have_types=
  skip hls.vendor_types "THE HEADERS OF ap_int AND ac_int COULD NOT BE DOWNLOADED: only the compiler's own integers were tested ($(tail -n 1 "$WORK/headers.log"))"
fi
types="NATIVE${have_types:+ AP AC}"

# emitted NAME MODEL OPTION...: into $WORK/NAME
emitted() {
  local name=$1 model=$2
  shift 2
  "$NNGEN" "models/$model.onnx" --target=hls --data="models/data/${model}_x.npy" --random-vectors=$least -q -o "$WORK/$name" "$@"
}
# equal NAME [MAKE ARGUMENTS]: PASS with all types, no bit different, on at least so many vectors
equal() {
  local said
  said=$(make -s -C "$WORK/$1" hls HLS_TYPES="$types" "${@:2}" 2>&1) || { echo "$said"; return 1; }
  said=$(tail -n 1 <<<"$said")
  grep -Eq "^PASS: [0-9]+ vectors, [0-9]+ bits, 0 mismatches \\(${types// /, }\\)\$" <<<"$said" || { echo "$said"; return 1; }
  [ "$(cut -d' ' -f2 <<<"$said")" -ge "${need_vectors:-$least}" ] || { echo "too few: $said"; return 1; }
}

# The same integers under other names (two exports of one network) are compiled once with the vendors' types.
declare -A seen
model() { # NAME FORMAT...
  local m=$1 q key
  for q in "${@:2}"; do
    check "hls.$m.$q.emit" emitted "$m" "$m" --q="$q" || continue
    key=$("$NNGEN" "models/$m.onnx" --q="$q" --data="models/data/${m}_x.npy" -q --dump=pipeline | grep -E '^(v[0-9]|out|table)' | sed 's/ layer .*//' | md5sum)
    if [ -n "${seen[$key]:-}" ]; then
      types=NATIVE check "hls.$m.$q, as ${seen[$key]}" equal "$m"
    else
      check "hls.$m.$q" equal "$m"
    fi
    seen[$key]=$m
  done
}

modes() {
  local m r o
  # room enough for --overflow=error in every layer; the inputs fit
  echo '{"layers": {"/*": {"result": "30,20"}, "Scaler*": {"result": "30,20"}, "Lin*": {"result": "30,20"}}}' >"$WORK/wide.json"
  for m in ch1 logreg; do
    for r in trn rnd rne; do
      for o in sat wrap; do
        check "hls.$m.$r.$o.emit" emitted mode $m --q=8,3 --round=$r --overflow=$o && check "hls.$m.$r.$o" equal mode
      done
    done
    check "hls.$m.error.emit" emitted mode $m --q=8,5 --overflow=error --config="$WORK/wide.json" && check "hls.$m.error" equal mode
  done
}

interfaces() {
  local io mult
  for io in axis axilite; do
    check "hls.io.$io.emit" emitted io ch1 --q=8,3 --hls-io=$io && check "hls.io.$io" equal io && check "hls.io.$io.loops" loops "$WORK/io/hls/ch1.cpp"
  done
  for m in ch1 logreg; do
    check "hls.mult.$m.emit" emitted mult $m --q=16,6 --hls-mult=tool && check "hls.mult.$m" equal mult
    mult=$(grep -c 'mul<' "$WORK/mult/hls/$m.cpp")
    [ "$mult" -ge 8 ] && ok "hls.mult.$m.used" || not_ok "hls.mult.$m.used" "only $mult statements multiply"
  done
}

primitives() {
  local k
  for k in "$@"; do
    python3 tests/e2e/primitives.py hir "$k" >"$WORK/$k.hir"
    check "hls.primitives.$k.emit" "$NNGEN" "$WORK/$k.hir" --target=hls -q -o "$WORK/$k" || continue
    check "hls.primitives.$k.oracle" python3 tests/e2e/primitives.py check "$k" "$WORK/$k"
    need_vectors=64 check "hls.primitives.$k" equal "$k" HLS_OPT=-O0
  done
}

# ---- the source as such ----

flags() { # TYPE TOP
  case $1 in
    NATIVE) echo "-D$2_HLS_NATIVE" ;;
    AP) echo "-D$2_HLS_AP -isystem $HLS_HEADERS/ap_types" ;;
    AC) echo "-D$2_HLS_AC -isystem $HLS_HEADERS/ac_types" ;;
  esac
}
loops() { # every loop counts up to a constant, and nothing else goes backwards
  ! grep -nE '\b(for|while|do|goto)\b' "$1" | grep -vE '^[0-9]+: *(/\*|\*)' | grep -vE 'for \(int i = 0; i < [0-9]+; i\+\+\)$' | grep -E '\b(for|while|do|goto)\b *[(;{]'
}
heap() { ! nm -C "$1" | grep -E ' (malloc|calloc|realloc|free|alloca|operator (new|delete).*)$'; }
recursion() { # FLAGS FILE TOP: the call graph of the generated code has no cycle (ap_int's own >> and << call each other)
  # shellcheck disable=SC2086
  (cd "$WORK" && g++ $1 -O0 -fno-exceptions -fcallgraph-info -c -o calls.o "$2") || return 1
  [ "$(grep -c '^edge' "$WORK/calls.ci")" -gt 10 ] || { echo "no call graph"; return 1; }
  sed -nE 's/^edge: \{ sourcename: "([^":]*:)?([^"]*)" targetname: "([^":]*:)?([^"]*)".*/\2 \4/p' "$WORK/calls.ci" | grep -E "^[^ ]*$3[^ ]* [^ ]*$3" >"$WORK/calls"
  [ -s "$WORK/calls" ] || { echo "no calls"; return 1; }
  tsort "$WORK/calls" >/dev/null
}

source_checks() { # NAME TOP COMPILER...
  local out=$WORK/$1 top=$2 t cc std f
  for t in $types; do
    # shellcheck disable=SC2046
    for cc in "${@:3}"; do
      command -v "$cc" >/dev/null || { skip "hls.warnings.$t.$cc" "no $cc"; continue; }
      for std in 14 17; do
        for f in $top.cpp ${top}_test.cpp; do
          quiet "hls.warnings.$t.$cc.$std.$f" "$cc" -std=c++$std -Wall -Wextra -Werror -O0 $(flags "$t" "$top") -c -o "$WORK/o.o" "$out/hls/$f"
        done
      done
    done
    # shellcheck disable=SC2046
    check "hls.object.$t" g++ -O1 $(flags "$t" "$top") -c -o "$WORK/object.o" "$out/hls/$top.cpp" && quiet "hls.no_heap.$t" heap "$WORK/object.o"
    quiet "hls.no_recursion.$t" recursion "$(flags "$t" "$top")" "$out/hls/$top.cpp" "$top"
    types=$t check "hls.ubsan.$t" equal "$1" HLS_OPT="-O0 -fsanitize=undefined -fno-sanitize-recover=all"
  done
  quiet hls.loops loops "$out/hls/$top.cpp"
}

two_networks() { # in one program; the same names inside
  cat >"$WORK/two.cpp" <<'EOF'
#include "ch1.h"
#include "logreg.h"
int main() {
  static ch1_in a;
  static ch1_out b;
  static logreg_in c;
  static logreg_out d;
  ch1(a.in0, b.out0);
  logreg(c.in0, d.out0, d.out1);
  return 0;
}
EOF
  emitted two_ch1 ch1 --q=8,3 && emitted two_logreg logreg --q=8,3 &&
    g++ -Wall -Wextra -Werror -Dch1_HLS_NATIVE -Dlogreg_HLS_NATIVE -I"$WORK/two_ch1/hls" -I"$WORK/two_logreg/hls" -o "$WORK/two" "$WORK/two.cpp" \
      "$WORK/two_ch1/hls/ch1.cpp" "$WORK/two_logreg/hls/logreg.cpp" && "$WORK/two"
}
odd_names() { # a top that is called like what the code uses itself
  local top
  for top in s16 add core x_0 raw; do
    emitted "top_$top" ch1 --q=8,3 --top=$top && types=NATIVE equal "top_$top" || { echo "--top=$top"; return 1; }
  done
}

# ---- a test that cannot fail proves nothing ----

fails() { # NAME SED...: the source changed so must give FAIL
  local said
  rm -rf "$WORK/bad"
  cp -r "$WORK/good" "$WORK/bad"
  rm -rf "$WORK/bad/build"
  sed -i "$2" "$WORK/bad/$3"
  cmp -s "$WORK/bad/$3" "$WORK/good/$3" && { not_ok "$1" "nothing to change"; return; }
  if ! said=$(make -s -C "$WORK/bad" hls HLS_TYPES="${4:-NATIVE}" 2>/dev/null) && [[ $(tail -n 1 <<<"$said") == "FAIL: "* ]]; then ok "$1"; else not_ok "$1" "$(tail -n 1 <<<"$said")"; fi
}
can_fail() {
  fails hls.fails.shift '0,/, 2)/s/, 2)/, 3)/' hls/ch1.cpp
  fails hls.fails.sign '0,/sub</s/sub</add</' hls/ch1.cpp
  fails hls.fails.table '0,/^    [0-9]*, /s/^    \([0-9]*\), /    1\1, /' hls/ch1.cpp
  fails hls.fails.syntax 's/const/cons/' hls/ch1.cpp
  fails hls.fails.vector '$s/.$/x/' tb/vectors/out.hex
  fails hls.fails.bit '3y/0123456789abcdef/1032547698badcfe/' tb/vectors/out.hex
  [ "$have_types" ] && fails hls.fails.vendor '0,/sub</s/sub</add</' hls/ch1.cpp AC
}
verified() { # --verify runs it and the report says so
  "$NNGEN" models/ch1.onnx --target=hls --q=8,3 --data=models/data/ch1_x.npy --verify -q -o "$WORK/verified" || return 1
  [ -z "$have_types" ] || [ "$(field "$WORK/verified/report.json" verify.hls.vectors)" -ge 3000 ] && ! [ -e "$WORK/verified/vhdl" ]
}
no_headers() { # says which and how, and is no failure
  local said
  ! said=$(make -s -C "$WORK/good" hls HLS_HEADERS="$WORK/none" PYTHON=false 2>&1) && grep -q '^SKIP: ap_int.h and ac_int.h are not installed (passed with NATIVE)' <<<"$said" && grep -q 'Error 77' <<<"$said" || { echo "$said"; return 1; }
}

# ---- the vendors' flows, with the vendors' commands stubbed ----

tcl() {
  command -v tclsh >/dev/null || { skip hls.tcl "tclsh is not installed"; return; }
  script() { (cd "$WORK" && tclsh "$stubs/vitis.tcl" "$WORK/good/vitis_hls.tcl" "$@") >"$WORK/tcl.log" 2>&1; }
  has() { grep -Eqx -- "$1" "$WORK/tcl.log" || { cat "$WORK/tcl.log"; return 1; }; }
  check hls.tcl.runs script
  check hls.tcl.defaults has 'PASS: ch1 on xc7a200tfbg676-2 at 5 ns: csim, csynth, cosim, export'
  check hls.tcl.top has 'set_top ch1'
  check hls.tcl.options script --part xczu9eg-ffvb1156-2-e --clock 3 --steps csim,csynth
  check hls.tcl.part has 'set_part xczu9eg-ffvb1156-2-e'
  check hls.tcl.clock has 'create_clock -period 3 .*'
  check hls.tcl.steps has 'PASS: .*: csim, csynth'
  not_exported() { ! grep -q export_design "$WORK/tcl.log"; }
  check hls.tcl.not_exported not_exported
  rejects hls.tcl.unknown_step 1 'unknown step nonsense' tclsh "$stubs/vitis.tcl" "$WORK/good/vitis_hls.tcl" --steps nonsense
  # the script's own compiler flags
  cflags=$(sed -n 's/^add_files \(-std=[^ ]*\) .*/\1/p' "$WORK/tcl.log" | head -n 1)
  check hls.tcl.standard test "$cflags" = -std=c++14
}
passes() { grep -Eq '^PASS: [0-9]+ vectors, [0-9]+ bits, 0 mismatches$' <<<"$1" || { echo "$1"; return 1; }; }
intel() {
  passes "$(make -s -C "$WORK/$1" -f intel_hls.mk emulate IPP="g++ -Wall -Wextra -Werror -D__INTELFPGA_COMPILER__ -isystem $stubs -isystem $HLS_HEADERS/ac_types" 2>&1)"
}
oneapi() {
  local hls=$WORK/$1/hls
  g++ -std=c++17 -Wall -Wextra -Werror -Wno-attributes -DSYCL_LANGUAGE_VERSION=2020 -isystem "$stubs" -isystem "$HLS_HEADERS/ac_types" -I"$hls" \
    -o "$WORK/oneapi" "$hls/ch1_oneapi.cpp" "$hls/ch1_test.cpp" -pthread && passes "$(cd "$WORK/$1" && "$WORK/oneapi" 2>&1)"
}
host_cmake() {
  cmake -S "$WORK/good/hls" -B "$WORK/cmake" && cmake --build "$WORK/cmake" && passes "$(cd "$WORK/good" && "$WORK/cmake/ch1_host")"
}
vendors() {
  local io
  tcl
  if [ "$have_types" ]; then
    for io in none axis; do
      check "hls.intel.$io.emit" emitted flow ch1 --q=8,3 --hls-io=$io || continue
      check "hls.intel.$io" intel flow
      check "hls.oneapi.$io" oneapi flow
    done
  fi
  if command -v cmake >/dev/null; then check hls.cmake host_cmake; else skip hls.cmake "cmake is not installed"; fi
}

case $1 in
  fast)
    check hls.emit emitted good ch1 --q=16,6 || exit
    check hls.ch1 equal good
    model logreg 8,3
    quiet hls.loops loops "$WORK/good/hls/ch1.cpp"
    can_fail
    tcl
    ;;
  rest)
    check hls.emit emitted good ch1 --q=16,6 || exit
    check hls.ch1 equal good
    interfaces
    primitives quantize arithmetic
    source_checks good ch1 g++ clang++
    check hls.two_networks two_networks
    check hls.odd_names odd_names
    can_fail
    check hls.verify verified
    check hls.no_headers no_headers
    vendors
    ;;
  modes) modes ;;
  *) for m; do model "$m" 8,3 16,6 16,auto; done ;;
esac
