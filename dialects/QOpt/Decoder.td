// Positions, rotary embedding, attention, KV cache.

def QOpt_PositionsOp : QOpt_TensorOp<"positions"> {
  let summary = "The position of every token: past[row] + 0, 1, 2, …";
  let description = [{ `past` is `[batch]`, the result `[batch, tokens]` with `tokens` an expression over the symbols. }];
  let arguments = (ins QOpt_Tensor:$past, AffineMapAttr:$tokens);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = "$past `tokens` $tokens attr-dict `:` type($past) `->` type($result)";
  let hasVerifier = 1;
}

def QOpt_TakeLastOp : QOpt_TensorOp<"take_last"> {
  let summary = "The last valid tokens of each row";
  let description = [{ `input` is `[batch, tokens, …]`, `count` `[batch]` says how many tokens of a row are valid, the result is `[batch, size, …]`: tokens
    `count - size .. count - 1` of each row, an index below 0 reading token 0. }];
  let arguments = (ins QOpt_Tensor:$input, QOpt_Tensor:$count, AffineMapAttr:$size);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = "$input `,` $count `size` $size attr-dict `:` type($input) `,` type($count) `->` type($result)";
  let hasVerifier = 1;
}

def QOpt_RotaryOp : QOpt_TensorOp<"rotary", [InferTypeOpAdaptor]> {
  let summary = "Rotary position embedding";
  let description = [{
    Su et al., "RoFormer", 2021. `input` is `[batch, tokens, heads, size]`, `positions` `[batch, tokens]`. With n inverse frequencies the first 2n
    channels of a head are turned, pair i by `position * inverse_frequencies[i]`; the others pass. Pairs are (i, i + n), or (2i, 2i + 1) when `interleaved`.
    Cosines and sines are multiplied by `scale`. `table_length`, where given, is the number of positions that the model's tables held: it bounds the context.
  }];
  let arguments = (ins QOpt_Tensor:$input, QOpt_Tensor:$positions, DenseF32ArrayAttr:$inverse_frequencies,
    DefaultValuedAttr<F32Attr, "1.0f">:$scale, UnitAttr:$interleaved, OptionalAttr<I64Attr>:$table_length);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = "$input `at` $positions `frequencies` custom<ExactFloats>($inverse_frequencies) (`scale` $scale^)? (`interleaved` $interleaved^)? (`table` $table_length^)? attr-dict `:` type($input) `,` type($positions)";
  let hasVerifier = 1;
}

def QOpt_AttentionOp : QOpt_TensorOp<"attention", [AttrSizedOperandSegments, InferTypeOpAdaptor]> {
  let summary = "softmax(scale · Q Kᵀ + mask) V over given keys and values";
  let description = [{
    `query` is `[batch, tokens, heads, size]`, `key` and `value` `[batch, context, kv heads, size]`; query head h reads kv head h / (heads / kv heads).
    With `causal` query i sees key j iff j <= i + context - tokens, and with `window` w > 0 also j > i + context - tokens - w. `mask`, where given, is added
    (float, -inf = not seen) or chooses (boolean, true = seen), broadcast to `[batch, heads, tokens, context]`. `softcap` c > 0 turns a score s into c · tanh(s / c) before the mask. A query that sees nothing gives zeros.
    `scores` and `probabilities`, where given, quantize the products Q Kᵀ (before `scale`) and the weights that softmax gives, and read them again.
    `lengths` `[batch]`, where given, counts the valid keys of each row: they replace `context` in the rules above and later keys are not seen.
  }];
  let arguments = (ins QOpt_Tensor:$query, QOpt_Tensor:$key, QOpt_Tensor:$value, Optional<QOpt_Tensor>:$mask, Optional<QOpt_Tensor>:$lengths,
    F32Attr:$scale, UnitAttr:$causal, DefaultValuedAttr<I64Attr, "0">:$window, DefaultValuedAttr<F32Attr, "0.0f">:$softcap,
    OptionalAttr<QOpt_QuantizationAttr>:$scores, OptionalAttr<QOpt_QuantizationAttr>:$probabilities);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = [{
    $query `,` $key `,` $value (`mask` $mask^)? (`lengths` $lengths^)? `scale` $scale (`causal` $causal^)? (`window` $window^)? (`softcap` $softcap^)?
    (`scores` $scores^)? (`probabilities` $probabilities^)? attr-dict
    `:` type($query) `,` type($key) `,` type($value) (`mask` type($mask)^)? (`lengths` type($lengths)^)?
  }];
  let hasVerifier = 1;
}

def QOpt_KVAppendOp : QOpt_TensorOp<"kv_append", [AllTypesMatch<["cache", "result"]>]> {
  let summary = "A cache with the keys and values of new tokens";
  let description = [{
    `key` and `value` are `[batch, tokens, heads, size]`; token t of row b is stored at position `past[b] + t`, rounded or quantized to the cache's types: the numbers of one token and head have the
    scale `largest magnitude / largest code` (see `quantizeRow`). A cache is used linearly, so the append happens in place.
  }];
  let arguments = (ins QOpt_KVCacheType:$cache, QOpt_Tensor:$key, QOpt_Tensor:$value, QOpt_Tensor:$past);
  let results = (outs QOpt_KVCacheType:$result);
  let assemblyFormat = "$cache `,` $key `,` $value `at` $past attr-dict `:` type($cache) `,` type($key) `,` type($value) `,` type($past)";
  let hasVerifier = 1;
}

def QOpt_CachedAttentionOp : QOpt_TensorOp<"cached_attention", [InferTypeOpAdaptor]> {
  let summary = "Causal attention over a cache";
  let description = [{
    `query` is `[batch, tokens, heads, size]`; query t of row b sees positions j <= past[b] + t, and with `window` w > 0 only j > past[b] + t - w. Keys and values read as
    what the cache stores, so decoding token by token and one full pass agree. `softcap`, `scores` and `probabilities` as in `qopt.attention`.
  }];
  let arguments = (ins QOpt_Tensor:$query, QOpt_KVCacheType:$cache, QOpt_Tensor:$past, F32Attr:$scale,
    DefaultValuedAttr<I64Attr, "0">:$window, DefaultValuedAttr<F32Attr, "0.0f">:$softcap,
    OptionalAttr<QOpt_QuantizationAttr>:$scores, OptionalAttr<QOpt_QuantizationAttr>:$probabilities);
  let results = (outs QOpt_Tensor:$result);
  let assemblyFormat = "$query `,` $cache `at` $past `scale` $scale (`window` $window^)? (`softcap` $softcap^)? (`scores` $scores^)? (`probabilities` $probabilities^)? attr-dict `:` type($query) `,` type($cache) `,` type($past)";
  let hasVerifier = 1;
}
