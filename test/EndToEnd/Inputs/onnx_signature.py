"""--io=onnx: an artefact in the place of an ONNX Runtime session: onnx_signature.py MODEL_FOLDER FOLDER"""

import json
import os
import sys

import numpy as np

from harness import EXPORTS, Reference, budget, check, compile_model, fresh, isas, run, run_arrays

models, folder = sys.argv[1:]
fresh(folder)
TYPES = {"f32": np.float32, "i64": np.int64}


def path(*names):
    return os.path.join(folder, *names)


class Decoder:
    """One of the two sides, fed with what it gave: tokens in, logits out."""

    def __init__(self, session, run_step):
        self.inputs, self.run_step = session.inputs, run_step
        self.reset()

    def reset(self):
        self.past, self.mask = None, None

    def feed(self, ids, mask=None, positions=None):
        ids = np.asarray(ids, np.int64)
        batch, tokens = ids.shape
        new = np.ones((batch, tokens), np.int64) if mask is None else np.asarray(mask, np.int64)
        self.mask = new if self.mask is None else np.concatenate([self.mask, new], 1)
        feed = {"input_ids": ids, "attention_mask": self.mask}
        if "position_ids" in self.inputs:
            running = np.maximum(np.cumsum(self.mask, 1) - 1, 0)[:, -tokens:]
            feed["position_ids"] = running if positions is None else np.asarray(positions, np.int64)
        for name, value in self.inputs.items():
            if name.startswith("past"):
                feed[name] = (np.zeros((batch, value.shape[1], 0, value.shape[3]), np.float32) if self.past is None
                              else self.past[name.replace("past_key_values", "present")])
        return feed

    def step(self, *arguments, **options):
        results = self.run_step(self.feed(*arguments, **options))
        self.past = {name: value for name, value in results.items() if name.startswith("present")}
        return results["logits"]


def pair(model, artefact):
    """ONNX Runtime, and the artefact."""
    reference = Reference(model)
    names = [value.name for value in reference.session.get_outputs()]
    ort = Decoder(reference, lambda feed: dict(zip(names, reference.session.run(names, feed))))
    ours = Decoder(reference, lambda feed: run_arrays(artefact, folder, **feed))
    return ort, ours


def compare(what, got, wanted, bound):
    """Within a share of the range of what is wanted."""
    check(got.shape == wanted.shape and got.dtype == wanted.dtype, f"{what}: {got.dtype}{got.shape}, expected {wanted.dtype}{wanted.shape}")
    limit = bound * (wanted.max() - wanted.min())
    error = np.abs(got - wanted).max() if got.size else 0
    check(error <= limit, f"{what}: off by {error:.3g}, allowed {limit:.3g}")


def compare_present(what, ours, ort, bound, valid=None):
    check(sorted(ours.past) == sorted(ort.past), f"{what}: {sorted(ours.past)}")
    for name, wanted in ort.past.items():
        got = ours.past[name]
        check(got.shape == wanted.shape, f"{what}, {name}: {got.shape}, expected {wanted.shape}")
        if valid is not None:
            got, wanted = got * valid[:, None, :, None], wanted * valid[:, None, :, None]
        compare(f"{what}, {name}", got, wanted, bound)


def refuse(artefact, words, code, feed):
    np.savez(path("in.npz"), **feed)
    text = run("qopt-run", artefact, "--inputs", path("in.npz"), "--outputs", path("out.npz"), expect=code).stderr
    for word in words:
        check(word in text, f"{word} is not in: {text}")


tokens = np.load(os.path.join(models, "tokens-eval.npy"))[:400].astype(np.int64)
for export in EXPORTS:
    model = os.path.join(models, f"classics1m-{export}.onnx")
    for flags, bound in ((("--f32",), budget("logits", "f32")), (("--f32", "--kv=f16"), budget("onnx signature", "f16 cache")),
                         (("--f32", "--kv=bf16"), budget("onnx signature", "bf16 cache"))):
        artefact = compile_model(model, path("m.qopt"), "--io=onnx", "--batch=2", "--chunk=8", "--context=64", *flags)
        ort, ours = pair(model, artefact)
        what = f"{export} {' '.join(flags)}"
        # Names and types are those of the file, in its order.
        with open(os.path.join(artefact, "manifest.json")) as file:
            signature = json.load(file)["onnx"]
        for side, values in (("inputs", Reference(model).session.get_inputs()), ("outputs", Reference(model).session.get_outputs())):
            check([entry["name"] for entry in signature[side]] == [value.name for value in values], f"{what}: {signature[side]}")
        # A prompt longer than a chunk, then token by token; two rows.
        rows = np.stack([tokens[:19], tokens[100:119]])
        compare(f"{what}, prompt", ours.step(rows[:, :13]), ort.step(rows[:, :13]), bound)
        compare_present(what, ours, ort, bound)
        for column in range(13, 19):
            compare(f"{what}, column {column}", ours.step(rows[:, column:column + 1]), ort.step(rows[:, column:column + 1]), bound)
        compare_present(what, ours, ort, bound)
        # From the first token on, one at a time, and a few at once with a past.
        ort.reset(), ours.reset()
        for begin, end in ((0, 1), (1, 2), (2, 7), (7, 8)):
            compare(f"{what}, {begin}", ours.step(rows[:1, begin:end]), ort.step(rows[:1, begin:end]), bound)
        compare_present(what, ours, ort, bound)
        # The past may come from elsewhere: what ONNX Runtime made goes on here.
        ours.past, ours.mask = dict(ort.past), ort.mask.copy()
        compare(f"{what}, handed over", ours.step(rows[:1, 8:9]), ort.step(rows[:1, 8:9]), bound)

        # Rows of different length, padded on the right; then each row goes on behind the padding.
        ort.reset(), ours.reset()
        mask = np.array([[1] * 6, [1] * 4 + [0] * 2])
        shown = mask[..., None].astype(np.float32)
        got, wanted = ours.step(rows[:, :6], mask=mask), ort.step(rows[:, :6], mask=mask)
        compare(f"{what}, padded prompt", got * shown, wanted * shown, bound)
        check((got[1, 4:] == 0).all(), f"{what}: logits of padding are zero")
        compare_present(f"{what}, padded prompt", ours, ort, bound, mask.astype(np.float32))
        counts_columns = "position_ids" not in ours.inputs
        if counts_columns:
            refuse(artefact, ('"attention_mask", row 1', "position_ids"), 3, ours.feed(rows[:, 6:7]))
        for column in () if counts_columns else (6, 7):
            compare(f"{what}, behind padding", ours.step(rows[:, column:column + 1]), ort.step(rows[:, column:column + 1]), bound)

        # On the left: right where position_ids leave the padding out of the count, else refused.
        ours.reset(), ort.reset()
        mask = np.array([[1] * 6, [0] * 2 + [1] * 4])
        shown = mask[..., None].astype(np.float32)
        if not counts_columns:
            got, wanted = ours.step(rows[:, :6], mask=mask), ort.step(rows[:, :6], mask=mask)
            compare(f"{what}, padded on the left", got * shown, wanted * shown, bound)
            compare(f"{what}, after it", ours.step(rows[:, 6:7]), ort.step(rows[:, 6:7]), bound)
        else:
            refuse(artefact, ('"attention_mask", row 1', "pad on the right"), 3, ours.feed(rows[:, :6], mask=mask))


# What breaks the contract is refused, with the input, the row and the column.
model = os.path.join(models, "classics1m-vanilla.onnx")
artefact = compile_model(model, path("m.qopt"), "--io=onnx", "--batch=2", "--context=64", "--w4a16")
_, ours = pair(model, artefact)
rows = np.stack([tokens[:6], tokens[100:106]])
good = ours.feed(rows)
ours.reset()
refuse(artefact, ('"position_ids", row 1, column 2', "position 7", "2 valid"), 3,
       dict(good, position_ids=np.array([[0, 1, 2, 3, 4, 5], [0, 1, 7, 3, 4, 5]])))
refuse(artefact, ('"attention_mask", row 0, column 3', "2 is not"), 3, dict(good, attention_mask=np.array([[1, 1, 1, 2, 1, 1]] * 2)))
refuse(artefact, ('"attention_mask"', "dimension 1 is 7", "must be 6"), 3, dict(good, attention_mask=np.ones((2, 7), np.int64)))
refuse(artefact, ('"past_key_values.1.value"', "past is 3 here and 0"), 3, dict(good, **{"past_key_values.1.value": np.zeros((2, 2, 3, 32), np.float32)}))
refuse(artefact, ('"past_key_values.0.key" must be f32',), 3, dict(good, **{"past_key_values.0.key": np.zeros((2, 2, 0, 32), np.float16)}))
refuse(artefact, ('no array "position_ids"',), 3, {name: value for name, value in good.items() if name != "position_ids"})
refuse(artefact, ('no input "extra"',), 3, dict(good, extra=np.zeros(1)))
refuse(artefact, ("id 2048", "row 1"), 3, dict(good, input_ids=np.array([[1] * 6, [1] * 5 + [2048]])))
refuse(artefact, ("64", "--context"), 6, dict(good, **{name: np.zeros((2, 2, 60, 32), np.float32) for name in good if name.startswith("past")},
                                              attention_mask=np.ones((2, 66), np.int64), position_ids=np.tile(np.arange(60, 66), (2, 1))))
refuse(artefact, ("3", "2"), 6, {name: np.concatenate([value, value[:1]]) for name, value in good.items()})

# Its own ids still work, on every instruction set, and give what the file's inputs give.
for isa in isas():
    os.environ["QOPT_ISA"] = isa
    own = run_arrays(artefact, folder, "--threads=2", ids=rows)["logits"]
    theirs = run_arrays(artefact, folder, "--threads=2", **good)["logits"]
    check(np.array_equal(own, theirs), f"{isa}: the two entries differ")
del os.environ["QOPT_ISA"]
check("attention_mask" in run("qopt-run", artefact, "--info").stdout, "--info shows the file's inputs")

# Without the flag the file's inputs are refused, with the remedy; text of a level without them too.
plain = compile_model(model, path("plain.qopt"), "--context=64")
refuse(plain, ("--io=onnx",), 3, good)
run("qopt-compile", model, "--stop-after=model", "--quiet", "-o", path("model.mlir"))
check("--io=onnx" in run("qopt-compile", path("model.mlir"), "--start-from=model", f"--sources={model}", "--io=onnx", "--quiet",
                         "-o", path("again.qopt"), expect=2).stderr, "the text has no signature")
print("the file's signature holds")
