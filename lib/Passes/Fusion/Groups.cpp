#include "Groups.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace qopt;

bool qopt::isRecomputed(Operation *Op) { return isa<ConstantOp, PositionsOp>(Op); }

/// Operations that are neither grouped nor launched.
static bool isOutsideKernels(Operation *Op) {
  return isa<UseWeightOp>(Op) || Op->hasTrait<OpTrait::IsTerminator>();
}

static bool isElementwise(Operation *Op) {
  return isa<UnaryOp, BinaryOp, CompareOp, SelectOp, CastOp, QuantizeOp, DequantizeOp>(Op);
}

static bool isNorm(Operation *Op) { return isa_and_nonnull<RMSNormOp, LayerNormOp>(Op); }

/// The family of an operation that stands alone.
static StringRef kindOf(Operation *Op) {
  return llvm::TypeSwitch<Operation *, StringRef>(Op)
      .Case<LinearOp>([](auto) { return "contraction"; })
      .Case<ConvOp>([](auto) { return "convolution"; })
      .Case<PoolOp>([](auto) { return "pool"; })
      .Case<ReduceOp>([](auto) { return "reduce"; })
      .Case<KVAppendOp>([](auto) { return "append"; })
      .Case<AttentionOp, CachedAttentionOp>([](auto) { return "attention"; })
      .Case<GatherOp>([](auto) { return "gather"; })
      .Case<RMSNormOp, LayerNormOp>([](auto) { return "norm"; })
      .Case<UnaryOp, BinaryOp, CompareOp, SelectOp, CastOp, QuantizeOp, DequantizeOp>(
          [](auto) { return "elementwise"; })
      .Default([](auto) { return "generic"; });
}

namespace {

/// A partition of the function's operations into groups, refined by joining.
class Partition {
public:
  explicit Partition(func::FuncOp Function) : Function(Function) {
    unsigned Index = 0;
    for (Operation &Op : Function.getBody().front()) {
      Order[&Op] = Index++;
      if (isOutsideKernels(&Op) || isRecomputed(&Op))
        continue;
      GroupOf[&Op] = Groups.size();
      Groups.push_back({{&Op}, kindOf(&Op).str()});
    }
  }

  bool contains(Operation *Op) const { return Op && GroupOf.count(Op); }
  unsigned groupOf(Operation *Op) const { return GroupOf.lookup(Op); }
  bool sameGroup(Operation *A, Operation *B) const { return groupOf(A) == groupOf(B); }
  const Group &get(Operation *Op) const { return Groups[groupOf(Op)]; }

  /// Joins the group of `From` into the group of `Into` unless a value would have to leave and come
  /// back.
  bool join(Operation *Into, Operation *From) {
    unsigned A = groupOf(Into), B = groupOf(From);
    if (A == B)
      return true;
    if (reachesThroughOthers(A, B) || reachesThroughOthers(B, A))
      return false;
    for (Operation *Op : Groups[B].Ops)
      GroupOf[Op] = A;
    llvm::append_range(Groups[A].Ops, Groups[B].Ops);
    llvm::sort(Groups[A].Ops, [&](Operation *X, Operation *Y) { return Order[X] < Order[Y]; });
    Groups[B].Ops.clear();
    return true;
  }

  /// Groups in an order in which each follows what it reads; among those that can run, the earliest
  /// first.
  SmallVector<Group> inOrder() const;

private:
  /// Groups that read a value of group `Index`.
  llvm::SmallSetVector<unsigned, 8> successors(unsigned Index) const {
    llvm::SmallSetVector<unsigned, 8> Result;
    for (Operation *Op : Groups[Index].Ops)
      for (Operation *User : Op->getUsers()) {
        if (GroupOf.count(User))
          Result.insert(GroupOf.lookup(User));
        else if (isRecomputed(User))
          for (Operation *Reader : User->getUsers())
            if (GroupOf.count(Reader))
              Result.insert(GroupOf.lookup(Reader));
      }
    Result.remove(Index);
    return Result;
  }

  /// Whether a path of at least one other group leads from `From` to `To`.
  bool reachesThroughOthers(unsigned From, unsigned To) const {
    SmallVector<unsigned> Work;
    llvm::SmallDenseSet<unsigned> Seen;
    for (unsigned Next : successors(From))
      if (Next != To && Seen.insert(Next).second)
        Work.push_back(Next);
    while (!Work.empty())
      for (unsigned Next : successors(Work.pop_back_val())) {
        if (Next == To)
          return true;
        if (Seen.insert(Next).second)
          Work.push_back(Next);
      }
    return false;
  }

  func::FuncOp Function;
  SmallVector<Group> Groups;
  llvm::DenseMap<Operation *, unsigned> GroupOf;
  llvm::DenseMap<Operation *, unsigned> Order;
};

} // namespace

SmallVector<Group> Partition::inOrder() const {
  llvm::DenseMap<unsigned, unsigned> Waiting;
  for (unsigned I = 0; I < Groups.size(); ++I)
    for (unsigned Next : successors(I))
      ++Waiting[Next];
  // The position of a group is that of its first operation.
  auto Position = [&](unsigned I) { return Order.lookup(Groups[I].Ops.front()); };
  std::set<std::pair<unsigned, unsigned>> Ready;
  for (unsigned I = 0; I < Groups.size(); ++I)
    if (!Groups[I].Ops.empty() && !Waiting.lookup(I))
      Ready.insert({Position(I), I});
  SmallVector<Group> Result;
  while (!Ready.empty()) {
    unsigned Index = Ready.begin()->second;
    Ready.erase(Ready.begin());
    Result.push_back(Groups[Index]);
    for (unsigned Next : successors(Index))
      if (--Waiting[Next] == 0)
        Ready.insert({Position(Next), Next});
  }
  return Result;
}

//===- Joining rules --------------------------------------------------------------------------===//

/// Contractions that read the same value share one read of it.
static void joinSharedInputs(func::FuncOp Function, Partition &Parts) {
  llvm::MapVector<Value, LinearOp> FirstReader;
  Function.walk([&](LinearOp Linear) {
    auto [It, Inserted] = FirstReader.insert({Linear.getInput(), Linear});
    if (!Inserted)
      Parts.join(It->second, Linear);
  });
}

/// Whether every reader of the operation is in the group of `Member`.
static bool onlyReadBy(Operation *Op, Operation *Member, const Partition &Parts) {
  return llvm::all_of(Op->getUsers(), [&](Operation *User) {
    return Parts.contains(User) && Parts.sameGroup(User, Member);
  });
}

/// Whether an operation makes codes of single numbers, or numbers of codes, with constant
/// parameters.
static bool isCoding(Operation *Op) {
  return isa_and_nonnull<QuantizeOp, DequantizeOp>(Op) &&
         llvm::all_of(Op->getOperands().drop_front(), [](Value Parameter) {
           return Parameter.getDefiningOp<ConstantOp>() &&
                  cast<RankedTensorType>(Parameter.getType()).getRank() == 0;
         });
}

/// Joins what a value goes through as codes into the group of its only reader; returns the value
/// before that.
static Value joinCoding(Value Of, Operation *Reader, Partition &Parts) {
  for (Operation *Op = Of.getDefiningOp(); isCoding(Op) && Parts.get(Op).Kind == "elementwise";
       Op = Of.getDefiningOp()) {
    if (!onlyReadBy(Op, Reader, Parts) || !Parts.join(Reader, Op))
      return {};
    Of = Op->getOperand(0);
  }
  return Of;
}

/// Joins codes whose scale depends on the numbers, and that scale, into the group of their only
/// reader; returns the value before that, or the value itself where it is something else.
static Value joinDynamicCoding(Value Of, Operation *Reader, Partition &Parts) {
  auto Read = Of.getDefiningOp<DequantizeOp>();
  auto Codes = Read ? Read.getInput().getDefiningOp<QuantizeOp>() : QuantizeOp();
  auto Scale = Codes ? Codes.getScale().getDefiningOp<DynamicScaleOp>() : DynamicScaleOp();
  if (!Scale || Read.getScale() != Scale.getResult() || Scale.getInput() != Codes.getInput())
    return Of;
  for (Operation *Op : {Read.getOperation(), Codes.getOperation(), Scale.getOperation()})
    if (!onlyReadBy(Op, Reader, Parts) || !Parts.join(Reader, Op))
      return {};
  return Codes.getInput();
}

/// A norm that only one group of contractions reads runs in its prologue, and so do the choice of
/// the last tokens and the codes that the input goes through.
static void joinPrologues(func::FuncOp Function, Partition &Parts) {
  Function.walk([&](LinearOp Linear) {
    Value Input = joinDynamicCoding(Linear.getInput(), Linear, Parts);
    Input = Input ? joinCoding(Input, Linear, Parts) : Input;
    Operation *Norm = Input ? Input.getDefiningOp() : nullptr;
    if (!isNorm(Norm) || !onlyReadBy(Norm, Linear, Parts) || !Parts.join(Linear, Norm))
      return;
    Operation *Last = Norm->getOperand(0).getDefiningOp();
    if (isa_and_nonnull<TakeLastOp>(Last) && onlyReadBy(Last, Linear, Parts))
      Parts.join(Linear, Last);
  });
}

static bool sameShape(Value A, Value B) {
  return cast<RankedTensorType>(A.getType()).getShape() ==
         cast<RankedTensorType>(B.getType()).getShape();
}

/// Whether a result of a group can be changed in place of being written: one reader, or all of them
/// in the group.
static bool canAbsorb(Value Result, Operation *Reader, const Partition &Parts) {
  return llvm::all_of(Result.getUsers(), [&](Operation *User) {
    return User == Reader ||
           (Parts.contains(User) && Parts.sameGroup(User, Result.getDefiningOp()));
  });
}

/// An operand of an epilogue is one number, the whole shape, or a vector: along the last axis after
/// a contraction, along the channels after a convolution.
static bool fitsEpilogue(Operation *Op, StringRef Kind) {
  return llvm::all_of(Op->getOperands(), [&](Value Operand) {
    auto Ty = cast<RankedTensorType>(Operand.getType());
    if (sameShape(Operand, Op->getResult(0)) || Ty.getRank() == 0)
      return true;
    if (Kind == "contraction")
      return Ty.getRank() <= 1;
    int64_t Channels =
        Ty.getRank() - (cast<RankedTensorType>(Op->getResult(0).getType()).getRank() - 1);
    return llvm::all_of(llvm::enumerate(Ty.getShape()), [&](auto Axis) {
      return Axis.value() == 1 || int64_t(Axis.index()) == Channels;
    });
  });
}

/// Elementwise operations that follow contractions and convolutions become their epilogue: bias,
/// activation, product, residual.
static void joinEpilogues(func::FuncOp Function, Partition &Parts) {
  Function.walk([&](Operation *Op) {
    if (!Parts.contains(Op) || !isElementwise(Op))
      return;
    for (Value Operand : Op->getOperands()) {
      Operation *Producer = Operand.getDefiningOp();
      StringRef Kind = Parts.contains(Producer) ? StringRef(Parts.get(Producer).Kind) : "";
      if ((Kind != "contraction" && Kind != "convolution") || !fitsEpilogue(Op, Kind) ||
          isNorm(Producer) || isa<TakeLastOp>(Producer) || !sameShape(Operand, Op->getResult(0)) ||
          !canAbsorb(Operand, Op, Parts))
        continue;
      if (Parts.join(Producer, Op))
        break;
    }
  });
}

/// The rotary embedding that a value comes from and the codes that it goes through after that, in
/// order; nothing where others read what lies between.
static SmallVector<Operation *> findTurned(Value Of) {
  SmallVector<Operation *> Ops;
  for (; isCoding(Of.getDefiningOp()) && Of.hasOneUse(); Of = Of.getDefiningOp()->getOperand(0))
    Ops.push_back(Of.getDefiningOp());
  auto Rotary = Of.getDefiningOp<RotaryOp>();
  if (!Rotary || !Rotary->hasOneUse() || !Rotary.getPositions().getDefiningOp<PositionsOp>())
    return {};
  Ops.push_back(Rotary);
  std::reverse(Ops.begin(), Ops.end());
  return Ops;
}

/// The append to a cache turns the new keys, and the queries that will read the cache, on the way,
/// and takes them through codes.
static void joinAppends(func::FuncOp Function, Partition &Parts) {
  Function.walk([&](KVAppendOp Append) {
    auto JoinTurned = [&](Value Turned) {
      for (Operation *Op : findTurned(Turned))
        if (!Parts.join(Append, Op))
          return;
    };
    joinCoding(Append.getKey(), Append, Parts);
    joinCoding(Append.getValue(), Append, Parts);
    JoinTurned(Append.getKey());
    for (Operation *Reader : Append.getResult().getUsers())
      if (auto Attention = dyn_cast<CachedAttentionOp>(Reader))
        JoinTurned(Attention.getQuery());
  });
}

/// The only reader of a value if it makes or reads codes, or null.
static Operation *getOnlyCoding(Value Of) {
  Operation *Reader = Of.hasOneUse() ? *Of.getUsers().begin() : nullptr;
  return isCoding(Reader) ? Reader : nullptr;
}

/// What an operation gives goes through codes, there and back, before it is written.
static void joinCodesBehind(Operation *Op, Partition &Parts) {
  for (Value Result = Op->getResult(0);;) {
    auto Codes = dyn_cast_or_null<QuantizeOp>(getOnlyCoding(Result));
    auto Read =
        Codes ? dyn_cast_or_null<DequantizeOp>(getOnlyCoding(Codes.getResult())) : DequantizeOp();
    if (!Read || Read.getType() != Result.getType() || !Parts.join(Op, Codes) ||
        !Parts.join(Op, Read))
      return;
    Result = Read.getResult();
  }
}

static void joinAttentionCodes(func::FuncOp Function, Partition &Parts) {
  Function.walk([&](Operation *Op) {
    if (isa<CachedAttentionOp, AttentionOp>(Op))
      joinCodesBehind(Op, Parts);
  });
}

/// Of norms that are in no prologue.
static void joinNormCodes(func::FuncOp Function, Partition &Parts) {
  Function.walk([&](Operation *Op) {
    if (isNorm(Op) && Parts.get(Op).Kind == "norm")
      joinCodesBehind(Op, Parts);
  });
}

/// A cast of gathered rows happens while they are copied.
static void joinGatherCasts(func::FuncOp Function, Partition &Parts) {
  Function.walk([&](CastOp Cast) {
    auto Gather = Cast.getInput().getDefiningOp<GatherOp>();
    if (Gather && Gather->hasOneUse())
      Parts.join(Gather, Cast);
  });
}

/// Chains of elementwise operations on one shape.
static void joinElementwise(func::FuncOp Function, Partition &Parts) {
  Function.walk([&](Operation *Op) {
    if (!Parts.contains(Op) || Parts.get(Op).Kind != "elementwise")
      return;
    for (Value Operand : Op->getOperands()) {
      Operation *Producer = Operand.getDefiningOp();
      if (Parts.contains(Producer) && Parts.get(Producer).Kind == "elementwise" &&
          sameShape(Operand, Op->getResult(0)) && canAbsorb(Operand, Op, Parts))
        Parts.join(Producer, Op);
    }
  });
}

/// The bytes of a reshaped value are those of its input: the reshape joins the kernel that makes
/// them.
static void joinReshapes(func::FuncOp Function, Partition &Parts) {
  Function.walk([&](ReshapeOp Reshape) {
    Operation *Producer = Reshape.getInput().getDefiningOp();
    if (!Parts.contains(Producer) || !Reshape.getInput().hasOneUse())
      return;
    StringRef Kind = Parts.get(Producer).Kind;
    bool Writes = llvm::is_contained(
        {"contraction", "convolution", "pool", "reduce", "attention", "elementwise", "gather"},
        Kind);
    if (Writes)
      Parts.join(Producer, Reshape);
  });
}

SmallVector<Group> qopt::formGroups(func::FuncOp Function) {
  Partition Parts(Function);
  joinSharedInputs(Function, Parts);
  joinEpilogues(Function, Parts);
  joinAttentionCodes(Function, Parts);
  // Codes end the kernel that makes the numbers rather than begin the one that reads them, which
  // would take every worker through them.
  joinPrologues(Function, Parts);
  joinNormCodes(Function, Parts);
  joinAppends(Function, Parts);
  joinGatherCasts(Function, Parts);
  joinElementwise(Function, Parts);
  // Last: a reshape must not hide a producer from the rules above.
  joinReshapes(Function, Parts);
  return Parts.inOrder();
}

SmallVector<Group> qopt::formSingleGroups(func::FuncOp Function) {
  return Partition(Function).inOrder();
}

//===- Boundary and label ---------------------------------------------------------------------===//

std::pair<SmallVector<Value>, SmallVector<Value>> qopt::getBoundary(const Group &Group) {
  llvm::SmallPtrSet<Operation *, 8> Members(Group.Ops.begin(), Group.Ops.end());
  llvm::SetVector<Value> Inputs;
  SmallVector<Value> Outputs;
  auto AddInput = [&](Value Operand) {
    if (!Operand.getDefiningOp() || !Members.contains(Operand.getDefiningOp()))
      Inputs.insert(Operand);
  };
  for (Operation *Op : Group.Ops) {
    for (Value Operand : Op->getOperands()) {
      Operation *Producer = Operand.getDefiningOp();
      if (Producer && isRecomputed(Producer))
        llvm::for_each(Producer->getOperands(), AddInput);
      else
        AddInput(Operand);
    }
    for (Value Result : Op->getResults())
      if (llvm::any_of(Result.getUsers(), [&](Operation *User) { return !Members.contains(User); }))
        Outputs.push_back(Result);
  }
  return {Inputs.takeVector(), Outputs};
}

/// "layers.0.attn.q" and "layers.0.attn.k" are "layers.0.attn.{q,k}".
static std::string joinNames(ArrayRef<StringRef> Names) {
  if (Names.size() == 1)
    return Names.front().str();
  StringRef Prefix = Names.front().rsplit('.').first;
  SmallVector<StringRef> Tails;
  for (StringRef Name : Names) {
    auto [Head, Tail] = Name.rsplit('.');
    if (Head != Prefix || Tail.empty())
      return llvm::join(Names, "+");
    Tails.push_back(Tail);
  }
  return (Prefix + ".{" + llvm::join(Tails, ",") + "}").str();
}

/// Name of the cache that a value is or was appended to.
static StringRef cacheName(Value Cache) {
  while (auto Append = Cache.getDefiningOp<KVAppendOp>())
    Cache = Append.getCache();
  auto Argument = dyn_cast<BlockArgument>(Cache);
  if (!Argument)
    return "cache";
  auto Function = cast<FunctionOpInterface>(Argument.getOwner()->getParentOp());
  auto Name = Function.getArgAttrOfType<StringAttr>(Argument.getArgNumber(),
                                                    QOptDialect::getNameAttrName());
  return Name ? Name.getValue() : "cache";
}

/// Whether a table is gathered too: then the contraction with it is the head that is tied to the
/// embedding.
static bool isGathered(UseWeightOp Table) {
  return llvm::any_of(Table->getParentOfType<func::FuncOp>().getOps<GatherOp>(),
                      [&](GatherOp Gather) {
                        auto Use = Gather.getTable().getDefiningOp<UseWeightOp>();
                        return Use && Use.getWeight() == Table.getWeight();
                      });
}

std::string qopt::getLabel(const Group &Group) {
  SmallVector<StringRef> Weights;
  for (Operation *Op : Group.Ops) {
    Value Named =
        llvm::TypeSwitch<Operation *, Value>(Op)
            .Case<LinearOp, ConvOp>([](auto Contraction) { return Contraction.getWeight(); })
            .Case<GatherOp>([](GatherOp Gather) { return Gather.getTable(); })
            .Case<RMSNormOp, LayerNormOp>(
                [&](auto Norm) { return Group.Kind == "norm" ? Norm.getScale() : Value(); })
            .Default([](auto) { return Value(); });
    if (auto Use = Named ? Named.getDefiningOp<UseWeightOp>() : nullptr)
      Weights.push_back(isa<LinearOp>(Op) && isGathered(Use) ? "head" : Use.getWeight());
    if (auto Append = dyn_cast<KVAppendOp>(Op))
      return (cacheName(Append.getCache()).rsplit('.').first + ".append").str();
    if (auto Attention = dyn_cast<CachedAttentionOp>(Op))
      return (cacheName(Attention.getCache()).rsplit('.').first + ".attention").str();
  }
  if (!Weights.empty())
    return joinNames(Weights);
  // A reshape that joined says nothing of what is computed.
  auto Last =
      llvm::find_if(llvm::reverse(Group.Ops), [](Operation *Op) { return !isa<ReshapeOp>(Op); });
  Operation *Named = Last == Group.Ops.rend() ? Group.Ops.back() : *Last;
  return Named->getName().stripDialect().str();
}
