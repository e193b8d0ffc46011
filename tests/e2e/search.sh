#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# --target-loss: smaller hardware within the loss, on the samples held back and in the bits of the C model and the VHDL; the same every time.
# search.sh fast | full
. "$(dirname "$0")/../lib.sh"
total() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["totals"][sys.argv[2]])' "$1/report.json" "$2"; }

smaller() { # NAME LOSS% PERCENT: at most PERCENT of the adder bits of uniform 8 bits
  local name=$1 before after
  set -- "$name" "$2" "$3" models/"$name".onnx --q=8,auto --data=models/data/"$name"_x.npy --labels=models/data/"$name"_y.npy -q
  "$NNGEN" "${@:4}" --target=c -o "$WORK/uniform" && "$NNGEN" "${@:4}" --target-loss="$2" -o "$WORK/$name" || return 1
  before=$(total "$WORK/uniform" adder_bits) after=$(total "$WORK/$name" adder_bits)
  echo "$name: $before -> $after adder bits"
  [ $((after * 100)) -le $((before * $3)) ] || return 1
  make -s -C "$WORK/$name" check sim || return 1
  python3 - "$WORK/$name/report.json" "${2%\%}" <<'EOF'
import json, sys
r, target = json.load(open(sys.argv[1])), float(sys.argv[2]) / 100
s, a = r["search"], r["accuracy"]
p = s["points"][s["taken"] - 1]
assert p["loss"] + p["standard_error"] <= target + 1e-12, p
assert p["passes"], p
assert all(q["adder_bits"] >= p["adder_bits"] for q in s["points"] if q["passes"] and q["adder_bits"]), "a cheaper point passes"
drop = a["float_metric"] - a["fixed_metric"]
print("held back", p["loss"], "+-", p["standard_error"], "all samples", drop)
assert drop <= target + 3 * p["standard_error"] + 0.005, drop  # half of these samples were held back; fixed point tables come on top
EOF
}
if [ "$1" = full ]; then
  check search.skl_mlp smaller skl_mlp 1% 15
  check search.ngamma smaller ngamma 0.5% 14
  check search.digits smaller digits 1% 24
  check search.jet_like smaller jet_like 1% 22
  check search.ch1 smaller ch1 0.5% 70
  check search.cnn1d smaller cnn1d 1% 50
  # 400,000 products: the counted operations end the search in time on any machine (seconds of processor, not of the clock)
  large() (
    ulimit -t 60
    "$NNGEN" models/stream/lenet28.onnx --mode=parallel --q=8,auto --data=models/data/lenet28_x.npy --labels=models/data/lenet28_y.npy --target-loss=0.5% --target=c --plots=none -q -o "$WORK/large"
  )
  check search.ends large
fi

# weights taught by the float network: closer to it at the same price, and no more digits; all of the data measures where others are given to fit to
taught() {
  local args=(models/"$1".onnx "--q=8,auto" --data=models/data/"$1"_x.npy --labels=models/data/"$1"_y.npy --target-loss="$2" -q)
  "$NNGEN" "${args[@]}" --fit=models/data/"$1"_x.npy -o "$WORK/taught" && make -s -C "$WORK/taught" check sim && python3 - "$WORK/taught/report.json" <<'EOF'
import json, sys
r = json.load(open(sys.argv[1]))
s = r["search"]
assert s["held_back"] == r["accuracy"]["samples"] and s["fitted"] >= 2 * s["held_back"], s
plain = {p["price"]: p for p in s["points"] if not p["taught"]}
better = [(p["loss"], plain[p["price"]]["loss"]) for p in s["points"] if p["taught"]]
print(better)
assert len(better) >= 2 and sum(a for a, _ in better) < 0.9 * sum(b for _, b in better)
assert all(p["digit_bits"] <= plain[p["price"]]["digit_bits"] for p in s["points"] if p["taught"])
EOF
}
check search.taught taught ngamma 0.5%
[ "$1" = full ] && check search.taught_jet_like taught jet_like 0.5%

# few samples, in coarser steps than the port's: mix-ups come in the same steps, else nothing passes
few() {
  "$PY" - "$WORK" <<'EOF' || return 1
import sys
import numpy as np
z = np.load("tests/bench/folds/digits.npz")
at = np.array_split(np.arange(len(z["y"])), 4)[0]
np.save(sys.argv[1] + "/few_x.npy", (z["pixels"][at] / 16).astype(np.float32))
np.save(sys.argv[1] + "/few_y.npy", z["y"][at].astype(np.int64))
EOF
  set -- tests/bench/folds/digits0.onnx --q=8,auto --data="$WORK/few_x.npy" --labels="$WORK/few_y.npy" -q --target=c
  "$NNGEN" "$@" -o "$WORK/uniform" && "$NNGEN" "$@" --target-loss=0.5% -o "$WORK/few" && [ $((4 * $(total "$WORK/few" adder_bits))) -le "$(total "$WORK/uniform" adder_bits)" ]
}
if [ "$1" = full ]; then
  if [ -e "$VENV_OK" ]; then check search.few_samples few; else skip search.few_samples "NumPy could not be installed"; fi
fi

# steps of a recurrent layer: the same weights, and one format for its states
steps() {
  "$NNGEN" tests/e2e/exported/rnn_dynamo.onnx --q=8,auto --data=tests/e2e/exported/rnn_dynamo_x.npy --target-loss=20% --target=c -q -o "$WORK/steps" &&
    make -s -C "$WORK/steps" check && python3 - "$WORK/steps/report.json" <<'EOF'
import json, sys
r = json.load(open(sys.argv[1]))
states = [(l["W"], l["I"]) for l in r["layers"] if l["op"] == "Tanh"]
assert len(states) == 5 and len(set(states)) == 1 and states[0][0] < 8, states
EOF
}
[ "$1" = full ] && check search.steps steps

refused() { # STATUS TEXT ARGUMENTS...
  local status=$1 text=$2 got said
  shift 2
  said=$("$NNGEN" "$@" -q -o "$WORK/one" 2>&1)
  got=$?
  [ $got -eq "$status" ] && [[ $said == *"$text"* ]] || { echo "exit $got: $said"; return 1; }
}
# --round-weights=compensated: closer to the float network than the nearest values, at no more adder bits
compensated() { # NAME W
  local args=(models/"$1".onnx "--q=$2,auto" --data=models/data/"${1##*/}"_x.npy -q --target=c)
  "$NNGEN" "${args[@]}" -o "$WORK/nearest" && "$NNGEN" "${args[@]}" --round-weights=compensated -o "$WORK/made" && make -s -C "$WORK/made" check &&
    python3 - "$WORK/nearest/report.json" "$WORK/made/report.json" <<'EOF'
import json, sys
a, b = (json.load(open(p)) for p in sys.argv[1:])
print([(r["accuracy"]["rms_err"], r["totals"]["adder_bits"]) for r in (a, b)])
assert b["accuracy"]["rms_err"] < 0.95 * a["accuracy"]["rms_err"] and b["totals"]["adder_bits"] <= a["totals"]["adder_bits"]
EOF
}
check search.compensated compensated digits 5
[ "$1" = full ] && check search.compensated_conv compensated cnn1d 5
check search.compensated_state refused 3 "of a network with a state" models/recurrent/lar_rnn.onnx --recurrent=iterative --round-weights=compensated

# streams: what multipliers are reused for are weights that are not 0; in the hardware's bits
streamed() { # MODEL DATA LOSS PERCENT TARGET OPTIONS...: at most PERCENT of the multipliers
  local model=$1 data=models/data/$2 loss=$3 percent=$4 target=$5 before after args
  shift 5
  args=("$model" --mode=stream "--q=8,auto" --data="${data}_x.npy" --labels="${data}_y.npy" -q "$@")
  "$NNGEN" "${args[@]}" --target=c -o "$WORK/uniform" && "$NNGEN" "${args[@]}" --target-loss="$loss" -o "$WORK/streamed" || return 1
  before=$(total "$WORK/uniform" mults) after=$(total "$WORK/streamed" mults)
  echo "$model: $before -> $after multipliers"
  [ $((after * 100)) -le $((before * percent)) ] || return 1
  make -s -C "$WORK/streamed" check "$target" || return 1
  python3 - "$WORK/streamed/report.json" "${loss%\%}" <<'EOF'
import json, sys
r, target = json.load(open(sys.argv[1])), float(sys.argv[2]) / 100
s, a = r["search"], r["accuracy"]
p = s["points"][s["taken"] - 1]
drop = a["float_metric"] - a["fixed_metric"]
print(p, drop)
assert p["passes"] and drop <= target + 3 * p["standard_error"] + 0.005
EOF
}
if [ "$1" = full ]; then
  check search.streamed streamed models/digits.onnx digits 1% 45 sim --reuse=8
  check search.streamed_lenet streamed models/stream/lenet.onnx lenet 0.5% 50 sim
  adders() { # one adder graph for all positions
    local args=(models/cnn1d.onnx --mode=stream --reuse=1 "--q=8,auto" --data=models/data/cnn1d_x.npy --labels=models/data/cnn1d_y.npy -q)
    "$NNGEN" "${args[@]}" --target=c -o "$WORK/uniform" && "$NNGEN" "${args[@]}" --target-loss=1% -o "$WORK/streamed" &&
      [ $((2 * $(total "$WORK/streamed" adder_bits))) -le "$(total "$WORK/uniform" adder_bits)" ] && make -s -C "$WORK/streamed" sim
  }
  check search.streamed_adders adders
fi
closer() { # --round-weights=compensated in a stream
  local args=(models/digits.onnx --mode=stream --reuse=8 "--q=5,auto" --data=models/data/digits_x.npy -q --target=c)
  "$NNGEN" "${args[@]}" -o "$WORK/nearest" && "$NNGEN" "${args[@]}" --round-weights=compensated -o "$WORK/made" && make -s -C "$WORK/made" check &&
    python3 - "$WORK/nearest/report.json" "$WORK/made/report.json" <<'EOF'
import json, sys
a, b = (json.load(open(p))["accuracy"]["rms_err"] for p in sys.argv[1:])
print(a, b)
assert b < 0.95 * a
EOF
}
check search.streamed_compensated closer
# an input beside what a layer made of it, in either order: what the next layer is fitted to follows the price all the same
beside() {
  "$PY" - "$WORK" <<'EOF' || return 1
import sys, numpy as np, onnx
from onnx import helper as h, numpy_helper as nh
r = np.random.default_rng(1)
f = lambda *s: (r.normal(size=s) / s[0] ** 0.5).astype(np.float32)
w1, w2, x = f(8, 12), f(20, 4), r.normal(size=(400, 8)).astype(np.float32)
for name, parts, rows in (("first", ["x", "a"], np.arange(20)), ("last", ["a", "x"], np.r_[8:20, 0:8])):
    g = h.make_graph([h.make_node("MatMul", ["x", "w1"], ["s"]), h.make_node("Relu", ["s"], ["a"]), h.make_node("Concat", parts, ["c"], axis=1), h.make_node("MatMul", ["c", "w2"], ["y"])],
                     "skip", [h.make_tensor_value_info("x", 1, [1, 8])], [h.make_tensor_value_info("y", 1, [1, 4])], [nh.from_array(w1, "w1"), nh.from_array(w2[rows], "w2")])
    onnx.save(h.make_model(g, opset_imports=[h.make_opsetid("", 13)], ir_version=8), f"{sys.argv[1]}/{name}.onnx")
np.save(f"{sys.argv[1]}/skip_x.npy", x)
EOF
  for order in first last; do
    "$NNGEN" "$WORK/$order.onnx" --mode=stream --reuse=4 "--q=10,auto" --data="$WORK/skip_x.npy" --target-loss=10% --target=c --plots=none -q -o "$WORK/beside_$order" || return 1
  done
  python3 - "$WORK/beside_first/report.json" "$WORK/beside_last/report.json" <<'EOF'
import json, sys
a, b = ([q["digit_bits"] for q in json.load(open(p))["search"]["points"][:5]] for p in sys.argv[1:])
print(a, b)
assert all(abs(x - y) <= 0.01 * y for x, y in zip(a, b))
EOF
}
if [ -e "$VENV_OK" ]; then check search.beside beside; else skip search.beside "onnx could not be installed"; fi
pruned() { "$NNGEN" models/skl_mlp.onnx "--q=8,auto" --data=models/data/skl_mlp_x.npy --target-loss=5% --prune=30% --target=c -o "$WORK/pruned" 2>&1 | grep -q "target-loss counts from the network that --prune"; }
[ "$1" = full ] && check search.pruned_first pruned

small=logreg
[ "$1" = full ] && small=skl_mlp
again=("models/$small.onnx" "--q=10,auto" "--data=models/data/${small}_x.npy" -q --target-loss=2%)
again() {
  "$NNGEN" "${again[@]}" --target=c -o "$WORK/one" && "$NNGEN" "${again[@]}" --target=c -o "$WORK/two" && diff -r "$WORK/one/c" "$WORK/two/c"
}
check search.deterministic again
regression() { # NAME TARGET OPTION...: loss and its standard error as this finds them on the samples held back, the latter by drawing them again
  "$NNGEN" models/mlp50.onnx --q=14,auto --data=models/data/mlp50_x.npy "${@:3}" -q --target=c "--target-loss=$2" -o "$WORK/$1" || return 1
  make -s -C "$WORK/$1" ref && "$WORK/$1/ref" models/data/mlp50_x.npy "$WORK/$1/q.npy" || return 1
  python3 - "$WORK/$1" "$2" "${@:3}" <<'EOF'
import json, random, sys
sys.path.insert(0, "tests")
import npy
held = lambda path: npy.load(path)[0][1][1::2]
r = json.load(open(sys.argv[1] + "/report.json"))
s, a = r["search"], r["accuracy"]
p = s["points"][s["taken"] - 1]
q, f, y = held(sys.argv[1] + "/q.npy"), held("models/data/mlp50_float.npy"), held("models/data/mlp50_y.npy")
mean, labels = sum(f) / len(f), len(sys.argv) > 3
moved, own = [(a - b) ** 2 for a, b in zip(q, f)], [(a - b) ** 2 if labels else (a - mean) ** 2 for a, b in zip(f, y)]
loss = lambda rows: (1 + sum(moved[r] for r in rows) / sum(own[r] for r in rows)) ** 0.5 - 1 if labels else (sum(moved[r] for r in rows) / sum(own[r] for r in rows)) ** 0.5
draw = random.Random(1)
again = [loss(draw.choices(range(len(f)), k=len(f))) for _ in range(300)]
error = (sum(a * a for a in again) / len(again) - (sum(again) / len(again)) ** 2) ** 0.5
print(p, loss(range(len(f))), error)
assert abs(loss(range(len(f))) / p["loss"] - 1) < 0.01
assert 0.7 < p["standard_error"] / error < 1.4
assert p["loss"] + p["standard_error"] <= float(sys.argv[2].rstrip("%")) / 100
assert not labels or a["fixed_metric"] <= 1.1 * a["float_metric"]
EOF
}
check search.regression regression growth 5% --labels=models/data/mlp50_y.npy
[ "$1" = full ] && check search.regression_unlabelled regression deviation 1%
kept() {
  cp -r "$WORK/one" "$WORK/before"
  refused 4 "no point within --target-loss=0.001%: with the finest formats the RMS deviation over" models/mlp50.onnx --q=4,auto --data=models/data/mlp50_x.npy --target-loss=0.001% && diff -r "$WORK/before" "$WORK/one"
}
check search.out_of_reach kept
check search.fit_needs_search refused 1 "--fit needs --data, and --target-loss" models/ch1.onnx --data=models/data/ch1_x.npy --fit=models/data/ch1_x.npy
check search.fit_of_another refused 5 "jet_like_x.npy: a sample has 16 elements, the network takes" models/ngamma.onnx --data=models/data/ngamma_x.npy --fit=models/data/jet_like_x.npy --target-loss=1%
check search.needs_data refused 1 "--target-loss needs --data" models/ch1.onnx --target-loss=1%
check search.bad_number refused 1 "target-loss" models/ch1.onnx --data=models/data/ch1_x.npy --target-loss=x%
