"""Bytes from shapes alone beside those of real compilations: dry_run.py MODEL_FOLDER FOLDER"""

import json
import os
import shutil
import sys

import onnx
from onnx import TensorProto, helper

from harness import check, fresh, read_json, run

models, folder = sys.argv[1:]
fresh(folder)
# The same from shapes and from the finished artefact; code is an estimate.
EXACT = ("source_bytes", "weight_bytes", "packed_code_bytes", "scale_bytes", "other_tensor_bytes", "weights_file_bytes", "context", "batch",
         "kv_bytes_per_token", "kv_bytes", "table_bytes", "arena_bytes", "scratch_bytes")


def path(*names):
    return os.path.join(folder, *names)


def report(model, *flags):
    return json.loads(run("qopt-compile", model, "--quiet", "--json", "-", *flags).stdout)


def dry_run(model, *flags):
    work = fresh(path("work"))
    made = json.loads(run("qopt-compile", os.path.abspath(model), "--dry-run", "--quiet", "--json", "-", *flags, cwd=work).stdout)
    check(os.listdir(work) == [], f"a dry run wrote {os.listdir(work)}")
    check(made["output"] is None and made["code_bytes_estimated"], f"a dry run says {made}")
    return made


def stored_bytes(artefact):
    """Bytes of codes, scales and others, added up from what the manifest says of each weight."""
    codes = scales = others = 0
    for weight in read_json(artefact, "manifest.json")["weights"]:
        if weight["stored"][0] != "i":
            others += weight["bytes"]
            continue
        outputs, inputs = weight["shape"]
        rows = -(-outputs // 32) * 32
        parameters = rows * -(-inputs // (weight["group"] or inputs)) * (2 + (not weight["symmetric"]))
        scales += parameters
        codes += weight["bytes"] - parameters
    return codes, scales, others


genai = os.path.join(models, "classics1m-genai.onnx")
for flags in ((), ("--w8a16", "--batch=3"), ("--w4a16", "--asymmetric", "--context=300", "--batch=2", "--kv=f32"), ("--w4a16", "--no-fuse", "--embedding=f32", "--kv=fp8")):
    said = dry_run(genai, *flags)
    real = report(genai, *flags, "--force", "-o", path("real.qopt"))
    for key in EXACT:
        check(said[key] == real[key], f"{flags}: {key} is {said[key]} from shapes, {real[key]} when compiled")
    for key, share in (("total_bytes", 1.03), ("code_bytes", 2)):
        check(max(said[key] / real[key], real[key] / said[key]) <= share, f"{flags}: {key} {said[key]}, really {real[key]}")
    size = os.path.getsize(path("real.qopt", "weights.safetensors"))
    check(said["weights_file_bytes"] == size, f"{flags}: weights of {said['weights_file_bytes']} bytes, the file has {size}")
    parts = (said["packed_code_bytes"], said["scale_bytes"], said["other_tensor_bytes"])
    check(parts == stored_bytes(path("real.qopt")), f"{flags}: {parts}, the manifest has {stored_bytes(path('real.qopt'))}")
    program = read_json(path("real.qopt"), "program.json")
    caches = said["batch"] * sum(buffer["row_bytes"] for buffer in program["buffers"] if buffer["kind"] == "state")
    check(said["kv_bytes"] == caches > 0, f"{flags}: caches of {said['kv_bytes']} bytes, the program has {caches}")

# A folder without the data: everything but which tensors are equal.
os.makedirs(path("bare"))
bare = shutil.copy(genai, path("bare", "model.onnx"))
with_data, without = dry_run(genai, "--w8a16"), dry_run(bare, "--w8a16")
report(genai, "--w8a16", "--force", "-o", path("real.qopt"))
tied = next(w["bytes"] for w in read_json(path("real.qopt"), "manifest.json")["weights"] if w["name"] == "embedding")
check(without["absent_files"] == ["classics1m-genai.onnx.data"] and with_data["absent_files"] == [], f"absent: {without['absent_files']}")
check(without["weight_bytes"] == with_data["weight_bytes"] + tied, f"{without['weight_bytes']} without data, {with_data['weight_bytes']} with them")
for key in ("context", "batch", "kv_bytes", "table_bytes", "arena_bytes"):
    check(without[key] == with_data[key], f"{key} is {without[key]} without data, {with_data[key]} with them")
text = run("qopt-compile", bare, "--w8a16", "--dry-run", "--quiet").stdout
for word in (str(without["scale_bytes"]), str(without["kv_bytes"]), "an estimate", "classics1m-genai.onnx.data is absent"):
    check(word in text, f"{word!r} is not in\n{text}")

# Sizes beyond 2^31 elements and 4 GiB, of data that nobody has.
rows, columns = 3_000_000_000, 16
graph = helper.make_graph([helper.make_node("Gather", ["table", "ids"], ["out"])], "large", [helper.make_tensor_value_info("ids", TensorProto.INT64, [4])],
                          [helper.make_tensor_value_info("out", TensorProto.FLOAT16, [4, columns])])
table = TensorProto(name="table", data_type=TensorProto.FLOAT16, dims=[rows, columns], data_location=TensorProto.EXTERNAL)
table.external_data.add(key="location", value="absent.bin")
graph.initializer.append(table)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path("large.onnx"))
large = dry_run(path("large.onnx"))
check(large["weight_bytes"] == large["source_bytes"] == rows * columns * 2 and large["kv_bytes"] == 0, f"{large}")

# What is not an absent file is refused as ever.
run("qopt-compile", genai, "--dry-run", "--dump-levels", path("levels"), expect=2)
run("qopt-compile", path("bare", "none.onnx"), "--dry-run", expect=3)
table.external_data[0].value = "../outside.bin"
graph.initializer.pop()
graph.initializer.append(table)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path("outside.onnx"))
check("../outside.bin" in run("qopt-compile", path("outside.onnx"), "--dry-run", expect=3).stderr, "a path that leads out is not named")
