//===- KernelTester.h - compiles one kernel, runs it, compares with the reference -------------===//
//
// A test gives a kernel as text and values of its symbols; inputs are random unless set. The kernel
// is compiled for the machine that the test executable was built with (TestMachine), and each
// version that it has is run there. The same tests serve every target.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_TEST_UNIT_CPU_KERNELTESTER_H
#define QOPT_TEST_UNIT_CPU_KERNELTESTER_H

#include "qopt/Analysis/Budgets.h"
#include "qopt/Analysis/Target.h"
#include "qopt/Reference/Evaluator.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <map>
#include <random>

namespace qopt::test {

/// The entry of the table; a missing one fails the test.
Budget getBudget(llvm::StringRef Operation, llvm::StringRef Types);

/// Bytes that end at a page without access.
class GuardedBuffer {
public:
  explicit GuardedBuffer(size_t Size, unsigned char Fill = 0);
  GuardedBuffer(GuardedBuffer &&Other) {
    std::swap(Map, Other.Map), std::swap(MapSize, Other.MapSize), std::swap(Data, Other.Data),
        std::swap(Bytes, Other.Bytes);
  }
  ~GuardedBuffer();
  char *data() { return Data; }
  size_t size() const { return Bytes; }

private:
  void *Map = nullptr;
  size_t MapSize = 0, Bytes = 0;
  char *Data = nullptr;
};

/// What kernels are compiled for and run on; an executable is linked with one of them.
class TestMachine {
public:
  virtual ~TestMachine() = default;
  /// `Isas`: the versions to run, all that there are if empty.
  static std::unique_ptr<TestMachine> create(const std::vector<std::string> &Isas);

  virtual const Target &getTarget() const = 0;
  /// Whether lowerings have the names that the tests expect: those of the CPU.
  virtual bool hasCpuLowerings() const = 0;
  /// Takes the code of the versions that are run from now on.
  virtual void load(const CompiledModule &Compiled) = 0;
  virtual bool canRun(const KernelVariant &Variant) const = 0;

  struct Call {
    /// For each stage of the plan.
    llvm::ArrayRef<KernelVariant> Variants;
    const KernelPlan &Plan;
    llvm::ArrayRef<int64_t> Symbols;
  };
  /// Runs a version; `Make` gives fresh buffers. The buffers afterwards.
  virtual std::vector<GuardedBuffer> run(const Call &Call,
                                         llvm::function_ref<std::vector<GuardedBuffer>()> Make) = 0;
};

class KernelTester {
public:
  /// `Text` is a module with one kernel; it may leave `qkernel.layout` to the target (weights are
  /// then chosen by `weights`).
  /// The values of the symbols are for one run, or several of the same code.
  KernelTester(std::string Text, std::vector<int64_t> SymbolValues)
      : KernelTester(std::move(Text), std::vector<std::vector<int64_t>>{SymbolValues}) {}
  KernelTester(std::string Text, std::vector<std::vector<int64_t>> SymbolValues);
  ~KernelTester();

  /// Arguments that are weights, in the layout that the target chooses.
  KernelTester &weights(std::vector<unsigned> Arguments);
  KernelTester &integers(unsigned Argument, std::vector<int64_t> Values);
  KernelTester &floats(unsigned Argument, std::vector<double> Values);
  /// Fills a cache up to some position of each row with random numbers.
  KernelTester &filledCache(unsigned Argument, std::vector<int64_t> Lengths);
  /// The entry of test/Numerics/budgets.yaml that holds for the results; "kernel", "f32" unless
  /// said.
  KernelTester &budget(llvm::StringRef Operation, llvm::StringRef Types) {
    return Allowed = getBudget(Operation, Types), *this;
  }
  /// For what has no budget yet.
  KernelTester &tolerance(double Value) {
    return Allowed = {"kernel", "none", "cpu", "relative", "no budget yet", Value}, *this;
  }
  KernelTester &seed(unsigned Value) { return Random.seed(Value), *this; }
  /// The instruction sets to run, all that the machine has if empty.
  KernelTester &isas(std::vector<std::string> Names) { return Isas = std::move(Names), *this; }

  /// Compiles twice and compares the bytes.
  KernelTester &checkBytes() { return ChecksBytes = true, *this; }

  /// Compiles the kernel; `run` does it where nobody has.
  void compile();
  /// Compiles, runs, and checks everything.
  void run();
  /// After `compile`: what runs the kernel, and the lowering that took it.
  TestMachine &getMachine() { return *Machine; }
  llvm::StringRef getLowering() const { return Plan.Lowering; }
  /// After `run`: checks the lowering that took the kernel, on the CPU, where tests know its name.
  void expectCpuLowering(llvm::StringRef Name) const;
  /// How often code ran, for all versions and values of the symbols.
  int getRuns() const { return Runs; }

private:
  void prepareInputs();
  ReferenceValue randomInput(mlir::Type Ty, unsigned Argument);
  std::vector<GuardedBuffer> makeBuffers();
  std::vector<llvm::SmallVector<KernelVariant>> getVersions();
  std::string packInput(unsigned Argument);
  void compareResults(const KernelVariant &Variant, std::vector<GuardedBuffer> &Buffers);
  void compareCache(const ReferenceCache &Expected, char *Keys, char *Values,
                    const std::string &What);
  mlir::SmallVector<int64_t> staticShape(unsigned Argument);

  mlir::MLIRContext Context;
  mlir::OwningOpRef<mlir::ModuleOp> Module;
  qkernel::KernelOp Kernel;
  std::vector<std::vector<int64_t>> SymbolSets;
  std::vector<int64_t> Symbols;
  std::map<unsigned, std::vector<int64_t>> Integers;
  std::map<unsigned, std::vector<double>> Floats;
  std::map<unsigned, std::vector<int64_t>> CacheLengths;
  std::vector<unsigned> Weights;
  std::vector<ReferenceValue> Inputs, Expected;
  std::vector<std::string> Isas;
  Budget Allowed = getBudget("kernel", "f32");
  bool ChecksBytes = false;
  std::mt19937 Random{42};
  KernelPlan Plan;
  CompiledModule Compiled;
  std::unique_ptr<TestMachine> Machine;
  int Runs = 0;
};

} // namespace qopt::test

#endif // QOPT_TEST_UNIT_CPU_KERNELTESTER_H
