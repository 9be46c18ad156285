#include "QOpt/QOpt.h"

namespace qopt {
#define GEN_PASS_DECL_QUANTIZEBLOCKS
#define GEN_PASS_DEF_QUANTIZEBLOCKS
#include "QuantizeBlocks.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {

struct QuantizeBlocksPass : public qopt::impl::QuantizeBlocksBase<QuantizeBlocksPass> {
  using QuantizeBlocksBase::QuantizeBlocksBase;

  void runOnOperation() override;

private:
  using Block = SmallVector<WeightOp>;
  SmallVector<Block> findBlocks();
  void quantize(WeightOp Weight);
  void retype(UseWeightOp Use, RankedTensorType Type);
};

} // namespace

/// "layers.3" of "layers.3.attn.q"; weights outside of blocks have none.
static StringRef blockName(StringRef Weight) {
  if (!Weight.starts_with("layers."))
    return "";
  size_t End = Weight.find('.', StringRef("layers.").size());
  return End == StringRef::npos ? Weight : Weight.take_front(End);
}

/// Decided weights by block, in the order in which the program uses them.
SmallVector<QuantizeBlocksPass::Block> QuantizeBlocksPass::findBlocks() {
  SymbolTable Symbols(getOperation());
  llvm::MapVector<StringRef, Block> Blocks;
  llvm::SmallDenseSet<WeightOp> Seen;
  getOperation().walk([&](UseWeightOp Use) {
    auto Weight = Symbols.lookup<WeightOp>(Use.getWeight());
    if (Weight.getPrecision() && Seen.insert(Weight).second)
      Blocks[blockName(Weight.getSymName())].push_back(Weight);
  });
  return llvm::map_to_vector(Blocks, [](auto &Entry) { return Entry.second; });
}

/// Readers of a weight see its new type; a gather gives the table's numbers, so its result is cast
/// back.
void QuantizeBlocksPass::retype(UseWeightOp Use, RankedTensorType Type) {
  Use.getResult().setType(Type);
  for (Operation *User : llvm::make_early_inc_range(Use->getUsers())) {
    auto Gather = dyn_cast<GatherOp>(User);
    if (!Gather || Gather.getTable() != Use.getResult())
      continue;
    auto Old = cast<RankedTensorType>(Gather.getType());
    mlir::Type Element =
        getStoredElementType(Type) ? Float32Type::get(&getContext()) : Type.getElementType();
    if (Element == Old.getElementType())
      continue;
    OpBuilder Builder(Gather);
    Builder.setInsertionPointAfter(Gather);
    Gather.getResult().setType(Old.clone(Element));
    auto Cast = CastOp::create(Builder, Gather.getLoc(), Old, Gather.getResult());
    Gather.getResult().replaceAllUsesExcept(Cast.getResult(), Cast);
  }
}

void QuantizeBlocksPass::quantize(WeightOp Weight) {
  PrecisionAttr Decision = *Weight.getPrecision();
  auto Old = cast<RankedTensorType>(Weight.getType());
  RankedTensorType New = Old.clone(Decision.getStoredType());
  if (New == Old)
    return;
  if (isa<StoredTypeInterface>(Decision.getStoredType())) {
    Weight.setScheme(Decision.getScheme());
  } else {
    SmallVector<Attribute> Steps(Weight.getSteps().begin(), Weight.getSteps().end());
    Steps.push_back(CastStepAttr::get(&getContext(), cast<FloatType>(Decision.getStoredType())));
    Weight.setStepsAttr(ArrayAttr::get(&getContext(), Steps));
  }
  Weight.setType(New);
  getOperation().walk([&](UseWeightOp Use) {
    if (Use.getWeight() == Weight.getSymName())
      retype(Use, New);
  });
}

/// Caches in the types that were decided, from the argument through every append to the result.
static void retypeCaches(func::FuncOp Function) {
  SmallVector<Value> Work;
  for (BlockArgument Argument : Function.getArguments()) {
    auto Decision =
        Function.getArgAttrOfType<PrecisionAttr>(Argument.getArgNumber(), "qopt.precision");
    auto Cache = dyn_cast<KVCacheType>(Argument.getType());
    if (!Cache || !Decision)
      continue;
    mlir::Type Stored = Decision.getStoredType();
    Argument.setType(KVCacheType::get(Function.getContext(), Cache.getHeads(), Cache.getHeadSize(),
                                      Cache.getCapacity(), Stored, Stored));
    Work.push_back(Argument);
  }
  while (!Work.empty()) {
    Value Cache = Work.pop_back_val();
    for (Operation *User : Cache.getUsers())
      if (auto Append = dyn_cast<KVAppendOp>(User)) {
        Append.getResult().setType(cast<KVCacheType>(Cache.getType()));
        Work.push_back(Append.getResult());
      }
  }
  Operation *Return = Function.getBody().front().getTerminator();
  Function.setType(FunctionType::get(Function.getContext(), Function.getBody().getArgumentTypes(),
                                     Return->getOperandTypes()));
}

void QuantizeBlocksPass::runOnOperation() {
  for (const Block &Block : findBlocks())
    for (WeightOp Weight : Block)
      quantize(Weight);
  for (auto Function : getOperation().getOps<func::FuncOp>())
    if (!Function.isExternal())
      retypeCaches(Function);
}
