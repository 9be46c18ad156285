"""Runs the graph of an artefact from Python, through the C interface: many times, without a process for each."""

import ctypes

import numpy as np

from session import Runtime

TYPES = [np.float64, np.float32, np.float16, None, np.int64, np.int32, np.int16, np.int8, np.uint64, np.uint32, np.uint16, np.uint8, np.bool_]
MAX_RANK = 8


class Tensor(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int32), ("rank", ctypes.c_int32), ("shape", ctypes.c_int64 * MAX_RANK), ("data", ctypes.c_void_p),
                ("bytes", ctypes.c_int64)]


class ValueInfo(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("type", ctypes.c_int32), ("rank", ctypes.c_int32), ("min_shape", ctypes.c_int64 * MAX_RANK),
                ("max_shape", ctypes.c_int64 * MAX_RANK)]


class Options(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("threads", ctypes.c_int32), ("parallel_for", ctypes.c_void_p),
                ("host_context", ctypes.c_void_p), ("isa", ctypes.c_char_p)]


class ProgramInfo(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("kind", ctypes.c_int)] + [
        (name, ctypes.c_int64) for name in ("context", "batch", "chunk", "vocabulary")] + [("threads", ctypes.c_int32)] + [
        (name, ctypes.c_int64) for name in ("input_count", "output_count")]


class Graph:
    """One session of an artefact that is a graph, for its whole batch. `run(name=array, ...)` gives the outputs by name."""

    def __init__(self, library, path, threads=0, isa=None):
        self.runtime = Runtime(library)
        self.call = self.runtime.call
        self.program, self.session = ctypes.c_void_p(), ctypes.c_void_p()
        options = Options(ctypes.sizeof(Options), threads, None, None, isa.encode() if isa else None)
        self.call("qopt_program_load", str(path).encode(), ctypes.byref(options), ctypes.byref(self.program))
        info = ProgramInfo(struct_size=ctypes.sizeof(ProgramInfo))
        self.call("qopt_program_get_info", self.program, ctypes.byref(info))
        self.inputs = [self.value("qopt_program_input", i) for i in range(info.input_count)]
        self.outputs = [self.value("qopt_program_output", i) for i in range(info.output_count)]
        self.session = self.runtime.session(self.program, info.batch)

    def value(self, function, index):
        info = ValueInfo()
        self.call(function, self.program, ctypes.c_int64(index), ctypes.byref(info))
        return info.name.decode(), TYPES[info.type]

    def run(self, **feeds):
        arrays = [np.ascontiguousarray(feeds[name], element) for name, element in self.inputs]
        given, wanted = (Tensor * len(arrays))(*map(describe, arrays)), (Tensor * len(self.outputs))()
        counts = ctypes.c_int64(len(arrays)), ctypes.c_int64(len(wanted))
        self.call("qopt_session_output_shapes", self.session, given, counts[0], wanted, counts[1])
        results = {}
        for tensor, (name, element) in zip(wanted, self.outputs):
            results[name] = np.empty(tensor.shape[:tensor.rank], element)
            tensor.data = results[name].ctypes.data
        self.call("qopt_session_run", self.session, given, counts[0], wanted, counts[1])
        return results

    def __del__(self):
        self.runtime.library.qopt_session_free(self.session)
        self.runtime.library.qopt_program_free(self.program)


def describe(array):
    element = next(i for i, each in enumerate(TYPES) if each is not None and np.dtype(each) == array.dtype)
    shape = (ctypes.c_int64 * MAX_RANK)(*array.shape)
    return Tensor(element, array.ndim, shape, array.ctypes.data, array.nbytes)
