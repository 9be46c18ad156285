//===- ByteProducts.h - contractions whose inputs and weights are bytes -----------------------===//
//
// A row of the input becomes codes once, when it is staged; all contractions of the kernel read
// them. Sums of products are exact 32-bit integers, so neither tiles nor instruction sets change a
// bit of them; they are scaled when they are complete.
//
// Machines with AVX-512 VNNI multiply unsigned bytes by signed ones. There signed codes are staged
// plus 128, and 128 times the sum of the weights is subtracted in the end, as is any zero point.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_LIB_TARGETS_CPU_BYTEPRODUCTS_H
#define QOPT_LIB_TARGETS_CPU_BYTEPRODUCTS_H

#include "PanelContraction.h"
#include "qopt/Targets/Common/CodedRow.h"

namespace qopt::cpu {

/// Bytes of a staged row: codes, and in the 64 bytes that follow them the row's scale. Rows do not
/// lie a power of two apart, where they would share lines of the first cache.
inline int64_t getByteRowSize(int64_t Inputs) { return llvm::alignTo(Inputs, 64) + 64; }

class ByteProducts {
public:
  using Values = KernelBuilder::Values;
  using Value = mlir::Value;

  ByteProducts(KernelBuilder &B, const PanelContraction &Form);

  /// Writes the codes and the scale of a row.
  void stageRow(const codegen::CodedRow &Row, Value To);

  /// Products of staged rows and panels, scaled: for each row, for each panel, `Vectors` vectors of
  /// 16 outputs from vector `FirstVector` on.
  Values multiply(const PanelWeight &Weight, llvm::ArrayRef<Value> Rows,
                  llvm::ArrayRef<Value> Panels, int64_t FirstVector, int64_t Vectors);

private:
  Values sumProducts(llvm::ArrayRef<Value> Rows, llvm::ArrayRef<Value> Panels, int64_t FirstVector,
                     int64_t Vectors);
  void addWord(Value I, llvm::ArrayRef<Value> Rows, llvm::ArrayRef<Value> Panels,
               int64_t FirstVector, int64_t Vectors, Values &Sums);
  Value addProducts(Value Sum, Value Word, Value Codes);

  KernelBuilder &B;
  int64_t Inputs;
  /// Whether staged bytes are unsigned, and what stands for zero in them.
  bool IsUnsigned;
  int64_t Offset, Zero;
};

} // namespace qopt::cpu

#endif // QOPT_LIB_TARGETS_CPU_BYTEPRODUCTS_H
