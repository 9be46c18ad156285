#include "qopt/Package/Verification.h"

#include "JsonPrinter.h"
#include "JsonReader.h"
#include "qopt/Base/CheckedMath.h"

#include <cmath>
#include <cstring>

namespace qopt {

using namespace artefact;

/// The member of the file's metadata that holds everything but the numbers.
static constexpr const char *CasesKey = "cases";

static std::string tensorName(size_t Case, size_t Check, const char *What) {
  return std::to_string(Case) + "." + std::to_string(Check) + "." + What;
}

//===- Writing --------------------------------------------------------------------------------===//

static OrderedJson fillToJson(const Fill &F) {
  OrderedJson J{{"argument", F.Argument}, {"type", dataTypeName(F.Type)}, {"seed", F.Seed}};
  if (isFloat(F.Type))
    J["magnitude"] = F.Magnitude;
  else
    J["range"] = {F.Range.Min, F.Range.Max};
  J["runs"] = F.Runs;
  return J;
}

static OrderedJson checkToJson(const Check &C) {
  OrderedJson Budget{{"operation", C.Budget.Operation},
                     {"types", C.Budget.Types},
                     {"metric", C.Budget.Metric},
                     {"bound", C.Budget.Bound}};
  return OrderedJson{{"argument", C.Argument}, {"type", dataTypeName(C.Type)}, {"budget", Budget}};
}

static OrderedJson caseToJson(const VerifyCase &Case) {
  OrderedJson Fills = OrderedJson::array(), Checks = OrderedJson::array();
  for (const Fill &F : Case.Fills)
    Fills.push_back(fillToJson(F));
  for (const Check &C : Case.Checks)
    Checks.push_back(checkToJson(C));
  return OrderedJson{
      {"launch", Case.Launch}, {"symbols", Case.Symbols}, {"fills", Fills}, {"checks", Checks}};
}

static std::string printCases(const Verification &V) {
  OrderedJson Cases = OrderedJson::array(), Unverified = OrderedJson::array();
  for (const VerifyCase &Case : V.Cases)
    Cases.push_back(caseToJson(Case));
  for (const UnverifiedKernel &Kernel : V.Unverified)
    Unverified.push_back(OrderedJson{{"kernel", Kernel.Kernel}, {"reason", Kernel.Reason}});
  OrderedJson J{
      {"schema", Schema}, {"weights", V.WeightsHash}, {"cases", Cases}, {"unverified", Unverified}};
  return J.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

namespace {
/// A safetensors file in memory.
class Tensors {
public:
  template <typename T>
  void add(const std::string &Name, const char *Type, const std::vector<T> &Values) {
    size_t Begin = Data.size();
    if (!Values.empty())
      Data.append(reinterpret_cast<const char *>(Values.data()), Values.size() * sizeof(T));
    Header[Name] = OrderedJson{
        {"dtype", Type}, {"shape", {Values.size()}}, {"data_offsets", {Begin, Data.size()}}};
  }
  std::string print(const std::string &Cases) {
    OrderedJson Full{{"__metadata__", {{CasesKey, Cases}}}};
    Full.update(Header);
    std::string Text = Full.dump();
    Text.resize((sizeof(uint64_t) + Text.size() + 63) / 64 * 64 - sizeof(uint64_t), ' ');
    uint64_t Size = Text.size();
    return std::string(reinterpret_cast<const char *>(&Size), sizeof(Size)) + Text + Data;
  }

private:
  OrderedJson Header = OrderedJson::object();
  std::string Data;
};
} // namespace

std::string printVerification(const Verification &V) {
  Tensors File;
  for (size_t I = 0; I < V.Cases.size(); ++I)
    for (size_t C = 0; C < V.Cases[I].Checks.size(); ++C) {
      File.add(tensorName(I, C, "elements"), "I64", V.Cases[I].Checks[C].Elements);
      File.add(tensorName(I, C, "values"), "F64", V.Cases[I].Checks[C].Values);
    }
  return File.print(printCases(V));
}

//===- Reading --------------------------------------------------------------------------------===//

static Fill fillFromJson(const JsonView &View) {
  View.allowOnly({"argument", "type", "seed", "magnitude", "range", "runs"});
  Fill F;
  F.Argument = View.member("argument").integer(0, INT32_MAX);
  F.Type = View.member("type").dataType();
  F.Seed = static_cast<uint64_t>(View.member("seed").integer(0, INT64_MAX));
  if (isFloat(F.Type)) {
    F.Magnitude = View.member("magnitude").number();
    View.expect(std::isfinite(F.Magnitude), "a finite magnitude");
  } else {
    std::vector<int64_t> Range;
    View.member("range").forEach([&](const JsonView &V) { Range.push_back(V.integer()); });
    if (View.expect(Range.size() == 2 && Range[0] <= Range[1], "a range [least, largest]"))
      F.Range = {Range[0], Range[1]};
  }
  View.member("runs").forEach([&](const JsonView &Run) {
    std::vector<int64_t> Ends;
    Run.forEach([&](const JsonView &V) { Ends.push_back(V.integer(0, INT64_MAX)); });
    if (Run.expect(Ends.size() == 2 && Ends[0] <= Ends[1], "a run [first, end]"))
      F.Runs.push_back({Ends[0], Ends[1]});
  });
  return F;
}

template <typename T>
static std::vector<T> readTensor(const SafetensorsFile &File, const std::string &Name,
                                 const char *Type, const JsonView &View) {
  const SafetensorsEntry *Entry = File.find(Name);
  if (!Entry || Entry->Type != Type) {
    View.fail("there is no tensor \"" + Name + "\" of type " + Type);
    return {};
  }
  std::vector<T> Values(static_cast<size_t>(Entry->Bytes) / sizeof(T));
  if (!Values.empty())
    std::memcpy(Values.data(), Entry->Data, Values.size() * sizeof(T));
  return Values;
}

static Check checkFromJson(const JsonView &View, const SafetensorsFile &File, size_t Case,
                           size_t Number) {
  View.allowOnly({"argument", "type", "budget"});
  Check C;
  C.Argument = View.member("argument").integer(0, INT32_MAX);
  C.Type = View.member("type").dataType();
  JsonView Budget = View.member("budget");
  C.Budget = {Budget.member("operation").string(), Budget.member("types").string(),
              Budget.member("metric").string(), Budget.member("bound").number()};
  C.Elements = readTensor<int64_t>(File, tensorName(Case, Number, "elements"), "I64", View);
  C.Values = readTensor<double>(File, tensorName(Case, Number, "values"), "F64", View);
  View.expect(C.Elements.size() == C.Values.size(), "as many elements as values");
  const std::string &Metric = C.Budget.Metric;
  View.expect(Metric == "relative" || Metric == "largest" || Metric == "absolute",
              "the metric relative, largest or absolute");
  return C;
}

static VerifyCase caseFromJson(const JsonView &View, const SafetensorsFile &File, size_t Number) {
  View.allowOnly({"launch", "symbols", "fills", "checks"});
  VerifyCase Case;
  Case.Launch = View.member("launch").integer(0, INT32_MAX);
  View.member("symbols").forEach([&](const JsonView &V) { Case.Symbols.push_back(V.integer()); });
  View.member("fills").forEach([&](const JsonView &V) { Case.Fills.push_back(fillFromJson(V)); });
  View.member("checks").forEach([&](const JsonView &V) {
    Case.Checks.push_back(checkFromJson(V, File, Number, Case.Checks.size()));
  });
  return Case;
}

std::optional<int64_t> argumentBytes(const Program &P, const Launch &L, int64_t Argument,
                                     const int64_t *Symbols) {
  const Buffer &B = P.Buffers[L.Buffers[Argument]];
  if (B.Kind == BufferKind::Arena)
    return B.Bytes.evaluate(Symbols);
  if (B.Kind == BufferKind::State) {
    std::optional<int64_t> Batch = P.symbolIndex("batch");
    return checkedMul(B.RowBytes, Batch ? Symbols[*Batch] : 1);
  }
  if (B.Kind != BufferKind::Input && B.Kind != BufferKind::Output)
    return std::nullopt;
  std::optional<int64_t> Bytes = dataTypeSize(B.Type);
  for (const Expression &Dimension : B.Shape) {
    std::optional<int64_t> Size = Dimension.evaluate(Symbols);
    Bytes = Bytes && Size ? checkedMul(*Bytes, *Size) : std::nullopt;
  }
  return Bytes;
}

namespace {
/// What a case may say about a program.
class CaseValidator {
public:
  CaseValidator(const Program &P, const VerifyCase &Case) : P(P), Case(Case) {}
  /// Empty, or what is wrong.
  std::string run() const;

private:
  std::string checkSymbols() const;
  std::string checkElements(int64_t Argument, DataType Type, int64_t First, int64_t End) const;

  const Program &P;
  const VerifyCase &Case;
};
} // namespace

std::string CaseValidator::checkSymbols() const {
  if (Case.Symbols.size() != P.Symbols.size())
    return "it gives " + std::to_string(Case.Symbols.size()) + " symbols of " +
           std::to_string(P.Symbols.size());
  for (size_t I = 0; I < P.Symbols.size(); ++I)
    if (Case.Symbols[I] < P.Symbols[I].Range.Min || Case.Symbols[I] > P.Symbols[I].Range.Max)
      return "symbol \"" + P.Symbols[I].Name + "\" is out of its range";
  if (!P.Launches[Case.Launch].runsFor(Case.Symbols.data()))
    return "the launch does not run for its symbols";
  return "";
}

std::string CaseValidator::checkElements(int64_t Argument, DataType Type, int64_t First,
                                         int64_t End) const {
  const Launch &L = P.Launches[Case.Launch];
  if (Argument >= static_cast<int64_t>(L.Buffers.size()))
    return "argument " + std::to_string(Argument) + " is none of the launch";
  std::optional<int64_t> Bytes = argumentBytes(P, L, Argument, Case.Symbols.data());
  if (!Bytes || First < 0 || End > *Bytes / dataTypeSize(Type))
    return "elements " + std::to_string(First) + " to " + std::to_string(End) + " of argument " +
           std::to_string(Argument) + " do not exist";
  return "";
}

std::string CaseValidator::run() const {
  if (Case.Launch >= static_cast<int64_t>(P.Launches.size()))
    return "launch " + std::to_string(Case.Launch) + " does not exist";
  if (std::string Problem = checkSymbols(); !Problem.empty())
    return Problem;
  for (const Fill &F : Case.Fills) {
    for (auto [First, End] : F.Runs)
      if (std::string Problem = checkElements(F.Argument, F.Type, First, End); !Problem.empty())
        return Problem;
    if (F.Runs.empty())
      continue;
    const Buffer &B = P.Buffers[P.Launches[Case.Launch].Buffers[F.Argument]];
    if (B.Range && (F.Range.Min < B.Range->Min || F.Range.Max > B.Range->Max))
      return "input \"" + B.Name + "\" would get values out of its range";
  }
  for (const Check &C : Case.Checks)
    for (int64_t Element : C.Elements)
      if (std::string Problem = checkElements(C.Argument, C.Type, Element, Element + 1);
          !Problem.empty())
        return Problem;
  return "";
}

static Verification verificationFromJson(const JsonView &View, const SafetensorsFile &File,
                                         const Program &P) {
  checkSchema(View);
  View.allowOnly({"schema", "weights", "cases", "unverified"});
  Verification V;
  V.WeightsHash = View.member("weights").string();
  View.member("cases").forEach([&](const JsonView &Each) {
    VerifyCase Case = caseFromJson(Each, File, V.Cases.size());
    std::string Problem = Each.failed() ? "" : CaseValidator(P, Case).run();
    if (!Problem.empty())
      Each.fail(Problem);
    V.Cases.push_back(std::move(Case));
  });
  View.member("unverified").forEach([&](const JsonView &Each) {
    int64_t Last = static_cast<int64_t>(P.Kernels.size()) - 1;
    V.Unverified.push_back(
        {Each.member("kernel").integer(0, Last), Each.member("reason").string()});
  });
  return V;
}

Result<Verification> readVerification(const Artefact &A) {
  std::string Path = A.filePath(VerifyFile);
  bool Listed = false;
  for (const FileRecord &Record : A.Manifest.Files)
    Listed |= Record.Name == VerifyFile;
  if (!Listed)
    return makeError(StatusCode::BadInput, A.Folder, ": has no ", VerifyFile,
                     "; compile the model again to verify it");
  Result<SafetensorsFile> File = SafetensorsFile::open(Path);
  if (!File)
    return File.status();
  auto Cases = File->metadata().find(CasesKey);
  if (Cases == File->metadata().end())
    return makeError(StatusCode::BadInput, Path, ": holds no cases");
  Result<nlohmann::json> Json = parseJson(Cases->second, Path);
  if (!Json)
    return Json.status();
  Status Error;
  Verification V = verificationFromJson(JsonView(*Json, Path, Error), *File, A.Program);
  if (!Error.ok())
    return Error;
  return V;
}

} // namespace qopt
