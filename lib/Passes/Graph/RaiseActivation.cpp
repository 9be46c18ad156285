#include "ConstantFolding.h"
#include "Values.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/OwningOpRef.h"

#include <cmath>

namespace qopt {
#define GEN_PASS_DEF_RAISEACTIVATION
#include "RaiseActivation.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {

constexpr UnaryKind Candidates[] = {UnaryKind::Silu, UnaryKind::GeluErf, UnaryKind::GeluTanh,
                                    UnaryKind::QuickGelu};
constexpr size_t MaxOperations = 16;
constexpr int64_t Samples = 64;

/// The elementwise operations from one value to a result, in order.
struct Cone {
  Value Input;
  SmallVector<Operation *> Operations;
};

bool isElementwise(Operation *Op) { return Op && isa<UnaryOp, BinaryOp, CastOp>(Op); }

class ActivationRaiser {
public:
  explicit ActivationRaiser(func::FuncOp Function)
      : Function(Function), Context(Function.getContext()), Loc(Function.getLoc()) {
    registerAllReferences(Registry);
  }
  void run();

private:
  std::optional<Cone> findCone(Operation *Root, Value Input) const;
  bool collect(Operation *Op, Value Input, Cone &Into) const;
  SmallVector<Value> findInputs(Operation *Root) const;
  std::optional<std::vector<double>> sample(const Cone &Cone, Value Result) const;
  std::vector<double> sampleKind(UnaryKind Kind, RankedTensorType Ty) const;
  ReferenceTensor makePoints(RankedTensorType Ty) const;
  std::optional<UnaryKind> recognise(const Cone &Cone, Value Result) const;

  func::FuncOp Function;
  MLIRContext *Context;
  Location Loc;
  ReferenceRegistry Registry;
};

struct RaiseActivationPass : public qopt::impl::RaiseActivationBase<RaiseActivationPass> {
  void runOnOperation() override {
    for (auto Function : getOperation().getOps<func::FuncOp>())
      if (!Function.isExternal())
        ActivationRaiser(Function).run();
  }
};

} // namespace

/// Values behind the root from which all of it may come, the farthest first.
SmallVector<Value> ActivationRaiser::findInputs(Operation *Root) const {
  SmallVector<Value> Found;
  SmallVector<Operation *> Work = {Root};
  for (size_t I = 0; I < Work.size() && I < MaxOperations; ++I)
    for (Value Operand : Work[I]->getOperands()) {
      if (getSplat(Operand) || llvm::is_contained(Found, Operand))
        continue;
      Found.push_back(Operand);
      if (isElementwise(Operand.getDefiningOp()))
        Work.push_back(Operand.getDefiningOp());
    }
  std::reverse(Found.begin(), Found.end());
  return Found;
}

bool ActivationRaiser::collect(Operation *Op, Value Input, Cone &Into) const {
  if (llvm::is_contained(Into.Operations, Op))
    return true;
  if (!isElementwise(Op) || Into.Operations.size() >= MaxOperations)
    return false;
  for (Value Operand : Op->getOperands())
    if (Operand != Input && !getSplat(Operand) && !collect(Operand.getDefiningOp(), Input, Into))
      return false;
  Into.Operations.push_back(Op);
  return true;
}

std::optional<Cone> ActivationRaiser::findCone(Operation *Root, Value Input) const {
  Cone Result{Input, {}};
  if (!collect(Root, Input, Result) || Result.Operations.size() < 2)
    return std::nullopt;
  return Result;
}

ReferenceTensor ActivationRaiser::makePoints(RankedTensorType Ty) const {
  std::vector<double> Points;
  for (int64_t I = 0; I < Samples; ++I)
    Points.push_back(-6 + 12.0 * double(I) / double(Samples - 1) + 0.013);
  return ReferenceTensor::fromFloats(Ty, Points);
}

/// Runs the cone on the sample points, in a function of its own.
std::optional<std::vector<double>> ActivationRaiser::sample(const Cone &Of, Value Result) const {
  OpBuilder Builder(Context);
  auto OverSamples = [](Value Value) {
    return RankedTensorType::get({Samples}, tensorType(Value).getElementType());
  };
  RankedTensorType InTy = OverSamples(Of.Input), OutTy = OverSamples(Result);
  OwningOpRef<func::FuncOp> Probe =
      func::FuncOp::create(Loc, "activation", Builder.getFunctionType(InTy, OutTy));
  Builder.setInsertionPointToStart(Probe->addEntryBlock());
  IRMapping Map;
  Map.map(Of.Input, Probe->getArgument(0));
  for (Operation *Op : Of.Operations) {
    for (Value Operand : Op->getOperands())
      if (!Map.contains(Operand))
        Map.map(Operand,
                createSplat(Builder, Op->getLoc(), tensorType(Operand).clone(ArrayRef<int64_t>{}),
                            *getSplat(Operand)));
    Operation *Copy = Builder.clone(*Op, Map);
    Copy->getResult(0).setType(OverSamples(Op->getResult(0)));
  }
  func::ReturnOp::create(Builder, Loc, Map.lookup(Result));
  auto Values = runReference(Registry, *Probe, {makePoints(InTy)});
  return Values ? std::optional<std::vector<double>>(Values->readFloats()) : std::nullopt;
}

std::vector<double> ActivationRaiser::sampleKind(UnaryKind Kind, RankedTensorType Ty) const {
  OpBuilder Builder(Context);
  OwningOpRef<func::FuncOp> Probe =
      func::FuncOp::create(Loc, "kind", Builder.getFunctionType(Ty, Ty));
  Builder.setInsertionPointToStart(Probe->addEntryBlock());
  Value Result = UnaryOp::create(Builder, Loc, Kind, Probe->getArgument(0));
  func::ReturnOp::create(Builder, Loc, Result);
  return runReference(Registry, *Probe, {makePoints(Ty)})->readFloats();
}

/// The activation nearest to the samples, if it is as near as rounding allows. `gelu_erf` and
/// `gelu_tanh` differ by up to 5e-4.
std::optional<UnaryKind> ActivationRaiser::recognise(const Cone &Of, Value Result) const {
  auto Values = sample(Of, Result);
  if (!Values)
    return std::nullopt;
  auto Ty = RankedTensorType::get({Samples}, Float64Type::get(Context));
  bool IsWide = tensorType(Result).getElementTypeBitWidth() >= 32;
  double Best = IsWide ? 2e-5 : 1.0 / 64;
  std::optional<UnaryKind> Found;
  for (UnaryKind Kind : Candidates) {
    double Worst = 0;
    for (auto [A, B] : llvm::zip_equal(*Values, sampleKind(Kind, Ty)))
      Worst = std::max(Worst, std::abs(A - B));
    if (Worst < Best) {
      Best = Worst;
      Found = Kind;
    }
  }
  return Found;
}

void ActivationRaiser::run() {
  SmallVector<Operation *> Roots;
  for (Operation &Op : llvm::reverse(Function.getBody().front()))
    if (auto Binary = dyn_cast<BinaryOp>(Op);
        Binary && (Binary.getKind() == BinaryKind::Mul || Binary.getKind() == BinaryKind::Div) &&
        isa<FloatType>(tensorType(Binary).getElementType()))
      Roots.push_back(&Op);
  for (Operation *Root : Roots) {
    Value Result = Root->getResult(0);
    for (Value Input : findInputs(Root)) {
      auto Of = findCone(Root, Input);
      if (!Of || Input.getType() != Result.getType())
        continue;
      auto Kind = recognise(*Of, Result);
      if (!Kind)
        continue;
      OpBuilder Builder(Root);
      Result.replaceAllUsesWith(UnaryOp::create(Builder, Root->getLoc(), *Kind, Input));
      break;
    }
  }
  eraseUnused(Function);
}
