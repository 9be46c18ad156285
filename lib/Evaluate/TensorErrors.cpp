#include "qopt/Evaluate/TensorErrors.h"

#include <cmath>

using namespace qopt;

static TensorError compare(const std::string &Name, const NpyArray &Output,
                           const NpyArray &Expected) {
  TensorError Result;
  Result.Name = Name;
  double Squares = 0, Dot = 0, OutputNorm = 0, ExpectedNorm = 0;
  for (int64_t I = 0; I < Expected.elements(); ++I) {
    double A = loadNumber(Output.Type, Output.Data.data(), I),
           B = loadNumber(Expected.Type, Expected.Data.data(), I);
    // Equal infinities are no error; a NaN on one side is the largest.
    double Error = A == B || (std::isnan(A) && std::isnan(B)) ? 0 : std::fabs(A - B);
    Result.Max = std::isnan(Error) ? INFINITY : std::max(Result.Max, Error);
    Squares += Error * Error;
    Dot += A * B;
    OutputNorm += A * A;
    ExpectedNorm += B * B;
  }
  int64_t Count = std::max<int64_t>(1, Expected.elements());
  Result.RMS = std::sqrt(Squares / double(Count));
  double Norms = std::sqrt(OutputNorm * ExpectedNorm);
  Result.Cosine = Norms > 0 ? Dot / Norms : 1;
  return Result;
}

Result<std::vector<TensorError>> qopt::compareArrays(const NpzArrays &Outputs,
                                                     const NpzArrays &Expected) {
  std::vector<TensorError> Errors;
  for (const auto &[Name, Array] : Expected) {
    const NpyArray *Output = findArray(Outputs, Name);
    if (!Output)
      return makeError(StatusCode::BadInput, "the program has no output \"", Name, "\"");
    if (Output->Shape != Array.Shape)
      return makeError(StatusCode::BadInput, "output \"", Name, "\" has ", Output->elements(),
                       " elements in ", Output->Shape.size(), " dimensions, the expected array ",
                       Array.elements(), " in ", Array.Shape.size());
    Errors.push_back(compare(Name, *Output, Array));
  }
  return Errors;
}
