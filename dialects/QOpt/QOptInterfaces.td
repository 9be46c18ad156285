#ifndef QOPT_INTERFACES
#define QOPT_INTERFACES

include "mlir/IR/OpBase.td"

def QOpt_DimsOpInterface : OpInterface<"DimsOpInterface"> {
  let cppNamespace = "::qopt";
  let description = [{
    Symbolic shapes: an operation says its results' dimensions from its operands'. A dimension is an affine expression over
    the program's symbols. Operands that are no tensors have no dimensions.
  }];
  let methods = [
    InterfaceMethod<"The dimensions of every result, given those of every operand.", "::mlir::LogicalResult",
      "inferResultDims", (ins "::llvm::ArrayRef<::qopt::Dims>":$operands, "::llvm::SmallVectorImpl<::qopt::Dims> &":$results)>
  ];
}

def QOpt_StoredTypeInterface : TypeInterface<"StoredTypeInterface"> {
  let cppNamespace = "::qopt";
  let description = [{
    What a lowering, a packer or a report asks of a stored element type. None of the answers names a scheme. The type
    describes the form of codes, scales and zero points; the values belong to the tensor.
  }];
  let methods = [
    InterfaceMethod<"Type of one code: integer, or a float of 8 bits.", "::mlir::Type", "getCodeType">,
    InterfaceMethod<"Bits of one code.", "unsigned", "getCodeBits">,
    InterfaceMethod<"Elements along the last axis that share one scale; 0: the whole axis.", "int64_t", "getGroupSize">,
    InterfaceMethod<"Type of a scale.", "::mlir::FloatType", "getScaleType">,
    InterfaceMethod<"Whether every group has a zero point of its own.", "bool", "hasZeroPoint">,
    InterfaceMethod<"Type of a group's zero point: of a code, or a float type; null where there is none.", "::mlir::Type",
      "getZeroPointType">,
    InterfaceMethod<"The code that reads as zero where there is no zero point.", "int64_t", "getImplicitZeroPoint">,
    InterfaceMethod<"The smallest number that a code is.", "int64_t", "getCodeMin">,
    InterfaceMethod<"The largest number that a code is.", "int64_t", "getCodeMax">
  ];
}

#endif
