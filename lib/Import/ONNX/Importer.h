//===- Importer.h - passes over a model until its dimensions are consistent -------------------===//
#ifndef QOPT_IMPORT_ONNX_IMPORTER_H
#define QOPT_IMPORT_ONNX_IMPORTER_H

#include "NodeEmitter.h"

#include "qopt/Import/ONNX.h"

namespace qopt::onnx_import {

class Importer {
public:
  Importer(mlir::MLIRContext &Context, ModelFolder &Folder, const ImportOptions &Options);
  Result<mlir::OwningOpRef<mlir::ModuleOp>> run();

private:
  struct Input {
    std::string Name;
    mlir::Type Element;
    /// In the symbols of the first pass.
    Dims Shape;
  };

  Status parse();
  void readInitializers();
  void readInputs();
  bool readInput(const onnx::ValueInfoProto &Info);

  /// One pass; the module is complete unless there are problems or the pass must start again.
  mlir::OwningOpRef<mlir::ModuleOp> runPass(bool &Restart);
  void addArguments(mlir::func::FuncOp Function);
  void importNode(const FlatNode &Node, GraphBuilder &Builder);
  void emitNode(const FlatNode &Node, EmitFunction Emit, GraphBuilder &Builder);
  bool checkInputs(const FlatNode &Node, GraphBuilder &Builder);
  void poisonOutputs(const FlatNode &Node, llvm::StringRef Reason);
  void addResults(mlir::func::FuncOp Function, GraphBuilder &Builder);
  void checkDeclaredShape(const onnx::ValueInfoProto &Info, const ImportedValue &Value,
                          mlir::Location Loc);
  std::string describe(const FlatNode &Node);

  mlir::MLIRContext &Context;
  ModelFolder &Folder;
  const ImportOptions &Options;
  onnx::ModelProto Model;
  FlatGraph Graph;
  EmitterRegistry Registry;
  TensorCache Tensors;
  DimSymbols Symbols;
  Problems Errors;
  std::vector<Input> Inputs;
  /// Initializers, the same in each pass.
  llvm::StringMap<ImportedValue> Initializers;
  /// Names that could not be imported, and why where that was not reported yet.
  llvm::StringMap<std::string> BrokenInitializers;

  // State of a pass
  llvm::StringMap<ImportedValue> Values;
  llvm::StringMap<std::string> Poisoned;
};

} // namespace qopt::onnx_import

#endif // QOPT_IMPORT_ONNX_IMPORTER_H
