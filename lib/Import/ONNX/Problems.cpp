#include "Problems.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnx_import;

std::string onnx_import::escape(StringRef Text) {
  std::string Result;
  for (unsigned char C : Text) {
    if (C >= 0x20 && C != 0x7f) {
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
  List.push_back({Loc, Code, escape(Message.str())});
}

Status Problems::report(StringRef ModelName) const {
  constexpr size_t MaxShown = 50;
  StatusCode Worst = StatusCode::Unsupported;
  for (const Problem &P : List)
    if (P.Code != StatusCode::Unsupported)
      Worst = P.Code;
  for (const Problem &P : ArrayRef(List).take_front(MaxShown))
    emitError(P.Loc) << P.Message;
  if (List.size() > MaxShown)
    emitError(List.back().Loc) << "and " << List.size() - MaxShown << " more problems";
  return makeError(Worst, ModelName.str(), ": cannot be imported: ", List.size(),
                   List.size() == 1 ? " problem" : " problems");
}
