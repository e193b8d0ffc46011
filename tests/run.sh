#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the tests: run.sh fast | full | JOB...   (jobs by name, as the list below prints with: run.sh list)
# Two jobs at a time (JOBS). The last line is "N passed, N failed"; the exit status is 1 when anything failed. Logs: build/test/.
set -u
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build}
export BUILD
JOBS=${JOBS:-2}
LOGS=$BUILD/test

# name | seconds allowed | command; the long ones first
fast() {
  cat <<'EOF'
models-fast|100|tests/e2e/models.sh fast
bench-fails|100|tests/e2e/bench_fails.sh fast
bench2-fast|100|tests/e2e/test_bench_fails.sh fast
hls-fast|60|tests/e2e/hls.sh fast
fuzz-fast|100|tests/fuzz/run.sh 1 30 4 0 2
kernels-fast|60|tests/fuzz/kernels.sh 1 20 4 0 2
standards-fast|90|tests/e2e/standards.sh fast
exported-fast|90|tests/e2e/exported.sh fast
lar-fast|60|tests/e2e/lar.sh fast
stream-models|90|tests/e2e/stream_models.sh
recurrent-fast|60|tests/e2e/recurrent.sh fast
onnx-nodes|90|tests/e2e/onnx_nodes.sh
quantised-fast|90|tests/e2e/quantised.sh fast
search-fast|120|tests/e2e/search.sh fast
search-recurrent-fast|100|tests/e2e/search_recurrent.sh fast
graphs-fast|100|tests/e2e/graphs.sh fast
tcl|60|tests/e2e/tcl.sh
reject|60|tests/reject/run.sh
tables|200|tests/e2e/tables.sh
stream-units-fast|60|tests/e2e/stream_units.sh fast
stream-fast|100|tests/e2e/stream.sh fast
stream-top-fast|60|tests/e2e/stream_top.sh fast
html|90|tests/e2e/html.sh
prune|60|tests/e2e/prune.sh
calibrate|100|tests/e2e/calibrate.sh
folder|60|tests/e2e/folder.sh
golden|60|tests/golden/run.sh
EOF
  unit "$BUILD/unit"
}

full() {
  cat <<'EOF'
models-1|1100|tests/e2e/models.sh jet_like autoencoder mlp50
models-2|1100|tests/e2e/models.sh jet_like_dynamo digits ngamma logreg skl_mlp ch1 cnn1d
search|900|tests/e2e/search.sh full
hls-1|600|tests/e2e/hls.sh jet_like jet_like_dynamo mlp50 autoencoder
hls-2|600|tests/e2e/hls.sh digits ngamma skl_mlp logreg ch1
hls-modes|300|tests/e2e/hls.sh modes
hls|400|tests/e2e/hls.sh rest
fuzz-1|900|tests/fuzz/run.sh 1001 400 20 4 10
fuzz-2|900|tests/fuzz/run.sh 3001 400 20 4 10
kernels|600|tests/fuzz/kernels.sh 1001 150 30 4 15
exported|900|tests/e2e/exported.sh all
lar|300|tests/e2e/lar.sh all
stream-models|90|tests/e2e/stream_models.sh
onnx-nodes|300|tests/e2e/onnx_nodes.sh
quantised|900|tests/e2e/quantised.sh full
kept|600|tests/fuzz/run.sh kept
recurrent|900|tests/e2e/recurrent.sh full
search-recurrent|400|tests/e2e/search_recurrent.sh full
graphs|1200|tests/e2e/graphs.sh full
standards|600|tests/e2e/standards.sh full
bench-fails|400|tests/e2e/bench_fails.sh full
bench2|400|tests/e2e/test_bench_fails.sh full
readme|900|tests/e2e/readme.sh
demo|300|tests/e2e/demo.sh
sanitize|600|tests/e2e/sanitize.sh
synth|240|tests/e2e/synth.sh
tcl|60|tests/e2e/tcl.sh
cells|240|tests/bench/cells_test.sh
reject|120|tests/reject/run.sh
tables|200|tests/e2e/tables.sh
stream-units|300|tests/e2e/stream_units.sh full
stream|600|tests/e2e/stream.sh full
stream-top|300|tests/e2e/stream_top.sh full
stream-synth|400|tests/e2e/stream_synth.sh
html|120|tests/e2e/html.sh
prune|120|tests/e2e/prune.sh
calibrate|200|tests/e2e/calibrate.sh
folder|120|tests/e2e/folder.sh
golden|120|tests/golden/run.sh
lint|400|tests/lint.sh
EOF
  unit "$BUILD/unit"
  unit build/asan/unit
}

unit() {
  local b
  for b in "$1"/test_*; do
    [ -x "$b" ] && case $b in *.d) ;; *) echo "$b|300|tests/unit.sh $b" ;; esac
  done
}

# One job, in the background of xargs: its log, then one line for the reader.
if [ "${1:-}" = --job ]; then
  IFS='|' read -r name limit command <<<"$2"
  log=$LOGS/${name//\//_}.log
  started=$(date +%s)
  # shellcheck disable=SC2086
  timeout -k 5 "$limit" bash -c "exec $command" >"$log" 2>&1 </dev/null
  status=$?
  bad=$(grep -c '^not ok ' "$log")
  if [ $status -eq 124 ]; then
    echo "not ok $name - took more than $limit s" >>"$log"
  elif ! grep -Eq '^(ok|not ok|skip) ' "$log" || { [ $status -ne 0 ] && [ "$bad" -eq 0 ]; }; then
    echo "not ok $name - exit $status without a verdict: $(tail -n 1 "$log")" >>"$log"
  fi
  printf '%-28s %4d passed %3d failed %3d skipped %5d s\n' "$name" "$(grep -c '^ok ' "$log")" "$(grep -c '^not ok ' "$log")" "$(grep -c '^skip ' "$log")" \
    $(($(date +%s) - started))
  grep '^not ok ' "$log" | sed 's/^/    /'
  exit 0
fi

case ${1:-full} in
  list) { fast; full; } | cut -d'|' -f1,3 | sort -u; exit ;;
  fast) fast ;;
  full) full ;;
  *) { full; fast; } | grep -E "^($(IFS='|'; echo "$*"))\\|" | sort -u ;;
esac >"${list:=$(mktemp)}"

rm -rf "$LOGS"
mkdir -p "$LOGS"
started=$(date +%s)
xargs -d '\n' -P "$JOBS" -I{} "$0" --job {} <"$list"
rm -f "$list"
passed=$(cat "$LOGS"/*.log | grep -c '^ok ')
failed=$(cat "$LOGS"/*.log | grep -c '^not ok ')
skipped=$(cat "$LOGS"/*.log | grep -c '^skip ')
echo
if [ "$skipped" -gt 0 ]; then
  echo "SKIPPED:"
  grep -h '^skip ' "$LOGS"/*.log | sed 's/^skip /  /'
fi
if [ "$failed" -gt 0 ]; then
  echo "FAILED (logs in $LOGS):"
  grep '^not ok ' "$LOGS"/*.log | sed "s#^$LOGS/##; s/:not ok /: /; s/^/  /" | head -n 60
fi
echo "$(($(date +%s) - started)) s"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
