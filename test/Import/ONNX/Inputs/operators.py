"""Every emitter against ONNX Runtime or the onnx package. usage: operators.py FOLDER [NAME...]"""

import sys

import numpy as np
from onnx import helper

from models import MICROSOFT, compare, constants, model, node, run_onnx, run_onnxruntime

rng = np.random.default_rng(3)
CASES = []


def f(*shape, low=-2, high=2):
    return rng.uniform(low, high, shape).astype(np.float32)


def add(name, proto, inputs, oracle=run_onnxruntime, tolerance=2e-5):
    CASES.append((name, proto, inputs, oracle, tolerance))


def one(op, inputs, feeds, outputs=("y",), init=None, opset=21, domain="", oracle=run_onnxruntime, name=None,
        tolerance=2e-5, operands=None, **attributes):
    """A model of one node: `inputs` as 'x: f32[...]', initializers by name in `init`."""
    init = init or {}
    names = [i.split(":")[0].strip() for i in inputs]
    operands = operands or " ".join(names + list(init))
    proto = model([node(op, operands, " ".join(outputs), domain, **attributes)], inputs, outputs,
                  constants(**init), opset)
    add(name or f"{op}-{len(CASES)}", proto, dict(zip(names, feeds)), oracle, tolerance)


# Elementwise
for op in ("Abs", "Neg", "Exp", "Sigmoid", "Tanh", "Erf", "Relu", "Sin", "Cos", "Floor", "Ceil", "Reciprocal"):
    one(op, ["x: f32[batch, 5]"], [f(2, 5)])
for op in ("Log", "Sqrt"):
    one(op, ["x: f32[batch, 5]"], [f(2, 5, low=0.1)])
for op in ("Add", "Sub", "Mul", "Div", "Min", "Max"):
    one(op, ["x: f32[batch, 1, 4]", "y: f32[3, 4]"], [f(2, 1, 4), f(3, 4, low=0.5)], outputs=("z",))
one("Pow", ["x: f32[n]", "y: i64[1]"], [f(3), np.array([3])], outputs=("z",))
one("Max", ["x: f32[n]", "y: f32[n]", "w: f32[n]"], [f(3), f(3), f(3)], outputs=("z",))
one("Clip", ["x: f32[n]"], [f(6)], init={"lo": np.float32(-1), "hi": np.float32(0.5)})
CORNERS = np.array([-5, -3, -1, -0.0, 0, 0.5, 3, 9, np.inf, -np.inf, np.nan], np.float32)
for op, attributes in (("LeakyRelu", {}), ("LeakyRelu", dict(alpha=0.3)), ("HardSigmoid", {}), ("HardSigmoid", dict(alpha=0.4, beta=0.1))):
    one(op, ["x: f32[n]"], [CORNERS], **attributes)
one("HardSwish", ["x: f32[n]"], [CORNERS[:9]])  # ONNX Runtime makes NaN of -inf * 0 in some versions only.
one("PRelu", ["x: f32[b, 3, n]"], [f(2, 3, 4)], init={"s": f(3, 1)})
for op in ("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"):
    one(op, ["x: i64[a, 1]", "y: i64[b]"], [np.array([[1], [2]]), np.array([1, 2, 3])], outputs=("z",))
one("Where", ["c: i1[n, 1]", "x: f32[n, 3]", "y: f32[1]"], [np.array([[True], [False]]), f(2, 3), f(1)], outputs=("z",))
one("And", ["x: i1[n]", "y: i1[n]"], [np.array([True, False]), np.array([True, True])], outputs=("z",))
one("Not", ["x: i1[n]"], [np.array([True, False])])
one("Cast", ["x: f32[n]"], [np.array([1.7, -1.7, 0.2], np.float32)], to=7)
one("Cast", ["x: i64[n]"], [np.array([0, 5])], to=9)
one("Cast", ["x: f32[n]"], [f(5)], to=10)

# Activations and norms
one("Gelu", ["x: f32[n]"], [f(5)], opset=20)
one("Gelu", ["x: f32[n]"], [f(5)], opset=20, approximate="tanh")
one("Gelu", ["x: f32[n]"], [f(5)], domain=MICROSOFT)
one("QuickGelu", ["x: f32[n]"], [f(5)], domain=MICROSOFT, alpha=1.702)
one("QuickGelu", ["x: f32[n]"], [f(5)], domain=MICROSOFT, alpha=1.5)
one("FastGelu", ["x: f32[n, 4]"], [f(2, 4)], domain=MICROSOFT, init={"b": f(4)})
one("BiasGelu", ["x: f32[n, 4]"], [f(2, 4)], domain=MICROSOFT, init={"b": f(4)})
one("Swish", ["x: f32[n]"], [f(5)], opset=24, oracle=run_onnx)
one("LayerNormalization", ["x: f32[n, 3, 20]"], [f(2, 3, 20)], init={"s": f(20), "b": f(20)}, epsilon=1e-3)
one("RMSNormalization", ["x: f32[n, 20]"], [f(3, 20)], init={"s": f(20)}, opset=23, oracle=run_onnx)
one("SimplifiedLayerNormalization", ["x: f32[n, 20]"], [f(3, 20)], init={"s": f(20)}, stash_type=1, axis=-1)
one("SkipSimplifiedLayerNormalization", ["x: f32[n, 2, 20]", "w: f32[n, 2, 20]"], [f(3, 2, 20), f(3, 2, 20)],
    init={"s": f(20), "b": f(20)}, domain=MICROSOFT, epsilon=1e-5)
one("SkipLayerNormalization", ["x: f32[n, 2, 20]", "w: f32[n, 2, 20]"], [f(3, 2, 20), f(3, 2, 20)],
    init={"s": f(20), "b": f(20), "c": f(20)}, domain=MICROSOFT, epsilon=1e-5)
one("Softmax", ["x: f32[n, 5]"], [f(3, 5)])
one("Softmax", ["x: f32[n, 5]"], [f(3, 5)], opset=11)
one("Softmax", ["x: f32[n, 5, 2]"], [f(3, 5, 2)], axis=1)

# Products and reductions
one("MatMul", ["x: f32[b, s, 6]"], [f(2, 3, 6)], init={"w": f(6, 5)})
one("MatMul", ["x: f32[6]"], [f(6)], init={"w": f(6, 5)})
one("MatMul", ["x: f32[b, 2, s, 6]", "y: f32[b, 2, 6, t]"], [f(2, 2, 3, 6), f(2, 2, 6, 4)], outputs=("z",))
one("MatMul", ["x: f32[b, s, 6]", "y: f32[6]"], [f(2, 3, 6), f(6)], outputs=("z",))
one("MatMul", ["x: f32[6]", "y: f32[6]"], [f(6), f(6)], outputs=("z",))
one("MatMul", ["y: f32[6, n]"], [f(6, 4)], init={"w": f(5, 6)}, operands="w y", outputs=("z",))
for a in (0, 1):
    for b in (0, 1):
        one("Gemm", ["x: f32[6, 3]" if a else "x: f32[n, 6]"], [f(6, 3) if a else f(3, 6)], transA=a, transB=b,
            init={"w": f(5, 6) if b else f(6, 5), "c": f(5)}, alpha=0.5, beta=2.0)
one("FusedMatMul", ["x: f32[n, 4, 3]", "y: f32[n, 5, 4]"], [f(2, 4, 3), f(2, 5, 4)], outputs=("z",), domain=MICROSOFT,
    transA=1, transB=1, alpha=0.25)
for op in ("ReduceSum", "ReduceMax", "ReduceMin", "ReduceMean"):
    one(op, ["x: f32[n, 3, 4]"], [f(2, 3, 4)], init={"a": np.array([-1, 1])}, keepdims=0)
one("ReduceMean", ["x: f32[n, 3, 4]"], [f(2, 3, 4)], opset=13, axes=[1])
one("ReduceSum", ["x: f32[n, 3]"], [f(2, 3)], noop_with_empty_axes=1)
one("ReduceSum", ["x: i64[n, 3]"], [np.arange(6).reshape(2, 3)], keepdims=0)

# Convolution and pooling
def conv(shape, weight, bias=True, inputs=None, **attributes):
    init = {"w": f(*weight)}
    if bias:
        init["c"] = f(weight[0])
    one("Conv", [f"x: f32[{inputs or ', '.join(map(str, shape))}]"], [f(*shape)], init=init, tolerance=1e-4, **attributes)


conv((2, 3, 9, 11), (5, 3, 3, 3), inputs="b, 3, h, w")
conv((2, 3, 9, 11), (5, 3, 3, 3), strides=[2, 1], pads=[1, 0, 2, 3], bias=False)
conv((1, 3, 12, 11), (40, 3, 3, 2), dilations=[2, 3])
conv((2, 6, 7, 7), (4, 3, 3, 3), group=2, pads=[1, 1, 1, 1])
conv((2, 6, 7, 9), (6, 1, 3, 3), group=6, strides=[2, 2], pads=[1, 1, 1, 1], inputs="b, 6, 7, 9")
conv((2, 6, 7, 9), (12, 1, 3, 3), group=6, kernel_shape=[3, 3])
conv((2, 5, 20), (7, 5, 4), strides=[3], pads=[2, 1], dilations=[2], inputs="b, 5, n")
conv((2, 4, 6, 6), (8, 4, 1, 1))
conv((1, 1, 8, 8), (1, 1, 3, 3))
for auto_pad in ("SAME_UPPER", "SAME_LOWER", "VALID"):
    conv((1, 2, 10, 9), (3, 2, 4, 3), strides=[3, 2], auto_pad=auto_pad)
conv((1, 2, 10, 9), (3, 2, 4, 3), auto_pad="SAME_UPPER", inputs="b, 2, h, w")
for op in ("MaxPool", "AveragePool"):
    shape = "x: f32[b, 3, 10, 9]"
    one(op, [shape], [f(2, 3, 10, 9)], kernel_shape=[3, 2])
    one(op, [shape], [f(2, 3, 10, 9)], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 0, 0, 1])
    one(op, [shape], [f(2, 3, 10, 9)], kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1)
    one(op, [shape], [f(2, 3, 10, 9)], kernel_shape=[2, 2], strides=[3, 4], ceil_mode=1, pads=[0, 1, 0, 1])
    one(op, [shape], [f(2, 3, 10, 9)], kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
    one(op, ["x: f32[b, 3, n]"], [f(2, 3, 17)], kernel_shape=[4], strides=[2], pads=[1, 2])
one("MaxPool", ["x: f32[b, 3, 10, 9]"], [f(2, 3, 10, 9)], kernel_shape=[2, 3], dilations=[3, 2])
one("AveragePool", ["x: f32[b, 3, 10, 9]"], [f(2, 3, 10, 9)], kernel_shape=[3, 3], pads=[1, 1, 2, 1], count_include_pad=1)
one("AveragePool", ["x: f32[b, 3, 10, 9]"], [f(2, 3, 10, 9)], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1],
    count_include_pad=1, ceil_mode=1)
one("GlobalAveragePool", ["x: f32[b, 3, h, 5]"], [f(2, 3, 4, 5)])
one("GlobalMaxPool", ["x: f32[b, 3, n]"], [f(2, 3, 7)])
one("BatchNormalization", ["x: f32[b, 20, n]"], [f(2, 20, 3)],
    init={"s": f(20), "c": f(20), "m": f(20), "v": f(20, low=0.1)}, epsilon=1e-3)
one("BatchNormalization", ["x: f32[b, 3]", "v: f32[3]"], [f(2, 3), f(3, low=0.1)], opset=14,
    init={"s": f(3), "c": f(3), "m": f(3)}, operands="x s c m v")
one("Pad", ["x: f32[a, 3, b]"], [f(2, 3, 4)], init={"p": np.array([0, 1, 2, 0, 0, 3]), "n": np.float32(1.5)})
one("Pad", ["x: f32[4, 5]"], [f(4, 5)], init={"p": np.array([-1, 2, 1, -2])})
one("Pad", ["x: i64[4, 5]"], [np.arange(20).reshape(4, 5)], init={"p": np.array([1, 2]), "n": np.array(7), "a": np.array([-1])})
one("Pad", ["x: f32[4, 5]"], [f(4, 5)], opset=10, pads=[1, 0, 0, 2], value=0.25)
one("Clip", ["x: f32[n]"], [f(6)], opset=10, min=-1.0, max=0.5)
add("residual-block", model(
    [node("Conv", "x w1", "c1", pads=[1, 1, 1, 1]), node("BatchNormalization", "c1 s b m v", "n1"), node("Relu", "n1", "r1"),
     node("Conv", "r1 w2 c", "c2", pads=[1, 1, 1, 1]), node("Add", "c2 x", "sum"), node("Relu", "sum", "r2"),
     node("GlobalAveragePool", "r2", "pooled"), node("Flatten", "pooled", "flat"), node("Gemm", "flat w3", "y", transB=1)],
    ["x: f32[batch, 20, 6, 7]"], ["y", "r2"],
    constants(w1=f(20, 20, 3, 3), w2=f(20, 20, 3, 3), c=f(20), s=f(20), b=f(20), m=f(20), v=f(20, low=0.1), w3=f(9, 20))),
    {"x": f(2, 20, 6, 7)}, tolerance=2e-4)

# Structure
one("Transpose", ["x: f32[a, b, 3]"], [f(2, 4, 3)])
one("Transpose", ["x: f32[a, b, 3]"], [f(2, 4, 3)], perm=[1, 2, 0])
one("Concat", ["x: f32[a, 3]", "y: f32[b, 3]"], [f(2, 3), f(1, 3)], outputs=("z",), axis=-2)
one("Split", ["x: f32[a, 7]"], [f(2, 7)], outputs=("p", "q", "r"), axis=1, num_outputs=3)
one("Split", ["x: f32[a, 6]"], [f(2, 6)], outputs=("p", "q"), axis=-1, init={"s": np.array([2, 4])})
one("Split", ["x: f32[a, 6]"], [f(2, 6)], outputs=("p", "q"), axis=-1, opset=11)
one("Slice", ["x: f32[a, 9]"], [f(4, 9)],
    init={"s": np.array([1, -3]), "e": np.array([2**63 - 1, -1]), "ax": np.array([0, 1])})
one("Slice", ["x: f32[a, 9]"], [f(4, 9)],
    init={"s": np.array([8]), "e": np.array([-(2**63)]), "ax": np.array([1]), "st": np.array([-2])})
one("Slice", ["x: f32[a, 9]"], [f(4, 9)], opset=9, starts=[1], ends=[100], axes=[1])
one("Gather", ["i: i64[n, 2]"], [np.array([[0, 3], [-1, 1]])], init={"w": f(5, 4)}, operands="w i")
one("Gather", ["x: f32[n, 5]"], [f(2, 5)], init={"i": np.array(-1)}, axis=1)
one("Trilu", ["x: f32[b, n, m]"], [f(2, 4, 5)], init={"k": np.array(1)})
one("Trilu", ["x: f32[n, m]"], [f(4, 5)], init={"k": np.array(-1)}, upper=0)
one("Expand", ["x: f32[n, 1]"], [f(3, 1)], init={"s": np.array([2, 1, 4])})
one("Flatten", ["x: f32[a, 3, 4]"], [f(2, 3, 4)], axis=2)
one("Squeeze", ["x: f32[a, 1, 4, 1]"], [f(2, 1, 4, 1)], init={"ax": np.array([-1])})
one("Squeeze", ["x: f32[2, 1, 4, 1]"], [f(2, 1, 4, 1)])
one("Unsqueeze", ["x: f32[a, 4]"], [f(2, 4)], init={"ax": np.array([0, -1])})
one("Reshape", ["x: f32[a, b, 6]"], [f(2, 3, 6)], init={"s": np.array([0, -1, 2])})
one("Reshape", ["x: f32[a, b, 6]"], [f(2, 3, 6)], init={"s": np.array([-1, 6])})
one("Tile", ["x: f32[a, 3]"], [f(2, 3)], init={"r": np.array([2, 3])})
one("Where", ["x: f32[a, 40]"], [f(40, 40)], init={"m": np.tril(np.ones((40, 40), bool)), "zero": np.float32(0)}, operands="m x zero")
one("IsNaN", ["x: f32[n]"], [np.array([1, np.nan, np.inf], np.float32)])
one("Dropout", ["x: f32[a]"], [f(3)])

# Shapes that are computed from shapes
add("shape-arithmetic", model(
    [node("Shape", "x", "shape"), node("Gather", "shape zero", "rows"), node("Gather", "shape one", "columns"),
     node("Mul", "rows columns", "count"), node("Unsqueeze", "count axis", "counts"), node("Reshape", "x counts", "flat"),
     node("Range", "zero count one", "range"), node("Cast", "range", "numbers", to=1), node("Add", "flat numbers", "y"),
     node("Cast", "count", "size", to=1), node("Div", "y size", "z"), node("ConstantOfShape", "shape", "zeros"),
     node("Add", "x zeros", "same"), node("Unsqueeze", "rows axis", "end"), node("Slice", "y axis end", "head")],
    ["x: f32[a, b]"], ["y", "z", "same", "head", "count"],
    constants(zero=np.array(0), one=np.array(1), axis=np.array([0]))), {"x": f(3, 4)})
add("weights-are-folded", model(
    [node("Transpose", "w", "wt", perm=[1, 0]), node("MatMul", "x wt", "y"),
     node("Split", "w sizes", "w1 w2", axis=0), node("Transpose", "w2", "w2t"), node("MatMul", "x w2t", "z"),
     node("Concat", "w w3", "both", axis=0), node("Transpose", "both", "botht"), node("MatMul", "x botht", "u")],
    ["x: f32[n, 8]"], ["y", "z", "u"], constants(w=f(6, 8), w3=f(2, 8), sizes=np.array([2, 4]))), {"x": f(3, 8)})



# Codes of values: ties, both ends, one scale or one for each channel
NUMBERS = np.array([[0, 0.25, 0.75, -0.25], [63.5, 64.2, -64.1, -70], [1e6, -1e6, 0.6, 1.2]], np.float32)
for zero in (np.uint8(7), np.int8(-3), np.uint16(300), np.int16(-2)):
    one("QuantizeLinear", ["x: f32[n, 4]"], [NUMBERS], init={"s": np.float32(0.5), "z": zero})
    one("DequantizeLinear", [f"x: {zero.dtype.kind}{8 * zero.itemsize}[n, 4]"], [np.arange(12).reshape(3, 4).astype(zero.dtype)], init={"s": np.float32(0.3), "z": zero})
    add(f"codes-there-and-back-{zero.dtype}", model([node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "y")],
                                                   ["x: f32[n, 4]"], ["y"], constants(s=np.float32(0.25), z=zero)), {"x": NUMBERS})
one("QuantizeLinear", ["x: f32[n, 4]"], [NUMBERS], init={"s": np.float32(0.5)})
one("QuantizeLinear", ["x: f32[n, 4]"], [NUMBERS], init={"s": np.float32(0.5)}, output_dtype=3)
one("QuantizeLinear", ["x: f32[n, 4, 2]"], [f(3, 4, 2)], init={"s": f(4, low=0.01, high=0.1), "z": np.array([0, 1, 2, 255], np.uint8)})
one("QuantizeLinear", ["x: f32[n, 4]"], [f(3, 4)], init={"s": f(4, low=0.01, high=0.1), "z": np.array([0, 1, -2, 5], np.int8)}, axis=-1)
one("DequantizeLinear", ["x: i32[n, 4]"], [np.arange(12, dtype=np.int32).reshape(3, 4)], init={"s": f(4)}, axis=1)
one("QuantizeLinear", ["x: f32[n, 4]"], [NUMBERS], init={"s": np.float32(0.5), "z": np.uint8(7)}, domain=MICROSOFT)
add("codes-of-constants", model([node("QuantizeLinear", "w s z", "q", axis=1), node("DequantizeLinear", "q s z", "d", axis=1), node("MatMul", "x d", "y")],
                                ["x: f32[n, 8]"], ["y"], constants(w=f(8, 6), s=f(6, low=0.01, high=0.1), z=np.zeros(6, np.int8))), {"x": f(3, 8)})
add("codes-of-a-table", model([node("Gather", "q i", "g"), node("DequantizeLinear", "g s z", "y")], ["i: i64[n]"], ["y"],
                              constants(q=rng.integers(-128, 128, (9, 80)).astype(np.int8), s=np.float32(0.1), z=np.int8(3))), {"i": np.array([3, 0, 8])})
add("codes-of-a-bias", model([node("DequantizeLinear", "q s", "b", axis=0), node("Add", "x b", "y")], ["x: f32[n, 6]"], ["y"],
                             constants(q=rng.integers(-9999, 9999, 6).astype(np.int32), s=f(6))), {"x": f(3, 6)})

# Attention
def tables(length, pairs, base=10000.0):
    angles = np.arange(length)[:, None] * base ** (-np.arange(pairs) / pairs)[None]
    return {"cos": np.cos(angles).astype(np.float32), "sin": np.sin(angles).astype(np.float32)}


POSITIONS = np.array([[3, 4, 5], [0, 1, 2]])
for interleaved in (0, 1):
    one("RotaryEmbedding", ["x: f32[b, s, 16]", "p: i64[b, s]"], [f(2, 3, 16), POSITIONS], init=tables(20, 4),
        domain=MICROSOFT, interleaved=interleaved)
    one("RotaryEmbedding", ["x: f32[b, 2, s, 8]", "p: i64[b, s]"], [f(2, 2, 3, 8), POSITIONS], init=tables(20, 4, 500.0),
        opset=23, operands="x cos sin p", interleaved=interleaved, oracle=run_onnx)
    one("RotaryEmbedding", ["x: f32[b, 2, s, 10]", "c: f32[b, s, 3]", "d: f32[b, s, 3]"],
        [f(2, 2, 3, 10), f(2, 3, 3), f(2, 3, 3)], opset=23, interleaved=interleaved, rotary_embedding_dim=6, oracle=run_onnx)
one("RotaryEmbedding", ["x: f32[b, s, 16]", "p: i64[1]"], [f(2, 3, 16), np.array([5])], init=tables(20, 4), domain=MICROSOFT)
one("RotaryEmbedding", ["x: f32[b, s, 16]", "p: i64[b, s]"], [f(2, 3, 16), POSITIONS], init=tables(20, 2),
    domain=MICROSOFT, num_heads=2, rotary_embedding_dim=4)

LAST = ["past_k: f32[b, 2, past, 16]", "past_v: f32[b, 2, past, 16]", "last: i32[b]", "total: i32[]"]
REST = "past_k past_v last total cos sin"


def last_inputs(batch, tokens, past):
    return {"past_k": f(batch, 2, past, 16), "past_v": f(batch, 2, past, 16),
            "last": np.full(batch, past + tokens - 1, np.int32), "total": np.array(past + tokens, np.int32)}


def group_query(name, batch, tokens, past, rest=REST, **attributes):
    """ONNX Runtime takes several tokens behind a past for one row only."""
    feeds = {"q": f(batch, tokens, 64), "k_": f(batch, tokens, 32), "v_": f(batch, tokens, 32), **last_inputs(batch, tokens, past)}
    inputs = ["q: f32[b, s, 64]", "k_: f32[b, s, 32]", "v_: f32[b, s, 32]"] + LAST
    nodes = [node("GroupQueryAttention", f"q k_ v_ {rest}", "y k v", MICROSOFT, num_heads=4, kv_num_heads=2, **attributes)]
    add(name, model(nodes, inputs, ["y", "k", "v"], constants(**tables(32, 8))), feeds, tolerance=1e-4)


group_query("gqa-prompt", 2, 3, 0, do_rotary=1)
group_query("gqa-chunk", 1, 3, 4, do_rotary=1)
group_query("gqa-decode", 2, 1, 4, do_rotary=1)
group_query("gqa-plain", 2, 1, 3, "past_k past_v last total")
group_query("gqa-interleaved", 1, 3, 3, do_rotary=1, rotary_interleaved=1)
group_query("gqa-window-softcap", 1, 3, 3, do_rotary=1, local_window_size=2, softcap=2.0, scale=0.5)


def packed():
    """Packed projections with a bias, from one product: they become three."""
    nodes = [node("MatMul", "x w", "xw"), node("Add", "bias xw", "qkv"),
             helper.make_node("GroupQueryAttention", ["qkv", "", "", *REST.split()], ["y", "k", "v"], name="attention",
                              domain=MICROSOFT, num_heads=4, kv_num_heads=2, do_rotary=1)]
    proto = model(nodes, ["x: f32[b, s, 24]"] + LAST, ["y", "k", "v"],
                  constants(**tables(32, 8), w=f(24, 128), bias=f(128)))
    add("gqa-packed", proto, {"x": f(2, 3, 24), **last_inputs(2, 3, 0)}, tolerance=1e-4)


packed()


def biased():
    feeds = {"q": f(1, 3, 64), "k_": f(1, 3, 32), "v_": f(1, 3, 32), **last_inputs(1, 3, 2), "bias": f(1, 4, 3, 5)}
    nodes = [helper.make_node("GroupQueryAttention", ["q", "k_", "v_", *REST.split(), "", "bias"], ["y", "k", "v"], name="attention",
                              domain=MICROSOFT, num_heads=4, kv_num_heads=2, do_rotary=1)]
    inputs = ["q: f32[b, s, 64]", "k_: f32[b, s, 32]", "v_: f32[b, s, 32]"] + LAST + ["bias: f32[b, 4, s, t]"]
    add("gqa-bias", model(nodes, inputs, ["y", "k", "v"], constants(**tables(32, 8))), feeds, tolerance=1e-4)


biased()

one("Attention", ["q: f32[b, 4, s, 8]", "k: f32[b, 2, t, 8]", "v: f32[b, 2, t, 6]"], [f(2, 4, 3, 8), f(2, 2, 5, 8), f(2, 2, 5, 6)],
    opset=23, oracle=run_onnx)
one("Attention", ["q: f32[b, s, 32]", "k: f32[b, s, 16]", "v: f32[b, s, 16]"], [f(2, 3, 32), f(2, 3, 16), f(2, 3, 16)],
    opset=23, oracle=run_onnx, q_num_heads=4, kv_num_heads=2, is_causal=1, scale=0.3)
one("Attention", ["q: f32[b, 2, s, 8]", "k: f32[b, 2, s, 8]", "v: f32[b, 2, s, 8]", "m: f32[s, total]",
                  "pk: f32[b, 2, past, 8]", "pv: f32[b, 2, past, 8]"],
    [f(2, 2, 3, 8), f(2, 2, 3, 8), f(2, 2, 3, 8), f(3, 7), f(2, 2, 4, 8), f(2, 2, 4, 8)], outputs=("y", "present_k", "present_v"),
    opset=23, oracle=run_onnx)
one("Attention", ["q: f32[b, 2, s, 8]", "k: f32[b, 2, t, 8]", "v: f32[b, 2, t, 8]", "m: i1[b, 1, s, t]"],
    [f(2, 2, 3, 8), f(2, 2, 5, 8), f(2, 2, 5, 8), np.tile(np.array([True, True, False, True, True]), (2, 1, 3, 1))],
    opset=23, oracle=run_onnx, is_causal=1)
one("MultiHeadAttention", ["q: f32[b, s, 16]", "k: f32[b, t, 16]", "v: f32[b, t, 16]"], [f(2, 3, 16), f(2, 5, 16), f(2, 5, 16)],
    init={"bias": f(48)}, domain=MICROSOFT, num_heads=2)
one("MultiHeadAttention", ["q: f32[b, s, 16]", "k: f32[b, t, 16]", "v: f32[b, t, 16]", "pad: i32[b, t]", "add: f32[1, 2, s, t]"],
    [f(2, 3, 16), f(2, 5, 16), f(2, 5, 16), np.array([[1, 1, 1, 1, 0], [1, 1, 0, 0, 0]], np.int32), f(1, 2, 3, 5)],
    init={"bias": f(48)}, operands="q k v bias pad add", domain=MICROSOFT, num_heads=2, tolerance=1e-4)


def main():
    folder, wanted = sys.argv[1], sys.argv[2:]
    cases = [c for c in CASES if not wanted or any(w in c[0] for w in wanted)]
    failed = compare(folder, cases)
    print(f"{len(cases) - len(failed)} of {len(cases)} agree")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
