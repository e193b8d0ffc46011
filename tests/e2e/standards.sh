#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What other people's tools must take without a word: C99 and C++17 under two compilers, VHDL-93 and -2008, Verilator's lint; two networks in one
# program and in one VHDL library. standards.sh fast | full
. "$(dirname "$0")/../lib.sh"
models="ch1 logreg"
[ "$1" = full ] && models="ch1 logreg ngamma digits skl_mlp autoencoder"

lint() { # DIR TOP: no error; warnings are about style and widths
  verilator --lint-only -Wno-fatal --top-module "$2" "$1/build/$2.v" >"$WORK/lint.txt" 2>&1 && ! grep -q '%Error' "$WORK/lint.txt" || { head "$WORK/lint.txt"; return 1; }
}

both() { # every pair shares a library and a program
  local std=$1 lib=$WORK/lib$1
  shift
  mkdir -p "$lib"
  for m; do
    # shellcheck disable=SC2046
    (cd "$WORK/$m/vhdl" && ghdl -a --std="$std" --workdir="$lib" $(cat files.txt)) || return 1
  done
}

for m in $models; do
  out=$WORK/$m
  check "standards.$m.emit" "$NNGEN" "models/$m.onnx" --q=16,6 --data="models/data/${m}_x.npy" -q -o "$out" || continue
  for cc in gcc clang; do
    command -v $cc >/dev/null || { skip "standards.$m.$cc" "no $cc"; continue; }
    quiet "standards.$m.c99.$cc" $cc -std=c99 -Wall -Wextra -Wpedantic -Werror -O1 -c -o "$WORK/o" "$out/c/$m.c"
    quiet "standards.$m.cpp17.$cc" $cc -x c++ -std=c++17 -Wall -Wextra -Wpedantic -Werror -O1 -c -o "$WORK/o" "$out/c/$m.c"
    quiet "standards.$m.ref.$cc" $cc -std=c99 -Wall -Wextra -Werror -O1 -I"$out/c" -c -o "$WORK/o" "$out/tb/${m}_ref.c"
  done
  for std in 93 08; do
    mkdir -p "$WORK/w$std.$m"
    # shellcheck disable=SC2046
    quiet "standards.$m.vhdl$std" env -C "$out/vhdl" ghdl -a --std=$std --workdir="$WORK/w$std.$m" $(cat "$out/vhdl/files.txt")
  done
  check "standards.$m.synth" make -s -C "$out" "build/$m.v" && check "standards.$m.lint" lint "$out" "$m"
  check "standards.$m.lib" make -s -C "$out" lib
done
quiet standards.one_library.93 both 93 ch1 logreg
quiet standards.one_library.08 both 08 ch1 logreg

# Two networks in one program, as C and as C++; the C has no heap and no float in the fixed-point path.
cat >"$WORK/two.c" <<'EOF'
#include "ch1.h"
#include "logreg.h"
int main(void) {
  static ch1_in_t a[ch1_IN];
  static ch1_out_t b[ch1_OUT];
  static logreg_in_t c[logreg_IN];
  static logreg_out_t d[logreg_OUT];
  ch1(a, b);
  logreg(c, d);
  return 0;
}
EOF
sources=("$WORK/two.c" "$WORK/ch1/c/ch1.c" "$WORK/logreg/c/logreg.c")
quiet standards.one_program.c gcc -std=c99 -Wall -Wextra -Werror -I"$WORK/ch1/c" -I"$WORK/logreg/c" -o "$WORK/two" "${sources[@]}" -lm
quiet standards.one_program.cpp g++ -x c++ -std=c++17 -Wall -Wextra -Werror -I"$WORK/ch1/c" -I"$WORK/logreg/c" -o "$WORK/two" "${sources[@]}" -lm
check standards.one_program.runs "$WORK/two"
gcc -std=c99 -O1 -I"$WORK/ch1/c" -c -o "$WORK/ch1.o" "$WORK/ch1/c/ch1.c"
no_heap() { ! nm "$WORK/ch1.o" | grep -E ' U (malloc|calloc|realloc|free|alloca)$'; }
check standards.no_heap no_heap
[ "$1" = full ] || exit 0

# The ctypes wrapper needs numpy.
if [ -x "$PY" ] && "$PY" -c 'import numpy' 2>/dev/null; then
  wrapper() {
    (cd "$WORK/ch1" && "$PY" - "$ROOT/models/data/ch1_x.npy") <<'EOF'
import sys, numpy as np, subprocess
import ch1
x = np.load(sys.argv[1])
m = ch1.Model()
y, raw = m(x), m.raw(x)
subprocess.run(["make", "-s", "ref"], check=True, stdout=subprocess.DEVNULL)
subprocess.run(["./ref", sys.argv[1], "y.npy"], check=True, stderr=subprocess.DEVNULL)
want = np.load("y.npy").reshape(len(x), -1)
assert y.reshape(len(x), -1).shape == want.shape, (y.shape, want.shape)
assert np.array_equal(np.asarray(y, np.float64).reshape(len(x), -1), want)
assert np.asarray(raw).reshape(len(x), -1).shape == want.shape
t = m.trace(x[:5])
assert len(t) >= 3, t
print("layers traced:", *t)
EOF
  }
  check standards.python wrapper
else
  skip standards.python "numpy could not be installed"
fi
