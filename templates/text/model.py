# Made by nngen @VERSION@. The network @TOP@ from Python: needs numpy, and lib@TOP@.so beside this file (make lib).
#
#   from @TOP@ import Model
#   Model()(X)          numbers in, numbers out: exactly what the hardware computes
#   Model().raw(X)      the same as the hardware's integers
#   Model().trace(X)    every layer's values, by the layer's name
"""Bit-exact model of the network @TOP@."""
import ctypes
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

__all__ = ["Model"]

IN, OUT, LAYERS, SITES, TRACE = @IN@, @OUT@, @LAYERS@, @SITES@, @TRACE@
IN_SHAPE, OUT_SHAPE = (@IN_SHAPE@,), (@OUT_SHAPE@,)


class Model:
    """The network. X: one sample, or samples along the first axis, in any shape that has the elements in ONNX order.

    threads: how many cores share a batch.
    After a call, saturated tells how often each site changed a value, and clipped how many input elements did not fit.
    """

    def __init__(self, threads=1):
        folder = os.path.dirname(os.path.abspath(__file__))
        path = os.path.join(folder, "lib@TOP@.so")
        if not os.path.exists(path):
            raise FileNotFoundError(f"{path} is missing: run 'make -C {folder} lib'")
        lib = self._lib = ctypes.CDLL(path)
        size, pointer = ctypes.c_size_t, ctypes.c_void_p
        lib.@TOP@_quantize.argtypes, lib.@TOP@_quantize.restype = [pointer, pointer, size], size
        lib.@TOP@_dequantize.argtypes, lib.@TOP@_dequantize.restype = [pointer, pointer, size], None
        lib.@TOP@_run.argtypes, lib.@TOP@_run.restype = [pointer, pointer, size, pointer], None
        lib.@TOP@_trace.argtypes, lib.@TOP@_trace.restype = [pointer, pointer, size], None
        lib.@TOP@_site_name.restype = lib.@TOP@_layer_name.restype = ctypes.c_char_p
        self.threads = max(1, int(threads))
        self.sites = [lib.@TOP@_site_name(i).decode() for i in range(SITES)]
        self.layers = [(lib.@TOP@_layer_name(i).decode(), lib.@TOP@_layer_size(i)) for i in range(LAYERS)]
        self.saturated, self.clipped = {}, 0

    @staticmethod
    def _samples(x):
        """(rows of IN elements, whether x was a single sample)"""
        x = np.asarray(x)
        if x.ndim and int(np.prod(x.shape[1:])) == IN:
            return x.reshape(len(x), IN), False
        if x.size == IN:
            return x.reshape(1, IN), True
        raise ValueError(f"shape {x.shape}: samples of {IN} elements {IN_SHAPE} are expected, along the first axis")

    def quantize(self, x):
        """Numbers to the raw integers of the input port."""
        rows, single = self._samples(x)
        rows = np.ascontiguousarray(rows, dtype=np.float64)
        raw = np.empty(rows.shape, dtype=np.@IN_TYPE@)
        self.clipped = self._lib.@TOP@_quantize(rows.ctypes.data, raw.ctypes.data, len(rows))
        return raw[0] if single else raw

    def run(self, raw_in):
        """Raw integers in, raw integers out."""
        rows, single = self._samples(raw_in)
        rows = np.ascontiguousarray(rows, dtype=np.@IN_TYPE@)
        out = np.empty((len(rows), OUT), dtype=np.@OUT_TYPE@)
        cuts = [len(rows) * i // self.threads for i in range(self.threads + 1)]
        counts = np.zeros((self.threads, max(1, SITES)), dtype=np.uint64)

        def part(i):
            a, b = cuts[i], cuts[i + 1]
            if a < b:
                self._lib.@TOP@_run(rows[a:b].ctypes.data, out[a:b].ctypes.data, b - a, counts[i].ctypes.data)

        if self.threads == 1:
            part(0)
        else:
            with ThreadPoolExecutor(self.threads) as pool:
                list(pool.map(part, range(self.threads)))
        self.saturated = {n: int(c) for n, c in zip(self.sites, counts.sum(axis=0)) if c}
        return out.reshape(OUT_SHAPE) if single else out.reshape((len(rows),) + OUT_SHAPE)

    def raw(self, x):
        """Numbers in, the output port's integers out."""
        return self.run(self.quantize(x))

    def __call__(self, x):
        out = np.ascontiguousarray(self.raw(x))
        y = np.empty(out.shape, dtype=np.float64)
        self._lib.@TOP@_dequantize(out.ctypes.data, y.ctypes.data, out.size // OUT)
        return y

    def trace(self, x):
        """Every layer's values: name -> array (samples x elements)."""
        rows = np.atleast_2d(self.quantize(x))
        values = np.empty((len(rows), TRACE), dtype=np.float64)
        self._lib.@TOP@_trace(rows.ctypes.data, values.ctypes.data, len(rows))
        result, at = {}, 0
        for i, (name, n) in enumerate(self.layers):
            result[name if name not in result else f"{name}#{i}"] = values[:, at : at + n]
            at += n
        return result
