// program.json as text.
#ifndef QOPT_PACKAGE_PROGRAMJSON_H
#define QOPT_PACKAGE_PROGRAMJSON_H

#include "qopt/Base/ArtefactFormat.h"
#include "qopt/Base/Status.h"

#include <string>
#include <string_view>

namespace qopt {

/// The same program gives the same bytes.
std::string printProgram(const artefact::Program &Program);

/// Checks the form (types, members, indices of symbols); validateProgram checks the meaning. Name
/// begins every message. Errors: BadInput; Unsupported for a newer schema.
Result<artefact::Program> parseProgram(std::string_view Text, const std::string &Name);

} // namespace qopt

#endif
