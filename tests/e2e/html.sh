#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# report.html: whole, escaped, the same every time, with and without the tools that draw; and where error enters.
. "$(dirname "$0")/../lib.sh"
data=models/data
jet=(models/jet_like.onnx "--q=8,auto" "--data=$data/jet_like_x.npy" "--labels=$data/jet_like_y.npy")
ch1=(models/ch1.onnx "--q=8,auto" "--data=$data/ch1_x.npy" "--labels=$data/ch1_y.npy")
page() { python3 tests/e2e/page.py page "$1/report.html" "$1/report.json"; }
figures() { # FOLDER ID...: drawn, all of them
  local all id
  all=" $(page "$1") "
  shift
  for id; do case $all in *" $id "*) ;; *) echo "no $id in $all"; return 1 ;; esac; done
}
hash gnuplot dot 2>/dev/null || skip html.tools "gnuplot or dot is not installed (Debian, Ubuntu: apt-get install gnuplot-nox graphviz)"

check html.made "$NNGEN" "${jet[@]}" -q -o "$WORK/a"
check html.whole page "$WORK/a"
small() { [ "$(wc -c <"$WORK/a/report.html")" -lt 400000 ] && [ "$(wc -c <"$WORK/a/report.json")" -lt 20000 ]; }
check html.small small
if hash gnuplot dot 2>/dev/null; then
  check html.figures figures "$WORK/a" plot-network plot-scatter plot-error plot-roc plot-i0 plot-w0 plot-a1
  searched() { "$NNGEN" models/ngamma.onnx --q=8,auto "--data=$data/ngamma_x.npy" "--labels=$data/ngamma_y.npy" --target-loss=0.5% -q -o "$WORK/s" && figures "$WORK/s" plot-pareto plot-roc; }
  check html.search searched
fi
same() {
  "$NNGEN" "${ch1[@]}" -q -o "$WORK/c" && (cd "$WORK" && mkdir -p far && "$NNGEN" "$ROOT/models/ch1.onnx" --q=8,auto "--data=$ROOT/$data/ch1_x.npy" --labels "$ROOT/$data/ch1_y.npy" -q -o far/b) &&
    cmp "$WORK/c/report.html" "$WORK/far/b/report.html" && diff -r "$WORK/c/report" "$WORK/far/b/report"
}
check html.same_bytes_elsewhere same
says() { grep -q -- "$2" "$1/report.html" || { echo "no $2"; return 1; }; }
check html.command says "$WORK/a" 'nngen jet_like.onnx --q=8,auto --data=jet_like_x.npy --labels=jet_like_y.npy<'
check html.confusion says "$WORK/a" 'taken for 4'
hir() { "$NNGEN" models/ch1.onnx --q=8,3 -q --dump=pipeline --top=rt >"$WORK/rt.hir" && "$NNGEN" "$WORK/rt.hir" -q -o "$WORK/rt" && page "$WORK/rt"; }
check html.of_a_hir hir
overflowed() { "$NNGEN" models/ch1.onnx --q=6,2 "--data=$data/ch1_x.npy" -q -o "$WORK/o" && page "$WORK/o" && says "$WORK/o" 'would hold them all'; }
check html.overflow overflowed

# ---- again, after the fact ----
again() { cp "$WORK/a/report.html" "$WORK/before.html" && make -s -C "$WORK/a" report && cmp "$WORK/before.html" "$WORK/a/report.html"; }
check html.make_report again
cells() { # as make synth leaves it, and --verify
  cp -r "$WORK/a" "$WORK/cells" && sed -i '1a\  "synth": {"tool": "yosys & <co>", "version": "0.0", "lut": 1234567, "ff": 89, "carry": 1, "dsp": 2, "bram": 3, "srl": 0, "lutram": 0, "fmax_mhz": 123.4},' "$WORK/cells/report.json" &&
    python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$WORK/cells/report.json" &&
    sed -i 's/"verify": {}/"verify": {\n    "c": {\n      "vectors": 4321,\n      "mismatched_bits": 0\n    }\n  }/' "$WORK/cells/report.json" &&
    sh "$WORK/cells/report/report.sh" && page "$WORK/cells" && says "$WORK/cells" '>1,234,567<' && says "$WORK/cells" 'yosys &amp; &lt;co&gt;, version 0.0<' && says "$WORK/cells" '123.4 MHz' &&
    says "$WORK/cells" '>4,321 vectors, every bit the same<' && cp "$WORK/cells/report.html" "$WORK/once.html" && sh "$WORK/cells/report/report.sh" && cmp "$WORK/once.html" "$WORK/cells/report.html"
}
check html.cells cells

# ---- without the tools, and with broken ones ----
mkdir "$WORK/bin"
for t in sh awk mv rm cat dirname timeout; do ln -s "$(command -v $t)" "$WORK/bin/$t"; done
bare() {
  PATH=$WORK/bin "$NNGEN" "${ch1[@]}" -o "$WORK/bare" 2>"$WORK/said.txt" >/dev/null && page "$WORK/bare" && says "$WORK/bare" 'class="missing" id="missing-gnuplot"' &&
    ! grep -q '<svg' "$WORK/bare/report.html" && [ "$(grep -c 'gnuplot is not installed' "$WORK/said.txt")" = 1 ]
}
check html.without_tools bare
if hash gnuplot dot 2>/dev/null; then
  later() { make -s -C "$WORK/bare" report && cmp "$WORK/c/report.html" "$WORK/bare/report.html"; }
  check html.drawn_later later
fi
nothing() { PATH=/nonexistent "$NNGEN" "${ch1[@]}" -q -o "$WORK/none" && page "$WORK/none"; }
check html.without_anything nothing
tables() { "$NNGEN" "${ch1[@]}" --plots=none -q -o "$WORK/none" && page "$WORK/none" && ! grep -q '<svg' "$WORK/none/report.html"; }
check html.plots_none tables
printf '#!/bin/sh\necho "<!--plot plot-scatter-->"; echo "<svg viewBox=\\"0 0 1 1\\">"; echo "<g>"; exit 1\n' >"$WORK/bin/gnuplot"
printf '#!/bin/sh\necho "<svg viewBox=\\"0 0 1 1\\">"; kill -SEGV $$\n' >"$WORK/bin/dot"
chmod +x "$WORK/bin/gnuplot" "$WORK/bin/dot"
broken() { PATH=$WORK/bin "$NNGEN" "${ch1[@]}" -o "$WORK/broken" 2>"$WORK/said.txt" >/dev/null && page "$WORK/broken" && grep -q 'gnuplot failed' "$WORK/said.txt" && ! grep -q '<svg' "$WORK/broken/report.html" && [ ! -e "$WORK/broken/report.html.new" ]; }
check html.broken_tools broken

# ---- names that want out ----
if [ -e "$VENV_OK" ]; then
  hostile() {
    "$PY" tests/e2e/page.py hostile "$WORK" && (cd "$WORK" && "$NNGEN" "<b>'x&\`y\`.onnx" --q=8,3 -q -o "h '\$(touch pwned)") && page "$WORK/h '\$(touch pwned)" &&
      make -s -C "$WORK/h '\$(touch pwned)" report && [ ! -e "$WORK/pwned" ] && [ -z "$(find "$WORK" -name pwned)" ]
  }
  check html.hostile hostile
  own() { "$NNGEN" models/jet_like.onnx --q=12,6 "--data=$data/jet_like_x.npy" --target=c --plots=none -q -o "$WORK/own" && "$PY" tests/e2e/page.py own "$WORK/own/report.json" models/jet_like.onnx "$data/jet_like_x.npy" 12 6; }
  check html.own_errors own
else
  skip html.hostile "the Python packages of tests/requirements.txt are not installed"
fi

# ---- where error enters: the one narrow layer, and nothing else to speak of ----
for narrow in 0 2; do
  printf '{"layers": {"/%d/Gemm": {"weights": "5,4"}}}' $narrow >"$WORK/config.json"
  enters() {
    "$NNGEN" models/ch1.onnx --q=24,8 --config="$WORK/config.json" "--data=$data/ch1_x.npy" --target=c --plots=none -q -o "$WORK/n" && python3 - "$WORK/n/report.json" "/$narrow/Gemm" <<'EOF'
import json, sys
r = json.load(open(sys.argv[1]))
part = {l["name"]: l["output_rms_err"] for l in r["layers"]}
largest = max(part, key=part.get)
others = sum(v for k, v in part.items() if k != largest)
print(part, r["accuracy"]["rms_err"])
sys.exit(not (largest == sys.argv[2] and others < 0.1 * part[largest] and 0.7 < part[largest] / r["accuracy"]["rms_err"] < 1.4))
EOF
  }
  check html.error_enters.$narrow enters
  rejects html.max_error_names_it.$narrow 4 "enters at node '/$narrow/Gemm' \(Gemm: its weights, <5,4>\)" "$NNGEN" models/ch1.onnx --q=24,8 --config="$WORK/config.json" \
    "--data=$data/ch1_x.npy" --target=c --max-error=1e-3 -o "$WORK/n2"
done

# ---- pruned weights are an error of the layer, against the model as it came ----
pruned() {
  "$NNGEN" models/ch1.onnx --q=24,8 --prune=0.2 "--data=$data/ch1_x.npy" --target=c --plots=none -q -o "$WORK/p" && python3 - "$WORK/p/report.json" <<'EOF'
import json, sys
r = json.load(open(sys.argv[1]))
last, a = r["layers"][-1], r["accuracy"]
own = {l["name"]: l["own_rms_err"] for l in r["layers"]}
print(own, last["rms_err"], a["rms_err"])
sys.exit(not (abs(last["rms_err"] - a["rms_err"]) < 1e-6 * a["rms_err"] and last["max_abs_err"] == a["max_abs_err"] and max(own["/0/Gemm"], own["/2/Gemm"]) > 0.01))
EOF
}
check html.pruned pruned

# ---- as a reader sees it ----
for browser in chromium chromium-browser google-chrome chrome; do command -v $browser >/dev/null 2>&1 && break; browser=; done
if [ -n "$browser" ] && hash gnuplot dot 2>/dev/null; then
  seen() {
    HOME=$WORK timeout 50 "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1100,1600 --screenshot="$WORK/page.png" "file://$WORK/a/report.html" >"$WORK/browser.txt" 2>&1
    [ -s "$WORK/page.png" ] || { tail -n 3 "$WORK/browser.txt"; return 1; }
    python3 tests/e2e/page.py png "$WORK/page.png"
  }
  check html.screenshot seen
else
  skip html.screenshot "no Chromium (Debian, Ubuntu: apt-get install chromium)"
fi
