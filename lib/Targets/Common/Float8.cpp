#include "Float8.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::codegen;

/// The exponent is moved by a multiplication, which also makes subnormals right; all ones are NaN.
Value codegen::widenFloat8(KernelBuilder &B, Value Bits) {
  auto C = [&](int64_t Number) { return B.constant(Bits.getType(), Number); };
  Value Magnitude = B.bitAnd(Bits, C(0x7f));
  Value Number = B.bitcast(B.shl(Magnitude, C(20)), B.getF32Type());
  Number = B.bitcast(B.mul(Number, B.constant(Number.getType(), 0x1p120)), B.getI32Type());
  Value Result = B.select(B.equal(Magnitude, C(0x7f)), C(0x7fc00000), Number);
  return B.bitcast(B.bitOr(Result, B.shl(B.bitAnd(Bits, C(0x80)), C(24))), B.getF32Type());
}

Value codegen::narrowFloat8(KernelBuilder &B, Value Number) {
  Value Bits = B.bitcast(Number, B.getI32Type());
  auto C = [&](int64_t Number) { return B.constant(Bits.getType(), Number); };
  Value Sign = B.bitAnd(B.shr(Bits, C(24)), C(0x80));
  Value Magnitude = B.bitAnd(Bits, C(0x7fffffff));
  Value Odd = B.bitAnd(B.shr(Magnitude, C(20)), C(1));
  Value Rounded = B.add(B.add(Magnitude, C(0x7ffff)), Odd);
  Value Normal = B.sub(B.shr(Rounded, C(20)), C(120 << 3));
  // Subnormal results: 2^14 has its last place at 2^-9.
  Value Step = B.bitcast(C(0x46800000), B.getF32Type());
  Value Small = B.sub(B.bitcast(B.add(B.bitcast(Magnitude, B.getF32Type()), Step), B.getI32Type()),
                      C(0x46800000));
  Value Result = B.select(B.lessThan(Magnitude, C(121 << 23)), Small, Normal);
  Result = B.min(Result, C(0x7e));
  Result = B.select(B.lessThan(Magnitude, C(0x7f800001)), Result, C(0x7f));
  return B.bitOr(Result, Sign);
}
