"""Compiling files larger than memory should be: large.py MAKER FOLDER SIZE...

MAKER is the script that writes a Llama-shaped ONNX file with random weights; SIZE is 22-layer (2.2 GB, f16) or 8b (16 GB). Private memory is
sampled from /proc. Prints one line of figures; everything that was written is deleted.
"""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time

from harness import check, fresh, run

maker, folder, *sizes = sys.argv[1:]
GIB = 1 << 30
SHAPES = {"22-layer": [], "8b": ["--layers", 32, "--dim", 4096, "--heads", 32, "--kv-heads", 8, "--ffn", 14336, "--vocab", 128256]}
# Disk, private memory, and seconds (or at least 0.3 GB/s).
LIMITS = {"22-layer": (5 * GIB, 10**9, None), "8b": (24 * GIB, 2 * 10**9, 240)}


def private_bytes(process):
    try:
        with open(f"/proc/{process.pid}/status") as status:
            found = re.search(r"RssAnon:\s+(\d+)", status.read())
    except OSError:
        found = None
    return int(found.group(1)) * 1024 if found else 0


def processor_seconds():
    """Of all processes of the machine."""
    with open("/proc/stat") as stat:
        return sum(map(int, stat.readline().split()[1:4])) / os.sysconf("SC_CLK_TCK")


def compile_watched(model, output, threads, data_limit=None):
    """Seconds, seconds of the processors, the processors that others took meanwhile, and the most private bytes that were seen."""
    def limit():
        if data_limit:
            resource.setrlimit(resource.RLIMIT_DATA, (data_limit, data_limit))

    before, begin, peak = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic(), 0
    machine = processor_seconds()
    command = ["qopt-compile", model, "--w4a16", "--quiet", "--force", f"--threads={threads}", "-o", output]
    process = subprocess.Popen(command, preexec_fn=limit)
    while process.poll() is None:
        peak = max(peak, private_bytes(process))
        time.sleep(0.01)
    seconds, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    check(process.returncode == 0, f"{command}: exit code {process.returncode}")
    check(peak, "no sample of private memory was taken")
    own = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, own, max(0, processor_seconds() - machine - own) / seconds, peak


def measure(size):
    _, private_allowed, seconds_allowed = LIMITS[size]
    model, artefact = os.path.join(folder, "model.onnx"), os.path.join(folder, "out.qopt")
    run(sys.executable, maker, model, *SHAPES[size], timeout=1800)
    source = os.path.getsize(model + ".data")
    seconds, processor, others, peak = compile_watched(model, artefact, threads=2, data_limit=source // 2)
    print(f"{size}: {source / 1e9:.2f} GB of weights in {seconds:.1f} s ({source / 1e9 / seconds:.2f} GB/s, {processor:.1f} s of processors) on 2 threads, "
          f"others took {others:.2f} processors; {peak / 1e6:.0f} MB private, {sum(e.stat().st_size for e in os.scandir(artefact)) / 1e6:.0f} MB written", flush=True)
    check(peak <= private_allowed, f"{peak} bytes of private memory, more than {private_allowed}")
    # A busy machine says nothing about the time that passes; what was computed on two threads is then a lower bound of it.
    counted = seconds if others < 0.1 else processor / 2
    check(seconds_allowed or source / 1e9 / counted >= 0.3, f"{source / 1e9 / counted:.2f} GB/s, less than 0.3")
    check(not seconds_allowed or counted <= seconds_allowed, f"{counted:.0f} s, more than {seconds_allowed}")
    if size == "22-layer":
        single = os.path.join(folder, "single.qopt")
        compile_watched(model, single, threads=1)
        for name in os.listdir(artefact):
            run("cmp", os.path.join(artefact, name), os.path.join(single, name), timeout=600)
        shutil.rmtree(single)
    bench = run("qopt-run", artefact, "--bench", "--threads=2", "--quiet", "--json", "-", timeout=1800)
    figures = json.loads(bench.stdout)
    print(f"{size}: decode {figures['decode_tokens_per_s']:.2f} tok/s, prefill {figures['prefill_tokens_per_s']:.1f} tok/s, "
          f"{figures['peak_private_bytes'] / 1e6:.0f} MB private, {figures['isa']}, {figures['threads']} threads")
    check(figures["decode_tokens_per_s"] > 0, f"{figures}")
    ids = run("qopt-run", artefact, "--generate", "--prompt-ids", "1,2,3", "--max-tokens", 8, "--quiet", timeout=1800).stdout
    check(len(re.findall(r"\d+", ids)) >= 8, f"decoded {ids!r}")


fresh(folder)
needed, free = max(LIMITS[size][0] for size in sizes), shutil.disk_usage(folder).free
print(f"needs {needed / GIB:.0f} GiB of disk in {folder}, {free / GIB:.1f} are free", flush=True)
check(free >= needed, "not enough disk")
try:
    for each in sizes:
        fresh(folder)
        measure(each)
finally:
    shutil.rmtree(folder, ignore_errors=True)
