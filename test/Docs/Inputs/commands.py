"""Runs the commands of a document and compares what they print: commands.py DOCUMENT MODELS FOLDER

In an indented block, "$ " begins a command and "> " goes on with it; what follows is its output. "…" stands for any text in a line, and alone
on a line for any lines. All commands run in one shell, in FOLDER, where `models` is MODELS.
"""

import os
import re
import subprocess
import sys

document, models, folder = sys.argv[1:]
INDENT = "    "


def read_commands():
    commands = []
    for number, line in enumerate(open(document, encoding="utf-8"), 1):
        line = line.rstrip("\n")
        if line.startswith(INDENT + "$ "):
            commands.append((number, [line[len(INDENT) + 2 :]], []))
        elif line.startswith(INDENT + "> "):
            commands[-1][1].append(line[len(INDENT) + 2 :])
        elif line.startswith(INDENT) and commands:
            commands[-1][2].append(line[len(INDENT) :])
    return commands


def pattern(lines):
    """A "…" that ends a line may also stand for nothing; runs of blanks are one."""
    parts = []
    for line in lines:
        if line == "…":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*".join(re.escape(word) for word in re.split(" *… *", " ".join(line.split()))) + r"\n")
    return re.compile("".join(parts))


os.symlink(models, os.path.join(folder, "models"))
shell = subprocess.Popen(["sh"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8")
END = "--end of command--"
commands = read_commands()
failed = not commands
for number, command, expected in commands:
    shell.stdin.write("\n".join(command) + f'\necho "{END} $?"\n')
    shell.stdin.flush()
    printed, status = [], None
    for line in shell.stdout:
        if line.startswith(END):
            status = line.split()[-1]
            break
        printed.append(" ".join(line.split()))
    if status != "0":
        print(f"{document}:{number}: exit code {status}: {command[0]}", *printed, sep="\n  ")
        failed = True
    elif not pattern(expected).fullmatch("".join(line + "\n" for line in printed)):
        print(f"{document}:{number}: {command[0]}", "printed:", *("  " + line for line in printed), "expected:", *("  " + line for line in expected), sep="\n")
        failed = True
shell.stdin.close()
print(f"{len(commands)} commands")
sys.exit(bool(failed) or shell.wait() != 0)
