"""--help of every tool: at most 50 lines of 120 columns, examples, exit codes, and the flags that all share. Usage: help.py PYTHON"""

import subprocess
import sys

COMMON = ("--quiet", "--threads", "--json")
TOOLS = {
    ("qopt-compile",): COMMON,
    ("qopt-run",): COMMON,
    ("qopt-eval",): COMMON,
    ("qopt-translate",): ("--quiet",),
    ("qopt-opt",): ("--list-passes",),
    (sys.argv[1], "-m", "qopt"): (),
    (sys.argv[1], "-m", "qopt", "tokenize"): COMMON,
    (sys.argv[1], "-m", "qopt", "detokenize"): COMMON,
}

problems = []
for tool, flags in TOOLS.items():
    name = " ".join(("python",) + tool[1:]) if len(tool) > 1 else tool[0]
    shown = subprocess.run([*tool, "--help"], capture_output=True, encoding="utf-8")
    lines = shown.stdout.splitlines()
    problems += [f"{name}: no {flag}" for flag in flags if flag not in shown.stdout]
    if shown.returncode or shown.stderr:
        problems.append(f"{name}: exit code {shown.returncode}, {shown.stderr}")
    if len(lines) > 50:
        problems.append(f"{name}: {len(lines)} lines")
    problems += [f"{name}: {len(line)} columns: {line}" for line in lines if len(line) > 120]
    if len(tool) < 4:
        examples = [line for line in lines if line.startswith("  ") and name in line]
        if len(examples) < 3:
            problems.append(f"{name}: {len(examples)} examples")
        if "exit codes" not in shown.stdout.lower():
            problems.append(f"{name}: no exit codes")
print(*problems, sep="\n")
sys.exit(bool(problems))
