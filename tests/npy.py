# SPDX-License-Identifier: Apache-2.0
"""NumPy files with nothing but the standard library.

    npy.py close GOT.npy WANT.npy|.npz... [tolerance]   GOT's columns against the given arrays side by side; worst error relative to each array's largest value
    npy.py float32 GOT.npy WANT.npy                     GOT rounded to float32 is WANT, bit for bit
    npy.py equal A.npy B.npy                            same shape and values
    npy.py shape A.npy
"""
import ast, struct, sys, zipfile


def parse(b, name):
    if b[:6] != b"\x93NUMPY":
        sys.exit(f"{name}: not an .npy file")
    size, at = (struct.unpack("<H", b[8:10])[0], 10) if b[6] == 1 else (struct.unpack("<I", b[8:12])[0], 12)
    head = ast.literal_eval(b[at:at + size].decode("latin1"))
    kind = {"<f4": "f", "<f8": "d", "<i8": "q", "<i4": "i", "|b1": "?", "<f2": "e", "|i1": "b", "|u1": "B"}[head["descr"]]
    if head["fortran_order"] and len([d for d in head["shape"] if d > 1]) > 1:
        sys.exit(f"{name}: Fortran order")
    count = 1
    for d in head["shape"]:
        count *= d
    data = b[at + size:]
    if len(data) != count * struct.calcsize(kind):
        sys.exit(f"{name}: {len(data)} bytes for {count} elements")
    return head["shape"], struct.unpack(f"<{count}{kind}", data)


def load(path):
    """Arrays of a file, in order."""
    if path.endswith(".npz"):
        z = zipfile.ZipFile(path)
        return [parse(z.read(i), f"{path}:{i.filename}") for i in z.infolist()]
    with open(path, "rb") as f:
        return [parse(f.read(), path)]


def close(got_path, want_paths, tolerance):
    (shape, got), = load(got_path)
    want = [a for p in want_paths for a in load(p)]
    n = shape[0] if shape else 1
    each = [len(v) // n for _, v in want]
    if len(got) != n * sum(each):
        sys.exit(f"{len(got)} values for {n} samples, expected {each} a sample")
    worst, column, width = 0.0, 0, sum(each)
    for (_, v), k in zip(want, each):
        big = max(1e-30, max(abs(x) for x in v))
        for s in range(n):
            for j in range(k):
                a, b = got[s * width + column + j], v[s * k + j]
                if not abs(a - b) <= tolerance * big:
                    sys.exit(f"sample {s}, value {column + j}: {a!r}, expected {b!r} (largest {big:.4g})")
                worst = max(worst, abs(a - b) / big)
        column += k
    print(f"worst relative error {worst:.2g} over {n} samples")


def main(a):
    if a[0] == "close":
        tolerance = float(a.pop()) if not a[-1].endswith(("npy", "npz")) else 1e-5
        close(a[1], a[2:], tolerance)
    elif a[0] == "float32":
        (_, got), = load(a[1])
        (_, want), = load(a[2])
        wrong = [i for i, (v, w) in enumerate(zip(got, want)) if struct.unpack("<f", struct.pack("<f", v))[0] != w]
        if wrong or len(got) != len(want):
            sys.exit(f"{len(wrong)} of {len(want)} values differ" + (f", value {wrong[0]}: {got[wrong[0]]!r}, expected {want[wrong[0]]!r}" if wrong else ""))
    elif a[0] == "equal":
        if load(a[1]) != load(a[2]):
            sys.exit(f"{a[1]} and {a[2]} differ")
    elif a[0] == "shape":
        print(*load(a[1])[0][0])


main(sys.argv[1:])
