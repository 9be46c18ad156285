"""Models whose files hold codes, compiled as they are: stored_models.py LIBRARY MODELS FOLDER [--limit TOKENS]

Perplexity beside that of the file's meaning: a copy with f32 weights, whose activations go through codes where the file
says so, under ONNX Runtime without its optimizations. Embeddings of sentences beside those of the same meaning.
"""

import argparse
import os
import shutil

import numpy as np

import dequantize
from graphs import Graph
from harness import Reference, budget, check, compile_model, evaluate, fresh, quality, read_json, windows_of

parser = argparse.ArgumentParser()
parser.add_argument("library")
parser.add_argument("models")
parser.add_argument("folder")
parser.add_argument("--limit", type=int, default=0)
given = parser.parse_args()
fresh(given.folder)

# File, bits of its matrices, how many there are once packed projections are split, and its perplexity over all tokens as
# the models' README has it.
DECODERS = [("classics1m-genai-matmulnbits", "i4", 29, 26.1247), ("classics1m-vanilla-matmulnbits-asym", "i4", 29, 26.1349),
            ("classics1m-qdq", "i8", 29, None)]
LAYERS = 4
folder = os.path.join(given.models, "classics1m")
tokens_file = os.path.join(folder, "tokens-eval.npy")
tokens = np.load(tokens_file)
windows = windows_of(tokens[:given.limit or len(tokens)])
limit = ("--limit", given.limit) if given.limit else ()

for name, kind, matrices, known in DECODERS:
    model = os.path.join(folder, name + ".onnx")
    copy = os.path.join(given.folder, "copy.onnx")
    check(dequantize.write(model, copy) > 0, f"{name} holds no codes")
    expected = quality(Reference(copy, optimized=False).all_logits(windows), windows)["perplexity"]
    if known and not given.limit:
        check(abs(expected / known - 1) < 1e-4, f"{name}: the meaning has perplexity {expected}, ONNX Runtime made {known} of the file")
    artefact = compile_model(model, os.path.join(given.folder, "out.qopt"))
    stored = [w for w in read_json(artefact, "manifest.json")["weights"] if w["scheme"] == "file"]
    check(len(stored) == matrices and all(w["stored"] == kind for w in stored), f"{name}: {len(stored)} matrices keep their codes, {matrices} have some")
    launches = [launch["name"] for launch in read_json(artefact, "program.json")["launches"]]
    per_layer = [sum(launch.startswith(f"layers.{layer}.") for launch in launches) for layer in range(LAYERS)]
    check(max(per_layer) <= 6 and len(launches) <= 6 * LAYERS + 2, f"{name}: {per_layer} launches of the layers, {len(launches)} in all")
    found = evaluate(artefact, tokens_file, *limit, "--no-speed")
    change = found["perplexity"] / expected - 1
    print(f"{name}: perplexity {found['perplexity']:.4f}, of the meaning {expected:.4f} ({100 * change:+.4f} %), {found['bits_per_weight']:.2f} bits a weight")
    check(abs(change) <= budget("perplexity", "stored"), f"{name}: perplexity {found['perplexity']}, of the file's meaning {expected}")
    shutil.rmtree(artefact)


def embeddings(run, ids, mask, rows=8):
    """Mean of the tokens that count, of length 1."""
    results = []
    for start in range(0, len(ids), rows):
        part = {"input_ids": ids[start:start + rows], "attention_mask": mask[start:start + rows]}
        hidden = run({**part, "token_type_ids": np.zeros_like(part["input_ids"])})
        weights = part["attention_mask"][..., None].astype(np.float64)
        results.append((hidden * weights).sum(1) / weights.sum(1))
    result = np.concatenate(results)
    return result / np.linalg.norm(result, axis=-1, keepdims=True)


folder = os.path.join(given.models, "minilm-l6")
model = os.path.join(folder, "minilm-l6-qdq.onnx")
count = 32 if given.limit else 400
ids, mask = (np.load(os.path.join(folder, f"pairs-{name}.npy"))[:count].astype(np.int64) for name in ("ids", "mask"))
session = Reference(model, optimized=False).session
expected = embeddings(lambda feeds: session.run(["last_hidden_state"], feeds)[0], ids, mask)
artefact = compile_model(model, os.path.join(given.folder, "out.qopt"), "--batch=8", "--context=64")
stored = [w for w in read_json(artefact, "manifest.json")["weights"] if w["scheme"] == "file"]
check(len(stored) == 39, f"minilm: {len(stored)} of 39 matrices keep their codes")
graph = Graph(given.library, artefact)
found = embeddings(lambda feeds: graph.run(**feeds)["last_hidden_state"], ids, mask)
cosines = (expected * found).sum(-1)
floats = np.load(os.path.join(folder, "pairs-embeddings-fp32.npy"))[:count]
ours, theirs = ((floats * each).sum(-1).mean() for each in (found, expected))
print(f"minilm-l6-qdq: cosine to the file under ONNX Runtime {cosines.mean():.6f} on average, {cosines.min():.6f} at least, of {count} sentences; "
      f"to the float model {ours:.6f}, ONNX Runtime's {theirs:.6f}")
check(cosines.mean() >= 1 - budget("cosine", "stored"), f"minilm: a cosine of {cosines.mean()}")
check(abs(ours - theirs) <= budget("cosine", "stored, to the float model"), f"minilm: cosine to the float model {ours}, ONNX Runtime's {theirs}")
