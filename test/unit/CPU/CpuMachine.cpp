// Kernels on this processor: as a whole, and again in pieces of every size, which must give the
// same bytes. Every buffer ends where a page begins that may not be touched, and scratch starts as
// NaN.
#include "CpuMachine.h"

#include "KernelTester.h"

#include "qopt/Targets/CPU.h"

#include "qopt/Analysis/DimAnalysis.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"

#include "gtest/gtest.h"

#include <dlfcn.h>
#include <unistd.h>

using namespace qopt;
using namespace qopt::test;

namespace {

class CpuMachine : public TestMachine {
public:
  explicit CpuMachine(const std::vector<std::string> &Isas) {
    CpuOptions Options;
    Options.Isas = Isas;
    Cpu = createCpuTarget(Options);
  }
  ~CpuMachine() override {
    if (Library)
      dlclose(Library);
  }

  const Target &getTarget() const override { return *Cpu; }
  bool hasCpuLowerings() const override { return true; }
  void load(const CompiledModule &Compiled) override;
  bool canRun(const KernelVariant &Variant) const override;
  std::vector<GuardedBuffer> run(const Call &Call,
                                 llvm::function_ref<std::vector<GuardedBuffer>()> Make) override;

private:
  std::vector<GuardedBuffer> runPieces(const Call &Call, int64_t Piece,
                                       std::vector<GuardedBuffer> Buffers);

  std::unique_ptr<Target> Cpu;
  void *Library = nullptr;
};

} // namespace

std::unique_ptr<TestMachine> TestMachine::create(const std::vector<std::string> &Isas) {
  return std::make_unique<CpuMachine>(Isas);
}

void CpuMachine::load(const CompiledModule &Compiled) {
  // dlopen takes a library of a name that is open for the same one.
  static int Count = 0;
  std::string Path = testing::TempDir() + "qopt-cpu-" + std::to_string(getpid()) + "-" +
                     std::to_string(Count++) + ".so";
  std::error_code Error;
  llvm::raw_fd_ostream(Path, Error) << Compiled.Files.front().second;
  ASSERT_FALSE(Error) << Error.message();
  Library = dlopen(Path.c_str(), RTLD_NOW | RTLD_LOCAL);
  llvm::sys::fs::remove(Path);
  ASSERT_TRUE(Library) << dlerror();
}

bool qopt::test::hasIsa(llvm::StringRef Name) {
  if (Name == "avx512vnni")
    return hasIsa("avx512") && __builtin_cpu_supports("avx512vnni");
  if (Name == "avx512")
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (Name == "avx2")
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return true;
}

bool CpuMachine::canRun(const KernelVariant &Variant) const { return hasIsa(Variant.Isa); }

std::vector<GuardedBuffer> CpuMachine::runPieces(const Call &Call, int64_t Piece,
                                                 std::vector<GuardedBuffer> Buffers) {
  using Function = void (*)(int64_t, int64_t, void *const *, const int64_t *, void *);
  auto Run = reinterpret_cast<Function>(dlsym(Library, Call.Variants.front().Symbol.c_str()));
  if (!Run) {
    ADD_FAILURE() << Call.Variants.front().Symbol;
    return Buffers;
  }
  int64_t Items = *evaluate(Call.Plan.Stages.front().Items, Call.Symbols);
  int64_t ScratchBytes = llvm::alignTo(*evaluate(Call.Plan.ScratchBytes, Call.Symbols), 64);
  std::vector<void *> Pointers;
  for (GuardedBuffer &Buffer : Buffers)
    Pointers.push_back(Buffer.data());
  for (int64_t Begin = 0; Begin < Items; Begin += Piece) {
    GuardedBuffer Scratch(ScratchBytes, 0xff);
    Run(Begin, std::min(Begin + Piece, Items), Pointers.data(), Call.Symbols.data(),
        Scratch.data());
  }
  return Buffers;
}

std::vector<GuardedBuffer> CpuMachine::run(const Call &Call,
                                           llvm::function_ref<std::vector<GuardedBuffer>()> Make) {
  int64_t Items = *evaluate(Call.Plan.Stages.front().Items, Call.Symbols);
  std::vector<GuardedBuffer> Whole = runPieces(Call, std::max<int64_t>(Items, 1), Make());
  for (int64_t Piece : {1, 2, 3, 5})
    if (Piece < Items) {
      std::vector<GuardedBuffer> Pieces = runPieces(Call, Piece, Make());
      for (size_t I = 0; I < Whole.size(); ++I)
        EXPECT_EQ(0, memcmp(Whole[I].data(), Pieces[I].data(), Whole[I].size()))
            << Call.Variants.front().Isa << ": buffer " << I << " depends on pieces of " << Piece;
    }
  return Whole;
}
