// The launch interface with a device whose memory is not the host's.
#include "TestArtefact.h"
#include "qopt/Runtime/Verify.h"

#include <cstring>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <map>
#include <set>

using namespace qopt;
using namespace qopt::test;

namespace {
using KernelFunction = void (*)(int64_t, int64_t, void *const *, const int64_t *, void *);

/// Copies everything in and out, as a device with memory of its own must, and refuses to run on an
/// address that it did not give out.
class CopyingDevice final : public runtime::Device {
public:
  explicit CopyingDevice(const Artefact &A)
      : A(A), Code(dlopen(QOPT_TEST_KERNELS, RTLD_NOW | RTLD_LOCAL)) {}
  ~CopyingDevice() override {
    for (void *Block : Staged)
      release(Block, 0);
    EXPECT_TRUE(Blocks.empty()) << "memory was not given back";
    dlclose(Code);
  }

  Result<void *> allocate(int64_t Bytes) override {
    void *Block = std::aligned_alloc(64, static_cast<size_t>((Bytes + 127) / 64 * 64));
    std::memset(Block, 0, static_cast<size_t>(Bytes));
    Blocks[static_cast<char *>(Block)] = Bytes;
    return Block;
  }
  void release(void *Address, int64_t) override {
    EXPECT_EQ(Blocks.erase(static_cast<char *>(Address)), 1u);
    std::free(Address);
  }
  Status clear(void *Address, int64_t Bytes) override {
    std::memset(Address, 0, static_cast<size_t>(Bytes));
    return {};
  }
  Status copy(void *To, const void *From, int64_t Bytes) override {
    std::memcpy(To, From, static_cast<size_t>(Bytes));
    return {};
  }
  Status copyToDevice(void *To, const void *From, int64_t Bytes) override {
    return copy(To, From, Bytes);
  }
  Status copyToHost(void *To, const void *From, int64_t Bytes) override {
    return copy(To, From, Bytes);
  }
  Result<void *> importConstant(const void *Data, int64_t Bytes) override {
    return stage(Data, Bytes);
  }
  Result<std::unique_ptr<runtime::HostWindow>> openWindow() override {
    return std::unique_ptr<runtime::HostWindow>(new Window(*this));
  }
  Status run(const runtime::Step &Step) override {
    alignas(64) char Scratch[64];
    for (size_t I = 0; I < Step.Count; ++I) {
      const runtime::BoundLaunch &Bound = Step.Launches[I];
      const artefact::Launch &Launch = A.Program.Launches[Bound.Launch];
      for (size_t B = 0; B < Launch.Buffers.size(); ++B)
        if (!owns(static_cast<char *>(Bound.Buffers[B])))
          return Status(StatusCode::Internal, "an address is not the device's");
      const std::string &Symbol = A.Program.Kernels[Launch.Kernel].Variants.back().Symbol;
      auto Kernel = reinterpret_cast<KernelFunction>(dlsym(Code, Symbol.c_str()));
      Kernel(0, Bound.Items, Bound.Buffers, Step.Symbols, Scratch);
    }
    return {};
  }
  int workers() const override { return 1; }
  int64_t scratchBytes() const override { return 0; }
  int64_t peakDeviceBytes() const override { return 0; }
  const std::string &isa() const override { return Name; }

private:
  class Window final : public runtime::HostWindow {
  public:
    explicit Window(CopyingDevice &Owner) : Owner(Owner) {}
    Result<void *> attachInput(const runtime::HostTensor &Tensor) override {
      return Owner.stage(Tensor.Data, Tensor.Bytes);
    }
    Result<void *> attachOutput(const runtime::HostTensor &Tensor) override {
      return Owner.stage(Tensor.Data, Tensor.Bytes);
    }
    Status fetchOutput(const runtime::HostTensor &Tensor, void *Address) override {
      return Owner.copy(Tensor.Data, Address, Tensor.Bytes);
    }

  private:
    CopyingDevice &Owner;
  };

  Result<void *> stage(const void *Data, int64_t Bytes) {
    Result<void *> Block = allocate(Bytes);
    Staged.insert(*Block);
    std::memcpy(*Block, Data, static_cast<size_t>(Bytes));
    return Block;
  }
  bool owns(char *Address) const {
    auto After = Blocks.upper_bound(Address);
    return After != Blocks.begin() && Address < std::prev(After)->first + std::prev(After)->second;
  }

  const Artefact &A;
  void *Code;
  std::string Name = "copying";
  std::map<char *, int64_t> Blocks;
  std::set<void *> Staged;
};
} // namespace

TEST(Device, AnotherOneCanStandBehindTheInterface) {
  TemporaryFolder T;
  artefact::Manifest M = decoderManifest();
  M.Target = "elsewhere";
  writeArtefact(T.path("m"), decoderTable(), M);
  runtime::DeviceFactory Factory =
      [](const Artefact &A,
         const runtime::DeviceOptions &) -> Result<std::unique_ptr<runtime::Device>> {
    return std::unique_ptr<runtime::Device>(new CopyingDevice(A));
  };
  Result<std::shared_ptr<runtime::Program>> Program =
      runtime::Program::load(T.path("m"), {}, Factory);
  ASSERT_TRUE(Program) << Program.status().message();
  auto Session = newSession(*Program, 2);
  std::vector<int64_t> First = {1, 2, 3, 4, 5, 6}, Second = {7};
  ASSERT_TRUE(decode(*Session, {First, Second}, 3));
  Result<std::unique_ptr<runtime::Session>> Fork = Session->fork();
  ASSERT_TRUE(Fork);
  Result<std::vector<float>> Logits = decode(**Fork, {{9}, {8}}, 1);
  ASSERT_TRUE(Logits) << Logits.status().message();
  First.push_back(9);
  Second.push_back(8);
  std::vector<float> Expected = expectedLogits(First), Other = expectedLogits(Second);
  Expected.insert(Expected.end(), Other.begin(), Other.end());
  EXPECT_EQ(*Logits, Expected);
}

TEST(Device, VerificationUsesItsMemory) {
  TemporaryFolder T;
  writeVerifiedGraph(T.path("m"), graphVerification(), "elsewhere");
  runtime::DeviceFactory Factory =
      [](const Artefact &A,
         const runtime::DeviceOptions &) -> Result<std::unique_ptr<runtime::Device>> {
    return std::unique_ptr<runtime::Device>(new CopyingDevice(A));
  };
  Result<std::shared_ptr<runtime::Program>> Program =
      runtime::Program::load(T.path("m"), {}, Factory);
  ASSERT_TRUE(Program) << Program.status().message();
  Result<runtime::VerifyReport> Report = runtime::verifyProgram(**Program);
  ASSERT_TRUE(Report) << Report.status().message();
  EXPECT_TRUE(Report->passed());
  EXPECT_EQ(Report->Results.size(), 3u);
}
