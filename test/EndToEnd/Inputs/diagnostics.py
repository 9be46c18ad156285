"""Diagnostics as JSON, reproducers, interruption: diagnostics.py MODEL_FOLDER FOLDER"""

import glob
import json
import os
import signal
import subprocess
import sys
import time

import onnx
from onnx import TensorProto, helper

from harness import check, fresh, run

models, folder = sys.argv[1:]
folder = os.path.abspath(fresh(folder))
temporary = fresh(os.path.join(folder, "tmp"))
genai = os.path.abspath(os.path.join(models, "classics1m-genai.onnx"))
USAGE, UNSUPPORTED = 2, 4
KEYS = {"severity", "code", "category", "file", "node", "operator", "message", "notes"}


def complaints(*arguments, expect):
    """The objects on stderr: one on each line, and nothing else."""
    text = run("qopt-compile", *arguments, "--diagnostics=json", expect=expect, cwd=folder, env={"TMPDIR": temporary}).stderr
    found = [json.loads(line) for line in text.splitlines()]
    for each in found:
        check(KEYS <= set(each), f"keys {sorted(each)}")
    return found


# Every wrong option is named.
wrong = complaints(genai, "--w4a16", "--f16", "--kv=int3", "--head=x", "--batch=0", "--stop-after=no", expect=USAGE)
for word in ("--w4a16", "--kv=int3", "--head=x", "--batch", "--stop-after=no"):
    check(sum(word in each["message"] for each in wrong) == 1, f"{word}: {wrong}")
check(all(each["code"] == USAGE and each["category"] == "usage" for each in wrong), f"{wrong}")

# Every node that is not supported is named, with its operator; names from the file are harmless.
evil = "a\x1b[31m\nb\x7f\u009bc"
nodes = [helper.make_node("NoSuchThing", ["x"], [f"y{i}"], name=f"node{i}{evil}") for i in range(60)]
graph = helper.make_graph(nodes, "bad", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4])],
                          [helper.make_tensor_value_info("y0", TensorProto.FLOAT, [4])])
bad = os.path.join(folder, "bad.onnx")
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), bad)
found = complaints(bad, expect=UNSUPPORTED)
of_nodes = [each for each in found if each["operator"] == "NoSuchThing"]
check(len(of_nodes) >= 50 and all(each["code"] == UNSUPPORTED and each["file"] == "bad.onnx" for each in of_nodes), f"{of_nodes[:2]}")
check(len({each["node"] for each in of_nodes}) >= 50, "the nodes have no names")
check("60 problems" in found[-1]["message"], f"{found[-1]}")
text = run("qopt-compile", bad, "--quiet", expect=UNSUPPORTED, cwd=folder).stderr
check(not any(letter in text for letter in ("\x1b", "\x7f", "\u009b")), "control characters of the file reach the terminal")
check(text.count("\n") == len(text.splitlines()) == len(found), f"{len(text.splitlines())} lines for {len(found)} problems")

# A warning is no error, and a success says nothing else.
check(complaints(genai, "--stop-after=model", "-o", os.path.join(folder, "model.mlir"), expect=0) == [], "a success complains")

# A pass that fails leaves a reproducer, which fails alike; what the user asked for does not.
check(complaints(genai, "--context=99999", expect=USAGE)[-1]["code"] == USAGE and not os.listdir(temporary), "a usage error left a file")
failed = run("qopt-compile", genai, "--quiet", "--insert-pass=after:model:func.func(qopt-bind-sizes{context=100000})", expect=1,
             cwd=folder, env={"TMPDIR": temporary}).stderr
reproducers = glob.glob(os.path.join(temporary, "*.mlir"))
check(len(reproducers) == 1 and reproducers[0] in failed, f"{failed} names not {reproducers}")
again = run("qopt-opt", reproducers[0], "--run-reproducer", "-o", os.path.join(folder, "again.mlir"), expect=1).stderr
check("context 100000 exceeds the 512 positions" in again and "context 100000 exceeds the 512 positions" in failed, again)

work = os.path.join(folder, "work")


def interrupt(number, handling):
    """Sends a signal, which the process was started to handle in this way, while weights are packed or kernels compiled; gives the exit code."""
    fresh(work)
    fresh(temporary)
    process = subprocess.Popen(["qopt-compile", genai, "--w4a16", "--quiet", "-o", "out.qopt"], cwd=work, env=dict(os.environ, TMPDIR=temporary),
                               preexec_fn=lambda: signal.signal(number, handling))
    while process.poll() is None and not os.listdir(work):
        time.sleep(0.01)
    check(process.poll() is None, "compiled before it could be interrupted")
    process.send_signal(number)
    return process.wait(60)


# Nothing remains, and the signal is what ended it; but a shell's background job does not see the keyboard's.
for number in (signal.SIGINT, signal.SIGTERM):
    code = interrupt(number, signal.SIG_DFL)
    check(code == -number, f"ended with {code}, expected {-number}")
    check(not os.listdir(work) and not os.listdir(temporary), f"left {os.listdir(work)} and {os.listdir(temporary)}")
code = interrupt(signal.SIGINT, signal.SIG_IGN)
check(code == 0 and os.listdir(work) == ["out.qopt"], f"an ignored signal: ended with {code}, left {os.listdir(work)}")
