// Gives names a place and opcodes a function: from a function's statements to a kernel that runs.
#ifndef QOPT_PTXSIMULATOR_DECODER_H
#define QOPT_PTXSIMULATOR_DECODER_H

#include "Program.h"
#include "Syntax.h"

#include <deque>
#include <string>
#include <unordered_map>

namespace qopt::ptxsim {

/// Addresses of a module's .global and .const variables.
using VariableAddresses = std::unordered_map<std::string_view, uint64_t>;

/// The opcode's parts: "ld", "global", "v4", "f32".
using Modifiers = std::vector<std::string_view>;

class Decoder;
/// Fills in what is special to an opcode; the guard is there already. Fails through Decoder::fail.
using DecodeOpcode = void (*)(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I);

/// Opcodes by their first part. Each file of instructions adds its own.
using OpcodeTable = std::unordered_map<std::string_view, DecodeOpcode>;
const OpcodeTable &opcodeTable();

class Decoder {
public:
  Decoder(const Unit &Module, const Function &Entry, const VariableAddresses &Globals)
      : Module(Module), Entry(Entry), Globals(Globals) {}

  Result<Kernel> run();

  // For the opcodes.

  void fail(const std::string &Message);
  bool failed() const { return !Error.ok(); }
  /// Refuses the instruction: its opcode with these modifiers is not known.
  void unknown(const Statement &S);
  void expectOperands(const Statement &S, size_t Least, size_t Most);
  /// A statement with a destination and a source of each of these types. Without `Run` it is
  /// unknown.
  void operands(const Statement &S, Instruction &I, Execute Run,
                const std::vector<std::string_view> &Types);
  void operands(const Statement &S, Instruction &I, Execute Run, std::string_view Type,
                size_t Sources) {
    operands(S, I, Run, std::vector<std::string_view>(Sources, Type));
  }

  /// A register, constant, special register or variable's address read as this type.
  Place source(const Operand &O, std::string_view Type);
  Place destination(const Operand &O);
  /// The slot for `_`: written, never read.
  Place sink(unsigned Bytes);
  Place predicateSource(const Operand &O, bool &Negated);
  Place predicateDestination(const Operand &O);
  Place constant(uint64_t Bits, unsigned Bytes);
  uint64_t immediate(const Operand &O);
  bool isImmediate(const Operand &O) const { return O.Form == Operand::Kind::Integer; }
  /// Base register in Source[0] (a constant if it is a variable or number), offset in Immediate.
  void address(const Operand &O, Instruction &I);
  AddressPlace addressOf(const Operand &O);
  /// Register width in bytes; 0 for a predicate.
  unsigned registerBytes(const Operand &O);
  bool isPredicate(const Operand &O);
  /// The elements of a vector operand, or the operand alone.
  std::vector<Place> sources(const Operand &O, std::string_view Type);
  std::vector<Place> destinations(const Operand &O, unsigned SinkBytes);
  /// Index of the instruction that the label stands before, put into Immediate once it is known.
  void branchTarget(const Operand &O, const Statement &S);
  void branchTable(const Operand &O, const Statement &S, Instruction &I);
  void sharedAccess(unsigned Bytes);
  /// wgmma reads or writes these after it has been issued.
  void asynchronous(const std::vector<Place> &Places);
  /// Inlines the called function.
  void call(const Statement &S, const Modifiers &M, Instruction &I);
  Kernel &kernel() { return Out; }

private:
  struct Frame;
  struct Register {
    Place Where = NoPlace;
    unsigned Bytes = 0; ///< 0: predicate
  };
  struct Fixup {
    size_t Instruction;
    std::string_view Label;
    uint32_t Scope;
    uint32_t Line;
    bool Table;
  };

  void layOutParameters();
  void layOutShared(Frame &F);
  void function(Frame &F);
  void declare(Frame &F);
  void placeVariable(Frame &F, const Variable &V);
  void statements(Frame &F);
  void instruction(const Statement &S);
  void emit(Instruction I, std::string_view Opcode);
  void resolve(Frame &F);
  void markAsynchronous();
  Register *findRegister(std::string_view Name);
  bool findVariable(std::string_view Name, uint64_t &Address);
  Place special(std::string_view Name, unsigned Bytes);
  Place newRegister(unsigned Bytes);
  Place materialised(const Operand &O, std::string_view Type);

  const Unit &Module;
  const Function &Entry;
  const VariableAddresses &Globals;
  Kernel Out;
  Status Error;
  Frame *Top = nullptr;
  const Statement *Now = nullptr;
  int Depth = 0;
  std::unordered_map<uint64_t, Place> Constants32, Constants64;
  Place Sink32 = NoPlace;
  std::vector<Place> AsyncPlaces;
};

/// What reads %tid.x and its kind. False for a name that is none.
bool specialRegister(std::string_view Name, Execute &Run, uint32_t &Mode, unsigned &Width);

/// "ld.global.v4.f32" in its parts.
Modifiers splitOpcode(std::string_view Opcode);
bool has(const Modifiers &M, std::string_view Part);

} // namespace qopt::ptxsim

#endif
