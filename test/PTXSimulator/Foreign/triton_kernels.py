"""Writes the PTX that Triton 3.9.0 makes of the kernels below, for the simulator's tests.

The simulator and our compiler share one reading of the PTX manual; these kernels come from another compiler. No GPU is
needed:  python3 -m venv v && v/bin/pip install triton==3.9.0 && v/bin/python triton_kernels.py FOLDER
"""

import argparse
import json
import pathlib
import re

import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource


@triton.jit
def dot(a, b, c, K, M: tl.constexpr, N: tl.constexpr, BK: tl.constexpr, ACC: tl.constexpr):
    m = tl.arange(0, M)
    n = tl.arange(0, N)
    r = tl.arange(0, BK)
    acc = tl.zeros((M, N), ACC)
    for i in range(0, K, BK):
        x = tl.load(a + m[:, None] * K + i + r[None, :])
        y = tl.load(b + n[None, :] * K + i + r[:, None])
        acc = tl.dot(x, y, acc, out_dtype=ACC)
    tl.store(c + m[:, None] * N + n[None, :], acc)


@triton.jit
def dot_descriptors(a, b, c, K, M: tl.constexpr, N: tl.constexpr, BK: tl.constexpr):
    acc = tl.zeros((M, N), tl.float32)
    for i in range(0, K, BK):
        acc = tl.dot(a.load([0, i]), b.load([0, i]).T, acc)
    c.store([0, 0], acc.to(tl.float16))


@triton.jit
def softmax(x, y, columns, W: tl.constexpr):
    row = tl.program_id(0)
    at = tl.arange(0, W)
    v = tl.load(x + row * columns + at, mask=at < columns, other=-float("inf"))
    e = tl.exp(v - tl.max(v, 0))
    tl.store(y + row * columns + at, e / tl.sum(e, 0), mask=at < columns)


@triton.jit
def atomics(x, total, largest, half_sum, lock, n, W: tl.constexpr):
    at = tl.program_id(0) * W + tl.arange(0, W)
    v = tl.load(x + at, mask=at < n, other=0)
    tl.atomic_add(total + v % 8, 1, mask=at < n)
    tl.atomic_max(largest, tl.max(v, 0))
    tl.atomic_add(half_sum + at * 0, (at < n).to(tl.float16), mask=at < n)
    while tl.atomic_cas(lock, 0, 1) == 1:
        pass
    tl.atomic_xchg(lock, 0)


@triton.jit
def casts(x, e4, e5, back, W: tl.constexpr):
    at = tl.program_id(0) * W + tl.arange(0, W)
    v = tl.load(x + at)
    q = v.to(tl.float8e4nv)
    tl.store(e4 + at, q)
    tl.store(e5 + at, v.to(tl.float8e5))
    tl.store(back + at, q.to(tl.float16))


def dot_case(name, arch, element, acc, result, m, n, bk, warps, stages):
    return dict(name=name, arch=arch, fn=dot, warps=warps, stages=stages,
                signature=dict(a=f"*{element}", b=f"*{element}", c=f"*{result}", K="i32"),
                constants=dict(M=m, N=n, BK=bk, ACC=acc))


def descriptor_case(name, bk, m=128, n=128, warps=8, stages=3):
    return dict(name=name, arch=90, fn=dot_descriptors, warps=warps, stages=stages,
                signature=dict(a=f"tensordesc<fp16[{m},{bk}]>", b=f"tensordesc<fp16[{n},{bk}]>", c=f"tensordesc<fp16[{m},{n}]>", K="i32"),
                constants=dict(M=m, N=n, BK=bk))


CASES = [
    dot_case("dot_f16_sm80", 80, "fp16", tl.float32, "fp32", 64, 64, 32, 4, 3),
    dot_case("dot_bf16_sm89", 89, "bf16", tl.float32, "fp32", 64, 64, 32, 4, 3),
    dot_case("dot_f16_sm90", 90, "fp16", tl.float32, "fp32", 64, 64, 64, 4, 3),
    dot_case("dot_s8_sm80", 80, "i8", tl.int32, "i32", 64, 64, 64, 4, 3),
    dot_case("dot_s8_sm89", 89, "i8", tl.int32, "i32", 64, 64, 64, 4, 3),
    dot_case("dot_s8_sm90", 90, "i8", tl.int32, "i32", 64, 64, 64, 4, 3),
    dot_case("dot_e4m3_sm89", 89, "fp8e4nv", tl.float32, "fp32", 64, 64, 64, 4, 3),
    dot_case("dot_e4m3_sm90", 90, "fp8e4nv", tl.float32, "fp32", 64, 64, 128, 4, 3),
    dot_case("dot_e5m2_sm80", 80, "fp8e5", tl.float32, "fp32", 64, 64, 64, 4, 3),
    dot_case("dot_e5m2_sm90", 90, "fp8e5", tl.float32, "fp32", 64, 64, 128, 4, 3),
    dot_case("dot_e4m3_small_sm90", 90, "fp8e4nv", tl.float32, "fp32", 16, 64, 64, 1, 2),
    dot_case("dot_tf32_sm80", 80, "fp32", tl.float32, "fp32", 64, 64, 32, 4, 2),
    dot_case("dot_tf32_sm90", 90, "fp32", tl.float32, "fp32", 64, 64, 32, 4, 2),
    descriptor_case("tma_swizzle128_sm90", 64),
    descriptor_case("tma_swizzle64_sm90", 32),
    descriptor_case("tma_swizzle32_sm90", 16),
    dict(name="softmax_sm80", arch=80, fn=softmax, warps=4, stages=2, signature=dict(x="*fp32", y="*fp32", columns="i32"), constants=dict(W=1024)),
    dict(name="softmax_sm90", arch=90, fn=softmax, warps=2, stages=2, signature=dict(x="*fp32", y="*fp32", columns="i32"), constants=dict(W=256)),
    dict(name="atomics_sm80", arch=80, fn=atomics, warps=4, stages=2,
         signature=dict(x="*i32", total="*i32", largest="*i32", half_sum="*fp16", lock="*i32", n="i32"), constants=dict(W=256)),
    dict(name="casts_sm89", arch=89, fn=casts, warps=4, stages=2, signature=dict(x="*fp32", e4="*fp8e4nv", e5="*fp8e5", back="*fp16"), constants=dict(W=512)),
]


def strip(text):
    """Without debug sections, file names and source positions, which depend on the machine."""
    text = re.sub(r"\n\t?\.section[^{]*\{.*?\n\t?\}", "", text, flags=re.S)
    lines = [line for line in text.split("\n") if not re.match(r"\s*(\.file|\.loc|//)|^\$L__(func|tmp)", line)]
    return re.sub(r"\n{2,}", "\n", re.sub(r"[ \t]+(//.*)?(?=\n)", "", "\n".join(lines))).strip() + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    index = []
    for case in CASES:
        signature = dict(case["signature"], **{name: "constexpr" for name in case["constants"]})
        pointers = [i for i, kind in enumerate(case["signature"].values()) if not kind.startswith("tensordesc")]
        source = ASTSource(fn=case["fn"], signature=signature, constexprs=case["constants"],
                           attrs={(i,): [["tt.divisibility", 16]] for i in pointers if list(case["signature"])[i] not in ("columns", "n")})
        options = dict(num_warps=case["warps"], num_stages=case["stages"])
        if case["arch"] == 90:
            options["ptx_version"] = 86
        made = triton.compile(source, target=GPUTarget("cuda", case["arch"], 32), options=options)
        (folder / (case["name"] + ".ptx")).write_text(strip(made.asm["ptx"]))
        entry = dict(name=case["name"], shared=made.metadata.shared, threads=32 * made.metadata.num_warps)
        if "tensordesc" in str(case["signature"]):
            entry["descriptors"] = made.metadata.tensordesc_meta
        index.append(entry)
        print(json.dumps(entry))


if __name__ == "__main__":
    main()
