# SPDX-License-Identifier: Apache-2.0
"""lenet_keras: the network of lenet.py in Keras, channels last, softmax. tf2onnx puts transposes around the convolutions. Digits, 8x8 pixels."""
import numpy as np

from common import MODELS, SEED, deliver, digits, shifted

import keras
import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.config.experimental.enable_op_determinism()
keras.utils.set_random_seed(SEED)
layers = keras.layers

train, test, y_train, y_test = digits()
x, y = shifted(train, y_train)
x, test = x.transpose(0, 2, 3, 1), test.transpose(0, 2, 3, 1)
net = keras.Sequential([keras.Input((8, 8, 1), name="x"),
                        layers.Conv2D(6, 3, padding="same", activation="relu"), layers.MaxPooling2D(),
                        layers.Conv2D(16, 3, padding="same", activation="relu"), layers.MaxPooling2D(),
                        layers.Flatten(), layers.Dense(32, activation="relu"), layers.Dense(10, activation="softmax")])
net.compile(keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(3e-3, 40 * len(x) // 50), weight_decay=1e-2),
            keras.losses.CategoricalCrossentropy(label_smoothing=0.05))
net.fit(x, np.eye(10)[y], batch_size=50, epochs=40, verbose=0)

net.export(MODELS / "stream/lenet_keras.onnx", format="onnx", verbose=False)
got, = deliver("stream/lenet_keras", test, y_test)
assert np.abs(got - net.predict(test, verbose=0)).max() < 1e-5
