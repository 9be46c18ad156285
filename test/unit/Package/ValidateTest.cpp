#include "qopt/Package/Validate.h"
#include "SampleProgram.h"

#include <functional>
#include <gtest/gtest.h>

using namespace qopt;
using namespace qopt::artefact;
using namespace qopt::test;
using Kind = Expression::Kind;

namespace {
struct Case {
  const char *Message; ///< part of what is reported
  std::function<void(Program &, Manifest &)> Break;
};
} // namespace

static Status validate(const Program &P, const Manifest &M) {
  Status S = validateProgram(P);
  return S.ok() ? validateSignature(P, M) : S;
}

TEST(Validate, AcceptsTheSample) { EXPECT_TRUE(validate(sampleProgram(), sampleManifest()).ok()); }

TEST(Validate, RefusesEachBrokenPart) {
  const Case Cases[] = {
      {"uses kernel 1 of 1", [](Program &P, Manifest &) { P.Launches[0].Kernel = 1; }},
      {"uses kernel -1", [](Program &P, Manifest &) { P.Launches[0].Kernel = -1; }},
      {"uses buffer 8 of 8", [](Program &P, Manifest &) { P.Launches[0].Buffers[0] = 8; }},
      {"guard of launch \"first\" overflows",
       [](Program &P, Manifest &) {
         P.Launches[0].When[0].Value =
             Expression::apply(Kind::Mul, {INT64_MAX, Expression::symbol(1)});
       }},
      {"continues no launch", [](Program &P, Manifest &) { P.Launches[0].Continues = true; }},
      {"continues no launch",
       [](Program &P, Manifest &) {
         P.Launches[1].Buffers = {0, 7, 5};
       }},
      {"no multiple of 64", [](Program &P, Manifest &) { P.Buffers[7].Offset = 32; }},
      {"in an arena of 191", [](Program &P, Manifest &) { P.ArenaBytes = 191; }},
      {"ends at 256", [](Program &P, Manifest &) { P.Buffers[7].Offset = 256; }},
      {"can be in [-3",
       [](Program &P, Manifest &) {
         P.Launches[0].Range = Expression::apply(Kind::Add, {Expression::symbol(1), -4});
       }},
      {"overflows",
       [](Program &P, Manifest &) {
         P.Launches[0].Reads = Expression::apply(Kind::Mul, {INT64_MAX, Expression::symbol(1)});
       }},
      {"divides by zero",
       [](Program &P, Manifest &) {
         P.Symbols[1].Range.Min = 0;
         P.Launches[0].Range = Expression::apply(Kind::FloorDiv, {8, Expression::symbol(1)});
       }},
      {"used twice", [](Program &P, Manifest &) { P.Buffers[7].Name = "ids"; }},
      {"no variant", [](Program &P, Manifest &) { P.Kernels[0].Variants.clear(); }},
      {"with 1025 threads",
       [](Program &P, Manifest &) { P.Kernels[0].Variants[0].Threads = 1025; }},
      {"with 0 threads", [](Program &P, Manifest &) { P.Kernels[0].Variants[0].Threads = 0; }},
      {"shares -1 bytes",
       [](Program &P, Manifest &) { P.Kernels[0].Variants[0].SharedBytes = -1; }},
      {"names no tensor", [](Program &P, Manifest &) { P.Buffers[5].Tensor.clear(); }},
      {"empty or too large", [](Program &P, Manifest &) { P.Buffers[6].Positions = INT64_MAX; }},
      {"not finite", [](Program &P, Manifest &) { P.Buffers[6].Frequencies[0] = 1.0 / 0.0; }},
      {"larger than",
       [](Program &P, Manifest &) { P.Buffers[3].Shape[2] = Expression(int64_t(1) << 47); }},
      {"has 9 dimensions", [](Program &P, Manifest &) { P.Buffers[3].Shape.resize(9, 1); }},
      {"no integer input",
       [](Program &P, Manifest &) {
         P.Buffers[3].Range = Interval{0, 1};
       }},
      {"symbol \"batch\" has the range", [](Program &, Manifest &M) { M.Batch = 3; }},
      {"symbol \"tokens\" has the range", [](Program &, Manifest &M) { M.Chunk = 3; }},
      {"another kind, type or shape", [](Program &, Manifest &M) { M.Vocabulary = 11; }},
      {"holds 8 positions, the context is 9", [](Program &, Manifest &M) { M.Context = 9; }},
      {"cannot have context 0", [](Program &, Manifest &M) { M.Context = 0; }},
      {"needs the buffer \"past\"", [](Program &P, Manifest &) { P.Buffers[1].Name = "passed"; }},
      {"needs ids and logits",
       [](Program &, Manifest &M) { M.Onnx->Inputs.erase(M.Onnx->Inputs.begin()); }},
      {"\"attention_mask\" cannot have its type",
       [](Program &, Manifest &M) { M.Onnx->Inputs[1].Type = DataType::F32; }},
      {"\"attention_mask\" cannot have its role",
       [](Program &, Manifest &M) { M.Onnx->Inputs[1].Role = OnnxRole::Logits; }},
      {"\"input_ids\" is there twice",
       [](Program &, Manifest &M) { M.Onnx->Inputs[1].Name = "input_ids"; }},
      {"names no state", [](Program &, Manifest &M) { M.Onnx->Inputs[3].State = "ids"; }},
      {"does not fit the state",
       [](Program &, Manifest &M) { M.Onnx->Inputs[3].Layout.Heads = 3; }},
      {"does not fit the state",
       [](Program &, Manifest &M) { M.Onnx->Inputs[3].Layout.Head = 31; }},
      {"fewer tokens than the context",
       [](Program &, Manifest &M) { M.Onnx->Outputs[1].Layout.Capacity = 7; }},
      {"\"logits\" has the range", [](Program &P, Manifest &) { P.Symbols[2].Range.Max = 5; }},
  };
  for (const Case &C : Cases) {
    Program P = sampleProgram();
    Manifest M = sampleManifest();
    C.Break(P, M);
    Status S = validate(P, M);
    EXPECT_EQ(S.code(), StatusCode::BadInput) << C.Message;
    EXPECT_NE(S.message().find(C.Message), std::string::npos) << S.message();
  }
}
