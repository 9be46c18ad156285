// Contractions, reductions, normalizations.

def QOpt_LinearOp : QOpt_TensorOp<"linear", [InferTypeOpAdaptor]> {
  let summary = "y = x Wᵀ: a contraction with a weight [out, in]";
  let description = [{ The weight may be stored; it reads as its dequantized value. Sums are accumulated in f32; `compute` names the type in which products are
    taken (f32 unless said). `accuracy_level` is what the author of the file permits (ONNX Runtime's numbers: 1 f32, 2 f16, 3 bf16, 4 inputs in 8 bits); nothing
    uses it without being asked.

    ```mlir
    %y = qopt.linear %x, %w : tensor<?x?x128xf32>, tensor<64x128x!qopt.packed<i4, group = 32, scale = f16>>
    ``` }];
  let arguments = (ins QOpt_Tensor:$input, AnyRankedTensor:$weight, OptionalAttr<TypeAttr>:$compute, OptionalAttr<I64Attr>:$accuracy_level);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = "$input `,` $weight (`compute` $compute^)? (`accuracy_level` $accuracy_level^)? attr-dict `:` type($input) `,` type($weight)";
  let hasVerifier = 1;
}

def QOpt_MatmulOp : QOpt_TensorOp<"matmul", [InferTypeOpAdaptor]> {
  let summary = "Batched product of two matrices of values, NumPy rules";
  let arguments = (ins QOpt_Tensor:$lhs, QOpt_Tensor:$rhs);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs)";
  let hasVerifier = 1;
}

def QOpt_ReduceOp : QOpt_TensorOp<"reduce", [InferTypeOpAdaptor]> {
  let summary = "Reduces axes";
  let arguments = (ins QOpt_ReduceKind:$kind, QOpt_Tensor:$input, DenseI64ArrayAttr:$axes, DefaultValuedAttr<BoolAttr, "true">:$keep_dims);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = "$kind $input `axes` $axes (`keep_dims` $keep_dims^)? attr-dict `:` type($input)";
  let hasVerifier = 1;
}

def QOpt_SoftmaxOp : QOpt_TensorOp<"softmax", [SameOperandsAndResultType]> {
  let summary = "exp(x - max) / sum along an axis";
  let arguments = (ins QOpt_Tensor:$input, I64Attr:$axis);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = "$input `axis` $axis attr-dict `:` type($input)";
  let hasVerifier = 1;
}

def QOpt_RMSNormOp : QOpt_TensorOp<"rms_norm", [InferTypeOpAdaptor]> {
  let summary = "x / sqrt(mean(x²) + epsilon) * scale over the last axis";
  let description = [{ Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019. Statistics are taken in f32. The result has the input's type. }];
  let arguments = (ins QOpt_Tensor:$input, QOpt_Tensor:$scale, F32Attr:$epsilon);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = "$input `,` $scale `epsilon` $epsilon attr-dict `:` type($input) `,` type($scale)";
  let hasVerifier = 1;
}

def QOpt_LayerNormOp : QOpt_TensorOp<"layer_norm", [InferTypeOpAdaptor]> {
  let summary = "(x - mean) / sqrt(variance + epsilon) * scale + bias over the last axis";
  let description = [{ Ba, Kiros and Hinton, "Layer Normalization", 2016. Statistics are taken in f32. The result has the input's type. }];
  let arguments = (ins QOpt_Tensor:$input, QOpt_Tensor:$scale, Optional<QOpt_Tensor>:$bias, F32Attr:$epsilon);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = "$input `,` $scale (`,` $bias^)? `epsilon` $epsilon attr-dict `:` type($input) `,` type($scale) (`,` type($bias)^)?";
  let hasVerifier = 1;
}
