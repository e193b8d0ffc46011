# SPDX-License-Identifier: Apache-2.0
# Vitis HLS as far as a generated script sees it: each command says what it was given, options that it does not have and files that are not there
# are errors. tclsh vitis.tcl SCRIPT [ARGUMENTS]
proc options {name allowed arguments} {
  puts "$name $arguments"
  foreach a $arguments {
    if {[regexp {^-[a-z]} $a] && [lsearch -exact $allowed $a] < 0} { error "$name has no option $a" }
  }
}
proc open_project {args} { options open_project {-reset} $args }
proc set_top {name} { puts "set_top $name" }
proc add_files {args} {
  set files {}
  for {set i 0} {$i < [llength $args]} {incr i} {
    switch -- [lindex $args $i] {
      -tb {}
      -cflags { puts "add_files [lindex $args [incr i]]" }
      default { lappend files [lindex $args $i] }
    }
  }
  foreach f $files { if {![file exists $f]} { error "no file $f" } }
  puts "add_files $files"
}
proc open_solution {args} { options open_solution {-reset -flow_target} $args }
proc set_part {part} { puts "set_part $part" }
proc create_clock {args} { options create_clock {-period -name} $args }
proc csim_design {args} {
  options csim_design {-argv} $args
  foreach f [lindex $args 1] { if {![file exists $f]} { error "no file $f" } }
}
proc csynth_design {} { puts csynth_design }
proc cosim_design {args} { options cosim_design {-argv} $args }
proc export_design {args} { options export_design {-format -output} $args }
set argv0 [lindex $argv 0]
set argv [lrange $argv 1 end]
set argc [llength $argv]
source $argv0
