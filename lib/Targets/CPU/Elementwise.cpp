// Chains of elementwise operations on one shape, in vectors of 16. Neighbouring axes along which
// every operand behaves alike (all elements, or one repeated) are merged; the last merged axis is
// the inner loop. A work item is up to 1024 elements of an inner row.
#include "qopt/Targets/CPU/KernelBuilder.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

namespace {

/// An argument or constant, seen under the shape in which the chain reads it.
struct Leaf {
  Value View;
  /// For each merged axis: whether the leaf has it.
  SmallVector<bool> Has;
};

struct ElementwiseForm {
  /// Sizes of the merged axes, at least one.
  SmallVector<AffineExpr> Axes;
  llvm::MapVector<Value, Leaf> Leaves;

  static std::optional<ElementwiseForm> get(const KernelInfo &Info, std::string &Reason);
  AffineExpr getChunks() const { return Axes.back().ceilDiv(ChunkElements); }
  AffineExpr getItems(const KernelInfo &Info) const {
    return qopt::getElementCount(ArrayRef(Axes).drop_back(), Info.getContext()) * getChunks();
  }

  static constexpr int64_t ChunkElements = 1024;
};

class ElementwiseEmitter {
public:
  ElementwiseEmitter(KernelBuilder &B, const ElementwiseForm &Form) : B(B), Form(Form) {}
  LogicalResult emit();

private:
  Value offsetOf(const Leaf &Leaf, ArrayRef<Value> Indices);
  Value loadLeaf(Value Of, Value I, int64_t Lanes);

  KernelBuilder &B;
  const ElementwiseForm &Form;
  /// Pointer to the first element of the row of each leaf.
  llvm::DenseMap<Value, Value> Rows;
};

class ElementwiseLowering : public CpuLowering {
public:
  StringRef getName() const override { return "elementwise"; }
  bool match(const KernelInfo &Kernel, std::string &Reason) const override {
    return ElementwiseForm::get(Kernel, Reason).has_value();
  }
  KernelPlan plan(const KernelInfo &Kernel) const override {
    std::string Reason;
    KernelPlan Plan;
    Plan.onlyStage().Items = ElementwiseForm::get(Kernel, Reason)->getItems(Kernel);
    Plan.ScratchBytes = Kernel.constant(0);
    return Plan;
  }
  LogicalResult emit(KernelBuilder &B) const override {
    std::string Reason;
    auto Form = ElementwiseForm::get(B.getInfo(), Reason);
    if (!Form)
      return B.getInfo().getKernel().emitError() << "is not elementwise: " << Reason;
    return ElementwiseEmitter(B, *Form).emit();
  }
};

} // namespace

//===- Form -----------------------------------------------------------------------------------===//

static bool isLeaf(Value Of) { return isArgumentOrConstant(skipReshapes(Of)); }

/// The shape that all operations have, or nothing where they differ.
static std::optional<Dims> findShape(const KernelInfo &Info, std::string &Reason) {
  std::optional<Dims> Shape;
  for (Operation &Op : Info.getOps()) {
    if (isa<ReshapeOp, ConstantOp>(Op))
      continue;
    if (!isElementwise(&Op)) {
      Reason = ("holds " + Op.getName().getStringRef()).str();
      return std::nullopt;
    }
    ArrayRef<AffineExpr> Mine = Info.getDims(Op.getResult(0));
    if (Shape && ArrayRef<AffineExpr>(*Shape) != Mine) {
      Reason = "its operations have different shapes";
      return std::nullopt;
    }
    Shape = Dims(Mine.begin(), Mine.end());
  }
  if (!Shape)
    Reason = "has no elementwise operation";
  return Shape;
}

/// For each axis of the shape whether the leaf has it (as in NumPy, aligned at the last axis).
static SmallVector<bool> findAxes(ArrayRef<AffineExpr> LeafDims, ArrayRef<AffineExpr> Shape) {
  SmallVector<bool> Has(Shape.size() - LeafDims.size(), false);
  for (auto [Mine, Whole] : llvm::zip_equal(LeafDims, Shape.take_back(LeafDims.size())))
    Has.push_back(Mine == Whole);
  return Has;
}

std::optional<ElementwiseForm> ElementwiseForm::get(const KernelInfo &Info, std::string &Reason) {
  std::optional<Dims> Shape = findShape(Info, Reason);
  if (!Shape)
    return std::nullopt;
  ElementwiseForm Form;
  for (Operation &Op : Info.getOps()) {
    if (!isElementwise(&Op))
      continue;
    for (Value Operand : Op.getOperands()) {
      bool IsWeight =
          isLeaf(Operand) &&
          (getStoredElementType(skipReshapes(Operand).getType()) ||
           isa_and_nonnull<qkernel::PanelLayoutAttr>(Info.getLayout(skipReshapes(Operand))));
      bool IsChain = !isLeaf(Operand) && isElementwise(Operand.getDefiningOp());
      if (IsWeight || !(isLeaf(Operand) || IsChain)) {
        Reason = "an operand is a packed weight, or a reshape of a computed value";
        return std::nullopt;
      }
      if (isLeaf(Operand))
        Form.Leaves.insert({Operand, {Operand, findAxes(Info.getDims(Operand), *Shape)}});
    }
  }
  for (Value Result : Info.getResults())
    if (!skipReshapes(Result).getDefiningOp() ||
        !isElementwise(skipReshapes(Result).getDefiningOp())) {
      Reason = "yields an argument";
      return std::nullopt;
    }
  // Merge axes, the first one first; those of size 1 vanish.
  SmallVector<unsigned> Kept;
  auto SameAsLast = [&](unsigned Axis) {
    return llvm::all_of(Form.Leaves, [&](auto &Entry) {
      return Entry.second.Has[Axis] == Entry.second.Has[Kept.back()];
    });
  };
  for (unsigned Axis = 0; Axis < Shape->size(); ++Axis) {
    if ((*Shape)[Axis] == Info.constant(1))
      continue;
    if (!Kept.empty() && SameAsLast(Axis)) {
      Form.Axes.back() = Form.Axes.back() * (*Shape)[Axis];
      continue;
    }
    Kept.push_back(Axis);
    Form.Axes.push_back((*Shape)[Axis]);
  }
  for (auto &[View, Leaf] : Form.Leaves)
    Leaf.Has =
        llvm::map_to_vector(Kept, [&, &Has = Leaf.Has](unsigned Axis) { return bool(Has[Axis]); });
  if (Form.Axes.empty()) {
    Form.Axes.push_back(Info.constant(1));
    for (auto &[View, Leaf] : Form.Leaves)
      Leaf.Has.push_back(true);
  }
  return Form;
}

//===- Code -----------------------------------------------------------------------------------===//

/// Index of a leaf's element at these indices of the merged axes.
Value ElementwiseEmitter::offsetOf(const Leaf &Leaf, ArrayRef<Value> Indices) {
  Value Offset = B.index(0);
  for (auto [Axis, Index] : llvm::enumerate(Indices))
    if (Leaf.Has[Axis])
      Offset = B.add(B.mul(Offset, B.size(Form.Axes[Axis])), Index);
  return Offset;
}

LogicalResult ElementwiseEmitter::emit() {
  const KernelInfo &Info = B.getInfo();
  LogicalResult Status = success();
  B.loop(B.getBegin(), B.getEnd(), 1, [&](Value Item) {
    Value Chunks = B.size(Form.getChunks()), Inner = B.size(Form.Axes.back());
    Value Start = B.mul(B.rem(Item, Chunks), ElementwiseForm::ChunkElements);
    Value Outer = B.div(Item, Chunks), Rest = Outer;
    SmallVector<Value> Indices(Form.Axes.size());
    Indices.back() = Start;
    for (size_t Axis = Form.Axes.size() - 1; Axis-- > 0;) {
      Indices[Axis] = B.rem(Rest, B.size(Form.Axes[Axis]));
      Rest = B.div(Rest, B.size(Form.Axes[Axis]));
    }
    for (auto &[View, Leaf] : Form.Leaves) {
      Value Source = skipReshapes(View);
      auto Constant = Source.getDefiningOp<ConstantOp>();
      Value Pointer = Constant ? B.constantTable(Constant.getValue()) : B.getArgument(Source);
      Rows[View] = B.element(Pointer, offsetOf(Leaf, Indices), cpu::getElementType(View));
    }
    Value First = B.add(B.mul(Outer, Inner), Start);
    Value Count = B.min(B.index(ElementwiseForm::ChunkElements), B.sub(Inner, Start));
    B.loopLanes(Count, [&](Value I, int64_t Lanes) {
      llvm::DenseMap<Value, Value> Known;
      for (auto [R, Result] : llvm::enumerate(Info.getResults())) {
        FailureOr<Value> Vector =
            emitElementwiseTree(B, skipReshapes(Result), Known, [&](Value Of) {
              return isLeaf(Of) ? loadLeaf(Of, I, Lanes) : Value();
            });
        Type Element = cpu::getElementType(Result);
        if (failed(Vector)) {
          Status = failure();
          return;
        }
        B.storeVector(*Vector, B.element(B.getResult(R), B.add(First, I), Element), Element);
      }
    });
  });
  return Status;
}

Value ElementwiseEmitter::loadLeaf(Value Of, Value I, int64_t Lanes) {
  Type Element = cpu::getElementType(Of);
  Value Row = Rows.lookup(Of);
  if (Form.Leaves.find(Of)->second.Has.back())
    return B.loadVector(B.element(Row, I, Element), Element, Lanes);
  return B.splat(B.loadScalar(Row, Element), Lanes);
}

namespace qopt::cpu {
void registerElementwiseLowerings(CpuLoweringRegistry &Registry) {
  Registry.add(std::make_unique<ElementwiseLowering>());
}
} // namespace qopt::cpu
