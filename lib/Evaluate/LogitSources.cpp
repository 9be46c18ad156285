#include "qopt/Evaluate/LanguageModel.h"

#include "qopt/Base/Hash.h"
#include "qopt/Package/Npz.h"
#include "qopt/Runtime/Session.h"

#include <cstring>

using namespace qopt;

namespace {

class ArtefactSource : public LogitSource {
public:
  explicit ArtefactSource(std::unique_ptr<runtime::Session> Session)
      : Session(std::move(Session)) {}

  int64_t getVocabulary() const override { return Session->program().manifest().Vocabulary; }

  Status logits(const TokenWindows &Tokens, int64_t Index, float *Out) override {
    if (Status Error = Session->reset(0); !Error.ok())
      return Error;
    runtime::DecodeRequest Request;
    Request.Ids = Tokens.window(Index);
    Request.Batch = 1;
    Request.Tokens = Request.LogitsWanted = Tokens.Window;
    Request.Logits = Out;
    return Session->decode(Request);
  }

private:
  std::unique_ptr<runtime::Session> Session;
};

/// Names in the file: the logits, and what they belong to.
constexpr const char *LogitsName = "logits";
constexpr const char *TokensHashName = "tokens_hash";

class SavedSource : public LogitSource {
public:
  explicit SavedSource(NpyArray Logits) : Logits(std::move(Logits)) {}
  int64_t getVocabulary() const override { return Logits.Shape[2]; }
  Status logits(const TokenWindows &Tokens, int64_t Index, float *Out) override {
    size_t Bytes = Tokens.Window * getVocabulary() * sizeof(float);
    std::memcpy(Out, Logits.Data.data() + Index * Bytes, Bytes);
    return Status();
  }

private:
  NpyArray Logits;
};

} // namespace

static uint64_t hashTokens(const TokenWindows &Tokens) {
  return hashBytes(Tokens.Ids.data(), Tokens.Ids.size() * sizeof(int64_t));
}

Result<std::unique_ptr<LogitSource>>
qopt::openArtefactSource(std::shared_ptr<runtime::Program> Program, int64_t Window) {
  const artefact::Manifest &Manifest = Program->manifest();
  if (Manifest.Kind != artefact::ProgramKind::Decoder)
    return makeError(StatusCode::Unsupported, Manifest.Name,
                     " is no decoder; compare its outputs with --inputs and --expect");
  if (Manifest.Context < Window)
    return makeError(StatusCode::Unsupported, Manifest.Name, " was compiled for a context of ",
                     Manifest.Context, " tokens, fewer than a window of ", Window,
                     "; give a smaller --window or compile with --context");
  auto Session = runtime::Session::create(std::move(Program), 1);
  if (!Session)
    return Session.status();
  return std::unique_ptr<LogitSource>(std::make_unique<ArtefactSource>(std::move(*Session)));
}

Result<std::unique_ptr<LogitSource>> qopt::openSavedSource(const std::string &Path,
                                                           const TokenWindows &Tokens) {
  auto Arrays = readNpz(Path);
  if (!Arrays)
    return Arrays.status();
  const NpyArray *Logits = findArray(*Arrays, LogitsName),
                 *Hash = findArray(*Arrays, TokensHashName);
  if (!Logits || !Hash || Logits->Type != DataType::F32 || Logits->Shape.size() != 3 ||
      Hash->Type != DataType::I64 || Hash->elements() != 1)
    return makeError(StatusCode::BadInput, Path, ": not a reference that --save-reference wrote");
  if (Logits->Shape[0] != Tokens.count() || Logits->Shape[1] != Tokens.Window ||
      loadInteger(DataType::I64, Hash->Data.data(), 0) != int64_t(hashTokens(Tokens)))
    return makeError(StatusCode::BadInput, Path, ": was saved for other tokens or windows (",
                     Logits->Shape[0], " x ", Logits->Shape[1], ", now ", Tokens.count(), " x ",
                     Tokens.Window, ")");
  return std::unique_ptr<LogitSource>(std::make_unique<SavedSource>(*Logits));
}

Status qopt::saveLogits(LogitSource &Source, const TokenWindows &Tokens, const std::string &Path) {
  NpyArray Logits;
  Logits.Shape = {Tokens.count(), Tokens.Window, Source.getVocabulary()};
  size_t Bytes = Tokens.Window * Source.getVocabulary() * sizeof(float);
  Logits.Data.resize(Bytes * Tokens.count());
  for (int64_t I = 0; I < Tokens.count(); ++I)
    if (Status Error =
            Source.logits(Tokens, I, reinterpret_cast<float *>(Logits.Data.data() + I * Bytes));
        !Error.ok())
      return Error;
  NpyArray Hash;
  Hash.Type = DataType::I64;
  Hash.Shape = {1};
  Hash.Data.resize(sizeof(uint64_t));
  uint64_t Value = hashTokens(Tokens);
  std::memcpy(Hash.Data.data(), &Value, sizeof(Value));
  return writeNpz(Path, {{LogitsName, std::move(Logits)}, {TokensHashName, std::move(Hash)}});
}
