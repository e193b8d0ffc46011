#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# make table: the measured table of the README, from the reports of fresh runs. table.sh [W,I ...]
. "$(dirname "$0")/lib.sh"
formats=("$@")
[ $# -gt 0 ] || formats=("16,6" "8,auto")
echo "| network | layers | format | adders | LUT, FF (estimated) | latency | worst error | rms error | float | fixed |"
echo "|---|---|---|---|---|---|---|---|---|---|"
for m in ch1 mlp50 ngamma jet_like digits logreg skl_mlp autoencoder cnn1d; do
  for q in "${formats[@]}"; do
    "$NNGEN" models/$m.onnx --target=vhdl "--q=$q" --data=models/data/${m}_x.npy --labels=models/data/${m}_y.npy -q -o "$WORK/$m" >"$WORK/log" 2>&1 || { cat "$WORK/log" >&2; exit 1; }
    python3 - "$WORK/$m/report.json" "$m" "$q" <<'EOF'
import json, sys
r = json.load(open(sys.argv[1]))
shape = {"ch1": "2-8-1", "mlp50": "2-50-25-1", "ngamma": "75-10-4-2", "jet_like": "16-64-32-32-5", "digits": "64-32-32-10", "logreg": "30-1", "skl_mlp": "30-16-8-1",
         "autoencoder": "32-16-8-16-32", "cnn1d": "Conv 4×7, 8×3, 32-16-3"}[sys.argv[2]]
t, a = r["totals"], r["accuracy"]
metric = (lambda v: f"{100 * v:.2f} %") if a["metric"] == "accuracy" else (lambda v: f"RMSE {v:.4g}")
print(f"| {sys.argv[2]} | {shape} | `{sys.argv[3]}` | {t['adders']:,} | {t['luts']:,}, {t['ffs']:,} | {t['latency_cycles']} | {a['max_abs_err']:.2g} | {a['rms_err']:.2g} | {metric(a['float_metric'])} | {metric(a['fixed_metric'])} |")
EOF
  done
done
