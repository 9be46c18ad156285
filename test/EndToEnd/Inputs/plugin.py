"""The example plugin in the compiler and in qopt-opt: plugin.py PLUGIN_SOURCE BUILD MODEL_FOLDER FOLDER"""

import os
import sys

from harness import build_out_of_tree, check, compile_model, fresh, generate, run

source, build, models, folder = sys.argv[1:]
fresh(folder)
model = os.path.join(models, "classics1m-genai.onnx")
plugin = build_out_of_tree(source, build, os.path.join(folder, "build"), "libQOptExamplePlugin.so")

# At most 150 lines, build file included.
lines = sum(len(open(os.path.join(source, name)).readlines()) for name in os.listdir(source))
check(lines <= 150, f"the example plugin has {lines} lines")

own = compile_model(model, os.path.join(folder, "own.qopt"), "--w4a16")
replaced = os.path.join(folder, "replaced.qopt")
result = run("qopt-compile", model, "--w4a16", "--force", "-o", replaced, "--explain", f"--load-pass-plugin={plugin}",
             "--insert-pass=after:model:example-count-contractions")
check("29 contractions" in result.stderr, f"the pass did not report: {result.stderr}")

# Every contraction with 4-bit weights is the plugin's, the 8-bit head is not.
launches = [line.split() for line in result.stdout.splitlines() if " compute " in line]
for launch, _, lowering, *_ in launches:
    if launch.split(".")[-1] in ("{q,k,v}", "o", "{gate,up}", "down"):
        check(lowering == "example-w4-gemv", f"{launch} is lowered by {lowering}")
check(sum(words[2] == "example-w4-gemv" for words in launches) == 16, f"the plugin lowers other launches: {launches}")
check([words[2] for words in launches if words[0] == "head"] == ["contraction"], f"the head is the plugin's: {launches}")

prompts = ([5, 9, 2], [100, 200, 300, 400, 500], [7])
for prompt in prompts:
    check(generate(own, [prompt], 32) == generate(replaced, [prompt], 32), f"other ids after {prompt}")
with open(os.path.join(own, "module.so"), "rb") as a, open(os.path.join(replaced, "module.so"), "rb") as b:
    check(a.read() != b.read(), "the plugin changed no code")

# The same pass in qopt-opt, on the text of a level.
text = os.path.join(folder, "model.mlir")
run("qopt-compile", model, "--stop-after=model", "--quiet", "--force", "-o", text)
result = run("qopt-opt", f"--load-pass-plugin={plugin}", "--pass-pipeline=builtin.module(example-count-contractions)",
             text, "-o", os.path.join(folder, "out.mlir"))
check("29 contractions" in result.stderr, f"qopt-opt: {result.stderr}")
result = run("qopt-opt", "--load-pass-plugin=missing.so", text, "-o", os.path.join(folder, "none.mlir"), expect=1)
check("missing.so" in result.stderr and not os.path.exists(os.path.join(folder, "none.mlir")), f"qopt-opt: {result.stderr}")

# What is no plugin, no pass or no place is refused.
refused = os.path.join(folder, "refused.qopt")
for flags, code, words in (((f"--load-pass-plugin={text}",), 3, text),
                           (("--load-pass-plugin=missing.so",), 3, "missing.so"),
                           (("--insert-pass=after:model:no-such-pass",), 2, "no-such-pass"),
                           (("--insert-pass=after:code:qopt-verify-model",), 2, "model|quantized|kernels"),
                           (("--insert-pass=between:model:qopt-verify-model",), 2, "before|after")):
    result = run("qopt-compile", model, "--quiet", *flags, "-o", refused, expect=code)
    check(words in result.stderr, f"{flags}: the message lacks {words}: {result.stderr}")
    check(not os.path.exists(refused), f"{flags}: something was written")
print(f"{lines} lines of plugin; ids after {len(prompts)} prompts are the built-in lowering's")
