#include "SpatialTile.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

/// Outputs of a tile, about: enough to use each weight often, few enough for the caches.
static constexpr int64_t TilePositions = 384;
/// Rows up to this length are never cut.
static constexpr int64_t LongestRow = 512;
/// Taps of a window, beyond which nothing is gained by copying.
static constexpr int64_t MaxTaps = 1024;
/// Elements from the first to the last tap.
static constexpr int64_t MaxExtent = 4096;

//===- Geometry -------------------------------------------------------------------------------===//

int64_t SpatialAxis::getPhaseOf(int64_t Tap) const {
  return llvm::find(Phases, Tap * Dilation % Stride) - Phases.begin();
}

bool SpatialAxis::isWhole() const {
  auto Known = dyn_cast<AffineConstantExpr>(Output);
  return Known && Known.getValue() % Tile == 0;
}

int64_t SpatialTile::getOffset(int64_t Tap) const {
  int64_t Row = Tap / Columns.Kernel, Column = Tap % Columns.Kernel;
  int64_t Phase =
      Rows.getPhaseOf(Row) * int64_t(Columns.Phases.size()) + Columns.getPhaseOf(Column);
  return Phase * getPlane() + Rows.getShiftOf(Row) * getPitch() + Columns.getShiftOf(Column);
}

static void setPhases(SpatialAxis &Axis) {
  for (int64_t Tap = 0; Tap < Axis.Kernel; ++Tap)
    if (int64_t Phase = Tap * Axis.Dilation % Axis.Stride; !llvm::is_contained(Axis.Phases, Phase))
      Axis.Phases.push_back(Phase);
}

/// Tiles of equal size, none above `Most`.
static int64_t chooseTile(AffineExpr Output, int64_t Most) {
  auto Known = dyn_cast<AffineConstantExpr>(Output);
  if (!Known)
    return Most;
  int64_t Size = std::max<int64_t>(Known.getValue(), 1);
  return llvm::divideCeil(Size, llvm::divideCeil(Size, Most));
}

template <typename OpT>
static std::optional<SpatialTile> getTile(const KernelInfo &Info, OpT Op, std::string &Reason) {
  SpatialTile Tile;
  Tile.Rows.Input = Tile.Rows.Output = Info.constant(1);
  ArrayRef<int64_t> Kernel = Op.getKernel();
  for (size_t I = 0; I < Kernel.size(); ++I) {
    SpatialAxis &Axis = I + 1 == Kernel.size() ? Tile.Columns : Tile.Rows;
    Axis.Kernel = Kernel[I];
    Axis.Stride = Op.getStrides()[I];
    Axis.Dilation = Op.getDilations()[I];
    Axis.Before = Op.getPads()[I];
    Axis.Input = Info.getDims(Op.getInput())[I + 2];
    Axis.Output = Info.getDims(Op.getResult())[I + 2];
    if (Axis.Kernel > MaxTaps || (Axis.Kernel - 1) * Axis.Dilation >= MaxExtent) {
      Reason = "its window is very large";
      return std::nullopt;
    }
  }
  if (Tile.getTaps() > MaxTaps) {
    Reason = "its window is very large";
    return std::nullopt;
  }
  setPhases(Tile.Rows);
  setPhases(Tile.Columns);
  auto Width = dyn_cast<AffineConstantExpr>(Tile.Columns.Output);
  bool IsCut = !Width || Width.getValue() > LongestRow;
  Tile.Columns.Tile = chooseTile(Tile.Columns.Output, LongestRow);
  Tile.Rows.Tile = IsCut ? 1
                         : chooseTile(Tile.Rows.Output,
                                      llvm::divideCeil(TilePositions, Tile.Columns.getStaged()));
  return Tile;
}

std::optional<SpatialTile> SpatialTile::get(const KernelInfo &Info, ConvOp Op,
                                            std::string &Reason) {
  return getTile(Info, Op, Reason);
}

std::optional<SpatialTile> SpatialTile::get(const KernelInfo &Info, PoolOp Op,
                                            std::string &Reason) {
  return getTile(Info, Op, Reason);
}

//===- Places ---------------------------------------------------------------------------------===//

TilePlace SpatialTile::getPlace(KernelBuilder &B, Value Tile) const {
  auto Locate = [&](const SpatialAxis &Axis, Value Number, Value &First, Value &Count) {
    First = Axis.getTiles() == B.getInfo().constant(1) ? B.index(0) : B.mul(Number, Axis.Tile);
    Count = Axis.isWhole() ? B.index(Axis.Tile)
                           : B.min(B.index(Axis.Tile), B.sub(B.size(Axis.Output), First));
  };
  TilePlace Place;
  Value Across = B.size(Columns.getTiles());
  Locate(Rows, B.div(Tile, Across), Place.FirstRow, Place.Rows);
  Locate(Columns, B.rem(Tile, Across), Place.FirstColumn, Place.Columns);
  return Place;
}

Value SpatialTile::countPositions(KernelBuilder &B, const TilePlace &Place) const {
  return B.add(B.mul(B.sub(Place.Rows, B.index(1)), getPitch()), Place.Columns);
}

void SpatialTile::forOutputs(KernelBuilder &B, const TilePlace &Place,
                             function_ref<void(Value, Value, int64_t, int64_t)> Body) const {
  B.loop(B.index(0), Place.Rows, 1, [&](Value Row) {
    if (!Columns.isWhole()) {
      B.loopLanes(Place.Columns, [&](Value Column, int64_t Lanes) { Body(Row, Column, Lanes, 0); });
      return;
    }
    int64_t Rest = Columns.Tile % VectorLanes, Full = Columns.Tile - Rest;
    B.loop(B.index(0), B.index(Full), VectorLanes,
           [&](Value Column) { Body(Row, Column, VectorLanes, 0); });
    if (Rest)
      Body(Row, B.index(Full), VectorLanes, Rest);
  });
}

//===- Staging --------------------------------------------------------------------------------===//

static void fill(KernelBuilder &B, Value To, Value Low, Value High, double Number) {
  B.loop(Low, High, 1,
         [&](Value I) { B.storeRaw(B.f32(Number, 0), B.element(To, I, B.getF32Type())); });
}

static Value clamp(KernelBuilder &B, Value X, Value Low, Value High) {
  return B.min(B.max(X, Low), High);
}

/// Every other element of 32, of which the last is not read by anybody.
static Value everyOther(KernelBuilder &B, Value Low, Value High) {
  SmallVector<int64_t> Even;
  for (int64_t I = 0; I < VectorLanes; ++I)
    Even.push_back(2 * I);
  return vector::ShuffleOp::create(B, Low, High, Even);
}

/// One phase of the row at `From`.
void SpatialTile::stageRow(KernelBuilder &B, const TilePlace &Place, Value From, Type Element,
                           double Fill, Value To, int64_t Phase) const {
  const SpatialAxis &Axis = Columns;
  Type F32 = B.getF32Type();
  Value Zero = B.index(0), Staged = B.index(Axis.getStaged());
  // Staged element i is element (first + i) * stride + phase - before of the row.
  int64_t Shift = Phase - Axis.Before;
  Value First = B.index(llvm::divideCeilSigned(-Shift, Axis.Stride));
  Value Last = B.ceilDiv(B.add(B.size(Axis.Input), -Shift), Axis.Stride);
  Value Low = clamp(B, B.sub(First, Place.FirstColumn), Zero, Staged);
  Value High = clamp(B, B.sub(Last, Place.FirstColumn), Low, Staged);
  fill(B, To, Zero, Low, Fill);
  fill(B, To, High, Staged, Fill);
  if (!From)
    return fill(B, To, Low, High, 1.0);
  Value Source =
      B.element(From, B.add(B.mul(B.add(Place.FirstColumn, Low), Axis.Stride), Shift), Element);
  Value Into = B.element(To, Low, F32), Count = B.sub(High, Low);
  auto Copy = [&](Value I, int64_t Lanes) {
    Value At = B.element(Source, B.mul(I, Axis.Stride), Element);
    B.storeRaw(B.loadVector(At, Element, Lanes), B.element(Into, I, F32));
  };
  if (Axis.Stride == 1) {
    B.loopLanes(Count, Copy);
    return;
  }
  Value Single = Zero;
  if (Axis.Stride == 2) {
    // The last of 32 elements may lie behind the row, so one output is left for the loop below.
    Value Vectors = B.div(B.max(B.sub(Count, B.index(1)), Zero), VectorLanes);
    Single = B.mul(Vectors, VectorLanes);
    B.loop(Zero, Single, VectorLanes, [&](Value I) {
      Value At = B.element(Source, B.mul(I, 2), Element);
      Value Left = B.loadVector(At, Element);
      Value Right = B.loadVector(B.element(At, B.index(VectorLanes), Element), Element);
      B.storeRaw(everyOther(B, Left, Right), B.element(Into, I, F32));
    });
  }
  B.loop(Single, Count, 1, [&](Value I) { Copy(I, 1); });
}

void SpatialTile::stage(KernelBuilder &B, const TilePlace &Place, Value From, Type Element,
                        double Fill, Value To) const {
  Type F32 = B.getF32Type();
  int64_t Across = Columns.Phases.size();
  for (auto [I, Phase] : llvm::enumerate(Rows.Phases))
    B.loop(B.index(0), B.index(Rows.getStaged()), 1, [&, I = I, Phase = Phase](Value Row) {
      Value Source = B.add(B.mul(B.add(Place.FirstRow, Row), Rows.Stride), Phase - Rows.Before);
      auto RowOf = [&](int64_t ColumnPhase) {
        int64_t Plane = (int64_t(I) * Across + ColumnPhase) * getPlane();
        return B.element(To, B.add(B.mul(Row, getPitch()), Plane), F32);
      };
      Value IsInside =
          arith::CmpIOp::create(B, arith::CmpIPredicate::ult, Source, B.size(Rows.Input));
      B.ifThenElse(
          IsInside,
          [&] {
            Value Line =
                From ? B.element(From, B.mul(Source, B.size(Columns.Input)), Element) : Value();
            for (auto [J, ColumnPhase] : llvm::enumerate(Columns.Phases))
              stageRow(B, Place, Line, Element, Fill, RowOf(J), ColumnPhase);
          },
          [&] {
            for (int64_t J = 0; J < Across; ++J)
              fill(B, RowOf(J), B.index(0), B.index(getPitch()), Fill);
          });
    });
}
