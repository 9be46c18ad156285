//===- FaultFile.h - a kernel and the faults to plant in it -----------------------------------===//
//
// An .mlir file with one kernel whose comments say how it is run and what is planted:
//
//   // family: contraction          the lowering that takes it
//   // sizes: 1 1; 1 5              values of its symbols, for each run
//   // weights: 1                   arguments in the target's layout
//   // integers 2: 37 1             values of an integer argument
//   // cache 1: 38 2                positions of each row that hold something
//   // budget: linear, codes        of test/Numerics/budgets.yaml
//
//   // fault: lost barrier          a name; then, for this fault
//   // after: bar.sync 0;           only places behind the first such one
//   // find any: bar.sync 0;        the place: first, last, any (the seed chooses) or every
//   // make:                        what stands there instead
//   // caught by: race              where no other way will do
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_TEST_TOOLS_PLANTFAULTS_FAULTFILE_H
#define QOPT_TEST_TOOLS_PLANTFAULTS_FAULTFILE_H

#include "Pattern.h"

#include "qopt/Base/Status.h"

#include <map>

namespace qopt::test {

struct Fault {
  std::string Name, Where, Replacement, CaughtBy;
  Pattern After, Place;
  unsigned Line = 0;
};

struct FaultFile {
  static Result<FaultFile> read(llvm::StringRef Path);

  std::string Path, Text, Family, Operation = "kernel", Types = "f32";
  std::vector<std::vector<int64_t>> Sizes;
  std::vector<int64_t> Weights;
  std::map<unsigned, std::vector<int64_t>> Integers, Caches;
  std::vector<Fault> Faults;
};

} // namespace qopt::test

#endif // QOPT_TEST_TOOLS_PLANTFAULTS_FAULTFILE_H
