//===- StoredWeight.h - weights whose codes are in the file -----------------------------------===//
#ifndef QOPT_IMPORT_ONNX_STOREDWEIGHT_H
#define QOPT_IMPORT_ONNX_STOREDWEIGHT_H

#include "NodeEmitter.h"

namespace qopt::onnx_import {

/// The tensor of a constant input, or null after a problem was reported.
std::shared_ptr<const FileTensor> getConstantTensor(NodeEmitter &E, unsigned Input,
                                                    llvm::StringRef What);

/// The same bytes as a tensor of another type that takes as many.
FileTensor retyped(const FileTensor &Tensor, mlir::RankedTensorType Type);

/// Takes zero points into a form: as the one number that all of them are, where they are.
void setZeroPoints(StoredForm &Form, const FileTensor &ZeroPoints);

/// A weight that reads codes as the form says.
WeightRecipe makeStoredWeight(std::shared_ptr<const FileTensor> Codes, StoredForm Form,
                              llvm::StringRef Name);

} // namespace qopt::onnx_import

#endif // QOPT_IMPORT_ONNX_STOREDWEIGHT_H
