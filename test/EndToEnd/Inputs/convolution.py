"""Small convolutional networks, compiled, against ONNX Runtime. usage: convolution.py LIBRARY FOLDER

Every instruction set of the machine and one and two threads, which give the same bytes.
"""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "Import", "ONNX", "Inputs"))

from graphs import Graph  # noqa: E402
from harness import check, compile_model, fresh, isas, run  # noqa: E402
from models import constants, model, node, run_onnxruntime, save  # noqa: E402

library, folder = sys.argv[1], fresh(sys.argv[2])
rng = np.random.default_rng(7)


def f(*shape, low=-1, high=1):
    return rng.uniform(low, high, shape).astype(np.float32)


def error(found, expected):
    return float(np.abs(found.astype(np.float64) - expected).max() / np.abs(expected).max())


def compare(name, proto, feeds, flags=(), bound=1e-5, requests=()):
    """The artefact gives what ONNX Runtime computes, for one and for more requests."""
    path = save(folder, name, proto)
    artefact = compile_model(path, os.path.join(folder, name + ".qopt"), *flags)
    for request in (feeds, *requests):
        expected = dict(zip((each.name for each in proto.graph.output), run_onnxruntime(path, request)))
        for isa in isas():
            one, two = (Graph(library, artefact, threads, isa).run(**request) for threads in (1, 2))
            for output, want in expected.items():
                check(one[output].tobytes() == two[output].tobytes(), f"{name}, {isa}: {output} depends on the threads")
                check(one[output].shape == want.shape, f"{name}, {isa}: {output} is {one[output].shape}, expected {want.shape}")
                found = error(one[output], want)
                check(found <= bound, f"{name}, {isa}: {output} is off by {found:.2g} of its range, allowed {bound:.2g}")


def conv(inputs, weight, **attributes):
    nodes = [node("Conv", "x w c", "y", **attributes)]
    return model(nodes, [f"x: f32[{inputs}]"], ["y"], constants(w=f(*weight), c=f(weight[0])))


compare("strides", conv("2, 3, 19, 23", (40, 3, 3, 5), strides=[2, 3], pads=[1, 0, 2, 3]), {"x": f(2, 3, 19, 23)}, ["--batch=2"])
compare("dilation", conv("1, 5, 17, 33", (33, 5, 3, 2), dilations=[2, 3], pads=[2, 0, 1, 3]), {"x": f(1, 5, 17, 33)})
compare("auto_pad", conv("1, 5, 17, 33", (33, 5, 4, 2), strides=[2, 3], auto_pad="SAME_LOWER"), {"x": f(1, 5, 17, 33)})
compare("depthwise", conv("1, 20, 15, 18", (20, 1, 3, 3), group=20, pads=[1, 1, 1, 1]), {"x": f(1, 20, 15, 18)})
compare("groups", conv("1, 16, 9, 9", (64, 8, 3, 3), group=2, strides=[2, 2], pads=[1, 1, 1, 1]), {"x": f(1, 16, 9, 9)})
compare("line", conv("1, 8, 1000", (36, 8, 9), strides=[4], pads=[3, 5]), {"x": f(1, 8, 1000)})
# Sizes that a request decides; the smallest one that a window fits into is refused below.
compare("sizes", conv("batch, 3, height, width", (17, 3, 3, 4), pads=[0, 1, 0, 1]), {"x": f(2, 3, 5, 9)},
        ["--batch=3", "--context=64"], requests=[{"x": f(1, 3, 3, 2)}, {"x": f(3, 3, 21, 64)}])
np.savez(os.path.join(folder, "small.npz"), x=f(1, 3, 2, 9))
refused = run("qopt-run", os.path.join(folder, "sizes.qopt"), "--inputs", os.path.join(folder, "small.npz"), "--outputs",
              os.path.join(folder, "out.npz"), expect=3)
check("height is 2, the least is 3" in refused.stderr, refused.stderr)

for kind in ("MaxPool", "AveragePool"):
    compare(kind, model([node(kind, "x", "y", kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1], ceil_mode=1)],
                        ["x: f32[1, 7, 20, 37]"], ["y"]), {"x": f(1, 7, 20, 37)})
compare("counted", model([node("AveragePool", "x", "y", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)],
                         ["x: f32[1, 7, 20, 37]"], ["y"]), {"x": f(1, 7, 20, 37)})


def residual():
    """Two blocks, one with a projection, as residual networks have them; batch normalization alone and after a bias."""
    nodes, weights = [], {}

    def layer(source, result, outputs, inputs, size, bias=False, **attributes):
        weights[f"w_{result}"] = f(outputs, inputs, size, size) / size
        operands = f"{source} w_{result}"
        if bias:
            weights[f"c_{result}"] = f(outputs)
            operands += f" c_{result}"
        for name, low in (("s", 0.5), ("b", -1), ("m", -1), ("v", 0.5)):
            weights[f"{name}_{result}"] = f(outputs, low=low, high=1.5)
        nodes.append(node("Conv", operands, f"{result}_conv", **attributes))
        nodes.append(node("BatchNormalization", " ".join([f"{result}_conv"] + [f"{n}_{result}" for n in "sbmv"]), result))

    same = dict(pads=[1, 1, 1, 1])
    layer("x", "stem", 24, 3, 3, bias=True, **same)
    nodes.append(node("Relu", "stem", "r0"))
    layer("r0", "a1", 24, 24, 3, **same)
    nodes.append(node("Relu", "a1", "r1"))
    layer("r1", "a2", 24, 24, 3, **same)
    nodes += [node("Add", "a2 r0", "sum1"), node("Relu", "sum1", "r2")]
    layer("r2", "b1", 40, 24, 3, strides=[2, 2], **same)
    nodes.append(node("Relu", "b1", "r3"))
    layer("r3", "b2", 40, 40, 3, bias=True, **same)
    layer("r2", "p", 40, 24, 1, strides=[2, 2])
    nodes += [node("Add", "b2 p", "sum2"), node("Relu", "sum2", "r4"), node("GlobalAveragePool", "r4", "g"),
              node("Flatten", "g", "flat"), node("Gemm", "flat w_out c_out", "y", transB=1)]
    weights.update(w_out=f(10, 40), c_out=f(10))
    return model(nodes, ["x: f32[batch, 3, 16, 20]"], ["y"], constants(**weights))


def mobile(batch):
    """Depthwise convolutions with strides between narrow layers, squeeze and excitation, every kind of pool."""
    weights, nodes = dict(zero=np.float32(0), six=np.float32(6), w_out=f(10, 48), c_out=f(10)), []

    def layer(source, result, outputs, inputs, size, **attributes):
        weights[f"w_{result}"], weights[f"c_{result}"] = f(outputs, inputs, size, size) / size, f(outputs)
        nodes.append(node("Conv", f"{source} w_{result} c_{result}", result, **attributes))

    layer("x", "stem", 24, 3, 5, strides=[2, 2], pads=[2, 1, 2, 2])
    nodes.append(node("MaxPool", "stem", "max", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1))
    layer("max", "wide", 72, 24, 1)
    nodes.append(node("Clip", "wide zero six", "relu6"))
    layer("relu6", "deep", 72, 1, 3, group=72, strides=[2, 2], pads=[0, 0, 1, 1])
    nodes.append(node("HardSwish", "deep", "swish"))
    nodes.append(node("GlobalAveragePool", "swish", "mean"))
    layer("mean", "squeeze", 18, 72, 1)
    nodes.append(node("LeakyRelu", "squeeze", "leaky"))
    layer("leaky", "excite", 72, 18, 1)
    nodes += [node("HardSigmoid", "excite", "gate"), node("Mul", "swish gate", "gated")]
    layer("gated", "narrow", 24, 72, 1)
    layer("narrow", "apart", 24, 24, 3, dilations=[2, 2], pads=[2, 2, 2, 2])
    layer("apart", "spread", 24, 24, 2, auto_pad="SAME_UPPER")
    nodes += [node("Add", "narrow spread", "sum"),
              node("AveragePool", "sum", "average", kernel_shape=[2, 2], strides=[2, 2], pads=[1, 0, 0, 1], ceil_mode=1, count_include_pad=1),
              node("GlobalMaxPool", "average", "top"), node("GlobalAveragePool", "average", "middle"),
              node("Concat", "top middle", "both", axis=1), node("Flatten", "both", "flat"), node("Gemm", "flat w_out c_out", "y", transB=1)]
    return model(nodes, [f"x: f32[{batch}, 3, 45, 38]"], ["y"], constants(**weights))


compare("mobile", mobile("batch"), {"x": f(3, 3, 45, 38)}, ["--batch=3"], requests=[{"x": f(1, 3, 45, 38)}])
compare("mobile-one", mobile(1), {"x": f(1, 3, 45, 38)})

network, images = residual(), {"x": f(3, 3, 16, 20)}
compare("residual", network, images, ["--batch=3"])
compare("residual-w8a16", network, images, ["--batch=3", "--w8a16"], bound=0.02)
compare("residual-w4a16", network, images, ["--batch=3", "--w4a16"], bound=0.35)
# Every convolution takes what follows it; the mean is flattened where it is made.
explained = run("qopt-compile", os.path.join(folder, "residual.onnx"), "--target=cpu", "--batch=3", "--force", "--explain", "-o",
                os.path.join(folder, "explained.qopt"))
launches = (explained.stdout + explained.stderr).split("launches:")[1].splitlines()
lowerings = [line.split()[2] for line in launches if line.startswith("  ") and "compute" in line]
check(lowerings == 6 * ["convolution"] + ["reduce", "contraction"], f"launches of {lowerings}")
