"""Checks test/Numerics/budgets.yaml: budgets.py TEST_FOLDER"""

import glob
import os
import sys

folder = sys.argv[1]
sys.path.insert(0, os.path.join(folder, "EndToEnd", "Inputs"))
from harness import read_budgets  # noqa: E402

METRICS = {"relative", "absolute", "range", "change", "kl", "factor"}
sources = ""
for pattern in ("unit/**/*.cpp", "unit/**/*.h", "EndToEnd/Inputs/*.py"):
    for path in glob.glob(os.path.join(folder, pattern), recursive=True):
        with open(path) as file:
            sources += file.read()

entries = read_budgets()
seen = set()
for entry in entries:
    assert list(entry) == ["operation", "types", "target", "metric", "bound", "reason"], entry
    key = (entry["operation"], entry["types"], entry["target"])
    assert key not in seen, f"two budgets for {key}"
    seen.add(key)
    assert entry["metric"] in METRICS, f"{key}: metric {entry['metric']}"
    assert 0 <= float(entry["bound"]) < 2 and len(entry["reason"]) > 10, entry
    assert f'"{entry["operation"]}"' in sources, f"no test reads the budget of {key}"
assert len(entries) > 20, f"{len(entries)} budgets were read"
print(f"{len(entries)} budgets")
