// qopt-plant-faults FILE...: plants faults in the PTX of kernels and shows that each is caught, by
// the simulator's reports or by the comparison with the reference. A fault that nobody catches, or
// that finds no place in the PTX, is a failure, and so is a kernel that fails without any.
#include "FaultFile.h"
#include "GpuMachine.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"

#include <set>

using namespace llvm;
using namespace qopt;
using namespace qopt::test;

static cl::list<std::string> Paths(cl::Positional, cl::OneOrMore, cl::desc("kernels with faults"));
static cl::opt<std::string> ChipName("chip", cl::init("sm90"), cl::desc("the chip to compile for"));
static cl::opt<unsigned> Seed("seed", cl::init(1),
                              cl::desc("of the inputs, and of the places of 'find any'"));
static cl::opt<bool> Sweep("sweep", cl::desc("plant 'find any' faults at each of their places"));
static cl::opt<bool> Dump("dump", cl::desc("print the kernels' PTX and plant nothing"));

/// A faulty loop may never end. The longest kernel here takes a hundredth of this.
static constexpr uint64_t MaxInstructions = 4'000'000;

namespace {

/// The simulated GPU, with the text that it is given exchanged for another one.
class FaultyMachine : public GpuMachine {
public:
  FaultyMachine() : GpuMachine(findChip(ChipName), MaxInstructions) {}
  void load(const CompiledModule &Compiled) override {
    Original = Compiled.Files.front().second;
    IsLoaded = GpuMachine::load(Planted.empty() ? Original : Planted);
  }
  bool canRun(const KernelVariant &) const override { return IsLoaded; }
  const std::string &getOriginal() const { return Original; }
  void plant(std::string Ptx) { Planted = std::move(Ptx); }
  /// Whether the GPU took the program; what it then did wrong is another matter.
  bool isPtx() const { return IsLoaded && (getStatus().ok() || !getReports().empty()); }
  ArrayRef<ptxsim::Report> getReports() const { return getSimulator().reports(); }

private:
  std::string Original, Planted;
  bool IsLoaded = false;
};

/// Plants the faults of one file.
class Planter {
public:
  Planter(const FaultFile &File) : File(File), Tester(File.Text, File.Sizes) {}
  /// The number of faults planted; failures are printed and counted.
  void run();
  unsigned getPlanted() const { return Planted; }
  unsigned getFailed() const { return Failed; }

private:
  /// What is seen of a run.
  struct Outcome {
    /// "race", "comparison"…, or empty if nothing was seen.
    std::string CaughtBy;
    std::string FirstMessage;
    bool IsPtx = true;
  };
  Outcome runOnce();
  bool runClean();
  void plant(const Fault &Fault);
  void plantAt(const Fault &Fault, ArrayRef<Site> Sites);
  std::vector<Site> findSites(const Fault &Fault) const;
  void fail(unsigned Line, const Twine &Message);
  FaultyMachine &getMachine() { return static_cast<FaultyMachine &>(Tester.getMachine()); }

  const FaultFile &File;
  KernelTester Tester;
  std::string Ptx;
  unsigned Planted = 0, Failed = 0;
};

} // namespace

std::unique_ptr<TestMachine> TestMachine::create(const std::vector<std::string> &) {
  return std::make_unique<FaultyMachine>();
}

void Planter::fail(unsigned Line, const Twine &Message) {
  ++Failed;
  errs() << File.Path << ":" << Line << ": " << Message << "\n";
}

Planter::Outcome Planter::runOnce() {
  ::testing::TestPartResultArray Seen;
  {
    using Reporter = ::testing::ScopedFakeTestPartResultReporter;
    Reporter Intercept(Reporter::INTERCEPT_ALL_THREADS, &Seen);
    Tester.seed(Seed).run();
  }
  Outcome Result;
  if (Seen.size() == 0)
    return Result;
  Result.FirstMessage = Seen.GetTestPartResult(0).message();
  Result.CaughtBy = "comparison";
  Result.IsPtx = getMachine().isPtx();
  if (Result.IsPtx && !getMachine().getReports().empty())
    Result.CaughtBy = ptxsim::faultName(getMachine().getReports().front().Kind);
  return Result;
}

/// Compiles; the kernel must be right without faults, and be of the family.
bool Planter::runClean() {
  Tester.budget(File.Operation, File.Types);
  Tester.weights(std::vector<unsigned>(File.Weights.begin(), File.Weights.end()));
  for (const auto &[Argument, Values] : File.Integers)
    Tester.integers(Argument, Values);
  for (const auto &[Argument, Lengths] : File.Caches)
    Tester.filledCache(Argument, Lengths);
  Outcome Clean = runOnce();
  if (!Clean.CaughtBy.empty()) {
    fail(1, "the kernel fails without any fault: " + Clean.FirstMessage);
    return false;
  }
  if (Tester.getLowering() != File.Family) {
    fail(1, "the kernel is of the family '" + Tester.getLowering() + "'");
    return false;
  }
  Ptx = getMachine().getOriginal();
  return true;
}

std::vector<Site> Planter::findSites(const Fault &Fault) const {
  size_t From = 0;
  if (!Fault.After.empty()) {
    std::vector<Site> Before = Fault.After.find(Ptx);
    if (Before.empty())
      return {};
    From = Before.front().End;
  }
  std::vector<Site> Sites = Fault.Place.find(Ptx);
  llvm::erase_if(Sites, [&](const Site &Site) { return Site.Begin < From; });
  return Sites;
}

static std::string onOneLine(StringRef Text) {
  std::string Line;
  for (StringRef Token : tokenize(Text))
    Line += (Line.empty() || StringRef(",;)]}").contains(Token[0]) ? "" : " ") + Token.str();
  return Line.size() > 60 ? Line.substr(0, 57) + "..." : Line;
}

/// Plants a fault at some places at once.
void Planter::plantAt(const Fault &Fault, ArrayRef<Site> Sites) {
  std::string Text = Ptx;
  size_t End = Text.size();
  for (const Site &Site : reverse(Sites))
    if (Site.End <= End) {
      Text.replace(Site.Begin, Site.End - Site.Begin, expand(Fault.Replacement, Site));
      End = Site.Begin;
    }
  ++Planted;
  getMachine().plant(Text);
  Outcome Result = runOnce();
  const Site &First = Sites.front();
  StringRef Old = StringRef(Ptx).slice(First.Begin, First.End);
  std::string New = onOneLine(expand(Fault.Replacement, First));
  std::string Where = formatv("{0}, PTX line {1}: {2} -> {3}", sys::path::filename(File.Path),
                              1 + StringRef(Ptx).take_front(First.Begin).count('\n'),
                              onOneLine(Old), New.empty() ? "nothing" : New);
  if (Sites.size() > 1)
    Where += formatv(" (and {0} more)", Sites.size() - 1);
  if (!Result.IsPtx)
    return fail(Fault.Line,
                Fault.Name + ": is no PTX any more: " + Where + ": " + Result.FirstMessage);
  if (Result.CaughtBy.empty())
    return fail(Fault.Line, Fault.Name + ": nobody catches it: " + Where);
  if (!Fault.CaughtBy.empty() && Fault.CaughtBy != Result.CaughtBy)
    return fail(Fault.Line, Fault.Name + ": caught by '" + Result.CaughtBy + "' instead of '" +
                                Fault.CaughtBy + "': " + Where);
  outs() << "| " << File.Family << " | " << Fault.Name << " | `" << Where << "` | "
         << Result.CaughtBy << " |\n";
}

void Planter::plant(const Fault &Fault) {
  std::vector<Site> Sites = findSites(Fault);
  if (Sites.empty())
    return fail(Fault.Line, Fault.Name + ": the PTX has no place for it: " + Fault.Place.getText());
  if (Fault.Where == "every")
    return plantAt(Fault, Sites);
  if (Fault.Where == "any" && Sweep) {
    for (const Site &Site : Sites)
      plantAt(Fault, Site);
    return;
  }
  std::mt19937 Random(Seed + Fault.Line);
  size_t Chosen = Fault.Where == "first"  ? 0
                  : Fault.Where == "last" ? Sites.size() - 1
                                          : Random() % Sites.size();
  plantAt(Fault, Sites[Chosen]);
}

void Planter::run() {
  if (!runClean())
    return;
  if (Dump) {
    outs() << Ptx;
    return;
  }
  for (const Fault &Fault : File.Faults)
    plant(Fault);
}

int main(int Argc, char **Argv) {
  cl::ParseCommandLineOptions(Argc, Argv);
  ::testing::InitGoogleTest();
  unsigned Planted = 0, Failed = 0;
  std::set<std::string> Families;
  outs() << "| family | fault | where | caught by |\n|---|---|---|---|\n";
  for (const std::string &Path : Paths) {
    auto File = FaultFile::read(Path);
    if (!File) {
      errs() << File.status().message() << "\n";
      return File.status().exitCode();
    }
    Planter Planter(*File);
    Planter.run();
    Planted += Planter.getPlanted();
    Failed += Planter.getFailed();
    Families.insert(File->Family);
  }
  outs() << Planted << " faults in " << Families.size() << " families of kernels, " << Failed
         << " failures\n";
  return Failed ? 1 : 0;
}
