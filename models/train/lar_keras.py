# SPDX-License-Identifier: Apache-2.0
"""lar_lstm_keras, lar_gru_keras: energy of one crossing of a calorimeter cell from 5 samples (lar.py), in Keras: 8 hidden values, a dense layer on the last.

Through tf2onnx the LSTM becomes a node. A GRU would become a Loop; with unroll=True it is written out step by step.
"""
import sys

import numpy as np

import lar
from common import MODELS, SEED, deliver, run

import keras
import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.config.experimental.enable_op_determinism()

layers = {"lar_lstm_keras": lambda: keras.layers.LSTM(8), "lar_gru_keras": lambda: keras.layers.GRU(8, unroll=True)}
for name in sys.argv[1:] or layers:
    keras.utils.set_random_seed(SEED)
    x, y = lar.windows(SEED, 100000)
    net = keras.Sequential([keras.Input((5, 1), name="x"), layers[name](), keras.layers.Dense(1)])
    net.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-2, 30 * len(x) // 256)), "mse")
    net.fit(x, y, batch_size=256, epochs=30, verbose=0)
    net.export(MODELS / "recurrent" / f"{name}.onnx", format="onnx", verbose=False)
    x, y = lar.windows(SEED + 1, 3000)
    got, = deliver(f"recurrent/{name}", x, y)
    assert np.abs(got - net.predict(x, verbose=0)).max() < 1e-5
    x, y = lar.windows(SEED + 2, 40000)
    print(lar.table({"optimal filter": lar.resolution(lar.optimal_filter(x), y), name: lar.resolution(run(f"recurrent/{name}", x)[0], y)}))
