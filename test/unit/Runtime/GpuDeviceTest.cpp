// GPU programs through a driver whose memory and kernels are the host's.
#include "TestArtefact.h"

#include "qopt/Runtime/GpuDevice.h"

#include <cstring>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <map>

using namespace qopt;
using namespace qopt::test;
using runtime::GpuAddress;

namespace {

/// What a test changes, and what the driver has seen; outlives the driver.
struct Gpu {
  runtime::GpuProperties Properties;
  std::map<std::string, size_t> Buffers = {{"append", 3}, {"sum", 3}, {"logits_generic", 6}};
  bool TakesCubins = true;
  int64_t MostBytes = 1 << 20;
  std::string Loaded;
  std::map<GpuAddress, int64_t> Blocks;
  int64_t Used = 0, Peak = 0;
  int Launches = 0, Waits = 0;

  Gpu() {
    Properties.Name = "Host GPU";
    Properties.Major = 9;
    Properties.SharedBytes = 232448;
  }
};

class HostDriver final : public runtime::GpuDriver {
public:
  explicit HostDriver(Gpu &State)
      : State(State), Code(dlopen(QOPT_TEST_KERNELS, RTLD_NOW | RTLD_LOCAL)) {}
  ~HostDriver() override {
    EXPECT_TRUE(State.Blocks.empty()) << "memory was not given back";
    dlclose(Code);
  }

  const runtime::GpuProperties &properties() const override { return State.Properties; }
  Result<GpuAddress> allocate(int64_t Bytes) override {
    if (State.Used + Bytes > State.MostBytes)
      return makeError(StatusCode::ResourceLimit, "no room for ", Bytes, " bytes");
    void *Block = std::aligned_alloc(256, static_cast<size_t>((Bytes + 255) / 256 * 256));
    std::memset(Block, 0xff, static_cast<size_t>(Bytes));
    State.Blocks[reinterpret_cast<GpuAddress>(Block)] = Bytes;
    State.Used += Bytes;
    State.Peak = std::max(State.Peak, State.Used);
    return reinterpret_cast<GpuAddress>(Block);
  }
  void release(GpuAddress Address) override {
    ASSERT_EQ(State.Blocks.count(Address), 1u);
    State.Used -= State.Blocks[Address];
    State.Blocks.erase(Address);
    std::free(reinterpret_cast<void *>(Address));
  }
  Status clear(GpuAddress Address, int64_t Bytes) override {
    EXPECT_TRUE(owns(Address, Bytes));
    std::memset(reinterpret_cast<void *>(Address), 0, static_cast<size_t>(Bytes));
    return {};
  }
  Status copyToDevice(GpuAddress To, const void *From, int64_t Bytes) override {
    EXPECT_TRUE(owns(To, Bytes));
    std::memcpy(reinterpret_cast<void *>(To), From, static_cast<size_t>(Bytes));
    return {};
  }
  Status copyToHost(void *To, GpuAddress From, int64_t Bytes) override {
    EXPECT_TRUE(owns(From, Bytes));
    std::memcpy(To, reinterpret_cast<void *>(From), static_cast<size_t>(Bytes));
    return {};
  }
  Status copyOnDevice(GpuAddress To, GpuAddress From, int64_t Bytes) override {
    EXPECT_TRUE(owns(To, Bytes));
    return copyToHost(reinterpret_cast<void *>(To), From, Bytes);
  }
  Result<uint64_t> loadModule(const std::string &Image) override {
    if (Image == "cubin" && !State.TakesCubins)
      return Status(StatusCode::Unsupported, "no such cubins");
    State.Loaded = Image;
    return uint64_t(1);
  }
  Result<uint64_t> getFunction(uint64_t, const std::string &Name, int64_t) override {
    Names.push_back(Name);
    return uint64_t(Names.size() - 1);
  }
  Result<runtime::TensorMap> encodeTensorMap(const runtime::TensorMapShape &) override {
    return Status(StatusCode::Unsupported, "none here");
  }
  /// Buffers first, then the three symbols of the decoder.
  Status launch(const runtime::GpuLaunch &Launch) override {
    using Function = void (*)(int64_t, int64_t, void *const *, const int64_t *, void *);
    const std::string &Name = Names[Launch.Function];
    size_t Buffers = State.Buffers.at(Name);
    std::vector<void *> Addresses;
    std::vector<int64_t> Symbols;
    for (size_t I = 0; I < Buffers; ++I) {
      Addresses.push_back(*static_cast<void **>(Launch.Parameters[I]));
      EXPECT_TRUE(owns(reinterpret_cast<GpuAddress>(Addresses.back()), 1));
    }
    for (size_t I = 0; I < 3; ++I)
      Symbols.push_back(*static_cast<int64_t *>(Launch.Parameters[Buffers + I]));
    EXPECT_EQ(Launch.Block[0], 64u);
    EXPECT_EQ(Launch.SharedBytes, 128u);
    alignas(64) char Scratch[64];
    auto Kernel = reinterpret_cast<Function>(dlsym(Code, Name.c_str()));
    Kernel(0, Launch.Grid[0], Addresses.data(), Symbols.data(), Scratch);
    ++State.Launches;
    return {};
  }
  Status synchronize() override {
    ++State.Waits;
    return {};
  }

private:
  bool owns(GpuAddress Address, int64_t Bytes) const {
    auto After = State.Blocks.upper_bound(Address);
    return After != State.Blocks.begin() &&
           Address + Bytes <= std::prev(After)->first + std::prev(After)->second;
  }

  Gpu &State;
  void *Code;
  std::vector<std::string> Names;
};

artefact::Program gpuTable(const std::string &Isa) {
  artefact::Program Table = decoderTable();
  for (artefact::Kernel &Kernel : Table.Kernels)
    Kernel.Variants = {{Isa, Kernel.Variants.back().Symbol, 64, 128}};
  return Table;
}

artefact::Manifest gpuManifest() {
  artefact::Manifest M = decoderManifest();
  M.Target = "sm90";
  return M;
}

Result<std::shared_ptr<runtime::Program>> loadOn(Gpu &State, const std::string &Path) {
  return runtime::Program::load(Path, {}, [&](const Artefact &A, const runtime::DeviceOptions &) {
    return runtime::createGpuDevice(A, [&]() -> Result<std::unique_ptr<runtime::GpuDriver>> {
      return std::unique_ptr<runtime::GpuDriver>(new HostDriver(State));
    });
  });
}

void expectRefused(Gpu &State, const std::string &Path, StatusCode Code, const char *Part) {
  Status S = loadOn(State, Path).status();
  EXPECT_EQ(S.code(), Code) << S.message();
  EXPECT_NE(S.message().find(Part), std::string::npos) << S.message();
}

} // namespace

TEST(GpuDevice, RunsADecoder) {
  TemporaryFolder T;
  writeArtefact(T.path("m"), gpuTable("sm_90a"), gpuManifest(), "text", artefact::PtxFile);
  Gpu State;
  {
    auto Program = loadOn(State, T.path("m"));
    ASSERT_TRUE(Program) << Program.status().message();
    EXPECT_EQ(State.Loaded, "text");
    EXPECT_EQ((*Program)->device().isa(), "sm_90a");
    auto Session = newSession(*Program, 2);
    ASSERT_TRUE(Session);
    int64_t Before = (*Program)->device().peakDeviceBytes();
    EXPECT_EQ(Before, State.Peak);
    std::vector<int64_t> First = {1, 2, 3, 4, 5, 6}, Second = {7};
    ASSERT_TRUE(decode(*Session, {First, Second}, 3));
    // Everything was allocated before.
    EXPECT_EQ((*Program)->device().peakDeviceBytes(), Before);
    auto Fork = Session->fork();
    ASSERT_TRUE(Fork);
    auto Logits = decode(**Fork, {{9}, {8}}, 1);
    ASSERT_TRUE(Logits) << Logits.status().message();
    First.push_back(9);
    Second.push_back(8);
    std::vector<float> Expected = expectedLogits(First), Other = expectedLogits(Second);
    Expected.insert(Expected.end(), Other.begin(), Other.end());
    EXPECT_EQ(*Logits, Expected);
  }
  EXPECT_EQ(State.Used, 0);
}

TEST(GpuDevice, ProfilesByWaitingForEachLaunch) {
  TemporaryFolder T;
  writeArtefact(T.path("m"), gpuTable("sm_80"), gpuManifest(), "text", artefact::PtxFile);
  Gpu State;
  auto Program = loadOn(State, T.path("m"));
  ASSERT_TRUE(Program) << Program.status().message();
  auto Session = newSession(*Program);
  ASSERT_TRUE(decode(*Session, {{1}}, 1));
  EXPECT_EQ(State.Launches, 3);
  EXPECT_EQ(State.Waits, 1);
  Session->setProfiling(true);
  ASSERT_TRUE(decode(*Session, {{1}}, 1));
  EXPECT_EQ(State.Waits, 1 + 3 + 1);
}

TEST(GpuDevice, PrefersMachineCodeThatFits) {
  TemporaryFolder T;
  writeArtefact(T.path("m"), gpuTable("sm_90a"), gpuManifest(), "text", artefact::PtxFile, "cubin");
  Gpu State;
  ASSERT_TRUE(loadOn(State, T.path("m")));
  EXPECT_EQ(State.Loaded, "cubin");
  State.TakesCubins = false;
  ASSERT_TRUE(loadOn(State, T.path("m")));
  EXPECT_EQ(State.Loaded, "text");
}

TEST(GpuDevice, AnotherGpu) {
  TemporaryFolder T;
  writeArtefact(T.path("a"), gpuTable("sm_90a"), gpuManifest(), "text", artefact::PtxFile);
  writeArtefact(T.path("b"), gpuTable("sm_80"), gpuManifest(), "text", artefact::PtxFile);
  Gpu State;
  State.Properties.Major = 12;
  expectRefused(State, T.path("a"), StatusCode::Unsupported,
                "built for sm_90a, this GPU (Host GPU) is sm_120, recompile with --target=sm120");
  EXPECT_TRUE(loadOn(State, T.path("b")));
  State.Properties.Major = 8;
  State.Properties.Minor = 7;
  expectRefused(State, T.path("a"), StatusCode::Unsupported,
                "is sm_87, recompile with --target=sm86");
  State.Properties.Major = 7;
  expectRefused(State, T.path("b"), StatusCode::Unsupported, "built for sm_80");
}

TEST(GpuDevice, RefusesWhatDoesNotFit) {
  TemporaryFolder T;
  writeArtefact(T.path("cpu"), gpuTable("avx2"), gpuManifest(), "text", artefact::PtxFile);
  writeArtefact(T.path("none"), gpuTable("sm_80"), gpuManifest(), "text", "other.txt");
  writeArtefact(T.path("m"), gpuTable("sm_80"), gpuManifest(), "text", artefact::PtxFile);
  Gpu State;
  expectRefused(State, T.path("cpu"), StatusCode::BadInput, "which is no GPU architecture");
  expectRefused(State, T.path("none"), StatusCode::BadInput, "does not list kernels.ptx");
  State.Properties.SharedBytes = 100;
  expectRefused(State, T.path("m"), StatusCode::Unsupported, "shares 128 bytes in a block");
  State.Properties.SharedBytes = 1000;
  State.MostBytes = 64;
  expectRefused(State, T.path("m"), StatusCode::ResourceLimit, "no room for");
}

TEST(GpuDevice, WithoutADriver) {
  TemporaryFolder T;
  writeArtefact(T.path("m"), gpuTable("sm_80"), gpuManifest(), "text", artefact::PtxFile);
  Status S = runtime::Program::load(T.path("m"), {}, [](const Artefact &A, const auto &) {
               return runtime::createGpuDevice(
                   A, [] { return runtime::openCudaDriver("libnothing.so.1"); });
             }).status();
  EXPECT_EQ(S.code(), StatusCode::Unsupported);
  EXPECT_NE(S.message().find("no NVIDIA driver"), std::string::npos) << S.message();
}
