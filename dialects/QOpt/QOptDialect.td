#ifndef QOPT_DIALECT
#define QOPT_DIALECT

include "mlir/IR/OpBase.td"

def QOpt_Dialect : Dialect {
  let name = "qopt";
  let cppNamespace = "::qopt";
  let summary = "What a model computes, and how its values are stored";
  let description = [{
    The `qopt` dialect says what a model computes in real numbers, and, by the element type of a tensor, how each value
    is stored.

    ```
      ONNX  --import-->  qopt on float tensors  --quantize-->  qopt on stored types  --fuse-->  qkernel
                         (level `model`)                      (level `quantized`)              (level `kernels`)
    ```

    A stored operand reads as its dequantized value, so assigning precision rewrites types and leaves operations alone.
    Sizes that a request decides are expressions over the program's symbols, declared on the function as
    `qopt.symbols`; a `dims` attribute is an affine map over these symbols in their order.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let dependentDialects = ["::mlir::func::FuncDialect"];
  let extraClassDeclaration = [{
    /// Name of the attribute of functions and kernels that lists the program's symbols, an array of `#qopt.symbol`.
    static constexpr ::llvm::StringLiteral getSymbolsAttrName() { return "qopt.symbols"; }
    /// Name of the argument and result attribute that gives the dimensions over these symbols.
    static constexpr ::llvm::StringLiteral getDimsAttrName() { return "qopt.dims"; }
    /// Name of the argument and result attribute that keeps the interface's name.
    static constexpr ::llvm::StringLiteral getNameAttrName() { return "qopt.name"; }
    /// A contraction's attribute: the decision how its input is stored, until --qopt-quantize-activations makes it so.
    static constexpr ::llvm::StringLiteral getInputPrecisionAttrName() { return "qopt.input_precision"; }
    void registerTypes();
    void registerAttributes();
  }];
}

#endif
