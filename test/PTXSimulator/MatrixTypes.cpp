#include "MatrixTypes.h"
#include "Floats.h"

#include <algorithm>
#include <array>

namespace qopt::ptxsim {

MatrixType matrixType(std::string_view Name) {
  static const std::string_view Names[] = {"f16", "bf16", "tf32", "e4m3", "e5m2",
                                           "s8",  "u8",   "s4",   "u4"};
  return static_cast<MatrixType>(std::find(std::begin(Names), std::end(Names), Name) -
                                 std::begin(Names));
}

unsigned matrixBits(MatrixType T) {
  return T == MatrixType::TF32                           ? 32
         : T == MatrixType::F16 || T == MatrixType::BF16 ? 16
         : T == MatrixType::S4 || T == MatrixType::U4    ? 4
                                                         : 8;
}

static std::array<double, 256> byteTable(const ByteFormat &F) {
  std::array<double, 256> Table;
  for (unsigned N = 0; N < 256; ++N)
    Table[N] = widenByte(F, static_cast<uint8_t>(N));
  return Table;
}

template <typename T, typename F>
static void eachElement(const void *From, size_t Count, double *Values, F Value) {
  const uint8_t *Bytes = static_cast<const uint8_t *>(From);
  for (size_t N = 0; N < Count; ++N) {
    T Bits;
    std::memcpy(&Bits, Bytes + N * sizeof(T), sizeof(T));
    Values[N] = Value(Bits);
  }
}

static void halfValues(const uint8_t *From, size_t Count, double *Values) {
  size_t Done = 0;
#ifdef __F16C__
  for (; Done + 8 <= Count; Done += 8) {
    __m256 Eight =
        _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i *>(From + 2 * Done)));
    _mm256_storeu_pd(Values + Done, _mm256_cvtps_pd(_mm256_castps256_ps128(Eight)));
    _mm256_storeu_pd(Values + Done + 4, _mm256_cvtps_pd(_mm256_extractf128_ps(Eight, 1)));
  }
#endif
  eachElement<uint16_t>(From + 2 * Done, Count - Done, Values + Done,
                        [](uint16_t B) { return widenHalf(B); });
}

void matrixValues(MatrixType T, const void *From, size_t Count, double *Values) {
  static const std::array<double, 256> TableE4M3 = byteTable(E4M3), TableE5M2 = byteTable(E5M2);
  const uint8_t *Bytes = static_cast<const uint8_t *>(From);
  switch (T) {
  case MatrixType::F16:
    return halfValues(Bytes, Count, Values);
  case MatrixType::BF16:
    return eachElement<uint16_t>(From, Count, Values, [](uint16_t B) { return widenBfloat(B); });
  case MatrixType::TF32:
    return eachElement<uint32_t>(From, Count, Values,
                                 [](uint32_t B) { return floatOfBits(B & 0xffffe000); });
  case MatrixType::E4M3:
    return eachElement<uint8_t>(From, Count, Values, [](uint8_t B) { return TableE4M3[B]; });
  case MatrixType::E5M2:
    return eachElement<uint8_t>(From, Count, Values, [](uint8_t B) { return TableE5M2[B]; });
  case MatrixType::S8:
    return eachElement<int8_t>(From, Count, Values, [](int8_t B) { return B; });
  case MatrixType::U8:
    return eachElement<uint8_t>(From, Count, Values, [](uint8_t B) { return B; });
  case MatrixType::S4:
  case MatrixType::U4:
    for (size_t N = 0; N < Count; ++N) {
      int Nibble = Bytes[N / 2] >> (N % 2 * 4) & 15;
      Values[N] = T == MatrixType::S4 && Nibble > 7 ? Nibble - 16 : Nibble;
    }
    return;
  case MatrixType::None:
    return;
  }
}

} // namespace qopt::ptxsim
