// --profile
#include "Report.h"
#include "Tool.h"
#include "Workload.h"

#include <cstdio>

namespace qopt::run {

static Json launchesOf(const runtime::Session &Session) {
  const artefact::Program &Table = Session.program().table();
  const runtime::Profile &P = Session.profile();
  Json List = Json::array();
  for (size_t I = 0; I < Table.Launches.size(); ++I) {
    if (P.Calls[I] == 0)
      continue;
    List.push_back(Json{{"launch", Table.Launches[I].Name},
                        {"kernel", Table.Kernels[Table.Launches[I].Kernel].Name},
                        {"calls", P.Calls[I]},
                        {"seconds", P.Seconds[I]},
                        {"read_bytes", P.Reads[I]},
                        {"written_bytes", P.Writes[I]}});
  }
  return List;
}

static void printPhase(const std::string &Title, const Json &Launches) {
  double Total = 0;
  for (const Json &L : Launches)
    Total += L["seconds"].get<double>();
  std::printf("%s: %.3f ms in %zu launches\n", Title.c_str(), Total * 1e3, Launches.size());
  std::printf("  %-36s %8s %10s %6s %12s %8s\n", "launch", "calls", "us/call", "%", "bytes/call",
              "GB/s");
  for (const Json &L : Launches) {
    double Seconds = L["seconds"], Calls = L["calls"].get<double>();
    double Bytes = L["read_bytes"].get<double>() + L["written_bytes"].get<double>();
    std::printf("  %-36s %8.0f %10.2f %6.1f %12.0f %8.2f\n", L["launch"].get<std::string>().c_str(),
                Calls, Seconds / Calls * 1e6, Total > 0 ? Seconds / Total * 100 : 0.0,
                Bytes / Calls, Seconds > 0 ? Bytes / Seconds * 1e-9 : 0.0);
  }
}

/// Measures one phase of the work, after an unmeasured round.
template <typename F>
static Status measure(Workload &W, const char *Title, F Work, const Options &O, Json &Report) {
  W.session().setProfiling(true);
  Status S = Work();
  W.session().setProfiling(false);
  Report[Title] = launchesOf(W.session());
  if (S.ok() && !O.jsonOnly())
    printPhase(Title, Report[Title]);
  return S;
}

Status profile(const ProgramHandle &Program, const Options &O) {
  Result<std::unique_ptr<Workload>> Made = Workload::create(Program, O);
  if (!Made)
    return Made.status();
  Workload &W = **Made;
  Json Report;
  Report["name"] = Program->manifest().Name;
  Report["isa"] = Program->device().isa();
  Report["threads"] = Program->device().workers();
  Status S;
  if (W.isDecoder()) {
    S = W.prefill();
    S = S.ok() ? W.decode() : S;
    S = S.ok() ? measure(
                     W, "prefill", [&] { return W.prefill(); }, O, Report)
               : S;
    S = S.ok() ? measure(
                     W, "decode", [&] { return W.decode(); }, O, Report)
               : S;
  } else {
    S = W.runGraph();
    S = S.ok() ? measure(
                     W, "run", [&] { return W.runGraph(); }, O, Report)
               : S;
  }
  std::fflush(stdout);
  return S.ok() ? writeReport(O, Report) : S;
}

} // namespace qopt::run
