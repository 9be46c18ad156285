// --verify
#include "Report.h"
#include "Tool.h"

#include "qopt/Runtime/Verify.h"

#include <cmath>
#include <cstdio>

namespace qopt::run {

using runtime::CheckedResult;
using runtime::VerifyReport;

/// "batch 2, tokens 5": the sizes that the launch ran for.
static std::string shapeText(const runtime::Program &P, const CheckedResult &R) {
  std::string Text;
  for (size_t I = 0; I < R.Symbols.size(); ++I)
    Text += (I ? ", " : "") + P.table().Symbols[I].Name + " " + std::to_string(R.Symbols[I]);
  return Text;
}

static std::string budgetText(const CheckedResult &R) {
  char Bound[32];
  std::snprintf(Bound, sizeof(Bound), "%.1g", R.Budget.Bound);
  return R.Budget.Operation + ", " + R.Budget.Types + ": " + Bound + " " + R.Budget.Metric;
}

/// JSON has no infinity.
static Json numberOrNull(double Value) { return std::isfinite(Value) ? Json(Value) : Json(); }

static Json resultJson(const runtime::Program &P, const CheckedResult &R) {
  Json Symbols = Json::object();
  for (size_t I = 0; I < R.Symbols.size(); ++I)
    Symbols[P.table().Symbols[I].Name] = R.Symbols[I];
  return Json{{"kernel", P.table().Kernels[R.Kernel].Name},
              {"launch", P.table().Launches[R.Launch].Name},
              {"argument", R.Argument},
              {"type", dataTypeName(R.Type)},
              {"symbols", Symbols},
              {"elements", R.Elements},
              {"max_error", numberOrNull(R.MaxError)},
              {"rms_error", numberOrNull(R.RmsError)},
              {"budget",
               {{"operation", R.Budget.Operation},
                {"types", R.Budget.Types},
                {"metric", R.Budget.Metric},
                {"bound", R.Budget.Bound}}},
              {"share_of_budget", numberOrNull(R.Share)},
              {"passed", R.passed()}};
}

static Json reportJson(const runtime::Program &P, const VerifyReport &Report) {
  Json Results = Json::array(), Unverified = Json::array();
  for (const CheckedResult &R : Report.Results)
    Results.push_back(resultJson(P, R));
  for (const artefact::UnverifiedKernel &U : Report.Unverified)
    Unverified.push_back(Json{{"kernel", P.table().Kernels[U.Kernel].Name}, {"reason", U.Reason}});
  return Json{{"name", P.manifest().Name}, {"isa", P.device().isa()},
              {"passed", Report.passed()}, {"weights_intact", Report.WeightsIntact},
              {"results", Results},        {"unverified", Unverified}};
}

static void printText(const runtime::Program &P, const VerifyReport &Report) {
  std::printf("%s, kernels for %s\n", P.manifest().Name.c_str(), P.device().isa().c_str());
  std::printf("  %-20s %-32s %-5s %8s %11s %11s %9s  %s\n", "kernel", "sizes", "type", "elements",
              "max error", "RMS error", "of budget", "budget");
  for (const CheckedResult &R : Report.Results)
    std::printf("  %-20s %-32s %-5s %8lld %11.3g %11.3g %8.1f%%  %s%s\n",
                P.table().Kernels[R.Kernel].Name.c_str(), shapeText(P, R).c_str(),
                std::string(dataTypeName(R.Type)).c_str(), static_cast<long long>(R.Elements),
                R.MaxError, R.RmsError, R.Share * 100, budgetText(R).c_str(),
                R.passed() ? "" : "  OVER");
  for (const artefact::UnverifiedKernel &U : Report.Unverified)
    std::printf("  %-20s no case: %s\n", P.table().Kernels[U.Kernel].Name.c_str(),
                U.Reason.c_str());
  std::printf("  weights.safetensors: %s\n",
              Report.WeightsIntact ? "as the compiler wrote it" : "CHANGED since it was written");
  std::fflush(stdout);
}

Status verify(const ProgramHandle &Program, const Options &O) {
  Result<VerifyReport> Report = runtime::verifyProgram(*Program);
  if (!Report)
    return Report.status();
  if (!O.jsonOnly())
    printText(*Program, *Report);
  if (Status S = writeReport(O, reportJson(*Program, *Report)); !S.ok())
    return S;
  if (Report->passed())
    return {};
  int64_t Over = 0;
  for (const CheckedResult &R : Report->Results)
    Over += !R.passed();
  return makeError(StatusCode::Failed, Program->manifest().Name, ": ", Over, " of ",
                   Report->Results.size(), " results are over their budget",
                   Report->WeightsIntact ? "" : ", and weights.safetensors is not as written",
                   "; compile the model again");
}

} // namespace qopt::run
