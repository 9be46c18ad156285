"""Steps of one token against one full pass of the same artefact: token_by_token.py RUNTIME MODEL_FOLDER FOLDER"""

import ctypes
import os
import sys

import numpy as np

from harness import budget, check, compile_model, fresh
from session import Failed, Runtime

library, models, folder = sys.argv[1:]
fresh(folder)
runtime = Runtime(library)
VOCABULARY, TOKENS = 2048, 250
BOUND = budget("token by token")
tokens = np.load(os.path.join(models, "tokens-eval.npy")).astype(np.int64)
ids = np.stack([tokens[:TOKENS], tokens[5000:5000 + TOKENS]])


def compare(name, full, steps):
    error = float(np.abs(full - steps).max())
    check(error <= BOUND, f"{name}: logits differ by {error}")
    top = np.sort(full, -1)
    clear = top[..., -1] - top[..., -2] > 2 * BOUND
    wrong = clear & (full.argmax(-1) != steps.argmax(-1))
    check(not wrong.any(), f"{name}: another token is likeliest at {np.argwhere(wrong).tolist()}")
    print(f"{name}: logits of {clear.size} tokens within {error:.2g}, the likeliest equal at all {clear.sum()} clear ones")


for export, flags in (("genai", ("--f32", "--kv=f32")), ("vanilla", ("--f32", "--kv=f16")), ("dynamo", ("--w4a16", "--kv=bf16")),
                      ("genai", ("--w8a16", "--kv=int8")), ("vanilla", ("--w8a16", "--kv=fp8")), ("genai", ("--w8a8",)), ("genai", ("--fp8",)),
                      ("genai", ("--w4a16", "--asymmetric", "--group-size=128"))):
    name = " ".join((export, *flags))
    artefact = compile_model(os.path.join(models, f"classics1m-{export}.onnx"), os.path.join(folder, f"{name}.qopt"),
                             *flags, "--batch=2", "--chunk=256", "--context=256")
    program = runtime.load(artefact)
    session = runtime.session(program, 2)
    full = runtime.decode(session, ids, VOCABULARY)

    runtime.call("qopt_session_reset", session, ctypes.c_int64(-1))
    steps = np.concatenate([runtime.decode(session, ids[:, t:t + 1], VOCABULARY) for t in range(TOKENS)], 1)
    compare(f"{name}, token by token, two rows", full, steps)
    # One row alone takes the kernels of decoding (products of one row).
    alone = runtime.session(program)
    steps = np.concatenate([runtime.decode(alone, ids[:1, t:t + 1], VOCABULARY) for t in range(TOKENS)], 1)
    compare(f"{name}, token by token", full[:1], steps)

    # Cut anyhow, and after going back and changing one's mind.
    runtime.call("qopt_session_reset", session, ctypes.c_int64(-1))
    cuts = [0, 1, 8, 9, 40, 103, 104, 231, TOKENS]
    pieces = [runtime.decode(session, ids[:, a:b], VOCABULARY) for a, b in zip(cuts, cuts[1:])]
    compare(f"{name}, in pieces", full, np.concatenate(pieces, 1))
    for row in range(2):
        runtime.call("qopt_session_truncate", session, ctypes.c_int64(row), ctypes.c_int64(100))
    runtime.decode(session, ids[::-1, 100:160], VOCABULARY)
    for row in range(2):
        runtime.call("qopt_session_truncate", session, ctypes.c_int64(row), ctypes.c_int64(100))
    fork = ctypes.c_void_p()
    runtime.call("qopt_session_fork", session, ctypes.byref(fork))
    compare(f"{name}, after truncation", full[:, 100:], runtime.decode(session, ids[:, 100:], VOCABULARY))
    again = runtime.decode(fork, ids[:, 100:], VOCABULARY)
    compare(f"{name}, from a fork", full[:, 100:], again)

    # A context that is full is refused, and nothing has changed.
    for wrong, status, words in ((ids[:, :7], 6, "256"), (ids[:, :1] * 0 - 1, 3, "-1"), (ids[:, :1] * 0 + VOCABULARY, 3, "2048")):
        try:
            runtime.decode(session, wrong, VOCABULARY)
        except Failed as error:
            check(error.status == status and words in str(error), f"{name}: status {error.status}, {error}")
        else:
            check(False, f"{name}: ids {wrong[0]} after {TOKENS} of 256 tokens were accepted")
        check(runtime.library.qopt_session_length(session, 0) == TOKENS, f"{name}: the length changed")
    for handle in (session, fork, alone):
        runtime.library.qopt_session_free(handle)
    runtime.library.qopt_program_free(program)
