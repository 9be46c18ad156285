#include "Problems.h"

#include "qopt/Support/Diagnostics.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnx_import;

/// Bytes of UTF-8 that some terminals obey: the control characters U+0080 to U+009F.
static bool isC1(StringRef Text, size_t I) {
  return uint8_t(Text[I]) == 0xc2 && I + 1 < Text.size() && uint8_t(Text[I + 1]) >= 0x80 &&
         uint8_t(Text[I + 1]) < 0xa0;
}

std::string onnx_import::escape(StringRef Text) {
  std::string Result;
  for (size_t I = 0; I < Text.size(); ++I) {
    uint8_t C = Text[I];
    if (C >= 0x20 && C != 0x7f && !isC1(Text, I)) {
      Result.push_back(char(C));
      continue;
    }
    Result += "\\x";
    Result.push_back(llvm::hexdigit(C >> 4));
    Result.push_back(llvm::hexdigit(C & 15));
  }
  return Result;
}

void Problems::add(Location Loc, StatusCode Code, const Twine &Message) {
  List.push_back({Loc, Code, escape(Message.str()), escape(Operator)});
}

Status Problems::report(StringRef ModelName) const {
  constexpr size_t MaxShown = 50;
  StatusCode Worst = StatusCode::Unsupported;
  for (const Problem &P : List)
    if (P.Code != StatusCode::Unsupported)
      Worst = P.Code;
  for (const Problem &P : ArrayRef(List).take_front(MaxShown))
    classify(*(emitError(P.Loc) << P.Message).getUnderlyingDiagnostic(), P.Code, P.Operator);
  if (List.size() > MaxShown)
    emitError(List.back().Loc) << "and " << List.size() - MaxShown << " more problems";
  return makeError(Worst, ModelName.str(), ": cannot be imported: ", List.size(),
                   List.size() == 1 ? " problem" : " problems");
}
