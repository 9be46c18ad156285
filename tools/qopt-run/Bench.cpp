// --bench
#include "Report.h"
#include "Tool.h"
#include "Workload.h"

#include "qopt/Runtime/MemorySampler.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace qopt::run {

template <typename F> static Status timed(F Work, std::vector<double> &Seconds) {
  auto Begin = std::chrono::steady_clock::now();
  Status S = Work();
  Seconds.push_back(
      std::chrono::duration<double>(std::chrono::steady_clock::now() - Begin).count());
  return S;
}

static double median(std::vector<double> Values) {
  std::sort(Values.begin(), Values.end());
  size_t Middle = Values.size() / 2;
  return Values.size() % 2 ? Values[Middle] : (Values[Middle - 1] + Values[Middle]) / 2;
}

/// The first round, which reads the weights from disk, is not counted.
static Status benchDecoder(Workload &W, const Options &O, Json &Report) {
  std::vector<double> Prefill, Decode;
  for (int64_t Round = 0; Round <= O.BenchRepeat; ++Round) {
    if (Status S = timed([&] { return W.prefill(); }, Prefill); !S.ok())
      return S;
    if (Status S = timed([&] { return W.decode(); }, Decode); !S.ok())
      return S;
  }
  Prefill.erase(Prefill.begin());
  Decode.erase(Decode.begin());
  double First = median(Prefill);
  Report["prefill_tokens_per_s"] = double(O.BenchBatch * O.BenchPrompt) / First;
  Report["decode_tokens_per_s"] = double(O.BenchBatch * O.BenchTokens) / median(Decode);
  Report["time_to_first_token_s"] = First;
  Report["batch"] = O.BenchBatch;
  Report["prompt"] = O.BenchPrompt;
  Report["tokens"] = O.BenchTokens;
  return {};
}

static Status benchGraph(Workload &W, const Options &O, Json &Report) {
  std::vector<double> Seconds;
  for (int64_t Round = 0; Round <= O.BenchRepeat; ++Round)
    if (Status S = timed([&] { return W.runGraph(); }, Seconds); !S.ok())
      return S;
  Seconds.erase(Seconds.begin());
  Report["seconds_per_run"] = median(Seconds);
  return {};
}

static void printTable(const Json &Report) {
  for (const auto &Item : Report.items())
    std::printf("  %-24s %s\n", Item.key().c_str(), Item.value().dump().c_str());
  std::fflush(stdout);
}

Status bench(const ProgramHandle &Program, const Options &O) {
  runtime::MemorySampler Memory;
  Result<std::unique_ptr<Workload>> W = Workload::create(Program, O);
  if (!W)
    return W.status();
  Json Report;
  Report["name"] = Program->manifest().Name;
  Report["isa"] = Program->device().isa();
  Report["threads"] = Program->device().workers();
  Status S = (*W)->isDecoder() ? benchDecoder(**W, O, Report) : benchGraph(**W, O, Report);
  if (!S.ok())
    return S;
  Report["peak_private_bytes"] = Memory.peakPrivateBytes();
  int64_t DeviceBytes = Program->device().peakDeviceBytes();
  Report["peak_device_bytes"] = DeviceBytes ? Json(DeviceBytes) : Json();
  if (!O.jsonOnly())
    printTable(Report);
  return writeReport(O, Report);
}

} // namespace qopt::run
