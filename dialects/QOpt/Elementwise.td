// Elementwise families. Operands broadcast as in NumPy.

class QOpt_ElementwiseOp<string mnemonic, list<Trait> traits = []>
  : QOpt_TensorOp<mnemonic, !listconcat([InferTypeOpAdaptor], traits)>;

def QOpt_UnaryOp : QOpt_ElementwiseOp<"unary"> {
  let summary = "A function of each element";
  let description = [{
    `silu` is x * sigmoid(x); `quick_gelu` is x * sigmoid(1.702 x); `gelu_erf` and `gelu_tanh` are the two forms of GELU. `not` takes booleans; `abs`, `neg` and
    `relu` take any numbers, the others floats.

    ```mlir
    %y = qopt.unary silu %x : tensor<4x8xf32>
    ```
  }];
  let arguments = (ins QOpt_UnaryKind:$kind, QOpt_Tensor:$input);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = "$kind $input attr-dict `:` type($input)";
  let hasVerifier = 1;
}

def QOpt_BinaryOp : QOpt_ElementwiseOp<"binary"> {
  let summary = "A function of two elements, with broadcasting";
  let description = [{
    Integer sums and products wrap, integer division truncates toward zero. `min` and `max` of NaN are NaN. `and` and `or` take booleans.

    ```mlir
    %z = qopt.binary add %x, %y : tensor<4x8xf32>, tensor<8xf32>
    ```
  }];
  let arguments = (ins QOpt_BinaryKind:$kind, QOpt_Tensor:$lhs, QOpt_Tensor:$rhs);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = "$kind $lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs)";
  let hasVerifier = 1;
}

def QOpt_CompareOp : QOpt_ElementwiseOp<"compare"> {
  let summary = "Compares elements, with broadcasting; booleans come out";
  let arguments = (ins QOpt_CompareKind:$kind, QOpt_Tensor:$lhs, QOpt_Tensor:$rhs);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = "$kind $lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs)";
  let hasVerifier = 1;
}

def QOpt_SelectOp : QOpt_ElementwiseOp<"select"> {
  let summary = "Takes each element from one of two tensors, with broadcasting";
  let arguments = (ins QOpt_Tensor:$condition, QOpt_Tensor:$lhs, QOpt_Tensor:$rhs);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = "$condition `,` $lhs `,` $rhs attr-dict `:` type($condition) `,` type($lhs) `,` type($rhs)";
  let hasVerifier = 1;
}

def QOpt_CastOp : QOpt_TensorOp<"cast"> {
  let summary = "Converts elements to another type";
  let description = [{ Float to float rounds to nearest even; float to integer truncates toward zero and ends at the integers' limits (NaN gives 0); integer to integer wraps; any to boolean
    is "not zero". }];
  let arguments = (ins QOpt_Tensor:$input);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `to` type($result)";
  let hasVerifier = 1;
}

def QOpt_QuantizeOp : QOpt_ElementwiseOp<"quantize"> {
  let summary = "Codes of numbers: saturate(round(x / scale) + zero point)";
  let description = [{
    The quotient is rounded to the scale's type, then to nearest even; the zero point is added, and the sum ends at the limits of the result's type, which is that of the zero point (signed or
    unsigned, 8 or 16 bits). NaN gives the largest code. Scale and zero point broadcast to the input.

    ```mlir
    %q = qopt.quantize %x, %scale, %zero : tensor<4x8xf32>, tensor<f32>, tensor<ui8>
    ```
  }];
  let arguments = (ins QOpt_Tensor:$input, QOpt_Tensor:$scale, QOpt_Tensor:$zero_point);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = "$input `,` $scale `,` $zero_point attr-dict `:` type($input) `,` type($scale) `,` type($zero_point)";
  let hasVerifier = 1;
}

def QOpt_DequantizeOp : QOpt_ElementwiseOp<"dequantize"> {
  let summary = "Numbers of codes: (code - zero point) * scale";
  let description = [{
    The result has the scale's type. Scale and zero point broadcast to the input.

    ```mlir
    %x = qopt.dequantize %q, %scale, %zero : tensor<4x8xui8>, tensor<f32>, tensor<ui8>
    ```
  }];
  let arguments = (ins QOpt_Tensor:$input, QOpt_Tensor:$scale, QOpt_Tensor:$zero_point);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = "$input `,` $scale `,` $zero_point attr-dict `:` type($input) `,` type($scale) `,` type($zero_point)";
  let hasVerifier = 1;
}

def QOpt_DynamicScaleOp : QOpt_TensorOp<"dynamic_scale", [InferTypeOpAdaptor]> {
  let summary = "The scale with which the largest magnitude of each row gets the largest code";
  let description = [{
    A row is the last axis, which becomes 1. The largest magnitude, divided by the largest code of `code` in f32; NaN where a row holds a NaN or an infinity, so that all of it reads as NaN.
    With `qopt.quantize` and `qopt.dequantize` it makes codes whose scale depends on the numbers:

    ```mlir
    %s = qopt.dynamic_scale %x as i8 : tensor<?x8xf32>
    %q = qopt.quantize %x, %s, %zero : tensor<?x8xf32>, tensor<?x1xf32>, tensor<i8>
    %y = qopt.dequantize %q, %s, %zero : tensor<?x8xi8>, tensor<?x1xf32>, tensor<i8>
    ```
  }];
  let arguments = (ins QOpt_Tensor:$input, TypeAttr:$code);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = "$input `as` $code attr-dict `:` type($input)";
  let hasVerifier = 1;
}
