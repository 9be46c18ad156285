// Pooling of floats. A work item is one tile of the outputs of one channel. The input that it reads
// is staged (Emit/SpatialTile.h), padding as what changes nothing, and each tap of the window reads
// neighbouring elements for neighbouring outputs. Where padding makes the number of elements of a
// window differ, a staged plane of ones is summed beside them.
#include "Emit/SpatialTile.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

/// Scratch of one worker, beyond which nothing is gained by staging.
static constexpr int64_t MaxStagedBytes = int64_t(16) << 20;

namespace {

struct PoolForm {
  PoolOp Pool;
  SpatialTile Tile;
  bool IsMax = true;

  static std::optional<PoolForm> get(const KernelInfo &Info, std::string &Reason);
  /// Whether windows see different numbers of elements.
  bool counts() const {
    auto Op = Pool;
    return !IsMax && llvm::any_of(Op.getPads(), [](int64_t Pad) { return Pad != 0; });
  }
  AffineExpr getItems(const KernelInfo &Info) const {
    auto Op = Pool;
    ArrayRef<AffineExpr> Dims = Info.getDims(Op.getInput());
    return Dims[0] * Dims[1] * Tile.getTiles();
  }
};

class PoolEmitter {
public:
  PoolEmitter(KernelBuilder &B, const PoolForm &Form)
      : B(B), Form(Form), Tile(Form.Tile), F32(B.getF32Type()) {}
  void emit();

private:
  /// Planes of scratch: the staged input, ones, results.
  Value plane(int64_t Number);
  void emitItem(Value Item);
  Value overTaps(Value Staged, function_ref<Value(Value, Value)> Combine);

  KernelBuilder &B;
  const PoolForm &Form;
  const SpatialTile &Tile;
  Type F32;
};

class PoolLowering : public CpuLowering {
public:
  StringRef getName() const override { return "pool"; }
  bool match(const KernelInfo &Kernel, std::string &Reason) const override {
    return PoolForm::get(Kernel, Reason).has_value();
  }
  KernelPlan plan(const KernelInfo &Kernel) const override {
    std::string Reason;
    auto Form = *PoolForm::get(Kernel, Reason);
    KernelPlan Plan;
    Plan.onlyStage().Items = Form.getItems(Kernel);
    Plan.ScratchBytes =
        Kernel.constant(2 * Form.Tile.getStagedBytes(1) + 4 * Form.Tile.getPositions());
    return Plan;
  }
  LogicalResult emit(KernelBuilder &B) const override {
    std::string Reason;
    auto Form = PoolForm::get(B.getInfo(), Reason);
    if (!Form)
      return B.getInfo().getKernel().emitError() << "is no pool: " << Reason;
    PoolEmitter(B, *Form).emit();
    return success();
  }
};

} // namespace

std::optional<PoolForm> PoolForm::get(const KernelInfo &Info, std::string &Reason) {
  PoolForm Form;
  for (Operation &Op : Info.getOps())
    if (auto Pool = dyn_cast<PoolOp>(Op))
      Form.Pool = Pool;
  // Reshapes only give the result another shape.
  bool IsOnly = llvm::all_of(Info.getOps(), llvm::IsaPred<PoolOp, ReshapeOp>) &&
                Info.getResults().size() == 1 && Form.Pool &&
                skipReshapes(Info.getResults().front()) == Form.Pool.getResult();
  if (!IsOnly || !isa<BlockArgument>(Form.Pool.getInput()) ||
      cpu::getElementType(Form.Pool.getInput()).isF64()) {
    Reason = "is not one pool of an argument of at most 32 bits";
    return std::nullopt;
  }
  auto Tile = SpatialTile::get(Info, Form.Pool, Reason);
  if (!Tile)
    return std::nullopt;
  Form.Tile = *Tile;
  if (Tile->getStagedBytes(1) > MaxStagedBytes) {
    Reason = "the input of a tile takes too much memory";
    return std::nullopt;
  }
  Form.IsMax = Form.Pool.getKind() == PoolKind::Max;
  return Form;
}

Value PoolEmitter::plane(int64_t Number) {
  return B.getScratch(B.getInfo().constant(Number * Tile.getStagedBytes(1)));
}

void PoolEmitter::emit() {
  B.loop(B.getBegin(), B.getEnd(), 1, [&](Value Item) { emitItem(Item); });
}

/// Combines what a vector of outputs reads through each tap.
Value PoolEmitter::overTaps(Value Staged, function_ref<Value(Value, Value)> Combine) {
  Value Result;
  for (int64_t Tap = 0; Tap < Tile.getTaps(); ++Tap) {
    Value At = B.element(Staged, B.index(Tile.getOffset(Tap)), F32);
    Value Read = B.loadRaw(At, B.f32Vector());
    Result = Result ? Combine(Result, Read) : Read;
  }
  return Result;
}

void PoolEmitter::emitItem(Value Item) {
  auto Pool = Form.Pool;
  Type Element = cpu::getElementType(Pool.getInput());
  Value Tiles = B.size(Tile.getTiles()), Channel = B.div(Item, Tiles);
  TilePlace Place = Tile.getPlace(B, B.rem(Item, Tiles));
  Value InputSize = B.size(Tile.Rows.Input * Tile.Columns.Input);
  Value From = B.element(B.getArgument(Pool.getInput()), B.mul(Channel, InputSize), Element);
  constexpr double Infinity = std::numeric_limits<double>::infinity();
  Tile.stage(B, Place, From, Element, Form.IsMax ? -Infinity : 0, plane(0));
  if (Form.counts())
    Tile.stageOnes(B, Place, plane(1));
  Value Results = plane(2);
  B.loop(B.index(0), Tile.countPositions(B, Place), VectorLanes, [&](Value Position) {
    auto Add = [&](Value A, Value C) { return B.add(A, C); };
    auto Max = [&](Value A, Value C) { return B.max(A, C); };
    Value Staged = B.element(plane(0), Position, F32), Result;
    if (Form.IsMax)
      Result = overTaps(Staged, Max);
    else
      Result = B.div(overTaps(Staged, Add), Form.counts()
                                                ? overTaps(B.element(plane(1), Position, F32), Add)
                                                : B.f32(Tile.getTaps()));
    B.storeRaw(Result, B.element(Results, Position, F32));
  });
  Value Height = B.size(Tile.Rows.Output), Width = B.size(Tile.Columns.Output);
  Type ResultElement = cpu::getElementType(Pool.getResult());
  auto Write = [&](Value Row, Value Column, int64_t Lanes, int64_t Count) {
    Value Position = B.add(B.mul(Row, Tile.getPitch()), Column);
    Value Vector = B.loadRaw(B.element(Results, Position, F32), B.f32Vector(Lanes));
    Value Line = B.add(B.mul(Channel, Height), B.add(Place.FirstRow, Row));
    Value To = B.element(
        B.getResult(0), B.add(B.mul(Line, Width), B.add(Place.FirstColumn, Column)), ResultElement);
    if (Count)
      B.storeFirst(Vector, To, ResultElement, Count);
    else
      B.storeVector(Vector, To, ResultElement);
  };
  Tile.forOutputs(B, Place, Write);
}

namespace qopt::cpu {
void registerPoolLowerings(CpuLoweringRegistry &Registry) {
  Registry.add(std::make_unique<PoolLowering>());
}
} // namespace qopt::cpu
