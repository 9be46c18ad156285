// Round to nearest: every group is scaled so that its extreme is a code, and each value takes the
// nearest code.
//
// Symmetric: scale = signed extreme / -2^(b-1), so that the value of largest magnitude is
// represented exactly by the one code that has no counterpart of the other sign (ONNX Runtime's
// MatMulNBits quantizer does the same). Codes that are floats: scale = largest magnitude / largest
// code. Asymmetric: the range, widened to hold zero, is divided into 2^b - 1 steps, and zero is a
// code.
#include "qopt/Analysis/Scheme.h"
#include "qopt/Base/BulkFormats.h"
#include "qopt/Base/NumberFormats.h"

#include <cmath>

using namespace mlir;
using namespace qopt;

namespace {

class RTN : public Scheme {
public:
  StringRef getName() const override { return "rtn"; }

  void quantizeRows(StoredTypeInterface Type, const float *Values, int64_t Rows, int64_t Columns,
                    QuantizedRows &Result) const override {
    Result.reset(Type, Rows, Columns);
    int64_t Group = Type.getGroupSize() ? Type.getGroupSize() : std::max<int64_t>(Columns, 1);
    for (int64_t Row = 0; Row < Rows; ++Row)
      for (int64_t G = 0; G < Result.Groups; ++G) {
        int64_t Begin = G * Group, Size = std::min(Group, Columns - Begin);
        quantizeGroup(Type, Values + Row * Columns + Begin, Size,
                      &Result.Codes[Row * Columns + Begin], Result.Scales[Row * Result.Groups + G],
                      Type.hasZeroPoint() ? &Result.ZeroPoints[Row * Result.Groups + G] : nullptr);
      }
  }

private:
  static void quantizeGroup(StoredTypeInterface Type, const float *Values, int64_t Size,
                            int16_t *Codes, float &Scale, float *ZeroPoint) {
    float Min, Max;
    rangeWithZero(Values, Size, Min, Max);
    if (isa<FloatType>(Type.getCodeType())) {
      Scale = roundToScaleType(Type.getScaleType(), std::max(-Min, Max) / Type.getCodeMax());
      for (int64_t I = 0; I < Size; ++I)
        Codes[I] = Scale != 0 ? float8FromFloat(Values[I] / Scale) : 0;
      return;
    }
    float Lowest = Type.getCodeMin(), Highest = Type.getCodeMax();
    Scale = ZeroPoint ? (Max - Min) / (Highest - Lowest) : (-Min > Max ? Min : Max) / Lowest;
    Scale = roundToScaleType(Type.getScaleType(), Scale);
    float Inverse = Scale != 0 ? 1 / Scale : 0;
    float Zero = 0;
    if (ZeroPoint) {
      Zero = std::clamp(std::nearbyint(-Min * Inverse), Lowest, Highest);
      *ZeroPoint = Zero;
    }
    roundToCodes(Values, Size, Inverse, Zero, Lowest, Highest, Codes);
  }
};

} // namespace

namespace qopt {
void registerRTNScheme(SchemeRegistry &Registry) { Registry.add(std::make_unique<RTN>()); }
} // namespace qopt
