"""Writes small random decoders of many architectures, spelled out as exporters spell them. usage: decoders.py FOLDER; prints the files."""

import os
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper

VOCABULARY, LAYERS = 512, 2


class Graph:
    def __init__(self):
        self.nodes, self.initializers, self.counter = [], [], 0
        self.rng = np.random.default_rng(7)

    def op(self, kind, *inputs, **attributes):
        self.counter += 1
        name = f"{kind}_{self.counter}"
        inputs = [self.const(i) if isinstance(i, (int, float, list, np.ndarray)) else i for i in inputs]
        self.nodes.append(h.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def const(self, value):
        if isinstance(value, list):
            value = np.array(value, np.int64)
        if not isinstance(value, np.ndarray):
            value = np.array(value, np.float32 if isinstance(value, float) else np.int64)
        self.counter += 1
        self.initializers.append(numpy_helper.from_array(value, f"const_{self.counter}"))
        return self.initializers[-1].name

    def weight(self, *shape, scale=None, mean=0.0):
        scale = scale or 0.7 / np.sqrt(shape[0])
        return self.const((mean + scale * self.rng.standard_normal(shape)).astype(np.float32))

    def size(self, x, axis):
        return self.op("Gather", self.op("Shape", x), axis)

    def slice(self, x, start, end, axis, step=1):
        def bound(b):
            return self.op("Unsqueeze", b, [0]) if isinstance(b, str) else [b]
        return self.op("Slice", x, bound(start), bound(end), [axis], [step])


class Decoder:
    """Options: heads, kv, size, norm (rms, layer), one_plus (the norm's weight is 1 + w), bias (q, all), act (silu, gelu, gelu_tanh, relu), gated,
    packed (qkv in one matrix), packed_gate, rotary (half, interleaved), turned (channels), table (positions learned), qk_norm, window, cap (of scores),
    head_cap (of logits), tied, scale_embedding, post_norm, parallel (feed-forward beside attention), mask (add, where, bool), split_scale, base."""

    def __init__(self, **options):
        self.o = {"heads": 4, "kv": 2, "size": 8, "norm": "rms", "act": "silu", "gated": True, "rotary": "half", "mask": "add", "base": 10000.0, **options}
        self.dim, self.ffn = 32, 48
        self.g = Graph()

    def get(self, name):
        return self.o.get(name)

    def norm(self, x, size):
        g = self.g
        if self.o["norm"] == "layer":
            d = g.op("Sub", x, g.op("ReduceMean", x, axes=[-1]))
            v = g.op("ReduceMean", g.op("Pow", d, 2.0), axes=[-1])
            n = g.op("Div", d, g.op("Sqrt", g.op("Add", v, 1e-5)))
            return g.op("Add", g.op("Mul", n, g.weight(size, scale=0.1, mean=1.0)), g.weight(size, scale=0.1))
        r = g.op("Add", g.op("ReduceMean", g.op("Mul", x, x), axes=[-1]), 1e-6)
        n = g.op("Mul", x, g.op("Reciprocal", g.op("Sqrt", r)))
        w = g.weight(size, scale=0.1, mean=0.0 if self.get("one_plus") else 1.0)
        return g.op("Mul", n, g.op("Add", w, 1.0) if self.get("one_plus") else w)

    def linear(self, x, size_in, size_out, bias=False):
        y = self.g.op("MatMul", x, self.g.weight(size_in, size_out))
        return self.g.op("Add", self.g.weight(size_out, scale=0.3), y) if bias else y

    def split(self, x, heads):
        """[batch, tokens, heads, size]"""
        g = self.g
        shape = g.op("Concat", *(g.op("Unsqueeze", g.size(x, a), [0]) for a in (0, 1)), [heads], [self.o["size"]], axis=0)
        return g.op("Reshape", x, shape)

    def waves(self):
        g = self.g
        turned = self.get("turned") or self.o["size"]
        frequencies = (1.0 / self.o["base"] ** (np.arange(0, turned, 2, dtype=np.float32) / turned)).astype(np.float32)
        positions = g.op("Cast", g.op("Unsqueeze", "position_ids", [2]), to=T.FLOAT)
        angles = g.op("Mul", positions, frequencies)
        if self.o["rotary"] == "half":
            angles = g.op("Concat", angles, angles, axis=-1)
        return [g.op("Unsqueeze", g.op(k, angles), [1]) for k in ("Cos", "Sin")]

    def rotate(self, x):
        """x is [batch, heads, tokens, size]"""
        g, size = self.g, self.o["size"]
        turned = self.get("turned") or size
        rest = None
        if turned != size:
            x, rest = g.slice(x, 0, turned, 3), g.slice(x, turned, size, 3)
        if self.o["rotary"] == "half":
            low, high = g.slice(x, 0, turned // 2, 3), g.slice(x, turned // 2, 2**62, 3)
            y = g.op("Add", g.op("Mul", x, self.cos), g.op("Mul", g.op("Concat", g.op("Neg", high), low, axis=-1), self.sin))
        else:
            even, odd = g.slice(x, 0, turned, 3, 2), g.slice(x, 1, turned, 3, 2)
            pair = [g.op("Sub", g.op("Mul", even, self.cos), g.op("Mul", odd, self.sin)),
                    g.op("Add", g.op("Mul", odd, self.cos), g.op("Mul", even, self.sin))]
            y = g.op("Concat", *(g.op("Unsqueeze", p, [4]) for p in pair), axis=-1)
            y = g.op("Reshape", y, [0, 0, 0, turned])
        return g.op("Concat", y, rest, axis=-1) if rest else y

    def repeat(self, x):
        g, groups = self.g, self.o["heads"] // self.o["kv"]
        if groups == 1:
            return x
        b, t = g.op("Unsqueeze", g.size(x, 0), [0]), g.op("Unsqueeze", g.size(x, 2), [0])
        wide = g.op("Expand", g.op("Unsqueeze", x, [2]), g.op("Concat", b, [self.o["kv"]], [groups], t, [self.o["size"]], axis=0))
        return g.op("Reshape", wide, g.op("Concat", b, [self.o["heads"]], t, [self.o["size"]], axis=0))

    def make_mask(self):
        """Added to scores, or true where a query sees a key."""
        g = self.g
        tokens, past = g.size("input_ids", 1), g.size("past_key_values.0.key", 2)
        total = g.op("Add", tokens, past)
        keys = g.op("Range", 0, total, 1)
        queries = g.op("Unsqueeze", g.op("Range", past, total, 1), [1])
        seen = g.op("LessOrEqual", keys, queries)
        if self.get("window"):
            seen = g.op("And", seen, g.op("Greater", keys, g.op("Sub", queries, self.o["window"])))
        valid = g.op("Cast", g.op("Unsqueeze", g.op("Unsqueeze", "attention_mask", [1]), [1]), to=T.BOOL)
        if self.o["mask"] == "bool":
            return g.op("And", g.op("Unsqueeze", seen, [0, 1]), valid)
        if self.o["mask"] == "where":
            return g.op("Where", g.op("And", g.op("Unsqueeze", seen, [0, 1]), valid), 0.0, float(np.finfo(np.float32).min))
        causal = g.op("Unsqueeze", g.op("Where", seen, 0.0, float(np.finfo(np.float32).min)), [0, 1])
        padding = g.op("Mul", g.op("Sub", 1.0, g.op("Cast", valid, to=T.FLOAT)), -10000.0)
        return g.op("Add", causal, padding)

    def attention(self, x, layer):
        g, o = self.g, self.o
        heads, kv, size = o["heads"], o["kv"], o["size"]
        bias = self.get("bias") is not None
        if self.get("packed"):
            packed = self.linear(x, self.dim, (heads + 2 * kv) * size, bias)
            ends = np.cumsum([0, heads * size, kv * size, kv * size])
            q, k, v = (g.slice(packed, int(a), int(b), 2) for a, b in zip(ends, ends[1:]))
        else:
            q, k, v = (self.linear(x, self.dim, n * size, bias) for n in (heads, kv, kv))
        q, k, v = self.split(q, heads), self.split(k, kv), self.split(v, kv)
        if self.get("qk_norm"):
            q, k = self.norm(q, size), self.norm(k, size)
        q, k, v = (g.op("Transpose", t, perm=[0, 2, 1, 3]) for t in (q, k, v))
        if not self.get("table"):
            q, k = self.rotate(q), self.rotate(k)
        k, v = (g.op("Concat", f"past_key_values.{layer}.{n}", t, axis=2) for n, t in (("key", k), ("value", v)))
        self.presents += [k, v]
        k, v = self.repeat(k), self.repeat(v)
        kt = g.op("Transpose", k, perm=[0, 1, 3, 2])
        if self.get("split_scale"):
            q, kt = (g.op("Mul", t, float(size**-0.25)) for t in (q, kt))
        s = g.op("MatMul", q, kt)
        if not self.get("split_scale"):
            s = g.op("Div", s, float(np.sqrt(size)))
        if self.get("cap"):
            s = g.op("Mul", g.op("Tanh", g.op("Div", s, self.o["cap"])), self.o["cap"])
        s = g.op("Where", self.mask, s, float("-inf")) if o["mask"] == "bool" else g.op("Add", s, self.mask)
        a = g.op("Transpose", g.op("MatMul", g.op("Softmax", s, axis=-1), v), perm=[0, 2, 1, 3])
        a = g.op("Reshape", a, [0, 0, heads * size])
        return self.linear(a, heads * size, self.dim, self.get("bias") == "all")

    def activate(self, x):
        g, act = self.g, self.o["act"]
        if act == "silu":
            return g.op("Mul", x, g.op("Sigmoid", x))
        if act == "relu":
            return g.op("Relu", x)
        if act == "gelu":
            return g.op("Mul", g.op("Mul", x, g.op("Add", g.op("Erf", g.op("Div", x, float(np.sqrt(2)))), 1.0)), 0.5)
        cube = g.op("Mul", g.op("Pow", x, 3.0), 0.044715)
        inner = g.op("Mul", g.op("Add", x, cube), float(np.sqrt(2 / np.pi)))
        return g.op("Mul", g.op("Mul", x, 0.5), g.op("Add", g.op("Tanh", inner), 1.0))

    def feed_forward(self, x):
        g, bias = self.g, self.get("bias") == "all"
        if not self.o["gated"]:
            return self.linear(self.activate(self.linear(x, self.dim, self.ffn, bias)), self.ffn, self.dim, bias)
        if self.get("packed_gate"):
            both = self.linear(x, self.dim, 2 * self.ffn)
            gate, up = g.slice(both, 0, self.ffn, 2), g.slice(both, self.ffn, 2 * self.ffn, 2)
        else:
            gate, up = self.linear(x, self.dim, self.ffn), self.linear(x, self.dim, self.ffn)
        return self.linear(g.op("Mul", self.activate(gate), up), self.ffn, self.dim)

    def block(self, x, layer):
        g = self.g
        n = self.norm(x, self.dim)
        a = self.attention(n, layer)
        if self.get("parallel"):
            return g.op("Add", g.op("Add", a, self.feed_forward(n)), x)
        if self.get("post_norm"):
            a = self.norm(a, self.dim)
        x = g.op("Add", x, a)
        f = self.feed_forward(self.norm(x, self.dim))
        return g.op("Add", x, self.norm(f, self.dim) if self.get("post_norm") else f)

    def build(self):
        g = self.g
        self.presents = []
        table = g.weight(VOCABULARY, self.dim, scale=0.5)
        x = g.op("Gather", table, "input_ids")
        if self.get("scale_embedding"):
            x = g.op("Mul", x, float(np.sqrt(self.dim)))
        if self.get("table"):
            x = g.op("Add", x, g.op("Gather", g.weight(64, self.dim, scale=0.5), "position_ids"))
        else:
            self.cos, self.sin = self.waves()
        self.mask = self.make_mask()
        for layer in range(LAYERS):
            x = self.block(x, layer)
        x = self.norm(x, self.dim)
        logits = g.op("MatMul", x, g.op("Transpose", table, perm=[1, 0])) if self.get("tied") else self.linear(x, self.dim, VOCABULARY)
        if self.get("head_cap"):
            logits = g.op("Mul", g.op("Tanh", g.op("Div", logits, 30.0)), 30.0)
        g.nodes.append(h.make_node("Identity", [logits], ["logits"]))
        return self.finish()

    def finish(self):
        g, o = self.g, self.o
        inputs = [h.make_tensor_value_info(n, T.INT64, ["batch", s]) for n, s in
                  (("input_ids", "sequence"), ("attention_mask", "past + sequence"), ("position_ids", "sequence"))]
        outputs = [h.make_tensor_value_info("logits", T.FLOAT, ["batch", "sequence", VOCABULARY])]
        for i, present in enumerate(self.presents):
            name = f"{i // 2}.{('key', 'value')[i % 2]}"
            g.nodes.append(h.make_node("Identity", [present], ["present." + name]))
            inputs.append(h.make_tensor_value_info("past_key_values." + name, T.FLOAT, ["batch", o["kv"], "past", o["size"]]))
            outputs.append(h.make_tensor_value_info("present." + name, T.FLOAT, ["batch", o["kv"], "past + sequence", o["size"]]))
        used = {name for node in g.nodes for name in node.input}
        inputs = [i for i in inputs if i.name in used]
        graph = h.make_graph(g.nodes, "decoder", inputs, outputs, g.initializers)
        return h.make_model(graph, ir_version=8, opset_imports=[h.make_opsetid("", 17)])


DECODERS = {
    "llama": {},
    "qwen2": {"bias": "q", "tied": True, "base": 1000000.0},
    "qwen3": {"qk_norm": True, "size": 16, "mask": "where"},
    "mistral": {"window": 3, "mask": "where"},
    "gemma2": {"kv": 1, "one_plus": True, "act": "gelu_tanh", "cap": 50.0, "head_cap": True, "scale_embedding": True, "post_norm": True, "tied": True, "mask": "bool"},
    "phi3": {"packed": True, "packed_gate": True, "turned": 4},
    "neox": {"kv": 4, "norm": "layer", "bias": "all", "act": "gelu", "gated": False, "turned": 4, "parallel": True},
    "gptj": {"kv": 4, "norm": "layer", "act": "gelu_tanh", "gated": False, "rotary": "interleaved", "parallel": True},
    "gpt2": {"kv": 4, "norm": "layer", "bias": "all", "act": "gelu_tanh", "gated": False, "packed": True, "table": True, "tied": True},
    "opt": {"kv": 4, "norm": "layer", "bias": "all", "act": "relu", "gated": False, "table": True, "split_scale": True},
}


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for name, options in DECODERS.items():
        onnx.save(Decoder(**options).build(), os.path.join(folder, name + ".onnx"))


if __name__ == "__main__":
    main()
