"""What ptxas makes of every kernel of the shared models on every chip: registers, shared memory, occupancy.

usage: resources.py PTXAS MODELS FOLDER TABLE [--write]

Compares with the table under version control, or writes it. Spills and messages C75xx are failures.
"""

import argparse
import difflib
import json
import os
import re
import shutil
import subprocess
import sys

# Of each chip: its architecture; warps and blocks that a multiprocessor holds, and KiB of shared memory for them.
CHIPS = {
    "sm80": ("sm_80", 64, 32, 164),
    "sm86": ("sm_86", 48, 16, 100),
    "sm89": ("sm_89", 48, 24, 100),
    "sm90": ("sm_90a", 64, 32, 228),
    "sm100": ("sm_100", 64, 32, 228),
    "sm120": ("sm_120", 48, 24, 100),
}
# Registers of each quarter of a multiprocessor, and how many a warp takes at a time; bytes of each block's shared memory that are not its own.
REGISTERS, REGISTERS_AT_A_TIME, RESERVED = 16 << 10, 256, 1 << 10

PROGRAMS = [("classics1m/classics1m-genai", flags) for flags in ("--f32", "--f16", "--bf16", "--w8a16", "--w4a16", "--w8a8", "--fp8", "--w4a16 --kv=int8", "--w4a16 --kv=fp8")] + [
    ("classics1m/classics1m-genai-matmulnbits", ""), ("classics1m/classics1m-vanilla-matmulnbits-asym", ""), ("classics1m/classics1m-qdq", ""),
    ("minilm-l6/minilm-l6", ""), ("minilm-l6/minilm-l6", "--w8a16"), ("minilm-l6/minilm-l6", "--w4a16"), ("minilm-l6/minilm-l6-qdq", ""),
    ("mnist-cnn/mnist-cnn", ""), ("mnist-cnn/mnist-cnn", "--w8a16"), ("mnist-cnn/mnist-cnn-qdq", "")]


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(command)}: exit code {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout + result.stderr


def occupancy(chip, threads, registers, shared):
    """Percent of the warps that a multiprocessor can hold, if it runs nothing but this kernel."""
    _, warps, blocks, kib = CHIPS[chip]
    of_block = -(-threads // 32)
    of_warp = -(-registers * 32 // REGISTERS_AT_A_TIME) * REGISTERS_AT_A_TIME
    fitting = min(blocks, warps // of_block, REGISTERS // of_warp * 4 // of_block, (kib << 10) // (shared + RESERVED))
    return round(100 * fitting * of_block / warps)


def assemble(ptxas, chip, ptx, folder):
    """Registers of each kernel of the text."""
    said = run(ptxas, "-v", "-O3", "-arch=" + CHIPS[chip][0], "-o", os.path.join(folder, "kernels.cubin"), ptx)
    if re.search(r"\b[1-9]\d* bytes (spill|stack frame)|C75\d\d", said):
        sys.exit(f"{ptx} for {chip}:\n{said}")
    parts = re.split(r"Compiling entry function '([^']+)'", said)[1:]
    return {name: int(re.search(r"Used (\d+) registers", text)[1]) for name, text in zip(parts[::2], parts[1::2])}


def measure(given, model, flags, chip):
    """Of each kernel, what its cell says."""
    artefact = os.path.join(given.folder, "out.qopt")
    run("qopt-compile", os.path.join(given.models, model + ".onnx"), f"--target={chip}", "--emit=ptx", "--quiet", "--force", *flags.split(), "-o", artefact)
    registers = assemble(given.ptxas, chip, os.path.join(artefact, "kernels.ptx"), given.folder)
    with open(os.path.join(artefact, "program.json")) as file:
        kernels = json.load(file)["kernels"]
    cells = {}
    for kernel in kernels:
        variant, = kernel["variants"]
        used, shared = registers.pop(variant["symbol"]), variant.get("shared_bytes", 0)
        cells[kernel["name"]] = f"{used} · {shared / 1024:g} · {occupancy(chip, variant['threads'], used, shared)} %"
    if registers:
        sys.exit(f"{model} {flags} for {chip}: ptxas assembled kernels that nothing launches: {', '.join(registers)}")
    return cells


def make_table(given):
    version = re.search(r"V(\d[\d.]*)", run(given.ptxas, "--version"))[1]
    lines = ["# What kernels take on each chip", "",
             f"Made by `test/Targets/NVPTX/Inputs/resources.py --write` with ptxas {version}; `ninja check-long-nvidia` compares. No kernel spills, and ptxas "
             "says nothing about code that it had to change (C75xx).", "",
             "A cell is: registers of a thread, KiB of shared memory of a block, and occupancy: the share of its warps that a multiprocessor holds when it runs "
             "nothing else. It is computed, not measured. An empty cell: no such kernel there."]
    for model, flags in PROGRAMS:
        # Chips before sm89 compute no FP8.
        chips = [chip for chip in CHIPS if "--fp8" not in flags.split() or chip not in ("sm80", "sm86")]
        cells = {chip: measure(given, model, flags, chip) for chip in chips}
        kernels = dict.fromkeys(name for chip in chips for name in cells[chip])
        lines += ["", f"## {os.path.basename(model)} {flags}".rstrip(), "", "| kernel | " + " | ".join(chips) + " |", "|---" * (len(chips) + 1) + "|"]
        lines += [f"| `{name}` | " + " | ".join(cells[chip].get(name, "") for chip in chips) + " |" for name in kernels]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser()
    for name in ("ptxas", "models", "folder", "table"):
        parser.add_argument(name)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    shutil.rmtree(given.folder, ignore_errors=True)
    os.makedirs(given.folder)
    found = make_table(given)
    if given.write:
        with open(given.table, "w") as file:
            file.write(found)
        return
    with open(given.table) as file:
        kept = file.read()
    changes = "".join(difflib.unified_diff(kept.splitlines(True), found.splitlines(True), "kept", "found", n=0))
    if changes:
        sys.exit(f"{changes}\nKernels take other resources than {given.table} says; where that is meant (or ptxas is another one), write it anew with --write.")
    print(f"{sum(line.startswith('| `') for line in found.splitlines())} kernels on {len(CHIPS)} chips take what {given.table} says")


main()
