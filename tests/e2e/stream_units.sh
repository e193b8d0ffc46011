#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The units of a streamed network in GHDL, on random geometries, at full speed and with stalls on both sides: every word against the definition, every
# clock edge against the cycle model; then whole networks of units.  stream_units.sh fast | full
. "$(dirname "$0")/../lib.sh"
command -v ghdl >/dev/null 2>&1 || { skip stream "ghdl is not installed"; exit 0; }
units=$BUILD/fuzz/stream_units
graphs=$BUILD/fuzz/stream_graphs
files=(nn_stream_pkg nn_stream_ram nn_stream_fifo nn_stream_rows nn_stream_fetch nn_stream_window)

# simulate PROGRAM SEED N DIR [FOLDER OF THE UNITS]
simulate() {
  local dir=$4 vhdl=${5:-templates/vhdl} f paths=()
  for f in "${files[@]}"; do paths+=("$vhdl/$f.vhd"); done
  rm -rf "$dir"
  mkdir -p "$dir/lib"
  "$1" write "$2" "$3" "$dir" &&
    ghdl -a --std=08 --workdir="$dir/lib" "${paths[@]}" testbench/nn_tb_pkg.vhd tests/stream/harness.vhd tests/stream/kernel_stub.vhd "$dir/cases.vhd" &&
    ghdl -r --std=08 --workdir="$dir/lib" cases --ieee-asserts=disable-at-0
}
# What it prints is the verdicts; a simulation that stops early leaves logs that do not end as they should.
run() { simulate "$1" "$2" "$3" "$WORK/sim" >"$WORK/sim.log" 2>&1 || tail -n 5 "$WORK/sim.log"; "$1" check "$2" "$3" "$WORK/sim"; }

for std in 93 08; do
  mkdir -p "$WORK/w$std"
  quiet "stream.vhdl$std" env -C templates/vhdl ghdl -a --std=$std --workdir="$WORK/w$std" "${files[@]/%/.vhd}"
done
if [ "$1" = fast ]; then
  run "$units" 1 48
  run "$graphs" 1 24
  exit
fi
for seed in 101 102; do run "$units" $seed 240; done
run "$graphs" 101 120

# A changed unit must be noticed.
mutants=0
mutant() { # FILE SED-EXPRESSION
  local d=$WORK/mutant
  mutants=$((mutants + 1))
  rm -rf "$d" && cp -r templates/vhdl "$d" && sed -i "$2" "$d/$1.vhd"
  if cmp -s "$d/$1.vhd" "templates/vhdl/$1.vhd"; then
    not_ok "stream.mutant_$mutants" "nothing to change: $2"
  elif simulate "$units" 1 64 "$WORK/sim" "$d" >/dev/null 2>&1 && "$units" check 1 64 "$WORK/sim" >/dev/null; then
    not_ok "stream.mutant_$mutants" "not noticed: $1: $2"
  else
    ok "stream.mutant_$mutants"
  fi
}
mutant nn_stream_fifo 's/v_count = DEPTH_G then/v_count >= DEPTH_G - 1 then/'
mutant nn_stream_fifo "s/push = '1' and tail = head_next/push = '1' and tail = head/"
mutant nn_stream_fifo 's/C_MOST_LUT : positive := 64/C_MOST_LUT : positive := 1000/; s/memory(tail) <= s_data/memory(head) <= s_data/'
mutant nn_stream_rows 's/return nn_clip(row + ROW_SPAN_G, 1, ROWS_G)/return nn_clip(row + ROW_SPAN_G - 1, 1, ROWS_G)/'
mutant nn_stream_rows 's/return ROWS_G + C_SKIPPED - /return ROWS_G - /'
mutant nn_stream_rows 's/room     <= SLOTS_G + C_SKIPPED/room     <= SLOTS_G/'
mutant nn_stream_rows 's/v_room := v_room - 1/v_room := v_room - 0/'
mutant nn_stream_fetch "s/b_frees when ce = '1'/a_frees when ce = '1'/"
mutant nn_stream_fetch 's/v_word >= ROW_WORDS_G/v_word > ROW_WORDS_G/'
mutant nn_stream_fetch "s/a_token.last  <= owes;/a_token.last  <= '1';/"
mutant nn_stream_fetch 's/(i + PHASE_G(PHASE_G.low + p)) mod/i mod/'
mutant nn_stream_fetch "s/read <= ce and b_token.valid/read <= b_token.valid/"
mutant nn_stream_fetch 's/s(i) := i mod slots/s(i) := 0/'
mutant nn_stream_window 's/v_travel := travel + 1/v_travel := travel/'
mutant nn_stream_window 's/row >= ROWS_G - y/row > ROWS_G - y/'
mutant nn_stream_window 's/v_idle := FLUSH_G;/v_idle := 0;/'
mutant nn_stream_window 's/v_owes := owes or ends/v_owes := ends/'
mutant nn_stream_window 's/load_c   <= m_ready and (shift or not c_valid)/load_c   <= shift or (m_ready and not (c_valid or stays))/'
mutant nn_stream_window 's/tail <= C_TAIL;/tail <= C_TAIL - C_TAIL mod 2;/'
mutant nn_stream_window 's/nn_clip(C_READ, C_TRAVEL + 1, /nn_clip(C_READ, C_TRAVEL + 2, /'
mutant nn_stream_window 's/not (stays and full)/not stays/'
mutant nn_stream_window "s/if full = '1' then/if brings = '1' then/"
