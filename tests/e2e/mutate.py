# SPDX-License-Identifier: Apache-2.0
"""Changes one added constant in emitted VHDL: mutate.py list FILE | change FILE I OF (the I-th of OF places spread over the file)."""
import re, sys

ADDED = re.compile(r"(?<= [+-] )\d{2,}(?=;)|(?<=to_signed\()-?\d{2,}(?=, \d+\) [+-] )|(?<=:= )-?\d{2,}(?= [+-] )")
command, path, *rest = sys.argv[1:]
text = open(path).read()
places = list(ADDED.finditer(text))
if command == "list":
    print(len(places), "constants")
    sys.exit(len(places) < 5)
i, of = map(int, rest)
if not places:
    sys.exit("no constant found")
m = places[i * (len(places) - 1) // max(1, of - 1)]
new = str(int(m.group()) // 2)
open(path, "w").write(text[:m.start()] + new + text[m.end():])
print(f"line {text.count(chr(10), 0, m.start()) + 1}: {m.group()} became {new}")
