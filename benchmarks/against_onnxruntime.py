#!/usr/bin/env python3
"""Ours and ONNX Runtime, alternately in one run, beside the memory-read limit of the machine.

usage: against_onnxruntime.py --build BUILD [--threads 2] [--rounds 7] [--layers 6]
                              [--llama SCRIPT] [--encoder MODEL] [--work FOLDER] [--json FILE] [--plot FILE]

The decoder is Llama-shaped with random weights (SCRIPT: make_llama_onnx.py). Ours compiles the float file with --w4a16
and a 4-bit head; ONNX Runtime runs the MatMulNBits form with accuracy_level 1 (f32 activations) and shared past and
present buffers, as its GenAI library does. The encoder (minilm-l6.onnx) and a convolution run in f32 and W8A16 against
ONNX Runtime in f32. Medians over the rounds; a ratio below 1 means that ours is faster.
"""
import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from runtime import Runtime

HERE = os.path.dirname(os.path.abspath(__file__))


class Probe:
    BYTES = 1 << 29

    def __init__(self, library, threads):
        self.lib, self.threads, self.sink = ctypes.CDLL(library), threads, ctypes.c_uint64()
        self.lib.qopt_probe_create.restype = ctypes.c_void_p
        self.lib.qopt_probe_read.restype = ctypes.c_double
        self.buffer = ctypes.c_void_p(self.lib.qopt_probe_create(ctypes.c_size_t(self.BYTES)))

    def gigabytes_per_second(self):
        seconds = self.lib.qopt_probe_read(self.buffer, ctypes.c_size_t(self.BYTES), self.threads,
                                           ctypes.byref(self.sink))
        return self.BYTES / seconds / 1e9


def ort_session(path, threads):
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Spinning threads of one contender would slow the other.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


class OrtDecoder:
    """Past and present share one buffer of `context` tokens, so a step copies no cache."""

    def __init__(self, path, threads, context):
        self.session = ort_session(path, threads)
        self.caches = {}
        for value in self.session.get_inputs():
            if value.name.startswith("past"):
                heads, size = value.shape[1], value.shape[3]
                dtype = np.float16 if value.type == "tensor(float16)" else np.float32
                self.caches[value.name] = ort.OrtValue.ortvalue_from_numpy(np.zeros((1, heads, context, size), dtype))
        self.length = 0

    def step(self, ids):
        binding = self.session.io_binding()
        total = self.length + ids.size
        binding.bind_cpu_input("input_ids", ids.reshape(1, -1))
        binding.bind_cpu_input("attention_mask", np.ones((1, total), np.int64))
        for past, cache in self.caches.items():
            binding.bind_ortvalue_input(past, cache)
            binding.bind_ortvalue_output(past.replace("past_key_values", "present"), cache)
        binding.bind_output("logits", "cpu")
        self.session.run_with_iobinding(binding)
        self.length = total
        return binding.get_outputs()


def seconds(work, repeat=1):
    begin = time.perf_counter()
    for _ in range(repeat):
        work()
    return (time.perf_counter() - begin) / repeat


def alternate(ours, theirs, probe, rounds):
    """Medians of (seconds ours, seconds theirs, ratio, GB/s of the probe); the first round warms up."""
    rows = [(ours(), theirs(), probe.gigabytes_per_second()) for _ in range(rounds + 1)][1:]
    return {"ours_s": statistics.median(r[0] for r in rows), "onnxruntime_s": statistics.median(r[1] for r in rows),
            "ratio": statistics.median(r[0] / r[1] for r in rows),
            "read_limit_gb_s": statistics.median(r[2] for r in rows)}


def prepare(arguments):
    """The two ONNX files and our artefact, made once in the work folder."""
    os.makedirs(arguments.work, exist_ok=True)
    names = {kind: os.path.join(arguments.work, f"llama-{arguments.layers}-{kind}") for kind in ("float", "nbits")}
    shape = ["--layers", str(arguments.layers), "--context", "4096"]
    for kind, flags in (("float", ["--dtype", "f32"]),
                        ("nbits", ["--dtype", "f32", "--quant", "matmulnbits", "--accuracy-level", "1"])):
        if not os.path.exists(names[kind] + ".onnx"):
            subprocess.run([sys.executable, arguments.llama, names[kind] + ".onnx", *shape, *flags], check=True)
    artefact = compile_model(arguments, names["float"] + ".onnx", names["float"] + ".qopt", "--w4a16", "--head=int4", "--context=4096")
    return artefact, names["nbits"] + ".onnx"


def compile_model(arguments, model, artefact, *flags):
    subprocess.run([os.path.join(arguments.build, "bin", "qopt-compile"), model, *flags, "-o", artefact, "--force", "--quiet"], check=True)
    return artefact


def write_convolution(path):
    """3x3, 64 to 64 channels, on 56x56, with a bias."""
    random = np.random.default_rng(0)
    weight = (random.standard_normal((64, 64, 3, 3)) / 24).astype(np.float32)
    initializers = [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(random.standard_normal(64).astype(np.float32), "b")]
    image = [1, 64, 56, 56]
    graph = helper.make_graph([helper.make_node("Conv", ["x", "w", "b"], ["y"], pads=[1, 1, 1, 1])], "convolution",
                              [helper.make_tensor_value_info("x", TensorProto.FLOAT, image)],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, image)], initializers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def graph_rows(name, model, feeds, shape, flags, runtime, probe, arguments, repeat=1):
    """A row for f32 and one for W8A16, both against ONNX Runtime in f32."""
    theirs, inputs = ort_session(model, arguments.threads), list(feeds.values())
    found, rows = np.empty(shape, np.float32), {}
    for form, more in (("f32", []), ("w8a16", ["--w8a16"])):
        artefact = os.path.join(arguments.work, f"{os.path.splitext(os.path.basename(model))[0]}-{form}.qopt")
        compile_model(arguments, model, artefact, *flags, *more)
        ours = runtime.load(artefact, arguments.threads, shape[0])
        rows[f"{name}, {form}"] = alternate(lambda: seconds(lambda: ours.run(inputs, found), repeat),
                                            lambda: seconds(lambda: theirs.run(None, feeds), repeat), probe, arguments.rounds)
    return rows


def encoder_rows(runtime, probe, arguments):
    shape = (8, 64)
    ids, mask = (np.arange(512, dtype=np.int64) * 31 % 30000).reshape(shape), np.ones(shape, np.int64)
    feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    return graph_rows("encoder, 8 x 64 tokens", arguments.encoder, feeds, (*shape, 384), ["--batch=8", "--context=64"], runtime, probe, arguments)


def convolution_rows(runtime, probe, arguments):
    model = write_convolution(os.path.join(arguments.work, "convolution.onnx"))
    image = np.random.default_rng(1).standard_normal((1, 64, 56, 56)).astype(np.float32)
    return graph_rows("convolution 3x3, 64 to 64, 56x56", model, {"x": image}, image.shape, [], runtime, probe, arguments, repeat=20)


def weight_bytes_per_token(artefact):
    """Every matrix but the embedding is read once for a token."""
    with open(os.path.join(artefact, "manifest.json")) as file:
        weights = json.load(file)["weights"]
    return sum(w["bytes"] for w in weights if w["name"] != "embedding")


def decode_row(ours, theirs, probe, context, rounds, read_bytes):
    logits, tokens = np.empty(ours.vocabulary, np.float32), 16
    ids = (np.arange(context, dtype=np.int64) * 31 + 7) % ours.vocabulary
    one = ids[:1].copy()
    ours.reset()
    ours.decode(ids, logits)
    theirs.length = 0
    theirs.step(ids)

    def run_ours():
        ours.truncate(context)
        return seconds(lambda: ours.decode(one, logits), tokens)

    def run_theirs():
        theirs.length = context
        return seconds(lambda: theirs.step(one), tokens)

    row = alternate(run_ours, run_theirs, probe, rounds)
    row.update(bytes_per_token=read_bytes, ours_gb_s=read_bytes / row["ours_s"] / 1e9)
    row["share_of_read_limit"] = row["ours_gb_s"] / row["read_limit_gb_s"]
    return row


def prefill_row(ours, theirs, probe, tokens, rounds):
    logits = np.empty(ours.vocabulary, np.float32)
    ids = (np.arange(tokens, dtype=np.int64) * 31 + 7) % ours.vocabulary

    def run_ours():
        ours.reset()
        return seconds(lambda: ours.decode(ids, logits))

    def run_theirs():
        theirs.length = 0
        return seconds(lambda: theirs.step(ids))

    return alternate(run_ours, run_theirs, probe, rounds)


def plot(rows, path):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    names = list(rows)
    figure, axes = plt.subplots(figsize=(8, 0.6 * len(names) + 1.5))
    axes.barh(names, [rows[n]["ratio"] for n in names], color="#4878a8")
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xlabel("time of qopt / time of ONNX Runtime (below 1: qopt is faster)")
    axes.invert_yaxis()
    figure.tight_layout()
    figure.savefig(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--llama", default=os.path.join(HERE, "..", "..", "shared", "tools", "make_llama_onnx.py"))
    parser.add_argument("--encoder", default=os.path.join(HERE, "..", "..", "shared", "models", "minilm-l6", "minilm-l6.onnx"))
    parser.add_argument("--work", default="benchmark-models")
    parser.add_argument("--json")
    parser.add_argument("--plot")
    arguments = parser.parse_args()
    if not os.path.exists(arguments.llama):
        sys.exit(f"error: {arguments.llama} does not exist; name the model script with --llama")
    if not os.path.exists(arguments.encoder):
        sys.exit(f"error: {arguments.encoder} does not exist; name the encoder with --encoder")
    artefact, nbits = prepare(arguments)
    library = os.path.join(arguments.build, "lib")
    runtime = Runtime(os.path.join(library, "libqopt-runtime.so"))
    ours = runtime.load(artefact, arguments.threads)
    with open(os.path.join(artefact, "manifest.json")) as file:
        ours.vocabulary = json.load(file)["vocabulary"]
    theirs = OrtDecoder(nbits, arguments.threads, 4096)
    probe = Probe(os.path.join(library, "libqopt-probe.so"), arguments.threads)
    read_bytes = weight_bytes_per_token(artefact)
    rows = {}
    for context in (128, 2048):
        rows[f"decode, context {context}"] = decode_row(ours, theirs, probe, context, arguments.rounds, read_bytes)
    rows["prefill of 128"] = prefill_row(ours, theirs, probe, 128, arguments.rounds)
    rows.update(encoder_rows(runtime, probe, arguments))
    rows.update(convolution_rows(runtime, probe, arguments))
    for name, row in rows.items():
        share = f", {row['ours_gb_s']:.1f} GB/s, {100 * row['share_of_read_limit']:.0f} % of the read limit" \
            if "ours_gb_s" in row else ""
        print(f"{name}: ours {1e3 * row['ours_s']:.2f} ms, ONNX Runtime {1e3 * row['onnxruntime_s']:.2f} ms, "
              f"ratio {row['ratio']:.2f}{share}")
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(rows, file, indent=2)
    if arguments.plot:
        plot(rows, arguments.plot)


if __name__ == "__main__":
    main()
