#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A bench that cannot fail proves nothing: a flipped bit in any expectation, or a changed constant in the VHDL or the C, must give FAIL and a failing exit.
. "$(dirname "$0")/../lib.sh"
out=$WORK/ch1
check bench.emit "$NNGEN" models/ch1.onnx --q=16,2 --data=models/data/ch1_x.npy -q -o "$out" || exit
cp -r "$out" "$WORK/clean"

fails() { # NAME TARGET
  local said status
  said=$(make -s -C "$out" "$2" 2>&1)
  status=$?
  if [ $status -ne 0 ] && grep -q '^FAIL: ' <<<"$said"; then ok "$1"; else
    printf '%s\n' "$said" | tail -n 5
    not_ok "$1" "exit $status: $(tail -n 1 <<<"$said")"
  fi
}
restore() { rm -rf "$out"; cp -r "$WORK/clean" "$out"; }

# The lowest bit of one hex digit of one expected word (line 2 on; the header is line 1).
flip() { # LINE DIGIT
  python3 - "$out/tb/vectors/out.hex" "$1" "$2" <<'EOF'
import sys
path, line, digit = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
l = open(path).read().split("\n")
w = list(l[line])
w[digit] = "%x" % (int(w[digit], 16) ^ 1)
l[line] = "".join(w)
open(path, "w").write("\n".join(l))
EOF
}

check bench.passes make -s -C "$out" sim
at="1:0 40:-1"
[ "$1" = full ] && at="1:0 1:-1 2:-1 40:-1 100:1 200:-1"
for a in $at; do
  restore
  flip "${a%:*}" "${a#*:}"
  fails "bench.vector_${a%:*}_digit_${a#*:}.ghdl" sim
  fails "bench.vector_${a%:*}_digit_${a#*:}.c" check
done
if [ "$1" = full ]; then
  restore
  last=$(($(wc -l <"$out/tb/vectors/out.hex") - 1))
  flip "$last" -1
  fails bench.last_vector.verilator verilate
  fails bench.last_vector.c check
fi

# Constants of the VHDL: integer literals of at least two digits in its statements, a few spread over the file.
restore
vhd=$out/vhdl/ch1.vhd
check bench.constants python3 tests/e2e/mutate.py list "$vhd"
count=3
[ "$1" = full ] && count=8
for i in $(seq 0 $((count - 1))); do
  restore
  if what=$(python3 tests/e2e/mutate.py change "$vhd" "$i" $count); then
    fails "bench.vhdl_constant_$i" sim || echo "changed: $what"
  else
    not_ok "bench.vhdl_constant_$i" "nothing to change: $what"
  fi
done
restore
# Missing words, a file cut short, an empty one: never PASS.
: >"$out/tb/vectors/out.hex"
fails bench.empty_vectors sim
restore
head -n 20 "$WORK/clean/tb/vectors/out.hex" >"$out/tb/vectors/out.hex"
fails bench.cut_vectors sim
