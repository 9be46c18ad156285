"""The runtime's C interface, as far as the tests need it."""

import ctypes

import numpy as np


class Failed(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Runtime:
    def __init__(self, library):
        self.library = ctypes.CDLL(library)
        self.library.qopt_error_message.restype = ctypes.c_char_p
        self.library.qopt_session_length.restype = ctypes.c_int64
        self.library.qopt_session_length.argtypes = [ctypes.c_void_p, ctypes.c_int64]
        for name in ("qopt_error_message", "qopt_error_status", "qopt_error_free", "qopt_session_free", "qopt_program_free"):
            getattr(self.library, name).argtypes = [ctypes.c_void_p]

    def call(self, name, *arguments):
        error = ctypes.c_void_p()
        status = getattr(self.library, name)(*arguments, ctypes.byref(error))
        if status:
            message = self.library.qopt_error_message(error).decode()
            self.library.qopt_error_free(error)
            raise Failed(status, message)

    def load(self, path):
        program = ctypes.c_void_p()
        self.call("qopt_program_load", path.encode(), None, ctypes.byref(program))
        return program

    def session(self, program, rows=1):
        session = ctypes.c_void_p()
        self.call("qopt_session_create", program, ctypes.c_int64(rows), ctypes.byref(session))
        return session

    def decode(self, session, ids, vocabulary):
        """The logits of all of ids [batch][tokens], which are appended."""
        ids = np.ascontiguousarray(ids, np.int64)
        batch, tokens = ids.shape
        logits = np.full((batch, tokens, vocabulary), np.nan, np.float32)
        self.call("qopt_session_decode", session, ids.ctypes.data_as(ctypes.c_void_p), ctypes.c_int64(batch), ctypes.c_int64(tokens),
                  None, ctypes.c_int64(tokens), logits.ctypes.data_as(ctypes.c_void_p))
        return logits
