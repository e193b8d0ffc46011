#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# vivado.tcl and quartus.tcl of a generated folder in a plain Tcl interpreter: the vendor's commands are stubs that write down how they were called, and
# any other command is an error, as a misspelt one would be.
. "$(dirname "$0")/../lib.sh"
command -v tclsh >/dev/null 2>&1 || { skip tcl "tclsh is not installed"; exit 0; }
d=$WORK/ch1
check tcl.emit "$NNGEN" models/ch1.onnx --q=8,3 --clock=4 -q -o "$d" || exit 0

cat >"$WORK/vendor.tcl" <<'EOF'
# vendor.tcl LOG SLACK vivado|quartus SCRIPT ARGUMENT...
lassign $argv logfile slack tool script
set argv [lrange $argv 4 end]
set log [open $logfile w]
fconfigure $log -buffering line
set vivado_commands {create_project current_project add_files current_fileset set_property update_compile_order synth_design report_utilization
  report_timing_summary write_checkpoint opt_design place_design phys_opt_design route_design get_property get_timing_paths get_ports create_clock}
set quartus_commands {project_new project_close set_global_assignment set_instance_assignment export_assignments execute_flow execute_module}
foreach command [set ${tool}_commands] {
  proc $command {args} [string map [list COMMAND $command] {
    puts $::log "COMMAND $args"
    return [expr {"COMMAND" eq "get_property" ? $::slack : "<COMMAND>"}]
  }]
}
if {$tool eq "quartus"} {
  package provide ::quartus::project 1.0
  package provide ::quartus::flow 1.0
  set quartus(args) $argv
  set argv {}
}
source $script
EOF
vendor() { tclsh "$WORK/vendor.tcl" "$WORK/log" "$@" >"$WORK/said" 2>&1; }

# in_order REGEX...: each matches a line of the log after the one before
in_order() {
  local at=0 n regex
  for regex; do
    n=$(tail -n +$((at + 1)) "$WORK/log" | grep -nEm1 -e "$regex" | cut -d: -f1)
    [ -n "$n" ] || { echo "after line $at no /$regex/ in:"; cat "$WORK/log" "$WORK/said"; return 1; }
    at=$((at + n))
  done
}
sources_there() { # the files named in the log are those of files.txt, in that order, and exist
  local f
  grep -oE '[^ {}]*/vhdl/[^ {}]*\.vhd' "$WORK/log" >"$WORK/sources"
  diff <(sed 's#.*/##' "$WORK/sources") "$d/vhdl/files.txt" || return 1
  while read -r f; do [ -e "$f" ] || { echo "no $f"; return 1; }; done <"$WORK/sources"
}

vivado_full() {
  vendor 0.25 vivado "$d/vivado.tcl" || { cat "$WORK/said"; return 1; }
  in_order '^create_project -force ch1 .*/build/vivado -part xc7' '^add_files -norecurse .*ch1\.vhd' '^add_files -fileset constrs_1 .*ch1\.xdc$' '^set_property top ch1 ' \
    '^synth_design -top ch1 -part xc7[^ ]* -mode out_of_context$' '^report_utilization -file .*synth_utilization' '^report_timing_summary .*synth_timing' \
    '^opt_design' '^place_design' '^route_design' '^report_utilization .*/utilization' '^report_timing_summary .*/timing' '^write_checkpoint -force .*routed' &&
    sources_there && [ "$(tail -n 1 "$WORK/said")" = "PASS: timing is met" ]
}
check tcl.vivado vivado_full
vivado_clock() { # the constraint is Tcl too
  echo "source $d/build/vivado/ch1.xdc" >"$WORK/xdc.tcl"
  vendor 0 vivado "$WORK/xdc.tcl" && in_order '^get_ports clk$' '^create_clock -name clk -period 4 <get_ports>$'
}
check tcl.vivado.clock vivado_clock
vivado_part() {
  vendor 0 vivado "$d/vivado.tcl" --part xcku5p-ffvb676-2-e --clock 2.5 && in_order '^create_project .* -part xcku5p-ffvb676-2-e$' '^synth_design .*-part xcku5p-ffvb676-2-e ' &&
    grep -q -e '-period 2.5 ' "$d/build/vivado/ch1.xdc" && ! grep -q xc7 "$WORK/log"
}
check tcl.vivado.part vivado_part
vivado_synth_only() { vendor 0 vivado "$d/vivado.tcl" --synth-only && in_order '^synth_design' '^report_utilization' && ! grep -qE '^(place|route)_design' "$WORK/log"; }
check tcl.vivado.synth_only vivado_synth_only
vivado_slow() { ! vendor -0.1 vivado "$d/vivado.tcl" && [ "$(tail -n 1 "$WORK/said")" = "FAIL: timing is not met" ]; }
check tcl.vivado.timing_missed vivado_slow
vivado_option() { ! vendor 0 vivado "$d/vivado.tcl" --prat x && grep -q 'unknown argument --prat' "$WORK/said" && [ ! -s "$WORK/log" ]; }
check tcl.vivado.unknown_argument vivado_option

quartus_full() {
  vendor 0 quartus "$d/quartus.tcl" || { cat "$WORK/said"; return 1; }
  in_order '^project_new ch1 -overwrite$' '^set_global_assignment -name DEVICE 5C' '-name TOP_LEVEL_ENTITY ch1$' '-name SDC_FILE ch1.sdc$' '-name VHDL_FILE .*ch1\.vhd$' \
    '^set_instance_assignment -name VIRTUAL_PIN ON -to in_data$' '^export_assignments' '^execute_flow -compile$' '^project_close' && sources_there &&
    grep -q '^create_clock -name clk -period 4 ' "$d/build/quartus/ch1.sdc" && tail -n 1 "$WORK/said" | grep -q '^PASS: '
}
check tcl.quartus quartus_full
quartus_part() { vendor 0 quartus "$d/quartus.tcl" --part 10AX115 --synth-only && in_order '-name DEVICE 10AX115$' '^execute_module -tool map$' && ! grep -q execute_flow "$WORK/log"; }
check tcl.quartus.part quartus_part
quartus_option() { ! vendor 0 quartus "$d/quartus.tcl" --prat x && grep -q 'unknown argument --prat' "$WORK/said" && [ ! -s "$WORK/log" ]; }
check tcl.quartus.unknown_argument quartus_option
# the stubs can fail: a command that the tool does not have
misspelt() { sed 's/^export_assignments/export_asignments/' "$d/quartus.tcl" >"$d/q2.tcl" && ! vendor 0 quartus "$d/q2.tcl" && grep -q 'invalid command name "export_asignments"' "$WORK/said"; }
check tcl.misspelt_command misspelt
