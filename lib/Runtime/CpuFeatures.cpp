#include "qopt/Runtime/CpuFeatures.h"

#include <cstdint>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace qopt::runtime {

const std::vector<std::string> &isaNames() {
  static const std::vector<std::string> Names = {"generic", "avx2", "avx512", "avx512vnni"};
  return Names;
}

std::optional<int> isaLevel(const std::string &Name) {
  const std::vector<std::string> &Names = isaNames();
  for (size_t I = 0; I < Names.size(); ++I)
    if (Names[I] == Name)
      return static_cast<int>(I);
  return std::nullopt;
}

#if defined(__x86_64__)
namespace {
struct Registers {
  uint32_t A = 0, B = 0, C = 0, D = 0;
};

Registers cpuid(uint32_t Leaf) {
  Registers R;
  __get_cpuid_count(Leaf, 0, &R.A, &R.B, &R.C, &R.D);
  return R;
}

/// The register states that the operating system saves.
uint64_t enabledStates() {
  uint32_t Low, High;
  __asm__("xgetbv" : "=a"(Low), "=d"(High) : "c"(0));
  return (uint64_t(High) << 32) | Low;
}

bool allSet(uint64_t Value, uint64_t Mask) { return (Value & Mask) == Mask; }

int detectLevel() {
  Registers Basic = cpuid(1), Extended = cpuid(7);
  constexpr uint32_t OsXsave = 1u << 27, Fma = 1u << 12, F16c = 1u << 29, Avx = 1u << 28;
  if (!allSet(Basic.C, OsXsave | Fma | F16c | Avx) || !allSet(enabledStates(), 0x6))
    return 0;
  constexpr uint32_t Avx2 = 1u << 5, Bmi2 = 1u << 8;
  if (!allSet(Extended.B, Avx2 | Bmi2))
    return 0;
  constexpr uint32_t F = 1u << 16, Dq = 1u << 17, Cd = 1u << 28, Bw = 1u << 30, Vl = 1u << 31;
  if (!allSet(Extended.B, F | Dq | Cd | Bw | Vl) || !allSet(enabledStates(), 0xe6))
    return 1;
  constexpr uint32_t Vnni = 1u << 11;
  return allSet(Extended.C, Vnni) ? 3 : 2;
}
} // namespace
#else
static int detectLevel() { return 0; }
#endif

bool processorHas(const std::string &Isa) {
  static const int Level = detectLevel();
  std::optional<int> Asked = isaLevel(Isa);
  return Asked && *Asked <= Level;
}

static bool programHas(const artefact::Program &Program, const std::string &Isa) {
  for (const artefact::Kernel &Kernel : Program.Kernels)
    for (const artefact::Variant &Variant : Kernel.Variants)
      if (Variant.Isa == Isa)
        return true;
  return false;
}

static std::string joined(const std::vector<std::string> &Names) {
  std::string Text;
  for (const std::string &Name : Names)
    Text += (Text.empty() ? "" : ", ") + Name;
  return Text;
}

Result<IsaChoice> IsaChoice::create(const artefact::Program &Program, const std::string &Forced,
                                    Probe Has) {
  IsaChoice Choice;
  Choice.Has = Has;
  Choice.Limit = static_cast<int>(isaNames().size()) - 1;
  if (Forced.empty())
    return Choice;
  std::optional<int> Level = isaLevel(Forced);
  if (!Level)
    return makeError(StatusCode::Usage, "QOPT_ISA: unknown instruction set \"", Forced,
                     "\"; there are ", joined(isaNames()));
  if (!Has(Forced))
    return makeError(StatusCode::Unsupported, "QOPT_ISA: this processor has no ", Forced);
  if (!programHas(Program, Forced))
    return makeError(StatusCode::Unsupported, "QOPT_ISA: the artefact has no kernels for ", Forced);
  Choice.Limit = *Level;
  return Choice;
}

Result<const artefact::Variant *> IsaChoice::choose(const artefact::Kernel &Kernel) const {
  std::vector<std::string> Names;
  for (const artefact::Variant &Variant : Kernel.Variants) {
    std::optional<int> Level = isaLevel(Variant.Isa);
    if (Level && *Level <= Limit && Has(Variant.Isa))
      return &Variant;
    Names.push_back(Variant.Isa);
  }
  return makeError(StatusCode::Unsupported, "kernel \"", Kernel.Name,
                   "\" has no version for this processor, only for ", joined(Names));
}

} // namespace qopt::runtime
