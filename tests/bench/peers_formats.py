#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""peers_formats.py MODEL.onnx report.json: the adder bits of da4ml's graph of a network in the formats nngen gave each tensor, as one JSON line.

A chain of dense layers, padded convolutions, pools and ReLU; what follows the last of them is left out. Same integers, rounding and saturation as nngen;
weights and biases in W bits each with the I that just holds them, results as the report says.
"""
import json
import sys
import time

import numpy as np
from da4ml.trace import FixedVariableArrayInput as Input, comb_trace
from peers_net import chain, count


def fix(v, W):
    """To the nearest, in W bits; the I that holds all of v."""
    I = next(i for i in range(-60, 64) if v.min() >= -(2.0 ** (i - 1)) - 2.0 ** (i - W - 1) and v.max() < 2.0 ** (i - 1) - 2.0 ** (i - W - 1))
    return np.floor(v * 2.0 ** (W - I) + 0.5) * 2.0 ** (I - W)


def conv(x, w, b):
    """[channels, rows, columns], zeros around it."""
    k, (c, h, v) = w.shape[2], x.shape
    rows = []
    for i in range(h):
        for j in range(v):
            at = [(p, q) for p in range(k) for q in range(k) if 0 <= i + p - k // 2 < h and 0 <= j + q - k // 2 < v]
            taps = np.concatenate([w[:, :, p, q] for p, q in at], axis=1)
            row = x[:, i + at[0][0] - k // 2:i + at[-1][0] - k // 2 + 1, j + at[0][1] - k // 2:j + at[-1][1] - k // 2 + 1].reshape(c, -1).T.reshape(-1)
            rows.append(row @ taps.T + b)
    return np.stack(rows).T.reshape(len(b), h, v)


def main():
    report = json.load(open(sys.argv[2]))
    stored = [(l["W"], l["I"]) for l in report["layers"] if l["W"] and l["op"] not in ("Softmax", "MaxPool")]
    port = report["inputs"][0]
    n = int(np.prod(port["shape"]))
    start = time.time()
    inp = Input((n,), solver_options={"hard_dc": 2})
    x = inp.quantize(np.ones(n, int), np.full(n, port["I"] - 1), np.full(n, port["W"] - port["I"]))
    if len(port["shape"]) == 4:
        x = x.reshape(port["shape"][1:])
    for w, b, relu, pool in chain(sys.argv[1]):
        W = port["W"]
        x = conv(x, fix(w, W), fix(b, W)) if w.ndim == 4 else x.reshape(-1) @ fix(w, W) + fix(b, W)
        if relu:
            x = x.relu()
        if stored:
            W, I = stored.pop(0)
            x = x.quantize(np.ones(x.shape, int), np.full(x.shape, I - 1), np.full(x.shape, W - I), "SAT", "RND")
        if pool > 1:
            c, h, v = x.shape
            x = np.max(x.reshape(c, h // pool, pool, v // pool, pool), axis=(2, 4))
    adders, bits, depth = count(comb_trace(inp, x))
    print(json.dumps(dict(adders=adders, bits=bits, depth=depth, solve_s=round(time.time() - start, 3))))


if __name__ == "__main__":
    main()
