#include "qopt/Targets/Common/ContractionForm.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::codegen;

//===- Codes ----------------------------------------------------------------------------------===//

static bool isNumber(Value Of) {
  return Of.getDefiningOp<ConstantOp>() &&
         cast<RankedTensorType>(Of.getType()).getNumElements() == 1;
}

/// Whether two parameters are the same value or the same constant.
static bool isSame(Value A, Value B) {
  auto ConstantA = A.getDefiningOp<ConstantOp>(), ConstantB = B.getDefiningOp<ConstantOp>();
  return A == B || (ConstantA && ConstantB && ConstantA.getValue() == ConstantB.getValue());
}

std::optional<InputCodes> InputCodes::get(Value Input) {
  InputCodes Codes;
  Codes.Dequantize = Input.getDefiningOp<DequantizeOp>();
  if (!Codes.Dequantize || !codegen::getElementType(Input).isF32())
    return std::nullopt;
  Codes.Quantize = Codes.Dequantize.getInput().getDefiningOp<QuantizeOp>();
  if (!Codes.Quantize || !isSame(Codes.Quantize.getScale(), Codes.Dequantize.getScale()) ||
      !isSame(Codes.Quantize.getZeroPoint(), Codes.Dequantize.getZeroPoint()) ||
      !isNumber(Codes.Quantize.getZeroPoint()))
    return std::nullopt;
  Codes.Scale = Codes.Quantize.getScale().getDefiningOp<DynamicScaleOp>();
  if (Codes.Scale ? Codes.Scale.getInput() != Codes.Quantize.getInput()
                  : !isNumber(Codes.Quantize.getScale()))
    return std::nullopt;
  return Codes;
}

Type InputCodes::getCode() const {
  return codegen::getElementType(QuantizeOp(Quantize).getResult());
}

//===- Taking a kernel apart ------------------------------------------------------------------===//

/// Follows the input back to an argument through codes, a norm and a choice of tokens.
static bool findSource(ContractionForm &Form, std::string &Reason) {
  Value At = skipReshapes(Form.Input);
  if (auto Codes = InputCodes::get(At); Codes && Codes->Scale) {
    Form.Codes = Codes;
    At = Codes->Quantize.getInput();
  }
  At = skipCoding(At, Form.Coding);
  Operation *Producer = At.getDefiningOp();
  if (isa_and_nonnull<RMSNormOp, LayerNormOp>(Producer)) {
    Form.Norm = Producer;
    for (Value Vector : Producer->getOperands().drop_front())
      if (!isa<BlockArgument>(Vector)) {
        Reason = "the norm's scale is computed in the kernel";
        return false;
      }
    At = skipReshapes(Producer->getOperand(0));
  }
  if (auto TakeLast = At.getDefiningOp<TakeLastOp>()) {
    Form.TakeLast = TakeLast;
    At = skipReshapes(TakeLast.getInput());
    if (!isa<BlockArgument>(TakeLast.getCount()) || TakeLast.getInput().getType().getRank() != 3) {
      Reason =
          "take_last's count is computed in the kernel, or its input is not [batch, tokens, size]";
      return false;
    }
  }
  Form.Source = At;
  int64_t Inputs = Form.Inputs;
  auto EndsWithInputs = [&](Value Tensor) {
    return cast<RankedTensorType>(Tensor.getType()).getShape().back() == Inputs;
  };
  if ((Form.Codes && !EndsWithInputs(Form.Codes->Quantize.getResult())) ||
      (Form.Norm && !EndsWithInputs(Form.Norm->getResult(0))) ||
      (Form.TakeLast && !EndsWithInputs(Form.TakeLast.getResult()))) {
    Reason = "the input is reshaped between its preparation and the contractions";
    return false;
  }
  if (!isa<BlockArgument>(At)) {
    Reason = ("its input is computed by " + At.getDefiningOp()->getName().getStringRef()).str();
    return false;
  }
  return true;
}

/// Whether an operand of the epilogue is the whole result, one vector along its last axis, or one
/// number.
static bool isEpilogueOperand(const KernelInfo &Info, const ContractionForm &Form, Value Operand,
                              Operation *User, int64_t Outputs) {
  auto Ty = dyn_cast<RankedTensorType>(Operand.getType());
  if (!Ty)
    return false;
  AffineExpr Count = Info.getElementCount(Operand);
  if (Count == Info.constant(1))
    return true;
  ArrayRef<AffineExpr> Dims = Info.getDims(Operand);
  ArrayRef<AffineExpr> Of = Info.getDims(User->getResult(0));
  if (Dims.size() == Of.size() && Dims == Of)
    return true;
  bool IsVector = !Dims.empty() && Dims.back() == Info.constant(Outputs) &&
                  Of.back() == Info.constant(Outputs) && Count == Info.constant(Outputs);
  return IsVector;
}

/// The operations between the source and the contractions.
static llvm::SmallPtrSet<Operation *, 8> getInputOps(const ContractionForm &Form) {
  llvm::SmallPtrSet<Operation *, 8> Ops;
  for (Operation *Op = Form.Input.getDefiningOp(); Op; Op = Op->getOperand(0).getDefiningOp())
    Ops.insert(Op);
  if (Form.Codes)
    Ops.insert(Form.Codes->Scale);
  return Ops;
}

/// The linears that each operation of the epilogue depends on, joined into segments.
static bool findSegments(const KernelInfo &Info, ContractionForm &Form, std::string &Reason) {
  llvm::EquivalenceClasses<Operation *> Joined;
  llvm::SmallPtrSet<Operation *, 8> InputOps = getInputOps(Form);
  llvm::DenseMap<Operation *, Operation *> LinearOf;
  SmallVector<LinearOp> Linears;
  for (Operation &Op : Info.getOps()) {
    if (isa<ConstantOp, PositionsOp>(Op) || InputOps.contains(&Op))
      continue;
    if (auto Linear = dyn_cast<LinearOp>(Op)) {
      LinearOf[&Op] = &Op;
      Joined.insert(&Op);
      Linears.push_back(Linear);
      continue;
    }
    if (!isElementwise(&Op) && !isa<ReshapeOp>(Op)) {
      Reason = ("holds " + Op.getName().getStringRef()).str();
      return false;
    }
    for (Value Operand : Op.getOperands()) {
      Operation *Linear =
          Operand.getDefiningOp() ? LinearOf.lookup(Operand.getDefiningOp()) : nullptr;
      if (!Linear)
        continue;
      Operation *&Mine = LinearOf[&Op];
      if (Mine)
        Joined.unionSets(Mine, Linear);
      else
        Mine = Linear;
    }
    if (!LinearOf.lookup(&Op)) {
      Reason = "computes something that does not depend on a contraction";
      return false;
    }
  }

  llvm::MapVector<Operation *, Segment> Segments;
  for (LinearOp Linear : Linears) {
    Segment &Into = Segments[Joined.getLeaderValue(Linear)];
    int64_t Outputs = cast<RankedTensorType>(Linear.getWeight().getType()).getDimSize(0);
    if (!Into.Linears.empty() && Into.Outputs != Outputs) {
      Reason = "combines contractions with different numbers of outputs";
      return false;
    }
    Into.Outputs = Outputs;
    Into.Linears.push_back(Linear);
  }
  for (auto [I, Result] : llvm::enumerate(Info.getResults())) {
    Operation *Linear = Result.getDefiningOp() ? LinearOf.lookup(Result.getDefiningOp()) : nullptr;
    if (!Linear) {
      Reason = "yields something that is not computed by a contraction";
      return false;
    }
    Segments[Joined.getLeaderValue(Linear)].Results.push_back(I);
  }
  for (auto &[Leader, Segment] : Segments)
    Form.Segments.push_back(Segment);

  for (Operation &Op : Info.getOps())
    if (isElementwise(&Op) && !InputOps.contains(&Op))
      for (Value Operand : Op.getOperands()) {
        int64_t Outputs = Segments[Joined.getLeaderValue(LinearOf.lookup(&Op))].Outputs;
        if (!isEpilogueOperand(Info, Form, Operand, &Op, Outputs)) {
          Reason = "an operand of its epilogue broadcasts in a way that is not supported";
          return false;
        }
      }
  return true;
}

static bool checkWeight(LinearOp Linear, std::string &Reason) {
  auto Ty = cast<RankedTensorType>(Linear.getWeight().getType());
  if (!isa<BlockArgument>(Linear.getWeight()) || !Ty.hasStaticShape())
    Reason = "a weight is computed or has no static shape";
  else if (!getStoredElementType(Ty) &&
           (!isa<FloatType>(Ty.getElementType()) || Ty.getElementType().isF64()))
    Reason = "a weight has a type that is not supported";
  else
    return true;
  return false;
}

std::optional<ContractionForm> ContractionForm::get(const KernelInfo &Info, std::string &Reason) {
  ContractionForm Form;
  for (Operation &Op : Info.getOps()) {
    auto Linear = dyn_cast<LinearOp>(Op);
    if (!Linear)
      continue;
    if (Form.Input && Form.Input != Linear.getInput()) {
      Reason = "its contractions read different inputs";
      return std::nullopt;
    }
    Form.Input = Linear.getInput();
    if (!checkWeight(Linear, Reason))
      return std::nullopt;
    Form.Inputs = cast<RankedTensorType>(Linear.getWeight().getType()).getDimSize(1);
  }
  if (!Form.Input) {
    Reason = "has no qopt.linear";
    return std::nullopt;
  }
  if (codegen::getElementType(Form.Input).isF64()) {
    Reason = "its input is f64";
    return std::nullopt;
  }
  if (!findSource(Form, Reason) || !findSegments(Info, Form, Reason))
    return std::nullopt;
  return Form;
}

unsigned ContractionForm::getMaxLinears() const {
  unsigned Most = 0;
  for (const Segment &Segment : Segments)
    Most = std::max<unsigned>(Most, Segment.Linears.size());
  return Most;
}

Value codegen::emitSourceRow(KernelBuilder &B, const ContractionForm &Form, Value M) {
  Value Source = B.getArgument(Form.Source), Row = M;
  if (TakeLastOp Last = Form.TakeLast) {
    Value Size = B.size(B.getInfo().getDims(Last.getResult())[1]);
    Value Tokens = B.size(B.getInfo().getDims(Last.getInput())[1]);
    Value Batch = B.div(M, Size);
    Value Count = B.loadIndex(B.getArgument(Last.getCount()), Batch,
                              codegen::getElementType(Last.getCount()));
    Value Token = B.max(B.add(B.sub(Count, Size), B.rem(M, Size)), B.index(0));
    Row = B.add(B.mul(Batch, Tokens), Token);
  }
  return B.element(Source, B.mul(Row, Form.Inputs), codegen::getElementType(Form.Source));
}
