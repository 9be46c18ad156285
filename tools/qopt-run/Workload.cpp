#include "Workload.h"

#include "qopt/Package/Npz.h"
#include "qopt/Runtime/Arrays.h"
#include "qopt/Runtime/Sampler.h"

namespace qopt::run {

Result<std::unique_ptr<Workload>> Workload::create(std::shared_ptr<runtime::Program> Program,
                                                   const Options &O) {
  std::unique_ptr<Workload> W(new Workload(O));
  W->Decoder = Program->manifest().Kind == artefact::ProgramKind::Decoder;
  int64_t Rows = W->Decoder ? O.BenchBatch : Program->manifest().Batch;
  Result<std::unique_ptr<runtime::Session>> Session =
      runtime::Session::create(std::move(Program), Rows);
  if (!Session)
    return Session.status();
  W->Session = std::move(*Session);
  Status Prepared = W->Decoder ? W->prepareDecoder() : W->prepareGraph();
  if (!Prepared.ok())
    return Prepared;
  return W;
}

Status Workload::prepareDecoder() {
  const artefact::Manifest &M = Session->program().manifest();
  if (O.BenchPrompt + O.BenchTokens > M.Context)
    return makeError(StatusCode::ResourceLimit, "--prompt=", O.BenchPrompt,
                     " and --tokens=", O.BenchTokens, " exceed the context of ", M.Context,
                     "; ask for fewer or recompile with a larger --context");
  uint64_t Random = 1;
  Prompt.resize(static_cast<size_t>(O.BenchBatch * O.BenchPrompt));
  for (int64_t &Id : Prompt) {
    Random = Random * 6364136223846793005u + 1442695040888963407u;
    Id = static_cast<int64_t>((Random >> 33) % static_cast<uint64_t>(M.Vocabulary));
  }
  Next.resize(static_cast<size_t>(O.BenchBatch));
  Logits.resize(static_cast<size_t>(O.BenchBatch * M.Vocabulary));
  return {};
}

Status Workload::prepareGraph() {
  NpzArrays Given;
  if (!O.Inputs.empty()) {
    Result<NpzArrays> Read = readNpz(O.Inputs);
    if (!Read)
      return Read.status();
    Given = std::move(*Read);
  } else {
    Given = runtime::largestInputs(Session->program());
  }
  Result<runtime::GraphInputs> Bound = runtime::bindGraphInputs(Session->program(), Given);
  if (!Bound)
    return Bound.status();
  Inputs = std::move(Bound->Tensors);
  Storage = std::move(Bound->Storage);
  return runtime::makeOutputs(*Session, Inputs, Outputs, Storage);
}

Status Workload::chooseNext() {
  int64_t Vocabulary = Session->program().manifest().Vocabulary;
  Result<runtime::Sampler> Greedy = runtime::Sampler::create({});
  if (!Greedy)
    return Greedy.status();
  for (int64_t Row = 0; Row < O.BenchBatch; ++Row) {
    Result<int64_t> Id = Greedy->next(Logits.data() + Row * Vocabulary, Vocabulary);
    if (!Id)
      return Id.status();
    Next[Row] = *Id;
  }
  return {};
}

Status Workload::prefill() {
  if (Status S = Session->reset(-1); !S.ok())
    return S;
  Status S =
      Session->decode({Prompt.data(), O.BenchBatch, O.BenchPrompt, nullptr, 1, Logits.data()});
  return S.ok() ? chooseNext() : S;
}

Status Workload::decode() {
  for (int64_t I = 0; I < O.BenchTokens; ++I) {
    if (Status S = Session->decode({Next.data(), O.BenchBatch, 1, nullptr, 1, Logits.data()});
        !S.ok())
      return S;
    if (Status S = chooseNext(); !S.ok())
      return S;
  }
  return {};
}

Status Workload::runGraph() {
  return Session->run(Inputs.data(), static_cast<int64_t>(Inputs.size()), Outputs.data(),
                      static_cast<int64_t>(Outputs.size()));
}

} // namespace qopt::run
