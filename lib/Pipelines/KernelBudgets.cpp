#include "KernelBudgets.h"

#include "qopt/Analysis/Budgets.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace qopt;

/// A target keeps the CPU's budget where the table has no entry of its own for it.
static const Budget *lookup(StringRef Operation, StringRef Types, StringRef Target) {
  const Budget *Own = findBudget(Operation, Types, Target);
  return Own ? Own : findBudget(Operation, Types, "cpu");
}

/// The table's name for an operation; empty for those that move numbers.
static StringRef budgetName(Operation &Op) {
  return llvm::StringSwitch<StringRef>(Op.getName().stripDialect())
      .Cases({"linear", "matmul"}, "linear")
      .Case("conv", "conv")
      .Cases({"attention", "cached_attention"}, "attention")
      .Case("kv_append", "append")
      .Case("gather", "gather")
      .Cases({"rms_norm", "layer_norm", "softmax", "reduce"}, "norm")
      .Cases({"unary", "binary", "pool"}, "elementwise")
      .Default("");
}

static std::string typeName(Type Ty) {
  std::string Text;
  llvm::raw_string_ostream(Text) << Ty;
  return Text;
}

/// Whether sums of products hide the size of their terms.
static bool sums(StringRef Operation) {
  return Operation != "elementwise" && Operation != "gather";
}

/// The float type that a value is rounded to, or null.
static FloatType roundedTo(Value Value) {
  return dyn_cast<FloatType>(getElementTypeOrSelf(Value.getType()));
}

/// The types under which the table may have a contraction beside that of its result.
static SmallVector<StringRef, 4> contractionTypes(Operation &Op, bool AfterNorm) {
  SmallVector<StringRef, 4> Types;
  if (AfterNorm)
    Types.push_back("after a norm");
  for (Value Operand : Op.getOperands())
    if (StoredTypeInterface Stored = getStoredElementType(Operand.getType())) {
      Types.push_back("codes");
      if (Stored.hasZeroPoint() || Stored.getGroupSize() > 128)
        Types.push_back("long groups");
    }
  return Types;
}

/// Whether sums that differ in their last place may become other codes in the kernel.
static bool makesCodes(Operation &Op) {
  if (auto Attention = dyn_cast<AttentionOp>(Op))
    return Attention.getScores() || Attention.getProbabilities();
  if (auto Attention = dyn_cast<CachedAttentionOp>(Op))
    return Attention.getScores() || Attention.getProbabilities();
  return isa<QuantizeOp>(Op);
}

namespace {
/// Collects the entries that hold for a kernel.
class BudgetFinder {
public:
  BudgetFinder(qkernel::KernelOp Kernel, StringRef Target)
      : Body(Kernel.getBody().front()), Target(Target) {}
  artefact::ErrorBudget find(Type Result);

private:
  /// A cache is no float: what is stored in it is rounded by the append.
  bool appendsHere() { return !Body.getOps<KVAppendOp>().empty(); }
  bool consider(StringRef Operation, StringRef Types);
  void considerRounding(StringRef Operation, Type To);
  void considerCodes(Type Result);
  void visit(Operation &Op, bool AfterNorm);

  Block &Body;
  StringRef Target;
  const Budget *Loosest = nullptr;
  bool Sums = false;
};
} // namespace

/// Whether the table has such an entry.
bool BudgetFinder::consider(StringRef Operation, StringRef Types) {
  const Budget *Found = lookup(Operation, Types, Target);
  if (Found && (!Loosest || Found->Bound >= Loosest->Bound))
    Loosest = Found;
  return Found;
}

/// An operation that the table does not name for a type is at least rounded to it.
void BudgetFinder::considerRounding(StringRef Operation, Type To) {
  std::string Types = typeName(To);
  if (!consider(Operation, Types))
    consider("elementwise", Types);
}

/// Results behind codes. A scale of each row's own fills the range of codes, so that the next one
/// is near: the nearer, the more codes there are for the largest numbers.
void BudgetFinder::considerCodes(Type Result) {
  auto Scales = Body.getOps<DynamicScaleOp>();
  if (!isa<FloatType>(Result))
    consider("codes", "integers");
  else if (Scales.empty())
    consider("codes", "computed");
  else if (isa<FloatType>((*Scales.begin()).getCode()))
    consider("linear", "float8 after a norm");
  else
    consider("linear", "bytes after a norm");
}

/// Within a kernel, too, the reference rounds where the model does, and a target may compute wider:
/// so the type of every operation's own result counts, not only of the kernel's.
void BudgetFinder::visit(Operation &Op, bool AfterNorm) {
  StringRef Name = budgetName(Op);
  if (Name.empty() && !isa<CastOp>(Op))
    return;
  Sums |= !Name.empty() && sums(Name);
  for (Value Result : Op.getResults())
    if (FloatType To = roundedTo(Result))
      considerRounding(Name, To);
  if (Name == "linear" || Name == "conv")
    for (StringRef Types : contractionTypes(Op, AfterNorm))
      consider(Name, Types);
}

artefact::ErrorBudget BudgetFinder::find(Type Result) {
  bool AfterNorm = llvm::any_of(Body, [](Operation &Op) { return budgetName(Op) == "norm"; });
  if (isa<FloatType>(Result))
    for (Operation &Op : Body)
      visit(Op, AfterNorm);
  if (isa<StoredTypeInterface>(Result))
    consider("append", "codes");
  else if (!isa<FloatType>(Result))
    consider("cast", "any");
  else if (!Loosest || appendsHere() || Result.getIntOrFloatBitWidth() < 32)
    considerRounding(appendsHere() ? "append" : "elementwise", Result);
  if (llvm::any_of(Body, makesCodes)) {
    Loosest = nullptr;
    considerCodes(Result);
  }
  if (!Loosest)
    consider("kernel", "f32");
  assert(Loosest && "the table has an entry for kernels of every target");
  return {Loosest->Operation, Loosest->Types,
          Sums && isa<FloatType>(Result) ? "largest" : Loosest->Metric, Loosest->Bound};
}

artefact::ErrorBudget qopt::findKernelBudget(qkernel::KernelOp Kernel, Type Result,
                                             StringRef Target) {
  return BudgetFinder(Kernel, Target).find(Result);
}
