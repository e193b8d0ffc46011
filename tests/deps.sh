#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing: deps.sh demo (build and simulate) | all (also test). Says what it does; elsewhere than on Debian or Ubuntu it
# lists what to install and stops.
set -u
cd "$(dirname "$0")/.." || exit 1
level=${1:-all}

# package | what shows that it is there: a command, a header (.h), a file (/...), or a Python module (py:)
needs='
gcc|cc
make|make
pkg-config|pkg-config
protobuf-c-compiler|protoc-c
libprotobuf-c-dev|protobuf-c/protobuf-c.h
libonnx-dev|/usr/include/onnx/onnx.proto
libjansson-dev|jansson.h
libmpfr-dev|mpfr.h
libgmp-dev|gmp.h
libzip-dev|zip.h
libmd-dev|sha256.h
zlib1g-dev|zlib.h
g++|g++
ghdl|ghdl
verilator|verilator
python3|python3
'
[ "$level" = all ] && needs+='
yosys|yosys
nextpnr-ice40|nextpnr-ice40
tcl|tclsh
libcmocka-dev|cmocka.h
libfixmath-dev|libfixmath/fixmath.h
clang|clang
clang-format|clang-format
cppcheck|cppcheck
python3-venv|py:ensurepip
bc|bc
gnuplot-nox|gnuplot
graphviz|dot
'

present() {
  case $1 in
    py:*) python3 -c "import ${1#py:}" 2>/dev/null ;;
    /*) [ -e "$1" ] ;;
    *.h) printf '#include <stddef.h>\n#include <stdint.h>\n#include <stdio.h>\n#include <%s>\n' "$1" | cc -E - >/dev/null 2>&1 ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
  esac
}

missing=()
find_missing() {
  missing=()
  local line
  for line in $needs; do
    present "${line#*|}" || missing+=("${line%%|*}")
  done
}

find_missing
if [ ${#missing[@]} -gt 0 ]; then
  if ! command -v apt-get >/dev/null 2>&1; then
    echo "nngen needs these Debian packages, or what your system calls them; install them and run this again:" >&2
    printf '  %s\n' "${missing[@]}" >&2
    exit 1
  fi
  sudo=()
  if [ "$(id -u)" -ne 0 ]; then
    sudo=(sudo)
    command -v sudo >/dev/null 2>&1 || { echo "not root and no sudo; as root: apt-get install ${missing[*]}" >&2; exit 1; }
  fi
  install=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}")
  echo "nngen: installing ${missing[*]} (${sudo[*]:+with sudo, }apt-get)"
  if ! "${install[@]}" >build.deps.log 2>&1; then
    echo "nngen: first apt-get update"
    "${sudo[@]}" apt-get update -q >>build.deps.log 2>&1
    "${install[@]}" >>build.deps.log 2>&1 || { tail -20 build.deps.log >&2; rm -f build.deps.log; echo "apt-get could not install ${missing[*]}" >&2; exit 1; }
  fi
  rm -f build.deps.log
  find_missing
  if [ ${#missing[@]} -gt 0 ]; then
    echo "still missing after installing: ${missing[*]}" >&2
    exit 1
  fi
fi

# The random networks are compared with onnxruntime: Python packages in build/venv, nothing outside it.
if [ "$level" = all ]; then
  stamp=build/venv/made-from.txt
  if ! cmp -s tests/requirements.txt $stamp; then
    echo "nngen: installing $(grep -v '^#' tests/requirements.txt | tr '\n' ' ')in build/venv"
    if ! { python3 -m venv build/venv && build/venv/bin/pip install -q --disable-pip-version-check -r tests/requirements.txt && cp tests/requirements.txt $stamp; }; then
      echo "nngen: PYTHON PACKAGES COULD NOT BE INSTALLED; the tests that need them will be skipped" >&2
    fi
  fi
  # ap_int and ac_int, for the HLS C++
  if ! sh templates/text/hls_headers.sh build/hls_headers >build.deps.log 2>&1; then
    echo "nngen: THE HEADERS OF ap_int AND ac_int COULD NOT BE DOWNLOADED ($(tail -n 1 build.deps.log)); HLS C++ will be tested without them" >&2
  fi
  rm -f build.deps.log
fi
exit 0
