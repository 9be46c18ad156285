#include "qopt/Targets/CPU/Isa.h"

using namespace qopt::cpu;

// Exactly what docs/Artefact.md promises of each name, on top of x86-64-v2.
#define QOPT_AVX512 "+avx2,+fma,+f16c,+bmi2,+avx512f,+avx512bw,+avx512dq,+avx512vl,+avx512cd"
static constexpr Isa Isas[] = {
    {"avx512vnni", QOPT_AVX512 ",+avx512vnni", "x86-64-v4", 512, true, true},
    {"avx512", QOPT_AVX512, "x86-64-v4", 512, true, false},
    {"avx2", "+avx2,+fma,+f16c,+bmi2", "x86-64-v3", 256, true, false},
    {"generic", "", "x86-64-v2", 128, false, false},
};
#undef QOPT_AVX512

llvm::ArrayRef<Isa> qopt::cpu::getIsas() { return Isas; }
