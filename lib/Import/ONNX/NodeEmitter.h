//===- NodeEmitter.h - the translation of one node --------------------------------------------===//
//
// What an emitter sees of its node. Inputs and attributes that no emitter reads are errors, so
// nothing that a file says is silently dropped: read an attribute to check it even where only one
// value is supported.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_IMPORT_ONNX_NODEEMITTER_H
#define QOPT_IMPORT_ONNX_NODEEMITTER_H

#include "FlatGraph.h"
#include "ImportedValue.h"

namespace qopt::onnx_import {

/// The tensors of the model; each is located and checked once, however often the import starts
/// again.
class TensorCache {
public:
  TensorCache(ModelFolder &Folder, mlir::MLIRContext *Context, bool ShapesOnly)
      : Folder(Folder), Context(Context), ShapesOnly(ShapesOnly) {}
  Result<std::shared_ptr<const FileTensor>> get(const onnx::TensorProto &Tensor);

private:
  ModelFolder &Folder;
  mlir::MLIRContext *Context;
  bool ShapesOnly;
  llvm::DenseMap<const onnx::TensorProto *, std::shared_ptr<const FileTensor>> Known;
};

class NodeEmitter {
public:
  NodeEmitter(const FlatNode &Node, GraphBuilder &Builder, TensorCache &Tensors,
              llvm::StringMap<ImportedValue> &Values);

  /// Checked construction of operations.
  GraphBuilder &B;
  const FlatNode &Node;
  const int64_t Version;

  // Inputs
  unsigned getNumInputs() const { return Node.Proto->input_size(); }
  /// Whether the input is there (a name that is not empty).
  bool has(unsigned Index) const;
  /// What the input stands for. An absent one is a problem, reported once, and reads as a value of
  /// which nothing is known.
  ImportedValue &in(unsigned Index);
  /// The input as an operation's result; null where it is absent.
  mlir::Value value(unsigned Index);
  int64_t rank(unsigned Index) { return in(Index).rank(); }
  mlir::Type element(unsigned Index) { return in(Index).Element; }
  /// Numbers of a constant integer input; reports a problem where they depend on data or on
  /// symbols.
  std::optional<llvm::SmallVector<int64_t>> numbers(unsigned Index, llvm::StringRef What);

  // Attributes
  const onnx::AttributeProto *attribute(llvm::StringRef Name);
  bool hasAttribute(llvm::StringRef Name);
  int64_t getInt(llvm::StringRef Name, int64_t Default);
  double getFloat(llvm::StringRef Name, double Default);
  std::string getString(llvm::StringRef Name, llvm::StringRef Default);
  std::optional<llvm::SmallVector<int64_t>> getInts(llvm::StringRef Name);
  /// Reports a problem unless the attribute has the only value that is supported.
  bool requireInt(llvm::StringRef Name, int64_t Only);
  /// `axis` of an input's rank, negative values counted from the end; nothing (and a problem) where
  /// it is out of range.
  std::optional<int64_t> getAxis(int64_t Default, int64_t Rank, llvm::StringRef Name = "axis");
  std::optional<int64_t> normalizeAxis(int64_t Axis, int64_t Rank);
  /// Axes in an attribute or, in newer versions, in an input; nothing in the result where neither
  /// is there.
  std::optional<llvm::SmallVector<int64_t>> getAxes(unsigned Input, int64_t Rank, bool &Given);
  /// The tensor of an attribute; nothing (and a problem) where it cannot be read.
  std::optional<ImportedValue> getTensor(const onnx::TensorProto &Tensor, llvm::StringRef Name);

  // Outputs
  bool wants(unsigned Index) const;
  mlir::LogicalResult out(unsigned Index, ImportedValue Value);
  /// Failure where the value is null: its problem was reported already.
  mlir::LogicalResult out(unsigned Index, mlir::Value Value);
  mlir::LogicalResult out(ImportedValue Value) { return out(0, std::move(Value)); }
  mlir::LogicalResult out(mlir::Value Value) { return out(0, Value); }
  mlir::LogicalResult outElements(llvm::ArrayRef<mlir::AffineExpr> Elements,
                                  llvm::ArrayRef<int64_t> Shape, mlir::Type Element) {
    return out(0, ImportedValue::fromElements(Elements, Shape, Element));
  }

  // Problems; all return failure
  mlir::LogicalResult badInput(const llvm::Twine &Message);
  mlir::LogicalResult unsupported(const llvm::Twine &Message);

  /// Reports inputs and attributes that were not read, or read but absent.
  mlir::LogicalResult checkEverythingRead();

private:
  const onnx::AttributeProto *typed(llvm::StringRef Name, int Type);

  TensorCache &Tensors;
  llvm::StringMap<ImportedValue> &Values;
  llvm::SmallDenseSet<unsigned> ReadInputs;
  ImportedValue Absent;
  bool ReadAbsent = false;
  llvm::StringSet<> ReadAttributes;
};

using EmitFunction = mlir::LogicalResult (*)(NodeEmitter &);

/// Which function translates which operator: by domain and type, for a range of versions.
class EmitterRegistry {
public:
  static constexpr int64_t Newest = INT64_MAX;
  void add(llvm::StringRef Domain, llvm::StringRef Type, int64_t Since, int64_t Until,
           EmitFunction Emit);
  void add(llvm::StringRef Type, EmitFunction Emit) { add("", Type, 1, Newest, Emit); }
  void addMicrosoft(llvm::StringRef Type, EmitFunction Emit) {
    add("com.microsoft", Type, 1, Newest, Emit);
  }

  /// Null where no function takes this version; `TypeIsKnown` says whether others are taken.
  EmitFunction find(const FlatNode &Node, bool &TypeIsKnown) const;

private:
  struct Range {
    int64_t Since, Until;
    EmitFunction Emit;
  };
  llvm::StringMap<llvm::SmallVector<Range, 1>> Ranges;
};

/// Adds the emitters of all files of Emitters/; generated from them.
void registerAllEmitters(EmitterRegistry &Registry);

} // namespace qopt::onnx_import

#endif // QOPT_IMPORT_ONNX_NODEEMITTER_H
