// Products with a matrix that is stored as codes in blocks along its inputs.
#include "StoredWeight.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnx_import;

namespace {
/// The sizes that the attributes say.
struct Sizes {
  int64_t Inputs, Outputs, Bits, Block;
  int64_t getBlocks() const { return llvm::divideCeil(Inputs, Block); }
  int64_t getBlockBytes() const { return Block * Bits / 8; }
  /// Codes of a row of packed zero points, which ends at a byte.
  int64_t getZeroPointPitch() const { return llvm::divideCeil(getBlocks() * Bits, 8) * 8 / Bits; }
};
} // namespace

static std::optional<Sizes> getSizes(NodeEmitter &E) {
  Sizes Result{E.getInt("K", 0), E.getInt("N", 0), E.getInt("bits", 4), E.getInt("block_size", 0)};
  constexpr int64_t Limit = int64_t(1) << 31;
  if (Result.Bits != 2 && Result.Bits != 4 && Result.Bits != 8) {
    (void)E.unsupported("codes of " + Twine(Result.Bits) + " bits are not supported");
    return std::nullopt;
  }
  if (Result.Inputs < 1 || Result.Outputs < 1 || Result.Block < 1 || Result.Inputs >= Limit ||
      Result.Outputs >= Limit || Result.Block >= Limit || Result.Block * Result.Bits % 8 != 0) {
    (void)E.badInput("K = " + Twine(Result.Inputs) + ", N = " + Twine(Result.Outputs) +
                     " and block_size = " + Twine(Result.Block) +
                     " are no sizes of a matrix in blocks of whole bytes");
    return std::nullopt;
  }
  return Result;
}

static LogicalResult checkElements(NodeEmitter &E, const FileTensor &Tensor, int64_t Expected,
                                   StringRef What) {
  if (Tensor.Type.getNumElements() == Expected)
    return success();
  return E.badInput(What + " have " + Twine(Tensor.Type.getNumElements()) + " elements, expected " +
                    Twine(Expected));
}

/// Codes [N, blocks, bytes of a block] as [N, codes].
static LogicalResult setCodes(NodeEmitter &E, const FileTensor &Codes, const Sizes &Of,
                              StoredForm &Form) {
  SmallVector<int64_t> Expected = {Of.Outputs, Of.getBlocks(), Of.getBlockBytes()};
  if (!Codes.Type.getElementType().isUnsignedInteger(8) ||
      Codes.Type.getShape() != ArrayRef<int64_t>(Expected))
    return E.badInput("codes have type " + describe(Codes.Type) + ", expected bytes [" +
                      Twine(Expected[0]) + ", " + Twine(Expected[1]) + ", " + Twine(Expected[2]) +
                      "]");
  if (!Codes.isInFile())
    return E.unsupported(
        "codes are spelled out number by number; save the model with raw or external data");
  MLIRContext *Context = E.B.getContext();
  Form.CodeType = RankedTensorType::get({Of.Outputs, Of.getBlocks() * Of.Block},
                                        IntegerType::get(Context, Of.Bits, IntegerType::Unsigned));
  return success();
}

static LogicalResult setZeroPoints(NodeEmitter &E, const Sizes &Of, StoredForm &Form) {
  Form.Zero = int64_t(1) << (Of.Bits - 1);
  if (!E.has(3))
    return success();
  auto ZeroPoints = getConstantTensor(E, 3, "the tensor of zero points");
  if (!ZeroPoints)
    return failure();
  Type Element = ZeroPoints->Type.getElementType();
  if (Element == E.element(0)) {
    if (failed(checkElements(E, *ZeroPoints, Of.Outputs * Of.getBlocks(), "zero points")))
      return failure();
    Form.ZeroPoints =
        retyped(*ZeroPoints, RankedTensorType::get({Of.Outputs, Of.getBlocks()}, Element));
    return success();
  }
  int64_t Pitch = Of.getZeroPointPitch();
  if (!Element.isUnsignedInteger(8))
    return E.badInput("zero points have type " + describe(ZeroPoints->Type) +
                      ", expected bytes or numbers as the input");
  if (failed(checkElements(E, *ZeroPoints, Of.Outputs * Pitch * Of.Bits / 8, "zero points")))
    return failure();
  Form.ZeroPoints = retyped(
      *ZeroPoints, RankedTensorType::get({Of.Outputs, Pitch}, Form.CodeType.getElementType()));
  return success();
}

/// Groups that are the blocks themselves say nothing.
static LogicalResult setGroups(NodeEmitter &E, const Sizes &Of, StoredForm &Form) {
  if (!E.has(4))
    return success();
  auto Groups = getConstantTensor(E, 4, "the group index");
  if (!Groups)
    return failure();
  if (!Groups->Type.getElementType().isInteger(32))
    return E.badInput("the group index has type " + describe(Groups->Type) + ", expected int32");
  if (failed(checkElements(E, *Groups, Of.Inputs, "group indices")))
    return failure();
  RankedTensorType Ty = RankedTensorType::get({Of.Inputs}, Groups->Type.getElementType());
  if (Groups->isInFile() && !Groups->Mapped) {
    // Only shapes are asked for.
    Form.Groups = retyped(*Groups, Ty);
    return success();
  }
  SmallVector<int64_t> Numbers = readIntegers(*Groups);
  for (int64_t Number : Numbers)
    if (Number < 0 || Number >= Of.getBlocks())
      return E.badInput("group " + Twine(Number) + " is out of range for " + Twine(Of.getBlocks()) +
                        " blocks");
  bool InOrder = llvm::all_of(llvm::enumerate(Numbers), [&](auto Each) {
    return Each.value() == int64_t(Each.index()) / Of.Block;
  });
  if (!InOrder)
    Form.Groups = retyped(*Groups, Ty);
  return success();
}

static Value addBias(NodeEmitter &E, Value Product) {
  return E.has(5) ? E.B.binary(BinaryKind::Add, Product, E.value(5)) : Product;
}

/// A matrix without elements stands for a projection that the model leaves out.
static LogicalResult emitOmitted(NodeEmitter &E, Value X, int64_t Outputs) {
  for (unsigned Unused : {2u, 3u, 4u})
    if (E.has(Unused))
      (void)E.in(Unused);
  if (!X)
    return failure();
  Dims Shape = E.B.dims(X);
  if (Shape.empty())
    return E.badInput("the input has no axis to contract");
  Shape.back() = E.B.constant(Outputs);
  return E.out(addBias(E, E.B.broadcast(E.B.scalar(E.element(0), 0), Shape)));
}

static LogicalResult emitMatMulNBits(NodeEmitter &E) {
  auto Of = getSizes(E);
  if (!Of || !E.requireInt("weight_prepacked", 0))
    return failure();
  int64_t Level = E.getInt("accuracy_level", 0);
  if (Level < 0 || Level > 4)
    return E.badInput("accuracy_level is " + Twine(Level) + ", expected 0 to 4");
  Value X = E.value(0);
  auto Codes = getConstantTensor(E, 1, "the matrix of codes");
  if (!X || !Codes)
    return failure();
  if (Codes->Type.getNumElements() == 0)
    return emitOmitted(E, X, Of->Outputs);
  auto Scales = getConstantTensor(E, 2, "the tensor of scales");
  if (!Scales)
    return failure();
  Type Element = E.element(0);
  if (!isa<FloatType>(Element) || Element.getIntOrFloatBitWidth() > 32)
    return E.unsupported("an input of type " + describe(Element) + " is not supported");
  if (Scales->Type.getElementType() != Element)
    return E.badInput("scales have type " + describe(Scales->Type) + ", the input has " +
                      describe(Element));
  StoredForm Form;
  Form.Type = RankedTensorType::get({Of->Outputs, Of->Inputs}, Element);
  Form.Block = {1, std::min(Of->Block, Of->Inputs)};
  if (failed(setCodes(E, *Codes, *Of, Form)) ||
      failed(checkElements(E, *Scales, Of->Outputs * Of->getBlocks(), "scales")) ||
      failed(setZeroPoints(E, *Of, Form)) || failed(setGroups(E, *Of, Form)))
    return failure();
  Form.Scales = retyped(*Scales, RankedTensorType::get({Of->Outputs, Of->getBlocks()}, Element));
  WeightRecipe Recipe = makeStoredWeight(Codes, std::move(Form), E.Node.Proto->input(1));
  std::optional<int64_t> Permitted = Level ? std::optional(Level) : std::nullopt;
  return E.out(addBias(E, E.B.linear(X, Recipe, Permitted)));
}

namespace qopt::onnx_import {
void registerMatMulNBitsEmitters(EmitterRegistry &Registry) {
  Registry.addMicrosoft("MatMulNBits", emitMatMulNBits);
}
} // namespace qopt::onnx_import
