"""An encoder and a convolutional network on a simulated GPU beside the CPU. usage: gpu_graphs.py MODELS FOLDER"""

import os
import sys

import numpy as np

from harness import check, compile_model, fresh, run, run_arrays

models, folder = sys.argv[1], fresh(sys.argv[2])


def compile_both(model, chip, *flags):
    """The programs of the CPU and of a chip, each with the tool that runs it."""
    cpu, gpu = compile_model(model, os.path.join(folder, "cpu.qopt"), *flags), os.path.join(folder, "gpu.qopt")
    run("qopt-compile", model, f"--target={chip}", "--emit=ptx", "--quiet", "--force", *flags, "-o", gpu)
    return (cpu, "qopt-run"), (gpu, "qopt-run-sim")


# The two shortest sentences, which still differ in length: one is padded.
encoder = os.path.join(models, "minilm-l6")
ids, mask = (np.load(os.path.join(encoder, f"pairs-{name}.npy")).astype(np.int64) for name in ("ids", "mask"))
lengths = mask.sum(1)
rows = [int(np.flatnonzero(lengths == length)[0]) for length in np.unique(lengths)[:2]]
ids, mask = (array[rows, :lengths[rows].max()] for array in (ids, mask))
check(len({*lengths[rows]}) == 2, "the sentences must have different lengths")
for file, chip, flags in (("minilm-l6", "sm90", ()), ("minilm-l6", "sm90", ("--w8a16",)), ("minilm-l6", "sm80", ("--w4a16",)), ("minilm-l6-qdq", "sm90", ())):
    name, sentences = f"{file} {' '.join((*flags, chip))}", []
    for artefact, tool in compile_both(os.path.join(encoder, file + ".onnx"), chip, "--batch=2", "--context=32", *flags):
        hidden = run_arrays(artefact, folder, tool=tool, input_ids=ids, attention_mask=mask, token_type_ids=np.zeros_like(ids))["last_hidden_state"]
        mean = (hidden * mask[..., None]).sum(1)
        sentences.append(mean / np.linalg.norm(mean, axis=1, keepdims=True))
    cosines = (sentences[0] * sentences[1]).sum(1)
    print(f"{name}: cosine to the CPU's at least {cosines.min():.6f}")
    check(cosines.min() >= 0.999, f"{name}: cosines {cosines}")

network, count = os.path.join(models, "mnist-cnn"), 8
images = np.load(os.path.join(network, "images-eval.npy"))[:count].astype(np.float32) / 255
for file, chip, flags in (("mnist-cnn", "sm90", ()), ("mnist-cnn", "sm80", ("--w8a16",)), ("mnist-cnn-qdq", "sm90", ())):
    name = f"{file} {' '.join((*flags, chip))}"
    digits = [[int(run_arrays(artefact, folder, tool=tool, input=image[None])["output"].argmax()) for image in images]
              for artefact, tool in compile_both(os.path.join(network, file + ".onnx"), chip, *flags)]
    print(f"{name}: {count} digits as on the CPU")
    check(digits[0] == digits[1], f"{name}: {digits[1]} instead of {digits[0]}")
