"""Damaged models: every one is imported or refused with a reason, none crashes, hangs or makes a wrong module.

usage: import_onnx.py MODELS FOLDER COUNT [SEED]

Small models of all operators and the exports of one decoder are changed: attributes, operands, sizes, constants, operator
types, versions, and bytes of the file. Prints what is found and keeps it in FOLDER.
"""

import glob
import os
import random
import shutil
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "Import", "ONNX", "Inputs"))

import onnx

import operators
from models import save

NUMBERS = [-1, 0, 1, 2, 3, -2, 2**31 - 1, 2**31, -(2**31), 2**62, 2**63 - 1, -(2**63), 1000000, 2**40]
FLOATS = [float("nan"), float("inf"), 0.0, -1.0, 1e30]
NAMES = ["q", "a+b", "a*b", "2*q", "a - 5", "floor(q/3)", "batch", "s"]
VERSIONS = [1, 7, 9, 11, 12, 13, 17, 18, 20, 21, 23, 24, 28]
TYPES = ["Reshape", "Slice", "Concat", "Gather", "Split", "Expand", "Attention", "Trilu", "Range", "Squeeze", "Unsqueeze",
         "MatMul", "Where", "Tile", "Gemm"]
CHUNK = 50


def change_attribute(r, graph):
    attribute = r.choice(r.choice(graph.node).attribute)
    if attribute.type == onnx.AttributeProto.INT:
        attribute.i = r.choice(NUMBERS)
    elif attribute.type == onnx.AttributeProto.FLOAT:
        attribute.f = r.choice(FLOATS)
    elif attribute.ints and r.random() < 0.7:
        attribute.ints[r.randrange(len(attribute.ints))] = r.choice(NUMBERS)
    else:
        attribute.ints.append(r.choice(NUMBERS))


def drop_attribute(r, graph):
    node = r.choice(graph.node)
    node.attribute.pop(r.randrange(len(node.attribute)))


def change_operand(r, graph):
    node = r.choice(graph.node)
    names = [name for n in graph.node for name in [*n.input, *n.output]] + [""]
    node.input[r.randrange(len(node.input))] = r.choice(names)


def drop_operands(r, graph):
    node = r.choice(graph.node)
    del node.input[r.randrange(len(node.input)):]


def change_constant(r, graph):
    tensor = r.choice(graph.initializer)
    if tensor.data_type == onnx.TensorProto.INT64 and tensor.raw_data:
        data = bytearray(tensor.raw_data)
        struct.pack_into("<q", data, 8 * r.randrange(len(data) // 8), r.choice(NUMBERS))
        tensor.raw_data = bytes(data)
    else:
        tensor.dims[r.randrange(len(tensor.dims))] = r.choice(NUMBERS)


def change_size(r, graph):
    dims = r.choice(graph.input).type.tensor_type.shape.dim
    if r.random() < 0.5:
        dims[r.randrange(len(dims))].dim_value = r.choice(NUMBERS)
    else:
        dims[r.randrange(len(dims))].dim_param = r.choice(NAMES)


def change_rank(r, graph):
    dims = r.choice(graph.input).type.tensor_type.shape.dim
    if r.random() < 0.5:
        del dims[r.randrange(len(dims))]
    else:
        dims.add(dim_value=r.choice([1, 2, 3]))


def change_type(r, graph):
    r.choice(graph.node).op_type = r.choice([n.op_type for n in graph.node] + TYPES)


CHANGES = [change_attribute, drop_attribute, change_operand, drop_operands, change_constant, change_size, change_rank, change_type]


def damage(r, data):
    """One changed model as bytes."""
    if r.random() < 0.25:
        data = bytearray(data[:r.choice([len(data), 200000, 3000])])
        for _ in range(r.choice([1, 2, 8])):
            data[r.randrange(min(len(data), r.choice([200, 3000, 200000])))] = r.randrange(256)
        return bytes(data)
    model = onnx.load_from_string(data)
    for _ in range(r.choice([1, 1, 2, 3])):
        if r.random() < 0.1:
            model.opset_import[0].version = r.choice(VERSIONS)
            continue
        try:
            r.choice(CHANGES)(r, model.graph)
        except (IndexError, ValueError):
            pass  # Nothing there to change.
    return model.SerializeToString()


def is_wrong(paths):
    """Whether importing these crashes, hangs, or finds a bug of ours."""
    arguments = [a for path in paths for a in (path, "/none", "/none")]
    try:
        run = subprocess.run(["qopt-reference", *arguments], capture_output=True, text=True, errors="replace", timeout=20 + len(paths))
    except subprocess.TimeoutExpired:
        return True
    return run.returncode < 0 or "does not verify" in run.stderr or "cannot be inferred" in run.stderr


def main():
    models, folder, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    sources = [save(folder + "/sources", case[0], case[1]) for case in operators.CASES]
    sources += 3 * sorted(glob.glob(os.path.join(models, "*.onnx")))
    contents = [open(path, "rb").read() for path in sources]
    wrong = []
    for first in range(0, count, CHUNK):
        shutil.rmtree(folder + "/damaged", ignore_errors=True)
        os.makedirs(folder + "/damaged")
        paths = []
        for i in range(first, min(first + CHUNK, count)):
            r = random.Random(seed * 1000003 + i)
            paths.append(f"{folder}/damaged/{seed}-{i}.onnx")
            with open(paths[-1], "wb") as f:
                f.write(damage(r, r.choice(contents)))
        if is_wrong(paths):
            wrong += [shutil.copy(path, folder) for path in paths if is_wrong([path])]
    for path in wrong:
        print(f"wrong: {path}", file=sys.stderr)
    print(f"{count} models, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
