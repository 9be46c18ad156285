#include "StoredWeight.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnx_import;

std::shared_ptr<const FileTensor> onnx_import::getConstantTensor(NodeEmitter &E, unsigned Input,
                                                                 StringRef What) {
  std::shared_ptr<const FileTensor> Tensor = E.in(Input).Tensor;
  if (!Tensor && E.has(Input))
    (void)E.unsupported(What + " must be an initializer");
  return Tensor;
}

FileTensor onnx_import::retyped(const FileTensor &Tensor, RankedTensorType Type) {
  FileTensor Result = Tensor;
  Result.Type = Type;
  return Result;
}

/// The one number that all elements of a tensor of integers are. Long ones are compared byte by
/// byte, which finds what matters: codes of at most 8 bits.
static std::optional<int64_t> getUniform(const FileTensor &Tensor) {
  constexpr int64_t MaxDecoded = 1 << 12;
  if (Tensor.Type.getNumElements() == 0 || (Tensor.isInFile() && !Tensor.Mapped))
    return std::nullopt;
  if (Tensor.Type.getNumElements() <= MaxDecoded) {
    SmallVector<int64_t> Numbers = readIntegers(Tensor);
    return llvm::all_equal(Numbers) ? std::optional(Numbers.front()) : std::nullopt;
  }
  unsigned Bits = getStorageBits(Tensor.Type.getElementType());
  if (Bits > 8 || !llvm::all_equal(Tensor.bytes()))
    return std::nullopt;
  FileTensor First = Tensor;
  First.Type = RankedTensorType::get({8 / Bits}, Tensor.Type.getElementType());
  SmallVector<int64_t> Numbers = readIntegers(First);
  return llvm::all_equal(Numbers) ? std::optional(Numbers.front()) : std::nullopt;
}

void onnx_import::setZeroPoints(StoredForm &Form, const FileTensor &ZeroPoints) {
  if (isa<IntegerType>(ZeroPoints.Type.getElementType()))
    if (auto Number = getUniform(ZeroPoints)) {
      Form.Zero = *Number;
      return;
    }
  Form.ZeroPoints = ZeroPoints;
}

WeightRecipe onnx_import::makeStoredWeight(std::shared_ptr<const FileTensor> Codes, StoredForm Form,
                                           StringRef Name) {
  WeightRecipe Recipe;
  Recipe.Sources.push_back(std::move(Codes));
  Recipe.Type = Form.Type;
  Recipe.Forms.push_back(std::make_shared<const StoredForm>(std::move(Form)));
  Recipe.Name = Name.str();
  return Recipe;
}
