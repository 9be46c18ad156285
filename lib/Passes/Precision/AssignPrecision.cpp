#include "qopt/Analysis/Scheme.h"

#include "QOpt/QOpt.h"

namespace qopt {
#define GEN_PASS_DECL_ASSIGNPRECISION
#define GEN_PASS_DEF_ASSIGNPRECISION
#include "AssignPrecision.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {

/// What a matrix is used for; a tied table has two roles.
enum class Role { Projection, Head, Embedding };

struct AssignPrecisionPass : public qopt::impl::AssignPrecisionBase<AssignPrecisionPass> {
  using AssignPrecisionBase::AssignPrecisionBase;

  void runOnOperation() override;

private:
  FailureOr<Type> parseFormat(StringRef Format);
  FailureOr<Type> parseCacheFormat(StringRef Format);
  StringRef formatOf(Role Role) const;
  bool isKept(WeightOp Weight) const { return hasStoredSources(Weight) && !Requantize; }
  void keep(WeightOp Weight);
  LogicalResult decide(WeightOp Weight, Role Role);
  void decideInputs(WeightOp Weight, ArrayRef<UseWeightOp> Uses);
  WeightOp untie(WeightOp Weight, ArrayRef<UseWeightOp> HeadUses);
  LogicalResult decideCaches(func::FuncOp Function);
};

} // namespace

/// The head of a decoder makes the program's result, perhaps through casts or a bias.
static bool makesResult(Operation *Op) {
  return llvm::any_of(Op->getUsers(), [](Operation *User) {
    return isa<func::ReturnOp>(User) || (isa<CastOp, BinaryOp>(User) && makesResult(User));
  });
}

static bool isDecoder(func::FuncOp Function) {
  auto Kind = Function->getAttrOfType<StringAttr>("qopt.kind");
  return Kind && Kind.getValue() == "decoder";
}

/// The role of one use, or nothing where the weight is no matrix to this use.
static std::optional<Role> roleOf(OpOperand &Use) {
  Operation *User = Use.getOwner();
  if (isa<GatherOp>(User) && Use.getOperandNumber() == 0)
    return Role::Embedding;
  if (!isa<LinearOp, ConvOp>(User) || Use.getOperandNumber() != 1)
    return std::nullopt;
  bool Head = isDecoder(User->getParentOfType<func::FuncOp>()) && makesResult(User);
  return Head ? Role::Head : Role::Projection;
}

StringRef AssignPrecisionPass::formatOf(Role Role) const {
  bool HasCodes = StringRef(Weights).starts_with("i") || Weights == "f8E4M3FN";
  StringRef Wider = HasCodes ? StringRef("i8") : StringRef(Weights);
  if (Role == Role::Head)
    return Head.empty() ? Wider : StringRef(Head);
  if (Role == Role::Embedding)
    return Embedding.empty() ? Wider : StringRef(Embedding);
  return Weights;
}

FailureOr<Type> AssignPrecisionPass::parseFormat(StringRef Format) {
  MLIRContext *Context = &getContext();
  if (Format == "f32")
    return Type(Float32Type::get(Context));
  if (Format == "f16")
    return Type(Float16Type::get(Context));
  if (Format == "bf16")
    return Type(BFloat16Type::get(Context));
  if (Format != "i4" && Format != "i8" && Format != "f8E4M3FN")
    return emitError(getOperation().getLoc())
           << "unknown format '" << Format << "'; known: f32, f16, bf16, f8E4M3FN, i8, i4";
  unsigned Bits = Format == "i4" ? 4 : 8;
  // A group size that was asked for is meant for the projections' format.
  bool Asked = Group >= 0 && (Format == Weights || StringRef(Weights).empty());
  int64_t Size = Asked ? int64_t(Group) : (Bits == 4 ? 32 : 0);
  if (Format == "f8E4M3FN")
    return Type(
        ScaledType::get(Context, Float8E4M3FNType::get(Context), Size, Float32Type::get(Context)));
  return Type(PackedType::get(Context, IntegerType::get(Context, Bits), Size,
                              Float16Type::get(Context), Asymmetric));
}

/// The codes of the file stay as they are, whatever the format; where no packed type holds them,
/// what they mean stays.
void AssignPrecisionPass::keep(WeightOp Weight) {
  StringRef Why = StringRef(Weights).empty() ? "as in the file"
                                             : "kept as in the file; --requantize changes it";
  Type Stored = getFileStoredType(Weight);
  StringRef Scheme = FileScheme;
  if (!Stored) {
    Stored = cast<RankedTensorType>(Weight.getType()).getElementType();
    Scheme = "dequantize";
    Why = "dequantized: no stored type holds the file's codes";
  }
  Weight.setPrecisionAttr(PrecisionAttr::get(&getContext(), Stored, Scheme, Why));
}

/// Codes of a cache have one scale for each token and head.
FailureOr<Type> AssignPrecisionPass::parseCacheFormat(StringRef Format) {
  MLIRContext *Context = &getContext();
  auto Scale = Float16Type::get(Context);
  if (Format == "int8")
    return Type(
        PackedType::get(Context, IntegerType::get(Context, 8), 0, Scale, /*asymmetric=*/false));
  if (Format == "fp8")
    return Type(ScaledType::get(Context, Float8E4M3FNType::get(Context), 0, Scale));
  if (Format != "f32" && Format != "f16" && Format != "bf16")
    return emitError(getOperation().getLoc())
           << "a KV cache is f32, f16, bf16, int8 or fp8, not '" << Format << "'";
  return parseFormat(Format);
}

LogicalResult AssignPrecisionPass::decide(WeightOp Weight, Role Role) {
  auto Ty = cast<RankedTensorType>(Weight.getType());
  if (Ty.getRank() != 2 || !isa<FloatType>(Ty.getElementType()))
    return success();
  if (isKept(Weight)) {
    keep(Weight);
    return success();
  }
  StringRef Format = formatOf(Role);
  if (Format.empty())
    return success();
  auto Stored = parseFormat(Format);
  if (failed(Stored))
    return failure();
  bool Coded = isa<StoredTypeInterface>(*Stored);
  Weight.setPrecisionAttr(
      PrecisionAttr::get(&getContext(), *Stored, Coded ? StringRef(SchemeName) : "cast", Reason));
  return success();
}

/// The inputs of contractions become codes where the weight has codes of the same type, and, as
/// integers, one scale per output, so that sums of products of codes are the result but for a
/// factor.
void AssignPrecisionPass::decideInputs(WeightOp Weight, ArrayRef<UseWeightOp> Uses) {
  auto Decision = Weight.getPrecision();
  auto Stored =
      Decision ? dyn_cast<StoredTypeInterface>(Decision->getStoredType()) : StoredTypeInterface();
  if (Activations.empty() || !Stored || Stored.hasZeroPoint())
    return;
  Type Code = Activations == "i8" ? Type(IntegerType::get(&getContext(), 8))
                                  : Type(Float8E4M3FNType::get(&getContext()));
  if (Stored.getCodeType() != Code || (Code.isInteger() && Stored.getGroupSize() != 0))
    return;
  for (UseWeightOp Use : Uses)
    for (Operation *User : Use->getUsers())
      if (isa<LinearOp>(User))
        User->setAttr(QOptDialect::getInputPrecisionAttrName(),
                      PrecisionAttr::get(&getContext(), Code, "dynamic", Reason));
}

/// Gives the head a weight of its own with the same sources.
WeightOp AssignPrecisionPass::untie(WeightOp Weight, ArrayRef<UseWeightOp> HeadUses) {
  OpBuilder Builder(Weight);
  Builder.setInsertionPointAfter(Weight);
  auto Head = cast<WeightOp>(Builder.clone(*Weight));
  SymbolTable Symbols(getOperation());
  Head.setSymName("head");
  Symbols.insert(Head);
  for (UseWeightOp Use : HeadUses)
    Use.setWeight(Head.getSymName());
  return Head;
}

LogicalResult AssignPrecisionPass::decideCaches(func::FuncOp Function) {
  if (KV.empty())
    return success();
  auto Stored = parseCacheFormat(KV);
  if (failed(Stored))
    return failure();
  StringRef How = isa<FloatType>(*Stored) ? "cast" : "scale per token and head";
  for (BlockArgument Argument : Function.getArguments())
    if (isa<KVCacheType>(Argument.getType()))
      Function.setArgAttr(Argument.getArgNumber(), "qopt.precision",
                          PrecisionAttr::get(&getContext(), *Stored, How, Reason));
  return success();
}

void AssignPrecisionPass::runOnOperation() {
  SchemeRegistry Schemes;
  registerAllSchemes(Schemes);
  if (!Schemes.find(SchemeName)) {
    emitError(getOperation().getLoc())
        << "unknown scheme '" << SchemeName << "'; known: " << llvm::join(Schemes.getNames(), ", ");
    return signalPassFailure();
  }
  if (!Activations.empty() && Activations != "i8" && Activations != "f8E4M3FN") {
    emitError(getOperation().getLoc())
        << "unknown format '" << Activations << "' of activations; known: i8, f8E4M3FN";
    return signalPassFailure();
  }
  // A use of a tied table in another role gets a use_weight of its own, so that it can be renamed.
  llvm::MapVector<WeightOp, std::map<Role, SmallVector<UseWeightOp>>> Roles;
  SymbolTable Symbols(getOperation());
  for (auto Function : getOperation().getOps<func::FuncOp>()) {
    for (UseWeightOp Use : llvm::to_vector(Function.getOps<UseWeightOp>())) {
      auto Weight = Symbols.lookup<WeightOp>(Use.getWeight());
      std::map<Role, UseWeightOp> Split;
      for (OpOperand &Each : llvm::make_early_inc_range(Use->getUses())) {
        auto Role = roleOf(Each);
        if (!Role)
          continue;
        UseWeightOp &Own = Split[*Role];
        if (!Own)
          Own = Split.size() == 1 ? Use : cast<UseWeightOp>(OpBuilder(Use).clone(*Use));
        Each.set(Own);
      }
      for (auto &[Role, Own] : Split)
        Roles[Weight][Role].push_back(Own);
    }
    if (failed(decideCaches(Function)))
      return signalPassFailure();
  }
  for (auto &[Weight, Uses] : Roles) {
    bool Tied = Uses.count(Role::Head) && Uses.count(Role::Embedding);
    if (Tied && !isKept(Weight) && formatOf(Role::Head) != formatOf(Role::Embedding) &&
        failed(decide(untie(Weight, Uses[Role::Head]), Role::Head)))
      return signalPassFailure();
    Role Kept = Uses.count(Role::Embedding)    ? Role::Embedding
                : Uses.count(Role::Projection) ? Role::Projection
                                               : Role::Head;
    if (failed(decide(Weight, Kept)))
      return signalPassFailure();
    decideInputs(Weight, Uses[Role::Projection]);
  }
}
