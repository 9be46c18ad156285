#include "qopt/Base/ArtefactFormat.h"

#include <algorithm>

namespace qopt::artefact {

template <typename T>
static std::optional<int64_t> indexOf(const std::vector<T> &Items, const std::string &Name) {
  for (size_t I = 0; I < Items.size(); ++I)
    if (Items[I].Name == Name)
      return static_cast<int64_t>(I);
  return std::nullopt;
}

bool Launch::runsFor(const int64_t *Symbols) const {
  return std::all_of(When.begin(), When.end(), [&](const Guard &Guard) {
    std::optional<int64_t> Value = Guard.Value.evaluate(Symbols);
    return Value && *Value >= Guard.Range.Min && *Value <= Guard.Range.Max;
  });
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
