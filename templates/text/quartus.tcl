# SPDX-License-Identifier: Apache-2.0
# Made by nngen @VERSION@ from @MODEL@
#
# Compilation of @TOP@ with virtual pins, under build/quartus; the reports are in build/quartus/output_files:
#   quartus_sh -t quartus.tcl [--part PART --clock NS --synth-only]
package require ::quartus::project
package require ::quartus::flow

set part 5CGXFC9E7F35C8
set clock @CLOCK@
set synth_only 0
set arguments [expr {[info exists quartus(args)] ? $quartus(args) : $argv}]
for {set i 0} {$i < [llength $arguments]} {incr i} {
  switch -- [lindex $arguments $i] {
    --part { set part [lindex $arguments [incr i]] }
    --clock { set clock [lindex $arguments [incr i]] }
    --synth-only { set synth_only 1 }
    default { error "unknown argument [lindex $arguments $i]: only --part PART, --clock NS and --synth-only" }
  }
}

set here [file dirname [file normalize [info script]]]
set out [file join $here build quartus]
file mkdir $out
cd $out

set sdc [open @TOP@.sdc w]
puts $sdc "create_clock -name clk -period $clock \[get_ports clk\]"
puts $sdc "derive_clock_uncertainty"
close $sdc

project_new @TOP@ -overwrite
set_global_assignment -name DEVICE $part
set_global_assignment -name TOP_LEVEL_ENTITY @TOP@
set_global_assignment -name VHDL_INPUT_VERSION VHDL_1993
set_global_assignment -name PROJECT_OUTPUT_DIRECTORY output_files
set_global_assignment -name SDC_FILE @TOP@.sdc
set list [open [file join $here vhdl files.txt]]
foreach name [split [string trim [read $list]] "\n"] {
  set_global_assignment -name VHDL_FILE [file join $here vhdl $name]
}
close $list
# the buses are wider than any package: only the clock is a real pin
foreach port {@PORT_NAMES@} {
  set_instance_assignment -name VIRTUAL_PIN ON -to $port
  set_instance_assignment -name VIRTUAL_PIN ON -to "${port}\[*\]"
}
export_assignments

if {$synth_only} {
  execute_module -tool map
} else {
  execute_flow -compile
}
project_close
puts "PASS: compiled @TOP@ for $part, clock $clock ns; utilization and timing in [file join $out output_files]"
