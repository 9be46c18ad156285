"""What ptxas makes of the products of codes for sm_90a: the main loop of a warpgroup, the ring of tiles, and who has which registers.

usage: sass.py PTXAS NVDISASM FOLDER
"""

import os
import re
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

INPUTS, OUTPUTS = 4096, 256
# Stages of the ring, columns of a tile, and inputs of a step: those of WarpgroupProducts.cpp.
STAGES, COLUMNS, STEP = 6, 128, 128
# Besides products and promotions: waiting and arriving, addresses and descriptors, and the end of the loop.
BARRIERS = {"SYNCS", "WARPGROUP"}
ADDRESSES = {"ULEA", "UIADD3", "USHF", "UMOV", "USEL", "UISETP", "ULOP3", "UPLOP3", "IADD3", "ISETP", "LOP3", "SHF", "IMAD", "SEL", "PLOP3", "LEA", "R2UR", "NOP"}
END = {"BRA"}


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stdout}{result.stderr}"
    return result.stdout + result.stderr


def write_model(path):
    matrix = np.random.default_rng(1).standard_normal((INPUTS, OUTPUTS)).astype(np.float32)
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "product",
                              [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", INPUTS])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", OUTPUTS])], [numpy_helper.from_array(matrix, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def disassemble(ptxas, nvdisasm, folder, flag):
    """Instructions of the kernel of products, and labels, as the text has them."""
    artefact, cubin = os.path.join(folder, "out.qopt"), os.path.join(folder, "kernels.cubin")
    run("qopt-compile", os.path.join(folder, "model.onnx"), flag, "--target=sm90", "--emit=ptx", "--quiet", "--force", "-o", artefact)
    said = run(ptxas, "-v", "-O3", "-arch=sm_90a", "-o", cubin, os.path.join(artefact, "kernels.ptx"))
    assert not re.search(r"\b[1-9]\d* bytes (spill|stack frame)|C75\d\d", said), said
    sections = re.split(r"^\.text\.(\S+):", run(nvdisasm, cubin), flags=re.MULTILINE)
    text, = (body for name, body in zip(sections[1::2], sections[2::2]) if "_products_" in name)
    lines = []
    for line in text.splitlines():
        if label := re.match(r"(\.L\S+):", line):
            lines.append(label[1] + ":")
        elif code := re.match(r"\s*/\*[0-9a-f]{4,}\*/\s+(.*?)\s*;", line):
            lines.append(code[1])
    return lines


def operation(line):
    """The opcode without its predicate: "QGMMA.64x128x32.F32.E4M3.E4M3"."""
    return re.sub(r"^@!?U?P\w+\s+", "", line).split()[0]


def find_loop(lines, product):
    """The instructions from the label before the products to the jump back to it."""
    first = next(i for i, line in enumerate(lines) if operation(line).startswith(product))
    for end in range(first, len(lines)):
        if operation(lines[end]) != "BRA":
            continue
        label = re.search(r"\.L\w+", lines[end])[0] + ":"
        if label in lines[:first]:
            return [line for line in lines[lines.index(label):end + 1] if not line.endswith(":")]
    raise AssertionError("there is no loop around the products")


def check(lines, product, promotions):
    loop = find_loop(lines, product.split(".")[0])
    kinds = [operation(line) for line in loop]
    products = [kind for kind in kinds if kind.startswith(product.split(".")[0])]
    assert products == [product] * (STEP // 32), products
    assert kinds.count("FADD") == promotions, kinds
    others = {kind.split(".")[0] for kind in kinds} - {product.split(".")[0], "FADD"}
    assert others <= BARRIERS | ADDRESSES | END, others - BARRIERS - ADDRESSES - END
    everywhere = [operation(line) for line in lines]
    # Two barriers for each stage; nothing that a stage holds goes through registers.
    assert everywhere.count("SYNCS.EXCH.64") == 2 * STAGES, everywhere
    assert any(kind.startswith("UBLKCP") for kind in everywhere)
    assert not any(kind.startswith(("LDL", "STL", "LDSM", "LDGSTS")) for kind in everywhere)
    registers = [line for line in lines if "SETMAXREG" in line]
    assert any("DEALLOC" in line and "0x28" in line for line in registers) and any("ALLOC" in line and "0xe8" in line for line in registers), registers
    print(f"{product}: {len(products)} a step of {STEP} inputs, {promotions} promotions, {len(loop) - len(products) - promotions} other instructions, {STAGES} stages")


def main():
    ptxas, nvdisasm, folder = sys.argv[1:]
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    write_model(os.path.join(folder, "model.onnx"))
    # A warpgroup has 64 rows: a thread promotes 64 * COLUMNS / 128 sums.
    check(disassemble(ptxas, nvdisasm, folder, "--fp8"), f"QGMMA.64x{COLUMNS}x32.F32.E4M3.E4M3", 64 * COLUMNS // 128)
    check(disassemble(ptxas, nvdisasm, folder, "--w8a8"), f"IGMMA.64x{COLUMNS}x32.S8.S8", 0)


main()
