#include "TestArtefact.h"

#include "qopt/Base/Hash.h"
#include "qopt/Base/SeededNumbers.h"
#include "qopt/Package/ArtefactWriter.h"
#include "qopt/Package/Verification.h"

#include <cmath>
#include <gtest/gtest.h>

namespace qopt::test {

using namespace artefact;
using Kind = Expression::Kind;

static Buffer tensor(const char *Name, BufferKind Kind, DataType Type,
                     std::vector<Expression> Shape) {
  Buffer B;
  B.Name = Name;
  B.Kind = Kind;
  B.Type = Type;
  B.Shape = std::move(Shape);
  return B;
}

static Buffer state(const char *Name, int64_t RowBytes) {
  Buffer B = tensor(Name, BufferKind::State, DataType::I64, {});
  B.RowBytes = RowBytes;
  return B;
}

static Buffer arena(const char *Name, int64_t Offset, Expression Bytes) {
  Buffer B = tensor(Name, BufferKind::Arena, DataType::I64, {});
  B.Offset = Offset;
  B.Bytes = std::move(Bytes);
  return B;
}

static Launch launch(const char *Name, int64_t Kernel, std::vector<int64_t> Buffers,
                     Expression Range) {
  Launch L;
  L.Name = Name;
  L.Kernel = Kernel;
  L.Buffers = std::move(Buffers);
  L.Range = std::move(Range);
  L.Reads = 100;
  L.Writes = L.Range;
  return L;
}

Program decoderTable() {
  Program P;
  P.Symbols = {{"batch", {1, Batch}}, {"tokens", {1, Chunk}}, {"logits", {1, Chunk}}};
  Expression Rows = Expression::symbol(0), Tokens = Expression::symbol(1),
             Logits = Expression::symbol(2);
  Expression Columns = Expression::apply(Kind::Mul, {Rows, Tokens});
  Buffer Ids = tensor("ids", BufferKind::Input, DataType::I64, {Rows, Tokens});
  Ids.Range = Interval{0, Vocabulary - 1};
  Buffer Weights = tensor("weights", BufferKind::Weight, DataType::F32, {});
  Weights.Tensor = "weights";
  Buffer Rotary = tensor("rotary", BufferKind::Rotary, DataType::F32, {});
  Rotary.Frequencies = {1.0, 0.25};
  Rotary.Positions = Context;
  Rotary.Scale = 1.5;
  P.Buffers = {Ids,
               tensor("past", BufferKind::Input, DataType::I64, {Rows}),
               tensor("count", BufferKind::Input, DataType::I64, {Rows}),
               tensor("logits", BufferKind::Output, DataType::F32, {Rows, Logits, Vocabulary}),
               state("cache", Context * 8),
               Weights,
               Rotary,
               arena("sums", 64, Expression::apply(Kind::Mul, {8, Columns}))};
  P.ArenaBytes = 64 + 8 * Batch * Chunk;
  P.ScratchBytes = 8;
  P.Kernels = {{"append", {{"generic", "append"}}},
               {"sum", {{"generic", "sum"}}},
               {"logits", {{"avx2", "logits_avx2"}, {"generic", "logits_generic"}}}};
  // The launch for single tokens and the one for more are two, as a compiler would make them.
  Launch Single = launch("append.1", 0, {0, 1, 4}, Columns);
  Single.When = {{Tokens, {1, 1}}};
  Launch Many = launch("append", 0, {0, 1, 4}, Columns);
  Many.When = {{Tokens, {2, Chunk}}};
  P.Launches = {Single, Many, launch("sum", 1, {1, 4, 7}, Columns),
                launch("logits", 2, {7, 2, 1, 5, 6, 3},
                       Expression::apply(Kind::Mul, {Rows, Logits, Vocabulary}))};
  return P;
}

Manifest decoderManifest() {
  Manifest M;
  M.Name = "tiny";
  M.Compiler = "by hand";
  M.Context = Context;
  M.Batch = Batch;
  M.Chunk = Chunk;
  M.Vocabulary = Vocabulary;
  M.FloatType = "f32";
  return M;
}

Program graphTable() {
  Program P;
  P.Symbols = {{"batch", {1, Batch}}, {"size", {0, 100}}};
  Expression Rows = Expression::symbol(0), Size = Expression::symbol(1);
  Buffer Offset = tensor("offset", BufferKind::Input, DataType::I32, {Rows});
  Offset.Range = Interval{-5, 5};
  P.Buffers = {
      tensor("x", BufferKind::Input, DataType::F32, {Rows, Size}), Offset, state("calls", 8),
      tensor("y", BufferKind::Output, DataType::F32, {Rows, Size}),
      tensor("z", BufferKind::Output, DataType::I64, {Expression::apply(Kind::Mul, {Rows, Size})})};
  P.Kernels = {{"scale", {{"generic", "scale"}}}};
  P.Launches = {launch("scale", 0, {0, 1, 2, 3, 4}, Rows)};
  return P;
}

Manifest graphManifest() {
  Manifest M;
  M.Name = "scale";
  M.Kind = ProgramKind::Graph;
  M.Compiler = "by hand";
  M.Batch = Batch;
  M.FloatType = "f32";
  return M;
}

Verification graphVerification() {
  Fill X, Offset, Calls;
  X.Seed = 5;
  X.Magnitude = 4;
  X.Runs = {{0, 6}};
  Offset.Argument = 1;
  Offset.Type = DataType::I32;
  Offset.Seed = 6;
  Offset.Range = {-5, 5};
  Offset.Runs = {{0, 2}};
  Calls.Argument = 2;
  Calls.Type = DataType::I64;
  Calls.Range = {8, 8};
  Calls.Runs = {{0, 1}, {1, 2}};
  Check Y, Z, Counted;
  Y.Argument = 3;
  Y.Budget = {"linear", "f32", "relative", 1e-6};
  Z.Argument = 4;
  Z.Type = Counted.Type = DataType::I64;
  Counted.Argument = 2;
  Z.Budget = Counted.Budget = {"cast", "any", "absolute", 0};
  for (int64_t I = 0; I < 6; ++I) {
    Y.Elements.push_back(I);
    Y.Values.push_back(2 * seededFloat(X, I) + static_cast<double>(seededInteger(Offset, I / 3)));
  }
  Z.Elements = {1, 5};
  Z.Values = {9, 9};
  Counted.Elements = {1};
  Counted.Values = {9};
  VerifyCase Case{0, {2, 3}, {X, Offset, Calls}, {Y, Z, Counted}};
  return Verification{{Case}, {}, ""};
}

Program rotateTable(int Launches) {
  Program P;
  constexpr int64_t Most = 1000;
  P.Symbols = {{"size", {1, Most}}};
  Expression Size = Expression::symbol(0), Bytes = Expression::apply(Kind::Mul, {8, Size});
  P.Buffers = {tensor("x", BufferKind::Input, DataType::I64, {Size}),
               tensor("y", BufferKind::Output, DataType::I64, {Size}), arena("a", 0, Bytes),
               arena("b", 8 * Most, Bytes)};
  P.ArenaBytes = 16 * Most;
  P.Kernels = {{"rotate", {{"generic", "rotate"}}}};
  for (int I = 0; I < Launches; ++I) {
    int64_t From = I == 0 ? 0 : 2 + (I - 1) % 2, To = I + 1 == Launches ? 1 : 2 + I % 2;
    P.Launches.push_back(launch("rotate", 0, {From, To}, Size));
  }
  return P;
}

Manifest rotateManifest() {
  Manifest M = graphManifest();
  M.Name = "rotate";
  M.Batch = 1;
  return M;
}

static float weight(int64_t Id) { return 0.125f * static_cast<float>(Id + 1); }

void writeArtefact(const std::string &Path, const Program &Table, const Manifest &Manifest,
                   const std::string &Code, const std::string &CodeFile, const std::string &Cubin,
                   const std::optional<Verification> &Cases) {
  Result<ArtefactWriter> W = ArtefactWriter::create(Path, FolderWriter::Existing::Refuse);
  ASSERT_TRUE(W) << W.status().message();
  std::vector<float> Weights;
  for (int64_t Id = 0; Id < Vocabulary; ++Id)
    Weights.push_back(weight(Id));
  int64_t Bytes = static_cast<int64_t>(Weights.size() * sizeof(float));
  ASSERT_TRUE(W->declareWeights({{"weights", Bytes}}).ok());
  ASSERT_TRUE(W->writeWeight(0, 0, Weights.data(), Bytes).ok());
  ASSERT_TRUE(W->addFile(CodeFile, Code.empty() ? readAll(QOPT_TEST_KERNELS) : Code).ok());
  if (!Cubin.empty()) {
    ASSERT_TRUE(W->addFile(CubinFile, Cubin).ok());
  }
  if (Cases) {
    Verification Stamped = *Cases;
    Result<uint64_t> Hash = W->finishWeights();
    ASSERT_TRUE(Hash) << Hash.status().message();
    Stamped.WeightsHash = formatHash(*Hash);
    ASSERT_TRUE(W->addFile(VerifyFile, printVerification(Stamped)).ok());
  }
  Status S = W->commit(Table, Manifest);
  ASSERT_TRUE(S.ok()) << S.message();
}

void writeVerifiedGraph(const std::string &Path, const Verification &Cases,
                        const std::string &Target) {
  Manifest M = graphManifest();
  M.Target = Target;
  writeArtefact(Path, graphTable(), M, "", ModuleFile, "", Cases);
}

std::shared_ptr<runtime::Program> load(const std::string &Path, int Threads) {
  runtime::DeviceOptions Options;
  Options.Threads = Threads;
  Result<std::shared_ptr<runtime::Program>> P = runtime::Program::load(Path, Options);
  EXPECT_TRUE(P) << P.status().message();
  return P ? *P : nullptr;
}

std::unique_ptr<runtime::Session> newSession(const std::shared_ptr<runtime::Program> &Program,
                                             int64_t Rows) {
  Result<std::unique_ptr<runtime::Session>> S = runtime::Session::create(Program, Rows);
  EXPECT_TRUE(S) << S.status().message();
  return S ? std::move(*S) : nullptr;
}

std::vector<float> expectedLogits(const std::vector<int64_t> &Tokens) {
  int64_t Sum = 7;
  for (int64_t Token : Tokens)
    Sum = (Sum * 31 + Token + 1) % 1000003;
  double Position = static_cast<double>(Tokens.size() - 1);
  float Cosine = static_cast<float>(std::cos(Position * 0.25) * 1.5);
  std::vector<float> Logits;
  for (int64_t Id = 0; Id < Vocabulary; ++Id)
    Logits.push_back(static_cast<float>((Sum * (Id + 3)) % 97) + weight(Id) * Cosine);
  return Logits;
}

Result<std::vector<float>> decode(runtime::Session &Session, const Rows &Tokens,
                                  int64_t LogitsWanted) {
  size_t Longest = 0;
  std::vector<int64_t> Counts;
  for (const std::vector<int64_t> &Row : Tokens) {
    Counts.push_back(static_cast<int64_t>(Row.size()));
    Longest = std::max(Longest, Row.size());
  }
  // The columns behind a row's tokens are ignored, so they may hold anything.
  std::vector<int64_t> Ids(Longest * Tokens.size(), -77);
  for (size_t Row = 0; Row < Tokens.size(); ++Row)
    std::copy(Tokens[Row].begin(), Tokens[Row].end(), Ids.begin() + Row * Longest);
  std::vector<float> Logits(Tokens.size() * static_cast<size_t>(LogitsWanted * Vocabulary), -1);
  Status S =
      Session.decode({Ids.data(), static_cast<int64_t>(Tokens.size()),
                      static_cast<int64_t>(Longest), Counts.data(), LogitsWanted, Logits.data()});
  if (!S.ok())
    return S;
  return Logits;
}

} // namespace qopt::test
