// Weights are references to bytes; constants are small.

def QOpt_WeightOp : QOpt_Op<"weight", [Symbol]> {
  let summary = "A weight of the model, by reference";
  let description = [{
    Names a tensor, where its bytes are, and the pure steps that lead from the bytes to it. `sources` are concatenated along axis 0
    (one source is the usual case), then the `steps` apply in order. When `type` has a stored element type, `scheme` says what computes
    its codes. Matrices are `[out, in]`.
    A source may be stored itself: then the weight reads as its dequantized values, and with the scheme `file` its codes are those of the file.

    ```mlir
    qopt.weight @layers.0.attn.q : tensor<128x128xf32>
      from [#qopt.source<"m.onnx.data", offset = 0, length = 65536, type = tensor<128x128xf32>, hash = 0>] steps [#qopt.transpose<[1, 0]>]
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<AnyRankedTensor>:$type, TypedArrayAttrBase<AnyAttrOf<[QOpt_SourceAttr, QOpt_StoredSourceAttr]>, "sources">:$sources,
    DefaultValuedAttr<ArrayAttr, "{}">:$steps, OptionalAttr<StrAttr>:$scheme, OptionalAttr<StrAttr>:$origin,
    OptionalAttr<QOpt_PrecisionAttr>:$precision, OptionalAttr<AnyAttr>:$layout);
  let assemblyFormat = [{
    $sym_name `:` $type `from` $sources (`steps` $steps^)? (`scheme` $scheme^)? (`origin` $origin^)? (`precision` $precision^)?
    (`layout` $layout^)? attr-dict
  }];
  let hasVerifier = 1;
}

def QOpt_UseWeightOp : QOpt_TensorOp<"use_weight", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "The value of a weight";
  let arguments = (ins FlatSymbolRefAttr:$weight);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$weight attr-dict `:` type($result)";
}

def QOpt_ConstantOp : QOpt_TensorOp<"constant", [ConstantLike, InferTypeOpAdaptor]> {
  let summary = "A small tensor written out";
  let arguments = (ins ElementsAttr:$value);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = "attr-dict $value";
  let hasFolder = 1;
}
