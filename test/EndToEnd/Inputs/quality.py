"""Quality of every format and export beside ONNX Runtime's: quality.py MODEL_FOLDER FOLDER [--table]

--table does every format of every export and prints a table.
"""

import argparse
import os
import shutil

import numpy as np

import matmulnbits
from harness import EXPORTS, Reference, budget, check, compile_model, evaluate, fresh, quality, read_json, windows_of

parser = argparse.ArgumentParser()
parser.add_argument("models")
parser.add_argument("folder")
parser.add_argument("--table", action="store_true")
given = parser.parse_args()
fresh(given.folder)

# The flags of every format; test/Numerics/budgets.yaml says what each may cost.
FORMATS = {
    "f32": ("--f32",),
    "f16": ("--f16",),
    "bf16": ("--bf16",),
    "f32, cache int8": ("--f32", "--kv=int8"),
    "f32, cache fp8": ("--f32", "--kv=fp8"),
    "w8a16": ("--w8a16",),
    "w8a8": ("--w8a8",),
    "fp8": ("--fp8",),
    "w4a16": ("--w4a16",),
    "w4a16, head int4, embedding f32": ("--w4a16", "--head=int4", "--embedding=f32"),
    "w4a16, asymmetric": ("--w4a16", "--asymmetric"),
    "w4a16, groups of 64": ("--w4a16", "--group-size=64"),
    "w4a16, groups of 128": ("--w4a16", "--group-size=128"),
    "w4a16, per channel": ("--w4a16", "--group-size=channel"),
}
SHORT = [("genai", name) for name in FORMATS] + [("vanilla", "f32"), ("dynamo", "f32")]

tokens_file = os.path.join(given.models, "tokens-eval.npy")
tokens = np.load(tokens_file)
windows = windows_of(tokens)


def model_file(export):
    return os.path.join(given.models, f"classics1m-{export}.onnx")


BITS = {"f32": 32, "f16": 16, "bf16": 16, "f8E4M3FN": 8, "i8": 8, "i4": 4}


def stored_bytes(artefact):
    """Bytes of codes, scales and zero points as the formats define them, and of what is kept wider."""
    total = 0
    for weight in read_json(artefact, "manifest.json")["weights"]:
        count, kind = int(np.prod(weight["shape"])), weight["stored"]
        total += count * BITS[kind] // 8
        if weight["scale"]:
            outputs, inputs = weight["shape"]
            groups = outputs * -(-inputs // (weight["group"] or inputs))
            total += groups * (BITS[weight["scale"]] // 8 + (not weight["symmetric"]))
    return total


# The float model under ONNX Runtime is what everything is compared with.
floats = Reference(model_file("genai")).all_logits(windows)
saved = os.path.join(given.folder, "reference.npz")
runtime = {"genai": quality(floats, windows)}
for export in EXPORTS[:2]:
    runtime[export] = quality(Reference(model_file(export)).all_logits(windows), windows, floats)
int4 = quality(Reference(matmulnbits.write(model_file("genai"), os.path.join(given.folder, "int4.onnx"))).all_logits(windows), windows, floats)
print(f"ONNX Runtime, {windows.size - len(windows)} tokens: f32 {runtime['genai']['perplexity']:.4f}, "
      f"MatMulNBits int4 {int4['perplexity']:.4f}, KL {int4['kl_mean']:.5f}")
# The figures of the stored files, which quantizers of ONNX Runtime wrote.
check(abs(runtime["genai"]["perplexity"] / 25.2733 - 1) < 1e-5, "the float model is not what was measured once")
check(abs(int4["perplexity"] / 26.1247 - 1) < 1e-4, "the 4-bit model is not the one that ONNX Runtime's quantizer writes")

# qopt-eval's own float logits, which its file of them is then changed into ONNX Runtime's.
first = compile_model(model_file("genai"), os.path.join(given.folder, "first.qopt"), "--f32")
evaluate(first, tokens_file, "--no-speed", "--reference", model_file("genai"), "--save-reference", saved)
with np.load(saved) as arrays:
    arrays = dict(arrays)
error = np.abs(arrays["logits"] - floats).max() / np.ptp(floats)
check(error < budget("logits", "f32"), f"f32 logits differ from ONNX Runtime's by {error} of their range")
np.savez(saved, **{**arrays, "logits": floats})
del arrays, floats

rows = []
for export, name in [(e, n) for e in EXPORTS for n in FORMATS] if given.table else SHORT:
    artefact = os.path.join(given.folder, "out.qopt")
    if (export, name) == ("genai", "f32"):
        artefact = first
    else:
        compile_model(model_file(export), artefact, *FORMATS[name])
    found = evaluate(artefact, tokens_file, "--reference", saved, "--no-speed")
    base = runtime[export]["perplexity"]
    change = found["perplexity"] / base - 1
    label = f"{export}, {name}"
    rows.append((export, name, found, change))
    check(found["tokens"] == windows.size - len(windows), f"{label}: {found['tokens']} tokens were measured")
    if not name.startswith("w4a16"):
        check(abs(change) <= budget("perplexity", name), f"{label}: perplexity {found['perplexity']}, ONNX Runtime's f32 {base}")
    bound = budget("divergence", name) * (int4["kl_mean"] if name == "w4a16, head int4, embedding f32" else 1)
    check(found["kl_mean"] <= bound, f"{label}: a divergence of {found['kl_mean']}, more than {bound}")
    size, expected = os.path.getsize(os.path.join(artefact, "weights.safetensors")), stored_bytes(artefact)
    check(found["weight_bytes"] == size, f"{label}: weight_bytes {found['weight_bytes']}, the file has {size}")
    check(size <= 1.02 * expected, f"{label}: {size} bytes of weights, the formats need {expected}")
    if name == "w4a16, head int4, embedding f32":
        stored = {weight["name"]: weight["stored"] for weight in read_json(artefact, "manifest.json")["weights"]}
        check(stored["head"] == "i4" and stored["embedding"] == "f32", f"{label}: {stored}")
    shutil.rmtree(artefact)

print("| export | format | bits/weight | weights MB | perplexity | loss | KL | same top-1 |")
print("|---|---|---|---|---|---|---|---|")
baseline = runtime["genai"]["perplexity"]
print(f"| genai | ONNX Runtime, f32 | | | {baseline:.4f} | | | |")
print(f"| genai | ONNX Runtime, MatMulNBits int4 | | | {int4['perplexity']:.4f} | {100 * (int4['perplexity'] / baseline - 1):+.3f} % "
      f"| {int4['kl_mean']:.2g} | {100 * int4['top1_agreement']:.2f} % |")
for export, name, found, change in rows:
    print(f"| {export} | {name} | {found['bits_per_weight']:.2f} | {found['weight_bytes'] / 1e6:.3f} | {found['perplexity']:.4f} ± {found['perplexity_stderr']:.2f} "
          f"| {100 * change:+.3f} % | {found['kl_mean']:.2g} | {100 * found['top1_agreement']:.2f} % |")
