// The tests' GPU. QOPT_TEST_CHIP names its chip, "sm90" unless set.
#include "GpuMachine.h"

#include <cstdlib>

using namespace qopt;
using namespace qopt::test;

std::unique_ptr<TestMachine> TestMachine::create(const std::vector<std::string> &) {
  const char *Named = std::getenv("QOPT_TEST_CHIP");
  return std::make_unique<GpuMachine>(findChip(Named ? Named : "sm90"));
}
