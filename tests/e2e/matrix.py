# SPDX-License-Identifier: Apache-2.0
"""matrix.py SEED ROWS COLS DIR: a random dense layer as ONNX, its results kept whole, and the same product in plain Verilog with a miter around both."""
import json, pathlib, sys
import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper

seed, rows, cols = map(int, sys.argv[1:4])
out = pathlib.Path(sys.argv[4])
out.mkdir(parents=True, exist_ok=True)
r = np.random.default_rng(seed)
w, b = r.integers(-31, 32, (rows, cols)), r.integers(-31, 32, cols)  # <6,3>: steps of 1/8
g = h.make_graph([h.make_node("Gemm", ["x", "w", "b"], ["y"], name="dense")], "net", [h.make_tensor_value_info("x", T.FLOAT, [1, rows])],
                 [h.make_tensor_value_info("y", T.FLOAT, [1, cols])],
                 [numpy_helper.from_array((w / 8).astype(np.float32), "w"), numpy_helper.from_array((b / 8).astype(np.float32), "b")])
onnx.save(h.make_model(g, opset_imports=[h.make_opsetid("", 17)], ir_version=8), out / "net.onnx")
W = 16
(out / "config.json").write_text(json.dumps({"layers": {"dense": {"result": f"{W},{W - 6}"}}}))
sums = "\n".join(f"    r[{W * (j + 1) - 1}:{W * j}] <= " + " + ".join(f"{W}'sd{w[i, j]} * x{i}" if w[i, j] >= 0 else f"-({W}'sd{-w[i, j]} * x{i})" for i in range(rows)) +
                 f" + ({'-' if b[j] < 0 else ''}{W}'sd{abs(b[j]) * 8});" for j in range(cols))
ins = "\n".join(f"  wire signed [{W - 1}:0] x{i} = {{{{{W - 6}{{q[{6 * i + 5}]}}}}, q[{6 * i + 5}:{6 * i}]}};" for i in range(rows))
(out / "plain.v").write_text(f"""
module plain(input clk, input [{6 * rows - 1}:0] x, output reg [{W * cols - 1}:0] r);
  reg [{6 * rows - 1}:0] q;
{ins}
  always @(posedge clk) begin
    q <= x;
{sums}
  end
endmodule
module miter(input clk, input [{6 * rows - 1}:0] x, output bad);
  wire [{W * cols - 1}:0] a, b;
  net one(.clk(clk), .rst(1'b0), .in_valid(1'b1), .in_data(x), .out_valid(), .out_data(a));
  plain two(.clk(clk), .x(x), .r(b));
  reg [2:0] full = 0;
  always @(posedge clk) full <= {{full[1:0], 1'b1}};
  assign bad = full[2] && a != b;
endmodule
""")
