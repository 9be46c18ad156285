#ifndef QKERNEL_TYPES
#define QKERNEL_TYPES

include "QKernel/QKernelDialect.td"

#endif
