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
TOKENS, RESULTS = @TOKENS@, @RESULTS@  # tokens of the hardware that a sample is made of, and those whose outputs count
STATE, STEPS = @STATE@, @STEPS@  # elements kept from token to token (0: none); tokens after which they start anew (0: never)


class Model:
    """The network. X: one sample, or samples along the first axis, in any shape that has the elements in ONNX order.

    threads: how many cores share a batch.
    After a call, saturated tells how often each site changed a value, and clipped how many input elements did not fit.
    A network that keeps its state (STEPS = 0) goes on from call to call, with one thread; reset() is the hardware's reset.
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
        state = [pointer] if STATE else []
        lib.@TOP@_run.argtypes, lib.@TOP@_run.restype = state + [pointer, pointer, size, pointer], size if STATE else None
        lib.@TOP@_trace.argtypes, lib.@TOP@_trace.restype = state + [pointer, pointer, size], None
        lib.@TOP@_site_name.restype = lib.@TOP@_layer_name.restype = ctypes.c_char_p
        self.threads = 1 if STATE and not STEPS else max(1, int(threads))
        self._state = [np.zeros(STATE + 1, dtype=np.int64) for _ in range(self.threads)]
        self.reset()
        self.sites = [lib.@TOP@_site_name(i).decode() for i in range(SITES)]
        self.layers = [(lib.@TOP@_layer_name(i).decode(), lib.@TOP@_layer_size(i)) for i in range(LAYERS)]
        self.saturated, self.clipped = {}, 0

    def reset(self):
        """The state as after a reset of the hardware."""
        for state in self._state if STATE else []:
            self._lib.@TOP@_reset(ctypes.c_void_p(state.ctypes.data))

    def _with_state(self, i):
        return [self._state[i].ctypes.data] if STATE else []

    @staticmethod
    def _samples(x):
        """(rows of one sample's elements, whether x was a single sample)"""
        x, each = np.asarray(x), IN * TOKENS
        if x.ndim and (int(np.prod(x.shape[1:])) == each or (STATE and not STEPS and int(np.prod(x.shape[1:])) % each == 0)):
            return x.reshape(-1, each), False
        if x.size == each:
            return x.reshape(1, each), True
        raise ValueError(f"shape {x.shape}: samples of {each} elements {IN_SHAPE} are expected, along the first axis")

    def quantize(self, x):
        """Numbers to the raw integers of the input port."""
        rows, single = self._samples(x)
        rows = np.ascontiguousarray(rows, dtype=np.float64)
        raw = np.empty(rows.shape, dtype=np.@IN_TYPE@)
        self.clipped = self._lib.@TOP@_quantize(rows.ctypes.data, raw.ctypes.data, len(rows) * TOKENS)
        return raw[0] if single else raw

    def run(self, raw_in):
        """Raw integers in, raw integers out."""
        rows, single = self._samples(raw_in)
        rows = np.ascontiguousarray(rows, dtype=np.@IN_TYPE@)
        out = np.empty((len(rows), OUT * RESULTS), dtype=np.@OUT_TYPE@)
        cuts = [len(rows) * i // self.threads for i in range(self.threads + 1)]
        counts = np.zeros((self.threads, max(1, SITES)), dtype=np.uint64)

        def part(i):
            a, b = cuts[i], cuts[i + 1]
            if a < b:
                self._lib.@TOP@_run(*self._with_state(i), rows[a:b].ctypes.data, out[a:b].ctypes.data, (b - a) * TOKENS, counts[i].ctypes.data)

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
        """Every layer's values: name -> array (samples, or their tokens one after the other, x elements)."""
        rows = np.atleast_2d(self.quantize(x))
        values = np.empty((len(rows) * TOKENS, TRACE), dtype=np.float64)
        self._lib.@TOP@_trace(*self._with_state(0), rows.ctypes.data, values.ctypes.data, len(values))
        result, at = {}, 0
        for i, (name, n) in enumerate(self.layers):
            result[name if name not in result else f"{name}#{i}"] = values[:, at : at + n]
            at += n
        return result
