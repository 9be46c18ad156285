// verify.safetensors: cases in its metadata, elements and values as its tensors.
#ifndef QOPT_PACKAGE_VERIFICATION_H
#define QOPT_PACKAGE_VERIFICATION_H

#include "qopt/Base/VerificationFormat.h"
#include "qopt/Package/ArtefactReader.h"

#include <string>

namespace qopt {

/// The bytes of the file; the same verification gives the same bytes.
std::string printVerification(const artefact::Verification &Verification);

/// Reads the file of an artefact and validates it against the program: every launch, symbol, run
/// and element exists. Errors: BadInput; Unsupported for a newer schema.
Result<artefact::Verification> readVerification(const Artefact &Artefact);

/// Bytes of an argument of a launch for these symbols; nothing for a weight or a table.
std::optional<int64_t> argumentBytes(const artefact::Program &Program,
                                     const artefact::Launch &Launch, int64_t Argument,
                                     const int64_t *Symbols);

} // namespace qopt

#endif
