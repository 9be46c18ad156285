// Operations that move elements or make them from sizes.

def QOpt_ReshapeOp : QOpt_TensorOp<"reshape"> {
  let summary = "The same elements, in row-major order, under another shape";
  let description = [{ `dims` are expressions over the program's symbols.

    ```mlir
    %y = qopt.reshape %x dims affine_map<()[s0, s1] -> (s0, s1, 4, 32)> : tensor<?x?x128xf32> -> tensor<?x?x4x32xf32>
    ``` }];
  let arguments = (ins QOpt_Tensor:$input, AffineMapAttr:$dims);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = "$input `dims` $dims attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def QOpt_BroadcastOp : QOpt_TensorOp<"broadcast"> {
  let summary = "Repeats elements along axes of size 1, as in NumPy";
  let arguments = (ins QOpt_Tensor:$input, AffineMapAttr:$dims);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = "$input `dims` $dims attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def QOpt_TransposeOp : QOpt_TensorOp<"transpose", [InferTypeOpAdaptor]> {
  let summary = "Permutes axes: result axis i is input axis permutation[i]";
  let arguments = (ins QOpt_Tensor:$input, DenseI64ArrayAttr:$permutation);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = "$input $permutation attr-dict `:` type($input)";
  let hasVerifier = 1;
}

def QOpt_SliceOp : QOpt_TensorOp<"slice"> {
  let summary = "A range of one axis";
  let description = [{ Elements `start, start + step, …` of `axis`, `bounds` being the map (start, size) over the symbols; `step` may be negative. }];
  let arguments = (ins QOpt_Tensor:$input, I64Attr:$axis, AffineMapAttr:$bounds, DefaultValuedAttr<I64Attr, "1">:$step);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = "$input `axis` $axis `bounds` $bounds (`step` $step^)? attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def QOpt_ConcatOp : QOpt_TensorOp<"concat", [InferTypeOpAdaptor]> {
  let summary = "Tensors one after another along an axis";
  let arguments = (ins Variadic<QOpt_Tensor>:$inputs, I64Attr:$axis);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = "$inputs `axis` $axis attr-dict `:` type($inputs)";
  let hasVerifier = 1;
}

def QOpt_GatherOp : QOpt_TensorOp<"gather", [InferTypeOpAdaptor]> {
  let summary = "Slices of a tensor chosen by indices along an axis";
  let description = [{ A negative index counts from the end. The axis is replaced by the axes of `indices`. A stored table reads as its dequantized rows. }];
  let arguments = (ins AnyRankedTensor:$table, QOpt_Tensor:$indices, DefaultValuedAttr<I64Attr, "0">:$axis);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = "$table `[` $indices `]` (`axis` $axis^)? attr-dict `:` type($table) `,` type($indices)";
  let hasVerifier = 1;
}

def QOpt_IotaOp : QOpt_TensorOp<"iota"> {
  let summary = "0, 1, 2, … as long as the expression says";
  let description = [{ `size` is a map with one result; `start` and `step` are constants or expressions in the same map: (size, start, step). }];
  let arguments = (ins AffineMapAttr:$range);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = "$range attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def QOpt_SizesOp : QOpt_TensorOp<"sizes"> {
  let summary = "Expressions over the symbols as a vector of integers";
  let description = [{ Shape arithmetic that flows into data. A scalar result has one expression. }];
  let arguments = (ins AffineMapAttr:$values);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = "$values attr-dict `:` type($result)";
  let hasVerifier = 1;
}
