"""Exit codes of what a GPU target refuses, and of running where there is no GPU."""

import os
import subprocess
import sys

model, folder = sys.argv[1:]
artefact = os.path.join(folder, "gpu.qopt")


def code(*command, environment=None):
    return subprocess.run(command, capture_output=True, env=environment).returncode


assert code("qopt-compile", model, "--target=sm75", "-o", artefact) == 4
assert code("qopt-compile", model, "--target=sm80", "--emit=sass", "-o", artefact) == 2
assert not os.path.exists(artefact)
assert code("qopt-compile", model, "--target=sm80", "--emit=ptx", "--w4a16", "--quiet", "-o", artefact) == 0
assert sorted(os.listdir(artefact)) == ["kernels.ptx", "manifest.json", "program.json", "verify.safetensors", "weights.safetensors"]
# A GPU that the machine may have is hidden from the driver.
assert code("qopt-run", artefact, "--info", environment=dict(os.environ, CUDA_VISIBLE_DEVICES="")) == 4
