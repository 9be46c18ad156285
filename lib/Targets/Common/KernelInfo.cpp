// Questions about a kernel.
#include "qopt/Targets/Common/KernelBuilder.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::codegen;

FailureOr<KernelInfo> KernelInfo::get(qkernel::KernelOp Kernel) {
  auto Dims = DimAnalysis::run(cast<FunctionOpInterface>(Kernel.getOperation()));
  if (failed(Dims))
    return failure();
  KernelInfo Info;
  Info.Kernel = Kernel;
  Info.Dims = *Dims;
  unsigned Next = 0;
  for (Type Ty : Kernel.getArgumentTypes()) {
    Info.ArgumentBuffers.push_back(Next);
    Next += isa<KVCacheType>(Ty) ? 2 : 1;
  }
  Info.FirstResultBuffer = Next;
  return Info;
}

llvm::iterator_range<Block::iterator> KernelInfo::getOps() const {
  qkernel::KernelOp Op = Kernel;
  return Op.getBody().front().without_terminator();
}

OperandRange KernelInfo::getYielded() const {
  qkernel::KernelOp Op = Kernel;
  return Op.getBody().front().getTerminator()->getOperands();
}

SmallVector<Value> KernelInfo::getResults() const {
  SmallVector<Value> Results;
  for (Value Yielded : getYielded())
    if (!isa<KVCacheType>(Yielded.getType()))
      Results.push_back(Yielded);
  return Results;
}

unsigned KernelInfo::getTableBuffer(unsigned Table) const {
  return FirstResultBuffer + getResults().size() + Table;
}

AffineExpr KernelInfo::getElementCount(Value Value) const {
  return qopt::getElementCount(getDims(Value), getContext());
}

AffineExpr KernelInfo::getRowCount(Value Value) const {
  return qopt::getElementCount(getDims(Value).drop_back(), getContext());
}

qkernel::WeightLayoutInterface KernelInfo::getLayout(Value Argument) const {
  auto Block = dyn_cast<BlockArgument>(Argument);
  qkernel::KernelOp Op = Kernel;
  if (!Block)
    return nullptr;
  return Op.getArgAttrOfType<qkernel::WeightLayoutInterface>(Block.getArgNumber(),
                                                             "qkernel.layout");
}

bool codegen::isArgumentOrConstant(Value Of) {
  return isa<BlockArgument>(Of) || Of.getDefiningOp<ConstantOp>();
}

Value codegen::skipReshapes(Value Value) {
  while (auto Reshape = Value.getDefiningOp<ReshapeOp>())
    Value = Reshape.getInput();
  return Value;
}

Type codegen::getElementType(Value Value) {
  return cast<RankedTensorType>(Value.getType()).getElementType();
}

int64_t codegen::getElementBytes(Type Ty) {
  return llvm::divideCeil(Ty.getIntOrFloatBitWidth(), 8);
}
