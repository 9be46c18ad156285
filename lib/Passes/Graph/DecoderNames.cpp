#include "DecoderNames.h"

#include "Values.h"

using namespace mlir;
using namespace qopt;

/// The weight that a value is, through what an exporter adds to it (1 + w, a cast).
static UseWeightOp findWeight(Value Value) {
  while (Operation *Op = Value.getDefiningOp()) {
    if (auto Use = dyn_cast<UseWeightOp>(Op))
      return Use;
    if (auto Binary = dyn_cast<BinaryOp>(Op))
      Value = getSplat(Binary.getLhs()) ? Binary.getRhs() : Binary.getLhs();
    else if (isa<CastOp, ReshapeOp, UnaryOp>(Op))
      Value = Op->getOperand(0);
    else
      break;
  }
  return {};
}

static bool isParameter(Value Value) {
  Operation *Op = Value.getDefiningOp();
  return Op && (isa<ConstantOp>(Op) || findWeight(Value));
}

/// The operand through which the tokens come, where the operation treats each token alone; else
/// null.
static Value getTokenOperand(Operation *Op) {
  if (isa<CastOp, ReshapeOp, TransposeOp, UnaryOp, RotaryOp, RMSNormOp, LayerNormOp>(Op) ||
      isCoding(Op))
    return Op->getOperand(0);
  auto Binary = dyn_cast<BinaryOp>(Op);
  if (!Binary)
    return {};
  if (isParameter(Binary.getRhs()))
    return Binary.getLhs();
  return isParameter(Binary.getLhs()) ? Binary.getRhs() : Value();
}

/// The linear that a value comes from, through operations on each token alone.
static LinearOp findLinear(Value Value) {
  while (Operation *Op = Value.getDefiningOp()) {
    if (auto Linear = dyn_cast<LinearOp>(Op))
      return Linear;
    Value = getTokenOperand(Op);
    if (!Value)
      break;
  }
  return {};
}

/// The norm that a value is, through casts, codes and reshapes.
static Operation *findNorm(Value Value) {
  while (Operation *Op = Value.getDefiningOp()) {
    if (isa<RMSNormOp, LayerNormOp>(Op))
      return Op;
    if (!isa<CastOp, ReshapeOp, TransposeOp>(Op) && !isCoding(Op))
      break;
    Value = Op->getOperand(0);
  }
  return nullptr;
}

void DecoderNames::name(Value Weight, const Twine &Name) {
  UseWeightOp Use = findWeight(Weight);
  if (!Use || Names.contains(Use.getWeightAttr().getAttr()) || !Taken.insert(Name.str()).second)
    return;
  Names[Use.getWeightAttr().getAttr()] = Name.str();
}

void DecoderNames::nameNorm(Value Value, const Twine &Name) {
  Operation *Op = findNorm(Value);
  if (!Op)
    return;
  name(Op->getOperand(1), Name);
  if (auto Layer = dyn_cast<LayerNormOp>(Op); Layer && Layer.getBias())
    name(Layer.getBias(), Name + ".bias");
}

void DecoderNames::nameLinear(LinearOp Op, const Twine &Name) {
  name(Op.getWeight(), Name);
  Value Product = Op.getResult();
  while (Product.hasOneUse() && isCoding(*Product.getUsers().begin()))
    Product = Product.getUsers().begin()->getResult(0);
  for (Operation *User : Product.getUsers())
    if (auto Sum = dyn_cast<BinaryOp>(User); Sum && Sum.getKind() == BinaryKind::Add)
      name(Sum.getLhs() == Product ? Sum.getRhs() : Sum.getLhs(), Name + ".bias");
}

bool DecoderNames::isNamed(LinearOp Op) const {
  UseWeightOp Use = findWeight(Op.getWeight());
  return !Use || Names.contains(Use.getWeightAttr().getAttr());
}

/// A projection of the block's input: the linear, the norm before it, and a norm of its heads.
void DecoderNames::nameProjection(Value Result, const Twine &Name, const Twine &Norm,
                                  const Twine &InputNorm) {
  LinearOp Linear = findLinear(Result);
  if (!Linear)
    return;
  nameNorm(Linear.getInput(), InputNorm);
  nameLinear(Linear, Name);
  for (Value Value = Result; Value && Value.getDefiningOp() != Linear;
       Value = getTokenOperand(Value.getDefiningOp()))
    if (isa<RMSNormOp, LayerNormOp>(Value.getDefiningOp()))
      nameNorm(Value, Norm);
}

void DecoderNames::nameOutput(CachedAttentionOp Attention, unsigned Number) {
  std::string Layer = "layers." + std::to_string(Number);
  Value Value = Attention.getResult();
  bool SawLinear = false;
  while (Value.hasOneUse()) {
    Operation *User = *Value.getUsers().begin();
    if (auto Linear = dyn_cast<LinearOp>(User)) {
      if (SawLinear)
        break;
      nameLinear(Linear, Layer + ".attn.o");
      SawLinear = true;
    } else if (getTokenOperand(User) != Value) {
      break;
    }
    if (SawLinear && isa<RMSNormOp, LayerNormOp>(User))
      nameNorm(User->getResult(0), Layer + ".norm.attn_post");
    Value = User->getResult(0);
  }
}

void DecoderNames::nameAttention(CachedAttentionOp Attention, unsigned Number) {
  std::string Layer = "layers." + std::to_string(Number), Norm = Layer + ".norm.";
  nameProjection(Attention.getQuery(), Layer + ".attn.q", Norm + "q", Norm + "attn");
  if (auto Append = Attention.getCache().getDefiningOp<KVAppendOp>()) {
    nameProjection(Append.getKey(), Layer + ".attn.k", Norm + "k", Norm + "attn");
    nameProjection(Append.getValue(), Layer + ".attn.v", Norm + "v", Norm + "attn");
  }
  nameOutput(Attention, Number);
}

void DecoderNames::computeLayers() {
  for (Operation &Op : Function.getBody().front()) {
    unsigned Behind = 0;
    for (Value Operand : Op.getOperands())
      if (Operation *Producer = Operand.getDefiningOp())
        Behind = std::max(Behind, LayersBehind[Producer]);
    if (auto Attention = dyn_cast<CachedAttentionOp>(Op)) {
      Attentions.push_back(Attention);
      Behind = std::max<unsigned>(Behind + 1, Attentions.size());
    }
    LayersBehind[&Op] = Behind;
  }
}

/// Whether the value is computed from one of the linears, without another attention between.
static bool dependsOn(Value Of, ArrayRef<LinearOp> Linears) {
  SmallVector<Value> Work = {Of};
  llvm::SmallPtrSet<Operation *, 16> Seen;
  while (!Work.empty()) {
    Operation *Op = Work.pop_back_val().getDefiningOp();
    if (!Op || isa<CachedAttentionOp, AttentionOp>(Op) || !Seen.insert(Op).second)
      continue;
    if (auto Linear = dyn_cast<LinearOp>(Op); Linear && llvm::is_contained(Linears, Linear))
      return true;
    llvm::append_range(Work, Op->getOperands());
  }
  return false;
}

/// Whether the first thing that happens to the result (but for a bias and codes) is an activation.
static bool isActivated(LinearOp Op) {
  Value Value = Op.getResult();
  while (Value.hasOneUse()) {
    Operation *User = *Value.getUsers().begin();
    if (isa<UnaryOp>(User))
      return true;
    if (!isa<CastOp>(User) && !isCoding(User) &&
        !getOp<BinaryOp>(User->getResult(0), BinaryKind::Add))
      return false;
    Value = User->getResult(0);
  }
  return false;
}

/// The residual stream that a block reads: what its first linears' norm normalizes.
static Value findStream(LinearOp Op) {
  Value Value = Op.getInput();
  while (Operation *Producer = Value.getDefiningOp()) {
    if (isa<RMSNormOp, LayerNormOp>(Producer))
      return Producer->getOperand(0);
    bool IsGating = bool(getOp<BinaryOp>(Value, BinaryKind::Mul));
    mlir::Value Next = getTokenOperand(Producer);
    if (!Next && (IsGating || isa<LinearOp>(Producer)))
      Next = Producer->getOperand(0);
    if (!Next)
      break;
    Value = Next;
  }
  return Value;
}

/// The layer of a linear outside attention: the one whose attention stands behind it or, where both
/// read the same stream, beside it.
unsigned DecoderNames::getLayer(LinearOp Op) {
  unsigned Behind = LayersBehind[Op];
  if (Behind < Attentions.size()) {
    LinearOp Query = findLinear(Attentions[Behind].getQuery());
    if (Query && findStream(Query) == findStream(Op))
      return Behind;
  }
  return Behind - 1;
}

/// The linears of a block outside attention: those that read the block's input expand, the one
/// after them projects back.
void DecoderNames::nameFeedForward(unsigned Number) {
  std::string Layer = "layers." + std::to_string(Number);
  SmallVector<LinearOp> All, Expand, Project;
  for (auto Linear : Function.getOps<LinearOp>())
    if (!isNamed(Linear) && getLayer(Linear) == Number)
      All.push_back(Linear);
  for (LinearOp Linear : All)
    (dependsOn(Linear.getInput(), All) ? Project : Expand).push_back(Linear);
  if (Expand.empty() || Expand.size() > 2 || Project.size() != 1)
    return;
  LinearOp Up = Expand.back();
  if (Expand.size() == 2) {
    bool LastGates = isActivated(Expand.back()) && !isActivated(Expand.front());
    LinearOp Gate = LastGates ? Expand.back() : Expand.front();
    Up = LastGates ? Expand.front() : Expand.back();
    nameLinear(Gate, Layer + ".mlp.gate");
  }
  nameNorm(Up.getInput(), Layer + ".norm.mlp");
  nameLinear(Up, Layer + ".mlp.up");
  nameLinear(Project.front(), Layer + ".mlp.down");
  Value Value = Project.front().getResult();
  while (Value.hasOneUse() && getTokenOperand(*Value.getUsers().begin()) == Value) {
    Operation *User = *Value.getUsers().begin();
    if (isa<RMSNormOp, LayerNormOp>(User) && LayersBehind[User] == Number + 1)
      nameNorm(User->getResult(0), Layer + ".norm.mlp_post");
    Value = User->getResult(0);
  }
}

/// The head and the final norm stand before the first result.
void DecoderNames::nameResults() {
  Operation *Return = Function.getBody().front().getTerminator();
  if (Return->getNumOperands() == 0)
    return;
  LinearOp Head = findLinear(Return->getOperand(0));
  if (!Head)
    return;
  nameLinear(Head, "head");
  nameNorm(Head.getInput(), "norm.final");
}

void DecoderNames::nameEmbeddings() {
  for (auto Gather : Function.getOps<GatherOp>()) {
    if (isa<BlockArgument>(Gather.getIndices()))
      name(Gather.getTable(), "embedding");
    else if (Gather.getIndices().getDefiningOp<PositionsOp>())
      name(Gather.getTable(), "positions");
  }
}

llvm::MapVector<StringAttr, std::string> DecoderNames::find() {
  computeLayers();
  nameEmbeddings();
  nameResults();
  for (auto [Number, Attention] : llvm::enumerate(Attentions))
    nameAttention(Attention, Number);
  for (unsigned Number = 0; Number < Attentions.size(); ++Number)
    nameFeedForward(Number);
  return std::move(Names);
}
