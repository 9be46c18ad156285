// The driver interface: memory, modules, tensor maps, launches.
#include "Chips.h"
#include "Decoder.h"
#include "Machine.h"
#include "Scheduler.h"
#include "TensorMaps.h"

#include <algorithm>
#include <cstring>
#include <list>
#include <map>
#include <thread>

namespace qopt::ptxsim {
namespace {

using runtime::GpuAddress;
using runtime::GpuLaunch;
using runtime::GpuProperties;
using runtime::TensorMap;
using runtime::TensorMapShape;

struct Module {
  std::string Text; ///< the unit's views point into it
  Unit Parsed;
  VariableAddresses Globals;
};

struct LoadedFunction {
  Kernel Program;
};

class Driver final : public Simulator {
public:
  Driver(const SimulatorOptions &Options, GpuProperties Chip)
      : Options(Options), Chip(std::move(Chip)),
        Memory(this->Chip.MemoryBytes, Options.CheckUninitialisedGlobal) {}

  const GpuProperties &properties() const override { return Chip; }
  Result<GpuAddress> allocate(int64_t Bytes) override {
    return Memory.allocate(std::max<int64_t>(Bytes, 0));
  }
  void release(GpuAddress Address) override { Memory.release(Address); }
  Status clear(GpuAddress Address, int64_t Bytes) override;
  Status copyToDevice(GpuAddress To, const void *From, int64_t Bytes) override;
  Status copyToHost(void *To, GpuAddress From, int64_t Bytes) override;
  Status copyOnDevice(GpuAddress To, GpuAddress From, int64_t Bytes) override;
  Result<uint64_t> loadModule(const std::string &Image) override;
  Result<uint64_t> getFunction(uint64_t Which, const std::string &Name,
                               int64_t SharedBytes) override;
  Result<TensorMap> encodeTensorMap(const TensorMapShape &Shape) override {
    return makeTensorMap(Shape);
  }
  Status launch(const GpuLaunch &Launch) override;
  Status synchronize() override;

  const std::vector<Report> &reports() const override { return Reports; }
  uint64_t warpInstructions() const override { return WarpInstructions; }
  uint64_t threadInstructions() const override { return ThreadInstructions; }

private:
  Result<uint8_t *> range(GpuAddress Address, int64_t Bytes, const char *What);
  Status placeGlobals(Module &M);
  Status checkLaunch(const Kernel &K, const GpuLaunch &L) const;

  SimulatorOptions Options;
  GpuProperties Chip;
  GlobalMemory Memory;
  std::list<Module> Modules;
  std::list<LoadedFunction> Functions;
  std::vector<Report> Reports;
  Status Pending; ///< of launches since the last call that waits
  uint64_t Launches = 0;
  uint64_t WarpInstructions = 0, ThreadInstructions = 0;
};

Result<uint8_t *> Driver::range(GpuAddress Address, int64_t Bytes, const char *What) {
  uint8_t *Data = Memory.at(Address, Bytes);
  if (!Data)
    return makeError(StatusCode::Failed, What, " of ", Bytes, " bytes: ", Memory.describe(Address));
  return Data;
}

Status Driver::clear(GpuAddress Address, int64_t Bytes) {
  auto Data = range(Address, Bytes, "clear");
  if (!Data)
    return Data.status();
  std::memset(*Data, 0, Bytes);
  Memory.markWritten(Address, Bytes);
  return Status();
}

Status Driver::copyToDevice(GpuAddress To, const void *From, int64_t Bytes) {
  auto Data = range(To, Bytes, "copy to the device");
  if (!Data)
    return Data.status();
  std::memcpy(*Data, From, Bytes);
  Memory.markWritten(To, Bytes);
  return Status();
}

Status Driver::copyToHost(void *To, GpuAddress From, int64_t Bytes) {
  Status Before = synchronize();
  if (!Before.ok())
    return Before;
  auto Data = range(From, Bytes, "copy to the host");
  if (!Data)
    return Data.status();
  std::memcpy(To, *Data, Bytes);
  return Status();
}

Status Driver::copyOnDevice(GpuAddress To, GpuAddress From, int64_t Bytes) {
  auto Target = range(To, Bytes, "copy on the device"),
       Source = range(From, Bytes, "copy on the device");
  if (!Target || !Source)
    return !Target ? Target.status() : Source.status();
  std::memmove(*Target, *Source, Bytes);
  Memory.markWritten(To, Bytes);
  return Status();
}

Status Driver::placeGlobals(Module &M) {
  for (const Variable &V : M.Parsed.Variables) {
    if (V.Space != StateSpace::Global && V.Space != StateSpace::Constant)
      continue;
    Result<uint64_t> Address = Memory.allocate(V.Bytes, V.Space == StateSpace::Constant);
    if (!Address)
      return Address.status();
    uint8_t *Data = Memory.at(*Address, V.Bytes);
    std::memset(Data, 0, V.Bytes);
    if (!V.Initial.empty())
      std::memcpy(Data, V.Initial.data(), V.Bytes);
    Memory.markWritten(*Address, V.Bytes);
    M.Globals[V.Name] = *Address;
  }
  return Status();
}

Result<uint64_t> Driver::loadModule(const std::string &Image) {
  if (Image.substr(0, 4) == "\x7f"
                            "ELF")
    return Status(StatusCode::Unsupported, "the simulator runs PTX text, not cubins");
  Modules.emplace_back();
  Module &M = Modules.back();
  M.Text = Image;
  auto Parsed = parseUnit(M.Text);
  Status Problem = Parsed ? checkTarget(Chip, Parsed->Target) : Parsed.status();
  if (Problem.ok()) {
    M.Parsed = std::move(*Parsed);
    Problem = placeGlobals(M);
  }
  if (!Problem.ok()) {
    Modules.pop_back();
    return Problem;
  }
  return reinterpret_cast<uint64_t>(&M);
}

Result<uint64_t> Driver::getFunction(uint64_t Which, const std::string &Name, int64_t SharedBytes) {
  const Module &M = *reinterpret_cast<const Module *>(Which);
  auto Found =
      std::find_if(M.Parsed.Functions.begin(), M.Parsed.Functions.end(),
                   [&](const Function &F) { return F.Entry && F.Defined && F.Name == Name; });
  if (Found == M.Parsed.Functions.end())
    return makeError(StatusCode::BadInput, "the module has no kernel called ", Name);
  if (SharedBytes > Chip.SharedBytes)
    return makeError(StatusCode::ResourceLimit, "kernel ", Name, " asks for ", SharedBytes,
                     " bytes of shared memory, the chip has ", Chip.SharedBytes);
  auto Program = Decoder(M.Parsed, *Found, M.Globals).run();
  if (!Program)
    return Program.status();
  Functions.push_back({std::move(*Program)});
  return reinterpret_cast<uint64_t>(&Functions.back());
}

Status Driver::checkLaunch(const Kernel &K, const GpuLaunch &L) const {
  uint64_t Threads = uint64_t(L.Block[0]) * L.Block[1] * L.Block[2];
  uint64_t Ctas = uint64_t(L.Grid[0]) * L.Grid[1] * L.Grid[2];
  auto Refuse = [&](const auto &...What) {
    return makeError(StatusCode::BadInput, "launch of ", K.Name, ": ", What...);
  };
  if (!Ctas || !Threads)
    return Refuse("the grid or the block is empty");
  if (Threads > 1024 || L.Block[2] > 64)
    return Refuse(Threads, " threads in a block; at most 1024, 64 of them in z");
  if (L.Grid[0] > 0x7fffffff || L.Grid[1] > 65535 || L.Grid[2] > 65535)
    return Refuse("the grid is too large");
  if (K.MaximumThreads && Threads > K.MaximumThreads)
    return Refuse(Threads, " threads in a block, .maxntid allows ", K.MaximumThreads);
  if (K.RequiredThreads[0] && K.RequiredThreads != L.Block)
    return Refuse("a block of ", L.Block[0], "x", L.Block[1], "x", L.Block[2],
                  ", .reqntid asks for ", K.RequiredThreads[0], "x", K.RequiredThreads[1], "x",
                  K.RequiredThreads[2]);
  for (int A = 0; A < 3; ++A)
    if (L.Grid[A] % K.Cluster[A])
      return Refuse("the grid is no multiple of the cluster");
  if (sharedBytes(K, L.SharedBytes) > Chip.SharedBytes)
    return Refuse(sharedBytes(K, L.SharedBytes), " bytes of shared memory, the chip has ",
                  Chip.SharedBytes);
  return Status();
}

Status Driver::launch(const GpuLaunch &Asked) {
  const Kernel &K = reinterpret_cast<const LoadedFunction *>(Asked.Function)->Program;
  Status Valid = checkLaunch(K, Asked);
  if (!Valid.ok() || !Pending.ok())
    return Valid;
  Launch L;
  L.Program = &K;
  L.Memory = &Memory;
  L.Options = Options;
  L.ChipVersion = Chip.Major * 10 + Chip.Minor;
  L.Multiprocessors = Chip.Multiprocessors;
  L.Grid = Asked.Grid;
  L.Block = Asked.Block;
  L.DynamicShared = Asked.SharedBytes;
  L.Seed = Random(Options.Seed + 0x51ed27 * ++Launches).next();
  L.Parameters.assign(K.ParameterBytes, 0);
  for (size_t N = 0; N < K.Parameters.size(); ++N)
    std::memcpy(L.Parameters.data() + K.Parameters[N].Offset, Asked.Parameters[N],
                K.Parameters[N].Bytes);
  std::vector<std::thread> Helpers;
  uint64_t Ctas = uint64_t(L.Grid[0]) * L.Grid[1] * L.Grid[2];
  for (int T = 1; T < Options.Threads && static_cast<uint64_t>(T) < Ctas; ++T)
    Helpers.emplace_back([&] { runClusters(L); });
  runClusters(L);
  for (std::thread &T : Helpers)
    T.join();
  WarpInstructions += L.WarpInstructions;
  ThreadInstructions += L.ThreadInstructions;
  if (!L.Reports.empty())
    Pending = Status(StatusCode::Failed, L.Reports.front().text());
  Reports.insert(Reports.end(), L.Reports.begin(), L.Reports.end());
  return Status();
}

Status Driver::synchronize() {
  Status Result = Pending;
  Pending = Status();
  return Result;
}

} // namespace

Result<std::unique_ptr<Simulator>> Simulator::create(const SimulatorOptions &Options) {
  auto Chip = chipProperties(Options.Chip);
  if (!Chip)
    return Chip.status();
  return std::unique_ptr<Simulator>(std::make_unique<Driver>(Options, std::move(*Chip)));
}

} // namespace qopt::ptxsim
