#ifndef QKERNEL_DIALECT
#define QKERNEL_DIALECT

include "mlir/IR/OpBase.td"

def QKernel_Dialect : Dialect {
  let name = "qkernel";
  let cppNamespace = "::qopt::qkernel";
  let summary = "What runs together";
  let description = [{
    The `qkernel` dialect says which operations run as one kernel, in which layout weights lie, and where in the arena each
    intermediate result lives.

    ```
      qopt on stored types  --fuse-->  qkernel.kernel + qkernel.launch  --target-->  vector / scf / llvm
      (level `quantized`)              (level `kernels`)                             (level `tiled`)
    ```

    A kernel holds the `qopt` operations that it fuses in its region, so meaning, reference and verifier come from them; a target
    chooses how to compute them. A program is a function whose body is a list of launches.
  }];
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::qopt::QOptDialect", "::mlir::arith::ArithDialect"];
  let hasConstantMaterializer = 1;
  let extraClassDeclaration = [{
    void registerAttributes();
    /// Name of the kernel argument attribute that holds the layout of a weight.
    static constexpr ::llvm::StringLiteral getLayoutAttrName() { return "qkernel.layout"; }
    /// Name of the function attribute that holds the size of the arena.
    static constexpr ::llvm::StringLiteral getArenaBytesAttrName() { return "qkernel.arena_bytes"; }
  }];
}

#endif
