"""A dialect plugin in qopt-opt and qopt-compile: dialect_plugin.py SOURCE BUILD MODEL_FOLDER FOLDER"""

import os
import sys

from harness import build_out_of_tree, check, fresh, run

source, build, models, folder = sys.argv[1:]
fresh(folder)
plugin = build_out_of_tree(source, build, os.path.join(folder, "build"), "libTinyDialect.so")

model = os.path.join(models, "classics1m-genai.onnx")
text, out = os.path.join(folder, "model.mlir"), os.path.join(folder, "quantized.mlir")
run("qopt-compile", model, "--stop-after=model", "--quiet", "--force", "-o", text)
with open(text) as file:
    lines = file.read().splitlines()
check(lines[0].startswith("module"), f"the text begins with {lines[0]}")
with open(text, "w") as file:
    file.write("\n".join([lines[0], '  "tiny.note"() : () -> ()', *lines[1:]]))

step = ("qopt-compile", text, "--start-from=model", f"--sources={model}", "--stop-after=quantized", "--w4a16", "--quiet",
        "--force", "-o", out)
dialect = f"--load-dialect-plugin={plugin}"


def refused(code, words, *flags):
    result = run(*step, *flags, expect=code)
    check(words in result.stderr, f"{flags}: the message lacks {words}: {result.stderr}")
    check(not os.path.exists(out), f"{flags}: something was written")


refused(3, "unregistered dialect")
refused(3, "model.mlir", f"--load-dialect-plugin={text}")
# It parses with the plugin, and has to be gone at the level's end.
refused(1, "'tiny.note' op does not belong to the 'quantized' level", dialect)
run(*step, dialect, f"--load-pass-plugin={plugin}", "--insert-pass=before:quantized:tiny-drop-notes")
with open(out) as file:
    check("tiny.note" not in file.read(), "the pass did not run")

run("qopt-opt", text, expect=1)
check("tiny.note" in run("qopt-opt", dialect, text).stdout, "qopt-opt lost the operation")
