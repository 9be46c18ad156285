// --info
#include "Report.h"
#include "Tool.h"

#include "qopt/Runtime/Session.h"

#include <cstdio>
#include <iostream>
#include <map>

namespace qopt::run {

static std::string bytesText(int64_t Bytes) {
  const char *Units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double Value = static_cast<double>(Bytes);
  int Unit = 0;
  for (; Value >= 1024 && Unit < 4; ++Unit)
    Value /= 1024;
  char Text[32];
  std::snprintf(Text, sizeof(Text), Unit ? "%.1f %s" : "%.0f %s", Value, Units[Unit]);
  return Text;
}

static std::string valueText(const artefact::SignatureValue &Value) {
  std::string Text = Value.Name + " " + std::string(dataTypeName(Value.Type)) + "[";
  for (size_t I = 0; I < Value.Shape.size(); ++I)
    Text += (I ? ", " : "") + Value.Shape[I];
  return Text + "]";
}

static void line(const char *Label, const std::string &Text) {
  std::printf("  %-10s %s\n", Label, Text.c_str());
}

static std::string storedAs(const artefact::WeightRecord &W) {
  if (W.ScaleType.empty())
    return W.Stored;
  return W.Stored + (W.Group ? " group " + std::to_string(W.Group) : " per channel") +
         (W.Symmetric ? "" : " asymmetric");
}

static void printWeights(const artefact::Manifest &M) {
  struct Sum {
    int64_t Count = 0, Elements = 0, Bytes = 0;
  };
  std::map<std::string, Sum> Sums;
  for (const artefact::WeightRecord &W : M.Weights) {
    Sum &S = Sums[storedAs(W)];
    int64_t Elements = 1;
    for (int64_t Dimension : W.Shape)
      Elements *= Dimension;
    S.Count += 1;
    S.Elements += Elements;
    S.Bytes += W.Bytes;
  }
  for (const auto &[Stored, S] : Sums)
    line("weights", std::to_string(S.Count) + " tensors as " + Stored + ": " +
                        std::to_string(S.Elements) + " elements, " + bytesText(S.Bytes));
}

static void printText(const runtime::Program &P, const runtime::SessionMemory &Memory) {
  const artefact::Manifest &M = P.manifest();
  std::printf("%s\n", M.Name.c_str());
  bool Decoder = M.Kind == artefact::ProgramKind::Decoder;
  line("kind", Decoder ? "decoder" : "graph");
  line("target", M.Target + ", kernels for " + P.device().isa() + ", " +
                     std::to_string(P.device().workers()) + " threads");
  line("compiler", M.Compiler);
  if (Decoder)
    line("limits", "context " + std::to_string(M.Context) + ", batch " + std::to_string(M.Batch) +
                       ", chunk " + std::to_string(M.Chunk) + ", vocabulary " +
                       std::to_string(M.Vocabulary));
  for (const artefact::SignatureValue &Value : M.Inputs)
    line("input", valueText(Value));
  for (const artefact::SignatureValue &Value : M.Outputs)
    line("output", valueText(Value));
  if (M.Onnx)
    for (auto [Label, Values] :
         {std::pair("onnx in", &M.Onnx->Inputs), {"onnx out", &M.Onnx->Outputs}})
      for (const artefact::OnnxValue &Value : *Values)
        line(Label, Value.Name + " " + std::string(dataTypeName(Value.Type)));
  printWeights(M);
  if (M.Kv)
    line("kv cache", "keys " + M.Kv->Key + ", values " + M.Kv->Value + ", " +
                         bytesText(M.Kv->BytesPerToken) + " per token");
  line("launches", std::to_string(P.table().Launches.size()) + " of " +
                       std::to_string(P.table().Kernels.size()) + " kernels");
  line("memory", "weights " + bytesText(P.weightBytes()) + " (mapped), arena " +
                     bytesText(Memory.Arena) + ", state " + bytesText(Memory.State) + ", tables " +
                     bytesText(P.tableBytes()) + ", scratch " +
                     bytesText(P.device().scratchBytes()));
  if (int64_t Bytes = P.device().peakDeviceBytes())
    line("device", bytesText(Bytes) + " of its own memory");
}

Status printInfo(const ProgramHandle &Program, const Options &O) {
  // The sizes of a session of one row; its memory is not touched, so this costs nothing.
  Result<std::unique_ptr<runtime::Session>> Session = runtime::Session::create(Program, 1);
  if (!Session)
    return Session.status();
  runtime::SessionMemory Memory = (*Session)->memory();
  if (!O.jsonOnly())
    printText(*Program, Memory);
  std::fflush(stdout);
  Json Report;
  Report["manifest"] = Json::parse(Program->manifestText(), nullptr, /*allow_exceptions=*/false);
  Report["isa"] = Program->device().isa();
  Report["threads"] = Program->device().workers();
  Report["launches"] = Program->table().Launches.size();
  Report["memory"] = Json{{"weights_mapped", Program->weightBytes()},
                          {"arena", Memory.Arena},
                          {"state", Memory.State},
                          {"tables", Program->tableBytes()},
                          {"scratch", Program->device().scratchBytes()},
                          {"device", Program->device().peakDeviceBytes()}};
  return writeReport(O, Report);
}

} // namespace qopt::run
