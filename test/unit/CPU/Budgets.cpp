#include "Budgets.h"

#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/YAMLTraits.h"
#include "gtest/gtest.h"

#include <cmath>

namespace {
struct Entry {
  std::string Operation, Types, Target, Metric, Reason;
  double Bound = 0;
};
} // namespace

LLVM_YAML_IS_SEQUENCE_VECTOR(Entry)

template <> struct llvm::yaml::MappingTraits<Entry> {
  static void mapping(IO &Io, Entry &Each) {
    Io.mapRequired("operation", Each.Operation);
    Io.mapRequired("types", Each.Types);
    Io.mapRequired("target", Each.Target);
    Io.mapRequired("metric", Each.Metric);
    Io.mapRequired("bound", Each.Bound);
    Io.mapRequired("reason", Each.Reason);
  }
};

static std::vector<Entry> readEntries() {
  std::vector<Entry> Entries;
  auto File = llvm::MemoryBuffer::getFile(QOPT_TEST_BUDGETS);
  if (!File)
    return Entries;
  llvm::yaml::Input Input((*File)->getBuffer());
  Input >> Entries;
  if (Input.error())
    Entries.clear();
  return Entries;
}

double qopt::test::Budget::allows(double Value) const {
  return Relative ? Bound * (1 + std::fabs(Value)) : Bound;
}

qopt::test::Budget qopt::test::getBudget(llvm::StringRef Operation, llvm::StringRef Types) {
  static const std::vector<Entry> Entries = readEntries();
  for (const Entry &Each : Entries)
    if (Each.Operation == Operation && Each.Types == Types && Each.Target == "cpu")
      return {Each.Bound, Each.Metric == "relative"};
  ADD_FAILURE() << QOPT_TEST_BUDGETS << ": no budget for " << Operation.str() << ", " << Types.str();
  return {};
}
