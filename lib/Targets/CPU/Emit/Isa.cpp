#include "qopt/Targets/CPU/Isa.h"

using namespace qopt::cpu;

// Exactly what docs/Artefact.md promises of each name, on top of x86-64-v2.
static constexpr Isa Isas[] = {
    {"avx512", "+avx2,+fma,+f16c,+bmi2,+avx512f,+avx512bw,+avx512dq,+avx512vl,+avx512cd",
     "x86-64-v4", 512, true},
    {"avx2", "+avx2,+fma,+f16c,+bmi2", "x86-64-v3", 256, true},
    {"generic", "", "x86-64-v2", 128, false},
};

llvm::ArrayRef<Isa> qopt::cpu::getIsas() { return Isas; }
