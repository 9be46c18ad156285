// Hand-written artefacts whose results are easy to say.
#ifndef QOPT_TEST_UNIT_RUNTIME_TESTARTEFACT_H
#define QOPT_TEST_UNIT_RUNTIME_TESTARTEFACT_H

#include "TemporaryFolder.h"
#include "qopt/Base/ArtefactFormat.h"
#include "qopt/Base/VerificationFormat.h"
#include "qopt/Runtime/Session.h"

#include <functional>

namespace qopt::test {

constexpr int64_t Context = 16, Vocabulary = 11, Batch = 3, Chunk = 4;

/// A decoder whose logits depend on all tokens so far, their order and positions.
artefact::Program decoderTable();
artefact::Manifest decoderManifest();

/// x f32 [batch, size], offset i32 [batch] in [-5, 5] → y = 2 x + offset, and z i64 [batch * size],
/// how often the row was run since the last reset.
artefact::Program graphTable();
artefact::Manifest graphManifest();

/// x i64 [size] → y, through Launches launches that each need what other workers did before.
artefact::Program rotateTable(int Launches);
artefact::Manifest rotateManifest();

/// Writes an artefact with the test kernels, or with the code given; `Cubin` where it is not empty,
/// and cases to verify.
void writeArtefact(const std::string &Path, const artefact::Program &Table,
                   const artefact::Manifest &Manifest, const std::string &Code = "",
                   const std::string &CodeFile = artefact::ModuleFile,
                   const std::string &Cubin = "",
                   const std::optional<artefact::Verification> &Cases = std::nullopt);

/// Two rows of three numbers through the graph's kernel, and a graph with these cases.
artefact::Verification graphVerification();
void writeVerifiedGraph(const std::string &Path, const artefact::Verification &Cases,
                        const std::string &Target = "cpu");

std::shared_ptr<runtime::Program> load(const std::string &Path, int Threads = 1);
std::unique_ptr<runtime::Session> newSession(const std::shared_ptr<runtime::Program> &Program,
                                             int64_t Rows = 1);

/// The decoder's logits after these tokens.
std::vector<float> expectedLogits(const std::vector<int64_t> &Tokens);

using Rows = std::vector<std::vector<int64_t>>;

/// Appends to each row; gives [rows][wanted][Vocabulary].
Result<std::vector<float>> decode(runtime::Session &Session, const Rows &Tokens,
                                  int64_t LogitsWanted);

} // namespace qopt::test

#endif
