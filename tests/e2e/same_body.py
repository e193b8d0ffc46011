# SPDX-License-Identifier: Apache-2.0
"""same_body.py A.vhd B.vhd: the same text but for comments at the head, what things are called, and lists of declarations that long names break."""
import re, sys


def body(path):
    text = open(path).read()
    text = text[text.index("entity "):]
    one_each = lambda m: "\n".join(f"{m[1]} {name} : {m[3]};" for name in m[2].split(", "))
    text = re.sub(r" *(signal|variable) ([\w, ]+) : ([^;:]+);", one_each, text)
    numbers = {}
    return re.sub(r"[A-Za-z_]\w*", lambda m: f"n{numbers.setdefault(m[0], len(numbers))}", text)


a, b = map(body, sys.argv[1:])
if a != b:
    one, two = a.splitlines(), b.splitlines()
    line = next((i for i, (p, q) in enumerate(zip(one, two)) if p != q), min(len(one), len(two)))
    sys.exit(f"they part at line {line} of {len(one)} and {len(two)}: {one[line:line + 1]} {two[line:line + 1]}")
