#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Everything that nngen must refuse: the exit status of its contract, a message that says what is wrong, no output folder, no signal.
. "$(dirname "$0")/../lib.sh"
DIR=tests/reject
out=$WORK/out
model() { # NAME STATUS REGEX [OPTIONS...]
  local name=$1 status=$2 regex=$3
  shift 3
  rejects "reject.$name" "$status" "^$DIR/$name\.onnx: .*($regex)" "$NNGEN" "$DIR/$name.onnx" "$@" -o "$out"
}
options() { # NAME REGEX OPTIONS...: usage errors
  local name=$1 regex=$2
  shift 2
  rejects "reject.option.$name" 1 "$regex" "$NNGEN" models/ch1.onnx "$@" -o "$out"
}
file() { # NAME STATUS REGEX FILE
  rejects "reject.file.$1" "$2" "$3" "$NNGEN" "$4" -o "$out"
}

# ---- not a model at all ----
: >"$WORK/empty.onnx"
head -c 300 models/ch1.onnx >"$WORK/cut.onnx"
head -c 5000 /dev/urandom >"$WORK/random.onnx"
printf '<!DOCTYPE html><html>Not found</html>\n' >"$WORK/page.onnx"
gzip -c models/ch1.onnx >"$WORK/packed.onnx"
python3 -c 'import sys; sys.stdout.buffer.write(b"\x3a\x80\x80\x80\x80\x08")' >"$WORK/length.onnx" # a length of 2^31
python3 - >"$WORK/deep.onnx" <<'EOF'
import sys

def wrap(tag, b):
    n, v = len(b), b""
    while True:
        v += bytes([n & 127 | (128 if n > 127 else 0)])
        n >>= 7
        if not n:
            return bytes([tag]) + v + b

b = b""
for _ in range(5000):  # a graph in an attribute of a node of a graph ...
    b = wrap(0x0A, wrap(0x2A, wrap(0x32, b)))
sys.stdout.buffer.write(b"\x08\x08" + wrap(0x3A, b))
EOF
file empty 2 'empty' "$WORK/empty.onnx"
file truncated 2 'truncated|damaged|not a complete' "$WORK/cut.onnx"
file random 2 'not an ONNX file' "$WORK/random.onnx"
file text 2 'not an ONNX file' LICENSE
file page 2 'not an ONNX file' "$WORK/page.onnx"
file packed 2 'not an ONNX file' "$WORK/packed.onnx"
file length 2 'not an ONNX file|damaged' "$WORK/length.onnx"
file deep 2 'not an ONNX file|damaged|nest' "$WORK/deep.onnx"
file missing 5 'No such file' "$WORK/none.onnx"
file folder 5 'directory' models
file device 2 'empty|not an ONNX' /dev/null

# ---- invalid ----
while read -r name status regex; do
  [ -n "$name" ] && model "$name" "$status" "$regex"
done <<'EOF'
missing_initializer 2 'fc1' .*reads value 'w'
cycle 2 cycle
no_outputs 2 no outputs
output_made_by_no_node 2 output 'y' is made by no node
two_makers 2 'y', which is defined already
two_inputs_one_name 2 two graph inputs are called 'x'
two_initializers 2 two initializers are called 'w'
gemm_shapes 2 'fc1' .Gemm #0.: .*\[1,3\].*\[4,2\]
matmul_shapes 2 'fc1' .MatMul #0.: .*\[1,3\].*\[4,2\]
broadcast 2 'bias' .*\[1,3\].*\[4\]
reshape_count 2 'view' .*3 elements
concat_shapes 2 'cat'
axis 2 'soft' .*axis 5
perm 2 't' .*permutation
split_sizes 2 'cut' .*sizes
gather_index 2 'pick' .*index 7
squeeze_axis 2 'sq'
arity 2 'fc1' .*number of inputs
too_many_inputs 2 'r' .*number of inputs
attribute_type 2 'soft' .*axis
wrong_dtype 2 'fc1' .*float32 and int64
no_opset 2 opset
no_ir_version 2 ir_version
no_graph 2 no graph
negative_dim 2 dimension 1 is -3
zero_dim 2 dimension 1 is 0
weights_too_short 2 'w' holds 20 bytes .* 24
weights_huge 2 'w'
weights_negative 2 'w'.* -3
huge_input 2 'x'.*2\^31
external_absolute 2 '/etc/passwd' is not inside
external_parent 2 is not inside
external_missing 5 no_such_file.data.*No such file
external_beyond 2 past the end
external_length 2 7 bytes .* 24
external_offset 2 offset
unknown_ops 3 'conv1' .*Conv
unknown_domain 3 'fused' .*com.acme
opset_6 3 opset 6
opset_99 3 opset 99
ir_version_1 3 IR version 1
symbolic_dim 3 --dim features=N
text_input 3 'x' is of type text
text_output 3 output 'y' is text
text_constant 3 text
complex_input 3 complex64
no_shape 3 'x' has no shape
run_time_shape 3 'view' .*must be a constant
run_time_choice 3 'sine' .*constants
training_bn 3 'bn' .*training mode
big_constant 3 'zeros' .*1073741824
rank_9 3 9 dimensions
control_flow 3 'branch' .*If
sequence_input 3 'q' is not a tensor
function 3 'twice' .*function
sparse 3 'w' is sparse
escapes 3 a\\x1B\[31m.*Evil\\x1B
reciprocal_of_negative 3 'inverse' .*negative
conv_large_kernel 2 'layer' .Conv #0.: .*reaches over 8 elements .* has 7
conv_channels 2 'layer' .*\[4,3,3,3\] do not fit the input \[1,2,5,5\]
conv_group 2 'layer' .* in 3 groups
conv_group_zero 2 'layer' .* in 0 groups
conv_stride_zero 2 strides has the entry 0
conv_dilation_count 2 dilations must be a list of 2
conv_pads_count 2 pads must be a list of 4
conv_pads_negative 2 pads has the entry -1.*negative
conv_auto_pad 2 auto_pad 'SAME'
conv_kernel_shape 2 kernel_shape is not that of its weights
conv_bias 2 bias \[3\] for 4 channels
conv_rank 2 'layer' .*same number of dimensions
conv_run_time_weights 3 'layer' .*its weights .'k'. must be constant
transposed_channels 2 'layer' .*\[4,2,3,3\] do not fit
transposed_output_padding 2 output_padding must be less
transposed_output_shape 2 output_shape has the entry 0
transposed_nothing_left 2 length -1
pool_no_kernel 2 'layer' .*no kernel_shape
pool_only_padding 2 'layer' .*wholly in the padding
pool_positions 3 positions of the maxima
pool_rank 2 'x' has 2 dimensions
resize_cubic 3 mode 'cubic'
resize_antialias 3 antialias
resize_both 2 both scales and sizes
resize_neither 2 neither scales nor sizes
resize_scale 2 axis 3: 5 elements become 0
resize_nan 4 's' is NaN
resize_count 2 its scales .'s'. must be 4 numbers
resize_run_time 3 its scales .'s'. must be a constant
recurrent_weights_shape 2 'cell' .RNN #0.: its weights .'w'. is \[1,2,2\], not \[1,2,3\]
recurrent_hidden_size 2 hidden_size is 5
recurrent_rank 2 must have three dimensions
recurrent_direction 2 direction 'sideways'
recurrent_activations 2 activations must be a list of 2 names
recurrent_affine 2 Affine needs activation_alpha
recurrent_clip 2 clip is -1
recurrent_bias 2 its bias .'b'. is \[1,3\], not \[1,4\]
recurrent_state 2 its initial state .'h'. is \[2,1,2\], not \[1,1,2\]
recurrent_function 3 activation 'Frob'
recurrent_run_time_weights 3 its weights .'w'. must be constant: export them as initializers
recurrent_lengths 3 sequence lengths .'n'. other than the constant 4: export the model for sequences of one length
recurrent_long 3 unrolled over 2000000 steps .* smaller input
loop 3 operator 'Loop'.* RNN, GRU or LSTM nodes.*unroll=True
depth_blocks 2 blocks of 2x2
space_blocks 2 blocks of 2x2
quant_scale_run_time 3 'q1'.*'s' must be a constant
quant_scale_negative 2 'q1'.*scales are positive
quant_scale_zero 2 'q1'.*scales are positive
quant_axis 2 'q1'.*does not go with
quant_int32 3 'q1'.*only integers of 2 to 16 bits
quant_float8 3 float8e4m3fn.*quantise to integers
quant_float8_input 3 float8e5m2.*quantise to integers
quant_dynamic 3 'dynamic'.*quantise statically
quant_rows 3 'qmm1'.*a scale for each row
quant_softmax 3 'soft'.*QDQ format
qonnx_bits 3 'quant1'.*'bits' must be one whole number
qonnx_zero 3 'quant1'.*only whole numbers
qonnx_rounding 3 'quant1'.*'SOMEHOW' is not supported
qonnx_scale_run_time 3 'quant1'.*'s' must be a constant
qonnx_thresholds 2 'count'.*does not go with
nan_weight 4 'w'.*(NaN|nan|not a number|undefined)
inf_weight 4 'w'.*(inf|NaN|finite)
EOF
model many_products 3 '1200000 multiplications .* smaller input' --mode=parallel
model many_elements 3 'elements.* at most 1000000' --mode=parallel
model many_operations 3 "'layer' .*beyond 1000000 operations.* smaller input" --mode=parallel
model many_products 3 'in stream mode .* elements' # --mode=auto
all_listed() { # one run names every unsupported node, one line each
  "$NNGEN" $DIR/unknown_ops.onnx -o "$out" 2>"$WORK/all"
  [ "$(grep -c 'not supported' "$WORK/all")" -ge 3 ] && for n in conv1 norm frob; do grep -q "'$n'" "$WORK/all" || return 1; done
}
check reject.unknown_ops.all_listed all_listed
cut_short() { "$NNGEN" $DIR/escapes.onnx -o "$out" 2>&1 | awk 'length > 400 { bad = 1 } END { exit bad }'; }
check reject.escapes.cut cut_short
symlink() {
  mkdir -p "$WORK/link" && cp $DIR/external_symlink.onnx "$WORK/link/" && ln -sf /etc/passwd "$WORK/link/link.data"
  "$NNGEN" "$WORK/link/external_symlink.onnx" -o "$out" 2>&1 | grep -q "out of the model's folder"
}
check reject.external_symlink symlink
check reject.symbolic_dim.given "$NNGEN" $DIR/symbolic_dim.onnx --dim features=4 -q -o "$WORK/dim"

# ---- what exporters write and nngen does not take ----
model exported/layernorm 3 LayerNormalization
model exported/skl_string_labels 3 "'label' is text"
model exported/skl_zipmap 3 'zipmap'
model exported/training_mode 3 'training mode'

# ---- what would undo a quantisation that is there ----
rejects reject.quant_prune 3 "comes quantised" "$NNGEN" $DIR/quant_valid.onnx --prune=0.1 -o "$out"
rejects reject.quant_merge 3 "comes quantised" "$NNGEN" $DIR/quant_valid.onnx --merge=0.1 -o "$out"

# ---- the numeric contract ----
numeric() { local name=$1 regex=$2; shift 2; rejects "reject.numeric.$name" 4 "$regex" "$NNGEN" "$@" -o "$out"; }
numeric max_error 'exceeds --max-error' models/ch1.onnx --q=8,2 --data=models/data/ch1_x.npy --max-error=0.01
numeric overflow "'/1/Relu' .Relu #1.: results may reach 0 to 27.6875, <8,4> holds -8 to 7.9375; element 6 gets to 27.69 when 'x'.1. is 7.938, 'x'.0. is 7.938; I=6 is proved" models/ch1.onnx --q=8,4 --data=models/data/ch1_x.npy --overflow=error
numeric overflow_weights "'w'.*do not fit.*I=10" $DIR/large_weights.onnx --q=16,6 --overflow=error
printf '{"layers": {"x": {"q": "16,4"}}}' >"$WORK/input.json" # inputs within +-8: then the rest is proved to fit
check reject.numeric.proved "$NNGEN" models/ch1.onnx --q=32,12 --config="$WORK/input.json" --data=models/data/ch1_x.npy --overflow=error -q -o "$WORK/proved"
warns() { local regex=$1; shift; "$NNGEN" "$@" -o "$WORK/warns" 2>&1 | grep -Eq "warning: .*$regex"; }
warns_not() { local said; said=$("$NNGEN" "${@:2}" -o "$WORK/warns" 2>&1) && ! grep -Eq "warning: .*$1" <<<"$said"; }
check reject.numeric.weights_warn warns "2 of 6 constants of 'w' do not fit <16,6>.*I=10" $DIR/large_weights.onnx --q=16,6
check reject.numeric.saturation_warns warns 'results saturated.*I=' models/ch1.onnx --q=8,3 --data=models/data/ch1_x.npy

# ---- not in this version ----
later() { local name=$1 regex=$2; shift 2; rejects "reject.later.$name" 3 "$regex" "$NNGEN" models/ch1.onnx "$@" -o "$out"; }
later stream_hls 'HLS C' --mode=stream --target=hls

# ---- options ----
rejects reject.option.none 1 'no model' "$NNGEN"
rejects reject.option.two_models 1 'one model' "$NNGEN" models/ch1.onnx models/logreg.onnx
options unknown 'unknown option --frob' --frob
options misspelt 'did you mean target' --tarqet=c
rejects reject.option.no_argument 1 'needs an argument' "$NNGEN" models/ch1.onnx --data
options extra_argument 'takes no argument' --verify=yes
for v in '' 16 16,x x,6 0,0 -4,2 99,3 16,6,2 '16,' ',6' '16;6' 1e3,2 16,99999999999999999999; do options "q=$v" '^nngen: --q=.*W,I' "--q=$v"; done
for o in target=c++ round=up overflow=saturate mode=serial diagnostics=xml dump=nothing; do options "$o" '^nngen: --[a-z]*=.*must be one of' "--$o"; done
for o in reuse=0 reuse=-1 reuse=x reuse=1.5 channels=0 channels=none; do options "$o" 'must be a whole number' "--$o"; done
for o in clock=0 clock=-5 clock=fast clock=nan clock= prune=2 prune=-1 prune=x merge=-1 merge=nan; do options "$o" 'must be a number' "--$o"; done
for o in depth=x depth=-2 depth=1.5; do options "$o" 'must be' "--$o"; done
for o in dim=N dim==3 'dim=N=0' 'dim=N=-1' 'dim=N=x'; do options "$o" 'must be' "--$o"; done
for o in top=1abc top=a-b top=signal top=int 'top=a b' top=_x top=a__b top=; do options "$o" 'must be an identifier' "--$o"; done
options max_error=x 'must be a number' --max-error=x --data=models/data/ch1_x.npy
options max_error_without_data 'needs --data' --max-error=1
options labels_without_data 'needs --data' --labels=models/data/ch1_y.npy
rejects reject.option.empty_out 1 'must name a folder' "$NNGEN" models/ch1.onnx -o ''
rejects reject.option.compare_one 1 'two reports' "$NNGEN" --compare a.json
rejects reject.option.compare_missing 5 'a.json' "$NNGEN" --compare a.json b.json

# ---- data, labels, configuration ----
data() { local name=$1 status=$2 regex=$3; shift 3; rejects "reject.data.$name" "$status" "$regex" "$NNGEN" models/ch1.onnx "$@" -o "$out"; }
data missing 5 'none.npy.*No such file' --data="$WORK/none.npy"
data not_npy 5 'LICENSE' --data=LICENSE
data folder 5 . --data=models
data wrong_width 5 'elements' --data=models/data/jet_like_x.npy
head -c 500 models/data/ch1_x.npy >"$WORK/cut.npy"
data cut 5 'cut.npy' --data="$WORK/cut.npy"
python3 - "$WORK" <<'EOF'
import struct, sys
def npy(name, shape, values, descr="<f4", code="f"):
    h = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (descr, shape)
    h += " " * (118 - len(h) - 1) + "\n"
    open(f"{sys.argv[1]}/{name}.npy", "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(h)) + h.encode() + struct.pack(f"<{len(values)}{code}", *values))
npy("nan", "(2, 2)", [1, float("nan"), 0, 1])
npy("inf", "(2, 2)", [1, float("inf"), 0, 1])
npy("empty", "(0, 2)", [])
npy("objects", "(2, 2)", [0] * 4, "|O", "Q")
npy("huge", "(4611686018427387904, 2)", [0] * 4)
npy("negative", "(-1, 2)", [0] * 4)
EOF
data nan 4 'not a number' --data="$WORK/nan.npy"
data inf 4 'infinite' --data="$WORK/inf.npy"
data no_samples 5 'empty.npy' --data="$WORK/empty.npy"
data objects 5 'objects.npy' --data="$WORK/objects.npy"
data huge 5 'huge.npy' --data="$WORK/huge.npy"
data negative 5 'negative.npy' --data="$WORK/negative.npy"
data labels_count 5 'labels for 3000 samples' --data=models/data/ch1_x.npy --labels=models/data/logreg_y.npy
data labels_missing 5 'No such file' --data=models/data/ch1_x.npy --labels="$WORK/none.npy"
config() { # NAME STATUS REGEX TEXT
  printf '%s' "$4" >"$WORK/config.json"
  rejects "reject.config.$1" "$2" "$3" "$NNGEN" models/ch1.onnx --config="$WORK/config.json" -o "$out"
}
rejects reject.config.missing 5 'No such file' "$NNGEN" models/ch1.onnx --config="$WORK/none.json" -o "$out"
config not_json 1 'config.*line 1' '{"layers": '
config no_layers 1 'layers' '{}'
config unknown_top 1 'unknown key' '{"layers": {}, "frob": 1}'
config unknown_key 1 'unknown key \\?"qq' '{"layers": {"*": {"qq": "8,3"}}}'
config bad_q 1 'W,I' '{"layers": {"*": {"q": "8"}}}'
config bad_type 1 'W,I' '{"layers": {"*": {"weights": 8}}}'
config bad_round 1 'one of trn, rnd, rne' '{"layers": {"*": {"round": "up"}}}'
config bad_table 1 'table_bits' '{"layers": {"*": {"table_bits": 40}}}'
config bad_layer 1 'must be an object' '{"layers": {"*": 8}}'
config twice 1 'line' '{"layers": {"a": {}, "a": {}}}'
check reject.config.unused_warns warns 'matches no layer' models/ch1.onnx --config=<(printf '{"layers": {"nobody": {"q": "8,3"}}}')
check reject.config.result_warns warns 'the format of the result has no effect for "/0/Gemm"' models/jet_like.onnx --config=<(printf '{"layers": {"/0/Gemm": {"result": "8,3"}}}')
check reject.config.result_of_group warns_not 'has no effect' models/jet_like.onnx --config=<(printf '{"layers": {"/[01]/*": {"result": "8,3"}}}')

# ---- hardware IR as input ----
printf 'hir 1 t\nv0 = frob\n' >"$WORK/bad.hir"
file hir 2 'line' "$WORK/bad.hir"
# ---- nothing was written by any of them ----
quiet reject.no_folder test ! -e "$out"
printf 'not json' >"$WORK/bad.json"
rejects reject.option.compare_not_json 5 'bad.json' "$NNGEN" --compare "$WORK/bad.json" "$WORK/bad.json"
