#include "qopt/Base/ArtefactFormat.h"

namespace qopt::artefact {

template <typename T>
static std::optional<int64_t> indexOf(const std::vector<T> &Items, const std::string &Name) {
  for (size_t I = 0; I < Items.size(); ++I)
    if (Items[I].Name == Name)
      return static_cast<int64_t>(I);
  return std::nullopt;
}

std::optional<int64_t> Program::symbolIndex(const std::string &Name) const {
  return indexOf(Symbols, Name);
}

std::optional<int64_t> Program::bufferIndex(const std::string &Name) const {
  return indexOf(Buffers, Name);
}

std::vector<Interval> Program::symbolRanges() const {
  std::vector<Interval> Ranges;
  for (const Symbol &S : Symbols)
    Ranges.push_back(S.Range);
  return Ranges;
}

} // namespace qopt::artefact
