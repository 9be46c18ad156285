#include "Decoder.h"

#include "Machine.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <unordered_set>

namespace qopt::ptxsim {

Modifiers splitOpcode(std::string_view Opcode) {
  Modifiers Parts;
  while (!Opcode.empty()) {
    size_t Dot = Opcode.find('.');
    Parts.push_back(Opcode.substr(0, Dot));
    Opcode = Dot == std::string_view::npos ? std::string_view() : Opcode.substr(Dot + 1);
  }
  return Parts;
}

bool has(const Modifiers &M, std::string_view Part) {
  return std::find(M.begin(), M.end(), Part) != M.end();
}

/// Names of one function body; calls are inlined, so each call has its own.
struct Decoder::Frame {
  const Function *Body = nullptr;
  Frame *Caller = nullptr;
  std::vector<std::unordered_map<std::string_view, Register>> Registers; ///< of each scope
  std::vector<std::vector<const RegisterDeclaration *>> Ranges;
  std::vector<std::unordered_map<std::string_view, uint64_t>> Variables;
  std::map<std::pair<uint32_t, std::string_view>, size_t> Labels;
  std::map<size_t, std::vector<std::string_view>>
      Tables; ///< .branchtargets, by the index that their label has
  std::vector<Fixup> Fixups;
  std::vector<size_t> Returns;
};

void Decoder::fail(const std::string &Message) {
  if (!Error.ok())
    return;
  std::string Where =
      Now ? "PTX line " + std::to_string(Now->Line) + ": " + std::string(Now->Opcode) + ": " : "";
  Error = Status(StatusCode::Unsupported, Where + Message);
}

void Decoder::unknown(const Statement &S) { fail("the simulator does not know this instruction"); }

void Decoder::expectOperands(const Statement &S, size_t Least, size_t Most) {
  if (S.Operands.size() < Least || S.Operands.size() > Most)
    fail("has " + std::to_string(S.Operands.size()) + " operands");
}

void Decoder::operands(const Statement &S, Instruction &I, Execute Run,
                       const std::vector<std::string_view> &Types) {
  if (!Run)
    return unknown(S);
  I.Run = Run;
  expectOperands(S, Types.size() + 1, Types.size() + 1);
  if (failed())
    return;
  for (size_t N = 0; N < Types.size(); ++N)
    I.Source[N] = source(S.Operands[N + 1], Types[N]);
  I.Destination = destination(S.Operands[0]);
}

Place Decoder::newRegister(unsigned Bytes) {
  if (!Bytes)
    return PredicatePlace | Out.Predicates++;
  Place P = Out.RegisterSlots;
  Out.RegisterSlots += Bytes == 16 ? 4 : Bytes == 8 ? 2 : 1;
  return P;
}

Place Decoder::constant(uint64_t Bits, unsigned Bytes) {
  bool Wide = Bytes == 8;
  if (!Wide)
    Bits &= Bytes >= 4 ? 0xffffffff : (uint64_t(1) << (8 * Bytes)) - 1;
  auto &Known = Wide ? Constants64 : Constants32;
  auto Found = Known.find(Bits);
  if (Found != Known.end())
    return Found->second;
  Place P = ConstantPlace | static_cast<uint32_t>(Out.Constants.size() / LaneCount);
  for (unsigned L = 0; L < LaneCount; ++L) {
    Out.Constants.push_back(static_cast<uint32_t>(Bits));
    if (Wide)
      Out.Constants.push_back(static_cast<uint32_t>(Bits >> 32));
  }
  Known[Bits] = P;
  return P;
}

Decoder::Register *Decoder::findRegister(std::string_view Name) {
  uint32_t Scope = Now ? Now->Scope : 0;
  size_t Digits = Name.size();
  while (Digits && Name[Digits - 1] >= '0' && Name[Digits - 1] <= '9')
    --Digits;
  for (;;) {
    auto &Known = Top->Registers[Scope];
    auto Found = Known.find(Name);
    if (Found != Known.end())
      return &Found->second;
    for (const RegisterDeclaration *D : Top->Ranges[Scope])
      if (Digits < Name.size() && D->Name == Name.substr(0, Digits)) {
        unsigned Bytes = typeBytes(D->Type);
        return &(Known[Name] = Register{newRegister(Bytes), Bytes});
      }
    if (Scope == 0)
      return nullptr;
    Scope = Top->Body->ScopeParents[Scope];
  }
}

bool Decoder::findVariable(std::string_view Name, uint64_t &Address) {
  for (uint32_t Scope = Now ? Now->Scope : 0;; Scope = Top->Body->ScopeParents[Scope]) {
    auto Found = Top->Variables[Scope].find(Name);
    if (Found != Top->Variables[Scope].end()) {
      Address = Found->second;
      return true;
    }
    if (Scope == 0)
      break;
  }
  auto Found = Globals.find(Name);
  if (Found == Globals.end())
    return false;
  Address = Found->second;
  return true;
}

bool Decoder::isPredicate(const Operand &O) {
  Register *R = O.Form == Operand::Kind::Name ? findRegister(O.Name) : nullptr;
  return R && !R->Bytes;
}

unsigned Decoder::registerBytes(const Operand &O) {
  Register *R = O.Form == Operand::Kind::Name ? findRegister(O.Name) : nullptr;
  return R ? R->Bytes : 0;
}

static uint64_t floatBits(const Operand &O, std::string_view Type) {
  double Wide;
  if (O.Form == Operand::Kind::Float32) {
    if (typeBytes(Type) != 8 || Type != "f64")
      return O.Value;
    float Narrow;
    uint32_t Bits = static_cast<uint32_t>(O.Value);
    std::memcpy(&Narrow, &Bits, 4);
    Wide = Narrow;
    uint64_t Result;
    std::memcpy(&Result, &Wide, 8);
    return Result;
  }
  if (typeBytes(Type) == 8)
    return O.Value;
  std::memcpy(&Wide, &O.Value, 8);
  float Narrow = static_cast<float>(Wide);
  uint32_t Bits;
  std::memcpy(&Bits, &Narrow, 4);
  return Bits;
}

Place Decoder::source(const Operand &O, std::string_view Type) {
  unsigned Bytes = typeBytes(Type);
  switch (O.Form) {
  case Operand::Kind::Integer:
    return constant(O.Value, Bytes);
  case Operand::Kind::Float32:
  case Operand::Kind::Float64:
    return constant(floatBits(O, Type), Bytes);
  case Operand::Kind::Name:
    return materialised(O, Type);
  case Operand::Kind::Vector:
    if (O.Parts.size() == 1)
      return source(O.Parts[0], Type);
    break;
  default:
    break;
  }
  fail("an operand of a kind that it does not take");
  return 0;
}

Place Decoder::materialised(const Operand &O, std::string_view Type) {
  unsigned Bytes = typeBytes(Type);
  if (O.Name == "WARP_SZ")
    return constant(LaneCount, Bytes);
  if (Register *R = findRegister(O.Name)) {
    if (!R->Bytes)
      fail("a predicate where a value is expected: " + std::string(O.Name));
    if (R->Bytes < 8 && Bytes == 8)
      fail("a register of 32 bits or less where one of 64 is expected: " + std::string(O.Name));
    if (R->Bytes != 8 || Bytes == 8)
      return R->Where;
    // The low word of a 64-bit register.
    Instruction Narrow;
    Narrow.Line = Now->Line;
    Narrow.Destination = newRegister(4);
    Narrow.Source[0] = R->Where;
    Narrow.Run = [](Warp &W, const Instruction &I, LaneMask Lanes) {
      for (unsigned L = 0; L < LaneCount; ++L)
        W.slot<uint32_t>(I.Destination)[L] =
            static_cast<uint32_t>(W.slot<uint64_t>(I.Source[0])[L]);
    };
    Place P = Narrow.Destination;
    emit(std::move(Narrow), Now->Opcode);
    return P;
  }
  if (O.Name[0] == '%')
    return special(O.Name, Bytes);
  uint64_t Address;
  if (findVariable(O.Name, Address))
    return constant(Address + O.Value, Bytes);
  fail("unknown name " + std::string(O.Name));
  return 0;
}

Place Decoder::destination(const Operand &O) {
  if (O.Form == Operand::Kind::Vector && O.Parts.size() == 1)
    return destination(O.Parts[0]);
  Register *R = O.Form == Operand::Kind::Name ? findRegister(O.Name) : nullptr;
  if (O.Form == Operand::Kind::Sink)
    return sink(8);
  if (!R || !R->Bytes) {
    fail("the destination is no register: " + std::string(O.Name));
    return 0;
  }
  return R->Where;
}

Place Decoder::sink(unsigned Bytes) {
  if (Sink32 == NoPlace)
    Sink32 = newRegister(16);
  return Sink32;
}

Place Decoder::predicateDestination(const Operand &O) {
  if (O.Form == Operand::Kind::Sink)
    return newRegister(0);
  Register *R = O.Form == Operand::Kind::Name ? findRegister(O.Name) : nullptr;
  if (!R || R->Bytes) {
    fail("expected a predicate register: " + std::string(O.Name));
    return 0;
  }
  return R->Where;
}

Place Decoder::predicateSource(const Operand &O, bool &Negated) {
  Negated = O.Negated;
  if (O.Form != Operand::Kind::Integer)
    return predicateDestination(O);
  Instruction Set;
  Set.Line = Now->Line;
  Set.Destination = newRegister(0);
  Set.Mode = O.Value != 0;
  Set.Run = [](Warp &W, const Instruction &I, LaneMask Lanes) {
    W.setPredicate(I.Destination, Lanes, I.Mode ? AllLanes : 0);
  };
  Place P = Set.Destination;
  emit(std::move(Set), Now->Opcode);
  return P;
}

uint64_t Decoder::immediate(const Operand &O) {
  if (!isImmediate(O))
    fail("expected an immediate value");
  return O.Value;
}

void Decoder::address(const Operand &O, Instruction &I) {
  if (O.Form != Operand::Kind::Address || O.Parts.empty())
    return fail("expected an address in brackets");
  const Operand &Base = O.Parts[0];
  if (Base.Form == Operand::Kind::Integer) {
    I.Source[0] = constant(Base.Value, 8);
    I.Count = 8;
    return;
  }
  if (Base.Form != Operand::Kind::Name)
    return fail("an address that is no register and no variable");
  if (Register *R = findRegister(Base.Name)) {
    I.Source[0] = R->Where;
    I.Count = R->Bytes;
    I.Immediate = static_cast<int64_t>(O.Value);
    if (R->Bytes != 4 && R->Bytes != 8)
      fail("an address register of neither 32 nor 64 bits");
    return;
  }
  uint64_t Address = 0;
  if (!findVariable(Base.Name, Address))
    return fail("unknown name " + std::string(Base.Name));
  I.Source[0] = constant(Address, 8);
  I.Count = 8;
  I.Immediate = static_cast<int64_t>(O.Value);
}

AddressPlace Decoder::addressOf(const Operand &O) {
  Instruction I;
  address(O, I);
  AddressPlace A{I.Source[0], I.Count, I.Immediate, {}};
  if (O.Parts.size() > 1)
    A.Coordinates = sources(O.Parts[1], "b32");
  return A;
}

std::vector<Place> Decoder::sources(const Operand &O, std::string_view Type) {
  std::vector<Place> Places;
  if (O.Form != Operand::Kind::Vector)
    return {source(O, Type)};
  for (const Operand &Part : O.Parts)
    Places.push_back(source(Part, Type));
  return Places;
}

std::vector<Place> Decoder::destinations(const Operand &O, unsigned SinkBytes) {
  std::vector<Place> Places;
  if (O.Form != Operand::Kind::Vector)
    return {destination(O)};
  for (const Operand &Part : O.Parts)
    Places.push_back(destination(Part));
  return Places;
}

void Decoder::sharedAccess(unsigned Bytes) {
  Out.SharedGranule = std::min(Out.SharedGranule, std::max(Bytes, 1u));
}

void Decoder::asynchronous(const std::vector<Place> &Places) {
  for (Place P : Places)
    if (!(P & ConstantPlace))
      AsyncPlaces.push_back(P);
}

void Decoder::branchTarget(const Operand &O, const Statement &S) {
  Top->Fixups.push_back({Out.Code.size(), O.Name, S.Scope, S.Line, false});
}

void Decoder::branchTable(const Operand &O, const Statement &S, Instruction &I) {
  Top->Fixups.push_back({Out.Code.size(), O.Name, S.Scope, S.Line, true});
}

// Special registers are read into a register of their own just before they are used.
Place Decoder::special(std::string_view Name, unsigned Bytes) {
  Execute Run = nullptr;
  uint32_t Mode = 0;
  unsigned Width = 4;
  if (!specialRegister(Name, Run, Mode, Width)) {
    fail("unknown register " + std::string(Name));
    return 0;
  }
  Instruction Read;
  Read.Line = Now->Line;
  Read.Run = Run;
  Read.Mode = Mode;
  Read.Count = Bytes == 8 ? 8 : 4;
  Read.Destination = newRegister(Read.Count);
  Place P = Read.Destination;
  emit(std::move(Read), Now->Opcode);
  return P;
}

void Decoder::emit(Instruction I, std::string_view Opcode) {
  Out.Code.push_back(std::move(I));
  Out.Opcodes.push_back(Opcode);
}

void Decoder::placeVariable(Frame &F, const Variable &V) {
  auto Align = [&](uint32_t At) { return (At + V.Alignment - 1) / V.Alignment * V.Alignment; };
  uint64_t Address = 0;
  if (V.Space == StateSpace::Shared) {
    uint32_t At = Align(SharedBase + Out.StaticShared);
    Out.StaticShared = At - SharedBase + V.Bytes;
    Address = At;
  } else if (V.Space == StateSpace::Local || V.Space == StateSpace::Parameter) {
    uint32_t At = Align(Out.LocalBytes);
    Out.LocalBytes = At + V.Bytes;
    Address = LocalWindow + At;
  } else {
    return fail("a variable of this space in a function: " + std::string(V.Name));
  }
  F.Variables[V.Scope][V.Name] = Address;
}

void Decoder::declare(Frame &F) {
  size_t Scopes = F.Body->ScopeParents.size();
  F.Registers.resize(Scopes);
  F.Ranges.resize(Scopes);
  F.Variables.resize(Scopes);
  for (const RegisterDeclaration &D : F.Body->Registers) {
    unsigned Bytes = typeBytes(D.Type);
    if (D.Count)
      F.Ranges[D.Scope].push_back(&D);
    else
      F.Registers[D.Scope][D.Name] = Register{newRegister(Bytes), Bytes};
  }
  for (const Variable &V : F.Body->Variables)
    if (V.Space != StateSpace::Shared)
      placeVariable(F, V);
    else if (F.Caller)
      fail("shared variables in a called function: " + std::string(V.Name));
}

void Decoder::instruction(const Statement &S) {
  Modifiers M = splitOpcode(S.Opcode);
  auto Found = opcodeTable().find(M[0]);
  if (Found == opcodeTable().end())
    return unknown(S);
  Instruction I;
  I.Line = S.Line;
  Found->second(*this, S, M, I);
  if (failed())
    return;
  if (!S.Guard.empty()) {
    Register *R = findRegister(S.Guard);
    if (!R || R->Bytes)
      return fail("the guard is no predicate: " + std::string(S.Guard));
    I.Guard = R->Where;
    I.GuardNegated = S.GuardNegated;
  }
  if (I.Run)
    emit(std::move(I), S.Opcode);
}

void Decoder::statements(Frame &F) {
  for (size_t N = 0; N < F.Body->Statements.size() && !failed(); ++N) {
    const Statement &S = F.Body->Statements[N];
    Now = &S;
    if (S.Label) {
      if (!F.Labels.emplace(std::make_pair(S.Scope, S.Opcode), Out.Code.size()).second)
        fail("the label is there twice");
      continue;
    }
    if (S.Opcode == ".branchtargets") {
      std::vector<std::string_view> Targets;
      for (const Operand &O : S.Operands)
        Targets.push_back(O.Name);
      F.Tables[Out.Code.size()] = std::move(Targets);
      continue;
    }
    instruction(S);
  }
}

void Decoder::resolve(Frame &F) {
  auto Find = [&](std::string_view Label, uint32_t Scope) -> int64_t {
    for (;; Scope = F.Body->ScopeParents[Scope]) {
      auto Found = F.Labels.find({Scope, Label});
      if (Found != F.Labels.end())
        return Found->second;
      if (Scope == 0)
        return -1;
    }
  };
  for (const Fixup &X : F.Fixups) {
    int64_t Target = Find(X.Label, X.Scope);
    bool Known = Target >= 0;
    if (Known && !X.Table) {
      Out.Code[X.Instruction].Immediate = Target;
      continue;
    }
    auto Table = F.Tables.find(Target);
    Known &= Table != F.Tables.end();
    for (size_t N = 0; Known && N < Table->second.size(); ++N) {
      int64_t Entry = Find(Table->second[N], X.Scope);
      Known &= Entry >= 0;
      Out.Code[X.Instruction].Elements.push_back(ConstantPlace | static_cast<Place>(Entry));
    }
    if (!Known)
      return fail("PTX line " + std::to_string(X.Line) + ": there is no label " +
                  std::string(X.Label));
  }
  for (size_t R : F.Returns)
    Out.Code[R].Immediate = Out.Code.size();
}

void Decoder::function(Frame &F) {
  Frame *Before = Top;
  Top = &F;
  declare(F);
  statements(F);
  Now = nullptr;
  if (!failed())
    resolve(F);
  Top = Before;
}

static void returnFromInlined(Warp &W, const Instruction &I, LaneMask Lanes) {
  W.jump(static_cast<uint32_t>(I.Immediate), Lanes);
}

static void exitThread(Warp &W, const Instruction &I, LaneMask Lanes) { W.exit(Lanes); }

void Decoder::call(const Statement &S, const Modifiers &M, Instruction &I) {
  if (M[0] == "ret") {
    I.Run = Top->Caller ? returnFromInlined : exitThread;
    if (Top->Caller)
      Top->Returns.push_back(Out.Code.size());
    return;
  }
  size_t At = 0;
  static const Operand Nothing;
  const Operand &Results =
      !S.Operands.empty() && S.Operands[0].Form == Operand::Kind::List ? S.Operands[At++] : Nothing;
  std::string_view Name = At < S.Operands.size() ? S.Operands[At++].Name : std::string_view();
  const Operand &Arguments = At < S.Operands.size() ? S.Operands[At] : Nothing;
  if (!S.Guard.empty())
    return fail("a call with a guard");
  auto Callee =
      std::find_if(Module.Functions.begin(), Module.Functions.end(),
                   [&](const Function &F) { return F.Name == Name && F.Defined && !F.Entry; });
  if (Callee == Module.Functions.end())
    return fail("the module does not define the called function " + std::string(Name));
  if (++Depth > 32)
    return fail("calls nested more than 32 deep (recursion?): " + std::string(Name));
  if (Callee->Parameters.size() != Arguments.Parts.size() ||
      Callee->Results.size() != Results.Parts.size())
    return fail("a call of " + std::string(Name) + " with a wrong number of arguments");
  Frame F;
  F.Body = &*Callee;
  F.Caller = Top;
  F.Variables.resize(Callee->ScopeParents.size());
  auto Bind = [&](const std::vector<Variable> &Names, const Operand &Values) {
    for (size_t N = 0; N < Names.size(); ++N) {
      uint64_t Address = 0;
      if (!findVariable(Values.Parts[N].Name, Address))
        fail("arguments of calls must be .param variables: " + std::string(Values.Parts[N].Name));
      F.Variables[0][Names[N].Name] = Address;
    }
  };
  Bind(Callee->Parameters, Arguments);
  Bind(Callee->Results, Results);
  const Statement *Call = Now;
  if (!failed())
    function(F);
  Now = Call;
  --Depth;
}

void Decoder::layOutParameters() {
  for (const Variable &V : Entry.Parameters) {
    uint32_t At = (Out.ParameterBytes + V.Alignment - 1) / V.Alignment * V.Alignment;
    Out.Parameters.push_back({At, static_cast<uint32_t>(V.Bytes)});
    Out.ParameterBytes = At + V.Bytes;
  }
}

static void collectNames(const std::vector<Operand> &Operands,
                         std::unordered_set<std::string_view> &Names) {
  for (const Operand &O : Operands) {
    if (!O.Name.empty())
      Names.insert(O.Name);
    collectNames(O.Parts, Names);
  }
}

/// Variables of the module take space only in kernels that name them (or may, through a function).
/// Static ones come first, those of the body after them, the dynamic one last.
void Decoder::layOutShared(Frame &F) {
  std::unordered_set<std::string_view> Names;
  for (const Function &Each : Module.Functions)
    if (&Each == &Entry || !Each.Entry)
      for (const Statement &S : Each.Statements)
        collectNames(S.Operands, Names);
  for (const Variable &V : Module.Variables)
    if (V.Space == StateSpace::Shared && !V.External && Names.count(V.Name))
      placeVariable(F, V);
  for (const Variable &V : Entry.Variables)
    if (V.Space == StateSpace::Shared)
      placeVariable(F, V);
  for (const Variable &V : Module.Variables)
    if (V.Space == StateSpace::Shared && V.External && Names.count(V.Name))
      Out.DynamicAlignment = std::max(Out.DynamicAlignment, V.Alignment);
  uint32_t Align = Out.DynamicAlignment;
  uint32_t Dynamic = (SharedBase + Out.StaticShared + Align - 1) / Align * Align;
  for (const Variable &V : Module.Variables)
    if (V.Space == StateSpace::Shared && V.External)
      F.Variables[0][V.Name] = Dynamic;
}

void Decoder::markAsynchronous() {
  if (AsyncPlaces.empty())
    return;
  Out.AsyncSlots.assign(Out.RegisterSlots, false);
  for (Place P : AsyncPlaces)
    Out.AsyncSlots[P] = true;
  auto Touches = [&](Place P) {
    return !(P & (ConstantPlace | PredicatePlace)) && Out.AsyncSlots[P];
  };
  for (Instruction &I : Out.Code) {
    I.TouchesAsync = Touches(I.Destination) || Touches(I.Second);
    for (Place P : I.Source)
      I.TouchesAsync |= Touches(P);
    for (const auto *List : {&I.Results, &I.Elements, &I.More})
      for (Place P : *List)
        I.TouchesAsync |= Touches(P);
  }
}

Result<Kernel> Decoder::run() {
  Out.Name = std::string(Entry.Name);
  Out.RequiredThreads = Entry.RequiredThreads;
  Out.MaximumThreads = Entry.MaximumThreads;
  Out.MinimumCtas = Entry.MinimumCtas;
  Out.MaximumRegisters = Entry.MaximumRegisters;
  Out.Cluster = Entry.Cluster;
  layOutParameters();
  Frame F;
  F.Body = &Entry;
  F.Variables.resize(Entry.ScopeParents.size());
  for (size_t N = 0; N < Entry.Parameters.size(); ++N)
    F.Variables[0][Entry.Parameters[N].Name] = ParameterWindow + Out.Parameters[N].Offset;
  Top = &F;
  layOutShared(F);
  function(F);
  if (failed())
    return Error.within("kernel " + Out.Name);
  Instruction End;
  End.Run = exitThread;
  emit(std::move(End), "exit");
  markAsynchronous();
  return std::move(Out);
}

} // namespace qopt::ptxsim
