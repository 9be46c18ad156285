// Whether an artefact may be run: everything that can be known without running it.
#ifndef QOPT_PACKAGE_VALIDATE_H
#define QOPT_PACKAGE_VALIDATE_H

#include "qopt/Base/ArtefactFormat.h"
#include "qopt/Base/Status.h"
#include "qopt/Package/Safetensors.h"

namespace qopt {

/// Every index is in range, names are unique, expressions stay in range for all values of the
/// symbols, and arena buffers are aligned and inside the arena. Errors: BadInput.
Status validateProgram(const artefact::Program &Program);

/// Program and manifest agree: kind, limits and the buffers a decoder needs. Errors: BadInput.
Status validateSignature(const artefact::Program &Program, const artefact::Manifest &Manifest);

/// Every weight buffer has its tensor, aligned. Errors: BadInput.
Status validateWeights(const artefact::Program &Program, const SafetensorsFile &Weights);

} // namespace qopt

#endif
