"""qopt-run --verify: every kernel of every format passes, and faults are seen: verify.py MODEL_FOLDER FOLDER

verify.py MODEL_FOLDER FOLDER MODEL... does the first half, for these models.
"""

import json
import os
import shutil
import struct
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from harness import EXPORTS, check, compile_model, fresh, isas, run

models, folder = sys.argv[1:3]
fresh(folder)
GENAI = os.path.join(models, "classics1m-genai.onnx")


def path(*names):
    return os.path.join(folder, *names)


def verify(artefact, expect=0, **options):
    result = run("qopt-run", artefact, "--verify", "--json", "-", "--quiet", expect=expect, **options)
    return json.loads(result.stdout)


def check_whole(artefact, report):
    """All kernels have a case of one token and of several, with results within their budgets."""
    with open(os.path.join(artefact, "program.json")) as file:
        kernels = {kernel["name"] for kernel in json.load(file)["kernels"]}
    check(report["passed"] and report["weights_intact"] and not report["unverified"], f"{artefact}: {report}")
    check({entry["kernel"] for entry in report["results"]} == kernels, f"{artefact}: not every kernel has a case")
    for entry in report["results"]:
        check(entry["passed"] and entry["elements"] > 0, f"{artefact}: {entry}")
        check(0 <= entry["rms_error"] <= entry["max_error"] and entry["share_of_budget"] <= 1, f"{artefact}: {entry}")
        allowed = 1 if entry["budget"]["types"] == "codes" and entry["type"] in ("i8", "u8") else 0.01
        check(entry["budget"]["operation"] and entry["budget"]["bound"] <= allowed, f"{artefact}: {entry}")
    check(os.path.getsize(os.path.join(artefact, "verify.safetensors")) <= 8 << 20, f"{artefact}: verify.safetensors is too large")


# Every format, export and batch, on every instruction set of the machine.
DECODERS = [("f32", GENAI, ("--f32", "--batch=3")), ("f16", GENAI, ("--f16",)), ("bf16", GENAI, ("--bf16",)),
            ("w8", GENAI, ("--w8a16", "--asymmetric", "--kv=bf16")), ("w4", GENAI, ("--w4a16", "--batch=2")), ("kv8", GENAI, ("--w8a16", "--kv=int8")),
            ("kvf8", GENAI, ("--f32", "--kv=fp8", "--batch=2")),
            ("plain", GENAI, ("--w4a16", "--no-fuse")),
            *((export, os.path.join(models, f"classics1m-{export}.onnx"), ()) for export in EXPORTS[:2])]
GIVEN = [(os.path.basename(model) + flag, model, (flag,)) for model in sys.argv[3:] for flag in ("--f32", "--w4a16")]
for name, model, flags in GIVEN or DECODERS:
    artefact = compile_model(model, path(name + ".qopt"), *flags)
    for isa in isas():
        report = verify(artefact, env={"QOPT_ISA": isa})
        check(report["isa"] == isa, f"{name}: asked for {isa}, ran {report['isa']}")
        check_whole(artefact, report)
    check_whole(artefact, verify(artefact))
if GIVEN:
    sys.exit()

# A 16-bit result between two operations of one kernel, which a CPU keeps in 32 bits.
def write_f16_model(name):
    random = np.random.default_rng(1)

    def weight(name, *shape):
        return numpy_helper.from_array((random.standard_normal(shape) / 8).astype(np.float16), name)

    nodes = [helper.make_node("SimplifiedLayerNormalization", ["x", "g"], ["n"], axis=-1, epsilon=1e-5),
             helper.make_node("MatMul", ["n", "w"], ["y"]), helper.make_node("Cast", ["y"], ["z"], to=TensorProto.FLOAT)]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT16, ["b", 64])],
                              [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["b", 96])],
                              [weight("g", 64), weight("w", 64, 96)])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), name)
    return name


for flags in ((), ("--w8a16",), ("--w8a16", "--no-fuse")):
    artefact = compile_model(write_f16_model(path("half.onnx")), path("half.qopt"), *flags)
    for isa in isas():
        check_whole(artefact, verify(artefact, env={"QOPT_ISA": isa}))

# The text is a table with every kernel, and names its budgets.
text = run("qopt-run", path("w4.qopt"), "--verify").stdout
for entry in verify(path("w4.qopt"))["results"]:
    check(entry["kernel"] in text and f"{entry['budget']['operation']}, {entry['budget']['types']}" in text, text)
check("OVER" not in text and "CHANGED" not in text, text)


def tensors(artefact):
    """Where each tensor of the weights begins in the file, and how long it is."""
    with open(os.path.join(artefact, "weights.safetensors"), "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(size))
    return {name: (8 + size + entry["data_offsets"][0], entry["data_offsets"][1] - entry["data_offsets"][0])
            for name, entry in header.items()}


def with_bytes(artefact, place, data):
    """A copy with other bytes among its weights, which no load notices."""
    broken = path("broken.qopt")
    shutil.rmtree(broken, ignore_errors=True)
    shutil.copytree(artefact, broken)
    with open(os.path.join(broken, "weights.safetensors"), "r+b") as file:
        file.seek(place)
        old = file.read(len(data))
        check(old != data, "the fault changes nothing")
        file.seek(place)
        file.write(data)
    return broken


def failed(artefact):
    report = verify(artefact, expect=1)
    check(not report["passed"] and not report["weights_intact"], f"{report}")
    return {entry["kernel"] for entry in report["results"] if not entry["passed"]}


# A code, a scale and a NaN in the first panel of a weight; a byte of a later layer, which no case reads.
w4 = tensors(path("w4.qopt"))
begin, length = w4["layers.0.attn.o"]
with open(path("w4.qopt", "weights.safetensors"), "rb") as file:
    data = file.read()
check(failed(with_bytes(path("w4.qopt"), begin, bytes([data[begin] ^ 0x0f]))) == {"contraction_1"}, "a wrong code")
scale = begin + 32 * 32 // 2
check(failed(with_bytes(path("w4.qopt"), scale, struct.pack("<e", 0.5))) == {"contraction_1"}, "a wrong scale")
broken = with_bytes(path("w4.qopt"), scale, struct.pack("<e", float("nan")))
check(failed(broken) == {"contraction_1"}, "a NaN")
worst = [entry for entry in verify(broken, expect=1)["results"] if not entry["passed"]]
check(all(entry["max_error"] is None and entry["share_of_budget"] is None for entry in worst), f"{worst}")
text = run("qopt-run", broken, "--verify", expect=1)
check("OVER" in text.stdout and "CHANGED" in text.stdout and "over their budget" in text.stderr, text.stdout + text.stderr)
begin, length = w4["layers.3.mlp.down"]
check(failed(with_bytes(path("w4.qopt"), begin + length // 2, bytes([data[begin + length // 2] ^ 1]))) == set(), "a byte that no case reads")

# What is damaged is refused before anything runs.
shutil.rmtree(path("broken.qopt"))
shutil.copytree(path("w4.qopt"), path("broken.qopt"))
with open(path("broken.qopt", "verify.safetensors"), "r+b") as file:
    file.seek(1000)
    file.write(b"?")
check("verify.safetensors" in run("qopt-run", path("broken.qopt"), "--verify", expect=3).stderr, "damage is named")
print("verified")
