"""Decoders raised to their canonical form and evaluated, against ONNX Runtime on the files. usage: raising.py FOLDER MODEL.onnx...
Files that a model refers to are read beside it."""

import os
import re
import shutil
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime as ort


def run_onnxruntime(path, feeds):
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, feeds)))


def inputs_of(model, batch, tokens, past):
    """Inputs in the ONNX signature, by name."""
    rng = np.random.default_rng(1)
    feeds = {}
    for info in model.graph.input:
        tensor = info.type.tensor_type
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        if info.name == "input_ids":
            feeds[info.name] = rng.integers(0, 500, (batch, tokens)).astype(dtype)
        elif info.name == "attention_mask":
            feeds[info.name] = np.ones((batch, past + tokens), dtype)
        elif info.name == "position_ids":
            feeds[info.name] = np.tile(np.arange(past, past + tokens, dtype=dtype), (batch, 1))
        else:
            heads, size = tensor.shape.dim[1].dim_value, tensor.shape.dim[3].dim_value
            feeds[info.name] = rng.standard_normal((batch, heads, past, size)).astype(dtype)
    return feeds


def canonical(feeds, batch, tokens, past):
    """The same inputs for the canonical entry."""
    result = {"ids": feeds["input_ids"], "past": np.full(batch, past, np.int64), "count": np.full(batch, tokens, np.int64)}
    for name, array in feeds.items():
        if match := re.fullmatch(r"past_key_values\.(\d+)\.(key|value)", name):
            result[f"layers.{match[1]}.attn.cache.{match[2]}"] = array.astype(np.float32)
    return result


def raise_model(path, folder):
    stem = os.path.join(folder, os.path.basename(path).removesuffix(".onnx"))
    for file in (path, path + ".data"):
        if os.path.exists(file) and not os.path.exists(os.path.join(folder, os.path.basename(file))):
            shutil.copy(file, folder)
    imported = subprocess.run(["qopt-translate", "--import-onnx", path], check=True, stdout=subprocess.PIPE).stdout
    raised = subprocess.run(["qopt-opt", "--qopt-raise", "--verify-each", "--qopt-verify-model"], check=True, input=imported,
                            stdout=subprocess.PIPE).stdout
    with open(stem + ".mlir", "wb") as out:
        out.write(raised)
    assert b'qopt.kind = "decoder"' in raised, f"{path} is no decoder"
    return stem


def check(stem, runs, tolerance):
    for run, wanted in runs:
        with np.load(run + ".out.npz") as found:
            for name, want in wanted.items():
                if match := re.fullmatch(r"present\.(\d+)\.(key|value)", name):
                    name = f"layers.{match[1]}.attn.cache.{match[2]}"
                np.testing.assert_allclose(found[name], want.astype(np.float64), rtol=tolerance, atol=tolerance,
                                           err_msg=f"{run} {name}")


def main():
    folder, *paths = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    for path in paths:
        stem = raise_model(path, folder)
        model = onnx.load(path, load_external_data=False)
        half = any(i.type.tensor_type.elem_type == onnx.TensorProto.FLOAT16 for i in model.graph.input)
        runs, arguments = [], []
        for batch, tokens, past in ((2, 4, 0), (1, 2, 3), (2, 1, 3)):
            feeds = inputs_of(model, batch, tokens, past)
            run = f"{stem}-{batch}-{tokens}-{past}"
            np.savez(run + ".in.npz", **canonical(feeds, batch, tokens, past))
            runs.append((run, run_onnxruntime(path, feeds)))
            arguments += [stem + ".mlir", run + ".in.npz", run + ".out.npz"]
        subprocess.run(["qopt-reference", *arguments], check=True)
        check(stem, runs, 3e-2 if half else 2e-4)
        print(f"{os.path.basename(path)}: {len(runs)} runs agree")


if __name__ == "__main__":
    main()
