# SPDX-License-Identifier: Apache-2.0
# Made by nngen @VERSION@ from @MODEL@
#
# @TOP@ in Vitis HLS: C simulation, synthesis, co-simulation and an IP for Vivado, under build/vitis:
#   vitis_hls -f vitis_hls.tcl [--part PART] [--clock NS] [--steps csim,csynth,cosim,export]
# (Vitis 2024.2 and later: vitis-run --mode hls --tcl vitis_hls.tcl)
set part xc7a200tfbg676-2
set clock @CLOCK@
set steps csim,csynth,cosim,export
for {set i 0} {$i < [llength $argv]} {incr i} {
  switch -- [lindex $argv $i] {
    --part { set part [lindex $argv [incr i]] }
    --clock { set clock [lindex $argv [incr i]] }
    --steps { set steps [lindex $argv [incr i]] }
    default {}
  }
}
set steps [split $steps ,]
foreach step $steps {
  if {[lsearch -exact {csim csynth cosim export} $step] < 0} {
    error "unknown step $step: csim, csynth, cosim, export"
  }
}

set here [file dirname [file normalize [info script]]]
set vectors "[file join $here tb vectors in.hex] [file join $here tb vectors out.hex]"
file mkdir [file join $here build]
cd [file join $here build]

set flags "-std=c++14 -D@TOP@_HLS_AP"
open_project -reset vitis
set_top @TOP@
add_files [file join $here hls @TOP@.cpp] -cflags $flags
add_files -tb [file join $here hls @TOP@_test.cpp] -cflags "$flags -I[file join $here hls]"
open_solution -reset solution -flow_target vivado
set_part $part
create_clock -period $clock -name default

# Every step ends the script with an error where it fails; csim and cosim fail on any bit that differs.
if {[lsearch -exact $steps csim] >= 0} {
  csim_design -argv $vectors
}
if {[lsearch -exact $steps csynth] >= 0} {
  csynth_design
}
if {[lsearch -exact $steps cosim] >= 0} {
  cosim_design -argv $vectors
}
if {[lsearch -exact $steps export] >= 0} {
  export_design -format ip_catalog -output [file join $here build @TOP@_ip.zip]
}
puts "PASS: @TOP@ on $part at $clock ns: [join $steps {, }]"
exit
