#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Adder graphs and pipelines: every family, depth and clock gives the same bits; a dumped kernel reloads as the same VHDL; yosys proves (SAT, by
# induction over the clock) that the VHDL of small layers is the product with the matrix, for all inputs.
# graphs.sh fast | full
. "$(dirname "$0")/../lib.sh"

nets="ch1" families="xilinx7 ice40" depths="min -1" clocks="2 8"
[ "$1" = full ] && nets="ch1 logreg" families="generic xilinx7 ultrascale agilex stratix10 ecp5 ice40" depths="min 2 -1" clocks="1.5 5 1000"
for net in $nets; do
  for family in $families; do
    same() {
      local depth clock
      for depth in $depths; do
        for clock in $clocks; do
          "$NNGEN" models/"$net".onnx --q=12,4 --data=models/data/"$net"_x.npy --family="$family" --depth="$depth" --clock="$clock" -q -o "$WORK/f" &&
            make -s -C "$WORK/f" check sim || { echo "--depth=$depth --clock=$clock"; return 1; }
          [ -e "$WORK/first.$net" ] || cp "$WORK/f/tb/vectors/out.hex" "$WORK/first.$net"
          cmp "$WORK/first.$net" "$WORK/f/tb/vectors/out.hex" || return 1
        done
      done
    }
    check "graphs.$net.$family" same
  done
done

reload() {
  local pass
  "$NNGEN" models/logreg.onnx --q=10,4 --family=xilinx7 -q -o "$WORK/r" || return 1
  for pass in lower expand pipeline; do
    "$NNGEN" models/logreg.onnx --q=10,4 --family=xilinx7 --dump=$pass -q >"$WORK/$pass.hir" &&
      "$NNGEN" "$WORK/$pass.hir" --top=logreg --family=xilinx7 -q -o "$WORK/again" &&
      diff <(grep -v 'Made by' "$WORK/r/vhdl/logreg.vhd") <(grep -v 'Made by' "$WORK/again/vhdl/logreg.vhd") || { echo "after $pass"; return 1; }
  done
}
check graphs.reload reload

if ! command -v yosys >/dev/null; then
  skip graphs.proof "yosys is not installed"
  exit 0
fi
if [ ! -e "$VENV_OK" ]; then
  skip graphs.proof "numpy or onnx could not be installed"
  exit 0
fi
# One dense layer, input and output registers; results in a format that holds them all. The other side is plain multiplications.
proof() {
  local seed=$1 rows=$2 cols=$3
  "$PY" tests/e2e/matrix.py "$seed" "$rows" "$cols" "$WORK/m" &&
    "$NNGEN" "$WORK/m/net.onnx" --q=6,3 --round=trn --config="$WORK/m/config.json" --clock=1000 --top=net -q -o "$WORK/p" &&
    make -s -C "$WORK/p" build/net.v || return 1
  grep -q ':= .* \* ' "$WORK/p/vhdl/net.vhd" && { echo "multiplications in the VHDL"; return 1; }
  timeout 100 yosys -q -p "read_verilog -sv $WORK/p/build/net.v $WORK/m/plain.v; hierarchy -top miter; flatten; proc; opt; sat -tempinduct -seq 1 -maxsteps 6 -prove bad 0 -verify miter"
}
proofs="1 2 3 4"
[ "$1" = full ] && proofs="1 2 3 4 5 6 7 8 9 10"
for s in $proofs; do check "graphs.proof.$s" proof "$s" $((1 + s % 2)) $((1 + s % 4)); done
wrong() { # the proof must be able to fail
  proof 3 2 2 || return 1
  sed -i '0,/ - /s// + /' "$WORK/p/build/net.v"
  ! yosys -q -p "read_verilog -sv $WORK/p/build/net.v $WORK/m/plain.v; hierarchy -top miter; flatten; proc; opt; sat -tempinduct -seq 1 -maxsteps 6 -prove bad 0 -verify miter" >/dev/null 2>&1
}
check graphs.proof.can_fail wrong
