"""Writes the small models whose imported text the tests look at. usage: write.py FOLDER"""

import os
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper

from models import MICROSOFT, constants, model, node, save

FOLDER = sys.argv[1]


def ramp(*shape, dtype=np.float32):
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


# What is a weight and what a constant; equal ones, transposed ones, parts, and names that need cleaning.
save(FOLDER, "weights", model(
    [node("Gather", "table ids", "rows"), node("MatMul", "rows layer::a/w", "h"), node("Add", "h bias", "hb"),
     node("Mul", "hb small", "hs"), node("MatMul", "hs again", "h2"), node("Cast", "half", "single", to=T.FLOAT),
     node("Mul", "h2 single", "h3"), node("Split", "parts sizes", "left right", axis=0),
     node("Transpose", "left", "leftt", perm=[1, 0]), node("MatMul", "h3 leftt", "h4"), node("MatMul", "h4 headt", "y"),
     node("Mul", "frequencies x", "z")],
    ["ids: i64[b, s]", "x: f32[b, 1, n]"], ["y", "z"],
    constants(**{"table": ramp(9, 20), "layer::a/w": ramp(20, 20) * 2, "bias": ramp(20), "small": ramp(1), "again": ramp(20, 20) * 2,
                 "half": ramp(20, dtype=np.float16), "parts": ramp(30, 20) * 3, "sizes": np.array([20, 10]), "headt": ramp(9, 20).T.copy(),
                 "frequencies": ramp(1, 32, 1), "unused": ramp(50)})))

# Names of dimensions: an expression, names that turn out to be equal, one that a constant decides.
save(FOLDER, "symbols", model(
    [node("Concat", "past x", "y", axis=1), node("Add", "y other", "z"), node("Add", "fixed w", "u"), node("Identity", "mask", "v")],
    ["x: f32[batch, tokens, 4]", "past: f32[b2, before, 4]", "other: f32[batch, all, 4]", "mask: f32[batch, before + tokens]",
     "fixed: f32[rows, 4]"], ["y", "z", "u", "v"], constants(w=ramp(3, 4))))

# Shape arithmetic leaves no operation behind, but where a size is data.
save(FOLDER, "shapes", model(
    [node("Shape", "x", "shape"), node("Gather", "shape one", "n"), node("Unsqueeze", "n axis", "ns"),
     node("Concat", "minus ns twos", "target", axis=0), node("Equal", "target minus", "unset"),
     node("Where", "unset minus target", "same"), node("Reshape", "x same", "y"), node("Range", "zero n one", "numbers"),
     node("Cast", "n", "count", to=T.FLOAT), node("Div", "x count", "z"), node("ReduceProd", "shape", "all", keepdims=0),
     node("Expand", "zero_f shape", "zeros"), node("Slice", "table axis ns", "head")],
    ["x: f32[b, width, 2]"], ["y", "numbers", "z", "all", "zeros", "head"],
    constants(one=np.array(1), zero=np.array(0), axis=np.array([0]), minus=np.array([-1]), twos=np.array([2]),
              zero_f=np.float32(0), table=ramp(64, 3))))

# Local functions: nested, with an attribute that the call gives, one that it leaves to its default, and an absent input.
inner = h.make_function("local", "Scaled", ["x", "bias"], ["y"],
                        [h.make_node("Softmax", ["x"], ["s"], name="soft"), h.make_node("Clip", ["s", "", "bias"], ["y"], name="clip")],
                        [h.make_opsetid("", 21)], ["axis"])
inner.node[0].attribute.append(onnx.AttributeProto(name="axis", ref_attr_name="axis", type=onnx.AttributeProto.INT))
outer = h.make_function("local", "Twice", ["x"], ["y"],
                        [h.make_node("Scaled", ["x"], ["a"], name="first", domain="local", axis=0),
                         h.make_node("Scaled", ["a", "x"], ["y"], name="second", domain="local")],
                        [h.make_opsetid("", 21), h.make_opsetid("local", 1)])
save(FOLDER, "functions", model([node("Twice", "x", "y", "local")], ["x: f32[n, 4]"], ["y"], functions=[inner, outer],
                                imports=("local", "unused.domain")))

# A decoder layer in ONNX Runtime's operators: packed projections with a bias.
angles = np.arange(64)[:, None] * 10000.0 ** (-np.arange(8) / 8)[None]
save(FOLDER, "attention", model(
    [node("ReduceSum", "attention_mask one", "valid", keepdims=0), node("Sub", "valid one", "last"), node("Cast", "last", "seqlens", to=T.INT32),
     node("Shape", "attention_mask", "shape"), node("Gather", "shape index", "total"), node("Cast", "total", "total32", to=T.INT32),
     node("MatMul", "x w", "xw"), node("Add", "xw b", "qkv"),
     h.make_node("GroupQueryAttention", ["qkv", "", "", "past_k", "past_v", "seqlens", "total32", "cos", "sin"], ["y", "k", "v"],
                 name="attention", domain=MICROSOFT, num_heads=4, kv_num_heads=2, do_rotary=1, local_window_size=16, softcap=30.0)],
    ["x: f16[batch, sequence, 64]", "attention_mask: i64[batch, total]", "past_k: f16[batch, 2, past, 16]",
     "past_v: f16[batch, 2, past, 16]"], ["y", "k", "v"],
    constants(one=np.array([1]), index=np.array(1), w=ramp(64, 128, dtype=np.float16), b=ramp(128, dtype=np.float16),
              cos=np.cos(angles).astype(np.float16), sin=np.sin(angles).astype(np.float16))))

# Numbers spelled out one by one, and data beside the file that is absent.
spelled = model([node("Mul", "x w", "y"), node("Add", "y c", "z")], ["x: f16[n, 20]"], ["z"],
                [h.make_tensor("w", T.FLOAT16, [20], range(20)), h.make_tensor("c", T.FLOAT16, [1], [2])])
save(FOLDER, "spelled", spelled)
absent = model([node("MatMul", "x w", "y")], ["x: f32[n, 4]"], ["y"], [numpy_helper.from_array(ramp(4, 40), "w")])
absent.graph.initializer[0].ClearField("raw_data")
absent.graph.initializer[0].data_location = T.EXTERNAL
absent.graph.initializer[0].external_data.add(key="location", value="absent.bin")
save(FOLDER, "absent", absent)

# A folder with one model, as a hub's cache lays it out: links to files named by their hash.
hub = os.path.join(FOLDER, "hub")
os.makedirs(os.path.join(hub, "blobs"), exist_ok=True)
os.makedirs(os.path.join(hub, "snapshots", "1"), exist_ok=True)
with open(os.path.join(hub, "blobs", "aaaa"), "wb") as f:
    f.write(absent.SerializeToString())
with open(os.path.join(hub, "blobs", "bbbb"), "wb") as f:
    f.write(ramp(4, 40).tobytes())
for blob, name in (("aaaa", "model.onnx"), ("bbbb", "absent.bin")):
    link = os.path.join(hub, "snapshots", "1", name)
    if not os.path.lexists(link):
        os.symlink(os.path.join("..", "..", "blobs", blob), link)
