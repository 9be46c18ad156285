"""Matrices that files hold as codes, in every form: stored_forms.py FOLDER [NAME...]

A product with the unit matrix reads a weight: what comes out must be the file's meaning bit for bit, for many rows and
for one. The manifest says how each weight is stored.
"""

import os
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from harness import check, compile_model, fresh, read_json, run, run_arrays

folder, *wanted = sys.argv[1:]
fresh(folder)
rng = np.random.default_rng(11)
FLOATS = {"f32": (T.FLOAT, np.float32), "f16": (T.FLOAT16, np.float16)}
CODES = {"i8": (T.INT8, 8, True), "u8": (T.UINT8, 8, False), "i4": (T.INT4, 4, True), "u4": (T.UINT4, 4, False),
         "i2": (T.INT2, 2, True), "u2": (T.UINT2, 2, False), "i16": (T.INT16, 16, True), "u16": (T.UINT16, 16, False),
         "i32": (T.INT32, 32, True)}


def packed(codes, bits):
    """Codes of the last axis, low bits first, rows padded to whole bytes."""
    per = 8 // bits
    codes = np.pad(codes, [(0, 0)] * (codes.ndim - 1) + [(0, -codes.shape[-1] % per)]).astype(np.uint8)
    parts = codes.reshape(*codes.shape[:-1], -1, per) & ((1 << bits) - 1)
    return (parts << (bits * np.arange(per, dtype=np.uint8))).sum(-1, dtype=np.uint8)


def code_tensor(name, kind, codes):
    """A tensor of codes as a file holds it: packed over the flattened tensor."""
    number, bits, _ = CODES[kind]
    if bits < 8:
        data = packed(codes.reshape(-1), bits).tobytes()
    else:
        data = codes.astype({8: "u1", 16: "<u2", 32: "<u4"}[bits]).tobytes()
    return helper.make_tensor(name, number, codes.shape, data, raw=True)


def random_codes(kind, shape):
    _, bits, signed = CODES[kind]
    bits = min(bits, 16)
    low = -(1 << (bits - 1)) if signed else 0
    return rng.integers(low, low + (1 << bits), shape)


def scales(shape, kind="f32"):
    """Of both signs, and one that is zero."""
    result = (rng.uniform(0.001, 0.02, shape) * rng.choice((-1, 1), shape)).astype(FLOATS[kind][1])
    if result.size > 3:
        result.reshape(-1)[2] = 0
    return result


class Form:
    """One stored matrix: the nodes that multiply `x` with it to `y`, what it means [N, K], and how it must be stored."""

    def __init__(self, name, stored, nodes, initializers, weight, float_kind="f32", opset=21, bias=None):
        self.name, self.stored, self.nodes, self.initializers = name, stored, nodes, initializers
        self.weight, self.float_kind, self.opset, self.bias = weight, float_kind, opset, bias

    def save(self):
        outputs, inputs = self.weight.shape
        kind = FLOATS[self.float_kind][0]
        graph = helper.make_graph(self.nodes, "g", [helper.make_tensor_value_info("x", kind, ["rows", inputs])],
                                  [helper.make_tensor_value_info("y", kind, ["rows", outputs])], self.initializers)
        model = helper.make_model(graph, ir_version=13, opset_imports=[helper.make_opsetid("", self.opset), helper.make_opsetid("com.microsoft", 1)])
        path = os.path.join(folder, self.name + ".onnx")
        with open(path, "wb") as file:
            file.write(model.SerializeToString())
        return path


def nbits(name, stored, bits=4, inputs=96, outputs=37, block=32, zero=None, flat=False, bias=False, groups=None, float_kind="f32", **attributes):
    blocks = -(-inputs // block)
    codes = rng.integers(0, 1 << bits, (outputs, blocks * block))
    scale = scales((outputs, blocks), float_kind)
    tensors = [numpy_helper.from_array(packed(codes, bits).reshape(outputs, blocks, block * bits // 8), "codes"),
               numpy_helper.from_array(scale.reshape(-1) if flat else scale, "scales")]
    names = ["x", "codes", "scales", "", "", ""]
    zeros = np.full((outputs, blocks), 1 << (bits - 1), np.float32)
    if zero == "packed":
        zeros = rng.integers(0, 1 << bits, (outputs, blocks))
        data = packed(zeros, bits)
        tensors.append(numpy_helper.from_array(data.reshape(-1) if flat else data, "zeros"))
        names[3] = "zeros"
    elif zero == "float":
        zeros = rng.uniform(0, 1 << bits, (outputs, blocks)).astype(FLOATS[float_kind][1])
        tensors.append(numpy_helper.from_array(zeros, "zeros"))
        names[3] = "zeros"
    of_input = np.arange(inputs) // block
    if groups == "shuffled":
        of_input = rng.permutation(of_input)
    if groups:
        tensors.append(numpy_helper.from_array(of_input.astype(np.int32), "groups"))
        names[4] = "groups"
    weight = (codes[:, :inputs].astype(np.float32) - zeros.astype(np.float32)[:, of_input]) * scale.astype(np.float32)[:, of_input]
    added = None
    if bias:
        added = rng.uniform(-1, 1, outputs).astype(np.float32)
        tensors.append(numpy_helper.from_array(added, "bias"))
        names[5] = "bias"
    while not names[-1]:
        names.pop()
    node = helper.make_node("MatMulNBits", names, ["y"], name="product", domain="com.microsoft", K=inputs, N=outputs, bits=bits, block_size=block, **attributes)
    return Form(name, stored, [node], tensors, weight, float_kind, bias=added)


def read_weight(node, tensors, opset):
    """What the onnx package makes of a DequantizeLinear of constants."""
    graph = helper.make_graph([node], "g", [], [onnx.ValueInfoProto(name="w")], tensors)
    model = helper.make_model(graph, ir_version=13, opset_imports=[helper.make_opsetid("", max(opset, 19))])
    return ReferenceEvaluator(model).run(None, {})[0]


def qdq(name, stored, kind="i8", inputs=96, outputs=37, layout="product", zero=None, block=0, per="axis", float_kind="f32", opset=25):
    """layout: 'product' holds [K, N]; 'gemm' [N, K] for transB; 'transpose' [N, K] and a Transpose."""
    shape = (inputs, outputs) if layout == "product" else (outputs, inputs)
    out_axis, in_axis = (1, 0) if layout == "product" else (0, 1)
    codes = random_codes(kind, shape)
    attributes = {}
    if per == "tensor":
        scale_shape = ()
    elif block:
        scale_shape = [shape[0], shape[1]]
        scale_shape[in_axis] = -(-inputs // block)
        attributes = dict(axis=in_axis - (2 if layout == "gemm" else 0), block_size=block)
    else:
        axis = out_axis if per == "axis" else in_axis
        scale_shape = (shape[axis],)
        attributes = dict(axis=axis)
    scale = scales(scale_shape, float_kind)
    tensors = [code_tensor("codes", kind, codes), numpy_helper.from_array(scale, "scales")]
    operands = ["codes", "scales"]
    if zero:
        zeros = random_codes(kind, scale_shape) if zero == "each" else np.full(scale_shape, zero)
        tensors.append(code_tensor("zeros", kind, np.asarray(zeros)))
        operands.append("zeros")
    read = helper.make_node("DequantizeLinear", operands, ["w"], name="read", **attributes)
    weight = np.asarray(read_weight(read, tensors, opset), np.float32)
    if layout == "gemm":
        nodes = [read, helper.make_node("Gemm", ["x", "w"], ["y"], name="product", transB=1)]
    elif layout == "transpose":
        nodes = [read, helper.make_node("Transpose", ["w"], ["t"], name="turn", perm=[1, 0]), helper.make_node("MatMul", ["x", "t"], ["y"], name="product")]
    else:
        nodes = [read, helper.make_node("MatMul", ["x", "w"], ["y"], name="product")]
    return Form(name, stored, nodes, tensors, weight.T if layout == "product" else weight, float_kind, opset)


SYMMETRIC = "symmetric"
FORMS = []
for bits in (2, 4, 8):
    FORMS += [nbits(f"nbits{bits}", f"i{bits} 32 symmetric", bits),
              nbits(f"nbits{bits}-packed", f"i{bits} 32 zero points", bits, zero="packed"),
              nbits(f"nbits{bits}-float", f"i{bits} 32 zero points", bits, zero="float"),
              nbits(f"nbits{bits}-ragged", f"i{bits} 32 zero points", bits, inputs=75, zero="packed"),
              nbits(f"nbits{bits}-ragged-float", f"i{bits} 32 zero points", bits, inputs=75, zero="float"),
              nbits(f"nbits{bits}-order", "f32 0", bits, groups="shuffled", zero="packed")]
FORMS += [nbits("nbits-flat", "i4 32 zero points", zero="packed", inputs=75, flat=True),
          nbits("nbits-bias", "i4 32 symmetric", bias=True, outputs=64),
          nbits("nbits-plain-order", "i4 32 symmetric", groups="plain"),
          nbits("nbits-block16", "i4 16 symmetric", block=16),
          nbits("nbits-block128", "i4 128 zero points", block=128, inputs=256, zero="packed"),
          nbits("nbits-one-block", "i4 0 symmetric", block=256, inputs=200),
          nbits("nbits-block512", "i4 512 symmetric", block=512, inputs=1100, outputs=5),
          nbits("nbits-level", "i4 32 symmetric", accuracy_level=4),
          nbits("nbits-one-output", "i4 32 zero points", zero="packed", outputs=1),
          nbits("nbits-f16", "i4 32 zero points", zero="packed", float_kind="f16")]
for kind in ("i8", "u8", "i4", "u4", "i2", "u2"):
    stored = f"i{CODES[kind][1]}"
    plain = SYMMETRIC if kind[0] == "i" else "zero points"
    FORMS += [qdq(f"{kind}-tensor", f"{stored} 0 {plain}", kind, per="tensor"),
              qdq(f"{kind}-axis", f"{stored} 0 {plain}", kind),
              qdq(f"{kind}-axis-zero", f"{stored} 0 zero points", kind, layout="gemm", zero="each"),
              qdq(f"{kind}-blocks", f"{stored} 16 {plain}", kind, block=16),
              qdq(f"{kind}-blocks-zero", f"{stored} 32 zero points", kind, block=32, inputs=75, zero="each"),
              qdq(f"{kind}-blocks-gemm", f"{stored} 32 zero points", kind, block=32, inputs=75, zero="each", layout="gemm"),
              qdq(f"{kind}-transpose", f"{stored} 32 {plain}", kind, block=32, layout="transpose")]
FORMS += [qdq("u4-middle", "i4 32 symmetric", "u4", block=32, zero=8), qdq("u8-middle", "i8 0 symmetric", "u8", zero=128),
          qdq("i8-shifted", "i8 0 zero points", "i8", zero=3),
          # No packed type has a scale for each input, blocks of a few, or more than 8 bits.
          qdq("i8-inputs", "f32 0", per="inputs"), qdq("i8-tiny-blocks", "f32 0", block=3),
          qdq("i16-axis", "f32 0", "i16"), qdq("u16-tensor", "f32 0", "u16", per="tensor", zero="each"), qdq("i32-axis", "f32 0", "i32"),
          qdq("i8-f16", "i8 0 zero points", "i8", zero="each", float_kind="f16"), qdq("i8-opset13", "i8 0 symmetric", opset=13, per="tensor")]


def how_stored(artefact):
    (weight,) = [w for w in read_json(artefact, "manifest.json")["weights"] if w["matrix"]]
    if not weight["scale"]:
        return f"{weight['stored']} 0"
    check(weight["scheme"] == "file", f"scheme {weight['scheme']}")
    return f"{weight['stored']} {weight['group']} {'symmetric' if weight['symmetric'] else 'zero points'}"


def check_form(form):
    artefact = compile_model(form.save(), os.path.join(folder, form.name + ".qopt"))
    stored = how_stored(artefact)
    check(stored == form.stored, f"{form.name} is stored as {stored}, expected {form.stored}")
    outputs, inputs = form.weight.shape
    kind = FLOATS[form.float_kind][1]
    added = np.zeros(outputs, np.float32) if form.bias is None else form.bias
    expected = (form.weight.T + added).astype(kind)
    unit = np.eye(inputs, dtype=kind)
    many = run_arrays(artefact, folder, x=unit)["y"]
    check(np.array_equal(many, expected), f"{form.name}: {np.count_nonzero(many != expected)} of {expected.size} weights differ, "
          f"by up to {np.abs(many.astype(np.float64) - expected).max()}")
    for row in (0, inputs // 2, inputs - 1):
        one = run_arrays(artefact, folder, x=unit[row:row + 1])["y"]
        check(np.array_equal(one, expected[row:row + 1]), f"{form.name}: one row reads other weights of input {row}")
    x = rng.uniform(-1, 1, (7, inputs)).astype(kind)
    product = x.astype(np.float64) @ form.weight.T.astype(np.float64) + added
    found = run_arrays(artefact, folder, x=x)["y"]
    scale = np.abs(x).astype(np.float64) @ np.abs(form.weight.T).astype(np.float64) + 1
    error = (np.abs(found - product) / scale).max()
    check(error <= (1e-3 if kind == np.float16 else 1e-5), f"{form.name}: a product differs by {error}")


failures = []
for form in FORMS:
    if wanted and form.name not in wanted:
        continue
    try:
        check_form(form)
    except Exception as error:  # Every form is tried, and every one that fails is named.
        failures.append(form.name)
        print(f"{form.name}: {error}", file=sys.stderr)
print(f"{len(FORMS)} forms, {len(failures)} failed")
sys.exit(bool(failures))
