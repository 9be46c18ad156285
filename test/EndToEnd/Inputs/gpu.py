"""Whole programs on a simulated GPU beside the same programs on the CPU: gpu.py MODEL_FOLDER FOLDER formats|stored"""

import os
import sys

import numpy as np

from harness import EXPORTS, budget, check, compile_model, fresh, generate, run, run_arrays

models, folder, which = sys.argv[1:]
fresh(folder)
TOKENS, NEW = 48, 8
ids = np.load(os.path.join(models, "tokens-eval.npy"))[None, :TOKENS].astype(np.int64)
PROMPTS = [ids[0, :3]]


def model_file(export):
    return os.path.join(models, f"classics1m-{export}.onnx")


def log_softmax(logits):
    shifted = logits.astype(np.float64) - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


RUNS = {
    # Each format with a 16-bit and an FP8 cache, each export, each chip.
    "formats": [("genai", (f"--{form}", *kv), "sm90") for form in ("f16", "bf16", "w4a16", "w8a16", "w8a8", "fp8") for kv in ((), ("--kv=fp8",))] + [
        (export, ("--w4a16",), "sm90") for export in EXPORTS if export != "genai"] + [
        ("genai", (f"--{form}",), chip) for form, chip in (("w4a16", "sm80"), ("w8a8", "sm80"), ("w4a16", "sm86"), ("fp8", "sm89"), ("w4a16", "sm100"), ("w4a16", "sm120"))] + [
        ("genai", ("--w4a16", "--kv=int8"), "sm90"), ("genai", ("--fp8", "--kv=int8"), "sm90"), ("vanilla", ("--w4a16", "--kv=fp8"), "sm80")],
    # Files that hold codes.
    "stored": [(export, (), "sm90") for export in ("genai-matmulnbits", "vanilla-matmulnbits-asym", "qdq")]}
for export, flags, chip in RUNS[which]:
    name = ' '.join((export, *flags, chip))
    model = model_file(export)
    cpu = compile_model(model, os.path.join(folder, "cpu.qopt"), *flags)
    gpu = os.path.join(folder, "gpu.qopt")
    run("qopt-compile", model, f"--target={chip}", "--emit=ptx", "--quiet", "--force", *flags, "-o", gpu)
    # One pass over a text, as prefill, and steps of one token.
    wanted = log_softmax(run_arrays(cpu, folder, ids=ids)["logits"])
    found = log_softmax(run_arrays(gpu, folder, tool="qopt-run-sim", ids=ids)["logits"])
    divergence = float((np.exp(wanted) * (wanted - found)).sum(-1).mean())
    types = "cpu and gpu, codes of activations" if {"--w8a8", "--fp8"} & set(flags) or export == "qdq" else "cpu and gpu"
    check(divergence <= budget("divergence", types), f"{name}: a divergence of {divergence} from the CPU")
    margin = np.sort(wanted, -1)
    clear = margin[..., -1] - margin[..., -2] > 2 * np.abs(wanted - found).max(-1)
    agree = (wanted.argmax(-1) == found.argmax(-1)) | ~clear
    check(agree.all(), f"{name}: other tokens are likeliest at {np.argwhere(~agree).tolist()}")
    check(clear.sum() > TOKENS // 2, f"{name}: only {clear.sum()} of {TOKENS} choices are clear")
    check(generate(cpu, PROMPTS, NEW) == generate(gpu, PROMPTS, NEW, tool="qopt-run-sim"), f"{name}: other ids after {PROMPTS}")
    print(f"{name}: divergence {divergence:.1e} from the CPU over {TOKENS} tokens, the same {clear.sum()} clear choices and {NEW} ids")
