// The element types of matrix instructions, and where a fragment's elements lie.
#ifndef QOPT_PTXSIMULATOR_MATRIXTYPES_H
#define QOPT_PTXSIMULATOR_MATRIXTYPES_H

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace qopt::ptxsim {

enum class MatrixType : uint8_t { F16, BF16, TF32, E4M3, E5M2, S8, U8, S4, U4, None };

MatrixType matrixType(std::string_view Name);
unsigned matrixBits(MatrixType T);
inline bool isIntegerMatrix(MatrixType T) { return T >= MatrixType::S8 && T <= MatrixType::U4; }

/// Values of the elements that a run of words or bytes holds, low bits first. TF32 drops the low 13
/// bits.
void matrixValues(MatrixType T, const void *From, size_t Count, double *Values);

/// What the compiler turns into one vector, or several.
using EightDoubles = double __attribute__((vector_size(64)));

struct Coordinates {
  unsigned Row, Column;
};
/// Element `Index` of word `Register` of a lane in A (16 rows), in B (8 columns; Row is k) and in C
/// or D of m16n8 forms, with `Per` elements in a word.
inline Coordinates fragmentA(unsigned Lane, unsigned Register, unsigned Index, unsigned Per) {
  return {Lane / 4 + 8 * (Register & 1), Per * (Lane & 3) + Index + 4 * Per * (Register >> 1)};
}
inline Coordinates fragmentB(unsigned Lane, unsigned Register, unsigned Index, unsigned Per) {
  return {Per * (Lane & 3) + Index + 4 * Per * Register, Lane / 4};
}
/// Element counted through the registers.
inline Coordinates fragmentC(unsigned Lane, unsigned Element) {
  return {Lane / 4 + 8 * (Element >> 1 & 1), 8 * (Element >> 2) + 2 * (Lane & 3) + (Element & 1)};
}

} // namespace qopt::ptxsim

#endif
