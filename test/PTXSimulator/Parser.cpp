#include "Scanner.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <unordered_map>

namespace qopt::ptxsim {

uint32_t typeBytes(std::string_view Type) {
  static const std::unordered_map<std::string_view, uint32_t> Bytes = {
      {"b8", 1},    {"u8", 1},     {"s8", 1},    {"b16", 2},  {"u16", 2},    {"s16", 2},
      {"f16", 2},   {"bf16", 2},   {"b32", 4},   {"u32", 4},  {"s32", 4},    {"f32", 4},
      {"f16x2", 4}, {"bf16x2", 4}, {"tf32", 4},  {"b64", 8},  {"u64", 8},    {"s64", 8},
      {"f64", 8},   {"b128", 16},  {"e4m3", 1},  {"e5m2", 1}, {"e4m3x2", 2}, {"e5m2x2", 2},
      {"s16x2", 4}, {"u16x2", 4},  {"f32x2", 8},
  };
  auto Found = Bytes.find(Type);
  return Found == Bytes.end() ? 0 : Found->second;
}

namespace {

class Parser {
public:
  explicit Parser(std::string_view Text) : In(Text) {}
  Result<Unit> run();

private:
  void topLevel();
  void directive(std::string_view Word);
  void function(bool Entry);
  void functionAttributes(Function &Into);
  void body(Function &Into);
  void bodyDirective(Function &Into, uint32_t Scope);
  void branchTargets(Function &Into, uint32_t Scope);
  void registers(Function &Into, uint32_t Scope);
  void variables(StateSpace Space, bool External, std::vector<Variable> &Into, uint32_t Scope);
  std::vector<Variable> parameters();
  void declarator(Variable &V);
  void initializer(Variable &V);
  void initialValues(Variable &V, uint64_t &Offset);
  std::array<uint32_t, 3> triple();
  void statement(Function &Into, uint32_t Scope);
  Operand operand();
  Operand primary();
  Operand address();
  Operand list(Operand::Kind Form, char Close);

  Scanner In;
  Unit Out;
  bool External = false;
};

bool spaceOf(std::string_view Word, StateSpace &Space) {
  if (Word == ".global")
    Space = StateSpace::Global;
  else if (Word == ".shared")
    Space = StateSpace::Shared;
  else if (Word == ".local")
    Space = StateSpace::Local;
  else if (Word == ".const")
    Space = StateSpace::Constant;
  else if (Word == ".param")
    Space = StateSpace::Parameter;
  else
    return false;
  return true;
}

Result<Unit> Parser::run() {
  while (In.peek() && !In.failed())
    topLevel();
  if (In.failed())
    return In.error();
  if (Out.Target.empty())
    return Status(StatusCode::BadInput, "this is no PTX: it has no .target line");
  return std::move(Out);
}

void Parser::topLevel() {
  if (In.accept(';'))
    return;
  std::string_view Word = In.word();
  if (Word.empty() || Word[0] != '.')
    return In.fail(StatusCode::BadInput,
                   "expected a directive, found '" +
                       std::string(Word.empty() ? std::string(1, In.peek()) : std::string(Word)) +
                       "'");
  directive(Word);
}

void Parser::directive(std::string_view Word) {
  StateSpace Space;
  if (Word == ".version") {
    Out.Version = In.word();
  } else if (Word == ".target") {
    Out.Target = In.word();
    while (In.accept(','))
      In.word();
  } else if (Word == ".address_size") {
    if (In.integer() != 64)
      In.fail(StatusCode::Unsupported, "only 64-bit addresses are supported");
  } else if (Word == ".visible" || Word == ".weak" || Word == ".common") {
    External = false;
  } else if (Word == ".extern") {
    External = true;
  } else if (Word == ".entry" || Word == ".func") {
    function(Word == ".entry");
    External = false;
  } else if (spaceOf(Word, Space)) {
    variables(Space, External, Out.Variables, 0);
    External = false;
  } else if (Word == ".file" || Word == ".loc") {
    In.skipLine();
  } else if (Word == ".section") {
    In.word();
    In.skipBlock();
  } else if (Word == ".pragma") {
    In.skipPast(';');
  } else {
    In.fail(StatusCode::Unsupported, "directive " + std::string(Word));
  }
}

std::vector<Variable> Parser::parameters() {
  std::vector<Variable> All;
  In.expect('(');
  while (!In.failed() && !In.accept(')')) {
    Variable V;
    V.Space = StateSpace::Parameter;
    V.Line = In.line();
    std::string_view Word = In.word();
    if (Word != ".param" && Word != ".reg")
      In.fail(StatusCode::BadInput, "expected .param, found '" + std::string(Word) + "'");
    declarator(V);
    All.push_back(std::move(V));
    if (!In.accept(',') && In.peek() != ')')
      In.expect(',');
  }
  return All;
}

/// .align N .type [.ptr .space .align N] name[dimension]…
void Parser::declarator(Variable &V) {
  uint32_t Vector = 1;
  while (In.peek() == '.' && !In.failed()) {
    std::string_view Word = In.word();
    if (Word == ".align") {
      V.Alignment = In.integer();
    } else if (Word == ".ptr") {
      while (In.peek() == '.')
        if (In.word() == ".align")
          In.integer();
    } else if (Word == ".v2" || Word == ".v4") {
      Vector = Word[2] - '0';
    } else if (Word == ".attribute") {
      In.skipPast(')');
    } else if (uint32_t Bytes = typeBytes(Word.substr(1))) {
      V.ElementBytes = Bytes;
    } else {
      In.fail(StatusCode::Unsupported, "declaration with " + std::string(Word));
    }
  }
  V.Name = In.name();
  V.Bytes = uint64_t(V.ElementBytes) * Vector;
  V.Alignment = std::max<uint32_t>(V.Alignment, V.Bytes <= 16 ? V.Bytes : V.ElementBytes);
  while (In.accept('[')) {
    V.Bytes *= In.peek() == ']' ? 0 : In.integer();
    In.expect(']');
  }
}

void Parser::initialValues(Variable &V, uint64_t &Offset) {
  if (In.accept('{')) {
    while (!In.failed() && !In.accept('}')) {
      initialValues(V, Offset);
      In.accept(',');
    }
    return;
  }
  char C = In.peek();
  if (!std::isdigit(static_cast<unsigned char>(C)) && C != '-')
    return In.fail(StatusCode::Unsupported, "an initial value that is no number");
  Operand Number = In.number();
  uint64_t Bits = Number.Value;
  if (Number.Form == Operand::Kind::Float64 && V.ElementBytes == 4) {
    double Wide;
    std::memcpy(&Wide, &Bits, sizeof(Wide));
    float Narrow = static_cast<float>(Wide);
    Bits = 0;
    std::memcpy(&Bits, &Narrow, sizeof(Narrow));
  }
  if (Offset + V.ElementBytes > V.Initial.size())
    return In.fail(StatusCode::BadInput, "more initial values than elements");
  std::memcpy(&V.Initial[Offset], &Bits, std::min<size_t>(V.ElementBytes, 8));
  Offset += V.ElementBytes;
}

void Parser::initializer(Variable &V) {
  V.Initial.assign(V.Bytes, 0);
  uint64_t Offset = 0;
  initialValues(V, Offset);
}

void Parser::variables(StateSpace Space, bool IsExternal, std::vector<Variable> &Into,
                       uint32_t Scope) {
  Variable Common;
  Common.Space = Space;
  Common.External = IsExternal;
  Common.Scope = Scope;
  Common.Line = In.line();
  declarator(Common);
  if (In.accept('='))
    initializer(Common);
  Into.push_back(Common);
  while (In.accept(',')) {
    Variable Next;
    Next.Space = Space;
    Next.External = IsExternal;
    Next.Scope = Scope;
    Next.Line = In.line();
    Next.ElementBytes = Common.ElementBytes;
    declarator(Next);
    Into.push_back(std::move(Next));
  }
  In.expect(';');
}

std::array<uint32_t, 3> Parser::triple() {
  std::array<uint32_t, 3> Value{1, 1, 1};
  for (int I = 0; I < 3; ++I) {
    Value[I] = In.integer();
    if (!In.accept(','))
      break;
  }
  return Value;
}

void Parser::functionAttributes(Function &F) {
  while (In.peek() == '.' && !In.failed()) {
    std::string_view Word = In.word();
    if (Word == ".reqntid") {
      F.RequiredThreads = triple();
    } else if (Word == ".maxntid") {
      auto Size = triple();
      F.MaximumThreads = Size[0] * Size[1] * Size[2];
    } else if (Word == ".minnctapersm") {
      F.MinimumCtas = In.integer();
    } else if (Word == ".maxnreg") {
      F.MaximumRegisters = In.integer();
    } else if (Word == ".reqnctapercluster") {
      F.Cluster = triple();
    } else if (Word == ".maxclusterrank") {
      In.integer();
    } else if (Word == ".pragma") {
      In.skipPast(';');
    } else if (Word != ".noreturn" && Word != ".explicitcluster") {
      In.fail(StatusCode::Unsupported, "directive " + std::string(Word));
    }
  }
}

void Parser::function(bool Entry) {
  Function F;
  F.Entry = Entry;
  F.Line = In.line();
  F.ScopeParents.push_back(0);
  if (In.peek() == '(')
    F.Results = parameters();
  F.Name = In.name();
  if (In.peek() == '(')
    F.Parameters = parameters();
  functionAttributes(F);
  if (In.peek() == '{') {
    F.Defined = true;
    body(F);
  } else {
    In.expect(';');
  }
  Out.Functions.push_back(std::move(F));
}

void Parser::body(Function &F) {
  In.expect('{');
  std::vector<uint32_t> Open{0};
  while (!In.failed() && !Open.empty()) {
    char C = In.peek();
    if (!C) {
      In.fail(StatusCode::BadInput, "function " + std::string(F.Name) + " has no end");
    } else if (In.accept('{')) {
      F.ScopeParents.push_back(Open.back());
      Open.push_back(F.ScopeParents.size() - 1);
    } else if (In.accept('}')) {
      Open.pop_back();
    } else if (C == '.') {
      bodyDirective(F, Open.back());
    } else if (!In.accept(';')) {
      statement(F, Open.back());
    }
  }
}

void Parser::bodyDirective(Function &Into, uint32_t Scope) {
  std::string_view Word = In.word();
  StateSpace Space;
  if (Word == ".reg")
    registers(Into, Scope);
  else if (spaceOf(Word, Space))
    variables(Space, false, Into.Variables, Scope);
  else if (Word == ".loc" || Word == ".file")
    In.skipLine();
  else if (Word == ".pragma")
    In.skipPast(';');
  else if (Word == ".branchtargets")
    branchTargets(Into, Scope);
  else
    In.fail(StatusCode::Unsupported, "directive " + std::string(Word) + " in a function");
}

/// The label before it is the table's name.
void Parser::branchTargets(Function &Into, uint32_t Scope) {
  Statement S;
  S.Scope = Scope;
  S.Line = In.line();
  S.Opcode = ".branchtargets";
  do
    S.Operands.push_back(operand());
  while (In.accept(','));
  In.expect(';');
  Into.Statements.push_back(std::move(S));
}

void Parser::registers(Function &F, uint32_t Scope) {
  RegisterDeclaration D;
  D.Scope = Scope;
  D.Type = In.word();
  if (D.Type.size() < 2 || (D.Type != ".pred" && !typeBytes(D.Type.substr(1))))
    return In.fail(StatusCode::Unsupported, "registers of type " + std::string(D.Type));
  D.Type.remove_prefix(1);
  do {
    D.Name = In.name();
    D.Count = 0;
    if (In.accept('<')) {
      D.Count = In.integer();
      In.expect('>');
      if (!D.Count)
        continue;
    }
    F.Registers.push_back(D);
  } while (In.accept(','));
  In.expect(';');
}

void Parser::statement(Function &F, uint32_t Scope) {
  Statement S;
  S.Scope = Scope;
  S.Line = In.line();
  if (In.accept('@')) {
    S.GuardNegated = In.accept('!');
    S.Guard = In.name();
  }
  S.Opcode = In.word();
  if (S.Opcode.empty())
    return In.fail(StatusCode::BadInput, std::string("unexpected '") + In.peek() + "'");
  if (S.Guard.empty() && In.acceptLabelColon()) {
    S.Label = true;
    F.Statements.push_back(std::move(S));
    return;
  }
  while (!In.failed() && !In.accept(';')) {
    S.Operands.push_back(operand());
    if (In.peek() != ';')
      In.expect(',');
  }
  F.Statements.push_back(std::move(S));
}

Operand Parser::list(Operand::Kind Form, char Close) {
  Operand Result;
  Result.Form = Form;
  while (!In.failed() && !In.accept(Close)) {
    Result.Parts.push_back(operand());
    if (!In.accept(',') && In.peek() != Close)
      In.expect(',');
  }
  return Result;
}

Operand Parser::address() {
  Operand Result = list(Operand::Kind::Address, ']');
  if (Result.Parts.empty()) {
    In.fail(StatusCode::BadInput, "an empty address");
    return Result;
  }
  Result.Value = Result.Parts[0].Form == Operand::Kind::Name ? Result.Parts[0].Value : 0;
  return Result;
}

Operand Parser::primary() {
  char C = In.peek();
  if (std::isdigit(static_cast<unsigned char>(C)) || C == '-')
    return In.number();
  Operand Result;
  if (In.accept('!'))
    Result.Negated = true;
  Result.Form = Operand::Kind::Name;
  Result.Name = In.word();
  if (Result.Name.empty())
    In.fail(StatusCode::BadInput, std::string("unexpected '") + In.peek() + "' in an operand");
  if (Result.Name == "_")
    Result.Form = Operand::Kind::Sink;
  while (In.peek() == '+' || In.peek() == '-') {
    In.accept('+');
    Result.Value += In.integer();
  }
  return Result;
}

Operand Parser::operand() {
  if (In.accept('{'))
    return list(Operand::Kind::Vector, '}');
  if (In.accept('['))
    return address();
  if (In.accept('('))
    return list(Operand::Kind::List, ')');
  Operand First = primary();
  if (!In.accept('|'))
    return First;
  Operand Both;
  Both.Form = Operand::Kind::Pair;
  Both.Parts.push_back(std::move(First));
  Both.Parts.push_back(primary());
  return Both;
}

} // namespace

Result<Unit> parseUnit(std::string_view Text) { return Parser(Text).run(); }

} // namespace qopt::ptxsim
