#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Made by nngen @VERSION@ from @MODEL@
#
# make report: puts into report.html what gnuplot and graphviz draw (of report/), and what make synth and nngen --verify have written into report.json.
# What is missing is named on the page. GNUPLOT, DOT: the programs. Exit 0 PASS, 1 FAIL.
set -u
cd "$(dirname "$0")/.." || exit 1
LC_ALL=C
export LC_ALL
fresh=report.html.new drawn=report/drawn.new
trap 'rm -f "$fresh" "$drawn"' EXIT
limit=
! command -v timeout >/dev/null 2>&1 || limit="timeout 30"
note=

draw() { # PROGRAM PACKAGE ARGUMENTS...
  program=$1 package=$2
  shift 2
  if ! command -v "$program" >/dev/null 2>&1; then
    note="$note; $program is not installed (Debian, Ubuntu: sudo apt-get install $package)"
  else
    $limit "$program" "$@" </dev/null >>"$drawn" 2>/dev/null || note="$note; $program failed ($program $* says why)"
  fi
}

: >"$drawn" || { echo "FAIL: report/ cannot be written"; exit 1; }
[ ! -s report/plots.gp ] || draw "${GNUPLOT:-gnuplot}" gnuplot-nox -d report/plots.gp
if [ -s report/network.dot ]; then
  echo '<!--plot plot-network-->' >>"$drawn"
  draw "${DOT:-dot}" graphviz -Tsvg report/network.dot
fi
# shellcheck disable=SC2015
awk -f report/report.awk phase=drawn "$drawn" phase=json report.json phase=page report.html >"$fresh" && [ -s "$fresh" ] && mv "$fresh" report.html ||
  { echo "FAIL: report.html could not be written"; exit 1; }
echo "PASS: report.html$note"
