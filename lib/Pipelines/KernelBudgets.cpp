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

/// The types under which the table may have an operation of this kernel.
static SmallVector<std::string, 4> budgetTypes(Operation &Op, Type Result, bool AfterNorm) {
  SmallVector<std::string, 4> Types = {typeName(Result)};
  if (!isa<LinearOp>(Op) && Op.getName().stripDialect() != "conv")
    return Types;
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

artefact::ErrorBudget qopt::findKernelBudget(qkernel::KernelOp Kernel, Type Result,
                                             StringRef Target) {
  const Budget *Loosest = nullptr;
  Block &Body = Kernel.getBody().front();
  bool Sums = false,
       AfterNorm = llvm::any_of(Body, [](Operation &Op) { return budgetName(Op) == "norm"; });
  for (Operation &Op : Body) {
    StringRef Name = budgetName(Op);
    if (Name.empty() || !isa<FloatType>(Result))
      continue;
    Sums |= sums(Name);
    for (const std::string &Types : budgetTypes(Op, Result, AfterNorm))
      if (const Budget *Found = lookup(Name, Types, Target);
          Found && (!Loosest || Found->Bound >= Loosest->Bound))
        Loosest = Found;
  }
  // Numbers that are only moved or rounded, and operations that the table does not name for this
  // type.
  if (!Loosest)
    Loosest = isa<FloatType>(Result) ? lookup("elementwise", typeName(Result), Target)
                                     : lookup("cast", "any", Target);
  if (!Loosest)
    Loosest = lookup("kernel", "f32", Target);
  assert(Loosest && "the table has an entry for kernels of every target");
  return {Loosest->Operation, Loosest->Types, Sums ? "largest" : Loosest->Metric, Loosest->Bound};
}
