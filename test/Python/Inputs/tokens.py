"""Tests of `python -m qopt tokenize` and `detokenize`. Usage: tokens.py MODEL_FOLDER"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

import numpy as np

MODEL = sys.argv.pop()
TOKENIZER = ["--tokenizer", os.path.join(MODEL, "tokenizer.json")]
TEXT = "Emma walked out — “in the rain”.\n\tÆgir 日本"


def qopt(*arguments, stdin=b""):
    return subprocess.run([sys.executable, "-m", "qopt", *arguments], input=stdin, capture_output=True)


class Tokens(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name, data=None):
        path = os.path.join(self.folder.name, name)
        if data is not None:
            with open(path, "wb") as file:
                file.write(data)
        return path

    def refuse(self, result, code, *words):
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertEqual(result.stdout, b"")
        for word in words:
            self.assertIn(word, result.stderr.decode())

    def test_round_trip_through_a_file(self):
        out = self.path("tokens.npy")
        result = qopt("tokenize", *TOKENIZER, self.path("text.txt", TEXT.encode()), "-o", out)
        self.assertEqual((result.returncode, result.stdout), (0, b""), result.stderr)
        ids = np.load(out)
        self.assertEqual((ids.dtype, ids.ndim), (np.int32, 1))
        result = qopt("detokenize", *TOKENIZER, out)
        self.assertEqual((result.returncode, result.stdout.decode()), (0, TEXT + "\n"))

    def test_round_trip_through_pipes(self):
        ids = qopt("tokenize", *TOKENIZER, "-", stdin=TEXT.encode())
        self.assertEqual(ids.returncode, 0, ids.stderr)
        for text in (qopt("detokenize", *TOKENIZER, "-", stdin=ids.stdout), qopt("detokenize", *TOKENIZER, ids.stdout.decode().strip())):
            self.assertEqual(text.stdout.decode(), TEXT + "\n")

    def test_evaluation_tokens_are_reproduced(self):
        tokens = os.path.join(MODEL, "tokens-eval.npy")
        text, again = self.path("eval.txt"), self.path("again.npy")
        self.assertEqual(qopt("detokenize", *TOKENIZER, tokens, "-o", text).returncode, 0)
        with open(text, "rb") as file:
            data = file.read()
        self.assertEqual(qopt("tokenize", *TOKENIZER, self.path("eval.txt", data[:-1]), "-o", again).returncode, 0)
        self.assertTrue(np.array_equal(np.load(again), np.load(tokens)))

    def test_report(self):
        out, report = self.path("tokens.npy"), self.path("report.json")
        result = qopt("tokenize", *TOKENIZER, "-", "-o", out, "--json", "-", "--quiet", "--threads", "1", stdin=b"It was")
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.assertEqual(json.loads(result.stdout), {"output": out, "tokens": np.load(out).size})
        self.assertEqual(qopt("detokenize", *TOKENIZER, "611,322", "--json", report).returncode, 0)
        with open(report) as file:
            self.assertEqual(json.load(file), {"output": "-", "tokens": 2})
        self.refuse(qopt("tokenize", *TOKENIZER, "-", "--json", "-", stdin=b"It"), 2, "--json")
        self.refuse(qopt("tokenize", *TOKENIZER, "-", "--threads", "-1", stdin=b"It"), 2, "--threads")

    def test_line_ends_are_kept(self):
        ids = qopt("tokenize", *TOKENIZER, "-", stdin=b"a\r\nb").stdout
        self.assertEqual(qopt("detokenize", *TOKENIZER, "-", stdin=ids).stdout, b"a\r\nb\n")

    def test_a_line_per_sequence(self):
        self.assertEqual(len(qopt("detokenize", *TOKENIZER, "-", stdin=b"611,322\n\n260\n").stdout.splitlines()), 2)

    def test_special_tokens(self):
        self.assertEqual(qopt("detokenize", *TOKENIZER, "0,611").stdout, b"It\n")
        self.assertEqual(qopt("detokenize", *TOKENIZER, "0,611", "--special-tokens").stdout, b"<s>It\n")

    def test_usage(self):
        self.refuse(qopt(), 2, "usage:")
        self.refuse(qopt("tokenize", "-"), 2, "--tokenizer")
        self.refuse(qopt("translate"), 2, "translate")
        self.assertEqual(qopt("--help").returncode, 0)

    def test_bad_text(self):
        self.refuse(qopt("tokenize", *TOKENIZER, self.path("none.txt")), 3, "none.txt", "No such file")
        self.refuse(qopt("tokenize", *TOKENIZER, "-", stdin=b"ab\xff"), 3, "not UTF-8 at byte 2")
        self.refuse(qopt("tokenize", *TOKENIZER, "-"), 3, "no tokens")

    def test_bad_tokenizer(self):
        self.refuse(qopt("tokenize", "--tokenizer", self.path("none.json"), "-", stdin=b"a"), 3, "No such file")
        self.refuse(qopt("tokenize", "--tokenizer", self.path("t.json", b'{"model": 1}'), "-", stdin=b"a"), 3, "not a tokenizer.json")

    def test_bad_ids(self):
        self.refuse(qopt("detokenize", *TOKENIZER, "5,x"), 3, "whole numbers")
        self.refuse(qopt("detokenize", *TOKENIZER, "5,99999"), 3, "id 99999 at position 1", "2048")
        self.refuse(qopt("detokenize", *TOKENIZER, "5,-1"), 3, "id -1")
        self.refuse(qopt("detokenize", *TOKENIZER, "-"), 3, "no ids")
        self.refuse(qopt("detokenize", *TOKENIZER, self.path("f.npy", b"\x93NUMPY")), 3, "not a .npy file")
        np.save(self.path("float.npy"), np.zeros(3, np.float32))
        self.refuse(qopt("detokenize", *TOKENIZER, self.path("float.npy")), 3, "float32")

    def test_nothing_is_written_on_failure(self):
        out = self.path("out.npy")
        self.refuse(qopt("tokenize", *TOKENIZER, "-", "-o", out, stdin=b"\xff"), 3)
        self.refuse(qopt("tokenize", *TOKENIZER, "-", "-o", self.path("no/such.npy"), stdin=b"a"), 1, "No such file")
        self.assertEqual(os.listdir(self.folder.name), [])


if __name__ == "__main__":
    unittest.main()
