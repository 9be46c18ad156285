"""How the tests below this folder are run: `ninja check-qopt`, or lit on a file or folder of build/test."""

import glob
import importlib.util
import os
import shutil
import sys

import lit.formats

config.name = "qopt"
# The tests use lit's own shell, so they run alike everywhere and need no bash.
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["unit", "Inputs", "Tools", "CMakeLists.txt"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.qopt_build, "test")

shared_models = os.path.join(os.path.dirname(config.qopt_source), "shared", "models")
path = [os.path.join(config.qopt_build, "bin"), config.llvm_tools, os.path.dirname(config.python), os.environ["PATH"]]
config.environment["PATH"] = os.pathsep.join(p for p in path if p)
config.environment["PYTHONPATH"] = os.path.join(config.qopt_source, "python")
config.environment["PYTHONDONTWRITEBYTECODE"] = "1"
# LLVM's allocators mark memory as poisoned only where LLVM itself was built with the sanitizer; ours is not.
config.environment["ASAN_OPTIONS"] = "allow_user_poisoning=0"
for name in ("QOPT_ISA", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "LD_LIBRARY_PATH"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

# How many damaged files the readers get: check-long-fuzz asks for more.
config.environment["QOPT_FUZZ_ROUNDS"] = lit_config.params.get("fuzz-rounds", "60")

config.substitutions += [
    ("%python", f'"{config.python}"'),
    ("%source", config.qopt_source),
    ("%build", config.qopt_build),
    ("%tablegen-includes", config.tablegen_includes),
    ("%models", os.path.join(config.qopt_source, "models")),
    ("%shared-models", shared_models),
]

# From a CUDA toolkit, or the Python package that python/requirements.txt names.
nvidia = importlib.util.find_spec("nvidia")
packages = [found for folder in nvidia.submodule_search_locations for found in glob.glob(os.path.join(folder, "*", "bin"))] if nvidia else []
nvdisasm = shutil.which("nvdisasm", path=os.pathsep.join([config.environment["PATH"], *packages]))
config.substitutions += [("%ptxas", config.ptxas), ("%nvdisasm", nvdisasm or "")]

# `REQUIRES:` words. Every test passes without them; with them it tries more.
if config.has_compiler:
    config.available_features.add("compiler")
if config.ptxas:
    config.available_features.add("ptxas")
elif config.has_compiler and os.environ.get("QOPT_CI"):
    lit_config.fatal("there is no ptxas, and this is a run that must not skip its tests: pip install -r python/requirements.txt")
if nvdisasm:
    config.available_features.add("nvdisasm")
if os.path.isdir(shared_models):
    config.available_features.add("shared-models")
if shutil.which("qemu-x86_64"):
    config.available_features.add("qemu-user")
elif config.has_compiler and os.environ.get("QOPT_CI"):
    lit_config.fatal("there is no qemu-x86_64, and this is a run that must not skip its tests: apt-get install qemu-user")
if sys.platform == "linux":
    with open("/proc/cpuinfo") as f:
        flags = next((line.split(":")[1].split() for line in f if line.startswith("flags")), [])
    for feature, needs in {
        "isa-avx2": ("avx2", "fma", "f16c", "bmi2"),
        "isa-avx512": ("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd", "fma", "f16c", "bmi2"),
        "isa-avx512vnni": ("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd", "avx512_vnni"),
    }.items():
        if all(flag in flags for flag in needs):
            config.available_features.add(feature)
