// Forming kernels changes no number: a decoder layer before it, with every operation fused that can
// be, and with every operation in a kernel of its own, gives the same results bit for bit.
#include "ReferenceTest.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

#include <random>

using namespace qopt;

namespace {

/// Batch 1, 8 channels, 2 heads of 4 over 1 key head, 12 channels in the middle, 16 tokens in the
/// vocabulary.
const char *const DecoderText = R"(
  qopt.weight @embedding : tensor<16x8x!qopt.packed<i8, group = 0, scale = f16>> from [#qopt.source<"w", offset = 0, length = 512, type = tensor<16x8xf32>, hash = 0>] scheme "rtn"
  qopt.weight @norm : tensor<8xf32> from [#qopt.source<"w", offset = 0, length = 32, type = tensor<8xf32>, hash = 0>]
  qopt.weight @q : tensor<8x8x!qopt.packed<i4, group = 3, scale = f16, asymmetric>> from [#qopt.source<"w", offset = 0, length = 256, type = tensor<8x8xf32>, hash = 0>] scheme "rtn"
  qopt.weight @k : tensor<4x8xf16> from [#qopt.source<"w", offset = 0, length = 64, type = tensor<4x8xf16>, hash = 0>]
  qopt.weight @o : tensor<8x8xf32> from [#qopt.source<"w", offset = 0, length = 256, type = tensor<8x8xf32>, hash = 0>]
  qopt.weight @up : tensor<12x8xf32> from [#qopt.source<"w", offset = 0, length = 384, type = tensor<12x8xf32>, hash = 0>]
  qopt.weight @down : tensor<8x12xf32> from [#qopt.source<"w", offset = 0, length = 384, type = tensor<8x12xf32>, hash = 0>]
  func.func @main(%ids: tensor<?x?xi64> {qopt.dims = affine_map<()[s0, s1] -> (s0, s1)>}, %past: tensor<?xi64> {qopt.dims = affine_map<()[s0, s1] -> (s0)>},
                  %c0: !qopt.kv_cache<1x4, capacity = 16, key = f16, value = bf16>)
      -> (tensor<?x?x16xf32> {qopt.dims = affine_map<()[s0, s1] -> (s0, s1, 16)>}, !qopt.kv_cache<1x4, capacity = 16, key = f16, value = bf16>)
      attributes {qopt.kind = "decoder", qopt.symbols = [#qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"tokens", 1 to 8>]} {
    %table = qopt.use_weight @embedding : tensor<16x8x!qopt.packed<i8, group = 0, scale = f16>>
    %x = qopt.gather %table[%ids] : tensor<16x8x!qopt.packed<i8, group = 0, scale = f16>>, tensor<?x?xi64>
    %pos = qopt.positions %past tokens affine_map<()[s0, s1] -> (s1)> : tensor<?xi64> -> tensor<?x?xi64>
    %g = qopt.use_weight @norm : tensor<8xf32>
    %n = qopt.rms_norm %x, %g epsilon 1.0e-05 : tensor<?x?x8xf32>, tensor<8xf32>
    %wq = qopt.use_weight @q : tensor<8x8x!qopt.packed<i4, group = 3, scale = f16, asymmetric>>
    %q = qopt.linear %n, %wq : tensor<?x?x8xf32>, tensor<8x8x!qopt.packed<i4, group = 3, scale = f16, asymmetric>>
    %qh = qopt.reshape %q dims affine_map<()[s0, s1] -> (s0, s1, 2, 4)> : tensor<?x?x8xf32> -> tensor<?x?x2x4xf32>
    %qr = qopt.rotary %qh at %pos frequencies [1.0, 0.25] : tensor<?x?x2x4xf32>, tensor<?x?xi64>
    %wk = qopt.use_weight @k : tensor<4x8xf16>
    %k = qopt.linear %n, %wk : tensor<?x?x8xf32>, tensor<4x8xf16>
    %kh = qopt.reshape %k dims affine_map<()[s0, s1] -> (s0, s1, 1, 4)> : tensor<?x?x4xf32> -> tensor<?x?x1x4xf32>
    %kr = qopt.rotary %kh at %pos frequencies [1.0, 0.25] : tensor<?x?x1x4xf32>, tensor<?x?xi64>
    %c1 = qopt.kv_append %c0, %kr, %kh at %past : !qopt.kv_cache<1x4, capacity = 16, key = f16, value = bf16>, tensor<?x?x1x4xf32>, tensor<?x?x1x4xf32>, tensor<?xi64>
    %a = qopt.cached_attention %qr, %c1 at %past scale 0.5 : tensor<?x?x2x4xf32>, !qopt.kv_cache<1x4, capacity = 16, key = f16, value = bf16>, tensor<?xi64>
    %ar = qopt.reshape %a dims affine_map<()[s0, s1] -> (s0, s1, 8)> : tensor<?x?x2x4xf32> -> tensor<?x?x8xf32>
    %wo = qopt.use_weight @o : tensor<8x8xf32>
    %o = qopt.linear %ar, %wo : tensor<?x?x8xf32>, tensor<8x8xf32>
    %h = qopt.binary add %x, %o : tensor<?x?x8xf32>, tensor<?x?x8xf32>
    %m = qopt.rms_norm %h, %g epsilon 1.0e-05 : tensor<?x?x8xf32>, tensor<8xf32>
    %wu = qopt.use_weight @up : tensor<12x8xf32>
    %u = qopt.linear %m, %wu : tensor<?x?x8xf32>, tensor<12x8xf32>
    %s = qopt.unary silu %u : tensor<?x?x12xf32>
    %wd = qopt.use_weight @down : tensor<8x12xf32>
    %d = qopt.linear %s, %wd : tensor<?x?x12xf32>, tensor<8x12xf32>
    %r = qopt.binary add %h, %d : tensor<?x?x8xf32>, tensor<?x?x8xf32>
    %l = qopt.linear %r, %table : tensor<?x?x8xf32>, tensor<16x8x!qopt.packed<i8, group = 0, scale = f16>>
    return %l, %c1 : tensor<?x?x16xf32>, !qopt.kv_cache<1x4, capacity = 16, key = f16, value = bf16>
  })";

class Kernels : public ReferenceTest {
protected:
  Kernels() {
    registerAllPasses();
    Weights = [this](WeightOp Weight) -> mlir::FailureOr<ReferenceTensor> {
      return randomWeight(Weight);
    };
  }

  /// The same numbers for the same weight, whatever the program around it looks like.
  ReferenceTensor randomWeight(WeightOp Weight) {
    std::mt19937 Random(Weight.getSymName().size() * 131 + Weight.getSymName()[0]);
    ReferenceTensor Result(mlir::cast<mlir::RankedTensorType>(Weight.getType()));
    auto Small = [&] { return (int(Random() % 2001) - 1000) / 1000.0; };
    StoredTypeInterface Stored = getStoredElementType(Weight.getType());
    for (int64_t I = 0; I < Result.getNumElements(); ++I) {
      if (Stored)
        Result.setInteger(I, Stored.getCodeMin() +
                                 Random() % (Stored.getCodeMax() - Stored.getCodeMin() + 1));
      else
        Result.setFloat(I, Small());
    }
    for (int64_t Row = 0; Stored && Row < Result.getDim(0); ++Row)
      for (int64_t Group = 0; Group < Result.getNumGroups(); ++Group) {
        Result.setScale(Row, Group, Small() / Stored.getCodeMax());
        if (Stored.hasZeroPoint())
          Result.setZeroPoint(Row, Group, Random() % (Stored.getCodeMax() + 1));
      }
    return Result;
  }

  /// A prompt of five tokens in two rows, then two steps of one token: the results of all of them.
  std::vector<ReferenceTensor> decode(mlir::ModuleOp Program) {
    std::vector<ReferenceTensor> Results;
    ReferenceValue Cache = cache("1x4, capacity = 16, key = f16, value = bf16", 2);
    auto Main = mlir::cast<mlir::FunctionOpInterface>(Program.lookupSymbol("main"));
    Evaluator Evaluator(Registry, Weights);
    auto Step = [&](const ReferenceTensor &Ids, int64_t Past) {
      auto Outputs = Evaluator.run(Main, {Ids, integers("2xi64", {Past, Past}), Cache});
      ASSERT_TRUE(mlir::succeeded(Outputs)) << Messages;
      Results.push_back((*Outputs)[0].getTensor());
      Cache = (*Outputs)[1];
    };
    Step(integers("2x5xi64", {1, 2, 3, 4, 5, 15, 0, 7, 7, 9}), 0);
    Step(integers("2x1xi64", {6, 3}), 5);
    Step(integers("2x1xi64", {11, 12}), 6);
    return Results;
  }

  void expectSameWith(const std::string &Passes) {
    auto Before = mlir::parseSourceString<mlir::ModuleOp>(DecoderText, &Context);
    ASSERT_TRUE(Before) << Messages;
    mlir::OwningOpRef<mlir::ModuleOp> After = Before->clone();
    mlir::PassManager Manager(&Context);
    ASSERT_TRUE(mlir::succeeded(mlir::parsePassPipeline(Passes, Manager)));
    ASSERT_TRUE(mlir::succeeded(Manager.run(*After))) << Messages;
    EXPECT_FALSE(After->getOps<qkernel::KernelOp>().empty());
    auto Expected = decode(*Before), Actual = decode(*After);
    ASSERT_EQ(Expected.size(), 3u);
    ASSERT_EQ(Actual.size(), 3u);
    for (auto [A, E] : llvm::zip_equal(Actual, Expected))
      expectFloats(A, E.readFloats());
  }
};

} // namespace

TEST_F(Kernels, FusedIsExact) { expectSameWith("qopt-verify-quantized,qopt-form-kernels"); }

TEST_F(Kernels, SingleOperationsAreExact) { expectSameWith("qopt-form-kernels{fuse=false}"); }
