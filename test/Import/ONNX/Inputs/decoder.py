"""The float exports of one decoder, imported and evaluated, against ONNX Runtime. usage: decoder.py MODELS FOLDER"""

import os
import subprocess
import sys

import numpy as np
import onnx

from models import run_onnxruntime


def inputs_of(model, batch, tokens, past):
    rng = np.random.default_rng(1)
    total = np.ones((batch, past + tokens), np.int64)
    feeds = {"input_ids": rng.integers(0, 2048, (batch, tokens)), "attention_mask": total,
             "position_ids": np.tile(np.arange(past, past + tokens), (batch, 1))}
    for info in model.graph.input:
        if info.name.startswith("past"):
            feeds[info.name] = rng.standard_normal((batch, 2, past, 32)).astype(np.float32)
    return {info.name: feeds[info.name] for info in model.graph.input}


def main():
    models, folder = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    runs, expected = [], []
    for form in ("genai", "vanilla", "dynamo"):
        path = os.path.join(models, f"classics1m-{form}.onnx")
        model = onnx.load(path, load_external_data=False)
        for batch, tokens, past in ((2, 4, 0), (1, 2, 3), (2, 1, 3)):
            feeds = inputs_of(model, batch, tokens, past)
            stem = os.path.join(folder, f"{form}-{batch}-{tokens}-{past}")
            np.savez(stem + ".in.npz", **feeds)
            runs.append((path, stem + ".in.npz", stem + ".out.npz"))
            expected.append(dict(zip([o.name for o in model.graph.output], run_onnxruntime(path, feeds))))
    subprocess.run(["qopt-reference", *(argument for run in runs for argument in run)], check=True)
    for run, wanted in zip(runs, expected):
        with np.load(run[2]) as found:
            for name, want in wanted.items():
                np.testing.assert_allclose(found[name], want, rtol=1e-4, atol=2e-4, err_msg=f"{run[2]} {name}")
    print(f"{len(runs)} runs agree")


if __name__ == "__main__":
    main()
