# SPDX-License-Identifier: Apache-2.0
"""What a program can check of report.html: page.py page FILE.html report.json | png FILE.png | hostile FOLDER | own report.json MODEL.onnx X.npy W I"""
import html.parser, json, math, pathlib, struct, sys, zlib

VOID = {"meta", "br", "img", "hr", "link", "input"}


class Page(html.parser.HTMLParser):
    """Tags balance, ids are unique, nothing is loaded and nothing runs."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.fault, self.text, self.rows, self.figures = [], set(), [], [], 0, set()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag in ("script", "iframe", "object", "embed", "link", "image"):
            self.fault.append(f"<{tag}>")
        for k, v in attrs.items():
            if k.startswith("on") or k in ("src", "href") or (k == "xlink:href" and not v.startswith("#")):
                self.fault.append(f"{tag} {k}={v}")
        if "id" in attrs:
            if attrs["id"] in self.ids:
                self.fault.append(f"id {attrs['id']} twice")
            self.ids.add(attrs["id"])
        if tag == "figure" and attrs.get("class") != "empty":
            self.figures.add(attrs["id"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            self.fault.append(f"</{tag}> in {self.open[-3:]} at {self.getpos()}")
        else:
            self.open.pop()

    def handle_data(self, data):
        self.text.append(data)


def read(path):
    source = pathlib.Path(path).read_text(encoding="utf-8")
    page = Page()
    page.feed(source)
    page.close()
    page.fault += [f"<{t}> never closed" for t in page.open]
    for word in ("http://", "https://", "file:", "url(", "@import", "/tmp/", "gnuplot_", "GNUPLOT 5", "graphviz version"):
        if word in source.replace("http://www.w3.org/", ""):
            page.fault.append(f"has {word}")
    page.words = " ".join("".join(page.text).split())
    return page


def page(path, report):
    p, r = read(path), json.load(open(report))
    for l in r["layers"]:
        if l["name"] not in p.words:
            p.fault.append(f"layer {l['name']} is missing")
    for total in (r["totals"]["luts"], r["totals"]["ffs"], r["totals"]["adders"]):
        if f"{total:,}" not in p.words:
            p.fault.append(f"{total:,} is missing")
    print("\n".join(p.fault) or "figures: " + " ".join(sorted(p.figures)))
    return bool(p.fault)


def png(path):
    """A screenshot that shows something: many colours, neither nearly white nor nearly full."""
    data = open(path, "rb").read()
    at, raw = 8, b""
    while at < len(data):
        n, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IHDR":
            w, h, bits, colour = struct.unpack(">IIBB", data[at + 8:at + 18])
        if kind == b"IDAT":
            raw += data[at + 8:at + 8 + n]
        at += 12 + n
    size = {2: 3, 6: 4}[colour]
    raw, row, seen, ink = zlib.decompress(raw), bytearray(w * size), {}, 0
    for y in range(h):
        line = bytearray(raw[y * (w * size + 1):(y + 1) * (w * size + 1)])
        kind, line = line[0], line[1:]
        for i in range(w * size):
            a, b, c = line[i - size] if i >= size else 0, row[i], row[i - size] if i >= size else 0
            if kind == 1:
                line[i] = line[i] + a & 255
            elif kind == 2:
                line[i] = line[i] + b & 255
            elif kind == 3:
                line[i] = line[i] + (a + b) // 2 & 255
            elif kind == 4:
                p = a + b - c
                d = (abs(p - a), abs(p - b), abs(p - c))
                line[i] = line[i] + (a if d[0] <= d[1] and d[0] <= d[2] else b if d[1] <= d[2] else c) & 255
        row = line
        for x in range(w):
            pixel = bytes(row[x * size:x * size + 3])
            seen[pixel] = seen.get(pixel, 0) + 1
            ink += pixel != b"\xff\xff\xff"
    share = ink / (w * h)
    print(f"{w}x{h}, {len(seen)} colours, {100 * share:.1f} % not white")
    return not (len(seen) > 100 and 0.02 < share < 0.6)


NAMES = ["<script>alert(1)</script>", "a\"b'c&amp;d", "`touch pwned`$(touch pwned)", "\\N\\l{x|y}\x01\x7fé", "--><!--plot plot-network-->", "]]>%s%n@TOP@"]


def hostile(folder):
    """Networks whose every name wants out."""
    import numpy, onnx
    from onnx import TensorProto as T, helper as h
    rng = numpy.random.default_rng(1)
    nodes, inits, last = [], [], "x<i>"
    for i, name in enumerate(NAMES):
        w, y = f"{name}w", f"{name}y"
        inits.append(h.make_tensor(w, T.FLOAT, [4, 4], rng.normal(size=16)))
        nodes.append(h.make_node("MatMul", [last, w], [y], name=name))
        nodes.append(h.make_node("Relu", [y], [y + "r"], name=name + "relu"))
        last = y + "r"
    g = h.make_graph(nodes, "g", [h.make_tensor_value_info("x<i>", T.FLOAT, [1, 4])], [h.make_tensor_value_info(last, T.FLOAT, [1, 4])], inits)
    onnx.save(h.make_model(g, opset_imports=[h.make_opsetid("", 17)], producer_name="<b>&producer"), f"{folder}/<b>'x&`y`.onnx")
    return False


def own(report, model, data, W, I):
    """Own errors of a network of Gemm and Relu alone, worked out again from the formats."""
    import numpy, onnx
    from onnx import numpy_helper
    step, top = 2.0**(I - W), 2.0**(I - 1)
    q = lambda v: numpy.clip(numpy.floor(v / step + 0.5) * step, -top, top - step)
    m = onnx.load(model)
    const = {t.name: numpy_helper.to_array(t).astype("f8") for t in m.graph.initializer}
    layers = {l["name"]: l for l in json.load(open(report))["layers"]}
    value = {m.graph.input[0].name: q(numpy.load(data).astype("f8"))}
    fault, checked = [], 0
    for n in m.graph.node:
        x = value[n.input[0]].reshape(len(value[n.input[0]]), -1)
        if n.op_type == "Gemm":
            w, b = const[n.input[1]], const[n.input[2]]
            if any(a.name == "transB" and a.i for a in n.attribute):
                w = w.T
            want, got = x @ w + b, x @ q(w) + q(b)
        elif n.op_type == "Relu":
            want, got = numpy.maximum(x, 0), q(numpy.maximum(x, 0))
        else:
            break
        value[n.output[0]], err, l = got, got - want, layers[n.name]
        for key, mine in (("own_max_abs_err", abs(err).max()), ("own_rms_err", math.sqrt((err**2).mean()))):
            if abs(mine - l[key]) > 1e-4 * mine + 1e-7:
                fault.append(f"{n.name}: {key} {l[key]}, should be {mine}")
        checked += 1
    print("\n".join(fault) or f"{checked} layers")
    return bool(fault) or checked < 2


a = sys.argv[2:]
sys.exit({"page": page, "png": png, "hostile": hostile, "own": lambda r, m, x, w, i: own(r, m, x, int(w), int(i))}[sys.argv[1]](*a))
