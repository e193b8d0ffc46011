#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Upkeep that a machine can check.
. "$(dirname "$0")/lib.sh"
analysed() { cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr --enable=warning,portability -Igen -Iruntime gen; }
second_compiler() { local f; for f in gen/*.c; do clang -std=c11 -D_XOPEN_SOURCE=700 -Wall -Wextra -Wpedantic -Werror -Wshadow -Wstrict-prototypes -Igen -Iruntime "-I$BUILD" -fsyntax-only "$f" || return 1; done; }
formatted() { clang-format --dry-run --Werror gen/*.[ch] runtime/*.h tests/unit/*.c tests/fuzz/*.c tests/bench/*.c; }
# what nngen writes is its user's
licensed() { local f bad=0; for f in $(git ls-files -co --exclude-standard 2>/dev/null | grep -E '\.(c|h|def|py|sh|vhd|tcl|awk|cpp)$|Makefile|\.ci/run' | grep -vE '^(templates/text|tests/golden)/'); do
  head -n 3 "$f" | grep -q SPDX-License-Identifier || { echo "$f"; bad=1; }; done; return $bad; }
check lint.cppcheck analysed
check lint.clang second_compiler
check lint.format formatted
check lint.spdx licensed
if command -v shellcheck >/dev/null; then
  scripts() { find tests -name '*.sh' -exec shellcheck -x -e SC1091,SC2013,SC2015,SC2016 .ci/run {} +; }
  check lint.shell scripts
else
  skip lint.shell "shellcheck is not installed"
fi
