#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The streaming units through ghdl --synth and yosys, for Xilinx 7 and ECP5: memories become memories, and what is left is as small as it should be.
. "$(dirname "$0")/../lib.sh"
command -v yosys >/dev/null 2>&1 || { skip stream_synth "yosys is not installed"; exit 0; }
command -v ghdl >/dev/null 2>&1 || { skip stream_synth "ghdl is not installed"; exit 0; }
cd "$WORK" || exit 1
mkdir lib
vhdl=()
for f in pkg ram fifo rows fetch window; do vhdl+=("$ROOT/templates/vhdl/nn_stream_$f.vhd"); done
check stream_synth.analyse ghdl -a --std=93 --workdir=lib "${vhdl[@]}" "$ROOT/tests/stream/synth.vhd" || exit 1

# Verilog that yosys reads: constants of more than 32 bits are texts otherwise (templates/text/Makefile)
verilog() {
  ghdl --synth --std=93 --workdir=lib --out=verilog "$1" 2>"$1.log" >"$1.raw" && ! grep -E 'warning|error' "$1.log" &&
    awk '{ while (match($0, /"[01XZ]+"/)) $0 = substr($0, 1, RSTART - 1) RLENGTH - 2 "\047b" substr($0, RSTART + 1, RLENGTH - 2) \
      substr($0, RSTART + RLENGTH); print }' "$1.raw" >"$1.v"
}
# within FAMILY UNIT LUTS FFS BLOCKS LUTRAMS: at most so many LUTs and registers (and not far fewer), exactly so many block RAMs (18 Kb) and LUT RAMs
within() {
  local pass="synth_xilinx -family xc7 -flatten -noiopad -noclkbuf" said
  [ "$1" = ecp5 ] && pass=synth_ecp5
  yosys -p "read_verilog $2.v; $pass -top $2; tee -q -o cells.txt stat" >yosys.log 2>&1 || { tail -n 5 yosys.log; return 1; }
  said="$(awk -v "family=$1" -v what=text -f "$ROOT/templates/text/synth.awk" cells.txt), $(awk '$1 ~ /^(RAM[0-9]|TRELLIS_DPR)/ { n += $2 } END { print n + 0 }' cells.txt) LUT RAM"
  echo "$said"
  awk -v "lut=$3" -v "ff=$4" -v "bram=$5" -v "lutram=$6" '{ exit !($1 > lut / 4 && $1 <= lut && $3 > ff / 4 && $3 <= ff && $10 == bram && $12 == lutram) }' <<<"$said"
}
unit() { # UNIT, then LUTS FFS BLOCKS LUTRAMS for xilinx7 and for ecp5
  check "stream_synth.$1" verilog "$1" || return
  check "stream_synth.$1.xilinx7" within xilinx7 "$1" "${@:2:4}"
  check "stream_synth.$1.ecp5" within ecp5 "$1" "${@:6:4}"
}
# nine taps of 128 bits are 1152 registers and as many masks
unit window_conv 1300 1300 12 0 2300 1600 12 0
unit window_vector 60 1070 0 86 120 1080 0 128
unit window_steps 250 620 0 18 620 620 0 24
unit fetch_dense 90 140 1 0 240 200 1 0
unit fetch_conv 550 190 8 0 1300 360 8 0
unit fetch_sparse 120 130 20 0 500 180 20 0
unit fifo_deep 110 75 1 0 400 130 1 0
unit fifo_small 40 25 0 6 100 25 0 8
