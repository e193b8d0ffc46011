#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Solve one integer matrix with da4ml or alkaid and count the result by nngen's own measure.

usage: peers_mcm.py da4ml|alkaid FILE... [--dc N]... [--repeat N]

FILE: "rows cols lo hi", then rows * cols integers; every input lies in [lo, hi]. y[j] = sum of m[i][j] * x[i].
Prints one JSON line per file and depth bound: adders, bits (result width less the low bits that pass through unchanged), depth in
adders, seconds (the fastest of --repeat), the tool's own cost; after checking that the graph computes the matrix.
Needs Python with numpy and the tool: pip install da4ml==0.6.0, or alkaid==0.8.2.
"""
import argparse
import json
import time

import numpy as np


def width(lo, hi):
    """Bits of an integer in [lo, hi]: two's complement where lo < 0, else unsigned."""
    n = max(hi.bit_length(), (-lo - 1).bit_length() if lo < 0 else 0, 0 if lo < 0 else 1)
    return n + 1 if lo < 0 else n


class Node:
    """A value of the graph: value = integer * 2^lsb, the integer in [lo, hi]; depth in adders; its row of the matrix."""

    def __init__(self, lo, hi, lsb, depth, form):
        self.lo, self.hi, self.lsb, self.depth, self.form = lo, hi, lsb, depth, form

    def shifted(self, lsb):
        return self.lo << self.lsb - lsb, self.hi << self.lsb - lsb


def join(a, b, shift, minus):
    """a +- b * 2^shift and the bits its carry chain takes."""
    blsb = b.lsb + shift
    lsb = min(a.lsb, blsb)
    alo, ahi = a.shifted(lsb)
    blo, bhi = Node(b.lo, b.hi, blsb, 0, None).shifted(lsb)
    lo, hi = (alo - bhi, ahi - blo) if minus else (alo + blo, ahi + bhi)
    form = a.form + (-b.form if minus else b.form) * 2.0**shift
    free = abs(a.lsb - blsb)
    if minus and blsb < a.lsb:  # the low bits of the subtrahend do not pass
        free = 0
    return Node(lo, hi, lsb, max(a.depth, b.depth) + 1, form), max(width(lo, hi) - free, 0)


def count(comb, m, lo, hi):
    nodes, bits, adders = [], 0, 0
    for op in comb.ops:
        args = getattr(op, "addr", None)
        if args is None:
            args = (op.id0, op.id1)
        data = op.data[0] if isinstance(op.data, tuple) and op.data else op.data
        if op.opcode == -1:
            index = data if hasattr(op, "addr") else op.id0
            node = Node(lo, hi, 0, 0, np.eye(m.shape[0])[index])
        elif op.opcode in (0, 1):
            node, n = join(nodes[args[0]], nodes[args[1]], data, op.opcode == 1)
            bits, adders = bits + n, adders + 1
        elif op.opcode == 3:  # requantization that changes nothing
            node = nodes[args[0]]
        elif op.opcode == -2:  # negation
            a = nodes[args[0]]
            node = Node(-a.hi, -a.lo, a.lsb, a.depth + 1, -a.form)
            bits, adders = bits + width(-a.hi, -a.lo), adders + 1
        else:
            raise SystemExit(f"opcode {op.opcode} is not understood")
        nodes.append(node)
    depth = 0
    for j, (index, shift, neg) in enumerate(zip(comb.out_idxs, comb.out_shifts, comb.out_negs)):
        if index < 0:
            assert not m[:, j].any()
            continue
        sign = -1 if neg else 1
        assert np.array_equal(nodes[index].form * 2.0**shift * sign, m[:, j]), f"column {j} is wrong"
        depth = max(depth, nodes[index].depth)
        if neg:
            a = nodes[index]
            bits, adders = bits + width(-a.hi, -a.lo), adders + 1
    return adders, bits, depth


def main():
    p = argparse.ArgumentParser()
    p.add_argument("tool", choices=("da4ml", "alkaid"))
    p.add_argument("file", nargs="+")
    p.add_argument("--dc", type=int, action="append", help="extra depth allowed; -1: no limit")
    p.add_argument("--repeat", type=int, default=1)
    a = p.parse_args()
    if a.tool == "da4ml":
        from da4ml.trace import FixedVariableArrayInput as Input, comb_trace as trace
    else:
        from alkaid.trace import FVArrayInput as Input, trace
    for file in a.file:
        with open(file) as f:
            word = [int(x) for x in f.read().split()]
        rows, cols, lo, hi = word[:4]
        m = np.array(word[4 : 4 + rows * cols], dtype=np.float64).reshape(rows, cols)
        for dc in a.dc or [2, -1]:
            best = 1e9
            for _ in range(a.repeat):
                inp = Input((rows,), solver_options={"hard_dc": dc})
                signed = lo < 0
                x = inp.quantize(np.full(rows, int(signed)), np.full(rows, max(hi.bit_length(), 1)), np.zeros(rows, int))
                start = time.time()
                y = x @ m
                best = min(best, time.time() - start)
            comb = trace(inp, y)
            adders, bits, depth = count(comb, m, lo, hi)
            print(json.dumps(dict(tool=a.tool, file=file, dc=dc, adders=adders, bits=bits, depth=depth, seconds=round(best, 4),
                                  own_cost=float(comb.cost))), flush=True)


if __name__ == "__main__":
    main()
