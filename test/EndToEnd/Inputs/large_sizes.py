"""Sizes that 32 bits do not hold: large_sizes.py FOLDER [--table]"""

import os
import shutil
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper

from harness import check, compile_model, fresh, run, run_arrays

folder = fresh(sys.argv[1])
GIB = 1 << 30


def external(name, shape, offset, data_type=TensorProto.FLOAT):
    size = {TensorProto.FLOAT: 4, TensorProto.FLOAT16: 2}[data_type]
    tensor = TensorProto(name=name, data_type=data_type, dims=shape, data_location=TensorProto.EXTERNAL)
    for key, value in (("location", "weights.bin"), ("offset", offset), ("length", int(np.prod(shape, dtype=np.int64)) * size)):
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def write_model(path, nodes, inputs, outputs, tensors):
    graph = helper.make_graph(nodes, "sizes", [helper.make_tensor_value_info(*each) for each in inputs],
                              [helper.make_tensor_value_info(*each) for each in outputs], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


# Weights on both sides of every multiple of 4 GiB, and one that lies across it, in a file of holes.
random = np.random.default_rng(0)
shape = (64, 48)
matrices = random.standard_normal((4, *shape)).astype(np.float32)
middle = 4 * GIB - matrices[0].nbytes // 2
offsets = (0, middle, 4 * GIB + (1 << 20), 9 * GIB)
with open(os.path.join(folder, "weights.bin"), "wb") as file:
    for offset, matrix in zip(offsets, matrices):
        file.seek(offset)
        file.write(matrix.tobytes())
check(os.stat(file.name).st_blocks * 512 < 1 << 20, "the file system does not leave holes")
names = [f"w{i}" for i in range(len(offsets))]
model = write_model(os.path.join(folder, "offsets.onnx"),
                    [helper.make_node("MatMul", ["x", name], [f"y{i}"]) for i, name in enumerate(names)],
                    [("x", TensorProto.FLOAT, [2, 64])], [(f"y{i}", TensorProto.FLOAT, [2, 48]) for i in range(len(names))],
                    [external(name, shape, offset) for name, offset in zip(names, offsets)])
artefact = compile_model(model, os.path.join(folder, "offsets.qopt"))
x = random.standard_normal((2, 64)).astype(np.float32)
found = run_arrays(artefact, folder, x=x)
for i, matrix in enumerate(matrices):
    error = np.abs(found[f"y{i}"] - x @ matrix).max()
    check(error < 1e-4, f"the weight at {offsets[i]} gives an error of {error}")

# A tensor that ends beyond its file is refused with both numbers.
late = 9 * GIB + 64
model = write_model(os.path.join(folder, "late.onnx"), [helper.make_node("MatMul", ["x", "w"], ["y"])], [("x", TensorProto.FLOAT, [2, 64])],
                    [("y", TensorProto.FLOAT, [2, 48])], [external("w", shape, late)])
refused = run("qopt-compile", model, "--quiet", "-o", os.path.join(folder, "late.qopt"), expect=3).stderr
check(str(late) in refused and str(os.path.getsize(file.name)) in refused, f"a tensor beyond the end: {refused}")

if "--table" in sys.argv:
    # A table of more than 2^31 elements and 4 GiB, in the file and in the artefact, which has no holes.
    rows, columns = (1 << 25) + 1000, 65
    check(rows * columns > 1 << 31, "the table is too small")
    kept = random.standard_normal((3, columns)).astype(np.float16)
    ids = np.array([0, 1 << 25, rows - 1], np.int64)
    with open(file.name, "r+b") as table:
        table.truncate(rows * columns * 2)
        for row, numbers in zip(ids, kept):
            table.seek(int(row) * columns * 2)
            table.write(numbers.tobytes())
    model = write_model(os.path.join(folder, "table.onnx"), [helper.make_node("Gather", ["table", "ids"], ["y"])], [("ids", TensorProto.INT64, [3])],
                        [("y", TensorProto.FLOAT16, [3, columns])], [external("table", (rows, columns), 0, TensorProto.FLOAT16)])
    artefact = compile_model(model, os.path.join(folder, "table.qopt"))
    found = run_arrays(artefact, folder, ids=ids)["y"]
    check(np.array_equal(found, kept), f"rows {ids} of {rows} are {found}")
    print(f"rows of a table with {rows * columns} elements are right")
    shutil.rmtree(folder)
