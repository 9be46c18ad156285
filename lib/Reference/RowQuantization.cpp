#include "qopt/Reference/RowQuantization.h"

#include "qopt/Reference/ReferenceValue.h"

#include <cmath>

using namespace mlir;
using namespace qopt;

/// NaN if one number is.
static float largestMagnitude(ArrayRef<double> Row) {
  float Largest = 0;
  for (double Number : Row)
    Largest =
        std::isnan(Number) || std::fabs(Number) > Largest ? std::fabs(float(Number)) : Largest;
  return Largest;
}

static double roundToCode(StoredTypeInterface Ty, double Quotient) {
  double Most = Ty.getCodeMax();
  double Clamped = std::max(-Most, std::min(Most, Quotient));
  auto Float = dyn_cast<FloatType>(Ty.getCodeType());
  return Float ? roundToFloat(Float, Clamped) : std::nearbyint(Clamped);
}

double qopt::quantizeRow(StoredTypeInterface Ty, MutableArrayRef<double> Row) {
  double Scale = roundToFloat(Ty.getScaleType(), largestMagnitude(Row) / float(Ty.getCodeMax()));
  for (double &Number : Row) {
    if (!std::isfinite(Scale))
      Number = std::nan("");
    else if (Scale == 0)
      Number = 0;
    else
      Number = roundToCode(Ty, float(Number) / float(Scale)) * Scale;
  }
  return Scale;
}
