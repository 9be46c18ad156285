#include "Contract.h"
#include "Values.h"

namespace qopt {
#define GEN_PASS_DECL_RAISEKVCACHE
#define GEN_PASS_DEF_RAISEKVCACHE
#include "RaiseKVCache.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {

/// One layer: keys and values that are cached, and the attentions that read them.
struct Layer {
  CachedTensor Key, Value;
  SmallVector<AttentionOp, 1> Attentions;
  /// How attention sees what is cached, where it goes through codes on the way.
  QuantizationAttr KeyCodes, ValueCodes;
};

/// Which axes of [batch, kv heads, tokens, size] or [batch, tokens, kv heads, size] are joined, and
/// how attention reads it.
struct CachedOperand {
  CachedTensor Tensor;
  bool HeadsFirst;
  QuantizationAttr Codes;
};

class CacheRaiser {
public:
  CacheRaiser(func::FuncOp Function, DimAnalysis &Dims)
      : Function(Function), DimsOf(Dims), Inputs(DecoderInputs::find(Function, Dims)),
        Context(Function.getContext()), NumSymbols(getSymbols(Function).size()) {}

  /// Whether there is anything to raise.
  bool hasCaches() const;
  /// Failure (after a warning) leaves the function to be thrown away.
  LogicalResult run(bool KeepSignature);

private:
  LogicalResult warn(Operation *Op, const Twine &Reason);
  LogicalResult collectLayers();
  std::optional<CachedOperand> getCached(Value Operand) const;
  LogicalResult collect(AttentionOp Attention);
  Value createPast();
  void noteSignature();
  Attribute describeInput(BlockArgument Argument);
  Attribute describeResult(unsigned Index, Type Ty);
  Attribute describeValue(StringRef Name, StringRef Role, Type Ty, const CachedTensor *Cached);
  void raise(Layer &Layer, unsigned Number, Value Past);
  Value newTokens(OpBuilder &Builder, const CachedTensor &Of, QuantizationAttr Codes);
  void replacePositions(Value Past);
  void rewriteReturn();
  LogicalResult dropInputs();

  func::FuncOp Function;
  DimAnalysis &DimsOf;
  DecoderInputs Inputs;
  MLIRContext *Context;
  unsigned NumSymbols;
  SmallVector<Layer> Layers;
  SmallVector<Value> Caches;
};

struct RaiseKVCachePass : public qopt::impl::RaiseKVCacheBase<RaiseKVCachePass> {
  using Base = qopt::impl::RaiseKVCacheBase<RaiseKVCachePass>;
  using Base::Base;

  void runOnOperation() override {
    for (auto Function : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (!Function.isExternal() && failed(raise(Function)))
        return signalPassFailure();
  }

  /// Works on a copy, so that a function that does not fit stays whole.
  LogicalResult raise(func::FuncOp Function) {
    auto Copy = cast<func::FuncOp>(OpBuilder(Function).clone(*Function));
    auto Dims = DimAnalysis::run(Copy);
    if (failed(Dims)) {
      Copy.erase();
      return failure();
    }
    CacheRaiser Raiser(Copy, *Dims);
    if (!Raiser.hasCaches() || failed(Raiser.run(KeepSignature)))
      Copy.erase();
    else
      Function.erase();
    return success();
  }
};

} // namespace

LogicalResult CacheRaiser::warn(Operation *Op, const Twine &Reason) {
  Op->emitWarning()
      << "the past stays a tensor that every step copies, and its precision cannot be chosen: "
      << Reason;
  return failure();
}

bool CacheRaiser::hasCaches() const {
  return llvm::any_of(const_cast<func::FuncOp &>(Function).getOps<ConcatOp>(),
                      [](ConcatOp Op) { return CachedTensor::get(Op).has_value(); });
}

/// The operand [batch, context, heads, size] of an attention, as a concatenation along its tokens.
std::optional<CachedOperand> CacheRaiser::getCached(Value Operand) const {
  bool HeadsFirst = false;
  if (auto Transpose = Operand.getDefiningOp<TransposeOp>()) {
    if (Transpose.getPermutation() != ArrayRef<int64_t>{0, 2, 1, 3})
      return std::nullopt;
    HeadsFirst = true;
    Operand = Transpose.getInput();
  }
  QuantizationAttr Codes;
  Operand = stripRequantized(Operand, Codes);
  auto Concat = Operand.getDefiningOp<ConcatOp>();
  auto Cached = CachedTensor::get(Concat);
  if (!Cached || Concat.getAxis() != (HeadsFirst ? 2 : 1))
    return std::nullopt;
  return CachedOperand{*Cached, HeadsFirst, Codes};
}

LogicalResult CacheRaiser::collect(AttentionOp Attention) {
  auto Key = getCached(Attention.getKey()), Value = getCached(Attention.getValue());
  if (!Key || !Value)
    return warn(
        Attention,
        "keys or values are not the concatenation of an input that is returned and of new tokens");
  if (!Attention.getCausal() || Attention.getMask())
    return warn(Attention, "its mask is not proven causal");
  if (Attention.getLengths() &&
      !Inputs.areLengths(Attention.getLengths(), true, DimsOf, NumSymbols))
    return warn(Attention, "its lengths are not those of past and new tokens");
  RankedTensorType KeyTy = tensorType(Attention.getKey()),
                   ValueTy = tensorType(Attention.getValue());
  if (KeyTy.getShape() != ValueTy.getShape())
    return warn(Attention, "keys and values have different head sizes");
  for (Layer &Known : Layers)
    if (Known.Key.Present == Key->Tensor.Present && Known.Value.Present == Value->Tensor.Present) {
      if (Known.KeyCodes != Key->Codes || Known.ValueCodes != Value->Codes)
        return warn(Attention, "another attention reads the same keys and values with other codes");
      Known.Attentions.push_back(Attention);
      return success();
    }
  Layers.push_back({Key->Tensor, Value->Tensor, {Attention}, Key->Codes, Value->Codes});
  return success();
}

LogicalResult CacheRaiser::collectLayers() {
  for (auto Attention : Function.getOps<AttentionOp>())
    if (failed(collect(Attention)))
      return failure();
  llvm::SmallPtrSet<Operation *, 16> Known;
  for (Layer &Of : Layers)
    for (ConcatOp Present : {Of.Key.Present, Of.Value.Present})
      if (!Known.insert(Present).second)
        return warn(Present, "it is read as the keys or values of two caches");
  for (auto Concat : Function.getOps<ConcatOp>())
    if (CachedTensor::get(Concat) && !Known.contains(Concat))
      return warn(Concat, "no attention that was raised reads it");
  return success();
}

/// New keys or values as [batch, tokens, heads, size], as attention sees them.
Value CacheRaiser::newTokens(OpBuilder &Builder, const CachedTensor &Of, QuantizationAttr Codes) {
  ConcatOp Present = Of.Present;
  Value New = Present.getInputs().back();
  if (Present.getAxis() != 1) {
    auto Transpose = New.getDefiningOp<TransposeOp>();
    if (Transpose && Transpose.getPermutation() == ArrayRef<int64_t>{0, 2, 1, 3})
      New = Transpose.getInput();
    else
      New = createTranspose(Builder, Present.getLoc(), New, {0, 2, 1, 3});
  }
  return Codes ? createRequantized(Builder, Present.getLoc(), New, Codes) : New;
}

Value CacheRaiser::createPast() {
  AffineExpr Batch = DimsOf.getDims(Inputs.Ids)[0];
  auto Ty = RankedTensorType::get(getShape({Batch}), IntegerType::get(Context, 64));
  Builder Make(Context);
  auto Attributes = Make.getDictionaryAttr(
      {Make.getNamedAttr(QOptDialect::getNameAttrName(), Make.getStringAttr("past")),
       Make.getNamedAttr(QOptDialect::getDimsAttrName(),
                         AffineMapAttr::get(makeDimsMap({Batch}, NumSymbols, Context)))});
  unsigned Index = Function.getNumArguments();
  (void)Function.insertArgument(Index, Ty, Attributes, Function.getLoc());
  return Function.getArgument(Index);
}

void CacheRaiser::raise(Layer &Of, unsigned Number, Value Past) {
  RankedTensorType Ty = tensorType(Of.Attentions.front().getKey());
  auto CacheTy = KVCacheType::get(Context, Ty.getDimSize(2), Ty.getDimSize(3), ShapedType::kDynamic,
                                  tensorType(Of.Key.Past).getElementType(),
                                  tensorType(Of.Value.Past).getElementType());
  Builder Make(Context);
  auto Name = Make.getStringAttr("layers." + Twine(Number) + ".attn.cache");
  unsigned Index = Function.getNumArguments();
  (void)Function.insertArgument(
      Index, CacheTy,
      Make.getDictionaryAttr(Make.getNamedAttr(QOptDialect::getNameAttrName(), Name)),
      Of.Key.Past.getLoc());
  Value Cache = Function.getArgument(Index);
  for (auto [I, Attention] : llvm::enumerate(Of.Attentions)) {
    OpBuilder Builder(Attention);
    if (I == 0)
      Cache = KVAppendOp::create(Builder, Attention.getLoc(), Cache,
                                 newTokens(Builder, Of.Key, Of.KeyCodes),
                                 newTokens(Builder, Of.Value, Of.ValueCodes), Past);
    Value Result = CachedAttentionOp::create(
        Builder, Attention.getLoc(), Attention.getQuery(), Cache, Past, Attention.getScaleAttr(),
        Attention.getWindowAttr(), Attention.getSoftcapAttr(), Attention.getScoresAttr(),
        Attention.getProbabilitiesAttr());
    Attention.getResult().replaceAllUsesWith(Result);
  }
  Caches.push_back(Cache);
}

/// Rotary embeddings and tables of positions read the position of every token.
void CacheRaiser::replacePositions(Value Past) {
  llvm::DenseMap<Value, Value> Known;
  Value Positions;
  auto Replace = [&](OpOperand &Operand) {
    if (!Inputs.arePositions(Operand.get(), DimsOf, NumSymbols))
      return;
    if (!Positions) {
      OpBuilder Builder = OpBuilder::atBlockBegin(&Function.getBody().front());
      AffineMap Tokens = makeDimsMap({Inputs.Tokens}, NumSymbols, Context);
      auto Ty =
          RankedTensorType::get({tensorType(Past).getDimSize(0), getShape({Inputs.Tokens}).front()},
                                tensorType(Past).getElementType());
      Positions = PositionsOp::create(Builder, Function.getLoc(), Ty, Past, Tokens);
    }
    Operand.set(Positions);
  };
  for (Operation &Op : Function.getBody().front()) {
    if (auto Rotary = dyn_cast<RotaryOp>(Op))
      Replace(Rotary.getPositionsMutable());
    if (auto Gather = dyn_cast<GatherOp>(Op))
      Replace(Gather.getIndicesMutable());
  }
}

/// What a value of the file is to the decoder; `Cached` where it is the past or present of a cache.
Attribute CacheRaiser::describeValue(StringRef Name, StringRef Role, Type Ty,
                                     const CachedTensor *Cached) {
  Builder Make(Context);
  SmallVector<NamedAttribute> Parts = {Make.getNamedAttr("name", Make.getStringAttr(Name)),
                                       Make.getNamedAttr("role", Make.getStringAttr(Role)),
                                       Make.getNamedAttr("type", TypeAttr::get(Ty))};
  for (auto [Number, Of] : llvm::enumerate(Layers))
    for (auto [Side, Tensor] : {std::pair("key", &Of.Key), std::pair("value", &Of.Value)})
      if (Tensor == Cached) {
        auto State = Make.getStringAttr("layers." + Twine(Number) + ".attn.cache." + Side);
        Parts.push_back(Make.getNamedAttr("state", State));
        ConcatOp Present = Cached->Present;
        Parts.push_back(Make.getNamedAttr("heads_first", Make.getBoolAttr(Present.getAxis() == 2)));
      }
  return Make.getDictionaryAttr(Parts);
}

Attribute CacheRaiser::describeInput(BlockArgument Argument) {
  StringRef Name = getArgumentName(Function, Argument.getArgNumber());
  for (Layer &Of : Layers)
    for (CachedTensor *Tensor : {&Of.Key, &Of.Value})
      if (Tensor->Past == Argument)
        return describeValue(Name, "past", Argument.getType(), Tensor);
  StringRef Role = Argument == Inputs.Ids         ? "ids"
                   : Argument == Inputs.Mask      ? "mask"
                   : Argument == Inputs.Positions ? "positions"
                                                  : "ignored";
  return describeValue(Name, Role, Argument.getType(), nullptr);
}

Attribute CacheRaiser::describeResult(unsigned Index, Type Ty) {
  auto Name = Function.getResultAttrOfType<StringAttr>(Index, QOptDialect::getNameAttrName());
  StringRef Text = Name ? Name.getValue() : StringRef();
  for (Layer &Of : Layers)
    for (CachedTensor *Tensor : {&Of.Key, &Of.Value})
      if (Tensor->Result == Index)
        return describeValue(Text, "present", Ty, Tensor);
  return describeValue(Text, "logits", Ty, nullptr);
}

/// While the function still has the file's inputs and outputs.
void CacheRaiser::noteSignature() {
  Builder Make(Context);
  SmallVector<Attribute> Arguments, Results;
  for (BlockArgument Argument : Function.getArguments())
    Arguments.push_back(describeInput(Argument));
  for (auto [I, Ty] : llvm::enumerate(Function.getResultTypes()))
    Results.push_back(describeResult(I, Ty));
  Function->setAttr("qopt.onnx", Make.getDictionaryAttr(
                                     {Make.getNamedAttr("inputs", Make.getArrayAttr(Arguments)),
                                      Make.getNamedAttr("outputs", Make.getArrayAttr(Results))}));
}

/// Caches follow the other results, in the order of the layers.
void CacheRaiser::rewriteReturn() {
  Operation *Return = Function.getBody().front().getTerminator();
  llvm::SmallDenseSet<unsigned> Replaced;
  for (Layer &Of : Layers) {
    Replaced.insert(Of.Key.Result);
    Replaced.insert(Of.Value.Result);
  }
  SmallVector<Value> Values;
  SmallVector<Attribute> Attributes;
  Builder Make(Context);
  for (auto [I, Operand] : llvm::enumerate(Return->getOperands()))
    if (!Replaced.contains(I)) {
      Values.push_back(Operand);
      Attributes.push_back(Make.getDictionaryAttr(Function.getResultAttrs(I)));
    }
  for (auto [Number, Cache] : llvm::enumerate(Caches)) {
    Values.push_back(Cache);
    Attributes.push_back(Make.getDictionaryAttr(
        Make.getNamedAttr(QOptDialect::getNameAttrName(),
                          Make.getStringAttr("layers." + Twine(Number) + ".attn.cache"))));
  }
  Return->setOperands(Values);
  Function.setFunctionType(
      Make.getFunctionType(Function.getArgumentTypes(), ValueRange(Values).getTypes()));
  Function.setAllResultAttrs(Attributes);
}

/// Nothing but the contract's questions may have read the inputs that go.
LogicalResult CacheRaiser::dropInputs() {
  eraseUnused(Function);
  llvm::BitVector Gone(Function.getNumArguments());
  SmallVector<BlockArgument> Drop = {Inputs.Mask, Inputs.Positions};
  for (Layer &Of : Layers)
    Drop.append({Of.Key.Past, Of.Value.Past});
  for (BlockArgument Argument : Drop) {
    if (!Argument)
      continue;
    if (!Argument.use_empty())
      return warn(*Argument.user_begin(),
                  "it reads the input '" + getArgumentName(Function, Argument.getArgNumber()) +
                      "' in a way that the decoder's contract does not explain");
    Gone.set(Argument.getArgNumber());
  }
  return Function.eraseArguments(Gone);
}

LogicalResult CacheRaiser::run(bool KeepSignature) {
  if (!Inputs.Ids)
    return warn(Function, "there is no input 'input_ids'");
  if (failed(collectLayers()))
    return failure();
  for (Layer &Of : Layers)
    if (KeepSignature && (Of.KeyCodes || Of.ValueCodes))
      return warn(Of.Attentions.front(), "attention sees its keys or values through codes, and the "
                                         "file returns them as they were before");
  if (KeepSignature)
    noteSignature();
  Value Past = createPast();
  replacePositions(Past);
  for (auto [Number, Of] : llvm::enumerate(Layers))
    raise(Of, Number, Past);
  rewriteReturn();
  return dropInputs();
}
