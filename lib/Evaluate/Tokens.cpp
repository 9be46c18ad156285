#include "qopt/Evaluate/LanguageModel.h"

#include "qopt/Package/Npy.h"

using namespace qopt;

Result<TokenWindows> qopt::readTokens(const std::string &Path, int64_t Window, int64_t Limit) {
  if (Window < 2)
    return makeError(StatusCode::Usage, "a window needs at least 2 tokens, found ", Window);
  auto Array = readNpy(Path);
  if (!Array)
    return Array.status();
  if (Array->Type != DataType::I32 && Array->Type != DataType::I64)
    return makeError(StatusCode::BadInput, Path, ": tokens must be int32 or int64, found ",
                     std::string(dataTypeName(Array->Type)));
  int64_t Count = Array->elements();
  if (Limit > 0 && Limit < Count)
    Count = Limit;
  if (Count < Window)
    return makeError(StatusCode::BadInput, Path, ": holds ", Count,
                     " tokens, fewer than one window of ", Window, "; give a smaller --window");
  TokenWindows Result;
  Result.Window = Window;
  for (int64_t I = 0; I < Count / Window * Window; ++I)
    Result.Ids.push_back(loadInteger(Array->Type, Array->Data.data(), I));
  return Result;
}
