#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Cells of a Verilog design by yosys for Xilinx 7 series: cells.sh TOP FILE.v... prints lut=N carry4=N ff=N dsp=N bram=N
set -euo pipefail
top=$1
shift
stat=$(mktemp) log=$(mktemp)
trap 'rm -f "$stat" "$log"' EXIT
yosys -q -p "read_verilog -sv $*; synth_xilinx -family xc7 -top $top -flatten -noiopad -noclkbuf; tee -q -o $stat stat" >"$log" 2>&1 || {
  tail -5 "$log" >&2
  exit 1
}
awk '$1~/^LUT[1-6]$/{l+=$2} $1=="CARRY4"{c=$2} $1~/^FD/{f+=$2} $1~/^DSP/{d+=$2} $1~/^RAMB/{b+=$2}
  END{printf "lut=%d carry4=%d ff=%d dsp=%d bram=%d\n",l,c,f,d,b}' "$stat"
