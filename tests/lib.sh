# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What test scripts share. Each test prints one line: "ok NAME", "not ok NAME - why" or "skip NAME - why"; tests/run.sh counts them.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
ROOT=$PWD
BUILD=${BUILD:-build}
case $BUILD in /*) ;; *) BUILD=$ROOT/$BUILD ;; esac
export BUILD
unset MAKELEVEL MAKEFLAGS # a script calls make as a user does
NNGEN=${NNGEN:-$BUILD/nngen}
PY=$BUILD/venv/bin/python
[ -x "$PY" ] || PY=$ROOT/build/venv/bin/python
# shellcheck disable=SC2034
VENV_OK=$ROOT/build/venv/made-from.txt
# the vendors' integer headers, which tests/deps.sh downloads
export HLS_HEADERS=${HLS_HEADERS:-$ROOT/build/hls_headers}
WORK=$(mktemp -d "${TMPDIR:-/tmp}/nngen_test.XXXXXX")
trap 'rm -rf "$WORK"' EXIT

ok() { printf 'ok %s\n' "$1"; }
not_ok() { printf 'not ok %s - %s\n' "$1" "$(printf '%s' "${2:-}" | tr '\n' ' ' | cut -c1-400)"; }
skip() { printf 'skip %s - %s\n' "$1" "$2"; }

# check NAME COMMAND...: the command must succeed; its output is shown when it does not
check() {
  local name=$1 said
  shift
  if said=$("$@" 2>&1); then ok "$name"; else
    printf '%s\n' "$said" | tail -n 40
    not_ok "$name" "$(printf '%s\n' "$said" | tail -n 3)"
    return 1
  fi
}

# quiet NAME COMMAND...: the same, and it must print nothing
quiet() {
  local name=$1 said status
  shift
  said=$("$@" 2>&1)
  status=$?
  if [ $status -eq 0 ] && [ -z "$said" ]; then ok "$name"; else
    printf '%s\n' "$said" | head -n 20
    not_ok "$name" "status $status: $(printf '%s\n' "$said" | head -n 2)"
    return 1
  fi
}

# rejects NAME STATUS REGEX COMMAND...: exactly that exit status, and a line of output (stderr) that matches the extended regex
rejects() {
  local name=$1 want=$2 regex=$3 status
  shift 3
  "$@" >"$WORK/out.txt" 2>"$WORK/err.txt"
  status=$?
  if [ $status -ne "$want" ]; then
    head -n 5 "$WORK/err.txt"
    not_ok "$name" "exit $status, expected $want: $(head -n 1 "$WORK/err.txt")"
  elif ! grep -Eq -- "$regex" "$WORK/err.txt"; then
    head -n 10 "$WORK/err.txt"
    not_ok "$name" "no message like /$regex/: $(head -n 1 "$WORK/err.txt")"
  elif LC_ALL=C grep -q '[^[:print:][:space:]]' "$WORK/err.txt"; then
    not_ok "$name" "unprintable characters in the messages"
  else ok "$name"; fi
}

# field FILE PATH: one value of a JSON file, as in: field report.json verify.ghdl.vectors
field() {
  python3 - "$1" "$2" <<'EOF'
import json, sys
v = json.load(open(sys.argv[1]))
for k in sys.argv[2].split("."):
    v = v[int(k)] if isinstance(v, list) else v.get(k) if isinstance(v, dict) else None
print(v)
EOF
}
