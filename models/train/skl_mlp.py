# SPDX-License-Identifier: Apache-2.0
"""skl_mlp: MLPClassifier 30-16-8-1 on the standardised breast cancer data, by skl2onnx.

Outputs as skl2onnx orders them: the label (int64), then the probabilities, saved here as skl_mlp_probabilities.npy.
"""
import numpy as np
from skl2onnx import to_onnx
from sklearn.neural_network import MLPClassifier

from common import MODELS, SEED, cancer, deliver, standardise

train, test, y_train, y_test = cancer()
train, test = standardise(train, test)
model = MLPClassifier((16, 8), alpha=1.0, max_iter=1000, random_state=SEED).fit(train, y_train)
onnx_model = to_onnx(model, train[:1], options={"zipmap": False})
(MODELS / "skl_mlp.onnx").write_bytes(onnx_model.SerializeToString())
outputs = deliver("skl_mlp", test, y_test)
np.save(MODELS / "data" / "skl_mlp_probabilities.npy", outputs[1])
