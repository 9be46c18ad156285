#include "qopt/Evaluate/Measure.h"

#include "qopt/Runtime/Program.h"

#include "llvm/Support/FormatVariadic.h"

using namespace qopt;

void qopt::measureSizes(const runtime::Program &Program, Measurement &Result) {
  const artefact::Manifest &Manifest = Program.manifest();
  int64_t Elements = 0, Coded = 0;
  for (const artefact::WeightRecord &Weight : Manifest.Weights) {
    if (!Weight.Matrix)
      continue;
    int64_t Count = 1;
    for (int64_t Size : Weight.Shape)
      Count *= Size;
    Elements += Count;
    Coded += Weight.ScaleType.empty() ? 0 : Count;
  }
  Result.WeightBytes = Program.weightBytes();
  if (Elements) {
    Result.BitsPerWeight = 8.0 * double(Result.WeightBytes) / double(Elements);
    Result.QuantizedFraction = double(Coded) / double(Elements);
  }
  if (Manifest.Kv)
    Result.KvBytesPerToken = Manifest.Kv->BytesPerToken;
}

template <typename T> static llvm::json::Value orNull(const std::optional<T> &Value) {
  return Value ? llvm::json::Value(*Value) : llvm::json::Value(nullptr);
}

llvm::json::Object qopt::toJson(const Measurement &Measured) {
  llvm::json::Object Object{{"name", Measured.Name},
                            {"weight_bytes", Measured.WeightBytes},
                            {"bits_per_weight", orNull(Measured.BitsPerWeight)},
                            {"quantized_fraction", orNull(Measured.QuantizedFraction)},
                            {"kv_bytes_per_token", orNull(Measured.KvBytesPerToken)},
                            {"peak_private_bytes", orNull(Measured.PeakPrivateBytes)},
                            {"peak_device_bytes", orNull(Measured.PeakDeviceBytes)},
                            {"batch", orNull(Measured.Batch)}};
  auto Quality = [&](const char *Key, auto Get) {
    Object[Key] =
        Measured.Quality ? llvm::json::Value(Get(*Measured.Quality)) : llvm::json::Value(nullptr);
  };
  Quality("perplexity", [](const QualityReport &Q) { return Q.Perplexity; });
  Quality("perplexity_stderr", [](const QualityReport &Q) { return Q.PerplexityStderr; });
  Quality("nll", [](const QualityReport &Q) { return Q.Nll; });
  Quality("tokens", [](const QualityReport &Q) { return Q.Tokens; });
  Quality("kl_mean", [](const QualityReport &Q) { return orNull(Q.KlMean); });
  Quality("kl_p999", [](const QualityReport &Q) { return orNull(Q.KlP999); });
  Quality("top1_agreement", [](const QualityReport &Q) { return orNull(Q.Top1Agreement); });
  auto Speed = [&](const char *Key, double SpeedReport::*Member) {
    Object[Key] =
        Measured.Speed ? llvm::json::Value((*Measured.Speed).*Member) : llvm::json::Value(nullptr);
  };
  Speed("prefill_tokens_per_s", &SpeedReport::PrefillTokensPerSecond);
  Speed("decode_tokens_per_s", &SpeedReport::DecodeTokensPerSecond);
  Speed("time_to_first_token_s", &SpeedReport::TimeToFirstToken);
  return Object;
}

static std::string cell(const char *Format, std::optional<double> Value) {
  if (!Value)
    return "-";
  char Buffer[48];
  snprintf(Buffer, sizeof(Buffer), Format, *Value);
  return Buffer;
}

/// The cells of one line; loss is relative to the baseline.
static std::vector<std::string> tableLine(const Measurement &Line, const Measurement &Baseline) {
  std::optional<double> Perplexity, Loss, Kl, Top1, Prefill, Decode, Memory;
  if (Line.Quality) {
    Perplexity = Line.Quality->Perplexity;
    Kl = Line.Quality->KlMean;
    if (Line.Quality->Top1Agreement)
      Top1 = 100 * *Line.Quality->Top1Agreement;
    if (Baseline.Quality)
      Loss = 100 * (Line.Quality->Perplexity / Baseline.Quality->Perplexity - 1);
  }
  if (Line.Speed) {
    Prefill = Line.Speed->PrefillTokensPerSecond;
    Decode = Line.Speed->DecodeTokensPerSecond;
  }
  if (Line.PeakPrivateBytes)
    Memory = double(*Line.PeakPrivateBytes) / 1e6;
  std::string Error = Line.Quality ? cell(" ± %.2f", Line.Quality->PerplexityStderr) : "";
  return {Line.Name,
          cell("%.2f", Line.BitsPerWeight),
          cell("%.2f", double(Line.WeightBytes) / 1e6),
          Line.KvBytesPerToken ? std::to_string(*Line.KvBytesPerToken) : "-",
          cell("%.3f", Perplexity) + Error,
          cell("%+.2f %%", Loss),
          cell("%.5f", Kl),
          cell("%.2f %%", Top1),
          cell("%.0f", Prefill),
          cell("%.0f", Decode),
          cell("%.1f", Memory)};
}

/// Columns of a cell on the screen; UTF-8 continuation bytes take none.
static size_t displayWidth(llvm::StringRef Text) {
  return llvm::count_if(Text, [](char C) { return (C & 0xC0) != 0x80; });
}

std::string qopt::printTable(llvm::ArrayRef<Measurement> Lines) {
  std::vector<std::vector<std::string>> Rows = {
      {"artefact", "bits/weight", "weights MB", "KV B/token", "perplexity", "loss", "KL",
       "same top-1", "prefill tok/s", "decode tok/s", "private MB"}};
  for (const Measurement &Line : Lines)
    Rows.push_back(tableLine(Line, Lines.front()));
  std::vector<size_t> Widths(Rows.front().size(), 0);
  for (const auto &Row : Rows)
    for (auto [I, Cell] : llvm::enumerate(Row))
      Widths[I] = std::max(Widths[I], displayWidth(Cell));
  std::string Text;
  auto AddRow = [&](const std::vector<std::string> &Row) {
    for (auto [I, Cell] : llvm::enumerate(Row))
      Text += (I ? " | " : "| ") + Cell + std::string(Widths[I] - displayWidth(Cell), ' ');
    Text += " |\n";
  };
  AddRow(Rows.front());
  for (size_t Width : Widths)
    Text += "|" + std::string(Width + 2, '-');
  Text += "|\n";
  for (size_t I = 1; I < Rows.size(); ++I)
    AddRow(Rows[I]);
  return Text;
}
