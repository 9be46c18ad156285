"""ONNX Runtime as people run it: sessions, and decoders whose past and present share buffers."""
import numpy as np
import onnxruntime as ort


def ort_session(path, threads):
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Spinning threads of one contender would slow the other.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


class OrtDecoder:
    """Past and present share one buffer of `context` tokens, so a step copies no cache."""

    def __init__(self, path, threads, context):
        self.session = ort_session(path, threads)
        self.caches = {}
        for value in self.session.get_inputs():
            if value.name.startswith("past"):
                heads, size = value.shape[1], value.shape[3]
                dtype = np.float16 if value.type == "tensor(float16)" else np.float32
                self.caches[value.name] = ort.OrtValue.ortvalue_from_numpy(np.zeros((1, heads, context, size), dtype))
        self.length = 0

    def step(self, ids):
        binding = self.session.io_binding()
        total = self.length + ids.size
        binding.bind_cpu_input("input_ids", ids.reshape(1, -1))
        binding.bind_cpu_input("attention_mask", np.ones((1, total), np.int64))
        for past, cache in self.caches.items():
            binding.bind_ortvalue_input(past, cache)
            binding.bind_ortvalue_output(past.replace("past_key_values", "present"), cache)
        binding.bind_output("logits", "cpu")
        self.session.run_with_iobinding(binding)
        self.length = total
        return binding.get_outputs()
