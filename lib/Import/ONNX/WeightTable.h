//===- WeightTable.h - weights as references with steps ---------------------------------------===//
#ifndef QOPT_IMPORT_ONNX_WEIGHTTABLE_H
#define QOPT_IMPORT_ONNX_WEIGHTTABLE_H

#include "TensorData.h"

#include "QOpt/QOpt.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringSet.h"

namespace qopt::onnx_import {

/// How the codes in a tensor of the file are read: see #qopt.stored_source.
struct StoredForm {
  /// What the codes read as, and the type of the codes as a matrix whose rows may be longer.
  mlir::RankedTensorType Type, CodeType;
  llvm::SmallVector<int64_t, 2> Block;
  /// Shaped as their blocks are.
  FileTensor Scales;
  std::optional<FileTensor> ZeroPoints, Groups;
  /// The zero point where there are none.
  int64_t Zero = 0;
};

/// A tensor of the file and what happens to it before it is used.
struct WeightRecipe {
  /// Concatenated along axis 0.
  llvm::SmallVector<std::shared_ptr<const FileTensor>, 1> Sources;
  /// One for each source where the sources are codes, else empty.
  llvm::SmallVector<std::shared_ptr<const StoredForm>, 1> Forms;
  llvm::SmallVector<mlir::Attribute, 2> Steps;
  mlir::RankedTensorType Type;
  /// The initializer's name.
  std::string Name;

  bool isPlain() const { return Sources.size() == 1 && Forms.empty() && Steps.empty(); }

  WeightRecipe transposed(llvm::ArrayRef<int64_t> Permutation) const;
  WeightRecipe reshaped(llvm::ArrayRef<int64_t> Shape) const;
  WeightRecipe sliced(int64_t Axis, int64_t Offset, int64_t Size) const;
  /// To another float type.
  WeightRecipe converted(mlir::FloatType Element) const;
  /// Along axis 0; null where the recipes are no plain tensors.
  static std::optional<WeightRecipe> concatenated(llvm::ArrayRef<WeightRecipe> Parts);
};

/// The weights of one module: equal contents under equal steps are one weight.
class WeightTable {
public:
  /// Weights are made in front of an operation of the module.
  explicit WeightTable(mlir::Operation *Before);

  /// The weight of a recipe, made where it is new.
  WeightOp intern(const WeightRecipe &Recipe);
  /// The recipe of a weight that intern() made.
  const WeightRecipe &getRecipe(mlir::StringAttr Name) const;

private:
  struct Entry {
    WeightRecipe Recipe;
    WeightOp Weight;
  };
  SourceAttr getSource(const FileTensor &Tensor);
  mlir::Attribute getPart(const FileTensor &Tensor);
  mlir::Attribute getSource(const WeightRecipe &Recipe, size_t Index);
  Entry *findEqual(const WeightRecipe &Recipe);
  Entry *findTransposed(const WeightRecipe &Recipe);
  std::string uniqueName(llvm::StringRef Name);

  mlir::OpBuilder Builder;
  std::vector<std::unique_ptr<Entry>> Entries;
  llvm::DenseMap<mlir::Attribute, Entry *> ByName;
  /// Entries by what tells the contents of their first source apart, and steps, and those that are
  /// a matrix or its transpose by type.
  llvm::DenseMap<std::pair<uint64_t, mlir::Attribute>, llvm::SmallVector<Entry *, 1>> ByContent;
  llvm::DenseMap<mlir::Type, llvm::SmallVector<Entry *, 1>> MatricesByType;
  llvm::StringSet<> Names;
};

/// XXH3-64 of the tensor's bytes, computed once for each tensor; 0 where only its shape counts.
uint64_t getContentHash(const FileTensor &Tensor);

} // namespace qopt::onnx_import

#endif // QOPT_IMPORT_ONNX_WEIGHTTABLE_H
