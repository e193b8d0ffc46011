# SPDX-License-Identifier: Apache-2.0
"""Small quantised networks as Brevitas and QKeras export them to QONNX, and what qonnx's executor makes of them: quantised.py brevitas|qkeras FOLDER

Made with torch 2.15.0, brevitas 0.13.4 (dependencies 2.0.1), qonnx 1.0.0 (qkeras: 0.4.0, the last with a converter), QKeras 0.9.0 on tf_keras 2.21.0,
tf2onnx 1.17.0, onnx 1.22.0. Stored: NAME.onnx, NAME_x.npy (inputs), NAME_float.npy (outputs).
"""
import os, pathlib, sys, types

os.environ |= {"CUDA_VISIBLE_DEVICES": "", "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# what qonnx 0.4.0 looks for and onnx has dropped
onnx.mapping = types.SimpleNamespace(
    TENSOR_TYPE_TO_NP_TYPE={v: helper.tensor_dtype_to_np_dtype(v) for v in TensorProto.DataType.values() if v},
    NP_TYPE_TO_TENSOR_TYPE={helper.tensor_dtype_to_np_dtype(v): v for v in (1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13)})
import qonnx.core.onnx_exec as executor
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.infer_shapes import InferShapes

WHICH, OUT = sys.argv[1], pathlib.Path(sys.argv[2])
KEEP = 60
np.random.seed(5)


def store(name, x, run=None):
    """Outputs by qonnx; QCDQ by onnxruntime."""
    if not run:
        m = ModelWrapper(str(OUT / f"{name}.onnx")).transform(InferShapes())
        i, o = m.graph.input[0].name, m.graph.output[0].name
        run = lambda v: executor.execute_onnx(m, {i: v})[o]
    y = np.concatenate([run(x[i:i + 1]) for i in range(len(x))])
    np.save(OUT / f"{name}_x.npy", x), np.save(OUT / f"{name}_float.npy", y.astype(np.float32))
    print(name, [n.op_type for n in onnx.load(OUT / f"{name}.onnx").graph.node if n.op_type != "Constant"], "values:", len(np.unique(y)))


if WHICH == "brevitas":
    import torch, torch.nn as nn
    import brevitas.nn as qnn
    from brevitas.export import export_onnx_qcdq, export_qonnx
    from brevitas.quant import Int8WeightPerChannelFloat, Int8WeightPerTensorFixedPoint, Int8ActPerTensorFixedPoint, Uint8ActPerTensorFixedPoint, TruncTo8bit
    from brevitas.quant.binary import SignedBinaryActPerTensorConst, SignedBinaryWeightPerTensorConst
    from brevitas.quant.ternary import SignedTernaryWeightPerTensorConst

    torch.manual_seed(5), torch.set_num_threads(1)

    def brevitas(name, shape, *layers, qcdq=False):
        net = nn.Sequential(*layers)
        net.train()
        for _ in range(20):
            net(torch.randn(64, *shape))
        net.eval()
        x = torch.randn(KEEP, *shape)
        (export_onnx_qcdq if qcdq else export_qonnx)(net, x[:1], str(OUT / f"{name}.onnx"), dynamo=False, opset_version=13 if qcdq else 14)
        run = None
        if qcdq:
            import onnxruntime
            plain = onnxruntime.SessionOptions()  # its optimiser would quantise the bias too
            plain.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
            s = onnxruntime.InferenceSession(str(OUT / f"{name}.onnx"), plain)
            run = lambda v: s.run(None, {s.get_inputs()[0].name: v})[0]
        store(name, x.numpy(), run)

    L, C1, C2, I, R = qnn.QuantLinear, qnn.QuantConv1d, qnn.QuantConv2d, qnn.QuantIdentity, qnn.QuantReLU
    fixed = dict(weight_quant=Int8WeightPerTensorFixedPoint)
    binary, ternary = dict(bias=False, weight_quant=SignedBinaryWeightPerTensorConst), dict(bias=False, weight_quant=SignedTernaryWeightPerTensorConst)
    sign = lambda: I(act_quant=SignedBinaryActPerTensorConst)
    brevitas("brevitas_mlp", (8,), I(bit_width=8), L(8, 12, True, weight_bit_width=4), nn.BatchNorm1d(12), R(bit_width=4),
             L(12, 5, True, weight_bit_width=3, weight_quant=Int8WeightPerChannelFloat), I(bit_width=8))
    brevitas("brevitas_float_end", (8,), I(bit_width=8), L(8, 6, True, weight_bit_width=4), R(bit_width=4), L(6, 3, True, weight_bit_width=4))
    brevitas("brevitas_conv", (2, 16), I(bit_width=6), C1(2, 4, 3, padding=1, bias=True, weight_bit_width=4), R(bit_width=5), nn.MaxPool1d(2),
             C1(4, 4, 3, bias=False, weight_bit_width=4), R(bit_width=5), nn.Flatten(), L(24, 3, True, weight_bit_width=4), I(bit_width=8))
    brevitas("brevitas_depthwise", (3, 4, 4), I(bit_width=8), C2(3, 6, 3, groups=3, padding=1, bias=True, weight_bit_width=4, weight_quant=Int8WeightPerChannelFloat),
             nn.BatchNorm2d(6), R(bit_width=5), C2(6, 2, 1, bias=False, weight_bit_width=5), nn.AvgPool2d(2), I(bit_width=8), nn.Flatten())
    brevitas("brevitas_fixed", (6,), I(act_quant=Int8ActPerTensorFixedPoint), L(6, 8, True, weight_bit_width=6, **fixed), R(act_quant=Uint8ActPerTensorFixedPoint, bit_width=6),
             L(8, 4, True, weight_bit_width=6, **fixed), I(act_quant=Int8ActPerTensorFixedPoint))
    brevitas("brevitas_binary", (16,), sign(), L(16, 12, **binary), nn.BatchNorm1d(12), sign(), L(12, 4, **binary), nn.BatchNorm1d(4), I(bit_width=6))
    brevitas("brevitas_ternary", (10,), I(bit_width=8), L(10, 8, **ternary), nn.BatchNorm1d(8), R(bit_width=2), L(8, 3, True, weight_bit_width=2), I(bit_width=6))
    brevitas("brevitas_act", (6,), I(bit_width=8), L(6, 8, True, weight_bit_width=5), qnn.QuantTanh(bit_width=6), L(8, 4, True, weight_bit_width=5), qnn.QuantSigmoid(bit_width=8))
    brevitas("brevitas_trunc", (2, 4, 4), I(bit_width=8), C2(2, 3, 3, padding=1, bias=False, weight_bit_width=4), R(bit_width=6, return_quant_tensor=True),
             qnn.TruncAvgPool2d(2, trunc_quant=TruncTo8bit, bit_width=4, return_quant_tensor=False), nn.Flatten())
    brevitas("brevitas_qcdq", (6,), I(bit_width=8), L(6, 8, True, weight_bit_width=4), R(bit_width=5), L(8, 3, True, weight_bit_width=4), I(bit_width=7), qcdq=True)

    # thresholds, as FINN's front end writes them: no exporter of its own needed
    T = np.sort(np.random.randn(5, 7).astype(np.float32), axis=1)
    W = np.random.randint(-1, 2, (5, 3)).astype(np.float32)
    g = helper.make_graph([
        helper.make_node("MultiThreshold", ["x", "t"], ["h"], domain="qonnx.custom_op.general", out_dtype="INT4", out_bias=-4.0),
        helper.make_node("MatMul", ["h", "w"], ["m"]),
        helper.make_node("MultiThreshold", ["m", "u"], ["y"], domain="qonnx.custom_op.general", out_dtype="UINT2", out_scale=0.5)], "thresholds",
        [helper.make_tensor_value_info("x", 1, [1, 5])], [helper.make_tensor_value_info("y", 1, [1, 3])],
        [numpy_helper.from_array(T, "t"), numpy_helper.from_array(W, "w"), numpy_helper.from_array(np.array([[-3, 0.5, 3]], np.float32), "u")])
    onnx.save(helper.make_model(g, opset_imports=[helper.make_opsetid("", 13), helper.make_opsetid("qonnx.custom_op.general", 1)], ir_version=8), OUT / "finn_thresholds.onnx")
    store("finn_thresholds", np.round(np.random.randn(KEEP, 5) * 64).astype(np.float32) / 64)

if WHICH == "qkeras":
    import tensorflow as tf, tf2onnx, tf2onnx.optimizer
    from qkeras import QActivation, QConv1D, QDense, binary, quantized_bits, quantized_relu, ternary
    from qonnx.converters.keras import from_keras

    KL = tf.keras.layers
    bits = lambda n, i: quantized_bits(n, i, 1, alpha=1)

    def qkeras(name, shape, *layers):
        tf.keras.utils.set_random_seed(7)
        x = h = KL.Input(shape, name="x")
        for layer in layers:
            h = layer(h)
        net = tf.keras.Model(x, h)
        net.set_weights([np.random.uniform(-1, 1, w.shape) for w in net.get_weights()])
        m, _ = from_keras(net, name=name, opset=13)
        m.ir_version = 8
        onnx.save(m, OUT / f"{name}.onnx")
        store(name, np.round(np.random.randn(KEEP, *shape) * 64).astype(np.float32) / 64)  # the converter drops the quantiser of the input

    def dense(n, q, name, b=True):
        return QDense(n, kernel_quantizer=q, bias_quantizer=bits(6, 2) if b else None, use_bias=b, name=name)

    qkeras("qkeras_mlp", (8,), QActivation(bits(8, 2), name="q"), dense(10, bits(4, 0), "d1"), QActivation(quantized_relu(4, 2), name="r1"), dense(4, bits(5, 0), "d2"),
           QActivation(bits(10, 4), name="o"))
    qkeras("qkeras_ternary", (6,), QActivation(bits(6, 1), name="q"), dense(8, ternary(alpha=1, threshold=0.5), "d1"), QActivation(quantized_relu(3, 1), name="r1"), dense(3, binary(alpha=1), "d2", False),
           QActivation(bits(8, 3), name="o"))
    qkeras("qkeras_conv", (12, 2), QActivation(bits(8, 2), name="q"), QConv1D(3, 3, kernel_quantizer=bits(5, 0), bias_quantizer=bits(6, 2), name="c1"),
           QActivation(quantized_relu(5, 2), name="r1"), KL.MaxPooling1D(2), KL.Flatten(), dense(2, bits(5, 0), "d2"), QActivation(bits(10, 5), name="o"))
