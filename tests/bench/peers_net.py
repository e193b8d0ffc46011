#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run da4ml or alkaid on a dense network and count the result by nngen's own measure.

usage: peers_net.py da4ml|alkaid MODEL.onnx W,I [--dc N] [--stages N] [--flavor verilog|vhdl] [--out DIR]

MODEL.onnx: a chain of Gemm (or MatMul + Add) and Relu; what follows the last dense layer is left out. Everything is rounded half up and
saturated to <W,I>, as nngen --q=W,I does. Prints one JSON line: adders, bits (for each add or subtract: result width less the low bits that pass
through unchanged), depth (adder levels), cost (the tool's own), solve_s, write_s, stages, reg_bits (the tool's own), and the folder it wrote to.
--stages: pipeline stages between registered inputs and registered outputs, as nngen counts them. alkaid takes the number; da4ml takes a
delay a stage, so the delays that give that number (or the nearest) are tried and the one with the fewest register bits is taken.
"""
import argparse
import json
import math
import time

import numpy as np
import onnx
from onnx import numpy_helper


def chain(path):
    """(weights, bias, relu?, pool) of each layer; BatchNormalization is folded. Weights: [in, out], of a padded convolution [out, in, rows, columns];
    pool: the side of the squares whose maximum is taken, or 1."""
    graph = onnx.load(path).graph
    value = {t.name: numpy_helper.to_array(t).astype(np.float64) for t in graph.initializer}
    layers = []
    for node in graph.node:
        attr = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Gemm":
            w = value[node.input[1]]
            layers.append([w.T if attr.get("transB") else w, value[node.input[2]], False, 1])
        elif node.op_type == "Conv":
            layers.append([value[node.input[1]], value[node.input[2]], False, 1])
        elif node.op_type == "MaxPool":
            layers[-1][3] = attr["kernel_shape"][0]
        elif node.op_type == "MatMul":
            layers.append([value[node.input[1]], 0, False, 1])
        elif node.op_type == "Add":
            layers[-1][1] = layers[-1][1] + value[[i for i in node.input if i in value][0]]
        elif node.op_type == "BatchNormalization":
            scale, shift, mean, var = (value[i] for i in node.input[1:5])
            a = scale / np.sqrt(var + attr.get("epsilon", 1e-5))
            layers[-1][0], layers[-1][1] = layers[-1][0] * a, (layers[-1][1] - mean) * a + shift
        elif node.op_type == "Relu":
            layers[-1][2] = True
    return [(w, np.broadcast_to(b, w.shape[1 if w.ndim == 2 else 0]).reshape(-1), r, p) for w, b, r, p in layers]


def width(lo, hi, step):
    lo, hi = round(lo / step), round(hi / step)
    n = max(hi.bit_length(), (-lo - 1).bit_length() if lo < 0 else 0)
    return max(n + (lo < 0), 1)


def count(comb):
    adders, bits, depth = 0, 0, []
    for op in comb.ops:
        args = getattr(op, "addr", None)
        if args is None:
            args = (op.id0, op.id1)
        level = max([depth[a] for a in args if 0 <= a < len(depth)], default=0)
        if op.opcode in (0, 1):
            shift = op.data[0] if isinstance(op.data, (tuple, list)) else op.data
            a, b, r = (comb.ops[args[0]].qint, comb.ops[args[1]].qint, op.qint)
            lsb_a, lsb_b = math.log2(a.step), math.log2(b.step) + shift
            passes = abs(lsb_a - lsb_b) if op.opcode == 0 or lsb_a < lsb_b else 0
            adders += 1
            bits += max(int(width(r.min, r.max, 2.0 ** min(lsb_a, lsb_b)) - passes), 1)
            level += 1
        depth.append(level)
    return adders, bits, max(depth)


def da4ml_pipeline(comb, stages):
    from da4ml.trace.pipeline import to_pipeline

    latency, best = max(comb.out_latency), None
    for i in range(-16, 33):
        cutoff = latency / (stages - i / 32)
        pipe = to_pipeline(comb, cutoff, verbose=False)
        key = abs(len(pipe.solutions) - stages), pipe.reg_bits
        if best is None or key < best[0]:
            best = key, pipe
    return best[1]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("tool", choices=("da4ml", "alkaid"))
    p.add_argument("model")
    p.add_argument("q")
    p.add_argument("--dc", type=int, default=2)
    p.add_argument("--stages", type=int, default=8)
    p.add_argument("--flavor", default="verilog")
    p.add_argument("--out")
    a = p.parse_args()
    W, I = (int(x) for x in a.q.split(","))
    if a.tool == "da4ml":
        from da4ml.trace import FixedVariableArrayInput as Input, comb_trace as trace
    else:
        from alkaid.trace import FVArrayInput as Input, trace

    def fix(v):
        s = 2.0 ** (W - I)
        return np.clip(np.floor(v * s + 0.5), -(2 ** (W - 1)), 2 ** (W - 1) - 1) / s

    layers = [(fix(w), fix(b), r) for w, b, r, _ in chain(a.model)]
    start = time.time()
    n = layers[0][0].shape[0]
    inp = Input((n,), solver_options={"hard_dc": a.dc})
    x = inp.quantize(np.ones(n, int), np.full(n, I - 1), np.full(n, W - I))
    for w, b, relu in layers:
        x = x @ w + b
        if relu:
            x = x.relu()
        x = x.quantize(np.ones(x.shape, int), np.full(x.shape, I - 1), np.full(x.shape, W - I), "SAT", "RND")
    comb = trace(inp, x)
    solved = time.time()
    stages, regs = 0, 0
    if a.out:
        if a.tool == "da4ml":
            from da4ml.codegen import RTLModel

            pipe = da4ml_pipeline(comb, a.stages)
            RTLModel(pipe, "net", a.out, flavor=a.flavor).write()
            stages, regs = len(pipe.solutions), pipe.reg_bits
        else:
            from alkaid.codegen import RTLModel

            RTLModel(comb, a.out, "net", flavor=a.flavor, n_stages=a.stages).write()
            with open(f"{a.out}/metadata.json") as f:
                meta = json.load(f)
            stages, regs = meta["latency"], meta["reg_bits"]
    adders, bits, depth = count(comb)
    print(json.dumps(dict(tool=a.tool, adders=adders, bits=bits, depth=depth, cost=comb.cost, solve_s=round(solved - start, 3),
                          write_s=round(time.time() - solved, 3), stages=stages, reg_bits=regs, out=a.out)))


if __name__ == "__main__":
    main()
