#include "qopt/Package/Validate.h"

#include "qopt/Base/CheckedMath.h"

#include <cmath>
#include <cstdint>
#include <set>

namespace qopt {

using namespace artefact;

/// No size in a program may exceed this; it leaves room for sums of sizes in 64 bits.
static constexpr int64_t MaxBytes = int64_t(1) << 48;

template <typename... Parts> static Status bad(const Parts &...Message) {
  return makeError(StatusCode::BadInput, ProgramFile, ": ", Message...);
}

template <typename T> static Status checkNames(const std::vector<T> &Items, const char *What) {
  std::set<std::string> Seen;
  for (const T &Item : Items)
    if (Item.Name.empty() || !Seen.insert(Item.Name).second)
      return bad("the ", What, " name \"", Item.Name, "\" is empty or used twice");
  return {};
}

/// The expression's bounds, if all its values are in [0, Most].
static Result<Interval> checkSize(const Expression &E, const Program &P, int64_t Most,
                                  const std::string &What) {
  std::optional<Interval> B = E.bounds(P.symbolRanges());
  if (!B)
    return bad(What, " overflows or divides by zero within the symbols' ranges");
  if (B->Min < 0 || B->Max > Most)
    return bad(What, " can be in [", B->Min, ", ", B->Max, "], allowed is [0, ", Most, "]");
  return *B;
}

static Status checkTensor(const Buffer &B, const Program &P) {
  if (B.Shape.size() > MaxRank)
    return bad("\"", B.Name, "\" has ", B.Shape.size(), " dimensions, allowed are ", MaxRank);
  int64_t Bytes = dataTypeSize(B.Type);
  for (const Expression &Dimension : B.Shape) {
    Result<Interval> Size = checkSize(Dimension, P, MaxBytes, "a dimension of \"" + B.Name + "\"");
    if (!Size)
      return Size.status();
    std::optional<int64_t> Product = checkedMul(Bytes, Size->Max);
    if (!Product || *Product > MaxBytes)
      return bad("\"", B.Name, "\" can be larger than ", MaxBytes, " bytes");
    Bytes = *Product;
  }
  if (B.Range && (B.Kind != BufferKind::Input || !isInteger(B.Type)))
    return bad("\"", B.Name, "\" has a range but is no integer input");
  return {};
}

static Status checkArena(const Buffer &B, const Program &P) {
  Result<Interval> Size = checkSize(B.Bytes, P, MaxBytes, "the size of \"" + B.Name + "\"");
  if (!Size)
    return Size.status();
  if (B.Offset % Alignment != 0)
    return bad("\"", B.Name, "\" is at ", B.Offset, ", which is no multiple of ", Alignment);
  if (B.Offset > P.ArenaBytes || Size->Max > P.ArenaBytes - B.Offset)
    return bad("\"", B.Name, "\" ends at ", B.Offset, " + ", Size->Max, " in an arena of ",
               P.ArenaBytes, " bytes");
  return {};
}

static Status checkRotary(const Buffer &B) {
  std::optional<int64_t> Bytes = checkedProduct({B.Positions, int64_t(B.Frequencies.size()), 2, 4});
  if (!Bytes || *Bytes > MaxBytes || B.Frequencies.empty())
    return bad("the table \"", B.Name, "\" is empty or too large");
  for (double Frequency : B.Frequencies)
    if (!std::isfinite(Frequency))
      return bad("\"", B.Name, "\" has a frequency that is not finite");
  return {};
}

static Status checkBuffer(const Buffer &B, const Program &P) {
  switch (B.Kind) {
  case BufferKind::Input:
  case BufferKind::Output:
    return checkTensor(B, P);
  case BufferKind::State:
    return B.RowBytes <= MaxBytes ? Status() : bad("state \"", B.Name, "\" is too large");
  case BufferKind::Weight:
    return B.Tensor.empty() ? bad("weight \"", B.Name, "\" names no tensor") : Status();
  case BufferKind::Rotary:
    return checkRotary(B);
  case BufferKind::Arena:
    return checkArena(B, P);
  }
  return {};
}

static Status checkLaunch(const Launch &L, const Program &P) {
  if (L.Kernel < 0 || L.Kernel >= int64_t(P.Kernels.size()))
    return bad("launch \"", L.Name, "\" uses kernel ", L.Kernel, " of ", P.Kernels.size());
  for (int64_t Index : L.Buffers)
    if (Index < 0 || Index >= int64_t(P.Buffers.size()))
      return bad("launch \"", L.Name, "\" uses buffer ", Index, " of ", P.Buffers.size());
  for (const Guard &G : L.When)
    if (Result<Interval> B = checkSize(G.Value, P, MaxBytes, "guard of launch \"" + L.Name + "\"");
        !B)
      return B.status();
  // The worker's share is computed as items * worker / workers, which must not overflow.
  const std::pair<const Expression *, const char *> Sizes[] = {
      {&L.Range, "range"}, {&L.Reads, "reads"}, {&L.Writes, "writes"}};
  for (auto [Size, What] : Sizes)
    if (Result<Interval> B =
            checkSize(*Size, P, MaxBytes, std::string(What) + " of launch \"" + L.Name + "\"");
        !B)
      return B.status();
  return {};
}

static Status checkKernel(const Kernel &K) {
  if (K.Variants.empty())
    return bad("kernel \"", K.Name, "\" has no variant");
  for (const Variant &V : K.Variants) {
    if (V.Isa.empty() || V.Symbol.empty())
      return bad("kernel \"", K.Name, "\" has a variant without isa or symbol");
    if (V.Threads < 1 || V.Threads > MaxThreads)
      return bad("kernel \"", K.Name, "\" runs an item with ", V.Threads,
                 " threads, allowed are [1, ", MaxThreads, "]");
    if (V.SharedBytes < 0 || V.SharedBytes > MaxSharedBytes)
      return bad("kernel \"", K.Name, "\" shares ", V.SharedBytes, " bytes, allowed are [0, ",
                 MaxSharedBytes, "]");
  }
  return {};
}

Status validateProgram(const Program &P) {
  for (Status S : {checkNames(P.Symbols, "symbol"), checkNames(P.Buffers, "buffer"),
                   checkNames(P.Kernels, "kernel")})
    if (!S.ok())
      return S;
  for (const Symbol &S : P.Symbols)
    if (S.Range.Min < 0 || S.Range.Min > S.Range.Max || S.Range.Max > MaxBytes)
      return bad("symbol \"", S.Name, "\" has the range [", S.Range.Min, ", ", S.Range.Max, "]");
  if (P.ArenaBytes > MaxBytes || P.ScratchBytes > MaxBytes || P.ArenaBytes < 0 ||
      P.ScratchBytes < 0)
    return bad("arena or scratch is larger than ", MaxBytes, " bytes");
  for (const Buffer &B : P.Buffers)
    if (Status S = checkBuffer(B, P); !S.ok())
      return S;
  for (const Kernel &K : P.Kernels)
    if (Status S = checkKernel(K); !S.ok())
      return S;
  for (const Launch &L : P.Launches)
    if (Status S = checkLaunch(L, P); !S.ok())
      return S;
  for (size_t I = 0; I < P.Launches.size(); ++I)
    if (P.Launches[I].Continues && (I == 0 || P.Launches[I].Buffers != P.Launches[I - 1].Buffers))
      return bad("launch \"", P.Launches[I].Name, "\" continues no launch of the same buffers");
  return {};
}

static Status checkSymbolMax(const Program &P, const char *Name, int64_t Most) {
  std::optional<int64_t> Index = P.symbolIndex(Name);
  if (!Index)
    return bad("a decoder needs the symbol \"", Name, "\"");
  const Interval &Range = P.Symbols[*Index].Range;
  if (Range.Min > 1 || Range.Max != Most)
    return bad("symbol \"", Name, "\" has the range [", Range.Min, ", ", Range.Max,
               "], the limits in manifest.json say [1, ", Most, "]");
  return {};
}

/// A decoder's fixed inputs and output: the session fills and reads them by name.
static Status checkDecoderBuffer(const Program &P, const char *Name, BufferKind Kind, DataType Type,
                                 std::vector<Expression> Shape) {
  std::optional<int64_t> Index = P.bufferIndex(Name);
  if (!Index)
    return bad("a decoder needs the buffer \"", Name, "\"");
  const Buffer &B = P.Buffers[*Index];
  if (B.Kind != Kind || B.Type != Type || B.Shape != Shape)
    return bad("the decoder's buffer \"", Name, "\" has another kind, type or shape than ",
               "docs/Artefact.md says");
  return {};
}

static Status checkDecoder(const Program &P, const Manifest &M) {
  if (M.Context < 1 || M.Vocabulary < 1 || M.Chunk > M.Context)
    return makeError(StatusCode::BadInput, ManifestFile, ": a decoder cannot have context ",
                     M.Context, ", chunk ", M.Chunk, " and vocabulary ", M.Vocabulary);
  for (Status S : {checkSymbolMax(P, "batch", M.Batch), checkSymbolMax(P, "tokens", M.Chunk)})
    if (!S.ok())
      return S;
  std::optional<int64_t> Logits = P.symbolIndex("logits");
  if (!Logits)
    return bad("a decoder needs the symbol \"logits\"");
  const Interval &Range = P.Symbols[*Logits].Range;
  if (Range.Min > 1 || Range.Max < 1 || Range.Max > M.Chunk)
    return bad("symbol \"logits\" has the range [", Range.Min, ", ", Range.Max,
               "], which must begin at 0 or 1 and end within the chunk of ", M.Chunk);
  Expression Batch = Expression::symbol(*P.symbolIndex("batch"));
  Expression Tokens = Expression::symbol(*P.symbolIndex("tokens"));
  for (Status S : {checkDecoderBuffer(P, "ids", BufferKind::Input, DataType::I64, {Batch, Tokens}),
                   checkDecoderBuffer(P, "past", BufferKind::Input, DataType::I64, {Batch}),
                   checkDecoderBuffer(P, "count", BufferKind::Input, DataType::I64, {Batch}),
                   checkDecoderBuffer(P, "logits", BufferKind::Output, DataType::F32,
                                      {Batch, Expression::symbol(*Logits), M.Vocabulary})})
    if (!S.ok())
      return S;
  for (const Buffer &B : P.Buffers) {
    bool Known = B.Name == "ids" || B.Name == "past" || B.Name == "count" || B.Name == "logits";
    if ((B.Kind == BufferKind::Input || B.Kind == BufferKind::Output) && !Known)
      return bad("a decoder has no input or output \"", B.Name, "\"");
    if (B.Kind == BufferKind::Rotary && B.Positions < M.Context)
      return bad("\"", B.Name, "\" holds ", B.Positions, " positions, the context is ", M.Context);
  }
  return {};
}

static Status checkOnnxCache(const Program &P, const Manifest &M, const OnnxValue &V) {
  auto Bad = [&](const char *What) {
    return makeError(StatusCode::BadInput, ManifestFile, ": \"", V.Name, "\": ", What);
  };
  std::optional<int64_t> Index = P.bufferIndex(V.State);
  if (!Index || P.Buffers[*Index].Kind != BufferKind::State)
    return Bad("names no state of the program");
  const Buffer &B = P.Buffers[*Index];
  const CacheLayout &L = V.Layout;
  if (!isFloat(V.Type) || !isFloat(B.Type))
    return Bad("a past or present is of a float type, and so is its state");
  if (L.Capacity < M.Context)
    return Bad("its state holds fewer tokens than the context");
  // All factors are below 2^32, so nothing here overflows but the head's.
  int64_t Extent = (L.Capacity - 1) / L.BlockSize * L.Block + (L.BlockSize - 1) * L.Lane +
                   (L.HeadSize - 1) * L.Channel + 1;
  std::optional<int64_t> Last = checkedMul(L.Heads - 1, L.Head);
  Last = Last ? checkedAdd(*Last, Extent) : std::nullopt;
  if (Extent > L.Head || !Last || *Last > B.RowBytes / dataTypeSize(B.Type))
    return Bad("its layout does not fit the state");
  return {};
}

static Status checkOnnx(const Program &P, const Manifest &M) {
  std::set<std::string> Names;
  int64_t Ids = 0, Logits = 0;
  for (const auto *Values : {&M.Onnx->Inputs, &M.Onnx->Outputs})
    for (const OnnxValue &V : *Values) {
      if (!Names.insert(V.Name).second)
        return makeError(StatusCode::BadInput, ManifestFile, ": \"", V.Name, "\" is there twice");
      bool IsResult = V.Role == OnnxRole::Logits || V.Role == OnnxRole::Present;
      if (IsResult != (Values == &M.Onnx->Outputs))
        return makeError(StatusCode::BadInput, ManifestFile, ": \"", V.Name,
                         "\" cannot have its role");
      Ids += V.Role == OnnxRole::Ids;
      Logits += V.Role == OnnxRole::Logits;
      bool IsInteger =
          V.Role == OnnxRole::Ids || V.Role == OnnxRole::Mask || V.Role == OnnxRole::Positions;
      if ((IsInteger && !isInteger(V.Type)) || (V.Role == OnnxRole::Logits && !isFloat(V.Type)))
        return makeError(StatusCode::BadInput, ManifestFile, ": \"", V.Name,
                         "\" cannot have its type");
      if (V.Shape.size() > MaxRank)
        return makeError(StatusCode::BadInput, ManifestFile, ": \"", V.Name,
                         "\" has too many dimensions");
      if (V.Role == OnnxRole::Past || V.Role == OnnxRole::Present)
        if (Status S = checkOnnxCache(P, M, V); !S.ok())
          return S;
    }
  if (Ids != 1 || Logits != 1)
    return makeError(StatusCode::BadInput, ManifestFile,
                     ": the file's signature needs ids and logits, once");
  return {};
}

Status validateSignature(const Program &P, const Manifest &M) {
  if (M.Kind == ProgramKind::Decoder) {
    Status S = checkDecoder(P, M);
    return S.ok() && M.Onnx ? checkOnnx(P, M) : S;
  }
  std::optional<int64_t> Batch = P.symbolIndex("batch");
  if (Batch && P.Symbols[*Batch].Range.Max != M.Batch)
    return bad("symbol \"batch\" goes to ", P.Symbols[*Batch].Range.Max,
               ", the limits in manifest.json say ", M.Batch);
  return {};
}

Status validateWeights(const Program &P, const SafetensorsFile &Weights) {
  for (const Buffer &B : P.Buffers) {
    if (B.Kind != BufferKind::Weight)
      continue;
    const SafetensorsEntry *Entry = Weights.find(B.Tensor);
    if (!Entry)
      return makeError(StatusCode::BadInput, WeightsFile, ": has no tensor \"", B.Tensor, "\"");
    if ((Entry->Data - Weights.data()) % Alignment != 0)
      return makeError(StatusCode::BadInput, WeightsFile, ": tensor \"", B.Tensor,
                       "\" does not begin at a multiple of ", Alignment, " bytes");
  }
  return {};
}

} // namespace qopt
