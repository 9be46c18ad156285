#include "qopt/Targets/Common/SingleOperation.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::codegen;

static bool isArgument(Value Operand) { return isa<BlockArgument>(skipReshapes(Operand)); }

/// The operation that the only result is a view of, perhaps through codes, which give its type
/// again.
static Operation *findOnly(const KernelInfo &Kernel, CodingOps &Coding) {
  SmallVector<Value> Results = Kernel.getResults();
  if (Results.size() != 1)
    return nullptr;
  Value Of = skipCoding(skipReshapes(Results[0]), Coding);
  return codegen::getElementType(Of) == codegen::getElementType(Results[0]) ? Of.getDefiningOp()
                                                                            : nullptr;
}

Operation *codegen::findNorm(const KernelInfo &Kernel, std::string &Reason, CodingOps &Coding) {
  Operation *Norm = findOnly(Kernel, Coding);
  if (!isa_and_nonnull<RMSNormOp, LayerNormOp>(Norm)) {
    Reason = "is not one rms_norm or layer_norm";
    return nullptr;
  }
  for (Operation &Op : Kernel.getOps())
    if (&Op != Norm && !isa<ReshapeOp, ConstantOp>(Op) && !llvm::is_contained(Coding, &Op)) {
      Reason = ("holds " + Op.getName().getStringRef()).str();
      return nullptr;
    }
  for (auto [I, Operand] : llvm::enumerate(Norm->getOperands()))
    if (!isa<BlockArgument>(I ? Operand : skipReshapes(Operand)) ||
        codegen::getElementType(Operand).isF64()) {
      Reason = "an operand is computed in the kernel, or f64";
      return nullptr;
    }
  return Norm;
}

SoftmaxOp codegen::findSoftmax(const KernelInfo &Kernel, std::string &Reason) {
  SmallVector<Operation *> Coding;
  auto Op = dyn_cast_or_null<SoftmaxOp>(findOnly(Kernel, Coding));
  if (Op && llvm::hasSingleElement(Kernel.getOps()) && isa<BlockArgument>(Op.getInput()) &&
      !codegen::getElementType(Op.getInput()).isF64())
    return Op;
  Reason = "is not one softmax";
  return nullptr;
}

AffineExpr codegen::getLines(const KernelInfo &Kernel, SoftmaxOp Op) {
  AffineExpr Lines = Kernel.constant(1);
  for (auto [Axis, Size] : llvm::enumerate(Kernel.getDims(Op.getInput())))
    if (Axis != Op.getAxis())
      Lines = Lines * Size;
  return Lines;
}

AttentionOp codegen::findAttention(const KernelInfo &Kernel, std::string &Reason,
                                   CodingOps &Coding) {
  auto Op = dyn_cast_or_null<AttentionOp>(findOnly(Kernel, Coding));
  if (!Op)
    Reason = "is not one attention";
  else if (llvm::any_of(Op->getOperands(), [](Value Operand) {
             return !isArgument(Operand) || codegen::getElementType(Operand).isF64();
           }))
    Reason = "an operand is computed in the kernel, or f64";
  else
    return Op;
  return nullptr;
}

CachedAttentionOp codegen::findCachedAttention(const KernelInfo &Kernel, std::string &Reason,
                                               CodingOps &Coding) {
  auto Op = dyn_cast_or_null<CachedAttentionOp>(findOnly(Kernel, Coding));
  if (!Op)
    Reason = "is not one cached_attention";
  else if (!isa<BlockArgument>(Op.getCache()) || !isa<BlockArgument>(Op.getPast()) ||
           !isArgument(Op.getQuery()))
    Reason = "an operand of the attention is computed in the kernel";
  else if (ShapedType::isDynamic(Op.getCache().getType().getCapacity()))
    Reason = "the capacity of the cache is not decided";
  else if (codegen::getElementType(Op.getQuery()).isF64())
    Reason = "queries are f64";
  else
    return Op;
  return nullptr;
}
