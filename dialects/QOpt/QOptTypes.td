#ifndef QOPT_TYPES
#define QOPT_TYPES

include "QOpt/QOptDialect.td"
include "QOpt/QOptInterfaces.td"
include "mlir/IR/AttrTypeBase.td"

class QOpt_Type<string name, string typeMnemonic, list<Trait> traits = []> : TypeDef<QOpt_Dialect, name, traits> {
  let mnemonic = typeMnemonic;
}

def QOpt_PackedType : QOpt_Type<"Packed", "packed", [DeclareTypeInterfaceMethods<QOpt_StoredTypeInterface>]> {
  let summary = "Integer codes in groups along the last axis, each with a scale and perhaps a zero point";
  let description = [{
    The element type of a stored tensor. `x = (code - zero point) * scale`. `!qopt.packed<i4, group = 32, scale = f16>` has signed
    codes -8..7 whose zero point is 0; with `asymmetric` codes are unsigned and each group has a zero point of the codes' width,
    with `asymmetric = f32` a zero point that is no integer and of that type. `group = 0` is one group for the whole last axis ("per channel"). The last group may be shorter than the others.
  }];
  let parameters = (ins "::mlir::IntegerType":$code, "int64_t":$group, "::mlir::FloatType":$scale, "bool":$asymmetric,
    OptionalParameter<"::mlir::FloatType", "type of zero points that are no codes">:$zeroPoint);
  let builders = [TypeBuilder<(ins "::mlir::IntegerType":$code, "int64_t":$group, "::mlir::FloatType":$scale, "bool":$asymmetric), [{
    return $_get($_ctxt, code, group, scale, asymmetric, ::mlir::FloatType());
  }]>];
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def QOpt_ScaledType : QOpt_Type<"Scaled", "scaled", [DeclareTypeInterfaceMethods<QOpt_StoredTypeInterface>]> {
  let summary = "Floating-point codes in groups along the last axis, each with a scale";
  let description = [{
    The element type of a stored tensor. `x = code * scale`. `!qopt.scaled<f8E4M3FN, group = 0, scale = f32>` has codes from -448 to 448 and one scale for the whole last
    axis. The last group may be shorter than the others.
  }];
  let parameters = (ins "::mlir::FloatType":$code, "int64_t":$group, "::mlir::FloatType":$scale);
  let assemblyFormat = "`<` $code `,` `group` `=` $group `,` `scale` `=` $scale `>`";
  let genVerifyDecl = 1;
}

def QOpt_KVCacheType : QOpt_Type<"KVCache", "kv_cache"> {
  let summary = "Keys and values of the tokens that one attention layer has seen";
  let description = [{
    `!qopt.kv_cache<2x32, capacity = 512, key = f16, value = f16>`: heads x head size; room for `capacity` tokens in each row of the
    batch (`?` while it is not decided); the stored types of keys and values. A float type is rounded to; a stored type of 8 bits with one group
    (`key = !qopt.packed<i8, group = 0, scale = f16>`) gives every token a scale for each head (see `qopt.kv_append`). How many tokens of each row are valid is an operand of
    the operations that use the cache.
  }];
  let parameters = (ins "int64_t":$heads, "int64_t":$headSize, "int64_t":$capacity, "::mlir::Type":$key, "::mlir::Type":$value);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

#endif
