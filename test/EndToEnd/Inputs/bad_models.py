"""Models that must be refused, and links that must not: bad_models.py qopt-translate|qopt-compile MODEL_FOLDER

Each refusal has the right exit code, says what is wrong, and leaves nothing behind.
"""

import os
import random
import shutil
import sys
import tempfile
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from harness import run

MODELS = os.path.abspath(sys.argv.pop())
TOOL = sys.argv.pop()
FLAGS, OUTPUT = {"qopt-translate": (["--import-onnx"], "out.mlir"), "qopt-compile": (["--target=cpu", "--quiet"], "out.qopt")}[TOOL]
BAD_INPUT, UNSUPPORTED, USAGE = 3, 4, 2


class Models(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.outside = scratch.name
        self.folder = os.path.join(scratch.name, "model")
        self.work = os.path.join(scratch.name, "work")
        os.makedirs(self.folder)
        os.makedirs(self.work)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def genai(self, data=True):
        shutil.copy(os.path.join(MODELS, "classics1m-genai.onnx"), self.path("m.onnx"))
        if data:
            shutil.copy(os.path.join(MODELS, "classics1m-genai.onnx.data"), self.path("classics1m-genai.onnx.data"))
        return self.path("m.onnx")

    def snapshot(self):
        return sorted((root, tuple(sorted(folders)), tuple(sorted(files))) for root, folders, files in os.walk(self.outside))

    def refuse(self, model, code, *words, flags=()):
        before = self.snapshot()
        result = run(TOOL, model, *FLAGS, *flags, "-o", os.path.join(self.work, OUTPUT), expect=code, cwd=self.work, timeout=60)
        self.assertEqual(self.snapshot(), before, "something was written")
        self.assertIn("error", result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)

    def accept(self, model):
        run(TOOL, model, *FLAGS, "-o", os.path.join(self.work, OUTPUT), cwd=self.work)


class BadModels(Models):
    # --- the file itself ---

    def test_no_such_file(self):
        self.refuse(self.path("none.onnx"), BAD_INPUT, "none.onnx")

    def test_empty_file(self):
        open(self.path("m.onnx"), "w").close()
        self.refuse(self.path("m.onnx"), BAD_INPUT, "m.onnx")

    def test_not_onnx(self):
        for data in (b"hello, this is no model\n" * 40, bytes(range(256)) * 16, b"\x00" * 4096, b"\xff" * 4096):
            with open(self.path("m.onnx"), "wb") as file:
                file.write(data)
            self.refuse(self.path("m.onnx"), BAD_INPUT, "m.onnx")

    def test_truncated(self):
        with open(os.path.join(MODELS, "classics1m-vanilla.onnx"), "rb") as file:
            data = file.read()
        for size in (1, 100, 5000, len(data) // 2, len(data) - 1):
            with open(self.path("m.onnx"), "wb") as file:
                file.write(data[:size])
            self.refuse(self.path("m.onnx"), BAD_INPUT, "m.onnx")

    def test_flipped_bytes_never_crash_the_reader(self):
        rounds = int(os.environ.get("QOPT_FUZZ_ROUNDS", "60"))
        if TOOL == "qopt-compile":
            rounds //= 10  # a file that is still good takes seconds
        # Whatever a damaged file says, the answer is an answer; a flipped bit of a name may change nothing.
        random.seed(4)
        model = self.genai()
        with open(model, "rb") as file:
            good = file.read()
        for _ in range(rounds):
            data = bytearray(good)
            for _ in range(random.choice((1, 1, 2, 8))):
                data[random.randrange(len(data))] = random.randrange(256)
            with open(model, "wb") as file:
                file.write(data)
            run(TOOL, model, *FLAGS, "-o", os.path.join(self.work, OUTPUT), expect=(0, 1, BAD_INPUT, UNSUPPORTED, 6), cwd=self.work, timeout=60)
            for name in os.listdir(self.work):
                path = os.path.join(self.work, name)
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)

    def test_a_folder_without_a_model(self):
        self.refuse(self.folder, BAD_INPUT)

    # --- external data ---

    def relocate(self, location, **more):
        """The model with the location of all its external data changed."""
        model = onnx.load(self.genai(data=False), load_external_data=False)
        for tensor in model.graph.initializer:
            for entry in tensor.external_data:
                if entry.key == "location":
                    entry.value = location
                if entry.key in more:
                    entry.value = more[entry.key]
        onnx.save(model, self.path("m.onnx"))
        return self.path("m.onnx")

    def data_at(self, *names):
        path = os.path.join(self.outside, *names)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copy(os.path.join(MODELS, "classics1m-genai.onnx.data"), path)
        return path

    def test_missing_data(self):
        self.refuse(self.genai(data=False), BAD_INPUT, "classics1m-genai.onnx.data")

    def test_short_data(self):
        model = self.genai()
        os.truncate(self.path("classics1m-genai.onnx.data"), 100000)
        self.refuse(model, BAD_INPUT, "classics1m-genai.onnx.data")

    def test_data_in_the_folder_above(self):
        self.data_at("w.data")
        self.refuse(self.relocate("../w.data"), BAD_INPUT, "../w.data")

    def test_data_through_a_folder_and_back(self):
        self.data_at("w.data")
        os.makedirs(self.path("sub"))
        self.refuse(self.relocate("sub/../../w.data"), BAD_INPUT, "sub/../../w.data")

    def test_data_at_an_absolute_path(self):
        path = self.data_at("w.data")
        self.refuse(self.relocate(path), BAD_INPUT, path)

    def test_data_through_a_link_that_leaves(self):
        os.symlink(self.data_at("w.data"), self.path("w.data"))
        self.refuse(self.relocate("w.data"), BAD_INPUT, "w.data")

    def test_data_through_a_folder_link_that_leaves(self):
        self.data_at("elsewhere", "w.data")
        os.symlink(os.path.join(self.outside, "elsewhere"), self.path("sub"))
        self.refuse(self.relocate("sub/w.data"), BAD_INPUT, "sub/w.data")

    def test_data_that_is_no_file(self):
        os.makedirs(self.path("w.data"))
        self.refuse(self.relocate("w.data"), BAD_INPUT, "w.data")
        os.rmdir(self.path("w.data"))
        os.mkfifo(self.path("w.data"))
        self.refuse(self.relocate("w.data"), BAD_INPUT, "w.data")

    def test_absurd_offsets(self):
        self.data_at("model", "w.data")
        for offset in ("-1", "18446744073709551615", "99999999999999999999999", "seven", "5308415"):
            self.refuse(self.relocate("w.data", offset=offset), BAD_INPUT)

    def test_a_length_that_is_not_the_tensors(self):
        self.data_at("model", "w.data")
        self.refuse(self.relocate("w.data", length="12"), BAD_INPUT)

    def test_memory_addresses(self):
        self.refuse(self.relocate("*/_ORT_MEM_ADDR_/"), BAD_INPUT)

    def test_data_in_a_folder_below(self):
        self.data_at("model", "sub", "w.data")
        self.accept(self.relocate("sub/w.data"))

    def test_the_layout_of_model_hubs(self):
        # snapshots/revision/ holds links into blobs/: data may lie beside the link or beside what it leads to.
        blobs = os.path.join(self.outside, "blobs")
        revision = os.path.join(self.outside, "snapshots", "revision")
        os.makedirs(blobs)
        os.makedirs(revision)
        for name, blob in (("classics1m-genai.onnx", "aaaa"), ("classics1m-genai.onnx.data", "bbbb")):
            shutil.copy(os.path.join(MODELS, name), os.path.join(blobs, blob))
            os.symlink(os.path.join("..", "..", "blobs", blob), os.path.join(revision, name))
        self.accept(os.path.join(revision, "classics1m-genai.onnx"))

    def test_a_hub_link_that_leaves(self):
        blobs = os.path.join(self.outside, "blobs")
        revision = os.path.join(self.outside, "snapshots", "revision")
        os.makedirs(blobs)
        os.makedirs(revision)
        shutil.copy(os.path.join(MODELS, "classics1m-genai.onnx"), os.path.join(blobs, "aaaa"))
        os.symlink("../../blobs/aaaa", os.path.join(revision, "m.onnx"))
        os.symlink(self.data_at("private", "w.data"), os.path.join(revision, "classics1m-genai.onnx.data"))
        self.refuse(os.path.join(revision, "m.onnx"), BAD_INPUT, "classics1m-genai.onnx.data")

    # --- what it says ---

    def small(self, node, opsets=(("", 17),), initializers=(), functions=()):
        value = helper.make_tensor_value_info
        graph = helper.make_graph([node], "g", [value("x", TensorProto.FLOAT, [2, 4])], [value("y", TensorProto.FLOAT, None)], list(initializers))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid(*opset) for opset in opsets], ir_version=8, functions=list(functions))
        with open(self.path("m.onnx"), "wb") as file:
            file.write(model.SerializeToString())
        return self.path("m.onnx")

    def test_unknown_operator(self):
        self.refuse(self.small(helper.make_node("Frobnicate", ["x"], ["y"], name="node_7")), UNSUPPORTED, "Frobnicate", "node_7")

    def test_unknown_domain(self):
        node = helper.make_node("Relu", ["x"], ["y"], name="node_7", domain="org.example")
        self.refuse(self.small(node, (("", 17), ("org.example", 1))), UNSUPPORTED, "org.example", "node_7")

    def test_a_domain_that_is_not_imported(self):
        node = helper.make_node("Relu", ["x"], ["y"], name="node_7", domain="com.microsoft")
        self.refuse(self.small(node), (BAD_INPUT, UNSUPPORTED), "com.microsoft")

    def test_unknown_version(self):
        self.refuse(self.small(helper.make_node("Relu", ["x"], ["y"], name="node_7"), (("", 9999),)), UNSUPPORTED, "9999")

    def test_unused_domains_are_accepted(self):
        model = onnx.load(self.genai(), load_external_data=False)
        model.opset_import.append(helper.make_opsetid("org.example.unused", 3))
        onnx.save(model, self.path("m.onnx"))
        self.accept(self.path("m.onnx"))

    def test_unknown_attribute(self):
        self.refuse(self.small(helper.make_node("Relu", ["x"], ["y"], name="node_7", frob=3)), (BAD_INPUT, UNSUPPORTED), "frob", "node_7")

    def test_a_value_that_nothing_defines(self):
        self.refuse(self.small(helper.make_node("Add", ["x", "nowhere"], ["y"], name="node_7")), BAD_INPUT, "nowhere")

    def test_inconsistent_shapes(self):
        weight = numpy_helper.from_array(np.zeros((5, 3), np.float32), "w")
        self.refuse(self.small(helper.make_node("MatMul", ["x", "w"], ["y"], name="node_7"), initializers=[weight]), BAD_INPUT, "node_7")

    def test_a_constant_shorter_than_its_shape(self):
        weight = numpy_helper.from_array(np.zeros((4, 3), np.float32), "w")
        weight.dims[0] = 1 << 40
        self.refuse(self.small(helper.make_node("MatMul", ["x", "w"], ["y"], name="node_7"), initializers=[weight]), BAD_INPUT, "w")
        weight.dims[0] = 1 << 62
        self.refuse(self.small(helper.make_node("MatMul", ["x", "w"], ["y"], name="node_7"), initializers=[weight]), BAD_INPUT, "w")
        weight.dims[0] = -4
        self.refuse(self.small(helper.make_node("MatMul", ["x", "w"], ["y"], name="node_7"), initializers=[weight]), BAD_INPUT, "w")

    def test_a_function_that_calls_itself(self):
        function = helper.make_function("local", "F", ["a"], ["b"], [helper.make_node("F", ["a"], ["b"], domain="local")], [helper.make_opsetid("local", 1)])
        self.refuse(self.small(helper.make_node("F", ["x"], ["y"], name="node_7", domain="local"), (("", 17), ("local", 1)), functions=[function]), BAD_INPUT, "F")

    def test_functions_that_explode(self):
        functions = [helper.make_function("local", "F0", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])], [helper.make_opsetid("", 17)])]
        for level in range(1, 64):
            calls = [helper.make_node(f"F{level - 1}", ["a"], ["m"], domain="local"), helper.make_node(f"F{level - 1}", ["m"], ["b"], domain="local")]
            functions.append(helper.make_function("local", f"F{level}", ["a"], ["b"], calls, [helper.make_opsetid("local", 1)]))
        node = helper.make_node("F63", ["x"], ["y"], name="node_7", domain="local")
        self.refuse(self.small(node, (("", 17), ("local", 1)), functions=functions), (BAD_INPUT, UNSUPPORTED, 6))



@unittest.skipUnless(TOOL == "qopt-compile", "these are the compiler's flags")
class Requests(Models):

    def test_usage(self):
        model = self.genai()
        for flags, *words in ((("--w3a99",), "--w3a99"), (("--f16", "--w4a16"), "--f16", "--w4a16"), (("--group-size=48",), "48", "128"),
                              (("--threads", "many"), "many"), (("--context", "-5"), "--context"), (("--batch=0",), "--batch"),
                              (("--w4a16", "--scheme=magic"), "magic", "rtn"), (("--stop-after=nonsense",), "nonsense", "quantized"),
                              (("--start-from=code",), "code", "kernels"), (("--symmetric", "--asymmetric"), "--asymmetric"),
                              (("--kv=int3",), "int3", "fp8"), (("--io=onnx", "--kv=fp8"), "--io=onnx", "--kv=f32"), (("--head=i4",), "i4", "int4")):
            with self.subTest(flags=flags):
                self.refuse(model, USAGE, *words, flags=flags)
        run("qopt-compile", expect=USAGE)
        run("qopt-compile", model, "--target=toaster", "-o", os.path.join(self.work, "out.qopt"), expect=(USAGE, UNSUPPORTED))
        self.assertEqual(os.listdir(self.work), [])

    def test_a_context_beyond_the_models(self):
        self.refuse(self.genai(), USAGE, "512", "100000", flags=("--context", "100000"))

    def test_a_folder_as_the_model(self):
        # The one model in a folder is found; among several, one has to be named.
        self.genai()
        run("qopt-compile", self.folder, "--quiet", "--stop-after=model", "-o", os.path.join(self.work, "out.mlir"), cwd=self.work)
        with open(os.path.join(self.work, "out.mlir")) as file:
            self.assertIn("qopt.cached_attention", file.read())
        os.unlink(os.path.join(self.work, "out.mlir"))
        self.refuse(MODELS, BAD_INPUT, "3", "classics1m-dynamo.onnx")

    def test_texts_that_are_no_level(self):
        self.genai()
        text = self.path("level.mlir")
        for content in ("", "hello", "module {", "module { func.func @main() }"):
            with open(text, "w") as file:
                file.write(content)
            for level in ("model", "quantized", "kernels"):
                with self.subTest(content=content, level=level):
                    self.refuse(text, (1, BAD_INPUT), flags=(f"--start-from={level}",))

    def test_an_existing_artefact_is_kept(self):
        model = self.genai()
        out = os.path.join(self.work, "out.qopt")
        os.makedirs(out)
        with open(os.path.join(out, "mine"), "w") as file:
            file.write("mine")
        before = self.snapshot()
        result = run("qopt-compile", model, "--target=cpu", "-o", out, expect=(1, USAGE), cwd=self.work)
        self.assertIn("--force", result.stderr)
        self.assertEqual(self.snapshot(), before)

    def test_a_folder_that_is_no_artefact_is_kept_even_by_force(self):
        model = self.genai()
        out = os.path.join(self.work, "precious")
        os.makedirs(out)
        with open(os.path.join(out, "mine"), "w") as file:
            file.write("mine")
        before = self.snapshot()
        run("qopt-compile", model, "--target=cpu", "--force", "-o", out, expect=(1, USAGE, BAD_INPUT), cwd=self.work)
        self.assertEqual(self.snapshot(), before)

    def test_where_nothing_can_be_written(self):
        before = self.snapshot()
        run("qopt-compile", os.path.join(MODELS, "classics1m-genai.onnx"), "--target=cpu", "-o", os.path.join(self.work, "no", "such", "out.qopt"), expect=(1, USAGE, BAD_INPUT), cwd=self.work)
        self.assertEqual(self.snapshot(), before)


if __name__ == "__main__":
    unittest.main()
