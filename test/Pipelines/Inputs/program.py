"""A program without what differs between the exports of one model: where weights lie and what the file calls them, and the bound that tables put on
the context. usage: program.py < IN > OUT"""

import re
import sys

for line in sys.stdin:
    line = re.sub(r"(qopt\.weight @\S+ : \S+) from .*", r"\1", line)
    sys.stdout.write(re.sub(r"qopt\.context = \d+ : i64, ", "", line))
