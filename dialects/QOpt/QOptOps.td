#ifndef QOPT_OPS
#define QOPT_OPS

include "QOpt/QOptDialect.td"
include "QOpt/QOptAttributes.td"
include "QOpt/QOptInterfaces.td"
include "QOpt/QOptTypes.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/CommonAttrConstraints.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

/// Plain numbers. Stored tensors are read by the operations that say so: linear, conv and gather.
def QOpt_Tensor : RankedTensorOf<[AnyFloat, AnyInteger]>;

class QOpt_Op<string mnemonic, list<Trait> traits = []> : Op<QOpt_Dialect, mnemonic, traits>;

/// A pure operation on tensors whose result types and symbolic dimensions follow from its operands.
class QOpt_TensorOp<string mnemonic, list<Trait> traits = []>
  : QOpt_Op<mnemonic, !listconcat([Pure, DeclareOpInterfaceMethods<QOpt_DimsOpInterface>], traits)>;

include "QOpt/Weights.td"
include "QOpt/Elementwise.td"
include "QOpt/Structure.td"
include "QOpt/Contractions.td"
include "QOpt/Convolution.td"
include "QOpt/Decoder.td"

#endif
