// PTX as it is written: what the parser makes of a module's text, before any name means anything.
#ifndef QOPT_PTXSIMULATOR_SYNTAX_H
#define QOPT_PTXSIMULATOR_SYNTAX_H

#include "qopt/Base/Status.h"

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace qopt::ptxsim {

enum class StateSpace { Register, Global, Shared, Local, Constant, Parameter };

struct Operand {
  enum class Kind {
    Name,    ///< register, special register, variable, function or label; Value is added to it
    Integer, ///< Value, two's complement
    Float32, ///< Value holds the bits
    Float64, ///< Value holds the bits
    Vector,  ///< {Parts}
    Address, ///< [Parts[0] + Value, Parts[1]…]
    List,    ///< (Parts)
    Pair,    ///< Parts[0]|Parts[1]
    Sink,    ///< _
  };
  Kind Form = Kind::Sink;
  std::string_view Name;
  bool Negated = false; ///< !name
  uint64_t Value = 0;
  std::vector<Operand> Parts;
};

struct Statement {
  uint32_t Line = 0;
  uint32_t Scope = 0;
  bool Label = false; ///< then Opcode is its name
  std::string_view Guard;
  bool GuardNegated = false;
  std::string_view Opcode; ///< with all its modifiers
  std::vector<Operand> Operands;
};

struct RegisterDeclaration {
  std::string_view Name; ///< a prefix if Count is not 0
  uint32_t Count = 0;
  std::string_view Type; ///< "b32", "pred"…
  uint32_t Scope = 0;
};

struct Variable {
  StateSpace Space = StateSpace::Global;
  std::string_view Name;
  uint64_t Bytes = 0;
  uint32_t Alignment = 1;
  uint32_t ElementBytes = 1;
  bool External = false;
  std::vector<uint8_t> Initial;
  uint32_t Scope = 0;
  uint32_t Line = 0;
};

struct Function {
  std::string_view Name;
  uint32_t Line = 0;
  bool Entry = false;
  bool Defined = false;
  std::vector<Variable> Results;
  std::vector<Variable> Parameters;
  std::vector<uint32_t> ScopeParents; ///< of each scope; scope 0 is its own
  std::vector<RegisterDeclaration> Registers;
  std::vector<Variable> Variables; ///< .shared, .local and .param of the body
  std::vector<Statement> Statements;
  std::array<uint32_t, 3> RequiredThreads{}; ///< zeros: not given
  uint32_t MaximumThreads = 0;
  uint32_t MinimumCtas = 0;
  uint32_t MaximumRegisters = 0;
  std::array<uint32_t, 3> Cluster{1, 1, 1};
};

struct Unit {
  std::string_view Version;
  std::string_view Target;
  std::vector<Variable> Variables;
  std::vector<Function> Functions;
};

/// The views in the result point into `Text`. Errors name the line: BadInput for text that is no
/// PTX, Unsupported for directives that the simulator does not know.
Result<Unit> parseUnit(std::string_view Text);

/// Bytes of a fundamental type ("b32", "f16x2"…); 0 if it is none, or has no size ("pred").
uint32_t typeBytes(std::string_view Type);

} // namespace qopt::ptxsim

#endif
