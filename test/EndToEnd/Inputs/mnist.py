"""A trained network sorts as many digits right as under ONNX Runtime. usage: mnist.py LIBRARY MODEL-FOLDER FOLDER"""

import os
import sys

import numpy as np
import onnxruntime

from graphs import Graph
from harness import check, compile_model, fresh

library, model, folder = sys.argv[1], sys.argv[2], fresh(sys.argv[3])
images = np.load(os.path.join(model, "images-eval.npy")).astype(np.float32) / 255
labels = np.load(os.path.join(model, "labels-eval.npy"))


def count_right(classify):
    return sum(int(classify(images[i:i + 1]).argmax() == label) for i, label in enumerate(labels))


# The second file takes activations through 8-bit codes, and holds weights as such.
for file, formats in (("mnist-cnn", ([], ["--w8a16"])), ("mnist-cnn-qdq", ([],))):
    path = os.path.join(model, file + ".onnx")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    expected = count_right(lambda image: session.run(["output"], {"input": image})[0])
    for flags in formats:
        name = file + "".join(flags)
        graph = Graph(library, compile_model(path, os.path.join(folder, name + ".qopt"), *flags))
        right = count_right(lambda image: graph.run(input=image)["output"])
        print(f"{name}: {right} of {len(labels)} right, ONNX Runtime {expected}")
        check(abs(right - expected) <= 1, f"{name}: {right} right, expected {expected}, one more or less")
