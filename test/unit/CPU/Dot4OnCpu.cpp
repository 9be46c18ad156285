// qkernel.dot4 on every instruction set against its definition, which is its fold on constants.
#include "CpuMachine.h"

#include "qopt/Pipelines/Register.h"
#include "qopt/Targets/CPU.h"
#include "qopt/Targets/CPU/KernelBuilder.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"

#include "gtest/gtest.h"

#include <dlfcn.h>
#include <random>
#include <unistd.h>

using namespace mlir;
using namespace qopt;
using namespace qopt::test;

namespace {

constexpr int64_t Lanes = 16, Bytes = 4 * Lanes;

/// A kernel of three arguments, the accumulators and the bytes, that is one dot4.
class Dot4Lowering : public cpu::CpuLowering {
public:
  explicit Dot4Lowering(bool IsUnsigned) : IsUnsigned(IsUnsigned) {}
  StringRef getName() const override { return "dot4"; }
  bool match(const codegen::KernelInfo &, std::string &) const override { return true; }
  KernelPlan plan(const codegen::KernelInfo &Kernel) const override {
    KernelPlan Plan;
    Plan.onlyStage().Items = Kernel.constant(1);
    Plan.ScratchBytes = Kernel.constant(0);
    return Plan;
  }
  LogicalResult emit(cpu::KernelBuilder &B) const override {
    auto Load = [&](unsigned Argument, Type Element, int64_t Count) {
      qkernel::KernelOp Kernel = B.getInfo().getKernel();
      return B.loadRaw(B.getArgument(Kernel.getBody().getArgument(Argument)),
                       B.vectorOf(Element, Count));
    };
    Value Sum =
        qkernel::Dot4Op::create(B, Load(0, B.getI32Type(), Lanes), Load(1, B.getI8Type(), Bytes),
                                Load(2, B.getI8Type(), Bytes), IsUnsigned);
    B.storeRaw(Sum, B.getResult(0));
    return success();
  }

private:
  bool IsUnsigned;
};

struct Numbers {
  std::vector<int32_t> Sums;
  std::vector<int8_t> Lhs, Rhs;
};

/// Every pair of extremes, then random bytes, on sums that are about to wrap around, too.
std::vector<Numbers> allNumbers() {
  std::vector<Numbers> Result;
  for (int Lhs : {-128, -127, -1, 0, 1, 127})
    for (int Rhs : {-128, -127, -1, 0, 1, 127})
      Result.push_back({std::vector<int32_t>(Lanes, 5), std::vector<int8_t>(Bytes, Lhs),
                        std::vector<int8_t>(Bytes, Rhs)});
  std::mt19937 Random(7);
  for (int I = 0; I < 20; ++I) {
    Numbers Case;
    for (int64_t L = 0; L < Lanes; ++L)
      Case.Sums.push_back(int32_t(Random()));
    for (int64_t B = 0; B < Bytes; ++B) {
      Case.Lhs.push_back(int8_t(Random()));
      Case.Rhs.push_back(int8_t(Random()));
    }
    Result.push_back(std::move(Case));
  }
  return Result;
}

/// The sums that the operation's fold gives.
std::vector<int32_t> evaluate(MLIRContext &Context, const Numbers &Case, bool IsUnsigned) {
  OwningOpRef<ModuleOp> Module = ModuleOp::create(UnknownLoc::get(&Context));
  ImplicitLocOpBuilder B =
      ImplicitLocOpBuilder::atBlockBegin(UnknownLoc::get(&Context), Module->getBody());
  auto Constant = [&](auto Values, Type Element) {
    auto Ty = VectorType::get({int64_t(Values.size())}, Element);
    return arith::ConstantOp::create(B, DenseElementsAttr::get(Ty, ArrayRef(Values)));
  };
  auto Op = qkernel::Dot4Op::create(B, Constant(Case.Sums, B.getI32Type()),
                                    Constant(Case.Lhs, B.getI8Type()),
                                    Constant(Case.Rhs, B.getI8Type()), IsUnsigned);
  SmallVector<OpFoldResult> Folded;
  EXPECT_TRUE(succeeded(Op->fold(Folded)) && Folded.size() == 1);
  auto Values = cast<DenseIntElementsAttr>(cast<Attribute>(Folded[0])).getValues<int32_t>();
  return {Values.begin(), Values.end()};
}

constexpr const char *Text = R"(
  qkernel.kernel @k(%sums: tensor<16xi32>, %lhs: tensor<64xi8>, %rhs: tensor<64xi8>) -> tensor<16xi32> attributes {kind = "test"} {
    qkernel.yield %sums : tensor<16xi32>
  })";

void runDot4(bool IsUnsigned) {
  DialectRegistry Registry;
  registerAllDialects(Registry);
  MLIRContext Context(Registry);
  Context.loadAllAvailableDialects();
  auto Module = parseSourceString<ModuleOp>(Text, &Context);
  ASSERT_TRUE(Module);
  cpu::CpuLoweringRegistry Lowerings;
  Lowerings.add(std::make_unique<Dot4Lowering>(IsUnsigned));
  auto Compiled = createCpuTarget({}, std::move(Lowerings))->compile(*Module, "");
  ASSERT_TRUE(succeeded(Compiled));

  // Every instruction set has code of its own for a kernel with byte products.
  SmallVector<KernelVariant> &Variants = Compiled->Variants["k"];
  ASSERT_EQ(Variants.size(), 4u);
  EXPECT_EQ(Variants[0].Isa, "avx512vnni");
  EXPECT_EQ(Variants[0].Symbol, "k_avx512vnni");

  std::string Path = testing::TempDir() + "qopt-dot4-" + std::to_string(getpid()) + ".so";
  std::error_code Error;
  llvm::raw_fd_ostream(Path, Error) << Compiled->Files.front().second;
  ASSERT_FALSE(Error) << Error.message();
  void *Library = dlopen(Path.c_str(), RTLD_NOW | RTLD_LOCAL);
  llvm::sys::fs::remove(Path);
  ASSERT_TRUE(Library) << dlerror();
  for (const KernelVariant &Variant : Variants) {
    if (!hasIsa(Variant.Isa))
      continue;
    auto Run = reinterpret_cast<void (*)(int64_t, int64_t, void *const *, const int64_t *, void *)>(
        dlsym(Library, Variant.Symbol.c_str()));
    ASSERT_TRUE(Run) << Variant.Symbol;
    for (Numbers &Case : allNumbers()) {
      std::vector<int32_t> Sums(Lanes);
      void *Buffers[] = {Case.Sums.data(), Case.Lhs.data(), Case.Rhs.data(), Sums.data()};
      Run(0, 1, Buffers, nullptr, nullptr);
      EXPECT_EQ(Sums, evaluate(Context, Case, IsUnsigned))
          << Variant.Isa << ", " << int(Case.Lhs[0]) << " times " << int(Case.Rhs[0]);
    }
  }
  dlclose(Library);
}

} // namespace

TEST(Dot4, Signed) { runDot4(false); }
TEST(Dot4, Unsigned) { runDot4(true); }
