#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every fixed-point format up to 6 bits, exhaustively, as hardware IR kernels for the back ends.

    primitives.py hir KIND > k.hir      KIND: quantize, arithmetic
    primitives.py check KIND FOLDER     FOLDER/tb/vectors hold every input there is, and what rational arithmetic expects

quantize: every format to every format, dropping -1 to all bits, by every rounding and overflow. arithmetic: a + b and a * b in every pair of like
formats (and of like widths but unlike signs), rounded and fitted into that format, the other sign's, and <3> signed.
"""
import sys
from fractions import Fraction

BITS = 6
FORMATS = [(w, s) for w in range(1, BITS + 1) for s in (False, True)]
ROUNDS, OVERFLOWS = range(3), range(2)  # trn, rnd, rne; sat, wrap


def ends(f):
    w, s = f
    return (-(1 << w - 1), (1 << w - 1) - 1) if s else (0, (1 << w) - 1)


def quantized(v, drop, rounding, to, overflow):
    """The reference: rationals, and nothing of the code under test."""
    x = Fraction(v) / Fraction(2) ** drop
    low = x.numerator // x.denominator
    r = low
    if rounding and (x - low > Fraction(1, 2) or (x - low == Fraction(1, 2) and (rounding == 1 or low % 2))):
        r = low + 1
    lo, hi = ends(to)
    if overflow == 0:
        return min(max(r, lo), hi)
    return (r - lo) % (hi - lo + 1) + lo


def plan(kind):
    """Rows (operation, format of a, format of b, drop, result format): one output for each rounding and overflow."""
    if kind == "quantize":
        return [("id", f, None, d, to) for f in FORMATS for d in sorted({-1, 0, 1, 2, 3, f[0]}) for to in FORMATS]
    pairs = [(f, f) for f in FORMATS] + [((w, True), (w, False)) for w in range(1, BITS + 1)]
    return [(op, a, b, d, to) for op in ("add", "mul") for a, b in pairs
            for d in ((0, 1) if op == "add" else sorted({0, 1, a[0] // 2, a[0]})) for to in sorted({a, (a[0], not a[1]), (3, True)})]


def exact(op, a, b):
    return a if op == "id" else a + b if op == "add" else a * b


def hir(kind):
    rows, n_in, lines, made = plan(kind), 1 if kind == "quantize" else 2, [], {}

    def value(key, text, f, keys=""):
        """The number of a value and its least and most."""
        if key not in made:
            made[key] = len(lines), f[0], f[1]
            lines.append(f"v{len(lines)} = {text} [{f[0]},{f[1]}]{keys}")
        return made[key]

    for i in range(n_in):
        value(("in", i), f"in {i}", ends((BITS, True)))

    def operand(i, f):
        lo, hi = ends(f)
        return made["in", i] if f == (BITS, True) else value((i, f), f"wrap v{i} {f[0]}", (lo, hi), f" bound {lo} {hi}")

    outs = []
    for op, fa, fb, drop, to in rows:
        v, (lo, hi) = operand(0, fa), ends(to)
        if op != "id":
            b = operand(1, fb)
            corners = [exact(op, x, y) for x in v[1:] for y in b[1:]]
            v = value((op, fa, fb), f"{op} v{v[0]} v{b[0]} 0", (min(corners), max(corners)))
        for r in ROUNDS:
            for o in OVERFLOWS:
                outs.append(value((v[0], drop, r, o, to), f"quant v{v[0]} {drop}", (lo, hi), f" bound {lo} {hi} round {r} overflow {o}")[0])
    print("hir 1 prim")
    print(f'input "x" 0 {n_in} {BITS} {BITS} s 1 {n_in}')
    print(f'output "y" 0 {len(outs)} 8 8 s 1 {len(outs)}')
    print(*lines, sep="\n")
    print("out", *(f"v{o}" for o in outs))


def words(path):
    with open(path) as f:
        head = f.readline().split()
        lines = f.read().split()
    assert head[:3] == ["#", "nngen", "vectors"] and head[3] == f"N={len(lines)}", head
    return lines


def check(kind, folder):
    rows, inputs = plan(kind), words(f"{folder}/tb/vectors/in.hex")
    outputs = [bytes.fromhex(w)[::-1] for w in words(f"{folder}/tb/vectors/out.hex")]
    n_in = 1 if kind == "quantize" else 2
    x = [[(int(w, 16) >> BITS * i & (1 << BITS) - 1) for w in inputs] for i in range(n_in)]
    seen = len(set(zip(*x)))
    if seen != 1 << BITS * n_in:
        sys.exit(f"{seen} different inputs of {1 << BITS * n_in}")
    if len(outputs) != len(inputs) or any(len(o) != len(rows) * 6 for o in outputs):
        sys.exit("not the outputs of this kernel")
    column = 0
    for op, fa, fb, drop, to in rows:
        as_format = lambda v, f: ((v & (1 << f[0]) - 1) ^ (1 << f[0] - 1)) - (1 << f[0] - 1) if f[1] else v & (1 << f[0]) - 1
        v = [exact(op, as_format(a, fa), as_format(b, fb) if fb else 0) for a, b in zip(x[0], x[-1])]
        for r in ROUNDS:
            for o in OVERFLOWS:
                want = {e: quantized(e, drop, r, to, o) & 255 for e in set(v)}
                for i, e in enumerate(v):
                    if outputs[i][column] != want[e]:
                        sys.exit(f"{op} of {fa} and {fb}: {e} / 2^{drop}, rounding {r}, into {to}, overflow {o}: {outputs[i][column]}, expected {want[e]}")
                column += 1
    print(f"{column} outputs, {len(inputs)} vectors")


if sys.argv[1] == "hir":
    hir(sys.argv[2])
else:
    check(*sys.argv[2:4])
