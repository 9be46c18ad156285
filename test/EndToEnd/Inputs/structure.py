"""The launch table of every export, fused and not: structure.py MODEL_FOLDER FOLDER"""

import os
import sys

import numpy as np

from launch_table import active, evaluate
from harness import EXPORTS, budget, check, compile_model, fresh, read_json, run, run_arrays

models, folder = sys.argv[1:]
fresh(folder)
LAYERS, HIDDEN, INNER, VOCABULARY = 4, 128, 384, 2048
PROJECTIONS = ("attn.q", "attn.k", "attn.v", "attn.o", "mlp.gate", "mlp.up", "mlp.down")


def per_layer(program):
    """Launches of each layer in a decode step, and of the whole step."""
    step = active(program, {symbol["name"]: 1 for symbol in program["symbols"]})
    return [sum(launch["name"].startswith(f"layers.{layer}.") for launch in step) for layer in range(LAYERS)], len(step)


def check_buffers(name, program):
    """No buffer of the arena, and nothing that a launch writes, could be a matrix of weights made wider."""
    largest = {symbol["name"]: symbol["max"] for symbol in program["symbols"]}
    rows = largest["batch"] * largest["tokens"]
    logits = largest["batch"] * largest["logits"] * VOCABULARY * 4
    # With one token no activation has more numbers than a row of the widest layer, three matrices' worth of outputs.
    one = dict(largest, batch=1, tokens=1, logits=1)
    for launch in program["launches"]:
        widest = logits // (largest["batch"] * largest["logits"]) if launch["name"] == "head" else 4 * INNER
        written, per_row = evaluate(launch["writes"], largest), evaluate(launch["writes"], one)
        check(per_row <= widest, f"{name}: {launch['name']} writes {per_row} bytes for one token, activations have at most {widest}")
        check(written <= (logits if launch["name"] == "head" else rows * widest), f"{name}: {launch['name']} writes {written} bytes")
        kinds = {program["buffers"][index]["kind"] for index in launch["buffers"]}
        check("weight" in kinds or not any(word in launch["name"] for word in PROJECTIONS), f"{name}: {launch['name']} reads no weight")
    for buffer in program["buffers"]:
        if buffer["kind"] == "arena":
            check(evaluate(buffer["bytes"], one) <= 4 * INNER, f"{name}: {buffer['name']} has {buffer['bytes']} bytes")


tables = {}
for export in EXPORTS:
    model = os.path.join(models, f"classics1m-{export}.onnx")
    artefact = os.path.join(folder, f"{export}.qopt")
    # The context is said, as only one of the files bounds it by a table.
    explained = run("qopt-compile", model, "--w4a16", "--context=256", "--quiet", "--explain", "-o", artefact).stdout
    weights = explained[:explained.index("launches:")]
    lines = {words[0]: words for words in map(str.split, weights.splitlines()) if words}
    for projection in (f"layers.{layer}.{name}" for layer in range(LAYERS) for name in PROJECTIONS):
        check(projection in lines and lines[projection][2] == "i4" and "--w4a16" in lines[projection],
              f"{export}: --explain shows {projection} as {lines.get(projection)}")
    check("every operation runs in a fused kernel" in explained, f"{export}: something is not fused:\n{explained}")
    program = read_json(artefact, "program.json")
    layers, step = per_layer(program)
    check(max(layers) <= 6 and min(layers) == max(layers), f"{export}: launches of the layers in a decode step: {layers}")
    check(step <= 6 * LAYERS + 2, f"{export}: {step} launches in a decode step")
    check_buffers(export, program)
    tables[export] = program
check(tables["genai"] == tables["vanilla"] == tables["dynamo"], "the exports have different launch tables")

# Codes of activations are made where they are read: no launch is added.
artefact = os.path.join(folder, "bytes.qopt")
explained = run("qopt-compile", os.path.join(models, "classics1m-genai.onnx"), "--w8a8", "--quiet", "--explain", "-o", artefact).stdout
check("every operation runs in a fused kernel" in explained, f"--w8a8: something is not fused:\n{explained}")
program = read_json(artefact, "program.json")
check(per_layer(program) == per_layer(tables["genai"]), f"--w8a8: {per_layer(program)} launches, --w4a16 {per_layer(tables['genai'])}")
products = [kernel for kernel in program["kernels"] if kernel["variants"][0]["symbol"].endswith("_avx512vnni")]
check(len(products) >= 4, f"--w8a8: only {products} have code for VNNI")
check(all(kernel["variants"][0]["symbol"] == kernel["variants"][1]["symbol"] for kernel in tables["genai"]["kernels"]),
      "--w4a16: kernels without products of bytes are compiled for VNNI")

# Apart, the same operations give the same logits.
model = os.path.join(models, "classics1m-genai.onnx")
ids = np.load(os.path.join(models, "tokens-eval.npy"))[None, :200].astype(np.int64)
for name in ("--f32", "--w4a16", "--w8a8", "--fp8"):
    fused = compile_model(model, os.path.join(folder, "fused.qopt"), name)
    apart = compile_model(model, os.path.join(folder, "apart.qopt"), name, "--no-fuse")
    (_, few), (_, many) = per_layer(read_json(fused, "program.json")), per_layer(read_json(apart, "program.json"))
    check(many > 2 * few, f"{name} --no-fuse: {many} launches, fused {few}")
    check_buffers(name + " --no-fuse", read_json(apart, "program.json"))
    a, b = (run_arrays(artefact, folder, ids=ids)["logits"] for artefact in (fused, apart))
    error = np.abs(a - b).max() / np.ptp(a)
    check(error <= budget("logits without fusion", name[2:] if name in ("--w8a8", "--fp8") else "any"), f"{name} --no-fuse: logits differ by {error} of their range")
    print(f"{name}: {few} launches, {many} with --no-fuse; logits differ by {error:.2g} of their range")
