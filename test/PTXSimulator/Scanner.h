// Walks over PTX text: spaces, comments, names and numbers.
#ifndef QOPT_PTXSIMULATOR_SCANNER_H
#define QOPT_PTXSIMULATOR_SCANNER_H

#include "Syntax.h"

namespace qopt::ptxsim {

class Scanner {
public:
  explicit Scanner(std::string_view Text) : Text(Text) {}

  uint32_t line() const { return Line; }
  bool failed() const { return !Error.ok(); }
  const Status &error() const { return Error; }
  /// Remembers the first error, with its line.
  void fail(StatusCode Code, const std::string &Message);

  /// The next character after spaces and comments; 0 at the end.
  char peek();
  bool accept(char C);
  void expect(char C);
  /// Letters, digits, and _ $ % . :: — opcodes with their modifiers included.
  std::string_view word();
  /// The same without dots after the first character: names of registers, variables and labels.
  std::string_view name();
  void skipPast(char C);
  void skipBlock();
  void skipLine();
  /// An integer or a floating-point number, with its sign.
  Operand number();
  uint64_t integer();
  std::string_view string();
  /// Whether a single colon follows at once: the word before it was a label.
  bool acceptLabelColon();

private:
  void skipSpace();
  Operand hexFloat(bool Double);

  std::string_view Text;
  size_t Position = 0;
  uint32_t Line = 1;
  Status Error;
};

} // namespace qopt::ptxsim

#endif
