"""Byte-identical artefacts, and levels that are text in between: determinism.py MODEL_FOLDER FOLDER"""

import filecmp
import os
import re
import shutil
import sys

from harness import EXPORTS, check, fresh, run

models, folder = sys.argv[1:]
fresh(folder)
LEVELS = ("model", "quantized", "kernels")
FLAGS = ("--w4a16", "--context=512", "--quiet")


def path(*names):
    return os.path.join(folder, *names)


def same(a, b, names=None):
    """Whether two folders hold the same files with the same bytes; or these files of them."""
    if names is None:
        names = sorted(os.listdir(a))
        check(names == sorted(os.listdir(b)), f"{a} holds {names}, {b} {sorted(os.listdir(b))}")
        check("program.json" in names and "weights.safetensors" in names and "module.so" in names, f"{a} holds only {names}")
    _, different, missing = filecmp.cmpfiles(a, b, names, shallow=False)
    check(not different and not missing, f"{a} and {b} differ in {different + missing}")


def read(name):
    with open(name) as file:
        return file.read()


# The model lies somewhere else and has other times, the second time.
model = os.path.join(models, "classics1m-genai.onnx")
os.makedirs(path("moved"))
for name in ("classics1m-genai.onnx", "classics1m-genai.onnx.data"):
    shutil.copyfile(os.path.join(models, name), path("moved", name))
run("qopt-compile", model, *FLAGS, "--threads=1", "-o", path("direct"), f"--dump-levels={path('levels')}")
run("qopt-compile", path("moved", "classics1m-genai.onnx"), *FLAGS, "--threads=2", "-o", "again", cwd=folder)
same(path("direct"), path("again"))
run("qopt-compile", model, *FLAGS, "--threads=2", "--force", "-o", path("again"))
same(path("direct"), path("again"))
for name in os.listdir(path("direct")):
    with open(path("direct", name), "rb") as file:
        data = file.read()
    for word in (os.path.abspath(folder), os.path.abspath(models)):
        check(word.encode() not in data, f"{name} holds {word}")

# Every level as text: as dumped, as written, through bytecode; and on from there.
check(sorted(os.listdir(path("levels"))) == sorted(f"{level}.mlir" for level in LEVELS), f"dumped: {os.listdir(path('levels'))}")
for level in LEVELS:
    text = path(f"{level}.mlir")
    run("qopt-compile", model, *FLAGS, f"--stop-after={level}", "-o", text)
    check(read(text) == read(path("levels", f"{level}.mlir")), f"--dump-levels and --stop-after={level} differ")
    bytecode, back = path(f"{level}.mlirbc"), path(f"{level}.back.mlir")
    run("qopt-opt", text, "--emit-bytecode", "-o", bytecode)
    with open(bytecode, "rb") as file:
        check(file.read(4) == b"ML\xefR", f"{bytecode} is no bytecode")
    run("qopt-opt", bytecode, "--mlir-print-local-scope", "-o", back)
    check(read(back).strip() == read(text).strip(), f"the text of level {level} changes on its way through bytecode")
    run("qopt-opt", text, f"--qopt-verify-{level}", "--mlir-print-local-scope", "-o", back)
    check(read(back).strip() == read(text).strip(), f"the text of level {level} changes when it is read and written")
    run("qopt-compile", text, *FLAGS, f"--start-from={level}", f"--sources={model}", "-o", path("resumed"))
    same(path("direct"), path("resumed"), ["program.json", "weights.safetensors", "module.so"])
    shutil.rmtree(path("resumed"))

# qopt-opt's pipelines are the same steps.
run("qopt-opt", path("model.mlir"), "--qopt-to-quantized=weights=i4 kv=f16", "--qopt-to-kernels", "-o", path("piped.mlir"))
check(read(path("piped.mlir")).count("qkernel.launch") == read(path("kernels.mlir")).count("qkernel.launch"), "qopt-opt forms other kernels")

# The exports of one model are one program: only where its weights lie differs.
def program(export):
    text = path(f"{export}.mlir")
    run("qopt-compile", os.path.join(models, f"classics1m-{export}.onnx"), *FLAGS, "--stop-after=model", "-o", text)
    return re.sub(r"( : tensor<[^>]*>) from .*", r"\1", read(text))


programs = {export: program(export) for export in EXPORTS}
check(programs["genai"] == programs["vanilla"] == programs["dynamo"], "the exports of one model are different programs")
check("qopt.cached_attention" in programs["genai"] and "qopt.weight @head" not in programs["genai"], programs["genai"][:2000])
