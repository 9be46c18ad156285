/* Generates greedily; gives the status, and the message of an error. */
#ifndef QOPT_TEST_UNIT_RUNTIME_CHOST_H
#define QOPT_TEST_UNIT_RUNTIME_CHOST_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C"
#endif
    int
    hostGenerate(const char *path, const int64_t *prompt, int64_t count, int64_t *out,
                 int64_t wanted, char *message, size_t size);

#endif
