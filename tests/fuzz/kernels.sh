#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Random hardware IR, with no ONNX in front: every operation at every width through the C model, a share in GHDL, in Verilator and as HLS C++ in all types.
# kernels.sh SEED N GHDL VERILATOR HLS
. "$(dirname "$0")/../lib.sh"
types=NATIVE
[ -e "$HLS_HEADERS/ap_types/ap_int.h" ] && types="NATIVE AP AC"
make_kernel=$BUILD/fuzz/gen_kernel
first=$1 n=$2 ghdl=$3 verilator=$4 hls=$5 bad=0 refused=0
for ((i = 0; i < n; i++)); do
  seed=$((first + i)) out=$WORK/k
  rm -rf "$out"
  "$make_kernel" $seed >"$WORK/k.hir" || { not_ok "kernels.$seed" "gen_kernel failed"; bad=1; continue; }
  target=all
  grep -q '^state' "$WORK/k.hir" && target=vhdl # HLS C++ has no recurrent form
  "$NNGEN" "$WORK/k.hir" --target=$target -q --plots=none -o "$out" >"$WORK/log" 2>&1
  status=$?
  if [ $status -eq 3 ]; then refused=$((refused + 1)); continue; fi
  targets="check"
  [ "$ghdl" -gt 0 ] && [ $((i % (n / ghdl))) -eq 0 ] && targets="check sim"
  [ "$verilator" -gt 0 ] && [ $((i % (n / verilator))) -eq 0 ] && targets="check sim verilate"
  [ "$hls" -gt 0 ] && [ $((i % (n / hls))) -eq 0 ] && [ $target = all ] && targets+=" hls"
  # shellcheck disable=SC2086
  if [ $status -ne 0 ] || ! make -s -C "$out" CFLAGS=-O0 HLS_TYPES="$types" $targets >>"$WORK/log" 2>&1; then
    tail -n 5 "$WORK/log"
    not_ok "kernels.$seed" "exit $status ($targets): $(tail -n 1 "$WORK/log")"
    bad=1
  fi
done
[ $refused -gt $((n / 4)) ] && { not_ok "kernels.$first" "$refused of $n refused"; bad=1; }
[ $bad = 0 ] && ok "kernels.$first+$n: $((n - refused)) equal, $ghdl in GHDL, $verilator in Verilator, $hls as HLS C++, $refused too wide"
exit 0
