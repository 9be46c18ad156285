#ifndef QOPT_ATTRIBUTES
#define QOPT_ATTRIBUTES

include "QOpt/QOptDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

class QOpt_Enum<string name, string summary, list<I32EnumAttrCase> cases> : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::qopt";
  let genSpecializedAttr = 0;
}

def QOpt_UnaryKindEnum : QOpt_Enum<"UnaryKind", "elementwise function of one value", [
  I32EnumAttrCase<"Abs", 0, "abs">, I32EnumAttrCase<"Neg", 1, "neg">, I32EnumAttrCase<"Exp", 2, "exp">,
  I32EnumAttrCase<"Log", 3, "log">, I32EnumAttrCase<"Sqrt", 4, "sqrt">, I32EnumAttrCase<"Rsqrt", 5, "rsqrt">,
  I32EnumAttrCase<"Reciprocal", 6, "reciprocal">, I32EnumAttrCase<"Sigmoid", 7, "sigmoid">, I32EnumAttrCase<"Tanh", 8, "tanh">,
  I32EnumAttrCase<"Erf", 9, "erf">, I32EnumAttrCase<"Silu", 10, "silu">, I32EnumAttrCase<"GeluErf", 11, "gelu_erf">,
  I32EnumAttrCase<"GeluTanh", 12, "gelu_tanh">, I32EnumAttrCase<"QuickGelu", 13, "quick_gelu">, I32EnumAttrCase<"Relu", 14, "relu">,
  I32EnumAttrCase<"Sin", 15, "sin">, I32EnumAttrCase<"Cos", 16, "cos">, I32EnumAttrCase<"Not", 17, "not">,
  I32EnumAttrCase<"Floor", 18, "floor">, I32EnumAttrCase<"Ceil", 19, "ceil">]>;

def QOpt_BinaryKindEnum : QOpt_Enum<"BinaryKind", "elementwise function of two values", [
  I32EnumAttrCase<"Add", 0, "add">, I32EnumAttrCase<"Sub", 1, "sub">, I32EnumAttrCase<"Mul", 2, "mul">,
  I32EnumAttrCase<"Div", 3, "div">, I32EnumAttrCase<"Pow", 4, "pow">, I32EnumAttrCase<"Min", 5, "min">,
  I32EnumAttrCase<"Max", 6, "max">, I32EnumAttrCase<"And", 7, "and">, I32EnumAttrCase<"Or", 8, "or">]>;

def QOpt_CompareKindEnum : QOpt_Enum<"CompareKind", "elementwise comparison", [
  I32EnumAttrCase<"Equal", 0, "eq">, I32EnumAttrCase<"Less", 1, "lt">, I32EnumAttrCase<"LessOrEqual", 2, "le">,
  I32EnumAttrCase<"Greater", 3, "gt">, I32EnumAttrCase<"GreaterOrEqual", 4, "ge">]>;

def QOpt_ReduceKindEnum : QOpt_Enum<"ReduceKind", "reduction", [
  I32EnumAttrCase<"Sum", 0, "sum">, I32EnumAttrCase<"Mean", 1, "mean">, I32EnumAttrCase<"Max", 2, "max">,
  I32EnumAttrCase<"Min", 3, "min">]>;

def QOpt_PoolKindEnum : QOpt_Enum<"PoolKind", "pooling", [
  I32EnumAttrCase<"Max", 0, "max">, I32EnumAttrCase<"Average", 1, "average">]>;

def QOpt_UnaryKind : EnumAttr<QOpt_Dialect, QOpt_UnaryKindEnum, "unary_kind">;
def QOpt_BinaryKind : EnumAttr<QOpt_Dialect, QOpt_BinaryKindEnum, "binary_kind">;
def QOpt_CompareKind : EnumAttr<QOpt_Dialect, QOpt_CompareKindEnum, "compare_kind">;
def QOpt_ReduceKind : EnumAttr<QOpt_Dialect, QOpt_ReduceKindEnum, "reduce_kind">;
def QOpt_PoolKind : EnumAttr<QOpt_Dialect, QOpt_PoolKindEnum, "pool_kind">;

class QOpt_Attr<string name, string attrMnemonic> : AttrDef<QOpt_Dialect, name> {
  let mnemonic = attrMnemonic;
}

def QOpt_SymbolAttr : QOpt_Attr<"Symbol", "symbol"> {
  let summary = "A size that a request decides";
  let description = [{ Name, the range of its values (inclusive; a maximum of -1 is not bounded yet) and a number that divides it. }];
  let parameters = (ins StringRefParameter<"name">:$name, "int64_t":$min, "int64_t":$max,
    DefaultValuedParameter<"int64_t", "1">:$divisor);
  let assemblyFormat = "`<` $name `,` $min `to` $max (`,` `divisor` `=` $divisor^)? `>`";
  let genVerifyDecl = 1;
}

def QOpt_SourceAttr : QOpt_Attr<"Source", "source"> {
  let summary = "Bytes of a file that hold a tensor";
  let description = [{
    `file` is relative to the model's folder. `type` is the tensor as the file holds it (row-major, little endian).
    `hash` is XXH3-64 of the bytes, or 0 where it was not computed yet.
  }];
  let parameters = (ins StringRefParameter<"file">:$file, "int64_t":$offset, "int64_t":$length,
    "::mlir::RankedTensorType":$type, "uint64_t":$hash);
  let assemblyFormat = "`<` $file `,` `offset` `=` $offset `,` `length` `=` $length `,` `type` `=` $type `,` `hash` `=` $hash `>`";
  let genVerifyDecl = 1;
}

def QOpt_StoredSourceAttr : QOpt_Attr<"StoredSource", "stored_source"> {
  let summary = "A tensor that a file holds as codes, scales and zero points";
  let description = [{
    Reads as the float tensor `type`: `(code - zero point) * scale`, computed in f32 and rounded to `type`. A scale belongs to a block of neighbouring elements, `block` along each axis
    (the last block of an axis may be shorter), so the scales have one element for each block, in row-major order: per tensor is a block as large as the tensor,
    per axis one that is 1 along this axis, blocked along the last axis `[1, 32]`.

    `codes` has the shape of `type`, its rows (the last axis) perhaps longer: what is beyond is padding. `scales` and `zero_points` are sources, or written out; rows of zero points may be longer, too.
    Without zero points every code has the zero point `zero`. `groups`, an i32 for each element of the last axis, names the block along it where that is not the block that the element lies in.

    ```mlir
    #qopt.stored_source<tensor<64x32xf32>, block = [1, 32], codes = <"m.onnx", offset = 0, length = 1024, type = tensor<64x32xui4>, hash = 0>,
      scales = #qopt.source<"m.onnx", offset = 1024, length = 256, type = tensor<64x1xf32>, hash = 0> zero = 8>
    ```
  }];
  let parameters = (ins "::mlir::RankedTensorType":$type, ArrayRefParameter<"int64_t">:$block, "::qopt::SourceAttr":$codes,
    "::mlir::Attribute":$scales, OptionalParameter<"::mlir::Attribute">:$zeroPoints, DefaultValuedParameter<"int64_t", "0">:$zero,
    OptionalParameter<"::mlir::Attribute">:$groups);
  let assemblyFormat = [{ `<` $type `,` `block` `=` `[` $block `]` `,` `codes` `=` $codes `,` `scales` `=` $scales (`zero_points` `=` $zeroPoints^)?
    (`zero` `=` $zero^)? (`groups` `=` $groups^)? `>` }];
  let genVerifyDecl = 1;
}

def QOpt_QuantizationAttr : QOpt_Attr<"Quantization", "quantization"> {
  let summary = "A value passes through codes: quantized and read again";
  let description = [{ As `qopt.quantize` and then `qopt.dequantize` with one scale and zero point: `#qopt.quantization<ui8, scale = 0.05 : f32, zero_point = 128>`. }];
  let parameters = (ins "::mlir::IntegerType":$code, "::mlir::FloatAttr":$scale, "int64_t":$zeroPoint);
  let assemblyFormat = "`<` $code `,` `scale` `=` $scale `,` `zero_point` `=` $zeroPoint `>`";
  let genVerifyDecl = 1;
}

// Steps of a weight's recipe: pure functions applied in order to the concatenation of the sources.
def QOpt_TransposeStepAttr : QOpt_Attr<"TransposeStep", "transpose"> {
  let summary = "Permutes axes";
  let parameters = (ins ArrayRefParameter<"int64_t">:$permutation);
  let assemblyFormat = "`<` `[` $permutation `]` `>`";
}
def QOpt_SliceStepAttr : QOpt_Attr<"SliceStep", "slice"> {
  let summary = "Keeps a range of one axis";
  let parameters = (ins "int64_t":$axis, "int64_t":$offset, "int64_t":$size);
  let assemblyFormat = "`<` `axis` `=` $axis `,` `offset` `=` $offset `,` `size` `=` $size `>`";
}
def QOpt_ReshapeStepAttr : QOpt_Attr<"ReshapeStep", "reshape"> {
  let summary = "Reads the elements, in row-major order, under another shape";
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape);
  let assemblyFormat = "`<` `[` $shape `]` `>`";
}
def QOpt_CastStepAttr : QOpt_Attr<"CastStep", "cast"> {
  let summary = "Rounds to another float type (to nearest even)";
  let parameters = (ins "::mlir::FloatType":$elementType);
  let assemblyFormat = "`<` $elementType `>`";
}
def QOpt_ScaleStepAttr : QOpt_Attr<"ScaleStep", "scale"> {
  let summary = "Multiplies every element by one number";
  let parameters = (ins "::mlir::FloatAttr":$factor);
  let assemblyFormat = "`<` $factor `>`";
}

def QOpt_PrecisionAttr : QOpt_Attr<"Precision", "precision"> {
  let summary = "A decision: the stored type of a weight or cache, the scheme that computes its codes, and why";
  let parameters = (ins "::mlir::Type":$storedType, StringRefParameter<"scheme">:$scheme, StringRefParameter<"reason">:$reason);
  let assemblyFormat = "`<` $storedType `,` $scheme `,` $reason `>`";
}

#endif
