#ifndef QKERNEL_OPS
#define QKERNEL_OPS

include "QKernel/QKernelDialect.td"
include "QKernel/QKernelAttributes.td"
include "QOpt/QOptInterfaces.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/CommonAttrConstraints.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/CallInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/FunctionInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class QKernel_Op<string mnemonic, list<Trait> traits = []> : Op<QKernel_Dialect, mnemonic, traits>;

def QKernel_KernelOp : QKernel_Op<"kernel", [FunctionOpInterface, IsolatedFromAbove, Symbol]> {
  let summary = "Operations that run as one kernel";
  let description = [{
    The body is a list of `qopt` operations on the arguments. `kind` names the family that a target's lowerings match
    (`contraction`, `attention`, `append`, `gather`, `elementwise`, …). Arguments and results carry `qopt.dims` over the kernel's
    `qopt.symbols`, which are those of the program in the same order. `lowering` names the
    lowering that a target chose.

    ```mlir
    qkernel.kernel @k0(%x: tensor<?x8xf32>, %w: tensor<16x8xf32>) -> tensor<?x16xf32> attributes {kind = "contraction"} {
      %y = qopt.linear %x, %w : tensor<?x8xf32>, tensor<16x8xf32>
      qkernel.yield %y : tensor<?x16xf32>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<FunctionType>:$function_type, StrAttr:$kind, OptionalAttr<StrAttr>:$lowering,
    OptionalAttr<DictArrayAttr>:$arg_attrs, OptionalAttr<DictArrayAttr>:$res_attrs);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::llvm::ArrayRef<::mlir::Type> getArgumentTypes() { return getFunctionType().getInputs(); }
    ::llvm::ArrayRef<::mlir::Type> getResultTypes() { return getFunctionType().getResults(); }
    ::mlir::Region *getCallableRegion() { return &getBody(); }
  }];
}

def QKernel_YieldOp : QKernel_Op<"yield", [Pure, Terminator, ReturnLike, ParentOneOf<["KernelOp"]>]> {
  let summary = "The results of a kernel";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
  let hasVerifier = 1;
}

def QKernel_LaunchOp : QKernel_Op<"launch", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>, DeclareOpInterfaceMethods<QOpt_DimsOpInterface>]> {
  let summary = "Runs a kernel";
  let description = [{
    `label` is the name that reports use. `arena`, set by memory planning, gives the byte offset of each result in the arena, -1 where the result is an output of the
    program or a cache that is updated in place.
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, StrAttr:$label, Variadic<AnyType>:$operands, OptionalAttr<DenseI64ArrayAttr>:$arena);
  let results = (outs Variadic<AnyType>:$outputs);
  let assemblyFormat = "$kernel $label `(` $operands `)` (`arena` $arena^)? attr-dict `:` functional-type($operands, $outputs)";
  let hasVerifier = 1;
}

def QKernel_Dot4Op : QKernel_Op<"dot4", [Pure, AllTypesMatch<["accumulator", "result"]>, AllTypesMatch<["lhs", "rhs"]>]> {
  let summary = "Adds sums of four products of bytes to 32-bit lanes";
  let description = [{
    Lane i of the result is `accumulator[i] + lhs[4i] * rhs[4i] + … + lhs[4i + 3] * rhs[4i + 3]`, exact modulo 2^32: no product and no sum saturates. Bytes are signed; those of
    `lhs` are unsigned with `unsigned`. The one operation of code that machines do in their own ways, so it stays as it is until a target writes for one instruction set.

    ```mlir
    %sum = qkernel.dot4 %acc, %a, %b : vector<16xi32>, vector<64xi8>
    %sum = qkernel.dot4 %acc, %a, %b unsigned : vector<16xi32>, vector<64xi8>
    ```
  }];
  let arguments = (ins VectorOfRankAndType<[1], [I32]>:$accumulator, VectorOfRankAndType<[1], [I8]>:$lhs, VectorOfRankAndType<[1], [I8]>:$rhs, UnitAttr:$is_unsigned);
  let results = (outs VectorOfRankAndType<[1], [I32]>:$result);
  let assemblyFormat = "$accumulator `,` $lhs `,` $rhs (`unsigned` $is_unsigned^)? attr-dict `:` type($result) `,` type($lhs)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

#endif
