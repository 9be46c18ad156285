#ifndef QKERNEL_INTERFACES
#define QKERNEL_INTERFACES

include "mlir/IR/OpBase.td"

def QKernel_WeightLayoutInterface : AttrInterface<"WeightLayoutInterface"> {
  let cppNamespace = "::qopt::qkernel";
  let description = [{ Where each code and scale of a weight lies. The packer and the kernel generators of a target read the same attribute. }];
  let methods = [
    InterfaceMethod<"Bytes of a weight of this type in this layout, before padding to 64.", "int64_t", "getByteSize", (ins "::mlir::RankedTensorType":$type)>,
    InterfaceMethod<"Those of them that are scales and zero points.", "int64_t", "getParameterBytes", (ins "::mlir::RankedTensorType":$type)>
  ];
}

#endif
