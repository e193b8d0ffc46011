#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# --prune=P%, --prune=rows:P% and --prune=N:M: as many zeros as asked for, what is left makes up for them, the design stays bit-exact.
. "$(dirname "$0")/../lib.sh"
run() { # FOLDER MODEL OPTIONS...
  local out=$WORK/$1 model=$2
  shift 2
  "$NNGEN" "models/$model.onnx" --q=8,auto "--data=models/data/${model}_x.npy" "--labels=models/data/${model}_y.npy" --target=c --plots=none -q -o "$out" "$@"
}
zeros() { # FOLDER LEAST MOST: share of zeros among all parameters
  python3 - "$WORK/$1/report.json" "$2" "$3" <<'EOF'
import json, sys
l = json.load(open(sys.argv[1]))["layers"]
share = sum(x["zeros"] for x in l) / sum(x["params"] for x in l)
print(f"{share:.3f} zeros")
sys.exit(not float(sys.argv[2]) <= share <= float(sys.argv[3]))
EOF
}
lost() { # FOLDER MOST: accuracy against float
  python3 - "$WORK/$1/report.json" "$2" <<'EOF'
import json, sys
a = json.load(open(sys.argv[1]))["accuracy"]
print(a["float_metric"], a["fixed_metric"])
sys.exit(not a["float_metric"] - a["fixed_metric"] <= float(sys.argv[2]))
EOF
}
half() { run half jet_like --prune=50% && zeros half 0.46 0.52 && lost half 0.005; }
check prune.half half
check prune.half.bits make -s -C "$WORK/half" check
of_four() { run four jet_like --prune=2:4 && zeros four 0.46 0.52 && lost four 0.01; }
check prune.two_of_four of_four
keras() { run keras ngamma --prune=75% && zeros keras 0.70 0.78 && lost keras 0.01; } # the bias is an addition of its own
check prune.matmul_and_add keras
rows() { # half of the neurons go, and with them what is before them
  run rows jet_like --prune=rows:50% && lost rows 0.005 && [ "$(field "$WORK/rows/report.json" layers.0.pruned.weights)" = 0 ] &&
    [ "$(field "$WORK/rows/report.json" layers.2.pruned.weights)" = 1024 ] && [ "$(field "$WORK/rows/report.json" options.prune)" = rows:50% ] &&
    [ "$(field "$WORK/rows/report.json" totals.adders)" -lt 2200 ] && [ "$(field "$WORK/half/report.json" totals.adders)" -gt 2500 ]
}
check prune.rows rows
check prune.rows.bits make -s -C "$WORK/rows" check
rows_all() { run rows_all ch1 --prune=rows:100% && make -s -C "$WORK/rows_all" check; }
check prune.rows.everything rows_all
rows_none() { "$NNGEN" models/logreg.onnx --prune=rows:50% --data=models/data/logreg_x.npy --target=c --plots=none -o "$WORK/rows_none" 2>&1 | grep -q 'warning: --prune=rows: no dense layer'; }
check prune.rows.none rows_none
rows_keras() { run rows_keras ngamma --prune=rows:50% && lost rows_keras 0.01; }
check prune.rows.matmul_and_add rows_keras
conv() { run conv cnn1d --prune=30% && zeros conv 0.27 0.32 && lost conv 0.01 && make -s -C "$WORK/conv" check; } # 0.05 without making up for it
check prune.convolution conv
again() { run again jet_like --prune=50% && cmp "$WORK/half/c/jet_like.c" "$WORK/again/c/jet_like.c"; }
check prune.same_bytes again
all() { run all ch1 --prune=100% && make -s -C "$WORK/all" check; }
check prune.everything all
none() { run none ch1 --prune=0% && run plain ch1 && cmp "$WORK/none/c/ch1.c" "$WORK/plain/c/ch1.c"; }
check prune.nothing none
field_is() { [ "$(field "$WORK/four/report.json" options.prune)" = 2:4 ] && [ "$(field "$WORK/half/report.json" options.prune)" = 50% ]; }
check prune.reported field_is
for o in rows:5 rows:101% rows:% rows: 101% -1% x% 0:4 5:4 2:1 2: :4 a:4; do rejects "prune.option.$o" 1 'must be a' "$NNGEN" models/ch1.onnx "--prune=$o" -o "$WORK/no"; done
if [ -e "$VENV_OK" ]; then "$PY" tests/e2e/dead.py "$NNGEN" "$WORK"; else skip dead "Python packages could not be installed"; fi
