"""Compiles a model for every chip in several formats; each artefact must hold machine code.

usage: all_chips.py [--graph] OUTPUT_FOLDER MODEL...
"""

import json
import os
import shutil
import subprocess
import sys

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "..", "..", "EndToEnd", "Inputs"))
from launch_table import active

CHIPS = ("sm80", "sm86", "sm89", "sm90", "sm100", "sm120")

arguments = sys.argv[1:]
graph = arguments[0] == "--graph"
output, *models = arguments[1 if graph else 0:]
shutil.rmtree(output, ignore_errors=True)
os.makedirs(output)

for chip in CHIPS:
    # Every format for one chip, and every export; the others take the format with most kernels. Caches of codes everywhere.
    formats = (("f32", "f16", "bf16", "w8a16") if chip == "sm90" else ()) + ("w4a16",) + (() if graph else ("w4a16 --kv=int8", "w4a16 --kv=fp8"))
    for model in models if chip == "sm90" and not graph else models[:1]:
        for form in formats:
            artefact = os.path.join(output, f"{os.path.basename(model)}-{chip}-{form}.qopt")
            result = subprocess.run(["qopt-compile", model, f"--target={chip}", *f"--{form}".split(), "--quiet", "-o", artefact],
                                    capture_output=True, text=True)
            assert result.returncode == 0, f"{model} {chip} {form}: {result.stderr}"
            assert os.path.getsize(os.path.join(artefact, "kernels.cubin")) > 0
            with open(os.path.join(artefact, "program.json")) as file:
                program = json.load(file)
            step = active(program, {symbol["name"]: 1 for symbol in program["symbols"]})
            layer = [launch["name"] for launch in step if launch["name"].startswith("layers.0.")]
            assert graph or 0 < len(layer) <= 7, layer
