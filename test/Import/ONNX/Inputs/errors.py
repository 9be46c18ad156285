"""Models that must be refused: the exit code, the message, and that nothing is written. usage: errors.py FOLDER"""

import os
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h

from models import MICROSOFT, constants, model, node, save

FOLDER = sys.argv[1]
BAD_INPUT, UNSUPPORTED, RESOURCE_LIMIT = 3, 4, 6
failures = []
# What an earlier run left must not count.
shutil.rmtree(FOLDER, ignore_errors=True)


def expect(name, proto, code, *messages, path=None):
    """`proto` is a model, or bytes to be read as one."""
    os.makedirs(FOLDER, exist_ok=True)
    if path is None and isinstance(proto, bytes):
        path = os.path.join(FOLDER, name + ".onnx")
        with open(path, "wb") as f:
            f.write(proto)
    path = path or save(FOLDER, name, proto)
    output = os.path.join(FOLDER, name + ".mlir")
    run = subprocess.run(["qopt-translate", "--import-onnx", path, "-o", output], capture_output=True, text=True, timeout=60)
    missing = [m for m in messages if m not in run.stderr]
    if run.returncode != code or missing or os.path.exists(output):
        failures.append(name)
        print(f"{name}: exit code {run.returncode}, expected {code}; missing {missing}; written {os.path.exists(output)}\n"
              f"{run.stderr}", file=sys.stderr)


X = ["x: f32[batch, 4]"]


def simple(op, inputs="x", outputs="y", inits=None, opset=21, graph_inputs=None, domain="", **attributes):
    return model([node(op, inputs, outputs, domain, **attributes)], graph_inputs or X, outputs.split(),
                 constants(**(inits or {})), opset)


# Operators, versions, attributes, inputs
expect("unknown-op", simple("Frobnicate"), UNSUPPORTED, "Frobnicate 'make_y' (domain '', version 21; inputs f32[batch, 4])",
       "the operator is not supported")
expect("unknown-domain", simple("MatMul", domain="acme"), UNSUPPORTED, "domain 'acme', version 0")
expect("old-version", simple("Add", "x x", opset=6), UNSUPPORTED, "this version of the operator is not supported")
expect("domain-not-imported", model([node("FastGelu", "x", "y", MICROSOFT)], X, ["y"], imports=()), BAD_INPUT,
       "does not import the operator's domain")
expect("unknown-attribute", simple("Relu", slope=0.5), UNSUPPORTED, "attribute 'slope' is not supported")
expect("other-value", simple("LayerNormalization", "x s", inits={"s": np.ones(20, np.float32)}, graph_inputs=["x: f32[batch, 20]"],
                             stash_type=0), UNSUPPORTED, "attribute 'stash_type' = 0 is not supported")
expect("wrong-attribute-type", simple("Softmax", axis=1.5), BAD_INPUT, "attribute 'axis' has a wrong type")
expect("extra-input", simple("Relu", "x x"), UNSUPPORTED, "input 1 ('x') is not supported")
expect("unsupported-output", model([node("LayerNormalization", "x s", "y mean"), node("Relu", "mean", "z")],
                                   ["x: f32[batch, 20]"], ["y", "z"], constants(s=np.ones(20, np.float32))),
       UNSUPPORTED, "output 1 is not supported")
# Everything that is wrong is said at once, and only once.
expect("several", model([node("Foo", "x", "a"), node("Relu", "a", "b"), node("Bar", "x", "c"), node("Add", "b c", "y")], X, ["y"]),
       UNSUPPORTED, "Foo 'make_a'", "Bar 'make_c'", "cannot be imported: 2 problems")
expect("control-flow", model([h.make_node("If", ["c"], ["y"], name="branch", then_branch=h.make_graph([], "t", [], []),
                                          else_branch=h.make_graph([], "e", [], []))], ["c: i1[]"], ["y"]),
       UNSUPPORTED, "If 'branch'")
expect("names-are-escaped", simple("Evil\nop\x1b[31m"), UNSUPPORTED, "Evil\\x0Aop\\x1B[31m")


# Codes
def nbits(name, code, *messages, shape=(5, 2, 16), scales=(5, 2), zeros=None, groups=None, bits=4, block=32, **attributes):
    inits = {"codes": np.zeros(shape, np.uint8), "s": np.ones(scales, np.float32)}
    names = ["x", "codes", "s", "", ""]
    if zeros is not None:
        inits["z"], names[3] = zeros, "z"
    if groups is not None:
        inits["g"], names[4] = groups, "g"
    nodes = [h.make_node("MatMulNBits", names, ["y"], name="make_y", domain=MICROSOFT, K=60, N=5, bits=bits, block_size=block, **attributes)]
    expect(name, model(nodes, ["x: f32[n, 60]"], ["y"], constants(**inits)), code, "MatMulNBits 'make_y'", *messages)


nbits("nbits-prepacked", UNSUPPORTED, "attribute 'weight_prepacked' = 1 is not supported", weight_prepacked=1)
nbits("nbits-bits", UNSUPPORTED, "codes of 3 bits are not supported", bits=3)
nbits("nbits-codes", BAD_INPUT, "expected bytes [5, 2, 16]", shape=(5, 2, 32))
nbits("nbits-scales", BAD_INPUT, "scales have 5 elements, expected 10", scales=(5,))
nbits("nbits-zeros", BAD_INPUT, "zero points have 10 elements, expected 5", zeros=np.zeros((5, 2), np.uint8))
nbits("nbits-zeros-type", BAD_INPUT, "zero points have type", zeros=np.zeros((5, 2), np.int8))
nbits("nbits-groups", BAD_INPUT, "group 2 is out of range for 2 blocks", groups=np.full(60, 2, np.int32))
nbits("nbits-level", BAD_INPUT, "accuracy_level is 9, expected 0 to 4", accuracy_level=9)
nbits("nbits-block", BAD_INPUT, "block_size = 0", block=0)


def dequantize(name, code, *messages, scales=np.ones((), np.float32), tensor=None, **attributes):
    tensor = tensor or h.make_tensor("q", T.INT8, (4, 6), np.zeros(24, np.int8).tobytes(), raw=True)
    proto = model([node("DequantizeLinear", "q s", "w", **attributes), node("MatMul", "x w", "y")], X, ["y"], constants(s=scales), opset=25)
    proto.graph.initializer.append(tensor)
    expect(name, proto, code, "DequantizeLinear 'make_w'", *messages)


dequantize("codes-float8", UNSUPPORTED, "codes of type f8E4M3FN are not supported", tensor=h.make_tensor("q", T.FLOAT8E4M3FN, (4, 6), bytes(24), raw=True))
dequantize("codes-float4", UNSUPPORTED, "codes of type f4E2M1FN are not supported", tensor=h.make_tensor("q", T.FLOAT4E2M1, (4, 6), bytes(12), raw=True))
dequantize("codes-axis", BAD_INPUT, "an axis and its scales", scales=np.ones(5, np.float32))
dequantize("codes-blocks", BAD_INPUT, "needs a block_size", scales=np.ones((2, 6), np.float32))
dequantize("codes-block-count", BAD_INPUT, "blocks and their scales", scales=np.ones((3, 6), np.float32), axis=0, block_size=2)
expect("codes-saturate", simple("QuantizeLinear", "x s", inits={"s": np.float32(1)}, saturate=0), UNSUPPORTED, "attribute 'saturate' = 0 is not supported")
expect("codes-blocks-of-values", simple("QuantizeLinear", "x s", inits={"s": np.ones((3, 2), np.float32)}, graph_inputs=["x: f32[3, 4]"], axis=1, block_size=2),
       UNSUPPORTED, "a value in blocks of 2 is not supported")
expect("codes-precision", simple("QuantizeLinear", "x s", inits={"s": np.float32(1)}, opset=23, precision=10), UNSUPPORTED, "a precision of ONNX type number 10")
expect("gather-blocks", simple("GatherBlockQuantized", "q i s", inits={"q": np.zeros((4, 16), np.uint8), "i": np.zeros(2, np.int64), "s": np.ones((4, 1), np.float32)},
                               domain=MICROSOFT, block_size=32), UNSUPPORTED, "GatherBlockQuantized 'make_y'", "the operator is not supported")

# Graphs
expect("undefined", simple("Relu", "nothing"), BAD_INPUT, "reads 'nothing', which nothing before it defines")
expect("undefined-output", model([node("Relu", "x", "y")], X, ["y", "z"]), BAD_INPUT, "output 'z': nothing defines it")
expect("defined-twice", model([node("Relu", "x", "y"), node("Abs", "x", "y")], X, ["y"]), BAD_INPUT, "defined already")
expect("string-input", model([node("Identity", "x", "y")], [], ["y"], [h.make_tensor("x", T.STRING, [1], [b"a"])]), UNSUPPORTED,
       "type number 8")
expect("no-shape", onnx.ModelProto(ir_version=10, opset_import=[h.make_opsetid("", 21)],
                                   graph=onnx.GraphProto(input=[onnx.ValueInfoProto(name="x")])), UNSUPPORTED,
       "input 'x' is no tensor of known rank")

# Shapes
expect("inconsistent", simple("Add", "x w", inits={"w": np.ones(3, np.float32)}), BAD_INPUT,
       "inconsistent shapes")
expect("contraction", simple("MatMul", "x w", inits={"w": np.ones((5, 4), np.float32)}), BAD_INPUT, "inconsistent shapes")
expect("rank", simple("Transpose", perm=[0, 0]), BAD_INPUT, "does not name each axis once")
expect("axis", simple("Softmax", axis=2), BAD_INPUT, "axis 2 is out of range for rank 2")
expect("reshape", simple("Reshape", "x s", inits={"s": np.array([3, -1])}), BAD_INPUT, "does not divide into")
expect("element-types", simple("Add", "x w", inits={"w": np.ones(4, np.float64)}), BAD_INPUT, "element types f32 and f64")
expect("index", simple("Gather", "x i", inits={"i": np.array([4])}, axis=1), BAD_INPUT, "index 4 is out of range for an axis of 4")
expect("data-dependent", model([node("Reshape", "x s", "y")], X + ["s: i64[2]"], ["y"]), UNSUPPORTED, "the shape depends on data")
expect("data-dependent-range", model([node("Range", "a b c", "y")], ["a: i64[]", "b: i64[]", "c: i64[]"], ["y"]), UNSUPPORTED,
       "depend on data")
expect("huge-constant", simple("ConstantOfShape", "s", inits={"s": np.array([2**40, 2**40])}), BAD_INPUT, "too large")
expect("rotary-tables", simple("RotaryEmbedding", "q p c s", graph_inputs=["q: f32[b, n, 16]", "p: i64[b, n]"], domain=MICROSOFT,
                               inits={"c": np.ones((20, 4), np.float32), "s": np.ones((20, 4), np.float32)}),
       UNSUPPORTED, "no cosines and sines")
expect("softmax-11", simple("Softmax", opset=11, axis=0), UNSUPPORTED, "a softmax over several axes")
gqa = {"num_heads": 4, "kv_num_heads": 2}
GQA_INPUTS = ["q: f32[b, s, 32]", "k: f32[b, s, 16]", "v: f32[b, s, 16]", "pk: f32[b, 2, p, 8]", "pv: f32[b, 2, p, 8]",
              "last: i32[b]", "total: i32[]"]
expect("gqa-smooth", model([node("GroupQueryAttention", "q k v pk pv last total", "y a b", MICROSOFT, smooth_softmax=1, **gqa)],
                           GQA_INPUTS, ["y"]), UNSUPPORTED, "smooth_softmax")
sink = ["q", "k", "v", "pk", "pv", "last", "total", "", "", "", "", "sink"]
expect("gqa-sink", model([h.make_node("GroupQueryAttention", sink, ["y", "a", "b"], name="g", domain=MICROSOFT, **gqa)],
                         GQA_INPUTS + ["sink: f32[4]"], ["y"]), UNSUPPORTED, "input 11 ('sink') is not supported")
expect("gqa-quantized", model([node("GroupQueryAttention", "q k v pk pv last total", "y a b", MICROSOFT, k_quant_type="PER_TENSOR",
                                    **gqa)], GQA_INPUTS, ["y"]), UNSUPPORTED, "a quantized cache")

# Convolution and pooling
IMAGE = ["x: f32[batch, 4, 8, 8]"]


def conv(name, code, *messages, shape=(6, 4, 3, 3), inputs=IMAGE, op="Conv", **attributes):
    expect(name, simple(op, "x w", inits={"w": np.ones(shape, np.float32)}, graph_inputs=inputs, **attributes), code, *messages)


def pool(name, code, *messages, op="MaxPool", inputs=IMAGE, outputs="y", **attributes):
    expect(name, simple(op, "x", outputs, graph_inputs=inputs, **attributes), code, *messages)


conv("conv-transpose", UNSUPPORTED, "ConvTranspose 'make_y'", "the operator is not supported", op="ConvTranspose", shape=(4, 6, 3, 3))
conv("conv-3d", UNSUPPORTED, "an input of rank 5 is not supported", shape=(6, 4, 1, 1, 1), inputs=["x: f32[batch, 4, 2, 2, 2]"])
conv("conv-channels", BAD_INPUT, "the input's channels and those of the weight", shape=(6, 3, 3, 3))
conv("conv-groups", BAD_INPUT, "cannot cut 6 output channels into 4 groups", group=4, shape=(6, 1, 3, 3))
conv("conv-kernel", BAD_INPUT, "'kernel_shape' does not agree with the weight", kernel_shape=[3, 2])
conv("conv-rank", BAD_INPUT, "an input of rank 4 and a weight of rank 3", shape=(6, 4, 3))
conv("conv-window", BAD_INPUT, "a window of 9 elements does not fit", dilations=[4, 1])
conv("conv-strides", BAD_INPUT, "attribute 'strides' has 1 numbers, expected 2", strides=[1])
conv("conv-pads", BAD_INPUT, "attribute 'pads' holds -1", pads=[0, 0, 0, -1])
conv("conv-auto-pad", BAD_INPUT, "attribute 'auto_pad' is 'SAME'", auto_pad="SAME")
conv("conv-auto-pad-symbolic", UNSUPPORTED, "attribute 'auto_pad' with a stride", auto_pad="SAME_UPPER", strides=[2, 2],
     inputs=["x: f32[batch, 4, h, 8]"])
expect("conv-computed", model([node("Conv", "x w", "y")], IMAGE + ["w: f32[6, 4, 3, 3]"], ["y"]), UNSUPPORTED,
       "a weight that is computed is not supported")
conv("conv-huge", BAD_INPUT, "is none or too large", dilations=[2**31 - 1, 1])
expect("conv-bias", simple("Conv", "x w b", inits={"w": np.ones((6, 4, 3, 3), np.float32), "b": np.ones((6, 1), np.float32)},
                           graph_inputs=IMAGE), BAD_INPUT, "operand 2 must be a vector, has rank 2")
pool("pool-indices", UNSUPPORTED, "output 1, the indices", outputs="y i", kernel_shape=[2, 2])
pool("pool-kernel", BAD_INPUT, "attribute 'kernel_shape' holds 0", kernel_shape=[2, 0])
pool("pool-no-kernel", BAD_INPUT, "attribute 'kernel_shape' holds 0")
pool("pool-ceil-symbolic", UNSUPPORTED, "attribute 'ceil_mode' with a size", kernel_shape=[2], strides=[2], ceil_mode=1,
     inputs=["x: f32[batch, 4, n]"])
pool("pool-integers", UNSUPPORTED, "elements of type i32", kernel_shape=[2, 2], inputs=["x: i32[batch, 4, 8, 8]"])
pool("global-rank", BAD_INPUT, "needs an operand [batch, channels", op="GlobalMaxPool", inputs=X)
HUGE = ["x: f32[1, 4, 9223372036854775807, 9]"]
for name, attributes in (("huge", {}), ("huge-ceil", dict(ceil_mode=1, strides=[3, 2])), ("huge-counted", dict(count_include_pad=1))):
    pool(name, BAD_INPUT, "axis 2 of [1, 4, 9223372036854775807, 9]", "with 1 of padding is too large", op="AveragePool", inputs=HUGE,
         kernel_shape=[2, 2], pads=[0, 0, 1, 0], **attributes)
expect("pad-mode", simple("Pad", "x p", inits={"p": np.array([0, 1, 0, 1])}, mode="reflect"), UNSUPPORTED,
       "attribute 'mode' = 'reflect' is not supported")
expect("pad-count", simple("Pad", "x p", inits={"p": np.array([1, 0, 1])}), BAD_INPUT, "has 3 pads for 2 axes")
expect("pad-cut", simple("Pad", "x p", inits={"p": np.array([0, -3, 0, -2])}), BAD_INPUT, "cut more than axis 1 has")
expect("pad-computed", model([node("Pad", "x p", "y")], X + ["p: i64[4]"], ["y"]), UNSUPPORTED, "the list of pads must be constant")
norm = {"s": np.ones(4, np.float32), "b": np.ones(4, np.float32), "m": np.ones(4, np.float32), "v": np.ones(4, np.float32)}
expect("batch-norm-training", simple("BatchNormalization", "x s b m v", inits=norm, training_mode=1), UNSUPPORTED,
       "attribute 'training_mode' = 1 is not supported")
expect("batch-norm-channels", simple("BatchNormalization", "x s b m v", inits={**norm, "m": np.ones(5, np.float32)}), BAD_INPUT,
       "the channels and their statistics")

# Files
good = simple("MatMul", "x w", inits={"w": np.ones((4, 40), np.float32)}).SerializeToString()
expect("empty", b"", BAD_INPUT, "the file is empty")
expect("garbage", b"\xff" * 100, BAD_INPUT, "not a valid ONNX file")
expect("text", b"hello, this is no model", BAD_INPUT, "text.onnx")
for size in (3, len(good) // 2, len(good) - 1):
    expect(f"truncated-{size}", good[:size], BAD_INPUT, "onnx")
expect("no-opset", onnx.ModelProto(ir_version=10, graph=onnx.GraphProto()), BAD_INPUT, "imports no operator set")
expect("missing-file", None, BAD_INPUT, "No such file", path=os.path.join(FOLDER, "none.onnx"))


def external(name, location, code, *messages):
    proto = onnx.load_from_string(good)
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = T.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    expect(name, proto, code, *messages)


external("missing-data", "nothing.bin", BAD_INPUT, "tensor 'w' has its data in: 'nothing.bin': there is no such file")
external("escaping-data", "../secret.bin", BAD_INPUT, "leads out of the model's folder")
with open(os.path.join(FOLDER, "short.bin"), "wb") as f:
    f.write(b"123")
external("short-data", "short.bin", BAD_INPUT, "needs bytes 0 to 640 of 'short.bin', which has 3")
if not os.path.lexists(os.path.join(FOLDER, "link.bin")):
    os.symlink("short.bin", os.path.join(FOLDER, "link.bin"))
external("linked-data", "link.bin", BAD_INPUT, "symbolic link")


# Local functions
def function(name, nodes, inputs=("x",), outputs=("y",)):
    return h.make_function("local", name, list(inputs), list(outputs), nodes,
                           [h.make_opsetid("", 21), h.make_opsetid("local", 1)])


def calls(functions):
    return model([node("F0", "x", "y", "local")], X, ["y"], functions=functions, imports=("local",))


expect("cycle", calls([function("F0", [node("F1", "x", "y", "local")]), function("F1", [node("F0", "x", "y", "local")])]),
       BAD_INPUT, "calls itself")
double = [function(f"F{i}", [node(f"F{i + 1}", "x", "z", "local"), node(f"F{i + 1}", "z", "y", "local")]) for i in range(30)]
expect("exponential", calls(double + [function("F30", [node("Relu", "x", "y")])]), RESOURCE_LIMIT, "the limit is 1000000")
expect("exponential-empty", calls(double + [function("F30", [])]), RESOURCE_LIMIT, "the limit is 1000000")
deep = [function(f"F{i}", [node(f"F{i + 1}", "x", "y", "local")]) for i in range(60)]
expect("deep", calls(deep + [function("F60", [node("Relu", "x", "y")])]), RESOURCE_LIMIT, "deep")

if failures:
    sys.exit(f"{len(failures)} failed: {', '.join(failures)}")
