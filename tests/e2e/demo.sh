#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `make demo` ends well and says what it should.
. "$(dirname "$0")/../lib.sh"
check demo.runs env NNGEN_DEMO_DIR="$WORK/demo" bash -c "tests/demo.sh >'$WORK/log' 2>&1" || cat "$WORK/log"
cat "$WORK/log"
for line in 'PASS: [0-9]+ vectors, [0-9]+ bits, 0 mismatches' 'worst error' 'layer +operator' '[Nn]ext'; do
  check "demo.says.${line%% *}" grep -Eq "$line" "$WORK/log"
done
