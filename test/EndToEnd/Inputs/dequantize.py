"""A copy of a model that holds as floats what the model holds as codes."""

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator


def unpack(data, bits):
    """Bytes to codes, low bits first, along the last axis."""
    parts = data[..., None] >> (bits * np.arange(8 // bits, dtype=np.uint8)) & ((1 << bits) - 1)
    return parts.reshape(*data.shape[:-1], -1)


def read_matrix(node, arrays):
    """The matrix [K, N] of a MatMulNBits."""
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    inputs, outputs, bits, block = attributes["K"], attributes["N"], attributes.get("bits", 4), attributes["block_size"]
    names = list(node.input) + [""] * 6
    blocks = -(-inputs // block)
    codes = unpack(arrays[names[1]], bits).reshape(outputs, -1)[:, :inputs].astype(np.float32)
    scales = arrays[names[2]].reshape(outputs, blocks)
    zeros = np.full((outputs, blocks), 1 << (bits - 1), np.float32)
    if names[3]:
        given = arrays[names[3]]
        zeros = unpack(given.reshape(outputs, -1), bits)[:, :blocks] if given.dtype == np.uint8 else given.reshape(outputs, blocks)
    of_input = arrays[names[4]] if names[4] else np.arange(inputs) // block
    return ((codes - zeros.astype(np.float32)[:, of_input]) * scales[:, of_input]).T


def read_constant(node, tensors, opset):
    """What a DequantizeLinear makes of initializers, as the onnx package reads it."""
    graph = helper.make_graph([node], "g", [], [onnx.ValueInfoProto(name=node.output[0])], tensors)
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", max(opset, 19))])
    return ReferenceEvaluator(model).run(None, {})[0]


def write(source, target):
    """Writes the copy; returns how many matrices it read. Codes of values that are no constants stay."""
    model = onnx.load(source)
    graph = model.graph
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    arrays = {name: numpy_helper.to_array(tensor) for name, tensor in tensors.items()}
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    nodes, count = [], 0
    for node in graph.node:
        if node.op_type == "MatMulNBits":
            matrix = node.input[1] + ".floats"
            graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(read_matrix(node, arrays)), matrix))
            bias = node.input[5] if len(node.input) > 5 else ""
            product = node.output[0] + ".product" if bias else node.output[0]
            nodes.append(helper.make_node("MatMul", [node.input[0], matrix], [product], name=node.name))
            if bias:
                nodes.append(helper.make_node("Add", [product, bias], [node.output[0]], name=node.name + ".bias"))
            count += 1
        elif node.op_type == "DequantizeLinear" and node.domain == "" and all(name in tensors for name in node.input):
            value = read_constant(node, [tensors[name] for name in node.input], opset)
            graph.initializer.append(numpy_helper.from_array(np.asarray(value), node.output[0]))
            count += 1
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.save(model, target)
    return count
