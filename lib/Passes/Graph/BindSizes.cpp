#include "qopt/Analysis/DimAnalysis.h"

namespace qopt {
#define GEN_PASS_DECL_BINDSIZES
#define GEN_PASS_DEF_BINDSIZES
#include "BindSizes.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {

struct BindSizesPass : public qopt::impl::BindSizesBase<BindSizesPass> {
  using BindSizesBase::BindSizesBase;

  void runOnOperation() override {
    func::FuncOp Function = getOperation();
    if (Function.isExternal() || !Function->hasAttr(QOptDialect::getSymbolsAttrName()))
      return;
    auto Tokens = chooseContext(Function);
    if (failed(Tokens))
      return signalPassFailure();
    bindSymbols(Function, *Tokens);
    bindCaches(Function, *Tokens);
  }

private:
  FailureOr<int64_t> chooseContext(func::FuncOp Function);
  SymbolAttr bind(SymbolAttr Symbol, int64_t Max);
  void bindSymbols(func::FuncOp Function, int64_t Tokens);
  void bindCaches(func::FuncOp Function, int64_t Tokens);
};

} // namespace

FailureOr<int64_t> BindSizesPass::chooseContext(func::FuncOp Function) {
  auto Limit = Function->getAttrOfType<IntegerAttr>("qopt.context");
  if (Context < 0 || Batch < 1 || Chunk < 0)
    return Function.emitError() << "context " << int64_t(Context) << ", batch " << int64_t(Batch)
                                << ", chunk " << int64_t(Chunk) << " are no sizes";
  if (Limit && Context > Limit.getInt())
    return Function.emitError() << "context " << int64_t(Context) << " exceeds the "
                                << Limit.getInt() << " positions that the model was made for";
  if (Context)
    return int64_t(Context);
  return Limit ? Limit.getInt() : int64_t(4096);
}

SymbolAttr BindSizesPass::bind(SymbolAttr Symbol, int64_t Max) {
  // What the model bounds, such as the sizes that a table of positions has room for, can be asked
  // to be less.
  bool IsLess = Context && !Symbol.getName().starts_with("batch") && Symbol.getMin() <= Max &&
                Max < Symbol.getMax();
  if (Symbol.getMax() >= 0 && !IsLess)
    return Symbol;
  return SymbolAttr::get(&getContext(), Symbol.getName(), std::min(Symbol.getMin(), Max), Max,
                         Symbol.getDivisor());
}

void BindSizesPass::bindSymbols(func::FuncOp Function, int64_t Tokens) {
  int64_t Step = Chunk ? std::min<int64_t>(Chunk, Tokens) : std::min<int64_t>(128, Tokens);
  SmallVector<Attribute> Bound;
  for (SymbolAttr Symbol : getSymbols(Function)) {
    StringRef Name = Symbol.getName();
    int64_t Max = Name.starts_with("batch")              ? int64_t(Batch)
                  : Name == "tokens" || Name == "logits" ? Step
                                                         : Tokens;
    Bound.push_back(bind(Symbol, Max));
  }
  Builder Build(&getContext());
  Function->setAttr(QOptDialect::getSymbolsAttrName(), Build.getArrayAttr(Bound));
  Function->setAttr("qopt.context", Build.getI64IntegerAttr(Tokens));
}

void BindSizesPass::bindCaches(func::FuncOp Function, int64_t Tokens) {
  auto Sized = [&](Type Ty) -> Type {
    auto Cache = dyn_cast<KVCacheType>(Ty);
    if (!Cache || !ShapedType::isDynamic(Cache.getCapacity()))
      return Ty;
    return KVCacheType::get(&getContext(), Cache.getHeads(), Cache.getHeadSize(), Tokens,
                            Cache.getKey(), Cache.getValue());
  };
  for (BlockArgument Argument : Function.getArguments())
    Argument.setType(Sized(Argument.getType()));
  Function.walk([&](Operation *Op) {
    for (Value Result : Op->getResults())
      Result.setType(Sized(Result.getType()));
  });
  Operation *Return = Function.getBody().front().getTerminator();
  Function.setType(FunctionType::get(&getContext(), Function.getBody().getArgumentTypes(),
                                     Return->getOperandTypes()));
}
