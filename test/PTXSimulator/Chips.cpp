#include "Chips.h"

#include <cctype>

namespace qopt::ptxsim {

namespace {
struct Chip {
  const char *Architecture;
  const char *Name;
  int Major, Minor, Multiprocessors;
  int SharedKilobytes;
  int64_t MemoryGigabytes;
};
} // namespace

static const Chip Chips[] = {
    {"80", "simulated A100", 8, 0, 108, 163, 80},
    {"86", "simulated RTX 3090", 8, 6, 82, 99, 24},
    {"89", "simulated RTX 4090", 8, 9, 128, 99, 24},
    {"90", "simulated H200", 9, 0, 132, 227, 141},
    {"100", "simulated B200", 10, 0, 148, 227, 180},
    {"120", "simulated RTX 5090", 12, 0, 170, 99, 32},
};

static std::string digitsOf(std::string_view Name) {
  std::string Digits;
  for (char C : Name)
    if (std::isdigit(static_cast<unsigned char>(C)))
      Digits += C;
  return Digits;
}

Result<runtime::GpuProperties> chipProperties(const std::string &Name) {
  std::string Known;
  for (const Chip &C : Chips) {
    Known += std::string(Known.empty() ? "" : ", ") + "sm" + C.Architecture;
    if (digitsOf(Name) != C.Architecture)
      continue;
    runtime::GpuProperties P;
    P.Name = C.Name;
    P.Major = C.Major;
    P.Minor = C.Minor;
    P.Multiprocessors = C.Multiprocessors;
    P.SharedBytes = C.SharedKilobytes * 1024;
    P.MemoryBytes = C.MemoryGigabytes << 30;
    P.DriverVersion = 13000;
    return P;
  }
  return makeError(StatusCode::Unsupported, "no simulated chip is called ", Name, "; there are ",
                   Known);
}

Status checkTarget(const runtime::GpuProperties &Chip, std::string_view Target) {
  std::string Digits = digitsOf(Target);
  int Version = Digits.empty() ? 0 : std::stoi(Digits);
  int Own = Chip.Major * 10 + Chip.Minor;
  bool Exact = !Target.empty() && Target.back() == 'a';
  bool Family = !Target.empty() && Target.back() == 'f';
  if (Version == Own || (Version < Own && !Exact && (!Family || Version / 10 == Own / 10)))
    return Status();
  return makeError(StatusCode::Unsupported, "built for ", Target, ", this GPU is sm_", Own, " (",
                   Chip.Name, ")");
}

} // namespace qopt::ptxsim
