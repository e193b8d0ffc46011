#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The open ap_int and ac_int headers, for compiling HLS C++ without the vendors' tools: headers.sh FOLDER
# They come from the Python package hls4ml 1.3.0 (Apache-2.0, as are the headers), downloaded without what it depends on; nothing else of it is kept.
set -eu
to=${1:?usage: headers.sh FOLDER}
[ -e "$to/ap_types/ap_int.h" ] && [ -e "$to/ac_types/ac_int.h" ] && exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python=${PYTHON:-python3}
"$python" -m pip download --quiet --disable-pip-version-check --no-deps -d "$work" hls4ml==1.3.0
"$python" - "$work" "$to" <<'END'
import glob, os, sys, zipfile
wheel = zipfile.ZipFile(glob.glob(sys.argv[1] + "/hls4ml-*.whl")[0])
for name in wheel.namelist():
    for folder, to in (("hls4ml/templates/vivado/ap_types/", "ap_types"), ("hls4ml/templates/quartus/ac_types/", "ac_types")):
        if name.startswith(folder) and not name.endswith("/"):
            path = os.path.join(sys.argv[2], to, name[len(folder):])
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path + ".new", "wb") as f:
                f.write(wheel.read(name))
            os.replace(path + ".new", path)
END
