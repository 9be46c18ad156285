// A plugin in one file: a pass, and a lowering that wins over the built-in one.
//
//   qopt-compile model.onnx --w4a16 --load-pass-plugin=libQOptExamplePlugin.so
//     --insert-pass=after:model:example-count-contractions --explain
//
// The pass reports how many contractions a program has. The lowering takes one-row products with
// 4-bit weights (decode), one panel at a time and without prefetch: a starting point for
// experiments with the inner loop.
#include "qopt/Targets/CPU/Contraction.h"

#include "mlir/Pass/Pass.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "llvm/Config/llvm-config.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

namespace {

struct CountContractions : PassWrapper<CountContractions, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CountContractions)
  StringRef getArgument() const override { return "example-count-contractions"; }
  StringRef getDescription() const override {
    return "Reports how many contractions a program has";
  }

  void runOnOperation() override {
    unsigned Count = 0;
    getOperation().walk([&](LinearOp) { ++Count; });
    getOperation().emitRemark() << Count << " contractions";
  }
};

/// Decode with 4-bit weights: y = sum over groups of scale * sum over the group of code * x.
class ExampleGemv : public ContractionLowering {
public:
  StringRef getName() const override { return "example-w4-gemv"; }
  int getBenefit() const override { return 10; }

  bool match(const KernelInfo &Kernel, std::string &Reason) const override {
    if (!ContractionLowering::match(Kernel, Reason))
      return false;
    for (Operation &Op : Kernel.getOps())
      if (auto Linear = dyn_cast<LinearOp>(Op)) {
        StoredTypeInterface Stored = getStoredElementType(Linear.getWeight().getType());
        if (!Stored || Stored.getCodeBits() != 4 || Stored.hasZeroPoint()) {
          Reason = "takes symmetric 4-bit weights";
          return false;
        }
      }
    return true;
  }

protected:
  KernelBuilder::Values emitRow(KernelBuilder &B, const PanelWeight &Weight, int64_t Panels,
                                Value Weights, Value Input) const override {
    KernelBuilder::Values Sums;
    for (int64_t Panel = 0; Panel < Panels; ++Panel)
      for (int64_t Half = 0; Half < 2; ++Half)
        Sums.push_back(sumPanel(
            B, Weight, B.bytes(Weights, B.index(Panel * Weight.getPanelBytes())), Half, Input));
    return Sums;
  }

private:
  /// 16 outputs over all groups; the last group may be shorter.
  static Value sumPanel(KernelBuilder &B, const PanelWeight &Weight, Value Panel, int64_t Half,
                        Value Input) {
    int64_t Full = Weight.getInputs() / Weight.getGroup(),
            Rest = Weight.getInputs() % Weight.getGroup();
    auto Group = [&](Value Index, int64_t Size, Value Sum) {
      Value Codes = B.bytes(Panel, B.mul(Index, Weight.getGroupBytes()));
      Value First = B.element(Input, B.mul(Index, Weight.getGroup()), B.getF32Type());
      Value Scales = B.bytes(Codes, B.index(Weight.getCodeBytes(Size)));
      return B.fma(sumGroup(B, Weight, Codes, First, Half, Size),
                   Weight.loadScales(B, Scales, Half), Sum);
    };
    Value Sum = B.loop(B.index(0), B.index(Full), 1, ValueRange{B.f32(0)},
                       [&](Value Index, ValueRange Carried) {
                         return KernelBuilder::Values{Group(Index, Weight.getGroup(), Carried[0])};
                       })[0];
    return Rest ? Group(B.index(Full), Rest, Sum) : Sum;
  }

  /// sum of code * x over one group, word by word of eight inputs.
  static Value sumGroup(KernelBuilder &B, const PanelWeight &Weight, Value Codes, Value Input,
                        int64_t Half, int64_t Size) {
    auto Word = [&](Value Index, int64_t Count, Value Sum) {
      Value Loaded =
          Weight.loadCodes(B, B.bytes(Codes, B.mul(Index, Weight.getCodeBytes(8))), Half);
      for (int64_t J = 0; J < Count; ++J) {
        Value X = B.loadScalar(B.element(Input, B.add(B.mul(Index, 8), J), B.getF32Type()),
                               B.getF32Type());
        Sum = B.fma(Weight.decode(B, Loaded, J), B.splat(X), Sum);
      }
      return Sum;
    };
    Value Sum = B.loop(B.index(0), B.index(Size / 8), 1, ValueRange{B.f32(0)},
                       [&](Value Index, ValueRange Carried) {
                         return KernelBuilder::Values{Word(Index, 8, Carried[0])};
                       })[0];
    return Size % 8 ? Word(B.index(Size / 8), Size % 8, Sum) : Sum;
  }
};

} // namespace

extern "C" LLVM_ATTRIBUTE_WEAK PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "QOptExample", LLVM_VERSION_STRING, [] {
            PassRegistration<CountContractions>();
            registerCpuLowering([] { return std::make_unique<ExampleGemv>(); });
          }};
}
