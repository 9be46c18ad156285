// Windows that slide over spatial axes: convolution, pooling, and padding.

def QOpt_ConvOp : QOpt_TensorOp<"conv", [InferTypeOpAdaptor]> {
  let summary = "A convolution with a weight [out, in / groups * window]";
  let description = [{
    `input` is `[batch, channels, spatial…]`, with one or two spatial axes, the result `[batch, out, spatial…]`. The weight is a matrix with a row for each output channel: the
    elements of a window in the order (input channel of the group, spatial axes), so that it is stored, quantized and packed as the weight of `qopt.linear` is.
    `kernel`, `strides` and `dilations` have a number for each spatial axis; `pads` has the zeros before each axis, then those after each. Outputs and inputs are cut into
    `groups`, each of which sees its own inputs only. Sums are accumulated in f32. As in ONNX nothing is mirrored.

    ```mlir
    %y = qopt.conv %x, %w kernel [3, 3] strides [1, 1] dilations [1, 1] pads [1, 1, 1, 1] : tensor<?x16x28x28xf32>, tensor<32x144xf32>
    ```
  }];
  let arguments = (ins QOpt_Tensor:$input, AnyRankedTensor:$weight, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$strides,
    DenseI64ArrayAttr:$dilations, DenseI64ArrayAttr:$pads, DefaultValuedAttr<I64Attr, "1">:$groups);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = [{
    $input `,` $weight `kernel` $kernel `strides` $strides `dilations` $dilations `pads` $pads (`groups` $groups^)? attr-dict `:` type($input) `,` type($weight)
  }];
  let hasVerifier = 1;
}

def QOpt_PoolOp : QOpt_TensorOp<"pool", [InferTypeOpAdaptor]> {
  let summary = "The largest element or the mean of each window";
  let description = [{
    Shapes and windows as in `qopt.conv`, each channel by itself. Padding is never seen: a mean is taken over the elements of the input in the window (of none, it is NaN and the largest is -inf).
    Padding that counts is a `qopt.pad` before.

    ```mlir
    %y = qopt.pool max %x kernel [2, 2] strides [2, 2] dilations [1, 1] pads [0, 0, 0, 0] : tensor<?x16x28x28xf32>
    ```
  }];
  let arguments = (ins QOpt_PoolKind:$kind, QOpt_Tensor:$input, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$strides,
    DenseI64ArrayAttr:$dilations, DenseI64ArrayAttr:$pads);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = [{
    $kind $input `kernel` $kernel `strides` $strides `dilations` $dilations `pads` $pads attr-dict `:` type($input)
  }];
  let hasVerifier = 1;
}

def QOpt_PadOp : QOpt_TensorOp<"pad", [InferTypeOpAdaptor]> {
  let summary = "A tensor with a border of one number";
  let description = [{ `low` and `high` say for each axis how many elements come before and after the input's.

    ```mlir
    %y = qopt.pad %x low [0, 1] high [0, 2] value 0.0 : f32 : tensor<?x4xf32>
    ``` }];
  let arguments = (ins QOpt_Tensor:$input, DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$high, TypedAttrInterface:$value);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = "$input `low` $low `high` $high `value` $value attr-dict `:` type($input)";
  let hasVerifier = 1;
}
