#include "Report.h"

#include <sstream>

namespace qopt::ptxsim {

const char *faultName(FaultKind Kind) {
  switch (Kind) {
  case FaultKind::OutOfBounds:
    return "out of bounds";
  case FaultKind::Misaligned:
    return "misaligned";
  case FaultKind::Uninitialised:
    return "uninitialised";
  case FaultKind::Deadlock:
    return "deadlock";
  case FaultKind::Divergence:
    return "divergence";
  case FaultKind::Race:
    return "race";
  case FaultKind::BadOperand:
    return "bad operand";
  case FaultKind::Trap:
    return "trap";
  case FaultKind::Endless:
    return "endless";
  }
  return "fault";
}

std::string Report::text() const {
  std::ostringstream Out;
  Out << faultName(Kind) << ": " << Message << " (kernel " << Kernel << ", PTX line " << Line
      << ", " << Instruction << ", CTA (" << Cta[0] << "," << Cta[1] << "," << Cta[2]
      << "), thread (" << Thread[0] << "," << Thread[1] << "," << Thread[2] << "), address 0x"
      << std::hex << Address << ")";
  return Out.str();
}

} // namespace qopt::ptxsim
