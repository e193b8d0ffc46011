#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The onnx package's own cases for convolutions, pools, resizing, moving and recurrent layers, through the float model.
. "$(dirname "$0")/../lib.sh"
if [ ! -e "$VENV_OK" ]; then
  skip onnx_nodes "numpy or onnx could not be installed"
  exit 0
fi
"$PY" tests/e2e/onnx_nodes.py "$NNGEN" "$WORK" || not_ok onnx_nodes "the script stopped"
