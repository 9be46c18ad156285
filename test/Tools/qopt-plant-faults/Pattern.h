//===- Pattern.h - places in PTX, and what stands there instead -------------------------------===//
//
// A pattern is PTX text. It matches token by token, so spaces and lines do not matter, and
//
//   $name    matches (the rest of) a word: a register, a label, a part of an opcode
//   #name    matches a decimal number
//   *        matches (the rest of) a word
//   ...      matches any tokens, as few as can be
//
// A name that stands twice matches the same text twice. Text that replaces a match is PTX with the
// same names; "#name+1", "#name-1" and "#name*2" are computed, and the n-th "..." is what the n-th
// one matched.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_TEST_TOOLS_PLANTFAULTS_PATTERN_H
#define QOPT_TEST_TOOLS_PLANTFAULTS_PATTERN_H

#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"

#include <string>
#include <vector>

namespace qopt::test {

/// Words and punctuation, without comments.
std::vector<llvm::StringRef> tokenize(llvm::StringRef Ptx);

/// A match: from Begin to End in the text.
struct Site {
  size_t Begin = 0, End = 0;
  llvm::StringMap<std::string> Names;
  std::vector<std::string> Skipped;
};

class Pattern {
public:
  Pattern() = default;
  explicit Pattern(std::string Text) : Text(std::move(Text)) {}
  bool empty() const { return Text.empty(); }
  llvm::StringRef getText() const { return Text; }
  /// All matches in a text, by where they begin; they may overlap.
  std::vector<Site> find(llvm::StringRef Ptx) const;

private:
  std::string Text;
};

/// What stands at a match instead of it.
std::string expand(llvm::StringRef Replacement, const Site &Site);

} // namespace qopt::test

#endif // QOPT_TEST_TOOLS_PLANTFAULTS_PATTERN_H
