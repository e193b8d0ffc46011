# SPDX-License-Identifier: Apache-2.0
"""ngamma: 75-10-4-2, ReLU and softmax. Neutron or gamma, by the shape of a scintillation pulse (Keras).

A liquid organic scintillator at 250 MS/s: neutrons put more light into the slow component. Pulses are scaled to peak 1, so
small ones are noisier: the noise is that of a 12-bit digitiser over a spread of energies.
"""
import numpy as np

from common import MODELS, SEED, deliver, pulses

import keras
import tensorflow as tf

keras.utils.set_random_seed(SEED)
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.config.experimental.enable_op_determinism()

rng = np.random.default_rng(SEED)
n, held_out = 22500, 2500
y = rng.integers(0, 2, n)  # 1: neutron
slow = np.clip(rng.normal(np.where(y == 1, 0.42, 0.28), 0.03), 0.05, 0.8)
x = pulses(rng, n, 75, step=4.0, tau_fast=6.0, tau_slow=80.0, slow_fraction=slow, rise=3.0, jitter=2.0)
energy = rng.gamma(2.0, 0.5, (n, 1)) + 0.08
x = (x + rng.normal(0, 0.008, x.shape) / energy).astype(np.float32)

net = keras.Sequential([keras.Input((75,), name="x"), keras.layers.Dense(10, activation="relu"),
                        keras.layers.Dense(4, activation="relu"), keras.layers.Dense(2, activation="softmax")])
rate = keras.optimizers.schedules.CosineDecay(5e-3, 40 * (n - held_out) // 128)
net.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
net.fit(x[:-held_out], y[:-held_out], batch_size=128, epochs=40, verbose=0)

net.export(MODELS / "ngamma.onnx", format="onnx", verbose=False)
deliver("ngamma", x[-held_out:], y[-held_out:])
