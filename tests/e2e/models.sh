#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The trained networks of models/ through the command as the README gives it: models.sh NAME... | fast
. "$(dirname "$0")/../lib.sh"

floats() { # the file(s) with onnxruntime's outputs
  echo "models/data/$1_float.npy"
  [ -e "models/data/$1_probabilities.npy" ] && echo "models/data/$1_probabilities.npy"
}

zero_mismatches() { # REPORT KEY LEAST
  local vectors bad
  vectors=$(field "$1" "verify.$2.vectors")
  bad=$(field "$1" "verify.$2.mismatched_bits")
  [ "$bad" = 0 ] && [ "$vectors" -ge "$3" ] || { echo "$2: $vectors vectors, $bad mismatched bits"; return 1; }
}

accuracy_kept() { # at most half a point of accuracy lost, or 5 % of the RMSE gained
  python3 - "$1" <<'EOF'
import json, sys
a = json.load(open(sys.argv[1]))["accuracy"]
f, x, metric = a["float_metric"], a["fixed_metric"], a.get("metric")
print("float", f, "fixed", x, metric)
sys.exit(0 if f is not None and (x >= f - 0.005 if metric == "accuracy" else x <= f * 1.05 + 1e-4) else 1)
EOF
}

model() { # NAME full|fast
  local name=$1 out=$WORK/$1 data=models/data/$1_x.npy samples want
  mapfile -t want < <(floats "$name")
  check "model.$name.16_6" "$NNGEN" "models/$name.onnx" --target=c --q=16,6 --data="$data" --labels="models/data/${name}_y.npy" --float-out="$WORK/float.npy" \
    -q -o "$out.c" || return
  check "model.$name.float" python3 tests/npy.py close "$WORK/float.npy" "${want[@]}" 1e-5
  check "model.$name.accuracy" accuracy_kept "$out.c/report.json"
  if [ "$2" = fast ]; then
    check "model.$name.16_2" "$NNGEN" "models/$name.onnx" --target=vhdl --q=16,2 --data="$data" -o "$out" || return
    check "model.$name.c" make -s -C "$out" check
    check "model.$name.ghdl" make -s -C "$out" sim
    return
  fi
  check "model.$name.c_at_16_6" make -s -C "$out.c" check
  check "model.$name.verify" "$NNGEN" "models/$name.onnx" --target=vhdl --q=16,2 --data="$data" --verify -o "$out"
  samples=$(python3 tests/npy.py shape "$data" | cut -d' ' -f1)
  check "model.$name.c" zero_mismatches "$out/report.json" c "$samples"
  check "model.$name.ghdl" zero_mismatches "$out/report.json" ghdl 200
  check "model.$name.verilator" zero_mismatches "$out/report.json" verilator "$samples"
  check "model.$name.report" python3 tests/e2e/report.py "$out/report.json"
}

if [ "$1" = fast ]; then
  for m in ch1 ngamma logreg; do model $m fast; done
else
  for m; do model "$m" full; done
fi
