# SPDX-License-Identifier: Apache-2.0
"""logreg: StandardScaler and LogisticRegression on the breast cancer data (30 features, 2 classes), by skl2onnx.

Outputs as skl2onnx orders them: the label (int64), then the probabilities, saved here as logreg_probabilities.npy.
"""
import numpy as np
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from common import MODELS, cancer, deliver

train, test, y_train, y_test = cancer()
model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1)).fit(train, y_train)
onnx_model = to_onnx(model, train[:1], options={"zipmap": False})
(MODELS / "logreg.onnx").write_bytes(onnx_model.SerializeToString())
outputs = deliver("logreg", test, y_test)
np.save(MODELS / "data" / "logreg_probabilities.npy", outputs[1])
