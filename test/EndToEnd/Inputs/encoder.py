"""A trained sentence encoder against its stored embeddings, in padded batches. usage: encoder.py LIBRARY MODEL-FOLDER FOLDER"""

import os
import sys

import numpy as np

from graphs import Graph
from harness import check, compile_model, fresh

library, model, folder = sys.argv[1], sys.argv[2], fresh(sys.argv[3])
ROWS = 8
ids, mask = (np.load(os.path.join(model, f"pairs-{name}.npy")).astype(np.int64) for name in ("ids", "mask"))
wanted = np.load(os.path.join(model, "pairs-embeddings-fp32.npy"))
check(len({int(row.sum()) for row in mask[:ROWS]}) > 1, "the sentences of a batch must have different lengths")


def embed(graph, rows):
    """Mean over the valid tokens, of length 1."""
    hidden = graph.run(input_ids=ids[rows], attention_mask=mask[rows], token_type_ids=np.zeros_like(ids[rows]))["last_hidden_state"]
    means = (hidden * mask[rows][..., None]).sum(1) / mask[rows].sum(1, keepdims=True)
    return means / np.linalg.norm(means, axis=1, keepdims=True)


# Of the mean, and of the least similar sentence.
for flags, mean, least in (([], 0.99999, 0.99999), (["--w8a16"], 0.999, 0.998), (["--w8a16", "--group-size=128"], 0.999, 0.999), (["--w4a16"], 0.965, 0.92)):
    name = "".join(flags) or "float"
    artefact = compile_model(os.path.join(model, "minilm-l6.onnx"), os.path.join(folder, name + ".qopt"), f"--batch={ROWS}", "--context=64", *flags)
    graph = Graph(library, artefact)
    found = np.concatenate([embed(graph, slice(i, i + ROWS)) for i in range(0, len(ids), ROWS)])
    cosines = (found * wanted).sum(1)
    print(f"{name}: cosine of {len(ids)} sentences: mean {cosines.mean():.6f}, least {cosines.min():.6f}")
    check(cosines.mean() >= mean and cosines.min() >= least, f"{name}: cosines, mean {cosines.mean()}, least {cosines.min()}")
    # A sentence alone, without its padding, means what it means in its batch.
    row = int(mask.sum(1).argmin())
    length = int(mask[row].sum())
    alone = graph.run(input_ids=ids[row:row + 1, :length], attention_mask=mask[row:row + 1, :length],
                      token_type_ids=np.zeros((1, length), np.int64))["last_hidden_state"][0].mean(0)
    alone = float(alone @ found[row] / np.linalg.norm(alone))
    check(alone >= 0.99999, f"{name}: sentence {row} alone has cosine {alone} to itself in a batch")
