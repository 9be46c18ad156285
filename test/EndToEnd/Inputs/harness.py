"""What the end-to-end tests share: running the tools, and ONNX Runtime as the reference."""

import json
import os
import shutil
import subprocess

import numpy as np

EXPORTS = ("vanilla", "dynamo", "genai")


class Mismatch(Exception):
    """A test's own failure; what it says is all that is needed to see why."""


def check(condition, message):
    if not condition:
        raise Mismatch(message)


def fresh(folder):
    """An empty folder: nothing of an earlier run is taken for this one's."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    return folder


def run(tool, *arguments, expect=0, cwd=None, timeout=300, env=None):
    """Runs a tool of the build. It must end by itself with the expected code (or one of them)."""
    command = [tool, *map(str, arguments)]
    shown = " ".join(command)
    environment = dict(os.environ, **env) if env else None
    try:
        result = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, timeout=timeout,
                                encoding="utf-8", errors="replace")
    except subprocess.TimeoutExpired:
        raise Mismatch(f"{shown}: still running after {timeout} s") from None
    wanted = expect if isinstance(expect, tuple) else (expect,)
    check(result.returncode in wanted,
          f"{shown}: exit code {result.returncode}, expected {' or '.join(map(str, wanted))}\n"
          f"{result.stdout[-1000:]}{result.stderr[-3000:]}")
    return result


def compile_model(model, output, *flags, **options):
    run("qopt-compile", model, "--target=cpu", "--quiet", "--force", *flags, "-o", output, **options)
    return output


def evaluate(artefact, tokens, *flags):
    return json.loads(run("qopt-eval", artefact, "--tokens", tokens, "--quiet", "--json", "-", *flags).stdout)


def read_json(artefact, name):
    with open(os.path.join(artefact, name)) as file:
        return json.load(file)


def run_arrays(artefact, folder, *flags, tool="qopt-run", **inputs):
    """What a program makes of these arrays, by name."""
    given, made = os.path.join(folder, "in.npz"), os.path.join(folder, "out.npz")
    np.savez(given, **inputs)
    if os.path.exists(made):
        os.unlink(made)
    run(tool, artefact, "--inputs", given, "--outputs", made, "--quiet", *flags)
    with np.load(made) as arrays:
        return dict(arrays)


def isas():
    """The instruction sets of kernels that this processor has."""
    with open("/proc/cpuinfo") as file:
        flags = next((line.split(":")[1].split() for line in file if line.startswith("flags")), [])
    avx2 = ("avx2", "fma", "f16c", "bmi2")
    avx512 = (*avx2, "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd")
    needs = {"generic": (), "avx2": avx2, "avx512": avx512, "avx512vnni": (*avx512, "avx512_vnni")}
    return [isa for isa, words in needs.items() if all(word in flags for word in words)]


def generate(artefact, prompts, count, *flags, tool="qopt-run", **options):
    """The new ids of each prompt."""
    arguments = [word for prompt in prompts for word in ("--prompt-ids", ",".join(map(str, prompt)))]
    lines = run(tool, artefact, "--generate", *arguments, "--max-tokens", count, "--quiet", *flags, **options).stdout.split("\n")
    check(lines[-1] == "" and len(lines) == len(prompts) + 1, f"expected a line for each of {len(prompts)} prompts, got {lines}")
    return [[int(word) for word in line.split(",") if word] for line in lines[:-1]]


def build_out_of_tree(source, build, folder, library):
    """Builds a project against a build of qopt, with its compiler. Unoptimised: what is tested is that it works."""
    with open(os.path.join(build, "CMakeCache.txt")) as file:
        compiler = next(line.split("=", 1)[1].strip() for line in file if line.startswith("CMAKE_CXX_COMPILER:"))
    flags = ["-DQOpt_DIR=" + os.path.join(build, "cmake"), "-DCMAKE_CXX_COMPILER=" + compiler, "-DCMAKE_CXX_FLAGS=-O0"]
    if shutil.which("ccache"):
        flags.append("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
    run("cmake", "-G", "Ninja", "-S", source, "-B", folder, *flags)
    run("cmake", "--build", folder)
    return os.path.join(folder, library)


class Reference:
    """A decoder's ONNX file under ONNX Runtime, whichever exporter wrote it."""

    def __init__(self, path, optimized=True):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        if not optimized:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 3
        options.intra_op_num_threads = 2
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.inputs = {value.name: value for value in self.session.get_inputs()}

    def logits(self, ids):
        """The logits of every position of ids [batch][tokens], from an empty cache."""
        ids = np.asarray(ids, np.int64)
        batch, tokens = ids.shape
        feed = {"input_ids": ids}
        for name, value in self.inputs.items():
            if name.startswith("past"):
                feed[name] = np.zeros((batch, value.shape[1], 0, value.shape[3]), np.float32)
        if "attention_mask" in self.inputs:
            feed["attention_mask"] = np.ones((batch, tokens), np.int64)
        if "position_ids" in self.inputs:
            feed["position_ids"] = np.tile(np.arange(tokens, dtype=np.int64), (batch, 1))
        return self.session.run(["logits"], feed)[0]

    def all_logits(self, windows, batch=4):
        """The logits of windows [count][tokens], each from an empty cache."""
        return np.concatenate([self.logits(windows[start:start + batch]) for start in range(0, len(windows), batch)])


def read_budgets():
    """The entries of test/Numerics/budgets.yaml: plain lists of "key: value" lines."""
    entries = []
    with open(os.path.join(os.path.dirname(__file__), "..", "..", "Numerics", "budgets.yaml")) as file:
        for line in file:
            if not line.strip() or line.startswith("#"):
                continue
            check(line[:2] in ("- ", "  ") and ": " in line, f"budgets.yaml: {line}")
            if line.startswith("- "):
                entries.append({})
            key, value = line[2:].strip().split(": ", 1)
            entries[-1][key] = value
    return entries


def budget(operation, types="any", target="cpu"):
    """The allowed error of a result."""
    for entry in read_budgets():
        if (entry["operation"], entry["types"], entry["target"]) == (operation, types, target):
            return float(entry["bound"])
    raise Mismatch(f"no budget for {operation}, {types}, {target}")


def windows_of(tokens, window=256):
    """Windows that do not overlap."""
    return np.asarray(tokens, np.int64)[:len(tokens) // window * window].reshape(-1, window)


def log_softmax(logits):
    x = logits.astype(np.float64)
    x -= x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def quality(logits, windows, reference=None):
    """What qopt-eval reports, computed from logits: of every token but a window's first."""
    losses, divergences, agreements = [], [], []
    for index, ids in enumerate(windows):
        x = log_softmax(logits[index, :-1])
        losses.append(-np.take_along_axis(x, ids[1:, None], -1)[:, 0])
        if reference is not None:
            y = log_softmax(reference[index, :-1])
            divergences.append((np.exp(y) * (y - x)).sum(-1))
            agreements.append(x.argmax(-1) == y.argmax(-1))
    result = {"perplexity": float(np.exp(np.mean(losses)))}
    if reference is not None:
        result.update(kl_mean=float(np.mean(divergences)), top1_agreement=float(np.mean(agreements)))
    return result


def check_greedy(reference, prompt, ids, margin):
    """Each id is what the reference takes after all ids before it, or lies within the margin of that.

    One full pass over prompt and answer gives every step, so a near tie that falls the other way is seen as
    one and what follows it is still checked.
    """
    logits = reference.logits([list(prompt) + ids[:-1]])[0][len(prompt) - 1:]
    best = logits.argmax(-1)
    for step, (token, row) in enumerate(zip(ids, logits)):
        gap = float(row[best[step]] - row[token])
        check(token == best[step] or gap <= margin,
              f"prompt of {len(prompt)} tokens, step {step}: id {token}, the reference takes {best[step]} ({gap:.4g} ahead)")
    return int(np.sum(best == np.asarray(ids)))
