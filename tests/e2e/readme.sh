#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every command of README.md (blocks marked sh) runs as written, in order, in a fresh folder; the VHDL shown is what nngen writes.
. "$(dirname "$0")/../lib.sh"
mkdir "$WORK/tree"
for f in * .clang-format; do ln -s "$ROOT/$f" "$WORK/tree/$f"; done
[ -e "$VENV_OK" ] && PATH=$ROOT/build/venv/bin:$PATH
export MAKEFLAGS=
awk '/^```sh$/ { on = 1; next } /^```/ { on = 0 } on' README.md >"$WORK/commands"
[ "$(wc -l <"$WORK/commands")" -gt 10 ] || not_ok readme.commands "README.md has lost its commands"
n=0
while IFS= read -r line; do
  n=$((n + 1))
  name=readme.$n
  case $line in
    'make demo' | 'make test') continue ;; # tested as such, and this is it
    *python3* | 'make fuzz'*) [ -e "$VENV_OK" ] || { skip "$name" "$line: Python packages could not be installed"; continue; } ;;
  esac
  check "$name" bash -ec "cd '$WORK/tree' && $line" || echo "command: $line"
done <"$WORK/commands"

shown() { # the VHDL block, within what the network of the text gives
  "$NNGEN" models/ch1.onnx --q=8,3 --data=models/data/ch1_x.npy -q -o "$WORK/shown" || return 1
  awk '/^```vhdl$/ { on = 1; next } /^```/ { on = 0 } on' README.md >"$WORK/block"
  [ "$(wc -l <"$WORK/block")" -eq 12 ] || { echo "not 12 lines"; return 1; }
  python3 - "$WORK/block" "$WORK/shown/vhdl/ch1.vhd" <<'EOF'
import sys
block, text = open(sys.argv[1]).read(), open(sys.argv[2]).read()
if block not in text:
    at = text.index("      -- n0_gemm")
    sys.exit("README.md shows VHDL that nngen no longer writes; now it is:\n" + "\n".join(text[at:].split("\n")[:12]))
EOF
}
check readme.vhdl shown
links() { # files and folders that the text names
  local p bad=0
  for p in $(grep -o '`[a-z.]*/[A-Za-z_./*]*`' README.md | tr -d '`' | sort -u); do
    case $p in vhdl/* | hls/* | c/* | tb/*) ;; *) compgen -G "$p" >/dev/null || { echo "no $p"; bad=1; } ;; esac
  done
  return $bad
}
check readme.names links
