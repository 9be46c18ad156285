// A small valid program and manifest to start from.
#ifndef QOPT_TEST_UNIT_PACKAGE_SAMPLEPROGRAM_H
#define QOPT_TEST_UNIT_PACKAGE_SAMPLEPROGRAM_H

#include "qopt/Base/ArtefactFormat.h"

namespace qopt::test {

inline artefact::Buffer buffer(const std::string &Name, artefact::BufferKind Kind) {
  artefact::Buffer B;
  B.Name = Name;
  B.Kind = Kind;
  return B;
}

inline artefact::Program sampleProgram() {
  using namespace artefact;
  Program P;
  P.Symbols = {{"batch", {1, 2}}, {"tokens", {1, 4}}, {"logits", {1, 4}}};
  Expression Batch = Expression::symbol(0), Tokens = Expression::symbol(1);
  Buffer Ids = buffer("ids", BufferKind::Input);
  Ids.Type = DataType::I64;
  Ids.Shape = {Batch, Tokens};
  Ids.Range = Interval{0, 9};
  Buffer Past = buffer("past", BufferKind::Input);
  Past.Type = DataType::I64;
  Past.Shape = {Batch};
  Buffer Count = Past;
  Count.Name = "count";
  Buffer Logits = buffer("logits", BufferKind::Output);
  Logits.Shape = {Batch, Expression::symbol(2), 10};
  Buffer State = buffer("cache", BufferKind::State);
  State.Type = DataType::F16;
  State.RowBytes = 128;
  Buffer Weight = buffer("w", BufferKind::Weight);
  Weight.Tensor = "w";
  Buffer Rotary = buffer("rotary", BufferKind::Rotary);
  Rotary.Frequencies = {1.0, 0.1};
  Rotary.Positions = 8;
  Buffer Arena = buffer("t", BufferKind::Arena);
  Arena.Offset = 64;
  Arena.Bytes = Expression::apply(Expression::Kind::Mul, {16, Batch, Tokens});
  P.Buffers = {Ids, Past, Count, Logits, State, Weight, Rotary, Arena};
  P.ArenaBytes = 192;
  P.ScratchBytes = 100;
  P.Kernels = {{"k0", {{"avx2", "k0_avx2"}, {"sm_90a", "k0_sm_90a", 128, 4096}}}};
  Launch L;
  L.Name = "first";
  L.Buffers = {0, 5, 7};
  L.Range = Expression::apply(Expression::Kind::CeilDiv, {Tokens, 2});
  L.When = {{Tokens, {1, 1}}};
  L.Reads = 100;
  L.Writes = Expression::apply(Expression::Kind::Max, {Tokens, 2});
  Launch Rest = L;
  Rest.Name = "rest";
  Rest.Continues = true;
  P.Launches = {L, Rest};
  return P;
}

inline artefact::Manifest sampleManifest() {
  using namespace artefact;
  Manifest M;
  M.Name = "sample \"quoted\" \xc3\xa9";
  M.Compiler = "qopt 0.1.0";
  M.Context = 8;
  M.Batch = 2;
  M.Chunk = 4;
  M.Vocabulary = 10;
  M.Inputs = {{"ids", DataType::I64, {"batch", "tokens"}}};
  M.Outputs = {{"logits", DataType::F32, {"batch", "logits", "10"}}};
  M.FloatType = "f32";
  WeightRecord W;
  W.Name = "w";
  W.Shape = {4, 4};
  W.Stored = "i4";
  W.Group = 32;
  W.ScaleType = "f16";
  W.Scheme = "rtn";
  W.Reason = "--w4a16";
  W.Bytes = 10;
  W.Matrix = true;
  W.Source = {"model.w"};
  M.Weights = {W};
  M.Kv = KvRecord{"f16", "f16", 64};
  OnnxValue Ids, Mask, Other, PastKey, Logits, Present;
  Ids.Name = "input_ids";
  Ids.Type = Mask.Type = DataType::I64;
  Ids.Role = OnnxRole::Ids;
  Mask.Name = "attention_mask";
  Mask.Role = OnnxRole::Mask;
  Other.Name = "unused";
  Other.Shape = {-1, 3};
  PastKey.Name = "past.0.key";
  PastKey.Role = OnnxRole::Past;
  PastKey.State = "cache";
  PastKey.Layout = {1, 4, 8, 32, 4, 16, 1, 4};
  Present = PastKey;
  Present.Name = "present.0.key";
  Present.Role = OnnxRole::Present;
  Present.HeadsFirst = false;
  Logits.Name = "logits";
  Logits.Role = OnnxRole::Logits;
  M.Onnx = OnnxEntry{{Ids, Mask, Other, PastKey}, {Logits, Present}};
  M.Bytes = {{"source", 64}};
  M.Hashes = {{"source", "xxh3:0123456789abcdef"}};
  return M;
}

} // namespace qopt::test

#endif
