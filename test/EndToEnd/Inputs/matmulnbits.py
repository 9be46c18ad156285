"""A float decoder in the form that ONNX Runtime's own 4-bit files have: MatMulNBits, blocks of 32, round to nearest."""

import os

import numpy as np
import onnx
from onnx import helper, numpy_helper

BLOCK = 32


def quantize(weight):
    """[K][N] to codes [N][blocks][16] and scales [N][blocks]: the scale is a block's signed extreme over -8."""
    inputs, outputs = weight.shape
    blocks = weight.T.reshape(outputs, inputs // BLOCK, BLOCK)
    extreme = np.take_along_axis(blocks, np.abs(blocks).argmax(-1)[..., None], -1)
    scale = extreme / np.float32(-8)
    inverse = np.divide(np.float32(1), scale, out=np.zeros_like(scale), where=scale != 0)
    codes = np.clip(np.rint(blocks * inverse) + 8, 0, 15).astype(np.uint8)
    return codes[..., 0::2] | codes[..., 1::2] << 4, scale[..., 0]


def write(source, target):
    """Every product with a constant matrix, the head's too, becomes a MatMulNBits; gathers keep their table."""
    model = onnx.load(source)
    graph = model.graph
    matrices = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type != "MatMul" or node.input[1] not in matrices:
            continue
        weight = numpy_helper.to_array(matrices[node.input[1]])
        codes, scales = quantize(weight)
        name = node.input[1]
        graph.initializer.append(numpy_helper.from_array(codes, name + ".codes"))
        graph.initializer.append(numpy_helper.from_array(scales.reshape(-1), name + ".scales"))
        node.CopyFrom(helper.make_node("MatMulNBits", [node.input[0], name + ".codes", name + ".scales"], node.output,
                                       name=node.name, domain="com.microsoft", K=weight.shape[0], N=weight.shape[1],
                                       bits=4, block_size=BLOCK))
    used = {name for node in graph.node for name in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
        graph.initializer.remove(tensor)
    onnx.save(model, target)
    return target
