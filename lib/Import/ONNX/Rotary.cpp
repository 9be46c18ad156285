#include "Rotary.h"

#include <cmath>
#include <cstring>

using namespace mlir;
using namespace qopt;
using namespace qopt::onnx_import;

namespace {

/// Two tables of the file, read element by element: they may be large, and nothing is copied.
class TableReader {
public:
  TableReader(const FileTensor &Cosines, const FileTensor &Sines)
      : Rows(Cosines.Type.getDimSize(0)), Pairs(Cosines.Type.getDimSize(1)),
        Semantics(cast<FloatType>(Cosines.Type.getElementType()).getFloatSemantics()),
        Bits(Cosines.Type.getElementTypeBitWidth()), Cosines(Cosines.bytes()),
        Sines(Sines.bytes()) {
    Tolerance = Bits > 16 ? 1e-4 : &Semantics == &APFloat::IEEEhalf() ? 2e-3 : 1.6e-2;
  }

  double cosine(int64_t Row, int64_t Pair) const { return load(Cosines, Row * Pairs + Pair); }
  double sine(int64_t Row, int64_t Pair) const { return load(Sines, Row * Pairs + Pair); }
  double angle(int64_t Row, int64_t Pair) const {
    return std::atan2(sine(Row, Pair), cosine(Row, Pair));
  }
  /// How far values of the table's type may be from the truth.
  double tolerance() const { return Tolerance; }

  const int64_t Rows, Pairs;

private:
  double load(StringRef Bytes, int64_t Index) const {
    uint64_t Pattern = 0;
    std::memcpy(&Pattern, Bytes.data() + Index * (Bits / 8), Bits / 8);
    APFloat Value(Semantics, APInt(Bits, Pattern));
    bool Loses;
    Value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &Loses);
    return Value.convertToDouble();
  }

  const llvm::fltSemantics &Semantics;
  unsigned Bits;
  double Tolerance;
  StringRef Cosines, Sines;
};

double wrapAngle(double Angle) { return std::remainder(Angle, 2 * M_PI); }

/// The frequency of one pair: row 1 gives it roughly, and rows further on ever more exactly, each
/// time so that the error so far is a small part of a turn.
double measureFrequency(const TableReader &Table, int64_t Pair) {
  double Frequency = Table.angle(1, Pair);
  for (int64_t Row = 2; Row < Table.Rows; Row *= 2)
    Frequency += wrapAngle(Table.angle(Row, Pair) - double(Row) * Frequency) / double(Row);
  return Frequency;
}

/// Whether every row holds the cosine and sine of row * frequency. The angle of a table in f32 was
/// rounded, so its error grows with the row.
bool allRowsAgree(const TableReader &Table, ArrayRef<float> Frequencies, double Scale) {
  for (int64_t Row = 0; Row < Table.Rows; ++Row)
    for (auto [Pair, Frequency] : llvm::enumerate(Frequencies)) {
      double Angle = double(Row) * double(Frequency),
             Allowed = Scale * (Table.tolerance() + 2.4e-7 * std::abs(Angle));
      if (!(std::abs(Table.cosine(Row, Pair) - Scale * std::cos(Angle)) <= Allowed) ||
          !(std::abs(Table.sine(Row, Pair) - Scale * std::sin(Angle)) <= Allowed))
        return false;
    }
  return true;
}

/// Frequencies base^(-i / n) for a base, where the measured ones are these but for what a table
/// cannot tell.
std::optional<SmallVector<float>> powersOf(double Base, ArrayRef<double> Measured, double Doubt) {
  SmallVector<float> Result;
  for (auto [I, Frequency] : llvm::enumerate(Measured)) {
    Result.push_back(float(std::pow(Base, -double(I) / double(Measured.size()))));
    if (!(std::abs(Result.back() - Frequency) <= Doubt + 2e-7 * Frequency))
      return std::nullopt;
  }
  return Result;
}

/// The powers of a whole base, as nearly all models have them: exactly what other exports of the
/// same model spell out.
std::optional<SmallVector<float>> snapToPowers(const TableReader &Table,
                                               ArrayRef<double> Measured) {
  size_t Middle = Measured.size() / 2;
  if (Measured.size() < 2 || !(Measured[Middle] > 0))
    return std::nullopt;
  double Base = std::pow(Measured[Middle], -double(Measured.size()) / double(Middle));
  for (double Step : {1000.0, 10.0, 1.0})
    if (auto Powers = powersOf(std::round(Base / Step) * Step, Measured,
                               4 * Table.tolerance() / double(Table.Rows)))
      return Powers;
  return std::nullopt;
}

SmallVector<float> usualFrequencies(int64_t Pairs) {
  SmallVector<float> Result;
  for (int64_t I = 0; I < Pairs; ++I)
    Result.push_back(float(std::pow(10000.0, -double(I) / double(Pairs))));
  return Result;
}

const FileTensor *getTable(const ImportedValue &Value) {
  // A reshape or nothing: the rows lie in the file as they are.
  return Value.Weight && Value.Weight->isPlain() && Value.rank() == 2 && Value.isFloat()
             ? Value.Weight->Sources.front().get()
             : nullptr;
}

} // namespace

std::optional<RotaryTables> onnx_import::recognizeTables(NodeEmitter &E, unsigned Cosines,
                                                         unsigned Sines) {
  const FileTensor *First = E.has(Cosines) ? getTable(E.in(Cosines)) : nullptr;
  const FileTensor *Second = E.has(Sines) ? getTable(E.in(Sines)) : nullptr;
  auto Fail = [&](const Twine &Message) -> std::optional<RotaryTables> {
    (void)E.unsupported(Message);
    return std::nullopt;
  };
  if (!First || !Second)
    return Fail("the tables of cosines and sines must be initializers of rank 2");
  if (First->Type != Second->Type || First->Type.getDimSize(0) < 2 || First->Type.getDimSize(1) < 1)
    return Fail("the tables of cosines and sines have types " + describe(First->Type) + " and " +
                describe(Second->Type));
  RotaryTables Result;
  Result.Length = First->Type.getDimSize(0);
  if (!First->Mapped || !Second->Mapped) {
    // Only where shapes alone are asked for, and no shape depends on a frequency.
    Result.InverseFrequencies = usualFrequencies(First->Type.getDimSize(1));
    return Result;
  }
  TableReader Table(*First, *Second);
  Result.Scale = float(Table.cosine(0, 0));
  // A scale that is 1 but for rounding is 1.
  if (std::abs(Result.Scale - 1) <= Table.tolerance())
    Result.Scale = 1;
  SmallVector<double> Measured;
  for (int64_t Pair = 0; Pair < Table.Pairs; ++Pair)
    Measured.push_back(measureFrequency(Table, Pair));
  if (auto Powers = snapToPowers(Table, Measured);
      Powers && allRowsAgree(Table, *Powers, Result.Scale)) {
    Result.InverseFrequencies = *Powers;
    return Result;
  }
  Result.InverseFrequencies.assign(Measured.begin(), Measured.end());
  if (!allRowsAgree(Table, Result.InverseFrequencies, Result.Scale))
    return Fail("the tables are no cosines and sines of position * frequency");
  return Result;
}

Value onnx_import::makeRotary(NodeEmitter &E, Value X, Value Positions, const RotaryTables &Tables,
                              bool Interleaved) {
  if (!X || !Positions)
    return {};
  if (GraphBuilder::rank(X) != 4 || GraphBuilder::type(X).isDynamicDim(2) ||
      GraphBuilder::rank(Positions) != 2 || !isa<IntegerType>(GraphBuilder::element(Positions)))
    return E.B.badInput("an operand of type " + describe(X.getType()) + " has positions of type " +
                        describe(Positions.getType()));
  int64_t Pairs = Tables.InverseFrequencies.size();
  int64_t Size = GraphBuilder::lastSize(X);
  if (ShapedType::isDynamic(Size) || 2 * Pairs > Size)
    return E.B.badInput("tables of " + Twine(Pairs) + " pairs do not fit heads of type " +
                        describe(X.getType()));
  if (failed(E.B.unify(E.B.dims(X)[0], E.B.dims(Positions)[0],
                       "the batches of input and positions")) ||
      failed(
          E.B.unify(E.B.dims(X)[1], E.B.dims(Positions)[1], "the tokens of input and positions")))
    return {};
  return E.B.finish(RotaryOp::create(E.B.B, E.B.getLocation(), X, Positions,
                                     Tables.InverseFrequencies, APFloat(Tables.Scale), Interleaved,
                                     E.B.B.getI64IntegerAttr(Tables.Length)));
}
