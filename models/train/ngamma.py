# SPDX-License-Identifier: Apache-2.0
"""ngamma: 75-10-4-2, ReLU and softmax. Neutron or gamma, by the shape of a scintillation pulse (Keras)."""
import numpy as np

from common import MODELS, SEED, deliver, scintillation

import keras
import tensorflow as tf

keras.utils.set_random_seed(SEED)
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.config.experimental.enable_op_determinism()

rng = np.random.default_rng(SEED)
n, held_out = 22500, 2500
x, y = scintillation(rng, n)

net = keras.Sequential([keras.Input((75,), name="x"), keras.layers.Dense(10, activation="relu"),
                        keras.layers.Dense(4, activation="relu"), keras.layers.Dense(2, activation="softmax")])
rate = keras.optimizers.schedules.CosineDecay(5e-3, 40 * (n - held_out) // 128)
net.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
net.fit(x[:-held_out], y[:-held_out], batch_size=128, epochs=40, verbose=0)

net.export(MODELS / "ngamma.onnx", format="onnx", verbose=False)
deliver("ngamma", x[-held_out:], y[-held_out:])
