#include "Contract.h"
#include "DecoderNames.h"
#include "Values.h"

namespace qopt {
#define GEN_PASS_DECL_CANONICALIZEDECODER
#define GEN_PASS_DEF_CANONICALIZEDECODER
#include "CanonicalizeDecoder.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {

constexpr StringLiteral KindAttr = "qopt.kind", ContextAttr = "qopt.context";

class DecoderCanonicalizer {
public:
  DecoderCanonicalizer(func::FuncOp Function, DimAnalysis &Dims)
      : Function(Function), DimsOf(Dims), Context(Function.getContext()), Make(Context) {}

  LogicalResult run();

private:
  LogicalResult findArguments();
  LogicalResult renameSymbols();
  LogicalResult rewriteMaps(ArrayRef<AffineExpr> Replacements, llvm::SmallBitVector Known);
  void rewriteEntry();
  void boundContext();
  LogicalResult takeLastTokens();
  DictionaryAttr describe(StringRef Name, AffineMap Map);

  func::FuncOp Function;
  DimAnalysis &DimsOf;
  MLIRContext *Context;
  Builder Make;
  BlockArgument Ids, Past;
  SmallVector<BlockArgument> Caches, Others;
  AffineExpr Batch, Tokens; ///< over the new symbols
};

/// Operations and operands in the order that the results ask for.
class BodyOrder {
public:
  explicit BodyOrder(func::FuncOp Function) : Body(Function.getBody().front()) {}
  void run();

private:
  void orderOperands(BinaryOp Op);
  void place(Operation *Op);

  Block &Body;
  llvm::DenseMap<Operation *, unsigned> Steps; ///< the longest way to the operation
  llvm::SmallPtrSet<Operation *, 32> Placed;
};

struct CanonicalizeDecoderPass
    : public qopt::impl::CanonicalizeDecoderBase<CanonicalizeDecoderPass> {
  void runOnOperation() override {
    for (auto Function : getOperation().getOps<func::FuncOp>())
      if (!Function.isExternal() && !Function->hasAttr(KindAttr) && failed(canonicalize(Function)))
        return signalPassFailure();
    eraseUnusedWeights();
  }

  LogicalResult canonicalize(func::FuncOp Function) {
    auto Appends = Function.getOps<KVAppendOp>();
    bool IsDecoder = !Appends.empty();
    Function->setAttr(KindAttr, StringAttr::get(&getContext(), IsDecoder ? "decoder" : "graph"));
    if (!IsDecoder)
      return success();
    auto Dims = DimAnalysis::run(Function);
    if (failed(Dims) || failed(DecoderCanonicalizer(Function, *Dims).run()))
      return failure();
    BodyOrder(Function).run();
    renameWeights(Function);
    sortWeights(Function);
    return success();
  }

  void renameWeights(func::FuncOp Function);
  void sortWeights(func::FuncOp Function);
  void eraseUnusedWeights();
};

} // namespace

//===- entry ----------------------------------------------------------------------------------===//

DictionaryAttr DecoderCanonicalizer::describe(StringRef Name, AffineMap Map) {
  SmallVector<NamedAttribute> Attributes = {
      Make.getNamedAttr(QOptDialect::getNameAttrName(), Make.getStringAttr(Name))};
  if (Map)
    Attributes.push_back(
        Make.getNamedAttr(QOptDialect::getDimsAttrName(), AffineMapAttr::get(Map)));
  return Make.getDictionaryAttr(Attributes);
}

LogicalResult DecoderCanonicalizer::findArguments() {
  for (BlockArgument Argument : Function.getArguments()) {
    StringRef Name = getArgumentName(Function, Argument.getArgNumber());
    if (isa<KVCacheType>(Argument.getType()))
      Caches.push_back(Argument);
    else if (Name == "input_ids")
      Ids = Argument;
    else if (Name == "past")
      Past = Argument;
    else if (!Argument.use_empty())
      Others.push_back(Argument);
  }
  if (!Ids || !Past || tensorType(Ids).getRank() != 2)
    return Function.emitError(
        "a decoder has the inputs 'input_ids' [batch, tokens] and 'past' [batch]");
  return success();
}

LogicalResult DecoderCanonicalizer::rewriteMaps(ArrayRef<AffineExpr> Replacements,
                                                llvm::SmallBitVector Known) {
  auto Rewrite = [&](AffineMap Map) {
    SmallVector<AffineExpr> Results;
    for (AffineExpr Expr : Map.getResults())
      Results.push_back(Expr.replaceSymbols(Replacements));
    return AffineMapAttr::get(AffineMap::get(0, 3, Results, Context));
  };
  for (Operation &Op : Function.getBody().front())
    for (NamedAttribute Attr : llvm::to_vector(Op.getAttrs())) {
      auto Map = dyn_cast<AffineMapAttr>(Attr.getValue());
      if (!Map)
        continue;
      for (unsigned I = 0; I < Known.size(); ++I)
        if (!Known[I] && Map.getValue().isFunctionOfSymbol(I))
          return Op.emitOpError() << "depends on the size '" << getSymbols(Function)[I].getName()
                                  << "', which is no size of the tokens";
      Op.setAttr(Attr.getName(), Rewrite(Map.getValue()));
    }
  StringRef DimsName = QOptDialect::getDimsAttrName();
  for (BlockArgument Argument : Others)
    if (auto Map = Function.getArgAttrOfType<AffineMapAttr>(Argument.getArgNumber(), DimsName))
      Function.setArgAttr(Argument.getArgNumber(), DimsName, Rewrite(Map.getValue()));
  for (unsigned I = 0; I < Function.getNumResults(); ++I)
    if (auto Map = Function.getResultAttrOfType<AffineMapAttr>(I, DimsName))
      Function.setResultAttr(I, DimsName, Rewrite(Map.getValue()));
  return success();
}

/// The sizes of the ids are `batch` and `tokens`; no other size is left.
LogicalResult DecoderCanonicalizer::renameSymbols() {
  SmallVector<SymbolAttr> Old = getSymbols(Function);
  SmallVector<AffineExpr> Replacements(Old.size(), getAffineConstantExpr(0, Context));
  llvm::SmallBitVector Known(Old.size());
  Dims Sizes(DimsOf.getDims(Ids));
  for (auto [Axis, Size] : llvm::enumerate(Sizes)) {
    if (isa<AffineConstantExpr>(Size))
      continue;
    auto Symbol = dyn_cast<AffineSymbolExpr>(Size);
    if (!Symbol || Known[Symbol.getPosition()])
      return Function.emitError("the sizes of 'input_ids' must be two symbols, or numbers");
    Known.set(Symbol.getPosition());
    Replacements[Symbol.getPosition()] = getAffineSymbolExpr(Axis, Context);
  }
  if (failed(rewriteMaps(Replacements, Known)))
    return failure();
  Batch = Sizes[0].replaceSymbols(Replacements);
  Tokens = Sizes[1].replaceSymbols(Replacements);
  SmallVector<Attribute> Symbols;
  for (StringRef Name : {"batch", "tokens", "logits"})
    Symbols.push_back(SymbolAttr::get(Context, Name, 1, -1, 1));
  Function->setAttr(QOptDialect::getSymbolsAttrName(), Make.getArrayAttr(Symbols));
  return success();
}

/// (ids, past, count, caches in the order of the layers, what else is read).
void DecoderCanonicalizer::rewriteEntry() {
  Block &Entry = Function.getBody().front();
  unsigned OldCount = Entry.getNumArguments();
  SmallVector<Attribute> Attributes;
  auto Add = [&](Type Ty, Location Loc, DictionaryAttr Description, BlockArgument Old) {
    BlockArgument New = Entry.addArgument(Ty, Loc);
    Attributes.push_back(Description);
    if (Old)
      Old.replaceAllUsesWith(New);
    return New;
  };
  AffineMap Row = AffineMap::get(0, 3, {Batch}, Context);
  auto NewIds = Add(Ids.getType(), Ids.getLoc(),
                    describe("ids", AffineMap::get(0, 3, {Batch, Tokens}, Context)), Ids);
  auto NewPast = Add(Past.getType(), Past.getLoc(), describe("past", Row), Past);
  Add(Past.getType(), Past.getLoc(), describe("count", Row), {});
  for (ArrayRef<BlockArgument> Kept : {ArrayRef(Caches), ArrayRef(Others)})
    for (BlockArgument Old : Kept)
      Add(Old.getType(), Old.getLoc(), Function.getArgAttrDict(Old.getArgNumber()), Old);
  Entry.eraseArguments(0, OldCount);
  Ids = NewIds;
  Past = NewPast;
  Operation *Return = Entry.getTerminator();
  Function.setFunctionType(
      Make.getFunctionType(Entry.getArgumentTypes(), Return->getOperandTypes()));
  Function.setAllArgAttrs(Attributes);
}

/// The shortest table of positions bounds the context.
void DecoderCanonicalizer::boundContext() {
  std::optional<int64_t> Least;
  auto Bound = [&](int64_t Length) { Least = std::min(Least.value_or(Length), Length); };
  for (auto Rotary : Function.getOps<RotaryOp>())
    if (auto Length = Rotary.getTableLength()) {
      Bound(*Length);
      Rotary.removeTableLengthAttr();
    }
  for (auto Gather : Function.getOps<GatherOp>())
    if (Gather.getAxis() == 0 && Gather.getIndices().getDefiningOp<PositionsOp>() &&
        !tensorType(Gather.getTable()).isDynamicDim(0))
      Bound(tensorType(Gather.getTable()).getDimSize(0));
  if (Least)
    Function->setAttr(ContextAttr, Make.getI64IntegerAttr(*Least));
}

/// The operand that holds the tokens of an operation which treats each token alone, or null.
static Value getTokens(Operation *Op, RankedTensorType Ty) {
  if (isa<CastOp, UnaryOp, LinearOp>(Op) || isCoding(Op))
    return Op->getOperand(0);
  auto Binary = dyn_cast<BinaryOp>(Op);
  if (!Binary)
    return {};
  for (auto [Tokens, Other] : bothOrders(Binary))
    if (tensorType(Tokens).getRank() == Ty.getRank() &&
        (tensorType(Other).getRank() < 2 || tensorType(Other).getNumElements() == 1))
      return Tokens;
  return {};
}

/// Logits are computed where they are asked for: the choice of tokens moves in front of the final
/// norm.
LogicalResult DecoderCanonicalizer::takeLastTokens() {
  Operation *Return = Function.getBody().front().getTerminator();
  auto Ty = Return->getNumOperands() ? dyn_cast<RankedTensorType>(Return->getOperand(0).getType())
                                     : RankedTensorType();
  if (!Ty || Ty.getRank() != 3)
    return Function.emitError(
        "the first result of a decoder is its logits [batch, tokens, vocabulary]");
  SmallVector<Operation *> Chain;
  OpOperand *Point = &Return->getOpOperand(0);
  bool SawNorm = false;
  while (Operation *Op = Point->get().getDefiningOp()) {
    bool IsNorm = isa<RMSNormOp, LayerNormOp>(Op);
    Value Tokens = IsNorm ? Op->getOperand(0) : getTokens(Op, Ty);
    if (SawNorm || !Tokens || !Point->get().hasOneUse())
      break;
    Chain.push_back(Op);
    SawNorm = IsNorm;
    Point = &Op->getOpOperand(Tokens == Op->getOperand(0) ? 0 : 1);
  }
  AffineExpr Logits = getAffineSymbolExpr(2, Context);
  auto WithLogits = [&](Type Old) {
    SmallVector<int64_t> Shape(cast<RankedTensorType>(Old).getShape());
    Shape[1] = ShapedType::kDynamic;
    return cast<RankedTensorType>(Old).clone(Shape);
  };
  OpBuilder Builder(Point->getOwner());
  Value Input = Point->get();
  Point->set(TakeLastOp::create(Builder, Input.getLoc(), WithLogits(Input.getType()), Input,
                                Function.getArgument(2), AffineMap::get(0, 3, {Logits}, Context)));
  for (Operation *Op : llvm::reverse(Chain))
    Op->getResult(0).setType(WithLogits(Op->getResult(0).getType()));
  // Whoever samples from logits reads f32, whatever the model computes in.
  Value Last = Return->getOperand(0);
  auto F32 = cast<RankedTensorType>(Last.getType()).clone(Float32Type::get(Context));
  Builder.setInsertionPoint(Return);
  if (Last.getType() != F32)
    Return->setOperand(0, CastOp::create(Builder, Last.getLoc(), F32, Last));
  Dims Sizes = {Batch, Logits, getAffineConstantExpr(Ty.getDimSize(2), Context)};
  DictionaryAttr Description = describe("logits", AffineMap::get(0, 3, Sizes, Context));
  SmallVector<Attribute> Attributes = {Description};
  for (unsigned I = 1; I < Function.getNumResults(); ++I)
    Attributes.push_back(Function.getResultAttrDict(I));
  Function.setFunctionType(
      Make.getFunctionType(Function.getArgumentTypes(), Return->getOperandTypes()));
  Function.setAllResultAttrs(Attributes);
  return success();
}

LogicalResult DecoderCanonicalizer::run() {
  eraseUnused(Function);
  if (failed(findArguments()) || failed(renameSymbols()))
    return failure();
  rewriteEntry();
  boundContext();
  return takeLastTokens();
}

//===- order ----------------------------------------------------------------------------------===//

/// Constants and weights second, an activation first, else what takes fewer steps.
void BodyOrder::orderOperands(BinaryOp Op) {
  if (Op.getKind() != BinaryKind::Add && Op.getKind() != BinaryKind::Mul)
    return;
  auto Rank = [&](Value Value) -> std::pair<int, unsigned> {
    Operation *Producer = Value.getDefiningOp();
    if (Producer && isa<ConstantOp, UseWeightOp>(Producer))
      return {2, 0};
    return {Producer && isa<UnaryOp>(Producer) ? 0 : 1, Producer ? Steps[Producer] : 0};
  };
  if (Rank(Op.getRhs()) < Rank(Op.getLhs())) {
    Value Lhs = Op.getLhs();
    Op.setOperand(0, Op.getRhs());
    Op.setOperand(1, Lhs);
  }
}

/// Moves what an operation needs, then the operation, to the end of the body.
void BodyOrder::place(Operation *Last) {
  SmallVector<std::pair<Operation *, unsigned>> Work = {{Last, 0}};
  while (!Work.empty()) {
    auto &[Op, Next] = Work.back();
    if (Next < Op->getNumOperands()) {
      Operation *Producer = Op->getOperand(Next++).getDefiningOp();
      if (Producer && Placed.insert(Producer).second)
        Work.push_back({Producer, 0});
      continue;
    }
    Op->moveBefore(&Body, Body.end());
    Work.pop_back();
  }
}

void BodyOrder::run() {
  for (Operation &Op : Body) {
    unsigned Most = 0;
    for (Value Operand : Op.getOperands())
      if (Operation *Producer = Operand.getDefiningOp())
        Most = std::max(Most, Steps[Producer] + 1);
    Steps[&Op] = Most;
    if (auto Binary = dyn_cast<BinaryOp>(Op))
      orderOperands(Binary);
  }
  place(Body.getTerminator());
}

//===- weights --------------------------------------------------------------------------------===//

void CanonicalizeDecoderPass::renameWeights(func::FuncOp Function) {
  auto Names = DecoderNames(Function).find();
  llvm::StringSet<> Given;
  for (auto &[Old, New] : Names)
    Given.insert(New);
  // A weight without a role gives way where its file's name is one of ours.
  for (auto Weight : getOperation().getOps<WeightOp>())
    if (!Names.contains(Weight.getSymNameAttr()) && Given.contains(Weight.getSymName()))
      Names[Weight.getSymNameAttr()] = (Weight.getSymName() + ".file").str();
  Builder Make(&getContext());
  for (auto Weight : getOperation().getOps<WeightOp>())
    if (auto It = Names.find(Weight.getSymNameAttr()); It != Names.end())
      Weight.setSymNameAttr(Make.getStringAttr(It->second));
  getOperation().walk([&](UseWeightOp Use) {
    if (auto It = Names.find(Use.getWeightAttr().getAttr()); It != Names.end())
      Use.setWeightAttr(FlatSymbolRefAttr::get(&getContext(), It->second));
  });
}

void CanonicalizeDecoderPass::sortWeights(func::FuncOp Function) {
  SymbolTable Table(getOperation());
  for (auto Use : Function.getOps<UseWeightOp>())
    if (auto Weight = Table.lookup<WeightOp>(Use.getWeight()))
      Weight->moveBefore(Function);
}

void CanonicalizeDecoderPass::eraseUnusedWeights() {
  llvm::DenseSet<StringAttr> Used;
  getOperation().walk([&](UseWeightOp Use) { Used.insert(Use.getWeightAttr().getAttr()); });
  for (auto Weight : llvm::make_early_inc_range(getOperation().getOps<WeightOp>()))
    if (!Used.contains(Weight.getSymNameAttr()))
      Weight.erase();
}
