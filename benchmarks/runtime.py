"""The runtime's C interface through ctypes: as much of it as benchmarks need."""
import ctypes as c

import numpy as np


class Options(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("threads", c.c_int32), ("parallel_for", c.c_void_p),
                ("host_context", c.c_void_p), ("isa", c.c_char_p)]


class Tensor(c.Structure):
    _fields_ = [("type", c.c_int32), ("rank", c.c_int32), ("shape", c.c_int64 * 8), ("data", c.c_void_p),
                ("bytes", c.c_int64)]


TYPES = {"float64": 0, "float32": 1, "float16": 2, "int64": 4, "int32": 5}


class Runtime:
    def __init__(self, library):
        self.lib = c.CDLL(library)
        self.lib.qopt_error_message.restype = c.c_char_p

    def check(self, status, error):
        if status:
            raise RuntimeError(self.lib.qopt_error_message(error).decode())

    def load(self, path, threads, rows=1):
        return Session(self, path, threads, rows)


class Session:
    """One artefact with one session of one row (decoder) or its whole batch (graph)."""

    def __init__(self, runtime, path, threads, rows=1):
        self.runtime, self.program, self.session = runtime, c.c_void_p(), c.c_void_p()
        options, error = Options(c.sizeof(Options), threads, None, None, None), c.c_void_p()
        self.call("qopt_program_load", path.encode(), c.byref(options), c.byref(self.program), error=error)
        self.call("qopt_session_create", self.program, c.c_int64(rows), c.byref(self.session), error=error)

    def call(self, name, *arguments, error=None):
        error = error or c.c_void_p()
        self.runtime.check(getattr(self.runtime.lib, name)(*arguments, c.byref(error)), error)

    def reset(self):
        self.call("qopt_session_reset", self.session, c.c_int64(-1))

    def truncate(self, length):
        self.call("qopt_session_truncate", self.session, c.c_int64(0), c.c_int64(length))

    def decode(self, ids, logits):
        """Appends int64 ids [tokens]; logits float32 [vocabulary] of the last one."""
        self.call("qopt_session_decode", self.session, ids.ctypes.data_as(c.c_void_p), c.c_int64(1),
                  c.c_int64(ids.size), None, c.c_int64(1), logits.ctypes.data_as(c.c_void_p))

    def run(self, inputs, output):
        """Arrays in the program's order; one output array, filled."""
        tensors = (Tensor * len(inputs))(*[self.tensor(x) for x in inputs])
        result = (Tensor * 1)(self.tensor(output))
        self.call("qopt_session_run", self.session, tensors, c.c_int64(len(inputs)), result, c.c_int64(1))

    @staticmethod
    def tensor(x):
        shape = (c.c_int64 * 8)(*x.shape)
        return Tensor(TYPES[str(x.dtype)], x.ndim, shape, x.ctypes.data_as(c.c_void_p).value, x.nbytes)
