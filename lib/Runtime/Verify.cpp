#include "qopt/Runtime/Verify.h"

#include "qopt/Base/Hash.h"
#include "qopt/Base/SeededNumbers.h"
#include "qopt/Package/Verification.h"

#include <algorithm>
#include <cmath>

namespace qopt::runtime {

using artefact::BufferKind;
using artefact::Check;
using artefact::Fill;
using artefact::VerifyCase;

bool VerifyReport::passed() const {
  return WeightsIntact && std::all_of(Results.begin(), Results.end(),
                                      [](const CheckedResult &R) { return R.passed(); });
}

namespace {

/// One launch, and those that continue it, with memory of their own.
class CaseRunner {
public:
  CaseRunner(Program &Shared, const VerifyCase &Case)
      : Shared(Shared), Case(Case), Launch(Shared.table().Launches[Case.Launch]) {}

  Status run();
  Result<CheckedResult> compare(const Check &Of);

private:
  Status allocate();
  Status fill(const Fill &From);

  Program &Shared;
  const VerifyCase &Case;
  const artefact::Launch &Launch;
  std::vector<DeviceMemory> Memory; ///< per argument; empty for constants
  std::vector<void *> Addresses;
};

} // namespace

Status CaseRunner::allocate() {
  for (size_t I = 0; I < Launch.Buffers.size(); ++I) {
    int64_t Buffer = Launch.Buffers[I];
    Memory.emplace_back();
    Addresses.push_back(Shared.constants()[Buffer]);
    if (Addresses.back())
      continue;
    int64_t Bytes =
        argumentBytes(Shared.table(), Launch, static_cast<int64_t>(I), Case.Symbols.data())
            .value_or(0);
    Result<DeviceMemory> New = DeviceMemory::allocate(Shared.device(), Bytes);
    if (!New)
      return New.status();
    Memory.back() = std::move(*New);
    Addresses.back() = Memory.back().address();
  }
  return {};
}

Status CaseRunner::fill(const Fill &From) {
  int64_t Size = dataTypeSize(From.Type);
  for (auto [First, End] : From.Runs) {
    std::vector<char> Host(static_cast<size_t>((End - First) * Size));
    writeSeeded(From, First, End - First, Host.data());
    Status S = Shared.device().copyToDevice(Memory[From.Argument].address() + First * Size,
                                            Host.data(), static_cast<int64_t>(Host.size()));
    if (!S.ok())
      return S;
  }
  return {};
}

Status CaseRunner::run() {
  if (Status S = allocate(); !S.ok())
    return S;
  for (const Fill &From : Case.Fills)
    if (Status S = fill(From); !S.ok())
      return S;
  const std::vector<artefact::Launch> &Launches = Shared.table().Launches;
  std::vector<BoundLaunch> Bound;
  for (size_t I = Case.Launch; I < Launches.size() && (Bound.empty() || Launches[I].Continues);
       ++I) {
    if (!Launches[I].runsFor(Case.Symbols.data()))
      continue;
    std::optional<int64_t> Items = Launches[I].Range.evaluate(Case.Symbols.data());
    if (!Items)
      return makeError(StatusCode::Internal, "launch \"", Launch.Name, "\" has no valid range");
    Bound.push_back({static_cast<int64_t>(I), *Items, Addresses.data()});
  }
  Step Walk;
  Walk.Symbols = Case.Symbols.data();
  Walk.Launches = Bound.data();
  Walk.Count = Bound.front().Items > 0 ? Bound.size() : 0;
  return Shared.device().run(Walk);
}

static double allowedError(const Check &Of, double Value, double Largest) {
  if (Of.Budget.Metric == "absolute")
    return Of.Budget.Bound;
  return Of.Budget.Bound * (1 + (Of.Budget.Metric == "largest" ? Largest : std::fabs(Value)));
}

static double largestFinite(const std::vector<double> &Values) {
  double Largest = 0;
  for (double Value : Values)
    if (std::isfinite(Value))
      Largest = std::max(Largest, std::fabs(Value));
  return Largest;
}

/// The error of a result, infinite where it is not a number that it should be.
static double errorOf(double Got, double Wanted) {
  if (Got == Wanted || (std::isnan(Got) && std::isnan(Wanted)))
    return 0;
  double Error = std::fabs(Got - Wanted);
  return std::isfinite(Error) ? Error : INFINITY;
}

/// The error in units of the allowed one.
static double shareOf(double Error, double Allowed) {
  if (Error == 0)
    return 0;
  return Allowed > 0 && std::isfinite(Error) ? Error / Allowed : INFINITY;
}

Result<CheckedResult> CaseRunner::compare(const Check &Of) {
  CheckedResult R;
  R.Kernel = Launch.Kernel;
  R.Launch = Case.Launch;
  R.Argument = Of.Argument;
  R.Type = Of.Type;
  R.Symbols = Case.Symbols;
  R.Elements = static_cast<int64_t>(Of.Elements.size());
  R.Budget = Of.Budget;
  if (Of.Elements.empty())
    return R;
  auto [Least, Most] = std::minmax_element(Of.Elements.begin(), Of.Elements.end());
  int64_t Size = dataTypeSize(Of.Type);
  std::vector<char> Host(static_cast<size_t>((*Most - *Least + 1) * Size));
  if (Status S =
          Shared.device().copyToHost(Host.data(), Memory[Of.Argument].address() + *Least * Size,
                                     static_cast<int64_t>(Host.size()));
      !S.ok())
    return S;
  double Largest = largestFinite(Of.Values), Squares = 0;
  for (size_t I = 0; I < Of.Elements.size(); ++I) {
    double Error = errorOf(loadNumber(Of.Type, Host.data(), Of.Elements[I] - *Least), Of.Values[I]);
    R.MaxError = std::max(R.MaxError, Error);
    R.Share = std::max(R.Share, shareOf(Error, allowedError(Of, Of.Values[I], Largest)));
    Squares += Error * Error;
  }
  R.RmsError = std::sqrt(Squares / static_cast<double>(R.Elements));
  return R;
}

Result<VerifyReport> verifyProgram(Program &Program) {
  Result<artefact::Verification> Read = readVerification(Program.artefact());
  if (!Read)
    return Read.status();
  VerifyReport Report;
  Report.Unverified = Read->Unverified;
  const SafetensorsFile &Weights = Program.artefact().Weights;
  size_t Header = Weights.header().size();
  Report.WeightsIntact =
      formatHash(hashBytes(Weights.data() + Header, Weights.size() - Header)) == Read->WeightsHash;
  for (const VerifyCase &Case : Read->Cases) {
    CaseRunner Runner(Program, Case);
    if (Status S = Runner.run(); !S.ok())
      return S;
    for (const Check &Of : Case.Checks) {
      Result<CheckedResult> Compared = Runner.compare(Of);
      if (!Compared)
        return Compared.status();
      Report.Results.push_back(std::move(*Compared));
    }
  }
  return Report;
}

} // namespace qopt::runtime
