"""Generated ids against ONNX Runtime: generate.py MODEL_FOLDER FOLDER"""

import os
import sys

from harness import EXPORTS, Reference, check, check_greedy, compile_model, fresh, generate, isas

models, folder = sys.argv[1:]
fresh(folder)
PROMPTS = ([5, 9, 2], [100, 200, 300, 400, 500, 600, 700], [1500])
COUNT = 32

ids = {}
for export in EXPORTS:
    model = os.path.join(models, f"classics1m-{export}.onnx")
    artefact = compile_model(model, os.path.join(folder, f"{export}.qopt"), "--f32", "--batch=3")
    ids[export] = [generate(artefact, [prompt], COUNT)[0] for prompt in PROMPTS]
    reference = Reference(model)
    for prompt, row in zip(PROMPTS, ids[export]):
        check(len(row) == COUNT, f"{export}: {len(row)} ids")
        check_greedy(reference, prompt, row, margin=1e-3)
    batch = generate(artefact, PROMPTS, COUNT)
    check(batch == ids[export], f"{export}: a batch gives\n{batch}, each row alone\n{ids[export]}")
    # Rows that end early are out of the way of the others.
    two = generate(artefact, PROMPTS[1:], COUNT, f"--stop-ids={ids[export][1][4]}")
    check(two[0] == ids[export][1][:ids[export][1].index(ids[export][1][4])], f"{export}: the stop id did not stop: {two[0]}")
check(ids["genai"] == ids["vanilla"] == ids["dynamo"], f"the exports generate different ids: {ids}")
print(f"f32: {len(EXPORTS)} exports, {len(PROMPTS)} prompts, {COUNT} ids each: ONNX Runtime's")

quantized = compile_model(os.path.join(models, "classics1m-genai.onnx"), os.path.join(folder, "w4.qopt"), "--w4a16")
for name, artefact in (("f32", os.path.join(folder, "genai.qopt")), ("w4a16", quantized)):
    rows = {isa: generate(artefact, PROMPTS[:1], COUNT, env={"QOPT_ISA": isa}) for isa in isas()}
    for isa, row in rows.items():
        check(row == rows["generic"], f"{name}: {isa} generates {row}, generic {rows['generic']}")
    print(f"{name}: the same ids on", ", ".join(rows))
