# SPDX-License-Identifier: Apache-2.0
"""Random networks by seed: every operator of gen/op_table.def that can stay at run time, in random shapes, ranks, opsets and formats.

network(seed) gives a Case: the model (every intermediate value has a value_info, so that the shrinker can cut anywhere), samples and options.
"""
from dataclasses import dataclass, field
import numpy as np
import onnx
from onnx import TensorProto as T, helper as h
from netgen_net import MAX_ELEMENTS, Net
from netgen_recurrent import step_options, stepwise
from netgen_stream import stream_options

SAMPLES = 40


@dataclass
class Case:
    model: onnx.ModelProto
    feed: dict                      # input name -> samples x elements
    options: list                   # command line, without files
    config: dict | None = None
    exact: bool = False             # only operators that are exact but for rounding: fixed point must follow float closely
    name: str = ""
    uses: set = field(default_factory=set)
    stream: dict | None = None      # also with --mode=stream: its options, and reuse factors by node name


INEXACT = {"RNN", "GRU", "LSTM", "QuantizeLinear", "Sigmoid", "Tanh", "Elu", "Selu", "Celu", "Softplus", "Softsign", "HardSwish", "Gelu", "Mish", "Erf", "Exp", "Log", "Sqrt", "Reciprocal", "Softmax",
           "LogSoftmax", "Normalizer", "ArgMax", "ArgMin", "Less", "Greater", "Equal", "GreaterOrEqual", "LessOrEqual"}


def inputs(net):
    infos = []
    for i in range(net.pick(1, 1, 1, 2, 3)):
        rank = net.pick(1, 2, 2, 2, 2, 2, 3, 4)
        s = [int(net.r.integers(1, 6)) for _ in range(rank)]
        if rank >= 2:
            s[0] = 1
        while np.prod(s) > MAX_ELEMENTS:
            s[int(net.r.integers(1, rank))] = 1
        n = net.pick(f"x{i}", f"input.{i}", f"in-{i}:0")
        net.info[n] = (T.FLOAT, tuple(s))
        net.values.append(n)
        dims = [net.pick("N", "batch", 1, 1) if rank >= 2 and j == 0 else d for j, d in enumerate(s)]
        infos.append(h.make_tensor_value_info(n, T.FLOAT, dims))
    return infos


def options(net):
    r = net.r
    W = int(r.choice([1, 2, 3, 4, 6, 8, 8, 10, 12, 16, 16, 16, 18, 24, 32]))
    I = int(r.choice([W, W - 1, W // 2, W // 2, W // 2, W // 2 - 1, 2, 6, 6, 0, -1, W + 2, 1]))
    q = f"{W},{I}"
    if net.chance(.2):
        q = f"{max(W, 4)},auto"
    o = [f"--q={q}", f"--round={net.pick('trn', 'rnd', 'rne')}", f"--overflow={net.pick('sat', 'sat', 'wrap', 'wrap', 'error') if net.chance(.97) else 'sat'}",
         f"--clock={net.pick('5', '5', '2', '1', '10', '1000')}"]
    if net.chance(.1):
        o.append(f"--depth={net.pick('min', '0', '-1', '4')}")
    if net.chance(.3):
        o.append(f"--family={net.pick('xilinx7', 'ultrascale', 'agilex', 'stratix10', 'ecp5', 'ice40')}")
    if net.chance(.1):
        o.append(f"--dsp={net.pick('auto', '1', '7', '100')}")
    if net.chance(.06):
        o.append(f"--target-loss={net.pick('1%', '20', '100')}")
    if net.chance(.1):
        o.append(f"--effort={net.pick('1', '8')}")
    if net.chance(.07):
        o.append(f"--prune={net.pick('0.1', '1', '50%', '2:4')}")
    if net.chance(.07):
        o.append(f"--merge={net.pick('0.01', '0.5')}")
    config = None
    if net.chance(.3):
        layers = {}
        names = [n.name for n in net.nodes if n.name and n.op_type != "Constant"] or ["*"]
        for g in [net.pick(*names) for _ in range(int(r.integers(1, 4)))] + (["*"] if net.chance(.2) else []):
            e = {}
            for k in ("q", "weights", "bias", "result"):
                if net.chance(.35):
                    w = int(r.integers(1, 25))
                    e[k] = f"{w},{int(r.integers(-2, w + 3))}"
            if net.chance(.3):
                e["round"] = net.pick("trn", "rnd", "rne")
            if net.chance(.3):
                e["overflow"] = net.pick("sat", "wrap")
            if net.chance(.5):
                e["table_bits"] = int(r.integers(2, 13))
            layers[g] = e
        config = {"layers": layers}
    return o, config


def quantised(seed):
    """Integers from end to end: what nngen makes of it has no error at all against its float model."""
    net = Net([seed, 20250301])
    net.opset = net.pick(13, 15, 19, 21, 22)
    shape = net.pick((1, 4), (1, 6), (1, 2, 5), (1, 3, 4))
    net.info["x"] = (T.FLOAT, shape)
    v, s = net.qdq("x")
    for _ in range(int(net.r.integers(1, 5))):
        if net.count(v) <= MAX_ELEMENTS:
            v, s = net.qlayer(v, s)
    model = build(net, [h.make_tensor_value_info("x", T.FLOAT, shape)], [v])
    model.doc_string = "integers"
    case = Case(model, {}, ["--clock=5"], None, False, f"seed{seed}", net.uses)
    case.feed = samples(model, net.r, net.pick(1, 2, 4))
    return case


def one_step_form(net, seed):
    infos, value = stepwise(net)
    opts, config = options(net)
    case = Case(build(net, infos, [value]), {}, step_options(net, opts), config, False, f"seed{seed}", net.uses)
    case.feed = samples(case.model, net.r, net.pick(1, 1, .2, 4))
    return case


def streamed(seed):
    """Larger, and of what streams can do; some of integers from end to end."""
    net = Net([seed, 20260517])
    net.opset = net.pick(13, 15, 17, 19, 21)
    v, kind = net.start(net.pick(600, 3000, 12000))
    integers = net.chance(.2)
    shape = net.shape("x")
    scale = 0
    if integers:
        v, scale = net.qdq("x")
    made = []
    for _ in range(int(net.r.integers(1, 9))):
        for _ in range(12):
            before = (len(net.nodes), len(net.inits), len(net.values), net.left)
            y = net.q_layer(v, scale) if integers else net.s_layer(v, kind)
            if y is not None and y != v:
                v, scale = y if integers else (y, 0)
                made.append(v)
                break
            del net.nodes[before[0]:], net.inits[before[1]:], net.values[before[2]:]
            net.left = before[3]
    if not made:
        v = net.add("Relu", [v], net.shape(v))
    outs = [v]
    if not integers and len(made) > 1 and net.chance(.15):
        outs.append(net.pick(*made[:-1]))
    if not integers and net.chance(.1) and len(net.shape(v)) == 2:
        outs = [net.add("ArgMax", [v], (1, 1), dtype=T.INT64, axis=1)]
    model = build(net, [h.make_tensor_value_info("x", T.FLOAT, shape)], outs)
    opts, config = (["--clock=5"], None) if integers else options(net)
    if not integers and net.chance(.7):  # widths that fit
        q = f"{net.pick(4, 6, 8, 10, 12, 16)},{net.pick('auto', '4', '3', '6')}"
        opts[0] = f"--q={q}"
    opts = [o for o in opts if not o.startswith(("--target-loss", "--dsp")) and o not in ("--clock=1", "--clock=2")]
    if integers:
        model.doc_string = "integers"
    case = Case(model, {}, opts, config, False, f"seed{seed}", net.uses, stream_options(net))
    case.feed = samples(model, net.r, net.pick(1, 1, 2, .3), 24)
    return case


def network(seed):
    if seed % 5 == 4:
        return streamed(seed)
    case = parallel(seed)
    r = Net([seed, 20260518])
    if r.chance(.35) and not any(o.startswith(("--recurrent", "--channels", "--state", "--target-loss", "--dsp")) for o in case.options):
        case.stream = stream_options(r)
    return case


def parallel(seed):
    if seed % 8 == 3:
        return quantised(seed)
    net = Net([seed, 20240611])
    if seed % 20 == 7:
        return one_step_form(net, seed)
    ins = inputs(net)
    for _ in range(int(net.r.integers(1, 14))):
        for _ in range(20):
            before = (len(net.nodes), len(net.inits))
            if net.pick(*Net.OPS)(net) is not None:
                break
            del net.nodes[before[0]:], net.inits[before[1]:]
            net.values = [v for v in net.values if v in {i.name for i in ins} or any(v in n.output for n in net.nodes)]
            net.ints = [v for v in net.ints if any(v in n.output for n in net.nodes)]
            net.bools = [v for v in net.bools if any(v in n.output for n in net.nodes)]
    read = {i for n in net.nodes for i in n.input}
    made = [v for v in net.values + net.ints + net.bools if v not in {i.name for i in ins}]
    outs = [v for v in made if v not in read]
    if not outs:
        outs = made[-1:] or [ins[0].name]
    if len(outs) > 4:
        outs = [outs[i] for i in sorted(net.r.choice(len(outs), 4, replace=False))]
    if net.chance(.15):
        extra = [v for v in made if v not in outs]
        outs += [net.pick(*extra)] if extra else []
    if outs == [ins[0].name]:
        outs = [net.add("Relu", [ins[0].name], net.shape(ins[0].name))]
    opts, config = options(net)
    exact = not (net.uses & INEXACT) and "Div" not in [n.op_type for n in net.nodes if n.op_type == "Div" and n.input[1] in net.info]
    if net.chance(.25):  # wide enough for the float model to be followed
        opts, config = ["--q=32,14", *opts[1:2], "--overflow=sat", "--clock=5"], None
    case = Case(build(net, ins, outs), {}, opts, config, exact, f"seed{seed}", net.uses)
    scale = net.pick(1, 1, 1, .2, 4, 30, 1000)
    case.feed = samples(case.model, net.r, scale)
    return case


def build(net, ins, outs):
    info = lambda v: h.make_tensor_value_info(v, net.info[v][0], net.info[v][1])
    g = h.make_graph(net.nodes, "fuzz", ins, [info(v) for v in outs], net.inits,
                     value_info=[info(v) for v in net.values + net.ints + net.bools if v not in outs and v not in {i.name for i in ins}])
    sets = [h.make_opsetid("", net.opset)]
    if any(n.domain == "ai.onnx.ml" for n in net.nodes):
        sets.append(h.make_opsetid("ai.onnx.ml", net.pick(1, 2, 3)))
    return h.make_model(g, opset_imports=sets, ir_version=net.pick(7, 8, 9, 10) if net.opset >= 9 else 8, producer_name="netgen")


def dims(v):
    return [d.dim_value if d.HasField("dim_value") else 1 for d in v.type.tensor_type.shape.dim]


def samples(model, r, scale=1.0, n=SAMPLES):
    feed = {}
    for v in model.graph.input:
        x = r.normal(0, scale, (n, *dims(v)))
        x[: n // 8] = np.round(x[: n // 8] * 4) / 4
        feed[v.name] = x.astype(np.float32)
    return feed
