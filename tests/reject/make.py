# SPDX-License-Identifier: Apache-2.0
"""Writes the invalid and unsupported models beside it (a few hundred bytes each): build/venv/bin/python tests/reject/make.py"""
import pathlib
import numpy as np
from onnx import TensorProto as T, helper as h, numpy_helper

HERE = pathlib.Path(__file__).parent
IN = lambda *d, n="x", t=T.FLOAT: h.make_tensor_value_info(n, t, list(d))
X, Y = IN("N", 3), h.make_tensor_value_info("y", T.FLOAT, None)
W = np.array([[1, 2], [.5, -1], [0, 3]], np.float32)


def w(a=W, n="w"):
    return numpy_helper.from_array(np.asarray(a, np.float32), n)


def ints(v, n):
    return numpy_helper.from_array(np.asarray(v, np.int64), n)


def save(name, nodes, inits=(), ins=(X,), outs=(Y,), opset=17, edit=None, **kw):
    g = h.make_graph(list(nodes), "g", list(ins), list(outs), list(inits))
    m = h.make_model(g, opset_imports=[h.make_opsetid("", opset), *kw.pop("sets", [])], ir_version=kw.pop("ir_version", 8), producer_name="reject", **kw)
    if edit:
        edit(m)
    (HERE / f"{name}.onnx").write_bytes(m.SerializeToString())


N = h.make_node
dense = N("MatMul", ["x", "w"], ["y"], name="fc1")

# ---- invalid: exit 2 ----
save("missing_initializer", [dense])
save("cycle", [N("Add", ["x", "b"], ["a"], name="first"), N("Relu", ["a"], ["b"], name="second"), N("Relu", ["b"], ["y"])])
save("no_outputs", [dense], [w()], outs=())
save("output_made_by_no_node", [N("MatMul", ["x", "w"], ["z"])], [w()])
save("two_makers", [dense, N("Relu", ["x"], ["y"])], [w()])
save("two_inputs_one_name", [dense], [w()], ins=(X, X))
save("gemm_shapes", [N("Gemm", ["x", "w"], ["y"], name="fc1")], [w(np.ones((4, 2)))])
save("matmul_shapes", [dense], [w(np.ones((4, 2)))])
save("broadcast", [N("Add", ["x", "w"], ["y"], name="bias")], [w(np.ones(4))])
save("reshape_count", [N("Reshape", ["x", "s"], ["y"], name="view")], [ints([1, 2], "s")])
save("concat_shapes", [N("Concat", ["x", "w"], ["y"], axis=1, name="cat")], [w(np.ones((2, 4)))])
save("axis", [N("Softmax", ["x"], ["y"], axis=5, name="soft")])
save("perm", [N("Transpose", ["x"], ["y"], perm=[0, 0], name="t")])
save("split_sizes", [N("Split", ["x", "s"], ["y", "z"], axis=1, name="cut")], [ints([1, 1], "s")])
save("gather_index", [N("Gather", ["x", "i"], ["y"], axis=1, name="pick")], [ints([7], "i")])
save("squeeze_axis", [N("Squeeze", ["x", "s"], ["y"], name="sq")], [ints([1], "s")])
save("arity", [N("Gemm", ["x"], ["y"], name="fc1")])
save("too_many_inputs", [N("Relu", ["x", "x"], ["y"], name="r")])
save("attribute_type", [N("Softmax", ["x"], ["y"], axis="one", name="soft")])
save("wrong_dtype", [N("MatMul", ["x", "w"], ["y"], name="fc1")], [ints([[1, 2], [3, 4], [5, 6]], "w")])
save("no_opset", [dense], [w()], edit=lambda m: m.ClearField("opset_import"))
save("no_ir_version", [dense], [w()], edit=lambda m: m.ClearField("ir_version"))
save("no_graph", [dense], [w()], edit=lambda m: m.ClearField("graph"))
save("negative_dim", [N("Relu", ["x"], ["y"])], ins=(IN(1, -3),))
save("zero_dim", [N("Relu", ["x"], ["y"])], ins=(IN(1, 0),))


def short(m):
    m.graph.initializer[0].raw_data = m.graph.initializer[0].raw_data[:-4]


def huge(m):
    m.graph.initializer[0].dims[:] = [2 ** 40, 2 ** 40]


def negative(m):
    m.graph.initializer[0].dims[:] = [-3, 2]


save("weights_too_short", [dense], [w()], edit=short)
save("weights_huge", [dense], [w()], edit=huge)
save("weights_negative", [dense], [w()], edit=negative)
save("two_initializers", [dense], [w(), w()])
save("huge_input", [N("Relu", ["x"], ["y"])], ins=(IN(1, 2 ** 20, 2 ** 20),))

# ---- external data ----
def external(name, location, offset=None, length=None):
    def edit(m):
        t = m.graph.initializer[0]
        t.ClearField("raw_data")
        t.data_location = T.EXTERNAL
        for k, v in (("location", location), ("offset", offset), ("length", length)):
            if v is not None:
                e = t.external_data.add()
                e.key, e.value = k, str(v)
    save(name, [dense], [w()], edit=edit)


external("external_absolute", "/etc/passwd", 0, 24)
external("external_parent", "../../etc/passwd", 0, 24)
external("external_missing", "no_such_file.data", 0, 24)
external("external_beyond", "external.data", 1000, 24)
external("external_length", "external.data", 0, 7)
external("external_offset", "external.data", -8, 24)
external("external_symlink", "link.data", 0, 24)
(HERE / "external.data").write_bytes(W.tobytes())

# ---- unsupported: exit 3 ----
c = N("DeformConv", ["x", "w", "w"], ["a"], name="conv1")
save("unknown_ops", [c, N("LayerNormalization", ["a", "w", "w"], ["b"], name="norm"), N("Frobnicate", ["b"], ["y"], name="frob")], [w()])
save("unknown_domain", [N("FusedDense", ["x", "w"], ["y"], name="fused", domain="com.acme")], [w()], sets=[h.make_opsetid("com.acme", 1)])
save("opset_6", [dense], [w()], opset=6)
save("opset_99", [dense], [w()], opset=99)
save("ir_version_1", [dense], [w()], ir_version=1)
save("symbolic_dim", [N("Relu", ["x"], ["y"])], ins=(IN("N", "features"),))
save("text_input", [N("Identity", ["x"], ["y"])], ins=(IN(1, 3, t=T.STRING),))
save("text_output", [N("Identity", ["x"], ["y"])], ins=(IN(1, 3, t=T.STRING),), outs=(IN(1, 3, n="y", t=T.STRING),))
save("text_constant", [N("Constant", [], ["s"], value_string="abc"), N("Add", ["x", "s"], ["y"], name="add")])
save("complex_input", [N("Identity", ["x"], ["y"])], ins=(IN(1, 3, t=T.COMPLEX64),))
save("no_shape", [dense], [w()], ins=(h.make_tensor_value_info("x", T.FLOAT, None),))
save("run_time_shape", [N("Cast", ["s"], ["k"], to=T.INT64), N("Reshape", ["x", "k"], ["y"], name="view")], ins=(X, IN(2, n="s")))
save("run_time_divisor", [N("Div", ["x", "z"], ["y"], name="ratio")], ins=(X, IN("N", 3, n="z")))
save("run_time_choice", [N("Greater", ["x", "z"], ["c"], name="gt"), N("Sin", ["x"], ["s"], name="sine"), N("Floor", ["s"], ["y"], name="down")], ins=(X, IN("N", 3, n="z")))
save("training_bn", [N("BatchNormalization", ["x", "s", "s", "s", "s"], ["y", "m", "v"], training_mode=1, name="bn")], [w(np.ones(3), "s")])
save("big_constant", [N("ConstantOfShape", ["s"], ["k"], name="zeros"), N("Add", ["x", "k"], ["y"], name="add")], [ints([2 ** 16, 2 ** 14], "s")], ins=(IN("N", 1),))
save("rank_9", [N("Relu", ["x"], ["y"])], ins=(IN(*[1] * 9),))
body = lambda n: h.make_graph([N("Relu", ["x"], [n])], n, [], [h.make_tensor_value_info(n, T.FLOAT, None)])
save("control_flow", [N("If", ["c"], ["y"], then_branch=body("a"), else_branch=body("b"), name="branch")], ins=(X, IN(n="c", t=T.BOOL)))
save("sequence_input", [N("Identity", ["q"], ["y"])], ins=(h.make_tensor_sequence_value_info("q", T.FLOAT, [1]),))
f = h.make_function("local", "Twice", ["a"], ["b"], [N("Add", ["a", "a"], ["b"])], [h.make_opsetid("", 17)])
save("function", [N("Twice", ["x"], ["y"], domain="local", name="twice")], sets=[h.make_opsetid("local", 1)], functions=[f])
save("sparse", [dense], edit=lambda m: m.graph.sparse_initializer.append(h.make_sparse_tensor(w(np.ones(2)), ints([0, 3], ""), [3, 2])))
save("escapes", [N("Evil\x1b[2J\n", ["x"], ["y"], name="a\x1b[31m\r\n\u00e9\u2028" + "z" * 500)])
save("reciprocal_of_negative", [N("Reciprocal", ["x"], ["y"], name="inverse")])

# ---- convolutions, pools, resizing ----
IMAGE = IN("N", 2, 5, 5)


def window(name, op, inits=(), ins=(IMAGE,), more=(), outs=("y",), **attr):
    save(name, [N(op, ["x", *[i.name for i in inits], *more], list(outs), name="layer", **attr)], inits, ins=ins)


k3 = w(np.ones((4, 2, 3, 3)))
window("conv_large_kernel", "Conv", [w(np.ones((1, 2, 8, 3)))], pads=[1, 0, 1, 0])
window("conv_channels", "Conv", [w(np.ones((4, 3, 3, 3)))])
window("conv_group", "Conv", [k3], group=3)
window("conv_group_zero", "Conv", [k3], group=0)
window("conv_stride_zero", "Conv", [k3], strides=[1, 0])
window("conv_dilation_count", "Conv", [k3], dilations=[1])
window("conv_pads_count", "Conv", [k3], pads=[1, 1, 1])
window("conv_pads_negative", "Conv", [k3], pads=[1, 1, -1, 1])
window("conv_auto_pad", "Conv", [k3], auto_pad="SAME")
window("conv_kernel_shape", "Conv", [k3], kernel_shape=[3, 2])
window("conv_bias", "Conv", [k3, w(np.ones(3), "b")])
window("conv_rank", "Conv", [w(np.ones((4, 2)))], ins=(IN("N", 2),))
window("conv_run_time_weights", "Conv", ins=(IMAGE, IN(4, 2, 3, 3, n="k")), more=("k",))
window("transposed_channels", "ConvTranspose", [k3])
window("transposed_output_padding", "ConvTranspose", [w(np.ones((2, 1, 3, 3)))], output_padding=[2, 0], strides=[2, 2])
window("transposed_output_shape", "ConvTranspose", [w(np.ones((2, 1, 3, 3)))], output_shape=[0, 5])
window("transposed_nothing_left", "ConvTranspose", [w(np.ones((2, 1, 1, 1)))], pads=[3, 3, 3, 3])
window("pool_no_kernel", "MaxPool")
window("pool_only_padding", "MaxPool", kernel_shape=[2, 2], pads=[2, 0, 0, 0])
window("pool_positions", "MaxPool", outs=("v", "y"), kernel_shape=[2, 2])
window("pool_rank", "GlobalAveragePool", ins=(IN("N", 2),))
window("resize_cubic", "Resize", [w(np.ones(0), "r"), w([1, 1, 2, 2], "s")], mode="cubic")
window("resize_antialias", "Resize", [w(np.ones(0), "r"), w([1, 1, .5, .5], "s")], mode="linear", antialias=1)
window("resize_both", "Resize", [w(np.ones(0), "r"), w([1, 1, 2, 2], "s"), ints([1, 2, 9, 9], "z")])
window("resize_neither", "Resize")
window("resize_scale", "Resize", [w(np.ones(0), "r"), w([1, 1, 2, 0], "s")])
window("resize_nan", "Resize", [w(np.ones(0), "r"), w([1, 1, 2, np.nan], "s")])
window("resize_count", "Resize", [w(np.ones(0), "r"), w([2, 2], "s")])
window("resize_run_time", "Resize", ins=(IMAGE, IN(4, n="s")), more=("", "s"))
window("depth_blocks", "DepthToSpace", blocksize=2)
window("space_blocks", "SpaceToDepth", blocksize=2)
window("many_products", "Conv", [w(np.ones((2, 1, 1, 1)))], ins=(IN("N", 1, 1000, 600),))
window("many_elements", "MaxPool", ins=(IN("N", 1, 1100, 1000),), kernel_shape=[2, 2])
window("many_operations", "Conv", [w(np.random.default_rng(1).normal(0, 1, (6, 8, 3, 3)))], ins=(IN("N", 8, 44, 44),), pads=[1, 1, 1, 1])


# ---- recurrent layers ----
def cell(name, w_dims=(1, 2, 3), r_dims=(1, 2, 2), inits=(), more=(), x=IN(4, 1, 3), ins=(), run_time_w=False, **attributes):
    """An RNN of two hidden elements over x [steps, batch, 3]; `more` follows x, w, r."""
    given = [w(np.full(r_dims, .5), "r"), *inits] + ([] if run_time_w else [w(np.full(w_dims, .5))])
    save(f"recurrent_{name}", [N("RNN", ["x", "w", "r", *more], ["y"], name="cell", **attributes)], given, ins=(x, *ins))


cell("weights_shape", w_dims=(1, 2, 2))
cell("hidden_size", hidden_size=5)
cell("rank", x=IN("N", 3))
cell("direction", direction="sideways")
cell("activations", w_dims=(2, 2, 3), r_dims=(2, 2, 2), direction="bidirectional", activations=["Tanh"])
cell("affine", activations=["Affine"])
cell("clip", clip=-1.)
cell("bias", inits=[w(np.ones((1, 3)), "b")], more=["b"])
cell("state", inits=[w(np.ones((2, 1, 2)), "h")], more=["", "", "h"])
cell("function", activations=["Frob"])
cell("run_time_weights", ins=(IN(1, 2, 3, n="w"),), run_time_w=True)
cell("lengths", inits=[numpy_helper.from_array(np.array([3], np.int32), "n")], more=["", "n"])
cell("long", x=IN(2000000, 1, 3))
loop = h.make_graph([N("Identity", ["go"], ["on"]), N("Relu", ["a"], ["b"])], "body",
                    [h.make_tensor_value_info("i", T.INT64, []), h.make_tensor_value_info("go", T.BOOL, []), IN(1, 3, n="a")],
                    [h.make_tensor_value_info("on", T.BOOL, []), IN(1, 3, n="b")])
save("loop", [N("Loop", ["m", "", "x"], ["y"], name="steps", body=loop)], [numpy_helper.from_array(np.array(3, np.int64), "m")])
# ---- quantised networks ----
def typed(a, t, n):
    return h.make_tensor(n, t, np.shape(a), np.ravel(a).tolist())


SCALE, U8 = w(.5, "s"), typed(3, T.UINT8, "z")
q8 = N("QuantizeLinear", ["x", "s", "z"], ["q"], name="q1")
dq = N("DequantizeLinear", ["q", "s", "z"], ["y"], name="dq1")
qonnx = dict(sets=[h.make_opsetid("qonnx.custom_op.general", 1)])
quant = N("Quant", ["x", "s", "zero", "bits"], ["y"], name="quant1", domain="qonnx.custom_op.general")
save("quant_scale_run_time", [N("ReduceMax", ["x"], ["s"], keepdims=0), q8, dq], [U8])
save("quant_scale_negative", [q8, dq], [w(-.5, "s"), U8])
save("quant_scale_zero", [q8, dq], [w(0, "s"), U8])
save("quant_axis", [q8, dq], [w([.5, .25], "s"), typed([0, 0], T.UINT8, "z")])
save("quant_int32", [q8, dq], [SCALE, typed(0, T.INT32, "z")])
save("quant_float8", [q8, dq], [SCALE, typed(0, T.FLOAT8E4M3FN, "z")], opset=19)
save("quant_float8_input", [dq], [SCALE, U8], ins=(IN("N", 3, n="q", t=T.FLOAT8E5M2),), opset=19)
save("quant_dynamic", [N("DynamicQuantizeLinear", ["x"], ["q", "s", "z"], name="dynamic"), dq])
save("quant_rows", [N("QLinearMatMul", ["q", "rows", "z", "v", "s", "z", "s", "z"], ["y"], name="qmm1")], [w([.5, .25], "rows"), SCALE, U8, typed(np.ones((3, 2)), T.UINT8, "v")],
     ins=(IN(2, 3, n="q", t=T.UINT8),), outs=(h.make_tensor_value_info("y", T.UINT8, None),))
save("quant_softmax", [N("QLinearSoftmax", ["q", "s", "z", "s", "z"], ["y"], name="soft", domain="com.microsoft", opset=13)], [SCALE, U8], ins=(IN("N", 3, n="q", t=T.UINT8),),
     outs=(h.make_tensor_value_info("y", T.UINT8, None),), sets=[h.make_opsetid("com.microsoft", 1)])
save("qonnx_bits", [quant], [SCALE, w(0, "zero"), w(40, "bits")], **qonnx)
save("qonnx_zero", [quant], [SCALE, w(.5, "zero"), w(8, "bits")], **qonnx)
save("qonnx_rounding", [N("Quant", ["x", "s", "zero", "bits"], ["y"], name="quant1", domain="qonnx.custom_op.general", rounding_mode="SOMEHOW")],
     [SCALE, w(0, "zero"), w(8, "bits")], **qonnx)
save("qonnx_scale_run_time", [N("ReduceMax", ["x"], ["s"], keepdims=0), quant], [w(0, "zero"), w(8, "bits")], **qonnx)
save("qonnx_thresholds", [N("MultiThreshold", ["x", "t"], ["y"], name="count", domain="qonnx.custom_op.general")], [w(np.ones((2, 4)), "t")], **qonnx)
save("quant_valid", [q8, dq], [SCALE, U8])

# ---- numeric: exit 4 ----
save("nan_weight", [dense], [w([[1, np.nan], [1, 1], [1, 1]])])
save("inf_weight", [dense], [w([[1, 2], [np.inf, 1], [1, -np.inf]])])
save("large_weights", [dense], [w([[1, 200], [3, 4], [-300, 6]])])

# ---- valid ----
save("valid", [dense], [w()])
