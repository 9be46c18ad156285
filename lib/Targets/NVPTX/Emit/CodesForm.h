//===- CodesForm.h - contractions of 8-bit codes on tensor cores ------------------------------===//
//
// Inputs become codes with a scale for each row (--w8a8, --fp8), and weights are codes of the same
// type with a scale for each output, in #qkernel.swizzled_tiles. A sum of products of codes is
// multiplied with both scales.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_LIB_TARGETS_NVPTX_CODESFORM_H
#define QOPT_LIB_TARGETS_NVPTX_CODESFORM_H

#include "Assembly.h"

#include "qopt/Targets/Common/CodedRow.h"
#include "qopt/Targets/Common/ContractionForm.h"
#include "qopt/Targets/Common/NormRow.h"
#include "qopt/Targets/NVPTX/KernelBuilder.h"

namespace qopt::nvptx {

using CodeTiles = qkernel::TileLayoutAttr;

/// A matrix of codes in panels of tiles, whose scales are of this type: a weight, or the rows of an
/// input.
class TiledCodes {
public:
  TiledCodes(int64_t Columns, mlir::Type ScaleType) : Columns(Columns), ScaleType(ScaleType) {}

  int64_t getTiles() const { return llvm::divideCeil(Columns, CodeTiles::Inputs); }
  int64_t getPanelBytes() const {
    return getTiles() * CodeTiles::TileBytes + CodeTiles::Rows * getElementBytes(ScaleType);
  }
  /// Address of a panel.
  mlir::Value getPanel(KernelBuilder &B, mlir::Value Base, mlir::Value Panel) const;
  /// Address of the scale of a row of the matrix.
  mlir::Value getScale(KernelBuilder &B, mlir::Value Base, mlir::Value Row) const;
  mlir::Value loadScale(KernelBuilder &B, mlir::Value Base, mlir::Value Row) const {
    return B.loadScalar(getScale(B, Base, Row), ScaleType);
  }
  /// Address of a code of a row of the matrix.
  mlir::Value getCode(KernelBuilder &B, mlir::Value Base, mlir::Value Row, mlir::Value Input) const;

private:
  int64_t Columns;
  mlir::Type ScaleType;
};

/// A weight in tiles; its scales have the type that its stored type says.
TiledCodes getTiledWeight(mlir::Value Weight);
/// One number of it.
mlir::Value loadTiledWeight(KernelBuilder &B, mlir::Value Weight, mlir::Value Output,
                            mlir::Value Input);

struct CodesForm {
  /// A row of codes and the sums of a panel always fit into shared memory.
  static constexpr int64_t MaxInputs = 64 << 10, MaxLinears = 4;

  codegen::ContractionForm Form;
  /// Codes are e4m3; else i8.
  bool IsFloat = false;
  /// How mma.sync multiplies them.
  CodeProduct Product = CodeProduct::Int8;
  /// mma.sync keeps few bits of a sum, so that it must not become long.
  bool HasShortSums = false;

  /// Takes a kernel apart, wherever its weights lie.
  static std::optional<CodesForm> get(const KernelInfo &Info, const Chip &Chip,
                                      std::string &Reason);
  /// Whether all weights lie in tiles.
  bool hasTiles(const KernelInfo &Info, std::string &Reason) const;

  int64_t getTiles() const { return llvm::divideCeil(Form.Inputs, CodeTiles::Inputs); }
  mlir::Type getSumType(KernelBuilder &B) const {
    return IsFloat ? mlir::Type(B.getF32Type()) : mlir::Type(B.getI32Type());
  }
  mlir::Value getZero(KernelBuilder &B) const { return B.constant(getSumType(B), 0); }
};

/// Row `M` of a contraction's input on its way to codes; a warp works on it.
class SourceRow {
public:
  SourceRow(KernelBuilder &B, const CodesForm &Codes, mlir::Value M);
  SourceRow(const SourceRow &) = delete;

  mlir::Value getScale() const { return Row.getScale(); }
  /// Stores all codes, and zeros behind them up to a whole tile, in words: `At` gives the address
  /// of the word that begins with an input.
  void store(llvm::function_ref<mlir::Value(mlir::Value Input)> At) const;

private:
  mlir::Value encode(mlir::Value I, int64_t Lanes) const;
  mlir::Value encodeWord(mlir::Value I, int64_t Count) const;

  KernelBuilder &B;
  const CodesForm &Codes;
  codegen::NormalizedRow Numbers;
  codegen::CodedRow Row;
};

/// Evaluates what follows the contractions for one row and output, and stores it. `Sums` are those
/// of the segment's linears, before scales; `RowScale` is that of the row's codes.
mlir::LogicalResult emitOutput(KernelBuilder &B, const codegen::Segment &Segment, mlir::Value Row,
                               mlir::Value Output, mlir::ValueRange Sums, mlir::Value RowScale);

} // namespace qopt::nvptx

#endif // QOPT_LIB_TARGETS_NVPTX_CODESFORM_H
