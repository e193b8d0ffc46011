# SPDX-License-Identifier: Apache-2.0
# Made by nngen @VERSION@ from @MODEL@
#
# Synthesis and implementation of @TOP@ out of context, with reports, under build/vivado:
#   vivado -mode batch -source vivado.tcl [-tclargs --part PART --clock NS --synth-only]
set part xc7a200tfbg676-2
set clock @CLOCK@
set synth_only 0
for {set i 0} {$i < [llength $argv]} {incr i} {
  switch -- [lindex $argv $i] {
    --part { set part [lindex $argv [incr i]] }
    --clock { set clock [lindex $argv [incr i]] }
    --synth-only { set synth_only 1 }
    default { error "unknown argument [lindex $argv $i]: only --part PART, --clock NS and --synth-only" }
  }
}

set here [file dirname [file normalize [info script]]]
set out [file join $here build vivado]
file mkdir $out

set list [open [file join $here vhdl files.txt]]
set sources {}
foreach name [split [string trim [read $list]] "\n"] {
  lappend sources [file join $here vhdl $name]
}
close $list

set xdc [file join $out @TOP@.xdc]
set f [open $xdc w]
puts $f "create_clock -name clk -period $clock \[get_ports clk\]"
close $f

create_project -force @TOP@ $out -part $part
set_property target_language VHDL [current_project]
add_files -norecurse $sources
add_files -fileset constrs_1 -norecurse $xdc
set_property top @TOP@ [current_fileset]
update_compile_order -fileset sources_1

synth_design -top @TOP@ -part $part -mode out_of_context
report_utilization -file [file join $out synth_utilization.rpt]
report_timing_summary -file [file join $out synth_timing.rpt]
write_checkpoint -force [file join $out synth.dcp]

if {!$synth_only} {
  opt_design
  place_design
  phys_opt_design
  route_design
  report_utilization -file [file join $out utilization.rpt]
  report_timing_summary -file [file join $out timing.rpt]
  write_checkpoint -force [file join $out routed.dcp]
}

set slack [get_property SLACK [get_timing_paths -delay_type max]]
puts "@TOP@ on $part: clock $clock ns, worst slack $slack ns; reports in $out"
if {$slack ne "" && $slack < 0} {
  puts "FAIL: timing is not met"
  exit 1
}
puts "PASS: timing is met"
