// What a kernel did wrong: where, by whom, and what.
#ifndef QOPT_PTXSIMULATOR_REPORT_H
#define QOPT_PTXSIMULATOR_REPORT_H

#include <array>
#include <cstdint>
#include <string>

namespace qopt::ptxsim {

enum class FaultKind {
  OutOfBounds,
  Misaligned,
  Uninitialised,
  Deadlock,
  Divergence,
  Race,
  BadOperand, ///< a value that the instruction does not take: a lane, a size, a descriptor, a
              ///< tensor map
  Trap,
  Endless, ///< more instructions than SimulatorOptions allow
};

struct Report {
  FaultKind Kind = FaultKind::Trap;
  std::string Kernel;
  uint32_t Line = 0;       ///< of the PTX text
  std::string Instruction; ///< its opcode
  std::array<uint32_t, 3> Cta{};
  std::array<uint32_t, 3> Thread{};
  uint64_t Address = 0;
  std::string Message;

  /// One line with everything.
  std::string text() const;
};

/// "out of bounds", "race"…
const char *faultName(FaultKind Kind);

} // namespace qopt::ptxsim

#endif
