#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Tables whose first 32 bits alone are not 0, of which GHDL 2.0 --synth loses all: the VHDL as Verilog, on every address.
. "$(dirname "$0")/../lib.sh"
command -v verilator >/dev/null 2>&1 || { skip tables "verilator is not installed"; exit 0; }

# table ENTRIES BITS_OF_ADDRESS BITS WORD...: the words that follow are 0
table() {
  local n=$1 address=$2 bits=$3 d=$WORK/t$1_$3 words
  shift 3
  words="$* $(for ((i = $#; i < n; i++)); do printf '0 '; done)"
  cat >"$d.hir" <<HIR
hir 1 t
input "x" 0 1 $address $address u 1 1
output "y" 0 1 $bits $bits u 1 1
table t $n "words" $words
v0 = in 0 [0,$((n - 1))]
v1 = lut v0 0 [0,$(((1 << bits) - 1))]
out v1
HIR
  quiet "tables.$n.$bits.made" "$NNGEN" "$d.hir" -o "$d" -q
  check "tables.$n.$bits.verilator" make -C "$d" verilate
}
table 64 6 1 1
table 16 4 4 15 3
table 32 5 2 3
table 128 7 1 1
