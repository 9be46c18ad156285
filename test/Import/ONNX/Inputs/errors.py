"""Models that must be refused: the exit code, the message, and that nothing is written. usage: errors.py FOLDER"""

import os
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
