#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs one cmocka program and counts its tests one by one: unit.sh build/unit/test_hir
. "$(dirname "$0")/lib.sh"
program=$1
case $program in /*) ;; *) program=$ROOT/$program ;; esac
name=$(basename "$program")
case $program in */asan/*) name=$name-sanitized ;; esac
# The compiler frees nothing; what matters is what it reads and writes.
ASAN_OPTIONS=detect_leaks=0 CMOCKA_MESSAGE_OUTPUT=stdout "$program" >"$WORK/log" 2>&1
status=$?
cat "$WORK/log"
sed -nE "s/^\[ +OK +\] ([A-Za-z0-9_]+).*/ok $name.\1/p; s/^\[  FAILED  \] ([A-Za-z0-9_]+)$/not ok $name.\1 - see the log/p; s/^\[  SKIPPED \] ([A-Za-z0-9_]+)$/skip $name.\1 - skipped itself/p" "$WORK/log" |
  sort -u | grep -vE "^not ok $name\.tests$"
if [ $status -ne 0 ] && ! grep -q '^\[  FAILED  \]' "$WORK/log"; then not_ok "$name" "exit $status"; fi
exit 0
