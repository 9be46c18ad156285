#include "TensorMaps.h"

#include <cstring>

namespace qopt::ptxsim {

using runtime::TensorElement;
using runtime::TensorMap;
using runtime::TensorMapShape;
using runtime::TensorSwizzle;

static constexpr uint64_t Magic = 0x51097e4504a9;

static unsigned elementBytes(TensorElement E) {
  switch (E) {
  case TensorElement::U8:
    return 1;
  case TensorElement::U16:
  case TensorElement::F16:
  case TensorElement::BF16:
    return 2;
  case TensorElement::U32:
  case TensorElement::F32:
    return 4;
  }
  return 1;
}

static unsigned swizzleBytes(TensorSwizzle S) {
  return S == TensorSwizzle::Bytes32    ? 32
         : S == TensorSwizzle::Bytes64  ? 64
         : S == TensorSwizzle::Bytes128 ? 128
                                        : 0;
}

static Status checkShape(const TensorMapShape &S) {
  size_t Rank = S.Sizes.size();
  auto Refuse = [](const auto &...What) {
    return makeError(StatusCode::BadInput, "tensor map: ", What...);
  };
  if (Rank < 1 || Rank > 5 || S.Box.size() != Rank || S.Strides.size() + 1 != Rank)
    return Refuse("rank ", Rank, " with ", S.Box.size(), " box sizes and ", S.Strides.size(),
                  " strides");
  if (S.Base % 16 || !S.Base)
    return Refuse("the base ", S.Base, " is no multiple of 16");
  for (size_t D = 0; D < Rank; ++D) {
    if (S.Sizes[D] < 1 || S.Sizes[D] > uint64_t(1) << 32)
      return Refuse("size ", S.Sizes[D], " of dimension ", D, " is not in 1..2^32");
    if (S.Box[D] < 1 || S.Box[D] > 256)
      return Refuse("box size ", S.Box[D], " of dimension ", D, " is not in 1..256");
    if (D && (S.Strides[D - 1] % 16 || S.Strides[D - 1] >= uint64_t(1) << 40))
      return Refuse("stride ", S.Strides[D - 1], " of dimension ", D,
                    " is no multiple of 16 below 2^40");
  }
  uint64_t Row = uint64_t(S.Box[0]) * elementBytes(S.Element);
  if (Row % 16)
    return Refuse("the box's rows have ", Row, " bytes, no multiple of 16");
  if (swizzleBytes(S.Swizzle) && Row > swizzleBytes(S.Swizzle))
    return Refuse("the box's rows have ", Row, " bytes, more than the swizzle's ",
                  swizzleBytes(S.Swizzle));
  return Status();
}

Result<TensorMap> makeTensorMap(const TensorMapShape &S) {
  Status Valid = checkShape(S);
  if (!Valid.ok())
    return Valid;
  TensorMap Map;
  uint64_t Rank = S.Sizes.size();
  Map.Words[0] = Magic << 16 | Rank << 8 | static_cast<uint64_t>(S.Element) << 4 |
                 static_cast<uint64_t>(S.Swizzle);
  Map.Words[1] = S.Base;
  for (size_t D = 0; D < Rank; ++D) {
    Map.Words[2 + D] = S.Sizes[D];
    Map.Words[7 + D] = D ? S.Strides[D - 1] : elementBytes(S.Element);
    Map.Words[12 + D / 2] |= uint64_t(S.Box[D]) << (D % 2 * 32);
  }
  return Map;
}

bool decodeTensorMap(const uint8_t *Bytes, DecodedTensorMap &Map) {
  uint64_t Words[16];
  std::memcpy(Words, Bytes, sizeof(Words));
  if (Words[0] >> 16 != Magic)
    return false;
  Map.Rank = Words[0] >> 8 & 0xff;
  Map.Element = static_cast<TensorElement>(Words[0] >> 4 & 15);
  Map.Swizzle = static_cast<TensorSwizzle>(Words[0] & 15);
  Map.ElementBytes = elementBytes(Map.Element);
  Map.Base = Words[1];
  for (unsigned D = 0; D < 5; ++D) {
    Map.Sizes[D] = D < Map.Rank ? Words[2 + D] : 1;
    Map.Strides[D] = D < Map.Rank ? Words[7 + D] : 0;
    Map.Box[D] = D < Map.Rank ? static_cast<uint32_t>(Words[12 + D / 2] >> (D % 2 * 32)) : 1;
  }
  return true;
}

} // namespace qopt::ptxsim
