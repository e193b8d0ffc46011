# SPDX-License-Identifier: Apache-2.0
"""Small networks as the exporters really write them; index.txt, written by this script, says what each holds.
Versions: those of models/train/requirements.txt. Data: random, and scikit-learn's iris and wine (UCI, CC BY 4.0)."""
from exporting import *

def mlp(act): return nn.Sequential(nn.Linear(8, 12), act, nn.Linear(12, 4))
class Fn2(Fn):
    def forward(self, p, q): return self.f(self, p, q)
L = nn.Linear
torch.manual_seed(7); torch.set_num_threads(1)

# --- activations; (net, opset, fixed/dynamic, exporter) varied
T("leakyrelu", mlp(nn.LeakyReLU(0.1)), op=11)
T("leakyrelu_b1_dynamo", mlp(nn.LeakyReLU(0.02)), op=18, dyn=False, dynamo=True)
T("prelu", mlp(nn.PReLU(12)), op=13)
T("prelu_shared_dynamo", mlp(nn.PReLU()), op=18, dynamo=True)
T("elu", mlp(nn.ELU(0.7)), op=12, dyn=False)
T("selu", mlp(nn.SELU()), op=14)
T("celu", mlp(nn.CELU(0.5)), op=15)
T("celu_dynamo", mlp(nn.CELU(1.5)), op=19, dynamo=True)
T("hardtanh", mlp(nn.Hardtanh(-0.7, 0.9)), op=11)
T("relu6", mlp(nn.ReLU6()), op=13, scale=5)
T("relu6_dynamo", mlp(nn.ReLU6()), op=20, dynamo=True, scale=5)
T("hardsigmoid", mlp(nn.Hardsigmoid()), op=14, scale=3)
T("hardswish", mlp(nn.Hardswish()), op=16, scale=3)
T("hardswish_op11", mlp(nn.Hardswish()), op=11, scale=3)
T("hardswish_dynamo", mlp(nn.Hardswish()), op=22, dynamo=True, scale=3)
T("gelu_erf", mlp(nn.GELU()), op=17)
T("gelu_erf_dynamo", mlp(nn.GELU()), op=20, dynamo=True)
T("gelu_tanh", mlp(nn.GELU("tanh")), op=16)
T("gelu_tanh_dynamo", mlp(nn.GELU("tanh")), op=21, dynamo=True)
T("mish", mlp(nn.Mish()), op=17)
T("mish_dynamo", mlp(nn.Mish()), op=23, dynamo=True)
T("softplus", mlp(nn.Softplus()), op=11)
T("softplus_beta", mlp(nn.Softplus(beta=2.0)), op=18, dynamo=True)
T("softsign", mlp(nn.Softsign()), op=13)
T("silu", mlp(nn.SiLU()), op=15)
T("silu_dynamo", mlp(nn.SiLU()), op=23, dynamo=True)
T("tanh", mlp(nn.Tanh()), op=11)
T("logsoftmax", nn.Sequential(L(8, 5), nn.LogSoftmax(1)), op=13)
T("logsoftmax_dynamo_b1", nn.Sequential(L(8, 5), nn.LogSoftmax(-1)), op=22, dynamo=True, dyn=False)
T("logsigmoid", mlp(nn.LogSigmoid()), op=12)
T("threshold0", mlp(nn.Threshold(0.0, 0.0)), op=14)
T("softmax_op11", nn.Sequential(L(8, 5), nn.Softmax(-1)), op=11)

# --- structure
T("residual", Fn(lambda s, x: s.o(x + F.relu(s.b(F.relu(s.a(x))))), a=L(8, 16), b=L(16, 8), o=L(8, 3)), op=17)
T("residual_dynamo", Fn(lambda s, x: s.o(F.relu(x + s.b(F.relu(s.a(x))))), a=L(8, 16), b=L(16, 8), o=L(8, 3)), op=18, dynamo=True)
T("concat2", Fn(lambda s, x: s.o(torch.cat([F.relu(s.a(x)), torch.tanh(s.b(x))], 1)), a=L(8, 6), b=L(8, 5), o=L(11, 3)), op=14)
T("concat2_dynamo", Fn(lambda s, x: s.o(torch.cat([F.relu(s.a(x)), x], dim=-1)), a=L(8, 6), o=L(14, 3)), op=21, dynamo=True)
def gated(s, x):
    a, b = s.a(x).chunk(2, 1); return s.o(torch.relu(a) * torch.sigmoid(b))
T("chunk_gate", Fn(gated, a=L(8, 12), o=L(6, 3)), op=11)
T("chunk_gate_op18", Fn(gated, a=L(8, 12), o=L(6, 3)), op=18)
def split3(s, x):
    a, b, c = torch.split(x, [3, 1, 4], dim=1); return torch.cat([s.a(a) * b, s.c(c)], 1)
T("split_dynamo", Fn(split3, a=L(3, 4), c=L(4, 2)), op=20, dynamo=True)
T("slicing", Fn(lambda s, x: s.o(torch.cat([x[:, 1:7:2], x[:, -2:], x[:, 0:1]], 1)), o=L(6, 3)), op=13)
T("slicing_dynamo", Fn(lambda s, x: s.o(x[:, 2:6] - x[:, :4]), o=L(4, 3)), op=18, dynamo=True)
T("gather", Fn(lambda s, x: s.o(x[:, s.idx]), idx=torch.tensor([7, 0, 3, 3, 1]), o=L(5, 3)), op=16)
T("gather_select_dynamo", Fn(lambda s, x: s.o(torch.index_select(x, 1, s.idx)) + x[:, 2].unsqueeze(1), idx=torch.tensor([6, 5, 0]), o=L(3, 3)), op=19, dynamo=True)
T("pad", Fn(lambda s, x: s.o(F.pad(F.relu(s.a(x)), (1, 2), value=0.5)), a=L(8, 5), o=L(8, 3)), op=12)
T("pad_dynamo", Fn(lambda s, x: s.o(F.pad(x, (2, 0))), o=L(10, 3)), op=18, dynamo=True)
T("view_dynbatch", Fn(lambda s, x: s.o(F.relu(x.view(x.size(0), -1))), o=L(24, 3)), shape=(4, 6), op=14)
T("view_dynbatch_dynamo", Fn(lambda s, x: s.o(F.relu(x.view(x.size(0), -1))), o=L(24, 3)), shape=(4, 6), op=18, dynamo=True)
T("permute_reshape", Fn(lambda s, x: s.o(x.permute(0, 2, 1).reshape(x.shape[0], -1)), o=L(24, 3)), shape=(4, 6), op=11)
T("transpose_dynamo_b1", Fn(lambda s, x: s.o(torch.flatten(s.a(x).transpose(1, 2), 1)), a=L(6, 5), o=L(20, 3)), shape=(4, 6), op=23, dyn=False, dynamo=True)
T("linear3d", Fn(lambda s, x: s.b(F.relu(s.a(x))).mean(1), a=L(6, 5), b=L(5, 3)), shape=(4, 6), op=15)
T("dropout_eval", nn.Sequential(L(8, 12), nn.ReLU(), nn.Dropout(0.3), L(12, 4)), op=13)
class Drop(nn.Module):  # exported in training mode, with the dropout itself switched off: the node stays
    def __init__(self): super().__init__(); self.a, self.o = L(8, 12), L(12, 4); self.bn = nn.BatchNorm1d(12)
    def forward(self, x): return self.o(F.dropout(F.relu(self.a(x)), 0.3, self.training))
T("dropout_preserve", Drop(), op=13, training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)
T("bn_first", nn.Sequential(nn.BatchNorm1d(8), L(8, 12), nn.ReLU(), L(12, 4)), op=12)
T("bn_mid_dynamo", nn.Sequential(L(8, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.BatchNorm1d(12, affine=False), L(12, 4)), op=18, dynamo=True)
mean, std = torch.tensor(np.linspace(-20, 30, 8), dtype=torch.float32), torch.tensor(np.linspace(.5, 9, 8), dtype=torch.float32)
T("normalise_in", Fn(lambda s, x: s.o(F.relu(s.a((x - s.mean) / s.std))), mean=mean, std=std, a=L(8, 12), o=L(12, 4)), op=17, scale=5)
T("normalise_in_dynamo", Fn(lambda s, x: s.o(F.relu(s.a((x - 3.5) / 2.0))) * 10 + 1, a=L(8, 12), o=L(12, 4)), op=20, dynamo=True, scale=5)
T("two_inputs", Fn2(lambda s, p, q: s.o(F.relu(s.a(p) + s.b(q))), a=L(8, 6), b=L(3, 6), o=L(6, 2)), inputs={"p": (8,), "q": (3,)}, op=16)
T("two_inputs_dynamo", Fn2(lambda s, p, q: s.o(torch.cat([torch.tanh(s.a(p)), q], 1)), a=L(8, 6), o=L(9, 2)), inputs={"p": (8,), "q": (3,)}, op=18, dynamo=True)
def heads(s, x): h = F.relu(s.a(x)); return torch.softmax(s.c(h), 1), s.r(h)
T("two_outputs", Fn(heads, a=L(8, 12), c=L(12, 3), r=L(12, 1)), outputs=("cls", "reg"), op=14)
T("two_outputs_dynamo", Fn(heads, a=L(8, 12), c=L(12, 3), r=L(12, 1)), outputs=("cls", "reg"), op=22, dynamo=True)
T("argmax", Fn(lambda s, x: s.o(F.relu(s.a(x))).argmax(1), a=L(8, 12), o=L(12, 4)), op=13)
T("argmax_dynamo", Fn(lambda s, x: s.o(F.relu(s.a(x))).argmax(-1, keepdim=True), a=L(8, 12), o=L(12, 4)), op=18, dynamo=True)
T("maxmin", Fn(lambda s, x: torch.maximum(s.a(x), s.b(x)) - torch.minimum(x[:, :4], torch.abs(s.b(x))), a=L(8, 4), b=L(8, 4)), op=13)
T("maxout", Fn(lambda s, x: s.o(s.a(x).reshape(-1, 4, 3).amax(2)), a=L(8, 12), o=L(4, 2)), op=17)
T("sum_sq", Fn(lambda s, x: torch.sqrt((s.a(x) ** 2).sum(1, keepdim=True) + 1.0), a=L(8, 4)), op=17)
T("matmul_nobias", nn.Sequential(L(8, 12, bias=False), nn.ReLU(), L(12, 4, bias=False)), op=13)
T("matmul_nobias_b1", nn.Sequential(L(8, 12, bias=False), nn.ReLU(), L(12, 4, bias=False)), op=19, dyn=False)
T("shared_weights", Fn(lambda s, x: s.o(F.relu(s.a(F.relu(s.a(x))))), a=L(8, 8), o=L(8, 2)), op=17)
T("clamp_dynamo", Fn(lambda s, x: torch.clamp(s.o(x), min=0.0), o=L(8, 3)), op=18, dynamo=True)
T("fp16", mlp(nn.ReLU()), op=17, dtype=torch.float16)
T("fp16_dynamo", mlp(nn.ReLU()), op=18, dynamo=True, dtype=torch.float16)
T("fp64", mlp(nn.Tanh()), op=17, dtype=torch.float64)
T("fp64_dynamo", mlp(nn.ReLU()), op=18, dynamo=True, dtype=torch.float64)
T("identity_affine", L(8, 8), op=21, dynamo=True)
T("no_linear", nn.Sequential(nn.ReLU(), nn.Sigmoid()), op=17)
T("where", Fn(lambda s, x: torch.where(x[:, :4] > 0, s.a(x), s.b(x)), a=L(8, 4), b=L(8, 4)), op=16)
T("addmm_param", Fn(lambda s, x: torch.addmm(s.c, x, s.w, beta=0.5, alpha=2.0), c=torch.randn(4), w=torch.randn(8, 4)), op=13)
T("topk", Fn(lambda s, x: torch.topk(s.o(x), 2, dim=1)[0], o=L(8, 5)), op=14)

# --- Keras
import keras
keras.utils.set_random_seed(3)
KL = keras.layers
def S(*ls, n=8, batch=None): return keras.Sequential([keras.Input((n,), batch_size=batch, name="x"), *ls])
K("keras_relu", S(KL.Dense(12, activation="relu"), KL.Dense(4, activation="softmax")))
K("keras_b1", S(KL.Dense(12, activation="relu"), KL.Dense(4, activation="sigmoid"), batch=1), 13)
K("keras_leaky", S(KL.Dense(12), KL.LeakyReLU(0.2), KL.Dense(4)), 13)
K("keras_elu_selu", S(KL.Dense(12, activation="elu"), KL.Dense(6, activation="selu"), KL.Dense(4)), 15)
K("keras_prelu", S(KL.Dense(12), KL.PReLU(), KL.Dense(4)), 17)
K("keras_gelu", S(KL.Dense(12, activation="gelu"), KL.Dense(4)), 16)
K("keras_swish", S(KL.Dense(12, activation="swish"), KL.Dense(4, activation="tanh")), 12)
K("keras_hardsigmoid", S(KL.Dense(12, activation="hard_sigmoid"), KL.Dense(4, activation="softplus")), 14, 3.0)
K("keras_relu6", S(KL.Dense(12, activation="relu6"), KL.Dense(4, activation="softsign")), 11, 5.0)
K("keras_bn_dropout", S(KL.Dense(12, use_bias=False), KL.BatchNormalization(), KL.Activation("relu"), KL.Dropout(0.3), KL.Dense(4)), 15)
K("keras_rescale", S(KL.Rescaling(0.25, 0.5), KL.Dense(6, activation="relu"), KL.Dense(3)), 17, 3.0)
a, b = keras.Input((8,), name="p"), keras.Input((3,), name="q")
h = KL.Concatenate()([KL.Dense(6, activation="relu")(a), KL.Dense(4, activation="tanh")(b)])
K("keras_two_in_out", keras.Model([a, b], [KL.Dense(3, activation="softmax", name="cls")(h), KL.Dense(1, name="reg")(h)]), 18)
a = keras.Input((8,), name="x"); h = KL.Dense(8, activation="relu")(a)
K("keras_residual", keras.Model(a, KL.Dense(3)(KL.Add()([a, h]))), 13)
a = keras.Input((4, 6), name="x")
K("keras_flatten", keras.Model(a, KL.Dense(3)(KL.Flatten()(KL.Dense(5, activation="relu")(KL.Permute((2, 1))(a))))), 15)

norm = KL.Normalization(); norm.adapt(np.random.default_rng(1).normal(3, 2, (300, 8)).astype("float32"))
K("keras_normalization", S(norm, KL.Dense(6, activation="relu"), KL.Dense(3)), 17, 3.0)
K("keras_gelu_approx", S(KL.Dense(12, activation=lambda t: keras.activations.gelu(t, approximate=True)), KL.Dense(4)), 16)

# --- scikit-learn
from skl2onnx import to_onnx
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler, Normalizer, PolynomialFeatures
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier, RidgeClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.svm import LinearSVC
from sklearn.decomposition import PCA
from sklearn.datasets import load_iris, load_wine
rng = np.random.default_rng(5)
xi, yi = load_iris(return_X_y=True); xw, yw = load_wine(return_X_y=True)
xr = rng.standard_normal((N, 6)); yr = np.sin(xr[:, 0]) + xr[:, 1] * xr[:, 2]
@guard
def SK(name, model, x, y, dtype=np.float32, **kw):
    model.fit(x, y)
    x = x.astype(dtype)
    (OUT / f"{name}.onnx").write_bytes(to_onnx(model, x[:1], **kw).SerializeToString())
    finish(name, x, "skl2onnx")
nozip = dict(options={"zipmap": False})
SK("skl_linreg", LinearRegression(), xr, yr)
SK("skl_ridge_2out", Ridge(), xr, np.stack([yr, xr[:, 3]], 1), target_opset=13)
SK("skl_linreg_f64", make_pipeline(StandardScaler(), LinearRegression()), xr, yr, np.float64)
SK("skl_logreg3", make_pipeline(StandardScaler(), LogisticRegression()), xi, yi, **nozip)
SK("skl_logreg3_minmax", make_pipeline(MinMaxScaler(), LogisticRegression()), xi, yi, target_opset=15, **nozip)
SK("skl_linearsvc", make_pipeline(StandardScaler(), LinearSVC()), xi, yi, options={"linearsvc__raw_scores": True})
SK("skl_ridgeclf", make_pipeline(RobustScaler(), RidgeClassifier()), xw / 100, yw)
SK("skl_sgd_log", make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", random_state=0)), xi, yi, **nozip)
SK("skl_mlp3", make_pipeline(StandardScaler(), MLPClassifier((10,), max_iter=2000, random_state=0)), xi, yi, **nozip)
SK("skl_mlp3_tanh", MLPClassifier((8, 6), "tanh", max_iter=3000, random_state=0), xi, yi, target_opset=12, **nozip)
SK("skl_mlp_logistic2", MLPClassifier((8,), "logistic", max_iter=3000, random_state=0), xi[:100], yi[:100], **nozip)
SK("skl_mlpreg", make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(16, 8), max_iter=2000, random_state=0)), xr, yr, target_opset=17)
SK("skl_mlpreg_identity", MLPRegressor(hidden_layer_sizes=(5,), activation="identity", max_iter=2000, random_state=0), xr, yr)
# skl2onnx ends this one in Reshape(-1, 1), so n samples give (2n, 1)
SK("skl_mlpreg_2out", MLPRegressor(hidden_layer_sizes=(5,), max_iter=2000, random_state=0), xr, np.stack([yr, xr[:, 0]], 1))
SK("skl_pca_logreg", make_pipeline(MaxAbsScaler(), PCA(3), LogisticRegression()), xw, yw, **nozip)
SK("skl_normalizer", make_pipeline(Normalizer(), LogisticRegression()), xi, yi, **nozip)

# --- really written by exporters, but not to be accepted: what a user meets as an error
REJ = OUT.parents[1] / "reject" / "exported"; REJ.mkdir(exist_ok=True)
for f in ("keras_gelu.onnx",            # op Erfc, which ONNX does not have: onnxruntime refuses it too
          "keras_normalization.onnx"):  # the exporter turns the mean and the deviation into extra graph inputs of shape [1,8], without values
    if (OUT / f).exists(): (OUT / f).replace(REJ / f)
m = make_pipeline(StandardScaler(), LogisticRegression()).fit(xi, yi)
(REJ / "skl_zipmap.onnx").write_bytes(to_onnx(m, xi[:1].astype(np.float32)).SerializeToString())  # second output: a list of maps
m = make_pipeline(StandardScaler(), LogisticRegression()).fit(xi, np.array(["a", "b", "c"])[yi])
(REJ / "skl_string_labels.onnx").write_bytes(to_onnx(m, xi[:1].astype(np.float32), **nozip).SerializeToString())  # first output: strings
torch.onnx.export(nn.Sequential(L(8, 4), nn.LayerNorm(4)).eval(), (torch.zeros(1, 8),), str(REJ / "layernorm.onnx"), dynamo=False, opset_version=17)
torch.onnx.export(nn.Sequential(L(8, 4), nn.Dropout(0.3), nn.BatchNorm1d(4)).train(), (torch.zeros(2, 8),), str(REJ / "training_mode.onnx"), dynamo=False, opset_version=14,
                  training=torch.onnx.TrainingMode.TRAINING, do_constant_folding=False)  # real dropout, batch statistics

write_index()
print(len(index), "made,", len(failed), "failed"); print("\n".join(failed))
