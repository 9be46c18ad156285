"""Fails for anything registered that no test covers: coverage.py SOURCE INCLUDES

- a pass: a test whose RUN line names it and which checks what comes out
- an operation, type or attribute: a test that takes it through text and bytecode
- a message of a verifier, of type inference or of a parser: a --verify-diagnostics test that expects it
"""

import glob
import json
import os
import re
import subprocess
import sys

source, includes = sys.argv[1], sys.argv[2].split(";")
DIALECTS = {"QOpt": "qopt", "QKernel": "qkernel"}


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class Test:
    def __init__(self, path):
        self.text = read(path)
        runs = re.findall(r"RUN:\s*(.*)", self.text)
        self.runs = " ".join(runs)
        self.checks = "FileCheck" in self.runs
        self.diagnoses = "verify-diagnostics" in self.runs
        self.bytecode = "emit-bytecode" in self.runs and self.checks
        # What the test holds besides its comments.
        self.code = "\n".join(line.split("//")[0] for line in self.text.splitlines())
        self.expected = re.findall(r"expected-(?:error|warning|remark)(?:-re)?\s*(?:@[^{]*)?\{\{(.*?)\}\}", self.text)


tests = [Test(path) for pattern in ("mlir", "test") for path in glob.glob(os.path.join(source, "test", "**", f"*.{pattern}"), recursive=True)]
missing = []

# Passes of ours, as qopt-opt lists them.
listing = subprocess.run(["qopt-opt", "--list-passes"], capture_output=True, encoding="utf-8", check=True).stdout
passes = sorted(set(re.findall(r"^\s*--(qopt-[a-z0-9-]+)\s", listing, re.MULTILINE)))
for name in passes:
    if not any((test.checks or test.diagnoses) and re.search(rf"{name}(?![a-z0-9-])", test.runs) for test in tests):
        missing.append(f"pass --{name}: no FileCheck test runs it")

# What the dialects define.
count = 0
for folder, dialect in DIALECTS.items():
    command = ["llvm-tblgen", "--dump-json", os.path.join(source, "dialects", folder, f"{folder}Ops.td")] + [f"-I{path}" for path in includes]
    records = json.loads(subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout)

    # An enumeration is spelled by the operations that hold it.
    enumerations = records["!instanceof"].get("EnumAttr", [])

    def defined(kind, field, sigil):
        for name in records["!instanceof"].get(kind, []):
            if name in enumerations:
                continue
            record = records[name]
            place = record.get("opDialect") or record.get("dialect")
            if place and records[place["def"]]["name"] == dialect and record.get(field):
                yield f"{sigil}{dialect}.{record[field]}"

    found = list(defined("Op", "opName", "")) + list(defined("TypeDef", "mnemonic", "!")) + list(defined("AttrDef", "mnemonic", "#"))
    count += len(found)
    for name in found:
        # Attributes may be printed without their dialect's name, by the operation that holds them.
        short = name.split(".")[1]
        pattern = rf"(?<![\w.]){re.escape(name)}(?![\w])" if name[0] != "#" else rf"(?:{re.escape(name)}|[ <(]{re.escape(short)}\b|#{dialect}<{re.escape(short)})"
        if not any(test.bytecode and re.search(pattern, test.code) for test in tests):
            missing.append(f"{name}: no round trip through text and bytecode")

# Messages.
messages = 0
expected = [text for test in tests if test.diagnoses for text in test.expected]
files = [path for folder in ("dialects", "lib/Analysis", "lib/Passes/Verify") for path in glob.glob(os.path.join(source, folder, "**", "*.cpp"), recursive=True)]
for path in sorted(files):
    code = re.sub(r"//[^\n]*", "", read(path))
    for match in re.finditer(r"\b(?:emit(?:OpError|Error|OptionalError)|EmitError)\s*\(", code):
        statement = code[match.start():code.find(";", match.start())]
        statement = re.sub(r'"\s*\n\s*"', "", statement)
        parts = [part.replace('\\"', '"') for part in re.findall(r'"((?:[^"\\]|\\.)*)"', statement)]
        parts = [part for part in parts if len(part.strip()) > 1]
        if not parts:
            continue
        messages += 1
        # A part of which a condition chooses one stands for itself.
        if "?" in re.sub(r'"(?:[^"\\]|\\.)*"', "", statement):
            covered = any(any(part in text for part in parts) for text in expected)
        else:
            pattern = ".*".join(map(re.escape, parts))
            covered = any(re.search(pattern, text) for text in expected)
        if not covered:
            line = code.count("\n", 0, match.start()) + 1
            missing.append(f"{os.path.relpath(path, source)}:{line}: no --verify-diagnostics test expects \"{' … '.join(parts)}\"")

print(f"{len(passes)} passes, {count} operations, types and attributes, {messages} messages; {len(missing)} without a test")
print("\n".join(missing))
sys.exit(bool(missing) or not passes or not count)
