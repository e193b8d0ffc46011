#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Random hardware IR kernels: evaluator = generated C, bit for bit, with counts, traces and the float path, in every build there is.
#   fuzz_kernel.sh SEED N      seeds SEED .. SEED+N-1; a failing one is kept in $OUT
set -u
BUILD=${BUILD:-build} OUT=${OUT:-$BUILD/fuzz_kernel} CC=${CC:-cc}
bin=$(cd "$BUILD" && pwd)
seed=${1:-1} end=$((${1:-1} + ${2:-20})) passed=0 failed=0
warn='-Wall -Wextra -Werror -Wconversion'
mkdir -p "$OUT" && cd "$OUT" || exit 5

# one SEED: everything on standard output, the verdict last
one() {
  s=$1 d=k$1
  case $((s % 5)) in
  0) build="$CC -std=c99 -O1 -march=native" ;;
  1) build="$CC -std=c99 -O1" ;;
  2) build="$CC -std=c99 -O1 -Dfuzz_SCALAR -fsanitize=undefined -fno-sanitize-recover=all" ;;
  3) build="${CXX:-c++} -x c++ -std=c++17 -O1 -march=native" ;;
  4) build="$CC -std=c99 -O1 -march=native -Dfuzz_LANES=64" ;;
  esac
  round=$(echo trn rnd rne | cut -d' ' -f$((s % 3 + 1))) overflow=$(echo sat wrap | cut -d' ' -f$((s / 3 % 4 / 3 + 1)))
  rm -rf "$d"
  "$bin/fuzz/gen_kernel" "$s" >"$d.hir" || return 1
  "$bin/nngen" "$d.hir" --target=c --round="$round" --overflow="$overflow" -q -o "$d" || return 1
  # shellcheck disable=SC2086
  $build $warn -fPIC -shared -o "$d.so" "$d/c/fuzz.c" || return 1
  "$bin/nngen" "$d.hir" --target=c --dump=pipeline >"$d.final.hir" || return 1
  "$bin/fuzz/check_kernel" "$d.final.hir" "./$d.so" "$round" "$overflow" && return
  grep -q 'not proved' "k$s.log" || return 1 # an interval that only the passes before could prove
  "$bin/fuzz/check_kernel" "$d.hir" "./$d.so" "$round" "$overflow"
}

while [ "$seed" -lt "$end" ]; do
  if one "$seed" >"k$seed.log" 2>&1; then
    passed=$((passed + 1))
    rm -rf "k$seed" "k$seed."*
  else
    failed=$((failed + 1))
    echo "seed $seed: $(grep -E 'error|FAIL|nngen:' "k$seed.log" | head -n 1) ($OUT/k$seed.log)"
  fi
  seed=$((seed + 1))
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
