#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# --target-loss of recurrent networks: one cell for all steps, smaller by far than uniform formats, as precise on pulses never seen; the bits
# of the C model and the VHDL; the same every time. search_recurrent.sh fast | full
. "$(dirname "$0")/../lib.sh"

luts() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["totals"]["luts"])' "$1/report.json"; }

smaller() { # NAME FORM PERCENT UNIFORM: at most PERCENT of the LUTs of that uniform width; within 1 % of float on 20,000 fresh pulses
  local name=$1 args before after
  args=("models/recurrent/$name.onnx" "--data=models/data/${name}_x.npy" "--labels=models/data/${name}_y.npy" "--recurrent=$2" -q --plots=none)
  "$NNGEN" "${args[@]}" "--q=$4,auto" --target=c -o "$WORK/uniform" && "$NNGEN" "${args[@]}" --q=12,auto --target-loss=1% -o "$WORK/$name" || return 1
  before=$(luts "$WORK/uniform") after=$(luts "$WORK/$name")
  echo "$name: $before -> $after LUT"
  [ $((after * 100)) -le $((before * $3)) ] || return 1
  make -s -C "$WORK/$name" check sim || return 1
  python3 - "$WORK/$name/report.json" <<'EOP' || return 1
import json, sys
s = json.load(open(sys.argv[1]))["search"]
p = s["points"][s["taken"] - 1]
assert p["passes"] and p["loss"] + p["standard_error"] <= 0.01, p
EOP
  if [ -e "$VENV_OK" ]; then
    make -s -C "$WORK/$name" ref && "$PY" models/train/lar_resolution.py fresh "$name" "$WORK/fresh" --pulses=20000 &&
      "$WORK/$name/ref" "$WORK/fresh/${name}_x.npy" "$WORK/out.npy" && "$PY" models/train/lar_resolution.py "$name" "$WORK/out.npy" "--data=$WORK/fresh" --within=1
  fi
}
[ "$1" = full ] && check search.lar_rnn smaller lar_rnn iterative 40 11

# formats of the state's elements differ: its memory, with several channels; and twice the same
quick() { "$NNGEN" tests/e2e/exported/"$1".onnx --data=tests/e2e/exported/"$1"_x.npy --q=10,auto --target-loss=10% -q --plots=none "${@:3}" -o "$WORK/$2"; }
channels() {
  quick "$1" ch --recurrent=iterative --channels=3 --clock=2 && make -s -C "$WORK/ch" check sim || return 1
  python3 - "$WORK/ch/report.json" <<'EOP'
import json, sys
r = json.load(open(sys.argv[1]))
assert r["search"]["taken"] and r["recurrent"]["form"] == "iterative", r["search"]
EOP
}
again() { quick rnn_dynamo a --target=c && quick rnn_dynamo b --target=c && diff -r "$WORK/a/c" "$WORK/b/c"; }
check search.again again
check search.channels_rnn channels rnn_dynamo
check search.channels_gru channels gru
kept_for_ever() {
  local said
  said=$("$NNGEN" models/recurrent/lar_rnn.onnx --recurrent=stateful --data=models/data/lar_rnn_x.npy --target-loss=1% -q -o "$WORK/s" 2>&1)
  [ $? -eq 3 ] && [[ $said == *"a state that is kept for ever"* ]]
}
check search.stateful_refused kept_for_ever
