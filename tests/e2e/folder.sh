#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The output folder: same input, same bytes; whole or not at all; never someone else's. Also the options that print.
. "$(dirname "$0")/../lib.sh"
ch1=(models/ch1.onnx "--q=8,3" --data=models/data/ch1_x.npy -q)

# ---- the same bytes, whatever the time, place and environment ----
check folder.emit "$NNGEN" "${ch1[@]}" -o "$WORK/a"
check folder.again env TZ=Asia/Tokyo LC_ALL=C "$NNGEN" "${ch1[@]}" -o "$WORK/b"
same_but_time() { diff -r -I '^ *"[a-z]*": [0-9.e-]*,\{0,1\}$' "$WORK/a" "$WORK/b" && diff -r -x report.json "$WORK/a" "$WORK/b"; }
check folder.same_bytes same_but_time
check folder.epoch_1 env SOURCE_DATE_EPOCH=1700000000 "$NNGEN" "${ch1[@]}" -o "$WORK/e1"
check folder.epoch_2 env SOURCE_DATE_EPOCH=1700000000 "$NNGEN" "${ch1[@]}" -o "$WORK/e2"
quiet folder.same_bytes_with_epoch diff -r "$WORK/e1" "$WORK/e2"
cp models/ch1.onnx "$WORK/ch1.onnx"
elsewhere() { (cd "$WORK" && "$NNGEN" ch1.onnx --q=8,3 --data="$ROOT/models/data/ch1_x.npy" -q -o e3) && diff -r -x report.json -x README.md "$WORK/e1" "$WORK/e3"; }
check folder.same_bytes_elsewhere elsewhere
no_paths() { ! grep -rn --include='*.vhd' --include='*.c' --include='*.h' --include='*.tcl' --include=Makefile -F -e "$WORK" -e "$ROOT" "$WORK/a"; }
check folder.no_paths_inside no_paths
complete() {
  local f
  for f in README.md Makefile c/ch1.c c/ch1.h vhdl/ch1.vhd vhdl/files.txt tb vivado.tcl quartus.tcl report.json report.html report/plots.gp ch1.py; do [ -e "$WORK/a/$f" ] || { echo "no $f"; return 1; }; done
  [ "$(tail -n 1 "$WORK/a/vhdl/files.txt")" = ch1.vhd ] && ! grep -v '^ch1' "$WORK/a/vhdl/files.txt"
}
check folder.complete complete
c_only() { "$NNGEN" "${ch1[@]}" --target=c -o "$WORK/c" && [ -e "$WORK/c/c/ch1.c" ] && [ ! -e "$WORK/c/vhdl" ]; }
check folder.target_c c_only
default_name() { (cd "$WORK" && "$NNGEN" ch1.onnx -q && [ -e ch1_nngen/vhdl/ch1.vhd ]); }
check folder.default_name default_name
other_top() { "$NNGEN" "${ch1[@]}" --top=my_net -o "$WORK/t" && [ -e "$WORK/t/vhdl/my_net.vhd" ] && ! grep -rnw ch1 "$WORK/t/vhdl" "$WORK/t/c" | grep -v 'ch1\.onnx'; }
check folder.top other_top
odd_name() { cp models/ch1.onnx "$WORK/2 odd-näme.v2.onnx"; "$NNGEN" "$WORK/2 odd-näme.v2.onnx" --q=8,3 -q -o "$WORK/odd out" && make -s -C "$WORK/odd out" check; }
check folder.odd_file_name odd_name

# ---- replaced only when it is ours, and only when all is well ----
listing() { (cd "$1" && find . -type f -exec md5sum {} + | sort); }
untouched() { diff "$WORK/before" <(listing "$WORK/a") && ! compgen -G "$WORK/a.*" >/dev/null; }
check folder.replaced "$NNGEN" "${ch1[@]}" -o "$WORK/a"
listing "$WORK/a" >"$WORK/before"
rejects folder.kept_after_bad_model 2 'ONNX' "$NNGEN" LICENSE -o "$WORK/a"
quiet folder.kept_after_bad_model.same untouched
rejects folder.max_error 4 'max-error' "$NNGEN" "${ch1[@]}" --max-error=1e-9 -o "$WORK/a"
quiet folder.kept_after_max_error untouched
rejects folder.unsupported 3 'not supported' "$NNGEN" tests/e2e/exported/topk.onnx -o "$WORK/a"
quiet folder.kept_after_unsupported untouched
mkdir "$WORK/foreign"
echo mine >"$WORK/foreign/thesis.tex"
rejects folder.foreign 5 'not made by nngen' "$NNGEN" "${ch1[@]}" -o "$WORK/foreign"
quiet folder.foreign.kept grep -qx mine "$WORK/foreign/thesis.tex"
check folder.force "$NNGEN" "${ch1[@]}" --force -o "$WORK/foreign"
quiet folder.force.replaced test -e "$WORK/foreign/vhdl/ch1.vhd" -a ! -e "$WORK/foreign/thesis.tex"
mkdir "$WORK/empty"
check folder.empty_is_taken "$NNGEN" "${ch1[@]}" -o "$WORK/empty"
check folder.parents_made "$NNGEN" "${ch1[@]}" -o "$WORK/p/q/r/"
touch "$WORK/file"
rejects folder.is_a_file 5 'not a folder' "$NNGEN" "${ch1[@]}" -o "$WORK/file"
rejects folder.under_a_file 5 'cannot write' "$NNGEN" "${ch1[@]}" -o "$WORK/file/out"
rejects folder.no_device 5 'cannot write' "$NNGEN" "${ch1[@]}" -o /proc/nngen_out
if [ "$(id -u)" -ne 0 ]; then
  mkdir "$WORK/ro"
  chmod a-w "$WORK/ro"
  rejects folder.unwritable 5 'Permission denied' "$NNGEN" "${ch1[@]}" -o "$WORK/ro/out"
fi
# ---- disk full: a file system of 96 KiB ----
full() {
  mkdir -p "$WORK/small"
  mount -t tmpfs -o size=96k tmpfs "$WORK/small" 2>/dev/null || return 77
  mkdir "$WORK/small/out"
  echo old >"$WORK/small/out/old"
  touch "$WORK/small/out/.nngen"
  "$NNGEN" "${ch1[@]}" -o "$WORK/small/out" >"$WORK/full.txt" 2>&1
  local status=$? left
  left=$(ls -A "$WORK/small"; cat "$WORK/small/out/old")
  umount "$WORK/small"
  cat "$WORK/full.txt"
  [ $status -eq 5 ] && grep -q 'No space left' "$WORK/full.txt" && [ "$left" = $'out\nold' ] || { echo "status $status, left: $left"; return 1; }
}
out=$(full)
case $? in
  0) ok folder.disk_full ;;
  77) skip folder.disk_full "a small file system can only be mounted as root" ;;
  *) not_ok folder.disk_full "$out" ;;
esac
rejects folder.float_out_full 5 'cannot write' "$NNGEN" "${ch1[@]}" --float-out=/dev/full -o "$WORK/f"
quiet folder.float_out_full.nothing test ! -e "$WORK/f"

# ---- what prints ----
check folder.help "$NNGEN" --help
check folder.version "$NNGEN" --version
check folder.list_ops "$NNGEN" --list-ops
says() { local regex=$1; shift; "$@" | grep -Eq -- "$regex"; }
check folder.list_ops.names says 'Gemm.*' "$NNGEN" --list-ops
check folder.help.man says '^\.TH NNGEN' "$NNGEN" --help=man
bash_completion() { "$NNGEN" --help=bash >"$WORK/completion" && bash -c ". '$WORK/completion' && complete -p nngen" | grep -q -- --target; }
check folder.help.bash bash_completion
every_option() { local o; for o in $(grep -o '^OPT("[a-z-]*"' gen/options.def | cut -d'"' -f2); do "$NNGEN" --help | grep -q -- "-$o" || { echo "$o"; return 1; }; done; }
check folder.help.every_option every_option
info() { "$NNGEN" models/jet_like.onnx --info --data=models/data/jet_like_x.npy >"$WORK/info.txt" && grep -q nngen "$WORK/info.txt" && grep -q 4389 "$WORK/info.txt" && [ ! -e jet_like_nngen ]; }
check folder.info info
for p in read upgrade infer fuse fold dead prune lower expand pipeline; do check "folder.dump.$p" "$NNGEN" models/ch1.onnx -q --dump=$p; done
round_trip() { # what --dump prints of the hardware IR is an input again
  "$NNGEN" models/ch1.onnx --q=8,3 -q --dump=pipeline --top=rt >"$WORK/rt.hir" && "$NNGEN" "$WORK/rt.hir" -q -o "$WORK/rt" && make -s -C "$WORK/rt" check &&
    "$NNGEN" "$WORK/rt.hir" -q --dump=pipeline | cmp - "$WORK/rt.hir"
}
check folder.hir_is_an_input round_trip
compare() { "$NNGEN" --compare "$WORK/a/report.json" "$WORK/a/report.json"; }
check folder.compare.same compare
"$NNGEN" models/ch1.onnx "--q=16,6" --data=models/data/ch1_x.npy -q -o "$WORK/better"
rejects folder.compare.worse 4 . "$NNGEN" --compare "$WORK/better/report.json" "$WORK/a/report.json"
json_lines() {
  "$NNGEN" models/ch1.onnx --q=3,1 --data=models/data/ch1_x.npy --diagnostics=json -o "$WORK/j" 2>"$WORK/j.txt" && [ -s "$WORK/j.txt" ] &&
    python3 -c 'import json, sys; [json.loads(l) for l in open(sys.argv[1])]' "$WORK/j.txt"
}
check folder.diagnostics.json json_lines
silent() { "$NNGEN" models/ch1.onnx --q=3,1 --data=models/data/ch1_x.npy -q -o "$WORK/j"; }
quiet folder.quiet silent
installed() { make -s install DESTDIR="$WORK/installed" PREFIX=/usr BUILD="$BUILD" && "$WORK/installed/usr/bin/nngen" --version && [ -s "$WORK/installed/usr/share/man/man1/nngen.1" ]; }
check folder.install installed
moved() { mkdir "$WORK/alone" && cp "$NNGEN" models/ch1.onnx "$WORK/alone" && (cd "$WORK/alone" && ./nngen ch1.onnx -q && make -s -C ch1_nngen check); }
check folder.binary_stands_alone moved

# ---- multipliers within their budget ----
total() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["totals"][sys.argv[2]])' "$1/report.json" "$2"; }
budget() {
  local n
  for n in 0 1 5 20; do
    "$NNGEN" models/ch1.onnx --q=16,6 --data=models/data/ch1_x.npy -q --dsp=$n -o "$WORK/dsp" || return 1
    [ "$(total "$WORK/dsp" mults)" -eq $n ] || { echo "--dsp=$n: $(total "$WORK/dsp" mults) multipliers"; return 1; }
    make -s -C "$WORK/dsp" check sim || return 1
  done
}
check folder.dsp_budget budget
