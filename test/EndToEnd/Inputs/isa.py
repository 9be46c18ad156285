"""One artefact's code for one instruction set: isa.py MODEL_FOLDER FOLDER ISA [--emulate CPU]

The logits are compared with ONNX Runtime's. With --emulate the program runs under qemu on a processor of this name, and
chooses the instruction set by itself; the bytes are those that this processor gives, where it has the instruction set.
"""

import argparse
import json
import os
import shutil

import numpy as np

from harness import Reference, budget, check, compile_model, fresh, isas, run, windows_of

parser = argparse.ArgumentParser()
parser.add_argument("models")
parser.add_argument("folder")
parser.add_argument("isa")
parser.add_argument("--emulate", metavar="CPU")
given = parser.parse_args()
fresh(given.folder)

model = os.path.join(given.models, "classics1m-genai.onnx")
windows = windows_of(np.load(os.path.join(given.models, "tokens-eval.npy")), 256)[:1]
FORMATS = ("f32", "w4a16", "w8a8", "fp8")


def start(artefact, *arguments, emulate=None, isa=None, **options):
    command = ["qemu-x86_64", "-cpu", emulate, shutil.which("qopt-run")] if emulate else ["qopt-run"]
    return run(*command, artefact, *arguments, env={"QOPT_ISA": isa} if isa else None, **options)


def logits(artefact, **options):
    """The bytes of all logits of the window."""
    inputs, outputs = os.path.join(given.folder, "in.npz"), os.path.join(given.folder, "out.npz")
    np.savez(inputs, ids=windows)
    start(artefact, "--inputs", inputs, "--outputs", outputs, "--quiet", **options)
    with np.load(outputs) as arrays:
        return dict(arrays)["logits"]


def chosen(artefact, **options):
    return json.loads(start(artefact, "--info", "--json", "-", **options).stdout)["isa"]


floats = Reference(model).all_logits(windows)
for name in FORMATS:
    artefact = compile_model(model, os.path.join(given.folder, f"{name}.qopt"), f"--{name}")
    native = logits(artefact, isa=given.isa) if given.isa in isas() else None
    if given.emulate:
        found = chosen(artefact, emulate=given.emulate)
        check(found == given.isa, f"{given.emulate} chooses kernels for {found}, not {given.isa}")
        result = logits(artefact, emulate=given.emulate)
        if native is not None:
            check(np.array_equal(result, native), f"{name}: {given.emulate} under qemu and QOPT_ISA={given.isa} give different bytes")
        # What the processor lacks is refused, so the choice above was one.
        start(artefact, "--info", emulate=given.emulate, isa="avx512", expect=4)
    else:
        found = chosen(artefact, isa=given.isa)
        check(found == given.isa, f"QOPT_ISA={given.isa} chooses {found}")
        result = native
    x, y = (a.astype(np.float64) - np.logaddexp.reduce(a.astype(np.float64), -1, keepdims=True) for a in (floats, result))
    divergence = float((np.exp(x) * (x - y)).sum(-1).mean())
    check(divergence <= budget("divergence", name), f"{name}: a divergence of {divergence}")
    print(f"{given.isa}, {name}: a divergence of {divergence:.2g} from ONNX Runtime's f32")
