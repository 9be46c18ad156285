"""Damaged artefacts and requests that cannot be served: bad_artefacts.py MODEL_FOLDER

Each refusal has the right exit code, names what is wrong and the numbers, and leaves nothing behind.
"""

import json
import os
import random
import shutil
import sys
import tempfile
import unittest

import numpy as np

from harness import compile_model, run

MODELS = os.path.abspath(sys.argv.pop())
USAGE, BAD_INPUT, UNSUPPORTED, LIMIT = 2, 3, 4, 6
ROUNDS = int(os.environ.get("QOPT_FUZZ_ROUNDS", "60"))
GENERATE = ("--generate", "--prompt-ids", "5,9,2", "--max-tokens", "4", "--quiet")


class Artefacts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.good = compile_model(os.path.join(MODELS, "classics1m-genai.onnx"), os.path.join(scratch.name, "good.qopt"), "--w4a16")

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = scratch.name
        self.artefact = os.path.join(scratch.name, "m.qopt")
        shutil.copytree(self.good, self.artefact)

    def path(self, name):
        return os.path.join(self.artefact, name)

    def read(self, name):
        with open(os.path.join(self.good, name), "rb") as file:
            return file.read()

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)

    def restore(self, name):
        if os.path.lexists(self.path(name)):
            os.unlink(self.path(name))
        shutil.copy(os.path.join(self.good, name), self.path(name))

    def snapshot(self):
        return sorted((root, tuple(sorted(folders)), tuple(sorted(files))) for root, folders, files in os.walk(self.folder))

    def refuse(self, code, *words, flags=GENERATE, tool="qopt-run"):
        before = self.snapshot()
        result = run(tool, self.artefact, *flags, expect=code, cwd=self.folder, timeout=60)
        self.assertEqual(self.snapshot(), before, "something was written")
        self.assertEqual(result.stdout, "")
        self.assertIn("error", result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)

    # --- damage ---

    def test_the_copy_is_good(self):
        self.assertEqual(run("qopt-run", self.artefact, *GENERATE).stdout, run("qopt-run", self.good, *GENERATE).stdout)

    def test_truncated_files(self):
        for name in ("manifest.json", "program.json", "weights.safetensors", "module.so"):
            data = self.read(name)
            for size in (0, 1, 7, 100, len(data) // 2, len(data) - 2):
                with self.subTest(name=name, size=size):
                    self.write(name, data[:size])
                    self.refuse(BAD_INPUT, name)
            with self.subTest(name=name, size="longer"):
                self.write(name, data + b"x")
                self.refuse(BAD_INPUT, name)
            self.restore(name)
        self.refuse(BAD_INPUT, "does-not-exist.npz", flags=("--inputs", "does-not-exist.npz", "--outputs", "o.npz"))

    def test_missing_files(self):
        for name in ("manifest.json", "program.json", "weights.safetensors", "module.so"):
            with self.subTest(name=name):
                os.unlink(self.path(name))
                self.refuse(BAD_INPUT, name)
                self.restore(name)

    def test_files_of_another_artefact(self):
        other = compile_model(os.path.join(MODELS, "classics1m-genai.onnx"), os.path.join(self.folder, "other.qopt"), "--w8a16")
        for name in ("program.json", "weights.safetensors", "module.so"):
            with self.subTest(name=name):
                shutil.copy(os.path.join(other, name), self.path(name))
                self.refuse(BAD_INPUT, name)
                self.restore(name)

    def test_code_from_elsewhere(self):
        os.unlink(self.path("module.so"))
        os.symlink(os.path.join(self.good, "module.so"), self.path("module.so"))
        self.refuse(BAD_INPUT, "module.so")

    def test_a_newer_schema(self):
        manifest = json.loads(self.read("manifest.json"))
        self.write("manifest.json", json.dumps(dict(manifest, schema=manifest["schema"] + 41)).encode())
        self.refuse(UNSUPPORTED, str(manifest["schema"]), str(manifest["schema"] + 41))
        self.write("manifest.json", json.dumps(dict(manifest, schema="new")).encode())
        self.refuse(BAD_INPUT, "schema")

    def test_another_target(self):
        manifest = json.loads(self.read("manifest.json"))
        self.write("manifest.json", json.dumps(dict(manifest, target="toaster")).encode())
        self.refuse(UNSUPPORTED, "toaster")

    def test_names_that_leave_the_folder(self):
        manifest = json.loads(self.read("manifest.json"))
        for name in ("../m.qopt/module.so", os.path.join(self.good, "module.so")):
            files = [dict(entry, name=name) if entry["name"] == "module.so" else entry for entry in manifest["files"]]
            self.write("manifest.json", json.dumps(dict(manifest, files=files)).encode())
            self.refuse(BAD_INPUT)

    def test_flipped_bytes(self):
        # What is hashed is refused wherever it changed; of the weights that is the header.
        random.seed(8)
        sizes = {name: len(self.read(name)) for name in ("program.json", "module.so")}
        sizes["weights.safetensors"] = 8 + int.from_bytes(self.read("weights.safetensors")[:8], "little")
        for name, size in sizes.items():
            good = self.read(name)
            for _ in range(max(4, ROUNDS // 6)):
                data = bytearray(good)
                place = random.randrange(size)
                data[place] ^= 1 << random.randrange(8)
                with self.subTest(name=name, place=place):
                    self.write(name, bytes(data))
                    self.refuse(BAD_INPUT, name)
            self.restore(name)

    def test_flipped_bytes_of_the_manifest_never_crash(self):
        # It is not hashed: a changed name is nothing to refuse. Whatever it says, the answer is an answer.
        random.seed(9)
        good = self.read("manifest.json")
        for _ in range(ROUNDS):
            data = bytearray(good)
            for _ in range(random.choice((1, 1, 2, 8))):
                data[random.randrange(len(data))] = random.randrange(256)
            self.write("manifest.json", bytes(data))
            run("qopt-run", self.artefact, *GENERATE, expect=(0, USAGE, BAD_INPUT, UNSUPPORTED, LIMIT), timeout=60)

    def test_what_is_no_artefact(self):
        for name in (os.path.join(MODELS, "classics1m-genai.onnx"), MODELS, os.path.join(self.folder, "none.qopt")):
            for tool, flags in (("qopt-run", GENERATE), ("qopt-eval", ("--tokens", os.path.join(MODELS, "tokens-eval.npy"), "--quiet"))):
                result = run(tool, name, *flags, expect=BAD_INPUT, timeout=60)
                self.assertIn(os.path.basename(name), result.stderr)

    # --- requests ---

    def generate(self, prompt, *flags):
        return ("--generate", f"--prompt-ids={prompt}", "--quiet", *flags)

    def test_ids_out_of_range(self):
        self.refuse(BAD_INPUT, "2048", flags=self.generate("5,2048,2", "--max-tokens=4"))
        self.refuse(BAD_INPUT, "-1", "2048", flags=self.generate("-1", "--max-tokens=4"))
        np.savez(os.path.join(self.folder, "in.npz"), ids=np.array([[1, 2, 999999]], np.int64))
        self.refuse(BAD_INPUT, "999999", "2048", flags=("--inputs", "in.npz", "--outputs", "out.npz"))
        np.save(os.path.join(self.folder, "t.npy"), np.full(512, 2048, np.int32))
        self.refuse(BAD_INPUT, "2048", tool="qopt-eval", flags=("--tokens", "t.npy", "--quiet", "--no-speed"))

    def test_a_context_that_is_full(self):
        self.refuse(LIMIT, "512", flags=self.generate(",".join(["7"] * 513), "--max-tokens=1"))
        self.refuse(LIMIT, "512", flags=self.generate("5,9,2", "--max-tokens=600"))
        np.savez(os.path.join(self.folder, "in.npz"), ids=np.zeros((1, 513), np.int64))
        self.refuse(LIMIT, "513", "512", flags=("--inputs", "in.npz", "--outputs", "out.npz"))
        run("qopt-run", self.artefact, *self.generate(",".join(["7"] * 511), "--max-tokens=2"))

    def test_more_rows_than_compiled_for(self):
        self.refuse(LIMIT, "--batch=2", flags=self.generate("5", "--prompt-ids=6", "--max-tokens=2"))

    def test_instruction_sets(self):
        result = run("qopt-run", self.artefact, *GENERATE, expect=(USAGE, UNSUPPORTED), env={"QOPT_ISA": "mmx"})
        self.assertIn("mmx", result.stderr)

    def test_tokens_that_are_none(self):
        for name, data in (("short.npy", np.zeros(3, np.int32)), ("floats.npy", np.zeros(512, np.float32))):
            np.save(os.path.join(self.folder, name), data)
            self.refuse((USAGE, BAD_INPUT), name, tool="qopt-eval", flags=("--tokens", name, "--quiet", "--no-speed"))
        self.refuse(UNSUPPORTED, "512", "1024", tool="qopt-eval",
                    flags=("--tokens", os.path.join(MODELS, "tokens-eval.npy"), "--window=1024", "--quiet", "--no-speed"))


if __name__ == "__main__":
    unittest.main()
