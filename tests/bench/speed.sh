#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Times on jet_like at <16,2>, best of three, with what they should be: nngen in half a second, the C model above 10^5 inferences a second, 256 GHDL
# vectors within a minute. Figures, not a test: nothing fails when the machine is busy.
. "$(dirname "$0")/../lib.sh"
x=models/data/jet_like_x.npy
now() { date +%s.%N; }
timed() { local t; t=$(now); "$@" >"$WORK/log" 2>&1 || { cat "$WORK/log"; return 1; }; seconds=$(echo "$(now) - $t" | bc); }
within() { # WHAT SECONDS COMMAND
  local what=$1 limit=$2 best=999
  shift 2
  for _ in 1 2 3; do
    timed "$@" || exit 1
    [ "$(echo "$seconds < $best" | bc)" = 1 ] && best=$seconds
  done
  printf '%-44s %8.3f s (aim: %s s)\n' "$what" "$best" "$limit"
}
# the compiler alone, on a few samples: comparing thousands of samples with float is extra
python3 - "$x" "$WORK/few.npy" 100 "$WORK/many.npy" 100 <<'EOF'
import struct, sys
b = open(sys.argv[1], "rb").read()
size = struct.unpack("<H", b[8:10])[0]
head, data = b[10:10 + size].decode(), b[10 + size:]
def write(path, n, data):
    h = "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 16), }" % n
    h += " " * (118 - len(h) - 1) + "\n"
    open(path, "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(h)) + h.encode() + data)
n, k = int(sys.argv[3]), int(sys.argv[5])
write(sys.argv[2], n, data[:n * 64])
write(sys.argv[4], 3000 * k, data * k)
EOF
within "nngen, 100 samples" 0.5 "$NNGEN" models/jet_like.onnx --q=16,2 --data="$WORK/few.npy" -q -o "$WORK/jet"
within "nngen, 3,000 samples compared" 2 "$NNGEN" models/jet_like.onnx --q=16,2 --data=$x -q -o "$WORK/jet"
make -s -C "$WORK/jet" ref
within "C model, 300,000 samples, with files" 3 "$WORK/jet/ref" "$WORK/many.npy" "$WORK/y.npy"
within "GHDL, 256 vectors, with analysis" 60 make -s -C "$WORK/jet" sim
