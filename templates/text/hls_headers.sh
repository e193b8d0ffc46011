#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The open ap_int and ac_int headers, for compiling HLS C++ without the vendors' tools: headers.sh FOLDER
# They come from the Python package hls4ml 1.3.0 (Apache-2.0, as are the headers), downloaded without what it depends on; nothing else of it is kept.
# A folder of your own must have ap_types/ap_int.h and ac_types/ac_int.h.
set -eu
to=${1:?usage: headers.sh FOLDER}
[ -e "$to/ap_types/ap_int.h" ] && [ -e "$to/ac_types/ac_int.h" ] && exit 0
[ ! -e "$to" ] || { echo "$to has no ap_types/ap_int.h or no ac_types/ac_int.h" >&2; exit 1; }
mkdir -p "$(dirname "$to")"
work=$(mktemp -d "$to.XXXXXX")
trap 'rm -rf "$work"' EXIT
python=${PYTHON:-python3}
"$python" -m pip download --quiet --disable-pip-version-check --retries 1 --no-deps -d "$work" hls4ml==1.3.0
"$python" - "$work" <<'END'
import glob, os, sys, zipfile
wheel = zipfile.ZipFile(glob.glob(sys.argv[1] + "/hls4ml-*.whl")[0])
for name in wheel.namelist():
    for folder, to in (("hls4ml/templates/vivado/ap_types/", "ap_types"), ("hls4ml/templates/quartus/ac_types/", "ac_types")):
        if name.startswith(folder) and not name.endswith("/"):
            path = os.path.join(sys.argv[1], "headers", to, name[len(folder):])
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                f.write(wheel.read(name))
END
# In one step; where another run was faster, its files are the same.
chmod 755 "$work"
mv -T "$work/headers" "$to" 2>/dev/null || [ -e "$to/ac_types/ac_int.h" ]
