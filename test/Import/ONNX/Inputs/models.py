"""Small models for the importer's tests, and their comparison with what others compute."""

import os
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper

TYPES = {"f32": T.FLOAT, "f16": T.FLOAT16, "f64": T.DOUBLE, "i64": T.INT64, "i32": T.INT32, "i1": T.BOOL, "i8": T.INT8, "u8": T.UINT8,
         "i16": T.INT16, "u16": T.UINT16}
MICROSOFT = "com.microsoft"


def value(text):
    """'x: f32[batch, 4]' as an input or output; a size that is no number is a symbol."""
    name, rest = text.split(":", 1)
    element, dims = rest.strip().rstrip("]").split("[")
    sizes = [d.strip() for d in dims.split(",") if d.strip()]
    return h.make_tensor_value_info(name.strip(), TYPES[element], [int(d) if d.isdigit() else d for d in sizes])


def untyped(name):
    return onnx.ValueInfoProto(name=name)


def node(op, inputs, outputs, domain="", **attributes):
    return h.make_node(op, inputs.split(), outputs.split(), name=f"make_{outputs.split()[0]}", domain=domain, **attributes)


def constants(**arrays):
    return [numpy_helper.from_array(np.asarray(a), name) for name, a in arrays.items()]


def model(nodes, inputs, outputs, initializers=(), opset=21, functions=(), imports=(MICROSOFT,)):
    graph = h.make_graph(list(nodes), "g", [value(i) for i in inputs],
                         [value(o) if ":" in o else untyped(o) for o in outputs], list(initializers))
    opsets = [h.make_opsetid("", opset)] + [h.make_opsetid(d, 1) for d in imports]
    return h.make_model(graph, ir_version=10, opset_imports=opsets, functions=list(functions))


def save(folder, name, proto):
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name + ".onnx")
    with open(path, "wb") as f:
        f.write(proto.SerializeToString())
    return path


def run_onnxruntime(path, inputs):
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"]).run(None, inputs)


def run_onnx(path, inputs):
    from onnx.reference import ReferenceEvaluator
    return ReferenceEvaluator(path).run(None, inputs)


def compare(folder, cases):
    """The names of the cases (name, model, inputs, oracle, tolerance) that do not agree with their oracle."""
    stems = []
    for name, proto, inputs, _, _ in cases:
        stems.append(save(folder, name, proto).removesuffix(".onnx"))
        np.savez(stems[-1] + ".in.npz", **inputs)
        if os.path.exists(stems[-1] + ".out.npz"):
            os.remove(stems[-1] + ".out.npz")
    subprocess.run(["qopt-reference", *(s + e for s in stems for e in (".onnx", ".in.npz", ".out.npz"))], check=False)
    return [case[0] for case, stem in zip(cases, stems) if not agrees(stem, *case)]


def agrees(stem, name, proto, inputs, oracle, tolerance):
    try:
        expected = oracle(stem + ".onnx", inputs)
        with np.load(stem + ".out.npz") as outputs:
            found = dict(outputs)
    except Exception as error:  # Whatever the oracles raise: the case is named, and the others run.
        print(f"{name}: {error}", file=sys.stderr)
        return False
    for info, want in zip(proto.graph.output, expected):
        have, want = found[info.name], np.asarray(want).astype(np.float64)
        if have.shape != want.shape or not np.allclose(have, want, rtol=tolerance, atol=tolerance, equal_nan=True):
            error = np.abs(have - want).max() if have.shape == want.shape and want.size else None
            print(f"{name}: output {info.name} is {have.shape}, expected {want.shape}; error {error}", file=sys.stderr)
            return False
    return True
