#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Cells of a Verilog design by yosys for Xilinx 7 series: cells.sh TOP FILE.v... prints lut=N carry4=N ff=N dsp=N bram=N
# CPU_LIMIT: seconds of processor time for yosys (status 124 when it takes longer).
set -uo pipefail
top=$1
shift
stat=$(mktemp) log=$(mktemp)
trap 'rm -f "$stat" "$log"' EXIT
# -defer: modules that the design does not use are not elaborated (da4ml always ships one that reads a table file which may not exist)
(
  ulimit -t "${CPU_LIMIT:-unlimited}"
  exec yosys -q -p "read_verilog -sv -defer $*; synth_xilinx -family xc7 -top $top -flatten -noiopad -noclkbuf; tee -q -o $stat stat"
) >"$log" 2>&1
status=$?
if [ $status -ne 0 ]; then
  tail -5 "$log" >&2
  [ $status -ge 128 ] && exit 124
  exit 1
fi
awk '$1~/^LUT[1-6]$/{l+=$2} $1=="CARRY4"{c+=$2} $1~/^FD/{f+=$2} $1~/^SRL/{s+=$2} $1~/^DSP/{d+=$2} $1~/^RAMB18/{b+=$2} $1~/^RAMB36/{b+=2*$2}
  END{printf "lut=%d carry4=%d ff=%d srl=%d dsp=%d bram=%d\n",l,c,f,s,d,b}' "$stat"
