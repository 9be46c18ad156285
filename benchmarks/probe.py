"""The limits of this machine, measured by probe.cpp."""
import ctypes


class Probe:
    BYTES = 1 << 29

    def __init__(self, library, threads):
        self.lib, self.threads = ctypes.CDLL(library), threads
        self.sink, self.float_sink = ctypes.c_uint64(), ctypes.c_float()
        self.lib.qopt_probe_multiply.restype = ctypes.c_double
        self.lib.qopt_probe_create.restype = ctypes.c_void_p
        self.lib.qopt_probe_read.restype = ctypes.c_double
        self.buffer = ctypes.c_void_p(self.lib.qopt_probe_create(ctypes.c_size_t(self.BYTES)))

    def gigabytes_per_second(self):
        seconds = self.lib.qopt_probe_read(self.buffer, ctypes.c_size_t(self.BYTES), self.threads,
                                           ctypes.byref(self.sink))
        return self.BYTES / seconds / 1e9

    def gigaflops(self):
        return self.lib.qopt_probe_multiply(self.threads, ctypes.byref(self.float_sink)) / 1e9
