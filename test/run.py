#!/usr/bin/env python3
"""Runs the tests of a build with lit and ends with one line: N passed, N failed.

usage: run.py BUILD/test [lit options or tests]
"""

import glob
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile

PASSED = {"PASS", "FLAKYPASS", "XFAIL"}
SKIPPED = {"UNSUPPORTED", "SKIPPED", "EXCLUDED"}


def main():
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip())
        return 0 if len(sys.argv) > 1 else 2
    folder, arguments = sys.argv[1], sys.argv[2:]
    if not importlib.util.find_spec("lit"):
        print(f"error: {sys.executable} has no lit; run ./bootstrap test, which makes .venv with it, "
              "or pip install -r python/requirements.txt", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as scratch:
        report = os.path.join(scratch, "report.json")
        suites = [folder]
        if glob.glob(os.path.join(folder, "unit", "*Tests")):
            suites.append(os.path.join(folder, "unit"))
        command = [sys.executable, "-c", "from lit.main import main; main()", "-sv", "--output", report]
        # A test that hangs is a failure with a name; lit needs psutil to end it.
        if importlib.util.find_spec("psutil"):
            command.append("--timeout=900")
        status = subprocess.call(command + arguments + suites)
        if not os.path.exists(report):
            print("error: lit ended without a report", file=sys.stderr)
            return status or 1
        with open(report) as f:
            tests = json.load(f)["tests"]
    passed = sum(t["code"] in PASSED for t in tests)
    skipped = [t for t in tests if t["code"] in SKIPPED]
    failed = len(tests) - passed - len(skipped)
    for test in skipped:
        reason = re.search(r"unavailable features: (.*)", test.get("output", ""))
        print(f"skipped: {test['name']}" + (f" (there is no {reason[1]})" if reason else ""))
    print(f"{passed} passed, {failed} failed" + (f", {len(skipped)} skipped" if skipped else ""))
    return 1 if failed or status or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
