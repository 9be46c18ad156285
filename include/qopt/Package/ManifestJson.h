// manifest.json as text.
#ifndef QOPT_PACKAGE_MANIFESTJSON_H
#define QOPT_PACKAGE_MANIFESTJSON_H

#include "qopt/Base/ArtefactFormat.h"
#include "qopt/Base/Status.h"

#include <string>
#include <string_view>

namespace qopt {

/// The same manifest gives the same bytes.
std::string printManifest(const artefact::Manifest &Manifest);

/// Name begins every message. Members this version does not know are ignored: they describe, and
/// decide nothing. Errors: BadInput; Unsupported for a newer schema.
Result<artefact::Manifest> parseManifest(std::string_view Text, const std::string &Name);

} // namespace qopt

#endif
