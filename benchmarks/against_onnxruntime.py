#!/usr/bin/env python3
"""Ours and ONNX Runtime, alternately in one run, beside the limits of the machine.

usage: against_onnxruntime.py --build BUILD [--threads 2] [--rounds 7] [--layers 6]
                              [--llama SCRIPT] [--encoder MODEL] [--work FOLDER] [--json FILE] [--plot FILE]

The decoder is Llama-shaped with random weights (SCRIPT: make_llama_onnx.py). Ours compiles the float file with --w4a16
and a 4-bit head; ONNX Runtime runs the MatMulNBits form with accuracy_level 1 (f32 activations) and shared past and
present buffers, as its GenAI library does. The small decoder is models/classics1m, the encoder minilm-l6.onnx, and with
a convolution they run in f32 and a smaller format against ONNX Runtime in f32. Medians over the rounds; a ratio below 1
means that ours is faster. Decoding is held against the speed of reading memory, everything else against that of f32
products, of which those with weights are counted.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from peer import OrtDecoder, ort_session
from plot import plot
from probe import Probe
from runtime import Runtime

HERE = os.path.dirname(os.path.abspath(__file__))


def seconds(work, repeat=1):
    begin = time.perf_counter()
    for _ in range(repeat):
        work()
    return (time.perf_counter() - begin) / repeat


def alternate(ours, theirs, probe, rounds, read_bytes=None, products=None):
    """Medians; the first round warms up. Work is the bytes read or the products taken in one run of ours."""
    samples = [(ours(), theirs(), probe.gigabytes_per_second() if read_bytes else probe.gigaflops())
               for _ in range(rounds + 1)][1:]
    row = {"ours_s": statistics.median(s[0] for s in samples), "onnxruntime_s": statistics.median(s[1] for s in samples),
           "ratio": statistics.median(s[0] / s[1] for s in samples), "limit": statistics.median(s[2] for s in samples),
           "unit": "GB/s" if read_bytes else "GFLOP/s", "work": read_bytes or 2 * products}
    row["ours"] = row["work"] / row["ours_s"] / 1e9
    row["share_of_limit"] = row["ours"] / row["limit"]
    return row


def prepare(arguments):
    """Our artefact and ONNX Runtime's file; the ONNX files are made once in the work folder."""
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


def graph_rows(name, model, feeds, shape, products, flags, runtime, probe, arguments, repeat=1):
    """A row for f32 and one for W8A16, both against ONNX Runtime in f32."""
    theirs, inputs = ort_session(model, arguments.threads), list(feeds.values())
    found, rows = np.empty(shape, np.float32), {}
    for form, more in (("f32", []), ("w8a16", ["--w8a16"])):
        artefact = os.path.join(arguments.work, f"{os.path.splitext(os.path.basename(model))[0]}-{form}.qopt")
        compile_model(arguments, model, artefact, *flags, *more)
        ours = runtime.load(artefact, arguments.threads, shape[0])
        rows[f"{name}, {form}"] = alternate(lambda: seconds(lambda: ours.run(inputs, found), repeat),
                                            lambda: seconds(lambda: theirs.run(None, feeds), repeat), probe, arguments.rounds, products=products)
    return rows


def matrix_elements(model):
    """Elements of the matrices that an encoder's activations are multiplied by."""
    graph = onnx.load(model).graph
    weights = {w.name: int(np.prod(w.dims)) for w in graph.initializer}
    return sum(weights.get(node.input[1], 0) for node in graph.node if node.op_type in ("MatMul", "Gemm"))


def encoder_rows(runtime, probe, arguments):
    shape = (8, 64)
    ids, mask = (np.arange(512, dtype=np.int64) * 31 % 30000).reshape(shape), np.ones(shape, np.int64)
    feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    return graph_rows("encoder, 8 x 64 tokens", arguments.encoder, feeds, (*shape, 384), 512 * matrix_elements(arguments.encoder), ["--batch=8", "--context=64"], runtime, probe, arguments)


def convolution_rows(runtime, probe, arguments):
    model = write_convolution(os.path.join(arguments.work, "convolution.onnx"))
    image = np.random.default_rng(1).standard_normal((1, 64, 56, 56)).astype(np.float32)
    return graph_rows("convolution 3x3, 64 to 64, 56x56", model, {"x": image}, image.shape, 64 * 9 * image.size, [], runtime, probe, arguments, repeat=20)


def read_weights(artefact):
    """The weights that are read whole for every token, and the size of the vocabulary: a table of its own is not, one that is the head too is."""
    with open(os.path.join(artefact, "manifest.json")) as file:
        manifest = json.load(file)
    weights = {w["name"]: w for w in manifest["weights"]}
    if "head" in weights:
        del weights["embedding"]
    return list(weights.values()), manifest["vocabulary"]


class Decoder:
    """An artefact of a decoder beside ONNX Runtime's session."""

    def __init__(self, artefact, theirs, runtime, probe, arguments):
        self.ours, self.theirs = runtime.load(artefact, arguments.threads), theirs
        self.probe, self.rounds = probe, arguments.rounds
        self.weights, self.vocabulary = read_weights(artefact)

    def prompt(self, tokens):
        return (np.arange(tokens, dtype=np.int64) * 31 + 7) % self.vocabulary

    def decode_row(self, context, tokens=16):
        logits, ids = np.empty(self.vocabulary, np.float32), self.prompt(context)
        one = ids[:1].copy()
        self.ours.reset()
        self.ours.decode(ids, logits)
        self.theirs.length = 0
        self.theirs.step(ids)

        def run_ours():
            self.ours.truncate(context)
            return seconds(lambda: self.ours.decode(one, logits), tokens)

        def run_theirs():
            self.theirs.length = context
            return seconds(lambda: self.theirs.step(one), tokens)

        return alternate(run_ours, run_theirs, self.probe, self.rounds, read_bytes=sum(w["bytes"] for w in self.weights))

    def prefill_row(self, tokens):
        logits, ids = np.empty(self.vocabulary, np.float32), self.prompt(tokens)

        def run_ours():
            self.ours.reset()
            return seconds(lambda: self.ours.decode(ids, logits))

        def run_theirs():
            self.theirs.length = 0
            return seconds(lambda: self.theirs.step(ids))

        products = sum(int(np.prod(w["shape"])) * (1 if w["name"] == "head" else tokens) for w in self.weights if w["matrix"])
        return alternate(run_ours, run_theirs, self.probe, self.rounds, products=products)


def large_decoder_rows(runtime, probe, arguments):
    artefact, nbits = prepare(arguments)
    decoder = Decoder(artefact, OrtDecoder(nbits, arguments.threads, 4096), runtime, probe, arguments)
    rows = {f"decode, context {context}": decoder.decode_row(context) for context in (128, 2048)}
    rows["prefill of 128"] = decoder.prefill_row(128)
    return rows


def small_decoder_rows(runtime, probe, arguments):
    """All launches and barriers: its weights lie in the caches, so the share of the limit may exceed 1."""
    model = os.path.join(HERE, "..", "models", "classics1m", "classics1m-genai.onnx")
    theirs, rows = OrtDecoder(model, arguments.threads, 256), {}
    for form in ("f32", "w4a16"):
        artefact = compile_model(arguments, model, os.path.join(arguments.work, f"classics1m-{form}.qopt"), "--" + form)
        rows[f"small decoder, {form}"] = Decoder(artefact, theirs, runtime, probe, arguments).decode_row(128)
    return rows


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
    library = os.path.join(arguments.build, "lib")
    runtime = Runtime(os.path.join(library, "libqopt-runtime.so"))
    probe = Probe(os.path.join(library, "libqopt-probe.so"), arguments.threads)
    os.makedirs(arguments.work, exist_ok=True)
    rows = {}
    for measure in (large_decoder_rows, small_decoder_rows, encoder_rows, convolution_rows):
        for name, row in measure(runtime, probe, arguments).items():
            rows[name] = row
            print(f"{name}: ours {1e3 * row['ours_s']:.3f} ms, ONNX Runtime {1e3 * row['onnxruntime_s']:.3f} ms, ratio {row['ratio']:.2f}, "
                  f"{row['ours']:.1f} {row['unit']}, {100 * row['share_of_limit']:.0f} % of the limit", flush=True)
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(rows, file, indent=2)
    if arguments.plot:
        plot(rows, arguments.plot)


if __name__ == "__main__":
    main()
