#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Tiny networks whose hardware IR and VHDL are kept beside them: a change shows as a diff to be read. `make golden-update` takes the present output.
. "$(dirname "$0")/../lib.sh"
version=$("$NNGEN" --version | cut -d' ' -f2)
for f in tests/golden/*.onnx; do
  name=$(basename "$f" .onnx)
  read -r -a args <"${f%.onnx}.args"
  check "golden.$name.compiles" "$NNGEN" "$f" "${args[@]}" -q -o "$WORK/$name" || continue
  "$NNGEN" "$f" "${args[@]}" -q --dump=pipeline >"$WORK/$name.hir"
  cp "$WORK/$name/vhdl/$name.vhd" "$WORK/$name.vhd"
  for kind in hir vhd; do
    sed "s/nngen $version/nngen/" "$WORK/$name.$kind" >"$WORK/now"
    if [ "${1:-}" = update ]; then
      cmp -s "$WORK/now" "${f%.onnx}.$kind" || { cp "$WORK/now" "${f%.onnx}.$kind"; echo "updated $name.$kind"; }
    else
      check "golden.$name.$kind" diff -u "${f%.onnx}.$kind" "$WORK/now"
    fi
  done
done
