"""What the main loop of W4A16 kernels is made of, read from their machine code.

usage: w4a16_sass.py NVDISASM FOLDER

For some sizes and chips: weights come by copies of 16 bytes a lane only, enough of them are on their way, and a weight takes few instructions.
"""

import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Inputs, outputs, group, zero points, scales.
SIZES = [(4096, 4096, 32, False, "f32"), (14336, 4096, 128, True, "f32"), (4096, 14336, 64, True, "f32"), (4096, 96, 32, False, "f16"), (14336, 96, 128, False, "f16")]
CHIPS = ("sm80", "sm90")
MOST_INSTRUCTIONS, LEAST_OF_THREAD, LEAST_OF_MULTIPROCESSOR = 2.5, 64, 40 << 10
WARP = 32


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(command)}: exit code {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


def make_model(path, inputs, outputs, group, has_zero_points, scales):
    random = np.random.default_rng(0)
    groups = -(-inputs // group)
    if scales == "f16":
        # RTN gives such scales.
        weight = numpy_helper.from_array(random.random((inputs, outputs), dtype=np.float32) - 0.5, "w")
        node, tensors = helper.make_node("MatMul", ["x", "w"], ["y"]), [weight]
    else:
        tensors = [numpy_helper.from_array(random.integers(0, 256, (outputs, groups, group // 2), dtype=np.uint8), "codes"),
                   numpy_helper.from_array(random.random(outputs * groups, dtype=np.float32), "scales")]
        if has_zero_points:
            tensors.append(numpy_helper.from_array(random.integers(0, 256, outputs * ((groups + 1) // 2), dtype=np.uint8), "zeros"))
        node = helper.make_node("MatMulNBits", ["x"] + [tensor.name for tensor in tensors], ["y"], domain="com.microsoft",
                                K=inputs, N=outputs, bits=4, block_size=group)
    graph = helper.make_graph([node], "product", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", inputs])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", outputs])], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)], ir_version=8), path)


def read_instructions(nvdisasm, cubin):
    """Of each function: its instructions, and the number of the one at each label."""
    functions, instructions, labels = {}, None, None
    for line in run(nvdisasm, "-c", cubin).splitlines():
        if section := re.match(r"\s*\.section\s+\.text\.(\w+)", line):
            instructions, labels = functions.setdefault(section[1], ([], {}))
        elif instructions is None:
            continue
        elif label := re.match(r"(\.L_\w+):", line):
            labels[label[1]] = len(instructions)
        elif found := re.match(r"\s*/\*[0-9a-f]+\*/\s+(.*?)\s*;", line):
            instructions.append(found[1])
    return functions


def find_loops(instructions, labels):
    for number, text in enumerate(instructions):
        branch = re.search(r"\bBRA\b.*`\((\.L_\w+)\)", text)
        if branch and labels[branch[1]] <= number:
            yield instructions[labels[branch[1]]:number + 1]


def main_loop(instructions, labels):
    """The innermost one with products."""
    return min((loop for loop in find_loops(instructions, labels) if any("HMMA" in text for text in loop)), key=len)


def count(loop, pattern):
    return sum(bool(re.search(pattern, text)) for text in loop)


def check(name, loop, threads):
    # A product's left operand is 16 x 16 weights.
    weights = count(loop, r"\bHMMA\.16816\b") * 16 * 16 // WARP
    each = len(loop) / weights
    narrow = [text for text in loop if re.search(r"\b(LDG|LD|LDGSTS|LDL|UBLKCP)\b", text) and ".128" not in text]
    own = [text for text in loop if re.search(r"\b(LDG|LD|LDL)\b", text)]
    # A group of copies is what a loop takes; those that may be on their way while it computes, and the one that it starts.
    waits = [int(found[1], 16) for text in loop if (found := re.search(r"\bDEPBAR\.LE SB0, (0x[0-9a-f]+)", text))]
    of_thread = (waits[0] + 1) * weights // 2 if len(waits) == 1 else 0
    print(f"{name}: {len(loop)} instructions for {weights} weights of a thread: {each:.2f} each; {of_thread} bytes of weights on their way for a thread, "
          f"{of_thread * threads >> 10} KiB for a block; {count(loop, 'LDGSTS')} copies")
    assert not narrow and not own, narrow + own
    assert count(loop, r"\bLDGSTS\.E\.BYPASS\.(LTC128B\.)?128\b") == count(loop, "LDGSTS") >= weights // 2 // 16
    assert each <= MOST_INSTRUCTIONS
    assert of_thread >= LEAST_OF_THREAD and of_thread * threads >= LEAST_OF_MULTIPROCESSOR


def main():
    nvdisasm, folder = sys.argv[1:]
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for inputs, outputs, group, has_zero_points, scales in SIZES:
        model = os.path.join(folder, "model.onnx")
        make_model(model, inputs, outputs, group, has_zero_points, scales)
        for chip in CHIPS:
            artefact = os.path.join(folder, "out.qopt")
            options = ["--w4a16", f"--group-size={group}"] if scales == "f16" else []
            run("qopt-compile", model, f"--target={chip}", "--quiet", "--force", *options, "-o", artefact)
            with open(os.path.join(artefact, "program.json")) as file:
                kernel, = (kernel for kernel in json.load(file)["kernels"] if kernel["name"].endswith(".row"))
            functions = read_instructions(nvdisasm, os.path.join(artefact, "kernels.cubin"))
            variant = kernel["variants"][0]
            check(f"{chip}, {inputs} x {outputs}, groups of {group}{', zero points' if has_zero_points else ''}, {scales} scales",
                  main_loop(*functions[variant["symbol"]]), variant["threads"])


main()
