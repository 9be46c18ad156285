#include "WeightTable.h"

#include "qopt/Base/Hash.h"

#include <cstring>

using namespace mlir;
using namespace qopt;
using namespace qopt::onnx_import;

uint64_t onnx_import::getContentHash(const FileTensor &Tensor) {
  if (!Tensor.Hash)
    Tensor.Hash = Tensor.ShapeOnly ? 0 : hashBytes(Tensor.bytes().data(), Tensor.Length);
  return *Tensor.Hash;
}

/// Equal for equal contents, and seldom for others: the hash, or that of the beginning where the
/// whole is not to be read.
static uint64_t getContentKey(const FileTensor &Tensor) {
  constexpr uint64_t Beginning = 4096;
  if (!Tensor.ShapeOnly)
    return getContentHash(Tensor);
  return Tensor.Mapped ? hashBytes(Tensor.bytes().data(), std::min(Tensor.Length, Beginning)) : 0;
}

//===- recipes --------------------------------------------------------------------------------===//

static bool isIdentity(ArrayRef<int64_t> Permutation) {
  for (auto [I, Axis] : llvm::enumerate(Permutation))
    if (int64_t(I) != Axis)
      return false;
  return true;
}

WeightRecipe WeightRecipe::transposed(ArrayRef<int64_t> Permutation) const {
  WeightRecipe Result = *this;
  SmallVector<int64_t> Shape, Whole(Permutation);
  for (int64_t Axis : Permutation)
    Shape.push_back(Type.getDimSize(Axis));
  Result.Type = Type.clone(Shape);
  // Two transposes are one, and often none.
  if (!Steps.empty())
    if (auto Last = dyn_cast<TransposeStepAttr>(Steps.back())) {
      for (int64_t &Axis : Whole)
        Axis = Last.getPermutation()[Axis];
      Result.Steps.pop_back();
    }
  if (!isIdentity(Whole))
    Result.Steps.push_back(TransposeStepAttr::get(Type.getContext(), Whole));
  return Result;
}

WeightRecipe WeightRecipe::reshaped(ArrayRef<int64_t> Shape) const {
  WeightRecipe Result = *this;
  if (Shape == Type.getShape())
    return Result;
  Result.Type = Type.clone(Shape);
  if (!Steps.empty() && isa<ReshapeStepAttr>(Steps.back()))
    Result.Steps.pop_back();
  if (Sources.size() == 1 && Forms.empty() && Result.Steps.empty() &&
      Sources.front()->Type.getShape() == Shape)
    return Result;
  Result.Steps.push_back(ReshapeStepAttr::get(Type.getContext(), Shape));
  return Result;
}

WeightRecipe WeightRecipe::sliced(int64_t Axis, int64_t Offset, int64_t Size) const {
  WeightRecipe Result = *this;
  if (Offset == 0 && Size == Type.getDimSize(Axis))
    return Result;
  SmallVector<int64_t> Shape(Type.getShape());
  Shape[Axis] = Size;
  Result.Type = Type.clone(Shape);
  Result.Steps.push_back(SliceStepAttr::get(Type.getContext(), Axis, Offset, Size));
  return Result;
}

WeightRecipe WeightRecipe::converted(FloatType Element) const {
  WeightRecipe Result = *this;
  if (Type.getElementType() == Element)
    return Result;
  Result.Type = RankedTensorType::get(Type.getShape(), Element);
  Result.Steps.push_back(CastStepAttr::get(Type.getContext(), Element));
  return Result;
}

std::optional<WeightRecipe> WeightRecipe::concatenated(ArrayRef<WeightRecipe> Parts) {
  WeightRecipe Result = Parts.front();
  SmallVector<int64_t> Shape(Result.Type.getShape());
  for (const WeightRecipe &Part : Parts) {
    if (!Part.Steps.empty() || Part.Type.getRank() == 0 ||
        Part.Forms.empty() != Result.Forms.empty() ||
        Part.Type.getElementType() != Result.Type.getElementType() ||
        Part.Type.getShape().drop_front() != ArrayRef(Shape).drop_front())
      return std::nullopt;
    if (&Part == &Parts.front())
      continue;
    llvm::append_range(Result.Sources, Part.Sources);
    llvm::append_range(Result.Forms, Part.Forms);
    Shape.front() += Part.Type.getDimSize(0);
  }
  Result.Type = Result.Type.clone(Shape);
  return Result;
}

//===- the table ------------------------------------------------------------------------------===//

WeightTable::WeightTable(Operation *Before) : Builder(Before) {}

const WeightRecipe &WeightTable::getRecipe(StringAttr Name) const {
  return ByName.find(Name)->second->Recipe;
}

SourceAttr WeightTable::getSource(const FileTensor &Tensor) {
  return SourceAttr::get(Builder.getContext(), Tensor.File, Tensor.Offset, Tensor.Length,
                         Tensor.Type, getContentHash(Tensor));
}

/// Numbers beside the codes: a range of a file, or written out where the file spells them.
Attribute WeightTable::getPart(const FileTensor &Tensor) {
  if (Tensor.isInFile())
    return getSource(Tensor);
  return readTensor(Tensor);
}

Attribute WeightTable::getSource(const WeightRecipe &Recipe, size_t Index) {
  const FileTensor &Tensor = *Recipe.Sources[Index];
  if (Recipe.Forms.empty())
    return getSource(Tensor);
  const StoredForm &Form = *Recipe.Forms[Index];
  auto Codes = SourceAttr::get(Builder.getContext(), Tensor.File, Tensor.Offset, Tensor.Length,
                               Form.CodeType, getContentHash(Tensor));
  return StoredSourceAttr::get(Builder.getContext(), Form.Type, Form.Block, Codes,
                               getPart(Form.Scales),
                               Form.ZeroPoints ? getPart(*Form.ZeroPoints) : Attribute(), Form.Zero,
                               Form.Groups ? getPart(*Form.Groups) : Attribute());
}

/// A symbol name that prints without quotes.
std::string WeightTable::uniqueName(StringRef Name) {
  std::string Clean;
  for (char C : Name)
    Clean.push_back(llvm::isAlnum(C) || C == '_' || C == '.' || C == '$' ? C : '_');
  if (Clean.empty() || !(llvm::isAlpha(Clean.front()) || Clean.front() == '_'))
    Clean.insert(0, "w");
  std::string Candidate = Clean;
  for (unsigned Suffix = 1; !Names.insert(Candidate).second; ++Suffix)
    Candidate = Clean + "." + std::to_string(Suffix);
  return Candidate;
}

static bool sameBytes(const FileTensor &A, const FileTensor &B) {
  if (A.Type != B.Type || A.Length != B.Length)
    return false;
  if (A.File == B.File && A.Offset == B.Offset && A.isInFile())
    return true;
  if (!A.isInFile() || !B.isInFile())
    return A.isInFile() == B.isInFile() && A.Typed == B.Typed;
  return A.Mapped && B.Mapped && getContentKey(A) == getContentKey(B) && A.bytes() == B.bytes();
}

static bool sameParts(const std::optional<FileTensor> &A, const std::optional<FileTensor> &B) {
  return A.has_value() == B.has_value() && (!A || sameBytes(*A, *B));
}

static bool sameForms(ArrayRef<std::shared_ptr<const StoredForm>> A,
                      ArrayRef<std::shared_ptr<const StoredForm>> B) {
  return A.size() == B.size() && llvm::all_of(llvm::zip(A, B), [](auto Pair) {
           const StoredForm &X = *std::get<0>(Pair), &Y = *std::get<1>(Pair);
           return X.Type == Y.Type && X.CodeType == Y.CodeType && X.Block == Y.Block &&
                  X.Zero == Y.Zero && sameBytes(X.Scales, Y.Scales) &&
                  sameParts(X.ZeroPoints, Y.ZeroPoints) && sameParts(X.Groups, Y.Groups);
         });
}

WeightTable::Entry *WeightTable::findEqual(const WeightRecipe &Recipe) {
  Attribute Steps = Builder.getArrayAttr(Recipe.Steps);
  for (Entry *E : ByContent[{getContentKey(*Recipe.Sources.front()), Steps}])
    if (E->Recipe.Type == Recipe.Type && E->Recipe.Sources.size() == Recipe.Sources.size() &&
        sameForms(E->Recipe.Forms, Recipe.Forms) &&
        llvm::all_of(llvm::zip(E->Recipe.Sources, Recipe.Sources),
                     [](auto Pair) { return sameBytes(*std::get<0>(Pair), *std::get<1>(Pair)); }))
      return E;
  return nullptr;
}

/// Whether B is the transpose of A, compared in tiles so that both are read along their rows.
static bool isTranspose(const FileTensor &A, const FileTensor &B) {
  constexpr int64_t Tile = 64;
  if (!A.Mapped || !B.Mapped)
    return false;
  int64_t Rows = A.Type.getDimSize(0), Columns = A.Type.getDimSize(1);
  unsigned Size = getStorageBits(A.Type.getElementType()) / 8;
  const char *First = A.bytes().data(), *Second = B.bytes().data();
  for (int64_t Row = 0; Row < Rows; Row += Tile)
    for (int64_t Column = 0; Column < Columns; Column += Tile)
      for (int64_t I = Row; I < std::min(Row + Tile, Rows); ++I)
        for (int64_t J = Column; J < std::min(Column + Tile, Columns); ++J)
          if (std::memcmp(First + (I * Columns + J) * Size, Second + (J * Rows + I) * Size, Size))
            return false;
  return true;
}

static bool isMatrixOfBytes(RankedTensorType Ty) {
  return Ty.getRank() == 2 && getStorageBits(Ty.getElementType()) % 8 == 0;
}

static bool isOneTranspose(const WeightRecipe &Recipe) {
  return Recipe.Sources.size() == 1 && Recipe.Forms.empty() && Recipe.Steps.size() == 1 &&
         isa<TransposeStepAttr>(Recipe.Steps.front());
}

/// Exporters write a tied table twice, as [vocabulary, hidden] for the embedding and transposed for
/// the head: one matrix as it is in the file and the transpose of another one are the same weight
/// where the contents agree.
WeightTable::Entry *WeightTable::findTransposed(const WeightRecipe &Recipe) {
  if (!isMatrixOfBytes(Recipe.Type) || (!Recipe.isPlain() && !isOneTranspose(Recipe)))
    return nullptr;
  for (Entry *E : MatricesByType[Recipe.Type])
    if (E->Recipe.isPlain() != Recipe.isPlain() &&
        isTranspose(*E->Recipe.Sources.front(), *Recipe.Sources.front()))
      return E;
  return nullptr;
}

WeightOp WeightTable::intern(const WeightRecipe &Recipe) {
  Entry *Known = findEqual(Recipe);
  if (!Known)
    Known = findTransposed(Recipe);
  if (Known)
    return Known->Weight;
  Entries.push_back(std::make_unique<Entry>());
  Entry *New = Entries.back().get();
  New->Recipe = Recipe;
  SmallVector<Attribute> Sources;
  for (size_t I = 0; I < Recipe.Sources.size(); ++I)
    Sources.push_back(getSource(Recipe, I));
  Attribute Steps = Builder.getArrayAttr(Recipe.Steps);
  std::string Name = uniqueName(Recipe.Name);
  New->Weight = WeightOp::create(
      Builder, NameLoc::get(Builder.getStringAttr(Recipe.Name)), Builder.getStringAttr(Name),
      TypeAttr::get(Recipe.Type), Builder.getArrayAttr(Sources), cast<ArrayAttr>(Steps),
      /*scheme=*/StringAttr(), Builder.getStringAttr(Recipe.Name), /*precision=*/PrecisionAttr(),
      /*layout=*/Attribute());
  ByName[New->Weight.getSymNameAttr()] = New;
  ByContent[{getContentKey(*Recipe.Sources.front()), Steps}].push_back(New);
  if (isMatrixOfBytes(Recipe.Type) && (Recipe.isPlain() || isOneTranspose(Recipe)))
    MatricesByType[Recipe.Type].push_back(New);
  return New->Weight;
}
