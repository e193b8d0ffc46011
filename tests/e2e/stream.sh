#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Networks as streams (--mode=stream): the C model against the evaluator and against parallel mode, multipliers by reuse factor, small ones in GHDL with
# stalls, where latency and interval must be those that are printed; what is refused.  stream.sh fast | full
. "$(dirname "$0")/../lib.sh"
if [ ! -e "$VENV_OK" ] || ! "$PY" -c 'import numpy, onnx' 2>/dev/null; then
  skip stream "numpy or onnx could not be installed"
  exit 0
fi
"$PY" tests/e2e/stream_nets.py "$WORK/nets" || exit 1

# compiled MODEL DATA NAME OPTION...: into $WORK/NAME
compiled() {
  local model=$1 data=$2 name=$3
  shift 3
  "$NNGEN" "$model" --data="$data" --mode=stream --plots=none -q --force -o "$WORK/$name" "$@"
}
trained() { compiled "models/stream/$1.onnx" "models/data/${1}_x.npy" "${@:2}"; }
small() { compiled "$WORK/nets/$1.onnx" "$WORK/nets/${1}_x.npy" "${@:2}"; }
checked() { make -s -C "$WORK/$1" check CFLAGS=-O1; }

# exact NAME R: each product with ceil(nonzero / R) multipliers
exact() {
  python3 - "$WORK/$1/report.json" "$2" <<'PY'
import json, sys
units = [u for u in json.load(open(sys.argv[1]))["stream"]["units"] if u["nonzero_weights"]]
reuse = int(sys.argv[2])
wrong = [(u["name"], u["multipliers"], u["nonzero_weights"]) for u in units if u["multipliers"] != (0 if reuse == 1 else -(-u["nonzero_weights"] // reuse))]
print(wrong or "as many as there must be")
sys.exit(bool(wrong) or not units)
PY
}

# same NAME OTHER: one network in two modes gives the same bits
same() { cmp "$WORK/$1/tb/vectors/in.hex" "$WORK/$2/tb/vectors/in.hex" && cmp "$WORK/$1/tb/vectors/out.hex" "$WORK/$2/tb/vectors/out.hex"; }

# simulated NAME: right with and without stalls, latency and interval as the report has them
simulated() {
  make -s -C "$WORK/$1" sim >"$WORK/$1.sim" 2>&1 || { cat "$WORK/$1.sim"; return 1; }
  grep -q "^with random stalls: .* 0 mismatches" "$WORK/$1.sim" &&
    grep -q "^PASS: .* latency $(field "$WORK/$1/report.json" stream.latency_cycles) cycles, II $(field "$WORK/$1/report.json" stream.interval_cycles)$" "$WORK/$1.sim" ||
    { cat "$WORK/$1.sim"; return 1; }
}

unrolled() { "$NNGEN" "models/stream/$1.onnx" --data="models/data/${1}_x.npy" --mode=parallel --target=c --q=8,auto --plots=none -q -o "$WORK/$1"; }

# A FIFO beside the convolutions of `skip` that holds less than what they wait for: the bench must say that nothing moves.
shrunk() {
  small skip shrunk --q=8,auto --reuse=3 || return 1
  local top=$WORK/shrunk/vhdl/skip.vhd deepest
  deepest=$(sed -nE 's/.*DEPTH_G => ([0-9]+).*/\1/p' "$top" | sort -n | tail -n 1)
  [ "$deepest" -gt 10 ] || { echo "no deep FIFO: $deepest"; return 1; }
  sed -i "s/DEPTH_G => $deepest /DEPTH_G => $((deepest / 4)) /" "$top"
  if make -s -C "$WORK/shrunk" sim >"$WORK/shrunk.log" 2>&1; then echo "not noticed"; return 1; fi
  grep -q '^FAIL: nothing moved' "$WORK/shrunk.log" || { cat "$WORK/shrunk.log"; return 1; }
}

# ---- in C ----
mlp3=(100)
[ "$1" = full ] && mlp3=(2 7 25 100 1000 25000)
for r in "${mlp3[@]}"; do
  check "stream.mlp3.$r" trained mlp3 "mlp3_$r" --q=8,auto --target=c --reuse="$r" && check "stream.mlp3.$r.check" checked "mlp3_$r" &&
    check "stream.mlp3.$r.multipliers" exact "mlp3_$r" "$r"
done
check stream.lenet trained lenet lenet_stream --q=8,auto --target=c && check stream.lenet.check checked lenet_stream
if [ "$1" = full ]; then
  check stream.lenet.unrolled unrolled lenet && check stream.lenet.same same lenet_stream lenet
  for m in lenet28 lenet_keras conv_ae resnet_tiny resnet_tiny_dynamo unet unet_dynamo; do
    check "stream.$m" trained "$m" "$m" --q=8,auto --target=c && check "stream.$m.check" checked "$m"
  done
fi
for m in skip wide mlp; do
  check "stream.$m.unrolled" "$NNGEN" "$WORK/nets/$m.onnx" --data="$WORK/nets/${m}_x.npy" --mode=parallel --target=c --q=10,5 --plots=none -q -o "$WORK/$m" &&
    check "stream.$m" small "$m" "${m}_7" --q=10,5 --reuse=7 && check "stream.$m.check" checked "${m}_7" && check "stream.$m.same" same "$m" "${m}_7"
done

# ---- in simulators ----
if command -v ghdl >/dev/null 2>&1; then
  check stream.skip.sim simulated skip_7
  check stream.shrunk shrunk
  check stream.mlp.sim simulated mlp_7
  if [ "$1" = full ]; then
    check stream.wide.sim simulated wide_7
    for r in 1 2 5 40; do
      check "stream.mlp.$r" small mlp "mlp_r$r" --q=8,auto --reuse=$r && check "stream.mlp.$r.sim" simulated "mlp_r$r"
    done
    check stream.wide.ii small wide wide_ii --q=8,auto --target-ii=200 && check stream.wide.ii.sim simulated wide_ii
    check stream.mlp.prune small mlp mlp_prune --q=8,auto --prune=0.4 --reuse=5 && check stream.mlp.prune.sim simulated mlp_prune
    command -v verilator >/dev/null 2>&1 && check stream.skip.verilator make -s -C "$WORK/skip_7" verilate
  fi
else
  skip stream.sim "ghdl is not installed"
fi

# ---- plans ----
beyond() { # an interval that no multiplier can buy is said once, and buys none
  local args=("$NNGEN" models/stream/lenet.onnx --mode=stream "--q=16,6" --data=models/data/lenet_x.npy --target=c --plots=none -q)
  "${args[@]}" -o "$WORK/plain" && "${args[@]:0:5}" --target-ii=7 --target=c --plots=none -o "$WORK/beyond" 2>"$WORK/beyond.txt" || return 1
  [ "$(grep -c 'target-ii=7: 64 cycles are the least' "$WORK/beyond.txt")" -eq 1 ] || { cat "$WORK/beyond.txt"; return 1; }
  python3 - "$WORK/plain/report.json" "$WORK/beyond/report.json" <<'EOF'
import json, sys
a, b = (json.load(open(p))["totals"] for p in sys.argv[1:])
assert (a["ii_cycles"], a["mults"]) == (b["ii_cycles"], b["mults"]), (a, b)
EOF
}
check stream.beyond beyond
few_digits() { # in 8 bits, used four times each, multipliers are more than adders; --dsp and --reuse get what they ask for
  "$NNGEN" models/stream/lenet.onnx --mode=stream "--q=8,auto" --data=models/data/lenet_x.npy --target=c --plots=none -q -o "$WORK/digits" "$@" &&
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["totals"]["mults"])' "$WORK/digits/report.json"
}
fewer() { [ "$(few_digits)" -lt 60 ] && [ "$(few_digits --dsp=250)" -gt 100 ] && [ "$(few_digits --reuse=4)" -gt 200 ]; }
check stream.few_digits fewer

# ---- what is refused ----
no() { rejects "stream.no.$1" "$2" "$3" "$NNGEN" "${@:4}" --mode=stream -o "$WORK/none"; }
mlp=("$WORK/nets/mlp.onnx" --data="$WORK/nets/mlp_x.npy")
no product 3 'works along the channels of a position' "$WORK/nets/product.onnx"
no recurrent 3 'in stream mode' models/recurrent/lar_lstm.onnx
no proved 3 'stream mode' "${mlp[@]}" --q=8,proved
no loss 4 'no point within' models/digits.onnx --data=models/data/digits_x.npy --q=4,auto --target-loss=0.001%
no channels 3 'stream mode' "${mlp[@]}" --channels=2
no dsp 3 'does not fit into 2 DSP' "${mlp[@]}" --dsp=2
no wide 3 '6[0-9] bits|31 bits' "${mlp[@]}" --q=40,20
no wrong 1 'reuse' "${mlp[@]}" --reuse=0
quiet stream.no_folder test ! -e "$WORK/none"
