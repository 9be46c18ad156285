#include "Elements.h"
#include "Values.h"

namespace qopt {
#define GEN_PASS_DECL_RAISEROTARY
#define GEN_PASS_DEF_RAISEROTARY
#include "RaiseRotary.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {

constexpr int64_t MaxHeadSize = 1024;

/// One channel of a rotated value: the factors of x's channels.
struct Channel {
  Value Input;
  Indices At; ///< without the channel
  struct Part {
    int64_t From;
    double Factor;
    std::optional<Wave> Turn;
  };
  SmallVector<Part, 2> Parts;
};

/// What all channels together are.
struct Rotation {
  Value Input;
  Indices At;
  AffineExpr Position;
  SmallVector<float> Frequencies;
  float Scale = 1;
  bool Interleaved = false;
  bool HeadsFirst = false;  ///< of the result
  int64_t FirstChannel = 0; ///< of the input
};

class RotaryRaiser {
public:
  RotaryRaiser(func::FuncOp Function, DimAnalysis &Dims)
      : Function(Function), DimsOf(Dims), Context(Function.getContext()),
        NumSymbols(getSymbols(Function).size()),
        Elements(Dims, NumSymbols, Context,
                 [this](Value Value, ArrayRef<AffineExpr> At) { return given(Value, At); }) {}

  void run();

private:
  std::optional<Element> given(Value Value, ArrayRef<AffineExpr> At);
  bool isCandidate(Operation *Op) const;
  std::optional<Channel> getChannel(Value Result, bool HeadsFirst, int64_t Number);
  std::optional<Rotation> match(Value Result, bool HeadsFirst);
  bool matchPairs(ArrayRef<Channel> Channels, int64_t Turned, bool Interleaved,
                  Rotation &Into) const;
  bool matchPair(const Channel &Low, const Channel &High, int64_t I, int64_t J,
                 Rotation &Into) const;
  bool raise(Operation *Op, bool HeadsFirst);
  Value getInput(OpBuilder &Builder, Location Loc, const Rotation &Of, int64_t Size);
  Value getPositions(OpBuilder &Builder, Location Loc, AffineExpr Position, Value Input);

  func::FuncOp Function;
  DimAnalysis &DimsOf;
  MLIRContext *Context;
  unsigned NumSymbols;
  /// Integer inputs that hold positions, as dims of their own from here on.
  static constexpr unsigned FirstInput = 8;
  SmallVector<Value> PositionInputs;
  ElementAnalysis Elements;
};

struct RaiseRotaryPass : public qopt::impl::RaiseRotaryBase<RaiseRotaryPass> {
  void runOnOperation() override {
    for (auto Function : getOperation().getOps<func::FuncOp>()) {
      if (Function.isExternal())
        continue;
      auto Dims = DimAnalysis::run(Function);
      if (failed(Dims))
        return signalPassFailure();
      RotaryRaiser(Function, *Dims).run();
    }
  }
};

} // namespace

/// An integer [batch, tokens] input at (b, s) is an unknown number of its own, as long as it is
/// read at the token that is asked about.
std::optional<Element> RotaryRaiser::given(Value Value, ArrayRef<AffineExpr> At) {
  auto Ty = dyn_cast<RankedTensorType>(Value.getType());
  bool IsInput = isa<BlockArgument>(Value) || Value.getDefiningOp<PositionsOp>();
  if (!IsInput || !Ty || Ty.getRank() != 2 || !Ty.getElementType().isInteger())
    return std::nullopt;
  AffineExpr Batch = getAffineDimExpr(0, Context), Tokens = getAffineDimExpr(1, Context);
  bool OneRow = DimsOf.getDims(Value)[0] == getAffineConstantExpr(1, Context);
  if ((At[0] != Batch && !OneRow) || At[1] != Tokens)
    return std::nullopt;
  auto *It = llvm::find(PositionInputs, Value);
  unsigned Number = It - PositionInputs.begin();
  if (It == PositionInputs.end())
    PositionInputs.push_back(Value);
  if (FirstInput + Number >= 15)
    return std::nullopt;
  return ElementAnalysis::count(getAffineDimExpr(FirstInput + Number, Context));
}

/// A sum or a concatenation that has cosines behind it and channels that are known.
bool RotaryRaiser::isCandidate(Operation *Op) const {
  if (Op->getNumResults() != 1 ||
      (!isa<ConcatOp, ReshapeOp>(Op) && !getOp<BinaryOp>(Op->getResult(0), BinaryKind::Add)))
    return false;
  RankedTensorType Ty = tensorType(Op->getResult(0));
  return Ty.getRank() == 4 && isa<FloatType>(Ty.getElementType()) && !Ty.isDynamicDim(3) &&
         Ty.getDimSize(3) >= 2 && Ty.getDimSize(3) <= MaxHeadSize;
}

/// The element at (d0 batch, d1 tokens, d2 heads, number) as a sum over channels of one value.
std::optional<Channel> RotaryRaiser::getChannel(Value Result, bool HeadsFirst, int64_t Number) {
  Indices At = Elements.getIdentity(3);
  if (HeadsFirst)
    std::swap(At[1], At[2]);
  At.push_back(getAffineConstantExpr(Number, Context));
  Element Value = Elements.evaluate(Result, At);
  if (Value.isChoice() || Value.Terms.empty() || Value.Terms.size() > 2)
    return std::nullopt;
  Channel Found;
  for (const Term &Part : Value.Terms) {
    if (!Part.Source || Part.Source == Result || Part.Count || Part.SourceIndices.size() < 3)
      return std::nullopt;
    auto From = dyn_cast<AffineConstantExpr>(Part.SourceIndices.back());
    Indices Rest(ArrayRef<AffineExpr>(Part.SourceIndices).drop_back());
    if (!From || (Found.Input && (Found.Input != Part.Source || Found.At != Rest)))
      return std::nullopt;
    Found.Input = Part.Source;
    Found.At = Rest;
    Found.Parts.push_back({From.getValue(), Part.Factor, Part.Oscillation});
  }
  return Found;
}

static bool isClose(double A, double B) {
  return std::abs(A - B) <= 1e-6 * std::max(std::abs(A), std::abs(B));
}

/// low = x_i cos - x_j sin, high = x_j cos + x_i sin, all times the scale.
bool RotaryRaiser::matchPair(const Channel &Low, const Channel &High, int64_t I, int64_t J,
                             Rotation &Into) const {
  const Channel::Part *Found[2][2] = {};
  for (const Channel *Side : {&Low, &High})
    for (const Channel::Part &Part : Side->Parts)
      if (Part.Turn)
        Found[Side == &High][Part.Turn->IsSine] = &Part;
  const Channel::Part *Cos = Found[0][0], *MinusSin = Found[0][1], *Cos2 = Found[1][0],
                      *Sin = Found[1][1];
  if (!Cos || !MinusSin || !Cos2 || !Sin)
    return false;
  if (Cos->From != I || MinusSin->From != J || Cos2->From != J || Sin->From != I)
    return false;
  double Scale = Into.Scale, Rate = Cos->Turn->Rate;
  if (!isClose(Cos->Factor, Scale) || !isClose(Cos2->Factor, Scale) ||
      !isClose(Sin->Factor, Scale) || !isClose(MinusSin->Factor, -Scale))
    return false;
  for (const Channel::Part *Part : {Cos, MinusSin, Cos2, Sin})
    if (!isClose(Part->Turn->Rate, Rate) || Part->Turn->Angle != Into.Position)
      return false;
  Into.Frequencies.push_back(float(Rate));
  return true;
}

bool RotaryRaiser::matchPairs(ArrayRef<Channel> Channels, int64_t Turned, bool Interleaved,
                              Rotation &Into) const {
  Into.Frequencies.clear();
  Into.Interleaved = Interleaved;
  int64_t Pairs = Turned / 2;
  for (int64_t Pair = 0; Pair < Pairs; ++Pair) {
    int64_t I = Interleaved ? 2 * Pair : Pair, J = Interleaved ? 2 * Pair + 1 : Pair + Pairs;
    if (!matchPair(Channels[I], Channels[J], Into.FirstChannel + I, Into.FirstChannel + J, Into))
      return false;
  }
  for (int64_t I = Turned; I < int64_t(Channels.size()); ++I) {
    ArrayRef<Channel::Part> Parts = Channels[I].Parts;
    if (Parts.size() != 1 || Parts[0].Turn || Parts[0].From != Into.FirstChannel + I ||
        Parts[0].Factor != 1)
      return false;
  }
  return true;
}

/// Frequencies that are base^(-i / n) but for the rounding of the file's arithmetic become exactly
/// that: so every export of a model has the same ones, whether it spells them out or holds tables.
static void snapToPowers(SmallVectorImpl<float> &Frequencies) {
  size_t Size = Frequencies.size(), Middle = Size / 2;
  if (Size < 2 || !(Frequencies[Middle] > 0))
    return;
  double Base = std::pow(double(Frequencies[Middle]), -double(Size) / double(Middle));
  for (double Step : {1000.0, 10.0, 1.0}) {
    double Whole = std::round(Base / Step) * Step;
    if (Whole < 2)
      continue;
    SmallVector<float> Powers;
    for (size_t I = 0; I < Size; ++I)
      Powers.push_back(float(std::pow(Whole, -double(I) / double(Size))));
    auto IsSame = [](auto Pair) {
      auto [Power, Frequency] = Pair;
      return std::abs(Power - Frequency) <= 4e-7f * Power;
    };
    if (llvm::all_of(llvm::zip_equal(Powers, Frequencies), IsSame)) {
      Frequencies.assign(Powers.begin(), Powers.end());
      return;
    }
  }
}

std::optional<Rotation> RotaryRaiser::match(Value Result, bool HeadsFirst) {
  auto First = getChannel(Result, HeadsFirst, 0);
  if (!First || First->Parts.size() != 2 || !First->Parts[0].Turn || !First->Parts[1].Turn)
    return std::nullopt;
  const Channel::Part &Cos = First->Parts[First->Parts[0].Turn->IsSine ? 1 : 0];
  Rotation Found;
  Found.Input = First->Input;
  Found.At = First->At;
  Found.HeadsFirst = HeadsFirst;
  Found.Position = Cos.Turn->Angle;
  Found.Scale = float(Cos.Factor);
  Found.FirstChannel = Cos.From;
  SmallVector<Channel> Channels = {*First};
  int64_t Size = tensorType(Result).getDimSize(3), Turned = 1;
  for (int64_t I = 1; I < Size; ++I) {
    auto Next = getChannel(Result, HeadsFirst, I);
    if (!Next || Next->Input != Found.Input || Next->At != Found.At)
      return std::nullopt;
    Turned += I == Turned && llvm::any_of(Next->Parts, [](auto &Part) { return bool(Part.Turn); });
    Channels.push_back(std::move(*Next));
  }
  if (Turned % 2 != 0 || (!matchPairs(Channels, Turned, /*Interleaved=*/false, Found) &&
                          !matchPairs(Channels, Turned, /*Interleaved=*/true, Found)))
    return std::nullopt;
  snapToPowers(Found.Frequencies);
  return Found;
}

/// The input as [batch, tokens, heads, size] with the result's channels; null where its axes are
/// something else.
Value RotaryRaiser::getInput(OpBuilder &Builder, Location Loc, const Rotation &Of, int64_t Size) {
  Value Input = Of.Input;
  RankedTensorType Ty = tensorType(Input);
  Indices Expected = Elements.getIdentity(3), At = Of.At;
  ArrayRef<AffineExpr> Sizes = DimsOf.getDims(Input);
  SmallVector<int64_t> Permutation = {0, 1, 2, 3};
  if (At.size() == 2)
    Expected.pop_back();
  else if (At.size() == 3 && At[1] == Expected[2])
    std::swap(Expected[1], Expected[2]);
  for (auto [I, Index] : llvm::enumerate(At))
    if (Index != Expected[I] && Sizes[I] != getAffineConstantExpr(1, Context))
      return {};
  if (Ty.getShape().back() != Size) {
    SmallVector<int64_t> Shape(Ty.getShape());
    Shape.back() = Size;
    AffineMap Bounds = makeDimsMap(
        {getAffineConstantExpr(Of.FirstChannel, Context), getAffineConstantExpr(Size, Context)},
        NumSymbols, Context);
    Input = SliceOp::create(Builder, Loc, Ty.clone(Shape), Input, Ty.getRank() - 1, Bounds);
  }
  if (At.size() == 2) {
    Dims To(Sizes.begin(), Sizes.end());
    To.back() = getAffineConstantExpr(Size, Context);
    To.insert(To.begin() + 2, getAffineConstantExpr(1, Context));
    return ReshapeOp::create(Builder, Loc, RankedTensorType::get(getShape(To), Ty.getElementType()),
                             Input, makeDimsMap(To, NumSymbols, Context));
  }
  bool Swapped = Expected[1] == getAffineDimExpr(2, Context);
  return Swapped ? createTranspose(Builder, Loc, Input, {0, 2, 1, 3}) : Input;
}

/// The integers that the angles multiply: an input, or a range that the symbols give.
Value RotaryRaiser::getPositions(OpBuilder &Builder, Location Loc, AffineExpr Position,
                                 Value Input) {
  if (auto Dim = dyn_cast<AffineDimExpr>(Position); Dim && Dim.getPosition() >= FirstInput)
    return PositionInputs[Dim.getPosition() - FirstInput];
  AffineExpr Token = getAffineDimExpr(1, Context),
             Start = simplifyAffineExpr(Position - Token, 15, NumSymbols);
  if (!Start.isSymbolicOrConstant())
    return {};
  ArrayRef<AffineExpr> Sizes = DimsOf.getDims(Input);
  Dims Range = {Sizes[1], Start, getAffineConstantExpr(1, Context)}, To = {Sizes[0], Sizes[1]};
  Type Integer = IntegerType::get(Context, 64);
  Value Row = IotaOp::create(Builder, Loc, RankedTensorType::get(getShape({Sizes[1]}), Integer),
                             makeDimsMap(Range, NumSymbols, Context));
  return BroadcastOp::create(Builder, Loc, RankedTensorType::get(getShape(To), Integer), Row,
                             makeDimsMap(To, NumSymbols, Context));
}

bool RotaryRaiser::raise(Operation *Op, bool HeadsFirst) {
  Value Result = Op->getResult(0);
  auto Of = match(Result, HeadsFirst);
  if (!Of)
    return false;
  DimTracker Tracker(DimsOf);
  OpBuilder Builder(Op, &Tracker);
  Location Loc = Op->getLoc();
  RankedTensorType Ty = tensorType(Result);
  Value Input = getInput(Builder, Loc, *Of, Ty.getDimSize(3));
  Value Positions = Input ? getPositions(Builder, Loc, Of->Position, Input) : Value();
  if (!Positions)
    return false;
  Value New = RotaryOp::create(Builder, Loc, Input, Positions,
                               Builder.getDenseF32ArrayAttr(Of->Frequencies),
                               Builder.getF32FloatAttr(Of->Scale),
                               Of->Interleaved ? Builder.getUnitAttr() : UnitAttr(), IntegerAttr());
  if (HeadsFirst)
    New = createTranspose(Builder, Loc, New, {0, 2, 1, 3});
  if (tensorType(New).getElementType() != Ty.getElementType())
    New = CastOp::create(Builder, Loc, tensorType(New).clone(Ty.getElementType()), New);
  if (New.getType() != Ty || DimsOf.getDims(New) != DimsOf.getDims(Result))
    return false;
  Result.replaceAllUsesWith(New);
  return true;
}

/// Outermost operations first: a concatenation with channels that pass is part of the rotation.
void RotaryRaiser::run() {
  SmallVector<Operation *> Candidates;
  for (Operation &Op : llvm::reverse(Function.getBody().front()))
    if (isCandidate(&Op))
      Candidates.push_back(&Op);
  for (Operation *Op : Candidates)
    if (!Op->use_empty())
      (void)(raise(Op, true) || raise(Op, false));
  eraseUnused(Function);
  for (Operation &Op : Function.getBody().front())
    if (auto Wave = dyn_cast<UnaryOp>(Op); Wave && Wave.getKind() == UnaryKind::Cos)
      Op.emitWarning("the cosines of a rotary embedding that was not recognised: it stays "
                     "elementwise operations, and calibration "
                     "does not know which channels turn together");
}
